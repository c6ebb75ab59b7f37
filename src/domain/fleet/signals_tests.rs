use std::sync::Arc;

use super::super::Fleet;
use crate::domain::alert::{Alert, AlertKey, AlertRule, AlertState};
use crate::domain::annotation::{Annotation, AnnotationKey};
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::fleet::view::ModelSignals;
use crate::domain::key::{Key, ModelKey, RegistryKey, SourceId};
use crate::domain::last_known::Held;
use crate::domain::level::{Level, Reason, ReasonCode};
use crate::domain::model::RegisteredModel;
use crate::domain::observation::{
    ContextRef, Coverage, FactKey, Feed, Observation, PollReport, Rows, Scope,
};
use crate::domain::settings::{Context, SourceKind, SourceSettings};
use crate::domain::signal::{Lines, Measure, Measured, SignalKey, SignalReading, State};
use crate::domain::text::Clean;
use crate::domain::time::{Millis, Since};

fn context() -> Arc<ContextRef> {
    Arc::new(ContextRef {
        name: Clean::name("test"),
        generation: 1,
    })
}

fn fleet() -> Fleet {
    Fleet::new(context(), Arc::new(Context::default()))
}

fn signal(model: &str, part: &str) -> SignalKey {
    SignalKey {
        model: Key::new(model),
        measure: Measure::FeatureDrift,
        part: Key::new(part),
        method: Key::new("PSI"),
        version: Key::new(""),
        source: SourceId::new("prom"),
    }
}

fn reading(key: SignalKey, value: f64) -> SignalReading {
    SignalReading::new(key, Measured::of(value))
}

fn said(at: i64, upserts: Vec<SignalReading>, gone: Vec<SignalKey>) -> Observation {
    Observation {
        context: context(),
        source: SourceId::new("prom"),
        feed: Feed::Signals,
        asked_at: Millis(at),
        server_time: None,
        coverage: Coverage::Full(Scope::Signals),
        upserts: Rows::Signals(upserts),
        gone: gone.into_iter().map(FactKey::Signal).collect(),
    }
}

fn model(name: &str, registry: &str) -> RegisteredModel {
    RegisteredModel {
        key: ModelKey {
            registry: Arc::new(RegistryKey {
                base: Key::new(registry),
                workspace: Key::new(""),
            }),
            name: Key::new(name),
            created: Millis(1),
        },
        name: Clean::name(name),
        description: Clean::empty(),
        updated: Millis(1),
        aliases: Arc::default(),
        tags: Arc::default(),
    }
}

fn registered(models: Vec<RegisteredModel>) -> Observation {
    Observation {
        feed: Feed::Models,
        coverage: Coverage::Full(Scope::Models),
        upserts: Rows::Models(models),
        ..said(1, Vec::new(), Vec::new())
    }
}

fn values(fleet: &Fleet, model: &ModelKey) -> Vec<Option<f64>> {
    let rows = fleet.readings(model).iter();
    rows.map(|r| r.fact.value.value()).collect()
}

#[test]
fn any_order_of_readings_gives_the_newest() {
    let churn = model("churn", "http://m").key;
    let messages = [
        said(10, vec![reading(signal("churn", "age"), 0.1)], Vec::new()),
        said(20, vec![reading(signal("churn", "age"), 0.2)], Vec::new()),
        said(30, Vec::new(), vec![signal("churn", "age")]),
        said(15, vec![reading(signal("churn", "city"), 0.3)], Vec::new()),
    ];
    let orders = [[0, 1, 2, 3], [2, 1, 0, 3], [3, 2, 0, 1], [1, 3, 0, 2]];
    for order in orders {
        let mut fleet = fleet();
        for at in order {
            fleet.merge(messages[at].clone(), Millis(40));
        }
        assert_eq!(values(&fleet, &churn), [Some(0.3)], "{order:?}");
    }
}

#[test]
fn a_name_in_two_registries_has_its_signals_in_both() {
    let mut fleet = fleet();
    let (one, two) = (model("churn", "http://a"), model("churn", "http://b"));
    fleet.merge(registered(vec![one.clone(), two.clone()]), Millis(1));
    fleet.merge(
        said(10, vec![reading(signal("churn", "age"), 0.1)], Vec::new()),
        Millis(10),
    );
    for key in [&one.key, &two.key] {
        assert_eq!(values(&fleet, key), [Some(0.1)]);
    }
}

