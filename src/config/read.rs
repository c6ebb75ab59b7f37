//! One settings file: TOML with the place of every value, held against the table.

mod compound;

use std::ops::Range;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use toml::de::{DeTable, DeValue};

use super::diagnostic::{Diagnostic, Kind, Origin, Problem};
use super::table::{ROOT, Section, Shape};
use super::tree::{Path, Segment, Setting, Tree, dotted, join};
use super::value;
use crate::domain::key::DeploymentKind;
use crate::domain::near::nearest;
use crate::domain::text::Clean;

/// The largest settings file read, in bytes.
pub(super) const LARGEST: u64 = 4 * 1024 * 1024;

/// A file's text and where its lines begin.
struct Lines<'a> {
    file: Arc<str>,
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn new(file: &str, text: &'a str) -> Self {
        let starts = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        Self {
            file: Arc::from(file),
            text,
            starts,
        }
    }

    fn place(&self, at: usize) -> Origin {
        let line = self.starts.partition_point(|start| *start <= at).max(1);
        let start = self.starts[line - 1];
        let column = self
            .text
            .get(start..at.min(self.text.len()))
            .map_or(1, |head| head.chars().count() + 1);
        Origin::File {
            file: Arc::clone(&self.file),
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(column).unwrap_or(u32::MAX),
        }
    }
}

/// Where paths in the file start.
#[derive(Clone, Debug, Default)]
pub(super) struct Base {
    /// The folder of the settings file.
    pub(super) folder: PathBuf,
    /// The home directory.
    pub(super) home: Option<PathBuf>,
}

impl Base {
    fn resolve(&self, path: PathBuf) -> PathBuf {
        match (path.strip_prefix("~"), &self.home) {
            (Ok(rest), Some(home)) => home.join(rest),
            _ => self.folder.join(path),
        }
    }
}

/// Reads a file's text into the tree and tells every mistake in it.
///
/// While the syntax is broken nothing else is said: keys would be reported in tables they are not in.
pub(super) fn read(file: &str, text: &str, base: &Base, tree: &mut Tree) -> Vec<Diagnostic> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = Lines::new(file, text);
    let (table, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        let mut found: Vec<Diagnostic> = errors
            .iter()
            .map(|e| {
                let place = e
                    .span()
                    .map_or_else(|| Origin::whole(file), |s| lines.place(s.start));
                Problem::new(Kind::Syntax, format!("not TOML: {}", e.message())).at(&place)
            })
            .collect();
        found.dedup();
        return found;
    }
    let mut reader = Reader {
        lines,
        base,
        tree,
        found: Vec::new(),
    };
    reader.section(&ROOT, &Vec::new(), table.get_ref(), &Origin::whole(file));
    reader.found
}

/// A key of a table: its name, its place, its value and the value's place.
struct Item<'t, 'i> {
    key: &'t str,
    key_at: usize,
    value: &'t DeValue<'i>,
    span: Range<usize>,
}

/// The keys of a table in the order of the file.
fn items<'t, 'i>(table: &'t DeTable<'i>) -> Vec<Item<'t, 'i>> {
    let mut items: Vec<Item<'t, 'i>> = table
        .iter()
        .map(|(key, value)| Item {
            key: key.get_ref(),
            key_at: key.span().start,
            value: value.get_ref(),
            span: value.span(),
        })
        .collect();
    items.sort_by_key(|i| i.key_at);
    items
}

struct Reader<'a> {
    lines: Lines<'a>,
    base: &'a Base,
    tree: &'a mut Tree,
    found: Vec<Diagnostic>,
}

