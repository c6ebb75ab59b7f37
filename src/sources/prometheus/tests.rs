//! The adapter against a scripted server, against recordings of real ones, and against hostile answers.

mod flavours;
mod recorded;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::extract::{Request, State};
use axum::response::Response;
use serde_json::{Value, json};

use super::Prometheus;
use crate::config::presets;
use crate::domain::alert::AlertState;
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::key::Key;
use crate::domain::level::Level;
use crate::domain::observation::{Answer, Coverage, Feed, Rows, Scope};
use crate::domain::query::{Detail, Query, Span};
use crate::domain::settings::{SourceKind, SourceSettings};
use crate::domain::signal::{
    Direction, LinesFrom, Measure, Measured, NameMap, SignalReading, SignalSeries, Unit,
};
use crate::domain::time::Millis;
use crate::sources::{Focus, Source as _};

/// A question: method, path, and the parameters wherever they travelled.
#[derive(Clone, Debug, PartialEq)]
struct Asked {
    method: String,
    path: String,
    with: BTreeMap<String, String>,
    headers: BTreeMap<String, String>,
}

impl Asked {
    fn query(&self) -> &str {
        self.with.get("query").map_or("", String::as_str)
    }
}

type Script = Arc<dyn Fn(&Asked) -> (u16, String) + Send + Sync>;

#[derive(Clone)]
struct Server {
    script: Script,
    seen: Arc<Mutex<Vec<Asked>>>,
    url: String,
}

impl Server {
    async fn start(script: impl Fn(&Asked) -> (u16, String) + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            script: Arc::new(script),
            seen: Arc::default(),
            url: format!("http://{}", listener.local_addr().unwrap()),
        };
        let app = axum::Router::new()
            .fallback(answer)
            .with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        server
    }

    fn source(&self, change: impl FnOnce(&mut SourceSettings)) -> Prometheus {
        let mut settings = SourceSettings::new("p", SourceKind::Prometheus, &self.url);
        settings.monitoring.presets = presets();
        change(&mut settings);
        Prometheus::new(&settings).unwrap()
    }

    fn seen(&self) -> Vec<Asked> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }
}

async fn answer(State(server): State<Server>, request: Request) -> Response {
    let method = request.method().to_string();
    let path = request.uri().path().to_owned();
    let query = request.uri().query().unwrap_or_default().to_owned();
    let headers = request.headers().iter();
    let headers = headers
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    let body = axum::body::to_bytes(request.into_body(), 1 << 20)
        .await
        .unwrap();
    let form = format!("http://x/?{query}&{}", String::from_utf8_lossy(&body));
    let with = reqwest::Url::parse(&form)
        .unwrap()
        .query_pairs()
        .into_owned()
        .filter(|(name, _)| !name.is_empty())
        .collect();
    let asked = Asked {
        method,
        path,
        with,
        headers,
    };
    let (status, body) = (server.script)(&asked);
    server.seen.lock().unwrap().push(asked);
    let kind = if body.starts_with('{') {
        "application/json"
    } else {
        "text/plain"
    };
    Response::builder()
        .status(status)
        .header("content-type", kind)
        .header("date", "Wed, 25 Nov 2026 18:00:02 GMT")
        .body(body.into())
        .unwrap()
}

/// The instant that the server's clock shows.
const NOW: i64 = 1_795_629_602;

fn vector(rows: &[(&[(&str, &str)], &str)]) -> (u16, String) {
    let rows: Vec<Value> = rows
        .iter()
        .map(|(labels, value)| {
            let labels: BTreeMap<_, _> = labels.iter().copied().collect();
            json!({"metric": labels, "value": [NOW, value]})
        })
        .collect();
    let body = json!({"status": "success", "data": {"resultType": "vector", "result": rows}});
    (200, body.to_string())
}

fn only(name: &str) -> impl FnOnce(&mut SourceSettings) + '_ {
    move |settings| {
        let chosen = presets()
            .iter()
            .filter(|p| p.name == name)
            .cloned()
            .collect();
        settings.monitoring.presets = chosen;
        settings.monitoring.all = true;
    }
}

