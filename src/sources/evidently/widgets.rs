//! What the service draws of a run, read back into distributions: the bars of the table of columns,
//! and of single columns. Pure, and lenient without limit: a drawing is no protocol, so what is not
//! as expected is no distribution.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use super::map::{bars, column_of};
use super::wire::{Linked, Report, number};
use crate::domain::drift::{Bins, Distributions, DriftReport, Moment};
use crate::domain::text::Clean;

/// The most bins of one distribution. Evidently draws tens.
const MOST_BINS: usize = 500;
/// The most columns that are looked at.
const MOST_COLUMNS: usize = 2_000;

/// Adds to each column of a report what `data` draws of it, and the rows behind the bars.
pub(super) fn fill(report: &mut DriftReport, wire: &Report, data: &Value) {
    let drawn = drawn(wire, data);
    for column in &mut report.columns {
        let Some(found) = drawn.get(column.column.as_str()) else {
            continue;
        };
        if found.counts {
            // The rows of the column itself, without the missing ones: nearer than the table's.
            column.n = bars(&found.current).filter(|n| *n > 0).or(column.n);
            column.reference_n = bars(&found.reference).filter(|n| *n > 0);
        }
        column.distributions = Some(found.clone());
    }
}

/// The distributions by the clean name of their column.
fn drawn(wire: &Report, data: &Value) -> HashMap<String, Distributions> {
    let mut found = HashMap::new();
    let mut add = |column: &str, parts: &Parts<'_>| {
        if let Some(drawn) = parts.distributions() {
            let column = Clean::name(column).as_str().to_owned();
            found.entry(column).or_insert(drawn);
        }
    };
    for widget in list(&data["widgets"]) {
        match widget["type"].as_str() {
            Some("big_table") => {
                let graphs = list(&widget["additionalGraphs"]);
                let graph = |id: &Value| graphs.iter().find(|g| id.is_string() && g["id"] == *id);
                for row in list(&widget["params"]["data"]).iter().take(MOST_COLUMNS) {
                    let mut parts = Parts::default();
                    for part in list(&row["details"]["parts"]) {
                        parts.take(&part["title"], graph(&part["id"]));
                    }
                    if let Some(column) = row["column_name"].as_str() {
                        add(column, &parts);
                    }
                }
            }
            Some("tabs") => {
                let mut parts = Parts::default();
                for tab in list(&widget["tabs"]) {
                    parts.take(&tab["title"], Some(&tab["widget"]));
                }
                let linked = Linked::deserialize(widget).unwrap_or_default();
                let ids = linked.linked_metrics.iter();
                for column in ids.filter_map(|id| column_of(wire, id)) {
                    add(column, &parts);
                }
            }
            _ => {}
        }
    }
    found
}

/// The two graphs of a column.
#[derive(Default)]
struct Parts<'a> {
    bars: Option<&'a Value>,
    means: Option<&'a Value>,
}

impl<'a> Parts<'a> {
    fn take(&mut self, title: &Value, graph: Option<&'a Value>) {
        match title.as_str() {
            Some("DATA DISTRIBUTION") => self.bars = graph,
            Some("DATA DRIFT") => self.means = graph,
            _ => {}
        }
    }

    fn distributions(&self) -> Option<Distributions> {
        let traces = list(&self.bars?["params"]["data"]);
        // Each sample is drawn twice, as counts and in percent; the counts are those that show.
        let trace = |name: &str| {
            let of = |t: &&Value| t["type"] == "bar" && t["name"] == name;
            let shown = |t: &&Value| t["visible"] != false;
            let first = traces.iter().filter(of).find(shown);
            first.or_else(|| traces.iter().find(of))
        };
        let current = trace("current")?;
        let reference = trace("reference")?;
        let (bins, reference, current) = same_bins(reference, current)?;
        let whole = |values: &[f64]| values.iter().all(|v| v.fract() == 0.0);
        let mut drawn = Distributions {
            counts: whole(&reference) && whole(&current),
            bins,
            reference: reference.into(),
            current: current.into(),
            moments: Arc::default(),
        };
        // The report draws no quantiles: they are read from its bars.
        let quantiles = [("p05", 0.05), ("p50", 0.5), ("p95", 0.95)];
        let quantiles = quantiles.map(|(name, q)| drawn.quantile(name, q));
        let all = std::iter::once(self.means()).chain(quantiles);
        drawn.moments = all.flatten().collect();
        Some(drawn)
    }

    /// The means, out of the graph over the rows' order: the reference's is a level line; that of now
    /// is the mean over parts of equal length.
    fn means(&self) -> Option<Moment> {
        let traces = list(&self.means?["params"]["data"]);
        let mean = |name: &str| {
            let trace = traces.iter().find(|t| t["name"] == name)?;
            let values: Vec<f64> = list(&trace["y"]).iter().filter_map(number).collect();
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            mean.is_finite().then_some(mean)
        };
        Some(Moment {
            name: Clean::name("mean"),
            reference: mean("reference (mean)"),
            current: mean("current (mean)"),
        })
        .filter(|moment| moment.reference.is_some() || moment.current.is_some())
    }
}

/// Bins that both samples are counted in, and the counts: edges where there is one more than counts,
/// categories otherwise; a category that only one of the two has is a zero in the other.
fn same_bins(reference: &Value, current: &Value) -> Option<(Bins, Vec<f64>, Vec<f64>)> {
    let numbers = |value: &Value| -> Option<Vec<f64>> {
        let values: Option<Vec<f64>> = list(value).iter().map(number).collect();
        values.filter(|v| !v.is_empty() && v.len() <= MOST_BINS + 1)
    };
    let (before, now) = (numbers(&reference["y"])?, numbers(&current["y"])?);
    let usable = |values: &[f64]| values.iter().all(|v| v.is_finite() && *v >= 0.0);
    if !usable(&before) || !usable(&now) {
        return None;
    }
    if list(&current["x"]).len() == now.len() + 1 {
        let edges = numbers(&current["x"])?;
        let same = numbers(&reference["x"])?.as_slice() == edges.as_slice();
        let rising = edges.windows(2).all(|pair| pair[0] < pair[1]);
        return (same && rising && before.len() == now.len())
            .then(|| (Bins::Numbers(edges.into()), before, now));
    }
    let mut rows: Vec<(Clean, f64, f64)> = Vec::new();
    for (x, count) in list(&reference["x"]).iter().zip(&before) {
        rows.push((category(x)?, *count, 0.0));
    }
    for (x, count) in list(&current["x"]).iter().zip(&now) {
        let name = category(x)?;
        match rows.iter_mut().find(|row| row.0 == name) {
            Some(row) => row.2 += count,
            None => rows.push((name, 0.0, *count)),
        }
    }
    let names: Arc<[Clean]> = rows.iter().map(|row| row.0.clone()).collect();
    let before = rows.iter().map(|row| row.1).collect();
    let now = rows.iter().map(|row| row.2).collect();
    (!rows.is_empty()).then_some((Bins::Categories(names), before, now))
}

fn category(value: &Value) -> Option<Clean> {
    match value {
        Value::String(text) => Some(Clean::name(text)),
        Value::Number(number) => Some(Clean::name(&number.to_string())),
        Value::Bool(flag) => Some(Clean::name(&flag.to_string())),
        _ => None,
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
