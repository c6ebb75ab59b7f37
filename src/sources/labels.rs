//! What alerts of every system have in common: labels and annotations, in the domain's words. Where
//! they come from, the adapters know.

use std::collections::BTreeMap;

use super::names::Names;
use crate::domain::alert::{Alert, AlertKey, AlertState};
use crate::domain::fault::Fault;
use crate::domain::key::{Key, SourceId};
use crate::domain::level::Level;
use crate::domain::settings::SourceSettings;
use crate::domain::text::{Clean, without_credentials};
use crate::domain::time::Millis;

/// The most labels of one alert that are kept.
const MOST_LABELS: usize = 64;
/// The most alerts that one answer may bring.
pub(super) const MOST_ALERTS: usize = 10_000;

pub(super) type Labels = BTreeMap<String, String>;

/// Reads labels as the settings of a source say.
#[derive(Clone, Debug)]
pub(super) struct Reader {
    source: SourceId,
    names: Names,
    model: String,
    version: String,
}

impl Reader {
    /// # Errors
    /// When the name map's expression is none.
    pub(super) fn new(settings: &SourceSettings) -> Result<Self, Fault> {
        Ok(Self {
            source: SourceId::new(&settings.name),
            names: Names::new(&settings.monitoring.models)?,
            model: settings.monitoring.model_label.clone(),
            version: settings.monitoring.version_label.clone(),
        })
    }

    pub(super) fn source(&self) -> &SourceId {
        &self.source
    }

    pub(super) fn names(&self) -> &Names {
        &self.names
    }

    /// The label or tag that names the model.
    pub(super) fn model_label(&self) -> &str {
        &self.model
    }

    /// The model that labels or metadata name.
    pub(super) fn model(&self, labels: &Labels) -> Option<Key> {
        self.names.model(labels.get(&self.model)?)
    }

    /// The version that they name.
    pub(super) fn version(&self, labels: &Labels) -> Option<Key> {
        let word = labels.get(&self.version)?;
        (!word.trim().is_empty() && word.len() <= 1_024).then(|| Key::new(word))
    }

    /// An alert of which labels, annotations, state and onset are known.
    pub(super) fn alert(
        &self,
        fingerprint: &str,
        labels: &Labels,
        annotations: &Labels,
        state: AlertState,
        since: Millis,
    ) -> Alert {
        let severity = labels.get("severity").map_or("", String::as_str);
        let words = |name: &str| {
            let text = annotations.get(name).map_or("", String::as_str);
            Clean::text(&without_credentials(text))
        };
        let summary = ["summary", "description", "message"]
            .into_iter()
            .map(words)
            .find(|text| !text.is_empty());
        let link = |name: &str| annotations.get(name).and_then(|text| web_address(text));
        let fingerprint = if fingerprint.is_empty() || fingerprint.len() > 256 {
            self::fingerprint(labels)
        } else {
            fingerprint.to_owned()
        };
        Alert {
            key: AlertKey {
                source: self.source.clone(),
                fingerprint: Key::new(&fingerprint),
            },
            name: Clean::name(labels.get("alertname").map_or("", String::as_str)),
            model: self.model(labels),
            version: self.version(labels),
            severity: Clean::name(severity),
            level: level(severity),
            state,
            since,
            summary: summary.unwrap_or_default(),
            runbook: link("runbook_url"),
            dashboard: link("dashboard_url"),
            labels: labels
                .iter()
                .filter(|(name, _)| *name != "alertname")
                .take(MOST_LABELS)
                .map(|(name, value)| (Clean::name(name), Clean::name(value)))
                .collect(),
            value: None,
            rule: None,
            silences: Vec::new().into(),
            group: Clean::empty(),
        }
    }
}

/// How bad a severity label says that it is. A word that nobody knows is a warning, and is kept.
fn level(severity: &str) -> Level {
    match severity.trim().to_ascii_lowercase().as_str() {
        "page" | "critical" | "crit" => Level::Crit,
        "info" => Level::Info,
        _ => Level::Warn,
    }
}

