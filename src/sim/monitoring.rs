//! What the simulated monitoring systems look at: the samples and alerts of one moment.
//!
//! It is put together from the world when asked, and again only when what is served has changed.

use std::sync::{Arc, Mutex, PoisonError};

use super::grafana::Mark;
use super::prometheus::rules::{Alert, Timeline};
use super::samples::store::{Series, Store};
use super::samples::{self, Playing};
use super::silences::Silences;
use super::world::catalog::Entry;
use super::world::{Span, World};

/// The samples and alerts of a fleet, kept between requests.
#[derive(Debug, Default)]
pub(crate) struct Monitoring {
    samples: Mutex<Option<Kept>>,
    /// Series of no server of the fleet, which somebody wants to be asked for.
    exposed: Mutex<Vec<Series>>,
    timeline: Mutex<Timeline>,
    pub(crate) silences: Silences,
    /// Marks that were made over HTTP.
    pub(crate) marks: Mutex<Vec<Mark>>,
}

#[derive(Debug)]
struct Kept {
    revision: u64,
    samples: Arc<Store>,
    facts: Arc<Facts>,
}

/// What a monitoring system knows at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    /// Epoch milliseconds.
    pub(crate) now: i64,
    pub(crate) samples: Arc<Store>,
    pub(crate) facts: Arc<Facts>,
}

/// What people told the monitoring systems of the fleet.
#[derive(Debug)]
pub(crate) struct Facts {
    /// Epoch milliseconds of the start.
    pub(crate) epoch: i64,
    pub(crate) playing: Playing,
    pub(crate) models: Vec<Watched>,
}

/// A model, and what of it was served when.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) name: Arc<str>,
    pub(crate) entry: &'static Entry,
    pub(crate) endpoint: Option<String>,
    pub(crate) spans: Vec<Span>,
}

fn facts(world: &World, playing: Playing) -> Facts {
    let watched = world.models.iter().filter_map(|model| {
        let serves = |endpoint: &&super::world::Endpoint| endpoint.model == model.name;
        let endpoint = world.endpoints.iter().find(serves);
        Some(Watched {
            name: model.name.clone(),
            entry: model.versions.first()?.recipe?.entry,
            endpoint: endpoint.map(|endpoint| endpoint.name.clone()),
            spans: endpoint.map_or_else(Vec::new, |endpoint| endpoint.spans.clone()),
        })
    });
    Facts {
        epoch: world.epoch(),
        playing,
        models: watched.collect(),
    }
}

/// The alerts at one moment.
#[derive(Debug)]
pub(crate) struct Alerts {
    pub(crate) active: Vec<Alert>,
    /// `ALERTS` and its kin.
    pub(crate) series: Store,
    /// The last evaluation, in epoch milliseconds.
    pub(crate) evaluated: i64,
}

impl Monitoring {
    /// The samples of the world as it is now.
    pub(crate) fn look(&self, world: &World, playing: Playing) -> Look {
        let mut kept = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        let revision = world.revision();
        let known = kept.take().filter(|known| known.revision == revision);
        let known = kept.insert(known.unwrap_or_else(|| {
            let mut store = samples::store(world, playing);
            let exposed = self.exposed.lock().unwrap_or_else(PoisonError::into_inner);
            exposed.iter().for_each(|series| store.push(series.clone()));
            Kept {
                revision,
                samples: Arc::new(store),
                facts: Arc::new(facts(world, playing)),
            }
        }));
        Look {
            now: world.now,
            samples: Arc::clone(&known.samples),
            facts: Arc::clone(&known.facts),
        }
    }

    /// Adds a series of no server of the fleet.
    pub(crate) fn expose(&self, series: Series) {
        let mut kept = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        let mut exposed = self.exposed.lock().unwrap_or_else(PoisonError::into_inner);
        exposed.push(series);
        *kept = None;
    }

    /// The alerts at a moment: rules are evaluated up to there.
    pub(crate) fn alerts(&self, look: &Look) -> Alerts {
        let mut timeline = self.timeline.lock().unwrap_or_else(PoisonError::into_inner);
        timeline.advance(&look.samples, look.now);
        Alerts {
            active: timeline.active().cloned().collect(),
            series: timeline.store(),
            evaluated: timeline.evaluated(),
        }
    }
}
