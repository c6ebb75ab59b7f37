//! The state of the experiments pane: the list of experiments, the view kept of each, what was loaded
//! of each, and the rows of the chosen one.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::columns::Catalogue;
use super::kept::Kept;
use super::rows::compute;
use crate::domain::fleet::runs::PackedRun;
use crate::domain::key::{ExperimentKey, Key, RunKey};
use crate::domain::text::Clean;
use crate::domain::time::Millis;
use crate::intent::filter::{Filter, Searchable};
use crate::intent::msg::{Compute, RunColumn, RunRows};
use crate::panes::{Ask, Cx};
use crate::ui::table::TableState;

/// Runs that are filtered and sorted in place; more are worked on off the loop.
pub(super) const INLINE: usize = 2_048;
/// Runs whose columns are learned anew with every change; of more, every other second.
const FEW: usize = 256;
/// Runs asked for at a time.
pub(super) const PAGE: u32 = 2_000;
/// Experiments whose loading is remembered while others are looked at.
const REMEMBERED: usize = 8;
/// How often counts and order of very many runs follow what changes by itself.
const SETTLE: Duration = Duration::from_secs(2);

/// The part of the pane that keys go to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Part {
    /// The list of experiments.
    #[default]
    Experiments,
    /// The runs of the chosen one.
    Runs,
}

/// A row of the list of experiments.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Listed {
    pub(super) key: ExperimentKey,
    pub(super) name: Clean,
    pub(super) held: usize,
    pub(super) live: usize,
    pub(super) newest: Option<Millis>,
}

/// How the runs of one experiment are looked at: kept while others are.
#[derive(Debug)]
pub(super) struct View {
    pub(super) filter: Filter,
    pub(super) sort: RunColumn,
    pub(super) descending: bool,
    pub(super) table: TableState,
    pub(super) selected: Option<RunKey>,
    /// The filter in the tracker's grammar that rows come from.
    pub(super) server: Option<Clean>,
    /// The one that the tracker is being asked.
    pub(super) asking: Option<Clean>,
    /// The one that it refused, and what it said.
    pub(super) refused: Option<(Clean, Clean)>,
}

impl Default for View {
    fn default() -> Self {
        Self {
            filter: Filter::default(),
            sort: RunColumn::Started,
            descending: true,
            table: TableState::default(),
            selected: None,
            server: None,
            asking: None,
            refused: None,
        }
    }
}

/// What was asked and answered of an experiment under one server-side filter.
#[derive(Debug)]
pub(super) struct Load {
    pub(super) experiment: ExperimentKey,
    pub(super) filter: Clean,
    /// The pages wanted, the first without a token.
    pub(super) pages: Vec<Option<Key>>,
    /// How many of them have come.
    pub(super) answered: usize,
    /// What continues the last page.
    pub(super) next: Option<Key>,
    /// The runs of a server-side filter.
    pub(super) keys: Vec<RunKey>,
    /// When the oldest page was asked for.
    pub(super) as_of: Millis,
    /// Why the last page did not come.
    pub(super) fault: Option<Clean>,
}

impl Load {
    fn new(experiment: ExperimentKey, filter: Clean) -> Self {
        Self {
            experiment,
            filter,
            pages: vec![None],
            answered: 0,
            next: None,
            keys: Vec::new(),
            as_of: Millis::default(),
            fault: None,
        }
    }

    /// Whether an answer is on its way.
    pub(super) fn is_waiting(&self) -> bool {
        self.answered < self.pages.len() && self.fault.is_none()
    }
}

/// Work that was handed out.
#[derive(Debug)]
struct Handed {
    spec: RunRows,
    generation: u64,
    at: Duration,
}

/// What the columns were learned from.
#[derive(Debug)]
struct Learned {
    experiment: ExperimentKey,
    held: usize,
    generation: u64,
    at: Duration,
}

