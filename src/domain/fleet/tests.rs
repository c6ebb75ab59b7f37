//! The fleet as its users see it: facts in any order go in, views and changes come out.

#[path = "onset_tests.rs"]
mod onsets;
#[path = "outage_tests.rs"]
mod outages;

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::Fleet;
use crate::domain::action::Actor;
use crate::domain::change::ChangeKind;
use crate::domain::deployment::{EndpointReading, Health, Known, ServedState, ServedVersion};
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::fleet::triage::{self, TriageKey};
use crate::domain::fleet::view::ModelView;
use crate::domain::key::{DeploymentKind, Key, ModelKey, RegistryKey, SourceId, VersionKey};
use crate::domain::level::{Level, ReasonCode};
use crate::domain::model::{Alias, ModelVersion, Name, RegisteredModel, VersionStatus};
use crate::domain::observation::{
    ContextRef, Coverage, FactKey, Feed, Observation, PollReport, Rows, Scope,
};
use crate::domain::rules::freshness::Freshness;
use crate::domain::rules::skew::Skew;
use crate::domain::settings::{
    Context, DeploymentSettings, Follows, Rollout, SourceKind, SourceSettings,
};
use crate::domain::text::Clean;
use crate::domain::time::{Millis, Since};

mod returning;
mod slices;

const MINUTE: i64 = 60_000;

fn deployment() -> DeploymentSettings {
    DeploymentSettings {
        name: "fraud-eu".to_owned(),
        kind: DeploymentKind::V2,
        url: "http://serve.test".to_owned(),
        model: Some("fraud".to_owned()),
        served_name: None,
        follows: Follows::Default,
        environment: None,
        version_map: None,
        declared_version: None,
        hold: None,
        rollout: Rollout::None,
        hook: None,
    }
}

fn context() -> Context {
    let mlflow = SourceSettings::new("mlflow", SourceKind::Mlflow, "http://ml.test");
    let serving = SourceSettings::new(
        "fraud-eu",
        SourceKind::Serving(DeploymentKind::V2),
        "http://serve.test",
    );
    Context {
        name: Clean::name("test"),
        sources: vec![mlflow, serving],
        deployments: vec![deployment()],
        ..Context::default()
    }
}

fn reference() -> Arc<ContextRef> {
    Arc::new(ContextRef {
        name: Clean::name("test"),
        generation: 0,
    })
}

fn fleet() -> Fleet {
    Fleet::new(reference(), Arc::new(context()))
}

fn key() -> ModelKey {
    let base = Key::new("http://ml.test");
    ModelKey {
        registry: Arc::new(RegistryKey {
            base,
            workspace: Key::new(""),
        }),
        name: Key::new("fraud"),
        created: Millis(1),
    }
}

fn model(champion: &str) -> RegisteredModel {
    RegisteredModel {
        key: key(),
        name: Clean::name("fraud"),
        updated: Millis(1),
        description: Clean::empty(),
        tags: Arc::from([]),
        aliases: Arc::from([Alias {
            name: Name::new("champion"),
            version: Key::new(champion),
        }]),
    }
}

