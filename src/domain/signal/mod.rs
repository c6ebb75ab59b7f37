//! Signals: numbers over time with a meaning, a unit and a bad direction. What a reading is lives
//! here; how bad it is, the rules say.

mod measure;
mod preset;

use std::sync::Arc;
use std::time::Duration;

pub use self::measure::{Direction, Measure, Unit};
pub use self::preset::{Absent, LabelMap, NameMap, Preset, SignalCheck, SignalSpec};
use super::key::{Key, SourceId};
use super::level::Level;
use super::text::Clean;
use super::time::Millis;

/// What was read where a number was asked for. An absent error series is not 0 %, a NaN score is not
/// a zero, and a quiet endpoint has no error ratio.
#[derive(Clone, Copy, PartialEq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measured {
    /// A number; zero and the infinities are numbers.
    Value(f64),
    /// There was nothing to measure.
    NoTraffic,
    /// No such series.
    NoData,
    /// The series holds NaN: its writer could not compute it.
    NotANumber,
}

impl Measured {
    /// A sample as a value or NaN.
    pub fn of(value: f64) -> Self {
        if value.is_nan() {
            Self::NotANumber
        } else {
            Self::Value(value)
        }
    }

    /// The number, if there is one.
    pub fn value(self) -> Option<f64> {
        match self {
            Self::Value(value) => Some(value),
            Self::NoTraffic | Self::NoData | Self::NotANumber => None,
        }
    }
}

/// How a measured value stands, for screens and JSON: the states that must never look alike.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// A number to go by.
    Value,
    /// Nothing to measure.
    NoTraffic,
    /// No such series.
    #[default]
    NoData,
    /// Not a number.
    Nan,
    /// A number that is older than its limit.
    Stale,
    /// A number from too few samples.
    LowN,
    /// The source failed.
    Error,
}

impl State {
    /// The word in JSON and sentences.
    pub fn word(self) -> &'static str {
        match self {
            Self::Value => "value",
            Self::NoTraffic => "no traffic",
            Self::NoData => "no data",
            Self::Nan => "NaN",
            Self::Stale => "stale",
            Self::LowN => "low n",
            Self::Error => "error",
        }
    }
}

/// Which series: of one model, as its monitoring names it, with the source's label map applied.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SignalKey {
    /// The registry's name of the model, after the source's name map.
    pub model: Key,
    /// What is measured.
    pub measure: Measure,
    /// The feature, quality metric or group; empty for none.
    pub part: Key,
    /// The drift method or fairness metric; empty for none. Another method is another series.
    pub method: Key,
    /// The model's version in the monitoring's words; empty for all versions together.
    pub version: Key,
    /// Who says so.
    pub source: SourceId,
}

/// The newest reading of one signal. Kept small: tens of thousands are held.
#[derive(Clone, PartialEq, Debug)]
pub struct SignalReading {
    /// Which series.
    pub key: SignalKey,
    /// What was read.
    pub value: Measured,
    /// When it was measured, where its source tells; else it holds for the time of the newest poll
    /// that was answered.
    pub at: Option<Millis>,
    /// When its writer last ran, where that is known apart from the sample's time.
    pub written_at: Option<Millis>,
    /// How it is written.
    pub unit: Unit,
    /// Which way is bad.
    pub direction: Direction,
    /// Who states its lines.
    pub lines_from: LinesFrom,
    /// Lines that its own source or its preset states; settings and policy fill in the rest.
    pub lines: Option<Arc<Lines>>,
    /// Rows behind it, at most what 32 bits hold.
    pub n: Option<u32>,
    /// Rows of the reference behind it.
    pub reference_n: Option<u32>,
    /// The window that it sums up.
    pub window: Option<Duration>,
    /// The verdict of its source's own test, where it made one, with its reason.
    pub tested: Option<Box<Tested>>,
}

impl SignalReading {
    /// A reading with its measure's own unit and direction, of which nothing else is known.
    pub fn new(key: SignalKey, value: Measured) -> Self {
        let (unit, direction) = (key.measure.unit(), key.measure.direction());
        Self {
            key,
            value,
            at: None,
            written_at: None,
            unit,
            direction,
            lines_from: LinesFrom::default(),
            lines: None,
            n: None,
            reference_n: None,
            window: None,
            tested: None,
        }
    }
}

