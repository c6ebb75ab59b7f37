//! The shapes of series: pure functions of time, so that weeks of history cost no memory.

use std::f64::consts::TAU;
use std::sync::Arc;

use crate::sim::world::run::mix;

const DAY: f64 = 86_400.0;

/// Events that happen at a rate which swings with the day and wanders, in stretches of time.
///
/// The rate never falls to zero inside a stretch, so a count of events never falls.
#[derive(Clone, Debug)]
pub(crate) struct Flow {
    /// Events a second, on average, at a factor of 1.
    rate: f64,
    /// Amplitude, angular speed in 1/s, phase.
    waves: [(f64, f64, f64); 5],
    /// In order and without overlap.
    stretches: Vec<Stretch>,
}

/// A time within which events happen.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    /// Epoch milliseconds.
    from: i64,
    until: i64,
    factor: f64,
    /// The integral up to `from`: thousands of counts ask for it.
    before: f64,
    /// What all earlier stretches have counted, at a rate of 1.
    counted: f64,
}

impl Flow {
    /// Events at `rate` a second within stretches of `(from, until, factor)`.
    pub(crate) fn new(rate: f64, seed: u64, stretches: Vec<(i64, i64, f64)>) -> Self {
        let phase = |salt: u64| unit(mix(seed ^ salt)) * TAU;
        let mut flow = Self {
            rate,
            waves: [
                // Most people are awake at the same time: the day's phase is nearly shared.
                (0.38, TAU / DAY, -2.2 + phase(1) / 12.0),
                (0.06, TAU / 6_007.0, phase(2)),
                (0.06, TAU / 1_409.0, phase(3)),
                (0.06, TAU / 397.0, phase(4)),
                (0.05, TAU / 139.0, phase(5)),
            ],
            stretches: Vec::with_capacity(stretches.len()),
        };
        let mut counted = 0.0;
        for (from, until, factor) in stretches {
            let before = flow.integral(from);
            flow.stretches.push(Stretch {
                from,
                until,
                factor,
                before,
                counted,
            });
            counted += factor * (flow.integral(until) - before);
        }
        flow
    }

    /// Events since the first stretch began.
    pub(crate) fn count(&self, at: i64) -> f64 {
        let begun = self.stretches.partition_point(|stretch| stretch.from < at);
        let Some(stretch) = begun.checked_sub(1).map(|last| &self.stretches[last]) else {
            return 0.0;
        };
        let here = self.integral(at.min(stretch.until)) - stretch.before;
        (stretch.counted + stretch.factor * here) * self.rate
    }

    fn integral(&self, at: i64) -> f64 {
        let seconds = at as f64 / 1_000.0;
        let swing: f64 = self
            .waves
            .iter()
            .map(|(amplitude, speed, phase)| {
                // Whole turns taken away first: the sine of a large angle is inexact.
                let angle = (seconds * speed + phase).rem_euclid(TAU);
                -amplitude / speed * angle.cos()
            })
            .sum();
        seconds + swing
    }
}

/// A change of a gauge that begins at a time and takes a while.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change {
    /// Epoch milliseconds.
    pub(crate) at: i64,
    /// Milliseconds until it is complete; 0 for a jump.
    pub(crate) over: i64,
    /// What the value is multiplied by in the end.
    pub(crate) times: f64,
    /// What is added to it in the end.
    pub(crate) plus: f64,
}

