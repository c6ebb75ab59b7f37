//! The columns of the runs table: which there are, which are shown by default, how wide they are, and
//! what a run shows in them.

use std::collections::HashMap;
use std::time::Duration;

use crate::domain::fleet::runs::{PackedRun, RunStore, Symbol};
use crate::domain::key::ExperimentKey;
use crate::domain::rules::quality;
use crate::domain::run::RunStatus;
use crate::domain::text::Clean;
use crate::domain::time::{Millis, age, span as length};
use crate::intent::msg::RunColumn;
use crate::ui::look::Look;
use crate::ui::table::{Cell, Column};
use crate::ui::text;
use crate::ui::theme::Role;

use super::rows::is_machine_tag;

/// How many runs are looked at to learn the columns: spread over all that are held.
const SAMPLE: usize = 512;
/// Metrics and parameters shown before anybody chose.
const METRICS: usize = 4;
const PARAMS: usize = 4;
/// A live run without news for this long may have died without saying so.
const SILENT: Duration = Duration::from_secs(24 * 3_600);

/// What a sample of an experiment's runs has.
#[derive(Debug, Default)]
pub(super) struct Catalogue {
    metrics: Vec<(Clean, f64)>,
    params: Vec<(Clean, bool, u16)>,
    tags: Vec<(Clean, u16)>,
    name: u16,
    user: u16,
    dataset: u16,
}

#[derive(Default)]
struct Seen {
    count: usize,
    first: Option<Symbol>,
    differs: bool,
    width: usize,
}

impl Catalogue {
    /// Looks at a sample of an experiment's runs.
    pub(super) fn of(runs: &RunStore, experiment: &ExperimentKey, named: &[&str]) -> Self {
        let rows = runs.of(experiment);
        let step = rows.len().div_ceil(SAMPLE).max(1);
        let sample: Vec<&PackedRun> = rows
            .iter()
            .rev()
            .step_by(step)
            .filter_map(|row| runs.row(*row))
            .collect();
        let mut metrics: HashMap<Symbol, usize> = HashMap::new();
        let mut params: HashMap<Symbol, Seen> = HashMap::new();
        let mut tags: HashMap<Symbol, Seen> = HashMap::new();
        let mut own = Self::default();
        let wide = |symbol: Symbol| runs.text(symbol).width();
        for run in &sample {
            for (name, _) in run.metrics() {
                *metrics.entry(name).or_default() += 1;
            }
            let see = |all: &mut HashMap<Symbol, Seen>, name, value| {
                let seen = all.entry(name).or_default();
                seen.count += 1;
                seen.differs |= seen.first.is_some_and(|first| first != value);
                seen.first.get_or_insert(value);
                seen.width = seen.width.max(wide(value));
            };
            for (name, value) in run.params() {
                see(&mut params, name, value);
            }
            for (name, value) in run.tags() {
                see(&mut tags, name, value);
            }
            own.name = own.name.max(clip(wide(run.name)));
            own.user = own.user.max(clip(wide(run.user)));
            if let Some((name, _)) = run.dataset {
                own.dataset = own.dataset.max(clip(wide(name)));
            }
        }
        let total = sample.len().max(1);
        own.metrics = metrics
            .into_iter()
            .map(|(name, count)| (runs.text(name).clone(), count as f64 / total as f64))
            .collect();
        // The quality metric leads, the machine's own figures follow everything else.
        let have: Vec<Clean> = own.metrics.iter().map(|(name, _)| name.clone()).collect();
        let has = |name: &str| have.iter().any(|n| *n == name);
        let lead = named
            .iter()
            .copied()
            .find(|name| has(name))
            .or_else(|| quality::choose(None, has));
        own.metrics.sort_by(|(a, x), (b, y)| {
            let key = |name: &Clean| (lead != Some(name.as_str()), is_system(name));
            key(a)
                .cmp(&key(b))
                .then_with(|| y.total_cmp(x))
                .then_with(|| a.cmp(b))
        });
        own.params = params
            .into_iter()
            .map(|(name, seen)| {
                let differs = seen.differs || seen.count < sample.len();
                (runs.text(name).clone(), differs, clip(seen.width))
            })
            .collect();
        own.params.sort();
        own.tags = tags
            .into_iter()
            .map(|(name, seen)| (runs.text(name).clone(), clip(seen.width)))
            .filter(|(name, _)| !is_machine_tag(name.as_str()))
            .collect();
        own.tags.sort();
        own
    }

