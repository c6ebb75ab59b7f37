//! The adapter against answers recorded from both Airflows, and hostile ones.

use serde_json::{Value, json};

use super::*;
use crate::domain::observation::{Coverage, Rows, Scope};
use crate::domain::param::{ParamKind, ParamValue};
use crate::domain::pipeline::{
    Ending, LogKey, Orchestrator, PartHealth, Pipeline, PipelineRun, PipelineState,
};
use crate::domain::settings::{Auth, SecretRef};
use crate::domain::text::NAME_LIMIT;
use crate::sources::testing::Stage;

const V2: (&str, &str) = ("airflow3", "/api/v2");
const V1: (&str, &str) = ("airflow2", "/api/v1");
const INSTANCES: &str = "/dags/~/dagRuns/~/taskInstances/list";

async fn recorded(folder: &str) -> Stage {
    let stage = Stage::start().await;
    for name in [
        "version",
        "health",
        "dags",
        "details",
        "tasks",
        "runs",
        "run",
        "instances",
        "log",
        "instances-failed",
        "results",
        "result",
        "error-404-other-version",
    ] {
        stage.replay(&format!("{folder}/{name}.json"));
    }
    stage
}

fn settings(stage: &Stage) -> SourceSettings {
    SourceSettings::new("af", SourceKind::Airflow, &stage.url)
}

fn source(stage: &Stage) -> Airflow {
    Airflow::new(&settings(stage)).unwrap()
}

async fn runs(source: &Airflow) -> Result<Vec<PipelineRun>, Fault> {
    match source
        .poll(Feed::PipelineRuns, &Focus::default())
        .await?
        .rows
    {
        Rows::PipelineRuns(rows) => Ok(rows),
        other => panic!("{other:?}"),
    }
}

async fn pipelines(source: &Airflow) -> Result<Vec<Pipeline>, Fault> {
    let answer = source.poll(Feed::Pipelines, &Focus::default()).await?;
    assert_eq!(answer.coverage, Coverage::Full(Scope::Pipelines));
    match answer.rows {
        Rows::Pipelines(rows) => Ok(rows),
        other => panic!("{other:?}"),
    }
}

async fn health(source: &Airflow) -> Result<Orchestrator, Fault> {
    match source
        .poll(Feed::Orchestrator, &Focus::default())
        .await?
        .rows
    {
        Rows::Orchestrators(mut rows) => Ok(rows.remove(0)),
        other => panic!("{other:?}"),
    }
}

fn key(stage: &Stage, dag: &str, run: &str) -> PipelineRunKey {
    PipelineRunKey {
        pipeline: PipelineKey {
            base: Key::new(&stage.url),
            id: Key::new(dag),
        },
        id: Key::new(run),
    }
}

#[tokio::test]
async fn both_versions_tell_the_same_of_pipelines_and_runs() {
    for (folder, root) in [V2, V1] {
        let stage = recorded(folder).await;
        let source = source(&stage);
        let all = pipelines(&source).await.unwrap();
        let ids: Vec<&str> = all.iter().map(|p| p.key.id.raw()).collect();
        assert_eq!(
            ids,
            ["retrain_fraud", "retrain_paused", "sweep"],
            "{folder}"
        );
        let [fraud, paused, sweep] = &all[..] else {
            panic!("{all:?}")
        };
        assert_eq!(
            (fraud.paused, fraud.broken, fraud.max_active),
            (false, false, Some(2))
        );
        assert_eq!(fraud.description, "Trains the fraud detector again.");
        assert!(fraud.schedule.is_empty(), "{folder} {:?}", fraud.schedule);
        assert!(fraud.tags.iter().any(|tag| *tag == "mlops"));
        assert!(paused.paused && !sweep.schedule.is_empty());

        let all = runs(&source).await.unwrap();
        let of = |id: &str| all.iter().find(|run| run.key.id.raw() == id).unwrap();
        assert_eq!(of("seed-good").state, PipelineState::Ended(Ending::Success));
        assert_eq!(of("seed-good").param("epochs").as_deref(), Some("2"));
        assert!(of("seed-good").ended >= of("seed-good").started);
        let bad = of("seed-bad-1");
        assert!(bad.state.is_failed() && bad.queued.is_some(), "{bad:?}");
        let at = bad.failed_at.as_ref().unwrap();
        assert_eq!((at.task.shown.as_str(), at.attempt), ("evaluate", 1));
        assert_eq!(of("seed-waits").state, PipelineState::Queued);
        assert_eq!(
            bad.by.is_some(),
            root == V2.1,
            "only the third tells who asked"
        );
        let part = health(&source).await.unwrap();
        assert_eq!(part.scheduler().unwrap().health, PartHealth::Healthy);
        assert!(part.scheduler().unwrap().heartbeat.is_some());
        let triggerer = part.parts.iter().find(|p| p.name == "triggerer").unwrap();
        assert_eq!(triggerer.health, PartHealth::Absent);
    }
}

