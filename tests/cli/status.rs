//! `status` and its neighbours: the documented fields, the levels, partial answers.

use crate::support::{Home, flags, fleet, url, with};

#[tokio::test(flavor = "multi_thread")]
async fn status_has_the_documented_fields() {
    let fleet = fleet().await;
    assert!(fleet.set_ready("moderation-prod", false));
    let flags = flags(&fleet, &["fraud-prod", "moderation-prod"]);
    let home = Home::new();
    let ran = home.run(&with(&["status", "--json"], &flags));
    assert_eq!(ran.code(), 0, "{}", ran.err());
    assert!(
        ran.out()
            .starts_with("{\n  \"schema\": \"quarterdeck.status/1\""),
        "{}",
        ran.out()
    );
    let status = ran.document();
    assert_eq!(status["context"], "flags");
    assert_eq!(status["level"], "crit");
    assert!(status["generated_at"].as_str().unwrap().ends_with('Z'));

    let models = status["models"].as_array().unwrap();
    assert_eq!(models[0]["name"], "image-moderation", "worst first");
    assert_eq!(models[0]["level"], "crit");
    let reason = &models[0]["reasons"][0];
    assert_eq!(reason["code"], "endpoint.unready");
    assert_eq!(reason["level"], "crit");
    assert_eq!(reason["source"], "image-moderation");
    assert!(reason["text"].as_str().unwrap().contains("not ready"));
    assert!(reason.get("since").is_some());

    let fraud = models
        .iter()
        .find(|m| m["name"] == "fraud-detector")
        .unwrap();
    assert_eq!(fraud["champion"], "13");
    assert_eq!(fraud["challenger"], "14");
    assert_eq!(fraud["skew"], "in-sync");
    assert_eq!(fraud["signals"]["gauges"], serde_json::json!([]));
    assert!(fraud["signals"]["drift"].is_null());
    assert_eq!(fraud["alerts"]["firing"], 0);
    let served = &fraud["served"][0];
    assert_eq!(served["deployment"], "fraud-detector");
    assert_eq!(served["version"], "13");
    assert_eq!(served["known"], "reported");
    assert_eq!(served["health"], "ready");

    let sources = status["sources"].as_array().unwrap();
    assert_eq!(sources.len(), 3);
    for source in sources {
        assert_eq!(source["state"], "live", "{source}");
        assert!(source["age_seconds"].is_u64(), "{source}");
        assert!(source["fault"].is_null(), "{source}");
        assert!(source["name"].is_string() && source["kind"].is_string());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_source_costs_the_timeout_and_is_named() {
    let fleet = fleet().await;
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut flags = flags(&fleet, &["fraud-prod"]);
    flags.push("--serving".to_owned());
    flags.push(format!("churn=v2+http://{}", silent.local_addr().unwrap()));
    flags.extend(["--timeout".to_owned(), "1500ms".to_owned()]);
    let began = std::time::Instant::now();
    let status = Home::new().json(&with(&["status"], &flags), 0);
    assert!(began.elapsed().as_secs() < 4, "{:?}", began.elapsed());
    let source = |name: &str| {
        let all = status["sources"].as_array().unwrap();
        all.iter().find(|s| s["name"] == name).unwrap().clone()
    };
    assert_eq!(source("mlflow")["state"], "live");
    assert_eq!(source("churn")["state"], "down");
    assert_eq!(source("churn")["fault"]["kind"], "timeout");
    let models = status["models"].as_array().unwrap();
    let churn = models.iter().find(|m| m["name"] == "churn").unwrap();
    assert_ne!(churn["level"], "ok", "what nobody could read is not ok");
    let fraud = models
        .iter()
        .find(|m| m["name"] == "fraud-detector")
        .unwrap();
    assert_eq!(
        fraud["level"], "ok",
        "one dead source takes nothing from the others"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_say_the_same_without_escape_sequences() {
    let fleet = fleet().await;
    fleet.set_model_tag(
        "churn",
        "quarterdeck.owner",
        "\u{1b}]0;pwned\u{7}ana\u{202e}",
    );
    let flags = flags(&fleet, &["fraud-prod"]);
    let home = Home::new();
    for command in [
        vec!["status"],
        vec!["models"],
        vec!["models", "churn"],
        vec!["deployments"],
        vec!["wiring"],
        vec!["sources"],
        vec!["runs", "churn-train", "--limit", "3"],
        vec!["doctor"],
    ] {
        let ran = home.run(&with(&command, &flags));
        assert_eq!(ran.code(), 0, "{command:?}: {}", ran.err());
        let text = ran.out();
        assert!(
            !text.contains('\u{1b}') && !text.contains('\u{202e}'),
            "{command:?}: {text}"
        );
        assert!(!text.trim().is_empty(), "{command:?}");
    }
    let models = home.run(&with(&["models"], &flags)).out();
    assert!(models.contains("v13") && models.contains("ana"), "{models}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_has_a_document() {
    let fleet = fleet().await;
    let flags = flags(&fleet, &["fraud-prod"]);
    let home = Home::new();
    for (command, schema) in [
        (vec!["models"], "models"),
        (vec!["models", "fraud-detector"], "model"),
        (vec!["deployments"], "deployments"),
        (vec!["wiring"], "wiring"),
        (vec!["sources"], "sources"),
        (vec!["runs", "--model", "churn", "--limit", "3"], "runs"),
        (vec!["history"], "history"),
        (vec!["doctor"], "doctor"),
        (vec!["keys"], "keys"),
        (vec!["frame", "--size", "80x24"], "frame"),
    ] {
        let document = home.json(&with(&command, &flags), 0);
        let wanted = format!("quarterdeck.{schema}/1");
        assert_eq!(document["schema"], wanted.as_str(), "{command:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_are_filtered_by_the_tracker_and_sorted_here() {
    let fleet = fleet().await;
    let flags = flags(&fleet, &[]);
    let home = Home::new();
    let args = [
        "runs",
        "churn-train",
        "--filter",
        "metrics.val_auc > 0.89",
        "--sort",
        "-val_auc",
    ];
    let document = home.json(&with(&args, &flags), 0);
    let runs = document["runs"].as_array().unwrap();
    let values: Vec<f64> = runs
        .iter()
        .map(|r| r["metrics"]["val_auc"]["value"].as_f64().unwrap())
        .collect();
    assert!(
        values.len() > 1 && values.iter().all(|v| *v > 0.89),
        "{values:?}"
    );
    assert!(values.is_sorted_by(|a, b| a >= b), "{values:?}");

    let wrong = ["runs", "churn-train", "--filter", "metrics.val_auc >> 1"];
    let ran = home.run(&with(&wrong, &flags));
    assert_eq!((ran.code(), ran.out()), (2, String::new()));
    assert!(
        ran.err().contains("Invalid clause"),
        "the server's own words: {}",
        ran.err()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tracking_uri_of_the_environment_makes_a_context() {
    let fleet = fleet().await;
    let home = Home::new().with("MLFLOW_TRACKING_URI", &url(&fleet, "mlflow"));
    let status = home.json(&["status"], 0);
    assert_eq!(status["context"], "env");
    assert_eq!(status["models"].as_array().unwrap().len(), 12);
}

#[test]
fn each_scripted_incident_of_the_signals_is_named() {
    let home = Home::new();
    let ran = home.run(&[
        "status",
        "--demo",
        "--at",
        "4m",
        "--timeout",
        "60s",
        "--json",
    ]);
    assert_eq!(ran.code(), 0, "{}", ran.err());
    let status = ran.document();
    for (model, level, words) in [
        ("ad-ctr", "crit", "realised auc"),
        ("ad-ctr", "crit", "concept drift: auc"),
        ("credit-score", "unknown", "no drift report since"),
        // One feature of five has moved, one that weighs; somebody has silenced the alert of both its
        // tellers.
        ("demand-forecast", "warn", "by importance"),
        ("demand-forecast", "warn", "FeatureDrift silenced by farid"),
        ("eta-city", "crit", "p95"),
        ("ranker-eu", "crit", "worst ctr_30d"),
    ] {
        let models = status["models"].as_array().unwrap();
        let row = models.iter().find(|row| row["name"] == model).unwrap();
        assert_eq!(row["level"], level, "{row}");
        let reasons = row["reasons"].as_array().unwrap();
        let text = |reason: &serde_json::Value| reason["text"].as_str().unwrap().to_owned();
        let found = reasons.iter().map(text).find(|text| text.contains(words));
        assert!(found.is_some(), "{model}: {words}: {reasons:?}");
    }
}
