//! Putting text into a buffer: clipped, by role, never outside the area.

use std::borrow::Cow;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

use super::look::Look;
use super::text;
use super::theme::Role;

/// A piece of a line: text and what it is.
#[derive(Clone, PartialEq, Debug)]
pub struct Span<'a> {
    /// What it is.
    pub role: Role,
    /// The text: our own or [`Clean`](crate::domain::text::Clean).
    pub text: Cow<'a, str>,
}

/// A piece of a line.
pub fn span<'a>(role: Role, text: impl Into<Cow<'a, str>>) -> Span<'a> {
    Span {
        role,
        text: text.into(),
    }
}

/// A labelled text over as many lines as it needs: the label before the first, the rest indented
/// below it, and a last piece at the end of the last, or below it where it would be cut off there.
pub fn wrapped<'a>(
    label: Span<'a>,
    role: Role,
    text: &str,
    after: Span<'a>,
    columns: usize,
) -> Vec<Vec<Span<'a>>> {
    let indent = text::width(&label.text);
    let room = columns.saturating_sub(indent).max(1);
    let mut lines = text::wrap(text, room).into_iter();
    let first = lines.next().unwrap_or_default();
    let mut out = vec![vec![label, span(role, first)]];
    out.extend(lines.map(|l| vec![span(role, " ".repeat(indent)), span(role, l)]));
    match out.last_mut() {
        Some(last) if spans_width(last) + text::width(&after.text) <= columns.max(1) => {
            last.push(after);
        }
        _ => {
            let apart = after.text.len() - after.text.trim_start().len();
            let indent = span(role, " ".repeat(indent.saturating_sub(apart)));
            out.push(vec![indent, after]);
        }
    }
    out
}

/// The columns that pieces take together.
pub fn spans_width(spans: &[Span<'_>]) -> usize {
    spans.iter().map(|s| text::width(&s.text)).sum()
}

/// A style that leaves nothing of what was there but the background: a title over a dim rule is not
/// dim.
fn opaque(style: Style) -> Style {
    Style {
        fg: Some(style.fg.unwrap_or(Color::Reset)),
        sub_modifier: Modifier::all().difference(style.add_modifier),
        ..style
    }
}

/// Writes text at a place, at most to the area's right edge; returns the column after it. What was
/// there keeps nothing but its background.
pub fn put(buf: &mut Buffer, area: Rect, x: u16, y: u16, text: &str, style: Style) -> u16 {
    let area = area.intersection(buf.area);
    if y < area.top() || y >= area.bottom() || x < area.left() || x >= area.right() {
        return x;
    }
    let (room, style) = (usize::from(area.right() - x), opaque(style));
    if !text::is_plain(text) {
        return buf.set_stringn(x, y, text, room, style).0;
    }
    // Nearly all text: each byte is a cell, and no clusters are looked for.
    let mut x = x;
    for at in 0..text.len().min(room) {
        if let (Some(cell), Some(letter)) = (buf.cell_mut((x, y)), text.get(at..=at)) {
            cell.set_symbol(letter).set_style(style);
        }
        x += 1;
    }
    x
}

/// Writes one glyph of one column into one cell, where there is one.
pub fn put_glyph(buf: &mut Buffer, x: u16, y: u16, glyph: &str, style: Style) {
    if let Some(cell) = buf.cell_mut((x, y)) {
        cell.set_symbol(glyph).set_style(opaque(style));
    }
}

/// Writes pieces one after another, cutting the last that fits with an ellipsis; returns the column
/// after them.
pub fn put_spans(
    buf: &mut Buffer,
    look: &Look,
    area: Rect,
    x: u16,
    y: u16,
    spans: &[Span<'_>],
) -> u16 {
    let drawable;
    let spans = if look.symbols.ascii {
        drawable = plain(look, spans);
        &drawable
    } else {
        spans
    };
    let mut x = x;
    for (i, span) in spans.iter().enumerate() {
        let room = usize::from(area.right().saturating_sub(x));
        let rest = spans_width(&spans[i..]);
        let style = look.style(span.role);
        if rest > room && text::width(&span.text) >= room {
            let cut = text::cut(&span.text, room, look.symbols.ellipsis);
            let cut = if text::width(&span.text) == room {
                // It fits itself, but more follows: its last column says so.
                Cow::Owned(format!(
                    "{}{}",
                    text::head(&span.text, room.saturating_sub(1)),
                    look.symbols.ellipsis
                ))
            } else {
                cut
            };
            return put(buf, area, x, y, &cut, style);
        }
        x = put(buf, area, x, y, &span.text, style);
    }
    x
}

/// Pieces as an ASCII set can draw them.
fn plain<'a>(look: &Look, spans: &[Span<'_>]) -> Vec<Span<'a>> {
    spans
        .iter()
        .map(|s| span(s.role, look.symbols.plain(&s.text)))
        .collect()
}

