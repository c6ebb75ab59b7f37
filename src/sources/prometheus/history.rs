//! The recent course of the signals that lists show and rules look back at: one range a signal for all
//! models, whole at first, then only its tail, which is spliced on. What jobs write is in `runs`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Prometheus;
use super::client::{Asked, is_of_the_query, partly};
use super::query::{Grid, over_grid};
use super::readings::is_worse;
use super::runs::{Runs, Stamps, cut_features, settle_features};
use super::wire::Read;
use crate::domain::fault::Fault;
use crate::domain::observation::{Answer, Coverage, Rows, Scope};
use crate::domain::signal::{Earlier, Measure, SignalKey, SignalSeries, SignalSpec};
use crate::domain::time::Millis;
use crate::sources::Pages;

/// How far back a course goes and its step, in seconds: of what answers show, as lists draw it.
const HOURS: (u64, u64) = (6 * 3_600, 300);
/// The same of budgets, which burn over days.
const DAYS: (u64, u64) = (3 * 86_400, 7_200);
/// How long a course is only continued before it is read whole again, at least; twelve of its steps where
/// that is longer.
const WHOLE_AGAIN: Duration = Duration::from_secs(1_800);

/// The most points of all series of one answer, about: of a point the answer has some thirty bytes.
const AT_ONCE: u64 = 40_000;

/// Values of series on a grid.
pub(super) type OfSeries = BTreeMap<SignalKey, Arc<[f32]>>;

/// How far back a course goes, and what it is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Pace {
    /// The last hours of what answers show.
    Hours,
    /// The last days of what has a budget.
    Days,
    /// The last runs of a job.
    Runs,
}

/// The course of each signal, by its preset, its place there and its pace.
pub(super) type Courses = HashMap<(usize, usize, Pace), Course>;

/// The course of one signal of all models.
#[derive(Clone, Debug)]
pub(super) enum Course {
    /// At equal steps.
    Grid(Arc<OnGrid>),
    /// Run by run.
    Runs(Arc<Runs>),
}

/// The course of one signal of all models at equal steps.
#[derive(Debug)]
pub(super) struct OnGrid {
    whole_at: Instant,
    grid: Grid,
    /// Shared with what was answered.
    rows: OfSeries,
}

/// The courses of a preset: what lists show and rules look back at. The mean stands in for the quantiles
/// where there are none.
fn paces(
    signals: &[SignalSpec],
) -> impl Iterator<Item = (usize, &SignalSpec, &'static [Pace])> + Send {
    let quantile = signals.iter().any(|s| s.measure == Measure::LatencyP95);
    let of = move |spec: &SignalSpec| -> &'static [Pace] {
        match spec.measure {
            Measure::ErrorRatio | Measure::LatencyP50 | Measure::LatencyP95 => {
                &[Pace::Hours, Pace::Days]
            }
            Measure::Requests | Measure::LatencyP99 | Measure::PredictionMean => &[Pace::Hours],
            Measure::LatencyMean if !quantile => &[Pace::Hours],
            Measure::FeatureDrift
            | Measure::DriftShare
            | Measure::PredictionDrift
            | Measure::TargetDrift
            | Measure::QualityRealised
            | Measure::QualityEstimated
            | Measure::FeatureMean => &[Pace::Runs],
            _ => &[],
        }
    };
    let all = signals.iter().enumerate();
    all.map(move |(at, spec)| (at, spec, of(spec)))
}

