//! The pieces around and between panes: header, tabs, footer, rules, key and value blocks, timeline,
//! dialog, messages, empty states.

mod block;
mod dialog;
mod header;
mod hints;
#[cfg(test)]
mod tests;

pub use block::{Event, Pair, empty, message, pairs, rule, timeline, too_small};
pub use dialog::{Dialog, Opened};
pub use header::{Header, SourceChip, Tab, tabs};
pub use hints::{Hint, footer};
