//! How quality and fairness are drawn: a list, and the row that is looked at over time.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Quality, Row, rows};
use crate::domain::signal::{Gauge, State, Unit};
use crate::panes::{Cx, course, signal};
use crate::ui::chart::{Chart, Marker, XAxis};
use crate::ui::frame::empty;
use crate::ui::gauge;
use crate::ui::histogram::{histograms, movement};
use crate::ui::hits::{Hits, Target};
use crate::ui::look::Look;
use crate::ui::paint::{self, Span, span};
use crate::ui::table::{self, Cell, Column, Table};
use crate::ui::text;
use crate::ui::theme::Role;

/// The titles, in the order of [`cells`].
pub(super) const TITLES: [&str; 9] = [
    "LEVEL",
    "METRIC",
    "GROUP",
    "VALUE",
    "LINE",
    "N",
    "ESTIMATED",
    "DIFF",
    "LABELS",
];

/// Rows that the chart below the list needs, its reading included.
const CHART: u16 = 9;

fn wording(gauge: Option<&Gauge>) -> String {
    let wordings = gauge.map(gauge::wordings).unwrap_or_default();
    wordings
        .into_iter()
        .next()
        .unwrap_or_else(|| "–".to_owned())
}

/// The reading that a row stands for.
fn main_of(row: &Row) -> Option<&Gauge> {
    match row {
        Row::Metric { realised, .. } => realised.as_ref(),
        Row::Predictions { mean, .. } => mean.as_ref(),
        Row::Group(gauge) => Some(gauge),
    }
}

/// Every cell of a row as text.
pub(super) fn cells(row: &Row) -> [String; 9] {
    let none = || "–".to_owned();
    let level = row
        .level()
        .map_or_else(none, |level| level.word().to_owned());
    let main = main_of(row);
    let judged = main.or_else(|| row.gauges().next());
    let line = judged.and_then(gauge::cited_line_text).unwrap_or_else(none);
    let n = gauge::samples(match row {
        Row::Predictions { rows, .. } => Some(rows.current.iter().sum::<f64>().round() as u64),
        _ => main.and_then(|g| g.n),
    });
    let (name, group, estimated, labels) = match row {
        Row::Metric {
            name,
            estimated,
            coverage,
            ..
        } => (
            if name.is_empty() {
                "quality".to_owned()
            } else {
                name.to_string()
            },
            none(),
            wording(estimated.as_deref()),
            share(coverage.as_deref()).unwrap_or_else(none),
        ),
        Row::Predictions { .. } => ("predictions".to_owned(), none(), none(), none()),
        Row::Group(g) => (
            metric_name(g),
            g.key.part.clean().to_string(),
            none(),
            none(),
        ),
    };
    let diff = row.difference().map_or_else(none, text::delta);
    [
        level,
        name,
        group,
        wording(main),
        line,
        n,
        estimated,
        diff,
        labels,
    ]
}

fn metric_name(gauge: &Gauge) -> String {
    let method = gauge.key.method.clean();
    if method.is_empty() {
        "fairness".to_owned()
    } else {
        method.to_string()
    }
}

/// A share in percent.
fn share(gauge: Option<&Gauge>) -> Option<String> {
    let value = gauge?.value?;
    Some(crate::domain::number::with_unit(value, Unit::Ratio))
}

fn table_row<'a>(row: &Row, look: &Look) -> table::Row<'a> {
    let [_, name, group, _, line, n, _, diff, labels] = cells(row);
    let low = main_of(row).is_some_and(|g| g.state == State::LowN);
    let plain = if low { Role::Dim } else { Role::Text };
    let level = match row.level() {
        None => Cell::none(),
        // What rests on too few rows is told and weighs nothing.
        Some(level) if low => Cell::new(Role::Dim, look.level_text(level)),
        Some(level) => Cell::level(look, level),
    };
    let estimated = match row {
        Row::Metric { estimated, .. } => gauge::cell(estimated.as_deref()),
        Row::Predictions { .. } | Row::Group(_) => Cell::none(),
    };
    let dim = |text: String| Cell::new(Role::Dim, text);
    table::Row::from(vec![
        level,
        Cell::new(plain, name),
        Cell::new(plain, group),
        gauge::cell(main_of(row)),
        dim(line),
        // The number is what is wrong with a value of too few rows.
        Cell::new(if low { Role::Unknown } else { Role::Dim }, n),
        estimated,
        Cell::new(plain, diff),
        dim(labels),
    ])
}

