//! The only place that spawns: the loop, source actors, schedule, limits, effects, signals and the
//! store's thread. What any of it means is decided elsewhere.
//!
//! | task | takes | gives |
//! |---|---|---|
//! | the loop ([`console`]), on the main thread | alarms, input, frame reports, messages | effects |
//! | one actor a source ([`actor`]) | [`actor::Request`]s | rows, reports, details |
//! | the store's thread ([`store_task`]) | changes, states, preferences | history, what others wrote |
//! | the writer's thread ([`crate::terminal::writer`]) | frames | frame reports |
//!
//! Nothing that the loop does waits for a channel, a lock, a disk or a terminal.

pub mod actor;
pub mod clock;
pub mod diff;
pub mod headless;
pub mod limits;
pub mod schedule;
pub mod sources;

#[cfg(test)]
mod testing;
