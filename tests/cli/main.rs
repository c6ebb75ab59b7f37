//! The built program as scripts use it: documents, texts, exit codes, and what it leaves behind.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "what cannot be set up ends its test"
)]

mod approvals;
mod codes;
mod doctor;
mod exits;
mod frames;
mod journal;
mod kills;
mod ledger;
mod plans;
mod prod;
mod retrain;
mod rights;
mod rollouts;
mod secrets;
mod settings;
mod signals;
mod status;
mod support;
mod told_to_end;
mod writes;
