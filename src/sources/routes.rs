//! Every request that changes nothing, as a closed enum. Its counterpart, the requests that change a
//! server and need a ticket, is [`crate::domain::action::WriteRoute`].
//!
//! The HTTP method does not tell them apart: a search by POST is a read.

use crate::domain::key::Key;

/// A request that changes nothing on the server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ReadRoute {
    /// `GET /health`: alive, without a database check.
    MlflowHealth,
    /// `GET /version`: the package version.
    MlflowVersion,
    /// `GET /api/3.0/mlflow/server-info`.
    MlflowServerInfo,
    /// `GET /api/2.0/mlflow/users/current`: who we are under basic-auth.
    MlflowCurrentUser,
    /// `GET /api/3.0/mlflow/users/current/permissions`.
    MlflowPermissions,
    /// `GET experiments/get-by-name`: deleted ones too.
    MlflowExperimentByName,
    /// `POST experiments/search`.
    MlflowExperiments,
    /// `POST runs/search`.
    MlflowRuns,
    /// `GET runs/get`.
    MlflowRun,
    /// `GET metrics/get-history`.
    MlflowHistory,
    /// `GET metrics/get-history-bulk-interval`.
    MlflowHistoryInterval,
    /// `GET registered-models/search`.
    MlflowModels,
    /// `GET registered-models/get`.
    MlflowModel,
    /// `GET registered-models/alias`.
    MlflowAlias,
    /// `GET model-versions/search`.
    MlflowVersions,
    /// `GET model-versions/get`.
    MlflowVersionGet,
    /// `POST logged-models/search`.
    MlflowLoggedModels,
    /// `GET artifacts/list`.
    MlflowArtifacts,
    /// `GET logged-models/{id}`.
    MlflowLoggedModel(Key),
    /// `GET logged-models/{id}/artifacts/directories`.
    MlflowLoggedModelArtifacts(Key),
    /// `GET /model-versions/get-artifact`: a file of a version's package.
    MlflowVersionFile,
    /// `GET /v2`: server name and version.
    V2Server,
    /// `GET /v2/health/ready`.
    V2Ready,
    /// `GET /v2/models/{m}/ready`, or of one version.
    V2ModelReady(Key, Option<Key>),
    /// `GET /v2/models/{m}`: metadata.
    V2Model(Key),
    /// `POST /v2/repository/index`: the versions, where the server has a repository.
    V2Index,
    /// `GET /v1/models/{m}`: TensorFlow Serving's version states.
    TfModel(Key),
    /// `GET /readyz` of a `BentoML` server.
    BentoReady,
    /// `GET /metrics` of a `BentoML` server.
    BentoMetrics,
    /// `GET /docs.json` of a `BentoML` server.
    BentoDocs,
    /// `GET /ping` of `mlflow models serve`.
    ScoringPing,
    /// `GET /version` of `mlflow models serve`: the package version, never the model's.
    ScoringVersion,
    /// `GET /api/v2/status` of an Alertmanager.
    AlertmanagerStatus,
    /// `GET /api/v2/alerts`.
    AlertmanagerAlerts,
    /// `GET /api/v2/alerts/groups`.
    AlertmanagerGroups,
    /// `GET /api/v2/silences`.
    AlertmanagerSilences,
    /// `GET /api/version` of Evidently's service.
    EvidentlyVersion,
    /// `GET /api/projects`.
    EvidentlyProjects,
    /// `POST /api/v2/snapshots/{project}/data_series_batch`: the values of all runs.
    EvidentlySeries(Key),
    /// `GET /api/projects/{project}/{run}/download`: a run's report.
    EvidentlyReport(Key, Key),
    /// `GET /api/projects/{project}/{run}/data`: what the service draws of a run.
    EvidentlyData(Key, Key),
    /// The address itself: one report, as a file.
    EvidentlyFile,
    /// `GET /api/health` of Grafana.
    GrafanaHealth,
    /// `GET /api/annotations`.
    GrafanaAnnotations,
    /// `GET /api/search`.
    GrafanaSearch,
    /// `GET /api/prometheus/grafana/api/v1/rules`: its own rules and their alerts.
    GrafanaRules,
    /// `GET /api/v1/status/buildinfo`: which server speaks Prometheus's API.
    PrometheusBuildInfo,
    /// `POST /api/v1/query`, or GET where a proxy allows nothing else: an instant query.
    PrometheusQuery(Method),
    /// `POST /api/v1/query_range`, or GET: a range query.
    PrometheusRange(Method),
    /// `GET /api/v1/rules`: rules with their alerts, pending and firing.
    PrometheusRules,
    /// `POST /auth/token` of Airflow 3: a token for a user and a password. It changes nothing.
    AirflowLogin,
    /// `GET version` of Airflow.
    AirflowVersion(AirflowApi),
    /// `GET monitor/health`, or `GET health`: how its parts stand.
    AirflowHealth(AirflowApi),
    /// `GET dags`.
    AirflowDags(AirflowApi),
    /// `GET dags/{dag}/details`: with the schema of the parameters.
    AirflowDetails(AirflowApi, Key),
    /// `GET dags/{dag}/tasks`: the graph.
    AirflowTasks(AirflowApi, Key),
    /// `GET dags/{dag}/dagRuns`, of all definitions without one.
    AirflowRuns(AirflowApi, Option<Key>),
    /// `GET dags/{dag}/dagRuns/{run}`.
    AirflowRun(AirflowApi, Key, Key),
    /// `GET dags/{dag}/dagRuns/{run}/taskInstances`.
    AirflowInstances(AirflowApi, Key, Key),
    /// `POST dags/~/dagRuns/~/taskInstances/list`: a search over many runs.
    AirflowInstanceList(AirflowApi),
    /// `GET dags/{dag}/dagRuns/{run}/taskInstances/{task}/logs/{attempt}`.
    AirflowLog(AirflowApi, Key, Key, Key, u32),
    /// `GET dags/{dag}/dagRuns/{run}/taskInstances/~/xcomEntries`: which tasks have results.
    AirflowResults(AirflowApi, Key, Key),
    /// `GET dags/{dag}/dagRuns/{run}/taskInstances/{task}/xcomEntries/return_value`.
    AirflowResult(AirflowApi, Key, Key, Key),
}

