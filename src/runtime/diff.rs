//! What an answer says that the last ones did not: only new and changed rows travel on, in messages
//! of bounded size. Pure; the keys and hashes of one source's rows are its whole state.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;

use super::print::{Print, hash, print_run};
use super::sent::{Prints, SentSignals, SentVersions};
use crate::domain::alert::AlertKey;
use crate::domain::annotation::{Annotation, AnnotationKey};
use crate::domain::key::{DeploymentKey, ExperimentKey, Key, ModelKey, SourceId, VersionKey};
use crate::domain::model::{ModelVersion, RegisteredModel};
use crate::domain::observation::{
    Answer, ContextRef, Coverage, FactKey, Feed, Observation, ROWS_PER_MESSAGE, Rows, Scope,
    ServedSpanKey,
};
use crate::domain::pipeline::{PipelineKey, PipelineRun, PipelineRunKey};
use crate::domain::query::Detail;
use crate::domain::run::Run;
use crate::domain::time::Millis;

/// More run hashes than this are forgotten together: the next answers are sent in full once more.
const RUNS: usize = 250_000;
/// As many hashes of pipeline runs.
const PIPELINE_RUNS: usize = 50_000;

/// What is told of an answer beside its rows.
#[derive(Clone, Debug)]
pub struct Stamp {
    /// Whose fleet.
    pub context: Arc<ContextRef>,
    /// Which source.
    pub source: SourceId,
    /// Which feed.
    pub feed: Feed,
    /// When it was asked.
    pub asked_at: Millis,
}

/// The rows of a source as they were last sent, by key and hash.
#[derive(Debug, Default)]
pub struct Sent {
    models: HashMap<ModelKey, u64>,
    versions: SentVersions,
    experiments: HashMap<ExperimentKey, u64>,
    endpoints: HashMap<DeploymentKey, u64>,
    signals: SentSignals,
    series: SentSignals,
    alerts: HashMap<AlertKey, u64>,
    annotations: HashMap<AnnotationKey, u64>,
    served: HashMap<ServedSpanKey, u64>,
    pipelines: HashMap<PipelineKey, u64>,
    pipeline_runs: HashMap<PipelineRunKey, u64>,
    /// When each of them moved: what an answer covers is told by time.
    runs_moved: HashMap<PipelineRunKey, Millis>,
    orchestrators: HashMap<Key, u64>,
    /// Runs are many and never listed in full: the key's hash is enough.
    runs: HashMap<u64, u64>,
    /// The hashes of the keys in the pages of the poll that runs.
    paged: HashSet<u64>,
}

impl Sent {
    /// Compares an answer with what was sent, remembers it, and makes the messages. A full answer
    /// ends in a message that says so even if no row changed; only that one names what is gone.
    pub fn compare(&mut self, stamp: &Stamp, answer: Answer) -> Vec<Observation> {
        let Answer {
            coverage,
            rows,
            server_time,
            partial: _,
        } = answer;
        let full = match &coverage {
            Coverage::Full(scope) => Some(scope),
            Coverage::Partial | Coverage::Tail(_) => None,
        };
        let (parts, gone) = self.changed(rows, full);
        let last = parts.len() - 1;
        let mut gone = Some(gone);
        parts
            .into_iter()
            .enumerate()
            .map(|(at, upserts)| {
                let complete = at == last;
                Observation {
                    context: Arc::clone(&stamp.context),
                    source: stamp.source.clone(),
                    feed: stamp.feed,
                    asked_at: stamp.asked_at,
                    server_time,
                    coverage: if complete || full.is_none() {
                        coverage.clone()
                    } else {
                        Coverage::Partial
                    },
                    upserts,
                    gone: if complete {
                        gone.take().unwrap_or_default()
                    } else {
                        Vec::new()
                    },
                }
            })
            .filter(|o| full.is_some() || !o.upserts.is_empty())
            .collect()
    }

    /// Another poll begins: what pages an earlier one handed over, if it never ended, is forgotten.
    pub fn begin(&mut self) {
        self.paged = HashSet::new();
    }

