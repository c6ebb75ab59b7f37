//! Following a pipeline's run until it ends, and on to the version that it registers.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::exit::{Exit, Failure};
use super::pipelines::{Asked, made, made_row, made_text, row};
use super::session::Session;
use crate::domain::action::Writes;
use crate::domain::fault::FaultKind;
use crate::domain::fleet::made::Made;
use crate::domain::observation::Feed;
use crate::domain::pipeline::{Ending, PipelineRunKey, PipelineState, Task};
use crate::domain::query::{Detail, Query};
use crate::domain::text::Clean;
use crate::domain::time::span;
use crate::runtime::headless::{Collected, Options};

/// How long a run is followed unless a flag says otherwise.
pub(super) const USUAL: Duration = Duration::from_secs(3_600);
/// The time between two looks.
const PAUSE: Duration = Duration::from_secs(2);
/// How long a detail may take.
const DETAIL: Duration = Duration::from_secs(10);
/// A registry may show a version a little after its pipeline has ended.
const LATE: Duration = Duration::from_secs(20);
/// The feeds that show how the run stands.
const RUNS: [Feed; 2] = [Feed::PipelineRuns, Feed::Orchestrator];
/// Those that show what it made.
const MADE: [Feed; 4] = [
    Feed::Models,
    Feed::Versions,
    Feed::RecentRuns,
    Feed::PipelineRuns,
];

/// How a run was followed to its end.
pub(super) struct Followed {
    /// The run, as `pipelines` shows it.
    pub(super) run: Value,
    /// In words.
    pub(super) words: String,
    /// The versions that it made.
    pub(super) made: Vec<Made>,
    /// Whether it ended well and a version of it is known.
    pub(super) good: bool,
}

impl Followed {
    /// The fields of the document.
    pub(super) fn fields(&self) -> [(String, Value); 3] {
        [
            ("run".to_owned(), self.run.clone()),
            ("followed".to_owned(), json!(self.words)),
            (
                "made".to_owned(),
                self.made.iter().map(made_row).collect::<Vec<_>>().into(),
            ),
        ]
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let mut text = format!("{}\n", self.words);
        for made in &self.made {
            let (model, version) = (&made.version.model.name, &made.version.version);
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "{}\n  next: quarterdeck promote {} --to {}",
                made_text(made),
                model.clean(),
                version.clean(),
            );
        }
        text
    }

    /// The exit code.
    pub(super) fn exit(&self) -> Exit {
        if self.good {
            Exit::Done
        } else {
            Exit::NotConverged
        }
    }
}

/// Follows a run for as long as `limit`; what changes is told as a remark.
///
/// # Errors
/// When the run is no longer there.
pub(super) async fn follow(
    session: &Session,
    mut collected: Collected,
    key: &PipelineRunKey,
    limit: Duration,
) -> Result<Followed, Failure> {
    let options = |feeds: &[Feed]| Options {
        feeds: feeds.to_vec(),
        runs: 0,
        ..Options::default()
    };
    let mut told = String::new();
    let mut waited = Duration::ZERO;
    let began = Instant::now();
    loop {
        collected = session.look_again(collected.fleet, &options(&RUNS)).await;
        let Some(held) = collected.fleet.pipeline_run(key) else {
            return Err(gone());
        };
        let state = collected.fleet.run_standing(&held.fact, collected.now);
        let tasks = collected
            .fetch(&held.source, Query::Tasks(key.clone()), DETAIL)
            .await;
        let tasks = match tasks {
            Ok((_, Detail::Tasks(tasks))) => tasks,
            // Its list of runs may tell later, and for an old run never.
            Err(fault) if fault.kind == FaultKind::NotFound => return Err(gone()),
            _ => Vec::new(),
        };
        let words = standing(&state, &tasks);
        if words != told {
            let out = session.out();
            out.remark(&out.own(&words));
            told = words;
        }
        let over = waited.max(began.elapsed()) + PAUSE > limit;
        if !state.is_live() || over {
            return Ok(Box::pin(end(session, collected, key, &state)).await);
        }
        session.pause(PAUSE).await;
        waited += PAUSE;
    }
}

fn gone() -> Failure {
    Failure::refused("the run is no longer there")
}

/// How a run and its tasks stand, in a line.
fn standing(state: &PipelineState, tasks: &[Task]) -> String {
    let done = tasks.iter().filter(|t| !t.state.is_live()).count();
    let now = tasks.iter().filter(|t| t.state == PipelineState::Running);
    let now: Vec<String> = now.map(|t| format!("`{}`", t.name)).collect();
    let mut words = format!("{} · {done} of {} tasks ended", state.word(), tasks.len());
    if !now.is_empty() {
        // Writing to a string cannot fail.
        let _ = write!(words, " · {} runs", now.join(", "));
    }
    words
}

async fn end(
    session: &Session,
    mut collected: Collected,
    key: &PipelineRunKey,
    state: &PipelineState,
) -> Followed {
    let options = Options {
        feeds: MADE.to_vec(),
        runs: 0,
        ..Options::default()
    };
    let well = *state == PipelineState::Ended(Ending::Success);
    let mut all = Vec::new();
    let mut waited = Duration::ZERO;
    loop {
        collected = session.look_again(collected.fleet, &options).await;
        if let Some(held) = collected.fleet.pipeline_run(key) {
            all = made(&collected, &held.fact).await;
        }
        if !well || !all.is_empty() || waited >= LATE {
            break;
        }
        session.pause(PAUSE).await;
        waited += PAUSE;
    }
    let fleet = &collected.fleet;
    let held = fleet.pipeline_run(key);
    let lasted = held.and_then(|held| held.fact.lasted(collected.now));
    let lasted = lasted.map_or_else(String::new, |d| format!(" after {}", span(d)));
    let at = held.and_then(|held| held.fact.failed_at.as_ref());
    let at = at.map_or_else(String::new, |at| format!(" at `{}`", at.task.shown));
    let id: Clean = key.id.clean();
    let words = match state {
        PipelineState::Ended(Ending::Success) if all.is_empty() => {
            format!("run {id}: success{lasted}, and no version of it is known")
        }
        PipelineState::Ended(_) => format!("run {id}: {}{at}{lasted}", state.word()),
        _ => format!(
            "run {id}: {}, and the time to follow it is up",
            state.word()
        ),
    };
    Followed {
        run: held.map_or(Value::Null, |held| {
            row(fleet, held, Asked(&Writes::new()), collected.now)
        }),
        good: well && !all.is_empty(),
        words,
        made: all,
    }
}
