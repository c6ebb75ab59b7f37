//! One plan from its beginning to its outcome, over a world that can be replaced: the order of journal,
//! look and send is decided here and nowhere else.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::domain::action::{
    Act, Actor, Begun, Confirmed, Delivery, How, IntentLog, Outcome, Plan, Receipt, Record, Seen,
    Sighting, Step, StepEnd, Ticket, Weight,
};
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::gate::approval;
use crate::domain::key::SourceId;
use crate::domain::mark::{self, Mark};
use crate::domain::text::Clean;
use crate::domain::time::{Millis, span};

/// After a write without an answer, the old state must have stood for so long before it counts as not
/// applied: the request may still be on its way.
pub(super) const ON_ITS_WAY: Duration = Duration::from_secs(15);
/// What is said where a request without an answer meets a state that is neither the old one nor the wanted one.
pub(super) const PERHAPS_OVERTAKEN: &str = "whether it took effect before that, nobody can tell";
/// The pauses between looks; the last one repeats.
pub(super) const PAUSES: [Duration; 6] = [
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(5),
];

/// What a plan is carried out in: servers, and a clock.
pub trait World: Send {
    /// Looks at what an act would change.
    fn look(
        &self,
        source: &SourceId,
        act: &Act,
    ) -> impl Future<Output = Result<Sighting, Fault>> + Send;

    /// Sends a ticket, once.
    fn send(&self, source: &SourceId, ticket: &Ticket) -> impl Future<Output = Delivery> + Send;

    /// The wall clock.
    fn now(&self) -> Millis;

    /// Why this plan is to stop where it stands: a later one has taken its place.
    fn superseded(&self) -> Option<Clean> {
        None
    }

    /// Waits until the plans whose place this one takes have stopped.
    fn cleared(&self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }

    /// Waits between two looks, until this plan is to stop at the latest.
    fn pause(&self, until: Instant) -> impl Future<Output = ()> + Send {
        sleep_until(until)
    }
}

/// How a plan ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ended {
    /// The outcome.
    pub outcome: Outcome,
    /// In words: of the step that decided it.
    pub words: Clean,
    /// Each step's end, in order.
    pub steps: Vec<StepEnd>,
    /// Why the journal does not hold all of this, if so: what is missing there is looked up at the next
    /// start.
    pub unjournalled: Option<Clean>,
}

impl Ended {
    /// Whether it ended because somebody else had changed a target since it was read, or did so right after.
    pub fn moved(&self) -> bool {
        let by_others = |end: &StepEnd| matches!(end.how, How::Moved | How::Overtaken);
        self.steps.iter().any(by_others)
    }

    /// Whether somebody else has written over what a step did.
    pub fn overtaken(&self) -> bool {
        self.steps.iter().any(|end| end.how == How::Overtaken)
    }

    /// Whether a server, or this machine, refused a step.
    pub fn refused(&self) -> bool {
        self.steps.iter().any(|end| end.how == How::Refused)
    }

    /// The steps that their servers refused to this account: the right is missing.
    pub fn forbidden(&self) -> impl Iterator<Item = usize> + '_ {
        let steps = self.steps.iter().enumerate();
        steps.filter_map(|(index, end)| end.forbidden.then_some(index))
    }

    /// Whether nothing had to be sent.
    pub fn unchanged(&self) -> bool {
        self.steps
            .iter()
            .all(|end| matches!(end.how, How::Already | How::Skipped))
    }
}

