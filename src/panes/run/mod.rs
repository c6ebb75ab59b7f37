//! A run's page: its facts, charts of its metrics, its parameters, tags, datasets and artifacts.

pub(in crate::panes) mod details;
mod layout;
pub(in crate::panes) mod line;
pub(in crate::panes) mod state;
#[cfg(test)]
mod tests;
mod view;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use self::layout::Layout;
use self::line::SMOOTHING;
use self::state::Part;
pub use self::state::RunPage;
use super::lens::Seen;
use super::{Ask, Cx, Pane, Place, Prompt, PromptKind, Thing, Want, move_in};
use crate::domain::fault::Fault;
use crate::domain::query::{Detail, Focus, Query};
use crate::domain::text::Clean;
use crate::domain::time::Millis;
use crate::intent::command::{Command, Scope};
use crate::intent::filter::Filter;
use crate::ui::hits::{Hits, Target};
use crate::ui::look::Look;

/// Commands that need a chart under them.
const CHART: [Command; 9] = [
    Command::ZoomIn,
    Command::ZoomOut,
    Command::ZoomReset,
    Command::LogScale,
    Command::Smooth,
    Command::Axis,
    Command::Cursor,
    Command::NextMarker,
    Command::PrevMarker,
];

impl RunPage {
    fn chart_command(&mut self, command: Command, cx: &Cx<'_>) -> Option<Vec<Ask>> {
        let full = self.chosen_line().and_then(line::Line::extent);
        // The lens is copied out and back: lines and lens belong to one page.
        let mut lens = self.lens;
        let line = self.chosen_line();
        let points = line.map_or(&[][..], |l| &l.drawn[..]);
        let markers = line.map_or(&[][..], |l| &l.markers[..]);
        let len = self.metrics.len();
        let across = if self.large {
            1
        } else {
            usize::from(Layout::of(cx.screen).grid.0)
        };
        let page = if self.large {
            1
        } else {
            usize::from(Layout::of(cx.screen).capacity())
        };
        let mut chosen = self.chosen;
        let seen = Seen {
            full,
            points,
            markers,
        };
        let looked = lens.command(command, seen);
        match command {
            Command::Cursor => self.large |= lens.cursor.is_some(),
            _ if looked => {}
            Command::Smooth => {
                self.laid.smoothing = (self.laid.smoothing + 1) % SMOOTHING.len();
                self.lay();
            }
            Command::Axis => {
                self.laid.axis = self.laid.next_axis();
                // Places on one axis mean nothing on another.
                lens.forget();
                self.lay();
            }
            Command::Left => chosen = chosen.saturating_sub(1),
            Command::Right => chosen += 1,
            Command::Up => chosen = chosen.saturating_sub(across),
            Command::Down => {
                chosen = if chosen + across < len {
                    chosen + across
                } else {
                    chosen
                }
            }
            Command::PageUp | Command::HalfUp => chosen = chosen.saturating_sub(page),
            Command::PageDown | Command::HalfDown => chosen += page,
            Command::First => chosen = 0,
            Command::Last => chosen = len,
            Command::Open => self.large = !self.large,
            Command::Back if self.large => self.large = false,
            _ => return None,
        }
        if matches!(command, Command::NextMarker | Command::PrevMarker) && lens.cursor.is_some() {
            self.large = true;
        }
        self.lens = lens;
        self.chosen = chosen.min(len.saturating_sub(1));
        Some(Vec::new())
    }

    fn list_command(&mut self, command: Command) -> Option<Vec<Ask>> {
        let len = self.list_len();
        let table = &mut self.tables[self.part as usize];
        if move_in(table, command, len) {
            return Some(Vec::new());
        }
        match (command, self.part) {
            (Command::Open | Command::Right, Part::Artifacts) => {
                let at = table.selected_in(len)?;
                let folder = self.entries().get(at)?.folder.clone()?;
                self.folders.push(folder);
                self.tables[Part::Artifacts as usize] = crate::ui::table::TableState {
                    page: self.tables[Part::Artifacts as usize].page,
                    ..Default::default()
                };
                Some(Vec::new())
            }
            (Command::Back | Command::Left, Part::Artifacts) if !self.folders.is_empty() => {
                self.folders.pop();
                self.tables[Part::Artifacts as usize].home(1);
                Some(Vec::new())
            }
            _ => None,
        }
    }

