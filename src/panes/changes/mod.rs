//! What changed: everything known around the onset of a model's trouble, or around the chart's cursor,
//! most suspicious first; the return key goes to the thing itself.

mod view;

#[cfg(test)]
mod tests;

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::list::{self, List, Listing};
use super::{Ask, Cx, Pane, Place, Thing};
use crate::domain::change::{Change, ChangeKind, Subject};
use crate::domain::fleet::suspects::{Suspect, What};
use crate::domain::key::{Key, ModelKey, VersionKey};
use crate::domain::text::Clean;
use crate::domain::time::{Millis, Window};
use crate::intent::command::Command;
use crate::intent::filter::Searchable;
use crate::ui::hits::Hits;
use crate::ui::look::Look;

/// The least time after the onset that is looked at: effects name their causes.
const AFTER: Duration = Duration::from_secs(1_800);

/// Which moment changes are looked for around.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Around {
    /// The chart's cursor.
    Cursor,
    /// The first look at trouble that is older.
    FirstLook,
    /// The last word of a job that fell silent.
    LastWord,
    /// When trouble began.
    Onset,
    /// The present: there is no trouble.
    Now,
}

impl Around {
    /// The moment in a word.
    fn word(self) -> &'static str {
        match self {
            Self::Cursor => "cursor",
            Self::FirstLook => "first look",
            Self::LastWord => "last report",
            Self::Onset => "onset",
            Self::Now => "now",
        }
    }
}

/// The pane's state: around which moment, what was found, and the cursor.
#[derive(Debug)]
pub struct Changes {
    model: ModelKey,
    /// The moment asked about; `None` for the onset of the model's trouble.
    at: Option<Millis>,
    list: List<Suspect>,
    looked: Option<(Window, Option<Millis>)>,
}

impl Changes {
    /// The changes around a moment of a model before their first frame.
    pub fn new(model: ModelKey, at: Option<Millis>) -> Self {
        Self {
            model,
            at,
            list: List::default(),
            looked: None,
        }
    }

    /// What is known of the onset of the model's trouble.
    fn known(&self, cx: &Cx<'_>) -> Option<(Millis, Around)> {
        let model = cx.fleet.model(&self.model)?;
        let (at, _) = cx.fleet.onset(model)?;
        let around = if cx.fleet.onset_is_bound(model) {
            Around::FirstLook
        } else if cx.fleet.onset_is_last_word(model) {
            Around::LastWord
        } else {
            Around::Onset
        };
        Some((at, around))
    }

    /// The moment in question: the one asked about, else when the model's trouble began, else now.
    fn moment(&self, cx: &Cx<'_>) -> Millis {
        let known = || Some(self.known(cx)?.0);
        self.at.or_else(known).unwrap_or(cx.now.wall)
    }

    /// Which moment is in question.
    fn around(&self, cx: &Cx<'_>) -> Around {
        match self.at {
            Some(_) => Around::Cursor,
            None => self.known(cx).map_or(Around::Now, |(_, around)| around),
        }
    }

    /// How far before and after the moment is looked: the time range, and a sixth of it.
    fn reach(cx: &Cx<'_>) -> (Duration, Duration) {
        (cx.window.0, (cx.window.0 / 6).max(AFTER))
    }

    fn open(suspect: &Suspect, cx: &Cx<'_>) -> Option<Ask> {
        match &suspect.what {
            What::Run(key, _) => Some(Ask::Open(Place::Run(key.clone()))),
            What::Alert(key) => Some(Ask::Open(Place::Alert(key.clone()))),
            What::Annotation(_) => None,
            What::Change(change) => target(change, cx),
        }
    }
}

/// Where a change is seen for itself.
fn target(change: &Change, cx: &Cx<'_>) -> Option<Ask> {
    match (&change.subject, &change.kind) {
        (Subject::Deployment(key), _) => Some(Ask::Show(
            Place::Deployments,
            Thing::Deployment(key.clone()),
        )),
        (Subject::Model(model), ChangeKind::Alert(name)) => {
            let mut all = cx.fleet.alerts();
            let is = |h: &&crate::domain::last_known::Held<crate::domain::alert::Alert>| {
                h.fact.name == *name && h.fact.model.as_ref() == Some(&model.name)
            };
            let alert = all.find(is).map(|h| Place::Alert(h.fact.key.clone()));
            let past = Place::History(change.subject.clone());
            Some(Ask::Open(alert.unwrap_or(past)))
        }
        (Subject::Model(model), _) => {
            let version = [&change.to, &Clean::name(change.kind.thing())]
                .into_iter()
                .find_map(|text| version_of(model, text.as_str(), cx));
            Some(match version {
                Some(version) => Ask::Show(Place::Model(model.clone()), Thing::Version(version)),
                None => Ask::Open(Place::Model(model.clone())),
            })
        }
        (Subject::Source(_), _) => None,
    }
}

/// The version that a text such as `v14` names.
fn version_of(model: &ModelKey, text: &str, cx: &Cx<'_>) -> Option<VersionKey> {
    let number = text.strip_prefix('v').unwrap_or(text);
    let key = VersionKey {
        model: model.clone(),
        version: Key::new(number),
    };
    cx.fleet.version(&key).map(|v| v.key.clone())
}

