use std::sync::Arc;
use std::time::Duration;

use super::super::Fleet;
use crate::domain::alert::{Alert, AlertKey, AlertState};
use crate::domain::deployment::{EndpointReading, Health};
use crate::domain::key::{
    DeploymentKey, DeploymentKind, ExperimentKey, Key, ModelKey, RegistryKey, SourceId, VersionKey,
};
use crate::domain::last_known::LastKnown;
use crate::domain::level::Level;
use crate::domain::model::{ModelVersion, RegisteredModel, VersionStatus};
use crate::domain::observation::{
    ContextRef, Coverage, Feed, Observation, PollReport, Rows, Scope,
};
use crate::domain::run::Experiment;
use crate::domain::settings::{Context, SourceKind, SourceSettings};
use crate::domain::signal::{Measure, Measured, SignalKey, SignalReading, SignalSeries, State};
use crate::domain::text::Clean;
use crate::domain::time::Millis;

const HOUR: i64 = 3_600_000;

fn context() -> Arc<ContextRef> {
    Arc::new(ContextRef {
        name: Clean::name("test"),
        generation: 1,
    })
}

fn fleet(sources: &[(&str, SourceKind)]) -> Fleet {
    let sources = sources
        .iter()
        .map(|(name, kind)| SourceSettings::new(name, *kind, "http://s.test"))
        .collect();
    let settings = Context {
        sources,
        ..Context::default()
    };
    Fleet::new(context(), Arc::new(settings))
}

const BOTH: [(&str, SourceKind); 2] = [
    ("mlflow", SourceKind::Mlflow),
    ("prom", SourceKind::Prometheus),
];

fn told(source: &str, feed: Feed, at: i64, upserts: Rows, scope: Scope) -> Observation {
    Observation {
        context: context(),
        source: SourceId::new(source),
        feed,
        asked_at: Millis(at),
        server_time: None,
        coverage: Coverage::Full(scope),
        upserts,
        gone: Vec::new(),
    }
}

fn key() -> ModelKey {
    ModelKey {
        registry: Arc::new(RegistryKey {
            base: Key::new("http://ml.test"),
            workspace: Key::new(""),
        }),
        name: Key::new("churn"),
        created: Millis(1),
    }
}

fn signal(measure: Measure) -> SignalKey {
    SignalKey {
        model: Key::new("churn"),
        measure,
        part: Key::new(""),
        method: Key::new(""),
        version: Key::new(""),
        source: SourceId::new("prom"),
    }
}

fn reading(measure: Measure, value: f64) -> SignalReading {
    SignalReading::new(signal(measure), Measured::of(value))
}

fn readings(at: i64, rows: Vec<SignalReading>) -> Observation {
    told(
        "prom",
        Feed::Signals,
        at,
        Rows::Signals(rows),
        Scope::Signals,
    )
}

fn alert(fingerprint: &str) -> Alert {
    Alert {
        key: AlertKey {
            source: SourceId::new("prom"),
            fingerprint: Key::new(fingerprint),
        },
        name: Clean::name(fingerprint),
        model: Some(Key::new("churn")),
        version: None,
        severity: Clean::name("page"),
        level: Level::Crit,
        state: AlertState::Firing,
        since: Millis(0),
        summary: Clean::empty(),
        runbook: None,
        dashboard: None,
        labels: Arc::default(),
        value: None,
        rule: None,
        silences: Arc::default(),
        group: Clean::empty(),
    }
}

fn alerts(at: i64, names: &[&str]) -> Observation {
    let rows = names.iter().map(|name| alert(name)).collect();
    told("prom", Feed::Alerts, at, Rows::Alerts(rows), Scope::Alerts)
}

