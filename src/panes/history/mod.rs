//! History: the known changes of a model with its deployments, or of one deployment, newest first.

pub(super) mod line;
mod view;

#[cfg(test)]
mod tests;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::list::{self, List, Listing};
use super::{Ask, Cx, Pane, Place, Thing};
use crate::domain::change::{Change, Origin, Subject};
use crate::domain::text::Clean;
use crate::domain::time::age;
use crate::domain::watch::{self, Entry};
use crate::intent::command::Command;
use crate::intent::filter::Searchable;
use crate::ui::hits::Hits;
use crate::ui::look::Look;

pub(super) use self::view::TITLES;

/// The pane's state: the changes that pass the filter, and the cursor.
#[derive(Debug)]
pub struct History {
    subject: Subject,
    list: List<Entry<Change>>,
    /// How many changes are known, whatever the filter.
    known: usize,
    /// Whether the evidence is open; `None` leaves it to the room.
    detail: Option<bool>,
}

impl History {
    /// The history of a subject before its first frame.
    pub fn new(subject: Subject) -> Self {
        Self {
            subject,
            list: List::default(),
            known: 0,
            detail: None,
        }
    }

    /// Whether the evidence of the selected change is shown.
    fn detailed(&self, screen: (u16, u16)) -> bool {
        self.detail.unwrap_or(screen.0 >= 120 && screen.1 >= 30)
    }

    /// Whether a change lies in the time range.
    fn inside(change: &Change, cx: &Cx<'_>) -> bool {
        change.not_after >= cx.now.wall.minus(cx.window.0)
    }
}

/// The name of what a change happened to.
fn name_of(subject: &Subject, cx: &Cx<'_>) -> Clean {
    match subject {
        Subject::Model(key) => cx
            .fleet
            .model(key)
            .map_or_else(|| key.name.clean(), |m| m.name.clone()),
        Subject::Deployment(key) => cx
            .fleet
            .deployment(key)
            .map_or_else(|| key.name.clean(), |d| d.name.clone()),
        Subject::Source(id) => id.clean().clone(),
    }
}

/// Whether two rows are one: a gap that goes on is the same.
fn same_row(a: &Entry<Change>, b: &Entry<Change>) -> bool {
    match (a, b) {
        (Entry::Change(a), Entry::Change(b)) => a.same_event(b),
        (Entry::Unwatched(a), Entry::Unwatched(b)) => a.from == b.from,
        _ => false,
    }
}

/// Every cell of a row as text, in the order of [`TITLES`].
fn row_cells(row: &Entry<Change>, cx: &Cx<'_>) -> [String; 8] {
    let gap = match row {
        Entry::Change(change) => return cells(change, cx),
        Entry::Unwatched(gap) => gap,
    };
    let none = || "–".to_owned();
    [
        gap.to.rfc3339(),
        age(cx.now.wall.since(gap.to)),
        line::unwatched(gap),
        none(),
        none(),
        none(),
        age(gap.to.since(gap.from)),
        format!("no source was heard since {}", gap.from.rfc3339()),
    ]
}

/// Every cell of a change as text, in the order of [`TITLES`].
pub(super) fn cells(change: &Change, cx: &Cx<'_>) -> [String; 8] {
    [
        change.not_after.rfc3339(),
        age(cx.now.wall.since(change.not_after)),
        change.phrase().to_string(),
        name_of(&change.subject, cx).to_string(),
        change
            .actor
            .as_ref()
            .map_or_else(|| "–".to_owned(), ToString::to_string),
        change.origin.word().to_owned(),
        line::within(change),
        change.evidence.to_string(),
    ]
}

/// How a change came to be known, in a sentence.
fn origin_words(origin: Origin) -> &'static str {
    match origin {
        Origin::Own => "this console did it",
        Origin::Observed => "seen between two looks",
        Origin::Imported => "rebuilt from another system's records",
    }
}

/// A change as the filter sees it.
struct Searched<'a> {
    change: &'a Change,
    cx: &'a Cx<'a>,
}

