//! Quarterdeck: the terminal operations console for machine-learning models.
//!
//! # The house
//!
//! | room | holds |
//! |---|---|
//! | [`domain`] | the field's vocabulary and its rules; pure |
//! | [`intent`] | command table, keymap, messages, effects, filter grammar; pure |
//! | [`ui`] | drawing: theme, table, chart, form, frame pieces, exports; pure |
//! | [`panes`] | state, update and view of each pane and dialog; pure |
//! | [`app`] | the root: state, update and view, the only dispatcher to panes; pure |
//! | [`sources`] | one module a system: wire types, map to domain, requests |
//! | [`terminal`] | enter, leave, suspend; the writer thread; capabilities; OSC strings |
//! | [`sim`] | the simulated fleet behind `quarterdeck demo` |
//!
//! Dependencies point one way: `domain` ← `intent` ← `ui` ← `panes` ← `app` ← `runtime` ← `commands`.
//! `sources`, `store`, `terminal` and `config` use `domain` only; `sim` is used by `commands` and
//! tests alone. `tests/house.rs` holds that.

pub mod app;
pub mod commands;
pub mod domain;
pub mod intent;
pub mod panes;
pub mod sim;
pub mod sources;
pub mod terminal;
pub mod ui;
