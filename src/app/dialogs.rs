//! Dialogs: help, palette, find anything, contexts, row menu and choices. All are lists to search and
//! pick from.

use super::App;
use super::leaving::Leave;
use super::typing::edit;
use super::verbs::Lead;
use crate::domain::rules::freshness::Freshness;
use crate::domain::text::Clean;
use crate::intent::chord::{Chord, Code};
use crate::intent::command::{COMMANDS, Command, Group, RESERVED, Scope};
use crate::panes::{Choice, Place, Thing};
use crate::ui::picker::{Item, Picker};
use crate::ui::text;

/// What a row does when it is picked.
#[derive(Clone, Debug)]
pub(super) enum Action {
    Command(Command),
    Open(Place, Option<Thing>),
    Context(String),
    Choose(usize),
    Lead(Lead),
    Leave(Leave),
    Nothing,
}

/// What came of a key.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The dialog stays.
    Stay,
    /// It was closed without a choice.
    Closed,
    /// A command was picked.
    Command(Command),
    /// A place was picked, perhaps with a thing to select there.
    Open(Place, Option<Thing>),
    /// A context was picked.
    Context(String),
    /// A verb goes on with what was picked.
    Lead(Lead),
    /// A row of the pane's own choice was picked; the flag says that the dialog stays.
    Chosen(usize, bool),
    /// How to leave was picked.
    Leave(Leave),
    /// What was picked does nothing: why, or what to do in its place.
    Nothing(Clean),
}

/// An open dialog.
#[derive(Debug)]
pub(super) struct Dialog {
    pub(super) title: &'static str,
    pub(super) hint: &'static str,
    pub(super) picker: Picker,
    actions: Vec<Action>,
    choice: Option<Choice>,
    /// Whether commands can be written out in it: [`super::phrase`].
    phrases: bool,
}

impl Dialog {
    pub(super) fn new(title: &'static str, hint: &'static str, rows: Vec<(Item, Action)>) -> Self {
        let (items, actions): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
        Self {
            title,
            hint,
            picker: Picker::new(items),
            actions,
            choice: None,
            phrases: false,
        }
    }

    /// What is typed, where commands can be written out.
    pub(super) fn phrase(&self) -> Option<&str> {
        self.phrases.then(|| self.picker.input.as_str())
    }

    /// Offers what the typed text would do, or what it still lacks.
    pub(super) fn offer(&mut self, offered: Option<(Item, Option<Lead>)>) {
        self.actions.truncate(self.picker.fixed());
        let (item, lead) = offered.unzip();
        self.actions
            .extend(lead.map(|lead| lead.map_or(Action::Nothing, Action::Lead)));
        self.picker.offer(item);
    }

    /// What a verb offers to choose from: title, words, and where it leads. A first row that leads nowhere
    /// keeps enter from choosing what nobody has looked at.
    pub(super) fn leads(
        title: &'static str,
        first: Option<(String, String)>,
        rows: Vec<(String, String, Lead)>,
    ) -> Self {
        let item = |title, detail| Item {
            title,
            detail,
            ..Item::default()
        };
        let first = first.map(|(title, detail)| (item(title, detail), Action::Nothing));
        let rows = rows
            .into_iter()
            .map(|(title, detail, lead)| (item(title, detail), Action::Lead(lead)));
        let rows = first.into_iter().chain(rows).collect();
        Self::new(title, "enter goes on · esc closes", rows)
    }

    /// What is told of each row below the list while it is selected.
    pub(super) fn telling(mut self, stories: Vec<String>) -> Self {
        self.picker.tell(stories);
        self
    }

    /// A pane's own list.
    pub(super) fn choice(choice: Choice) -> Self {
        let rows = choice_rows(&choice);
        let hint = if choice.several {
            "enter switches · as many show as fit · esc closes"
        } else {
            "type to search"
        };
        {
            let title = choice.title;
            Self {
                choice: Some(choice),
                ..Self::new(title, hint, rows)
            }
        }
    }

    pub(super) fn paste(&mut self, text: &Clean) {
        self.picker.input.paste(text);
        self.picker.refresh();
    }

    pub(super) fn scroll(&mut self, rows: i16) {
        let len = self.picker.len();
        self.picker.state.scroll(isize::from(rows), len);
    }

