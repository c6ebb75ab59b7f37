//! The serving side: what an endpoint answers, and what it is supposed to answer.

use std::time::Duration;

use super::key::{DeploymentKey, Key};
use super::text::Clean;
use super::time::Millis;

/// How a version is known. The order is from the strongest evidence to none.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Known {
    /// The endpoint's own answer.
    Reported,
    /// A specification, label or setting says so.
    Declared,
    /// Concluded from a tag, an image or a path.
    Inferred,
    /// No evidence.
    Unknown,
}

impl Known {
    /// The word on screen and in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Reported => "reported",
            Self::Declared => "declared",
            Self::Inferred => "inferred",
            Self::Unknown => "unknown",
        }
    }
}

/// The state of one version inside a serving process.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum ServedState {
    /// It answers requests.
    Answering,
    /// It is being loaded.
    Loading,
    /// It could not be loaded.
    Failed,
    /// It was unloaded.
    Unloaded,
    /// The server does not say, or in a word not known here.
    Unknown,
}

/// One version that an endpoint holds.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct ServedVersion {
    /// The version in the endpoint's own words, before any version map.
    pub version: Key,
    /// How it is known.
    pub known: Known,
    /// Its state.
    pub state: ServedState,
    /// Why, where the server says.
    pub message: Clean,
}

/// Whether an endpoint answers.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// Server and model say that they are ready.
    Ready,
    /// The server answers, the model is not ready.
    NotReady,
    /// The server answers that it does not hold the model.
    Missing,
    /// The server does not answer.
    Unreachable,
    /// Not known.
    Unknown,
}

impl Health {
    /// The word on screen and in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::NotReady => "not ready",
            Self::Missing => "missing",
            Self::Unreachable => "unreachable",
            Self::Unknown => "unknown",
        }
    }
}

/// What one look at an endpoint showed.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct EndpointReading {
    /// Which deployment.
    pub key: DeploymentKey,
    /// The deployment's name, from the settings.
    pub name: Clean,
    /// Whether it answers.
    pub health: Health,
    /// Why it is not ready, where it says.
    pub message: Clean,
    /// The versions it holds; empty when it cannot tell.
    pub versions: Vec<ServedVersion>,
    /// The version that answers a request which names none, where the server has such a rule.
    pub default_version: Option<Key>,
    /// The serving software and its version.
    pub server: Clean,
    /// The time of the health call alone, connection reused.
    pub latency: Option<Duration>,
    /// Which call failed when this look could not read the versions; empty when it read them.
    pub versions_unread: Clean,
    /// The look that read the versions, where it was an earlier one than this.
    pub versions_at: Option<Millis>,
}

impl EndpointReading {
    /// Takes over what an earlier reading of the same endpoint, asked for at `at`, knew of versions, if
    /// this one could not read them. Which version answers does not change by a failed call; what was
    /// loading or being unloaded does, so that is not kept.
    pub fn keep_versions(&mut self, earlier: &Self, at: Millis) {
        let told = self.versions_unread.is_empty() || !self.versions.is_empty();
        if told || self.health == Health::Missing {
            return;
        }
        let kept =
            |v: &&ServedVersion| matches!(v.state, ServedState::Answering | ServedState::Failed);
        self.versions = earlier.versions.iter().filter(kept).cloned().collect();
        if !self.versions.is_empty() {
            self.default_version.clone_from(&earlier.default_version);
            self.versions_at = earlier.versions_at.or(Some(at));
        }
    }

    /// The versions that answer requests.
    pub fn answering(&self) -> impl Iterator<Item = &ServedVersion> {
        self.versions
            .iter()
            .filter(|v| v.state == ServedState::Answering)
    }
}
