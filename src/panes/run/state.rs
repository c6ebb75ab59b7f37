//! The state of a run's page: the run as last read, its metrics' lines, the folders opened, and how
//! all of it is looked at.

use std::collections::HashMap;
use std::time::Duration;

use ratatui::layout::Rect;

use super::line::{Laid, Lens, Line};
use crate::domain::change::ChangeKind;
use crate::domain::fault::Fault;
use crate::domain::key::{Key, RegistryKey, RunKey, SourceId};
use crate::domain::model::Name;
use crate::domain::query::{Detail, Query};
use crate::domain::rules::quality;
use crate::domain::run::{Artifact, Run};
use crate::domain::settings::SourceKind;
use crate::domain::text::Clean;
use crate::domain::time::Millis;
use crate::intent::filter::{Filter, Searchable};
use crate::panes::experiments::columns::is_system;
use crate::panes::experiments::rows::is_machine_tag;
use crate::panes::{Cx, Want};
use crate::ui::look::Size;
use crate::ui::table::TableState;
use crate::ui::text;

/// How often a live run and the tails of its metrics are asked for.
pub(in crate::panes) const LIVE: Duration = Duration::from_secs(10);
/// Points asked for of a metric: fewer at first while more are to come.
const POINTS_LIVE: u32 = 500;
const POINTS: u32 = 1_000;
/// Metrics that stay wanted after they went out of sight, so that they are not read twice.
const KEPT: usize = 32;

/// The parts of the page, in the order of `tab`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Part {
    /// Metric charts.
    #[default]
    Metrics,
    /// Parameters.
    Params,
    /// Tags.
    Tags,
    /// Datasets.
    Data,
    /// Files.
    Artifacts,
}

impl Part {
    pub(super) const ALL: [Self; 5] = [
        Self::Metrics,
        Self::Params,
        Self::Tags,
        Self::Data,
        Self::Artifacts,
    ];

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Metrics => "Metrics",
            Self::Params => "Params",
            Self::Tags => "Tags",
            Self::Data => "Data",
            Self::Artifacts => "Artifacts",
        }
    }
}

/// A folder of the run or of a logged model.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Folder {
    pub(super) model: Option<Key>,
    pub(super) path: Key,
}

/// A row of the artifacts part.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Entry {
    pub(super) name: Clean,
    pub(super) size: Option<u64>,
    pub(super) folder: Option<Folder>,
}

/// A run's page.
#[derive(Debug)]
pub struct RunPage {
    pub(super) key: RunKey,
    pub(super) run: Option<Run>,
    /// Whether the run was read whole, and when.
    pub(super) read_at: Option<Millis>,
    pub(super) fault: Option<Clean>,
    pub(super) part: Part,
    /// What stands beside the charts where there is room.
    pub(super) side: Part,
    pub(super) metrics: Vec<Name>,
    pub(super) metrics_hidden: usize,
    pub(super) lines: HashMap<Key, Result<Line, Clean>>,
    pub(super) chosen: usize,
    pub(super) large: bool,
    pub(super) laid: Laid,
    pub(super) log: bool,
    pub(super) lens: Lens,
    pub(super) filter: Filter,
    pub(super) tables: [TableState; 5],
    pub(super) folders: Vec<Folder>,
    pub(super) files: HashMap<Folder, Result<Vec<Artifact>, Clean>>,
    /// What changed about the run's model: marks on the charts.
    changes: Vec<(Millis, String)>,
    seen: Option<u64>,
}

/// A name and a value, as the filter sees them.
struct Named<'a>(&'a str, &'a str);

impl Searchable for Named<'_> {
    fn any_text(&self, each: &mut dyn FnMut(&str) -> bool) -> bool {
        each(self.0) || each(self.1)
    }

    fn text_of(&self, column: &str) -> Option<String> {
        match column {
            "name" => Some(self.0.to_owned()),
            "value" => Some(self.1.to_owned()),
            _ => None,
        }
    }

    fn number_of(&self, column: &str) -> Option<f64> {
        (column == "value").then(|| self.1.parse().ok())?
    }
}

/// The source that answers for a tracker.
pub(in crate::panes) fn source_of(tracker: &RegistryKey, cx: &Cx<'_>) -> Option<SourceId> {
    let by_experiment = cx
        .fleet
        .experiments()
        .find(|h| *h.fact.key.tracker == *tracker)
        .map(|h| h.source.clone());
    let by_model = || {
        let model = cx.fleet.models().find(|m| *m.key.registry == *tracker)?;
        Some(cx.fleet.registered(&model.key)?.source.clone())
    };
    let by_setting = || {
        let sources = &cx.fleet.settings().sources;
        sources
            .iter()
            .find(|s| s.kind == SourceKind::Mlflow && s.url == tracker.base.raw())
            .map(|s| SourceId::new(&s.name))
    };
    by_experiment.or_else(by_model).or_else(by_setting)
}

