//! Taking observations in: the newest reading wins, absence counts only under full coverage, and any
//! order of messages gives the same fleet.

use std::sync::Arc;

use super::Fleet;
use crate::domain::key::SourceId;
use crate::domain::model::ModelVersion;
use crate::domain::observation::{Coverage, FactKey, Observation, Rows, Scope};
use crate::domain::run::Run;
use crate::domain::time::Millis;

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
            Rows::Pipelines(rows) => {
                for row in rows {
                    self.put_pipeline(&source, asked_at, row);
                }
            }
            Rows::PipelineRuns(rows) => {
                for row in rows {
                    self.put_pipeline_run(&source, asked_at, row);
                }
            }
            Rows::Orchestrators(rows) => {
                for row in rows {
                    self.put_orchestrator(&source, asked_at, row);
                }
            }
        }
        for key in gone {
            self.remove(&key, asked_at);
        }
        if let Coverage::Full(scope) = coverage {
            self.sweep_recalled(&source, &scope, asked_at);
            // Each look at runs covers another time: nothing asks which.
            if !matches!(scope, Scope::PipelineRuns { .. }) {
                self.swept.insert((source, scope), asked_at);
            }
        }
        self.refresh(now);
        self.revision != before
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
        held.is_some_and(|at| at > asked_at) || self.tombstones.outdate(key, asked_at)
    }

    /// Remembers the first sight of what has a `since`: models and endpoints.
    pub(super) fn first(&mut self, key: FactKey, asked_at: Millis) {
        let seen = self.first_seen.entry(key).or_insert(asked_at);
        *seen = (*seen).min(asked_at);
    }

    pub(super) fn remove(&mut self, key: &FactKey, asked_at: Millis) {
        self.tombstones.bury(key.clone(), asked_at);
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
            FactKey::Pipeline(_) | FactKey::PipelineRun(_) | FactKey::Orchestrator(_) => {
                self.pipeline_read_since(key, asked_at).unwrap_or(true)
            }
        };
        if newer_held {
            return;
        }
        self.bury(key, asked_at);
    }

    /// Takes a fact out, whatever else is known of it.
    pub(super) fn bury(&mut self, key: &FactKey, asked_at: Millis) {
        self.revision += 1;
        match key {
            FactKey::Model(k) => {
                if let Some(old) = self.models.remove(k) {
                    self.name_model(k, Some(old.fact.name.clone()));
                    self.joins.model_moved(Some(&old.fact), None);
                    self.observe_model_gone(&old, asked_at);
                }
                // Its versions stay until an answer about versions lacks them: their source tells no row
                // twice, and the model may come back.
                self.first_seen.remove(key);
                self.drop_view(k);
                self.dirty.models.remove(k);
            }
            FactKey::Version(k) => {
                let held = self.versions(&k.model).iter().find(|h| h.fact.key == *k);
                let run = held.and_then(|h| h.fact.run.clone());
                if let Some(all) = self.versions.get_mut(&k.model) {
                    Arc::make_mut(all).retain(|h| h.fact.key != *k);
                    if all.is_empty() {
                        self.versions.remove(&k.model);
                    }
                }
                if let Some(run) = run {
                    self.made_no_more(&run, &k.model);
                }
                self.packages.remove(k);
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
            FactKey::Pipeline(_) | FactKey::PipelineRun(_) | FactKey::Orchestrator(_) => {
                self.bury_pipeline(key);
            }
            FactKey::Run(_) => {}
        }
    }
}
