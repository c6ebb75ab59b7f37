//! Words against a rule: tags that must be there, hold one of some values, a number or a date; and the
//! registry's status.

use super::found::Side;
use super::{Finding, Outcome, Shown, times};
use crate::domain::gate::{Clause, Gate, Of};
use crate::domain::text::Clean;
use crate::domain::time::Millis;

/// Judges the candidate's word. The champion's is shown beside it.
pub(super) fn judge(
    gate: &Gate,
    champion: &Side<Option<Clean>>,
    candidate: &Side<Option<Clean>>,
    now: Millis,
) -> Outcome {
    let show = |side: &Side<Option<Clean>>| {
        side.known().map(|word| {
            let text = word.as_ref().map_or("–", Clean::as_str);
            Shown::words(text)
        })
    };
    let finding = match candidate {
        Side::Known(word) => {
            let word = word.as_ref().filter(|w| !w.is_empty());
            let findings = gate.rule.iter().map(|c| of_clause(c, word, now));
            Finding::all(findings)
        }
        other => Finding::without(other, "the candidate"),
    };
    Outcome {
        champion: show(champion),
        candidate: show(candidate),
        ..Outcome::of(finding)
    }
}

fn of_clause(clause: &Clause, word: Option<&Clean>, now: Millis) -> Finding {
    let Some(word) = word else {
        return match clause {
            // What nobody wrote is not the forbidden word, and not known to be another either.
            Clause::Not(_) => Finding::unknown("there is no such tag"),
            _ => Finding::fail("there is no such tag"),
        };
    };
    match clause {
        Clause::OneOf(words) if words.iter().any(|w| same(w, word)) => Finding::pass(word.as_str()),
        Clause::OneOf(words) => {
            Finding::fail(format!("{word}, not {}", Clean::name(&words.join(" or "))))
        }
        Clause::Not(bad) if same(bad, word) => Finding::fail(word.as_str()),
        Clause::Present | Clause::Not(_) => Finding::pass(word.as_str()),
        Clause::Limit(limit) if limit.of == Of::Age => match times::date(word.as_str()) {
            Some(at) => times::limit(*limit, at, true, now),
            None => Finding::unknown(format!("\"{word}\" is no date")),
        },
        Clause::Limit(limit) if limit.of == Of::Value => {
            match word.as_str().trim().parse::<f64>() {
                Ok(value) if value.is_finite() => {
                    let (shown, bound) = (limit.scale.show(value), limit.scale.show(limit.bound));
                    if limit.sign.holds(value, limit.bound) {
                        Finding::pass(format!("{shown} {} {bound}", limit.sign.text()))
                    } else {
                        Finding::fail(format!("{shown} {} {bound}", limit.sign.broken()))
                    }
                }
                _ => Finding::unknown(format!("\"{word}\" is no number")),
            }
        }
        other => Finding::foreign(other),
    }
}

/// Whether a tag says a word: its case counts for nothing, as people type it.
fn same(word: &str, tag: &Clean) -> bool {
    word.trim().eq_ignore_ascii_case(tag.as_str().trim())
}