/// The pane.
#[derive(Debug, Default)]
pub struct Experiments {
    pub(super) part: Part,
    pub(super) started: bool,
    pub(super) list: Vec<Listed>,
    pub(super) list_hidden: usize,
    pub(super) list_table: TableState,
    pub(super) list_filter: Filter,
    pub(super) chosen: Option<ExperimentKey>,
    pub(super) view: View,
    views: HashMap<ExperimentKey, View>,
    pub(super) rows: Vec<u32>,
    /// What the rows answer, and the generation of the store they are of.
    pub(super) shown: Option<(RunRows, u64)>,
    handed: Option<Handed>,
    pub(super) catalogue: Catalogue,
    learned: Option<Learned>,
    pub(super) offered: Vec<RunColumn>,
    /// The columns that were chosen, by experiment.
    pub(super) kept: Kept,
    pub(super) marks: Vec<RunKey>,
    pub(super) hidden_marks: usize,
    pub(super) loads: Vec<Load>,
    seen: Option<u64>,
    counted: Option<(u64, Duration)>,
}

struct ByName<'a>(&'a Listed);

impl Searchable for ByName<'_> {
    fn any_text(&self, each: &mut dyn FnMut(&str) -> bool) -> bool {
        each(self.0.name.as_str())
    }

    fn text_of(&self, column: &str) -> Option<String> {
        matches!(column, "name" | "experiment").then(|| self.0.name.to_string())
    }

    fn number_of(&self, column: &str) -> Option<f64> {
        match column {
            "runs" => Some(self.0.held as f64),
            "live" => Some(self.0.live as f64),
            _ => None,
        }
    }
}

impl Experiments {
    /// The pane before its first frame.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether list and runs are levels of their own rather than side by side.
    pub(super) fn is_narrow(cx: &Cx<'_>) -> bool {
        cx.screen.0 < 100
    }

    pub(super) fn follow(&mut self, cx: &Cx<'_>) {
        if self.seen == Some(cx.fleet.revision()) {
            return;
        }
        self.seen = Some(cx.fleet.revision());
        let same = self.list.len() + self.list_hidden == cx.fleet.experiments().len();
        let settled = self.counted.is_some_and(|(generation, at)| {
            generation == cx.fleet.runs().generation() && cx.now.mono.saturating_sub(at) < SETTLE
        });
        if !(same && settled) {
            self.index_list(cx);
        }
        self.reindex(cx);
    }

    /// Counts runs and orders the experiments: newest activity first.
    pub(super) fn index_list(&mut self, cx: &Cx<'_>) {
        let runs = cx.fleet.runs();
        let due = match self.counted {
            None => true,
            Some((generation, at)) => {
                generation != runs.generation()
                    && (runs.len() <= INLINE * 4 || cx.now.mono.saturating_sub(at) >= SETTLE)
            }
        };
        let old: HashMap<ExperimentKey, Listed> = if due {
            self.counted = Some((runs.generation(), cx.now.mono));
            HashMap::new()
        } else {
            self.list.drain(..).map(|l| (l.key.clone(), l)).collect()
        };
        let mut list: Vec<Listed> = cx
            .fleet
            .experiments()
            .map(|held| {
                let key = &held.fact.key;
                if let Some(known) = old.get(key) {
                    return known.clone();
                }
                let rows = runs.of(key).iter().filter_map(|row| runs.row(*row));
                let (live, newest) = rows.fold((0, None), |(live, newest), run: &PackedRun| {
                    let is_live =
                        run.status.is_live() && !super::columns::is_silent(run, cx.now.wall);
                    (live + usize::from(is_live), newest.max(Some(run.started)))
                });
                Listed {
                    key: key.clone(),
                    name: held.fact.name.clone(),
                    held: runs.of(key).len(),
                    live,
                    newest,
                }
            })
            .collect();
        list.sort_by(|a, b| {
            b.newest
                .cmp(&a.newest)
                .then_with(|| a.name.cmp(&b.name))
                .then_with(|| a.key.cmp(&b.key))
        });
        let all = list.len();
        list.retain(|l| self.list_filter.keeps(&ByName(l)));
        self.list_hidden = all - list.len();
        self.list = list;
        let len = self.list.len();
        if let Some(chosen) = &self.chosen {
            let list = &self.list;
            self.list_table.reselect(len, |i| list[i].key == *chosen);
        }
        if !self.started && len > 0 {
            self.started = true;
            if all == 1 {
                self.part = Part::Runs;
            }
        }
        let at = self.list_table.selected_in(len);
        self.choose(at.map(|i| self.list[i].key.clone()), cx);
    }

