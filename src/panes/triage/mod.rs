//! Triage, the home pane: what is in trouble, worst first, why, since when, and what changed just
//! before; below it the selected model's facts and timeline.

mod detail;
mod view;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::list::{self, List, Listing};
use super::{Ask, Cx, Pane, Place, Thing, Want, runs_behind};
use crate::domain::fleet::triage::{self, TriageKey, TriageRow};
use crate::domain::fleet::view::{DeploymentView, ModelView};
use crate::domain::query::Focus;
use crate::domain::text::Clean;
use crate::intent::command::Command;
use crate::intent::filter::Searchable;
use crate::ui::hits::Hits;
use crate::ui::look::Look;
use crate::ui::text;

/// The pane's state: the rows as judged, and the cursor.
#[derive(Debug, Default)]
pub struct Triage {
    list: List<TriageRow>,
    widths: Widths,
}

/// The widest name and served versions of all rows, in columns.
#[derive(Clone, Copy, Debug, Default)]
struct Widths {
    name: usize,
    served: usize,
}

impl Triage {
    /// The pane before its first frame.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Triage {
    /// The row whose name the filter begins, else the first whose name alone passes it.
    fn named(&self) -> Option<usize> {
        let filter = &self.list.filter;
        if filter.is_empty() {
            return None;
        }
        let typed = filter.text().trim().to_lowercase();
        let begins = |row: &TriageRow| row.name.as_str().to_lowercase().starts_with(&typed);
        let passes = |row: &TriageRow| filter.keeps(&Name(row));
        let mut rows = self.list.rows.iter();
        rows.position(begins)
            .or_else(|| self.list.rows.iter().position(passes))
    }
}

/// The name of a row, as the filter sees it.
struct Name<'a>(&'a TriageRow);

impl Searchable for Name<'_> {
    fn any_text(&self, each: &mut dyn FnMut(&str) -> bool) -> bool {
        each(self.0.name.as_str())
    }

    fn text_of(&self, _column: &str) -> Option<String> {
        None
    }

    fn number_of(&self, _column: &str) -> Option<f64> {
        None
    }
}

/// The model behind a row, if it has one.
fn model_of<'a>(row: &TriageRow, cx: &Cx<'a>) -> Option<&'a ModelView> {
    match &row.key {
        TriageKey::Model(key) => cx.fleet.model(key),
        TriageKey::Deployment(_) | TriageKey::Source(_) => None,
    }
}

fn deployment_of<'a>(row: &TriageRow, cx: &Cx<'a>) -> Option<&'a DeploymentView> {
    match &row.key {
        TriageKey::Deployment(key) => cx.fleet.deployment(key),
        TriageKey::Model(_) | TriageKey::Source(_) => None,
    }
}

/// A row as the filter sees it.
struct Searched<'a> {
    row: &'a TriageRow,
    cx: &'a Cx<'a>,
}

impl Searchable for Searched<'_> {
    fn any_text(&self, each: &mut dyn FnMut(&str) -> bool) -> bool {
        each(self.row.name.as_str())
            || each(self.row.verdict.level.word())
            || self
                .row
                .verdict
                .reasons
                .iter()
                .any(|r| each(r.text.as_str()) || each(r.code.word()))
            || model_of(self.row, self.cx)
                .and_then(|m| m.owner.as_ref())
                .is_some_and(|o| each(o.as_str()))
    }

    fn text_of(&self, column: &str) -> Option<String> {
        let model = model_of(self.row, self.cx);
        Some(match column {
            "model" | "name" => self.row.name.to_string(),
            "level" => self.row.verdict.level.word().to_owned(),
            "why" => {
                let texts: Vec<_> = self
                    .row
                    .verdict
                    .reasons
                    .iter()
                    .map(|r| r.text.as_str())
                    .collect();
                texts.join(" · ")
            }
            "owner" => model?.owner.as_ref()?.to_string(),
            "served" => model?.served.to_string(),
            "champion" => model?.champion.as_ref()?.text.to_string(),
            _ => return None,
        })
    }

    fn number_of(&self, _column: &str) -> Option<f64> {
        None
    }
}

impl Pane for Triage {
    fn place(&self) -> Place {
        Place::Triage
    }

    fn title(&self, _cx: &Cx<'_>) -> Clean {
        Clean::name("Triage")
    }

