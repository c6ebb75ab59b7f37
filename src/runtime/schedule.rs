//! When a feed is polled next: cadence, jitter, back-off, latency. Pure; who waits is the actor.

use std::time::Duration;

use crate::domain::fault::Retry;

/// The longest that back-off waits, unless the feed's own cadence is slower.
pub const CEILING: Duration = Duration::from_secs(120);
/// The shortest wait after a fault that waiting does not mend.
const SLOWLY: Duration = Duration::from_secs(60);
/// A feed is polled at most so often that the server works for it a tenth of the time.
const LATENCIES: u32 = 10;
/// However slow a server answers, a feed is polled this often.
const STRETCH_CEILING: Duration = Duration::from_secs(900);
/// A health probe is cheap: an endpoint that answers slowly is still asked this often, or nobody
/// would see it fall silent.
const PROBE_LATENCIES: u32 = 2;
/// As many failed probes or refused connections in a row are asked about again at once, to tell a
/// hiccup from an outage.
const CONFIRMATIONS: u32 = 2;
/// However slow a feed's cadence, a refused connection is confirmed as soon as if it were this.
const CONFIRM_LIKE: Duration = Duration::from_secs(5);
/// The longest that a probe waits after faults: that an endpoint is back must show soon.
pub const PROBE_CEILING: Duration = Duration::from_secs(30);
/// What the first polls of many sources are spread by.
const SPREAD_STEP: Duration = Duration::from_millis(20);

/// The rhythm of one feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rhythm {
    every: Duration,
    latency: Duration,
    failures: u32,
    probes: bool,
}

impl Rhythm {
    /// The rhythm of a feed with this cadence.
    pub fn new(every: Duration) -> Self {
        Self {
            every: every.max(Duration::from_millis(100)),
            latency: Duration::ZERO,
            failures: 0,
            probes: false,
        }
    }

    /// The rhythm of a health probe with this cadence.
    pub fn of_probe(every: Duration) -> Self {
        Self {
            probes: true,
            ..Self::new(every)
        }
    }

    /// The cadence as it was asked for.
    pub fn every(&self) -> Duration {
        self.every
    }

    /// The wait at another feed's cadence, with as much regard for a server that answers slowly.
    pub fn beat(&self, every: Duration, rng: &mut fastrand::Rng) -> Duration {
        let like = Self {
            every,
            ..self.clone()
        };
        between(rng, like.interval(), 0.9, 0.99)
    }

    /// The cadence, stretched for a server that answers slowly.
    pub fn interval(&self) -> Duration {
        let latencies = if self.probes {
            PROBE_LATENCIES
        } else {
            LATENCIES
        };
        let stretched = (self.latency * latencies).min(STRETCH_CEILING);
        self.every.max(stretched)
    }

    /// Polls that failed in a row.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// The wait after a poll that took `took` and was answered: never longer than the cadence, which
    /// is a promise of how soon a move is seen.
    pub fn after_answer(&mut self, took: Duration, rng: &mut fastrand::Rng) -> Duration {
        self.latency = took;
        self.failures = 0;
        between(rng, self.interval(), 0.9, 0.99)
    }

    /// The wait after a poll that failed. Full jitter parts the many consoles that watch one server.
    pub fn after_fault(&mut self, retry: Retry, rng: &mut fastrand::Rng) -> Duration {
        self.failures = self.failures.saturating_add(1);
        let confirms = if self.probes || retry == Retry::Confirm {
            CONFIRMATIONS
        } else {
            0
        };
        if matches!(retry, Retry::BackOff | Retry::Confirm) && self.failures <= confirms {
            let like = if self.probes {
                self.interval()
            } else {
                self.interval().min(CONFIRM_LIKE)
            };
            return between(rng, like, 0.25, 0.5);
        }
        let least = self.interval() / 2;
        let wait = match retry {
            Retry::BackOff | Retry::Confirm => {
                let times = self.failures - confirms;
                let doubled = 2_u32.checked_pow(times).unwrap_or(u32::MAX);
                let ceiling = if self.probes { PROBE_CEILING } else { CEILING };
                let most = self.interval().saturating_mul(doubled).min(ceiling);
                between(rng, most, 0.1, 1.0)
            }
            // A little later than the server asks: never earlier, and not all at one instant.
            Retry::After(wait) => between(rng, wait, 1.0, 1.1),
            Retry::Slowly => between(rng, SLOWLY, 1.0, 2.0),
        };
        wait.max(least)
    }

    /// The least time between two starts that a user's wish to refresh brings about. Long sweeps
    /// are not repeated at each key press.
    pub fn refresh_gap(&self) -> Duration {
        (self.every / 10).clamp(Duration::from_secs(2), Duration::from_secs(60))
    }
}

/// The wait before the first poll of one of `sources` sources: at once for a few, spread for many,
/// within one cadence.
pub fn first(sources: usize, every: Duration, rng: &mut fastrand::Rng) -> Duration {
    if sources <= 1 {
        return Duration::ZERO;
    }
    let sources = u32::try_from(sources).unwrap_or(u32::MAX);
    between(
        rng,
        SPREAD_STEP.saturating_mul(sources).min(every),
        0.0,
        1.0,
    )
}

