//! How a model's predictions are distributed, from the rows that its monitoring has counted in bins or classes. What
//! one mean hides, two histograms show.

use std::collections::BTreeMap;

use super::drift::{Bins, Distributions};
use super::signal::{Gauge, Measure};
use super::text::Clean;

/// What stands before the bound of a bin in the part of a reading; a part without it is a class.
pub const AT_MOST: &str = "<=";

/// The distribution of the rows of the current window, beside those of the reference where they are told: bins by
/// their upper bounds, whose counts are cumulative, or classes by name. `None` where nothing counts them, and for a
/// window without rows.
pub fn distribution<'a>(gauges: impl IntoIterator<Item = &'a Gauge>) -> Option<Distributions> {
    // Of each part: the reference's rows and those of now.
    let mut rows: BTreeMap<&str, [f64; 2]> = BTreeMap::new();
    let all = gauges.into_iter();
    let counted =
        |g: &&Gauge| g.key.measure == Measure::PredictionRows && g.key.version.raw().is_empty();
    for gauge in all.filter(counted) {
        let side = match gauge.key.method.raw() {
            "reference" => 0,
            "current" => 1,
            _ => continue,
        };
        let value = gauge.value.filter(|v| v.is_finite()).unwrap_or(0.0);
        rows.entry(gauge.key.part.raw()).or_default()[side] += value.max(0.0);
    }
    let bound = |part: &str| part.strip_prefix(AT_MOST)?.trim().parse::<f64>().ok();
    let bounds: Vec<(f64, [f64; 2])> = rows
        .iter()
        .filter_map(|(part, counts)| Some((bound(part)?, *counts)))
        .filter(|(bound, _)| !bound.is_nan())
        .collect();
    let (bins, counts) = if bounds.is_empty() {
        let names = rows.keys().map(|part| Clean::name(part)).collect();
        (Bins::Categories(names), rows.into_values().collect())
    } else {
        binned(bounds)?
    };
    let side = |side: usize| counts.iter().map(move |both: &[f64; 2]| both[side]);
    if side(1).sum::<f64>() <= 0.0 {
        return None;
    }
    let mut drawn = Distributions {
        bins,
        reference: side(0).collect(),
        current: side(1).collect(),
        counts: true,
        moments: [].into(),
    };
    let quantiles = [("p05", 0.05), ("p50", 0.5), ("p95", 0.95)];
    let quantiles = quantiles.into_iter();
    drawn.moments = quantiles
        .filter_map(|(name, q)| drawn.quantile(name, q))
        .collect();
    Some(drawn)
}

/// Bins with edges, and what lies in each, from upper bounds and what lies below each of them. The lowest bin begins
/// at zero, or as far below its bound as the next one is wide; the one without a bound is as wide as the one before.
fn binned(mut bounds: Vec<(f64, [f64; 2])>) -> Option<(Bins, Vec<[f64; 2]>)> {
    bounds.sort_by(|a, b| a.0.total_cmp(&b.0));
    bounds.dedup_by(|a, b| a.0.total_cmp(&b.0).is_eq());
    let finite: Vec<f64> = bounds
        .iter()
        .map(|(b, _)| *b)
        .filter(|b| b.is_finite())
        .collect();
    let [first, second, ..] = finite[..] else {
        return None;
    };
    let last = finite[finite.len() - 1];
    let width = last - finite[finite.len() - 2];
    let mut edges = vec![if first > 0.0 {
        0.0
    } else {
        first - (second - first)
    }];
    edges.extend(&finite);
    let mut below = [0.0; 2];
    let mut counts: Vec<[f64; 2]> = Vec::new();
    for (bound, up_to) in bounds.iter().filter(|(b, _)| *b > f64::NEG_INFINITY) {
        // Counts that are read one after the other may fall by a little.
        let within = [0, 1].map(|side| (up_to[side] - below[side]).max(0.0));
        if bound.is_finite() || within.iter().any(|n| *n > 0.0) {
            counts.push(within);
        }
        below = [0, 1].map(|side| up_to[side].max(below[side]));
    }
    if counts.len() == edges.len() {
        edges.push(last + width);
    }
    Some((Bins::Numbers(edges.into()), counts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::key::{Key, SourceId};
    use crate::domain::signal::{Direction, Lines, SignalKey, State, Unit};

    fn rows(part: &str, window: &str, value: f64) -> Gauge {
        Gauge {
            key: SignalKey {
                model: Key::new("m"),
                measure: Measure::PredictionRows,
                part: Key::new(part),
                method: Key::new(window),
                version: Key::new(""),
                source: SourceId::new("prom"),
            },
            value: Some(value),
            state: State::Value,
            unit: Unit::Count,
            direction: Direction::Neither,
            lines: Lines::default(),
            n: None,
            noise_floor: None,
            at: None,
            level: None,
        }
    }

    #[test]
    fn cumulative_bins_become_a_histogram_with_its_quantiles() {
        let all = [
            rows("<=1.0", "current", 90.0),
            rows("<=0.5", "current", 40.0),
            rows("<=+Inf", "current", 100.0),
            rows("<=0.5", "reference", 50.0),
            rows("<=1.0", "reference", 100.0),
            rows("<=+Inf", "reference", 100.0),
        ];
        let drawn = distribution(&all).expect("a distribution");
        assert_eq!(drawn.bins, Bins::Numbers([0.0, 0.5, 1.0, 1.5].into()));
        assert_eq!(*drawn.current, [40.0, 50.0, 10.0]);
        assert_eq!(*drawn.reference, [50.0, 50.0, 0.0]);
        let p50 = drawn.moments.iter().find(|m| m.name == "p50").expect("p50");
        assert_eq!((p50.reference, p50.current), (Some(0.5), Some(0.6)));
    }

    #[test]
    fn classes_keep_their_names_also_where_those_are_numbers() {
        let all = [
            rows("0", "current", 70.0),
            rows("1", "current", 30.0),
            rows("1", "reference", 20.0),
        ];
        let drawn = distribution(&all).expect("a distribution");
        assert_eq!(
            drawn.bins,
            Bins::Categories(["0", "1"].map(Clean::name).into())
        );
        assert_eq!(*drawn.current, [70.0, 30.0]);
        assert_eq!(*drawn.reference, [0.0, 20.0]);
        assert!(drawn.moments.is_empty());
    }

    #[test]
    fn nothing_is_drawn_from_nothing() {
        assert_eq!(distribution(&[]), None);
        assert_eq!(distribution(&[rows("a", "current", 0.0)]), None);
        assert_eq!(distribution(&[rows("a", "reference", 9.0)]), None);
        assert_eq!(
            distribution(&[rows("<=1", "current", 9.0)]),
            None,
            "one bound is no bin"
        );
    }
}
