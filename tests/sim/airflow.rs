//! The simulated Airflow: what it refuses and how, and a retraining from the request to the version.

use std::time::Duration;

use quarterdeck::sim::{AirflowOptions, AirflowUser, AirflowVersion, Options, WriteFault};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Stage, calm, parsed};

fn with(airflow: AirflowOptions) -> Options {
    Options {
        airflow: Some(airflow),
        ..calm()
    }
}

async fn three() -> Stage {
    Stage::set(with(AirflowOptions::default())).await
}

async fn two() -> Stage {
    Stage::set(with(AirflowOptions {
        version: AirflowVersion::Two,
        ..AirflowOptions::default()
    }))
    .await
}

impl Stage {
    async fn dags(&self, path: &str) -> Value {
        let (status, value) = self.value("airflow", &format!("/api/v2/dags/{path}")).await;
        assert_eq!(status, 200, "{path}: {value}");
        value
    }

    async fn answering(&self, endpoint: &str) -> Value {
        let path = "/v2/repository/index";
        let (_, rows) = self.post(endpoint, path, json!({})).await;
        let rows = rows.as_array().cloned().unwrap_or_default();
        let ready = rows.into_iter().find(|row| row["state"] == "READY");
        ready.map_or(Value::Null, |row| row["version"].clone())
    }

    async fn trigger(&self, dag: &str, body: Value) -> (StatusCode, Value) {
        let path = format!("/api/v2/dags/{dag}/dagRuns");
        self.post("airflow", &path, body).await
    }

    async fn patch(&self, path: &str, body: Value) -> (StatusCode, Value) {
        let url = self.at("airflow", &format!("/api/v2/dags/{path}"));
        let request = self.client.request(Method::PATCH, url).json(&body);
        let answer = request.send().await.unwrap();
        (answer.status(), parsed(&answer.text().await.unwrap()))
    }

