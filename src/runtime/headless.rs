//! One look at everything, without a screen: what the headless commands print.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, timeout_at};

use super::clock::Clock;
use super::diff::{Sent, Stamp};
use super::flight::{Begun, crashed, poll_once, skew_ms};
use super::limits::{Host, Limits};
use super::sources::{main_feed, make};
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::fleet::Fleet;
use crate::domain::key::{RunKey, SourceId};
use crate::domain::observation::{Abilities, ContextRef, Feed, PollReport};
use crate::domain::query::{Detail, Focus, Query};
use crate::domain::settings::{Context, SourceSettings};
use crate::domain::text::Clean;
use crate::domain::time::Millis;
use crate::intent::msg::Msg;
use crate::sources::any::AnySource;
use crate::sources::{FeedSpec, Source};

/// The feeds that together show everything once.
pub const SWEEP: [Feed; 13] = [
    Feed::Models,
    Feed::Versions,
    Feed::Experiments,
    Feed::Endpoint,
    Feed::RecentRuns,
    Feed::Signals,
    Feed::Alerts,
    Feed::SignalHistory,
    Feed::Annotations,
    Feed::ServedHistory,
    Feed::Pipelines,
    Feed::PipelineRuns,
    Feed::Orchestrator,
];

/// What is asked for, and how long it may take.
#[derive(Clone, Debug)]
pub struct Options {
    /// The deadline for everything together.
    pub timeout: Duration,
    /// The feeds to poll, among those that each source has.
    pub feeds: Vec<Feed>,
    /// Whether to ask each source what it may do.
    pub probe: bool,
    /// How many runs behind champions and challengers to fetch at most.
    pub runs: usize,
    /// The time, where it is not the machine's: a simulated fleet has its own.
    pub clock: Option<Arc<Clock>>,
    /// What is on screen, for the feeds that ask for nothing else.
    pub focus: Focus,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            feeds: SWEEP.to_vec(),
            probe: false,
            runs: 200,
            clock: None,
            focus: Focus::default(),
        }
    }
}

/// What one look showed.
#[derive(Debug)]
pub struct Collected {
    /// The joined state; each source's health is in it.
    pub fleet: Fleet,
    /// Whether every source answered or failed before the deadline. What is missing is told as a fault of
    /// its feed.
    pub complete: bool,
    /// What the sources may do, of those that were probed.
    pub abilities: BTreeMap<SourceId, Result<Abilities, Fault>>,
    /// The time at the end of the look.
    pub now: Millis,
    asks: BTreeMap<SourceId, Ask>,
    clock: Arc<Clock>,
}

impl Collected {
    /// Asks one source for a detail, within `limit`.
    ///
    /// # Errors
    /// The source's fault, or that it was not there or did not answer in time.
    pub async fn fetch(
        &self,
        source: &SourceId,
        query: Query,
        limit: Duration,
    ) -> Result<(Millis, Detail), Fault> {
        let Some(ask) = self.asks.get(source) else {
            return Err(Fault::new(
                FaultKind::Unreachable,
                source.as_str(),
                "it did not answer",
            ));
        };
        let asked_at = self.clock.wall();
        match tokio::time::timeout(limit, ask.0(query)).await {
            Ok(result) => Ok((asked_at, result?)),
            Err(_) => Err(late(source, limit)),
        }
    }

    /// Fetches runs into the fleet, all at once as far as the hosts' limits allow.
    pub async fn fetch_runs(&mut self, wanted: Vec<(SourceId, RunKey)>, limit: Duration) {
        let deadline = Instant::now() + limit;
        let mut tasks = JoinSet::new();
        for (source, run) in wanted {
            let Some(ask) = self.asks.get(&source).cloned() else {
                continue;
            };
            let clock = Arc::clone(&self.clock);
            tasks.spawn(async move {
                let asked_at = clock.wall();
                let result = ask.0(Query::Run(run.clone())).await;
                (run, asked_at, result)
            });
        }
        while let Ok(Some(ended)) = timeout_at(deadline, tasks.join_next()).await {
            match ended {
                Ok((_, asked_at, Ok(Detail::Run(run)))) => {
                    let now = self.clock.wall();
                    self.fleet
                        .put_runs(std::slice::from_ref(&*run), asked_at, now);
                }
                Ok((run, _, Err(fault))) if fault.kind == FaultKind::NotFound => {
                    self.fleet.run_is_gone(run);
                }
                Ok((run, _, Err(fault))) => tracing::info!("run {}: {fault}", run.id.clean()),
                Ok((_, _, Ok(_))) | Err(_) => {}
            }
        }
    }
}