#[tokio::test]
async fn both_versions_tell_the_same_details() {
    for (folder, _) in [V2, V1] {
        let stage = recorded(folder).await;
        let source = source(&stage);
        let run = key(&stage, "retrain_fraud", "seed-bad-1");
        let Detail::Pipeline(details) = source
            .fetch(Query::Pipeline(run.pipeline.clone()))
            .await
            .unwrap()
        else {
            panic!()
        };
        let order: Vec<&str> = details.graph.iter().map(|n| n.name.as_str()).collect();
        assert_eq!(
            order,
            ["prepare", "train", "evaluate", "register"],
            "{folder}"
        );
        let of = |name: &str| {
            details
                .params
                .iter()
                .find(|p| p.name.shown == name)
                .unwrap()
        };
        let epochs = of("epochs");
        assert_eq!(
            (epochs.kind, epochs.least, epochs.most),
            (ParamKind::Integer, Some(1.0), Some(50.0))
        );
        assert_eq!(epochs.default, Some(ParamValue::new(json!(3))));
        let rate = of("learning_rate");
        assert_eq!((rate.least, rate.exclusive), (Some(0.0), (true, false)));
        assert_eq!(of("window").choices.len(), 3);
        let since = of("since");
        assert!(since.nullable && since.kind == ParamKind::Text && since.most == Some(40.0));
        assert_eq!(since.default, Some(ParamValue::new(Value::Null)));

        let Detail::Tasks(tasks) = source.fetch(Query::Tasks(run.clone())).await.unwrap() else {
            panic!()
        };
        let states: Vec<(&str, &str)> = tasks
            .iter()
            .map(|t| (t.name.as_str(), t.state.word()))
            .collect();
        assert!(
            states.contains(&("evaluate", "failed")) && states.contains(&("register", "skipped"))
        );
        let evaluate = tasks.iter().find(|t| t.name == "evaluate").unwrap();
        let log = evaluate.log(&run).unwrap();
        assert_eq!(
            log,
            LogKey {
                run: run.clone(),
                task: Key::new("evaluate"),
                map_index: None,
                attempt: 1
            }
        );
        let query = Query::TaskLog { log, from: None };
        let Detail::TaskLog(chunk) = source.fetch(query).await.unwrap() else {
            panic!()
        };
        let said = |words: &str| chunk.lines.iter().any(|l| l.text.as_str().contains(words));
        assert!(
            said("val_auc 0.62 < 0.80") && said("evaluate: model fraud-detector"),
            "{chunk:?}"
        );
        assert!(!said("::group::") && !said("***"));
        assert!(
            chunk
                .lines
                .iter()
                .any(|l| l.level == "error" && l.at.is_some())
        );

        let good = key(&stage, "retrain_fraud", "seed-good");
        let Detail::Produced(produced) = source.fetch(Query::Produced(good)).await.unwrap() else {
            panic!()
        };
        assert_eq!(produced.len(), 1, "{folder}");
        assert_eq!(produced[0].model, Some(Key::new("fraud-detector")));
        assert_eq!(produced[0].version, Some(Key::new("7")));
        let Detail::PipelineRun(one) = source.fetch(Query::PipelineRun(run.clone())).await.unwrap()
        else {
            panic!()
        };
        assert_eq!(one.key, run);
    }
}

