//! Every kind of write: the step that does it, where it is sent to, who could be quicker, and whether it is
//! so, by the server's own word and past the adapter.

use std::time::Duration;

use quarterdeck::domain::action::claims::{self, CLAIM_HOLDS, Intent, LEDGER};
use quarterdeck::domain::action::{Act, Matcher, Pin, Step, Tagged};
use quarterdeck::domain::key::{Key, SourceId};
use quarterdeck::domain::text::Clean;
use quarterdeck::domain::time::Millis;
use serde_json::{Value, json};

use crate::stage::{MODEL, SERVED, Stage, fresh};

/// What becomes of a step whose target somebody else has changed since it was planned.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Changed {
    /// It is another's now: nothing is sent.
    Moved,
    /// Somebody else has done the very thing: nothing is sent.
    Already,
    /// It cannot be: why.
    NoMeaning(&'static str),
}

/// A kind of write.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// The server it is sent to, and a part of the path: no other step of its plan goes there.
    pub(crate) at: (&'static str, &'static str),
    /// The steps of its plan; the last one is under test, the others stand ready for it.
    pub(crate) steps: fn(&Stage) -> Vec<Step>,
    /// Somebody else changes its target.
    pub(crate) rival: fn(&Stage, &Act),
    pub(crate) changed: Changed,
}

const OURS_ALONE: &str = "its identity is random and ours alone";

