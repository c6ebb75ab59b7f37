//! What commands, prompts and answers do to the experiments pane.

use super::columns::{descending_first, kind, word};
use super::state::{Experiments, PAGE, Part};
use crate::domain::fault::Fault;
use crate::domain::key::RunKey;
use crate::domain::query::{Detail, Query};
use crate::domain::text::Clean;
use crate::domain::time::Millis;
use crate::intent::command::Command;
use crate::intent::filter::Filter;
use crate::intent::msg::{Notice, RunColumn};
use crate::intent::preference::Preference;
use crate::panes::{Ask, Choice, Cx, Place, Prompt, PromptKind, Want, move_in};

/// Runs that can be compared at once.
pub const MARKS: usize = 8;

fn say(bad: bool, text: &str) -> Ask {
    Ask::Say(Notice {
        bad,
        text: Clean::text(text),
    })
}

impl Experiments {
    pub(super) fn command(&mut self, command: Command, cx: &Cx<'_>) -> Option<Vec<Ask>> {
        if command == Command::NextFocus {
            self.part = match self.part {
                Part::Experiments if self.chosen.is_some() => Part::Runs,
                _ => Part::Experiments,
            };
            return Some(Vec::new());
        }
        match self.part {
            Part::Experiments => self.list_command(command, cx),
            Part::Runs => self.runs_command(command, cx),
        }
    }

    fn list_command(&mut self, command: Command, cx: &Cx<'_>) -> Option<Vec<Ask>> {
        if move_in(&mut self.list_table, command, self.list.len()) {
            let at = self.list_table.selected_in(self.list.len());
            self.choose(at.map(|i| self.list[i].key.clone()), cx);
            return Some(Vec::new());
        }
        match command {
            Command::Open | Command::Right => {
                self.chosen.as_ref()?;
                self.part = Part::Runs;
                Some(Vec::new())
            }
            Command::Filter => Some(vec![Ask::Prompt(Prompt {
                kind: PromptKind::Filter,
                label: "filter experiments",
                initial: self.list_filter.text().to_owned(),
                hint: "words, !word, /regex/, live>0, runs>100",
            })]),
            Command::Back if !self.list_filter.is_empty() => {
                self.list_filter = Filter::default();
                self.index_list(cx);
                Some(Vec::new())
            }
            Command::ServerFilter | Command::Sort | Command::Columns | Command::Compare => {
                self.runs_command(command, cx)
            }
            _ => None,
        }
    }

    fn runs_command(&mut self, command: Command, cx: &Cx<'_>) -> Option<Vec<Ask>> {
        let len = self.rows.len();
        if matches!(command, Command::Down | Command::PageDown)
            && (len == 0 || self.view.table.selected + 1 >= len)
        {
            return Some(self.more());
        }
        if move_in(&mut self.view.table, command, len) {
            self.note_selection(cx);
            return Some(Vec::new());
        }
        match command {
            Command::Open => Some(vec![Ask::Open(Place::Run(self.current_key(cx)?))]),
            Command::Left if self.view.table.column.is_none() && !Self::is_narrow(cx) => {
                self.part = Part::Experiments;
                Some(Vec::new())
            }
            Command::Left if self.view.table.column == Some(0) => {
                self.view.table.column = None;
                Some(Vec::new())
            }
            Command::Left => {
                self.view.table.left(self.columns().len());
                Some(Vec::new())
            }
            Command::Right => {
                self.view.table.right(self.columns().len());
                Some(Vec::new())
            }
            Command::Sort => Some(self.sort(cx)),
            Command::Columns => Some(self.offer_columns()),
            Command::Filter => Some(vec![Ask::Prompt(Prompt {
                kind: PromptKind::Filter,
                label: "filter",
                initial: self.view.filter.text().to_owned(),
                hint: "words, !word, status:failed, auc>0.9, params.depth=8, tags.team:risk",
            })]),
            Command::ServerFilter => {
                let refused = self.view.refused.as_ref().map(|(text, _)| text);
                let initial = refused.or(self.view.server.as_ref());
                Some(vec![Ask::Prompt(Prompt {
                    kind: PromptKind::ServerFilter,
                    label: "ask the tracker for",
                    initial: initial.map_or_else(String::new, Clean::to_string),
                    hint: "metrics.auc > 0.9 AND params.depth = '8' AND tags.team LIKE 'risk%'",
                })])
            }
            Command::Mark => Some(self.mark(cx)),
            Command::Unmark => {
                self.marks.clear();
                self.hidden_marks = 0;
                Some(Vec::new())
            }
            Command::Compare => Some(vec![Ask::Open(Place::Compare(self.marks.clone().into()))]),
            Command::Back => self.back(cx),
            _ => None,
        }
    }

