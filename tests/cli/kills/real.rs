//! Kills at real MLflow servers. The program reaches each through a door on loopback that writes down what
//! is sent and hands it on whatever becomes of the sender, as a network does: what was on its way arrives.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};
use tokio::runtime::Handle;

use super::{ALONE, Registry, Sent, kill_many, say, seed, tally};

/// How long is killed at all servers together.
const TIME: Duration = Duration::from_secs(120);
/// The fewest kills a second that say anything.
const LEAST: f64 = 0.3;
/// The servers of the live fleet.
const SERVERS: [&str; 3] = ["mlflow3", "mlflow2", "mlflow29"];

/// A write as it came: method, path, body.
type Write = (String, String, Value);

/// A server behind a door.
#[derive(Clone)]
struct Server {
    base: String,
    client: reqwest::Client,
    seen: Arc<Mutex<Vec<Write>>>,
}

impl Server {
    fn new(base: &str) -> Self {
        // Refused when another test has installed the same one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]);
        let client = client.timeout(Duration::from_secs(60));
        Self {
            base: base.trim_end_matches('/').to_owned(),
            client: client.build().expect("a plain client"),
            seen: Arc::default(),
        }
    }

    /// Past the door; it must answer 200.
    async fn call(&self, method: Method, call: &str, body: &Value) -> Value {
        let url = format!("{}/api/2.0/mlflow/{call}", self.base);
        let request = self.client.request(method, url).json(body);
        let answer = request.send().await.expect("an answer");
        let status = answer.status();
        let text = answer.text().await.expect("a body");
        assert!(status.is_success(), "{call}: {status}: {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Hands a request on, and the answer back.
    async fn hand_on(self, request: Request) -> Result<Response, reqwest::Error> {
        let (parts, body) = request.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
        let path = parts.uri.path_and_query().map_or("", |path| path.as_str());
        if parts.method != Method::GET {
            let sent = serde_json::from_slice(&body).unwrap_or_default();
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.push((parts.method.to_string(), parts.uri.path().to_owned(), sent));
        }
        let mut headers = parts.headers;
        headers.remove("host");
        let request = self
            .client
            .request(parts.method, format!("{}{path}", self.base));
        let answer = request.headers(headers).body(body).send().await?;
        let mut back = Response::builder().status(answer.status());
        for name in ["content-type", "date"] {
            if let Some(value) = answer.headers().get(name) {
                back = back.header(name, value);
            }
        }
        let body = Body::from(answer.bytes().await?);
        Ok(back.body(body).expect("an answer as it came"))
    }
}

async fn door(State(server): State<Server>, request: Request) -> Response {
    // Whoever hangs up ends the answer and not the request.
    let handed = tokio::spawn(server.hand_on(request)).await;
    match handed {
        Ok(Ok(answer)) => answer,
        _ => {
            let bad = Response::builder().status(StatusCode::BAD_GATEWAY);
            bad.body(Body::empty()).expect("an empty answer")
        }
    }
}

/// A model of a server, made for this.
struct Real {
    server: Server,
    door: String,
    model: String,
    runtime: Handle,
}

impl Real {
    async fn new(base: &str, name: &str) -> Self {
        let server = Server::new(base);
        let (post, model) = (Method::POST, name.to_owned());
        let body = json!({"name": name});
        server
            .call(post.clone(), "registered-models/create", &body)
            .await;
        for version in 1..=5 {
            let body = json!({"name": name, "source": format!("s3://models.invalid/{version}")});
            server
                .call(post.clone(), "model-versions/create", &body)
                .await;
        }
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await;
        let listener = listener.expect("a port on loopback");
        let door = format!("http://{}", listener.local_addr().expect("an address"));
        let router = Router::new()
            .fallback(self::door)
            .with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            server,
            door,
            model,
            runtime: Handle::current(),
        }
    }

    /// From a thread of the test or of the runtime.
    fn call(&self, method: Method, call: &str, body: &Value) -> Value {
        let called = self.server.call(method, call, body);
        tokio::task::block_in_place(|| self.runtime.block_on(called))
    }

    fn leave(&self) {
        let body = json!({"name": self.model});
        self.call(Method::DELETE, "registered-models/delete", &body);
    }
}

impl Registry for Real {
    fn model(&self) -> &str {
        &self.model
    }

    fn settings(&self) -> String {
        format!(
            "[contexts.prod]\nwrites = \"confirm\"\nprotected = false\nclaims = \"on\"\n\
             [contexts.prod.policy]\ngates = [\"ready\"]\n\
             [[contexts.prod.sources]]\nname = \"mlflow\"\nkind = \"mlflow\"\nurl = \"{}\"\n",
            self.door
        )
    }

    fn point(&self, alias: &str, version: u32) {
        let body = json!({"name": self.model, "alias": alias, "version": version.to_string()});
        self.call(Method::POST, "registered-models/alias", &body);
    }

    fn holders(&self) -> BTreeMap<String, String> {
        let call = format!("registered-models/get?name={}", self.model);
        super::holders(&self.call(Method::GET, &call, &Value::Null))
    }

    fn sent(&self) -> BTreeMap<String, Sent> {
        let seen = self
            .server
            .seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        tally(
            seen.iter()
                .map(|(method, path, body)| (&**method, &**path, body)),
        )
    }
}

/// The address of a server of the live fleet, or why there is none.
fn address(name: &str) -> Result<String, String> {
    let variable = format!("QUARTERDECK_LIVE_{}", name.to_uppercase());
    if let Ok(url) = std::env::var(&variable)
        && !url.is_empty()
    {
        return Ok(url);
    }
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let file = std::env::var_os("QUARTERDECK_LIVE_ENV")
        .map_or_else(|| root.join("target/live/fleet.env"), PathBuf::from);
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let value = |start: &str| text.lines().find_map(|line| line.strip_prefix(start));
    if let Some(url) = value(&format!("{variable}=")) {
        return Ok(url.to_owned());
    }
    let why = value(&format!("# not run: {name}: "));
    Err(why.map_or_else(
        || format!("{variable} is not set: run tests/live/fleet start"),
        str::to_owned,
    ))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "live: takes minutes"]
async fn live_mlflow_is_told_of_truly_by_whoever_is_killed_while_writing_to_it() {
    let _alone = ALONE.lock().await;
    let mut there = Vec::new();
    for name in SERVERS {
        match address(name) {
            Ok(url) => there.push((name, url)),
            Err(why) => say(&format!("not run: {name}: {why}")),
        }
    }
    let share = TIME / u32::try_from(there.len().max(1)).expect("a few");
    for (name, url) in there {
        let seed = seed();
        let real = Real::new(&url, &format!("killed-{:016x}", fastrand::u64(..))).await;
        let began = Instant::now();
        let count = kill_many(&real, seed, 1_000, 4, began + share);
        say(&format!(
            "{name}: killed {count} times in {} s, seed {seed}",
            began.elapsed().as_secs()
        ));
        let least = share.as_secs_f64() * LEAST;
        assert!(count as f64 >= least, "{name}: {count} in {share:?}");
        real.leave();
    }
}
