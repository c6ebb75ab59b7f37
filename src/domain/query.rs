//! Details on demand: what a pane may ask a source for, and the answers.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::key::{ExperimentKey, Key, ModelKey, RunKey, VersionKey};
use super::model::{ModelVersion, Package};
use super::run::{Artifact, MetricHistory, Run};
use super::text::Clean;

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
    /// Every version of a model.
    Versions(ModelKey),
    /// What the package of a version says of itself.
    Package(VersionKey),
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
    /// Versions.
    Versions(Vec<ModelVersion>),
    /// A package.
    Package(Box<Package>),
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
