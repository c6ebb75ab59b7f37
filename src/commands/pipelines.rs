//! `pipelines`: the runs of all pipelines, what keeps them from starting, and which models they train;
//! with a run named, its tasks and the log of the one that failed.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use super::documents::document;
use super::exit::{Exit, Failure};
use super::output::{Out, Table};
use super::session::Session;
use super::write::journals;
use crate::cli::PipelinesArgs;
use crate::domain::action::Writes;
use crate::domain::action::verbs::retrain::asked_to_end;
use crate::domain::fault::Fault;
use crate::domain::fleet::Fleet;
use crate::domain::fleet::made::Made;
use crate::domain::last_known::Held;
use crate::domain::pipeline::{LogChunk, PipelineRun, Task};
use crate::domain::query::{Detail, Query};
use crate::domain::rules::retrain::usual_duration;
use crate::domain::text::Clean;
use crate::domain::time::{Millis, age, span};
use crate::runtime::headless::Collected;

/// How long a detail of a run may take.
const DETAIL: Duration = Duration::from_secs(10);

/// Runs `pipelines`.
///
/// # Errors
/// When no needed source answered, or no run of that name is known.
pub async fn run(session: &Session, args: &PipelinesArgs) -> Result<Exit, Failure> {
    let collected = session.look().await?;
    let out = session.out();
    let now = collected.now;
    if let Some(name) = &args.run {
        let writes = Writes::of(&journals(session, now));
        return one(out, &collected, name, args, Asked(&writes)).await;
    }
    let runs = listed(&collected.fleet, args);
    let writes = Writes::of(&journals(session, now));
    let asked = Asked(&writes);
    if out.json {
        out.document(&overview(&collected.fleet, &runs, asked, now))?;
    } else {
        out.print(&table(out, &collected.fleet, &runs, asked, now))?;
    }
    Ok(Exit::Done)
}

/// What was asked of runs from this machine.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a>(pub(super) &'a Writes);

impl Asked<'_> {
    /// Whether a run was asked to end, by whom and when: another matter than whether it has been seen to.
    fn to_end(self, fleet: &Fleet, run: &PipelineRun) -> Option<Value> {
        let asked = asked_to_end(self.0, fleet, &run.key)?;
        Some(json!({
            "asked_at": asked.began.rfc3339(),
            "by": asked.actor.name(),
            "reason": asked.reason,
            "ended": !run.state.is_live(),
        }))
    }

    /// The same in words, while the run goes on.
    fn words(self, fleet: &Fleet, run: &PipelineRun, now: Millis) -> Option<String> {
        let asked = asked_to_end(self.0, fleet, &run.key).filter(|_| run.state.is_live())?;
        Some(format!(
            "was asked to end {} ago by {}, is still {}",
            age(now.since(asked.began)),
            asked.actor.name(),
            fleet.run_standing(run, now).word()
        ))
    }
}

/// The runs asked for, the one that moved last first.
fn listed<'a>(fleet: &'a Fleet, args: &PipelinesArgs) -> Vec<&'a Held<PipelineRun>> {
    let of_model = |run: &PipelineRun| {
        let named = args.model.as_deref();
        named.is_none_or(|name| {
            let models = fleet.models_of_pipeline_run(run);
            models.iter().any(|key| key.name.raw() == name)
        })
    };
    let of_pipeline = |run: &PipelineRun| {
        let named = args.pipeline.as_deref();
        named.is_none_or(|name| run.key.pipeline.id.raw() == name)
    };
    let mut runs: Vec<_> = fleet
        .pipeline_runs()
        .filter(|held| of_model(&held.fact) && of_pipeline(&held.fact))
        .collect();
    runs.sort_by(|a, b| {
        let moved = b.fact.moved().cmp(&a.fact.moved());
        moved.then_with(|| a.fact.key.cmp(&b.fact.key))
    });
    runs.truncate(args.limit);
    runs
}

