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
    /// How many runs made versions of each of them.
    uses: Vec<u32>,
    places: HashMap<ModelKey, u32>,
    /// Places of models that no run names any more.
    free: Vec<u32>,
    /// Models of runs that made versions of several, each list in order.
    several: Vec<Vec<ModelKey>>,
    /// Places of lists that no run has any more.
    free_lists: Vec<u32>,
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
        let list = match known {
            Made::Several(list) => list,
            Made::One(one) => {
                let one = self.models[one as usize].clone();
                let list = self.free_lists.pop().unwrap_or_else(|| {
                    self.several.push(Vec::new());
                    self.several.len() as u32 - 1
                });
                self.several[list as usize].push(one);
                list
            }
        };
        self.place(model);
        self.several[list as usize].insert(at, model.clone());
        Made::Several(list)
    }

    /// The place of a model that one run more made a version of.
    fn place(&mut self, model: &ModelKey) -> u32 {
        if let Some(at) = self.places.get(model) {
            self.uses[*at as usize] += 1;
            return *at;
        }
        let at = if let Some(at) = self.free.pop() {
            self.models[at as usize] = model.clone();
            self.uses[at as usize] = 1;
            at
        } else {
            self.models.push(model.clone());
            self.uses.push(1);
            self.models.len() as u32 - 1
        };
        self.places.insert(model.clone(), at);
        at
    }

    /// Forgets that a run made a version of a model: the last such version is gone.
    pub(super) fn forget(&mut self, run: &RunKey, model: &ModelKey) {
        let Some(made) = self.find(run).map(|(.., made)| made) else {
            return;
        };
        if self.of(made).binary_search(model).is_err() {
            return;
        }
        let left = match made {
            Made::One(_) => None,
            Made::Several(list) => {
                let models = &mut self.several[list as usize];
                models.retain(|known| known != model);
                match models.as_slice() {
                    [] | [_] => {
                        let one = models.pop().and_then(|one| self.places.get(&one).copied());
                        self.free_lists.push(list);
                        one.map(Made::One)
                    }
                    _ => Some(made),
                }
            }
        };
        let part = self.part(&run.id);
        let tracker = run.tracker.clone();
        if let Some(of) = self.trackers.iter_mut().find(|of| of.tracker == tracker) {
            match left {
                Some(left) => of.parts[part].insert(run.id.clone(), left),
                None => of.parts[part].remove(&run.id),
            };
        }
        if let Some(at) = self.places.get(model).copied() {
            let uses = &mut self.uses[at as usize];
            *uses -= 1;
            if *uses == 0 {
                self.places.remove(model);
                self.free.push(at);
            }
        }
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

    #[test]
    fn versions_that_come_and_go_leave_nothing_behind() {
        let mut made = MadeBy::default();
        let ran = |n: usize| run("http://a.test", &n.to_string());
        let of = |n: usize| model(&format!("m{n}"));
        let kept = 100;
        for n in 0..kept * 10 {
            for by in [n, n + 1] {
                made.note(&ran(n), &of(by));
            }
            if let Some(old) = n.checked_sub(kept) {
                assert_eq!(made.models(&ran(old)).len(), 2);
                made.forget(&ran(old), &of(old));
                assert_eq!(made.models(&ran(old)), [of(old + 1)]);
                made.forget(&ran(old), &of(old));
                made.forget(&ran(old), &of(old + 1));
                assert!(!made.holds(&ran(old)));
            }
            assert!(made.models.len() <= kept + 3 && made.several.len() <= kept + 1);
        }
        let held: usize = made.trackers[0].parts.iter().map(HashMap::len).sum();
        assert_eq!((held, made.places.len()), (kept, kept + 1));
    }
}
