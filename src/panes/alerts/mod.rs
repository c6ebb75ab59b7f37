//! Alerts: every one that fires, is pending or is muted, loudest first; from here to the page of one.

mod view;

#[cfg(test)]
mod tests;

use std::cmp::Ordering;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::list::{self, List, Listing};
use super::{Ask, Cx, Pane, Place, Thing};
use crate::domain::alert::Alert;
use crate::domain::key::{Key, ModelKey};
use crate::domain::query::Focus;
use crate::domain::text::Clean;
use crate::domain::time::Millis;
use crate::intent::command::Command;
use crate::intent::filter::Searchable;
use crate::ui::hits::Hits;
use crate::ui::look::Look;

/// What the rows are sorted by, in the order of the columns.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum By {
    /// How loud: firing, pending, silenced, inhibited, and each the worst first.
    #[default]
    State,
    Name,
    Model,
    Since,
    Group,
}

impl By {
    const ALL: [Self; 5] = [
        Self::State,
        Self::Name,
        Self::Model,
        Self::Since,
        Self::Group,
    ];

    /// The title of its column.
    fn title(self) -> &'static str {
        match self {
            Self::State => "STATE",
            Self::Name => "ALERT",
            Self::Model => "MODEL",
            Self::Since => "SINCE",
            Self::Group => "GROUP",
        }
    }

    /// Compares two alerts; the newest comes first by time, and what a column does not say comes last.
    fn compare(self, a: &Alert, b: &Alert) -> Ordering {
        let said = |text: &Clean| (text.is_empty(), text.clone());
        match self {
            Self::State => (a.state, b.level).cmp(&(b.state, a.level)),
            Self::Name => a.name.cmp(&b.name),
            Self::Model => said(&model_name(a)).cmp(&said(&model_name(b))),
            Self::Since => b.since.cmp(&a.since),
            Self::Group => said(&a.group).cmp(&said(&b.group)),
        }
    }
}

/// The pane's state: the alerts as sorted, and the cursor.
#[derive(Debug, Default)]
pub struct Alerts {
    list: List<Alert>,
    by: By,
    /// Whether the order is turned round.
    turned: bool,
}

impl Alerts {
    /// The pane before its first frame.
    pub fn new() -> Self {
        Self::default()
    }

    /// The alert under the cursor.
    pub fn current(&self) -> Option<&Alert> {
        self.list.current()
    }

    fn sort_by(&mut self, by: By, cx: &Cx<'_>) {
        self.turned = self.by == by && !self.turned;
        self.by = by;
        self.reindex(cx);
    }
}

/// The name of the model that an alert's labels name; empty for none.
fn model_name(alert: &Alert) -> Clean {
    let name = alert.model.as_ref().map(Key::clean);
    name.unwrap_or_default()
}

/// The model that an alert is of, if a registry holds it.
fn model_of(alert: &Alert, cx: &Cx<'_>) -> Option<ModelKey> {
    let name = alert.model.as_ref()?;
    let mut models = cx.fleet.models();
    models.find(|m| m.key.name == *name).map(|m| m.key.clone())
}

/// An alert as the filter sees it.
struct Searched<'a>(&'a Alert);

impl Searchable for Searched<'_> {
    fn any_text(&self, each: &mut dyn FnMut(&str) -> bool) -> bool {
        let alert = self.0;
        each(alert.name.as_str())
            || each(alert.state.word())
            || each(model_name(alert).as_str())
            || each(alert.summary.as_str())
            || each(alert.severity.as_str())
            || alert.labels.iter().any(|(_, value)| each(value.as_str()))
    }

    fn text_of(&self, column: &str) -> Option<String> {
        let alert = self.0;
        Some(match column {
            "state" => alert.state.word().to_owned(),
            "alert" | "name" => alert.name.to_string(),
            "model" => model_name(alert).to_string(),
            "severity" => alert.severity.to_string(),
            "level" => alert.level.word().to_owned(),
            "group" => alert.group.to_string(),
            "source" => alert.key.source.clean().to_string(),
            "by" => alert.silences.first()?.author.to_string(),
            label => {
                let mut labels = alert.labels.iter();
                labels.find(|(name, _)| *name == label)?.1.to_string()
            }
        })
    }

    fn number_of(&self, column: &str) -> Option<f64> {
        (column == "value").then_some(self.0.value)?
    }
}

