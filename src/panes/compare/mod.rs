//! Marked runs side by side: one metric's lines over each other, and what the runs differ in.

mod state;
#[cfg(test)]
mod tests;
mod view;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

pub use self::state::Compare;
use self::state::{Kind, Part, Value};
use super::lens::Seen;
use super::run::line::SMOOTHING;
use super::{Ask, Cx, Pane, Place, Thing, Want, move_in};
use crate::domain::fault::Fault;
use crate::domain::query::{Detail, Query};
use crate::domain::text::Clean;
use crate::domain::time::Millis;
use crate::intent::command::{Command, Scope};
use crate::ui::hits::{Hits, Target};
use crate::ui::look::Look;

impl Compare {
    /// The samples that the cursor steps along: those of the longest line.
    fn reference(&self) -> Option<&super::run::line::Line> {
        let metric = self.metrics.get(self.chosen)?;
        self.lines_of(&metric.key)
            .into_iter()
            .map(|(_, line)| line)
            .max_by_key(|line| line.len())
    }

    fn chart_command(&mut self, command: Command) -> Option<Vec<Ask>> {
        let full = self.extent();
        let mut lens = self.lens;
        let line = self.reference();
        let points = line.map_or(&[][..], |l| &l.drawn[..]);
        let markers = line.map_or(&[][..], |l| &l.markers[..]);
        let seen = Seen {
            full,
            points,
            markers,
        };
        if lens.command(command, seen) {
            self.lens = lens;
            return Some(Vec::new());
        }
        match command {
            Command::Smooth => {
                self.laid.smoothing = (self.laid.smoothing + 1) % SMOOTHING.len();
                self.lay();
            }
            Command::Axis => {
                self.laid.axis = self.laid.next_axis();
                lens.forget();
                self.lay();
            }
            _ => return None,
        }
        self.lens = lens;
        Some(Vec::new())
    }

    fn choose(&mut self, index: usize) {
        let index = index.min(self.metrics.len().saturating_sub(1));
        if index != self.chosen {
            self.chosen = index;
            self.lens.forget();
        }
    }
}

impl Pane for Compare {
    fn place(&self) -> Place {
        Place::Compare(self.keys.clone())
    }

    fn title(&self, _cx: &Cx<'_>) -> Clean {
        Clean::name(&format!("Compare {} runs", self.runs.len()))
    }

