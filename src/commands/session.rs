//! What a command starts from: the settings, the context, the way to print, and one look at every
//! source of the context, real or simulated.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::demo::Simulated;
use super::exit::Failure;
use super::output::Out;
use crate::cli::Global;
use crate::config::{self, Environment, Loaded};
use crate::domain::change::Change;
use crate::domain::fleet::Fleet;
use crate::domain::key::SourceId;
use crate::domain::observation::ContextRef;
use crate::domain::rules::freshness::SourceHealth;
use crate::domain::settings::{Console, Context, Settings};
use crate::domain::text::Clean;
use crate::domain::time::Millis;
use crate::domain::watch::{self, Gap};
use crate::intent::keymap::Keymap;
use crate::runtime::clock::Clock;
use crate::runtime::headless::{Collected, Options, collect_into};
use crate::store::{HistoryQuery, Store};
use crate::ui::theme::Theme;

/// How far the clocks of servers may be ahead of ours.
const APART: Duration = Duration::from_secs(3_600);

/// How much of the ledger a look at the present knows: what changed before, and since when.
pub(super) const REMEMBERED: Duration = Duration::from_secs(30 * 86_400);

/// Settings and a way to print, for commands that need no context.
#[derive(Debug)]
pub struct Base {
    /// What the process was started with.
    pub environment: Environment,
    /// The settings as loaded, with everything found.
    pub loaded: Loaded,
    /// The way to print.
    pub out: Out,
}

impl Base {
    /// Loads the settings. Mistakes in them are kept in [`Base::loaded`].
    pub fn load(global: &Global, contextless: bool) -> Self {
        let environment = Environment::of_process();
        let mut loaded = config::load(&global.overrides(contextless), &environment);
        loaded.check_keys(|keys| Keymap::new(keys).err().unwrap_or_default());
        loaded.check_theme(&Theme::BUILT_IN);
        let console = loaded
            .settings
            .as_ref()
            .map_or_else(Console::default, |s| s.console.clone());
        let out = Out::new(global.json, global.quiet, &console.color, &console.symbols);
        Self {
            environment,
            loaded,
            out,
        }
    }

    /// The settings, if they can be used. Doubts about them are remarks.
    ///
    /// # Errors
    /// With every mistake at its place.
    pub fn into_settings(self) -> Result<Settings, Failure> {
        let Some(settings) = self.loaded.settings else {
            return Err(Failure::settings(self.loaded.errors()));
        };
        for doubt in &self.loaded.diagnostics {
            self.out.remark(&doubt.to_string());
        }
        Ok(settings)
    }
}

/// A context to look at.
#[derive(Debug)]
pub struct Session {
    /// The way to print. How each setting came about is let go: a console runs for days.
    out: Out,
    /// The settings in force; the context entered is among them.
    pub settings: Arc<Settings>,
    /// The context entered.
    pub context: Arc<Context>,
    /// How long to wait for the sources.
    pub deadline: Duration,
    /// The moment that is asked about, where it is not the present.
    pub moment: Option<Millis>,
    /// The simulated fleet, where the context is one.
    simulated: Option<Simulated>,
}

impl Session {
    /// Enters the context that flags, variables and settings name, or starts the simulated fleet.
    ///
    /// # Errors
    /// When the settings cannot be used.
    pub async fn open(global: &Global) -> Result<Self, Failure> {
        if global.demo {
            let simulated = Simulated::at(global.played()).await?;
            return Self::simulated(global, simulated);
        }
        let base = Base::load(global, false);
        let out = base.out;
        let settings = base.into_settings()?;
        let latest = Clock::default().wall().plus(APART);
        if let Some(moment) = global.moment().filter(|moment| *moment > latest) {
            let what = format!("{} is yet to come", moment.rfc3339());
            return Err(Failure::usage(what).advice("--at takes a time that has passed"));
        }
        let Some(context) = settings.contexts.get(&settings.context).cloned() else {
            return Err(Failure::usage("there is no context to look at")
                .advice("name servers with --mlflow URL, or a context with --context"));
        };
        Ok(Self {
            out,
            settings: Arc::new(settings),
            context,
            deadline: global.deadline(),
            moment: global.moment(),
            simulated: None,
        })
    }

