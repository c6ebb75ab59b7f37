//! The adapter against what a real Prometheus has answered (`tests/fixtures/prometheus/`).

use super::*;
use crate::domain::alert::{Alert, AlertState};
use crate::sources::prometheus::wire::{Envelope, Read};
use crate::sources::testing::{body, recording};

/// A recording as the scripted server sends it.
fn told(file: &str) -> (u16, String) {
    let all = recording(&format!("prometheus/{file}.json"));
    let status = all["status"].as_u64().unwrap();
    let text = match all["body_text"].as_str() {
        Some(text) => text.to_owned(),
        None => all["body"].to_string(),
    };
    (u16::try_from(status).unwrap(), text)
}

fn read(file: &str) -> Read {
    let body = body(&format!("prometheus/{file}.json"));
    serde_json::from_value::<Envelope>(body).expect(file).read()
}

async fn recorded() -> Server {
    Server::start(|asked| match (asked.path.as_str(), asked.query()) {
        ("/api/v1/rules", _) => told("rules"),
        ("/api/v1/status/buildinfo", _) => told("buildinfo"),
        (_, q) if q.starts_with("count by (__name__)") => told("query-names"),
        (_, q) if q.starts_with("max by (model, feature, method) (ml_feature_drift_score") => {
            told("query-drift")
        }
        (_, q) if q.contains("(ml_feature_drift_threshold") => told("query-threshold"),
        (_, q) if q.starts_with("(sum by (model, version) (rate(model_infer_request_success") => {
            told("query-requests")
        }
        _ => told("query-empty"),
    })
    .await
}

#[tokio::test]
async fn drift_of_a_real_server_is_read_whole() {
    let server = recorded().await;
    let source = server.source(|_| {});
    let rows = readings(&source).await;
    let drift: Vec<_> = rows
        .iter()
        .filter(|r| r.key.measure == Measure::FeatureDrift)
        .collect();
    assert_eq!(drift.len(), 5, "{drift:#?}");
    let of = |model, part| find(&rows, model, Measure::FeatureDrift, part);
    let amount = of("fraud-detector", "amount");
    assert_eq!(amount.value, Measured::Value(0.31));
    assert_eq!(amount.lines_from, LinesFrom::Series);
    assert_eq!(amount.lines.as_ref().and_then(|l| l.warn), Some(0.2));
    assert_eq!(
        of("fraud-detector", "age").direction,
        Direction::LowIsBad,
        "a p-value"
    );
    assert_eq!(of("churn", "tenure").value, Measured::NotANumber);
    assert_eq!(of("churn", "plan").value, Measured::Value(f64::INFINITY));
    let hostile = drift.iter().find(|r| r.key.part == Key::new("x")).unwrap();
    assert!(hostile.key.model.raw().contains('\u{1b}'), "the raw key");
    assert!(!hostile.key.model.clean().as_str().contains('\u{1b}'));
    let versions: Vec<&str> = rows
        .iter()
        .filter(|r| r.key.measure == Measure::Requests)
        .map(|r| r.key.version.raw())
        .collect();
    assert!(
        ["1", "2", "3"].iter().all(|v| versions.contains(v)),
        "{versions:?}"
    );
    let abilities = source.probe().await.unwrap();
    assert_eq!(abilities.server.as_str(), "Prometheus 2.42.0+ds");
}

#[tokio::test]
async fn firing_and_pending_alerts_are_those_that_the_server_lists() {
    let server = recorded().await;
    let answer = poll(&server.source(|_| {}), Feed::Alerts).await.unwrap();
    assert_eq!(answer.coverage, Coverage::Full(Scope::Alerts));
    let Rows::Alerts(alerts) = answer.rows else {
        panic!("alerts");
    };
    let listed = body("prometheus/alerts.json");
    let listed = listed["data"]["alerts"].as_array().unwrap();
    assert_eq!((alerts.len(), listed.len()), (2, 2));
    let of = |state: &str| -> &Alert {
        let theirs = listed.iter().find(|a| a["state"] == state).unwrap();
        let name = theirs["labels"]["alertname"].as_str().unwrap();
        let ours = alerts.iter().find(|a| a.name.as_str() == name).unwrap();
        let since = theirs["activeAt"].as_str().unwrap();
        assert_eq!(ours.since.rfc3339()[..19], since[..19]);
        let value: f64 = theirs["value"].as_str().unwrap().parse().unwrap();
        assert_eq!(ours.value, Some(value));
        assert_eq!(ours.model, Some(Key::new("fraud-detector")));
        ours
    };
    let firing = of("firing");
    assert_eq!(firing.state, AlertState::Firing);
    assert_eq!(firing.summary.as_str(), "amount drifts, 0.31");
    let pending = of("pending");
    assert_eq!(pending.state, AlertState::Pending);
    let rule = pending.rule.as_ref().unwrap();
    assert_eq!((rule.threshold, rule.for_seconds), (Some(0.05), 36_000));
}

#[tokio::test]
async fn refusals_of_a_real_server_are_the_right_faults() {
    for (file, kind) in [
        ("error-400-parse", FaultKind::Refused),
        ("error-400-empty", FaultKind::Refused),
        ("error-400-points", FaultKind::Refused),
        ("error-400-no-step", FaultKind::Refused),
        ("error-422-many-to-many", FaultKind::Refused),
        ("error-404", FaultKind::NoRoute),
    ] {
        let server = Server::start(move |_| told(file)).await;
        let fault = poll(&server.source(only("kserve")), Feed::Signals).await;
        let fault = fault.expect_err(file);
        assert_eq!(fault.kind, kind, "{file}: {fault}");
        let words = body(&format!("prometheus/{file}.json"));
        if let Some(words) = words["error"].as_str() {
            let start: String = words.chars().take(40).collect();
            assert!(fault.line().contains(&start), "{file}: {fault}");
        }
    }
}

#[test]
fn results_of_every_kind_are_read() {
    let scalar = read("query-scalar");
    let [(at, now)] = scalar.series[0].points[..] else {
        panic!("{scalar:?}");
    };
    assert!((at - now).abs() < 1.0);
    assert_eq!(read("query-string").unread, 2);
    assert_eq!(read("query-empty"), Read::default());
    assert_eq!(read("query-posted").series.len(), 5, "as by GET");
    let warned = read("query-warnings");
    assert_eq!((warned.series.len(), warned.notes.len()), (0, 1));
    assert!(warned.notes[0].as_str().starts_with("remote_read:"));
    let drift = read("range-drift");
    assert_eq!((drift.series.len(), drift.unread), (5, 0));
    for series in &drift.series {
        let steps = series.points.windows(2).map(|w| w[1].0 - w[0].0);
        assert!(steps.into_iter().all(|step| (step - 1.0).abs() < 1e-9));
        let nan = series.labels["feature"] == "tenure";
        assert!(series.points.iter().all(|(_, v)| v.is_nan() == nan));
    }
    let gaps = read("range-with-gaps");
    assert!(gaps.series.iter().all(|s| s.points.len() < 61), "{gaps:?}");
    let states = read("range-alerts");
    let states: std::collections::BTreeSet<_> = states
        .series
        .iter()
        .map(|s| s.labels["alertstate"].as_str())
        .collect();
    assert!(states.contains("firing") && states.contains("pending"));
}
