use std::sync::Arc;

use super::*;
use crate::domain::key::Key;
use crate::domain::model::Name;
use crate::domain::pipeline::{FailedTask, Part, PipelineKey, PipelineRunKey};
use crate::domain::time::Millis;

fn key() -> PipelineKey {
    PipelineKey {
        base: Key::new("http://af.test"),
        id: Key::new("retrain"),
    }
}

fn run(id: i64, state: PipelineState, failed_at: Option<&str>) -> PipelineRun {
    let over = !state.is_live();
    PipelineRun {
        key: PipelineRunKey {
            pipeline: key(),
            id: Key::new(&id.to_string()),
        },
        raw_state: Clean::name(state.word()),
        state,
        kind: Clean::name("manual"),
        queued: Some(Millis(id * 100)),
        due: None,
        started: Some(Millis(id * 100 + 10)),
        ended: over.then_some(Millis(id * 100 + 50)),
        by: None,
        note: Clean::empty(),
        params: Arc::default(),
        failed_at: failed_at.map(|task| FailedTask {
            task: Name::new(task),
            attempt: 1,
        }),
    }
}

fn failed_run(id: i64, at: Option<&str>) -> PipelineRun {
    run(id, PipelineState::Ended(Ending::Failed), at)
}

fn ended(id: i64, ending: Ending) -> PipelineRun {
    run(id, PipelineState::Ended(ending), None)
}

fn definition(paused: bool, broken: bool) -> Pipeline {
    Pipeline {
        key: key(),
        name: Clean::name("retrain"),
        description: Clean::empty(),
        paused,
        broken,
        schedule: Clean::empty(),
        tags: Arc::default(),
        owners: Arc::default(),
        max_active: Some(1),
        next_run: None,
    }
}

struct Scene {
    definition: Option<Pipeline>,
    runs: Vec<PipelineRun>,
    scheduler: PartHealth,
    current: bool,
}

impl Scene {
    fn with(runs: Vec<PipelineRun>) -> Self {
        Self {
            definition: Some(definition(false, false)),
            runs,
            scheduler: PartHealth::Healthy,
            current: true,
        }
    }

    fn told(&self) -> Vec<(ReasonCode, Level, String, Since)> {
        let orchestrator = Orchestrator {
            base: key().base,
            major: 3,
            parts: Arc::from([Part {
                name: Clean::name("scheduler"),
                health: self.scheduler,
                heartbeat: Some(Millis(7)),
            }]),
        };
        let runs: Vec<&PipelineRun> = self.runs.iter().collect();
        let reasons = judge(&Facts {
            name: &Clean::name("retrain"),
            source: &SourceId::new("airflow"),
            definitions_read: true,
            definition: self.definition.as_ref(),
            runs: &runs,
            orchestrator: Some(&orchestrator),
            current: self.current,
        });
        let told = reasons.into_iter();
        told.map(|r| (r.code, r.level, r.text.to_string(), r.since))
            .collect()
    }
}

#[test]
fn failures_in_a_row_are_counted_and_named_by_their_task() {
    let good = ended(1, Ending::Success);
    for (runs, want) in [
        (vec![good.clone()], None),
        (
            vec![failed_run(2, Some("evaluate")), good.clone()],
            Some(("retrain failed at `evaluate`", 250)),
        ),
        (
            vec![
                failed_run(3, Some("evaluate")),
                failed_run(2, Some("evaluate")),
                good.clone(),
            ],
            Some(("retrain failed twice at `evaluate`", 250)),
        ),
        (
            vec![
                failed_run(5, Some("train")),
                ended(4, Ending::Cancelled),
                failed_run(3, Some("evaluate")),
                failed_run(2, None),
                good.clone(),
                failed_run(0, Some("train")),
            ],
            Some(("retrain failed 3 times, last at `train`", 250)),
        ),
        (vec![failed_run(2, None)], Some(("retrain failed", 250))),
        (
            vec![ended(3, Ending::Success), failed_run(2, Some("train"))],
            None,
        ),
    ] {
        let told = Scene::with(runs).told();
        let want = want.map(|(text, since)| {
            let code = ReasonCode::RetrainFailed;
            (
                code,
                Level::Warn,
                text.to_owned(),
                Since::Exact(Millis(since)),
            )
        });
        assert_eq!(told, Vec::from_iter(want));
    }
}

#[test]
fn a_run_on_its_way_makes_a_failure_worth_knowing_only() {
    let again = run(3, PipelineState::Running, None);
    let told = Scene::with(vec![again, failed_run(2, Some("train"))]).told();
    assert_eq!(told.len(), 1);
    assert_eq!(
        (told[0].1, told[0].2.as_str()),
        (Level::Info, "retrain failed at `train`; it runs again")
    );
    // One that began before the failure is no cure.
    let beside = run(1, PipelineState::Running, None);
    let told = Scene::with(vec![failed_run(2, Some("train")), beside]).told();
    assert_eq!(told[0].1, Level::Warn);
}

#[test]
fn what_keeps_runs_from_starting_is_named() {
    let queued = |id| run(id, PipelineState::Queued, None);
    let mut scene = Scene::with(vec![queued(4), queued(2)]);
    assert_eq!(scene.told(), []);
    scene.definition = Some(definition(true, false));
    scene.scheduler = PartHealth::Unhealthy;
    let told = scene.told();
    assert_eq!(told[0].2, "pipeline retrain is paused while 2 runs wait");
    assert_eq!(
        (told[0].0, told[0].3),
        (ReasonCode::PipelinePaused, Since::Exact(Millis(200)))
    );
    assert_eq!(told[1].2, "the scheduler of airflow is dead: no run starts");
    assert_eq!(
        (told[1].0, told[1].3),
        (ReasonCode::PipelineScheduler, Since::Exact(Millis(7)))
    );
    scene.runs.clear();
    scene.scheduler = PartHealth::Absent;
    assert_eq!(
        scene.told(),
        [],
        "paused with nothing that waits is a choice"
    );
}

#[test]
fn a_pipeline_that_is_not_there_or_not_read_is_told() {
    let mut scene = Scene::with(Vec::new());
    scene.definition = Some(definition(false, true));
    assert_eq!(scene.told()[0].2, "pipeline retrain cannot be loaded");
    scene.definition = None;
    let told = scene.told();
    assert_eq!(
        (told[0].0, told[0].2.as_str()),
        (
            ReasonCode::PipelineMissing,
            "airflow holds no pipeline retrain"
        )
    );
    scene.definition = Some(definition(false, false));
    scene.current = false;
    let told = scene.told();
    assert_eq!(
        (told[0].0, told[0].1),
        (ReasonCode::PipelineUnread, Level::Info)
    );
}

#[test]
fn the_usual_duration_needs_three_that_ended_well() {
    let lasting = |id, ms| PipelineRun {
        ended: Some(Millis(id * 100 + 10 + ms)),
        ..ended(id, Ending::Success)
    };
    let runs = [
        lasting(1, 9_000),
        lasting(2, 1_000),
        failed_run(3, None),
        lasting(4, 3_000),
    ];
    assert_eq!(usual_duration(runs[..3].iter()), None);
    assert_eq!(usual_duration(runs.iter()), Some(Duration::from_secs(3)));
}
