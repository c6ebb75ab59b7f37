//! What would be done: steps in order, what they rest on, and what a person must do to allow it.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::act::Act;
use crate::domain::key::{Key, ModelKey, SourceId};
use crate::domain::settings::{Context, Writes};
use crate::domain::text::Clean;
use crate::domain::time::{Millis, Now};

/// The identity of a plan, unique everywhere: time and randomness, so that what it names on a server
/// is nobody else's. 26 characters of Crockford's base 32, sorted by time.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PlanId(Clean);

impl PlanId {
    /// An identity of a moment and 80 random bits.
    pub fn new(at: Millis, random: [u8; 10]) -> Self {
        const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
        let time = u64::try_from(at.0).unwrap_or(0) & 0xFFFF_FFFF_FFFF;
        let bits = random.iter().fold(u128::from(time), |bits, byte| {
            (bits << 8) | u128::from(*byte)
        });
        let text: String = (0..26)
            .rev()
            .map(|place| {
                let digit = (bits >> (5 * place)) & 31;
                // Five bits are an index below 32.
                char::from(DIGITS[usize::try_from(digit).unwrap_or(0)])
            })
            .collect();
        Self(Clean::name(&text))
    }

    /// An identity as it was written.
    pub fn from_text(text: &str) -> Self {
        Self(Clean::name(text))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// For a server, in a tag or a name.
    pub fn key(&self) -> Key {
        Key::of(&self.0)
    }

    /// The last six characters: enough for people.
    pub fn short(&self) -> &str {
        let text = self.as_str();
        &text[text.len().saturating_sub(6)..]
    }
}

impl fmt::Display for PlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a plan is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    /// A version becomes what an alias names.
    Promote,
    /// An earlier version becomes it again.
    RollBack,
    /// A write of ours is taken back.
    Undo,
    /// Tags or descriptions are edited.
    Edit,
    /// Alerts are muted.
    Silence,
    /// A silence is ended.
    Unsilence,
    /// Somebody says that they see to it.
    Acknowledge,
    /// A second person approves.
    Approve,
    /// Writes to a model are suspended, or allowed again.
    Freeze,
    /// A pipeline is started.
    Retrain,
    /// A pipeline's run is asked to end.
    Cancel,
    /// A pipeline's failed tasks run again.
    Retry,
}

impl Verb {
    /// The word in JSON and in the journal.
    pub fn word(self) -> &'static str {
        match self {
            Self::Promote => "promote",
            Self::RollBack => "roll-back",
            Self::Undo => "undo",
            Self::Edit => "edit",
            Self::Silence => "silence",
            Self::Unsilence => "unsilence",
            Self::Acknowledge => "acknowledge",
            Self::Approve => "approve",
            Self::Freeze => "freeze",
            Self::Retrain => "retrain",
            Self::Cancel => "cancel",
            Self::Retry => "retry",
        }
    }

    /// As a heading: `Roll back`.
    pub fn title(self) -> &'static str {
        match self {
            Self::Promote => "Promote",
            Self::RollBack => "Roll back",
            Self::Undo => "Undo",
            Self::Edit => "Edit",
            Self::Silence => "Silence",
            Self::Unsilence => "End silence",
            Self::Acknowledge => "Acknowledge",
            Self::Approve => "Approve",
            Self::Freeze => "Freeze",
            Self::Retrain => "Retrain",
            Self::Cancel => "Cancel",
            Self::Retry => "Retry",
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// How a step bears on the plan.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weight {
    /// Its failure stops the plan.
    Required,
    /// Its failure is noted.
    BestEffort,
}

/// One step: one act on one source.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Step {
    /// The source that does it; for a hook, the name of this machine's user.
    pub source: SourceId,
    /// What is done.
    pub act: Act,
    /// How it bears on the plan.
    pub weight: Weight,
    /// How long the wanted state may take to be seen, in milliseconds.
    pub within_ms: u64,
}

