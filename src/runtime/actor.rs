//! One task a source: polls its feeds in turn, takes requests while a poll runs, and tells the loop
//! what it found. When a feed is due is [`super::schedule`]'s, what is new [`super::diff`]'s matter.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::Instant;

use super::clock::Clock;
use super::diff::{Sent, Stamp};
use super::flight::{Flight, Polled, Silence, crashed, poll_once, skew_ms, until, wait};
use super::limits::Host;
use super::schedule::{self, Rhythm};
use crate::domain::fault::{Fault, FaultKind, Retry};
use crate::domain::observation::{Abilities, ContextRef, Feed, PollReport};
use crate::domain::query::{Detail, Focus, Query};
use crate::domain::text::Clean;
use crate::domain::time::Millis;
use crate::intent::msg::Msg;
use crate::sources::{Page, Source};

/// Details of one source on their way at once; more wait their turn.
const FETCHES: usize = 4;
/// The least time between two probes.
const PROBE_GAP: Duration = Duration::from_secs(60);
/// As many polls failed in a row make the next answer a recovery: the server may be another one.
const LOST: u32 = 2;

/// What an actor can be asked. Small: hundreds of actors each have room for a block of them.
#[derive(Clone, Debug)]
pub enum Request {
    /// Poll every feed now, as far as the server and the last poll allow.
    Refresh,
    /// Ask what this account may do, as soon as the last time is long enough ago.
    Probe,
    /// Fetch a detail.
    Fetch(Box<Query>),
    /// A detail is no longer wanted: nothing will be told of it.
    Cancel(Box<Query>),
}

/// What an actor needs beside its source.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// Whose fleet.
    pub context: Arc<ContextRef>,
    /// Where the source is, without credentials: faults name it.
    pub place: Clean,
    /// How many sources begin together.
    pub sources: usize,
    /// The host's budget.
    pub host: Arc<Host>,
    /// The time.
    pub clock: Arc<Clock>,
    /// Where messages go.
    pub out: mpsc::Sender<Msg>,
    /// What is on screen, the same for all sources of a context.
    pub focus: watch::Receiver<Arc<Focus>>,
}

/// One feed and when it is polled next.
#[derive(Debug)]
struct FeedState {
    feed: Feed,
    rhythm: Rhythm,
    next: Instant,
    /// When it is polled instead of a feed that sleeps because nothing on screen needs it.
    stands_in: Option<Instant>,
    /// When its last poll began.
    asked: Option<Instant>,
    /// How long the last poll took that was answered.
    took: Option<Duration>,
    /// Not even a wish to refresh comes before this.
    not_before: Instant,
    /// Whether the fleet was told of a poll of it.
    reported: bool,
}

impl FeedState {
    /// Whether it asks for nothing but what is on screen.
    fn follows_focus(&self) -> bool {
        matches!(self.feed, Feed::WatchedModels | Feed::OpenRuns)
    }

    fn wanted(&self, focus: &Focus) -> bool {
        match self.feed {
            Feed::WatchedModels => !focus.models.is_empty(),
            Feed::OpenRuns => !focus.experiments.is_empty() || focus.run.is_some(),
            _ => true,
        }
    }

    fn hasten(&mut self, gap: Duration, now: Instant) {
        let earliest = self.asked.map_or(now, |at| at + gap).max(self.not_before);
        self.next = self.next.min(earliest.max(now));
    }
}

type Fetched = (Millis, Result<Detail, Fault>);

/// The actor of one source.
pub struct Actor<S> {
    source: Arc<S>,
    around: Surroundings,
    rng: fastrand::Rng,
    focus: Arc<Focus>,
    feeds: Vec<FeedState>,
    sent: Sent,
    lost: u32,
    silence: Silence,
    probed: Option<Instant>,
    probe_at: Option<Instant>,
    /// Messages that wait for the loop: requests are taken meanwhile, new polls are not begun.
    outbox: VecDeque<Msg>,
    fetches: JoinSet<Fetched>,
    fetching: HashMap<Id, (Query, Millis, AbortHandle)>,
    queued: VecDeque<Query>,
}

