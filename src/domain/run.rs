//! The tracker's side: experiments, runs, their metrics, parameters, datasets and artifacts.

use std::sync::Arc;

use super::key::{ExperimentKey, Key, RunKey};
use super::model::{Name, Tags, tag};
use super::text::Clean;
use super::time::Millis;

/// An experiment: a named list of runs.
#[derive(Clone, PartialEq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Experiment {
    /// Identity.
    pub key: ExperimentKey,
    /// The name, for people.
    pub name: Clean,
    /// When it was created.
    pub created: Millis,
    /// Last rename or deletion; new runs do not move it.
    pub updated: Millis,
    /// Tags.
    pub tags: Tags,
}

/// Where a run stands, as the tracker says.
#[derive(Clone, PartialEq, Eq, Debug, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Running, or its trainer died without saying so: see its age.
    Running,
    /// Waiting to run.
    Scheduled,
    /// Ended well.
    Finished,
    /// Ended badly.
    Failed,
    /// Ended from outside.
    Killed,
    /// A word this program does not know, kept as it came.
    Other(Clean),
}

impl RunStatus {
    /// The word on screen and in JSON.
    pub fn word(&self) -> &str {
        match self {
            Self::Running => "running",
            Self::Scheduled => "scheduled",
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::Killed => "killed",
            Self::Other(word) => word.as_str(),
        }
    }

    /// Whether more may still come from it.
    pub fn is_live(&self) -> bool {
        matches!(self, Self::Running | Self::Scheduled)
    }
}

/// The latest value of one metric of a run: latest by step, then by time.
#[derive(Clone, PartialEq, Debug, serde::Serialize, serde::Deserialize)]
pub struct LastMetric {
    /// The metric.
    pub name: Name,
    /// Its value; may be NaN or infinite.
    pub value: f64,
    /// The step it was logged at.
    pub step: i64,
    /// When, by the trainer's clock.
    pub at: Millis,
}

/// A dataset that a run read.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct DatasetUse {
    /// Its name.
    pub name: Clean,
    /// The digest of its content, as logged.
    pub digest: Clean,
    /// What it was read for (`training`, `validation`), empty where not said.
    pub context: Clean,
    /// The kind of source (`s3`, `code`, `delta_table`).
    pub source_kind: Clean,
    /// Where it came from: a URI or the logged source, shortened.
    pub source: Clean,
}

/// One training or evaluation run, whole.
#[derive(Clone, PartialEq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Run {
    /// Identity.
    pub key: RunKey,
    /// The experiment it belongs to.
    pub experiment: ExperimentKey,
    /// Its name, for people.
    pub name: Clean,
    /// Who started it.
    pub user: Clean,
    /// Where it stands.
    pub status: RunStatus,
    /// Start, by the trainer's clock.
    pub started: Millis,
    /// End, by the trainer's clock; a resumed run may be running and have one.
    pub ended: Option<Millis>,
    /// Whether the tracker marks it deleted.
    pub deleted: bool,
    /// Where its artifacts live.
    pub artifacts: Clean,
    /// Latest metric values.
    pub metrics: Arc<[LastMetric]>,
    /// Parameters.
    pub params: Tags,
    /// Tags.
    pub tags: Tags,
    /// Datasets it read.
    pub datasets: Arc<[DatasetUse]>,
    /// Logged models it wrote.
    pub outputs: Arc<[Key]>,
}

impl Run {
    /// The value of a tag.
    pub fn tag(&self, key: &str) -> Option<&Clean> {
        tag(&self.tags, key)
    }

    /// The value of a parameter.
    pub fn param(&self, key: &str) -> Option<&Clean> {
        tag(&self.params, key)
    }

    /// The latest value of a metric.
    pub fn metric(&self, name: &str) -> Option<f64> {
        self.metrics
            .iter()
            .find(|m| m.name.shown == name)
            .map(|m| m.value)
    }
}

/// One point of a metric's history.
#[derive(Clone, Copy, PartialEq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Point {
    /// Training step.
    pub step: i64,
    /// When, by the trainer's clock.
    pub at: Millis,
    /// The value; NaN and infinities are kept, and charts show them as gaps.
    pub value: f64,
}

/// The history of one metric of one run.
#[derive(Clone, PartialEq, Debug)]
pub struct MetricHistory {
    /// The run.
    pub run: RunKey,
    /// The metric.
    pub metric: Name,
    /// Points by step; possibly sampled by the server, first and last always among them.
    pub points: Arc<[Point]>,
    /// Whether the server thinned the points out.
    pub sampled: bool,
}

/// A file or folder among a run's or a logged model's artifacts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Artifact {
    /// Path from the artifact root.
    pub path: Name,
    /// Whether it is a folder.
    pub folder: bool,
    /// Size in bytes, where stated.
    pub size: Option<u64>,
}