fn columns(rows: &[Row]) -> [Column<'static>; 9] {
    let widest = |at: usize| {
        let all = rows.iter().map(|row| text::width(&cells(row)[at]));
        u16::try_from(all.max().unwrap_or(0)).unwrap_or(u16::MAX)
    };
    [
        Column::fixed(TITLES[0], 6, 0),
        Column::name(TITLES[1], 10, widest(1).clamp(6, 30)),
        Column::fixed(TITLES[2], widest(2).clamp(5, 16), 0),
        Column::fixed(TITLES[3], 8, 0).right(),
        Column::fixed(TITLES[4], 6, 0).right(),
        Column::fixed(TITLES[5], 5, 0).right(),
        Column::fixed(TITLES[6], 9, 1).right(),
        Column::fixed(TITLES[7], 7, 2).right(),
        Column::fixed(TITLES[8], 6, 3).right(),
    ]
}

pub(super) fn draw(
    of: &Quality<'_>,
    cx: &Cx<'_>,
    look: &Look,
    area: Rect,
    buf: &mut Buffer,
) -> Hits {
    let mut hits = Hits::default();
    let rows = rows(of.model, cx);
    if rows.is_empty() {
        let what = format!("Nothing tells how good {} is.", of.model.name);
        let how = [
            "The gauges ml_model_quality{model,metric,kind} and ml_fairness_metric{model,metric,group}",
            "fill this part; reports of Evidently with quality metrics do too.",
        ];
        empty(buf, look, area, &what, &how);
        return hits;
    }
    let wanted = u16::try_from(rows.len())
        .unwrap_or(u16::MAX)
        .saturating_add(1);
    // A long list leaves its chart what that needs, and keeps four rows where there is room for no more.
    let listed = wanted
        .min(area.height.saturating_sub(CHART + 1).max(5))
        .min(area.height);
    let list = Rect {
        height: listed,
        ..area
    };
    let columns = columns(&rows);
    let table = Table {
        columns: &columns,
        len: rows.len(),
        state: of.state,
        sort: None,
        focused: true,
    };
    let drawn = table.draw(buf, look, list, |index| table_row(&rows[index], look));
    for (spot, target) in drawn.regions() {
        if matches!(target, Target::Row(_)) {
            hits.add(*spot, *target);
        }
    }
    hits.page = drawn.page;
    let Some(row) = of.state.selected_in(rows.len()).map(|at| &rows[at]) else {
        return hits;
    };
    let below = paint::inner_rows(area, listed + 1, 0);
    if below.height < 4 {
        return hits;
    }
    let line = paint::row(below, 0);
    paint::put_spans(buf, look, line, line.x + 1, line.y, &reading(row, cx, look));
    let body = paint::inner_rows(below, 1, 0);
    match row {
        Row::Predictions { rows, .. } => {
            histograms(buf, look, body, rows);
        }
        _ => hits.extend(chart(of, row, cx, look, body, buf)),
    }
    hits
}

