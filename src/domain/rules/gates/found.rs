//! The evidence of a gate as it was found: for the champion and for the candidate, or why not.

use crate::domain::gate::approval::{Approval, Binding, Signature as Signed};
use crate::domain::key::SourceId;
use crate::domain::model::Signature;
use crate::domain::rules::reproducible::Claim;
use crate::domain::signal::{Direction, State};
use crate::domain::text::Clean;
use crate::domain::time::Millis;

/// What is known of one side.
#[derive(Clone, PartialEq, Debug)]
pub enum Side<T> {
    /// This.
    Known(T),
    /// Looked for, and it is not to be had, with the reason.
    Unknown(Clean),
    /// Being read.
    Pending,
    /// There is no such version: nobody holds the alias yet.
    Absent,
}

impl<T> Side<T> {
    /// Unknown, with the reason.
    pub fn unknown(why: impl AsRef<str>) -> Self {
        Self::Unknown(Clean::text(why.as_ref()))
    }

    /// What is known.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Unknown(_) | Self::Pending | Self::Absent => None,
        }
    }

    /// The same state of what is made of it.
    pub fn map<U>(self, make: impl FnOnce(T) -> U) -> Side<U> {
        match self {
            Self::Known(value) => Side::Known(make(value)),
            Self::Unknown(why) => Side::Unknown(why),
            Self::Pending => Side::Pending,
            Self::Absent => Side::Absent,
        }
    }

    /// The same state, where what is made of it may be unknown.
    pub fn and_then<U>(self, make: impl FnOnce(T) -> Side<U>) -> Side<U> {
        match self {
            Self::Known(value) => make(value),
            Self::Unknown(why) => Side::Unknown(why),
            Self::Pending => Side::Pending,
            Self::Absent => Side::Absent,
        }
    }
}

/// The dataset that a number was evaluated on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Dataset {
    /// Numbers of this kind are of traffic, or of the package: there is none to compare.
    NoneNeeded,
    /// Nobody logged it.
    NotLogged,
    /// Name and digest of each, sorted.
    Known(Vec<(Clean, Clean)>),
}

/// A number of one side.
#[derive(Clone, PartialEq, Debug)]
pub struct Number {
    /// The number; may be NaN.
    pub value: f64,
    /// How it stands.
    pub state: State,
    /// Rows behind it.
    pub n: Option<u64>,
    /// When it was measured or read.
    pub at: Option<Millis>,
    /// Who says so.
    pub source: Option<SourceId>,
    /// What it was evaluated on.
    pub dataset: Dataset,
    /// What else there is to know of it: `3 of 42 features`, `of all versions`.
    pub remark: Clean,
}

/// A part's numbers.
#[derive(Clone, PartialEq, Debug)]
pub struct Pair {
    /// The feature, metric or group; empty for the whole.
    pub part: Clean,
    /// Of the champion.
    pub champion: Side<Number>,
    /// Of the candidate.
    pub candidate: Side<Number>,
}

/// Numbers, one pair a part.
#[derive(Clone, PartialEq, Debug)]
pub struct Numbers {
    /// How they are written.
    pub scale: crate::domain::gate::Scale,
    /// Which way is bad.
    pub direction: Direction,
    /// Of the candidate's parts and of those that only the champion has.
    pub pairs: Vec<Pair>,
    /// Rows under which a number is no evidence.
    pub min_n: Option<u64>,
}

/// When the training data end, as far as anybody says.
#[derive(Clone, PartialEq, Debug)]
pub struct Aged {
    /// The instant.
    pub at: Millis,
    /// Whether it is of the data; else the data can only be older.
    pub exact: bool,
    /// What says so: `tag data_until`, `the run's start`.
    pub by: Clean,
}

/// The candidate's inputs beside what monitoring sees of serving.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Features {
    /// Inputs that a request must carry.
    pub required: Vec<Clean>,
    /// Features that monitoring sees.
    pub seen: Vec<Clean>,
    /// Features whose values are missing more often than the line allows, with the share and whether that
    /// is critical.
    pub missing: Vec<(Clean, f64, bool)>,
    /// Features that look otherwise than in training where the candidate itself answers, with the score in
    /// words.
    pub moved: Vec<(Clean, Clean)>,
    /// When monitoring was read.
    pub at: Option<Millis>,
    /// Who says so.
    pub source: Option<SourceId>,
    /// Whether what monitoring says is too old.
    pub stale: bool,
}

/// An approval with what it is held against.
#[derive(Clone, PartialEq, Debug)]
pub struct Approved {
    /// The approval.
    pub approval: Side<Option<Approval>>,
    /// Why the tag that should hold it cannot be read.
    pub unreadable: Option<Clean>,
    /// What is to be approved.
    pub binding: Binding,
    /// What is known of its signature.
    pub signature: Signed,
    /// Who would promote.
    pub promoter: Option<Clean>,
}

/// The evidence of a gate.
#[derive(Clone, PartialEq, Debug)]
pub enum Found {
    /// Numbers.
    Numbers(Numbers),
    /// A word: a tag, a status. `None` where a version is known and has no such tag.
    Words {
        /// Of the champion.
        champion: Side<Option<Clean>>,
        /// Of the candidate.
        candidate: Side<Option<Clean>>,
    },
    /// Signatures; `None` where the package was logged without one.
    Signatures {
        /// Of the champion.
        champion: Side<Option<Signature>>,
        /// Of the candidate.
        candidate: Side<Option<Signature>>,
    },
    /// The claims of reproducibility.
    Claims {
        /// Of the champion.
        champion: Side<[Claim; 4]>,
        /// Of the candidate.
        candidate: Side<[Claim; 4]>,
    },
    /// How old the training data are.
    Aged {
        /// Of the champion.
        champion: Side<Aged>,
        /// Of the candidate.
        candidate: Side<Aged>,
    },
    /// What serving sends.
    Features(Side<Features>),
    /// An approval.
    Approved(Box<Approved>),
    /// Nothing that could be judged, with the reason.
    Nothing(Clean),
}
