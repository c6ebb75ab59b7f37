//! Signals, alerts and annotations as they were read, by the model that their source names. How bad
//! they are, the rules say; which models they belong to, the name says.

use std::collections::BTreeMap;
use std::sync::Arc;

use foldhash::HashMap;

use super::Fleet;
use super::view::ModelView;
use crate::domain::alert::{Alert, AlertKey, AlertState};
use crate::domain::annotation::{Annotation, AnnotationKey};
use crate::domain::key::{Key, ModelKey, SourceId};
use crate::domain::last_known::{Held, SharedReadings, SharedSeries};
use crate::domain::observation::{FactKey, Feed, ServedSpan};
use crate::domain::rules::signals::alerts;
use crate::domain::signal::{Gauge, SignalKey, SignalReading, SignalSeries};
use crate::domain::text::Clean;
use crate::domain::time::Millis;

/// Everything that monitoring systems say, by model.
#[derive(Debug, Default)]
pub(super) struct Signals {
    models: HashMap<Key, OfModel>,
    alerts: BTreeMap<AlertKey, Held<Alert>>,
    annotations: BTreeMap<AnnotationKey, Held<Annotation>>,
}

/// What is said of one model, in the order of the keys.
#[derive(Debug, Default)]
struct OfModel {
    readings: SharedReadings,
    series: SharedSeries,
    served: Vec<Held<ServedSpan>>,
    alerts: Vec<AlertKey>,
}

impl OfModel {
    fn is_empty(&self) -> bool {
        self.readings.is_empty()
            && self.series.is_empty()
            && self.served.is_empty()
            && self.alerts.is_empty()
    }
}

/// The place of a key in rows that are sorted by key.
fn place<T, K: Ord>(rows: &[Held<T>], key: &K, of: impl Fn(&T) -> &K) -> Result<usize, usize> {
    rows.binary_search_by(|row| of(&row.fact).cmp(key))
}

/// Puts a fact into rows that are sorted by key, unless a newer one is there; whether it was new or
/// different.
fn put<T: PartialEq, K: Ord>(
    rows: &mut Vec<Held<T>>,
    held: Held<T>,
    key: impl Fn(&T) -> &K,
) -> bool {
    match place(rows, key(&held.fact), &key) {
        Ok(at) if rows[at].asked_at > held.asked_at => false,
        Ok(at) => {
            let same = rows[at].fact == held.fact;
            rows[at] = held;
            !same
        }
        Err(at) => {
            if rows.len() == rows.capacity() {
                // Doubling would leave a third of all readings' memory unused.
                rows.reserve_exact(2 + rows.len() / 8);
            }
            rows.insert(at, held);
            true
        }
    }
}

/// The most annotations held: beyond them the oldest are let go.
const ANNOTATIONS_HELD: usize = 10_000;

impl Fleet {
    /// The newest readings of a model's signals, in the order of their keys.
    pub fn readings(&self, model: &ModelKey) -> &[Held<SignalReading>] {
        self.signals
            .models
            .get(&model.name)
            .map_or(&[], |m| m.readings.as_slice())
    }

    /// The recent course of a model's signals, in the order of their keys.
    pub fn courses(&self, model: &ModelKey) -> &[Held<SignalSeries>] {
        self.signals
            .models
            .get(&model.name)
            .map_or(&[], |m| m.series.as_slice())
    }

    /// When a judged reading was measured: its own time, else the newest answered poll of its source.
    pub fn gauge_at(&self, gauge: &Gauge) -> Option<Millis> {
        gauge.at.or_else(|| self.signals_read_at(&gauge.key.source))
    }

    /// The newest answered poll of a source's signals, in this process or before it.
    pub fn signals_read_at(&self, source: &SourceId) -> Option<Millis> {
        let feed = self.sources.get(source)?.feeds.get(&Feed::Signals);
        let good = feed.and_then(|feed| feed.good_at);
        good.or_else(|| self.answered_before.get(source).copied())
    }

