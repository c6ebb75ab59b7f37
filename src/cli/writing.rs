//! The command line of what changes servers.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::duration;

/// What allows a write from the command line.
#[derive(Args, Debug, Default)]
pub struct Consenting {
    /// Prints the plan and writes nothing; ends as the write would have been refused.
    #[arg(long)]
    pub dry_run: bool,
    /// Carries the plan out. Without it nothing is written.
    #[arg(long, short)]
    pub yes: bool,
    /// In a protected context: its name and the subject's, as the plan asks for them.
    #[arg(long, value_name = "CONTEXT/MODEL")]
    pub confirm: Option<String>,
    /// Arms this one command, where the context asks for it.
    #[arg(long)]
    pub arm: bool,
    /// Why; teammates will read it.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub reason: String,
}

/// Options of `promote`.
#[derive(Args, Debug)]
pub struct PromoteArgs {
    /// The model.
    pub model: String,
    /// The version that shall hold the alias.
    #[arg(long, value_name = "VERSION")]
    pub to: String,
    /// The alias; the one of production unless said.
    #[arg(long, value_name = "ALIAS")]
    pub alias: Option<String>,
    /// A reason for passing a gate that asks for one, or a freeze (`freeze=REASON`); may be given several times.
    #[arg(long = "override", value_name = "GATE=REASON", value_parser = pair)]
    pub overrides: Vec<(String, String)>,
    /// What allows it.
    #[command(flatten)]
    pub consent: Consenting,
}

/// Options of `rollback`.
#[derive(Args, Debug)]
pub struct RollbackArgs {
    /// The model.
    pub model: String,
    /// The version to go back to; the last good one unless said.
    #[arg(long, value_name = "VERSION")]
    pub to: Option<String>,
    /// The alias; the one of production unless said.
    #[arg(long, value_name = "ALIAS")]
    pub alias: Option<String>,
    /// Lists the versions to go back to, and plans nothing.
    #[arg(long, conflicts_with = "to")]
    pub list: bool,
    /// A reason for passing a freeze: `freeze=REASON`.
    #[arg(long = "override", value_name = "WHAT=REASON", value_parser = pair)]
    pub overrides: Vec<(String, String)>,
    /// What allows it.
    #[command(flatten)]
    pub consent: Consenting,
}

/// Options of `undo`.
#[derive(Args, Debug)]
pub struct UndoArgs {
    /// The write to take back, by the end of its identity; the last one that can be unless said.
    pub plan: Option<String>,
    /// A reason for passing a freeze: `freeze=REASON`.
    #[arg(long = "override", value_name = "WHAT=REASON", value_parser = pair)]
    pub overrides: Vec<(String, String)>,
    /// What allows it.
    #[command(flatten)]
    pub consent: Consenting,
}

/// Options of `retrain`.
#[derive(Args, Debug)]
pub struct RetrainArgs {
    /// The model.
    pub model: String,
    /// Sets a parameter of its pipeline, as it would be typed into the form; may be given several times.
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = pair)]
    pub params: Vec<(String, String)>,
    /// Follows the run until it ends, and says which version it registered.
    #[arg(long)]
    pub follow: bool,
    /// A reason for passing a freeze: `freeze=REASON`.
    #[arg(long = "override", value_name = "WHAT=REASON", value_parser = pair)]
    pub overrides: Vec<(String, String)>,
    /// What allows it. The reason is written on the run.
    #[command(flatten)]
    pub consent: Consenting,
}

/// Options of `cancel`.
#[derive(Args, Debug)]
pub struct CancelArgs {
    /// The run's id, as `pipelines` lists it.
    pub run: String,
    /// Its pipeline, where several have a run of this id.
    #[arg(long, value_name = "ID")]
    pub pipeline: Option<String>,
    /// What allows it.
    #[command(flatten)]
    pub consent: Consenting,
}

/// Options of `retry`.
#[derive(Args, Debug)]
pub struct RetryArgs {
    /// The run's id, as `pipelines` lists it.
    pub run: String,
    /// Its pipeline, where several have a run of this id.
    #[arg(long, value_name = "ID")]
    pub pipeline: Option<String>,
    /// Follows the run until it ends, and says which version it registered.
    #[arg(long)]
    pub follow: bool,
    /// A reason for passing a freeze: `freeze=REASON`.
    #[arg(long = "override", value_name = "WHAT=REASON", value_parser = pair)]
    pub overrides: Vec<(String, String)>,
    /// What allows it.
    #[command(flatten)]
    pub consent: Consenting,
}

/// Options of `freeze`.
#[derive(Args, Debug)]
pub struct FreezeArgs {
    /// The model.
    pub model: String,
    /// For how long, such as 2h.
    #[arg(long = "for", value_name = "DURATION", value_parser = duration, required_unless_present = "end")]
    pub hold: Option<Duration>,
    /// Ends the freeze.
    #[arg(long, conflicts_with = "hold")]
    pub end: bool,
    /// What allows it.
    #[command(flatten)]
    pub consent: Consenting,
}

/// Options of `acknowledge`.
#[derive(Args, Debug)]
pub struct AcknowledgeArgs {
    /// The model.
    pub model: String,
    /// For how long.
    #[arg(long = "for", value_name = "DURATION", value_parser = duration, default_value = "4h")]
    pub hold: Duration,
    /// Ends the acknowledgement.
    #[arg(long)]
    pub end: bool,
    /// What allows it.
    #[command(flatten)]
    pub consent: Consenting,
}

