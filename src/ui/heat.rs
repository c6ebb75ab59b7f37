//! A heat strip: things × time, each cell how far a score has come towards its line. What is over the
//! line has a shape of its own, so that it reads without colour.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::look::Look;
use super::paint;
use super::text;
use super::theme::Role;

/// One row of the strip.
#[derive(Clone, Debug)]
pub struct HeatRow<'a> {
    /// What it is.
    pub label: &'a str,
    /// Its scores at even steps over the strip's time, oldest first, as shares of the line: 1 is at the
    /// line, more is worse. NaN is a score that could not be computed; `None` is no sample.
    pub cells: &'a [Option<f64>],
    /// Whether the row is the selected one.
    pub selected: bool,
    /// Whether its scores rest on too few samples to mean anything.
    pub dimmed: bool,
}

/// The steps of a cell: up to half of the line, up to the line, over it, over twice of it.
const UNICODE: [&str; 4] = ["·", "░", "▓", "█"];
const ASCII: [&str; 4] = [".", ":", "x", "#"];

/// The glyph and role of one cell.
fn shade(cell: Option<f64>, dimmed: bool, look: &Look) -> (&'static str, Role) {
    let glyphs = if look.symbols.ascii { ASCII } else { UNICODE };
    let (step, role) = match cell {
        None => return (" ", Role::Text),
        Some(v) if v.is_nan() => return ("?", Role::Unknown),
        Some(v) if v < 0.5 => (0, Role::Dim),
        Some(v) if v < 1.0 => (1, Role::Text),
        Some(v) if v < 2.0 => (2, Role::Warn),
        Some(_) => (3, Role::Crit),
    };
    (glyphs[step], if dimmed { Role::Dim } else { role })
}

/// Draws as many rows as fit, each label in `label` columns; what a column of the screen holds of several
/// cells is the worst of them. Returns the rectangle of the cells.
pub fn heat(buf: &mut Buffer, look: &Look, area: Rect, rows: &[HeatRow<'_>], label: u16) -> Rect {
    let area = area.intersection(buf.area);
    let label = label.min(area.width / 2);
    let strip = paint::inner_columns(area, label + 1, 0);
    for (n, row) in rows.iter().take(usize::from(area.height)).enumerate() {
        let line = paint::row(area, n as u16);
        let name = text::cut(row.label, usize::from(label), look.symbols.ellipsis);
        let role = match (row.selected, row.dimmed) {
            (true, _) => Role::Strong,
            (false, true) => Role::Dim,
            (false, false) => Role::Text,
        };
        paint::put(buf, line, line.x, line.y, &name, look.style(role));
        let width = usize::from(strip.width);
        for column in 0..width {
            let cell = at(row.cells, column, width);
            let (glyph, role) = shade(cell, row.dimmed, look);
            let x = strip.x + column as u16;
            paint::put_glyph(buf, x, line.y, glyph, look.style(role));
        }
    }
    strip
}

/// The worst cell that falls into a column; a NaN counts where there is nothing worse than the line.
fn at(cells: &[Option<f64>], column: usize, width: usize) -> Option<f64> {
    let from = column * cells.len() / width.max(1);
    let to = ((column + 1) * cells.len() / width.max(1)).max(from + 1);
    let part = cells.get(from..to.min(cells.len()))?;
    let mut worst: Option<f64> = None;
    for value in part.iter().flatten() {
        worst = Some(match worst {
            Some(w) if w.is_nan() && *value < 1.0 => w,
            Some(w) if value.is_nan() && w >= 1.0 => w,
            Some(w) if !value.is_nan() && !w.is_nan() => w.max(*value),
            _ => *value,
        });
    }
    worst
}

/// What the glyphs mean, for the line below or beside a strip.
pub fn legend(look: &Look) -> Vec<paint::Span<'static>> {
    let glyphs = if look.symbols.ascii { ASCII } else { UNICODE };
    let words = ["< ½ line ", "< line ", "over ", "> 2× "];
    let roles = [Role::Dim, Role::Text, Role::Warn, Role::Crit];
    let ascii = ["< 1/2 line ", "< line ", "over ", "> 2x "];
    let words = if look.symbols.ascii { ascii } else { words };
    let mut spans = Vec::new();
    for ((glyph, role), word) in glyphs.into_iter().zip(roles).zip(words) {
        spans.push(paint::span(role, glyph));
        spans.push(paint::span(Role::Dim, format!(" {word}")));
    }
    spans.push(paint::span(Role::Unknown, "?"));
    spans.push(paint::span(Role::Dim, " NaN"));
    spans
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::symbols::Symbols;
    use crate::ui::testing::{look, look_of, screen};
    use crate::ui::theme::Depth;

    fn drawn(look: &Look) -> String {
        let cells = [
            Some(0.1),
            Some(0.9),
            Some(1.0),
            Some(2.5),
            Some(f64::NAN),
            None,
        ];
        let rows = [
            HeatRow {
                label: "tenure",
                cells: &cells,
                selected: true,
                dimmed: false,
            },
            HeatRow {
                label: "a-very-long-feature",
                cells: &cells[..3],
                selected: false,
                dimmed: true,
            },
        ];
        let area = Rect::new(0, 0, 16, 2);
        let mut buf = Buffer::empty(area);
        heat(&mut buf, look, area, &rows, 8);
        screen(&buf)
    }

    #[test]
    fn every_step_has_a_shape() {
        assert_eq!(drawn(&look(80, 24)), "tenure   ··░▓█?\na-very-… ···░░▓▓\n");
        let ascii = look_of("mono", Depth::Mono, &Symbols::ASCII, 80, 24);
        assert!(drawn(&ascii).is_ascii());
    }

    #[test]
    fn the_worst_of_a_column_is_seen() {
        let mut cells = vec![Some(0.1); 100];
        cells[42] = Some(3.0);
        cells[77] = Some(f64::NAN);
        assert_eq!(at(&cells, 4, 10), Some(3.0));
        assert!(at(&cells, 7, 10).unwrap().is_nan());
        assert_eq!(at(&cells, 0, 10), Some(0.1));
        assert_eq!(at(&[], 0, 10), None);
    }
}