/// A fleet that has read two signals, a course and two alerts at noon, as it was saved.
fn saved() -> LastKnown {
    let mut fleet = fleet(&BOTH);
    let model = RegisteredModel {
        key: key(),
        name: Clean::name("churn"),
        description: Clean::empty(),
        updated: Millis(1),
        aliases: Arc::default(),
        tags: Arc::default(),
    };
    let course = SignalSeries {
        key: signal(Measure::ErrorRatio),
        start: Millis(0),
        step: Duration::from_secs(60),
        times: None,
        earlier: None,
        values: Arc::from([0.0, 0.05]),
    };
    let at = Millis(HOUR);
    let models = Rows::Models(vec![model]);
    fleet.merge(
        told("mlflow", Feed::Models, HOUR, models, Scope::Models),
        at,
    );
    let both = vec![
        reading(Measure::ErrorRatio, 0.05),
        reading(Measure::Requests, 9.0),
    ];
    fleet.merge(readings(HOUR, both), at);
    let series = Rows::Series(vec![course]);
    fleet.merge(
        told("prom", Feed::SignalHistory, HOUR, series, Scope::Series),
        at,
    );
    fleet.merge(alerts(HOUR, &["ended", "still"]), at);
    for (source, feed) in [("mlflow", Feed::Models), ("prom", Feed::Signals)] {
        fleet.record(
            &PollReport {
                partial: None,
                context: context(),
                source: SourceId::new(source),
                feed,
                asked_at: at,
                took_ms: 1,
                clock_skew_ms: None,
                fault: None,
                next_at: at,
            },
            at,
        );
    }
    fleet.last_known(at, Vec::new())
}

/// A registry's whole state and an endpoint's answer, as they were read at a time.
fn registry(
    at: i64,
    names: &[&str],
    versions: &[(&str, u64)],
    experiments: &[&str],
) -> [Observation; 3] {
    let model = |name: &&str| RegisteredModel {
        key: named(name),
        name: Clean::name(name),
        description: Clean::empty(),
        updated: Millis(1),
        aliases: Arc::default(),
        tags: Arc::default(),
    };
    let version = |(name, number): &(&str, u64)| ModelVersion {
        key: VersionKey {
            model: named(name),
            version: Key::new(&number.to_string()),
        },
        version: Clean::name(&number.to_string()),
        created: Millis(1),
        updated: Millis(1),
        stage: None,
        description: Clean::empty(),
        source: Clean::empty(),
        run: None,
        logged_model: None,
        status: VersionStatus::Ready,
        status_message: Clean::empty(),
        tags: Arc::default(),
    };
    let experiment = |id: &&str| Experiment {
        key: ExperimentKey {
            tracker: key().registry,
            id: Key::new(id),
        },
        name: Clean::name(id),
        created: Millis(1),
        updated: Millis(1),
        tags: Arc::default(),
    };
    let models = Rows::Models(names.iter().map(model).collect());
    let versions = Rows::Versions(versions.iter().map(version).collect());
    let experiments = Rows::Experiments(experiments.iter().map(experiment).collect());
    [
        told("mlflow", Feed::Models, at, models, Scope::Models),
        told("mlflow", Feed::Versions, at, versions, Scope::Versions),
        told(
            "mlflow",
            Feed::Experiments,
            at,
            experiments,
            Scope::Experiments,
        ),
    ]
}

fn named(name: &str) -> ModelKey {
    ModelKey {
        name: Key::new(name),
        ..key()
    }
}

fn endpoints(at: i64, names: &[&str]) -> Observation {
    let reading = |name: &&str| EndpointReading {
        key: DeploymentKey {
            kind: DeploymentKind::V2,
            base: Key::new("http://serve.test"),
            scope: Key::new(""),
            name: Key::new(name),
        },
        name: Clean::name(name),
        server: Clean::empty(),
        health: Health::Ready,
        message: Clean::empty(),
        versions: Vec::new(),
        default_version: None,
        versions_unread: Clean::empty(),
        versions_at: None,
        latency: None,
    };
    let rows = Rows::Endpoints(names.iter().map(reading).collect());
    told("serve", Feed::Endpoint, at, rows, Scope::Endpoints)
}

const REGISTRY: [(&str, SourceKind); 2] = [
    ("mlflow", SourceKind::Mlflow),
    ("serve", SourceKind::Serving(DeploymentKind::V2)),
];

/// Two models with versions, two experiments and two endpoints, as they were saved.
fn saved_registry() -> LastKnown {
    let mut fleet = fleet(&REGISTRY);
    let versions = [("churn", 1), ("churn", 2), ("gone", 1)];
    for observation in registry(HOUR, &["churn", "gone"], &versions, &["1", "2"]) {
        fleet.merge(observation, Millis(HOUR));
    }
    fleet.merge(endpoints(HOUR, &["churn", "gone"]), Millis(HOUR));
    fleet.last_known(Millis(HOUR), Vec::new())
}

