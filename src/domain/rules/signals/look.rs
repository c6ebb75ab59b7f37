//! The first look at a model's readings: the state of each, the lines that count for it, the rows behind
//! it, and how bad its number is. The rules go by what is found here.

use std::fmt;

use super::lines::{self, Lined};
use super::{
    Began, Monitored, Sample, Standing, counting, data_drift, monitor, noise, quality, shares,
    state,
};
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
    /// The versions that endpoints answer.
    pub answering: Vec<Key>,
    /// When the version in production began to answer, as far as is known.
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
    beside: Beside<'a, S>,
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
        let reference = reading.reference_n.or_else(|| side.reference(reading));
        let noise_floor = if is_drift {
            noise::floor(reading.key.method.raw(), beside.policy.bins, n, reference)
        } else {
            None
        };
        let written = reading.written_at.or_else(|| side.last_run(source));
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
        served: beside.answering,
        began: beside.began,
        settings: beside.settings,
        policy: beside.policy,
        now: beside.now,
    };
    for share in shares::judge(&monitored) {
        if !counting::is_served(&share.version, &monitored.served) {
            monitored.served.push(share.version);
        }
    }
    count_requests(&mut monitored);
    grey(&mut monitored);
    quieten(&mut monitored);
    hold_back(&mut monitored);
    (monitored, until)
}

/// Takes the verdict from what rests on labels that have mostly not come yet.
fn grey(m: &mut Monitored<'_>) {
    if m.of(Measure::LabelCoverage).is_empty() {
        return;
    }
    let rests_on_labels =
        |s: &Sample<'_>| matches!(s.measure(), Measure::QualityRealised | Measure::TargetDrift);
    let grey: Vec<usize> = (0..m.samples.len())
        .filter(|at| rests_on_labels(&m.samples[*at]))
        .filter(|at| {
            let come = quality::coverage(m, &m.samples[*at]);
            come.is_some_and(|share| m.policy.lacks_labels(share))
        })
        .collect();
    for at in grey {
        let sample = &mut m.samples[at];
        (sample.by_number, sample.level) = (None, None);
        if sample.state == State::Value {
            sample.state = State::LowN;
        }
    }
}

/// Says how many requests a ratio or a time of serving rests on: as many as were counted in its window, of the
/// same version by the same source. Whether they are enough is not asked: of few requests each counts.
fn count_requests(m: &mut Monitored<'_>) {
    let counted = |s: &Sample<'_>| -> Option<u32> {
        let window = s.reading.window?;
        let key = &s.reading.key;
        let mut requests = m.of(Measure::Requests).iter();
        let of_same = |r: &&Sample<'_>| {
            r.reading.key.version == key.version && r.reading.key.source == key.source
        };
        let rate = requests.find(of_same)?.value()?;
        let n = (rate * window.as_secs_f64()).round();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "as many requests as fit a window"
        )]
        (n >= 0.0 && n <= f64::from(u32::MAX)).then_some(n as u32)
    };
    let is_of_requests = |s: &Sample<'_>| {
        matches!(
            s.measure(),
            Measure::ErrorRatio
                | Measure::LatencyP50
                | Measure::LatencyP95
                | Measure::LatencyP99
                | Measure::LatencyMean
        )
    };
    let counts: Vec<(usize, u32)> = (0..m.samples.len())
        .filter(|at| is_of_requests(&m.samples[*at]) && m.samples[*at].n.is_none())
        .filter_map(|at| Some((at, counted(&m.samples[at])?)))
        .collect();
    for (at, n) in counts {
        m.samples[at].n = Some(n);
    }
}