fn overview(fleet: &Fleet, runs: &[&Held<PipelineRun>], asked: Asked<'_>, now: Millis) -> Value {
    let pipelines: Vec<Value> = fleet
        .pipelines()
        .map(|held| {
            let p = &held.fact;
            let trains = fleet.trained_by(&p.key).map(|key| key.name.clean());
            let usual = usual_duration(fleet.runs_of_pipeline(&p.key).map(|h| &h.fact));
            json!({
                "name": p.name,
                "id": p.key.id.clean(),
                "source": held.source.as_str(),
                "description": p.description,
                "paused": p.paused,
                "broken": p.broken,
                "schedule": p.schedule,
                "next_run": p.next_run.map(Millis::rfc3339),
                "max_active": p.max_active,
                "active": fleet.active_runs(&p.key),
                "usually_seconds": usual.map(|d| d.as_secs_f64()),
                "tags": p.tags,
                "owners": p.owners,
                "trains": trains.collect::<Vec<_>>(),
            })
        })
        .collect();
    let orchestrators: Vec<Value> = fleet
        .orchestrators()
        .map(|held| {
            let parts = held.fact.parts.iter().map(|part| {
                json!({
                    "name": part.name,
                    "health": part.health,
                    "heartbeat": part.heartbeat.map(Millis::rfc3339),
                })
            });
            json!({"source": held.source.as_str(), "parts": parts.collect::<Vec<_>>()})
        })
        .collect();
    let runs = runs.iter().map(|held| row(fleet, held, asked, now));
    let runs: Vec<Value> = runs.collect();
    document(
        "pipelines",
        json!({
            "context": fleet.context().name,
            "generated_at": now.rfc3339(),
            "orchestrators": orchestrators,
            "pipelines": pipelines,
            "runs": runs,
        }),
    )
}

pub(super) fn row(fleet: &Fleet, held: &Held<PipelineRun>, asked: Asked<'_>, now: Millis) -> Value {
    let run = &held.fact;
    let state = fleet.run_standing(run, now);
    let params: serde_json::Map<String, Value> = run
        .params
        .iter()
        .map(|(name, value)| {
            let parsed = serde_json::from_str(value.as_str());
            let value = parsed.unwrap_or_else(|_| Value::from(value.as_str()));
            (name.to_string(), value)
        })
        .collect();
    let models = fleet.models_of_pipeline_run(run);
    json!({
        "pipeline": run.key.pipeline.id.clean(),
        "id": run.key.id.clean(),
        "source": held.source.as_str(),
        "state": state.word(),
        "server_state": run.raw_state,
        "kind": run.kind,
        "by": run.by,
        "queued_at": run.queued.map(Millis::rfc3339),
        "started_at": run.started.map(Millis::rfc3339),
        "ended_at": run.ended.map(Millis::rfc3339),
        "seconds": run.lasted(now).map(|d| d.as_secs_f64()),
        "failed_at": run.failed_at.as_ref().map(|at| json!({"task": at.task.shown, "attempt": at.attempt})),
        "models": models.iter().map(|key| key.name.clean()).collect::<Vec<_>>(),
        "params": params,
        "note": run.note,
        "cancel": asked.to_end(fleet, run),
    })
}

fn table(
    out: &Out,
    fleet: &Fleet,
    runs: &[&Held<PipelineRun>],
    asked: Asked<'_>,
    now: Millis,
) -> String {
    let mut table = Table::new(&[
        "STATE", "PIPELINE", "RUN", "MODEL", "BY", ">LASTED", ">MOVED", "WHY",
    ]);
    for held in runs {
        let run = &held.fact;
        let models = fleet.models_of_pipeline_run(run);
        let models: Vec<String> = models.iter().map(|k| k.name.clean().to_string()).collect();
        let failed = run.failed_at.as_ref();
        let why = asked.words(fleet, run, now).unwrap_or_else(|| {
            failed.map_or_else(
                || run.note.to_string(),
                |at| format!("failed at `{}`", at.task.shown),
            )
        });
        table.row(vec![
            fleet.run_standing(run, now).word().to_owned().into(),
            run.key.pipeline.id.clean().into(),
            run.key.id.clean().into(),
            if models.is_empty() {
                out.none().to_owned().into()
            } else {
                models.join(" ").into()
            },
            run.by.as_ref().map_or(out.none(), Clean::as_str).into(),
            run.lasted(now)
                .map_or_else(|| out.none().to_owned(), span)
                .into(),
            out.age(Some(run.moved()), now).into(),
            why.into(),
        ]);
    }
    if table.is_empty() {
        return "no pipeline run is known: add [[contexts.NAME.sources]] with kind = \"airflow\"\n"
            .to_owned();
    }
    table.render()
}

