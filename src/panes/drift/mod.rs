//! Drift: every model whose inputs, predictions or labels are watched, worst first; from here to the
//! features of one.

pub mod features;
mod view;

#[cfg(test)]
mod tests;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::list::{self, List, Listing};
use super::{Ask, Cx, Pane, Place, Thing};
use crate::domain::fleet::features as features_rule;
use crate::domain::fleet::view::ModelView;
use crate::domain::key::ModelKey;
use crate::domain::level::Level;
use crate::domain::query::Focus;
use crate::domain::text::Clean;
use crate::intent::command::Command;
use crate::intent::filter::Searchable;
use crate::ui::hits::Hits;
use crate::ui::look::Look;

/// The pane's state: which models, and the cursor.
#[derive(Debug, Default)]
pub struct Drift {
    list: List<ModelKey>,
    widths: Widths,
}

/// The widest name of a model and of its worst feature, in columns.
#[derive(Clone, Copy, Debug, Default)]
struct Widths {
    name: usize,
    worst: usize,
}

impl Drift {
    /// The pane before its first frame.
    pub fn new() -> Self {
        Self::default()
    }

    fn current<'a>(&self, cx: &Cx<'a>) -> Option<&'a ModelView> {
        cx.fleet.model(self.list.current()?)
    }
}

/// How bad a model's drift is, and how far the worst is over its line.
fn badness(model: &ModelView) -> (Level, f64) {
    let worst = model.signals.worst_drift();
    let share = worst
        .and_then(|g| features_rule::share(g.value?, g))
        .unwrap_or(-1.0);
    (model.signals.drift_level.unwrap_or_default(), share)
}

/// Whether anything watches a model's drift.
fn is_watched(model: &ModelView) -> bool {
    model.signals.drift.is_some() || model.signals.worst_drift().is_some()
}

/// A model as the filter sees it.
struct Searched<'a>(&'a ModelView);

impl Searchable for Searched<'_> {
    fn any_text(&self, each: &mut dyn FnMut(&str) -> bool) -> bool {
        let worst = self.0.signals.worst_drift().map(|g| g.key.part.clean());
        each(self.0.name.as_str())
            || each(badness(self.0).0.word())
            || worst.is_some_and(|w| each(w.as_str()))
            || self.0.owner.as_ref().is_some_and(|o| each(o.as_str()))
    }

    fn text_of(&self, column: &str) -> Option<String> {
        Some(match column {
            "model" | "name" => self.0.name.to_string(),
            "level" => badness(self.0).0.word().to_owned(),
            "worst" | "feature" => self.0.signals.worst_drift()?.key.part.clean().to_string(),
            "owner" => self.0.owner.as_ref()?.to_string(),
            _ => return None,
        })
    }

    fn number_of(&self, column: &str) -> Option<f64> {
        match column {
            "score" => self.0.signals.worst_drift()?.value,
            "drifted" => self.0.signals.drift.as_ref().map(|d| d.drifted as f64),
            _ => None,
        }
    }
}

impl Pane for Drift {
    fn place(&self) -> Place {
        Place::Drift
    }

    fn title(&self, _cx: &Cx<'_>) -> Clean {
        Clean::name("Drift")
    }

    fn list(&mut self) -> Option<&mut dyn Listing> {
        Some(&mut self.list)
    }

    fn reindex(&mut self, cx: &Cx<'_>) {
        let mut rows: Vec<&ModelView> = cx.fleet.models().filter(|m| is_watched(m)).collect();
        let all = rows.len();
        rows.retain(|m| self.list.filter.keeps(&Searched(m)));
        // Measured once for each change, not for each frame.
        let name = rows.iter().map(|m| m.name.width()).max();
        let worst = rows
            .iter()
            .map(|m| view::worst_width(m.signals.worst_drift()));
        self.widths = Widths {
            name: name.unwrap_or(0),
            worst: worst.max().unwrap_or(0),
        };
        let mut keyed: Vec<_> = rows.into_iter().map(|m| (badness(m), m)).collect();
        keyed.sort_by(|((a, x), m), ((b, y), n)| {
            b.cmp(a)
                .then_with(|| y.total_cmp(x))
                .then_with(|| m.name.cmp(&n.name))
        });
        let rows = keyed.into_iter().map(|(_, m)| m.key.clone()).collect();
        self.list.set(rows, all, ModelKey::eq);
        if !self.list.chosen {
            self.list.table.home(self.list.rows.len());
        }
    }

    fn update(&mut self, command: Command, cx: &Cx<'_>) -> Option<Vec<Ask>> {
        if command != Command::Open {
            let hint = "words, !word, level:warn, feature:amount, score>0.2";
            return list::command(self, command, hint, cx);
        }
        self.list.chosen = true;
        let key = self.list.current()?.clone();
        Some(vec![Ask::Open(Place::Features(key))])
    }

    fn disabled(&self, command: Command, _cx: &Cx<'_>) -> Option<Clean> {
        let why = match command {
            Command::Open | Command::Menu | Command::CopyRow if self.list.current().is_none() => {
                "no model's drift is watched"
            }
            Command::Columns => list::COLUMNS,
            Command::Sort => "drift is always worst first",
            _ => return None,
        };
        Some(Clean::name(why))
    }

    fn select(&mut self, thing: &Thing, _cx: &Cx<'_>) {
        if let Thing::Model(key) = thing {
            self.list.select(|k| k == key);
        }
    }

    fn selected(&self, _cx: &Cx<'_>) -> Option<Thing> {
        self.list.current().cloned().map(Thing::Model)
    }

    fn focus(&self, _cx: &Cx<'_>) -> Focus {
        Focus {
            models: self.list.visible().iter().cloned().collect(),
            ..Focus::default()
        }
    }

    fn hints(&self) -> &'static [Command] {
        &[
            Command::Open,
            Command::WhatChanged,
            Command::GoModel,
            Command::Filter,
            Command::History,
        ]
    }

    fn row_text(&self, cx: &Cx<'_>) -> Option<Clean> {
        let model = self.current(cx)?;
        Some(Clean::text(&view::cells(model, cx).join("  ")))
    }

    fn markdown(&self, cx: &Cx<'_>) -> (Vec<String>, Vec<Vec<String>>) {
        let titles = view::TITLES.iter().map(|t| (*t).to_owned()).collect();
        let models = self.list.rows.iter().filter_map(|k| cx.fleet.model(k));
        (
            titles,
            models.map(|m| view::cells(m, cx).to_vec()).collect(),
        )
    }

    fn view(&self, cx: &Cx<'_>, look: &Look, area: Rect, buf: &mut Buffer) -> Hits {
        view::draw(self, cx, look, area, buf)
    }
}
