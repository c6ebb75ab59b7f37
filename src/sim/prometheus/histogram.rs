//! Quantiles from the cumulative buckets of classic histograms.

use std::collections::HashMap;

use super::eval::Row;
use crate::sim::samples::labels::Labels;

/// The quantile of each histogram at each step: rows that differ only in `le` are one histogram.
pub(super) fn quantiles(q: &[f64], rows: Vec<Row>) -> Vec<Row> {
    let apart = [
        String::from("le"),
        crate::sim::samples::labels::NAME.to_owned(),
    ];
    let mut at: HashMap<Labels, usize> = HashMap::new();
    let mut histograms: Vec<(Labels, Vec<(f64, Row)>)> = Vec::new();
    for row in rows {
        // A row without a bound is no bucket.
        let Ok(bound) = row.labels.get("le").parse::<f64>() else {
            continue;
        };
        let labels = row.labels.without(&apart);
        let index = *at.entry(labels.clone()).or_insert_with(|| {
            histograms.push((labels, Vec::new()));
            histograms.len() - 1
        });
        histograms[index].1.push((bound, row));
    }
    histograms
        .into_iter()
        .map(|(labels, mut buckets)| {
            buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
            let mut present = Vec::with_capacity(buckets.len());
            let value = |(step, q): (usize, &f64)| {
                present.clear();
                let at_step = buckets
                    .iter()
                    .filter_map(|(bound, row)| Some((*bound, row.values[step]?)));
                present.extend(at_step);
                (!present.is_empty()).then(|| quantile(*q, &mut present))
            };
            Row {
                values: q.iter().enumerate().map(value).collect(),
                labels,
            }
        })
        .collect()
}

/// As `bucketQuantile` of `promql/quantile.go`: linear within a bucket, the second highest bound for
/// what lies above it.
fn quantile(q: f64, buckets: &mut Vec<(f64, f64)>) -> f64 {
    if q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    if buckets
        .last()
        .is_none_or(|(bound, _)| *bound != f64::INFINITY)
    {
        return f64::NAN;
    }
    // Buckets with the same bound, written differently, are one.
    buckets.dedup_by(|later, first| {
        let same = later.0.total_cmp(&first.0).is_eq();
        if same {
            first.1 += later.1;
        }
        same
    });
    let mut most = f64::NEG_INFINITY;
    for (_, count) in buckets.iter_mut() {
        most = most.max(*count);
        *count = most;
    }
    let Some(((_, total), finite)) = buckets.split_last() else {
        return f64::NAN;
    };
    if finite.is_empty() || *total == 0.0 || total.is_nan() {
        return f64::NAN;
    }
    let mut rank = q * total;
    let index = finite.partition_point(|(_, count)| *count < rank);
    let Some((end, count)) = finite.get(index) else {
        return finite[finite.len() - 1].0;
    };
    if index == 0 && *end <= 0.0 {
        return *end;
    }
    let (start, below) = index
        .checked_sub(1)
        .map_or((0.0, 0.0), |before| finite[before]);
    rank -= below;
    start + (end - start) * (rank / (count - below))
}
