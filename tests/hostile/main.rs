//! Whatever a server answers, the console runs on: the fault is named at its source, the others stay
//! live, and the last good data shows with its age. Real adapters, actors, state and drawing over
//! loopback; what single adapters do with single answers is tested in the contract suite.

#![expect(
    clippy::expect_used,
    reason = "a test that cannot set up its servers ends there"
)]

mod console;
mod decoders;
mod faults;
mod grammar;
mod identity;
mod memory;
mod shown;
