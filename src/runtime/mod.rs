//! The only place that spawns: the loop, source actors, schedule, limits, effects, signals and the
//! store's thread. What any of it means is decided elsewhere.
//!
//! | task | takes | gives |
//! |---|---|---|
//! | the loop ([`console`]), on the main thread | alarms, input, frame reports, messages | effects |
//! | one actor a source ([`actor`]) | [`actor::Request`]s | rows, reports, details |
//! | one task a plan ([`writes`]) | a confirmed plan | records of the journal |
//! | the store's thread ([`store_task`]) | changes, states, preferences | history, what others wrote |
//! | the writer's thread ([`crate::terminal::writer`]) | frames | frame reports |
//!
//! Nothing that the loop does waits for a channel, a lock, a disk or a terminal.

pub mod actor;
pub mod clock;
pub mod console;
pub mod diff;
mod due;
mod effects;
pub mod first;
mod flight;
pub mod headless;
mod keys;
pub mod limits;
pub mod logging;
pub mod looks;
mod print;
pub mod schedule;
mod screen;
mod sent;
pub mod signals;
pub mod signing;
pub mod sources;
pub mod store_task;
mod turn;
pub mod writes;
mod writing;

#[cfg(test)]
mod testing;
