//! A single-line input: a cursor among grapheme clusters, editing by cluster and word, paste of clean
//! text, and drawing with horizontal scroll, hint and error.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use unicode_segmentation::UnicodeSegmentation as _;

use crate::domain::text::Clean;

use super::look::Look;
use super::paint;
use super::text;
use super::theme::Role;

/// The most bytes that a field takes.
const LIMIT: usize = 4_096;

/// What is typed into a field, and where the cursor stands.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TextInput {
    text: String,
    /// A byte offset, always at the edge of a cluster.
    cursor: usize,
}

impl TextInput {
    /// A field that already holds a text, the cursor at its end.
    pub fn with(text: &Clean) -> Self {
        Self {
            text: text.as_str().to_owned(),
            cursor: text.as_str().len(),
        }
    }

    /// What is typed.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether nothing is typed.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Types a character; control characters are ignored.
    pub fn insert(&mut self, c: char) {
        if !c.is_control() && self.text.len() + c.len_utf8() <= LIMIT {
            self.text.insert(self.cursor, c);
            self.cursor = self.edge_from(self.cursor + c.len_utf8());
        }
    }

    /// Inserts pasted text.
    pub fn paste(&mut self, clean: &Clean) {
        let room = LIMIT.saturating_sub(self.text.len());
        let mut end = clean.as_str().len().min(room);
        while !clean.as_str().is_char_boundary(end) {
            end -= 1;
        }
        self.text.insert_str(self.cursor, &clean.as_str()[..end]);
        self.cursor = self.edge_from(self.cursor + end);
    }

    /// Deletes the cluster before the cursor.
    pub fn backspace(&mut self) {
        let from = self.before();
        self.text.replace_range(from..self.cursor, "");
        self.cursor = from;
    }

    /// Deletes the cluster after the cursor.
    pub fn delete(&mut self) {
        let to = self.after();
        self.text.replace_range(self.cursor..to, "");
    }

    /// Deletes back to the start of the word.
    pub fn delete_word(&mut self) {
        let from = self.word_before();
        self.text.replace_range(from..self.cursor, "");
        self.cursor = from;
    }

    /// Deletes from the start to the cursor.
    pub fn delete_to_start(&mut self) {
        self.text.replace_range(..self.cursor, "");
        self.cursor = 0;
    }

    /// Deletes from the cursor to the end.
    pub fn delete_to_end(&mut self) {
        self.text.truncate(self.cursor);
    }

    /// Empties the field.
    pub fn clear(&mut self) {
        self.text.clear();
        self.cursor = 0;
    }

    /// One cluster to the left.
    pub fn left(&mut self) {
        self.cursor = self.before();
    }

    /// One cluster to the right.
    pub fn right(&mut self) {
        self.cursor = self.after();
    }

    /// To the start of the word.
    pub fn word_left(&mut self) {
        self.cursor = self.word_before();
    }

    /// Past the end of the word.
    pub fn word_right(&mut self) {
        let rest = &self.text[self.cursor..];
        let start = rest.len() - rest.trim_start().len();
        let word = rest[start..].find(' ').unwrap_or(rest.len() - start);
        self.cursor += start + word;
    }

    /// To the start.
    pub fn home(&mut self) {
        self.cursor = 0;
    }

    /// To the end.
    pub fn end(&mut self) {
        self.cursor = self.text.len();
    }

    fn before(&self) -> usize {
        self.text[..self.cursor]
            .grapheme_indices(true)
            .next_back()
            .map_or(0, |(i, _)| i)
    }

    fn after(&self) -> usize {
        self.text[self.cursor..]
            .graphemes(true)
            .next()
            .map_or(self.text.len(), |g| self.cursor + g.len())
    }

    fn word_before(&self) -> usize {
        let head = self.text[..self.cursor].trim_end();
        head.rfind(' ').map_or(0, |i| i + 1)
    }

    /// The first cluster edge at or after a byte offset: a typed mark may join its neighbour.
    fn edge_from(&self, at: usize) -> usize {
        self.text
            .grapheme_indices(true)
            .map(|(i, _)| i)
            .find(|i| *i >= at)
            .unwrap_or(self.text.len())
    }