pub(crate) const KINDS: [Kind; 17] = [
    Kind {
        name: "move alias",
        at: ("mlflow", "registered-models/alias"),
        steps: |stage| one("mlflow", move_alias(stage, "champion", "7", "6")),
        rival: |stage, _| assert!(stage.fleet.set_alias(MODEL, "champion", 5)),
        changed: Changed::Moved,
    },
    Kind {
        name: "delete alias",
        at: ("mlflow", "registered-models/alias"),
        steps: |stage| {
            assert!(stage.fleet.set_alias(MODEL, "shadow", 6));
            let act = move_alias(stage, "shadow", "5", "6").inverse(None);
            let Some(Act::MoveAlias {
                model,
                alias,
                from: Some(from),
                ..
            }) = act
            else {
                panic!("an inverse")
            };
            one("mlflow", Act::DeleteAlias { model, alias, from })
        },
        rival: |stage, _| assert!(stage.fleet.set_alias(MODEL, "shadow", 5)),
        changed: Changed::Moved,
    },
    Kind {
        name: "stage",
        at: ("mlflow", "transition-stage"),
        steps: |stage| one("mlflow", stage_of(stage)),
        rival: |stage, act| {
            let Act::SetStage { version, .. } = act else {
                panic!("a stage")
            };
            let body = json!({"name": MODEL, "version": version.version.raw(), "stage": "Archived",
                "archive_existing_versions": false});
            stage.change("POST", "model-versions/transition-stage", &body);
        },
        changed: Changed::Moved,
    },
    Kind {
        name: "set tag of a model",
        at: ("mlflow", "registered-models/set-tag"),
        steps: |stage| {
            let of = Tagged::Model(stage.model(MODEL));
            one("mlflow", set_tag(of, "quarterdeck.ack", "until noon"))
        },
        rival: |stage, _| {
            assert!(
                stage
                    .fleet
                    .set_model_tag(MODEL, "quarterdeck.ack", "theirs")
            );
        },
        changed: Changed::Moved,
    },
    Kind {
        name: "set tag of a version",
        at: ("mlflow", "model-versions/set-tag"),
        steps: |stage| {
            let of = Tagged::Version(stage.version(MODEL, "6").0);
            one("mlflow", set_tag(of, "quarterdeck.promoted_by", "ana"))
        },
        rival: |stage, _| {
            let theirs = "quarterdeck.promoted_by";
            assert!(stage.fleet.set_version_tag(MODEL, 6, theirs, "bob"));
        },
        changed: Changed::Moved,
    },
    Kind {
        name: "delete tag",
        at: ("mlflow", "registered-models/delete-tag"),
        steps: |stage| {
            assert!(stage.fleet.set_model_tag(MODEL, "old", "x"));
            let act = Act::DeleteTag {
                created: None,
                of: Tagged::Model(stage.model(MODEL)),
                key: Key::new("old"),
                from: Key::new("x"),
            };
            one("mlflow", act)
        },
        rival: |stage, _| assert!(stage.fleet.set_model_tag(MODEL, "old", "y")),
        changed: Changed::Moved,
    },
    Kind {
        name: "describe",
        at: ("mlflow", "model-versions/update"),
        steps: |stage| one("mlflow", describe(stage)),
        rival: |stage, _| {
            let body = json!({"name": MODEL, "version": "6", "description": "theirs"});
            stage.change("PATCH", "model-versions/update", &body);
        },
        changed: Changed::Moved,
    },
    Kind {
        name: "make the ledger",
        at: ("mlflow", "experiments/create"),
        steps: |stage| claim(stage)[..1].to_vec(),
        rival: |stage, _| {
            stage.change("POST", "experiments/create", &json!({"name": LEDGER}));
        },
        changed: Changed::Already,
    },
    Kind {
        name: "make the ledger's run",
        at: ("mlflow", "runs/create"),
        steps: |stage| claim(stage)[..2].to_vec(),
        rival: |stage, _| {
            ledger_run(stage);
        },
        changed: Changed::Already,
    },
    Kind {
        name: "claim",
        at: ("mlflow", "runs/log-parameter"),
        steps: claim,
        rival: |stage, act| {
            let Act::Claim { number, .. } = act else {
                panic!("a claim")
            };
            let run = ledger_run(stage);
            let body = json!({"run_id": run, "key": format!("champion.{number}"),
                "value": intent(stage).text().raw()});
            stage.change("POST", "runs/log-parameter", &body);
        },
        changed: Changed::Moved,
    },
    Kind {
        name: "v2-load",
        at: (SERVED.0, "/load"),
        steps: |stage| {
            // Its repository follows the registry.
            assert!(stage.fleet.set_alias(SERVED.1, "champion", 15));
            one(SERVED.0, load(stage, "16", "15"))
        },
        rival: |stage, _| assert!(stage.fleet.serve_version(SERVED.0, 14)),
        changed: Changed::Moved,
    },
    Kind {
        name: "silence",
        at: ("alertmanager", "/silences"),
        steps: |stage| one("alertmanager", silence(stage)),
        rival: |_, _| {},
        changed: Changed::NoMeaning(OURS_ALONE),
    },
    Kind {
        name: "expire silence",
        at: ("alertmanager", "/silence/"),
        steps: |stage| {
            let id = Key::new(&silenced(stage));
            one("alertmanager", Act::ExpireSilence { id })
        },
        rival: |stage, act| {
            let Act::ExpireSilence { id } = act else {
                panic!("an end")
            };
            let path = format!("/api/v2/silence/{}", id.raw());
            stage.ask("DELETE", "alertmanager", &path, &Value::Null);
        },
        changed: Changed::Already,
    },
    Kind {
        name: "annotate",
        at: ("grafana", "/api/annotations"),
        steps: |stage| one("grafana", annotate(stage)),
        rival: |_, _| {},
        changed: Changed::NoMeaning(OURS_ALONE),
    },
    Kind {
        name: "trigger run",
        at: ("airflow", "retrain_ad_ctr/dagRuns"),
        steps: |_| one("airflow", trigger()),
        rival: |_, _| {},
        changed: Changed::NoMeaning(OURS_ALONE),
    },
    Kind {
        name: "cancel run",
        at: ("airflow", "retrain_ad_ctr/dagRuns/theirs"),
        steps: |stage| one("airflow", cancel(stage)),
        // It ends well before.
        rival: |stage, _| stage.clock.advance(Duration::from_secs(120)),
        changed: Changed::Moved,
    },
    Kind {
        name: "retry run",
        at: ("airflow", "retrain_ad_ctr/dagRuns/failed/clear"),
        steps: |stage| one("airflow", retry(stage)),
        rival: |stage, _| {
            let body = json!({"dry_run": false, "only_failed": true});
            let path = "/api/v2/dags/retrain_ad_ctr/dagRuns/failed/clear";
            let (status, said) = stage.ask("POST", "airflow", path, &body);
            assert_eq!(status, 200, "{said}");
        },
        changed: Changed::Already,
    },
];

fn one(source: &str, act: Act) -> Vec<Step> {
    vec![Step::required(&SourceId::new(source), act)]
}

fn pin(stage: &Stage, model: &str, version: &str) -> Pin {
    let (key, created) = stage.version(model, version);
    Pin {
        version: key.version,
        created,
    }
}

