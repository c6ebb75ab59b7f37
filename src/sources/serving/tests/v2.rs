//! The V2 protocol: health, versions, and servers that hang, are slow or list nothing.

use super::*;
use crate::sources::testing::ticket;

#[tokio::test]
async fn v2_reads_versions_from_the_index_in_few_requests() {
    let stage = Stage::start(&MLSERVER).await;
    let source: Serving<V2> = stage.source(Some("fraud"));
    let reading = look(&source).await.unwrap();
    assert_eq!(reading.health, Health::Ready);
    assert_eq!(
        words(&reading),
        [
            ("10", ServedState::Answering),
            ("9", ServedState::Answering)
        ]
    );
    assert_eq!(reading.default_version, Some(Key::new("10")));
    assert_eq!(reading.server, "mlserver 1.7.1");
    assert_eq!(reading.message, "");
    assert!(reading.latency.is_some());
    assert_eq!(stage.requests().len(), 4);
    look(&source).await.unwrap();
    assert_eq!(
        stage.requests(),
        [
            "GET /v2/health/ready",
            "POST /v2/repository/index",
            "GET /v2/models/fraud/ready"
        ]
    );
}

#[tokio::test]
async fn v2_states_a_default_only_for_the_server_whose_rule_is_known() {
    let stage = Stage::start(&MLSERVER).await;
    stage.set(&[(
        "POST /v2/repository/index",
        200,
        JSON,
        r#"[{"name":"fraud","version":"9","state":"READY"},{"name":"fraud","state":"READY"}]"#,
    )]);
    let reading = look(&stage.source::<V2>(Some("fraud"))).await.unwrap();
    assert_eq!(
        reading.default_version, None,
        "one without a version answers"
    );
    stage.set(&MLSERVER);
    stage.set(&[("GET /v2", 200, JSON, r#"{"name":"triton","version":"2.5"}"#)]);
    let reading = look(&stage.source::<V2>(Some("fraud"))).await.unwrap();
    assert_eq!(reading.default_version, None);
    assert_eq!(reading.versions.len(), 2);
}

#[tokio::test]
async fn v2_tells_missing_from_unloaded() {
    let stage = Stage::start(&MLSERVER).await;
    let gone = r#"{"error":"Model fraud not found"}"#;
    stage.set(&[
        ("GET /v2/models/fraud/ready", 404, JSON, gone),
        (
            "POST /v2/repository/index",
            200,
            JSON,
            r#"[{"name":"fraud","version":"9","state":"UNAVAILABLE","reason":""}]"#,
        ),
    ]);
    let source: Serving<V2> = stage.source(Some("fraud"));
    let reading = look(&source).await.unwrap();
    assert_eq!(reading.health, Health::NotReady);
    assert_eq!(words(&reading), [("9", ServedState::Unloaded)]);
    stage.set(&[("POST /v2/repository/index", 200, JSON, "[]")]);
    let reading = look(&source).await.unwrap();
    assert_eq!(reading.health, Health::Missing);
    assert!(reading.message.as_str().contains("not found"));
    assert!(reading.versions.is_empty());
}

#[tokio::test]
async fn v2_is_ready_beside_a_model_that_is_not() {
    // As MLServer answers while another of its models loads: 400 for the server, UNKNOWN in the index.
    let stage = Stage::start(&MLSERVER).await;
    stage.set(&[
        ("GET /v2/health/ready", 400, TEXT, ""),
        ("GET /v2/models/slow/ready", 400, TEXT, ""),
        (
            "POST /v2/repository/index",
            200,
            JSON,
            r#"[{"name":"fraud","version":"3","state":"READY","reason":""},
                {"name":"slow","version":"1","state":"UNKNOWN","reason":""},
                {"name":"noversion","state":"READY","reason":""}]"#,
        ),
    ]);
    let reading = look(&stage.source::<V2>(Some("fraud"))).await.unwrap();
    assert_eq!(reading.health, Health::Ready);
    assert_eq!(words(&reading), [("3", ServedState::Answering)]);
    assert!(reading.message.as_str().contains("as a whole"));
    let reading = look(&stage.source::<V2>(Some("slow"))).await.unwrap();
    assert_eq!(reading.health, Health::NotReady);
    assert_eq!(words(&reading), [("1", ServedState::Unknown)]);
    assert_eq!(reading.default_version, None);
    let reading = look(&stage.source::<V2>(None)).await.unwrap();
    assert_eq!(reading.health, Health::NotReady);
}

#[tokio::test]
async fn v2_keeps_its_health_when_the_index_fails() {
    let stage = Stage::start(&MLSERVER).await;
    let source: Serving<V2> = stage.source(Some("fraud"));
    for (status, kind, body) in [
        (500, TEXT, "boom"),
        (200, HTML, "<html>login</html>"),
        (200, JSON, "null"),
        (200, JSON, "[{"),
        (403, TEXT, "no"),
    ] {
        stage.set(&[("POST /v2/repository/index", status, kind, body)]);
        let reading = look(&source).await.unwrap();
        assert_eq!(reading.health, Health::Ready, "{body}");
        assert!(reading.versions.is_empty(), "{body}");
        let why = reading.versions_unread.as_str();
        assert!(why.contains("/v2/repository/index"), "which call? {why}");
        assert!(
            reading
                .message
                .as_str()
                .contains("versions could not be read"),
            "{body}"
        );
    }
    stage.set(&MLSERVER);
    let reading = look(&source).await.unwrap();
    assert_eq!(reading.versions.len(), 2);
    assert!(reading.versions_unread.is_empty());
}

#[tokio::test]
async fn v2_remembers_the_only_model_while_the_index_fails() {
    let stage = Stage::start(&MLSERVER).await;
    let one = r#"[{"name":"fraud","version":"9","state":"READY"}]"#;
    stage.set(&[("POST /v2/repository/index", 200, JSON, one)]);
    let source: Serving<V2> = stage.source(None);
    assert_eq!(look(&source).await.unwrap().health, Health::Ready);
    stage.set(&[("POST /v2/repository/index", 500, TEXT, "boom")]);
    let reading = look(&source).await.unwrap();
    assert_eq!(reading.health, Health::Ready, "{}", reading.message);
    // Nobody has ever said which model is meant: nothing can be said of its health.
    let fresh: Serving<V2> = stage.source(None);
    assert_eq!(look(&fresh).await.unwrap().health, Health::Unknown);
}

/// A route that tells no health hangs: the health is told all the same, and what was not read is named.
#[tokio::test]
async fn one_route_that_hangs_does_not_make_an_endpoint_silent() {
    let soon = Some(DELAY);
    let stage = Stage::start(&MLSERVER).await;
    stage.set(&[
        ("POST /v2/repository/index", HANGS, TEXT, ""),
        ("GET /metrics", HANGS, TEXT, ""),
        ("GET /readyz", 200, TEXT, "\n"),
        ("GET /docs.json", HANGS, TEXT, ""),
        ("GET /version", HANGS, TEXT, ""),
        ("GET /ping", 200, JSON, "\n"),
    ]);
    let v2 = look(&stage.source_within::<V2>(Some("fraud"), soon)).await;
    let bento = look(&stage.source_within::<Bentoml>(Some("fraud"), soon)).await;
    let scoring = look(&stage.source_within::<MlflowServe>(Some("fraud"), soon)).await;
    for (reading, call) in [
        (v2, "/v2/repository/index"),
        (bento, "/metrics"),
        (scoring, "/version"),
    ] {
        let reading = reading.unwrap();
        assert_eq!(reading.health, Health::Ready, "{call}");
        let message = reading.message.as_str();
        assert!(
            message.contains("timeout") && message.contains(call),
            "{message}"
        );
        let told = reading.versions_unread.as_str();
        assert!(told.is_empty() || told.contains(call), "{told}");
        assert_eq!(
            told.is_empty(),
            call == "/version",
            "it never tells a version"
        );
    }
    assert!(!stage.requests().contains(&"GET /docs.json".to_owned()));
}

#[tokio::test]
async fn an_endpoint_that_hangs_is_silent_at_its_own_deadline() {
    let stage = Stage::start(&MLSERVER).await;
    stage.set(&[("GET /v2/health/ready", HANGS, TEXT, "")]);
    let source = stage.source_within::<V2>(Some("fraud"), Some(DELAY));
    let fault = look(&source).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Timeout);
    assert!(fault.detail.as_str().contains("300ms"), "{fault}");
}

#[tokio::test]
async fn an_endpoint_that_answers_slowly_is_ready_and_its_time_is_the_one_measured() {
    let stage = Stage::start(&MLSERVER).await;
    stage.set(&[("GET /v2/models/fraud/ready", SLOW, TEXT, "")]);
    let source = stage.source::<V2>(Some("fraud"));
    let reading = look(&source).await.unwrap();
    assert_eq!(reading.health, Health::Ready);
    let latency = reading.latency.unwrap();
    assert!(latency >= DELAY && latency < 10 * DELAY, "{latency:?}");
}

#[tokio::test]
async fn v2_without_an_index_takes_what_metadata_names() {
    let stage = Stage::start(&MLSERVER).await;
    stage.set(&[
        (
            "POST /v2/repository/index",
            405,
            JSON,
            r#"{"detail":"Method Not Allowed"}"#,
        ),
        (
            "GET /v2/models/fraud",
            200,
            JSON,
            r#"{"name":"fraud","versions":["3", 4, null]}"#,
        ),
    ]);
    let source: Serving<V2> = stage.source(Some("fraud"));
    let reading = look(&source).await.unwrap();
    assert_eq!(
        words(&reading),
        [("4", ServedState::Answering), ("3", ServedState::Answering)]
    );
    stage.requests();
    look(&source).await.unwrap();
    assert_eq!(
        stage.requests(),
        [
            "GET /v2/health/ready",
            "GET /v2/models/fraud",
            "GET /v2/models/fraud/ready"
        ]
    );
    stage.set(&[("GET /v2/models/fraud", 200, JSON, r#"{"versions":null}"#)]);
    let reading = look(&source).await.unwrap();
    assert_eq!((reading.health, reading.versions.len()), (Health::Ready, 0));
}

#[tokio::test]
async fn v2_finds_the_only_model_and_asks_again_who_it_is_after_a_fault() {
    let stage = Stage::start(&MLSERVER).await;
    stage.set(&[(
        "POST /v2/repository/index",
        200,
        JSON,
        r#"[{"name":"fraud","version":"9","state":"READY"}]"#,
    )]);
    let source: Serving<V2> = stage.source(None);
    assert_eq!(words(&look(&source).await.unwrap()).len(), 1);
    stage.set(&[(
        "GET /v2/health/ready",
        502,
        HTML,
        "<html>bad gateway</html>",
    )]);
    let fault = look(&source).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Server(502));
    stage.set(&[
        ("GET /v2/health/ready", 200, TEXT, ""),
        (
            "GET /v2",
            200,
            JSON,
            r#"{"name":"mlserver","version":"1.8"}"#,
        ),
    ]);
    assert_eq!(look(&source).await.unwrap().server, "mlserver 1.8");
}

/// A load is answered once it is over: nobody who loads is silent for that.
#[tokio::test]
async fn a_load_has_the_time_of_a_request_and_not_of_a_sign_of_life() {
    let stage = Stage::start(&MLSERVER).await;
    let source = stage.source_within::<V2>(Some("fraud"), Some(DELAY / 3));
    let load = Act::LoadModel {
        deployment: source.key.clone(),
        from: None,
        to: Key::new("10"),
    };
    stage.set(&[("POST /v2/repository/models/fraud/load", SLOW, TEXT, "")]);
    let delivery = source.execute(&ticket(&load)).await;
    assert!(matches!(delivery, Delivery::Taken(_)), "{delivery:?}");
    stage.set(&[("GET /v2/health/ready", SLOW, TEXT, "")]);
    assert_eq!(look(&source).await.unwrap_err().kind, FaultKind::Timeout);
}
