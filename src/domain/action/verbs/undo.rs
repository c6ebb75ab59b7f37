//! The inverse of a write: the steps that took effect, inverted, newest first.

use super::{Planning, retrain, rollout};
use crate::domain::action::{
    Act, Friction, PLAN_HOLDS, Plan, PlanId, Step, UNDO_HOLDS, Verb, Weight, Writes, Written,
};
use crate::domain::fleet::Fleet;
use crate::domain::key::Key;
use crate::domain::text::Clean;
use crate::domain::time::{Millis, Now, age};
use crate::domain::writing::Order;

/// The last write of this context that a person made here and that can still be taken back.
pub fn last<'a>(with: &Planning<'a>) -> Option<&'a Written> {
    last_of(with.writes, with.fleet)
}

/// The last write of a fleet's context that can still be taken back.
pub(super) fn last_of<'a>(writes: &'a Writes, fleet: &Fleet) -> Option<&'a Written> {
    let newest = writes.iter().rev();
    newest
        .filter(|written| written.plan.context == fleet.context().name)
        .filter(|written| written.plan.verb != Verb::Undo && !is_past(written, fleet))
        .find(|written| written.undone_by.is_none() && written.applied().next().is_some())
}

/// Whether it started a run that has ended: there is nothing left to cancel, and it must not stand
/// before older writes.
fn is_past(written: &Written, fleet: &Fleet) -> bool {
    let run = retrain::run_of(&written.plan, fleet);
    let held = run.and_then(|run| fleet.pipeline_run(&run));
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
        return refuse(if written.seen_to.is_some() {
            "its outcome is not known: plan the way back anew"
        } else {
            "its outcome is not known: check it first"
        });
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
    // Whatever the plan that takes it back is called, it has something to do or nothing.
    if !inverses(written, &written.plan.id).any(|(step, back)| required(step) && !back.is_empty()) {
        return refuse("nothing of it can be taken back");
    }
    Ok(until)
}

/// The steps that took effect, newest first, each with what takes it back in a plan of this identity.
fn inverses<'a>(
    written: &'a Written,
    id: &'a PlanId,
) -> impl Iterator<Item = (&'a Step, Vec<Step>)> {
    let plan = &written.plan;
    written.applied().map(move |index| {
        let step = &plan.steps[index];
        if rollout::brings(plan, step) {
            let back = rollout::back(plan, step, id, |alias| version_before(plan, alias));
            return (step, back.map_or_else(Vec::new, Vec::from));
        }
        let inverse = step.act.inverse(Some(&written.steps[index].receipt));
        let back = inverse.or_else(|| hook_back(plan, step));
        let back = back.map(|act| Step {
            weight: step.weight,
            ..Step::required(&step.source, act)
        });
        (step, back.into_iter().collect())
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
    for (step, back) in inverses(written, &id) {
        if back.is_empty() && step.weight == Weight::Required && leaves_something(&step.act) {
            let what = step.act.words();
            notes.push(Clean::text(&format!("cannot be taken back: {what}")));
        }
        steps.extend(back);
    }
    // What matters goes back first; marks for teammates follow, newest first among their like.
    let order = order_of(old);
    steps.sort_by_key(|step| (step.weight == Weight::BestEffort, turn(&step.act, order)));
    Ok(Plan {
        id,
        verb: Verb::Undo,
        context: old.context.clone(),
        subject: old.subject.clone(),
        model: old.model.clone(),
        summary: Clean::text(&format!(
            "{} ({} ago)",
            taking_back(old.summary.as_str()),
            age(now.wall.since(written.began))
        )),
        steps,
        gates: Vec::new(),
        notes,
        blocked: Vec::new(),
        wanting: Vec::new(),
        passed: Vec::new(),
        // Whoever could do it with this much care can take it back with no more.
        friction: old.friction.min(Friction::Name),
        read_at: now.wall,
        expires: now.mono + PLAN_HOLDS,
        undo_until: Some(now.wall.plus(UNDO_HOLDS)),
        undoes: Some(old.id.clone()),
    })
}

/// What takes back a plan of this summary, in words: to take back what took something back is to do that
/// again.
fn taking_back(summary: &str) -> String {
    let (words, what) = match summary.split_once(": ") {
        Some(("takes back", what)) => ("does again", what),
        Some(("does again", what)) => ("takes back", what),
        _ => return format!("takes back: {summary}"),
    };
    // When that was is told anew.
    let what = what
        .strip_suffix(" ago)")
        .and_then(|what| what.rsplit_once(" ("))
        .map_or(what, |(what, _)| what);
    format!("{words}: {what}")
}

/// Which of alias and serving a plan moves first.
fn order_of(plan: &Plan) -> Order {
    let mut moves = plan.steps.iter().filter_map(|step| match step.act {
        Act::MoveAlias { .. } | Act::DeleteAlias { .. } => Some(Order::AliasFirst),
        Act::LoadModel { .. } | Act::RunHook { .. } | Act::AwaitRun { .. } => {
            Some(Order::ServingFirst)
        }
        _ => None,
    });
    moves.next().unwrap_or(Order::AliasFirst)
}

/// Whose turn is when: what went first goes back first. What is loaded may be what the alias names by then,
/// and where the alias is only a label it must not name what does not answer yet; what is waited for comes
/// after whatever brings it.
fn turn(act: &Act, order: Order) -> u8 {
    match (act, order) {
        (
            Act::MoveAlias { .. } | Act::DeleteAlias { .. } | Act::SetStage { .. },
            Order::AliasFirst,
        )
        | (
            Act::LoadModel { .. }
            | Act::RunHook { .. }
            | Act::TriggerRun { .. }
            | Act::AwaitRun { .. },
            Order::ServingFirst,
        ) => 0,
        (Act::AwaitServed { .. }, Order::AliasFirst)
        | (Act::MoveAlias { .. } | Act::DeleteAlias { .. } | Act::SetStage { .. }, _) => 2,
        _ => 1,
    }
}

/// Claims are superseded by the next one, and watching changes nothing.
fn leaves_something(act: &Act) -> bool {
    let claims = matches!(
        act,
        Act::MakeLedger { .. }
            | Act::MakeLedgerRun { .. }
            | Act::Claim { .. }
            | Act::EndClaim { .. }
    );
    act.sends() && !claims
}

/// A hook brings the version back that the alias held before.
fn hook_back(plan: &Plan, step: &Step) -> Option<Act> {
    let Act::RunHook {
        hook, model, alias, ..
    } = &step.act
    else {
        return None;
    };
    Some(Act::RunHook {
        hook: hook.clone(),
        model: model.clone(),
        version: version_before(plan, alias)?,
        alias: alias.clone(),
    })
}

/// The version that an alias held before a plan moved it.
fn version_before(plan: &Plan, alias: &Key) -> Option<Key> {
    plan.steps.iter().find_map(|step| match &step.act {
        Act::MoveAlias {
            alias: moved,
            from: Some(from),
            ..
        } if moved == alias => Some(from.version.clone()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_back_twice_is_said_once() {
        let first = taking_back("champion v13 → v14 (at last)");
        assert_eq!(first, "takes back: champion v13 → v14 (at last)");
        let again = taking_back(&format!("{first} (3m ago)"));
        assert_eq!(again, "does again: champion v13 → v14 (at last)");
        let back = taking_back(&format!("{again} (<1m ago)"));
        assert_eq!(back, first);
    }
}
