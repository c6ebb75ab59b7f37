//! Names that deceive: look-alikes, names made again, versions that are no numbers, aliases that point
//! at nothing.

use std::sync::Arc;

use quarterdeck::domain::change::Subject;
use quarterdeck::domain::fleet::Fleet;
use quarterdeck::domain::key::{Key, ModelKey, RegistryKey, SourceId, VersionKey};
use quarterdeck::domain::level::{Level, ReasonCode};
use quarterdeck::domain::model::{Alias, ModelVersion, Name, RegisteredModel, VersionStatus};
use quarterdeck::domain::observation::{
    ContextRef, Coverage, Feed, Observation, PollReport, Rows, Scope,
};
use quarterdeck::domain::settings::{Context, SourceKind, SourceSettings};
use quarterdeck::domain::text::Clean;
use quarterdeck::domain::time::Millis;

fn key(name: &str, created: i64) -> ModelKey {
    ModelKey {
        registry: Arc::new(RegistryKey {
            base: Key::new("http://ml.test"),
            workspace: Key::new(""),
        }),
        name: Key::new(name),
        created: Millis(created),
    }
}

fn model(name: &str, created: i64, aliases: &[(&str, &str)]) -> RegisteredModel {
    let aliases = aliases.iter().map(|(alias, version)| Alias {
        name: Name::new(alias),
        version: Key::new(version),
    });
    RegisteredModel {
        key: key(name, created),
        name: Clean::name(name),
        updated: Millis(created),
        description: Clean::empty(),
        tags: Arc::from([]),
        aliases: aliases.collect(),
    }
}

fn version(model: &ModelKey, version: &str, created: i64) -> ModelVersion {
    ModelVersion {
        key: VersionKey {
            model: model.clone(),
            version: Key::new(version),
        },
        version: Clean::name(version),
        created: Millis(created),
        updated: Millis(created),
        stage: None,
        description: Clean::empty(),
        source: Clean::empty(),
        run: None,
        logged_model: None,
        status: VersionStatus::Ready,
        status_message: Clean::empty(),
        tags: Arc::from([]),
    }
}

fn fleet() -> Fleet {
    let settings = Context {
        name: Clean::name("test"),
        sources: vec![SourceSettings::new(
            "ml",
            SourceKind::Mlflow,
            "http://ml.test",
        )],
        ..Context::default()
    };
    let context = ContextRef {
        name: Clean::name("test"),
        generation: 0,
    };
    Fleet::new(Arc::new(context), Arc::new(settings))
}

/// One poll of one feed, answered.
fn tell(fleet: &mut Fleet, at: i64, feed: Feed, rows: Rows) {
    let scope = match feed {
        Feed::Models => Coverage::Full(Scope::Models),
        Feed::Versions => Coverage::Full(Scope::Versions),
        _ => Coverage::Partial,
    };
    let observation = Observation {
        context: Arc::clone(fleet.context()),
        source: SourceId::new("ml"),
        feed,
        asked_at: Millis(at),
        server_time: None,
        coverage: scope,
        upserts: rows,
        gone: Vec::new(),
    };
    fleet.merge(observation, Millis(at));
    let report = PollReport {
        partial: None,
        context: Arc::clone(fleet.context()),
        source: SourceId::new("ml"),
        feed,
        asked_at: Millis(at),
        took_ms: 1,
        clock_skew_ms: None,
        fault: None,
        next_at: Millis(at + 60_000),
    };
    fleet.record(&report, Millis(at));
}

fn codes(fleet: &Fleet, key: &ModelKey) -> Vec<ReasonCode> {
    let view = fleet.model(key).expect("a model");
    view.verdict.reasons.iter().map(|r| r.code).collect()
}

#[test]
fn names_that_look_the_same_are_two_models_and_both_are_flagged() {
    for (plain, like) in [
        ("fraud", "fraud\u{200b}"),
        ("fraud", "fr\u{202e}aud"),
        ("fraud", " fraud"),
        ("fraud", "\u{1b}[31mfraud"),
    ] {
        let mut fleet = fleet();
        let rows = vec![model(plain, 1, &[]), model("other", 1, &[])];
        tell(&mut fleet, 10, Feed::Models, Rows::Models(rows));
        assert!(!fleet.looks_alike(&key(plain, 1)));
        assert_eq!(codes(&fleet, &key(plain, 1)), []);
        let rows = vec![model(like, 2, &[])];
        tell(&mut fleet, 20, Feed::WatchedModels, Rows::Models(rows));
        assert_eq!(fleet.models().len(), 3, "{like:?}");
        for key in [key(plain, 1), key(like, 2)] {
            assert!(fleet.looks_alike(&key), "{like:?}");
            assert_eq!(codes(&fleet, &key), [ReasonCode::LookAlike], "{like:?}");
        }
        assert!(!fleet.looks_alike(&key("other", 1)));
    }
}

