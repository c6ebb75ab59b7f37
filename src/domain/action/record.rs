//! What the journal keeps of writes, and what it says of one when its records are read together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::act::{Act, Receipt, Sighting};
use super::plan::{Plan, PlanId, Step, Weight};
use crate::domain::key::{Key, ModelKey};
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
    /// Somebody has seen to a plan of which nothing more can be looked up: it is open no more, and its
    /// outcome stays unknown.
    SeenTo {
        /// Which plan.
        plan: PlanId,
        /// Who.
        actor: Actor,
        /// What was known then.
        words: Clean,
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
            | Self::Resolved { plan, .. }
            | Self::SeenTo { plan, .. } => plan,
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
    /// Whether its server refused it to this account: the right is missing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forbidden: bool,
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
    /// It was sent, no answer came, and the old state is still there; or what was waited for has ended in
    /// another way.
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
            forbidden: false,
        }
    }

    /// An end as it was seen.
    pub fn seen(how: How, sighting: &Sighting) -> Self {
        Self {
            how,
            words: sighting.words.clone(),
            forbidden: false,
        }
    }

    /// The refusal of an act that this account may not do.
    pub fn forbidden(words: &str) -> Self {
        Self {
            forbidden: true,
            ..Self::new(How::Refused, words)
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

impl Plan {
    /// The outcome once its steps have ended so, in their order. A claim only says what is about to be done:
    /// where nothing else took effect, nothing was applied.
    pub fn outcome(&self, hows: impl IntoIterator<Item = How>) -> Outcome {
        let ends = self.steps.iter().zip(hows).map(|(step, how)| {
            let claims = matches!(
                step.act,
                Act::MakeLedger { .. } | Act::MakeLedgerRun { .. } | Act::Claim { .. }
            );
            let how = match how {
                How::Done if claims => How::Already,
                How::Overtaken if claims => How::Moved,
                How::NotSeen if claims => How::NotApplied,
                how => how,
            };
            (step.weight, how)
        });
        Outcome::of(ends)
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
    /// Who has seen to it that it is open no more though nobody knows how it ended, and when.
    pub seen_to: Option<(Actor, Millis)>,
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
    /// Whether its end was looked up later. What was found then stands before what its process knew.
    resolved: bool,
}

impl Progress {
    /// Whether nobody saw its end and it was looked up later.
    pub fn was_looked_up(&self) -> bool {
        self.resolved
    }

    /// How it ended, as far as it is known: what was about to be sent and has no end is unknown.
    pub fn how(&self) -> How {
        match (&self.ended, self.intended) {
            (Some((end, _)), _) => end.how,
            (None, Some(_)) => How::Unknown,
            (None, None) => How::Skipped,
        }
    }
}

impl Written {
    /// Whether nobody knows how it ended, and nobody has seen to it.
    pub fn is_open(&self) -> bool {
        self.seen_to.is_none() && (self.ended.is_none() || self.open().next().is_some())
    }

    /// Whether it was looked up and that told nothing: a hook leaves no trace once its process is gone, and
    /// what others have changed since does not say what was before it.
    pub fn cannot_be_told(&self) -> bool {
        matches!(self.ended, Some((Outcome::Unknown, _))) && self.is_open()
    }

    /// The step whose turn it is, while it has not ended.
    pub fn at(&self) -> Option<(usize, &Step)> {
        if self.ended.is_some() {
            return None;
        }
        let next = self.steps.iter().position(|step| step.ended.is_none())?;
        Some((next, self.plan.steps.get(next)?))
    }

    /// The move of an alias that it is about: the model, the alias, and what it points at afterwards; the
    /// last one where there are several.
    pub fn moves(&self) -> Option<(usize, &ModelKey, &Key, Option<&Key>)> {
        let steps = self.plan.steps.iter().enumerate().rev();
        steps
            .filter(|(_, step)| step.weight == Weight::Required)
            .find_map(|(index, step)| {
                let moved = step.act.alias_move()?;
                let to = moved.to.map(|pin| &pin.version);
                Some((index, moved.model, moved.alias, to))
            })
    }

    /// What is to be written down of it when its process ends before it: the step on its way is unknown,
    /// the one that only watches has not been seen, and the others were not begun.
    pub fn left(&self) -> Vec<Record> {
        let Some((at, step)) = self.at() else {
            return Vec::new();
        };
        let id = &self.plan.id;
        let mut hows: Vec<How> = self.steps.iter().map(Progress::how).collect();
        let mut records = Vec::new();
        let mut words = Clean::text("left before this was sent");
        let so_far = hows.iter().zip(&self.plan.steps).take(at);
        let stopped = so_far
            .into_iter()
            .any(|(how, step)| step.weight == Weight::Required && !how.is_good());
        let end = match (step.act.sends(), self.steps[at].intended) {
            (true, Some(_)) => Some((How::Unknown, "left while it was on its way")),
            (false, _) if !stopped => Some((How::NotSeen, "left before it was seen")),
            _ => None,
        };
        if let Some((how, why)) = end {
            words = Clean::text(why);
            hows[at] = how;
            records.push(Record::StepEnded {
                plan: id.clone(),
                step: at,
                end: StepEnd::new(how, why),
                receipt: Receipt::default(),
            });
        }
        records.push(Record::PlanEnded {
            plan: id.clone(),
            outcome: self.plan.outcome(hows),
            words,
        });
        records
    }

    /// The outcome as its steps tell it.
    fn told_by_steps(&self) -> Outcome {
        self.plan.outcome(self.steps.iter().map(Progress::how))
    }

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

/// What the journals of a machine tell when they are read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Journals {
    /// The records, each journal's in its own order.
    pub records: Vec<Stamped>,
    /// Plans that have not ended and whose processes live: how they end is theirs to say.
    pub living: BTreeSet<PlanId>,
    /// What could not be read, and torn ends that were set aside, whenever that was.
    pub remarks: Vec<Clean>,
    /// Of these, what was not so at the reading before.
    pub news: Vec<Clean>,
}

/// The writes of some journals, oldest first.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Writes {
    by_id: BTreeMap<PlanId, Written>,
    /// Plans of this process that have begun and not ended.
    here: BTreeSet<PlanId>,
    /// Plans of other living processes.
    elsewhere: BTreeSet<PlanId>,
    remarks: Vec<Clean>,
    revision: u64,
}

impl Writes {
    /// No writes.
    pub const fn new() -> Self {
        Self {
            by_id: BTreeMap::new(),
            here: BTreeSet::new(),
            elsewhere: BTreeSet::new(),
            remarks: Vec::new(),
            revision: 0,
        }
    }

    /// The writes that journals tell of.
    pub fn of(journals: &Journals) -> Self {
        let mut writes = Self::new();
        writes.read(journals);
        writes
    }

    /// Takes in what journals tell: as often as they are read, and whatever is known of them already. A
    /// record can stand in another journal than the plan that it is about, and clocks may have stepped
    /// between the two, so that plans come first.
    pub fn read(&mut self, journals: &Journals) {
        let begins = |(_, record): &&Stamped| matches!(record, Record::PlanBegun { .. });
        let records = journals.records.iter();
        let rest = journals.records.iter().filter(|record| !begins(record));
        for (at, record) in records.filter(begins).chain(rest) {
            self.take(record, *at);
        }
        self.elsewhere.clone_from(&journals.living);
        self.remarks.clone_from(&journals.remarks);
        self.revision += 1;
    }

    /// Takes a record of this process in.
    pub fn wrote(&mut self, record: &Record, at: Millis) {
        self.take(record, at);
        match record {
            Record::PlanBegun { plan, .. } => {
                self.here.insert(plan.id.clone());
            }
            Record::PlanEnded { plan, .. } => {
                self.here.remove(plan);
            }
            _ => {}
        }
    }

    /// Takes a record in. One about a plan whose beginning is not there is passed over. The same record
    /// may come again.
    pub fn take(&mut self, record: &Record, at: Millis) {
        self.revision += 1;
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
                seen_to: None,
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
                let step = written.steps.get_mut(*step);
                if let Some(step) = step.filter(|step| !step.resolved) {
                    step.ended = Some((end.clone(), at));
                    step.receipt = receipt.clone();
                }
            }
            Record::PlanEnded { outcome, words, .. } => {
                if written.steps.iter().any(|step| step.resolved) {
                    let found = written.ended.map_or(at, |(_, found)| found);
                    written.ended = Some((written.told_by_steps(), found));
                } else {
                    written.ended = Some((*outcome, at));
                    written.words = words.clone();
                }
            }
            Record::SeenTo { actor, words, .. } => {
                written.seen_to = Some((actor.clone(), at));
                let told = written.told_by_steps();
                written.ended.get_or_insert((told, at));
                written.words = words.clone();
            }
            Record::Resolved {
                step, end, receipt, ..
            } => {
                if let Some(step) = written.steps.get_mut(*step) {
                    step.ended = Some((end.clone(), at));
                    step.resolved = true;
                    if receipt.id.is_some() {
                        step.receipt = receipt.clone();
                    }
                }
                written.ended = Some((written.told_by_steps(), at));
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

    /// The plans of this process that have begun and not ended, oldest first.
    pub fn here(&self) -> impl Iterator<Item = &Written> {
        self.here.iter().filter_map(|id| self.by_id.get(id))
    }

    /// Whether a process that lives is about to end it.
    pub fn is_on_its_way(&self, written: &Written) -> bool {
        let id = &written.plan.id;
        written.ended.is_none() && (self.here.contains(id) || self.elsewhere.contains(id))
    }

    /// What of the journals could not be read, and torn ends that were set aside.
    pub fn remarks(&self) -> &[Clean] {
        &self.remarks
    }

    /// Rises whenever anything in it may have changed.
    pub fn revision(&self) -> u64 {
        self.revision
    }
}
