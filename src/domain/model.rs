//! The registry's side: registered models, their versions and aliases, and what a version was made of.

use std::sync::Arc;

use super::key::{Key, ModelKey, RunKey, VersionKey};
use super::text::Clean;
use super::time::Millis;

/// A name that requests need raw and screens need clean.
#[derive(
    Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
pub struct Name {
    /// For requests.
    pub key: Key,
    /// For people.
    pub shown: Clean,
}

impl Name {
    /// Takes a server's raw name.
    pub fn new(raw: &str) -> Self {
        Self {
            key: Key::new(raw),
            shown: Clean::name(raw),
        }
    }
}

/// Tags or parameters: key and value, in the server's order, shared.
pub type Tags = Arc<[(Clean, Clean)]>;

/// Looks a tag up.
pub fn tag<'a>(tags: &'a [(Clean, Clean)], key: &str) -> Option<&'a Clean> {
    tags.iter().find(|(k, _)| *k == key).map(|(_, v)| v)
}

/// A registered model as its registry lists it.
#[derive(Clone, PartialEq, Debug, serde::Serialize, serde::Deserialize)]
pub struct RegisteredModel {
    /// Identity.
    pub key: ModelKey,
    /// The name, for people.
    pub name: Clean,
    /// Last change that the registry stamps; alias and tag changes leave no stamp.
    pub updated: Millis,
    /// Free text.
    pub description: Clean,
    /// Tags of the model.
    pub tags: Tags,
    /// Aliases, by name.
    pub aliases: Arc<[Alias]>,
}

impl RegisteredModel {
    /// The version that `alias` points at. The raw name counts: one that only looks like `champion`
    /// is another alias.
    pub fn alias(&self, alias: &str) -> Option<&Key> {
        self.aliases
            .iter()
            .find(|a| a.name.key.raw() == alias)
            .map(|a| &a.version)
    }

    /// The value of a tag.
    pub fn tag(&self, key: &str) -> Option<&Clean> {
        tag(&self.tags, key)
    }
}

/// A movable name for one version of a model: `champion`, `challenger`.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Alias {
    /// The alias.
    pub name: Name,
    /// The raw version it points at.
    pub version: Key,
}

/// Whether a version can be used, as the registry says.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VersionStatus {
    /// Usable.
    Ready,
    /// Still being registered.
    Pending,
    /// Registration failed.
    Failed,
    /// A word this program does not know, kept as it came.
    Other(Clean),
}

/// One version of a registered model.
#[derive(Clone, PartialEq, Debug, serde::Serialize, serde::Deserialize)]
pub struct ModelVersion {
    /// Identity.
    pub key: VersionKey,
    /// The version, for people, as the registry writes it.
    pub version: Clean,
    /// When it was registered.
    pub created: Millis,
    /// Last change that the registry stamps.
    pub updated: Millis,
    /// The deprecated stage, where it is not `None`.
    pub stage: Option<Clean>,
    /// Free text.
    pub description: Clean,
    /// Where the artifact came from (`models:/m-…`, `runs:/…`, a path).
    pub source: Clean,
    /// The run that made it.
    pub run: Option<RunKey>,
    /// The logged model behind it, where the tracker has that notion.
    pub logged_model: Option<Key>,
    /// Usability.
    pub status: VersionStatus,
    /// Why it is not ready.
    pub status_message: Clean,
    /// Tags of the version.
    pub tags: Tags,
}

impl ModelVersion {
    /// The value of a tag.
    pub fn tag(&self, key: &str) -> Option<&Clean> {
        tag(&self.tags, key)
    }
}

/// One input, output or parameter of a signature.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Field {
    /// Its name; empty for an unnamed tensor.
    pub name: Clean,
    /// Its type in the signature's own words (`double`, `tensor<int64>[-1, 4]`).
    pub kind: Clean,
    /// Whether a request must carry it.
    pub required: bool,
}

/// What goes in and what comes out of a model.
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct Signature {
    /// Inputs, in order.
    pub inputs: Vec<Field>,
    /// Outputs, in order.
    pub outputs: Vec<Field>,
    /// Inference parameters, in order.
    pub params: Vec<Field>,
}

/// What the package of a version says of itself (the `MLmodel` file): immutable, so read once.
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct Package {
    /// The signature, where one was logged.
    pub signature: Option<Signature>,
    /// Flavors (`python_function`, `sklearn`), with their library versions where given.
    pub flavors: Vec<Clean>,
    /// The tracker library that wrote it.
    pub written_by: Clean,
    /// Environment files it names (`conda.yaml`, `python_env.yaml`, `requirements.txt`, an image).
    pub environment: Vec<Clean>,
    /// Size in bytes, where stated.
    pub size: Option<u64>,
}

/// A metric that was linked to a logged model: with the dataset it was evaluated on, where that was said.
#[derive(Clone, PartialEq, Debug)]
pub struct LoggedMetric {
    /// The metric.
    pub name: Name,
    /// Its value; may be NaN or infinite.
    pub value: f64,
    /// The step it was logged at.
    pub step: i64,
    /// When, by the trainer's clock.
    pub at: Millis,
    /// Name and digest of the dataset.
    pub dataset: Option<(Clean, Clean)>,
}
