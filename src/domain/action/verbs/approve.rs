//! Approving: a tag of the candidate's version says that a second person has looked at one promotion and
//! its evidence. It counts for that promotion alone, for a time, and never for whoever wrote it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Planning;
use super::basis::{About, Basis, NoPlan};
use super::shift::Gates;
use crate::domain::action::{Act, Friction, Plan, PlanId, Step, Tagged, Verb};
use crate::domain::fleet::gates::Sheet;
use crate::domain::gate::approval::{self, Approval};
use crate::domain::key::Key;
use crate::domain::text::Clean;

/// An approval longer than this is a mistake.
const LONGEST: Duration = Duration::from_secs(90 * 86_400);
/// How much of the hash is shown.
const SHOWN: usize = 12;

/// An approval that somebody wishes to give.
#[derive(Clone, PartialEq, Debug)]
pub struct ApproveRequest {
    /// Who approves; whoever acts unless said.
    pub by: Option<Clean>,
    /// For how long it counts.
    pub hold: Duration,
    /// Why, or under which condition; may be empty.
    pub note: Clean,
}

/// The approval itself, to be signed or not before it is planned. It is dated by the registry's clock.
///
/// # Errors
/// When what it would be bound to is not read completely yet, or it would count for no time or too long.
pub fn draft(
    request: &ApproveRequest,
    sheet: &Sheet,
    with: &Planning<'_>,
) -> Result<Approval, NoPlan> {
    if sheet.counts.pending > 0 {
        let why = "the evidence is still being read: what is approved must be known first";
        return Err(NoPlan::impossible(why));
    }
    if request.hold.is_zero() || request.hold > LONGEST {
        return Err(NoPlan::impossible(
            "write for how long it counts, from a second to 90 days",
        ));
    }
    let at = with
        .fleet
        .registry_now(&sheet.promotion.model, with.stamped);
    let writer = with.actor.name();
    let by = request.by.clone().unwrap_or_else(|| writer.clone());
    let mut approval = sheet.approve(&by, at, at.plus(request.hold), request.note.clone());
    if by != writer {
        approval.writer = writer;
    }
    Ok(approval)
}

/// The plan that writes an approval down.
///
/// # Errors
/// When the model or the version is gone, the same was approved already, or the tag cannot hold it.
pub fn plan(
    approval: &Approval,
    sheet: &Sheet,
    id: PlanId,
    with: &Planning<'_>,
) -> Result<Plan, NoPlan> {
    let promotion = &sheet.promotion;
    let Some(known) = with.fleet.registered(&promotion.model) else {
        return Err(NoPlan::impossible("the registry does not hold the model"));
    };
    let candidate = promotion.candidate();
    if with.fleet.version(&candidate).is_none() {
        let text = &sheet.to.text;
        let why = format!("the registry does not hold {text} of {}", sheet.name);
        return Err(NoPlan::impossible(why));
    }
    if sheet
        .from
        .as_ref()
        .is_some_and(|from| from.key == candidate)
    {
        return Err(NoPlan::already(format!(
            "{} of {} is {} already: there is nothing to approve",
            sheet.alias, sheet.name, sheet.to.text
        )));
    }
    let mut basis = Basis::new(*with);
    basis.rests_on_model(&known.source, &promotion.model);
    basis.rests_on_expiry(&known.source);
    if approval.binding != sheet.binding {
        basis.block("the evidence has changed since it was approved: look at it again");
    }
    let value = match approval.write() {
        Ok(value) => value,
        Err(why) => return Err(NoPlan::impossible(why.to_string())),
    };
    let (from, to) = (sheet.from.as_ref().map(|from| &from.text), &sheet.to.text);
    let from = from.map_or("none", Clean::as_str);
    let hex = approval.binding.hex();
    basis.note(format!(
        "counts for {} {from} → {to} with this evidence ({}…), until {}",
        sheet.alias,
        hex.get(..SHOWN).unwrap_or(hex),
        approval.until.day_minute()
    ));
    basis.note(match &approval.signature {
        Some(_) => format!(
            "signed for {}: who checks it needs the key among the allowed signers",
            approval.by
        ),
        None => format!(
            "not signed: it is {}'s word, and a gate that asks for verified ones does not take it",
            approval.by
        ),
    });
    basis.note(format!("{} cannot promote it: it takes two", approval.by));
    if let Some(old) = &sheet.approval
        && old.binding == approval.binding
    {
        basis.note(format!("replaces the approval by {}", old.by));
    }
    let key = Key::new(&approval::tag(promotion.alias.raw()));
    let of = Tagged::Version(candidate);
    let act = Act::SetTag {
        from: basis.tag_before(&of, &key),
        of,
        key,
        to: Key::new(&value),
    };
    let steps = basis.permitted(vec![Step::required(&known.source, act)]);
    let about = About {
        verb: Verb::Approve,
        subject: sheet.name.clone(),
        model: Some(promotion.model.clone()),
        summary: Clean::text(&format!("approval of {} {from} → {to}", sheet.alias)),
        friction: Friction::Name,
    };
    let mut plan = basis.plan(id, about, steps);
    // As the approver sees them; what stands in the way of the promotion does not stand in the way of this.
    plan.gates = Gates::of(sheet, &BTreeMap::new()).notes;
    Ok(plan)
}
