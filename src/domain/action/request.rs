//! The one request that an act is, for its server: what [`super::Ticket`]s send and what `@` shows are
//! made here and nowhere else. What a server answers is its source's matter.

use serde_json::{Value, json};

use super::act::{Act, Receipt, Tagged};
use super::matcher::Matcher;
use crate::domain::key::Key;
use crate::domain::text::Clean;

/// How a write is called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WriteMethod {
    /// POST.
    Post,
    /// PATCH.
    Patch,
    /// DELETE.
    Delete,
}

impl WriteMethod {
    /// As on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Post => "POST",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// Every request that changes a server. An act has one, and only a ticket for that act sends it: a new
/// variant is a decision and not an accident.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum WriteRoute {
    /// `POST registered-models/alias`.
    MlflowSetAlias,
    /// `DELETE registered-models/alias`.
    MlflowDeleteAlias,
    /// `POST model-versions/transition-stage`.
    MlflowStage,
    /// `POST registered-models/set-tag`.
    MlflowSetModelTag,
    /// `POST model-versions/set-tag`.
    MlflowSetVersionTag,
    /// `DELETE registered-models/delete-tag`.
    MlflowDeleteModelTag,
    /// `DELETE model-versions/delete-tag`.
    MlflowDeleteVersionTag,
    /// `PATCH registered-models/update`.
    MlflowDescribeModel,
    /// `PATCH model-versions/update`.
    MlflowDescribeVersion,
    /// `POST experiments/create`.
    MlflowCreateExperiment,
    /// `POST runs/create`.
    MlflowCreateRun,
    /// `POST runs/log-parameter`: write-once, the only compare-and-swap that the server has.
    MlflowLogParameter,
    /// `POST /v2/repository/models/{m}/load`.
    V2Load(Key),
    /// `POST /api/v2/silences`.
    AlertmanagerSilence,
    /// `DELETE /api/v2/silence/{id}`.
    AlertmanagerExpire(Key),
    /// `POST /api/annotations`.
    GrafanaAnnotate,
    /// `POST dags/{dag}/dagRuns` of version 1 or 2 of Airflow's interface.
    AirflowTrigger(u8, Key),
    /// `PATCH dags/{dag}/dagRuns/{run}`.
    AirflowPatchRun(u8, Key, Key),
    /// `POST dags/{dag}/dagRuns/{run}/clear`.
    AirflowClearRun(u8, Key, Key),
    /// `POST dags/{dag}/clearTaskInstances`.
    AirflowClearTasks(u8, Key),
}

impl WriteRoute {
    /// Method and path, percent-encoded, to be joined to the source's base URL.
    pub fn line(&self) -> (WriteMethod, String) {
        use WriteMethod::{Delete, Patch, Post};
        let mlflow = |path: &str| format!("/api/2.0/mlflow/{path}");
        let airflow = |api: &u8, path: String| {
            let version = if *api < 3 { "v1" } else { "v2" };
            format!("/api/{version}/dags/{path}")
        };
        match self {
            Self::MlflowSetAlias => (Post, mlflow("registered-models/alias")),
            Self::MlflowDeleteAlias => (Delete, mlflow("registered-models/alias")),
            Self::MlflowStage => (Post, mlflow("model-versions/transition-stage")),
            Self::MlflowSetModelTag => (Post, mlflow("registered-models/set-tag")),
            Self::MlflowSetVersionTag => (Post, mlflow("model-versions/set-tag")),
            Self::MlflowDeleteModelTag => (Delete, mlflow("registered-models/delete-tag")),
            Self::MlflowDeleteVersionTag => (Delete, mlflow("model-versions/delete-tag")),
            Self::MlflowDescribeModel => (Patch, mlflow("registered-models/update")),
            Self::MlflowDescribeVersion => (Patch, mlflow("model-versions/update")),
            Self::MlflowCreateExperiment => (Post, mlflow("experiments/create")),
            Self::MlflowCreateRun => (Post, mlflow("runs/create")),
            Self::MlflowLogParameter => (Post, mlflow("runs/log-parameter")),
            Self::V2Load(name) => (
                Post,
                format!("/v2/repository/models/{}/load", name.segment()),
            ),
            Self::AlertmanagerSilence => (Post, "/api/v2/silences".to_owned()),
            Self::AlertmanagerExpire(id) => (Delete, format!("/api/v2/silence/{}", id.segment())),
            Self::GrafanaAnnotate => (Post, "/api/annotations".to_owned()),
            Self::AirflowTrigger(api, dag) => {
                (Post, airflow(api, format!("{}/dagRuns", dag.segment())))
            }
            Self::AirflowPatchRun(api, dag, run) => {
                let path = format!("{}/dagRuns/{}", dag.segment(), run.segment());
                (Patch, airflow(api, path))
            }
            Self::AirflowClearRun(api, dag, run) => {
                let path = format!("{}/dagRuns/{}/clear", dag.segment(), run.segment());
                (Post, airflow(api, path))
            }
            Self::AirflowClearTasks(api, dag) => (
                Post,
                airflow(api, format!("{}/clearTaskInstances", dag.segment())),
            ),
        }
    }
}

