//! The simulated monitoring systems: scripted incidents in samples, alerts, reports and notes.

use std::time::Duration;

use quarterdeck::sim::{Fault, Options};
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{Stage, calm};

impl Stage {
    async fn watched() -> Self {
        Self::set(Options {
            monitoring: true,
            ..Options::default()
        })
        .await
    }

    /// The rows of an instant query as their value under the given labels, joined by `/`.
    async fn instant(&self, query: &str, labels: &[&str]) -> Vec<(String, f64)> {
        let url = self.at("prometheus", "/api/v1/query");
        let request = self.client.get(url).query(&[("query", query)]);
        let answer = super::parsed(&request.send().await.unwrap().text().await.unwrap());
        assert_eq!(answer["status"], "success", "{query}: {answer}");
        let rows = answer["data"]["result"].as_array().unwrap().iter();
        rows.map(|row| {
            let named: Vec<&str> = labels
                .iter()
                .map(|label| row["metric"][*label].as_str().unwrap_or_default())
                .collect();
            let value = row["value"][1].as_str().unwrap().parse().unwrap();
            (named.join("/"), value)
        })
        .collect()
    }

    async fn one(&self, query: &str) -> f64 {
        let rows = self.instant(query, &[]).await;
        assert_eq!(rows.len(), 1, "{query}: {rows:?}");
        rows[0].1
    }

    /// Alerts as `name/model/feature` with their state.
    async fn alerts(&self) -> Vec<(String, String)> {
        let (_, answer) = self.value("prometheus", "/api/v1/alerts").await;
        let rows = answer["data"]["alerts"].as_array().unwrap().iter();
        let text =
            |row: &Value, label: &str| row["labels"][label].as_str().unwrap_or("").to_owned();
        let mut found: Vec<(String, String)> = rows
            .map(|row| {
                let name = format!("{}/{}", text(row, "alertname"), text(row, "model"));
                (name, row["state"].as_str().unwrap().to_owned())
            })
            .collect();
        found.sort();
        found.dedup();
        found
    }
}

fn named(rows: &[(&str, &str)]) -> Vec<(String, String)> {
    let rows = rows.iter();
    rows.map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
        .collect()
}

#[tokio::test]
async fn each_incident_shows_in_the_samples_from_its_onset_on() {
    let stage = Stage::watched().await;
    let p95 = "histogram_quantile(0.95, sum by (model_name, le) \
               (rate(:tensorflow:serving:request_latency_bucket{model_name=\"eta-city\"}[1m]))) / 1e6";
    let ctr = "ml_feature_mean{model=\"ranker-eu\",feature=\"ctr_30d\"}";
    let before = stage.one(ctr).await;
    assert!(stage.one(p95).await < 0.1);

    // Weeks of calm, then two days in which a price moves away.
    let price = |ago: &str| {
        format!(
            "ml_feature_drift_score{{model=\"demand-forecast\",feature=\"price\"}} offset {ago}"
        )
    };
    assert!(stage.one(&price("2d")).await < 0.1);
    assert!(stage.one(&price("1m")).await > 0.3);
    // A dead job's gauges stay, only its clock stands.
    let age = "time() - ml_drift_last_run_timestamp_seconds{model=\"credit-score\"}";
    assert!(stage.one(age).await > 31.0 * 3_600.0);
    assert!(
        !stage
            .instant("ml_feature_drift_score{model=\"credit-score\"}", &[])
            .await
            .is_empty()
    );
    // Realised quality has fallen, the estimate and the inputs have not.
    let auc = |kind: &str| format!("ml_model_quality{{model=\"ad-ctr\",kind=\"{kind}\"}}");
    assert!(stage.one(&auc("realized")).await < 0.75);
    assert!(stage.one(&auc("estimated")).await > 0.78);
    assert!(
        stage
            .one("max(ml_feature_drift_score{model=\"ad-ctr\"})")
            .await
            < 0.1
    );

    stage.clock.advance(Duration::from_secs(245));
    assert!(stage.one(p95).await > 0.8, "latency burns");
    let times = stage.one(ctr).await / before;
    assert!((80.0..120.0).contains(&times), "{times}");
    let nulls = "ml_feature_null_ratio{model=\"ranker-eu\",feature=\"ctr_30d\"}";
    assert!(stage.one(nulls).await > 0.3);
    let both = stage
        .instant(
            "ml_feature_drift_score{model=\"ranker-eu\",feature=\"ctr_30d\"} > 1",
            &["version"],
        )
        .await;
    assert_eq!(both.len(), 2, "data, not model: {both:?}");
    stage.fleet.stop().await;
}

