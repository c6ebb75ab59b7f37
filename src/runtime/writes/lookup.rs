//! What became of a write whose end nobody has seen, by reading alone: after a crash, or on request.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::carry::{ON_ITS_WAY, PAUSES, PERHAPS_OVERTAKEN, World};
use crate::domain::action::{
    Act, How, IntentLog, Outcome, Progress, Receipt, Record, Seen, StepEnd, Weight, Written,
};
use crate::domain::text::Clean;

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
            Looked::Untold(words) => found.words = words,
        }
    }
    // What only watches has no intent: where everything before it went well, it was its turn.
    while let Some(index) = found.watched() {
        let step = &written.plan.steps[index];
        let end = match world.look(&step.source, &step.act).await {
            Ok(sighting) => {
                let how = match sighting.seen {
                    Seen::After => How::Done,
                    Seen::Other if step.act.comes_first_or_never() => How::NotApplied,
                    _ => How::NotSeen,
                };
                StepEnd::seen(how, &sighting)
            }
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
    Untold(Clean),
}

/// What became of a step that was sent, or was about to be. Where that is not settled it is watched for as
/// long as a request may be on its way.
async fn found_out(written: &Written, index: usize, world: &impl World) -> Looked {
    let step = &written.plan.steps[index];
    if let Act::RunHook { hook, .. } = &step.act {
        return told_by_the_next(written, index, world)
            .await
            .unwrap_or_else(|| {
                Looked::Untold(Clean::text(&format!(
                    "hook {}: nobody saw how it ended, and it leaves no trace that could be looked up: see what serves, then close it (V in the journal, or journal PLAN --close)",
                    hook.clean()
                )))
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
                return told.unwrap_or_else(|| Looked::Untold(Clean::text(&fault.line())));
            }
        };
        let watched = began.elapsed();
        let how = match sighting.seen {
            Seen::After => How::Done,
            Seen::Other if step.act.comes_first_or_never() => How::NotApplied,
            // A mark for teammates that others have written over is theirs: nobody has to see to it.
            Seen::Other if watched + been >= ON_ITS_WAY && step.weight == Weight::BestEffort => {
                How::NotApplied
            }
            Seen::Other if watched + been >= ON_ITS_WAY => {
                let words = format!("{} · {PERHAPS_OVERTAKEN}", sighting.words);
                return Looked::Untold(Clean::text(&words));
            }
            Seen::Before if watched + been >= ON_ITS_WAY => How::NotApplied,
            Seen::Between if watched >= ON_ITS_WAY => return Looked::OnItsWay(sighting.words),
            Seen::Before | Seen::Between | Seen::Other => {
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
        self.written.plan.outcome(self.hows.iter().copied())
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
