//! A version brought to serving by a run of a pipeline: the run is started and waited for, and another one is
//! asked for with the version before where the write is taken back. Runs that still bring something to the
//! same alias are asked to end first, as a command is: of two at once nobody knows which comes last.

use std::time::Duration;

use serde_json::json;

use super::basis::Basis;
use super::starting::{Startable, rests_on_orchestrator, run_id};
use crate::domain::action::{Act, How, Plan, PlanId, Progress, Step, Written};
use crate::domain::key::{Key, ModelKey, SourceId};
use crate::domain::observation::Right;
use crate::domain::pipeline::{PipelineKey, PipelineRun, PipelineRunKey};
use crate::domain::rules::freshness::Freshness;
use crate::domain::text::Clean;
use crate::domain::wiring::version_text;

/// What a run is told: as parameters of these names.
const MODEL: &str = "MODEL";
const VERSION: &str = "VERSION";
const ALIAS: &str = "ALIAS";
/// For how long a run that was asked for here need not be among those that are read yet.
const NOT_READ_YET: Duration = Duration::from_secs(10 * 60);

/// The pipeline that brings versions to serving.
#[derive(Clone, Copy, Debug)]
pub(super) struct By<'a> {
    /// What runs it.
    pub(super) source: &'a SourceId,
    /// Its raw id there.
    pub(super) pipeline: &'a Key,
    /// For how long its run is waited for.
    pub(super) within: Duration,
}

/// What it brings.
#[derive(Clone, Copy, Debug)]
pub(super) struct Brought<'a> {
    /// The model, where it is known which one.
    pub(super) of: Option<&'a ModelKey>,
    /// Its raw name.
    pub(super) model: &'a Key,
    /// The raw version.
    pub(super) version: &'a Key,
    /// The raw alias that shall name it.
    pub(super) alias: &'a Key,
}

/// The steps that bring a version to serving. What stands against it blocks the plan.
pub(super) fn steps(
    basis: &mut Basis<'_>,
    by: By<'_>,
    brought: Brought<'_>,
    id: &PlanId,
    note: Clean,
) -> Vec<Step> {
    let fleet = basis.with.fleet;
    let Some(found) = startable(basis, by.source, by.pipeline) else {
        return Vec::new();
    };
    let name = &found.definition.name;
    for line in found.queue(fleet) {
        basis.note(format!("{name}: {line}"));
    }
    let (run, api) = (run_id(id), found.orchestrator.major);
    let mut steps = ended_first(basis, by.source, &found, brought, &run);
    steps.extend(started(by, brought, run, note, api));
    steps
}

/// The two steps of a run: it is asked for, and waited for.
fn started(by: By<'_>, brought: Brought<'_>, run: Key, note: Clean, api: u8) -> [Step; 2] {
    let parameters = json!({
        MODEL: brought.model.raw(), VERSION: brought.version.raw(), ALIAS: brought.alias.raw(),
    });
    let start = Act::TriggerRun {
        pipeline: by.pipeline.clone(),
        run: run.clone(),
        parameters: Key::new(&parameters.to_string()),
        note,
        api,
    };
    let wait = Act::AwaitRun {
        pipeline: by.pipeline.clone(),
        run,
        model: brought.model.clone(),
        version: brought.version.clone(),
        alias: brought.alias.clone(),
    };
    let wait = Step {
        within_ms: u64::try_from(by.within.as_millis()).unwrap_or(u64::MAX),
        ..Step::required(by.source, wait)
    };
    [Step::required(by.source, start), wait]
}

/// A pipeline of which a run can be asked for and would begin now. One that would wait is not asked: it
/// would bring the version at a time when nobody wants it any more.
fn startable<'a>(
    basis: &mut Basis<'a>,
    source: &SourceId,
    pipeline: &Key,
) -> Option<Startable<'a>> {
    let fleet = basis.with.fleet;
    let key = fleet.pipeline_named(source, pipeline);
    let found = Startable::find(fleet, source, key, &pipeline.clean());
    match found {
        Ok(found) => {
            found.rests(basis);
            let name = &found.definition.name;
            for (why, until) in found.halts() {
                basis.block(format!(
                    "{name}: {why}, a run would wait {until} and bring the version then"
                ));
            }
            Some(found)
        }
        Err(none) => {
            rests_on_orchestrator(basis, source);
            // What a source that is not read does not hold says nothing.
            if fleet.source_freshness(source) == Freshness::Live {
                basis.block(Clean::from(none));
            }
            None
        }
    }
}