/// Writes pieces so that they end at the area's right edge; returns the column they start at.
pub fn put_right(buf: &mut Buffer, look: &Look, area: Rect, y: u16, spans: &[Span<'_>]) -> u16 {
    let drawable;
    let spans = if look.symbols.ascii {
        drawable = plain(look, spans);
        &drawable
    } else {
        spans
    };
    let w = u16::try_from(spans_width(spans)).unwrap_or(u16::MAX);
    let x = area.right().saturating_sub(w).max(area.left());
    put_spans(buf, look, area, x, y, spans);
    x
}

/// Fills one row with a glyph.
pub fn fill_row(buf: &mut Buffer, area: Rect, y: u16, glyph: &str, style: Style) {
    let area = area.intersection(buf.area);
    if y < area.top() || y >= area.bottom() {
        return;
    }
    for x in area.left()..area.right() {
        put_glyph(buf, x, y, glyph, style);
    }
}

/// Empties an area: a dialog is drawn over what was there.
pub fn clear(buf: &mut Buffer, area: Rect) {
    let area = area.intersection(buf.area);
    for y in area.top()..area.bottom() {
        for x in area.left()..area.right() {
            if let Some(cell) = buf.cell_mut((x, y)) {
                cell.reset();
            }
        }
    }
    // A wide glyph that reaches in from the left would draw over the first column.
    if area.left() > buf.area.left() {
        for y in area.top()..area.bottom() {
            if let Some(cell) = buf.cell_mut((area.left() - 1, y))
                && text::width(cell.symbol()) > 1
            {
                cell.set_symbol(" ");
            }
        }
    }
}

/// The `n`-th row of an area, empty below it.
pub fn row(area: Rect, n: u16) -> Rect {
    Rect {
        y: area.y.saturating_add(n.min(area.height)),
        height: u16::from(n < area.height),
        ..area
    }
}

/// The area less `top` rows above and `bottom` below.
pub fn inner_rows(area: Rect, top: u16, bottom: u16) -> Rect {
    let top = top.min(area.height);
    let bottom = bottom.min(area.height - top);
    Rect {
        y: area.y + top,
        height: area.height - top - bottom,
        ..area
    }
}

/// The area less `left` columns and `right` columns.
pub fn inner_columns(area: Rect, left: u16, right: u16) -> Rect {
    let left = left.min(area.width);
    let right = right.min(area.width - left);
    Rect {
        x: area.x + left,
        width: area.width - left - right,
        ..area
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_written_as_the_buffer_writes_any() {
        let area = Rect::new(2, 1, 12, 3);
        let style = Style::new().fg(Color::Red).bg(Color::Blue);
        for text in ["", "a", "fraud-detector", "a  b ~", "exactly ten"] {
            for x in 2..14 {
                let mut ours = Buffer::filled(area, ratatui::buffer::Cell::new("é"));
                let mut theirs = ours.clone();
                let end = put(&mut ours, area, x, 2, text, style);
                let room = usize::from(area.right() - x);
                let expected = theirs.set_stringn(x, 2, text, room, opaque(style));
                assert_eq!((end, 2), expected, "{text:?} at {x}");
                assert_eq!(ours, theirs, "{text:?} at {x}");
            }
        }
    }
}