    /// Turns to another experiment; the view of the one left is kept.
    pub(super) fn choose(&mut self, key: Option<ExperimentKey>, cx: &Cx<'_>) {
        if key == self.chosen {
            return;
        }
        let next = key
            .as_ref()
            .and_then(|k| self.views.remove(k))
            .unwrap_or_default();
        let left = std::mem::replace(&mut self.view, next);
        if let Some(old) = self.chosen.take() {
            self.views.insert(old, left);
        }
        self.loads.retain(|l| l.answered > 0);
        if let Some(key) = &key {
            self.load(key, &Clean::empty());
        }
        self.chosen = key;
        self.rows.clear();
        self.shown = None;
        self.handed = None;
        self.reindex(cx);
    }

    /// Sees to it that an experiment is loaded under a filter; the newest of its kind is last.
    pub(super) fn load(&mut self, experiment: &ExperimentKey, filter: &Clean) {
        let known = self
            .loads
            .iter()
            .position(|l| l.experiment == *experiment && l.filter == *filter);
        let load = match known {
            Some(at) => self.loads.remove(at),
            None => Load::new(experiment.clone(), filter.clone()),
        };
        self.loads.push(load);
        if self.loads.len() > REMEMBERED {
            self.loads.remove(0);
        }
    }

    /// What was loaded of the chosen experiment under the filter whose rows are shown.
    pub(super) fn current_load(&self) -> Option<&Load> {
        let filter = self.view.server.as_ref().map_or("", Clean::as_str);
        let chosen = self.chosen.as_ref()?;
        self.loads
            .iter()
            .find(|l| l.experiment == *chosen && l.filter == filter)
    }

    pub(super) fn spec(&self) -> Option<RunRows> {
        Some(RunRows {
            experiment: self.chosen.clone()?,
            filter: self.view.filter.clone(),
            sort: self.view.sort.clone(),
            descending: self.view.descending,
        })
    }

    /// Learns the columns and, if the rows are few, orders them; many wait for [`Experiments::due`].
    pub(super) fn reindex(&mut self, cx: &Cx<'_>) {
        let Some(spec) = self.spec() else {
            self.rows.clear();
            return;
        };
        let runs = cx.fleet.runs();
        let held = runs.of(&spec.experiment).len();
        let generation = runs.generation();
        let known = self.learned.as_ref().is_some_and(|l| {
            l.experiment == spec.experiment
                && l.held == held
                && (l.generation == generation
                    || (held > FEW && cx.now.mono.saturating_sub(l.at) < SETTLE))
        });
        if !known {
            let named: Vec<&str> = cx
                .fleet
                .settings()
                .models
                .values()
                .filter_map(|m| m.metric.as_deref())
                .collect();
            self.catalogue = Catalogue::of(runs, &spec.experiment, &named);
            self.learned = Some(Learned {
                experiment: spec.experiment.clone(),
                held,
                generation,
                at: cx.now.mono,
            });
        }
        let fresh = self
            .shown
            .as_ref()
            .is_some_and(|(s, g)| *s == spec && *g == generation);
        if held <= INLINE && !fresh {
            let rows = compute(runs, &spec);
            self.take_rows(rows, spec, generation, cx);
        }
    }

