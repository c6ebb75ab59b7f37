//! What changes runs: triggering, ending and repeating them, and pausing a definition.

use serde_json::{Map, Value, json};

use super::dags::Dag;
use super::runs::DagRun;
use super::{AirflowVersion, page, wire};
use crate::sim::reply::{Reply, Request};
use crate::sim::world::World;

fn body(version: AirflowVersion, request: &Request) -> Result<Map<String, Value>, Reply> {
    let kind = request.header("content-type");
    if !kind.starts_with("application/json") {
        return Err(match version {
            AirflowVersion::Three => unprocessable(
                "model_attributes_type",
                &["body"],
                "Input should be a valid dictionary or object to extract fields from",
            ),
            AirflowVersion::Two => version.refusal(
                415,
                "Unsupported Media Type",
                format!("Invalid Content-type ({kind}), expected JSON data"),
            ),
        });
    }
    match serde_json::from_slice(&request.body) {
        Ok(Value::Object(body)) => Ok(body),
        _ => Err(match version {
            AirflowVersion::Three => {
                unprocessable("json_invalid", &["body", "0"], "JSON decode error")
            }
            AirflowVersion::Two => {
                version.refusal(400, "Bad Request", "Request body is not valid JSON")
            }
        }),
    }
}

fn unprocessable(kind: &str, place: &[&str], text: &str) -> Reply {
    Reply::json(
        422,
        json!({"detail": [{"type": kind, "loc": place, "msg": text, "input": null}]}),
    )
}

/// The fields that a call takes; the refusal of any other.
fn only(version: AirflowVersion, body: &Map<String, Value>, known: &[&str]) -> Result<(), Reply> {
    let Some(odd) = body.keys().find(|key| !known.contains(&key.as_str())) else {
        return Ok(());
    };
    Err(match version {
        AirflowVersion::Three => unprocessable(
            "extra_forbidden",
            &["body", odd],
            "Extra inputs are not permitted",
        ),
        AirflowVersion::Two => version.refusal(
            400,
            "Bad Request",
            format!("{{'{odd}': ['Unknown field.']}}"),
        ),
    })
}

/// The identity of a run to be: the one that is asked for, where it may be one.
fn run_id(version: AirflowVersion, body: &Map<String, Value>, now: i64) -> Result<String, Reply> {
    let id = match body.get("dag_run_id").and_then(Value::as_str) {
        Some(id) => id.to_owned(),
        None => format!("manual__{}", wire::stamp(now)),
    };
    let good = |c: char| c.is_ascii_alphanumeric() || "_.~:+-".contains(c);
    if id.is_empty() || !id.chars().all(good) {
        if version == AirflowVersion::Two {
            return Err(page(500, "Ooops!"));
        }
        let text = format!(
            "The run_id provided '{id}' does not match regex pattern '^[A-Za-z0-9_.~:+-]+$' or \
             '^(?:manual|scheduled|asset_triggered)__(?:\\d{{4}}-\\d{{2}}-\\d{{2}}T\\d{{2}}:\\d{{2}}:\\d{{2}}\\+00:00)$'"
        );
        return Err(version.refusal(400, "Bad Request", text));
    }
    if id.len() > 250 {
        return Err(unprocessable(
            "string_too_long",
            &["body", "dag_run_id"],
            "String should have at most 250 characters",
        ));
    }
    Ok(id)
}

/// `POST dags/{id}/dagRuns`
pub(super) fn trigger(
    world: &mut World,
    version: AirflowVersion,
    dag: &'static Dag,
    who: &str,
    request: &Request,
) -> Reply {
    match triggered(world, version, dag, who, request) {
        Ok(reply) | Err(reply) => reply,
    }
}

