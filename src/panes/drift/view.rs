//! How the list of drifting models is drawn.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Drift, badness};
use crate::domain::fleet::view::ModelView;
use crate::domain::rules::freshness::Freshness;
use crate::domain::signal::{Gauge, Measure};
use crate::domain::text::Clean;
use crate::panes::{Cx, signal};
use crate::ui::frame::empty;
use crate::ui::gauge;
use crate::ui::hits::Hits;
use crate::ui::look::Look;
use crate::ui::table::{Cell, Column, Row, Table};
use crate::ui::text;
use crate::ui::theme::Role;

/// The titles, in the order of [`cells`].
pub(super) const TITLES: [&str; 11] = [
    "LEVEL",
    "MODEL",
    "DRIFTED",
    "WORST",
    "SCORE",
    "LINE",
    "TREND",
    "N",
    "PREDICTION",
    "AGE",
    "OWNER",
];

/// How many of the features that can be judged are over their lines: `9/41`.
fn drifted(model: &ModelView) -> String {
    let summary = model.signals.drift.as_ref();
    let judged = summary.filter(|d| d.judged > 0);
    judged.map_or_else(|| "–".to_owned(), |d| format!("{}/{}", d.drifted, d.judged))
}

fn worst_name(gauge: Option<&Gauge>) -> String {
    let Some(gauge) = gauge else {
        return "–".to_owned();
    };
    match gauge.key.measure {
        Measure::PredictionDrift => "(predictions)".to_owned(),
        Measure::DriftShare => "(share)".to_owned(),
        _ => gauge.key.part.clean().to_string(),
    }
}

/// How wide the worst name is, in columns.
pub(super) fn worst_width(gauge: Option<&Gauge>) -> usize {
    match gauge {
        // Most names are drawn as they are, and no text is made to measure these.
        Some(gauge)
            if !matches!(
                gauge.key.measure,
                Measure::PredictionDrift | Measure::DriftShare
            ) && gauge.key.part.raw().bytes().all(|b| b.is_ascii_graphic()) =>
        {
            gauge.key.part.raw().len()
        }
        _ => text::width(&worst_name(gauge)),
    }
}

fn line_text(gauge: Option<&Gauge>) -> String {
    let line = gauge.and_then(gauge::line_text);
    line.unwrap_or_else(|| "–".to_owned())
}

/// When the scores were written: the age of the oldest of them.
fn written(model: &ModelView, cx: &Cx<'_>) -> String {
    let at = model
        .signals
        .worst_drift()
        .and_then(|g| cx.fleet.gauge_at(g));
    at.map_or_else(
        || "–".to_owned(),
        |at| crate::domain::time::age(cx.now.wall.since(at)),
    )
}

/// Every cell of a model as text.
pub(super) fn cells(model: &ModelView, cx: &Cx<'_>) -> [String; 11] {
    let worst = model.signals.worst_drift();
    let first = |g: Option<&Gauge>| {
        g.and_then(|g| gauge::wordings(g).into_iter().next())
            .unwrap_or_else(|| "–".to_owned())
    };
    let course = worst.map(|g| signal::values(g, cx)).unwrap_or_default();
    let mut known = course.iter().filter(|v| v.is_finite());
    let trend = match (known.next(), known.next_back()) {
        (Some(a), Some(b)) => {
            format!("{} → {}", text::number(*a), text::number(*b))
        }
        _ => "–".to_owned(),
    };
    [
        badness(model).0.word().to_owned(),
        model.name.to_string(),
        drifted(model),
        worst_name(worst),
        first(worst),
        line_text(worst),
        trend,
        gauge::samples(worst.and_then(|g| g.n)),
        first(model.signals.gauge(Measure::PredictionDrift)),
        written(model, cx),
        model
            .owner
            .as_ref()
            .map_or_else(|| "–".to_owned(), Clean::to_string),
    ]
}

/// Columns of a trend, and of a score with its state in words; where rows are short, both leave room for the line
/// that the score is held against.
fn widths(area: u16) -> (u16, u16) {
    if area < 100 { (8, 8) } else { (12, 11) }
}

