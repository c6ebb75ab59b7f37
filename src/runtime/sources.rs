//! The actors of one context: started together, asked without waiting, and left at once, however
//! dead the servers are.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::actor::{Actor, Request, Surroundings};
use super::clock::Clock;
use super::limits::Limits;
use super::schedule::Rhythm;
use crate::domain::fault::{Fault, FaultKind, Retry};
use crate::domain::key::SourceId;
use crate::domain::observation::{ContextRef, Feed, PollReport};
use crate::domain::settings::{Context, SourceKind, SourceSettings};
use crate::domain::text::{Clean, without_credentials};
use crate::intent::msg::Msg;
use crate::sources::any::AnySource;
use crate::sources::registry;

/// Requests that wait for one actor.
const WAITING: usize = 64;
/// How long an orderly end waits for the actors.
const STOP_LIMIT: Duration = Duration::from_millis(500);

/// The running actors of a context. Dropping it ends them without waiting.
#[derive(Debug)]
pub struct Sources {
    actors: BTreeMap<SourceId, mpsc::Sender<Request>>,
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
            };
            tasks.spawn(tend(Arc::clone(settings), index, around, requests));
        }
        Self { actors, tasks }
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

/// Makes a source and runs its actor; while it cannot be made, says so and tries again slowly.
async fn tend(
    settings: Arc<Context>,
    index: usize,
    around: Surroundings,
    mut requests: mpsc::Receiver<Request>,
) {
    let mut rng = fastrand::Rng::new();
    loop {
        let fault = match make(&settings, index).await {
            Ok(source) => return Box::pin(Actor::new(source, around, requests).run()).await,
            Err(fault) => fault,
        };
        let wait = Rhythm::new(Duration::from_secs(60)).after_fault(Retry::Slowly, &mut rng);
        let Some(source) = settings.sources.get(index) else {
            return;
        };
        tracing::warn!(source = source.name, "cannot be set up: {fault}");
        let report = unmade(source, fault.clone(), wait, &around);
        if around
            .out
            .send(Msg::Polled(Box::new(report)))
            .await
            .is_err()
        {
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
                            source: SourceId::new(&source.name),
                            query,
                            asked_at: around.clock.wall(),
                            result: Err(fault.clone()),
                        };
                        if around.out.send(answer).await.is_err() {
                            return;
                        }
                    }
                    Some(Request::Focus(_) | Request::Cancel(_) | Request::Probe) => {}
                },
            }
        }
    }
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

fn unmade(
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
mod tests {
    use super::*;
    use crate::domain::key::{DeploymentKind, Key};
    use crate::domain::query::Query;
    use crate::domain::time::Millis;
    use crate::runtime::testing::{context, model_key};
    use std::time::Instant;

    fn common() -> (Common, mpsc::Receiver<Msg>) {
        let (out, messages) = mpsc::channel(64);
        let clock = Arc::new(Clock::from(Millis(1_000)));
        (
            Common {
                limits: Arc::default(),
                clock,
                out,
            },
            messages,
        )
    }

    fn settings(sources: Vec<SourceSettings>) -> Arc<Context> {
        Arc::new(Context {
            sources,
            ..Context::default()
        })
    }

    #[tokio::test]
    async fn a_source_that_cannot_be_made_says_so_and_answers_for_it() {
        let kind = SourceKind::Serving(DeploymentKind::V2);
        let broken = SourceSettings::new("no-deployment", kind, "http://127.0.0.1:1");
        let (common, mut messages) = common();
        let sources = Sources::start(&context(), &settings(vec![broken]), &common);
        let Some(Msg::Polled(report)) = messages.recv().await else {
            panic!("no report")
        };
        assert_eq!(report.feed, Feed::Endpoint);
        assert_eq!(report.fault.map(|f| f.kind), Some(FaultKind::Config));
        assert!(report.next_at >= report.asked_at.plus(Duration::from_secs(60)));

        let id = SourceId::new("no-deployment");
        let query = Query::Versions(model_key("a"));
        sources.ask(&id, Request::Fetch(query.clone())).unwrap();
        let Some(Msg::Fetched {
            query: answered,
            result,
            ..
        }) = messages.recv().await
        else {
            panic!("no answer")
        };
        assert_eq!((answered, result.is_err()), (query, true));
        assert!(
            sources
                .ask(&SourceId::new("other"), Request::Refresh)
                .is_err()
        );
        assert!(sources.stop().await);
    }

    #[tokio::test]
    async fn servers_that_never_answer_hold_nobody_back() {
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", silent.local_addr().unwrap());
        let sources = (0..8)
            .map(|n| SourceSettings::new(&format!("s{n}"), SourceKind::Mlflow, &url))
            .collect();
        let (common, _messages) = common();
        let sources = Sources::start(&context(), &settings(sources), &common);
        let id = SourceId::new("s0");
        let query = Query::RunArtifacts {
            run: crate::domain::key::RunKey {
                tracker: model_key("a").registry,
                id: Key::new("r"),
            },
            path: Key::new(""),
        };
        sources.ask(&id, Request::Fetch(query)).unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        let started = Instant::now();
        assert!(sources.stop().await);
        assert!(started.elapsed() < STOP_LIMIT, "{:?}", started.elapsed());
    }
}
