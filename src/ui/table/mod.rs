//! The one table: draws the visible rows only, fits columns to the width by priority, and tells
//! where its rows lie. Movement is [`TableState`]; which columns fit is [`layout`].

mod layout;
mod state;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::domain::level::Level;

use super::hits::{Hits, Target};
use super::look::Look;
use super::paint::{self, Span, spans_width};
use super::text;
use super::theme::Role;

pub use layout::{Align, Column, Width, fit_columns};
pub use state::TableState;

/// Where a text that does not fit loses letters.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Cut {
    /// At the end: names and sentences.
    #[default]
    End,
    /// In the middle: ids.
    Middle,
}

#[derive(Clone, PartialEq, Debug)]
enum Content<'a> {
    One(Cow<'a, str>),
    Choices(Vec<Cow<'a, str>>),
    Spans(Vec<Span<'a>>),
}

/// What one row shows in one column.
#[derive(Clone, PartialEq, Debug)]
pub struct Cell<'a> {
    content: Content<'a>,
    role: Role,
    cut: Cut,
}

impl<'a> Cell<'a> {
    /// A text in a role.
    pub fn new(role: Role, text: impl Into<Cow<'a, str>>) -> Self {
        Self {
            content: Content::One(text.into()),
            role,
            cut: Cut::End,
        }
    }

    /// Plain text.
    pub fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::new(Role::Text, text)
    }

    /// An id, cut in the middle.
    pub fn id(text: impl Into<Cow<'a, str>>) -> Self {
        Self {
            cut: Cut::Middle,
            ..Self::new(Role::Dim, text)
        }
    }

    /// A number with few digits; NaN stands out, an absent one is dim.
    pub fn number(value: Option<f64>) -> Self {
        match value {
            None => Self::new(Role::Dim, "–"),
            Some(v) if v.is_nan() => Self::new(Role::Unknown, "NaN"),
            Some(v) => Self::text(text::number(v)),
        }
    }

    /// No value.
    pub fn none() -> Self {
        Self::new(Role::Dim, "–")
    }

    /// A level: glyph and word, or the glyph alone.
    pub fn level(look: &Look, level: Level) -> Self {
        Self::choices(
            Look::level_role(level),
            [look.level_text(level), look.symbols.level(level).to_owned()],
        )
    }

    /// Several wordings, longest first: the column's width picks.
    pub fn choices<S: Into<Cow<'a, str>>>(
        role: Role,
        choices: impl IntoIterator<Item = S>,
    ) -> Self {
        Self {
            content: Content::Choices(choices.into_iter().map(Into::into).collect()),
            role,
            cut: Cut::End,
        }
    }

    /// Pieces in roles of their own.
    pub fn spans(spans: Vec<Span<'a>>) -> Self {
        Self {
            content: Content::Spans(spans),
            role: Role::Text,
            cut: Cut::End,
        }
    }

    /// The same cell in another role.
    #[must_use]
    pub fn role(mut self, role: Role) -> Self {
        self.role = role;
        self
    }

    /// The columns it would like.
    pub fn width(&self) -> usize {
        match &self.content {
            Content::One(text) => text::width(text),
            Content::Choices(all) => all.first().map_or(0, |t| text::width(t)),
            Content::Spans(spans) => spans_width(spans),
        }
    }

    fn draw(&self, buf: &mut Buffer, look: &Look, area: Rect, align: Align, base: Style) {
        let room = usize::from(area.width);
        let one = match &self.content {
            Content::Spans(spans) => {
                match align {
                    Align::Left => {
                        paint::put_spans(buf, look, area, area.x, area.y, spans);
                    }
                    Align::Right => {
                        paint::put_right(buf, look, area, area.y, spans);
                    }
                }
                return;
            }
            Content::One(text) => text.as_ref(),
            Content::Choices(all) => text::fit(all, room),
        };
        let drawable;
        let one = if look.symbols.ascii {
            drawable = look.symbols.plain(one);
            &drawable
        } else {
            one
        };
        let shown = match self.cut {
            Cut::End => text::cut(one, room, look.symbols.ellipsis),
            Cut::Middle => text::cut_middle(one, room, look.symbols.ellipsis),
        };
        let x = match align {
            Align::Left => area.x,
            Align::Right => area.right() - text::width(&shown).min(room) as u16,
        };
        let style = base.patch(look.style(self.role));
        paint::put(buf, area, x, area.y, &shown, style);
    }
}

/// One row.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Row<'a> {
    /// One cell a column, in the table's order; missing ones are empty.
    pub cells: Vec<Cell<'a>>,
    /// Whether it is marked.
    pub marked: bool,
}

impl<'a> From<Vec<Cell<'a>>> for Row<'a> {
    fn from(cells: Vec<Cell<'a>>) -> Self {
        Self {
            cells,
            marked: false,
        }
    }
}

/// How the rows are sorted, for the arrow in the header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sort {
    /// The column's index.
    pub column: usize,
    /// Largest first.
    pub descending: bool,
}

/// A table to draw: what it holds and how it is being looked at.
#[derive(Debug)]
pub struct Table<'a> {
    /// The columns, in order.
    pub columns: &'a [Column<'a>],
    /// How many rows there are in all.
    pub len: usize,
    /// Selection and scroll position.
    pub state: &'a TableState,
    /// The sort, where the pane sorts by a column.
    pub sort: Option<Sort>,
    /// Whether the keyboard is here: the selection is a bar then, and only a glyph otherwise.
    pub focused: bool,
}

/// Columns before the cells: one glyph for selection and mark.
pub const GUTTER: u16 = 1;
/// Columns between cells.
pub const GAP: u16 = 2;

