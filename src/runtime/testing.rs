//! A source that does as it is told, and rows to tell, for tests of whatever runs sources.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::actor::Surroundings;
use super::clock::Clock;
use super::limits::Host;
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::key::{Key, ModelKey, RegistryKey, SourceId, VersionKey};
use crate::domain::model::{Alias, ModelVersion, Name, RegisteredModel, VersionStatus};
use crate::domain::observation::{Abilities, Answer, ContextRef, Coverage, Feed, Rows, Scope};
use crate::domain::query::{Detail, Focus, Query};
use crate::domain::settings::SourceKind;
use crate::domain::text::Clean;
use crate::domain::time::Millis;
use crate::intent::msg::Msg;
use crate::sources::{FeedSpec, Pages, Source};

/// What a scripted source does when it is asked.
#[derive(Clone)]
pub(super) enum Reply {
    Rows(Coverage, Rows),
    Fault(FaultKind),
    /// Pages that are handed over a second apart, and what all of them cover.
    Pages(Vec<Rows>, Coverage),
    Slow(Duration, Rows),
    /// A fault that takes its time, as a deadline does.
    Late(Duration, FaultKind),
    Panic,
}

impl Reply {
    /// Rows without a request to a server, as for an empty screen.
    pub(super) fn nothing() -> Self {
        Self::Rows(Coverage::Partial, Rows::Models(Vec::new()))
    }
}

type Script = dyn Fn(Feed, usize) -> Reply + Send + Sync;

/// How long a scripted source is silent that answers no probe.
const DEAF: Duration = Duration::from_secs(10);

/// A source that follows a script and keeps a log of what it was asked.
pub(super) struct Scripted {
    pub(super) id: SourceId,
    pub(super) feeds: Vec<FeedSpec>,
    pub(super) script: Arc<Script>,
    /// Whether a probe is answered, by its number.
    pub(super) probed: Arc<dyn Fn(usize) -> bool + Send + Sync>,
    pub(super) log: Log,
}

/// When which feed was polled, for which focus; `None` stands for a probe.
#[derive(Clone, Default)]
pub(super) struct Log(Arc<Mutex<Vec<Asked>>>);

type Asked = (Instant, Option<Feed>, Focus);

impl Log {
    pub(super) fn of(&self, feed: Feed) -> Vec<Instant> {
        let log = self.0.lock().unwrap();
        log.iter()
            .filter(|e| e.1 == Some(feed))
            .map(|e| e.0)
            .collect()
    }

    pub(super) fn probes(&self) -> usize {
        self.0
            .lock()
            .unwrap()
            .iter()
            .filter(|e| e.1.is_none())
            .count()
    }
}

impl Scripted {
    pub(super) fn new(
        feeds: &[(Feed, u64)],
        script: impl Fn(Feed, usize) -> Reply + Send + Sync + 'static,
    ) -> (Self, Log) {
        let log = Log::default();
        let source = Self {
            id: SourceId::new("scripted"),
            feeds: feeds
                .iter()
                .map(|(feed, secs)| FeedSpec {
                    feed: *feed,
                    every: Duration::from_secs(*secs),
                })
                .collect(),
            script: Arc::new(script),
            probed: Arc::new(|_| true),
            log: log.clone(),
        };
        (source, log)
    }
}

impl Source for Scripted {
    fn id(&self) -> &SourceId {
        &self.id
    }

    fn kind(&self) -> SourceKind {
        SourceKind::Mlflow
    }

    fn feeds(&self) -> Vec<FeedSpec> {
        self.feeds.clone()
    }

    async fn probe(&self) -> Result<Abilities, Fault> {
        let turn = self.log.probes();
        self.log
            .0
            .lock()
            .unwrap()
            .push((Instant::now(), None, Focus::default()));
        if !(self.probed)(turn) {
            tokio::time::sleep(DEAF).await;
            return Err(Fault::new(FaultKind::Timeout, "http://ml.test", ""));
        }
        Ok(Abilities::default())
    }

