//! A server on loopback for the adapters' tests: it answers from a table, as recorded or as told, and
//! keeps what it was asked. And tickets, made as the program makes them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use serde_json::Value;

use crate::domain::action::{
    Act, Actor, Consent, Friction, How, IntentLog, Mode, Plan, PlanId, Receipt, Record, Step,
    StepEnd, Ticket, Verb,
};
use crate::domain::key::{Key, SourceId};
use crate::domain::settings::Writes;
use crate::domain::text::Clean;
use crate::domain::time::{Millis, Now};

/// A journal that takes everything.
struct Nowhere;

impl IntentLog for Nowhere {
    fn write(&mut self, _record: &Record, _now: Millis) -> Result<(), Clean> {
        Ok(())
    }
}

/// The ticket of an act that is the only step of a confirmed plan.
pub(super) fn ticket(act: &Act) -> Ticket {
    ticket_after(act, None)
}

/// The ticket of an act after a step that gave an identity.
pub(super) fn ticket_after(act: &Act, id: Option<&str>) -> Ticket {
    let step = Step::required(&SourceId::new("s"), act.clone());
    let plan = Plan {
        id: PlanId::new(Millis(1), [7; 10]),
        verb: Verb::Edit,
        context: Clean::name("test"),
        subject: Clean::name("churn"),
        model: None,
        summary: Clean::empty(),
        steps: std::iter::repeat_n(step, 1 + usize::from(id.is_some())).collect(),
        gates: Vec::new(),
        notes: Vec::new(),
        blocked: Vec::new(),
        wanting: Vec::new(),
        friction: Friction::Key,
        read_at: Millis(0),
        expires: std::time::Duration::from_secs(60),
        undo_until: None,
        undoes: None,
        passed: Vec::new(),
    };
    let mode = Mode {
        writes: Writes::Confirm,
        ..Mode::default()
    };
    let confirmed = plan.confirm(&mode, &Consent::default(), Now::default());
    let begun = confirmed
        .unwrap()
        .begin(&Actor::default(), &mut Nowhere, Millis(1));
    let mut begun = begun.unwrap();
    if let Some(id) = id {
        let receipt = Receipt {
            id: Some(Key::new(id)),
            words: Clean::empty(),
        };
        let end = StepEnd::new(How::Done, "");
        begun
            .ended(end, Some(receipt), &mut Nowhere, Millis(1))
            .unwrap();
    }
    begun.ticket(&mut Nowhere, Millis(1)).unwrap()
}

/// Status, content type and body.
type Reply = (u16, String, String);

/// The server. Answers are found by `METHOD /path?query`, then by `METHOD /path`.
#[derive(Clone, Default)]
pub(super) struct Stage {
    table: Arc<Mutex<BTreeMap<String, Reply>>>,
    seen: Arc<Mutex<Vec<String>>>,
    pub(super) url: String,
}

impl Stage {
    pub(super) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stage = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            ..Self::default()
        };
        let app = Router::new()
            .fallback(Self::answer)
            .with_state(stage.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        stage
    }

    /// Answers a line with JSON.
    pub(super) fn json(&self, line: &str, body: &Value) {
        self.set(line, 200, "application/json", &body.to_string());
    }

    pub(super) fn set(&self, line: &str, status: u16, kind: &str, body: &str) {
        let reply = (status, kind.to_owned(), body.to_owned());
        self.table.lock().unwrap().insert(line.to_owned(), reply);
    }

    /// Answers what a recording was asked with what it answers.
    pub(super) fn replay(&self, file: &str) {
        let row = recording(file);
        let line = format!(
            "{} {}",
            row["request"]["method"].as_str().unwrap(),
            row["request"]["path"].as_str().unwrap()
        );
        let kind = row["headers"]["content-type"].as_str().unwrap_or_default();
        let body = row["body_text"]
            .as_str()
            .map_or_else(|| row["body"].to_string(), str::to_owned);
        let status = u16::try_from(row["status"].as_u64().unwrap()).unwrap();
        self.set(&line, status, kind, &body);
    }

    /// What was asked since the last look: `METHOD /path?query`.
    pub(super) fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }

    async fn answer(State(stage): State<Self>, request: Request) -> Response {
        let line = format!("{} {}", request.method(), request.uri());
        let short = format!("{} {}", request.method(), request.uri().path());
        let _ = to_bytes(request.into_body(), 1 << 20).await;
        let found = {
            let table = stage.table.lock().unwrap();
            table.get(&line).or_else(|| table.get(&short)).cloned()
        };
        stage.seen.lock().unwrap().push(line);
        let (status, kind, body) =
            found.unwrap_or((404, "text/html".to_owned(), "<html>no</html>".to_owned()));
        Response::builder()
            .status(status)
            .header("content-type", kind)
            .header("date", "Wed, 25 Nov 2026 18:00:00 GMT")
            .body(Body::from(body))
            .unwrap()
    }
}

/// A recorded question and its answer.
pub(super) fn recording(file: &str) -> Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let text = std::fs::read_to_string(root.join(file)).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The body of a recording.
pub(super) fn body(file: &str) -> Value {
    recording(file)["body"].clone()
}
