//! The answers of the simulated Prometheus against those of real servers that hold the same samples.

use std::fmt::Write as _;

use super::servers::{Pair, Product, STRETCH};
use super::{parsed, stacks};
use serde_json::Value;

/// Queries of every kind that presets and rules use, in the widest form of each.
const QUERIES: &[&str] = &[
    "up",
    "sum by (model) (rate(model_infer_request_success_total[5m]))",
    "sum by (model, version) (rate(nv_inference_request_success{}[2m]))",
    "(sum by (model) (rate(model_infer_request_failure_total[5m])) or 0 * sum by (model) (rate(model_infer_request_success_total[5m]))) / (sum by (model) (rate(model_infer_request_success_total[5m])) + sum by (model) (rate(model_infer_request_failure_total[5m])))",
    "(sum by (service_name) (rate(bentoml_service_request_total{http_response_code=~\"5..\",}[5m])) or 0 * sum by (service_name) (rate(bentoml_service_request_total{}[5m]))) / sum by (service_name) (rate(bentoml_service_request_total[5m]))",
    "histogram_quantile(0.95, sum by (service_name, le) (rate(bentoml_service_request_duration_seconds_bucket[5m])))",
    "histogram_quantile(0.5, sum by (model_name, le) (rate(:tensorflow:serving:request_latency_bucket[2m]))) / 1e6",
    "sum by (model_name) (rate(:tensorflow:serving:request_count{status!=\"OK\"}[5m]))",
    "sum by (model) (rate(model_infer_request_duration_sum[5m])) / sum by (model) (rate(model_infer_request_duration_count[5m]))",
    "increase(nv_inference_count[3m])",
    "irate(nv_inference_count[3m])",
    "delta(ml_prediction_mean[10m])",
    "idelta(ml_prediction_mean[10m])",
    "max by (model, feature, method) (ml_feature_drift_score{method!~\".*(p_value|test).*\"}) or min by (model, feature, method) (ml_feature_drift_score)",
    "ml_feature_drift_score > on (model, version, feature, method) ml_feature_drift_threshold",
    "ml_feature_drift_score{feature=~\"p.*\"} > bool 0.05",
    "ml_feature_drift_score * on (model) group_left (window) ml_drift_samples{window=\"current\"}",
    "count by (__name__) ({__name__=~\"ml_.*|nv_.*\"})",
    "time() - ml_drift_last_run_timestamp_seconds",
    "max_over_time(ml_feature_mean{model=\"churn\"}[15m])",
    "min_over_time(ml_prediction_mean[7m])",
    "avg_over_time(ml_prediction_mean[7m])",
    "sum_over_time(ml_prediction_mean[7m])",
    "count_over_time(ml_prediction_mean[7m])",
    "last_over_time(ml_prediction_mean[7m])",
    "quantile_over_time(0.9, ml_prediction_mean[7m])",
    "max_over_time(sum by (model) (rate(model_infer_request_success_total[1m]))[10m:15s])",
    "avg_over_time(ml_prediction_mean[10m:1m] offset 5m)",
    "changes(ml_drift_last_run_timestamp_seconds[20m])",
    "resets(ml_prediction_mean[10m])",
    "quantile by (job) (0.7, ml_prediction_mean)",
    "avg without (feature, method) (ml_feature_drift_score)",
    "topk(3, ml_prediction_mean)",
    "bottomk by (job) (2, ml_prediction_mean)",
    "clamp_max(ml_prediction_mean, 0.2) + clamp_min(ml_prediction_mean, 100)",
    "clamp(ml_prediction_mean, 0.1, 0.2)",
    "-ml_prediction_mean + 2 ^ 3 ^ 0.5 % 7",
    "abs(ml_feature_mean - ml_feature_mean offset 10m)",
    "absent(ml_nothing{model=\"x\",model=\"y\",feature=\"z\"})",
    "absent(up)",
    "label_replace(ml_prediction_mean, \"short\", \"$1-${2}\", \"model\", \"(.).*(.)\")",
    "scalar(ml_drift_samples{model=\"churn\",window=\"current\"}) + vector(1)",
    "ml_prediction_mean and on (model) ml_fairness_metric",
    "ml_prediction_mean unless on (model) ml_fairness_metric",
    "ml_model_quality{kind=\"realized\"} - ignoring (kind) ml_model_quality{kind=\"estimated\"}",
    "round(ml_feature_mean, 0.5)",
    "sgn(ml_prediction_mean - 0.2)",
    "timestamp(up)",
    "sort_desc(ml_prediction_mean)",
    "group by (model) (ml_prediction_mean)",
    "0 / (ml_feature_importance - ml_feature_importance)",
    "sum(rate(nv_inference_count[1m])) > 0 and vector(1) == 1",
];

