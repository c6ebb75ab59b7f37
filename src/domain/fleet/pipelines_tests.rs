use std::sync::Arc;

use super::*;
use crate::domain::key::RegistryKey;
use crate::domain::level::ReasonCode;
use crate::domain::model::Name;
use crate::domain::observation::{ContextRef, Coverage, Observation, PollReport, Rows};
use crate::domain::pipeline::{Ending, FailedTask, Part, PartHealth};
use crate::domain::settings::{Context, SourceKind, SourceSettings};

const SOURCE: &str = "airflow";

fn fleet() -> Fleet {
    let context = Context {
        sources: vec![
            SourceSettings::new("ml", SourceKind::Mlflow, "http://ml.test"),
            SourceSettings::new(SOURCE, SourceKind::Airflow, "http://af.test"),
        ],
        ..Context::default()
    };
    let reference = ContextRef {
        name: Clean::name("test"),
        generation: 0,
    };
    Fleet::new(Arc::new(reference), Arc::new(context))
}

fn tell(
    fleet: &mut Fleet,
    source: &str,
    at: i64,
    coverage: Coverage,
    upserts: Rows,
    gone: Vec<FactKey>,
) {
    let feed = match upserts {
        Rows::Models(_) => Feed::Models,
        Rows::Pipelines(_) => Feed::Pipelines,
        Rows::Orchestrators(_) => Feed::Orchestrator,
        _ => Feed::PipelineRuns,
    };
    let context = Arc::clone(fleet.context());
    let now = Millis(at);
    let observation = Observation {
        context: Arc::clone(&context),
        source: SourceId::new(source),
        feed,
        asked_at: now,
        server_time: None,
        coverage,
        upserts,
        gone,
    };
    fleet.merge(observation, now);
    let report = PollReport {
        context,
        source: SourceId::new(source),
        feed,
        asked_at: now,
        took_ms: 1,
        clock_skew_ms: None,
        fault: None,
        partial: None,
        next_at: Millis(at + 5_000),
    };
    fleet.record(&report, now);
}

fn model(name: &str) -> RegisteredModel {
    RegisteredModel {
        key: ModelKey {
            registry: Arc::new(RegistryKey {
                base: Key::new("http://ml.test"),
                workspace: Key::new(""),
            }),
            name: Key::new(name),
            created: Millis(1),
        },
        name: Clean::name(name),
        updated: Millis(1),
        description: Clean::empty(),
        tags: Arc::default(),
        aliases: Arc::default(),
    }
}

fn pipeline(id: &str, paused: bool) -> Pipeline {
    Pipeline {
        key: PipelineKey {
            base: Key::new("http://af.test"),
            id: Key::new(id),
        },
        name: Clean::name(id),
        description: Clean::empty(),
        paused,
        broken: false,
        schedule: Clean::empty(),
        tags: Arc::default(),
        owners: Arc::default(),
        max_active: Some(1),
        next_run: None,
    }
}

fn run(id: &str, at: i64, state: PipelineState, model: Option<&str>) -> PipelineRun {
    let failed = state.is_failed().then(|| FailedTask {
        task: Name::new("evaluate"),
        attempt: 1,
    });
    PipelineRun {
        key: PipelineRunKey {
            pipeline: pipeline("retrain_fraud", false).key,
            id: Key::new(id),
        },
        raw_state: Clean::name(state.word()),
        kind: Clean::name("manual"),
        queued: Some(Millis(at)),
        due: None,
        started: Some(Millis(at)),
        ended: (!state.is_live()).then_some(Millis(at + 10)),
        by: None,
        note: Clean::empty(),
        params: model
            .map(|name| (Clean::name("model"), Clean::name(&format!("\"{name}\""))))
            .into_iter()
            .collect(),
        failed_at: failed,
        state,
    }
}

fn codes(fleet: &Fleet, name: &str) -> Vec<ReasonCode> {
    let view = fleet.model(&model(name).key).expect("model");
    view.verdict.reasons.iter().map(|r| r.code).collect()
}

fn seeded() -> Fleet {
    let mut fleet = fleet();
    let models = vec![model("fraud"), model("churn")];
    tell(
        &mut fleet,
        "ml",
        100,
        Coverage::Partial,
        Rows::Models(models),
        Vec::new(),
    );
    let all = vec![pipeline("retrain_fraud", false)];
    let full = Coverage::Full(Scope::Pipelines);
    tell(
        &mut fleet,
        SOURCE,
        110,
        full,
        Rows::Pipelines(all),
        Vec::new(),
    );
    fleet
}

fn runs(fleet: &mut Fleet, at: i64, runs: Vec<PipelineRun>) {
    tell(
        fleet,
        SOURCE,
        at,
        Coverage::Tail(Millis(0)),
        Rows::PipelineRuns(runs),
        Vec::new(),
    );
}

const FAILED: PipelineState = PipelineState::Ended(Ending::Failed);

