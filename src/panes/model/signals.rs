//! The golden signals of a model as small charts, and its alerts as a list.

use std::collections::HashMap;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::domain::alert::Alert;
use crate::domain::fleet::view::ModelView;
use crate::domain::key::ModelKey;
use crate::domain::last_known::Held;
use crate::domain::query::{Detail, Query};
use crate::domain::signal::{Gauge, Measure, SignalSeries, Unit};
use crate::domain::time::age;
use crate::panes::course::{self, Line};
use crate::panes::lens::Lens;
use crate::panes::{Cx, Want, signal};
use crate::ui::chart::{Chart, Marker, XAxis};
use crate::ui::frame::empty;
use crate::ui::gauge;
use crate::ui::hits::Hits;
use crate::ui::look::Look;
use crate::ui::paint::{self, span};
use crate::ui::series::Sample;
use crate::ui::table::{Cell, Column, Row, Table, TableState};
use crate::ui::theme::Role;

/// The courses over the time range, by measure: finer and longer than what the fleet holds.
pub(super) type Courses = HashMap<Measure, Vec<SignalSeries>>;

/// The signals that the page charts, in the order of reading: is it broken, is it slow, is it used, is it
/// full, what does it answer, how good is that.
fn charted(model: &ModelView) -> Vec<&Gauge> {
    let of = |m: Measure| model.signals.gauge(m);
    [
        of(Measure::ErrorRatio),
        signal::latency(model),
        of(Measure::Requests),
        of(Measure::Saturation).or_else(|| of(Measure::Queue)),
        of(Measure::PredictionMean).or_else(|| of(Measure::PositiveShare)),
        of(Measure::PredictionDrift),
        of(Measure::QualityRealised),
        of(Measure::QualityEstimated),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What the charts need.
pub(super) fn wants(model: &ModelView, cx: &Cx<'_>) -> Vec<Want> {
    charted(model)
        .into_iter()
        .map(|g| signal::want_series(&g.key, cx))
        .collect()
}

/// Takes an answer for a chart in; whether it was one.
pub(super) fn take(courses: &mut Courses, query: &Query, detail: &Detail) -> bool {
    let (Query::Series { measure, .. }, Detail::Series(all)) = (query, detail) else {
        return false;
    };
    courses.insert(*measure, all.clone());
    true
}

/// The courses of a measure as lines: one a version where labels tell them apart.
fn lines(of: &Gauge, courses: &Courses, cx: &Cx<'_>, model: &ModelView) -> Vec<Line> {
    let held = || {
        let all = cx.fleet.courses(&model.key).iter().map(|h| &h.fact);
        all.filter(|s| s.key.measure == of.key.measure).collect()
    };
    let read = courses.get(&of.key.measure).map(|all| all.iter().collect());
    let all: Vec<&SignalSeries> = read
        .filter(|all: &Vec<_>| !all.is_empty())
        .unwrap_or_else(held);
    let split = all.iter().any(|s| !s.key.version.raw().is_empty());
    all.into_iter()
        .filter(|s| {
            // With versions told apart, the line of all of them would say each thing twice.
            s.key.part == of.key.part && (!split || !s.key.version.raw().is_empty())
        })
        .map(|s| Line::of(s, of, cx))
        .collect()
}

/// All the time that the charts can show.
pub(super) fn whole(cx: &Cx<'_>) -> (f64, f64) {
    let to = cx.now.wall;
    (to.minus(cx.window.0).0 as f64, to.0 as f64)
}

/// What the charts mark in that time.
pub(super) fn marks(model: &ModelKey, cx: &Cx<'_>) -> Vec<(f64, String)> {
    let (from, to) = whole(cx);
    let mut all = signal::markers(model, cx);
    all.retain(|(x, _)| *x >= from && *x <= to);
    all
}

/// The samples of the first chart in view that has any.
pub(super) fn points(
    model: &ModelView,
    courses: &Courses,
    first: usize,
    cx: &Cx<'_>,
) -> Vec<Sample> {
    let (from, to) = whole(cx);
    let inside = |p: &Sample| p.x >= from && p.x <= to && p.y.is_finite();
    let charts = charted(model).into_iter().skip(first);
    let all = charts.flat_map(|of| lines(of, courses, cx, model));
    let all = all.map(|line| {
        let mut points = line.steps();
        points.retain(inside);
        points
    });
    let mut some = all.filter(|points| !points.is_empty());
    some.next().unwrap_or_default()
}

/// How many charts stand beside each other.
fn across(width: u16, charts: usize) -> u16 {
    (width / 38).clamp(1, 3).min(charts.max(1) as u16)
}

/// About how many columns the plot of a chart has: what a press on it is measured by.
pub(super) fn plot_width(screen: u16, charts: usize) -> u16 {
    (screen / across(screen, charts)).saturating_sub(8)
}

/// What the charts are drawn from.
#[derive(Debug)]
pub(super) struct Charts<'a> {
    pub(super) model: &'a ModelView,
    pub(super) courses: &'a Courses,
    pub(super) lens: Lens,
    /// The chart that is wanted first.
    pub(super) first: usize,
}

/// The charts, as many as fit from the first one that is wanted.
pub(super) fn charts(
    of: &Charts<'_>,
    cx: &Cx<'_>,
    look: &Look,
    area: Rect,
    buf: &mut Buffer,
) -> Hits {
    let mut hits = Hits::default();
    let all = charted(of.model);
    if all.is_empty() {
        let what = format!("Nothing monitors {}.", of.model.name);
        let [one, two] = signal::how_to_monitor(cx);
        empty(buf, look, area, &what, &[&one, &two]);
        return hits;
    }
    let marks = marks(&of.model.key, cx);
    let across = across(area.width, all.len());
    let down = (all.len() as u16)
        .div_ceil(across)
        .min((area.height / 6).max(1));
    let (wide, high) = (area.width / across, area.height / down.max(1));
    let first = of.first.min(all.len() - 1) / usize::from(across) * usize::from(across);
    let room = usize::from(across * down);
    for (n, gauge) in all.iter().skip(first).take(room).enumerate() {
        let (column, row) = (n as u16 % across, n as u16 / across);
        let spot = Rect {
            x: area.x + column * wide,
            y: area.y + row * high,
            width: wide.saturating_sub(u16::from(column + 1 < across) * 2),
            height: high.min(12),
        };
        hits.extend(one(of, gauge, &marks, cx, look, spot, buf));
    }
    if all.len() > first + room {
        let more = format!("{} more below", all.len() - first - room);
        let line = paint::row(area, area.height - 1);
        paint::put_right(buf, look, line, line.y, &[span(Role::Dim, more)]);
    }
    hits
}

/// One small chart.
fn one(
    charts: &Charts<'_>,
    of: &Gauge,
    marks: &[(f64, String)],
    cx: &Cx<'_>,
    look: &Look,
    area: Rect,
    buf: &mut Buffer,
) -> Hits {
    let window = charts.lens.window.unwrap_or_else(|| whole(cx));
    let lines = lines(of, charts.courses, cx, charts.model);
    let shown = lines.iter().any(|line| line.is_within(window));
    let title = of.key.measure.title();
    if !shown {
        let row = paint::row(area, 0);
        let mut line = vec![span(Role::Title, format!("{title}  "))];
        line.extend(gauge::spans(Some(of), cx.now.wall));
        paint::put_spans(buf, look, row, row.x, row.y, &line);
        let row = paint::row(area, 1);
        let words = if charts.lens.window.is_some() {
            "no sample in this part · 0 shows the whole".to_owned()
        } else {
            format!("no sample in the {} · > looks further back", cx.window)
        };
        let words = look.symbols.plain(&words);
        paint::put(buf, row, row.x, row.y, &words, look.style(Role::Dim));
        return Hits::default();
    }
    let (series, stale, now) = course::drawn(&lines);
    let markers: Vec<Marker<'_>> = marks
        .iter()
        .filter(|(x, _)| *x >= window.0 && *x <= window.1)
        .map(|(x, label)| Marker { x: *x, label })
        .collect();
    let chart = Chart {
        title,
        unit: gauge::column_unit(of.unit),
        series: &series,
        stale: &stale,
        now: &now,
        x: XAxis::Wall,
        log: charts.lens.log,
        window: Some(window),
        ground: of.unit != Unit::Score && !charts.lens.log,
        threshold: course::threshold(of),
        markers: &markers,
        cursor: charts.lens.cursor,
        ..Chart::default()
    };
    chart.draw(buf, look, area).hits
}

/// How many rows of charts there are to step through.
pub(super) fn len(model: &ModelView) -> usize {
    charted(model).len()
}

/// The signals as rows of text.
pub(super) fn markdown(model: &ModelView, cx: &Cx<'_>) -> (Vec<String>, Vec<Vec<String>>) {
    let titles = ["SIGNAL", "VALUE", "LINE"].map(str::to_owned).to_vec();
    let row = |g: &&Gauge| {
        let value: String = gauge::spans(Some(g), cx.now.wall)
            .iter()
            .map(|s| &*s.text)
            .collect();
        let line = g.lines.warn.or(g.lines.crit);
        let line = line.map_or_else(
            || "–".to_owned(),
            |l| crate::domain::number::with_unit(l, g.unit),
        );
        vec![g.key.measure.title().to_owned(), value, line]
    };
    (titles, charted(model).iter().map(row).collect())
}

/// The titles of the alerts, in the order of [`alert_cells`].
const TITLES: [&str; 5] = ["STATE", "ALERT", "SINCE", "SUMMARY", "SILENCED BY"];

fn alert_cells(alert: &Alert, cx: &Cx<'_>) -> [String; 5] {
    let silence = alert.silences.first();
    [
        alert.state.word().to_owned(),
        alert.name.to_string(),
        age(cx.now.wall.since(alert.since)),
        alert.summary.to_string(),
        silence.map_or_else(
            || "–".to_owned(),
            |s| format!("{}, until {}Z", s.author, s.until.hour_minute()),
        ),
    ]
}

/// The alerts as rows of text.
pub(super) fn alerts_markdown(
    alerts: &[Held<Alert>],
    cx: &Cx<'_>,
) -> (Vec<String>, Vec<Vec<String>>) {
    let titles = TITLES.map(str::to_owned).to_vec();
    let rows = alerts.iter().map(|h| alert_cells(&h.fact, cx).to_vec());
    (titles, rows.collect())
}

/// The list of alerts.
pub(super) fn alerts(
    all: &[Held<Alert>],
    state: &TableState,
    cx: &Cx<'_>,
    look: &Look,
    area: Rect,
    buf: &mut Buffer,
) -> Hits {
    if all.is_empty() {
        let [what, how] = if signal::is_monitored(cx) {
            [
                "No alert of this model fires or is pending.",
                "Alerts are joined by their label `model`; `quarterdeck alerts` lists all.",
            ]
        } else {
            [
                "No source of alerts is configured.",
                "Sources of kind prometheus or alertmanager fill this part.",
            ]
        };
        empty(buf, look, area, what, &[how]);
        return Hits::default();
    }
    let name = all.iter().map(|h| h.fact.name.width()).max().unwrap_or(0);
    let columns = [
        Column::fixed(TITLES[0], 11, 0),
        Column::name(
            TITLES[1],
            12,
            u16::try_from(name).unwrap_or(u16::MAX).clamp(5, 32),
        ),
        Column::fixed(TITLES[2], 5, 1).right(),
        Column::flex(TITLES[3], 20, 2, 0),
        Column::flex(TITLES[4], 14, 1, 2),
    ];
    let table = Table {
        columns: &columns,
        len: all.len(),
        state,
        sort: None,
        focused: true,
    };
    table.draw(buf, look, area, |index| {
        let alert = &all[index].fact;
        let (state, role) = signal::alert_state(alert, cx, look);
        let [_, name, since, summary, silence] = alert_cells(alert, cx);
        Row::from(vec![
            Cell::new(role, state),
            Cell::text(name),
            Cell::new(Role::Dim, since),
            Cell::text(summary),
            Cell::new(Role::Dim, silence),
        ])
    })
}
