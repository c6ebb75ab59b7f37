//! Training again from the console: what its form rests on is read first, and runs that were asked for are
//! followed until the version that they register is there. What the form asks is in [`super::form`].

use std::collections::BTreeSet;
use std::time::Duration;

use super::form;
use super::verbs::lacking;
use super::{App, Effects};
use crate::domain::action::verbs::promote::PromoteRequest;
use crate::domain::action::verbs::retrain;
use crate::domain::action::verbs::retrain_form::{self, Known};
use crate::domain::action::{Act, Outcome, PlanId, Verb, Wish, Written};
use crate::domain::fault::Fault;
use crate::domain::fleet::made::Made;
use crate::domain::key::{Key, ModelKey, SourceId, VersionKey};
use crate::domain::observation::Right;
use crate::domain::pipeline::{
    Ending, PipelineDetails, PipelineRunKey, PipelineState, Produced, ProducedBy,
};
use crate::domain::query::{Detail, Query};
use crate::domain::text::Clean;
use crate::intent::command::Command;
use crate::intent::msg::{Effect, Notice};
use crate::panes::{Place, Thing};

/// What ended longer ago is no news.
const NEWS: Duration = Duration::from_secs(10 * 60);

/// What is read before a form can be filled in.
#[derive(Debug)]
struct Asking {
    model: ModelKey,
    /// Where it was asked for: whoever goes elsewhere does not want it any more.
    place: Place,
    left: Vec<(SourceId, Query)>,
    details: Option<PipelineDetails>,
}

/// A run that has ended and whose versions are looked for.
#[derive(Debug)]
struct Sought {
    plan: PlanId,
    run: PipelineRunKey,
    left: Option<Vec<(SourceId, Query)>>,
    results: Vec<Produced>,
}

/// What the root knows of training again.
#[derive(Debug, Default)]
pub(super) struct Training {
    asking: Option<Asking>,
    sought: Option<Sought>,
    /// Plans whose run has been followed to its end.
    told: BTreeSet<PlanId>,
    /// The version that was registered last by a run that was asked for here.
    offered: Option<VersionKey>,
}

impl App {
    /// Why a model cannot be trained again, or its pipeline be gone to, now.
    pub(super) fn cannot_train(&self, command: Command, model: &ModelKey) -> Option<Clean> {
        let why = |text: &str| Some(Clean::text(text));
        let Some(training) = self.fleet.training(model) else {
            return why(
                "no pipeline trains it: tag it quarterdeck.pipeline = URL, or set [models.NAME] pipeline",
            );
        };
        let Some(key) = &training.pipeline else {
            return why(&format!(
                "{} holds no pipeline {}: mend quarterdeck.pipeline, or see whether it was read",
                training.source, training.name
            ));
        };
        if command == Command::GoPipeline {
            return match self.fleet.newest_training(model) {
                Some(_) => None,
                None => why("no run of its pipeline is known"),
            };
        }
        let act = Act::TriggerRun {
            pipeline: key.id.clone(),
            run: Key::new(""),
            parameters: Key::new("{}"),
            note: Clean::empty(),
            api: 3,
        };
        if self.fleet.right(&training.source, &act) == Right::Denied {
            return Some(lacking(&act, &training.source));
        }
        None
    }

    /// Goes to the last run of the pipeline that trains the selected model.
    pub(super) fn go_to_training(&mut self, thing: Option<&Thing>) {
        let model = self.model_of(thing);
        let run = model.and_then(|model| {
            let run = self.fleet.newest_training(&model)?;
            Some(run.key.clone())
        });
        if let Some(run) = run {
            self.history.open(Place::PipelineRun(run));
        }
    }

    /// Why the gates of what was trained cannot be opened.
    pub(super) fn nothing_trained(&self) -> Option<Clean> {
        let none = self.training.offered.is_none();
        none.then(|| Clean::text("no run that was asked for here has registered a version yet"))
    }

    /// Begins to ask for the parameters of a model's pipeline.
    pub(super) fn retrain(&mut self, model: &ModelKey) {
        let left = retrain_form::needs(&self.fleet, model);
        let name = self.fleet.training(model).map(|t| t.name.clone());
        self.say(format!(
            "reading the parameters of {}",
            name.unwrap_or_default()
        ));
        self.training.asking = Some(Asking {
            model: model.clone(),
            place: self.place(),
            left,
            details: None,
        });
    }

    /// The gate sheet of the version that was registered last.
    pub(super) fn promote_trained(&mut self) {
        let Some(version) = self.training.offered.clone() else {
            return;
        };
        let alias = Key::new(&self.fleet.settings().policy.champion);
        self.wish(Wish::Promote(PromoteRequest {
            model: version.model,
            alias,
            to: version.version,
            reason: Clean::empty(),
            overrides: std::collections::BTreeMap::new(),
        }));
    }

    /// What training again still has to read.
    pub(super) fn training_needs(&self) -> Vec<(SourceId, Query)> {
        let asking = self.training.asking.iter().flat_map(|a| &a.left);
        let sought = self.training.sought.iter().filter_map(|s| s.left.as_ref());
        asking.chain(sought.flatten()).cloned().collect()
    }