/// Options of `edit`.
#[derive(Args, Debug)]
pub struct EditArgs {
    /// The model.
    pub model: String,
    /// One of its versions, in place of the model itself.
    #[arg(long, value_name = "VERSION")]
    pub version: Option<String>,
    /// Sets a tag; may be given several times.
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = pair)]
    pub tags: Vec<(String, String)>,
    /// Takes a tag away, which registries allow to few; may be given several times.
    #[arg(long = "untag", value_name = "KEY")]
    pub untag: Vec<String>,
    /// Sets the description.
    #[arg(long, value_name = "TEXT")]
    pub description: Option<String>,
    /// A reason for passing a freeze: `freeze=REASON`.
    #[arg(long = "override", value_name = "WHAT=REASON", value_parser = pair)]
    pub overrides: Vec<(String, String)>,
    /// What allows it.
    #[command(flatten)]
    pub consent: Consenting,
}

/// Options of `silence`.
#[derive(Args, Debug)]
pub struct SilenceArgs {
    /// The model whose alerts are muted.
    #[arg(required_unless_present_any = ["matchers", "end"])]
    pub model: Option<String>,
    /// The alert's name; with a model only that alert of it.
    #[arg(long, value_name = "NAME")]
    pub alert: Option<String>,
    /// A matcher in Alertmanager's way: `severity=page`, `team!=risk`, `alertname=~"Drift.*"`; may be given several times.
    #[arg(long = "matcher", value_name = "MATCHER")]
    pub matchers: Vec<String>,
    /// For how long, such as 2h.
    #[arg(long = "for", value_name = "DURATION", value_parser = duration, default_value = "2h")]
    pub hold: Duration,
    /// The Alertmanager, where the context has several.
    #[arg(long, value_name = "NAME")]
    pub source: Option<String>,
    /// Ends this silence.
    #[arg(long, value_name = "ID", conflicts_with_all = ["model", "alert", "matchers"])]
    pub end: Option<String>,
    /// What allows it. The reason is the silence's comment, and has to be given.
    #[command(flatten)]
    pub consent: Consenting,
}

/// Options of `approve`.
#[derive(Args, Debug)]
pub struct ApproveArgs {
    /// The model.
    pub model: String,
    /// The version that somebody else will promote.
    #[arg(long, value_name = "VERSION")]
    pub to: String,
    /// The alias; the one of production unless said.
    #[arg(long, value_name = "ALIAS")]
    pub alias: Option<String>,
    /// For how long it counts.
    #[arg(long = "for", value_name = "DURATION", value_parser = duration, default_value = "3d")]
    pub hold: Duration,
    /// Signs it with this key by `ssh-keygen`: a private key, or a public one that an agent holds.
    #[arg(long, value_name = "KEY")]
    pub sign: Option<PathBuf>,
    /// Who approves, where the signers' file knows you by another name.
    #[arg(long = "as", value_name = "NAME")]
    pub principal: Option<String>,
    /// What allows it. The reason is the approval's note.
    #[command(flatten)]
    pub consent: Consenting,
}

/// Options of `wait`.
#[derive(Args, Debug)]
pub struct WaitArgs {
    /// The model.
    pub model: String,
    /// The version that is waited for; what the alias names unless said.
    #[arg(long, value_name = "VERSION")]
    pub version: Option<String>,
    /// The alias; the one of production unless said.
    #[arg(long, value_name = "ALIAS")]
    pub alias: Option<String>,
    /// How far the world has to come.
    #[arg(long = "for", value_enum, default_value_t)]
    pub stage: StageWord,
}

/// How far `wait` waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub enum StageWord {
    /// The alias reads back.
    Alias,
    /// The endpoints that follow it answer the version.
    #[default]
    Serving,
    /// They have done so for the bake time, with errors and latency near those of the hour before.
    Bake,
}

/// Options of `journal`.
#[derive(Args, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of its own on the command line"
)]
pub struct JournalArgs {
    /// One write in full, by the end of its identity.
    pub plan: Option<String>,
    /// How far back to look.
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "30d")]
    pub since: Duration,
    /// Only writes whose outcome is not known.
    #[arg(long)]
    pub open: bool,
    /// Looks up what became of the writes whose outcome is not known, and whether somebody else has written
    /// over ours since; sends nothing that changes anything.
    #[arg(long)]
    pub check: bool,
    /// Looks the named write up once more, and closes it where looking cannot tell how it ended, as that of a
    /// hook whose process died: its outcome stays unknown, and it is open no more.
    #[arg(long, requires = "plan", conflicts_with_all = ["open", "export"])]
    pub close: bool,
    /// Prints every record of every journal as it stands, as JSON lines, oldest journal first.
    #[arg(long, conflicts_with_all = ["plan", "open", "check"])]
    pub export: bool,
}

/// Reads `NAME=TEXT`.
fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, text)) if !name.trim().is_empty() => {
            Ok((name.trim().to_owned(), text.to_owned()))
        }
        _ => Err("write NAME=TEXT".to_owned()),
    }
}
