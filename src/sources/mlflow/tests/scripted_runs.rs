//! The runs feeds and details against scripted servers.

use std::sync::Arc;

use serde_json::{Value, json};

use super::scripted::{Asked, NOON, count, model_row, poll, run_row, runs, scripted, version_row};
use crate::domain::key::{ExperimentKey, Key, RunKey};
use crate::domain::observation::{Coverage, Feed};
use crate::domain::query::{Detail, Query};
use crate::domain::time::Millis;
use crate::sources::{Focus, Source as _};

#[tokio::test]
async fn runs_are_followed_by_the_largest_stamp_within_the_servers_clock() {
    let (source, log) = scripted(|asked, _| {
        Ok(match (asked.route.as_str(), asked.filter()) {
            ("experiments/search", _) => json!({"experiments": [{"experiment_id": "1", "name": "e"}]}),
            // One trainer's clock is a year ahead.
            (_, "") => json!({"runs": [run_row("a", "FINISHED", NOON - 9_000, Some(NOON + 31_536_000_000))]}),
            _ => json!({}),
        })
    })
    .await;
    let focus = Focus::default();
    assert_eq!(
        poll(&source, Feed::RecentRuns, &focus).await.coverage,
        Coverage::Partial
    );
    let answer = poll(&source, Feed::RecentRuns, &focus).await;
    let from = NOON - 600_000;
    assert_eq!(answer.coverage, Coverage::Tail(Millis(from)));
    let log = log.lock().expect("log");
    let filters: Vec<&str> = log.iter().map(Asked::filter).collect();
    assert_eq!(
        filters,
        [
            "",
            "attributes.status = 'RUNNING'",
            "",
            "attributes.status = 'RUNNING'",
            &format!("attributes.end_time > {from}"),
            &format!("attributes.start_time > {from}"),
        ]
    );
}

#[tokio::test]
async fn a_run_that_stops_running_out_of_sight_is_asked_for() {
    let (source, _) = scripted(|asked, nth| {
        Ok(match (asked.route.as_str(), asked.filter()) {
            ("experiments/search", _) => {
                json!({"experiments": [{"experiment_id": "1", "name": "e"}]})
            }
            (_, "attributes.status = 'RUNNING'") if nth < 3 => {
                json!({"runs": [run_row("slow", "RUNNING", 1_000, None)]})
            }
            // Its clock is years behind: no window over end times shows its end.
            (_, "attributes.run_id IN ('slow')") => {
                json!({"runs": [run_row("slow", "FAILED", 1_000, Some(2_000))]})
            }
            _ => json!({}),
        })
    })
    .await;
    let focus = Focus::default();
    let first = runs(poll(&source, Feed::RecentRuns, &focus).await);
    assert_eq!(first[0].status.word(), "running");
    let second = runs(poll(&source, Feed::RecentRuns, &focus).await);
    assert_eq!(second[0].status.word(), "failed");
    assert!(runs(poll(&source, Feed::RecentRuns, &focus).await).is_empty());
}

#[tokio::test]
async fn the_runs_behind_aliased_versions_come_once() {
    let (source, log) = scripted(|asked, _| {
        Ok(match (asked.route.as_str(), asked.filter()) {
            ("registered-models/search", _) => json!({"registered_models": [model_row("m", 1)]}),
            ("model-versions/search", _) => json!({"model_versions": [
                version_row("m", "1", 5, "old-run"), version_row("m", "2", 6, "other-run")]}),
            ("experiments/search", _) => {
                json!({"experiments": [{"experiment_id": "1", "name": "e"}]})
            }
            (_, f) if f.contains("old-run") => {
                json!({"runs": [run_row("old-run", "FINISHED", 1, Some(2))]})
            }
            _ => json!({}),
        })
    })
    .await;
    let focus = Focus::default();
    poll(&source, Feed::Versions, &focus).await;
    assert_eq!(runs(poll(&source, Feed::RecentRuns, &focus).await).len(), 1);
    assert!(runs(poll(&source, Feed::RecentRuns, &focus).await).is_empty());
    let log = log.lock().expect("log");
    assert!(log.iter().all(|a| !a.filter().contains("other-run")));
}

#[tokio::test]
async fn an_experiment_on_screen_is_read_once_then_followed() {
    let (source, log) = scripted(|asked, _| {
        Ok(match (asked.route.as_str(), asked.filter()) {
            ("runs/get", _) => json!({"run": run_row("open", "FINISHED", 1, Some(2))}),
            (_, "") => {
                json!({"runs": [run_row("a", "FINISHED", 5, Some(6))], "next_page_token": "1"})
            }
            _ => json!({}),
        })
    })
    .await;
    let focus = Focus {
        experiments: [ExperimentKey {
            tracker: Arc::clone(&source.registry),
            id: Key::new("1"),
        }]
        .into(),
        run: Some(RunKey {
            tracker: Arc::clone(&source.registry),
            id: Key::new("open"),
        }),
        ..Focus::default()
    };
    assert_eq!(runs(poll(&source, Feed::OpenRuns, &focus).await).len(), 2);
    assert_eq!(runs(poll(&source, Feed::OpenRuns, &focus).await).len(), 1);
    assert_eq!(count(&log, "runs/get"), 2);
    let bodies: Vec<Value> = log
        .lock()
        .expect("log")
        .iter()
        .map(|a| a.body.clone())
        .collect();
    assert_eq!(bodies[0]["max_results"], 200);
    assert_eq!(bodies[0]["order_by"], json!(["attributes.start_time DESC"]));
}

#[tokio::test]
async fn a_server_without_bulk_histories_is_asked_run_by_run() {
    let (source, log) = scripted(|asked, _| {
        if asked.route == "metrics/get-history-bulk-interval" {
            return Err((405, "no"));
        }
        let points: Vec<Value> = (0..1_000)
            .map(|n| json!({"key": "loss", "value": n, "step": n, "timestamp": n}))
            .collect();
        Ok(if asked.query["run_id"] == "empty" {
            json!({})
        } else {
            json!({"metrics": points})
        })
    })
    .await;
    let run = |id: &str| RunKey {
        tracker: Arc::clone(&source.registry),
        id: Key::new(id),
    };
    let query = Query::History {
        runs: [run("a"), run("empty")].into(),
        metric: Key::new("loss"),
        points: 100,
        from_step: Some(400),
    };
    for _ in 0..2 {
        let Detail::History(found) = source.fetch(query.clone()).await.expect("history") else {
            panic!("no history")
        };
        assert_eq!(found.len(), 1);
        let points = &found[0].points;
        assert_eq!((points.len(), found[0].sampled), (100, true));
        assert_eq!((points[0].step, points[99].step), (400, 999));
    }
    assert_eq!(count(&log, "metrics/get-history-bulk-interval"), 1);
}

#[tokio::test]
async fn a_servers_own_words_come_with_a_refused_filter() {
    let (source, _) = scripted(|_, _| Err((400, "Invalid clause(s) in filter string: 'OR'"))).await;
    let query = Query::Runs {
        experiment: ExperimentKey {
            tracker: Arc::clone(&source.registry),
            id: Key::new("1"),
        },
        filter: crate::domain::text::Clean::text("a OR b"),
        limit: 10,
        page: None,
    };
    let fault = source.fetch(query).await.expect_err("refused");
    assert_eq!(fault.detail, "Invalid clause(s) in filter string: 'OR'");
}
