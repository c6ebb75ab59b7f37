//! How old the version in production is against its model's own cadence: the one that is set, else the
//! one that its versions' dates show. Age alone is worth knowing; whether to retrain, quality says.

use std::time::Duration;

use super::words;
use crate::domain::key::SourceId;
use crate::domain::level::{Level, Reason, ReasonCode};
use crate::domain::text::Clean;
use crate::domain::time::{Millis, Since, age};

/// So many versions must have been made to show a cadence.
const VERSIONS: usize = 5;
/// As many of the newest versions are looked at.
const NEWEST: usize = 10;
/// A learnt cadence is overdue after so many of it: it is a habit, not a promise.
const PATIENCE: u32 = 3;

/// What the rule looks at.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The version in production, as shown.
    pub version: &'a Clean,
    /// When it was registered.
    pub created: Millis,
    /// The cadence that is set.
    pub cadence: Option<Duration>,
    /// The registry.
    pub source: &'a SourceId,
}

/// Judges the age of the version in production. `versions` are the dates of all of them, newest first.
/// Says also when the judgement changes by time alone.
pub fn judge(
    facts: Facts<'_>,
    versions: impl IntoIterator<Item = Millis>,
    now: Millis,
) -> (Option<Reason>, Option<Millis>) {
    let (limit, level, habit) = match facts.cadence {
        Some(cadence) => (cadence, Level::Warn, words::length(cadence)),
        None => match learnt(versions) {
            Some(every) => (every * PATIENCE, Level::Info, age(every)),
            None => return (None, None),
        },
    };
    let due = facts.created.plus(limit);
    if now < due {
        return (None, Some(due));
    }
    let as_a_rule = if facts.cadence.is_some() {
        "is to be"
    } else {
        "is as a rule"
    };
    let text = format!(
        "{} is {} old, and {as_a_rule} retrained every {habit}",
        facts.version,
        age(now.since(facts.created)),
    );
    let reason = Reason {
        code: ReasonCode::ModelStale,
        level,
        text: Clean::text(&text),
        since: Since::Exact(due),
        source: Some(facts.source.clone()),
    };
    (Some(reason), None)
}

/// The median time between the newest versions; less than an hour is somebody trying things.
fn learnt(versions: impl IntoIterator<Item = Millis>) -> Option<Duration> {
    let dates: Vec<Millis> = versions.into_iter().take(NEWEST).collect();
    if dates.len() < VERSIONS {
        return None;
    }
    let mut apart: Vec<Duration> = dates
        .windows(2)
        .map(|pair| pair[0].since(pair[1]))
        .collect();
    apart.sort();
    let median = apart[apart.len() / 2];
    (median >= Duration::from_secs(3_600)).then_some(median)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000;

    fn say(
        cadence: Option<u64>,
        created: i64,
        dates: &[i64],
        now: i64,
    ) -> (Option<String>, Option<i64>) {
        let facts = Facts {
            version: &Clean::name("v14"),
            created: Millis(created * DAY),
            cadence: cadence.map(|days| Duration::from_secs(days * 86_400)),
            source: &SourceId::new("mlflow"),
        };
        let dates: Vec<Millis> = dates.iter().map(|d| Millis(d * DAY)).collect();
        let (reason, until) = judge(facts, dates, Millis(now * DAY));
        (
            reason.map(|r| format!("{} {}", r.level, r.text)),
            until.map(|at| at.0 / DAY),
        )
    }

    #[test]
    fn a_set_cadence_is_a_promise() {
        assert_eq!(say(Some(7), 100, &[], 106), (None, Some(107)));
        let (said, _) = say(Some(7), 100, &[], 110);
        assert_eq!(
            said.as_deref(),
            Some("warn v14 is 10d old, and is to be retrained every 7d")
        );
    }

    #[test]
    fn a_learnt_one_is_a_habit() {
        let weekly = [100, 93, 86, 79, 72, 65];
        assert_eq!(say(None, 100, &weekly, 120), (None, Some(121)));
        let (said, _) = say(None, 100, &weekly, 130);
        assert_eq!(
            said.as_deref(),
            Some("info v14 is 4w old, and is as a rule retrained every 7d")
        );
        assert_eq!(
            say(None, 100, &weekly[..3], 900),
            (None, None),
            "three versions show none"
        );
    }
}
