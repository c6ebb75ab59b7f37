//! Taking observations in: the newest reading wins, absence counts only under full coverage, and any
//! order of messages gives the same fleet.

use std::sync::Arc;

use super::Fleet;
use super::runs::Upsert;
use crate::domain::deployment::{EndpointReading, ServedState, ServedVersion};
use crate::domain::key::{DeploymentKey, ExperimentKey, ModelKey, SourceId};
use crate::domain::last_known::{Held, LastKnown, Memory};
use crate::domain::model::{ModelVersion, RegisteredModel};
use crate::domain::observation::{Coverage, FactKey, Observation, Rows};
use crate::domain::run::{Experiment, Run};
use crate::domain::text::Clean;
use crate::domain::time::Millis;

/// The most runs held: beyond them the oldest are let go. Live ones and those behind a version stay.
const RUNS_HELD: usize = 100_000;

impl Fleet {
    /// Takes one observation in. Says whether anything changed.
    pub fn merge(&mut self, observation: Observation, now: Millis) -> bool {
        if observation.context != self.context {
            return false;
        }
        let before = self.revision;
        let Observation {
            source,
            asked_at,
            upserts,
            gone,
            coverage,
            ..
        } = observation;
        match upserts {
            Rows::Models(rows) => {
                for row in rows {
                    self.put_model(&source, asked_at, row);
                }
            }
            Rows::Versions(rows) => {
                for row in rows {
                    self.put_version(&source, asked_at, row);
                }
            }
            Rows::Experiments(rows) => {
                for row in rows {
                    self.put_experiment(&source, asked_at, row);
                }
            }
            Rows::Runs(rows) => {
                for row in &rows {
                    self.put_run(asked_at, row);
                }
            }
            Rows::Endpoints(rows) => {
                for row in rows {
                    self.put_endpoint(&source, asked_at, row);
                }
            }
            Rows::Signals(rows) => {
                for row in rows {
                    self.put_reading(&source, asked_at, row);
                }
            }
            Rows::Series(rows) => {
                for row in rows {
                    self.put_series(&source, asked_at, row);
                }
            }
            Rows::Alerts(rows) => {
                for row in rows {
                    self.put_alert(&source, asked_at, row);
                }
            }
            Rows::Annotations(rows) => {
                for row in rows {
                    self.put_annotation(&source, asked_at, row);
                }
            }
            Rows::Served(rows) => {
                for row in rows {
                    self.put_served(&source, asked_at, row);
                }
            }
        }
        for key in gone {
            self.remove(&key, asked_at);
        }
        if let Coverage::Full(scope) = coverage {
            self.sweep_recalled(&source, &scope, asked_at);
            self.swept.insert((source, scope), asked_at);
        }
        self.refresh(now);
        self.revision != before
    }

    /// Takes the state of the last start in. Nothing in it is a change, and everything in it is old.
    pub fn absorb(&mut self, last: LastKnown, now: Millis) {
        self.remember_looks(last.memory, now);
        for h in last.models {
            self.put_model(&h.source, h.asked_at, h.fact);
        }
        for h in last.versions.into_iter().flat_map(Arc::unwrap_or_clone) {
            self.put_version(&h.source, h.asked_at, h.fact);
        }
        for h in last.experiments {
            self.put_experiment(&h.source, h.asked_at, h.fact);
        }
        for h in last.endpoints {
            self.put_endpoint(&h.source, h.asked_at, h.fact);
        }
        for h in last.runs {
            self.put_run(h.asked_at, &h.fact);
        }
        self.recall_signals(last.signals, last.series, last.alerts);
        for stamp in last.sources {
            if let Some(at) = stamp.answered_at {
                let known = self.answered_before.entry(stamp.source).or_insert(at);
                *known = (*known).max(at);
            }
        }
        self.observed.clear();
        self.refresh(now);
    }

    /// What looking has taught before: what this process has learnt itself stands.
    fn remember_looks(&mut self, mut memory: Memory, now: Millis) {
        memory.not_ahead(now);
        let models = memory.models.into_iter();
        let models = models.map(|(key, at)| (FactKey::Model(key), at));
        let endpoints = memory.endpoints.into_iter();
        let endpoints = endpoints.map(|(key, at)| (FactKey::Endpoint(key), at));
        for (key, at) in models.chain(endpoints) {
            self.first(key, at);
        }
        for (key, settled) in memory.levels {
            self.settled.entry(key).or_insert(settled);
        }
        for (key, track) in memory.tracks {
            self.tracks.entry(key).or_insert(track);
        }
        self.failed_before.extend(memory.failing);
        for (key, at) in memory.slow {
            let since = self.slow.entry(key).or_insert(at);
            *since = (*since).min(at);
        }
        for (key, at) in memory.loading {
            let since = self.loading.entry(key).or_insert(at);
            *since = (*since).min(at);
        }
    }

