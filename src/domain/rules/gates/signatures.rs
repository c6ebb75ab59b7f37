//! Both signatures: what a caller of the champion would meet at the candidate.

use super::found::Side;
use super::{Finding, Outcome, Shown, Verdict};
use crate::domain::gate::{Clause, Gate};
use crate::domain::model::Signature;
use crate::domain::rules::signature::{self, Difference};

/// The most differences told in a line.
const TOLD: usize = 3;

/// Judges the candidate's signature against the champion's.
pub(super) fn judge(
    gate: &Gate,
    champion: &Side<Option<Signature>>,
    candidate: &Side<Option<Signature>>,
) -> Outcome {
    let show = |side: &Side<Option<Signature>>| {
        side.known().map(|signature| match signature {
            Some(s) => Shown::words(&inputs(s.inputs.len())),
            None => Shown::words("none"),
        })
    };
    Outcome {
        champion: show(champion),
        candidate: show(candidate),
        ..Outcome::of(finding(gate, champion, candidate))
    }
}

fn inputs(n: usize) -> String {
    format!("{n} input{}", if n == 1 { "" } else { "s" })
}

fn finding(
    gate: &Gate,
    champion: &Side<Option<Signature>>,
    candidate: &Side<Option<Signature>>,
) -> Finding {
    let new = match candidate {
        Side::Known(Some(new)) => new,
        Side::Known(None) => {
            return Finding::unknown("the candidate was logged without a signature");
        }
        other => return Finding::without(other, "the candidate's package"),
    };
    let old = match champion {
        Side::Known(Some(old)) => old,
        Side::Known(None) => {
            return Finding::unknown("the champion was logged without a signature");
        }
        other => return Finding::without(other, "the champion's package"),
    };
    let differences = signature::compare(old, new);
    let findings = gate.rule.iter().map(|clause| match clause {
        Clause::Compatible => compatible(&differences),
        Clause::Identical if differences.is_empty() => Finding::pass("no difference"),
        Clause::Identical => Finding::fail(told(&differences)),
        other => Finding::foreign(other),
    });
    Finding::all(findings)
}

fn compatible(differences: &[Difference]) -> Finding {
    let verdict = match differences.first() {
        None => return Finding::pass("no difference"),
        // The breaking ones come first.
        Some(first) if first.breaking => Verdict::Fail,
        Some(_) => Verdict::Warn,
    };
    let breaking = verdict == Verdict::Fail;
    let of: Vec<Difference> = differences
        .iter()
        .filter(|d| d.breaking == breaking)
        .cloned()
        .collect();
    Finding::of(verdict, told(&of))
}

fn told(differences: &[Difference]) -> String {
    let mut words: Vec<&str> = differences
        .iter()
        .take(TOLD)
        .map(|d| d.text.as_str())
        .collect();
    let more = format!("{} more", differences.len().saturating_sub(TOLD));
    if differences.len() > TOLD {
        words.push(&more);
    }
    words.join(", ")
}