/// A run's metrics in the order of its page: the quality metric, the others by name, the machine's.
pub(in crate::panes) fn ordered(mut metrics: Vec<Name>) -> Vec<Name> {
    metrics.sort();
    metrics.dedup();
    let lead = quality::choose(None, |name| metrics.iter().any(|m| m.shown == name));
    let lead = lead.map(str::to_owned);
    metrics.sort_by_key(|m| {
        (
            lead.as_deref() != Some(m.shown.as_str()),
            is_system(&m.shown),
        )
    });
    metrics
}

impl RunPage {
    /// The page of a run before its first frame.
    pub fn new(key: RunKey) -> Self {
        Self {
            key,
            run: None,
            read_at: None,
            fault: None,
            part: Part::Metrics,
            side: Part::Params,
            metrics: Vec::new(),
            metrics_hidden: 0,
            lines: HashMap::new(),
            chosen: 0,
            large: false,
            laid: Laid::default(),
            log: false,
            lens: Lens::default(),
            filter: Filter::default(),
            tables: [TableState::default(); 5],
            folders: Vec::new(),
            files: HashMap::new(),
            changes: Vec::new(),
            seen: None,
        }
    }

    pub(super) fn follow(&mut self, cx: &Cx<'_>) {
        if self.seen == Some(cx.fleet.revision()) {
            return;
        }
        self.seen = Some(cx.fleet.revision());
        if let Some(held) = cx.fleet.runs().unpack(&self.key) {
            match &mut self.run {
                // The page's own reading knows more; the fleet's may be newer.
                Some(own) => {
                    own.status = held.status;
                    own.ended = held.ended;
                    if own.metrics.len() < held.metrics.len() {
                        own.metrics = held.metrics;
                    }
                }
                None => self.run = Some(held),
            }
        }
        let model = self.run.as_ref().and_then(|run| cx.fleet.model_of_run(run));
        let changes: Vec<_> = model
            .map(|key| cx.fleet.model_timeline(&key))
            .unwrap_or_default()
            .into_iter()
            .filter(|change| change.kind != ChangeKind::Level)
            .map(|change| (change.not_after, change.phrase().to_string()))
            .collect();
        if changes != self.changes {
            self.changes = changes;
            self.lay();
        }
        self.index();
    }

    /// Lists the metrics that pass the filter; the chosen one stays chosen.
    pub(super) fn index(&mut self) {
        let Some(run) = &self.run else { return };
        let chosen = self.metrics.get(self.chosen).cloned();
        let mut metrics = ordered(run.metrics.iter().map(|m| m.name.clone()).collect());
        let all = metrics.len();
        if self.part == Part::Metrics {
            metrics.retain(|m| self.filter.keeps(&Named(m.shown.as_str(), "")));
        }
        self.metrics_hidden = all - metrics.len();
        self.chosen = chosen
            .and_then(|c| metrics.iter().position(|m| *m == c))
            .unwrap_or(0);
        self.metrics = metrics;
    }

    pub(super) fn is_live(&self) -> bool {
        self.run.as_ref().is_some_and(|r| r.status.is_live())
    }

    pub(super) fn chosen_line(&self) -> Option<&Line> {
        let metric = self.metrics.get(self.chosen)?;
        self.lines.get(&metric.key)?.as_ref().ok()
    }

    /// Lays every line out again: axis, smoothing or points have changed.
    pub(super) fn lay(&mut self) {
        let started = self.run.as_ref().map_or(Millis(0), |r| r.started);
        for (metric, line) in &mut self.lines {
            if let Ok(line) = line {
                line.lay(metric.raw(), self.laid, started, &self.changes);
            }
        }
    }

    /// The rows of a list part that pass the filter: name and value.
    pub(super) fn pairs(&self, part: Part) -> Vec<(Clean, Clean)> {
        let Some(run) = &self.run else {
            return Vec::new();
        };
        let mut rows: Vec<(Clean, Clean)> = match part {
            Part::Params => run.params.to_vec(),
            Part::Tags => {
                let mut tags = run.tags.to_vec();
                tags.sort_by_key(|(name, _)| is_machine_tag(name.as_str()));
                tags
            }
            Part::Data => run
                .datasets
                .iter()
                .map(|d| {
                    let parts = [
                        d.context.as_str(),
                        d.digest.as_str(),
                        d.source_kind.as_str(),
                        d.source.as_str(),
                    ];
                    let parts: Vec<&str> = parts.into_iter().filter(|p| !p.is_empty()).collect();
                    (d.name.clone(), Clean::text(&parts.join("  ")))
                })
                .collect(),
            Part::Metrics | Part::Artifacts => Vec::new(),
        };
        if self.part == part {
            rows.retain(|(name, value)| self.filter.keeps(&Named(name.as_str(), value.as_str())));
        }
        rows
    }

