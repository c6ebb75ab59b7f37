//! Pipelines that train models again: their definitions, runs, tasks and logs, and how the orchestrator
//! that runs them stands. Which models they belong to, wiring says; how bad it is, the rules say.

use std::sync::Arc;
use std::time::Duration;

use super::key::Key;
use super::model::{Name, Tags, tag};
use super::param::Param;
use super::text::Clean;
use super::time::Millis;

/// A pipeline definition: an Airflow DAG. Named by where it is, never by a local source id.
#[derive(
    Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
pub struct PipelineKey {
    /// The orchestrator's base URL, without user information and without a trailing slash.
    pub base: Key,
    /// The raw id there.
    pub id: Key,
}

impl PipelineKey {
    /// Where people find it: what a tag on a registered model names.
    pub fn address(&self) -> String {
        format!("{}/dags/{}", self.base.raw(), self.id.raw())
    }
}

/// One run of a pipeline.
#[derive(
    Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
pub struct PipelineRunKey {
    /// What runs.
    pub pipeline: PipelineKey,
    /// The raw run id, unique in its pipeline.
    pub id: Key,
}

/// What a run or a task waits for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wait {
    /// Its pipeline is paused: nothing of it starts until somebody resumes it.
    Paused,
    /// A time that has not come.
    Scheduled,
    /// As many runs as the pipeline allows are active.
    Concurrency,
    /// A person's decision.
    Manual,
    /// Something outside: a sensor, a deferred job.
    External,
    /// The next attempt.
    Retry,
}

impl Wait {
    /// Why it waits, in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Paused => "the pipeline is paused",
            Self::Scheduled => "its time has not come",
            Self::Concurrency => "as many runs as allowed are active",
            Self::Manual => "a person must decide",
            Self::External => "something outside has to happen",
            Self::Retry => "the next attempt is due later",
        }
    }
}

/// How something ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// Well.
    Success,
    /// Badly.
    Failed,
    /// From outside.
    Cancelled,
    /// It was left out: another failed before it, or a branch went elsewhere.
    Skipped,
}

/// Where a run or a task stands.
#[derive(Clone, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PipelineState {
    /// It has not begun.
    Queued,
    /// It has not begun, or stands still, for a known reason.
    Waiting(Wait),
    /// It runs.
    Running,
    /// It is over.
    Ended(Ending),
    /// A word that this program does not know, kept as it came.
    Unknown(Clean),
}

impl PipelineState {
    /// The word on screen and in JSON.
    pub fn word(&self) -> &str {
        match self {
            Self::Queued => "queued",
            Self::Waiting(Wait::Paused) => "paused",
            Self::Waiting(Wait::Scheduled) => "scheduled",
            Self::Waiting(Wait::Retry) => "retry due",
            Self::Waiting(_) => "waiting",
            Self::Running => "running",
            Self::Ended(Ending::Success) => "success",
            Self::Ended(Ending::Failed) => "failed",
            Self::Ended(Ending::Cancelled) => "cancelled",
            Self::Ended(Ending::Skipped) => "skipped",
            Self::Unknown(word) if word.is_empty() => "unknown",
            Self::Unknown(word) => word.as_str(),
        }
    }

    /// Whether more may still come of it.
    pub fn is_live(&self) -> bool {
        !matches!(self, Self::Ended(_))
    }

    /// Whether it has not begun.
    pub fn is_waiting(&self) -> bool {
        matches!(self, Self::Queued | Self::Waiting(_))
    }

    /// Whether it ended badly.
    pub fn is_failed(&self) -> bool {
        *self == Self::Ended(Ending::Failed)
    }
}

/// A pipeline definition.
#[derive(Clone, PartialEq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Pipeline {
    /// Identity.
    pub key: PipelineKey,
    /// The name, for people.
    pub name: Clean,
    /// What it says of itself.
    pub description: Clean,
    /// Whether it is paused: triggers are accepted, and nothing starts.
    pub paused: bool,
    /// Whether the orchestrator no longer finds its definition, or cannot load it.
    pub broken: bool,
    /// When it runs by itself, in the orchestrator's words; empty for never.
    pub schedule: Clean,
    /// Its tags.
    pub tags: Arc<[Clean]>,
    /// Its owners.
    pub owners: Arc<[Clean]>,
    /// How many runs may be active at once; further ones queue.
    pub max_active: Option<u32>,
    /// When it runs next by itself.
    pub next_run: Option<Millis>,
}