#[test]
fn names_that_no_registry_holds_are_told() {
    let mut fleet = fleet();
    fleet.merge(registered(vec![model("churn", "http://m")]), Millis(1));
    let rows = vec![
        reading(signal("churn", "age"), 0.1),
        reading(signal("churn-v2", "age"), 0.1),
    ];
    fleet.merge(said(10, rows, Vec::new()), Millis(10));
    assert_eq!(fleet.unjoined_names(), [&Key::new("churn-v2")]);
}

#[test]
fn an_unchanged_reading_changes_nothing_that_can_be_seen() {
    let mut fleet = fleet();
    let row = || vec![reading(signal("churn", "age"), 0.1)];
    assert!(fleet.merge(said(10, row(), Vec::new()), Millis(10)));
    assert!(!fleet.merge(said(20, row(), Vec::new()), Millis(20)));
}

#[test]
fn a_held_reading_is_small_enough_for_fifty_thousand() {
    let one = size_of::<Held<SignalReading>>();
    assert!(one <= 216, "{one} bytes");
}

#[test]
fn equal_lines_are_held_once() {
    let mut fleet = fleet();
    let lines = || {
        Some(Arc::new(Lines {
            warn: Some(0.1),
            crit: None,
        }))
    };
    let row = |part| SignalReading {
        lines: lines(),
        ..reading(signal("churn", part), 0.1)
    };
    fleet.merge(
        said(10, vec![row("age"), row("city")], Vec::new()),
        Millis(10),
    );
    let held = fleet.readings(&model("churn", "http://m").key);
    let lines: Vec<_> = held.iter().filter_map(|h| h.fact.lines.as_ref()).collect();
    assert!(Arc::ptr_eq(lines[0], lines[1]));
}

fn errors(value: f64) -> SignalReading {
    let key = SignalKey {
        measure: Measure::ErrorRatio,
        part: Key::new(""),
        method: Key::new(""),
        ..signal("churn", "")
    };
    reading(key, value)
}

fn polled(at: i64, fault: Option<FaultKind>) -> PollReport {
    PollReport {
        partial: None,
        context: context(),
        source: SourceId::new("prom"),
        feed: Feed::Signals,
        asked_at: Millis(at),
        took_ms: 5,
        clock_skew_ms: None,
        fault: fault.map(|kind| Fault::new(kind, "", "")),
        next_at: Millis(at + 15_000),
    }
}

fn watched() -> Fleet {
    let prom = SourceSettings::new("prom", SourceKind::Prometheus, "http://p");
    let settings = Context {
        sources: vec![prom],
        ..Context::default()
    };
    let mut fleet = Fleet::new(context(), Arc::new(settings));
    fleet.merge(registered(vec![model("churn", "http://m")]), Millis(1));
    fleet
}

#[test]
fn a_model_is_as_bad_as_its_signals_and_unknown_when_they_cannot_be_read() {
    let mut fleet = watched();
    let churn = model("churn", "http://m").key;
    let signal = |fleet: &Fleet| {
        let view = fleet.model(&churn).expect("registered");
        let of = |r: &&Reason| r.code == ReasonCode::SignalErrors;
        let reason = view.verdict.reasons.iter().find(of).cloned();
        (reason, view.signals.gauge(Measure::ErrorRatio).cloned())
    };
    fleet.merge(said(10, vec![errors(0.048)], Vec::new()), Millis(10));
    fleet.record(&polled(10, None), Millis(11));
    let (reason, gauge) = signal(&fleet);
    let reason = reason.expect("a finding");
    assert_eq!(reason.level, Level::Crit);
    assert_eq!(reason.text, "errors 4.8 % > 3 %");
    let gauge = gauge.expect("a gauge");
    assert_eq!(
        (gauge.state, gauge.level),
        (State::Value, Some(Level::Crit))
    );
    assert_eq!(fleet.gauge_at(&gauge), Some(Millis(10)));

    for at in [20_000, 40_000, 60_000] {
        fleet.record(&polled(at, Some(FaultKind::Timeout)), Millis(at));
    }
    let (reason, gauge) = signal(&fleet);
    assert_eq!(reason.expect("a finding").level, Level::Unknown);
    let gauge = gauge.expect("a gauge");
    assert_eq!((gauge.value, gauge.state), (Some(0.048), State::Error));
    assert_eq!(fleet.gauge_at(&gauge), Some(Millis(10)));

    fleet.record(&polled(80_000, None), Millis(80_000));
    fleet.merge(
        said(80_000, vec![errors(0.001)], Vec::new()),
        Millis(80_000),
    );
    let (reason, gauge) = signal(&fleet);
    assert_eq!(reason, None);
    assert_eq!(gauge.expect("a gauge").level, Some(Level::Ok));
}

