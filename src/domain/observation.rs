//! What a source actor tells the fleet: typed rows with the time they were asked for and how much
//! they cover.

use std::sync::Arc;
use std::time::Duration;

use super::action::Act;
use super::alert::{Alert, AlertKey};
use super::annotation::{Annotation, AnnotationKey};
use super::deployment::EndpointReading;
use super::fault::Fault;
use super::key::{DeploymentKey, ExperimentKey, Key, ModelKey, RunKey, SourceId, VersionKey};
use super::model::{ModelVersion, RegisteredModel};
use super::pipeline::{Orchestrator, Pipeline, PipelineKey, PipelineRun, PipelineRunKey};
use super::run::{Experiment, Run};
use super::signal::{SignalKey, SignalReading, SignalSeries};
use super::text::Clean;
use super::time::Millis;

/// The most rows that one observation carries: larger answers come in several, so that judging what one
/// of them changes stays below two milliseconds and keys are never kept waiting.
pub const ROWS_PER_MESSAGE: usize = 128;

/// The longest that one poll may take, all its pages together. Each request has its own deadline;
/// this one is for a server whose pages never end.
pub const POLL_LIMIT: Duration = Duration::from_secs(600);

/// One part of what a source offers, polled at a cadence of its own.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Feed {
    /// The models on screen, with their aliases: the fast tick.
    WatchedModels,
    /// Every registered model: the full sweep.
    Models,
    /// The newest versions: the medium tick.
    NewestVersions,
    /// Every version: the full sweep.
    Versions,
    /// The list of experiments.
    Experiments,
    /// Runs that are running or ended or started lately: the delta tick.
    RecentRuns,
    /// The newest runs of the experiments on screen.
    OpenRuns,
    /// A serving endpoint's health and versions.
    Endpoint,
    /// The newest reading of every signal.
    Signals,
    /// The recent course of the signals that lists show.
    SignalHistory,
    /// Alerts and what mutes them.
    Alerts,
    /// Annotations of other systems.
    Annotations,
    /// What else tells which version was served when: the past, from records of others.
    ServedHistory,
    /// Pipeline definitions.
    Pipelines,
    /// Pipeline runs that moved lately, of all definitions.
    PipelineRuns,
    /// How the parts of an orchestrator stand.
    Orchestrator,
}

impl Feed {
    /// The word in JSON and logs.
    pub fn word(self) -> &'static str {
        match self {
            Self::WatchedModels => "watched-models",
            Self::Models => "models",
            Self::NewestVersions => "newest-versions",
            Self::Versions => "versions",
            Self::Experiments => "experiments",
            Self::RecentRuns => "recent-runs",
            Self::OpenRuns => "open-runs",
            Self::Endpoint => "endpoint",
            Self::Signals => "signals",
            Self::SignalHistory => "signal-history",
            Self::Alerts => "alerts",
            Self::Annotations => "annotations",
            Self::ServedHistory => "served-history",
            Self::Pipelines => "pipelines",
            Self::PipelineRuns => "pipeline-runs",
            Self::Orchestrator => "orchestrator",
        }
    }
}

/// How much of the truth an answer covers. Absence means gone only under `Full`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Coverage {
    /// Everything in the scope, all pages: what is absent is gone.
    Full(Scope),
    /// Some rows; nothing follows from absence.
    Partial,
    /// What changed since the stamp; nothing follows from absence.
    Tail(Millis),
}

/// What a full answer is full of. The source is implied.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Scope {
    /// All registered models of the registry.
    Models,
    /// All versions of all models of the registry.
    Versions,
    /// All versions of one model.
    VersionsOf(ModelKey),
    /// All experiments of the tracker.
    Experiments,
    /// All endpoints of the source.
    Endpoints,
    /// All signals of the source.
    Signals,
    /// All series of the source.
    Series,
    /// All alerts of the source.
    Alerts,
    /// All annotations of the source since a time: older ones are neither there nor gone.
    Annotations,
    /// All spans that the history of the source reaches: older ones are let go.
    Served,
    /// All pipeline definitions of the source.
    Pipelines,
    /// All pipeline runs of the source that moved in a time: others are neither there nor gone.
    PipelineRuns {
        /// From when on.
        from: Millis,
        /// Until when.
        until: Millis,
    },
}

/// The rows of an observation, of one type.
#[derive(Clone, PartialEq, Debug)]
pub enum Rows {
    /// Registered models.
    Models(Vec<RegisteredModel>),
    /// Model versions.
    Versions(Vec<ModelVersion>),
    /// Experiments.
    Experiments(Vec<Experiment>),
    /// Runs.
    Runs(Vec<Run>),
    /// Endpoints.
    Endpoints(Vec<EndpointReading>),
    /// Readings of signals.
    Signals(Vec<SignalReading>),
    /// The course of signals.
    Series(Vec<SignalSeries>),
    /// Alerts.
    Alerts(Vec<Alert>),
    /// Annotations.
    Annotations(Vec<Annotation>),
    /// Versions that were served, by model and time, rebuilt from another system's records.
    Served(Vec<ServedSpan>),
    /// Pipeline definitions.
    Pipelines(Vec<Pipeline>),
    /// Pipeline runs.
    PipelineRuns(Vec<PipelineRun>),
    /// Orchestrators: one a source.
    Orchestrators(Vec<Orchestrator>),
}

/// A version that answered requests over a time, as another system's records tell.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ServedSpan {
    /// Identity: model, version and start.
    pub key: ServedSpanKey,
    /// When it was last seen to answer.
    pub until: Millis,
    /// How far apart the samples lie: both ends are uncertain by as much.
    pub step_ms: u64,
    /// What shows it, in words.
    pub evidence: Clean,
}