fn triggered(
    world: &mut World,
    version: AirflowVersion,
    dag: &'static Dag,
    who: &str,
    request: &Request,
) -> Result<Reply, Reply> {
    let body = body(version, request)?;
    let three = version == AirflowVersion::Three;
    if three && !body.contains_key("logical_date") {
        return Err(unprocessable(
            "missing",
            &["body", "logical_date"],
            "Field required",
        ));
    }
    let known = [
        "dag_run_id",
        "logical_date",
        "execution_date",
        "conf",
        "note",
        "data_interval_start",
        "data_interval_end",
        "run_after",
        "partition_key",
    ];
    only(version, &body, &known)?;
    let logical = match &body.get("logical_date").or(body.get("execution_date")) {
        None => None,
        Some(Value::Null) if three => None,
        Some(Value::Null) => {
            let text = "{'logical_date': ['Field may not be null.']}";
            return Err(version.refusal(400, "Bad Request", text));
        }
        Some(date) => {
            let text = date.as_str().unwrap_or_default();
            let at = chrono::DateTime::parse_from_rfc3339(text).map_err(|_| {
                if three {
                    unprocessable(
                        "timezone_aware",
                        &["body", "logical_date"],
                        "Input should have timezone info",
                    )
                } else {
                    version.refusal(400, "Bad Request", "Invalid datetime")
                }
            })?;
            Some(at.timestamp_millis())
        }
    };
    let now = world.now;
    let id = run_id(version, &body, now)?;
    let conf = match body.get("conf") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(conf)) => conf.clone(),
        Some(_) => {
            return Err(unprocessable(
                "dict_type",
                &["body", "conf"],
                "Input should be a valid dictionary",
            ));
        }
    };
    let params = dag
        .fill(&conf)
        .map_err(|why| version.refusal(400, "Bad Request", why))?;
    let same_date =
        |run: &&DagRun| run.dag.id == dag.id && logical.is_some() && run.logical == logical;
    if world.pipelines.find(dag.id, &id).is_some()
        || world.pipelines.runs.iter().any(|run| same_date(&run))
    {
        return Err(match version {
            AirflowVersion::Three => Reply::json(
                409,
                json!({"detail": {
                    "reason": "Unique constraint violation", "statement": "hidden",
                    "orig_error": "hidden",
                    "message": "Serious error when handling your request. Check logs for more details - \
                                you will find it in api server when you look for ID LI92aUlC",
                }}),
            ),
            AirflowVersion::Two => version.refusal(
                409,
                "Conflict",
                format!(
                    "DAGRun with DAG ID: '{}' and DAGRun ID: '{id}' already exists",
                    dag.id
                ),
            ),
        });
    }
    let mut run = DagRun::new(dag, id, conf, params, now);
    run.note = body.get("note").and_then(Value::as_str).map(str::to_owned);
    run.user = Some(who.to_owned());
    run.logical = logical;
    let told = wire::run(version, &run);
    world.pipelines.runs.push(run);
    Ok(Reply::json(200, told))
}

/// `PATCH dags/{id}/dagRuns/{run}`: another state ends the run, or queues it anew.
pub(super) fn patch(
    world: &mut World,
    version: AirflowVersion,
    dag: &Dag,
    id: &str,
    request: &Request,
) -> Reply {
    let body = match body(version, request) {
        Ok(body) => body,
        Err(reply) => return reply,
    };
    let known: &[&str] = match version {
        AirflowVersion::Three => &["state", "note"],
        AirflowVersion::Two => &["state"],
    };
    if let Err(reply) = only(version, &body, known) {
        return reply;
    }
    let now = world.now;
    let state = match body.get("state").and_then(Value::as_str) {
        None => None,
        Some("failed") => Some("failed"),
        Some("success") => Some("success"),
        Some("queued") => Some("queued"),
        Some(_) if version == AirflowVersion::Three => {
            let text = "Input should be 'queued', 'success' or 'failed'";
            return unprocessable("enum", &["body", "state"], text);
        }
        Some(other) => {
            let text = format!("'{other}' is not one of ['success', 'failed', 'queued'] - 'state'");
            return version.refusal(400, "Bad Request", text);
        }
    };
    let Some(run) = world.pipelines.find_mut(dag.id, id) else {
        return version.no_run(dag.id, id);
    };
    if let Some(note) = body.get("note") {
        run.note = note.as_str().map(str::to_owned);
        run.updated = now;
    }
    match state {
        Some("queued") => run.clear(&(0..run.tasks.len()).collect::<Vec<_>>(), now),
        Some(state) => run.finish(state, now),
        None => {}
    }
    let told = wire::run(version, run);
    let training = run.mlflow_run.clone();
    if state == Some("failed") {
        world.abandon_training(training.as_deref(), now);
    }
    world.pipelines.wake(now);
    Reply::json(200, told)
}

/// `PATCH dags/{id}/dagRuns/{run}/setNote`, of version 1.
pub(super) fn note(
    world: &mut World,
    version: AirflowVersion,
    dag: &Dag,
    id: &str,
    request: &Request,
) -> Reply {
    let body = match body(version, request) {
        Ok(body) => body,
        Err(reply) => return reply,
    };
    let now = world.now;
    match world.pipelines.find_mut(dag.id, id) {
        Some(run) => {
            run.note = body.get("note").and_then(Value::as_str).map(str::to_owned);
            run.updated = now;
            Reply::json(200, wire::run(version, run))
        }
        None => version.no_run(dag.id, id),
    }
}