    /// Takes one layer away: column cursor, local filter, server filter, then the level itself.
    fn back(&mut self, cx: &Cx<'_>) -> Option<Vec<Ask>> {
        if self.view.table.column.take().is_some() {
        } else if !self.view.filter.is_empty() {
            self.view.filter = Filter::default();
            self.reindex(cx);
        } else if self.view.server.is_some() || self.view.asking.is_some() {
            self.clear_server(cx);
        } else if self.list.len() + self.list_hidden > 1 {
            self.part = Part::Experiments;
        } else {
            return None;
        }
        Some(Vec::new())
    }

    fn clear_server(&mut self, cx: &Cx<'_>) {
        self.view.server = None;
        self.view.asking = None;
        self.view.refused = None;
        self.loads.retain(|l| l.filter.is_empty() || l.answered > 0);
        self.shown = None;
        self.reindex(cx);
    }

    /// Sorts by the column under the cursor, or by the next one; the same column turns round.
    fn sort(&mut self, cx: &Cx<'_>) -> Vec<Ask> {
        let columns = self.columns();
        let at = columns.iter().position(|c| *c == self.view.sort);
        let next = match self.view.table.column {
            Some(cursor) => columns.get(cursor),
            None => columns.get(at.map_or(0, |i| (i + 1) % columns.len().max(1))),
        };
        let Some(next) = next.cloned() else {
            return Vec::new();
        };
        if next == self.view.sort {
            self.view.descending = !self.view.descending;
        } else {
            self.view.descending = descending_first(&next);
            self.view.sort = next;
        }
        self.reindex(cx);
        Vec::new()
    }

    fn offer_columns(&mut self) -> Vec<Ask> {
        let shown = self.columns();
        self.offered = self.catalogue.all();
        let rows = self
            .offered
            .iter()
            .map(|column| {
                let text = match kind(column) {
                    "" => word(column).to_owned(),
                    kind => format!("{}  {kind}", word(column)),
                };
                (Clean::name(&text), Some(shown.contains(column)))
            })
            .collect();
        vec![Ask::Choose(Choice {
            title: "Columns",
            rows,
            several: true,
        })]
    }

    pub(super) fn toggle_column(&mut self, index: usize) -> Vec<Ask> {
        let Some(column) = self.offered.get(index) else {
            return Vec::new();
        };
        let mut shown = self.columns();
        match shown.iter().position(|c| c == column) {
            // A run without a name on screen could be any run.
            Some(_) if *column == RunColumn::Name => {}
            Some(at) => {
                shown.remove(at);
            }
            None => {
                shown.push(column.clone());
                let order = |c: &RunColumn| self.offered.iter().position(|o| o == c);
                shown.sort_by_key(order);
            }
        }
        self.view.table.column = None;
        let Some(experiment) = &self.chosen else {
            return Vec::new();
        };
        self.kept.note(experiment, shown);
        vec![Ask::Prefer(Preference::RunsColumns, self.kept.text())]
    }

    fn mark(&mut self, cx: &Cx<'_>) -> Vec<Ask> {
        let Some(key) = self.current_key(cx) else {
            return Vec::new();
        };
        let mut asks = Vec::new();
        if let Some(at) = self.marks.iter().position(|k| *k == key) {
            self.marks.remove(at);
        } else if self.marks.len() < MARKS {
            self.marks.push(key);
        } else {
            asks.push(say(
                false,
                "8 runs are marked, as many as can be compared · U takes the marks away",
            ));
            return asks;
        }
        self.view.table.down(self.rows.len());
        self.note_selection(cx);
        asks
    }

    /// Asks for the page after the last one.
    fn more(&mut self) -> Vec<Ask> {
        let filter = self.view.server.clone().unwrap_or_default();
        let Some(chosen) = self.chosen.clone() else {
            return Vec::new();
        };
        let load = self
            .loads
            .iter_mut()
            .find(|l| l.experiment == chosen && l.filter == filter);
        let Some(load) = load else {
            return Vec::new();
        };
        if load.is_waiting() {
            return vec![say(false, "the tracker has been asked for more runs")];
        }
        match load.next.take() {
            Some(page) => {
                load.fault = None;
                load.pages.push(Some(page));
                vec![say(false, "asking the tracker for the next 2,000 runs")]
            }
            None => Vec::new(),
        }
    }

