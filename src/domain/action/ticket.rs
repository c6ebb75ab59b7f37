//! Writes by type-state: a plan is confirmed, a confirmed plan begins in the journal, a begun plan gives
//! a ticket for a step once that step's intent is in the journal too, and nothing else makes a ticket.

use std::sync::Arc;

use super::act::{Act, Receipt};
use super::plan::{Consent, Mode, Plan, PlanId, Refusal, Step};
use super::record::{Actor, Record, StepEnd};
use super::request::Request;
use crate::domain::text::Clean;
use crate::domain::time::{Millis, Now};

/// Where intents are written down before they are carried out. When `write` returns, the record is on
/// disk.
pub trait IntentLog {
    /// Writes a record down.
    ///
    /// # Errors
    /// With what happened and what to do: nothing may then be sent.
    fn write(&mut self, record: &Record, now: Millis) -> Result<(), Clean>;
}

/// A plan that a person has confirmed.
#[derive(Debug)]
pub struct Confirmed {
    plan: Plan,
    reason: Clean,
}

impl Plan {
    /// Confirms the plan with what a person did. The only way to a [`Confirmed`].
    ///
    /// # Errors
    /// As [`Plan::check`] says; the plan comes back.
    pub fn confirm(
        self,
        mode: &Mode,
        consent: &Consent,
        now: Now,
    ) -> Result<Confirmed, Box<(Self, Refusal)>> {
        match self.check(mode, consent, now) {
            Ok(()) => Ok(Confirmed {
                plan: self,
                reason: consent.reason.clone(),
            }),
            Err(refusal) => Err(Box::new((self, refusal))),
        }
    }
}

/// What must be typed to allow several plans under one consent; `None` where a key is enough. Several are
/// counted, so that nobody confirms three who thinks of one.
pub fn asked_of_all(plans: &[&Plan], mode: &Mode) -> Option<Clean> {
    match plans {
        [] => None,
        [one] => one.asks(mode),
        [first, ..] => {
            let several = format!("{} models", plans.len());
            let all = if mode.protected {
                format!("{}/{several}", first.context)
            } else {
                several
            };
            Some(Clean::text(&all))
        }
    }
}

/// Confirms several plans with one consent: all of them or none.
///
/// # Errors
/// As [`Plan::check`] says of the first that is refused; the plans come back.
pub fn confirm_all(
    plans: Vec<Plan>,
    mode: &Mode,
    consent: &Consent,
    now: Now,
) -> Result<Vec<Confirmed>, Box<(Vec<Plan>, Refusal)>> {
    let asked = asked_of_all(&plans.iter().collect::<Vec<_>>(), mode);
    let checked = plans.iter().try_for_each(|plan| {
        let typed = match (&asked, plan.asks(mode)) {
            // What was typed counts all of them: it stands for the name of each.
            (Some(asked), Some(name)) if *asked == consent.typed.as_str() => name.to_string(),
            _ => consent.typed.clone(),
        };
        let own = Consent {
            typed,
            reason: consent.reason.clone(),
        };
        // What must be typed is the name of all, whichever is checked.
        plan.check(mode, &own, now)
            .map_err(|why| match (why, &asked) {
                (Refusal::WrongName(_), Some(asked)) => Refusal::WrongName(asked.clone()),
                (why, _) => why,
            })
    });
    let typed = match asked {
        Some(asked) if asked != consent.typed.as_str() => Err(Refusal::WrongName(asked)),
        _ => Ok(()),
    };
    match checked.and(typed) {
        Ok(()) => Ok(plans
            .into_iter()
            .map(|plan| Confirmed {
                plan,
                reason: consent.reason.clone(),
            })
            .collect()),
        Err(refusal) => Err(Box::new((plans, refusal))),
    }
}

impl Confirmed {
    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Begins it: the whole plan is written down, with who and why.
    ///
    /// # Errors
    /// When it cannot be written down: nothing was sent, and nothing will be.
    pub fn begin(
        self,
        actor: &Actor,
        log: &mut impl IntentLog,
        now: Millis,
    ) -> Result<Begun, Clean> {
        let plan = Arc::new(self.plan);
        let record = Record::PlanBegun {
            plan: Arc::clone(&plan),
            reason: self.reason.clone(),
            actor: actor.clone(),
        };
        log.write(&record, now)?;
        Ok(Begun {
            plan,
            reason: self.reason,
            next: 0,
            receipts: Vec::new(),
        })
    }
}

/// A plan on its way.
#[derive(Debug)]
pub struct Begun {
    plan: Arc<Plan>,
    reason: Clean,
    next: usize,
    receipts: Vec<Receipt>,
}

/// The right to send one step of one begun plan, once.
#[derive(Debug)]
pub struct Ticket {
    plan: Arc<Plan>,
    step: usize,
    reason: Clean,
    receipts: Vec<Receipt>,
}

impl Begun {
    /// The plan.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// The step whose turn it is, and its place.
    pub fn step(&self) -> Option<(usize, &Step)> {
        Some((self.next, self.plan.steps.get(self.next)?))
    }

    /// The ticket of the step whose turn it is: its intent is on disk when this returns.
    ///
    /// # Errors
    /// When it cannot be written down: the step must not be sent.
    pub fn ticket(&self, log: &mut impl IntentLog, now: Millis) -> Result<Ticket, Clean> {
        let record = Record::StepIntent {
            plan: self.plan.id.clone(),
            step: self.next,
        };
        log.write(&record, now)?;
        Ok(Ticket {
            plan: Arc::clone(&self.plan),
            step: self.next,
            reason: self.reason.clone(),
            receipts: self.receipts.clone(),
        })
    }

    /// Ends the step whose turn it was and moves on to the next. What its server gave is at hand for
    /// the steps after it.
    ///
    /// # Errors
    /// When the end cannot be written down; the plan has moved on all the same.
    pub fn ended(
        &mut self,
        end: StepEnd,
        receipt: Option<Receipt>,
        log: &mut impl IntentLog,
        now: Millis,
    ) -> Result<(), Clean> {
        let receipt = receipt.unwrap_or_default();
        let record = Record::StepEnded {
            plan: self.plan.id.clone(),
            step: self.next,
            end,
            receipt: receipt.clone(),
        };
        self.receipts.push(receipt);
        self.next += 1;
        log.write(&record, now)
    }
}

impl Ticket {
    /// The plan's identity.
    pub fn plan(&self) -> &PlanId {
        &self.plan.id
    }

    /// The act that may be sent.
    pub fn act(&self) -> &Act {
        // A ticket is made of a step that is there.
        &self.plan.steps[self.step].act
    }

    /// Its request, with what earlier steps received filled in; `None` where it sends none over HTTP.
    pub fn request(&self) -> Option<Request> {
        self.act().request(&self.receipts)
    }

    /// Why it is done, for teammates.
    pub fn reason(&self) -> &Clean {
        &self.reason
    }
}