#[tokio::test]
async fn after_the_first_look_only_what_moved_is_asked_for() {
    let stage = recorded(V2.0).await;
    let source = source(&stage);
    runs(&source).await.unwrap();
    let first = stage.requests();
    assert!(
        first
            .iter()
            .any(|line| line.contains("state=running&state=queued")),
        "{first:?}"
    );
    assert!(first.iter().any(|line| line.ends_with(INSTANCES)));
    // Once in a while all of the last day is asked for: what is absent from it was deleted.
    for moved in ["2026-11-24T18%3A00%3A00", "2026-11-25T17%3A59%3A00"] {
        let answer = source.poll(Feed::PipelineRuns, &Focus::default()).await;
        let later = stage.requests();
        assert_eq!(
            later.len(),
            1,
            "where a run failed is asked once: {later:?}"
        );
        let moved = format!("updated_at_gte={moved}");
        assert!(later[0].contains(&moved), "{later:?}");
        let coverage = answer.unwrap().coverage;
        let whole = matches!(coverage, Coverage::Full(Scope::PipelineRuns { .. }));
        assert_eq!(whole, moved.contains("-24T"), "{coverage:?}");
    }
}

/// Runs of a page, as the older interface writes them; the total is that of all pages.
fn page(ids: impl Iterator<Item = usize>, total: usize) -> String {
    let row = |n: usize| {
        json!({
            "dag_id": "sweep", "dag_run_id": format!("r{n}"), "state": "success",
            "run_type": "manual", "start_date": "2026-11-25T10:00:00Z",
            "end_date": "2026-11-25T10:05:00Z",
        })
    };
    let rows: Vec<Value> = ids.map(row).collect();
    json!({"dag_runs": rows, "total_entries": total}).to_string()
}

#[tokio::test]
async fn a_run_that_moves_between_two_pages_of_a_sweep_is_not_told_gone() {
    // 150 runs; while the first page is read, r120 moves to the front or r10 is deleted.
    for (second, late, whole) in [
        (95..150, 120..121, true),
        // The whole list has come nearer by six: r100 to r105 were passed over.
        (106..150, 0..0, false),
    ] {
        let stage = recorded(V1.0).await;
        let source = source(&stage);
        runs(&source).await.unwrap();
        let day = "2026-11-24T18%3A00%3A00Z";
        let tail = "2026-11-25T17%3A59%3A00Z";
        let line = |offset: usize, since: &str| {
            format!(
                "GET /api/v1/dags/~/dagRuns?limit=100&offset={offset}&order_by=-updated_at&updated_at_gte={since}"
            )
        };
        let kind = "application/json";
        stage.set(&line(0, day), 200, kind, &page(0..100, 150));
        let second: Vec<usize> = second.filter(|n| *n != 120).collect();
        let total = 95 + second.len();
        stage.set(&line(95, day), 200, kind, &page(second.into_iter(), total));
        stage.set(&line(0, tail), 200, kind, &page(late.clone(), late.len()));
        let poll = source.poll(Feed::PipelineRuns, &Focus::default()).await;
        let answer = poll.unwrap();
        let full = matches!(answer.coverage, Coverage::Full(Scope::PipelineRuns { .. }));
        assert_eq!(full, whole, "{:?}", answer.coverage);
        let Rows::PipelineRuns(rows) = answer.rows else {
            panic!("runs");
        };
        let mut ids: Vec<&str> = rows.iter().map(|run| run.key.id.raw()).collect();
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all, "each once");
        assert_eq!(ids.contains(&"r120"), whole);
    }
}

#[tokio::test]
async fn now_and_then_a_month_is_asked_for_and_less_where_it_holds_too_much() {
    let stage = recorded(V2.0).await;
    let source = source(&stage);
    runs(&source).await.unwrap();
    runs(&source).await.unwrap();
    let ago = |minutes: u64| {
        let now = source.state().runs_at.expect("a clock");
        Some(now.minus(Duration::from_secs(60 * minutes)))
    };
    stage.requests();
    let whole = async |from: &str| {
        let answer = source.poll(Feed::PipelineRuns, &Focus::default()).await;
        let asked = stage.requests();
        assert!(
            asked[0].contains(&format!("updated_at_gte={from}")),
            "{asked:?}"
        );
        matches!(
            answer.unwrap().coverage,
            Coverage::Full(Scope::PipelineRuns { .. })
        )
    };
    // Not due yet: the last day.
    let at = ago(2);
    source.state().swept_at = at;
    assert!(whole("2026-11-24T18%3A00%3A00").await);
    // Due: the last thirty days, and then the last day again.
    let (swept, deep) = (ago(2), ago(10));
    source.state().swept_at = swept;
    source.state().deep_at = deep;
    assert!(whole("2026-10-26T18%3A00%3A00").await);
    let at = ago(2);
    source.state().swept_at = at;
    assert!(whole("2026-11-24T18%3A00%3A00").await);
    // What held more than one poll reads is halved until it is no longer than the short time.
    let deep = ago(10);
    source.state().swept_at = at;
    source.state().deep_at = deep;
    source.state().deep = Some(SHORT);
    assert!(whole("2026-11-24T18%3A00%3A00").await);
}

