//! What the last start or an earlier reader left, taken in with its age, and let go where the first complete
//! answer of its source does not hold it: things are deleted while nobody watches.

use std::sync::Arc;

use super::Fleet;
use crate::domain::alert::Alert;
use crate::domain::deployment::EndpointReading;
use crate::domain::key::{ModelKey, SourceId};
use crate::domain::last_known::{Held, SharedReadings, SharedSeries, SharedVersions};
use crate::domain::model::RegisteredModel;
use crate::domain::observation::{FactKey, Scope};
use crate::domain::pipeline::{Pipeline, PipelineRun};
use crate::domain::run::Experiment;
use crate::domain::time::Millis;

/// About as many readings of a model are recalled at once: those that are not of single features.
const READINGS: usize = 8;

impl Fleet {
    /// Takes in what was known of a registry and its tracker, with the same limits as
    /// [`Fleet::recall_signals`].
    pub(super) fn recall_registry(
        &mut self,
        models: Vec<Held<RegisteredModel>>,
        versions: Vec<SharedVersions>,
        experiments: Vec<Held<Experiment>>,
    ) {
        self.models_to_come(models.len());
        for held in models {
            if self.recalls_row(&held.source, Scope::Models, held.asked_at) {
                self.put_model(&held.source, held.asked_at, held.fact);
            }
        }
        for held in versions.into_iter().flat_map(Arc::unwrap_or_clone) {
            if self.recalls_row(&held.source, Scope::Versions, held.asked_at) {
                self.put_version(&held.source, held.asked_at, held.fact);
            }
        }
        for held in experiments {
            if self.recalls_row(&held.source, Scope::Experiments, held.asked_at) {
                self.put_experiment(&held.source, held.asked_at, held.fact);
            }
        }
    }

    /// Room for models that come all at once, in place of a little more room again and again.
    fn models_to_come(&mut self, count: usize) {
        self.by_name.reserve(count);
        self.versions.reserve(count);
        self.first_seen.reserve(count);
    }

    /// Takes in how endpoints answered, with the same limits.
    pub(super) fn recall_endpoints(&mut self, endpoints: Vec<Held<EndpointReading>>) {
        for held in endpoints {
            if self.recalls_row(&held.source, Scope::Endpoints, held.asked_at) {
                self.put_endpoint(&held.source, held.asked_at, held.fact);
            }
        }
    }

    /// As [`Fleet::recalls`] for rows that are held by their source: how new the newest of them is tells
    /// them apart from what this process has read, and tens of thousands need no list.
    fn recalls_row(&mut self, source: &SourceId, scope: Scope, at: Millis) -> bool {
        let scope = (source.clone(), scope);
        if !self.sources.contains_key(source) || self.swept.contains_key(&scope) {
            return false;
        }
        let until = self.recalled_until.entry(scope).or_insert(at);
        *until = (*until).max(at);
        true
    }

    /// The sources of many rows that may still hold, as [`Fleet::recalls_row`] says: asked once for each.
    fn recalls_rows<T>(&mut self, groups: &[Arc<Vec<Held<T>>>], scope: &Scope) -> Vec<SourceId> {
        let mut newest: Vec<(SourceId, Millis)> = Vec::new();
        for held in groups.iter().flat_map(|group| group.iter()) {
            match newest.iter_mut().find(|(source, _)| *source == held.source) {
                Some((_, at)) => *at = (*at).max(held.asked_at),
                None => newest.push((held.source.clone(), held.asked_at)),
            }
        }
        newest.retain(|(source, at)| self.recalls_row(source, scope.clone(), *at));
        newest.into_iter().map(|(source, _)| source).collect()
    }

    /// Takes in what was known of signals and alerts. What no configured source would ever confirm, and
    /// what a complete answer has not held meanwhile, is left out.
    pub(super) fn recall_signals(
        &mut self,
        readings: Vec<SharedReadings>,
        series: Vec<SharedSeries>,
        alerts: Vec<Held<Alert>>,
    ) {
        let sources = self.recalls_rows(&readings, &Scope::Signals);
        let rows = readings.into_iter().flat_map(Arc::unwrap_or_clone);
        let mut rows = rows
            .filter(|held| sources.contains(&held.source))
            .peekable();
        while let Some(first) = rows.next() {
            let model = first.fact.key.model.clone();
            let mut of = Vec::with_capacity(READINGS);
            of.push(first);
            while let Some(more) = rows.next_if(|held| held.fact.key.model == model) {
                of.push(more);
            }
            of.shrink_to(of.len() + of.len() / 8);
            self.put_readings(&model, of);
        }
        let sources = self.recalls_rows(&series, &Scope::Series);
        for held in series.into_iter().flat_map(Arc::unwrap_or_clone) {
            if sources.contains(&held.source) {
                self.put_series(&held.source, held.asked_at, held.fact);
            }
        }
        for held in alerts {
            let key = FactKey::Alert(held.fact.key.clone());
            if self.recalls(&held.source, Scope::Alerts, key, held.asked_at) {
                self.put_alert(&held.source, held.asked_at, held.fact);
            }
        }
    }

