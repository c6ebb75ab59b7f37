//! The newest reading of every signal: one instant query each, with the queries for lines, rows and the
//! writer's last run beside it. What a missing series means, the preset says.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use tokio::time::Instant;

use super::Prometheus;
use super::client::{Asked, is_of_the_query, partly};
use super::query::{Fill, Grid, and, fill};
use super::readings::{Beside, Readings};
use super::wire::{Labels, Read};
use crate::domain::fault::Fault;
use crate::domain::key::Key;
use crate::domain::observation::{Answer, Coverage, Rows, Scope};
use crate::domain::signal::{Absent, Measured, Preset, SignalKey, SignalSpec};
use crate::domain::time::Millis;
use crate::sources::Pages;

/// How long it is taken for granted which metrics the server holds.
const LOOK_AGAIN: Duration = Duration::from_secs(600);
/// How far back metrics count as held, in seconds, and the step at which they are looked for there: those of
/// an exporter that has died are missed, not forgotten.
const LATELY: (u64, u64) = (86_400, 1_800);
/// The longest value of a label that names something, in bytes.
const LONGEST: usize = 1_024;

impl Prometheus {
    /// The presets in use: those that the settings name, or those whose metrics the server holds, or has held
    /// within the last day.
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
            let read = self.instant(query.clone(), asked).await?;
            asked.unseen = self.lacking("the look for metrics", &read);
            let mut held: BTreeSet<String> = named(&read).collect();
            held.extend(named(&self.held_lately(query).await?));
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

    /// What the look for metrics finds in the time before now. Its server may have no such answer.
    async fn held_lately(&self, query: String) -> Result<Read, Fault> {
        let (seconds, step) = LATELY;
        let grid = Grid::stepped(seconds, self.now().await?, step);
        match self.range(query, grid).await {
            Err(fault) if is_of_the_query(&fault) => {
                tracing::debug!(source = %self.id, "what was held lately is not known: {fault}");
                Ok(Read::default())
            }
            answer => answer,
        }
    }

    /// Every reading; with pages, in the order of their keys and some models at a time.
    pub(super) async fn signals(&self, pages: Option<&Pages>) -> Result<Answer, Fault> {
        let mut asked = Asked::default();
        let mut all = Readings::default();
        let mut spoilt = Vec::new();
        let taken = self.taken(&mut asked).await?;
        let presets = taken
            .iter()
            .filter_map(|at| self.monitoring.presets.get(*at));
        for spec in presets.clone().flat_map(|preset| &preset.signals) {
            asked.expect(templates(spec).map(|template| self.now_query(template)));
        }
        for preset in presets {
            spoilt.extend(self.of_preset(preset, &mut asked, &mut all).await?);
        }
        spoilt.extend(asked.unseen.take());
        self.memory().names = all.names();
        let coverage = match spoilt.first() {
            None => Coverage::Full(Scope::Signals),
            Some(fault) => {
                tracing::warn!(source = %self.id, "{} signals could not be read whole: {fault}", spoilt.len());
                // Nothing was readable at all: that is the poll's own fault.
                if all.is_empty() {
                    return Err(fault.clone());
                }
                Coverage::Partial
            }
        };
        Ok(Answer {
            coverage,
            rows: Rows::Signals(all.rest(&self.id, pages).await),
            server_time: asked.server_time,
            partial: partly(&spoilt),
        })
    }