    /// The newest reading of one signal.
    pub fn reading(&self, key: &SignalKey) -> Option<&Held<SignalReading>> {
        let rows = &self.signals.models.get(&key.model)?.readings;
        let at = place(rows, key, |r| &r.key).ok()?;
        rows.get(at)
    }

    /// The recent course of one signal.
    pub fn course(&self, key: &SignalKey) -> Option<&Held<SignalSeries>> {
        let rows = &self.signals.models.get(&key.model)?.series;
        let at = place(rows, key, |s| &s.key).ok()?;
        rows.get(at)
    }

    /// Every alert.
    pub fn alerts(&self) -> impl ExactSizeIterator<Item = &Held<Alert>> {
        self.signals.alerts.values()
    }

    /// The alerts of a model, loudest first, each once: what a Prometheus and an Alertmanager both tell of
    /// is one alert.
    pub fn joined_alerts_of(&self, model: &ModelKey) -> Vec<Held<Alert>> {
        let mut alerts = alerts::join(self.alerts_named(Some(&model.name)));
        alerts.sort_by_key(|held| held.fact.loudness());
        alerts
    }

    /// Where it is written what to do about a model: that of its loudest alert that fires, else its own. What
    /// was written for the trouble says more than what was written for the model.
    pub fn runbook(&self, model: &ModelView) -> Option<Clean> {
        let alerts = self.joined_alerts_of(&model.key).into_iter();
        let mut firing = alerts.filter(|held| held.fact.state == AlertState::Firing);
        firing
            .find_map(|held| held.fact.runbook)
            .or_else(|| model.runbook.clone())
    }

    /// An alert with everything that is told of it, whichever of its keys is asked for: the rule by one
    /// system, who muted it by another.
    pub fn joined_alert(&self, key: &AlertKey) -> Option<Held<Alert>> {
        let own = &self.signals.alerts.get(key)?.fact;
        let named = self.alerts_named(own.model.as_ref());
        let joined = alerts::join(named.filter(|held| held.fact.name == own.name));
        let is = |held: &&Held<Alert>| held.fact.key == *key;
        let same = |held: &&Held<Alert>| {
            let other = &held.fact;
            other.key.source != key.source && (own.was_sent_as(other) || other.was_sent_as(own))
        };
        let mut all = joined.iter();
        let found = all.find(is).or_else(|| joined.iter().find(same));
        found.cloned()
    }

    /// Every alert once, loudest first.
    pub fn joined_alerts(&self) -> Vec<Held<Alert>> {
        let mut alerts = alerts::join(self.alerts());
        alerts.sort_by_key(|held| held.fact.loudness());
        alerts
    }

    /// The alerts whose labels name a model, or none.
    pub(super) fn alerts_named(&self, name: Option<&Key>) -> impl Iterator<Item = &Held<Alert>> {
        let keys = name.and_then(|name| self.signals.models.get(name));
        let named = keys.into_iter().flat_map(|of| &of.alerts);
        let named = named.filter_map(|key| self.signals.alerts.get(key));
        let unnamed = self
            .alerts()
            .filter(move |h| name.is_none() && h.fact.model.is_none());
        named.chain(unnamed)
    }

    /// Whether other systems' records show versions that a name has served.
    pub(super) fn has_served(&self, name: &Key) -> bool {
        let of = self.signals.models.get(name);
        of.is_some_and(|of| !of.served.is_empty())
    }

    /// All readings and courses, shared and not copied.
    pub(super) fn shared_signals(&self) -> (Vec<SharedReadings>, Vec<SharedSeries>) {
        let of = || self.signals.models.values();
        let readings = of().filter(|of| !of.readings.is_empty());
        let series = of().filter(|of| !of.series.is_empty());
        (
            readings.map(|of| Arc::clone(&of.readings)).collect(),
            series.map(|of| Arc::clone(&of.series)).collect(),
        )
    }

    /// Every annotation, by source and id.
    pub fn annotations(&self) -> impl ExactSizeIterator<Item = &Held<Annotation>> {
        self.signals.annotations.values()
    }

