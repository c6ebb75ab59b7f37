//! The drift of one model: its features ranked, the selected one large over time, all of them as a heat
//! strip, and how the selected one is distributed now and in the reference.

mod courses;
mod draw;
mod view;

use std::collections::HashMap;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::domain::drift::{ColumnDrift, DriftReport, Method};
use crate::domain::fault::Fault;
use crate::domain::fleet::features::Feature;
use crate::domain::fleet::view::ModelView;
use crate::domain::key::{ModelKey, SourceId};
use crate::domain::query::{Detail, Focus, Query};
use crate::domain::rules::blame::{self, Blame};
use crate::domain::settings::SourceKind;
use crate::domain::signal::{Measure, SignalKey, SignalSeries};
use crate::domain::text::Clean;
use crate::domain::time::Millis;
use crate::intent::command::{Command, Scope};
use crate::intent::filter::Searchable;
use crate::panes::lens::{Lens, Seen};
use crate::panes::list::{self, List, Listing};
use crate::panes::quality::{self, Quality};
use crate::panes::{Ask, Cx, Pane, Place, Thing, Want, move_in, signal};
use crate::ui::hits::{Hits, Target};
use crate::ui::look::Look;
use crate::ui::series::Sample;
use crate::ui::table::TableState;

/// A part of the page that can have the keyboard.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Part {
    #[default]
    Features,
    Series,
    Heat,
    Distributions,
    Quality,
}

impl Part {
    const ALL: [Self; 5] = [
        Self::Features,
        Self::Series,
        Self::Heat,
        Self::Distributions,
        Self::Quality,
    ];

    fn title(self) -> &'static str {
        match self {
            Self::Features => "features",
            Self::Series => "over time",
            Self::Heat => "heat strip",
            Self::Distributions => "distributions",
            Self::Quality => "quality",
        }
    }
}

/// Commands that need a chart under them.
const CHART: [Command; 7] = [
    Command::ZoomIn,
    Command::ZoomOut,
    Command::ZoomReset,
    Command::LogScale,
    Command::Cursor,
    Command::NextMarker,
    Command::PrevMarker,
];

/// What came of asking for the drift report.
type Report = Result<Option<Box<DriftReport>>, Clean>;

/// The page's state: the ranked features, how the chart is looked at, and what was read for it.
#[derive(Debug)]
pub struct Features {
    model: ModelKey,
    list: List<Feature>,
    part: Part,
    lens: Lens,
    /// Which metric or group of the quality is looked at.
    quality: TableState,
    blame: Option<Blame>,
    /// Courses over the time range, by measure: finer and longer than what the fleet holds.
    series: HashMap<Measure, Vec<SignalSeries>>,
    strips: Vec<SignalSeries>,
    report: Option<Report>,
    /// The newest report before this instant is wanted, where the chart's cursor named one.
    before: Option<Millis>,
}

impl Features {
    /// The page of a model before its first frame.
    pub fn new(model: ModelKey) -> Self {
        Self {
            model,
            list: List::default(),
            part: Part::default(),
            lens: Lens::default(),
            quality: TableState::default(),
            blame: None,
            series: HashMap::new(),
            strips: Vec::new(),
            report: None,
            before: None,
        }
    }

