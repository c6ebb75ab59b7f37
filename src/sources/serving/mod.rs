//! Serving endpoints that answer for themselves: one source a deployment, over a small protocol
//! trait. How a protocol's words are read lives in its own module; skew is judged elsewhere.
//!
//! A look is a few requests, the same number each time, and never a prediction: an endpoint's own
//! latency figures count every request, so a busy prober would flatter them. Each module says how
//! many requests it makes.

mod acts;
mod bentoml;
mod exposition;
mod mlflow_serve;
mod tfserving;
mod v2;
mod wire;

#[cfg(test)]
mod tests;

use std::fmt;
use std::future::Future;
use std::time::Duration;

pub use bentoml::Bentoml;
pub use mlflow_serve::MlflowServe;
pub use tfserving::Tfserving;
pub use v2::V2;

use super::http::{Http, Reply};
use super::{FeedSpec, Focus, Source};
use crate::domain::action::{Act, Delivery, Sighting, Ticket};
use crate::domain::deployment::{EndpointReading, Health, ServedVersion};
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::key::{DeploymentKey, DeploymentKind, Key, SourceId};
use crate::domain::observation::{Abilities, Answer, Coverage, Feed, Right, Rows, Scope};
use crate::domain::query::{Detail, Query};
use crate::domain::settings::{DeploymentSettings, SourceKind, SourceSettings};
use crate::domain::text::Clean;
use crate::domain::time::Millis;

/// What a protocol must be able to tell about an endpoint.
pub trait Protocol: fmt::Debug + Default + Send + Sync + 'static {
    /// The kind of endpoint that speaks it.
    const KIND: DeploymentKind;

    /// What `doctor` should say about the protocol's own limits, empty for nothing.
    const REMARK: &'static str;

    /// Looks once. A fault means that the endpoint gave no answer to go by; what could not be read
    /// beside its health is told in [`Look::message`].
    fn look(
        &self,
        http: &Http,
        wanted: &Wanted,
    ) -> impl Future<Output = Result<Look, Fault>> + Send;

    /// Drops what was remembered of the server: after a fault it may be another one.
    fn forget(&self) {}
}

/// Which model an endpoint is asked about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wanted {
    /// The model's name as the endpoint knows it, where the settings say.
    pub name: Option<Key>,
    /// The deployment's own name: taken for the model's where the endpoint holds one of that name.
    pub deployment: Key,
}

/// What one look showed: a reading before it is tied to its deployment.
#[derive(Clone, PartialEq, Debug)]
pub struct Look {
    /// Whether it answers.
    pub health: Health,
    /// Why not, and what else could not be read.
    pub message: Clean,
    /// The versions it holds.
    pub versions: Vec<ServedVersion>,
    /// The version that answers a request which names none.
    pub default_version: Option<Key>,
    /// The serving software and its version.
    pub server: Clean,
    /// The time of the health call alone.
    pub latency: Option<Duration>,
    /// The server's clock.
    pub server_time: Option<Millis>,
    /// Which call failed, where the versions could not be read.
    pub unread: Clean,
}

/// A serving endpoint as a source.
#[derive(Debug)]
pub struct Serving<P> {
    id: SourceId,
    key: DeploymentKey,
    name: Clean,
    wanted: Wanted,
    declared: Option<Key>,
    every: Duration,
    http: Http,
    protocol: P,
}

impl<P: Protocol> Serving<P> {
    /// Joins a source's settings with those of its deployment.
    ///
    /// # Errors
    /// [`FaultKind::Config`] when the URL or a certificate file cannot be used.
    pub fn new(source: &SourceSettings, deployment: &DeploymentSettings) -> Result<Self, Fault> {
        Ok(Self {
            id: SourceId::new(&source.name),
            key: deployment.key(),
            name: Clean::name(&deployment.name),
            wanted: Wanted {
                name: deployment
                    .served_name
                    .as_deref()
                    .or(deployment.model.as_deref())
                    .filter(|name| !name.is_empty())
                    .map(Key::new),
                deployment: Key::new(&deployment.name),
            },
            declared: deployment.declared_version.as_deref().map(Key::new),
            every: source.every,
            http: Http::new(&SourceSettings {
                timeout: source.probe_deadline(),
                ..source.clone()
            })?
            // A server that loads answers once it has loaded: no sign of life is asked of it then.
            .write_within(source.timeout),
            protocol: P::default(),
        })
    }

