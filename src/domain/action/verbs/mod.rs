//! The plans of each verb, made of the joined state: one file a verb, each a pure function from what is
//! known to a plan or to the reason why there is none.

pub mod basis;
pub mod edit;
pub mod marks;
pub mod promote;
pub mod retrain;
pub mod rollback;
pub mod shift;
pub mod silence;
#[cfg(test)]
mod tests;
pub mod undo;

use super::plan::{Plan, PlanId, Verb};
use super::record::{Actor, Writes};
use crate::domain::fleet::Fleet;
use crate::domain::key::SourceId;
use crate::domain::query::Query;
use crate::domain::text::Clean;
use crate::domain::time::Now;

/// What somebody wishes to be done. A plan for it can be made anew at any time: from newer facts, it
/// may say something else.
#[derive(Clone, PartialEq, Debug)]
pub enum Wish {
    /// A write of ours is taken back; without an identity, the last one that can be.
    Undo(Option<PlanId>),
}

/// What plans are made of.
#[derive(Clone, Copy, Debug)]
pub struct Planning<'a> {
    /// The joined state.
    pub fleet: &'a Fleet,
    /// What the journals tell.
    pub writes: &'a Writes,
    /// Who acts.
    pub actor: &'a Actor,
    /// The present.
    pub now: Now,
}

impl Wish {
    /// What for.
    pub fn verb(&self) -> Verb {
        match self {
            Self::Undo(_) => Verb::Undo,
        }
    }

    /// The plan for it, under an identity.
    ///
    /// # Errors
    /// When there can be none, in words.
    pub fn plan(&self, id: PlanId, with: &Planning<'_>) -> Result<Plan, Clean> {
        match self {
            Self::Undo(old) => {
                let written = match old {
                    Some(old) => with.writes.get(old),
                    None => undo::last(with),
                };
                let Some(written) = written else {
                    return Err(Clean::text("there is nothing of yours to undo here"));
                };
                let mut plan = undo::plan(written, id, with.now)?;
                basis::ground(&mut plan, with, None);
                Ok(plan)
            }
        }
    }

    /// Details that its plan rests on and that are not held yet: to be fetched while it is considered.
    pub fn needs(&self, fleet: &Fleet) -> Vec<(SourceId, Query)> {
        let _ = fleet;
        match self {
            Self::Undo(_) => Vec::new(),
        }
    }
}
