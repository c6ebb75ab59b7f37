//! What a plan rests on, whatever it is for: facts that can be relied on, a name that no other looks like,
//! a clock that agrees, rights, and no freeze. What stands against a plan blocks it, in words.

use std::time::Duration;

use super::shift::FREEZE;
use super::{Planning, rollout};
use crate::domain::action::{
    Act, AliasMove, Friction, PLAN_HOLDS, Pin, Plan, PlanId, Step, UNDO_HOLDS, Verb, Wanting,
    Weight,
};
use crate::domain::fleet::Fleet;
use crate::domain::key::{Key, ModelKey, SourceId};
use crate::domain::mark;
use crate::domain::observation::{Feed, Right};
use crate::domain::text::Clean;
use crate::domain::time::Millis;
use crate::domain::wiring::{Target, version_text};

/// A registry's clock further from ours than this makes expiries worthless.
const SKEW_MOST: Duration = Duration::from_secs(60);
/// A difference worth a word.
const SKEW_SHOWN: Duration = Duration::from_secs(5);
/// The feeds that tell of models, and of their aliases and tags.
const MODELS: [Feed; 1] = [Feed::Models];
/// The feeds that tell of versions.
const VERSIONS: [Feed; 2] = [Feed::Versions, Feed::NewestVersions];

/// Of a model that is not there, or not any more.
pub(super) const NOT_HELD: &str =
    "the registry does not hold the model: it was deleted or renamed, or is not read yet";

/// Why there is no plan.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoPlan {
    /// It is so already.
    #[error("{0}")]
    Already(Clean),
    /// There is nothing to do it with or to.
    #[error("{0}")]
    Impossible(Clean),
    /// Somebody else has changed what it would change.
    #[error("{0}")]
    Changed(Clean),
}

impl NoPlan {
    /// Nothing to do, in words.
    pub fn already(why: impl AsRef<str>) -> Self {
        Self::Already(Clean::text(why.as_ref()))
    }

    /// Nothing that could be done, in words.
    pub fn impossible(why: impl AsRef<str>) -> Self {
        Self::Impossible(Clean::text(why.as_ref()))
    }
}

impl From<NoPlan> for Clean {
    fn from(none: NoPlan) -> Self {
        match none {
            NoPlan::Already(why) | NoPlan::Impossible(why) | NoPlan::Changed(why) => why,
        }
    }
}

/// What is found while a plan is made.
pub(super) struct Basis<'a> {
    pub(super) with: Planning<'a>,
    pub(super) blocked: Vec<Clean>,
    pub(super) wanting: Vec<Wanting>,
    pub(super) notes: Vec<Clean>,
    /// What only a reason passes, and a reason was given for.
    pub(super) passed: Vec<Wanting>,
}

impl<'a> Basis<'a> {
    pub(super) fn new(with: Planning<'a>) -> Self {
        Self {
            with,
            blocked: Vec::new(),
            wanting: Vec::new(),
            notes: Vec::new(),
            passed: Vec::new(),
        }
    }

    pub(super) fn block(&mut self, why: impl AsRef<str>) {
        let why = Clean::text(why.as_ref());
        if !self.blocked.contains(&why) {
            self.blocked.push(why);
        }
    }

    pub(super) fn note(&mut self, what: impl AsRef<str>) {
        let what = Clean::text(what.as_ref());
        if !self.notes.contains(&what) {
            self.notes.push(what);
        }
    }

    /// The registry's facts about a model must be of now, and its name must be its own.
    pub(super) fn rests_on_model(&mut self, source: &SourceId, model: &ModelKey) {
        let (fleet, now) = (self.with.fleet, self.with.now.wall);
        for feeds in [&MODELS[..], &VERSIONS[..]] {
            if let Some(doubt) = fleet.doubt(source, feeds, now) {
                self.block(doubt);
            }
        }
        if fleet.looks_alike(model) {
            self.block(
                "another model's name looks the same on screen: writes to either are refused, rename or remove one in the registry",
            );
        }
    }