    /// Draws the field in one row and its error in the next, if there is one and room for it. Returns
    /// where the terminal's cursor belongs.
    pub fn draw(
        &self,
        buf: &mut Buffer,
        look: &Look,
        area: Rect,
        field: &Field<'_>,
    ) -> Option<Position> {
        let line = paint::row(area, 0);
        let mut x = line.x;
        if !field.label.is_empty() {
            x = paint::put(buf, line, x, line.y, field.label, look.style(Role::Label));
            x = x.saturating_add(1);
        }
        let room = line.right().saturating_sub(x);
        if room < 2 {
            return None;
        }
        let slot = Rect {
            x,
            width: room,
            ..line
        };
        let base = look.style(Role::Input);
        if field.focused {
            buf.set_style(slot, base);
        }
        let (shown, cursor) = self.visible(usize::from(room) - 1);
        if self.text.is_empty() && !field.hint.is_empty() {
            let hint = look.symbols.plain(field.hint);
            let hint = text::cut(&hint, usize::from(room), look.symbols.ellipsis);
            paint::put(buf, slot, x, slot.y, &hint, look.style(Role::InputHint));
        } else {
            paint::put(buf, slot, x, slot.y, shown, base);
        }
        if let Some(error) = field.error {
            let below = paint::row(area, 1);
            let error = text::cut(error, usize::from(room), look.symbols.ellipsis);
            paint::put(buf, below, x, below.y, &error, look.style(Role::InputError));
        }
        if !field.focused {
            return None;
        }
        let at = Position::new(x + cursor as u16, slot.y);
        if let Some(cell) = buf.cell_mut(at) {
            cell.set_style(look.style(Role::InputCursor));
        }
        Some(at)
    }

    /// The part of the text that fits around the cursor, and the cursor's column in it.
    fn visible(&self, room: usize) -> (&str, usize) {
        let before = text::width(&self.text[..self.cursor]);
        let start = if before <= room {
            0
        } else {
            // The cursor stands at the right end, with what fits before it.
            self.cursor - text::tail(&self.text[..self.cursor], room).len()
        };
        let shown = text::head(&self.text[start..], room + 1);
        (shown, text::width(&self.text[start..self.cursor]))
    }
}

/// What stands around an input.
#[derive(Clone, Copy, Debug, Default)]
pub struct Field<'a> {
    /// Before it.
    pub label: &'a str,
    /// In it while it is empty.
    pub hint: &'a str,
    /// Why its content cannot be used.
    pub error: Option<&'a str>,
    /// Whether typing goes here.
    pub focused: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::testing::{look, screen};
    use proptest::prelude::*;

    fn typed(text: &str) -> TextInput {
        let mut input = TextInput::default();
        text.chars().for_each(|c| input.insert(c));
        input
    }

    #[test]
    fn words_are_deleted_and_crossed() {
        let mut input = typed("auc > 0.9");
        input.delete_word();
        assert_eq!(input.as_str(), "auc > ");
        input.word_left();
        input.word_left();
        input.delete();
        assert_eq!(input.as_str(), "uc > ");
        input.word_right();
        input.insert('\u{1b}');
        input.insert('!');
        assert_eq!(input.as_str(), "uc! > ");
        input.delete_to_end();
        assert_eq!(input.as_str(), "uc!");
    }

    #[test]
    fn a_cluster_is_one_step() {
        let mut input = typed("a👩\u{200d}👧b");
        input.left();
        input.backspace();
        assert_eq!(input.as_str(), "ab");
    }

    #[test]
    fn a_long_text_scrolls_with_the_cursor() {
        let look = look(80, 24);
        let area = Rect::new(0, 0, 14, 2);
        let mut buf = Buffer::empty(area);
        let field = Field {
            label: "name",
            error: Some("not it"),
            focused: true,
            ..Field::default()
        };
        let at = typed("fraud-detector").draw(&mut buf, &look, area, &field);
        assert_eq!(screen(&buf), "name detector\n     not it\n");
        assert_eq!(at, Some(Position::new(13, 0)));
    }

    proptest! {
        #[test]
        fn the_cursor_stays_at_cluster_edges(keys in proptest::collection::vec(0_u8..14, 0..60)) {
            let mut input = TextInput::default();
            for key in keys {
                match key {
                    0 => input.left(),
                    1 => input.right(),
                    2 => input.backspace(),
                    3 => input.delete(),
                    4 => input.word_left(),
                    5 => input.word_right(),
                    6 => input.delete_word(),
                    7 => input.home(),
                    8 => input.paste(&Clean::text("模型 \u{1b}[31mé")),
                    9 => input.insert('\u{301}'),
                    10 => input.insert('👩'),
                    11 => input.insert('\u{200d}'),
                    12 => input.insert(' '),
                    _ => input.insert('x'),
                }
                prop_assert!(input.as_str().is_char_boundary(input.cursor));
                let (shown, column) = input.visible(5);
                prop_assert!(text::width(shown) <= 6);
                prop_assert!(column <= 5);
            }
        }
    }
}
