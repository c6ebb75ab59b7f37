//! What is refused, cut short, too much or hostile, and what is read all the same.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

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
async fn a_proxy_that_refuses_post_for_a_while_is_asked_by_post_again() {
    let refuses = Arc::new(AtomicBool::new(true));
    let refusing = Arc::clone(&refuses);
    let server = Server::start(move |asked| match asked.method.as_str() {
        "POST" if refusing.load(Ordering::Relaxed) => (404, "no backend".to_owned()),
        "GET" if asked.query().len() > 3_000 => (414, "URI too long".to_owned()),
        _ => vector(&[(&[("model_name", "a")], "1")]),
    })
    .await;
    let source = server.source(only("kserve"));
    let methods = |server: &Server| -> Vec<String> {
        let seen = server.seen().into_iter();
        seen.map(|asked| asked.method).collect()
    };
    let long = format!("up{{job=~\"{}\"}}", "a|".repeat(2_000));
    let short = || source.asked_now("up".to_owned());
    short().await.unwrap();
    assert_eq!(methods(&server), ["POST", "GET"]);
    // What is too long for GET is told as that while POST is refused.
    let fault = source.asked_now(long.clone()).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Refused);
    assert_eq!(methods(&server), ["GET", "POST"]);
    refuses.store(false, Ordering::Relaxed);
    short().await.unwrap();
    assert_eq!(methods(&server), ["GET"]);
    source.asked_now(long).await.unwrap();
    short().await.unwrap();
    assert_eq!(methods(&server), ["GET", "POST", "POST"]);

    refuses.store(true, Ordering::Relaxed);
    short().await.unwrap();
    refuses.store(false, Ordering::Relaxed);
    server.seen();
    source.memory().get_until = Some(tokio::time::Instant::now());
    short().await.unwrap();
    assert_eq!(methods(&server), ["POST"], "after a time it is tried again");
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
async fn who_is_absent_from_a_part_of_an_answer_is_neither_idle_nor_without_errors() {
    for sign in ["warnings", "isPartial", "overflow"] {
        let server = Server::start(move |asked| {
            let of = |name: &str| json!({"metric": {"model": name}, "value": [NOW, "3"]});
            let (name, rows) = match asked.query() {
                q if q.contains("by (model, version)") => ("", Vec::new()),
                q if q.contains("infer_request_failure_total") && q.contains(" / ") => {
                    ("errors", vec![of("a")])
                }
                q if q.contains("model_infer_request_success_total") => {
                    ("requests", vec![of("a"), of("b")])
                }
                _ => ("", vec![of("a"), of("b")]),
            };
            let data = json!({"resultType": "vector", "result": rows});
            let mut body = json!({"status": "success", "data": data});
            match sign {
                "warnings" if name == "errors" => body["warnings"] = json!(["store-2: timeout"]),
                "isPartial" if name == "errors" => body["isPartial"] = json!(true),
                "overflow" if name == "errors" => {
                    let more = (0..10_050).map(|n| of(&format!("m{n}")));
                    body["data"]["result"] = json!(more.collect::<Vec<_>>());
                }
                _ => {}
            }
            (200, body.to_string())
        })
        .await;
        let source = server.source(only("mlserver"));
        let answer = poll(&source, Feed::Signals).await.unwrap();
        assert_eq!(answer.coverage, Coverage::Partial, "{sign}");
        let Rows::Signals(rows) = answer.rows else {
            panic!("signals");
        };
        let of = |measure| {
            let mut of = rows.iter().filter(|r| r.key.model == Key::new("b"));
            of.find(|r| r.key.measure == measure).map(|r| r.value)
        };
        assert_eq!(of(Measure::Requests), Some(Measured::Value(3.0)), "{sign}");
        assert_eq!(of(Measure::ErrorRatio), None, "{sign}");
    }
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