    /// Compares a page of a poll that has not ended; its end is told by [`Sent::compare`]. Of rows with
    /// one key on several pages the first one holds.
    pub fn compare_page(&mut self, stamp: &Stamp, mut rows: Rows) -> Vec<Observation> {
        let paged = &mut self.paged;
        match &mut rows {
            Rows::Versions(rows) => rows.retain(|row| paged.insert(hash(&row.key))),
            Rows::Signals(rows) => rows.retain(|row| paged.insert(hash(&row.key))),
            Rows::Series(rows) => rows.retain(|row| paged.insert(hash(&row.key))),
            // Told whole: no source hands pages of them over.
            _ => {}
        }
        let answer = Answer {
            coverage: Coverage::Partial,
            rows,
            server_time: None,
            partial: None,
        };
        self.compare(stamp, answer)
    }

    /// New and changed rows in messages of bounded size, and what a full answer no longer holds.
    fn changed(&mut self, rows: Rows, full: Option<&Scope>) -> (Vec<Rows>, Vec<FactKey>) {
        let is = |scope: Scope| full == Some(&scope);
        match rows {
            Rows::Models(rows) => {
                let (rows, gone) = self.models(rows, is(Scope::Models));
                told(rows, Rows::Models, gone, FactKey::Model)
            }
            Rows::Versions(rows) => self.versions(rows, full),
            Rows::Experiments(rows) => {
                let of = is(Scope::Experiments).then_some(|_: &ExperimentKey| true);
                let (rows, gone) = fresh(&mut self.experiments, rows, |r| r.key.clone(), of);
                told(rows, Rows::Experiments, gone, FactKey::Experiment)
            }
            Rows::Runs(rows) => (parts(self.fresh_runs(rows), Rows::Runs), Vec::new()),
            Rows::Endpoints(rows) => {
                let of = is(Scope::Endpoints).then_some(|_: &DeploymentKey| true);
                let (rows, gone) = fresh(&mut self.endpoints, rows, |r| r.key.clone(), of);
                told(rows, Rows::Endpoints, gone, FactKey::Endpoint)
            }
            Rows::Signals(rows) => {
                let paged = self.take_paged(full);
                let of = is(Scope::Signals).then(|| not_among(paged));
                let (rows, gone) = fresh(&mut self.signals, rows, |r| r.key.clone(), of);
                told(rows, Rows::Signals, gone, FactKey::Signal)
            }
            Rows::Series(rows) => {
                let paged = self.take_paged(full);
                let of = is(Scope::Series).then(|| not_among(paged));
                let (rows, gone) = fresh(&mut self.series, rows, |r| r.key.clone(), of);
                told(rows, Rows::Series, gone, FactKey::Series)
            }
            Rows::Alerts(rows) => {
                let of = is(Scope::Alerts).then_some(|_: &AlertKey| true);
                let (rows, gone) = fresh(&mut self.alerts, rows, |r| r.key.clone(), of);
                told(rows, Rows::Alerts, gone, FactKey::Alert)
            }
            Rows::Annotations(rows) => {
                let rows = self.fresh_annotations(rows);
                (parts(rows, Rows::Annotations), Vec::new())
            }
            Rows::Served(rows) => {
                let of = is(Scope::Served).then_some(|_: &ServedSpanKey| true);
                let (rows, gone) = fresh(&mut self.served, rows, |r| r.key.clone(), of);
                told(rows, Rows::Served, gone, FactKey::Served)
            }
            Rows::Pipelines(rows) => {
                let of = is(Scope::Pipelines).then_some(|_: &PipelineKey| true);
                let (rows, gone) = fresh(&mut self.pipelines, rows, |r| r.key.clone(), of);
                told(rows, Rows::Pipelines, gone, FactKey::Pipeline)
            }
            Rows::PipelineRuns(rows) => self.pipeline_runs(rows, full),
            Rows::Orchestrators(rows) => {
                let none = None::<fn(&Key) -> bool>;
                let (rows, gone) = fresh(&mut self.orchestrators, rows, |r| r.base.clone(), none);
                told(rows, Rows::Orchestrators, gone, FactKey::Orchestrator)
            }
        }
    }

