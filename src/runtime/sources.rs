//! The actors of one context: started together, asked without waiting, and left at once, however
//! dead the servers are.

use std::collections::BTreeMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::actor::{Actor, Request, Surroundings};
use super::clock::Clock;
use super::flight::failed_inside;
use super::limits::Limits;
use super::schedule::Rhythm;
use crate::domain::fault::{Fault, FaultKind, Retry};
use crate::domain::key::SourceId;
use crate::domain::observation::{ContextRef, Feed, PollReport};
use crate::domain::query::Focus;
use crate::domain::settings::{Context, SourceKind, SourceSettings};
use crate::domain::text::{Clean, without_credentials};
use crate::intent::msg::Msg;
use crate::sources::any::AnySource;
use crate::sources::{Source, registry};

/// Requests that wait for one actor.
const WAITING: usize = 64;
/// How long an orderly end waits for the actors.
const STOP_LIMIT: Duration = Duration::from_millis(500);

/// The running actors of a context. Dropping it ends them without waiting.
#[derive(Debug)]
pub struct Sources {
    actors: BTreeMap<SourceId, mpsc::Sender<Request>>,
    /// What is on screen. It is kept here and not sent: an actor that begins later needs it as well.
    focus: watch::Sender<Arc<Focus>>,
    tasks: JoinSet<()>,
}

/// What every source of every context shares.
#[derive(Clone, Debug)]
pub struct Common {
    /// The hosts' budgets.
    pub limits: Arc<Limits>,
    /// The time.
    pub clock: Arc<Clock>,
    /// Where messages go.
    pub out: mpsc::Sender<Msg>,
}

impl Sources {
    /// Starts an actor for each source of a context. Making a source may read files: that happens
    /// in the actor's own task, and its failure is that source's fault alone.
    pub fn start(context: &Arc<ContextRef>, settings: &Arc<Context>, common: &Common) -> Self {
        let mut tasks = JoinSet::new();
        let mut actors = BTreeMap::new();
        let (focus, focused) = watch::channel(Arc::default());
        for (index, source) in settings.sources.iter().enumerate() {
            let (asks, requests) = mpsc::channel(WAITING);
            actors.insert(SourceId::new(&source.name), asks);
            let around = Surroundings {
                context: Arc::clone(context),
                place: Clean::text(&without_credentials(&source.url)),
                sources: settings.sources.len(),
                host: common.limits.of(&source.url),
                clock: Arc::clone(&common.clock),
                out: common.out.clone(),
                focus: focused.clone(),
            };
            let (set, settings) = (source.clone(), Arc::clone(settings));
            let make = move || {
                let settings = Arc::clone(&settings);
                async move { make(&settings, index).await }
            };
            tasks.spawn(tend(set, make, around, requests));
        }
        Self {
            actors,
            focus,
            tasks,
        }
    }

    /// Says what is on screen, to those that are there and to those that are yet to come.
    pub fn focus(&self, focus: Focus) {
        self.focus.send_replace(Arc::new(focus));
    }

    /// Hands a request to a source without waiting; gives it back if the source is not there or has
    /// too many requests to see to.
    pub fn ask(&self, source: &SourceId, request: Request) -> Result<(), Request> {
        match self.actors.get(source) {
            Some(actor) => actor
                .try_send(request)
                .map_err(mpsc::error::TrySendError::into_inner),
            None => Err(request),
        }
    }

    /// Hands a request to every source; one that has too many to see to is passed over.
    pub fn ask_all(&self, request: &Request) {
        for (id, actor) in &self.actors {
            if actor.try_send(request.clone()).is_err() {
                tracing::debug!(source = %id, "too busy for {request:?}");
            }
        }
    }

    /// Ends the actors and waits until they have, half a second at most; whether they have.
    pub async fn stop(mut self) -> bool {
        self.tasks.abort_all();
        let all = async { while self.tasks.join_next().await.is_some() {} };
        tokio::time::timeout(STOP_LIMIT, all).await.is_ok()
    }
}

