//! The runs held in memory: interned, packed and in shared chunks, so that a hundred thousand fit and
//! a sort off the loop takes a snapshot by cloning a few pointers.

use std::sync::Arc;

use foldhash::{HashMap, HashSet};

pub use super::interner::{Interner, Symbol};
use super::shards::Shards;
use crate::domain::key::{ExperimentKey, Key, RunKey};
use crate::domain::run::{DatasetUse, LastMetric, Run, RunStatus};
use crate::domain::text::Clean;
use crate::domain::time::Millis;

/// Rows a chunk: large enough to be few, small enough that a change copies little.
const CHUNK: usize = 256;
/// Runs that are chosen to go at a time.
const VICTIMS: usize = 2_048;

/// A run as the table needs it. Steps, datasets and outputs come with the run's own page.
#[derive(Clone, Debug)]
pub struct PackedRun {
    /// The raw run id.
    pub id: Key,
    /// Index into [`RunStore::experiment`].
    pub experiment: u32,
    /// Its name.
    pub name: Symbol,
    /// Who started it.
    pub user: Symbol,
    /// Where it stands.
    pub status: RunStatus,
    /// Start.
    pub started: Millis,
    /// End.
    pub ended: Option<Millis>,
    /// When it was read.
    pub asked_at: Millis,
    /// Its newest sign of life by the trainer's clock: start, end, or the stamp of a metric.
    pub news: Millis,
    /// Metrics, parameters and tags.
    facts: Facts,
    /// Name and digest of the training dataset, or of the first one.
    pub dataset: Option<(Symbol, Symbol)>,
}

impl PackedRun {
    /// The latest value of a metric.
    pub fn metric(&self, name: Symbol) -> Option<f64> {
        self.metrics().find(|(n, _)| *n == name).map(|(_, v)| v)
    }

    /// Latest metric values by name.
    pub fn metrics(&self) -> impl Iterator<Item = (Symbol, f64)> + '_ {
        self.facts.metrics()
    }

    /// Parameters.
    pub fn params(&self) -> impl Iterator<Item = (Symbol, Symbol)> + '_ {
        self.facts.params()
    }

    /// Tags.
    pub fn tags(&self) -> impl Iterator<Item = (Symbol, Symbol)> + '_ {
        self.facts.tags()
    }

    /// The value of a parameter.
    pub fn param(&self, name: Symbol) -> Option<Symbol> {
        self.params().find(|(n, _)| *n == name).map(|(_, v)| v)
    }

    /// Every text that it refers to, as often as it does.
    fn symbols(&self) -> impl Iterator<Item = Symbol> + '_ {
        let dataset = self
            .dataset
            .iter()
            .flat_map(|(name, digest)| [*name, *digest]);
        let own = [self.name, self.user].into_iter().chain(dataset);
        own.chain(self.facts.symbols())
    }

    /// The value of a tag.
    pub fn tag(&self, name: Symbol) -> Option<Symbol> {
        self.tags().find(|(n, _)| *n == name).map(|(_, v)| v)
    }
}

/// Which metrics, parameters and tags a run has, in its order. Runs of one training script have the
/// same ones: they share it, and hold values alone.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Shape {
    names: Box<[Symbol]>,
    /// Where the names of parameters begin.
    params: usize,
    /// Where the names of tags begin.
    tags: usize,
}

/// A run's lists: the names, shared, and the values in one allocation, two words a metric (both halves
/// of its number), one a parameter, one a tag. With lists of their own and names in each, a hundred
/// thousand runs took fourteen megabytes more.
#[derive(Clone, Debug)]
struct Facts {
    shape: Arc<Shape>,
    words: Box<[u32]>,
}

