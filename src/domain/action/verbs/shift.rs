//! The plan that moves an alias to a version and brings the version to what follows the alias: the body of
//! promoting and of rolling back.

use std::collections::BTreeMap;

use super::basis::{About, Basis, NOT_HELD, NoPlan, stamp};
use super::rollout::{self, Brought, By};
use super::{Planning, starting};
use crate::domain::action::{
    Act, Friction, GateNote, Pin, Plan, PlanId, Step, Tagged, Verb, Wanting,
};
use crate::domain::deployment::{Known, ServedState, ServedVersion};
use crate::domain::fleet::gates::{Promotion, Sheet};
use crate::domain::gate::Consequence;
use crate::domain::key::{DeploymentKey, Key, ModelKey, SourceId, VersionKey};
use crate::domain::model::{ModelVersion, RegisteredModel, VersionStatus};
use crate::domain::rules::gates::Shown;
use crate::domain::settings::{HookKind, Rollout, SourceKind};
use crate::domain::text::Clean;
use crate::domain::wiring::{self, Join, version_text};
use crate::domain::writing::Order;

/// The override that passes a freeze.
pub const FREEZE: &str = "freeze";
/// The stage of what is in production, for servers that still use stages.
const PRODUCTION: &str = "Production";
const ARCHIVED: &str = "Archived";
const NO_STAGE: &str = "None";

/// How the gates stand, as a plan takes them over.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Gates {
    /// Each gate.
    pub notes: Vec<GateNote>,
    /// What stands in the way, one line a gate.
    pub blocked: Vec<Clean>,
    /// What a reason would pass.
    pub wanting: Vec<Wanting>,
}

impl Gates {
    /// The gates of a sheet, with the reasons that were given for them.
    pub fn of(sheet: &Sheet, overrides: &BTreeMap<String, Clean>) -> Self {
        let given = |name: &Clean| {
            let reason = overrides.get(name.as_str());
            reason.filter(|reason| !reason.as_str().trim().is_empty())
        };
        let shown =
            |side: &Option<Shown>| side.as_ref().map(|s| s.text.clone()).unwrap_or_default();
        let mut gates = Self::default();
        for verdict in &sheet.verdicts {
            let asks = verdict.consequence == Consequence::Reason;
            let reason = given(&verdict.name).filter(|_| asks);
            let (name, word, why) = (&verdict.name, verdict.verdict.word(), &verdict.why);
            let stands = match verdict.consequence {
                _ if verdict.pending => Some(format!("gate {name} is still being read")),
                Consequence::Block => {
                    Some(format!("gate {name}: {word}, {why}; no reason passes it"))
                }
                Consequence::Reason if reason.is_none() => {
                    gates.wanting.push(Wanting {
                        name: name.clone(),
                        why: Clean::text(&format!("gate {name}: {word}, {why}")),
                    });
                    None
                }
                Consequence::Reason | Consequence::None => None,
            };
            gates.blocked.extend(stands.map(|text| Clean::text(&text)));
            gates.notes.push(GateNote {
                gate: name.clone(),
                metric: sheet.metric_of(verdict),
                rule: verdict.rule.clone(),
                champion: shown(&verdict.champion),
                candidate: shown(&verdict.candidate),
                verdict: Clean::name(word),
                why: why.clone(),
                overridden: reason.cloned(),
            });
        }
        let known = |name: &str| name == FREEZE || sheet.verdicts.iter().any(|v| v.name == *name);
        for name in overrides.keys().filter(|name| !known(name)) {
            let text = format!("there is no gate `{}` to override", Clean::name(name));
            gates.blocked.push(Clean::text(&text));
        }
        gates
    }
}

/// A move of an alias.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Shift<'a> {
    pub(super) verb: Verb,
    pub(super) model: &'a ModelKey,
    pub(super) alias: &'a Key,
    pub(super) to: &'a Key,
    pub(super) reason: &'a Clean,
    /// Reasons by what they pass.
    pub(super) overrides: &'a BTreeMap<String, Clean>,
    pub(super) gates: &'a Gates,
}

