//! The newest reading of every signal: one instant query each, with the queries for lines, rows and the
//! writer's last run beside it. What a missing series means, the preset says.

use std::collections::{BTreeSet, HashMap};
use std::hash::BuildHasher as _;
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use tokio::time::Instant;

use super::Prometheus;
use super::client::{Asked, is_of_the_query, partly};
use super::query::{Fill, and, fill};
use super::wire::{Labels, Read};
use crate::domain::drift::Method;
use crate::domain::fault::Fault;
use crate::domain::key::Key;
use crate::domain::observation::{Answer, Coverage, Rows, Scope};
use crate::domain::signal::{
    Absent, Direction, Lines, LinesFrom, Measure, Measured, Preset, SignalKey, SignalReading,
    SignalSpec, Unit,
};
use crate::domain::time::Millis;
use crate::sources::Pages;

/// How long it is taken for granted which metrics the server holds.
const LOOK_AGAIN: Duration = Duration::from_secs(600);
/// How many readings are handed over at once.
const PAGE: usize = 2_048;
/// The longest value of a label that names something, in bytes.
const LONGEST: usize = 1_024;

impl Prometheus {
    /// The presets in use: those that the settings name, or those whose metrics the server holds.
    pub(super) async fn taken(&self, asked: &mut Asked) -> Result<Vec<usize>, Fault> {
        let presets = &self.monitoring.presets;
        if self.monitoring.all {
            return Ok((0..presets.len()).collect());
        }
        if let Some((at, found)) = &self.memory().found
            && at.elapsed() < LOOK_AGAIN
        {
            return Ok(found.clone());
        }
        let names: BTreeSet<&str> = presets
            .iter()
            .flat_map(|p| p.detect.iter().map(String::as_str))
            .collect();
        let held: BTreeSet<String> = if names.is_empty() {
            BTreeSet::new()
        } else {
            let names: Vec<&str> = names.into_iter().collect();
            let any = format!("__name__=~\"{}\"", names.join("|"));
            let selector = and(&any, &self.monitoring.selector);
            let query = format!("count by (__name__) ({{{selector}}})");
            let read = self.instant(query, asked).await?;
            let unseen = self.lacking("the look for metrics", &read);
            let name = |labels: &Labels| labels.get("__name__").cloned();
            let held = read.series.iter().filter_map(|s| name(&s.labels)).collect();
            asked.unseen = unseen;
            held
        };
        let fits = |preset: &Preset| {
            // Signals of the settings' own belong to no stack that could be there or not.
            preset.detect.is_empty() || preset.detect.iter().any(|name| held.contains(name))
        };
        let mut found: Vec<usize> = (0..presets.len()).filter(|i| fits(&presets[*i])).collect();
        let mut memory = self.memory();
        if asked.unseen.is_none() {
            memory.found = Some((Instant::now(), found.clone()));
        } else if let Some((_, before)) = &memory.found {
            found.extend(before);
            found.sort_unstable();
            found.dedup();
        }
        Ok(found)
    }

    /// Every reading; with pages, in the order of their keys and some models at a time.
    pub(super) async fn signals(&self, pages: Option<&Pages>) -> Result<Answer, Fault> {
        let mut asked = Asked::default();
        let mut all = Readings::of(self.memory().readings);
        let mut spoilt = Vec::new();
        let taken = self.taken(&mut asked).await?;
        let presets = taken
            .iter()
            .filter_map(|at| self.monitoring.presets.get(*at));
        for spec in presets.clone().flat_map(|preset| &preset.signals) {
            asked.expect(templates(spec).map(|template| self.now_query(template)));
        }
        for preset in presets {
            match self.of_preset(preset, &mut asked, &mut all).await {
                Ok(faults) => spoilt.extend(faults),
                Err(fault) => return Err(fault),
            }
        }
        spoilt.extend(asked.unseen.take());
        {
            let mut memory = self.memory();
            memory.names = std::mem::take(&mut all.names);
            memory.readings = all.rows.len();
        }
        let coverage = match spoilt.first() {
            None => Coverage::Full(Scope::Signals),
            Some(fault) => {
                tracing::warn!(source = %self.id, "{} signals could not be read whole: {fault}", spoilt.len());
                // Nothing was readable at all: that is the poll's own fault.
                if all.rows.is_empty() {
                    return Err(fault.clone());
                }
                Coverage::Partial
            }
        };
        Ok(Answer {
            coverage,
            rows: Rows::Signals(all.rest(pages).await),
            server_time: asked.server_time,
            partial: partly(&spoilt),
        })
    }

