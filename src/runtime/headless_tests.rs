use super::*;
use crate::domain::fleet::triage;
use crate::domain::level::Level;
use crate::domain::rules::freshness::Freshness;
use crate::domain::settings::{SourceKind, SourceSettings};
use axum::Router;
use axum::routing::get;

async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// The registry's part of an MLflow server: one model, nothing else.
fn registry() -> Router {
    let models = r#"{"registered_models":[{"name":"churn","creation_timestamp":1,
        "last_updated_timestamp":1,"aliases":[{"alias":"champion","version":"3"}]}]}"#;
    Router::new()
        .route("/version", get(|| async { "3.1.0" }))
        .route(
            "/api/2.0/mlflow/registered-models/search",
            get(move || async move { models }),
        )
        .route(
            "/api/2.0/mlflow/model-versions/search",
            get(|| async { r#"{"model_versions":[]}"# }),
        )
        .route("/api/2.0/mlflow/experiments/search", get(|| async { "{}" }))
}

fn context(sources: Vec<SourceSettings>) -> Arc<Context> {
    Arc::new(Context {
        sources,
        ..Context::default()
    })
}

fn mlflow(name: &str, url: &str) -> SourceSettings {
    SourceSettings::new(name, SourceKind::Mlflow, url)
}

fn options(timeout: u64) -> Options {
    let feeds = vec![Feed::Models, Feed::Versions];
    Options {
        timeout: Duration::from_millis(timeout),
        feeds,
        ..Options::default()
    }
}

#[tokio::test]
async fn it_ends_when_all_have_answered_or_failed() {
    let url = serve(registry()).await;
    let context = context(vec![
        mlflow("good", &url),
        mlflow("refused", "http://127.0.0.1:1"),
    ]);
    let collected = collect(&context, &options(20_000)).await;
    assert!(collected.complete);
    let names: Vec<_> = collected
        .fleet
        .models()
        .map(|m| m.name.to_string())
        .collect();
    assert_eq!(names, ["churn"]);
    let fresh = |name: &str| collected.fleet.source_freshness(&SourceId::new(name));
    assert_eq!(
        (fresh("good"), fresh("refused")),
        (Freshness::Live, Freshness::Down)
    );
}

#[tokio::test]
async fn a_silent_server_costs_the_deadline_and_no_more() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let dead = format!("http://{}", silent.local_addr().unwrap());
    let url = serve(registry()).await;
    let context = context(vec![mlflow("silent", &dead), mlflow("good", &url)]);
    let started = std::time::Instant::now();
    let collected = collect(&context, &options(600)).await;
    assert!(
        started.elapsed() < Duration::from_millis(1_500),
        "{:?}",
        started.elapsed()
    );
    assert!(!collected.complete);
    assert_eq!(collected.fleet.models().len(), 1);
    let silent = SourceId::new("silent");
    assert_eq!(collected.fleet.source_freshness(&silent), Freshness::Down);
    let fault = collected
        .fleet
        .source_health(&silent)
        .and_then(|h| h.fault())
        .unwrap();
    assert_eq!(fault.kind, FaultKind::Timeout);
    let query = Query::Versions(crate::runtime::testing::model_key("churn"));
    assert!(
        collected
            .fetch(&silent, query, Duration::from_millis(10))
            .await
            .is_err()
    );
}

/// The feeds of a source that failed, each with why.
fn failed(collected: &Collected, source: &str) -> Vec<(Feed, FaultKind)> {
    let health = collected.fleet.source_health(&SourceId::new(source));
    let feeds = &health.expect("known").feeds;
    let failed = feeds.iter().filter_map(|(feed, health)| {
        let fault = health.fault.as_ref()?;
        Some((*feed, fault.kind.clone()))
    });
    failed.collect()
}