impl Facts {
    fn metrics(&self) -> impl Iterator<Item = (Symbol, f64)> + '_ {
        let (values, _) = self.words[..self.shape.params * 2].as_chunks();
        let names = self.shape.names[..self.shape.params].iter();
        names.zip(values).map(|(name, [high, low])| {
            let bits = u64::from(*high) << 32 | u64::from(*low);
            (*name, f64::from_bits(bits))
        })
    }

    /// Names and values of parameters and tags, from one name to another.
    fn texts(&self, from: usize, to: usize) -> impl Iterator<Item = (Symbol, Symbol)> + '_ {
        // A metric takes one word more than its name.
        let more = self.shape.params;
        let values = self.words[from + more..to + more].iter();
        let names = self.shape.names[from..to].iter();
        names
            .zip(values)
            .map(|(name, value)| (*name, Symbol::of(*value)))
    }

    fn params(&self) -> impl Iterator<Item = (Symbol, Symbol)> + '_ {
        self.texts(self.shape.params, self.shape.tags)
    }

    fn tags(&self) -> impl Iterator<Item = (Symbol, Symbol)> + '_ {
        self.texts(self.shape.tags, self.shape.names.len())
    }

    fn symbols(&self) -> impl Iterator<Item = Symbol> + '_ {
        let values = self.words[self.shape.params * 2..].iter();
        let names = self.shape.names.iter().copied();
        names.chain(values.map(|value| Symbol::of(*value)))
    }

    fn pack(run: &Run, texts: &mut Interner, shapes: &mut Shapes) -> Self {
        let (metrics, params) = (run.metrics.len(), run.params.len());
        let count = metrics + params + run.tags.len();
        let mut names = Vec::with_capacity(count);
        let mut words = Vec::with_capacity(count + metrics);
        for metric in run.metrics.iter() {
            let bits = metric.value.to_bits();
            names.push(texts.intern(&metric.name.key, &metric.name.shown));
            words.extend([(bits >> 32) as u32, bits as u32]);
        }
        for (k, v) in run.params.iter().chain(run.tags.iter()) {
            names.push(texts.intern_clean(k));
            words.push(texts.intern_clean(v).word());
        }
        let shape = Shape {
            names: names.into_boxed_slice(),
            params: metrics,
            tags: metrics + params,
        };
        Self {
            shape: shapes.share(shape),
            words: words.into_boxed_slice(),
        }
    }
}

/// The shapes of all runs, each once.
#[derive(Default, Debug)]
struct Shapes {
    known: HashSet<Arc<Shape>>,
    limit: usize,
}

/// Of a snapshot, which takes no run in and whose rows hold their shapes themselves.
impl Clone for Shapes {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Shapes {
    /// As many are held before those that no run has any more are looked for.
    const LEAST: usize = 1_024;

    fn share(&mut self, shape: Shape) -> Arc<Shape> {
        if let Some(known) = self.known.get(&shape) {
            return Arc::clone(known);
        }
        if self.known.len() >= self.limit.max(Self::LEAST) {
            self.known.retain(|shape| Arc::strong_count(shape) > 1);
            self.limit = self.known.len() * 2;
        }
        let shape = Arc::new(shape);
        self.known.insert(Arc::clone(&shape));
        shape
    }
}

/// All runs held, in the order they were first seen. A snapshot is a clone: chunks are shared.
#[derive(Clone, Default, Debug)]
pub struct RunStore {
    chunks: Vec<Arc<Vec<PackedRun>>>,
    rows: Shards,
    texts: Interner,
    shapes: Shapes,
    experiments: Vec<ExperimentKey>,
    by_experiment: HashMap<ExperimentKey, Vec<u32>>,
    generation: u64,
    /// Rows of runs that were let go, for new ones.
    free: Vec<u32>,
    /// Rows to let go next.
    victims: Vec<u32>,
    /// With fewer runs than this, none may go.
    all_stay: usize,
}

impl RunStore {
    /// How many runs are held.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether none is held.
    pub fn is_empty(&self) -> bool {
        self.rows.len() == 0
    }

    /// Rises with every change: what was computed from an older one is out of date.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The texts that rows refer to.
    pub fn texts(&self) -> &Interner {
        &self.texts
    }

    /// The run in a row.
    pub fn row(&self, row: u32) -> Option<&PackedRun> {
        self.chunks
            .get(row as usize / CHUNK)?
            .get(row as usize % CHUNK)
    }

