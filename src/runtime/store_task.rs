//! The store's thread: the one owner of the state file while the program runs. Everything is handed
//! to it without waiting; what it reads comes back as messages.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::domain::change::Change;
use crate::domain::fleet::runs::RunStore;
use crate::domain::key::{ExperimentKey, SourceId};
use crate::domain::last_known::{Held, LastKnown, RUNS_IN_ALL, RUNS_PER_EXPERIMENT};
use crate::domain::observation::{ContextRef, ROWS_PER_MESSAGE};
use crate::domain::run::Run;
use crate::domain::text::Clean;
use crate::domain::time::Millis;
use crate::domain::watch::{Gap, gaps};
use crate::intent::msg::{Msg, Notice};
use crate::intent::preference::Preference;
use crate::store::{HistoryQuery, Retention, Store, StoreError, Watch};

/// How often it looks for what another process has written.
const LOOK: Duration = Duration::from_secs(10);
/// History that is loaded for timelines and "just before".
const HISTORY: usize = 2_000;
/// How far back it is told when nobody watched: as far as panes look.
const WATCHED: Duration = Duration::from_secs(90 * 86_400);
/// The least time between two marks of watched time of one source.
const MARK: Duration = Duration::from_secs(15);

/// What the thread can be asked.
enum Job {
    Enter {
        context: Arc<ContextRef>,
        head_known: bool,
        now: Millis,
    },
    Append(Arc<ContextRef>, Vec<Change>),
    Seen {
        context: Arc<ContextRef>,
        source: SourceId,
        at: Millis,
        gap: Duration,
    },
    Save {
        context: Arc<ContextRef>,
        state: Box<LastKnown>,
        runs: Box<RunStore>,
    },
    Prefer {
        context: Arc<ContextRef>,
        preference: Preference,
        value: String,
    },
    Close(Sender<()>),
}

/// The handle of the store's thread.
#[derive(Debug)]
pub struct Keeper {
    jobs: Sender<Job>,
    marked: HashMap<SourceId, Millis>,
}

/// What a first frame is drawn from, as messages, each told as soon as it is read: how panes are liked, the
/// head of the last-known state and the newest history. Takes a few milliseconds; call it before the thread
/// owns the store.
pub fn first_look(
    store: &Store,
    context: &Arc<ContextRef>,
    now: Millis,
    mut tell: impl FnMut(Msg),
) {
    let name = context.name.as_str();
    let liked = read("preferences", store.preferences(name));
    if !liked.is_empty() {
        tell(Msg::Preferences(Arc::clone(context), liked));
    }
    let parts = store.load_head_in_parts(name, |part| {
        let mut state = LastKnown::from(part);
        not_ahead(&mut state, now);
        tell(Msg::LastKnown(Arc::clone(context), Box::new(state)));
    });
    read("last-known state", parts);
    let query = HistoryQuery {
        limit: HISTORY,
        ..HistoryQuery::default()
    };
    let history = read("history", store.history(name, &query));
    let changes = history.into_iter().map(|row| row.change).collect();
    tell(Msg::Ledger(Arc::clone(context), changes));
    let gaps = read("watched time", unwatched(store, name, now));
    tell(Msg::Unwatched(Arc::clone(context), gaps));
}

fn unwatched(store: &Store, context: &str, now: Millis) -> Result<Vec<Gap>, StoreError> {
    let spans = store.watched(context, None, now.minus(WATCHED), now)?;
    Ok(gaps(&spans, now))
}

/// What was read, or nothing with a word in the log: no fault of the store stops a start.
fn read<T: Default>(what: &str, outcome: Result<T, StoreError>) -> T {
    outcome.unwrap_or_else(|error| {
        tracing::warn!("the {what} cannot be read: {error}");
        T::default()
    })
}

