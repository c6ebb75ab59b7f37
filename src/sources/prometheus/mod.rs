//! Servers of Prometheus's API: Prometheus, Thanos, Mimir, `VictoriaMetrics`, and any of them through
//! Grafana's datasource proxy. Signals by presets, alerts from rules, and what was served from
//! request metrics; read only. What the queries are, the settings say.
//!
//! A list is one instant query a signal, grouped by model; a chart is a range for one model alone.
//! Requests of one source go out one after another.

mod alerts;
mod client;
mod details;
mod expression;
mod history;
mod probe;
mod query;
mod readings;
mod runs;
mod served;
mod signals;
mod wire;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::http::Http;
use super::labels::Reader;
use super::{FeedSpec, Focus, Pages, Source};
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::key::{Key, SourceId};
use crate::domain::observation::{Abilities, Answer, Feed};
use crate::domain::query::{Detail, Query};
use crate::domain::settings::{Monitoring, SourceKind, SourceSettings};
use crate::domain::time::Millis;
use crate::domain::words::Words;

/// How often the course of signals is read.
const HISTORY_EVERY: Duration = Duration::from_secs(60);
/// How often what was served is read: it changes with a rollout.
const SERVED_EVERY: Duration = Duration::from_secs(600);

/// One server.
#[derive(Debug)]
pub struct Prometheus {
    id: SourceId,
    every: Duration,
    http: Http,
    reader: Reader,
    monitoring: Monitoring,
    memory: Mutex<Memory>,
    /// Names of models, features, methods and versions, each once. Nothing else is locked while it is.
    words: Mutex<Words>,
}

/// What is remembered between polls.
#[derive(Debug, Default)]
struct Memory {
    /// The presets that the server's metrics fit, and when that was looked at.
    found: Option<(Instant, Vec<usize>)>,
    /// The monitoring's own names of each model.
    names: HashMap<Key, Vec<Key>>,
    /// Until when GET alone is used: a proxy let nothing else through.
    get_until: Option<Instant>,
    /// The server's clock at a moment of ours.
    clock: Option<(Millis, Instant)>,
    /// The course of each signal that lists show.
    courses: history::Courses,
    /// What was served.
    spans: served::Spans,
}

impl Prometheus {
    /// Makes the source; nothing is asked yet.
    ///
    /// # Errors
    /// [`FaultKind::Config`] when the URL, a certificate or the name map cannot be used.
    pub fn new(settings: &SourceSettings) -> Result<Self, Fault> {
        Ok(Self {
            id: SourceId::new(&settings.name),
            every: settings.every,
            http: Http::new(settings)?,
            reader: Reader::new(settings)?,
            monitoring: settings.monitoring.clone(),
            memory: Mutex::default(),
            words: Mutex::default(),
        })
    }

    /// The memory. It is never held across a request, and a panic while it is held leaves nothing
    /// half done that the next poll does not repair.
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn words(&self) -> MutexGuard<'_, Words> {
        self.words.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unsupported(&self, why: &str) -> Fault {
        Fault::new(FaultKind::Unsupported, self.http.base(), why)
    }
}

impl Source for Prometheus {
    fn id(&self) -> &SourceId {
        &self.id
    }

    fn kind(&self) -> SourceKind {
        SourceKind::Prometheus
    }

    fn feeds(&self) -> Vec<FeedSpec> {
        [
            (Feed::Signals, self.every),
            (Feed::Alerts, self.every),
            (Feed::SignalHistory, HISTORY_EVERY.max(self.every)),
            (Feed::ServedHistory, SERVED_EVERY.max(self.every)),
        ]
        .map(|(feed, every)| FeedSpec { feed, every })
        .to_vec()
    }

    async fn probe(&self) -> Result<Abilities, Fault> {
        self.ask_abilities().await
    }

    async fn poll(&self, feed: Feed, _focus: &Focus) -> Result<Answer, Fault> {
        match feed {
            Feed::Signals => self.signals(None).await,
            Feed::SignalHistory => self.history(None).await,
            Feed::Alerts => self.alerts().await,
            Feed::ServedHistory => self.served().await,
            _ => Err(self.unsupported("a server of metrics has no such feed")),
        }
    }

    async fn poll_in_pages(
        &self,
        feed: Feed,
        focus: &Focus,
        pages: &Pages,
    ) -> Result<Answer, Fault> {
        match feed {
            Feed::Signals => self.signals(Some(pages)).await,
            Feed::SignalHistory => self.history(Some(pages)).await,
            _ => self.poll(feed, focus).await,
        }
    }

    async fn fetch(&self, query: Query) -> Result<Detail, Fault> {
        match query {
            Query::Series {
                model,
                measure,
                span,
            } => self.series(&model, measure, span).await,
            Query::Expression { query, span } => self.expression(&query, span).await,
            Query::AlertStrip { model, span } => self.alert_strip(&model, span).await,
            Query::AlertsAt(at) => self.alerts_at(at).await,
            Query::SignalChecks => self.checks().await,
            _ => Err(self.unsupported("a server of metrics has no such detail")),
        }
    }
}
