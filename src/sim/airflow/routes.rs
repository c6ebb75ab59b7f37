//! The routes that read, and the way to those that write.

use serde_json::{Value, json};

use super::dags::{DAGS, Dag};
use super::runs::DagRun;
use super::{AirflowVersion, log, wire, writes};
use crate::sim::reply::{Reply, Request};
use crate::sim::world::World;

/// The most rows of a page.
const MOST: usize = 100;
/// Milliseconds after which a scheduler without a heartbeat counts as dead.
const PATIENCE: i64 = 30_000;

pub(super) fn dag(id: &str) -> Option<&'static Dag> {
    DAGS.iter().find(|dag| dag.id == id)
}

/// Answers a call below the version's root.
pub(super) fn answer(
    world: &mut World,
    version: AirflowVersion,
    who: &str,
    call: &str,
    request: &Request,
) -> Reply {
    let parts: Vec<&str> = call.split('/').collect();
    let method = request.method.as_str();
    let now = world.now;
    let three = version == AirflowVersion::Three;
    match (method, parts.as_slice()) {
        ("GET", ["version"]) if three => Reply::json(
            200,
            json!({"version": "3.3.2", "git_version": ".release:simulated"}),
        ),
        ("GET", ["version"]) => Reply::json(200, json!({"version": "2.11.2", "git_version": ""})),
        ("GET", ["monitor", "health"]) if three => Reply::json(200, health(world)),
        ("GET", ["health"]) if !three => Reply::json(200, health(world)),
        ("GET", ["dags"]) => dags(world, version, request),
        (_, ["dags", "~", "dagRuns", "~", "taskInstances", "list"]) if method == "POST" => {
            instances_of_many(world, version, request)
        }
        ("GET", ["dags", "~", "dagRuns"]) => runs(world, version, None, request),
        (_, ["dags", id, rest @ ..]) => {
            let Some(dag) = dag(id) else {
                return version.no_dag(id);
            };
            match (method, rest) {
                ("GET", []) => {
                    let row = wire::dag(version, &world.pipelines, dag, now);
                    Reply::json(200, Value::Object(row))
                }
                ("PATCH", []) => writes::pause(world, version, dag, request),
                ("GET", ["details"]) => {
                    Reply::json(200, wire::details(version, &world.pipelines, dag, now))
                }
                ("GET", ["tasks"]) => Reply::json(200, wire::tasks(version, dag)),
                ("GET", ["dagRuns"]) => runs(world, version, Some(dag), request),
                ("POST", ["dagRuns"]) => writes::trigger(world, version, dag, who, request),
                ("POST", ["clearTaskInstances"]) => {
                    writes::clear_tasks(world, version, dag, request)
                }
                (_, ["dagRuns", id, rest @ ..]) => {
                    if world.pipelines.find(dag.id, id).is_none() {
                        return version.no_run(dag.id, id);
                    }
                    match (method, rest) {
                        ("PATCH", []) => writes::patch(world, version, dag, id, request),
                        ("DELETE", []) => writes::delete(world, version, dag, id),
                        ("PATCH", ["setNote"]) if !three => {
                            writes::note(world, version, dag, id, request)
                        }
                        ("POST", ["clear"]) => writes::clear_run(world, version, dag, id, request),
                        ("GET", rest) => match world.pipelines.find(dag.id, id) {
                            Some(run) => of_run(version, run, rest, request, now),
                            None => version.no_run(dag.id, id),
                        },
                        _ => unknown(version),
                    }
                }
                _ => unknown(version),
            }
        }
        _ => unknown(version),
    }
}

fn unknown(version: AirflowVersion) -> Reply {
    match version {
        AirflowVersion::Three => Reply::json(404, json!({"error": "API route not found"})),
        AirflowVersion::Two => {
            let text = "The requested URL was not found on the server. If you entered the URL manually \
                        please check your spelling and try again.";
            version.refusal(404, "Not Found", text)
        }
    }
}