pub(crate) fn move_alias(stage: &Stage, alias: &str, from: &str, to: &str) -> Act {
    Act::MoveAlias {
        model: stage.model(MODEL),
        alias: Key::new(alias),
        from: Some(pin(stage, MODEL, from)),
        to: pin(stage, MODEL, to),
    }
}

pub(crate) fn set_tag(of: Tagged, key: &str, to: &str) -> Act {
    Act::SetTag {
        created: None,
        of,
        key: Key::new(key),
        from: None,
        to: Key::new(to),
    }
}

pub(crate) fn stage_of(stage: &Stage) -> Act {
    let row = stage.registry(&format!("model-versions/get?name={MODEL}&version=5"));
    let from = row["model_version"]["current_stage"].as_str();
    Act::SetStage {
        created: Some(pin(stage, MODEL, "5").created),
        version: stage.version(MODEL, "5").0,
        from: Key::new(from.unwrap_or("None")),
        to: Key::new("Staging"),
        archive: false,
    }
}

pub(crate) fn describe(stage: &Stage) -> Act {
    let row = stage.registry(&format!("model-versions/get?name={MODEL}&version=6"));
    let from = row["model_version"]["description"].as_str();
    Act::Describe {
        created: Some(pin(stage, MODEL, "6").created),
        of: Tagged::Version(stage.version(MODEL, "6").0),
        from: Key::new(from.unwrap_or_default()),
        to: Key::new("# Good\n\nas gold"),
    }
}

pub(crate) fn intent(stage: &Stage) -> Intent {
    let (from, to) = (Key::new("7"), Key::new("6"));
    Intent::new(
        &fresh(),
        &Clean::name("ana"),
        (Some(&from), Some(&to)),
        Millis(stage.fleet.now_ms()),
        CLAIM_HOLDS,
        &Clean::text("a test"),
    )
}

/// The steps that claim the first move of the champion.
pub(crate) fn claim(stage: &Stage) -> Vec<Step> {
    let source = SourceId::new("mlflow");
    let alias = Key::new("champion");
    claims::steps(&source, &stage.model(MODEL), &alias, 1, &intent(stage)).to_vec()
}

fn ledger_run(stage: &Stage) -> String {
    let named = format!("experiments/get-by-name?experiment_name={LEDGER}");
    let found = stage.registry(&named)["experiment"]["experiment_id"].clone();
    let id = if found.is_null() {
        let made = stage.change("POST", "experiments/create", &json!({"name": LEDGER}));
        made["experiment_id"].clone()
    } else {
        found
    };
    let tags = json!([{"key": "quarterdeck.claims_of", "value": MODEL}]);
    let body = json!({"experiment_id": id, "run_name": MODEL, "tags": tags});
    let made = stage.change("POST", "runs/create", &body);
    made["run"]["info"]["run_id"].as_str().unwrap().to_owned()
}

pub(crate) fn load(stage: &Stage, from: &str, to: &str) -> Act {
    Act::LoadModel {
        deployment: stage.context.deployments[0].key(),
        from: Some(Key::new(from)),
        to: Key::new(to),
    }
}

pub(crate) fn silence(stage: &Stage) -> Act {
    let now = Millis(stage.fleet.now_ms());
    Act::Silence {
        matchers: vec![Matcher {
            name: Key::new("model"),
            value: Key::new(MODEL),
            regex: false,
            equal: true,
        }],
        starts: now,
        ends: now.plus(Duration::from_secs(7_200)),
        by: Clean::name("ana"),
        comment: Clean::text("INC-42"),
        nonce: fresh().key(),
    }
}

/// A silence that somebody has made.
pub(crate) fn silenced(stage: &Stage) -> String {
    let at = |hours: i64| Millis(stage.fleet.now_ms() + hours * 3_600_000).rfc3339();
    let matchers = json!([{"name": "model", "value": "other", "isRegex": false}]);
    let body = json!({"matchers": matchers, "startsAt": at(0), "endsAt": at(2), "createdBy": "bob",
        "comment": "theirs"});
    let (status, made) = stage.ask("POST", "alertmanager", "/api/v2/silences", &body);
    assert_eq!(status, 200, "{made}");
    made["silenceID"].as_str().unwrap().to_owned()
}

pub(crate) fn annotate(stage: &Stage) -> Act {
    Act::Annotate {
        at: Millis(stage.fleet.now_ms()),
        text: Clean::text("champion v7 → v6"),
        tags: vec![Key::new("model:churn")],
        nonce: fresh().key(),
    }
}

