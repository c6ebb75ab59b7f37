//! Gates judged: from one gate and the evidence for and against it to a verdict in words. Pure, and
//! the only place that says whether a gate passes.

mod approval;
mod claims;
mod consistency;
pub mod found;
mod numbers;
mod signatures;
#[cfg(test)]
mod tests;
mod times;
mod words;

pub use self::found::{Aged, Approved, Features, Found, Number, Pair, Side};
pub use self::times::date;
use crate::domain::gate::{AskedBy, Clause, Consequence, Evidence, Gate};
use crate::domain::key::SourceId;
use crate::domain::text::Clean;
use crate::domain::time::Millis;

/// How a gate came out, best first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// All of its rule holds.
    #[default]
    Pass,
    /// It holds, and there is something to know; or it does not, and nothing follows from that.
    Warn,
    /// Nobody can tell.
    Unknown,
    /// It does not hold.
    Fail,
}

impl Verdict {
    /// The word on screen and in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Unknown => "unknown",
            Self::Fail => "fail",
        }
    }
}

/// A value of one side as a sheet shows it.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
pub struct Shown {
    /// In words: `0.921`, `42 inputs`, `g d m -`.
    pub text: Clean,
    /// The number behind it, where it is one.
    pub value: Option<f64>,
}

impl Shown {
    pub(super) fn words(text: &str) -> Self {
        Self {
            text: Clean::text(text),
            value: None,
        }
    }
}

/// One feature, metric or group of a gate that looks at several.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
pub struct PartVerdict {
    /// Its name.
    pub part: Clean,
    /// The champion's value.
    pub champion: Option<Shown>,
    /// The candidate's value.
    pub candidate: Option<Shown>,
    /// Candidate minus champion.
    pub delta: Option<f64>,
    /// Rows behind the candidate's value.
    pub n: Option<u64>,
    /// How it came out.
    pub verdict: Verdict,
    /// Why.
    pub why: Clean,
}

/// A gate's verdict with everything that led to it.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
pub struct GateVerdict {
    /// The gate.
    pub name: Clean,
    /// What it looks at.
    pub evidence: Clean,
    /// Its rule in words.
    pub rule: Clean,
    /// The champion's value, of the part that decided.
    pub champion: Option<Shown>,
    /// The candidate's value, of the part that decided.
    pub candidate: Option<Shown>,
    /// Candidate minus champion, where both are numbers.
    pub delta: Option<f64>,
    /// The difference in words: `+0.007`.
    pub delta_text: Clean,
    /// How it came out.
    pub verdict: Verdict,
    /// Why, in words.
    pub why: Clean,
    /// Rows behind the candidate's value.
    pub n: Option<u64>,
    /// What has to be given before the alias may move.
    pub consequence: Consequence,
    /// Who says so.
    pub source: Option<SourceId>,
    /// When the evidence was measured or read.
    pub at: Option<Millis>,
    /// How long ago that is, in milliseconds.
    pub age_ms: Option<u64>,
    /// The parts of a gate that looks at several, worst first; empty for one that looks at one.
    pub parts: Vec<PartVerdict>,
    /// Whether it is unknown only because something is still being read.
    pub pending: bool,
    /// Who asks for it.
    pub asked_by: AskedBy,
    /// Whether its values may change while the version stays the same.
    #[serde(skip)]
    pub moves: bool,
}

impl GateVerdict {
    /// What an approval is bound to: the gate, its rule and its outcome, and the values of evidence that
    /// stays. Readings of monitoring move with each scrape, so that only their outcome counts.
    pub fn bound(&self) -> String {
        let shown = |side: &Option<Shown>| match side {
            Some(shown) if !self.moves => shown
                .value
                .map_or_else(|| shown.text.to_string(), |v| v.to_string()),
            _ => "-".to_owned(),
        };
        format!(
            "{}|{}|{}|{}|{}|{}",
            self.name,
            self.evidence,
            self.rule,
            self.verdict.word(),
            shown(&self.champion),
            shown(&self.candidate)
        )
    }
}

/// What one demand of a rule came to.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Finding {
    pub(super) verdict: Verdict,
    pub(super) why: String,
    pub(super) pending: bool,
}

impl Finding {
    pub(super) fn of(verdict: Verdict, why: impl Into<String>) -> Self {
        Self {
            verdict,
            why: why.into(),
            pending: false,
        }
    }

    pub(super) fn pass(why: impl Into<String>) -> Self {
        Self::of(Verdict::Pass, why)
    }

    pub(super) fn fail(why: impl Into<String>) -> Self {
        Self::of(Verdict::Fail, why)
    }

    pub(super) fn warn(why: impl Into<String>) -> Self {
        Self::of(Verdict::Warn, why)
    }

    pub(super) fn unknown(why: impl Into<String>) -> Self {
        Self::of(Verdict::Unknown, why)
    }