impl Reader<'_> {
    fn error(&mut self, at: usize, problem: Problem) {
        let place = self.lines.place(at);
        self.found.push(problem.at(&place));
    }

    fn warn(&mut self, at: usize, problem: Problem) {
        let place = self.lines.place(at);
        self.found.push(problem.doubt_at(&place));
    }

    fn wrong_type(&mut self, item: &Item<'_, '_>, path: &[Segment], shape: Shape) {
        let guess = match (shape, item.value) {
            (Shape::Text | Shape::Name | Shape::Follows, DeValue::Integer(n)) => {
                Some(format!("\"{n}\""))
            }
            (Shape::Duration(_), DeValue::Integer(n)) => Some(format!("\"{n}s\"")),
            (Shape::OneOf(words), DeValue::Integer(n)) => Some(n.to_string())
                .filter(|n| words.contains(&n.as_str()))
                .map(|n| format!("\"{n}\"")),
            (Shape::OneOf(words), DeValue::Boolean(false)) if words.contains(&"off") => {
                Some("\"off\"".to_owned())
            }
            (Shape::Flag, DeValue::String(s)) => {
                Some(s.to_string()).filter(|s| s == "true" || s == "false")
            }
            (Shape::Number(_), DeValue::String(s)) => {
                Some(s.to_string()).filter(|s| s.parse::<f64>().is_ok_and(f64::is_finite))
            }
            (Shape::List(_), DeValue::Table(_)) => Some(format!("[[{}]]", dotted(path))),
            // `[context.prod]`: the one key that has a table's name but for a letter.
            (Shape::Name, DeValue::Table(_)) if path == ["context"] => {
                Some("`contexts`".to_owned())
            }
            _ => None,
        };
        let problem = Problem::new(
            Kind::WrongType,
            format!("`{}` is {}", dotted(path), found_type(item.value)),
        )
        .expected(value::describe(shape))
        .meant(guess);
        self.error(item.span.start, problem);
    }

    fn table_of<'t, 'i>(
        &mut self,
        item: &Item<'t, 'i>,
        path: &[Segment],
        shape: Shape,
    ) -> Option<&'t DeTable<'i>> {
        if let DeValue::Table(table) = item.value {
            Some(table)
        } else {
            self.wrong_type(item, path, shape);
            None
        }
    }

    fn section(
        &mut self,
        section: &'static Section,
        path: &Path,
        table: &DeTable<'_>,
        place: &Origin,
    ) {
        if !path.is_empty() {
            self.tree.set(path.clone(), Setting::Section, place.clone());
        }
        for item in items(table) {
            let here = join(path, item.key);
            match section.row(item.key) {
                Some(row) => self.value(row.shape, &here, &item),
                None => self.unknown_key(section, path, &item),
            }
        }
        for row in section.rows().filter(|r| r.required) {
            if table.get(row.key).is_none() {
                let owner = if path.is_empty() {
                    "the file".to_owned()
                } else {
                    format!("`{}`", dotted(path))
                };
                self.found.push(
                    Problem::new(Kind::Missing, format!("{owner} has no `{}`", row.key))
                        .expected(value::describe(row.shape))
                        .at(place),
                );
            }
        }
    }

    fn unknown_key(&mut self, section: &'static Section, path: &[Segment], item: &Item<'_, '_>) {
        let place = if path.is_empty() {
            "at the top".to_owned()
        } else {
            format!("in `{}`", dotted(path))
        };
        let mut problem = Problem::new(
            Kind::UnknownKey,
            format!("unknown key `{}` {place}", Clean::limited(item.key, 80)),
        );
        let known = section.rows().map(|r| r.key);
        if let Some(near) = nearest(item.key, known) {
            problem = problem.meant(Some(format!("`{near}`")));
        } else if let Some(other) = elsewhere(&ROOT, item.key) {
            problem = problem.expected(format!("`{}` in {}", item.key, other.title));
        } else {
            let keys: Vec<&str> = section.rows().map(|r| r.key).collect();
            problem = problem.expected(format!("one of {}", keys.join(", ")));
        }
        self.error(item.key_at, problem);
    }

    fn value(&mut self, shape: Shape, path: &Path, item: &Item<'_, '_>) {
        match shape {
            Shape::Table(inner) => {
                if let Some(table) = self.table_of(item, path, shape) {
                    let place = self.lines.place(item.key_at);
                    self.section(inner, path, table, &place);
                }
            }
            Shape::Named(inner) => {
                if let Some(table) = self.table_of(item, path, shape) {
                    self.named(inner, path, table);
                }
            }
            Shape::List(inner) => self.list(inner, path, item, shape),
            Shape::Measures(inner) => {
                if let Some(table) = self.table_of(item, path, shape) {
                    self.measures(inner, path, table);
                }
            }
            Shape::Numbers(bounds) => {
                if let Some(table) = self.table_of(item, path, shape) {
                    self.numbers(bounds, path, table);
                }
            }
            Shape::NameMap => {
                if let Some(table) = self.table_of(item, path, shape) {
                    self.name_map(path, item, table);
                }
            }
            Shape::Keys => {
                if let Some(table) = self.table_of(item, path, shape) {
                    self.keys(path, "", table);
                }
            }
            Shape::Headers => {
                if let Some(table) = self.table_of(item, path, shape) {
                    self.headers(path, table);
                }
            }
            _ => self.scalar(shape, path, item),
        }
    }

    fn named(&mut self, inner: &'static Section, path: &Path, table: &DeTable<'_>) {
        for item in items(table) {
            let here = join(path, item.key);
            // A context's name is the user's own; a model's is whatever its registry holds.
            let named = if path == &["contexts"] {
                value::name(item.key)
            } else {
                value::printable(item.key, 1_000)
            };
            if let Err(mut problem) = named {
                problem.what = format!("`{}`: {}", dotted(&here), problem.what);
                self.error(item.key_at, problem);
            }
            if let Some(table) = self.table_of(&item, &here, Shape::Table(inner)) {
                let place = self.lines.place(item.key_at);
                self.section(inner, &here, table, &place);
            }
        }
    }

    fn list(&mut self, inner: &'static Section, path: &Path, item: &Item<'_, '_>, shape: Shape) {
        let DeValue::Array(elements) = item.value else {
            self.wrong_type(item, path, shape);
            return;
        };
        for (index, element) in elements.iter().enumerate() {
            let element = Item {
                key: item.key,
                key_at: element.span().start,
                value: element.get_ref(),
                span: element.span(),
            };
            let Some(table) = self.table_of(&element, path, shape) else {
                continue;
            };
            let place = self.lines.place(element.span.start);
            let name = table.get("name").and_then(|n| n.get_ref().as_str());
            let mut here = join(path, name.unwrap_or(&(index + 1).to_string()));
            if let Some(first) = self.tree.entry(&here) {
                let problem = Problem::new(
                    Kind::Duplicate,
                    format!(
                        "`{}` is there twice, first at {}",
                        dotted(&here),
                        first.origin
                    ),
                )
                .expected("names that are unique in the context");
                self.found.push(problem.at(&place));
                // Its own mistakes are still worth telling; a second name keeps both apart.
                here = join(
                    path,
                    &format!("{} ({})", name.unwrap_or_default(), index + 1),
                );
            }
            self.section(inner, &here, table, &place);
        }
    }

    fn scalar(&mut self, shape: Shape, path: &Path, item: &Item<'_, '_>) {
        let origin = self.lines.place(item.key_at);
        let read = match (shape, item.value) {
            (Shape::Flag, DeValue::Boolean(flag)) => Ok(Setting::Flag(*flag)),
            (Shape::Count | Shape::Bytes | Shape::Number(_), DeValue::Integer(n)) => {
                value::from_text(shape, &n.to_string())
            }
            (Shape::Number(_), DeValue::Float(n)) => value::from_text(shape, &n.to_string()),
            (Shape::Words, DeValue::Array(elements)) => {
                self.words(path, elements, origin);
                return;
            }
            (Shape::Secret { .. }, DeValue::Table(table)) => {
                self.secret(path, item, table, origin);
                return;
            }
            (Shape::VersionMap, DeValue::Table(table)) => {
                self.version_map(path, item, table, origin);
                return;
            }
            (Shape::Flag | Shape::Count | Shape::Number(_), _) => {
                self.wrong_type(item, path, shape);
                return;
            }
            (Shape::Secret { public }, DeValue::String(text)) => {
                if text.is_empty() {
                    Err(Problem::new(Kind::BadValue, "the secret is empty")
                        .expected(value::A_SECRET))
                } else {
                    if !public {
                        let what = format!("`{}` is written into the file", dotted(path));
                        self.warn(
                            item.span.start,
                            Problem::new(Kind::Secret, what).expected(value::A_SECRET),
                        );
                    }
                    value::from_text(shape, text)
                }
            }
            (_, DeValue::String(text)) => value::from_text(shape, text),
            _ => {
                self.wrong_type(item, path, shape);
                return;
            }
        };
        match read {
            Ok(Setting::File(file)) => {
                let file = self.base.resolve(file);
                self.tree.set(path.clone(), Setting::File(file), origin);
            }
            Ok(setting) => {
                let parts = vec![self.lines.place(item.span.start)];
                self.tree.set_list(path.clone(), setting, origin, parts);
            }
            Err(mut problem) => {
                problem.what = format!("`{}`: {}", dotted(path), problem.what);
                if let ([_, context, list, _, key], DeValue::String(word)) =
                    (path.as_slice(), item.value)
                    && list == "sources"
                    && key == "kind"
                    && DeploymentKind::ALL.iter().any(|k| k.word() == word)
                {
                    problem = problem.meant(Some(format!("[[contexts.{context}.deployments]]")));
                }
                self.error(item.span.start, problem);
            }
        }
    }
}

/// The first table that does have the key, for one that was put elsewhere.
fn elsewhere(section: &'static Section, key: &str) -> Option<&'static Section> {
    section.rows().find_map(|row| match row.shape {
        Shape::Table(inner) | Shape::Named(inner) | Shape::List(inner) | Shape::Measures(inner) => {
            if inner.row(key).is_some() {
                Some(inner)
            } else {
                elsewhere(inner, key)
            }
        }
        _ => None,
    })
}

fn found_type(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// The name a file is reported by.
pub(super) fn shown_path(path: &FilePath) -> String {
    path.to_string_lossy().into_owned()
}
