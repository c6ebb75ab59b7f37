//! Models: every registered model, one line each: what is champion, what is really served, how good it
//! is and how fresh the facts are.

mod columns;
mod view;

#[cfg(test)]
pub(super) mod testing;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

pub(super) use self::view::{fresh_role, level_spans, reason_lines, skew_role};

use self::columns::{Col, SortKey};
use super::list::{self, List, Listing, Made};
use super::{Ask, Choice, Cx, Pane, Place, Thing, Want, runs_behind, signal};
use crate::domain::change::{ChangeKind, Subject};
use crate::domain::fleet::view::{ModelSignals, ModelView};
use crate::domain::key::ModelKey;
use crate::domain::query::{Focus, Query};
use crate::domain::signal::Measure;
use crate::domain::text::Clean;
use crate::domain::wiring::version_text;
use crate::intent::command::{Command, Scope};
use crate::intent::filter::Searchable;
use crate::intent::preference::Preference;
use crate::ui::hits::Hits;
use crate::ui::look::Look;

/// How wide texts are over all rows, so that columns do not jump while scrolling.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Widths {
    name: u16,
    served: u16,
    metric: u16,
    owner: u16,
}

/// The pane's state: which rows and columns, in which order, and the cursor.
#[derive(Debug)]
pub struct Models {
    list: List<ModelKey>,
    widths: Widths,
    /// Whether every row's facts are fresh: then the column that says so may go first.
    fresh: bool,
    /// Whether any model has signals or alerts: else their columns say nothing.
    monitored: bool,
    sort: Col,
    descending: bool,
    columns: Vec<Col>,
    made: Made,
    /// Models that a verb is meant for, whatever the filter hides.
    marks: BTreeSet<ModelKey>,
}

impl Default for Models {
    fn default() -> Self {
        Self {
            list: List::default(),
            widths: Widths::default(),
            fresh: true,
            monitored: false,
            sort: Col::Level,
            descending: Col::Level.descends(),
            columns: Col::ALL.into_iter().filter(|c| c.usual()).collect(),
            made: Made::default(),
            marks: BTreeSet::new(),
        }
    }
}

impl Models {
    /// The pane before its first frame.
    pub fn new() -> Self {
        Self::default()
    }

    fn current<'a>(&self, cx: &Cx<'a>) -> Option<&'a ModelView> {
        cx.fleet.model(self.list.current()?)
    }

    /// The columns that have something to say.
    fn told(&self) -> impl Iterator<Item = &Col> {
        let silent = |c: &Col| c.watches() && !self.monitored;
        self.columns.iter().filter(move |c| !silent(c))
    }

    /// Moves the column cursor among the columns that fit.
    fn step_column(&mut self, right: bool, cx: &Cx<'_>) {
        let places = view::places(self, cx.screen.0);
        let at = places
            .iter()
            .position(|i| Some(*i) == self.list.table.column);
        let next = match (at, right) {
            (None, _) => 0,
            (Some(at), true) => (at + 1).min(places.len().saturating_sub(1)),
            (Some(at), false) => at.saturating_sub(1),
        };
        self.list.table.column = places.get(next).copied();
    }

    /// Sorts by a column, or turns the order round if it sorts already.
    fn sort_by(&mut self, col: Col, cx: &Cx<'_>) {
        if self.sort == col {
            self.descending = !self.descending;
        } else {
            self.sort = col;
            self.descending = col.descends();
        }
        self.reindex(cx);
    }

    fn sort_next(&mut self, cx: &Cx<'_>) {
        let chosen = self
            .list
            .table
            .column
            .and_then(|i| self.columns.get(i))
            .copied();
        let col = chosen.unwrap_or_else(|| {
            let at = self.columns.iter().position(|c| *c == self.sort);
            let mut next = at.map_or(0, |at| (at + 1) % self.columns.len());
            // Level and model always have something to say, so the round ends.
            while self.columns[next].watches() && !self.monitored {
                next = (next + 1) % self.columns.len();
            }
            self.columns[next]
        });
        self.sort_by(col, cx);
    }

    /// The runs of the champions before, as far as they are not held: a movement needs them.
    fn runs_before<'a>(cx: &Cx<'_>, models: impl Iterator<Item = &'a ModelView>) -> Vec<Want> {
        let champion = &cx.fleet.settings().policy.champion;
        let want = |model: &ModelView| {
            let subject = Subject::Model(model.key.clone());
            let moves = cx.fleet.timeline(&subject).iter().rev();
            let last = moves
                .filter(
                    |c| matches!(&c.kind, ChangeKind::Alias(alias) if alias.as_str() == champion),
                )
                .find(|c| !c.from.is_empty())?;
            let versions = cx.fleet.versions(&model.key);
            let before = versions
                .iter()
                .find(|held| version_text(&held.fact.key.version) == last.from)?;
            let run = before.fact.run.clone()?;
            cx.fleet.runs().find(&run).is_none().then(|| Want {
                source: before.source.clone(),
                query: Query::Run(run),
                every: None,
            })
        };
        models.filter_map(want).collect()
    }
}

