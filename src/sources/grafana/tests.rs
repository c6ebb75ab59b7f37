//! The adapter against answers as the documentation gives them, and hostile ones.

use serde_json::{Value, json};

use super::*;
use crate::domain::alert::{Alert, AlertState};
use crate::domain::annotation::{Annotation, Link};
use crate::domain::level::Level;
use crate::sources::testing::{Stage, recording};

const NOTES: &str = "GET /api/annotations";
const RULES: &str = "GET /api/prometheus/grafana/api/v1/rules";
const SEARCH: &str = "GET /api/search";

async fn documented() -> Stage {
    let stage = Stage::start().await;
    for name in ["health", "annotations", "search", "rules"] {
        stage.replay(&format!("grafana/{name}.json"));
    }
    stage
}

fn settings(stage: &Stage) -> SourceSettings {
    SourceSettings::new("grafana", SourceKind::Grafana, &stage.url)
}

fn source(stage: &Stage) -> Grafana {
    Grafana::new(&settings(stage)).unwrap()
}

async fn notes(source: &Grafana) -> Result<(Coverage, Vec<Annotation>), Fault> {
    let answer = source.poll(Feed::Annotations, &Focus::default()).await?;
    match answer.rows {
        Rows::Annotations(rows) => Ok((answer.coverage, rows)),
        other => panic!("{other:?}"),
    }
}

async fn alerts(source: &Grafana) -> Result<(Coverage, Vec<Alert>), Fault> {
    let answer = source.poll(Feed::Alerts, &Focus::default()).await?;
    match answer.rows {
        Rows::Alerts(rows) => Ok((answer.coverage, rows)),
        other => panic!("{other:?}"),
    }
}

