//! Rules, key and value blocks, the timeline strip, messages and empty states.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::domain::level::Level;
use crate::ui::look::{Look, Size};
use crate::ui::paint::{self, Span, span, spans_width};
use crate::ui::text;
use crate::ui::theme::Role;

/// Draws a rule across one row, with a title in it and something at its right end:
/// ` fraud-detector ───────────── 3–42 of 2,000 ─`.
pub fn rule(buf: &mut Buffer, look: &Look, area: Rect, title: &[Span<'_>], right: &[Span<'_>]) {
    let line = paint::row(area, 0);
    if line.is_empty() {
        return;
    }
    let style = look.style(Role::Rule);
    paint::fill_row(buf, line, line.y, look.symbols.rule, style);
    let mut free = line.x;
    if !title.is_empty() {
        let inner = paint::inner_columns(line, 0, 2);
        let x = paint::put(buf, inner, inner.x, line.y, " ", style);
        let x = paint::put_spans(buf, look, inner, x, line.y, title);
        free = paint::put(buf, line, x, line.y, " ", style);
    }
    let w = spans_width(right) as u16;
    if w > 0 && free + w + 6 <= line.right() {
        let x = line.right() - w - 2;
        paint::put(buf, line, x, line.y, " ", style);
        let x = paint::put_spans(buf, look, line, x + 1, line.y, right);
        paint::put(buf, line, x, line.y, " ", style);
    }
}

/// A key and its value.
#[derive(Clone, Debug)]
pub struct Pair<'a> {
    /// What it is.
    pub label: &'a str,
    /// Its value, in pieces.
    pub value: Vec<Span<'a>>,
}

impl<'a> Pair<'a> {
    /// A plain value.
    pub fn new(label: &'a str, value: impl Into<std::borrow::Cow<'a, str>>) -> Self {
        Self {
            label,
            value: vec![span(Role::Text, value)],
        }
    }

    /// A value in pieces.
    pub fn spans(label: &'a str, value: Vec<Span<'a>>) -> Self {
        Self { label, value }
    }
}

/// Draws pairs in `columns` columns, filled downwards, labels and values aligned. Returns the rows
/// used; a value that does not fit is cut.
pub fn pairs(buf: &mut Buffer, look: &Look, area: Rect, all: &[Pair<'_>], columns: u16) -> u16 {
    if all.is_empty() || area.is_empty() {
        return 0;
    }
    let columns = columns.max(1).min(all.len() as u16);
    let rows = all.len().div_ceil(usize::from(columns));
    let gap = 3;
    let width = (area.width.saturating_sub(gap * (columns - 1))) / columns;
    for (n, part) in all.chunks(rows).enumerate() {
        let label_width = part
            .iter()
            .map(|p| text::width(p.label))
            .max()
            .unwrap_or(0)
            .min(usize::from(width) / 2) as u16;
        let x = area.x + n as u16 * (width + gap);
        for (i, pair) in part.iter().enumerate() {
            let line = paint::row(area, i as u16);
            if line.is_empty() {
                break;
            }
            let spot = Rect {
                x,
                width: width.min(area.right().saturating_sub(x)),
                ..line
            };
            let label = Rect {
                width: label_width.min(spot.width),
                ..spot
            };
            let shown = text::cut(pair.label, usize::from(label.width), look.symbols.ellipsis);
            paint::put(buf, label, x, line.y, &shown, look.style(Role::Label));
            let value = paint::inner_columns(spot, label_width + 2, 0);
            paint::put_spans(buf, look, value, value.x, line.y, &pair.value);
        }
    }
    rows.min(usize::from(area.height)) as u16
}

/// One event of a timeline.
#[derive(Clone, Debug)]
pub struct Event<'a> {
    /// When, as text: `13:54`.
    pub at: String,
    /// The glyph that says what kind.
    pub glyph: &'a str,
    /// The role of the glyph.
    pub role: Role,
    /// What happened.
    pub text: std::borrow::Cow<'a, str>,
}