    /// The row of a run.
    pub fn find(&self, key: &RunKey) -> Option<u32> {
        self.rows.get(&key.id, |row| self.is(row, key))
    }

    fn is(&self, row: u32, key: &RunKey) -> bool {
        self.row(row).is_some_and(|run| run.id == key.id)
            && self
                .experiment(row)
                .is_some_and(|e| e.tracker == key.tracker)
    }

    /// The identity of the run in a row.
    pub fn key(&self, row: u32) -> Option<RunKey> {
        let run = self.row(row)?;
        let tracker = self
            .experiments
            .get(run.experiment as usize)?
            .tracker
            .clone();
        Some(RunKey {
            tracker,
            id: run.id.clone(),
        })
    }

    /// The experiment of a row.
    pub fn experiment(&self, row: u32) -> Option<&ExperimentKey> {
        self.experiments.get(self.row(row)?.experiment as usize)
    }

    /// The rows of an experiment, in the order they were first seen.
    pub fn of(&self, experiment: &ExperimentKey) -> &[u32] {
        self.by_experiment
            .get(experiment)
            .map_or(&[], Vec::as_slice)
    }

    /// The text of a handle.
    pub fn text(&self, symbol: Symbol) -> &Clean {
        &self.texts.name(symbol).shown
    }

    /// Takes a run in unless a newer reading of it is held. Returns the status it had before.
    pub fn upsert(&mut self, run: &Run, asked_at: Millis) -> Upsert {
        let old = self.find(&run.key);
        if let Some(row) = old
            && self.row(row).is_some_and(|r| r.asked_at > asked_at)
        {
            return Upsert::Older;
        }
        let packed = self.pack(run, asked_at);
        self.generation += 1;
        match old {
            Some(row) => {
                let chunk = Arc::make_mut(&mut self.chunks[row as usize / CHUNK]);
                let slot = &mut chunk[row as usize % CHUNK];
                let old = std::mem::replace(slot, packed);
                old.symbols().for_each(|text| self.texts.release(text));
                Upsert::Replaced(old.status)
            }
            None if !self.free.is_empty() => {
                if let Some(row) = self.free.pop() {
                    Arc::make_mut(&mut self.chunks[row as usize / CHUNK])[row as usize % CHUNK] =
                        packed;
                    self.place(run, row);
                }
                Upsert::New
            }
            None => {
                if self.chunks.last().is_none_or(|c| c.len() == CHUNK) {
                    self.chunks.push(Arc::new(Vec::with_capacity(CHUNK)));
                }
                let row = u32::try_from((self.chunks.len() - 1) * CHUNK).unwrap_or(u32::MAX);
                if let Some(last) = self.chunks.last_mut() {
                    let last = Arc::make_mut(last);
                    let row = row + u32::try_from(last.len()).unwrap_or(0);
                    last.push(packed);
                    self.place(run, row);
                }
                Upsert::New
            }
        }
    }

    fn place(&mut self, run: &Run, row: u32) {
        let chunks = &self.chunks;
        let id = |row: u32| &chunks[row as usize / CHUNK][row as usize % CHUNK].id;
        self.rows.insert(&run.key.id, row, id);
        self.by_experiment
            .entry(run.experiment.clone())
            .or_default()
            .push(row);
    }

    /// A run as far as it is held: without steps, outputs and all datasets but one.
    pub fn unpack(&self, key: &RunKey) -> Option<Run> {
        let row = self.find(key)?;
        let packed = self.row(row)?;
        let text = |(k, v)| (self.text(k).clone(), self.text(v).clone());
        Some(Run {
            key: key.clone(),
            experiment: self.experiment(row)?.clone(),
            name: self.text(packed.name).clone(),
            user: self.text(packed.user).clone(),
            status: packed.status.clone(),
            started: packed.started,
            ended: packed.ended,
            deleted: false,
            artifacts: Clean::empty(),
            metrics: packed
                .metrics()
                .map(|(name, value)| LastMetric {
                    name: self.texts.name(name).clone(),
                    value,
                    step: 0,
                    at: packed.started,
                })
                .collect(),
            params: packed.params().map(text).collect(),
            tags: packed.tags().map(text).collect(),
            datasets: packed
                .dataset
                .iter()
                .map(|(name, digest)| DatasetUse {
                    name: self.text(*name).clone(),
                    digest: self.text(*digest).clone(),
                    context: Clean::empty(),
                    source_kind: Clean::empty(),
                    source: Clean::empty(),
                })
                .collect(),
            outputs: Arc::from([]),
        })
    }

