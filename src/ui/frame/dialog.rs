//! The dialog: the only thing with a box.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::ui::hits::{Hits, Target};
use crate::ui::look::Look;
use crate::ui::paint;
use crate::ui::text;
use crate::ui::theme::Role;

use super::hints::{Hint, footer};

/// A dialog to open over the screen.
#[derive(Clone, Copy, Debug)]
pub struct Dialog<'a> {
    /// The title in its edge.
    pub title: &'a str,
    /// On the right of the edge: the age of what it shows.
    pub note: &'a str,
    /// Columns of its content.
    pub width: u16,
    /// Rows of its content.
    pub height: u16,
    /// Its keys, on its last row.
    pub hints: &'a [Hint<'a>],
}

/// An opened dialog.
#[derive(Clone, Debug, Default)]
pub struct Opened {
    /// Where its content goes.
    pub inner: Rect,
    /// Its regions, the hints among them.
    pub hits: Hits,
}

impl Dialog<'_> {
    /// Draws the box in the middle of `screen`, as large as asked for if that fits, and empties its
    /// inside.
    pub fn draw(&self, buf: &mut Buffer, look: &Look, screen: Rect) -> Opened {
        let screen = screen.intersection(buf.area);
        let foot = u16::from(!self.hints.is_empty()) * 2;
        let width = self.width.saturating_add(6).min(screen.width);
        let height = self
            .height
            .saturating_add(3 + foot.max(1))
            .min(screen.height);
        if width < 8 || height < 3 {
            return Opened::default();
        }
        let area = Rect {
            x: screen.x + (screen.width - width) / 2,
            // A little above the middle, where the eye rests.
            y: screen.y + (screen.height - height) * 2 / 5,
            width,
            height,
        };
        paint::clear(buf, area);
        let mut opened = Opened::default();
        opened.hits.add(area, Target::Dialog);
        edge(buf, look, area);
        let top = paint::inner_columns(paint::row(area, 0), 2, 2);
        let title = text::cut(
            self.title,
            usize::from(top.width).saturating_sub(2),
            look.symbols.ellipsis,
        );
        let x = paint::put(buf, top, top.x, top.y, " ", look.style(Role::Border));
        let x = paint::put(buf, top, x, top.y, &title, look.style(Role::Title));
        let x = paint::put(buf, top, x, top.y, " ", look.style(Role::Border));
        let note = look.symbols.plain(self.note);
        let w = text::width(&note) as u16;
        if w > 0 && x + w + 4 <= top.right() {
            paint::put(
                buf,
                top,
                top.right() - w - 2,
                top.y,
                &format!(" {note} "),
                look.style(Role::Dim),
            );
        }
        let inner = paint::inner_columns(paint::inner_rows(area, 1, 1), 3, 3);
        // Air above the content, unless rows are short.
        let air = u16::from(inner.height > foot + 3);
        if foot > 0 && inner.height > 2 {
            let line = Rect {
                y: inner.bottom() - 1,
                height: 1,
                x: inner.x - 1,
                width: inner.width + 2,
            };
            opened.hits.extend(footer(buf, look, line, self.hints));
        }
        let below = if foot > 0 { foot } else { air };
        opened.inner = paint::inner_rows(inner, air, below);
        opened
    }
}

fn edge(buf: &mut Buffer, look: &Look, area: Rect) {
    let style = look.style(Role::Border);
    let [top_left, top_right, bottom_left, bottom_right] = look.symbols.corners;
    let (left, right) = (area.left(), area.right() - 1);
    let (top, bottom) = (area.top(), area.bottom() - 1);
    paint::fill_row(buf, area, top, look.symbols.rule, style);
    paint::fill_row(buf, area, bottom, look.symbols.rule, style);
    for y in top..=bottom {
        paint::put(buf, area, left, y, look.symbols.bar, style);
        paint::put(buf, area, right, y, look.symbols.bar, style);
    }
    for (x, y, glyph) in [
        (left, top, top_left),
        (right, top, top_right),
        (left, bottom, bottom_left),
        (right, bottom, bottom_right),
    ] {
        paint::put(buf, area, x, y, glyph, style);
    }
}
