//! Tests of the adapter: against recorded answers, hostile ones, scripted servers on loopback and,
//! where the environment names them, real servers.

mod acts;
mod hostile;
mod learning;
mod live;
mod recorded;
mod scripted;
mod scripted_runs;

use std::sync::Arc;

use super::map::Map;
use crate::domain::key::{Key, RegistryKey};

fn registry() -> Arc<RegistryKey> {
    Arc::new(RegistryKey {
        base: Key::new("http://mlflow.test"),
        workspace: Key::new(""),
    })
}

/// Decodes `json` as it would come off the wire.
fn decoded<T: serde::de::DeserializeOwned>(json: &str) -> Result<T, crate::domain::fault::Fault> {
    super::wire::decode(crate::sources::http::Reply::of_json(
        json,
        "GET http://mlflow.test/api",
    ))
}

fn with_map<T>(work: impl FnOnce(&mut Map<'_>) -> T) -> T {
    work(&mut Map::new(&registry()))
}
