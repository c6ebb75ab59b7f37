//! The plot inside a chart: scales, axes, threshold, markers, lines, cursor.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::axis::{log_ticks, tick_labels, ticks};
use super::canvas::Canvas;
use super::{Chart, Series};
use crate::ui::look::Look;
use crate::ui::paint;
use crate::ui::series::{Sample, extent, reduce};
use crate::ui::text;
use crate::ui::theme::{Depth, Role};

/// The vertical scale, linear or logarithmic.
#[derive(Clone, Copy)]
struct Scale {
    lo: f64,
    hi: f64,
    log: bool,
}

impl Scale {
    fn of(chart: &Chart<'_>, window: (f64, f64)) -> Self {
        let lines = chart.series.iter().map(|s| s.points);
        let shown = lines
            .chain(chart.behind.iter().copied())
            .chain(chart.stale.iter().copied())
            .flat_map(|points| inside(points, window))
            .map(|p| p.y);
        let range = extent(shown.filter(|y| !chart.log || *y > 0.0));
        let (mut lo, mut hi) = range.unwrap_or(if chart.log { (0.1, 1.0) } else { (0.0, 1.0) });
        if chart.log {
            if let Some(line) = chart.threshold.filter(|t| *t > 0.0) {
                (lo, hi) = (lo.min(line), hi.max(line));
            }
            let (a, b) = (lo.log10(), hi.log10());
            let pad = ((b - a) * 0.06).max(0.05);
            return Self {
                lo: a - pad,
                hi: b + pad,
                log: true,
            };
        }
        // A threshold within reach belongs in the picture; one far away would flatten the line.
        if let Some(line) = chart.threshold {
            let reach = ((hi - lo) * 3.0).max(lo.abs().max(hi.abs()) * 2.0);
            if line >= lo - reach && line <= hi + reach {
                (lo, hi) = (lo.min(line), hi.max(line));
            }
        }
        if let Some(floor) = chart.floor {
            let reach = (hi - lo).max(hi.abs());
            if floor >= lo - reach && floor <= hi + reach {
                (lo, hi) = (lo.min(floor), hi.max(floor));
            }
        }
        if chart.ground {
            (lo, hi) = (lo.min(0.0), hi.max(0.0));
        }
        if hi <= lo {
            let half = if lo == 0.0 { 0.5 } else { lo.abs() * 0.1 };
            (lo, hi) = (lo - half, hi + half);
        }
        let pad = (hi - lo) * 0.06;
        // Amounts start at zero when they come near it.
        let floor = if lo >= 0.0 && lo < hi * 0.25 {
            0.0
        } else {
            lo - pad
        };
        Self {
            lo: floor,
            hi: hi + pad,
            log: false,
        }
    }

    /// 0 at the bottom, 1 at the top; nothing for a gap.
    fn at(&self, y: f64) -> Option<f64> {
        let y = if self.log {
            if y <= 0.0 {
                return None;
            }
            y.log10()
        } else {
            y
        };
        y.is_finite().then(|| (y - self.lo) / (self.hi - self.lo))
    }

    fn ticks(&self, most: usize) -> Vec<f64> {
        if self.log {
            log_ticks(10_f64.powf(self.lo), 10_f64.powf(self.hi), most)
        } else {
            ticks(self.lo, self.hi, most)
        }
    }
}

/// The samples in the window and one on each side, so that lines run to the edges.
fn inside(points: &[Sample], (from, to): (f64, f64)) -> &[Sample] {
    let a = points.partition_point(|p| p.x < from).saturating_sub(1);
    let b = (points.partition_point(|p| p.x <= to) + 1).min(points.len());
    &points[a.min(b)..b]
}