/// Facts stamped by a clock that ran ahead would win over every answer until it is that late.
fn not_ahead(state: &mut LastKnown, now: Millis) {
    fn cut<T>(held: &mut [Held<T>], now: Millis) {
        for fact in held {
            fact.asked_at = fact.asked_at.min(now);
        }
    }
    cut(&mut state.models, now);
    for group in &mut state.versions {
        cut(Arc::make_mut(group).as_mut_slice(), now);
    }
    cut(&mut state.experiments, now);
    cut(&mut state.endpoints, now);
    cut(&mut state.runs, now);
    for group in &mut state.signals {
        cut(Arc::make_mut(group).as_mut_slice(), now);
    }
    for group in &mut state.series {
        cut(Arc::make_mut(group).as_mut_slice(), now);
    }
    cut(&mut state.alerts, now);
}

impl Keeper {
    /// Hands the store to a thread of its own. What it reads goes to `out`.
    pub fn start(store: Store, out: mpsc::Sender<Msg>) -> io::Result<Self> {
        let (jobs, queue) = channel();
        let mut task = Task {
            store: Some(store),
            out,
            context: None,
            seq: 0,
            own: HashSet::new(),
            watches: HashMap::new(),
            told: (Millis(0), Vec::new()),
            troubled: false,
        };
        let builder = std::thread::Builder::new().name("store".to_owned());
        builder.spawn(move || task.run(&queue))?;
        Ok(Self {
            jobs,
            marked: HashMap::new(),
        })
    }

    /// A context is entered: its history and last-known state follow as messages, the head of it
    /// unless it is known already, and from now on what other processes write.
    pub fn enter(&mut self, context: &Arc<ContextRef>, head_known: bool, now: Millis) {
        self.marked.clear();
        self.send(Job::Enter {
            context: Arc::clone(context),
            head_known,
            now,
        });
    }

    /// Keeps observed changes.
    pub fn append(&self, context: &Arc<ContextRef>, changes: Vec<Change>) {
        self.send(Job::Append(Arc::clone(context), changes));
    }

    /// A source has answered. Marks follow one another at a distance, however often it is polled;
    /// silence longer than `patience` ends the watched span.
    pub fn seen(
        &mut self,
        context: &Arc<ContextRef>,
        source: &SourceId,
        at: Millis,
        patience: Duration,
    ) {
        if self
            .marked
            .get(source)
            .is_some_and(|last| at.since(*last) < MARK)
        {
            return;
        }
        self.marked.insert(source.clone(), at);
        let (context, source) = (Arc::clone(context), source.clone());
        self.send(Job::Seen {
            context,
            source,
            at,
            gap: patience,
        });
    }

    /// Saves the last-known state. Runs are handed over as they are held; the thread picks the
    /// newest of them.
    pub fn save(&self, context: &Arc<ContextRef>, state: LastKnown, runs: RunStore) {
        let context = Arc::clone(context);
        self.send(Job::Save {
            context,
            state: Box::new(state),
            runs: Box::new(runs),
        });
    }

    /// Remembers a preference of the context.
    pub fn prefer(&self, context: &Arc<ContextRef>, preference: Preference, value: String) {
        let context = Arc::clone(context);
        self.send(Job::Prefer {
            context,
            preference,
            value,
        });
    }

    /// Ends the thread after everything asked before, waiting `limit` at most; whether it has ended.
    /// Close or drop the receiver of its messages first.
    pub fn close(self, limit: Duration) -> bool {
        let (tell, told) = channel();
        self.send(Job::Close(tell));
        told.recv_timeout(limit).is_ok()
    }

    fn send(&self, job: Job) {
        // A thread that has ended keeps nothing more, and has said so.
        if self.jobs.send(job).is_err() {
            tracing::debug!("the store's thread has ended");
        }
    }
}

struct Task {
    /// Absent only while a damaged file is replaced, or if not even that worked.
    store: Option<Store>,
    out: mpsc::Sender<Msg>,
    context: Option<Arc<ContextRef>>,
    seq: i64,
    /// Rows of this process since the last look: they are no news.
    own: HashSet<i64>,
    watches: HashMap<SourceId, (Watch, Millis)>,
    /// The last mark of any source, and when nobody watched as it was told last.
    told: (Millis, Vec<Gap>),
    /// The user knows that something is wrong with the file.
    troubled: bool,
}

