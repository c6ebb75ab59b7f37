//! The state of a comparison: the runs, the histories of the chosen metric, and the rows of what they
//! have in common or not.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use crate::domain::fault::Fault;
use crate::domain::key::{Key, RunKey};
use crate::domain::model::Name;
use crate::domain::query::{Detail, Query};
use crate::domain::rules::quality::direction;
use crate::domain::run::Run;
use crate::domain::text::Clean;
use crate::domain::time::{Millis, age, span as length};
use crate::panes::experiments::rows::is_machine_tag;
use crate::panes::lens::Lens;
use crate::panes::run::details::LIVE;
use crate::panes::run::line::{Laid, Line};
use crate::panes::run::state::{ordered, source_of};
use crate::panes::{Cx, Want};
use crate::ui::table::TableState;

/// Points asked for of each run.
const POINTS: u32 = 500;
/// How often the histories of live runs are read again.
const REREAD: Duration = Duration::from_secs(20);
/// The most runs side by side.
pub(super) const MOST: usize = 8;

/// The part that left and right go to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Part {
    /// They choose the metric.
    #[default]
    Chart,
    /// They choose the run.
    Table,
}

/// What a row is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Metric,
    Param,
    Data,
    Fact,
    Tag,
}

impl Kind {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Metric => "metric",
            Self::Param => "param",
            Self::Data => "data",
            Self::Fact => "run",
            Self::Tag => "tag",
        }
    }
}

/// What one run has in a row.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Value {
    /// Nothing.
    Absent,
    /// A text.
    Text(String),
    /// A metric's value.
    Number(f64),
}

/// A row: one value for each run.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Compared {
    pub(super) kind: Kind,
    pub(super) name: Clean,
    pub(super) values: Vec<Value>,
    pub(super) differs: bool,
    /// The best value of a metric, if runs differ in it and its name tells what is better.
    pub(super) best: Option<f64>,
}

impl Compared {
    fn new(kind: Kind, name: Clean, values: Vec<Value>) -> Self {
        let differs = values.windows(2).any(|w| !same(&w[0], &w[1]));
        let mut best = None;
        if kind == Kind::Metric
            && differs
            && let Some(up) = direction(name.as_str())
        {
            for value in &values {
                let Value::Number(v) = value else { continue };
                let better = best.is_none_or(|b| if up { *v > b } else { *v < b });
                if v.is_finite() && better {
                    best = Some(*v);
                }
            }
        }
        Self {
            kind,
            name,
            values,
            differs,
            best,
        }
    }
}

/// NaN equals NaN here: two runs that both failed so do not differ.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a
            .partial_cmp(b)
            .is_none_or(|by| by.is_eq() || a.total_cmp(b).is_eq()),
        (a, b) => a == b,
    }
}

/// Marked runs side by side.
#[derive(Debug)]
pub struct Compare {
    pub(super) keys: Arc<[RunKey]>,
    pub(super) runs: Vec<Option<Run>>,
    read: Vec<bool>,
    pub(super) faults: Vec<Option<Clean>>,
    pub(super) metrics: Vec<Name>,
    pub(super) chosen: usize,
    pub(super) lines: HashMap<(Key, usize), Line>,
    pub(super) refused: HashMap<Key, Clean>,
    pub(super) laid: Laid,
    pub(super) lens: Lens,
    pub(super) part: Part,
    pub(super) only: bool,
    pub(super) rows: Vec<Compared>,
    pub(super) same: usize,
    pub(super) table: TableState,
    seen: Option<u64>,
}

impl Compare {
    /// The comparison before its first frame.
    pub fn new(keys: Arc<[RunKey]>) -> Self {
        let shown = keys.len().min(MOST);
        Self {
            keys,
            runs: vec![None; shown],
            read: vec![false; shown],
            faults: vec![None; shown],
            metrics: Vec::new(),
            chosen: 0,
            lines: HashMap::new(),
            refused: HashMap::new(),
            laid: Laid::default(),
            lens: Lens::default(),
            part: Part::Chart,
            only: false,
            rows: Vec::new(),
            same: 0,
            table: TableState::default(),
            seen: None,
        }
    }