    fn scopes(&self) -> &'static [Scope] {
        &[Scope::Chart, Scope::Runs, Scope::Marks, Scope::List]
    }

    fn refresh(&mut self, cx: &Cx<'_>) {
        self.follow(cx);
    }

    fn update(&mut self, command: Command, cx: &Cx<'_>) -> Option<Vec<Ask>> {
        if let Some(asks) = self.chart_command(command) {
            return Some(asks);
        }
        if move_in(&mut self.table, command, self.rows.len()) {
            return Some(Vec::new());
        }
        match (command, self.part) {
            (Command::NextFocus, Part::Chart) => {
                self.part = Part::Table;
                self.table.column = Some(self.table.column.unwrap_or(0));
            }
            (Command::NextFocus | Command::Back, Part::Table) => {
                self.part = Part::Chart;
                self.table.column = None;
            }
            (Command::Left, Part::Chart) => self.choose(self.chosen.saturating_sub(1)),
            (Command::Right, Part::Chart) => self.choose(self.chosen + 1),
            (Command::Left, Part::Table) => self.table.left(self.runs.len()),
            (Command::Right, Part::Table) => self.table.right(self.runs.len()),
            (Command::Differences, _) => {
                self.only = !self.only;
                self.index(cx.now.wall);
            }
            (Command::Open, Part::Table) => {
                let at = self.table.column?;
                return Some(vec![Ask::Open(Place::Run(self.shown().get(at)?.clone()))]);
            }
            (Command::Open, Part::Chart) => {
                let at = self.table.selected_in(self.rows.len())?;
                let row = &self.rows[at];
                if row.kind == Kind::Metric {
                    let name = row.name.clone();
                    let at = self.metrics.iter().position(|m| m.shown == name)?;
                    self.choose(at);
                }
            }
            _ => return None,
        }
        Some(Vec::new())
    }

    fn disabled(&self, command: Command, _cx: &Cx<'_>) -> Option<Clean> {
        let why = match command {
            Command::Mark | Command::Unmark | Command::Compare | Command::ServerFilter => {
                "works in the list of runs: 3"
            }
            Command::Filter => "= leaves what differs",
            Command::Sort | Command::Columns => "the first marked run is the baseline, at the left",
            Command::ZoomIn | Command::ZoomOut | Command::ZoomReset | Command::Cursor
                if self.reference().is_none() =>
            {
                "the chosen metric has no history yet"
            }
            Command::NextMarker | Command::PrevMarker
                if self.reference().is_none_or(|l| l.markers.is_empty()) =>
            {
                "the chart has no marker"
            }
            Command::Open if self.part == Part::Chart => {
                let at = self.table.selected_in(self.rows.len());
                match at.map(|i| self.rows[i].kind) {
                    Some(Kind::Metric) => return None,
                    _ => "only metrics have a chart; tab and the arrows choose a run to open",
                }
            }
            _ => return None,
        };
        Some(Clean::name(why))
    }

    fn click(&mut self, target: Target, cx: &Cx<'_>) -> Vec<Ask> {
        match target {
            Target::Row(index) => {
                if self.table.selected_in(self.rows.len()) == Some(index)
                    && self.disabled(Command::Open, cx).is_none()
                {
                    return self.update(Command::Open, cx).unwrap_or_default();
                }
                self.table.select(index, self.rows.len());
            }
            Target::Plot(column) => {
                if let Some(full) = self.extent() {
                    let width = cx.screen.0.saturating_sub(8);
                    self.lens.press(column, width, full);
                }
            }
            _ => {}
        }
        Vec::new()
    }

    fn scroll(&mut self, rows: i16, _cx: &Cx<'_>) {
        self.table.scroll(isize::from(rows), self.rows.len());
    }

    fn set_page(&mut self, rows: u16) {
        self.table.set_page(rows, self.rows.len());
    }

    fn selected(&self, _cx: &Cx<'_>) -> Option<Thing> {
        let at = self.table.column.unwrap_or(0);
        self.shown().get(at).cloned().map(Thing::Run)
    }

    fn wants(&self, cx: &Cx<'_>) -> Vec<Want> {
        self.wanted(cx)
    }

    fn fetched(
        &mut self,
        query: &Query,
        result: &Result<Detail, Fault>,
        _asked_at: Millis,
        cx: &Cx<'_>,
    ) -> Vec<Ask> {
        self.answer(query, result, cx.now.wall);
        Vec::new()
    }

    fn hints(&self) -> &'static [Command] {
        match self.part {
            Part::Chart => &[
                Command::Right,
                Command::Differences,
                Command::Cursor,
                Command::Smooth,
                Command::LogScale,
                Command::Axis,
                Command::NextFocus,
            ],
            Part::Table => &[
                Command::Open,
                Command::Right,
                Command::Differences,
                Command::NextFocus,
            ],
        }
    }

    fn row_text(&self, _cx: &Cx<'_>) -> Option<Clean> {
        let row = &self.rows[self.table.selected_in(self.rows.len())?];
        let values: Vec<String> = row.values.iter().map(plain).collect();
        Some(Clean::text(&format!("{}  {}", row.name, values.join("  "))))
    }

    fn markdown(&self, _cx: &Cx<'_>) -> (Vec<String>, Vec<Vec<String>>) {
        let mut titles = vec!["kind".to_owned(), "name".to_owned()];
        titles.extend(
            self.runs
                .iter()
                .zip(self.shown())
                .map(|(run, key)| match run {
                    Some(run) => run.name.to_string(),
                    None => key.id.clean().to_string(),
                }),
        );
        let rows = self.rows.iter().map(|row| {
            [row.kind.word().to_owned(), row.name.to_string()]
                .into_iter()
                .chain(row.values.iter().map(plain))
                .collect()
        });
        (titles, rows.collect())
    }

    fn view(&self, cx: &Cx<'_>, look: &Look, area: Rect, buf: &mut Buffer) -> Hits {
        view::draw(self, cx, look, area, buf)
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Absent => "–".to_owned(),
        Value::Text(text) => text.clone(),
        Value::Number(v) => v.to_string(),
    }
}