async fn poll(source: &Prometheus, feed: Feed) -> Result<Answer, Fault> {
    source.poll(feed, &Focus::default()).await
}

async fn readings(source: &Prometheus) -> Vec<SignalReading> {
    match poll(source, Feed::Signals).await.unwrap().rows {
        Rows::Signals(rows) => rows,
        other => panic!("{other:?}"),
    }
}

fn find<'a>(
    rows: &'a [SignalReading],
    model: &str,
    measure: Measure,
    part: &str,
) -> &'a SignalReading {
    rows.iter()
        .find(|r| {
            r.key.model == Key::new(model)
                && r.key.measure == measure
                && r.key.part == Key::new(part)
                && r.key.version.raw().is_empty()
        })
        .unwrap_or_else(|| panic!("no {measure} of {model}: {rows:#?}"))
}

#[tokio::test]
async fn one_query_finds_the_presets_and_one_a_signal_reads_them() {
    let server = Server::start(|asked| {
        let query = asked.query();
        if query.starts_with("count by (__name__)") {
            return vector(&[
                (&[("__name__", "bentoml_service_request_total")], "3"),
                (&[("__name__", "something_else")], "3"),
            ]);
        }
        match query {
            q if q.starts_with("sum by (service_name, service_version)") => vector(&[
                (&[("service_name", "a"), ("service_version", "v1")], "1.5"),
                (&[("service_name", "a"), ("service_version", "v2")], "0.5"),
            ]),
            q if q.starts_with("sum by (service_name) (rate") => vector(&[
                (&[("service_name", "a")], "2"),
                (&[("service_name", "quiet")], "0"),
            ]),
            q if q.starts_with("(sum by (service_name) ") => vector(&[
                (&[("service_name", "a")], "0.25"),
                (&[("service_name", "quiet")], "NaN"),
            ]),
            q if q.starts_with("histogram_quantile(0.95, sum by (service_name, le)") => {
                vector(&[(&[("service_name", "a")], "+Inf")])
            }
            _ => vector(&[]),
        }
    })
    .await;
    let source = server.source(|settings| {
        settings.monitoring.selector = "ns=\"prod\"".to_owned();
    });
    let answer = poll(&source, Feed::Signals).await.unwrap();
    assert_eq!(answer.coverage, Coverage::Full(Scope::Signals));
    assert_eq!(answer.server_time, Some(Millis(NOW * 1_000)));
    let Rows::Signals(rows) = answer.rows else {
        panic!("signals");
    };
    let state = |model, measure| find(&rows, model, measure, "").value;
    assert_eq!(state("a", Measure::Requests), Measured::Value(2.0));
    assert_eq!(state("quiet", Measure::Requests), Measured::Value(0.0));
    assert_eq!(state("a", Measure::ErrorRatio), Measured::Value(0.25));
    assert_eq!(state("quiet", Measure::ErrorRatio), Measured::NoTraffic);
    assert_eq!(
        state("a", Measure::LatencyP95),
        Measured::Value(f64::INFINITY)
    );
    assert_eq!(state("quiet", Measure::LatencyP95), Measured::NoTraffic);
    let v1 = rows.iter().find(|r| r.key.version == Key::new("v1"));
    assert_eq!(v1.map(|r| r.value), Some(Measured::Value(1.5)));
    let asked = server.seen();
    let bentoml = presets();
    let bentoml = bentoml.iter().find(|p| p.name == "bentoml").unwrap();
    let queries = bentoml.signals.len()
        + bentoml
            .signals
            .iter()
            .filter(|s| s.by_version.is_some())
            .count();
    assert_eq!(asked.len(), 1 + queries, "one each");
    for one in &asked {
        assert_eq!(
            (one.method.as_str(), one.path.as_str()),
            ("POST", "/api/v1/query")
        );
        assert!(one.query().contains("ns=\"prod\""), "{}", one.query());
        assert!(!one.query().contains('$'), "{}", one.query());
    }
    readings(&source).await;
    assert_eq!(server.seen().len(), queries, "what is there is remembered");
}

