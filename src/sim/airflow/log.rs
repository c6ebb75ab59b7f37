//! Logs of tasks: lines that appear as the task runs, told in pieces that a token continues.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::AirflowVersion;
use super::dags::python;
use super::runs::DagRun;
use crate::sim::reply::{Reply, Request};
use crate::sim::world::run::mix;

struct Line {
    at: Option<i64>,
    level: &'static str,
    text: String,
}

/// The lines that a try of a task has written by now.
fn lines(run: &DagRun, place: usize, now: i64) -> Vec<Line> {
    let task = &run.tasks[place];
    let Some(start) = task.start else {
        return Vec::new();
    };
    let name = run.dag.tasks[place].0;
    let bare = |text: &str| Line {
        at: None,
        level: "info",
        text: text.to_owned(),
    };
    let at = |after: i64, text: String| Line {
        at: Some(start + after),
        level: "info",
        text,
    };
    let mut all = vec![
        bare("::group::Log message source details"),
        bare(&format!(
            "/opt/airflow/logs/dag_id={}/run_id={}/task_id={name}/attempt={}.log",
            run.dag.id, run.id, task.attempt
        )),
        bare("::endgroup::"),
        at(40, "::group::Pre Execute".to_owned()),
        at(90, "DAG bundles loaded: dags-folder".to_owned()),
        at(200, "Worker startup parse complete".to_owned()),
        at(210, "::endgroup::".to_owned()),
        at(400, format!("{name}: model {}", run.model())),
    ];
    let lasts = run.lasts(place);
    match name {
        "prepare" => {
            for part in 1..=5 {
                all.push(at(
                    part * lasts / 6,
                    format!("partition {part} of 5: 184 320 rows"),
                ));
            }
        }
        "train" => {
            let epochs = run
                .params
                .get("epochs")
                .and_then(Value::as_i64)
                .unwrap_or(3)
                .max(1);
            for epoch in 1..=epochs {
                let loss = 0.18 + 0.5 / epoch as f64;
                all.push(at(
                    epoch * (lasts - 800) / (epochs + 1),
                    format!("epoch {epoch}/{epochs} loss {loss:.4}"),
                ));
            }
            if let Some(id) = &run.mlflow_run {
                all.push(at(500, format!("MLflow run {id}")));
            }
        }
        _ => all.push(at(lasts / 2, format!("{name}: half way"))),
    }
    all.sort_by_key(|line| line.at);
    // What was still to come when it ended was never written.
    let until = task.end.unwrap_or(now).min(now);
    all.retain(|line| line.at.is_none_or(|at| at <= until));
    if let Some(end) = task.end.filter(|end| *end <= now) {
        let last = |level, text: String| Line {
            at: Some(end),
            level,
            text,
        };
        match (task.state, name) {
            (Some("success"), "register") => {
                let version = run
                    .version
                    .map_or_else(|| "?".to_owned(), |v| v.to_string());
                all.push(last(
                    "info",
                    format!("registered {} version {version}", run.dag.model),
                ));
            }
            (Some("success"), _) => all.push(last("info", format!("{name}: done"))),
            (Some("failed"), _) => {
                let text = match run.why(place) {
                    Some(why) if end - start >= lasts => format!("ValueError: {name}: {why}"),
                    _ => "Server indicated the task shouldn't be running anymore".to_owned(),
                };
                all.push(last("error", text));
            }
            _ => {}
        }
    }
    all
}

/// `GET .../logs/{try}`: all that there is, or what came after the token.
pub(super) fn answer(
    version: AirflowVersion,
    run: &DagRun,
    place: usize,
    attempt: u32,
    request: &Request,
    now: i64,
) -> Reply {
    let task = &run.tasks[place];
    let known = task.start.is_some() && (1..=task.attempt).contains(&attempt);
    let before_the_first = attempt == 0 && task.attempt == 0;
    if !known && !before_the_first {
        return version.refusal(404, "TaskInstance not found", "TaskInstance not found");
    }
    let told = match request.query("token").filter(|token| !token.is_empty()) {
        None => 0,
        Some(token) => match opened(token) {
            Some(told) => told,
            None => {
                return version.refusal(
                    400,
                    "Bad Request",
                    "Bad Signature. Please use only the tokens provided by the API.",
                );
            }
        },
    };
    // Only the last try is still known.
    let all = if attempt == task.attempt {
        lines(run, place, now)
    } else {
        Vec::new()
    };
    let count = all.len();
    let over = task.end.is_some_and(|end| end <= now);
    let fresh = all.into_iter().skip(told);
    match version {
        AirflowVersion::Three => {
            let rows: Vec<Value> = fresh.map(|line| structured(run, &line)).collect();
            let next = if over {
                Value::Null
            } else {
                json!(sealed(count))
            };
            Reply::json(200, json!({"content": rows, "continuation_token": next}))
        }
        AirflowVersion::Two => {
            let text: String = fresh.map(|line| plain(&line)).collect();
            if request.header("accept").starts_with("text/plain") {
                return Reply::text(200, text);
            }
            let content = format!(
                "[('worker-1', {})]",
                python(&json!(text)).replace('\n', "\\n")
            );
            Reply::json(
                200,
                json!({"content": content, "continuation_token": sealed(count)}),
            )
        }
    }
}

fn structured(run: &DagRun, line: &Line) -> Value {
    match line.at {
        None => json!({"event": line.text}),
        Some(at) => json!({
            "timestamp": super::wire::stamp(at).replace("+00:00", "Z"), "event": line.text,
            "level": line.level, "logger": "task", "dag_id": run.dag.id, "run_id": run.id,
        }),
    }
}

fn plain(line: &Line) -> String {
    let level = line.level.to_uppercase();
    match line.at {
        None => format!(" INFO - {}\n", line.text),
        Some(at) => {
            let time = chrono::DateTime::from_timestamp_millis(at).unwrap_or_default();
            let time = time.format("%Y-%m-%dT%H:%M:%S%.3f+0000");
            format!("[{time}] {{task.py:12}} {level} - {}\n", line.text)
        }
    }
}

fn sealed(count: usize) -> String {
    let body = URL_SAFE_NO_PAD.encode(json!({"end_of_log": false, "log_pos": count}).to_string());
    let sign = URL_SAFE_NO_PAD.encode(mix(count as u64).to_be_bytes());
    format!("{body}.{sign}")
}

fn opened(token: &str) -> Option<usize> {
    let body = URL_SAFE_NO_PAD.decode(token.split('.').next()?).ok()?;
    let body: Value = serde_json::from_slice(&body).ok()?;
    let count = body["log_pos"].as_u64()? as usize;
    (sealed(count) == token).then_some(count)
}