pub(crate) fn trigger() -> Act {
    Act::TriggerRun {
        pipeline: Key::new("retrain_ad_ctr"),
        run: Key::new(&format!("quarterdeck__{}", fresh())),
        parameters: Key::new(r#"{"epochs":2}"#),
        note: Clean::text("drift"),
        api: 3,
    }
}

fn triggered(stage: &Stage, run: &str) {
    let body = json!({"dag_run_id": run, "logical_date": null, "conf": {"epochs": 2}});
    let path = "/api/v2/dags/retrain_ad_ctr/dagRuns";
    let (status, said) = stage.ask("POST", "airflow", path, &body);
    assert_eq!(status, 200, "{said}");
    stage.clock.advance(Duration::from_secs(10));
}

/// Ending a run that somebody else has started.
pub(crate) fn cancel(stage: &Stage) -> Act {
    triggered(stage, "theirs");
    Act::CancelRun {
        pipeline: Key::new("retrain_ad_ctr"),
        run: Key::new("theirs"),
        note: Clean::text("not now"),
        api: 3,
    }
}

/// Trying a run again that has failed.
pub(crate) fn retry(stage: &Stage) -> Act {
    triggered(stage, "failed");
    let path = "/api/v2/dags/retrain_ad_ctr/dagRuns/failed";
    let (status, said) = stage.ask("PATCH", "airflow", path, &json!({"state": "failed"}));
    assert_eq!(status, 200, "{said}");
    stage.clock.advance(Duration::from_secs(30));
    Act::RetryRun {
        pipeline: Key::new("retrain_ad_ctr"),
        run: Key::new("failed"),
        tasks: Vec::new(),
        tries: attempts(stage, "failed"),
        api: 3,
    }
}

fn attempts(stage: &Stage, run: &str) -> u32 {
    let path = format!("/api/v2/dags/retrain_ad_ctr/dagRuns/{run}/taskInstances");
    let tasks = stage.get("airflow", &path);
    let tasks = tasks["task_instances"].as_array().unwrap();
    let tried = tasks.iter().filter_map(|task| task["try_number"].as_u64());
    u32::try_from(tried.sum::<u64>()).unwrap()
}

pub(crate) fn hook(name: &str) -> Step {
    let act = Act::RunHook {
        hook: Key::new(name),
        model: Key::new(MODEL),
        version: Key::new("6"),
        alias: Key::new("champion"),
    };
    Step::required(&SourceId::new("ana"), act)
}

fn tagged(stage: &Stage, of: &Tagged) -> Value {
    match of {
        Tagged::Model(model) => {
            let row = stage.registry(&format!("registered-models/get?name={}", model.name.raw()));
            row["registered_model"].clone()
        }
        Tagged::Version(key) => {
            let (name, version) = (key.model.name.raw(), key.version.raw());
            let row = stage.registry(&format!("model-versions/get?name={name}&version={version}"));
            row["model_version"].clone()
        }
    }
}

fn tag<'a>(row: &'a Value, key: &Key) -> Option<&'a str> {
    let tags = row["tags"].as_array()?.iter();
    let mut found = tags.filter(|tag| tag["key"] == key.raw());
    found.next()?["value"].as_str()
}

/// How many claims of the plan's stand in the model's runs, and how many runs there are.
fn ledger(stage: &Stage) -> Vec<Value> {
    let named = format!("experiments/get-by-name?experiment_name={LEDGER}");
    let id = stage.registry(&named)["experiment"]["experiment_id"].clone();
    if id.is_null() {
        return Vec::new();
    }
    let body = json!({"experiment_ids": [id], "max_results": 50});
    let (_, runs) = stage.ask("POST", "mlflow", "/api/2.0/mlflow/runs/search", &body);
    runs["runs"].as_array().cloned().unwrap_or_default()
}

