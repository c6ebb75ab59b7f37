//! One plan from its beginning to its outcome, over a world that can be replaced: the order of journal,
//! look and send is decided here and nowhere else.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::domain::action::{
    Act, Actor, Begun, Confirmed, Delivery, How, IntentLog, Outcome, Progress, Receipt, Record,
    Seen, Sighting, Step, StepEnd, Ticket, Weight, Written,
};
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::key::SourceId;
use crate::domain::text::Clean;
use crate::domain::time::Millis;

/// After a write without an answer, the old state must have stood for so long before it counts as not
/// applied: the request may still be on its way.
const ON_ITS_WAY: Duration = Duration::from_secs(15);
/// The pauses between looks; the last one repeats.
const PAUSES: [Duration; 6] = [
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

    /// Why waiting for this plan's last steps has lost its sense: a later plan has taken its place.
    fn superseded(&self) -> Option<Clean> {
        None
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
    while let Some((_, step)) = begun.step() {
        let step = step.clone();
        let taken = if stopped {
            Taken::nothing(How::Skipped, "an earlier step did not succeed")
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
    let outcome = Outcome::of(weights.clone().zip(steps.iter().map(|end| end.how)));
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
    match world.look(&step.source, &step.act).await {
        Ok(sighting) => match sighting.seen {
            Seen::Before => {}
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
    let mut old_since: Option<Instant> = None;
    for pause in 0.. {
        let looked = world.look(&step.source, &step.act).await;
        let now = Instant::now();
        match &looked {
            Ok(sighting) => match (sighting.seen, &sent) {
                (Seen::After, _) => return seen(How::Done, sighting, receipt),
                (Seen::Other, Sent::Taken(_)) => return seen(How::Overtaken, sighting, receipt),
                (Seen::Other, Sent::Unclear(_)) => {
                    return ended(How::NotApplied, &unclear(sighting.words.as_str()));
                }
                (Seen::Before, Sent::Unclear(_)) => {
                    let since = *old_since.get_or_insert(now);
                    if now.duration_since(since) >= ON_ITS_WAY {
                        return ended(How::NotApplied, &unclear(sighting.words.as_str()));
                    }
                }
                _ => old_since = None,
            },
            // Looking again changes nothing about what a server cannot tell.
            Err(fault) if fault.kind == FaultKind::Unsupported => {
                return ended(How::Unknown, &unclear(&fault.line()));
            }
            Err(_) => old_since = None,
        }
        last = Some(looked);
        if let Some(why) = world.superseded() {
            return ended(How::NotSeen, why.as_str());
        }
        let next = now + PAUSES[pause.min(PAUSES.len() - 1)];
        if next.duration_since(began) > limit {
            break;
        }
        sleep_until(next).await;
    }
    match last {
        Some(Ok(sighting)) if !matches!(sent, Sent::Unclear(_)) => {
            seen(How::NotSeen, &sighting, receipt)
        }
        Some(Ok(sighting)) => ended(How::Unknown, &unclear(sighting.words.as_str())),
        Some(Err(fault)) => ended(How::Unknown, &unclear(&fault.line())),
        None => ended(How::Unknown, &unclear("nobody has looked")),
    }
}

/// Looks up the steps of a write whose ends nobody has seen, and journals what is found: after a crash,
/// or on request. Nothing is sent. A request of a moment ago may still be on its way: then it is waited for.
/// Says how the write stands.
///
/// # Errors
/// When the journal does not take what was found.
pub async fn look_up(
    written: &Written,
    world: &impl World,
    log: &mut (impl IntentLog + Send),
) -> Result<Outcome, Clean> {
    let mut found = Found::of(written);
    for index in written.open() {
        match found_out(written, index, world).await {
            Looked::Ended(end, receipt) => found.tell(index, end, receipt, world, log)?,
            // It stays open, and is looked up again.
            Looked::OnItsWay(words) => {
                found.hows[index] = How::NotSeen;
                found.words = words;
            }
            Looked::Untold(fault) => found.words = Clean::text(&fault.line()),
        }
    }
    // What only watches has no intent: where everything before it went well, it was its turn.
    while let Some(index) = found.watched() {
        let step = &written.plan.steps[index];
        let end = match world.look(&step.source, &step.act).await {
            Ok(sighting) if sighting.seen == Seen::After => StepEnd::seen(How::Done, &sighting),
            Ok(sighting) => StepEnd::seen(How::NotSeen, &sighting),
            Err(fault) => {
                found.words = Clean::text(&fault.line());
                break;
            }
        };
        found.tell(index, end, None, world, log)?;
    }
    let outcome = found.outcome();
    if written.ended.is_none() {
        found.say_where_it_stopped();
    }
    if written.ended.is_none_or(|(old, _)| old != outcome) {
        let record = Record::PlanEnded {
            plan: written.plan.id.clone(),
            outcome,
            words: found.words,
        };
        log.write(&record, world.now())?;
    }
    Ok(outcome)
}

/// What was found of a step.
enum Looked {
    Ended(StepEnd, Option<Receipt>),
    /// It has begun, and its end will be seen later.
    OnItsWay(Clean),
    Untold(Fault),
}

/// What became of a step that was sent, or was about to be. Where that is not settled it is watched for as
/// long as a request may be on its way.
async fn found_out(written: &Written, index: usize, world: &impl World) -> Looked {
    let step = &written.plan.steps[index];
    if let Act::RunHook { hook, .. } = &step.act {
        return told_by_the_next(written, index, world)
            .await
            .unwrap_or_else(|| {
                Looked::Untold(Fault::new(
                    FaultKind::Unsupported,
                    &format!("hook {}", hook.clean()),
                    "nobody saw how it ended, and it leaves no trace that could be looked up: see what serves",
                ))
            });
    }
    let sent = written.steps[index].intended.unwrap_or(written.began);
    let now = world.now();
    // By a clock that was set back nobody can tell for how long it has been on its way.
    let been = if now < sent {
        Duration::ZERO
    } else {
        now.since(sent)
    };
    let began = Instant::now();
    let mut pauses = PAUSES
        .iter()
        .chain(std::iter::repeat(&PAUSES[PAUSES.len() - 1]));
    loop {
        let sighting = match world.look(&step.source, &step.act).await {
            Ok(sighting) => sighting,
            Err(fault) => {
                let told = told_by_the_next(written, index, world).await;
                return told.unwrap_or(Looked::Untold(fault));
            }
        };
        let watched = began.elapsed();
        let how = match sighting.seen {
            Seen::After => How::Done,
            Seen::Other => How::NotApplied,
            Seen::Before if watched + been >= ON_ITS_WAY => How::NotApplied,
            Seen::Between if watched >= ON_ITS_WAY => return Looked::OnItsWay(sighting.words),
            Seen::Before | Seen::Between => {
                let left = ON_ITS_WAY.saturating_sub(watched);
                let pause = pauses.next().map_or(left, |pause| left.min(*pause));
                sleep_until(Instant::now() + pause).await;
                continue;
            }
        };
        return Looked::Ended(StepEnd::seen(how, &sighting), sighting.receipt());
    }
}

/// What a step cannot tell of itself, as a hook cannot once its process is gone, the watching step behind
/// it may: what it was to bring about is there.
async fn told_by_the_next(written: &Written, index: usize, world: &impl World) -> Option<Looked> {
    let step = written.plan.steps.get(index + 1)?;
    if step.act.sends() {
        return None;
    }
    let sighting = world.look(&step.source, &step.act).await.ok()?;
    let seen = sighting.seen == Seen::After;
    seen.then(|| Looked::Ended(StepEnd::seen(How::Done, &sighting), None))
}

/// What is found out of a write.
struct Found<'a> {
    written: &'a Written,
    hows: Vec<How>,
    words: Clean,
}

impl<'a> Found<'a> {
    fn of(written: &'a Written) -> Self {
        Self {
            written,
            hows: written.steps.iter().map(Progress::how).collect(),
            words: written.words.clone(),
        }
    }

    fn tell(
        &mut self,
        index: usize,
        end: StepEnd,
        receipt: Option<Receipt>,
        world: &impl World,
        log: &mut impl IntentLog,
    ) -> Result<(), Clean> {
        self.hows[index] = end.how;
        self.words = end.words.clone();
        let record = Record::Resolved {
            plan: self.written.plan.id.clone(),
            step: index,
            end,
            receipt: receipt.unwrap_or_default(),
        };
        log.write(&record, world.now())
    }

    fn weights(&self) -> impl Iterator<Item = Weight> + 'a {
        let written = self.written;
        written.plan.steps.iter().map(|step| step.weight)
    }

    /// The first step that nobody came to, if it only watches and the way to it is clear.
    fn watched(&self) -> Option<usize> {
        if self.written.ended.is_some() {
            return None;
        }
        let index = self.hows.iter().position(|how| *how == How::Skipped)?;
        let untouched = self.written.steps[index].ended.is_none();
        let clear = self
            .weights()
            .zip(&self.hows)
            .take(index)
            .all(|(weight, how)| weight == Weight::BestEffort || how.is_good());
        let watches = !self.written.plan.steps[index].act.sends();
        (untouched && clear && watches).then_some(index)
    }

    fn outcome(&self) -> Outcome {
        Outcome::of(self.weights().zip(self.hows.iter().copied()))
    }

    /// Names the first required step that nobody came to, where everything before it went well.
    fn say_where_it_stopped(&mut self) {
        let steps = self.written.plan.steps.iter().zip(&self.written.steps);
        let mut steps = steps.zip(&self.hows);
        let stopped = steps
            .by_ref()
            .find(|((step, _), how)| step.weight == Weight::Required && !how.is_good());
        match stopped {
            Some(((step, _), How::Skipped)) => {
                let words = format!("its process ended before: {}", step.act.words());
                self.words = Clean::text(&words);
            }
            Some((
                (
                    _,
                    Progress {
                        ended: Some((end, _)),
                        ..
                    },
                ),
                how,
            )) if *how == end.how => {
                self.words = end.words.clone();
            }
            _ => {}
        }
    }
}
