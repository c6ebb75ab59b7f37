//! The subcommands: one file each, and the documents they print.

pub mod documents;
