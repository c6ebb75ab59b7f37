//! The fleet's measurements: counters, gauges and histograms as its serving stacks and its drift jobs
//! expose them, as functions of time. How they are queried is not known here.

pub(crate) mod curve;
pub(crate) mod export;
pub(crate) mod incidents;
pub(crate) mod labels;
pub(crate) mod monitors;
mod serving;
pub(crate) mod store;

use std::sync::Arc;

use self::curve::Curve;
use self::incidents::{Incident, Trouble};
use self::labels::{Interner, NAME};
use self::store::{Series, Store, Type};
use crate::sim::world::World;
use crate::sim::world::run::mix;
use crate::sim::world::script::Scenario;

/// How far back the samples go.
pub(crate) const HISTORY: i64 = 28 * 24 * 3_600_000;
/// Milliseconds between two scrapes.
pub(crate) const SCRAPE: i64 = 15_000;

/// What the world's measurements depend on beside the world.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Playing {
    pub(crate) scenario: Scenario,
    pub(crate) speed: f64,
}

/// Every series of the world as it is now. What it measured before stays as it was.
pub(crate) fn store(world: &World, playing: Playing) -> Store {
    let mut maker = Maker {
        world,
        playing,
        interner: Interner::default(),
        store: Store::default(),
    };
    for endpoint in &world.endpoints {
        serving::measure(&mut maker, endpoint);
    }
    for model in &world.models {
        monitors::measure(&mut maker, model);
    }
    maker.store
}

/// A series of samples written one by one, a scrape apart, the last of them at `until` or less than a
/// scrape before.
pub(crate) fn written(labels: &[(&str, &str)], values: &[f64], until: i64) -> Series {
    let last = until.div_euclid(SCRAPE) * SCRAPE;
    let from = last - (values.len() as i64 - 1).max(0) * SCRAPE;
    Series {
        labels: Interner::default().labels(labels),
        interval: SCRAPE,
        offset: 0,
        from,
        until: Some(last + SCRAPE),
        curve: Curve::Written {
            from,
            interval: SCRAPE,
            values: values.into(),
        },
    }
}

struct Maker<'a> {
    world: &'a World,
    playing: Playing,
    interner: Interner,
    store: Store,
}

/// Who exposes a series, and for how long.
#[derive(Clone, Debug)]
struct Target {
    job: &'static str,
    instance: String,
    from: i64,
    until: Option<i64>,
}

impl Maker<'_> {
    fn incident(&self, model: &str) -> impl Iterator<Item = (i64, Trouble)> {
        let (epoch, speed) = (self.world.epoch(), self.playing.speed);
        let model = model.to_owned();
        incidents::of(self.playing.scenario)
            .iter()
            .filter(move |incident| incident.model == model)
            .map(
                move |Incident {
                          begins, trouble, ..
                      }| { (incidents::onset(epoch, *begins, speed), *trouble) },
            )
    }

    /// How much faster than written the scenario plays what is still to come.
    fn quick(&self, seconds: i64) -> i64 {
        (seconds as f64 * 1_000.0 / self.playing.speed.max(1e-6)) as i64
    }

    fn seed(&self, words: &[&str]) -> u64 {
        words
            .iter()
            .flat_map(|word| word.bytes().chain([0xff]))
            .fold(mix(self.world.seed()), |seed, byte| {
                mix(seed ^ u64::from(byte))
            })
    }

    fn family(&mut self, name: &str, kind: Type, help: &'static str) {
        let name = self.interner.text(name);
        self.store.families.entry(name).or_insert((kind, help));
    }

    fn push(&mut self, target: &Target, name: &str, labels: &[(&str, &str)], curve: Curve) {
        let mut pairs = vec![
            (NAME, name),
            ("job", target.job),
            ("instance", target.instance.as_str()),
        ];
        pairs.extend_from_slice(labels);
        let offset = (mix(target
            .instance
            .bytes()
            .map(u64::from)
            .fold(7, |sum, byte| mix(sum ^ byte)))
            % SCRAPE as u64) as i64;
        let series = Series {
            labels: self.interner.labels(&pairs),
            interval: SCRAPE,
            offset,
            from: target.from,
            until: target.until,
            curve,
        };
        self.store.push(series);
    }

    fn gauge(
        &mut self,
        target: &Target,
        name: &str,
        help: &'static str,
        labels: &[(&str, &str)],
        curve: Curve,
    ) {
        self.family(name, Type::Gauge, help);
        self.push(target, name, labels, curve);
    }

    fn counter(
        &mut self,
        target: &Target,
        name: &str,
        help: &'static str,
        labels: &[(&str, &str)],
        parts: Vec<(Arc<curve::Flow>, f64)>,
    ) {
        self.family(name, Type::Counter, help);
        self.push(target, name, labels, Curve::Count { parts, whole: true });
    }
}
