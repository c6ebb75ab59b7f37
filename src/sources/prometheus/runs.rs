//! The last runs of drift and quality jobs. What a job wrote is scraped again and again until its next
//! run: of a range at wide steps only the runs are kept, each at the time that its job says.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use tokio::time::Instant;

use super::Prometheus;
use super::client::is_of_the_query;
use super::history::{Course, is_continued, tail};
use super::query::{Grid, last_over_grid};
use super::readings::Judged;
use super::wire::MOST_SERIES;
use crate::domain::fault::Fault;
use crate::domain::key::Key;
use crate::domain::signal::{Direction, Measure, SignalKey, SignalSeries, SignalSpec};
use crate::domain::time::Millis;

/// How far back runs are read, in seconds: rules compare the last windows of daily jobs.
const BACK: u64 = 7 * 86_400;
/// The most points of a series: a step of half an hour.
const MOST_POINTS: u64 = 336;
/// How many bytes all answers about a signal may have, and how many a point has in them: with many series
/// steps are wider.
const MOST_BYTES: u64 = 6 * 1024 * 1024;
const POINT: u64 = 36;
/// The most runs that are kept of one series.
const MOST_RUNS: usize = 96;
/// The most series of one measure of single features that are kept, of all signals together, those first
/// that have moved most.
const MOST_FEATURES: usize = 2_000;
/// The line that scores are ranked by where nobody says one.
const LINE: f64 = 0.1;

/// The runs of one signal of all models.
#[derive(Clone, Debug)]
pub(super) struct Runs {
    /// When all of it was read; none if the next look must read it so.
    whole_at: Option<Instant>,
    grid: Grid,
    rows: BTreeMap<SignalKey, Row>,
    /// Whether there are more series than are kept.
    cut: bool,
    /// Those of which the last read was the first although others were left out before.
    newcomers: Vec<SignalKey>,
}

/// The runs of one series, oldest first.
#[derive(Clone, Debug, PartialEq)]
struct Row {
    times: Arc<[Millis]>,
    values: Arc<[f32]>,
}

/// One run: when it was or was first seen, whether its job says so, and its value.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Run {
    at: Millis,
    told: bool,
    value: f32,
}

/// When the jobs of models last ran, at each time of a grid; NaN where nobody says.
type LastRuns = Arc<HashMap<Key, Vec<f64>>>;

/// What was asked for of the times of runs within one poll.
#[derive(Debug, Default)]
pub(super) struct Stamps(Vec<(String, Grid, LastRuns)>);

impl Prometheus {
    /// Continues the runs of a signal, or reads them whole.
    pub(super) async fn runs(
        &self,
        spec: &SignalSpec,
        held: Option<Arc<Runs>>,
        now: Millis,
        stamps: &mut Stamps,
    ) -> Result<(Course, Option<Fault>), Fault> {
        let of_held = |held: &Arc<Runs>| Grid::stepped(BACK, now, held.grid.step);
        let held = held.filter(|held| {
            let whole_at = held.whole_at;
            whole_at.is_some_and(|at| is_continued(at, held.grid, of_held(held)))
        });
        let mut series = MOST_FEATURES;
        let (grid, asked) = match &held {
            // No job is seen to run before the next step; its newest reading is read anyway.
            Some(held) if of_held(held) == held.grid => {
                return Ok((Course::Runs(Arc::clone(held)), None));
            }
            Some(held) => (of_held(held), tail(held.grid, of_held(held), now)),
            None => {
                let (count, grid) = self.grid_of_runs(spec, now).await?;
                series = count;
                (grid, grid)
            }
        };
        let window = self.monitoring.window.as_secs();
        let selector = &self.monitoring.selector;
        let query = last_over_grid(&spec.query, selector, window, asked.step);
        let (values, fault) = self.in_parts(spec, &query, asked, series).await?;
        let (last_runs, unread) = self.last_runs(spec, asked, stamps).await?;
        let fresh = values.into_iter().map(|(key, values)| {
            let last_runs = last_runs.get(&key.model).map(Vec::as_slice);
            let runs = told_apart(&values, last_runs, asked);
            (key, runs)
        });
        let mut runs = match held {
            None => Runs {
                whole_at: Some(Instant::now()),
                grid,
                rows: BTreeMap::new(),
                cut: false,
                newcomers: Vec::new(),
            },
            Some(held) => Runs {
                whole_at: held.whole_at,
                grid,
                rows: held.rows.clone(),
                cut: held.cut,
                newcomers: Vec::new(),
            },
        };
        runs.take(fresh);
        if !spec.measure.is_by_feature() {
            cut(&mut [(spec, &mut runs)], MOST_SERIES);
            runs.settle();
        }
        Ok((Course::Runs(Arc::new(runs)), fault.or(unread)))
    }