    fn view_of<'a>(&self, cx: &Cx<'a>) -> Option<&'a ModelView> {
        cx.fleet.model(&self.model)
    }

    /// The window that charts show: the part zoomed into, or the whole time range.
    fn window(&self, cx: &Cx<'_>) -> (f64, f64) {
        self.lens.window.unwrap_or_else(|| Self::whole(cx))
    }

    fn whole(cx: &Cx<'_>) -> (f64, f64) {
        let to = cx.now.wall;
        (to.minus(cx.window.0).0 as f64, to.0 as f64)
    }

    /// How good the model is read to be, as the page looks at it.
    fn quality_of<'a>(&'a self, model: &'a ModelView) -> Quality<'a> {
        Quality {
            model,
            courses: &self.series,
            lens: self.lens,
            state: &self.quality,
        }
    }

    /// The samples that the cursor steps along.
    fn steps(&self, cx: &Cx<'_>) -> Vec<Sample> {
        match (self.part, self.view_of(cx)) {
            (Part::Quality, Some(model)) => self.quality_of(model).points(cx),
            _ => self.points(cx),
        }
    }

    fn chart_command(&mut self, command: Command, cx: &Cx<'_>) -> bool {
        let full = Some(Self::whole(cx));
        let seen = Seen {
            full,
            points: &self.steps(cx),
            markers: &self.markers(cx),
        };
        self.lens.command(command, seen) || self.lens.shift(command, full)
    }

    fn turn_to(&mut self, part: Part) {
        self.part = part;
        if part == Part::Distributions {
            let at = self.lens.cursor.map(|x| Millis(x as i64));
            if at != self.before {
                self.before = at;
                self.report = None;
            }
        }
    }

    /// The sources that hold distributions.
    fn reporters(cx: &Cx<'_>) -> Vec<SourceId> {
        let all = cx.fleet.settings().sources.iter();
        all.filter(|s| s.kind == SourceKind::Evidently)
            .map(|s| SourceId::new(&s.name))
            .collect()
    }

    /// The column of the report that the selected feature is.
    fn column(&self) -> Option<&ColumnDrift> {
        let key = &self.list.current()?.gauge.key;
        // What a report calls them.
        let name = match key.measure {
            Measure::PredictionDrift => Clean::name("prediction"),
            Measure::TargetDrift => Clean::name("target"),
            _ => key.part.clean(),
        };
        let Some(Ok(Some(report))) = &self.report else {
            return None;
        };
        let exact = report.columns.iter().find(|c| c.column == name);
        let like = |c: &&ColumnDrift| c.column.as_str().eq_ignore_ascii_case(name.as_str());
        exact.or_else(|| {
            report
                .columns
                .iter()
                .find(like)
                .filter(|_| key.part.raw().is_empty())
        })
    }

    /// Whether distributions are on screen: only then is a report worth its size.
    fn shows_distributions(&self, screen: (u16, u16)) -> bool {
        self.part == Part::Distributions || view::is_wide(screen)
    }
}

/// A feature as the filter sees it.
struct Searched<'a>(&'a Feature);

impl Searchable for Searched<'_> {
    fn any_text(&self, each: &mut dyn FnMut(&str) -> bool) -> bool {
        each(&self.0.name()) || each(self.0.gauge.key.method.clean().as_str())
    }

    fn text_of(&self, column: &str) -> Option<String> {
        Some(match column {
            "feature" | "name" => self.0.name(),
            "method" => self.0.gauge.key.method.clean().to_string(),
            "state" => self.0.gauge.state.word().to_owned(),
            _ => return None,
        })
    }

    fn number_of(&self, column: &str) -> Option<f64> {
        match column {
            "score" => self.0.gauge.value,
            "n" => self.0.gauge.n.map(|n| n as f64),
            "importance" => self.0.importance,
            _ => None,
        }
    }
}

impl Pane for Features {
    fn place(&self) -> Place {
        Place::Features(self.model.clone())
    }

    fn title(&self, cx: &Cx<'_>) -> Clean {
        let name = self
            .view_of(cx)
            .map_or_else(|| self.model.name.clean(), |m| m.name.clone());
        Clean::name(&format!("Drift of {name}"))
    }