    /// Takes runs in that were fetched on demand.
    pub fn put_runs(&mut self, runs: &[Run], asked_at: Millis, now: Millis) {
        for run in runs {
            self.put_run(asked_at, run);
        }
        self.refresh(now);
    }

    /// Takes versions in that were fetched on demand.
    pub fn put_versions(
        &mut self,
        source: &SourceId,
        versions: Vec<ModelVersion>,
        asked_at: Millis,
        now: Millis,
    ) {
        for version in versions {
            self.put_version(source, asked_at, version);
        }
        self.refresh(now);
    }

    pub(super) fn outdated(&self, key: &FactKey, held: Option<Millis>, asked_at: Millis) -> bool {
        held.is_some_and(|at| at > asked_at)
            || self.tombstones.get(key).is_some_and(|at| *at > asked_at)
    }

    /// Remembers the first sight of what has a `since`: models and endpoints.
    fn first(&mut self, key: FactKey, asked_at: Millis) {
        let seen = self.first_seen.entry(key).or_insert(asked_at);
        *seen = (*seen).min(asked_at);
    }

    fn put_model(&mut self, source: &SourceId, asked_at: Millis, mut fact: RegisteredModel) {
        self.pool.share_model(&mut fact);
        let key = fact.key.clone();
        let id = FactKey::Model(key.clone());
        if self.outdated(&id, self.models.get(&key).map(|h| h.asked_at), asked_at) {
            return;
        }
        if !self.is_the_only(&key, asked_at) {
            return;
        }
        self.first(id, asked_at);
        let held = Held {
            source: source.clone(),
            asked_at,
            fact,
        };
        let old = self.models.insert(key.clone(), held);
        self.name_model(&key, old.as_ref().map(|h| h.fact.name.clone()));
        let new = &self.models[&key];
        let same = old.as_ref().is_some_and(|o| o.fact == new.fact);
        if same {
            return;
        }
        self.revision += 1;
        self.joins
            .model_moved(old.as_ref().map(|h| &h.fact), Some(&new.fact));
        self.dirty.models.insert(key.clone());
        match old {
            Some(old) => {
                let new = self.models[&key].clone();
                self.observe_model(&old, &new);
            }
            None => self.introduce(&key),
        }
    }

    /// A registry holds a name once: a model of that name with another creation time was deleted, or
    /// is about to be learnt of. The later reading stands; of one moment, the younger model.
    fn is_the_only(&mut self, key: &ModelKey, asked_at: Millis) -> bool {
        let at = |created| ModelKey {
            created: Millis(created),
            ..key.clone()
        };
        let others: Vec<(ModelKey, Millis)> = self
            .models
            .range(at(i64::MIN)..=at(i64::MAX))
            .filter(|(other, _)| *other != key)
            .map(|(other, held)| (other.clone(), held.asked_at))
            .collect();
        if others
            .iter()
            .any(|(other, read)| (*read, other.created) > (asked_at, key.created))
        {
            return false;
        }
        for (other, _) in others {
            let other = FactKey::Model(other);
            let tomb = self.tombstones.entry(other.clone()).or_insert(asked_at);
            *tomb = (*tomb).max(asked_at);
            self.bury(&other, asked_at);
        }
        true
    }

    /// Keeps the index of names as shown; whoever looks like another is judged again.
    fn name_model(&mut self, key: &ModelKey, before: Option<Clean>) {
        let now = self.models.get(key).map(|h| h.fact.name.clone());
        if before == now {
            return;
        }
        if let Some(name) = before {
            let emptied = self.by_name.get_mut(&name).is_some_and(|keys| {
                keys.remove(key);
                self.dirty.models.extend(keys.iter().cloned());
                keys.is_empty()
            });
            if emptied {
                self.by_name.remove(&name);
            }
        }
        if let Some(name) = now {
            let keys = self.by_name.entry(name).or_default();
            keys.insert(key.clone());
            self.dirty.models.extend(keys.iter().cloned());
        }
    }

