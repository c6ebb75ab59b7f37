//! Alertmanager's rows in the domain's words. Pure.

use std::collections::HashMap;
use std::sync::Arc;

use super::wire::{AlertRow, AlertStatus, GroupRow, SilenceRow, Status};
use crate::domain::alert::{Alert, AlertState, Silence};
use crate::domain::key::Key;
use crate::domain::observation::Abilities;
use crate::domain::text::{Clean, without_credentials};
use crate::domain::time::Millis;
use crate::sources::labels::{MOST_ALERTS, Reader, instant, once};

/// The most silences of one alert that are kept.
const MOST_SILENCES: usize = 16;

/// Version and cluster, as the server says.
pub(super) fn abilities(status: &Status) -> Abilities {
    let mut remarks = Vec::new();
    match status.cluster.status.as_str() {
        "settling" => remarks.push(Clean::text(
            "the cluster is settling: silences may not have reached this member yet",
        )),
        "ready" if status.cluster.peers.len() > 1 => remarks.push(Clean::text(&format!(
            "one of {} members of a cluster",
            status.cluster.peers.len()
        ))),
        _ => {}
    }
    let server = format!("Alertmanager {}", status.version.version);
    Abilities {
        server: Clean::name(server.trim()),
        user: None,
        rights: super::rights(),
        remarks,
    }
}

/// Alerts with the group that a receiver sees them in, and who has silenced them.
pub(super) fn alerts(
    reader: &Reader,
    rows: &[AlertRow],
    groups: &[GroupRow],
    silences: &[SilenceRow],
) -> Vec<Alert> {
    let groups = group_texts(groups);
    let silences: HashMap<&str, &SilenceRow> =
        silences.iter().map(|row| (row.id.as_str(), row)).collect();
    let alerts = rows.iter().take(MOST_ALERTS).map(|row| {
        // An onset that cannot be read is the beginning of time: such an alert fires since unknown.
        let since = instant(&row.starts_at).unwrap_or_default();
        let state = state(&row.status);
        let mut alert = reader.alert(
            &row.fingerprint,
            &row.labels,
            &row.annotations,
            state,
            since,
        );
        alert.silences = silences_of(&row.status, &silences);
        alert.group = groups
            .get(row.fingerprint.as_str())
            .cloned()
            .unwrap_or_default();
        alert
    });
    once(alerts.collect())
}

/// Where an alert stands. `unprocessed` fires and has not been looked at; a word that nobody knows is
/// taken for the loudest, so that nothing is hidden by it.
fn state(status: &AlertStatus) -> AlertState {
    match status.state.as_str() {
        "suppressed" if status.silenced_by.is_empty() && !status.inhibited_by.is_empty() => {
            AlertState::Inhibited
        }
        "suppressed" => AlertState::Silenced,
        _ => AlertState::Firing,
    }
}

fn silences_of(status: &AlertStatus, known: &HashMap<&str, &SilenceRow>) -> Arc<[Silence]> {
    let ids = status.silenced_by.iter().take(MOST_SILENCES);
    ids.map(|id| {
        let row = known.get(id.as_str());
        let words = |text: &str| Clean::text(&without_credentials(text));
        Silence {
            id: Key::new(id),
            author: row.map_or_else(Clean::empty, |row| Clean::name(&row.created_by)),
            comment: row.map_or_else(Clean::empty, |row| words(&row.comment)),
            until: row
                .and_then(|row| instant(&row.ends_at))
                .unwrap_or(Millis(0)),
        }
    })
    .collect()
}

/// Each alert's group in words: the labels that make it, then who receives it. Of several groups the
/// first one that the server lists.
fn group_texts(groups: &[GroupRow]) -> HashMap<&str, Clean> {
    let mut texts = HashMap::new();
    for group in groups {
        let labels: Vec<String> = group
            .labels
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let text = match (labels.is_empty(), group.receiver.name.is_empty()) {
            (true, _) => group.receiver.name.clone(),
            (false, true) => labels.join(" "),
            (false, false) => format!("{} to {}", labels.join(" "), group.receiver.name),
        };
        let text = Clean::name(&text);
        for member in &group.alerts {
            texts
                .entry(member.fingerprint.as_str())
                .or_insert_with(|| text.clone());
        }
    }
    texts
}