/// Who states the lines of a reading. It decides what beats them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum LinesFrom {
    /// The series: a threshold that its own source keeps for it. Nothing beats it.
    #[default]
    Series,
    /// The preset that asked for it: settings and tags beat it.
    Preset,
}

/// The lines between levels.
#[derive(Clone, Copy, PartialEq, Debug, Default, serde::Serialize)]
pub struct Lines {
    /// Worth a warning from here on.
    pub warn: Option<f64>,
    /// Critical from here on.
    pub crit: Option<f64>,
}

/// What a source's own test says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tested {
    /// Whether it passed.
    pub passed: bool,
    /// Its reason.
    pub reason: Clean,
}

/// Samples of one signal, oldest first: at equal steps, or at times of their own where a job's runs
/// made them. [`SignalSeries::at`] tells the time of each. A NaN is a gap.
#[derive(Clone, PartialEq, Debug)]
pub struct SignalSeries {
    /// Which series.
    pub key: SignalKey,
    /// The time of the first value.
    pub start: Millis,
    /// The time between two; what lies between two runs as a rule, where `times` tells.
    pub step: Duration,
    /// The time of each value where they are not at equal steps, never falling; as many as values.
    pub times: Option<Arc<[Millis]>>,
    /// The values.
    pub values: Arc<[f32]>,
    /// What was before, at wider steps, where that is kept: for what is counted over days.
    pub earlier: Option<Arc<Earlier>>,
}

/// A longer time than its series covers, up to about the same end, at wider steps. A NaN is a gap.
#[derive(Clone, PartialEq, Debug)]
pub struct Earlier {
    /// The time of the first value.
    pub start: Millis,
    /// The time between two.
    pub step: Duration,
    /// The values.
    pub values: Arc<[f32]>,
}

impl SignalSeries {
    /// A series of runs: samples at times of their own, in any order. Of two at one time the later
    /// one holds. `None` for no samples.
    pub fn of_runs(key: SignalKey, mut samples: Vec<(Millis, f64)>) -> Option<Self> {
        samples.sort_by_key(|(at, _)| *at);
        // The later of two comes first in the reversed list, which is the one that is kept.
        samples.reverse();
        samples.dedup_by_key(|(at, _)| *at);
        samples.reverse();
        let times = samples.iter().map(|(at, _)| *at).collect();
        let values = samples.iter().map(|(_, value)| *value as f32).collect();
        Self::of_sorted_runs(key, times, values)
    }

    /// A series of runs at times that rise, as many as values. `None` for none.
    pub fn of_sorted_runs(
        key: SignalKey,
        times: Arc<[Millis]>,
        values: Arc<[f32]>,
    ) -> Option<Self> {
        let start = *times.first()?;
        let mut apart: Vec<Duration> = times.windows(2).map(|w| w[1].since(w[0])).collect();
        apart.sort_unstable();
        Some(Self {
            key,
            start,
            step: apart.get(apart.len() / 2).copied().unwrap_or_default(),
            times: Some(times),
            values,
            earlier: None,
        })
    }

    /// The time of a value.
    pub fn at(&self, index: usize) -> Millis {
        if let Some(at) = self.times.as_ref().and_then(|times| times.get(index)) {
            return *at;
        }
        let steps = u32::try_from(index).unwrap_or(u32::MAX);
        self.start.plus(self.step.saturating_mul(steps))
    }

    /// The time of the last value.
    pub fn end(&self) -> Millis {
        self.at(self.values.len().saturating_sub(1))
    }
}

/// A reading as the rules have judged it: what screens and documents show.
#[derive(Clone, PartialEq, Debug)]
pub struct Gauge {
    /// Which series.
    pub key: SignalKey,
    /// The number, where there is one; also for stale and low-n readings.
    pub value: Option<f64>,
    /// How it stands.
    pub state: State,
    /// How it is written.
    pub unit: Unit,
    /// Which way is bad.
    pub direction: Direction,
    /// The lines that judged it.
    pub lines: Lines,
    /// Rows behind it.
    pub n: Option<u64>,
    /// The score to expect without any drift, where it is known: below it, a score says nothing.
    pub noise_floor: Option<f64>,
    /// When it was measured or written, where its source tells; else it holds as of the newest poll that
    /// was answered: see [`Fleet::gauge_at`](super::fleet::Fleet::gauge_at).
    pub at: Option<Millis>,
    /// How bad; `None` where nothing says which value would be bad.
    pub level: Option<Level>,
}

#[cfg(test)]
mod tests;
