//! Keys, pasted text and the mouse: who takes them, the dialog, the prompt or the pane.

use super::dialogs::Outcome;
use super::typing::edit;
use super::{App, Effects};
use crate::domain::text::Clean;
use crate::intent::chord::{Chord, Code};
use crate::intent::command::Command;
use crate::intent::msg::Effect;
use crate::panes::Ask;
use crate::ui::hits::Target;

impl App {
    pub(super) fn key(&mut self, chord: Chord, effects: &mut Effects) {
        if self.dialog.is_some() {
            self.dialog_key(chord, effects);
        } else if self.sheet.is_some() {
            self.sheet_key(chord, effects);
        } else if self.form.is_some() {
            self.form_key(chord);
        } else if self.typing.is_some() {
            self.type_key(chord, effects);
        } else {
            self.command_key(chord, effects);
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

    pub(super) fn paste(&mut self, text: &Clean, effects: &mut Effects) {
        if let Some(dialog) = &mut self.dialog {
            dialog.paste(text);
        } else if self.sheet.is_some() {
            self.sheet_paste(text);
        } else if self.form.is_some() {
            self.form_paste(text);
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
            Outcome::Stay => {
                self.hear(&mut dialog);
                self.dialog = Some(dialog);
            }
            Outcome::Nothing(why) => {
                self.say(why);
                self.dialog = Some(dialog);
            }
            Outcome::Closed => {}
            Outcome::Command(command) => self.run(command, effects),
            Outcome::Open(place, thing) => match thing {
                Some(thing) => self.ask(vec![Ask::Show(place, thing)], effects),
                None => self.history.open(place),
            },
            Outcome::Leave(how) => self.leave(how, effects),
            Outcome::Context(name) => effects.push(Effect::Switch(name)),
            Outcome::Lead(lead) => self.follow(lead, effects),
            Outcome::Chosen(index, stay) => {
                let asks = self.with_pane(|pane, cx| pane.chosen(index, cx));
                self.ask(asks, effects);
                if stay {
                    self.dialog = Some(dialog);
                }
            }
        }
    }

    pub(super) fn click(&mut self, column: u16, row: u16, effects: &mut Effects) {
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
            // A press beside the sheet or the form neither allows nor ends anything.
            _ if self.sheet.is_some() || self.form.is_some() => {}
            Target::Tab(number) => {
                let command = match number {
                    1 => Command::Triage,
                    2 => Command::Models,
                    3 => Command::Experiments,
                    4 => Command::Drift,
                    5 => Command::Deployments,
                    6 => Command::Pipelines,
                    8 => Command::Journal,
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

    pub(super) fn scroll(&mut self, rows: i16) {
        match &mut self.dialog {
            Some(dialog) => dialog.scroll(rows),
            None if self.sheet.is_some() => self.sheet_scroll(rows),
            None if self.form.is_some() => {}
            None => self.with_pane(|pane, cx| pane.scroll(rows, cx)),
        }
    }
}