fn version(number: u64) -> ModelVersion {
    ModelVersion {
        key: VersionKey {
            model: key(),
            version: Key::new(&number.to_string()),
        },
        version: Clean::name(&number.to_string()),
        created: Millis(i64::try_from(number).expect("small") * 10),
        updated: Millis(1),
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

fn endpoint(answers: &str) -> EndpointReading {
    EndpointReading {
        key: deployment().key(),
        name: Clean::name("fraud-eu"),
        health: Health::Ready,
        message: Clean::empty(),
        versions: vec![ServedVersion {
            version: Key::new(answers),
            known: Known::Reported,
            state: ServedState::Answering,
            message: Clean::empty(),
        }],
        default_version: None,
        server: Clean::name("mlserver 1.7.1"),
        latency: Some(Duration::from_millis(2)),
        versions_unread: Clean::empty(),
        versions_at: None,
    }
}

fn observation(source: &str, feed: Feed, at: i64, rows: Rows, coverage: Coverage) -> Observation {
    Observation {
        context: reference(),
        source: SourceId::new(source),
        feed,
        asked_at: Millis(at),
        server_time: None,
        coverage,
        upserts: rows,
        gone: Vec::new(),
    }
}

fn models(at: i64, champion: &str) -> Observation {
    let rows = Rows::Models(vec![model(champion)]);
    observation(
        "mlflow",
        Feed::Models,
        at,
        rows,
        Coverage::Full(Scope::Models),
    )
}

fn versions(at: i64, numbers: &[u64]) -> Observation {
    let rows = Rows::Versions(numbers.iter().map(|n| version(*n)).collect());
    observation(
        "mlflow",
        Feed::Versions,
        at,
        rows,
        Coverage::Full(Scope::Versions),
    )
}

fn answers(at: i64, word: &str) -> Observation {
    let rows = Rows::Endpoints(vec![endpoint(word)]);
    observation(
        "fraud-eu",
        Feed::Endpoint,
        at,
        rows,
        Coverage::Full(Scope::Endpoints),
    )
}

fn polled(source: &str, feed: Feed, at: i64, fault: Option<FaultKind>) -> PollReport {
    PollReport {
        partial: None,
        context: reference(),
        source: SourceId::new(source),
        feed,
        asked_at: Millis(at),
        took_ms: 5,
        clock_skew_ms: None,
        fault: fault.map(|kind| Fault::new(kind, "GET http://serve.test", "connection refused")),
        next_at: Millis(at + 10_000),
    }
}

/// A fleet that has seen everything once and in which all is well.
fn settled() -> Fleet {
    let mut fleet = fleet();
    for (observation, at) in [
        (models(0, "13"), 0),
        (versions(0, &[12, 13, 14]), 0),
        (answers(0, "13"), 0),
    ] {
        fleet.merge(observation, Millis(at));
    }
    for (source, feed) in [
        ("mlflow", Feed::Models),
        ("mlflow", Feed::Versions),
        ("fraud-eu", Feed::Endpoint),
    ] {
        fleet.record(&polled(source, feed, 0, None), Millis(0));
    }
    fleet
}

#[test]
fn a_slow_endpoint_is_slow_since_the_first_slow_look() {
    let slow = |at: i64, ms: u64| {
        let mut reading = endpoint("13");
        reading.latency = Some(Duration::from_millis(ms));
        let rows = Rows::Endpoints(vec![reading]);
        observation("fraud-eu", Feed::Endpoint, at, rows, Coverage::Partial)
    };
    let since = |fleet: &Fleet| {
        let view = fleet.deployments().next().expect("the endpoint");
        let found = view
            .verdict
            .reasons
            .iter()
            .find(|r| r.code == ReasonCode::EndpointSlow);
        found.map(|r| r.since)
    };
    let mut fleet = settled();
    assert_eq!(since(&fleet), None);
    for at in [1, 2] {
        fleet.merge(slow(at * 10_000, 60_000), Millis(at * 10_000));
        assert_eq!(since(&fleet), Some(Since::Exact(Millis(10_000))));
    }
    fleet.merge(slow(30_000, 2), Millis(30_000));
    assert_eq!(since(&fleet), None);
    // One that was slow at the first look may have been so for long.
    let mut fleet = self::fleet();
    fleet.merge(models(0, "13"), Millis(0));
    fleet.merge(slow(0, 60_000), Millis(0));
    assert_eq!(since(&fleet), Some(Since::AtLeast(Millis(0))));
}

#[test]
fn an_endpoint_is_slow_after_two_polls_and_fast_again_after_three() {
    let read = |fleet: &mut Fleet, poll: i64, now: i64, ms: u64| {
        let mut reading = endpoint("13");
        reading.latency = Some(Duration::from_millis(ms));
        let rows = Rows::Endpoints(vec![reading]);
        let told = observation("fraud-eu", Feed::Endpoint, poll, rows, Coverage::Partial);
        fleet.merge(told, Millis(now));
    };
    let complete = |fleet: &mut Fleet, poll: i64| {
        let report = polled("fraud-eu", Feed::Endpoint, poll, None);
        fleet.record(&report, Millis(poll));
        fleet.models().next().map(ModelView::level)
    };
    let mut fleet = settled();
    fleet.take_observed();
    let level = |fleet: &Fleet| fleet.models().next().map(ModelView::level);
    assert_eq!(level(&fleet), Some(Level::Ok));
    // Many messages of one poll, and polls of the registry, are no second look.
    for n in 0..6_u32 {
        read(
            &mut fleet,
            10_000,
            10_000 + i64::from(n),
            60_000 + u64::from(n),
        );
        fleet.merge(models(10_000, "13"), Millis(10_000 + i64::from(n)));
        assert_eq!(level(&fleet), Some(Level::Ok));
    }
    assert_eq!(complete(&mut fleet, 10_000), Some(Level::Ok));
    assert_eq!(complete(&mut fleet, 10_000), Some(Level::Ok));
    // An answer that is the same as before brings no row, and is a look all the same.
    assert_eq!(complete(&mut fleet, 20_000), Some(Level::Warn));
    read(&mut fleet, 30_000, 30_000, 2);
    assert_eq!(complete(&mut fleet, 30_000), Some(Level::Warn));
    assert_eq!(complete(&mut fleet, 40_000), Some(Level::Warn));
    assert_eq!(complete(&mut fleet, 50_000), Some(Level::Ok));
    let moves = fleet.take_observed();
    let moves: Vec<_> = moves
        .iter()
        .filter(|c| c.kind == ChangeKind::Level)
        .map(|c| (c.to.as_str(), c.not_after))
        .collect();
    assert_eq!(moves, [("warn", Millis(20_000)), ("ok", Millis(50_000))]);
}

fn keep_live(fleet: &mut Fleet, at: i64) {
    for (source, feed) in [
        ("mlflow", Feed::Models),
        ("mlflow", Feed::Versions),
        ("fraud-eu", Feed::Endpoint),
    ] {
        fleet.record(&polled(source, feed, at, None), Millis(at));
    }
}

#[test]
fn a_calm_fleet_is_ok_and_first_sights_are_no_changes() {
    let mut fleet = settled();
    let view = fleet.model(&key()).expect("the model is known");
    assert_eq!((view.level(), view.skew), (Level::Ok, Some(Skew::InSync)));
    assert_eq!(
        view.champion.as_ref().map(|c| c.text.to_string()),
        Some("v13".to_owned())
    );
    assert_eq!(view.served, "v13");
    assert!(fleet.take_observed().is_empty());
    assert!(triage::rows(&fleet, Millis(0)).is_empty());
}

#[test]
fn an_alias_move_that_serving_does_not_follow_ends_as_critical() {
    let mut fleet = settled();
    fleet.merge(models(MINUTE, "14"), Millis(MINUTE));
    let changes = fleet.take_observed();
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].phrase(), "champion v13 → v14");
    assert_eq!(
        (changes[0].not_before, changes[0].not_after),
        (Millis(0), Millis(MINUTE))
    );
    keep_live(&mut fleet, MINUTE);
    let view = fleet.model(&key()).expect("known");
    assert_eq!(
        (view.level(), view.skew),
        (Level::Info, Some(Skew::RollingOut))
    );
    assert_eq!(
        view.champion.as_ref().map(|c| c.since),
        Some(Since::Exact(Millis(MINUTE)))
    );

    // Past the grace, with no new fact at all: time alone makes it critical.
    let late = 12 * MINUTE;
    keep_live(&mut fleet, late);
    fleet.tick(Millis(late));
    let view = fleet.model(&key()).expect("known");
    assert_eq!((view.level(), view.skew), (Level::Crit, Some(Skew::Behind)));
    let row = &triage::rows(&fleet, Millis(late))[0];
    assert_eq!(row.verdict.reasons[0].text, "fraud-eu answers v13, not v14");
    assert_eq!(row.since, Since::Exact(Millis(MINUTE)));
    let cause = fleet
        .model(&key())
        .and_then(|m| m.last_change.clone())
        .expect("a cause");
    assert_eq!(
        cause.phrase(),
        "champion v13 → v14",
        "not the level that followed from it"
    );
    let levels = fleet.take_observed();
    assert!(
        levels
            .iter()
            .any(|c| c.kind == ChangeKind::Level && c.to == "crit"),
        "{levels:?}"
    );
}

