//! What the settings say of writes: in which order a plan goes, which versions count as good, and when a
//! write counts as converged. What is written is in [`action`](super::action).

use std::time::Duration;

/// Which of an alias move and its rollout comes first.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// The alias: serving resolves it, or another system's controller follows it.
    AliasFirst,
    /// Serving: the alias is only a label, and must not name what does not answer yet.
    ServingFirst,
}

impl Order {
    /// The order of a word in settings.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "alias-first" => Some(Self::AliasFirst),
            "serving-first" => Some(Self::ServingFirst),
            _ => None,
        }
    }
}

/// The limits that plans of writes are made by.
#[derive(Clone, PartialEq, Debug)]
pub struct WritePolicy {
    /// Which comes first; without it what the rollout is says so.
    pub order: Option<Order>,
    /// How long a version must have served under our eyes, without a critical finding, before it counts
    /// as one to go back to.
    pub good_after: Duration,
    /// When a write counts as converged.
    pub convergence: Convergence,
}

impl Default for WritePolicy {
    fn default() -> Self {
        Self {
            order: None,
            good_after: Duration::from_secs(3_600),
            convergence: Convergence::default(),
        }
    }
}

/// When a write counts as converged.
#[derive(Clone, PartialEq, Debug)]
pub struct Convergence {
    /// How long the version must have served within the tolerances.
    pub bake: Duration,
    /// Fewer requests in the bake time say nothing.
    pub min_requests: u64,
    /// How much the share of failed requests may lie over the hour before, 0 to 1.
    pub errors: f64,
    /// How much latency may lie over the hour before, as a part of it.
    pub latency: f64,
}

impl Default for Convergence {
    fn default() -> Self {
        Self {
            bake: Duration::from_secs(600),
            min_requests: 100,
            errors: 0.005,
            latency: 0.2,
        }
    }
}
