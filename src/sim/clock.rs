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
    /// The machine's clock, with a scenario that began so long ago.
    Ahead(Duration),
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
    /// The machine's clock, and what had elapsed when it was first looked at.
    Real(Instant, Duration),
    Manual(ManualClock),
}

impl Running {
    pub(crate) fn start(clock: &Clock) -> Self {
        let real = |ahead: Duration| Self {
            epoch: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(MANUAL_EPOCH, |since| since.as_millis() as i64)
                - ahead.as_millis() as i64,
            source: Source::Real(Instant::now(), ahead),
        };
        match clock {
            Clock::Real => real(Duration::ZERO),
            Clock::Ahead(ahead) => real(*ahead),
            Clock::Manual(manual) => Self {
                epoch: manual.epoch,
                source: Source::Manual(manual.clone()),
            },
        }
    }

    /// Whether time passes by itself.
    pub(crate) fn passes(&self) -> bool {
        matches!(self.source, Source::Real(..))
    }

    /// The wall time at the start, in epoch milliseconds.
    pub(crate) fn epoch(&self) -> i64 {
        self.epoch
    }

    /// Milliseconds since the start.
    pub(crate) fn elapsed_ms(&self) -> i64 {
        match &self.source {
            Source::Real(started, ahead) => (started.elapsed() + *ahead).as_millis() as i64,
            Source::Manual(manual) => manual.elapsed().as_millis() as i64,
        }
    }

    /// The wall time now, in epoch milliseconds.
    pub(crate) fn now_ms(&self) -> i64 {
        self.epoch + self.elapsed_ms()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_ahead_began_so_long_ago_and_shows_the_present() {
        let ahead = Running::start(&Clock::Ahead(Duration::from_secs(240)));
        let real = Running::start(&Clock::Real);
        assert!(ahead.elapsed_ms() >= 240_000, "{ahead:?}");
        assert!((ahead.now_ms() - real.now_ms()).abs() < 10_000);
        assert!(real.epoch() - ahead.epoch() >= 240_000);
    }
}