    /// Enters the context of a simulated fleet.
    ///
    /// # Errors
    /// When the settings cannot be used.
    pub fn simulated(global: &Global, simulated: Simulated) -> Result<Self, Failure> {
        let base = Base::load(global, true);
        let out = base.out;
        let mut settings = base.into_settings()?;
        let mut context = simulated.context();
        if let Some(limit) = global.overrides(true).writes {
            context.writes = context.writes.min(limit);
        }
        if global.read_only {
            context.writes = crate::domain::settings::Writes::Off;
            context.allowing_writes = Clean::text("start without --read-only");
        }
        settings.context = context.name.to_string();
        let context = Arc::new(context);
        let named = (settings.context.clone(), Arc::clone(&context));
        settings.contexts = std::iter::once(named).collect();
        Ok(Self {
            out,
            settings: Arc::new(settings),
            context,
            deadline: global.deadline(),
            moment: global.moment(),
            simulated: Some(simulated),
        })
    }

    /// The way to print.
    pub fn out(&self) -> &Out {
        &self.out
    }

    /// Whether the context is the simulated fleet.
    pub fn is_simulated(&self) -> bool {
        self.simulated.is_some()
    }

    /// The context's name in the store.
    pub fn name(&self) -> &str {
        self.context.name.as_str()
    }

    /// A fleet of the context that knows nothing, not even its history.
    pub fn empty_fleet(&self) -> Fleet {
        let reference = ContextRef {
            name: self.context.name.clone(),
            generation: 0,
        };
        Fleet::new(Arc::new(reference), Arc::clone(&self.context))
    }

    /// An empty fleet of the context, with its history as far as the ledger knows it.
    pub fn fleet(&self) -> Fleet {
        let mut fleet = self.empty_fleet();
        if !self.is_simulated() {
            let now = Clock::default().wall();
            fleet.remember(self.remembered(now), now);
        }
        fleet
    }

    /// One look at every source, as a command without special wishes wants it.
    ///
    /// # Errors
    /// When no needed source answered.
    pub async fn look(&self) -> Result<Collected, Failure> {
        self.look_with(&Options::default()).await
    }

    /// One look at every source that has a part in it.
    ///
    /// # Errors
    /// When no needed source answered, of those that were asked.
    pub async fn look_with(&self, options: &Options) -> Result<Collected, Failure> {
        let collected = self.look_at(options).await;
        if answered(&collected.fleet) || !asked(&collected.fleet) {
            return Ok(collected);
        }
        Err(silence(&collected.fleet))
    }

    /// One look at every source, whoever answers.
    pub async fn look_at(&self, options: &Options) -> Collected {
        self.look_again(self.fleet(), options).await
    }

    /// One look into a fleet that knows something already.
    pub async fn look_again(&self, fleet: Fleet, options: &Options) -> Collected {
        let options = Options {
            timeout: self.deadline,
            ..options.clone()
        };
        match &self.simulated {
            Some(simulated) => simulated.look(fleet, options).await,
            None => collect_into(fleet, &options).await,
        }
    }

    /// Waits before another look; a simulated fleet that stands still is moved on by as much.
    pub async fn pause(&self, time: Duration) {
        match &self.simulated {
            Some(simulated) => simulated.pause(time).await,
            None => tokio::time::sleep(time).await,
        }
    }

