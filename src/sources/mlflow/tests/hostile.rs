//! Answers that no documentation describes: nothing may panic, and what cannot be read says where.

use std::fmt::Write as _;

use proptest::prelude::*;
use serde_json::json;

use super::super::{map, package, wire};
use super::{decoded, with_map};
use crate::domain::fault::FaultKind;
use crate::domain::model::VersionStatus;
use crate::domain::run::RunStatus;
use crate::domain::text::NAME_LIMIT;

fn path_of(fault: &crate::domain::fault::Fault) -> String {
    match &fault.kind {
        FaultKind::Decode { path } => path.as_str().to_owned(),
        _ => panic!("{fault}"),
    }
}

#[test]
fn null_stands_anywhere() {
    for json in [
        r#"{"runs":null,"next_page_token":null}"#,
        r#"{"runs":[null,{}]}"#,
        r#"{"runs":[{"info":null,"data":null,"inputs":null,"outputs":null}]}"#,
        r#"{"runs":[{"info":{"run_id":null,"status":null,"start_time":null},"data":{"metrics":null,"params":[null],"tags":[{"key":null,"value":null}]}}]}"#,
        r#"{"runs":{}}"#,
        "{}",
    ] {
        let page: wire::RunsPage = decoded(json).expect(json);
        let runs: Vec<_> = with_map(|m| page.runs.into_iter().filter_map(|r| m.run(r)).collect());
        assert!(runs.is_empty(), "{json}");
    }
    let json = r#"{"runs":[{"info":{"run_id":"a","end_time":null,"lifecycle_stage":null,"user_id":null},
        "data":{"metrics":[{"key":"auc","value":null,"step":null,"timestamp":null},{"key":null}],"params":null},
        "inputs":{"dataset_inputs":[{"tags":null,"dataset":null},null]},"outputs":{"model_outputs":[{"model_id":null}]}}]}"#;
    let page: wire::RunsPage = decoded(json).expect("nulls");
    let run = with_map(|m| m.run(page.runs.into_iter().next().expect("row"))).expect("run");
    assert_eq!(run.metrics.len(), 1);
    assert!(run.metrics[0].value.is_nan(), "a null metric is not zero");
    assert!(run.datasets.is_empty() && run.outputs.is_empty() && run.ended.is_none());
    let nulls = r#"{"registered_models":[{"name":"m","tags":null,"aliases":[null,{"alias":"a","version":null}],"creation_timestamp":null}]}"#;
    let page: wire::ModelsPage = decoded(nulls).expect("nulls");
    let model = with_map(|m| m.model(page.registered_models.into_iter().next().expect("row")));
    assert!(model.expect("model").aliases.is_empty());
}

#[test]
fn wrong_types_name_their_path() {
    for (json, path) in [
        (r#"{"runs":"all"}"#, "runs"),
        (r#"{"runs":{"a":1}}"#, "runs"),
        (r#"{"runs":[{"info":[1]}]}"#, "runs[0].info"),
        (
            r#"{"runs":[{},{"info":{"start_time":"soon"}}]}"#,
            "runs[1].info.start_time",
        ),
        (
            r#"{"runs":[{"info":{"run_id":{"id":1}}}]}"#,
            "runs[0].info.run_id",
        ),
        (
            r#"{"runs":[{"data":{"metrics":[{"value":"high"}]}}]}"#,
            "runs[0].data.metrics[0].value",
        ),
        (
            r#"{"runs":[{"data":{"metrics":[{"value":true}]}}]}"#,
            "runs[0].data.metrics[0].value",
        ),
        ("[]", ""),
        (r#""text""#, ""),
        ("7", ""),
    ] {
        let fault = decoded::<wire::RunsPage>(json).expect_err(json);
        assert_eq!(path_of(&fault), path, "{json}: {fault}");
    }
    let html = decoded::<wire::RunsPage>("<!doctype html><h1>Bad Gateway</h1>").expect_err("html");
    assert!(
        html.detail.as_str().contains("HTML, not JSON: Bad Gateway"),
        "{html}"
    );
}

#[test]
fn neighbouring_types_are_taken() {
    let json = r#"{"model_versions":[{"name":"m","version":3,"creation_timestamp":"1795406986552","run_id":7,"status":true}]}"#;
    let page: wire::VersionsPage = decoded(json).expect("page");
    let row = page.model_versions.into_iter().next().expect("row");
    let version = with_map(|m| {
        let key = m.model_key("m", 1);
        m.version(&key, row)
    })
    .expect("version");
    assert_eq!(version.version, "3");
    assert_eq!(version.created.0, 1_795_406_986_552);
    assert_eq!(version.run.expect("run").id.raw(), "7");
}

#[test]
fn unknown_words_are_kept() {
    let json = r#"{"runs":[{"info":{"run_id":"a","status":"QUANTUM\u001b[31m"}}]}"#;
    let page: wire::RunsPage = decoded(json).expect("page");
    let run = with_map(|m| m.run(page.runs.into_iter().next().expect("row"))).expect("run");
    assert!(matches!(&run.status, RunStatus::Other(word) if *word == "QUANTUM"));
    let json = r#"{"model_versions":[{"name":"m","version":"1","status":"IN_REVIEW","current_stage":"Gold"}]}"#;
    let page: wire::VersionsPage = decoded(json).expect("page");
    let version = with_map(|m| {
        let key = m.model_key("m", 1);
        m.version(&key, page.model_versions.into_iter().next().expect("row"))
    })
    .expect("version");
    assert!(matches!(&version.status, VersionStatus::Other(word) if *word == "IN_REVIEW"));
    assert_eq!(version.stage.expect("stage"), "Gold");
}

#[test]
fn huge_and_escaped_names_become_short_and_plain() {
    let long = "n".repeat(50_000);
    let json = format!(
        r#"{{"registered_models":[{{"name":"{long}","description":"\u001b]0;pwned\u0007x\u202ey","tags":[{{"key":"\u001b[2J","value":"{long}"}}]}}]}}"#
    );
    let page: wire::ModelsPage = decoded(&json).expect("page");
    let model = with_map(|m| m.model(page.registered_models.into_iter().next().expect("row")));
    let model = model.expect("model");
    assert_eq!(model.name.as_str().chars().count(), NAME_LIMIT + 1);
    assert_eq!(model.key.name.raw().len(), 50_000);
    assert_eq!(model.description, "xy");
    assert!(model.tags[0].1.as_str().len() < 10_000);
}

#[test]
fn duplicates_become_one() {
    let rows: Vec<(u8, u8)> = vec![(1, 1), (2, 1), (1, 2), (3, 1), (2, 2)];
    assert_eq!(map::unique(rows, |r| r.0), [(1, 2), (2, 2), (3, 1)]);
    let json = r#"{"runs":[{"info":{"run_id":"a"},"data":{
        "metrics":[{"key":"auc","value":0.9,"step":9},{"key":"auc","value":0.1,"step":2},{"key":"auc","value":0.5,"step":9,"timestamp":5}],
        "params":[{"key":"lr","value":"1"},{"key":"lr","value":"2"}]}}]}"#;
    let page: wire::RunsPage = decoded(json).expect("page");
    let run = with_map(|m| m.run(page.runs.into_iter().next().expect("row"))).expect("run");
    assert_eq!(run.metrics.len(), 1);
    assert_eq!(run.metric("auc"), Some(0.5));
    assert_eq!(run.param("lr").expect("lr"), &"2");
}