/// A request: route and body.
#[derive(Clone, PartialEq, Debug)]
pub struct Request {
    /// The route.
    pub route: WriteRoute,
    /// The JSON body.
    pub body: Option<Value>,
}

impl Request {
    /// `POST /path {body}`, for `@`, plans and dry runs.
    pub fn text(&self) -> Clean {
        let (method, path) = self.route.line();
        let body = self.body.as_ref().map(|body| format!(" {body}"));
        Clean::text(&format!(
            "{} {path}{}",
            method.word(),
            body.unwrap_or_default()
        ))
    }

    /// Whether it needs an identity that no earlier step has given: it can be shown and not sent.
    pub fn waits(&self) -> bool {
        let fields = self.body.as_ref().and_then(Value::as_object);
        fields.is_some_and(|fields| fields.values().any(|value| value == LATER))
    }
}

/// What stands in a request where the answer of an earlier step will be.
const LATER: &str = "(of the step before)";

impl Act {
    /// Its request; `None` where it sends none over HTTP. `earlier` are the receipts of the steps
    /// before it, oldest first, as far as they are known.
    #[expect(clippy::too_many_lines, reason = "a table: one arm an act")]
    pub fn request(&self, earlier: &[Receipt]) -> Option<Request> {
        let made = || {
            let id = earlier.iter().rev().find_map(|receipt| receipt.id.as_ref());
            id.map_or(LATER, Key::raw).to_owned()
        };
        let (route, body) = match self {
            Self::MoveAlias {
                model, alias, to, ..
            } => (
                WriteRoute::MlflowSetAlias,
                json!({"name": model.name.raw(), "alias": alias.raw(), "version": to.version.raw()}),
            ),
            Self::DeleteAlias { model, alias, .. } => (
                WriteRoute::MlflowDeleteAlias,
                json!({"name": model.name.raw(), "alias": alias.raw()}),
            ),
            Self::SetStage {
                version,
                to,
                archive,
                ..
            } => (
                WriteRoute::MlflowStage,
                json!({
                    "name": version.model.name.raw(), "version": version.version.raw(),
                    "stage": to.raw(), "archive_existing_versions": archive,
                }),
            ),
            Self::SetTag {
                of: Tagged::Model(model),
                key,
                to,
                ..
            } => (
                WriteRoute::MlflowSetModelTag,
                json!({"name": model.name.raw(), "key": key.raw(), "value": to.raw()}),
            ),
            Self::SetTag {
                of: Tagged::Version(version),
                key,
                to,
                ..
            } => (
                WriteRoute::MlflowSetVersionTag,
                json!({
                    "name": version.model.name.raw(), "version": version.version.raw(),
                    "key": key.raw(), "value": to.raw(),
                }),
            ),
            Self::DeleteTag {
                of: Tagged::Model(model),
                key,
                ..
            } => (
                WriteRoute::MlflowDeleteModelTag,
                json!({"name": model.name.raw(), "key": key.raw()}),
            ),
            Self::DeleteTag {
                of: Tagged::Version(version),
                key,
                ..
            } => (
                WriteRoute::MlflowDeleteVersionTag,
                json!({
                    "name": version.model.name.raw(), "version": version.version.raw(),
                    "key": key.raw(),
                }),
            ),
            Self::Describe {
                of: Tagged::Model(model),
                to,
                ..
            } => (
                WriteRoute::MlflowDescribeModel,
                json!({"name": model.name.raw(), "description": to.raw()}),
            ),
            Self::Describe {
                of: Tagged::Version(version),
                to,
                ..
            } => (
                WriteRoute::MlflowDescribeVersion,
                json!({
                    "name": version.model.name.raw(), "version": version.version.raw(),
                    "description": to.raw(),
                }),
            ),
            Self::MakeLedger { name } => (
                WriteRoute::MlflowCreateExperiment,
                json!({"name": name.raw()}),
            ),
            Self::MakeLedgerRun { model, .. } => (
                WriteRoute::MlflowCreateRun,
                json!({
                    "experiment_id": made(), "run_name": model.name.raw(),
                    "tags": [{"key": LEDGER_TAG, "value": model.name.raw()}],
                }),
            ),
            Self::Claim {
                alias,
                number,
                intent,
                ..
            } => (
                WriteRoute::MlflowLogParameter,
                json!({
                    "run_id": made(), "key": claim_name(alias, *number), "value": intent.raw(),
                }),
            ),
            Self::EndClaim {
                alias,
                number,
                nonce,
                ..
            } => {
                // The ledger's experiment has told its identity first, its run after it.
                let run = earlier.iter().filter_map(|receipt| receipt.id.as_ref());
                let run = run.clone().nth(1).map_or(LATER, Key::raw);
                (
                    WriteRoute::MlflowLogParameter,
                    json!({
                        "run_id": run, "key": ended_name(alias, *number), "value": nonce.raw(),
                    }),
                )
            }
            Self::LoadModel { deployment, .. } => {
                (WriteRoute::V2Load(deployment.name.clone()), json!({}))
            }
            Self::Silence {
                matchers,
                starts,
                ends,
                by,
                comment,
                nonce,
            } => (
                WriteRoute::AlertmanagerSilence,
                json!({
                    "matchers": matchers.iter().map(matcher).collect::<Vec<_>>(),
                    "startsAt": starts.rfc3339(), "endsAt": ends.rfc3339(),
                    "createdBy": by.as_str(), "comment": format!("{comment} [{}]", nonce.raw()),
                }),
            ),
            Self::ExpireSilence { id } => {
                let route = WriteRoute::AlertmanagerExpire(id.clone());
                return Some(Request { route, body: None });
            }
            Self::Annotate {
                at,
                text,
                tags,
                nonce,
            } => {
                let tags: Vec<_> = tags.iter().chain([nonce]).map(Key::raw).collect();
                (
                    WriteRoute::GrafanaAnnotate,
                    json!({"time": at.0, "tags": tags, "text": text.as_str()}),
                )
            }
            Self::TriggerRun {
                pipeline,
                run,
                parameters,
                note,
                api,
            } => {
                let conf: Value = serde_json::from_str(parameters.raw()).unwrap_or(Value::Null);
                let mut body = json!({
                    "dag_run_id": run.raw(), "conf": conf, "note": note.as_str(),
                });
                // Version 3 insists on the field and version 2 refuses it when it is null.
                if *api >= 3 {
                    body["logical_date"] = Value::Null;
                }
                (WriteRoute::AirflowTrigger(*api, pipeline.clone()), body)
            }
            Self::CancelRun {
                pipeline,
                run,
                note,
                api,
            } => {
                let mut body = json!({"state": "failed"});
                // Version 2 takes notes at another address.
                if *api >= 3 {
                    body["note"] = json!(note.as_str());
                }
                (
                    WriteRoute::AirflowPatchRun(*api, pipeline.clone(), run.clone()),
                    body,
                )
            }
            Self::RetryRun {
                pipeline,
                run,
                tasks,
                api,
                ..
            } if tasks.is_empty() && *api >= 3 => (
                WriteRoute::AirflowClearRun(*api, pipeline.clone(), run.clone()),
                json!({"dry_run": false, "only_failed": true}),
            ),
            Self::RetryRun {
                pipeline,
                run,
                tasks,
                api,
                ..
            } => {
                let mut body = json!({
                    "dry_run": false, "dag_run_id": run.raw(), "only_failed": tasks.is_empty(),
                    // Version 2 leaves the run failed unless it is told otherwise, and nothing of it runs.
                    "reset_dag_runs": true,
                });
                if !tasks.is_empty() {
                    let tasks: Vec<_> = tasks.iter().map(Key::raw).collect();
                    body["task_ids"] = json!(tasks);
                    body["include_downstream"] = json!(true);
                }
                (WriteRoute::AirflowClearTasks(*api, pipeline.clone()), body)
            }
            Self::AwaitServed { .. } | Self::AwaitRun { .. } | Self::RunHook { .. } => return None,
        };
        Some(Request {
            route,
            body: Some(body),
        })
    }
}

