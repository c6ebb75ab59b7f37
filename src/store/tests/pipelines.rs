//! A pipeline and its runs, one in each state, to be kept and read again.

use std::sync::Arc;

use crate::domain::key::Key;
use crate::domain::model::Name;
use crate::domain::pipeline::{
    Ending, FailedTask, Pipeline, PipelineKey, PipelineRun, PipelineRunKey, PipelineState, Wait,
};
use crate::domain::text::Clean;
use crate::domain::time::Millis;

pub(super) fn pipeline() -> Pipeline {
    Pipeline {
        key: PipelineKey {
            base: Key::new("http://airflow.test"),
            id: Key::new("retrain\u{1b}"),
        },
        name: Clean::name("retrain"),
        description: Clean::name("Trains again."),
        paused: true,
        broken: false,
        schedule: Clean::name("0 3 * * *"),
        tags: Arc::from([Clean::name("mlops")]),
        owners: Arc::default(),
        max_active: Some(2),
        next_run: Some(Millis(9)),
    }
}

pub(super) fn runs() -> Vec<PipelineRun> {
    let states = [
        PipelineState::Queued,
        PipelineState::Waiting(Wait::Paused),
        PipelineState::Running,
        PipelineState::Ended(Ending::Failed),
        PipelineState::Unknown(Clean::name("zombie")),
    ];
    let run = |(at, state): (usize, PipelineState)| PipelineRun {
        key: PipelineRunKey {
            pipeline: pipeline().key,
            id: Key::new(&format!("run {at}")),
        },
        raw_state: Clean::name(state.word()),
        kind: Clean::name("manual"),
        queued: Some(Millis(1)),
        due: None,
        started: Some(Millis(2)),
        ended: (!state.is_live()).then_some(Millis(3)),
        by: Some(Clean::name("ana")),
        note: Clean::name("drift"),
        params: Arc::from([(Clean::name("epochs"), Clean::name("3"))]),
        failed_at: state.is_failed().then(|| FailedTask {
            task: Name::new("evaluate"),
            attempt: 2,
        }),
        state,
    };
    states.into_iter().enumerate().map(run).collect()
}
