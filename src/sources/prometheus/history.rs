//! The recent course of the signals that lists show: one range a signal for all models, whole at first,
//! then only its tail, which is spliced on.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Prometheus;
use super::client::{Asked, is_of_the_query, partly};
use super::query::{Grid, over_grid};
use super::signals::is_worse;
use super::wire::Read;
use crate::domain::fault::Fault;
use crate::domain::observation::{Answer, Coverage, Rows, Scope};
use crate::domain::signal::{Measure, SignalKey, SignalSeries, SignalSpec};
use crate::domain::time::Millis;

/// How far back a course goes and its step, in seconds: of what answers show, as lists draw it.
const FAST: (u64, u64) = (6 * 3_600, 300);
/// The same of quality, which moves with its labels: hours tell nothing of it.
const SLOW: (u64, u64) = (7 * 86_400, 3_600);
/// How long a course is only continued before it is read whole again.
const WHOLE_AGAIN: Duration = Duration::from_secs(1_800);

/// The course of each signal, by its preset and place there.
pub(super) type Courses = HashMap<(usize, usize), Course>;

/// The course of one signal of all models.
#[derive(Clone, Debug)]
pub(super) struct Course {
    whole_at: Instant,
    grid: Grid,
    /// Shared with what was answered.
    rows: BTreeMap<SignalKey, Arc<[f32]>>,
}

/// The signals of a preset that lists show, and the quality that rules compare with what it was; the mean
/// stands in for the 95th percentile where there is none.
fn shown(signals: &[SignalSpec]) -> impl Iterator<Item = (usize, &SignalSpec)> {
    let quantile = signals.iter().any(|s| s.measure == Measure::LatencyP95);
    signals
        .iter()
        .enumerate()
        .filter(move |(_, s)| match s.measure {
            Measure::Requests
            | Measure::ErrorRatio
            | Measure::LatencyP95
            | Measure::DriftShare
            | Measure::PredictionMean
            | Measure::QualityRealised => true,
            Measure::LatencyMean => !quantile,
            _ => false,
        })
}

/// How far back the course of a measure goes, and its step.
fn pace(measure: Measure) -> (u64, u64) {
    match measure {
        Measure::QualityRealised => SLOW,
        _ => FAST,
    }
}

impl Prometheus {
    pub(super) async fn history(&self) -> Result<Answer, Fault> {
        let mut asked = Asked::default();
        let taken = self.taken(&mut asked).await?;
        let now = self.now().await?;
        let mut kept = BTreeSet::new();
        let mut spoilt = asked.unseen.take();
        for preset in taken {
            let Some(known) = self.monitoring.presets.get(preset) else {
                continue;
            };
            for (at, spec) in shown(&known.signals) {
                kept.insert((preset, at));
                let held = self.memory().courses.get(&(preset, at)).cloned();
                match self.course(spec, held, now).await {
                    Ok((course, fault)) => {
                        self.memory().courses.insert((preset, at), course);
                        spoilt = spoilt.or(fault);
                    }
                    Err(fault) if is_of_the_query(&fault) => spoilt = spoilt.or(Some(fault)),
                    Err(fault) => return Err(fault),
                }
            }
        }
        let mut memory = self.memory();
        memory.courses.retain(|at, _| kept.contains(at));
        let rows: Vec<SignalSeries> = memory.courses.values().flat_map(Course::series).collect();
        drop(memory);
        let partial = partly(spoilt.as_slice());
        let coverage = match spoilt {
            None => Coverage::Full(Scope::Series),
            Some(fault) if rows.is_empty() => return Err(fault),
            Some(fault) => {
                tracing::warn!(source = %self.id, "a course could not be read whole: {fault}");
                Coverage::Partial
            }
        };
        Ok(Answer {
            partial,
            coverage,
            rows: Rows::Series(rows),
            server_time: Some(now),
        })
    }

    /// Continues a course, or reads it whole.
    async fn course(
        &self,
        spec: &SignalSpec,
        held: Option<Course>,
        now: Millis,
    ) -> Result<(Course, Option<Fault>), Fault> {
        let (span, step) = pace(spec.measure);
        let grid = Grid::stepped(span, now, step);
        let held = held.filter(|held| {
            let ahead = grid.end() - held.grid.end();
            // A clock that went back, or a pause as long as the course: nothing to continue.
            held.whole_at.elapsed() < WHOLE_AGAIN && (0..span as i64 / 2).contains(&ahead)
        });
        let asked = match &held {
            None => grid,
            Some(held) => {
                // Late samples change the last two points.
                let behind = (grid.end() - held.grid.end()) as u64 + 2 * step;
                Grid::stepped(behind, now, step)
            }
        };
        let window = self.monitoring.window.as_secs();
        let selector = &self.monitoring.selector;
        let query = over_grid(spec, &spec.query, selector, window, step);
        let read = self.range(query, asked).await?;
        let fault = self.lacking(spec.measure.word(), &read);
        let fresh = self.on_grid(spec, &read, asked);
        let course = match held {
            None => Course {
                whole_at: Instant::now(),
                grid,
                rows: fresh,
            },
            Some(held) => held.continued(grid, asked, fresh),
        };
        Ok((course, fault))
    }

