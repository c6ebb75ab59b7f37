//! What is read over time: courses, what was served, strips of alerts, and alerts of an earlier time.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::*;
use crate::domain::signal::Preset;

#[tokio::test]
async fn the_course_is_read_whole_once_and_then_by_its_tail() {
    let server = Server::start(|asked| {
        if asked.path != "/api/v1/query_range" || !asked.query().starts_with("sum by (model_name)")
        {
            return vector(&[]);
        }
        let at = |key: &str| asked.with[key].parse::<i64>().unwrap();
        let values: Vec<Value> = (at("start")..=at("end"))
            .step_by(300)
            .filter(|t| t % 900 != 0)
            .map(|t| json!([t, "1.5"]))
            .collect();
        let rows = json!([{"metric": {"model_name": "a"}, "values": values}]);
        let body = json!({"status": "success", "data": {"resultType": "matrix", "result": rows}});
        (200, body.to_string())
    })
    .await;
    let source = server.source(only("kserve"));
    let mut lengths = Vec::new();
    let mut seen: Vec<Vec<SignalSeries>> = Vec::new();
    for _ in 0..2 {
        let Rows::Series(rows) = poll(&source, Feed::SignalHistory).await.unwrap().rows else {
            panic!("series");
        };
        let asked = server.seen();
        let range = asked
            .iter()
            .find(|a| a.query().starts_with("sum by"))
            .unwrap();
        let at = |key: &str| range.with[key].parse::<i64>().unwrap();
        assert_eq!(at("end") % 300, 0);
        lengths.push(at("end") - at("start"));
        seen.push(rows);
    }
    assert_eq!(lengths, [6 * 3_600, 600]);
    assert_eq!(seen[0].len(), 1);
    let (whole, tail) = (&seen[0][0], &seen[1][0]);
    assert_eq!(whole.values.len(), 73);
    let bits = |s: &SignalSeries| s.values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    assert_eq!((whole.start, bits(whole)), (tail.start, bits(tail)));
    assert!(whole.values.iter().any(|v| v.is_nan()), "gaps stay gaps");
}

#[tokio::test]
async fn what_was_served_is_rebuilt_from_request_counters() {
    let server = Server::start(|asked| {
        if !asked.query().contains("service_version") {
            return vector(&[]);
        }
        let start = asked.with["start"].parse::<i64>().unwrap();
        let step = asked.with["step"].parse::<i64>().unwrap();
        let end = asked.with["end"].parse::<i64>().unwrap();
        let moved = NOW / step * step - 50 * step;
        let row = |version: &str, from: i64, to: i64| {
            let values: Vec<Value> = (start..=end)
                .step_by(step as usize)
                .filter(|t| (from..=to).contains(t))
                .map(|t| json!([t, "2"]))
                .collect();
            json!({"metric": {"service_name": "a", "service_version": version}, "values": values})
        };
        let rows = json!([row("v1", 0, moved), row("v2", moved, end)]);
        (
            200,
            json!({"status": "success", "data": {"result": rows}}).to_string(),
        )
    })
    .await;
    let source = server.source(only("bentoml"));
    let mut looks = Vec::new();
    for _ in 0..2 {
        let answer = poll(&source, Feed::ServedHistory).await.unwrap();
        assert_eq!(answer.coverage, Coverage::Full(Scope::Served));
        let Rows::Served(mut rows) = answer.rows else {
            panic!("spans");
        };
        rows.sort_by_key(|r| r.key.from);
        looks.push(rows);
    }
    assert_eq!(looks[0], looks[1], "a second look says the same");
    let versions: Vec<&str> = looks[0].iter().map(|r| r.key.version.raw()).collect();
    assert_eq!(versions, ["v1", "v2"]);
    assert_eq!(looks[0][0].until, looks[0][1].key.from);
    assert_eq!(looks[0][0].step_ms, 3_600_000);
}

