//! How systems are joined: which model a deployment serves, what it follows, and which rule says so.
//!
//! Configuration beats tags, tags beat convention. Every join keeps the rule that made it, and what
//! could not be joined says why.

use super::deployment::EndpointReading;
use super::key::{DeploymentKey, Key, ModelKey};
use super::model::{ModelVersion, RegisteredModel};
use super::settings::{Context, DeploymentSettings, Follows, VersionMap};
use super::text::Clean;

/// Which rule made a join, strongest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Rule {
    /// The configuration file or a flag.
    Config,
    /// A tag on the registered model.
    Tag,
    /// Equal names, or a customary form.
    Convention,
    /// Nothing.
    None,
}

impl Rule {
    /// The word on screen and in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Tag => "tag",
            Self::Convention => "convention",
            Self::None => "none",
        }
    }
}

/// What a deployment follows, resolved.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// An alias of its model.
    Alias(Clean),
    /// One version, on purpose.
    Version(Clean),
    /// Nothing.
    Nothing,
}

impl Target {
    /// `@champion`, `v7`, or `–`.
    pub fn text(&self) -> Clean {
        match self {
            Self::Alias(alias) => Clean::name(&format!("@{alias}")),
            Self::Version(version) => version.clone(),
            Self::Nothing => Clean::name("–"),
        }
    }
}

/// A deployment joined to its model.
#[derive(Clone, PartialEq, Debug)]
pub struct Join {
    /// The deployment.
    pub deployment: DeploymentKey,
    /// Its name.
    pub name: Clean,
    /// The model it serves.
    pub model: Option<ModelKey>,
    /// Which rule named the model.
    pub model_rule: Rule,
    /// That rule in words, or why there is no model.
    pub because: Clean,
    /// What it follows.
    pub follows: Target,
    /// Which rule says so.
    pub follows_rule: Rule,
    /// `prod`, `staging`; empty when nobody said.
    pub environment: Clean,
    /// Whether it counts as production: said so, or nobody said anything.
    pub production: bool,
    /// Why it is held at a version.
    pub hold: Option<Clean>,
    /// The version declared for it.
    pub declared: Option<Key>,
    /// How its version words map.
    pub version_map: Option<VersionMap>,
}

impl DeploymentSettings {
    /// The identity of the deployment: where it is and what the model is called there.
    pub fn key(&self) -> DeploymentKey {
        let name = self
            .served_name
            .as_ref()
            .or(self.model.as_ref())
            .unwrap_or(&self.name);
        DeploymentKey {
            kind: self.kind,
            base: Key::new(self.url.trim_end_matches('/')),
            scope: Key::new(""),
            name: Key::new(name),
        }
    }
}

/// Where a join looks for models. Of several that fit, the first by key is joined.
pub trait Registered {
    /// The model of a name.
    fn named(&self, name: &str) -> Option<&RegisteredModel>;
    /// The model whose tags name an address, in the form of [`plain_url`].
    fn addressed(&self, address: &str) -> Option<&RegisteredModel>;
}

/// The addresses of deployments that a model's tag names, in the form of [`plain_url`].
pub fn addresses(model: &RegisteredModel) -> impl Iterator<Item = String> + '_ {
    let tag = model.tag("quarterdeck.deployment").map(Clean::as_str);
    tag.into_iter()
        .flat_map(|tag| tag.split([',', ' ']))
        .filter(|address| !address.is_empty())
        .map(plain_url)
}

/// The names of models that a deployment may be joined to; beside them it is the tags that name its
/// address. A model that has neither cannot change how the deployment is joined.
pub fn names<'a>(settings: &'a DeploymentSettings, context: &'a Context) -> Vec<&'a str> {
    match configured(settings, context) {
        Some((name, _)) => vec![name],
        None => settings
            .served_name
            .as_deref()
            .into_iter()
            .chain([settings.name.as_str()])
            .collect(),
    }
}

/// Joins one deployment to a model of the registry.
pub fn join(settings: &DeploymentSettings, context: &Context, models: &impl Registered) -> Join {
    let found = find_model(settings, context, models);
    let (follows, follows_rule) = follow(settings, context, found.model);
    let environment = settings
        .environment
        .clone()
        .or_else(|| {
            found
                .model
                .and_then(|m| m.tag("quarterdeck.environment"))
                .map(Clean::to_string)
        })
        .unwrap_or_default();
    Join {
        deployment: settings.key(),
        name: Clean::name(&settings.name),
        model: found.model.map(|m| m.key.clone()),
        model_rule: found.rule,
        because: Clean::text(&found.because),
        follows,
        follows_rule,
        production: matches!(environment.as_str(), "" | "prod" | "production" | "live"),
        environment: Clean::name(&environment),
        hold: settings.hold.as_deref().map(Clean::text),
        declared: settings.declared_version.as_deref().map(Key::new),
        version_map: settings.version_map.clone(),
    }
}

struct Found<'a> {
    model: Option<&'a RegisteredModel>,
    rule: Rule,
    because: String,
}

/// Where the configuration names a deployment's model.
enum Place {
    /// In the deployment's own table.
    Deployment,
    /// In the model's table.
    Model,
}

/// The model that the configuration names for a deployment.
fn configured<'a>(
    settings: &'a DeploymentSettings,
    context: &'a Context,
) -> Option<(&'a str, Place)> {
    if let Some(name) = &settings.model {
        return Some((name, Place::Deployment));
    }
    let listed = context.models.iter().find(|(_, m)| {
        m.deployments
            .iter()
            .any(|d| *d == settings.name || same_url(d, &settings.url))
    });
    listed.map(|(name, _)| (name.as_str(), Place::Model))
}

