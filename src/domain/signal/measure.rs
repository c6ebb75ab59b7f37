//! What signals measure, how their values are written, and which way each must not go.

use std::fmt;

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
    /// Rows of a window by what was predicted: `part` is the class, or `<=` and the upper bound of a bin whose rows
    /// are counted from the lowest bin on; `method` is the window, `current` or `reference`.
    PredictionRows,
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
    pub const ALL: [Self; 25] = [
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
        Self::PredictionRows,
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
            Self::PredictionRows => "prediction-rows",
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

    /// Whether the values of two series of one model add up to the model's: counts and rates do. Of
    /// others the worse one stands.
    pub fn adds_up(self) -> bool {
        matches!(
            self,
            Self::Requests | Self::Queue | Self::Samples | Self::ReferenceSamples
        )
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
            Self::PredictionRows => "prediction rows",
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
            Self::Queue | Self::PredictionRows | Self::Samples | Self::ReferenceSamples => {
                Unit::Count
            }
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
            | Self::PredictionRows
            | Self::FeatureMean
            | Self::Importance
            | Self::Samples
            | Self::ReferenceSamples
            | Self::LastRun => Direction::Neither,
        }
    }

    /// Whether it says how far something has moved, by itself or counted.
    pub fn is_of_drift(self) -> bool {
        matches!(
            self,
            Self::FeatureDrift | Self::DriftShare | Self::PredictionDrift | Self::TargetDrift
        )
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
