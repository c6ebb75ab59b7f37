//! `record` and `history`: what changes while nobody watches is known, once.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use axum::routing::get;
use serde_json::Value;

use crate::support::{Home, Running, flags, fleet, with};

fn of_kind<'a>(history: &'a Value, kind: &str) -> Vec<&'a Value> {
    let changes = history["changes"].as_array().unwrap();
    changes.iter().filter(|c| c["kind"] == kind).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn single_looks_find_what_changed_between_them() {
    let fleet = fleet().await;
    let flags = flags(&fleet, &["fraud-prod"]);
    let home = Home::new();
    let record = || {
        let ran = home.run(&with(&["record", "--once"], &flags));
        assert_eq!(ran.code(), 0, "{}", ran.err());
        ran.out()
    };
    assert_eq!(record(), "", "a first look is no change");

    assert!(fleet.set_alias("fraud-detector", "champion", 14));
    assert!(fleet.set_ready("fraud-prod", false));
    assert!(fleet.add_version("churn", None).is_some());
    let told = record();
    assert!(
        told.contains("fraud-detector  champion v13 → v14"),
        "{told}"
    );
    assert!(told.contains("endpoint ready → not ready"), "{told}");
    assert!(told.contains("churn  v8 registered"), "{told}");
    assert!(told.contains("level"), "{told}");

    assert_eq!(record(), "", "nothing is told twice");

    let history = home.json(&with(&["history"], &flags), 0);
    let moves = of_kind(&history, "alias");
    assert_eq!(moves.len(), 1, "{history}");
    assert_eq!(moves[0]["from"], "v13");
    assert_eq!(moves[0]["to"], "v14");
    assert_eq!(moves[0]["origin"], "observed");
    assert!(moves[0]["not_before"].as_str() <= moves[0]["not_after"].as_str());
    assert_eq!(of_kind(&history, "new-version").len(), 1, "{history}");
    assert!(!history["watched"].as_array().unwrap().is_empty());

    let of_model = home.json(&with(&["history", "fraud-detector"], &flags), 0);
    assert_eq!(of_kind(&of_model, "alias").len(), 1);
    assert_eq!(
        of_kind(&of_model, "health").len(),
        1,
        "its deployments are part of it"
    );
    assert!(
        of_kind(&of_model, "new-version").is_empty(),
        "churn's are not"
    );

    // The ledger needs no server.
    let offline = ["history", "--mlflow", "http://127.0.0.1:1"];
    let text = home.run(&offline).out();
    assert!(text.contains("champion v13 → v14"), "{text}");
    let ran = home.run(&["history", "frad-detector", "--mlflow", "http://127.0.0.1:1"]);
    assert_eq!(ran.code(), 2);
    assert!(
        ran.err().contains("did you mean `fraud-detector`?"),
        "{}",
        ran.err()
    );

    // Later looks know since when.
    let status = home.json(&with(&["status"], &flags), 0);
    let models = status["models"].as_array().unwrap();
    let fraud = models
        .iter()
        .find(|m| m["name"] == "fraud-detector")
        .unwrap();
    assert_eq!(fraud["champion_since"]["known"], "exact", "{fraud}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorder_tells_changes_as_they_come_and_is_alone() {
    let fleet = fleet().await;
    let flags = flags(&fleet, &["fraud-prod"]);
    let home = Home::new();
    let mut child = home
        .command(&with(&["record", "--every", "1s", "--json"], &flags))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    let mut err = BufReader::new(child.stderr.take().unwrap());
    let recorder = Running(child);
    let mut begun = String::new();
    err.read_line(&mut begun).unwrap();
    assert!(begun.contains("recording context flags"), "{begun}");

    let second = home.run(&with(&["record", "--once"], &flags));
    assert_eq!(second.code(), 2, "{}", second.out());
    assert!(
        second.err().contains("another recorder"),
        "{}",
        second.err()
    );

    // The first look has to be over before anything can be a change.
    std::thread::sleep(std::time::Duration::from_millis(1_500));
    assert!(fleet.set_ready("fraud-prod", false));
    let line = out.lines().next().expect("a change").unwrap();
    let change: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(change["schema"], "quarterdeck.change/1");
    assert!(
        ["health", "level"].contains(&change["kind"].as_str().unwrap()),
        "{change}"
    );
    assert_eq!(recorder.stop(), Some(0));

    let history = home.json(&with(&["history"], &flags), 0);
    assert_eq!(of_kind(&history, "health").len(), 1, "{history}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_whose_row_could_not_be_read_is_not_told_as_deleted() {
    let row = |name: Value| serde_json::json!({"name": name, "creation_timestamp": 1});
    let answer = |rows: [Value; 2]| serde_json::json!({"registered_models": rows}).to_string();
    let told = Arc::new(Mutex::new(answer([row("a".into()), row("b".into())])));
    let models = Arc::clone(&told);
    let router = axum::Router::new()
        .route("/version", get(|| async { "3.1.0" }))
        .route(
            "/api/2.0/mlflow/registered-models/search",
            get(move || std::future::ready(models.lock().unwrap().clone())),
        )
        .fallback(|| async { "{}" });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let home = Home::new();
    let record = || {
        let ran = home.run(&["record", "--once", "--mlflow", &url]);
        assert_eq!(ran.code(), 0, "{}", ran.err());
        ran.out()
    };
    record();
    *told.lock().unwrap() = answer([row("a".into()), row(Value::Null)]);
    let spoilt = record();
    assert!(!spoilt.contains("deleted"), "{spoilt}");
    *told.lock().unwrap() = answer([row("a".into()), row("c".into())]);
    let gone = record();
    assert!(gone.contains("b  model deleted"), "{gone}");
    assert!(!gone.contains("a  model deleted"), "{gone}");
    server.abort();
}
