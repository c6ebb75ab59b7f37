use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::domain::key::{ExperimentKey, RegistryKey, RunKey, SourceId};
use crate::domain::model::{Name, RegisteredModel};
use crate::domain::observation::{ContextRef, Coverage, Feed, Observation, PollReport, Rows};
use crate::domain::pipeline::{
    Ending, Orchestrator, Part, Pipeline, PipelineKey, PipelineState, SCHEDULER,
};
use crate::domain::run::RunStatus;
use crate::domain::settings::{Context, SourceKind, SourceSettings};

fn param(name: &str, kind: ParamKind, default: Option<Value>) -> Param {
    Param {
        name: Name::new(name),
        kind,
        nullable: false,
        default,
        choices: Arc::default(),
        least: None,
        most: None,
        exclusive: (false, false),
        pattern: None,
        description: Clean::empty(),
    }
}

fn epochs() -> Param {
    Param {
        least: Some(1.0),
        most: Some(50.0),
        ..param("epochs", ParamKind::Integer, Some(json!(3)))
    }
}

fn rate() -> Param {
    Param {
        least: Some(0.0),
        most: Some(1.0),
        exclusive: (true, false),
        ..param("learning_rate", ParamKind::Number, Some(json!(0.1)))
    }
}

#[test]
fn what_is_typed_is_checked_against_the_schema() {
    let window = Param {
        choices: Arc::from([json!("7d"), json!("30d")]),
        ..param("window", ParamKind::Text, Some(json!("30d")))
    };
    let since = Param {
        nullable: true,
        most: Some(4.0),
        ..param("since", ParamKind::Text, Some(Value::Null))
    };
    let list = param("features", ParamKind::List, None);
    for (param, text, want) in [
        (epochs(), " 7 ", Ok(json!(7))),
        (epochs(), "0", Err("at least 1 expected")),
        (epochs(), "500", Err("at most 50 expected")),
        (epochs(), "2.5", Err("a whole number is expected")),
        (epochs(), "", Err("a whole number is expected")),
        (rate(), "0", Err("more than 0 expected")),
        (rate(), "1", Ok(json!(1.0))),
        (rate(), "nan", Err("a number is expected")),
        (window.clone(), "7d", Ok(json!("7d"))),
        (window, "8d", Err("one of 7d, 30d is expected")),
        (since.clone(), "  ", Ok(Value::Null)),
        (since, "2026-", Err("at most 4 characters expected")),
        (list.clone(), "[\"a\"]", Ok(json!(["a"]))),
        (list, "{}", Err("a JSON list is expected")),
        (param("warm", ParamKind::Flag, None), "yes", Ok(json!(true))),
        (
            param("warm", ParamKind::Flag, None),
            "on",
            Err("true or false is expected"),
        ),
        (
            param("any", ParamKind::Any, None),
            "{\"a\": 1}",
            Ok(json!({"a": 1})),
        ),
    ] {
        let got = value(&param, text);
        assert_eq!(
            got,
            want.map_err(str::to_owned),
            "{:?} {text:?}",
            param.name
        );
    }
}

fn model() -> ModelKey {
    ModelKey {
        registry: tracker(),
        name: Key::new("churn"),
        created: Millis(1),
    }
}

fn tracker() -> Arc<RegistryKey> {
    Arc::new(RegistryKey {
        base: Key::new("http://ml.test"),
        workspace: Key::new(""),
    })
}

fn champion(params: &[(&str, &str)]) -> Run {
    Run {
        key: RunKey {
            tracker: tracker(),
            id: Key::new("r"),
        },
        experiment: ExperimentKey {
            tracker: tracker(),
            id: Key::new("1"),
        },
        name: Clean::name("r"),
        user: Clean::empty(),
        status: RunStatus::Finished,
        started: Millis(1),
        ended: None,
        deleted: false,
        artifacts: Clean::empty(),
        metrics: Arc::default(),
        params: params
            .iter()
            .map(|(k, v)| (Clean::name(k), Clean::name(v)))
            .collect(),
        tags: Arc::default(),
        datasets: Arc::default(),
        outputs: Arc::default(),
    }
}

