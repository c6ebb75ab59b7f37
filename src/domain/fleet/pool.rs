//! Texts that many facts repeat (tag names, owners, version numbers), each held once.

use std::sync::Arc;

use arcstr::ArcStr;
use foldhash::HashSet;

use crate::domain::key::Key;
use crate::domain::model::{ModelVersion, RegisteredModel, Tags};
use crate::domain::signal::{Lines, SignalKey, SignalReading};
use crate::domain::text::Clean;

/// Longer texts hardly ever repeat, and looking for them costs more.
const SHORT: usize = 48;
/// As many texts are held before those that nobody uses any more are looked for.
const LEAST: usize = 4_096;

/// As many pairs of lines are remembered: nearly all series have one of a few.
const LINES: usize = 32;

/// The shared texts.
#[derive(Debug, Default)]
pub(super) struct Pool {
    texts: HashSet<Clean>,
    limit: usize,
    lines: Vec<Arc<Lines>>,
}

impl Pool {
    /// Makes the repeated texts of a model shared ones.
    pub(super) fn share_model(&mut self, model: &mut RegisteredModel) {
        self.share_tags(&mut model.tags);
        if let Some(aliases) = Arc::get_mut(&mut model.aliases) {
            for alias in aliases {
                self.share(&mut alias.name.shown);
                if alias.name.shown == alias.name.key.raw() {
                    alias.name.key = Key::of(&alias.name.shown);
                }
                self.share_key(&mut alias.version);
            }
        }
    }

    /// Makes the repeated texts of a version shared ones.
    pub(super) fn share_version(&mut self, version: &mut ModelVersion) {
        self.share_tags(&mut version.tags);
        self.share(&mut version.version);
        if version.version == version.key.version.raw() {
            version.key.version = Key::of(&version.version);
        }
        // An equal registry in another allocation is compared text by text.
        if let Some(run) = &mut version.run
            && run.tracker == version.key.model.registry
        {
            run.tracker = Arc::clone(&version.key.model.registry);
        }
    }

    /// Makes the repeated texts of a signal's key shared ones.
    pub(super) fn share_signal(&mut self, key: &mut SignalKey) {
        for text in [
            &mut key.model,
            &mut key.part,
            &mut key.method,
            &mut key.version,
        ] {
            self.share_key(text);
        }
    }

    /// Makes the repeated texts and lines of a reading shared ones.
    pub(super) fn share_reading(&mut self, reading: &mut SignalReading) {
        self.share_signal(&mut reading.key);
        let Some(lines) = &mut reading.lines else {
            return;
        };
        if let Some(known) = self.lines.iter().find(|known| *known == lines) {
            *lines = Arc::clone(known);
            return;
        }
        if self.lines.len() == LINES {
            self.lines.remove(0);
        }
        self.lines.push(Arc::clone(lines));
    }

    /// A row that is shared itself is left as it is.
    fn share_tags(&mut self, tags: &mut Tags) {
        for (key, value) in Arc::get_mut(tags).into_iter().flatten() {
            self.share(key);
            self.share(value);
        }
    }

    fn share_key(&mut self, key: &mut Key) {
        if key.raw().is_empty() {
            return;
        }
        // Nearly all are known: nothing is cleaned for these.
        if let Some(known) = self.texts.get(key.raw()) {
            *key = Key::of(known);
            return;
        }
        let mut text = key.clean();
        if text == key.raw() {
            self.share(&mut text);
            *key = Key::of(&text);
        }
    }

    fn share(&mut self, text: &mut Clean) {
        if text.as_str().len() > SHORT {
            return;
        }
        if let Some(known) = self.texts.get(text.as_str()) {
            *text = known.clone();
            return;
        }
        if self.texts.len() >= self.limit.max(LEAST) {
            // A static text, the empty one, has no count and no allocation.
            self.texts
                .retain(|t| ArcStr::strong_count(t.shared()).is_none_or(|n| n > 1));
            self.limit = self.texts.len() * 2;
        }
        self.texts.insert(text.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_become_one_and_unused_ones_are_let_go() {
        let mut pool = Pool::default();
        let (mut a, mut b) = (Clean::name("team"), Clean::name("team"));
        pool.share(&mut a);
        pool.share(&mut b);
        assert!(a.is_same(&b));
        for n in 0..LEAST * 2 {
            pool.share(&mut Clean::name(&n.to_string()));
        }
        assert!(pool.texts.len() <= LEAST + 1, "{}", pool.texts.len());
        assert!(pool.texts.contains("team"));
    }
}