/// Carries a confirmed plan out.
///
/// # Errors
/// When the journal does not take the plan: nothing was sent.
pub async fn carry_out(
    confirmed: Confirmed,
    actor: &Actor,
    world: &impl World,
    log: &mut (impl IntentLog + Send),
) -> Result<Ended, Clean> {
    let mut begun = confirmed.begin(actor, log, world.now())?;
    let mut steps = Vec::new();
    let mut unjournalled = None;
    let mut stopped = false;
    world.cleared().await;
    while let Some((_, step)) = begun.step() {
        let step = step.clone();
        let taken = if let Act::EndClaim { .. } = step.act {
            match unneeded(begun.plan(), &steps, &step.act, unjournalled.is_some()) {
                Some(why) => Taken::nothing(How::Skipped, why),
                None => one(&begun, &step, world, log).await,
            }
        } else if stopped {
            Taken::nothing(How::Skipped, "an earlier step did not succeed")
        } else if let Some(why) = world.superseded() {
            // What others took up from here stays theirs.
            Taken::nothing(How::Skipped, why.as_str())
        } else {
            one(&begun, &step, world, log).await
        };
        let Taken { end, receipt } = taken;
        stopped |= step.weight == Weight::Required && !end.how.is_good();
        if let Err(why) = begun.ended(end.clone(), receipt, log, world.now()) {
            // What is done is known here and can no longer be written down: nothing more is sent.
            tracing::error!("the end of a step could not be journalled: {why}");
            unjournalled.get_or_insert(why);
            stopped = true;
        }
        steps.push(end);
    }
    let weights = begun.plan().steps.iter().map(|step| step.weight);
    let outcome = begun.plan().outcome(steps.iter().map(|end| end.how));
    let mut required = weights
        .zip(&steps)
        .filter(|(weight, _)| *weight == Weight::Required)
        .map(|(_, end)| end);
    let deciding = required
        .clone()
        .find(|end| !end.how.is_good())
        .or(required.next_back())
        .or(steps.last());
    let words = deciding.map_or_else(Clean::empty, |end| end.words.clone());
    let record = Record::PlanEnded {
        plan: begun.plan().id.clone(),
        outcome,
        words: words.clone(),
    };
    if let Err(why) = log.write(&record, world.now()) {
        tracing::error!("the outcome of a plan could not be journalled: {why}");
        unjournalled.get_or_insert(why);
    }
    Ok(Ended {
        outcome,
        words,
        steps,
        unjournalled,
    })
}

/// Why a claim is not to be ended by its plan, whose steps so far ended so; `None` where it is: it was made,
/// and the move that it is for was not and will not be. What may still be on its way keeps its claim, and so
/// does what stands.
fn unneeded(plan: &Plan, ends: &[StepEnd], end: &Act, unjournalled: bool) -> Option<&'static str> {
    let Act::EndClaim { alias, .. } = end else {
        return None;
    };
    let done = || plan.steps.iter().zip(ends);
    let claimed = done().any(|(step, end)| {
        let claims = matches!(&step.act, Act::Claim { alias: of, .. } if of == alias);
        claims && !matches!(end.how, How::Moved | How::Refused | How::Skipped)
    });
    let moves = |act: &Act| matches!(act, Act::MoveAlias { alias: of, .. } | Act::DeleteAlias { alias: of, .. } if of == alias);
    let settled = done().all(|(step, end)| {
        let over = matches!(
            end.how,
            How::Moved | How::Refused | How::NotApplied | How::Overtaken | How::Skipped
        );
        !moves(&step.act) || over
    });
    if !claimed {
        Some("nothing was claimed")
    } else if !settled {
        Some("the move was made, or may have been")
    } else if unjournalled {
        Some("the journal does not take it")
    } else {
        None
    }
}

/// A step that was taken.
struct Taken {
    end: StepEnd,
    receipt: Option<Receipt>,
}

impl Taken {
    /// One that has changed nothing.
    fn nothing(how: How, words: &str) -> Self {
        Self {
            end: StepEnd::new(how, words),
            receipt: None,
        }
    }
}