pub(super) fn plan(shift: &Shift<'_>, id: PlanId, with: &Planning<'_>) -> Result<Plan, NoPlan> {
    let fleet = with.fleet;
    let Some(held) = fleet.registered(shift.model) else {
        return Err(NoPlan::impossible(NOT_HELD));
    };
    let wanted = VersionKey {
        model: shift.model.clone(),
        version: shift.to.clone(),
    };
    let Some(version) = fleet.version(&wanted) else {
        return Err(NoPlan::impossible(format!(
            "the registry holds no {} of {}",
            version_text(shift.to),
            held.fact.name
        )));
    };
    let mut basis = Basis::new(*with);
    basis.rests_on_model(&held.source, shift.model);
    basis.rests_on_expiry(&held.source);
    basis.thawed(shift.model, shift.overrides.get(FREEZE));
    basis.names_training(shift.model);
    if version.status != VersionStatus::Ready {
        let word = match &version.status {
            VersionStatus::Pending => "still being registered",
            VersionStatus::Failed => "failed to register",
            VersionStatus::Other(word) => word.as_str(),
            VersionStatus::Ready => "ready",
        };
        basis.block(format!("{} is {word}", version_text(shift.to)));
    }
    let mut parts = Parts::new(shift, &held.source, &held.fact, version);
    parts.serving(&mut basis, &id);
    parts.stages(&mut basis);
    parts.words(&mut basis, &id);
    parts.company(&mut basis);
    parts.finish(basis, id)
}

/// The steps as they are found, each where it belongs.
struct Parts<'a> {
    shift: &'a Shift<'a>,
    registry: &'a SourceId,
    fact: &'a RegisteredModel,
    version: &'a ModelVersion,
    from: Option<Key>,
    /// What this plan itself rolls out, with the wait for it.
    own: Vec<Step>,
    /// Waits for what others roll out.
    others: Vec<Step>,
    stages: Vec<Step>,
    words: Vec<Step>,
    followers: usize,
}

impl<'a> Parts<'a> {
    fn new(
        shift: &'a Shift<'a>,
        registry: &'a SourceId,
        fact: &'a RegisteredModel,
        version: &'a ModelVersion,
    ) -> Self {
        Self {
            shift,
            registry,
            fact,
            version,
            from: fact.alias(shift.alias.raw()).cloned(),
            own: Vec::new(),
            others: Vec::new(),
            stages: Vec::new(),
            words: Vec::new(),
            followers: 0,
        }
    }

    fn moves(&self) -> bool {
        self.from.as_ref() != Some(self.shift.to)
    }

    /// The rollout of each deployment that follows the alias.
    fn serving(&mut self, basis: &mut Basis<'_>, id: &PlanId) {
        let fleet = basis.with.fleet;
        let joins: Vec<&Join> = fleet
            .followers(self.shift.model, self.shift.alias)
            .collect();
        self.followers = joins.len();
        if joins.is_empty() {
            basis.note("an alias move alone changes nothing that serves");
        }
        for join in joins {
            self.follower(basis, join, id);
        }
    }

    fn follower(&mut self, basis: &mut Basis<'_>, join: &Join, id: &PlanId) {
        let fleet = basis.with.fleet;
        let key = &join.deployment;
        let name = &join.name;
        if let Some(why) = &join.hold {
            basis.note(format!("{name} is held back and will not follow: {why}"));
            return;
        }
        let settings = fleet.deployment_settings(key);
        let rollout = settings.map(|s| s.rollout).unwrap_or_default();
        let answers = answers(basis, key);
        let source = SourceId::new(name.as_str());
        let word = wiring::word_for(self.version, join.version_map.as_ref(), answers.as_ref());
        let is_there = fleet.deployment(key).is_some_and(|view| {
            view.answering.len() == 1
                && view.answering.iter().all(|a| {
                    a.known == Known::Reported && a.version.as_ref() == Some(self.shift.to)
                })
        });
        // A server that still loads another version will answer that, or struggles to: it is told to load.
        let loads_another = rollout == Rollout::V2Load
            && fleet.endpoint(key).is_some_and(|held| {
                let other = |v: &ServedVersion| {
                    v.state == ServedState::Loading && Some(&v.version) != word.as_ref()
                };
                held.fact.versions.iter().any(other)
            });
        match rollout {
            _ if is_there && !loads_another => return,
            Rollout::None => {
                basis.note(format!(
                    "{name}: nothing is set that rolls a version out to it (rollout = \"none\"), so moving the alias changes nothing that it serves"
                ));
                return;
            }
            Rollout::External => basis.note(format!(
                "{name} is rolled out by another system: it is watched, not driven"
            )),
            Rollout::V2Load => {
                basis.rests_on_endpoint(&source);
                let Some(word) = word.clone() else {
                    basis.block(format!("{name}: {}", self.no_word()));
                    return;
                };
                let act = Act::LoadModel {
                    deployment: key.clone(),
                    from: answers.clone(),
                    to: word,
                };
                self.own.push(Step::required(&source, act));
            }
            Rollout::Hook => {
                let hook = settings.and_then(|s| s.hook.as_deref()).unwrap_or_default();
                self.hook(basis, name, hook, id);
            }
        }
        let tells = fleet
            .endpoint(key)
            .is_none_or(|h| wiring::can_tell(&h.fact));
        match word.filter(|_| tells) {
            Some(word) => self.wait(basis, join, rollout, word),
            None if !tells => basis.note(format!(
                "{name} cannot tell which version it answers: see to it yourself"
            )),
            None => basis.note(format!("{name} is not waited for: {}", self.no_word())),
        }
    }