impl Task {
    fn run(&mut self, queue: &Receiver<Job>) {
        let mut next = Instant::now() + LOOK;
        loop {
            match queue.recv_timeout(next.saturating_duration_since(Instant::now())) {
                Ok(Job::Close(tell)) => {
                    self.end_watches();
                    // Closed before it is told, so that another process finds no lock.
                    self.store = None;
                    let _ = tell.send(());
                    return;
                }
                Ok(job) => self.carry_out(job),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    self.end_watches();
                    return;
                }
            }
            if Instant::now() >= next {
                self.look();
                next = Instant::now() + LOOK;
            }
        }
    }

    fn carry_out(&mut self, job: Job) {
        let done = match job {
            Job::Enter {
                context,
                head_known,
                now,
            } => self.enter(&context, head_known, now),
            Job::Append(context, changes) => self.append(&context, &changes),
            Job::Seen {
                context,
                source,
                at,
                gap,
            } => self.seen(&context, source, at, gap),
            Job::Save {
                context,
                state,
                runs,
            } => self.with(|store| {
                let runs = newest(&runs, &state);
                store
                    .save_with_runs(context.name.as_str(), &state, runs)
                    .map(drop)
            }),
            Job::Prefer {
                context,
                preference,
                value,
            } => {
                let (scope, name) = (context.name.as_str(), preference.word());
                self.with(|store| store.set_preference(scope, name, Some(&value)))
            }
            Job::Close(_) => Ok(()),
        };
        match done {
            Ok(()) => self.troubled = false,
            Err(error) => self.trouble(&error),
        }
    }

    fn with<T: Default>(
        &mut self,
        act: impl FnOnce(&mut Store) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.store.as_mut().map_or_else(|| Ok(T::default()), act)
    }

    fn enter(
        &mut self,
        context: &Arc<ContextRef>,
        head_known: bool,
        now: Millis,
    ) -> Result<(), StoreError> {
        self.end_watches();
        self.own.clear();
        self.told = (Millis(0), Vec::new());
        self.context = Some(Arc::clone(context));
        let Some(store) = &mut self.store else {
            return Ok(());
        };
        let name = context.name.as_str();
        self.seq = store.last_seq()?;
        let mut messages = Vec::new();
        if !head_known {
            first_look(store, context, now, |msg| messages.push(msg));
        }
        let rest = store.load_rest(name)?.into_iter();
        let rest = rest.flat_map(|rest| rest.parts(ROWS_PER_MESSAGE));
        let rest = rest.map(|mut part| {
            not_ahead(&mut part, now);
            Msg::LastKnown(Arc::clone(context), Box::new(part))
        });
        for msg in messages.into_iter().chain(rest) {
            if self.out.blocking_send(msg).is_err() {
                // The loop has ended.
                break;
            }
        }
        let pruned = store.prune(now, Retention::default())?;
        if pruned > 0 {
            tracing::info!("{pruned} old changes were let go");
        }
        Ok(())
    }

    fn append(&mut self, context: &ContextRef, changes: &[Change]) -> Result<(), StoreError> {
        let written = self.with(|store| store.append(context.name.as_str(), changes))?;
        self.own.extend(written.into_iter().map(|row| row.seq));
        Ok(())
    }

    fn seen(
        &mut self,
        context: &ContextRef,
        source: SourceId,
        at: Millis,
        gap: Duration,
    ) -> Result<(), StoreError> {
        let Some(store) = &mut self.store else {
            return Ok(());
        };
        self.told.0 = self.told.0.max(at);
        if let Some((watch, last)) = self.watches.get_mut(&source) {
            *last = at;
            return store.watch_seen(watch, at);
        }
        let watch = store.watch_started(context.name.as_str(), &source, at, gap)?;
        self.watches.insert(source, (watch, at));
        Ok(())
    }

    fn end_watches(&mut self) {
        for (_, (watch, last)) in self.watches.drain() {
            if let Some(store) = &mut self.store
                && let Err(error) = store.watch_ended(watch, last)
            {
                tracing::warn!("watched time could not be kept: {error}");
            }
        }
    }

    /// Looks for what another process, such as a recorder, has written.
    fn look(&mut self) {
        let (Some(store), Some(context)) = (&self.store, &self.context) else {
            return;
        };
        let rows = match store.changes_since(context.name.as_str(), self.seq) {
            Ok(rows) => rows,
            Err(error) => return self.trouble(&error),
        };
        let latest = self.told.0;
        if latest > Millis(0) {
            // The end of a gap is known once somebody has answered again.
            match unwatched(store, context.name.as_str(), latest) {
                Ok(gaps) if gaps != self.told.1 => {
                    let msg = Msg::Unwatched(Arc::clone(context), gaps.clone());
                    if self.out.try_send(msg).is_ok() {
                        self.told.1 = gaps;
                    }
                }
                Ok(_) => {}
                Err(error) => return self.trouble(&error),
            }
        }
        let Some(last) = rows.last() else { return };
        let seq = last.seq;
        let news: Vec<Change> = rows
            .into_iter()
            .filter(|row| !self.own.contains(&row.seq))
            .map(|row| row.change)
            .collect();
        // A loop that is busy gets them at the next look.
        let told = news.is_empty()
            || self
                .out
                .try_send(Msg::Ledger(Arc::clone(context), news))
                .is_ok();
        if told {
            self.seq = seq;
            self.own.clear();
        }
    }

    /// A fault of the store stops nothing: it is told once, until something works again.
    fn trouble(&mut self, error: &StoreError) {
        tracing::warn!("{error}");
        let mut text = error.to_string();
        if matches!(error, StoreError::Corrupt(_))
            && let Some(store) = self.store.take()
        {
            self.watches.clear();
            match store.restart() {
                Ok((store, remarks)) => {
                    self.store = Some(store);
                    if let Some(remark) = remarks.first() {
                        text = remark.text.to_string();
                    }
                }
                Err(error) => text = error.to_string(),
            }
        }
        if !std::mem::replace(&mut self.troubled, true) {
            let notice = Notice {
                bad: true,
                text: Clean::text(&text),
            };
            let _ = self.out.try_send(Msg::Notice(notice));
        }
    }
}

