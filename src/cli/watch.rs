//! The options of what tells how models stand: levels, signals, alerts, changes, history.

use std::time::Duration;

use clap::Args;

use super::values::duration;
use crate::domain::query::Span;
use crate::domain::time::Millis;

/// Options of `status`.
#[derive(Args, Debug)]
pub struct StatusArgs {
    /// Ends with the worst level as exit code: 20 crit, 30 unknown, 10 warn, 0 ok.
    #[arg(long)]
    pub check: bool,
}

/// Options of `drift` and `signals`.
#[derive(Args, Debug)]
pub struct WatchArgs {
    /// Shows this model alone, in full.
    pub model: Option<String>,
    /// Also tells the course over this long, such as 6h or 7d, up to --at.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub since: Option<Duration>,
    /// Ends with the worst level as exit code: 20 crit, 30 unknown, 10 warn, 0 ok.
    #[arg(long)]
    pub check: bool,
}

impl WatchArgs {
    /// The time whose course is asked for, if any: --at alone means the six hours before it.
    pub fn range(&self, moment: Option<Millis>, columns: u16) -> Option<Span> {
        let usual = moment.map(|_| Duration::from_secs(6 * 3_600));
        let long = self.since.or(usual)?;
        Some(Span {
            seconds: u32::try_from(long.as_secs()).unwrap_or(u32::MAX),
            until: moment,
            columns,
        })
    }
}

/// Options of `alerts`.
#[derive(Args, Debug)]
pub struct AlertsArgs {
    /// Only alerts of this model.
    pub model: Option<String>,
    /// Only alerts that began within this long, such as 1h, before now or before --at.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub since: Option<Duration>,
    /// Ends with the worst level of what fires as exit code: 20 crit, 30 unknown, 10 warn, 0 ok.
    #[arg(long)]
    pub check: bool,
}

/// Options of `changes`.
#[derive(Args, Debug)]
pub struct ChangesArgs {
    /// The model in question; without one everything that changed is listed.
    pub model: Option<String>,
    /// How far before the onset, or before --at, to look.
    #[arg(long, value_name = "DURATION", default_value = "6h", value_parser = duration)]
    pub since: Duration,
    /// Ends with the level of the model in question as exit code, or with the worst of all: 20 crit, 30
    /// unknown, 10 warn, 0 ok.
    #[arg(long)]
    pub check: bool,
}

/// Options of `history`.
#[derive(Args, Debug)]
pub struct HistoryArgs {
    /// Only changes of this model and of the deployments that serve it.
    pub model: Option<String>,
    /// How far back to look, such as 12h, 7d or 4w.
    #[arg(long, value_name = "DURATION", default_value = "7d", value_parser = duration)]
    pub since: Duration,
    /// The most changes to list, newest first.
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    pub limit: usize,
}