#[test]
fn the_form_is_filled_in_from_what_is_known_and_only_what_differs_is_sent() {
    let params = [
        param("model", ParamKind::Text, Some(json!("fraud"))),
        epochs(),
        rate(),
        param("since", ParamKind::Text, Some(json!(""))),
        param("owner", ParamKind::Integer, None),
    ];
    let run = champion(&[
        ("epochs", "900"),
        ("learning_rate", "0.05"),
        ("owner", "ana"),
    ]);
    let key = model();
    let known = Known {
        model: &key,
        champion: Some(&run),
        drift: Some((Millis(1_764_000_000_000), Millis(1_764_100_000_000))),
    };
    let mut fields = form(&params, known);
    let told: Vec<(&str, Origin)> = fields.iter().map(|f| (f.text.as_str(), f.origin)).collect();
    assert_eq!(
        told,
        [
            ("churn", Origin::Model),
            ("3", Origin::Default),
            ("0.05", Origin::Champion),
            ("2025-11-24T16:00:00Z", Origin::Drift),
            ("", Origin::Nobody),
        ],
        "900 epochs are more than the schema allows, and ana is no number"
    );
    assert_eq!(
        values(&fields),
        Err((4, "a whole number is expected".to_owned()))
    );
    fields[4].text = "7".to_owned();
    let sent = Value::Object(values(&fields).expect("values"));
    let want = json!({"model": "churn", "learning_rate": 0.05, "since": "2025-11-24T16:00:00Z", "owner": 7});
    assert_eq!(sent, want);
}

const SOURCE: &str = "airflow";

struct World {
    fleet: Fleet,
    paused: bool,
    health: PartHealth,
    runs: Vec<PipelineRun>,
}

fn pipeline_key() -> PipelineKey {
    PipelineKey {
        base: Key::new("http://af.test"),
        id: Key::new("retrain_churn"),
    }
}

fn run(id: &str, state: PipelineState, asked: i64) -> PipelineRun {
    PipelineRun {
        key: PipelineRunKey {
            pipeline: pipeline_key(),
            id: Key::new(id),
        },
        raw_state: Clean::name(state.word()),
        kind: Clean::name("manual"),
        queued: Some(Millis(asked)),
        due: None,
        started: Some(Millis(asked)),
        ended: (!state.is_live()).then_some(Millis(asked + 60_000)),
        by: None,
        note: Clean::empty(),
        params: Arc::default(),
        failed_at: None,
        state,
    }
}

const NOW: i64 = 100_000_000;

fn now() -> Now {
    Now {
        wall: Millis(NOW),
        mono: std::time::Duration::from_secs(5),
    }
}

impl World {
    fn new(runs: Vec<PipelineRun>) -> Self {
        let context = Context {
            name: Clean::name("prod"),
            sources: vec![SourceSettings::new(
                SOURCE,
                SourceKind::Airflow,
                "http://af.test",
            )],
            ..Context::default()
        };
        let reference = ContextRef {
            name: context.name.clone(),
            generation: 0,
        };
        Self {
            fleet: Fleet::new(Arc::new(reference), Arc::new(context)),
            paused: false,
            health: PartHealth::Healthy,
            runs,
        }
    }

    fn tell(&mut self, feed: Feed, upserts: Rows) {
        let context = Arc::clone(self.fleet.context());
        let at = Millis(NOW - 1_000);
        let observation = Observation {
            context: Arc::clone(&context),
            source: SourceId::new(SOURCE),
            feed,
            asked_at: at,
            server_time: None,
            coverage: Coverage::Partial,
            upserts,
            gone: Vec::new(),
        };
        self.fleet.merge(observation, Millis(NOW));
        let report = PollReport {
            context,
            source: SourceId::new(SOURCE),
            feed,
            asked_at: at,
            took_ms: 1,
            clock_skew_ms: None,
            fault: None,
            partial: None,
            next_at: Millis(NOW + 5_000),
        };
        self.fleet.record(&report, Millis(NOW));
    }

    fn built(mut self) -> Fleet {
        let registered = RegisteredModel {
            key: model(),
            name: Clean::name("churn"),
            updated: Millis(1),
            description: Clean::empty(),
            tags: Arc::default(),
            aliases: Arc::default(),
        };
        self.tell(Feed::Models, Rows::Models(vec![registered]));
        let definition = Pipeline {
            key: pipeline_key(),
            name: Clean::name("retrain_churn"),
            description: Clean::empty(),
            paused: self.paused,
            broken: false,
            schedule: Clean::empty(),
            tags: Arc::default(),
            owners: Arc::default(),
            max_active: Some(2),
            next_run: None,
        };
        self.tell(Feed::Pipelines, Rows::Pipelines(vec![definition]));
        let runs = std::mem::take(&mut self.runs);
        self.tell(Feed::PipelineRuns, Rows::PipelineRuns(runs));
        let orchestrator = Orchestrator {
            base: pipeline_key().base,
            major: 3,
            parts: Arc::from([Part {
                name: Clean::name(SCHEDULER),
                health: self.health,
                heartbeat: None,
            }]),
        };
        self.tell(Feed::Orchestrator, Rows::Orchestrators(vec![orchestrator]));
        self.fleet
    }
}

