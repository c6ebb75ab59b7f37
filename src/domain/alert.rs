//! Alerts as monitoring systems raise them: what fires, since when, and who has silenced it.

use std::sync::Arc;

use super::key::{Key, SourceId};
use super::level::Level;
use super::text::Clean;
use super::time::Millis;

/// Which alert: its source and the fingerprint of its labels.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize)]
pub struct AlertKey {
    /// Who says so.
    pub source: SourceId,
    /// The fingerprint of its labels, as the source gives it or as the adapter computes it.
    pub fingerprint: Key,
}

/// Where an alert stands. The order is from the loudest to the quietest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertState {
    /// It fires.
    Firing,
    /// Its condition holds, not yet long enough.
    Pending,
    /// It fires and is silenced.
    Silenced,
    /// It fires and is muted by another alert.
    Inhibited,
}

impl AlertState {
    /// The word on screen and in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Pending => "pending",
            Self::Silenced => "silenced",
            Self::Inhibited => "inhibited",
        }
    }
}

/// One alert.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
pub struct Alert {
    /// Identity.
    pub key: AlertKey,
    /// The name of its rule.
    pub name: Clean,
    /// The model that its labels name, after the source's name map.
    pub model: Option<Key>,
    /// The version that its labels name.
    pub version: Option<Key>,
    /// The severity label, as written.
    pub severity: Clean,
    /// How bad: from the severity label.
    pub level: Level,
    /// Where it stands.
    pub state: AlertState,
    /// Since when: its `startsAt` or `activeAt`.
    pub since: Millis,
    /// What it says of itself: the summary, else the description.
    pub summary: Clean,
    /// Where its runbook is.
    pub runbook: Option<Clean>,
    /// Where its dashboard is.
    pub dashboard: Option<Clean>,
    /// Its other labels.
    pub labels: Arc<[(Clean, Clean)]>,
    /// The value at the last evaluation, where the source tells.
    pub value: Option<f64>,
    /// The rule's expression, where the source tells.
    pub rule: Option<AlertRule>,
    /// What silences it.
    pub silences: Arc<[Silence]>,
    /// The group that its receiver sees it in.
    pub group: Clean,
}

impl Alert {
    /// Whether somebody must see it: firing or pending, and muted by nobody.
    pub fn is_loud(&self) -> bool {
        matches!(self.state, AlertState::Firing | AlertState::Pending)
    }
}

/// The expression of an alert's rule, taken apart where its top is a comparison with a number: what
/// a chart must plot so that it shows the alerted quantity.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
pub struct AlertRule {
    /// The whole expression, raw: it goes back to the server.
    pub query: Key,
    /// What is compared: the left side, else the whole expression.
    pub plotted: Key,
    /// The number it is compared with.
    pub threshold: Option<f64>,
    /// How long it must hold, in seconds.
    pub for_seconds: u64,
}

/// Who muted an alert, why, and until when.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct Silence {
    /// Its id.
    pub id: Key,
    /// Who made it.
    pub author: Clean,
    /// Why.
    pub comment: Clean,
    /// Until when.
    pub until: Millis,
}
