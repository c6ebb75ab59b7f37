//! The adapter against answers recorded from a real server, and hostile ones.

use serde_json::{Value, json};

use super::*;
use crate::domain::alert::{Alert, AlertState};
use crate::domain::key::Key;
use crate::domain::level::Level;
use crate::domain::text::NAME_LIMIT;
use crate::domain::time::Millis;
use crate::sources::labels::fingerprint;
use crate::sources::testing::{self, Stage};

async fn recorded() -> Stage {
    let stage = Stage::start().await;
    for name in ["status", "alerts", "groups", "silences"] {
        stage.replay(&format!("alertmanager/{name}.json"));
    }
    stage
}

fn source(stage: &Stage) -> Alertmanager {
    let settings = SourceSettings::new("am", SourceKind::Alertmanager, &stage.url);
    Alertmanager::new(&settings).unwrap()
}

async fn alerts(stage: &Stage) -> Result<Vec<Alert>, Fault> {
    let answer = source(stage).poll(Feed::Alerts, &Focus::default()).await?;
    assert_eq!(answer.coverage, Coverage::Full(Scope::Alerts));
    match answer.rows {
        Rows::Alerts(rows) => Ok(rows),
        other => panic!("{other:?}"),
    }
}

fn named<'a>(rows: &'a [Alert], name: &str, model: &str) -> &'a Alert {
    let is = |a: &&Alert| a.name == name && a.model == Some(Key::new(model));
    rows.iter().find(is).unwrap()
}

#[tokio::test]
async fn recorded_alerts_keep_state_words_and_who_silenced_them() {
    let stage = recorded().await;
    let rows = alerts(&stage).await.unwrap();
    assert_eq!(rows.len(), 7);

    let burn = named(&rows, "ModelErrorBudgetBurn", "fraud-detector");
    assert_eq!((burn.level, burn.state), (Level::Crit, AlertState::Firing));
    assert_eq!(burn.version, Some(Key::new("2")));
    assert_eq!(burn.severity, "page");
    assert_eq!(burn.summary, "4.8 % of requests fail");
    let runbook = burn.runbook.as_ref().map(Clean::as_str);
    assert_eq!(runbook, Some("https://runbooks.example.com/error-budget"));
    assert_eq!(
        burn.group,
        "alertname=ModelErrorBudgetBurn model=fraud-detector to on-call"
    );

    let silenced = named(&rows, "FeatureDrift", "churn");
    assert_eq!(silenced.state, AlertState::Silenced);
    assert_eq!(silenced.silences.len(), 1);
    assert_eq!(silenced.silences[0].author, "alice");
    assert_eq!(
        silenced.silences[0].comment,
        "INC-42: upstream is being fixed"
    );
    assert!(silenced.silences[0].until > silenced.since);

    let muted = named(&rows, "HighLatency", "eta-city");
    assert_eq!(
        (muted.state, muted.silences.len()),
        (AlertState::Inhibited, 0)
    );
    let ticket = named(&rows, "FeatureDrift", "fraud-detector");
    assert_eq!(ticket.summary, "amount drifts, summary left out");
    assert_eq!(ticket.level, Level::Warn);
    let loud = rows.iter().find(|a| a.name == "DiskFull").unwrap();
    assert_eq!((loud.level, loud.model.as_ref()), (Level::Warn, None));
    assert_eq!(loud.severity, "loud");
    let odd = rows.iter().find(|a| a.name == "Escapes").unwrap();
    assert_eq!(odd.summary, "red text");
    assert_eq!(odd.runbook, None);
    assert!(!format!("{odd:?}").contains('\u{1b}'));
}

#[tokio::test]
async fn the_fingerprint_is_the_one_that_the_server_computes() {
    let rows = testing::body("alertmanager/alerts.json");
    for row in rows.as_array().unwrap() {
        let labels = serde_json::from_value(row["labels"].clone()).unwrap();
        assert_eq!(row["fingerprint"], fingerprint(&labels), "{labels:?}");
    }
}

#[tokio::test]
async fn the_probe_names_the_version_and_never_the_configuration() {
    let stage = recorded().await;
    stage.json(
        "GET /api/v2/status",
        &json!({"cluster":{"status":"settling","peers":[]},"versionInfo":{"version":"0.28.1"},
                "config":{"original":"password: hunter2"}}),
    );
    let abilities = source(&stage).probe().await.unwrap();
    assert_eq!(abilities.server, "Alertmanager 0.28.1");
    assert!(abilities.remarks[0].as_str().contains("settling"));
    assert!(!format!("{abilities:?}").contains("hunter2"));
}

