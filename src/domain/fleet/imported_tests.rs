use std::sync::Arc;

use super::super::Fleet;
use crate::domain::alert::{Alert, AlertKey, AlertRule, AlertState};
use crate::domain::annotation::{Annotation, AnnotationKey};
use crate::domain::change::{Change, ChangeKind, Origin, Subject};
use crate::domain::key::{Key, ModelKey, RegistryKey, SourceId};
use crate::domain::level::Level;
use crate::domain::model::RegisteredModel;
use crate::domain::observation::{
    ContextRef, Coverage, FactKey, Feed, Observation, PollReport, Rows, Scope, ServedSpan,
    ServedSpanKey,
};
use crate::domain::settings::{Context, SourceKind, SourceSettings};
use crate::domain::text::Clean;
use crate::domain::time::Millis;

fn context() -> Arc<ContextRef> {
    Arc::new(ContextRef {
        name: Clean::name("test"),
        generation: 1,
    })
}

fn fleet() -> Fleet {
    let source = |name, kind| SourceSettings::new(name, kind, "http://x");
    let settings = Context {
        sources: vec![
            source("am", SourceKind::Alertmanager),
            source("prom", SourceKind::Prometheus),
        ],
        ..Context::default()
    };
    Fleet::new(context(), Arc::new(settings))
}

fn churn() -> ModelKey {
    ModelKey {
        registry: Arc::new(RegistryKey {
            base: Key::new("http://m"),
            workspace: Key::new(""),
        }),
        name: Key::new("churn"),
        created: Millis(1),
    }
}

fn told(source: &str, at: i64, upserts: Rows, gone: Vec<FactKey>) -> Observation {
    Observation {
        context: context(),
        source: SourceId::new(source),
        feed: Feed::Alerts,
        asked_at: Millis(at),
        server_time: None,
        coverage: Coverage::Full(Scope::Alerts),
        upserts,
        gone,
    }
}

fn registered() -> Observation {
    let model = RegisteredModel {
        key: churn(),
        name: Clean::name("churn"),
        description: Clean::empty(),
        updated: Millis(1),
        aliases: Arc::default(),
        tags: Arc::default(),
    };
    told("mlflow", 1, Rows::Models(vec![model]), Vec::new())
}

