//! The contract suite: one set of checks, run against the simulated fleet and against real servers,
//! so that the simulator cannot lie and an adapter cannot drift.
//!
//! A check reads through the adapters' public door and compares with what the same server says by
//! another route, asked directly. `cargo test --test contract` runs it against the simulator;
//! `cargo test --test contract -- --ignored live` against the servers that `tests/live/fleet` has
//! started. What a server does not have is declared by its target and printed, never skipped.

#![expect(
    clippy::expect_used,
    reason = "a target that cannot be set up ends its test"
)]

mod access;
mod acts;
mod dashboards;
mod door;
mod history;
mod hostile;
mod liar;
mod live;
mod monitors;
mod pipeline_writes;
mod pipelines;
mod raw;
mod reads;
mod registry;
mod runs;
mod serving;
mod simulator;
mod tracker;
mod verdict;
mod writes;