    pub(super) fn enter(
        &mut self,
        kind: PromptKind,
        text: &str,
        entered: bool,
        cx: &Cx<'_>,
    ) -> Result<Vec<Ask>, String> {
        match (kind, self.part) {
            (PromptKind::Filter, Part::Experiments) => {
                self.list_filter = Filter::parse(text)?;
                self.index_list(cx);
            }
            (PromptKind::Filter, Part::Runs) => {
                self.view.filter = Filter::parse(text)?;
                self.reindex(cx);
            }
            (PromptKind::ServerFilter, _) if entered => self.ask_server(text.trim(), cx),
            (PromptKind::ServerFilter, _) => {}
        }
        Ok(Vec::new())
    }

    fn ask_server(&mut self, text: &str, cx: &Cx<'_>) {
        if text.is_empty() {
            self.clear_server(cx);
            return;
        }
        let filter = Clean::text(text);
        // Leaving the line as it was asks nothing anew.
        if self.view.server.as_ref() == Some(&filter)
            || self
                .view
                .refused
                .as_ref()
                .is_some_and(|(t, _)| *t == filter)
        {
            return;
        }
        self.view.refused = None;
        if let Some(chosen) = self.chosen.clone() {
            self.loads
                .retain(|l| l.experiment != chosen || l.filter != filter);
            self.load(&chosen, &filter);
            self.view.asking = Some(filter);
            self.part = Part::Runs;
        }
    }

    pub(super) fn answer(
        &mut self,
        query: &Query,
        result: &Result<Detail, Fault>,
        asked_at: Millis,
        cx: &Cx<'_>,
    ) -> Vec<Ask> {
        let Query::Runs {
            experiment,
            filter,
            page,
            ..
        } = query
        else {
            return Vec::new();
        };
        let load = self
            .loads
            .iter_mut()
            .find(|l| l.experiment == *experiment && l.filter == *filter);
        let Some(load) = load else {
            return Vec::new();
        };
        let Some(at) = load.pages.iter().position(|p| p == page) else {
            return Vec::new();
        };
        let here = self.chosen.as_ref() == Some(experiment);
        match result {
            Ok(Detail::Runs { runs, next }) => {
                load.fault = None;
                load.answered = load.answered.max(at + 1);
                if at + 1 == load.pages.len() {
                    load.next.clone_from(next);
                }
                if at == 0 {
                    load.as_of = asked_at;
                }
                if !filter.is_empty() {
                    if load.pages.len() == 1 {
                        load.keys.clear();
                    }
                    let known: std::collections::HashSet<&RunKey> = load.keys.iter().collect();
                    let new: Vec<RunKey> = runs
                        .iter()
                        .filter(|r| !known.contains(&r.key))
                        .map(|r| r.key.clone())
                        .collect();
                    load.keys.extend(new);
                }
                if here {
                    if self.view.asking.as_ref() == Some(filter) {
                        self.view.server = self.view.asking.take();
                    }
                    self.shown = None;
                    self.reindex(cx);
                }
                Vec::new()
            }
            Ok(_) => Vec::new(),
            Err(fault) => {
                let said = if fault.detail.is_empty() {
                    Clean::text(&fault.line())
                } else {
                    fault.detail.clone()
                };
                load.fault = Some(said.clone());
                if at > 0 && load.pages.len() == at + 1 {
                    // The page can be asked for again.
                    load.pages.pop();
                    load.next.clone_from(page);
                }
                if here && self.view.asking.as_ref() == Some(filter) {
                    self.view.asking = None;
                    self.view.refused = Some((filter.clone(), said.clone()));
                    self.loads
                        .retain(|l| l.experiment != *experiment || l.filter != *filter);
                }
                vec![say(true, said.as_str())]
            }
        }
    }

    pub(super) fn wanted(&self, cx: &Cx<'_>) -> Vec<Want> {
        let here = self.chosen.as_ref();
        // The chosen experiment first, then what was loaded before, newest first: while it is
        // wanted it is not asked for again.
        let mut loads: Vec<_> = self.loads.iter().rev().collect();
        loads.sort_by_key(|l| Some(&l.experiment) != here);
        loads
            .into_iter()
            .flat_map(|load| {
                let source = cx.fleet.experiment(&load.experiment).map(|h| &h.source);
                load.pages.iter().filter_map(move |page| {
                    Some(Want {
                        source: source?.clone(),
                        query: Query::Runs {
                            experiment: load.experiment.clone(),
                            filter: load.filter.clone(),
                            limit: PAGE,
                            page: page.clone(),
                        },
                        every: None,
                    })
                })
            })
            .collect()
    }
}
