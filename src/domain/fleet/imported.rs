//! What alerts, annotations and served spans tell the timelines: which rows are new, which models they
//! belong to, and which were seen already in another way.

use std::time::Duration;

use super::Fleet;
use crate::domain::alert::{Alert, AlertState};
use crate::domain::annotation::Annotation;
use crate::domain::change::{Change, ChangeKind, Subject};
use crate::domain::imported;
use crate::domain::key::{Key, ModelKey, SourceId};
use crate::domain::last_known::Held;
use crate::domain::observation::{Feed, ServedSpan};
use crate::domain::time::Millis;

/// How far the times may differ at which two systems tell one alert to have begun to fire: the one that
/// evaluates it counts from when its condition held, the other has what was sent.
const CLOCKS: Duration = Duration::from_secs(2 * 60);

/// How far a record of others may lie from what was seen of the same change.
const NEAR: Duration = Duration::from_secs(10 * 60);

impl Fleet {
    /// The subjects of what names a model, or none: the models of that name, else the source itself.
    fn subjects(&self, model: Option<&Key>, source: &SourceId) -> Vec<Subject> {
        match model {
            Some(name) => {
                let models = self.models_named(name).into_iter();
                models.map(Subject::Model).collect()
            }
            None => vec![Subject::Source(source.clone())],
        }
    }

    /// Whether another source tells of the same alert, and of it firing.
    fn told_by_another(&self, alert: &Alert) -> bool {
        let same = |held: &Held<Alert>| {
            let other = &held.fact;
            other.key.source != alert.key.source
                && other.state != AlertState::Pending
                && (alert.was_sent_as(other) || other.was_sent_as(alert))
        };
        self.alerts_named(alert.model.as_ref()).any(same)
    }

    /// An alert is there or has changed.
    pub(super) fn observe_alert(&mut self, old: Option<&Held<Alert>>, new: &Held<Alert>) {
        let begins = old.is_none_or(|old| old.fact.state == AlertState::Pending);
        if begins && self.told_by_another(&new.fact) {
            return;
        }
        let looked = self.looked(&new.source, &[Feed::Alerts]);
        let old = old.map(|old| {
            let at = looked.max(Some(old.asked_at)).unwrap_or(old.asked_at);
            (&old.fact, at.min(new.asked_at))
        });
        let subjects = self.subjects(new.fact.model.as_ref(), &new.source);
        let changes: Vec<Change> = subjects
            .into_iter()
            .filter_map(|s| imported::alert_change(old, (&new.fact, new.asked_at), looked, &s))
            .filter(|change| !self.has_begun(change))
            .collect();
        self.keep(changes);
    }

    /// Whether the timeline tells already that an alert began to fire, by another system's clock, and not
    /// that it ended since.
    fn has_begun(&self, new: &Change) -> bool {
        let line = self.timeline(&new.subject).iter();
        let until = new.not_after.plus(CLOCKS);
        let mut before = line.filter(|c| c.kind == new.kind && c.not_before <= until);
        let last = before.next_back();
        let is_close = |c: &Change| c.not_after.plus(CLOCKS) >= new.not_before;
        new.from.is_empty() && last.is_some_and(|c| c.from.is_empty() && is_close(c))
    }

    /// A complete list no longer holds an alert.
    pub(super) fn observe_alert_gone(&mut self, old: &Held<Alert>, at: Millis) {
        if self.told_by_another(&old.fact) {
            return;
        }
        let looked = self.looked(&old.source, &[Feed::Alerts]);
        let old_at = looked.max(Some(old.asked_at)).unwrap_or(old.asked_at);
        let old_at = if old_at < at { old_at } else { old.asked_at };
        let subjects = self.subjects(old.fact.model.as_ref(), &old.source);
        let changes: Vec<Change> = subjects
            .into_iter()
            .filter_map(|s| imported::alert_ended((&old.fact, old_at), at, s))
            .collect();
        self.keep(changes);
    }

    /// An annotation is there.
    pub(super) fn observe_annotation(&mut self, new: &Held<Annotation>) {
        let subjects = self.subjects(new.fact.model.as_ref(), &new.source);
        let changes: Vec<Change> = subjects
            .into_iter()
            .map(|s| imported::annotation_change(&new.fact, s))
            .collect();
        self.keep(changes);
    }

    /// The served spans of a name have changed.
    pub(super) fn import_served(&mut self, name: &Key) {
        for model in self.models_named(name) {
            let deployments = self.joins.of_model(&model).to_vec();
            // With one deployment there is no doubt which one answered.
            let subject = match deployments.as_slice() {
                [one] => Subject::Deployment(one.clone()),
                _ => Subject::Model(model.clone()),
            };
            let changes = {
                let held = self.served_spans(&model);
                // One source's records at a time: two that see the same requests would alternate.
                let source = held.first().map(|h| h.source.clone());
                let spans: Vec<&ServedSpan> = held
                    .iter()
                    .filter(|h| Some(&h.source) == source.as_ref())
                    .map(|h| &h.fact)
                    .collect();
                imported::served_changes(&spans, &subject)
            };
            let known: Vec<&Change> = deployments
                .iter()
                .map(|key| Subject::Deployment(key.clone()))
                .chain([Subject::Model(model.clone())])
                .flat_map(|subject| self.timeline(&subject))
                .filter(|c| c.kind == ChangeKind::Served)
                .collect();
            let seen = |change: &Change| {
                known.iter().any(|c| {
                    c.to == change.to
                        && c.not_before <= change.not_after.plus(NEAR)
                        && change.not_before <= c.not_after.plus(NEAR)
                })
            };
            let new: Vec<Change> = changes.into_iter().filter(|c| !seen(c)).collect();
            self.keep(new);
        }
    }

    /// A model has been learnt of: what was told of its name before belongs to it.
    pub(super) fn introduce(&mut self, model: &ModelKey) {
        let name = &model.name;
        let alerts: Vec<Held<Alert>> = self.alerts_named(Some(name)).cloned().collect();
        for alert in &alerts {
            let looked = self.looked(&alert.source, &[Feed::Alerts]);
            let subject = Subject::Model(model.clone());
            let new = (&alert.fact, alert.asked_at);
            let change = imported::alert_change(None, new, looked, &subject);
            self.keep(change.filter(|change| !self.has_begun(change)));
        }
        let of = |held: &&Held<Annotation>| held.fact.model.as_ref() == Some(name);
        let notes: Vec<Held<Annotation>> = self.annotations().filter(of).cloned().collect();
        for note in &notes {
            let subject = Subject::Model(model.clone());
            self.keep([imported::annotation_change(&note.fact, subject)]);
        }
        if self.has_served(name) {
            self.dirty.served.insert(name.clone());
        }
    }
}

#[cfg(test)]
#[path = "imported_tests.rs"]
mod tests;
