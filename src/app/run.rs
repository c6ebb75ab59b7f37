//! Keys become commands, and commands are carried out or say why they cannot be.

use super::{App, Effects};
use crate::domain::settings::Writes;
use crate::domain::text::Clean;
use crate::intent::chord::{Chord, Code, sequence_text};
use crate::intent::command::{Command, Group, RESERVED, Scope};
use crate::intent::keymap::Lookup;
use crate::intent::msg::Effect;
use crate::panes::{Place, Thing};

impl App {
    pub(super) fn command_key(&mut self, chord: Chord, effects: &mut Effects) {
        self.notice = None;
        if !self.pending.is_empty() && chord == Chord::plain(Code::Esc) {
            self.pending.clear();
            return;
        }
        self.pending.push(chord);
        match self.keymap.look_up(&self.scopes(), &self.pending) {
            Lookup::Command(command) => {
                self.pending.clear();
                self.run(command, effects);
            }
            Lookup::Prefix(_) => {}
            Lookup::Unbound => {
                let keys = sequence_text(&std::mem::take(&mut self.pending));
                match RESERVED.iter().find(|(key, _)| *key == keys) {
                    Some((key, verb)) => {
                        self.say(format!(
                            "{key} is kept for {verb}, which this version does not have"
                        ));
                    }
                    // A quick esc and a letter can arrive as one alt chord: it means neither.
                    None if chord.alt => {}
                    None => self.say(format!(
                        "{keys} is not bound here · ? lists the keys that are"
                    )),
                }
            }
        }
    }

    pub(super) fn scopes(&self) -> Vec<Scope> {
        let mut scopes = self.history.current().scopes().to_vec();
        scopes.push(Scope::Global);
        scopes
    }

    /// Why a command cannot work right now.
    pub(super) fn disabled(&self, command: Command) -> Option<Clean> {
        let cx = self.cx();
        let pane = self.history.current();
        if let Some(why) = pane.disabled(command, &cx) {
            return Some(why);
        }
        let thing = pane.selected(&cx);
        if let Some(why) = self.no_verb(command, thing.as_ref()) {
            return Some(why);
        }
        let why = match command {
            Command::GoModel | Command::GoDrift | Command::WhatChanged
                if self.model_of(thing.as_ref()).is_none() =>
            {
                "no model is selected"
            }
            Command::GoRun if self.run_of(thing.as_ref()).is_none() => {
                "the selected thing names no run"
            }
            Command::GoEndpoint if self.endpoint_of(thing.as_ref()).is_none() => {
                "no deployment is known for it"
            }
            Command::GoPipeline | Command::Retrain => {
                let Some(model) = self.model_of(thing.as_ref()) else {
                    return Some(Clean::name("no model is selected"));
                };
                return self.cannot_train(command, &model);
            }
            Command::History if self.subject_of(thing.as_ref()).is_none() => {
                "nothing with a history is selected"
            }
            Command::CopyRow if pane.row_text(&cx).is_none() => "no row is selected",
            Command::Link if self.link_of(thing.as_ref()).is_none() => {
                "no link is known for it: set a runbook, or select a model, version or run"
            }
            Command::Follow if self.fleet.last_write(&self.writing.writes).is_none() => {
                "nothing was written here yet"
            }
            Command::Arm if self.fleet.settings().writes != Writes::Armed => {
                "this context needs no arming: writes is not \"armed\""
            }
            Command::Contexts if self.settings.contexts.len() < 2 => "there is one context only",
            _ => return None,
        };
        Some(Clean::text(why))
    }

    /// Carries a command out, or says why it cannot be.
    pub(super) fn run(&mut self, command: Command, effects: &mut Effects) {
        if let Some(why) = self.disabled(command) {
            self.say(format!("{}: {why}", command.row().title));
            return;
        }
        if let Some(asks) = self.with_pane(|pane, cx| pane.update(command, cx)) {
            self.ask(asks, effects);
            return;
        }
        self.run_global(command, effects);
    }

    /// Goes to a list and selects what belongs to the selected thing there.
    fn go_to_list(&mut self, command: Command, thing: Option<&Thing>) {
        let (place, there) = if command == Command::GoAlerts {
            (Place::Alerts, self.model_of(thing).map(Thing::Model))
        } else {
            let Some(key) = self.endpoint_of(thing) else {
                return;
            };
            (Place::Deployments, Some(Thing::Deployment(key)))
        };
        self.history.open(place);
        if let Some(there) = there {
            self.with_pane(|pane, cx| {
                pane.refresh(cx);
                pane.select(&there, cx);
            });
        }
    }

    /// Opens a pane; from triage on the row of what is in trouble, which its advice speaks of.
    fn open_pane(&mut self, place: Place, thing: Option<&Thing>) {
        let advised = self.history.current().place() == Place::Triage;
        let there = match place {
            _ if !advised => None,
            Place::Deployments => self.endpoint_of(thing).map(Thing::Deployment),
            _ => self.model_of(thing).map(Thing::Model),
        };
        self.history.open(place);
        if let Some(there) = there {
            self.with_pane(|pane, cx| {
                pane.refresh(cx);
                pane.select(&there, cx);
            });
        }
    }

