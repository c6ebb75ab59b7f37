//! Training a model again: the plans that start, end and repeat a run of its pipeline.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value};

use super::basis::{About, Basis, NoPlan};
use super::shift::FREEZE;
use super::starting::{self, Startable, rests_on_orchestrator};
use super::{Planning, rollout};
use crate::domain::action::{Act, Friction, Plan, PlanId, Step, Verb, Writes, Written};
use crate::domain::fleet::Fleet;
use crate::domain::key::{Key, ModelKey};
use crate::domain::pipeline::{PipelineRun, PipelineRunKey, Task, tries};
use crate::domain::text::Clean;
use crate::domain::time::age;

/// Within this time of the last run another one needs a reason.
const COOL_DOWN: Duration = Duration::from_secs(10 * 60);

/// A retraining that somebody wishes.
#[derive(Clone, PartialEq, Debug)]
pub struct RetrainRequest {
    /// The model.
    pub model: ModelKey,
    /// The parameters that are not left to the definition, by raw name.
    pub parameters: Map<String, Value>,
    /// Why; may be empty.
    pub reason: Clean,
    /// A reason that passes a freeze, as `freeze`.
    pub overrides: BTreeMap<String, Clean>,
}

/// The plan that trains a model again.
///
/// # Errors
/// When no pipeline trains it, or the one that is named is not there.
pub fn plan(request: &RetrainRequest, id: PlanId, with: &Planning<'_>) -> Result<Plan, NoPlan> {
    let (fleet, model) = (with.fleet, &request.model);
    let Some(training) = fleet.training(model) else {
        return Err(NoPlan::impossible(
            "no pipeline trains it: tag it quarterdeck.pipeline = URL, or set [models.NAME] pipeline",
        ));
    };
    let key = training.pipeline.as_ref();
    let startable = Startable::find(fleet, &training.source, key, &training.name)?;
    let definition = startable.definition;
    let mut basis = Basis::new(*with);
    basis.rests_on_marks(model);
    basis.thawed(model, request.overrides.get(FREEZE));
    if let Some(odd) = request.overrides.keys().find(|name| *name != FREEZE) {
        basis.block(format!(
            "there is no gate `{}` to override",
            Clean::name(odd)
        ));
    }
    startable.rests(&mut basis);
    for run in fleet.live_training(model) {
        basis.block(format!(
            "it is being trained already: run {} is {}",
            run.key.id.clean(),
            fleet.run_standing(run, with.now.wall).word()
        ));
    }
    let mut friction = Friction::Name;
    let last = startable.runs.iter().filter_map(|run| run.asked()).max();
    if let Some(last) = last.filter(|at| with.now.wall.since(*at) < COOL_DOWN) {
        friction = Friction::NameAndReason;
        basis.note(format!(
            "its last run was asked for at {}Z, less than {} ago: a reason is needed",
            last.hour_minute(),
            age(COOL_DOWN)
        ));
    }
    if basis.is_overridden() {
        friction = Friction::NameAndReason;
    }
    basis.note(parameters(&request.parameters));
    for (why, until) in startable.halts() {
        basis.note(format!("{why}: the run waits {until}"));
    }
    for note in startable.queue(fleet) {
        basis.note(note);
    }
    let act = Act::TriggerRun {
        pipeline: definition.key.id.clone(),
        run: starting::run_id(&id),
        parameters: Key::new(&Value::Object(request.parameters.clone()).to_string()),
        note: starting::note(&with.acting(Some(model)), &request.reason),
        api: startable.orchestrator.major,
    };
    let about = About {
        verb: Verb::Retrain,
        subject: model.name.clean(),
        model: Some(model.clone()),
        summary: Clean::text(&format!(
            "trains {} again: a run of {}",
            model.name.clean(),
            definition.name
        )),
        friction,
    };
    let steps = basis.permitted(vec![Step::required(&training.source, act)]);
    Ok(basis.plan(id, about, steps))
}

/// The parameters of a run in words.
fn parameters(all: &Map<String, Value>) -> String {
    if all.is_empty() {
        return "every parameter as the pipeline says".to_owned();
    }
    let each = all.iter().map(|(name, value)| match value {
        Value::String(text) => format!("{} = {}", Clean::name(name), Clean::name(text)),
        other => format!("{} = {other}", Clean::name(name)),
    });
    let each: Vec<String> = each.collect();
    format!("with {}; the rest as the pipeline says", each.join(", "))
}

/// The plan that asks a run to end. Its tasks hear of it at their next sign of life; jobs that they
/// started elsewhere may go on.
///
/// # Errors
/// When the run is not there or has ended.
pub fn cancel(run: &PipelineRunKey, id: PlanId, with: &Planning<'_>) -> Result<Plan, NoPlan> {
    // The time tells a later life of the run, which was not cancelled, from this one.
    let (by, at) = (with.acting(None), with.stamped.rfc3339());
    let note = Clean::text(&format!("cancelled by {by} at {at}"));
    on_run(run, id, with, Verb::Cancel, |fact, api, basis| {
        if !fact.state.is_live() {
            let state = fact.state.word();
            return Err(NoPlan::already(format!("it has ended: {state}")));
        }
        basis.note("jobs that its tasks started elsewhere may go on");
        Ok(Act::CancelRun {
            pipeline: run.pipeline.id.clone(),
            run: run.id.clone(),
            note,
            api,
        })
    })
}

