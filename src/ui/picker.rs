//! A list with a filter line: the command palette, contexts, columns. Fuzzy matching, best first.

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use unicode_segmentation::UnicodeSegmentation as _;

use super::form::{Field, TextInput};
use super::hits::{Hits, Target};
use super::look::Look;
use super::paint::{self, Span, span};
use super::table::TableState;
use super::text;
use super::theme::Role;

/// How far a story is indented: to where the titles begin.
const STORY_INDENT: u16 = 2;

/// Something to pick.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Item {
    /// What is matched and shown first.
    pub title: String,
    /// What it does, dim.
    pub detail: String,
    /// On the right: its key.
    pub key: String,
    /// Why it cannot be picked, if it cannot.
    pub off: Option<String>,
    /// What is told of it below the list while it is selected, whole.
    pub story: String,
}

/// One match: which item, and which of its letters.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Found {
    item: usize,
    letters: Vec<u32>,
}

/// A list being filtered.
#[derive(Clone, Debug, Default)]
pub struct Picker {
    /// What is typed. Call [`Picker::refresh`] after changing it.
    pub input: TextInput,
    /// Selection and scroll position among the matches.
    pub state: TableState,
    items: Vec<Item>,
    /// What is offered for the text as it stands, whatever else matches.
    offered: Option<Item>,
    found: Vec<Found>,
}

impl Picker {
    /// A list of everything, the first item selected.
    pub fn new(items: Vec<Item>) -> Self {
        let mut picker = Self {
            items,
            ..Self::default()
        };
        picker.refresh();
        picker
    }

    /// Gives the items their stories, in order.
    pub fn tell(&mut self, stories: Vec<String>) {
        for (item, story) in self.items.iter_mut().zip(stories) {
            item.story = story;
        }
    }

    /// Offers something for what is typed, before all matches: its index is that after the last item.
    pub fn offer(&mut self, item: Option<Item>) {
        self.offered = item;
        self.refresh();
    }

    /// How many rows below the list the longest story takes, with the row that sets it apart.
    pub fn story_rows(&self, columns: u16) -> u16 {
        let columns = usize::from(columns.saturating_sub(STORY_INDENT)).max(1);
        let stories = self.items.iter().filter(|item| !item.story.is_empty());
        let rows = stories.map(|item| text::wrap(&item.story, columns).len() + 1);
        u16::try_from(rows.max().unwrap_or(0)).unwrap_or(u16::MAX)
    }

    /// How many items it was made of.
    pub fn fixed(&self) -> usize {
        self.items.len()
    }

    /// Matches again: best first, equal ones in their own order. The selection goes to the best.
    pub fn refresh(&mut self) {
        let needle = self.input.as_str();
        if needle.is_empty() {
            self.found = (0..self.items.len())
                .map(|item| Found {
                    item,
                    letters: Vec::new(),
                })
                .collect();
        } else {
            let pattern = Pattern::parse(needle, CaseMatching::Smart, Normalization::Smart);
            let mut matcher = Matcher::new(Config::DEFAULT);
            let mut text = Vec::new();
            let mut scored: Vec<(u32, Found)> = Vec::new();
            for (item, it) in self.items.iter().enumerate() {
                let mut letters = Vec::new();
                let hay = Utf32Str::new(&it.title, &mut text);
                let score = pattern
                    .indices(hay, &mut matcher, &mut letters)
                    .or_else(|| {
                        // What it does counts too, behind every title.
                        letters.clear();
                        let hay = Utf32Str::new(&it.detail, &mut text);
                        pattern.score(hay, &mut matcher).map(|s| s / 4)
                    });
                if let Some(score) = score {
                    letters.sort_unstable();
                    letters.dedup();
                    scored.push((score, Found { item, letters }));
                }
            }
            scored.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
            self.found = scored.into_iter().map(|(_, f)| f).collect();
        }
        if self.offered.is_some() {
            let first = Found {
                item: self.items.len(),
                letters: Vec::new(),
            };
            self.found.insert(0, first);
        }
        self.state.home(self.found.len());
    }

    /// How many items match.
    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// Whether none does.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// The selected item's index among all items.
    pub fn selected(&self) -> Option<usize> {
        self.state
            .selected_in(self.found.len())
            .map(|i| self.found[i].item)
    }

    /// The item with this index.
    pub fn item(&self, index: usize) -> Option<&Item> {
        self.items.iter().chain(&self.offered).nth(index)
    }

