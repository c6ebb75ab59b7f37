//! The page of one model: its versions, what the selected one was made of, its deployments and its
//! timeline.

mod facts;
mod part;
mod signals;
mod versions;
mod view;

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use self::part::Part;
use super::{Ask, Cx, Pane, Place, Thing, Want, move_in, runs_behind};
use crate::domain::alert::Alert;
use crate::domain::change::{Change, Subject};
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::fleet::view::{DeploymentView, ModelView, Pointed};
use crate::domain::key::{Key, ModelKey, RunKey, SourceId, VersionKey};
use crate::domain::last_known::Held;
use crate::domain::model::{Alias, ModelVersion, RegisteredModel, tag};
use crate::domain::query::{Detail, Focus, Query};
use crate::domain::rules::quality;
use crate::domain::run::Run;
use crate::domain::text::Clean;
use crate::domain::time::Millis;
use crate::intent::command::Command;
use crate::ui::hits::{Hits, Target};
use crate::ui::look::Look;
use crate::ui::symbols::Symbols;
use crate::ui::table::TableState;

/// How often versions, and details that could not be read, are asked for again.
const AGAIN: Duration = Duration::from_secs(60);
/// How many whole runs are kept for going up and down the list.
const RUNS_KEPT: usize = 64;
/// Where the row numbers of the deployments begin among the page's regions.
const ENDPOINT_ROWS: usize = 1 << 24;

/// What was last known of the model, for the day it vanishes.
#[derive(Clone, Debug)]
struct Last {
    view: ModelView,
    registered: Held<RegisteredModel>,
    versions: Vec<Held<ModelVersion>>,
}

/// The page's state: which version and deployment are selected, and the details that were read.
#[derive(Debug)]
pub struct ModelPage {
    key: ModelKey,
    part: Part,
    rows: Vec<Key>,
    versions: TableState,
    endpoints: TableState,
    facts: TableState,
    changes: TableState,
    alerts: TableState,
    signals: TableState,
    courses: signals::Courses,
    runs: HashMap<RunKey, Run>,
    faults: HashMap<Query, Fault>,
    metric: Option<(Clean, bool)>,
    last: Option<Last>,
    seen: Option<u64>,
}

/// The model as the page shows it: as it is, or as it was last known.
#[derive(Clone, Copy, Debug)]
struct Page<'a> {
    state: &'a ModelPage,
    view: &'a ModelView,
    registered: &'a Held<RegisteredModel>,
    versions: &'a [Held<ModelVersion>],
    /// Whether the registry no longer holds it.
    gone: bool,
}

impl Page<'_> {
    fn champion(&self) -> Option<&Pointed> {
        self.view.champion.as_ref()
    }

    fn version(&self, key: &Key) -> Option<&ModelVersion> {
        let all = self.versions.iter().map(|held| &held.fact);
        all.into_iter().find(|v| v.key.version == *key)
    }

    /// The selected version.
    fn selected(&self) -> Option<&ModelVersion> {
        self.version(self.state.selected_key()?)
    }

    /// The aliases that name a version, as the registered model has them.
    fn aliases(&self, version: &Key) -> impl Iterator<Item = &Alias> {
        let all = self.registered.fact.aliases.iter();
        all.filter(move |alias| alias.version == *version)
    }

    fn run(&self, key: &RunKey, cx: &Cx<'_>) -> Option<Run> {
        facts::held_run(self.state.runs.get(key), key, cx)
    }

    fn fault(&self, key: &RunKey) -> Option<String> {
        let fault = self.state.faults.get(&Query::Run(key.clone()));
        fault.map(Fault::line)
    }

    fn package_fault(&self, key: &VersionKey) -> Option<String> {
        let fault = self.state.faults.get(&Query::Package(key.clone()));
        fault.map(Fault::line)
    }

    /// The quality metric of a version, as far as its run is held.
    fn quality(&self, version: &ModelVersion, cx: &Cx<'_>) -> Option<f64> {
        let (metric, _) = self.state.metric.as_ref()?;
        facts::metric_of(version.run.as_ref()?, metric, cx)
    }

    /// The same of the champion.
    fn champion_quality(&self, cx: &Cx<'_>) -> Option<f64> {
        self.quality(self.version(&self.champion()?.key)?, cx)
    }

    fn deployments<'b>(&self, cx: &Cx<'b>) -> Vec<&'b DeploymentView> {
        let keys = self.view.deployments.iter();
        keys.filter_map(|k| cx.fleet.deployment(k)).collect()
    }
}