    fn scopes(&self) -> &'static [Scope] {
        &[Scope::Chart, Scope::List]
    }

    fn list(&mut self) -> Option<&mut dyn Listing> {
        Some(&mut self.list)
    }

    fn reindex(&mut self, cx: &Cx<'_>) {
        let Some(model) = self.view_of(cx) else {
            self.list.set(Vec::new(), 0, |_, _| false);
            return;
        };
        let gauges = signal::gauges(model, cx);
        self.blame = blame::judge(&gauges);
        let mut rows = cx.fleet.features(model, &gauges);
        // Of each feature the score that counts, and beside it one of each other method: the chart splits by
        // version.
        let mut shown: Vec<SignalKey> = Vec::new();
        rows.retain(|f| {
            let key = &f.gauge.key;
            let is = |k: &SignalKey| {
                (k.measure, &k.part) == (key.measure, &key.part)
                    && Method::is_same(k.method.raw(), key.method.raw())
            };
            let new = !shown.iter().any(is);
            if new {
                shown.push(key.clone());
            }
            new
        });
        let all = rows.len();
        rows.retain(|f| self.list.filter.keeps(&Searched(f)));
        self.list.set(rows, all, |a, b| a.gauge.key == b.gauge.key);
        if !self.list.chosen {
            self.list.table.home(self.list.rows.len());
        }
    }

    fn update(&mut self, command: Command, cx: &Cx<'_>) -> Option<Vec<Ask>> {
        if self.chart_command(command, cx) {
            return Some(Vec::new());
        }
        let measured = || self.view_of(cx).map_or(0, |m| quality::rows(m, cx).len());
        if self.part == Part::Quality {
            let len = measured();
            if move_in(&mut self.quality, command, len) {
                return Some(Vec::new());
            }
        }
        match command {
            Command::Open if self.part == Part::Quality => {
                return Some(vec![Ask::Open(Place::Model(self.model.clone()))]);
            }
            Command::NextFocus => {
                let at = Part::ALL.iter().position(|p| *p == self.part).unwrap_or(0);
                self.turn_to(Part::ALL[(at + 1) % Part::ALL.len()]);
            }
            Command::Open => self.turn_to(match self.part {
                Part::Features | Part::Heat => Part::Series,
                Part::Series | Part::Distributions | Part::Quality => Part::Distributions,
            }),
            Command::Back if self.part == Part::Distributions => self.turn_to(Part::Series),
            Command::Back if self.part != Part::Features => self.turn_to(Part::Features),
            _ => return list::command(self, command, "words, !word, method:psi, n<500", cx),
        }
        Some(Vec::new())
    }

    fn disabled(&self, command: Command, cx: &Cx<'_>) -> Option<Clean> {
        let measured = self.part == Part::Quality;
        let none = self.list.current().is_none() && !measured;
        let why = match command {
            c if CHART.contains(&c) && none => "no feature is selected",
            Command::Open | Command::CopyRow | Command::Menu if none => "no feature is selected",
            Command::NextMarker | Command::PrevMarker if self.markers(cx).is_empty() => {
                "no change is known in this time range · > looks further back"
            }
            Command::Cursor if self.steps(cx).is_empty() => {
                if measured {
                    "this has no samples here"
                } else {
                    "the feature has no samples here"
                }
            }
            Command::Left | Command::Right if self.lens.is_idle() => {
                "v puts a cursor on the chart and + zooms in: then left and right move"
            }
            Command::Smooth | Command::Axis => signal::NO_SUCH_CHART,
            Command::Columns => list::COLUMNS,
            Command::Sort => "features are ranked by score over line × importance",
            _ => return None,
        };
        Some(Clean::name(why))
    }

    fn click(&mut self, target: Target, cx: &Cx<'_>) -> Vec<Ask> {
        match target {
            Target::Row(index) if self.part == Part::Quality => {
                let rows = self.view_of(cx).map_or(0, |m| quality::rows(m, cx).len());
                self.quality.select(index, rows);
            }
            Target::Row(index) if self.list.press(index) => {
                return self.update(Command::Open, cx).unwrap_or_default();
            }
            Target::Column(index) => {
                if let Some(part) = Part::ALL.get(index) {
                    self.turn_to(*part);
                }
            }
            Target::Plot(column) => {
                let width = view::plot_width(cx.screen);
                self.lens.press(column, width, Self::whole(cx));
            }
            _ => {}
        }
        Vec::new()
    }

    fn selected(&self, _cx: &Cx<'_>) -> Option<Thing> {
        Some(Thing::Model(self.model.clone()))
    }

    fn moment(&self, _cx: &Cx<'_>) -> Option<Millis> {
        self.lens.cursor.map(|x| Millis(x as i64))
    }

    fn focus(&self, _cx: &Cx<'_>) -> Focus {
        Focus {
            models: std::iter::once(self.model.clone()).collect(),
            ..Focus::default()
        }
    }

    fn wants(&self, cx: &Cx<'_>) -> Vec<Want> {
        let mut wants: Vec<Want> = Vec::new();
        let mut add = |want: Want| {
            if !wants
                .iter()
                .any(|w| w.source == want.source && w.query == want.query)
            {
                wants.push(want);
            }
        };
        for feature in &self.list.rows {
            add(signal::want_series(&feature.gauge.key, cx));
            if let Some(mean) = &feature.mean {
                add(signal::want_series(&mean.key, cx));
            }
        }
        if let Some(model) = self.view_of(cx).filter(|_| self.part == Part::Quality) {
            quality::wants(model, cx).into_iter().for_each(&mut add);
        }
        signal::want_strip(&self.model.name, cx)
            .into_iter()
            .for_each(&mut add);
        if self.shows_distributions(cx.screen) {
            for source in Self::reporters(cx) {
                add(Want {
                    source,
                    query: Query::DriftReport {
                        model: self.model.name.clone(),
                        before: self.before,
                    },
                    every: Some(signal::AGAIN * 5),
                });
            }
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
        match (query, result) {
            (Query::Series { model, measure, .. }, Ok(Detail::Series(all)))
                if *model == self.model.name =>
            {
                // Each source tells its own.
                let held = self.series.entry(*measure).or_default();
                let told = |s: &SignalSeries| all.iter().any(|new| new.key.source == s.key.source);
                held.retain(|s| !told(s));
                held.extend(all.iter().cloned());
            }
            (Query::AlertStrip { model, .. }, Ok(Detail::Series(all)))
                if *model == self.model.name =>
            {
                self.strips.clone_from(all);
            }
            (Query::DriftReport { model, before }, result)
                if *model == self.model.name && *before == self.before =>
            {
                match result {
                    Ok(Detail::DriftReport(report)) => {
                        // Of several sources the one that holds a report speaks.
                        let known = matches!(&self.report, Some(Ok(Some(_))));
                        if report.is_some() || !known {
                            self.report = Some(Ok(report.clone()));
                        }
                    }
                    Ok(_) => {}
                    Err(fault) => {
                        if !matches!(&self.report, Some(Ok(Some(_)))) {
                            self.report = Some(Err(Clean::text(&fault.line())));
                        }
                    }
                }
            }
            _ => {}
        }
        Vec::new()
    }

    fn hints(&self) -> &'static [Command] {
        match self.part {
            Part::Features => &[
                Command::Open,
                Command::WhatChanged,
                Command::NextFocus,
                Command::Cursor,
                Command::Wider,
                Command::GoModel,
            ],
            Part::Series | Part::Heat => &[
                Command::Cursor,
                Command::NextMarker,
                Command::WhatChanged,
                Command::ZoomIn,
                Command::Wider,
                Command::Open,
            ],
            Part::Quality => &[
                Command::Down,
                Command::Cursor,
                Command::WhatChanged,
                Command::Wider,
                Command::NextFocus,
                Command::GoModel,
            ],
            Part::Distributions => &[
                Command::NextFocus,
                Command::WhatChanged,
                Command::Down,
                Command::GoModel,
            ],
        }
    }

    fn row_text(&self, cx: &Cx<'_>) -> Option<Clean> {
        if self.part == Part::Quality {
            let (_, rows) = self.markdown(cx);
            let at = self.quality.selected_in(rows.len())?;
            return Some(Clean::text(&rows[at].join("  ")));
        }
        let feature = self.list.current()?;
        Some(Clean::text(&view::cells(self, feature, cx).join("  ")))
    }

    fn markdown(&self, cx: &Cx<'_>) -> (Vec<String>, Vec<Vec<String>>) {
        if let Some(model) = self.view_of(cx).filter(|_| self.part == Part::Quality) {
            return quality::markdown(model, cx);
        }
        let titles = view::TITLES.iter().map(|t| (*t).to_owned()).collect();
        let rows = self.list.rows.iter();
        (
            titles,
            rows.map(|f| view::cells(self, f, cx).to_vec()).collect(),
        )
    }

    fn view(&self, cx: &Cx<'_>, look: &Look, area: Rect, buf: &mut Buffer) -> Hits {
        view::draw(self, cx, look, area, buf)
    }
}
