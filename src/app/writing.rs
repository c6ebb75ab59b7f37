//! Writes as the root sees them: what the journals say, what is on its way, whether this process may
//! write now. The dialog that confirms a plan is in [`super::sheet`].

use std::sync::Arc;
use std::time::Duration;

use super::{App, Effects};
use crate::domain::action::{Actor, Mode, Outcome, PlanId, Record, Stamped, Writes, Written};
use crate::domain::text::Clean;
use crate::domain::time::{Millis, Now};
use crate::intent::msg::{Effect, Notice};

/// How long arming lasts.
pub(super) const ARMED: Duration = Duration::from_secs(5 * 60);

/// What the root knows of writes.
#[derive(Debug, Default)]
pub(super) struct Writing {
    /// All writes that the journals of this machine tell of, of every context.
    pub(super) writes: Writes,
    /// Until when this process is armed, in this context.
    pub(super) armed_until: Option<Duration>,
    /// The plans of this process that have begun and not ended, oldest first.
    pub(super) on_their_way: Vec<PlanId>,
    /// Who acts here.
    pub(super) actor: Actor,
    /// Where identities of plans come from.
    pub(super) random: Random,
}

/// Randomness for identities, seeded once at the start.
#[derive(Debug)]
pub(super) struct Random(fastrand::Rng);

impl Default for Random {
    fn default() -> Self {
        Self(fastrand::Rng::with_seed(0))
    }
}

impl Random {
    fn bytes(&mut self) -> [u8; 10] {
        let mut bytes = [0; 10];
        self.0.fill(&mut bytes);
        bytes
    }
}

impl App {
    /// Says who acts here, and seeds the identities of plans: each process must make its own.
    pub fn begin_writes(&mut self, actor: Actor, seed: u64) {
        self.writing.actor = actor;
        self.writing.random = Random(fastrand::Rng::with_seed(seed));
    }

    /// A new identity for a plan.
    pub(super) fn plan_id(&mut self) -> PlanId {
        PlanId::new(self.now.wall, self.writing.random.bytes())
    }

    /// What the one write path is allowed to do now.
    pub fn mode(&self) -> Mode {
        let settings = self.fleet.settings();
        Mode {
            writes: settings.writes,
            read_only: false,
            armed: self
                .writing
                .armed_until
                .is_some_and(|until| self.now.mono < until),
            protected: settings.protected,
        }
    }

    /// The writes that the journals of this machine tell of.
    pub fn writes(&self) -> &Writes {
        &self.writing.writes
    }

    /// Who acts here, with the account that the registry takes us for.
    pub fn actor(&self) -> Actor {
        let mut users = self.abilities.values().filter_map(|a| a.as_ref().ok());
        Actor {
            account: users.find_map(|a| a.user.clone()),
            ..self.writing.actor.clone()
        }
    }

    /// The journals of this machine have been read.
    pub(super) fn journal(
        &mut self,
        mut records: Vec<Stamped>,
        remarks: &[Clean],
        effects: &mut Effects,
    ) {
        records.sort_by_key(|(at, _)| *at);
        let mut writes = Writes::default();
        for (at, record) in &records {
            writes.take(record, *at);
        }
        // What began before the journals were read is told by its own records.
        self.writing.writes = writes;
        if let Some(remark) = remarks.first() {
            self.notice = Some(Notice {
                bad: true,
                text: remark.clone(),
            });
        }
        self.look_up_open(effects);
    }

    /// Writes of this context whose ends nobody has seen are looked up: a read.
    pub(super) fn look_up_open(&self, effects: &mut Effects) {
        let here = &self.fleet.context().name;
        let open = |written: &&Written| {
            written.plan.context == *here
                && !self.writing.on_their_way.contains(&written.plan.id)
                && (written.open().next().is_some() || written.ended.is_none())
        };
        for written in self.writing.writes.iter().filter(open) {
            effects.push(Effect::LookUp(Box::new(written.clone())));
        }
    }

    /// A record of a write of this process.
    pub(super) fn wrote(&mut self, at: Millis, record: &Record, effects: &mut Effects) {
        self.writing.writes.take(record, at);
        let id = record.plan().clone();
        match record {
            Record::PlanBegun { .. } => self.writing.on_their_way.push(id),
            Record::StepIntent { .. } => {}
            Record::StepEnded { step, .. } | Record::Resolved { step, .. } => {
                if let Some(written) = self.writing.writes.get(&id)
                    && let Some(step) = written.plan.steps.get(*step)
                {
                    effects.push(Effect::Refresh(Some(step.source.clone())));
                }
            }
            Record::PlanEnded { outcome, words, .. } => {
                self.writing.on_their_way.retain(|other| *other != id);
                if let Some(written) = self.writing.writes.get(&id) {
                    let plan = Arc::clone(&written.plan);
                    let text = format!(
                        "{} {}: {} · {words}",
                        plan.verb.title(),
                        plan.subject,
                        outcome.text()
                    );
                    self.notice = Some(Notice {
                        bad: *outcome != Outcome::Done,
                        text: Clean::text(&text),
                    });
                }
            }
        }
    }

    /// Arms this process for a time, or disarms it.
    pub(super) fn arm(&mut self, now: Now) {
        let armed = self.mode().armed;
        self.writing.armed_until = (!armed).then(|| now.mono + ARMED);
        self.say(if armed {
            "writes are no longer armed"
        } else {
            "writes are armed for five minutes"
        });
    }
}