impl Step {
    /// A step whose failure stops the plan.
    pub fn required(source: &SourceId, act: Act) -> Self {
        Self {
            source: source.clone(),
            within_ms: within(&act),
            act,
            weight: Weight::Required,
        }
    }

    /// A step whose failure is noted.
    pub fn best_effort(source: &SourceId, act: Act) -> Self {
        Self {
            weight: Weight::BestEffort,
            ..Self::required(source, act)
        }
    }

    /// How long the wanted state may take to be seen.
    pub fn within(&self) -> Duration {
        Duration::from_millis(self.within_ms)
    }
}

/// Registries show a write at once, or a replica shows it a little later; serving takes its time.
fn within(act: &Act) -> u64 {
    match act {
        Act::LoadModel { .. }
        | Act::AwaitServed { .. }
        | Act::AwaitRun { .. }
        | Act::RunHook { .. } => 600_000,
        Act::TriggerRun { .. } | Act::CancelRun { .. } | Act::RetryRun { .. } => 60_000,
        _ => 15_000,
    }
}

/// How a gate stood when the plan was made, for the journal.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GateNote {
    /// The gate.
    pub gate: Clean,
    /// The metric that it looks at, where that is one.
    #[serde(default, skip_serializing_if = "Clean::is_empty")]
    pub metric: Clean,
    /// Its rule, in words.
    #[serde(default, skip_serializing_if = "Clean::is_empty")]
    pub rule: Clean,
    /// The value of what holds the alias, where the gate compares.
    #[serde(default, skip_serializing_if = "Clean::is_empty")]
    pub champion: Clean,
    /// The value of the candidate.
    #[serde(default, skip_serializing_if = "Clean::is_empty")]
    pub candidate: Clean,
    /// `pass`, `warn`, `fail` or `unknown`.
    pub verdict: Clean,
    /// Why.
    pub why: Clean,
    /// The reason that was given to pass it all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overridden: Option<Clean>,
}

/// What stands against a plan until a person gives a reason for it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Wanting {
    /// What the reason is for: the gate's name, or `freeze`.
    pub name: Clean,
    /// What is wrong.
    pub why: Clean,
}

/// What a person must do to allow a plan.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Friction {
    /// Press a key.
    Key,
    /// Type the subject's name.
    Name,
    /// Type the name, and give a reason.
    NameAndReason,
}

/// What would be done.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// Identity.
    pub id: PlanId,
    /// What for.
    pub verb: Verb,
    /// The context.
    pub context: Clean,
    /// What it is about, as it is typed: the model's name, for instance.
    pub subject: Clean,
    /// The model it is about, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelKey>,
    /// What it does, in one line: `champion v6 → v7`.
    pub summary: Clean,
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// How the gates stood.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<GateNote>,
    /// What it touches, what would fight it, what cannot be taken back: one line each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Clean>,
    /// Why it cannot be confirmed as it stands: a gate that blocks, a freeze, a fact that is stale, a
    /// right that is missing. One line each, empty where it can.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocked: Vec<Clean>,
    /// What a reason would pass and none was given for: it cannot be confirmed before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wanting: Vec<Wanting>,
    /// What a reason was given for and passes, other than gates: a freeze.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passed: Vec<Wanting>,
    /// What it asks of a person.
    pub friction: Friction,
    /// When the state it rests on was read.
    pub read_at: Millis,
    /// Monotonic instant after which it must be planned anew.
    #[serde(skip)]
    pub expires: Duration,
    /// Until when it can be undone, where it can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo_until: Option<Millis>,
    /// The plan that it takes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<PlanId>,
}

/// How long a plan holds after it was made.
pub const PLAN_HOLDS: Duration = Duration::from_secs(5 * 60);
/// How long a write can be undone with one key.
pub const UNDO_HOLDS: Duration = Duration::from_secs(24 * 3600);

