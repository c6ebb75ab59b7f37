//! Carrying confirmed plans out: journal, compare, send once, verify by reading, journal. The only place
//! that sends a ticket. What plans are made of is the domain's, how a system is written to its source's
//! matter.

mod attended;
#[cfg(test)]
mod attended_tests;
mod book;
mod carry;
mod doer;
mod hook;
mod lookup;
mod servers;
#[cfg(test)]
mod taken_tests;
#[cfg(test)]
mod tests;
pub mod who;

pub use self::book::{Book, BookLog};
pub use self::carry::{Ended, World, carry_out};
pub use self::doer::{Doer, doer};
pub use self::hook::GRACE as HOOK_GRACE;
pub use self::lookup::look_up;
pub use self::servers::Servers;

use std::sync::Arc;

use crate::domain::action::{Actor, Confirmed, IntentLog as _, Outcome, PlanId, Record, Written};
use crate::domain::text::Clean;
use crate::domain::time::Millis;

/// Who acts here, before a registry says who that is to it.
pub fn actor(book: &Book) -> Actor {
    Actor {
        user: book.session().user.clone(),
        host: book.session().host.clone(),
        account: None,
    }
}

/// Carries a confirmed plan out in the real world. `tell` hears each record once it is on disk.
///
/// # Errors
/// When the journal does not take the plan: nothing was sent.
pub async fn write<F>(
    confirmed: Confirmed,
    actor: &Actor,
    servers: &Servers,
    book: Arc<Book>,
    tell: F,
) -> Result<Ended, Clean>
where
    F: FnMut(&Record, Millis) + Send,
{
    attended::carry_out(confirmed, actor, servers, book, tell).await
}

/// Journals that somebody has seen to a write of which nothing more can be looked up.
///
/// # Errors
/// When the journal does not take it: the write stays open.
pub fn seen_to<F>(
    plan: PlanId,
    actor: Actor,
    words: Clean,
    book: Arc<Book>,
    tell: F,
    now: Millis,
) -> Result<(), Clean>
where
    F: FnMut(&Record, Millis) + Send,
{
    let record = Record::SeenTo { plan, actor, words };
    BookLog::new(book, tell).write(&record, now)
}

/// Looks up in the real world what became of a write whose end nobody has seen.
///
/// # Errors
/// When the journal does not take what was found.
pub async fn resolve<F>(
    written: &Written,
    servers: &Servers,
    book: Arc<Book>,
    tell: F,
) -> Result<Outcome, Clean>
where
    F: FnMut(&Record, Millis) + Send,
{
    look_up(written, servers, &mut BookLog::new(book, tell)).await
}
