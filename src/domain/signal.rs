//! Signals: numbers over time with a meaning, a unit and a bad direction. What a reading is lives
//! here; how bad it is, the rules say.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::key::{Key, SourceId};
use super::level::Level;
use super::text::Clean;
use super::time::Millis;

/// What a signal measures.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    /// Requests a second.
    Requests,
    /// The share of requests that fail, 0 to 1.
    ErrorRatio,
    /// The median time of a request, in seconds.
    LatencyP50,
    /// The 95th percentile, in seconds.
    LatencyP95,
    /// The 99th percentile, in seconds.
    LatencyP99,
    /// The mean, in seconds: for servers that keep no quantiles.
    LatencyMean,
    /// Requests that wait.
    Queue,
    /// Used capacity, 0 to 1.
    Saturation,
    /// The mean of what the model answers.
    PredictionMean,
    /// The share of positive answers, 0 to 1.
    PositiveShare,
    /// How far one input feature has moved; `part` is the feature.
    FeatureDrift,
    /// The share of features over their thresholds, 0 to 1.
    DriftShare,
    /// How far the predictions have moved.
    PredictionDrift,
    /// How far the labels have moved.
    TargetDrift,
    /// A quality metric measured with labels; `part` is the metric.
    QualityRealised,
    /// A quality metric estimated without labels; `part` is the metric.
    QualityEstimated,
    /// The share of predictions whose label has come, 0 to 1.
    LabelCoverage,
    /// A fairness metric; `part` is the group, `method` the metric.
    Fairness,
    /// The share of missing values; `part` is the feature.
    NullShare,
    /// The mean of an input feature; `part` is the feature.
    FeatureMean,
    /// How much a feature matters to the model, 0 to 1; `part` is the feature.
    Importance,
    /// Rows of the current window that a drift or quality job looked at; `part` may be a group.
    Samples,
    /// Rows of its reference.
    ReferenceSamples,
    /// When the job that writes drift and quality last ran, in seconds since the epoch.
    LastRun,
}

impl Measure {
    /// Every measure, in the order of lists.
    pub const ALL: [Self; 24] = [
        Self::Requests,
        Self::ErrorRatio,
        Self::LatencyP50,
        Self::LatencyP95,
        Self::LatencyP99,
        Self::LatencyMean,
        Self::Queue,
        Self::Saturation,
        Self::PredictionMean,
        Self::PositiveShare,
        Self::FeatureDrift,
        Self::DriftShare,
        Self::PredictionDrift,
        Self::TargetDrift,
        Self::QualityRealised,
        Self::QualityEstimated,
        Self::LabelCoverage,
        Self::Fairness,
        Self::NullShare,
        Self::FeatureMean,
        Self::Importance,
        Self::Samples,
        Self::ReferenceSamples,
        Self::LastRun,
    ];

