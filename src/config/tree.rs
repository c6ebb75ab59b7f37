//! The effective values by path, each with its origin: what layers write into, what settings are
//! built from and what `config show` prints.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use compact_str::CompactString;
// Of thousands of tables each is asked for many times.
use foldhash::HashMap;

use super::diagnostic::Origin;
use super::table::{Row, Section, Shape};
use super::value;
use crate::domain::settings::{Follows, SecretRef, VersionMap};
use crate::domain::signal::NameMap;
use crate::domain::text::Clean;

/// The name of a table or key. Nearly all are short, and then copied without asking for memory: settings of
/// hundreds of deployments are read at each start, and hold thousands of paths.
pub(super) type Segment = CompactString;

/// Where a value sits: one segment a table or key.
pub(super) type Path = Vec<Segment>;

/// A path one segment longer.
pub(super) fn join(path: &[Segment], key: &str) -> Path {
    let mut longer = Path::with_capacity(path.len() + 1);
    longer.extend_from_slice(path);
    longer.push(Segment::new(key));
    longer
}

/// A path from words.
pub(super) fn path(segments: &[&str]) -> Path {
    segments.iter().map(Segment::new).collect()
}

/// `contexts.prod.models."fraud detector".owner`.
pub(super) fn dotted(path: &[Segment]) -> String {
    let bare = |s: &str| {
        !s.is_empty()
            && s.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    path.iter()
        .map(|s| {
            if bare(s) {
                s.to_string()
            } else {
                format!("\"{}\"", Clean::name(s))
            }
        })
        .collect::<Vec<_>>()
        .join(".")
}

/// A value that passed its shape. No `Debug`: a secret may be in it.
#[derive(Clone, PartialEq)]
pub(super) enum Setting {
    /// A table that is there.
    Section,
    /// Text, a name, a word or a URL.
    Text(String),
    /// Several texts.
    Words(Vec<String>),
    /// Yes or no.
    Flag(bool),
    /// A span of time.
    Duration(Duration),
    /// Bytes.
    Bytes(u64),
    /// A count.
    Count(u32),
    /// A path, absolute if its base was known.
    File(PathBuf),
    /// Where a secret is.
    Secret(SecretRef),
    /// A header's value, which is not shown: some servers take credentials there.
    Header(String),
    /// What a deployment follows.
    Follows(Follows),
    /// A version map.
    VersionMap(VersionMap),
    /// A number.
    Number(f64),
    /// A map of names.
    NameMap(NameMap),
}

impl Setting {
    /// The value as it would be written, secrets as references. `None` for tables.
    pub(super) fn shown(&self) -> Option<String> {
        let quoted = |text: &str| format!("\"{}\"", Clean::text(text));
        Some(match self {
            Self::Section | Self::Follows(Follows::Default) => return None,
            Self::Text(text) => quoted(text),
            Self::Words(words) => {
                let words: Vec<String> = words.iter().map(|w| quoted(w)).collect();
                format!("[{}]", words.join(", "))
            }
            Self::Flag(flag) => flag.to_string(),
            Self::Duration(d) => quoted(&value::show_duration(*d)),
            Self::Bytes(n) => quoted(&value::show_bytes(*n)),
            Self::Count(n) => n.to_string(),
            Self::File(path) => quoted(&path.to_string_lossy()),
            Self::Secret(secret) => Clean::text(&format!("{secret:?}")).as_str().to_owned(),
            Self::Header(_) => "(not shown)".to_owned(),
            Self::Follows(Follows::Alias(alias)) => quoted(&format!("@{alias}")),
            Self::Follows(Follows::Version(version)) => quoted(version),
            Self::Follows(Follows::None) => quoted("none"),
            Self::VersionMap(VersionMap::Equal) => quoted("equal"),
            Self::VersionMap(VersionMap::StripV) => quoted("strip-v"),
            Self::VersionMap(VersionMap::VersionTag) => quoted("version-tag"),
            Self::VersionMap(VersionMap::Regex(re)) => {
                format!("{{ regex = '{}' }}", Clean::text(re))
            }
            Self::Number(n) => n.to_string(),
            Self::NameMap(map) => {
                let table = map.table.iter();
                let mut parts: Vec<String> = table
                    .map(|(from, to)| format!("{} = {}", quoted(from), quoted(to)))
                    .collect();
                let regex = map.regex.iter();
                parts.extend(regex.map(|re| format!("regex = '{}'", Clean::text(re))));
                format!("{{ {} }}", parts.join(", "))
            }
        })
    }
}

/// One value and where it came from.
#[derive(Clone)]
pub(super) struct Entry {
    /// The value.
    pub(super) setting: Setting,
    /// Where it came from.
    pub(super) origin: Origin,
    /// Where each element of a list stands, for lists from a file.
    pub(super) parts: Vec<Origin>,
    /// The order of arrival, which lists keep.
    order: usize,
}

/// The effective values, by table: what stands in one is looked up without the rest.
#[derive(Clone, Default)]
pub(super) struct Tree {
    tables: HashMap<Path, BTreeMap<Segment, Entry>>,
    arrived: usize,
}

impl Tree {
    /// Sets a value; a later layer replaces an earlier one.
    pub(super) fn set(&mut self, path: Path, setting: Setting, origin: Origin) {
        self.set_list(path, setting, origin, Vec::new());
    }

    /// Sets a list with the place of each element.
    pub(super) fn set_list(
        &mut self,
        mut path: Path,
        setting: Setting,
        origin: Origin,
        parts: Vec<Origin>,
    ) {
        // The whole file is no value.
        let Some(key) = path.pop() else { return };
        self.arrived += 1;
        let table = self.tables.entry(path).or_default();
        let order = table.get(&key).map_or(self.arrived, |e| e.order);
        let entry = Entry {
            setting,
            origin,
            parts,
            order,
        };
        table.insert(key, entry);
    }

    /// The entry of a path.
    pub(super) fn entry(&self, path: &[Segment]) -> Option<&Entry> {
        let (key, table) = path.split_last()?;
        self.get(table, key)
    }

    /// The entry of a key in a table.
    pub(super) fn get(&self, table: &[Segment], key: &str) -> Option<&Entry> {
        self.tables.get(table)?.get(key)
    }

    /// Takes a value out.
    pub(super) fn remove(&mut self, path: &[Segment]) -> Option<Entry> {
        let (key, table) = path.split_last()?;
        self.tables.get_mut(table)?.remove(key)
    }

    /// The names below a path, in the order they arrived.
    pub(super) fn names(&self, path: &[Segment]) -> Vec<String> {
        let of = self.tables.get(path).into_iter().flatten();
        let mut found: Vec<(usize, &Segment)> = of.map(|(name, e)| (e.order, name)).collect();
        found.sort_unstable();
        found
            .into_iter()
            .map(|(_, name)| name.to_string())
            .collect()
    }

    /// Everything below a path, tables included, in path order.
    pub(super) fn below(&self, path: &[Segment]) -> Vec<(Path, &Entry)> {
        let tables = self.tables.iter().filter(|(at, _)| at.starts_with(path));
        in_order(tables, |_| true)
    }

    /// Every value that is wanted, in path order.
    pub(super) fn those(&self, wanted: impl Fn(&Entry) -> bool) -> Vec<(Path, &Entry)> {
        in_order(self.tables.iter(), wanted)
    }

    /// Gives every table its defaults, where nothing was set.
    pub(super) fn fill(&mut self, section: &'static Section, path: &[Segment]) {
        for row in section.rows() {
            let here = || join(path, row.key);
            match row.shape {
                Shape::Table(inner) => {
                    // Connections have optional parts: their defaults need no table of their own.
                    self.fill(inner, &here());
                }
                Shape::Named(inner) | Shape::List(inner) | Shape::Measures(inner) => {
                    let here = here();
                    for name in self.names(&here) {
                        self.fill(inner, &join(&here, &name));
                    }
                }
                _ => self.fill_row(row, path),
            }
        }
    }

    fn fill_row(&mut self, row: &Row, path: &[Segment]) {
        if row.default.is_empty() || self.get(path, row.key).is_some() {
            return;
        }
        // A default that its own shape refuses would be a defect of the table; a test reads them all.
        if let Ok(setting) = value::from_text(row.shape, row.default) {
            self.set(join(path, row.key), setting, Origin::Default);
        }
    }

    /// The text at a key, empty where there is none.
    pub(super) fn text(&self, table: &[Segment], key: &str) -> Option<String> {
        match self.get(table, key).map(|e| &e.setting) {
            Some(Setting::Text(text)) => Some(text.clone()),
            _ => None,
        }
    }

    /// The flag at a key.
    pub(super) fn flag(&self, table: &[Segment], key: &str) -> Option<bool> {
        match self.get(table, key).map(|e| &e.setting) {
            Some(Setting::Flag(flag)) => Some(*flag),
            _ => None,
        }
    }

    /// The duration at a key.
    pub(super) fn duration(&self, table: &[Segment], key: &str) -> Option<Duration> {
        match self.get(table, key).map(|e| &e.setting) {
            Some(Setting::Duration(d)) => Some(*d),
            _ => None,
        }
    }

    /// The count at a key.
    pub(super) fn count(&self, table: &[Segment], key: &str) -> Option<u32> {
        match self.get(table, key).map(|e| &e.setting) {
            Some(Setting::Count(n)) => Some(*n),
            _ => None,
        }
    }

    /// The number at a key.
    pub(super) fn number(&self, table: &[Segment], key: &str) -> Option<f64> {
        match self.get(table, key).map(|e| &e.setting) {
            Some(Setting::Number(n)) => Some(*n),
            _ => None,
        }
    }

    /// The path at a key.
    pub(super) fn file(&self, table: &[Segment], key: &str) -> Option<PathBuf> {
        match self.get(table, key).map(|e| &e.setting) {
            Some(Setting::File(path)) => Some(path.clone()),
            _ => None,
        }
    }

    /// The secret's reference at a key.
    pub(super) fn secret(&self, table: &[Segment], key: &str) -> Option<SecretRef> {
        match self.get(table, key).map(|e| &e.setting) {
            Some(Setting::Secret(secret)) => Some(secret.clone()),
            _ => None,
        }
    }

    /// The list at a key.
    pub(super) fn words(&self, table: &[Segment], key: &str) -> Vec<String> {
        match self.get(table, key).map(|e| &e.setting) {
            Some(Setting::Words(words)) => words.clone(),
            _ => Vec::new(),
        }
    }
}

fn in_order<'a>(
    tables: impl Iterator<Item = (&'a Path, &'a BTreeMap<Segment, Entry>)>,
    wanted: impl Fn(&Entry) -> bool,
) -> Vec<(Path, &'a Entry)> {
    let mut all = Vec::new();
    for (at, of) in tables {
        let wanted = of.iter().filter(|(_, entry)| wanted(entry));
        all.extend(wanted.map(|(key, entry)| (join(at, key), entry)));
    }
    all.sort_by(|(a, _), (b, _)| a.cmp(b));
    all
}
