//! Systems the console reads: wire types, map to domain, requests. The contract lives here; how
//! often a source is polled and what happens after a fault lives in the runtime.
//!
//! A new system is one module and one arm in [`registry`], with one folder of fixtures.

pub mod alertmanager;
pub mod evidently;
pub mod grafana;
pub mod http;
mod labels;
mod lenient;
pub mod mlflow;
mod names;
pub mod prometheus;
pub mod registry;
pub mod routes;
pub mod secret;
pub mod serving;
#[cfg(test)]
mod testing;

use std::future::Future;
use std::time::Duration;

use crate::domain::fault::Fault;
use crate::domain::key::SourceId;
use crate::domain::observation::{Abilities, Answer, Feed};
pub use crate::domain::query::Focus;
use crate::domain::query::{Detail, Query};
use crate::domain::settings::SourceKind;

/// A feed and how often it is polled at rest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FeedSpec {
    /// The feed.
    pub feed: Feed,
    /// Its cadence; the schedule stretches it after faults and by the observed latency.
    pub every: Duration,
}

/// A configured source: one polled system.
///
/// Implementations hold their own delta state (the largest server-side stamp seen, for instance)
/// behind interior mutability; one actor owns one source and polls one feed at a time.
pub trait Source: Send + Sync + 'static {
    /// The configured name.
    fn id(&self) -> &SourceId;

    /// What kind of system it is.
    fn kind(&self) -> SourceKind;

    /// What it can be polled for.
    fn feeds(&self) -> Vec<FeedSpec>;

    /// Asks what this server version and this token may do.
    fn probe(&self) -> impl Future<Output = Result<Abilities, Fault>> + Send;

    /// Polls one feed. All pages are fetched before it returns.
    fn poll(&self, feed: Feed, focus: &Focus)
    -> impl Future<Output = Result<Answer, Fault>> + Send;

    /// Fetches a detail.
    fn fetch(&self, query: Query) -> impl Future<Output = Result<Detail, Fault>> + Send;
}
