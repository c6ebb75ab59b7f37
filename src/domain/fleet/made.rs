//! From a pipeline's run to what it made: the tracker's run and the versions of a model, each with how it
//! is known.

use std::time::Duration;

use super::Fleet;
use crate::domain::key::{ModelKey, RunKey, SourceId, VersionKey};
use crate::domain::model::ModelVersion;
use crate::domain::pipeline::{PipelineRun, PipelineRunKey, Produced, ProducedBy};
use crate::domain::query::Query;
use crate::domain::run::Run;
use crate::domain::text::Clean;
use crate::domain::time::Millis;
use crate::domain::wiring::version_text;

/// The tag by which a training job names the pipeline's run that it is part of, on the tracker's run or
/// on the version: `PIPELINE/RUN`, or the address of the run. A job gets it there without a change to its
/// code through `MLFLOW_RUN_CONTEXT`.
pub const TAG: &str = "quarterdeck.pipeline_run";
/// Tags of others that hold the run's id alone.
const CUSTOMARY: [&str; 3] = ["dag_run_id", "airflow.dag_run_id", "airflow_dag_run_id"];
/// Clocks of orchestrator and registry may be apart by as much.
const APART: Duration = Duration::from_secs(30);
/// The most runs that are read for one question.
const MOST_READ: usize = 8;

/// A version that a pipeline's run made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Made {
    /// The version.
    pub version: VersionKey,
    /// As shown: `v8`.
    pub text: Clean,
    /// The tracker's run behind it.
    pub run: Option<RunKey>,
    /// How it is known.
    pub by: ProducedBy,
}

/// What tags say about which pipeline run something is of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Named {
    /// Nothing.
    Nothing,
    /// This one.
    This,
    /// Another one.
    Another,
}

fn named<'a>(tags: impl Iterator<Item = (&'a Clean, &'a Clean)>, run: &PipelineRunKey) -> Named {
    let (pipeline, id) = (run.pipeline.id.raw(), run.id.raw());
    let full = format!("{pipeline}/{id}");
    let address = format!("{}/runs/{id}", run.pipeline.address());
    let mut found = Named::Nothing;
    for (key, value) in tags {
        let value = value.as_str().trim();
        let this = match key.as_str() {
            TAG => value == full || value == address || value == id,
            key if CUSTOMARY.contains(&key) => value == id,
            _ => continue,
        };
        if this {
            return Named::This;
        }
        if !value.is_empty() {
            found = Named::Another;
        }
    }
    found
}

impl Fleet {
    /// The versions that a pipeline's run made, newest first: as its result says, as tags on versions or on
    /// the tracker's runs say, and only where neither says anything what was registered while it ran. `behind`
    /// are runs of the tracker that were read and are not held.
    pub fn made_by_pipeline_run(
        &self,
        run: &PipelineRun,
        results: &[Produced],
        behind: &[Run],
    ) -> Vec<Made> {
        let mut models = self.models_of_pipeline_run(run);
        for result in results {
            let named = result.model.as_ref().map(|name| self.models_named(name));
            models.extend(named.into_iter().flatten());
        }
        models.sort();
        models.dedup();
        let told = |version: &ModelVersion| {
            results.iter().any(|result| {
                let model = result.model.as_ref();
                let of = model.map_or(models.len() == 1, |name| *name == version.key.model.name);
                let same = result.version.as_ref() == Some(&version.key.version);
                let run = version.run.as_ref().map(|run| &run.id);
                (of && same) || (result.run.is_some() && result.run.as_ref() == run)
            })
        };
        let mut made = Vec::new();
        let mut guessed = Vec::new();
        for model in &models {
            for version in self.versions(model).iter().map(|held| &held.fact) {
                let by = if told(version) {
                    Some(ProducedBy::Result)
                } else {
                    match self.names_run(version, &run.key, behind) {
                        Named::This => Some(ProducedBy::Tag),
                        // While it runs, anything may still come of it.
                        Named::Nothing
                            if !run.state.is_live() && registered_during(version, run) =>
                        {
                            guessed.push(one(version, ProducedBy::Guess));
                            None
                        }
                        Named::Another | Named::Nothing => None,
                    }
                };
                made.extend(by.map(|by| one(version, by)));
            }
        }
        if made.is_empty() { guessed } else { made }
    }