    /// What pages of a full answer held: it is not absent from the rest.
    fn take_paged(&mut self, full: Option<&Scope>) -> HashSet<u64> {
        match full {
            Some(_) => std::mem::take(&mut self.paged),
            None => HashSet::new(),
        }
    }

    /// New and changed versions, and those that are absent from an answer of all, or of all of one model.
    fn versions(
        &mut self,
        rows: Vec<ModelVersion>,
        full: Option<&Scope>,
    ) -> (Vec<Rows>, Vec<FactKey>) {
        let paged = self.take_paged(full);
        let of = full.and_then(|scope| match scope {
            Scope::Versions => Some(None),
            Scope::VersionsOf(model) => Some(Some(model)),
            _ => None,
        });
        let of = of.map(|of| {
            move |k: &VersionKey| of.is_none_or(|m| k.model == *m) && !paged.contains(&hash(k))
        });
        let (rows, gone) = fresh(&mut self.versions, rows, |r| r.key.clone(), of);
        told(rows, Rows::Versions, gone, FactKey::Version)
    }

    /// New and changed runs of pipelines, and those that are absent from an answer about the time in which
    /// they moved.
    fn pipeline_runs(
        &mut self,
        rows: Vec<PipelineRun>,
        full: Option<&Scope>,
    ) -> (Vec<Rows>, Vec<FactKey>) {
        if self.pipeline_runs.len() > PIPELINE_RUNS {
            self.pipeline_runs.clear();
            self.runs_moved.clear();
        }
        let now: Vec<_> = rows.iter().map(|r| (r.key.clone(), r.moved())).collect();
        let moved = &self.runs_moved;
        let of = full.and_then(|scope| match scope {
            Scope::PipelineRuns { from, until } => Some(*from..=*until),
            _ => None,
        });
        let of = of
            .map(|of| move |key: &PipelineRunKey| moved.get(key).is_some_and(|at| of.contains(at)));
        let (rows, gone) = fresh(&mut self.pipeline_runs, rows, |r| r.key.clone(), of);
        let gone: Vec<PipelineRunKey> = gone.collect();
        for key in &gone {
            self.runs_moved.remove(key);
        }
        self.runs_moved.extend(now);
        let gone = gone.into_iter();
        told(rows, Rows::PipelineRuns, gone, FactKey::PipelineRun)
    }

    /// New and changed models, and those that an answer of `all` of them does not hold. The fleet holds one
    /// model of a name: one that was made anew under it takes the place of the one before, which is told
    /// again if it comes back.
    fn models(
        &mut self,
        rows: Vec<RegisteredModel>,
        all: bool,
    ) -> (Vec<RegisteredModel>, std::vec::IntoIter<ModelKey>) {
        let of = all.then_some(|_: &ModelKey| true);
        let (rows, gone) = fresh(&mut self.models, rows, |r| r.key.clone(), of);
        if !all {
            let replaced = |known: &ModelKey| {
                let mut anew = rows.iter().map(|row| &row.key);
                anew.any(|new| {
                    (&new.registry, &new.name) == (&known.registry, &known.name) && new != known
                })
            };
            self.models.retain(|known, _| !replaced(known));
        }
        (rows, gone)
    }

    /// New and changed annotations. An answer tells of a time that moves on: what left it is not gone, and
    /// not told again.
    fn fresh_annotations(&mut self, rows: Vec<Annotation>) -> Vec<Annotation> {
        let here: HashSet<AnnotationKey> = rows.iter().map(|r| r.key.clone()).collect();
        self.annotations.retain(|key, _| here.contains(key));
        let none = None::<fn(&AnnotationKey) -> bool>;
        fresh(&mut self.annotations, rows, |r| r.key.clone(), none).0
    }

