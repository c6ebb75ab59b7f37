//! Checks of the tracker's side: experiments, runs, files.

use std::collections::{BTreeMap, BTreeSet};

use quarterdeck::domain::fault::{Fault, FaultKind};
use quarterdeck::domain::key::{ExperimentKey, Key, RunKey};
use quarterdeck::domain::observation::{Coverage, Feed, Rows};
use quarterdeck::domain::query::{Detail, Query};
use quarterdeck::domain::run::Run;
use quarterdeck::domain::text::Clean;
use quarterdeck::sources::Focus;
use serde_json::{Value, json};

use crate::ensure;
use crate::raw::{float, list, text};
use crate::tracker::Tracker;
use crate::verdict::{Lack, Stop, Verdict};

/// Every active experiment is listed once, deleted ones are not.
pub(crate) async fn every_experiment_once(t: &Tracker) -> Verdict {
    let ours = t.experiments().await?;
    let direct = t.raw.experiments().await?;
    let ids: BTreeSet<&str> = ours.iter().map(|e| e.key.id.raw()).collect();
    let theirs: BTreeSet<&str> = direct.iter().map(|e| text(&e["experiment_id"])).collect();
    ensure!(ids.len() == ours.len(), "an experiment is listed twice");
    ensure!(ids == theirs, "listed {ids:?}, there are {theirs:?}");
    Ok(())
}

/// The experiment with the most runs, by the server's own answer, and those runs.
pub(crate) async fn largest(t: &Tracker) -> Result<(ExperimentKey, Vec<Value>), Stop> {
    let mut best = (String::new(), Vec::new());
    for experiment in t.raw.experiments().await? {
        let id = text(&experiment["experiment_id"]).to_owned();
        let runs = t.raw.runs(&id).await?;
        if runs.len() > best.1.len() {
            best = (id, runs);
        }
    }
    ensure!(
        best.1.len() > 14,
        "only {} runs to page through",
        best.1.len()
    );
    Ok((t.experiment(&best.0).await?, best.1))
}

async fn page(
    t: &Tracker,
    experiment: &ExperimentKey,
    filter: &str,
    limit: u32,
    page: Option<Key>,
) -> Result<(Vec<Run>, Option<Key>), Fault> {
    let query = Query::Runs {
        experiment: experiment.clone(),
        filter: Clean::text(filter),
        limit,
        page,
    };
    match t.door.fetch(query).await? {
        Detail::Runs { runs, next } => Ok((runs, next)),
        _ => Err(Fault::new(
            FaultKind::Crashed,
            "",
            "an answer of another type",
        )),
    }
}

pub(crate) async fn all_runs(t: &Tracker, experiment: &ExperimentKey) -> Result<Vec<Run>, Fault> {
    Ok(page(t, experiment, "", 1_000, None).await?.0)
}

/// Small pages, followed by their tokens, give every run once, newest first.
pub(crate) async fn paging_gives_every_run_once(t: &Tracker) -> Verdict {
    let (experiment, direct) = largest(t).await?;
    let mut runs = Vec::new();
    let mut token = None;
    let mut pages = 0;
    loop {
        let (rows, next) = page(t, &experiment, "", 7, token).await?;
        ensure!(rows.len() <= 7, "a page of {}", rows.len());
        runs.extend(rows);
        pages += 1;
        ensure!(pages <= direct.len(), "the pages do not end");
        match next {
            Some(next) => token = Some(next),
            None => break,
        }
    }
    ensure!(pages > 1, "one page only");
    let ids: BTreeSet<&str> = runs.iter().map(|r| r.key.id.raw()).collect();
    let theirs: BTreeSet<&str> = direct.iter().map(|r| text(&r["info"]["run_id"])).collect();
    ensure!(ids.len() == runs.len(), "a run came twice");
    ensure!(ids == theirs, "{} runs of {}", ids.len(), theirs.len());
    ensure!(
        runs.windows(2).all(|two| two[0].started >= two[1].started),
        "not newest first"
    );
    Ok(())
}