    /// The columns shown when nobody chose: what most runs have, and what differs between them.
    pub(super) fn usual(&self) -> Vec<RunColumn> {
        let mut columns = vec![
            RunColumn::Status,
            RunColumn::Name,
            RunColumn::Started,
            RunColumn::Duration,
        ];
        let common = self
            .metrics
            .iter()
            .filter(|(name, share)| *share >= 0.5 && !is_system(name))
            .take(METRICS);
        columns.extend(common.map(|(name, _)| RunColumn::Metric(name.clone())));
        let differ = self.params.iter().filter(|(_, differs, _)| *differs);
        columns.extend(
            differ
                .take(PARAMS)
                .map(|(name, ..)| RunColumn::Param(name.clone())),
        );
        columns.push(RunColumn::User);
        if self.dataset > 0 {
            columns.push(RunColumn::Dataset);
        }
        columns
    }

    /// Every column there is, in the order of the table.
    pub(super) fn all(&self) -> Vec<RunColumn> {
        let mut columns = vec![
            RunColumn::Status,
            RunColumn::Name,
            RunColumn::Started,
            RunColumn::Duration,
        ];
        columns.extend(
            self.metrics
                .iter()
                .map(|(n, _)| RunColumn::Metric(n.clone())),
        );
        columns.extend(
            self.params
                .iter()
                .map(|(n, ..)| RunColumn::Param(n.clone())),
        );
        columns.extend([RunColumn::User, RunColumn::Dataset]);
        columns.extend(self.tags.iter().map(|(n, _)| RunColumn::Tag(n.clone())));
        columns
    }

    /// How a column is drawn.
    pub(super) fn layout<'a>(&self, column: &'a RunColumn) -> Column<'a> {
        let value =
            |title: &Clean, width: u16| clip(title.width()).clamp(4, 14).max(width.clamp(3, 16));
        match column {
            RunColumn::Status => Column::fixed("STATUS", 12, 0),
            RunColumn::Name => Column::name("RUN", self.name.clamp(6, 12), self.name.clamp(6, 36)),
            RunColumn::Started => Column::fixed("AGE", 4, 0).right(),
            RunColumn::Duration => Column::fixed("TOOK", 6, 0).right(),
            RunColumn::User => Column::fixed("USER", self.user.clamp(4, 14), 0),
            RunColumn::Dataset => Column::fixed("DATASET", self.dataset.clamp(7, 20), 0),
            RunColumn::Metric(name) => Column::fixed(name.as_str(), value(name, 7), 0).right(),
            RunColumn::Param(name) => {
                let width = self.params.iter().find(|(n, ..)| n == name);
                let width = width.map_or(8, |(.., w)| *w);
                Column::fixed(name.as_str(), value(name, width), 0).right()
            }
            RunColumn::Tag(name) => {
                let width = self.tags.iter().find(|(n, _)| n == name);
                let width = width.map_or(8, |(_, w)| *w);
                Column::fixed(name.as_str(), value(name, width), 0)
            }
        }
    }
}

fn clip(width: usize) -> u16 {
    u16::try_from(width).unwrap_or(u16::MAX)
}

/// Figures of the machine that trained, not of the model.
pub(in crate::panes) fn is_system(name: &Clean) -> bool {
    name.as_str().starts_with("system/")
}

/// A column in words, for titles and lists.
pub(super) fn word(column: &RunColumn) -> &str {
    match column {
        RunColumn::Name => "run",
        RunColumn::Status => "status",
        RunColumn::Started => "start",
        RunColumn::Duration => "duration",
        RunColumn::User => "user",
        RunColumn::Dataset => "dataset",
        RunColumn::Metric(name) | RunColumn::Param(name) | RunColumn::Tag(name) => name.as_str(),
    }
}

/// What kind of column it is, where its name does not say.
pub(super) fn kind(column: &RunColumn) -> &'static str {
    match column {
        RunColumn::Metric(_) => "metric",
        RunColumn::Param(_) => "parameter",
        RunColumn::Tag(_) => "tag",
        _ => "",
    }
}

/// Which direction a column is first sorted in: new, good and large first, words upwards.
pub(super) fn descending_first(column: &RunColumn) -> bool {
    match column {
        RunColumn::Started | RunColumn::Duration => true,
        RunColumn::Metric(name) => quality::higher_is_better(name.as_str()),
        _ => false,
    }
}

/// Whether a live run has given no sign of life for a day.
pub(in crate::panes) fn is_silent(run: &PackedRun, now: Millis) -> bool {
    run.status.is_live() && now.since(run.news) > SILENT
}

