//! The plans of each verb, made of the joined state: one file a verb, each a pure function from what is
//! known to a plan or to the reason why there is none.

pub mod approve;
pub mod basis;
pub mod claiming;
pub mod edit;
pub mod marks;
pub mod promote;
pub mod retrain;
pub mod retrain_form;
pub mod rollback;
mod rollout;
pub mod shift;
pub mod silence;
mod starting;
#[cfg(test)]
mod tests;
pub mod texts;
pub mod undo;

use std::collections::BTreeMap;
use std::sync::Arc;

use self::approve::ApproveRequest;
use self::basis::NoPlan;
use self::edit::EditRequest;
use self::marks::MarkRequest;
use self::promote::PromoteRequest;
use self::retrain::RetrainRequest;
use self::rollback::RollBackRequest;
use self::shift::Gates;
use self::silence::{SilenceRequest, UnsilenceRequest};
use super::act::Act;
use super::act::Tagged;
use super::plan::{Plan, PlanId, Step, Verb};
use super::record::{Actor, Writes};
use crate::domain::fleet::Fleet;
use crate::domain::fleet::gates::{self, Details, Promotion};
use crate::domain::key::{ModelKey, SourceId};
use crate::domain::pipeline::{PipelineRunKey, Task};
use crate::domain::query::Query;
use crate::domain::text::Clean;
use crate::domain::time::{Millis, Now};

/// What somebody wishes to be done. A plan for it can be made anew at any time: from newer facts, it
/// may say something else.
#[derive(Clone, PartialEq, Debug)]
pub enum Wish {
    /// A write of ours is taken back; without an identity, the last one that can be.
    Undo(Option<PlanId>),
    /// A version becomes what an alias names.
    Promote(PromoteRequest),
    /// An earlier version becomes it again.
    RollBack(RollBackRequest),
    /// A model is frozen or acknowledged, or that ends.
    Mark(MarkRequest),
    /// Tags or a description change.
    Edit(EditRequest),
    /// Alerts are muted.
    Silence(SilenceRequest),
    /// A silence ends.
    Unsilence(UnsilenceRequest),
    /// A second person approves a promotion.
    Approve(Promotion, ApproveRequest),
    /// A model is trained again.
    Retrain(Box<RetrainRequest>),
    /// A pipeline's run is asked to end.
    CancelRun(PipelineRunKey),
    /// The failed tasks of a pipeline's run run again: with all its tasks as they were read last.
    RetryRun(PipelineRunKey, Arc<[Task]>),
}

/// What plans are made of.
#[derive(Clone, Copy, Debug)]
pub struct Planning<'a> {
    /// The joined state.
    pub fleet: &'a Fleet,
    /// What was read for the gates.
    pub details: &'a Details,
    /// What the journals tell.
    pub writes: &'a Writes,
    /// Who acts, before any registry says who that is to it: see [`Planning::acting`].
    pub actor: &'a Actor,
    /// The present.
    pub now: Now,
    /// The time that is written down: when the plan was first made. A plan that is made anew from newer
    /// facts says the same as before if they do.
    pub stamped: Millis,
}

impl Planning<'_> {
    /// The name of who acts on a model, or on something else: see [`Fleet::acting`].
    pub(super) fn acting(&self, model: Option<&ModelKey>) -> Clean {
        self.fleet.acting(self.actor, model).name()
    }
}

impl Wish {
    /// What for.
    pub fn verb(&self) -> Verb {
        match self {
            Self::Undo(_) => Verb::Undo,
            Self::Promote(_) => Verb::Promote,
            Self::RollBack(_) => Verb::RollBack,
            Self::Mark(request) => request.purpose.verb(),
            Self::Edit(_) => Verb::Edit,
            Self::Silence(_) => Verb::Silence,
            Self::Unsilence(_) => Verb::Unsilence,
            Self::Approve(..) => Verb::Approve,
            Self::Retrain(_) => Verb::Retrain,
            Self::CancelRun(_) => Verb::Cancel,
            Self::RetryRun(..) => Verb::Retry,
        }
    }