impl<S> std::fmt::Debug for Actor<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Actor")
            .field("feeds", &self.feeds)
            .finish_non_exhaustive()
    }
}

impl<S: Source> Actor<S> {
    /// An actor that begins to poll when it is run.
    pub fn new(source: S, mut around: Surroundings) -> Self {
        let mut rng = fastrand::Rng::new();
        let now = Instant::now();
        let specs = source.feeds();
        let every = specs.iter().map(|s| s.every).min().unwrap_or_default();
        let first = now + schedule::first(around.sources, every, &mut rng);
        let feeds = specs
            .into_iter()
            .map(|spec| FeedState {
                feed: spec.feed,
                rhythm: match spec.feed {
                    Feed::Endpoint => Rhythm::of_probe(spec.every),
                    _ => Rhythm::new(spec.every),
                },
                next: first,
                stands_in: None,
                asked: None,
                took: None,
                not_before: now,
                reported: false,
            })
            .collect();
        let focus = Arc::clone(&around.focus.borrow_and_update());
        Self {
            source: Arc::new(source),
            around,
            rng,
            focus,
            feeds,
            sent: Sent::default(),
            lost: 0,
            silence: Silence::default(),
            probed: None,
            probe_at: Some(first),
            outbox: VecDeque::new(),
            fetches: JoinSet::new(),
            fetching: HashMap::new(),
            queued: VecDeque::new(),
        }
    }

    /// Runs until nobody is left to ask or to tell. Dropping the future ends everything it began; the
    /// requests outlive it, so that another actor may follow one that panicked.
    pub async fn run(mut self, requests: &mut mpsc::Receiver<Request>) {
        let mut polling: Option<(usize, Flight<Polled>)> = None;
        let mut pages = mpsc::channel(1).1;
        let mut probing: Option<Flight<Result<Abilities, Fault>>> = None;
        let mut knocking: Option<Flight<Result<Abilities, Fault>>> = None;
        let out = self.around.out.clone();
        loop {
            let next = self.next_feed();
            let idle = polling.is_none() && self.outbox.is_empty();
            let feed_at = next.filter(|_| idle).map(|(_, at)| at);
            let probe_at = self.probe_at.filter(|_| probing.is_none());
            let silent_at = self.silence.next().filter(|_| polling.is_some());
            let mut flight = polling.as_mut().map(|(_, flight)| flight);
            tokio::select! {
                biased;
                request = requests.recv() => match request {
                    None => return,
                    Some(request) => self.take(request),
                },
                // Whoever told the focus ends with whoever made requests.
                Ok(()) = self.around.focus.changed() => {
                    let focus = Arc::clone(&self.around.focus.borrow_and_update());
                    self.set_focus(focus, Instant::now());
                }
                permit = out.reserve(), if !self.outbox.is_empty() => match permit {
                    Err(_) => return,
                    Ok(permit) => {
                        if let Some(msg) = self.outbox.pop_front() {
                            permit.send(msg);
                        }
                    }
                },
                Some(page) = pages.recv(), if self.outbox.is_empty() => {
                    if let Some((index, _)) = &polling {
                        self.silence.broken();
                        self.page(*index, page);
                    }
                }
                polled = wait(&mut flight) => {
                    if let Some((index, _)) = polling.take() {
                        while let Ok(page) = pages.try_recv() {
                            self.page(index, page);
                        }
                        self.polled(index, polled);
                    }
                }
                probed = wait(&mut probing) => {
                    probing = None;
                    self.probed(probed);
                }
                knocked = wait(&mut knocking) => {
                    knocking = None;
                    if knocked.is_ok_and(|answer| !answer.is_err_and(|fault| is_silent(&fault))) {
                        // It is slow in one thing: that poll's own deadline says when it has failed.
                        self.silence.end();
                    }
                }
                Some(ended) = self.fetches.join_next_with_id() => self.fetched(ended),
                () = until(feed_at) => {
                    if let Some((index, _)) = next {
                        // One page waits while another is compared; more are not asked for.
                        let (out, arriving) = mpsc::channel(1);
                        pages = arriving;
                        polling = Some((index, self.poll(index, out)));
                    }
                }
                () = until(silent_at) => {
                    if let Some((index, _)) = &polling
                        && self.silent(*index)
                        && knocking.is_none()
                    {
                        knocking = Some(self.probe());
                    }
                }
                () = until(probe_at) => {
                    self.probe_at = None;
                    self.probed = Some(Instant::now());
                    probing = Some(self.probe());
                }
            }
        }
    }