    /// Opens the write that the chip tells of, else the last one however long it is over.
    fn follow_write(&mut self) {
        let (writes, now) = (&self.writing.writes, self.now.wall);
        let told = self.fleet.to_follow(writes, now);
        let told = told.map(|(written, _)| written);
        let last = told.or_else(|| self.fleet.last_write(writes));
        if let Some(id) = last.map(|written| written.plan.id.clone()) {
            self.history.open(Place::Write(id));
        }
    }

    fn run_global(&mut self, command: Command, effects: &mut Effects) {
        let thing = self.history.current().selected(&self.cx());
        match command {
            Command::Follow => self.follow_write(),
            verb if verb.row().group == Group::Act => self.verb(verb, thing.as_ref()),
            Command::Triage => self.history.open(Place::Triage),
            Command::Models => self.open_pane(Place::Models, thing.as_ref()),
            Command::Experiments => self.history.open(Place::Experiments),
            Command::Deployments => self.open_pane(Place::Deployments, thing.as_ref()),
            Command::Pipelines => self.open_pane(Place::Pipelines, thing.as_ref()),
            Command::Drift => self.open_pane(Place::Drift, thing.as_ref()),
            Command::Journal => self.history.open(Place::Journal),
            Command::GoDrift => {
                if let Some(model) = self.model_of(thing.as_ref()) {
                    self.history.open(Place::Features(model));
                }
            }
            Command::GoAlerts | Command::GoEndpoint => self.go_to_list(command, thing.as_ref()),
            Command::WhatChanged => {
                let moment = self.history.current().moment(&self.cx());
                if let Some(model) = self.model_of(thing.as_ref()) {
                    self.history.open(Place::Changes(model, moment));
                }
            }
            Command::Back => {
                if !self.history.close() {
                    self.say("this is the first place · q leaves");
                }
            }
            Command::HistoryBack => {
                if !self.history.back() {
                    self.say("there is no earlier place");
                }
            }
            Command::HistoryForward => {
                if !self.history.forward() {
                    self.say("there is no later place");
                }
            }
            Command::GoModel => {
                if let Some(model) = self.model_of(thing.as_ref()) {
                    self.history.open(Place::Model(model));
                }
            }
            Command::GoPipeline => self.go_to_training(thing.as_ref()),
            Command::GoRun => {
                if let Some(run) = self.run_of(thing.as_ref()) {
                    self.history.open(Place::Run(run));
                }
            }
            Command::History => {
                if let Some(subject) = self.subject_of(thing.as_ref()) {
                    self.history.open(Place::History(subject));
                }
            }
            Command::Refresh => {
                self.wants.renew();
                effects.extend([Effect::Refresh(None), Effect::AskRights]);
                self.say("asking every source now");
            }
            Command::Narrower => self.window = self.window.narrower(),
            Command::Wider => self.window = self.window.wider(),
            Command::Help => self.dialog = Some(self.help()),
            Command::Palette => self.dialog = Some(self.palette()),
            Command::Anything => self.dialog = Some(self.anything()),
            Command::Contexts => self.dialog = Some(self.contexts()),
            Command::Menu => self.dialog = Some(self.menu()),
            Command::CopyRow => {
                let text = self.history.current().row_text(&self.cx());
                effects.extend(text.map(Effect::Copy));
                self.say("row sent to the terminal's clipboard");
            }
            Command::CopyPane => {
                effects.push(Effect::Copy(self.markdown()));
                self.say("pane sent to the terminal's clipboard as Markdown");
            }
            Command::Link => {
                if let Some(link) = self.link_of(thing.as_ref()) {
                    self.say(format!("sent to the terminal's clipboard: {link}"));
                    effects.push(Effect::Copy(link));
                }
            }
            Command::Mouse => {
                self.mouse = !self.mouse;
                effects.push(Effect::Mouse(self.mouse));
                self.say(if self.mouse {
                    "the mouse is ours"
                } else {
                    "the mouse is the terminal's"
                });
            }
            Command::Repaint => effects.push(Effect::Repaint),
            Command::Suspend => effects.push(Effect::Suspend),
            Command::Quit => self.quit(effects),
            other => self.say(format!("{} has no meaning here", other.row().title)),
        }
    }

    /// The pane as a Markdown table.
    fn markdown(&self) -> Clean {
        let (titles, rows) = self.history.current().markdown(&self.cx());
        let line = |cells: &[String]| {
            let cells: Vec<String> = cells.iter().map(|c| c.replace('|', "\\|")).collect();
            format!("| {} |", cells.join(" | "))
        };
        let rule = titles.iter().map(|_| "---".to_owned()).collect::<Vec<_>>();
        let lines: Vec<String> = std::iter::once(line(&titles))
            .chain(std::iter::once(line(&rule)))
            .chain(rows.iter().map(|r| line(r)))
            .collect();
        Clean::lines(&lines)
    }
}
