//! What was sent of rows that are many, kept small: by model, which is the larger part of their keys, and
//! each word once.

use std::collections::HashMap;
use std::hash::Hash;

use crate::domain::key::{Key, ModelKey, SourceId, VersionKey};
use crate::domain::signal::{Measure, SignalKey};
use crate::domain::words::Words;

/// What was sent, by key: the hash of each row.
pub(super) trait Prints<K> {
    /// Remembers a row's hash; the one before, if any.
    fn insert(&mut self, key: K, print: u64) -> Option<u64>;
    /// Forgets what it tells to forget, and says what that was.
    fn take_out(&mut self, forget: impl Fn(&K) -> bool) -> Vec<K>;
}

impl<K: Hash + Eq + Clone> Prints<K> for HashMap<K, u64> {
    fn insert(&mut self, key: K, print: u64) -> Option<u64> {
        HashMap::insert(self, key, print)
    }

    fn take_out(&mut self, forget: impl Fn(&K) -> bool) -> Vec<K> {
        let gone: Vec<K> = self.keys().filter(|k| forget(k)).cloned().collect();
        for key in &gone {
            self.remove(key);
        }
        gone
    }
}

/// Versions by model: the model is the larger part of their keys, and they are many.
#[derive(Debug, Default)]
pub(super) struct SentVersions {
    of: HashMap<ModelKey, Vec<(Key, u64)>>,
    /// The words for versions, most of which many models use.
    words: Words,
}

impl Prints<VersionKey> for SentVersions {
    fn insert(&mut self, key: VersionKey, print: u64) -> Option<u64> {
        let of = self.of.entry(key.model).or_default();
        if let Some((_, known)) = of.iter_mut().find(|(word, _)| *word == key.version) {
            return Some(std::mem::replace(known, print));
        }
        let word = self.words.shared_key(key.version);
        // Doubling would leave a third of it unused.
        of.reserve_exact(1 + of.len() / 8);
        of.push((word, print));
        None
    }

    fn take_out(&mut self, forget: impl Fn(&VersionKey) -> bool) -> Vec<VersionKey> {
        let mut gone = Vec::new();
        self.of.retain(|model, of| {
            of.retain(|(word, _)| {
                let key = VersionKey {
                    model: model.clone(),
                    version: word.clone(),
                };
                let forgotten = forget(&key);
                gone.extend(forgotten.then_some(key));
                !forgotten
            });
            !of.is_empty()
        });
        gone
    }
}

/// Signals by model, in the order of their keys. All of them are of one source.
#[derive(Debug, Default)]
pub(super) struct SentSignals {
    of: HashMap<Key, Vec<(Series, u64)>>,
    source: Option<SourceId>,
    words: Words,
}

/// A signal's key within its model and source.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Series {
    measure: Measure,
    part: Key,
    method: Key,
    version: Key,
}

impl Prints<SignalKey> for SentSignals {
    fn insert(&mut self, key: SignalKey, print: u64) -> Option<u64> {
        let series = Series {
            measure: key.measure,
            part: key.part,
            method: key.method,
            version: key.version,
        };
        self.source.get_or_insert(key.source);
        let of = self.of.entry(key.model).or_default();
        match of.binary_search_by(|(known, _)| known.cmp(&series)) {
            Ok(at) => Some(std::mem::replace(&mut of[at].1, print)),
            Err(at) => {
                let series = Series {
                    part: self.words.shared_key(series.part),
                    method: self.words.shared_key(series.method),
                    version: self.words.shared_key(series.version),
                    ..series
                };
                of.reserve_exact(1 + of.len() / 8);
                of.insert(at, (series, print));
                None
            }
        }
    }

    fn take_out(&mut self, forget: impl Fn(&SignalKey) -> bool) -> Vec<SignalKey> {
        let mut gone = Vec::new();
        let Some(source) = &self.source else {
            return gone;
        };
        self.of.retain(|model, of| {
            of.retain(|(series, _)| {
                let key = SignalKey {
                    model: model.clone(),
                    measure: series.measure,
                    part: series.part.clone(),
                    method: series.method.clone(),
                    version: series.version.clone(),
                    source: source.clone(),
                };
                let forgotten = forget(&key);
                gone.extend(forgotten.then_some(key));
                !forgotten
            });
            !of.is_empty()
        });
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(model: &str, measure: Measure, part: &str) -> SignalKey {
        SignalKey {
            model: Key::new(model),
            measure,
            part: Key::new(part),
            method: Key::new("PSI"),
            version: Key::new(""),
            source: SourceId::new("prom"),
        }
    }

    #[test]
    fn signals_are_known_by_their_whole_key_in_whatever_order_they_come() {
        let mut sent = SentSignals::default();
        let all = [
            key("b", Measure::FeatureDrift, "age"),
            key("a", Measure::Requests, ""),
            key("a", Measure::FeatureDrift, "city"),
            key("a", Measure::FeatureDrift, "age"),
            SignalKey {
                version: Key::new("3"),
                ..key("a", Measure::FeatureDrift, "age")
            },
        ];
        for (print, key) in all.iter().enumerate() {
            assert_eq!(sent.insert(key.clone(), print as u64), None);
        }
        for (print, key) in all.iter().enumerate() {
            assert_eq!(sent.insert(key.clone(), 9), Some(print as u64), "{key:?}");
        }
        let mut gone = sent.take_out(|k| k.part.raw() == "age");
        gone.sort();
        let mut want = vec![all[0].clone(), all[3].clone(), all[4].clone()];
        want.sort();
        assert_eq!(gone, want);
        assert_eq!(sent.insert(all[0].clone(), 1), None, "it was forgotten");
        assert_eq!(sent.insert(all[1].clone(), 1), Some(9));
        assert_eq!(sent.take_out(|_| true).len(), 3);
        assert!(sent.of.is_empty());
    }
}
