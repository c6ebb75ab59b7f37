//! The drawing of a run: its table of columns with the bars of reference and current, as far as
//! readers of `…/data` take them.

use serde_json::{Value, json};

use super::{Column, Project, Run, category_share, uuid};
use crate::sim::samples::curve::normal;

/// Bins of a numeric column.
const BINS: usize = 18;
/// Before a column's mean may have moved.
const EARLIER: i64 = 20 * 24 * 3_600_000;
/// Points of a line over the rows' order.
const LINE: usize = 150;

/// The widgets of a run.
pub(super) fn page(project: &Project<'_>, run: Run) -> Value {
    let columns = project.columns(run);
    let drifted = columns.iter().filter(|column| column.drifted()).count();
    let total = columns.len();
    let share = drifted as f64 / total.max(1) as f64;
    let mut rows = Vec::new();
    let mut graphs = Vec::new();
    for (place, column) in columns.iter().enumerate() {
        let bars = Bars::of(project, run, column);
        let id = |part: u64| uuid(run.at, place as u64 * 7 + part);
        let mut parts = Vec::new();
        if let Some((before, now)) = bars.means {
            parts.push(json!({"title": "DATA DRIFT", "id": id(1), "type": "widget"}));
            graphs.push(graph(&id(1), &means(before, now)));
        }
        parts.push(json!({"title": "DATA DISTRIBUTION", "id": id(2), "type": "widget"}));
        graphs.push(graph(&id(2), &bars.traces()));
        rows.push(json!({
            "details": {"parts": parts}, "column_name": column.name,
            "column_type": if bars.means.is_some() { "num" } else { "cat" },
            "stattest_name": column.method,
            "reference_distribution": {"x": bars.x, "y": bars.reference},
            "current_distribution": {"x": bars.x, "y": bars.current},
            "data_drift": if column.drifted() { "Detected" } else { "Not Detected" },
            "drift_score": column.score,
        }));
    }
    let counters =
        |id: u64, rows: Value| widget("counter", &uuid(run.at, id), &json!({"counters": rows}));
    let mut table = widget(
        "big_table",
        &uuid(run.at, 901),
        &json!({"rowsPerPage": 10, "columns": [], "data": rows}),
    );
    table["title"] = Value::from(format!(
        "Drift is detected for {:.1}% of columns ({drifted} out of {total}).",
        share * 100.0
    ));
    table["additionalGraphs"] = Value::from(graphs);
    json!({
        "name": "",
        "widgets": [
            counters(900, json!([
                {"value": total.to_string(), "label": "Columns"},
                {"value": drifted.to_string(), "label": "Drifted Columns"},
                {"value": format!("{share:.3}"), "label": "Share of Drifted Columns"},
            ])),
            table,
        ],
    })
}

fn widget(kind: &str, id: &str, params: &Value) -> Value {
    json!({
        "type": kind, "title": "", "size": 2, "id": id, "details": "", "alertsPosition": null,
        "alertStats": null, "params": params, "insights": [], "additionalGraphs": [], "alerts": [],
        "tabs": [], "widgets": [], "pageSize": 5, "source_fingerprint": null,
        "linked_metrics": null,
    })
}

fn graph(id: &str, traces: &Value) -> Value {
    widget("big_graph", id, &json!({"data": traces, "layout": {}}))
}

/// The means over the rows' order: a level line, and one that trembles.
fn means(before: f64, now: f64) -> Value {
    let x: Vec<usize> = (0..LINE).collect();
    json!([
        {"name": "reference (mean)", "mode": "lines", "type": "scatter", "x": x, "y": vec![before; LINE]},
        {"name": "current (mean)", "mode": "lines", "type": "scatter", "x": x, "y": vec![now; LINE]},
    ])
}

/// A column's two samples over the same bins, as counts.
struct Bars {
    /// Edges, one more than counts; or categories, as many.
    x: Value,
    reference: Vec<f64>,
    current: Vec<f64>,
    /// Of reference and current, where the column has numbers.
    means: Option<(f64, f64)>,
}

impl Bars {
    fn of(project: &Project<'_>, run: Run, column: &Column) -> Self {
        let reference_rows = project.rows(run, "reference");
        let rows = project.rows(run, "current");
        let labels = [("feature", column.name)];
        let Some(now) = project.gauge("ml_feature_mean", run, &labels) else {
            return Self::categories(column, reference_rows, rows);
        };
        let earlier = Run {
            at: run.at - EARLIER,
            ..run
        };
        let before = project
            .gauge("ml_feature_mean", earlier, &labels)
            .unwrap_or(now);
        let spread = (before.abs() * 0.4).max(1e-6);
        // Another unit changes the spread as it changes the mean.
        let wider = if (now / before).abs() > 5.0 {
            now / before
        } else {
            1.0
        };
        let low = before.min(now) - 3.0 * spread;
        let high = (before + 3.5 * spread).max(now + 3.5 * spread * wider);
        let edges: Vec<f64> = (0..=BINS)
            .map(|edge| low + (high - low) * edge as f64 / BINS as f64)
            .collect();
        let counts = |rows: f64, mean: f64, spread: f64| -> Vec<f64> {
            edges
                .windows(2)
                .map(|edge| normal((edge[1] - mean) / spread) - normal((edge[0] - mean) / spread))
                .map(|share| (share * rows).round())
                .collect()
        };
        Self {
            reference: counts(reference_rows, before, spread),
            current: counts(rows, now, spread * wider),
            x: Value::from(edges),
            means: Some((before, now)),
        }
    }

    fn categories(column: &Column, reference_rows: f64, rows: f64) -> Self {
        let names: &[&str] = match column.kind {
            "boolean" => &["False", "True"],
            _ => &["A", "B", "C", "D", "E", "other"],
        };
        let share = |place: usize| category_share(column.name, place, names.len());
        // What has moved, has moved to the first category.
        let moved = column.score * 0.3;
        let now = |place: usize| {
            let base = share(place) * (1.0 - moved);
            if place == 0 { base + moved } else { base }
        };
        Self {
            x: Value::from(names.to_vec()),
            reference: (0..names.len())
                .map(|at| (share(at) * reference_rows).round())
                .collect(),
            current: (0..names.len())
                .map(|at| (now(at) * rows).round())
                .collect(),
            means: None,
        }
    }

    /// Each sample twice, as counts and in percent, of which the counts show.
    fn traces(&self) -> Value {
        let percent = |counts: &[f64]| -> Vec<f64> {
            let sum: f64 = counts.iter().sum();
            counts
                .iter()
                .map(|count| count / sum.max(1.0) * 100.0)
                .collect()
        };
        let trace = |name: &str, visible: bool, y: &[f64]| json!({"type": "bar", "name": name, "visible": visible, "x": self.x, "y": y});
        json!([
            trace("current", true, &self.current),
            trace("current", false, &percent(&self.current)),
            trace("reference", true, &self.reference),
            trace("reference", false, &percent(&self.reference)),
        ])
    }
}
