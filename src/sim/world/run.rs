//! Runs and their metric curves: computed on demand, so that history costs no memory.

use std::f64::consts::TAU;
use std::sync::Arc;

/// One training run as the tracking server holds it.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) id: Arc<str>,
    pub(crate) name: String,
    /// Experiment id, decimal.
    pub(crate) experiment: Arc<str>,
    pub(crate) user: Arc<str>,
    pub(crate) status: Status,
    /// Epoch milliseconds, by the trainer's clock.
    pub(crate) start: i64,
    pub(crate) end: Option<i64>,
    pub(crate) deleted: bool,
    pub(crate) params: Vec<(Arc<str>, Box<str>)>,
    pub(crate) tags: Vec<(Arc<str>, Box<str>)>,
    pub(crate) metrics: Vec<Metric>,
    pub(crate) datasets: Vec<Dataset>,
    /// The model logged by this run (MLflow 3), with its step.
    pub(crate) logged_model: Option<Arc<str>>,
    /// Small text files under the run's artifact root.
    pub(crate) artifacts: Vec<(String, String)>,
}

/// Run states, as the wire spells them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Status {
    Running,
    Finished,
    Failed,
    Killed,
}

impl Status {
    /// The state that a word or a number of the wire names.
    pub(crate) fn of(word: &str) -> Option<Self> {
        match word {
            "RUNNING" | "1" => Some(Self::Running),
            "FINISHED" | "3" => Some(Self::Finished),
            "FAILED" | "4" => Some(Self::Failed),
            "KILLED" | "5" => Some(Self::Killed),
            _ => None,
        }
    }

    pub(crate) fn wire(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Finished => "FINISHED",
            Self::Failed => "FAILED",
            Self::Killed => "KILLED",
        }
    }
}

/// A dataset a run was fed with.
#[derive(Clone, Debug)]
pub(crate) struct Dataset {
    pub(crate) name: String,
    pub(crate) digest: String,
    /// The `mlflow.data.context` tag: `training` or `validation`.
    pub(crate) context: &'static str,
    /// Column names and types, for the schema text.
    pub(crate) columns: Vec<(Arc<str>, &'static str)>,
    pub(crate) rows: u64,
}

/// One metric of a run.
#[derive(Clone, Debug)]
pub(crate) struct Metric {
    pub(crate) key: Arc<str>,
    pub(crate) curve: Curve,
    /// Milliseconds between two points.
    pub(crate) interval: i64,
    /// Points of the whole curve; a run that ends early keeps fewer.
    pub(crate) total: u32,
}

/// One logged value. `value` may be NaN or infinite.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Point {
    pub(crate) value: f64,
    pub(crate) timestamp: i64,
    pub(crate) step: i64,
}

/// The shape of a metric over its steps.
#[derive(Clone, Debug)]
pub(crate) enum Curve {
    /// From `from` towards `to`, most of the way after a third of the steps, with noise.
    Approach {
        from: f64,
        to: f64,
        noise: f64,
        seed: u64,
    },
    /// Like `Approach` until a step, then growing, then not a number.
    Diverge {
        from: f64,
        to: f64,
        seed: u64,
        at: u32,
    },
    /// Values written out.
    Written(Arc<[Point]>),
}

impl Metric {
    /// A metric that was logged once.
    pub(crate) fn single(key: &str, value: f64, at: i64) -> Self {
        let point = Point {
            value,
            timestamp: at,
            step: 0,
        };
        Self {
            key: key.into(),
            curve: Curve::Written([point].into()),
            interval: 1_000,
            total: 1,
        }
    }

    /// How many points exist at a time, in a run started at `start` that stopped at `end`.
    pub(crate) fn count(&self, start: i64, end: Option<i64>, now: i64) -> u32 {
        if let Curve::Written(points) = &self.curve {
            return points.len() as u32;
        }
        let until = end.unwrap_or(now);
        let played = (until - start).max(0) / self.interval.max(1);
        (played.min(i64::from(self.total)) as u32).max(u32::from(self.total > 0))
    }

