//! The built program as scripts use it: documents, texts, exit codes, and what it leaves behind.

mod codes;
mod frames;
mod ledger;
mod secrets;
mod settings;
mod status;
mod support;
