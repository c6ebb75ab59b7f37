//! The program in a real pseudo-terminal: what only a terminal can show.
#![cfg(unix)]
#![expect(
    clippy::expect_used,
    reason = "all of this target is a test; the lint knows only single test functions"
)]

mod acting;
mod child;
mod harness;
mod incidents;
mod leaving;
mod screens;
mod session;
