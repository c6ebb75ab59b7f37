//! MLflow's JSON as the server writes it. Every field may be absent, null, or of a neighbouring type;
//! nothing here is shown or compared before the map has turned it into the domain's words.

use std::collections::BTreeMap;

use serde::Deserialize;

pub(super) use crate::sources::lenient::decode;
use crate::sources::lenient::{count, flag, float, int, list, nested, text};

/// A key and a value: tags and parameters.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Pair {
    #[serde(deserialize_with = "text")]
    pub key: String,
    #[serde(deserialize_with = "text")]
    pub value: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct AliasRow {
    #[serde(deserialize_with = "text")]
    pub alias: String,
    #[serde(deserialize_with = "text")]
    pub version: String,
}

/// `registered-models/search`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ModelsPage {
    #[serde(deserialize_with = "list")]
    pub registered_models: Vec<ModelRow>,
    #[serde(deserialize_with = "text")]
    pub next_page_token: String,
}

/// `registered-models/get`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ModelAnswer {
    #[serde(deserialize_with = "nested")]
    pub registered_model: ModelRow,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ModelRow {
    #[serde(deserialize_with = "text")]
    pub name: String,
    #[serde(deserialize_with = "int")]
    pub creation_timestamp: i64,
    #[serde(deserialize_with = "int")]
    pub last_updated_timestamp: i64,
    #[serde(deserialize_with = "text")]
    pub description: String,
    #[serde(deserialize_with = "list")]
    pub tags: Vec<Pair>,
    #[serde(deserialize_with = "list")]
    pub aliases: Vec<AliasRow>,
}

/// `model-versions/search`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct VersionsPage {
    #[serde(deserialize_with = "list")]
    pub model_versions: Vec<VersionRow>,
    #[serde(deserialize_with = "text")]
    pub next_page_token: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct VersionRow {
    #[serde(deserialize_with = "text")]
    pub name: String,
    #[serde(deserialize_with = "text")]
    pub version: String,
    #[serde(deserialize_with = "int")]
    pub creation_timestamp: i64,
    #[serde(deserialize_with = "int")]
    pub last_updated_timestamp: i64,
    #[serde(deserialize_with = "text")]
    pub current_stage: String,
    #[serde(deserialize_with = "text")]
    pub description: String,
    #[serde(deserialize_with = "text")]
    pub source: String,
    #[serde(deserialize_with = "text")]
    pub run_id: String,
    #[serde(deserialize_with = "text")]
    pub model_id: String,
    #[serde(deserialize_with = "text")]
    pub status: String,
    #[serde(deserialize_with = "text")]
    pub status_message: String,
    #[serde(deserialize_with = "list")]
    pub tags: Vec<Pair>,
}

/// `model-versions/get` and `registered-models/alias`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct VersionAnswer {
    #[serde(deserialize_with = "nested")]
    pub model_version: VersionRow,
}

/// `experiments/get-by-name`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ExperimentAnswer {
    #[serde(deserialize_with = "nested")]
    pub experiment: ExperimentRow,
}

/// `experiments/create`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ExperimentMade {
    #[serde(deserialize_with = "text")]
    pub experiment_id: String,
}

/// `experiments/search`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ExperimentsPage {
    #[serde(deserialize_with = "list")]
    pub experiments: Vec<ExperimentRow>,
    #[serde(deserialize_with = "text")]
    pub next_page_token: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ExperimentRow {
    #[serde(deserialize_with = "text")]
    pub experiment_id: String,
    #[serde(deserialize_with = "text")]
    pub name: String,
    #[serde(deserialize_with = "text")]
    pub lifecycle_stage: String,
    #[serde(deserialize_with = "int")]
    pub creation_time: i64,
    #[serde(deserialize_with = "int")]
    pub last_update_time: i64,
    #[serde(deserialize_with = "list")]
    pub tags: Vec<Pair>,
}

/// `runs/search`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RunsPage {
    #[serde(deserialize_with = "list")]
    pub runs: Vec<RunRow>,
    #[serde(deserialize_with = "text")]
    pub next_page_token: String,
}

