//! A second person's approval: there, for this and nothing else, in time, by another, and signed where the
//! policy asks for that.

use super::found::{Approved, Side};
use super::{Finding, Outcome, Shown, times};
use crate::domain::gate::approval::{self, Against, Approval, Signature, Standing};
use crate::domain::gate::{Clause, Gate, Of};
use crate::domain::text::Clean;
use crate::domain::time::Millis;

/// Judges an approval.
pub(super) fn judge(gate: &Gate, approved: &Approved, now: Millis) -> Outcome {
    let approval = match &approved.approval {
        Side::Known(Some(approval)) => approval,
        Side::Known(None) if approved.unreadable.is_some() => {
            let why = approved.unreadable.as_ref().map_or("", |why| why.as_str());
            return Outcome::of(Finding::fail(why));
        }
        Side::Known(None) => return Outcome::of(Finding::fail("nobody has approved it")),
        other => return Outcome::of(Finding::without(other, "the candidate's tags")),
    };
    let standing = approval::judge(
        approval,
        Against {
            binding: &approved.binding,
            promoter: approved.promoter.as_ref().map(Clean::as_str),
            signature: &approved.signature,
            now,
        },
    );
    let findings = gate
        .rule
        .iter()
        .map(|clause| of_clause(clause, approval, &approved.signature, &standing, now));
    Outcome {
        candidate: Some(Shown::words(approval.by.as_str())),
        at: Some(approval.at),
        ..Outcome::of(Finding::all(findings))
    }
}

fn of_clause(
    clause: &Clause,
    approval: &Approval,
    signature: &Signature,
    standing: &Standing,
    now: Millis,
) -> Finding {
    let by = &approval.by;
    match (clause, standing) {
        (Clause::Claimed | Clause::Verified, Standing::Void(why)) => Finding::fail(why.as_str()),
        (Clause::Claimed | Clause::Verified, Standing::Unknown(why)) => {
            Finding::unknown(why.as_str())
        }
        (Clause::Claimed | Clause::Verified, Standing::Verified) => {
            Finding::pass(format!("{by}, signature verified"))
        }
        (Clause::Claimed, Standing::Claimed(why)) => {
            Finding::pass(format!("claimed by {by}: {why}"))
        }
        (Clause::Verified, Standing::Claimed(why)) => match (&approval.signature, signature) {
            (None, _) => Finding::fail(format!("only claimed by {by}: {why}")),
            (Some(_), Signature::Unchecked) => Finding {
                pending: true,
                ..Finding::unknown(format!("approved by {by}: {why}"))
            },
            (Some(_), _) => Finding::unknown(format!("approved by {by}: {why}")),
        },
        (Clause::Limit(limit), _) if limit.of == Of::Age => {
            times::limit(*limit, approval.at, true, now)
        }
        (other, _) => Finding::foreign(other),
    }
}
