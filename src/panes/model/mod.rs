//! The page of one model: its versions, what the selected one was made of, its deployments and its
//! timeline.

mod details;
mod facts;
mod lists;
mod page;
mod part;
mod signals;
mod text;
mod update;
mod versions;
mod view;

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use self::page::{Last, Page};
use self::part::Part;
use super::lens::Lens;
use super::{Ask, Cx, Pane, Place, Thing, Want};
use crate::domain::alert::Alert;
use crate::domain::change::Change;
use crate::domain::fault::Fault;
use crate::domain::key::{Key, ModelKey, RunKey};
use crate::domain::last_known::Held;
use crate::domain::query::{Detail, Focus, Query};
use crate::domain::run::Run;
use crate::domain::text::Clean;
use crate::domain::time::Millis;
use crate::intent::command::{Command, Scope};
use crate::ui::hits::{Hits, Target};
use crate::ui::look::Look;
use crate::ui::symbols::Symbols;
use crate::ui::table::TableState;

/// Where the row numbers of the deployments begin among the page's regions.
const ENDPOINT_ROWS: usize = 1 << 24;

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
    quality: TableState,
    courses: signals::Courses,
    lens: Lens,
    runs: HashMap<RunKey, Run>,
    faults: HashMap<Query, Fault>,
    metric: Option<(Clean, bool)>,
    last: Option<Last>,
    seen: Option<u64>,
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
            quality: TableState::default(),
            courses: signals::Courses::new(),
            lens: Lens::default(),
            runs: HashMap::new(),
            faults: HashMap::new(),
            metric: None,
            last: None,
            seen: None,
        }
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
        let metric = page::metric(&page, cx);
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

    fn scopes(&self) -> &'static [Scope] {
        if self.part.has_charts() {
            &[Scope::Chart, Scope::List]
        } else {
            &[Scope::List]
        }
    }

    fn update(&mut self, command: Command, cx: &Cx<'_>) -> Option<Vec<Ask>> {
        self.carry_out(command, cx)
    }

    fn disabled(&self, command: Command, cx: &Cx<'_>) -> Option<Clean> {
        self.why_not(command, cx)
    }

    fn click(&mut self, target: Target, cx: &Cx<'_>) -> Vec<Ask> {
        self.press(target, cx)
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
            Part::Changes | Part::Signals | Part::Quality | Part::Alerts => model(),
        })
    }

    fn moment(&self, _cx: &Cx<'_>) -> Option<Millis> {
        let cursor = self.lens.cursor.filter(|_| self.part.has_charts());
        cursor.map(|x| Millis(x as i64))
    }

    fn focus(&self, cx: &Cx<'_>) -> Focus {
        self.fast(cx)
    }

    fn wants(&self, cx: &Cx<'_>) -> Vec<Want> {
        self.asks(cx)
    }

    fn fetched(
        &mut self,
        query: &Query,
        result: &Result<Detail, Fault>,
        _asked_at: Millis,
        _cx: &Cx<'_>,
    ) -> Vec<Ask> {
        self.take(query, result);
        Vec::new()
    }

    fn hints(&self) -> &'static [Command] {
        self.part.hints()
    }

    fn row_text(&self, cx: &Cx<'_>) -> Option<Clean> {
        self.line(cx)
    }

    fn markdown(&self, cx: &Cx<'_>) -> (Vec<String>, Vec<Vec<String>>) {
        self.table(cx)
    }

    fn view(&self, cx: &Cx<'_>, look: &Look, area: Rect, buf: &mut Buffer) -> Hits {
        view::draw(self, cx, look, area, buf)
    }
}