    fn wait(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

#[tokio::test]
async fn a_deployment_puts_the_endpoints_of_its_model_on_a_version() {
    let stage = three().await;
    let conf = |version: &str| json!({"MODEL": "ad-ctr", "VERSION": version, "ALIAS": "champion"});
    let body = |id: &str, version: &str| json!({"dag_run_id": id, "logical_date": null, "conf": conf(version)});
    let of = |id: &str| format!("deploy_model/dagRuns/{id}");
    assert_eq!(stage.answering("ad-ctr-prod").await, "16");
    for (id, version, state, serves) in [
        ("qd__1", "15", "success", "15"),
        // Which the registry does not hold.
        ("qd__2", "99", "failed", "15"),
    ] {
        let (status, run) = stage.trigger("deploy_model", body(id, version)).await;
        assert_eq!(status, StatusCode::OK, "{run}");
        stage.wait(2);
        assert_eq!(stage.dags(&of(id)).await["state"], "running");
        stage.wait(30);
        assert_eq!(stage.dags(&of(id)).await["state"], state);
        assert_eq!(stage.answering("ad-ctr-prod").await, serves);
    }
    let tasks = stage.dags(&format!("{}/taskInstances", of("qd__2"))).await;
    let words: Vec<&str> = (tasks["task_instances"].as_array().unwrap().iter())
        .map(|task| task["state"].as_str().unwrap_or("none"))
        .collect();
    assert_eq!(words, ["failed", "upstream_failed", "upstream_failed"]);
    let graph = stage.dags("deploy_model/tasks").await;
    assert_eq!(graph["total_entries"], 3, "{graph}");
    let (status, why) = stage
        .trigger("deploy_model", json!({"logical_date": null}))
        .await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let why = why["detail"].as_str().unwrap();
    assert!(
        why.starts_with("Invalid input for param MODEL: None is not"),
        "{why}"
    );
}

#[tokio::test]
async fn a_retraining_makes_a_run_and_a_version_that_bear_its_identity() {
    let stage = three().await;
    let conf = json!({"epochs": 2});
    let body = json!({"dag_run_id": "qd__17", "logical_date": null, "conf": conf,
                      "note": "ana: drift"});
    let (status, run) = stage.trigger("retrain_ad_ctr", body).await;
    assert_eq!(
        (status, run["state"].as_str()),
        (StatusCode::OK, Some("queued"))
    );
    let path = "retrain_ad_ctr/dagRuns/qd__17";
    let now_is = async || stage.dags(path).await["state"].as_str().unwrap().to_owned();
    stage.wait(15);
    assert_eq!(now_is().await, "running");
    let tasks = stage.dags(&format!("{path}/taskInstances")).await;
    let words: Vec<&str> = (tasks["task_instances"].as_array().unwrap().iter())
        .map(|task| task["state"].as_str().unwrap_or("none"))
        .collect();
    assert_eq!(words, ["success", "running", "none", "none"]);
    // The training is a run of the tracking server while it goes on.
    let filter = "tags.`quarterdeck.pipeline_run` = 'retrain_ad_ctr/qd__17'";
    let find = json!({"experiment_ids": ["11"], "filter": filter, "max_results": 5});
    let (_, runs) = stage.runs(find.clone()).await;
    assert_eq!(runs["runs"][0]["info"]["status"], "RUNNING", "{runs}");
    stage.wait(60);
    assert_eq!(now_is().await, "success");
    let (_, runs) = stage.runs(find).await;
    let trained = &runs["runs"][0];
    assert_eq!(trained["info"]["status"], "FINISHED");
    let result = format!("{path}/taskInstances/register/xcomEntries/return_value");
    let result = stage.dags(&result).await;
    assert_eq!(result["value"], json!({"model": "ad-ctr", "version": "17"}));
    let (_, version) = stage
        .read("model-versions/get?name=ad-ctr&version=17")
        .await;
    let version = &version["model_version"];
    assert_eq!(version["run_id"], trained["info"]["run_id"]);
    let tags = version["tags"].as_array().unwrap();
    for (key, value) in [
        ("quarterdeck.pipeline_run", "retrain_ad_ctr/qd__17"),
        ("validation_status", "passed"),
    ] {
        assert!(
            tags.contains(&json!({"key": key, "value": value})),
            "{key}: {tags:?}"
        );
    }
    // Better than the champion, on the same evaluation data.
    let (_, champion) = stage
        .read("registered-models/alias?name=ad-ctr&alias=champion")
        .await;
    let id = champion["model_version"]["run_id"].as_str().unwrap();
    let (_, before) = stage.read(&format!("runs/get?run_id={id}")).await;
    let auc = |run: &Value| {
        let metrics = run["data"]["metrics"].as_array().unwrap();
        let found = metrics
            .iter()
            .find(|metric| metric["key"] == "val_auc")
            .unwrap();
        found["value"].as_f64().unwrap()
    };
    assert!(auc(trained) > auc(&before["run"]));
    let digest = |run: &Value| run["inputs"]["dataset_inputs"][1]["dataset"]["digest"].clone();
    assert_eq!(digest(trained), digest(&before["run"]));
    let (_, file) = stage
        .get(
            "mlflow",
            "/model-versions/get-artifact?name=ad-ctr&version=17&path=MLmodel",
        )
        .await;
    assert!(file.contains("signature"), "{file}");
}

#[tokio::test]
async fn triggers_are_refused_in_the_shapes_of_the_real_one() {
    let stage = three().await;
    let dag = "retrain_churn";
    for (body, status, words) in [
        (json!({}), 422, "Field required"),
        (
            json!({"logical_date": null, "surplus": 1}),
            422,
            "Extra inputs are not permitted",
        ),
        (
            json!({"logical_date": null, "conf": {"epochs": 500}}),
            400,
            "Invalid input for param epochs: 500 is greater than the maximum of 50",
        ),
        (
            json!({"logical_date": null, "dag_run_id": "a/b c"}),
            400,
            "does not match regex pattern",
        ),
    ] {
        let (got, told) = stage.trigger(dag, body.clone()).await;
        assert_eq!(got.as_u16(), status, "{body}: {told}");
        assert!(told["detail"].to_string().contains(words), "{body}: {told}");
    }
    let body = json!({"logical_date": null, "dag_run_id": "one"});
    assert_eq!(stage.trigger(dag, body.clone()).await.0, 200);
    let (status, told) = stage.trigger(dag, body).await;
    assert_eq!(status, 409);
    assert_eq!(told["detail"]["reason"], "Unique constraint violation");
    let (status, told) = stage.trigger("absent", json!({"logical_date": null})).await;
    assert_eq!(
        (status.as_u16(), told["detail"].as_str()),
        (404, Some("The Dag with ID: `absent` was not found"))
    );
    let (status, told) = stage.value("airflow", "/api/v1/version").await;
    assert_eq!(status, 404);
    assert!(
        told["error"]
            .as_str()
            .unwrap()
            .contains("removed in Airflow 3")
    );
    // A lost answer: the run is there, and asking again is a conflict.
    let writes = stage.fleet.writes();
    writes.spoil("airflow", "dagRuns", WriteFault::LostAfter);
    let url = stage.at("airflow", "/api/v2/dags/retrain_churn/dagRuns");
    let body = json!({"logical_date": null, "dag_run_id": "lost"});
    assert!(stage.client.post(url).json(&body).send().await.is_err());
    assert_eq!(
        stage.dags("retrain_churn/dagRuns/lost").await["state"],
        "queued"
    );
    assert_eq!(stage.trigger(dag, body).await.0, 409);
}

#[tokio::test]
async fn runs_wait_behind_a_pause_a_limit_and_a_dead_scheduler() {
    let stage = three().await;
    let now_is = async |dag: &str, id: &str| {
        let run = stage.dags(&format!("{dag}/dagRuns/{id}")).await;
        run["state"].as_str().unwrap().to_owned()
    };
    let start = async |dag: &str, id: &str| {
        let body = json!({"logical_date": null, "dag_run_id": id});
        assert_eq!(stage.trigger(dag, body).await.0, 200);
    };
    start("retrain_credit_score", "paused").await;
    for id in ["a", "b", "c"] {
        start("retrain_churn", id).await;
    }
    stage.wait(10);
    assert_eq!(now_is("retrain_credit_score", "paused").await, "queued");
    assert_eq!(now_is("retrain_churn", "b").await, "running");
    assert_eq!(now_is("retrain_churn", "c").await, "queued");
    stage
        .patch("retrain_credit_score", json!({"is_paused": false}))
        .await;
    stage.wait(5);
    assert_eq!(now_is("retrain_credit_score", "paused").await, "running");
    stage.wait(60);
    assert_eq!(now_is("retrain_churn", "b").await, "success");
    assert_eq!(now_is("retrain_churn", "c").await, "running");
    stage.fleet.set_scheduler(false);
    start("retrain_ranker_eu", "late").await;
    stage.wait(40);
    assert_eq!(now_is("retrain_ranker_eu", "late").await, "queued");
    let (_, health) = stage.value("airflow", "/api/v2/monitor/health").await;
    assert_eq!(health["scheduler"]["status"], "unhealthy");
    stage.fleet.set_scheduler(true);
    stage.wait(5);
    assert_eq!(now_is("retrain_ranker_eu", "late").await, "running");
}

#[tokio::test]
async fn a_run_is_cancelled_and_a_failed_one_repeated() {
    let stage = three().await;
    let body = json!({"logical_date": null, "dag_run_id": "x"});
    stage.trigger("retrain_churn", body).await;
    stage.wait(15);
    let path = "retrain_churn/dagRuns/x";
    let (status, run) = stage
        .patch(path, json!({"state": "failed", "note": "by ana"}))
        .await;
    assert_eq!(
        (status, run["state"].as_str()),
        (StatusCode::OK, Some("failed"))
    );
    let tasks = stage.dags(&format!("{path}/taskInstances")).await;
    assert_eq!(tasks["task_instances"][1]["state"], "failed");
    assert_eq!(tasks["task_instances"][3]["state"], "skipped");

    let conf = json!({"fail_at": "evaluate"});
    let body = json!({"logical_date": null, "dag_run_id": "y", "conf": conf});
    stage.trigger("retrain_churn", body).await;
    stage.wait(60);
    let path = "retrain_churn/dagRuns/y";
    assert_eq!(stage.dags(path).await["state"], "failed");
    let clear = format!("/api/v2/dags/{path}/clear");
    let (_, shown) = stage
        .post("airflow", &clear, json!({"only_failed": true}))
        .await;
    assert_eq!(shown["total_entries"], 2, "{shown}");
    assert_eq!(
        stage.dags(path).await["state"],
        "failed",
        "a dry run changes nothing"
    );
    let body = json!({"dry_run": false, "only_failed": true});
    stage.post("airflow", &clear, body).await;
    stage.wait(5);
    assert_eq!(stage.dags(path).await["state"], "running");
    let tasks = stage.dags(&format!("{path}/taskInstances")).await;
    assert_eq!(tasks["task_instances"][1]["state"], "success");
    assert_eq!(tasks["task_instances"][2]["try_number"], 2);
}

#[tokio::test]
async fn a_log_is_told_in_pieces() {
    let stage = three().await;
    let body = json!({"logical_date": null, "dag_run_id": "x", "conf": {"epochs": 9}});
    stage.trigger("retrain_churn", body).await;
    let path = "retrain_churn/dagRuns/x/taskInstances/train/logs";
    let (status, _) = stage
        .value("airflow", &format!("/api/v2/dags/{path}/1"))
        .await;
    assert_eq!(status, 404, "it has not begun");
    stage.wait(16);
    let first = stage.dags(&format!("{path}/1")).await;
    let token = first["continuation_token"].as_str().unwrap().to_owned();
    let lines = first["content"].as_array().unwrap().len();
    assert!(lines > 5, "{first}");
    let again = stage.dags(&format!("{path}/1?token={token}")).await;
    assert_eq!(again["content"], json!([]));
    stage.wait(4);
    let more = stage.dags(&format!("{path}/1?token={token}")).await;
    let fresh = more["content"].as_array().unwrap();
    assert!(!fresh.is_empty() && fresh.len() < lines, "{more}");
    stage.wait(30);
    let all = stage.dags(&format!("{path}/1")).await;
    assert_eq!(all["continuation_token"], Value::Null);
    let (status, told) = stage
        .value("airflow", &format!("/api/v2/dags/{path}/1?token=foreign"))
        .await;
    assert_eq!(status, 400, "{told}");
}

#[tokio::test]
async fn tokens_expire_and_rights_differ() {
    let user = |user: &str, writes| AirflowUser {
        user: user.to_owned(),
        password: "long enough".to_owned(),
        writes,
    };
    let stage = Stage::set(with(AirflowOptions {
        users: vec![user("viewer", false), user("ops", true)],
        token_life: Duration::from_secs(60),
        ..AirflowOptions::default()
    }))
    .await;
    let (status, told) = stage.value("airflow", "/api/v2/dags").await;
    assert_eq!(
        (status.as_u16(), told),
        (401, json!({"detail": "Not authenticated"}))
    );
    let wrong = json!({"username": "ops", "password": "wrong"});
    let (status, told) = stage.post("airflow", "/auth/token", wrong).await;
    assert_eq!(
        (status.as_u16(), told),
        (401, json!({"detail": "Invalid credentials"}))
    );
    let ask = async |token: &str, method: Method, path: &str| {
        let request = stage.client.request(method, stage.at("airflow", path));
        let body = json!({"logical_date": null});
        let answer = request.bearer_auth(token).json(&body).send().await.unwrap();
        (
            answer.status().as_u16(),
            parsed(&answer.text().await.unwrap()),
        )
    };
    let trigger = "/api/v2/dags/retrain_churn/dagRuns";
    for (name, may) in [("viewer", 403), ("ops", 200)] {
        let body = json!({"username": name, "password": "long enough"});
        let (status, made) = stage.post("airflow", "/auth/token", body).await;
        assert_eq!(status, 201);
        let token = made["access_token"].as_str().unwrap();
        assert_eq!(ask(token, Method::GET, "/api/v2/dags").await.0, 200);
        let (status, told) = ask(token, Method::POST, trigger).await;
        assert_eq!(status, may, "{told}");
        stage.wait(61);
        let (status, told) = ask(token, Method::GET, "/api/v2/dags").await;
        assert_eq!((status, told), (401, json!({"detail": "Token Expired"})));
    }
    let (status, told) = ask("nonsense", Method::GET, "/api/v2/dags").await;
    assert_eq!(
        (status, told),
        (403, json!({"detail": "Invalid JWT token"}))
    );
    let (status, _) = stage.value("airflow", "/api/v2/monitor/health").await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn the_older_interface_has_its_own_words() {
    let stage = two().await;
    let (status, _) = stage.get("airflow", "/api/v2/version").await;
    assert_eq!(status, 404);
    let (_, version) = stage.value("airflow", "/api/v1/version").await;
    assert_eq!(version["version"], "2.11.2");
    let path = "/api/v1/dags/retrain_churn/dagRuns";
    let (status, run) = stage
        .post("airflow", path, json!({"dag_run_id": "x"}))
        .await;
    assert_eq!(status, 200, "{run}");
    assert!(run["execution_date"].is_string() && run["external_trigger"] == true);
    let (status, told) = stage
        .post("airflow", path, json!({"dag_run_id": "x"}))
        .await;
    assert_eq!(status, 409);
    let text = "DAGRun with DAG ID: 'retrain_churn' and DAGRun ID: 'x' already exists";
    assert_eq!(told["detail"], text);
    let (status, _) = stage
        .post("airflow", path, json!({"logical_date": null}))
        .await;
    assert_eq!(status, 400);
    stage.wait(30);
    let log = format!("{path}/x/taskInstances/prepare/logs/1");
    let (_, log) = stage.value("airflow", &log).await;
    let content = log["content"].as_str().unwrap();
    assert!(
        content.starts_with("[('worker-1', '") && content.contains("\\n"),
        "{content}"
    );
}

#[tokio::test]
async fn history_holds_a_pipeline_that_keeps_failing() {
    let stage = three().await;
    let runs = stage
        .dags("retrain_eta_city/dagRuns?order_by=-start_date")
        .await;
    let words: Vec<&str> = (runs["dag_runs"].as_array().unwrap().iter())
        .map(|run| run["state"].as_str().unwrap())
        .collect();
    assert_eq!(words[..3], ["failed", "failed", "success"]);
    let list = json!({"dag_ids": ["retrain_eta_city"], "state": ["failed"]});
    let path = "/api/v2/dags/~/dagRuns/~/taskInstances/list";
    let (_, failed) = stage.post("airflow", path, list).await;
    assert_eq!(failed["task_instances"][0]["task_id"], "evaluate");
    let (_, model) = stage.read("registered-models/get?name=eta-city").await;
    let tags = model["registered_model"]["tags"].as_array().unwrap();
    let pipeline = tags
        .iter()
        .find(|tag| tag["key"] == "quarterdeck.pipeline")
        .unwrap();
    assert_eq!(
        pipeline["value"],
        stage.at("airflow", "/dags/retrain_eta_city")
    );
    assert!(stage.fleet.writes().seen().is_empty());
}
