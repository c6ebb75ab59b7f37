//! A stretch of one series' samples, and what the functions over range vectors make of it.

use crate::sim::samples::store::Series;

/// The samples of a series in a closed stretch of time.
#[derive(Debug)]
pub(super) struct Window<'a> {
    pub(super) points: Points<'a>,
    /// Epoch milliseconds of the stretch.
    pub(super) from: i64,
    pub(super) to: i64,
}

#[derive(Debug)]
pub(super) enum Points<'a> {
    /// Samples of a stored series, by scrape.
    Scraped {
        series: &'a Series,
        first: i64,
        last: i64,
    },
    /// What a subquery gave.
    Made(&'a [(i64, f64)]),
}

impl Window<'_> {
    pub(super) fn len(&self) -> usize {
        match &self.points {
            Points::Scraped { first, last, .. } => (last - first + 1).max(0) as usize,
            Points::Made(points) => points.len(),
        }
    }

    fn point(&self, index: usize) -> (i64, f64) {
        match &self.points {
            Points::Scraped { series, first, .. } => {
                let scrape = first + index as i64;
                (series.time(scrape), series.value(scrape))
            }
            Points::Made(points) => points[index],
        }
    }

    fn values(&self) -> impl Iterator<Item = f64> {
        (0..self.len()).map(|index| self.point(index).1)
    }

    /// What is lost to counter resets. A counter that never falls needs no look at its samples.
    fn resets(&self) -> f64 {
        if let Points::Scraped { series, .. } = &self.points
            && series.curve.never_falls()
        {
            return 0.0;
        }
        let mut before = 0.0;
        let mut lost = 0.0;
        for value in self.values() {
            if value < before {
                lost += before;
            }
            before = value;
        }
        lost
    }
}

/// Prometheus' extrapolation to the ends of the stretch: no further than the average distance of
/// samples and a tenth, and not below a counter's zero (`promql/functions.go`, `extrapolatedRate`).
fn extrapolated(window: &Window<'_>, counter: bool, per_second: bool) -> Option<f64> {
    let count = window.len();
    if count < 2 {
        return None;
    }
    let (first_at, first) = window.point(0);
    let (last_at, last) = window.point(count - 1);
    let mut change = last - first;
    if counter {
        change += window.resets();
    }
    let seconds = |ms: i64| ms as f64 / 1_000.0;
    let mut to_start = seconds(first_at - window.from);
    let to_end = seconds(window.to - last_at);
    let sampled = seconds(last_at - first_at);
    let distance = sampled / (count - 1) as f64;
    if counter && change > 0.0 && first >= 0.0 {
        to_start = to_start.min(sampled * (first / change));
    }
    let reach = |gap: f64| {
        if gap < distance * 1.1 {
            gap
        } else {
            distance / 2.0
        }
    };
    let mut factor = (sampled + reach(to_start) + reach(to_end)) / sampled;
    if per_second {
        factor /= seconds(window.to - window.from);
    }
    Some(change * factor)
}

pub(super) fn rate(window: &Window<'_>) -> Option<f64> {
    extrapolated(window, true, true)
}

pub(super) fn increase(window: &Window<'_>) -> Option<f64> {
    extrapolated(window, true, false)
}

pub(super) fn delta(window: &Window<'_>) -> Option<f64> {
    extrapolated(window, false, false)
}

fn last_two(window: &Window<'_>) -> Option<((i64, f64), (i64, f64))> {
    let count = window.len();
    (count >= 2).then(|| (window.point(count - 2), window.point(count - 1)))
}

pub(super) fn irate(window: &Window<'_>) -> Option<f64> {
    let ((before_at, before), (at, last)) = last_two(window)?;
    let change = if last < before { last } else { last - before };
    (at > before_at).then(|| change / ((at - before_at) as f64 / 1_000.0))
}

pub(super) fn idelta(window: &Window<'_>) -> Option<f64> {
    last_two(window).map(|((_, before), (_, last))| last - before)
}

pub(super) fn average(window: &Window<'_>) -> Option<f64> {
    sum(window).map(|sum| sum / window.len() as f64)
}

pub(super) fn sum(window: &Window<'_>) -> Option<f64> {
    (window.len() > 0).then(|| window.values().sum())
}

pub(super) fn least(window: &Window<'_>) -> Option<f64> {
    window
        .values()
        .reduce(|a, b| if b < a || a.is_nan() { b } else { a })
}

pub(super) fn most(window: &Window<'_>) -> Option<f64> {
    window
        .values()
        .reduce(|a, b| if b > a || a.is_nan() { b } else { a })
}

pub(super) fn count(window: &Window<'_>) -> Option<f64> {
    (window.len() > 0).then(|| window.len() as f64)
}

pub(super) fn last(window: &Window<'_>) -> Option<f64> {
    (window.len() > 0).then(|| window.point(window.len() - 1).1)
}

pub(super) fn present(window: &Window<'_>) -> Option<f64> {
    (window.len() > 0).then_some(1.0)
}

#[expect(clippy::float_cmp, reason = "any other number is a change")]
pub(super) fn changes(window: &Window<'_>) -> Option<f64> {
    paired(window, |before, value| {
        value != before && !(value.is_nan() && before.is_nan())
    })
}

pub(super) fn resets(window: &Window<'_>) -> Option<f64> {
    paired(window, |before, value| value < before)
}

fn paired(window: &Window<'_>, counts: impl Fn(f64, f64) -> bool) -> Option<f64> {
    let mut before = None;
    let mut found = 0.0;
    for value in window.values() {
        if before.is_some_and(|before| counts(before, value)) {
            found += 1.0;
        }
        before = Some(value);
    }
    before.map(|_| found)
}

pub(super) fn quantile_over(window: &Window<'_>, q: f64) -> Option<f64> {
    (window.len() > 0).then(|| quantile(q, window.values().collect()))
}

/// The quantile of some values, between neighbours by their distance.
pub(super) fn quantile(q: f64, mut values: Vec<f64>) -> f64 {
    if values.is_empty() || q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    // NaN counts as least, as the server sorts it.
    values.sort_unstable_by(|a, b| match (a.is_nan(), b.is_nan()) {
        (false, false) => a.total_cmp(b),
        (a, b) => b.cmp(&a),
    });
    let rank = q * (values.len() - 1) as f64;
    let below = rank.floor() as usize;
    let above = (below + 1).min(values.len() - 1);
    let weight = rank - rank.floor();
    values[below] * (1.0 - weight) + values[above] * weight
}