    /// How many rows a part has, where that is known.
    pub(super) fn count(&self, part: Part) -> Option<usize> {
        let run = self.run.as_ref()?;
        match part {
            Part::Metrics => Some(run.metrics.len()),
            Part::Params => Some(run.params.len()),
            Part::Tags => Some(run.tags.len()),
            Part::Data => self.read_at.map(|_| run.datasets.len()),
            Part::Artifacts => None,
        }
    }

    pub(super) fn folder(&self) -> Folder {
        self.folders.last().cloned().unwrap_or(Folder {
            model: None,
            path: Key::new(""),
        })
    }

    /// The rows of the open folder; at the root, logged models follow the run's own files.
    pub(super) fn entries(&self) -> Vec<Entry> {
        let here = self.folder();
        let mut entries = Vec::new();
        if let Some(Ok(files)) = self.files.get(&here) {
            let mut files: Vec<&Artifact> = files.iter().collect();
            files.sort_by_key(|a| (!a.folder, a.path.shown.clone()));
            entries.extend(files.into_iter().map(|a| {
                let shown = a.path.shown.as_str();
                let name = shown.rsplit('/').next().unwrap_or(shown);
                Entry {
                    name: Clean::name(name),
                    size: a.size,
                    folder: a.folder.then(|| Folder {
                        model: here.model.clone(),
                        path: a.path.key.clone(),
                    }),
                }
            }));
        }
        if self.folders.is_empty()
            && let Some(run) = &self.run
        {
            entries.extend(run.outputs.iter().map(|model| Entry {
                name: Clean::name(&format!("logged model {}", model.clean())),
                size: None,
                folder: Some(Folder {
                    model: Some(model.clone()),
                    path: Key::new(""),
                }),
            }));
        }
        if self.part == Part::Artifacts {
            entries.retain(|e| self.filter.keeps(&Named(e.name.as_str(), "")));
        }
        entries
    }

    /// How many rows the present part's list has.
    pub(super) fn list_len(&self) -> usize {
        match self.part {
            Part::Metrics => self.metrics.len(),
            Part::Artifacts => self.entries().len(),
            part => self.pairs(part).len(),
        }
    }

    /// The metrics whose charts are on screen.
    pub(super) fn visible(&self, screen: (u16, u16)) -> std::ops::Range<usize> {
        if self.part != Part::Metrics && screen.0 < 120 {
            return 0..0;
        }
        if self.large {
            return self.chosen..(self.chosen + 1).min(self.metrics.len());
        }
        let page = usize::from(Layout::of(screen).capacity()).max(1);
        let first = self.chosen / page * page;
        first..(first + page).min(self.metrics.len())
    }

    pub(super) fn wanted(&self, cx: &Cx<'_>) -> Vec<Want> {
        let Some(source) = source_of(&self.key.tracker, cx) else {
            return Vec::new();
        };
        let live = self.is_live();
        let want = |query, every: Option<Duration>| Want {
            source: source.clone(),
            query,
            every,
        };
        let mut wants = vec![want(Query::Run(self.key.clone()), live.then_some(LIVE))];
        if self.run.is_none() {
            return wants;
        }
        let visible = self.visible(cx.screen);
        let shown = self.metrics.get(visible.clone()).unwrap_or_default();
        let known = self.metrics.iter().enumerate().filter(|(i, m)| {
            !visible.contains(i) && self.lines.get(&m.key).is_some_and(Result::is_ok)
        });
        let history = |metric: &Name, points, from_step| Query::History {
            runs: std::sync::Arc::from([self.key.clone()]),
            metric: metric.key.clone(),
            points,
            from_step,
        };
        let whole = if live { POINTS_LIVE } else { POINTS };
        for metric in shown {
            wants.push(want(history(metric, whole, None), None));
        }
        if self.part == Part::Artifacts || (self.side == Part::Artifacts && cx.screen.0 >= 120) {
            let folder = self.folder();
            wants.push(want(
                match folder.model {
                    Some(model) => Query::LoggedModelArtifacts {
                        model,
                        path: folder.path,
                    },
                    None => Query::RunArtifacts {
                        run: self.key.clone(),
                        path: folder.path,
                    },
                },
                None,
            ));
        }
        if live {
            for metric in shown {
                if let Some(Ok(Line {
                    anchor: Some(anchor),
                    ..
                })) = self.lines.get(&metric.key)
                {
                    wants.push(want(history(metric, whole, Some(*anchor)), Some(LIVE)));
                }
            }
        }
        for (_, metric) in known.take(KEPT) {
            wants.push(want(history(metric, whole, None), None));
        }
        wants
    }