/// A suspect as the filter sees it.
struct Searched<'a>(&'a Suspect);

impl Searchable for Searched<'_> {
    fn any_text(&self, each: &mut dyn FnMut(&str) -> bool) -> bool {
        let s = self.0;
        each(s.text.as_str())
            || each(s.subject.as_str())
            || each(s.kind())
            || each(s.touch.word())
            || each(s.role())
            || s.note.as_ref().is_some_and(|note| each(note.as_str()))
            || s.actor.as_ref().is_some_and(|a| each(a.as_str()))
    }

    fn text_of(&self, column: &str) -> Option<String> {
        let s = self.0;
        Some(match column {
            "what" => s.text.to_string(),
            "where" | "model" => s.subject.to_string(),
            "kind" => s.kind().to_owned(),
            "who" => s.actor.as_ref()?.to_string(),
            "touches" => s.touch.word().to_owned(),
            "role" => s.role().to_owned(),
            _ => return None,
        })
    }

    fn number_of(&self, column: &str) -> Option<f64> {
        (column == "lead").then_some(self.0.lead_ms as f64 / 60_000.0)
    }
}

impl Pane for Changes {
    fn place(&self) -> Place {
        Place::Changes(self.model.clone(), self.at)
    }

    fn title(&self, cx: &Cx<'_>) -> Clean {
        let name = cx
            .fleet
            .model(&self.model)
            .map_or_else(|| self.model.name.clean(), |m| m.name.clone());
        Clean::name(&format!("What changed around {name}"))
    }

    fn list(&mut self) -> Option<&mut dyn Listing> {
        Some(&mut self.list)
    }

    fn reindex(&mut self, cx: &Cx<'_>) {
        let (before, after) = Self::reach(cx);
        let mut rows = cx
            .fleet
            .suspects(Some(&self.model), self.moment(cx), before, after);
        let all = rows.len();
        rows.retain(|s| self.list.filter.keeps(&Searched(s)));
        self.list
            .set(rows, all, |a, b| a.what == b.what && a.at == b.at);
        if !self.list.chosen {
            self.list.table.home(self.list.rows.len());
        }
    }

    fn refresh(&mut self, cx: &Cx<'_>) {
        let looked = Some((
            cx.window,
            cx.fleet
                .model(&self.model)
                .and_then(|m| Some(cx.fleet.onset(m)?.0)),
        ));
        let moved = self.looked != looked;
        if self.list.follows(cx.fleet.revision()) || moved {
            self.looked = looked;
            self.reindex(cx);
        }
    }

    fn update(&mut self, command: Command, cx: &Cx<'_>) -> Option<Vec<Ask>> {
        if command != Command::Open {
            let hint = "words, !word, kind:alias, who:ana, role:cause, lead>0";
            return list::command(self, command, hint, cx);
        }
        self.list.chosen = true;
        Some(Self::open(self.list.current()?, cx).into_iter().collect())
    }

    fn disabled(&self, command: Command, cx: &Cx<'_>) -> Option<Clean> {
        let why = match (command, self.list.current()) {
            (Command::Open | Command::Menu | Command::CopyRow, None) => "no change is selected",
            (Command::Open, Some(suspect)) if Self::open(suspect, cx).is_none() => {
                "it has no page of its own here"
            }
            (Command::Sort, _) => "the most suspicious comes first",
            (Command::WhatChanged, _) => "this is what changed",
            _ => return None,
        };
        Some(Clean::name(why))
    }

    fn selected(&self, _cx: &Cx<'_>) -> Option<Thing> {
        let model = || Thing::Model(self.model.clone());
        let Some(suspect) = self.list.current() else {
            return Some(model());
        };
        Some(match &suspect.what {
            What::Run(key, _) => Thing::Run(key.clone()),
            What::Alert(_) | What::Annotation(_) => model(),
            What::Change(change) => match &change.subject {
                Subject::Model(key) => Thing::Model(key.clone()),
                Subject::Deployment(key) => Thing::Deployment(key.clone()),
                Subject::Source(id) => Thing::Source(id.clone()),
            },
        })
    }

    fn hints(&self) -> &'static [Command] {
        &[
            Command::Open,
            Command::Wider,
            Command::Narrower,
            Command::Filter,
            Command::History,
            Command::CopyPane,
        ]
    }

    fn row_text(&self, cx: &Cx<'_>) -> Option<Clean> {
        let suspect = self.list.current()?;
        Some(Clean::text(&view::cells(self, suspect, cx).join("  ")))
    }

    fn markdown(&self, cx: &Cx<'_>) -> (Vec<String>, Vec<Vec<String>>) {
        let titles = view::titles(self, cx).map(str::to_owned).to_vec();
        let rows = self.list.rows.iter();
        (
            titles,
            rows.map(|s| view::cells(self, s, cx).to_vec()).collect(),
        )
    }

    fn view(&self, cx: &Cx<'_>, look: &Look, area: Rect, buf: &mut Buffer) -> Hits {
        view::draw(self, cx, look, area, buf)
    }
}
