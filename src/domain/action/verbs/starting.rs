//! What a plan rests on that starts a run of a pipeline, whatever the run is for: a definition that is
//! there and can be loaded, an orchestrator that is read, and what the run would wait for.

use super::basis::{Basis, NoPlan};
use crate::domain::action::PlanId;
use crate::domain::fleet::Fleet;
use crate::domain::key::{Key, SourceId};
use crate::domain::pipeline::{Orchestrator, PartHealth, Pipeline, PipelineKey, PipelineRun};
use crate::domain::rules::freshness::Freshness;
use crate::domain::rules::retrain::usual_duration;
use crate::domain::text::Clean;
use crate::domain::time::span;

/// How the run of a plan is called, before the plan's identity: random, so that a run of this name is
/// ours, whatever became of the answer.
const PREFIX: &str = "qd__";
/// The longest note that an orchestrator takes, in characters.
const NOTE: usize = 1_000;

/// The identity of the run that a plan starts.
pub(super) fn run_id(plan: &PlanId) -> Key {
    Key::new(&format!("{PREFIX}{plan}"))
}

/// Who and why, for whoever looks at the run there.
pub(super) fn note(by: &Clean, reason: &Clean) -> Clean {
    let text = match reason.as_str().trim() {
        "" => format!("asked for by {by}"),
        reason => format!("{by}: {reason}"),
    };
    Clean::limited(&text, NOTE)
}

/// What the orchestrator says must be of now.
pub(super) fn rests_on_orchestrator(basis: &mut Basis<'_>, source: &SourceId) {
    match basis.with.fleet.source_freshness(source) {
        Freshness::Live => {}
        fresh => basis.block(format!(
            "{source} is {}: what its runs do is not known",
            fresh.word()
        )),
    }
}

/// A pipeline of which a run can be asked for.
pub(super) struct Startable<'a> {
    source: SourceId,
    pub(super) definition: &'a Pipeline,
    pub(super) orchestrator: &'a Orchestrator,
    pub(super) runs: Vec<&'a PipelineRun>,
}

impl<'a> Startable<'a> {
    /// The pipeline of a source, by its key where one is known and by its name for people.
    ///
    /// # Errors
    /// When it is not there, or nothing is known of what runs it.
    pub(super) fn find(
        fleet: &'a Fleet,
        source: &SourceId,
        key: Option<&'a PipelineKey>,
        name: &Clean,
    ) -> Result<Self, NoPlan> {
        let Some((key, held)) = key.and_then(|key| Some((key, fleet.pipeline(key)?))) else {
            return Err(NoPlan::impossible(format!(
                "{source} holds no pipeline {name}"
            )));
        };
        let Some(orchestrator) = fleet.orchestrator(&key.base) else {
            return Err(NoPlan::impossible(
                "how its orchestrator stands is not read yet",
            ));
        };
        Ok(Self {
            source: source.clone(),
            definition: &held.fact,
            orchestrator: &orchestrator.fact,
            runs: fleet.runs_of_pipeline(key).map(|h| &h.fact).collect(),
        })
    }

    /// What is known of it must be of now, and it must be such as can be loaded.
    pub(super) fn rests(&self, basis: &mut Basis<'_>) {
        rests_on_orchestrator(basis, &self.source);
        if self.definition.broken {
            basis.block(format!(
                "pipeline {} cannot be loaded",
                self.definition.name
            ));
        }
    }

    /// Why a run that is asked for now would not begin, each with how long it would wait.
    pub(super) fn halts(&self) -> Vec<(&'static str, &'static str)> {
        let mut halts = Vec::new();
        if self.definition.paused {
            halts.push(("the pipeline is paused", "until somebody resumes it"));
        }
        if let Some(part) = self.orchestrator.scheduler()
            && part.health == PartHealth::Unhealthy
        {
            halts.push(("the scheduler is dead", "until it lives"));
        }
        halts
    }

    /// What a run would wait for its turn behind, and how long it usually takes then.
    pub(super) fn queue(&self, fleet: &Fleet) -> Vec<String> {
        let mut notes = Vec::new();
        let active = fleet.active_runs(&self.definition.key);
        let waiting = self.runs.iter().filter(|run| run.state.is_waiting());
        let waiting = waiting.count();
        if active + waiting > 0 {
            let limit = self
                .definition
                .max_active
                .map_or_else(String::new, |n| format!(" of at most {n}"));
            notes.push(format!(
                "{active}{limit} running, {waiting} waiting before it"
            ));
        }
        let ended = self.runs.iter().filter(|run| !run.state.is_live());
        let last = ended.max_by_key(|run| run.ended);
        let last = last.and_then(|run| Some((run.ended?.since(run.started?), run.state.word())));
        let last = last.map_or_else(String::new, |(lasted, word)| {
            format!("; the last one took {} ({word})", span(lasted))
        });
        notes.push(match usual_duration(self.runs.iter().copied()) {
            Some(usual) => format!("it usually takes {}{last}", span(usual)),
            None => {
                format!("how long it takes is not known: fewer than three runs ended well{last}")
            }
        });
        notes
    }
}