/// As long as what is asked for every minute.
const SHORT: Duration = Duration::from_secs(24 * 3_600);

#[tokio::test]
async fn a_server_without_the_filter_is_asked_for_the_newest() {
    let stage = recorded(V1.0).await;
    let source = source(&stage);
    let line = "GET /api/v1/dags/~/dagRuns?limit=100&offset=0&order_by=-updated_at&updated_at_gte=2026-11-24T18%3A00%3A00Z";
    stage.set(line, 400, "application/problem+json", r#"{"detail":"Extra query parameter(s) updated_at_gte","status":400,"title":"Bad Request"}"#);
    for _ in 0..3 {
        assert!(runs(&source).await.unwrap().len() >= 4);
    }
    let refused = stage
        .requests()
        .iter()
        .filter(|l| l.contains("updated_at_gte"))
        .count();
    assert_eq!(refused, 1, "it is not asked again");
}

#[tokio::test]
async fn the_version_is_asked_for_and_anew_when_the_server_is_another() {
    let stage = recorded(V2.0).await;
    let source = source(&stage);
    let abilities = source.probe().await.unwrap();
    assert_eq!(abilities.server, "Airflow 3.3.2");
    assert!(abilities.remarks.is_empty());
    // Airflow 2 takes its place.
    for name in ["version", "health", "dags", "error-404-other-version"] {
        stage.replay(&format!("airflow2/{name}.json"));
    }
    stage.set(
        "GET /api/v2/dags",
        404,
        "text/html",
        "<!DOCTYPE html><html>Airflow 404</html>",
    );
    assert_eq!(
        pipelines(&source).await.unwrap_err().kind,
        FaultKind::NoRoute
    );
    assert_eq!(pipelines(&source).await.unwrap().len(), 3);
    let abilities = source.probe().await.unwrap();
    assert_eq!(
        (abilities.server.as_str(), abilities.remarks.len()),
        ("Airflow 2.11.2", 1)
    );
}

#[tokio::test]
async fn every_shape_of_refusal_is_read() {
    let cases = [
        (
            "airflow3/error-no-token",
            FaultKind::Auth,
            "Not authenticated",
        ),
        (
            "airflow3/error-bad-token",
            FaultKind::Auth,
            "Invalid JWT token",
        ),
        ("airflow2/error-no-token", FaultKind::Forbidden, "Forbidden"),
        ("airflow3/error-404-dag", FaultKind::NotFound, "absent"),
        ("airflow2/error-404-dag", FaultKind::NotFound, "absent"),
        (
            "airflow3/error-404-route",
            FaultKind::NoRoute,
            "API route not found",
        ),
        ("airflow2/error-404-route", FaultKind::NoRoute, "not found"),
        (
            "airflow3/error-409-run",
            FaultKind::Refused,
            "Serious error",
        ),
        (
            "airflow2/error-409-run",
            FaultKind::Refused,
            "already exists",
        ),
        ("airflow3/error-body", FaultKind::Refused, "Field required"),
        ("airflow2/error-body", FaultKind::Refused, "Unknown field"),
        (
            "airflow3/error-param",
            FaultKind::Refused,
            "greater than the maximum of 50",
        ),
        (
            "airflow2/error-param",
            FaultKind::Refused,
            "greater than the maximum of 50",
        ),
        (
            "airflow3/error-run-id",
            FaultKind::Refused,
            "does not match regex",
        ),
        ("airflow2/error-run-id", FaultKind::Server(500), ""),
        ("airflow3/error-query", FaultKind::Refused, "Ordering"),
    ];
    for (file, kind, words) in cases {
        let stage = recorded(V2.0).await;
        let row = crate::sources::testing::recording(&format!("{file}.json"));
        let status = u16::try_from(row["status"].as_u64().unwrap()).unwrap();
        let content = row["headers"]["content-type"].as_str().unwrap();
        let body = row["body_text"]
            .as_str()
            .map_or_else(|| row["body"].to_string(), str::to_owned);
        stage.set("GET /api/v2/dags", status, content, &body);
        let fault = pipelines(&source(&stage)).await.unwrap_err();
        assert_eq!(fault.kind, kind, "{file}: {fault}");
        assert!(fault.detail.as_str().contains(words), "{file}: {fault}");
        assert!(!fault.detail.as_str().contains('<'), "{file}: {fault}");
    }
}

fn login(stage: &Stage) -> Airflow {
    let mut settings = settings(stage);
    settings.auth = Auth::Login {
        user: SecretRef::Inline("ana".to_owned()),
        password: SecretRef::Inline("pass-word-1".to_owned()),
    };
    Airflow::new(&settings).unwrap()
}

/// A token that the server says to live so long, in seconds.
fn token(life: i64) -> String {
    use base64::Engine as _;
    let claims = json!({"iat": 1_000, "exp": 1_000 + life}).to_string();
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(claims);
    json!({"access_token": format!("e30.{claims}.sig")}).to_string()
}

#[tokio::test]
async fn a_login_gives_a_token_that_is_renewed_before_it_expires() {
    let stage = recorded(V2.0).await;
    let line = "POST /auth/token";
    stage.set(line, 201, "application/json", &token(3_600));
    let source = login(&stage);
    health(&source).await.unwrap();
    health(&source).await.unwrap();
    let logins = |stage: &Stage| stage.requests().iter().filter(|l| *l == line).count();
    assert_eq!(logins(&stage), 1);
    // One that is as good as over is asked for with each request.
    stage.set(line, 201, "application/json", &token(0));
    let source = login(&stage);
    health(&source).await.unwrap();
    assert_eq!(logins(&stage), 2, "the version and the health");
}

#[tokio::test]
async fn a_refused_login_is_not_repeated_and_shows_nothing_of_the_secret() {
    let stage = recorded(V2.0).await;
    stage.replay("airflow3/login-wrong.json");
    let fault = health(&login(&stage)).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Auth);
    assert_eq!(fault.detail, "Invalid credentials");
    assert_eq!(stage.requests(), ["POST /auth/token"]);
    stage.set(
        "POST /auth/token",
        201,
        "application/json",
        r#"{"token":"pass-word-1"}"#,
    );
    let fault = health(&login(&stage)).await.unwrap_err();
    assert!(matches!(fault.kind, FaultKind::Decode { .. }));
    assert!(!fault.line().contains("pass-word"), "{fault}");
}

