//! Starting, awaiting, ending and repeating runs: what is seen of it, and the one request.
//!
//! A run bears an identity that we have chosen at random: that it is there means that our request made
//! it, whatever became of the answer.

use super::wire::{Dag, RunRow};
use super::{Airflow, map};
use crate::domain::action::{Act, Delivery, Receipt, Seen, Sighting, Ticket};
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::key::Key;
use crate::domain::pipeline::{
    Ending, LogLine, PipelineKey, PipelineRun, PipelineRunKey, PipelineState, Task, tries,
};
use crate::domain::text::Clean;
use crate::sources::routes::ReadRoute;
use crate::sources::unable;

/// The most tasks that are named of a run that failed.
const MOST_NAMED: usize = 5;
/// The most of a log that is told of a task that failed, in characters.
const SAID: usize = 300;

/// What a log says last of what went wrong: its last error, else its last line.
fn last_words(lines: &[LogLine]) -> Option<Clean> {
    let is_error = |line: &&LogLine| matches!(line.level.as_str(), "error" | "critical" | "fatal");
    let told = |line: &&LogLine| !line.text.is_empty();
    let errors = lines.iter().rev().filter(is_error);
    let last = errors.chain(lines.iter().rev()).find(told)?;
    Some(Clean::limited(last.text.as_str(), SAID))
}

impl Airflow {
    pub(super) async fn look_at(&self, act: &Act) -> Result<Sighting, Fault> {
        match act {
            Act::TriggerRun { pipeline, run, .. } => match self.find(pipeline, run).await? {
                Some(run) => {
                    let words = format!("run {} is {}", run.key.id.clean(), run.state.word());
                    Ok(Sighting::new(Seen::After, &words))
                }
                None => self.look_at_pipeline(pipeline).await,
            },
            Act::AwaitRun { pipeline, run, .. } => self.look_at_run(pipeline, run).await,
            Act::CancelRun { pipeline, run, .. } => self.look_at_end(pipeline, run).await,
            Act::RetryRun {
                pipeline,
                run,
                tries: before,
                ..
            } => self.look_at_retry(pipeline, run, *before).await,
            other => Err(unable(&self.id, other)),
        }
    }

    pub(super) async fn send_act(&self, ticket: &Ticket) -> Delivery {
        let (pipeline, run) = match ticket.act() {
            Act::TriggerRun { pipeline, run, .. }
            | Act::CancelRun { pipeline, run, .. }
            | Act::RetryRun { pipeline, run, .. } => (pipeline, run),
            other => return Delivery::Refused(unable(&self.id, other)),
        };
        let made = Receipt {
            id: Some(run.clone()),
            ..Receipt::default()
        };
        match self.http.write(ticket).await {
            Ok(_) => Delivery::Taken(made),
            Err(unsent) => match Delivery::from(unsent) {
                // Of a run that is there already, 3.x says no more than that something is not unique.
                Delivery::Refused(fault)
                    if fault.kind == FaultKind::Refused
                        && matches!(ticket.act(), Act::TriggerRun { .. }) =>
                {
                    match self.find(pipeline, run).await {
                        Ok(Some(_)) => Delivery::Taken(made),
                        Ok(None) => Delivery::Refused(fault),
                        Err(_) => Delivery::Unclear(fault),
                    }
                }
                delivery => delivery,
            },
        }
    }

    fn run_key(&self, pipeline: &Key, run: &Key) -> PipelineRunKey {
        PipelineRunKey {
            pipeline: PipelineKey {
                base: self.base.clone(),
                id: pipeline.clone(),
            },
            id: run.clone(),
        }
    }