    /// How many series a signal has, and the grid that its runs are read whole over: its step follows from
    /// how many there are, so that not too much is asked for.
    async fn grid_of_runs(&self, spec: &SignalSpec, now: Millis) -> Result<(usize, Grid), Fault> {
        let query = format!("count({})", self.now_query(&spec.query));
        let read = self.asked_now(query).await?;
        let count = read.series.first().and_then(|s| s.points.first());
        let count = count.map_or(0.0, |(_, count)| *count).max(1.0) as u64;
        let most = MOST_BYTES / POINT / count;
        let grid = Grid::over(BACK, now, most.clamp(8, MOST_POINTS));
        Ok((usize::try_from(count).unwrap_or(MOST_SERIES), grid))
    }

    /// When the jobs behind a signal ran, asked for once within a poll.
    async fn last_runs(
        &self,
        spec: &SignalSpec,
        grid: Grid,
        stamps: &mut Stamps,
    ) -> Result<(LastRuns, Option<Fault>), Fault> {
        let Some(template) = &spec.written else {
            return Ok((LastRuns::default(), None));
        };
        let known = stamps
            .0
            .iter()
            .find(|(t, g, _)| t == template && *g == grid);
        if let Some((.., known)) = known {
            return Ok((Arc::clone(known), None));
        }
        let window = self.monitoring.window.as_secs();
        let query = last_over_grid(template, &self.monitoring.selector, window, grid.step);
        let read = match self.range(query, grid).await {
            Ok(read) => read,
            // The values tell runs apart as well, but for those that repeat.
            Err(fault) if is_of_the_query(&fault) => return Ok((LastRuns::default(), Some(fault))),
            Err(fault) => return Err(fault),
        };
        let fault = self.lacking("the times of runs", &read);
        let points = usize::try_from(grid.points).unwrap_or_default();
        let mut all: HashMap<Key, Vec<f64>> = HashMap::new();
        for series in &read.series {
            let theirs = series.labels.get(&spec.labels.model);
            let Some(model) = theirs.and_then(|name| self.reader.names().model(name)) else {
                continue;
            };
            let row = all.entry(model).or_insert_with(|| vec![f64::NAN; points]);
            for (at, value) in &series.points {
                if let Some(slot) = grid.index(*at).and_then(|i| row.get_mut(i)) {
                    *slot = slot.max(*value);
                }
            }
        }
        let all = Arc::new(all);
        let place = (template.clone(), grid, Arc::clone(&all));
        stamps.0.push(place);
        Ok((all, fault))
    }
}

/// The runs among the values of a series on a grid. What bears one stamp is one run, and the last value in
/// force is its own; without stamps a value that repeats is one run.
fn told_apart(values: &[f32], last_runs: Option<&[f64]>, grid: Grid) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (index, value) in values.iter().enumerate() {
        if value.is_nan() {
            continue;
        }
        let seen = Millis((grid.start + index as i64 * grid.step as i64) * 1_000);
        let stamp = last_runs.and_then(|stamps| stamps.get(index));
        let stamp = stamp.filter(|s| s.is_finite() && **s > 0.0);
        let stamp = stamp.map(|s| Millis((s * 1_000.0) as i64));
        let run = Run {
            at: stamp.unwrap_or(seen),
            told: stamp.is_some(),
            value: *value,
        };
        match runs.last_mut() {
            Some(last) if run.told && last.told && run.at == last.at => last.value = run.value,
            Some(last) if !run.told && last.value.to_bits() == run.value.to_bits() => {}
            // A stamp that goes back is no order to sort by.
            Some(last) if run.at <= last.at => last.value = run.value,
            _ => runs.push(run),
        }
    }
    runs
}

impl Runs {
    /// Takes in what was read last, and forgets what is too old.
    fn take(&mut self, fresh: impl Iterator<Item = (SignalKey, Vec<Run>)>) {
        let mut texts: HashSet<Key> = HashSet::new();
        self.newcomers.clear();
        for (mut key, runs) in fresh {
            let row = if let Some(held) = self.rows.get(&key) {
                held.with(&runs)
            } else {
                for text in [&mut key.model, &mut key.part, &mut key.method] {
                    match texts.get(text) {
                        Some(known) => *text = known.clone(),
                        None => drop(texts.insert(text.clone())),
                    }
                }
                if self.cut {
                    self.newcomers.push(key.clone());
                }
                Row::of(&runs)
            };
            if !row.values.is_empty() {
                self.rows.insert(key, row);
            }
        }
        let from = Millis(self.grid.start * 1_000);
        self.rows
            .retain(|_, row| row.times.last().is_some_and(|at| *at >= from));
        self.share_times();
    }

