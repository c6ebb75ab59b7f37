//! The line chart: several series over steps or time, with unit, last value, threshold, change
//! markers, gaps where data is missing, a cursor that reads values, and named ends.

pub mod axis;
mod canvas;
mod plot;
mod strip;
#[cfg(test)]
mod tests;
mod title;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::hits::{Hits, Target};
use super::look::Look;
use super::paint::{self, Span};
use super::series::{Sample, extent};
use super::theme::Role;

use title::Title;

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
    /// Of each line, in their order, what only repeats its last sample because nothing newer was written:
    /// drawn with the mark of what is stale.
    pub stale: &'a [&'a [Sample]],
    /// What that mark means where it is not age; empty for age.
    pub stale_words: &'a str,
    /// Of each line, in their order, what it reads now, where that is known apart from its samples; else its
    /// last value is shown.
    pub now: &'a [Span<'a>],
    /// Whether a NaN among the samples was written as one; else it is a sample that is missing.
    pub writes_nan: bool,
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
        let title = Title::of(self, look);
        let own_row = area.height >= 8 && title.width() > usize::from(area.width);
        title.draw(buf, look, area, own_row);
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
}