    async fn poll(&self, feed: Feed, focus: &Focus) -> Result<Answer, Fault> {
        let turn = {
            let mut log = self.log.0.lock().unwrap();
            let turn = log.iter().filter(|e| e.1 == Some(feed)).count();
            log.push((Instant::now(), Some(feed), focus.clone()));
            turn
        };
        let answer = |coverage, rows: Rows| Answer {
            partial: None,
            coverage,
            rows,
            server_time: None,
        };
        match (self.script)(feed, turn) {
            Reply::Rows(coverage, rows) => Ok(answer(coverage, rows)),
            Reply::Fault(kind) => Err(Fault::new(kind, "http://ml.test", "as scripted")),
            Reply::Slow(delay, rows) => {
                tokio::time::sleep(delay).await;
                Ok(answer(Coverage::Partial, rows))
            }
            Reply::Late(delay, kind) => {
                tokio::time::sleep(delay).await;
                Err(Fault::new(kind, "http://ml.test", "as scripted"))
            }
            Reply::Panic => panic!("as scripted"),
            Reply::Pages(..) => unreachable!("pages are told in pages"),
        }
    }

    async fn poll_in_pages(
        &self,
        feed: Feed,
        focus: &Focus,
        pages: &Pages,
    ) -> Result<Answer, Fault> {
        let turn = self.log.of(feed).len();
        let Reply::Pages(rows, coverage) = (self.script)(feed, turn) else {
            return self.poll(feed, focus).await;
        };
        let entry = (Instant::now(), Some(feed), focus.clone());
        self.log.0.lock().unwrap().push(entry);
        for rows in rows {
            tokio::time::sleep(Duration::from_secs(1)).await;
            pages.hand_over(rows).await;
        }
        Ok(Answer {
            coverage,
            rows: Rows::Versions(Vec::new()),
            server_time: None,
            partial: None,
        })
    }

    async fn fetch(&self, query: Query) -> Result<Detail, Fault> {
        match query {
            Query::Versions(model) if model.name.raw() == "hang" => std::future::pending().await,
            Query::Versions(model) if model.name.raw() == "panic" => panic!("as scripted"),
            Query::Versions(_) => {
                tokio::time::sleep(Duration::from_secs(1)).await;
                Ok(Detail::Versions(Vec::new()))
            }
            _ => Err(Fault::new(FaultKind::Unsupported, "", "")),
        }
    }
}

/// Surroundings at the runtime's own time, and the receiving end.
pub(super) fn around(bound: usize) -> (Surroundings, mpsc::Receiver<Msg>) {
    let (out, messages) = mpsc::channel(bound);
    let around = Surroundings {
        context: context(),
        place: Clean::text("http://scripted.test"),
        sources: 1,
        host: Arc::new(Host::default()),
        clock: Arc::new(Clock::from(Millis(1_000_000))),
        out,
        focus: watch::channel(Arc::default()).1,
    };
    (around, messages)
}

pub(super) fn context() -> Arc<ContextRef> {
    Arc::new(ContextRef {
        name: Clean::name("test"),
        generation: 0,
    })
}

pub(super) fn model_key(name: &str) -> ModelKey {
    let registry = RegistryKey {
        base: Key::new("http://ml.test"),
        workspace: Key::new(""),
    };
    ModelKey {
        registry: Arc::new(registry),
        name: Key::new(name),
        created: Millis(0),
    }
}

/// A registered model whose champion is `champion`.
pub(super) fn model(name: &str, champion: u64) -> RegisteredModel {
    RegisteredModel {
        key: model_key(name),
        name: Clean::name(name),
        updated: Millis(0),
        description: Clean::empty(),
        tags: Arc::from([]),
        aliases: Arc::from([Alias {
            name: Name::new("champion"),
            version: Key::new(&champion.to_string()),
        }]),
    }
}

pub(super) fn version(name: &str, number: u64) -> ModelVersion {
    ModelVersion {
        key: VersionKey {
            model: model_key(name),
            version: Key::new(&number.to_string()),
        },
        version: Clean::name(&number.to_string()),
        created: Millis(1),
        updated: Millis(1),
        stage: None,
        description: Clean::empty(),
        source: Clean::empty(),
        run: None,
        logged_model: None,
        status: VersionStatus::Ready,
        status_message: Clean::empty(),
        tags: Arc::from([]),
    }
}

/// Every model, as a full answer.
pub(super) fn all_models(models: Vec<RegisteredModel>) -> Reply {
    Reply::Rows(Coverage::Full(Scope::Models), Rows::Models(models))
}