/// A task that failed, of a failed run.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct FailedTask {
    /// Which task.
    pub task: Name,
    /// At which attempt.
    pub attempt: u32,
}

/// One run of a pipeline, as lists show it.
#[derive(Clone, PartialEq, Debug, serde::Serialize, serde::Deserialize)]
pub struct PipelineRun {
    /// Identity.
    pub key: PipelineRunKey,
    /// Where it stands, as far as the run's own row tells: see [`standing`].
    pub state: PipelineState,
    /// The orchestrator's word for it.
    pub raw_state: Clean,
    /// What started it: `manual`, `scheduled`, `backfill`, …
    pub kind: Clean,
    /// When it was asked for.
    pub queued: Option<Millis>,
    /// Before when it does not start.
    pub due: Option<Millis>,
    /// When it began; clearing a run begins it anew.
    pub started: Option<Millis>,
    /// When it ended.
    pub ended: Option<Millis>,
    /// Who asked for it, where the orchestrator tells.
    pub by: Option<Clean>,
    /// What somebody wrote on it.
    pub note: Clean,
    /// The parameters that it was given, each value as JSON.
    pub params: Tags,
    /// The first task that failed, where it failed and the orchestrator told.
    pub failed_at: Option<FailedTask>,
}

impl PipelineRun {
    /// How long it ran, or has been running.
    pub fn lasted(&self, now: Millis) -> Option<Duration> {
        let started = self.started?;
        let until = if self.state.is_live() {
            now
        } else {
            self.ended?
        };
        Some(until.since(started))
    }

    /// When it was asked for, began or ended, whichever is latest: what lists sort by.
    pub fn moved(&self) -> Millis {
        let stamps = [self.queued, self.started, self.ended];
        let latest = stamps.into_iter().flatten().max();
        latest.or(self.due).unwrap_or_default()
    }

    /// When it was asked for, or began.
    pub fn asked(&self) -> Option<Millis> {
        self.queued.or(self.started).or(self.due)
    }

    /// A parameter as text: a JSON string without its quotes, anything else as JSON.
    pub fn param(&self, name: &str) -> Option<String> {
        let raw = tag(&self.params, name)?.as_str();
        let text = serde_json::from_str::<String>(raw);
        Some(text.unwrap_or_else(|_| raw.to_owned()))
    }

    /// The model that its parameters name, where one pipeline trains many.
    pub fn named_model(&self) -> Option<String> {
        ["model", "model_name", "registered_model"]
            .into_iter()
            .find_map(|name| self.param(name))
            .filter(|name| !name.is_empty())
    }
}

/// Where a run stands with what its pipeline says: a queued run of a paused pipeline waits for ever,
/// one beyond the pipeline's limit for its turn. `active` counts the runs of the pipeline that run.
pub fn standing(
    run: &PipelineRun,
    pipeline: Option<&Pipeline>,
    active: usize,
    now: Millis,
) -> PipelineState {
    if run.state != PipelineState::Queued {
        return run.state.clone();
    }
    if pipeline.is_some_and(|p| p.paused) {
        return PipelineState::Waiting(Wait::Paused);
    }
    if run.due.is_some_and(|due| due > now) {
        return PipelineState::Waiting(Wait::Scheduled);
    }
    let limit = pipeline.and_then(|p| p.max_active);
    if limit.is_some_and(|limit| active >= limit as usize) {
        return PipelineState::Waiting(Wait::Concurrency);
    }
    PipelineState::Queued
}

/// One task of a run: one try of one instance.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
pub struct Task {
    /// Which task of the graph.
    pub id: Key,
    /// The name, for people.
    pub name: Clean,
    /// Which of several that the task was split into.
    pub map_index: Option<u32>,
    /// Where it stands.
    pub state: PipelineState,
    /// The orchestrator's word for it; empty before it is scheduled.
    pub raw_state: Clean,
    /// The attempt that runs or ran last; zero before the first.
    pub attempt: u32,
    /// How many there may be.
    pub attempts: u32,
    /// When the attempt began.
    pub started: Option<Millis>,
    /// When it ended.
    pub ended: Option<Millis>,
    /// What it is made with.
    pub operator: Clean,
    /// Where it ran.
    pub host: Clean,
}

