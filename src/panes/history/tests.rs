//! History: flows and frames.