fn between(rng: &mut fastrand::Rng, base: Duration, low: f64, high: f64) -> Duration {
    base.mul_f64(low + (high - low) * rng.f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn rng() -> fastrand::Rng {
        fastrand::Rng::with_seed(7)
    }

    #[test]
    fn an_answer_resets_the_back_off() {
        let mut rng = rng();
        let mut rhythm = Rhythm::new(10 * SECOND);
        for _ in 0..9 {
            rhythm.after_fault(Retry::BackOff, &mut rng);
        }
        assert_eq!(rhythm.failures(), 9);
        let wait = rhythm.after_answer(SECOND / 10, &mut rng);
        assert!((9 * SECOND..=11 * SECOND).contains(&wait), "{wait:?}");
        let wait = rhythm.after_fault(Retry::BackOff, &mut rng);
        assert!((5 * SECOND..=20 * SECOND).contains(&wait), "{wait:?}");
    }

    #[test]
    fn back_off_grows_to_its_ceiling_on_average() {
        let mut rng = rng();
        let mean = |failures: u32, rng: &mut fastrand::Rng| {
            let total: Duration = (0..500)
                .map(|_| {
                    let mut rhythm = Rhythm::new(5 * SECOND);
                    (0..failures).fold(Duration::ZERO, |_, _| {
                        rhythm.after_fault(Retry::BackOff, rng)
                    })
                })
                .sum();
            total / 500
        };
        let (first, third, tenth) = (mean(1, &mut rng), mean(3, &mut rng), mean(10, &mut rng));
        assert!(
            first * 2 < third && third * 2 < tenth,
            "{first:?} {third:?} {tenth:?}"
        );
        assert!(tenth > 50 * SECOND && tenth < 80 * SECOND, "{tenth:?}");
    }

    #[test]
    fn a_slow_server_is_asked_less_often() {
        let mut rng = rng();
        let mut rhythm = Rhythm::new(10 * SECOND);
        let wait = rhythm.after_answer(5 * SECOND, &mut rng);
        assert!(wait >= 45 * SECOND, "{wait:?}");
        let wait = rhythm.after_answer(secs(3_600), &mut rng);
        assert!(wait <= STRETCH_CEILING.mul_f64(1.1), "{wait:?}");
        let wait = rhythm.after_answer(SECOND / 10, &mut rng);
        assert!(wait <= 11 * SECOND, "it has recovered: {wait:?}");
    }

    #[test]
    fn a_failed_probe_is_confirmed_at_once_and_an_outage_is_not_hammered() {
        let mut rng = rng();
        for _ in 0..100 {
            let mut rhythm = Rhythm::of_probe(5 * SECOND);
            for _ in 0..CONFIRMATIONS {
                let wait = rhythm.after_fault(Retry::BackOff, &mut rng);
                assert!(wait >= 5 * SECOND / 4 && wait <= 5 * SECOND / 2, "{wait:?}");
            }
            for _ in 0..40 {
                let wait = rhythm.after_fault(Retry::BackOff, &mut rng);
                assert!(wait >= 5 * SECOND / 2 && wait <= PROBE_CEILING, "{wait:?}");
            }
            assert!(rhythm.after_fault(Retry::After(100 * SECOND), &mut rng) >= 100 * SECOND);
            assert!(rhythm.after_fault(Retry::Slowly, &mut rng) >= SLOWLY);
        }
        let mut rhythm = Rhythm::of_probe(5 * SECOND);
        let wait = rhythm.after_fault(Retry::After(100 * SECOND), &mut rng);
        assert!(wait >= 100 * SECOND, "what the server asks comes first");
    }

    #[test]
    fn a_refused_connection_is_confirmed_at_once_whatever_the_cadence() {
        let mut rng = rng();
        for every in [1, 10, 600] {
            let mut rhythm = Rhythm::new(secs(every));
            for _ in 0..CONFIRMATIONS {
                let wait = rhythm.after_fault(Retry::Confirm, &mut rng);
                assert!(wait <= CONFIRM_LIKE / 2, "{wait:?}");
                assert!(wait >= secs(every).min(CONFIRM_LIKE) / 4, "{wait:?}");
            }
            for _ in 0..40 {
                let wait = rhythm.after_fault(Retry::Confirm, &mut rng);
                assert!(wait >= secs(every) / 2, "it is not hammered: {wait:?}");
                assert!(wait <= CEILING.max(secs(every) / 2), "{wait:?}");
            }
        }
    }

    #[test]
    fn a_slow_endpoint_is_still_probed_often_enough_to_see_it_fall_silent() {
        let mut rhythm = Rhythm::of_probe(5 * SECOND);
        let wait = rhythm.after_answer(4 * SECOND, &mut rng());
        assert!((7 * SECOND..=9 * SECOND).contains(&wait), "{wait:?}");
    }

    #[test]
    fn few_sources_begin_at_once_and_many_are_spread() {
        let mut rng = rng();
        assert_eq!(first(1, 5 * SECOND, &mut rng), Duration::ZERO);
        assert!(first(4, 5 * SECOND, &mut rng) < SECOND / 10);
        let waits: Vec<_> = (0..500).map(|_| first(500, 5 * SECOND, &mut rng)).collect();
        assert!(waits.iter().all(|w| *w <= 5 * SECOND));
        assert!(waits.iter().filter(|w| **w > 4 * SECOND).count() > 50);
    }

    proptest! {
        #[test]
        fn a_server_is_never_asked_sooner_than_it_wants(
            every in 1_u64..600, wait in 0_u64..4_000, failures in 0_usize..40, seed: u64,
        ) {
            let mut rng = fastrand::Rng::with_seed(seed);
            let mut rhythm = Rhythm::new(secs(every));
            for _ in 0..failures {
                let wait = rhythm.after_fault(Retry::BackOff, &mut rng);
                prop_assert!(wait >= secs(every) / 2);
                prop_assert!(wait <= CEILING.max(secs(every) / 2));
            }
            let wait = secs(wait);
            prop_assert!(rhythm.after_fault(Retry::After(wait), &mut rng) >= wait);
            let slow = rhythm.after_fault(Retry::Slowly, &mut rng);
            prop_assert!(slow >= SLOWLY && slow <= (2 * SLOWLY).max(secs(every) / 2));
        }
    }
}