#[test]
fn a_source_that_falls_silent_makes_its_numbers_stale_by_time_alone() {
    let mut fleet = watched();
    let churn = model("churn", "http://m").key;
    fleet.merge(said(10, vec![errors(0.0)], Vec::new()), Millis(10));
    fleet.record(&polled(10, None), Millis(11));
    fleet.tick(Millis(50_000));
    let state = |fleet: &Fleet| {
        let view = fleet.model(&churn).expect("registered");
        let gauge = view.signals.gauge(Measure::ErrorRatio).expect("a gauge");
        (gauge.state, gauge.level)
    };
    assert_eq!(state(&fleet), (State::Stale, Some(Level::Unknown)));
}

#[test]
fn a_model_that_nothing_monitors_has_no_gauges() {
    let mut fleet = watched();
    fleet.record(&polled(10, None), Millis(11));
    let view = fleet
        .model(&model("churn", "http://m").key)
        .expect("registered");
    assert_eq!(view.signals, ModelSignals::default());
}

/// Since when errors are too many, as the fleet tells it after looks at these times with such ratios.
fn errors_since(looks: &[(i64, f64)], records_first: bool) -> Since {
    let mut fleet = watched();
    for (at, ratio) in looks {
        let (at, now) = (*at, Millis(*at));
        if records_first {
            fleet.judge_in_slices_of(0);
            fleet.record(&polled(at, None), now);
        }
        fleet.merge(said(at, vec![errors(*ratio)], Vec::new()), now);
        fleet.record(&polled(at, None), now);
        fleet.judge_at_once(now);
    }
    let churn = model("churn", "http://m").key;
    let view = fleet.model(&churn).expect("registered");
    let mut reasons = view.verdict.reasons.iter();
    let found = reasons.find(|r| r.code == ReasonCode::SignalErrors);
    found.expect("a finding").since
}

#[test]
fn what_an_earlier_look_did_not_find_was_seen_to_begin() {
    use Since::{AtLeast, Exact};
    let (good, bad) = (0.001, 0.048);
    for records_first in [false, true] {
        let since = |looks: &[(i64, f64)]| errors_since(looks, records_first);
        let at = Millis(30_000);
        assert_eq!(since(&[(15_000, good), (30_000, bad)]), Exact(at));
        let still = [(15_000, good), (30_000, bad), (45_000, bad + 0.01)];
        assert_eq!(since(&still), Exact(at));
        assert_eq!(since(&[(30_000, bad)]), AtLeast(at), "so at the first look");
        let hour = 3_600_000;
        let unwatched = [(15_000, good), (hour, bad)];
        assert_eq!(
            since(&unwatched),
            AtLeast(Millis(hour)),
            "at some time in it"
        );
    }
}

fn alert(state: AlertState, level: Level) -> Alert {
    Alert {
        key: AlertKey {
            source: SourceId::new("prom"),
            fingerprint: Key::new(&format!("{state:?} {level:?}")),
        },
        name: Clean::name(&format!("{state:?} {level:?}")),
        model: Some(Key::new("churn")),
        version: None,
        severity: Clean::empty(),
        level,
        state,
        since: Millis(5),
        summary: Clean::empty(),
        runbook: None,
        dashboard: None,
        labels: Arc::from([]),
        value: None,
        rule: None,
        silences: Arc::from([]),
        group: Clean::empty(),
    }
}

fn alerts_of(source: &str, at: i64, alerts: Vec<Alert>) -> Observation {
    Observation {
        source: SourceId::new(source),
        feed: Feed::Alerts,
        coverage: Coverage::Full(Scope::Alerts),
        upserts: Rows::Alerts(alerts),
        ..said(at, Vec::new(), Vec::new())
    }
}

