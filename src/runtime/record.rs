//! Watching without a screen: actors, fleet and ledger, so that history exists while nobody looks.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::clock::Clock;
use super::due::{Due, Saving};
use super::limits::Limits;
use super::sources::{Common, Sources};
use super::store_task::{Keeper, first_look};
use crate::domain::fleet::Fleet;
use crate::domain::observation::ContextRef;
use crate::domain::settings::Context;
use crate::intent::msg::Msg;
use crate::store::Store;

/// How long the end waits for the state file.
const CLOSE_LIMIT: Duration = Duration::from_secs(5);

/// What was recorded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Recorded {
    /// Changes that were observed and handed to the ledger.
    pub changes: usize,
    /// Polls that were answered.
    pub answered: usize,
    /// Polls that failed.
    pub failed: usize,
}

/// Polls every source of a context and keeps what changes, until `stop` ends.
///
/// # Errors
/// When the store's thread cannot be started.
pub async fn record(
    settings: &Arc<Context>,
    store: Store,
    stop: impl Future<Output = ()>,
) -> io::Result<Recorded> {
    let clock = Arc::new(Clock::default());
    let context = Arc::new(ContextRef {
        name: settings.name.clone(),
        generation: 0,
    });
    let mut fleet = Fleet::new(Arc::clone(&context), Arc::clone(settings));
    let now = clock.now();
    let (head, history) = first_look(&store, context.name.as_str(), now.wall);
    if let Some(head) = head {
        fleet.absorb(head, now.wall);
    }
    fleet.remember(history, now.wall);

    let (out, mut messages) = mpsc::channel(256);
    let mut keeper = Keeper::start(store, out.clone())?;
    keeper.enter(&context, true, now.wall);
    let common = Common {
        limits: Arc::new(Limits::default()),
        clock: Arc::clone(&clock),
        out,
    };
    let sources = Sources::start(&context, settings, &common);

    let mut recorded = Recorded::default();
    let (mut due, mut saving) = (Due::default(), Saving::default());
    let second = Duration::from_secs(1);
    let mut seconds = interval_at(Instant::now() + second, second);
    seconds.set_missed_tick_behavior(MissedTickBehavior::Skip);
    tokio::pin!(stop);
    loop {
        tokio::select! {
            biased;
            () = &mut stop => break,
            _ = seconds.tick() => {
                let now = clock.now();
                if due.is_due(&fleet, now.wall) {
                    fleet.tick(now.wall);
                    due.done();
                }
                if saving.is_due(&fleet, now) {
                    keeper.save(&context, fleet.last_known(now.wall, Vec::new()), fleet.runs().clone());
                }
            }
            Some(msg) = messages.recv() => {
                let now = clock.wall();
                match msg {
                    Msg::Observed(observation) => {
                        fleet.merge(*observation, now);
                    }
                    Msg::Polled(report) => {
                        if report.fault.is_none() {
                            recorded.answered += 1;
                            let every = report.next_at.since(report.asked_at);
                            keeper.seen(&context, &report.source, report.asked_at, every);
                        } else {
                            recorded.failed += 1;
                        }
                        fleet.record(&report, now);
                    }
                    Msg::LastKnown(_, state) => fleet.absorb(*state, now),
                    Msg::Ledger(_, changes) => fleet.remember(changes, now),
                    Msg::Notice(notice) if notice.bad => tracing::warn!("{}", notice.text),
                    _ => {}
                }
            }
        }
        let changes = fleet.take_observed();
        if !changes.is_empty() {
            recorded.changes += changes.len();
            for change in &changes {
                tracing::info!(
                    kind = change.kind.word(),
                    "{} -> {}",
                    change.from,
                    change.to
                );
            }
            keeper.append(&context, changes);
        }
    }
    let state = fleet.last_known(clock.wall(), Vec::new());
    keeper.save(&context, state, fleet.runs().clone());
    sources.stop().await;
    drop(messages);
    let closed = tokio::task::spawn_blocking(move || keeper.close(CLOSE_LIMIT)).await;
    if !closed.unwrap_or(false) {
        tracing::warn!(
            "the state file was not closed within {}s",
            CLOSE_LIMIT.as_secs()
        );
    }
    Ok(recorded)
}
