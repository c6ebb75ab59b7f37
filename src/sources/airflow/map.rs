//! Airflow's rows in the domain's words. Pure.

use std::sync::Arc;

use serde_json::Value;

use super::MOST_PARTS;
use super::wire::{Dag, Health, Instance, PartRow, RunRow, TaskRow};
use crate::domain::key::Key;
use crate::domain::model::Name;
use crate::domain::pipeline::{
    Ending, FailedTask, Node, Orchestrator, Part, PartHealth, Pipeline, PipelineKey, PipelineRun,
    PipelineRunKey, PipelineState, Task, Wait,
};
use crate::domain::text::{Clean, without_credentials};
use crate::domain::time::Millis;
use crate::sources::labels::instant;
use crate::sources::routes::AirflowApi;

/// How the note of a run begins that a console has cancelled: Airflow has no word for it.
pub(super) const CANCELLED: &str = "cancelled by ";
/// The longest value of a parameter that is kept.
const VALUE_LIMIT: usize = 400;

/// A pipeline; `None` for a row without an id.
pub(super) fn pipeline(base: &Key, row: &Dag) -> Option<Pipeline> {
    let key = pipeline_key(base, &row.dag_id)?;
    // 2.x has no summary, and describes even the absence of a schedule.
    let schedule = [&row.timetable_summary, &row.timetable_description]
        .into_iter()
        .find(|text| !text.is_empty() && !text.starts_with("Never"));
    let next = [&row.next_dagrun_run_after, &row.next_dagrun_create_after];
    Some(Pipeline {
        name: shown(&row.dag_display_name, &row.dag_id),
        description: text(&row.description),
        paused: row.is_paused,
        broken: row.is_stale || row.is_active == Some(false) || row.has_import_errors,
        schedule: schedule.map_or_else(Clean::empty, |s| Clean::name(s)),
        tags: names(row.tags.iter().map(|tag| tag.name.as_str())),
        owners: names(row.owners.iter().map(String::as_str)),
        max_active: row.max_active_runs.and_then(|n| u32::try_from(n).ok()),
        next_run: next.into_iter().find_map(|stamp| instant(stamp)),
        key,
    })
}

/// A run; `None` for a row that names none.
pub(super) fn run(base: &Key, row: &RunRow) -> Option<PipelineRun> {
    let key = PipelineRunKey {
        pipeline: pipeline_key(base, &row.dag_id)?,
        id: Some(Key::new(&row.dag_run_id)).filter(|id| !id.raw().is_empty())?,
    };
    let note = text(&row.note);
    let state = match row.state.as_str() {
        "failed" if is_cancelled(&note, instant(&row.start_date)) => {
            PipelineState::Ended(Ending::Cancelled)
        }
        word => state(word),
    };
    // 2.x does not say when a run was asked for; what was started by hand bears that time as its date.
    let by_hand = row.run_type == "manual";
    let asked = instant(&row.queued_at);
    let asked = asked.or_else(|| instant(&row.logical_date).filter(|_| by_hand));
    let params = row.conf.as_object().into_iter().flatten();
    Some(PipelineRun {
        key,
        raw_state: Clean::name(&row.state),
        kind: Clean::name(&row.run_type),
        queued: asked,
        due: instant(&row.run_after),
        started: instant(&row.start_date),
        ended: if state.is_live() {
            None
        } else {
            instant(&row.end_date)
        },
        by: Some(Clean::name(&row.triggering_user_name)).filter(|by| !by.is_empty()),
        note,
        params: params
            .take(MOST_PARTS)
            .map(|(name, value)| {
                let value = without_credentials(&value.to_string());
                (Clean::name(name), Clean::limited(&value, VALUE_LIMIT))
            })
            .collect(),
        failed_at: None,
        state,
    })
}

/// Whether a note says that a run was cancelled. A run that was tried again since then keeps the note and
/// begins anew: how it ends is another matter.
fn is_cancelled(note: &Clean, started: Option<Millis>) -> bool {
    let said = note.as_str().strip_prefix(CANCELLED);
    let at = said.and_then(|said| instant(said.rsplit_once(" at ")?.1));
    let again = at.is_some_and(|at| started.is_some_and(|started| started > at));
    said.is_some() && !again
}

/// Where a run or a task stands. The same words serve both; runs use few of them.
fn state(word: &str) -> PipelineState {
    match word {
        "" | "scheduled" | "queued" | "none" => PipelineState::Queued,
        "running" | "restarting" => PipelineState::Running,
        "success" => PipelineState::Ended(Ending::Success),
        "failed" => PipelineState::Ended(Ending::Failed),
        "skipped" | "upstream_failed" | "removed" => PipelineState::Ended(Ending::Skipped),
        "up_for_retry" => PipelineState::Waiting(Wait::Retry),
        "deferred" | "up_for_reschedule" => PipelineState::Waiting(Wait::External),
        "awaiting_input" => PipelineState::Waiting(Wait::Manual),
        other => PipelineState::Unknown(Clean::limited(other, 40)),
    }
}

/// A task of a run; `None` for a row without an id.
pub(super) fn task(row: &Instance) -> Option<Task> {
    if row.task_id.is_empty() {
        return None;
    }
    let number = |n: Option<i64>| n.and_then(|n| u32::try_from(n).ok());
    let retries = number(row.max_tries).unwrap_or_default();
    let operator = [&row.operator_name, &row.operator];
    Some(Task {
        id: Key::new(&row.task_id),
        name: shown(&row.task_display_name, &row.task_id),
        map_index: number(row.map_index),
        state: state(&row.state),
        raw_state: Clean::name(&row.state),
        attempt: number(row.try_number).unwrap_or_default(),
        attempts: retries.saturating_add(1),
        started: instant(&row.start_date),
        ended: instant(&row.end_date),
        operator: operator
            .into_iter()
            .find(|text| !text.is_empty())
            .map_or_else(Clean::empty, |s| Clean::name(s)),
        host: Clean::name(&row.hostname),
    })
}

