//! The adapters' public door: a source made by the registry, of whatever kind.

use quarterdeck::domain::action::{Act, Delivery, Sighting, Ticket};
use quarterdeck::domain::fault::Fault;
use quarterdeck::domain::observation::{Abilities, Answer, Feed};
use quarterdeck::domain::query::{Detail, Query};
use quarterdeck::domain::settings::{DeploymentSettings, SourceSettings};
use quarterdeck::sources::any::AnySource;
use quarterdeck::sources::{Focus, Source as _, registry};

/// An open source.
pub(crate) struct Door(AnySource);

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
        self.0.feeds().into_iter().map(|spec| spec.feed).collect()
    }
}

/// Makes a source as the program does.
pub(crate) fn open(
    settings: &SourceSettings,
    deployment: Option<&DeploymentSettings>,
) -> Result<Door, Fault> {
    let deployments: Vec<_> = deployment.into_iter().cloned().collect();
    registry::make(settings, &deployments).map(Door)
}