/// Each run has the facts that the server tells of it.
pub(crate) async fn runs_are_as_logged(t: &Tracker) -> Verdict {
    let mut compared = 0;
    for experiment in t.experiments().await?.iter().take(8) {
        let direct = t.raw.runs(experiment.key.id.raw()).await?;
        let runs: BTreeMap<String, Run> = all_runs(t, &experiment.key)
            .await?
            .into_iter()
            .map(|run| (run.key.id.raw().to_owned(), run))
            .collect();
        for row in direct.iter().take(1_000) {
            let Some(run) = runs.get(text(&row["info"]["run_id"])) else {
                return Err(format!("not told of run {}", row["info"]).into());
            };
            same_run(run, row)?;
            compared += 1;
        }
    }
    ensure!(compared > 30, "only {compared} runs to compare");
    Ok(())
}

fn same_run(run: &Run, row: &Value) -> Verdict {
    let (info, data) = (&row["info"], &row["data"]);
    let id = text(&info["run_id"]);
    ensure!(
        run.status
            .word()
            .eq_ignore_ascii_case(text(&info["status"])),
        "{id}: status {:?} for {}",
        run.status,
        info["status"]
    );
    ensure!(
        Some(run.started.0) == info["start_time"].as_i64()
            && run.ended.map(|e| e.0) == info["end_time"].as_i64(),
        "{id}: times {:?} {:?} for {info}",
        run.started,
        run.ended
    );
    ensure!(
        run.name == Clean::name(text(&info["run_name"])),
        "{id}: name {:?}",
        run.name
    );
    let metrics = list(&data["metrics"]);
    ensure!(
        run.metrics.len() == metrics.len(),
        "{id}: {} metrics",
        run.metrics.len()
    );
    for row in metrics {
        let ours = run
            .metrics
            .iter()
            .find(|m| m.name.key.raw() == text(&row["key"]));
        let Some(ours) = ours else {
            return Err(format!("{id}: no metric {}", row["key"]).into());
        };
        ensure!(
            same_float(ours.value, float(&row["value"]))
                && Some(ours.step) == row["step"].as_i64().or(Some(0))
                && Some(ours.at.0) == row["timestamp"].as_i64(),
            "{id}: {ours:?} for {row}"
        );
    }
    let params = list(&data["params"]);
    ensure!(
        run.params.len() == params.len(),
        "{id}: {} params",
        run.params.len()
    );
    for row in params {
        ensure!(
            run.param(Clean::name(text(&row["key"])).as_str())
                == Some(&Clean::text(text(&row["value"]))),
            "{id}: param {row}"
        );
    }
    let datasets = list(&row["inputs"]["dataset_inputs"]);
    ensure!(
        run.datasets.len() == datasets.len(),
        "{id}: {} datasets",
        run.datasets.len()
    );
    for (ours, row) in run.datasets.iter().zip(datasets) {
        ensure!(
            ours.name == text(&row["dataset"]["name"])
                && ours.digest == text(&row["dataset"]["digest"]),
            "{id}: {ours:?} for {row}"
        );
    }
    ensure!(
        run.outputs.len() == list(&row["outputs"]["model_outputs"]).len(),
        "{id}: {} outputs",
        run.outputs.len()
    );
    Ok(())
}

pub(crate) fn same_float(a: f64, b: f64) -> bool {
    a.total_cmp(&b).is_eq() || (a.is_nan() && b.is_nan())
}

/// Status decides whether a run is live: one that was killed and resumed has an end and runs on.
pub(crate) async fn resumed_run_is_live_and_has_an_end(t: &Tracker) -> Verdict {
    t.need(Lack::Resumed)?;
    for experiment in t.raw.experiments().await? {
        let id = text(&experiment["experiment_id"]);
        for row in t.raw.runs(id).await? {
            let info = &row["info"];
            if info["status"] == "RUNNING" && info["end_time"].as_i64().is_some_and(|e| e > 0) {
                let key = t.experiment(id).await?;
                let runs = all_runs(t, &key).await?;
                let run = runs
                    .iter()
                    .find(|r| r.key.id.raw() == text(&info["run_id"]));
                ensure!(
                    run.is_some_and(|r| r.status.is_live() && r.ended.is_some()),
                    "it reads {run:?}"
                );
                return Ok(());
            }
        }
    }
    Err("no run is running with an end time".to_owned().into())
}

/// Runs in progress are in the delta tick, and one that ends is told of by the next.
pub(crate) async fn delta_tick_tells_of_live_runs(t: &Tracker) -> Verdict {
    let recent = recent(t).await?;
    let mut live = 0;
    for experiment in t.raw.experiments().await? {
        for row in t.raw.runs(text(&experiment["experiment_id"])).await? {
            if row["info"]["status"] == "RUNNING" {
                live += 1;
                let id = text(&row["info"]["run_id"]);
                ensure!(
                    recent
                        .iter()
                        .any(|r| r.key.id.raw() == id && r.status.is_live()),
                    "run {id} is in progress and not told of"
                );
            }
        }
    }
    ensure!(live > 0, "no run is in progress");
    Ok(())
}

