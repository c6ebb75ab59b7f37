//! Whole looks against a server on loopback that answers from a table.

mod recorded;
mod v2;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;

use super::*;
use crate::domain::deployment::{Known, ServedState};

/// What the server answers to `METHOD /path`: status, content type, body.
type Table = BTreeMap<String, (u16, String, String)>;

/// A server on loopback: its answers may be changed, its requests are kept.
#[derive(Clone)]
struct Stage {
    table: Arc<Mutex<Table>>,
    seen: Arc<Mutex<Vec<String>>>,
    url: String,
}

/// In place of a status: takes the request and never answers.
const HANGS: u16 = 0;
/// In place of a status: answers 200 after [`DELAY`].
const SLOW: u16 = 1;
const DELAY: Duration = Duration::from_millis(300);

const JSON: &str = "application/json";
const TEXT: &str = "text/plain";
const HTML: &str = "text/html; charset=utf-8";

impl Stage {
    async fn start(rows: &[(&'static str, u16, &'static str, &str)]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stage = Self {
            table: Arc::default(),
            seen: Arc::default(),
            url: format!("http://{}", listener.local_addr().unwrap()),
        };
        stage.set(rows);
        let app = Router::new()
            .fallback(Self::answer)
            .with_state(stage.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        stage
    }

    fn set(&self, rows: &[(&'static str, u16, &'static str, &str)]) {
        let mut table = self.table.lock().unwrap();
        for (line, status, kind, body) in rows {
            table.insert(
                (*line).to_owned(),
                (*status, (*kind).to_owned(), (*body).to_owned()),
            );
        }
    }

    async fn answer(State(stage): State<Self>, request: Request) -> Response {
        let line = format!("{} {}", request.method(), request.uri().path());
        let (status, kind, body) = stage.table.lock().unwrap().get(&line).cloned().unwrap_or((
            404,
            HTML.to_owned(),
            "<html>Not Found</html>".to_owned(),
        ));
        stage.seen.lock().unwrap().push(line);
        if status == HANGS {
            std::future::pending::<()>().await;
        }
        if status == SLOW {
            tokio::time::sleep(DELAY).await;
            return Response::new(Body::empty());
        }
        Response::builder()
            .status(status)
            .header("content-type", kind)
            .body(Body::from(body))
            .unwrap()
    }

    /// A server that answers what a real one was recorded to answer.
    async fn recorded(folder: &str) -> Self {
        let stage = Self::start(&[]).await;
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
        for file in std::fs::read_dir(root.join(folder)).unwrap() {
            let row = recording(&file.unwrap().path());
            let line = format!(
                "{} {}",
                row["request"]["method"].as_str().unwrap(),
                row["request"]["path"].as_str().unwrap()
            );
            stage.table.lock().unwrap().insert(line, answer_of(&row));
        }
        stage
    }

    /// Answers a line with one recording of several.
    fn replay(&self, line: &str, file: &str) {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
        let answer = answer_of(&recording(&root.join(file)));
        self.table.lock().unwrap().insert(line.to_owned(), answer);
    }

    fn body(&self, line: &str) -> serde_json::Value {
        serde_json::from_str(&self.table.lock().unwrap()[line].2).unwrap()
    }

    fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }

    fn source<P: Protocol>(&self, model: Option<&str>) -> Serving<P> {
        self.source_within(model, None)
    }

    fn source_within<P: Protocol>(
        &self,
        model: Option<&str>,
        deadline: Option<Duration>,
    ) -> Serving<P> {
        let deployment = DeploymentSettings {
            name: "prod-fraud".to_owned(),
            kind: P::KIND,
            url: self.url.clone(),
            model: model.map(str::to_owned),
            served_name: None,
            follows: crate::domain::settings::Follows::Default,
            environment: None,
            version_map: None,
            declared_version: None,
            hold: None,
            rollout: crate::domain::settings::Rollout::None,
            hook: None,
        };
        let mut source = SourceSettings::new("prod-fraud", SourceKind::Serving(P::KIND), &self.url);
        source.probe_timeout = deadline;
        Serving::new(&source, &deployment).unwrap()
    }
}

