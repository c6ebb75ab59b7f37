//! A source of any type as one type: what tends, looks and writes is compiled once, and not once for each
//! kind of system. What the systems are, the modules beside this one say.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use super::{FeedSpec, Focus, Pages, Source};
use crate::domain::action::{Act, Delivery, Sighting, Ticket};
use crate::domain::fault::Fault;
use crate::domain::key::SourceId;
use crate::domain::observation::{Abilities, Answer, Feed};
use crate::domain::query::{Detail, Query};
use crate::domain::settings::SourceKind;

type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// [`Source`] as an object: its futures are boxed.
trait Boxed: Send + Sync {
    fn id(&self) -> &SourceId;
    fn kind(&self) -> SourceKind;
    fn feeds(&self) -> Vec<FeedSpec>;
    fn probe(&self) -> Later<'_, Result<Abilities, Fault>>;
    fn poll<'a>(&'a self, feed: Feed, focus: &'a Focus) -> Later<'a, Result<Answer, Fault>>;
    fn poll_in_pages<'a>(
        &'a self,
        feed: Feed,
        focus: &'a Focus,
        pages: &'a Pages,
    ) -> Later<'a, Result<Answer, Fault>>;
    fn fetch(&self, query: Query) -> Later<'_, Result<Detail, Fault>>;
    fn look<'a>(&'a self, act: &'a Act) -> Later<'a, Result<Sighting, Fault>>;
    fn execute<'a>(&'a self, ticket: &'a Ticket) -> Later<'a, Delivery>;
}

impl<S: Source> Boxed for S {
    fn id(&self) -> &SourceId {
        Source::id(self)
    }

    fn kind(&self) -> SourceKind {
        Source::kind(self)
    }

    fn feeds(&self) -> Vec<FeedSpec> {
        Source::feeds(self)
    }

    fn probe(&self) -> Later<'_, Result<Abilities, Fault>> {
        Box::pin(Source::probe(self))
    }

    fn poll<'a>(&'a self, feed: Feed, focus: &'a Focus) -> Later<'a, Result<Answer, Fault>> {
        Box::pin(Source::poll(self, feed, focus))
    }

    fn poll_in_pages<'a>(
        &'a self,
        feed: Feed,
        focus: &'a Focus,
        pages: &'a Pages,
    ) -> Later<'a, Result<Answer, Fault>> {
        Box::pin(Source::poll_in_pages(self, feed, focus, pages))
    }

    fn fetch(&self, query: Query) -> Later<'_, Result<Detail, Fault>> {
        Box::pin(Source::fetch(self, query))
    }

    fn look<'a>(&'a self, act: &'a Act) -> Later<'a, Result<Sighting, Fault>> {
        Box::pin(Source::look(self, act))
    }

    fn execute<'a>(&'a self, ticket: &'a Ticket) -> Later<'a, Delivery> {
        Box::pin(Source::execute(self, ticket))
    }
}

/// A source of any kind.
pub struct AnySource(Box<dyn Boxed>);

impl AnySource {
    /// Puts a source into a box.
    pub fn new(source: impl Source) -> Self {
        Self(Box::new(source))
    }
}

impl fmt::Debug for AnySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AnySource({:?}, {})", self.0.kind(), self.0.id())
    }
}

impl Source for AnySource {
    fn id(&self) -> &SourceId {
        self.0.id()
    }

    fn kind(&self) -> SourceKind {
        self.0.kind()
    }

    fn feeds(&self) -> Vec<FeedSpec> {
        self.0.feeds()
    }

    async fn probe(&self) -> Result<Abilities, Fault> {
        self.0.probe().await
    }

    async fn poll(&self, feed: Feed, focus: &Focus) -> Result<Answer, Fault> {
        self.0.poll(feed, focus).await
    }

    async fn poll_in_pages(
        &self,
        feed: Feed,
        focus: &Focus,
        pages: &Pages,
    ) -> Result<Answer, Fault> {
        self.0.poll_in_pages(feed, focus, pages).await
    }

    async fn fetch(&self, query: Query) -> Result<Detail, Fault> {
        self.0.fetch(query).await
    }

    async fn look(&self, act: &Act) -> Result<Sighting, Fault> {
        self.0.look(act).await
    }

    async fn execute(&self, ticket: &Ticket) -> Delivery {
        self.0.execute(ticket).await
    }
}
