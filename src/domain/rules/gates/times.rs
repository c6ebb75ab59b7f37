//! Ages against limits: how old the training data are, and dates in tags.

use super::found::{Aged, Side};
use super::{Finding, Outcome, Shown};
use crate::domain::gate::{Clause, Gate, Limit, Of, Scale};
use crate::domain::time::Millis;

/// Judges the age of the candidate's training data.
pub(super) fn judge(
    gate: &Gate,
    champion: &Side<Aged>,
    candidate: &Side<Aged>,
    now: Millis,
) -> Outcome {
    let show = |side: &Side<Aged>| {
        side.known().map(|aged| {
            let seconds = now.since(aged.at).as_secs_f64();
            let least = if aged.exact { "" } else { "≥ " };
            Shown {
                text: Shown::words(&format!("{least}{}", Scale::Age.show(seconds))).text,
                value: Some(seconds),
            }
        })
    };
    let finding = match candidate {
        Side::Known(aged) => {
            let findings = gate.rule.iter().map(|clause| match clause {
                Clause::Limit(l) if l.of == Of::Age => {
                    let mut finding = limit(*l, aged.at, aged.exact, now);
                    finding.why = format!("{}, by {}", finding.why, aged.by);
                    finding
                }
                other => Finding::foreign(other),
            });
            Finding::all(findings)
        }
        other => Finding::without(other, "the candidate"),
    };
    Outcome {
        champion: show(champion),
        candidate: show(candidate),
        // Ages pass with the clock: the values of an approval's evidence stay.
        ..Outcome::of(finding)
    }
}

/// Holds a date against a limit of its age. An inexact date is the latest that it can be: an age under
/// the limit is then not known to be one.
pub(super) fn limit(limit: Limit, at: Millis, exact: bool, now: Millis) -> Finding {
    if at > now {
        return Finding::unknown(format!("dated ahead of now: {}", at.rfc3339()));
    }
    let seconds = now.since(at).as_secs_f64();
    let (age, bound) = (Scale::Age.show(seconds), Scale::Age.show(limit.bound));
    if !limit.sign.holds(seconds, limit.bound) {
        let least = if exact { "" } else { "at least " };
        return Finding::fail(format!("{least}{age} {} {bound}", limit.sign.broken()));
    }
    if exact {
        Finding::pass(format!("{age} {} {bound}", limit.sign.text()))
    } else {
        Finding::warn(format!(
            "at least {age}: nobody says until when the data go"
        ))
    }
}

/// A date as people and tools write it into tags: RFC 3339, `2026-11-23`, `2026-11-23 14:02:07` (UTC),
/// or seconds or milliseconds since the epoch.
pub fn date(text: &str) -> Option<Millis> {
    let text = text.trim();
    if let Ok(at) = chrono::DateTime::parse_from_rfc3339(text) {
        return Some(Millis(at.timestamp_millis()));
    }
    for form in [
        "%Y-%m-%d %H:%M:%S",
        "%Y-%m-%dT%H:%M:%S",
        "%Y-%m-%dT%H:%M:%S%.f",
    ] {
        if let Ok(at) = chrono::NaiveDateTime::parse_from_str(text, form) {
            return Some(Millis(at.and_utc().timestamp_millis()));
        }
    }
    if let Ok(day) = chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        let at = day.and_hms_opt(0, 0, 0)?;
        return Some(Millis(at.and_utc().timestamp_millis()));
    }
    let number: i64 = text.parse().ok()?;
    match text.len() {
        // From 2001 to 2286.
        10 => Some(Millis(number.checked_mul(1_000)?)),
        13 => Some(Millis(number)),
        _ => None,
    }
}
