//! When findings count: the limits that every context has and may set.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::domain::signal::{Lines, Measure};
use crate::domain::writing::WritePolicy;

/// Limits that rules judge by. Tags may tighten them and never go below.
#[derive(Clone, PartialEq, Debug)]
pub struct Policy {
    /// The alias that names the version in production.
    pub champion: String,
    /// The alias of the candidate.
    pub challenger: String,
    /// How long serving may lag behind an alias move before it counts as behind.
    pub rollout_grace: Duration,
    /// How long a version may load before it counts as stuck.
    pub stuck_after: Duration,
    /// How many cadences a fact may miss before it is stale.
    pub stale_after_polls: u32,
    /// How many cadences a source may fail before it is down.
    pub down_after_polls: u32,
    /// An endpoint's health answer slower than this is worth a warning.
    pub slow_probe: Duration,
    /// How old a champion may be, if limited.
    pub max_model_age: Option<Duration>,
    /// Gates that every promotion has to pass; tags and models add to them. Without it: the built-in ones,
    /// unless a model names its own.
    pub gates: Option<Vec<String>>,
    /// Who may sign approvals, in the form of `ssh-keygen`'s allowed signers.
    pub allowed_signers: Option<PathBuf>,
    /// Limits of signals.
    pub signals: SignalPolicy,
    /// Limits that plans of writes are made by.
    pub writing: WritePolicy,
}

/// Limits of signals. A line that a source states for a series of its own beats these.
#[derive(Clone, PartialEq, Debug)]
pub struct SignalPolicy {
    /// Lines by measure.
    pub lines: BTreeMap<Measure, Lines>,
    /// Scores from fewer rows get no verdict.
    pub min_samples: u64,
    /// How many bins a score is taken to have where nobody says: for the noise floor.
    pub bins: u32,
    /// A drift or quality job that has not run for so long is an incident of its own.
    pub job_stale_after: Duration,
    /// A sample older than this is stale.
    pub sample_stale_after: Duration,
    /// The label coverage under which realised quality gets no verdict, 0 to 1.
    pub min_label_coverage: f64,
    /// Traffic under this share of the hours before is lost, 0 to 1.
    pub traffic_floor: f64,
    /// The share of requests that may be slower than the latency line, 0 to 1: the error budget that
    /// burn rates are counted in.
    pub latency_budget: f64,
    /// Drift that was there within this time of a version's first minute is training/serving skew.
    pub skew_window: Duration,
}

impl Default for SignalPolicy {
    fn default() -> Self {
        let lines = |warn, crit| Lines {
            warn: Some(warn),
            crit: Some(crit),
        };
        let warn = |warn| Lines {
            warn: Some(warn),
            crit: None,
        };
        Self {
            lines: BTreeMap::from([
                (Measure::ErrorRatio, lines(0.01, 0.03)),
                (Measure::LatencyP95, lines(0.5, 1.0)),
                (Measure::LatencyP99, lines(1.0, 2.0)),
                (Measure::LatencyMean, lines(0.5, 1.0)),
                (Measure::Saturation, lines(0.9, 0.98)),
                (Measure::FeatureDrift, warn(0.1)),
                (Measure::DriftShare, lines(0.3, 0.5)),
                (Measure::PredictionDrift, lines(0.1, 0.25)),
                (Measure::TargetDrift, warn(0.1)),
                (Measure::NullShare, lines(0.05, 0.2)),
                (Measure::Fairness, warn(0.8)),
            ]),
            min_samples: 500,
            bins: 10,
            job_stale_after: Duration::from_secs(26 * 3600),
            sample_stale_after: Duration::from_secs(5 * 60),
            min_label_coverage: 0.5,
            traffic_floor: 0.2,
            latency_budget: 0.05,
            skew_window: Duration::from_secs(3600),
        }
    }
}

impl SignalPolicy {
    /// Whether so few labels have come, 0 to 1 of them, that what rests on them gets no verdict.
    pub fn lacks_labels(&self, coverage: f64) -> bool {
        coverage < self.min_label_coverage
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            champion: "champion".to_owned(),
            challenger: "challenger".to_owned(),
            rollout_grace: Duration::from_secs(10 * 60),
            stuck_after: Duration::from_secs(5 * 60),
            stale_after_polls: 3,
            down_after_polls: 3,
            slow_probe: Duration::from_secs(1),
            max_model_age: None,
            gates: None,
            allowed_signers: None,
            signals: SignalPolicy::default(),
            writing: WritePolicy::default(),
        }
    }
}