/// Which run failed at which task, of all that the rows tell: the first that failed.
pub(super) fn failed_at(base: &Key, rows: &[Instance]) -> Vec<(PipelineRunKey, FailedTask)> {
    let mut failed: Vec<_> = rows
        .iter()
        .filter(|row| row.state == "failed" && !row.task_id.is_empty())
        .filter_map(|row| {
            let run = PipelineRunKey {
                pipeline: pipeline_key(base, &row.dag_id)?,
                id: Key::new(&row.dag_run_id),
            };
            let attempt = row.try_number.and_then(|n| u32::try_from(n).ok());
            let task = FailedTask {
                task: Name::new(&row.task_id),
                attempt: attempt.unwrap_or(1),
            };
            Some((instant(&row.end_date), run, task))
        })
        .collect();
    failed.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    let mut out: Vec<(PipelineRunKey, FailedTask)> = Vec::new();
    for (_, run, task) in failed {
        if out.iter().all(|(known, _)| *known != run) {
            out.push((run, task));
        }
    }
    out
}

/// The tasks of a definition, each after those that it waits for; of two that could come next the one
/// that the server lists first.
pub(super) fn graph(rows: &[TaskRow]) -> Vec<Node> {
    let rows: Vec<&TaskRow> = rows.iter().filter(|row| !row.task_id.is_empty()).collect();
    let mut waits: Vec<usize> = rows
        .iter()
        .map(|row| {
            let before = |other: &&&TaskRow| other.downstream_task_ids.contains(&row.task_id);
            rows.iter().filter(before).count()
        })
        .collect();
    let mut placed = vec![false; rows.len()];
    let mut order = Vec::with_capacity(rows.len());
    while order.len() < rows.len() {
        let free = (0..rows.len()).find(|at| !placed[*at] && waits[*at] == 0);
        // A circle is none that Airflow loads; told all the same, it must not hang us.
        let Some(at) = free.or_else(|| placed.iter().position(|done| !done)) else {
            break;
        };
        placed[at] = true;
        order.push(at);
        for (other, row) in rows.iter().enumerate() {
            if rows[at].downstream_task_ids.contains(&row.task_id) {
                waits[other] = waits[other].saturating_sub(1);
            }
        }
    }
    let node = |row: &TaskRow| Node {
        id: Key::new(&row.task_id),
        name: shown(&row.task_display_name, &row.task_id),
        next: row
            .downstream_task_ids
            .iter()
            .map(|id| Key::new(id))
            .collect(),
        operator: Clean::name(&row.operator_name),
    };
    order.into_iter().map(|at| node(rows[at])).collect()
}

/// The parts of an Airflow and how they stand.
pub(super) fn orchestrator(base: &Key, api: AirflowApi, health: &Health) -> Orchestrator {
    let parts = health.parts.iter().map(|(name, value)| {
        let row = PartRow::of(value);
        let heartbeat = value
            .as_object()
            .into_iter()
            .flatten()
            .find_map(|(key, at)| {
                let at = at.as_str().filter(|_| key.ends_with("heartbeat"))?;
                instant(at)
            });
        Part {
            name: Clean::name(&name.replace('_', " ")),
            health: match row.status.as_deref() {
                Some("healthy") => PartHealth::Healthy,
                Some("unhealthy") => PartHealth::Unhealthy,
                None if heartbeat.is_none() => PartHealth::Absent,
                Some(_) | None => PartHealth::Unknown,
            },
            heartbeat,
        }
    });
    Orchestrator {
        base: base.clone(),
        major: match api {
            AirflowApi::V1 => 2,
            AirflowApi::V2 => 3,
        },
        parts: parts.collect(),
    }
}

pub(super) fn pipeline_key(base: &Key, id: &str) -> Option<PipelineKey> {
    (!id.is_empty()).then(|| PipelineKey {
        base: base.clone(),
        id: Key::new(id),
    })
}

/// The text of a JSON value where it names something.
pub(super) fn word(value: Option<&Value>) -> Option<Key> {
    match value? {
        Value::String(text) if !text.is_empty() => Some(Key::new(text)),
        Value::Number(number) => Some(Key::new(&number.to_string())),
        _ => None,
    }
}

fn shown(display: &str, id: &str) -> Clean {
    Clean::name(if display.is_empty() { id } else { display })
}

fn text(raw: &str) -> Clean {
    Clean::text(&without_credentials(raw))
}

fn names<'a>(raw: impl Iterator<Item = &'a str>) -> Arc<[Clean]> {
    let named = raw.filter(|name| !name.is_empty()).take(MOST_PARTS);
    named.map(Clean::name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cancelled_run_that_was_tried_again_ends_in_its_own_way() {
        let started = Some(Millis(1_000_000));
        for (note, want) in [
            ("cancelled by ana", true),
            ("cancelled by ana at 1970-01-01T00:20:00Z", true),
            ("cancelled by ana at 1970-01-01T00:10:00Z", false),
            ("cancelled by ana at noon", true),
            ("not cancelled by ana", false),
        ] {
            assert_eq!(is_cancelled(&Clean::text(note), started), want, "{note}");
        }
        let before = Clean::text("cancelled by ana at 1970-01-01T00:10:00Z");
        assert!(is_cancelled(&before, None), "it never began");
    }
}
