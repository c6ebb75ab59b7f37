//! Training a model again: the form of its pipeline's parameters, what is typed into it, and the plans
//! that start, end and repeat a run.

use serde_json::{Map, Value};

use crate::domain::action::{Act, Friction, PLAN_HOLDS, Plan, PlanId, Step, Verb};
use crate::domain::fleet::Fleet;
use crate::domain::key::{Key, ModelKey};
use crate::domain::pipeline::{
    Orchestrator, Param, ParamKind, PartHealth, Pipeline, PipelineRun, PipelineRunKey, Task, tries,
};
use crate::domain::rules::freshness::Freshness;
use crate::domain::rules::retrain::usual_duration;
use crate::domain::run::Run;
use crate::domain::text::Clean;
use crate::domain::time::{Millis, Now, age, span};

/// How the run of a plan is called, before the plan's identity: random, so that a run of this name is
/// ours, whatever became of the answer.
const PREFIX: &str = "qd__";
/// Within this time of the last run another one needs a reason.
const COOL_DOWN: std::time::Duration = std::time::Duration::from_secs(10 * 60);

/// Where what stands in a field comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// The definition's default.
    Default,
    /// The run that made the champion.
    Champion,
    /// The time over which its data drifted.
    Drift,
    /// The model itself.
    Model,
    /// Nothing: somebody has to say.
    Nobody,
}

/// A field of the form.
#[derive(Clone, PartialEq, Debug)]
pub struct Field {
    /// The parameter.
    pub param: Param,
    /// What stands in it, as it is typed.
    pub text: String,
    /// Where that comes from.
    pub origin: Origin,
}

/// What a form is filled in from.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The model.
    pub model: &'a ModelKey,
    /// The run that made its champion.
    pub champion: Option<&'a Run>,
    /// When its trouble with data began, and until when it is looked at.
    pub drift: Option<(Millis, Millis)>,
}

/// The form of a pipeline's parameters, filled in: the model's name and the drift window where a
/// parameter asks for them, then what the champion was trained with, then the defaults. A value of the
/// champion's that the parameter would refuse is not taken.
pub fn form(params: &[Param], known: Known<'_>) -> Vec<Field> {
    let fill = |param: &Param| {
        let name = param.name.key.raw();
        let model = ["model", "model_name", "registered_model"].contains(&name);
        let model = model.then(|| known.model.name.raw().to_owned());
        let champion = known.champion.and_then(|run| run.param(name));
        let default = param.default.as_ref().map(|value| shown(param, value));
        let drift = known.drift.and_then(|(from, until)| match name {
            "since" | "from" | "start" | "window_start" | "data_from" => Some(from.rfc3339()),
            "until" | "to" | "end" | "window_end" | "data_until" => Some(until.rfc3339()),
            _ => None,
        });
        let tried = [
            (Origin::Model, model),
            (Origin::Drift, drift),
            (Origin::Champion, champion.map(Clean::to_string)),
        ];
        let fits = |text: &str| value(param, text).is_ok();
        let found = tried.into_iter().find_map(|(origin, text)| {
            let text = text.filter(|text| fits(text))?;
            Some((text, origin))
        });
        let (text, origin) = found.unwrap_or_else(|| match default {
            Some(text) => (text, Origin::Default),
            None => (String::new(), Origin::Nobody),
        });
        Field {
            param: param.clone(),
            text,
            origin,
        }
    };
    params.iter().map(fill).collect()
}

/// A value as it is typed: text without quotes, anything else as JSON; null is empty.
fn shown(param: &Param, value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) if param.kind != ParamKind::Any => text.clone(),
        other => other.to_string(),
    }
}

/// What is typed, as the parameter's value.
///
/// # Errors
/// In words, when the parameter does not allow it.
pub fn value(param: &Param, text: &str) -> Result<Value, String> {
    let typed = text.trim();
    let value = match param.kind {
        _ if typed.is_empty() && param.nullable => return Ok(Value::Null),
        ParamKind::Text => Value::from(text),
        ParamKind::Integer => {
            let whole = typed.parse::<i64>();
            Value::from(whole.map_err(|_| "a whole number is expected".to_owned())?)
        }
        ParamKind::Number => {
            let number = typed.parse::<f64>().ok().filter(|n| n.is_finite());
            Value::from(number.ok_or("a number is expected")?)
        }
        ParamKind::Flag => match typed {
            "true" | "yes" => Value::from(true),
            "false" | "no" => Value::from(false),
            _ => return Err("true or false is expected".to_owned()),
        },
        ParamKind::List | ParamKind::Object | ParamKind::Any => {
            let parsed = serde_json::from_str::<Value>(typed);
            let parsed = parsed.map_err(|e| format!("JSON is expected: {e}"))?;
            match param.kind {
                ParamKind::List if !parsed.is_array() => {
                    return Err("a JSON list is expected".to_owned());
                }
                ParamKind::Object if !parsed.is_object() => {
                    return Err("a JSON object is expected".to_owned());
                }
                _ => parsed,
            }
        }
    };
    within(param, &value)?;
    if !param.choices.is_empty() && !param.choices.contains(&value) {
        let choices: Vec<String> = param.choices.iter().map(|c| shown(param, c)).collect();
        return Err(format!("one of {} is expected", choices.join(", ")));
    }
    Ok(value)
}