impl ModelPage {
    /// The page of a model before its first frame.
    pub fn new(key: ModelKey) -> Self {
        Self {
            key,
            part: Part::default(),
            rows: Vec::new(),
            versions: TableState::default(),
            endpoints: TableState::default(),
            facts: TableState::default(),
            changes: TableState::default(),
            alerts: TableState::default(),
            signals: TableState::default(),
            courses: signals::Courses::new(),
            runs: HashMap::new(),
            faults: HashMap::new(),
            metric: None,
            last: None,
            seen: None,
        }
    }

    fn page<'a>(&'a self, cx: &Cx<'a>) -> Option<Page<'a>> {
        let now = cx
            .fleet
            .model(&self.key)
            .zip(cx.fleet.registered(&self.key));
        if let Some((view, registered)) = now {
            return Some(Page {
                state: self,
                view,
                registered,
                versions: cx.fleet.versions(&self.key),
                gone: false,
            });
        }
        self.last.as_ref().map(|last| Page {
            state: self,
            view: &last.view,
            registered: &last.registered,
            versions: &last.versions,
            gone: true,
        })
    }

    fn selected_key(&self) -> Option<&Key> {
        self.rows.get(self.versions.selected_in(self.rows.len())?)
    }

    fn reindex(&mut self, cx: &Cx<'_>) {
        let before = self.selected_key().cloned();
        let Some(page) = self.page(cx) else {
            return;
        };
        let rows: Vec<Key> = page
            .versions
            .iter()
            .map(|h| h.fact.key.version.clone())
            .collect();
        let metric = metric(&page, cx);
        let start = page.champion().map(|c| c.key.clone());
        let last = (!page.gone).then(|| Last {
            view: page.view.clone(),
            registered: page.registered.clone(),
            versions: page.versions.to_vec(),
        });
        self.rows = rows;
        self.metric = metric;
        if last.is_some() {
            self.last = last;
        }
        // The first look is at the champion: that is what answers for the model.
        if let Some(key) = before.or(start) {
            self.versions
                .reselect(self.rows.len(), |i| self.rows[i] == key);
        }
    }

