//! Identity: what a server calls a thing, kept apart from what people read.
//!
//! A [`Key`] is the server's raw string. It is never displayed: it has no `Display`, its `Debug` is
//! cleaned, and it leaves the program only inside a request to the server that gave it.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arcstr::ArcStr;

use super::text::{Clean, percent_encoded};
use super::time::Millis;

/// A server's own identifier, raw. Compare it, send it back, never show it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(ArcStr);

impl Key {
    /// Takes a server's raw string.
    pub fn new(raw: &str) -> Self {
        Self(ArcStr::from(raw))
    }

    /// A key that is its own clean form: shares the text.
    pub fn of(text: &Clean) -> Self {
        Self(text.shared().clone())
    }

    /// The raw string, for a request. Anything that is shown takes [`Key::clean`].
    pub fn raw(&self) -> &str {
        &self.0
    }

    /// One segment of a URL's path, percent-encoded: everything but unreserved characters.
    pub fn segment(&self) -> String {
        percent_encoded(&self.0)
    }

    /// The displayable form. Two keys may share it: see the fleet's look-alike check.
    pub fn clean(&self) -> Clean {
        Clean::name(&self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({:?})", Clean::limited(&self.0, 80).as_str())
    }
}

impl std::borrow::Borrow<str> for Key {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl serde::Serialize for Key {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for Key {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Ok(Self::new(&<std::borrow::Cow<'de, str>>::deserialize(d)?))
    }
}

/// A configured source's name, unique in its context; chosen by the user, hence displayable.
#[derive(
    Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
pub struct SourceId(Clean);

impl SourceId {
    /// Names a source.
    pub fn new(name: &str) -> Self {
        Self(Clean::name(name))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The name as clean text.
    pub fn clean(&self) -> &Clean {
        &self.0
    }
}

impl fmt::Display for SourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which registry: base URL without credentials, and workspace.
#[derive(
    Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
pub struct RegistryKey {
    /// The base URL, without user information and without a trailing slash.
    pub base: Key,
    /// The workspace, empty where the server has none.
    pub workspace: Key,
}

/// A registered model. Names can be deleted and made again and versions then restart at 1, so the
/// creation time is part of the identity.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct ModelKey {
    /// The registry that holds it.
    pub registry: Arc<RegistryKey>,
    /// The raw name.
    pub name: Key,
    /// When the registry created it.
    pub created: Millis,
}

/// The hash of what differs inside one registry: maps of the fleet ask for it many times an update.
impl Hash for ModelKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
        self.created.hash(state);
    }
}

/// By name, then by creation, then by registry: what differs most is compared first.
impl Ord for ModelKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.name
            .cmp(&other.name)
            .then_with(|| self.created.cmp(&other.created))
            .then_with(|| by_registry(&self.registry, &other.registry))
    }
}

impl PartialOrd for ModelKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn by_registry(a: &Arc<RegistryKey>, b: &Arc<RegistryKey>) -> Ordering {
    if Arc::ptr_eq(a, b) {
        Ordering::Equal
    } else {
        a.cmp(b)
    }
}

/// A version of a registered model. Versions are opaque text; [`VersionKey::number`] is for sorting.
#[derive(
    Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
pub struct VersionKey {
    /// The model.
    pub model: ModelKey,
    /// The raw version string.
    pub version: Key,
}

impl VersionKey {
    /// The version as a number where it is one: for sorting, never for identity.
    pub fn number(&self) -> Option<u64> {
        self.version.raw().parse().ok()
    }

    /// The version's place among others, for sorting: `1.10.0` after `1.9.0`, and a release after
    /// its candidates.
    pub fn order(&self) -> VersionOrder {
        let word = self.version.raw();
        let word = word.strip_prefix(['v', 'V']).unwrap_or(word);
        let (release, candidate) = match word.split_once('-') {
            Some((release, candidate)) => (release, Some(VersionOrder::parts(candidate))),
            None => (word, None),
        };
        VersionOrder {
            release: VersionOrder::parts(release),
            // `None` sorts first, and a release comes after its candidates.
            is_release: candidate.is_none(),
            candidate,
        }
    }
}

/// How versions sort that are numbers, semantic versions, dates or anything else.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct VersionOrder {
    release: Vec<Part>,
    is_release: bool,
    candidate: Option<Vec<Part>>,
}

/// A run of digits, or of anything else. Words sort before numbers.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Part {
    Word(String),
    /// Without leading zeros, so that the length comes first: any number of digits can be compared.
    Number(usize, String),
}

impl VersionOrder {
    fn parts(text: &str) -> Vec<Part> {
        // What comes after a plus says how a version was built, not which it is.
        let text = text.split('+').next().unwrap_or_default();
        let mut parts = Vec::new();
        for piece in text.split(['.', '_']) {
            let mut rest = piece;
            while let Some(first) = rest.chars().next() {
                let digits = first.is_ascii_digit();
                let end = rest
                    .find(|c: char| c.is_ascii_digit() != digits)
                    .unwrap_or(rest.len());
                let (head, tail) = rest.split_at(end);
                parts.push(if digits {
                    let number = head.trim_start_matches('0');
                    Part::Number(number.len(), number.to_owned())
                } else {
                    Part::Word(head.to_owned())
                });
                rest = tail;
            }
        }
        parts
    }
}

/// An experiment of a tracker.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct ExperimentKey {
    /// The tracker's base URL and workspace.
    pub tracker: Arc<RegistryKey>,
    /// The raw experiment id.
    pub id: Key,
}

impl Hash for ExperimentKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

/// By id, then by tracker, for the reason that model keys have.
impl Ord for ExperimentKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.id
            .cmp(&other.id)
            .then_with(|| by_registry(&self.tracker, &other.tracker))
    }
}

impl PartialOrd for ExperimentKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A run of a tracker.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct RunKey {
    /// The tracker's base URL and workspace.
    pub tracker: Arc<RegistryKey>,
    /// The raw run id.
    pub id: Key,
}

impl Hash for RunKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

/// By id, then by tracker, for the reason that model keys have.
impl Ord for RunKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.id
            .cmp(&other.id)
            .then_with(|| by_registry(&self.tracker, &other.tracker))
    }
}

impl PartialOrd for RunKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// What kind of system a deployment lives in.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum DeploymentKind {
    /// V2 / open inference protocol: `MLServer`, Triton, `KServe` predictors.
    V2,
    /// TensorFlow Serving's REST interface.
    Tfserving,
    /// A `BentoML` server.
    Bentoml,
    /// `mlflow models serve`.
    MlflowServe,
}

impl DeploymentKind {
    /// The word used in configuration, flags and JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::V2 => "v2",
            Self::Tfserving => "tfserving",
            Self::Bentoml => "bentoml",
            Self::MlflowServe => "mlflow-serve",
        }
    }

    /// Every kind, in the order documentation lists them.
    pub const ALL: [Self; 4] = [Self::V2, Self::Tfserving, Self::Bentoml, Self::MlflowServe];
}

impl fmt::Display for DeploymentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// A deployment: a serving endpoint of one model. Named by where it is, never by a local source id,
/// so that a wiring tag on the registered model means the same to every teammate.
#[derive(
    Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
pub struct DeploymentKey {
    /// The kind of system.
    pub kind: DeploymentKind,
    /// Base URL (without user information) or cluster.
    pub base: Key,
    /// Scope inside it, such as a namespace; empty for a plain endpoint.
    pub scope: Key,
    /// The model's name as the endpoint knows it.
    pub name: Key,
}
