//! Alerts as monitoring systems raise them: what fires, since when, and who has silenced it.

use std::sync::Arc;
use std::time::Duration;

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
    /// Its labels but the name's.
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

    /// When it began to fire, or will: a Prometheus tells when its condition began to hold, and its rule for
    /// how long that must last.
    pub fn fired_at(&self) -> Millis {
        let held_for = self.rule.as_ref().map_or(0, |rule| rule.for_seconds);
        self.since.plus(Duration::from_secs(held_for))
    }

    /// When what it says now began: its condition while it is pending, else its firing.
    pub fn began_at(&self) -> Millis {
        match self.state {
            AlertState::Pending => self.since,
            AlertState::Firing | AlertState::Silenced | AlertState::Inhibited => self.fired_at(),
        }
    }

    /// What it says of itself; without such words the labels that tell it from others of its rule.
    pub fn words(&self) -> Clean {
        if !self.summary.is_empty() {
            return self.summary.clone();
        }
        let model = self.model.as_ref().map(Key::clean);
        let told = |(name, value): &&(Clean, Clean)| {
            let named = model.as_ref() == Some(value) || *value == self.severity;
            !named && *name != "alertname"
        };
        let all: Vec<String> = self
            .labels
            .iter()
            .filter(told)
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        Clean::text(&all.join(" "))
    }

    /// Its place among others: firing before pending before muted, then worst first, then the oldest.
    pub fn loudness(&self) -> impl Ord + use<> {
        (self.state, std::cmp::Reverse(self.level), self.since)
    }

    /// Whether `sent`, as an Alertmanager holds it, is this alert as the Prometheus that evaluates
    /// its rule holds it: the same name, and each label of this one. Sending adds the external labels
    /// of the Prometheus and takes none away, so the fingerprints of the two may differ.
    pub fn was_sent_as(&self, sent: &Self) -> bool {
        let held = |label: &(Clean, Clean)| label.0 == "alertname" || sent.labels.contains(label);
        self.name == sent.name && self.labels.iter().all(held)
    }

    /// One alert of two that are the same: muting, receivers and words from the one that was sent,
    /// value and rule from the one that is evaluated, and the earlier onset.
    #[must_use]
    pub fn joined(&self, sent: &Self) -> Self {
        Self {
            since: self.since.min(sent.since),
            value: self.value.or(sent.value),
            rule: self.rule.clone().or_else(|| sent.rule.clone()),
            ..sent.clone()
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(name: &str, state: AlertState, since: i64, labels: &[(&str, &str)]) -> Alert {
        Alert {
            key: AlertKey {
                source: SourceId::new("s"),
                fingerprint: Key::new(name),
            },
            name: Clean::name(name),
            model: None,
            version: None,
            severity: Clean::empty(),
            level: Level::Warn,
            state,
            since: Millis(since),
            summary: Clean::empty(),
            runbook: None,
            dashboard: None,
            labels: labels
                .iter()
                .map(|(k, v)| (Clean::name(k), Clean::name(v)))
                .collect(),
            value: None,
            rule: None,
            silences: Arc::default(),
            group: Clean::empty(),
        }
    }

    #[test]
    fn an_alert_is_known_again_where_it_was_sent() {
        let own = alert("Drift", AlertState::Firing, 5, &[("model", "a")]);
        let sent = |name, labels| alert(name, AlertState::Silenced, 9, labels);
        let outside = [("cluster", "eu"), ("model", "a")];
        assert!(own.was_sent_as(&sent("Drift", &outside)));
        assert!(!own.was_sent_as(&sent("Drift", &[("model", "b")])));
        assert!(!own.was_sent_as(&sent("Drift", &[("cluster", "eu")])));
        assert!(!own.was_sent_as(&sent("Burn", &outside)));

        let own = Alert {
            value: Some(0.4),
            ..own
        };
        let joined = own.joined(&sent("Drift", &outside));
        assert_eq!(joined.state, AlertState::Silenced);
        assert_eq!((joined.value, joined.since), (Some(0.4), Millis(5)));
        assert_eq!(joined.labels.len(), 2);
    }
}
