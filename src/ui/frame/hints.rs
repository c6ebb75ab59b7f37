//! The footer: which keys work here, most useful first, and which cannot and why.

use std::borrow::Cow;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::ui::hits::{Hits, Target};
use crate::ui::look::Look;
use crate::ui::paint;
use crate::ui::text;
use crate::ui::theme::Role;

/// A key and what it does.
#[derive(Clone, Debug)]
pub struct Hint<'a> {
    /// The key, as people write it: `↵`, `b`, `ctrl-u`.
    pub key: Cow<'a, str>,
    /// What it does, in two or three words.
    pub text: Cow<'a, str>,
    /// 0 is never dropped; the highest goes first.
    pub priority: u8,
    /// Whether it can work here; dim otherwise.
    pub enabled: bool,
}

impl<'a> Hint<'a> {
    /// A key that works.
    pub fn new(key: impl Into<Cow<'a, str>>, text: impl Into<Cow<'a, str>>, priority: u8) -> Self {
        Self {
            key: key.into(),
            text: text.into(),
            priority,
            enabled: true,
        }
    }

    /// The same key where it cannot work: dim.
    #[must_use]
    pub fn off(mut self) -> Self {
        self.enabled = false;
        self
    }
}

const SPACE: usize = 3;

/// Draws hints in one row, dropping those of highest priority number when it is narrow. Regions are
/// of [`Target::Hint`] by index into `hints`.
pub fn footer(buf: &mut Buffer, look: &Look, area: Rect, hints: &[Hint<'_>]) -> Hits {
    let mut regions = Hits::default();
    let line = paint::inner_columns(paint::row(area, 0), 1, 1);
    if line.is_empty() {
        return regions;
    }
    let key_of = |h: &Hint<'_>| look.symbols.plain(&h.key);
    let width = |h: &Hint<'_>| text::width(&key_of(h)) + 1 + text::width(&h.text);
    let mut kept: Vec<usize> = (0..hints.len()).collect();
    let total = |kept: &[usize]| {
        kept.iter().map(|i| width(&hints[*i])).sum::<usize>() + SPACE * kept.len().saturating_sub(1)
    };
    while total(&kept) > usize::from(line.width) {
        let Some((at, _)) = kept
            .iter()
            .enumerate()
            .filter(|(_, i)| hints[**i].priority > 0)
            .max_by_key(|(at, i)| (hints[**i].priority, *at))
        else {
            break;
        };
        kept.remove(at);
    }
    let mut x = line.x;
    for index in kept {
        let hint = &hints[index];
        let (key, words) = if hint.enabled {
            (Role::Key, Role::Dim)
        } else {
            (Role::KeyOff, Role::KeyOff)
        };
        let start = x;
        x = paint::put(buf, line, x, line.y, &key_of(hint), look.style(key));
        x = paint::put(buf, line, x + 1, line.y, &hint.text, look.style(words));
        regions.add(
            Rect {
                x: start,
                width: x.min(line.right()).saturating_sub(start),
                ..line
            },
            Target::Hint(index),
        );
        x += SPACE as u16;
    }
    regions
}
