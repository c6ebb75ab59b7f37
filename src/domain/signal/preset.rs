//! How a monitoring system is asked for signals: presets of queries, labels and names, and what a check
//! of them finds.

use super::{Direction, Lines, Measure, Unit};
use crate::domain::text::Clean;

/// What a missing series means.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, Debug, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Absent {
    /// Zero: a counter that appears with its first event.
    Zero,
    /// Nothing to measure.
    NoTraffic,
    /// Nobody knows.
    #[default]
    NoData,
}

/// Which labels of a series name what.
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LabelMap {
    /// The model.
    pub model: String,
    /// Its version, empty if no label tells.
    pub version: String,
    /// The feature, metric or group, empty for none.
    pub part: String,
    /// The drift method or fairness metric, empty for none.
    pub method: String,
}

/// One signal of a monitoring system: how to ask for it and how to read the answer.
#[derive(Clone, PartialEq, Debug)]
pub struct SignalSpec {
    /// What it measures.
    pub measure: Measure,
    /// The query, one for all models: `$sel` stands for the extra matchers, `$win` for the rate window.
    pub query: String,
    /// The same split by version, where the labels allow: extra series beside those of all versions
    /// together.
    pub by_version: Option<String>,
    /// What the answer is multiplied by.
    pub scale: f64,
    /// How it is written.
    pub unit: Unit,
    /// Which way is bad, where it is said: else as the drift method has it, else the measure.
    pub direction: Option<Direction>,
    /// Lines, where the preset knows some.
    pub lines: Lines,
    /// The labels of the answer.
    pub labels: LabelMap,
    /// The method where no label names it.
    pub method: String,
    /// The metric or feature where no label names it.
    pub part: String,
    /// What absence means for a model that the preset knows.
    pub absent: Absent,
    /// A query for the line of each series.
    pub threshold: Option<String>,
    /// A query for when the writer last ran, in seconds since the epoch.
    pub written: Option<String>,
    /// A query for the rows behind it.
    pub samples: Option<String>,
    /// A query for the rows of the reference.
    pub reference: Option<String>,
}

/// The signals of one serving or monitoring stack.
#[derive(Clone, PartialEq, Debug)]
pub struct Preset {
    /// Its name.
    pub name: String,
    /// Metric names any of which shows that the stack is there.
    pub detect: Vec<String>,
    /// Its signals.
    pub signals: Vec<SignalSpec>,
}

/// What one signal of a source finds, for those who set it up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignalCheck {
    /// The preset that it belongs to.
    pub preset: Clean,
    /// What it measures.
    pub measure: Measure,
    /// Its part, where the preset fixes one.
    pub part: Clean,
    /// How many series its query answers with.
    pub series: usize,
    /// How many of them name no model.
    pub unnamed: usize,
    /// The labels of one of them.
    pub sample: Clean,
    /// What the server remarks on it: warnings, infos, what was left out.
    pub remarks: Vec<Clean>,
    /// Why it could not be asked.
    pub fault: Option<Clean>,
}

/// How a monitoring system's model names become the registry's.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct NameMap {
    /// Names by name: first of all.
    pub table: Vec<(String, String)>,
    /// The first group of a regular expression is the name.
    pub regex: Option<String>,
}