/// Whether a number, or the length of a text or a list, keeps its bounds.
fn within(param: &Param, value: &Value) -> Result<(), String> {
    let (size, what) = match value {
        Value::Number(number) => (number.as_f64(), ""),
        Value::String(text) => (Some(text.chars().count() as f64), " characters"),
        Value::Array(items) => (Some(items.len() as f64), " items"),
        _ => (None, ""),
    };
    let Some(size) = size else {
        return Ok(());
    };
    if let Some(least) = param.least
        && (size < least || (param.exclusive.0 && size <= least))
    {
        let word = if param.exclusive.0 {
            "more than"
        } else {
            "at least"
        };
        return Err(format!("{word} {least}{what} expected"));
    }
    if let Some(most) = param.most
        && (size > most || (param.exclusive.1 && size >= most))
    {
        let word = if param.exclusive.1 {
            "less than"
        } else {
            "at most"
        };
        return Err(format!("{word} {most}{what} expected"));
    }
    Ok(())
}

/// What is typed into a whole form, as the parameters of a run. What stands as the default says is
/// left to the definition.
///
/// # Errors
/// With the first field that cannot be taken, and why.
pub fn values(fields: &[Field]) -> Result<Map<String, Value>, (usize, String)> {
    let mut out = Map::new();
    for (at, field) in fields.iter().enumerate() {
        let value = value(&field.param, &field.text).map_err(|why| (at, why))?;
        if field.param.default.as_ref() != Some(&value) {
            out.insert(field.param.name.key.raw().to_owned(), value);
        }
    }
    Ok(out)
}

/// The plan that trains a model again.
///
/// # Errors
/// In words, when no pipeline trains it, or the one that is named is not there.
pub fn plan(
    fleet: &Fleet,
    model: &ModelKey,
    parameters: &Map<String, Value>,
    reason: &Clean,
    id: PlanId,
    now: Now,
) -> Result<Plan, Clean> {
    let refuse = |why: &str| Err(Clean::text(why));
    let Some(training) = fleet.training(model) else {
        return refuse(
            "no pipeline trains it: tag it quarterdeck.pipeline = URL, or set [models.NAME] pipeline",
        );
    };
    let held = training
        .pipeline
        .as_ref()
        .and_then(|key| fleet.pipeline(key));
    let Some(held) = held else {
        let why = format!("{} holds no pipeline {}", training.source, training.name);
        return refuse(&why);
    };
    let definition = &held.fact;
    let runs: Vec<&PipelineRun> = fleet
        .runs_of_pipeline(&definition.key)
        .map(|h| &h.fact)
        .collect();
    let mut notes = Vec::new();
    let mut blocked = Vec::new();
    let mut friction = Friction::Name;
    let Some(orchestrator) = fleet.orchestrator(&definition.key.base).map(|h| &h.fact) else {
        return refuse("how its orchestrator stands is not read yet");
    };
    match fleet.source_freshness(&training.source) {
        Freshness::Live => {}
        fresh => blocked.push(format!(
            "{} is {}: what its runs do is not known",
            training.source,
            fresh.word()
        )),
    }
    if definition.broken {
        blocked.push(format!("pipeline {} cannot be loaded", definition.name));
    }
    for run in runs.iter().filter(|run| run.state.is_live()) {
        if fleet.models_of_pipeline_run(run).contains(model) {
            blocked.push(format!(
                "it is being trained already: run {} is {}",
                run.key.id.clean(),
                fleet.run_standing(run, now.wall).word()
            ));
        }
    }
    let last = runs.iter().filter_map(|run| run.asked()).max();
    if let Some(last) = last.filter(|at| now.wall.since(*at) < COOL_DOWN) {
        friction = Friction::NameAndReason;
        let ago = age(now.wall.since(last));
        notes.push(format!(
            "the last run was asked for {ago} ago: a reason is needed"
        ));
    }
    notes.extend(waits(fleet, definition, orchestrator, &runs));
    let words = |all: Vec<String>| all.iter().map(|text| Clean::text(text)).collect();
    let act = Act::TriggerRun {
        pipeline: definition.key.id.clone(),
        run: Key::new(&format!("{PREFIX}{id}")),
        parameters: Key::new(&Value::Object(parameters.clone()).to_string()),
        note: reason.clone(),
        api: orchestrator.major,
    };
    Ok(Plan {
        id,
        verb: Verb::Retrain,
        context: fleet.context().name.clone(),
        subject: model.name.clean(),
        model: Some(model.clone()),
        summary: Clean::text(&format!(
            "trains {} again: a run of {}",
            model.name.clean(),
            definition.name
        )),
        steps: vec![Step::required(&training.source, act)],
        gates: Vec::new(),
        notes: words(notes),
        blocked: words(blocked),
        wanting: Vec::new(),
        friction,
        read_at: held.asked_at,
        expires: now.mono + PLAN_HOLDS,
        undo_until: None,
        undoes: None,
    })
}