    /// Times that series of one job have in common, once.
    fn share_times(&mut self) {
        let mut known: Option<Arc<[Millis]>> = None;
        for row in self.rows.values_mut() {
            match &known {
                Some(times) if *times == row.times => row.times = Arc::clone(times),
                _ => known = Some(Arc::clone(&row.times)),
            }
        }
    }

    /// All that was to be left out is. Where somebody left out before has overtaken others, its earlier runs
    /// are not held.
    fn settle(&mut self) {
        let newcomers = std::mem::take(&mut self.newcomers);
        if newcomers.iter().any(|key| self.rows.contains_key(key)) {
            self.whole_at = None;
        }
    }

    pub(super) fn series(&self) -> impl Iterator<Item = SignalSeries> + '_ {
        self.rows.iter().filter_map(|(key, row)| {
            let (times, values) = (Arc::clone(&row.times), Arc::clone(&row.values));
            SignalSeries::of_sorted_runs(key.clone(), times, values)
        })
    }
}

/// Keeps of each measure of single features those series that have moved most, whichever signals they are of.
pub(super) fn cut_features<'a>(all: impl Iterator<Item = (&'a SignalSpec, &'a mut Arc<Runs>)>) {
    let mut by_measure: HashMap<Measure, Vec<(&SignalSpec, &mut Arc<Runs>)>> = HashMap::new();
    for (spec, runs) in all.filter(|(spec, _)| spec.measure.is_by_feature()) {
        by_measure
            .entry(spec.measure)
            .or_default()
            .push((spec, runs));
    }
    for mut all in by_measure.into_values() {
        if all.iter().map(|(_, runs)| runs.rows.len()).sum::<usize>() > MOST_FEATURES {
            let all = all
                .iter_mut()
                .map(|(spec, runs)| (*spec, Arc::make_mut(runs)));
            cut(&mut all.collect::<Vec<_>>(), MOST_FEATURES);
        }
    }
}

/// Every signal has been read, and what is left out of each is known.
pub(super) fn settle_features<'a>(all: impl Iterator<Item = (&'a SignalSpec, &'a mut Arc<Runs>)>) {
    for (_, runs) in
        all.filter(|(spec, runs)| spec.measure.is_by_feature() && !runs.newcomers.is_empty())
    {
        Arc::make_mut(runs).settle();
    }
}

/// Keeps so many series of some runs, those first that have moved most.
fn cut(all: &mut [(&SignalSpec, &mut Runs)], most: usize) {
    let ranked = all.iter().enumerate().flat_map(|(at, (spec, runs))| {
        let rows = runs.rows.iter();
        rows.map(move |(key, row)| (row.movement(key, spec), at, key.clone()))
    });
    let mut ranks: Vec<(f64, usize, SignalKey)> = ranked.collect();
    let Some(over) = ranks.len().checked_sub(most).filter(|over| *over > 0) else {
        return;
    };
    ranks.sort_by(|a, b| a.0.total_cmp(&b.0));
    for (_, at, key) in ranks.drain(..over) {
        let (_, runs) = &mut all[at];
        runs.rows.remove(&key);
        runs.cut = true;
    }
}

impl Row {
    fn of(runs: &[Run]) -> Self {
        let newest = &runs[runs.len().saturating_sub(MOST_RUNS)..];
        Self {
            times: newest.iter().map(|run| run.at).collect(),
            values: newest.iter().map(|run| run.value).collect(),
        }
    }

    /// With its end read anew.
    fn with(&self, fresh: &[Run]) -> Self {
        let Some(first) = fresh.first() else {
            return self.clone();
        };
        let held = self.times.iter().zip(self.values.iter());
        let mut runs: Vec<Run> = held
            .filter(|(at, _)| **at < first.at)
            .map(|(at, value)| Run {
                at: *at,
                told: true,
                value: *value,
            })
            .collect();
        let last = runs.last().map(|run| run.value.to_bits());
        // The tail begins within a run that was seen to begin before.
        let begun = !first.told && last == Some(first.value.to_bits());
        runs.extend(&fresh[usize::from(begun)..]);
        Self::of(&runs)
    }

    /// How far it has moved, for ranking: a score in its lines, and a mean as a factor.
    fn movement(&self, key: &SignalKey, spec: &SignalSpec) -> f64 {
        let judged = Judged::of(spec, key.method.raw());
        let values = || self.values.iter().map(|v| f64::from(*v));
        let most = values().map(f64::abs).fold(0.0, f64::max);
        let least = values().map(f64::abs).fold(f64::INFINITY, f64::min);
        let line = judged.lines.warn.unwrap_or(LINE);
        match judged.direction {
            Direction::HighIsBad => most / line,
            Direction::LowIsBad => line / least.max(f64::MIN_POSITIVE),
            Direction::Neither => most / least.max(f64::MIN_POSITIVE),
        }
    }
}

#[cfg(test)]
#[path = "runs_tests.rs"]
mod tests;