/// A model as the filter sees it.
struct Searched<'a> {
    model: &'a ModelView,
    cx: &'a Cx<'a>,
}

impl Searched<'_> {
    fn tags(&self) -> &[(Clean, Clean)] {
        self.cx
            .fleet
            .registered(&self.model.key)
            .map_or(&[], |held| &held.fact.tags)
    }
}

impl Searchable for Searched<'_> {
    fn any_text(&self, each: &mut dyn FnMut(&str) -> bool) -> bool {
        let m = self.model;
        each(m.name.as_str())
            || each(m.level().word())
            || m.owner.as_ref().is_some_and(|o| each(o.as_str()))
            || m.skew.is_some_and(|s| each(s.word()))
            || m.verdict.reasons.iter().any(|r| each(r.text.as_str()))
            || self
                .tags()
                .iter()
                .any(|(k, v)| each(k.as_str()) || each(v.as_str()))
    }

    fn text_of(&self, column: &str) -> Option<String> {
        let col = match column {
            "name" | "model" => Col::Model,
            "level" => Col::Level,
            "owner" => Col::Owner,
            "champion" => Col::Champion,
            "challenger" => Col::Challenger,
            "served" => Col::Served,
            "skew" => Col::Skew,
            "metric" => Col::Metric,
            "newest" => Col::Newest,
            "read" => return Some(columns::freshness(self.model, self.cx).word().to_owned()),
            "why" => {
                let reasons = self.model.verdict.reasons.iter();
                let texts: Vec<&str> = reasons.map(|r| r.text.as_str()).collect();
                return Some(texts.join(" · "));
            }
            "tag" => {
                let pairs = self.tags().iter().map(|(k, v)| format!("{k}={v}"));
                return Some(pairs.collect::<Vec<_>>().join(" "));
            }
            other => {
                let key = other.strip_prefix("tag.")?;
                let value = crate::domain::model::tag(self.tags(), key)?;
                return Some(value.to_string());
            }
        };
        Some(col.text(self.model, self.cx))
    }

    fn number_of(&self, column: &str) -> Option<f64> {
        let m = self.model;
        match column {
            "value" | "quality" => columns::value(m),
            "moved" => columns::moved(m),
            "drift" => m.signals.worst_drift()?.value,
            "errors" => m
                .signals
                .gauge(Measure::ErrorRatio)?
                .value
                .map(|v| v * 100.0),
            "p95" | "latency" => signal::latency(m)?.value.map(|v| v * 1e3),
            "requests" => m.signals.gauge(Measure::Requests)?.value,
            "alerts" => Some((m.signals.alerts.crit + m.signals.alerts.firing) as f64),
            "versions" => Some(m.versions as f64),
            "endpoints" => Some(m.deployments.len() as f64),
            "age" => {
                let created = m.newest.as_ref()?.created?;
                Some(self.cx.now.wall.since(created).as_secs_f64() / 86_400.0)
            }
            metric => {
                let quality = m.quality.as_ref().filter(|q| q.metric == metric)?;
                quality.champion
            }
        }
    }
}

impl Pane for Models {
    fn place(&self) -> Place {
        Place::Models
    }

    fn title(&self, _cx: &Cx<'_>) -> Clean {
        Clean::name("Models")
    }

