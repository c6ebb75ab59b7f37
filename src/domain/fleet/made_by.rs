//! Which models have a version that a run made, in many parts: one map of all would be made anew each
//! time it doubles, which takes milliseconds.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};

use crate::domain::key::{ModelKey, RunKey};

const PARTS: usize = 64;

/// The models by run.
#[derive(Debug)]
pub(super) struct MadeBy {
    hasher: RandomState,
    parts: Vec<HashMap<RunKey, Vec<ModelKey>>>,
}

impl Default for MadeBy {
    fn default() -> Self {
        Self {
            hasher: RandomState::new(),
            parts: vec![HashMap::new(); PARTS],
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
        let models = self.parts[part].entry(run.clone()).or_default();
        if let Err(at) = models.binary_search(model) {
            models.reserve_exact(1);
            models.insert(at, model.clone());
        }
    }

    /// The models of a run's versions, in order: nearly always one.
    pub(super) fn models(&self, run: &RunKey) -> &[ModelKey] {
        let models = self.parts[self.part(run)].get(run);
        models.map_or(&[], Vec::as_slice)
    }

    /// A run's key as it is held here, if it made any version.
    pub(super) fn key(&self, run: &RunKey) -> Option<&RunKey> {
        let held = self.parts[self.part(run)].get_key_value(run);
        held.map(|(key, _)| key)
    }
}