async fn recent(t: &Tracker) -> Result<Vec<Run>, Stop> {
    let answer = t.door.poll(Feed::RecentRuns, &Focus::default()).await?;
    ensure!(
        !matches!(answer.coverage, Coverage::Full(_)),
        "recent runs are not all runs"
    );
    match answer.rows {
        Rows::Runs(runs) => Ok(runs),
        other => Err(format!("{} rows of another type", other.len()).into()),
    }
}

/// A run that starts and ends between ticks of the same source is told of both times.
pub(crate) async fn delta_tick_tells_of_a_start_and_an_end(t: &Tracker) -> Verdict {
    t.need(Lack::MakingRuns)?;
    recent(t).await?;
    let experiment = largest(t).await?.0;
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |d| d.as_millis() as i64);
    let body =
        json!({"experiment_id": experiment.id.raw(), "run_name": "contract", "start_time": now});
    let made = t.raw.post("runs/create", &body).await?;
    let id = text(&made["run"]["info"]["run_id"]).to_owned();
    let started = recent(t).await?;
    let body = json!({"run_id": id, "status": "FAILED", "end_time": now + 1});
    t.raw.post("runs/update", &body).await?;
    let ended = recent(t).await?;
    t.raw.post("runs/delete", &json!({"run_id": id})).await?;
    let word = |runs: &[Run]| {
        runs.iter()
            .find(|r| r.key.id.raw() == id)
            .map(|r| r.status.word().to_owned())
    };
    ensure!(
        word(&started).as_deref() == Some("running"),
        "after its start: {:?}",
        word(&started)
    );
    ensure!(
        word(&ended).as_deref() == Some("failed"),
        "after its end: {:?}",
        word(&ended)
    );
    Ok(())
}

/// The open experiments' newest runs are told of.
pub(crate) async fn open_experiment_shows_its_newest_run(t: &Tracker) -> Verdict {
    let (experiment, direct) = largest(t).await?;
    let focus = Focus {
        experiments: [experiment.clone()].into(),
        ..Focus::default()
    };
    let answer = t.door.poll(Feed::OpenRuns, &focus).await?;
    let Rows::Runs(runs) = answer.rows else {
        return Err("rows of another type".to_owned().into());
    };
    let newest = direct
        .iter()
        .max_by_key(|r| r["info"]["start_time"].as_i64())
        .map(|r| text(&r["info"]["run_id"]).to_owned())
        .unwrap_or_default();
    ensure!(
        runs.iter().any(|r| r.key.id.raw() == newest),
        "the newest run {newest} is not among {} rows",
        runs.len()
    );
    ensure!(
        runs.iter().all(|r| r.experiment == experiment),
        "runs of other experiments"
    );
    Ok(())
}

/// A filter is the server's own, and its refusal comes in the server's words.
pub(crate) async fn filter_is_the_servers_and_so_are_its_errors(t: &Tracker) -> Verdict {
    let (experiment, direct) = largest(t).await?;
    let finished = direct
        .iter()
        .filter(|r| r["info"]["status"] == "FINISHED")
        .count();
    let filter = "attributes.status = 'FINISHED'";
    let (runs, _) = page(t, &experiment, filter, 1_000, None).await?;
    ensure!(
        runs.len() == finished && finished > 0,
        "{} runs for {finished} that are finished",
        runs.len()
    );
    let bad = "attributes.status = 'FINISHED' OR attributes.status = 'FAILED'";
    let body = json!({"experiment_ids": [experiment.id.raw()], "filter": bad, "max_results": 5});
    let said = t.raw.tell("/api/2.0/mlflow/runs/search", &body).await?;
    let words = Clean::text(
        text(&said.json()["message"])
            .lines()
            .next()
            .unwrap_or_default(),
    );
    let start: String = words.as_str().chars().take(40).collect();
    ensure!(start.len() > 10, "the server says {}", said.text);
    match page(t, &experiment, bad, 5, None).await {
        Err(fault) => ensure!(
            fault.kind == FaultKind::Refused && fault.detail.as_str().contains(&start),
            "the server says {start:?}, the fault {fault:?}"
        ),
        Ok(_) => return Err("OR is accepted".to_owned().into()),
    }
    let bad_token = page(t, &experiment, "", 5, Some(Key::new("nonsense"))).await;
    ensure!(
        matches!(&bad_token, Err(f) if f.kind == FaultKind::Refused),
        "a page token that is none: {bad_token:?}"
    );
    Ok(())
}