    /// The changes inside the time range, oldest first.
    fn changes<'a>(&self, cx: &Cx<'a>) -> Vec<&'a Change> {
        let from = cx.now.wall.minus(cx.window.0);
        let mut all = cx.fleet.model_timeline(&self.key);
        all.retain(|c| c.not_after >= from);
        all
    }

    /// Its alerts, each once, loudest first.
    fn alerts(&self, cx: &Cx<'_>) -> Vec<Held<Alert>> {
        cx.fleet.joined_alerts_of(&self.key)
    }

    fn fact_lines(&self, cx: &Cx<'_>) -> Vec<facts::Line> {
        let Some(page) = self.page(cx) else {
            return Vec::new();
        };
        let width = view::facts_width(cx.screen.0);
        page.selected().map_or_else(Vec::new, |version| {
            facts::lines(&page, version, cx, &Symbols::UNICODE, width)
        })
    }

    /// How long the list of a part is.
    fn len_of(&self, part: Part, cx: &Cx<'_>) -> usize {
        match part {
            Part::Versions => self.rows.len(),
            Part::Facts => self.fact_lines(cx).len(),
            Part::Signals => self.page(cx).map_or(0, |p| signals::len(p.view)),
            Part::Alerts => self.alerts(cx).len(),
            Part::Deployments => self.page(cx).map_or(0, |p| p.deployments(cx).len()),
            Part::Changes => self.changes(cx).len(),
        }
    }

    fn table_of(&mut self, part: Part) -> &mut TableState {
        match part {
            Part::Versions => &mut self.versions,
            Part::Facts => &mut self.facts,
            Part::Signals => &mut self.signals,
            Part::Alerts => &mut self.alerts,
            Part::Deployments => &mut self.endpoints,
            Part::Changes => &mut self.changes,
        }
    }

    /// Moves in the part that has the keyboard: lists by their selection, the rest by its lines.
    fn moved(&mut self, command: Command, cx: &Cx<'_>) -> bool {
        let part = self.part;
        let len = self.len_of(part, cx);
        let table = self.table_of(part);
        if matches!(
            part,
            Part::Versions | Part::Deployments | Part::Signals | Part::Alerts
        ) {
            let moved = move_in(table, command, len);
            if moved && part == Part::Versions {
                self.facts = TableState {
                    page: self.facts.page,
                    ..TableState::default()
                };
            }
            return moved;
        }
        // Text has no selection: a step moves what is seen, and stops when the end is seen.
        let last = len.saturating_sub(table.page.max(1));
        let page = table.page.max(2) - 1;
        table.offset = match command {
            Command::Up => table.offset.saturating_sub(1),
            Command::Down => table.offset + 1,
            Command::HalfUp => table.offset.saturating_sub(page / 2 + 1),
            Command::HalfDown => table.offset + page / 2 + 1,
            Command::PageUp => table.offset.saturating_sub(page),
            Command::PageDown => table.offset + page,
            Command::First => 0,
            Command::Last => last,
            _ => return false,
        }
        .min(last);
        true
    }

    fn step_part(&mut self, by: isize) {
        let all = Part::ALL.len();
        let at = self.part.at().saturating_add_signed(by).min(all - 1);
        self.part = Part::ALL[at];
    }

    fn open(&self, cx: &Cx<'_>) -> Option<Vec<Ask>> {
        let page = self.page(cx)?;
        match self.part {
            Part::Versions => None,
            Part::Facts => {
                let run = page.selected()?.run.clone()?;
                Some(vec![Ask::Open(Place::Run(run))])
            }
            Part::Signals => Some(vec![Ask::Open(Place::Features(self.key.clone()))]),
            Part::Alerts => {
                let all = self.alerts(cx);
                let at = self.alerts.selected_in(all.len())?;
                Some(vec![Ask::Open(Place::Alert(all[at].fact.key.clone()))])
            }
            Part::Deployments => {
                let all = page.deployments(cx);
                let at = self.endpoints.selected_in(all.len())?;
                let thing = Thing::Deployment(all[at].key.clone());
                Some(vec![Ask::Show(Place::Deployments, thing)])
            }
            Part::Changes => {
                let subject = Subject::Model(self.key.clone());
                Some(vec![Ask::Open(Place::History(subject))])
            }
        }
    }
}

fn want(source: &SourceId, query: Query, every: Option<Duration>) -> Want {
    Want {
        source: source.clone(),
        query,
        every,
    }
}

/// The quality metric: the model's own, else one that the runs of its versions have.
fn metric(page: &Page<'_>, cx: &Cx<'_>) -> Option<(Clean, bool)> {
    if let Some(quality) = &page.view.quality {
        return Some((quality.metric.clone(), quality.higher_is_better));
    }
    let set = cx.fleet.settings().models.get(page.view.key.name.raw());
    let tagged = tag(&page.registered.fact.tags, "quarterdeck.metric");
    let named = set
        .and_then(|s| s.metric.as_deref())
        .or(tagged.map(Clean::as_str));
    let have = |metric: &str| {
        let metric = Clean::name(metric);
        let runs = page.versions.iter().filter_map(|h| h.fact.run.as_ref());
        runs.take(20)
            .any(|run| facts::metric_of(run, &metric, cx).is_some())
    };
    let name = quality::choose(named, have)?;
    let higher = set
        .and_then(|s| s.higher_is_better)
        .unwrap_or_else(|| quality::higher_is_better(name));
    Some((Clean::name(name), higher))
}