/// Polls every source of a context once, all at the same time, and ends when each has answered or
/// failed, or at the deadline: then what is missing is told as that source's timeout.
pub async fn collect(context: &Arc<Context>, options: &Options) -> Collected {
    let reference = ContextRef {
        name: context.name.clone(),
        generation: 0,
    };
    let fleet = Fleet::new(Arc::new(reference), Arc::clone(context));
    collect_into(fleet, options).await
}

/// As [`collect`], into a fleet that already knows something: the last-known state, the history.
///
/// Everything is judged once, when all that answered has been taken in: in between, what one source said is
/// new and what the others said is old, and which is which hangs on who answers first. It is taken in in the
/// order of the sources: of an alert that two of them tell, the first one's row is kept.
pub async fn collect_into(mut fleet: Fleet, options: &Options) -> Collected {
    fleet.judge_in_slices_of(0);
    let clock = options.clock.clone().unwrap_or_default();
    let deadline = Instant::now() + options.timeout;
    let (context, settings) = (Arc::clone(fleet.context()), Arc::clone(fleet.settings()));
    let limits = Limits::default();
    let (out, mut messages) = mpsc::channel(64);
    let mut tasks = JoinSet::new();
    for (index, source) in settings.sources.iter().enumerate() {
        // The fleet may know what another look has read: what is gone since is not in this one.
        fleet.read_anew(&SourceId::new(&source.name), clock.wall());
        let look = Look {
            context: Arc::clone(&context),
            host: limits.of(&source.url),
            clock: Arc::clone(&clock),
            out: out.clone(),
            options: options.clone(),
        };
        let (settings, id) = (Arc::clone(&settings), SourceId::new(&source.name));
        tasks.spawn(async move { (id, look_at(&settings, index, look).await) });
    }
    drop(out);
    let mut collected = Collected {
        fleet,
        complete: true,
        abilities: BTreeMap::new(),
        now: clock.wall(),
        asks: BTreeMap::new(),
        clock,
    };
    let mut owed = Owed::default();
    let mut heard = Vec::new();
    // The channel ends when the last source has said what it had to say.
    loop {
        match timeout_at(deadline, messages.recv()).await {
            Ok(Some(Said::Owes(source, feeds))) => owed.begin(source, feeds),
            Ok(Some(Said::Msg(msg))) => heard.push(msg),
            Ok(None) => break,
            Err(_) => {
                collected.complete = false;
                break;
            }
        }
    }
    // What came in together with the deadline still counts.
    while let Ok(said) = messages.try_recv() {
        match said {
            Said::Owes(source, feeds) => owed.begin(source, feeds),
            Said::Msg(msg) => heard.push(msg),
        }
    }
    heard.sort_by_key(|msg| place(msg, &settings));
    for msg in heard {
        collected.take(msg, &mut owed);
    }
    if collected.complete {
        while let Some(ended) = tasks.join_next().await {
            collected.keep(ended);
        }
    } else {
        while let Some(ended) = tasks.try_join_next() {
            collected.keep(ended);
        }
    }
    collected.miss(options, &owed);
    collected.fleet.judge_at_once(collected.clock.wall());
    let wanted = collected.fleet.wanted_runs();
    let wanted = wanted.into_iter().take(options.runs).collect();
    let rest = deadline.saturating_duration_since(Instant::now());
    collected.fetch_runs(wanted, rest).await;
    collected.now = collected.clock.wall();
    collected.fleet.tick(collected.now);
    collected
}

/// The place of a message's source among those of the context.
fn place(msg: &Msg, settings: &Context) -> Option<usize> {
    let source = match msg {
        Msg::Observed(observation) => &observation.source,
        Msg::Polled(report) => &report.source,
        Msg::Probed { source, .. } => source,
        _ => return None,
    };
    let mut all = settings.sources.iter();
    all.position(|s| s.name == source.as_str())
}