/// One step: compare, journal, send, verify.
async fn one(
    begun: &Begun,
    step: &Step,
    world: &impl World,
    log: &mut (impl IntentLog + Send),
) -> Taken {
    if !step.act.sends() {
        return verify(step, Sent::Nothing, world).await;
    }
    if let Some(taken) = held_with_its_alias(begun, step, world).await {
        return taken;
    }
    match world.look(&step.source, &step.act).await {
        Ok(sighting) => match sighting.seen {
            Seen::Before => {
                if let Some(why) = frozen_since(begun.plan(), step, &sighting, world.now()) {
                    return Taken::nothing(How::Moved, &why);
                }
            }
            Seen::Between if step.act.repeats() => {}
            Seen::After => return seen(How::Already, &sighting, None),
            Seen::Between | Seen::Other => return seen(How::Moved, &sighting, None),
        },
        Err(fault) => {
            let why = format!("its state could not be read before: {}", fault.line());
            return Taken::nothing(How::Refused, &why);
        }
    }
    let ticket = match begun.ticket(log, world.now()) {
        Ok(ticket) => ticket,
        Err(why) => {
            let why = format!("not sent, for the journal does not take it: {why}");
            return Taken::nothing(How::Refused, &why);
        }
    };
    match world.send(&step.source, &ticket).await {
        Delivery::Taken(receipt) => verify(step, Sent::Taken(receipt), world).await,
        // What was there when it was compared may have changed until it was sent.
        Delivery::Refused(fault) if fault.kind == FaultKind::Refused => {
            let how = match world.look(&step.source, &step.act).await {
                Ok(sighting) if sighting.seen == Seen::After => {
                    return seen(How::Already, &sighting, None);
                }
                Ok(sighting) if sighting.seen == Seen::Other => {
                    return seen(How::Moved, &sighting, None);
                }
                _ => How::Refused,
            };
            Taken::nothing(how, &fault.line())
        }
        Delivery::Refused(fault) if fault.kind == FaultKind::Forbidden => Taken {
            end: StepEnd::forbidden(&fault.line()),
            receipt: None,
        },
        Delivery::Refused(fault) => Taken::nothing(How::Refused, &fault.line()),
        Delivery::Unclear(fault) => verify(step, Sent::Unclear(fault), world).await,
    }
}

/// Why a step is not taken on a model that was frozen after its plan was made, or frozen anew: the reason
/// that a freeze asks for was given for another one, or for none. A freeze does not stand against marks
/// and approvals, nor against what only tells teammates of a move that was made.
fn frozen_since(plan: &Plan, step: &Step, seen: &Sighting, now: Millis) -> Option<String> {
    let stands = step.weight == Weight::Required
        && match &step.act {
            Act::SetTag { key, .. } | Act::DeleteTag { key, .. } => {
                !mark::is_mark(key.raw()) && approval::alias_of(key.raw()).is_none()
            }
            _ => true,
        };
    let frozen = Mark::standing(seen.freeze.as_ref(), now).filter(|_| stands)?;
    let why = frozen.frozen();
    let known = plan.passed.iter().any(|passed| passed.why == why);
    (!known).then(|| format!("{why}, which was not known when this was planned: plan it anew"))
}

/// The end of a step that changes what serves before the alias that it belongs to is moved, where a freeze
/// holds that move: serving knows of no freeze, and must not go alone.
async fn held_with_its_alias(begun: &Begun, step: &Step, world: &impl World) -> Option<Taken> {
    let serves = matches!(
        step.act,
        Act::LoadModel { .. } | Act::RunHook { .. } | Act::TriggerRun { .. }
    );
    if !serves || step.weight != Weight::Required {
        return None;
    }
    let moves = |step: &&Step| matches!(step.act, Act::MoveAlias { .. } | Act::DeleteAlias { .. });
    let plan = begun.plan();
    let (at, _) = begun.step()?;
    let alias = plan.steps.iter().skip(at).find(moves)?;
    match world.look(&alias.source, &alias.act).await {
        Ok(seen) => {
            let why = frozen_since(plan, alias, &seen, world.now())?;
            Some(Taken::nothing(How::Moved, &why))
        }
        Err(fault) => {
            let why = format!("whether it is frozen could not be read: {}", fault.line());
            Some(Taken::nothing(How::Refused, &why))
        }
    }
}

/// The end of a step as it was seen. The identity that was seen is the one that holds: of two consoles
/// that make the same thing, one's own may not be it.
fn seen(how: How, sighting: &Sighting, receipt: Option<Receipt>) -> Taken {
    let id = sighting.id.clone();
    let receipt = match (receipt, id) {
        (Some(receipt), Some(id)) => Some(Receipt {
            id: Some(id),
            ..receipt
        }),
        (None, Some(_)) => sighting.receipt(),
        (receipt, None) => receipt,
    };
    Taken {
        end: StepEnd::seen(how, sighting),
        receipt,
    }
}

/// The end of a step whose request had no answer and whose state was read: the record keeps both.
fn read_back(sighting: &Sighting, fault: &Fault) -> Taken {
    let words = format!(
        "{} · read back, for its request had no answer: {}",
        sighting.words,
        fault.line()
    );
    Taken {
        end: StepEnd::new(How::Done, &words),
        receipt: sighting.receipt(),
    }
}