    fn restore(&mut self, preference: Preference, value: &str) -> Result<(), String> {
        if preference != Preference::ModelsColumns {
            return Ok(());
        }
        let (known, unknown): (Vec<&str>, Vec<&str>) = value
            .split_whitespace()
            .partition(|title| Col::ALL.iter().any(|c| c.title() == *title));
        if !known.is_empty() {
            self.columns = Col::ALL
                .into_iter()
                .filter(|c| !c.optional() || known.contains(&c.title()))
                .collect();
            self.list.table.column = None;
            if !self.columns.contains(&self.sort) {
                self.sort = Col::Level;
                self.descending = Col::Level.descends();
            }
        }
        match (known.is_empty(), unknown.as_slice()) {
            (true, []) => Err("no column is named".to_owned()),
            (false, []) => Ok(()),
            (_, unknown) => Err(format!("no columns are called {}", unknown.join(", "))),
        }
    }

    fn list(&mut self) -> Option<&mut dyn Listing> {
        Some(&mut self.list)
    }

    fn reindex(&mut self, cx: &Cx<'_>) {
        let mut widths = Widths::default();
        let mut fresh = true;
        let mut monitored = false;
        let mut keyed: Vec<(SortKey, &ModelView)> = Vec::with_capacity(cx.fleet.models().len());
        let wide = |w: usize| u16::try_from(w).unwrap_or(u16::MAX);
        for model in cx.fleet.models() {
            monitored |= model.signals != ModelSignals::default();
            if !self.list.filter.keeps(&Searched { model, cx }) {
                continue;
            }
            // With room for the mark that its row shows.
            let mark = model.marks().next().map_or(0, |(word, _)| word.len() + 1);
            widths.name = widths.name.max(wide(model.name.width() + mark));
            widths.served = widths.served.max(wide(model.served.width()));
            let metric = model.quality.as_ref().map_or(0, |q| q.metric.width());
            widths.metric = widths.metric.max(wide(metric));
            let owner = model.owner.as_ref().map_or(0, Clean::width);
            widths.owner = widths.owner.max(wide(owner));
            fresh &= view::is_fresh(model, cx);
            keyed.push((self.sort.sort_key(model, cx), model));
        }
        keyed.sort_by(|(a, x), (b, y)| {
            a.order(b, self.descending)
                .then_with(|| x.name.cmp(&y.name))
                .then_with(|| x.key.cmp(&y.key))
        });
        let rows = keyed.into_iter().map(|(_, m)| m.key.clone()).collect();
        self.list.set(rows, cx.fleet.models().len(), ModelKey::eq);
        self.widths = widths;
        self.fresh = fresh;
        self.monitored = monitored;
    }

    fn refresh(&mut self, cx: &Cx<'_>) {
        let rested = self.made.rested(self.list.rows.len(), cx.now.mono);
        if rested && self.list.follows(cx.fleet.revision()) {
            self.reindex(cx);
            self.made.again(cx.now.mono);
        }
    }

    fn update(&mut self, command: Command, cx: &Cx<'_>) -> Option<Vec<Ask>> {
        let hint = "words, !word, owner:risk, skew:behind, errors>1, drift>0.2, alerts>0, moved<0";
        if let Some(asks) = list::command(self, command, hint, cx) {
            return Some(asks);
        }
        match command {
            Command::Open => {
                let key = self.list.current()?.clone();
                return Some(vec![Ask::Open(Place::Model(key))]);
            }
            Command::Left => self.step_column(false, cx),
            Command::Right => self.step_column(true, cx),
            Command::Sort => self.sort_next(cx),
            Command::Columns => {
                let rows = Col::ALL.into_iter().filter(|c| c.optional()).map(|c| {
                    let text = format!("{:<11} {}", c.title(), c.doc());
                    (Clean::text(&text), Some(self.columns.contains(&c)))
                });
                return Some(vec![Ask::Choose(Choice {
                    title: "columns",
                    rows: rows.collect(),
                    several: true,
                })]);
            }
            Command::Mark => {
                let key = self.list.current()?.clone();
                if !self.marks.remove(&key) {
                    self.marks.insert(key);
                }
                self.list.table.down(self.list.rows.len());
            }
            Command::Unmark => self.marks.clear(),
            Command::Back if self.list.table.column.is_some() => self.list.table.column = None,
            _ => return None,
        }
        Some(Vec::new())
    }

