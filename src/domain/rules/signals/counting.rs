//! Which of several scores of one thing counts: several sources, methods and versions may all score the same
//! feature. The worst one of now does, of the versions that answer. How bad each is, the other rules say.

use super::{Sample, same_version};
use crate::domain::key::Key;
use crate::domain::level::Level;
use crate::domain::signal::{Direction, Gauge, Lines, State};

/// More than this many times the line says no more: a p-value of zero would be infinitely far over.
const MOST: f64 = 99.0;

/// A number as a share of its line, in the direction that is bad: 1 is at the line, more is worse.
pub fn over(value: f64, lines: Lines, direction: Direction) -> Option<f64> {
    let line = lines.warn.or(lines.crit)?;
    let share = match direction {
        Direction::HighIsBad => value / line,
        Direction::LowIsBad => line / value,
        Direction::Neither => return None,
    };
    (!share.is_nan()).then(|| share.clamp(0.0, MOST))
}

/// Whether readings of a version tell of what answers now. What is of no version is of all.
pub fn is_served(version: &Key, served: &[Key]) -> bool {
    let raw = version.raw();
    raw.is_empty() || served.iter().any(|one| same_version(one.raw(), raw))
}

/// How much a score counts among those of the same thing: the greatest one speaks. First come the versions
/// that answer, then what can be judged now before what is old, of too few rows or of an unknown method, then
/// the worse one. Of equal ones the one of all versions together speaks: it has the longer course.
#[derive(Clone, Copy, Debug)]
pub struct Rank {
    served: bool,
    usable: u8,
    level: Option<Level>,
    over: f64,
    of_all: bool,
}

impl Rank {
    /// The rank of a reading.
    pub fn of_sample(sample: &Sample<'_>, served: bool) -> Self {
        Self {
            served,
            usable: usable(sample.state, sample.level),
            level: sample.level,
            over: sample.badness(),
            of_all: sample.is_of_all(),
        }
    }

    /// The rank of a reading as it is shown.
    pub fn of_gauge(gauge: &Gauge, served: bool) -> Self {
        let share = |value| over(value, gauge.lines, gauge.direction);
        Self {
            served,
            usable: usable(gauge.state, gauge.level),
            level: gauge.level,
            over: gauge.value.and_then(share).unwrap_or(0.0),
            of_all: gauge.key.version.raw().is_empty(),
        }
    }

    /// Compares two: the greater one counts.
    pub fn order(&self, other: &Self) -> std::cmp::Ordering {
        let first = |r: &Self| (r.served, r.usable, r.level);
        first(self)
            .cmp(&first(other))
            .then_with(|| self.over.total_cmp(&other.over))
            .then_with(|| self.of_all.cmp(&other.of_all))
    }
}

/// How much a reading can be gone by.
fn usable(state: State, level: Option<Level>) -> u8 {
    match (state, level) {
        (State::Value, Some(_)) => 5,
        (State::LowN, _) => 4,
        (State::Stale, Some(_)) => 3,
        (State::Nan | State::Error, _) => 2,
        // Of an unknown method.
        (State::Value, None) => 1,
        (State::Stale | State::NoTraffic | State::NoData, _) => 0,
    }
}
