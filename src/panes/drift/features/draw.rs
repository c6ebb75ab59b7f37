//! The pictures of one model's drift: a score over time, all scores as a heat strip, and the two
//! distributions of a feature.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::Features;
use crate::domain::drift::{Bins, ColumnDrift, Distributions, DriftReport};
use crate::domain::fleet::features::{self, Feature};
use crate::domain::predictions;
use crate::domain::signal::{Direction, Measure, SignalSeries, State};
use crate::domain::time::{Millis, age};
use crate::domain::wiring::version_text;
use crate::panes::{Cx, course, signal};
use crate::ui::chart::{Chart, Marker, Strip, XAxis, alert_strip};
use crate::ui::gauge;
use crate::ui::heat::{HeatCell, HeatRow, heat, legend};
use crate::ui::histogram::{histograms, movement};
use crate::ui::hits::Hits;
use crate::ui::look::Look;
use crate::ui::paint::{self, Span, span};
use crate::ui::series::Sample;
use crate::ui::text;
use crate::ui::theme::Role;

/// At most so many alerts have a strip of their own below a chart.
const STRIPS: usize = 3;

/// What the score of a feature says, in a line: value, line, n, method, noise.
fn reading(feature: &Feature, cx: &Cx<'_>) -> Vec<Span<'static>> {
    let g = &feature.gauge;
    let mut spans = gauge::spans(Some(g), cx.now.wall);
    if let Some(line) = gauge::cited_line_text(g) {
        spans.push(span(Role::Dim, format!("  line {line}")));
    }
    if let (Some(n), false) = (g.n, g.state == State::LowN) {
        spans.push(span(Role::Dim, format!("  n={}", text::count(n as usize))));
    }
    if !g.key.method.raw().is_empty() {
        spans.push(span(Role::Dim, format!("  {}", g.key.method.clean())));
        if g.value.is_some() && g.level.is_none() && g.direction == Direction::Neither {
            spans.push(span(Role::Unknown, "  ? unknown method"));
        }
    }
    let version = Some(&g.key.version).filter(|v| !v.raw().is_empty());
    if let Some(version) = version.or(feature.of_version.as_ref()) {
        spans.push(span(Role::Dim, format!("  of {}", version_text(version))));
    }
    if g.noise_floor
        .zip(g.value)
        .is_some_and(|(floor, v)| v <= floor)
    {
        spans.push(span(Role::Unknown, "  within the noise of so few rows"));
    }
    spans
}

/// The selected feature over time, with its line, noise floor, change markers and the alerts below.
pub(super) fn series(
    page: &Features,
    cx: &Cx<'_>,
    look: &Look,
    area: Rect,
    buf: &mut Buffer,
) -> Hits {
    let Some(feature) = page.list.current() else {
        return Hits::default();
    };
    let g = &feature.gauge;
    let line = paint::row(area, 0);
    paint::put_spans(buf, look, line, line.x, line.y, &reading(feature, cx));
    let area = paint::inner_rows(area, 1, 0);
    let window = page.window(cx);
    let strips: Vec<(String, Vec<Sample>)> = page
        .strips
        .iter()
        .map(|s| (strip_name(s), signal::samples(s)))
        .filter(|(_, points)| {
            points
                .iter()
                .any(|p| p.x >= window.0 && p.x <= window.1 && p.y >= 1.0)
        })
        .take(STRIPS)
        .collect();
    let below = (strips.len() as u16).min(area.height.saturating_sub(8));
    let chart_area = paint::inner_rows(area, 0, below);
    let lines = page.lines(feature, cx);
    if !lines.iter().any(|line| line.is_within(window)) {
        let words = if lines.is_empty() {
            "the course of this score has not been read yet".to_owned()
        } else {
            format!("no sample in the {} · > looks further back", cx.window)
        };
        let row = paint::row(area, area.height / 2);
        let words = look.symbols.plain(&words);
        paint::put(buf, row, row.x + 2, row.y, &words, look.style(Role::Dim));
        return Hits::default();
    }
    let (series, stale, now) = course::drawn(&lines);
    let markers = page.markers(cx);
    let labels: Vec<String> = markers.iter().map(|(_, l)| look.symbols.plain(l)).collect();
    let markers: Vec<Marker<'_>> = markers
        .iter()
        .zip(&labels)
        .map(|((x, _), label)| Marker { x: *x, label })
        .collect();
    let title = feature.name();
    let chart = Chart {
        title: &title,
        unit: gauge::column_unit(g.unit),
        series: &series,
        stale: &stale,
        now: &now,
        x: XAxis::Wall,
        log: page.lens.log,
        window: Some(window),
        threshold: course::threshold(g),
        floor: g.noise_floor,
        markers: &markers,
        cursor: page.lens.cursor,
        ..Chart::default()
    };
    let drawn = chart.draw(buf, look, chart_area);
    for (n, (name, points)) in strips.iter().take(usize::from(below)).enumerate() {
        let strip = Strip { name, points };
        let y = chart_area.bottom() + n as u16;
        alert_strip(buf, look, area, drawn.plot, y, window, &strip);
    }
    drawn.hits
}

/// The alert that a strip is of.
fn strip_name(series: &SignalSeries) -> String {
    let key = &series.key;
    let part = if key.part.raw().is_empty() {
        &key.method
    } else {
        &key.part
    };
    part.clean().to_string()
}

/// Cells of a heat strip: more than any screen has columns for.
const CELLS: usize = 240;

/// The scores of one feature over the window, as shares of their line, and where they are too old.
fn heat_cells(
    page: &Features,
    feature: &Feature,
    window: (f64, f64),
    cx: &Cx<'_>,
) -> Vec<HeatCell> {
    let mut cells = vec![HeatCell::Gap; CELLS];
    if !features::drifts(feature.gauge.key.measure) {
        return cells;
    }
    let width = (window.1 - window.0).max(1.0);
    let column = |x: f64| ((x - window.0) / width * CELLS as f64).floor();
    let mut fill = |from: f64, to: f64, fill: &dyn Fn(&mut HeatCell)| {
        let to = to.max(from + 1.0);
        if to > 0.0 && from < CELLS as f64 {
            let (from, to) = (from.max(0.0) as usize, (to as usize).min(CELLS));
            cells[from..to].iter_mut().for_each(fill);
        }
    };
    for series in page.courses(&feature.gauge.key, cx) {
        let points = signal::samples(&series);
        let step = series.step.as_millis() as f64;
        for point in points.iter().filter(|p| p.y.is_finite()) {
            let Some(share) = features::share(point.y, &feature.gauge) else {
                continue;
            };
            // A score holds until the next one is due.
            fill(column(point.x), column(point.x + step), &|cell| {
                *cell = match *cell {
                    HeatCell::Score(old) => HeatCell::Score(old.max(share)),
                    HeatCell::Gap | HeatCell::Stale => HeatCell::Score(share),
                };
            });
        }
    }
    // What repeats a run that is too old says nothing.
    for silence in course::silences(&feature.gauge.key, &feature.gauge, cx) {
        let (from, until) = (silence.from.0 as f64, silence.until.0 as f64);
        fill(column(from).max(0.0), column(until), &|cell| {
            *cell = HeatCell::Stale;
        });
    }
    // What has no score now is said at the right end, where "now" is.
    if feature.gauge.state == State::Nan
        && let Some(last) = cells.last_mut()
    {
        *last = HeatCell::Score(f64::NAN);
    }
    cells
}

/// Features × time, in the order of the list, around the selected one.
pub(super) fn heat_strip(page: &Features, cx: &Cx<'_>, look: &Look, area: Rect, buf: &mut Buffer) {
    // In line with the names of the list above.
    let area = paint::inner_columns(area, 1, 0);
    if area.height < 2 {
        return;
    }
    let window = page.window(cx);
    let rows = usize::from(area.height - 1);
    let at = page
        .list
        .table
        .selected_in(page.list.rows.len())
        .unwrap_or(0);
    let first = at
        .saturating_sub(rows.saturating_sub(1))
        .min(page.list.rows.len());
    let shown: Vec<&Feature> = page.list.rows.iter().skip(first).take(rows).collect();
    let cells: Vec<Vec<HeatCell>> = shown
        .iter()
        .map(|f| heat_cells(page, f, window, cx))
        .collect();
    let names: Vec<String> = shown.iter().map(|f| f.name()).collect();
    let label = names
        .iter()
        .map(|n| text::width(n))
        .max()
        .unwrap_or(0)
        .clamp(6, 20);
    let heat_rows: Vec<HeatRow<'_>> = shown
        .iter()
        .zip(&cells)
        .zip(&names)
        .enumerate()
        .map(|(n, ((feature, cells), label))| HeatRow {
            label,
            cells,
            selected: first + n == at,
            dimmed: feature.gauge.state == State::LowN,
        })
        .collect();
    let body = paint::inner_rows(area, 0, 1);
    let strip = heat(buf, look, body, &heat_rows, label as u16);
    let foot = Rect {
        y: area.y + (heat_rows.len() as u16).min(area.height - 1),
        height: 1,
        ..area
    };
    let (from, to) = XAxis::Wall.ends(window.0, window.1);
    let ends = paint::inner_columns(foot, strip.x - area.x, 0);
    paint::put(buf, ends, ends.x, ends.y, &from, look.style(Role::Axis));
    let to_width = text::width(&to) as u16;
    let x = ends.right().saturating_sub(to_width);
    paint::put(buf, ends, x, ends.y, &to, look.style(Role::Axis));
    let room = usize::from(ends.width).saturating_sub(text::width(&from) + text::width(&to) + 4);
    let legend = legend(look);
    if paint::spans_width(&legend) <= room {
        let x = ends.x + text::width(&from) as u16 + 2;
        paint::put_spans(buf, look, ends, x, ends.y, &legend);
    } else if foot.y + 1 < area.bottom() {
        let own = Rect {
            y: foot.y + 1,
            ..foot
        };
        paint::put_spans(buf, look, own, own.x, own.y, &legend);
    }
}

/// How the selected feature is distributed, in the reference and now.
pub(super) fn distributions(
    page: &Features,
    cx: &Cx<'_>,
    look: &Look,
    area: Rect,
    buf: &mut Buffer,
) {
    let Some(feature) = page.list.current() else {
        return;
    };
    let Some(column) = page.column().filter(|c| c.distributions.is_some()) else {
        // Rows by what was predicted need no report.
        if feature.gauge.key.measure == Measure::PredictionDrift
            && let Some(model) = page.view_of(cx)
            && let Some(both) = predictions::distribution(&signal::gauges(model, cx))
        {
            let head = [
                span(Role::Title, "predictions"),
                span(Role::Dim, counted(&both)),
            ];
            both_sides(&both, &head, look, area, buf);
            return;
        }
        absent(page, feature, cx, look, area, buf);
        return;
    };
    let Some(both) = &column.distributions else {
        return;
    };
    both_sides(both, &title(page, column, cx), look, area, buf);
}

/// `   reference n=20,000   current n=1,240`, by the rows in the bins.
fn counted(both: &Distributions) -> String {
    let rows = |side: &[f64]| text::count(side.iter().sum::<f64>().round() as usize);
    format!(
        "   reference n={}   current n={}",
        rows(&both.reference),
        rows(&both.current)
    )
}

/// Both histograms below their title and what has moved.
fn both_sides(both: &Distributions, title: &[Span<'_>], look: &Look, area: Rect, buf: &mut Buffer) {
    let mut y = 0;
    let mut put = |spans: &[Span<'_>], buf: &mut Buffer| {
        let row = paint::row(area, y);
        paint::put_spans(buf, look, row, row.x, row.y, spans);
        y += 1;
    };
    put(title, buf);
    for moved in movement(&both.moments, look, area.width) {
        put(&moved, buf);
    }
    let body = paint::inner_rows(area, y, 0);
    if histograms(buf, look, body, both) == 0 {
        let words = match both.bins {
            Bins::Numbers(_) => "two histograms need 3 rows and 16 columns",
            Bins::Categories(_) => "the categories need 3 rows and 16 columns",
        };
        paint::put(buf, body, body.x, body.y, words, look.style(Role::Dim));
    }
}

/// `amount  reference n=20,000  current n=1,240  report of 09:14Z (4h)`.
fn title(page: &Features, column: &ColumnDrift, cx: &Cx<'_>) -> Vec<Span<'static>> {
    let count = |n: Option<u64>| {
        n.and_then(|n| usize::try_from(n).ok())
            .map_or_else(|| "?".to_owned(), text::count)
    };
    let mut spans = vec![
        span(Role::Title, column.column.to_string()),
        span(
            Role::Dim,
            format!(
                "   reference n={}   current n={}",
                count(column.reference_n),
                count(column.n)
            ),
        ),
    ];
    if let Some(Ok(Some(report))) = &page.report {
        let stamp = crate::panes::history::line::stamp(report.at, cx.now);
        let old = age(cx.now.wall.since(report.at));
        let what = report_word(report);
        // Its mean is of its own rows: what other sources tell beside it is of theirs.
        let sources = Features::reporters(cx);
        let of = match sources.as_slice() {
            [one] => one.as_str(),
            _ => "evidently",
        };
        spans.push(span(Role::Dim, format!("   {of} {what} {stamp}Z ({old})")));
    }
    spans
}

/// What the time of a report is of: one that tells none of its own has that of its file.
fn report_word(report: &DriftReport) -> &'static str {
    match report.at_from {
        "file time" => "file of",
        "file name" => "file named",
        _ => "report",
    }
}

/// Why there is no distribution, and what would fill the place.
fn absent(
    page: &Features,
    feature: &Feature,
    cx: &Cx<'_>,
    look: &Look,
    area: Rect,
    buf: &mut Buffer,
) {
    let name = feature.name();
    let (what, how) = if Features::reporters(cx).is_empty() {
        (
            "No source of this context holds distributions.".to_owned(),
            "A source of kind evidently (its service, or a folder of report.json) fills this part."
                .to_owned(),
        )
    } else {
        match &page.report {
            None => ("The drift report is being read.".to_owned(), String::new()),
            Some(Err(fault)) => (
                "The drift report could not be read.".to_owned(),
                format!("{fault} · r asks again"),
            ),
            Some(Ok(None)) => {
                let when = page.before.map_or_else(String::new, |at: Millis| {
                    format!(" before {}Z", at.day_minute())
                });
                (
                    format!("No report of this model is there{when}."),
                    "Run it with metadata={'model': NAME}, or name the project after the model."
                        .to_owned(),
                )
            }
            Some(Ok(Some(report))) => {
                let known = report.columns.iter().any(|c| c.column == name.as_str());
                if known {
                    (
                        format!("The report holds no distribution of {name}."),
                        "Reports with DataDriftPreset hold them; a score alone does not."
                            .to_owned(),
                    )
                } else {
                    (
                        format!(
                            "The report of {}Z has no column {name}.",
                            report.at.day_minute()
                        ),
                        format!(
                            "It has {}.",
                            text::counted(report.columns.len(), "column", "columns")
                        ),
                    )
                }
            }
        }
    };
    let lines = [(Role::Text, what), (Role::Dim, how)];
    let mut y = 0;
    for (role, words) in lines {
        for words in text::wrap(
            &look.symbols.plain(&words),
            usize::from(area.width.saturating_sub(2)),
        ) {
            let row = paint::row(area, y);
            paint::put(buf, row, row.x + 1, row.y, &words, look.style(role));
            y += 1;
        }
    }
}
