//! What a write of ours has changed, as the ledger tells it: with who, why and exactly when. What others
//! observe of the same merges into it.

use super::act::{Act, Tagged};
use super::plan::Weight;
use super::record::{How, Progress, Written};
use crate::domain::change::{Change, ChangeKind, Origin, Subject};
use crate::domain::fleet::Fleet;
use crate::domain::gate::approval::{self, Approval};
use crate::domain::key::{Key, SourceId};
use crate::domain::mark::{self, Mark};
use crate::domain::observed::version_word;
use crate::domain::text::Clean;
use crate::domain::time::Millis;

/// How much of a tag's value or of a description a change keeps.
const VALUE: usize = 80;

/// The changes that a write is known to have made: those of steps that took effect. Tags that only say
/// who and why of a move are not among them, for the move says it; nor are marks on charts, of which
/// their own server tells.
pub fn changes(written: &Written, fleet: &Fleet) -> Vec<Change> {
    let mut all: Vec<Change> = Vec::new();
    for (index, progress) in written.steps.iter().enumerate() {
        let Some(change) = changed(written, index, progress, fleet) else {
            continue;
        };
        // Loading a version and seeing it answered is one event.
        match all.iter_mut().find(|known| known.same_event(&change)) {
            Some(known) => *known = known.merged(&change),
            None => all.push(change),
        }
    }
    all
}

fn changed(written: &Written, index: usize, progress: &Progress, fleet: &Fleet) -> Option<Change> {
    let step = written.plan.steps.get(index)?;
    let (end, ended) = progress.ended.as_ref()?;
    // What was there already was somebody else's doing.
    if !matches!(end.how, How::Done | How::Overtaken) {
        return None;
    }
    let at = At {
        model: written.plan.model.clone().map(Subject::Model),
        source: &step.source,
        ended: *ended,
        fleet,
    };
    let told = at.told(&step.act)?;
    if told.kind.is_note() && step.weight == Weight::BestEffort {
        return None;
    }
    // What only watches has no moment of sending: it was set in motion by what came before.
    let since = progress.intended.unwrap_or(if step.act.sends() {
        *ended
    } else {
        written.began
    });
    Some(Change {
        subject: told.subject,
        kind: told.kind,
        from: told.from,
        to: told.to,
        not_before: since.min(*ended),
        not_after: *ended,
        actor: Some(written.actor.name()),
        origin: Origin::Own,
        evidence: evidence(written, told.why),
    })
}

/// What an act has changed, in the words that observers use.
struct Told {
    subject: Subject,
    kind: ChangeKind,
    from: Clean,
    to: Clean,
    /// Why, where the act itself says so.
    why: Clean,
}

/// Where and when an act was done.
struct At<'a> {
    /// The model that its plan is about.
    model: Option<Subject>,
    source: &'a SourceId,
    ended: Millis,
    fleet: &'a Fleet,
}