fn columns(pane: &Drift, area: u16) -> [Column<'static>; 11] {
    let (trend, score) = widths(area);
    let clip = |width: usize| u16::try_from(width).unwrap_or(u16::MAX);
    let (name, worst) = (clip(pane.widths.name), clip(pane.widths.worst));
    [
        Column::fixed(TITLES[0], 6, 0),
        Column::name(TITLES[1], 12, name.clamp(5, 32)),
        Column::fixed(TITLES[2], 7, 2).right(),
        Column::name(TITLES[3], 8, worst.clamp(8, 24)),
        Column::fixed(TITLES[4], score, 0).right(),
        Column::fixed(TITLES[5], 6, 1).right(),
        Column::fixed(TITLES[6], trend, 2),
        Column::fixed(TITLES[7], 6, 3).right(),
        Column::fixed(TITLES[8], 11, 5).right(),
        Column::fixed(TITLES[9], 4, 4).right(),
        Column::fixed(TITLES[10], 12, 6),
    ]
}

fn row<'a>(model: &'a ModelView, cx: &Cx<'a>, look: &Look, area: u16) -> Row<'a> {
    let worst = model.signals.worst_drift();
    let trend = worst.map(|g| {
        let values = signal::values(g, cx);
        let (width, _) = widths(area);
        Cell::spans(vec![signal::spark(g, &values, usize::from(width), look)])
    });
    let (level, _) = badness(model);
    let stale = worst.is_some_and(|g| g.state == crate::domain::signal::State::Stale);
    let old = if stale { Role::Stale } else { Role::Dim };
    Row::from(vec![
        Cell::level(look, level),
        Cell::text(model.name.as_str()),
        Cell::text(drifted(model)),
        Cell::text(worst_name(worst)),
        gauge::cell(worst),
        Cell::new(Role::Dim, line_text(worst)),
        trend.unwrap_or_else(Cell::none),
        Cell::new(Role::Dim, gauge::samples(worst.and_then(|g| g.n))),
        gauge::cell(model.signals.gauge(Measure::PredictionDrift)),
        Cell::new(old, written(model, cx)),
        model
            .owner
            .as_ref()
            .map_or_else(Cell::none, |o| Cell::new(Role::Dim, o.as_str())),
    ])
}

pub(super) fn draw(pane: &Drift, cx: &Cx<'_>, look: &Look, area: Rect, buf: &mut Buffer) -> Hits {
    if pane.list.all == 0 {
        nothing(cx, look, area, buf);
        return Hits::default();
    }
    let columns = columns(pane, area.width);
    let table = Table {
        columns: &columns,
        len: pane.list.rows.len(),
        state: &pane.list.table,
        sort: None,
        focused: true,
    };
    let hits = table.draw(buf, look, area, |index| {
        let model = cx.fleet.model(&pane.list.rows[index]);
        model.map_or_else(Row::default, |m| row(m, cx, look, area.width))
    });
    if pane.list.rows.is_empty() {
        let below = crate::ui::paint::inner_rows(area, 1, 0);
        let hidden = text::counted(pane.list.hidden(), "model is", "models are");
        let how = format!("{hidden} hidden · esc clears the filter · / changes it");
        empty(buf, look, below, "No model passes the filter.", &[&how]);
    }
    hits
}

/// No model is watched: says why, and what would fill the pane.
fn nothing(cx: &Cx<'_>, look: &Look, area: Rect, buf: &mut Buffer) {
    let waiting = cx.fleet.sources().any(|(_, _, f)| f == Freshness::Waiting);
    if waiting && signal::is_monitored(cx) {
        let how = "Scores appear here as the monitoring answers · r asks again";
        empty(buf, look, area, "No drift score has been read yet.", &[how]);
        return;
    }
    let [first, second] = if signal::is_monitored(cx) {
        [
            "Its sources answer and hold no drift score: the gauges ml_feature_drift_score{model,feature} or".to_owned(),
            "an Evidently report fill this pane. `quarterdeck doctor` says which presets were found.".to_owned(),
        ]
    } else {
        signal::how_to_monitor(cx)
    };
    empty(
        buf,
        look,
        area,
        "No model's drift is watched.",
        &[&first, &second],
    );
}
