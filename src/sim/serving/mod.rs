//! The simulated serving endpoints: four protocols over one endpoint each.

mod bento;
mod mlflow_serve;
mod tfserving;
mod v2;

use std::time::Duration;

use crate::sim::reply::{Reply, Request};
use crate::sim::world::catalog::Kind;
use crate::sim::world::{Endpoint, World};

/// Answers one request to an endpoint.
pub(crate) fn handle(world: &mut World, index: usize, request: &Request) -> Reply {
    if let Some(reply) = v2::repository(world, index, request) {
        return reply;
    }
    let Some(endpoint) = world.endpoints.get(index) else {
        return Reply::empty(404);
    };
    let mut reply = match endpoint.kind {
        Kind::MlServer => v2::mlserver(endpoint, request),
        Kind::Triton => v2::triton(endpoint, request),
        Kind::TfServing => tfserving::answer(endpoint, request),
        Kind::Bento => bento::answer(world, endpoint, request),
        Kind::MlflowServe => mlflow_serve::answer(endpoint, request),
    };
    reply.delay = Duration::from_millis(endpoint.delay);
    reply
}

/// The names a `BentoML` service gives itself and a version of a model, as its labels have them.
pub(crate) fn bento_names(world: &World, endpoint: &Endpoint, number: u32) -> (String, String) {
    bento::names(world, endpoint, number)
}

impl Kind {
    /// The name a configuration gives this protocol.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::MlServer | Self::Triton => "v2",
            Self::TfServing => "tfserving",
            Self::Bento => "bentoml",
            Self::MlflowServe => "mlflow-serve",
        }
    }
}

fn known(endpoint: &Endpoint, version: &str) -> bool {
    version
        .parse()
        .is_ok_and(|number: u32| endpoint.loaded.contains(&number))
}
