//! The one reader of clocks: wall and monotonic time for everything that is passed a `Now`.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use crate::domain::time::{Millis, Now};

/// The process's clock. Its wall time never steps back: what was asked later must look later, or the
/// fleet would drop every answer until a corrected clock has caught up.
#[derive(Debug)]
pub struct Clock {
    start: Instant,
    /// The wall time at `start` for a clock that follows the runtime's time, as tests need.
    base: Option<Millis>,
    /// Whether its wall time passes.
    passes: bool,
    last: AtomicI64,
}

impl Default for Clock {
    fn default() -> Self {
        Self {
            start: Instant::now(),
            base: None,
            passes: true,
            last: AtomicI64::new(i64::MIN),
        }
    }
}

impl Clock {
    /// A clock that begins at `base` and runs with the runtime's time, pauses included.
    pub fn from(base: Millis) -> Self {
        Self {
            base: Some(base),
            ..Self::default()
        }
    }

    /// A clock whose wall time stands still.
    pub fn standing(at: Millis) -> Self {
        Self {
            base: Some(at),
            passes: false,
            ..Self::default()
        }
    }

    /// Wall time, UTC.
    pub fn wall(&self) -> Millis {
        let read = match self.base {
            Some(base) if !self.passes => base,
            Some(base) => base.plus(self.start.elapsed()),
            None => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(Millis(0), |d| Millis(0).plus(d)),
        };
        let before = self.last.fetch_max(read.0, Ordering::Relaxed);
        Millis(read.0.max(before))
    }

    /// The present.
    pub fn now(&self) -> Now {
        Now {
            wall: self.wall(),
            mono: self.start.elapsed(),
        }
    }
}

/// The time until the next full minute of the wall clock: when ages on screen step.
pub fn to_next_minute(now: Millis) -> Duration {
    let into = u64::try_from(now.0.rem_euclid(60_000)).unwrap_or(0);
    Duration::from_millis(60_000 - into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_end_where_the_wall_clock_says() {
        assert_eq!(to_next_minute(Millis(0)), Duration::from_secs(60));
        assert_eq!(to_next_minute(Millis(59_999)), Duration::from_millis(1));
        assert_eq!(to_next_minute(Millis(-1)), Duration::from_millis(1));
    }

    #[tokio::test(start_paused = true)]
    async fn it_runs_with_the_runtime_and_never_back() {
        let clock = Clock::from(Millis(1_000));
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(clock.wall(), Millis(3_000));
        clock.last.store(9_000, Ordering::Relaxed);
        assert_eq!(clock.wall(), Millis(9_000));
        assert_eq!(clock.now().mono, Duration::from_secs(2));
        let still = Clock::standing(Millis(1_000));
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(still.wall(), Millis(1_000));
    }
}
