//! `record`: watches without a screen and writes observed changes to the local ledger, so that there
//! is history while nobody looks. Once, for cron, or until it is stopped, for a service.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::documents;
use super::exit::{Exit, Failure};
use super::history;
use super::output::{Out, Reader};
use super::session::{REMEMBERED, Session, answered, state_dir, state_file};
use crate::cli::RecordArgs;
use crate::domain::change::Change;
use crate::domain::fleet::Fleet;
use crate::domain::key::SourceId;
use crate::domain::last_known::{Held, LastKnown, SourceStamp};
use crate::domain::observation::PollReport;
use crate::domain::run::Run;
use crate::domain::settings::Context;
use crate::domain::time::Millis;
use crate::domain::watch;
use crate::intent::msg::Msg;
use crate::runtime::clock::Clock;
use crate::runtime::headless::Options;
use crate::runtime::signals::told_to_end;
use crate::runtime::sources::{Common, Sources};
use crate::store::{HistoryQuery, Retention, Store, StoreError, Watch};

/// How often the last-known state is kept and old history let go.
const KEEP: Duration = Duration::from_secs(60);
/// Messages that may wait for the recorder.
const WAITING: usize = 256;

/// Runs `record`.
///
/// # Errors
/// When another recorder of this context runs, the ledger cannot be written, or, with `--once`, no
/// needed source answered.
pub async fn run(session: &Session, args: &RecordArgs) -> Result<Exit, Failure> {
    if session.is_simulated() {
        return Err(
            Failure::usage("the simulated fleet's changes are kept nowhere").advice(
                "start its servers with `quarterdeck demo --serve` and record them with --mlflow URL",
            ),
        );
    }
    let (Some(dir), Some(state)) = (state_dir(), state_file()) else {
        return Err(Failure::internal(
            "no home directory is known, so there is nowhere to keep history",
        ));
    };
    let _lock = lock(&dir, session.name())?;
    let recorder = Recorder::open(session, &state)?;
    if args.once {
        Box::pin(recorder.once(session)).await
    } else {
        recorder.watch(session, args.every).await
    }
}

/// Takes the lock of a context's recorder: two would write the same rows by turns.
fn lock(dir: &Path, context: &str) -> Result<File, Failure> {
    let name: String = context
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "-_".contains(c) {
                c
            } else {
                '_'
            }
        })
        .collect();
    let path = dir.join(format!("record-{name}.lock"));
    let failed = |e: std::io::Error| Failure::internal(format!("{}: {e}", path.display()));
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir).map_err(failed)?;
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Failure::usage(format!(
            "another recorder of context {context} is running (it holds {})",
            path.display()
        ))
        .advice("stop that one first, or record another context")),
        Err(TryLockError::Error(e)) => Err(failed(e)),
    }
}

/// A fleet that is watched, and the ledger that its changes go to.
struct Recorder {
    fleet: Fleet,
    store: Store,
    out: Out,
    watches: BTreeMap<SourceId, Watch>,
    /// Changes that could not be written yet.
    unwritten: Vec<Change>,
}

impl Recorder {
    fn open(session: &Session, path: &Path) -> Result<Self, Failure> {
        let failed = |e: StoreError| Failure::internal(e.to_string());
        let (store, remarks) = Store::open(path).map_err(failed)?;
        for remark in remarks {
            session.out().remark(remark.text.as_str());
        }
        if store.path().is_none() {
            return Err(Failure::internal(
                "the ledger cannot be kept, so there is nothing to record to",
            ));
        }
        let now = Clock::default().wall();
        let mut fleet = session.empty_fleet();
        let name = session.name();
        restore(&mut fleet, &store, name, now).map_err(failed)?;
        Ok(Self {
            fleet,
            store,
            out: *session.out(),
            watches: BTreeMap::new(),
            unwritten: Vec::new(),
        })
    }