/// Which span of a served version.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ServedSpanKey {
    /// Who says so.
    pub source: SourceId,
    /// The registry's name of the model, after the source's name map.
    pub model: Key,
    /// The version in the monitoring's words.
    pub version: Key,
    /// When it was first seen to answer, or the oldest sample kept.
    pub from: Millis,
}

impl Rows {
    /// How many rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Models(rows) => rows.len(),
            Self::Versions(rows) => rows.len(),
            Self::Experiments(rows) => rows.len(),
            Self::Runs(rows) => rows.len(),
            Self::Endpoints(rows) => rows.len(),
            Self::Signals(rows) => rows.len(),
            Self::Series(rows) => rows.len(),
            Self::Alerts(rows) => rows.len(),
            Self::Annotations(rows) => rows.len(),
            Self::Served(rows) => rows.len(),
            Self::Pipelines(rows) => rows.len(),
            Self::PipelineRuns(rows) => rows.len(),
            Self::Orchestrators(rows) => rows.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The identity of a row, whatever its type.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum FactKey {
    /// A registered model.
    Model(ModelKey),
    /// A model version.
    Version(VersionKey),
    /// An experiment.
    Experiment(ExperimentKey),
    /// A run.
    Run(RunKey),
    /// An endpoint.
    Endpoint(DeploymentKey),
    /// A signal's newest reading.
    Signal(SignalKey),
    /// A signal's course.
    Series(SignalKey),
    /// An alert.
    Alert(AlertKey),
    /// An annotation.
    Annotation(AnnotationKey),
    /// A span of a served version.
    Served(ServedSpanKey),
    /// A pipeline definition.
    Pipeline(PipelineKey),
    /// A pipeline run.
    PipelineRun(PipelineRunKey),
    /// An orchestrator, by its base URL.
    Orchestrator(Key),
}

/// A source's answer to one poll of one feed, before the actor has compared it with the last one.
#[derive(Clone, PartialEq, Debug)]
pub struct Answer {
    /// How much it covers.
    pub coverage: Coverage,
    /// The rows.
    pub rows: Rows,
    /// The server's clock, from its `Date` header.
    pub server_time: Option<Millis>,
    /// What could not be read, in words, where the rest could.
    pub partial: Option<Clean>,
}

/// The context that an observation belongs to, and which visit of it: after a switch, what an old
/// generation still sends is dropped.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ContextRef {
    /// The context's name.
    pub name: Clean,
    /// Rises with each entry into a context.
    pub generation: u64,
}

/// One typed answer of one source with the time it was asked for.
#[derive(Clone, PartialEq, Debug)]
pub struct Observation {
    /// Whose fleet it belongs to.
    pub context: Arc<ContextRef>,
    /// Who says so.
    pub source: SourceId,
    /// Which feed.
    pub feed: Feed,
    /// When the request was sent: the age of everything in here.
    pub asked_at: Millis,
    /// The server's own clock, where it tells.
    pub server_time: Option<Millis>,
    /// How much it covers.
    pub coverage: Coverage,
    /// Rows that are new or changed since the last observation of this actor.
    pub upserts: Rows,
    /// Rows that a full answer no longer holds.
    pub gone: Vec<FactKey>,
}

/// The outcome of one poll, for the health strip: sent after the rows, also when nothing changed.
#[derive(Clone, PartialEq, Debug)]
pub struct PollReport {
    /// Whose.
    pub context: Arc<ContextRef>,
    /// Which source.
    pub source: SourceId,
    /// Which feed.
    pub feed: Feed,
    /// When the request was sent.
    pub asked_at: Millis,
    /// How long the whole poll took, in milliseconds.
    pub took_ms: u64,
    /// The server's clock minus ours, in milliseconds, where it tells.
    pub clock_skew_ms: Option<i64>,
    /// The fault, if it failed.
    pub fault: Option<Fault>,
    /// What a poll that was answered could not read, in words.
    pub partial: Option<Clean>,
    /// When the next poll of this feed is due.
    pub next_at: Millis,
}

impl PollReport {
    /// The `next_at` of a feed that is no longer polled, because nothing of it is on screen: what is
    /// known of it then says nothing about the source.
    pub const NEVER: Millis = Millis(i64::MAX);
}

/// What a server version and a token may do. Only what is denied dims a key.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Abilities {
    /// The product and version, as it says.
    pub server: Clean,
    /// Who we are to it, as it says.
    pub user: Option<Clean>,
    /// Capabilities by name, each allowed, denied or not known.
    pub rights: Vec<(Clean, Right)>,
    /// Remarks for `doctor` (an old version, a missing feature).
    pub remarks: Vec<Clean>,
}

impl Abilities {
    /// Whether an act may be done, as far as its server has said: of its model first, then of all.
    pub fn may(&self, act: &Act) -> Right {
        let told = |name: &Clean| self.rights.iter().find(|(known, _)| known == name);
        told(&act.own_right())
            .or_else(|| told(&Clean::name(act.right())))
            .map_or(Right::NotKnown, |(_, right)| *right)
    }

    /// Remembers that a server refused an act to this account.
    pub fn refused(&mut self, act: &Act) {
        let name = act.own_right();
        self.rights.retain(|(known, _)| *known != name);
        self.rights.push((name, Right::Denied));
    }
}

/// Whether something may be done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Right {
    /// It may.
    Allowed,
    /// It may not, as the server said.
    Denied,
    /// Nobody has said.
    NotKnown,
}
