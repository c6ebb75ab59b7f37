//! What was sent of rows that are many, kept small: by model, which is the larger part of their keys, and
//! each word once.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::sync::Arc;

use crate::domain::key::{Key, ModelKey, SourceId, VersionKey};
use crate::domain::signal::{Measure, SignalKey};
use crate::domain::words::Words;

/// Series fewer than these are never looked through for unused ones.
const SERIES: usize = 1_024;

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

/// Signals by model. All of them are of one source, and most models have the same series.
#[derive(Debug, Default)]
pub(super) struct SentSignals {
    /// The number of each series and its hash, in the order of the numbers.
    of: HashMap<Key, Vec<(u32, u64)>>,
    source: Option<SourceId>,
    series: Vec<Arc<Series>>,
    numbers: HashMap<Arc<Series>, u32>,
    words: Words,
}

/// A signal's key within its model and source.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Series {
    measure: Measure,
    part: Key,
    method: Key,
    version: Key,
}

impl SentSignals {
    fn number(&mut self, key: SignalKey) -> u32 {
        let series = Series {
            measure: key.measure,
            part: key.part,
            method: key.method,
            version: key.version,
        };
        if let Some(number) = self.numbers.get(&series) {
            return *number;
        }
        let number = self.series.len() as u32;
        let series = Arc::new(Series {
            part: self.words.shared_key(series.part),
            method: self.words.shared_key(series.method),
            version: self.words.shared_key(series.version),
            ..series
        });
        self.series.push(Arc::clone(&series));
        self.numbers.insert(series, number);
        number
    }

    /// Forgets series that no model has any more, once there are many of them.
    fn forget_unused(&mut self) {
        let used: BTreeSet<u32> = self.of.values().flatten().map(|(n, _)| *n).collect();
        if self.series.len() < SERIES || self.series.len() < 2 * used.len() {
            return;
        }
        // Numbers keep their order, and so do the rows of each model.
        let left: Vec<u32> = used.into_iter().collect();
        for (number, _) in self.of.values_mut().flatten() {
            *number = left.partition_point(|n| n < number) as u32;
        }
        let old = std::mem::take(&mut self.series);
        self.series = left.iter().map(|n| Arc::clone(&old[*n as usize])).collect();
        let numbered = self.series.iter().cloned().zip(0..);
        self.numbers = numbered.collect();
    }
}

impl Prints<SignalKey> for SentSignals {
    fn insert(&mut self, key: SignalKey, print: u64) -> Option<u64> {
        self.source.get_or_insert_with(|| key.source.clone());
        let model = key.model.clone();
        let number = self.number(key);
        let of = self.of.entry(model).or_default();
        match of.binary_search_by_key(&number, |(known, _)| *known) {
            Ok(at) => Some(std::mem::replace(&mut of[at].1, print)),
            Err(at) => {
                if of.len() == of.capacity() {
                    of.reserve_exact(1 + of.len() / 8);
                }
                of.insert(at, (number, print));
                None
            }
        }
    }

    fn take_out(&mut self, forget: impl Fn(&SignalKey) -> bool) -> Vec<SignalKey> {
        let mut gone = Vec::new();
        let Some(source) = &self.source else {
            return gone;
        };
        let all = &self.series;
        self.of.retain(|model, of| {
            of.retain(|(number, _)| {
                let series = &all[*number as usize];
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
        if !gone.is_empty() {
            self.forget_unused();
        }
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

    #[test]
    fn series_that_no_model_has_any_more_are_forgotten_and_the_others_keep_their_hashes() {
        let mut sent = SentSignals::default();
        let part = |n: usize| key("a", Measure::FeatureDrift, &format!("f{n}"));
        for n in 0..SERIES * 3 {
            sent.insert(part(n), n as u64);
        }
        let kept = [1, SERIES, SERIES * 3 - 1];
        let wanted = kept.map(part);
        let gone = sent.take_out(|key| !wanted.contains(key));
        assert_eq!(gone.len(), SERIES * 3 - kept.len());
        assert_eq!(sent.series.len(), kept.len());
        for n in kept {
            assert_eq!(sent.insert(part(n), 0), Some(n as u64));
        }
        assert_eq!(sent.insert(part(2), 7), None, "it was forgotten");
        assert_eq!(sent.insert(part(2), 8), Some(7));
    }
}