impl Prometheus {
    /// Every course; with pages, signal by signal, so that what a course replaces is let go before the next
    /// one is read.
    pub(super) async fn history(&self, pages: Option<&Pages>) -> Result<Answer, Fault> {
        let mut asked = Asked::default();
        let taken = self.taken(&mut asked).await?;
        let now = self.now().await?;
        let mut kept = BTreeSet::new();
        let mut handed = BTreeSet::new();
        let mut spoilt = asked.unseen.take();
        let mut stamps = Stamps::default();
        for preset in taken {
            let Some(known) = self.monitoring.presets.get(preset) else {
                continue;
            };
            for (at, spec, paces) in paces(&known.signals) {
                for pace in paces.iter().copied() {
                    let place = (preset, at, pace);
                    kept.insert(place);
                    let held = self.memory().courses.get(&place).cloned();
                    match self.course_at(spec, pace, held, now, &mut stamps).await {
                        Ok((course, fault)) => {
                            self.memory().courses.insert(place, course);
                            spoilt = spoilt.or(fault);
                        }
                        Err(fault) if is_of_the_query(&fault) => spoilt = spoilt.or(Some(fault)),
                        Err(fault) => return Err(fault),
                    }
                }
                if spec.measure.is_by_feature() {
                    // So many are kept of all signals together: which of these, shows at the end.
                    cut_features(self.runs_of(&mut self.memory().courses));
                } else if let Some(pages) = pages {
                    let rows = told(&self.memory().courses, |place| *place == (preset, at));
                    if !rows.is_empty() {
                        handed.insert((preset, at));
                        pages.hand_over(Rows::Series(rows)).await;
                    }
                }
            }
        }
        let mut memory = self.memory();
        memory.courses.retain(|at, _| kept.contains(at));
        settle_features(self.runs_of(&mut memory.courses));
        let rows = told(&memory.courses, |place| !handed.contains(place));
        drop(memory);
        let partial = partly(spoilt.as_slice());
        let coverage = match spoilt {
            None => Coverage::Full(Scope::Series),
            Some(fault) if rows.is_empty() && handed.is_empty() => return Err(fault),
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

    /// The runs among some courses, with what they are of.
    fn runs_of<'a>(
        &'a self,
        courses: &'a mut Courses,
    ) -> impl Iterator<Item = (&'a SignalSpec, &'a mut Arc<Runs>)> {
        courses.iter_mut().filter_map(|(place, course)| {
            let preset = self.monitoring.presets.get(place.0)?;
            let spec = preset.signals.get(place.1)?;
            match course {
                Course::Runs(runs) => Some((spec, runs)),
                Course::Grid(_) => None,
            }
        })
    }

    /// Continues a course at a pace, or reads it whole.
    async fn course_at(
        &self,
        spec: &SignalSpec,
        pace: Pace,
        held: Option<Course>,
        now: Millis,
        stamps: &mut Stamps,
    ) -> Result<(Course, Option<Fault>), Fault> {
        match (pace, held) {
            (Pace::Runs, Some(Course::Runs(held))) => {
                self.runs(spec, Some(held), now, stamps).await
            }
            (Pace::Runs, _) => self.runs(spec, None, now, stamps).await,
            (_, Some(Course::Grid(held))) => self.course(spec, pace, Some(held), now).await,
            _ => self.course(spec, pace, None, now).await,
        }
    }

    /// Continues a course at equal steps, or reads it whole.
    async fn course(
        &self,
        spec: &SignalSpec,
        pace: Pace,
        held: Option<Arc<OnGrid>>,
        now: Millis,
    ) -> Result<(Course, Option<Fault>), Fault> {
        let (span, step) = if pace == Pace::Days { DAYS } else { HOURS };
        let grid = Grid::stepped(span, now, step);
        let held = held.filter(|held| is_continued(held.whole_at, held.grid, grid));
        let asked = match &held {
            None => grid,
            // Of days nothing moves before the next step.
            Some(held) if pace == Pace::Days && held.grid == grid => {
                return Ok((Course::Grid(Arc::clone(held)), None));
            }
            Some(held) => tail(held.grid, grid, now),
        };
        let window = self.monitoring.window.as_secs();
        let selector = &self.monitoring.selector;
        let query = over_grid(spec, &spec.query, selector, window, step);
        let series = self.memory().names.len();
        let (mut fresh, fault) = self.in_parts(spec, &query, asked, series).await?;
        if pace == Pace::Days && spec.measure == Measure::ErrorRatio {
            // Where nothing failed nothing burns.
            let failed = |values: &[f32]| values.iter().any(|v| *v > 0.0);
            let known = |key: &SignalKey| {
                held.as_ref()
                    .is_some_and(|held| held.rows.contains_key(key))
            };
            fresh.retain(|key, values| failed(values) || known(key));
        }
        let course = match held {
            None => OnGrid {
                whole_at: Instant::now(),
                grid,
                rows: fresh,
            },
            Some(held) => held.continued(grid, asked, fresh, fault.is_none()),
        };
        Ok((Course::Grid(Arc::new(course)), fault))
    }

    /// A range of about so many series as values on a grid, gaps as NaN. A long one is asked for in parts:
    /// an answer with everything would need a multiple of the room that its values take in the end.
    pub(super) async fn in_parts(
        &self,
        spec: &SignalSpec,
        query: &str,
        grid: Grid,
        series: usize,
    ) -> Result<(OfSeries, Option<Fault>), Fault> {
        let mut rows = BTreeMap::new();
        let mut fault = None;
        for part in grid.parts(AT_ONCE / series.max(1) as u64) {
            let read = self.range(query.to_owned(), part).await?;
            fault = fault.or(self.lacking(spec.measure.word(), &read));
            self.lay_on(&mut rows, spec, &read, grid);
        }
        Ok((shared(rows), fault))
    }

    /// The series of an answer as values on a grid, gaps as NaN.
    pub(super) fn on_grid(&self, spec: &SignalSpec, read: &Read, grid: Grid) -> OfSeries {
        let mut rows = BTreeMap::new();
        self.lay_on(&mut rows, spec, read, grid);
        shared(rows)
    }

    fn lay_on(
        &self,
        rows: &mut BTreeMap<SignalKey, Vec<f32>>,
        spec: &SignalSpec,
        read: &Read,
        grid: Grid,
    ) {
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
                } else if spec.measure.adds_up() {
                    *slot + value
                } else if is_worse(direction, value.into(), (*slot).into()) {
                    value
                } else {
                    *slot
                };
            }
        }
    }
}

