//! The command line: flags, subcommands and their help. What they do is in [`crate::commands`].

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::Overrides;
use crate::domain::query::Span;
use crate::domain::settings::Writes;
use crate::domain::time::Millis;

/// The terminal operations console for machine-learning models.
///
/// Without a subcommand the console opens. It reads the settings file (see `quarterdeck config path`),
/// or the servers that --mlflow, --serving and their like or `MLFLOW_TRACKING_URI` name.
///
/// Exit codes: 0 done; 1 internal error; 2 wrong usage or settings; 5 no needed source answered; with
/// `status --check` 20 crit, 30 unknown, 10 warn, in this rank.
#[derive(Parser, Debug)]
#[command(
    name = "quarterdeck",
    version,
    max_term_width = 100,
    disable_help_subcommand = true
)]
pub struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub global: Global,
    /// What to do; the console without one.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What every command takes.
#[derive(Args, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of its own on the command line"
)]
pub struct Global {
    /// Reads this settings file in place of the usual one.
    #[arg(long, global = true, value_name = "PATH", help_heading = "Settings")]
    pub config: Option<PathBuf>,
    /// Enters this context of the settings.
    #[arg(long, global = true, value_name = "NAME", help_heading = "Settings")]
    pub context: Option<String>,
    /// Looks at this MLflow server, without any settings file.
    #[arg(long, global = true, value_name = "URL", help_heading = "Settings")]
    pub mlflow: Option<String>,
    /// Looks at this serving endpoint; may be given several times. Kinds: v2, tfserving, bentoml, mlflow-serve.
    #[arg(
        long,
        global = true,
        value_name = "NAME=KIND+URL",
        help_heading = "Settings"
    )]
    pub serving: Vec<String>,
    /// Takes signals and alerts from this server of Prometheus's API, beside --mlflow.
    #[arg(long, global = true, value_name = "URL", help_heading = "Settings")]
    pub prometheus: Option<String>,
    /// Takes alerts and silences from this Alertmanager.
    #[arg(long, global = true, value_name = "URL", help_heading = "Settings")]
    pub alertmanager: Option<String>,
    /// Takes drift reports from this Evidently service, or from a folder of reports.
    #[arg(
        long,
        global = true,
        value_name = "URL_OR_FOLDER",
        help_heading = "Settings"
    )]
    pub evidently: Option<String>,
    /// Takes annotations and links to dashboards from this Grafana.
    #[arg(long, global = true, value_name = "URL", help_heading = "Settings")]
    pub grafana: Option<String>,
    /// Looks at the embedded simulated fleet: no network, no settings.
    #[arg(long, global = true, conflicts_with_all = ["context", "mlflow", "serving", "prometheus", "alertmanager", "evidently", "grafana"], help_heading = "Settings")]
    pub demo: bool,
    /// A time, such as 2026-11-23T14:02Z: `signals`, `drift` and `changes` tell of then. Or, with --demo, how
    /// far its incident has played, such as 90s; 0s unless said, and the same each time. `demo` plays on
    /// from there.
    #[arg(long, global = true, value_name = "TIME", value_parser = at, help_heading = "Settings")]
    pub at: Option<At>,
    /// Whether changes to servers are possible: allows them with --mlflow, --serving or the
    /// environment's servers, where they are off, and tightens the setting of any other context.
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "MODE",
        help_heading = "Settings"
    )]
    pub writes: Option<WritesWord>,
    /// Makes every change to a server impossible, whatever the settings say.
    #[arg(long, global = true, help_heading = "Settings")]
    pub read_only: bool,
    /// The longest that a command waits for its sources, such as 500ms, 10s or 1m; 10s unless said.
    #[arg(long, global = true, value_name = "DURATION", value_parser = duration, help_heading = "Settings")]
    pub timeout: Option<Duration>,
    /// Prints one JSON document (JSON lines for `record`) in place of text.
    #[arg(long, global = true, help_heading = "Output")]
    pub json: bool,
    /// Prints no remarks on standard error; errors still show.
    #[arg(long, short, global = true, help_heading = "Output")]
    pub quiet: bool,
    /// The theme: auto, dark, light or mono.
    #[arg(long, global = true, value_name = "NAME", help_heading = "Output")]
    pub theme: Option<String>,
    /// Colours: auto, never, 16, 256 or truecolor. `NO_COLOR` is honoured by auto.
    #[arg(long, global = true, value_name = "WORD", help_heading = "Output")]
    pub color: Option<String>,
    /// Symbols: auto, unicode or ascii.
    #[arg(long, global = true, value_name = "WORD", help_heading = "Output")]
    pub symbols: Option<String>,
    /// The same as --symbols ascii.
    #[arg(
        long,
        global = true,
        conflicts_with = "symbols",
        help_heading = "Output"
    )]
    pub ascii: bool,
}

