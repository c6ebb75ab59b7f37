//! The state of a run's page: the run as last read, its metrics' lines, the folders opened, and how
//! all of it is looked at.

use std::collections::HashMap;

use super::layout::Layout;
use super::line::{Laid, Line};
use crate::domain::change::ChangeKind;
use crate::domain::key::{Key, RegistryKey, RunKey, SourceId};
use crate::domain::model::Name;
use crate::domain::rules::quality;
use crate::domain::run::{Artifact, Run};
use crate::domain::settings::SourceKind;
use crate::domain::text::Clean;
use crate::domain::time::Millis;
use crate::intent::filter::{Filter, Searchable};
use crate::panes::Cx;
use crate::panes::experiments::columns::is_system;
use crate::panes::experiments::rows::is_machine_tag;
use crate::panes::lens::Lens;
use crate::ui::table::TableState;
use crate::ui::text;

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
    pub(super) lens: Lens,
    pub(super) filter: Filter,
    pub(super) tables: [TableState; 5],
    pub(super) folders: Vec<Folder>,
    pub(super) files: HashMap<Folder, Result<Vec<Artifact>, Clean>>,
    /// What changed about the run's model: marks on the charts.
    pub(super) changes: Vec<(Millis, String)>,
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