/// An address that a browser may open; anything else that stands for one is dropped.
pub(super) fn web_address(text: &str) -> Option<Clean> {
    let text = text.trim();
    let lower = text.get(..8).unwrap_or(text).to_ascii_lowercase();
    let web = lower.starts_with("http://") || lower.starts_with("https://");
    (web && text.len() <= 4_096).then(|| Clean::text(&without_credentials(text)))
}

/// The fingerprint of labels, as Prometheus and Alertmanager compute it: FNV-1a of 64 bits over names
/// and values in the order of the names, each followed by a byte 255 (`prometheus/common`,
/// `model/signature.go`), in hexadecimal.
pub(super) fn fingerprint(labels: &Labels) -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut add = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    for (name, value) in labels {
        for text in [name, value] {
            text.bytes().for_each(&mut add);
            add(255);
        }
    }
    format!("{hash:016x}")
}

/// One alert for each key: of two that share a fingerprint the louder one, then the worse.
pub(super) fn once(alerts: Vec<Alert>) -> Vec<Alert> {
    let mut kept: BTreeMap<AlertKey, Alert> = BTreeMap::new();
    let rank = |alert: &Alert| (alert.state, std::cmp::Reverse(alert.level), alert.since);
    for alert in alerts {
        match kept.get(&alert.key) {
            Some(held) if rank(held) <= rank(&alert) => {}
            _ => {
                kept.insert(alert.key.clone(), alert);
            }
        }
    }
    kept.into_values().collect()
}

/// A time as RFC 3339 writes it; `None` for what is none, and for the zero time of Go.
pub(super) fn instant(text: &str) -> Option<Millis> {
    let at = chrono::DateTime::parse_from_rfc3339(text.trim()).ok()?;
    let at = at.timestamp_millis();
    (at > 0).then_some(Millis(at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::settings::SourceKind;

    fn reader() -> Reader {
        let url = "http://alertmanager.test";
        Reader::new(&SourceSettings::new("am", SourceKind::Alertmanager, url)).expect("settings")
    }

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        let own = |(k, v): &(&str, &str)| ((*k).to_owned(), (*v).to_owned());
        pairs.iter().map(own).collect()
    }

    #[test]
    fn severities_become_levels_and_unknown_words_stay() {
        for (word, want) in [
            ("page", Level::Crit),
            ("CRITICAL", Level::Crit),
            ("crit", Level::Crit),
            ("warning", Level::Warn),
            ("ticket", Level::Warn),
            ("info", Level::Info),
            ("loud", Level::Warn),
            ("", Level::Warn),
        ] {
            let own = labels(&[("severity", word)]);
            let alert = reader().alert("f", &own, &own, AlertState::Firing, Millis(1));
            assert_eq!((alert.level, alert.severity.as_str()), (want, word));
        }
    }

    #[test]
    fn only_web_addresses_are_links() {
        for (text, want) in [
            ("https://runbooks.test/x", Some("https://runbooks.test/x")),
            ("HTTP://a:b@r.test/x", Some("HTTP://r.test/x")),
            ("javascript:alert(1)", None),
            ("file:///etc/passwd", None),
            ("é", None),
            ("", None),
        ] {
            let found = web_address(text);
            assert_eq!(found.as_ref().map(Clean::as_str), want, "{text}");
        }
    }

    #[test]
    fn of_two_with_one_fingerprint_the_louder_stays() {
        let own = labels(&[("alertname", "A")]);
        let made = |state| reader().alert("f", &own, &Labels::new(), state, Millis(1));
        let two = vec![made(AlertState::Silenced), made(AlertState::Firing)];
        let kept = once(two);
        assert_eq!(kept.len(), 1);
        assert_eq!(kept[0].state, AlertState::Firing);
    }

    #[test]
    fn what_is_no_time_is_none() {
        assert_eq!(
            instant("2026-11-23T04:00:18.573Z"),
            Some(Millis(1_795_406_418_573))
        );
        for text in ["", "soon", "0001-01-01T00:00:00Z", "2026-11-23T04:00:18"] {
            assert_eq!(instant(text), None, "{text}");
        }
    }
}