    /// The runs compared, the baseline first.
    pub(super) fn shown(&self) -> &[RunKey] {
        &self.keys[..self.runs.len()]
    }

    pub(super) fn follow(&mut self, cx: &Cx<'_>) {
        if self.seen == Some(cx.fleet.revision()) {
            return;
        }
        self.seen = Some(cx.fleet.revision());
        for (i, slot) in self.runs.iter_mut().enumerate() {
            if !self.read[i] {
                *slot = cx.fleet.runs().unpack(&self.keys[i]);
            }
        }
        self.index(cx.now.wall);
    }

    /// Lists metrics and rows; the chosen metric and the selected row stay what they are.
    pub(super) fn index(&mut self, now: Millis) {
        let chosen = self.metrics.get(self.chosen).cloned();
        let all = self.runs.iter().flatten();
        self.metrics = ordered(
            all.flat_map(|r| r.metrics.iter().map(|m| m.name.clone()))
                .collect(),
        );
        self.chosen = chosen
            .and_then(|c| self.metrics.iter().position(|m| *m == c))
            .unwrap_or(0);
        let selected = self
            .table
            .selected_in(self.rows.len())
            .map(|i| (self.rows[i].kind, self.rows[i].name.clone()));
        let mut rows = self.compared(now);
        let total = rows.len();
        if self.only {
            rows.retain(|r| r.differs);
        }
        self.same = total - rows.len();
        self.rows = rows;
        let rows = &self.rows;
        if let Some(at) = selected {
            self.table
                .reselect(rows.len(), |i| rows[i].kind == at.0 && rows[i].name == at.1);
        }
    }

    fn compared(&self, now: Millis) -> Vec<Compared> {
        let mut rows: Vec<Compared> = self
            .metrics
            .iter()
            .map(|metric| {
                let values = self.each(|run| {
                    run.metrics
                        .iter()
                        .find(|m| m.name == *metric)
                        .map_or(Value::Absent, |m| Value::Number(m.value))
                });
                Compared::new(Kind::Metric, metric.shown.clone(), values)
            })
            .collect();
        rows.extend(self.named(Kind::Param, |run| &run.params));
        let mut contexts: BTreeSet<Clean> = BTreeSet::new();
        for run in self.runs.iter().flatten() {
            contexts.extend(run.datasets.iter().map(|d| d.context.clone()));
        }
        for context in contexts {
            let values = self.each(|run| {
                let found: Vec<String> = run
                    .datasets
                    .iter()
                    .filter(|d| d.context == context)
                    .map(|d| format!("{} {}", d.name, d.digest))
                    .collect();
                text(found.join(", "))
            });
            let name = if context.is_empty() {
                Clean::name("dataset")
            } else {
                context
            };
            rows.push(Compared::new(Kind::Data, name, values));
        }
        let fact = |name: &str, values| Compared::new(Kind::Fact, Clean::name(name), values);
        rows.push(fact(
            "status",
            self.each(|run| text(run.status.word().to_owned())),
        ));
        rows.push(fact(
            "started",
            self.each(|run| text(format!("{}Z", run.started.day_minute()))),
        ));
        rows.push(fact(
            "took",
            self.each(|run| match run.ended {
                Some(end) if !run.status.is_live() => text(length(end.since(run.started))),
                _ => text(format!("{} so far", age(now.since(run.started)))),
            }),
        ));
        rows.push(fact("user", self.each(|run| text(run.user.to_string()))));
        for (label, tag) in [
            ("git", "mlflow.source.git.commit"),
            ("source", "mlflow.source.name"),
        ] {
            let values =
                self.each(|run| run.tag(tag).map_or(Value::Absent, |v| text(v.to_string())));
            rows.push(fact(label, values));
        }
        let tags = self.named(Kind::Tag, |run| &run.tags);
        rows.extend(
            tags.into_iter()
                .filter(|row| !is_machine_tag(row.name.as_str())),
        );
        rows.retain(|row| row.values.iter().any(|v| *v != Value::Absent));
        rows
    }

    fn each(&self, value: impl Fn(&Run) -> Value) -> Vec<Value> {
        let of = |run: &Option<Run>| run.as_ref().map_or(Value::Absent, &value);
        self.runs.iter().map(of).collect()
    }