/// The newest runs as facts, one after another, with the source that each run's experiment came from.
fn newest<'a>(runs: &'a RunStore, state: &'a LastKnown) -> impl Iterator<Item = Held<Run>> + 'a {
    let source_of: HashMap<&ExperimentKey, &SourceId> = state
        .experiments
        .iter()
        .map(|held| (&held.fact.key, &held.source))
        .collect();
    let mut rows: Vec<(bool, Millis, u32)> = (0..u32::try_from(runs.len()).unwrap_or(u32::MAX))
        .filter_map(|row| {
            let run = runs.row(row)?;
            Some((run.status.is_live(), run.started, row))
        })
        .collect();
    rows.sort_unstable_by(|a, b| b.cmp(a));
    // As the store chooses among facts, so that only those are unpacked that it keeps.
    let mut taken: HashMap<&ExperimentKey, usize> = HashMap::new();
    rows.retain(|(_, _, row)| {
        runs.experiment(*row).is_some_and(|experiment| {
            let count = taken.entry(experiment).or_default();
            *count += 1;
            *count <= RUNS_PER_EXPERIMENT && source_of.contains_key(experiment)
        })
    });
    rows.truncate(RUNS_IN_ALL);
    rows.shrink_to_fit();
    rows.into_iter().filter_map(move |(_, _, row)| {
        let source = (*source_of.get(runs.experiment(row)?)?).clone();
        let asked_at = runs.row(row)?.asked_at;
        let fact = runs.unpack(&runs.key(row)?)?;
        Some(Held {
            source,
            asked_at,
            fact,
        })
    })
}

#[cfg(test)]
#[path = "store_task_tests.rs"]
mod tests;
