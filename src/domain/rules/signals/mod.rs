//! The rules of monitoring: from readings, their courses and the policy to gauges and findings. One
//! rule a file; what all of them look at is [`Monitored`].

pub mod alerts;
pub mod burn;
pub mod concept;
pub mod counting;
pub mod course;
pub mod data_drift;
pub mod data_quality;
pub mod drift;
pub mod errors;
pub mod fairness;
mod gauges;
pub mod latency;
pub mod lines;
mod look;
pub mod monitor;
pub mod noise;
pub mod quality;
pub mod saturation;
pub mod serving_skew;
pub mod shares;
pub mod silence;
pub mod staleness;
pub mod state;
#[cfg(test)]
mod testing;
pub mod told;
pub mod traffic;
pub mod vanished;
pub mod words;

use std::time::Duration;

use self::course::Course;
pub use self::look::{Beside, look};
use self::shares::Share;
use crate::domain::drift::Method;
use crate::domain::fleet::view::DriftSummary;
use crate::domain::key::Key;
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
    /// Whether its job had been silent for too long when its source was last read: what it said last is
    /// history, and its silence the finding.
    pub silent: bool,
    /// When its source was last read.
    pub read_at: Option<Millis>,
    /// When the job that wrote it last ran, as far as any series tells.
    pub written: Option<Millis>,
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

    /// Whether it is of all versions together.
    pub fn is_of_all(&self) -> bool {
        self.reading.key.version.raw().is_empty()
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
        let over = |value| counting::over(value, self.lines, self.direction);
        self.value().and_then(over).unwrap_or(0.0)
    }

    /// The reading as screens show it.
    pub fn gauge(&self) -> Gauge {
        Gauge {
            key: self.reading.key.clone(),
            // What a process shows again that nobody asks is no value.
            value: self.value().filter(|_| self.state != State::NoTraffic),
            state: self.state,
            unit: self.reading.unit,
            direction: self.direction,
            lines: self.lines,
            n: self.n.map(u64::from),
            noise_floor: self.noise_floor,
            at: self.reading.at.max(self.written),
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

/// When a version began to answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Began {
    /// No earlier than this: until then another version was seen, or none.
    pub not_before: Millis,
    /// No later than this: from then on it is known to answer.
    pub at: Millis,
}

impl Began {
    /// A time that is known.
    pub fn exactly(at: Millis) -> Self {
        Self { not_before: at, at }
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
    /// The versions that answer requests, as far as endpoints or requests tell.
    pub served: Vec<Key>,
    /// When that version began to answer, as far as is known.
    pub began: Option<Began>,
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
        let series = &self.courses[at].fact;
        let read_at = sample.read_at.unwrap_or(self.now);
        Some(Course::with_newest(series, sample.reading, read_at))
    }

    /// Since when a reading has been over a line without a break, as far as its course tells.
    pub fn over_since(&self, sample: &Sample<'_>, line: f64) -> Since {
        self.course(sample).map_or(Since::Unknown, |course| {
            course.onset(|value| sample.is_over(value, line))
        })
    }

    /// Whether a reading is of a version that answers, or of all versions together; where nobody tells which
    /// version answers, of the one in production.
    pub fn is_of_served(&self, sample: &Sample<'_>) -> bool {
        let version = &sample.reading.key.version;
        if self.served.is_empty() {
            return self.is_of_production(sample);
        }
        counting::is_served(version, &self.served)
    }

    /// The reading that counts of several that tell the same of a model.
    pub fn counts<'s>(
        &self,
        samples: impl Iterator<Item = &'s Sample<'a>>,
    ) -> Option<&'s Sample<'a>>
    where
        'a: 's,
    {
        let rank = |s: &Sample<'_>| counting::Rank::of_sample(s, self.is_of_served(s));
        samples.max_by(|a, b| rank(a).order(&rank(b)))
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
    /// How bad everything is that has moved: features, predictions and labels.
    pub drift_level: Option<Level>,
    /// The versions that answer, as far as endpoints or requests tell, else the one in production.
    pub served: Vec<Key>,
    /// How requests are shared out between versions, where they are counted so.
    pub shares: Vec<Share>,
    /// What is wrong.
    pub reasons: Vec<Reason>,
    /// When the judgement may change by time alone.
    pub until: Option<Millis>,
}

/// Judges a model's signals by every rule, in the order in which an engineer would want to hear them.
pub fn judge(m: &Monitored<'_>, until: Option<Millis>) -> Judged {
    // A model in trouble has some.
    let mut reasons = if m.samples.is_empty() {
        Vec::new()
    } else {
        Vec::with_capacity(4)
    };
    reasons.extend(errors::judge(m));
    reasons.extend(latency::judge(m));
    reasons.extend(saturation::judge(m));
    reasons.extend(traffic::judge(m));
    reasons.extend(monitor::judge(m));
    reasons.extend(vanished::judge(m));
    reasons.extend(data_quality::judge(m));
    reasons.extend(serving_skew::judge(m));
    let moved = drift::level(m);
    let (drift, found) = data_drift::judge(m);
    let told = found.as_ref().map(|reason| reason.level);
    let features = match &drift {
        Some(summary) => summary.level.max(told),
        None => told.or_else(|| data_drift::told_share(m)?.level),
    };
    reasons.extend(found);
    reasons.extend(drift::judge(m));
    reasons.extend(quality::judge(m));
    reasons.extend(concept::judge(m, drift.as_ref()));
    reasons.extend(fairness::judge(m));
    let mut gauges = gauges::judge(m);
    told::raise(&mut gauges, &reasons);
    Judged {
        gauges,
        drift,
        drift_level: features.max(moved),
        served: if m.served.is_empty() {
            m.version.into_iter().cloned().collect()
        } else {
            m.served.clone()
        },
        shares: shares::judge(m),
        reasons,
        until,
    }
}

/// The worst reading: by level, then by how far it is over its line. A number comes before none, and of
/// equally bad ones the one of all versions together speaks: it has the longer course.
pub(super) fn worst<'s, 'a: 's>(
    samples: impl Iterator<Item = &'s Sample<'a>>,
) -> Option<&'s Sample<'a>> {
    samples.max_by(|a, b| {
        let rank = |s: &Sample<'_>| (s.level, s.value().is_some(), s.by_number);
        rank(a)
            .cmp(&rank(b))
            .then_with(|| a.badness().total_cmp(&b.badness()))
            .then_with(|| a.is_of_all().cmp(&b.is_of_all()))
    })
}

/// How long a reading's window is, in words: ` (5m)`.
pub(super) fn window_words(window: Option<Duration>) -> String {
    window.map_or_else(String::new, |w| format!(" ({})", words::length(w)))
}

#[cfg(test)]
mod tests;