impl Pane for Alerts {
    fn place(&self) -> Place {
        Place::Alerts
    }

    fn title(&self, _cx: &Cx<'_>) -> Clean {
        Clean::name("Alerts")
    }

    fn list(&mut self) -> Option<&mut dyn Listing> {
        Some(&mut self.list)
    }

    fn reindex(&mut self, cx: &Cx<'_>) {
        let told = cx.fleet.joined_alerts().into_iter();
        let mut rows: Vec<Alert> = told.map(|held| held.fact).collect();
        let all = rows.len();
        rows.retain(|alert| self.list.filter.keeps(&Searched(alert)));
        let by = self.by;
        rows.sort_by(|a, b| {
            let order = by.compare(a, b);
            let order = if self.turned { order.reverse() } else { order };
            // Within a group the loudest comes first, and of equal ones the newest.
            order
                .then_with(|| By::State.compare(a, b))
                .then_with(|| By::Since.compare(a, b))
                .then_with(|| a.key.cmp(&b.key))
        });
        self.list.set(rows, all, |a, b| a.key == b.key);
        if !self.list.chosen {
            self.list.table.home(self.list.rows.len());
        }
    }

    fn update(&mut self, command: Command, cx: &Cx<'_>) -> Option<Vec<Ask>> {
        match command {
            Command::Open => {
                self.list.chosen = true;
                let key = self.list.current()?.key.clone();
                Some(vec![Ask::Open(Place::Alert(key))])
            }
            Command::Sort => {
                let at = By::ALL.iter().position(|by| *by == self.by).unwrap_or(0);
                self.sort_by(By::ALL[(at + 1) % By::ALL.len()], cx);
                Some(Vec::new())
            }
            _ => {
                let hint = "words, !word, state:firing, model:churn, severity:page";
                list::command(self, command, hint, cx)
            }
        }
    }

    fn disabled(&self, command: Command, _cx: &Cx<'_>) -> Option<Clean> {
        let none = self.list.current().is_none();
        let why = match command {
            Command::Open | Command::Menu | Command::CopyRow if none => "no alert is known",
            _ => return None,
        };
        Some(Clean::name(why))
    }

    fn click_column(&mut self, index: usize, cx: &Cx<'_>) -> Vec<Ask> {
        if let Some(by) = view::by_column(index) {
            self.sort_by(by, cx);
        }
        Vec::new()
    }

    fn select(&mut self, thing: &Thing, _cx: &Cx<'_>) {
        match thing {
            Thing::Alert(key) => self.list.select(|alert| alert.key == *key),
            Thing::Model(model) => {
                let is = |alert: &Alert| alert.model.as_ref() == Some(&model.name);
                self.list.select(is);
            }
            _ => {}
        }
    }

    fn selected(&self, _cx: &Cx<'_>) -> Option<Thing> {
        let alert = self.list.current()?;
        Some(Thing::Alert(alert.key.clone()))
    }

    fn moment(&self, _cx: &Cx<'_>) -> Option<Millis> {
        Some(self.list.current()?.since)
    }

    fn focus(&self, cx: &Cx<'_>) -> Focus {
        let shown = self.list.visible().iter();
        Focus {
            models: shown.filter_map(|alert| model_of(alert, cx)).collect(),
            ..Focus::default()
        }
    }

    fn hints(&self) -> &'static [Command] {
        &[
            Command::Open,
            Command::Silence,
            Command::WhatChanged,
            Command::GoModel,
            Command::Filter,
            Command::Link,
        ]
    }

    fn row_text(&self, cx: &Cx<'_>) -> Option<Clean> {
        let alert = self.list.current()?;
        Some(Clean::text(&view::cells(alert, cx).join("  ")))
    }

    fn markdown(&self, cx: &Cx<'_>) -> (Vec<String>, Vec<Vec<String>>) {
        let titles = view::TITLES.iter().map(|t| (*t).to_owned()).collect();
        let rows = self.list.rows.iter();
        (titles, rows.map(|a| view::cells(a, cx).to_vec()).collect())
    }

    fn view(&self, cx: &Cx<'_>, look: &Look, area: Rect, buf: &mut Buffer) -> Hits {
        view::draw(self, cx, look, area, buf)
    }
}