/// Queries that both servers refuse, and with which status.
const REFUSED: &[(&str, u16)] = &[
    ("sum(", 400),
    ("", 400),
    ("rate(up)", 400),
    ("up{", 400),
    ("up{a=~\"[\"}", 400),
    ("{a=\"\"}", 400),
    ("nothing_known(up)", 400),
    ("up and 1", 400),
    ("1 == 1", 400),
    ("up[5m] + 1", 400),
    ("up offset", 400),
    ("topk(up)", 400),
    (
        "ml_feature_drift_score + on (model) ml_feature_null_ratio",
        422,
    ),
    ("ml_feature_mean * on (model) ml_drift_samples", 422),
    ("label_replace(up, \"instance\", \"\", \"\", \"\") + 0", 422),
];

/// Every query of the presets, as they are asked without extra matchers.
fn presets() -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/presets");
    let mut queries = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let preset: toml::Table = text.parse().unwrap();
        let signals = preset["signals"].as_array().unwrap().iter();
        let keys = [
            "query",
            "by_version",
            "threshold",
            "written",
            "samples",
            "reference",
        ];
        let found = signals.flat_map(|signal| keys.iter().filter_map(|key| signal.get(*key)));
        queries.extend(found.filter_map(|query| query.as_str()).map(|query| {
            query
                .replace("$sel", "")
                .replace("$win", "5m")
                .replace("$q", "0.95")
        }));
    }
    queries.sort();
    queries.dedup();
    queries
}

async fn ask(
    client: &reqwest::Client,
    base: &str,
    path: &str,
    form: &[(&str, String)],
) -> (u16, Value) {
    let body: Vec<String> = form
        .iter()
        .map(|(name, value)| format!("{name}={}", encoded(value)))
        .collect();
    let answer = client
        .post(format!("{base}/api/v1/{path}"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body.join("&"))
        .send()
        .await
        .unwrap();
    let status = answer.status().as_u16();
    (status, parsed(&answer.text().await.unwrap()))
}

fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        write!(out, "%{byte:02X}").unwrap();
    }
    out
}

/// A row: its labels, and its points.
type Row = (String, Vec<(f64, f64)>);

/// Rows by their labels, with the points of each.
fn rows(answer: &Value) -> Vec<Row> {
    let data = &answer["data"];
    let point = |point: &Value| {
        let value: f64 = point[1].as_str().unwrap().parse().unwrap();
        (point[0].as_f64().unwrap(), value)
    };
    if data["resultType"] == "scalar" {
        return vec![(String::new(), vec![point(&data["result"])])];
    }
    let mut rows: Vec<_> = data["result"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            let points = match row["values"].as_array() {
                Some(points) => points.iter().map(point).collect(),
                None => vec![point(&row["value"])],
            };
            (row["metric"].to_string(), points)
        })
        .collect();
    rows.sort_by(|a, b| a.0.cmp(&b.0));
    rows
}

#[expect(clippy::float_cmp, reason = "infinities are equal or not")]
fn close(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-6 * a.abs().max(b.abs()).max(1e-9)
}

/// How the two answers to a query differ, if they do.
fn difference(query: &str, ours: &(u16, Value), theirs: &(u16, Value)) -> Option<String> {
    if (ours.0, theirs.0) != (200, 200) {
        return Some(format!("{query}: {ours:?} {theirs:?}"));
    }
    unlike(query, &rows(&ours.1), &rows(&theirs.1))
}

/// How the rows of two answers to a query differ, if they do.
fn unlike(query: &str, ours: &[Row], theirs: &[Row]) -> Option<String> {
    let names = |rows: &[Row]| -> Vec<String> {
        rows.iter()
            .map(|(name, points)| format!("{name} {}", points.len()))
            .collect()
    };
    let (our_names, their_names) = (names(ours), names(theirs));
    if our_names != their_names {
        return Some(format!("{query}: {our_names:#?} {their_names:#?}"));
    }
    let mut pairs = ours
        .iter()
        .zip(theirs)
        .flat_map(|((name, ours), (_, theirs))| {
            ours.iter()
                .zip(theirs)
                .map(move |(one, other)| (name, one, other))
        });
    let apart = pairs.find(|(_, one, other)| !close(one.0, other.0) || !close(one.1, other.1));
    apart.map(|(name, one, other)| format!("{query}: {name}: {one:?} {other:?}"))
}