#[tokio::test]
async fn a_history_that_failed_is_read_whole_the_next_time_and_others_by_their_tail() {
    let failed = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let fails = Arc::clone(&failed);
    let server = Server::start(move |asked| {
        if asked.path != "/api/v1/query_range" {
            return vector(&[]);
        }
        if asked.query().contains("revision_name") && fails.load(Ordering::Relaxed) {
            let error =
                json!({"status": "error", "errorType": "execution", "error": "too many samples"});
            return (422, error.to_string());
        }
        (
            200,
            json!({"status": "success", "data": {"result": []}}).to_string(),
        )
    })
    .await;
    let source = server.source(|settings| {
        let two = |p: &&Preset| matches!(p.name.as_str(), "bentoml" | "knative");
        settings.monitoring.presets = presets().iter().filter(two).cloned().collect();
        settings.monitoring.all = true;
    });
    let mut hours = Vec::new();
    for fail in [true, false, false] {
        failed.store(fail, Ordering::Relaxed);
        let answer = poll(&source, Feed::ServedHistory).await.unwrap();
        assert_eq!(answer.partial.is_some(), fail);
        assert_eq!(answer.coverage, Coverage::Full(Scope::Served));
        let length = |word: &str| {
            let seen = source_of(&server, word);
            let at = |key: &str| seen.with[key].parse::<i64>().unwrap();
            (at("end") - at("start")) / 3_600
        };
        hours.push([length("service_version"), length("revision_name")]);
        server.seen();
    }
    let all = hours[0][0];
    assert!(all > 24, "{hours:?}");
    assert_eq!(hours, [[all, all], [3, all], [3, 3]]);
}

#[tokio::test]
async fn what_ended_before_the_history_is_gone_though_a_preset_fails_every_time() {
    let server = Server::start(|asked| {
        if asked.path != "/api/v1/query_range" {
            return vector(&[]);
        }
        if asked.query().contains("revision_name") {
            let error =
                json!({"status": "error", "errorType": "execution", "error": "too many samples"});
            return (422, error.to_string());
        }
        let end = asked.with["end"].parse::<i64>().unwrap();
        let version = if end > NOW { "v2" } else { "v1" };
        let labels = json!({"service_name": "a", "service_version": version});
        let rows = json!([{"metric": labels, "values": [[end, "1"]]}]);
        let body = json!({"status": "success", "data": {"result": rows}});
        (200, body.to_string())
    })
    .await;
    let source = server.source(|settings| {
        let two = |p: &&Preset| matches!(p.name.as_str(), "bentoml" | "knative");
        settings.monitoring.presets = presets().iter().filter(two).cloned().collect();
        settings.monitoring.all = true;
    });
    let history = source.monitoring.history;
    let mut told = Vec::new();
    for ahead in [Duration::ZERO, history + Duration::from_secs(7_200)] {
        let at = Millis(NOW * 1_000).plus(ahead);
        source.memory().clock = Some((at, tokio::time::Instant::now()));
        let answer = poll(&source, Feed::ServedHistory).await.unwrap();
        assert!(answer.partial.is_some());
        assert_eq!(answer.coverage, Coverage::Full(Scope::Served));
        let Rows::Served(rows) = answer.rows else {
            panic!("spans");
        };
        told.push(rows.into_iter().map(|r| r.key.version).collect::<Vec<_>>());
    }
    assert_eq!(told, [[Key::new("v1")], [Key::new("v2")]]);
}

/// The range that was asked for with a word in its query.
fn source_of(server: &Server, word: &str) -> Asked {
    let seen = server.seen.lock().unwrap();
    let mut ranges = seen.iter().filter(|a| a.path.ends_with("query_range"));
    ranges.find(|a| a.query().contains(word)).cloned().unwrap()
}

