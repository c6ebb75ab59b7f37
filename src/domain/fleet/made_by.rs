//! Which models have a version that a run made, in many parts: one map of all would be made anew each
//! time it doubles, which takes milliseconds.

use std::hash::BuildHasher as _;

use foldhash::HashMap;
use foldhash::fast::RandomState;

use crate::domain::key::{ModelKey, RunKey};

const PARTS: usize = 64;

/// The models by run.
#[derive(Debug)]
pub(super) struct MadeBy {
    hasher: RandomState,
    parts: Vec<HashMap<RunKey, Models>>,
}

/// The models of a run's versions: nearly always one, which needs no list.
#[derive(Clone, Debug)]
enum Models {
    One(ModelKey),
    Several(Vec<ModelKey>),
}

impl Models {
    fn as_slice(&self) -> &[ModelKey] {
        match self {
            Self::One(model) => std::slice::from_ref(model),
            Self::Several(models) => models,
        }
    }

    /// Adds a model at its place among the others.
    fn add(&mut self, model: &ModelKey) {
        if let Err(at) = self.as_slice().binary_search(model) {
            let mut models = self.as_slice().to_vec();
            models.insert(at, model.clone());
            *self = Self::Several(models);
        }
    }
}

impl Default for MadeBy {
    fn default() -> Self {
        Self {
            hasher: RandomState::default(),
            parts: vec![HashMap::default(); PARTS],
        }
    }
}

impl MadeBy {
    fn part(&self, run: &RunKey) -> usize {
        self.hasher.hash_one(run) as usize % PARTS
    }

    /// Remembers that a run made a version of a model.
    pub(super) fn note(&mut self, run: &RunKey, model: &ModelKey) {
        let part = self.part(run);
        match self.parts[part].get_mut(run) {
            Some(models) => models.add(model),
            None => {
                let one = Models::One(model.clone());
                self.parts[part].insert(run.clone(), one);
            }
        }
    }

    /// The models of a run's versions, in order: nearly always one.
    pub(super) fn models(&self, run: &RunKey) -> &[ModelKey] {
        let models = self.parts[self.part(run)].get(run);
        models.map_or(&[], Models::as_slice)
    }

    /// A run's key as it is held here, if it made any version.
    pub(super) fn key(&self, run: &RunKey) -> Option<&RunKey> {
        let held = self.parts[self.part(run)].get_key_value(run);
        held.map(|(key, _)| key)
    }
}
