//! What a write of ours has changed, as the ledger tells it: with who, why and exactly when. What others
//! observe of the same merges into it.

use super::act::Act;
use super::record::{How, Written};
use crate::domain::change::{Change, ChangeKind, Origin, Subject};
use crate::domain::observed::version_word;
use crate::domain::text::Clean;

/// The changes that a write is known to have made: those of steps that took effect. Tags, silences and
/// marks on charts are not among them: the ledger knows no such change, or their own server tells of it.
pub fn changes(written: &Written) -> Vec<Change> {
    let steps = written.plan.steps.iter().zip(&written.steps);
    steps
        .filter_map(|(step, progress)| {
            let (end, ended) = progress.ended.as_ref()?;
            // What was there already was somebody else's doing.
            if !matches!(end.how, How::Done | How::Overtaken) {
                return None;
            }
            let (subject, kind, from, to) = told(&step.act)?;
            Some(Change {
                subject,
                kind,
                from,
                to,
                not_before: progress.intended.unwrap_or(*ended).min(*ended),
                not_after: *ended,
                actor: Some(written.actor.name()),
                origin: Origin::Own,
                evidence: evidence(written),
            })
        })
        .collect()
}

/// What an act changes, in the words that observers use.
fn told(act: &Act) -> Option<(Subject, ChangeKind, Clean, Clean)> {
    match act {
        Act::MoveAlias {
            model,
            alias,
            from,
            to,
        } => {
            let from = from.as_ref().map(|pin| version_word(&pin.version));
            let kind = ChangeKind::Alias(alias.clean());
            let subject = Subject::Model(model.clone());
            let from = from.unwrap_or_default();
            Some((subject, kind, from, version_word(&to.version)))
        }
        Act::DeleteAlias { model, alias, from } => {
            let kind = ChangeKind::Alias(alias.clean());
            let subject = Subject::Model(model.clone());
            Some((subject, kind, version_word(&from.version), Clean::empty()))
        }
        Act::SetStage {
            version, from, to, ..
        } => {
            let kind = ChangeKind::Stage(version_word(&version.version));
            let subject = Subject::Model(version.model.clone());
            Some((subject, kind, from.clean(), to.clean()))
        }
        _ => None,
    }
}

/// `roll-back 8F3K2A: errors after the release`; [`Change::reason`] takes it apart again.
fn evidence(written: &Written) -> Clean {
    let plan = &written.plan;
    let (verb, id) = (plan.verb, plan.id.short());
    Clean::text(&if written.reason.is_empty() {
        format!("{verb} {id}")
    } else {
        format!("{verb} {id}: {}", written.reason)
    })
}

#[cfg(test)]
#[path = "effect_tests.rs"]
mod tests;