fn of_run(
    version: AirflowVersion,
    run: &DagRun,
    rest: &[&str],
    request: &Request,
    now: i64,
) -> Reply {
    let no_task = || version.refusal(404, "Task instance not found", "Task instance not found");
    let result = |place: usize| {
        let name = run.dag.tasks[place].0;
        let done = name == "register" && run.tasks[place].state == Some("success");
        run.version.filter(|_| done).map(|number| {
            json!({
                "key": "return_value", "timestamp": wire::stamp(run.updated), "map_index": -1,
                "task_id": name, "dag_id": run.dag.id, "run_id": run.id,
                "value": {"model": run.dag.model, "version": number.to_string()},
            })
        })
    };
    match rest {
        [] => Reply::json(200, wire::run(version, run)),
        ["taskInstances"] => {
            let rows: Vec<Value> = (0..run.tasks.len())
                .map(|at| wire::instance(version, run, at))
                .collect();
            let total = rows.len();
            Reply::json(200, json!({"task_instances": rows, "total_entries": total}))
        }
        ["taskInstances", "~", "xcomEntries"] => {
            let rows: Vec<Value> = (0..run.tasks.len())
                .filter_map(|at| {
                    let mut row = result(at)?;
                    row.as_object_mut().map(|row| row.remove("value"));
                    Some(row)
                })
                .collect();
            let total = rows.len();
            Reply::json(200, json!({"xcom_entries": rows, "total_entries": total}))
        }
        ["taskInstances", task, rest @ ..] => {
            let Some(at) = run.dag.place(task) else {
                return no_task();
            };
            match rest {
                [] => Reply::json(200, wire::instance(version, run, at)),
                ["logs", attempt] => match attempt.parse() {
                    Ok(attempt) => log::answer(version, run, at, attempt, request, now),
                    Err(_) => unknown(version),
                },
                ["xcomEntries", "return_value"] => match result(at) {
                    Some(mut row) => {
                        // Without being told otherwise, 2.x writes what Python would print.
                        let stringify = request.query("stringify") != Some("false");
                        if version == AirflowVersion::Two && stringify {
                            row["value"] = json!(super::dags::python(&row["value"]));
                        }
                        Reply::json(200, row)
                    }
                    None => version.refusal(
                        404,
                        "XCom entry not found",
                        "XCom entry with key: `return_value` not found",
                    ),
                },
                _ => unknown(version),
            }
        }
        _ => unknown(version),
    }
}

fn health(world: &World) -> Value {
    let now = world.now;
    let last = world
        .pipelines
        .dead_since
        .unwrap_or(now - now.rem_euclid(5_000));
    let state = if now - last > PATIENCE {
        "unhealthy"
    } else {
        "healthy"
    };
    json!({
        "metadatabase": {"status": "healthy"},
        "scheduler": {"status": state, "latest_scheduler_heartbeat": wire::stamp(last)},
        "triggerer": {"status": null, "latest_triggerer_heartbeat": null},
        "dag_processor": {
            "status": "healthy",
            "latest_dag_processor_heartbeat": wire::stamp(now - now.rem_euclid(10_000)),
        },
    })
}

/// A stretch of rows, and how many there are.
fn cut<T>(rows: Vec<T>, request: &Request) -> (Vec<T>, usize) {
    let number = |name: &str| {
        request
            .query(name)
            .and_then(|text| text.parse::<usize>().ok())
    };
    let total = rows.len();
    let limit = number("limit").unwrap_or(50).min(MOST);
    let rows = rows
        .into_iter()
        .skip(number("offset").unwrap_or(0))
        .take(limit);
    (rows.collect(), total)
}

fn dags(world: &World, version: AirflowVersion, request: &Request) -> Reply {
    let order = request.query("order_by").unwrap_or("dag_id");
    let known = [
        "dag_id",
        "dag_display_name",
        "last_run_start_date",
        "last_run_state",
        "next_dagrun",
    ];
    if !known.contains(&order.trim_start_matches('-')) {
        let text = format!(
            "Ordering with '{order}' is disallowed or the attribute does not exist on the model"
        );
        return version.refusal(400, "Bad Request", text);
    }
    let tags: Vec<&str> = (request.query.iter())
        .filter(|(name, _)| name == "tags")
        .map(|(_, tag)| tag.as_str())
        .collect();
    let paused = request.query("paused").map(|word| word == "true");
    let rows: Vec<&Dag> = DAGS
        .iter()
        .filter(|dag| paused.is_none_or(|paused| world.pipelines.is_paused(dag) == paused))
        .filter(|dag| {
            let own = format!("model:{}", dag.model);
            tags.is_empty() || tags.iter().any(|tag| *tag == "mlops" || *tag == own)
        })
        .collect();
    let (rows, total) = cut(rows, request);
    let rows: Vec<Value> = rows
        .into_iter()
        .map(|dag| Value::Object(wire::dag(version, &world.pipelines, dag, world.now)))
        .collect();
    Reply::json(200, json!({"dags": rows, "total_entries": total}))
}