#[test]
fn serving_that_goes_back_by_itself_is_seen_with_its_window() {
    let mut fleet = settled();
    keep_live(&mut fleet, MINUTE);
    fleet.merge(answers(2 * MINUTE, "12"), Millis(2 * MINUTE));
    let changes = fleet.take_observed();
    let served = changes
        .iter()
        .find(|c| c.kind == ChangeKind::Served)
        .expect("a served change");
    assert_eq!(served.phrase(), "serves v13 → v12");
    assert_eq!(
        (served.not_before, served.not_after),
        (Millis(MINUTE), Millis(2 * MINUTE))
    );
    let view = fleet.model(&key()).expect("known");
    assert_eq!((view.level(), view.skew), (Level::Crit, Some(Skew::Behind)));
}

#[test]
fn a_dead_registry_makes_its_models_unknown_and_shares_one_row() {
    let mut fleet = settled();
    for at in [1, 2, 3] {
        for feed in [Feed::Models, Feed::Versions] {
            let report = polled("mlflow", feed, at * 10_000, Some(FaultKind::Unreachable));
            fleet.record(&report, Millis(at * 10_000));
        }
        fleet.record(
            &polled("fraud-eu", Feed::Endpoint, at * 10_000, None),
            Millis(at * 10_000),
        );
    }
    assert_eq!(
        fleet.source_freshness(&SourceId::new("mlflow")),
        Freshness::Down
    );
    assert_eq!(
        fleet.model(&key()).map(ModelView::level),
        Some(Level::Unknown)
    );
    let rows = triage::rows(&fleet, Millis(30_000));
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].key, TriageKey::Source(SourceId::new("mlflow")));
    assert!(
        rows[0].verdict.reasons[0]
            .text
            .as_str()
            .contains("1 models last read"),
        "{rows:?}"
    );
    assert_eq!(triage::worst(&fleet), Level::Unknown);
}