    /// Shows rows: the selection stays on its run, and marks that are not among them are counted.
    pub(super) fn take_rows(
        &mut self,
        mut rows: Vec<u32>,
        spec: RunRows,
        generation: u64,
        cx: &Cx<'_>,
    ) {
        let runs = cx.fleet.runs();
        if self.view.server.is_some()
            && let Some(load) = self.current_load()
        {
            let keep: HashSet<u32> = load.keys.iter().filter_map(|k| runs.find(k)).collect();
            rows.retain(|row| keep.contains(row));
        }
        self.rows = rows;
        self.shown = Some((spec, generation));
        let selected = self.view.selected.as_ref().and_then(|k| runs.find(k));
        if let Some(row) = selected {
            let rows = &self.rows;
            self.view.table.reselect(rows.len(), |i| rows[i] == row);
        } else {
            self.view
                .table
                .select(self.view.table.selected, self.rows.len());
        }
        self.note_selection(cx);
        self.count_hidden_marks(cx);
    }

    pub(super) fn count_hidden_marks(&mut self, cx: &Cx<'_>) {
        self.hidden_marks = 0;
        if !self.marks.is_empty() {
            let marked: HashSet<u32> = self
                .marks
                .iter()
                .filter_map(|k| cx.fleet.runs().find(k))
                .collect();
            let seen = self.rows.iter().filter(|r| marked.contains(r)).count();
            self.hidden_marks = self.marks.len().saturating_sub(seen);
        }
    }

    /// Work that is due: ordering many runs, off the loop. The old order stays until it is done.
    pub(super) fn due(&mut self, cx: &Cx<'_>) -> Vec<Ask> {
        let Some(spec) = self.spec() else {
            return Vec::new();
        };
        let runs = cx.fleet.runs();
        if runs.of(&spec.experiment).len() <= INLINE {
            return Vec::new();
        }
        let generation = runs.generation();
        if self
            .shown
            .as_ref()
            .is_some_and(|(s, g)| *s == spec && *g == generation)
        {
            return Vec::new();
        }
        if let Some(handed) = &self.handed
            && handed.spec == spec
            && (handed.generation == generation || cx.now.mono.saturating_sub(handed.at) < SETTLE)
        {
            return Vec::new();
        }
        self.handed = Some(Handed {
            spec: spec.clone(),
            generation,
            at: cx.now.mono,
        });
        vec![Ask::Compute(Box::new(Compute::RunRows {
            runs: runs.clone(),
            spec,
        }))]
    }

    /// Whether the order on screen is not yet the one asked for.
    pub(super) fn is_ordering(&self) -> bool {
        match (&self.shown, self.spec()) {
            (Some((shown, _)), Some(wanted)) => *shown != wanted,
            (None, Some(_)) => true,
            _ => false,
        }
    }

    /// The run in a row of the table; nothing if the store was renumbered since.
    pub(super) fn run_at<'a>(&self, index: usize, cx: &Cx<'a>) -> Option<&'a PackedRun> {
        let row = *self.rows.get(index)?;
        let runs = cx.fleet.runs();
        (runs.experiment(row) == self.chosen.as_ref()).then(|| runs.row(row))?
    }

    pub(super) fn current_key(&self, cx: &Cx<'_>) -> Option<RunKey> {
        let at = self.view.table.selected_in(self.rows.len())?;
        self.run_at(at, cx)?;
        cx.fleet.runs().key(self.rows[at])
    }

    /// Whether a run of the chosen experiment is marked.
    pub(super) fn is_marked(&self, id: &Key) -> bool {
        let tracker = self.chosen.as_ref().map(|e| &e.tracker);
        self.marks
            .iter()
            .any(|k| k.id == *id && Some(&k.tracker) == tracker)
    }

    pub(super) fn note_selection(&mut self, cx: &Cx<'_>) {
        self.view.selected = self.current_key(cx);
    }

    /// The columns of the chosen experiment, status and name first: those two never scroll away.
    pub(super) fn columns(&self) -> Vec<RunColumn> {
        let own = self.chosen.as_ref().and_then(|key| self.kept.of(key));
        own.cloned().unwrap_or_else(|| self.catalogue.usual())
    }
}