    /// What the tags of a version, or of the run behind it, say.
    fn names_run(&self, version: &ModelVersion, run: &PipelineRunKey, behind: &[Run]) -> Named {
        let own = named(version.tags.iter().map(|(k, v)| (k, v)), run);
        if own != Named::Nothing {
            return own;
        }
        let read = behind
            .iter()
            .find(|read| Some(&read.key) == version.run.as_ref());
        if let Some(read) = read {
            return named(read.tags.iter().map(|(k, v)| (k, v)), run);
        }
        let row = version.run.as_ref().and_then(|key| self.runs().find(key));
        row.map_or(Named::Nothing, |row| self.row_names(row, run))
    }

    fn row_names(&self, row: u32, run: &PipelineRunKey) -> Named {
        let runs = self.runs();
        let Some(packed) = runs.row(row) else {
            return Named::Nothing;
        };
        let tags = packed.tags().map(|(k, v)| (runs.text(k), runs.text(v)));
        named(tags, run)
    }

    /// The tracker's run that a pipeline's run trains in, where a tag names it: also while it goes on.
    pub fn trained_in(&self, run: &PipelineRun) -> Option<RunKey> {
        let models = self.models_of_pipeline_run(run);
        let runs = self.runs();
        let began = run.asked()?.minus(APART);
        models.iter().find_map(|model| {
            let behind = self.versions(model).iter().filter_map(|held| {
                let row = runs.find(held.fact.run.as_ref()?)?;
                runs.experiment(row)
            });
            let experiment = behind.into_iter().next()?;
            let newest = runs.of(experiment).iter().rev();
            let found = newest.copied().find(|row| {
                runs.row(*row).is_some_and(|packed| packed.started >= began)
                    && self.row_names(*row, &run.key) == Named::This
            });
            runs.key(found?)
        })
    }

    /// What has to be read to know what a pipeline's run made, with the sources to ask: the result, and the
    /// tracker's runs behind versions that were registered since it began and whose own tags say nothing.
    pub fn unread_of_pipeline_run(&self, run: &PipelineRun) -> Vec<(SourceId, Query)> {
        let mut wanted = Vec::new();
        if !run.state.is_live()
            && let Some(held) = self.pipeline_run(&run.key)
        {
            wanted.push((held.source.clone(), Query::Produced(run.key.clone())));
        }
        for model in self.models_of_pipeline_run(run) {
            let since = self.versions(&model).iter().filter(|held| {
                let version = &held.fact;
                registered_during(version, run)
                    && self.names_run(version, &run.key, &[]) == Named::Nothing
            });
            let unread = since.filter_map(|held| {
                let key = held.fact.run.as_ref()?;
                let unknown = self.runs().find(key).is_none() && !self.is_run_gone(key);
                unknown.then(|| (held.source.clone(), Query::Run(key.clone())))
            });
            wanted.extend(unread.take(MOST_READ));
        }
        wanted
    }

    /// The run of the pipeline that trains a model that was asked for last.
    pub fn newest_training(&self, model: &ModelKey) -> Option<&PipelineRun> {
        let pipeline = self.training(model)?.pipeline.as_ref()?;
        let runs = self.runs_of_pipeline(pipeline).map(|held| &held.fact);
        runs.filter(|run| self.models_of_pipeline_run(run).contains(model))
            .max_by_key(|run| (run.asked(), run.moved()))
    }
}

fn one(version: &ModelVersion, by: ProducedBy) -> Made {
    Made {
        version: version.key.clone(),
        text: version_text(&version.key.version),
        run: version.run.clone(),
        by,
    }
}

/// Whether a version was registered while a run was on its way, or is so far.
fn registered_during(version: &ModelVersion, run: &PipelineRun) -> bool {
    let Some(began) = run.started.or(run.asked()) else {
        return false;
    };
    let until = if run.state.is_live() {
        Millis(i64::MAX)
    } else {
        run.ended.map_or(Millis(i64::MAX), |at| at.plus(APART))
    };
    let made = version.created;
    made >= began.minus(APART) && made <= until
}

#[cfg(test)]
#[path = "made_tests.rs"]
mod tests;
