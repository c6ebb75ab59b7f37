//! Carrying confirmed plans out: journal, compare, send once, verify by reading, journal. The only place
//! that sends a ticket. What plans are made of is the domain's, how a system is written to its source's
//! matter.

mod carry;
mod doer;
#[cfg(test)]
mod tests;

pub use self::carry::{Ended, World, carry_out, look_up};
pub use self::doer::{Doer, doer};
