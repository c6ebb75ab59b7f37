//! The verbs that change servers: from a command and the selected thing to a wish, a form or a choice.
//! Nothing is planned here; that is [`super::consent`]'s.

use std::collections::BTreeMap;

use super::sheet::Sheet;
use super::{App, Effects, dialogs::Dialog, form};
use crate::domain::action::verbs::marks::{MarkRequest, Purpose};
use crate::domain::action::verbs::promote::{self, PromoteRequest};
use crate::domain::action::verbs::rollback::{self, RollBackRequest};
use crate::domain::action::verbs::silence::{
    UnsilenceRequest, alertmanagers, mutes, usual_matchers,
};
use crate::domain::action::{Act, Matcher, Pin, PlanId, Tagged, Wish, Written};
use crate::domain::alert::{Alert, AlertState};
use crate::domain::fleet::gates::Promotion;
use crate::domain::key::{Key, ModelKey, SourceId, VersionKey};
use crate::domain::mark;
use crate::domain::observation::{Feed, Right};
use crate::domain::text::Clean;
use crate::domain::time::Millis;
use crate::intent::command::{Command, Group};
use crate::intent::msg::Effect;
use crate::panes::Thing;

/// What an account lacks that may not do an act, and how the keys light up once it has it.
pub(super) fn lacking(act: &Act, source: &SourceId) -> Clean {
    Clean::text(&format!("{}, then press r", act.lacking(source)))
}

/// What a row of a choice leads to.
#[derive(Clone, Debug)]
pub(super) enum Lead {
    /// The sheet of a wish.
    Wish(Box<Wish>),
    /// The form that silences an alert.
    Silence(Box<Alert>),
    /// The form that silences every alert of a model, by one of them.
    SilenceAll(Box<Alert>, ModelKey),
    /// Another look at what became of a write.
    LookUp(Box<Written>),
    /// The end of an open write of which nothing more can be looked up, with what is known.
    Close(PlanId, Clean),
}

impl App {
    /// Why a verb cannot work on the selected thing now.
    pub(super) fn no_verb(&self, command: Command, thing: Option<&Thing>) -> Option<Clean> {
        let reads = matches!(command, Command::Arm | Command::Follow | Command::Check);
        if command.row().group != Group::Act || reads {
            return None;
        }
        if let Err(why) = self.mode().allows() {
            return Some(Clean::text(&why.to_string()));
        }
        let model = self.model_of(thing);
        let why = match command {
            Command::Undo | Command::CancelRun | Command::RetryRun => return None,
            Command::PromoteTrained => return self.nothing_trained(),
            Command::Silence => {
                if alertmanagers(&self.fleet).is_empty() {
                    "no Alertmanager is configured here, and only one can mute: add it as a source, or start with --alertmanager URL"
                } else if self.alerts_of(thing).is_empty() {
                    "no alert is known for it"
                } else {
                    return self.cannot_mute();
                }
            }
            _ if model.is_none() && self.marked().is_empty() => "no model is selected",
            _ => return self.denied(command, model.as_ref()),
        };
        Some(Clean::text(why))
    }

    /// What the registry is known not to allow this account.
    fn denied(&self, command: Command, model: Option<&ModelKey>) -> Option<Clean> {
        let model = model?;
        let held = self.fleet.registered(model)?;
        let act = match command {
            Command::Promote | Command::RollBack => Act::MoveAlias {
                model: model.clone(),
                alias: self.champion(),
                from: None,
                to: Pin {
                    version: Key::new(""),
                    created: Millis::default(),
                },
            },
            Command::Freeze
            | Command::Thaw
            | Command::Acknowledge
            | Command::Edit
            | Command::Approve => Act::SetTag {
                created: None,
                of: Tagged::Model(model.clone()),
                key: Key::new(mark::FREEZE),
                from: None,
                to: Key::new(""),
            },
            _ => return None,
        };
        let denied = self.fleet.right(&held.source, &act) == Right::Denied;
        denied.then(|| lacking(&act, &held.source))
    }

    /// The Alertmanager that is known to take no silence of this account, where every one is so.
    fn cannot_mute(&self) -> Option<Clean> {
        let act = Act::ExpireSilence { id: Key::new("") };
        let all = alertmanagers(&self.fleet);
        let denied = |source: &&SourceId| self.fleet.right(source, &act) == Right::Denied;
        let none_may = all.iter().all(|source| denied(&source));
        let first = all.first().filter(|_| none_may)?;
        Some(lacking(&act, first))
    }