#[tokio::test]
async fn drift_is_read_with_its_method_line_rows_and_last_run() {
    let server = Server::start(|asked| match asked.query() {
        q if q.contains("ml_feature_drift_score") && q.starts_with("max by (model, feature") => {
            vector(&[
                (
                    &[("model", "m"), ("feature", "amount"), ("method", "PSI")],
                    "0.31",
                ),
                (
                    &[
                        ("model", "m"),
                        ("feature", "age"),
                        ("method", "K-S p_value"),
                    ],
                    "0.02",
                ),
                (
                    &[("model", "m"), ("feature", "x"), ("method", "psychic")],
                    "5",
                ),
                (
                    &[("model", "m"), ("feature", "y"), ("method", "PSI")],
                    "NaN",
                ),
            ])
        }
        q if q.contains("ml_feature_drift_threshold") && !q.contains("score") => vector(&[(
            &[("model", "m"), ("feature", "amount"), ("method", "PSI")],
            "0.2",
        )]),
        q if q.contains("window=\"current\"") => vector(&[(&[("model", "m")], "212")]),
        q if q.contains("window=\"reference\"") => vector(&[(&[("model", "m")], "20000")]),
        q if q.contains("last_run") => vector(&[(&[("model", "m")], "1795600000.5")]),
        _ => vector(&[]),
    })
    .await;
    let rows = readings(&server.source(only("quarterdeck"))).await;
    let amount = find(&rows, "m", Measure::FeatureDrift, "amount");
    assert_eq!(amount.value, Measured::Value(0.31));
    assert_eq!(amount.direction, Direction::HighIsBad);
    assert_eq!(amount.lines_from, LinesFrom::Series);
    assert_eq!(amount.lines.as_ref().and_then(|l| l.warn), Some(0.2));
    assert_eq!((amount.n, amount.reference_n), (Some(212), Some(20_000)));
    assert_eq!(amount.written_at, Some(Millis(1_795_600_000_500)));
    let age = find(&rows, "m", Measure::FeatureDrift, "age");
    assert_eq!(
        (age.direction, age.unit),
        (Direction::LowIsBad, Unit::PValue)
    );
    assert_eq!(age.lines.as_ref().and_then(|l| l.warn), Some(0.05));
    let psychic = find(&rows, "m", Measure::FeatureDrift, "x");
    assert_eq!(psychic.direction, Direction::Neither);
    let missing = find(&rows, "m", Measure::FeatureDrift, "y");
    assert_eq!(missing.value, Measured::NotANumber);
    assert_eq!(
        find(&rows, "m", Measure::LastRun, "").value,
        Measured::Value(1_795_600_000.5)
    );
}

