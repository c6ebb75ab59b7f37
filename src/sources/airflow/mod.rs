//! An Airflow, 3 by version 2 of its REST interface or 2 by version 1: definitions, runs, tasks, logs and
//! results of pipelines, and whether its scheduler lives. Which version a server speaks, it is asked.
//!
//! The interface is a process of its own: it accepts runs while the scheduler is dead, and a paused
//! definition accepts them too. Facts of the wire: Airflow 3.3.2 and 2.11.2, both run.

mod details;
mod logs;
mod map;
mod params;
mod poll;
mod wire;
mod writes;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::http::{Call, Http, Reply};
use super::lenient::Message;
use super::routes::{AirflowApi, ReadRoute};
use super::{FeedSpec, Focus, Source};
use crate::domain::action::{Act, Delivery, Sighting, Ticket};
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::key::{Key, SourceId};
use crate::domain::observation::{Abilities, Answer, Feed, Right};
use crate::domain::pipeline::{FailedTask, PipelineKey, PipelineRunKey};
use crate::domain::query::{Detail, Query};
use crate::domain::settings::{SourceKind, SourceSettings};
use crate::domain::text::Clean;
use crate::domain::time::Millis;

/// The most entries of one object that are kept: parameters, parts, tags.
const MOST_PARTS: usize = 200;
/// How many rows a page has: servers give no more.
const PAGE: usize = 100;

/// An Airflow as a source.
#[derive(Debug)]
pub struct Airflow {
    id: SourceId,
    http: Http,
    base: Key,
    every: Duration,
    state: Mutex<State>,
}

/// What polls have learnt.
#[derive(Debug, Default)]
struct State {
    /// The version of the interface, once it is known.
    api: Option<AirflowApi>,
    /// The server's clock when runs were last asked for.
    runs_at: Option<Millis>,
    /// Whether the server knows no filter for what moved lately.
    no_tail: bool,
    /// When all runs of the last time were asked for, and how long a time that is.
    swept_at: Option<Millis>,
    sweeps: Option<Duration>,
    /// The same of a much longer time, that is asked for less often.
    deep_at: Option<Millis>,
    deep: Option<Duration>,
    /// At which task runs failed, and when the run ended that this was read of.
    failed: HashMap<PipelineRunKey, (Option<Millis>, Option<FailedTask>)>,
}