    async fn once(mut self, session: &Session) -> Result<Exit, Failure> {
        let fleet = std::mem::replace(&mut self.fleet, session.empty_fleet());
        let collected = session.look_again(fleet, &Options::default()).await;
        let now = collected.now;
        self.fleet = collected.fleet;
        let gap = Duration::MAX;
        for (source, at) in good_stamps(&self.fleet) {
            self.saw(&source, at, gap);
        }
        self.write()?;
        self.keep(now);
        if answered(&self.fleet) {
            Ok(Exit::Done)
        } else {
            let mut failure = Failure::no_answer("no needed source answered; nothing was recorded");
            for (id, health, _) in self.fleet.sources() {
                failure = match health.fault() {
                    Some(fault) => failure.advice(format!("  {id}: {}", fault.line())),
                    None => failure,
                };
            }
            Err(failure)
        }
    }

    async fn watch(mut self, session: &Session, every: Option<Duration>) -> Result<Exit, Failure> {
        let clock = Arc::new(Clock::default());
        let settings = Arc::new(paced(&session.context, every));
        let (out, mut messages) = mpsc::channel(WAITING);
        let common = Common {
            limits: Arc::default(),
            clock: Arc::clone(&clock),
            out,
        };
        let sources = Sources::start(self.fleet.context(), &settings, &common);
        drop(common);
        if let Some(path) = self.store.path() {
            self.out.remark(&format!(
                "recording context {} to {}",
                session.name(),
                path.display()
            ));
        }
        let mut tick = tokio::time::interval_at(tokio::time::Instant::now() + KEEP, KEEP);
        let stop = told_to_end();
        tokio::pin!(stop);
        loop {
            let reader = tokio::select! {
                biased;
                () = &mut stop => break,
                _ = tick.tick() => {
                    let now = clock.wall();
                    self.fleet.tick(now);
                    let reader = self.write()?;
                    self.keep(now);
                    reader
                }
                msg = messages.recv() => match msg {
                    Some(msg) => {
                        self.take(msg, &settings, clock.wall());
                        self.write()?
                    }
                    None => break,
                }
            };
            if reader == Reader::Gone {
                break;
            }
        }
        sources.stop().await;
        let now = clock.wall();
        self.write()?;
        self.keep(now);
        Ok(Exit::Done)
    }

    fn take(&mut self, msg: Msg, settings: &Context, now: Millis) {
        match msg {
            Msg::Observed(observation) => {
                self.fleet.merge(*observation, now);
            }
            Msg::Anew(_, source) => self.fleet.read_anew(&source, now),
            Msg::Polled(report) => {
                self.fleet.record(&report, now);
                if report.fault.is_none() {
                    let set = settings
                        .sources
                        .iter()
                        .find(|s| s.name == report.source.as_str());
                    let every = set.map_or(Duration::from_secs(10), |s| s.every);
                    let patience = watch::patience(every);
                    self.saw(&report.source, report.asked_at, patience);
                }
            }
            _ => {}
        }
    }

    /// Writes what was observed, and tells it. A ledger that is busy or full is tried again later.
    fn write(&mut self) -> Result<Reader, Failure> {
        self.unwritten.extend(self.fleet.take_observed());
        if self.unwritten.is_empty() {
            return Ok(Reader::There);
        }
        let context = self.fleet.context().name.clone();
        let written = match self.store.append(context.as_str(), &self.unwritten) {
            Ok(written) => written,
            Err(error @ (StoreError::Busy | StoreError::Full)) => {
                self.out.remark(&format!("{error}; it is tried again"));
                return Ok(Reader::There);
            }
            Err(error) => return Err(Failure::internal(error.to_string())),
        };
        self.unwritten.clear();
        for row in &written {
            let change = &row.change;
            let reader = if self.out.json {
                self.out
                    .document_line(&documents::document("change", documents::change(change)))?
            } else {
                self.out.line(&format!(
                    "{}  {}  {}",
                    change.not_after.rfc3339(),
                    history::subject(&change.subject),
                    change.phrase()
                ))?
            };
            if reader == Reader::Gone {
                return Ok(Reader::Gone);
            }
        }
        Ok(Reader::There)
    }

