//! Details on demand: what a pane may ask a source for, and the answers.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::action::Tagged;
use super::action::claims::Book;
use super::alert::Alert;
use super::annotation::Link;
use super::drift::DriftReport;
use super::key::{ExperimentKey, Key, ModelKey, RunKey, VersionKey};
use super::model::{LoggedMetric, ModelVersion, Package};
use super::pipeline::{
    LogChunk, LogKey, PipelineDetails, PipelineKey, PipelineRun, PipelineRunKey, Produced, Task,
};
use super::run::{Artifact, MetricHistory, Run};
use super::signal::{Measure, SignalCheck, SignalSeries};
use super::text::Clean;
use super::time::Millis;

/// The method of series that an expression's own are compared with.
pub const COMPARED: &str = "compared";

/// A question to one source. Cancelled when its pane closes.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Query {
    /// The newest runs of an experiment, or those that a filter in the server's own grammar selects.
    Runs {
        /// Which experiment.
        experiment: ExperimentKey,
        /// The server-side filter, empty for none.
        filter: Clean,
        /// How many rows at most.
        limit: u32,
        /// Continue after a page, with that page's token.
        page: Option<Key>,
    },
    /// One run, whole and fresh.
    Run(RunKey),
    /// Histories of one metric for several runs, at most `points` a run.
    History {
        /// The runs.
        runs: Arc<[RunKey]>,
        /// The raw metric name.
        metric: Key,
        /// Points a run at most.
        points: u32,
        /// Only from this step on: the tail of a live run.
        from_step: Option<i64>,
    },
    /// Files of a run, below a path.
    RunArtifacts {
        /// The run.
        run: RunKey,
        /// The folder, empty for the root.
        path: Key,
    },
    /// Files of a logged model, below a path.
    LoggedModelArtifacts {
        /// The logged model.
        model: Key,
        /// The folder, empty for the root.
        path: Key,
    },
    /// The claims of moves of a model's aliases.
    Claims(ModelKey),
    /// Tags and description as they are written, for an edit: facts hold them as they are shown.
    Texts(Tagged),
    /// Every version of a model.
    Versions(ModelKey),
    /// What the package of a version says of itself.
    Package(VersionKey),
    /// Metrics of a logged model, each with the dataset it was evaluated on.
    LoggedModel(Key),
    /// The course of one measure of a model, one series a version, part and method.
    Series {
        /// The registry's name of the model.
        model: Key,
        /// What is measured.
        measure: Measure,
        /// The time to look at.
        span: Span,
    },
    /// The course of an expression in the server's own language: an alert's rule. Series whose method is
    /// [`COMPARED`] are what the expression's own are compared with.
    Expression {
        /// The expression.
        query: Key,
        /// The time to look at.
        span: Span,
    },
    /// When a model's alerts were pending and firing, one series an alert: 1 pending, 2 firing.
    AlertStrip {
        /// The registry's name of the model.
        model: Key,
        /// The time to look at.
        span: Span,
    },
    /// The alerts that were pending or firing at an instant.
    AlertsAt(Millis),
    /// A drift report of a model: the newest, or the newest before an instant.
    DriftReport {
        /// The registry's name of the model.
        model: Key,
        /// Not after this.
        before: Option<Millis>,
    },
    /// What each signal of a monitoring source finds: for those who set it up.
    SignalChecks,
    /// Dashboards of a model.
    Links {
        /// The registry's name of the model.
        model: Key,
    },
    /// Parameters and graph of a pipeline.
    Pipeline(PipelineKey),
    /// One pipeline run, fresh.
    PipelineRun(PipelineRunKey),
    /// The newest runs of one pipeline.
    PipelineRuns {
        /// Which pipeline.
        pipeline: PipelineKey,
        /// How many at most.
        limit: u32,
    },
    /// The tasks of a pipeline run.
    Tasks(PipelineRunKey),
    /// A task's log, from where the last look ended.
    TaskLog {
        /// Which log.
        log: LogKey,
        /// Where to go on; `None` for the start.
        from: Option<Key>,
    },
    /// What the tasks of a run returned about a model version.
    Produced(PipelineRunKey),
}

/// What is written on a model or a version, raw: for comparisons and requests, never for a screen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Texts {
    /// Tags by their names.
    pub tags: Vec<(Key, Key)>,
    /// The description; empty for none.
    pub description: Key,
}

/// A stretch of time and how finely to look at it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Span {
    /// How long, in seconds: up to now unless `until` says otherwise.
    pub seconds: u32,
    /// Until when; `None` for now.
    pub until: Option<Millis>,
    /// How many columns a chart has for it.
    pub columns: u16,
}

/// The answer to a [`Query`].
#[derive(Clone, PartialEq, Debug)]
pub enum Detail {
    /// Runs, and the token of the next page if there is one.
    Runs {
        /// The rows.
        runs: Vec<Run>,
        /// The next page.
        next: Option<Key>,
    },
    /// One run.
    Run(Box<Run>),
    /// Histories, one for each run that has the metric.
    History(Vec<MetricHistory>),
    /// Files.
    Artifacts(Vec<Artifact>),
    /// Claims of moves.
    Claims(Book),
    /// Tags and description.
    Texts(Box<Texts>),
    /// Versions.
    Versions(Vec<ModelVersion>),
    /// A package.
    Package(Box<Package>),
    /// Metrics of a logged model.
    LoggedModel(Vec<LoggedMetric>),
    /// Series.
    Series(Vec<SignalSeries>),
    /// Alerts of an earlier time.
    Alerts {
        /// Those that could be read.
        alerts: Vec<Alert>,
        /// What could not, in words.
        partial: Option<Clean>,
    },
    /// A drift report, or `None` where there is none.
    DriftReport(Option<Box<DriftReport>>),
    /// What each signal finds.
    SignalChecks(Vec<SignalCheck>),
    /// Links.
    Links(Vec<Link>),
    /// Parameters and graph.
    Pipeline(Box<PipelineDetails>),
    /// One pipeline run.
    PipelineRun(Box<PipelineRun>),
    /// Pipeline runs.
    PipelineRuns(Vec<PipelineRun>),
    /// Tasks.
    Tasks(Vec<Task>),
    /// A piece of a log.
    TaskLog(LogChunk),
    /// What was produced; empty where no task says.
    Produced(Vec<Produced>),
}

/// What is on screen: what fast ticks ask for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Focus {
    /// Models whose rows are visible, and the one whose page is open.
    pub models: BTreeSet<ModelKey>,
    /// Experiments whose runs are listed.
    pub experiments: BTreeSet<ExperimentKey>,
    /// The run whose page is open.
    pub run: Option<RunKey>,
}
