//! Label sets: sorted name and value pairs that identify a series.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

/// The label that holds a metric's name.
pub(crate) const NAME: &str = "__name__";

type Pair = (Arc<str>, Arc<str>);

/// A sorted set of labels without empty values; clones share it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Debug)]
pub(crate) struct Labels(Arc<[Pair]>);

impl Labels {
    /// The set of some pairs; empty values are as good as absent and are left out.
    pub(crate) fn new(pairs: impl IntoIterator<Item = Pair>) -> Self {
        let mut pairs: Vec<Pair> = pairs
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .collect();
        pairs.sort_unstable();
        Self(pairs.into())
    }

    /// The value of a label, empty where it is absent.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.0
            .iter()
            .find(|(known, _)| &**known == name)
            .map_or("", |(_, value)| value)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    fn filtered(&self, keep: impl Fn(&str) -> bool) -> Self {
        if self.0.iter().all(|(name, _)| keep(name)) {
            return self.clone();
        }
        Self(
            self.0
                .iter()
                .filter(|(name, _)| keep(name))
                .cloned()
                .collect(),
        )
    }

    /// Without the metric's name.
    pub(crate) fn unnamed(&self) -> Self {
        self.filtered(|name| name != NAME)
    }

    /// Only the named labels.
    pub(crate) fn only(&self, names: &[String]) -> Self {
        self.filtered(|name| names.iter().any(|known| known == name))
    }

    /// All but the named labels.
    pub(crate) fn without(&self, names: &[String]) -> Self {
        self.filtered(|name| !names.iter().any(|known| known == name))
    }

    /// With a label set, or taken away by an empty value.
    pub(crate) fn with(&self, name: &str, value: &str) -> Self {
        let others = self.0.iter().filter(|(known, _)| &**known != name).cloned();
        Self::new(others.chain([(Arc::from(name), Arc::from(value))]))
    }

    /// Prometheus' fingerprint of a label set: FNV-1a over names and values with separators.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let mut add = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        for (name, value) in self.iter() {
            name.bytes().for_each(&mut add);
            add(0xff);
            value.bytes().for_each(&mut add);
            add(0xff);
        }
        hash
    }
}

/// As in error texts and exposition: `{a="1", b="2"}`.
impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs: Vec<String> = self
            .iter()
            .map(|(name, value)| format!("{name}=\"{}\"", escaped(value)))
            .collect();
        write!(f, "{{{}}}", pairs.join(", "))
    }
}

/// A label value as exposition formats write it.
pub(crate) fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

/// Shares equal texts: thousands of series repeat the same few words.
#[derive(Debug, Default)]
pub(crate) struct Interner(HashSet<Arc<str>>);

impl Interner {
    pub(crate) fn text(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.0.get(text) {
            return Arc::clone(known);
        }
        let text: Arc<str> = text.into();
        self.0.insert(Arc::clone(&text));
        text
    }

    pub(crate) fn labels(&mut self, pairs: &[(&str, &str)]) -> Labels {
        let pairs: Vec<Pair> = pairs
            .iter()
            .map(|(name, value)| (self.text(name), self.text(value)))
            .collect();
        Labels::new(pairs)
    }
}