/// Draws events one after another, wrapped between items, oldest first; what does not fit is counted
/// at the end. Returns the rows used.
pub fn timeline(buf: &mut Buffer, look: &Look, area: Rect, events: &[Event<'_>]) -> u16 {
    if events.is_empty() || area.is_empty() {
        return 0;
    }
    let room = usize::from(area.width);
    let spans = |e: &Event<'_>| -> Vec<Span<'static>> {
        vec![
            span(Role::Dim, format!("{} ", e.at)),
            span(e.role, e.glyph.to_owned()),
            span(Role::Text, format!(" {}", look.symbols.plain(&e.text))),
        ]
    };
    let (mut x, mut y) = (0_usize, 0_u16);
    for (i, event) in events.iter().enumerate() {
        let item = spans(event);
        let w = spans_width(&item);
        let left = events.len() - i;
        let more = format!("+{left} more");
        if x > 0 && x + 3 + w > room {
            x = 0;
            y += 1;
        }
        let last_row = y + 1 >= area.height;
        if y >= area.height {
            // The row above keeps what it holds; its tail says how many are missing.
            let line = paint::row(area, area.height - 1);
            let tail = format!(" {more}");
            paint::put_right(buf, look, line, line.y, &[span(Role::Dim, tail)]);
            return area.height;
        }
        // On the last row, room for the count is kept unless all that is left fits.
        let rest: usize = events[i..]
            .iter()
            .map(|e| spans_width(&spans(e)) + 3)
            .sum::<usize>();
        let start = if x == 0 { 0 } else { x + 3 };
        if last_row && start + rest > room + 3 && x > 0 && start + w + 3 + more.len() > room {
            let line = paint::row(area, y);
            let at = line.x + start as u16;
            paint::put(buf, line, at, line.y, &more, look.style(Role::Dim));
            return area.height;
        }
        let line = paint::row(area, y);
        paint::put_spans(buf, look, line, line.x + start as u16, line.y, &item);
        x = (start + w).min(room);
    }
    y + 1
}

/// Draws a one-line message: what happened, to what, and what to do next.
pub fn message(buf: &mut Buffer, look: &Look, area: Rect, level: Level, words: &str) {
    let line = paint::inner_columns(paint::row(area, 0), 1, 1);
    let role = Look::level_role(level);
    paint::put_spans(
        buf,
        look,
        line,
        line.x,
        line.y,
        &[
            span(role, look.symbols.level(level)),
            span(Role::Text, format!(" {}", look.symbols.plain(words))),
        ],
    );
}

/// Draws an empty state: what is not here, then what would fill it and how, one line each.
pub fn empty(buf: &mut Buffer, look: &Look, area: Rect, what: &str, how: &[&str]) {
    if area.is_empty() {
        return;
    }
    let room = usize::from(area.width.saturating_sub(4));
    let lines: Vec<String> = how
        .iter()
        .flat_map(|l| text::wrap(&look.symbols.plain(l), room.min(76)))
        .collect();
    let widest = lines
        .iter()
        .map(|l| text::width(l))
        .chain([text::width(what)])
        .max()
        .unwrap_or(0)
        .min(room) as u16;
    let height = lines.len() as u16 + 2;
    let top = area.y + area.height.saturating_sub(height) / 3;
    let x = area.x + (area.width - widest.min(area.width)) / 2;
    paint::put(buf, area, x, top, what, look.style(Role::Strong));
    for (i, line) in lines.iter().enumerate() {
        paint::put(
            buf,
            area,
            x,
            top + 2 + i as u16,
            line,
            look.style(Role::Dim),
        );
    }
}

/// Draws the one line of a screen that is too small.
pub fn too_small(buf: &mut Buffer, look: &Look, area: Rect) {
    let (w, h) = Size::LEAST;
    let choices = [
        format!(
            "quarterdeck needs {w}×{h}, this is {}×{} · q quits",
            look.columns, look.rows
        ),
        format!("needs {w}×{h} · q quits"),
        "q quits".to_owned(),
    ]
    .map(|c| look.symbols.plain(&c));
    let shown = text::fit(&choices, usize::from(area.width));
    let x = area.x + (area.width.saturating_sub(text::width(shown) as u16)) / 2;
    paint::put(
        buf,
        area,
        x,
        area.y + area.height / 2,
        shown,
        look.style(Role::Text),
    );
}
