//! Quarterdeck: the terminal operations console for machine-learning models.
//!
//! # The house
//!
//! | room | holds |
//! |---|---|
//! | [`app`] | the root: state, update and view, the only dispatcher to panes; pure |
//! | [`commands`] | the subcommands and the documents they print |
//! | [`config`] | files, environment, secrets by reference, diagnostics |
//! | [`domain`] | the field's vocabulary and its rules; pure |
//! | [`intent`] | command table, keymap, messages, effects, filter grammar; pure |
//! | [`panes`] | state, update and view of each pane and dialog; pure |
//! | [`runtime`] | the only place that spawns: loop, source actors, schedule, limits, effects |
//! | [`sim`] | the simulated fleet behind `quarterdeck demo` |
//! | [`sources`] | one module a system: wire types, map to domain, requests |
//! | [`store`] | the ledger of changes, the last-known state, the journal |
//! | [`terminal`] | enter, leave, suspend; the writer thread; capabilities; OSC strings |
//! | [`ui`] | drawing: theme, table, chart, form, frame pieces, exports; pure |
//!
//! Dependencies point one way: `domain` ← `intent` ← `ui` ← `panes` ← `app` ← `runtime` ← `commands`.
//! `sources`, `store`, `terminal` and `config` use `domain` only; `sim` is used by `commands` and
//! tests alone. `tests/house.rs` holds that.
//!
//! **Poll to pixels:** a source actor polls, decodes the wire and maps it; `Msg::Observed` reaches
//! [`app`], whose fleet merges it and asks the rules; the open pane's view draws the visible rows; the
//! writer thread sends the difference. **Key to screen:** event, keymap, command, pane, effect. No step
//! calls back upward; each arrow is a value.

pub mod app;
pub mod cli;
pub mod commands;
pub mod config;
pub mod domain;
pub mod intent;
pub mod panes;
pub mod runtime;
pub mod sim;
pub mod sources;
pub mod store;
pub mod terminal;
pub mod ui;
