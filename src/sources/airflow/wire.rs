//! Airflow's JSON as servers write it, of both versions of its interface: keys of the one are absent in
//! the other.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use crate::sources::lenient::{count, flag, list, text, words};

/// `GET version`.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Version {
    #[serde(deserialize_with = "text")]
    pub version: String,
}

/// `GET health` or `monitor/health`: parts by name, in the order that the server lists them.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(transparent)]
pub(super) struct Health {
    #[serde(deserialize_with = "pairs")]
    pub parts: Vec<(String, Value)>,
}

/// `GET dags`.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Dags {
    #[serde(deserialize_with = "list")]
    pub dags: Vec<Dag>,
    #[serde(deserialize_with = "count")]
    pub total_entries: Option<i64>,
}

/// One DAG, with what only its details hold.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
#[expect(clippy::struct_field_names, reason = "the server's own names")]
pub(super) struct Dag {
    #[serde(deserialize_with = "text")]
    pub dag_id: String,
    #[serde(deserialize_with = "text")]
    pub dag_display_name: String,
    #[serde(deserialize_with = "text")]
    pub description: String,
    #[serde(deserialize_with = "flag")]
    pub is_paused: bool,
    /// 3.x: the definition is no longer found.
    #[serde(deserialize_with = "flag")]
    pub is_stale: bool,
    /// 2.x: whether the definition is found.
    pub is_active: Option<bool>,
    #[serde(deserialize_with = "flag")]
    pub has_import_errors: bool,
    #[serde(deserialize_with = "text")]
    pub timetable_summary: String,
    #[serde(deserialize_with = "text")]
    pub timetable_description: String,
    #[serde(deserialize_with = "list")]
    pub tags: Vec<Tag>,
    #[serde(deserialize_with = "words")]
    pub owners: Vec<String>,
    #[serde(deserialize_with = "count")]
    pub max_active_runs: Option<i64>,
    #[serde(deserialize_with = "text")]
    pub next_dagrun_run_after: String,
    #[serde(deserialize_with = "text")]
    pub next_dagrun_create_after: String,
    #[serde(deserialize_with = "pairs")]
    pub params: Vec<(String, Value)>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Tag {
    #[serde(deserialize_with = "text")]
    pub name: String,
}

/// `GET dagRuns`.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Runs {
    #[serde(deserialize_with = "list")]
    pub dag_runs: Vec<RunRow>,
    #[serde(deserialize_with = "count")]
    pub total_entries: Option<i64>,
}

/// One run.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct RunRow {
    #[serde(deserialize_with = "text")]
    pub dag_id: String,
    #[serde(deserialize_with = "text")]
    pub dag_run_id: String,
    #[serde(deserialize_with = "text")]
    pub state: String,
    #[serde(deserialize_with = "text")]
    pub run_type: String,
    #[serde(deserialize_with = "text")]
    pub queued_at: String,
    #[serde(deserialize_with = "text")]
    pub run_after: String,
    #[serde(deserialize_with = "text")]
    pub logical_date: String,
    #[serde(deserialize_with = "text")]
    pub start_date: String,
    #[serde(deserialize_with = "text")]
    pub end_date: String,
    #[serde(deserialize_with = "text")]
    pub triggering_user_name: String,
    #[serde(deserialize_with = "text")]
    pub note: String,
    pub conf: Value,
}

/// `GET tasks`.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Tasks {
    #[serde(deserialize_with = "list")]
    pub tasks: Vec<TaskRow>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct TaskRow {
    #[serde(deserialize_with = "text")]
    pub task_id: String,
    #[serde(deserialize_with = "text")]
    pub task_display_name: String,
    #[serde(deserialize_with = "text")]
    pub operator_name: String,
    #[serde(deserialize_with = "words")]
    pub downstream_task_ids: Vec<String>,
}

/// `GET taskInstances`, or `POST taskInstances/list`.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Instances {
    #[serde(deserialize_with = "list")]
    pub task_instances: Vec<Instance>,
    #[serde(deserialize_with = "count")]
    pub total_entries: Option<i64>,
}

/// One task of a run.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Instance {
    #[serde(deserialize_with = "text")]
    pub task_id: String,
    #[serde(deserialize_with = "text")]
    pub task_display_name: String,
    #[serde(deserialize_with = "text")]
    pub dag_id: String,
    #[serde(deserialize_with = "text")]
    pub dag_run_id: String,
    #[serde(deserialize_with = "count")]
    pub map_index: Option<i64>,
    #[serde(deserialize_with = "text")]
    pub state: String,
    #[serde(deserialize_with = "count")]
    pub try_number: Option<i64>,
    #[serde(deserialize_with = "count")]
    pub max_tries: Option<i64>,
    #[serde(deserialize_with = "text")]
    pub start_date: String,
    #[serde(deserialize_with = "text")]
    pub end_date: String,
    #[serde(deserialize_with = "text")]
    pub operator_name: String,
    #[serde(deserialize_with = "text")]
    pub operator: String,
    #[serde(deserialize_with = "text")]
    pub hostname: String,
}

/// `GET logs/{try}`. 3.x lists lines, 2.x writes Python's notation of a list into one string.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Log {
    pub content: Value,
    #[serde(deserialize_with = "text")]
    pub continuation_token: String,
}

/// `GET xcomEntries/return_value`.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Xcom {
    pub value: Value,
}

/// `GET xcomEntries` of all tasks: which ones have a result.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Xcoms {
    #[serde(deserialize_with = "list")]
    pub xcom_entries: Vec<XcomRow>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct XcomRow {
    #[serde(deserialize_with = "text")]
    pub task_id: String,
    #[serde(deserialize_with = "text")]
    pub key: String,
    #[serde(deserialize_with = "count")]
    pub map_index: Option<i64>,
}

/// The entries of an object in their order; null is empty.
fn pairs<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<(String, Value)>, D::Error> {
    struct Pairs;

    impl<'de> Visitor<'de> for Pairs {
        type Value = Vec<(String, Value)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(Vec::new())
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut out = Vec::new();
            while let Some(name) = map.next_key::<String>()? {
                if out.len() < super::MOST_PARTS {
                    out.push((name, map.next_value()?));
                } else {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            Ok(out)
        }
    }

    d.deserialize_any(Pairs)
}

/// A part of an orchestrator, as its health call tells of it.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct PartRow {
    pub status: Option<String>,
}

impl PartRow {
    /// Of a part that may be anything: what is no object says nothing.
    pub(super) fn of(value: &Value) -> Self {
        Self::deserialize(value).unwrap_or_default()
    }
}
