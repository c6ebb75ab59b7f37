//! A Grafana: annotations of others and, by [`acts`], our own; dashboards of a model, and the alerts of
//! Grafana's own rules. Its datasource proxy is the Prometheus source's business.
//!
//! The shapes follow the published HTTP API and the types of its alerting module (see
//! `tests/fixtures/README.md`); no server was run.

mod acts;
mod links;
mod map;
mod wire;

#[cfg(test)]
mod tests;

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use super::http::{Call, Http};
use super::labels::{MOST_ALERTS, Reader};
use super::lenient::Message;
use super::routes::ReadRoute;
use super::{FeedSpec, Focus, Source};
use crate::domain::action::{Act, Delivery, Sighting, Ticket};
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::key::{Key, SourceId};
use crate::domain::observation::{Abilities, Answer, Coverage, Feed, Right, Rows, Scope};
use crate::domain::query::{Detail, Query};
use crate::domain::settings::{SourceKind, SourceSettings};
use crate::domain::text::Clean;
use crate::domain::time::Millis;

/// The most annotations that one poll asks for; the server sends the newest.
const MOST_ANNOTATIONS: usize = 1_000;
/// The most dashboards that one search asks for.
const MOST_DASHBOARDS: usize = 200;
/// How far each poll reaches back behind the newest annotation seen: some are written late, and the
/// end of a span is added when it is over.
const OVERLAP: Duration = Duration::from_secs(6 * 3_600);

/// A Grafana as a source.
#[derive(Debug)]
pub struct Grafana {
    http: Http,
    reader: Reader,
    every: Duration,
    history: Duration,
    tags: Vec<String>,
    /// The newest annotation that was seen.
    seen: Mutex<Option<Millis>>,
    /// How far the server's clock runs ahead of ours, as it told last, in milliseconds.
    ahead_ms: AtomicI64,
    /// Whether the token was refused the alerts.
    no_alerts: AtomicBool,
}

impl Grafana {
    /// # Errors
    /// [`FaultKind::Config`] when the URL, a certificate file or the name map cannot be used.
    pub fn new(settings: &SourceSettings) -> Result<Self, Fault> {
        Ok(Self {
            http: Http::new(settings)?,
            reader: Reader::new(settings)?,
            every: settings.every,
            history: settings.monitoring.history,
            tags: settings.monitoring.tags.clone(),
            seen: Mutex::new(None),
            ahead_ms: AtomicI64::new(0),
            no_alerts: AtomicBool::new(false),
        })
    }

    /// The annotations up to now, by the server's clock: where ours shows another day, the first window
    /// asked for was not the one that is meant.
    async fn annotations(&self) -> Result<Answer, Fault> {
        let ours = || chrono::Utc::now().timestamp_millis();
        let clock = Millis(ours().saturating_add(self.ahead_ms.load(Ordering::Relaxed)));
        let answer = self.annotations_until(clock).await?;
        let Some(told) = answer.server_time else {
            return Ok(answer);
        };
        let ahead = told.0.saturating_sub(ours());
        self.ahead_ms.store(ahead, Ordering::Relaxed);
        if told.since(clock).max(clock.since(told)) <= OVERLAP {
            return Ok(answer);
        }
        self.annotations_until(told).await
    }

    async fn annotations_until(&self, clock: Millis) -> Result<Answer, Fault> {
        let from = match *self.lock() {
            Some(newest) => newest.minus(OVERLAP),
            None => clock.minus(self.history),
        };
        let mut query = vec![
            ("from", from.0.to_string()),
            // Without an end, servers take the start as a hint only.
            ("to", clock.plus(OVERLAP).0.to_string()),
            ("limit", MOST_ANNOTATIONS.to_string()),
        ];
        query.extend(self.tags.iter().map(|tag| ("tags", tag.clone())));
        let call = Call { query, body: None };
        let route = ReadRoute::GrafanaAnnotations;
        let reply = self.http.read(&route, call).await?;
        let rows: wire::Rows<wire::AnnotationRow> = reply.json()?;
        let rows = map::annotations(&self.reader, &rows.0, MOST_ANNOTATIONS);
        // A mark in the future must not make us look past what is written until then.
        let newest = rows.iter().map(|row| row.at.min(clock)).max();
        let mut seen = self.lock();
        *seen = seen.max(newest);
        Ok(Answer {
            partial: None,
            coverage: Coverage::Tail(from),
            rows: Rows::Annotations(rows),
            server_time: reply.server_time,
        })
    }

