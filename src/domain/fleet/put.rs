//! One fact of a registry, tracker or endpoint taken in: kept if it is newer than what is held, with
//! everything that follows from it.

use std::sync::Arc;

use super::Fleet;
use super::runs::Upsert;
use crate::domain::deployment::{EndpointReading, ServedState, ServedVersion};
use crate::domain::key::{DeploymentKey, ExperimentKey, ModelKey, RunKey, SourceId};
use crate::domain::last_known::Held;
use crate::domain::model::{ModelVersion, RegisteredModel};
use crate::domain::observation::FactKey;
use crate::domain::run::{Experiment, Run};
use crate::domain::text::Clean;
use crate::domain::time::Millis;

/// The most runs held: beyond them the oldest are let go. Live ones and those behind a version stay.
const RUNS_HELD: usize = 100_000;

impl Fleet {
    pub(super) fn put_model(
        &mut self,
        source: &SourceId,
        asked_at: Millis,
        mut fact: RegisteredModel,
    ) {
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
            // A name made again was deleted with everything under it.
            self.versions.remove(&other);
            let other = FactKey::Model(other);
            self.tombstones.bury(other.clone(), asked_at);
            self.bury(&other, asked_at);
        }
        true
    }

    /// Keeps the index of names as shown; whoever looks like another is judged again.
    pub(super) fn name_model(&mut self, key: &ModelKey, before: Option<Clean>) {
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

    pub(super) fn put_version(
        &mut self,
        source: &SourceId,
        asked_at: Millis,
        mut fact: ModelVersion,
    ) {
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
                    all.reserve_exact(1 + all.len() / 16);
                }
                let at = all.partition_point(|h| newer(&h.fact, &new.fact));
                all.insert(at, new.clone());
                None
            }
        };
        self.revision += 1;
        let before = old.as_ref().and_then(|old| old.fact.run.clone());
        if let Some(run) = before.filter(|run| new.fact.run.as_ref() != Some(run)) {
            self.made_no_more(&run, &model);
        }
        self.dirty.models.insert(model);
        self.observe_version(old.as_ref(), &new);
    }

    /// A version that a run made is gone, or another run's: unless it made another one of the model, the run
    /// is none of its makers.
    pub(super) fn made_no_more(&mut self, run: &RunKey, model: &ModelKey) {
        let mut versions = self.versions(model).iter();
        if !versions.any(|h| h.fact.run.as_ref() == Some(run)) {
            self.made_by.forget(run, model);
        }
    }

    pub(super) fn put_experiment(&mut self, source: &SourceId, asked_at: Millis, fact: Experiment) {
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

    pub(super) fn put_run(&mut self, asked_at: Millis, run: &Run) {
        let id = FactKey::Run(run.key.clone());
        if self.outdated(&id, None, asked_at) {
            return;
        }
        if run.deleted {
            return;
        }
        // A version names the run already: its id is not held twice.
        let shared = self
            .made_by
            .key(&run.key)
            .map(|key| Run { key, ..run.clone() });
        let run = shared.as_ref().unwrap_or(run);
        let before = self.live_run(run);
        if self.runs.upsert(run, asked_at) != Upsert::Older {
            self.revision += 1;
            self.runs_moved(run);
            let made_by = &self.made_by;
            self.runs.evict(RUNS_HELD, |key| made_by.holds(key));
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

    pub(super) fn put_endpoint(
        &mut self,
        source: &SourceId,
        asked_at: Millis,
        mut fact: EndpointReading,
    ) {
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
}

/// The registry's order: by creation, then by number, newest first.
fn newer(a: &ModelVersion, b: &ModelVersion) -> bool {
    (a.created, a.key.order(), &a.key.version) > (b.created, b.key.order(), &b.key.version)
}