    /// The versions that other systems' records show a model to have served, oldest first.
    pub fn served_spans(&self, model: &ModelKey) -> Vec<&Held<ServedSpan>> {
        let of = self.signals.models.get(&model.name);
        let mut spans: Vec<_> = of.into_iter().flat_map(|of| &of.served).collect();
        spans.sort_by_key(|held| held.fact.key.from);
        spans
    }

    /// Names that monitoring knows and no registry holds, in order.
    pub fn unjoined_names(&self) -> Vec<&Key> {
        let held = |name: &&Key| !self.models_named(name).is_empty();
        let mut names: Vec<&Key> = self.signals.models.keys().filter(|n| !held(n)).collect();
        names.sort();
        names
    }

    /// Whether a source tells readings or alerts of a model.
    pub(super) fn monitors(&self, source: &SourceId, model: &ModelKey) -> bool {
        let alerted = |key: &AlertKey| {
            let alert = self.signals.alerts.get(key);
            alert.is_some_and(|held| held.source == *source)
        };
        self.signals.models.get(&model.name).is_some_and(|of| {
            of.readings.iter().any(|held| held.source == *source) || of.alerts.iter().any(alerted)
        })
    }

    /// The registered models of a raw name: one for each registry that holds it.
    pub(super) fn models_named(&self, name: &Key) -> Vec<ModelKey> {
        self.keys_named(name).cloned().collect()
    }

    fn keys_named(&self, name: &Key) -> impl Iterator<Item = &ModelKey> {
        // A raw name that is found as it is is its own clean form.
        let found = self.by_name.get(name.raw());
        let keys = found.or_else(|| self.by_name.get(&name.clean()));
        let keys = keys.into_iter().flatten();
        keys.filter(move |key| key.name == *name)
    }

    fn signal_moved(&mut self, name: &Key) {
        self.revision += 1;
        // Readings of one model come one after another: it is noted once.
        if self.dirty.named.as_ref() == Some(name) {
            return;
        }
        let models = self.models_named(name);
        self.dirty.models.extend(models);
        self.dirty.named = Some(name.clone());
    }

    /// Whether a fact was gone later than it was read. Nearly always nothing is gone, and of tens of thousands
    /// of rows no identity is made to find that out.
    fn is_buried(&self, id: impl FnOnce() -> FactKey, asked_at: Millis) -> bool {
        !self.tombstones.is_empty() && self.outdated(&id(), None, asked_at)
    }

    /// Puts a fact into the rows of its model, unless a newer one is there; whether it was new or different.
    fn put_row<T: PartialEq, K: Ord>(
        &mut self,
        name: &Key,
        held: Held<T>,
        rows: impl Fn(&mut OfModel) -> &mut Vec<Held<T>>,
        key: impl Fn(&T) -> &K,
    ) -> bool {
        let of = self.signals.models.entry(name.clone()).or_default();
        let changed = put(rows(of), held, key);
        if changed {
            self.signal_moved(name);
        }
        changed
    }

    pub(super) fn put_reading(
        &mut self,
        source: &SourceId,
        asked_at: Millis,
        mut fact: SignalReading,
    ) {
        if self.is_buried(|| FactKey::Signal(fact.key.clone()), asked_at) {
            return;
        }
        self.pool.share_reading(&mut fact);
        let name = fact.key.model.clone();
        let held = held(source, asked_at, fact);
        self.put_row(
            &name,
            held,
            |of| Arc::make_mut(&mut of.readings),
            |r| &r.key,
        );
    }

    /// Puts readings of one model, most often all that there are.
    pub(super) fn put_readings(&mut self, name: &Key, mut all: Vec<Held<SignalReading>>) {
        let none = self.signals.models.get(name);
        let none = none.is_none_or(|of| of.readings.is_empty()) && self.tombstones.is_empty();
        if !none || !all.is_sorted_by(|a, b| a.fact.key < b.fact.key) {
            for held in all {
                self.put_reading(&held.source, held.asked_at, held.fact);
            }
            return;
        }
        for held in &mut all {
            self.pool.share_reading(&mut held.fact);
        }
        self.signal_moved(name);
        let Some(key) = all.first().map(|held| held.fact.key.model.clone()) else {
            return;
        };
        self.signals.models.entry(key).or_default().readings = Arc::new(all);
    }

