//! What the journal keeps of writes, and what it says of one when its records are read together.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::act::{Receipt, Sighting};
use super::plan::{Plan, PlanId, Weight};
use crate::domain::text::Clean;
use crate::domain::time::Millis;

/// Who acts.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Actor {
    /// The user at this machine.
    pub user: Clean,
    /// This machine.
    pub host: Clean,
    /// Who the registry takes us for, where it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<Clean>,
}

impl Actor {
    /// The name that teammates know: the registry's, else the user's at this machine.
    pub fn name(&self) -> Clean {
        match &self.account {
            Some(account) => account.clone(),
            None => Clean::text(&format!("{}@{}", self.user, self.host)),
        }
    }
}

/// One record of a write.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Record {
    /// A plan begins.
    PlanBegun {
        /// The plan.
        plan: Arc<Plan>,
        /// Why.
        reason: Clean,
        /// Who.
        actor: Actor,
    },
    /// A step is about to be sent.
    StepIntent {
        /// Which plan.
        plan: PlanId,
        /// Which step of it, from 0.
        step: usize,
    },
    /// A step has ended.
    StepEnded {
        /// Which plan.
        plan: PlanId,
        /// Which step of it, from 0.
        step: usize,
        /// How.
        end: StepEnd,
        /// What its server gave.
        #[serde(default)]
        receipt: Receipt,
    },
    /// A plan has ended.
    PlanEnded {
        /// Which plan.
        plan: PlanId,
        /// How.
        outcome: Outcome,
        /// In words.
        words: Clean,
    },
    /// A step whose end nobody had seen was looked up later: by another process, or on request.
    Resolved {
        /// Which plan.
        plan: PlanId,
        /// Which step of it, from 0.
        step: usize,
        /// What was found.
        end: StepEnd,
        /// What was found of what it made.
        #[serde(default)]
        receipt: Receipt,
    },
}

/// A record and when it was written.
pub type Stamped = (Millis, Record);

impl Record {
    /// The plan it is about.
    pub fn plan(&self) -> &PlanId {
        match self {
            Self::PlanBegun { plan, .. } => &plan.id,
            Self::StepIntent { plan, .. }
            | Self::StepEnded { plan, .. }
            | Self::PlanEnded { plan, .. }
            | Self::Resolved { plan, .. } => plan,
        }
    }
}

/// How a step ended, as read back from its server.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StepEnd {
    /// How.
    pub how: How,
    /// In words.
    pub words: Clean,
}

/// The ways a step can end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// It was so already: nothing was sent.
    Already,
    /// The wanted state was seen after it was sent.
    Done,
    /// Somebody else had changed the target since it was read: nothing was sent.
    Moved,
    /// The server refused it, or it could not be sent: nothing has changed.
    Refused,
    /// It was sent, no answer came, and the old state is still there.
    NotApplied,
    /// It took effect, and somebody else has changed the target since.
    Overtaken,
    /// The server took it, and the wanted state was not seen in time.
    NotSeen,
    /// Nobody can tell yet.
    Unknown,
    /// An earlier step stopped the plan: nothing was sent.
    Skipped,
}

impl How {
    /// The word in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Already => "already",
            Self::Done => "done",
            Self::Moved => "moved",
            Self::Refused => "refused",
            Self::NotApplied => "not-applied",
            Self::Overtaken => "overtaken",
            Self::NotSeen => "not-seen",
            Self::Unknown => "unknown",
            Self::Skipped => "skipped",
        }
    }

    /// Whether the wanted state was seen.
    pub fn is_good(self) -> bool {
        matches!(self, Self::Already | Self::Done)
    }

    /// Whether something of ours has changed, as far as is known.
    pub fn applied(self) -> bool {
        matches!(self, Self::Done | Self::Overtaken | Self::NotSeen)
    }
}

impl StepEnd {
    /// An end.
    pub fn new(how: How, words: &str) -> Self {
        Self {
            how,
            words: Clean::text(words),
        }
    }

    /// An end as it was seen.
    pub fn seen(how: How, sighting: &Sighting) -> Self {
        Self {
            how,
            words: sighting.words.clone(),
        }
    }
}

/// How a write ended, as read back from the servers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The wanted state was seen.
    Done,
    /// The old state was seen, or somebody else's.
    NotApplied,
    /// Some required steps took effect, and another did not.
    PartlyApplied,
    /// Applied, and the world has not followed yet.
    NotConverged,
    /// Nobody can tell yet.
    Unknown,
}

