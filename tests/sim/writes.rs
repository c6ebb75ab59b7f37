//! Writing to the simulated fleet: what moves after it, what goes wrong on request, and what is counted.

use std::time::Duration;

use quarterdeck::sim::{Access, Account, BasicAuth, MlflowOptions, Options, Rival, WriteFault};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Stage, calm, states};

const API: &str = "/api/2.0/mlflow/";

impl Stage {
    async fn send(&self, server: &str, method: Method, path: &str, body: &Value) -> Option<Said> {
        let request = self
            .client
            .request(method, self.at(server, path))
            .json(body);
        let answer = request.send().await.ok()?;
        let status = answer.status();
        Some(Said {
            status,
            text: answer.text().await.ok()?,
        })
    }

    async fn write(&self, call: &str, body: Value) -> Option<Said> {
        let path = format!("{API}{call}");
        self.send("mlflow", Method::POST, &path, &body).await
    }

    async fn promote(&self, model: &str, version: &str) -> Option<Said> {
        let body = json!({"name": model, "alias": "champion", "version": version});
        self.write("registered-models/alias", body).await
    }

    async fn load(&self, server: &str, model: &str) -> Said {
        let path = format!("/v2/repository/models/{model}/load");
        let said = self.send(server, Method::POST, &path, &json!({})).await;
        said.unwrap()
    }

    fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

#[derive(Debug)]
struct Said {
    status: StatusCode,
    text: String,
}

#[tokio::test]
async fn a_load_brings_what_the_alias_points_at_after_a_while() {
    let stage = Stage::set(calm()).await;
    assert_eq!(states(&stage.index("ad-ctr-prod").await), [("16", "READY")]);
    stage.promote("ad-ctr", "15").await.unwrap();
    stage.pass(60);
    // Nobody told the server.
    assert_eq!(states(&stage.index("ad-ctr-prod").await), [("16", "READY")]);
    assert_eq!(stage.load("ad-ctr-prod", "ad-ctr").await.status, 200);
    let ready = async |version: &str| {
        let path = format!("/v2/models/ad-ctr/versions/{version}/ready");
        stage.get("ad-ctr-prod", &path).await.0.as_u16()
    };
    // The index tells of the repository, not of what answers.
    assert_eq!(states(&stage.index("ad-ctr-prod").await), [("15", "READY")]);
    assert_eq!((ready("15").await, ready("16").await), (400, 200));
    stage.pass(5);
    assert_eq!((ready("15").await, ready("16").await), (200, 404));
    let unknown = stage.load("ad-ctr-prod", "nope").await;
    assert_eq!(unknown.status, 404);
    assert_eq!(unknown.text, "{\"error\":\"Model nope not found\"}");
}

/// As seen of `MLServer`: whatever it tells under a name is told of the newest version from the moment that
/// one begins to load, and what is taken out is not there.
#[tokio::test]
async fn a_newer_version_takes_the_name_before_it_has_loaded() {
    let stage = Stage::set(calm()).await;
    let ready = async |path: &str| {
        let path = format!("/v2/{path}ready");
        stage.get("ad-ctr-prod", &path).await.0.as_u16()
    };
    let all = async || {
        let model = "models/ad-ctr/";
        [
            ready("health/").await,
            ready(model).await,
            ready(&format!("{model}versions/15/")).await,
            ready(&format!("{model}versions/16/")).await,
        ]
    };
    assert!(stage.fleet.serve_version("ad-ctr-prod", 15));
    stage.load("ad-ctr-prod", "ad-ctr").await;
    assert_eq!(
        states(&stage.index("ad-ctr-prod").await),
        [("16", "UNKNOWN")]
    );
    assert_eq!(all().await, [400, 400, 200, 400]);
    stage.pass(5);
    assert_eq!(states(&stage.index("ad-ctr-prod").await), [("16", "READY")]);
    assert_eq!(all().await, [200, 200, 404, 200]);
    // An older one does not, and one that comes alone does.
    stage.promote("ad-ctr", "15").await.unwrap();
    stage.load("ad-ctr-prod", "ad-ctr").await;
    assert_eq!(states(&stage.index("ad-ctr-prod").await), [("15", "READY")]);
    assert_eq!(all().await, [400, 200, 400, 200]);
    stage.pass(5);
    let unload = "/v2/repository/models/ad-ctr/unload";
    stage
        .send("ad-ctr-prod", Method::POST, unload, &json!({}))
        .await
        .unwrap();
    assert_eq!(
        states(&stage.index("ad-ctr-prod").await),
        [("15", "UNAVAILABLE")]
    );
    stage.load("ad-ctr-prod", "ad-ctr").await;
    assert_eq!(
        states(&stage.index("ad-ctr-prod").await),
        [("15", "UNKNOWN")]
    );
    assert_eq!(all().await, [400, 400, 400, 404]);
    // One that fails is forgotten.
    assert!(
        stage
            .fleet
            .set_loading("ad-ctr-prod", Duration::from_secs(9), Some(16))
    );
    stage.pass(5);
    stage.promote("ad-ctr", "16").await.unwrap();
    stage.load("ad-ctr-prod", "ad-ctr").await;
    stage.pass(10);
    assert_eq!(states(&stage.index("ad-ctr-prod").await), [("16", "READY")]);
    assert_eq!(all().await, [200, 200, 200, 404]);
}

#[tokio::test]
async fn a_load_that_fails_leaves_the_old_version_answering() {
    let stage = Stage::set(Options::default()).await;
    stage.pass(30);
    let loading = [("13", "READY"), ("14", "LOADING")];
    assert_eq!(states(&stage.index("fraud-prod").await), loading);
    let said = stage.load("fraud-prod", "fraud-detector").await;
    assert_eq!(said.status, 400);
    assert!(
        said.text.contains("version 14 is at UNAVAILABLE"),
        "{}",
        said.text
    );
    stage.pass(5);
    let failed = [("13", "READY"), ("14", "UNAVAILABLE")];
    assert_eq!(states(&stage.index("fraud-prod").await), failed);
    // Back to what works: the alias first, then the server.
    stage.promote("fraud-detector", "13").await.unwrap();
    assert_eq!(stage.load("fraud-prod", "fraud-detector").await.status, 200);
    stage.pass(5);
    assert_eq!(states(&stage.index("fraud-prod").await), [("13", "READY")]);
}

#[tokio::test]
async fn deployments_with_a_controller_follow_the_alias_by_themselves() {
    let stage = Stage::set(calm()).await;
    stage.promote("demand-forecast", "11").await.unwrap();
    let served = async || {
        let (_, status) = stage
            .value("demand-prod", "/v1/models/demand-forecast")
            .await;
        let rows = status["model_version_status"].as_array().unwrap().clone();
        let available = rows.iter().find(|row| row["state"] == "AVAILABLE").unwrap();
        available["version"].as_str().unwrap().to_owned()
    };
    stage.pass(3);
    assert_eq!(served().await, "12");
    stage.pass(10);
    assert_eq!(served().await, "11");
    // Another alias moves nothing.
    let body = json!({"name": "demand-forecast", "alias": "challenger", "version": "10"});
    stage.write("registered-models/alias", body).await.unwrap();
    stage.pass(60);
    assert_eq!(served().await, "11");
}

#[tokio::test]
async fn rolling_back_ends_the_errors_of_the_crisis() {
    let stage = Stage::set(Options {
        monitoring: true,
        ..Options::default()
    })
    .await;
    let failing = async || {
        let of = |name: &str| format!("sum(rate({name}{{model=\"fraud-detector\"}}[1m]))");
        let (bad, good) = (
            of("nv_inference_request_failure"),
            of("nv_inference_request_success"),
        );
        let query = format!("{bad}/({bad}+{good})");
        let request = stage.client.get(stage.at("prometheus", "/api/v1/query"));
        let answer = request.query(&[("query", &query)]).send().await.unwrap();
        let body: Value = super::parsed(&answer.text().await.unwrap());
        let value = body["data"]["result"][0]["value"][1]
            .as_str()
            .unwrap()
            .to_owned();
        value.parse::<f64>().unwrap()
    };
    assert!(failing().await < 0.004);
    stage.pass(120);
    let crisis = failing().await;
    assert!((0.03..0.07).contains(&crisis), "{crisis}");
    // The alias alone changes nothing that serves.
    stage.promote("fraud-detector", "13").await.unwrap();
    stage.pass(120);
    assert!(failing().await > 0.03);
    stage.load("fraud-prod", "fraud-detector").await;
    stage.pass(120);
    assert!(failing().await < 0.004);
}

#[tokio::test]
async fn silenced_alerts_are_suppressed_until_the_silence_ends() {
    let stage = Stage::set(Options {
        monitoring: true,
        ..Options::default()
    })
    .await;
    stage.pass(240);
    let of = "/api/v2/alerts?filter=model%3D%22ranker-eu%22";
    let now_is = async || {
        let (_, alerts) = stage.value("alertmanager", of).await;
        let alerts = alerts.as_array().unwrap().clone();
        assert!(!alerts.is_empty());
        let mut words: Vec<String> = (alerts.iter())
            .map(|alert| alert["status"]["state"].as_str().unwrap().to_owned())
            .collect();
        words.dedup();
        words.join(" ")
    };
    assert_eq!(now_is().await, "active");
    let at = |seconds: i64| {
        let ms = stage.fleet.now_ms() + seconds * 1_000;
        chrono::DateTime::from_timestamp_millis(ms)
            .unwrap()
            .to_rfc3339()
    };
    let matchers = json!([{"name": "model", "value": "ranker-eu", "isRegex": false}]);
    let body = json!({"matchers": matchers, "startsAt": at(0), "endsAt": at(600), "createdBy": "ana",
                      "comment": "known"});
    let (status, made) = stage.post("alertmanager", "/api/v2/silences", body).await;
    assert_eq!(status, 200, "{made}");
    assert_eq!(now_is().await, "suppressed");
    let path = format!("/api/v2/silence/{}", made["silenceID"].as_str().unwrap());
    for _ in 0..2 {
        let said = stage
            .send("alertmanager", Method::DELETE, &path, &Value::Null)
            .await;
        assert_eq!(said.unwrap().status, 200);
        assert_eq!(now_is().await, "active");
    }
    assert_eq!(stage.fleet.writes().count("alertmanager", "silence"), 3);
}

#[tokio::test]
async fn an_annotation_is_shown_to_others() {
    let stage = Stage::set(Options {
        monitoring: true,
        ..calm()
    })
    .await;
    let body = json!({"time": stage.fleet.now_ms(), "tags": ["model:churn", "promote", "n-1"],
                      "text": "v6 to v7 by ana"});
    let (status, made) = stage.post("grafana", "/api/annotations", body).await;
    assert_eq!(
        (status, made["message"].as_str()),
        (StatusCode::OK, Some("Annotation added"))
    );
    let (_, found) = stage.value("grafana", "/api/annotations?tags=n-1").await;
    assert_eq!(found[0]["id"], made["id"]);
    assert_eq!(found[0]["text"], "v6 to v7 by ana");
    let (status, refused) = stage
        .post("grafana", "/api/annotations", json!({"time": 1}))
        .await;
    assert_eq!(status, 400, "{refused}");
}

#[tokio::test]
async fn each_fault_of_a_write_leaves_the_truth_it_names() {
    let stage = Stage::set(calm()).await;
    let writes = stage.fleet.writes();
    for (fault, status, moved) in [
        (WriteFault::LostBefore, None, false),
        (WriteFault::LostAfter, None, true),
        (WriteFault::Forbidden, Some(403), false),
        (WriteFault::Conflict, Some(409), false),
        (WriteFault::Collision, Some(400), false),
        (WriteFault::ErrorBefore, Some(500), false),
        (WriteFault::ErrorAfter, Some(500), true),
        (WriteFault::UnavailableAfter, Some(503), true),
        (WriteFault::Slow(Duration::from_millis(30)), Some(200), true),
        (
            WriteFault::SlowAnswer(Duration::from_millis(30)),
            Some(200),
            true,
        ),
    ] {
        stage.promote("churn", "7").await.unwrap();
        writes.forget();
        writes.spoil("mlflow", "registered-models/alias", fault.clone());
        let said = stage.promote("churn", "6").await;
        let told = said.as_ref().map(|said| said.status.as_u16());
        assert_eq!(told, status, "{fault:?}: {said:?}");
        let champion = if moved { "6" } else { "7" };
        assert_eq!(stage.champion("churn").await, champion, "{fault:?}");
        assert_eq!(writes.count("mlflow", "alias"), 1, "{fault:?}");
        assert_eq!(writes.seen()[0].committed(), moved, "{fault:?}");
    }
}

#[tokio::test]
async fn a_second_writer_acts_before_after_and_between() {
    let stage = Stage::set(calm()).await;
    let writes = stage.fleet.writes();
    let to = |version| Rival::Alias {
        model: "churn".to_owned(),
        alias: "champion".to_owned(),
        version,
    };
    writes.spoil("mlflow", "alias", WriteFault::After(to(5)));
    assert_eq!(stage.promote("churn", "6").await.unwrap().status, 200);
    assert_eq!(stage.champion("churn").await, "6", "the last writer wins");
    writes.spoil("mlflow", "alias", WriteFault::Before(to(5)));
    assert_eq!(stage.promote("churn", "6").await.unwrap().status, 200);
    assert_eq!(stage.champion("churn").await, "5");
    writes.after_read("mlflow", "alias", to(4));
    assert_eq!(stage.champion("churn").await, "5");
    assert_eq!(stage.champion("churn").await, "4");
    // A claim that somebody else has written a moment before.
    let made = stage
        .write("experiments/create", json!({"name": "ledger"}))
        .await;
    let experiment = super::parsed(&made.unwrap().text)["experiment_id"].clone();
    let run = stage
        .write("runs/create", json!({"experiment_id": experiment}))
        .await;
    let run = super::parsed(&run.unwrap().text)["run"]["info"]["run_id"].clone();
    let theirs = Rival::Param {
        key: String::new(),
        value: "theirs".to_owned(),
    };
    writes.spoil("mlflow", "log-parameter", WriteFault::After(theirs));
    let body = json!({"run_id": run, "key": "champion.1", "value": "ours"});
    let said = stage.write("runs/log-parameter", body).await.unwrap();
    assert_eq!(said.status, 400);
    assert!(said.text.contains("value='theirs'"), "{}", said.text);
}

#[tokio::test]
async fn reads_of_every_kind_are_no_writes() {
    let stage = Stage::set(Options {
        monitoring: true,
        ..calm()
    })
    .await;
    stage.champion("churn").await;
    stage
        .runs(json!({"experiment_ids": ["1"], "max_results": 1}))
        .await;
    stage.index("ad-ctr-prod").await;
    stage.post("prometheus", "/api/v1/query", json!({})).await;
    stage.value("alertmanager", "/api/v2/silences").await;
    assert_eq!(stage.fleet.writes().seen(), []);
    stage.promote("churn", "6").await.unwrap();
    let seen = stage.fleet.writes().seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(
        (seen[0].method.as_str(), seen[0].body["version"].as_str()),
        ("POST", Some("6"))
    );
}

#[tokio::test]
async fn rights_are_those_of_the_account() {
    let accounts = vec![
        Account::reader("rea", "rea-password"),
        Account::reader("edi", "edi-password").granted("churn", Access::Edit),
        Account::reader("man", "man-password").granted("churn", Access::Manage),
        Account::reader("adm", "adm-password").admin(),
    ];
    let stage = Stage::set(Options {
        mlflow: MlflowOptions {
            auth: Some(BasicAuth { accounts }),
            static_prefix: None,
        },
        ..calm()
    })
    .await;
    let as_user = async |user: &str, method: Method, call: &str, body: Value| {
        let request = stage
            .client
            .request(method, stage.at("mlflow", &format!("{API}{call}")));
        let request = request.basic_auth(user, Some(format!("{user}-password")));
        let answer = request.json(&body).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let set = json!({"name": "churn", "alias": "champion", "version": "6"});
    let gone = json!({"name": "churn", "alias": "old"});
    let tag = json!({"name": "churn", "version": "6", "key": "k"});
    for (user, may_set, may_delete) in [
        ("rea", 403, 403),
        ("edi", 200, 403),
        ("man", 200, 200),
        ("adm", 200, 200),
    ] {
        let alias = "registered-models/alias";
        let said = as_user(user, Method::POST, alias, set.clone()).await;
        assert_eq!(said.0, may_set, "{user}: {said:?}");
        assert!(may_set == 200 || said.1 == "Permission denied", "{said:?}");
        let said = as_user(user, Method::DELETE, alias, gone.clone()).await;
        assert_eq!(said.0, may_delete, "{user}: {said:?}");
        let said = as_user(
            user,
            Method::DELETE,
            "model-versions/delete-tag",
            tag.clone(),
        )
        .await;
        assert_eq!(said.0, may_delete, "{user}: {said:?}");
    }
    // Another model is not theirs, and one that does not exist is nobody's.
    for name in ["ad-ctr", "nope"] {
        let body = json!({"name": name, "key": "k", "value": "v"});
        let said = as_user("edi", Method::POST, "registered-models/set-tag", body).await;
        assert_eq!(said.0, 403, "{name}: {said:?}");
    }
    // Whoever makes an experiment owns it, and nobody else writes to its runs.
    let made = as_user(
        "rea",
        Method::POST,
        "experiments/create",
        json!({"name": "led"}),
    )
    .await;
    let experiment = super::parsed(&made.1)["experiment_id"].clone();
    let made = as_user(
        "rea",
        Method::POST,
        "runs/create",
        json!({"experiment_id": experiment}),
    )
    .await;
    assert_eq!(made.0, 200, "{made:?}");
    let run = super::parsed(&made.1)["run"]["info"]["run_id"].clone();
    let claim = json!({"run_id": run, "key": "champion.1", "value": "x"});
    for (user, status) in [("edi", 403), ("rea", 200)] {
        let said = as_user(user, Method::POST, "runs/log-parameter", claim.clone()).await;
        assert_eq!(said.0, status, "{user}: {said:?}");
    }
}
