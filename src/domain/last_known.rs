//! The last-known state: what the first frame is drawn from, before any network answer.

use super::deployment::EndpointReading;
use super::key::SourceId;
use super::model::{ModelVersion, RegisteredModel};
use super::run::{Experiment, Run};
use super::time::Millis;

/// A fact with its source and the time it was read.
#[derive(Clone, PartialEq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Held<T> {
    /// Who said so.
    pub source: SourceId,
    /// When it was asked for.
    pub asked_at: Millis,
    /// The fact.
    pub fact: T,
}

/// Everything worth keeping of a fleet between two starts.
#[derive(Clone, PartialEq, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct LastKnown {
    /// When it was saved.
    pub saved_at: Millis,
    /// Registered models.
    pub models: Vec<Held<RegisteredModel>>,
    /// Model versions.
    pub versions: Vec<Held<ModelVersion>>,
    /// Experiments.
    pub experiments: Vec<Held<Experiment>>,
    /// Endpoints.
    pub endpoints: Vec<Held<EndpointReading>>,
    /// The newest runs.
    pub runs: Vec<Held<Run>>,
}