/// Glyph and role of a status.
pub(in crate::panes) fn status_look(status: &RunStatus, look: &Look) -> (Role, &'static str) {
    use crate::domain::rules::freshness::Freshness;
    match status {
        RunStatus::Running => (Role::Live, look.symbols.fresh(Freshness::Live)),
        RunStatus::Scheduled => (Role::Dim, look.symbols.fresh(Freshness::Waiting)),
        RunStatus::Finished => (Role::Dim, look.symbols.verdict[0]),
        RunStatus::Failed => (Role::Warn, look.symbols.verdict[1]),
        RunStatus::Killed => (Role::Dim, look.symbols.none),
        RunStatus::Other(_) => (Role::Unknown, "?"),
    }
}

/// What a run shows in a column.
pub(super) fn cell<'a>(
    column: &RunColumn,
    run: &'a PackedRun,
    runs: &'a RunStore,
    now: Millis,
    look: &Look,
) -> Cell<'a> {
    let plain = |symbol: Symbol| {
        let shown = runs.text(symbol).as_str();
        if shown.is_empty() {
            Cell::none()
        } else {
            Cell::text(shown)
        }
    };
    let silent = is_silent(run, now);
    match column {
        RunColumn::Status => {
            let (role, glyph) = status_look(&run.status, look);
            if silent {
                let quiet = age(now.since(run.news));
                return Cell::choices(
                    Role::Dim,
                    [format!("? silent {quiet}"), format!("? {quiet}")],
                );
            }
            Cell::choices(
                role,
                [format!("{glyph} {}", run.status.word()), glyph.to_owned()],
            )
        }
        RunColumn::Name if silent => Cell::new(Role::Dim, runs.text(run.name).as_str()),
        RunColumn::Name => plain(run.name),
        RunColumn::Started => Cell::new(Role::Dim, age(now.since(run.started))),
        RunColumn::Duration => match (run.status.is_live(), run.ended) {
            (true, _) => Cell::new(
                if silent { Role::Dim } else { Role::Live },
                age(now.since(run.started)),
            ),
            (false, Some(end)) => Cell::text(length(end.since(run.started))),
            (false, None) => Cell::none(),
        },
        RunColumn::User => plain(run.user).role(Role::Dim),
        RunColumn::Dataset => run.dataset.map_or_else(Cell::none, |(name, _)| plain(name)),
        RunColumn::Metric(_) => match metric(column, run, runs) {
            Some(v) if v.is_infinite() => Cell::new(Role::Unknown, text::number(v)),
            value => Cell::number(value),
        },
        RunColumn::Param(name) => runs
            .texts()
            .find(name.as_str())
            .and_then(|s| run.param(s))
            .map_or_else(Cell::none, plain),
        RunColumn::Tag(name) => runs
            .texts()
            .find(name.as_str())
            .and_then(|s| run.tag(s))
            .map_or_else(Cell::none, plain),
    }
}

fn metric(column: &RunColumn, run: &PackedRun, runs: &RunStore) -> Option<f64> {
    let RunColumn::Metric(name) = column else {
        return None;
    };
    run.metric(runs.texts().find(name.as_str())?)
}

/// The same as text, for the clipboard: numbers whole.
pub(super) fn plain(column: &RunColumn, run: &PackedRun, runs: &RunStore, now: Millis) -> String {
    let text = |symbol: Symbol| runs.text(symbol).to_string();
    let found = match column {
        RunColumn::Status => Some(run.status.word().to_owned()),
        RunColumn::Name => Some(text(run.name)),
        RunColumn::Started => Some(run.started.rfc3339()),
        RunColumn::Duration => {
            let end = run.ended.filter(|_| !run.status.is_live()).unwrap_or(now);
            Some(length(end.since(run.started)))
        }
        RunColumn::User => Some(text(run.user)),
        RunColumn::Dataset => run.dataset.map(|(name, _)| text(name)),
        RunColumn::Metric(_) => metric(column, run, runs).map(|v| v.to_string()),
        RunColumn::Param(name) => runs
            .texts()
            .find(name.as_str())
            .and_then(|s| run.param(s))
            .map(text),
        RunColumn::Tag(name) => runs
            .texts()
            .find(name.as_str())
            .and_then(|s| run.tag(s))
            .map(text),
    };
    found
        .filter(|t| !t.is_empty())
        .unwrap_or_else(|| "–".to_owned())
}