    /// How often what is on screen is asked for, where the source has such a feed.
    fn beat(&self) -> Option<Duration> {
        let follow = self.feeds.iter().filter(|f| f.follows_focus());
        follow.map(|f| f.rhythm.every()).min()
    }

    /// The feed that is due first; of several the one listed first. While nothing on screen needs the
    /// source, a light feed keeps the beat: somebody has to notice that the server is gone.
    fn next_feed(&self) -> Option<(usize, Instant)> {
        let mut follow = self.feeds.iter().filter(|f| f.follows_focus());
        let rests = !follow.any(|f| f.wanted(&self.focus));
        let wanted = self
            .feeds
            .iter()
            .enumerate()
            .filter(|(_, f)| f.wanted(&self.focus));
        wanted
            .map(|(index, f)| match f.stands_in.filter(|_| rests) {
                Some(at) => (index, f.next.min(at)),
                None => (index, f.next),
            })
            .min_by_key(|(_, at)| *at)
    }

    fn take(&mut self, request: Request) {
        let now = Instant::now();
        match request {
            Request::Refresh => {
                for feed in &mut self.feeds {
                    feed.hasten(feed.rhythm.refresh_gap(), now);
                }
            }
            Request::Probe => self.probe_soon(now),
            Request::Fetch(query) => {
                let query = *query;
                let known = self.fetching.values().any(|(q, ..)| *q == query)
                    || self.queued.contains(&query);
                if !known {
                    self.queued.push_back(query);
                    self.begin_fetches();
                }
            }
            Request::Cancel(query) => {
                self.queued.retain(|q| *q != *query);
                self.fetching.retain(|_, (q, _, handle)| {
                    let cancelled = *q == *query;
                    if cancelled {
                        handle.abort();
                    }
                    !cancelled
                });
            }
        }
    }

    /// What came onto the screen is asked for soon; a feed with nothing left to ask for sleeps, and
    /// the fleet is told so, lest it count as silent.
    fn set_focus(&mut self, focus: Arc<Focus>, now: Instant) {
        let more = !focus.models.is_subset(&self.focus.models);
        let runs = !focus.experiments.is_subset(&self.focus.experiments)
            || (focus.run.is_some() && focus.run != self.focus.run);
        self.focus = focus;
        for index in 0..self.feeds.len() {
            let feed = &mut self.feeds[index];
            let grown = match feed.feed {
                Feed::WatchedModels => more,
                Feed::OpenRuns => runs,
                _ => false,
            };
            if grown {
                feed.hasten(Duration::from_secs(1), now);
            }
            if feed.follows_focus() && feed.reported && !feed.wanted(&self.focus) {
                feed.reported = false;
                let report = self.report(index, self.around.clock.wall(), PollReport::NEVER);
                self.outbox.push_back(Msg::Polled(Box::new(report)));
            }
        }
    }

    fn poll(&mut self, index: usize, pages: mpsc::Sender<Page>) -> Flight<Polled> {
        self.sent.begin();
        let polled = &mut self.feeds[index];
        polled.asked = Some(Instant::now());
        let feed = polled.feed;
        // An endpoint's silence is counted from its last answer.
        let took = polled.took.filter(|_| feed != Feed::Endpoint);
        let begun = self.silence.begin(took);
        let (source, focus) = (Arc::clone(&self.source), Arc::clone(&self.focus));
        let (host, clock) = (
            Arc::clone(&self.around.host),
            Arc::clone(&self.around.clock),
        );
        poll_once(source, feed, focus, host, clock, Some(pages), begun)
    }

