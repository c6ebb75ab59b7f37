//! Series and the index over them that selectors ask.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use super::curve::Curve;
use super::labels::{Labels, NAME};

/// What a metric is, as its exposition says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Type {
    Counter,
    Gauge,
    Histogram,
    Summary,
}

impl Type {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Summary => "summary",
        }
    }
}

/// One series: its samples lie at `scrape × interval + offset` while it is exposed.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    pub(crate) labels: Labels,
    /// Milliseconds between two scrapes.
    pub(crate) interval: i64,
    /// Milliseconds after a whole multiple of the interval.
    pub(crate) offset: i64,
    /// First exposed, epoch milliseconds.
    pub(crate) from: i64,
    /// No longer exposed from here on.
    pub(crate) until: Option<i64>,
    pub(crate) curve: Curve,
}

impl Series {
    /// The time of a scrape.
    pub(crate) fn time(&self, scrape: i64) -> i64 {
        scrape * self.interval + self.offset
    }

    /// The sample of a scrape.
    pub(crate) fn value(&self, scrape: i64) -> f64 {
        self.curve.value(self.time(scrape))
    }

    /// The last scrape not after a time.
    fn scrape(&self, at: i64) -> i64 {
        (at - self.offset).div_euclid(self.interval)
    }

    /// The scrapes with a sample in a closed stretch of time; empty when there is none.
    pub(crate) fn scrapes(&self, from: i64, to: i64) -> RangeInclusive<i64> {
        let first = self.scrape(from.max(self.from) - 1) + 1;
        let end = self.until.map_or(to, |until| to.min(until - 1));
        first..=self.scrape(end)
    }

    /// The scrape whose sample an instant query at a time sees: the newest, if not older than the
    /// lookback allows, and none once a scrape has found the series gone.
    pub(crate) fn latest(&self, at: i64, not_before: i64) -> Option<i64> {
        let scrape = self.scrape(at);
        let time = self.time(scrape);
        let exposed = time >= self.from && self.until.is_none_or(|until| time < until);
        (exposed && time >= not_before).then_some(scrape)
    }
}

/// Some series, found by name.
#[derive(Debug, Default)]
pub(crate) struct Store {
    series: Vec<Series>,
    by_name: HashMap<Arc<str>, Vec<usize>>,
    /// Type and help by the metric family's name.
    pub(crate) families: HashMap<Arc<str>, (Type, &'static str)>,
}

impl Store {
    pub(crate) fn push(&mut self, series: Series) {
        let name: Arc<str> = series.labels.get(NAME).into();
        let at = self.series.len();
        self.by_name.entry(name).or_default().push(at);
        self.series.push(series);
    }

    pub(crate) fn len(&self) -> usize {
        self.series.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Series> {
        self.series.iter()
    }

    /// The series of a metric, or all of them where no one name is asked for.
    pub(crate) fn named<'a>(
        &'a self,
        name: Option<&str>,
    ) -> Box<dyn Iterator<Item = &'a Series> + 'a> {
        match name {
            Some(name) => Box::new(
                self.by_name
                    .get(name)
                    .into_iter()
                    .flatten()
                    .map(|at| &self.series[*at]),
            ),
            None => Box::new(self.series.iter()),
        }
    }
}