    /// Remembers rows that reach the fleet as a detail, so that a later full answer that lacks them
    /// says that they are gone.
    pub fn note(&mut self, detail: &Detail) {
        match detail {
            Detail::Versions(rows) => {
                for row in rows {
                    self.versions.insert(row.key.clone(), row.print());
                }
            }
            Detail::PipelineRun(row) => self.note_run(row),
            Detail::PipelineRuns(rows) => rows.iter().for_each(|row| self.note_run(row)),
            Detail::Runs { .. }
            | Detail::Run(_)
            | Detail::Claims(_)
            | Detail::Texts(_)
            | Detail::History(_)
            | Detail::Artifacts(_)
            | Detail::Package(_)
            | Detail::LoggedModel(_)
            | Detail::Series(_)
            | Detail::Alerts { .. }
            | Detail::DriftReport(_)
            | Detail::SignalChecks(_)
            | Detail::Links(_)
            | Detail::Pipeline(_)
            | Detail::Tasks(_)
            | Detail::TaskLog(_)
            | Detail::Produced(_) => {}
        }
    }

    fn note_run(&mut self, row: &PipelineRun) {
        self.pipeline_runs.insert(row.key.clone(), row.print());
        self.runs_moved.insert(row.key.clone(), row.moved());
    }

    fn fresh_runs(&mut self, rows: Vec<Run>) -> Vec<Run> {
        if self.runs.len() > RUNS {
            self.runs.clear();
        }
        let rows = last_of_each(rows, |r| r.key.clone());
        rows.into_iter()
            .filter(|run| {
                let print = print_run(run);
                self.runs.insert(hash(&run.key), print) != Some(print)
            })
            .collect()
    }
}

/// Keys that no page held.
fn not_among<K: Hash>(paged: HashSet<u64>) -> impl Fn(&K) -> bool {
    move |key| !paged.contains(&hash(key))
}

fn told<K, R>(
    rows: Vec<R>,
    wrap: fn(Vec<R>) -> Rows,
    gone: impl Iterator<Item = K>,
    name: fn(K) -> FactKey,
) -> (Vec<Rows>, Vec<FactKey>) {
    (parts(rows, wrap), gone.map(name).collect())
}

/// New and changed rows, and the keys within `scope` that the answer no longer holds.
fn fresh<K: Hash + Eq + Clone, R: Print>(
    sent: &mut impl Prints<K>,
    rows: Vec<R>,
    key: impl Fn(&R) -> K,
    scope: Option<impl Fn(&K) -> bool>,
) -> (Vec<R>, std::vec::IntoIter<K>) {
    let rows = last_of_each(rows, &key);
    let gone: Vec<K> = scope.map_or_else(Vec::new, |within| {
        let here: HashSet<K> = rows.iter().map(&key).collect();
        sent.take_out(|k| within(k) && !here.contains(k))
    });
    let changed = rows
        .into_iter()
        .filter(|row| {
            let print = row.print();
            sent.insert(key(row), print) != Some(print)
        })
        .collect();
    (changed, gone.into_iter())
}

/// Of rows with one key the last: two of them in different messages would depend on their order.
fn last_of_each<K: Hash + Eq, R>(mut rows: Vec<R>, key: impl Fn(&R) -> K) -> Vec<R> {
    let mut seen = HashSet::with_capacity(rows.len());
    let keep: Vec<bool> = rows.iter().rev().map(|row| seen.insert(key(row))).collect();
    if seen.len() < rows.len() {
        let mut keep = keep.into_iter().rev();
        rows.retain(|_| keep.next().unwrap_or(true));
    }
    rows
}

/// Rows in messages of bounded size; one that is empty if there are none.
fn parts<R>(rows: Vec<R>, wrap: fn(Vec<R>) -> Rows) -> Vec<Rows> {
    if rows.len() <= ROWS_PER_MESSAGE {
        return vec![wrap(rows)];
    }
    let mut parts = Vec::with_capacity(rows.len() / ROWS_PER_MESSAGE + 1);
    let mut rows = rows.into_iter().peekable();
    while rows.peek().is_some() {
        parts.push(wrap(rows.by_ref().take(ROWS_PER_MESSAGE).collect()));
    }
    parts
}

#[cfg(test)]
#[path = "diff_tests.rs"]
mod tests;