#[tokio::test]
async fn a_token_that_the_server_no_longer_takes_is_renewed_once() {
    let stage = recorded(V2.0).await;
    stage.set("POST /auth/token", 201, "application/json", &token(3_600));
    let source = login(&stage);
    health(&source).await.unwrap();
    stage.set(
        "GET /api/v2/dags",
        401,
        "application/json",
        r#"{"detail":"Token Expired"}"#,
    );
    stage.set("POST /auth/token", 201, "application/json", &token(3_601));
    stage.requests();
    assert_eq!(pipelines(&source).await.unwrap_err().kind, FaultKind::Auth);
    let asked: Vec<String> = stage
        .requests()
        .iter()
        .map(|l| l.split('?').next().unwrap().to_owned())
        .collect();
    assert_eq!(
        asked,
        ["GET /api/v2/dags", "POST /auth/token", "GET /api/v2/dags"]
    );
}

#[tokio::test]
async fn hostile_rows_break_nothing() {
    let stage = recorded(V2.0).await;
    let source = source(&stage);
    let line = "GET /api/v2/dags/~/dagRuns";
    for (body, path) in [
        (json!({"dag_runs": {"a": 1}}), "dag_runs"),
        (json!({"dag_runs": [7]}), "dag_runs[0]"),
        (
            json!({"dag_runs": [{"state": ["queued"]}]}),
            "dag_runs[0].state",
        ),
        (json!([]), ""),
    ] {
        stage.json(line, &body);
        match runs(&source).await.unwrap_err().kind {
            FaultKind::Decode { path: at } => assert_eq!(at, path, "{body}"),
            other => panic!("{other:?}"),
        }
    }
    let long = "x\u{1b}[31m".repeat(20_000);
    stage.json(line, &json!({"total_entries": null, "dag_runs": [
        null, {}, {"dag_id": "a", "dag_run_id": null},
        {"dag_id": "a", "dag_run_id": "r", "state": "zombie\u{1b}[2J", "conf": "text", "note": long, "run_type": null,
         "start_date": "soon", "end_date": 7, "triggering_user_name": null},
        {"dag_id": "a", "dag_run_id": "s", "state": "failed", "note": "cancelled by ana", "conf": {"a": {"b": [1]}, "url": "http://u:p@h/"}},
        {"dag_id": "a", "dag_run_id": "t", "state": "running", "end_date": "2026-01-01T00:00:00Z"},
    ]}));
    let rows = runs(&source).await.unwrap();
    let of = |id: &str| rows.iter().find(|run| run.key.id.raw() == id).unwrap();
    assert_eq!(rows.len(), 3);
    assert_eq!(of("r").state, PipelineState::Unknown(Clean::name("zombie")));
    assert!(of("r").started.is_none() && of("r").params.is_empty());
    assert_eq!(of("s").state, PipelineState::Ended(Ending::Cancelled));
    assert_eq!(of("s").param("url").as_deref(), Some("http://h/"));
    assert_eq!((of("t").state.word(), of("t").ended), ("running", None));
    assert!(!format!("{rows:?}").contains('\u{1b}'));

    stage.json(
        "GET /api/v2/monitor/health",
        &json!({"scheduler": null, "metadatabase": "up", "triggerer": {"status": "odd"}}),
    );
    let parts = health(&source).await.unwrap();
    let healths: Vec<PartHealth> = parts.parts.iter().map(|p| p.health).collect();
    assert_eq!(
        healths,
        [PartHealth::Absent, PartHealth::Absent, PartHealth::Unknown]
    );
    stage.json("GET /api/v2/dags", &json!({"dags": [{"dag_id": "y".repeat(50_000), "tags": null, "owners": [3], "max_active_runs": -1}, {"dag_id": null}], "total_entries": 9}));
    stage.json(
        "GET /api/v2/dags?limit=100&offset=2&order_by=dag_id",
        &json!({"dags": []}),
    );
    let all = pipelines(&source).await.unwrap();
    assert_eq!((all.len(), all[0].max_active), (1, None));
    assert!(all[0].name.as_str().chars().count() <= NAME_LIMIT + 1);
    for text in ["", "<html>hi</html>", "{\"dags\":[NaN]}", "[1"] {
        stage.set("GET /api/v2/dags", 200, "application/json", text);
        assert!(
            matches!(
                pipelines(&source).await.unwrap_err().kind,
                FaultKind::Decode { .. }
            ),
            "{text}"
        );
    }
}

#[tokio::test]
async fn what_belongs_elsewhere_is_not_asked_for() {
    let stage = recorded(V2.0).await;
    let source = source(&stage);
    let mut run = key(&stage, "a", "b");
    run.pipeline.base = Key::new("http://else.test");
    let fault = source.fetch(Query::Tasks(run)).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::NotFound);
    let odd = key(&stage, "../x", "a/b?c");
    let fault = source.fetch(Query::Tasks(odd)).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::NoRoute);
    let last = stage.requests().pop().unwrap();
    assert!(
        last.starts_with("GET /api/v2/dags/..%2Fx/dagRuns/a%2Fb%3Fc/taskInstances"),
        "{last}"
    );
}

#[test]
fn a_graph_with_a_circle_is_told_once() {
    let row = |id: &str, next: &[&str]| wire::TaskRow {
        task_id: id.to_owned(),
        downstream_task_ids: next.iter().map(|n| (*n).to_owned()).collect(),
        ..wire::TaskRow::default()
    };
    let graph = map::graph(&[
        row("a", &["b"]),
        row("b", &["a", "c"]),
        row("c", &["absent"]),
        row("", &[]),
    ]);
    let names: Vec<&str> = graph.iter().map(|n| n.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c"]);
}
