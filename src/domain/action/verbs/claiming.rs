//! Claiming what a plan moves: the steps that stand before a move of an alias where claims are on, and
//! what is said where they are off. What a claim is, and when it holds, is in
//! [`claims`].

use std::time::Duration;

use super::Planning;
use super::basis::Basis;
use crate::domain::action::claims::{self, CLAIM_HOLDS, Intent, LAST_WRITER_WINS};
use crate::domain::action::{PLAN_HOLDS, Plan, Step, Weight};
use crate::domain::fleet::Fleet;
use crate::domain::fleet::gates::Details;
use crate::domain::key::{Key, ModelKey, SourceId};
use crate::domain::query::Query;
use crate::domain::text::Clean;

/// What has to be read before a move of a model's aliases can be planned; `None` where claims are off, and
/// once it was asked for.
pub fn wanted(fleet: &Fleet, details: &Details, model: &ModelKey) -> Option<(SourceId, Query)> {
    if !fleet.settings().claims_moves() {
        return None;
    }
    let held = fleet.registered(model)?;
    let query = Query::Claims(model.clone());
    (!details.has_asked(&query)).then(|| (held.source.clone(), query))
}

/// A move of an alias: where in its plan, by whom it is made, and from what to what.
struct Move {
    source: SourceId,
    model: ModelKey,
    alias: Key,
    from: Option<Key>,
    to: Option<Key>,
}

impl Move {
    fn of(plan: &Plan) -> Option<(usize, Self)> {
        plan.steps.iter().enumerate().find_map(|(index, step)| {
            let moved = step.act.alias_move()?;
            let found = Self {
                source: step.source.clone(),
                model: moved.model.clone(),
                alias: moved.alias.clone(),
                from: moved.from.map(|pin| pin.version.clone()),
                to: moved.to.map(|pin| pin.version.clone()),
            };
            Some((index, found))
        })
    }
}

/// Puts the claim of its move before everything else that a plan does; a plan that moves no alias stays as
/// it is. Where claims are on and somebody else holds one, or they could not be read, that stands against the
/// plan. Where they are off the plan says so.
pub fn claim(plan: &mut Plan, reason: &Clean, with: &Planning<'_>) {
    let Some((place, moved)) = Move::of(plan) else {
        return;
    };
    if !with.fleet.settings().claims_moves() {
        plan.notes.push(Clean::text(LAST_WRITER_WINS));
        return;
    }
    let mut basis = Basis::new(*with);
    let known = with.details.claims(&moved.model);
    let number = match known {
        None => Err(Clean::text(
            "who else is about to move it is still being read",
        )),
        Some(Err(why)) => Err(Clean::text(&format!(
            "who else is about to move it cannot be read: {why} (claims = \"off\" does without)"
        ))),
        Some(Ok(book)) => book.next(&moved.alias, moved.from.as_ref()),
    };
    match number {
        Ok(number) => {
            // What comes before the move may take its time: the claim has to outlast it.
            let before: Duration = plan.steps[..place]
                .iter()
                .filter(|step| step.weight == Weight::Required)
                .map(Step::within)
                .sum();
            // By the registry's clock: as it came with the claims, else as it came with its facts.
            let told = known.and_then(|known| known.as_ref().ok()?.now);
            let now = told.unwrap_or_else(|| with.fleet.registry_now(&moved.model, with.stamped));
            let intent = Intent::new(
                &plan.id,
                &with.acting(Some(&moved.model)),
                (moved.from.as_ref(), moved.to.as_ref()),
                now,
                // Consent may take as long as the plan holds.
                PLAN_HOLDS + CLAIM_HOLDS + before,
                reason,
            );
            let steps = claims::steps(&moved.source, &moved.model, &moved.alias, number, &intent);
            plan.steps.splice(0..0, basis.permitted(steps.to_vec()));
            plan.steps.push(claims::ending(
                &moved.source,
                &moved.model,
                &moved.alias,
                number,
                &intent,
            ));
        }
        Err(why) => basis.block(why),
    }
    plan.blocked.append(&mut basis.blocked);
}
