//! The inverse of a write: the steps that took effect, inverted, newest first.

use super::{Planning, retrain};
use crate::domain::action::{
    Act, Friction, PLAN_HOLDS, Plan, PlanId, Step, UNDO_HOLDS, Verb, Weight, Written,
};
use crate::domain::text::Clean;
use crate::domain::time::{Millis, Now, age};

/// The last write of this context that a person made here and that can still be taken back.
pub fn last<'a>(with: &Planning<'a>) -> Option<&'a Written> {
    let here = &with.fleet.context().name;
    let newest = with.writes.iter().rev();
    newest
        .filter(|written| written.plan.context == *here && written.plan.verb != Verb::Undo)
        .filter(|written| !is_past(written, with))
        .find(|written| written.undone_by.is_none() && written.applied().next().is_some())
}

/// Whether it started a run that has ended: there is nothing left to cancel, and it must not stand
/// before older writes.
fn is_past(written: &Written, with: &Planning<'_>) -> bool {
    let run = retrain::run_of(&written.plan, with.fleet);
    let held = run.and_then(|run| with.fleet.pipeline_run(&run));
    held.is_some_and(|held| !held.fact.state.is_live())
}

/// Until when a write can be taken back with one key.
///
/// # Errors
/// Why it cannot: there is nothing to take back, it is too late, or it was taken back already.
pub fn until(written: &Written, now: Millis) -> Result<Millis, Clean> {
    let refuse = |why: &str| Err(Clean::text(why));
    let Some((_, ended)) = written.ended else {
        return refuse("it has not ended yet: follow it with F");
    };
    if let Some(by) = &written.undone_by {
        return refuse(&format!("it was taken back already, by {}", by.short()));
    }
    if written.open().next().is_some() {
        return refuse("its outcome is not known: check it first");
    }
    let until = written.plan.undo_until.unwrap_or(ended.plus(UNDO_HOLDS));
    if now > until {
        return refuse(&format!(
            "it could be undone until {}: plan the way back anew",
            until.day_minute()
        ));
    }
    let required = |step: &Step| step.weight == Weight::Required;
    if written.applied().next().is_none() {
        return refuse("it has changed nothing");
    }
    if !inverses(written).any(|(step, act)| required(step) && act.is_some()) {
        return refuse("nothing of it can be taken back");
    }
    Ok(until)
}

/// The steps that took effect, newest first, each with what takes it back.
fn inverses(written: &Written) -> impl Iterator<Item = (&Step, Option<Act>)> {
    written.applied().map(|index| {
        let step = &written.plan.steps[index];
        (step, step.act.inverse(Some(&written.steps[index].receipt)))
    })
}

/// The plan that takes a write back.
///
/// # Errors
/// As [`until`] says.
pub fn plan(written: &Written, id: PlanId, now: Now) -> Result<Plan, Clean> {
    let old = &written.plan;
    until(written, now.wall)?;
    let mut notes = Vec::new();
    let mut steps = Vec::new();
    for (step, inverse) in inverses(written) {
        match inverse {
            Some(act) => steps.push(Step {
                weight: step.weight,
                ..Step::required(&step.source, act)
            }),
            None if step.weight == Weight::Required => notes.push(Clean::text(&format!(
                "cannot be taken back: {}",
                step.act.words()
            ))),
            None => {}
        }
    }
    // What matters goes back first; marks for teammates follow, newest first among their like.
    steps.sort_by_key(|step| (step.weight == Weight::BestEffort, turn(&step.act)));
    Ok(Plan {
        id,
        verb: Verb::Undo,
        context: old.context.clone(),
        subject: old.subject.clone(),
        model: old.model.clone(),
        summary: Clean::text(&format!(
            "takes back: {} ({} ago)",
            old.summary,
            age(now.wall.since(written.began))
        )),
        steps,
        gates: Vec::new(),
        notes,
        blocked: Vec::new(),
        wanting: Vec::new(),
        // Whoever could do it with this much care can take it back with no more.
        friction: old.friction.min(Friction::Name),
        read_at: now.wall,
        expires: now.mono + PLAN_HOLDS,
        undo_until: Some(now.wall.plus(UNDO_HOLDS)),
        undoes: Some(old.id.clone()),
    })
}

/// Whose turn is when: what is loaded may be what the alias names by then, and what is waited for comes
/// after whatever brings it.
fn turn(act: &Act) -> u8 {
    match act {
        Act::MoveAlias { .. } | Act::DeleteAlias { .. } => 0,
        Act::AwaitServed { .. } => 2,
        _ => 1,
    }
}