/// What is known of the sending of a step.
enum Sent {
    Nothing,
    Taken(Receipt),
    Unclear(Fault),
}

/// Looks until the wanted state is seen, or another one is certain.
async fn verify(step: &Step, sent: Sent, world: &impl World) -> Taken {
    let began = Instant::now();
    let limit = match &sent {
        // The look that decides may come a whole pause after the time is up.
        Sent::Unclear(_) => step.within().max(ON_ITS_WAY) + PAUSES[PAUSES.len() - 1],
        Sent::Taken(_) | Sent::Nothing => step.within(),
    };
    let unclear = |words: &str| match &sent {
        Sent::Unclear(fault) => format!("{} · {words}", fault.line()),
        _ => words.to_owned(),
    };
    let receipt = match &sent {
        Sent::Taken(receipt) => Some(receipt.clone()),
        Sent::Nothing | Sent::Unclear(_) => None,
    };
    let ended = |how, words: &str| Taken {
        end: StepEnd::new(how, words),
        receipt: receipt.clone(),
    };
    let mut last: Option<Result<Sighting, Fault>> = None;
    // The state that is not the wanted one, and since when it has been seen.
    let mut stands: Option<(Seen, Instant)> = None;
    for pause in 0.. {
        let looked = world.look(&step.source, &step.act).await;
        let now = Instant::now();
        match &looked {
            Ok(sighting) => match (sighting.seen, &sent) {
                (Seen::After, Sent::Unclear(fault)) => return read_back(sighting, fault),
                (Seen::After, _) => return seen(How::Done, sighting, receipt),
                (Seen::Other, Sent::Taken(_)) => return seen(How::Overtaken, sighting, receipt),
                (Seen::Other, Sent::Unclear(_) | Sent::Nothing)
                    if step.act.comes_first_or_never() =>
                {
                    return ended(How::NotApplied, &unclear(sighting.words.as_str()));
                }
                (seen @ (Seen::Before | Seen::Other), Sent::Unclear(_)) => {
                    let since = match stands {
                        Some((same, since)) if same == seen => since,
                        _ => now,
                    };
                    stands = Some((seen, since));
                    if now.duration_since(since) >= ON_ITS_WAY {
                        let words = unclear(sighting.words.as_str());
                        return match seen {
                            Seen::Before => ended(How::NotApplied, &words),
                            // A mark for teammates that others have written over is theirs.
                            _ if step.weight == Weight::BestEffort => {
                                ended(How::NotApplied, &words)
                            }
                            _ => ended(How::Unknown, &format!("{words} · {PERHAPS_OVERTAKEN}")),
                        };
                    }
                }
                _ => stands = None,
            },
            // Looking again changes nothing about what a server cannot tell.
            Err(fault) if fault.kind == FaultKind::Unsupported => {
                return ended(How::Unknown, &unclear(&fault.line()));
            }
            Err(_) => stands = None,
        }
        last = Some(looked);
        if let Some(why) = world.superseded() {
            return match &sent {
                // Whether the server took it is still to be found out.
                Sent::Unclear(_) => ended(How::Unknown, &unclear(why.as_str())),
                Sent::Taken(_) | Sent::Nothing => ended(How::NotSeen, why.as_str()),
            };
        }
        let next = now + PAUSES[pause.min(PAUSES.len() - 1)];
        if next.duration_since(began) > limit {
            break;
        }
        world.pause(next).await;
    }
    match last {
        Some(Ok(sighting)) if matches!(step.act, Act::AwaitRun { .. }) => {
            let waited = span(limit);
            let words = format!(
                "{} after {waited}: it is waited for no longer, and it was not cancelled",
                sighting.words
            );
            ended(How::NotSeen, &words)
        }
        Some(Ok(sighting)) if !matches!(sent, Sent::Unclear(_)) => {
            seen(How::NotSeen, &sighting, receipt)
        }
        Some(Ok(sighting)) => ended(How::Unknown, &unclear(sighting.words.as_str())),
        Some(Err(fault)) => ended(How::Unknown, &unclear(&fault.line())),
        None => ended(How::Unknown, &unclear("nobody has looked")),
    }
}
