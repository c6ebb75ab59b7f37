use super::*;
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
