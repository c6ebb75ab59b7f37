//! Gates: what a version has to show before an alias moves to it, and the words they are written in.
//! How they are judged is in [`rules::gates`](super::rules::gates).

pub mod approval;
pub mod builtin;
pub mod grammar;
#[cfg(test)]
mod tests;

use std::fmt;

use super::number::{brief, with_unit};
use super::rules::reproducible::PARTS;
use super::signal::{Measure, Unit};
use super::text::Clean;

/// What a gate looks at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Evidence {
    /// The latest value of a metric of the run that made the version. A `*` at its end stands for
    /// groups: `dp_ratio/*`.
    RunMetric(String),
    /// A metric of the logged model, as linked when it was logged.
    ModelMetric(String),
    /// The model's quality metric: the one that settings name, else a customary one of its run.
    Quality,
    /// A tag of the version.
    VersionTag(String),
    /// A tag of the run that made it.
    RunTag(String),
    /// What monitoring measures.
    Signal(Measure),
    /// Both signatures.
    Signature,
    /// Whether the version could be made again.
    Reproducibility,
    /// Whether serving sends what the version was trained on.
    Consistency,
    /// The size of the package.
    Size,
    /// How old the training data are.
    TrainingAge,
    /// What the registry says of the version: `ready`, `pending`, `failed`.
    Status,
    /// A second person's approval.
    Approval,
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RunMetric(name) => write!(f, "run-metric:{}", Clean::name(name)),
            Self::ModelMetric(name) => write!(f, "model-metric:{}", Clean::name(name)),
            Self::Quality => f.write_str("quality"),
            Self::VersionTag(key) => write!(f, "version-tag:{}", Clean::name(key)),
            Self::RunTag(key) => write!(f, "run-tag:{}", Clean::name(key)),
            Self::Signal(measure) => write!(f, "signal:{measure}"),
            Self::Signature => f.write_str("signature"),
            Self::Reproducibility => f.write_str("reproducibility"),
            Self::Consistency => f.write_str("consistency"),
            Self::Size => f.write_str("size"),
            Self::TrainingAge => f.write_str("training-age"),
            Self::Status => f.write_str("status"),
            Self::Approval => f.write_str("approval"),
        }
    }
}

impl Evidence {
    /// Whether a later look may find another value without the version being another: such values
    /// are no part of what an approval is bound to.
    pub fn moves(&self) -> bool {
        matches!(
            self,
            Self::Signal(_) | Self::Consistency | Self::TrainingAge
        )
    }
}

/// What a limit is held against.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Of {
    /// The candidate's value.
    Value,
    /// How much worse than the champion's it is, whichever way is worse.
    Drop,
    /// How much more than the champion's it is.
    Rise,
    /// How long ago its date lies.
    Age,
}

/// Which side of a limit is allowed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sign {
    /// `>=`
    AtLeast,
    /// `>`
    Over,
    /// `<=`
    AtMost,
    /// `<`
    Under,
}

impl Sign {
    /// Whether a value is on the allowed side.
    pub fn holds(self, value: f64, limit: f64) -> bool {
        match self {
            Self::AtLeast => value >= limit,
            Self::Over => value > limit,
            Self::AtMost => value <= limit,
            Self::Under => value < limit,
        }
    }

    /// Whether it bounds from below.
    pub fn is_floor(self) -> bool {
        matches!(self, Self::AtLeast | Self::Over)
    }

    /// The sign on screen.
    pub fn text(self) -> &'static str {
        match self {
            Self::AtLeast => "≥",
            Self::Over => ">",
            Self::AtMost => "≤",
            Self::Under => "<",
        }
    }

    /// The sign between a value that broke the limit and the limit.
    pub fn broken(self) -> &'static str {
        match self {
            Self::AtLeast => "<",
            Self::Over => "≤",
            Self::AtMost => ">",
            Self::Under => "≥",
        }
    }
}

/// How a number of a gate is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scale {
    /// As a signal is.
    In(Unit),
    /// Bytes.
    Bytes,
    /// Part of the champion's value, 0 to 1, written in percent.
    Relative,
    /// Seconds that have passed, written as an age.
    Age,
}

impl Scale {
    /// A value in words.
    pub fn show(self, value: f64) -> String {
        match self {
            Self::In(unit) => with_unit(value, unit),
            Self::Relative => format!("{} %", brief(value * 100.0)),
            Self::Age => age_words(value),
            Self::Bytes => {
                for (unit, factor) in [("GiB", GIB), ("MiB", MIB), ("KiB", KIB)] {
                    if value.abs() >= factor {
                        return format!("{} {unit}", brief(value / factor));
                    }
                }
                format!("{} B", brief(value))
            }
        }
    }
}

const KIB: f64 = 1024.0;
const MIB: f64 = KIB * 1024.0;
const GIB: f64 = MIB * 1024.0;

/// Days down to seconds, in the largest unit that leaves at least one: `30 d`, `36 h` is `1.5 d`.
fn age_words(seconds: f64) -> String {
    for (unit, factor) in [("d", 86_400.0), ("h", 3_600.0), ("min", 60.0)] {
        if seconds.abs() >= factor {
            return format!("{} {unit}", brief(seconds / factor));
        }
    }
    format!("{} s", brief(seconds))
}

