//! The adapters' public door: a source made by the registry, boxed so that checks need not know its
//! type.

use std::future::Future;
use std::pin::Pin;

use quarterdeck::domain::action::{Act, Delivery, Sighting, Ticket};
use quarterdeck::domain::fault::Fault;
use quarterdeck::domain::observation::{Abilities, Answer, Feed};
use quarterdeck::domain::query::{Detail, Query};
use quarterdeck::domain::settings::{DeploymentSettings, SourceSettings};
use quarterdeck::sources::registry::{Visitor, with_source};
use quarterdeck::sources::{Focus, Source};

type Boxed<'a, T> = Pin<Box<dyn Future<Output = Result<T, Fault>> + Send + 'a>>;

type Sending<'a> = Pin<Box<dyn Future<Output = Delivery> + Send + 'a>>;

/// A source of any kind.
trait AnySource: Send + Sync {
    fn probe(&self) -> Boxed<'_, Abilities>;
    fn poll<'a>(&'a self, feed: Feed, focus: &'a Focus) -> Boxed<'a, Answer>;
    fn fetch(&self, query: Query) -> Boxed<'_, Detail>;
    fn look<'a>(&'a self, act: &'a Act) -> Boxed<'a, Sighting>;
    fn execute<'a>(&'a self, ticket: &'a Ticket) -> Sending<'a>;
    fn feeds(&self) -> Vec<Feed>;
}

impl<S: Source> AnySource for S {
    fn probe(&self) -> Boxed<'_, Abilities> {
        Box::pin(Source::probe(self))
    }

    fn poll<'a>(&'a self, feed: Feed, focus: &'a Focus) -> Boxed<'a, Answer> {
        Box::pin(Source::poll(self, feed, focus))
    }

    fn fetch(&self, query: Query) -> Boxed<'_, Detail> {
        Box::pin(Source::fetch(self, query))
    }

    fn look<'a>(&'a self, act: &'a Act) -> Boxed<'a, Sighting> {
        Box::pin(Source::look(self, act))
    }

    fn execute<'a>(&'a self, ticket: &'a Ticket) -> Sending<'a> {
        Box::pin(Source::execute(self, ticket))
    }

    fn feeds(&self) -> Vec<Feed> {
        Source::feeds(self)
            .into_iter()
            .map(|spec| spec.feed)
            .collect()
    }
}

/// An open source.
pub(crate) struct Door(Box<dyn AnySource>);

impl Door {
    pub(crate) async fn probe(&self) -> Result<Abilities, Fault> {
        self.0.probe().await
    }

    pub(crate) async fn poll(&self, feed: Feed, focus: &Focus) -> Result<Answer, Fault> {
        self.0.poll(feed, focus).await
    }

    pub(crate) async fn fetch(&self, query: Query) -> Result<Detail, Fault> {
        self.0.fetch(query).await
    }

    pub(crate) async fn look(&self, act: &Act) -> Result<Sighting, Fault> {
        self.0.look(act).await
    }

    pub(crate) async fn execute(&self, ticket: &Ticket) -> Delivery {
        self.0.execute(ticket).await
    }

    pub(crate) fn feeds(&self) -> Vec<Feed> {
        self.0.feeds()
    }
}

struct Boxing;

impl Visitor for Boxing {
    type Out = Door;

    fn visit<S: Source>(self, source: S) -> Door {
        Door(Box::new(source))
    }
}

/// Makes a source as the program does.
pub(crate) fn open(
    settings: &SourceSettings,
    deployment: Option<&DeploymentSettings>,
) -> Result<Door, Fault> {
    let deployments: Vec<_> = deployment.into_iter().cloned().collect();
    with_source(settings, &deployments, Boxing)
}