    /// The word in configuration, presets and JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::ErrorRatio => "error-ratio",
            Self::LatencyP50 => "latency-p50",
            Self::LatencyP95 => "latency-p95",
            Self::LatencyP99 => "latency-p99",
            Self::LatencyMean => "latency-mean",
            Self::Queue => "queue",
            Self::Saturation => "saturation",
            Self::PredictionMean => "prediction-mean",
            Self::PositiveShare => "positive-share",
            Self::FeatureDrift => "feature-drift",
            Self::DriftShare => "drift-share",
            Self::PredictionDrift => "prediction-drift",
            Self::TargetDrift => "target-drift",
            Self::QualityRealised => "quality-realised",
            Self::QualityEstimated => "quality-estimated",
            Self::LabelCoverage => "label-coverage",
            Self::Fairness => "fairness",
            Self::NullShare => "null-share",
            Self::FeatureMean => "feature-mean",
            Self::Importance => "importance",
            Self::Samples => "samples",
            Self::ReferenceSamples => "reference-samples",
            Self::LastRun => "last-run",
        }
    }

    /// The measure of a word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|m| m.word() == word)
    }

    /// Short words for a heading or a chart's title.
    pub fn title(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::ErrorRatio => "errors",
            Self::LatencyP50 => "p50",
            Self::LatencyP95 => "p95",
            Self::LatencyP99 => "p99",
            Self::LatencyMean => "mean latency",
            Self::Queue => "queue",
            Self::Saturation => "saturation",
            Self::PredictionMean => "prediction mean",
            Self::PositiveShare => "positive share",
            Self::FeatureDrift => "feature drift",
            Self::DriftShare => "drifted features",
            Self::PredictionDrift => "prediction drift",
            Self::TargetDrift => "target drift",
            Self::QualityRealised => "realised quality",
            Self::QualityEstimated => "estimated quality",
            Self::LabelCoverage => "label coverage",
            Self::Fairness => "fairness",
            Self::NullShare => "missing values",
            Self::FeatureMean => "feature mean",
            Self::Importance => "importance",
            Self::Samples => "samples",
            Self::ReferenceSamples => "reference samples",
            Self::LastRun => "last run",
        }
    }

    /// Its unit unless a preset says otherwise.
    pub fn unit(self) -> Unit {
        match self {
            Self::Requests => Unit::PerSecond,
            Self::ErrorRatio
            | Self::Saturation
            | Self::PositiveShare
            | Self::DriftShare
            | Self::LabelCoverage
            | Self::NullShare => Unit::Ratio,
            Self::LatencyP50 | Self::LatencyP95 | Self::LatencyP99 | Self::LatencyMean => {
                Unit::Seconds
            }
            Self::Queue | Self::Samples | Self::ReferenceSamples => Unit::Count,
            Self::LastRun => Unit::Stamp,
            Self::PredictionMean
            | Self::FeatureDrift
            | Self::PredictionDrift
            | Self::TargetDrift
            | Self::QualityRealised
            | Self::QualityEstimated
            | Self::Fairness
            | Self::FeatureMean
            | Self::Importance => Unit::Score,
        }
    }

    /// Which direction is bad unless a preset or a method says otherwise.
    pub fn direction(self) -> Direction {
        match self {
            Self::ErrorRatio
            | Self::LatencyP50
            | Self::LatencyP95
            | Self::LatencyP99
            | Self::LatencyMean
            | Self::Queue
            | Self::Saturation
            | Self::FeatureDrift
            | Self::DriftShare
            | Self::PredictionDrift
            | Self::TargetDrift
            | Self::NullShare => Direction::HighIsBad,
            Self::QualityRealised
            | Self::QualityEstimated
            | Self::LabelCoverage
            | Self::Fairness => Direction::LowIsBad,
            Self::Requests
            | Self::PredictionMean
            | Self::PositiveShare
            | Self::FeatureMean
            | Self::Importance
            | Self::Samples
            | Self::ReferenceSamples
            | Self::LastRun => Direction::Neither,
        }
    }

    /// Whether each feature of a model has one: by far the most readings.
    pub fn is_by_feature(self) -> bool {
        matches!(
            self,
            Self::FeatureDrift | Self::NullShare | Self::FeatureMean | Self::Importance
        )
    }

    /// Whether a drift or quality job writes it, on its own schedule: its samples look fresh for ever,
    /// and only the job's last run tells their age.
    pub fn is_from_a_job(self) -> bool {
        !matches!(
            self,
            Self::Requests
                | Self::ErrorRatio
                | Self::LatencyP50
                | Self::LatencyP95
                | Self::LatencyP99
                | Self::LatencyMean
                | Self::Queue
                | Self::Saturation
                | Self::PredictionMean
                | Self::PositiveShare
        )
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// How a value is written.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, Debug, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// A plain number.
    #[default]
    Score,
    /// 0 to 1, written in percent.
    Ratio,
    /// Seconds, written in the unit that fits.
    Seconds,
    /// Events a second.
    PerSecond,
    /// A number of things.
    Count,
    /// A probability of a statistical test.
    PValue,
    /// Seconds since the epoch, written as an age.
    Stamp,
}

/// Which way a value must not go.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, Debug, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// More is worse.
    HighIsBad,
    /// Less is worse.
    LowIsBad,
    /// Neither, or nobody knows: such a value gets no verdict.
    #[default]
    Neither,
}