#[test]
fn an_endpoint_that_does_not_answer_is_one_finding() {
    let mut fleet = settled();
    for at in [1, 2, 3] {
        keep_live(&mut fleet, at * 10_000);
        let report = polled(
            "fraud-eu",
            Feed::Endpoint,
            at * 10_000 + 1,
            Some(FaultKind::Unreachable),
        );
        fleet.record(&report, Millis(at * 10_000 + 1));
    }
    for at in [4, 5] {
        let report = polled(
            "fraud-eu",
            Feed::Endpoint,
            at * 10_000,
            Some(FaultKind::Unreachable),
        );
        fleet.record(&report, Millis(at * 10_000));
    }
    let view = fleet.model(&key()).expect("known");
    let crit: Vec<_> = view
        .verdict
        .reasons
        .iter()
        .filter(|r| r.level == Level::Crit)
        .collect();
    assert_eq!(crit.len(), 1, "{:?}", view.verdict.reasons);
    assert_eq!(crit[0].code, ReasonCode::EndpointUnready);
}

#[test]
fn who_acts_on_a_model_is_whom_its_own_registry_takes_us_for() {
    let mut settings = context();
    let other = SourceSettings::new("lab", SourceKind::Mlflow, "http://lab.test");
    settings.sources.insert(0, other);
    let mut fleet = Fleet::new(reference(), Arc::new(settings));
    fleet.merge(models(0, "14"), Millis(0));
    let here = Actor {
        user: Clean::name("root"),
        ..Actor::default()
    };
    let (lab, mlflow) = (SourceId::new("lab"), SourceId::new("mlflow"));
    let names = |fleet: &Fleet| {
        let name = |model| fleet.acting(&here, model).name().to_string();
        [name(Some(&key())), name(None)]
    };
    let nobody = here.name().to_string();
    assert_eq!(names(&fleet), [nobody.clone(), nobody.clone()]);
    fleet.set_account(&lab, Some(Clean::name("guest")));
    assert_eq!(names(&fleet), [nobody.clone(), "guest".to_owned()]);
    fleet.set_account(&mlflow, Some(Clean::name("ana")));
    assert_eq!(names(&fleet), ["ana", "guest"]);
    fleet.set_account(&lab, None);
    assert_eq!(names(&fleet), ["ana", "ana"]);
}

#[test]
fn absence_counts_only_under_full_coverage() {
    let mut fleet = settled();
    let partial = Observation {
        gone: Vec::new(),
        ..models(MINUTE, "13")
    };
    fleet.merge(
        Observation {
            upserts: Rows::Models(Vec::new()),
            ..partial
        },
        Millis(MINUTE),
    );
    assert!(
        fleet.model(&key()).is_some(),
        "an empty partial answer removes nothing"
    );
    let gone = Observation {
        upserts: Rows::Models(Vec::new()),
        gone: vec![FactKey::Model(key())],
        ..models(2 * MINUTE, "13")
    };
    fleet.merge(gone, Millis(2 * MINUTE));
    assert!(fleet.model(&key()).is_none());
    assert!(
        fleet
            .take_observed()
            .iter()
            .any(|c| c.kind == ChangeKind::ModelGone)
    );
    fleet.merge(models(MINUTE, "13"), Millis(3 * MINUTE));
    assert!(
        fleet.model(&key()).is_none(),
        "an older answer does not bring it back"
    );
}

