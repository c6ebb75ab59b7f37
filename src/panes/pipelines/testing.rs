//! A fleet with pipelines for the tests of panes: runs in every state that matters, of two pipelines.

use std::sync::Arc;

use crate::domain::key::Key;
use crate::domain::model::Name;
use crate::domain::observation::{Feed, Rows};
use crate::domain::pipeline::{
    Ending, FailedTask, Node, Orchestrator, Part, PartHealth, Pipeline, PipelineDetails,
    PipelineKey, PipelineRun, PipelineRunKey, PipelineState, Task,
};
use crate::domain::settings::{SourceKind, SourceSettings};
use crate::domain::text::Clean;
use crate::panes::testing::{World, ago};

const BASE: &str = "http://airflow.test";

pub(crate) fn pipeline_key(id: &str) -> PipelineKey {
    PipelineKey {
        base: Key::new(BASE),
        id: Key::new(id),
    }
}

pub(crate) fn run_key(pipeline: &str, id: &str) -> PipelineRunKey {
    PipelineRunKey {
        pipeline: pipeline_key(pipeline),
        id: Key::new(id),
    }
}

pub(crate) fn run(
    pipeline: &str,
    id: &str,
    state: PipelineState,
    started: u64,
    lasted: u64,
) -> PipelineRun {
    let waits = state.is_waiting();
    PipelineRun {
        key: run_key(pipeline, id),
        raw_state: Clean::name(state.word()),
        kind: Clean::name("manual"),
        queued: Some(ago(started + 20)),
        due: None,
        started: (!waits).then(|| ago(started)),
        ended: (!state.is_live()).then(|| ago(started - lasted)),
        by: Some(Clean::name("ana")),
        note: Clean::empty(),
        params: Arc::from([(Clean::name("epochs"), Clean::name("3"))]),
        failed_at: state.is_failed().then(|| FailedTask {
            task: Name::new("evaluate"),
            attempt: 1,
        }),
        state,
    }
}

fn pipeline(id: &str, paused: bool, description: &str) -> Pipeline {
    Pipeline {
        key: pipeline_key(id),
        name: Clean::name(id),
        description: Clean::text(description),
        paused,
        broken: false,
        schedule: Clean::empty(),
        tags: Arc::from([Clean::name("mlops")]),
        owners: Arc::from([Clean::name("risk-ml")]),
        max_active: Some(2),
        next_run: None,
    }
}

/// Tasks of a run that fails at its third task, or is at its second.
pub(crate) fn tasks(failed: bool) -> Vec<Task> {
    let task = |name: &str, state: PipelineState, from: Option<u64>, to: Option<u64>| Task {
        id: Key::new(name),
        name: Clean::name(name),
        map_index: None,
        raw_state: Clean::name(state.word()),
        attempt: u32::from(from.is_some()),
        attempts: 2,
        started: from.map(ago),
        ended: to.map(ago),
        operator: Clean::name("@task"),
        host: Clean::name("worker-3"),
        state,
    };
    let ended = PipelineState::Ended;
    if failed {
        vec![
            task("register", ended(Ending::Skipped), None, None),
            task("prepare", ended(Ending::Success), Some(3_600), Some(3_500)),
            task("train", ended(Ending::Success), Some(3_500), Some(2_900)),
            task("evaluate", ended(Ending::Failed), Some(2_900), Some(2_850)),
        ]
    } else {
        vec![
            task("prepare", ended(Ending::Success), Some(300), Some(240)),
            task("train", PipelineState::Running, Some(240), None),
            task("evaluate", PipelineState::Queued, None, None),
            task("register", PipelineState::Queued, None, None),
        ]
    }
}

pub(crate) fn details() -> PipelineDetails {
    let names = ["prepare", "train", "evaluate", "register"];
    let node = |at: usize| Node {
        id: Key::new(names[at]),
        name: Clean::name(names[at]),
        next: names
            .get(at + 1)
            .map(|next| Key::new(next))
            .into_iter()
            .collect(),
        operator: Clean::name("@task"),
    };
    PipelineDetails {
        params: Vec::new(),
        graph: (0..names.len()).map(node).collect(),
    }
}

/// Two pipelines; that of `churn` has failed twice and runs again, that of `fraud` is paused.
pub(crate) fn world(scheduler: PartHealth) -> World {
    let mut world = World::with(|context| {
        context.sources = vec![SourceSettings::new("ml", SourceKind::Airflow, BASE)];
    });
    world.model("churn", &[]);
    world.model("fraud", &[]);
    let definitions = vec![
        pipeline(
            "retrain_churn",
            false,
            "Trains churn again, on the last 30 days.",
        ),
        pipeline("retrain_fraud", true, ""),
    ];
    world.observe(Feed::Pipelines, Rows::Pipelines(definitions));
    let ended = PipelineState::Ended;
    let mut noted = run(
        "retrain_fraud",
        "qd-01jd8f3k",
        PipelineState::Queued,
        540,
        0,
    );
    noted.note = Clean::name("drift of amount");
    let mut by_schedule = run(
        "retrain_churn",
        "scheduled__2026-11-20",
        ended(Ending::Success),
        400_000,
        1_900,
    );
    (by_schedule.kind, by_schedule.by) = (Clean::name("scheduled"), None);
    let runs = vec![
        run(
            "retrain_churn",
            "qd-01jd9x71",
            PipelineState::Running,
            300,
            0,
        ),
        run(
            "retrain_churn",
            "qd-01jd9w22",
            ended(Ending::Failed),
            3_600,
            750,
        ),
        run(
            "retrain_churn",
            "manual__2026-11-23",
            ended(Ending::Failed),
            90_000,
            760,
        ),
        run(
            "retrain_churn",
            "manual__2026-11-22",
            ended(Ending::Cancelled),
            180_000,
            60,
        ),
        by_schedule,
        noted,
        run(
            "retrain_fraud",
            "manual__odd",
            PipelineState::Unknown(Clean::name("zombie")),
            7_200,
            0,
        ),
    ];
    world.observe(Feed::PipelineRuns, Rows::PipelineRuns(runs));
    let part = |name: &str, health| Part {
        name: Clean::name(name),
        health,
        heartbeat: Some(ago(400)),
    };
    let airflow = Orchestrator {
        base: Key::new(BASE),
        major: 3,
        parts: Arc::from([
            part("metadatabase", PartHealth::Healthy),
            part("scheduler", scheduler),
        ]),
    };
    world.observe(Feed::Orchestrator, Rows::Orchestrators(vec![airflow]));
    world
}