/// `DELETE dags/{id}/dagRuns/{run}`: the row goes, and nothing tells of it afterwards.
pub(super) fn delete(world: &mut World, version: AirflowVersion, dag: &Dag, id: &str) -> Reply {
    let running = (world.pipelines.find(dag.id, id)).is_some_and(|run| run.state == "running");
    if running && version == AirflowVersion::Three {
        let text = format!(
            "The DagRun with dag_id: `{}` and run_id: `{id}` cannot be deleted in running state",
            dag.id
        );
        return version.refusal(409, "Conflict", text);
    }
    let same = |run: &DagRun| run.dag.id == dag.id && run.id == id;
    world.pipelines.runs.retain(|run| !same(run));
    let now = world.now;
    world.pipelines.wake(now);
    Reply::text(204, String::new())
}

/// Whether a call only shows what it would do: unless told otherwise, it does.
fn dry(body: &Map<String, Value>) -> bool {
    body.get("dry_run").and_then(Value::as_bool).unwrap_or(true)
}

fn flag(body: &Map<String, Value>, name: &str) -> bool {
    body.get(name).and_then(Value::as_bool).unwrap_or(false)
}

/// The tasks of a run that are to run again.
fn chosen(run: &DagRun, named: &[usize], only_failed: bool, downstream: bool) -> Vec<usize> {
    let first = named.iter().min().copied();
    (0..run.tasks.len())
        .filter(|at| {
            named.is_empty()
                || named.contains(at)
                || (downstream && first.is_some_and(|first| *at > first))
        })
        .filter(|at| {
            !only_failed || matches!(run.tasks[*at].state, Some("failed" | "upstream_failed"))
        })
        .collect()
}

/// `POST dags/{id}/dagRuns/{run}/clear`
pub(super) fn clear_run(
    world: &mut World,
    version: AirflowVersion,
    dag: &Dag,
    id: &str,
    request: &Request,
) -> Reply {
    let body = match body(version, request) {
        Ok(body) => body,
        Err(reply) => return reply,
    };
    let now = world.now;
    let Some(run) = world.pipelines.find_mut(dag.id, id) else {
        return version.no_run(dag.id, id);
    };
    let tasks = chosen(run, &[], flag(&body, "only_failed"), false);
    if dry(&body) {
        let rows: Vec<Value> = tasks
            .iter()
            .map(|at| wire::instance(version, run, *at))
            .collect();
        let total = rows.len();
        return Reply::json(200, json!({"task_instances": rows, "total_entries": total}));
    }
    run.clear(&tasks, now);
    Reply::json(200, wire::run(version, run))
}

/// `POST dags/{id}/clearTaskInstances`
pub(super) fn clear_tasks(
    world: &mut World,
    version: AirflowVersion,
    dag: &Dag,
    request: &Request,
) -> Reply {
    let body = match body(version, request) {
        Ok(body) => body,
        Err(reply) => return reply,
    };
    let now = world.now;
    let id = body
        .get("dag_run_id")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let named: Vec<usize> = (body
        .get("task_ids")
        .and_then(Value::as_array)
        .into_iter()
        .flatten())
    .filter_map(|task| dag.place(task.as_str()?))
    .collect();
    let Some(run) = world.pipelines.find_mut(dag.id, id) else {
        return version.no_run(dag.id, id);
    };
    let only_failed = body
        .get("only_failed")
        .and_then(Value::as_bool)
        .unwrap_or(true);
    let tasks = chosen(run, &named, only_failed, flag(&body, "include_downstream"));
    let rows: Vec<Value> = tasks
        .iter()
        .map(|at| wire::instance(version, run, *at))
        .collect();
    // Version 2 leaves the run as it is unless it is told otherwise.
    let whole = version == AirflowVersion::Three || flag(&body, "reset_dag_runs");
    if !dry(&body) && whole {
        run.clear(&tasks, now);
    } else if !dry(&body) {
        run.forget(&tasks, now);
    }
    let total = rows.len();
    Reply::json(200, json!({"task_instances": rows, "total_entries": total}))
}

/// `PATCH dags/{id}`
pub(super) fn pause(
    world: &mut World,
    version: AirflowVersion,
    dag: &'static Dag,
    request: &Request,
) -> Reply {
    let body = match body(version, request) {
        Ok(body) => body,
        Err(reply) => return reply,
    };
    let now = world.now;
    if let Some(paused) = body.get("is_paused").and_then(Value::as_bool) {
        world.pipelines.paused.push((dag.id, paused));
        world.pipelines.wake(now);
    }
    let row = wire::dag(version, &world.pipelines, dag, now);
    Reply::json(200, Value::Object(row))
}