    /// The series of an answer as values on a grid, gaps as NaN.
    pub(super) fn on_grid(
        &self,
        spec: &SignalSpec,
        read: &Read,
        grid: Grid,
    ) -> BTreeMap<SignalKey, Arc<[f32]>> {
        let mut rows: BTreeMap<SignalKey, Vec<f32>> = BTreeMap::new();
        let points = usize::try_from(grid.points).unwrap_or_default();
        let direction = spec.direction.unwrap_or(spec.measure.direction());
        for series in &read.series {
            let Some(key) = self.key(spec, &series.labels) else {
                continue;
            };
            let row = rows.entry(key).or_insert_with(|| vec![f32::NAN; points]);
            for (at, value) in &series.points {
                let Some(slot) = grid.index(*at).and_then(|i| row.get_mut(i)) else {
                    continue;
                };
                let value = (value * spec.scale) as f32;
                // Two series of one name, as the map has it: as for readings.
                *slot = if slot.is_nan() {
                    value
                } else if value.is_nan() {
                    *slot
                } else if matches!(spec.measure, Measure::Requests | Measure::Queue) {
                    *slot + value
                } else if is_worse(direction, value.into(), (*slot).into()) {
                    value
                } else {
                    *slot
                };
            }
        }
        let shared = rows.into_iter().map(|(key, row)| (key, Arc::from(row)));
        shared.collect()
    }
}

impl Course {
    /// The course moved on to a grid, with its end read anew.
    fn continued(
        self,
        grid: Grid,
        asked: Grid,
        mut fresh: BTreeMap<SignalKey, Arc<[f32]>>,
    ) -> Self {
        let points = usize::try_from(grid.points).unwrap_or_default();
        let tail = usize::try_from(asked.points)
            .unwrap_or_default()
            .min(points);
        let moved =
            usize::try_from((grid.start - self.grid.start) / grid.step as i64).unwrap_or(points);
        let mut rows = BTreeMap::new();
        let mut splice = |key: SignalKey, old: &[f32], new: Option<&[f32]>| {
            let mut row: Vec<f32> = Vec::with_capacity(points);
            row.extend(old.iter().skip(moved).take(points - tail));
            row.resize(points - tail, f32::NAN);
            match new {
                Some(new) => row.extend(&new[new.len().saturating_sub(tail)..]),
                None => row.resize(points, f32::NAN),
            }
            if row.iter().any(|v| !v.is_nan()) {
                rows.insert(key, Arc::from(row));
            }
        };
        for (key, old) in self.rows {
            let new = fresh.remove(&key);
            splice(key, &old, new.as_deref());
        }
        for (key, new) in fresh {
            splice(key, &[], Some(&new));
        }
        Self {
            whole_at: self.whole_at,
            grid,
            rows,
        }
    }

    fn series(&self) -> Vec<SignalSeries> {
        let rows = self.rows.iter();
        series(
            rows.map(|(key, row)| (key.clone(), Arc::clone(row))),
            self.grid,
        )
    }
}

/// Values on a grid as series.
pub(super) fn series<V: Into<Arc<[f32]>>>(
    rows: impl IntoIterator<Item = (SignalKey, V)>,
    grid: Grid,
) -> Vec<SignalSeries> {
    rows.into_iter()
        .map(|(key, values)| SignalSeries {
            key,
            start: Millis(grid.start * 1_000),
            step: Duration::from_secs(grid.step),
            times: None,
            values: values.into(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::key::{Key, SourceId};

    fn key(model: &str) -> SignalKey {
        SignalKey {
            model: Key::new(model),
            measure: Measure::Requests,
            part: Key::new(""),
            method: Key::new(""),
            version: Key::new(""),
            source: SourceId::new("p"),
        }
    }

    const STEP: u64 = FAST.1;

    #[test]
    fn a_tail_is_spliced_on_and_replaces_the_last_points() {
        let at = |seconds: i64| Grid::stepped(4 * STEP, Millis(seconds * 1_000), STEP);
        let step = STEP as i64;
        let course = Course {
            whole_at: Instant::now(),
            grid: at(100 * step),
            rows: BTreeMap::from([
                (key("a"), Arc::from([1.0, 2.0, 3.0, 4.0, 5.0])),
                (
                    key("b"),
                    Arc::from([1.0, f32::NAN, f32::NAN, f32::NAN, f32::NAN]),
                ),
            ]),
        };
        let tail = Grid::stepped(3 * STEP, Millis(101 * step * 1_000), STEP);
        let fresh = BTreeMap::from([
            (key("a"), Arc::from([3.5, 4.5, 5.5, 6.5])),
            (key("c"), Arc::from([f32::NAN, f32::NAN, f32::NAN, 9.0])),
        ]);
        let moved = course.continued(at(101 * step), tail, fresh);
        assert_eq!(moved.grid, at(101 * step));
        assert_eq!(*moved.rows[&key("a")], [2.0, 3.5, 4.5, 5.5, 6.5]);
        assert!(!moved.rows.contains_key(&key("b")), "it has ended");
        let new = &moved.rows[&key("c")];
        assert!(new[..4].iter().all(|v| v.is_nan()));
        assert_eq!(new[4].to_bits(), 9.0_f32.to_bits());
    }
}