    /// The point at an index below [`Metric::count`].
    pub(crate) fn point(&self, start: i64, index: u32) -> Point {
        let value = match &self.curve {
            Curve::Written(points) => return points[index as usize],
            Curve::Approach {
                from,
                to,
                noise,
                seed,
            } => {
                let way = 1.0 - (-5.0 * f64::from(index) / f64::from(self.total.max(1))).exp();
                from + (to - from) * way + noise * (1.0 - 0.7 * way) * jitter(*seed, index)
            }
            Curve::Diverge { from, to, seed, at } => {
                if index < *at {
                    let way = 1.0 - (-5.0 * f64::from(index) / f64::from(self.total.max(1))).exp();
                    from + (to - from) * way + from * 0.03 * jitter(*seed, index)
                } else if index < at + 6 {
                    from * 4_f64.powi((index - at) as i32 + 1)
                } else if index < at + 8 {
                    f64::INFINITY
                } else {
                    f64::NAN
                }
            }
        };
        Point {
            value,
            timestamp: start + self.interval * (i64::from(index) + 1),
            step: i64::from(index),
        }
    }
}

impl Run {
    /// The latest value of each metric at a time.
    pub(crate) fn latest(&self, now: i64) -> impl Iterator<Item = (&Metric, Point)> {
        self.metrics.iter().filter_map(move |metric| {
            let count = metric.count(self.start, self.end, now);
            let last = count.checked_sub(1)?;
            Some((metric, metric.point(self.start, last)))
        })
    }

    /// The latest value of one metric.
    pub(crate) fn metric(&self, key: &str, now: i64) -> Option<f64> {
        self.latest(now)
            .find(|(metric, _)| &*metric.key == key)
            .map(|(_, point)| point.value)
    }

    /// Every point of one metric so far, in step order.
    pub(crate) fn history(&self, key: &str, now: i64) -> Vec<Point> {
        let Some(metric) = self.metrics.iter().find(|metric| &*metric.key == key) else {
            return Vec::new();
        };
        (0..metric.count(self.start, self.end, now))
            .map(|index| metric.point(self.start, index))
            .collect()
    }

    /// Adds a point to a metric, whose latest value is the one of the highest step.
    pub(crate) fn log(&mut self, key: &str, point: Point, now: i64) {
        let mut points = self.history(key, now);
        points.push(point);
        points.sort_by(|a, b| {
            (a.step, a.timestamp)
                .cmp(&(b.step, b.timestamp))
                .then(a.value.total_cmp(&b.value))
        });
        let written = Metric {
            key: key.into(),
            interval: 1_000,
            total: points.len() as u32,
            curve: Curve::Written(points.into()),
        };
        match self.metrics.iter_mut().find(|metric| &*metric.key == key) {
            Some(metric) => *metric = written,
            None => self.metrics.push(written),
        }
    }

    pub(crate) fn set_tag(&mut self, key: &str, value: &str) {
        self.tags.retain(|(known, _)| **known != *key);
        self.tags.push((key.into(), value.into()));
    }

    pub(crate) fn tag(&self, key: &str) -> Option<&str> {
        find(&self.tags, key)
    }

    pub(crate) fn param(&self, key: &str) -> Option<&str> {
        find(&self.params, key)
    }
}

fn find<'a>(pairs: &'a [(Arc<str>, Box<str>)], key: &str) -> Option<&'a str> {
    pairs
        .iter()
        .find(|(known, _)| &**known == key)
        .map(|(_, value)| &**value)
}

/// Noise in -1..1, the same for the same seed and index: mostly white, a little slow swell.
fn jitter(seed: u64, index: u32) -> f64 {
    let white = unit(mix(seed ^ (u64::from(index) << 20))) * 2.0 - 1.0;
    let swell = (f64::from(index) / 17.0 + unit(seed) * TAU).sin();
    0.75 * white + 0.25 * swell
}

/// A number in 0..1 from a hash.
fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

/// The finaliser of splitmix64: a cheap hash without pattern.
pub(crate) fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
