//! A plan that is attended to its end, also where carrying it out breaks off: how it stands is then written
//! down like that of a process that was left, and looked up.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt as _;

use super::book::{Book, BookLog};
use super::carry::{self, Ended, World};
use super::lookup::look_up;
use crate::domain::action::{
    Actor, Confirmed, How, IntentLog as _, Outcome, PlanId, Record, StepEnd, Written,
};
use crate::domain::text::Clean;
use crate::domain::time::Millis;

/// What is said of a plan that broke off.
const BROKE_OFF: &str = "carrying it out broke off, please report it: what was sent is looked up";

/// See [`carry::carry_out`].
///
/// # Errors
/// When the journal does not take the plan: nothing was sent.
pub(super) async fn carry_out<F>(
    confirmed: Confirmed,
    actor: &Actor,
    world: &impl World,
    book: Arc<Book>,
    tell: F,
) -> Result<Ended, Clean>
where
    F: FnMut(&Record, Millis) + Send,
{
    let plan = confirmed.plan().id.clone();
    let mut log = BookLog::new(book, tell);
    let carried = carry::carry_out(confirmed, actor, world, &mut log);
    // What is shared with it is the journal, whose records are each whole.
    match AssertUnwindSafe(carried).catch_unwind().await {
        Ok(ended) => ended,
        Err(_) => broken_off(&plan, world, &mut log).await,
    }
}

async fn broken_off<F>(
    plan: &PlanId,
    world: &impl World,
    log: &mut BookLog<F>,
) -> Result<Ended, Clean>
where
    F: FnMut(&Record, Millis) + Send,
{
    tracing::error!("carrying out {plan} broke off");
    let Some(written) = log.own(plan) else {
        return Err(Clean::text(BROKE_OFF));
    };
    let mut unjournalled = None;
    for record in written.left() {
        if let Err(why) = log.write(&record, world.now()) {
            unjournalled.get_or_insert(why);
        }
    }
    let mut outcome = Outcome::Unknown;
    if let Some(left) = log.own(plan) {
        let looked = AssertUnwindSafe(look_up(&left, world, log)).catch_unwind();
        match looked.await {
            Ok(Ok(found)) => outcome = found,
            Ok(Err(why)) => {
                unjournalled.get_or_insert(why);
            }
            // It is looked up at the next start.
            Err(_) => tracing::error!("looking {plan} up broke off too"),
        }
    }
    let known = log.own(plan).unwrap_or(written);
    Ok(Ended {
        outcome,
        words: Clean::text(&format!("{BROKE_OFF} · {}", known.words)),
        steps: ends(&known),
        unjournalled,
    })
}

/// How its steps stand.
fn ends(written: &Written) -> Vec<StepEnd> {
    let each = written.steps.iter().map(|step| match &step.ended {
        Some((end, _)) => end.clone(),
        None if step.how() == How::Skipped => {
            StepEnd::new(How::Skipped, "nobody came to it any more")
        }
        None => StepEnd::new(step.how(), BROKE_OFF),
    });
    each.collect()
}