    /// Waits for some work; a simulated fleet that stands still is moved on meanwhile, ten times as fast, or
    /// nothing that it has to do would ever be done.
    pub async fn meanwhile<T>(&self, work: impl Future<Output = T>) -> T {
        let Some(simulated) = &self.simulated else {
            return work.await;
        };
        let step = Duration::from_millis(100);
        tokio::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                () = tokio::time::sleep(step) => simulated.pass(step * 10),
            }
        }
    }

    /// When nobody watched, as far as the ledger knows; nothing where there is no ledger yet.
    pub fn gaps(&self, now: Millis) -> Vec<Gap> {
        self.watched(now).0
    }

    /// When nobody watched, and since when each source is watched at all, as far as the ledger knows.
    pub fn watched(&self, now: Millis) -> (Vec<Gap>, Vec<(SourceId, Millis)>) {
        let Some(path) = state_file().filter(|path| path.is_file() && !self.is_simulated()) else {
            return (Vec::new(), Vec::new());
        };
        let from = now.minus(REMEMBERED);
        let read = Store::open(&path).and_then(|(store, _)| {
            let gaps = watch::gaps(&store.watched(self.name(), None, from, now)?, now);
            let mut since = Vec::new();
            for source in &self.context.sources {
                let id = SourceId::new(&source.name);
                let spans = store.watched(self.name(), Some(&id), from, now)?;
                since.extend(spans.first().map(|(first, _)| (id, *first)));
            }
            Ok((gaps, since))
        });
        read.unwrap_or_else(|error| {
            self.out().remark(&format!(
                "{}: {error}; what was watched is not known",
                path.display()
            ));
            (Vec::new(), Vec::new())
        })
    }

    /// Keeps what this process has changed in the ledger, with who and why. A simulated fleet has none.
    pub fn keep(&self, changes: &[Change]) {
        let path = state_file().filter(|_| !changes.is_empty() && !self.is_simulated());
        let Some(path) = path else { return };
        let kept = Store::open(&path).and_then(|(mut store, _)| store.append(self.name(), changes));
        if let Err(error) = kept {
            self.out().remark(&format!(
                "{}: {error}; the history does not tell of this write, and the journal does",
                path.display()
            ));
        }
    }

    /// The changes that the ledger knows of; none where there is no ledger yet.
    fn remembered(&self, now: Millis) -> Vec<Change> {
        let Some(path) = state_file().filter(|path| path.is_file()) else {
            return Vec::new();
        };
        let query = HistoryQuery {
            from: now.minus(REMEMBERED),
            ..HistoryQuery::default()
        };
        let read = Store::open(&path).and_then(|(store, _)| store.history(self.name(), &query));
        match read {
            Ok(rows) => rows.into_iter().map(|row| row.change).collect(),
            Err(error) => {
                self.out()
                    .remark(&format!("{}: {error}; history is left out", path.display()));
                Vec::new()
            }
        }
    }
}

/// Whether a needed source answered anything, or none is needed.
pub fn answered(fleet: &Fleet) -> bool {
    let mut needed = needed(fleet).peekable();
    needed.peek().is_none() || needed.any(|health| health.good_at().is_some())
}

/// Whether any needed source was asked: after one look, each that was has told something or failed.
fn asked(fleet: &Fleet) -> bool {
    needed(fleet).any(|health| !health.feeds.is_empty())
}

fn needed(fleet: &Fleet) -> impl Iterator<Item = &SourceHealth> {
    let sources = fleet.settings().sources.iter().filter(|s| s.required);
    sources.filter_map(|s| fleet.source_health(&SourceId::new(&s.name)))
}

/// Why there is nothing to show: each source with its fault and what to do.
fn silence(fleet: &Fleet) -> Failure {
    let mut failure = Failure::no_answer("no needed source answered");
    for (id, health, _) in fleet.sources() {
        if let Some(fault) = health.fault() {
            failure = failure.advice(format!("  {id}: {}", fault.line()));
            failure = failure.advice(format!("    {}", fault.kind.advice()));
        }
    }
    failure
}

/// The directory of what outlives the process: `$XDG_STATE_HOME/quarterdeck` on Linux, the user's
/// data directory elsewhere. `None` where no home directory is known.
pub fn state_dir() -> Option<PathBuf> {
    let dirs = directories::ProjectDirs::from("", "", "quarterdeck")?;
    let dir = dirs.state_dir().unwrap_or_else(|| dirs.data_local_dir());
    Some(dir.to_owned())
}

/// The file of ledger and last-known state.
pub fn state_file() -> Option<PathBuf> {
    state_dir().map(|dir| dir.join("state.sqlite"))
}

/// The log.
pub fn log_file() -> Option<PathBuf> {
    state_dir().map(|dir| dir.join("quarterdeck.log"))
}

/// The directory of journals.
pub fn journal_dir() -> Option<PathBuf> {
    state_dir().map(|dir| dir.join("journal"))
}