impl Outcome {
    /// The word in JSON and in the journal.
    pub fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::NotApplied => "not-applied",
            Self::PartlyApplied => "partly-applied",
            Self::NotConverged => "not-converged",
            Self::Unknown => "unknown",
        }
    }

    /// In words.
    pub fn text(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::NotApplied => "not applied",
            Self::PartlyApplied => "partly applied",
            Self::NotConverged => "applied, not converged",
            Self::Unknown => "outcome unknown",
        }
    }

    /// The outcome of a plan whose steps ended so, in their order. Steps of best effort do not count.
    pub fn of(ends: impl IntoIterator<Item = (Weight, How)>) -> Self {
        let required: Vec<How> = ends
            .into_iter()
            .filter(|(weight, _)| *weight == Weight::Required)
            .map(|(_, how)| how)
            .collect();
        if required.contains(&How::Unknown) {
            Self::Unknown
        } else if required.iter().all(|how| how.is_good()) {
            Self::Done
        } else if required.contains(&How::NotSeen) {
            Self::NotConverged
        } else if required.iter().any(|how| how.applied()) {
            Self::PartlyApplied
        } else {
            Self::NotApplied
        }
    }
}

/// A write as its records tell it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Written {
    /// The plan.
    pub plan: Arc<Plan>,
    /// Why.
    pub reason: Clean,
    /// Who.
    pub actor: Actor,
    /// When it began.
    pub began: Millis,
    /// Its steps, each as far as it is known.
    pub steps: Vec<Progress>,
    /// How it ended, and when: by its process, or by what was found later.
    pub ended: Option<(Outcome, Millis)>,
    /// How it ended, in words.
    pub words: Clean,
    /// The plan that took it back, if one did.
    pub undone_by: Option<PlanId>,
}

/// How far a step has come.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Progress {
    /// When it was about to be sent.
    pub intended: Option<Millis>,
    /// How it ended, and when.
    pub ended: Option<(StepEnd, Millis)>,
    /// What its server gave.
    pub receipt: Receipt,
}

impl Written {
    /// Steps that were about to be sent and whose end nobody has seen: what must be looked up.
    pub fn open(&self) -> impl Iterator<Item = usize> + '_ {
        self.steps.iter().enumerate().filter_map(|(index, step)| {
            let open = match &step.ended {
                None => step.intended.is_some(),
                Some((end, _)) => end.how == How::Unknown,
            };
            open.then_some(index)
        })
    }

    /// The steps that undo would invert, newest first: those that took effect.
    pub fn applied(&self) -> impl Iterator<Item = usize> + '_ {
        let took = |step: &Progress| {
            step.ended
                .as_ref()
                .is_some_and(|(end, _)| end.how.applied())
        };
        let steps = self.steps.iter().enumerate().rev();
        steps.filter_map(move |(index, step)| took(step).then_some(index))
    }
}

/// The writes of some journals, oldest first.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Writes {
    by_id: BTreeMap<PlanId, Written>,
}

impl Writes {
    /// Takes a record in, in the order of its journal. One about a plan whose beginning is not there is
    /// passed over.
    pub fn take(&mut self, record: &Record, at: Millis) {
        if let Record::PlanBegun {
            plan,
            reason,
            actor,
        } = record
        {
            let written = Written {
                plan: Arc::clone(plan),
                reason: reason.clone(),
                actor: actor.clone(),
                began: at,
                steps: vec![Progress::default(); plan.steps.len()],
                ended: None,
                words: Clean::empty(),
                undone_by: None,
            };
            self.by_id.entry(plan.id.clone()).or_insert(written);
            return;
        }
        let Some(written) = self.by_id.get_mut(record.plan()) else {
            return;
        };
        match record {
            Record::PlanBegun { .. } => {}
            Record::StepIntent { step, .. } => {
                if let Some(step) = written.steps.get_mut(*step) {
                    step.intended = Some(at);
                }
            }
            Record::StepEnded {
                step, end, receipt, ..
            } => {
                if let Some(step) = written.steps.get_mut(*step) {
                    step.ended = Some((end.clone(), at));
                    step.receipt = receipt.clone();
                }
            }
            Record::PlanEnded { outcome, words, .. } => {
                written.ended = Some((*outcome, at));
                written.words = words.clone();
            }
            Record::Resolved {
                step, end, receipt, ..
            } => {
                if let Some(step) = written.steps.get_mut(*step) {
                    step.ended = Some((end.clone(), at));
                    if receipt.id.is_some() {
                        step.receipt = receipt.clone();
                    }
                }
                let steps = written.plan.steps.iter().zip(&written.steps);
                let ends = steps.map(|(step, progress)| {
                    let how = match (&progress.ended, progress.intended) {
                        (Some((end, _)), _) => end.how,
                        (None, Some(_)) => How::Unknown,
                        (None, None) => How::Skipped,
                    };
                    (step.weight, how)
                });
                written.ended = Some((Outcome::of(ends), at));
                written.words = end.words.clone();
            }
        }
        let undone = written
            .ended
            .filter(|(outcome, _)| *outcome == Outcome::Done)
            .and_then(|_| Some((written.plan.undoes.clone()?, written.plan.id.clone())));
        if let Some((old, by)) = undone
            && let Some(old) = self.by_id.get_mut(&old)
        {
            old.undone_by = Some(by);
        }
    }

    /// All, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Written> {
        self.by_id.values()
    }

    /// One.
    pub fn get(&self, id: &PlanId) -> Option<&Written> {
        self.by_id.get(id)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }
}
