//! The options of the simulated fleet.

use clap::{Args, ValueEnum};

use super::values::speed;

/// Options of `demo`.
#[derive(Args, Debug, Default)]
pub struct DemoArgs {
    /// Opens no console: prints one NAME=URL a line and serves until it is stopped.
    #[arg(long)]
    pub serve: bool,
    /// The same seed gives the same fleet.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// How many times faster than written the incident plays.
    #[arg(long, value_name = "X", default_value_t = 1.0, value_parser = speed)]
    pub speed: f64,
    /// What happens to the fleet.
    #[arg(long, value_enum, default_value_t)]
    pub scenario: ScenarioWord,
    /// What goes wrong with moves of an alias, to see how they end.
    #[arg(long, value_name = "WHAT", value_enum)]
    pub trouble: Option<TroubleWord>,
}

/// What goes wrong with moves of an alias.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum TroubleWord {
    /// This account may not move one: the registry refuses each.
    Forbidden,
    /// The next one is made, and its answer is lost.
    Lost,
    /// The next one is lost on its way, and nothing is made.
    Unsent,
    /// The next one is made, and answered with a server error.
    Error,
    /// Somebody else moves fraud-detector's champion to v12 right after the next one.
    Race,
}

/// What the simulated fleet lives through.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub enum ScenarioWord {
    /// Nothing beyond training runs going on.
    Calm,
    /// From calm to crisis in two minutes.
    #[default]
    Incident,
}