    /// The readings of one preset; answers the faults of single queries.
    async fn of_preset(
        &self,
        preset: &Preset,
        asked: &mut Asked,
        all: &mut Readings,
    ) -> Result<Vec<Fault>, Fault> {
        let mut spoilt = Vec::new();
        let mut known = BTreeSet::new();
        let mut silent = Vec::new();
        for spec in &preset.signals {
            let (beside, faults) = self.beside(spec, asked).await?;
            spoilt.extend(faults);
            let queries = [Some(&spec.query), spec.by_version.as_ref()];
            for (at, template) in queries.into_iter().flatten().enumerate() {
                let read = match self.instant(self.now_query(template), asked).await {
                    Ok(read) => read,
                    Err(fault) if is_of_the_query(&fault) => {
                        spoilt.push(fault);
                        continue;
                    }
                    Err(fault) => return Err(fault),
                };
                let what = format!("{} {}", preset.name, spec.measure);
                let lacking = self.lacking(&what, &read);
                let whole = lacking.is_none();
                spoilt.extend(lacking);
                let window = template.contains("$win").then_some(self.monitoring.window);
                let models = self.take(spec, &read, &beside, window, all);
                if at == 0 {
                    // Who is absent from a part of an answer may be in the rest of it.
                    if whole {
                        silent.push((spec, models.clone(), window));
                    }
                    known.extend(models);
                }
            }
        }
        for (spec, seen, window) in silent {
            for model in known.difference(&seen) {
                let reading = self.absent(spec, model, window, all);
                all.put(reading);
            }
        }
        Ok(spoilt)
    }

    /// A template as it is asked for the present.
    pub(super) fn now_query(&self, template: &str) -> String {
        fill(
            template,
            Fill {
                selector: &self.monitoring.selector,
                window: self.monitoring.window.as_secs(),
                over: None,
            },
        )
    }

    /// Takes the series of an answer in; answers the models that were named.
    fn take(
        &self,
        spec: &SignalSpec,
        read: &Read,
        beside: &Beside,
        window: Option<Duration>,
        all: &mut Readings,
    ) -> BTreeSet<Key> {
        let mut models = BTreeSet::new();
        for series in &read.series {
            let Some(key) = self.key(spec, &series.labels) else {
                continue;
            };
            let Some((_, value)) = series.points.last() else {
                continue;
            };
            let theirs = series.labels.get(&spec.labels.model);
            let names = all.names.entry(key.model.clone()).or_default();
            names.extend(theirs.cloned());
            models.insert(key.model.clone());
            let judged = Judged::of(spec, key.method.raw());
            let value = match Measured::of(value * spec.scale) {
                // No requests in the window: a ratio or quantile of nothing.
                Measured::NotANumber if spec.absent == Absent::NoTraffic => Measured::NoTraffic,
                other => other,
            };
            let own = lookup(&beside.lines, &key).filter(|line| line.is_finite());
            let (lines_from, lines) = match own {
                Some(line) => (
                    LinesFrom::Series,
                    Lines {
                        warn: Some(line * spec.scale),
                        crit: spec.lines.crit,
                    },
                ),
                None => (LinesFrom::Preset, judged.lines),
            };
            let lines = all.share(lines);
            all.put(SignalReading {
                value,
                at: None,
                written_at: lookup(&beside.written, &key)
                    .filter(|at| at.is_finite() && *at > 0.0)
                    .map(|at| Millis((at * 1_000.0) as i64)),
                unit: judged.unit,
                direction: judged.direction,
                lines_from,
                lines,
                n: lookup(&beside.samples, &key).and_then(rows),
                reference_n: lookup(&beside.reference, &key).and_then(rows),
                window,
                tested: None,
                key,
            });
        }
        models
    }