fn shared(rows: BTreeMap<SignalKey, Vec<f32>>) -> OfSeries {
    let shared = rows.into_iter().map(|(key, row)| (key, Arc::from(row)));
    shared.collect()
}

/// Whether a course is continued by its tail: it is not too old, and neither did the clock go back nor the
/// program pause for as long as the course.
pub(super) fn is_continued(whole_at: Instant, held: Grid, grid: Grid) -> bool {
    let ahead = grid.end() - held.end();
    let half = i64::try_from(grid.points * grid.step / 2).unwrap_or(i64::MAX);
    let again = WHOLE_AGAIN.max(Duration::from_secs(12 * grid.step));
    held.step == grid.step && whole_at.elapsed() < again && (0..half).contains(&ahead)
}

/// The end of a course that is read anew: late samples change the last two points.
pub(super) fn tail(held: Grid, grid: Grid, now: Millis) -> Grid {
    let ahead = u64::try_from(grid.end() - held.end()).unwrap_or_default();
    Grid::stepped(ahead + 2 * grid.step, now, grid.step)
}

/// The courses of these signals as series: what was over days goes with what was over hours.
fn told(courses: &Courses, of: impl Fn(&(usize, usize)) -> bool) -> Vec<SignalSeries> {
    let mut rows = Vec::new();
    let courses_of = courses
        .iter()
        .filter(|((preset, at, _), _)| of(&(*preset, *at)));
    for ((preset, at, pace), course) in courses_of {
        match course {
            Course::Runs(runs) => rows.extend(runs.series()),
            Course::Grid(hours) if *pace == Pace::Hours => {
                let days = match courses.get(&(*preset, *at, Pace::Days)) {
                    Some(Course::Grid(days)) => Some(days),
                    _ => None,
                };
                rows.extend(hours.rows.iter().map(|(key, values)| SignalSeries {
                    earlier: days.and_then(|days| days.earlier(key)),
                    ..of_values(key.clone(), hours.grid, Arc::clone(values))
                }));
            }
            Course::Grid(_) => {}
        }
    }
    rows
}