fn find_model<'a>(
    settings: &DeploymentSettings,
    context: &Context,
    models: &'a impl Registered,
) -> Found<'a> {
    let named = |name: &str| models.named(name);
    if let Some((name, place)) = configured(settings, context) {
        let model = named(name);
        return Found {
            model,
            rule: Rule::Config,
            because: match (place, model) {
                (Place::Model, _) => format!("models.\"{name}\" lists this deployment"),
                (Place::Deployment, Some(_)) => {
                    format!("deployment {} has model = \"{name}\"", settings.name)
                }
                (Place::Deployment, None) => {
                    format!("the configuration names model {name}, which no registry holds")
                }
            },
        };
    }
    if let Some(model) = models.addressed(&plain_url(&settings.url)) {
        return Found {
            model: Some(model),
            rule: Rule::Tag,
            because: format!(
                "tag quarterdeck.deployment of {} names this URL",
                model.name
            ),
        };
    }
    let by_name = settings
        .served_name
        .as_deref()
        .and_then(named)
        .or_else(|| named(&settings.name));
    match by_name {
        Some(model) => Found {
            model: Some(model),
            rule: Rule::Convention,
            because: format!("the name {} is the same", model.name),
        },
        None => Found {
            model: None,
            rule: Rule::None,
            because: format!(
                "no model is named {}: set model = \"…\" for the deployment, or tag the model quarterdeck.deployment = {}",
                settings.name, settings.url
            ),
        },
    }
}

fn follow(
    settings: &DeploymentSettings,
    context: &Context,
    model: Option<&RegisteredModel>,
) -> (Target, Rule) {
    match &settings.follows {
        Follows::Alias(alias) => (Target::Alias(Clean::name(alias)), Rule::Config),
        Follows::Version(version) => (Target::Version(Clean::name(version)), Rule::Config),
        Follows::None => (Target::Nothing, Rule::Config),
        Follows::Default => match model.and_then(|m| m.tag("quarterdeck.follows")) {
            Some(word) if *word == "none" => (Target::Nothing, Rule::Tag),
            Some(word) => match word.as_str().strip_prefix('@') {
                Some(alias) => (Target::Alias(Clean::name(alias)), Rule::Tag),
                None => (Target::Version(word.clone()), Rule::Tag),
            },
            None => (
                Target::Alias(Clean::name(&context.policy.champion)),
                Rule::Convention,
            ),
        },
    }
}

fn same_url(a: &str, b: &str) -> bool {
    !a.is_empty() && plain_url(a) == plain_url(b)
}

/// An address as it is compared: without case and without a trailing slash.
pub fn plain_url(url: &str) -> String {
    url.trim().trim_end_matches('/').to_ascii_lowercase()
}

/// Maps an endpoint's version word to the registry's, if the registry holds it.
///
/// Without a rule the word itself is tried, then the word without a leading `v`.
pub fn map_version<'a>(
    word: &Key,
    map: Option<&VersionMap>,
    mut versions: impl Iterator<Item = &'a ModelVersion> + Clone,
) -> Option<&'a ModelVersion> {
    let find = |text: &str| versions.clone().find(|v| v.key.version.raw() == text);
    match map {
        None => find(word.raw()).or_else(|| find(strip_v(word.raw()))),
        Some(VersionMap::Equal) => find(word.raw()),
        Some(VersionMap::StripV) => find(strip_v(word.raw())),
        Some(VersionMap::VersionTag) => versions.find(|v| {
            v.tag("quarterdeck.serving_version")
                .is_some_and(|t| *t == *word.raw())
        }),
        Some(VersionMap::Regex(pattern)) => {
            let regex = regex_lite::Regex::new(pattern).ok()?;
            find(regex.captures(word.raw())?.get(1)?.as_str())
        }
    }
}

/// The word by which an endpoint will answer a version: the way back through its version map. `answers` is
/// a word that it answers by now, which shows how it writes them. `None` where nobody can tell: a tag that
/// is missing, a pattern without an example.
pub fn word_for(
    version: &ModelVersion,
    map: Option<&VersionMap>,
    answers: Option<&Key>,
) -> Option<Key> {
    let raw = version.key.version.raw();
    let prefixed = |usual: bool| {
        let prefix = match answers.map(|word| (word.raw(), strip_v(word.raw()))) {
            Some((word, bare)) => &word[..word.len() - bare.len()],
            None if usual => "v",
            None => "",
        };
        Key::new(&format!("{prefix}{raw}"))
    };
    match map {
        None => Some(prefixed(false)),
        Some(VersionMap::Equal) => Some(version.key.version.clone()),
        Some(VersionMap::StripV) => Some(prefixed(true)),
        Some(VersionMap::VersionTag) => version.tag("quarterdeck.serving_version").map(Key::of),
        Some(VersionMap::Regex(pattern)) => {
            let regex = regex_lite::Regex::new(pattern).ok()?;
            let word = answers?.raw();
            let group = regex.captures(word)?.get(1)?.range();
            let made = format!("{}{raw}{}", &word[..group.start], &word[group.end..]);
            let back = regex.captures(&made)?.get(1)?.as_str() == raw;
            back.then(|| Key::new(&made))
        }
    }
}

fn strip_v(word: &str) -> &str {
    word.strip_prefix(['v', 'V']).unwrap_or(word)
}

/// A version as it is shown: `v7` for a number, the registry's own word for anything else.
pub fn version_text(raw: &Key) -> Clean {
    if raw.raw().bytes().all(|b| b.is_ascii_digit()) && !raw.raw().is_empty() {
        Clean::name(&format!("v{}", raw.raw()))
    } else {
        raw.clean()
    }
}

/// Whether a server of this kind can tell its version at all.
pub fn can_tell(reading: &EndpointReading) -> bool {
    reading.key.kind != super::key::DeploymentKind::MlflowServe
}