fn alert(source: &str, state: AlertState) -> Alert {
    Alert {
        key: AlertKey {
            source: SourceId::new(source),
            fingerprint: Key::new("4f"),
        },
        name: Clean::name("HighErrorRate"),
        model: Some(Key::new("churn")),
        version: None,
        severity: Clean::name("page"),
        level: Level::Crit,
        state,
        since: Millis(50),
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

fn polled(source: &str, at: i64) -> PollReport {
    PollReport {
        partial: None,
        context: context(),
        source: SourceId::new(source),
        feed: Feed::Alerts,
        asked_at: Millis(at),
        took_ms: 1,
        clock_skew_ms: None,
        fault: None,
        next_at: Millis(at + 15_000),
    }
}

fn phrases(fleet: &Fleet) -> Vec<(String, i64, i64)> {
    let line = fleet.timeline(&Subject::Model(churn()));
    let of = |c: &&Change| c.kind != ChangeKind::Level;
    line.iter()
        .filter(of)
        .map(|c| (c.phrase().to_string(), c.not_before.0, c.not_after.0))
        .collect()
}

#[test]
fn an_alert_that_two_systems_tell_of_begins_and_ends_once() {
    let mut fleet = fleet();
    fleet.merge(registered(), Millis(1));
    let (am, prom) = (
        alert("am", AlertState::Firing),
        alert("prom", AlertState::Firing),
    );
    fleet.merge(
        told("prom", 60, Rows::Alerts(vec![prom.clone()]), Vec::new()),
        Millis(60),
    );
    fleet.merge(
        told("am", 70, Rows::Alerts(vec![am.clone()]), Vec::new()),
        Millis(70),
    );
    let began = ("alert HighErrorRate firing".to_owned(), 50, 50);
    assert_eq!(phrases(&fleet), std::slice::from_ref(&began));
    let view = fleet.model(&churn()).expect("registered");
    assert_eq!(view.signals.alerts.crit, 1);
    for source in ["prom", "am"] {
        fleet.record(&polled(source, 80), Millis(81));
    }
    let gone = |alert: &Alert| vec![FactKey::Alert(alert.key.clone())];
    let none = || Rows::Alerts(Vec::new());
    fleet.merge(told("prom", 100, none(), gone(&prom)), Millis(100));
    let held = phrases(&fleet);
    assert_eq!(
        held,
        std::slice::from_ref(&began),
        "the other still holds it"
    );
    fleet.merge(told("am", 110, none(), gone(&am)), Millis(110));
    let ended = ("alert HighErrorRate ended".to_owned(), 80, 110);
    assert_eq!(phrases(&fleet), [began, ended]);
    assert_eq!(
        fleet
            .model(&churn())
            .expect("registered")
            .signals
            .alerts
            .crit,
        0
    );
}

#[test]
fn what_was_told_before_the_model_was_known_is_its_own() {
    let mut fleet = fleet();
    let note = Annotation {
        key: AnnotationKey {
            source: SourceId::new("grafana"),
            id: Key::new("7"),
        },
        at: Millis(40),
        until: None,
        text: Clean::text("feed 2.1 deployed"),
        tags: Arc::from([]),
        author: None,
        model: Some(Key::new("churn")),
    };
    let firing = alert("am", AlertState::Firing);
    fleet.merge(
        told("am", 60, Rows::Alerts(vec![firing]), Vec::new()),
        Millis(60),
    );
    fleet.merge(
        told("grafana", 60, Rows::Annotations(vec![note]), Vec::new()),
        Millis(60),
    );
    fleet.merge(
        told("prom", 60, Rows::Served(spans()), Vec::new()),
        Millis(60),
    );
    assert!(phrases(&fleet).is_empty());
    fleet.merge(registered(), Millis(70));
    let texts: Vec<String> = phrases(&fleet).into_iter().map(|(text, ..)| text).collect();
    assert_eq!(
        texts,
        [
            "feed 2.1 deployed",
            "alert HighErrorRate firing",
            "serves v13 → v14"
        ]
    );
    let imported = fleet.take_observed();
    assert!(imported.iter().all(|c| c.origin == Origin::Imported));
}

fn spans() -> Vec<ServedSpan> {
    let minute = 60_000;
    let span = |version: &str, from: i64, until: i64| ServedSpan {
        key: ServedSpanKey {
            source: SourceId::new("prom"),
            model: Key::new("churn"),
            version: Key::new(version),
            from: Millis(from * minute),
        },
        until: Millis(until * minute),
        step_ms: 60_000,
        evidence: Clean::text("requests by version"),
    };
    vec![span("13", 0, 100), span("14", 101, 200)]
}

#[test]
fn a_change_that_was_seen_is_not_imported_again() {
    let seen = Change {
        subject: Subject::Model(churn()),
        kind: ChangeKind::Served,
        from: Clean::name("v13"),
        to: Clean::name("v14"),
        not_before: Millis(104 * 60_000),
        not_after: Millis(105 * 60_000),
        actor: None,
        origin: Origin::Observed,
        evidence: Clean::empty(),
    };
    let mut fleet = fleet();
    fleet.merge(registered(), Millis(1));
    fleet.remember([seen], Millis(1));
    fleet.merge(
        told("prom", 60, Rows::Served(spans()), Vec::new()),
        Millis(60),
    );
    assert_eq!(phrases(&fleet).len(), 1);
    fleet.merge(
        told("prom", 70, Rows::Served(spans()), Vec::new()),
        Millis(70),
    );
    assert_eq!(phrases(&fleet).len(), 1);
}

#[test]
fn either_key_of_an_alert_finds_all_that_is_told_of_it() {
    let mut fleet = fleet();
    fleet.merge(registered(), Millis(1));
    let mut evaluated = alert("prom", AlertState::Firing);
    evaluated.value = Some(0.04);
    // Only the one that evaluates the rule tells of it.
    evaluated.rule = Some(AlertRule {
        query: Key::new("errors > 0.01"),
        plotted: Key::new("errors"),
        threshold: Some(0.01),
        for_seconds: 0,
    });
    let other = Alert {
        name: Clean::name("Other"),
        ..alert("am", AlertState::Firing)
    };
    let other = Alert {
        key: AlertKey {
            fingerprint: Key::new("5a"),
            ..other.key.clone()
        },
        ..other
    };
    let sent = vec![alert("am", AlertState::Silenced), other.clone()];
    fleet.merge(told("am", 60, Rows::Alerts(sent), Vec::new()), Millis(60));
    let rows = Rows::Alerts(vec![evaluated.clone()]);
    fleet.merge(told("prom", 61, rows, Vec::new()), Millis(61));
    for key in [alert("am", AlertState::Silenced).key, evaluated.key] {
        let whole = fleet.joined_alert(&key).expect("the alert").fact;
        assert!(whole.rule.is_some());
        assert_eq!(
            (whole.state, whole.value),
            (AlertState::Silenced, Some(0.04))
        );
    }
    let found = fleet.joined_alert(&other.key).map(|h| h.fact);
    assert_eq!(found, Some(other));
    assert_eq!(fleet.joined_alerts_of(&churn()).len(), 2);
}

/// What is told around a moment, in the order of lists: what, and what it may be.
fn suspected(fleet: &Fleet, at: i64) -> Vec<(String, &'static str)> {
    let day = std::time::Duration::from_secs(86_400);
    let found = fleet.suspects(Some(&churn()), Millis(at), day, day);
    let words = found.iter().map(|s| (s.text.to_string(), s.role()));
    words
        .filter(|(text, _)| !text.starts_with("level"))
        .collect()
}

const HOUR: i64 = 3_600_000;

/// The alert as its rule's evaluation tells it: its condition held for an hour before it fired.
fn evaluated(state: AlertState) -> Alert {
    Alert {
        rule: Some(AlertRule {
            query: Key::new("errors > 0.01"),
            plotted: Key::new("errors"),
            threshold: Some(0.01),
            for_seconds: 3_600,
        }),
        since: Millis(HOUR),
        ..alert("prom", state)
    }
}

/// The same alert as it was sent, ten seconds after its hour was up.
fn sent() -> Alert {
    Alert {
        since: Millis(2 * HOUR + 10_000),
        ..alert("am", AlertState::Firing)
    }
}

#[test]
fn an_alert_that_waits_before_it_fires_is_told_once_with_since_when_it_waited() {
    let rows = |alert: Alert| Rows::Alerts(vec![alert]);
    let story = "alert HighErrorRate firing, pending since 01-01 01:00".to_owned();
    for prom_first in [true, false] {
        let mut fleet = fleet();
        fleet.merge(registered(), Millis(1));
        let pending = rows(evaluated(AlertState::Pending));
        let at = Millis(HOUR + 60_000);
        fleet.merge(told("prom", at.0, pending, Vec::new()), at);
        let waits = ("alert HighErrorRate pending".to_owned(), "effect");
        assert_eq!(suspected(&fleet, HOUR), [waits]);
        let mut told = [
            told(
                "prom",
                3 * HOUR,
                rows(evaluated(AlertState::Firing)),
                Vec::new(),
            ),
            told("am", 3 * HOUR, rows(sent()), Vec::new()),
        ];
        if !prom_first {
            told.reverse();
        }
        for told in told {
            fleet.merge(told, Millis(3 * HOUR));
        }
        assert_eq!(suspected(&fleet, HOUR), [(story.clone(), "effect")]);
    }
}

#[test]
fn an_alert_that_the_ledger_tells_by_another_clock_began_once_until_it_ends() {
    let row = |from: &str, to: &str, at: i64| Change {
        subject: Subject::Model(churn()),
        kind: ChangeKind::Alert(Clean::name("HighErrorRate")),
        from: Clean::name(from),
        to: Clean::name(to),
        not_before: Millis(at),
        not_after: Millis(at),
        actor: None,
        origin: Origin::Observed,
        evidence: Clean::empty(),
    };
    let began = row("", "firing", 2 * HOUR + 10_000);
    for (ended, count) in [(None, 1), (Some(2 * HOUR + 20_000), 3)] {
        let mut fleet = fleet();
        fleet.merge(registered(), Millis(1));
        let ended = ended.map(|at| row("firing", "", at));
        fleet.remember([began.clone()].into_iter().chain(ended), Millis(2));
        let again = Alert {
            since: Millis(HOUR + 30_000),
            ..evaluated(AlertState::Firing)
        };
        let rows = Rows::Alerts(vec![again]);
        fleet.merge(told("prom", 3 * HOUR, rows, Vec::new()), Millis(3 * HOUR));
        assert_eq!(phrases(&fleet).len(), count, "{:?}", phrases(&fleet));
    }
}

#[test]
fn an_alert_of_another_model_hides_none_of_its_name() {
    let mut fleet = fleet();
    fleet.merge(registered(), Millis(1));
    let other = Alert {
        key: AlertKey {
            source: SourceId::new("prom"),
            fingerprint: Key::new("5a"),
        },
        model: Some(Key::new("eta-city")),
        ..alert("prom", AlertState::Pending)
    };
    let rows = Rows::Alerts(vec![other, alert("prom", AlertState::Firing)]);
    fleet.merge(told("prom", 60, rows, Vec::new()), Millis(60));
    let of = |text: &str, role| (format!("alert HighErrorRate {text}"), role);
    assert_eq!(
        suspected(&fleet, 50),
        [of("firing", "effect"), of("pending", "elsewhere")]
    );
}

#[test]
fn an_annotation_that_names_the_versions_of_a_change_is_told_with_it() {
    let minute = 60_000;
    let note = |id: &str, at: i64, text: &str| Annotation {
        key: AnnotationKey {
            source: SourceId::new("grafana"),
            id: Key::new(id),
        },
        at: Millis(at * minute),
        until: None,
        text: Clean::text(text),
        tags: Arc::from([]),
        author: Some(Clean::name("argocd")),
        model: Some(Key::new("churn")),
    };
    let mut fleet = fleet();
    fleet.merge(registered(), Millis(1));
    let notes = vec![
        note("1", 100, "churn-prod: v13 to v14."),
        // Other versions, versions that only begin alike, and another time.
        note("2", 100, "churn-prod: v12 to v14"),
        note("3", 100, "churn-prod: v13 to v140"),
        note("4", 400, "churn-prod: v13 to v14 again"),
    ];
    fleet.merge(
        told("grafana", 60, Rows::Annotations(notes), Vec::new()),
        Millis(60),
    );
    fleet.merge(
        told("prom", 60, Rows::Served(spans()), Vec::new()),
        Millis(60),
    );
    let day = std::time::Duration::from_secs(86_400);
    let found = fleet.suspects(Some(&churn()), Millis(101 * minute), day, day);
    let texts: Vec<&str> = found.iter().map(|s| s.text.as_str()).collect();
    assert_eq!(found.len(), 4, "{texts:?}");
    let served = found.iter().find(|s| s.kind() == "served").expect("told");
    assert_eq!(served.text, "serves v13 → v14");
    assert_eq!(served.remark(), Some("churn-prod: v13 to v14."));
    assert_eq!(served.actor, Some(Clean::name("argocd")));
    assert!(!texts.contains(&"churn-prod: v13 to v14."));
    assert_eq!(phrases(&fleet).len(), 5, "the timeline keeps both");
}
