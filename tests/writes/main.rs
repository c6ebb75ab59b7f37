//! Writes from their plan to what the servers say afterwards, whatever goes wrong on the way: the outcome
//! named is the truth as read, nothing is written twice, no intent is lost.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "what cannot be set up ends its test"
)]

mod acts;
mod deaths;
mod matrix;
mod races;
mod rollouts;
mod stage;
mod takeover;