/// A time of a filter, in milliseconds.
fn instant(text: &str) -> Option<i64> {
    // A plus that was not escaped has become a space.
    let text = text.replace(' ', "+");
    chrono::DateTime::parse_from_rfc3339(&text)
        .ok()
        .map(|at| at.timestamp_millis())
}

fn runs(world: &World, version: AirflowVersion, dag: Option<&Dag>, request: &Request) -> Reply {
    let states: Vec<&str> = (request.query.iter())
        .filter(|(name, _)| name == "state")
        .flat_map(|(_, word)| match version {
            AirflowVersion::Two => word.split(',').collect::<Vec<_>>(),
            AirflowVersion::Three => vec![word.as_str()],
        })
        .collect();
    if let Some(odd) = states.iter().find(|word| word.contains(',')) {
        return Reply::json(
            422,
            json!({"detail": [{
                "type": "value_error", "loc": ["query", "state"], "input": odd,
                "msg": "Value error, Invalid value for state. Valid values are queued, running, success, failed",
            }]}),
        );
    }
    let after = |name: &str| request.query(name).and_then(instant);
    let (updated, started) = (after("updated_at_gte"), after("start_date_gte"));
    let pattern = request
        .query("run_id_pattern")
        .map(|text| text.trim_matches('%').to_owned());
    let mut rows: Vec<&DagRun> = (world.pipelines.runs.iter())
        .filter(|run| dag.is_none_or(|dag| dag.id == run.dag.id))
        .filter(|run| states.is_empty() || states.contains(&run.state))
        .filter(|run| updated.is_none_or(|at| run.updated >= at))
        .filter(|run| started.is_none_or(|at| run.start.is_some_and(|start| start >= at)))
        .filter(|run| {
            pattern
                .as_ref()
                .is_none_or(|part| run.id.contains(part.as_str()))
        })
        .collect();
    let order = request.query("order_by").unwrap_or("id");
    let key = |run: &DagRun| match order.trim_start_matches('-') {
        "updated_at" => run.updated,
        "start_date" => run.start.unwrap_or(i64::MAX),
        "end_date" => run.end.unwrap_or(i64::MAX),
        _ => run.queued,
    };
    rows.sort_by_key(|run| key(run));
    if order.starts_with('-') {
        rows.reverse();
    }
    let (rows, total) = cut(rows, request);
    let rows: Vec<Value> = rows
        .into_iter()
        .map(|run| wire::run(version, run))
        .collect();
    Reply::json(200, json!({"dag_runs": rows, "total_entries": total}))
}

fn instances_of_many(world: &World, version: AirflowVersion, request: &Request) -> Reply {
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let wanted = |name: &str, value: Option<&str>| match body[name].as_array() {
        Some(list) if !list.is_empty() => list.iter().any(|one| one.as_str() == value),
        _ => true,
    };
    let most = body["page_limit"].as_u64().unwrap_or(100).min(MOST as u64) as usize;
    let mut rows = Vec::new();
    for run in &world.pipelines.runs {
        if !wanted("dag_ids", Some(run.dag.id)) || !wanted("dag_run_ids", Some(&run.id)) {
            continue;
        }
        for (at, task) in run.tasks.iter().enumerate() {
            if wanted("state", task.state) && wanted("task_ids", Some(run.dag.tasks[at].0)) {
                rows.push(wire::instance(version, run, at));
            }
        }
    }
    let total = rows.len();
    let skip = body["page_offset"].as_u64().unwrap_or(0) as usize;
    let rows: Vec<Value> = rows.into_iter().skip(skip).take(most).collect();
    Reply::json(200, json!({"task_instances": rows, "total_entries": total}))
}
