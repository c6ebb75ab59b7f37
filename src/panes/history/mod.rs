//! History.
pub(super) mod line;