    /// What is marked on a model, a freeze for instance, must be of now, and its name must be its own.
    pub(super) fn rests_on_marks(&mut self, model: &ModelKey) {
        let (fleet, now) = (self.with.fleet, self.with.now.wall);
        let Some(held) = fleet.registered(model) else {
            self.block(NOT_HELD);
            return;
        };
        if let Some(doubt) = fleet.doubt(&held.source, &MODELS, now) {
            self.block(doubt);
        }
        if fleet.looks_alike(model) {
            self.block(
                "another model's name looks the same on screen: writes to either are refused, rename or remove one in the registry",
            );
        }
    }

    /// A run that trains the model is named: what it registers may be moved to next.
    pub(super) fn names_training(&mut self, model: &ModelKey) {
        let (fleet, now) = (self.with.fleet, self.with.now.wall);
        for run in fleet.live_training(model) {
            let since = run.started.or(run.asked());
            let since =
                since.map_or_else(String::new, |at| format!(" since {}Z", at.hour_minute()));
            self.note(format!(
                "it is being trained: run {} of {} is {}{since}; a newer version may follow",
                run.key.id.clean(),
                run.key.pipeline.id.clean(),
                fleet.run_standing(run, now).word()
            ));
        }
    }

    /// An endpoint must answer now: what is sent to it rests on what it said.
    pub(super) fn rests_on_endpoint(&mut self, source: &SourceId) {
        let (fleet, now) = (self.with.fleet, self.with.now.wall);
        if let Some(doubt) = fleet.doubt(source, &[Feed::Endpoint], now) {
            self.block(doubt);
        }
    }

    /// Expiries are told by two clocks: they must agree.
    pub(super) fn rests_on_expiry(&mut self, source: &SourceId) {
        let ahead = self.with.fleet.clock_ahead_ms(source).unwrap_or(0);
        let apart = Duration::from_millis(ahead.unsigned_abs());
        let way = if ahead > 0 { "ahead of" } else { "behind" };
        let words = format!("the clock of {source} is {} s {way} ours", apart.as_secs());
        if apart > SKEW_MOST {
            self.block(format!(
                "{words}: set this machine's clock, expiries rest on it"
            ));
        } else if apart > SKEW_SHOWN {
            self.note(words);
        }
    }

    /// A freeze yields only to a reason.
    pub(super) fn thawed(&mut self, model: &ModelKey, reason: Option<&Clean>) {
        let found = self
            .with
            .fleet
            .marked(model, mark::FREEZE, self.with.now.wall);
        let Some(frozen) = found else { return };
        let freeze = Wanting {
            name: Clean::name(FREEZE),
            why: frozen.frozen(),
        };
        match reason.filter(|reason| !reason.as_str().trim().is_empty()) {
            Some(reason) => {
                self.note(format!("{}, overridden: {reason}", freeze.why));
                self.passed.push(freeze);
            }
            None => self.wanting.push(freeze),
        }
    }

    /// Whether a reason was given for what only a reason passes.
    pub(super) fn is_overridden(&self) -> bool {
        !self.passed.is_empty()
    }

    /// What the account may not do blocks the plan where it is required, and is left out where it is not.
    pub(super) fn permitted(&mut self, steps: Vec<Step>) -> Vec<Step> {
        let fleet = self.with.fleet;
        let mut left_out = 0;
        let mut kept = Vec::with_capacity(steps.len());
        for step in steps {
            let denied = fleet.right(&step.source, &step.act) == Right::Denied;
            match step.weight {
                Weight::Required if denied => {
                    self.block(step.act.lacking(&step.source));
                    kept.push(step);
                }
                Weight::BestEffort if denied => left_out += 1,
                _ => kept.push(step),
            }
        }
        if left_out > 0 {
            self.note("teammates will not see all of who and why: this account may not write it");
        }
        kept
    }

