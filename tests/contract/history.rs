//! Checks of metric histories.

use std::collections::BTreeMap;

use quarterdeck::domain::key::{Key, RunKey};
use quarterdeck::domain::query::{Detail, Query};
use quarterdeck::domain::run::{MetricHistory, Run};

use crate::ensure;
use crate::raw::{float, list, text};
use crate::runs::{all_runs, largest, same_float};
use crate::tracker::Tracker;
use crate::verdict::{Lack, Stop, Verdict};

async fn history(
    t: &Tracker,
    run: &RunKey,
    metric: &Key,
    points: u32,
    from_step: Option<i64>,
) -> Result<MetricHistory, Stop> {
    let query = Query::History {
        runs: [run.clone()].into(),
        metric: metric.clone(),
        points,
        from_step,
    };
    match t.door.fetch(query).await? {
        Detail::History(mut rows) if rows.len() == 1 => Ok(rows.remove(0)),
        other => Err(format!("one history expected: {other:?}").into()),
    }
}

/// Steps and values of a history, by the route that gives every point, in order of steps.
async fn points_of(t: &Tracker, run: &str, metric: &str) -> Result<Vec<(i64, f64)>, Stop> {
    let query = [("run_id", run), ("metric_key", metric)];
    let direct = t.raw.get("metrics/get-history", &query).await?;
    let mut points: Vec<_> = list(&direct["metrics"])
        .iter()
        .map(|p| (p["step"].as_i64().unwrap_or(0), float(&p["value"])))
        .collect();
    points.sort_by_key(|p| p.0);
    Ok(points)
}

/// A long history is thinned out by the server, keeps its ends and says so; its tail is exact.
pub(crate) async fn history_keeps_its_ends(t: &Tracker) -> Verdict {
    let mut best = (0, String::new(), String::new(), String::new());
    for experiment in t.raw.experiments().await? {
        let experiment_id = text(&experiment["experiment_id"]);
        for row in t.raw.runs(experiment_id).await? {
            // A run in progress would grow between two looks.
            if row["info"]["status"] == "RUNNING" {
                continue;
            }
            for metric in list(&row["data"]["metrics"]) {
                let step = metric["step"].as_i64().unwrap_or(0);
                if step > best.0 {
                    let run = text(&row["info"]["run_id"]).to_owned();
                    best = (
                        step,
                        experiment_id.to_owned(),
                        run,
                        text(&metric["key"]).to_owned(),
                    );
                }
            }
        }
    }
    let direct = points_of(t, &best.2, &best.3).await?;
    let (Some(first), Some(last)) = (direct.first(), direct.last()) else {
        return Err("no run has a history".to_owned().into());
    };
    ensure!(
        direct.len() >= 40,
        "the longest history has {} points",
        direct.len()
    );
    let run = RunKey {
        tracker: t.experiment(&best.1).await?.tracker,
        id: Key::new(&best.2),
    };
    let metric = Key::new(&best.3);
    let thin = history(t, &run, &metric, 10, None).await?;
    let ends = |h: &MetricHistory| {
        let end = |p: Option<&quarterdeck::domain::run::Point>| p.map(|p| (p.step, p.value));
        (end(h.points.first()), end(h.points.last()))
    };
    ensure!(
        ends(&thin) == (Some(*first), Some(*last)),
        "ends {:?}, logged {first:?} to {last:?}",
        ends(&thin)
    );
    ensure!(
        thin.points.len() <= 20 && thin.sampled,
        "asked for 10 points, {} came, sampled: {}",
        thin.points.len(),
        thin.sampled
    );
    ensure!(
        thin.points.windows(2).all(|two| two[0].step <= two[1].step),
        "not in order of steps"
    );
    let from = direct[direct.len() - 5].0;
    let tail = history(t, &run, &metric, 100, Some(from)).await?;
    let ours: Vec<_> = tail.points.iter().map(|p| (p.step, p.value)).collect();
    let theirs: Vec<_> = direct.iter().filter(|p| p.0 >= from).copied().collect();
    ensure!(
        ours.len() == theirs.len()
            && ours
                .iter()
                .zip(&theirs)
                .all(|(a, b)| a.0 == b.0 && same_float(a.1, b.1)),
        "tail {ours:?}, logged {theirs:?}"
    );
    Ok(())
}