    fn disabled(&self, command: Command, cx: &Cx<'_>) -> Option<Clean> {
        let selects = matches!(
            command,
            Command::Open | Command::CopyRow | Command::Menu | Command::History | Command::Mark
        );
        if command == Command::Unmark && self.marks.is_empty() {
            return Some(Clean::name("no model is marked"));
        }
        let why = match self.current(cx) {
            None if selects && self.list.all > 0 => "no model passes the filter",
            None if selects => "no model is known",
            _ => return None,
        };
        Some(Clean::name(why))
    }

    fn click_column(&mut self, index: usize, cx: &Cx<'_>) -> Vec<Ask> {
        if let Some(col) = self.columns.get(index).copied() {
            self.sort_by(col, cx);
        }
        Vec::new()
    }

    fn chosen(&mut self, index: usize, cx: &Cx<'_>) -> Vec<Ask> {
        let Some(col) = Col::ALL.into_iter().filter(|c| c.optional()).nth(index) else {
            return Vec::new();
        };
        let on = !self.columns.contains(&col);
        self.columns = Col::ALL
            .into_iter()
            .filter(|c| {
                if *c == col {
                    on
                } else {
                    self.columns.contains(c)
                }
            })
            .collect();
        self.list.table.column = None;
        if !self.columns.contains(&self.sort) {
            self.sort = Col::Level;
            self.descending = Col::Level.descends();
            self.reindex(cx);
        }
        let names: Vec<&str> = self.columns.iter().map(|c| c.title()).collect();
        vec![Ask::Prefer(Preference::ModelsColumns, names.join(" "))]
    }

    fn select(&mut self, thing: &Thing, _cx: &Cx<'_>) {
        let key = match thing {
            Thing::Model(key) => key,
            Thing::Version(version) => &version.model,
            _ => return,
        };
        self.list.select(|k| k == key);
    }

    fn scopes(&self) -> &'static [Scope] {
        &[Scope::Marks, Scope::List]
    }

    fn marked(&self) -> Vec<Thing> {
        self.marks.iter().cloned().map(Thing::Model).collect()
    }

    fn selected(&self, _cx: &Cx<'_>) -> Option<Thing> {
        self.list.current().cloned().map(Thing::Model)
    }

    fn focus(&self, _cx: &Cx<'_>) -> Focus {
        Focus {
            models: self.list.visible().iter().cloned().collect::<BTreeSet<_>>(),
            ..Focus::default()
        }
    }

    fn wants(&self, cx: &Cx<'_>) -> Vec<Want> {
        let shown = || self.list.visible().iter().filter_map(|k| cx.fleet.model(k));
        let mut wants = runs_behind(cx, shown());
        for want in Self::runs_before(cx, shown()) {
            if !wants.iter().any(|w| w.query == want.query) {
                wants.push(want);
            }
        }
        wants
    }

    fn hints(&self) -> &'static [Command] {
        &[
            Command::Open,
            Command::Filter,
            Command::Promote,
            Command::Sort,
            Command::History,
            Command::Mark,
        ]
    }

    fn row_text(&self, cx: &Cx<'_>) -> Option<Clean> {
        let model = self.current(cx)?;
        let cells: Vec<String> = self.told().map(|c| c.text(model, cx)).collect();
        Some(Clean::text(&cells.join("  ")))
    }

    fn markdown(&self, cx: &Cx<'_>) -> (Vec<String>, Vec<Vec<String>>) {
        let titles = self.told().map(|c| c.title().to_owned());
        let models = self.list.rows.iter().filter_map(|k| cx.fleet.model(k));
        let cells = |m: &ModelView| self.told().map(|c| c.text(m, cx)).collect();
        (titles.collect(), models.map(cells).collect())
    }

    fn view(&self, cx: &Cx<'_>, look: &Look, area: Rect, buf: &mut Buffer) -> Hits {
        view::draw(self, cx, look, area, buf)
    }
}
