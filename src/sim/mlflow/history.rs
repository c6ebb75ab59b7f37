//! `metrics/*`: whole histories, and samples of many runs at once.

use serde_json::{Value, json};

use super::args::Args;
use super::error::Failure;
use super::{Answer, page, wire};
use crate::sim::reply::{Fields, Reply, Request};
use crate::sim::world::World;
use crate::sim::world::run::Point;

fn points(world: &World, run: &str, key: &str) -> Vec<Point> {
    world
        .run(run)
        .map(|run| run.history(key, world.now))
        .unwrap_or_default()
}

pub(crate) fn get(world: &World, args: &Args) -> Answer {
    let run = args.run_id()?;
    let key = args.required("metric_key")?;
    let size = args.int("max_results")?;
    if let Some(size) = size.filter(|size| *size <= 0) {
        return Err(Failure::invalid(format!(
            "Invalid value {size} for parameter 'max_results' supplied. It must be a positive integer."
        )));
    }
    let offset = page::offset(args.text("page_token")?.as_deref())?;
    let mut rows = points(world, &run, &key);
    rows.sort_by(|a, b| {
        (a.timestamp, a.step)
            .cmp(&(b.timestamp, b.step))
            .then(a.value.total_cmp(&b.value))
    });
    let size = size.map_or(usize::MAX, |size| size as usize);
    let (rows, next) = page::page(rows, offset, size);
    Ok(Fields::new()
        .list(
            "metrics",
            rows.into_iter()
                .map(|row| wire::point(&key, row).done())
                .collect(),
        )
        .some("next_page_token", next)
        .done())
}

pub(crate) fn bulk_interval(world: &World, args: &Args) -> Answer {
    let runs = args.list("run_ids")?;
    if runs.is_empty() {
        return Err(Failure::required("run_ids"));
    }
    if runs.len() > 100 {
        return Err(Failure::checked(&format!(
            "GetMetricHistoryBulkInterval request must specify at most 100 run_ids. Received {} run_ids.",
            runs.len()
        )));
    }
    let key = args.required("metric_key")?;
    let size = args.int("max_results")?.unwrap_or(2_500);
    if !(1..=2_500).contains(&size) {
        return Err(Failure::checked("max_results must be between 1 and 2500."));
    }
    let span = match (args.int("start_step")?, args.int("end_step")?) {
        (Some(from), Some(to)) if from > to => {
            return Err(Failure::invalid(format!(
                "end_step must be greater than start_step. Found start_step={from} and end_step={to}."
            )));
        }
        (Some(from), Some(to)) => from..=to,
        (None, None) => i64::MIN..=i64::MAX,
        _ => {
            return Err(Failure::invalid(
                "If either start step or end step are specified, both must be specified.",
            ));
        }
    };
    let mut rows: Vec<Value> = Vec::new();
    for run in &runs {
        let mut found = points(world, run, &key);
        found.retain(|point| span.contains(&point.step));
        found.sort_by_key(|point| (point.step, point.timestamp));
        for point in sampled(&found, size as usize) {
            rows.push(wire::point(&key, point).put("run_id", run.as_str()).done());
        }
    }
    Ok(Fields::new().list("metrics", rows).done())
}

/// At most `size` points, evenly spaced, the first and the last among them.
fn sampled(points: &[Point], size: usize) -> Vec<Point> {
    if points.len() <= size {
        return points.to_vec();
    }
    if size == 1 {
        return points.last().copied().into_iter().collect();
    }
    let step = (points.len() - 1) as f64 / (size - 1) as f64;
    (0..size)
        .map(|index| points[((index as f64 * step).round() as usize).min(points.len() - 1)])
        .collect()
}

/// The web page's own bulk call: compact, and not-a-number bare, which is not JSON.
pub(crate) fn bulk(world: &World, request: &Request) -> Reply {
    let mut runs: Vec<&str> = request
        .query
        .iter()
        .filter(|(key, _)| key == "run_id")
        .map(|(_, value)| value.as_str())
        .collect();
    if runs.is_empty() {
        let text = "GetMetricHistoryBulk request must specify at least one run_id.";
        return Failure::invalid(text).reply();
    }
    if runs.len() > 100 {
        return Failure::invalid(format!(
            "GetMetricHistoryBulk request cannot specify more than 100 run_ids. Received {} run_ids.",
            runs.len()
        ))
        .reply();
    }
    let Some(key) = request.query("metric_key") else {
        let text = "GetMetricHistoryBulk request must specify a metric_key.";
        return Failure::invalid(text).reply();
    };
    runs.sort_unstable();
    let mut rows = Vec::new();
    for run in runs {
        for point in points(world, run, key) {
            let value = if point.value.is_nan() {
                "NaN".to_owned()
            } else {
                wire::number(point.value).to_string()
            };
            rows.push(format!(
                "{{\"key\":{},\"run_id\":{},\"step\":{},\"timestamp\":{},\"value\":{value}}}",
                json!(key),
                json!(run),
                point.step,
                point.timestamp,
            ));
        }
    }
    rows.truncate(25_000);
    let body = format!("{{\"metrics\":[{}]}}\n", rows.join(","));
    Reply::bytes(200, "application/json", body.into_bytes())
}
