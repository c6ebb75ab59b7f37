//! The field's vocabulary and its rules: pure values and functions. No I/O, no clock, no runtime,
//! no drawing.

pub mod key;
pub mod text;
pub mod time;
