//! JSON forms of definitions, runs and tasks, in the words of either version.

use serde_json::{Map, Value, json};

use super::AirflowVersion;
use super::dags::Dag;
use super::runs::{DagRun, Pipelines, Task};

/// A time as Python writes it in UTC, with microseconds.
pub(super) fn stamp(ms: i64) -> String {
    let at = chrono::DateTime::from_timestamp_millis(ms).unwrap_or_default();
    at.format("%Y-%m-%dT%H:%M:%S%.6f+00:00").to_string()
}

/// A time of an answer: 3.x writes `Z`.
fn time(version: AirflowVersion, ms: Option<i64>) -> Value {
    let Some(ms) = ms else {
        return Value::Null;
    };
    let text = stamp(ms);
    match version {
        AirflowVersion::Two => json!(text),
        AirflowVersion::Three => json!(text.replace("+00:00", "Z")),
    }
}

fn seconds(from: Option<i64>, to: Option<i64>) -> Value {
    match (from, to) {
        (Some(from), Some(to)) => json!((to - from) as f64 / 1_000.0),
        _ => Value::Null,
    }
}

pub(super) fn dag(
    version: AirflowVersion,
    all: &Pipelines,
    dag: &Dag,
    now: i64,
) -> Map<String, Value> {
    let tag = |name: &str| match version {
        AirflowVersion::Two => json!({"name": name}),
        AirflowVersion::Three => {
            json!({"name": name, "dag_id": dag.id, "dag_display_name": dag.id})
        }
    };
    let timetable = dag.schedule.map_or_else(
        || "Never, external triggers only".to_owned(),
        |cron| format!("At {cron}"),
    );
    let mut tags = vec![tag("mlops")];
    if !dag.deploys() {
        tags.push(tag(&format!("model:{}", dag.model)));
    }
    let mut row = json!({
        "dag_id": dag.id, "dag_display_name": dag.id, "is_paused": all.is_paused(dag),
        "last_parsed_time": time(version, Some(now - now.rem_euclid(30_000))), "last_expired": null,
        "fileloc": "/opt/airflow/dags/retrain.py", "description": dag.description,
        "timetable_description": timetable, "tags": tags,
        "max_active_tasks": 16, "max_active_runs": dag.most, "max_consecutive_failed_dag_runs": 0,
        "has_task_concurrency_limits": false, "has_import_errors": false, "owners": ["ml-platform"],
        "file_token": "simulated",
    });
    let more = match version {
        AirflowVersion::Two => json!({
            "default_view": "grid", "is_active": true, "is_subdag": false, "last_pickled": null,
            "next_dagrun": null, "next_dagrun_create_after": null, "pickle_id": null,
            "root_dag_id": null, "schedule_interval": dag.schedule.map(|cron| json!({
                "__type": "CronExpression", "value": cron,
            })),
            "scheduler_lock": null,
        }),
        AirflowVersion::Three => json!({
            "is_stale": false, "bundle_name": "dags-folder", "bundle_version": null,
            "relative_fileloc": "retrain.py", "timetable_summary": dag.schedule,
            "next_dagrun_logical_date": null, "next_dagrun_run_after": null,
            "allowed_run_types": null, "is_backfillable": false,
        }),
    };
    merge(&mut row, more);
    object(row)
}

fn merge(row: &mut Value, more: Value) {
    if let (Value::Object(row), Value::Object(more)) = (row, more) {
        row.extend(more);
    }
}

fn object(row: Value) -> Map<String, Value> {
    match row {
        Value::Object(row) => row,
        _ => Map::new(),
    }
}

/// The definition with its parameters.
pub(super) fn details(version: AirflowVersion, all: &Pipelines, one: &Dag, now: i64) -> Value {
    let mut params = Map::new();
    for (name, value, schema, description) in one.params() {
        let mut row = json!({"value": value, "schema": schema, "description": description});
        let more = match version {
            AirflowVersion::Two => json!({"__class": "airflow.models.param.Param"}),
            AirflowVersion::Three => json!({"source": null}),
        };
        merge(&mut row, more);
        params.insert(name.to_owned(), row);
    }
    let mut row = Value::Object(dag(version, all, one, now));
    let more = json!({
        "catchup": false, "dag_run_timeout": null, "doc_md": null, "start_date": null, "end_date": null,
        "is_paused_upon_creation": null, "params": params,
    });
    merge(&mut row, more);
    row
}