impl Pane for ModelPage {
    fn place(&self) -> Place {
        Place::Model(self.key.clone())
    }

    fn title(&self, cx: &Cx<'_>) -> Clean {
        self.page(cx)
            .map_or_else(|| self.key.name.clean(), |p| p.view.name.clone())
    }

    fn refresh(&mut self, cx: &Cx<'_>) {
        if self.seen != Some(cx.fleet.revision()) {
            self.reindex(cx);
            self.seen = Some(cx.fleet.revision());
        }
    }

    fn update(&mut self, command: Command, cx: &Cx<'_>) -> Option<Vec<Ask>> {
        if self.moved(command, cx) {
            return Some(Vec::new());
        }
        match command {
            Command::NextFocus => {
                self.part = Part::ALL[(self.part.at() + 1) % Part::ALL.len()];
            }
            Command::Left => self.step_part(-1),
            Command::Right => self.step_part(1),
            Command::Open if self.part == Part::Versions => self.part = Part::Facts,
            Command::Open => return self.open(cx),
            // What was opened with the return key is closed before the page is left.
            Command::Back if self.part == Part::Facts => self.part = Part::Versions,
            _ => return None,
        }
        Some(Vec::new())
    }

    fn disabled(&self, command: Command, cx: &Cx<'_>) -> Option<Clean> {
        let why = match command {
            Command::Open => {
                let page = self.page(cx);
                let run = page.and_then(|p| p.selected().map(|v| v.run.is_some()));
                match (self.part, run) {
                    (Part::Versions | Part::Facts, None) => "no version is known",
                    (Part::Facts, Some(false)) => "the registry names no run for this version",
                    (Part::Alerts, _) if self.alerts(cx).is_empty() => {
                        "no alert of this model is known"
                    }
                    (Part::Deployments, _) if self.len_of(Part::Deployments, cx) == 0 => {
                        "no deployment of this model is known"
                    }
                    _ => return None,
                }
            }
            Command::Sort => "versions are newest first",
            Command::Filter => "a page has no filter; 2 lists and filters all models",
            _ => return None,
        };
        Some(Clean::name(why))
    }

    fn click(&mut self, target: Target, cx: &Cx<'_>) -> Vec<Ask> {
        match target {
            Target::Row(index) if index >= ENDPOINT_ROWS => {
                let index = index - ENDPOINT_ROWS;
                let len = self.len_of(Part::Deployments, cx);
                let again = self.part == Part::Deployments
                    && self.endpoints.selected_in(len) == Some(index);
                self.part = Part::Deployments;
                if again {
                    return self.open(cx).unwrap_or_default();
                }
                self.endpoints.select(index, len);
            }
            Target::Row(index) if self.part == Part::Alerts => {
                let len = self.len_of(Part::Alerts, cx);
                if self.alerts.selected_in(len) == Some(index) {
                    return self.open(cx).unwrap_or_default();
                }
                self.alerts.select(index, len);
            }
            Target::Row(index) => {
                let len = self.rows.len();
                let again =
                    self.part == Part::Versions && self.versions.selected_in(len) == Some(index);
                self.part = if again { Part::Facts } else { Part::Versions };
                self.versions.select(index, len);
            }
            Target::Column(index) => {
                if let Some(part) = Part::ALL.get(index) {
                    self.part = *part;
                }
            }
            _ => {}
        }
        Vec::new()
    }