impl Airflow {
    /// # Errors
    /// [`FaultKind::Config`] when the URL or a certificate file cannot be used.
    pub fn new(settings: &SourceSettings) -> Result<Self, Fault> {
        let mut asked = settings.clone();
        // Version 1 writes logs as plain text to whoever takes anything, and as JSON with a place to go
        // on from to whoever asks for that.
        let json = ("Accept".to_owned(), "application/json".to_owned());
        asked.headers.push(json);
        let http = Http::new(&asked)?;
        Ok(Self {
            id: SourceId::new(&settings.name),
            base: Key::new(http.base()),
            http,
            every: settings.every,
            state: Mutex::default(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The version of the interface that the server speaks: asked for once, and again when a route is
    /// no longer there.
    async fn api(&self) -> Result<AirflowApi, Fault> {
        let known = self.state().api;
        match known {
            Some(api) => Ok(api),
            None => Ok(self.version().await?.0),
        }
    }

    /// Asks which version answers. Each of the two servers has a 404 of its own for the other's route.
    async fn version(&self) -> Result<(AirflowApi, String), Fault> {
        let mut last = None;
        for api in [AirflowApi::V2, AirflowApi::V1] {
            match self
                .ask::<wire::Version>(&ReadRoute::AirflowVersion(api), Vec::new())
                .await
            {
                Ok((version, _)) if !version.version.is_empty() => {
                    self.state().api = Some(api);
                    return Ok((api, version.version));
                }
                Ok((_, reply)) => {
                    let kind = FaultKind::Decode {
                        path: Clean::name("version"),
                    };
                    last = Some(Fault::new(
                        kind,
                        &reply.place,
                        "the answer names no version",
                    ));
                }
                Err(fault) if is_absent(&fault) => last = Some(fault),
                Err(fault) => return Err(fault),
            }
        }
        Err(last.unwrap_or_else(|| self.unsupported("no version of Airflow's interface answers")))
    }

    /// One request, decoded.
    async fn ask<T: DeserializeOwned>(
        &self,
        route: &ReadRoute,
        query: Vec<(&'static str, String)>,
    ) -> Result<(T, Reply), Fault> {
        self.send(
            route,
            Call {
                query,
                ..Call::default()
            },
        )
        .await
    }

    async fn send<T: DeserializeOwned>(
        &self,
        route: &ReadRoute,
        call: Call,
    ) -> Result<(T, Reply), Fault> {
        let reply = self.http.read(route, call).await;
        if let Err(fault) = &reply
            && fault.kind == FaultKind::NoRoute
        {
            // The server may have been replaced by one of the other version.
            self.state().api = None;
        }
        let reply = reply?;
        let message: Message<T> = reply.json()?;
        Ok((message.0, reply))
    }

    /// Whether a key is of this server.
    fn check(&self, pipeline: &PipelineKey) -> Result<(), Fault> {
        if pipeline.base == self.base {
            return Ok(());
        }
        let what = "this pipeline belongs to another orchestrator";
        Err(Fault::new(FaultKind::NotFound, self.http.base(), what))
    }

    fn unsupported(&self, why: &str) -> Fault {
        Fault::new(FaultKind::Unsupported, self.http.base(), why)
    }
}

/// Whether a route is not there.
fn is_absent(fault: &Fault) -> bool {
    matches!(fault.kind, FaultKind::NoRoute | FaultKind::NotFound)
}

impl Source for Airflow {
    fn id(&self) -> &SourceId {
        &self.id
    }

    fn kind(&self) -> SourceKind {
        SourceKind::Airflow
    }

    fn feeds(&self) -> Vec<FeedSpec> {
        [
            (Feed::PipelineRuns, self.every),
            (Feed::Orchestrator, self.every * 2),
            (Feed::Pipelines, self.every * 6),
        ]
        .map(|(feed, every)| FeedSpec { feed, every })
        .to_vec()
    }

    async fn probe(&self) -> Result<Abilities, Fault> {
        let (api, version) = self.version().await?;
        // The version is told to everybody: whether the token is good, the first list shows.
        let route = ReadRoute::AirflowDags(api);
        let query = vec![("limit", "1".to_owned())];
        self.ask::<wire::Dags>(&route, query).await?;
        let rights = [
            ("read pipelines", Right::Allowed),
            ("trigger-run", Right::NotKnown),
            ("cancel-run", Right::NotKnown),
            ("retry-run", Right::NotKnown),
        ];
        Ok(Abilities {
            server: Clean::name(&format!("Airflow {version}")),
            user: None,
            rights: rights
                .map(|(name, right)| (Clean::name(name), right))
                .to_vec(),
            remarks: match api {
                AirflowApi::V2 => Vec::new(),
                AirflowApi::V1 => vec![Clean::text(
                    "version 1 of the REST interface: runs do not say who asked for them",
                )],
            },
        })
    }

    async fn poll(&self, feed: Feed, _focus: &Focus) -> Result<Answer, Fault> {
        match feed {
            Feed::Pipelines => self.pipelines().await,
            Feed::PipelineRuns => self.recent_runs().await,
            Feed::Orchestrator => self.orchestrator().await,
            _ => Err(self.unsupported("an Airflow has no such feed")),
        }
    }

    async fn fetch(&self, query: Query) -> Result<Detail, Fault> {
        self.detail(query).await
    }

    async fn look(&self, act: &Act) -> Result<Sighting, Fault> {
        self.look_at(act).await
    }

    async fn execute(&self, ticket: &Ticket) -> Delivery {
        self.send_act(ticket).await
    }
}