/// A run's files are those that the server lists, folder by folder.
pub(crate) async fn artifacts_are_listed(t: &Tracker) -> Verdict {
    let mut files = 0;
    let mut folders = 0;
    'experiments: for experiment in t.experiments().await? {
        for row in t.raw.runs(experiment.key.id.raw()).await?.iter().take(40) {
            let run = RunKey {
                tracker: experiment.key.tracker.clone(),
                id: Key::new(text(&row["info"]["run_id"])),
            };
            let root = same_files(t, &run, "").await?;
            files += root.len();
            for (path, folder) in root {
                if folder && folders < 2 {
                    folders += 1;
                    files += same_files(t, &run, &path).await?.len();
                }
            }
            if files > 0 && folders > 0 {
                break 'experiments;
            }
        }
    }
    ensure!(
        files > 0 && folders > 0,
        "{files} files in {folders} folders were compared"
    );
    Ok(())
}

async fn same_files(t: &Tracker, run: &RunKey, path: &str) -> Result<BTreeMap<String, bool>, Stop> {
    let mut query = vec![("run_id", run.id.raw())];
    if !path.is_empty() {
        query.push(("path", path));
    }
    let direct = t.raw.get("artifacts/list", &query).await?;
    let theirs: BTreeMap<String, (bool, Option<u64>)> = list(&direct["files"])
        .iter()
        .map(|f| {
            let folder = f["is_dir"] == true;
            (
                text(&f["path"]).to_owned(),
                (folder, f["file_size"].as_u64()),
            )
        })
        .collect();
    let query = Query::RunArtifacts {
        run: run.clone(),
        path: Key::new(path),
    };
    let Detail::Artifacts(ours) = t.door.fetch(query).await? else {
        return Err("an answer of another type".to_owned().into());
    };
    ensure!(
        ours.len() == theirs.len(),
        "{} files of {}",
        ours.len(),
        theirs.len()
    );
    for file in &ours {
        let same = theirs
            .get(file.path.key.raw())
            .is_some_and(|(folder, size)| {
                *folder == file.folder && (file.folder || *size == file.size)
            });
        ensure!(same, "{file:?} is not among {theirs:?}");
    }
    Ok(theirs
        .into_iter()
        .map(|(path, (folder, _))| (path, folder))
        .collect())
}

/// One run asked for is the one that is listed; one that does not exist is not found.
pub(crate) async fn one_run_is_found_and_an_unknown_one_is_not(t: &Tracker) -> Verdict {
    let (experiment, direct) = largest(t).await?;
    // One that has ended: a running one may have moved on between two reads.
    let ended = |row: &&Value| row["info"]["status"] == "FINISHED";
    let row = direct.iter().find(ended).unwrap_or(&direct[0]);
    let key = |id: &str| RunKey {
        tracker: experiment.tracker.clone(),
        id: Key::new(id),
    };
    match t
        .door
        .fetch(Query::Run(key(text(&row["info"]["run_id"]))))
        .await?
    {
        Detail::Run(run) => same_run(&run, row)?,
        _ => return Err("an answer of another type".to_owned().into()),
    }
    let unknown = key("00000000000000000000000000000000");
    for query in [
        Query::Run(unknown.clone()),
        Query::RunArtifacts {
            run: unknown,
            path: Key::new(""),
        },
    ] {
        let answer = t.door.fetch(query.clone()).await;
        ensure!(
            matches!(&answer, Err(f) if f.kind == FaultKind::NotFound),
            "{query:?}: {answer:?}"
        );
    }
    Ok(())
}

/// An experiment that does not exist has no runs, as real servers say.
pub(crate) async fn unknown_experiment_has_no_runs(t: &Tracker) -> Verdict {
    let (known, _) = largest(t).await?;
    let unknown = ExperimentKey {
        tracker: known.tracker,
        id: Key::new("987654321"),
    };
    let runs = all_runs(t, &unknown).await?;
    ensure!(runs.is_empty(), "{} runs", runs.len());
    Ok(())
}
