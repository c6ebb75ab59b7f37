//! The adapter against a scripted server, against recordings of real ones, and against hostile answers.

mod flavours;
mod recorded;
mod refusals;
mod times;

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
    assert_eq!(asked.len(), 2 + queries, "one each");
    for (at, one) in asked.iter().enumerate() {
        // What was held until lately is a question of its own.
        let path = ["/api/v1/query", "/api/v1/query_range"][usize::from(at == 1)];
        assert_eq!((one.method.as_str(), one.path.as_str()), ("POST", path));
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