/// How many models, versions of `churn` and of `gone`, experiments and endpoints are held.
fn counts(fleet: &Fleet) -> [usize; 5] {
    [
        fleet.models().len(),
        fleet.versions(&key()).len(),
        fleet.versions(&named("gone")).len(),
        fleet.experiments().len(),
        fleet.endpoints.len(),
    ]
}

#[test]
fn what_a_registry_deleted_while_nobody_watched_goes_with_its_first_complete_answers() {
    let at = 5 * HOUR;
    let mut fleet = fleet(&REGISTRY);
    fleet.absorb(saved_registry(), Millis(at));
    assert_eq!(counts(&fleet), [2, 2, 1, 2, 2]);
    let [models, versions, experiments] = registry(at, &["churn"], &[("churn", 2)], &["2"]);
    // What was read before the whole is, stays: it is newer than what was recalled.
    let late = Observation {
        coverage: Coverage::Partial,
        ..registry(at - 1, &["late"], &[], &[])[0].clone()
    };
    fleet.merge(late, Millis(at));
    let part = Observation {
        coverage: Coverage::Partial,
        ..models.clone()
    };
    fleet.merge(part, Millis(at));
    assert_eq!(counts(&fleet), [3, 2, 1, 2, 2], "a part sweeps nothing");
    fleet.merge(models, Millis(at));
    assert_eq!(
        counts(&fleet),
        [2, 2, 1, 2, 2],
        "each answer sweeps its own"
    );
    fleet.merge(versions, Millis(at));
    fleet.merge(experiments, Millis(at));
    fleet.merge(endpoints(at, &["churn"]), Millis(at));
    assert_eq!(counts(&fleet), [2, 1, 0, 1, 1]);
    // An unchanged answer brings no rows, and takes nothing away.
    for observation in registry(at + 1, &[], &[], &[]) {
        fleet.merge(observation, Millis(at + 1));
    }
    fleet.merge(endpoints(at + 1, &[]), Millis(at + 1));
    assert_eq!(counts(&fleet), [2, 1, 0, 1, 1]);
}

#[test]
fn one_models_versions_confirm_nothing_of_the_others() {
    let at = 5 * HOUR;
    let mut fleet = fleet(&REGISTRY);
    fleet.absorb(saved_registry(), Millis(at));
    let [_, versions, _] = registry(at, &[], &[("churn", 2)], &[]);
    let narrow = Observation {
        coverage: Coverage::Full(Scope::VersionsOf(key())),
        ..versions
    };
    fleet.merge(narrow, Millis(at));
    assert_eq!(counts(&fleet), [2, 1, 1, 2, 2]);
}

#[test]
fn a_registry_as_it_was_is_left_out_after_the_sweep_or_without_its_source() {
    let at = 5 * HOUR;
    let mut late = fleet(&REGISTRY);
    for observation in registry(at, &["churn"], &[("churn", 2)], &[]) {
        late.merge(observation, Millis(at));
    }
    late.absorb(saved_registry(), Millis(at));
    assert_eq!(counts(&late), [1, 1, 0, 0, 2]);
    let mut fewer = fleet(&REGISTRY[1..]);
    fewer.absorb(saved_registry(), Millis(at));
    assert_eq!(counts(&fewer), [0, 0, 0, 0, 2]);
}

fn names(fleet: &Fleet) -> Vec<&str> {
    fleet.alerts().map(|h| h.fact.name.as_str()).collect()
}

#[test]
fn what_was_known_is_shown_with_its_age_and_is_no_change() {
    let now = Millis(5 * HOUR);
    let mut fleet = fleet(&BOTH);
    fleet.absorb(saved(), now);
    assert_eq!(fleet.readings(&key()).len(), 2);
    assert_eq!(fleet.readings(&key())[0].asked_at, Millis(HOUR));
    assert_eq!(fleet.courses(&key()).len(), 1);
    assert_eq!(names(&fleet), ["ended", "still"]);
    let gauges = fleet.gauges(&key(), now);
    assert!(gauges.iter().all(|g| g.state == State::Stale), "{gauges:?}");
    assert_eq!(fleet.gauge_at(&gauges[0]), Some(Millis(HOUR)));
    let view = fleet.model(&key()).expect("the model");
    let found: Vec<_> = view.verdict.reasons.iter().map(|r| r.level).collect();
    assert!(!found.contains(&Level::Crit), "old news is not trouble now");
    assert!(found.contains(&Level::Unknown), "{found:?}");
    assert!(fleet.take_observed().is_empty());
}