impl OnGrid {
    /// The course moved on to a grid, with its end read anew. From an answer that is not whole nobody is
    /// missed: what was known of those that it does not name stays.
    fn continued(&self, grid: Grid, asked: Grid, mut fresh: OfSeries, whole: bool) -> Self {
        let points = usize::try_from(grid.points).unwrap_or_default();
        let tail = usize::try_from(asked.points)
            .unwrap_or_default()
            .min(points);
        let moved =
            usize::try_from((grid.start - self.grid.start) / grid.step as i64).unwrap_or(points);
        let mut rows = BTreeMap::new();
        let mut splice = |key: SignalKey, old: &[f32], new: Option<&[f32]>| {
            let keeps = new.is_none() && !whole;
            let until = if keeps { points } else { points - tail };
            let mut row: Vec<f32> = Vec::with_capacity(points);
            row.extend(old.iter().skip(moved).take(until));
            row.resize(until, f32::NAN);
            match new {
                Some(new) => row.extend(&new[new.len().saturating_sub(tail)..]),
                None => row.resize(points, f32::NAN),
            }
            if row.iter().any(|v| !v.is_nan()) {
                rows.insert(key, Arc::from(row));
            }
        };
        for (key, old) in &self.rows {
            let new = fresh.remove(key);
            splice(key.clone(), old, new.as_deref());
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

    fn earlier(&self, key: &SignalKey) -> Option<Arc<Earlier>> {
        let values = self.rows.get(key)?;
        Some(Arc::new(Earlier {
            start: Millis(self.grid.start * 1_000),
            step: Duration::from_secs(self.grid.step),
            values: Arc::clone(values),
        }))
    }
}

/// Values on a grid as series.
pub(super) fn series<V: Into<Arc<[f32]>>>(
    rows: impl IntoIterator<Item = (SignalKey, V)>,
    grid: Grid,
) -> Vec<SignalSeries> {
    rows.into_iter()
        .map(|(key, values)| of_values(key, grid, values.into()))
        .collect()
}

fn of_values(key: SignalKey, grid: Grid, values: Arc<[f32]>) -> SignalSeries {
    SignalSeries {
        key,
        start: Millis(grid.start * 1_000),
        step: Duration::from_secs(grid.step),
        times: None,
        values,
        earlier: None,
    }
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

    const STEP: u64 = HOURS.1;

    fn at(seconds: i64) -> Grid {
        Grid::stepped(4 * STEP, Millis(seconds * 1_000), STEP)
    }

    #[test]
    fn a_tail_is_spliced_on_and_replaces_the_last_points() {
        let step = STEP as i64;
        let course = || OnGrid {
            whole_at: Instant::now(),
            grid: at(100 * step),
            rows: BTreeMap::from([
                (key("a"), Arc::from([1.0, 2.0, 3.0, 4.0, 5.0])),
                (
                    key("b"),
                    Arc::from([1.0, f32::NAN, f32::NAN, f32::NAN, f32::NAN]),
                ),
                (key("d"), Arc::from([1.0, 2.0, 3.0, 4.0, 5.0])),
            ]),
        };
        let tail = Grid::stepped(3 * STEP, Millis(101 * step * 1_000), STEP);
        let fresh = || {
            BTreeMap::from([
                (key("a"), Arc::from([3.5, 4.5, 5.5, 6.5])),
                (key("c"), Arc::from([f32::NAN, f32::NAN, f32::NAN, 9.0])),
            ])
        };
        let moved = course().continued(at(101 * step), tail, fresh(), true);
        assert_eq!(moved.grid, at(101 * step));
        assert_eq!(*moved.rows[&key("a")], [2.0, 3.5, 4.5, 5.5, 6.5]);
        assert!(!moved.rows.contains_key(&key("b")), "it has ended");
        let new = &moved.rows[&key("c")];
        assert!(new[..4].iter().all(|v| v.is_nan()));
        assert_eq!(new[4].to_bits(), 9.0_f32.to_bits());
        let gone = &moved.rows[&key("d")];
        assert!(gone[1..].iter().all(|v| v.is_nan()), "{gone:?}");

        let part = course().continued(at(101 * step), tail, fresh(), false);
        assert_eq!(part.rows[&key("a")], moved.rows[&key("a")]);
        let kept = &part.rows[&key("d")];
        assert_eq!(kept[..4], [2.0, 3.0, 4.0, 5.0], "it is only not named");
        assert!(kept[4].is_nan());
    }
}
