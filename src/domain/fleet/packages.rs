//! The packages of the versions that were looked at, the latest of them: a page asks again for one that was
//! let go.

use std::collections::VecDeque;

use foldhash::HashMap;

use super::PackageState;
use crate::domain::key::VersionKey;

/// The most packages: a page shows those of one model's marked versions.
const MOST: usize = 256;

/// Packages by version.
#[derive(Debug, Default)]
pub(super) struct Packages {
    of: HashMap<VersionKey, PackageState>,
    /// In the order in which they were read, the latest last.
    order: VecDeque<VersionKey>,
}

impl Packages {
    /// The package of a version, as far as it was asked for and is kept.
    pub(super) fn get(&self, key: &VersionKey) -> Option<&PackageState> {
        self.of.get(key)
    }

    /// Keeps the package of a version. Of too many the one that was read first goes: its version is told.
    pub(super) fn insert(&mut self, key: VersionKey, state: PackageState) -> Option<VersionKey> {
        if self.of.insert(key.clone(), state).is_some() {
            self.order.retain(|known| *known != key);
        }
        self.order.push_back(key);
        if self.of.len() <= MOST {
            return None;
        }
        let first = self.order.pop_front()?;
        self.of.remove(&first);
        Some(first)
    }

    /// The version is gone.
    pub(super) fn remove(&mut self, key: &VersionKey) {
        if self.of.remove(key).is_some() {
            self.order.retain(|known| known != key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::key::{Key, ModelKey, RegistryKey};
    use crate::domain::time::Millis;

    fn version(n: usize) -> VersionKey {
        VersionKey {
            model: ModelKey {
                registry: Arc::new(RegistryKey {
                    base: Key::new("http://m"),
                    workspace: Key::new(""),
                }),
                name: Key::new("churn"),
                created: Millis(1),
            },
            version: Key::new(&n.to_string()),
        }
    }

    #[test]
    fn of_ten_times_as_many_the_latest_are_kept() {
        let mut all = Packages::default();
        for n in 0..MOST * 10 {
            let gone = all.insert(version(n), PackageState::Unreadable);
            assert_eq!(gone, n.checked_sub(MOST).map(version));
            // Read again and again, a package takes one place.
            assert_eq!(all.insert(version(n), PackageState::Unreadable), None);
            assert!(all.of.len() <= MOST && all.order.len() == all.of.len());
        }
        assert!(all.get(&version(MOST * 9 - 1)).is_none());
        assert!(all.get(&version(MOST * 9)).is_some());
        all.remove(&version(MOST * 9));
        assert!(all.get(&version(MOST * 9)).is_none());
        assert_eq!((all.of.len(), all.order.len()), (MOST - 1, MOST - 1));
    }
}
