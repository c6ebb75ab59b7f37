//! A map in many shared parts: a snapshot is a few pointers, and a change made while one is alive
//! copies one part, not the whole.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::sync::Arc;

const SHARDS: usize = 64;

/// The map.
#[derive(Clone, Debug)]
pub(super) struct Shards<K, V> {
    hasher: RandomState,
    parts: Arc<[Arc<HashMap<K, V>>]>,
    len: usize,
}

impl<K, V> Default for Shards<K, V> {
    fn default() -> Self {
        Self {
            hasher: RandomState::new(),
            parts: (0..SHARDS).map(|_| Arc::default()).collect(),
            len: 0,
        }
    }
}

impl<K: Hash + Eq + Clone, V: Clone> Shards<K, V> {
    fn part<Q: Hash + ?Sized>(&self, key: &Q) -> usize {
        self.hasher.hash_one(key) as usize % SHARDS
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.parts[self.part(key)].get(key)
    }

    pub(super) fn insert(&mut self, key: K, value: V) {
        let at = self.part(&key);
        let part = &mut Arc::make_mut(&mut self.parts)[at];
        let old = Arc::make_mut(part).insert(key, value);
        self.len += usize::from(old.is_none());
    }

    pub(super) fn remove(&mut self, key: &K) {
        let at = self.part(key);
        let part = &mut Arc::make_mut(&mut self.parts)[at];
        let old = Arc::make_mut(part).remove(key);
        self.len -= usize::from(old.is_some());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_keeps_what_it_had() {
        let mut map = Shards::default();
        for n in 0..1_000 {
            map.insert(n, n);
        }
        let before = map.clone();
        map.insert(7, 70);
        map.insert(1_000, 1_000);
        map.remove(&3);
        assert_eq!((before.get(&7), map.get(&7)), (Some(&7), Some(&70)));
        assert_eq!((before.get(&3), map.get(&3)), (Some(&3), None));
        assert_eq!((before.len(), map.len()), (1_000, 1_000));
    }
}
