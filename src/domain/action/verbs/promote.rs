//! Promoting: a version becomes what an alias names, once its gates let it.

use std::collections::BTreeMap;

use super::Planning;
use super::basis::NoPlan;
use super::shift::{self, Gates, Shift};
use crate::domain::action::{Plan, PlanId, Verb};
use crate::domain::fleet::Fleet;
use crate::domain::fleet::gates::Promotion;
use crate::domain::key::{Key, ModelKey, VersionKey};
use crate::domain::model::VersionStatus;
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

impl PromoteRequest {
    /// What its gates judge.
    pub fn promotion(&self) -> Promotion {
        Promotion {
            model: self.model.clone(),
            alias: self.alias.clone(),
            to: self.to.clone(),
        }
    }
}

/// The version that is offered for an alias: the one that challenges its holder, else the newest that is
/// ready and newer than it.
pub fn candidate(fleet: &Fleet, model: &ModelKey, alias: &Key) -> Option<Key> {
    let fact = &fleet.registered(model)?.fact;
    let holder = fact.alias(alias.raw());
    let challenger = fact.alias(&fleet.settings().policy.challenger);
    if let Some(version) = challenger.filter(|version| Some(*version) != holder) {
        return Some(version.clone());
    }
    let order = |version: &Key| {
        let key = VersionKey {
            model: model.clone(),
            version: version.clone(),
        };
        key.order()
    };
    let held = holder.map(order);
    let versions = fleet.versions(model).iter().map(|held| &held.fact);
    versions
        .filter(|version| version.status == VersionStatus::Ready)
        .filter(|version| held.as_ref().is_none_or(|held| version.key.order() > *held))
        .max_by_key(|version| version.key.order())
        .map(|version| version.key.version.clone())
}

/// The plan of a promotion. `gates` is how its gates stand. What claims the move is added by
/// [`claim`](super::claiming::claim).
///
/// # Errors
/// When there is nothing to do, or nothing that could be done.
pub fn plan(
    request: &PromoteRequest,
    gates: &Gates,
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
    };
    shift::plan(&shift, id, with)
}
