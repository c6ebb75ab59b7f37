//! The simulation's time: how far it has played, and which wall clock its servers show.
//!
//! Nothing else in the room reads the machine's clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Where a manual clock starts unless told: 2026-11-02 09:00 UTC, in epoch milliseconds.
pub const MANUAL_EPOCH: i64 = 1_793_610_000_000;

/// What drives the simulated fleet.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The machine's clock: history ends now, and the scenario plays on.
    Real,
    /// A clock that only moves when told: same seed and same elapsed time, same answers.
    Manual(ManualClock),
}

/// A clock that a test moves by hand; clones share the time.
#[derive(Clone, Debug)]
pub struct ManualClock {
    epoch: i64,
    elapsed: Arc<AtomicI64>,
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::starting_at(MANUAL_EPOCH)
    }
}

impl ManualClock {
    /// A clock standing at an epoch-millisecond time, nothing elapsed.
    pub fn starting_at(epoch_ms: i64) -> Self {
        Self {
            epoch: epoch_ms,
            elapsed: Arc::new(AtomicI64::new(0)),
        }
    }

    /// Moves the clock on.
    pub fn advance(&self, by: Duration) {
        self.elapsed
            .fetch_add(by.as_millis() as i64, Ordering::SeqCst);
    }

    /// Time played so far.
    pub fn elapsed(&self) -> Duration {
        Duration::from_millis(self.elapsed.load(Ordering::SeqCst).max(0) as u64)
    }
}

/// A started clock: elapsed milliseconds since the fleet started, and the wall time it started at.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    epoch: i64,
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    Real(Instant),
    Manual(ManualClock),
}

impl Running {
    pub(crate) fn start(clock: &Clock) -> Self {
        match clock {
            Clock::Real => Self {
                epoch: SystemTime::now()
                    .duration_since(UNIX_EPOCH)
                    .map_or(MANUAL_EPOCH, |since| since.as_millis() as i64),
                source: Source::Real(Instant::now()),
            },
            Clock::Manual(manual) => Self {
                epoch: manual.epoch,
                source: Source::Manual(manual.clone()),
            },
        }
    }

    /// The wall time at the start, in epoch milliseconds.
    pub(crate) fn epoch(&self) -> i64 {
        self.epoch
    }

    /// Milliseconds since the start.
    pub(crate) fn elapsed_ms(&self) -> i64 {
        match &self.source {
            Source::Real(started) => started.elapsed().as_millis() as i64,
            Source::Manual(manual) => manual.elapsed().as_millis() as i64,
        }
    }

    /// The wall time now, in epoch milliseconds.
    pub(crate) fn now_ms(&self) -> i64 {
        self.epoch + self.elapsed_ms()
    }
}