/// Two runs asked for at once give two histories, each under its own run.
pub(crate) async fn histories_of_several_runs_stay_apart(t: &Tracker) -> Verdict {
    let (experiment, _) = largest(t).await?;
    let runs = all_runs(t, &experiment).await?;
    let mut by_metric: BTreeMap<&str, Vec<&Run>> = BTreeMap::new();
    for run in runs.iter().filter(|r| !r.status.is_live()) {
        for metric in run.metrics.iter() {
            by_metric
                .entry(metric.name.key.raw())
                .or_default()
                .push(run);
        }
    }
    let Some((metric, runs)) = by_metric.into_iter().max_by_key(|(_, runs)| runs.len()) else {
        return Err("no run has a metric".to_owned().into());
    };
    let chosen: Vec<_> = runs.iter().take(3).map(|r| r.key.clone()).collect();
    ensure!(chosen.len() == 3, "fewer than three runs share a metric");
    let query = Query::History {
        runs: chosen.clone().into(),
        metric: Key::new(metric),
        points: 1_000,
        from_step: None,
    };
    let Detail::History(histories) = t.door.fetch(query).await? else {
        return Err("an answer of another type".to_owned().into());
    };
    ensure!(histories.len() == 3, "{} histories", histories.len());
    for key in chosen {
        let direct = points_of(t, key.id.raw(), metric).await?;
        let ours = histories.iter().find(|h| h.run == key);
        let Some(ours) = ours else {
            return Err(format!("no history of {key:?}").into());
        };
        let ours: Vec<_> = ours.points.iter().map(|p| (p.step, p.value)).collect();
        ensure!(
            ours.len() == direct.len()
                && ours
                    .iter()
                    .zip(&direct)
                    .all(|(a, b)| a.0 == b.0 && same_float(a.1, b.1)),
            "{key:?}: {} points, {} logged",
            ours.len(),
            direct.len()
        );
    }
    Ok(())
}

/// Not-a-number and infinities arrive as such, in runs and in histories.
pub(crate) async fn metrics_that_are_no_numbers_arrive(t: &Tracker) -> Verdict {
    let mut nan = None;
    let mut infinite = None;
    for experiment in t.experiments().await? {
        for run in all_runs(t, &experiment.key).await? {
            for metric in run.metrics.iter() {
                if metric.value.is_nan() {
                    nan = Some((run.key.clone(), metric.name.key.clone()));
                }
                if metric.value.is_infinite() {
                    infinite = Some((run.key.clone(), metric.name.key.clone()));
                }
            }
        }
    }
    let Some((run, metric)) = nan else {
        return Err("no run has a metric that is not a number".to_owned().into());
    };
    let points = history(t, &run, &metric, 1_000, None).await?.points;
    let direct = points_of(t, run.id.raw(), metric.raw()).await?;
    let count = |of: &dyn Fn(usize) -> f64, n: usize| (0..n).filter(|at| of(*at).is_nan()).count();
    let (ours, theirs) = (
        count(&|at| points[at].value, points.len()),
        count(&|at| direct[at].1, direct.len()),
    );
    ensure!(
        ours > 0 && ours == theirs,
        "{ours} gaps in the history, {theirs} were logged"
    );
    let Some((run, metric)) = infinite else {
        t.need(Lack::Infinities)?;
        return Err("no run has an infinite metric".to_owned().into());
    };
    let points = history(t, &run, &metric, 1_000, None).await?.points;
    ensure!(
        points.iter().any(|p| p.value.is_infinite()),
        "no infinity in the history: {points:?}"
    );
    // How servers write it: none answers a JSON number that is infinite.
    let query = [("run_id", run.id.raw())];
    let direct = t.raw.get("runs/get", &query).await?;
    let wire = list(&direct["run"]["data"]["metrics"])
        .iter()
        .find(|m| text(&m["key"]) == metric.raw())
        .and_then(|m| m["value"].as_f64());
    ensure!(
        wire.is_some_and(|value| value.abs().total_cmp(&f64::MAX).is_eq()),
        "an infinity is stored as the largest number, this server says {wire:?}"
    );
    Ok(())
}