impl Direction {
    /// Whether `value` has reached `line`: at the line counts as over it.
    pub fn is_over(self, value: f64, line: f64) -> bool {
        match self {
            Self::HighIsBad => value >= line,
            Self::LowIsBad => value <= line,
            Self::Neither => false,
        }
    }

    /// The sign between a bad value and its line, for sentences: `>` or `<`.
    pub fn sign(self) -> &'static str {
        match self {
            Self::HighIsBad => ">",
            Self::LowIsBad => "<",
            Self::Neither => "~",
        }
    }
}

/// What was read where a number was asked for. An absent error series is not 0 %, a NaN score is not
/// a zero, and a quiet endpoint has no error ratio.
#[derive(Clone, Copy, PartialEq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measured {
    /// A number; zero and the infinities are numbers.
    Value(f64),
    /// There was nothing to measure.
    NoTraffic,
    /// No such series.
    NoData,
    /// The series holds NaN: its writer could not compute it.
    NotANumber,
}

impl Measured {
    /// A sample as a value or NaN.
    pub fn of(value: f64) -> Self {
        if value.is_nan() {
            Self::NotANumber
        } else {
            Self::Value(value)
        }
    }

    /// The number, if there is one.
    pub fn value(self) -> Option<f64> {
        match self {
            Self::Value(value) => Some(value),
            Self::NoTraffic | Self::NoData | Self::NotANumber => None,
        }
    }
}

/// How a measured value stands, for screens and JSON: the states that must never look alike.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// A number to go by.
    Value,
    /// Nothing to measure.
    NoTraffic,
    /// No such series.
    #[default]
    NoData,
    /// Not a number.
    Nan,
    /// A number that is older than its limit.
    Stale,
    /// A number from too few samples.
    LowN,
    /// The source failed.
    Error,
}

impl State {
    /// The word in JSON and sentences.
    pub fn word(self) -> &'static str {
        match self {
            Self::Value => "value",
            Self::NoTraffic => "no traffic",
            Self::NoData => "no data",
            Self::Nan => "NaN",
            Self::Stale => "stale",
            Self::LowN => "low n",
            Self::Error => "error",
        }
    }
}

/// Which series: of one model, as its monitoring names it, with the source's label map applied.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SignalKey {
    /// The registry's name of the model, after the source's name map.
    pub model: Key,
    /// What is measured.
    pub measure: Measure,
    /// The feature, quality metric or group; empty for none.
    pub part: Key,
    /// The drift method or fairness metric; empty for none. Another method is another series.
    pub method: Key,
    /// The model's version in the monitoring's words; empty for all versions together.
    pub version: Key,
    /// Who says so.
    pub source: SourceId,
}

/// The newest reading of one signal. Kept small: tens of thousands are held.
#[derive(Clone, PartialEq, Debug)]
pub struct SignalReading {
    /// Which series.
    pub key: SignalKey,
    /// What was read.
    pub value: Measured,
    /// When it was measured, where its source tells; else it holds for the time of the newest poll
    /// that was answered.
    pub at: Option<Millis>,
    /// When its writer last ran, where that is known apart from the sample's time.
    pub written_at: Option<Millis>,
    /// How it is written.
    pub unit: Unit,
    /// Which way is bad.
    pub direction: Direction,
    /// Who states its lines.
    pub lines_from: LinesFrom,
    /// Lines that its own source or its preset states; settings and policy fill in the rest.
    pub lines: Option<Arc<Lines>>,
    /// Rows behind it, at most what 32 bits hold.
    pub n: Option<u32>,
    /// Rows of the reference behind it.
    pub reference_n: Option<u32>,
    /// The window that it sums up.
    pub window: Option<Duration>,
    /// The verdict of its source's own test, where it made one, with its reason.
    pub tested: Option<Box<Tested>>,
}