/// The tasks, by their ids as the server sorts them.
pub(super) fn tasks(version: AirflowVersion, dag: &Dag) -> Value {
    let mut rows: Vec<Value> = dag
        .tasks
        .iter()
        .enumerate()
        .map(|(at, (task, _))| {
            let next = dag.tasks.get(at + 1);
            let next: Vec<&str> = next.map(|(next, _)| *next).into_iter().collect();
            let module = match version {
                AirflowVersion::Two => "airflow.decorators.python",
                AirflowVersion::Three => "airflow.providers.standard.decorators.python",
            };
            json!({
                "task_id": task, "task_display_name": task, "owner": "ml-platform", "start_date": null,
                "end_date": null, "trigger_rule": "all_success", "depends_on_past": false,
                "wait_for_downstream": false, "retries": 0.0, "queue": "default",
                "pool": "default_pool", "pool_slots": 1.0, "execution_timeout": null,
                "downstream_task_ids": next, "doc_md": null, "operator_name": "@task", "params": {},
                "class_ref": {"module_path": module, "class_name": "_PythonDecoratedOperator"},
                "is_mapped": false, "extra_links": [],
            })
        })
        .collect();
    rows.sort_by(|a, b| a["task_id"].as_str().cmp(&b["task_id"].as_str()));
    json!({"tasks": rows, "total_entries": rows.len()})
}

pub(super) fn run(version: AirflowVersion, run: &DagRun) -> Value {
    let at = |ms| time(version, ms);
    let mut row = json!({
        "dag_run_id": run.id, "dag_id": run.dag.id, "conf": run.conf, "note": run.note,
        "state": run.state, "run_type": run.kind, "start_date": at(run.start),
        "end_date": at(run.end), "last_scheduling_decision": at(run.start.map(|_| run.updated)),
    });
    let more = match version {
        AirflowVersion::Two => {
            let logical = at(Some(run.logical.unwrap_or(run.queued)));
            json!({
                "execution_date": logical, "logical_date": logical, "data_interval_start": logical,
                "data_interval_end": logical, "external_trigger": run.kind == "manual",
            })
        }
        AirflowVersion::Three => json!({
            "logical_date": at(run.logical), "queued_at": at(Some(run.queued)),
            "duration": seconds(run.start, run.end), "data_interval_start": null,
            "data_interval_end": null, "run_after": at(Some(run.queued)),
            "triggered_by": "rest_api", "triggering_user_name": run.user,
            "dag_versions": [{"version_number": 1, "dag_id": run.dag.id, "bundle_name": "dags-folder"}],
            "bundle_version": null, "dag_display_name": run.dag.id, "partition_key": null,
        }),
    };
    merge(&mut row, more);
    row
}

pub(super) fn instance(version: AirflowVersion, run: &DagRun, place: usize) -> Value {
    let task: &Task = &run.tasks[place];
    let name = run.dag.tasks[place].0;
    let at = |ms| time(version, ms);
    let mut row = json!({
        "task_id": name, "dag_id": run.dag.id, "dag_run_id": run.id, "map_index": -1,
        "start_date": at(task.start), "end_date": at(task.end),
        "duration": seconds(task.start, task.end), "state": task.state, "try_number": task.attempt,
        "max_tries": 0, "task_display_name": name, "hostname": "worker-1", "unixname": "airflow",
        "pool": "default_pool", "pool_slots": 1, "queue": "default", "priority_weight": 4 - place,
        "operator": "_PythonDecoratedOperator", "queued_when": at(task.queued),
        "pid": task.start.map(|_| 4_000 + place), "executor": null, "executor_config": "{}",
        "note": null, "rendered_map_index": null, "rendered_fields": {}, "trigger": null,
        "triggerer_job": null,
    });
    let more = match version {
        AirflowVersion::Two => json!({
            "execution_date": at(Some(run.logical.unwrap_or(run.queued))), "sla_miss": null,
        }),
        AirflowVersion::Three => json!({
            "id": format!("{}/{}/{name}/{}", run.dag.id, run.id, task.attempt),
            "logical_date": at(run.logical), "run_after": at(Some(run.queued)),
            "dag_display_name": run.dag.id, "operator_name": "@task",
            "scheduled_when": at(task.queued), "dag_version": {"version_number": 1},
        }),
    };
    merge(&mut row, more);
    row
}