    /// Tells that the poll that runs has brought no sign of the server for too long, as one that failed.
    /// Whether it did, so that the server should be asked for anything else.
    fn silent(&mut self, index: usize) -> bool {
        let Some((asked_at, took, again)) = self.silence.lasts() else {
            return false;
        };
        self.feeds[index].reported = true;
        let detail = format!("no answer for {} so far", crate::domain::time::span(took));
        let place = self.around.place.as_str();
        let report = PollReport {
            took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            fault: Some(Fault::new(FaultKind::Timeout, place, &detail)),
            ..self.report(index, asked_at, self.around.clock.wall().plus(again))
        };
        self.outbox.push_back(Msg::Polled(Box::new(report)));
        true
    }

    fn page(&mut self, index: usize, page: Page) {
        let stamp = self.stamp(index, page.asked_at);
        let observations = self.sent.compare_page(&stamp, page.rows);
        let messages = observations.into_iter().map(|o| Msg::Observed(Box::new(o)));
        self.outbox.extend(messages);
    }

    fn stamp(&self, index: usize, asked_at: Millis) -> Stamp {
        Stamp {
            context: Arc::clone(&self.around.context),
            source: self.source.id().clone(),
            feed: self.feeds[index].feed,
            asked_at,
        }
    }

    fn polled(&mut self, index: usize, outcome: Result<Polled, JoinError>) {
        let Polled {
            asked_at,
            took,
            result,
        } = match outcome {
            Ok(polled) => polled,
            Err(error) => Polled {
                asked_at: self.around.clock.wall(),
                took: Duration::ZERO,
                result: Err(crashed(self.source.id(), &error)),
            },
        };
        let now = Instant::now();
        self.silence.end();
        let partial = result
            .as_ref()
            .ok()
            .and_then(|answer| answer.partial.clone());
        let beat = self.beat();
        let (fault, skew) = match result {
            Ok(answer) => {
                let skew = answer
                    .server_time
                    .map(|server| skew_ms(server, asked_at, took));
                let feed = &mut self.feeds[index];
                feed.took = Some(took);
                feed.next = now + feed.rhythm.after_answer(took, &mut self.rng);
                feed.not_before = now;
                let beat = beat.filter(|_| feed.feed == Feed::NewestVersions);
                feed.stands_in = beat.map(|beat| now + feed.rhythm.beat(beat, &mut self.rng));
                // Without a request nothing was learnt, not even that the server is there.
                let asked = answer.server_time.is_some() || !answer.rows.is_empty();
                if feed.follows_focus() && !asked {
                    if std::mem::take(&mut feed.reported) {
                        let report = self.report(index, asked_at, PollReport::NEVER);
                        self.outbox.push_back(Msg::Polled(Box::new(report)));
                    }
                    return;
                }
                self.answered(now);
                let stamp = self.stamp(index, asked_at);
                let observations = self.sent.compare(&stamp, answer);
                let messages = observations.into_iter().map(|o| Msg::Observed(Box::new(o)));
                self.outbox.extend(messages);
                (None, skew)
            }
            Err(fault) => {
                self.lost = self.lost.saturating_add(1);
                let feed = &mut self.feeds[index];
                let retry = fault.kind.retry();
                feed.next = now + feed.rhythm.after_fault(retry, &mut self.rng);
                feed.stands_in = None;
                feed.not_before = if matches!(retry, Retry::After(_)) {
                    feed.next
                } else {
                    now
                };
                tracing::info!(source = %self.source.id(), feed = feed.feed.word(), "{fault}");
                (Some(fault), None)
            }
        };
        let feed = &mut self.feeds[index];
        if feed.follows_focus() && !feed.wanted(&self.focus) {
            // It left the screen while it was asked: nobody will ask again, and what came of this
            // poll must not stand for the source for ever.
            feed.reported = false;
            let report = self.report(index, asked_at, PollReport::NEVER);
            self.outbox.push_back(Msg::Polled(Box::new(report)));
            return;
        }
        feed.reported = true;
        let next_at = self.around.clock.wall().plus(self.feeds[index].next - now);
        let report = PollReport {
            took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            clock_skew_ms: skew,
            fault,
            partial,
            ..self.report(index, asked_at, next_at)
        };
        self.outbox.push_back(Msg::Polled(Box::new(report)));
    }

