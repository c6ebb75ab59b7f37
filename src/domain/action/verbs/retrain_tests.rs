use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::domain::action::{Actor, Writes};
use crate::domain::fleet::gates::Details;
use crate::domain::key::{RegistryKey, SourceId};
use crate::domain::mark;
use crate::domain::model::RegisteredModel;
use crate::domain::observation::{
    ContextRef, Coverage, Feed, Observation, PollReport, Right, Rows,
};
use crate::domain::pipeline::{
    Ending, Orchestrator, Part, PartHealth, Pipeline, PipelineKey, PipelineState, SCHEDULER,
};
use crate::domain::settings::{Context, SourceKind, SourceSettings};
use crate::domain::time::{Millis, Now};

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

const SOURCE: &str = "airflow";

struct World {
    fleet: Fleet,
    paused: bool,
    health: PartHealth,
    runs: Vec<PipelineRun>,
    tags: Vec<(Clean, Clean)>,
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
        mono: Duration::from_secs(5),
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
            tags: Vec::new(),
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
            tags: std::mem::take(&mut self.tags).into(),
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

fn ana() -> Actor {
    Actor {
        user: Clean::name("ana"),
        host: Clean::name("bastion"),
        account: None,
    }
}

fn with<T>(fleet: &Fleet, make: impl FnOnce(&Planning<'_>) -> T) -> T {
    make(&Planning {
        fleet,
        details: &Details::default(),
        writes: &Writes::default(),
        actor: &ana(),
        now: now(),
        stamped: now().wall,
    })
}

fn planned_over(fleet: &Fleet, freeze: Option<&str>) -> Result<Plan, NoPlan> {
    let parameters = Map::from_iter([("epochs".to_owned(), json!(5))]);
    let id = PlanId::new(Millis(NOW), [7; 10]);
    let request = RetrainRequest {
        model: model(),
        parameters,
        reason: Clean::name("drift"),
        overrides: freeze
            .map(|why| (FREEZE.to_owned(), Clean::name(why)))
            .into_iter()
            .collect(),
    };
    with(fleet, |with| plan(&request, id, with))
}

fn planned(fleet: &Fleet) -> Result<Plan, NoPlan> {
    planned_over(fleet, None)
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
    assert_eq!(
        texts(&plan.notes),
        "with epochs = 5; the rest as the pipeline says; it usually takes 1m00s; the last one took 1m00s (success)"
    );
    assert_eq!(
        with(&fleet, |with| run_of(&plan, with.fleet)).map(|key| is_ours(&key, &plan.id)),
        Some(true)
    );
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
        (r#"{"epochs":5}"#, 3, "ana@bastion: drift")
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
        "less than 10m ago: a reason",
        "is paused",
        "scheduler is dead",
        "1 of at most 2 running, 0 waiting",
    ] {
        assert!(notes.contains(words), "{notes}");
    }
    let other = World::new(Vec::new());
    let why = planned(&other.fleet).expect_err("no model is known");
    assert!(why.to_string().contains("quarterdeck.pipeline"), "{why}");
}

#[test]
fn a_freeze_yields_only_to_a_reason_and_a_missing_right_to_nothing() {
    let mut world = World::new(Vec::new());
    let frozen = mark::Mark {
        by: Clean::name("ben"),
        at: Millis(NOW),
        until: Millis(NOW + 3_600_000),
        reason: Clean::name("audit"),
    };
    world.tags = vec![(Clean::name(mark::FREEZE), Clean::text(&frozen.write()))];
    let mut fleet = world.built();
    let plan = planned(&fleet).expect("a plan");
    assert!(plan.wanting.iter().any(|w| w.name == FREEZE), "{plan:?}");
    let plan = planned_over(&fleet, Some("the audit asked for it")).expect("a plan");
    assert_eq!(
        (plan.friction, texts(&plan.blocked)),
        (Friction::NameAndReason, String::new())
    );
    let denied = vec![(Clean::name("trigger-run"), Right::Denied)];
    fleet.set_rights(&SourceId::new(SOURCE), denied);
    let plan = planned_over(&fleet, Some("the audit asked for it")).expect("a plan");
    assert!(
        texts(&plan.blocked)
            .contains("this account lacks can_create on DAG Runs of retrain_churn at airflow"),
        "{:?}",
        plan.blocked
    );
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
    let plan = with(&fleet, |with| cancel(&key("live"), id(), with)).expect("a plan");
    let Act::CancelRun { note, .. } = &plan.steps[0].act else {
        panic!("{plan:?}")
    };
    assert_eq!(*note, "cancelled by ana@bastion at 1970-01-02T03:46:40Z");
    assert!(with(&fleet, |with| cancel(&key("bad"), id(), with)).is_err());
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
    let none = BTreeMap::new();
    let again = |fleet: &Fleet, run: &str, tasks: &[Task]| {
        with(fleet, |with| retry(&key(run), tasks, &none, id(), with))
    };
    let plan = again(&fleet, "bad", &tasks).expect("a plan");
    assert_eq!(
        texts(&plan.blocked),
        "it is being trained already: run live is running"
    );
    let Act::RetryRun { tries, .. } = &plan.steps[0].act else {
        panic!("{plan:?}")
    };
    assert_eq!(
        (*tries, texts(&plan.notes)),
        (3, "runs again: `evaluate` and what comes after".to_owned())
    );
    assert!(again(&fleet, "live", &tasks).is_err());
    assert!(again(&fleet, "bad", &tasks[..1]).is_err());
    let failed = run("bad", PipelineState::Ended(Ending::Failed), 1_000);
    let alone = World::new(vec![failed]).built();
    let plan = again(&alone, "bad", &tasks).expect("a plan");
    assert!(plan.blocked.is_empty(), "{:?}", plan.blocked);
}
