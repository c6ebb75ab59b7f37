//! Writes: what an act is, what a plan of them asks, and the way from a confirmed plan to the ticket
//! that a mutating request needs. Which plans there are is in [`verbs`]; nothing here sends anything.

pub mod act;
mod alias_move;
pub mod claims;
pub mod effect;
mod inverse;
mod matcher;
pub mod overwritten;
mod place;
pub mod plan;
pub mod record;
pub mod request;
pub mod right;
#[cfg(test)]
mod tests;
pub mod ticket;
pub mod verbs;

pub use self::act::{Act, Delivery, Pin, Receipt, Seen, Sighting, Tagged};
pub use self::alias_move::AliasMove;
pub use self::matcher::Matcher;
pub use self::plan::{
    Consent, Friction, GateNote, Mode, PLAN_HOLDS, Plan, PlanId, Refusal, Step, UNDO_HOLDS, Verb,
    Wanting, Weight,
};
pub use self::record::{
    Actor, How, Journals, Outcome, Progress, Record, Stamped, StepEnd, Writes, Written,
};
pub use self::request::{Request, WriteMethod, WriteRoute};
pub use self::ticket::{Begun, Confirmed, IntentLog, Ticket, asked_of_all, confirm_all};
pub use self::verbs::{Planning, Wish};