impl Collected {
    fn keep(&mut self, ended: Result<(SourceId, Option<Ask>), JoinError>) {
        match ended {
            Ok((id, Some(ask))) => {
                self.asks.insert(id, ask);
            }
            Ok((_, None)) => {}
            Err(error) => tracing::error!("the look at a source failed: {error}"),
        }
    }

    fn take(&mut self, msg: Msg, owed: &mut Owed) {
        let now = self.clock.wall();
        match msg {
            Msg::Observed(observation) => {
                self.fleet.merge(*observation, now);
            }
            Msg::Polled(report) => {
                owed.end(&report.source, report.feed);
                self.fleet.record(&report, now);
            }
            Msg::Probed {
                source, abilities, ..
            } => {
                if let Ok(abilities) = &abilities {
                    self.fleet.set_rights(&source, abilities.rights.clone());
                    self.fleet.set_account(&source, abilities.user.clone());
                }
                self.abilities.insert(source, abilities);
            }
            _ => {}
        }
    }

    /// What was asked for and not told is that source's fault, feed by feed: a source that answered in part
    /// shows what it said, and is not taken for one that has said all.
    fn miss(&mut self, options: &Options, owed: &Owed) {
        let settings = Arc::clone(self.fleet.settings());
        for source in &settings.sources {
            let id = SourceId::new(&source.name);
            let fault = if self.complete {
                let detail = "the look at it failed inside; the log has the place";
                Fault::new(FaultKind::Crashed, id.as_str(), detail)
            } else {
                late(&id, options.timeout)
            };
            if options.probe && !self.asks.contains_key(&id) {
                self.abilities
                    .entry(id.clone())
                    .or_insert_with(|| Err(fault.clone()));
            }
            let now = self.clock.wall();
            for spec in owed.of(&id, source) {
                let report = PollReport {
                    partial: None,
                    context: Arc::clone(self.fleet.context()),
                    source: id.clone(),
                    feed: spec.feed,
                    asked_at: now.minus(options.timeout),
                    took_ms: u64::try_from(options.timeout.as_millis()).unwrap_or(u64::MAX),
                    clock_skew_ms: None,
                    fault: Some(fault.clone()),
                    next_at: now.minus(options.timeout).plus(spec.every),
                };
                self.fleet.record(&report, now);
            }
        }
    }
}

/// What the task of a source says.
enum Said {
    /// It is made, and will tell of these feeds.
    Owes(SourceId, Vec<FeedSpec>),
    /// What the fleet takes in.
    Msg(Msg),
}

/// The feeds that were asked for and have not been told, by source.
#[derive(Default)]
struct Owed(BTreeMap<SourceId, Vec<FeedSpec>>);

impl Owed {
    fn begin(&mut self, source: SourceId, feeds: Vec<FeedSpec>) {
        self.0.insert(source, feeds);
    }

    /// A feed was told, well or with a fault. What is told of a source that could not be made stands for all.
    fn end(&mut self, source: &SourceId, feed: Feed) {
        let feeds = self.0.entry(source.clone()).or_default();
        feeds.retain(|spec| spec.feed != feed);
    }

    /// What a source owes. Of one that was not even made in time, that is the feed that stands for it.
    fn of(&self, id: &SourceId, source: &SourceSettings) -> Vec<FeedSpec> {
        self.0.get(id).cloned().unwrap_or_else(|| {
            vec![FeedSpec {
                feed: main_feed(source.kind),
                every: source.every,
            }]
        })
    }
}

fn late(source: &SourceId, limit: Duration) -> Fault {
    let detail = format!("no answer within {} ms", limit.as_millis());
    Fault::new(FaultKind::Timeout, source.as_str(), &detail)
}

type Answering = Pin<Box<dyn Future<Output = Result<Detail, Fault>> + Send>>;

/// A way to ask a source that was made once.
#[derive(Clone)]
struct Ask(Arc<dyn Fn(Query) -> Answering + Send + Sync>);