    /// What a hook does: a command of this machine, or a run of a pipeline. One run serves all deployments
    /// that it is the way to.
    fn hook(&mut self, basis: &mut Basis<'_>, name: &Clean, hook: &str, id: &PlanId) {
        let fleet = basis.with.fleet;
        let Some(found) = fleet.settings().hooks.get(hook) else {
            basis.block(format!(
                "{name} is rolled out by a hook, and the settings have none named `{}`",
                Clean::name(hook)
            ));
            return;
        };
        let brought = Brought {
            of: Some(self.shift.model),
            model: &self.shift.model.name,
            version: self.shift.to,
            alias: self.shift.alias,
        };
        match &found.kind {
            HookKind::Command(_) => {
                let act = Act::RunHook {
                    hook: Key::new(hook),
                    model: brought.model.clone(),
                    version: brought.version.clone(),
                    alias: brought.alias.clone(),
                };
                let here = SourceId::new(basis.with.actor.user.as_str());
                self.own.push(Step::required(&here, act));
            }
            HookKind::Pipeline {
                source,
                id: pipeline,
            } => {
                let (source, pipeline) = (SourceId::new(source), Key::new(pipeline));
                let runs = |step: &Step| {
                    let of =
                        matches!(&step.act, Act::AwaitRun { pipeline: of, .. } if *of == pipeline);
                    of && step.source == source
                };
                if self.own.iter().any(runs) {
                    return;
                }
                let by = By {
                    source: &source,
                    pipeline: &pipeline,
                    within: found.timeout,
                };
                let note = starting::note(
                    &basis.with.acting(Some(self.shift.model)),
                    self.shift.reason,
                );
                let steps = rollout::steps(basis, by, brought, id, note);
                self.own.extend(steps);
            }
        }
    }

    fn no_word(&self) -> String {
        format!(
            "nobody can tell by which word it answers {}: see its version_map",
            version_text(&self.version.key.version)
        )
    }

    fn wait(&mut self, basis: &Basis<'_>, join: &Join, rollout: Rollout, word: Key) {
        let act = Act::AwaitServed {
            deployment: join.deployment.clone(),
            from: answers(basis, &join.deployment),
            to: word,
        };
        let source = SourceId::new(join.name.as_str());
        let mut step = if join.production {
            Step::required(&source, act)
        } else {
            Step::best_effort(&source, act)
        };
        let grace = basis.with.fleet.settings().policy.rollout_grace;
        step.within_ms = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
        match rollout {
            Rollout::External | Rollout::None => self.others.push(step),
            Rollout::V2Load | Rollout::Hook => self.own.push(step),
        }
    }

    /// Stages, where servers still use them: they move with the alias of production if they agree with it.
    fn stages(&mut self, basis: &mut Basis<'_>) {
        let fleet = basis.with.fleet;
        if fleet.settings().policy.champion != self.shift.alias.raw() {
            return;
        }
        let held = fleet.versions(self.shift.model).iter().map(|h| &h.fact);
        let staged: Vec<&ModelVersion> = held
            .filter(|v| v.stage.as_ref().is_some_and(|stage| *stage == PRODUCTION))
            .collect();
        let to = self.shift.to;
        let agrees = |v: &&ModelVersion| Some(&v.key.version) == self.from.as_ref();
        match staged.as_slice() {
            [] => {}
            [one] if one.key.version == *to => {}
            [one] if agrees(one) => {
                let stage = |version: &ModelVersion, after: &str| Act::SetStage {
                    created: Some(version.created),
                    version: version.key.clone(),
                    from: version.stage.as_ref().map_or(Key::new(NO_STAGE), Key::of),
                    to: Key::new(after),
                    archive: false,
                };
                let acts = [stage(self.version, PRODUCTION), stage(one, ARCHIVED)];
                let steps = acts.map(|act| Step::required(self.registry, act));
                self.stages.extend(steps);
            }
            several => {
                let words: Vec<String> = several
                    .iter()
                    .map(|v| version_text(&v.key.version).to_string())
                    .collect();
                basis.note(format!(
                    "alias and stage disagree: stage {PRODUCTION} is at {} and stays there, who serves by stage does not see this move",
                    words.join(", ")
                ));
            }
        }
    }

