//! Writes by type-state: a plan is confirmed, a confirmed plan yields the ticket that a mutating
//! request needs, and nothing else does.
//!
//! This version of the program reads only. The types stand here from the start because the HTTP
//! client's write door takes a [`Ticket`], and a ticket can come from nowhere but
//! [`Plan::confirm`]: no request that changes a server can be written around it.

use std::time::Duration;

use super::settings::Writes;
use super::text::Clean;
use super::time::{Millis, Now};

/// How a step bears on the plan.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Weight {
    /// Its failure stops the plan.
    Required,
    /// Its failure is noted.
    BestEffort,
}

/// One request of a plan, as it will be sent and as it would be undone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// What it changes, for people.
    pub target: Clean,
    /// The request, as text.
    pub request: Clean,
    /// What must still hold when it is sent.
    pub precondition: Clean,
    /// The request that takes it back, where there is one.
    pub inverse: Option<Clean>,
    /// What is read to see that it took effect.
    pub verification: Clean,
    /// How it bears on the plan.
    pub weight: Weight,
}

/// What would be done: the state as read, the steps in order, and how long that holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// What the plan is about (`context/model`): what a protected confirmation types.
    pub subject: Clean,
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// When the state it rests on was read.
    pub read_at: Millis,
    /// Monotonic instant after which it must be planned anew.
    pub expires: Duration,
}

/// Why a plan cannot be confirmed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// The context does not write.
    #[error("writes are off in this context: set writes = \"confirm\" for it")]
    WritesOff,
    /// The context writes only while armed.
    #[error("arm first")]
    NotArmed,
    /// The plan is older than its expiry.
    #[error("the plan has expired: read the state again")]
    Expired,
    /// What was typed is not the subject.
    #[error("what was typed is not the name asked for")]
    WrongName,
}

/// A plan that a person has confirmed.
#[derive(Debug)]
pub struct Confirmed {
    plan: Plan,
    reason: Clean,
}

/// The right to send the steps of one confirmed plan.
#[derive(Debug)]
pub struct Ticket {
    confirmed: Confirmed,
    step: usize,
}

/// How a write ended, as read back from the server.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The wanted state was seen.
    Done,
    /// The old state was seen.
    NotApplied,
    /// Some steps took effect, and a required one did not.
    PartlyApplied,
    /// Applied, and the world has not followed yet.
    NotConverged,
    /// Nobody can tell yet.
    Unknown,
}

impl Plan {
    /// Confirms the plan with what a person typed. The only way to a [`Confirmed`].
    ///
    /// # Errors
    /// When the context does not write, is not armed, the plan has expired, or the name is wrong.
    pub fn confirm(
        self,
        writes: Writes,
        armed: bool,
        typed: &str,
        reason: Clean,
        now: Now,
    ) -> Result<Confirmed, Refusal> {
        match writes {
            Writes::Off => return Err(Refusal::WritesOff),
            Writes::Armed if !armed => return Err(Refusal::NotArmed),
            Writes::Armed | Writes::Confirm => {}
        }
        if now.mono >= self.expires {
            return Err(Refusal::Expired);
        }
        if self.subject != typed {
            return Err(Refusal::WrongName);
        }
        Ok(Confirmed { plan: self, reason })
    }
}

impl Confirmed {
    /// The ticket for the first step.
    pub fn ticket(self) -> Ticket {
        Ticket {
            confirmed: self,
            step: 0,
        }
    }
}

impl Ticket {
    /// The step that may be sent now.
    pub fn step(&self) -> Option<&Step> {
        self.confirmed.plan.steps.get(self.step)
    }

    /// Why it is done, for the journal and for teammates.
    pub fn reason(&self) -> &Clean {
        &self.confirmed.reason
    }

    /// Moves on after a step has its outcome.
    #[must_use]
    pub fn next(self) -> Self {
        Self {
            step: self.step + 1,
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        Plan {
            subject: Clean::name("prod/churn"),
            steps: Vec::new(),
            read_at: Millis(0),
            expires: Duration::from_secs(60),
        }
    }

    fn at(seconds: u64) -> Now {
        Now {
            wall: Millis(0),
            mono: Duration::from_secs(seconds),
        }
    }

    #[test]
    fn only_a_writing_context_an_unexpired_plan_and_the_right_name_confirm() {
        let confirm = |writes, armed, typed: &str, second| {
            plan()
                .confirm(writes, armed, typed, Clean::empty(), at(second))
                .map(|_| ())
        };
        assert_eq!(
            confirm(Writes::Off, true, "prod/churn", 1),
            Err(Refusal::WritesOff)
        );
        assert_eq!(
            confirm(Writes::Armed, false, "prod/churn", 1),
            Err(Refusal::NotArmed)
        );
        assert_eq!(
            confirm(Writes::Confirm, false, "prod/churn", 60),
            Err(Refusal::Expired)
        );
        assert_eq!(
            confirm(Writes::Confirm, false, "churn", 1),
            Err(Refusal::WrongName)
        );
        assert_eq!(confirm(Writes::Confirm, false, "prod/churn", 59), Ok(()));
    }
}