/// Takes the value from what a process tells of its answers while nobody asks it: it shows its last one again,
/// also where it was started anew and has answered none.
fn quieten(m: &mut Monitored<'_>) {
    let answers = |s: &Sample<'_>| {
        matches!(
            s.measure(),
            Measure::PredictionMean | Measure::PositiveShare
        ) && s.state == State::Value
    };
    let quiet: Vec<usize> = (0..m.samples.len())
        .filter(|at| answers(&m.samples[*at]) && is_quiet(m, &m.samples[*at]))
        .collect();
    for at in quiet {
        let sample = &mut m.samples[at];
        (sample.state, sample.by_number, sample.level) = (State::NoTraffic, None, None);
    }
}

/// Whether the source of a reading counts requests, and none of its version, or none at all where it does not
/// tell them apart.
fn is_quiet(m: &Monitored<'_>, sample: &Sample<'_>) -> bool {
    let key = &sample.reading.key;
    let requests = || {
        let all = m.of(Measure::Requests).iter();
        all.filter(|s| s.reading.key.source == key.source)
    };
    let of = |version: &Key| {
        let mut own = requests().filter(|s| s.reading.key.version == *version);
        own.next().map(|first| {
            let idle = |s: &Sample<'_>| match s.state {
                State::NoTraffic => true,
                State::Value => s.value() == Some(0.0),
                _ => false,
            };
            idle(first) && own.all(idle)
        })
    };
    of(&key.version)
        .or_else(|| of(&Key::new("")))
        .unwrap_or(false)
}

/// A score over its critical line is critical once it has stayed there: until then each screen says so.
fn hold_back(m: &mut Monitored<'_>) {
    let early: Vec<usize> = (0..m.samples.len())
        .filter(|at| {
            let sample = &m.samples[*at];
            sample.measure().is_of_drift()
                && sample.level == Some(Level::Crit)
                && !data_drift::is_lasting(m, sample)
        })
        .collect();
    for at in early {
        m.samples[at].level = Some(Level::Warn);
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

/// What other readings of the model say of its jobs: rows and the last run. A job's word holds for its own
/// scores alone: those of its source, of the version that it looked at and, where runs have times, of one run.
#[derive(Debug, Default)]
struct Counts<'a> {
    samples: Vec<(&'a SignalReading, u32)>,
    reference: Vec<(&'a SignalReading, u32)>,
    last_run: Vec<(&'a SourceId, Millis)>,
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
                Measure::Samples => counts.samples.push((reading, rows(value))),
                Measure::ReferenceSamples => counts.reference.push((reading, rows(value))),
                Measure::LastRun => {
                    let at = monitor::stamp(value);
                    let source = &reading.key.source;
                    match counts.last_run.iter_mut().find(|(of, _)| *of == source) {
                        Some((_, last)) => *last = at.max(*last),
                        None => counts.last_run.push((source, at)),
                    }
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
        let of = |part: &str| counted(&self.samples, reading, part);
        match reading.key.measure {
            Measure::Fairness => of(reading.key.part.raw()),
            _ => of(reading.key.part.raw()).or_else(|| of("")),
        }
    }

    /// Rows of the reference behind a reading.
    fn reference(&self, reading: &SignalReading) -> Option<u32> {
        let of = |part: &str| counted(&self.reference, reading, part);
        of(reading.key.part.raw()).or_else(|| of(""))
    }

    /// When the newest job of a source ran.
    fn last_run(&self, source: &SourceId) -> Option<Millis> {
        let mut all = self.last_run.iter();
        all.find(|(of, _)| *of == source).map(|(_, at)| *at)
    }
}

/// The rows that were counted for a part beside a reading: of its version, else of all together.
fn counted(all: &[(&SignalReading, u32)], of: &SignalReading, part: &str) -> Option<u32> {
    let beside = |version: &str| {
        let mut same = all.iter().filter(|(other, _)| {
            other.key.source == of.key.source
                && other.key.part.raw() == part
                && other.key.version.raw() == version
                && other.at == of.at
        });
        same.next().map(|(_, n)| *n)
    };
    beside(of.key.version.raw()).or_else(|| beside(""))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count that is no count becomes the nearest one"
)]
fn rows(value: f64) -> u32 {
    value as u32
}
