//! Reproducibility: the claims that the rule asks for, each there and not broken.

use super::found::Side;
use super::{Finding, Outcome, Shown};
use crate::domain::gate::{Clause, Gate};
use crate::domain::rules::reproducible::{Claim, Truth};

/// Judges the candidate's claims.
pub(super) fn judge(
    gate: &Gate,
    champion: &Side<[Claim; 4]>,
    candidate: &Side<[Claim; 4]>,
) -> Outcome {
    let show = |side: &Side<[Claim; 4]>| side.known().map(|claims| Shown::words(&badge(claims)));
    let finding = match candidate {
        Side::Known(claims) => {
            let findings = gate.rule.iter().map(|clause| match clause {
                Clause::Claim(part) => claims
                    .iter()
                    .find(|claim| claim.what == *part)
                    .map_or_else(|| Finding::foreign(clause), of_claim),
                other => Finding::foreign(other),
            });
            Finding::all(findings)
        }
        other => Finding::without(other, "where the candidate came from"),
    };
    Outcome {
        champion: show(champion),
        candidate: show(candidate),
        ..Outcome::of(finding)
    }
}

fn of_claim(claim: &Claim) -> Finding {
    let what = claim.what;
    match claim.truth {
        Truth::Verified => Finding::pass(format!("{what} verified")),
        Truth::Claimed => Finding::pass(format!("{what} claimed")),
        Truth::Missing => Finding::fail(format!("{what} missing: {}", claim.text)),
        Truth::Broken => Finding::fail(format!("{what} broken: {}", claim.text)),
    }
}

/// `g d m e`; `-` for what is missing, `!` for what is broken.
fn badge(claims: &[Claim; 4]) -> String {
    let letters = claims.iter().map(|claim| match claim.truth {
        Truth::Verified | Truth::Claimed => claim.what.get(..1).unwrap_or("?"),
        Truth::Missing => "-",
        Truth::Broken => "!",
    });
    letters.collect::<Vec<_>>().join(" ")
}