    fn named<'a>(
        &'a self,
        kind: Kind,
        pairs: impl Fn(&'a Run) -> &'a [(Clean, Clean)],
    ) -> Vec<Compared> {
        let mut rows: BTreeMap<&Clean, Vec<Value>> = BTreeMap::new();
        for (i, run) in self.runs.iter().enumerate() {
            for (name, value) in run.as_ref().map_or(&[][..], &pairs) {
                let values = rows
                    .entry(name)
                    .or_insert_with(|| vec![Value::Absent; self.runs.len()]);
                values[i] = Value::Text(value.to_string());
            }
        }
        rows.into_iter()
            .map(|(name, values)| Compared::new(kind, name.clone(), values))
            .collect()
    }

    /// The lines of the chosen metric, by run.
    pub(super) fn lines_of(&self, metric: &Key) -> Vec<(usize, &Line)> {
        (0..self.runs.len())
            .filter_map(|i| Some((i, self.lines.get(&(metric.clone(), i))?)))
            .collect()
    }

    /// All samples' ends of the chosen metric.
    pub(super) fn extent(&self) -> Option<(f64, f64)> {
        let metric = self.metrics.get(self.chosen)?;
        self.lines_of(&metric.key)
            .into_iter()
            .filter_map(|(_, line)| line.extent())
            .reduce(|(a, b), (c, d)| (a.min(c), b.max(d)))
    }

    pub(super) fn lay(&mut self) {
        for ((metric, i), line) in &mut self.lines {
            let started = self.runs[*i].as_ref().map_or(Millis(0), |r| r.started);
            line.lay(metric.raw(), self.laid, started, &[]);
        }
    }

    pub(super) fn wanted(&self, cx: &Cx<'_>) -> Vec<Want> {
        let mut wants = Vec::new();
        let mut groups: BTreeMap<_, Vec<RunKey>> = BTreeMap::new();
        let mut live = false;
        for (key, run) in self.shown().iter().zip(&self.runs) {
            let Some(source) = source_of(&key.tracker, cx) else {
                continue;
            };
            let is_live = run.as_ref().is_some_and(|r| r.status.is_live());
            live |= is_live;
            wants.push(Want {
                source: source.clone(),
                query: Query::Run(key.clone()),
                every: is_live.then_some(LIVE),
            });
            groups.entry(source).or_default().push(key.clone());
        }
        if let Some(metric) = self.metrics.get(self.chosen) {
            for (source, runs) in groups {
                wants.push(Want {
                    source,
                    query: Query::History {
                        runs: runs.into(),
                        metric: metric.key.clone(),
                        points: POINTS,
                        from_step: None,
                    },
                    every: live.then_some(REREAD),
                });
            }
        }
        wants
    }

    pub(super) fn answer(&mut self, query: &Query, result: &Result<Detail, Fault>, now: Millis) {
        let at = |key: &RunKey| self.shown().iter().position(|k| k == key);
        match (query, result) {
            (Query::Run(key), Ok(Detail::Run(run))) => {
                if let Some(i) = at(key) {
                    self.runs[i] = Some((**run).clone());
                    self.read[i] = true;
                    self.faults[i] = None;
                    self.index(now);
                }
            }
            (Query::Run(key), Err(fault)) => {
                if let Some(i) = at(key) {
                    self.faults[i] = Some(Clean::text(&fault.line()));
                }
            }
            (Query::History { metric, .. }, Ok(Detail::History(all))) => {
                self.refused.remove(metric);
                for history in all {
                    let Some(i) = self.shown().iter().position(|k| *k == history.run) else {
                        continue;
                    };
                    let started = self.runs[i].as_ref().map_or(Millis(0), |r| r.started);
                    let line = self.lines.entry((metric.clone(), i)).or_default();
                    line.read(&history.points, history.sampled);
                    line.lay(metric.raw(), self.laid, started, &[]);
                }
            }
            (Query::History { metric, .. }, Err(fault)) => {
                self.refused
                    .insert(metric.clone(), Clean::text(&fault.line()));
            }
            _ => {}
        }
    }
}

fn text(value: String) -> Value {
    if value.is_empty() {
        Value::Absent
    } else {
        Value::Text(value)
    }
}