#[test]
fn an_alert_fires_on_where_only_the_system_that_it_was_sent_to_is_silent() {
    let mut fleet = watched();
    let churn = model("churn", "http://m").key;
    let evaluated = |state| Alert {
        rule: Some(AlertRule {
            query: Key::new("x > 1"),
            plotted: Key::new("x"),
            threshold: Some(1.0),
            for_seconds: 60,
        }),
        ..alert(state, Level::Crit)
    };
    let sent = |state| {
        let mut sent = evaluated(AlertState::Firing);
        sent.key.source = SourceId::new("am");
        sent.state = state;
        sent.rule = None;
        sent
    };
    let levels = |fleet: &Fleet, now| {
        let view = fleet.model(&churn).expect("registered");
        let of_alerts = view.verdict.reasons.iter();
        let of_alerts = of_alerts.filter(|r| r.code == ReasonCode::Alert);
        let by_model: Vec<Level> = of_alerts.map(|r| r.level).collect();
        let joined = fleet.joined_alerts();
        let by_alert: Vec<Level> = joined
            .iter()
            .map(|held| fleet.alert_level(&held.fact, now))
            .collect();
        assert_eq!(by_model, by_alert, "the list and the model");
        by_alert
    };
    let looked = |at, fault| PollReport {
        feed: Feed::Alerts,
        ..polled(at, fault)
    };
    // The Alertmanager was never heard in this process.
    for (at, state, level) in [
        (10, AlertState::Firing, Level::Crit),
        // What was muted as last read is not paged for again.
        (11, AlertState::Silenced, Level::Info),
        (12, AlertState::Firing, Level::Crit),
    ] {
        fleet.merge(alerts_of("am", at, vec![sent(state)]), Millis(at));
        let firing = vec![evaluated(AlertState::Firing)];
        fleet.merge(alerts_of("prom", at, firing), Millis(at));
        fleet.record(&looked(at, None), Millis(at));
        assert_eq!(levels(&fleet, Millis(at)), [level], "{state:?}");
    }
    for at in [20_000, 40_000, 60_000] {
        fleet.record(&looked(at, Some(FaultKind::Timeout)), Millis(at));
    }
    assert_eq!(levels(&fleet, Millis(60_000)), [Level::Unknown]);
}

#[test]
fn an_alert_is_as_bad_by_itself_as_its_model_is_by_it() {
    let mut fleet = watched();
    let churn = model("churn", "http://m").key;
    let states = [
        AlertState::Firing,
        AlertState::Pending,
        AlertState::Silenced,
        AlertState::Inhibited,
    ];
    let levels = [Level::Info, Level::Warn, Level::Crit];
    let all = states.map(|state| levels.map(|level| alert(state, level)));
    let all = all.iter().flatten().cloned().collect();
    fleet.merge(alerts_of("prom", 10, all), Millis(10));
    let looked = |at, fault| PollReport {
        feed: Feed::Alerts,
        ..polled(at, fault)
    };
    let both = |fleet: &Fleet, now| {
        let view = fleet.model(&churn).expect("registered");
        let findings = view.verdict.reasons.iter();
        let findings = findings.filter(|r| r.code == ReasonCode::Alert);
        let mut by_model: Vec<Level> = findings.map(|r| r.level).collect();
        let alerts = fleet.alerts();
        let mut by_alert: Vec<Level> = alerts.map(|h| fleet.alert_level(&h.fact, now)).collect();
        by_model.sort();
        by_alert.sort();
        assert_eq!(by_model, by_alert);
        assert_eq!(by_alert.len(), 12);
        by_alert.last().copied()
    };
    fleet.record(&looked(10, None), Millis(10));
    assert_eq!(both(&fleet, Millis(10)), Some(Level::Crit));
    for at in [20_000, 40_000, 60_000] {
        fleet.record(&looked(at, Some(FaultKind::Timeout)), Millis(at));
    }
    assert_eq!(both(&fleet, Millis(60_000)), Some(Level::Unknown));
}

#[test]
fn the_oldest_of_too_many_annotations_is_let_go() {
    let mut fleet = fleet();
    let note = |n: i64| Annotation {
        key: AnnotationKey {
            source: SourceId::new("graf"),
            id: Key::new(&n.to_string()),
        },
        at: Millis(n),
        until: None,
        text: Clean::empty(),
        tags: Arc::from([]),
        author: None,
        model: Some(Key::new("churn")),
    };
    for from in [5_000, 0, 10_000] {
        let told = Observation {
            feed: Feed::Annotations,
            coverage: Coverage::Tail(Millis(from)),
            upserts: Rows::Annotations((from..from + 5_000).map(note).collect()),
            ..said(from, Vec::new(), Vec::new())
        };
        fleet.merge(told, Millis(20_000));
    }
    let held: Vec<i64> = fleet.annotations().map(|h| h.fact.at.0).collect();
    assert_eq!(
        (held.iter().min(), held.iter().max()),
        (Some(&5_000), Some(&14_999))
    );
}
