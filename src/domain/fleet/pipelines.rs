//! Pipelines, their runs and what runs them, as they were read, and which models each trains. How bad
//! what they say is, the rules decide.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Fleet;
use crate::domain::key::{Key, ModelKey, SourceId};
use crate::domain::last_known::Held;
use crate::domain::level::Reason;
use crate::domain::model::RegisteredModel;
use crate::domain::observation::{FactKey, Feed, Scope};
use crate::domain::pipeline::{
    Orchestrator, Pipeline, PipelineKey, PipelineRun, PipelineRunKey, PipelineState, standing,
};
use crate::domain::retrain::{self, Named};
use crate::domain::rules::freshness::Freshness;
use crate::domain::rules::retrain::{self as rule, Facts};
use crate::domain::text::Clean;
use crate::domain::time::Millis;
use crate::domain::wiring::Rule;

/// The most runs held: beyond them those that ended longest ago are let go.
const RUNS_HELD: usize = 20_000;

/// Everything that orchestrators say.
#[derive(Debug, Default)]
pub(super) struct Pipelines {
    definitions: BTreeMap<PipelineKey, Held<Pipeline>>,
    runs: BTreeMap<PipelineRunKey, Held<PipelineRun>>,
    orchestrators: BTreeMap<Key, Held<Orchestrator>>,
    /// Definitions by source and raw id.
    by_id: HashMap<(SourceId, Key), PipelineKey>,
    /// Which pipeline trains a model, and the models that each trains.
    of_model: HashMap<ModelKey, Training>,
    models: HashMap<PipelineKey, BTreeSet<ModelKey>>,
}

impl Pipelines {
    /// The definitions by key.
    pub(super) fn definitions(&self) -> impl Iterator<Item = (&PipelineKey, &Held<Pipeline>)> {
        self.definitions.iter()
    }
}

/// How a model is joined to the pipeline that trains it again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Training {
    /// The pipeline; `None` where the one that is named is not there.
    pub pipeline: Option<PipelineKey>,
    /// The source that it is, or should be, read from.
    pub source: SourceId,
    /// The pipeline's id, for people.
    pub name: Clean,
    /// Which rule says so.
    pub rule: Rule,
}

impl Fleet {
    /// Every pipeline, by where it is.
    pub fn pipelines(&self) -> impl ExactSizeIterator<Item = &Held<Pipeline>> {
        self.pipelines.definitions.values()
    }

    /// One pipeline.
    pub fn pipeline(&self, key: &PipelineKey) -> Option<&Held<Pipeline>> {
        self.pipelines.definitions.get(key)
    }

    /// The pipeline of a source by its raw id there.
    pub fn pipeline_named(&self, source: &SourceId, id: &Key) -> Option<&PipelineKey> {
        self.pipelines.by_id.get(&(source.clone(), id.clone()))
    }

    /// Every pipeline run that is held, by pipeline.
    pub fn pipeline_runs(&self) -> impl ExactSizeIterator<Item = &Held<PipelineRun>> {
        self.pipelines.runs.values()
    }

    /// One pipeline run.
    pub fn pipeline_run(&self, key: &PipelineRunKey) -> Option<&Held<PipelineRun>> {
        self.pipelines.runs.get(key)
    }