    /// Who, when and why, where teammates see it: tags and annotations, as far as they go.
    fn words(&mut self, basis: &mut Basis<'_>, id: &PlanId) {
        if !self.moves() {
            return;
        }
        let fleet = basis.with.fleet;
        let by = basis.with.acting(Some(self.shift.model));
        let at = stamp(basis.with.stamped);
        let from = self.from.as_ref().map(Key::raw).unwrap_or_default();
        let reason: String = self.shift.reason.as_str().chars().take(500).collect();
        let tags = [
            ("quarterdeck.promoted_as", self.shift.alias.raw()),
            ("quarterdeck.promoted_from", from),
            ("quarterdeck.promoted_by", by.as_str()),
            ("quarterdeck.promoted_at", at.as_str()),
            ("quarterdeck.promoted_reason", reason.as_str()),
        ];
        let tag = |version: &ModelVersion, key: &str, to: &str| Act::SetTag {
            created: Some(version.created),
            of: Tagged::Version(version.key.clone()),
            key: Key::new(key),
            from: version.tag(key).map(Key::of),
            to: Key::new(to),
        };
        // An old word must not stand beside today's: what has none today is emptied.
        let told = tags.into_iter().filter(|(key, value)| {
            !value.is_empty() || self.version.tag(key).is_some_and(|old| !old.is_empty())
        });
        let mut acts: Vec<Act> = told.map(|(key, to)| tag(self.version, key, to)).collect();
        let old = self.from.as_ref().and_then(|version| {
            fleet.version(&VersionKey {
                model: self.shift.model.clone(),
                version: version.clone(),
            })
        });
        if let Some(old) = old {
            acts.push(tag(old, "quarterdeck.demoted_at", &at));
        }
        let registry = acts.into_iter();
        self.words
            .extend(registry.map(|act| Step::best_effort(self.registry, act)));
        let what = match self.shift.verb {
            Verb::RollBack => "rolled back",
            _ => "promoted",
        };
        let why = if reason.is_empty() {
            String::new()
        } else {
            format!(": {reason}")
        };
        let text = format!("{what} {} {} by {by}{why}", self.fact.name, self.arrow());
        self.words
            .extend(annotations(basis.with, id, self.shift.model, &text));
    }

    /// `champion v6 → v7`.
    fn arrow(&self) -> String {
        let from = self.from.as_ref().map_or_else(
            || "none".to_owned(),
            |version| version_text(version).to_string(),
        );
        let to = version_text(self.shift.to);
        if self.moves() {
            format!("{} {from} → {to}", self.shift.alias.clean())
        } else {
            format!("{} {to}: serving follows", self.shift.alias.clean())
        }
    }

    /// What else stands where the alias stands, what is lost, and how busy it is.
    fn company(&self, basis: &mut Basis<'_>) {
        let fleet = basis.with.fleet;
        let promotion = Promotion {
            model: self.shift.model.clone(),
            alias: self.shift.alias.clone(),
            to: self.shift.to.clone(),
        };
        let reach = fleet.reach(&promotion);
        basis.note(reach.line(&self.shift.alias.clean(), self.from.as_ref()));
        let held = self.from.as_ref().map(|version| VersionKey {
            model: self.shift.model.clone(),
            version: version.clone(),
        });
        if let (Verb::Promote, Some(held)) = (self.shift.verb, held)
            && held.order() > self.version.key.order()
        {
            basis.note(format!(
                "{} is older than {}",
                version_text(self.shift.to),
                version_text(&held.version)
            ));
        }
        if self.from.is_none() {
            basis.note(format!(
                "@{} is new: taking it away again needs the right MANAGE",
                self.shift.alias.clean()
            ));
        }
    }