/// Makes a source and runs its actor. While it cannot be made, and after a panic in the actor, that is said,
/// and it is tried again slowly.
async fn tend<S, F>(
    settings: SourceSettings,
    make: impl Fn() -> F,
    around: Surroundings,
    mut requests: mpsc::Receiver<Request>,
) where
    S: Source,
    F: Future<Output = Result<S, Fault>>,
{
    let id = SourceId::new(&settings.name);
    let mut rng = fastrand::Rng::new();
    loop {
        let fault = match make().await {
            Ok(source) => {
                let run = async { Actor::new(source, around.clone()).run(&mut requests).await };
                // All that it knew goes with it.
                if AssertUnwindSafe(Box::pin(run)).catch_unwind().await.is_ok() {
                    return;
                }
                let fault = failed_inside(&id);
                tracing::error!(source = %id, "its actor has ended: {fault}");
                if begin_anew(&id, &around).await.is_err() {
                    return;
                }
                fault
            }
            Err(fault) => {
                tracing::warn!(source = %id, "cannot be set up: {fault}");
                fault
            }
        };
        let wait = Rhythm::new(Duration::from_secs(60)).after_fault(Retry::Slowly, &mut rng);
        let report = not_there(&settings, fault.clone(), wait, &around);
        let report = Msg::Polled(Box::new(report));
        if around.out.send(report).await.is_err() {
            return;
        }
        let again = tokio::time::sleep(wait);
        tokio::pin!(again);
        loop {
            tokio::select! {
                () = &mut again => break,
                request = requests.recv() => match request {
                    None => return,
                    Some(Request::Refresh) => break,
                    Some(Request::Fetch(query)) => {
                        let answer = Msg::Fetched {
                            context: Arc::clone(&around.context),
                            source: id.clone(),
                            query: *query,
                            asked_at: around.clock.wall(),
                            result: Err(fault.clone()),
                        };
                        if around.out.send(answer).await.is_err() {
                            return;
                        }
                    }
                    Some(Request::Cancel(_) | Request::Probe) => {}
                },
            }
        }
    }
}

/// Tells that nobody knows any more what was told of a source: the next actor tells all of it again, and of
/// what is on screen only what is on screen then.
async fn begin_anew(
    source: &SourceId,
    around: &Surroundings,
) -> Result<(), mpsc::error::SendError<Msg>> {
    let anew = Msg::Anew(Arc::clone(&around.context), source.clone());
    around.out.send(anew).await?;
    let now = around.clock.wall();
    for feed in [Feed::WatchedModels, Feed::OpenRuns] {
        let report = PollReport {
            partial: None,
            context: Arc::clone(&around.context),
            source: source.clone(),
            feed,
            asked_at: now,
            took_ms: 0,
            clock_skew_ms: None,
            fault: None,
            next_at: PollReport::NEVER,
        };
        around.out.send(Msg::Polled(Box::new(report))).await?;
    }
    Ok(())
}

/// Makes a source, away from the tasks that must not wait where files are read for it. Hundreds that need
/// none are made without a thread: each thread would begin a heap of its own.
pub(super) async fn make(settings: &Arc<Context>, index: usize) -> Result<AnySource, Fault> {
    let settings = Arc::clone(settings);
    let name = settings
        .sources
        .get(index)
        .map(|s| s.name.clone())
        .unwrap_or_default();
    let waits = settings.sources.get(index).is_none_or(reads_files);
    let begin = move || match settings.sources.get(index) {
        Some(source) => registry::make(source, &settings.deployments),
        None => Err(Fault::new(FaultKind::Config, "", "no such source")),
    };
    // A task of its own either way: an adapter that panics takes nothing with it.
    let made = if waits {
        tokio::task::spawn_blocking(begin)
    } else {
        tokio::spawn(async move { begin() })
    };
    made.await
        .unwrap_or_else(|error| Err(super::flight::crashed(&SourceId::new(&name), &error)))
}

/// Whether files are read to make a source: certificates, or what it consists of.
fn reads_files(source: &SourceSettings) -> bool {
    let tls = &source.tls;
    let plain = source
        .url
        .trim()
        .to_ascii_lowercase()
        .starts_with("http://");
    !plain || tls.ca_file.is_some() || tls.client_cert.is_some()
}

/// The feed that stands for a source as a whole.
pub(super) fn main_feed(kind: SourceKind) -> Feed {
    match kind {
        SourceKind::Mlflow => Feed::Models,
        SourceKind::Serving(_) => Feed::Endpoint,
        SourceKind::Prometheus | SourceKind::Evidently => Feed::Signals,
        SourceKind::Alertmanager => Feed::Alerts,
        SourceKind::Grafana => Feed::Annotations,
        SourceKind::Airflow => Feed::PipelineRuns,
    }
}

/// The report of a source that has no actor.
fn not_there(
    source: &SourceSettings,
    fault: Fault,
    wait: Duration,
    around: &Surroundings,
) -> PollReport {
    let now = around.clock.wall();
    PollReport {
        partial: None,
        context: Arc::clone(&around.context),
        source: SourceId::new(&source.name),
        feed: main_feed(source.kind),
        asked_at: now,
        took_ms: 0,
        clock_skew_ms: None,
        fault: Some(fault),
        next_at: now.plus(wait),
    }
}

#[cfg(test)]
#[path = "sources_tests.rs"]
mod tests;
