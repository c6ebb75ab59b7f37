//! Experiments: the list of them, and the runs of the chosen one, filtered, sorted, marked and
//! followed.

pub(in crate::panes) mod columns;
mod kept;
pub mod rows;
mod state;
#[cfg(test)]
mod tests;
mod update;
mod view;

use std::collections::BTreeSet;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use self::kept::Kept;
pub use self::state::Experiments;
use self::state::Part;
pub use self::update::MARKS;
use super::list::Filtered;
use super::{Ask, Cx, Pane, Place, PromptKind, Thing, Want};
use crate::domain::fault::Fault;
use crate::domain::query::{Detail, Focus, Query};
use crate::domain::text::Clean;
use crate::domain::time::Millis;
use crate::intent::command::{Command, Scope};
use crate::intent::msg::Computed;
use crate::intent::preference::Preference;
use crate::ui::hits::{Hits, Target};
use crate::ui::look::Look;

impl Pane for Experiments {
    fn place(&self) -> Place {
        Place::Experiments
    }

    fn restore(&mut self, preference: Preference, value: &str) -> Result<(), String> {
        if preference != Preference::RunsColumns {
            return Ok(());
        }
        let (kept, said) = Kept::read(value);
        self.kept = kept;
        self.view.table.column = None;
        said
    }

    fn title(&self, cx: &Cx<'_>) -> Clean {
        let chosen = self.chosen.as_ref().and_then(|k| cx.fleet.experiment(k));
        match (self.part, chosen) {
            (Part::Runs, Some(held)) => held.fact.name.clone(),
            _ => Clean::name("Experiments"),
        }
    }

