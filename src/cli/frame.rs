//! The options of a frame.

use clap::{Args, ValueEnum};

use super::values::size;

/// Options of `frame`.
#[derive(Args, Debug)]
pub struct FrameArgs {
    /// Which pane.
    #[arg(long, value_enum, default_value_t)]
    pub pane: PaneWord,
    /// Selects a thing by its name: a model, experiment, run or deployment. Pages need it; the
    /// comparison needs it once for each of two to eight runs.
    #[arg(long, value_name = "NAME")]
    pub select: Vec<String>,
    /// Columns and rows.
    #[arg(long, value_name = "WxH", default_value = "120x36", value_parser = size)]
    pub size: (u16, u16),
    /// What to print.
    #[arg(long, value_enum, default_value_t)]
    pub format: FormatWord,
}

/// The panes that a frame can show.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub enum PaneWord {
    /// The models in trouble.
    #[default]
    Triage,
    /// Every registered model.
    Models,
    /// The page of the model that --select names.
    Model,
    /// Experiments and runs.
    Experiments,
    /// The page of the run that --select names, by id or name.
    Run,
    /// The runs that --select names, by id or name, side by side.
    Compare,
    /// Serving endpoints.
    Deployments,
    /// The runs of all pipelines; the run that --select names, by its id.
    Pipelines,
    /// The known changes of the model or deployment that --select names.
    History,
    /// Every model whose drift is watched; the features of the model that --select names.
    Drift,
    /// What changed around the onset of the model that --select names.
    Changes,
    /// What was written from this machine; the page of the write whose identity ends as --select says.
    Journal,
    /// Every alert; the first one of the model that --select names is selected.
    Alerts,
}

/// What a frame is printed as.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub enum FormatWord {
    /// Characters alone.
    #[default]
    Text,
    /// Characters with colours, for a terminal.
    Ansi,
    /// A picture.
    Svg,
}