fn recording(file: &std::path::Path) -> serde_json::Value {
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

fn answer_of(row: &serde_json::Value) -> (u16, String, String) {
    let kind = row["headers"]["content-type"].as_str().unwrap_or_default();
    let body = row["body_text"]
        .as_str()
        .map_or_else(|| row["body"].to_string(), str::to_owned);
    let status = u16::try_from(row["status"].as_u64().unwrap()).unwrap();
    (status, kind.to_owned(), body)
}

async fn look<P: Protocol>(source: &Serving<P>) -> Result<EndpointReading, Fault> {
    let answer = source.poll(Feed::Endpoint, &Focus::default()).await?;
    assert_eq!(answer.coverage, Coverage::Full(Scope::Endpoints));
    match answer.rows {
        Rows::Endpoints(mut rows) if rows.len() == 1 => Ok(rows.remove(0)),
        rows => panic!("one endpoint expected, found {rows:?}"),
    }
}

fn words(reading: &EndpointReading) -> Vec<(&str, ServedState)> {
    reading
        .versions
        .iter()
        .map(|v| {
            assert_eq!(v.known, Known::Reported);
            (v.version.raw(), v.state)
        })
        .collect()
}

const MLSERVER: [(&str, u16, &str, &str); 4] = [
    (
        "GET /v2",
        200,
        JSON,
        r#"{"name":"mlserver","version":"1.7.1","extensions":[]}"#,
    ),
    ("GET /v2/health/ready", 200, TEXT, ""),
    ("GET /v2/models/fraud/ready", 200, TEXT, ""),
    (
        "POST /v2/repository/index",
        200,
        JSON,
        r#"[{"name":"fraud","version":"9","state":"READY","reason":""},
            {"name":"fraud","version":"10","state":"READY","reason":""},
            {"name":"other","version":"99","state":"READY","reason":""}]"#,
    ),
];

#[test]
fn the_deadline_of_a_probe_follows_its_cadence() {
    let deadline = |every: u64, timeout: u64, own: Option<u64>| {
        let kind = SourceKind::Serving(DeploymentKind::V2);
        let mut settings = SourceSettings::new("s", kind, "http://serve.test");
        settings.every = Duration::from_secs(every);
        settings.timeout = Duration::from_secs(timeout);
        settings.probe_timeout = own.map(Duration::from_secs);
        settings.probe_deadline().as_secs()
    };
    for (every, timeout, own, want) in [
        (5, 10, None, 5),
        (2, 10, None, 4),
        (0, 10, None, 1),
        (60, 10, None, 5),
        (5, 3, None, 3),
        (5, 10, Some(8), 8),
        (5, 3, Some(20), 20),
    ] {
        assert_eq!(
            deadline(every, timeout, own),
            want,
            "{every} {timeout} {own:?}"
        );
    }
}

#[tokio::test]
async fn a_page_is_not_health() {
    let page = "<!doctype html><title>Sign in</title>";
    let stage = Stage::start(&[
        ("GET /v2/health/ready", 200, HTML, page),
        ("GET /readyz", 200, HTML, page),
        ("GET /metrics", 200, HTML, page),
        ("GET /ping", 200, HTML, page),
        ("GET /version", 200, HTML, page),
        ("GET /v1/models/fraud", 200, HTML, page),
    ])
    .await;
    let faults = [
        look(&stage.source::<V2>(Some("fraud"))).await,
        look(&stage.source::<Bentoml>(Some("fraud"))).await,
        look(&stage.source::<MlflowServe>(Some("fraud"))).await,
        look(&stage.source::<Tfserving>(Some("fraud"))).await,
    ];
    for fault in faults {
        let kind = fault.unwrap_err().kind;
        assert!(
            matches!(kind, FaultKind::Decode { .. } | FaultKind::Auth),
            "{kind:?}"
        );
    }
}

#[tokio::test]
async fn another_product_is_no_route_and_nobody_is_unreachable() {
    let stage = Stage::start(&[]).await;
    for fault in [
        look(&stage.source::<V2>(Some("fraud"))).await,
        look(&stage.source::<Bentoml>(Some("fraud"))).await,
        look(&stage.source::<MlflowServe>(Some("fraud"))).await,
        look(&stage.source::<Tfserving>(Some("fraud"))).await,
    ] {
        assert_eq!(fault.unwrap_err().kind, FaultKind::NoRoute);
    }
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let dead = Stage {
        url: format!("http://{}", listener.local_addr().unwrap()),
        ..stage
    };
    drop(listener);
    for fault in [
        look(&dead.source::<V2>(Some("fraud"))).await,
        look(&dead.source::<Bentoml>(Some("fraud"))).await,
        look(&dead.source::<MlflowServe>(Some("fraud"))).await,
        look(&dead.source::<Tfserving>(Some("fraud"))).await,
    ] {
        assert_eq!(fault.unwrap_err().kind, FaultKind::Unreachable);
    }
}