fn planned(fleet: &Fleet) -> Result<Plan, Clean> {
    let parameters = Map::from_iter([("epochs".to_owned(), json!(5))]);
    let id = PlanId::new(Millis(NOW), [7; 10]);
    plan(
        fleet,
        &model(),
        &parameters,
        &Clean::name("drift"),
        id,
        now(),
    )
}

fn texts(lines: &[Clean]) -> String {
    lines
        .iter()
        .map(Clean::as_str)
        .collect::<Vec<_>>()
        .join("; ")
}

#[test]
fn a_plan_starts_one_run_under_the_plans_own_name() {
    let good = |id: &str, at| run(id, PipelineState::Ended(Ending::Success), at);
    let fleet = World::new(vec![good("a", 1_000), good("b", 2_000), good("c", 3_000)]).built();
    let plan = planned(&fleet).expect("a plan");
    assert_eq!(
        (plan.friction, texts(&plan.blocked)),
        (Friction::Name, String::new())
    );
    assert_eq!(texts(&plan.notes), "it usually takes 1m00s");
    let Act::TriggerRun {
        run,
        parameters,
        api,
        note,
        ..
    } = &plan.steps[0].act
    else {
        panic!("{:?}", plan.steps)
    };
    let key = PipelineRunKey {
        pipeline: pipeline_key(),
        id: run.clone(),
    };
    assert!(is_ours(&key, &plan.id) && !is_ours(&key, &PlanId::new(Millis(NOW), [8; 10])));
    assert_eq!(
        (parameters.raw(), *api, note.as_str()),
        (r#"{"epochs":5}"#, 3, "drift")
    );
}

#[test]
fn what_speaks_against_another_run_is_named() {
    let mut world = World::new(vec![run(
        "on-its-way",
        PipelineState::Running,
        NOW - 120_000,
    )]);
    world.paused = true;
    world.health = PartHealth::Unhealthy;
    let plan = planned(&world.built()).expect("a plan");
    assert_eq!(
        texts(&plan.blocked),
        "it is being trained already: run on-its-way is running"
    );
    assert_eq!(plan.friction, Friction::NameAndReason);
    let notes = texts(&plan.notes);
    for words in [
        "2m ago: a reason",
        "is paused",
        "scheduler is dead",
        "1 of at most 2 running, 0 waiting",
    ] {
        assert!(notes.contains(words), "{notes}");
    }
    let other = World::new(Vec::new());
    let why = planned(&other.fleet).expect_err("no model is known");
    assert!(why.as_str().contains("quarterdeck.pipeline"), "{why}");
}

#[test]
fn only_what_lives_is_cancelled_and_only_what_failed_is_repeated() {
    let failed = run("bad", PipelineState::Ended(Ending::Failed), 1_000);
    let fleet = World::new(vec![run("live", PipelineState::Running, 2_000), failed]).built();
    let id = || PlanId::new(Millis(NOW), [1; 10]);
    let key = |id: &str| PipelineRunKey {
        pipeline: pipeline_key(),
        id: Key::new(id),
    };
    let ana = Clean::name("ana");
    let plan = cancel(&fleet, &key("live"), &ana, id(), now()).expect("a plan");
    let Act::CancelRun { note, .. } = &plan.steps[0].act else {
        panic!("{plan:?}")
    };
    assert_eq!(*note, "cancelled by ana");
    assert!(cancel(&fleet, &key("bad"), &ana, id(), now()).is_err());
    let task = |name: &str, state: PipelineState, attempt| Task {
        id: Key::new(name),
        name: Clean::name(name),
        map_index: None,
        raw_state: Clean::empty(),
        attempt,
        attempts: 1,
        started: None,
        ended: None,
        operator: Clean::empty(),
        host: Clean::empty(),
        state,
    };
    let tasks = [
        task("train", PipelineState::Ended(Ending::Success), 2),
        task("evaluate", PipelineState::Ended(Ending::Failed), 1),
    ];
    let plan = retry(&fleet, &key("bad"), &tasks, id(), now()).expect("a plan");
    let Act::RetryRun { tries, .. } = &plan.steps[0].act else {
        panic!("{plan:?}")
    };
    assert_eq!(
        (*tries, texts(&plan.notes)),
        (3, "runs again: `evaluate` and what comes after".to_owned())
    );
    assert!(retry(&fleet, &key("live"), &tasks, id(), now()).is_err());
    assert!(retry(&fleet, &key("bad"), &tasks[..1], id(), now()).is_err());
}
