//! Grafana's JSON as its documentation and types give it. Every field may be absent or null.

use serde::Deserialize;

use crate::sources::labels::Labels;
use crate::sources::lenient::{count, list, nested, text, texts, words};

/// A bare list; null is empty.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
pub(super) struct Rows<T>(#[serde(deserialize_with = "list")] pub Vec<T>);

/// `GET /api/health`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Health {
    #[serde(deserialize_with = "text")]
    pub version: String,
    #[serde(deserialize_with = "text")]
    pub database: String,
}

/// One annotation of `GET /api/annotations`; times in milliseconds.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct AnnotationRow {
    #[serde(deserialize_with = "text")]
    pub id: String,
    #[serde(deserialize_with = "count")]
    pub time: Option<i64>,
    #[serde(rename = "timeEnd", deserialize_with = "count")]
    pub time_end: Option<i64>,
    #[serde(deserialize_with = "text")]
    pub text: String,
    #[serde(deserialize_with = "words")]
    pub tags: Vec<String>,
    #[serde(deserialize_with = "text")]
    pub login: String,
    #[serde(rename = "userName", deserialize_with = "text")]
    pub user_name: String,
    #[serde(rename = "alertName", deserialize_with = "text")]
    pub alert_name: String,
    #[serde(rename = "prevState", deserialize_with = "text")]
    pub prev_state: String,
    #[serde(rename = "newState", deserialize_with = "text")]
    pub new_state: String,
}

/// The answer to an annotation that was made.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Made {
    #[serde(deserialize_with = "text")]
    pub id: String,
}

/// One dashboard of `GET /api/search`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct DashboardRow {
    #[serde(deserialize_with = "text")]
    pub uid: String,
    #[serde(deserialize_with = "text")]
    pub title: String,
    #[serde(deserialize_with = "text")]
    pub url: String,
    #[serde(rename = "type", deserialize_with = "text")]
    pub kind: String,
    #[serde(deserialize_with = "words")]
    pub tags: Vec<String>,
    #[serde(rename = "folderTitle", deserialize_with = "text")]
    pub folder: String,
}

/// `GET /api/prometheus/grafana/api/v1/rules`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Rules {
    #[serde(deserialize_with = "nested")]
    pub data: Groups,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Groups {
    #[serde(deserialize_with = "list")]
    pub groups: Vec<Group>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Group {
    #[serde(deserialize_with = "text")]
    pub name: String,
    #[serde(deserialize_with = "text")]
    pub file: String,
    #[serde(deserialize_with = "list")]
    pub rules: Vec<Rule>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Rule {
    #[serde(deserialize_with = "text")]
    pub name: String,
    #[serde(deserialize_with = "texts")]
    pub annotations: Labels,
    #[serde(deserialize_with = "list")]
    pub alerts: Vec<Instance>,
}

/// One alert of a rule.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Instance {
    #[serde(deserialize_with = "texts")]
    pub labels: Labels,
    #[serde(deserialize_with = "texts")]
    pub annotations: Labels,
    #[serde(deserialize_with = "text")]
    pub state: String,
    #[serde(rename = "activeAt", deserialize_with = "text")]
    pub active_at: String,
    #[serde(deserialize_with = "text")]
    pub value: String,
}
