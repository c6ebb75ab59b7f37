//! What acts that move an alias have in common, the one that takes it away included.

use super::act::{Act, Pin};
use crate::domain::key::{Key, ModelKey};

/// A move of an alias.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AliasMove<'a> {
    /// The model.
    pub model: &'a ModelKey,
    /// The alias.
    pub alias: &'a Key,
    /// What it points at before; `None` for nothing.
    pub from: Option<&'a Pin>,
    /// What it shall point at; `None` for nothing.
    pub to: Option<&'a Pin>,
}

impl Act {
    /// The move of an alias that it is, if it is one.
    pub fn alias_move(&self) -> Option<AliasMove<'_>> {
        match self {
            Self::MoveAlias {
                model,
                alias,
                from,
                to,
            } => Some(AliasMove {
                model,
                alias,
                from: from.as_ref(),
                to: Some(to),
            }),
            Self::DeleteAlias { model, alias, from } => Some(AliasMove {
                model,
                alias,
                from: Some(from),
                to: None,
            }),
            _ => None,
        }
    }
}
