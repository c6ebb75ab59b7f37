use super::*;

fn key() -> PipelineKey {
    PipelineKey {
        base: Key::new("http://airflow.test"),
        id: Key::new("retrain"),
    }
}

fn queued(due: i64) -> PipelineRun {
    PipelineRun {
        key: PipelineRunKey {
            pipeline: key(),
            id: Key::new("r"),
        },
        state: PipelineState::Queued,
        raw_state: Clean::name("queued"),
        kind: Clean::name("manual"),
        queued: Some(Millis(1_000)),
        due: Some(Millis(due)),
        started: None,
        ended: None,
        by: None,
        note: Clean::empty(),
        params: Arc::from([
            (Clean::name("model"), Clean::name("\"churn\"")),
            (Clean::name("epochs"), Clean::name("3")),
        ]),
        failed_at: None,
    }
}

fn pipeline(paused: bool, max_active: Option<u32>) -> Pipeline {
    Pipeline {
        key: key(),
        name: Clean::name("retrain"),
        description: Clean::empty(),
        paused,
        broken: false,
        schedule: Clean::empty(),
        tags: Arc::default(),
        owners: Arc::default(),
        max_active,
        next_run: None,
    }
}

#[test]
fn a_queued_run_says_what_it_waits_for() {
    let now = Millis(5_000);
    let stands =
        |due, pipeline: Option<&Pipeline>, active| standing(&queued(due), pipeline, active, now);
    assert_eq!(stands(2_000, None, 9), PipelineState::Queued);
    let paused = pipeline(true, Some(1));
    let limited = pipeline(false, Some(2));
    for (due, of, active, want) in [
        (2_000, &paused, 3, Some(Wait::Paused)),
        (9_000, &limited, 3, Some(Wait::Scheduled)),
        (2_000, &limited, 2, Some(Wait::Concurrency)),
        (2_000, &limited, 1, None),
    ] {
        let want = want.map_or(PipelineState::Queued, PipelineState::Waiting);
        assert_eq!(stands(due, Some(of), active), want);
    }
    let failed = PipelineRun {
        state: PipelineState::Ended(Ending::Failed),
        ..queued(0)
    };
    let state = standing(&failed, Some(&paused), 0, now);
    assert!(state.is_failed(), "pausing does not undo a failure");
}

#[test]
fn parameters_are_read_as_text() {
    let run = queued(0);
    assert_eq!(run.param("epochs").as_deref(), Some("3"));
    assert_eq!(run.named_model().as_deref(), Some("churn"));
    assert_eq!(run.param("absent"), None);
}

#[test]
fn a_run_lasts_until_it_ends() {
    let mut run = queued(0);
    let now = Millis(9_000);
    assert_eq!(run.lasted(now), None);
    run.state = PipelineState::Running;
    run.started = Some(Millis(4_000));
    assert_eq!(run.lasted(now), Some(Duration::from_secs(5)));
    run.state = PipelineState::Ended(Ending::Success);
    assert_eq!(run.lasted(now), None, "ended, and nobody says when");
    run.ended = Some(Millis(6_000));
    assert_eq!(run.lasted(now), Some(Duration::from_secs(2)));
    assert_eq!(run.moved(), Millis(6_000));
}