#[test]
fn depth_and_size_do_not_matter() {
    let deep = format!(r#"{{"runs":{}"#, "[".repeat(100_000));
    assert!(decoded::<wire::RunsPage>(&deep).is_err());
    let mut many = r#"{"runs":["#.to_owned();
    for n in 0..20_000 {
        let comma = if n > 0 { "," } else { "" };
        let _ = write!(many, r#"{comma}{{"info":{{"run_id":"r{n}"}}}}"#);
    }
    many.push_str("]}");
    let page: wire::RunsPage = decoded(&many).expect("many");
    assert_eq!(page.runs.len(), 20_000);
}

#[test]
fn credentials_in_places_do_not_show() {
    let json =
        r#"{"model_versions":[{"name":"m","version":"1","source":"s3://key:secret@bucket/m"}]}"#;
    let page: wire::VersionsPage = decoded(json).expect("page");
    let version = with_map(|m| {
        let key = m.model_key("m", 1);
        m.version(&key, page.model_versions.into_iter().next().expect("row"))
    })
    .expect("version");
    assert_eq!(version.source, "s3://bucket/m");
}

/// A recorded answer, to be damaged.
fn recorded(name: &str) -> serde_json::Value {
    let path = format!(
        "{}/tests/fixtures/mlflow3/{name}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    let text = std::fs::read_to_string(&path).expect(name);
    let file: serde_json::Value = serde_json::from_str(&text).expect(name);
    file["body"].clone()
}

/// Puts `damage` in the place of the `nth` value below `value`, counted in depth.
fn replace(value: &mut serde_json::Value, nth: &mut usize, damage: &serde_json::Value) -> bool {
    if *nth == 0 {
        *value = damage.clone();
        return true;
    }
    *nth -= 1;
    match value {
        serde_json::Value::Array(items) => items.iter_mut().any(|v| replace(v, nth, damage)),
        serde_json::Value::Object(map) => map.values_mut().any(|v| replace(v, nth, damage)),
        _ => false,
    }
}

proptest! {
    #[test]
    fn damaged_answers_decode_or_say_where(nth in 0_usize..400, kind in 0_usize..9) {
        let damage = [
            json!(null), json!(-1), json!(1e308), json!("\u{1b}[2J"), json!([]), json!({}),
            json!([[1]]), json!({"a": {"b": []}}), json!(true),
        ][kind].clone();
        let check = |result: Result<(), crate::domain::fault::Fault>| {
            if let Err(fault) = result {
                assert!(matches!(fault.kind, FaultKind::Decode { .. }), "{fault}");
            }
        };
        for name in ["runs-search-page-1", "registered-models-search-page-1", "model-versions-search-newest"] {
            let mut body = recorded(name);
            replace(&mut body, &mut nth.clone(), &damage);
            let text = body.to_string();
            check(decoded::<wire::RunsPage>(&text).map(|page| with_map(|m| {
                page.runs.into_iter().for_each(|row| drop(m.run(row)));
            })));
            check(decoded::<wire::ModelsPage>(&text).map(|page| with_map(|m| {
                page.registered_models.into_iter().for_each(|row| drop(m.model(row)));
            })));
            check(decoded::<wire::VersionsPage>(&text).map(|page| with_map(|m| {
                let key = m.model_key("m", 1);
                page.model_versions.into_iter().for_each(|row| drop(m.version(&key, row)));
            })));
        }
    }

    #[test]
    fn any_bytes_are_survived(text in ".{0,300}") {
        let _ = decoded::<wire::RunsPage>(&text);
        let _ = decoded::<wire::HistoryPage>(&text);
        let _ = package::read(&text, "");
    }
}