async fn links(source: &Grafana, model: &str) -> Vec<Link> {
    let model = Key::new(model);
    match source.fetch(Query::Links { model }).await.unwrap() {
        Detail::Links(links) => links,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn annotations_name_their_model_by_tag_and_the_next_poll_asks_for_the_tail() {
    let stage = documented().await;
    let mut settings = settings(&stage);
    settings.monitoring.tags = vec!["prod".to_owned(), "mlops".to_owned()];
    settings.monitoring.models.table = vec![("payments".to_owned(), "fraud".to_owned())];
    let source = Grafana::new(&settings).unwrap();
    let (coverage, rows) = notes(&source).await.unwrap();
    assert!(matches!(coverage, Coverage::Tail(_)));
    let of = |id: &str| rows.iter().find(|r| r.key.id.raw() == id).unwrap();
    let promoted = of("31");
    assert_eq!(promoted.model, Some(Key::new("fraud-detector")));
    assert_eq!(promoted.author.as_ref().map(Clean::as_str), Some("ana"));
    assert_eq!(promoted.until, None, "an end at the start is none");
    let bare = of("30");
    assert_eq!((bare.model.as_ref(), bare.author.as_ref()), (None, None));
    assert!(bare.names(&Key::new("ranker")) && !bare.names(&Key::new("churn")));
    assert!(bare.until.is_some());
    assert_eq!(of("29").model, Some(Key::new("fraud")), "by the table");
    assert_eq!(of("28").text, "FeatureDrift: Normal to Alerting");

    let asked = stage.requests();
    assert!(asked[0].contains("&tags=prod&tags=mlops"), "{asked:?}");
    let (coverage, _) = notes(&source).await.unwrap();
    let clock = Millis(chrono::Utc::now().timestamp_millis());
    let newest = promoted.at.min(clock);
    assert_eq!(coverage, Coverage::Tail(newest.minus(OVERLAP)));
}

#[tokio::test]
async fn a_mark_in_the_future_does_not_hide_what_comes_before_it() {
    let stage = Stage::start().await;
    stage.json(
        NOTES,
        &json!([{"id": 1, "time": 9_999_999_999_999_i64, "text": "later"}]),
    );
    let source = source(&stage);
    notes(&source).await.unwrap();
    let (coverage, _) = notes(&source).await.unwrap();
    let Coverage::Tail(from) = coverage else {
        panic!("{coverage:?}")
    };
    assert!(from.0 <= chrono::Utc::now().timestamp_millis());
}

#[tokio::test]
async fn rules_without_data_are_unknown_and_normal_ones_are_no_alerts() {
    let stage = documented().await;
    let (coverage, rows) = alerts(&source(&stage)).await.unwrap();
    assert_eq!(coverage, Coverage::Full(Scope::Alerts));
    let of = |model: &str| rows.iter().find(|r| r.model == Some(Key::new(model)));
    let firing = of("fraud-detector").unwrap();
    assert_eq!(
        (firing.state, firing.level),
        (AlertState::Firing, Level::Warn)
    );
    assert_eq!(firing.value, Some(0.31));
    assert_eq!(firing.group, "Models/models");
    let at = format!("{}/d/cIBgcSjkk?viewPanel=4", stage.url);
    assert_eq!(
        firing.dashboard.as_ref().map(Clean::as_str),
        Some(at.as_str())
    );
    assert_eq!(of("churn").unwrap().state, AlertState::Pending);
    assert_eq!(of("ranker"), None, "normal");
    for model in ["eta-city", "credit"] {
        let alert = of(model).unwrap();
        assert_eq!(alert.level, Level::Unknown, "{model}");
        assert_eq!(alert.value, None);
    }
}

#[tokio::test]
async fn a_token_without_the_alerts_is_told_apart_from_a_wrong_one() {
    let stage = documented().await;
    let denied = recording("grafana/rules-denied.json");
    stage.set(RULES, 403, "application/json", &denied["body"].to_string());
    let source = source(&stage);
    let (coverage, rows) = alerts(&source).await.unwrap();
    assert_eq!((coverage, rows.len()), (Coverage::Partial, 0));
    let abilities = source.probe().await.unwrap();
    assert_eq!(abilities.server, "Grafana 11.2.0");
    assert_eq!(abilities.rights[0].1, Right::Allowed);
    assert_eq!(abilities.rights[1].1, Right::Denied);

    let wrong = recording("grafana/unauthorized.json");
    stage.set(NOTES, 401, "application/json", &wrong["body"].to_string());
    let fault = source.probe().await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Auth);
    assert_eq!(fault.detail, "Invalid API key");
}

#[tokio::test]
async fn dashboards_are_linked_once_with_the_model_in_the_address() {
    let stage = documented().await;
    let found = links(&source(&stage), "fraud-detector").await;
    let titles: Vec<_> = found.iter().map(|l| l.title.as_str()).collect();
    assert_eq!(titles, ["Fraud detector", "All serving"]);
    assert_eq!(
        found[0].url.as_str(),
        format!(
            "{}/d/cIBgcSjkk/fraud-detector?from=now-6h&to=now&var-model=fraud-detector",
            stage.url
        )
    );
    assert_eq!(found[0].place, "Models");

    // Behind a path of its own, which the server repeats in what it answers.
    let rows = recording("grafana/search.json")["body"].clone();
    stage.json("GET /grafana/api/search", &rows);
    let mut settings = settings(&stage);
    settings.url = format!("{}/grafana", stage.url);
    let found = links(&Grafana::new(&settings).unwrap(), "a b&c").await;
    let serving = found.iter().find(|l| l.title == "All serving").unwrap();
    assert_eq!(
        serving.url.as_str(),
        format!(
            "{}/grafana/d/srv/all-serving?from=now-6h&to=now&var-model=a%20b%26c",
            stage.url
        )
    );
}

#[tokio::test]
async fn hostile_answers_break_nothing() {
    let stage = Stage::start().await;
    let source = source(&stage);
    for text in ["<html>x</html>", "", r#"[{"id":"#, r#"{"a":1}"#, "[[1]]"] {
        stage.set(NOTES, 200, "application/json", text);
        let fault = notes(&source).await.unwrap_err();
        assert!(matches!(fault.kind, FaultKind::Decode { .. }), "{text}");
    }
    stage.json(
        NOTES,
        &json!([null, {}, {"id": 1}, {"id": null, "time": 5}, {"id": 2, "time": -5}, {"id": 3, "time": "7"},
            {"id": 4, "time": 1_795_599_000_000_i64, "timeEnd": 5, "text": "\u{1b}]0;x\u{7}hi \u{202e}",
             "tags": ["model:".to_owned() + &"n".repeat(50_000), null, 7, "model: y"], "login": "\u{1b}[2J"},
            {"id": 4, "time": 1_795_599_000_001_i64, "text": "twice"}]),
    );
    let (_, rows) = notes(&source).await.unwrap();
    let ids: Vec<_> = rows.iter().map(|r| r.key.id.raw()).collect();
    assert_eq!(ids, ["3", "4"]);
    assert_eq!(rows[1].text, "twice");
    assert!(!format!("{rows:?}").contains("u{1b}"));

    stage.json(
        NOTES,
        &json!([{"id": 4, "time": 9, "tags": null, "text": {"a": 1}}]),
    );
    assert!(notes(&source).await.is_err(), "text is no object");

    stage.json(
        RULES,
        &json!({"data": {"groups": [null, {"rules": [{"alerts": null}, {"name": "R", "alerts": [{"state": "Odd"}, {"state": 7, "labels": null}]}]}]}}),
    );
    let (_, rows) = alerts(&source).await.unwrap();
    assert_eq!(rows.len(), 1, "the same rule and no labels: one alert");
    assert_eq!(
        (rows[0].name.as_str(), rows[0].level),
        ("R", Level::Unknown)
    );

    let odd: Value = json!([{"uid": "", "url": "javascript:alert(1)", "title": "x"},
        {"uid": "u/../x", "url": "//evil.test/d", "title": "\u{1b}[1mbold"}, {"type": "dash-folder", "uid": "f"}]);
    stage.json(SEARCH, &odd);
    let found = links(&source, "m").await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].title, "bold");
    assert!(
        found[0]
            .url
            .as_str()
            .starts_with(&format!("{}/d/u%2F..%2Fx?", stage.url))
    );
}