/// What a run would wait for, and how long it usually takes then.
fn waits(
    fleet: &Fleet,
    definition: &Pipeline,
    orchestrator: &Orchestrator,
    runs: &[&PipelineRun],
) -> Vec<String> {
    let mut notes = Vec::new();
    if definition.paused {
        notes.push("the pipeline is paused: the run waits until somebody resumes it".to_owned());
    }
    if let Some(part) = orchestrator.scheduler()
        && part.health == PartHealth::Unhealthy
    {
        notes.push("the scheduler is dead: the run waits until it lives".to_owned());
    }
    let active = fleet.active_runs(&definition.key);
    let waiting = runs.iter().filter(|run| run.state.is_waiting()).count();
    if active + waiting > 0 {
        let limit = definition
            .max_active
            .map_or_else(String::new, |n| format!(" of at most {n}"));
        notes.push(format!(
            "{active}{limit} running, {waiting} waiting before it"
        ));
    }
    notes.push(match usual_duration(runs.iter().copied()) {
        Some(usual) => format!("it usually takes {}", span(usual)),
        None => "how long it takes is not known: fewer than three runs ended well".to_owned(),
    });
    notes
}

/// The plan that asks a run to end. Its tasks hear of it at their next sign of life; jobs that they
/// started elsewhere may go on.
///
/// # Errors
/// In words, when the run is not there or has ended.
pub fn cancel(
    fleet: &Fleet,
    run: &PipelineRunKey,
    by: &Clean,
    id: PlanId,
    now: Now,
) -> Result<Plan, Clean> {
    let note = Clean::text(&format!("cancelled by {by}"));
    on_run(fleet, run, id, now, Verb::Cancel, |fact, api| {
        if !fact.state.is_live() {
            return Err(format!("it has ended: {}", fact.state.word()));
        }
        let act = Act::CancelRun {
            pipeline: run.pipeline.id.clone(),
            run: run.id.clone(),
            note,
            api,
        };
        Ok((
            act,
            "jobs that its tasks started elsewhere may go on".to_owned(),
        ))
    })
}

/// The plan that runs the failed tasks of a run again, with what comes after them.
///
/// # Errors
/// In words, when the run is not there, or has not failed.
pub fn retry(
    fleet: &Fleet,
    run: &PipelineRunKey,
    tasks: &[Task],
    id: PlanId,
    now: Now,
) -> Result<Plan, Clean> {
    on_run(fleet, run, id, now, Verb::Retry, |fact, api| {
        let failed: Vec<&Task> = tasks.iter().filter(|task| task.state.is_failed()).collect();
        if fact.state.is_live() || failed.is_empty() {
            let state = fact.state.word();
            return Err(format!(
                "none of its tasks has failed and ended: it is {state}"
            ));
        }
        let names: Vec<String> = failed
            .iter()
            .map(|task| format!("`{}`", task.name))
            .collect();
        let act = Act::RetryRun {
            pipeline: run.pipeline.id.clone(),
            run: run.id.clone(),
            tasks: Vec::new(),
            tries: tries(tasks),
            api,
        };
        Ok((
            act,
            format!("runs again: {} and what comes after", names.join(", ")),
        ))
    })
}

fn on_run(
    fleet: &Fleet,
    run: &PipelineRunKey,
    id: PlanId,
    now: Now,
    verb: Verb,
    act: impl FnOnce(&PipelineRun, u8) -> Result<(Act, String), String>,
) -> Result<Plan, Clean> {
    let Some(held) = fleet.pipeline_run(run) else {
        return Err(Clean::text("the run is not known here"));
    };
    let Some(orchestrator) = fleet.orchestrator(&run.pipeline.base) else {
        return Err(Clean::text("how its orchestrator stands is not read yet"));
    };
    let made = act(&held.fact, orchestrator.fact.major);
    let (act, note) = made.map_err(|why| Clean::text(&why))?;
    let models = fleet.models_of_pipeline_run(&held.fact);
    let mut blocked = Vec::new();
    if fleet.source_freshness(&held.source) != Freshness::Live {
        blocked.push(Clean::text(&format!("{} does not answer", held.source)));
    }
    Ok(Plan {
        id,
        verb,
        context: fleet.context().name.clone(),
        subject: run.id.clean(),
        model: models.into_iter().next(),
        summary: Clean::text(&format!(
            "{} run {} of {}",
            verb.title(),
            run.id.clean(),
            run.pipeline.id.clean()
        )),
        steps: vec![Step::required(&held.source, act)],
        gates: Vec::new(),
        notes: vec![Clean::text(&note)],
        blocked,
        wanting: Vec::new(),
        friction: Friction::Key,
        read_at: held.asked_at,
        expires: now.mono + PLAN_HOLDS,
        undo_until: None,
        undoes: None,
    })
}

/// Whether a run was started by a plan of a console.
pub fn is_ours(run: &PipelineRunKey, plan: &PlanId) -> bool {
    run.id.raw() == format!("{PREFIX}{plan}")
}

#[cfg(test)]
#[path = "retrain_tests.rs"]
mod tests;