/// The run of an id.
///
/// # Errors
/// When there is none, or several pipelines have one.
pub(super) fn named<'a>(
    fleet: &'a Fleet,
    name: &str,
    of: Option<&str>,
) -> Result<&'a Held<PipelineRun>, Failure> {
    let is_meant = |held: &&Held<PipelineRun>| {
        let key = &held.fact.key;
        key.id.raw() == name && of.is_none_or(|id| key.pipeline.id.raw() == id)
    };
    let found: Vec<&Held<PipelineRun>> = fleet.pipeline_runs().filter(is_meant).collect();
    match found.as_slice() {
        [one] => Ok(*one),
        [] => {
            let name = Clean::name(name);
            Err(Failure::usage(format!("no pipeline run is called {name}"))
                .advice("`quarterdeck pipelines` lists them"))
        }
        _ => Err(
            Failure::usage("several pipelines have a run of this name".to_owned())
                .advice("say which with --pipeline ID"),
        ),
    }
}

/// One run: its tasks, and the end of the log of the task in trouble.
async fn one(
    out: &Out,
    collected: &Collected,
    name: &str,
    args: &PipelinesArgs,
    asked: Asked<'_>,
) -> Result<Exit, Failure> {
    let fleet = &collected.fleet;
    let held = named(fleet, name, args.pipeline.as_deref())?;
    let key = &held.fact.key;
    let ask = |query| collected.fetch(&held.source, query, DETAIL);
    let tasks = match ask(Query::Tasks(key.clone())).await {
        Ok((_, Detail::Tasks(tasks))) => tasks,
        Ok(_) => Vec::new(),
        Err(fault) => return Err(unread(&fault)),
    };
    let troubled = tasks
        .iter()
        .find(|task| task.state.is_failed())
        .or_else(|| tasks.iter().rev().find(|task| task.attempt > 0));
    let mut log = None;
    if let Some((task, key)) = troubled.and_then(|task| Some((task, task.log(key)?))) {
        let query = Query::TaskLog {
            log: key,
            from: None,
        };
        log = match ask(query).await {
            Ok((_, Detail::TaskLog(chunk))) => Some((task, chunk)),
            _ => None,
        };
    }
    let now = collected.now;
    let made = made(collected, &held.fact).await;
    if out.json {
        let tasks: Vec<Value> = tasks.iter().map(|task| task_row(task, now)).collect();
        let log = log.map(|(task, chunk)| log_row(task, &chunk, args.lines));
        let body = json!({
            "context": fleet.context().name,
            "generated_at": now.rfc3339(),
            "run": row(fleet, held, asked, now),
            "made": made.iter().map(made_row).collect::<Vec<_>>(),
            "tasks": tasks,
            "log": log,
        });
        out.document(&document("pipeline-run", body))?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&["STATE", "TASK", ">TRY", ">LASTED", "OPERATOR"]);
    for task in &tasks {
        let lasted = task.lasted(now);
        table.row(vec![
            task.state.word().to_owned().into(),
            task.name.clone().into(),
            task.attempt.to_string().into(),
            lasted.map_or_else(|| out.none().to_owned(), span).into(),
            task.operator.clone().into(),
        ]);
    }
    let mut text = table.render();
    if let Some(words) = asked.words(fleet, &held.fact, now) {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{words}");
    }
    for made in &made {
        let _ = writeln!(text, "{}", made_text(made));
    }
    if let Some((task, chunk)) = &log {
        let _ = writeln!(text, "\nlog of {}, attempt {}", task.name, task.attempt);
        let from = chunk.lines.len().saturating_sub(args.lines);
        for line in &chunk.lines[from..] {
            let _ = writeln!(text, "{}", line.text);
        }
    }
    out.print(&text)?;
    Ok(Exit::Done)
}

