//! What one MLflow source remembers between polls: no facts, only what the next request needs.

use std::collections::{BTreeSet, HashMap, HashSet};

use tokio::time::Instant;

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
    /// Run id by (model name, version), from the version sweeps.
    pub runs: HashMap<(String, String), String>,
    /// Aliased versions by model name.
    pub aliased: HashMap<String, Vec<String>>,
    /// Runs asked for already.
    pub asked: HashSet<String>,
}

impl Lineage {
    /// The runs behind aliased versions that were not asked for yet.
    pub(super) fn due(&self, most: usize) -> Vec<String> {
        let mut due: Vec<String> = self
            .aliased
            .iter()
            .flat_map(|(name, versions)| versions.iter().map(move |v| (name.clone(), v.clone())))
            .filter_map(|key| self.runs.get(&key))
            .filter(|run| !self.asked.contains(*run))
            .cloned()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        due.truncate(most);
        due
    }
}
