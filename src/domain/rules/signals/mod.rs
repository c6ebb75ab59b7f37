//! The rules of monitoring: from readings, their courses and the policy to gauges and findings. One
//! rule a file; what all of them look at is [`Monitored`].

pub mod alerts;
pub mod burn;
pub mod course;
pub mod data_drift;
pub mod drift;
pub mod errors;
pub mod latency;
pub mod lines;
pub mod monitor;
pub mod noise;
pub mod saturation;
pub mod state;
#[cfg(test)]
mod testing;
pub mod words;

use std::fmt;
use std::time::Duration;

use self::course::Course;
use self::lines::Lined;
use crate::domain::drift::Method;
use crate::domain::fleet::view::DriftSummary;
use crate::domain::key::{Key, SourceId};
use crate::domain::last_known::Held;
use crate::domain::level::{Level, Reason, ReasonCode};
use crate::domain::rules::freshness::Freshness;
use crate::domain::settings::{ModelSettings, SignalPolicy};
use crate::domain::signal::{Direction, Gauge, Lines, Measure, SignalReading, SignalSeries, State};
use crate::domain::text::Clean;
use crate::domain::time::{Millis, Since};

/// How the signals of a source stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Standing {
    /// Whether its newest answer can be relied on.
    pub freshness: Freshness,
    /// The newest poll that it answered.
    pub read_at: Option<Millis>,
}

/// A reading with everything that rules need to know of it, worked out once.
#[derive(Clone, Copy, Debug)]
pub struct Sample<'a> {
    /// The reading.
    pub reading: &'a SignalReading,
    /// How it stands.
    pub state: State,
    /// Whether its source can be relied on now: else what it says is history.
    pub current: bool,
    /// When its source was last read.
    pub read_at: Option<Millis>,
    /// Its drift method, where it names one that is known.
    pub method: Option<Method>,
    /// Which way is bad.
    pub direction: Direction,
    /// The lines that judge it.
    pub lines: Lines,
    /// Rows behind it.
    pub n: Option<u32>,
    /// The score to expect without drift.
    pub noise_floor: Option<f64>,
    /// What the number alone says, whatever its state.
    pub by_number: Option<Level>,
    /// How bad.
    pub level: Option<Level>,
}

impl Sample<'_> {
    /// The measure.
    pub fn measure(&self) -> Measure {
        self.reading.key.measure
    }

    /// The number.
    pub fn value(&self) -> Option<f64> {
        self.reading.value.value()
    }

    /// Whether a number is over a line of this signal.
    pub fn is_over(&self, value: f64, line: f64) -> bool {
        match self.method {
            Some(method) => method.is_drift(value, line),
            None => self.direction.is_over(value, line),
        }
    }

    /// The line that its number has crossed: the critical one first.
    pub fn crossed(&self) -> Option<f64> {
        let value = self.value()?;
        let lines = [self.lines.crit, self.lines.warn].into_iter().flatten();
        let mut over = lines.filter(|line| self.is_over(value, *line));
        over.next()
    }

    /// How far over its line it is, for ranking: 1 at the line, more beyond it; 0 where nothing can
    /// be said. A p-value a hundred times below its line is as far over as a score a hundred above.
    pub fn badness(&self) -> f64 {
        let line = self.lines.warn.or(self.lines.crit);
        let (Some(value), Some(line)) = (self.value(), line) else {
            return 0.0;
        };
        let ratio = match self.direction {
            Direction::HighIsBad => value / line,
            Direction::LowIsBad => line / value,
            Direction::Neither => return 0.0,
        };
        if ratio.is_nan() { 0.0 } else { ratio.max(0.0) }
    }

    /// The reading as screens show it.
    pub fn gauge(&self) -> Gauge {
        Gauge {
            key: self.reading.key.clone(),
            value: self.value(),
            state: self.state,
            unit: self.reading.unit,
            direction: self.direction,
            lines: self.lines,
            n: self.n.map(u64::from),
            noise_floor: self.noise_floor,
            at: self.reading.at,
            level: self.level,
        }
    }

    /// A finding that rests on this reading. What a source said that cannot be relied on any more is
    /// neither true nor false: the finding stays, as unknown, with the time of the reading.
    pub fn finding(&self, code: ReasonCode, level: Level, text: String, since: Since) -> Reason {
        let (level, text) = match (self.current, self.read_at) {
            (true, _) => (level, text),
            (false, Some(at)) => (
                Level::Unknown,
                format!("{text}, as read {}", at.day_minute()),
            ),
            (false, None) => (Level::Unknown, format!("{text}, as last read")),
        };
        Reason {
            code,
            level,
            text: Clean::text(&text),
            since,
            source: Some(self.reading.key.source.clone()),
        }
    }
}

/// Everything that the rules look at for one model.
#[derive(Debug)]
pub struct Monitored<'a> {
    /// Its readings, in the order of their keys.
    pub samples: Vec<Sample<'a>>,
    /// Their recent course, in the order of the keys.
    pub courses: &'a [Held<SignalSeries>],
    /// The version in production, as the registry writes it.
    pub version: Option<&'a Key>,
    /// What is set for the model.
    pub settings: Option<&'a ModelSettings>,
    /// The limits.
    pub policy: &'a SignalPolicy,
    /// The present.
    pub now: Millis,
}

impl<'a> Monitored<'a> {
    /// The readings of a measure.
    pub fn of(&self, measure: Measure) -> &[Sample<'a>] {
        let from = self.samples.partition_point(|s| s.measure() < measure);
        let to = self.samples.partition_point(|s| s.measure() <= measure);
        &self.samples[from..to]
    }

