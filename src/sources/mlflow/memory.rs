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

    /// Every run was told: what is behind no alias any more need not be remembered as asked for.
    pub(super) fn sweep_ends(&mut self) {
        self.before = HashMap::new();
        let mut asked = std::mem::take(&mut self.asked);
        let behind: HashSet<&str> = self.behind().map(Key::raw).collect();
        asked.retain(|run| behind.contains(run.as_str()));
        self.asked = asked;
    }

    /// The runs that made aliased versions.
    fn behind(&self) -> impl Iterator<Item = &Key> {
        let aliased = self.aliased.iter();
        let versions = aliased
            .flat_map(|(name, versions)| versions.iter().map(move |v| (name.as_str(), v.as_str())));
        versions.filter_map(|key| self.runs.get(&self.hasher.hash_one(key)))
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
            .behind()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_is_behind_no_alias_any_more_is_not_remembered_as_asked_for() {
        let mut lineage = Lineage::default();
        let kept: usize = 20;
        for version in 0..kept * 10 {
            lineage.sweep_begins();
            for known in 0..=version {
                let run = Key::new(&format!("run-{known}"));
                lineage.made_by("churn", &known.to_string(), &run);
            }
            let first = (version + 1).saturating_sub(kept);
            let aliased = (first..=version).map(|v| v.to_string()).collect();
            lineage.aliased.insert("churn".to_owned(), aliased);
            let due = lineage.due(usize::MAX);
            assert_eq!(due, [format!("run-{version}")], "each once");
            lineage.asked.extend(due);
            lineage.sweep_ends();
            assert!(lineage.asked.len() <= kept, "{}", lineage.asked.len());
        }
        assert_eq!(lineage.asked.len(), kept);
    }
}