    fn report(&self, index: usize, asked_at: Millis, next_at: Millis) -> PollReport {
        PollReport {
            partial: None,
            context: Arc::clone(&self.around.context),
            source: self.source.id().clone(),
            feed: self.feeds[index].feed,
            asked_at,
            took_ms: 0,
            clock_skew_ms: None,
            fault: None,
            next_at,
        }
    }

    /// The server has answered. After an outage it may be another version with other rights.
    fn answered(&mut self, now: Instant) {
        if self.lost >= LOST {
            self.probe_soon(now);
            // It is there again: what waits out a long back-off need not.
            for feed in &mut self.feeds {
                if feed.rhythm.failures() > 0 {
                    feed.hasten(Duration::ZERO, now);
                }
            }
        }
        self.lost = 0;
    }

    fn probe_soon(&mut self, now: Instant) {
        let earliest = self.probed.map_or(now, |at| at + PROBE_GAP);
        self.probe_at = Some(earliest.max(now));
    }

    fn probe(&self) -> Flight<Result<Abilities, Fault>> {
        let (source, host) = (Arc::clone(&self.source), Arc::clone(&self.around.host));
        Flight(tokio::spawn(async move {
            let _turn = host.enter().await;
            source.probe().await
        }))
    }

    fn probed(&mut self, outcome: Result<Result<Abilities, Fault>, JoinError>) {
        let abilities = outcome.unwrap_or_else(|error| Err(crashed(self.source.id(), &error)));
        if abilities.is_err() {
            let wait = Rhythm::new(PROBE_GAP).after_fault(Retry::Slowly, &mut self.rng);
            self.probe_at = Some(Instant::now() + wait);
        }
        self.outbox.push_back(Msg::Probed {
            context: Arc::clone(&self.around.context),
            source: self.source.id().clone(),
            abilities,
        });
    }

    fn begin_fetches(&mut self) {
        while self.fetching.len() < FETCHES {
            let Some(query) = self.queued.pop_front() else {
                return;
            };
            let (source, host) = (Arc::clone(&self.source), Arc::clone(&self.around.host));
            let clock = Arc::clone(&self.around.clock);
            let asked = query.clone();
            let handle = self.fetches.spawn(async move {
                let _turn = host.enter().await;
                let asked_at = clock.wall();
                (asked_at, source.fetch(asked).await)
            });
            let wall = self.around.clock.wall();
            self.fetching.insert(handle.id(), (query, wall, handle));
        }
    }

    fn fetched(&mut self, ended: Result<(Id, Fetched), JoinError>) {
        let (id, outcome) = match ended {
            Ok((id, fetched)) => (id, Ok(fetched)),
            Err(error) => (error.id(), Err(error)),
        };
        // A cancelled fetch is no longer listed.
        if let Some((query, began, _)) = self.fetching.remove(&id) {
            let (asked_at, result) = match outcome {
                Ok(fetched) => fetched,
                Err(error) => (began, Err(crashed(self.source.id(), &error))),
            };
            if let Ok(detail) = &result {
                self.silence.broken();
                self.sent.note(detail);
            }
            self.outbox.push_back(Msg::Fetched {
                context: Arc::clone(&self.around.context),
                source: self.source.id().clone(),
                query,
                asked_at,
                result,
            });
        }
        self.begin_fetches();
    }
}

/// Whether a fault says nothing but that nobody answered.
fn is_silent(fault: &Fault) -> bool {
    matches!(fault.kind, FaultKind::Timeout | FaultKind::Unreachable)
}

#[cfg(test)]
#[path = "actor_tests.rs"]
mod tests;
