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
    /// An alert began, was muted or ended; the alert is named.
    Alert(Clean),
    /// Somebody wrote an annotation.
    Annotation,
    /// A tag was set or taken away; it is named, after its version where it is one's.
    Tag(Clean),
    /// The description was edited; the version is named where it is one's.
    Description(Clean),
    /// A mark was left on the model or ended: `freeze`, `acknowledgement`, `approval of v7 for champion`.
    Mark(Clean),
    /// Alerts were muted by a silence or are heard again: by what it matches, or its identity.
    Silence(Clean),
    /// A run of a pipeline was asked for, asked to end or tried again; the pipeline is named.
    Pipeline(Clean),
}

impl ChangeKind {
    /// Whether it only says something of a model, or asks for something: nothing that the model answers
    /// changes by it, so that it is no cause of trouble.
    pub fn is_note(&self) -> bool {
        matches!(
            self,
            Self::Tag(_)
                | Self::Description(_)
                | Self::Mark(_)
                | Self::Silence(_)
                | Self::Pipeline(_)
        )
    }

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
            Self::Alert(_) => "alert",
            Self::Annotation => "annotation",
            Self::Tag(_) => "tag",
            Self::Description(_) => "description",
            Self::Mark(_) => "mark",
            Self::Silence(_) => "silence",
            Self::Pipeline(_) => "pipeline",
        }
    }

    /// The alias, version or other thing that the kind names, empty where it names none.
    pub fn thing(&self) -> &str {
        match self {
            Self::Alias(thing)
            | Self::Stage(thing)
            | Self::VersionStatus(thing)
            | Self::Alert(thing)
            | Self::Tag(thing)
            | Self::Description(thing)
            | Self::Mark(thing)
            | Self::Silence(thing)
            | Self::Pipeline(thing) => thing.as_str(),
            Self::NewVersion
            | Self::ModelGone
            | Self::Served
            | Self::Health
            | Self::Level
            | Self::RunEnded
            | Self::Annotation => "",
        }
    }

    /// Puts a kind together again from its word and the thing it names; `None` for a word that this
    /// version does not know.
    pub fn from_parts(word: &str, thing: &str) -> Option<Self> {
        Some(match word {
            "alias" => Self::Alias(Clean::name(thing)),
            "new-version" => Self::NewVersion,
            "stage" => Self::Stage(Clean::name(thing)),
            "version-status" => Self::VersionStatus(Clean::name(thing)),
            "model-gone" => Self::ModelGone,
            "served" => Self::Served,
            "health" => Self::Health,
            "level" => Self::Level,
            "run-ended" => Self::RunEnded,
            "alert" => Self::Alert(Clean::name(thing)),
            "annotation" => Self::Annotation,
            "tag" => Self::Tag(Clean::name(thing)),
            "description" => Self::Description(Clean::name(thing)),
            "mark" => Self::Mark(Clean::name(thing)),
            "silence" => Self::Silence(Clean::name(thing)),
            "pipeline" => Self::Pipeline(Clean::name(thing)),
            _ => return None,
        })
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

impl Origin {
    /// The word in the ledger and in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Observed => "observed",
            Self::Imported => "imported",
        }
    }

    /// The origin of a word; `None` for one that this version does not know.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Own, Self::Observed, Self::Imported]
            .into_iter()
            .find(|origin| origin.word() == word)
    }
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

impl AsRef<Self> for Change {
    fn as_ref(&self) -> &Self {
        self
    }
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

    /// The one row for two that tell of one event: the part of time both allow, and the words of the
    /// origin that counts more, completed by the other's. Rows of different events give `self` back.
    #[must_use]
    pub fn merged(&self, other: &Self) -> Self {
        if !self.same_event(other) {
            return self.clone();
        }
        let (first, second) = if other.origin < self.origin {
            (other, self)
        } else {
            (self, other)
        };
        Self {
            not_before: self.not_before.max(other.not_before),
            not_after: self.not_after.min(other.not_after),
            actor: first.actor.clone().or_else(|| second.actor.clone()),
            evidence: if first.evidence.is_empty() {
                second.evidence.clone()
            } else {
                first.evidence.clone()
            },
            ..first.clone()
        }
    }

    /// Why it was done, where this program did it and somebody said why. The evidence of such a row names
    /// the write, and then the reason: `promote 8F3K2A: Q4 data`.
    pub fn reason(&self) -> Option<&str> {
        let own = self.origin == Origin::Own;
        let (_, reason) = self.evidence.as_str().split_once(": ").filter(|_| own)?;
        Some(reason)
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
            ChangeKind::Alert(name) if self.to.is_empty() => format!("alert {name} ended"),
            ChangeKind::Alert(name) => format!("alert {name} {}", self.to),
            ChangeKind::Annotation => self.to.to_string(),
            ChangeKind::Tag(tag) => format!("tag {tag} {}", arrow(&self.from, &self.to)),
            ChangeKind::Description(version) if version.is_empty() => {
                "description edited".to_owned()
            }
            ChangeKind::Description(version) => format!("description of {version} edited"),
            ChangeKind::Mark(mark) if self.to.is_empty() => format!("{mark} ended"),
            ChangeKind::Mark(mark) => format!("{mark} {}", self.to),
            ChangeKind::Silence(what) if self.to.is_empty() => format!("silence {what} ended"),
            ChangeKind::Silence(what) => format!("silence {what} {}", self.to),
            ChangeKind::Pipeline(pipeline) => format!("{pipeline} {}", self.to),
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
    fn of_two_rows_the_window_narrows_and_the_own_one_speaks() {
        let own = Change {
            origin: Origin::Own,
            actor: Some(Clean::name("ana")),
            ..row(4, 6)
        };
        let seen = Change {
            evidence: Clean::text("the registry's answer"),
            ..row(0, 5)
        };
        for merged in [own.merged(&seen), seen.merged(&own)] {
            assert_eq!(
                (merged.not_before, merged.not_after),
                (Millis(4), Millis(5))
            );
            assert_eq!(merged.origin, Origin::Own);
            assert_eq!(merged.actor, Some(Clean::name("ana")));
            assert_eq!(merged.evidence, "the registry's answer");
        }
        assert_eq!(row(0, 5).merged(&row(6, 9)), row(0, 5));
    }

    #[test]
    fn a_kind_survives_being_taken_apart() {
        let thing = Clean::name("v3");
        for kind in [
            ChangeKind::Alias(thing.clone()),
            ChangeKind::NewVersion,
            ChangeKind::Stage(thing.clone()),
            ChangeKind::VersionStatus(thing.clone()),
            ChangeKind::Tag(thing.clone()),
            ChangeKind::Description(thing.clone()),
            ChangeKind::Mark(thing.clone()),
            ChangeKind::Silence(thing.clone()),
            ChangeKind::Pipeline(thing),
            ChangeKind::ModelGone,
            ChangeKind::Served,
            ChangeKind::Health,
            ChangeKind::Level,
            ChangeKind::RunEnded,
            ChangeKind::Alert(Clean::name("HighErrorRate")),
            ChangeKind::Annotation,
        ] {
            assert_eq!(
                ChangeKind::from_parts(kind.word(), kind.thing()),
                Some(kind)
            );
        }
        assert_eq!(ChangeKind::from_parts("teleported", ""), None);
        assert_eq!(Origin::from_word("imported"), Some(Origin::Imported));
        assert_eq!(Origin::from_word("dreamt"), None);
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
