//! The command line: flags, subcommands and their help. What they do is in [`crate::commands`].

mod demo;
mod frame;
mod help;
mod lists;
mod own;
mod values;
mod watch;

mod writing;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use self::demo::{DemoArgs, ScenarioWord, TroubleWord};
pub use self::frame::{FormatWord, FrameArgs, PaneWord};
pub use self::lists::{ModelsArgs, PipelinesArgs, RunsArgs};
pub use self::own::{ConfigCommand, KeysArgs, RecordArgs};
pub use self::values::At;
use self::values::{at, duration};
pub use self::watch::{AlertsArgs, ChangesArgs, HistoryArgs, StatusArgs, WatchArgs};
pub use self::writing::{
    AcknowledgeArgs, ApproveArgs, CancelArgs, Consenting, EditArgs, FreezeArgs, JournalArgs,
    PromoteArgs, RetrainArgs, RetryArgs, RollbackArgs, SilenceArgs, StageWord, UndoArgs, WaitArgs,
};
use crate::config::Overrides;
use crate::domain::settings::Writes;
use crate::domain::time::Millis;

/// The terminal operations console for machine-learning models.
///
/// Without a subcommand the console opens. It reads the settings file (see `quarterdeck config path`),
/// or the servers that --mlflow, --serving and their like or `MLFLOW_TRACKING_URI` name.
///
/// Exit codes: 0 done or unchanged; 1 internal error; 2 wrong usage or settings; 3 changed by somebody else
/// since it was read; 4 refused by a gate, policy, mode, right or server; 5 no needed source answered; 6
/// outcome unknown; 7 applied, not converged; with `status --check` 20 crit, 30 unknown, 10 warn, in this
/// rank.
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
    /// A time, such as 2026-11-23T14:02Z: `signals`, `drift`, `alerts` and `changes` tell of then. Or, with --demo, how
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
                    Some(
                        Command::Signals(_)
                            | Command::Drift(_)
                            | Command::Alerts(_)
                            | Command::Changes(_)
                    )
                ) =>
            {
                Err("--at with a time is for signals, drift, alerts and changes".to_owned())
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
    /// Lists the runs of pipelines, what keeps them from starting, and the models they train; or shows one
    /// run with its tasks and the log of the task in trouble.
    Pipelines(PipelinesArgs),
    /// Shows which models drift, or how each feature of one has moved against its line.
    Drift(WatchArgs),
    /// Shows what the monitoring says of the models: errors, latency, requests, predictions, quality.
    Signals(WatchArgs),
    /// Lists the alerts that fire, are pending or muted, with their rules; with --at those of then.
    Alerts(AlertsArgs),
    /// Lists what changed around the onset of a model's trouble, most suspicious first.
    Changes(ChangesArgs),
    /// Lists the changes that were observed, from the local ledger; asks no server.
    History(HistoryArgs),
    /// Shows how deployments are joined to models, by which rule, and what is not joined.
    Wiring,
    /// Lists the sources and how each stands.
    Sources,
    /// Approves the promotion of a version that somebody else will carry out.
    #[command(after_help = help::APPROVE)]
    Approve(ApproveArgs),
    /// Makes a version what an alias names, once its gates let it, and brings it to what serves.
    #[command(after_help = help::PROMOTE)]
    Promote(PromoteArgs),
    /// Makes an earlier version what an alias names again, and brings it to what serves.
    #[command(after_help = help::ROLLBACK)]
    Rollback(RollbackArgs),
    /// Takes a write of this machine back.
    #[command(after_help = help::UNDO)]
    Undo(UndoArgs),
    /// Trains a model again: starts a run of its pipeline, with its parameters filled in from the champion's run
    /// and the time of its drift.
    ///
    /// With --follow, --timeout says how long the run is followed; 1h unless said. Exit code 7 where it failed, or
    /// registered no version in time.
    #[command(after_help = help::RETRAIN)]
    Retrain(RetrainArgs),
    /// Asks a pipeline's run to end.
    #[command(after_help = help::CANCEL)]
    Cancel(CancelArgs),
    /// Runs the failed tasks of a pipeline's run again, with what comes after them.
    #[command(after_help = help::RETRY)]
    Retry(RetryArgs),
    /// Suspends writes to a model for every console, until a time.
    #[command(after_help = help::FREEZE)]
    Freeze(FreezeArgs),
    /// Tells teammates that somebody sees to a model's trouble, until a time.
    #[command(after_help = help::ACKNOWLEDGE)]
    Acknowledge(AcknowledgeArgs),
    /// Edits tags and the description of a model or of one of its versions.
    #[command(after_help = help::EDIT)]
    Edit(EditArgs),
    /// Mutes alerts for a time, or ends that.
    #[command(after_help = help::SILENCE)]
    Silence(SilenceArgs),
    /// Waits until the world has followed an alias move; exit code 7 where it has not in time.
    ///
    /// --timeout says how long; 10m unless said.
    #[command(after_help = help::WAIT)]
    Wait(WaitArgs),
    /// Lists what was written from this machine, and what became of it.
    #[command(after_help = help::JOURNAL)]
    Journal(JournalArgs),
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

#[cfg(test)]
mod tests {
    use super::values::size;
    use super::*;
    use clap::CommandFactory as _;

    /// Words as a shell splits them, single quotes taken off.
    fn words(line: &str) -> Vec<String> {
        let (mut all, mut word, mut quoted) = (Vec::new(), String::new(), false);
        for c in line.chars() {
            match c {
                '\'' => quoted = !quoted,
                ' ' if !quoted => all.push(std::mem::take(&mut word)),
                c => word.push(c),
            }
        }
        all.push(word);
        all
    }

    #[test]
    fn every_command_that_writes_tells_its_exit_codes_and_its_examples_are_taken() {
        let line = Cli::command();
        let writes = [
            "approve",
            "promote",
            "rollback",
            "undo",
            "retrain",
            "cancel",
            "retry",
            "freeze",
            "acknowledge",
            "edit",
            "silence",
            "wait",
            "journal",
        ];
        for name in writes {
            let command = line.find_subcommand(name).expect("a command");
            let help = command.get_after_help().expect("help").to_string();
            assert!(help.contains("Exit codes: 0 "), "{name}: {help}");
            let mut examples = 0;
            for example in help.lines().filter_map(|line| line.strip_prefix("  ")) {
                let words = words(example);
                assert_eq!(words[..2], ["quarterdeck", name], "{example}");
                let taken = Cli::try_parse_from(&words);
                assert!(taken.is_ok(), "{example}: {}", taken.unwrap_err());
                examples += 1;
            }
            assert!(examples > 0, "{name}");
        }
    }

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_command_has_an_option_under_the_name_of_one_for_all() {
        let cli = Cli::command();
        let all: Vec<_> = cli.get_arguments().map(|a| a.get_id().clone()).collect();
        assert!(all.iter().any(|id| id == "json"));
        for command in cli.get_subcommands() {
            for argument in command.get_arguments() {
                let (id, name) = (argument.get_id(), command.get_name());
                assert!(!all.contains(id), "{name}: {id}");
            }
        }
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