    /// The models whose rows are marked in the open place.
    fn marked(&self) -> Vec<ModelKey> {
        let marked = self.history.current().marked();
        marked
            .iter()
            .filter_map(|thing| self.model_of(Some(thing)))
            .collect()
    }

    /// Carries a verb out as far as its form, its choice or its sheet.
    pub(super) fn verb(&mut self, command: Command, thing: Option<&Thing>) {
        self.history.current_mut().hold();
        match command {
            Command::Undo => self.wish(Wish::Undo(None)),
            Command::Arm => self.arm(self.now),
            Command::Promote => self.promote(thing),
            Command::RollBack => self.roll_back(thing),
            Command::Silence => self.silence(thing),
            Command::Approve => self.approve(thing),
            Command::Acknowledge => self.mark(thing, Purpose::Acknowledge),
            Command::Freeze => self.mark(thing, Purpose::Freeze),
            Command::Thaw => self.thaw(thing),
            Command::Edit => self.edit(thing),
            Command::Retrain => {
                if let Some(model) = self.model_of(thing) {
                    self.retrain(&model);
                }
            }
            Command::PromoteTrained => self.promote_trained(),
            other => self.say(format!("{} has no meaning here", other.row().title)),
        }
    }

    fn champion(&self) -> Key {
        Key::new(&self.fleet.settings().policy.champion)
    }

    fn promote(&mut self, thing: Option<&Thing>) {
        let alias = self.champion();
        let marked = self.marked();
        let chosen: Vec<(ModelKey, Option<Key>)> = match thing {
            _ if !marked.is_empty() => marked.into_iter().map(|model| (model, None)).collect(),
            Some(Thing::Version(key)) => vec![(key.model.clone(), Some(key.version.clone()))],
            thing => self
                .model_of(thing)
                .map(|model| (model, None))
                .into_iter()
                .collect(),
        };
        let mut wishes = Vec::new();
        let mut none: Vec<ModelKey> = Vec::new();
        for (model, version) in chosen {
            let to = version.or_else(|| promote::candidate(&self.fleet, &model, &alias));
            match to {
                Some(to) => wishes.push(Wish::Promote(PromoteRequest {
                    model,
                    alias: alias.clone(),
                    to,
                    reason: Clean::empty(),
                    overrides: BTreeMap::new(),
                })),
                None => none.push(model),
            }
        }
        let names: Vec<String> = none.iter().map(|m| self.name_of(m).to_string()).collect();
        let names = names.join(", ");
        let alias = alias.clean();
        if wishes.is_empty() && !none.is_empty() {
            let has = if none.len() > 1 { "have" } else { "has" };
            self.say(format!(
                "promote: open it and select a version: {names} {has} no ready one newer than what @{alias} names"
            ));
            return;
        }
        let left_out = (!none.is_empty()).then(|| {
            let why = format!("{names}: no ready version newer than what @{alias} names");
            Clean::text(&why)
        });
        self.wish_all(wishes, left_out.into_iter().collect());
    }

    fn approve(&mut self, thing: Option<&Thing>) {
        let alias = self.champion();
        let (model, to) = match thing {
            Some(Thing::Version(key)) => (key.model.clone(), Some(key.version.clone())),
            thing => match self.model_of(thing) {
                Some(model) => {
                    let to = promote::candidate(&self.fleet, &model, &alias);
                    (model, to)
                }
                None => return,
            },
        };
        let Some(to) = to else {
            let name = self.name_of(&model);
            self.say(format!(
                "approve: {name} has no candidate for @{}: open it and select a version",
                alias.clean()
            ));
            return;
        };
        let promotion = Promotion { model, alias, to };
        let form = form::approve::form(&promotion, &self.fleet);
        self.fill_in(form);
    }

    pub(super) fn name_of(&self, model: &ModelKey) -> Clean {
        self.fleet
            .model(model)
            .map_or_else(|| model.name.clean(), |view| view.name.clone())
    }