    /// Selects a visible row.
    pub(super) fn select(&mut self, index: usize) {
        let len = self.picker.len();
        self.picker.state.select(index, len);
    }

    pub(super) fn key(&mut self, chord: Chord) -> Outcome {
        let len = self.picker.len();
        match chord {
            Chord {
                code: Code::Esc, ..
            }
            | Chord {
                code: Code::Char('c'),
                ctrl: true,
                ..
            } => {
                return Outcome::Closed;
            }
            Chord {
                code: Code::Enter, ..
            } => return self.pick(),
            Chord {
                code: Code::Up | Code::BackTab,
                ..
            }
            | Chord {
                code: Code::Char('p' | 'k'),
                ctrl: true,
                ..
            } => self.picker.state.up(len),
            Chord {
                code: Code::Down | Code::Tab,
                ..
            }
            | Chord {
                code: Code::Char('n' | 'j'),
                ctrl: true,
                ..
            } => self.picker.state.down(len),
            Chord {
                code: Code::PageUp, ..
            } => self.picker.state.page_up(len),
            Chord {
                code: Code::PageDown,
                ..
            } => self.picker.state.page_down(len),
            chord => {
                if edit(&mut self.picker.input, chord) {
                    self.picker.refresh();
                }
            }
        }
        Outcome::Stay
    }

    fn pick(&mut self) -> Outcome {
        let Some(index) = self.picker.selected() else {
            return Outcome::Stay;
        };
        match self.actions.get(index).cloned() {
            Some(Action::Command(command)) => Outcome::Command(command),
            Some(Action::Open(place, thing)) => Outcome::Open(place, thing),
            Some(Action::Context(name)) => Outcome::Context(name),
            Some(Action::Lead(lead)) => Outcome::Lead(lead),
            Some(Action::Leave(how)) => Outcome::Leave(how),
            Some(Action::Choose(index)) => {
                let stay = self.toggle(index);
                Outcome::Chosen(index, stay)
            }
            Some(Action::Nothing) => match self.picker.item(index) {
                Some(item) => {
                    let why = item.off.as_deref().unwrap_or(&item.detail);
                    Outcome::Nothing(Clean::text(&format!("{}: {why}", item.title)))
                }
                None => Outcome::Stay,
            },
            None => Outcome::Stay,
        }
    }

    /// Turns a switch of a list with several; says whether the list stays open.
    fn toggle(&mut self, index: usize) -> bool {
        let Some(choice) = self.choice.as_mut().filter(|c| c.several) else {
            return false;
        };
        if let Some((_, Some(on))) = choice.rows.get_mut(index) {
            *on = !*on;
        }
        let (typed, state) = (self.picker.input.clone(), self.picker.state);
        self.picker = Picker::new(
            choice_rows(choice)
                .into_iter()
                .map(|(item, _)| item)
                .collect(),
        );
        self.picker.input = typed;
        self.picker.refresh();
        self.picker.state = state;
        true
    }
}

fn choice_rows(choice: &Choice) -> Vec<(Item, Action)> {
    let mark = |on: Option<bool>| match on {
        Some(true) => "[x] ",
        Some(false) => "[ ] ",
        None => "",
    };
    choice
        .rows
        .iter()
        .enumerate()
        .map(|(index, (text, on))| {
            let item = Item {
                title: format!("{}{text}", mark(*on)),
                ..Item::default()
            };
            (item, Action::Choose(index))
        })
        .collect()
}

impl App {
    fn command_row(&self, command: Command, detail: &str) -> (Item, Action) {
        let item = Item {
            title: command.row().title.to_owned(),
            detail: detail.to_owned(),
            key: self.keymap.keys_of(command).join(" · "),
            off: self.disabled(command).map(|why| why.to_string()),
            ..Item::default()
        };
        (item, Action::Command(command))
    }

