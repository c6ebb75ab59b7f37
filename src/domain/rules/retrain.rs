//! What is wrong with training a model again: its last runs failed, its pipeline is paused while runs
//! wait, cannot be loaded or is not there, or nothing starts runs any more.

use std::time::Duration;

use crate::domain::key::SourceId;
use crate::domain::level::{Level, Reason, ReasonCode};
use crate::domain::pipeline::Ending;
use crate::domain::pipeline::{Orchestrator, PartHealth, Pipeline, PipelineRun, PipelineState};
use crate::domain::text::Clean;
use crate::domain::time::Since;

/// What the rule looks at.
#[derive(Debug)]
pub struct Facts<'a> {
    /// The pipeline's name.
    pub name: &'a Clean,
    /// Where it is read.
    pub source: &'a SourceId,
    /// Whether all definitions of the source were read once.
    pub definitions_read: bool,
    /// The definition.
    pub definition: Option<&'a Pipeline>,
    /// Its runs for this model, newest first.
    pub runs: &'a [&'a PipelineRun],
    /// What runs it.
    pub orchestrator: Option<&'a Orchestrator>,
    /// Whether what is said of the runs is current.
    pub current: bool,
}

/// Judges how training a model again goes.
pub fn judge(facts: &Facts<'_>) -> Vec<Reason> {
    let rules = [failed, paused, scheduler, broken, unread];
    rules.iter().filter_map(|rule| rule(facts)).collect()
}

fn reason(facts: &Facts<'_>, code: ReasonCode, level: Level, text: &str, since: Since) -> Reason {
    Reason {
        code,
        level,
        text: Clean::text(text),
        since,
        source: Some(facts.source.clone()),
    }
}

/// The newest runs that ended have failed. One that is on its way since may cure it.
fn failed(facts: &Facts<'_>) -> Option<Reason> {
    // What somebody cancelled says neither that training works nor that it fails.
    let verdicts = |run: &&&PipelineRun| {
        let ending = |ending| run.state == PipelineState::Ended(ending);
        ending(Ending::Failed) || ending(Ending::Success)
    };
    let streak: Vec<&PipelineRun> = facts
        .runs
        .iter()
        .filter(verdicts)
        .take_while(|run| run.state.is_failed())
        .copied()
        .collect();
    let (newest, first) = (streak.first()?, streak.last()?);
    let times = match streak.len() {
        1 => String::new(),
        2 => " twice".to_owned(),
        n => format!(" {n} times"),
    };
    let at = newest.failed_at.as_ref().map(|at| &at.task.shown);
    let same = at.filter(|task| {
        streak.iter().all(|run| {
            let other = run.failed_at.as_ref().map(|at| &at.task.shown);
            other == Some(*task)
        })
    });
    let place = match (same, at) {
        (Some(task), _) => format!(" at `{task}`"),
        (None, Some(task)) => format!(", last at `{task}`"),
        (None, None) => String::new(),
    };
    let again = facts.runs.iter().any(|run| {
        run.state == PipelineState::Running && run.started.max(run.queued) > newest.ended
    });
    let (level, more) = if again {
        (Level::Info, "; it runs again")
    } else {
        (Level::Warn, "")
    };
    let text = format!("retrain failed{times}{place}{more}");
    let since = first.ended.map_or(Since::Unknown, Since::Exact);
    Some(reason(
        facts,
        ReasonCode::RetrainFailed,
        level,
        &text,
        since,
    ))
}

/// Runs were asked for, and the pipeline is paused: they wait until somebody resumes it.
fn paused(facts: &Facts<'_>) -> Option<Reason> {
    facts.definition.filter(|definition| definition.paused)?;
    let waiting = facts
        .runs
        .iter()
        .filter(|run| run.state == PipelineState::Queued);
    let count = waiting.clone().count();
    let oldest = waiting.filter_map(|run| run.asked()).min();
    let runs = match count {
        0 => return None,
        1 => "a run waits".to_owned(),
        n => format!("{n} runs wait"),
    };
    let text = format!("pipeline {} is paused while {runs}", facts.name);
    let since = oldest.map_or(Since::Unknown, Since::Exact);
    let code = ReasonCode::PipelinePaused;
    Some(reason(facts, code, Level::Warn, &text, since))
}

/// The part that starts runs gives no sign of life, though runs are still accepted.
fn scheduler(facts: &Facts<'_>) -> Option<Reason> {
    let scheduler = facts.orchestrator?.scheduler()?;
    if scheduler.health != PartHealth::Unhealthy {
        return None;
    }
    let since = scheduler.heartbeat.map_or(Since::Unknown, Since::Exact);
    let text = format!("the scheduler of {} is dead: no run starts", facts.source);
    let code = ReasonCode::PipelineScheduler;
    Some(reason(facts, code, Level::Warn, &text, since))
}

/// The pipeline cannot be loaded, or is not there.
fn broken(facts: &Facts<'_>) -> Option<Reason> {
    let text = match facts.definition {
        Some(definition) if definition.broken => {
            format!("pipeline {} cannot be loaded", facts.name)
        }
        None if facts.definitions_read => {
            format!("{} holds no pipeline {}", facts.source, facts.name)
        }
        _ => return None,
    };
    let code = ReasonCode::PipelineMissing;
    Some(reason(facts, code, Level::Warn, &text, Since::Unknown))
}

/// The orchestrator was read and no longer answers: what is said of retraining may be over.
fn unread(facts: &Facts<'_>) -> Option<Reason> {
    if facts.current || facts.definition.is_none() {
        return None;
    }
    let text = format!(
        "{} does not answer: how retraining goes is not known",
        facts.source
    );
    let code = ReasonCode::PipelineUnread;
    Some(reason(facts, code, Level::Info, &text, Since::Unknown))
}

/// The median of the last durations, of the runs that ended well: what the next one may take. `None`
/// under three of them.
pub fn usual_duration<'a>(runs: impl Iterator<Item = &'a PipelineRun>) -> Option<Duration> {
    let well = runs.filter(|run| run.state == PipelineState::Ended(Ending::Success));
    let mut lasted: Vec<Duration> = well
        .filter_map(|run| Some(run.ended?.since(run.started?)))
        .collect();
    lasted.sort();
    (lasted.len() >= 3).then(|| lasted[lasted.len() / 2])
}

#[cfg(test)]
#[path = "retrain_tests.rs"]
mod tests;