/// What `--at` says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum At {
    /// How far the demo's incident has played.
    Played(Duration),
    /// A time.
    Time(Millis),
}

/// The words of `--writes`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum WritesWord {
    /// Reading only.
    Off,
    /// Arm first, then confirm.
    Armed,
    /// Confirm each.
    Confirm,
}

impl Global {
    /// What the flags say to the settings. `contextless` is for commands that bring their own context
    /// or need none.
    pub fn overrides(&self, contextless: bool) -> Overrides {
        Overrides {
            config: self.config.clone(),
            context: self.context.clone(),
            mlflow: self.mlflow.clone(),
            serving: self.serving.clone(),
            prometheus: self.prometheus.clone(),
            alertmanager: self.alertmanager.clone(),
            evidently: self.evidently.clone(),
            grafana: self.grafana.clone(),
            theme: self.theme.clone(),
            symbols: if self.ascii {
                Some("ascii".to_owned())
            } else {
                self.symbols.clone()
            },
            color: self.color.clone(),
            mouse: None,
            writes: self.writes.map(|w| match w {
                WritesWord::Off => Writes::Off,
                WritesWord::Armed => Writes::Armed,
                WritesWord::Confirm => Writes::Confirm,
            }),
            read_only: self.read_only,
            contextless,
        }
    }

    /// Looks for flags that mean nothing together.
    ///
    /// # Errors
    /// With what is wrong and what to write.
    pub fn check(&self, command: Option<&Command>) -> Result<(), String> {
        match self.at {
            Some(At::Played(_)) if !self.demo && !matches!(command, Some(Command::Demo(_))) => Err(
                "--at with a duration plays the demo: add --demo, or write a time such as 2026-11-23T14:02Z"
                    .to_owned(),
            ),
            Some(At::Time(_))
                if !matches!(
                    command,
                    Some(Command::Signals(_) | Command::Drift(_) | Command::Changes(_))
                ) =>
            {
                Err("--at with a time is for signals, drift and changes".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// How far the demo's incident has played.
    pub fn played(&self) -> Duration {
        match self.at {
            Some(At::Played(played)) => played,
            Some(At::Time(_)) | None => Duration::ZERO,
        }
    }

    /// The moment that is asked about, where it is not the present.
    pub fn moment(&self) -> Option<Millis> {
        match self.at {
            Some(At::Time(at)) => Some(at),
            Some(At::Played(_)) | None => None,
        }
    }

    /// How long to wait for sources.
    pub fn deadline(&self) -> Duration {
        self.timeout.unwrap_or(Duration::from_secs(10))
    }
}

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Opens the console on an embedded simulated fleet that plays an incident.
    Demo(DemoArgs),
    /// Shows every model with its level, the version that answers, its champion, and why.
    Status(StatusArgs),
    /// Lists the registered models, or shows one with its versions, aliases and lineage.
    Models(ModelsArgs),
    /// Lists the runs of an experiment, newest first.
    Runs(RunsArgs),
    /// Lists the serving endpoints: what each should answer, and what it answers.
    Deployments,
    /// Shows which models drift, or how each feature of one has moved against its line.
    Drift(WatchArgs),
    /// Shows what the monitoring says of the models: errors, latency, requests, predictions, quality.
    Signals(WatchArgs),
    /// Lists the alerts that fire, are pending or muted, with their rules.
    Alerts(AlertsArgs),
    /// Lists what changed around the onset of a model's trouble, most suspicious first.
    Changes(ChangesArgs),
    /// Lists the changes that were observed, from the local ledger; asks no server.
    History(HistoryArgs),
    /// Shows how deployments are joined to models, by which rule, and what is not joined.
    Wiring,
    /// Lists the sources and how each stands.
    Sources,
    /// Tests sources, wiring, settings, state and terminal, and says what to do about each finding.
    ///
    /// Exit codes: 0 nothing is broken; 1 something is; 2 wrong settings; 5 no needed source answered.
    Doctor,
    /// Lists the commands and their keys.
    Keys(KeysArgs),
    /// Tells about the settings: where they are, what is in force, what is wrong with them.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Watches without a screen and writes observed changes to the local ledger, until it is stopped.
    Record(RecordArgs),
    /// Prints one frame of the console after one look at every source.
    Frame(FrameArgs),
}

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
    /// Only alerts that began within this long, such as 1h.
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
}

/// Options of `models`.
#[derive(Args, Debug)]
pub struct ModelsArgs {
    /// Shows this model alone, in full.
    pub name: Option<String>,
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
    /// The known changes of the model or deployment that --select names.
    History,
    /// Every model whose drift is watched; the features of the model that --select names.
    Drift,
    /// What changed around the onset of the model that --select names.
    Changes,
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

/// Reads a duration: numbers with units, such as `500ms`, `10s`, `1h30m`, `7d`, `4w`.
fn duration(text: &str) -> Result<Duration, String> {
    const HINT: &str = "write a number with a unit: ms, s, m, h, d or w, such as 500ms, 10s or 7d";
    let mut rest = text.trim();
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        return Err(HINT.to_owned());
    }
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit())
            .ok_or_else(|| HINT.to_owned())?;
        let number: u64 = rest[..digits].parse().map_err(|_| HINT.to_owned())?;
        rest = &rest[digits..];
        let unit = rest
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len());
        let millis = match &rest[..unit] {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 604_800_000,
            _ => return Err(HINT.to_owned()),
        };
        rest = &rest[unit..];
        let part = number
            .checked_mul(millis)
            .ok_or_else(|| "the duration is too long".to_owned())?;
        total += Duration::from_millis(part.min(u64::from(u32::MAX) * 1_000));
    }
    Ok(total)
}

