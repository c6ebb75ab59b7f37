//! Series of samples as charts take them: reduction to columns and smoothing. Pure functions.

/// One sample. `y` may be NaN or infinite: a gap.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Sample {
    /// Step, or milliseconds.
    pub x: f64,
    /// The value.
    pub y: f64,
}

/// A sample.
pub fn sample(x: f64, y: f64) -> Sample {
    Sample { x, y }
}

/// Keeps the first, least, greatest and last sample of each of `columns` equal parts of the range of
/// x, and one gap where there is one: what a chart of that width would show of all of them. Samples
/// must be in order of x.
pub fn reduce(points: &[Sample], columns: usize) -> Vec<Sample> {
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return Vec::new();
    };
    let range = last.x - first.x;
    if columns == 0 || points.len() <= columns * 2 || !range.is_finite() || range <= 0.0 {
        return points.to_vec();
    }
    let column = |x: f64| {
        let at = (x - first.x) / range * columns as f64;
        (at as usize).min(columns - 1)
    };
    let mut out = Vec::with_capacity(columns * 4);
    let mut start = 0;
    while start < points.len() {
        let at = column(points[start].x);
        let end = start
            + points[start..]
                .iter()
                .position(|p| column(p.x) != at)
                .unwrap_or(points.len() - start);
        keep(&points[start..end], &mut out);
        start = end;
    }
    out
}

fn keep(points: &[Sample], out: &mut Vec<Sample>) {
    let finite = || points.iter().enumerate().filter(|(_, p)| p.y.is_finite());
    let least = finite()
        .min_by(|a, b| a.1.y.total_cmp(&b.1.y))
        .map(|(i, _)| i);
    let greatest = finite()
        .max_by(|a, b| a.1.y.total_cmp(&b.1.y))
        .map(|(i, _)| i);
    let oldest = finite().next().map(|(i, _)| i);
    let newest = finite().next_back().map(|(i, _)| i);
    let gap = points.iter().position(|p| !p.y.is_finite());
    let mut kept: Vec<usize> = [oldest, least, greatest, newest, gap]
        .into_iter()
        .flatten()
        .collect();
    kept.sort_unstable();
    kept.dedup();
    out.extend(kept.into_iter().map(|i| points[i]));
}

/// Exponential smoothing without the bias towards zero at the start. `weight` is the share of the
/// past, 0 (none) to below 1. Gaps stay gaps and do not enter the average.
pub fn smooth(points: &[Sample], weight: f64) -> Vec<Sample> {
    let weight = weight.clamp(0.0, 0.999);
    let mut mean = 0.0;
    let mut sum = 0.0;
    points
        .iter()
        .map(|p| {
            if !p.y.is_finite() {
                return *p;
            }
            mean = mean * weight + p.y * (1.0 - weight);
            sum = sum * weight + (1.0 - weight);
            sample(p.x, mean / sum)
        })
        .collect()
}

/// The least and greatest finite value, if there is one.
pub fn extent(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    values
        .into_iter()
        .filter(|v| v.is_finite())
        .fold(None, |range, v| match range {
            None => Some((v, v)),
            Some((lo, hi)) => Some((v.min(lo), v.max(hi))),
        })
}

/// The last sample with a finite value.
pub fn last_sample(points: &[Sample]) -> Option<Sample> {
    points.iter().rev().find(|p| p.y.is_finite()).copied()
}

/// The value at `x`: that of the nearest sample, NaN if that is a gap. None where `x` lies before the first or
/// behind the last sample by more than lies between two of them.
pub fn value_at(points: &[Sample], x: f64) -> Option<f64> {
    let (first, last) = (points.first()?, points.last()?);
    let apart = (last.x - first.x) / (points.len() - 1).max(1) as f64;
    if x < first.x - apart || x > last.x + apart {
        return None;
    }
    nearest(points, x).map(|p| p.y)
}

/// The sample nearest to `x`, gaps included: a cursor tells of a gap as one.
fn nearest(points: &[Sample], x: f64) -> Option<Sample> {
    let at = points.partition_point(|p| p.x < x);
    let before = at.checked_sub(1).map(|i| points[i]);
    let after = points.get(at).copied();
    match (before, after) {
        (Some(b), Some(a)) => Some(if x - b.x <= a.x - x { b } else { a }),
        (b, a) => b.or(a),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(values: &[f64]) -> Vec<Sample> {
        values
            .iter()
            .enumerate()
            .map(|(i, y)| sample(i as f64, *y))
            .collect()
    }

    #[test]
    fn a_lone_spike_survives() {
        let mut values = vec![1.0; 10_000];
        values[7_777] = 99.0;
        let kept = reduce(&of(&values), 80);
        assert!(kept.len() <= 80 * 5);
        assert!(kept.contains(&sample(7_777.0, 99.0)));
    }

    #[test]
    fn a_gap_survives() {
        let mut values = vec![1.0; 10_000];
        values[5_000] = f64::NAN;
        assert!(reduce(&of(&values), 80).iter().any(|p| p.y.is_nan()));
    }

    #[test]
    fn smoothing_starts_at_the_first_value() {
        let got = smooth(&of(&[10.0, 10.0, f64::NAN, 10.0]), 0.9);
        for p in [got[0], got[1], got[3]] {
            assert!((p.y - 10.0).abs() < 1e-9);
        }
        assert!(got[2].y.is_nan());
    }

    #[test]
    fn the_nearest_sample_is_found_from_both_sides() {
        let points = of(&[0.0, 1.0, 2.0]);
        assert_eq!(nearest(&points, -5.0), Some(points[0]));
        assert_eq!(nearest(&points, 1.4), Some(points[1]));
        assert_eq!(nearest(&points, 9.0), Some(points[2]));
        assert_eq!(nearest(&[], 1.0), None);
    }

    #[test]
    fn there_is_no_value_before_the_first_sample_or_long_after_the_last() {
        let points = of(&[0.0, 1.0, f64::NAN, 3.0]);
        for (x, value) in [
            (-5.0, None),
            (-0.5, Some(0.0)),
            (1.2, Some(1.0)),
            (3.9, Some(3.0)),
            (4.1, None),
        ] {
            assert_eq!(value_at(&points, x), value, "{x}");
        }
        assert_eq!(value_at(&[], 1.0), None);
        assert_eq!(value_at(&points[..1], 0.0), Some(0.0));
    }

    proptest! {
        #[test]
        fn ends_and_extremes_of_every_column_stay(
            values in proptest::collection::vec(-1e6..1e6_f64, 0..600),
            columns in 1_usize..60,
        ) {
            let points = of(&values);
            let kept = reduce(&points, columns);
            prop_assert!(kept.len() <= (columns * 4).max(points.len().min(columns * 2)));
            prop_assert_eq!(kept.first(), points.first());
            prop_assert_eq!(kept.last(), points.last());
            prop_assert_eq!(
                extent(kept.iter().map(|p| p.y)),
                extent(points.iter().map(|p| p.y))
            );
            prop_assert!(kept.windows(2).all(|w| w[0].x < w[1].x));
        }
    }
}