    /// A run, if it is there.
    async fn find(&self, pipeline: &Key, run: &Key) -> Result<Option<PipelineRun>, Fault> {
        let api = self.api().await?;
        let route = ReadRoute::AirflowRun(api, pipeline.clone(), run.clone());
        match self.ask::<RunRow>(&route, Vec::new()).await {
            Ok((row, _)) => Ok(map::run(&self.base, &row)),
            Err(fault) if fault.kind == FaultKind::NotFound => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// The pipeline of a run that is not there.
    async fn look_at_pipeline(&self, pipeline: &Key) -> Result<Sighting, Fault> {
        let api = self.api().await?;
        let route = ReadRoute::AirflowDetails(api, pipeline.clone());
        let name = pipeline.clean();
        match self.ask::<Dag>(&route, Vec::new()).await {
            Ok((dag, _)) if dag.is_paused => {
                let words = format!("no such run; {name} is paused, a run would wait");
                Ok(Sighting::new(Seen::Before, &words))
            }
            Ok(_) => Ok(Sighting::new(Seen::Before, "no such run")),
            Err(fault) if fault.kind == FaultKind::NotFound => {
                let words = format!("there is no pipeline {name}");
                Ok(Sighting::new(Seen::Other, &words))
            }
            Err(fault) => Err(fault),
        }
    }

    /// Whether a run has ended well. One that has ended otherwise is told with where and why.
    async fn look_at_run(&self, pipeline: &Key, run: &Key) -> Result<Sighting, Fault> {
        let name = run.clean();
        let Some(found) = self.find(pipeline, run).await? else {
            let words = format!("run {name} is not there any more");
            return Ok(Sighting::new(Seen::Other, &words));
        };
        let seen = match &found.state {
            PipelineState::Ended(Ending::Success) => {
                return Ok(Sighting::new(
                    Seen::After,
                    &format!("run {name} ended well"),
                ));
            }
            PipelineState::Ended(Ending::Failed) => {
                let mut words = format!("run {name} failed");
                // That it failed is known: where and why are told as far as they can be read.
                if let Ok(tasks) = self.tasks(&self.run_key(pipeline, run)).await {
                    words.push_str(&self.failure(&found.key, &tasks).await);
                }
                return Ok(Sighting::new(Seen::Other, &words));
            }
            PipelineState::Ended(_) => Seen::Other,
            _ => Seen::Between,
        };
        let words = format!("run {name} is {}", found.state.word());
        Ok(Sighting::new(seen, &words))
    }

    /// At which tasks a run failed, and what the first of them said last: ` at `deploy`: no quota`.
    async fn failure(&self, run: &PipelineRunKey, tasks: &[Task]) -> String {
        let failed: Vec<&Task> = tasks.iter().filter(|task| task.state.is_failed()).collect();
        let names: Vec<String> = failed
            .iter()
            .take(MOST_NAMED)
            .map(|task| format!("`{}`", task.name))
            .collect();
        let Some(first) = failed.first() else {
            return String::new();
        };
        let log = match first.log(run) {
            Some(log) => self.log(&log, None).await.ok(),
            None => None,
        };
        let said = log.as_ref().and_then(|chunk| last_words(&chunk.lines));
        let said = said.map_or_else(String::new, |said| format!(": {said}"));
        format!(" at {}{said}", names.join(", "))
    }

    /// Whether a run has ended from outside: Airflow calls it failed at once, while its tasks hear of it
    /// at their next sign of life.
    async fn look_at_end(&self, pipeline: &Key, run: &Key) -> Result<Sighting, Fault> {
        let Some(found) = self.find(pipeline, run).await? else {
            return Ok(Sighting::new(Seen::Other, "the run is not there"));
        };
        let (seen, words) = match &found.state {
            PipelineState::Ended(Ending::Success) => (
                Seen::Other,
                "it ended well before it could be cancelled".to_owned(),
            ),
            PipelineState::Ended(_) => {
                let tasks = self.tasks(&self.run_key(pipeline, run)).await?;
                let running = tasks.iter().filter(|t| t.state == PipelineState::Running);
                let names: Vec<String> = running.map(|t| format!("`{}`", t.name)).collect();
                if names.is_empty() {
                    (Seen::After, "the run has ended".to_owned())
                } else {
                    let still = names.join(", ");
                    (
                        Seen::Between,
                        format!("the run has ended, {still} still runs"),
                    )
                }
            }
            state => (Seen::Before, format!("the run is {}", state.word())),
        };
        Ok(Sighting::new(seen, &words))
    }

    /// Whether tasks of a run were put back: the run lives again, or has been tried more often.
    async fn look_at_retry(
        &self,
        pipeline: &Key,
        run: &Key,
        before: u32,
    ) -> Result<Sighting, Fault> {
        let Some(found) = self.find(pipeline, run).await? else {
            return Ok(Sighting::new(Seen::Other, "the run is not there"));
        };
        let now = tries(&self.tasks(&self.run_key(pipeline, run)).await?);
        let word = found.state.word();
        let words = format!("the run is {word}, with {now} attempts at its tasks");
        let seen = if found.state.is_live() || now > before {
            Seen::After
        } else if found.state == PipelineState::Ended(Ending::Success) {
            Seen::Other
        } else {
            Seen::Before
        };
        Ok(Sighting::new(seen, &words))
    }
}
