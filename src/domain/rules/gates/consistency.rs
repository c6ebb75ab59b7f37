//! Training/serving consistency: whether requests carry what the candidate was trained on, as far as
//! monitoring sees the features of serving.

use super::found::{Features, Side};
use super::{Finding, Outcome, Shown};
use crate::domain::gate::{Clause, Gate};
use crate::domain::number::brief;
use crate::domain::text::Clean;

/// The most features named in a line.
const NAMED: usize = 3;

/// Judges what serving sends.
pub(super) fn judge(gate: &Gate, features: &Side<Features>) -> Outcome {
    let finding = match features {
        Side::Known(features) => {
            let findings = gate.rule.iter().map(|clause| match clause {
                Clause::Consistent => consistent(features),
                other => Finding::foreign(other),
            });
            Finding::all(findings)
        }
        other => Finding::without(other, "the candidate's package"),
    };
    let known = features.known();
    Outcome {
        candidate: known
            .map(|f| Shown::words(&format!("{} of {} seen", seen(f), f.required.len()))),
        at: known.and_then(|f| f.at),
        source: known.and_then(|f| f.source.clone()),
        ..Outcome::of(finding)
    }
}

fn seen(features: &Features) -> usize {
    let required = features.required.iter();
    required.filter(|f| features.seen.contains(f)).count()
}

fn consistent(features: &Features) -> Finding {
    if features.seen.is_empty() {
        return Finding::unknown("no monitoring sees the features of serving");
    }
    if features.stale {
        return Finding::unknown("what monitoring says of the features is too old");
    }
    if !features.moved.is_empty() {
        let words = features
            .moved
            .iter()
            .map(|(f, score)| format!("{f} {score}"));
        return Finding::fail(format!(
            "where it answers it meets other data than in training: {}",
            list(&words.collect::<Vec<_>>())
        ));
    }
    let needs = |name: &Clean| features.required.contains(name);
    let missing = |crit: bool| {
        let of = features.missing.iter();
        let of = of.filter(move |(name, _, is)| *is == crit && needs(name));
        of.map(|(name, share, _)| format!("{name} missing in {} %", brief(share * 100.0)))
            .collect::<Vec<_>>()
    };
    let (crit, warn) = (missing(true), missing(false));
    if !crit.is_empty() {
        return Finding::fail(format!("serving does not send {}", list(&crit)));
    }
    let unseen: Vec<String> = features
        .required
        .iter()
        .filter(|f| !features.seen.contains(f))
        .map(ToString::to_string)
        .collect();
    let mut told = Vec::new();
    if !warn.is_empty() {
        told.push(list(&warn));
    }
    if !unseen.is_empty() {
        told.push(format!(
            "monitoring does not see {} that it needs: {}",
            if unseen.len() == 1 {
                "an input"
            } else {
                "inputs"
            },
            list(&unseen)
        ));
    }
    if told.is_empty() {
        Finding::pass(format!("all {} inputs seen", features.required.len()))
    } else {
        Finding::warn(told.join("; "))
    }
}

fn list(words: &[String]) -> String {
    let mut text = words[..words.len().min(NAMED)].join(", ");
    if words.len() > NAMED {
        use std::fmt::Write as _;
        // Writing to a string cannot fail.
        let _ = write!(text, " and {} more", words.len() - NAMED);
    }
    text
}