/// The plan that runs the failed tasks of a run again, with what comes after them. `tasks` are all of the
/// run as they were read last.
///
/// # Errors
/// When the run is not there, or has not failed.
pub fn retry(
    run: &PipelineRunKey,
    tasks: &[Task],
    overrides: &BTreeMap<String, Clean>,
    id: PlanId,
    with: &Planning<'_>,
) -> Result<Plan, NoPlan> {
    on_run(run, id, with, Verb::Retry, |fact, api, basis| {
        let failed: Vec<&Task> = tasks.iter().filter(|task| task.state.is_failed()).collect();
        if fact.state.is_live() || failed.is_empty() {
            let state = fact.state.word();
            return Err(NoPlan::impossible(format!(
                "none of its tasks has failed and ended: it is {state}"
            )));
        }
        for model in basis.with.fleet.models_of_pipeline_run(fact) {
            basis.rests_on_marks(&model);
            basis.thawed(&model, overrides.get(FREEZE));
            let others = basis.with.fleet.live_training(&model);
            for other in others.into_iter().filter(|other| other.key != *run) {
                basis.block(format!(
                    "it is being trained already: run {} is {}",
                    other.key.id.clean(),
                    other.state.word()
                ));
            }
        }
        let names: Vec<String> = failed
            .iter()
            .map(|task| format!("`{}`", task.name))
            .collect();
        basis.note(format!(
            "runs again: {} and what comes after",
            names.join(", ")
        ));
        Ok(Act::RetryRun {
            pipeline: run.pipeline.id.clone(),
            run: run.id.clone(),
            tasks: Vec::new(),
            tries: tries(tasks),
            api,
        })
    })
}

fn on_run(
    run: &PipelineRunKey,
    id: PlanId,
    with: &Planning<'_>,
    verb: Verb,
    act: impl FnOnce(&PipelineRun, u8, &mut Basis<'_>) -> Result<Act, NoPlan>,
) -> Result<Plan, NoPlan> {
    let fleet = with.fleet;
    let Some(held) = fleet.pipeline_run(run) else {
        return Err(NoPlan::impossible("the run is not known here"));
    };
    let Some(orchestrator) = fleet.orchestrator(&run.pipeline.base) else {
        return Err(NoPlan::impossible(
            "how its orchestrator stands is not read yet",
        ));
    };
    let mut basis = Basis::new(*with);
    rests_on_orchestrator(&mut basis, &held.source);
    let act = act(&held.fact, orchestrator.fact.major, &mut basis)?;
    let about = About {
        verb,
        subject: run.id.clean(),
        model: fleet.models_of_pipeline_run(&held.fact).into_iter().next(),
        summary: Clean::text(&format!(
            "{} run {} of {}",
            verb.word(),
            run.id.clean(),
            run.pipeline.id.clean()
        )),
        friction: if basis.is_overridden() {
            Friction::NameAndReason
        } else {
            Friction::Key
        },
    };
    let steps = basis.permitted(vec![Step::required(&held.source, act)]);
    Ok(basis.plan(id, about, steps))
}

/// Whether a run was started by a plan of a console.
pub fn is_ours(run: &PipelineRunKey, plan: &PlanId) -> bool {
    run.id == starting::run_id(plan)
}

/// The last write of this machine that asked a run to end: what was asked for is one thing, what is seen of
/// it another.
pub fn asked_to_end<'a>(
    writes: &'a Writes,
    fleet: &Fleet,
    run: &PipelineRunKey,
) -> Option<&'a Written> {
    let here = &fleet.context().name;
    let source = fleet.pipeline_run(run).map(|held| &held.source)?;
    let asks = |step: &Step| {
        let Act::CancelRun {
            pipeline, run: id, ..
        } = &step.act
        else {
            return false;
        };
        step.source == *source && *pipeline == run.pipeline.id && *id == run.id
    };
    let mut newest = writes.iter().rev();
    newest.find(|written| {
        let sent = written.steps.iter().any(|step| step.intended.is_some());
        written.plan.context == *here && sent && written.plan.steps.iter().any(asks)
    })
}

/// The run that a plan starts to train its model, where it starts one.
pub fn run_of(plan: &Plan, fleet: &Fleet) -> Option<PipelineRunKey> {
    plan.steps.iter().find_map(|step| {
        let Act::TriggerRun { pipeline, run, .. } = &step.act else {
            return None;
        };
        // One that brings a version to serving trains nothing, whatever else its pipeline does.
        if rollout::brings(plan, step) {
            return None;
        }
        let model = plan.model.as_ref()?;
        let key = fleet.training(model)?.pipeline.clone()?;
        (key.id == *pipeline).then(|| PipelineRunKey {
            pipeline: key,
            id: run.clone(),
        })
    })
}

#[cfg(test)]
#[path = "retrain_tests.rs"]
mod tests;