    /// The readings of one preset; answers the faults of single queries.
    async fn of_preset<'s>(
        &self,
        preset: &'s Preset,
        asked: &mut Asked,
        all: &mut Readings<'s>,
    ) -> Result<Vec<Fault>, Fault> {
        let mut spoilt = Vec::new();
        let mut known = BTreeSet::new();
        let mut whole = Vec::new();
        for spec in &preset.signals {
            let (joined, faults) = self.joined(spec, asked).await?;
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
                let window = template.contains("$win").then_some(self.monitoring.window);
                let signal = all.begin(spec, window);
                // Who is absent from a part of an answer may be in the rest of it.
                if at == 0 && lacking.is_none() {
                    whole.push((spec, signal));
                }
                spoilt.extend(lacking);
                let models = self.take(spec, &read, &joined, signal, all);
                if at == 0 {
                    known.extend(models);
                }
            }
        }
        for (spec, signal) in whole {
            let Some(value) = absent(spec) else {
                continue;
            };
            for model in &known {
                if !all.has(signal, model) {
                    let key = self.key_of(spec, model.clone());
                    all.put(signal, key, value, Beside::default());
                }
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
        joined: &Joined,
        signal: usize,
        all: &mut Readings<'_>,
    ) -> BTreeSet<Key> {
        let mut models = BTreeSet::new();
        for series in &read.series {
            let Some(key) = self.key(spec, &series.labels) else {
                continue;
            };
            let Some((_, value)) = series.points.last() else {
                continue;
            };
            if let Some(theirs) = series.labels.get(&spec.labels.model) {
                all.name(&key.model, self.words().shared(theirs));
            }
            models.insert(key.model.clone());
            let value = match Measured::of(value * spec.scale) {
                // No requests in the window: a ratio or quantile of nothing.
                Measured::NotANumber if spec.absent == Absent::NoTraffic => Measured::NoTraffic,
                other => other,
            };
            let beside = joined.beside(&key);
            all.put(signal, key, value, beside);
        }
        models
    }

    /// The series of a signal that no label names: of a model that has none.
    fn key_of(&self, spec: &SignalSpec, model: Key) -> SignalKey {
        SignalKey {
            model,
            measure: spec.measure,
            part: Key::new(&spec.part),
            method: Key::new(&spec.method),
            version: Key::new(""),
            source: self.id.clone(),
        }
    }

    /// Which signal a series is; `None` for one that names no model, or nothing that can be kept.
    pub(super) fn key(&self, spec: &SignalSpec, labels: &Labels) -> Option<SignalKey> {
        let model = self.reader.names().model(labels.get(&spec.labels.model)?)?;
        let mut words = self.words();
        let mut word = |label: &str, fixed: &str| -> Option<Key> {
            let told = labels.get(label).filter(|_| !label.is_empty());
            let word = told.map_or(fixed, String::as_str);
            (word.len() <= LONGEST).then(|| words.shared(word))
        };
        Some(SignalKey {
            measure: spec.measure,
            part: word(&spec.labels.part, &spec.part)?,
            method: word(&spec.labels.method, &spec.method)?,
            version: word(&spec.labels.version, "")?,
            model: words.shared_key(model),
            source: self.reader.source().clone(),
        })
    }

    /// The answers beside a signal: lines, last run, rows.
    async fn joined(
        &self,
        spec: &SignalSpec,
        asked: &mut Asked,
    ) -> Result<(Joined, Vec<Fault>), Fault> {
        let mut joined = Joined::default();
        let mut spoilt = Vec::new();
        let parts = [
            (&spec.threshold, &mut joined.lines),
            (&spec.written, &mut joined.written),
            (&spec.samples, &mut joined.samples),
            (&spec.reference, &mut joined.reference),
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
                let mut words = self.words();
                let mut word = |label: &str| {
                    let told = labels.get(label).filter(|_| !label.is_empty());
                    words.shared(told.map_or("", String::as_str))
                };
                if let Some((_, value)) = series.points.last() {
                    let at = [
                        word(&spec.labels.part),
                        word(&spec.labels.method),
                        word(&spec.labels.version),
                    ];
                    into.insert((words.shared_key(model), at), *value);
                }
            }
        }
        Ok((joined, spoilt))
    }
}

/// The names of metrics in an answer.
fn named(read: &Read) -> impl Iterator<Item = String> {
    let labels = read.series.iter().map(|series| &series.labels);
    labels.filter_map(|labels| labels.get("__name__").cloned())
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

/// What it means that a model of the preset has no series of a signal, where it means anything. Which
/// features or metrics a model would have, nobody knows.
fn absent(spec: &SignalSpec) -> Option<Measured> {
    if !spec.labels.part.is_empty() || !spec.labels.method.is_empty() {
        return None;
    }
    match spec.absent {
        Absent::Zero => Some(Measured::Value(0.0)),
        Absent::NoTraffic => Some(Measured::NoTraffic),
        Absent::NoData => None,
    }
}

/// The last value of each series beside a signal, by model, and by part, method and version as far as they
/// have such labels.
type Values = HashMap<(Key, [Key; 3]), f64>;

/// What stands beside the series of a signal.
#[derive(Debug, Default)]
struct Joined {
    lines: Values,
    written: Values,
    samples: Values,
    reference: Values,
}

impl Joined {
    /// What stands beside one series.
    fn beside(&self, key: &SignalKey) -> Beside {
        Beside {
            line: lookup(&self.lines, key),
            written_at: lookup(&self.written, key)
                .filter(|at| at.is_finite() && *at > 0.0)
                .map(|at| Millis((at * 1_000.0) as i64)),
            n: lookup(&self.samples, key).and_then(rows),
            reference_n: lookup(&self.reference, key).and_then(rows),
        }
    }
}

/// The value beside a signal: with all its labels, else with fewer of them.
fn lookup(values: &Values, key: &SignalKey) -> Option<f64> {
    if values.is_empty() {
        return None;
    }
    let words = [&key.part, &key.method, &key.version];
    // The masks with the most labels first.
    [0b111, 0b011, 0b101, 0b110, 0b001, 0b010, 0b100, 0b000]
        .into_iter()
        .find_map(|mask: u8| {
            let at = [0, 1, 2].map(|i| match mask & (1 << i) {
                0 => Key::new(""),
                _ => words[i].clone(),
            });
            values.get(&(key.model.clone(), at)).copied()
        })
}

fn rows(n: f64) -> Option<u32> {
    // A cast from float saturates.
    (n.is_finite() && n >= 0.0).then_some(n as u32)
}