#[test]
fn the_first_complete_answer_sweeps_what_it_does_not_hold() {
    let mut fleet = fleet(&BOTH);
    fleet.absorb(saved(), Millis(5 * HOUR));
    let at = 5 * HOUR + 1;
    // A message of several parts sweeps with its last one.
    let first = Observation {
        coverage: Coverage::Partial,
        ..readings(at, vec![reading(Measure::ErrorRatio, 0.05)])
    };
    fleet.merge(first, Millis(at));
    assert_eq!(fleet.readings(&key()).len(), 2);
    fleet.merge(readings(at, Vec::new()), Millis(at));
    let left: Vec<_> = fleet
        .readings(&key())
        .iter()
        .map(|h| h.fact.key.measure)
        .collect();
    assert_eq!(left, [Measure::ErrorRatio]);
    assert_eq!(
        names(&fleet),
        ["ended", "still"],
        "its alerts are another answer"
    );
    fleet.merge(alerts(at, &["still"]), Millis(at));
    assert_eq!(names(&fleet), ["still"]);
    // Once swept, an answer that is unchanged brings no rows and takes none away.
    fleet.merge(readings(at + 1, Vec::new()), Millis(at + 1));
    assert_eq!(fleet.readings(&key()).len(), 1);
}

#[test]
fn what_comes_after_the_sweep_or_from_no_source_is_left_out() {
    let now = Millis(5 * HOUR);
    let mut late = fleet(&BOTH);
    late.merge(readings(5 * HOUR, Vec::new()), now);
    late.absorb(saved(), now);
    assert_eq!(late.readings(&key()).len(), 0);
    assert_eq!(late.courses(&key()).len(), 1, "courses were not swept");
    let mut fewer = fleet(&BOTH[..1]);
    fewer.absorb(saved(), now);
    assert_eq!(fewer.readings(&key()).len(), 0);
    assert_eq!(fewer.alerts().len(), 0);
}

#[test]
fn whoever_reads_anew_takes_out_what_it_no_longer_finds() {
    let mut fleet = fleet(&[REGISTRY[0], REGISTRY[1], BOTH[1]]);
    let look = |fleet: &mut Fleet, at: i64, names: &[&str], versions: &[(&str, u64)], ids| {
        for observation in registry(at, names, versions, ids) {
            fleet.merge(observation, Millis(at));
        }
        fleet.merge(endpoints(at, names), Millis(at));
        fleet.merge(alerts(at, names), Millis(at));
    };
    let anew = |fleet: &mut Fleet, at: i64| {
        for source in ["mlflow", "serve", "prom", "nobody"] {
            fleet.read_anew(&SourceId::new(source), Millis(at));
        }
    };
    let all = [("churn", 1), ("churn", 2), ("gone", 1)];
    look(&mut fleet, HOUR, &["churn", "gone"], &all, &["1", "2"]);
    let both = [2, 2, 1, 2, 2];
    // A second look within the same millisecond finds all of it again.
    anew(&mut fleet, HOUR);
    look(&mut fleet, HOUR, &["churn", "gone"], &all, &["1", "2"]);
    assert_eq!((counts(&fleet), names(&fleet).len()), (both, 2));
    // What is only told as changed takes nothing out, as long as nobody begins anew.
    look(&mut fleet, HOUR + 1, &[], &[], &[]);
    assert_eq!((counts(&fleet), names(&fleet).len()), (both, 2));
    anew(&mut fleet, 2 * HOUR);
    assert_eq!((counts(&fleet), names(&fleet).len()), (both, 2));
    look(&mut fleet, 2 * HOUR, &["churn"], &[("churn", 2)], &["2"]);
    assert_eq!(counts(&fleet), [1, 1, 0, 1, 1]);
    assert_eq!(names(&fleet), ["churn"]);
    // From then on it says itself what is gone.
    look(&mut fleet, 3 * HOUR, &[], &[], &[]);
    assert_eq!(counts(&fleet), [1, 1, 0, 1, 1]);
}