#[tokio::test]
async fn alerts_are_pending_before_they_fire_and_reach_the_alertmanager_then() {
    let stage = Stage::watched().await;
    let old = [
        ("DriftJobStale/credit-score", "firing"),
        ("FeatureDrift/demand-forecast", "firing"),
        ("ModelQualityBelowFloor/ad-ctr", "firing"),
    ];
    assert_eq!(stage.alerts().await, named(&old));

    stage.clock.advance(Duration::from_secs(95));
    assert_eq!(
        stage.alerts().await,
        named(&[
            old[0],
            old[1],
            ("FeatureDrift/ranker-eu", "pending"),
            ("FeatureNulls/ranker-eu", "pending"),
            old[2],
        ])
    );
    stage.clock.advance(Duration::from_secs(30));
    let burn = named(&[("ModelLatencyBudgetBurn/eta-city", "pending")]);
    assert!(stage.alerts().await.contains(&burn[0]));
    let (_, sent) = stage.value("alertmanager", "/api/v2/alerts").await;
    let burns = sent.to_string().contains("eta-city");
    assert!(!burns, "pending alerts are not sent: {sent}");
    let pending = "ALERTS{alertstate=\"pending\",alertname=\"ModelLatencyBudgetBurn\"}";
    assert!((stage.one(pending).await - 1.0).abs() < 1e-9);

    stage.clock.advance(Duration::from_secs(125));
    let all = stage.alerts().await;
    assert!(all.iter().all(|(_, state)| state == "firing"), "{all:?}");
    assert!(stage.instant(pending, &[]).await.is_empty());
    let (_, groups) = stage.value("alertmanager", "/api/v2/alerts/groups").await;
    let states: Vec<_> = groups
        .as_array()
        .unwrap()
        .iter()
        .map(|group| {
            (
                &group["labels"]["model"],
                &group["alerts"][0]["status"]["state"],
            )
        })
        .collect();
    assert!(
        states.contains(&(&json!("demand-forecast"), &json!("suppressed"))),
        "{states:?}"
    );
    assert!(
        states.contains(&(&json!("eta-city"), &json!("active"))),
        "{states:?}"
    );
    stage.fleet.stop().await;
}

#[tokio::test]
async fn rules_state_their_query_which_can_be_asked() {
    let stage = Stage::watched().await;
    let (_, answer) = stage.value("prometheus", "/api/v1/rules?type=alert").await;
    let groups = answer["data"]["groups"].as_array().unwrap();
    let rules: Vec<&Value> = groups
        .iter()
        .flat_map(|group| group["rules"].as_array().unwrap())
        .collect();
    assert!(rules.len() >= 6);
    for rule in rules {
        let rows = stage
            .instant(rule["query"].as_str().unwrap(), &[])
            .await
            .len();
        let alerts = rule["alerts"].as_array().unwrap().len();
        assert_eq!(rows, alerts, "{rule}");
    }
    stage.fleet.stop().await;
}

#[tokio::test]
async fn a_calm_fleet_has_no_alerts_and_the_same_samples_each_time() {
    let watched = Options {
        monitoring: true,
        ..calm()
    };
    let one = Stage::set(watched.clone()).await;
    let two = Stage::set(watched).await;
    one.clock.advance(Duration::from_secs(610));
    two.clock.advance(Duration::from_secs(610));
    assert_eq!(one.alerts().await, []);
    let now = one.fleet.now_ms();
    let text = one.fleet.openmetrics(now - 60_000, now);
    assert_eq!(text, two.fleet.openmetrics(now - 60_000, now));
    assert!(text.ends_with("# EOF\n") && text.lines().count() > 1_000);
    one.fleet.stop().await;
    two.fleet.stop().await;
}

#[tokio::test]
async fn a_new_version_is_a_new_series_and_an_unready_endpoint_has_no_traffic() {
    let stage = Stage::watched().await;
    let versions =
        "count by (service_version) (bentoml_service_request_total{service_name=\"churn_svc\"})";
    let v7 = [("v7".to_owned(), 2.0)];
    assert_eq!(stage.instant(versions, &["service_version"]).await, v7);
    let traffic = "sum(rate(model_infer_request_success_total{model=\"image-moderation\"}[1m]))";
    assert!(stage.one(traffic).await > 1.0);

    stage.clock.advance(Duration::from_secs(110));
    let v6 = [("v6".to_owned(), 2.0)];
    assert_eq!(
        stage.instant(versions, &["service_version"]).await,
        v6,
        "rolled back"
    );
    assert!(stage.one(traffic).await.abs() < 1e-9);
    stage.fleet.stop().await;
}

