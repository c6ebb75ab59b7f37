//! Registered models, their versions and aliases, with the registry's own rules of change.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::files::Recipe;

/// A registered model.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub(crate) name: Arc<str>,
    pub(crate) created: i64,
    pub(crate) updated: i64,
    pub(crate) description: Option<String>,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) aliases: BTreeMap<String, u32>,
    /// Oldest first; deleted ones stay so that their number is not used again.
    pub(crate) versions: Vec<Version>,
}

/// A version of a registered model.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    pub(crate) number: u32,
    pub(crate) created: i64,
    pub(crate) updated: i64,
    pub(crate) stage: &'static str,
    pub(crate) description: Option<String>,
    pub(crate) source: String,
    /// Empty when it was not registered from a run.
    pub(crate) run: Arc<str>,
    pub(crate) status: &'static str,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) logged_model: Option<Arc<str>>,
    /// Decides `MLmodel` and what stands beside it; none where the source lies outside.
    pub(crate) recipe: Option<Recipe>,
}

/// A version that was deleted: the registry hides it and keeps its number.
pub(crate) const DELETED: &str = "Deleted_Internal";

/// The stages that can be asked for.
pub(crate) const STAGES: [&str; 4] = ["None", "Staging", "Production", "Archived"];

impl Model {
    /// A version that is not deleted.
    pub(crate) fn version(&self, number: u32) -> Option<&Version> {
        self.versions
            .iter()
            .find(|version| version.number == number && version.stage != DELETED)
    }

    pub(crate) fn version_mut(&mut self, number: u32) -> Option<&mut Version> {
        self.versions
            .iter_mut()
            .find(|version| version.number == number && version.stage != DELETED)
    }

    /// Versions that are not deleted, oldest first.
    pub(crate) fn live_versions(&self) -> impl DoubleEndedIterator<Item = &Version> {
        self.versions
            .iter()
            .filter(|version| version.stage != DELETED)
    }

    /// The newest version of each stage, in stage order.
    pub(crate) fn latest_versions(&self) -> Vec<&Version> {
        STAGES
            .iter()
            .filter_map(|stage| {
                self.live_versions()
                    .rev()
                    .find(|version| version.stage == *stage)
            })
            .collect()
    }

    /// The aliases of one version, in name order.
    pub(crate) fn aliases_of(&self, number: u32) -> Vec<&str> {
        self.aliases
            .iter()
            .filter(|(_, target)| **target == number)
            .map(|(alias, _)| alias.as_str())
            .collect()
    }

    /// The next number to be given; a deleted version's is not used again.
    pub(crate) fn next_number(&self) -> u32 {
        self.versions.last().map_or(1, |version| version.number + 1)
    }

    /// Puts a version in a stage, archiving the others there when asked; both timestamps move.
    pub(crate) fn transition(
        &mut self,
        number: u32,
        stage: &'static str,
        archive: bool,
        now: i64,
    ) -> bool {
        if self.version(number).is_none() {
            return false;
        }
        for version in &mut self.versions {
            if version.number == number {
                version.stage = stage;
                version.updated = now;
            } else if archive && version.stage == stage {
                version.stage = "Archived";
                version.updated = now;
            }
        }
        self.updated = now;
        true
    }
}