impl At<'_> {
    fn told(&self, act: &Act) -> Option<Told> {
        let of_model = |model: &crate::domain::key::ModelKey| Subject::Model(model.clone());
        let (subject, kind, from, to) = match act {
            Act::MoveAlias {
                model,
                alias,
                from,
                to,
            } => {
                let from = from.as_ref().map(|pin| version_word(&pin.version));
                let kind = ChangeKind::Alias(alias.clean());
                let from = from.unwrap_or_default();
                (of_model(model), kind, from, version_word(&to.version))
            }
            Act::DeleteAlias { model, alias, from } => {
                let kind = ChangeKind::Alias(alias.clean());
                let from = version_word(&from.version);
                (of_model(model), kind, from, Clean::empty())
            }
            Act::SetStage {
                version, from, to, ..
            } => {
                let kind = ChangeKind::Stage(version_word(&version.version));
                (of_model(&version.model), kind, from.clean(), to.clean())
            }
            Act::LoadModel {
                deployment,
                from: Some(from),
                to,
            }
            | Act::AwaitServed {
                deployment,
                from: Some(from),
                to,
            } if from != to => {
                let text = |word| self.fleet.served_text(deployment, word);
                let subject = Subject::Deployment(deployment.clone());
                (subject, ChangeKind::Served, text(from), text(to))
            }
            Act::SetTag {
                of, key, from, to, ..
            } => {
                return Some(self.tag(of, key, from.as_ref(), Some(to)));
            }
            Act::DeleteTag { of, key, from, .. } => {
                return Some(self.tag(of, key, Some(from), None));
            }
            Act::Describe { of, from, to, .. } => {
                let kind = ChangeKind::Description(version_of(of));
                (of_model(of.model()), kind, short(from), short(to))
            }
            Act::Silence {
                matchers,
                ends,
                comment,
                ..
            } => {
                let what: Vec<String> = matchers.iter().map(|m| m.text().to_string()).collect();
                return Some(Told {
                    subject: self.subject(),
                    kind: ChangeKind::Silence(Clean::name(&what.join(", "))),
                    from: Clean::empty(),
                    to: until(*ends),
                    why: comment.clone(),
                });
            }
            Act::ExpireSilence { id } => {
                let kind = ChangeKind::Silence(id.clean());
                (self.subject(), kind, Clean::name("active"), Clean::empty())
            }
            Act::TriggerRun { pipeline, run, .. } => self.run(pipeline, run, "asked for"),
            Act::CancelRun { pipeline, run, .. } => self.run(pipeline, run, "asked to end"),
            Act::RetryRun { pipeline, run, .. } => self.run(pipeline, run, "tried again"),
            Act::LoadModel { .. }
            | Act::AwaitServed { .. }
            | Act::MakeLedger { .. }
            | Act::MakeLedgerRun { .. }
            | Act::Claim { .. }
            | Act::EndClaim { .. }
            | Act::RunHook { .. }
            | Act::AwaitRun { .. }
            | Act::Annotate { .. } => return None,
        };
        Some(Told {
            subject,
            kind,
            from,
            to,
            why: Clean::empty(),
        })
    }

    /// The model that the plan is about, else the source that did it.
    fn subject(&self) -> Subject {
        let source = || Subject::Source(self.source.clone());
        self.model.clone().unwrap_or_else(source)
    }

    fn run(&self, pipeline: &Key, run: &Key, what: &str) -> (Subject, ChangeKind, Clean, Clean) {
        let kind = ChangeKind::Pipeline(pipeline.clean());
        let to = Clean::text(&format!("run {} {what}", run.clean()));
        (self.subject(), kind, Clean::empty(), to)
    }

    fn tag(&self, of: &Tagged, key: &Key, from: Option<&Key>, to: Option<&Key>) -> Told {
        let subject = Subject::Model(of.model().clone());
        let value = |key: Option<&Key>| key.map(short).unwrap_or_default();
        let note = match key.raw() {
            mark::FREEZE => Some("freeze".to_owned()),
            mark::ACKNOWLEDGED => Some("acknowledgement".to_owned()),
            raw => approval::alias_of(raw).map(|alias| {
                let alias = Clean::name(alias);
                format!("approval of {} for {alias}", version_of(of))
            }),
        };
        let Some(note) = note else {
            let version = version_of(of);
            let name = if version.is_empty() {
                key.clean()
            } else {
                Clean::name(&format!("{version} {}", key.clean()))
            };
            return Told {
                subject,
                kind: ChangeKind::Tag(name),
                from: value(from),
                to: value(to),
                why: Clean::empty(),
            };
        };
        let (before, after) = (from.and_then(ends_and_why), to.and_then(ends_and_why));
        let holds = |mark: &Option<(Millis, Clean)>| match mark {
            Some((end, _)) if *end > self.ended => until(*end),
            _ => Clean::empty(),
        };
        Told {
            subject,
            kind: ChangeKind::Mark(Clean::name(&note)),
            from: holds(&before),
            to: holds(&after),
            why: after.map(|(_, why)| why).unwrap_or_default(),
        }
    }
}

/// Until when a mark or an approval holds, and why it was left.
fn ends_and_why(value: &Key) -> Option<(Millis, Clean)> {
    let mark = Mark::read(value.raw()).map(|mark| (mark.until, mark.reason));
    let approval = || Approval::read(value.raw()).map(|one| (one.until, one.note));
    mark.or_else(|_| approval()).ok()
}

fn until(at: Millis) -> Clean {
    Clean::name(&format!("until {}", at.day_minute()))
}

fn version_of(of: &Tagged) -> Clean {
    match of {
        Tagged::Model(_) => Clean::empty(),
        Tagged::Version(version) => version_word(&version.version),
    }
}

fn short(value: &Key) -> Clean {
    Clean::limited(value.raw(), VALUE)
}

/// `roll-back 8F3K2A: errors after the release`; [`Change::reason`] takes it apart again.
fn evidence(written: &Written, own: Clean) -> Clean {
    let plan = &written.plan;
    let (verb, id) = (plan.verb, plan.id.short());
    let reason = Some(&written.reason).filter(|reason| !reason.is_empty());
    let reason = reason.cloned().unwrap_or(own);
    Clean::text(&if reason.is_empty() {
        format!("{verb} {id}")
    } else {
        format!("{verb} {id}: {reason}")
    })
}

#[cfg(test)]
#[path = "effect_tests.rs"]
mod tests;