/// Runs that are about to bring something to the same alias of the same model are asked to end, whoever
/// asked for them.
fn ended_first(
    basis: &mut Basis<'_>,
    source: &SourceId,
    found: &Startable<'_>,
    brought: Brought<'_>,
    own: &Key,
) -> Vec<Step> {
    let with = basis.with;
    let key = &found.definition.key;
    let said = |run: &PipelineRun, name: &str, wanted: &Key| {
        let told = run.param(name);
        told.is_some_and(|told| Key::new(&told).clean() == wanted.clean())
    };
    let live = found.runs.iter().filter(|run| run.state.is_live());
    let live = live.filter(|run| {
        said(run, MODEL, brought.model) && said(run, ALIAS, brought.alias) && run.key.id != *own
    });
    let mut runs: Vec<(Key, Clean)> = live
        .map(|run| {
            let version = run.param(VERSION).unwrap_or_default();
            (run.key.id.clone(), version_text(&Key::new(&version)))
        })
        .collect();
    for (run, version) in asked_for_here(basis, source, key, brought) {
        if !runs.iter().any(|(known, _)| *known == run) {
            runs.push((run, version));
        }
    }
    let mut steps = Vec::new();
    for (run, version) in runs {
        let says = format!(
            "run {} of {} brings {version} to @{} now",
            run.clean(),
            found.definition.name,
            brought.alias.clean()
        );
        let (by, at) = (with.acting(brought.of), with.stamped.rfc3339());
        let act = Act::CancelRun {
            pipeline: key.id.clone(),
            run,
            note: Clean::text(&format!("cancelled by {by} at {at}")),
            api: found.orchestrator.major,
        };
        if with.fleet.right(source, &act) == Right::Denied {
            basis.note(format!(
                "{says}, and this account may not end it: see which comes last"
            ));
        } else {
            basis.note(format!("{says}: it is asked to end first"));
            steps.push(Step::best_effort(source, act));
        }
    }
    steps
}

/// Runs that writes of this machine have asked for and that nobody has seen to end: of those that were asked
/// for a moment ago the orchestrator need not have been read to hold them.
fn asked_for_here(
    basis: &Basis<'_>,
    source: &SourceId,
    key: &PipelineKey,
    brought: Brought<'_>,
) -> Vec<(Key, Clean)> {
    let with = basis.with;
    let (here, now) = (&with.fleet.context().name, with.now.wall);
    let of_here = with.writes.iter().filter(|w| w.plan.context == *here);
    let mut runs = Vec::new();
    for written in of_here {
        for (index, step) in written.plan.steps.iter().enumerate() {
            let Act::AwaitRun {
                pipeline,
                run,
                model,
                version,
                alias,
            } = &step.act
            else {
                continue;
            };
            let same = (&step.source, pipeline, model, alias)
                == (source, &key.id, brought.model, brought.alias);
            let held = with.fleet.pipeline_run(&PipelineRunKey {
                pipeline: key.clone(),
                id: run.clone(),
            });
            let lives = match held {
                Some(held) => held.fact.state.is_live(),
                None => now.since(written.began) < NOT_READ_YET,
            };
            if same && lives && may_run(written, index, run) {
                runs.push((run.clone(), version_text(version)));
            }
        }
    }
    runs
}

/// Whether the run that a step waits for was asked for, for all that is known, and may not have ended.
fn may_run(written: &Written, awaited: usize, run: &Key) -> bool {
    let over = matches!(
        written.steps.get(awaited).map(Progress::how),
        Some(How::Done | How::Already | How::NotApplied)
    );
    let mut steps = written.plan.steps.iter().zip(&written.steps);
    let asked = steps.any(|(step, progress)| {
        let starts = matches!(&step.act, Act::TriggerRun { run: of, .. } if of == run);
        let how = progress.how();
        starts && (how.is_good() || how.applied() || how == How::Unknown)
    });
    asked && !over
}

/// What brings the version back that an alias held before the plan, in place of a step that has started a
/// run to bring another; `None` where the step is none such, or nobody says what was `before`.
pub(super) fn back(
    plan: &Plan,
    step: &Step,
    id: &PlanId,
    before: impl FnOnce(&Key) -> Option<Key>,
) -> Option<[Step; 2]> {
    let Act::TriggerRun {
        pipeline, run, api, ..
    } = &step.act
    else {
        return None;
    };
    let awaited = plan.awaits(&step.source, pipeline, run)?;
    let Act::AwaitRun { model, alias, .. } = &awaited.act else {
        return None;
    };
    let version = &before(alias)?;
    let by = By {
        source: &step.source,
        pipeline,
        within: awaited.within(),
    };
    let brought = Brought {
        of: plan.model.as_ref(),
        model,
        version,
        alias,
    };
    let note = Clean::text(&format!("takes back: {}", plan.summary));
    Some(started(by, brought, run_id(id), note, *api))
}

/// Whether a step starts a run that brings a version to serving.
pub(super) fn brings(plan: &Plan, step: &Step) -> bool {
    let Act::TriggerRun { pipeline, run, .. } = &step.act else {
        return false;
    };
    plan.awaits(&step.source, pipeline, run).is_some()
}

/// Looks again at what the runs of a plan rest on that was made of the journal alone: what stands against them
/// blocks it, and what is on its way to the same alias is asked to end first.
pub(super) fn ground(basis: &mut Basis<'_>, plan: &mut Plan) {
    let mut steps = Vec::with_capacity(plan.steps.len());
    for step in &plan.steps {
        if let Act::TriggerRun { pipeline, run, .. } = &step.act
            && let Some(awaited) = plan.awaits(&step.source, pipeline, run)
            && let Act::AwaitRun {
                model,
                version,
                alias,
                ..
            } = &awaited.act
            && let Some(found) = startable(basis, &step.source, pipeline)
        {
            let brought = Brought {
                of: plan.model.as_ref(),
                model,
                version,
                alias,
            };
            steps.extend(ended_first(basis, &step.source, &found, brought, run));
        }
        steps.push(step.clone());
    }
    plan.steps = steps;
}