    /// Draws the filter line, a blank row and the visible matches. Returns regions (rows count among
    /// the matches) and where the terminal's cursor belongs.
    pub fn draw(
        &self,
        buf: &mut Buffer,
        look: &Look,
        area: Rect,
        hint: &str,
    ) -> (Hits, Option<Position>) {
        let mut hits = Hits::default();
        let field = Field {
            label: look.symbols.more[1],
            hint,
            error: None,
            focused: true,
        };
        let cursor = self.input.draw(buf, look, paint::row(area, 0), &field);
        // Two rows to choose from are left in any case.
        let most = area.height.saturating_sub(4);
        let told = self.story_rows(area.width).min(most);
        let list = paint::inner_rows(area, 2, told);
        let page = usize::from(list.height);
        hits.page = Some(list.height);
        if self.found.is_empty() {
            paint::put(
                buf,
                list,
                list.x + 2,
                list.y,
                "nothing matches",
                look.style(Role::Dim),
            );
            return (hits, cursor);
        }
        let offset = self.state.offset_for(self.found.len(), page);
        let end = (offset + page).min(self.found.len());
        let title_width = self
            .items
            .iter()
            .map(|i| text::width(&i.title))
            .max()
            .unwrap_or(0)
            .min(usize::from(area.width) / 2);
        for (line, (index, found)) in self.found[offset..end].iter().enumerate().enumerate() {
            let spot = paint::row(list, line as u16);
            let Some(item) = self.item(found.item) else {
                continue;
            };
            let selected = offset + index == self.state.selected;
            let glyph = if selected { look.symbols.select } else { " " };
            paint::put(buf, spot, spot.x, spot.y, glyph, look.style(Role::Accent));
            let key_width = text::width(&item.key) as u16;
            let left = paint::inner_columns(spot, 2, if key_width > 0 { key_width + 2 } else { 0 });
            let role = if item.off.is_some() {
                Role::KeyOff
            } else {
                Role::Text
            };
            let title = Rect {
                width: if item.detail.is_empty() {
                    left.width
                } else {
                    left.width.min(title_width as u16)
                },
                ..left
            };
            paint::put_spans(
                buf,
                look,
                title,
                left.x,
                spot.y,
                &letters(&item.title, &found.letters, role),
            );
            let rest = paint::inner_columns(left, title_width as u16 + 3, 0);
            let detail = item.off.as_deref().unwrap_or(&item.detail);
            paint::put_spans(buf, look, rest, rest.x, spot.y, &[span(Role::Dim, detail)]);
            paint::put_right(
                buf,
                look,
                spot,
                spot.y,
                &[span(Role::Key, item.key.as_str())],
            );
            if selected {
                buf.set_style(spot, look.style(Role::Selected));
            }
            hits.add(spot, Target::Row(offset + index));
        }
        if let Some(item) = self.selected().and_then(|index| self.item(index))
            && told > 0
        {
            Self::draw_story(buf, look, (area, told), item);
        }
        (hits, cursor)
    }

    /// Draws an item's story into the last rows.
    fn draw_story(buf: &mut Buffer, look: &Look, (area, rows): (Rect, u16), item: &Item) {
        let columns = usize::from(area.width.saturating_sub(STORY_INDENT)).max(1);
        let first = area.bottom() - rows + 1;
        let story = look.symbols.plain(&item.story);
        let mut lines = text::wrap(&story, columns);
        let room = usize::from(rows - 1);
        if lines.len() > room {
            lines.truncate(room);
            if let Some(last) = lines.last_mut() {
                last.push_str(look.symbols.ellipsis);
            }
        }
        for (y, line) in (first..area.bottom()).zip(lines) {
            let x = area.x + STORY_INDENT;
            paint::put_spans(buf, look, area, x, y, &[span(Role::Text, line)]);
        }
    }
}

/// A title with its matched letters set apart.
fn letters<'a>(title: &'a str, matched: &[u32], role: Role) -> Vec<Span<'a>> {
    let mut spans: Vec<Span<'a>> = Vec::new();
    for (n, (at, g)) in title.grapheme_indices(true).enumerate() {
        let role = if matched.binary_search(&(n as u32)).is_ok() {
            Role::Match
        } else {
            role
        };
        match spans.last_mut() {
            Some(last) if last.role == role => {
                let from = at - last.text.len();
                last.text = title[from..at + g.len()].into();
            }
            _ => spans.push(span(role, g)),
        }
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::testing::{look, runs, screen};

    fn picker(typed: &str) -> Picker {
        let item = |title: &str, detail: &str, key: &str| Item {
            title: title.into(),
            detail: detail.into(),
            key: key.into(),
            ..Item::default()
        };
        let mut picker = Picker::new(vec![
            item("Go to triage", "the models in trouble", "1"),
            item("Go to models", "the registry", "2"),
            item("Refresh", "ask every source again", "r"),
            item("Quit", "leave the console", "q"),
        ]);
        typed.chars().for_each(|c| picker.input.insert(c));
        picker.refresh();
        picker
    }

    #[test]
    fn the_best_match_is_selected() {
        let p = picker("gtm");
        assert_eq!(p.selected(), Some(1));
        assert_eq!(picker("zzz").selected(), None);
        assert_eq!(picker("").len(), 4);
    }

    #[test]
    fn titles_outrank_details() {
        let p = picker("re");
        assert_eq!(p.item(p.selected().unwrap()).unwrap().title, "Refresh");
        assert!(p.len() > 1);
    }

    #[test]
    fn matched_letters_are_set_apart() {
        let look = look(80, 24);
        let area = Rect::new(0, 0, 44, 4);
        let mut buf = Buffer::empty(area);
        picker("mod").draw(&mut buf, &look, area, "command");
        insta::assert_snapshot!(screen(&buf), @r"
        › mod

        › Go to models   the registry              2
          Go to triage   the models in trouble     1
        ");
        insta::assert_snapshot!(runs(&buf, 2), @r#"
        accent+selected "›"
        row.selected " "
        text+selected "Go to "
        brand+selected "mod"
        text+selected "els"
        row.selected "   "
        text.dim+selected "the registry"
        row.selected "              "
        accent+selected "2"
        "#);
    }
}
