//! The options of what tells about the program itself, and of the recorder.

use std::time::Duration;

use clap::{Args, Subcommand};

use super::values::duration;

/// Options of `keys`.
#[derive(Args, Debug)]
pub struct KeysArgs {
    /// Prints Markdown tables, as in the README.
    #[arg(long)]
    pub markdown: bool,
}

/// What to tell about the settings.
#[derive(Subcommand, Debug)]
pub enum ConfigCommand {
    /// Prints every value in force and where it came from. Secrets show as references.
    Show,
    /// Looks for mistakes and prints each with its place; exit code 2 if the settings cannot be used.
    Check,
    /// Prints the path of the settings file.
    Path,
}

/// Options of `record`.
#[derive(Args, Debug)]
pub struct RecordArgs {
    /// Looks once and ends: for cron. What has changed since the last look is written.
    #[arg(long)]
    pub once: bool,
    /// The time between two looks; by default each source's own cadence.
    #[arg(long, value_name = "DURATION", value_parser = duration, conflicts_with = "once")]
    pub every: Option<Duration>,
}