impl SignalReading {
    /// A reading with its measure's own unit and direction, of which nothing else is known.
    pub fn new(key: SignalKey, value: Measured) -> Self {
        let (unit, direction) = (key.measure.unit(), key.measure.direction());
        Self {
            key,
            value,
            at: None,
            written_at: None,
            unit,
            direction,
            lines_from: LinesFrom::default(),
            lines: None,
            n: None,
            reference_n: None,
            window: None,
            tested: None,
        }
    }
}

/// Who states the lines of a reading. It decides what beats them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum LinesFrom {
    /// The series: a threshold that its own source keeps for it. Nothing beats it.
    #[default]
    Series,
    /// The preset that asked for it: settings and tags beat it.
    Preset,
}

/// The lines between levels.
#[derive(Clone, Copy, PartialEq, Debug, Default, serde::Serialize)]
pub struct Lines {
    /// Worth a warning from here on.
    pub warn: Option<f64>,
    /// Critical from here on.
    pub crit: Option<f64>,
}

/// What a source's own test says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tested {
    /// Whether it passed.
    pub passed: bool,
    /// Its reason.
    pub reason: Clean,
}

/// Samples of one signal, oldest first: at equal steps, or at times of their own where a job's runs
/// made them. [`SignalSeries::at`] tells the time of each. A NaN is a gap.
#[derive(Clone, PartialEq, Debug)]
pub struct SignalSeries {
    /// Which series.
    pub key: SignalKey,
    /// The time of the first value.
    pub start: Millis,
    /// The time between two; what lies between two runs as a rule, where `times` tells.
    pub step: Duration,
    /// The time of each value where they are not at equal steps, never falling; as many as values.
    pub times: Option<Arc<[Millis]>>,
    /// The values.
    pub values: Arc<[f32]>,
}

impl SignalSeries {
    /// A series of runs: samples at times of their own, in any order. Of two at one time the later
    /// one holds. `None` for no samples.
    pub fn of_runs(key: SignalKey, mut samples: Vec<(Millis, f64)>) -> Option<Self> {
        samples.sort_by_key(|(at, _)| *at);
        // The later of two comes first in the reversed list, which is the one that is kept.
        samples.reverse();
        samples.dedup_by_key(|(at, _)| *at);
        samples.reverse();
        let start = samples.first()?.0;
        let mut apart: Vec<Duration> = samples.windows(2).map(|w| w[1].0.since(w[0].0)).collect();
        apart.sort_unstable();
        Some(Self {
            key,
            start,
            step: apart.get(apart.len() / 2).copied().unwrap_or_default(),
            times: Some(samples.iter().map(|(at, _)| *at).collect()),
            values: samples.iter().map(|(_, value)| *value as f32).collect(),
        })
    }

    /// The time of a value.
    pub fn at(&self, index: usize) -> Millis {
        if let Some(at) = self.times.as_ref().and_then(|times| times.get(index)) {
            return *at;
        }
        let steps = u32::try_from(index).unwrap_or(u32::MAX);
        self.start.plus(self.step.saturating_mul(steps))
    }

    /// The time of the last value.
    pub fn end(&self) -> Millis {
        self.at(self.values.len().saturating_sub(1))
    }
}

/// A reading as the rules have judged it: what screens and documents show.
#[derive(Clone, PartialEq, Debug)]
pub struct Gauge {
    /// Which series.
    pub key: SignalKey,
    /// The number, where there is one; also for stale and low-n readings.
    pub value: Option<f64>,
    /// How it stands.
    pub state: State,
    /// How it is written.
    pub unit: Unit,
    /// Which way is bad.
    pub direction: Direction,
    /// The lines that judged it.
    pub lines: Lines,
    /// Rows behind it.
    pub n: Option<u64>,
    /// The score to expect without any drift, where it is known: below it, a score says nothing.
    pub noise_floor: Option<f64>,
    /// When it was measured, where its source tells; else it holds as of the newest poll that was
    /// answered: see [`Fleet::gauge_at`](super::fleet::Fleet::gauge_at).
    pub at: Option<Millis>,
    /// How bad; `None` where nothing says which value would be bad.
    pub level: Option<Level>,
}

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

#[cfg(test)]
#[path = "signal_tests.rs"]
mod tests;