/// The tag of a ledger's run: the model whose claims it holds.
pub const LEDGER_TAG: &str = "quarterdeck.claims_of";

/// The name of a claim's parameter.
pub fn claim_name(alias: &Key, number: u32) -> String {
    format!("{}.{number}", alias.raw())
}

/// The name of the parameter that ends a claim. A console that does not know it takes it for none.
pub fn ended_name(alias: &Key, number: u32) -> String {
    format!("{}.ended", claim_name(alias, number))
}

fn matcher(matcher: &Matcher) -> Value {
    json!({
        "name": matcher.name.raw(), "value": matcher.value.raw(),
        "isRegex": matcher.regex, "isEqual": matcher.equal,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::action::act::Pin;
    use crate::domain::key::{ModelKey, RegistryKey};
    use crate::domain::time::Millis;

    fn churn() -> ModelKey {
        ModelKey {
            registry: Arc::new(RegistryKey {
                base: Key::new("http://ml.test"),
                workspace: Key::new(""),
            }),
            name: Key::new("churn"),
            created: Millis(1),
        }
    }

    #[test]
    fn what_is_shown_is_what_is_sent() {
        let act = Act::MoveAlias {
            model: churn(),
            alias: Key::new("champion"),
            from: None,
            to: Pin {
                version: Key::new("7"),
                created: Millis(2),
            },
        };
        let request = act.request(&[]).expect("a request");
        assert_eq!(
            request.text().as_str(),
            r#"POST /api/2.0/mlflow/registered-models/alias {"alias":"champion","name":"churn","version":"7"}"#
        );
    }

    #[test]
    fn a_step_takes_the_identity_that_the_step_before_received() {
        let act = Act::Claim {
            name: Key::new("ledger"),
            model: churn(),
            alias: Key::new("champion"),
            number: 3,
            intent: Key::new("{}"),
        };
        let run = |earlier: &[Receipt]| {
            let body = act.request(earlier).and_then(|request| request.body);
            body.map(|body| body["run_id"].clone())
        };
        assert_eq!(run(&[]), Some(json!(LATER)));
        let receipt = Receipt {
            id: Some(Key::new("r1")),
            words: Clean::empty(),
        };
        let earlier = [receipt, Receipt::default()];
        assert_eq!(run(&earlier), Some(json!("r1")));
        let waits = |earlier: &[Receipt]| act.request(earlier).is_some_and(|r| r.waits());
        assert_eq!((waits(&[]), waits(&earlier)), (true, false));
    }

    #[test]
    fn version_three_of_airflow_insists_on_a_date_that_version_two_refuses() {
        let trigger = |api| Act::TriggerRun {
            pipeline: Key::new("retrain/churn"),
            run: Key::new("qd__1"),
            parameters: Key::new(r#"{"epochs":2}"#),
            note: Clean::text("drift"),
            api,
        };
        let text = |api| {
            trigger(api)
                .request(&[])
                .expect("a request")
                .text()
                .to_string()
        };
        assert!(text(3).starts_with("POST /api/v2/dags/retrain%2Fchurn/dagRuns "));
        assert!(text(3).contains(r#""logical_date":null"#));
        assert!(text(2).starts_with("POST /api/v1/dags/"));
        assert!(!text(2).contains("logical_date"));
    }
}