    fn roll_back(&mut self, thing: Option<&Thing>) {
        let Some(model) = self.model_of(thing) else {
            return;
        };
        let alias = self.champion();
        let all = rollback::candidates(&self.fleet, &model, &alias, self.now.wall);
        let held = self.fleet.registered(&model);
        let current = held.and_then(|held| held.fact.alias(alias.raw())).cloned();
        // Who opens the menu on an earlier version means that one.
        let to = match thing {
            Some(Thing::Version(key)) if Some(&key.version) != current.as_ref() => {
                Some(key.version.clone())
            }
            _ => None,
        };
        if to.is_some() || rollback::last_good(&all).is_some() {
            self.wish(Wish::RollBack(way_back(model, alias, to)));
        } else {
            self.choose_way_back(&model, &alias);
        }
    }

    /// Every version that an alias can go back to, with what is known of it.
    fn choose_way_back(&mut self, model: &ModelKey, alias: &Key) {
        let now = self.now.wall;
        let all = rollback::candidates(&self.fleet, model, alias, now);
        let good = rollback::last_good(&all).map(|c| c.version.clone());
        let held = self.fleet.registered(model);
        let current = held.and_then(|held| held.fact.alias(alias.raw())).cloned();
        let mut rows: Vec<(String, String, Lead)> = Vec::new();
        let mut stories: Vec<String> = Vec::new();
        let lead = |version: &Key| {
            let request = way_back(model.clone(), alias.clone(), Some(version.clone()));
            Lead::Wish(Box::new(Wish::RollBack(request)))
        };
        for c in &all {
            let mark = if Some(&c.version) == good.as_ref() {
                "  last good"
            } else if c.good {
                "  good"
            } else {
                ""
            };
            let by =
                c.by.as_ref()
                    .map_or_else(String::new, |by| format!(" · by {by}"));
            let why = if c.why.is_empty() {
                String::new()
            } else {
                format!(": {}", c.why)
            };
            rows.push((
                format!("{}{mark}", c.text),
                format!("{}{by}{why}", c.judged),
                lead(&c.version),
            ));
            stories.push(format!("{}{by}{why}", c.words()));
        }
        // Back is to what was registered before: what is newer is promoted. An alias that names nothing can
        // be given to any.
        let versions = self.fleet.versions(model);
        let at = versions
            .iter()
            .position(|held| Some(&held.fact.key.version) == current.as_ref());
        for held in &versions[at.map_or(0, |at| at + 1)..] {
            let version = &held.fact.key.version;
            if !all.iter().any(|c| c.version == *version) {
                rows.push((
                    crate::domain::wiring::version_text(version).to_string(),
                    "never known to have served or held the alias".to_owned(),
                    lead(version),
                ));
                stories.push(String::new());
            }
        }
        if rows.is_empty() {
            let name = self.name_of(model);
            let source = self.fleet.registered(model).map(|held| &held.source);
            let doubt = source.and_then(|s| self.fleet.doubt(s, &[Feed::Versions], now));
            self.say(match doubt {
                Some(why) => format!("roll back: the versions of {name} are not known: {why}"),
                None => format!("roll back: {name} has no other version"),
            });
            return;
        }
        let unproven = good.is_none().then(|| {
            stories.insert(
                0,
                "down goes to a version and what is known of it".to_owned(),
            );
            let none = "none is known to have been good".to_owned();
            (none, "choose one below".to_owned())
        });
        let dialog = Dialog::leads("Roll back to", unproven, rows);
        self.dialog = Some(dialog.telling(stories));
    }

    /// Another version or alias than the open sheet is about.
    pub(super) fn choose_another(&mut self, sheet: &Sheet) {
        let Some(part) = sheet.parts.first() else {
            return;
        };
        match &part.wish {
            Wish::Promote(request) => {
                let form = form::promote::form(request, &self.fleet);
                self.fill_in(form);
            }
            Wish::RollBack(request) => {
                let (model, alias) = (request.model.clone(), request.alias.clone());
                self.choose_way_back(&model, &alias);
            }
            _ => {}
        }
    }

    /// The alerts that a thing stands for, each once, loudest first.
    fn alerts_of(&self, thing: Option<&Thing>) -> Vec<Alert> {
        if let Some(Thing::Alert(key)) = thing {
            return self
                .fleet
                .joined_alert(key)
                .map(|h| h.fact)
                .into_iter()
                .collect();
        }
        let model = self.model_of(thing);
        let all = model.map(|model| self.fleet.joined_alerts_of(&model));
        all.into_iter().flatten().map(|held| held.fact).collect()
    }