    async fn alerts(&self) -> Result<Answer, Fault> {
        let route = ReadRoute::GrafanaRules;
        match self.http.read(&route, Call::default()).await {
            Ok(reply) => {
                self.no_alerts.store(false, Ordering::Relaxed);
                let rules: Message<wire::Rules> = reply.json()?;
                let alerts = map::alerts(&self.reader, &rules.0, self.http.base());
                let whole = alerts.len() < MOST_ALERTS;
                Ok(Answer {
                    partial: None,
                    coverage: if whole {
                        Coverage::Full(Scope::Alerts)
                    } else {
                        Coverage::Partial
                    },
                    rows: Rows::Alerts(alerts),
                    server_time: reply.server_time,
                })
            }
            // A token for annotations alone is a sound choice, and no failure of the source.
            Err(fault) if is_not_ours(&fault) => {
                self.no_alerts.store(true, Ordering::Relaxed);
                Ok(Answer {
                    partial: None,
                    coverage: Coverage::Partial,
                    rows: Rows::Alerts(Vec::new()),
                    server_time: None,
                })
            }
            Err(fault) => Err(fault),
        }
    }

    /// Dashboards that name the model, then those that bear the settings' tags.
    async fn links(&self, model: &Key) -> Result<Detail, Fault> {
        let tag = format!("{}:{}", self.reader.model_label(), model.raw());
        let mut searches = vec![vec![("tag", tag)], vec![("query", model.raw().to_owned())]];
        if !self.tags.is_empty() {
            let tags = self.tags.iter().map(|tag| ("tag", tag.clone()));
            searches.push(tags.collect());
        }
        let mut found = Vec::new();
        for mut query in searches {
            query.push(("type", "dash-db".to_owned()));
            query.push(("limit", MOST_DASHBOARDS.to_string()));
            let call = Call { query, body: None };
            let reply = self.http.read(&ReadRoute::GrafanaSearch, call).await?;
            let rows: wire::Rows<wire::DashboardRow> = reply.json()?;
            found.extend(rows.0);
        }
        let label = self.reader.model_label();
        Ok(Detail::Links(links::links(
            &found,
            self.http.base(),
            label,
            model,
        )))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Millis>> {
        self.seen
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn unsupported(&self, why: &str) -> Fault {
        Fault::new(FaultKind::Unsupported, self.http.base(), why)
    }
}

/// Whether a refusal means that the alerts are not for this token, or not there.
fn is_not_ours(fault: &Fault) -> bool {
    matches!(
        fault.kind,
        FaultKind::Forbidden | FaultKind::NoRoute | FaultKind::NotFound
    )
}

impl Source for Grafana {
    fn id(&self) -> &SourceId {
        self.reader.source()
    }

    fn kind(&self) -> SourceKind {
        SourceKind::Grafana
    }

    fn feeds(&self) -> Vec<FeedSpec> {
        [Feed::Annotations, Feed::Alerts]
            .into_iter()
            .map(|feed| FeedSpec {
                feed,
                every: self.every,
            })
            .collect()
    }

    async fn probe(&self) -> Result<Abilities, Fault> {
        let route = ReadRoute::GrafanaHealth;
        let reply = self.http.read(&route, Call::default()).await?;
        let health: Message<wire::Health> = reply.json()?;
        // Health is open to everybody; only what needs the token shows what the token may do.
        let one = Call {
            query: vec![("limit", "1".to_owned())],
            body: None,
        };
        let annotations = self.http.read(&ReadRoute::GrafanaAnnotations, one).await;
        let annotations = match annotations {
            Ok(_) => Right::Allowed,
            Err(fault) if fault.kind == FaultKind::Forbidden => Right::Denied,
            Err(fault) => return Err(fault),
        };
        self.alerts().await?;
        let alerts = if self.no_alerts.load(Ordering::Relaxed) {
            Right::Denied
        } else {
            Right::Allowed
        };
        let mut remarks = Vec::new();
        if health.0.database != "ok" && !health.0.database.is_empty() {
            let words = format!("its database is {}", health.0.database);
            remarks.push(Clean::text(&words));
        }
        Ok(Abilities {
            server: Clean::name(format!("Grafana {}", health.0.version).trim()),
            user: None,
            rights: vec![
                (Clean::name("read annotations"), annotations),
                (Clean::name("read alerts"), alerts),
                // Only an attempt tells: a token that reads may not write.
                (Clean::name("annotate"), Right::NotKnown),
            ],
            remarks,
        })
    }

    async fn poll(&self, feed: Feed, _focus: &Focus) -> Result<Answer, Fault> {
        match feed {
            Feed::Annotations => self.annotations().await,
            Feed::Alerts => self.alerts().await,
            _ => Err(self.unsupported("a Grafana has the feeds `annotations` and `alerts`")),
        }
    }

    async fn fetch(&self, query: Query) -> Result<Detail, Fault> {
        match query {
            Query::Links { model } => self.links(&model).await,
            _ => {
                Err(self.unsupported("a Grafana holds nothing but links to dashboards to ask for"))
            }
        }
    }

    async fn look(&self, act: &Act) -> Result<Sighting, Fault> {
        self.look_at(act).await
    }

    async fn execute(&self, ticket: &Ticket) -> Delivery {
        self.send(ticket).await
    }
}
