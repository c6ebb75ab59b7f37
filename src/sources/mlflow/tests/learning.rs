//! Models that version rows name before anybody has read them.

use serde_json::{Value, json};

use super::scripted::{Log, count, model_row, poll, scripted, version_row};
use crate::domain::observation::{Coverage, Feed, Rows, Scope};
use crate::sources::Focus;

/// As many models that one look after another is too many, and that two pages do not hold.
const KNOWN: usize = 500;
const NEW: usize = 60;
const STRANGERS: usize = 60;

/// A registry without name lists, in which models are registered between the sweep of the models and that
/// of the versions, and whose versions name models too that it does not show.
async fn registry() -> (super::super::Mlflow, Log) {
    scripted(|asked, nth| {
        Ok(match asked.route.as_str() {
            "registered-models/search" if !asked.filter().is_empty() => {
                return Err((400, "no lists"));
            }
            "registered-models/search" => {
                let count = if nth == 1 { KNOWN } else { KNOWN + NEW };
                let rows = (0..count).map(|n| model_row(&format!("m{n}"), 7));
                json!({"registered_models": rows.collect::<Vec<Value>>()})
            }
            "registered-models/get" => match asked.query["name"].strip_prefix('m') {
                Some(_) => json!({"registered_model": model_row(&asked.query["name"], 7)}),
                None => return Err((404, "no such model")),
            },
            _ => {
                let models = (0..KNOWN + NEW).map(|n| format!("m{n}"));
                let all = models.chain((0..STRANGERS).map(|n| format!("x{n}")));
                let rows = all.map(|name| version_row(&name, "1", 9, ""));
                json!({"model_versions": rows.collect::<Vec<Value>>()})
            }
        })
    })
    .await
}

#[tokio::test]
async fn a_sweep_of_versions_holds_those_of_however_many_new_models() {
    let (source, log) = registry().await;
    let focus = Focus::default();
    poll(&source, Feed::Models, &focus).await;
    for _ in 0..2 {
        let answer = poll(&source, Feed::Versions, &focus).await;
        assert_eq!(answer.coverage, Coverage::Full(Scope::Versions));
        let Rows::Versions(rows) = answer.rows else {
            panic!("versions");
        };
        assert_eq!(rows.len(), KNOWN + NEW);
    }
    // Who is no model was found out once.
    let lists = count(&log, "registered-models/search");
    assert!(lists <= 3, "{lists}");
    assert!(count(&log, "registered-models/get") <= 50);
}
