//! The readings of one poll while it runs: small rows by model, which become readings some models at a
//! time, in the order of their keys. What is asked for them is in `signals`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::drift::Method;
use crate::domain::key::{Key, SourceId};
use crate::domain::observation::Rows;
use crate::domain::signal::{
    Direction, Lines, LinesFrom, Measure, Measured, SignalKey, SignalReading, SignalSpec, Unit,
};
use crate::domain::time::Millis;
use crate::sources::Pages;

/// How many readings are handed over at once, about.
const PAGE: usize = 512;

/// Everything that one poll reads. Tens of thousands of readings would be held twice for a while, here and
/// where they go: a row has what differs between the series of a signal, and the rest is told once.
#[derive(Debug, Default)]
pub(super) struct Readings<'s> {
    signals: Vec<OfSignal<'s>>,
    of: HashMap<Key, OfModel>,
    count: usize,
}

/// What all series of a signal have in common.
#[derive(Debug)]
struct OfSignal<'s> {
    spec: &'s SignalSpec,
    window: Option<Duration>,
}

/// What was read of a model.
#[derive(Debug, Default)]
struct OfModel {
    /// The monitoring's own names of it.
    names: Vec<Key>,
    rows: Vec<Row>,
}

/// One series.
#[derive(Debug)]
struct Row {
    /// The place of its signal.
    signal: usize,
    part: Key,
    method: Key,
    version: Key,
    value: Measured,
    beside: Option<Box<Beside>>,
}

/// What is told of one series apart from its value.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(super) struct Beside {
    /// The line that its source keeps for it, as it is read.
    pub(super) line: Option<f64>,
    /// When its writer last ran.
    pub(super) written_at: Option<Millis>,
    /// Rows behind it.
    pub(super) n: Option<u32>,
    /// Rows of the reference behind it.
    pub(super) reference_n: Option<u32>,
}

impl<'s> Readings<'s> {
    /// Rows of a signal follow; its place, for them.
    pub(super) fn begin(&mut self, spec: &'s SignalSpec, window: Option<Duration>) -> usize {
        self.signals.push(OfSignal { spec, window });
        self.signals.len() - 1
    }

    /// Adds a series of a signal.
    pub(super) fn put(&mut self, signal: usize, key: SignalKey, value: Measured, beside: Beside) {
        let told = beside != Beside::default();
        let rows = &mut self.of.entry(key.model).or_default().rows;
        if rows.len() == rows.capacity() {
            // Doubling would leave a third of it unused.
            rows.reserve_exact(4 + rows.len() / 4);
        }
        rows.push(Row {
            signal,
            part: key.part,
            method: key.method,
            version: key.version,
            value,
            beside: told.then(|| Box::new(beside)),
        });
        self.count += 1;
    }

    /// Notes what the monitoring calls a model.
    pub(super) fn name(&mut self, model: &Key, theirs: Key) {
        let names = &mut self.of.entry(model.clone()).or_default().names;
        if let Err(at) = names.binary_search(&theirs) {
            names.reserve_exact(1);
            names.insert(at, theirs);
        }
    }

    /// Whether a signal has a series of a model.
    pub(super) fn has(&self, signal: usize, model: &Key) -> bool {
        let of = self.of.get(model);
        of.is_some_and(|of| of.rows.iter().any(|row| row.signal == signal))
    }

    /// The monitoring's own names of each model.
    pub(super) fn names(&mut self) -> HashMap<Key, Vec<Key>> {
        let all = self.of.iter_mut();
        all.map(|(model, of)| (model.clone(), std::mem::take(&mut of.names)))
            .collect()
    }

    /// Whether nothing was readable.
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// All of them in the order of their keys, but for those that pages take.
    pub(super) async fn rest(
        mut self,
        source: &SourceId,
        pages: Option<&Pages>,
    ) -> Vec<SignalReading> {
        let pages = pages.filter(|_| self.count > PAGE);
        let mut lines = SharedLines::default();
        let mut models: Vec<Key> = self.of.keys().cloned().collect();
        models.sort_unstable();
        let mut out = Vec::new();
        for model in models {
            let rows = self.of.remove(&model).unwrap_or_default().rows;
            if let Some(pages) = pages
                && out.len() + rows.len() > PAGE
                && !out.is_empty()
            {
                let page = std::mem::take(&mut out);
                pages.hand_over(Rows::Signals(page)).await;
            }
            self.read(&model, rows, source, &mut lines, &mut out);
        }
        out
    }

