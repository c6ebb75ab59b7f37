//! The line chart: several series over steps or time, with unit, last value, threshold, change
//! markers, gaps where data is missing, a cursor that reads values, and named ends.

pub mod axis;
mod canvas;
mod plot;
mod strip;
#[cfg(test)]
mod tests;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::hits::{Hits, Target};
use super::look::Look;
use super::paint::{self, span, spans_width};
use super::series::{Sample, extent, last_value, nearest};
use super::text;
use super::theme::Role;

pub use axis::XAxis;
pub use strip::{Strip, alert_strip};

/// One line of a chart.
#[derive(Clone, Copy, Debug)]
pub struct Series<'a> {
    /// Its name in the legend.
    pub name: &'a str,
    /// Its samples, in order of x. Reduce them to the chart's width when they arrive, not here.
    pub points: &'a [Sample],
}

/// A change, at a place of the horizontal axis.
#[derive(Clone, Copy, Debug)]
pub struct Marker<'a> {
    /// Where.
    pub x: f64,
    /// What: short (`v14`).
    pub label: &'a str,
}

/// A chart to draw.
#[derive(Clone, Debug, Default)]
pub struct Chart<'a> {
    /// What is measured.
    pub title: &'a str,
    /// In what unit; empty for none.
    pub unit: &'a str,
    /// The lines. Colours and marks follow their order.
    pub series: &'a [Series<'a>],
    /// Lines behind the others, dim and without a legend: raw values under their smoothed line.
    pub behind: &'a [&'a [Sample]],
    /// What the horizontal axis counts.
    pub x: XAxis,
    /// Whether the vertical axis is logarithmic: values of zero and below are gaps then.
    pub log: bool,
    /// Whether the vertical axis stands on zero: amounts whose noise must look like noise.
    pub ground: bool,
    /// The window shown; all samples if none.
    pub window: Option<(f64, f64)>,
    /// The line that must not be crossed.
    pub threshold: Option<f64>,
    /// The value to expect when nothing is the matter: below it, values say nothing.
    pub floor: Option<f64>,
    /// Changes.
    pub markers: &'a [Marker<'a>],
    /// Where values are read, on the horizontal axis.
    pub cursor: Option<f64>,
}

/// What was drawn where.
#[derive(Clone, Debug, Default)]
pub struct Drawn {
    /// Regions: one for the plot's columns.
    pub hits: Hits,
    /// The plot inside its axes.
    pub plot: Rect,
    /// The horizontal window that the plot shows.
    pub window: Option<(f64, f64)>,
}

impl Drawn {
    /// The place on the horizontal axis under a column of the screen.
    pub fn x_at(&self, column: u16) -> Option<f64> {
        let (from, to) = self.window?;
        let at = column
            .checked_sub(self.plot.x)
            .filter(|c| *c < self.plot.width)?;
        let last = f64::from(self.plot.width.max(2) - 1);
        Some(from + (to - from) * f64::from(at) / last)
    }
}

