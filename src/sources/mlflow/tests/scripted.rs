//! The feeds against scripted servers: what is asked, in which order, and what comes of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use serde_json::{Value, json};

use super::super::Mlflow;
use crate::domain::fault::Fault;
use crate::domain::key::{Key, ModelKey};
use crate::domain::model::{ModelVersion, RegisteredModel};
use crate::domain::observation::{Abilities, Answer, Coverage, Feed, Right, Rows, Scope};
use crate::domain::run::Run;
use crate::domain::settings::{SourceKind, SourceSettings};
use crate::domain::text::Clean;
use crate::domain::time::Millis;
use crate::sources::{Focus, Source as _};

/// One request as a script sees it: the route after `mlflow/`, query and body.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) route: String,
    pub(super) query: HashMap<String, String>,
    pub(super) body: Value,
}

impl Asked {
    pub(super) fn filter(&self) -> &str {
        self.query
            .get("filter")
            .map(String::as_str)
            .or_else(|| self.body.get("filter")?.as_str())
            .unwrap_or_default()
    }

    fn token(&self) -> usize {
        self.query
            .get("page_token")
            .and_then(|t| t.parse().ok())
            .unwrap_or(0)
    }
}

pub(super) type Log = Arc<Mutex<Vec<Asked>>>;

pub(super) async fn listen(router: axum::Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("bind");
    let url = format!("http://{}", listener.local_addr().expect("address"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// A server whose every answer is the same.
pub(super) async fn fixed(status: u16, content_type: &str, body: &str) -> String {
    let (content_type, body) = (content_type.to_owned(), body.to_owned());
    listen(axum::Router::new().fallback(move || async move {
        let status = StatusCode::from_u16(status).expect("status");
        (status, [(header::CONTENT_TYPE, content_type)], body)
    }))
    .await
}

/// The fault of a sweep of the models.
pub(super) async fn models_fault(url: &str) -> Fault {
    let focus = Focus::default();
    let answer = source(url).poll(Feed::Models, &focus).await;
    answer.expect_err("a fault")
}

/// A server that answers by script. Its clock stands at 2026-11-23 12:00 UTC.
pub(super) async fn scripted<F>(script: F) -> (Mlflow, Log)
where
    F: Fn(&Asked, usize) -> Result<Value, (u16, &'static str)> + Clone + Send + Sync + 'static,
{
    let log = Log::default();
    let seen = Arc::clone(&log);
    let url = listen(axum::Router::new().fallback(move |uri: Uri, body: Bytes| {
        let asked = Asked {
            route: uri
                .path()
                .rsplit_once("mlflow/")
                .map_or("", |(_, r)| r)
                .to_owned(),
            query: parse_query(uri.query().unwrap_or_default()),
            body: serde_json::from_slice(&body).unwrap_or(Value::Null),
        };
        let nth = {
            let mut log = seen.lock().expect("log");
            log.push(asked.clone());
            log.iter().filter(|a| a.route == asked.route).count()
        };
        let answer = script(&asked, nth);
        async move { respond(answer) }
    }))
    .await;
    (source(&url), log)
}

fn respond(answer: Result<Value, (u16, &'static str)>) -> Response {
    let (status, body) = match answer {
        Ok(value) => (200, value),
        Err((status, message)) => (
            status,
            json!({"error_code": "INVALID_PARAMETER_VALUE", "message": message}),
        ),
    };
    let mut response = (
        StatusCode::from_u16(status).expect("status"),
        body.to_string(),
    )
        .into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers.insert(
        header::DATE,
        HeaderValue::from_static("Mon, 23 Nov 2026 12:00:00 GMT"),
    );
    response
}

/// The server's clock in [`scripted`].
pub(super) const NOON: i64 = 1_795_435_200_000;

fn parse_query(text: &str) -> HashMap<String, String> {
    let url = reqwest::Url::parse(&format!("http://x/?{text}")).expect("query");
    url.query_pairs().into_owned().collect()
}

pub(super) fn source(url: &str) -> Mlflow {
    Mlflow::new(&SourceSettings::new("m", SourceKind::Mlflow, url)).expect("source")
}

pub(super) async fn poll(source: &Mlflow, feed: Feed, focus: &Focus) -> Answer {
    let answer = source.poll(feed, focus).await;
    answer.unwrap_or_else(|fault| panic!("{feed:?}: {fault}"))
}

fn models(answer: Answer) -> Vec<RegisteredModel> {
    match answer.rows {
        Rows::Models(rows) => rows,
        other => panic!("{other:?}"),
    }
}

fn versions(answer: Answer) -> Vec<ModelVersion> {
    match answer.rows {
        Rows::Versions(rows) => rows,
        other => panic!("{other:?}"),
    }
}

pub(super) fn runs(answer: Answer) -> Vec<Run> {
    match answer.rows {
        Rows::Runs(rows) => rows,
        other => panic!("{other:?}"),
    }
}

pub(super) fn model_row(name: &str, created: i64) -> Value {
    json!({"name": name, "creation_timestamp": created, "aliases": [{"alias": "champion", "version": "1"}]})
}

pub(super) fn version_row(name: &str, version: &str, stamp: i64, run: &str) -> Value {
    json!({"name": name, "version": version, "creation_timestamp": stamp, "last_updated_timestamp": stamp,
           "run_id": run, "status": "READY"})
}

pub(super) fn run_row(id: &str, status: &str, start: i64, end: Option<i64>) -> Value {
    json!({"info": {"run_id": id, "experiment_id": "1", "status": status, "start_time": start, "end_time": end}})
}

fn watching(source: &Mlflow, names: &[&str]) -> Focus {
    Focus {
        models: names
            .iter()
            .map(|name| ModelKey {
                registry: Arc::clone(&source.registry),
                name: Key::new(name),
                created: Millis(1),
            })
            .collect(),
        ..Focus::default()
    }
}

pub(super) fn count(log: &Log, route: &str) -> usize {
    let log = log.lock().expect("log");
    log.iter().filter(|a| a.route == route).count()
}

#[tokio::test]
async fn nothing_on_screen_asks_nothing() {
    let (source, log) = scripted(|_, _| Ok(json!({}))).await;
    let focus = Focus::default();
    for feed in [Feed::WatchedModels, Feed::OpenRuns] {
        let answer = poll(&source, feed, &focus).await;
        assert_eq!(answer.coverage, Coverage::Partial);
        assert!(answer.rows.is_empty());
    }
    assert!(log.lock().expect("log").is_empty());
}

#[tokio::test]
async fn pages_are_read_to_the_end_and_rows_counted_once() {
    let (source, log) = scripted(|asked, _| {
        let at = asked.token();
        let rows: Vec<Value> = (at..at + 3)
            .map(|n| model_row(&format!("m{n}"), 7))
            .collect();
        // The pages overlap by one row, as offsets do when a row is added in between.
        let next = if at < 4 {
            (at + 2).to_string()
        } else {
            String::new()
        };
        Ok(json!({"registered_models": rows, "next_page_token": next}))
    })
    .await;
    let answer = poll(&source, Feed::Models, &Focus::default()).await;
    assert_eq!(answer.coverage, Coverage::Full(Scope::Models));
    assert_eq!(answer.server_time, Some(Millis(NOON)));
    let names: Vec<String> = models(answer)
        .iter()
        .map(|m| m.name.as_str().to_owned())
        .collect();
    assert_eq!(names, ["m0", "m1", "m2", "m3", "m4", "m5", "m6"]);
    assert_eq!(count(&log, "registered-models/search"), 3);
    assert_eq!(log.lock().expect("log")[0].query["max_results"], "200");
}

#[tokio::test]
async fn endless_pages_and_pages_of_html_are_faults() {
    let (endless, _) =
        scripted(|_, _| Ok(json!({"registered_models": [], "next_page_token": "again"}))).await;
    let fault = endless
        .poll(Feed::Models, &Focus::default())
        .await
        .expect_err("endless");
    assert_eq!(fault.kind.word(), "decode");
    assert!(fault.line().contains("next_page_token"), "{fault}");
    let html = fixed(200, "text/html", "<!doctype html><h1>Welcome to nginx</h1>").await;
    let fault = models_fault(&html).await;
    assert!(fault.line().contains("HTML, not JSON"), "{fault}");
}

#[tokio::test]
async fn a_row_hidden_by_a_deletion_between_two_pages_is_not_gone() {
    let (source, _) = scripted(|asked, nth| {
        let first = nth == 1;
        Ok(match (asked.filter(), asked.token(), first) {
            ("", 0, true) => json!({"registered_models": [model_row("a", 1), model_row("b", 1), model_row("c", 1)]}),
            // `a` was deleted after the first page of the second sweep: `c` slipped between the pages.
            ("", 0, false) => json!({"registered_models": [model_row("b", 1)], "next_page_token": "1"}),
            ("", _, _) => json!({"registered_models": [model_row("d", 1)]}),
            _ => json!({"registered_models": [model_row("c", 1)]}),
        })
    })
    .await;
    let focus = Focus::default();
    assert_eq!(models(poll(&source, Feed::Models, &focus).await).len(), 3);
    let mut names: Vec<String> = models(poll(&source, Feed::Models, &focus).await)
        .iter()
        .map(|m| m.name.as_str().to_owned())
        .collect();
    names.sort();
    assert_eq!(names, ["b", "c", "d"]);
}

#[tokio::test]
async fn watched_models_are_asked_for_in_one_list_with_right_quotes() {
    let (source, log) = scripted(|asked, _| {
        if asked.route == "registered-models/get" {
            return Ok(json!({"registered_model": model_row(&asked.query["name"], 5)}));
        }
        Ok(json!({"registered_models": [model_row("fraud", 5), model_row("it's", 5)]}))
    })
    .await;
    let focus = watching(&source, &["fraud", "it's", "a'b\"c"]);
    let rows = models(poll(&source, Feed::WatchedModels, &focus).await);
    assert_eq!(rows.len(), 3);
    // The creation time is the server's: a model made again has another key.
    assert!(rows.iter().all(|m| m.key.created == Millis(5)));
    let log = log.lock().expect("log");
    assert_eq!(log[0].filter(), "name IN ('fraud', \"it's\")");
    assert_eq!(log[1].query["name"], "a'b\"c");
}

#[tokio::test]
async fn a_server_without_name_lists_is_asked_one_by_one_from_then_on() {
    let (source, log) = scripted(|asked, _| {
        if asked.route == "registered-models/get" {
            return match asked.query["name"].as_str() {
                "gone" => Err((404, "no such model")),
                name => Ok(json!({"registered_model": model_row(name, 5)})),
            };
        }
        Err((
            400,
            "Only the 'run_id' attribute supports comparison with a list",
        ))
    })
    .await;
    let focus = watching(&source, &["fraud", "gone"]);
    for _ in 0..2 {
        let rows = models(poll(&source, Feed::WatchedModels, &focus).await);
        assert_eq!(rows.len(), 1);
    }
    assert_eq!(count(&log, "registered-models/search"), 1);
    assert_eq!(count(&log, "registered-models/get"), 4);
}

#[tokio::test]
async fn a_model_made_again_under_its_name_gets_its_new_versions() {
    let (source, _) = scripted(|asked, nth| {
        Ok(match asked.route.as_str() {
            "registered-models/search" => {
                let created = if asked.filter().is_empty() { 10 } else { 90 };
                json!({"registered_models": [model_row("fraud", created)]})
            }
            _ if nth == 1 => json!({"model_versions": [version_row("fraud", "1", 20, "")]}),
            _ => json!({"model_versions": [version_row("fraud", "1", 95, "")]}),
        })
    })
    .await;
    let focus = Focus::default();
    poll(&source, Feed::Models, &focus).await;
    let before = versions(poll(&source, Feed::NewestVersions, &focus).await);
    assert_eq!(before[0].key.model.created, Millis(10));
    let after = versions(poll(&source, Feed::NewestVersions, &focus).await);
    assert_eq!(after[0].key.model.created, Millis(90));
    assert_ne!(before[0].key, after[0].key);
}

#[tokio::test]
async fn newest_versions_page_back_to_what_was_seen() {
    let (source, log) = scripted(|asked, nth| {
        if asked.route == "registered-models/search" {
            return Ok(json!({"registered_models": [model_row("m", 1)]}));
        }
        let top = if nth == 1 {
            10
        } else {
            14 - 2 * asked.token() as i64
        };
        let rows = [
            version_row("m", &top.to_string(), top, ""),
            version_row("m", &(top - 1).to_string(), top - 1, ""),
        ];
        Ok(json!({"model_versions": rows, "next_page_token": (asked.token() + 1).to_string()}))
    })
    .await;
    let focus = Focus::default();
    poll(&source, Feed::Models, &focus).await;
    assert_eq!(
        poll(&source, Feed::NewestVersions, &focus).await.rows.len(),
        2
    );
    assert_eq!(count(&log, "model-versions/search"), 1);
    let answer = poll(&source, Feed::NewestVersions, &focus).await;
    assert_eq!(answer.coverage, Coverage::Tail(Millis(10)));
    // 14, 13 / 12, 11 / 10, 9: the third page reaches what was seen.
    assert_eq!(answer.rows.len(), 6);
}

#[tokio::test]
async fn versions_of_strangers_are_left_out_and_asked_for_once() {
    let (source, log) = scripted(|asked, _| {
        Ok(match (asked.route.as_str(), asked.filter()) {
            ("registered-models/search", "") => json!({"registered_models": [model_row("m", 1)]}),
            ("registered-models/search", _) => json!({}),
            _ => json!({"model_versions": [version_row("m", "1", 5, ""), version_row("a-prompt", "1", 4, ""),
                {"name": "m", "version": "2", "current_stage": "Deleted_Internal", "last_updated_timestamp": 3}]}),
        })
    })
    .await;
    let focus = Focus::default();
    let answer = poll(&source, Feed::Versions, &focus).await;
    assert_eq!(answer.coverage, Coverage::Full(Scope::Versions));
    assert_eq!(versions(answer).len(), 1);
    for _ in 0..3 {
        assert_eq!(
            poll(&source, Feed::NewestVersions, &focus).await.rows.len(),
            1
        );
    }
    assert_eq!(count(&log, "registered-models/search"), 2);
}

#[tokio::test]
async fn a_server_that_is_no_mlflow_is_told_at_the_probe() {
    let url = fixed(200, "text/html", "<!doctype html><h1>Grafana</h1>").await;
    let fault = source(&url).probe().await.expect_err("not mlflow");
    assert!(
        fault.detail.as_str().contains("not an MLflow server"),
        "{fault}"
    );
}

#[tokio::test]
async fn many_models_of_a_server_without_name_lists_are_read_as_one_page() {
    let (source, log) = scripted(|asked, _| {
        if !asked.filter().is_empty() {
            return Err((400, "no lists"));
        }
        let rows: Vec<Value> = (0..40).map(|n| model_row(&format!("m{n}"), 7)).collect();
        Ok(json!({"registered_models": rows}))
    })
    .await;
    let names: Vec<String> = (0..20).map(|n| format!("m{n}")).collect();
    let focus = watching(
        &source,
        &names.iter().map(String::as_str).collect::<Vec<_>>(),
    );
    for _ in 0..2 {
        let rows = models(poll(&source, Feed::WatchedModels, &focus).await);
        assert_eq!(rows.len(), 20);
    }
    assert_eq!(count(&log, "registered-models/search"), 3);
    assert_eq!(count(&log, "registered-models/get"), 0);
}

/// A server behind basic-auth, with the given account and grants.
async fn with_account(admin: bool, grants: Value) -> Abilities {
    let json = |value: Value| {
        (
            [(header::CONTENT_TYPE, "application/json")],
            value.to_string(),
        )
    };
    let info = json(json!({"store_type": "FileStore", "workspaces_enabled": true}));
    let user = json(json!({"user": {"username": "bob\u{1b}[1m", "is_admin": admin}}));
    let granted = json(json!({"is_admin": admin, "permissions": grants}));
    let router = axum::Router::new()
        .route(
            "/version",
            get(|| async { ([(header::CONTENT_TYPE, "text/html")], "3.18.0") }),
        )
        .route("/api/3.0/mlflow/server-info", get(|| async { info }))
        .route("/api/2.0/mlflow/users/current", get(|| async { user }))
        .route(
            "/api/3.0/mlflow/users/current/permissions",
            get(|| async { granted }),
        );
    let url = listen(router).await;
    source(&url).probe().await.expect("probe")
}

#[tokio::test]
async fn the_probe_tells_account_rights_and_what_is_worth_knowing() {
    let grants = json!([{"permission": "MANAGE", "resource_pattern": "churn", "resource_type": "registered_model"}]);
    let bob = with_account(false, grants).await;
    assert_eq!(bob.server, "mlflow 3.18.0");
    assert_eq!(bob.user.as_ref().map(Clean::as_str), Some("bob"));
    let right = |a: &Abilities, name: &str| {
        let found = a.rights.iter().find(|(n, _)| *n == name);
        found.map(|(_, right)| *right)
    };
    assert_eq!(right(&bob, "move-alias"), Some(Right::NotKnown));
    assert_eq!(right(&bob, "delete-alias:churn"), Some(Right::Allowed));
    let remarks: Vec<&str> = bob.remarks.iter().map(Clean::as_str).collect();
    assert!(
        remarks.iter().any(|r| r.contains("migrate-filestore")),
        "{remarks:?}"
    );
    assert!(
        remarks.iter().any(|r| r.contains("workspaces")),
        "{remarks:?}"
    );
    let admin = with_account(true, json!([])).await;
    assert_eq!(right(&admin, "delete-alias"), Some(Right::Allowed));
}
