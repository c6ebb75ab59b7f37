//! The options of lists of the registry and the tracker.

use clap::Args;

/// Options of `models`.
#[derive(Args, Debug)]
pub struct ModelsArgs {
    /// Shows this model alone, in full.
    pub name: Option<String>,
}

/// Options of `pipelines`.
#[derive(Args, Debug)]
pub struct PipelinesArgs {
    /// Shows this run alone, by its id.
    pub run: Option<String>,
    /// Only runs of this pipeline, by its id.
    #[arg(long, value_name = "ID")]
    pub pipeline: Option<String>,
    /// Only runs that train this model.
    #[arg(long, value_name = "NAME", conflicts_with = "run")]
    pub model: Option<String>,
    /// The most runs to list.
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub limit: usize,
    /// The most lines of a log to show, the last ones.
    #[arg(long, value_name = "N", default_value_t = 40, requires = "run")]
    pub lines: usize,
}

/// Options of `runs`.
#[derive(Args, Debug)]
pub struct RunsArgs {
    /// The experiment, by name or id.
    #[arg(required_unless_present = "model")]
    pub experiment: Option<String>,
    /// The experiment that this model's champion (or newest version) was trained in.
    #[arg(long, value_name = "NAME", conflicts_with = "experiment")]
    pub model: Option<String>,
    /// A filter in the tracker's own grammar, such as `metrics.val_auc > 0.9`.
    #[arg(long, value_name = "FILTER", default_value = "")]
    pub filter: String,
    /// The most runs to list.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub limit: u32,
    /// Sorts by started, duration, name, status, user, or a metric or parameter by its name; a
    /// leading `-` turns the order round. Runs without the value come last.
    #[arg(
        long,
        value_name = "COLUMN",
        default_value = "-started",
        allow_hyphen_values = true
    )]
    pub sort: String,
}
