//! Promoting: a version becomes what an alias names, once its gates let it.

use std::collections::BTreeMap;

use super::Planning;
use super::basis::NoPlan;
use super::shift::{self, Gates, Shift};
use crate::domain::action::{Plan, PlanId, Step, Verb};
use crate::domain::key::{Key, ModelKey};
use crate::domain::text::Clean;

/// A promotion that somebody wishes.
#[derive(Clone, PartialEq, Debug)]
pub struct PromoteRequest {
    /// The model.
    pub model: ModelKey,
    /// The raw alias.
    pub alias: Key,
    /// The raw version that shall hold it.
    pub to: Key,
    /// Why; may be empty.
    pub reason: Clean,
    /// Reasons that were given, by the gate that each passes, or `freeze`.
    pub overrides: BTreeMap<String, Clean>,
}

/// The plan of a promotion. `gates` is how its gates stand, `claims` the steps that claim the move, where
/// claims are on.
///
/// # Errors
/// When there is nothing to do, or nothing that could be done.
pub fn plan(
    request: &PromoteRequest,
    gates: &Gates,
    claims: &[Step],
    id: PlanId,
    with: &Planning<'_>,
) -> Result<Plan, NoPlan> {
    let shift = Shift {
        verb: Verb::Promote,
        model: &request.model,
        alias: &request.alias,
        to: &request.to,
        reason: &request.reason,
        overrides: &request.overrides,
        gates,
        claims,
    };
    shift::plan(&shift, id, with)
}