    fn put_version(&mut self, source: &SourceId, asked_at: Millis, mut fact: ModelVersion) {
        let id = FactKey::Version(fact.key.clone());
        let held = self.versions(&fact.key.model);
        let slot = held
            .iter()
            .position(|h| h.fact.key.version == fact.key.version);
        let known = slot.map(|slot| &held[slot]);
        if self.outdated(&id, known.map(|h| h.asked_at), asked_at) {
            return;
        }
        let same = known.is_some_and(|h| h.fact == fact);
        if let Some(slot) = slot
            && same
            && let Some(all) = self.versions.get_mut(&fact.key.model)
        {
            let held = &mut Arc::make_mut(all)[slot];
            held.source.clone_from(source);
            held.asked_at = asked_at;
            return;
        }
        let model = match self.models.get(&fact.key.model) {
            Some(known) => known.fact.key.clone(),
            None => fact.key.model.clone(),
        };
        fact.key.model = model.clone();
        self.pool.share_version(&mut fact);
        if let Some(run) = &fact.run {
            self.made_by.note(run, &model);
            let row = self.runs.find(run);
            if let Some(experiment) = row.and_then(|row| self.runs.experiment(row)).cloned() {
                self.note_trained(&experiment, &model);
            }
        }
        let new = Held {
            source: source.clone(),
            asked_at,
            fact,
        };
        let all = Arc::make_mut(self.versions.entry(model.clone()).or_default());
        let old = match slot {
            Some(slot) => Some(std::mem::replace(&mut all[slot], new.clone())),
            None => {
                if all.len() == all.capacity() {
                    // Doubling would leave a third of all versions' memory unused.
                    all.reserve_exact(1 + all.len() / 8);
                }
                let at = all.partition_point(|h| newer(&h.fact, &new.fact));
                all.insert(at, new.clone());
                None
            }
        };
        self.revision += 1;
        self.dirty.models.insert(model);
        self.observe_version(old.as_ref(), &new);
    }

    fn put_experiment(&mut self, source: &SourceId, asked_at: Millis, fact: Experiment) {
        let id = FactKey::Experiment(fact.key.clone());
        let held = self.experiments.get(&fact.key).map(|h| h.asked_at);
        if self.outdated(&id, held, asked_at) {
            return;
        }
        let key = fact.key.clone();
        let held = Held {
            source: source.clone(),
            asked_at,
            fact,
        };
        let old = self.experiments.insert(key.clone(), held);
        if old.is_none_or(|o| o.fact != self.experiments[&key].fact) {
            self.revision += 1;
        }
    }

    fn put_run(&mut self, asked_at: Millis, run: &Run) {
        let id = FactKey::Run(run.key.clone());
        if self.outdated(&id, None, asked_at) {
            return;
        }
        if run.deleted {
            return;
        }
        // A version names the run already: its id is not held twice.
        let shared = self.made_by.key(&run.key).map(|key| Run {
            key: key.clone(),
            ..run.clone()
        });
        let run = shared.as_ref().unwrap_or(run);
        let before = self.live_run(run);
        if self.runs.upsert(run, asked_at) != Upsert::Older {
            self.revision += 1;
            self.runs_moved(run);
            let made_by = &self.made_by;
            self.runs.evict(RUNS_HELD, |key| made_by.key(key).is_some());
            if let Some(before) = before {
                self.observe_run(&before, run, asked_at);
            }
        }
    }

    /// A run behind a version changes that model's quality.
    fn runs_moved(&mut self, run: &Run) {
        let models = self.made_by.models(&run.key);
        self.dirty.models.extend(models.iter().cloned());
        if let Some(first) = models.first().cloned() {
            self.note_trained(&run.experiment, &first);
        }
    }

    /// Remembers that a run of an experiment made a version of a model: of several the first by key.
    fn note_trained(&mut self, experiment: &ExperimentKey, model: &ModelKey) {
        match self.trained_in.get_mut(experiment) {
            None => {
                self.trained_in.insert(experiment.clone(), model.clone());
            }
            Some(known) if *model < *known || !self.models.contains_key(known) => {
                known.clone_from(model);
            }
            Some(_) => {}
        }
    }

