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
    /// Its scores at even steps over the strip's time, oldest first.
    pub cells: &'a [HeatCell],
    /// Whether the row is the selected one.
    pub selected: bool,
    /// Whether its scores rest on too few samples to mean anything.
    pub dimmed: bool,
}

/// What a strip says of one step.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub enum HeatCell {
    /// No sample.
    #[default]
    Gap,
    /// A score as a share of the line: 1 is at the line, more is worse. NaN is one that could not be
    /// computed.
    Score(f64),
    /// A score that is too old to go by: the job that writes it was silent.
    Stale,
}

/// The steps of a cell: up to half of the line, up to the line, over it, over twice of it.
const UNICODE: [&str; 4] = ["·", "░", "▓", "█"];
const ASCII: [&str; 4] = [".", ":", "x", "#"];

/// The glyph and role of one cell.
fn shade(cell: HeatCell, dimmed: bool, look: &Look) -> (&'static str, Role) {
    let glyphs = if look.symbols.ascii { ASCII } else { UNICODE };
    let (step, role) = match cell {
        HeatCell::Gap => return (" ", Role::Text),
        HeatCell::Stale => return (look.symbols.stale, Role::Stale),
        HeatCell::Score(v) if v.is_nan() => return ("?", Role::Unknown),
        HeatCell::Score(v) if v < 0.5 => (0, Role::Dim),
        HeatCell::Score(v) if v < 1.0 => (1, Role::Text),
        HeatCell::Score(v) if v < 2.0 => (2, Role::Warn),
        HeatCell::Score(_) => (3, Role::Crit),
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

/// The worst cell that falls into a column: a score over the line, then what nobody knows, then the rest.
fn at(cells: &[HeatCell], column: usize, width: usize) -> HeatCell {
    let from = column * cells.len() / width.max(1);
    let to = ((column + 1) * cells.len() / width.max(1)).max(from + 1);
    let rank = |cell: &HeatCell| match *cell {
        HeatCell::Gap => (0, 0.0),
        HeatCell::Score(v) if v.is_nan() => (3, 0.0),
        HeatCell::Score(v) if v >= 1.0 => (4, v),
        HeatCell::Score(v) => (1, v),
        HeatCell::Stale => (2, 0.0),
    };
    let part = cells.get(from..to.min(cells.len())).unwrap_or_default();
    let worst = part.iter().max_by(|a, b| {
        let ((a, x), (b, y)) = (rank(a), rank(b));
        a.cmp(&b).then_with(|| x.total_cmp(&y))
    });
    worst.copied().unwrap_or_default()
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
    spans.push(paint::span(Role::Dim, " NaN "));
    spans.push(paint::span(Role::Stale, look.symbols.stale));
    spans.push(paint::span(Role::Dim, " stale"));
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
            HeatCell::Score(0.1),
            HeatCell::Score(0.9),
            HeatCell::Score(1.0),
            HeatCell::Score(2.5),
            HeatCell::Score(f64::NAN),
            HeatCell::Stale,
            HeatCell::Gap,
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
        assert_eq!(drawn(&look(80, 24)), "tenure   ·░▓█?~\na-very-… ···░░▓▓\n");
        let ascii = look_of("mono", Depth::Mono, &Symbols::ASCII, 80, 24);
        assert!(drawn(&ascii).is_ascii());
    }

    #[test]
    fn the_worst_of_a_column_is_seen() {
        let mut cells = vec![HeatCell::Score(0.1); 100];
        cells[42] = HeatCell::Score(3.0);
        cells[43] = HeatCell::Stale;
        cells[52] = HeatCell::Stale;
        cells[77] = HeatCell::Score(f64::NAN);
        cells[78] = HeatCell::Stale;
        assert_eq!(at(&cells, 4, 10), HeatCell::Score(3.0));
        assert_eq!(at(&cells, 5, 10), HeatCell::Stale);
        assert!(matches!(at(&cells, 7, 10), HeatCell::Score(v) if v.is_nan()));
        assert_eq!(at(&cells, 0, 10), HeatCell::Score(0.1));
        assert_eq!(at(&[], 0, 10), HeatCell::Gap);
    }
}