#[tokio::test]
async fn a_server_that_hangs_in_one_feed_is_not_taken_for_read() {
    let hangs = || async {
        std::future::pending::<()>().await;
        ""
    };
    let models = r#"{"registered_models":[{"name":"churn","creation_timestamp":1,
        "last_updated_timestamp":1,"aliases":[{"alias":"champion","version":"3"}]}]}"#;
    let router = Router::new()
        .route("/version", get(|| async { "3.1.0" }))
        .route(
            "/api/2.0/mlflow/registered-models/search",
            get(move || async move { models }),
        )
        .route("/api/2.0/mlflow/model-versions/search", get(hangs));
    let url = serve(router).await;
    let context = context(vec![mlflow("half", &url)]);
    let collected = collect(&context, &options(600)).await;
    assert!(!collected.complete);
    // What it said is there.
    assert_eq!(collected.fleet.models().len(), 1);
    assert_eq!(
        failed(&collected, "half"),
        [(Feed::Versions, FaultKind::Timeout)]
    );
    let half = SourceId::new("half");
    assert_eq!(collected.fleet.source_freshness(&half), Freshness::Stale);
    assert_eq!(triage::worst(&collected.fleet), Level::Unknown);
}

#[tokio::test]
async fn feeds_that_were_not_asked_for_are_not_owed() {
    let url = serve(registry()).await;
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let dead = format!("http://{}", silent.local_addr().unwrap());
    let context = context(vec![
        mlflow("good", &url),
        SourceSettings::new("dead", SourceKind::Alertmanager, &dead),
    ]);
    let options = Options {
        feeds: vec![Feed::Alerts],
        ..options(300)
    };
    let collected = collect(&context, &options).await;
    let health = collected.fleet.source_health(&SourceId::new("good"));
    assert!(health.is_some_and(|h| h.feeds.is_empty()), "{health:?}");
    assert_eq!(
        failed(&collected, "dead"),
        [(Feed::Alerts, FaultKind::Timeout)]
    );
}

#[tokio::test]
async fn what_is_deleted_between_two_looks_is_gone_after_a_complete_one_alone() {
    let row = |name: &str| {
        format!(r#"{{"name":{name},"creation_timestamp":1,"last_updated_timestamp":1}}"#)
    };
    let both = format!(
        r#"{{"registered_models":[{},{}]}}"#,
        row("\"a\""),
        row("\"b\"")
    );
    let spoilt = format!(
        r#"{{"registered_models":[{},{}]}}"#,
        row("\"a\""),
        row("null")
    );
    let one = format!(r#"{{"registered_models":[{}]}}"#, row("\"a\""));
    let answers = Arc::new(std::sync::Mutex::new(both));
    let told = Arc::clone(&answers);
    let router = Router::new()
        .route("/version", get(|| async { "3.1.0" }))
        .route(
            "/api/2.0/mlflow/registered-models/search",
            get(move || {
                let told = told.lock().unwrap().clone();
                async move { told }
            }),
        );
    let url = serve(router).await;
    let context = context(vec![mlflow("ml", &url)]);
    // All looks may fall into one millisecond.
    let clock = Arc::new(Clock::standing(Millis(1_000_000)));
    let options = Options {
        feeds: vec![Feed::Models],
        clock: Some(Arc::clone(&clock)),
        ..options(10_000)
    };
    let names = |collected: &Collected| -> Vec<String> {
        let models = collected.fleet.models();
        models.map(|m| m.name.to_string()).collect()
    };
    let collected = collect(&context, &options).await;
    assert_eq!(names(&collected), ["a", "b"]);
    let mut collected = collect_into(collected.fleet, &options).await;
    assert_eq!(names(&collected), ["a", "b"], "read twice in no time");
    for (answer, at, want) in [
        (spoilt, 1_001_000, &["a", "b"][..]),
        (one, 1_002_000, &["a"]),
    ] {
        *answers.lock().unwrap() = answer;
        let options = Options {
            clock: Some(Arc::new(Clock::standing(Millis(at)))),
            ..options.clone()
        };
        collected = collect_into(collected.fleet, &options).await;
        assert_eq!(names(&collected), want, "{at}");
    }
}
