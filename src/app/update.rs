//! One message in, effects out: total, synchronous, without I/O.

use super::dialogs::{Dialog, Outcome};
use super::typing::edit;
use super::{App, Effects, Typing};
use crate::domain::change::Subject;
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::key::SourceId;
use crate::domain::query::{Detail, Query};
use crate::domain::text::Clean;
use crate::domain::time::{Millis, Now};
use crate::intent::chord::{Chord, Code, sequence_text};
use crate::intent::command::{Command, RESERVED, Scope};
use crate::intent::keymap::Lookup;
use crate::intent::msg::{Effect, Msg};
use crate::panes::{Ask, Cx, Pane, Place, Thing};
use crate::ui::form::TextInput;
use crate::ui::hits::Target;

/// Takes one message in and says what is to be done.
pub fn update(app: &mut App, msg: Msg, now: Now) -> Effects {
    let mut effects = take_in(app, msg, now);
    app.settle(&mut effects);
    effects
}

/// Lets the open place follow what was taken in: to be called before a frame, and once a second.
pub fn settle(app: &mut App, now: Now) -> Effects {
    app.now = now;
    let mut effects = Effects::new();
    app.settle(&mut effects);
    effects
}

/// Takes one message in without letting the open place follow. Hundreds of observations come between
/// two frames: the place sorts its rows once, in [`settle`].
pub fn take_in(app: &mut App, msg: Msg, now: Now) -> Effects {
    app.now = now;
    let mut effects = Effects::new();
    match msg {
        Msg::Key(chord) => app.key(chord, &mut effects),
        Msg::Paste(text) => app.paste(&text, &mut effects),
        Msg::Click { column, row } => app.click(column, row, &mut effects),
        Msg::Scroll(rows) => app.scroll(rows),
        Msg::Resize { width, height } => app.screen = (width, height),
        Msg::Observed(observation) => {
            app.fleet.merge(*observation, now.wall);
        }
        Msg::Polled(report) => app.fleet.record(&report, now.wall),
        Msg::Probed {
            context,
            source,
            abilities,
        } if context == *app.fleet.context() => {
            app.abilities.insert(source, abilities);
        }
        Msg::Fetched {
            context,
            source,
            query,
            asked_at,
            result,
        } if context == *app.fleet.context() => {
            app.wants.answered(&source, &query, now.mono);
            match &result {
                Ok(detail) => app.absorb(&source, &query, detail, asked_at),
                Err(fault) => app.miss(&query, fault),
            }
            let asks = app.with_pane(|pane, cx| pane.fetched(&query, &result, asked_at, cx));
            app.ask(asks, &mut effects);
        }
        Msg::Computed(computed) => app.with_pane(|pane, cx| pane.computed(&computed, cx)),
        Msg::LastKnown(context, last) if context == *app.fleet.context() => {
            app.fleet.absorb(*last, now.wall);
        }
        Msg::Ledger(context, changes) if context == *app.fleet.context() => {
            app.fleet.remember(changes, now.wall);
        }
        Msg::Unwatched(context, gaps) if context == *app.fleet.context() => {
            app.fleet.set_gaps(gaps);
        }
        Msg::Preferences(context, kept) if context == *app.fleet.context() => {
            app.history.restore(kept);
        }
        // Answers of a context that was left.
        Msg::Probed { .. }
        | Msg::Fetched { .. }
        | Msg::LastKnown(..)
        | Msg::Ledger(..)
        | Msg::Unwatched(..)
        | Msg::Preferences(..) => {}
        Msg::Tick => app.fleet.tick(now.wall),
        Msg::Notice(notice) => app.notice = Some(notice),
        Msg::Terminate => effects.push(Effect::Quit),
    }
    app.keep_observed(&mut effects);
    effects
}

/// Has the next slice of models judged that a message has left to be judged.
pub fn judge_more(app: &mut App, now: Now) -> Effects {
    app.now = now;
    app.fleet.judge_more(now.wall);
    let mut effects = Effects::new();
    app.keep_observed(&mut effects);
    effects
}

impl App {
    fn keep_observed(&mut self, effects: &mut Effects) {
        let observed = self.fleet.take_observed();
        if !observed.is_empty() {
            effects.push(Effect::Ledger(observed));
        }
    }

