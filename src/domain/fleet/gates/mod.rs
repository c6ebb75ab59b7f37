//! The gate sheet of a promotion: which gates it has to pass, what must still be read for them, what
//! they come to, and what the promotion would touch. Pure: the caller fetches what [`needs`] names, puts
//! the answers into [`Details`], and asks for the [`sheet()`].

mod details;
mod evidence;
mod reach;
mod selection;
mod sheet;
mod signals;
#[cfg(test)]
mod tests;

pub use self::details::{Answer, Details};
pub use self::reach::{Follower, Reach};
pub use self::selection::{Selection, selected};
pub use self::sheet::{Counts, Decision, Held, Sheet, SignedApproval, approval_to_check, sheet};

use super::{Fleet, PackageState};
use crate::domain::gate::Evidence;
use crate::domain::key::{Key, ModelKey, SourceId, VersionKey};
use crate::domain::query::Query;

/// A promotion that is thought of: an alias of a model to a version. Nothing of it is written.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Promotion {
    /// The model.
    pub model: ModelKey,
    /// The raw alias.
    pub alias: Key,
    /// The raw version that shall hold it.
    pub to: Key,
}

impl Promotion {
    /// The candidate.
    pub fn candidate(&self) -> VersionKey {
        VersionKey {
            model: self.model.clone(),
            version: self.to.clone(),
        }
    }

    /// The version that holds the alias now, as the registry was last read.
    pub fn champion(&self, fleet: &Fleet) -> Option<VersionKey> {
        let held = fleet.registered(&self.model)?;
        let version = held.fact.alias(self.alias.raw())?.clone();
        Some(VersionKey {
            model: self.model.clone(),
            version,
        })
    }
}

/// What has to be read before the gates can be judged, each with the source to ask. Empty once all of it
/// has been asked for, whatever the answers were.
///
/// Answers change what is needed: a version that was not known names its run. Ask again after each round.
pub fn needs(fleet: &Fleet, details: &Details, promotion: &Promotion) -> Vec<(SourceId, Query)> {
    let Some(model) = fleet.registered(&promotion.model) else {
        return Vec::new();
    };
    let source = &model.source;
    let mut wanted = Vec::new();
    let mut want = |query: Query| {
        if !details.has_asked(&query) && !wanted.contains(&query) {
            wanted.push(query);
        }
    };
    let gates = selected(fleet, promotion).gates;
    let looks_at = |test: &dyn Fn(&Evidence) -> bool| gates.iter().any(|g| test(&g.evidence));
    let runs = looks_at(&|e| {
        matches!(
            e,
            Evidence::RunMetric(_)
                | Evidence::RunTag(_)
                | Evidence::Quality
                | Evidence::Reproducibility
                | Evidence::TrainingAge
        )
    });
    let packages = looks_at(&|e| {
        matches!(
            e,
            Evidence::Signature
                | Evidence::Reproducibility
                | Evidence::Size
                | Evidence::Consistency
        )
    });
    let logged = looks_at(&|e| matches!(e, Evidence::ModelMetric(_)));
    let sides = [Some(promotion.candidate()), promotion.champion(fleet)];
    for key in sides.into_iter().flatten() {
        let Some(version) = fleet.version(&key) else {
            want(Query::Versions(promotion.model.clone()));
            continue;
        };
        if runs && let Some(run) = &version.run {
            want(Query::Run(run.clone()));
        }
        if packages && !matches!(fleet.package(&key), Some(PackageState::Read(_))) {
            want(Query::Package(key.clone()));
        }
        if logged && let Some(id) = &version.logged_model {
            want(Query::LoggedModel(id.clone()));
        }
    }
    wanted.into_iter().map(|q| (source.clone(), q)).collect()
}
