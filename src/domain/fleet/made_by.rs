//! Which models have a version that a run made. There are as many runs as versions: each takes two words
//! here, and the models that they name are held once.

use std::hash::BuildHasher as _;
use std::sync::Arc;

use foldhash::HashMap;
use foldhash::fast::RandomState;

use crate::domain::key::{Key, ModelKey, RegistryKey, RunKey};

/// One map of all would be made anew each time it doubles, which takes milliseconds.
const PARTS: usize = 64;

/// The models by run.
#[derive(Debug, Default)]
pub(super) struct MadeBy {
    hasher: RandomState,
    /// One a tracker, which are few.
    trackers: Vec<OfTracker>,
    models: Vec<ModelKey>,
    places: HashMap<ModelKey, u32>,
    /// Models of runs that made versions of several, each list in order.
    several: Vec<Vec<ModelKey>>,
}

#[derive(Debug)]
struct OfTracker {
    tracker: Arc<RegistryKey>,
    parts: Vec<HashMap<Key, Made>>,
}

/// What a run made: nearly always versions of one model.
#[derive(Clone, Copy, Debug)]
enum Made {
    /// The place of the model.
    One(u32),
    /// The place of their list.
    Several(u32),
}

impl MadeBy {
    fn part(&self, id: &Key) -> usize {
        self.hasher.hash_one(id) as usize % PARTS
    }

    fn find(&self, run: &RunKey) -> Option<(&Arc<RegistryKey>, &Key, Made)> {
        let of = self.trackers.iter().find(|of| of.tracker == run.tracker)?;
        let (id, made) = of.parts[self.part(&run.id)].get_key_value(&run.id)?;
        Some((&of.tracker, id, *made))
    }

    fn of(&self, made: Made) -> &[ModelKey] {
        match made {
            Made::One(at) => std::slice::from_ref(&self.models[at as usize]),
            Made::Several(at) => &self.several[at as usize],
        }
    }

    /// Remembers that a run made a version of a model.
    pub(super) fn note(&mut self, run: &RunKey, model: &ModelKey) {
        let made = match self.find(run).map(|(.., made)| made) {
            None => Made::One(self.place(model)),
            Some(known) => match self.of(known).binary_search(model) {
                Ok(_) => return,
                Err(at) => self.with(known, at, model),
            },
        };
        let part = self.part(&run.id);
        let known = self
            .trackers
            .iter()
            .position(|of| of.tracker == run.tracker);
        let at = known.unwrap_or_else(|| {
            self.trackers.push(OfTracker {
                tracker: Arc::clone(&run.tracker),
                parts: vec![HashMap::default(); PARTS],
            });
            self.trackers.len() - 1
        });
        self.trackers[at].parts[part].insert(run.id.clone(), made);
    }

    /// What a run made, and a model more at its place among the others.
    fn with(&mut self, known: Made, at: usize, model: &ModelKey) -> Made {
        if let Made::Several(list) = known {
            self.several[list as usize].insert(at, model.clone());
            return known;
        }
        let mut models = self.of(known).to_vec();
        models.insert(at, model.clone());
        self.several.push(models);
        Made::Several(self.several.len() as u32 - 1)
    }

    fn place(&mut self, model: &ModelKey) -> u32 {
        if let Some(at) = self.places.get(model) {
            return *at;
        }
        let at = self.models.len() as u32;
        self.models.push(model.clone());
        self.places.insert(model.clone(), at);
        at
    }

    /// The models of a run's versions, in order: nearly always one.
    pub(super) fn models(&self, run: &RunKey) -> &[ModelKey] {
        self.find(run).map_or(&[], |(.., made)| self.of(made))
    }

    /// Whether a run made any version.
    pub(super) fn holds(&self, run: &RunKey) -> bool {
        self.find(run).is_some()
    }

    /// A run's key as it is held here, if it made any version.
    pub(super) fn key(&self, run: &RunKey) -> Option<RunKey> {
        let (tracker, id, _) = self.find(run)?;
        Some(RunKey {
            tracker: Arc::clone(tracker),
            id: id.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Millis;

    fn registry(base: &str) -> Arc<RegistryKey> {
        Arc::new(RegistryKey {
            base: Key::new(base),
            workspace: Key::new(""),
        })
    }

    fn model(name: &str) -> ModelKey {
        ModelKey {
            registry: registry("http://ml.test"),
            name: Key::new(name),
            created: Millis(1),
        }
    }

    fn run(base: &str, id: &str) -> RunKey {
        RunKey {
            tracker: registry(base),
            id: Key::new(id),
        }
    }

    #[test]
    fn a_run_has_the_models_of_its_versions_in_order_and_those_of_its_tracker_alone() {
        let mut made = MadeBy::default();
        let (here, there) = (run("http://a.test", "1"), run("http://b.test", "1"));
        assert!(made.models(&here).is_empty() && !made.holds(&here));
        for name in ["c", "a", "c", "b", "a"] {
            made.note(&here, &model(name));
        }
        made.note(&there, &model("c"));
        assert_eq!(made.models(&here), ["a", "b", "c"].map(model));
        assert_eq!(made.models(&there), [model("c")]);
        assert_eq!(made.models(&run("http://a.test", "2")), []);
        assert_eq!(made.key(&here), Some(here.clone()));
        assert!(made.holds(&there));
    }
}