/// A value that swings with the day, is noisy, and changes.
#[derive(Clone, Debug)]
pub(crate) struct Gauge {
    pub(crate) base: f64,
    /// Half the height of the day's swing.
    pub(crate) daily: f64,
    /// Half the height of the noise.
    pub(crate) noise: f64,
    pub(crate) seed: u64,
    pub(crate) changes: Vec<Change>,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Gauge {
    /// A gauge around a value, with noise and without changes or limits.
    pub(crate) fn around(base: f64, noise: f64, seed: u64) -> Self {
        Self {
            base,
            daily: 0.0,
            noise,
            seed,
            changes: Vec::new(),
            least: f64::NEG_INFINITY,
            most: f64::INFINITY,
        }
    }

    pub(crate) fn swinging(mut self, daily: f64) -> Self {
        self.daily = daily;
        self
    }

    pub(crate) fn within(mut self, least: f64, most: f64) -> Self {
        (self.least, self.most) = (least, most);
        self
    }

    pub(crate) fn changing(mut self, changes: impl IntoIterator<Item = Change>) -> Self {
        self.changes.extend(changes);
        self
    }

    /// The value at a time in epoch milliseconds.
    pub(crate) fn value(&self, at: i64) -> f64 {
        let seconds = at as f64 / 1_000.0;
        let turn = (seconds / DAY - 0.4).rem_euclid(1.0);
        let white = unit(mix(self.seed ^ (at as u64).rotate_left(17))) * 2.0 - 1.0;
        let mut value = self.base + self.daily * (turn * TAU).sin() + self.noise * white;
        for change in &self.changes {
            if at < change.at {
                continue;
            }
            let way = if change.over == 0 {
                1.0
            } else {
                ((at - change.at) as f64 / change.over as f64).min(1.0)
            };
            value = value * (1.0 + (change.times - 1.0) * way) + change.plus * way;
        }
        value.clamp(self.least, self.most)
    }
}

/// When a job runs: every so often, at a phase, until it dies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Job {
    /// Milliseconds between two runs.
    pub(crate) every: i64,
    /// Milliseconds after a whole multiple of `every`.
    pub(crate) phase: i64,
    /// Its last run is not after this.
    pub(crate) dies: Option<i64>,
}

impl Job {
    /// The last run at a time.
    pub(crate) fn last_run(&self, at: i64) -> i64 {
        let at = self.dies.map_or(at, |dies| at.min(dies));
        (at - self.phase).div_euclid(self.every) * self.every + self.phase
    }
}

/// How a series' samples are made.
#[derive(Clone, Debug)]
pub(crate) enum Curve {
    Constant(f64),
    /// A counter: shares of flows added up; whole numbers where it counts things.
    Count {
        parts: Vec<(Arc<Flow>, f64)>,
        whole: bool,
    },
    /// Read at each scrape.
    Gauge(Arc<Gauge>),
    /// Written by a job, and exposed until the next run.
    Held(Job, Arc<Gauge>),
    /// When a job last ran, in epoch seconds.
    LastRun(Job),
    /// One after the other from a time on, so far apart; the last one stands.
    Written {
        from: i64,
        interval: i64,
        values: Arc<[f64]>,
    },
}

impl Curve {
    /// The sample of a scrape at a time in epoch milliseconds.
    pub(crate) fn value(&self, at: i64) -> f64 {
        match self {
            Self::Constant(value) => *value,
            Self::Count { parts, whole } => {
                let sum: f64 = parts
                    .iter()
                    .map(|(flow, share)| flow.count(at) * share)
                    .sum();
                if *whole { sum.floor() } else { sum }
            }
            Self::Gauge(gauge) => gauge.value(at),
            Self::Held(job, gauge) => gauge.value(job.last_run(at)),
            Self::LastRun(job) => job.last_run(at) as f64 / 1_000.0,
            Self::Written {
                from,
                interval,
                values,
            } => {
                let last = values.len() as i64 - 1;
                let index = (at - from).div_euclid(*interval).clamp(0, last.max(0));
                values.get(index as usize).copied().unwrap_or(f64::NAN)
            }
        }
    }

    /// Whether no sample is ever lower than one before it.
    pub(crate) fn never_falls(&self) -> bool {
        matches!(self, Self::Count { .. } | Self::LastRun(_))
    }
}

/// A number in 0..1 from a hash.
pub(crate) fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

/// The standard normal distribution function, to 1e-5: as in Abramowitz and Stegun, 26.2.17.
pub(crate) fn normal(z: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * z.abs());
    let density = (-z * z / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let tail = density
        * t
        * (0.319_381_530
            + t * (-0.356_563_782
                + t * (1.781_477_937 + t * (-1.821_255_978 + t * 1.330_274_429))));
    if z > 0.0 { 1.0 - tail } else { tail }
}