    fn scroll(&mut self, rows: i16, cx: &Cx<'_>) {
        let command = if rows < 0 { Command::Up } else { Command::Down };
        for _ in 0..rows.unsigned_abs().min(100) {
            self.moved(command, cx);
        }
    }

    fn set_page(&mut self, rows: u16) {
        let part = self.part;
        let len = self.rows.len();
        let table = self.table_of(part);
        if part == Part::Versions {
            table.set_page(rows, len);
        } else {
            table.page = usize::from(rows);
        }
    }

    fn select(&mut self, thing: &Thing, _cx: &Cx<'_>) {
        if let Thing::Version(version) = thing
            && let Some(at) = self.rows.iter().position(|k| *k == version.version)
        {
            self.versions.select(at, self.rows.len());
        }
    }

    fn selected(&self, cx: &Cx<'_>) -> Option<Thing> {
        let model = || Thing::Model(self.key.clone());
        let Some(page) = self.page(cx) else {
            return Some(model());
        };
        Some(match self.part {
            Part::Versions | Part::Facts => page
                .selected()
                .map_or_else(model, |v| Thing::Version(v.key.clone())),
            Part::Deployments => {
                let all = page.deployments(cx);
                let at = self.endpoints.selected_in(all.len());
                at.map_or_else(model, |at| Thing::Deployment(all[at].key.clone()))
            }
            Part::Changes | Part::Signals | Part::Alerts => model(),
        })
    }

    fn focus(&self, cx: &Cx<'_>) -> Focus {
        let run = self.page(cx).and_then(|p| p.selected()?.run.clone());
        Focus {
            models: BTreeSet::from([self.key.clone()]),
            // A finished run is read once; only a live one is worth a fast tick.
            run: run.filter(|r| self.runs.get(r).is_some_and(|r| r.status.is_live())),
            ..Focus::default()
        }
    }

    fn wants(&self, cx: &Cx<'_>) -> Vec<Want> {
        let Some(page) = self.page(cx).filter(|p| !p.gone) else {
            return Vec::new();
        };
        let source = &page.registered.source;
        let versions = Query::Versions(self.key.clone());
        let mut wants = vec![want(source, versions, Some(AGAIN))];
        let mut add = |query: Query, every| {
            if !wants.iter().any(|w: &Want| w.query == query) {
                wants.push(want(source, query, every));
            }
        };
        let selected = page.selected();
        let champion = page.champion().and_then(|c| page.version(&c.key));
        for version in selected.into_iter().chain(champion) {
            if cx.fleet.package(&version.key).is_none() {
                add(Query::Package(version.key.clone()), Some(AGAIN));
            }
        }
        if let Some(run) = selected.and_then(|v| v.run.as_ref())
            && !self.runs.contains_key(run)
            && !cx.fleet.is_run_gone(run)
        {
            add(Query::Run(run.clone()), Some(AGAIN));
        }
        // The quality of the versions in view rests on their runs.
        let page_rows = self.versions.page.clamp(8, 40);
        let shown = self.rows.iter().skip(self.versions.offset).take(page_rows);
        for run in shown.filter_map(|k| page.version(k)?.run.as_ref()) {
            if cx.fleet.runs().find(run).is_none() && !cx.fleet.is_run_gone(run) {
                add(Query::Run(run.clone()), None);
            }
        }
        for want in runs_behind(cx, [page.view]) {
            add(want.query, want.every);
        }
        if self.part == Part::Signals {
            wants.extend(signals::wants(page.view, cx));
        }
        wants
    }