#[tokio::test]
async fn names_are_mapped_and_two_that_become_one_are_joined() {
    let server = Server::start(|asked| match asked.query() {
        q if q.starts_with("sum by (model_name) (rate(:tensorflow") => vector(&[
            (&[("model_name", "fraud-svc")], "2"),
            (&[("model_name", "fraud_old")], "3"),
            (&[("model_name", "")], "9"),
            (&[("other", "x")], "9"),
        ]),
        q if q.starts_with("histogram_quantile(0.95") => vector(&[
            (&[("model_name", "fraud-svc")], "100000"),
            (&[("model_name", "fraud_old")], "300000"),
            (&[("model_name", "fraud_old")], "200000"),
        ]),
        _ => vector(&[]),
    })
    .await;
    let source = server.source(|settings| {
        only("tfserving")(settings);
        settings.monitoring.models = NameMap {
            table: vec![("fraud_old".to_owned(), "fraud".to_owned())],
            regex: Some("^(.*)-svc$".to_owned()),
        };
    });
    let rows = readings(&source).await;
    let models: std::collections::BTreeSet<_> = rows.iter().map(|r| r.key.model.clone()).collect();
    assert_eq!(models.into_iter().collect::<Vec<_>>(), [Key::new("fraud")]);
    let value = |measure| find(&rows, "fraud", measure, "").value.value().unwrap();
    assert!((value(Measure::Requests) - 5.0).abs() < 1e-9);
    assert!(
        (value(Measure::LatencyP95) - 0.3).abs() < 1e-9,
        "microseconds"
    );
    server.seen();
    let span = Span {
        seconds: 3_600,
        until: None,
        columns: 60,
    };
    let query = Query::Series {
        model: Key::new("fraud"),
        measure: Measure::Requests,
        span,
    };
    source.fetch(query).await.unwrap();
    let asked = server.seen();
    let [range] = asked.as_slice() else {
        panic!("{asked:?}");
    };
    assert_eq!(range.path, "/api/v1/query_range");
    assert!(
        range
            .query()
            .contains(r#"model_name=~"fraud-svc|fraud_old""#),
        "{}",
        range.query()
    );
    assert_eq!(
        (range.with["step"].as_str(), range.with["end"].as_str()),
        ("30", "1795629600")
    );
}

#[tokio::test]
async fn a_proxy_that_allows_only_get_is_asked_by_get() {
    for status in [403, 405] {
        let server = Server::start(move |asked| match asked.method.as_str() {
            "POST" => (status, "no".to_owned()),
            _ => vector(&[(&[("model_name", "a")], "1")]),
        })
        .await;
        let source = server.source(only("kserve"));
        assert!(!readings(&source).await.is_empty());
        let posts = server.seen().iter().filter(|a| a.method == "POST").count();
        assert_eq!(posts, 1, "then it is known");
    }
    let server = Server::start(|_| (403, "no".to_owned())).await;
    let fault = poll(&server.source(only("kserve")), Feed::Signals).await;
    assert_eq!(fault.unwrap_err().kind, FaultKind::Forbidden);
}

#[tokio::test]
async fn every_refusal_is_the_right_fault() {
    let error = |kind: &str, text: &str| {
        json!({"status": "error", "errorType": kind, "error": text}).to_string()
    };
    for (status, body, kind) in [
        (
            400,
            error("bad_data", "invalid parameter \"query\": 1:14: parse error"),
            FaultKind::Refused,
        ),
        (
            422,
            error("execution", "many-to-many matching not allowed"),
            FaultKind::Refused,
        ),
        (
            503,
            error("timeout", "query timed out in expression evaluation"),
            FaultKind::Timeout,
        ),
        (503, error("unavailable", "x"), FaultKind::Server(503)),
        (500, error("internal", "x"), FaultKind::Server(500)),
        (401, "Unauthorized".to_owned(), FaultKind::Auth),
        (404, "404 page not found".to_owned(), FaultKind::NoRoute),
        (
            400,
            "Client sent an HTTP request to an HTTPS server.".to_owned(),
            FaultKind::Tls,
        ),
        (200, error("bad_data", "half a proxy"), FaultKind::Refused),
    ] {
        let reply = body.clone();
        let server = Server::start(move |_| (status, reply.clone())).await;
        let fault = poll(&server.source(only("kserve")), Feed::Signals).await;
        let fault = fault.expect_err(&body);
        assert_eq!(fault.kind, kind, "{body}: {fault}");
    }
    for body in [
        "<html><title>Graph</title></html>",
        "",
        "{\"status\":\"succ",
        "[]",
        "null",
    ] {
        let server = Server::start(move |_| (200, body.to_owned())).await;
        let fault = poll(&server.source(only("kserve")), Feed::Signals).await;
        let fault = fault.expect_err(body);
        assert!(
            matches!(fault.kind, FaultKind::Decode { .. }),
            "{body}: {fault}"
        );
    }
}

#[tokio::test]
async fn one_bad_query_spoils_one_signal() {
    let server = Server::start(|asked| match asked.query() {
        q if q.starts_with("histogram_quantile(0.99") => {
            let body = json!({"status": "error", "errorType": "bad_data", "error": "parse error"});
            (400, body.to_string())
        }
        _ => vector(&[(&[("model_name", "a")], "1")]),
    })
    .await;
    let source = server.source(only("kserve"));
    let answer = poll(&source, Feed::Signals).await.unwrap();
    assert_eq!(
        answer.coverage,
        Coverage::Partial,
        "nothing follows from absence"
    );
    assert_eq!(answer.rows.len(), 3);
    let Detail::SignalChecks(checks) = source.fetch(Query::SignalChecks).await.unwrap() else {
        panic!("checks");
    };
    let bad: Vec<_> = checks.iter().filter(|c| c.fault.is_some()).collect();
    assert_eq!(bad.len(), 1);
    assert_eq!(bad[0].measure, Measure::LatencyP99);
    assert_eq!(checks[0].series, 1);
    assert_eq!(checks[0].sample.as_str(), "model_name=a");
}

#[tokio::test]
async fn a_refused_line_spoils_nothing_else_of_its_signal() {
    let server = Server::start(|asked| match asked.query() {
        q if q.starts_with("max by (model, feature, method) (ml_feature_drift_score") => {
            vector(&[(
                &[("model", "m"), ("feature", "amount"), ("method", "PSI")],
                "0.31",
            )])
        }
        q if q.contains("ml_feature_drift_threshold") => {
            let body = json!({"status": "error", "errorType": "execution", "error": "too many"});
            (422, body.to_string())
        }
        q if q.contains("window=\"current\"") => vector(&[(&[("model", "m")], "212")]),
        q if q.contains("last_run") => vector(&[(&[("model", "m")], "1795600000")]),
        _ => vector(&[]),
    })
    .await;
    let source = server.source(only("quarterdeck"));
    let answer = poll(&source, Feed::Signals).await.unwrap();
    assert_eq!(answer.coverage, Coverage::Partial);
    let told = answer.partial.expect("it says what is missing");
    assert!(told.as_str().contains("too many"), "{told}");
    let Rows::Signals(rows) = answer.rows else {
        panic!("signals");
    };
    let amount = find(&rows, "m", Measure::FeatureDrift, "amount");
    assert_eq!(amount.value, Measured::Value(0.31));
    assert_eq!(amount.n, Some(212), "rows are known all the same");
    assert_eq!(amount.written_at, Some(Millis(1_795_600_000_000)));
    assert_eq!(amount.lines_from, LinesFrom::Preset);
    let Detail::SignalChecks(checks) = source.fetch(Query::SignalChecks).await.unwrap() else {
        panic!("checks");
    };
    let drift = checks
        .iter()
        .find(|c| c.measure == Measure::FeatureDrift)
        .unwrap();
    assert_eq!(drift.fault, None);
    let remarks: Vec<&str> = drift.remarks.iter().map(AsRef::as_ref).collect();
    assert!(
        remarks
            .iter()
            .any(|r| r.contains("`threshold`") && r.contains("too many")),
        "{remarks:?}"
    );
}

#[tokio::test]
async fn hostile_names_and_floods_are_survived_and_told() {
    let long = "x".repeat(50_000);
    let server = Server::start(move |asked| {
        if !asked.query().starts_with("sum by (model_name)") {
            return vector(&[]);
        }
        let mut rows: Vec<Value> = (0..10_050)
            .map(|n| json!({"metric": {"model_name": format!("m{n}")}, "value": [1, "1"]}))
            .collect();
        rows[0] = json!({"metric": {"model_name": long}, "value": [1, "1"]});
        rows[1] = json!({"metric": {"model_name": "a\u{1b}[31m\u{202e}b"}, "value": [1, "1"]});
        rows[2] = json!({"metric": {"model_name": "h"}, "histogram": [1, {}]});
        let labels: BTreeMap<String, String> = (0..5_000)
            .map(|n| (format!("l{n}"), "v".to_owned()))
            .chain([("model_name".to_owned(), "wide".to_owned())])
            .collect();
        rows[3] = json!({"metric": labels, "value": [1, "1"]});
        let body = json!({"status": "success", "data": {"result": rows}, "warnings": ["partial"]});
        (200, body.to_string())
    })
    .await;
    let source = server.source(only("kserve"));
    let answer = poll(&source, Feed::Signals).await.unwrap();
    assert_eq!(
        answer.coverage,
        Coverage::Partial,
        "what was left out is not gone"
    );
    let told = answer.partial.expect("it says what is missing");
    assert!(told.as_str().contains("10000 of 10050 series"), "{told}");
    let Rows::Signals(rows) = answer.rows else {
        panic!("signals");
    };
    assert!(rows.iter().all(|r| r.key.model.raw().len() <= 1_024));
    find(&rows, "wide", Measure::Requests, "");
    let odd = find(&rows, "a\u{1b}[31m\u{202e}b", Measure::Requests, "");
    assert!(!odd.key.model.clean().as_str().contains('\u{1b}'));
    let Detail::SignalChecks(checks) = source.fetch(Query::SignalChecks).await.unwrap() else {
        panic!("checks");
    };
    let requests = &checks[0];
    assert_eq!(requests.series, 10_050);
    let remarks: Vec<&str> = requests.remarks.iter().map(AsRef::as_ref).collect();
    assert!(remarks.contains(&"partial"), "{remarks:?}");
    assert!(
        remarks.iter().any(|r| r.contains("10000 of 10050 series")),
        "{remarks:?}"
    );
}

#[tokio::test]
async fn an_answer_over_the_limit_is_told_and_nothing_that_it_would_hold_is_gone() {
    let url = SourceSettings::new("p", SourceKind::Prometheus, "http://p.test");
    assert_eq!(url.max_answer, 16 * 1024 * 1024);
    let server = Server::start(move |asked| match asked.query() {
        q if q.starts_with("sum by (model_name)") => {
            let (status, body) = vector(&[(&[("model_name", "m")], "5")]);
            // White space within JSON counts as any other byte.
            (status, body + &" ".repeat(16 * 1024 * 1024))
        }
        q if q.starts_with("histogram_quantile(0.95") => vector(&[(&[("model_name", "m")], "0.2")]),
        _ => vector(&[]),
    })
    .await;
    let source = server.source(only("kserve"));
    let answer = poll(&source, Feed::Signals).await.unwrap();
    assert_eq!(answer.coverage, Coverage::Partial);
    let told = answer.partial.expect("it says what is missing");
    assert!(told.as_str().contains("16 MiB"), "{told}");
    let Rows::Signals(rows) = answer.rows else {
        panic!("signals");
    };
    find(&rows, "m", Measure::LatencyP95, "");
    assert!(rows.iter().all(|r| r.key.measure != Measure::Requests));
}

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
        assert_eq!(answer.coverage, Coverage::Partial);
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
async fn a_history_that_cannot_be_read_whole_says_so() {
    let server = Server::start(|asked| {
        if asked.query().contains("revision_name") {
            return (422, json!({"status": "error", "errorType": "execution", "error": "too many samples"}).to_string());
        }
        let rows = (0..10_050).map(|n| {
            let labels = json!({"service_name": format!("m{n}"), "service_version": "v1"});
            json!({"metric": labels, "values": [[asked.with.get("start").map_or(0, |s| s.parse::<i64>().unwrap()), "1"]]})
        });
        let rows: Vec<Value> = rows.collect();
        (200, json!({"status": "success", "data": {"result": rows}}).to_string())
    })
    .await;
    let source = server.source(only("bentoml"));
    let told = poll(&source, Feed::ServedHistory).await.unwrap().partial;
    let told = told.expect("it says what is missing");
    assert!(told.as_str().contains("10000 of 10050 series"), "{told}");
    let source = server.source(only("knative"));
    let told = poll(&source, Feed::ServedHistory).await.unwrap().partial;
    let told = told.expect("it says what is missing");
    assert!(told.as_str().contains("too many samples"), "{told}");
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