    /// What follows from any message: the open place sees it, and what it needs is asked for.
    fn settle(&mut self, effects: &mut Effects) {
        let asks = self.with_pane(|pane, cx| {
            pane.refresh(cx);
            pane.due(cx)
        });
        self.ask(asks, effects);
        let (focus, wanted) = {
            let cx = self.cx();
            let pane = self.history.current();
            (pane.focus(&cx), pane.wants(&cx))
        };
        if focus != self.focus {
            self.focus = focus.clone();
            effects.push(Effect::Focus(focus));
        }
        effects.extend(self.wants.sync(&wanted, self.now.mono));
        effects.extend(self.history.take_remarks().into_iter().map(Effect::Log));
        self.keep_observed(effects);
    }

    fn with_pane<T>(&mut self, act: impl FnOnce(&mut dyn Pane, &Cx<'_>) -> T) -> T {
        let cx = Cx {
            fleet: &self.fleet,
            now: self.now,
            window: self.window,
            screen: self.screen,
        };
        act(self.history.current_mut(), &cx)
    }

    fn absorb(&mut self, source: &SourceId, query: &Query, detail: &Detail, asked_at: Millis) {
        let now = self.now.wall;
        match detail {
            Detail::Runs { runs, .. } => self.fleet.put_runs(runs, asked_at, now),
            Detail::Run(run) => self
                .fleet
                .put_runs(std::slice::from_ref(&**run), asked_at, now),
            Detail::Versions(versions) => {
                self.fleet
                    .put_versions(source, versions.clone(), asked_at, now);
            }
            Detail::Package(package) => {
                if let Query::Package(version) = query {
                    self.fleet
                        .set_package(version.clone(), Some((**package).clone()), now);
                }
            }
            Detail::History(_)
            | Detail::Artifacts(_)
            | Detail::Series(_)
            | Detail::DriftReport(_)
            | Detail::SignalChecks(_)
            | Detail::Links(_) => {}
        }
    }

    /// What a failed detail says about the fleet: only a definite absence says anything.
    fn miss(&mut self, query: &Query, fault: &Fault) {
        match query {
            Query::Run(run) if fault.kind == FaultKind::NotFound => {
                self.fleet.run_is_gone(run.clone());
            }
            Query::Package(version)
                if matches!(
                    fault.kind,
                    FaultKind::NotFound | FaultKind::Server(_) | FaultKind::Decode { .. }
                ) =>
            {
                self.fleet.set_package(version.clone(), None, self.now.wall);
            }
            _ => {}
        }
    }

    fn key(&mut self, chord: Chord, effects: &mut Effects) {
        if self.dialog.is_some() {
            self.dialog_key(chord, effects);
        } else if self.typing.is_some() {
            self.type_key(chord, effects);
        } else {
            self.command_key(chord, effects);
        }
    }

    fn command_key(&mut self, chord: Chord, effects: &mut Effects) {
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
            Command::History if self.subject_of(thing.as_ref()).is_none() => {
                "nothing with a history is selected"
            }
            Command::CopyRow if pane.row_text(&cx).is_none() => "no row is selected",
            Command::Link if self.link_of(thing.as_ref()).is_none() => {
                "no link is known for it: set a runbook, or select a model, version or run"
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

    fn run_global(&mut self, command: Command, effects: &mut Effects) {
        let thing = self.history.current().selected(&self.cx());
        match command {
            Command::Triage => self.history.open(Place::Triage),
            Command::Models => self.history.open(Place::Models),
            Command::Experiments => self.history.open(Place::Experiments),
            Command::Deployments => self.history.open(Place::Deployments),
            Command::Drift => self.history.open(Place::Drift),
            Command::GoDrift => {
                if let Some(model) = self.model_of(thing.as_ref()) {
                    self.history.open(Place::Features(model));
                }
            }
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
            Command::GoRun => {
                if let Some(run) = self.run_of(thing.as_ref()) {
                    self.history.open(Place::Run(run));
                }
            }
            Command::GoEndpoint => {
                if let Some(key) = self.endpoint_of(thing.as_ref()) {
                    self.history.open(Place::Deployments);
                    self.with_pane(|pane, cx| {
                        pane.refresh(cx);
                        pane.select(&Thing::Deployment(key), cx);
                    });
                }
            }
            Command::History => {
                if let Some(subject) = self.subject_of(thing.as_ref()) {
                    self.history.open(Place::History(subject));
                }
            }
            Command::Refresh => {
                self.wants.renew();
                effects.push(Effect::Refresh(None));
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
            Command::Quit => effects.push(Effect::Quit),
            other => self.say(format!("{} has no meaning here", other.row().title)),
        }
    }

    fn ask(&mut self, asks: Vec<Ask>, effects: &mut Effects) {
        for ask in asks {
            match ask {
                Ask::Open(place) => self.history.open(place),
                Ask::Show(place, thing) => {
                    self.history.open(place);
                    self.with_pane(|pane, cx| {
                        pane.refresh(cx);
                        pane.select(&thing, cx);
                    });
                }
                Ask::Back => {
                    self.history.close();
                }
                Ask::Prompt(prompt) => {
                    let input = TextInput::with(&Clean::text(&prompt.initial));
                    self.typing = Some(Typing {
                        prompt,
                        input,
                        error: None,
                    });
                }
                Ask::Choose(choice) => self.dialog = Some(Dialog::choice(choice)),
                Ask::Copy(text) => effects.push(Effect::Copy(text)),
                Ask::Compute(work) => effects.push(Effect::Compute(work)),
                Ask::Say(notice) => self.notice = Some(notice),
                Ask::Prefer(preference, value) => {
                    self.history.prefer(preference, value.clone());
                    effects.push(Effect::Prefer(preference, value));
                }
            }
        }
    }

    fn type_key(&mut self, chord: Chord, effects: &mut Effects) {
        let Some(mut typing) = self.typing.take() else {
            return;
        };
        let kind = typing.prompt.kind;
        let (text, entered) = match chord {
            Chord {
                code: Code::Esc, ..
            }
            | Chord {
                code: Code::Char('c'),
                ctrl: true,
                ..
            } => (typing.prompt.initial.clone(), true),
            Chord {
                code: Code::Enter, ..
            } => (typing.input.as_str().to_owned(), true),
            chord => {
                if !edit(&mut typing.input, chord) {
                    self.typing = Some(typing);
                    return;
                }
                (typing.input.as_str().to_owned(), false)
            }
        };
        match self.with_pane(|pane, cx| pane.prompt(kind, &text, entered, cx)) {
            Ok(asks) => {
                typing.error = None;
                if !entered {
                    self.typing = Some(typing);
                }
                self.ask(asks, effects);
            }
            Err(why) => {
                typing.error = Some(why);
                self.typing = Some(typing);
            }
        }
    }

    fn paste(&mut self, text: &Clean, effects: &mut Effects) {
        if let Some(dialog) = &mut self.dialog {
            dialog.paste(text);
        } else if let Some(mut typing) = self.typing.take() {
            typing.input.paste(text);
            let (kind, line) = (typing.prompt.kind, typing.input.as_str().to_owned());
            let outcome = self.with_pane(|pane, cx| pane.prompt(kind, &line, false, cx));
            typing.error = outcome.as_ref().err().cloned();
            self.typing = Some(typing);
            self.ask(outcome.unwrap_or_default(), effects);
        } else {
            self.say("pasted text is ignored here: keys are commands");
        }
    }

    fn dialog_key(&mut self, chord: Chord, effects: &mut Effects) {
        let Some(mut dialog) = self.dialog.take() else {
            return;
        };
        match dialog.key(chord) {
            Outcome::Stay => self.dialog = Some(dialog),
            Outcome::Closed => {}
            Outcome::Command(command) => self.run(command, effects),
            Outcome::Open(place, thing) => match thing {
                Some(thing) => self.ask(vec![Ask::Show(place, thing)], effects),
                None => self.history.open(place),
            },
            Outcome::Context(name) => effects.push(Effect::Switch(name)),
            Outcome::Chosen(index, stay) => {
                let asks = self.with_pane(|pane, cx| pane.chosen(index, cx));
                self.ask(asks, effects);
                if stay {
                    self.dialog = Some(dialog);
                }
            }
        }
    }

    fn click(&mut self, column: u16, row: u16, effects: &mut Effects) {
        let Some(target) = self.hits.at(column, row) else {
            return;
        };
        match target {
            Target::Dialog => {}
            Target::Row(index) if self.dialog.is_some() => {
                if let Some(dialog) = &mut self.dialog {
                    dialog.select(index);
                }
                self.dialog_key(Chord::plain(Code::Enter), effects);
            }
            _ if self.dialog.is_some() => self.dialog = None,
            Target::Tab(number) => {
                let command = match number {
                    1 => Command::Triage,
                    2 => Command::Models,
                    3 => Command::Experiments,
                    4 => Command::Drift,
                    5 => Command::Deployments,
                    _ => return,
                };
                self.run(command, effects);
            }
            Target::Hint(index) => {
                if let Some(command) = self.history.current().hints().get(index) {
                    self.run(*command, effects);
                }
            }
            Target::Row(_) | Target::Column(_) | Target::Plot(_) => {
                let asks = self.with_pane(|pane, cx| pane.click(target, cx));
                self.ask(asks, effects);
            }
        }
    }

    fn scroll(&mut self, rows: i16) {
        match &mut self.dialog {
            Some(dialog) => dialog.scroll(rows),
            None => self.with_pane(|pane, cx| pane.scroll(rows, cx)),
        }
    }

    fn model_of(&self, thing: Option<&Thing>) -> Option<crate::domain::key::ModelKey> {
        match thing? {
            Thing::Model(key) => Some(key.clone()),
            Thing::Version(key) => Some(key.model.clone()),
            Thing::Deployment(key) => self.fleet.deployment(key)?.model.clone(),
            Thing::Run(run) => self.fleet.model_made_by(run).cloned(),
            Thing::Experiment(_) | Thing::Source(_) => None,
        }
    }

    fn run_of(&self, thing: Option<&Thing>) -> Option<crate::domain::key::RunKey> {
        match thing? {
            Thing::Run(key) => Some(key.clone()),
            Thing::Version(key) => self.fleet.version(key)?.run.clone(),
            Thing::Model(key) => {
                let champion = self.fleet.model(key)?.champion.as_ref()?;
                let version = crate::domain::key::VersionKey {
                    model: key.clone(),
                    version: champion.key.clone(),
                };
                self.fleet.version(&version)?.run.clone()
            }
            _ => None,
        }
    }

    fn endpoint_of(&self, thing: Option<&Thing>) -> Option<crate::domain::key::DeploymentKey> {
        match thing? {
            Thing::Deployment(key) => Some(key.clone()),
            thing => self
                .fleet
                .model(&self.model_of(Some(thing))?)?
                .deployments
                .first()
                .cloned(),
        }
    }

    fn subject_of(&self, thing: Option<&Thing>) -> Option<Subject> {
        match thing? {
            Thing::Deployment(key) => Some(Subject::Deployment(key.clone())),
            thing => self.model_of(Some(thing)).map(Subject::Model),
        }
    }

    /// A page of the thing in its own system's web interface, or the runbook.
    fn link_of(&self, thing: Option<&Thing>) -> Option<Clean> {
        match thing? {
            Thing::Model(key) => self
                .fleet
                .model(key)
                .and_then(|m| m.runbook.clone())
                .or_else(|| {
                    let base = key.registry.base.clean();
                    Some(Clean::text(&format!(
                        "{base}/#/models/{}",
                        encoded(key.name.raw())
                    )))
                }),
            Thing::Version(key) => {
                let (base, name) = (
                    key.model.registry.base.clean(),
                    encoded(key.model.name.raw()),
                );
                Some(Clean::text(&format!(
                    "{base}/#/models/{name}/versions/{}",
                    key.version.clean()
                )))
            }
            Thing::Run(key) => {
                let row = self.fleet.runs().find(key)?;
                let experiment = self.fleet.runs().experiment(row)?;
                let base = key.tracker.base.clean();
                Some(Clean::text(&format!(
                    "{base}/#/experiments/{}/runs/{}",
                    encoded(experiment.id.raw()),
                    encoded(key.id.raw())
                )))
            }
            Thing::Experiment(key) => Some(Clean::text(&format!(
                "{}/#/experiments/{}",
                key.tracker.base.clean(),
                encoded(key.id.raw())
            ))),
            Thing::Deployment(key) => Some(key.base.clean()),
            Thing::Source(_) => None,
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

/// Percent-encodes everything but unreserved characters, for a link.
fn encoded(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    for byte in raw.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.extend(
                [byte >> 4, byte & 15].map(|n| char::from(b"0123456789ABCDEF"[usize::from(n)])),
            );
        }
    }
    out
}
