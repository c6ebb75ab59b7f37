//! The first look at a model's readings: the state of each, the lines that count for it, the rows behind
//! it, and how bad its number is. The rules go by what is found here.

use std::fmt;

use super::lines::{self, Lined};
use super::{Began, Monitored, Sample, Standing, monitor, noise, quality, state};
use crate::domain::drift::Method;
use crate::domain::key::{Key, SourceId};
use crate::domain::last_known::Held;
use crate::domain::level::Level;
use crate::domain::settings::{ModelSettings, SignalPolicy};
use crate::domain::signal::{Direction, Lines, Measure, SignalReading, SignalSeries, State};
use crate::domain::time::{Millis, earliest};

/// What is known beside the readings when they are looked at.
pub struct Beside<'a, S> {
    /// How the signals of a source stand.
    pub standing: S,
    /// What is set for the model.
    pub settings: Option<&'a ModelSettings>,
    /// The lines that the registry's tags ask for, by measure: they may only tighten.
    pub tagged: &'a [(Measure, Lines)],
    /// The version in production.
    pub version: Option<&'a Key>,
    /// When it began to answer, as far as is known.
    pub began: Option<Began>,
    /// The limits.
    pub policy: &'a SignalPolicy,
    /// The present.
    pub now: Millis,
}

impl<S> fmt::Debug for Beside<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Beside")
            .field("tagged", &self.tagged)
            .field("version", &self.version)
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}

/// Works out what each reading is worth. Says also when that may change by time alone.
pub fn look<'a, S: Fn(&SourceId) -> Standing>(
    readings: &'a [Held<SignalReading>],
    courses: &'a [Held<SignalSeries>],
    beside: &Beside<'a, S>,
) -> (Monitored<'a>, Option<Millis>) {
    let mut until = None;
    let mut standing: Option<(&SourceId, Standing)> = None;
    let mut method: (Option<&Key>, Option<Method>) = (None, None);
    let side = Counts::of(readings);
    let limit = monitor::limit(beside.settings, beside.policy);
    let mut samples = Vec::with_capacity(readings.len());
    for held in readings {
        let reading = &held.fact;
        let source = &reading.key.source;
        let standing = match standing {
            Some((known, standing)) if known == source => standing,
            _ => standing.insert((source, (beside.standing)(source))).1,
        };
        let standing = Standing {
            read_at: standing.read_at.max(Some(held.asked_at)),
            ..standing
        };
        if method.0 != Some(&reading.key.method) {
            let name = reading.key.method.raw();
            let found = (!name.is_empty()).then(|| Method::of(name)).flatten();
            method = (Some(&reading.key.method), found);
        }
        let is_drift = matches!(
            reading.key.measure,
            Measure::FeatureDrift | Measure::PredictionDrift | Measure::TargetDrift
        );
        let method = method.1.filter(|_| is_drift);
        let n = reading.n.or_else(|| side.rows(reading));
        let reference = reading.reference_n.or(side.reference);
        let noise_floor = if is_drift {
            noise::floor(reading.key.method.raw(), beside.policy.bins, n, reference)
        } else {
            None
        };
        let written = reading.written_at.or(side.last_run);
        let Lined { lines, direction } = lines::judge(
            reading,
            method,
            beside.settings,
            beside.tagged,
            beside.policy,
        );
        let mut sample = Sample {
            reading,
            state: State::Value,
            current: state::is_current(standing, beside.now),
            silent: false,
            read_at: standing.read_at,
            written: if reading.key.measure.is_from_a_job() {
                written
            } else {
                reading.written_at
            },
            method,
            direction,
            lines,
            n,
            noise_floor,
            by_number: None,
            level: None,
        };
        let (state, changes) =
            state::judge(&sample, standing, written, limit, beside.policy, beside.now);
        until = earliest(until, changes);
        sample.state = state;
        sample.silent = state::is_silent(&sample, written, limit, beside.now);
        sample.by_number = by_number(&sample);
        sample.level = by_state(&sample);
        samples.push(sample);
    }
    let mut monitored = Monitored {
        samples,
        courses,
        version: beside.version,
        began: beside.began,
        settings: beside.settings,
        policy: beside.policy,
        now: beside.now,
    };
    grey(&mut monitored);
    (monitored, until)
}

