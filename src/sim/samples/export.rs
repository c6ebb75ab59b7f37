//! The samples as `OpenMetrics` text, for `promtool tsdb create-blocks-from openmetrics`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::labels::{NAME, escaped};
use super::store::{Series, Store};

/// The samples of a closed stretch of time, one family after the other. Every name is a family of
/// its own and of unknown type: that way no name needs a suffix that the real stack does not give it.
pub(crate) fn openmetrics(store: &Store, from: i64, to: i64) -> String {
    let mut families: BTreeMap<&str, Vec<&Series>> = BTreeMap::new();
    for series in store.iter() {
        families
            .entry(series.labels.get(NAME))
            .or_default()
            .push(series);
    }
    let mut out = String::new();
    for (name, rows) in families {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "# TYPE {name} unknown");
        for series in rows {
            let labels: Vec<String> = series
                .labels
                .iter()
                .filter(|(label, _)| *label != NAME)
                .map(|(label, value)| format!("{label}=\"{}\"", escaped(value)))
                .collect();
            let labels = labels.join(",");
            for scrape in series.scrapes(from, to) {
                let at = series.time(scrape);
                let value = number(series.value(scrape));
                let _ = writeln!(
                    out,
                    "{name}{{{labels}}} {value} {}.{:03}",
                    at.div_euclid(1_000),
                    at.rem_euclid(1_000)
                );
            }
        }
    }
    out.push_str("# EOF\n");
    out
}

/// A value as Go and the exposition formats write it: shortest, and never an exponent.
pub(crate) fn number(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value == f64::INFINITY {
        "+Inf".to_owned()
    } else if value == f64::NEG_INFINITY {
        "-Inf".to_owned()
    } else {
        value.to_string()
    }
}