    /// What it is about, where that is one model.
    pub fn subject(&self) -> Option<Clean> {
        let model = match self {
            Self::Promote(request) => &request.model,
            Self::RollBack(request) => &request.model,
            Self::Mark(request) => &request.model,
            Self::Edit(request) => request.of.model(),
            Self::Silence(request) => request.model.as_ref()?,
            Self::Approve(promotion, _) => &promotion.model,
            Self::Retrain(request) => &request.model,
            Self::Undo(_) | Self::Unsilence(_) | Self::CancelRun(_) | Self::RetryRun(..) => {
                return None;
            }
        };
        Some(model.name.clean())
    }

    /// Whether teammates may be told why: it is then asked beside the plan, and need not be given where
    /// nothing of the plan asks for it.
    pub fn tells_why(&self) -> bool {
        matches!(
            self,
            Self::Promote(_) | Self::RollBack(_) | Self::Retrain(_)
        )
    }

    /// The plan for it, under an identity. A `reason` given beside the plan passes whatever asks for one.
    ///
    /// # Errors
    /// When there can be none, in words.
    pub fn plan(&self, id: PlanId, with: &Planning<'_>, reason: &Clean) -> Result<Plan, NoPlan> {
        let given = Some(reason).filter(|reason| !reason.as_str().trim().is_empty());
        let mut plan = self.unclaimed(id, with, given)?;
        self.annotate(&mut plan, with, given);
        if self.moves() {
            let why = match self {
                Self::Promote(PromoteRequest { reason, .. })
                | Self::RollBack(RollBackRequest { reason, .. }) => given.unwrap_or(reason),
                _ => reason,
            };
            claiming::claim(&mut plan, why, with);
        }
        Ok(plan)
    }

    /// Leaves a mark on other people's charts where the plan has none of its own and is about a model.
    fn annotate(&self, plan: &mut Plan, with: &Planning<'_>, given: Option<&Clean>) {
        let marks = |step: &Step| matches!(step.act, Act::Annotate { .. });
        let Some(model) = plan.model.clone() else {
            return;
        };
        if plan.steps.iter().any(marks) {
            return;
        }
        let why = match self {
            Self::Mark(request) => Some(&request.reason),
            Self::Silence(request) => Some(&request.comment),
            Self::Retrain(request) => given.or(Some(&request.reason)),
            _ => given,
        };
        let why = why.filter(|why| !why.is_empty());
        let why = why.map_or_else(String::new, |why| format!(": {why}"));
        let (verb, by) = (plan.verb.word(), with.acting(Some(&model)));
        let text = format!("{verb} {} · {} by {by}{why}", plan.subject, plan.summary);
        let steps = shift::annotations(*with, &plan.id, &model, &text);
        basis::add(plan, with, steps);
    }

    /// Whether it may move an alias.
    fn moves(&self) -> bool {
        matches!(self, Self::Undo(_) | Self::Promote(_) | Self::RollBack(_))
    }

    fn unclaimed(
        &self,
        id: PlanId,
        with: &Planning<'_>,
        given: Option<&Clean>,
    ) -> Result<Plan, NoPlan> {
        match self {
            Self::Undo(old) => undone(old.as_ref(), id, with, given),
            Self::Promote(request) => {
                let sheet = sheet_of(&request.promotion(), with)?;
                let mut request = request.clone();
                if let Some(reason) = given {
                    let names = sheet.to_override().map(|gate| gate.name.to_string());
                    request.overrides = passing(names, reason);
                    request.reason = reason.clone();
                }
                let gates = Gates::of(&sheet, &request.overrides);
                promote::plan(&request, &gates, id, with)
            }
            Self::RollBack(request) => {
                let mut request = request.clone();
                if let Some(reason) = given {
                    request.overrides = passing(std::iter::empty(), reason);
                    request.reason = reason.clone();
                }
                rollback::plan(&request, id, with)
            }
            Self::Mark(request) => marks::plan(request, id, with),
            Self::Edit(request) => {
                let mut request = request.clone();
                request.freeze = given.cloned();
                edit::plan(&request, id, with)
            }
            Self::Silence(request) => silence::plan(request, id, with),
            Self::Unsilence(request) => silence::end(request, id, with),
            Self::Approve(promotion, request) => {
                let sheet = sheet_of(promotion, with)?;
                let approval = approve::draft(request, &sheet, with)?;
                approve::plan(&approval, &sheet, id, with)
            }
            Self::Retrain(request) => {
                let mut request = RetrainRequest::clone(request);
                if let Some(reason) = given {
                    request.overrides = passing(std::iter::empty(), reason);
                    request.reason = reason.clone();
                }
                retrain::plan(&request, id, with)
            }
            Self::CancelRun(run) => retrain::cancel(run, id, with),
            Self::RetryRun(run, tasks) => {
                let none = std::iter::empty();
                let freeze = given.map_or_else(BTreeMap::new, |reason| passing(none, reason));
                retrain::retry(run, tasks, &freeze, id, with)
            }
        }
    }