    /// Takes in what was known of pipelines, with the same limits. No answer holds all runs: those that moved
    /// before the time that answers cover stay until they move again.
    pub(super) fn recall_pipelines(
        &mut self,
        pipelines: Vec<Held<Pipeline>>,
        runs: Vec<Held<PipelineRun>>,
    ) {
        for held in pipelines {
            if self.recalls_row(&held.source, Scope::Pipelines, held.asked_at) {
                self.put_pipeline(&held.source, held.asked_at, held.fact);
            }
        }
        for held in runs {
            if self.recalls_row(&held.source, RUNS, held.asked_at) {
                self.put_pipeline_run(&held.source, held.asked_at, held.fact);
            }
        }
    }

    /// Whoever reads a source begins anew, and will not say what is gone of what was told before: that is
    /// taken for recalled, and let go where the next complete answer does not hold it.
    pub fn read_anew(&mut self, source: &SourceId, now: Millis) {
        if !self.sources.contains_key(source) {
            return;
        }
        for scope in [
            Scope::Models,
            Scope::Versions,
            Scope::Experiments,
            Scope::Endpoints,
            Scope::Signals,
            Scope::Series,
            Scope::Pipelines,
            RUNS,
        ] {
            self.recalled_until.insert((source.clone(), scope), now);
        }
        let alerts = self.alerts().filter(|held| held.source == *source);
        let alerts = alerts.map(|held| (FactKey::Alert(held.fact.key.clone()), held.asked_at));
        let alerts: Vec<_> = alerts.collect();
        self.recalled
            .insert((source.clone(), Scope::Alerts), alerts);
    }

    /// Whether a fact of before may still hold; if so it is swept unless its source confirms it.
    fn recalls(&mut self, source: &SourceId, scope: Scope, key: FactKey, at: Millis) -> bool {
        let scope = (source.clone(), scope);
        if !self.sources.contains_key(source) || self.swept.contains_key(&scope) {
            return false;
        }
        self.recalled.entry(scope).or_default().push((key, at));
        true
    }

    /// The first complete answer of a source: what it does not hold of before is gone.
    pub(super) fn sweep_recalled(&mut self, source: &SourceId, scope: &Scope, asked_at: Millis) {
        for key in self.unconfirmed(source, scope, asked_at) {
            self.remove(&key, asked_at);
        }
        let Some(keys) = self.recalled.remove(&(source.clone(), scope.clone())) else {
            return;
        };
        for (key, at) in keys {
            // An answer of this process is newer than what was recalled, or is this one.
            let later = Millis(at.0.saturating_add(1)).min(asked_at);
            if self.signal_read_since(&key, later) == Some(false) {
                self.remove(&key, asked_at);
            }
        }
    }

    /// The recalled rows of a scope that nothing in this process has read.
    fn unconfirmed(&mut self, source: &SourceId, scope: &Scope, asked_at: Millis) -> Vec<FactKey> {
        let until = match scope {
            Scope::PipelineRuns { .. } => self.recalled_until.remove(&(source.clone(), RUNS)),
            // One model's versions confirm nothing of the others.
            Scope::VersionsOf(_) => {
                let all = (source.clone(), Scope::Versions);
                self.recalled_until.get(&all).copied()
            }
            scope => self.recalled_until.remove(&(source.clone(), scope.clone())),
        };
        let Some(until) = until else {
            return Vec::new();
        };
        // What was read at the same time was read by this answer: a clock may stand between two looks.
        let old = |by: &SourceId, at: Millis| by == source && at <= until && at < asked_at;
        let of = |model: &ModelKey| {
            let held = self.versions(model).iter();
            let old = held.filter(|h| old(&h.source, h.asked_at));
            old.map(|h| FactKey::Version(h.fact.key.clone()))
                .collect::<Vec<_>>()
        };
        match scope {
            Scope::Models => keys(self.models.iter(), old, FactKey::Model),
            Scope::Versions => self.versions.keys().flat_map(of).collect(),
            Scope::VersionsOf(model) => of(model),
            Scope::Experiments => keys(self.experiments.iter(), old, FactKey::Experiment),
            Scope::Endpoints => keys(self.endpoints.iter(), old, FactKey::Endpoint),
            Scope::Pipelines => keys(self.pipelines.definitions(), old, FactKey::Pipeline),
            Scope::PipelineRuns { from, until: to } => {
                let moved = |held: &Held<PipelineRun>| held.fact.moved();
                let runs = self
                    .pipeline_runs()
                    .filter(|held| old(&held.source, held.asked_at));
                runs.filter(|held| (*from..=*to).contains(&moved(held)))
                    .map(|held| FactKey::PipelineRun(held.fact.key.clone()))
                    .collect()
            }
            Scope::Signals => self.old_readings(old),
            Scope::Series => self.old_series(old),
            Scope::Alerts | Scope::Annotations | Scope::Served => Vec::new(),
        }
    }
}

/// What recalled runs are kept under, whatever time an answer covers.
const RUNS: Scope = Scope::PipelineRuns {
    from: Millis(0),
    until: Millis(0),
};

/// The keys of those rows that are `old`.
fn keys<'a, K: Clone + 'a, T: 'a>(
    rows: impl Iterator<Item = (&'a K, &'a Held<T>)>,
    old: impl Fn(&SourceId, Millis) -> bool,
    name: fn(K) -> FactKey,
) -> Vec<FactKey> {
    rows.filter(|(_, held)| old(&held.source, held.asked_at))
        .map(|(key, _)| name(key.clone()))
        .collect()
}

#[cfg(test)]
#[path = "recalled_tests.rs"]
mod tests;