#[tokio::test]
#[ignore = "needs prometheus and promtool"]
async fn live_queries_give_what_a_real_prometheus_gives() {
    let Some(pair) = Pair::start(Product::Prometheus, "queries").await else {
        return;
    };
    let (client, now) = (&pair.stage.client, pair.now);
    let mut found = Vec::new();
    let mut empty = Vec::new();
    let presets = presets();
    assert!(presets.len() > 50, "{presets:?}");
    for query in QUERIES
        .iter()
        .copied()
        .chain(presets.iter().map(String::as_str))
    {
        for at in [now, now - 7_321, now - STRETCH / 2] {
            let form = [("query", query.to_owned()), ("time", seconds(at))];
            let ours = ask(client, &pair.simulated, "query", &form).await;
            let theirs = ask(client, &pair.real, "query", &form).await;
            found.extend(difference(query, &ours, &theirs));
        }
        let form = [
            ("query", query.to_owned()),
            ("start", seconds(now - STRETCH)),
            ("end", seconds(now)),
            ("step", "47".to_owned()),
        ];
        let ours = ask(client, &pair.simulated, "query_range", &form).await;
        let theirs = ask(client, &pair.real, "query_range", &form).await;
        found.extend(difference(query, &ours, &theirs));
        if rows(&ours.1).is_empty() {
            empty.push(query);
        }
    }
    for (query, status) in REFUSED {
        let form = [("query", (*query).to_owned()), ("time", seconds(now))];
        let ours = ask(client, &pair.simulated, "query", &form).await;
        let theirs = ask(client, &pair.real, "query", &form).await;
        let same = ours.1["errorType"] == theirs.1["errorType"];
        if !same || (ours.0, theirs.0) != (*status, *status) {
            found.push(format!("{query}: {ours:?} {theirs:?}"));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    // Equal answers prove nothing where both are empty.
    assert!(empty.len() <= 2, "no answer to {empty:?}");
    pair.stage.fleet.stop().await;
}

/// What is comparable with the answer of a `VictoriaMetrics`. It drops NaN. Its rates take the last
/// sample before the window in and extrapolate nothing, so that they are the same only where a counter
/// rises evenly, as those of [`stacks`] do.
fn comparable(query: &str, answer: &(u16, Value)) -> Vec<Row> {
    let mut rows = rows(&answer.1);
    let even = |labels: &str| stacks::models().any(|m| labels.contains(&format!("\"{m}\"")));
    rows.retain(|(labels, _)| !query.contains("rate(") || even(labels));
    for (_, points) in &mut rows {
        points.retain(|(_, value)| !value.is_nan());
    }
    rows.retain(|(_, points)| !points.is_empty());
    rows
}

#[tokio::test]
#[ignore = "needs victoria-metrics"]
async fn live_presets_give_what_victoria_metrics_gives() {
    let Some(pair) = Pair::start(Product::VictoriaMetrics, "queries").await else {
        return;
    };
    let (client, now) = (&pair.stage.client, pair.now);
    let mut found = Vec::new();
    let mut empty = Vec::new();
    for query in presets() {
        let mut some = false;
        // Times that it does not move: whole steps of its own.
        let start = (now - STRETCH / 2) / 60_000 * 60_000;
        let instants = [now, now - 7_321, now - STRETCH / 2];
        let asked = instants.map(|at| ("query", vec![("time", seconds(at))]));
        let range = [("start", start), ("end", start + 10 * 60_000)];
        let range = range.map(|(key, at)| (key, seconds(at)));
        let range = range.into_iter().chain([("step", "60".to_owned())]);
        for (path, mut form) in asked.into_iter().chain([("query_range", range.collect())]) {
            form.push(("query", query.clone()));
            let ours = ask(client, &pair.simulated, path, &form).await;
            form.push(("nocache", "1".to_owned()));
            let theirs = ask(client, &pair.real, path, &form).await;
            if (ours.0, theirs.0) != (200, 200) {
                found.push(format!("{query}: {ours:?} {theirs:?}"));
                continue;
            }
            let (ours, theirs) = (comparable(&query, &ours), comparable(&query, &theirs));
            some |= !ours.is_empty();
            found.extend(unlike(&query, &ours, &theirs));
        }
        if !some {
            empty.push(query);
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert!(empty.is_empty(), "no answer to {empty:#?}");
    pair.stage.fleet.stop().await;
}

fn seconds(ms: i64) -> String {
    format!("{}.{:03}", ms / 1_000, ms % 1_000)
}
