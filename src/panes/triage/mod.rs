//! Triage, the home pane: what is in trouble, worst first, why, since when, and what changed just
//! before; below it the selected model's facts and timeline.

mod detail;
mod view;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Ask, Cx, Pane, Place, Prompt, PromptKind, Thing, Want, move_in, runs_behind};
use crate::domain::fleet::triage::{self, TriageKey, TriageRow};
use crate::domain::fleet::view::{DeploymentView, ModelView};
use crate::domain::query::Focus;
use crate::domain::text::Clean;
use crate::intent::command::Command;
use crate::intent::filter::{Filter, Searchable};
use crate::ui::hits::{Hits, Target};
use crate::ui::look::Look;
use crate::ui::table::TableState;

/// The pane's state: the rows as judged, and the cursor.
#[derive(Debug, Default)]
pub struct Triage {
    rows: Vec<TriageRow>,
    hidden: usize,
    table: TableState,
    filter: Filter,
    /// Whether a row was chosen by hand. Until then the cursor stays on the worst row.
    chosen: bool,
    seen: Option<u64>,
}

impl Triage {
    /// The pane before its first frame.
    pub fn new() -> Self {
        Self::default()
    }

    fn reindex(&mut self, cx: &Cx<'_>) {
        let selected = self
            .current()
            .filter(|_| self.chosen)
            .map(|r| r.key.clone());
        let mut rows = triage::rows(cx.fleet, cx.now.wall);
        let all = rows.len();
        rows.retain(|row| self.filter.keeps(&Searched { row, cx }));
        self.hidden = all - rows.len();
        self.rows = rows;
        match selected {
            Some(key) => self
                .table
                .reselect(self.rows.len(), |i| self.rows[i].key == key),
            None => self.table.home(self.rows.len()),
        }
    }

    fn current(&self) -> Option<&TriageRow> {
        self.rows.get(self.table.selected_in(self.rows.len())?)
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

    fn refresh(&mut self, cx: &Cx<'_>) {
        if self.seen != Some(cx.fleet.revision()) {
            self.reindex(cx);
            self.seen = Some(cx.fleet.revision());
        }
    }

    fn update(&mut self, command: Command, cx: &Cx<'_>) -> Option<Vec<Ask>> {
        if move_in(&mut self.table, command, self.rows.len()) {
            self.chosen = command != Command::First;
            return Some(Vec::new());
        }
        match command {
            Command::Open => {
                self.chosen = true;
                let row = self.current()?;
                Some(match &row.key {
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
            Command::Filter => Some(vec![Ask::Prompt(Prompt {
                kind: PromptKind::Filter,
                label: "filter",
                initial: self.filter.text().to_owned(),
                hint: "words, !word, owner:risk, level:crit",
            })]),
            Command::Back if !self.filter.is_empty() => {
                self.filter = Filter::default();
                self.reindex(cx);
                Some(Vec::new())
            }
            _ => None,
        }
    }

    fn disabled(&self, command: Command, _cx: &Cx<'_>) -> Option<Clean> {
        let why = match command {
            Command::Open | Command::Menu | Command::CopyRow if self.current().is_none() => {
                "nothing is in trouble"
            }
            Command::Sort => "triage is always worst first",
            _ => return None,
        };
        Some(Clean::name(why))
    }

    fn click(&mut self, target: Target, cx: &Cx<'_>) -> Vec<Ask> {
        if let Target::Row(index) = target {
            if self.table.selected_in(self.rows.len()) == Some(index) {
                return self.update(Command::Open, cx).unwrap_or_default();
            }
            self.table.select(index, self.rows.len());
            self.chosen = true;
        }
        Vec::new()
    }

    fn scroll(&mut self, rows: i16, _cx: &Cx<'_>) {
        self.table.scroll(isize::from(rows), self.rows.len());
        self.chosen = true;
    }

    fn set_page(&mut self, rows: u16) {
        self.table.set_page(rows, self.rows.len());
    }

    fn prompt(
        &mut self,
        _kind: PromptKind,
        text: &str,
        _entered: bool,
        cx: &Cx<'_>,
    ) -> Result<Vec<Ask>, String> {
        self.filter = Filter::parse(text)?;
        self.reindex(cx);
        Ok(Vec::new())
    }

    fn select(&mut self, thing: &Thing, _cx: &Cx<'_>) {
        let wanted = match thing {
            Thing::Model(key) => TriageKey::Model(key.clone()),
            Thing::Deployment(key) => TriageKey::Deployment(key.clone()),
            Thing::Source(id) => TriageKey::Source(id.clone()),
            _ => return,
        };
        if let Some(index) = self.rows.iter().position(|r| r.key == wanted) {
            self.table.select(index, self.rows.len());
            self.chosen = true;
        }
    }

    fn selected(&self, _cx: &Cx<'_>) -> Option<Thing> {
        Some(match &self.current()?.key {
            TriageKey::Model(key) => Thing::Model(key.clone()),
            TriageKey::Deployment(key) => Thing::Deployment(key.clone()),
            TriageKey::Source(id) => Thing::Source(id.clone()),
        })
    }

    fn focus(&self, _cx: &Cx<'_>) -> Focus {
        let page = self.table.page.max(1);
        let visible = self.rows.iter().skip(self.table.offset).take(page);
        let models = visible.filter_map(|r| match &r.key {
            TriageKey::Model(key) => Some(key.clone()),
            _ => None,
        });
        Focus {
            models: models.collect(),
            ..Focus::default()
        }
    }

    fn wants(&self, cx: &Cx<'_>) -> Vec<Want> {
        let selected = self.current().and_then(|r| model_of(r, cx));
        selected.map(|m| runs_behind(cx, [m])).unwrap_or_default()
    }

    fn hints(&self) -> &'static [Command] {
        &[
            Command::Open,
            Command::History,
            Command::GoEndpoint,
            Command::GoRun,
            Command::Link,
            Command::Filter,
        ]
    }

    fn row_text(&self, cx: &Cx<'_>) -> Option<Clean> {
        let row = self.current()?;
        Some(Clean::text(&view::cells(row, cx).join("  ")))
    }

    fn markdown(&self, cx: &Cx<'_>) -> (Vec<String>, Vec<Vec<String>>) {
        let titles = view::TITLES.iter().map(|t| (*t).to_owned()).collect();
        (
            titles,
            self.rows
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
