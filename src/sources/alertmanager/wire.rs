//! Alertmanager's JSON as the server writes it. The end of an alert is not read: while it fires, that
//! lies ahead and only says when the alert lapses unless it is sent again. Nor is the configuration,
//! which may hold secrets.

use serde::Deserialize;

use crate::sources::labels::Labels;
use crate::sources::lenient::{list, nested, text, texts, words};

/// A bare list, as most answers are; null is empty.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
pub(super) struct Rows<T>(#[serde(deserialize_with = "list")] pub Vec<T>);

impl<T> Default for Rows<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// `GET status`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Status {
    #[serde(deserialize_with = "nested")]
    pub cluster: Cluster,
    #[serde(rename = "versionInfo", deserialize_with = "nested")]
    pub version: Version,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Cluster {
    #[serde(deserialize_with = "text")]
    pub status: String,
    #[serde(deserialize_with = "list")]
    pub peers: Vec<Peer>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Peer {}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Version {
    #[serde(deserialize_with = "text")]
    pub version: String,
}

/// One alert of `GET alerts`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct AlertRow {
    #[serde(deserialize_with = "text")]
    pub fingerprint: String,
    #[serde(deserialize_with = "texts")]
    pub labels: Labels,
    #[serde(deserialize_with = "texts")]
    pub annotations: Labels,
    #[serde(deserialize_with = "nested")]
    pub status: AlertStatus,
    #[serde(rename = "startsAt", deserialize_with = "text")]
    pub starts_at: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct AlertStatus {
    #[serde(deserialize_with = "text")]
    pub state: String,
    #[serde(rename = "silencedBy", deserialize_with = "words")]
    pub silenced_by: Vec<String>,
    #[serde(rename = "inhibitedBy", deserialize_with = "words")]
    pub inhibited_by: Vec<String>,
}

/// One group of `GET alerts/groups`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct GroupRow {
    #[serde(deserialize_with = "texts")]
    pub labels: Labels,
    #[serde(deserialize_with = "nested")]
    pub receiver: Receiver,
    #[serde(deserialize_with = "list")]
    pub alerts: Vec<Member>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Receiver {
    #[serde(deserialize_with = "text")]
    pub name: String,
}

/// An alert as a group lists it: which one.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Member {
    #[serde(deserialize_with = "text")]
    pub fingerprint: String,
}

/// One silence of `GET silences`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct SilenceRow {
    #[serde(deserialize_with = "text")]
    pub id: String,
    #[serde(rename = "createdBy", deserialize_with = "text")]
    pub created_by: String,
    #[serde(deserialize_with = "text")]
    pub comment: String,
    #[serde(rename = "endsAt", deserialize_with = "text")]
    pub ends_at: String,
    #[serde(deserialize_with = "nested")]
    pub status: SilenceStatus,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct SilenceStatus {
    #[serde(deserialize_with = "text")]
    pub state: String,
}

/// The answer to a silence that was made.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Made {
    #[serde(rename = "silenceID", deserialize_with = "text")]
    pub silence_id: String,
}