/// On which side a value lies that the vertical axis does not reach.
pub(super) fn beyond(chart: &Chart<'_>, window: (f64, f64), value: f64) -> Option<&'static str> {
    let scale = Scale::of(chart, window);
    if scale.log && value <= 0.0 {
        return Some("below");
    }
    match scale.at(value)? {
        at if at > 1.001 => Some("above"),
        at if at < -0.001 => Some("below"),
        _ => None,
    }
}

/// Draws the axes and everything inside; returns the plot's rectangle.
pub(super) fn draw(
    chart: &Chart<'_>,
    buf: &mut Buffer,
    look: &Look,
    area: Rect,
    window: (f64, f64),
) -> Rect {
    let scale = Scale::of(chart, window);
    let marker_row = u16::from(!chart.markers.is_empty() && area.height >= 5);
    let rows = area.height - 1 - marker_row;
    let values = scale.ticks(usize::from(rows / 3 + 1).clamp(2, 6));
    let labels = tick_labels(&values);
    let label_width = labels
        .iter()
        .map(|l| text::width(l))
        .max()
        .unwrap_or(0)
        .max(3) as u16;
    let left = (label_width + 2).min(area.width / 2);
    let plot = Rect::new(area.x + left, area.y, area.width - left, rows);

    let axis = look.style(Role::Axis);
    for y in plot.top()..plot.bottom() {
        paint::put(buf, area, plot.x - 1, y, look.symbols.axis[1], axis);
    }
    // The same rounding as the lines': a tick and a point of one value share a row.
    let per_row = if look.symbols.ascii { 1 } else { 4 };
    let row_of = |v: f64| -> Option<u16> {
        let at = scale.at(v).filter(|at| (-0.001..=1.001).contains(at))?;
        let dots = f64::from(rows * per_row - 1);
        let dot = ((1.0 - at) * dots).round().clamp(0.0, dots);
        Some(plot.y + dot as u16 / per_row)
    };
    for (value, label) in values.iter().zip(&labels) {
        let Some(y) = row_of(*value) else { continue };
        let w = text::width(label) as u16;
        let x = (plot.x - 1).saturating_sub(w + 1).max(area.x);
        paint::put(buf, area, x, y, label, axis);
        paint::put(buf, area, plot.x - 1, y, look.symbols.axis[0], axis);
    }

    let column_of = |x: f64| -> Option<u16> {
        let at = (x - window.0) / (window.1 - window.0);
        (0.0..=1.0)
            .contains(&at)
            .then(|| plot.x + (at * f64::from(plot.width - 1)).round() as u16)
    };
    let columns: Vec<(u16, &str)> = chart
        .markers
        .iter()
        .filter_map(|m| Some((column_of(m.x)?, m.label)))
        .collect();
    let thin = if look.symbols.ascii { ":" } else { "┊" };
    for (x, _) in &columns {
        column(buf, plot, *x, thin, look.style(Role::ChartCursor));
    }
    // Under the threshold: where the two share a row, the line that must not be crossed is seen.
    if let Some(y) = chart.floor.and_then(row_of) {
        let dot = look.symbols.dot;
        for x in (plot.left()..plot.right()).step_by(2) {
            paint::put_glyph(buf, x, y, dot, look.style(Role::Axis));
        }
    }
    if let Some(y) = chart.threshold.and_then(row_of) {
        paint::fill_row(
            buf,
            plot,
            y,
            look.symbols.threshold,
            look.style(Role::Threshold),
        );
    }
    behind(chart, buf, look, plot, window, scale);
    lines(chart.series, buf, look, plot, window, scale);
    if let Some(x) = chart.cursor.and_then(column_of) {
        for y in plot.top()..plot.bottom() {
            let Some(cell) = buf.cell((x, y)) else {
                continue;
            };
            if is_ground(cell.symbol()) {
                paint::put_glyph(buf, x, y, look.symbols.bar, look.style(Role::ChartCursor));
            } else {
                let glyph = cell.symbol().to_owned();
                paint::put_glyph(buf, x, y, &glyph, look.style(Role::Strong));
            }
        }
    }
    if marker_row == 1 {
        marker_labels(
            buf,
            look,
            Rect {
                y: plot.bottom(),
                height: 1,
                ..area
            },
            &columns,
        );
    }
    x_labels(
        chart,
        buf,
        look,
        Rect {
            y: area.bottom() - 1,
            height: 1,
            ..plot
        },
        window,
    );
    plot
}

fn is_ground(symbol: &str) -> bool {
    matches!(symbol, " " | "┊" | ":" | "╌" | "-" | "·")
}

fn column(buf: &mut Buffer, plot: Rect, x: u16, glyph: &str, style: ratatui::style::Style) {
    for y in plot.top()..plot.bottom() {
        paint::put_glyph(buf, x, y, glyph, style);
    }
}

/// Where a sample lies among the dots of a canvas of `size`; nothing for a gap.
fn place(
    p: &Sample,
    window: (f64, f64),
    scale: Scale,
    (w, h): (usize, usize),
) -> Option<(f64, f64)> {
    let x = (p.x - window.0) / (window.1 - window.0) * (w - 1) as f64;
    scale.at(p.y).map(|y| (x, (1.0 - y) * (h - 1) as f64))
}

/// One line, broken at gaps.
fn trace(
    canvas: &mut Canvas,
    points: &[Sample],
    series: usize,
    place: impl Fn(&Sample) -> Option<(f64, f64)>,
) {
    let (w, _) = canvas.size();
    let mut last: Option<(f64, f64)> = None;
    for point in points {
        let here = place(point);
        if let Some(to) = here {
            clipped(canvas, last.unwrap_or(to), to, w, series);
        }
        last = here;
    }
}

/// What lies behind the lines.
fn behind(
    chart: &Chart<'_>,
    buf: &mut Buffer,
    look: &Look,
    plot: Rect,
    window: (f64, f64),
    scale: Scale,
) {
    ground(chart.behind, buf, look, plot, window, scale);
    repeats(chart.stale, buf, look, plot, window, scale);
}

/// The dim lines behind.
fn ground(
    behind: &[&[Sample]],
    buf: &mut Buffer,
    look: &Look,
    plot: Rect,
    window: (f64, f64),
    scale: Scale,
) {
    if behind.is_empty() {
        return;
    }
    let mut canvas = Canvas::new(plot.width, plot.height, look.symbols.ascii);
    let size = canvas.size();
    for points in behind {
        let points = reduce(inside(points, window), size.0);
        trace(&mut canvas, &points, 0, |p| place(p, window, scale, size));
    }
    for row in 0..usize::from(plot.height) {
        for col in 0..usize::from(plot.width) {
            if let Some((glyph, _)) = canvas.cell(col, row)
                && let Some(cell) = buf.cell_mut((plot.x + col as u16, plot.y + row as u16))
            {
                cell.set_char(if look.symbols.ascii { '.' } else { glyph })
                    .set_style(look.style(Role::Axis));
            }
        }
    }
}

/// What only repeats an old value: its mark in every other column along the line.
fn repeats(
    all: &[&[Sample]],
    buf: &mut Buffer,
    look: &Look,
    plot: Rect,
    window: (f64, f64),
    scale: Scale,
) {
    for points in all {
        let mut canvas = Canvas::new(plot.width, plot.height, look.symbols.ascii);
        let size = canvas.size();
        let points = inside(points, window);
        trace(&mut canvas, points, 0, |p| place(p, window, scale, size));
        for row in 0..usize::from(plot.height) {
            for col in (0..usize::from(plot.width)).step_by(2) {
                if canvas.cell(col, row).is_some() {
                    let (x, y) = (plot.x + col as u16, plot.y + row as u16);
                    let style = look.style(Role::Stale);
                    paint::put_glyph(buf, x, y, look.symbols.stale, style);
                }
            }
        }
    }
}

fn lines(
    series: &[Series<'_>],
    buf: &mut Buffer,
    look: &Look,
    plot: Rect,
    window: (f64, f64),
    scale: Scale,
) {
    let ascii = look.symbols.ascii;
    let mut canvas = Canvas::new(plot.width, plot.height, ascii);
    let (w, h) = canvas.size();
    let mut ends = Vec::new();
    for (n, one) in series.iter().enumerate() {
        let points = inside(one.points, window);
        let reduced;
        let points = if points.len() > w * 4 {
            reduced = reduce(points, w);
            &reduced
        } else {
            points
        };
        let place = |p: &Sample| place(p, window, scale, (w, h));
        trace(&mut canvas, points, n, place);
        let seen = points.iter().filter(|p| p.x >= window.0 && p.x <= window.1);
        ends.extend(seen.filter_map(place).next_back().map(|end| (n, end)));
    }
    let many = series.len() > 1;
    for row in 0..usize::from(plot.height) {
        for col in 0..usize::from(plot.width) {
            let Some((glyph, owner)) = canvas.cell(col, row) else {
                continue;
            };
            let marked =
                many && (ascii || (look.depth == Depth::Mono && col % 12 == owner * 3 % 12));
            let mut utf8 = [0; 4];
            let glyph = if marked {
                look.symbols.series[owner % 8]
            } else {
                glyph.encode_utf8(&mut utf8)
            };
            let (x, y) = (plot.x + col as u16, plot.y + row as u16);
            paint::put_glyph(buf, x, y, glyph, look.style(Role::chart(owner)));
        }
    }
    if many {
        // Each line ends in the mark that its legend shows.
        for (n, (x, y)) in ends {
            let (dx, dy) = if ascii { (1, 1) } else { (2, 4) };
            let x = plot.x + (x.round() as u16 / dx).min(plot.width - 1);
            let y = plot.y + (y.round().max(0.0) as u16 / dy).min(plot.height - 1);
            paint::put_glyph(
                buf,
                x,
                y,
                look.symbols.series[n % 8],
                look.style(Role::chart(n)),
            );
        }
    }
}

/// A line cut at the left and right edge, so that a neighbour far outside costs nothing.
fn clipped(canvas: &mut Canvas, from: (f64, f64), to: (f64, f64), w: usize, series: usize) {
    let right = (w - 1) as f64;
    let cut = |a: (f64, f64), b: (f64, f64)| -> (f64, f64) {
        if (0.0..=right).contains(&a.0) {
            return a;
        }
        // The other end lies within or beyond the far edge, so the two differ.
        let edge = a.0.clamp(0.0, right);
        let share = (edge - a.0) / (b.0 - a.0);
        (edge, a.1 + (b.1 - a.1) * share)
    };
    if (from.0 < 0.0 && to.0 < 0.0) || (from.0 > right && to.0 > right) {
        return;
    }
    canvas.line(cut(from, to), cut(to, from), series);
}

/// `▲v14` under each marker, or `v14▲` at the right edge; one without room keeps the glyph only.
fn marker_labels(buf: &mut Buffer, look: &Look, area: Rect, columns: &[(u16, &str)]) {
    let mut order: Vec<_> = columns.to_vec();
    order.sort_by_key(|(x, _)| *x);
    let mut free = area.x;
    for (i, (x, label)) in order.iter().enumerate() {
        paint::put(
            buf,
            area,
            *x,
            area.y,
            look.symbols.marker,
            look.style(Role::Marker),
        );
        let next = order.get(i + 1).map_or(area.right() + 1, |(x, _)| *x);
        let w = text::width(label) as u16;
        if x + 1 + w < next {
            paint::put(buf, area, x + 1, area.y, label, look.style(Role::Dim));
            free = x + w + 2;
        } else {
            if *x >= free + w {
                paint::put(buf, area, x - w, area.y, label, look.style(Role::Dim));
            }
            free = x + 2;
        }
    }
}

fn x_labels(chart: &Chart<'_>, buf: &mut Buffer, look: &Look, area: Rect, window: (f64, f64)) {
    let style = look.style(Role::Axis);
    let (from, to) = chart.x.ends(window.0, window.1);
    let (from_w, to_w) = (text::width(&from) as u16, text::width(&to) as u16);
    if from_w + to_w + 2 > area.width {
        paint::put(buf, area, area.x, area.y, &from, style);
        return;
    }
    paint::put(buf, area, area.x, area.y, &from, style);
    paint::put(buf, area, area.right() - to_w, area.y, &to, style);
    // Between the ends, at even parts, where there is room to breathe.
    let parts = (area.width / 24).clamp(1, 6);
    let mut free = area.x + from_w + 3;
    for i in 1..parts {
        let share = f64::from(i) / f64::from(parts);
        let label = chart.x.label(
            window.0 + (window.1 - window.0) * share,
            window.1 - window.0,
        );
        let w = text::width(&label) as u16;
        let x = area.x + (f64::from(area.width - 1) * share) as u16;
        let x = x.saturating_sub(w / 2);
        if x >= free && x + w + 3 <= area.right() - to_w {
            paint::put(buf, area, x, area.y, &label, style);
            free = x + w + 3;
        }
    }
}