    /// A demand that the evidence cannot answer: a rule read by another grammar.
    pub(super) fn foreign(clause: &Clause) -> Self {
        Self::unknown(format!(
            "the rule \"{clause}\" says nothing of this evidence"
        ))
    }

    /// Why a side has no value.
    pub(super) fn without<T>(side: &Side<T>, whose: &str) -> Self {
        match side {
            Side::Unknown(why) => Self::unknown(why.to_string()),
            Side::Pending => Self {
                pending: true,
                ..Self::unknown(format!("{whose} is still being read"))
            },
            Side::Absent => Self::warn("no version holds the alias: nothing to compare with"),
            Side::Known(_) => Self::pass(String::new()),
        }
    }

    /// All of several demands: the worst decides, and tells its reason; passed ones tell theirs together.
    pub(super) fn all(findings: impl Iterator<Item = Self>) -> Self {
        let findings: Vec<Self> = findings.collect();
        let worst = findings.iter().map(|f| f.verdict).max().unwrap_or_default();
        let of_worst = findings.iter().filter(|f| f.verdict == worst);
        let mut why: Vec<&str> = of_worst.map(|f| f.why.as_str()).collect();
        why.retain(|w| !w.is_empty());
        why.dedup();
        // Unknown beside what is known to be wrong needs no waiting.
        let unknown = findings.iter().filter(|f| f.verdict == Verdict::Unknown);
        let pending = worst == Verdict::Unknown && unknown.clone().all(|f| f.pending);
        Self {
            verdict: worst,
            why: why.join("; "),
            pending,
        }
    }
}

/// What a rule makes of the evidence, before the gate's consequences.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Outcome {
    pub(super) verdict: Verdict,
    pub(super) why: String,
    pub(super) pending: bool,
    pub(super) champion: Option<Shown>,
    pub(super) candidate: Option<Shown>,
    pub(super) delta: Option<f64>,
    pub(super) delta_text: String,
    pub(super) n: Option<u64>,
    pub(super) at: Option<Millis>,
    pub(super) source: Option<SourceId>,
    pub(super) parts: Vec<PartVerdict>,
}

impl Outcome {
    pub(super) fn of(finding: Finding) -> Self {
        Self {
            verdict: finding.verdict,
            why: finding.why,
            pending: finding.pending,
            ..Self::default()
        }
    }
}

/// Judges a gate by the evidence that was found for it.
pub fn judge(gate: &Gate, found: &Found, now: Millis) -> GateVerdict {
    let outcome = match found {
        Found::Numbers(numbers) => numbers::judge(gate, numbers),
        Found::Words {
            champion,
            candidate,
        } => words::judge(gate, champion, candidate, now),
        Found::Signatures {
            champion,
            candidate,
        } => signatures::judge(gate, champion, candidate),
        Found::Claims {
            champion,
            candidate,
        } => claims::judge(gate, champion, candidate),
        Found::Aged {
            champion,
            candidate,
        } => times::judge(gate, champion, candidate, now),
        Found::Features(features) => consistency::judge(gate, features),
        Found::Approved(approved) => approval::judge(gate, approved, now),
        Found::Nothing(why) => Outcome::of(Finding::unknown(why.to_string())),
    };
    conclude(gate, outcome, now)
}

/// Adds what follows. A gate that asks for nothing when it fails only warns; what is unknown stays
/// unknown whatever follows, for it must never look fine.
fn conclude(gate: &Gate, outcome: Outcome, now: Millis) -> GateVerdict {
    let (verdict, consequence) = match outcome.verdict {
        Verdict::Fail if gate.on_fail == Consequence::None => (Verdict::Warn, Consequence::None),
        Verdict::Fail => (Verdict::Fail, gate.on_fail),
        // Who writes an approval that cannot be checked must not get by more easily than who writes none.
        Verdict::Unknown if gate.evidence == Evidence::Approval => {
            (Verdict::Unknown, gate.on_unknown.max(gate.on_fail))
        }
        Verdict::Unknown => (Verdict::Unknown, gate.on_unknown),
        other => (other, Consequence::None),
    };
    GateVerdict {
        name: gate.name.clone(),
        evidence: Clean::text(&gate.evidence.to_string()),
        rule: gate.rule_text(),
        champion: outcome.champion,
        candidate: outcome.candidate,
        delta: outcome.delta,
        delta_text: Clean::text(&outcome.delta_text),
        verdict,
        why: Clean::text(&outcome.why),
        n: outcome.n,
        consequence,
        source: outcome.source,
        age_ms: outcome
            .at
            .map(|at| u64::try_from(now.since(at).as_millis()).unwrap_or(u64::MAX)),
        at: outcome.at,
        parts: outcome.parts,
        pending: outcome.pending,
        asked_by: gate.asked_by,
        moves: gate.evidence.moves(),
    }
}