    fn put_endpoint(&mut self, source: &SourceId, asked_at: Millis, mut fact: EndpointReading) {
        let key = fact.key.clone();
        let id = FactKey::Endpoint(key.clone());
        if self.outdated(&id, self.endpoints.get(&key).map(|h| h.asked_at), asked_at) {
            return;
        }
        if let Some(before) = self.endpoints.get(&key) {
            // The last poll that was answered, though it brought no row, read the same versions.
            let read = self.answered_at(source).filter(|at| *at < asked_at);
            let read = read.map_or(before.asked_at, |at| at.max(before.asked_at));
            fact.keep_versions(&before.fact, read);
        }
        self.first(id, asked_at);
        self.note_loading(&key, &fact, asked_at);
        self.note_slow(&key, &fact, asked_at);
        let held = Held {
            source: source.clone(),
            asked_at,
            fact,
        };
        let old = self.endpoints.insert(key.clone(), held);
        if old.is_some_and(|o| o.fact == self.endpoints[&key].fact) {
            return;
        }
        self.revision += 1;
        self.dirty.deployments.insert(key.clone());
        self.observe_endpoint(&key);
    }

    /// Remembers since when versions are there without answering.
    fn note_loading(&mut self, key: &DeploymentKey, fact: &EndpointReading, asked_at: Millis) {
        let pending =
            |v: &&ServedVersion| matches!(v.state, ServedState::Loading | ServedState::Unknown);
        self.loading.retain(|(deployment, version), _| {
            deployment != key
                || fact
                    .versions
                    .iter()
                    .filter(pending)
                    .any(|v| v.version == *version)
        });
        for version in fact.versions.iter().filter(pending) {
            let since = self
                .loading
                .entry((key.clone(), version.version.clone()))
                .or_insert(asked_at);
            *since = (*since).min(asked_at);
        }
    }

    /// Remembers since when the health call is slow.
    fn note_slow(&mut self, key: &DeploymentKey, fact: &EndpointReading, asked_at: Millis) {
        let limit = self.settings.policy.slow_probe;
        if fact.latency.is_some_and(|l| l > limit) {
            let since = self.slow.entry(key.clone()).or_insert(asked_at);
            *since = (*since).min(asked_at);
        } else {
            self.slow.remove(key);
        }
    }

    pub(super) fn remove(&mut self, key: &FactKey, asked_at: Millis) {
        let tomb = self.tombstones.entry(key.clone()).or_insert(asked_at);
        *tomb = (*tomb).max(asked_at);
        let newer_held = match key {
            FactKey::Model(k) => self.models.get(k).is_some_and(|h| h.asked_at >= asked_at),
            FactKey::Version(k) => self
                .versions(&k.model)
                .iter()
                .any(|h| h.fact.key == *k && h.asked_at >= asked_at),
            FactKey::Experiment(k) => self
                .experiments
                .get(k)
                .is_some_and(|h| h.asked_at >= asked_at),
            FactKey::Endpoint(k) => self
                .endpoints
                .get(k)
                .is_some_and(|h| h.asked_at >= asked_at),
            FactKey::Run(_) => true,
            FactKey::Signal(_)
            | FactKey::Series(_)
            | FactKey::Alert(_)
            | FactKey::Annotation(_)
            | FactKey::Served(_) => self.signal_read_since(key, asked_at).unwrap_or(true),
        };
        if newer_held {
            return;
        }
        self.bury(key, asked_at);
    }

    /// Takes a fact out, whatever else is known of it.
    fn bury(&mut self, key: &FactKey, asked_at: Millis) {
        self.revision += 1;
        match key {
            FactKey::Model(k) => {
                if let Some(old) = self.models.remove(k) {
                    self.name_model(k, Some(old.fact.name.clone()));
                    self.joins.model_moved(Some(&old.fact), None);
                    self.observe_model_gone(&old, asked_at);
                }
                self.versions.remove(k);
                self.drop_view(k);
                self.dirty.models.remove(k);
            }
            FactKey::Version(k) => {
                if let Some(all) = self.versions.get_mut(&k.model) {
                    Arc::make_mut(all).retain(|h| h.fact.key != *k);
                }
                self.dirty.models.insert(k.model.clone());
            }
            FactKey::Experiment(k) => {
                self.experiments.remove(k);
            }
            FactKey::Endpoint(k) => {
                self.endpoints.remove(k);
                self.dirty.deployments.insert(k.clone());
            }
            FactKey::Signal(_)
            | FactKey::Series(_)
            | FactKey::Alert(_)
            | FactKey::Annotation(_)
            | FactKey::Served(_) => self.bury_signal(key, asked_at),
            FactKey::Run(_) => {}
        }
    }
}

/// The registry's order: by creation, then by number, newest first.
fn newer(a: &ModelVersion, b: &ModelVersion) -> bool {
    (a.created, a.key.order(), &a.key.version) > (b.created, b.key.order(), &b.key.version)
}