#[tokio::test]
async fn bentoml_prefers_its_metrics_and_falls_back_to_its_description() {
    let stage = Stage::start(&[
        ("GET /readyz", 200, TEXT, "\n"),
        (
            "GET /metrics",
            200,
            TEXT,
            "bentoml_service_request_total{service_name=\"fraud_svc\",service_version=\"v5\"} 1\n",
        ),
        ("GET /docs.json", 200, JSON, r#"{"info":{"version":"v6"}}"#),
    ])
    .await;
    let source: Serving<Bentoml> = stage.source(Some("fraud"));
    let reading = look(&source).await.unwrap();
    assert_eq!(words(&reading), [("v5", ServedState::Answering)]);
    assert_eq!(reading.server, "BentoML service fraud_svc");
    assert_eq!(stage.requests(), ["GET /metrics", "GET /readyz"]);
    stage.set(&[("GET /metrics", 404, TEXT, "")]);
    let reading = look(&source).await.unwrap();
    assert_eq!(words(&reading), [("v6", ServedState::Answering)]);
    stage.set(&[("GET /docs.json", 500, TEXT, "")]);
    let reading = look(&source).await.unwrap();
    assert_eq!((reading.health, reading.versions.len()), (Health::Ready, 0));
    assert!(reading.message.as_str().contains("could not be read"));
    stage.set(&[("GET /readyz", 503, TEXT, "")]);
    assert_eq!(look(&source).await.unwrap().health, Health::NotReady);
}

#[tokio::test]
async fn mlflow_serve_never_has_a_version() {
    let stage = Stage::start(&[
        ("GET /ping", 200, JSON, "\n"),
        ("GET /version", 200, TEXT, "3.17.2"),
    ])
    .await;
    let source: Serving<MlflowServe> = stage.source(Some("fraud"));
    let reading = look(&source).await.unwrap();
    assert_eq!((reading.health, reading.versions.len()), (Health::Ready, 0));
    assert_eq!(reading.server, "mlflow 3.17.2 scoring server");
    assert_eq!(stage.requests(), ["GET /version", "GET /ping"]);
    let abilities = source.probe().await.unwrap();
    assert_eq!(abilities.server, "mlflow 3.17.2 scoring server");
    assert!(abilities.remarks[0].as_str().contains("cannot tell"));
}

#[tokio::test]
async fn tfserving_tells_its_states_and_a_missing_model() {
    let stage = Stage::start(&[
        (
            "GET /v1/models/fraud",
            200,
            JSON,
            r#"{"model_version_status":[{"version":"2","state":"AVAILABLE","status":{"error_code":"OK"}}]}"#,
        ),
        (
            "GET /v1/models/nope",
            404,
            JSON,
            r#"{"error":"Could not find any versions of model nope"}"#,
        ),
    ])
    .await;
    let reading = look(&stage.source::<Tfserving>(Some("fraud")))
        .await
        .unwrap();
    assert_eq!(words(&reading), [("2", ServedState::Answering)]);
    assert_eq!(stage.requests().len(), 1);
    let reading = look(&stage.source::<Tfserving>(Some("nope")))
        .await
        .unwrap();
    assert_eq!(reading.health, Health::Missing);
    assert!(reading.message.as_str().contains("versions of model nope"));
}

#[tokio::test]
async fn a_name_stays_in_its_path_and_text_is_cleaned() {
    let stage = Stage::start(&[
        ("GET /v2", 200, JSON, r#"{"name":"x\u001b]0;t\u0007","version":"1\u202e"}"#),
        ("GET /v2/health/ready", 200, TEXT, ""),
        ("GET /v2/models/a%2F..%2Fb/ready", 200, TEXT, ""),
        (
            "POST /v2/repository/index",
            200,
            JSON,
            r#"[{"name":"a/../b","version":"1\u001b[2J","state":"WAR\u001b[31mM","reason":"\u0007late"}]"#,
        ),
    ])
    .await;
    let reading = look(&stage.source::<V2>(Some("a/../b"))).await.unwrap();
    assert_eq!(reading.health, Health::Ready);
    assert_eq!(reading.server, "x 1");
    assert_eq!(reading.versions[0].version.clean(), "1");
    assert_eq!(reading.versions[0].message, "WARM: late");
}

#[tokio::test]
async fn nothing_else_can_be_asked_of_an_endpoint() {
    let stage = Stage::start(&[]).await;
    let source: Serving<V2> = stage.source(None);
    let query = Query::LoggedModelArtifacts {
        model: Key::new("m"),
        path: Key::new(""),
    };
    let fault = source.fetch(query).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Unsupported);
    let fault = source
        .poll(Feed::Models, &Focus::default())
        .await
        .unwrap_err();
    assert_eq!(fault.kind, FaultKind::Unsupported);
    assert!(stage.requests().is_empty());
}