    /// What it means that a model of the preset has no series.
    fn absent(
        &self,
        spec: &SignalSpec,
        model: &Key,
        window: Option<Duration>,
        all: &mut Readings,
    ) -> Option<SignalReading> {
        let value = match spec.absent {
            Absent::Zero => Measured::Value(0.0),
            Absent::NoTraffic => Measured::NoTraffic,
            Absent::NoData => return None,
        };
        // Which features or metrics a model would have, nobody knows.
        if !spec.labels.part.is_empty() || !spec.labels.method.is_empty() {
            return None;
        }
        let judged = Judged::of(spec, &spec.method);
        let key = SignalKey {
            model: model.clone(),
            measure: spec.measure,
            part: Key::new(&spec.part),
            method: Key::new(&spec.method),
            version: Key::new(""),
            source: self.id.clone(),
        };
        Some(SignalReading {
            unit: judged.unit,
            direction: judged.direction,
            lines_from: LinesFrom::Preset,
            lines: all.share(judged.lines),
            window,
            ..SignalReading::new(key, value)
        })
    }

    /// Which signal a series is; `None` for one that names no model, or nothing that can be kept.
    pub(super) fn key(&self, spec: &SignalSpec, labels: &Labels) -> Option<SignalKey> {
        let word = |label: &str, fixed: &str| -> Option<Key> {
            let told = labels.get(label).filter(|_| !label.is_empty());
            let word = told.map_or(fixed, String::as_str);
            (word.len() <= LONGEST).then(|| Key::new(word))
        };
        Some(SignalKey {
            model: self.reader.names().model(labels.get(&spec.labels.model)?)?,
            measure: spec.measure,
            part: word(&spec.labels.part, &spec.part)?,
            method: word(&spec.labels.method, &spec.method)?,
            version: word(&spec.labels.version, "")?,
            source: self.reader.source().clone(),
        })
    }

    /// The answers beside a signal: lines, last run, rows.
    async fn beside(
        &self,
        spec: &SignalSpec,
        asked: &mut Asked,
    ) -> Result<(Beside, Vec<Fault>), Fault> {
        let mut beside = Beside::default();
        let mut spoilt = Vec::new();
        let parts = [
            (&spec.threshold, &mut beside.lines),
            (&spec.written, &mut beside.written),
            (&spec.samples, &mut beside.samples),
            (&spec.reference, &mut beside.reference),
        ];
        for (template, into) in parts {
            let Some(template) = template else {
                continue;
            };
            let read = match self.instant(self.now_query(template), asked).await {
                Ok(read) => read,
                // The signal's value, and what stands beside it otherwise, are still good.
                Err(fault) if is_of_the_query(&fault) => {
                    spoilt.push(fault);
                    continue;
                }
                Err(fault) => return Err(fault),
            };
            let what = format!("what stands beside {}", spec.measure);
            spoilt.extend(self.lacking(&what, &read));
            for series in &read.series {
                let labels = &series.labels;
                let Some(theirs) = labels.get(&spec.labels.model) else {
                    continue;
                };
                let Some(model) = self.reader.names().model(theirs) else {
                    continue;
                };
                let word = |label: &str| {
                    let told = labels.get(label).filter(|_| !label.is_empty());
                    told.cloned().unwrap_or_default()
                };
                if let Some((_, value)) = series.points.last() {
                    let at = [
                        word(&spec.labels.part),
                        word(&spec.labels.method),
                        word(&spec.labels.version),
                    ];
                    into.insert((model, at), *value);
                }
            }
        }
        Ok((beside, spoilt))
    }
}

/// Every instant query of a signal.
fn templates(spec: &SignalSpec) -> impl Iterator<Item = &String> {
    let beside = [
        &spec.by_version,
        &spec.threshold,
        &spec.written,
        &spec.samples,
        &spec.reference,
    ];
    std::iter::once(&spec.query).chain(beside.into_iter().flatten())
}