    /// The plan, complete.
    pub(super) fn plan(self, id: PlanId, about: About, steps: Vec<Step>) -> Plan {
        let now = self.with.now;
        let invertible = steps
            .iter()
            .any(|step| step.weight == Weight::Required && is_undone(step));
        Plan {
            id,
            verb: about.verb,
            context: self.with.fleet.context().name.clone(),
            subject: about.subject,
            model: about.model,
            summary: about.summary,
            steps,
            gates: Vec::new(),
            notes: self.notes,
            blocked: self.blocked,
            wanting: self.wanting,
            passed: self.passed,
            friction: about.friction,
            read_at: now.wall,
            expires: now.mono + PLAN_HOLDS,
            undo_until: invertible.then(|| now.wall.plus(UNDO_HOLDS)),
            undoes: None,
        }
    }
}

/// Whether undo has something to do about a step once it took effect.
fn is_undone(step: &Step) -> bool {
    use crate::domain::action::Receipt;
    let receipt = Receipt {
        id: Some(Key::new("any")),
        ..Receipt::default()
    };
    matches!(step.act, Act::Silence { .. }) || step.act.inverse(Some(&receipt)).is_some()
}

/// What a plan is about.
pub(super) struct About {
    pub(super) verb: Verb,
    pub(super) subject: Clean,
    pub(super) model: Option<ModelKey>,
    pub(super) summary: Clean,
    pub(super) friction: Friction,
}

/// Looks again at what a plan rests on that was made of the journal alone, as an undo is: freshness, rights
/// and freeze stand against it as against any other.
///
/// # Errors
/// When somebody has moved on what it would move back.
pub fn ground(
    mut plan: Plan,
    with: &Planning<'_>,
    freeze_reason: Option<&Clean>,
) -> Result<Plan, NoPlan> {
    let mut basis = Basis::new(*with);
    let required = |step: &&Step| step.weight == Weight::Required;
    let acts: Vec<(&SourceId, &Act)> = plan
        .steps
        .iter()
        .filter(required)
        .map(|step| (&step.source, &step.act))
        .collect();
    for (source, act) in &acts {
        if let Act::LoadModel { .. } = act {
            basis.rests_on_endpoint(source);
        }
    }
    if let Some(moved_on) = acts.iter().find_map(|(_, act)| elsewhere(with.fleet, act)) {
        return Err(NoPlan::Changed(Clean::text(&moved_on)));
    }
    for (_, act) in &acts {
        match brought_back(with.fleet, act, &acts) {
            BroughtBack::Other(words) if matches!(act, Act::LoadModel { .. }) => {
                return Err(NoPlan::Changed(words));
            }
            // The load and the look after it are one.
            BroughtBack::Apart(words) if !basis.notes.contains(&words) => basis.notes.push(words),
            BroughtBack::Wanted | BroughtBack::Other(_) | BroughtBack::Apart(_) => {}
        }
    }
    // Silences and runs are no business of the registry's, whatever model they are about.
    let registry: Vec<&Act> = acts
        .iter()
        .map(|(_, act)| *act)
        .filter(|act| act.model().is_some() || changes_what_serves(act))
        .collect();
    if let Some(model) = plan.model.clone().filter(|_| !registry.is_empty()) {
        let source = with.fleet.registered(&model).map(|h| h.source.clone());
        match source {
            Some(_) if registry.iter().all(|act| is_mark(act)) => basis.rests_on_marks(&model),
            Some(source) => {
                basis.rests_on_model(&source, &model);
                basis.rests_on_expiry(&source);
                basis.thawed(&model, freeze_reason);
            }
            None => basis.block(NOT_HELD),
        }
    }
    rollout::ground(&mut basis, &mut plan);
    plan.steps = basis.permitted(std::mem::take(&mut plan.steps));
    if basis.is_overridden() {
        plan.friction = Friction::NameAndReason;
    }
    plan.notes.append(&mut basis.notes);
    plan.blocked.append(&mut basis.blocked);
    plan.wanting.append(&mut basis.wanting);
    plan.passed.append(&mut basis.passed);
    Ok(plan)
}