#[tokio::test]
async fn alerts_are_charted_as_a_strip_and_by_their_own_expression() {
    let server = Server::start(|asked| {
        let start = asked.with["start"].parse::<i64>().unwrap();
        let rows = if asked.query().contains("ALERTS{model=\"a\"}") {
            json!([
                {"metric": {"alertname": "Burn", "alertstate": "pending"}, "values": [[start, "1"], [start + 30, "1"]]},
                {"metric": {"alertname": "Burn", "alertstate": "firing"}, "values": [[start + 30, "1"]]},
            ])
        } else {
            assert_eq!(asked.query(), "sum(x) by (model)");
            json!([{"metric": {"model": "a", "z": "\u{1b}[1m"}, "values": [[start, "0.5"]]}])
        };
        (200, json!({"status": "success", "data": {"result": rows}}).to_string())
    })
    .await;
    let source = server.source(only("kserve"));
    let span = Span {
        seconds: 3_600,
        until: Some(Millis(NOW * 1_000)),
        columns: 60,
    };
    let strip = Query::AlertStrip {
        model: Key::new("a"),
        span,
    };
    let Detail::Series(strip) = source.fetch(strip).await.unwrap() else {
        panic!("series");
    };
    assert_eq!(strip.len(), 1);
    assert_eq!(strip[0].key.part, Key::new("Burn"));
    assert_eq!(strip[0].values[..2], [1.0, 2.0]);
    assert!(strip[0].values[2].is_nan());
    let expression = Query::Expression {
        query: Key::new("sum(x) by (model)"),
        span,
    };
    let Detail::Series(rows) = source.fetch(expression).await.unwrap() else {
        panic!("series");
    };
    assert_eq!(rows[0].key.model, Key::new("a"));
    assert!(!rows[0].key.part.raw().contains('\u{1b}'));
    assert_eq!(rows[0].values[0].to_bits(), 0.5_f32.to_bits());
}

#[tokio::test]
async fn alerts_of_an_earlier_time_are_as_they_were_recorded_then() {
    let server = Server::start(|asked| {
        assert_eq!(asked.with["time"], "1795629600.000");
        let row = |labels: Value, value: &str| json!({"metric": labels, "value": [NOW, value]});
        let burn = |name: &str, state: Option<&str>| {
            let mut labels =
                json!({"__name__": name, "alertname": "Burn", "model": "a", "severity": "page"});
            if let Some(state) = state {
                labels["alertstate"] = json!(state);
            }
            labels
        };
        let rows = match asked.query() {
            // In the minute of its turn an alert is both.
            "ALERTS" => json!([
                row(burn("ALERTS", Some("pending")), "1"),
                row(burn("ALERTS", Some("firing")), "1"),
                row(json!({"alertname": "Slow", "alertstate": "pending"}), "1"),
                row(json!({"alertname": "Odd", "alertstate": "inactive"}), "1"),
                row(json!({"alertname": "None"}), "1"),
            ]),
            "ALERTS_FOR_STATE" => json!([
                row(burn("ALERTS_FOR_STATE", None), "1795629000"),
                row(
                    json!({"__name__": "ALERTS_FOR_STATE", "alertname": "Slow"}),
                    "NaN"
                ),
            ]),
            other => panic!("{other}"),
        };
        (
            200,
            json!({"status": "success", "data": {"result": rows}}).to_string(),
        )
    })
    .await;
    let source = server.source(only("kserve"));
    let at = Millis(1_795_629_600_000);
    let Detail::Alerts { alerts, partial } = source.fetch(Query::AlertsAt(at)).await.unwrap()
    else {
        panic!("alerts");
    };
    assert_eq!(partial, None);
    let mut seen: Vec<_> = alerts
        .iter()
        .map(|a| (a.name.as_str(), a.state, a.level, a.since))
        .collect();
    seen.sort_by_key(|row| row.0);
    let began = Millis(1_795_629_000_000);
    assert_eq!(
        seen,
        [
            ("Burn", AlertState::Firing, Level::Crit, began),
            ("Slow", AlertState::Pending, Level::Warn, at),
        ]
    );
    let burn = alerts.iter().find(|a| a.name == "Burn").unwrap();
    assert_eq!(burn.model, Some(Key::new("a")));
    assert!(burn.labels.iter().all(|(name, _)| *name != "alertstate"));
}