#[test]
fn what_another_context_sends_is_dropped() {
    let mut fleet = settled();
    let other = Arc::new(ContextRef {
        name: Clean::name("test"),
        generation: 1,
    });
    let late = Observation {
        context: other,
        ..models(MINUTE, "14")
    };
    assert!(!fleet.merge(late, Millis(MINUTE)));
}

#[test]
fn the_last_known_state_is_no_change_and_not_live() {
    let mut before = settled();
    before.record(
        &polled("mlflow", Feed::Models, MINUTE, None),
        Millis(MINUTE),
    );
    let last = before.last_known(Millis(MINUTE), Vec::new());
    let mut fleet = fleet();
    fleet.absorb(last, Millis(10 * MINUTE));
    // What had not changed for a minute was read a minute later all the same, and stays so when
    // nothing answers this time.
    let read = |fleet: &Fleet| fleet.model(&key()).and_then(|m| m.read_at);
    assert_eq!(read(&fleet), Some(Millis(MINUTE)));
    let fault = Some(FaultKind::Unreachable);
    fleet.record(
        &polled("mlflow", Feed::Models, 11 * MINUTE, fault),
        Millis(11 * MINUTE),
    );
    let again = fleet.last_known(Millis(12 * MINUTE), Vec::new());
    let answered = again
        .sources
        .iter()
        .find(|s| s.source == SourceId::new("mlflow"));
    assert_eq!(answered.and_then(|s| s.answered_at), Some(Millis(MINUTE)));
    let mut fleet = self::fleet();
    fleet.absorb(again, Millis(13 * MINUTE));
    assert_eq!(read(&fleet), Some(Millis(MINUTE)));
    assert!(fleet.take_observed().is_empty());
    assert_eq!(
        fleet.model(&key()).map(|m| m.served.to_string()),
        Some("v13".to_owned())
    );
    assert_eq!(
        fleet.source_freshness(&SourceId::new("mlflow")),
        Freshness::Waiting
    );
    // The first live look finds what moved while nobody watched.
    fleet.merge(models(14 * MINUTE, "14"), Millis(14 * MINUTE));
    let changes = fleet.take_observed();
    assert_eq!(changes[0].phrase(), "champion v13 → v14");
    assert_eq!(changes[0].not_before, Millis(0));
}

#[test]
fn the_champion_before_comes_from_the_timeline_never_from_arithmetic() {
    let mut fleet = settled();
    fleet.merge(models(MINUTE, "14"), Millis(MINUTE));
    let line = fleet.model_timeline(&key());
    assert_eq!(line.len(), 1);
    assert_eq!((line[0].from.as_str(), line[0].to.as_str()), ("v13", "v14"));
}

fn any_observation() -> impl Strategy<Value = Observation> {
    let at = 1_i64..50;
    prop_oneof![
        (at.clone(), 12_u64..15).prop_map(|(at, n)| models(at, &n.to_string())),
        (at.clone(), proptest::collection::vec(12_u64..15, 1..3))
            .prop_map(|(at, numbers)| versions(at, &numbers)),
        (at.clone(), 12_u64..15).prop_map(|(at, n)| answers(at, &n.to_string())),
        at.prop_map(|at| Observation {
            upserts: Rows::Models(Vec::new()),
            gone: vec![FactKey::Model(key())],
            ..models(at, "13")
        }),
    ]
}

proptest! {
    #[test]
    fn any_order_of_messages_gives_the_same_facts(
        all in proptest::collection::vec(any_observation(), 1..12),
        seed in 0_u64..1_000,
    ) {
        // Two answers of one feed at one instant cannot exist: keep the first.
        let mut seen = std::collections::HashSet::new();
        let all: Vec<_> =
            all.into_iter().filter(|o| seen.insert((o.feed, o.asked_at))).collect();
        let mut shuffled = all.clone();
        let mut rng = fastrand::Rng::with_seed(seed);
        rng.shuffle(&mut shuffled);
        let run = |observations: Vec<Observation>| {
            let mut fleet = fleet();
            for o in observations {
                fleet.merge(o, Millis(100));
            }
            let known = fleet.last_known(Millis(0), Vec::new());
            let served = fleet.model(&key()).map(|m| m.served.clone());
            (known.models, known.versions, known.endpoints, served)
        };
        prop_assert_eq!(run(all), run(shuffled));
    }
}

mod versions;