    /// A detail has come that training again may wait for.
    pub(super) fn training_fetched(&mut self, query: &Query, result: &Result<Detail, Fault>) {
        if let Some(sought) = &mut self.training.sought
            && let Some(left) = &mut sought.left
        {
            let before = left.len();
            left.retain(|(_, wanted)| wanted != query);
            if left.len() < before
                && let Ok(Detail::Produced(all)) = result
            {
                sought.results.clone_from(all);
            }
        }
        let Some(asking) = &mut self.training.asking else {
            return;
        };
        let before = asking.left.len();
        asking.left.retain(|(_, wanted)| wanted != query);
        if asking.left.len() == before {
            return;
        }
        match (query, result) {
            (_, Ok(Detail::Pipeline(details))) => asking.details = Some((**details).clone()),
            // Without the parameters there is no form; the rest only fills it in.
            (Query::Pipeline(_), Err(fault)) => {
                let text = format!("Retrain: its parameters are not read: {}", fault.line());
                self.training.asking = None;
                self.notice = Some(Notice {
                    bad: true,
                    text: Clean::text(&text),
                });
            }
            _ => {}
        }
    }

    /// Opens the form once everything it rests on is read, and follows runs that were asked for.
    pub(super) fn settle_training(&mut self, effects: &mut Effects) {
        self.settle_asking();
        self.settle_sought(effects);
    }

    fn settle_asking(&mut self) {
        let Some(asking) = self.training.asking.take() else {
            return;
        };
        if asking.place != self.place() {
            return;
        }
        let busy = self.dialog.is_some() || self.sheet.is_some() || self.form.is_some();
        if busy || self.typing.is_some() || !asking.left.is_empty() {
            self.training.asking = Some(asking);
            return;
        }
        let Some(details) = asking.details else {
            return;
        };
        self.notice = None;
        let known = Known::of(&self.fleet, &asking.model, self.now.wall);
        let fields = retrain_form::form(&details.params, &known);
        let form = form::retrain::form(&asking.model, fields, &self.fleet);
        self.fill_in(form);
    }

    /// The oldest write of ours whose run has ended lately and was not followed to its version yet.
    fn ended_run(&self) -> Option<(PlanId, PipelineRunKey)> {
        let here = &self.fleet.context().name;
        let ours = |written: &&Written| {
            let plan = &written.plan;
            plan.verb == Verb::Retrain
                && plan.context == *here
                && matches!(written.ended, Some((Outcome::Done, _)))
                && !self.training.told.contains(&plan.id)
        };
        self.writing.writes.iter().filter(ours).find_map(|written| {
            let run = retrain::run_of(&written.plan, &self.fleet)?;
            let fact = &self.fleet.pipeline_run(&run)?.fact;
            let ended = fact.ended.filter(|_| !fact.state.is_live())?;
            let fresh = self.now.wall.since(ended) < NEWS;
            fresh.then(|| (written.plan.id.clone(), run))
        })
    }

    fn settle_sought(&mut self, effects: &mut Effects) {
        let Some(mut sought) = self.training.sought.take() else {
            let Some((plan, run)) = self.ended_run() else {
                return;
            };
            // The registry has news of it.
            effects.push(Effect::Refresh(None));
            self.training.sought = Some(Sought {
                plan,
                run,
                left: None,
                results: Vec::new(),
            });
            return;
        };
        let Some(held) = self.fleet.pipeline_run(&sought.run) else {
            return;
        };
        let fact = held.fact.clone();
        let name = |made: &[Made]| -> Clean {
            let model = made.first().map(|made| made.version.model.clone());
            let model =
                model.or_else(|| self.fleet.models_of_pipeline_run(&fact).into_iter().next());
            model.map_or_else(Clean::empty, |model| model.name.clean())
        };
        if fact.state.is_live() {
            // It was put back: its end is still to come.
            return;
        }
        if fact.state != PipelineState::Ended(Ending::Success) {
            let at = fact.failed_at.as_ref();
            let at = at.map_or_else(String::new, |at| format!(" at `{}`", at.task.shown));
            let text = format!(
                "the training of {} ended: {}{at} · g p opens the run",
                name(&[]),
                fact.state.word()
            );
            self.training.told.insert(sought.plan);
            self.notice = Some(Notice {
                bad: true,
                text: Clean::text(&text),
            });
            return;
        }
        if sought.left.is_none() {
            sought.left = Some(self.fleet.unread_of_pipeline_run(&fact));
        }
        let read = sought.left.as_ref().is_some_and(Vec::is_empty);
        let made = self.fleet.made_by_pipeline_run(&fact, &sought.results, &[]);
        let sure = made.iter().any(|made| made.by != ProducedBy::Guess);
        let late = fact.ended.is_none_or(|at| self.now.wall.since(at) >= NEWS);
        let Some(first) = made.first().filter(|_| sure || read) else {
            if late {
                self.training.told.insert(sought.plan);
            } else {
                self.training.sought = Some(sought);
            }
            return;
        };
        let text = format!(
            "{} {} is registered ({}) · P opens its gates",
            name(&made),
            first.text,
            first.by.words()
        );
        self.training.offered = Some(first.version.clone());
        self.training.told.insert(sought.plan);
        self.notice = Some(Notice {
            bad: false,
            text: Clean::text(&text),
        });
    }
}