#[test]
fn a_name_made_again_is_another_model_without_the_old_ones_past() {
    let mut fleet = fleet();
    let rows = vec![model("churn", 1, &[("champion", "7")])];
    tell(&mut fleet, 10, Feed::Models, Rows::Models(rows));
    let rows = vec![version(&key("churn", 1), "7", 2)];
    tell(&mut fleet, 11, Feed::Versions, Rows::Versions(rows));
    let rows = vec![model("churn", 1, &[("champion", "6")])];
    tell(&mut fleet, 20, Feed::WatchedModels, Rows::Models(rows));
    let old = Subject::Model(key("churn", 1));
    assert!(!fleet.timeline(&old).is_empty(), "the alias moved");

    let rows = vec![model("churn", 25, &[("champion", "1")])];
    tell(&mut fleet, 30, Feed::WatchedModels, Rows::Models(rows));
    let names: Vec<_> = fleet.models().map(|m| m.key.created.0).collect();
    assert_eq!(names, [25], "a registry holds a name once");
    let new = key("churn", 25);
    assert!(fleet.versions(&new).is_empty() && fleet.versions(&key("churn", 1)).is_empty());
    assert!(fleet.timeline(&Subject::Model(new.clone())).is_empty());
    assert!(!fleet.looks_alike(&new));
    // Its versions were not read yet: nothing is missing.
    assert_eq!(codes(&fleet, &new), []);

    // A reading of the deleted model that comes late changes nothing.
    let rows = vec![model("churn", 1, &[("champion", "7")])];
    tell(&mut fleet, 15, Feed::WatchedModels, Rows::Models(rows));
    assert_eq!(fleet.models().len(), 1);
    assert!(fleet.model(&new).is_some());
}

#[test]
fn versions_that_are_no_numbers_sort_and_show() {
    let mut fleet = fleet();
    let rows = vec![model("risk", 1, &[("champion", "1.10.0")])];
    tell(&mut fleet, 10, Feed::Models, Rows::Models(rows));
    let words = [
        "1.9.0",
        "1.10.0-rc.1",
        "2",
        "1.10.0",
        "v1.2.0",
        "1.10.0-rc.12",
        "1.10.0-rc.2",
        "99999999999999999999999999",
        "10",
    ];
    // Of one moment, so that nothing but the words can order them.
    let rows = words.map(|w| version(&key("risk", 1), w, 5)).to_vec();
    tell(&mut fleet, 11, Feed::Versions, Rows::Versions(rows));
    let seen: Vec<_> = fleet
        .versions(&key("risk", 1))
        .iter()
        .map(|h| h.fact.version.to_string())
        .collect();
    assert_eq!(
        seen,
        [
            "99999999999999999999999999",
            "10",
            "2",
            "1.10.0",
            "1.10.0-rc.12",
            "1.10.0-rc.2",
            "1.10.0-rc.1",
            "1.9.0",
            "v1.2.0",
        ]
    );
    let view = fleet.model(&key("risk", 1)).expect("a model");
    let champion = view.champion.as_ref().expect("a champion");
    assert!(champion.exists);
    assert_eq!(champion.text, "1.10.0");
}

#[test]
fn aliases_differ_by_case_and_by_what_cannot_be_seen() {
    let mut fleet = fleet();
    let aliases = [
        ("Champion", "1"),
        ("cham\u{200b}pion", "2"),
        ("champion", "3"),
    ];
    let rows = vec![model("eta", 1, &aliases)];
    tell(&mut fleet, 10, Feed::Models, Rows::Models(rows));
    let held = fleet.registered(&key("eta", 1)).expect("a model");
    assert_eq!(held.fact.aliases.len(), 3);
    let view = fleet.model(&key("eta", 1)).expect("a model");
    assert_eq!(view.champion.as_ref().expect("a champion").text, "v3");
}

#[test]
fn an_alias_at_nothing_is_critical_once_versions_were_read() {
    let mut fleet = fleet();
    let key = key("ranker", 1);
    let rows = vec![model("ranker", 1, &[("champion", "4")])];
    tell(&mut fleet, 10, Feed::Models, Rows::Models(rows));
    assert_eq!(codes(&fleet, &key), [], "nothing is known of versions");
    let rows = vec![version(&key, "3", 2)];
    tell(&mut fleet, 11, Feed::Versions, Rows::Versions(rows));
    assert_eq!(codes(&fleet, &key), [ReasonCode::VersionMissing]);
    let view = fleet.model(&key).expect("a model");
    assert_eq!(view.verdict.level, Level::Crit);

    // Moved to a version of a moment ago: the look that will show it is still to come.
    let rows = vec![model("ranker", 1, &[("champion", "5")])];
    tell(&mut fleet, 20, Feed::WatchedModels, Rows::Models(rows));
    assert_eq!(codes(&fleet, &key), []);
    let rows = vec![version(&key, "5", 19)];
    tell(&mut fleet, 21, Feed::NewestVersions, Rows::Versions(rows));
    assert_eq!(codes(&fleet, &key), []);

    let rows = vec![model("ranker", 1, &[("champion", "9")])];
    tell(&mut fleet, 30, Feed::WatchedModels, Rows::Models(rows));
    tell(
        &mut fleet,
        31,
        Feed::NewestVersions,
        Rows::Versions(Vec::new()),
    );
    assert_eq!(codes(&fleet, &key), [ReasonCode::VersionMissing]);
}
