//! The ledger's vocabulary: what changed, between which two looks, and who says so.

use super::key::{DeploymentKey, ModelKey, SourceId};
use super::text::Clean;
use super::time::Millis;

/// The version of the row's shape in the ledger.
pub const SCHEMA: u32 = 1;

/// What a change happened to.
#[derive(
    Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// A registered model.
    Model(ModelKey),
    /// A deployment.
    Deployment(DeploymentKey),
    /// A source of this context.
    Source(SourceId),
}

/// What kind of change. The word is stable: scripts match on it.
#[derive(
    Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    /// An alias moved, appeared or vanished; the alias is named.
    Alias(Clean),
    /// A version was registered.
    NewVersion,
    /// A version's stage moved; the version is named.
    Stage(Clean),
    /// A version's status moved; the version is named.
    VersionStatus(Clean),
    /// The model was deleted.
    ModelGone,
    /// The answering version changed.
    Served,
    /// The endpoint's health changed.
    Health,
    /// The settled level changed.
    Level,
    /// A run of the model's experiment ended.
    RunEnded,
}

impl ChangeKind {
    /// The stable word, without the thing it names.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Alias(_) => "alias",
            Self::NewVersion => "new-version",
            Self::Stage(_) => "stage",
            Self::VersionStatus(_) => "version-status",
            Self::ModelGone => "model-gone",
            Self::Served => "served",
            Self::Health => "health",
            Self::Level => "level",
            Self::RunEnded => "run-ended",
        }
    }
}

/// How a change came to be known. The order is the precedence when two rows tell of one event.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// This program did it.
    Own,
    /// Seen between two polls.
    Observed,
    /// Rebuilt from another system's records.
    Imported,
}

/// One row of the ledger: an event that happened after `not_before` and not after `not_after`.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Change {
    /// What it happened to.
    pub subject: Subject,
    /// What kind.
    pub kind: ChangeKind,
    /// The state before, empty if there was none.
    pub from: Clean,
    /// The state after, empty if it is gone.
    pub to: Clean,
    /// The last look that still showed the old state. Equal to `not_after` where the server stamps it.
    pub not_before: Millis,
    /// The first look that showed the new state.
    pub not_after: Millis,
    /// Who did it, where anyone says.
    pub actor: Option<Clean>,
    /// How it is known.
    pub origin: Origin,
    /// What shows it, in words.
    pub evidence: Clean,
}

impl Change {
    /// Whether two rows tell of one event: equal in what changed, and their windows overlap.
    pub fn same_event(&self, other: &Self) -> bool {
        self.subject == other.subject
            && self.kind == other.kind
            && self.from == other.from
            && self.to == other.to
            && self.not_before <= other.not_after
            && other.not_before <= self.not_after
    }

    /// One short phrase: `champion v13 → v14`, `serves v13 → v12`, `v15 registered`.
    pub fn phrase(&self) -> Clean {
        let arrow = |a: &Clean, b: &Clean| {
            let or = |t: &Clean| {
                if t.is_empty() {
                    "none".to_owned()
                } else {
                    t.to_string()
                }
            };
            format!("{} → {}", or(a), or(b))
        };
        Clean::text(&match &self.kind {
            ChangeKind::Alias(alias) => format!("{alias} {}", arrow(&self.from, &self.to)),
            ChangeKind::NewVersion => format!("{} registered", self.to),
            ChangeKind::Stage(version) => {
                format!("{version} stage {}", arrow(&self.from, &self.to))
            }
            ChangeKind::VersionStatus(version) => {
                format!("{version} status {}", arrow(&self.from, &self.to))
            }
            ChangeKind::ModelGone => "model deleted".to_owned(),
            ChangeKind::Served => format!("serves {}", arrow(&self.from, &self.to)),
            ChangeKind::Health => format!("endpoint {}", arrow(&self.from, &self.to)),
            ChangeKind::Level => format!("level {}", arrow(&self.from, &self.to)),
            ChangeKind::RunEnded => format!("run {} {}", self.from, self.to),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(from: i64, to: i64) -> Change {
        Change {
            subject: Subject::Source(SourceId::new("m")),
            kind: ChangeKind::Alias(Clean::name("champion")),
            from: Clean::name("v1"),
            to: Clean::name("v2"),
            not_before: Millis(from),
            not_after: Millis(to),
            actor: None,
            origin: Origin::Observed,
            evidence: Clean::empty(),
        }
    }

    #[test]
    fn overlapping_rows_tell_of_one_event() {
        assert!(row(0, 10).same_event(&row(5, 20)));
        assert!(!row(0, 10).same_event(&row(11, 20)));
        let other = Change {
            to: Clean::name("v3"),
            ..row(0, 10)
        };
        assert!(!row(0, 10).same_event(&other));
    }

    #[test]
    fn a_first_alias_reads_as_such() {
        let first = Change {
            from: Clean::empty(),
            ..row(0, 1)
        };
        assert_eq!(first.phrase(), "champion none → v2");
    }
}
