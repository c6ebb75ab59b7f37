//! The versions table of the page: its columns, its rows, and the same as text.

use super::{Page, facts};
use crate::domain::key::Key;
use crate::domain::model::{ModelVersion, VersionStatus};
use crate::domain::time::age;
use crate::domain::wiring::version_text;
use crate::panes::Cx;
use crate::ui::look::Look;
use crate::ui::table::{Cell, Column, Row};
use crate::ui::text;
use crate::ui::theme::Role;

/// The titles, in the order of the columns; the metric's own name stands in its place.
const TITLES: [&str; 10] = [
    "VERSION",
    "ALIASES",
    "STAGE",
    "STATUS",
    "AGE",
    "QUALITY",
    "VS CHAMP",
    "SERVED BY",
    "RUN",
    "SOURCE",
];

fn status(version: &ModelVersion) -> &str {
    match &version.status {
        VersionStatus::Ready => "ready",
        VersionStatus::Pending => "pending",
        VersionStatus::Failed => "failed",
        VersionStatus::Other(word) => word.as_str(),
    }
}

fn aliases(page: &Page<'_>, version: &Key) -> String {
    let all: Vec<&str> = page
        .aliases(version)
        .map(|a| a.name.shown.as_str())
        .collect();
    all.join(" ")
}

/// The endpoints that answer with a version.
fn served_by(page: &Page<'_>, version: &Key, cx: &Cx<'_>) -> Vec<String> {
    let answers = page.deployments(cx).into_iter().filter(|d| {
        d.answering
            .iter()
            .any(|a| a.version.as_ref() == Some(version))
    });
    answers.map(|d| d.name.to_string()).collect()
}

/// The difference to the champion; `None` for the champion itself and where either is not known.
fn against(page: &Page<'_>, version: &ModelVersion, cx: &Cx<'_>) -> Option<f64> {
    if page.champion()?.key == version.key.version {
        return None;
    }
    let delta = page.quality(version, cx)? - page.champion_quality(cx)?;
    delta.is_finite().then_some(delta)
}

fn run_text(version: &ModelVersion, cx: &Cx<'_>) -> Option<String> {
    let run = version.run.as_ref()?;
    Some(
        facts::run_name(run, cx)
            .unwrap_or_else(|| run.id.clean())
            .to_string(),
    )
}

/// The columns; those that say the same of every version give way first.
pub(super) fn columns<'a>(page: &'a Page<'_>) -> Vec<Column<'a>> {
    let all = || page.versions.iter().map(|held| &held.fact);
    let staged = all().any(|v| v.stage.is_some());
    let ready = all().all(|v| v.status == VersionStatus::Ready);
    let metric = page
        .state
        .metric
        .as_ref()
        .map_or("QUALITY", |(name, _)| name.as_str());
    let wide = all()
        .map(|v| aliases(page, &v.key.version).len())
        .max()
        .unwrap_or(0);
    let wide = u16::try_from(wide).unwrap_or(u16::MAX).clamp(8, 24);
    let mut columns = vec![
        Column::fixed(TITLES[0], 7, 0),
        Column::fixed(TITLES[1], wide, 0),
        Column::fixed(TITLES[2], 10, if staged { 5 } else { 9 }),
        Column::fixed(TITLES[3], 7, if ready { 7 } else { 1 }),
        Column::fixed(TITLES[4], 4, 1).right(),
        Column::fixed(metric, (text::width(metric) as u16).clamp(7, 12), 1).right(),
        Column::fixed(TITLES[6], 8, 2).right(),
        Column::flex(TITLES[7], 9, 2, 2),
        Column::flex(TITLES[8], 14, 2, 6),
        Column::flex(TITLES[9], 12, 1, 8),
    ];
    if !staged {
        // Nobody uses stages here: the column would be empty at any width.
        columns[2].width = crate::ui::table::Width::Fixed(5);
    }
    columns
}

/// The row of a version.
pub(super) fn row<'a>(
    page: &'a Page<'_>,
    version: &'a ModelVersion,
    cx: &Cx<'_>,
    look: &Look,
) -> Row<'a> {
    let key = &version.key.version;
    let named = aliases(page, key);
    let champion = page.champion().is_some_and(|c| c.key == *key);
    let status_role = match version.status {
        VersionStatus::Ready => Role::Dim,
        VersionStatus::Pending => Role::Warn,
        VersionStatus::Failed => Role::Crit,
        VersionStatus::Other(_) => Role::Unknown,
    };
    let higher = page.state.metric.as_ref().is_none_or(|(_, higher)| *higher);
    let of_champion = page.champion().and_then(|c| c.created);
    let newer = of_champion.is_none_or(|at| version.created > at);
    let delta = match against(page, version, cx) {
        None => Cell::none(),
        // Worse than the champion matters for what might follow it, not for what it followed.
        Some(d) if newer && d != 0.0 && (d > 0.0) != higher => {
            Cell::new(Role::Warn, text::delta(d))
        }
        Some(d) => Cell::text(text::delta(d)),
    };
    let served = served_by(page, key, cx);
    let served = match served.as_slice() {
        [] => Cell::none(),
        [one] => Cell::text(one.clone()),
        [first, rest @ ..] => Cell::choices(
            Role::Text,
            [served.join(" "), format!("{first} +{}", rest.len())],
        ),
    };
    let gone = version
        .run
        .as_ref()
        .is_some_and(|r| cx.fleet.is_run_gone(r));
    let run = match run_text(version, cx) {
        None => Cell::new(Role::Unknown, "no run"),
        Some(_) if gone => Cell::new(Role::Crit, format!("{} gone", look.symbols.verdict[1])),
        Some(text) => Cell::new(Role::Dim, text),
    };
    Row::from(vec![
        Cell::text(version_text(key).to_string()),
        if named.is_empty() {
            Cell::none()
        } else {
            Cell::new(if champion { Role::Strong } else { Role::Text }, named)
        },
        version
            .stage
            .as_ref()
            .map_or_else(Cell::none, |s| Cell::new(Role::Dim, s.as_str())),
        Cell::new(status_role, status(version)),
        Cell::new(Role::Dim, age(cx.now.wall.since(version.created))),
        Cell::number(page.quality(version, cx)),
        delta,
        served,
        run,
        Cell::id(version.source.as_str()),
    ])
}

/// Every version as text.
pub(super) fn markdown(page: &Page<'_>, cx: &Cx<'_>) -> (Vec<String>, Vec<Vec<String>>) {
    let mut titles: Vec<String> = TITLES.iter().map(|t| (*t).to_owned()).collect();
    if let Some((metric, _)) = &page.state.metric {
        titles[5] = metric.to_string();
    }
    let or_dash = |text: String| {
        if text.is_empty() {
            "–".to_owned()
        } else {
            text
        }
    };
    let rows = page.versions.iter().map(|held| {
        let v = &held.fact;
        let key = &v.key.version;
        vec![
            version_text(key).to_string(),
            or_dash(aliases(page, key)),
            v.stage
                .as_ref()
                .map_or_else(|| "–".to_owned(), ToString::to_string),
            status(v).to_owned(),
            age(cx.now.wall.since(v.created)),
            text::number_or_none(page.quality(v, cx)),
            against(page, v, cx).map_or_else(|| "–".to_owned(), text::delta),
            or_dash(served_by(page, key, cx).join(" ")),
            run_text(v, cx).unwrap_or_else(|| "–".to_owned()),
            or_dash(v.source.to_string()),
        ]
    });
    (titles, rows.collect())
}