    /// A source has answered: that time was watched.
    fn saw(&mut self, source: &SourceId, at: Millis, gap: Duration) {
        let context = self.fleet.context().name.clone();
        let seen = match self.watches.get_mut(source) {
            Some(watch) => self.store.watch_seen(watch, at),
            None => self
                .store
                .watch_started(context.as_str(), source, at, gap)
                .map(|watch| {
                    self.watches.insert(source.clone(), watch);
                }),
        };
        if let Err(error) = seen {
            tracing::warn!(%source, "watched time is not kept: {error}");
        }
    }

    /// Keeps the state for the next start, and lets old history go.
    fn keep(&mut self, now: Millis) {
        let state = self.fleet.last_known(now, runs(&self.fleet));
        let context = self.fleet.context().name.clone();
        let kept = self
            .store
            .save(context.as_str(), &state)
            .and_then(|_| self.store.prune(now, Retention::default()));
        if let Err(error) = kept {
            self.out
                .remark(&format!("the last-known state is not kept: {error}"));
        }
    }
}

/// The context with other cadences.
fn paced(context: &Context, every: Option<Duration>) -> Context {
    let mut context = context.clone();
    if let Some(every) = every {
        for source in &mut context.sources {
            source.every = every.max(Duration::from_secs(1));
        }
    }
    context
}

/// Takes the last-known state and the history in, as if this process had seen them.
fn restore(fleet: &mut Fleet, store: &Store, context: &str, now: Millis) -> Result<(), StoreError> {
    // It is known again at the start, so that nothing is told twice.
    let query = HistoryQuery {
        from: now.minus(REMEMBERED),
        limit: 10_000,
        ..HistoryQuery::default()
    };
    let history = store.history(context, &query)?;
    let Some(head) = store.load_head(context)? else {
        fleet.remember(history.into_iter().map(|row| row.change), now);
        return Ok(());
    };
    // Judged as of then: what differs now is a change between that look and this one.
    let then = head.saved_at.min(now);
    fleet.remember(history.into_iter().map(|row| row.change), then);
    let stamps = head.sources.clone();
    fleet.absorb(LastKnown::from(head), then);
    if let Some(rest) = store.load_rest(context)? {
        fleet.absorb(LastKnown::from(rest), then);
    }
    for stamp in &stamps {
        if let Some(report) = past(fleet, stamp) {
            fleet.recall(&report);
        }
    }
    // Judging the past again finds nothing new.
    drop(fleet.take_observed());
    Ok(())
}

/// A poll that was answered before this process began.
fn past(fleet: &Fleet, stamp: &SourceStamp) -> Option<PollReport> {
    let answered = stamp.answered_at?;
    let settings = fleet.settings();
    let every = settings
        .sources
        .iter()
        .find(|s| s.name == stamp.source.as_str())?
        .every;
    Some(PollReport {
        partial: None,
        context: Arc::clone(fleet.context()),
        source: stamp.source.clone(),
        feed: stamp.feed,
        asked_at: answered,
        took_ms: 0,
        clock_skew_ms: None,
        fault: None,
        next_at: answered.plus(every),
    })
}

/// The newest answer of each source.
fn good_stamps(fleet: &Fleet) -> Vec<(SourceId, Millis)> {
    let stamps = fleet
        .sources()
        .filter_map(|(id, health, _)| Some((id.clone(), health.good_at()?)));
    stamps.collect()
}

/// The runs held, for the last-known state.
fn runs(fleet: &Fleet) -> Vec<Held<Run>> {
    let store = fleet.runs();
    let rows = 0..u32::try_from(store.len()).unwrap_or(u32::MAX);
    rows.filter_map(|row| {
        let key = store.key(row)?;
        let source = fleet.experiment(store.experiment(row)?)?.source.clone();
        Some(Held {
            source,
            asked_at: store.row(row)?.asked_at,
            fact: store.unpack(&key)?,
        })
    })
    .collect()
}
