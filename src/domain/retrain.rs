//! Which pipeline trains a model again, as settings, tags and names say. Configuration beats tags, tags
//! beat convention. Pure.

use super::key::SourceId;
use super::model::RegisteredModel;
use super::settings::{Context, SourceKind, SourceSettings};
use super::text::Clean;
use super::wiring::{Rule, plain_url};

/// The tag on a registered model that names its pipeline by URL.
pub const TAG: &str = "quarterdeck.pipeline";
/// What a pipeline may be called beside its model's own name: before and after it.
const CUSTOMARY: [&str; 4] = ["retrain_", "train_", "retrain-", "train-"];

/// A pipeline as somebody names it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Named {
    /// The source that holds it.
    pub source: SourceId,
    /// Its raw id there.
    pub id: String,
    /// Which rule names it.
    pub rule: Rule,
}

/// The pipeline that trains a model. What configuration or a tag names need not be there; a customary
/// name joins only what `exists`.
pub fn named(
    model: &RegisteredModel,
    context: &Context,
    exists: impl Fn(&SourceId, &str) -> bool,
) -> Option<Named> {
    let sources = || {
        let all = context.sources.iter();
        all.filter(|source| source.kind == SourceKind::Airflow)
    };
    let first = sources().next()?;
    let named = |rule| {
        move |(source, id): (&SourceSettings, &str)| Named {
            source: SourceId::new(&source.name),
            id: id.to_owned(),
            rule,
        }
    };
    let set = context.models.get(model.key.name.raw());
    if let Some(word) = set.and_then(|set| set.pipeline.as_deref()) {
        let by_url = sources().find_map(|source| Some((source, at_url(word, source)?)));
        let by_name = sources().find_map(|source| {
            let id = word.strip_prefix(source.name.as_str())?.strip_prefix('/')?;
            Some((source, id))
        });
        // A bare id may stand in any of the sources.
        let bare = sources().find(|source| exists(&SourceId::new(&source.name), word));
        let bare = (bare.unwrap_or(first), word);
        return Some(named(Rule::Config)(by_url.or(by_name).unwrap_or(bare)));
    }
    if let Some(word) = model.tag(TAG).map(Clean::as_str) {
        let by_url = sources().find_map(|source| Some((source, at_url(word, source)?)));
        // The names of sources are ours alone; an id is the team's where there is one orchestrator.
        let only = sources().count() == 1 && !word.contains("://");
        let found = by_url.or(only.then_some((first, word)));
        return found.map(named(Rule::Tag));
    }
    let name = model.key.name.raw();
    let plain: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    let own = [name.to_owned(), plain.clone()];
    let customary = CUSTOMARY
        .iter()
        .flat_map(|before| [name, plain.as_str()].map(|name| format!("{before}{name}")));
    let ids: Vec<String> = own.into_iter().chain(customary).collect();
    sources().find_map(|source| {
        let id = SourceId::new(&source.name);
        let found = ids.iter().find(|word| exists(&id, word))?;
        Some(named(Rule::Convention)((source, found)))
    })
}

/// The id in a pipeline's URL, where it is one of the source's: `BASE/dags/ID`, whatever follows.
fn at_url<'a>(word: &'a str, source: &SourceSettings) -> Option<&'a str> {
    let base = plain_url(&source.url);
    let word = word.trim();
    let rest = word.get(base.len()..)?;
    if !plain_url(word).starts_with(&base) {
        return None;
    }
    let id = rest.strip_prefix("/dags/")?.split(['/', '?', '#']).next()?;
    (!id.is_empty()).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::key::{Key, ModelKey, RegistryKey};
    use crate::domain::settings::ModelSettings;
    use crate::domain::time::Millis;
    use std::sync::Arc;

    fn registered(name: &str) -> RegisteredModel {
        RegisteredModel {
            key: ModelKey {
                registry: Arc::new(RegistryKey {
                    base: Key::new("http://ml.test"),
                    workspace: Key::new(""),
                }),
                name: Key::new(name),
                created: Millis(1),
            },
            name: Clean::name(name),
            updated: Millis(1),
            description: Clean::empty(),
            tags: Arc::default(),
            aliases: Arc::default(),
        }
    }

    fn context(pipeline: Option<&str>) -> Context {
        let source = |name, url| SourceSettings::new(name, SourceKind::Airflow, url);
        Context {
            sources: vec![
                SourceSettings::new("ml", SourceKind::Mlflow, "http://ml.test"),
                source("eu", "http://eu.test/af"),
                source("us", "http://US.test"),
            ],
            models: pipeline
                .map(|word| {
                    let set = ModelSettings {
                        pipeline: Some(word.to_owned()),
                        ..ModelSettings::default()
                    };
                    ("fraud-detector".to_owned(), set)
                })
                .into_iter()
                .collect(),
            ..Context::default()
        }
    }

    fn found(pipeline: Option<&str>, tag: Option<&str>, there: &[&str]) -> Option<String> {
        let mut model = registered("fraud-detector");
        if let Some(tag) = tag {
            model.tags = [(Clean::name(TAG), Clean::name(tag))].into();
        }
        let named = named(&model, &context(pipeline), |source, id| {
            there.contains(&format!("{source}/{id}").as_str())
        })?;
        Some(format!(
            "{} {}/{}",
            named.rule.word(),
            named.source,
            named.id
        ))
    }

    #[test]
    fn settings_name_a_pipeline_in_three_ways() {
        for (word, want) in [
            ("nightly", "config eu/nightly"),
            ("us/nightly", "config us/nightly"),
            ("http://us.test/dags/nightly/grid?x=1", "config us/nightly"),
            ("http://eu.test/af/dags/Nightly", "config eu/Nightly"),
        ] {
            assert_eq!(found(Some(word), None, &[]).as_deref(), Some(want));
        }
        let there = found(Some("nightly"), None, &["us/nightly"]);
        assert_eq!(there.as_deref(), Some("config us/nightly"));
    }

    #[test]
    fn a_tag_names_it_by_url_and_settings_beat_it() {
        let url = "http://us.test/dags/n";
        assert_eq!(found(None, Some(url), &[]).as_deref(), Some("tag us/n"));
        assert_eq!(found(None, Some("http://else.test/dags/n"), &[]), None);
        assert_eq!(found(None, Some("n"), &["eu/n"]), None, "which of the two?");
        let both = found(Some("eu/m"), Some(url), &[]);
        assert_eq!(both.as_deref(), Some("config eu/m"));
    }

    #[test]
    fn a_customary_name_joins_what_is_there() {
        assert_eq!(found(None, None, &[]), None);
        for id in [
            "fraud-detector",
            "retrain_fraud_detector",
            "train-fraud-detector",
        ] {
            let there = format!("us/{id}");
            let want = format!("convention us/{id}");
            assert_eq!(found(None, None, &[&there]), Some(want));
        }
        assert_eq!(found(None, None, &["us/retrain_fraud"]), None);
    }
}