impl Searchable for Searched<'_> {
    fn any_text(&self, each: &mut dyn FnMut(&str) -> bool) -> bool {
        let c = self.change;
        each(c.phrase().as_str())
            || each(c.kind.word())
            || each(c.origin.word())
            || each(c.evidence.as_str())
            || c.actor.as_ref().is_some_and(|a| each(a.as_str()))
            || each(name_of(&c.subject, self.cx).as_str())
    }

    fn text_of(&self, column: &str) -> Option<String> {
        let c = self.change;
        Some(match column {
            "what" => c.phrase().to_string(),
            "kind" => c.kind.word().to_owned(),
            "where" => name_of(&c.subject, self.cx).to_string(),
            "who" => c.actor.as_ref()?.to_string(),
            "origin" => c.origin.word().to_owned(),
            "evidence" => c.evidence.to_string(),
            "time" => c.not_after.rfc3339(),
            _ => return None,
        })
    }

    fn number_of(&self, column: &str) -> Option<f64> {
        let c = self.change;
        let days = |d: std::time::Duration| d.as_secs_f64() / 86_400.0;
        match column {
            "age" => Some(days(self.cx.now.wall.since(c.not_after))),
            "within" => Some(days(c.not_after.since(c.not_before))),
            _ => None,
        }
    }
}

impl Pane for History {
    fn place(&self) -> Place {
        Place::History(self.subject.clone())
    }

    fn title(&self, cx: &Cx<'_>) -> Clean {
        Clean::name(&format!("History of {}", name_of(&self.subject, cx)))
    }

    fn list(&mut self) -> Option<&mut dyn Listing> {
        Some(&mut self.list)
    }

    fn reindex(&mut self, cx: &Cx<'_>) {
        let known: Vec<&Change> = match &self.subject {
            Subject::Model(key) => cx.fleet.model_timeline(key),
            subject => cx.fleet.timeline(subject).iter().collect(),
        };
        self.known = known.len();
        let keeps = |c: &&Change| self.list.filter.keeps(&Searched { change: c, cx });
        let changes = known.into_iter().rev().filter(keeps).cloned();
        // Who asks for certain changes does not ask for what lies between them; and a thing without a
        // history has none to be interrupted.
        let gaps = if self.list.filter.is_empty() && self.known > 0 {
            cx.fleet.gaps()
        } else {
            &[]
        };
        let rows = watch::between(changes, gaps);
        let all = if self.list.filter.is_empty() {
            rows.len()
        } else {
            self.known
        };
        self.list.set(rows, all, same_row);
    }

    fn update(&mut self, command: Command, cx: &Cx<'_>) -> Option<Vec<Ask>> {
        let hint = "words, !word, kind:alias, who:ana, origin:observed, age<7";
        if let Some(asks) = list::command(self, command, hint, cx) {
            return Some(asks);
        }
        match command {
            Command::Open => {
                self.list.current()?;
                self.detail = Some(!self.detailed(cx.screen));
            }
            Command::Back if self.detail == Some(true) => self.detail = None,
            _ => return None,
        }
        Some(Vec::new())
    }

    fn disabled(&self, command: Command, _cx: &Cx<'_>) -> Option<Clean> {
        let why = match command {
            Command::Open | Command::CopyRow if self.list.current().is_none() => {
                "no change is selected"
            }
            Command::Sort => "history is newest first",
            Command::History => "this is the history",
            _ => return None,
        };
        Some(Clean::name(why))
    }

    fn selected(&self, _cx: &Cx<'_>) -> Option<Thing> {
        let change = self.list.current().and_then(Entry::change);
        let subject = change.map_or(&self.subject, |c| &c.subject);
        Some(match subject {
            Subject::Model(key) => Thing::Model(key.clone()),
            Subject::Deployment(key) => Thing::Deployment(key.clone()),
            Subject::Source(id) => Thing::Source(id.clone()),
        })
    }

    fn hints(&self) -> &'static [Command] {
        &[
            Command::Open,
            Command::Filter,
            Command::Narrower,
            Command::Wider,
            Command::GoModel,
            Command::CopyPane,
        ]
    }

    fn row_text(&self, cx: &Cx<'_>) -> Option<Clean> {
        Some(Clean::text(&row_cells(self.list.current()?, cx).join("  ")))
    }

    fn markdown(&self, cx: &Cx<'_>) -> (Vec<String>, Vec<Vec<String>>) {
        (
            TITLES.iter().map(|t| (*t).to_owned()).collect(),
            self.list
                .rows
                .iter()
                .map(|row| row_cells(row, cx).to_vec())
                .collect(),
        )
    }

    fn view(&self, cx: &Cx<'_>, look: &Look, area: Rect, buf: &mut Buffer) -> Hits {
        view::draw(self, cx, look, area, buf)
    }
}