    fn silence(&mut self, thing: Option<&Thing>) {
        let alerts = self.alerts_of(thing);
        match alerts.as_slice() {
            [] => {}
            [one] => self.mute(one, None),
            [first, ..] => {
                let mut rows: Vec<(String, String, Lead)> = alerts
                    .iter()
                    .map(|alert| {
                        let detail = format!("{} · {}", alert.state.word(), alert.summary);
                        (alert.name.to_string(), detail, silencing(alert))
                    })
                    .collect();
                if let Some(model) = self.model_of(thing) {
                    let name = self.name_of(&model);
                    rows.push((
                        format!("every alert of {name}"),
                        "whatever it is called".to_owned(),
                        Lead::SilenceAll(Box::new(first.clone()), model),
                    ));
                }
                self.dialog = Some(Dialog::leads("Silence", None, rows));
            }
        }
    }

    /// Goes where a row of a choice leads.
    pub(super) fn follow(&mut self, lead: Lead, effects: &mut Effects) {
        match lead {
            Lead::Wish(wish) => self.wish(*wish),
            Lead::LookUp(written) => self.look_up(written, effects),
            Lead::Close(plan, words) => effects.push(Effect::SeenTo(plan, words)),
            Lead::Silence(alert) => self.mute(&alert, None),
            Lead::SilenceAll(alert, model) => self.mute(&alert, Some(model)),
        }
    }

    /// The form that silences an alert, or every alert of a model by one of them; of one that is silenced,
    /// the sheet that ends that.
    fn mute(&mut self, alert: &Alert, all_of: Option<ModelKey>) {
        let Some(at) = mutes(&self.fleet, alert) else {
            self.say(format!(
                "silence: {} comes from {}, and this context has several Alertmanagers: use `quarterdeck silence --source NAME`",
                alert.name, alert.key.source
            ));
            return;
        };
        if let (None, AlertState::Silenced, Some(silence)) =
            (&all_of, alert.state, alert.silences.first())
        {
            let id = silence.id.clone();
            return self.wish(Wish::Unsilence(UnsilenceRequest { at, id }));
        }
        let usual = usual_matchers(&self.fleet, alert);
        let (what, matchers): (Clean, Vec<Matcher>) = match &all_of {
            None => (alert.name.clone(), usual),
            Some(model) => {
                let of_model = usual.into_iter().filter(|m| m.name.raw() != "alertname");
                let what = format!("every alert of {}", self.name_of(model));
                (Clean::text(&what), of_model.collect())
            }
        };
        let model = all_of.or_else(|| self.model_of(Some(&Thing::Alert(alert.key.clone()))));
        let form = form::silence::form(&what, at, &matchers, model);
        self.fill_in(form);
    }

    fn mark(&mut self, thing: Option<&Thing>, purpose: Purpose) {
        let Some(model) = self.model_of(thing) else {
            return;
        };
        let form = form::mark::form(&model, purpose, &self.fleet);
        self.fill_in(form);
    }

    /// Ends a freeze; where there is none, an acknowledgement.
    fn thaw(&mut self, thing: Option<&Thing>) {
        let Some(model) = self.model_of(thing) else {
            return;
        };
        let now = self.now.wall;
        let frozen = self.fleet.marked(&model, mark::FREEZE, now).is_some();
        let acknowledged = self.fleet.marked(&model, mark::ACKNOWLEDGED, now).is_some();
        if acknowledged && frozen {
            let form = form::thaw::form(&model, &self.name_of(&model));
            return self.fill_in(form);
        }
        let purpose = if acknowledged {
            Purpose::Acknowledge
        } else {
            Purpose::Freeze
        };
        self.wish(Wish::Mark(MarkRequest {
            model,
            purpose,
            hold: None,
            reason: Clean::empty(),
        }));
    }

    fn edit(&mut self, thing: Option<&Thing>) {
        let of = match thing {
            Some(Thing::Version(key)) => Some(Tagged::Version(VersionKey::clone(key))),
            thing => self.model_of(thing).map(Tagged::Model),
        };
        let form = of.and_then(|of| form::edit::form(of, &self.fleet));
        match form {
            Some(form) => self.fill_in(form),
            None => self.say("edit: the registry does not hold it"),
        }
    }
}

fn silencing(alert: &Alert) -> Lead {
    Lead::Silence(Box::new(alert.clone()))
}

fn way_back(model: ModelKey, alias: Key, to: Option<Key>) -> RollBackRequest {
    RollBackRequest {
        model,
        alias,
        to,
        reason: Clean::empty(),
        overrides: BTreeMap::new(),
    }
}
