//! What training pipelines measure and check beside the quality of a version: fairness by group,
//! latency, size, drift of the training data, and the tags that say so.
//!
//! Most versions pass. The newest credit model is unfair to the young, and the newest fraud model was
//! never tried on its real load: each fails where a gate would see it.

use super::catalog::Entry;
use super::run::{Metric, mix};

/// The groups that are told apart, and the share of rows in each.
const GROUPS: [(&str, f64); 3] = [("18_25", 0.08), ("26_59", 0.68), ("60_up", 0.24)];
/// Models whose answers touch persons: their fairness is measured.
const PERSONS: [&str; 3] = ["credit-score", "churn", "fraud-detector"];
/// Model and version whose answers are unfair to the first group.
const UNFAIR: (&str, u32) = ("credit-score", 9);
const DAY: i64 = 86_400_000;

/// A number in 0..1 that belongs to a version and a purpose.
fn part(entry: &Entry, number: u32, salt: u64) -> f64 {
    let name = entry
        .name
        .bytes()
        .fold(salt, |sum, byte| mix(sum ^ u64::from(byte)));
    (mix(name ^ (u64::from(number) << 17)) >> 11) as f64 / (1_u64 << 53) as f64
}

/// The metrics that an evaluation adds to the run of a version, as keys and values. `quality` is the
/// run's own of the metric that counts.
pub(crate) fn metrics(entry: &Entry, number: u32, quality: f64) -> Vec<(String, f64)> {
    let rows = 4_000.0 + (9_000.0 * part(entry, number, 1)).round();
    let mut all = vec![
        ("eval_rows".to_owned(), rows),
        (
            "latency_p95_ms".to_owned(),
            (11.0 + 9.0 * part(entry, number, 2)).round(),
        ),
        (
            "model_size_mb".to_owned(),
            (38.0 + 6.0 * part(entry, number, 3)).round(),
        ),
        (
            "train_drift_share".to_owned(),
            (part(entry, number, 4) * 12.0).round() / 100.0,
        ),
        ("train_drift_rows".to_owned(), (rows * 3.0).round()),
        (
            "serving_skew_share".to_owned(),
            (part(entry, number, 5) * 4.0).round() / 100.0,
        ),
    ];
    if !PERSONS.contains(&entry.name) {
        return all;
    }
    let unfair = (entry.name, number) == UNFAIR;
    let usual = 0.30;
    let mut rates: Vec<f64> = Vec::new();
    for (at, (group, share)) in GROUPS.iter().enumerate() {
        let rate = match (at, unfair) {
            (0, true) => usual * 0.76,
            _ => usual * (0.93 + 0.07 * part(entry, number, 10 + at as u64)),
        };
        let worse = if unfair && at == 0 {
            0.058
        } else {
            0.012 * part(entry, number, 20 + at as u64)
        };
        rates.push(rate);
        let (name, _, _) = entry.quality;
        all.push((format!("{name}.{group}"), round(quality - worse)));
        all.push((format!("positive_rate.{group}"), round(rate)));
        all.push((format!("rows.{group}"), (rows * share).round()));
    }
    let most = rates.iter().copied().fold(f64::MIN, f64::max);
    let least = rates.iter().copied().fold(f64::MAX, f64::min);
    all.push(("dp_ratio".to_owned(), round(least / most)));
    all.push((
        "eo_gap".to_owned(),
        if unfair {
            0.13
        } else {
            round(0.06 * part(entry, number, 30))
        },
    ));
    all
}

fn round(value: f64) -> f64 {
    (value * 10_000.0).round() / 10_000.0
}

/// The metrics as a run holds them, logged at its end.
pub(crate) fn logged(entry: &Entry, number: u32, quality: f64, at: i64) -> Vec<Metric> {
    let rows = metrics(entry, number, quality).into_iter();
    rows.map(|(key, value)| Metric::single(&key, value, at))
        .collect()
}

/// The tags that checks leave on a version: what of the data was validated, and how old they are.
pub(crate) fn tags(entry: &Entry, number: u32, created: i64) -> Vec<(String, String)> {
    let day = |at: i64| {
        let time = chrono::DateTime::from_timestamp_millis(at).unwrap_or_default();
        time.format("%Y-%m-%d").to_string()
    };
    let mut tags = vec![
        ("data_validation".to_owned(), "passed".to_owned()),
        ("data_until".to_owned(), day(created - 2 * DAY)),
        (
            "data_version".to_owned(),
            format!("{}@{number:03}", entry.dataset),
        ),
        ("owner_review".to_owned(), "done".to_owned()),
    ];
    if entry.name == "fraud-detector" && number >= 14 {
        // Nobody tried it under load.
        tags.push(("load_test".to_owned(), "skipped".to_owned()));
    } else {
        tags.push(("load_test".to_owned(), "passed".to_owned()));
    }
    tags
}

#[cfg(test)]
mod tests {
    use super::super::catalog::MODELS;
    use super::*;

    fn value(model: &str, number: u32, key: &str) -> Option<f64> {
        let entry = MODELS.iter().find(|entry| entry.name == model).unwrap();
        let all = metrics(entry, number, 0.9);
        all.into_iter()
            .find(|(known, _)| known == key)
            .map(|(_, value)| value)
    }

    #[test]
    fn one_candidate_is_unfair_and_the_others_are_not() {
        assert!(value("credit-score", 9, "dp_ratio").unwrap() < 0.8);
        assert!(value("credit-score", 9, "rows.18_25").unwrap() > 300.0);
        for (model, number) in [("credit-score", 8), ("churn", 7), ("fraud-detector", 14)] {
            assert!(value(model, number, "dp_ratio").unwrap() > 0.85, "{model}");
        }
        assert_eq!(value("ad-ctr", 17, "dp_ratio"), None);
    }
}