/// The version of Airflow's REST interface.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AirflowApi {
    /// `/api/v1`, of Airflow 2.
    V1,
    /// `/api/v2`, of Airflow 3.
    V2,
}

/// How a route is called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    /// GET.
    Get,
    /// POST.
    Post,
}

impl ReadRoute {
    /// Method and path, percent-encoded, to be joined to the source's base URL.
    #[expect(clippy::too_many_lines, reason = "a table: one arm a route")]
    pub fn line(&self) -> (Method, String) {
        use Method::{Get, Post};
        let api = |path: &str| format!("/api/2.0/mlflow/{path}");
        match self {
            Self::MlflowHealth => (Get, "/health".to_owned()),
            Self::MlflowVersion | Self::ScoringVersion => (Get, "/version".to_owned()),
            Self::MlflowServerInfo => (Get, "/api/3.0/mlflow/server-info".to_owned()),
            Self::MlflowCurrentUser => (Get, api("users/current")),
            Self::MlflowPermissions => {
                (Get, "/api/3.0/mlflow/users/current/permissions".to_owned())
            }
            Self::MlflowExperimentByName => (Get, api("experiments/get-by-name")),
            Self::MlflowExperiments => (Post, api("experiments/search")),
            Self::MlflowRuns => (Post, api("runs/search")),
            Self::MlflowRun => (Get, api("runs/get")),
            Self::MlflowHistory => (Get, api("metrics/get-history")),
            Self::MlflowHistoryInterval => (Get, api("metrics/get-history-bulk-interval")),
            Self::MlflowModels => (Get, api("registered-models/search")),
            Self::MlflowModel => (Get, api("registered-models/get")),
            Self::MlflowAlias => (Get, api("registered-models/alias")),
            Self::MlflowVersions => (Get, api("model-versions/search")),
            Self::MlflowVersionGet => (Get, api("model-versions/get")),
            Self::MlflowLoggedModels => (Post, api("logged-models/search")),
            Self::MlflowArtifacts => (Get, api("artifacts/list")),
            Self::MlflowLoggedModel(id) => (Get, api(&format!("logged-models/{}", id.segment()))),
            Self::MlflowLoggedModelArtifacts(id) => (
                Get,
                api(&format!(
                    "logged-models/{}/artifacts/directories",
                    id.segment()
                )),
            ),
            Self::MlflowVersionFile => (Get, "/model-versions/get-artifact".to_owned()),
            Self::V2Server => (Get, "/v2".to_owned()),
            Self::V2Ready => (Get, "/v2/health/ready".to_owned()),
            Self::V2ModelReady(name, None) => (Get, format!("/v2/models/{}/ready", name.segment())),
            Self::V2ModelReady(name, Some(version)) => (
                Get,
                format!(
                    "/v2/models/{}/versions/{}/ready",
                    name.segment(),
                    version.segment()
                ),
            ),
            Self::V2Model(name) => (Get, format!("/v2/models/{}", name.segment())),
            Self::V2Index => (Post, "/v2/repository/index".to_owned()),
            Self::TfModel(name) => (Get, format!("/v1/models/{}", name.segment())),
            Self::BentoReady => (Get, "/readyz".to_owned()),
            Self::BentoMetrics => (Get, "/metrics".to_owned()),
            Self::BentoDocs => (Get, "/docs.json".to_owned()),
            Self::ScoringPing => (Get, "/ping".to_owned()),
            Self::AlertmanagerStatus => (Get, "/api/v2/status".to_owned()),
            Self::AlertmanagerAlerts => (Get, "/api/v2/alerts".to_owned()),
            Self::AlertmanagerGroups => (Get, "/api/v2/alerts/groups".to_owned()),
            Self::AlertmanagerSilences => (Get, "/api/v2/silences".to_owned()),
            Self::EvidentlyVersion => (Get, "/api/version".to_owned()),
            Self::EvidentlyProjects => (Get, "/api/projects".to_owned()),
            Self::EvidentlySeries(project) => {
                let project = project.segment();
                (
                    Post,
                    format!("/api/v2/snapshots/{project}/data_series_batch"),
                )
            }
            Self::EvidentlyReport(project, run) => {
                let (project, run) = (project.segment(), run.segment());
                (Get, format!("/api/projects/{project}/{run}/download"))
            }
            Self::EvidentlyData(project, run) => {
                let (project, run) = (project.segment(), run.segment());
                (Get, format!("/api/projects/{project}/{run}/data"))
            }
            Self::EvidentlyFile => (Get, String::new()),
            Self::GrafanaHealth => (Get, "/api/health".to_owned()),
            Self::GrafanaAnnotations => (Get, "/api/annotations".to_owned()),
            Self::GrafanaSearch => (Get, "/api/search".to_owned()),
            Self::GrafanaRules => (Get, "/api/prometheus/grafana/api/v1/rules".to_owned()),
            Self::PrometheusBuildInfo => (Get, "/api/v1/status/buildinfo".to_owned()),
            Self::PrometheusQuery(method) => (*method, "/api/v1/query".to_owned()),
            Self::PrometheusRange(method) => (*method, "/api/v1/query_range".to_owned()),
            Self::PrometheusRules => (Get, "/api/v1/rules".to_owned()),
            Self::AirflowLogin => (Post, "/auth/token".to_owned()),
            Self::AirflowInstanceList(api) => (
                Post,
                format!("{}/dags/~/dagRuns/~/taskInstances/list", api.root()),
            ),
            Self::AirflowVersion(api) => (Get, format!("{}/version", api.root())),
            Self::AirflowHealth(AirflowApi::V1) => (Get, "/api/v1/health".to_owned()),
            Self::AirflowHealth(AirflowApi::V2) => (Get, "/api/v2/monitor/health".to_owned()),
            Self::AirflowDags(api) => (Get, format!("{}/dags", api.root())),
            Self::AirflowDetails(api, dag) => (Get, format!("{}/details", api.dag(dag))),
            Self::AirflowTasks(api, dag) => (Get, format!("{}/tasks", api.dag(dag))),
            Self::AirflowRuns(api, None) => (Get, format!("{}/dags/~/dagRuns", api.root())),
            Self::AirflowRuns(api, Some(dag)) => (Get, format!("{}/dagRuns", api.dag(dag))),
            Self::AirflowRun(api, dag, run) => (Get, api.run(dag, run)),
            Self::AirflowInstances(api, dag, run) => {
                (Get, format!("{}/taskInstances", api.run(dag, run)))
            }
            Self::AirflowLog(api, dag, run, task, attempt) => {
                (Get, format!("{}/logs/{attempt}", api.task(dag, run, task)))
            }
            Self::AirflowResults(api, dag, run) => (
                Get,
                format!("{}/taskInstances/~/xcomEntries", api.run(dag, run)),
            ),
            Self::AirflowResult(api, dag, run, task) => (
                Get,
                format!("{}/xcomEntries/return_value", api.task(dag, run, task)),
            ),
        }
    }
}

impl AirflowApi {
    fn root(self) -> &'static str {
        match self {
            Self::V1 => "/api/v1",
            Self::V2 => "/api/v2",
        }
    }

    fn dag(self, dag: &Key) -> String {
        format!("{}/dags/{}", self.root(), dag.segment())
    }

    fn run(self, dag: &Key, run: &Key) -> String {
        format!("{}/dagRuns/{}", self.dag(dag), run.segment())
    }

    fn task(self, dag: &Key, run: &Key, task: &Key) -> String {
        format!("{}/taskInstances/{}", self.run(dag, run), task.segment())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_its_path_segment() {
        let (_, path) = ReadRoute::V2Model(Key::new("../a/b?c#d é")).line();
        assert_eq!(path, "/v2/models/..%2Fa%2Fb%3Fc%23d%20%C3%A9");
    }
}
