//! Evidently's JSON as the service and `Report.save_json` write it. Every field may be absent, null or
//! of a neighbouring type.

use serde::Deserialize;
use serde_json::Value;

use crate::sources::labels::Labels;
use crate::sources::lenient::{list, nested, text, texts, words};

/// A bare list; null is empty.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
pub(super) struct Rows<T>(#[serde(deserialize_with = "list")] pub Vec<T>);

/// `GET /api/version`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Version {
    #[serde(deserialize_with = "text")]
    pub application: String,
    #[serde(deserialize_with = "text")]
    pub version: String,
}

/// One project of `GET /api/projects`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Project {
    #[serde(deserialize_with = "text")]
    pub id: String,
    #[serde(deserialize_with = "text")]
    pub name: String,
}

/// `POST data_series_batch`: the runs, and for each metric its values in their order.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Batch {
    #[serde(deserialize_with = "list")]
    pub sources: Vec<SourceRow>,
    #[serde(deserialize_with = "list")]
    pub series: Vec<SeriesRow>,
}

/// A run.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct SourceRow {
    #[serde(deserialize_with = "text")]
    pub snapshot_id: String,
    /// The writer's local time, as a rule without a zone.
    #[serde(deserialize_with = "text")]
    pub timestamp: String,
    #[serde(deserialize_with = "texts")]
    pub metadata: Labels,
}

/// The values of one metric with one set of parameters. The array may be shorter than the list of
/// runs: what is missing at its end is as absent as a null.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct SeriesRow {
    #[serde(deserialize_with = "text")]
    pub metric_type: String,
    /// `threshold` is text here and a number in reports.
    #[serde(deserialize_with = "texts")]
    pub params: Labels,
    pub values: Option<Vec<Value>>,
}

/// A report, or a wrapper around one that adds what a report lacks.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct File {
    #[serde(deserialize_with = "text")]
    pub timestamp: String,
    #[serde(deserialize_with = "text")]
    pub name: String,
    #[serde(deserialize_with = "texts")]
    pub metadata: Labels,
    #[serde(deserialize_with = "nested")]
    pub report: Report,
    #[serde(flatten)]
    pub own: Report,
}

/// What `Report.json()` gives: no time, no model, no verdict.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Report {
    #[serde(deserialize_with = "list")]
    pub metrics: Vec<Metric>,
    #[serde(deserialize_with = "list")]
    pub tests: Vec<Test>,
}

/// A metric of a report.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Metric {
    #[serde(deserialize_with = "text")]
    pub id: String,
    #[serde(deserialize_with = "texts")]
    pub config: Labels,
    /// A number, or an object of them: `{"count": 3, "share": 0.5}`.
    pub value: Value,
}

/// A test of a report.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Test {
    #[serde(deserialize_with = "text")]
    pub name: String,
    #[serde(deserialize_with = "text")]
    pub description: String,
    /// `SUCCESS`, `FAIL`, `WARNING` or `ERROR`.
    #[serde(deserialize_with = "text")]
    pub status: String,
    #[serde(deserialize_with = "nested")]
    pub metric_config: TestOf,
}

/// Which metric a test is of.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct TestOf {
    #[serde(deserialize_with = "text")]
    pub metric_id: String,
}

/// The metrics that a graph or table is drawn for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Linked {
    #[serde(deserialize_with = "words")]
    pub linked_metrics: Vec<String>,
}

/// A number, also as text; NaN for NaN, `None` for null and for what is no number.
pub(super) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}