    /// The readings of a model, one a key: of two series that become one by the name map, counts add up,
    /// and of others the worse one stays.
    fn read(
        &self,
        model: &Key,
        rows: Vec<Row>,
        source: &SourceId,
        lines: &mut SharedLines,
        out: &mut Vec<SignalReading>,
    ) {
        let first = out.len();
        out.reserve_exact(rows.len());
        out.extend(rows.into_iter().filter_map(|row| {
            let signal = self.signals.get(row.signal)?;
            let key = SignalKey {
                model: model.clone(),
                measure: signal.spec.measure,
                part: row.part,
                method: row.method,
                version: row.version,
                source: source.clone(),
            };
            let beside = row.beside.map_or(Beside::default(), |beside| *beside);
            Some(signal.reading(key, row.value, beside, lines))
        }));
        // A stable sort: of equal keys the order of the queries holds.
        out[first..].sort_by(|a, b| a.key.cmp(&b.key));
        let mut kept = first;
        for at in first..out.len() {
            if kept > first && out[kept - 1].key == out[at].key {
                let (held, rest) = out.split_at_mut(at);
                join(&mut held[kept - 1], &rest[0]);
            } else {
                out.swap(kept, at);
                kept += 1;
            }
        }
        out.truncate(kept);
    }
}

impl OfSignal<'_> {
    fn reading(
        &self,
        key: SignalKey,
        value: Measured,
        beside: Beside,
        shared: &mut SharedLines,
    ) -> SignalReading {
        let judged = Judged::of(self.spec, key.method.raw());
        let own = beside.line.filter(|line| line.is_finite());
        let (lines_from, lines) = match own {
            Some(line) => (
                LinesFrom::Series,
                Lines {
                    warn: Some(line * self.spec.scale),
                    crit: self.spec.lines.crit,
                },
            ),
            None => (LinesFrom::Preset, judged.lines),
        };
        SignalReading {
            value,
            written_at: beside.written_at,
            unit: judged.unit,
            direction: judged.direction,
            lines_from,
            lines: shared.share(lines),
            n: beside.n,
            reference_n: beside.reference_n,
            window: self.window,
            ..SignalReading::new(key, value)
        }
    }
}

/// Lines that many readings have in common, once.
#[derive(Debug, Default)]
struct SharedLines(HashMap<[Option<u64>; 2], Arc<Lines>>);

impl SharedLines {
    /// `None` for no lines.
    fn share(&mut self, lines: Lines) -> Option<Arc<Lines>> {
        let bits = [lines.warn, lines.crit].map(|line| line.map(f64::to_bits));
        if bits == [None, None] {
            return None;
        }
        let shared = self.0.entry(bits).or_insert_with(|| Arc::new(lines));
        Some(Arc::clone(shared))
    }
}

fn join(held: &mut SignalReading, other: &SignalReading) {
    let adds = held.key.measure.adds_up();
    match (held.value, other.value) {
        (Measured::Value(a), Measured::Value(b)) if adds => held.value = Measured::Value(a + b),
        (Measured::Value(a), Measured::Value(b)) if !is_worse(held.direction, b, a) => {}
        (_, Measured::Value(_))
        | (Measured::NoTraffic | Measured::NoData, Measured::NotANumber) => *held = other.clone(),
        _ => {}
    }
}

/// Whether a value is worse than another; where neither way is bad, the larger one counts as such, so
/// that the outcome does not hang on the order of series.
pub(super) fn is_worse(direction: Direction, value: f64, than: f64) -> bool {
    match direction {
        Direction::LowIsBad => value < than,
        Direction::HighIsBad | Direction::Neither => value > than,
    }
}

/// How a reading is to be judged: as the signal says, else as its drift method has it.
pub(super) struct Judged {
    pub(super) direction: Direction,
    unit: Unit,
    pub(super) lines: Lines,
}

impl Judged {
    pub(super) fn of(spec: &SignalSpec, method: &str) -> Self {
        let plain = Self {
            direction: spec.direction.unwrap_or(spec.measure.direction()),
            unit: spec.unit,
            lines: spec.lines,
        };
        let drift = matches!(
            spec.measure,
            Measure::FeatureDrift | Measure::PredictionDrift | Measure::TargetDrift
        );
        if spec.direction.is_some() || !drift || method.is_empty() {
            return plain;
        }
        match Method::of(method) {
            Some(method) if method.direction == Direction::LowIsBad => Self {
                direction: method.direction,
                unit: Unit::PValue,
                // The policy's lines are of distances; a p-value has its method's own.
                lines: Lines {
                    warn: spec.lines.warn.or(Some(method.threshold)),
                    crit: spec.lines.crit,
                },
            },
            Some(method) => Self {
                direction: method.direction,
                ..plain
            },
            // Whose direction nobody knows gets no verdict.
            None => Self {
                direction: Direction::Neither,
                ..plain
            },
        }
    }
}