/// What a run made, after everything was read that tells.
pub(super) async fn made(collected: &Collected, run: &PipelineRun) -> Vec<Made> {
    let mut results = Vec::new();
    let mut behind = Vec::new();
    for (source, query) in collected.fleet.unread_of_pipeline_run(run) {
        match collected.fetch(&source, query, DETAIL).await {
            Ok((_, Detail::Produced(all))) => results = all,
            Ok((_, Detail::Run(run))) => behind.push(*run),
            Ok(_) => {}
            Err(fault) => tracing::info!("what a run made: {fault}"),
        }
    }
    collected.fleet.made_by_pipeline_run(run, &results, &behind)
}

/// A version that a run made.
pub(super) fn made_row(made: &Made) -> Value {
    json!({
        "model": made.version.model.name.clean(),
        "version": made.version.version.clean(),
        "run": made.run.as_ref().map(|run| run.id.clean()),
        "by": made.by.word(),
    })
}

/// The same for people.
pub(super) fn made_text(made: &Made) -> String {
    format!(
        "registered {} {} ({})",
        made.version.model.name.clean(),
        made.text,
        made.by.words()
    )
}

fn unread(fault: &Fault) -> Failure {
    Failure::no_answer(format!("its tasks could not be read: {fault}"))
}

fn task_row(task: &Task, now: Millis) -> Value {
    json!({
        "task": task.name,
        "map_index": task.map_index,
        "state": task.state.word(),
        "server_state": task.raw_state,
        "attempt": task.attempt,
        "attempts": task.attempts,
        "started_at": task.started.map(Millis::rfc3339),
        "ended_at": task.ended.map(Millis::rfc3339),
        "seconds": task.lasted(now).map(|d| d.as_secs_f64()),
        "operator": task.operator,
        "host": task.host,
    })
}

fn log_row(task: &Task, chunk: &LogChunk, lines: usize) -> Value {
    let from = chunk.lines.len().saturating_sub(lines);
    let shown: Vec<Value> = chunk.lines[from..]
        .iter()
        .map(|line| {
            let at = line.at.map(Millis::rfc3339);
            json!({"at": at, "level": line.level, "text": line.text})
        })
        .collect();
    json!({
        "task": task.name,
        "attempt": task.attempt,
        "lines": shown,
        "left_out": chunk.dropped + from as u64,
        "ended": chunk.done,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::action::{Act, Outcome, Verb};
    use crate::domain::pipeline::{PartHealth, PipelineState};
    use crate::panes::journal::testing::{Told, plan};
    use crate::panes::pipelines::testing::world;
    use crate::panes::testing::{ago, model_key};

    #[test]
    fn a_run_that_was_asked_to_end_is_told_apart_from_one_that_has_ended() {
        let world = world(PartHealth::Healthy);
        let (fleet, now) = (&world.fleet, world.now.wall);
        let of = |state: PipelineState| {
            let mut all = fleet.pipeline_runs();
            let found = all.find(|held| held.fact.state == state);
            &found.expect("such a run").fact
        };
        let running = of(PipelineState::Running);
        let cancel = Act::CancelRun {
            pipeline: running.key.pipeline.id.clone(),
            run: running.key.id.clone(),
            note: Clean::empty(),
            api: 3,
        };
        let summary = "ends a run";
        let plan = plan(1, Verb::Cancel, &model_key("churn"), summary, vec![cancel]);
        let mut told = Told::default();
        told.begins(ago(120), plan, "wrong data")
            .sends(ago(119), 1, 0)
            .is(ago(59), 1, Outcome::NotConverged, "still running");
        let writes = told.writes();
        let asked = Asked(&writes);
        assert_eq!(
            asked.words(fleet, running, now).as_deref(),
            Some("was asked to end 2m ago by ana@bastion, is still running")
        );
        let row = asked.to_end(fleet, running).expect("a request");
        assert_eq!(
            (&row["ended"], &row["by"]),
            (&json!(false), &json!("ana@bastion"))
        );
        let ended = of(PipelineState::Ended(
            crate::domain::pipeline::Ending::Cancelled,
        ));
        assert!(asked.to_end(fleet, ended).is_none(), "by somebody else");
        assert!(asked.words(fleet, ended, now).is_none());
    }
}