    /// A hook is told the version, and the alias need not name what does not answer yet. A load names
    /// no version: the server's repository resolves the alias, which therefore moves before. So it does
    /// for whatever another system rolls out.
    fn usual_order(&self) -> Order {
        let told = |step: &Step| matches!(step.act, Act::RunHook { .. } | Act::AwaitRun { .. });
        let resolves = |step: &Step| matches!(step.act, Act::LoadModel { .. });
        if self.own.iter().any(told) && !self.own.iter().any(resolves) {
            Order::ServingFirst
        } else {
            Order::AliasFirst
        }
    }

    fn finish(self, mut basis: Basis<'_>, id: PlanId) -> Result<Plan, NoPlan> {
        let fleet = basis.with.fleet;
        let moves = self.moves();
        if !moves && self.own.is_empty() && self.others.is_empty() {
            return Err(NoPlan::already(format!(
                "{} of {} is {} already, and what follows it answers it as far as it tells",
                self.shift.alias.clean(),
                self.fact.name,
                version_text(self.shift.to)
            )));
        }
        let settings = fleet.settings();
        let order = settings
            .models
            .get(self.shift.model.name.raw())
            .and_then(|model| model.order)
            .or(settings.policy.writing.order)
            .unwrap_or_else(|| self.usual_order());
        let gone = Pin {
            version: self.from.clone().unwrap_or_else(|| Key::new("")),
            created: crate::domain::time::Millis(0),
        };
        let from = self
            .from
            .as_ref()
            .map(|version| fleet.pin(self.shift.model, version).unwrap_or(gone));
        let act = Act::MoveAlias {
            model: self.shift.model.clone(),
            alias: self.shift.alias.clone(),
            from,
            to: Pin {
                version: self.shift.to.clone(),
                created: self.version.created,
            },
        };
        let arrow = self.arrow();
        let mut registry = Vec::new();
        if moves {
            registry.push(Step::required(self.registry, act));
        }
        registry.extend(self.stages);
        registry.extend(self.words);
        let mut steps = Vec::new();
        match order {
            Order::AliasFirst => steps.extend(registry.into_iter().chain(self.own)),
            Order::ServingFirst => steps.extend(self.own.into_iter().chain(registry)),
        }
        steps.extend(self.others);
        let steps = basis.permitted(steps);
        for blocked in &self.shift.gates.blocked {
            basis.block(blocked);
        }
        basis.wanting.extend(self.shift.gates.wanting.clone());
        let gates = self.shift.gates.notes.clone();
        let overridden =
            basis.is_overridden() || gates.iter().any(|gate| gate.overridden.is_some());
        let is_champion = settings.policy.champion == self.shift.alias.raw();
        let friction = if overridden {
            Friction::NameAndReason
        } else if is_champion || self.followers > 0 {
            Friction::Name
        } else {
            Friction::Key
        };
        let about = About {
            verb: self.shift.verb,
            subject: self.fact.name.clone(),
            model: Some(self.shift.model.clone()),
            summary: Clean::text(&arrow),
            friction,
        };
        let mut plan = basis.plan(id, about, steps);
        plan.gates = gates;
        Ok(plan)
    }
}

/// The one word that an endpoint answers by now.
fn answers(basis: &Basis<'_>, key: &DeploymentKey) -> Option<Key> {
    let reading = &basis.with.fleet.endpoint(key)?.fact;
    let mut words = reading.answering().filter(|v| v.known == Known::Reported);
    match (&reading.default_version, words.next(), words.next()) {
        (Some(default), _, _) => Some(default.clone()),
        (None, Some(one), None) => Some(one.version.clone()),
        _ => None,
    }
}

/// An annotation at each Grafana of the context, as far as it goes. What it says of which model is read
/// back from its tags.
pub(super) fn annotations(
    with: Planning<'_>,
    id: &PlanId,
    model: &ModelKey,
    text: &str,
) -> Vec<Step> {
    let sources = with.fleet.settings().sources.iter();
    sources
        .filter(|source| source.kind == SourceKind::Grafana)
        .map(|source| {
            let label = &source.monitoring.model_label;
            let act = Act::Annotate {
                at: with.stamped,
                text: Clean::text(text),
                tags: vec![
                    Key::new("quarterdeck"),
                    Key::new(&format!("{label}:{}", model.name.raw())),
                ],
                nonce: id.key(),
            };
            Step::best_effort(&SourceId::new(&source.name), act)
        })
        .collect()
}