    /// The runs of one pipeline, in the order of their ids.
    pub fn runs_of_pipeline<'a>(
        &'a self,
        key: &'a PipelineKey,
    ) -> impl Iterator<Item = &'a Held<PipelineRun>> {
        let first = PipelineRunKey {
            pipeline: key.clone(),
            id: Key::new(""),
        };
        let from = self.pipelines.runs.range(first..);
        from.take_while(move |(run, _)| run.pipeline == *key)
            .map(|(_, held)| held)
    }

    /// How many runs of a pipeline run now.
    pub fn active_runs(&self, key: &PipelineKey) -> usize {
        let runs = self.runs_of_pipeline(key);
        let active = runs.filter(|held| held.fact.state == PipelineState::Running);
        active.count()
    }

    /// Where a run stands, with what its pipeline says.
    pub fn run_standing(&self, run: &PipelineRun, now: Millis) -> PipelineState {
        let of = &run.key.pipeline;
        if run.state != PipelineState::Queued {
            return run.state.clone();
        }
        let pipeline = self.pipeline(of).map(|held| &held.fact);
        standing(run, pipeline, self.active_runs(of), now)
    }

    /// The orchestrator at a base URL.
    pub fn orchestrator(&self, base: &Key) -> Option<&Held<Orchestrator>> {
        self.pipelines.orchestrators.get(base)
    }

    /// Every orchestrator.
    pub fn orchestrators(&self) -> impl ExactSizeIterator<Item = &Held<Orchestrator>> {
        self.pipelines.orchestrators.values()
    }

    /// How a model is joined to the pipeline that trains it again.
    pub fn training(&self, model: &ModelKey) -> Option<&Training> {
        self.pipelines.of_model.get(model)
    }

    /// The models that a pipeline trains, in order.
    pub fn trained_by(&self, pipeline: &PipelineKey) -> impl Iterator<Item = &ModelKey> {
        let models = self.pipelines.models.get(pipeline);
        models.into_iter().flatten()
    }

    /// The models that a run trains: the one that its parameters name, else all that its pipeline does.
    pub fn models_of_pipeline_run(&self, run: &PipelineRun) -> Vec<ModelKey> {
        if let Some(name) = run.named_model() {
            let named = self.models_named(&Key::new(&name));
            if !named.is_empty() {
                return named;
            }
        }
        self.trained_by(&run.key.pipeline).cloned().collect()
    }

    /// The runs on their way that train a model, the one that was asked for first before the others.
    pub fn live_training(&self, model: &ModelKey) -> Vec<&PipelineRun> {
        let Some(pipeline) = self.training(model).and_then(|t| t.pipeline.as_ref()) else {
            return Vec::new();
        };
        let runs = self.runs_of_pipeline(pipeline).map(|held| &held.fact);
        let mut live: Vec<&PipelineRun> = runs
            .filter(|run| run.state.is_live() && self.models_of_pipeline_run(run).contains(model))
            .collect();
        live.sort_by(|a, b| (a.asked(), &a.key).cmp(&(b.asked(), &b.key)));
        live
    }

    /// Takes pipeline runs in that were fetched on demand.
    pub fn put_pipeline_runs(
        &mut self,
        source: &SourceId,
        runs: &[PipelineRun],
        asked_at: Millis,
        now: Millis,
    ) {
        for run in runs {
            self.put_pipeline_run(source, asked_at, run.clone());
        }
        self.refresh(now);
    }

    pub(super) fn put_pipeline(&mut self, source: &SourceId, asked_at: Millis, fact: Pipeline) {
        let key = fact.key.clone();
        let held_at = self.pipelines.definitions.get(&key).map(|h| h.asked_at);
        if self.outdated(&FactKey::Pipeline(key.clone()), held_at, asked_at) {
            return;
        }
        let held = Held {
            source: source.clone(),
            asked_at,
            fact,
        };
        let new = held.fact.clone();
        let old = self.pipelines.definitions.insert(key.clone(), held);
        match old {
            Some(old) if old.fact == new => return,
            Some(_) => self.pipeline_moved(&key),
            None => {
                let id = (source.clone(), key.id.clone());
                self.pipelines.by_id.insert(id, key);
                // Any model may be trained by it.
                self.dirty.models.extend(self.models.keys().cloned());
            }
        }
        self.revision += 1;
    }

    pub(super) fn put_pipeline_run(
        &mut self,
        source: &SourceId,
        asked_at: Millis,
        mut fact: PipelineRun,
    ) {
        let key = fact.key.clone();
        let known = self.pipelines.runs.get(&key);
        let held_at = known.map(|h| h.asked_at);
        if self.outdated(&FactKey::PipelineRun(key.clone()), held_at, asked_at) {
            return;
        }
        // Where a run failed is asked for once, and not by every question.
        if let Some(known) = known
            && fact.failed_at.is_none()
            && (&known.fact.state, known.fact.ended) == (&fact.state, fact.ended)
        {
            fact.failed_at.clone_from(&known.fact.failed_at);
        }
        let held = Held {
            source: source.clone(),
            asked_at,
            fact,
        };
        let new = held.fact.clone();
        let old = self.pipelines.runs.insert(key.clone(), held);
        if old.is_some_and(|old| old.fact == new) {
            return;
        }
        self.revision += 1;
        self.pipeline_moved(&key.pipeline);
        let named = new
            .named_model()
            .map(|name| self.models_named(&Key::new(&name)));
        self.dirty.models.extend(named.into_iter().flatten());
        self.let_runs_go();
    }

    /// Lets the runs go that ended longest ago, a tenth at once.
    fn let_runs_go(&mut self) {
        let runs = &mut self.pipelines.runs;
        if runs.len() <= RUNS_HELD {
            return;
        }
        let ended = runs.values().filter(|held| !held.fact.state.is_live());
        let mut moved: Vec<Millis> = ended.map(|held| held.fact.moved()).collect();
        moved.sort();
        if let Some(line) = moved.get(RUNS_HELD / 10) {
            runs.retain(|_, held| held.fact.state.is_live() || held.fact.moved() > *line);
        }
    }

    pub(super) fn put_orchestrator(
        &mut self,
        source: &SourceId,
        asked_at: Millis,
        fact: Orchestrator,
    ) {
        let base = fact.base.clone();
        let held_at = self.pipelines.orchestrators.get(&base).map(|h| h.asked_at);
        if self.outdated(&FactKey::Orchestrator(base.clone()), held_at, asked_at) {
            return;
        }
        let held = Held {
            source: source.clone(),
            asked_at,
            fact,
        };
        let healths = |held: &Held<Orchestrator>| -> Vec<_> {
            held.fact.parts.iter().map(|part| part.health).collect()
        };
        let new = healths(&held);
        let old = self.pipelines.orchestrators.insert(base.clone(), held);
        self.revision += 1;
        // A beating heart is no news for the models.
        if old.is_none_or(|old| healths(&old) != new) {
            let here = self.pipelines.models.iter();
            let here = here.filter(|(key, _)| key.base == base);
            self.dirty
                .models
                .extend(here.flat_map(|(_, models)| models).cloned());
        }
    }

    fn pipeline_moved(&mut self, key: &PipelineKey) {
        let models = self.pipelines.models.get(key);
        self.dirty
            .models
            .extend(models.into_iter().flatten().cloned());
    }

    /// When a pipeline fact was last read; `None` for facts of other kinds.
    pub(super) fn pipeline_read_since(&self, key: &FactKey, asked_at: Millis) -> Option<bool> {
        let held = &self.pipelines;
        let at = match key {
            FactKey::Pipeline(key) => held.definitions.get(key).map(|h| h.asked_at),
            FactKey::PipelineRun(key) => held.runs.get(key).map(|h| h.asked_at),
            FactKey::Orchestrator(base) => held.orchestrators.get(base).map(|h| h.asked_at),
            _ => return None,
        };
        Some(at.is_some_and(|at| at >= asked_at))
    }

    /// Takes a pipeline fact out.
    pub(super) fn bury_pipeline(&mut self, key: &FactKey) {
        match key {
            FactKey::Pipeline(key) => {
                self.pipeline_moved(key);
                if let Some(old) = self.pipelines.definitions.remove(key) {
                    self.pipelines.by_id.remove(&(old.source, key.id.clone()));
                }
            }
            FactKey::PipelineRun(key) => {
                self.pipelines.runs.remove(key);
                self.pipeline_moved(&key.pipeline);
            }
            FactKey::Orchestrator(base) => {
                self.pipelines.orchestrators.remove(base);
            }
            _ => {}
        }
    }

    /// Joins a model to the pipeline that trains it again, as settings, tags and names say now.
    pub(super) fn join_training(&mut self, key: &ModelKey) {
        let model = self.models.get(key).map(|held| &held.fact);
        let training = model.and_then(|model| self.named_training(model));
        let before = self.pipelines.of_model.get(key);
        if before == training.as_ref() {
            return;
        }
        let pipeline = before.and_then(|t| t.pipeline.clone());
        if let Some(models) = pipeline.and_then(|key| self.pipelines.models.get_mut(&key)) {
            models.remove(key);
        }
        match training {
            Some(training) => {
                if let Some(pipeline) = &training.pipeline {
                    let models = self.pipelines.models.entry(pipeline.clone()).or_default();
                    models.insert(key.clone());
                }
                self.pipelines.of_model.insert(key.clone(), training);
            }
            None => {
                self.pipelines.of_model.remove(key);
            }
        }
    }

    fn named_training(&self, model: &RegisteredModel) -> Option<Training> {
        let find = |source: &SourceId, id: &str| {
            let id = (source.clone(), Key::new(id));
            self.pipelines.by_id.get(&id).cloned()
        };
        let Named { source, id, rule } = retrain::named(model, &self.settings, |source, id| {
            find(source, id).is_some()
        })?;
        Some(Training {
            pipeline: find(&source, &id),
            source,
            name: Clean::name(&id),
            rule,
        })
    }

    /// What is wrong with training a model again.
    pub(super) fn judge_training(&self, model: &ModelKey, now: Millis) -> Vec<Reason> {
        let Some(training) = self.training(model) else {
            return Vec::new();
        };
        let source = &training.source;
        let read = self.swept.contains_key(&(source.clone(), Scope::Pipelines));
        let mut runs: Vec<&PipelineRun> = Vec::new();
        if let Some(key) = &training.pipeline {
            let of = self.runs_of_pipeline(key).map(|held| &held.fact);
            let ours = |run: &&PipelineRun| {
                let named = run.named_model();
                named.is_none_or(|name| name == model.name.raw())
            };
            runs = of.filter(ours).collect();
            runs.sort_by_key(|run| std::cmp::Reverse((run.asked(), run.moved())));
        }
        let pipeline = training.pipeline.as_ref();
        rule::judge(&Facts {
            name: &training.name,
            source,
            definitions_read: read,
            definition: pipeline.and_then(|key| self.pipeline(key)).map(|h| &h.fact),
            runs: &runs,
            orchestrator: pipeline
                .and_then(|key| self.orchestrator(&key.base))
                .map(|held| &held.fact),
            // Before the first answer nothing is known to be amiss.
            current: !matches!(
                self.standing(source, Feed::PipelineRuns, now).freshness,
                Freshness::Down | Freshness::Stale
            ),
        })
    }

    /// Whether a source tells of the pipeline that trains a model.
    pub(super) fn trains(&self, source: &SourceId, model: &ModelKey) -> bool {
        self.training(model).is_some_and(|t| t.source == *source)
    }
}

#[cfg(test)]
#[path = "pipelines_tests.rs"]
mod tests;
