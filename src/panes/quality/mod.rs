//! How good a model is read to be, for the pages of a model and of its drift: what was estimated against what
//! labels have shown since, how its predictions are distributed, and groups against their lines. How bad any of it
//! is, the rules say.

mod view;

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::course::Line;
use super::lens::Lens;
use super::{Cx, Want, signal};
use crate::domain::drift::Distributions;
use crate::domain::fleet::view::ModelView;
use crate::domain::key::Key;
use crate::domain::level::Level;
use crate::domain::predictions;
use crate::domain::rules::signals::same_version;
use crate::domain::signal::{Gauge, Measure, SignalSeries};
use crate::domain::text::Clean;
use crate::ui::hits::Hits;
use crate::ui::look::Look;
use crate::ui::paint::span;
use crate::ui::series::Sample;
use crate::ui::table::TableState;
use crate::ui::text;
use crate::ui::theme::Role;

/// The courses over the time range, by measure.
pub(super) type Courses = HashMap<Measure, Vec<SignalSeries>>;

/// One thing that a model is measured by.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Row {
    /// A quality metric, measured with labels and estimated without.
    Metric {
        name: Clean,
        realised: Option<Gauge>,
        estimated: Option<Box<Gauge>>,
        /// The share of predictions whose labels have come.
        coverage: Option<Box<Gauge>>,
    },
    /// What the model answers: the mean, and how many rows lie where.
    Predictions {
        mean: Option<Gauge>,
        rows: Box<Distributions>,
    },
    /// A fairness metric of one group.
    Group(Gauge),
}

impl Row {
    /// Every reading behind it, the one that its chart starts with first.
    fn gauges(&self) -> impl Iterator<Item = &Gauge> {
        let all = match self {
            Self::Metric {
                realised,
                estimated,
                coverage,
                ..
            } => [realised.as_ref(), estimated.as_deref(), coverage.as_deref()],
            Self::Predictions { mean, .. } => [mean.as_ref(), None, None],
            Self::Group(gauge) => [Some(gauge), None, None],
        };
        all.into_iter().flatten()
    }

    fn level(&self) -> Option<Level> {
        self.gauges().filter_map(|g| g.level).max()
    }

    /// What was measured with labels.
    fn realised(&self) -> Option<f64> {
        match self {
            Self::Metric { realised, .. } => realised.as_ref()?.value,
            Self::Predictions { .. } | Self::Group(_) => None,
        }
    }

    /// By how much labels have shown another quality than was estimated.
    fn difference(&self) -> Option<f64> {
        match self {
            Self::Metric {
                realised: Some(realised),
                estimated: Some(estimated),
                ..
            } => Some(realised.value? - estimated.value?),
            _ => None,
        }
    }
}

/// Everything that a model is measured by: metrics first, then what it answers, then groups by their metric.
pub(super) fn rows(model: &ModelView, cx: &Cx<'_>) -> Vec<Row> {
    let gauges = signal::gauges(model, cx);
    let champion = model.champion.as_ref().map(|c| &c.key);
    // Of all versions together where that is told, else of the one in production, else of any.
    let rank = |g: &Gauge| {
        let version = g.key.version.raw();
        let own = champion.is_some_and(|c| same_version(c.raw(), version));
        (version.is_empty(), own, g.value.is_some())
    };
    let one = |measure: Measure, part: &Key, method: Option<&Key>| -> Option<Gauge> {
        let is = |g: &&Gauge| {
            g.key.measure == measure
                && g.key.part == *part
                && method.is_none_or(|method| g.key.method == *method)
        };
        let all = gauges.iter().filter(is);
        all.max_by_key(|g| rank(g)).cloned()
    };
    let mut metrics: Vec<&Key> = Vec::new();
    let mut groups: Vec<(&Key, &Key)> = Vec::new();
    for key in gauges.iter().map(|g| &g.key) {
        match key.measure {
            Measure::QualityRealised | Measure::QualityEstimated
                if !metrics.contains(&&key.part) =>
            {
                metrics.push(&key.part);
            }
            Measure::Fairness if !groups.contains(&(&key.method, &key.part)) => {
                groups.push((&key.method, &key.part));
            }
            _ => {}
        }
    }
    groups.sort();
    let whole = Key::new("");
    let coverage = |part: &Key| {
        let own = one(Measure::LabelCoverage, part, None);
        own.or_else(|| one(Measure::LabelCoverage, &whole, None))
    };
    let metrics = metrics.into_iter().map(|part| Row::Metric {
        name: part.clean(),
        realised: one(Measure::QualityRealised, part, None),
        estimated: one(Measure::QualityEstimated, part, None).map(Box::new),
        coverage: coverage(part).map(Box::new),
    });
    let groups = groups.into_iter();
    let groups = groups
        .filter_map(|(method, part)| one(Measure::Fairness, part, Some(method)).map(Row::Group));
    let predictions = predictions::distribution(&gauges).map(|rows| Row::Predictions {
        mean: one(Measure::PredictionMean, &whole, None)
            .or_else(|| one(Measure::PositiveShare, &whole, None)),
        rows: Box::new(rows),
    });
    metrics.chain(predictions).chain(groups).collect()
}