/// Why an alias is not moved back: it is neither where the write left it nor where it was before.
fn elsewhere(fleet: &Fleet, act: &Act) -> Option<String> {
    let AliasMove {
        model,
        alias,
        from,
        to,
    } = act.alias_move()?;
    let held = fleet.registered(model)?.fact.alias(alias.raw());
    let is = |pin: Option<&Pin>| pin.map(|pin| &pin.version) == held;
    let word = |version: Option<&Key>| {
        version.map_or_else(|| "none".to_owned(), |v| version_text(v).to_string())
    };
    (!is(from) && !is(to)).then(|| {
        format!(
            "somebody has moved on: {} is {} now, and this write left it at {}: b plans the way back anew",
            alias.clean(),
            word(held),
            word(from.map(|pin| &pin.version))
        )
    })
}

/// What a step that brings a version back to a deployment leaves there.
enum BroughtBack {
    /// What it says, as far as is known.
    Wanted,
    /// A load names no version: it would bring what the alias names by then, which is another one.
    Other(Clean),
    /// It did not answer what the alias named before either: alias and serving differ afterwards.
    Apart(Clean),
}

/// Compares what a deployment is brought back to with what the alias that it follows names afterwards.
fn brought_back(fleet: &Fleet, act: &Act, all: &[(&SourceId, &Act)]) -> BroughtBack {
    let (Act::LoadModel { deployment, to, .. } | Act::AwaitServed { deployment, to, .. }) = act
    else {
        return BroughtBack::Wanted;
    };
    let join = fleet.join(deployment);
    let Some((model, Target::Alias(alias))) =
        join.and_then(|j| Some((j.model.as_ref()?, &j.follows)))
    else {
        return BroughtBack::Wanted;
    };
    let moved = all.iter().find_map(|(_, act)| match act {
        Act::MoveAlias { alias: of, to, .. } if of.clean() == *alias => Some(&to.version),
        _ => None,
    });
    let held = || fleet.registered(model)?.fact.alias(alias.as_str());
    let Some(named) = moved.or_else(held).map(version_text) else {
        return BroughtBack::Wanted;
    };
    let brought = fleet.served_text(deployment, to);
    if brought == named {
        return BroughtBack::Wanted;
    }
    let name = join.map(|j| j.name.clone()).unwrap_or_default();
    if moved.is_some() {
        BroughtBack::Apart(Clean::text(&format!(
            "{name} stays at {brought} while {alias} names {named}: that is how it stood before this write"
        )))
    } else {
        BroughtBack::Other(Clean::text(&format!(
            "{name} loads what {alias} names, which is {named} now and not {brought}: b plans the way back anew"
        )))
    }
}

/// Whether it changes which version answers, without a word to the registry.
fn changes_what_serves(act: &Act) -> bool {
    matches!(
        act,
        Act::LoadModel { .. } | Act::RunHook { .. } | Act::AwaitRun { .. }
    )
}

/// Whether it sets or ends a mark: a freeze does not stand against its own end.
fn is_mark(act: &Act) -> bool {
    match act {
        Act::SetTag { key, .. } | Act::DeleteTag { key, .. } => mark::is_mark(key.raw()),
        _ => false,
    }
}

/// Adds steps of best effort to a plan that stands: those that this account may do.
pub(super) fn add(plan: &mut Plan, with: &Planning<'_>, steps: Vec<Step>) {
    let mut basis = Basis::new(*with);
    plan.steps.extend(basis.permitted(steps));
    plan.notes.append(&mut basis.notes);
}

/// A moment as people read it in a tag.
pub(super) fn stamp(at: Millis) -> String {
    at.rfc3339()
}