    pub(super) fn answer(
        &mut self,
        query: &Query,
        result: &Result<Detail, Fault>,
        asked_at: Millis,
    ) {
        match (query, result) {
            (Query::Run(key), Ok(Detail::Run(run))) if *key == self.key => {
                self.run = Some((**run).clone());
                self.read_at = Some(asked_at);
                self.fault = None;
                self.index();
            }
            (Query::Run(key), Err(fault)) if *key == self.key => {
                self.fault = Some(Clean::text(&fault.line()));
            }
            (
                Query::History {
                    runs,
                    metric,
                    from_step,
                    ..
                },
                result,
            ) if **runs == [self.key.clone()] => self.take_history(metric, *from_step, result),
            (Query::RunArtifacts { run, path }, result) if *run == self.key => {
                self.take_files(None, path, result);
            }
            (Query::LoggedModelArtifacts { model, path }, result) => {
                self.take_files(Some(model.clone()), path, result);
            }
            _ => {}
        }
    }

    fn take_history(
        &mut self,
        metric: &Key,
        from_step: Option<i64>,
        result: &Result<Detail, Fault>,
    ) {
        match result {
            Ok(Detail::History(all)) => {
                let slot = self
                    .lines
                    .entry(metric.clone())
                    .or_insert_with(|| Ok(Line::default()));
                if slot.is_err() {
                    *slot = Ok(Line::default());
                }
                let Ok(line) = slot else { return };
                let (points, sampled) = all
                    .iter()
                    .find(|h| h.run == self.key)
                    .map_or((&[][..], false), |h| (&h.points[..], h.sampled));
                match from_step {
                    Some(from) => line.splice(from, points, sampled),
                    None => line.read(points, sampled),
                }
                let started = self.run.as_ref().map_or(Millis(0), |r| r.started);
                line.lay(metric.raw(), self.laid, started, &self.changes);
            }
            // A tail that fails leaves the line as it is: it is asked again.
            Err(fault) if from_step.is_none() => {
                let slot = self.lines.get(metric);
                if !matches!(slot, Some(Ok(_))) {
                    self.lines
                        .insert(metric.clone(), Err(Clean::text(&fault.line())));
                }
            }
            _ => {}
        }
    }

    fn take_files(&mut self, model: Option<Key>, path: &Key, result: &Result<Detail, Fault>) {
        let folder = Folder {
            model,
            path: path.clone(),
        };
        let files = match result {
            Ok(Detail::Artifacts(files)) => Ok(files.clone()),
            Ok(_) => return,
            Err(fault) => Err(Clean::text(&fault.line())),
        };
        self.files.insert(folder, files);
    }

    /// The versions made from the run: `churn v7`.
    pub(super) fn versions(&self, cx: &Cx<'_>) -> Vec<String> {
        let Some(model) = cx.fleet.model_made_by(&self.key) else {
            return Vec::new();
        };
        let name = cx.fleet.model(model).map_or("", |m| m.name.as_str());
        let made = cx.fleet.versions(model).iter().map(|h| &h.fact);
        made.filter(|v| v.run.as_ref() == Some(&self.key))
            .map(|v| {
                let view = cx.fleet.model(model);
                let is = |p: Option<&crate::domain::fleet::view::Pointed>| {
                    p.is_some_and(|p| p.key == v.key.version)
                };
                let role = match view {
                    Some(m) if is(m.champion.as_ref()) => " champion",
                    Some(m) if is(m.challenger.as_ref()) => " challenger",
                    _ => "",
                };
                format!("{name} v{}{role}", text::head(v.version.as_str(), 12))
            })
            .collect()
    }
}

/// Where the page's parts lie on a screen: what view and wants must agree on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Layout {
    /// Rows of facts, and in how many columns.
    pub(super) facts: (u16, u16),
    /// The width of the list beside the charts; zero where parts take turns.
    pub(super) side: u16,
    /// Charts across and down.
    pub(super) grid: (u16, u16),
}

impl Layout {
    pub(super) fn of((columns, rows): (u16, u16)) -> Self {
        let area = Rect::new(0, 0, columns, rows.saturating_sub(4));
        let facts = match Size::of(columns, rows) {
            Size::TooSmall | Size::Narrow if area.height < 18 => (2, 2),
            Size::TooSmall | Size::Narrow | Size::Small => (4, 2),
            _ => (3, 3),
        };
        let side = match columns {
            ..120 => 0,
            120..180 => 42,
            _ => 64,
        };
        // A rule above the facts, and one with the parts' names above the charts.
        let height = area.height.saturating_sub(facts.0 + 2);
        let width = columns.saturating_sub(side);
        Self {
            facts,
            side,
            grid: ((width / 36).clamp(1, 4), (height / 8).max(1)),
        }
    }

    pub(super) fn capacity(self) -> u16 {
        self.grid.0 * self.grid.1
    }
}