    /// The command of a shell that does the same with a signature, where it is an approval and a gate asks
    /// for one.
    pub fn signing_command(&self, with: &Planning<'_>) -> Option<Clean> {
        let Self::Approve(promotion, request) = self else {
            return None;
        };
        let sheet = sheet_of(promotion, with).ok()?;
        approve::signing_command(request, &sheet, with)
    }

    /// Details that its plan rests on and that are not held yet: to be fetched while it is considered.
    pub fn needs(&self, fleet: &Fleet, details: &Details) -> Vec<(SourceId, Query)> {
        match self {
            Self::Promote(request) => gates::needs(fleet, details, &request.promotion()),
            Self::Approve(promotion, _) => {
                let mut needs = gates::needs(fleet, details, promotion);
                let of = Tagged::Version(promotion.candidate());
                needs.extend(texts::wanted(fleet, details, &of));
                needs
            }
            Self::Mark(request) => {
                let of = Tagged::Model(request.model.clone());
                texts::wanted(fleet, details, &of).into_iter().collect()
            }
            Self::Edit(request) => texts::wanted(fleet, details, &request.of)
                .into_iter()
                .collect(),
            Self::Undo(_)
            | Self::RollBack(_)
            | Self::Silence(_)
            | Self::Unsilence(_)
            | Self::Retrain(_)
            | Self::CancelRun(_)
            | Self::RetryRun(..) => Vec::new(),
        }
    }

    /// Who else is about to move what it moves, where that has to be read and is not held yet.
    pub fn claims(
        &self,
        fleet: &Fleet,
        details: &Details,
        writes: &Writes,
    ) -> Option<(SourceId, Query)> {
        let model = match self {
            Self::Promote(request) => &request.model,
            Self::RollBack(request) => &request.model,
            Self::Undo(Some(old)) => writes.get(old)?.plan.model.as_ref()?,
            Self::Undo(None) => undo::last_of(writes, fleet)?.plan.model.as_ref()?,
            _ => return None,
        };
        claiming::wanted(fleet, details, model)
    }

    /// The promotion that its gates judge, where it has gates.
    pub fn promotion(&self) -> Option<Promotion> {
        match self {
            Self::Promote(request) => Some(request.promotion()),
            Self::Approve(promotion, _) => Some(promotion.clone()),
            _ => None,
        }
    }
}

/// The reason for everything that asks for one, a freeze among them.
fn passing(names: impl Iterator<Item = String>, reason: &Clean) -> BTreeMap<String, Clean> {
    let freeze = std::iter::once(shift::FREEZE.to_owned());
    names
        .chain(freeze)
        .map(|name| (name, reason.clone()))
        .collect()
}

fn sheet_of(promotion: &Promotion, with: &Planning<'_>) -> Result<gates::Sheet, NoPlan> {
    let promoter = with.acting(Some(&promotion.model));
    let sheet = gates::sheet(
        with.fleet,
        with.details,
        promotion,
        Some(&promoter),
        with.now.wall,
    );
    sheet.ok_or_else(|| NoPlan::impossible(basis::NOT_HELD))
}

fn undone(
    old: Option<&PlanId>,
    id: PlanId,
    with: &Planning<'_>,
    reason: Option<&Clean>,
) -> Result<Plan, NoPlan> {
    let written = match old {
        Some(old) => with.writes.get(old),
        None => undo::last(with),
    };
    let Some(written) = written else {
        return Err(NoPlan::impossible("there is nothing of yours to undo here"));
    };
    let plan = undo::plan(written, id, with.now).map_err(NoPlan::Impossible)?;
    basis::ground(plan, with, reason)
}
