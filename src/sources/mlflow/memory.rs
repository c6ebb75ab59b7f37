//! What one MLflow source remembers between polls: no facts, only what the next request needs.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};

use tokio::time::Instant;

use crate::domain::key::Key;
use crate::domain::time::Millis;

/// Delta state of one source.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// Creation time by raw model name, from the last answers about models: version rows do not
    /// carry it, and it is part of a model's identity.
    pub created: HashMap<String, Millis>,
    /// Names that bear versions and are no models to us: prompts, and what this token may not see.
    /// Asked for once between two sweeps.
    pub strangers: HashSet<String>,
    /// When every model was last read; `None` before the first sweep.
    pub swept: Option<Instant>,
    /// The latest update stamp of a version seen by the newest-versions tick.
    pub newest_version: Option<Millis>,
    /// Ids of the active experiments.
    pub experiments: Vec<String>,
    /// The runs tick over all experiments.
    pub recent: RunsSeen,
    /// The runs tick over the experiments on screen.
    pub open: RunsSeen,
    /// Experiments on screen whose newest runs were read in full.
    pub opened: HashSet<String>,
    /// The server refuses `name IN (…)`.
    pub no_name_lists: bool,
    /// The server refuses to order versions.
    pub no_version_order: bool,
    /// The server has no bulk history route.
    pub no_bulk_history: bool,
    /// Runs behind aliased versions that were not delivered yet, and those that were.
    pub lineage: Lineage,
}

impl Memory {
    /// Whether anything more can be learned about a model's name before the next sweep.
    pub(super) fn knows(&self, name: &str) -> bool {
        self.created.contains_key(name) || self.strangers.contains(name)
    }
}

/// What a runs tick has seen.
#[derive(Debug, Default)]
pub(super) struct RunsSeen {
    /// The largest stamp seen, never ahead of the server's own clock.
    pub since: Option<Millis>,
    /// Ids of the runs that were live at the last look.
    pub live: BTreeSet<String>,
}

/// The runs that made the versions with an alias: their metrics are a model's quality, however old.
#[derive(Debug, Default)]
pub(super) struct Lineage {
    /// Run ids from the version sweeps, by the hash of model name and version: there are as many as
    /// versions, and one that is asked for in vain does no harm.
    runs: HashMap<u64, Key>,
    /// Those of the sweep before, until this one has ended: an id that stays is not held twice.
    before: HashMap<u64, Key>,
    /// Aliased versions by model name.
    pub aliased: HashMap<String, Vec<String>>,
    /// Runs asked for already.
    pub asked: HashSet<String>,
    hasher: RandomState,
}

impl Lineage {
    /// A full sweep begins: every run is told again.
    pub(super) fn sweep_begins(&mut self) {
        self.before = std::mem::take(&mut self.runs);
    }

    /// Every run was told.
    pub(super) fn sweep_ends(&mut self) {
        self.before = HashMap::new();
    }

    /// Remembers the run that made a version.
    pub(super) fn made_by(&mut self, name: &str, version: &str, run: &Key) {
        let at = self.hasher.hash_one((name, version));
        let known = self.before.remove(&at).filter(|known| known == run);
        self.runs.insert(at, known.unwrap_or_else(|| run.clone()));
    }

    /// The runs behind aliased versions that were not asked for yet.
    pub(super) fn due(&self, most: usize) -> Vec<String> {
        let mut due: Vec<String> = self
            .aliased
            .iter()
            .flat_map(|(name, versions)| versions.iter().map(move |v| (name.as_str(), v.as_str())))
            .filter_map(|key| self.runs.get(&self.hasher.hash_one(key)))
            .map(Key::raw)
            .filter(|run| !self.asked.contains(*run))
            .map(str::to_owned)
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        due.truncate(most);
        due
    }
}
