//! Systems the console reads: wire types, map to domain, requests. The contract lives here; how
//! often a source is polled and what happens after a fault lives in the runtime.
//!
//! A new system is one module and one arm in [`registry`], with one folder of fixtures.

pub mod airflow;
pub mod alertmanager;
pub mod any;
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

use tokio::sync::mpsc;

use crate::domain::action::{Act, Delivery, Sighting, Ticket};
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::key::SourceId;
use crate::domain::observation::{Abilities, Answer, Feed, Rows};
pub use crate::domain::query::Focus;
use crate::domain::query::{Detail, Query};
use crate::domain::settings::SourceKind;
use crate::domain::time::Millis;

/// A feed and how often it is polled at rest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FeedSpec {
    /// The feed.
    pub feed: Feed,
    /// Its cadence; the schedule stretches it after faults and by the observed latency.
    pub every: Duration,
}

/// A page of a poll that has not ended.
#[derive(Debug)]
pub struct Page {
    /// When the poll began.
    pub asked_at: Millis,
    /// What the page holds.
    pub rows: Rows,
}

/// Takes the pages of one poll in while it runs, so that a large registry is never held whole.
#[derive(Debug)]
pub struct Pages {
    asked_at: Millis,
    out: mpsc::Sender<Page>,
}

impl Pages {
    /// For a poll that begins now.
    pub fn new(asked_at: Millis, out: mpsc::Sender<Page>) -> Self {
        Self { asked_at, out }
    }

    /// Hands a page over; waits until there is room for it.
    pub async fn hand_over(&self, rows: Rows) {
        let asked_at = self.asked_at;
        // Nobody listens: the poll is about to be dropped.
        let _ = self.out.send(Page { asked_at, rows }).await;
    }
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

    /// Polls one feed as [`Source::poll`] does, and may hand rows over page by page meanwhile: the
    /// answer then holds the rest, and what it says to be covered holds for all of them together.
    fn poll_in_pages(
        &self,
        feed: Feed,
        focus: &Focus,
        _pages: &Pages,
    ) -> impl Future<Output = Result<Answer, Fault>> + Send {
        self.poll(feed, focus)
    }

    /// Fetches a detail.
    fn fetch(&self, query: Query) -> impl Future<Output = Result<Detail, Fault>> + Send;

    /// Looks at what an act would change, or has changed: asked before it is sent, after it, and when
    /// its end is unknown. A read, hence repeatable.
    fn look(&self, act: &Act) -> impl Future<Output = Result<Sighting, Fault>> + Send {
        let fault = unable(self.id(), act);
        async { Err(fault) }
    }

    /// Sends the act of a ticket, once. Whether it took effect is seen by looking.
    fn execute(&self, ticket: &Ticket) -> impl Future<Output = Delivery> + Send {
        let fault = unable(self.id(), ticket.act());
        async { Delivery::Refused(fault) }
    }
}

/// The fault of a source that is asked for an act of another system.
pub(crate) fn unable(source: &SourceId, act: &Act) -> Fault {
    let detail = format!("it cannot do this: {}", act.word());
    Fault::new(FaultKind::Unsupported, source.as_str(), &detail)
}