    fn fetched(
        &mut self,
        query: &Query,
        result: &Result<Detail, Fault>,
        _asked_at: Millis,
        _cx: &Cx<'_>,
    ) -> Vec<Ask> {
        match result {
            Ok(detail) => {
                self.faults.remove(query);
                signals::take(&mut self.courses, query, detail);
                if let Detail::Run(run) = detail {
                    if self.runs.len() >= RUNS_KEPT {
                        self.runs.clear();
                    }
                    self.runs.insert(run.key.clone(), (**run).clone());
                }
            }
            // The fleet remembers what is definitely absent.
            Err(fault) if fault.kind == FaultKind::NotFound => {
                self.faults.remove(query);
            }
            Err(fault) => {
                if self.faults.len() >= RUNS_KEPT {
                    self.faults.clear();
                }
                self.faults.insert(query.clone(), fault.clone());
            }
        }
        Vec::new()
    }

    fn hints(&self) -> &'static [Command] {
        match self.part {
            Part::Versions => &[
                Command::Open,
                Command::NextFocus,
                Command::GoRun,
                Command::History,
                Command::GoEndpoint,
                Command::Link,
            ],
            Part::Facts => &[
                Command::Open,
                Command::NextFocus,
                Command::Down,
                Command::History,
                Command::Link,
            ],
            Part::Signals => &[
                Command::WhatChanged,
                Command::GoDrift,
                Command::NextFocus,
                Command::Wider,
                Command::Narrower,
            ],
            Part::Alerts => &[
                Command::Open,
                Command::WhatChanged,
                Command::NextFocus,
                Command::GoDrift,
                Command::CopyPane,
            ],
            Part::Deployments | Part::Changes => &[
                Command::Open,
                Command::NextFocus,
                Command::History,
                Command::Wider,
                Command::CopyPane,
            ],
        }
    }

    fn row_text(&self, cx: &Cx<'_>) -> Option<Clean> {
        let (_, rows) = self.markdown(cx);
        let at = match self.part {
            Part::Versions => self.versions.selected_in(rows.len())?,
            Part::Deployments => self.endpoints.selected_in(rows.len())?,
            Part::Facts => self.facts.offset,
            Part::Signals => self.signals.selected_in(rows.len())?,
            Part::Alerts => self.alerts.selected_in(rows.len())?,
            Part::Changes => rows.len().checked_sub(1)?,
        };
        Some(Clean::text(&rows.get(at)?.join("  ")))
    }

    fn markdown(&self, cx: &Cx<'_>) -> (Vec<String>, Vec<Vec<String>>) {
        let Some(page) = self.page(cx) else {
            return (vec![self.key.name.clean().to_string()], Vec::new());
        };
        match self.part {
            Part::Versions => versions::markdown(&page, cx),
            Part::Facts => {
                let lines = self.fact_lines(cx).into_iter().filter(|l| !l.is_empty());
                let text =
                    |line: facts::Line| line.iter().map(|s| s.text.as_ref()).collect::<String>();
                let title = page.selected().map_or_else(String::new, |v| {
                    format!(
                        "{} {}",
                        page.view.name,
                        crate::domain::wiring::version_text(&v.key.version)
                    )
                });
                (vec![title], lines.map(|l| vec![text(l)]).collect())
            }
            Part::Signals => signals::markdown(page.view, cx),
            Part::Alerts => signals::alerts_markdown(&self.alerts(cx), cx),
            Part::Deployments => {
                let titles = super::deployments::view::TITLES.iter();
                let all = page.deployments(cx).into_iter();
                let cells = |d| super::deployments::view::cells(d, cx.now.wall).to_vec();
                (
                    titles.map(|t| (*t).to_owned()).collect(),
                    all.map(cells).collect(),
                )
            }
            Part::Changes => {
                let titles = super::history::TITLES.iter().map(|t| (*t).to_owned());
                let all = self.changes(cx).into_iter();
                (
                    titles.collect(),
                    all.map(|c| super::history::cells(c, cx).to_vec()).collect(),
                )
            }
        }
    }

    fn view(&self, cx: &Cx<'_>, look: &Look, area: Rect, buf: &mut Buffer) -> Hits {
        view::draw(self, cx, look, area, buf)
    }
}
