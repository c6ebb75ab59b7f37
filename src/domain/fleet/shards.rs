//! An index of rows by a hash of what they hold, in many shared parts: a snapshot is a few pointers,
//! and a change made while one is alive copies one part, not the whole. Keys stay with the rows.

use std::hash::{BuildHasher as _, Hash};
use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

const SHARDS: usize = 64;

/// The index.
#[derive(Clone, Debug)]
pub(super) struct Shards {
    hasher: RandomState,
    parts: Arc<[Arc<HashTable<u32>>]>,
    len: usize,
}

impl Default for Shards {
    fn default() -> Self {
        Self {
            hasher: RandomState::default(),
            parts: (0..SHARDS).map(|_| Arc::default()).collect(),
            len: 0,
        }
    }
}

impl Shards {
    fn part(hash: u64) -> usize {
        // A table chooses its place by the lowest bits and its tags by the highest.
        (hash >> 32) as usize % SHARDS
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The row with such a key that `is` accepts.
    pub(super) fn get(&self, key: &(impl Hash + ?Sized), is: impl Fn(u32) -> bool) -> Option<u32> {
        let hash = self.hasher.hash_one(key);
        let part = &self.parts[Self::part(hash)];
        part.find(hash, |row| is(*row)).copied()
    }

    /// Adds a row that is not in it; `key_of` gives the key of any row that is.
    pub(super) fn insert<'a, K: Hash + ?Sized + 'a>(
        &mut self,
        key: &K,
        row: u32,
        key_of: impl Fn(u32) -> &'a K,
    ) {
        let hash = self.hasher.hash_one(key);
        let part = &mut Arc::make_mut(&mut self.parts)[Self::part(hash)];
        let hash_of = |row: &u32| self.hasher.hash_one(key_of(*row));
        Arc::make_mut(part).insert_unique(hash, row, hash_of);
        self.len += 1;
    }

    /// Takes the row with such a key out that `is` accepts.
    pub(super) fn remove(&mut self, key: &(impl Hash + ?Sized), is: impl Fn(u32) -> bool) {
        let hash = self.hasher.hash_one(key);
        let part = &mut Arc::make_mut(&mut self.parts)[Self::part(hash)];
        if let Ok(entry) = Arc::make_mut(part).find_entry(hash, |row| is(*row)) {
            entry.remove();
            self.len -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_keeps_what_it_had() {
        let keys: Vec<String> = (0..=1_000).map(|n| n.to_string()).collect();
        let key = |row: u32| keys[row as usize].as_str();
        let find = |index: &Shards, row: u32| index.get(key(row), |r| key(r) == key(row));
        let mut index = Shards::default();
        for row in 0..1_000 {
            index.insert(key(row), row, key);
        }
        let before = index.clone();
        index.insert(key(1_000), 1_000, key);
        index.remove("3", |row| key(row) == "3");
        index.remove("none", |row| key(row) == "none");
        assert_eq!((find(&before, 3), find(&index, 3)), (Some(3), None));
        assert_eq!(
            (find(&before, 1_000), find(&index, 1_000)),
            (None, Some(1_000))
        );
        assert!((4..1_000).all(|row| find(&index, row) == Some(row)));
        assert_eq!((before.len(), index.len()), (1_000, 1_000));
    }
}