    /// Every key that works here, why others do not, and the keys kept for verbs to come.
    pub(super) fn help(&self) -> Dialog {
        let scopes = self.scopes();
        let mut here: Vec<_> = COMMANDS
            .iter()
            .filter(|r| scopes.contains(&r.scope))
            .collect();
        here.sort_by_key(|r| (scopes.iter().position(|s| *s == r.scope), r.group));
        let mut rows: Vec<_> = here
            .into_iter()
            .map(|r| self.command_row(r.command, r.doc))
            .collect();
        rows.extend(RESERVED.iter().map(|(key, verb)| {
            let off = Some("kept for a later version".to_owned());
            let item = Item {
                title: (*verb).to_owned(),
                key: (*key).to_owned(),
                off,
                ..Item::default()
            };
            (item, Action::Nothing)
        }));
        Dialog::new(
            "Keys here",
            "type to search · enter does it · esc closes",
            rows,
        )
    }

    /// Every command by name.
    pub(super) fn palette(&self) -> Dialog {
        let scopes = self.scopes();
        let mut here: Vec<_> = COMMANDS
            .iter()
            .filter(|r| scopes.contains(&r.scope))
            .collect();
        // Who looks for a command by name does not look for the way to move up a row.
        here.sort_by_key(|r| r.group == Group::Move && r.scope == Scope::List);
        let rows = here
            .into_iter()
            .map(|r| self.command_row(r.command, r.id))
            .collect();
        Dialog {
            phrases: true,
            ..Dialog::new(
                "Commands",
                "type to search · enter does it · esc closes",
                rows,
            )
        }
    }

    /// What can be done with the selected row.
    pub(super) fn menu(&self) -> Dialog {
        const ROW: [Command; 21] = [
            Command::Open,
            Command::Promote,
            Command::RollBack,
            Command::Acknowledge,
            Command::Silence,
            Command::Edit,
            Command::Freeze,
            Command::Thaw,
            Command::GoModel,
            Command::GoRun,
            Command::GoEndpoint,
            Command::GoDrift,
            Command::GoPipeline,
            Command::Retrain,
            Command::CancelRun,
            Command::RetryRun,
            Command::WhatChanged,
            Command::History,
            Command::CopyRow,
            Command::Link,
            Command::Filter,
        ];
        let scopes = self.scopes();
        let rows = ROW
            .iter()
            .filter(|c| scopes.contains(&c.row().scope))
            .map(|c| self.command_row(*c, c.row().doc))
            .collect();
        Dialog::new("This row", "enter does it · esc closes", rows)
    }

    /// Every model, experiment and deployment by name.
    pub(super) fn anything(&self) -> Dialog {
        let item = |name: &Clean, detail: String| Item {
            title: name.to_string(),
            detail,
            ..Item::default()
        };
        let models = self.fleet.models().map(|m| {
            (
                item(&m.name, format!("model · {}", m.level())),
                Action::Open(Place::Model(m.key.clone()), None),
            )
        });
        let deployments = self.fleet.deployments().map(|d| {
            let thing = Thing::Deployment(d.key.clone());
            (
                item(&d.name, format!("deployment · {}", d.health.word())),
                Action::Open(Place::Deployments, Some(thing)),
            )
        });
        let experiments = self.fleet.experiments().map(|e| {
            let thing = Thing::Experiment(e.fact.key.clone());
            (
                item(&e.fact.name, "experiment".to_owned()),
                Action::Open(Place::Experiments, Some(thing)),
            )
        });
        let rows = models.chain(deployments).chain(experiments).collect();
        Dialog::new(
            "Find anything",
            "type to search · enter goes there · esc closes",
            rows,
        )
    }

    /// The contexts: always reachable, whatever the state of the present one.
    pub(super) fn contexts(&self) -> Dialog {
        let here = &self.fleet.context().name;
        let rows = self
            .settings
            .contexts
            .iter()
            .map(|(name, context)| {
                let down = self
                    .fleet
                    .sources()
                    .filter(|(_, _, f)| *f == Freshness::Down)
                    .count();
                let state = match (*here == name.as_str(), down) {
                    (true, 0) => " · here".to_owned(),
                    (true, n) => format!(" · here, {n} down"),
                    _ => String::new(),
                };
                let item = Item {
                    title: name.clone(),
                    detail: format!(
                        "{}{state}",
                        text::counted(context.sources.len(), "source", "sources")
                    ),
                    ..Item::default()
                };
                (item, Action::Context(name.clone()))
            })
            .collect();
        Dialog::new("Contexts", "enter switches · esc closes", rows)
    }
}
