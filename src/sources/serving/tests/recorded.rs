//! Answers that were recorded of real servers, or are written down in their documentation.

use super::*;

#[tokio::test]
async fn recorded_mlserver_is_read() {
    let stage = Stage::recorded("mlserver").await;
    stage.replay(
        "POST /v2/repository/index",
        "mlserver/repository-index.json",
    );
    let index = stage.body("POST /v2/repository/index");
    let name = index[0]["name"].as_str().unwrap();
    let reading = look(&stage.source::<V2>(Some(name))).await.unwrap();
    assert_eq!(reading.health, Health::Ready);
    assert_eq!(reading.message, "");
    assert_eq!(reading.versions.len(), index.as_array().unwrap().len());
    assert_eq!(reading.answering().count(), reading.versions.len());
    assert_eq!(
        reading.default_version.as_ref(),
        reading.versions.first().map(|v| &v.version)
    );
    assert!(reading.server.as_str().starts_with("mlserver 1."));
    let missing = look(&stage.source::<V2>(Some("absent"))).await.unwrap();
    assert_eq!(missing.health, Health::Missing);
    let unnamed = look(&stage.source::<V2>(None)).await.unwrap();
    assert_eq!(unnamed.versions, reading.versions);
}

#[tokio::test]
async fn recorded_bentoml_is_read() {
    let stage = Stage::recorded("bentoml").await;
    let docs = stage.body("GET /docs.json");
    let version = docs["info"]["version"].as_str().unwrap();
    let reading = look(&stage.source::<Bentoml>(None)).await.unwrap();
    assert_eq!(words(&reading), [(version, ServedState::Answering)]);
    assert_eq!(reading.server, "BentoML service fraud_svc");
    assert_eq!(stage.requests(), ["GET /metrics", "GET /readyz"]);
}

#[tokio::test]
async fn recorded_mlflow_serve_is_read() {
    let stage = Stage::recorded("mlflow-serve").await;
    let reading = look(&stage.source::<MlflowServe>(None)).await.unwrap();
    assert_eq!((reading.health, reading.versions.len()), (Health::Ready, 0));
    assert!(reading.server.as_str().starts_with("mlflow 3."));
}

#[tokio::test]
async fn documented_tfserving_states_are_read() {
    use ServedState::{Answering, Failed, Loading, Unknown, Unloaded};
    let stage = Stage::recorded("tfserving").await;
    let source: Serving<Tfserving> = stage.source(Some("fraud-detector"));
    for (file, health, default, want) in [
        ("one", Health::Ready, Some("2"), vec![("2", Answering)]),
        (
            "two",
            Health::Ready,
            Some("3"),
            vec![("3", Answering), ("2", Answering)],
        ),
        (
            "loading",
            Health::Ready,
            Some("2"),
            vec![("3", Loading), ("2", Answering)],
        ),
        (
            "start",
            Health::NotReady,
            None,
            vec![("3", Loading), ("2", Unloaded)],
        ),
        (
            "load-failed",
            Health::Ready,
            Some("2"),
            vec![("3", Failed), ("2", Answering)],
        ),
        (
            "unloaded",
            Health::Ready,
            Some("2"),
            vec![("3", Unloaded), ("2", Answering)],
        ),
        ("unknown-state", Health::Unknown, None, vec![("2", Unknown)]),
    ] {
        stage.replay(
            "GET /v1/models/fraud-detector",
            &format!("tfserving/model-status-{file}.json"),
        );
        let reading = look(&source).await.unwrap();
        assert_eq!(reading.health, health, "{file}");
        assert_eq!(words(&reading), want, "{file}");
        assert_eq!(reading.default_version.as_ref().map(Key::raw), default);
    }
    stage.replay("GET /v1/models/absent", "tfserving/model-missing.json");
    let reading = look(&stage.source::<Tfserving>(Some("absent")))
        .await
        .unwrap();
    assert_eq!(reading.health, Health::Missing);
    stage.replay("GET /v1/models/absent", "tfserving/unknown-route.json");
    let fault = look(&stage.source::<Tfserving>(Some("absent")))
        .await
        .unwrap_err();
    assert_eq!(fault.kind, FaultKind::NoRoute);
}