/// Takes the verdict from what rests on labels that have mostly not come yet.
fn grey(m: &mut Monitored<'_>) {
    if m.of(Measure::LabelCoverage).is_empty() {
        return;
    }
    let least = m.policy.min_label_coverage;
    let rests_on_labels =
        |s: &Sample<'_>| matches!(s.measure(), Measure::QualityRealised | Measure::TargetDrift);
    let grey: Vec<usize> = (0..m.samples.len())
        .filter(|at| rests_on_labels(&m.samples[*at]))
        .filter(|at| quality::coverage(m, &m.samples[*at]).is_some_and(|share| share < least))
        .collect();
    for at in grey {
        let sample = &mut m.samples[at];
        (sample.by_number, sample.level) = (None, None);
        if sample.state == State::Value {
            sample.state = State::LowN;
        }
    }
}

/// What a number says by itself: the outcome of its source's own test first, else its lines.
fn by_number(sample: &Sample<'_>) -> Option<Level> {
    let value = sample.value()?;
    let over = |line: Option<f64>| line.is_some_and(|line| sample.is_over(value, line));
    if let Some(tested) = &sample.reading.tested {
        return Some(match tested.passed {
            true => Level::Ok,
            false if over(sample.lines.crit) => Level::Crit,
            false => Level::Warn,
        });
    }
    if sample.direction == Direction::Neither || sample.lines == Lines::default() {
        return None;
    }
    Some(match () {
        () if over(sample.lines.crit) => Level::Crit,
        () if over(sample.lines.warn) => Level::Warn,
        () => Level::Ok,
    })
}

/// How bad a reading is with its state in mind: what cannot be relied on is unknown, and where
/// nothing is expected there is no verdict.
fn by_state(sample: &Sample<'_>) -> Option<Level> {
    match sample.state {
        State::Value => sample.by_number,
        // What is fair is no pager's business, and of few rows a ratio swings.
        State::LowN if sample.measure() == Measure::Fairness => {
            sample.by_number.map(|_| Level::Info)
        }
        State::Stale | State::Error | State::LowN => sample.by_number.map(|_| Level::Unknown),
        State::Nan => (sample.direction != Direction::Neither).then_some(Level::Unknown),
        State::NoTraffic | State::NoData => None,
    }
}

/// What other readings of the model say of its jobs: rows and the last run.
#[derive(Debug, Default)]
struct Counts<'a> {
    samples: Vec<(&'a Key, u32)>,
    reference: Option<u32>,
    last_run: Option<Millis>,
}

impl<'a> Counts<'a> {
    fn of(readings: &'a [Held<SignalReading>]) -> Self {
        let mut counts = Self::default();
        // Readings are in the order of measures, and these are the last ones.
        let from = readings.partition_point(|h| h.fact.key.measure < Measure::Samples);
        for held in &readings[from..] {
            let reading = &held.fact;
            let Some(value) = reading.value.value() else {
                continue;
            };
            match reading.key.measure {
                Measure::Samples => counts.samples.push((&reading.key.part, rows(value))),
                Measure::ReferenceSamples => counts.reference = Some(rows(value)),
                Measure::LastRun => {
                    #[expect(
                        clippy::cast_possible_truncation,
                        reason = "a stamp out of range is merely old or new"
                    )]
                    let at = Millis((value * 1e3) as i64);
                    counts.last_run = counts.last_run.max(Some(at));
                }
                _ => {}
            }
        }
        counts
    }

    /// Rows behind a reading of a job: of its own part, else of the whole.
    fn rows(&self, reading: &SignalReading) -> Option<u32> {
        if !reading.key.measure.is_from_a_job() {
            return None;
        }
        let of = |part: &str| {
            let found = self.samples.iter().find(|(key, _)| key.raw() == part);
            found.map(|(_, n)| *n)
        };
        match reading.key.measure {
            Measure::Fairness => of(reading.key.part.raw()),
            _ => of(reading.key.part.raw()).or_else(|| of("")),
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count that is no count becomes the nearest one"
)]
fn rows(value: f64) -> u32 {
    value as u32
}