/// Why a plan cannot be confirmed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// The context does not write, and what would allow it.
    #[error("writes are off in context {context}: {allowing}")]
    WritesOff {
        /// Its name.
        context: Clean,
        /// What to do.
        allowing: Clean,
    },
    /// The context writes only while armed.
    #[error("context {0} writes only while armed: press ! first (headless: --arm)")]
    NotArmed(Clean),
    /// Something stands against it.
    #[error("{0}")]
    Blocked(Clean),
    /// Something stands against it that a reason would pass.
    #[error("{why}; it asks for a reason")]
    Wanting {
        /// What the reason would be for.
        name: Clean,
        /// What is wrong.
        why: Clean,
    },
    /// The plan is older than its expiry.
    #[error("the plan has expired: read the state again")]
    Expired,
    /// What was typed is not the name asked for.
    #[error("what was typed is not {0}")]
    WrongName(Clean),
    /// A reason is asked for.
    #[error("a reason is needed")]
    NoReason,
}

/// What the one write path is allowed to do here and now.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Mode {
    /// The context's name.
    pub context: Clean,
    /// What holds for the context in this process, `--read-only` and its like included.
    pub writes: Writes,
    /// What would allow writes where they are off, in words.
    pub allowing: Clean,
    /// Whether it is armed at this moment.
    pub armed: bool,
    /// Whether the context is protected.
    pub protected: bool,
}

impl Mode {
    /// The mode of a context.
    pub fn of(settings: &Context, armed: bool) -> Self {
        Self {
            context: settings.name.clone(),
            writes: settings.writes,
            allowing: settings.allowing_writes.clone(),
            armed,
            protected: settings.protected,
        }
    }

    /// Why nothing can be written now, if so. Views ask this to dim a key, and confirmation asks it again.
    ///
    /// # Errors
    /// With the setting or flag that would allow it.
    pub fn allows(&self) -> Result<(), Refusal> {
        let context = self.context.clone();
        match self.writes {
            Writes::Off if self.allowing.is_empty() => Err(Refusal::WritesOff {
                allowing: Clean::text(&format!(
                    "set writes = \"confirm\" under [contexts.{context}]"
                )),
                context,
            }),
            Writes::Off => Err(Refusal::WritesOff {
                allowing: self.allowing.clone(),
                context,
            }),
            Writes::Armed if !self.armed => Err(Refusal::NotArmed(context)),
            Writes::Armed | Writes::Confirm => Ok(()),
        }
    }
}

/// What a person did to allow a plan.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Consent {
    /// The name as typed, empty where none is asked for.
    pub typed: String,
    /// The reason, where one was given.
    pub reason: Clean,
}

impl Plan {
    /// What must be typed; `None` where a key is enough. A protected context always asks for its name
    /// too.
    pub fn asks(&self, mode: &Mode) -> Option<Clean> {
        match (mode.protected, self.friction) {
            (true, _) => Some(Clean::text(&format!("{}/{}", self.context, self.subject))),
            (false, Friction::Key) => None,
            (false, Friction::Name | Friction::NameAndReason) => Some(self.subject.clone()),
        }
    }

    /// Whether a reason must be given.
    pub fn needs_reason(&self) -> bool {
        self.friction == Friction::NameAndReason
    }

    /// Whether another plan for the same asks consent to the same: the same steps past the same gates.
    /// Ages and counts in its notes may have moved on.
    pub fn says_as(&self, other: &Self) -> bool {
        self.differences(other).is_empty()
    }