    fn scopes(&self) -> &'static [Scope] {
        &[Scope::Runs, Scope::Marks, Scope::List]
    }

    fn refresh(&mut self, cx: &Cx<'_>) {
        self.follow(cx);
    }

    fn filtered(&mut self) -> Option<Filtered> {
        if self.part == Part::Experiments {
            let shown = self.list.len();
            return Filtered::of(&self.list_filter, shown, shown + self.list_hidden);
        }
        let chosen = self.chosen.as_ref()?;
        let held = self.list.iter().find(|listed| listed.key == *chosen);
        // The tracker's own filter has left some out already.
        let asked = self.current_load().filter(|load| !load.filter.is_empty());
        let all = asked.map_or_else(
            || held.map_or(self.rows.len(), |listed| listed.held),
            |load| load.keys.len(),
        );
        Filtered::of(&self.view.filter, self.rows.len(), all)
    }

    fn due(&mut self, cx: &Cx<'_>) -> Vec<Ask> {
        Self::due(self, cx)
    }

    fn update(&mut self, command: Command, cx: &Cx<'_>) -> Option<Vec<Ask>> {
        self.command(command, cx)
    }

    fn disabled(&self, command: Command, cx: &Cx<'_>) -> Option<Clean> {
        let no_run = self.current_key(cx).is_none();
        let why = match (command, self.part) {
            (Command::Open | Command::CopyRow | Command::Menu | Command::Mark, Part::Runs)
                if no_run =>
            {
                "no run is selected"
            }
            (Command::Mark, Part::Experiments) => "tab goes to the runs: only runs are marked",
            (Command::Open | Command::NextFocus | Command::ServerFilter | Command::Columns, _)
                if self.chosen.is_none() =>
            {
                "no experiment is known yet"
            }
            (Command::Unmark, _) if self.marks.is_empty() => "no run is marked",
            (Command::Compare, _) if self.marks.len() < 2 => "mark two runs or more with space",
            (Command::Differences, _) => "works where marked runs are compared: C",
            _ => return None,
        };
        Some(Clean::name(why))
    }

    fn click(&mut self, target: Target, cx: &Cx<'_>) -> Vec<Ask> {
        match target {
            Target::Row(index) => match index.checked_sub(view::RUN_ROWS) {
                None => {
                    self.part = Part::Experiments;
                    self.list_table.select(index, self.list.len());
                    let at = self.list_table.selected_in(self.list.len());
                    self.choose(at.map(|i| self.list[i].key.clone()), cx);
                    Vec::new()
                }
                Some(index) => {
                    let again = self.part == Part::Runs
                        && self.view.table.selected_in(self.rows.len()) == Some(index);
                    self.part = Part::Runs;
                    if again {
                        return self.command(Command::Open, cx).unwrap_or_default();
                    }
                    self.view.table.select(index, self.rows.len());
                    self.note_selection(cx);
                    Vec::new()
                }
            },
            Target::Column(index) => {
                self.part = Part::Runs;
                self.view.table.column = Some(index);
                let asks = self.command(Command::Sort, cx).unwrap_or_default();
                self.view.table.column = None;
                asks
            }
            _ => Vec::new(),
        }
    }

    fn scroll(&mut self, rows: i16, cx: &Cx<'_>) {
        match self.part {
            Part::Experiments => {
                self.list_table.scroll(isize::from(rows), self.list.len());
                let at = self.list_table.selected_in(self.list.len());
                self.choose(at.map(|i| self.list[i].key.clone()), cx);
            }
            Part::Runs => {
                self.view.table.scroll(isize::from(rows), self.rows.len());
                self.note_selection(cx);
            }
        }
    }

    fn set_page(&mut self, rows: u16) {
        self.list_table.set_page(rows, self.list.len());
        self.view.table.set_page(rows, self.rows.len());
    }

    fn prompt(
        &mut self,
        kind: PromptKind,
        text: &str,
        entered: bool,
        cx: &Cx<'_>,
    ) -> Result<Vec<Ask>, String> {
        self.enter(kind, text, entered, cx)
    }

    fn chosen(&mut self, index: usize, _cx: &Cx<'_>) -> Vec<Ask> {
        self.toggle_column(index)
    }

    fn select(&mut self, thing: &Thing, cx: &Cx<'_>) {
        let (experiment, run) = match thing {
            Thing::Experiment(key) => (Some(key.clone()), None),
            Thing::Run(key) => {
                let row = cx.fleet.runs().find(key);
                let experiment = row.and_then(|r| cx.fleet.runs().experiment(r)).cloned();
                (experiment, Some(key))
            }
            _ => return,
        };
        let Some(experiment) = experiment else {
            return;
        };
        if let Some(at) = self.list.iter().position(|l| l.key == experiment) {
            self.list_table.select(at, self.list.len());
            self.choose(Some(experiment), cx);
            self.part = Part::Runs;
        }
        if let Some(key) = run
            && let Some(row) = cx.fleet.runs().find(key)
            && let Some(at) = self.rows.iter().position(|r| *r == row)
        {
            self.view.table.select(at, self.rows.len());
            self.note_selection(cx);
        }
    }

    fn selected(&self, cx: &Cx<'_>) -> Option<Thing> {
        match self.part {
            Part::Experiments => self.chosen.clone().map(Thing::Experiment),
            Part::Runs => self.current_key(cx).map(Thing::Run),
        }
    }

    fn focus(&self, _cx: &Cx<'_>) -> Focus {
        Focus {
            experiments: BTreeSet::from_iter(self.chosen.clone()),
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
        cx: &Cx<'_>,
    ) -> Vec<Ask> {
        self.answer(query, result, asked_at, cx)
    }

    fn computed(&mut self, computed: &Computed, cx: &Cx<'_>) {
        let Computed::RunRows {
            spec,
            generation,
            rows,
        } = computed;
        // An answer to an older question is dropped; one of an older store still shows runs that
        // are held, and a newer order follows.
        if self.spec().as_ref() == Some(spec)
            && self
                .shown
                .as_ref()
                .is_none_or(|(s, g)| s != spec || g <= generation)
        {
            self.take_rows(rows.clone(), spec.clone(), *generation, cx);
        }
    }

    fn hints(&self) -> &'static [Command] {
        match self.part {
            Part::Experiments => &[
                Command::Open,
                Command::Filter,
                Command::ServerFilter,
                Command::NextFocus,
                Command::Link,
            ],
            Part::Runs => &[
                Command::Open,
                Command::Mark,
                Command::Compare,
                Command::Filter,
                Command::ServerFilter,
                Command::Sort,
                Command::Columns,
            ],
        }
    }

    fn row_text(&self, cx: &Cx<'_>) -> Option<Clean> {
        if self.part == Part::Experiments {
            let at = self.list_table.selected_in(self.list.len())?;
            return Some(self.list[at].name.clone());
        }
        let at = self.view.table.selected_in(self.rows.len())?;
        let run = self.run_at(at, cx)?;
        let runs = cx.fleet.runs();
        let cells: Vec<String> = self
            .columns()
            .iter()
            .map(|c| columns::plain(c, run, runs, cx.now.wall))
            .collect();
        Some(Clean::text(&format!(
            "{}  {}",
            run.id.clean(),
            cells.join("  ")
        )))
    }

    fn markdown(&self, cx: &Cx<'_>) -> (Vec<String>, Vec<Vec<String>>) {
        let shown = self.columns();
        let titles = std::iter::once("id".to_owned())
            .chain(shown.iter().map(|c| columns::word(c).to_owned()))
            .collect();
        let runs = cx.fleet.runs();
        let rows = (0..self.rows.len())
            .filter_map(|i| self.run_at(i, cx))
            .map(|run| {
                std::iter::once(run.id.clean().to_string())
                    .chain(
                        shown
                            .iter()
                            .map(|c| columns::plain(c, run, runs, cx.now.wall)),
                    )
                    .collect()
            })
            .collect();
        (titles, rows)
    }

    fn view(&self, cx: &Cx<'_>, look: &Look, area: Rect, buf: &mut Buffer) -> Hits {
        view::draw(self, cx, look, area, buf)
    }
}