    pub(super) fn put_series(
        &mut self,
        source: &SourceId,
        asked_at: Millis,
        mut fact: SignalSeries,
    ) {
        if self.is_buried(|| FactKey::Series(fact.key.clone()), asked_at) {
            return;
        }
        self.pool.share_signal(&mut fact.key);
        let name = fact.key.model.clone();
        let held = held(source, asked_at, fact);
        self.put_row(&name, held, |of| Arc::make_mut(&mut of.series), |s| &s.key);
    }

    pub(super) fn put_served(&mut self, source: &SourceId, asked_at: Millis, fact: ServedSpan) {
        if self.is_buried(|| FactKey::Served(fact.key.clone()), asked_at) {
            return;
        }
        let name = fact.key.model.clone();
        let held = held(source, asked_at, fact);
        if self.put_row(&name, held, |of| &mut of.served, |s| &s.key) {
            self.dirty.served.insert(name);
        }
    }

    /// Puts a fact that need not name a model among those of its kind, unless it is outdated. If it is new
    /// or different: itself, and what it replaces.
    fn put_told<T: PartialEq + Clone, K: Ord>(
        &mut self,
        id: &FactKey,
        key: K,
        new: Held<T>,
        all: impl Fn(&mut Signals) -> &mut BTreeMap<K, Held<T>>,
    ) -> Option<(Held<T>, Option<Held<T>>)> {
        let held_at = all(&mut self.signals).get(&key).map(|h| h.asked_at);
        if self.outdated(id, held_at, new.asked_at) {
            return None;
        }
        let old = all(&mut self.signals).insert(key, new.clone());
        if old.as_ref().is_some_and(|old| old.fact == new.fact) {
            return None;
        }
        self.revision += 1;
        Some((new, old))
    }

    pub(super) fn put_alert(&mut self, source: &SourceId, asked_at: Millis, fact: Alert) {
        let key = fact.key.clone();
        let id = FactKey::Alert(key.clone());
        let held = held(source, asked_at, fact);
        let Some((new, old)) = self.put_told(&id, key.clone(), held, |s| &mut s.alerts) else {
            return;
        };
        let before = old.as_ref().and_then(|old| old.fact.model.clone());
        if before != new.fact.model {
            self.unlist_alert(before.as_ref(), &key);
            if let Some(name) = &new.fact.model {
                let of = self.signals.models.entry(name.clone()).or_default();
                if let Err(at) = of.alerts.binary_search(&key) {
                    of.alerts.insert(at, key);
                }
            }
        }
        self.observe_alert(old.as_ref(), &new);
        for name in [new.fact.model, before].into_iter().flatten() {
            self.signal_moved(&name);
        }
    }

    pub(super) fn put_annotation(&mut self, source: &SourceId, asked_at: Millis, fact: Annotation) {
        let key = fact.key.clone();
        let id = FactKey::Annotation(key.clone());
        let held = held(source, asked_at, fact);
        if let Some((new, _)) = self.put_told(&id, key, held, |s| &mut s.annotations) {
            self.observe_annotation(&new);
        }
        let all = &mut self.signals.annotations;
        if all.len() > ANNOTATIONS_HELD {
            let oldest = all.values().min_by_key(|held| held.fact.at);
            let oldest = oldest.map(|held| held.fact.key.clone());
            oldest.and_then(|key| all.remove(&key));
        }
    }

    fn unlist_alert(&mut self, name: Option<&Key>, key: &AlertKey) {
        if let Some(name) = name
            && let Some(of) = self.signals.models.get_mut(name)
        {
            of.alerts.retain(|known| known != key);
        }
    }

