use std::sync::Arc;

use super::*;
use crate::domain::deployment::{ServedState, ServedVersion};
use crate::domain::key::{DeploymentKind, ExperimentKey, RegistryKey, RunKey, VersionKey};
use crate::domain::model::Name;
use crate::domain::run::RunStatus;
use proptest::prelude::*;

fn registry() -> Arc<RegistryKey> {
    Arc::new(RegistryKey {
        base: Key::new("http://ml.test"),
        workspace: Key::new(""),
    })
}

fn key() -> ModelKey {
    ModelKey {
        registry: registry(),
        name: Key::new("churn"),
        created: Millis(1),
    }
}

fn model(aliases: &[(&str, &str)]) -> RegisteredModel {
    RegisteredModel {
        key: key(),
        name: Clean::name("churn"),
        updated: Millis(1),
        description: Clean::empty(),
        tags: Arc::from([]),
        aliases: aliases
            .iter()
            .map(|(name, version)| Alias {
                name: Name::new(name),
                version: Key::new(version),
            })
            .collect(),
    }
}

fn version(raw: &str) -> ModelVersion {
    ModelVersion {
        key: VersionKey {
            model: key(),
            version: Key::new(raw),
        },
        version: Clean::name(raw),
        created: Millis(50),
        updated: Millis(50),
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

fn reading(health: Health, versions: &[(&str, Known)]) -> EndpointReading {
    EndpointReading {
        key: DeploymentKey {
            kind: DeploymentKind::V2,
            base: Key::new("http://serve.test"),
            scope: Key::new(""),
            name: Key::new("churn"),
        },
        name: Clean::name("churn-prod"),
        health,
        message: Clean::empty(),
        versions: versions
            .iter()
            .map(|(raw, known)| ServedVersion {
                version: Key::new(raw),
                known: *known,
                state: ServedState::Answering,
                message: Clean::empty(),
            })
            .collect(),
        default_version: None,
        server: Clean::empty(),
        latency: None,
        versions_unread: Clean::empty(),
        versions_at: None,
    }
}

fn no_version<'a>(_: &Key) -> Option<&'a ModelVersion> {
    None
}

fn phrases(changes: &[Change]) -> Vec<String> {
    changes.iter().map(|c| c.phrase().to_string()).collect()
}

fn window(change: &Change) -> (i64, i64) {
    (change.not_before.0, change.not_after.0)
}

#[test]
fn aliases_move_appear_and_vanish_between_two_looks() {
    let old = model(&[("champion", "13"), ("shadow", "2")]);
    let new = model(&[("champion", "14"), ("challenger", "15")]);
    let changes = model_changes(Some((&old, Millis(10))), (&new, Millis(20)), no_version);
    assert_eq!(
        phrases(&changes),
        [
            "champion v13 → v14",
            "shadow v2 → none",
            "challenger none → v15"
        ]
    );
    assert!(changes.iter().all(|c| window(c) == (10, 20)));
}

#[test]
fn the_first_look_and_a_look_from_the_past_tell_nothing() {
    let (old, new) = (model(&[("champion", "1")]), model(&[("champion", "2")]));
    assert!(model_changes(None, (&new, Millis(20)), no_version).is_empty());
    assert!(model_changes(Some((&old, Millis(20))), (&new, Millis(20)), no_version).is_empty());
    assert!(model_changes(Some((&old, Millis(30))), (&new, Millis(20)), no_version).is_empty());
}

#[test]
fn a_model_made_again_under_its_name_is_another_model() {
    let old = model(&[("champion", "7")]);
    let mut new = model(&[("champion", "1")]);
    new.key.created = Millis(999);
    assert!(model_changes(Some((&old, Millis(10))), (&new, Millis(20)), no_version).is_empty());
    let gone = model_gone((&old, Millis(10)), Millis(20)).expect("a row");
    assert_eq!(
        (gone.phrase().as_str(), window(&gone)),
        ("model deleted", (10, 20))
    );
}

#[test]
fn an_actor_counts_only_for_the_act_that_the_tag_dates() {
    let (old, new) = (model(&[("champion", "1")]), model(&[("champion", "2")]));
    let mut target = version("2");
    let who = |target: &ModelVersion| {
        let find = |_: &Key| Some(target);
        model_changes(Some((&old, Millis(10))), (&new, Millis(20)), find)[0]
            .actor
            .clone()
    };
    let tags = |at: &str| -> Arc<[(Clean, Clean)]> {
        Arc::from([
            (Clean::name(ACTOR_TAG), Clean::name("ana")),
            (Clean::name(ACTED_AT_TAG), Clean::name(at)),
        ])
    };
    assert_eq!(who(&target), None);
    target.tags = tags("15");
    assert_eq!(who(&target), Some(Clean::name("ana")));
    target.tags = tags("5");
    assert_eq!(who(&target), None);
    target.tags = tags("yesterday");
    assert_eq!(who(&target), None);
}

#[test]
fn a_new_version_has_the_instant_of_its_creation() {
    assert_eq!(new_version(&version("3"), None, Millis(60)), None);
    let at = |version: &ModelVersion| {
        let row = new_version(version, Some(Millis(10)), Millis(60)).expect("a row");
        assert_eq!(row.phrase(), "v3 registered");
        window(&row)
    };
    assert_eq!(at(&version("3")), (50, 50));
    let unstamped = ModelVersion {
        created: Millis(0),
        ..version("3")
    };
    assert_eq!(at(&unstamped), (10, 60));
}

#[test]
fn a_stage_move_takes_the_stamp_only_when_the_stamp_is_its_own() {
    let old = version("3");
    let staged = ModelVersion {
        stage: Some(Clean::name("Production")),
        ..version("3")
    };
    let at = |new: &ModelVersion| -> (i64, i64) {
        let changes = version_changes(Some((&old, Millis(60))), (new, Millis(90)));
        assert_eq!(phrases(&changes), ["v3 stage none → Production"]);
        window(&changes[0])
    };
    assert_eq!(at(&staged), (60, 90));
    let stamped = ModelVersion {
        updated: Millis(70),
        ..staged.clone()
    };
    assert_eq!(at(&stamped), (70, 70));
    let edited_too = ModelVersion {
        description: Clean::text("better"),
        ..stamped
    };
    assert_eq!(at(&edited_too), (60, 70));
    let clock_ahead = ModelVersion {
        updated: Millis(500),
        ..staged
    };
    assert_eq!(at(&clock_ahead), (60, 90));
}

#[test]
fn a_status_move_is_named_in_words() {
    let old = ModelVersion {
        status: VersionStatus::Pending,
        ..version("3")
    };
    let changes = version_changes(Some((&old, Millis(60))), (&version("3"), Millis(90)));
    assert_eq!(phrases(&changes), ["v3 status pending → ready"]);
}

#[test]
fn served_versions_compare_in_the_registrys_words() {
    let old = reading(Health::Ready, &[("13", Known::Reported)]);
    let same = reading(Health::Ready, &[("v13", Known::Reported)]);
    let new = reading(Health::Ready, &[("v14", Known::Reported)]);
    let from = Some((&old, Millis(1)));
    assert!(endpoint_changes(from, (&same, Millis(2)), version_word).is_empty());
    let changes = endpoint_changes(from, (&new, Millis(2)), version_word);
    assert_eq!(phrases(&changes), ["serves v13 → v14"]);
    assert_eq!(window(&changes[0]), (1, 2));
    assert!(matches!(&changes[0].subject, Subject::Deployment(key) if *key == old.key));
}

#[test]
fn a_version_change_across_a_silence_is_one_change() {
    let mut track = EndpointTrack::default();
    let mut look = |reading: EndpointReading, at| {
        let changes = track.look(&reading, Millis(at), version_word);
        let rows: Vec<_> = changes
            .iter()
            .map(|c| (c.phrase().to_string(), window(c)))
            .collect();
        rows
    };
    let v13 = [("13", Known::Reported)];
    let v14 = [("14", Known::Reported)];
    assert!(look(reading(Health::Ready, &v13), 10).is_empty());
    assert_eq!(
        look(reading(Health::Unreachable, &[]), 20),
        [("endpoint ready → unreachable".to_owned(), (10, 20))]
    );
    assert!(look(reading(Health::Unknown, &[]), 25).is_empty());
    assert_eq!(
        look(reading(Health::Ready, &v14), 30),
        [
            ("serves v13 → v14".to_owned(), (10, 30)),
            ("endpoint unreachable → ready".to_owned(), (20, 30))
        ]
    );
}

#[test]
fn a_look_that_shows_nothing_new_narrows_the_next_window() {
    let mut track = EndpointTrack::default();
    let ready = reading(Health::Ready, &[("13", Known::Reported)]);
    let silent = reading(Health::Unreachable, &[]);
    let back = reading(Health::Ready, &[("14", Known::Reported)]);
    track.look(&ready, Millis(10), version_word);
    track.unchanged(Millis(20));
    let down = track.look(&silent, Millis(30), version_word);
    assert_eq!(window(&down[0]), (20, 30));
    // Silence says nothing of the version: that was last seen at 20.
    track.unchanged(Millis(40));
    track.unchanged(Millis(35));
    let up = track.look(&back, Millis(50), version_word);
    assert_eq!(
        up.iter().map(window).collect::<Vec<_>>(),
        [(20, 50), (40, 50)]
    );
}

#[test]
fn a_better_way_of_knowing_is_not_a_change() {
    let old = reading(Health::Ready, &[("13", Known::Declared)]);
    let new = reading(Health::Ready, &[("14", Known::Reported)]);
    let changes = endpoint_changes(Some((&old, Millis(1))), (&new, Millis(2)), version_word);
    assert!(changes.is_empty());
}

#[test]
fn learning_the_registrys_word_for_a_version_is_not_a_change() {
    let one = |raw: &str| reading(Health::Ready, &[(raw, Known::Reported)]);
    let mut track = EndpointTrack::default();
    track.look(&one("kmkyt"), Millis(10), Key::clean);
    let learned = track.look(&one("kmkyt"), Millis(20), |_| Clean::name("v4"));
    assert_eq!(learned, []);
    let moved = track.look(&one("qpzab"), Millis(30), |_| Clean::name("v5"));
    assert_eq!((moved[0].from.as_str(), moved[0].to.as_str()), ("v4", "v5"));
}

#[test]
fn the_default_version_answers_where_the_server_has_one() {
    let both = [("13", Known::Reported), ("14", Known::Reported)];
    let at = |default: &str| EndpointReading {
        default_version: Some(Key::new(default)),
        ..reading(Health::Ready, &both)
    };
    let (old, new) = (at("13"), at("14"));
    let changes = endpoint_changes(Some((&old, Millis(1))), (&new, Millis(2)), version_word);
    assert_eq!(phrases(&changes), ["serves v13 → v14"]);
}

#[test]
fn a_run_ends_once_at_its_own_time() {
    let run = |status, ended: Option<i64>| Run {
        key: RunKey {
            tracker: registry(),
            id: Key::new("r1"),
        },
        experiment: ExperimentKey {
            tracker: registry(),
            id: Key::new("1"),
        },
        name: Clean::name("nightly"),
        user: Clean::empty(),
        status,
        started: Millis(0),
        ended: ended.map(Millis),
        deleted: false,
        artifacts: Clean::empty(),
        metrics: Arc::from([]),
        params: Arc::from([]),
        tags: Arc::from([]),
        datasets: Arc::from([]),
        outputs: Arc::from([]),
    };
    let live = run(RunStatus::Running, None);
    let failed = run(RunStatus::Failed, Some(15));
    let old = Some((&live, Millis(10)));
    let row = run_ended(old, (&failed, Millis(20)), &key()).expect("a row");
    assert_eq!(
        (row.phrase().as_str(), window(&row)),
        ("run nightly failed", (15, 15))
    );
    let late = run(RunStatus::Killed, Some(500));
    let row = run_ended(old, (&late, Millis(20)), &key()).expect("a row");
    assert_eq!(window(&row), (10, 20));
    assert_eq!(
        run_ended(Some((&failed, Millis(20))), (&failed, Millis(30)), &key()),
        None
    );
    assert_eq!(run_ended(None, (&failed, Millis(30)), &key()), None);
}

fn any_model() -> impl Strategy<Value = RegisteredModel> {
    prop::collection::btree_map("[a-c]", "[0-9]", 0..4).prop_map(|aliases| {
        let pairs: Vec<_> = aliases
            .iter()
            .map(|(a, v)| (a.as_str(), v.as_str()))
            .collect();
        model(&pairs)
    })
}

fn any_reading() -> impl Strategy<Value = EndpointReading> {
    let health = prop::sample::select(vec![
        Health::Ready,
        Health::NotReady,
        Health::Missing,
        Health::Unreachable,
        Health::Unknown,
    ]);
    let versions = prop::collection::vec("[0-3]", 0..3);
    (health, versions).prop_map(|(health, raw)| {
        let versions: Vec<_> = raw.iter().map(|v| (v.as_str(), Known::Reported)).collect();
        reading(health, &versions)
    })
}

fn any_version() -> impl Strategy<Value = ModelVersion> {
    let stage = prop::option::of("[AB]").prop_map(|s| s.map(|s| Clean::name(&s)));
    let status = prop::sample::select(vec![VersionStatus::Ready, VersionStatus::Pending]);
    (stage, status, 0..100_i64, "[xy]").prop_map(|(stage, status, updated, text)| ModelVersion {
        stage,
        status,
        updated: Millis(updated),
        description: Clean::text(&text),
        ..version("1")
    })
}

proptest! {
    #[test]
    fn equal_facts_never_change(m in any_model(), v in any_version(), e in any_reading()) {
        let (old, new) = (Millis(1), Millis(2));
        prop_assert!(model_changes(Some((&m, old)), (&m, new), no_version).is_empty());
        prop_assert!(version_changes(Some((&v, old)), (&v, new)).is_empty());
        prop_assert!(endpoint_changes(Some((&e, old)), (&e, new), version_word).is_empty());
    }

    #[test]
    fn windows_are_never_inverted_and_lie_between_the_looks(
        m in (any_model(), any_model()), v in (any_version(), any_version()),
        e in (any_reading(), any_reading()), old in 0..100_i64, new in 0..100_i64
    ) {
        let (a, b) = (Millis(old), Millis(new));
        let mut changes = model_changes(Some((&m.0, a)), (&m.1, b), no_version);
        changes.extend(version_changes(Some((&v.0, a)), (&v.1, b)));
        changes.extend(endpoint_changes(Some((&e.0, a)), (&e.1, b), version_word));
        prop_assert!(old < new || changes.is_empty());
        for change in changes {
            prop_assert!(change.not_before <= change.not_after);
            prop_assert!(a <= change.not_before && change.not_after <= b);
            prop_assert_ne!(&change.from, &change.to);
        }
    }

    #[test]
    fn backwards_is_the_same_with_from_and_to_exchanged(m in (any_model(), any_model())) {
        let pairs = |a: &RegisteredModel, b: &RegisteredModel| {
            let mut rows: Vec<_> = model_changes(Some((a, Millis(1))), (b, Millis(2)), no_version)
                .into_iter()
                .map(|c| (c.kind.thing().to_owned(), c.from, c.to))
                .collect();
            rows.sort();
            rows
        };
        let back: Vec<_> = pairs(&m.1, &m.0).into_iter().map(|(k, f, t)| (k, t, f)).collect();
        let mut back = back;
        back.sort();
        prop_assert_eq!(pairs(&m.0, &m.1), back);
    }
}