/// Readings, one a key: of two series that become one by the name map, counts add up, and of others the
/// worse one stays.
#[derive(Debug, Default)]
struct Readings {
    rows: Vec<SignalReading>,
    /// Where each is: fifty thousand are held at once, and a map would hold their keys twice.
    places: HashTable<usize>,
    hasher: RandomState,
    names: HashMap<Key, BTreeSet<String>>,
    lines: HashMap<[Option<u64>; 2], Arc<Lines>>,
}

impl Readings {
    /// Room for about so many.
    fn of(count: usize) -> Self {
        Self {
            rows: Vec::with_capacity(count),
            ..Self::default()
        }
    }

    /// Lines that many readings have in common, once; `None` for none.
    fn share(&mut self, lines: Lines) -> Option<Arc<Lines>> {
        let bits = [lines.warn, lines.crit].map(|line| line.map(f64::to_bits));
        if bits == [None, None] {
            return None;
        }
        let shared = self.lines.entry(bits).or_insert_with(|| Arc::new(lines));
        Some(Arc::clone(shared))
    }

    fn put(&mut self, reading: impl Into<Option<SignalReading>>) {
        let Some(reading) = reading.into() else {
            return;
        };
        let Self {
            rows,
            places,
            hasher,
            ..
        } = self;
        let place = places.entry(
            hasher.hash_one(&reading.key),
            |at| rows[*at].key == reading.key,
            |at| hasher.hash_one(&rows[*at].key),
        );
        match place {
            Entry::Occupied(at) => join(&mut rows[*at.get()], reading),
            Entry::Vacant(free) => {
                free.insert(rows.len());
                rows.push(reading);
            }
        }
    }

    /// All of them in the order of their keys, but for those that pages take: what compares and tells them
    /// then holds a few at a time.
    async fn rest(self, pages: Option<&Pages>) -> Vec<SignalReading> {
        let mut rows = self.rows;
        drop(self.places);
        rows.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        let Some(pages) = pages.filter(|_| rows.len() > PAGE) else {
            return rows;
        };
        let mut rows = rows.into_iter();
        loop {
            let page: Vec<SignalReading> = rows.by_ref().take(PAGE).collect();
            if rows.as_slice().is_empty() {
                return page;
            }
            pages.hand_over(Rows::Signals(page)).await;
        }
    }
}

fn join(held: &mut SignalReading, other: SignalReading) {
    let adds = held.key.measure.adds_up();
    match (held.value, other.value) {
        (Measured::Value(a), Measured::Value(b)) if adds => held.value = Measured::Value(a + b),
        (Measured::Value(a), Measured::Value(b)) if !is_worse(held.direction, b, a) => {}
        (_, Measured::Value(_))
        | (Measured::NoTraffic | Measured::NoData, Measured::NotANumber) => *held = other,
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

type Joined = HashMap<(Key, [String; 3]), f64>;

#[derive(Debug, Default)]
struct Beside {
    lines: Joined,
    written: Joined,
    samples: Joined,
    reference: Joined,
}

/// The value beside a signal: with all its labels, else with fewer of them.
fn lookup(joined: &Joined, key: &SignalKey) -> Option<f64> {
    if joined.is_empty() {
        return None;
    }
    let words = [key.part.raw(), key.method.raw(), key.version.raw()];
    // The masks with the most labels first.
    [0b111, 0b011, 0b101, 0b110, 0b001, 0b010, 0b100, 0b000]
        .into_iter()
        .find_map(|mask: u8| {
            let at = [0, 1, 2].map(|i| {
                let kept = mask & (1 << i) != 0;
                if kept {
                    words[i].to_owned()
                } else {
                    String::new()
                }
            });
            joined.get(&(key.model.clone(), at)).copied()
        })
}

fn rows(n: f64) -> Option<u32> {
    // A cast from float saturates.
    (n.is_finite() && n >= 0.0).then_some(n as u32)
}