    /// Whether a signal, alert, annotation or span was read at `asked_at` or later; `None` for facts
    /// of other kinds.
    pub(super) fn signal_read_since(&self, key: &FactKey, asked_at: Millis) -> Option<bool> {
        let of = |name: &Key| self.signals.models.get(name);
        let at = match key {
            FactKey::Signal(key) => of(&key.model).and_then(|of| {
                let at = place(&of.readings, key, |r| &r.key).ok()?;
                Some(of.readings[at].asked_at)
            }),
            FactKey::Series(key) => self.course(key).map(|h| h.asked_at),
            FactKey::Alert(key) => self.signals.alerts.get(key).map(|h| h.asked_at),
            FactKey::Annotation(key) => self.signals.annotations.get(key).map(|h| h.asked_at),
            FactKey::Served(key) => of(&key.model).and_then(|of| {
                let at = place(&of.served, key, |s| &s.key).ok()?;
                Some(of.served[at].asked_at)
            }),
            FactKey::Model(_)
            | FactKey::Version(_)
            | FactKey::Experiment(_)
            | FactKey::Run(_)
            | FactKey::Endpoint(_)
            | FactKey::Pipeline(_)
            | FactKey::PipelineRun(_)
            | FactKey::Orchestrator(_) => return None,
        };
        Some(at.is_some_and(|at| at >= asked_at))
    }

    /// The identities of the readings that are `old`.
    pub(super) fn old_readings(&self, old: impl Fn(&SourceId, Millis) -> bool) -> Vec<FactKey> {
        let all = self
            .signals
            .models
            .values()
            .flat_map(|of| of.readings.iter());
        all.filter(|held| old(&held.source, held.asked_at))
            .map(|held| FactKey::Signal(held.fact.key.clone()))
            .collect()
    }

    /// The identities of the courses that are `old`.
    pub(super) fn old_series(&self, old: impl Fn(&SourceId, Millis) -> bool) -> Vec<FactKey> {
        let all = self.signals.models.values().flat_map(|of| of.series.iter());
        all.filter(|held| old(&held.source, held.asked_at))
            .map(|held| FactKey::Series(held.fact.key.clone()))
            .collect()
    }

    /// Takes a signal, alert, annotation or span out.
    pub(super) fn bury_signal(&mut self, key: &FactKey, at: Millis) {
        match key {
            FactKey::Signal(key) => self.row_gone(&key.model, |of| {
                Arc::make_mut(&mut of.readings).retain(|row| row.fact.key != *key);
            }),
            FactKey::Series(key) => self.row_gone(&key.model, |of| {
                Arc::make_mut(&mut of.series).retain(|row| row.fact.key != *key);
            }),
            FactKey::Alert(key) => {
                if let Some(old) = self.signals.alerts.remove(key) {
                    self.observe_alert_gone(&old, at);
                    if let Some(name) = &old.fact.model {
                        self.unlist_alert(Some(name), key);
                        self.signal_gone(name);
                    }
                }
            }
            FactKey::Annotation(key) => {
                self.signals.annotations.remove(key);
            }
            FactKey::Served(key) => self.row_gone(&key.model, |of| {
                of.served.retain(|row| row.fact.key != *key);
            }),
            FactKey::Model(_)
            | FactKey::Version(_)
            | FactKey::Experiment(_)
            | FactKey::Run(_)
            | FactKey::Endpoint(_)
            | FactKey::Pipeline(_)
            | FactKey::PipelineRun(_)
            | FactKey::Orchestrator(_) => {}
        }
    }

    fn row_gone(&mut self, name: &Key, take: impl FnOnce(&mut OfModel)) {
        if let Some(of) = self.signals.models.get_mut(name) {
            take(of);
        }
        self.signal_gone(name);
    }

    fn signal_gone(&mut self, name: &Key) {
        if self.signals.models.get(name).is_some_and(OfModel::is_empty) {
            self.signals.models.remove(name);
        }
        self.signal_moved(name);
    }
}

fn held<T>(source: &SourceId, asked_at: Millis, fact: T) -> Held<T> {
    Held {
        source: source.clone(),
        asked_at,
        fact,
    }
}

#[cfg(test)]
#[path = "signals_tests.rs"]
mod tests;