impl Chart<'_> {
    /// The horizontal window: what was asked for, or all samples.
    fn window(&self) -> Option<(f64, f64)> {
        self.window
            .or_else(|| {
                extent(
                    self.series
                        .iter()
                        .flat_map(|s| s.points.iter().map(|p| p.x)),
                )
            })
            .map(|(a, b)| if b > a { (a, b) } else { (a - 0.5, b + 0.5) })
    }

    /// Draws the chart; an area of less than 3 rows or 16 columns shows the title line only.
    pub fn draw(&self, buf: &mut Buffer, look: &Look, area: Rect) -> Drawn {
        let area = area.intersection(buf.area);
        let mut drawn = Drawn::default();
        if area.is_empty() {
            return drawn;
        }
        // A legend that does not fit beside the title takes a row of its own, where rows allow it.
        let own_row = area.height >= 8 && self.title_needs() > usize::from(area.width);
        self.draw_title(buf, look, area, own_row);
        let top = 1 + u16::from(own_row);
        let Some(window) = self.window() else {
            if area.height > 1 {
                let line = paint::row(area, area.height / 2);
                paint::put(
                    buf,
                    line,
                    line.x + 2,
                    line.y,
                    "no samples yet",
                    look.style(Role::Dim),
                );
            }
            return drawn;
        };
        drawn.window = Some(window);
        if area.height >= 3 && area.width >= 16 {
            let body = paint::inner_rows(area, top, 0);
            drawn.plot = plot::draw(self, buf, look, body, window);
            for column in 0..drawn.plot.width {
                let strip = Rect {
                    x: drawn.plot.x + column,
                    width: 1,
                    ..drawn.plot
                };
                drawn.hits.add(strip, Target::Plot(column));
            }
        }
        drawn
    }

    /// About how wide title, legend and the right end are together.
    fn title_needs(&self) -> usize {
        let legend: usize = match self.series {
            [] | [_] => 0,
            all => all.iter().map(|s| text::width(s.name) + 12).sum(),
        };
        let right = if self.cursor.is_some() { 12 } else { 0 }
            + if self.threshold.is_some() { 14 } else { 0 }
            + if self.floor.is_some() { 14 } else { 0 };
        text::width(self.title) + text::width(self.unit) + legend + right
    }

    /// `val_auc  0.914  line 0.8`, or a legend with a value for each series. With a cursor, the values
    /// there and its place.
    fn draw_title(&self, buf: &mut Buffer, look: &Look, whole: Rect, own_row: bool) {
        let area = paint::row(whole, 0);
        let mut right = Vec::new();
        if let Some(line) = self.threshold {
            right.push(span(
                Role::Threshold,
                format!("{} ", look.symbols.threshold),
            ));
            right.push(span(Role::Dim, format!("line {}", text::brief(line))));
        }
        if let Some(floor) = self.floor {
            let gap = if right.is_empty() { "" } else { "  " };
            right.push(span(Role::Axis, format!("{gap}{} ", look.symbols.dot)));
            right.push(span(Role::Dim, format!("noise {}", text::brief(floor))));
        }
        if let (Some(x), Some((from, to))) = (self.cursor, self.window()) {
            let gap = if right.is_empty() { "" } else { "  " };
            right.insert(
                0,
                span(
                    Role::Strong,
                    format!("at {}{gap}", self.x.label(x, to - from)),
                ),
            );
        }
        if self.log {
            right.push(span(
                Role::Dim,
                if right.is_empty() { "log" } else { "  log" },
            ));
        }
        let left_end = if right.is_empty() || usize::from(area.width) < 30 {
            area.right()
        } else {
            paint::put_right(buf, look, area, area.y, &right).saturating_sub(2)
        };
        let mut left = vec![span(Role::Title, self.title)];
        if !self.unit.is_empty() {
            left.push(span(Role::Dim, format!(" {}", self.unit)));
        }
        let mut room = Rect {
            width: left_end.saturating_sub(area.x),
            ..area
        };
        if own_row {
            paint::put_spans(buf, look, room, room.x, room.y, &left);
            left.clear();
            room = paint::row(whole, 1);
        }
        for (i, series) in self.series.iter().enumerate() {
            let value = match self.cursor {
                Some(x) => nearest(series.points, x).map(|p| p.y),
                None => last_value(series.points),
            };
            let value = text::number_or_none(value);
            if self.series.len() == 1 {
                left.push(span(Role::chart(i), format!("  {value}")));
                break;
            }
            let entry = [
                span(Role::Text, if left.is_empty() { "" } else { "   " }),
                span(Role::chart(i), look.symbols.series[i % 8]),
                span(Role::Dim, format!(" {}", series.name)),
                span(Role::Text, format!(" {value}")),
            ];
            // An entry is shown whole or counted, with room kept to say so.
            let rest = self.series.len() - i;
            let kept = if rest > 1 { 5 } else { 0 };
            if spans_width(&left) + spans_width(&entry) + kept > usize::from(room.width) && i > 0 {
                left.push(span(Role::Dim, format!("   +{rest}")));
                break;
            }
            left.extend(entry);
        }
        paint::put_spans(buf, look, room, room.x, room.y, &left);
    }
}
