//! MLflow, 2.9 and later: the registry (models, versions, aliases) and the tracker (experiments,
//! runs, metrics, artifacts) of one server, read, and changed by the acts of [`acts`].
//!
//! Requests of one source go out one after another. What is remembered between polls, and why, is in
//! [`memory`].

mod acts;
mod delta;
mod details;
mod map;
mod memory;
mod package;
mod poll;
mod probe;
mod requests;
mod wire;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use self::memory::Memory;
use super::http::Http;
use super::{FeedSpec, Focus, Pages, Source};
use crate::domain::action::{Act, Delivery, Sighting, Ticket};
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::key::{Key, RegistryKey, SourceId};
use crate::domain::observation::{Abilities, Answer, Feed};
use crate::domain::query::{Detail, Query};
use crate::domain::settings::{SourceKind, SourceSettings};

/// How often every version is read.
const VERSIONS_SWEEP: Duration = Duration::from_secs(600);
/// The least time between two readings of every model, and of the experiments.
const SWEEP_FLOOR: Duration = Duration::from_secs(60);

/// One MLflow server.
#[derive(Debug)]
pub struct Mlflow {
    id: SourceId,
    every: Duration,
    http: Http,
    registry: Arc<RegistryKey>,
    has_workspace: bool,
    memory: Mutex<Memory>,
}

impl Mlflow {
    /// Makes the source; nothing is asked yet.
    ///
    /// # Errors
    /// [`FaultKind::Config`] when the URL or a certificate cannot be used.
    pub fn new(settings: &SourceSettings) -> Result<Self, Fault> {
        let http = Http::new(settings)?;
        let workspace = settings.workspace.as_deref().unwrap_or_default();
        Ok(Self {
            id: SourceId::new(&settings.name),
            every: settings.every,
            registry: Arc::new(RegistryKey {
                base: Key::new(http.base()),
                workspace: Key::new(workspace),
            }),
            has_workspace: !workspace.is_empty(),
            http,
            memory: Mutex::default(),
        })
    }

    /// The memory. It is never held across a request, and a panic while it is held leaves nothing
    /// half done that the next sweep does not repair.
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Source for Mlflow {
    fn id(&self) -> &SourceId {
        &self.id
    }

    fn kind(&self) -> SourceKind {
        SourceKind::Mlflow
    }

    fn feeds(&self) -> Vec<FeedSpec> {
        let slow = (self.every * 6).max(SWEEP_FLOOR);
        [
            (Feed::Models, slow),
            (Feed::Versions, VERSIONS_SWEEP.max(slow)),
            (Feed::Experiments, SWEEP_FLOOR.max(self.every)),
            (Feed::RecentRuns, self.every * 3),
            (Feed::NewestVersions, self.every * 3),
            (Feed::WatchedModels, self.every),
            (Feed::OpenRuns, self.every),
        ]
        .map(|(feed, every)| FeedSpec { feed, every })
        .to_vec()
    }

    async fn probe(&self) -> Result<Abilities, Fault> {
        self.ask_abilities().await
    }

    async fn poll(&self, feed: Feed, focus: &Focus) -> Result<Answer, Fault> {
        match feed {
            Feed::WatchedModels => self.watched_models(focus).await,
            Feed::Models => self.all_models().await,
            Feed::NewestVersions => self.newest_versions().await,
            Feed::Versions => self.all_versions(None).await,
            Feed::Experiments => self.all_experiments().await,
            Feed::RecentRuns => self.recent_runs().await,
            Feed::OpenRuns => self.open_runs(focus).await,
            Feed::Endpoint
            | Feed::Signals
            | Feed::SignalHistory
            | Feed::Alerts
            | Feed::Annotations
            | Feed::ServedHistory
            | Feed::Pipelines
            | Feed::PipelineRuns
            | Feed::Orchestrator => Err(Fault::new(
                FaultKind::Unsupported,
                self.http.base(),
                "a registry has no such feed",
            )),
        }
    }

    async fn poll_in_pages(
        &self,
        feed: Feed,
        focus: &Focus,
        pages: &Pages,
    ) -> Result<Answer, Fault> {
        match feed {
            Feed::Versions => self.all_versions(Some(pages)).await,
            _ => self.poll(feed, focus).await,
        }
    }

    async fn fetch(&self, query: Query) -> Result<Detail, Fault> {
        self.detail(query).await
    }

    async fn look(&self, act: &Act) -> Result<Sighting, Fault> {
        self.look_at(act).await
    }

    async fn execute(&self, ticket: &Ticket) -> Delivery {
        self.send(ticket).await
    }
}
