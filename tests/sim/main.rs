//! The simulated fleet by itself: repeatable, scripted, and wrong only on request.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod adapter;
mod airflow;
mod monitoring;
mod promql;
mod recorded;
mod servers;
mod stacks;
mod verdicts;
mod writes;

use std::time::Duration;

use quarterdeck::sim::{
    Account, BasicAuth, Clock, Fault, ManualClock, MlflowOptions, NewRun, Options, Scale, Scenario,
    SimFleet,
};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

fn client() -> Client {
    // A second call finds it installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .timeout(Duration::from_secs(20))
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap()
}

struct Stage {
    fleet: SimFleet,
    clock: ManualClock,
    client: Client,
}

impl Stage {
    async fn set(options: Options) -> Self {
        let clock = ManualClock::default();
        let options = Options {
            clock: Clock::Manual(clock.clone()),
            ..options
        };
        Self {
            fleet: SimFleet::start(options).await.unwrap(),
            clock,
            client: client(),
        }
    }

    fn at(&self, server: &str, path: &str) -> String {
        format!("{}{path}", self.fleet.url(server).unwrap())
    }

    async fn get(&self, server: &str, path: &str) -> (StatusCode, String) {
        let answer = self.client.get(self.at(server, path)).send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    }

    /// A GET that is answered in JSON.
    async fn value(&self, server: &str, path: &str) -> (StatusCode, Value) {
        let (status, text) = self.get(server, path).await;
        (status, parsed(&text))
    }

    /// A GET of the registry and tracking API.
    async fn read(&self, path: &str) -> (StatusCode, Value) {
        self.value("mlflow", &format!("/api/2.0/mlflow/{path}"))
            .await
    }

    async fn post(&self, server: &str, path: &str, body: Value) -> (StatusCode, Value) {
        let request = self.client.post(self.at(server, path)).json(&body);
        let answer = request.send().await.unwrap();
        let status = answer.status();
        (status, parsed(&answer.text().await.unwrap()))
    }

    async fn runs(&self, body: Value) -> (StatusCode, Value) {
        self.post("mlflow", "/api/2.0/mlflow/runs/search", body)
            .await
    }

    async fn index(&self, server: &str) -> Value {
        self.post(server, "/v2/repository/index", json!({})).await.1
    }