/// What a row says in words.
fn reading(row: &Row, cx: &Cx<'_>, look: &Look) -> Vec<Span<'static>> {
    let mut spans = Vec::new();
    match row {
        Row::Metric {
            realised,
            estimated,
            coverage,
            ..
        } => {
            let policy = &cx.fleet.settings().policy.signals;
            let come = coverage.as_ref().and_then(|g| g.value);
            let few = come.is_some_and(|share| policy.lacks_labels(share));
            for (word, gauge) in [
                ("realised", realised.as_ref()),
                ("estimated", estimated.as_deref()),
            ] {
                spans.push(span(Role::Label, format!("{word} ")));
                match gauge.and_then(|g| Some((g, g.value?))) {
                    // What is wanting are labels and no rows, which is said behind it.
                    Some((g, value)) if few && g.state == State::LowN => {
                        let text = gauge::value_text(value, g.unit, cx.now.wall);
                        spans.push(span(Role::Dim, text));
                    }
                    _ => spans.extend(gauge::spans(gauge, cx.now.wall)),
                }
                spans.push(span(Role::Text, "  "));
            }
            if let Some(diff) = row.difference() {
                spans.push(span(Role::Text, format!("{}  ", text::delta(diff))));
            }
            if let Some(come) = share(coverage.as_deref()) {
                let from = crate::domain::number::with_unit(policy.min_label_coverage, Unit::Ratio);
                let (role, words) = if few {
                    (Role::Unknown, format!(", not judged under {from}"))
                } else {
                    (Role::Dim, format!(", judged from {from} on"))
                };
                spans.push(span(Role::Label, "labels "));
                spans.push(span(role, format!("{come}{words}")));
            }
        }
        Row::Predictions { mean, rows } => {
            spans.push(span(Role::Label, "mean "));
            spans.extend(gauge::spans(mean.as_ref(), cx.now.wall));
            let width = look.columns.saturating_sub(18);
            for moved in movement(&rows.moments, look, width).into_iter().take(1) {
                spans.push(span(Role::Text, "   "));
                spans.extend(moved);
            }
        }
        Row::Group(g) => {
            let name = format!("{} of {}  ", metric_name(g), g.key.part.clean());
            spans.push(span(Role::Label, name));
            spans.extend(gauge::spans(Some(g), cx.now.wall));
            if let Some(line) = gauge::cited_line_text(g) {
                spans.push(span(Role::Dim, format!("  line {line}")));
            }
            let n = match (g.state, g.n) {
                (State::LowN, _) => ": too few rows for a verdict".to_owned(),
                (_, Some(n)) => format!("  n={}", text::count(n as usize)),
                (_, None) => "  how many rows the group has is not told".to_owned(),
            };
            spans.push(span(Role::Dim, n));
        }
    }
    spans
}

fn chart(
    of: &Quality<'_>,
    row: &Row,
    cx: &Cx<'_>,
    look: &Look,
    area: Rect,
    buf: &mut Buffer,
) -> Hits {
    let to = cx.now.wall;
    let whole = (to.minus(cx.window.0).0 as f64, to.0 as f64);
    let window = of.lens.window.unwrap_or(whole);
    let lines = of.lines(row, cx);
    if !lines.iter().any(|line| line.is_within(window)) {
        let words = format!("no sample in the {} · > looks further back", cx.window);
        let row = paint::row(area, 1);
        let words = look.symbols.plain(&words);
        paint::put(buf, row, row.x + 1, row.y, &words, look.style(Role::Dim));
        return Hits::default();
    }
    let (series, stale, now) = course::drawn(&lines);
    let marks = signal::markers(&of.model.key, cx);
    let markers: Vec<Marker<'_>> = marks
        .iter()
        .filter(|(x, _)| *x >= window.0 && *x <= window.1)
        .map(|(x, label)| Marker { x: *x, label })
        .collect();
    let [_, name, group, ..] = cells(row);
    let title = match row {
        Row::Group(_) => format!("{name} {group}"),
        _ => name,
    };
    let main = row.gauges().next();
    let chart = Chart {
        title: &title,
        unit: main.map_or("", |g| gauge::column_unit(g.unit)),
        series: &series,
        stale: &stale,
        stale_words: match row {
            Row::Metric { .. } => "labels to come",
            _ => "",
        },
        now: &now,
        x: XAxis::Wall,
        log: of.lens.log,
        window: Some(window),
        threshold: main.and_then(course::threshold),
        markers: &markers,
        cursor: of.lens.cursor,
        ..Chart::default()
    };
    chart.draw(buf, look, area).hits
}