/// What the charts need.
pub(super) fn wants(model: &ModelView, cx: &Cx<'_>) -> Vec<Want> {
    let mut wants: Vec<Want> = Vec::new();
    for row in rows(model, cx) {
        for want in row.gauges().map(|g| signal::want_series(&g.key, cx)) {
            let asked = |w: &Want| w.source == want.source && w.query == want.query;
            if !wants.iter().any(asked) {
                wants.push(want);
            }
        }
    }
    wants
}

/// What is drawn.
#[derive(Debug)]
pub(super) struct Quality<'a> {
    pub(super) model: &'a ModelView,
    pub(super) courses: &'a Courses,
    pub(super) lens: Lens,
    /// Which row is looked at.
    pub(super) state: &'a TableState,
}

impl Quality<'_> {
    /// The course of a gauge: as asked for, else what the fleet holds.
    fn course<'a>(&'a self, of: &Gauge, cx: &Cx<'a>) -> Option<&'a SignalSeries> {
        let read = self.courses.get(&of.key.measure);
        let mut read = read.into_iter().flatten();
        let read = read.find(|s| s.key == of.key);
        read.or_else(|| cx.fleet.course(&of.key).map(|held| &held.fact))
    }

    /// The times in which too few labels had come for a verdict: what was measured then will change.
    fn unlabelled(&self, coverage: Option<&Gauge>, cx: &Cx<'_>) -> Vec<(f64, f64)> {
        let policy = &cx.fleet.settings().policy.signals;
        let Some(coverage) = coverage else {
            return Vec::new();
        };
        let course = self.course(coverage, cx);
        let mut samples = course.map(signal::samples).unwrap_or_default();
        samples.retain(|s| s.y.is_finite());
        let ends = samples.iter().skip(1).map(|s| s.x);
        let ends: Vec<f64> = ends.chain([f64::INFINITY]).collect();
        let all = samples.iter().zip(ends);
        let mut few: Vec<(f64, f64)> = all
            .filter(|(s, _)| policy.lacks_labels(s.y))
            .map(|(s, end)| (s.x, end))
            .collect();
        // Where no course is known, what it is now is: the newest part is not to go by.
        if samples.is_empty()
            && coverage
                .value
                .is_some_and(|share| policy.lacks_labels(share))
        {
            few.push((f64::NEG_INFINITY, f64::INFINITY));
        }
        few
    }

    /// The lines of a row's chart: what was measured before what was estimated.
    fn lines(&self, row: &Row, cx: &Cx<'_>) -> Vec<Line> {
        let line = |of: &Gauge, name: &str| {
            let mut line = Line::of(self.course(of, cx)?, of, cx);
            name.clone_into(&mut line.name);
            Some(line)
        };
        match row {
            Row::Metric {
                realised,
                estimated,
                coverage,
                ..
            } => {
                let realised = realised.as_ref().and_then(|g| line(g, "realised"));
                let few = self.unlabelled(coverage.as_deref(), cx);
                let mut realised = realised.map(|line| line.faded(&few));
                let late = few.last().is_some_and(|(_, end)| end.is_infinite());
                // What is wanting are labels and no rows, which the mark says.
                if let (Some(line), Some(value), true) = (&mut realised, row.realised(), late) {
                    line.now = span(Role::Dim, text::number(value));
                }
                let estimated = estimated.as_deref().and_then(|g| line(g, "estimated"));
                realised.into_iter().chain(estimated).collect()
            }
            Row::Predictions { mean, .. } => {
                let mean = mean.as_ref().and_then(|g| line(g, "mean"));
                mean.into_iter().collect()
            }
            Row::Group(gauge) => line(gauge, "value").into_iter().collect(),
        }
    }

    /// The samples that the cursor steps along.
    pub(super) fn points(&self, cx: &Cx<'_>) -> Vec<Sample> {
        let rows = rows(self.model, cx);
        let row = self.state.selected_in(rows.len()).map(|at| &rows[at]);
        let lines = row.map(|row| self.lines(row, cx)).unwrap_or_default();
        lines.first().map(Line::steps).unwrap_or_default()
    }

    /// Draws the rows, and below them the course of the one that is looked at.
    pub(super) fn draw(&self, cx: &Cx<'_>, look: &Look, area: Rect, buf: &mut Buffer) -> Hits {
        view::draw(self, cx, look, area, buf)
    }
}

/// The rows as text.
pub(super) fn markdown(model: &ModelView, cx: &Cx<'_>) -> (Vec<String>, Vec<Vec<String>>) {
    let titles = view::TITLES.map(str::to_owned).to_vec();
    let rows = rows(model, cx);
    (
        titles,
        rows.iter().map(|row| view::cells(row).to_vec()).collect(),
    )
}
