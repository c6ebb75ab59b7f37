//! Grafana's rows in the domain's words. Pure.

use std::collections::BTreeMap;

use super::wire::{AnnotationRow, Group, Instance, Rule, Rules};
use crate::domain::alert::{Alert, AlertState};
use crate::domain::annotation::{Annotation, AnnotationKey};
use crate::domain::key::Key;
use crate::domain::level::Level;
use crate::domain::text::{Clean, percent_encoded, without_credentials};
use crate::domain::time::Millis;
use crate::sources::labels::{Labels, MOST_ALERTS, Reader, instant, once, web_address};

/// The most tags of one annotation that are kept.
const MOST_TAGS: usize = 32;

/// Annotations with a time and an id; one for each id.
pub(super) fn annotations(reader: &Reader, rows: &[AnnotationRow], most: usize) -> Vec<Annotation> {
    let mut kept = BTreeMap::new();
    for row in rows.iter().take(most) {
        if let Some(annotation) = annotation(reader, row) {
            kept.insert(annotation.key.clone(), annotation);
        }
    }
    kept.into_values().collect()
}

fn annotation(reader: &Reader, row: &AnnotationRow) -> Option<Annotation> {
    let at = row.time.filter(|at| *at > 0)?;
    if row.id.is_empty() || row.id.len() > 256 {
        return None;
    }
    let text = Clean::text(&without_credentials(&row.text));
    let text = if text.is_empty() && !row.new_state.is_empty() {
        // The server's own mark of a change of an alert's state has no text.
        let AnnotationRow {
            alert_name,
            prev_state,
            new_state,
            ..
        } = row;
        Clean::text(&format!("{alert_name}: {prev_state} to {new_state}"))
    } else {
        text
    };
    let author = [&row.login, &row.user_name]
        .into_iter()
        .map(|name| Clean::name(name))
        .find(|name| !name.is_empty());
    Some(Annotation {
        key: AnnotationKey {
            source: reader.source().clone(),
            id: Key::new(&row.id),
        },
        at: Millis(at),
        until: row.time_end.filter(|end| *end > at).map(Millis),
        text,
        tags: row
            .tags
            .iter()
            .take(MOST_TAGS)
            .map(|tag| Clean::name(tag))
            .collect(),
        author,
        model: model_of(reader, &row.tags),
    })
}

/// The model that tags name: `model:NAME` or `model=NAME`, else a bare tag that the settings' table of
/// names lists. Which other bare tag is a model, only the registry knows: see [`Annotation::names`].
fn model_of(reader: &Reader, tags: &[String]) -> Option<Key> {
    let named = tags.iter().find_map(|tag| {
        let rest = tag.trim().strip_prefix(reader.model_label())?;
        reader.names().model(rest.strip_prefix([':', '='])?.trim())
    });
    named.or_else(|| tags.iter().find_map(|tag| reader.names().listed(tag)))
}

/// The alerts of the rules that are not at rest. The query of such a rule is a tree of expressions
/// and none that a Prometheus could plot, so it is left out.
pub(super) fn alerts(reader: &Reader, rules: &Rules, base: &str) -> Vec<Alert> {
    let mut alerts = Vec::new();
    for group in &rules.data.groups {
        for rule in &group.rules {
            let loud = rule
                .alerts
                .iter()
                .filter_map(|one| alert(reader, group, rule, one, base));
            alerts.extend(loud.take(MOST_ALERTS - alerts.len()));
        }
    }
    once(alerts)
}

fn alert(reader: &Reader, group: &Group, rule: &Rule, one: &Instance, base: &str) -> Option<Alert> {
    let (state, trouble) = state(&one.state)?;
    let mut labels = one.labels.clone();
    labels
        .entry("alertname".to_owned())
        .or_insert_with(|| rule.name.clone());
    let mut annotations = rule.annotations.clone();
    annotations.extend(one.annotations.clone());
    let since = instant(&one.active_at).unwrap_or_default();
    let mut alert = reader.alert("", &labels, &annotations, state, since);
    if let Some(trouble) = trouble {
        alert.level = Level::Unknown;
        alert.summary = Clean::text(&format!("{trouble}; {}", alert.summary));
    }
    alert.value = one.value.trim().parse().ok();
    alert.dashboard = alert.dashboard.or_else(|| dashboard_of(&annotations, base));
    alert.group = Clean::name(&format!("{}/{}", group.file, group.name));
    Some(alert)
}

/// Where an alert of Grafana stands, and what is wrong with its rule. States are capitalised and may
/// bear a reason in brackets: `Normal (NoData)`. A rule without data or with an error has no verdict,
/// which is not well: it is shown as firing at the level unknown.
fn state(word: &str) -> Option<(AlertState, Option<&'static str>)> {
    let word = word.trim().to_ascii_lowercase();
    let is = |prefix: &str| word.starts_with(prefix);
    if is("normal") || is("inactive") || word.is_empty() {
        None
    } else if is("alerting") || is("firing") || is("recovering") {
        Some((AlertState::Firing, None))
    } else if is("pending") {
        Some((AlertState::Pending, None))
    } else if is("nodata") {
        Some((AlertState::Firing, Some("the rule's query has no data")))
    } else if is("error") {
        Some((AlertState::Firing, Some("the rule cannot be evaluated")))
    } else {
        Some((
            AlertState::Firing,
            Some("the rule is in a state that is not known"),
        ))
    }
}

/// The panel that a rule is drawn on, where it says.
fn dashboard_of(annotations: &Labels, base: &str) -> Option<Clean> {
    let uid = annotations
        .get("__dashboardUid__")
        .filter(|uid| !uid.is_empty())?;
    let panel = annotations
        .get("__panelId__")
        .map(|id| format!("?viewPanel={}", percent_encoded(id)))
        .unwrap_or_default();
    web_address(&format!("{base}/d/{}{panel}", percent_encoded(uid)))
}