    /// The course of a reading.
    pub fn course(&self, sample: &Sample<'_>) -> Option<Course<'a>> {
        let key = &sample.reading.key;
        let at = self
            .courses
            .binary_search_by(|held| held.fact.key.cmp(key))
            .ok()?;
        Some(Course::of(&self.courses[at].fact))
    }

    /// Since when a reading has been over a line without a break, as far as its course tells.
    pub fn over_since(&self, sample: &Sample<'_>, line: f64) -> Since {
        self.course(sample).map_or(Since::Unknown, |course| {
            course.onset(|value| sample.is_over(value, line))
        })
    }

    /// Whether a reading is of the version in production, or of all versions together.
    pub fn is_of_production(&self, sample: &Sample<'_>) -> bool {
        let version = sample.reading.key.version.raw();
        version.is_empty() || self.version.is_none_or(|v| same_version(v.raw(), version))
    }
}

/// Whether two words name one version: `13` is `v13`.
pub fn same_version(a: &str, b: &str) -> bool {
    let bare = |word: &'_ str| -> usize {
        let rest = word.strip_prefix('v').unwrap_or(word);
        let digits = !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit());
        if digits { word.len() - rest.len() } else { 0 }
    };
    a[bare(a)..] == b[bare(b)..]
}

/// What a model's readings say, judged.
#[derive(Debug, Default)]
pub struct Judged {
    /// One gauge a measure, for lists.
    pub gauges: Vec<Gauge>,
    /// How its features stand.
    pub drift: Option<DriftSummary>,
    /// What is wrong.
    pub reasons: Vec<Reason>,
    /// When the judgement may change by time alone.
    pub until: Option<Millis>,
}

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
            read_at: standing.read_at,
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
        sample.by_number = by_number(&sample);
        sample.level = by_state(&sample);
        samples.push(sample);
    }
    let monitored = Monitored {
        samples,
        courses,
        version: beside.version,
        settings: beside.settings,
        policy: beside.policy,
        now: beside.now,
    };
    (monitored, until)
}

/// Judges a model's signals by every rule, in the order in which an engineer would want to hear them.
pub fn judge(m: &Monitored<'_>, until: Option<Millis>) -> Judged {
    let mut reasons = Vec::new();
    if m.samples.is_empty() {
        return Judged::default();
    }
    reasons.extend(errors::judge(m));
    reasons.extend(latency::judge(m));
    reasons.extend(saturation::judge(m));
    reasons.extend(monitor::judge(m));
    let (drift, found) = data_drift::judge(m);
    reasons.extend(found);
    reasons.extend(drift::judge(m));
    Judged {
        gauges: gauges(m),
        drift,
        reasons,
        until,
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
        State::Stale | State::Error | State::LowN => sample.by_number.map(|_| Level::Unknown),
        State::Nan => (sample.direction != Direction::Neither).then_some(Level::Unknown),
        State::NoTraffic | State::NoData => None,
    }
}

/// The measures that lists show, one gauge each.
const LISTED: [Measure; 15] = [
    Measure::Requests,
    Measure::ErrorRatio,
    Measure::LatencyP50,
    Measure::LatencyP95,
    Measure::LatencyP99,
    Measure::LatencyMean,
    Measure::Queue,
    Measure::Saturation,
    Measure::PredictionMean,
    Measure::PositiveShare,
    Measure::DriftShare,
    Measure::PredictionDrift,
    Measure::QualityRealised,
    Measure::QualityEstimated,
    Measure::LabelCoverage,
];

fn gauges(m: &Monitored<'_>) -> Vec<Gauge> {
    LISTED
        .into_iter()
        .filter_map(|measure| gauge(m, m.of(measure)))
        .collect()
}

/// The gauge of a measure: the reading of all versions together where there is one, the sum of the
/// versions where they add up, else the worst of them.
fn gauge(m: &Monitored<'_>, samples: &[Sample<'_>]) -> Option<Gauge> {
    let whole = |s: &&Sample<'_>| s.reading.key.version.raw().is_empty();
    let numbers = |s: &&Sample<'_>| s.value().is_some();
    let whole: Vec<&Sample<'_>> = samples.iter().filter(whole).collect();
    if let Some(sample) = worst(whole.iter().copied()) {
        return Some(sample.gauge());
    }
    let first = samples.first()?;
    let adds = matches!(first.measure(), Measure::Requests | Measure::Queue);
    if adds {
        // One source's versions: two sources that see the same requests must not count twice.
        let of = |s: &&Sample<'_>| s.reading.key.source == first.reading.key.source;
        let sum: f64 = samples.iter().filter(of).filter_map(Sample::value).sum();
        let mut gauge = samples.iter().find(numbers).unwrap_or(first).gauge();
        gauge.value = gauge.value.map(|_| sum);
        gauge.key.version = Key::new("");
        return Some(gauge);
    }
    let production = samples.iter().filter(|s| m.is_of_production(s));
    worst(production)
        .or_else(|| worst(samples.iter()))
        .map(Sample::gauge)
}

/// The worst reading: by level, then by how far it is over its line. A number comes before none.
pub(super) fn worst<'s, 'a: 's>(
    samples: impl Iterator<Item = &'s Sample<'a>>,
) -> Option<&'s Sample<'a>> {
    samples.max_by(|a, b| {
        let rank = |s: &Sample<'_>| (s.level, s.value().is_some(), s.by_number);
        rank(a)
            .cmp(&rank(b))
            .then_with(|| a.badness().total_cmp(&b.badness()))
    })
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

pub(super) fn earliest(a: Option<Millis>, b: Option<Millis>) -> Option<Millis> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// How long a reading's window is, in words: ` (5m)`.
pub(super) fn window_words(window: Option<Duration>) -> String {
    window.map_or_else(String::new, |w| format!(" ({})", words::length(w)))
}

#[cfg(test)]
mod tests;