/// One limit.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Limit {
    /// What it bounds.
    pub of: Of,
    /// From which side.
    pub sign: Sign,
    /// The bound: shares from 0 to 1, times in seconds, sizes in bytes.
    pub bound: f64,
    /// How it is written.
    pub scale: Scale,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.of {
            Of::Value => {}
            Of::Drop => f.write_str("drop ")?,
            Of::Rise => f.write_str("rise ")?,
            Of::Age => f.write_str("age ")?,
        }
        write!(f, "{} {}", self.sign.text(), self.scale.show(self.bound))
    }
}

/// One demand of a rule. A rule is a list of them, and all must hold: adding one can only tighten it.
#[derive(Clone, PartialEq, Debug)]
pub enum Clause {
    /// A number within a limit.
    Limit(Limit),
    /// A word that is one of these.
    OneOf(Vec<String>),
    /// A word that is not this one.
    Not(String),
    /// A tag that is there and not empty.
    Present,
    /// No input removed, retyped or newly required.
    Compatible,
    /// The same signature.
    Identical,
    /// One of the claims of reproducibility: `git`, `data`, `model`, `environment`.
    Claim(&'static str),
    /// Serving sends what training saw.
    Consistent,
    /// Approved, by whoever the approval says.
    Claimed,
    /// Approved, with a signature that was checked.
    Verified,
}

impl fmt::Display for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limit(limit) => limit.fmt(f),
            Self::OneOf(words) => {
                let words: Vec<_> = words.iter().map(|w| Clean::name(w).to_string()).collect();
                write!(f, "= {}", words.join(" | "))
            }
            Self::Not(word) => write!(f, "≠ {}", Clean::name(word)),
            Self::Present => f.write_str("present"),
            Self::Compatible => f.write_str("compatible"),
            Self::Identical => f.write_str("identical"),
            Self::Claim(part) => f.write_str(part),
            Self::Consistent => f.write_str("consistent"),
            Self::Claimed => f.write_str("claimed"),
            Self::Verified => f.write_str("verified"),
        }
    }
}

/// What a failed or unknown gate asks for before the alias may move.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Consequence {
    /// Nothing: it is told.
    None,
    /// A reason, given by a person.
    #[default]
    Reason,
    /// It cannot be overridden.
    Block,
}

impl Consequence {
    /// The consequence of a word in settings.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "warn" => Some(Self::None),
            "reason" => Some(Self::Reason),
            "block" => Some(Self::Block),
            _ => None,
        }
    }
}

/// Who asks for a gate.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AskedBy {
    /// This program, where nobody else asks for anything.
    #[default]
    BuiltIn,
    /// The context's policy.
    Policy,
    /// The model's settings.
    Model,
    /// A tag of the registered model.
    Tag,
}

/// One gate.
#[derive(Clone, PartialEq, Debug)]
pub struct Gate {
    /// Its name.
    pub name: Clean,
    /// What it looks at.
    pub evidence: Evidence,
    /// What it demands; all of it must hold.
    pub rule: Vec<Clause>,
    /// Only readings of this drift method or fairness metric.
    pub method: Option<String>,
    /// Only readings of this feature, metric or group.
    pub part: Option<String>,
    /// The run metric that holds the rows behind the evidence; a `*` at its end stands for groups.
    pub rows: Option<String>,
    /// Under so many rows it is unknown. Without it signals have the policy's.
    pub min_n: Option<u64>,
    /// What follows where it fails.
    pub on_fail: Consequence,
    /// What follows where nobody can tell.
    pub on_unknown: Consequence,
    /// Whether it is left out where there is nothing to judge by.
    pub if_known: bool,
    /// Who asks for it.
    pub asked_by: AskedBy,
}

impl Gate {
    /// A gate that asks for a reason when it fails or is unknown.
    pub fn new(name: &str, evidence: Evidence, rule: Vec<Clause>) -> Self {
        Self {
            name: Clean::name(name),
            evidence,
            rule,
            method: None,
            part: None,
            rows: None,
            min_n: None,
            on_fail: Consequence::Reason,
            on_unknown: Consequence::Reason,
            if_known: false,
            asked_by: AskedBy::BuiltIn,
        }
    }

    /// The rule in words: `≥ 0.9, drop ≤ 0.005`.
    pub fn rule_text(&self) -> Clean {
        let whole = PARTS.iter().all(|p| self.rule.contains(&Clause::Claim(p)));
        let mut words: Vec<String> = Vec::new();
        if whole {
            words.push("complete".to_owned());
        }
        for clause in &self.rule {
            if !(whole && matches!(clause, Clause::Claim(_))) {
                words.push(clause.to_string());
            }
        }
        words.dedup();
        Clean::text(&words.join(", "))
    }

    /// The gate with more demands. It can only fail or be unknown more often.
    pub fn tighten(&mut self, more: Vec<Clause>) {
        for clause in more {
            if !self.rule.contains(&clause) {
                self.rule.push(clause);
            }
        }
    }
}
