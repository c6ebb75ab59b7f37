//! Words that many keys have in common, each held once: names of models, features, methods, versions.

use std::collections::HashSet;

use super::key::Key;

/// As many words are shared before all are forgotten: names that never come again must not pile up.
const MOST: usize = 20_000;

/// Shared words. Whoever compares tens of thousands of keys holds one; the texts themselves live as long as
/// the keys made of them.
#[derive(Debug, Default)]
pub struct Words(HashSet<Key>);

impl Words {
    /// The word as it is held.
    pub fn shared(&mut self, word: &str) -> Key {
        if let Some(held) = self.0.get(word) {
            return held.clone();
        }
        self.keep(Key::new(word))
    }

    /// The key as it is held.
    pub fn shared_key(&mut self, word: Key) -> Key {
        if let Some(held) = self.0.get(&word) {
            return held.clone();
        }
        self.keep(word)
    }

    fn keep(&mut self, word: Key) -> Key {
        if self.0.len() >= MOST {
            self.0.clear();
        }
        self.0.insert(word.clone());
        word
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_shared_and_never_pile_up() {
        let mut words = Words::default();
        let one = words.shared("age");
        let held: *const str = words.shared_key(Key::new("age")).raw();
        assert!(std::ptr::eq(one.raw(), held));
        for n in 0..MOST * 2 {
            words.shared(&n.to_string());
        }
        assert!(words.0.len() <= MOST);
    }
}