#[tokio::test]
async fn both_shapes_of_errors_are_read() {
    let stage = Stage::start().await;
    let line = "GET /api/v2/alerts";
    for (status, body, want) in [
        (400, json!("bad matcher format: x"), "bad matcher format: x"),
        (
            422,
            json!({"code":602,"message":"receiver in query"}),
            "receiver in query",
        ),
    ] {
        stage.set(line, status, "application/json", &body.to_string());
        let fault = alerts(&stage).await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Refused);
        assert_eq!(fault.detail, want);
    }
    stage.set(line, 404, "text/plain", "404 page not found");
    assert_eq!(alerts(&stage).await.unwrap_err().kind, FaultKind::NoRoute);
}

#[tokio::test]
async fn matchers_travel_below_a_path_and_alerts_stand_without_groups() {
    let stage = Stage::start().await;
    stage.json("GET /am/api/v2/alerts", &json!([]));
    let url = format!("{}/am", stage.url);
    let mut settings = SourceSettings::new("am", SourceKind::Alertmanager, &url);
    settings.monitoring.selector = r#"namespace="a,b", team=~"x|y""#.to_owned();
    let source = Alertmanager::new(&settings).unwrap();
    let answer = source.poll(Feed::Alerts, &Focus::default()).await.unwrap();
    assert!(answer.rows.is_empty());
    let asked = stage.requests();
    assert_eq!(
        asked[0],
        "GET /am/api/v2/alerts?filter=namespace%3D%22a%2Cb%22&filter=team%3D%7E%22x%7Cy%22"
    );
    assert_eq!(asked.len(), 2, "no alert is silenced: {asked:?}");
}

fn row(fingerprint: &str) -> Value {
    json!({"fingerprint": fingerprint, "labels": {"alertname":"A","model":"m"}, "annotations": {},
           "startsAt":"2026-11-25T10:00:00Z","endsAt":"2026-11-25T22:00:00Z",
           "status":{"state":"active","silencedBy":[],"inhibitedBy":[]}})
}

#[tokio::test]
async fn hostile_alerts_break_nothing() {
    let stage = Stage::start().await;
    let line = "GET /api/v2/alerts";
    for (body, path) in [
        (json!({"alerts": []}), ""),
        (json!([{"labels": ["a"]}]), "[0].labels"),
        (json!([{"status": "active"}]), "[0].status"),
        (json!([7]), "[0]"),
    ] {
        stage.json(line, &body);
        let fault = alerts(&stage).await.unwrap_err();
        match &fault.kind {
            FaultKind::Decode { path: at } => assert_eq!(at, &path, "{body}"),
            other => panic!("{other:?} {body}"),
        }
    }
    for text in ["<html>hi</html>", "", r#"[{"labels":{"#, "[NaN]"] {
        stage.set(line, 200, "application/json", text);
        let fault = alerts(&stage).await.unwrap_err();
        assert!(matches!(fault.kind, FaultKind::Decode { .. }), "{text}");
    }

    let mut odd = row("a");
    odd["labels"] = json!({"alertname": "x\u{1b}[31m".repeat(10_000), "model": "y".repeat(50_000),
                           "n": 7, "null": null, "list": []});
    odd["status"] = json!({"state": null, "silencedBy": null, "inhibitedBy": [null, 3]});
    odd["startsAt"] = json!("tomorrow");
    let mut twin = row("b");
    twin["status"] = json!({"state":"suppressed","silencedBy":["gone"]});
    stage.json(line, &json!([odd, null, row("b"), twin, {}]));
    let rows = alerts(&stage).await.unwrap();
    assert_eq!(rows.len(), 3);
    let odd = rows
        .iter()
        .find(|a| a.key.fingerprint.raw() == "a")
        .unwrap();
    assert!(odd.name.as_str().chars().count() <= NAME_LIMIT + 1);
    assert_eq!((odd.model.as_ref(), odd.since), (None, Millis(0)));
    let twin = rows
        .iter()
        .find(|a| a.key.fingerprint.raw() == "b")
        .unwrap();
    assert_eq!(twin.state, AlertState::Firing, "the louder of two stays");
}

#[tokio::test]
async fn too_many_alerts_are_capped_and_not_called_all() {
    let stage = Stage::start().await;
    let many: Vec<Value> = (0..MOST_ALERTS + 5).map(|n| row(&n.to_string())).collect();
    stage.json("GET /api/v2/alerts", &json!(many));
    let answer = source(&stage).poll(Feed::Alerts, &Focus::default()).await;
    let answer = answer.unwrap();
    assert_eq!(answer.coverage, Coverage::Partial);
    assert_eq!(answer.rows.len(), MOST_ALERTS);
}