#[tokio::test]
async fn errors_of_the_query_api_are_those_of_prometheus() {
    let stage = Stage::watched().await;
    let ask = async |path: &str| {
        let (status, answer) = stage.value("prometheus", &format!("/api/v1/{path}")).await;
        (
            status.as_u16(),
            answer["errorType"].as_str().unwrap_or("").to_owned(),
        )
    };
    for (path, status, kind) in [
        ("query?query=sum(", 400, "bad_data"),
        ("query?query=up&time=x", 400, "bad_data"),
        ("query_range?query=up&start=0&end=10", 400, "bad_data"),
        ("query_range?query=up&start=0&end=11000&step=1", 200, ""),
        (
            "query_range?query=up&start=0&end=11001&step=1",
            400,
            "bad_data",
        ),
        (
            "query_range?query=up&start=10&end=0&step=1",
            400,
            "bad_data",
        ),
        ("series", 400, "bad_data"),
        ("label/foo-bar/values", 400, "bad_data"),
        ("query?query=up&timeout=1ms", 503, "timeout"),
        (
            "query?query=ml_feature_mean%20*%20on(model)%20ml_drift_samples",
            422,
            "execution",
        ),
    ] {
        assert_eq!(ask(path).await, (status, kind.to_owned()), "{path}");
    }
    let (status, _) = stage.get("prometheus", "/-/ready").await;
    assert_eq!(status, StatusCode::OK);
    let (status, _) = stage.get("prometheus", "/prom/api/v1/query").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    stage.fleet.faults().set("prometheus", Fault::Html500);
    let (status, _) = stage.get("prometheus", "/api/v1/alerts").await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    stage.fleet.stop().await;
}

#[tokio::test]
async fn evidently_holds_the_scores_of_the_gauges_and_draws_both_samples() {
    let stage = Stage::watched().await;
    let (_, projects) = stage.value("evidently", "/api/projects").await;
    let project = projects
        .as_array()
        .unwrap()
        .iter()
        .find(|project| project["name"] == "demand-forecast monitoring")
        .unwrap();
    let id = project["id"].as_str().unwrap();
    let filter = json!({"series_filter": [{
        "tags": [], "metadata": {}, "metric": "evidently:metric_v2:ValueDrift",
        "metric_labels": {"column": "price"},
    }]});
    let path = format!("/api/v2/snapshots/{id}/data_series_batch");
    let (status, batch) = stage.post("evidently", &path, filter).await;
    assert_eq!(status, StatusCode::CREATED);
    let values = batch["series"][0]["values"].as_array().unwrap();
    assert_eq!(values.len(), batch["sources"].as_array().unwrap().len());
    assert_eq!(batch["series"][0]["params"]["threshold"], "0.1");
    let last = values.last().unwrap().as_f64().unwrap();
    assert!(
        last > 0.3 && values[0].as_f64().unwrap() < 0.1,
        "{values:?}"
    );

    let run = batch["sources"].as_array().unwrap().last().unwrap()["snapshot_id"].clone();
    let run = run.as_str().unwrap();
    let path = format!("/api/projects/{id}/{run}/download?report_format=json");
    let (_, report) = stage.value("evidently", &path).await;
    let price = report["metrics"].as_array().unwrap().iter();
    let price = price
        .clone()
        .find(|metric| metric["config"]["column"] == "price")
        .unwrap();
    assert_eq!(price["value"], *values.last().unwrap());
    let (_, page) = stage
        .value("evidently", &format!("/api/projects/{id}/{run}/data"))
        .await;
    let table = &page["widgets"][1];
    let rows = table["params"]["data"].as_array().unwrap();
    let row = rows
        .iter()
        .find(|row| row["column_name"] == "price")
        .unwrap();
    let graph = &row["details"]["parts"][1]["id"];
    let graphs = table["additionalGraphs"].as_array().unwrap();
    let graph = graphs.iter().find(|known| known["id"] == *graph).unwrap();
    let bars = &graph["params"]["data"][0];
    let edges = bars["x"].as_array().unwrap().len();
    assert_eq!(edges, bars["y"].as_array().unwrap().len() + 1);
    let (status, _) = stage
        .value("evidently", &format!("/api/projects/{id}/nothing/data"))
        .await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    stage.fleet.stop().await;
}

#[tokio::test]
async fn grafana_tells_what_was_done_before_and_leads_to_prometheus() {
    let stage = Stage::watched().await;
    stage.clock.advance(Duration::from_secs(310));
    let marks = "/api/annotations?tags=model:ranker-eu&tags=feature-pipeline";
    let (_, marks) = stage.value("grafana", marks).await;
    assert_eq!(marks.as_array().unwrap().len(), 1, "{marks}");
    let after = stage.fleet.now_ms() - marks[0]["time"].as_i64().unwrap();
    assert_eq!(after, 260_000, "twenty seconds before the onset");
    let (_, deploys) = stage
        .value("grafana", "/api/annotations?tags=deploy&limit=5")
        .await;
    assert_eq!(deploys.as_array().unwrap().len(), 5);
    let (_, boards) = stage.value("grafana", "/api/search?tag=model:churn").await;
    assert_eq!(boards[0]["title"], "churn in production");
    let proxied = "/api/datasources/proxy/uid/prom/api/v1/query?query=up";
    let (_, answer) = stage.value("grafana", proxied).await;
    assert_eq!(answer["data"]["resultType"], "vector");
    stage.fleet.stop().await;
}
