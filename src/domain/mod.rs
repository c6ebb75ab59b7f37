//! The field's vocabulary and its rules: pure values and functions. No I/O, no clock, no runtime,
//! no drawing.

pub mod action;
pub mod alert;
pub mod annotation;
pub mod change;
pub mod deployment;
pub mod drift;
pub mod fault;
pub mod fleet;
pub mod key;
pub mod last_known;
pub mod level;
pub mod model;
pub mod near;
pub mod number;
pub mod observation;
pub mod observed;
pub mod query;
pub mod rules;
pub mod run;
pub mod settings;
pub mod settling;
pub mod signal;
pub mod text;
pub mod time;
pub mod wiring;
