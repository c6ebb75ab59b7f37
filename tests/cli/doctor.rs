//! `doctor`: what is wrong is found, with what to do about it.

use serde_json::Value;

use crate::support::{Home, flags, fleet, url, with};

fn finding<'a>(document: &'a Value, place: &str, test: &str) -> Option<&'a Value> {
    let findings = document["findings"].as_array().unwrap();
    findings
        .iter()
        .find(|f| f["where"] == place && f["test"] == test)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_fleet_has_nothing_to_complain_of() {
    let fleet = fleet().await;
    let flags = flags(&fleet, &["fraud-prod", "churn-prod"]);
    let document = Home::new().json(&with(&["doctor"], &flags), 0);
    assert_eq!(document["errors"], 0, "{document}");
    for test in ["reach", "version", "latency", "clock"] {
        let found = finding(&document, "source mlflow", test);
        assert_eq!(found.unwrap()["level"], "ok", "{test}: {document}");
    }
    let version = finding(&document, "source mlflow", "version").unwrap();
    assert!(
        version["text"].as_str().unwrap().contains("3.17"),
        "{version}"
    );
    let joined = finding(&document, "wiring", "join").unwrap();
    assert_eq!(joined["text"], "2 of 2 deployments are joined to a model");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_comes_with_advice() {
    let fleet = fleet().await;
    assert!(fleet.delete_alias("churn", "champion"));
    let mut flags = flags(&fleet, &["churn-prod"]);
    flags.push("--serving".to_owned());
    flags.push("stranger=v2+http://127.0.0.1:1".to_owned());
    let document = Home::new().json(&with(&["doctor"], &flags), 1);
    let alias = finding(&document, "wiring", "alias").unwrap();
    let text = alias["text"].as_str().unwrap();
    assert!(
        text.contains("@champion") && text.contains("churn"),
        "{alias}"
    );
    assert!(
        alias["advice"].as_str().unwrap().contains("follows"),
        "{alias}"
    );
    let reach = finding(&document, "source stranger", "reach").unwrap();
    assert_eq!(reach["level"], "error");
    assert!(reach["advice"].is_string(), "{reach}");
    let join = finding(&document, "wiring", "join").unwrap();
    assert!(
        join["text"].as_str().unwrap().contains("stranger"),
        "{join}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_gone_wrong_is_found() {
    let late = std::time::SystemTime::now() - std::time::Duration::from_secs(330);
    let fleet = crate::support::fleet_from(late).await;
    let document = Home::new().json(&with(&["doctor"], &flags(&fleet, &[])), 1);
    let clock = finding(&document, "source mlflow", "clock").unwrap();
    assert_eq!(clock["level"], "error", "{clock}");
    let text = clock["text"].as_str().unwrap();
    assert!(text.contains("behind") && text.contains("5m"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_not_needed_may_be_away() {
    let fleet = fleet().await;
    let home = Home::new();
    home.settings(&format!(
        "[[contexts.prod.sources]]\nname = \"mlflow\"\nurl = \"{}\"\n\
         [[contexts.prod.sources]]\nname = \"spare\"\nurl = \"http://127.0.0.1:1\"\nrequired = false\n",
        url(&fleet, "mlflow")
    ));
    let document = home.json(&["doctor"], 0);
    let reach = finding(&document, "source spare", "reach").unwrap();
    assert_eq!(reach["level"], "warn", "{reach}");
    assert_eq!(home.run(&["status", "--check"]).code(), 0);
}