/// `runs/get`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RunAnswer {
    #[serde(deserialize_with = "nested")]
    pub run: RunRow,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RunRow {
    #[serde(deserialize_with = "nested")]
    pub info: RunInfo,
    #[serde(deserialize_with = "nested")]
    pub data: RunData,
    #[serde(deserialize_with = "nested")]
    pub inputs: RunInputs,
    #[serde(deserialize_with = "nested")]
    pub outputs: RunOutputs,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RunInfo {
    #[serde(deserialize_with = "text")]
    pub run_id: String,
    #[serde(deserialize_with = "text")]
    pub run_uuid: String,
    #[serde(deserialize_with = "text")]
    pub experiment_id: String,
    #[serde(deserialize_with = "text")]
    pub run_name: String,
    #[serde(deserialize_with = "text")]
    pub user_id: String,
    #[serde(deserialize_with = "text")]
    pub status: String,
    #[serde(deserialize_with = "int")]
    pub start_time: i64,
    #[serde(deserialize_with = "count")]
    pub end_time: Option<i64>,
    #[serde(deserialize_with = "text")]
    pub lifecycle_stage: String,
    #[serde(deserialize_with = "text")]
    pub artifact_uri: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RunData {
    #[serde(deserialize_with = "list")]
    pub metrics: Vec<MetricRow>,
    #[serde(deserialize_with = "list")]
    pub params: Vec<Pair>,
    #[serde(deserialize_with = "list")]
    pub tags: Vec<Pair>,
}

/// `logged-models/{id}`; only its metrics are read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct LoggedModelAnswer {
    #[serde(deserialize_with = "nested")]
    pub model: LoggedModelRow,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct LoggedModelRow {
    #[serde(deserialize_with = "nested")]
    pub data: LoggedModelData,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct LoggedModelData {
    #[serde(deserialize_with = "list")]
    pub metrics: Vec<LoggedMetricRow>,
}

/// A metric that was linked to a logged model, with the dataset where the client named one.
#[derive(Debug, Deserialize)]
#[serde(default)]
pub(super) struct LoggedMetricRow {
    #[serde(deserialize_with = "text")]
    pub key: String,
    #[serde(deserialize_with = "float")]
    pub value: f64,
    #[serde(deserialize_with = "int")]
    pub timestamp: i64,
    #[serde(deserialize_with = "int")]
    pub step: i64,
    #[serde(deserialize_with = "text")]
    pub dataset_name: String,
    #[serde(deserialize_with = "text")]
    pub dataset_digest: String,
}

#[derive(Debug, Deserialize)]
#[serde(default)]
pub(super) struct MetricRow {
    #[serde(deserialize_with = "text")]
    pub key: String,
    #[serde(deserialize_with = "float")]
    pub value: f64,
    #[serde(deserialize_with = "int")]
    pub timestamp: i64,
    #[serde(deserialize_with = "int")]
    pub step: i64,
    #[serde(deserialize_with = "text")]
    pub run_id: String,
}

impl Default for MetricRow {
    /// An absent value is no number, never zero.
    fn default() -> Self {
        Self {
            key: String::new(),
            value: f64::NAN,
            timestamp: 0,
            step: 0,
            run_id: String::new(),
        }
    }
}

impl Default for LoggedMetricRow {
    /// An absent value is no number, never zero.
    fn default() -> Self {
        Self {
            key: String::new(),
            value: f64::NAN,
            timestamp: 0,
            step: 0,
            dataset_name: String::new(),
            dataset_digest: String::new(),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RunInputs {
    #[serde(deserialize_with = "list")]
    pub dataset_inputs: Vec<DatasetInput>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct DatasetInput {
    #[serde(deserialize_with = "list")]
    pub tags: Vec<Pair>,
    #[serde(deserialize_with = "nested")]
    pub dataset: DatasetRow,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct DatasetRow {
    #[serde(deserialize_with = "text")]
    pub name: String,
    #[serde(deserialize_with = "text")]
    pub digest: String,
    #[serde(deserialize_with = "text")]
    pub source_type: String,
    #[serde(deserialize_with = "text")]
    pub source: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RunOutputs {
    #[serde(deserialize_with = "list")]
    pub model_outputs: Vec<ModelOutput>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ModelOutput {
    #[serde(deserialize_with = "text")]
    pub model_id: String,
}

/// `metrics/get-history` and its bulk forms.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct HistoryPage {
    #[serde(deserialize_with = "list")]
    pub metrics: Vec<MetricRow>,
    #[serde(deserialize_with = "text")]
    pub next_page_token: String,
}

/// `artifacts/list` and a logged model's directory listing.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ArtifactsPage {
    #[serde(deserialize_with = "list")]
    pub files: Vec<FileRow>,
    #[serde(deserialize_with = "text")]
    pub next_page_token: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct FileRow {
    #[serde(deserialize_with = "text")]
    pub path: String,
    #[serde(deserialize_with = "flag")]
    pub is_dir: bool,
    #[serde(deserialize_with = "count")]
    pub file_size: Option<i64>,
}

/// `server-info`: 3.x only, with more keys in later releases.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ServerInfo {
    #[serde(deserialize_with = "text")]
    pub store_type: String,
    #[serde(deserialize_with = "flag")]
    pub workspaces_enabled: bool,
    pub tracking_auth: Option<serde_json::Value>,
}

/// `users/current` of the basic-auth app.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct CurrentUser {
    #[serde(deserialize_with = "nested")]
    pub user: UserRow,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct UserRow {
    #[serde(deserialize_with = "text")]
    pub username: String,
    #[serde(deserialize_with = "flag")]
    pub is_admin: bool,
}

/// `users/current/permissions`: explicit grants only.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Permissions {
    #[serde(deserialize_with = "flag")]
    pub is_admin: bool,
    #[serde(deserialize_with = "list")]
    pub permissions: Vec<Grant>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Grant {
    #[serde(deserialize_with = "text")]
    pub permission: String,
    #[serde(deserialize_with = "text")]
    pub resource_pattern: String,
    #[serde(deserialize_with = "text")]
    pub resource_type: String,
}

/// The `MLmodel` file, YAML.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Mlmodel {
    pub flavors: Option<BTreeMap<String, Option<BTreeMap<String, serde_json::Value>>>>,
    pub mlflow_version: Option<serde_json::Value>,
    pub model_size_bytes: Option<serde_json::Value>,
    pub signature: Option<MlmodelSignature>,
}

/// Three JSON texts inside the YAML.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct MlmodelSignature {
    pub inputs: Option<serde_json::Value>,
    pub outputs: Option<serde_json::Value>,
    pub params: Option<serde_json::Value>,
}