    fn list(&mut self) -> Option<&mut dyn Listing> {
        Some(&mut self.list)
    }

    fn reindex(&mut self, cx: &Cx<'_>) {
        let mut rows = triage::rows(cx.fleet, cx.now.wall);
        let all = rows.len();
        rows.retain(|row| self.list.filter.keeps(&Searched { row, cx }));
        // Measured once for each change, not for each frame.
        let widest = |width: fn(&TriageRow) -> usize| rows.iter().map(width).max().unwrap_or(0);
        self.widths = Widths {
            name: widest(|row| row.name.width()),
            served: widest(|row| text::width(row.served.as_str())),
        };
        self.list.set(rows, all, |a, b| a.key == b.key);
        // Until a row is chosen by hand the cursor stays on the worst one, or on the one that is filtered by
        // its name.
        if !self.list.chosen {
            let len = self.list.rows.len();
            match self.named() {
                Some(index) => self.list.table.select(index, len),
                None => self.list.table.home(len),
            }
        }
    }

    fn update(&mut self, command: Command, cx: &Cx<'_>) -> Option<Vec<Ask>> {
        if command != Command::Open {
            let hint = "words, !word, owner:risk, level:crit";
            return list::command(self, command, hint, cx);
        }
        self.list.chosen = true;
        Some(match &self.list.current()?.key {
            TriageKey::Model(key) => vec![Ask::Open(Place::Model(key.clone()))],
            TriageKey::Deployment(key) => {
                vec![Ask::Show(
                    Place::Deployments,
                    Thing::Deployment(key.clone()),
                )]
            }
            TriageKey::Source(_) => vec![Ask::Open(Place::Models)],
        })
    }

    fn disabled(&self, command: Command, _cx: &Cx<'_>) -> Option<Clean> {
        let why = match command {
            Command::Open | Command::Menu | Command::CopyRow if self.list.current().is_none() => {
                "nothing is in trouble"
            }
            Command::Sort => "triage is always worst first",
            _ => return None,
        };
        Some(Clean::name(why))
    }

    fn select(&mut self, thing: &Thing, _cx: &Cx<'_>) {
        let wanted = match thing {
            Thing::Model(key) => TriageKey::Model(key.clone()),
            Thing::Deployment(key) => TriageKey::Deployment(key.clone()),
            Thing::Source(id) => TriageKey::Source(id.clone()),
            _ => return,
        };
        self.list.select(|row| row.key == wanted);
    }

    fn selected(&self, _cx: &Cx<'_>) -> Option<Thing> {
        Some(match &self.list.current()?.key {
            TriageKey::Model(key) => Thing::Model(key.clone()),
            TriageKey::Deployment(key) => Thing::Deployment(key.clone()),
            TriageKey::Source(id) => Thing::Source(id.clone()),
        })
    }

    fn focus(&self, _cx: &Cx<'_>) -> Focus {
        let models = self.list.visible().iter().filter_map(|r| match &r.key {
            TriageKey::Model(key) => Some(key.clone()),
            _ => None,
        });
        Focus {
            models: models.collect(),
            ..Focus::default()
        }
    }

    fn wants(&self, cx: &Cx<'_>) -> Vec<Want> {
        let selected = self.list.current().and_then(|r| model_of(r, cx));
        selected.map(|m| runs_behind(cx, [m])).unwrap_or_default()
    }

    fn hints(&self) -> &'static [Command] {
        &[
            Command::Open,
            Command::WhatChanged,
            Command::RollBack,
            Command::Acknowledge,
            Command::Silence,
            Command::GoDrift,
            Command::Link,
        ]
    }

    fn row_text(&self, cx: &Cx<'_>) -> Option<Clean> {
        let row = self.list.current()?;
        Some(Clean::text(&view::cells(row, cx).join("  ")))
    }

    fn markdown(&self, cx: &Cx<'_>) -> (Vec<String>, Vec<Vec<String>>) {
        let titles = view::TITLES.iter().map(|t| (*t).to_owned()).collect();
        (
            titles,
            self.list
                .rows
                .iter()
                .map(|r| view::cells(r, cx).to_vec())
                .collect(),
        )
    }

    fn view(&self, cx: &Cx<'_>, look: &Look, area: Rect, buf: &mut Buffer) -> Hits {
        view::draw(self, cx, look, area, buf)
    }
}

#[cfg(test)]
mod tests;
