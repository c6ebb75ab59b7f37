//! Texts that many runs have in common, each held once, by handle, and for as long as a run refers to it.

use std::sync::Arc;

use super::shards::Shards;
use crate::domain::key::Key;
use crate::domain::model::Name;
use crate::domain::text::Clean;

/// Texts a chunk.
const CHUNK: usize = 256;

/// A handle for an interned text.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Symbol(u32);

impl Symbol {
    /// The handle that a word stands for.
    pub(super) fn of(word: u32) -> Self {
        Self(word)
    }

    /// As a word.
    pub(super) fn word(self) -> u32 {
        self.0
    }
}

/// Texts by handle: metric names, parameter names and values, tags, users.
#[derive(Clone, Default, Debug)]
pub struct Interner {
    ids: Shards,
    /// In chunks, so that a text that is new while a snapshot is alive copies little.
    names: Vec<Arc<Vec<Name>>>,
    room: Room,
}

/// Who needs which text, and which handles are free.
#[derive(Default, Debug)]
struct Room {
    /// How often each is referred to. The few texts that nearly all runs have are not counted further, and
    /// stay.
    uses: Vec<u16>,
    free: Vec<u32>,
}

/// Of a snapshot, which takes no text in and lets none go.
impl Clone for Room {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Interner {
    /// The handle of a text, which is held until it was released as often.
    pub(super) fn intern(&mut self, key: &Key, shown: &Clean) -> Symbol {
        let symbol = match self.find(key.raw()) {
            Some(symbol) => symbol,
            None => self.add(key, shown),
        };
        if let Some(uses) = self.room.uses.get_mut(symbol.0 as usize) {
            *uses = uses.saturating_add(1);
        }
        symbol
    }

    fn add(&mut self, key: &Key, shown: &Clean) -> Symbol {
        // Most raw names are their own clean form: one allocation serves map, key and screen.
        let key = if shown == key.raw() {
            Key::of(shown)
        } else {
            key.clone()
        };
        let name = Name {
            key: key.clone(),
            shown: shown.clone(),
        };
        let symbol = match self.room.free.pop() {
            Some(free) => {
                let chunk = Arc::make_mut(&mut self.names[free as usize / CHUNK]);
                chunk[free as usize % CHUNK] = name;
                Symbol(free)
            }
            None => self.append(name),
        };
        let names = &self.names;
        let text = |row: u32| names[row as usize / CHUNK][row as usize % CHUNK].key.raw();
        self.ids.insert(key.raw(), symbol.0, text);
        symbol
    }

    fn append(&mut self, name: Name) -> Symbol {
        if self.names.last().is_none_or(|c| c.len() == CHUNK) {
            self.names.push(Arc::new(Vec::with_capacity(CHUNK)));
        }
        let full = (self.names.len() - 1) * CHUNK;
        let mut at = full;
        if let Some(last) = self.names.last_mut() {
            at += last.len();
            Arc::make_mut(last).push(name);
        }
        let uses = &mut self.room.uses;
        if uses.len() == uses.capacity() {
            // Doubling would leave a third of it unused.
            uses.reserve_exact(CHUNK + uses.len() / 8);
        }
        uses.push(0);
        Symbol(u32::try_from(at).unwrap_or(u32::MAX))
    }

    /// As [`Self::intern`] for a text that is shown as it is.
    pub(super) fn intern_clean(&mut self, text: &Clean) -> Symbol {
        self.intern(&Key::of(text), text)
    }

    /// A text is needed once less; one that nobody needs is let go, and its handle is given away again.
    pub(super) fn release(&mut self, symbol: Symbol) {
        let at = symbol.0 as usize;
        let Some(uses) = self.room.uses.get_mut(at) else {
            return;
        };
        if *uses == u16::MAX || *uses == 0 {
            return;
        }
        *uses -= 1;
        if *uses > 0 {
            return;
        }
        let none = Name {
            key: Key::of(&Clean::empty()),
            shown: Clean::empty(),
        };
        let chunk = Arc::make_mut(&mut self.names[at / CHUNK]);
        let gone = std::mem::replace(&mut chunk[at % CHUNK], none);
        self.ids.remove(gone.key.raw(), |row| row == symbol.0);
        self.room.free.push(symbol.0);
    }

    /// The text of a handle.
    pub fn name(&self, symbol: Symbol) -> &Name {
        &self.names[symbol.0 as usize / CHUNK][symbol.0 as usize % CHUNK]
    }

    /// The handle of a text, if any run uses it.
    pub fn find(&self, text: &str) -> Option<Symbol> {
        let is = |row| self.name(Symbol(row)).key.raw() == text;
        self.ids.get(text, is).map(Symbol)
    }

    /// How many texts are held, and how many handles there are for them.
    #[cfg(test)]
    pub(super) fn held(&self) -> (usize, usize) {
        (self.ids.len(), self.names.iter().map(|c| c.len()).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean(n: usize) -> Clean {
        Clean::text(&format!("text {n}"))
    }

    #[test]
    fn a_text_is_held_as_long_as_it_is_needed_and_snapshots_keep_theirs() {
        let mut texts = Interner::default();
        let often = texts.intern_clean(&clean(0));
        assert_eq!(texts.intern_clean(&clean(0)), often);
        let once = texts.intern_clean(&clean(1));
        let snapshot = texts.clone();
        texts.release(often);
        texts.release(once);
        assert_eq!(texts.find("text 0"), Some(often));
        assert_eq!(texts.find("text 1"), None);
        let next = texts.intern_clean(&clean(2));
        assert_eq!(next, once, "its handle is used again");
        assert_eq!(texts.name(next).shown, clean(2));
        assert_eq!(snapshot.name(once).shown, clean(1));
        assert_eq!(snapshot.find("text 1"), Some(once));
    }

    #[test]
    fn texts_that_come_and_go_take_no_more_room_than_those_that_are_needed() {
        let mut texts = Interner::default();
        let mut needed = std::collections::VecDeque::new();
        for n in 0..100_000 {
            needed.push_back(texts.intern_clean(&clean(n)));
            if needed.len() > 1_000 {
                needed
                    .pop_front()
                    .into_iter()
                    .for_each(|s| texts.release(s));
            }
        }
        assert_eq!(texts.held(), (1_000, 1_001));
        let all = needed.iter().zip(99_000..);
        assert!(
            all.into_iter()
                .all(|(s, n)| texts.name(*s).shown == clean(n))
        );
    }

    #[test]
    fn what_everybody_needs_is_never_let_go() {
        let mut texts = Interner::default();
        let text = texts.intern_clean(&clean(0));
        for _ in 0..70_000 {
            texts.intern_clean(&clean(0));
        }
        for _ in 0..70_001 {
            texts.release(text);
        }
        assert_eq!(texts.find("text 0"), Some(text));
    }
}