#[test]
fn failed_retraining_shows_on_the_model_that_it_is_for() {
    let mut fleet = seeded();
    assert_eq!(codes(&fleet, "fraud"), []);
    let training = fleet.training(&model("fraud").key).expect("training");
    assert_eq!(
        (training.rule, training.name.as_str()),
        (Rule::Convention, "retrain_fraud")
    );
    runs(
        &mut fleet,
        200,
        vec![run("a", 120, FAILED, None), run("b", 150, FAILED, None)],
    );
    let view = fleet.model(&model("fraud").key).expect("model");
    assert_eq!(
        view.verdict.reasons[0].text,
        "retrain failed twice at `evaluate`"
    );
    assert_eq!(codes(&fleet, "churn"), []);
    // A run for another model says nothing of this one.
    let other = run(
        "c",
        180,
        PipelineState::Ended(Ending::Success),
        Some("churn"),
    );
    runs(&mut fleet, 210, vec![other.clone()]);
    assert_eq!(codes(&fleet, "fraud"), [ReasonCode::RetrainFailed]);
    assert_eq!(fleet.models_of_pipeline_run(&other), [model("churn").key]);
    runs(
        &mut fleet,
        220,
        vec![run(
            "d",
            190,
            PipelineState::Ended(Ending::Success),
            Some("fraud"),
        )],
    );
    assert_eq!(codes(&fleet, "fraud"), []);
}

#[test]
fn an_older_answer_changes_nothing_and_where_it_failed_is_kept() {
    let mut fleet = seeded();
    runs(&mut fleet, 200, vec![run("a", 120, FAILED, None)]);
    let revision = fleet.revision();
    runs(
        &mut fleet,
        150,
        vec![run("a", 120, PipelineState::Running, None)],
    );
    let mut bare = run("a", 120, FAILED, None);
    bare.failed_at = None;
    runs(&mut fleet, 210, vec![bare]);
    assert_eq!(fleet.revision(), revision);
    let key = run("a", 0, FAILED, None).key;
    let held = fleet.pipeline_run(&key).expect("run");
    assert!(held.fact.failed_at.is_some());
}

#[test]
fn a_paused_pipeline_a_dead_scheduler_and_a_lost_definition_are_told() {
    let mut fleet = seeded();
    runs(
        &mut fleet,
        200,
        vec![run("a", 150, PipelineState::Queued, None)],
    );
    let queued = fleet
        .pipeline_run(&run("a", 0, FAILED, None).key)
        .expect("run")
        .fact
        .clone();
    assert_eq!(
        fleet.run_standing(&queued, Millis(300)),
        PipelineState::Queued
    );
    let full = || Coverage::Full(Scope::Pipelines);
    let paused = Rows::Pipelines(vec![pipeline("retrain_fraud", true)]);
    tell(&mut fleet, SOURCE, 210, full(), paused, Vec::new());
    assert_eq!(codes(&fleet, "fraud"), [ReasonCode::PipelinePaused]);
    assert_eq!(fleet.run_standing(&queued, Millis(300)).word(), "paused");

    let health = |health| {
        let part = Part {
            name: Clean::name("scheduler"),
            health,
            heartbeat: Some(Millis(100)),
        };
        let base = Key::new("http://af.test");
        Rows::Orchestrators(vec![Orchestrator {
            base,
            major: 3,
            parts: Arc::from([part]),
        }])
    };
    tell(
        &mut fleet,
        SOURCE,
        220,
        Coverage::Partial,
        health(PartHealth::Unhealthy),
        Vec::new(),
    );
    assert!(codes(&fleet, "fraud").contains(&ReasonCode::PipelineScheduler));
    tell(
        &mut fleet,
        SOURCE,
        230,
        Coverage::Partial,
        health(PartHealth::Healthy),
        Vec::new(),
    );
    assert_eq!(codes(&fleet, "fraud"), [ReasonCode::PipelinePaused]);

    let gone = vec![FactKey::Pipeline(pipeline("retrain_fraud", true).key)];
    tell(
        &mut fleet,
        SOURCE,
        240,
        full(),
        Rows::Pipelines(Vec::new()),
        gone,
    );
    assert_eq!(
        codes(&fleet, "fraud"),
        [],
        "a customary name joins only what is there"
    );
    assert!(fleet.training(&model("fraud").key).is_none());
}

#[test]
fn runs_beyond_the_limit_are_let_go_and_live_ones_stay() {
    let mut fleet = seeded();
    let live = run("live", 1, PipelineState::Running, None);
    let ended = (0..=RUNS_HELD).map(|n| {
        let at = i64::try_from(n).unwrap_or_default() + 10;
        run(
            &format!("r{n}"),
            at,
            PipelineState::Ended(Ending::Success),
            None,
        )
    });
    for run in ended.chain([live.clone()]) {
        fleet.put_pipeline_run(&SourceId::new(SOURCE), Millis(500), run);
    }
    let held = fleet.pipeline_runs().len();
    assert!(held <= RUNS_HELD && held > RUNS_HELD / 2, "{held}");
    assert!(fleet.pipeline_run(&live.key).is_some());
    let newest = run(&format!("r{RUNS_HELD}"), 0, PipelineState::Queued, None);
    assert!(fleet.pipeline_run(&newest.key).is_some());
}