    /// What a newer plan for the same asks consent to that this one does not, and what it no longer asks:
    /// each in words, what stands against it first. Empty where both say the same.
    pub fn differences(&self, newer: &Self) -> Vec<Clean> {
        let mut all: Vec<String> = Vec::new();
        all.extend(
            came(&self.blocked, &newer.blocked).map(|why| format!("it cannot be done: {why}")),
        );
        all.extend(
            came(&newer.blocked, &self.blocked)
                .map(|why| format!("this no longer stands against it: {why}")),
        );
        let names = |plan: &Self| -> Vec<Clean> {
            let wanting = plan.wanting.iter();
            wanting.map(|w| w.name.clone()).collect()
        };
        let (before, after) = (names(self), names(newer));
        all.extend(came(&before, &after).map(|name| format!("{name} now asks for a reason")));
        all.extend(came(&after, &before).map(|name| format!("{name} asks for no reason any more")));
        if self.summary != newer.summary {
            all.push(format!("it is now {}", newer.summary));
        }
        gate_differences(&self.gates, &newer.gates, &mut all);
        step_differences(&self.steps, &newer.steps, &mut all);
        if self.passed != newer.passed {
            all.push("what its reason passes is another".to_owned());
        }
        if self.friction != newer.friction {
            let asks = match newer.friction {
                Friction::Key => "a key",
                Friction::Name => "the name",
                Friction::NameAndReason => "the name and a reason",
            };
            all.push(format!("it now asks for {asks}"));
        }
        all.iter().map(|words| Clean::text(words)).collect()
    }

    /// Why it cannot be confirmed by this consent now, if so.
    ///
    /// # Errors
    /// With the first reason, of the mode before that of the plan before that of the person.
    pub fn check(&self, mode: &Mode, consent: &Consent, now: Now) -> Result<(), Refusal> {
        mode.allows()?;
        if let Some(why) = self.blocked.first() {
            return Err(Refusal::Blocked(why.clone()));
        }
        if let Some(Wanting { name, why }) = self.wanting.first().cloned() {
            return Err(Refusal::Wanting { name, why });
        }
        if now.mono >= self.expires {
            return Err(Refusal::Expired);
        }
        if let Some(name) = self.asks(mode)
            && name != consent.typed.as_str()
        {
            return Err(Refusal::WrongName(name));
        }
        if self.needs_reason() && consent.reason.as_str().trim().is_empty() {
            return Err(Refusal::NoReason);
        }
        Ok(())
    }
}

/// What is in the second list and not in the first.
fn came<'a>(before: &'a [Clean], after: &'a [Clean]) -> impl Iterator<Item = &'a Clean> {
    after.iter().filter(|one| !before.contains(one))
}

fn gate_differences(before: &[GateNote], after: &[GateNote], all: &mut Vec<String>) {
    for index in 0..before.len().max(after.len()) {
        match (before.get(index), after.get(index)) {
            (Some(old), Some(new)) if old.gate != new.gate => {
                all.push(format!("gate {} in place of {}", new.gate, old.gate));
            }
            (Some(old), Some(new)) if old.verdict != new.verdict => {
                let why = match new.why.as_str() {
                    "" => String::new(),
                    why => format!(" ({why})"),
                };
                let (now, was) = (&new.verdict, &old.verdict);
                all.push(format!("gate {} was {was} and is {now}{why}", new.gate));
            }
            (Some(old), Some(new)) if old.overridden != new.overridden => {
                all.push(format!("gate {} is passed by another reason", new.gate));
            }
            (None, Some(new)) => all.push(format!("gate {} is new: {}", new.gate, new.verdict)),
            (Some(old), None) => all.push(format!("gate {} is gone", old.gate)),
            _ => {}
        }
    }
}

fn step_differences(before: &[Step], after: &[Step], all: &mut Vec<String>) {
    for index in 0..before.len().max(after.len()) {
        let number = index + 1;
        match (before.get(index), after.get(index)) {
            (Some(old), Some(new)) if old == new => {}
            (Some(old), Some(new)) if old.act.words() == new.act.words() => {
                let words = new.act.words();
                all.push(format!("step {number} rests on another state: {words}"));
            }
            (Some(_), Some(new)) => all.push(format!("step {number} is now: {}", new.act.words())),
            (None, Some(new)) => all.push(format!("step {number} is new: {}", new.act.words())),
            (Some(old), None) => all.push(format!("step {number} is gone: {}", old.act.words())),
            (None, None) => {}
        }
    }
}