    async fn look(&self) -> Result<Look, Fault> {
        let look = self.protocol.look(&self.http, &self.wanted).await;
        if look.is_err() {
            self.protocol.forget();
        }
        look
    }
}

impl<P: Protocol> Source for Serving<P> {
    fn id(&self) -> &SourceId {
        &self.id
    }

    fn kind(&self) -> SourceKind {
        SourceKind::Serving(P::KIND)
    }

    fn feeds(&self) -> Vec<FeedSpec> {
        vec![FeedSpec {
            feed: Feed::Endpoint,
            every: self.every,
        }]
    }

    async fn probe(&self) -> Result<Abilities, Fault> {
        self.protocol.forget();
        let look = self.look().await?;
        let tells = if look.versions.is_empty() {
            Right::NotKnown
        } else {
            Right::Allowed
        };
        // Who may read may load, where the server has been started so: only an attempt tells.
        let loads = if P::KIND == DeploymentKind::V2 {
            Right::NotKnown
        } else {
            Right::Denied
        };
        let remarks = [Clean::text(P::REMARK), look.message]
            .into_iter()
            .filter(|text| !text.is_empty())
            .collect();
        Ok(Abilities {
            server: look.server,
            user: None,
            rights: vec![
                (Clean::name("read health"), Right::Allowed),
                (Clean::name("read versions"), tells),
                (Clean::name("load-model"), loads),
            ],
            remarks,
        })
    }

    async fn poll(&self, feed: Feed, _focus: &Focus) -> Result<Answer, Fault> {
        if feed != Feed::Endpoint {
            return Err(self.unsupported("a serving endpoint has one feed, `endpoint`"));
        }
        let look = self.look().await?;
        Ok(Answer {
            partial: None,
            coverage: Coverage::Full(Scope::Endpoints),
            server_time: look.server_time,
            rows: Rows::Endpoints(vec![EndpointReading {
                key: self.key.clone(),
                name: self.name.clone(),
                health: look.health,
                message: look.message,
                versions: look.versions,
                default_version: look.default_version,
                server: look.server,
                latency: look.latency,
                versions_unread: look.unread,
                versions_at: None,
            }]),
        })
    }

    async fn fetch(&self, _query: Query) -> Result<Detail, Fault> {
        Err(self.unsupported("a serving endpoint holds no runs, versions or files to ask for"))
    }

    async fn look(&self, act: &Act) -> Result<Sighting, Fault> {
        self.look_at(act).await
    }

    async fn execute(&self, ticket: &Ticket) -> Delivery {
        self.send(ticket).await
    }
}

impl<P> Serving<P> {
    fn unsupported(&self, why: &str) -> Fault {
        Fault::new(FaultKind::Unsupported, self.key.base.raw(), why)
    }
}

/// Refuses a health answer that no server of these protocols gives: a page, such as a proxy's login.
fn not_a_page(reply: &Reply) -> Result<(), Fault> {
    let body = reply.body.start().trim_ascii_start();
    if reply.content_type == "text/html" || body.starts_with(b"<") {
        return Err(Fault::new(
            FaultKind::Decode {
                path: Clean::empty(),
            },
            &reply.place,
            "an HTML page came where a health answer was expected",
        ));
    }
    Ok(())
}

/// Whether a fault is the endpoint's own "not ready": 503, or the 400 that `MLServer` and Triton
/// give.
fn says_not_ready(fault: &Fault) -> bool {
    matches!(fault.kind, FaultKind::Server(503) | FaultKind::Refused)
}

/// Whether a fault is an answer that the thing or its route is not there.
fn says_absent(fault: &Fault) -> bool {
    matches!(fault.kind, FaultKind::NotFound | FaultKind::NoRoute)
}

/// Whether nothing else needs to be asked after this fault: the next request would end the same way.
fn ends_the_look(fault: &Fault) -> bool {
    matches!(
        fault.kind,
        FaultKind::Unreachable
            | FaultKind::Timeout
            | FaultKind::Tls
            | FaultKind::Auth
            | FaultKind::HostRefused
            | FaultKind::Redirected
            | FaultKind::Config
    )
}

/// What a refusal says in the endpoint's own words, or ours with the status where it has none.
fn own_words(fault: &Fault, ours: &str) -> String {
    let detail = fault.detail.as_str();
    if detail.is_empty() {
        ours.to_owned()
    } else if detail.starts_with("status ") {
        format!("{ours} ({detail})")
    } else {
        detail.to_owned()
    }
}