    async fn champion(&self, model: &str) -> Value {
        let path = format!("registered-models/alias?name={model}&alias=champion");
        self.read(&path).await.1["model_version"]["version"].clone()
    }
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn calm() -> Options {
    Options {
        scenario: Scenario::Calm,
        ..Options::default()
    }
}

fn states(rows: &Value) -> Vec<(&str, &str)> {
    let rows = rows.as_array().unwrap().iter();
    rows.map(|row| {
        (
            row["version"].as_str().unwrap(),
            row["state"].as_str().unwrap(),
        )
    })
    .collect()
}

#[tokio::test]
async fn same_seed_and_elapsed_time_give_the_same_answers() {
    let one = Stage::set(Options::default()).await;
    let two = Stage::set(Options::default()).await;
    let path = "/api/2.0/mlflow/model-versions/search?max_results=1000";
    for seconds in [0, 61] {
        for stage in [&one, &two] {
            stage.clock.advance(Duration::from_secs(seconds));
        }
        assert_eq!(one.get("mlflow", path).await, two.get("mlflow", path).await);
    }
}

#[tokio::test]
async fn the_incident_plays_as_written() {
    let stage = Stage::set(Options::default()).await;
    assert_eq!(stage.champion("fraud-detector").await, "13");
    assert_eq!(states(&stage.index("fraud-prod").await), [("13", "READY")]);

    stage.clock.advance(Duration::from_secs(25));
    assert_eq!(stage.champion("fraud-detector").await, "14");
    let loading = [("13", "READY"), ("14", "LOADING")];
    assert_eq!(states(&stage.index("fraud-prod").await), loading);
    let (_, labels) = stage.get("churn-prod", "/metrics").await;
    assert!(labels.contains("service_version=\"v7\""), "{labels}");

    stage.clock.advance(Duration::from_secs(95));
    let index = stage.index("fraud-prod").await;
    assert_eq!(states(&index), loading, "it never converges");
    let (ready, _) = stage.get("moderation-prod", "/v2/health/ready").await;
    assert_eq!(ready, 400);
    let (_, ads) = stage.read("registered-models/get?name=ad-ctr").await;
    assert_eq!(
        ads["registered_model"]["aliases"],
        json!([{"alias": "challenger", "version": "17"}, {"alias": "champion", "version": "16"}])
    );
    let (_, labels) = stage.get("churn-prod", "/metrics").await;
    assert!(labels.contains("service_version=\"v6\""), "{labels}");
    let query = json!({"experiment_ids": ["3"], "filter": "status = 'FAILED'", "max_results": 1});
    let (_, failed) = stage.runs(query).await;
    let end = failed["runs"][0]["info"]["end_time"].as_i64().unwrap();
    assert_eq!(end, stage.fleet.now_ms() - 20_000);
}

#[tokio::test]
async fn a_faster_scenario_plays_sooner() {
    let stage = Stage::set(Options {
        speed: 20.0,
        ..Options::default()
    })
    .await;
    stage.clock.advance(Duration::from_millis(1_001));
    assert_eq!(stage.champion("fraud-detector").await, "14");
}

#[tokio::test]
async fn aliases_stand_only_where_the_server_shows_them() {
    let stage = Stage::set(calm()).await;
    let (_, models) = stage
        .read("registered-models/search?filter=name%20%3D%20'fraud-detector'")
        .await;
    let model = &models["registered_models"][0];
    assert!(model["aliases"].is_array());
    assert!(model["latest_versions"][0].get("aliases").is_none());
    let (_, found) = stage
        .read("model-versions/search?filter=name%3D'fraud-detector'")
        .await;
    let rows = found["model_versions"].as_array().unwrap();
    assert_eq!(rows.len(), 14);
    assert!(rows.iter().all(|row| row.get("aliases").is_none()));
    let (_, version) = stage
        .read("model-versions/get?name=fraud-detector&version=13")
        .await;
    assert_eq!(version["model_version"]["aliases"], json!(["champion"]));
}

#[tokio::test]
async fn error_rows_have_the_real_status_and_shape() {
    let stage = Stage::set(calm()).await;
    let code = |answer: &(StatusCode, Value)| {
        let code = answer.1["error_code"].as_str().unwrap().to_owned();
        (answer.0.as_u16(), code)
    };
    let invalid = (400, "INVALID_PARAMETER_VALUE".to_owned());
    let missing = (404, "RESOURCE_DOES_NOT_EXIST".to_owned());
    let alias = stage
        .read("registered-models/alias?name=churn&alias=nope")
        .await;
    assert_eq!(code(&alias), invalid);
    assert_eq!(alias.1["message"], "Registered model alias nope not found.");
    assert_eq!(alias.1["error_class"], "INVALID_PARAMETER_VALUE");
    let model = stage.read("registered-models/get?name=nope").await;
    assert_eq!(code(&model), missing);
    assert_eq!(code(&stage.read("runs/get?run_id=nope").await), missing);
    assert_eq!(code(&stage.read("runs/get").await), invalid);
    for (bad, part) in [
        (json!({"filter": "metrics.a > 1 OR metrics.b > 1"}), "'OR'"),
        (json!({"max_results": 50_001}), "max_results"),
        (json!({"page_token": "x"}), "could not base64-decode"),
        (json!({"order_by": ["sideways.x"]}), "Invalid entity type"),
    ] {
        let answer = stage.runs(bad).await;
        assert_eq!(code(&answer), invalid);
        let message = answer.1["message"].as_str().unwrap();
        assert!(message.contains(part), "{message}");
    }
    assert_eq!(stage.runs(json!({})).await, (StatusCode::OK, json!({})));
}

#[tokio::test]
async fn the_layers_around_the_api_answer_in_html_and_text() {
    let stage = Stage::set(calm()).await;
    let url = stage.at("mlflow", "/api/2.0/mlflow/runs/search");
    let html = stage.client.get(&url).send().await.unwrap();
    assert_eq!(html.status(), 405);
    let kind = html.headers()["content-type"].to_str().unwrap();
    assert!(kind.starts_with("text/html"), "{kind}");
    let (status, page) = stage.get("mlflow", "/api/2.0/mlflow/nope").await;
    assert_eq!(status, 404);
    assert!(page.starts_with("<!doctype html>"), "{page}");
    let untyped = stage.client.post(&url).body("{}").send().await.unwrap();
    assert_eq!(untyped.status(), 400);
    let broken = stage
        .client
        .post(&url)
        .header("content-type", "application/json")
        .body("{broken");
    let broken: Value = broken.send().await.unwrap().json().await.unwrap();
    assert_eq!(broken, json!({}));
    let foreign = stage.client.get(&url).header("host", "mlflow.example");
    let foreign = foreign.send().await.unwrap();
    assert_eq!(foreign.status(), 403);
    let text = foreign.text().await.unwrap();
    assert!(text.starts_with("Invalid Host header"), "{text}");
}

#[tokio::test]
async fn pages_meet_without_gap_and_zero_rows_lead_nowhere() {
    let stage = Stage::set(calm()).await;
    let (mut token, mut ids) = (Value::Null, Vec::new());
    loop {
        let query = json!({"experiment_ids": ["1"], "max_results": 10, "page_token": token});
        let (_, page) = stage.runs(query).await;
        for run in page["runs"].as_array().unwrap() {
            ids.push(run["info"]["run_id"].as_str().unwrap().to_owned());
        }
        token = page["next_page_token"].clone();
        if token.is_null() {
            break;
        }
    }
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!((count, ids.len()), (33, 33));
    let (_, nothing) = stage.read("registered-models/search?max_results=0").await;
    assert_eq!(nothing, json!({"next_page_token": "eyJvZmZzZXQiOiAwfQ=="}));
    let (status, _) = stage
        .read("registered-models/search?max_results=1001")
        .await;
    assert_eq!(status, 400);
    assert_eq!(stage.read("experiments/search").await.0, 400);
}

#[tokio::test]
async fn odd_numbers_travel_as_the_server_writes_them() {
    let stage = Stage::set(calm()).await;
    let odd = vec![f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
    let run = stage.fleet.add_run(NewRun {
        experiment: "churn-train".into(),
        finished: true,
        metrics: vec![("odd".into(), odd)],
        ..NewRun::default()
    });
    let run = run.unwrap();
    let (_, history) = stage
        .read(&format!("metrics/get-history?run_id={run}&metric_key=odd"))
        .await;
    let values: Vec<&Value> = (0..3).map(|at| &history["metrics"][at]["value"]).collect();
    assert_eq!(values, [&json!(f64::MAX), &json!(-f64::MAX), &json!("NaN")]);
    let path = format!("/ajax-api/2.0/mlflow/metrics/get-history-bulk?run_id={run}&metric_key=odd");
    let (_, bare) = stage.get("mlflow", &path).await;
    assert!(bare.contains("\"value\":NaN"), "{bare}");
    let path = format!(
        "metrics/get-history-bulk-interval?run_ids={run}&metric_key=odd&max_results=2&start_step=0&end_step=9"
    );
    let (status, sampled) = stage.read(&path).await;
    assert_eq!(status, 200);
    assert_eq!(sampled["metrics"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn signatures_come_as_yaml_with_json_inside_and_drift_by_an_optional_input() {
    let stage = Stage::set(calm()).await;
    let inputs = async |version: u32| {
        let path = format!(
            "/model-versions/get-artifact?name=fraud-detector&version={version}&path=MLmodel"
        );
        let (_, text) = stage.get("mlflow", &path).await;
        let file: Value = serde_saphyr::from_str(&text).unwrap();
        let inputs = parsed(file["signature"]["inputs"].as_str().unwrap());
        inputs.as_array().unwrap().clone()
    };
    let (old, new) = (inputs(1).await, inputs(14).await);
    assert_eq!(new.len(), old.len() + 1);
    assert_eq!(new.last().unwrap()["required"], false);
    let path = "/model-versions/get-artifact?name=fraud-detector&version=1&path=nope";
    assert_eq!(stage.get("mlflow", path).await.0, 404);
}

#[tokio::test]
async fn changes_by_hand_are_seen_at_once() {
    let stage = Stage::set(calm()).await;
    assert!(stage.fleet.set_alias("churn", "champion", 3));
    assert!(!stage.fleet.set_alias("churn", "champion", 99));
    assert_eq!(stage.champion("churn").await, "3");
    assert_eq!(stage.fleet.add_version("churn", None), Some(8));
    assert!(stage.fleet.serve_version("churn-prod", 3));
    let (_, docs) = stage.value("churn-prod", "/docs.json").await;
    assert_eq!(docs["info"]["version"], "v3");
    let set = json!({"name": "churn", "alias": "challenger", "version": "8"});
    let path = "/api/2.0/mlflow/registered-models/alias";
    assert_eq!(stage.post("mlflow", path, set).await.0, 200);
    let (_, model) = stage.read("registered-models/get?name=churn").await;
    assert_eq!(model["registered_model"]["aliases"][0]["version"], "8");
}

#[tokio::test]
async fn serving_answers_are_those_of_each_program() {
    let stage = Stage::set(calm()).await;
    let (_, model) = stage.value("ranker-eu-prod", "/v2/models/ranker-eu").await;
    assert_eq!(model["versions"], json!([]), "MLServer tells none here");
    let rows = stage.index("ranker-eu-prod").await;
    assert_eq!(states(&rows), [("5", "READY"), ("6", "READY")]);
    let path = "/v2/models/ranker-eu/versions/9/ready";
    let (status, error) = stage.value("ranker-eu-prod", path).await;
    assert_eq!(status, 404);
    assert_eq!(error["error"], "Model ranker-eu with version 9 not found");

    stage.fleet.serve_version("eta-prod", 20);
    let (_, status) = stage.value("eta-prod", "/v1/models/eta-city").await;
    let rows = states(&status["model_version_status"]);
    assert_eq!(rows, [("20", "AVAILABLE"), ("19", "END")]);

    assert_eq!(stage.get("credit-prod", "/ping").await.0, 200);
    assert_eq!(stage.get("credit-prod", "/metrics").await.0, 404);
    assert_eq!(stage.get("credit-prod", "/version").await.1, "3.17.2");
}

#[tokio::test]
async fn faults_break_one_server_and_leave_the_others() {
    let stage = Stage::set(calm()).await;
    let faults = stage.fleet.faults();
    let url = stage.at("mlflow", "/api/2.0/mlflow/registered-models/search");
    let ask = || {
        let request = stage.client.get(&url);
        request.timeout(Duration::from_millis(400)).send()
    };

    faults.set("mlflow", Fault::Hang);
    assert!(ask().await.unwrap_err().is_timeout());
    faults.set("mlflow", Fault::Reset);
    assert!(ask().await.is_err());
    assert_eq!(stage.get("credit-prod", "/ping").await.0, 200);
    faults.set("mlflow", Fault::Truncated);
    assert!(ask().await.unwrap().bytes().await.is_err());
    faults.set("mlflow", Fault::RateLimited { retry_after: 7 });
    let limited = ask().await.unwrap();
    assert_eq!(limited.status(), 429);
    assert_eq!(limited.headers()["retry-after"], "7");
    let elsewhere = "http://127.0.0.2:9".to_owned();
    faults.set("mlflow", Fault::Redirect { to: elsewhere });
    assert_eq!(ask().await.unwrap().status(), 302);
    faults.set("mlflow", Fault::InvalidJson);
    assert!(ask().await.unwrap().json::<Value>().await.is_err());
    faults.set("mlflow", Fault::Drip);
    let dripped = ask().await.unwrap().bytes().await;
    assert!(dripped.unwrap_err().is_timeout());
    faults.clear("mlflow");
    assert_eq!(ask().await.unwrap().status(), 200);
}

#[tokio::test]
async fn endless_pages_repeat_the_first_and_promise_more() {
    let stage = Stage::set(calm()).await;
    stage.fleet.faults().set("mlflow", Fault::EndlessPages);
    let (_, first) = stage.read("registered-models/search").await;
    let token = first["next_page_token"].as_str().unwrap();
    let path = format!("registered-models/search?page_token={token}");
    let (_, second) = stage.read(&path).await;
    assert_eq!(first["registered_models"], second["registered_models"]);
    assert_ne!(first["next_page_token"], second["next_page_token"]);
    assert_eq!(stage.fleet.faults().requests("mlflow"), 2);
}

#[tokio::test]
async fn a_huge_body_is_streamed_and_can_be_left() {
    let stage = Stage::set(calm()).await;
    stage.fleet.faults().set("mlflow", Fault::Huge);
    let url = stage.at("mlflow", "/api/2.0/mlflow/experiments/search");
    let mut answer = stage.client.get(url).send().await.unwrap();
    assert!(answer.content_length().is_none());
    let mut read = 0;
    while read < 1_000_000 {
        read += answer.chunk().await.unwrap().unwrap().len();
    }
}

#[tokio::test]
async fn basic_auth_and_a_prefix_answer_as_the_real_ones() {
    let stage = Stage::set(Options {
        mlflow: MlflowOptions {
            auth: Some(BasicAuth::of(Account::reader("ana", "long enough"))),
            static_prefix: Some("/mlflow".into()),
        },
        ..calm()
    })
    .await;
    assert_eq!(stage.get("mlflow", "/health").await.0, 200);
    assert_eq!(stage.get("mlflow", "/version").await.0, 401);
    let url = stage.at("mlflow", "/api/2.0/mlflow/registered-models/search");
    assert!(url.contains("/mlflow/api/"), "{url}");
    let refused = stage.client.get(&url).send().await.unwrap();
    assert_eq!(
        refused.headers()["www-authenticate"],
        "Basic realm=\"mlflow\""
    );
    let allowed = stage.client.get(&url);
    let allowed = allowed.basic_auth("ana", Some("long enough")).send().await;
    assert_eq!(allowed.unwrap().status(), 200);
    let outside = stage.at("mlflow", "/health").replace("/mlflow", "");
    let outside = stage.client.get(outside).send().await.unwrap();
    assert_eq!(outside.status(), 404);
}

#[tokio::test]
async fn stopping_frees_the_ports() {
    let fleet = SimFleet::start(calm()).await.unwrap();
    let url = format!("{}/health", fleet.url("mlflow").unwrap());
    assert_eq!(client().get(&url).send().await.unwrap().status(), 200);
    fleet.stop().await;
    assert!(client().get(&url).send().await.unwrap_err().is_connect());
}

#[tokio::test]
async fn a_load_has_the_size_it_was_asked_for() {
    let stage = Stage::set(Options {
        scale: Scale::Load {
            models: 30,
            versions: 5,
            runs: 300,
            endpoints: 10,
        },
        ..calm()
    })
    .await;
    assert_eq!(stage.fleet.endpoints().len(), 11);
    let (_, models) = stage
        .read("registered-models/search?max_results=1000")
        .await;
    assert_eq!(models["registered_models"].as_array().unwrap().len(), 30);
    let (_, versions) = stage.read("model-versions/search").await;
    assert_eq!(versions["model_versions"].as_array().unwrap().len(), 150);
}