/// Reads what `--at` says: a duration, or a time in UTC such as `2026-11-23T14:02Z`.
fn at(text: &str) -> Result<At, String> {
    if let Ok(played) = duration(text) {
        return Ok(At::Played(played));
    }
    let text = text.trim();
    let whole = chrono::DateTime::parse_from_rfc3339(text).map(|t| t.timestamp_millis());
    let bare = text.trim_end_matches(['Z', 'z']);
    let short = || {
        ["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"]
            .into_iter()
            .find_map(|f| chrono::NaiveDateTime::parse_from_str(bare, f).ok())
            .map(|t| t.and_utc().timestamp_millis())
    };
    whole
        .ok()
        .or_else(short)
        .map(|ms| At::Time(Millis(ms)))
        .ok_or_else(|| {
            "write a time in UTC such as 2026-11-23T14:02Z, or, with --demo, a duration such as 90s"
                .to_owned()
        })
}

/// Reads a screen's size, such as `120x36`.
fn size(text: &str) -> Result<(u16, u16), String> {
    let hint = || "write columns x rows, such as 120x36; at most 1000x500".to_owned();
    let (columns, rows) = text.split_once(['x', 'X', '×']).ok_or_else(hint)?;
    let columns: u16 = columns.trim().parse().map_err(|_| hint())?;
    let rows: u16 = rows.trim().parse().map_err(|_| hint())?;
    if (1..=1_000).contains(&columns) && (1..=500).contains(&rows) {
        Ok((columns, rows))
    } else {
        Err(hint())
    }
}

fn speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(speed) if speed.is_finite() && speed > 0.0 && speed <= 1_000.0 => Ok(speed),
        _ => Err("write a number above 0 and at most 1000".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn durations_need_units() {
        assert_eq!(duration("1h30m"), Ok(Duration::from_secs(5_400)));
        assert_eq!(duration("7d"), Ok(Duration::from_secs(604_800)));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        for wrong in ["", "10", "s", "1.5s", "-1s", "5x", "99999999999999999999w"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_are_columns_by_rows() {
        assert_eq!(size("80x24"), Ok((80, 24)));
        for wrong in ["80", "0x24", "80x", "5000x24", "-80x24"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn flags_may_follow_the_subcommand() {
        let cli = Cli::try_parse_from([
            "quarterdeck",
            "status",
            "--json",
            "--mlflow",
            "http://ml.test",
            "--writes",
            "confirm",
            "--check",
        ])
        .unwrap();
        assert!(cli.global.json);
        assert_eq!(cli.global.writes, Some(WritesWord::Confirm));
        assert!(matches!(
            cli.command,
            Some(Command::Status(StatusArgs { check: true }))
        ));
    }

    #[test]
    fn the_demo_mixes_with_no_server() {
        let mixed = ["quarterdeck", "--demo", "--mlflow", "http://x", "status"];
        assert!(Cli::try_parse_from(mixed).is_err());
    }

    #[test]
    fn at_is_a_time_or_how_far_the_demo_has_played() {
        let check = |args: &[&str]| {
            let cli = Cli::try_parse_from(args).unwrap();
            cli.global.check(cli.command.as_ref())
        };
        assert!(check(&["quarterdeck", "--at", "9s", "status"]).is_err());
        assert!(check(&["quarterdeck", "--demo", "--at", "9s", "status"]).is_ok());
        assert!(check(&["quarterdeck", "demo", "--at", "9s"]).is_ok());
        let time = "2026-11-23T14:02Z";
        assert!(check(&["quarterdeck", "--at", time, "changes"]).is_ok());
        assert!(check(&["quarterdeck", "--at", time, "status"]).is_err());
        assert_eq!(at(time), Ok(At::Time(Millis(1_795_442_520_000))));
        assert_eq!(at("2026-11-23 14:02"), at(time));
        assert_eq!(at("2026-11-23T15:02:00+01:00"), at(time));
        assert!(at("yesterday").is_err());
    }
}