impl std::fmt::Debug for Ask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ask")
    }
}

/// What one look at one source needs.
struct Look {
    context: Arc<ContextRef>,
    host: Arc<Host>,
    clock: Arc<Clock>,
    out: mpsc::Sender<Said>,
    options: Options,
}

async fn look_at(settings: &Arc<Context>, index: usize, look: Look) -> Option<Ask> {
    let source = settings.sources.get(index)?;
    match make(settings, index).await {
        Ok(source) => Some(Box::pin(look.at(Arc::new(source))).await),
        Err(fault) => {
            let id = SourceId::new(&source.name);
            if look.options.probe {
                look.probed(&id, Err(fault.clone())).await;
            }
            let spec = FeedSpec {
                feed: main_feed(source.kind),
                every: source.every,
            };
            let at = look.clock.wall();
            look.report(&id, spec, (at, Duration::ZERO), None, (Some(fault), None))
                .await;
            None
        }
    }
}

impl Look {
    async fn at(self, source: Arc<AnySource>) -> Ask {
        let id = source.id().clone();
        let mut feeds = source.feeds();
        feeds.retain(|spec| self.options.feeds.contains(&spec.feed));
        self.say(Said::Owes(id.clone(), feeds.clone())).await;
        if self.options.probe {
            let _turn = self.host.enter().await;
            self.probed(&id, source.probe().await).await;
        }
        let mut sent = Sent::default();
        let focus = Arc::new(self.options.focus.clone());
        for spec in feeds {
            let (host, clock) = (Arc::clone(&self.host), Arc::clone(&self.clock));
            let flight = poll_once(
                Arc::clone(&source),
                spec.feed,
                Arc::clone(&focus),
                host,
                clock,
                None,
                Begun::default(),
            );
            let (asked_at, took, result) = match flight.await {
                Ok(polled) => (polled.asked_at, polled.took, polled.result),
                Err(error) => (self.clock.wall(), Duration::ZERO, Err(crashed(&id, &error))),
            };
            let mut partial = None;
            let (skew, fault) = match result {
                Ok(mut answer) => {
                    partial = answer.partial.take();
                    let skew = answer.server_time.map(|at| skew_ms(at, asked_at, took));
                    let stamp = Stamp {
                        context: Arc::clone(&self.context),
                        source: id.clone(),
                        feed: spec.feed,
                        asked_at,
                    };
                    for observation in sent.compare(&stamp, answer) {
                        self.tell(Msg::Observed(Box::new(observation))).await;
                    }
                    (skew, None)
                }
                Err(fault) => (None, Some(fault)),
            };
            self.report(&id, spec, (asked_at, took), skew, (fault, partial))
                .await;
        }
        let host = Arc::clone(&self.host);
        Ask(Arc::new(move |query| {
            let (source, host) = (Arc::clone(&source), Arc::clone(&host));
            Box::pin(async move {
                let _turn = host.enter().await;
                source.fetch(query).await
            })
        }))
    }

    async fn tell(&self, msg: Msg) {
        self.say(Said::Msg(msg)).await;
    }

    async fn say(&self, said: Said) {
        // Nobody listens any more after the deadline, and then nothing is left to do.
        let _ = self.out.send(said).await;
    }

    async fn probed(&self, source: &SourceId, abilities: Result<Abilities, Fault>) {
        let context = Arc::clone(&self.context);
        self.tell(Msg::Probed {
            context,
            source: source.clone(),
            abilities,
        })
        .await;
    }

    async fn report(
        &self,
        source: &SourceId,
        spec: FeedSpec,
        (asked_at, took): (Millis, Duration),
        clock_skew_ms: Option<i64>,
        (fault, partial): (Option<Fault>, Option<Clean>),
    ) {
        let report = PollReport {
            partial,
            context: Arc::clone(&self.context),
            source: source.clone(),
            feed: spec.feed,
            asked_at,
            took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            clock_skew_ms,
            fault,
            next_at: asked_at.plus(spec.every),
        };
        self.tell(Msg::Polled(Box::new(report))).await;
    }
}

#[cfg(test)]
#[path = "headless_tests.rs"]
mod tests;