impl Table<'_> {
    /// Draws header and visible rows; `row` is called for those alone. Regions of the rows and titles
    /// are returned, with the page's height.
    pub fn draw<'r>(
        &self,
        buf: &mut Buffer,
        look: &Look,
        area: Rect,
        mut row: impl FnMut(usize) -> Row<'r>,
    ) -> Hits {
        let mut hits = Hits::default();
        let area = area.intersection(buf.area);
        if area.height < 2 || area.width <= GUTTER {
            return hits;
        }
        let inner = paint::inner_columns(area, GUTTER, 0);
        let places = fit_columns(self.columns, inner.width);
        let body = paint::inner_rows(area, 1, 0);
        let page = usize::from(body.height);
        let offset = self.state.offset_for(self.len, page);
        let end = (offset + page).min(self.len);

        self.draw_header(buf, look, area, &places, (offset, end), &mut hits);
        for (line, index) in (offset..end).enumerate() {
            let y = body.y + line as u16;
            let data = row(index);
            let selected = index == self.state.selected;
            let (glyph, role) = match (selected, data.marked) {
                (true, true) => (look.symbols.select_marked, Role::Accent),
                (true, false) => (look.symbols.select, Role::Accent),
                (false, true) => (look.symbols.mark, Role::Marked),
                (false, false) => (" ", Role::Text),
            };
            paint::put(buf, area, area.x, y, glyph, look.style(role));
            for place in &places {
                let Some(cell) = data.cells.get(place.index) else {
                    continue;
                };
                let column = &self.columns[place.index];
                let spot = Rect::new(inner.x + place.x, y, place.width, 1);
                cell.draw(buf, look, spot, column.align, look.style(Role::Text));
                if selected && self.focused && self.state.column == Some(place.index) {
                    buf.set_style(spot, look.style(Role::CellSelected));
                }
            }
            let whole = Rect::new(area.x, y, area.width, 1);
            if selected && self.focused {
                select(buf, look, whole, self.state.column, &places, inner.x);
            }
            hits.add(whole, Target::Row(index));
        }
        hits.page = Some(body.height);
        hits
    }

    fn draw_header(
        &self,
        buf: &mut Buffer,
        look: &Look,
        area: Rect,
        places: &[layout::Place],
        shown: (usize, usize),
        hits: &mut Hits,
    ) {
        let inner = paint::inner_columns(area, GUTTER, 0);
        // The ends of the titles, to find room for the position between them.
        let mut taken = vec![(area.x, inner.x)];
        for place in places {
            let column = &self.columns[place.index];
            let sort = self.sort.filter(|s| s.column == place.index);
            let role = if sort.is_some() {
                Role::Sorted
            } else {
                Role::Header
            };
            let arrow = sort.map_or("", |s| look.symbols.sort[usize::from(!s.descending)]);
            let room = usize::from(place.width);
            let title = if text::width(column.title) + text::width(arrow) <= room {
                format!("{}{arrow}", column.title)
            } else if arrow.is_empty() {
                text::cut(column.title, room, look.symbols.ellipsis).into_owned()
            } else {
                format!(
                    "{}{arrow}",
                    text::head(column.title, room.saturating_sub(1))
                )
            };
            let title = look.symbols.plain(&title);
            let spot = Rect::new(inner.x + place.x, area.y, place.width, 1);
            let w = text::width(&title).min(room) as u16;
            let x = match column.align {
                Align::Left => spot.x,
                Align::Right => spot.right() - w,
            };
            paint::put(buf, spot, x, area.y, &title, look.style(role));
            taken.push((x, x + w));
            hits.add(spot, Target::Column(place.index));
        }
        if shown.1 - shown.0 < self.len {
            let position = look.symbols.plain(&self.position(shown));
            let w = text::width(&position) as u16;
            // At the right end, or before the last title that leaves room for it.
            let mut right = area.right();
            for (from, to) in taken.into_iter().rev() {
                if to + GAP + w <= right {
                    let x = right - w;
                    paint::put(buf, area, x, area.y, &position, look.style(Role::Dim));
                    break;
                }
                right = from.saturating_sub(GAP);
            }
        }
    }

    /// `3–42 of 2,000`.
    fn position(&self, (from, to): (usize, usize)) -> String {
        format!(
            "{}–{} of {}",
            text::count(from + 1),
            text::count(to),
            text::count(self.len)
        )
    }

    /// The position text for an area of this height, where not all rows fit: for a pane's own rule.
    pub fn position_in(&self, rows: u16) -> Option<String> {
        let page = usize::from(rows.saturating_sub(1));
        (page < self.len).then(|| {
            let offset = self.state.offset_for(self.len, page);
            self.position((offset, (offset + page).min(self.len)))
        })
    }
}

/// Lays the selection over a row; the cell under the column cursor keeps its own.
fn select(
    buf: &mut Buffer,
    look: &Look,
    whole: Rect,
    cursor: Option<usize>,
    places: &[layout::Place],
    left: u16,
) {
    let style = look.style(Role::Selected);
    let kept = cursor
        .and_then(|c| places.iter().find(|p| p.index == c))
        .map(|p| (left + p.x, left + p.x + p.width));
    match kept {
        Some((from, to)) => {
            buf.set_style(
                Rect {
                    width: from - whole.x,
                    ..whole
                },
                style,
            );
            buf.set_style(
                Rect {
                    x: to,
                    width: whole.right().saturating_sub(to),
                    ..whole
                },
                style,
            );
        }
        None => buf.set_style(whole, style),
    }
}