    fn turn_to(&mut self, part: Part) {
        self.part = part;
        if part != Part::Metrics {
            self.side = part;
        }
        self.filter = Filter::default();
        self.index();
    }
}

impl Pane for RunPage {
    fn place(&self) -> Place {
        Place::Run(self.key.clone())
    }

    fn title(&self, _cx: &Cx<'_>) -> Clean {
        match &self.run {
            Some(run) if !run.name.is_empty() => run.name.clone(),
            _ => self.key.id.clean(),
        }
    }

    fn scopes(&self) -> &'static [Scope] {
        &[Scope::Chart, Scope::List]
    }

    fn refresh(&mut self, cx: &Cx<'_>) {
        self.follow(cx);
    }

    fn update(&mut self, command: Command, cx: &Cx<'_>) -> Option<Vec<Ask>> {
        match command {
            Command::NextFocus => {
                let at = Part::ALL.iter().position(|p| *p == self.part).unwrap_or(0);
                self.turn_to(Part::ALL[(at + 1) % Part::ALL.len()]);
                return Some(Vec::new());
            }
            Command::Filter => {
                return Some(vec![Ask::Prompt(Prompt {
                    kind: PromptKind::Filter,
                    label: "filter",
                    initial: self.filter.text().to_owned(),
                    hint: "words, !word, /regex/",
                })]);
            }
            Command::Back if !self.filter.is_empty() => {
                self.filter = Filter::default();
                self.index();
                return Some(Vec::new());
            }
            _ => {}
        }
        match self.part {
            Part::Metrics => self.chart_command(command, cx),
            _ => self.list_command(command),
        }
    }

    fn disabled(&self, command: Command, _cx: &Cx<'_>) -> Option<Clean> {
        let line = self.chosen_line();
        let why = match command {
            c if CHART.contains(&c) && self.part != Part::Metrics => {
                "works on charts: tab goes to the metrics"
            }
            c if CHART.contains(&c) && line.is_none_or(|l| l.len() == 0) => {
                "the chosen metric has no history yet"
            }
            Command::NextMarker | Command::PrevMarker
                if line.is_some_and(|l| l.markers.is_empty()) =>
            {
                "the chosen chart has no marker"
            }
            Command::Open if self.part == Part::Metrics && self.metrics.is_empty() => {
                "the run has no metric"
            }
            Command::Open if matches!(self.part, Part::Params | Part::Tags | Part::Data) => {
                "there is nothing behind this row"
            }
            Command::Open if self.part == Part::Artifacts => {
                let at = self.tables[Part::Artifacts as usize].selected_in(self.list_len());
                let entries = self.entries();
                match at.and_then(|i| entries.get(i)) {
                    Some(entry) if entry.folder.is_some() => return None,
                    Some(_) => "files are not shown here: o copies the link to the run",
                    None => "no file is selected",
                }
            }
            Command::Sort => "the run has one order: by name, the quality metric first",
            _ => return None,
        };
        Some(Clean::name(why))
    }

    fn click(&mut self, target: Target, cx: &Cx<'_>) -> Vec<Ask> {
        match target {
            // Charts of the grid come as rows, rows of the lists behind them.
            Target::Row(index) if index < view::LIST_ROWS => {
                if self.part == Part::Metrics && self.chosen == index {
                    return self.update(Command::Open, cx).unwrap_or_default();
                }
                self.turn_to(Part::Metrics);
                self.chosen = index.min(self.metrics.len().saturating_sub(1));
            }
            Target::Row(index) => {
                let index = index - view::LIST_ROWS;
                if self.part == Part::Metrics {
                    self.turn_to(self.side);
                }
                let len = self.list_len();
                let table = &mut self.tables[self.part as usize];
                if table.selected_in(len) == Some(index) {
                    return self.update(Command::Open, cx).unwrap_or_default();
                }
                table.select(index, len);
            }
            Target::Plot(column) => {
                if let Some(full) = self.chosen_line().and_then(line::Line::extent) {
                    let (a, b) = self.lens.window.unwrap_or(full);
                    let width = f64::from(view::plot_width(cx.screen).max(1));
                    let at = (f64::from(column) / width).min(1.0);
                    self.lens.cursor = Some(a + (b - a) * at);
                }
            }
            _ => {}
        }
        Vec::new()
    }

    fn scroll(&mut self, rows: i16, cx: &Cx<'_>) {
        if self.part == Part::Metrics {
            let command = if rows > 0 { Command::Down } else { Command::Up };
            self.chart_command(command, cx);
        } else {
            let len = self.list_len();
            self.tables[self.part as usize].scroll(isize::from(rows), len);
        }
    }

    fn set_page(&mut self, rows: u16) {
        for part in Part::ALL {
            let len = match part {
                Part::Metrics => continue,
                Part::Artifacts => self.entries().len(),
                part => self.pairs(part).len(),
            };
            self.tables[part as usize].set_page(rows, len);
        }
    }

    fn prompt(
        &mut self,
        _kind: PromptKind,
        text: &str,
        _entered: bool,
        _cx: &Cx<'_>,
    ) -> Result<Vec<Ask>, String> {
        self.filter = Filter::parse(text)?;
        self.index();
        Ok(Vec::new())
    }

    fn selected(&self, _cx: &Cx<'_>) -> Option<Thing> {
        Some(Thing::Run(self.key.clone()))
    }

    fn focus(&self, _cx: &Cx<'_>) -> Focus {
        Focus {
            run: Some(self.key.clone()),
            ..Focus::default()
        }
    }

    fn wants(&self, cx: &Cx<'_>) -> Vec<Want> {
        self.wanted(cx)
    }

    fn fetched(
        &mut self,
        query: &Query,
        result: &Result<Detail, Fault>,
        asked_at: Millis,
        _cx: &Cx<'_>,
    ) -> Vec<Ask> {
        self.answer(query, result, asked_at);
        Vec::new()
    }

    fn hints(&self) -> &'static [Command] {
        match self.part {
            Part::Metrics => &[
                Command::Open,
                Command::Cursor,
                Command::ZoomIn,
                Command::Smooth,
                Command::LogScale,
                Command::Axis,
                Command::NextFocus,
            ],
            Part::Artifacts => &[
                Command::Open,
                Command::NextFocus,
                Command::Filter,
                Command::Link,
            ],
            _ => &[
                Command::NextFocus,
                Command::Filter,
                Command::CopyRow,
                Command::GoModel,
            ],
        }
    }

    fn row_text(&self, _cx: &Cx<'_>) -> Option<Clean> {
        if self.part == Part::Metrics {
            let metric = self.metrics.get(self.chosen)?;
            let value = self.run.as_ref()?.metric(metric.shown.as_str())?;
            return Some(Clean::text(&format!("{} {value}", metric.shown)));
        }
        let at = self.tables[self.part as usize].selected_in(self.list_len())?;
        if self.part == Part::Artifacts {
            return Some(self.entries().get(at)?.name.clone());
        }
        let (name, value) = self.pairs(self.part).into_iter().nth(at)?;
        Some(Clean::text(&format!("{name} {value}")))
    }

    fn markdown(&self, _cx: &Cx<'_>) -> (Vec<String>, Vec<Vec<String>>) {
        let titles = ["kind", "name", "value"].map(str::to_owned).to_vec();
        let mut rows = Vec::new();
        let Some(run) = &self.run else {
            return (titles, rows);
        };
        rows.push(vec![
            "status".to_owned(),
            run.name.to_string(),
            run.status.word().to_owned(),
        ]);
        for m in &*run.metrics {
            rows.push(vec![
                "metric".to_owned(),
                m.name.shown.to_string(),
                m.value.to_string(),
            ]);
        }
        for (kind, pairs) in [("param", &run.params), ("tag", &run.tags)] {
            for (name, value) in &**pairs {
                rows.push(vec![kind.to_owned(), name.to_string(), value.to_string()]);
            }
        }
        (titles, rows)
    }

    fn view(&self, cx: &Cx<'_>, look: &Look, area: Rect, buf: &mut Buffer) -> Hits {
        view::draw(self, cx, look, area, buf)
    }
}