    /// Lets old runs go until at most `limit` are held: those that started first, live ones and those
    /// that `keep` wants excepted. Their rows are given to new runs.
    pub fn evict(&mut self, limit: usize, keep: impl Fn(&RunKey) -> bool) {
        while self.len() > limit {
            let Some(row) = self.victims.pop() else {
                if self.len() < self.all_stay {
                    return;
                }
                self.find_victims(&keep);
                if self.victims.is_empty() {
                    // Nothing may go: not looked for again until many more are held.
                    self.all_stay = self.len() + VICTIMS;
                    return;
                }
                continue;
            };
            let Some(key) = self.key(row) else { continue };
            if self.row(row).is_none_or(|r| r.status.is_live()) || keep(&key) {
                continue;
            }
            if let Some(experiment) = self.experiment(row).cloned()
                && let Some(rows) = self.by_experiment.get_mut(&experiment)
            {
                rows.retain(|r| *r != row);
            }
            self.rows.remove(&key.id, |r| r == row);
            let texts = self.row(row).map(|run| run.symbols().collect::<Vec<_>>());
            let texts = texts.into_iter().flatten();
            texts.for_each(|text| self.texts.release(text));
            self.free.push(row);
            self.generation += 1;
        }
    }

    /// The rows that go next, the oldest last: looked for once for many evictions.
    fn find_victims(&mut self, keep: &impl Fn(&RunKey) -> bool) {
        let held = self.by_experiment.values().flatten();
        let mut old: Vec<(Millis, u32)> = held
            .filter_map(|row| {
                let run = self.row(*row)?;
                (!run.status.is_live() && !keep(&self.key(*row)?)).then_some((run.started, *row))
            })
            .collect();
        if old.len() > VICTIMS {
            old.select_nth_unstable(VICTIMS);
            old.truncate(VICTIMS);
        }
        old.sort_unstable_by(|a, b| b.cmp(a));
        self.victims = old.into_iter().map(|(_, row)| row).collect();
    }

    fn pack(&mut self, run: &Run, asked_at: Millis) -> PackedRun {
        let experiment = match self.experiments.iter().rposition(|e| *e == run.experiment) {
            Some(index) => index,
            None => {
                self.experiments.push(run.experiment.clone());
                self.experiments.len() - 1
            }
        };
        let texts = &mut self.texts;
        let dataset = run
            .datasets
            .iter()
            .find(|d| d.context == "training")
            .or(run.datasets.first());
        PackedRun {
            id: run.key.id.clone(),
            experiment: u32::try_from(experiment).unwrap_or(u32::MAX),
            name: texts.intern_clean(&run.name),
            user: texts.intern_clean(&run.user),
            status: run.status.clone(),
            started: run.started,
            ended: run.ended,
            asked_at,
            news: run
                .metrics
                .iter()
                .map(|m| m.at)
                .chain(run.ended)
                .fold(run.started, Ord::max),
            facts: Facts::pack(run, texts, &mut self.shapes),
            dataset: dataset.map(|d| (texts.intern_clean(&d.name), texts.intern_clean(&d.digest))),
        }
    }
}

/// What taking a run in did.
#[derive(Clone, PartialEq, Debug)]
pub enum Upsert {
    /// It was not known.
    New,
    /// It was known with this status.
    Replaced(RunStatus),
    /// A newer reading is held.
    Older,
}

#[cfg(test)]
#[path = "runs_tests.rs"]
mod tests;