impl Task {
    /// How long the attempt ran, or has been running.
    pub fn lasted(&self, now: Millis) -> Option<Duration> {
        let started = self.started?;
        match self.ended {
            Some(ended) => Some(ended.since(started)),
            None => (self.state == PipelineState::Running).then(|| now.since(started)),
        }
    }

    /// The log of its last attempt, once there is one.
    pub fn log(&self, run: &PipelineRunKey) -> Option<LogKey> {
        (self.attempt > 0).then(|| LogKey {
            run: run.clone(),
            task: self.id.clone(),
            map_index: self.map_index,
            attempt: self.attempt,
        })
    }
}

/// How often the tasks of a run have been tried, all together: it only rises, and rises when some of
/// them are tried again.
pub fn tries(tasks: &[Task]) -> u32 {
    let attempts = tasks.iter().map(|task| task.attempt);
    attempts.fold(0, u32::saturating_add)
}

/// A task of a definition, and what comes after it.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct Node {
    /// Which task.
    pub id: Key,
    /// The name, for people.
    pub name: Clean,
    /// The tasks that wait for it.
    pub next: Arc<[Key]>,
    /// What it is made with.
    pub operator: Clean,
}

/// Which log: one attempt of one task.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize)]
pub struct LogKey {
    /// Of which run.
    pub run: PipelineRunKey,
    /// Of which task.
    pub task: Key,
    /// Of which of several that the task was split into.
    pub map_index: Option<u32>,
    /// Of which attempt.
    pub attempt: u32,
}

/// One line of a log.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct LogLine {
    /// When, where the line tells.
    pub at: Option<Millis>,
    /// How serious, in lower case; empty where the line does not tell.
    pub level: Clean,
    /// What it says.
    pub text: Clean,
}

/// What a log holds from a place on.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LogChunk {
    /// The lines.
    pub lines: Vec<LogLine>,
    /// Lines that came and were left out because there were too many.
    pub dropped: u64,
    /// Where the next look goes on.
    pub next: Option<Key>,
    /// Whether nothing more will come.
    pub done: bool,
    /// Whether these are all lines from the start, where the orchestrator cannot go on from a place.
    pub whole: bool,
}

/// How a part of an orchestrator stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PartHealth {
    /// It gave a sign of life.
    Healthy,
    /// It gave none for too long.
    Unhealthy,
    /// There is none of it.
    Absent,
    /// The orchestrator does not say.
    Unknown,
}

/// One part of an orchestrator: its scheduler, its database.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Part {
    /// Its name.
    pub name: Clean,
    /// How it stands.
    pub health: PartHealth,
    /// Its last sign of life.
    pub heartbeat: Option<Millis>,
}

/// The part that starts runs.
pub const SCHEDULER: &str = "scheduler";

/// An orchestrator and its parts. Its interface goes on accepting runs while its scheduler is dead.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Orchestrator {
    /// Its base URL.
    pub base: Key,
    /// The major version of its product: which dialect its interface speaks.
    pub major: u8,
    /// Its parts.
    pub parts: Arc<[Part]>,
}

impl Orchestrator {
    /// The part that starts runs.
    pub fn scheduler(&self) -> Option<&Part> {
        self.parts.iter().find(|part| part.name == SCHEDULER)
    }
}

/// What a definition says in full.
#[derive(Clone, PartialEq, Debug, Default, serde::Serialize)]
pub struct PipelineDetails {
    /// Parameters in the order of the definition.
    pub params: Vec<Param>,
    /// Tasks, those that nothing comes before first.
    pub graph: Vec<Node>,
}

/// How it is known what a run produced.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProducedBy {
    /// The pipeline's own result says so.
    Result,
    /// A tag on the tracker's run or on the version names the pipeline run.
    Tag,
    /// It was registered while the run was on its way, and by nothing else that is known: a guess.
    Guess,
}

impl ProducedBy {
    /// How it is known, in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Result => "the pipeline's result says so",
            Self::Tag => "a tag names the run",
            Self::Guess => "registered while it ran: a guess",
        }
    }

    /// The word in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Result => "result",
            Self::Tag => "tag",
            Self::Guess => "guess",
        }
    }
}

/// What a task of a run returned about a model version.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct Produced {
    /// The model's raw name.
    pub model: Option<Key>,
    /// The version.
    pub version: Option<Key>,
    /// The tracker's run.
    pub run: Option<Key>,
    /// The task that said so.
    pub task: Clean,
}

#[cfg(test)]
#[path = "pipeline_tests.rs"]
mod tests;
