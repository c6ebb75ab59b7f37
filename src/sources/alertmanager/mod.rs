//! An Alertmanager, or what speaks its API (Mimir's, under its own path and with a tenant): what fires,
//! who has silenced it, what mutes it; silences are made and ended in [`acts`].
//!
//! A poll is one request for the alerts, one for their groups, and one for the silences while any alert
//! is silenced. Facts of the wire: versions 0.25 and 0.28, and `alertmanager/api/v2/openapi.yaml`.

mod acts;
mod map;
mod wire;

#[cfg(test)]
mod tests;

use std::time::Duration;

use super::http::{Call, Http};
use super::labels::{MOST_ALERTS, Reader};
use super::lenient::Message;
use super::routes::ReadRoute;
use super::{FeedSpec, Focus, Source};
use crate::domain::action::{Act, Delivery, Sighting, Ticket};
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::key::SourceId;
use crate::domain::observation::{Abilities, Answer, Coverage, Feed, Right, Rows, Scope};
use crate::domain::query::{Detail, Query};
use crate::domain::settings::{SourceKind, SourceSettings};
use crate::domain::text::Clean;

/// An Alertmanager as a source.
#[derive(Debug)]
pub struct Alertmanager {
    http: Http,
    reader: Reader,
    every: Duration,
    filters: Vec<String>,
}

impl Alertmanager {
    /// # Errors
    /// [`FaultKind::Config`] when the URL, a certificate file or the name map cannot be used.
    pub fn new(settings: &SourceSettings) -> Result<Self, Fault> {
        Ok(Self {
            http: Http::new(settings)?,
            reader: Reader::new(settings)?,
            every: settings.every,
            filters: matchers(&settings.monitoring.selector),
        })
    }

    /// One request with the settings' matchers, each of which the server takes apart.
    fn call(&self) -> Call {
        let filters = self.filters.iter().map(|f| ("filter", f.clone()));
        Call {
            query: filters.collect(),
            body: None,
        }
    }
}

impl Source for Alertmanager {
    fn id(&self) -> &SourceId {
        self.reader.source()
    }

    fn kind(&self) -> SourceKind {
        SourceKind::Alertmanager
    }

    fn feeds(&self) -> Vec<FeedSpec> {
        vec![FeedSpec {
            feed: Feed::Alerts,
            every: self.every,
        }]
    }

    async fn probe(&self) -> Result<Abilities, Fault> {
        let route = ReadRoute::AlertmanagerStatus;
        let reply = self.http.read(&route, Call::default()).await?;
        let status: Message<wire::Status> = reply.json()?;
        Ok(map::abilities(&status.0))
    }

    async fn poll(&self, feed: Feed, _focus: &Focus) -> Result<Answer, Fault> {
        if feed != Feed::Alerts {
            return Err(self.unsupported("an Alertmanager has one feed, `alerts`"));
        }
        let route = ReadRoute::AlertmanagerAlerts;
        let reply = self.http.read(&route, self.call()).await?;
        let rows: wire::Rows<wire::AlertRow> = reply.json()?;
        // Groups and silences only add to what the alerts say: without them the alerts still stand.
        let groups = self
            .http
            .read(&ReadRoute::AlertmanagerGroups, self.call())
            .await
            .and_then(|reply| reply.json::<wire::Rows<wire::GroupRow>>());
        let any_muted = rows.0.iter().any(|row| !row.status.silenced_by.is_empty());
        let silences = if any_muted {
            let route = ReadRoute::AlertmanagerSilences;
            let reply = self.http.read(&route, Call::default()).await;
            reply.and_then(|reply| reply.json::<wire::Rows<wire::SilenceRow>>())
        } else {
            Ok(wire::Rows::default())
        };
        let whole = rows.0.len() <= MOST_ALERTS;
        let alerts = map::alerts(
            &self.reader,
            &rows.0,
            &groups.unwrap_or_default().0,
            &silences.unwrap_or_default().0,
        );
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

    async fn fetch(&self, _query: Query) -> Result<Detail, Fault> {
        Err(self.unsupported("an Alertmanager keeps no series, reports or links to ask for"))
    }

    async fn look(&self, act: &Act) -> Result<Sighting, Fault> {
        self.look_at(act).await
    }

    async fn execute(&self, ticket: &Ticket) -> Delivery {
        self.send(ticket).await
    }
}

impl Alertmanager {
    fn unsupported(&self, why: &str) -> Fault {
        Fault::new(FaultKind::Unsupported, self.http.base(), why)
    }
}

/// The matchers of a selector, one by one: the server takes a single one in each parameter.
fn matchers(selector: &str) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut quoted = false;
    let mut escaped = false;
    for c in selector.chars() {
        if c == ',' && !quoted {
            all.push(String::new());
            continue;
        }
        if c == '"' && !escaped {
            quoted = !quoted;
        }
        escaped = c == '\\' && !escaped;
        if let Some(last) = all.last_mut() {
            last.push(c);
        }
    }
    all.retain(|matcher| !matcher.trim().is_empty());
    all.iter().map(|m| m.trim().to_owned()).collect()
}

/// The rights that reading the status shows: nobody says whether a silence may be made.
fn rights() -> Vec<(Clean, Right)> {
    vec![
        (Clean::name("read alerts"), Right::Allowed),
        (Clean::name("silence"), Right::NotKnown),
    ]
}