/// Whether what an act wants is so, as its server says it.
pub(crate) fn is_so(stage: &Stage, act: &Act) -> bool {
    match act {
        Act::MoveAlias {
            model, alias, to, ..
        } => holder(stage, model.name.raw(), alias.raw()).as_deref() == Some(to.version.raw()),
        Act::DeleteAlias { model, alias, .. } => {
            holder(stage, model.name.raw(), alias.raw()).is_none()
        }
        Act::SetStage { version, to, .. } => {
            tagged(stage, &Tagged::Version(version.clone()))["current_stage"] == to.raw()
        }
        Act::SetTag { of, key, to, .. } => tag(&tagged(stage, of), key) == Some(to.raw()),
        Act::DeleteTag { of, key, .. } => tag(&tagged(stage, of), key).is_none(),
        Act::Describe { of, to, .. } => tagged(stage, of)["description"] == to.raw(),
        Act::MakeLedger { name } => {
            let named = format!("experiments/get-by-name?experiment_name={}", name.raw());
            !stage.registry(&named)["experiment"].is_null()
        }
        Act::MakeLedgerRun { .. } => !ledger(stage).is_empty(),
        Act::Claim { intent, .. } => {
            let runs = ledger(stage);
            let params = runs
                .iter()
                .filter_map(|run| run["data"]["params"].as_array());
            params.flatten().any(|param| param["value"] == intent.raw())
        }
        Act::EndClaim { nonce, .. } => {
            let runs = ledger(stage);
            let params = runs
                .iter()
                .filter_map(|run| run["data"]["params"].as_array());
            params.flatten().any(|param| {
                let key = param["key"].as_str().unwrap_or_default();
                key.strip_suffix(".ended").is_some() && param["value"] == nonce.raw()
            })
        }
        Act::LoadModel { to, .. } | Act::AwaitServed { to, .. } => {
            let rows = stage
                .ask("POST", SERVED.0, "/v2/repository/index", &json!({}))
                .1;
            let path = format!("/v2/models/{}/versions/{}/ready", SERVED.1, to.raw());
            let answers = stage.ask("GET", SERVED.0, &path, &Value::Null).0 == 200;
            let rows = rows.as_array().cloned().unwrap_or_default();
            let mut ready = rows.iter().filter(|row| row["state"] == "READY");
            answers && ready.all(|row| row["version"] == to.raw())
        }
        Act::Silence { nonce, .. } => {
            let rows = stage.get("alertmanager", "/api/v2/silences");
            let mark = format!("[{}]", nonce.raw());
            rows.as_array().is_some_and(|rows| {
                let ours =
                    |row: &&Value| row["comment"].as_str().is_some_and(|c| c.ends_with(&mark));
                rows.iter()
                    .filter(ours)
                    .any(|row| row["status"]["state"] == "active")
            })
        }
        Act::ExpireSilence { id } => {
            let row = stage.get("alertmanager", &format!("/api/v2/silence/{}", id.raw()));
            row["status"]["state"] == "expired"
        }
        Act::Annotate { nonce, .. } => {
            let rows = stage.get("grafana", &format!("/api/annotations?tags={}", nonce.raw()));
            rows.as_array().is_some_and(|rows| rows.len() == 1)
        }
        Act::TriggerRun { pipeline, run, .. } => run_state(stage, pipeline, run).is_some(),
        Act::AwaitRun { pipeline, run, .. } => {
            run_state(stage, pipeline, run).as_deref() == Some("success")
        }
        Act::CancelRun { pipeline, run, .. } => {
            run_state(stage, pipeline, run).as_deref() == Some("failed")
        }
        Act::RetryRun { run, tries, .. } => {
            attempts(stage, run.raw()) > *tries || {
                let is = run_state(stage, &Key::new("retrain_ad_ctr"), run);
                is.as_deref().is_some_and(|is| is != "failed")
            }
        }
        Act::RunHook { version, .. } => traces(stage)
            .iter()
            .any(|line| line.split(' ').nth(1) == Some(version.raw())),
    }
}

/// What hooks have left behind, a line a run.
pub(crate) fn traces(stage: &Stage) -> Vec<String> {
    let text = std::fs::read_to_string(stage.hooks.path().join("traces"));
    text.unwrap_or_default()
        .lines()
        .map(str::to_owned)
        .collect()
}

fn run_state(stage: &Stage, pipeline: &Key, run: &Key) -> Option<String> {
    let path = format!("/api/v2/dags/{}/dagRuns/{}", pipeline.raw(), run.segment());
    let (status, row) = stage.ask("GET", "airflow", &path, &Value::Null);
    (status == 200).then(|| row["state"].as_str().unwrap_or_default().to_owned())
}

/// The version that an alias names.
pub(crate) fn holder(stage: &Stage, model: &str, alias: &str) -> Option<String> {
    let row = stage.registry(&format!(
        "registered-models/alias?name={model}&alias={alias}"
    ));
    row["model_version"]["version"].as_str().map(str::to_owned)
}
