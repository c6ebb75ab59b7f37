//! One settings file: TOML with the place of every value, held against the table.

use std::ops::Range;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use toml::de::{DeArray, DeTable, DeValue};

use super::diagnostic::{Diagnostic, Kind, Origin, Problem};
use super::near::nearest;
use super::table::{ROOT, Section, Shape};
use super::tree::{Path, Setting, Tree, dotted, join};
use super::value;
use crate::domain::key::DeploymentKind;
use crate::domain::settings::SecretRef;
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

    fn wrong_type(&mut self, item: &Item<'_, '_>, path: &[String], shape: Shape) {
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
        path: &[String],
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

    fn unknown_key(&mut self, section: &'static Section, path: &[String], item: &Item<'_, '_>) {
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
            if let Err(problem) = value::name(item.key) {
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

    /// Key bindings: `"models.open" = "enter"`, or the same with a dotted key.
    fn keys(&mut self, path: &Path, prefix: &str, table: &DeTable<'_>) {
        for item in items(table) {
            let id = if prefix.is_empty() {
                item.key.to_owned()
            } else {
                format!("{prefix}.{}", item.key)
            };
            let here = join(path, &id);
            match item.value {
                DeValue::Table(inner) => self.keys(path, &id, inner),
                DeValue::String(_) | DeValue::Array(_) => self.scalar(Shape::Words, &here, &item),
                _ => self.wrong_type(&item, &here, Shape::Words),
            }
        }
    }

    fn headers(&mut self, path: &Path, table: &DeTable<'_>) {
        for item in items(table) {
            let here = join(path, item.key);
            let lower = item.key.to_ascii_lowercase();
            let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
            if item.key.is_empty() || !item.key.bytes().all(token) {
                let what = format!("\"{}\" is no header name", Clean::limited(item.key, 80));
                self.error(
                    item.key_at,
                    Problem::new(Kind::BadValue, what).expected("letters, digits and hyphens"),
                );
            } else if ["authorization", "proxy-authorization", "cookie"].contains(&lower.as_str()) {
                let what = format!("the header `{}` carries credentials", item.key);
                self.error(
                    item.key_at,
                    Problem::new(Kind::BadValue, what).expected("them in `auth`"),
                );
            } else if lower == "host" {
                let what = "the header `Host` is set by `host_header`";
                self.error(
                    item.key_at,
                    Problem::new(Kind::BadValue, what).meant(Some("`host_header`".to_owned())),
                );
            } else if ["token", "secret", "key", "auth", "password"]
                .iter()
                .any(|w| lower.contains(w))
            {
                let what = format!(
                    "the header `{}` looks like a secret written into the file",
                    item.key
                );
                self.warn(
                    item.key_at,
                    Problem::new(Kind::Secret, what)
                        .expected("credentials in `auth`, and no one else able to read this file"),
                );
            }
            self.scalar(Shape::Headers, &here, &item);
        }
    }

    fn scalar(&mut self, shape: Shape, path: &Path, item: &Item<'_, '_>) {
        let origin = self.lines.place(item.key_at);
        let read = match (shape, item.value) {
            (Shape::Flag, DeValue::Boolean(flag)) => Ok(Setting::Flag(*flag)),
            (Shape::Count | Shape::Bytes, DeValue::Integer(n)) => {
                value::from_text(shape, &n.to_string())
            }
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
            (Shape::Flag | Shape::Count, _) => {
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

    /// A list of texts; every element that is none is told.
    fn words(&mut self, path: &Path, elements: &DeArray<'_>, origin: Origin) {
        let (mut words, mut parts) = (Vec::new(), Vec::new());
        for element in elements.iter() {
            let at = element.span().start;
            match element.get_ref() {
                DeValue::String(text) => match value::printable(text, 2_000) {
                    Ok(text) => {
                        words.push(text);
                        parts.push(self.lines.place(at));
                    }
                    Err(mut problem) => {
                        problem.what = format!("`{}`: {}", dotted(path), problem.what);
                        self.error(at, problem);
                    }
                },
                other => {
                    let what = format!("an element of `{}` is {}", dotted(path), found_type(other));
                    self.error(at, Problem::new(Kind::WrongType, what).expected("text"));
                }
            }
        }
        self.tree
            .set_list(path.clone(), Setting::Words(words), origin, parts);
    }

    fn secret(&mut self, path: &Path, item: &Item<'_, '_>, table: &DeTable<'_>, origin: Origin) {
        let expected = |what: String| Problem::new(Kind::BadValue, what).expected(value::A_SECRET);
        let entries = items(table);
        let [entry] = entries.as_slice() else {
            let what = match entries.len() {
                0 => format!("`{}` does not say where the secret is", dotted(path)),
                n => format!("`{}` names {n} places for one secret", dotted(path)),
            };
            self.error(item.span.start, expected(what));
            return;
        };
        let at = entry.span.start;
        let secret = match (entry.key, entry.value) {
            ("env", DeValue::String(name)) if is_variable(name) => SecretRef::Env(name.to_string()),
            ("env", DeValue::String(_)) => {
                // Not repeated: it may be the secret itself.
                let what = format!("`{}.env` is no variable's name", dotted(path));
                self.error(at, expected(what));
                return;
            }
            ("file", DeValue::String(file)) if !file.is_empty() => {
                SecretRef::File(self.base.resolve(PathBuf::from(file.as_ref())))
            }
            ("command", DeValue::Array(words)) if !words.is_empty() => {
                let argv: Option<Vec<String>> = words
                    .iter()
                    .map(|w| w.get_ref().as_str().map(str::to_owned))
                    .collect();
                match argv {
                    Some(argv) if !argv[0].is_empty() => SecretRef::Command(argv),
                    _ => {
                        let what =
                            format!("`{}.command` is no program with arguments", dotted(path));
                        self.error(at, expected(what));
                        return;
                    }
                }
            }
            ("env" | "file" | "command", value) => {
                let what = format!("`{}.{}` is {}", dotted(path), entry.key, found_type(value));
                self.error(
                    at,
                    Problem {
                        kind: Kind::WrongType,
                        ..expected(what)
                    },
                );
                return;
            }
            (key, _) => {
                let what = format!(
                    "unknown key `{}` in `{}`",
                    Clean::limited(key, 80),
                    dotted(path)
                );
                let near = nearest(key, ["env", "file", "command"]).map(|n| format!("`{n}`"));
                self.error(
                    entry.key_at,
                    Problem {
                        kind: Kind::UnknownKey,
                        ..expected(what).meant(near)
                    },
                );
                return;
            }
        };
        self.tree.set(path.clone(), Setting::Secret(secret), origin);
    }

    fn version_map(
        &mut self,
        path: &Path,
        item: &Item<'_, '_>,
        table: &DeTable<'_>,
        origin: Origin,
    ) {
        let entries = items(table);
        let [
            Item {
                key: "regex",
                value: DeValue::String(text),
                span,
                ..
            },
        ] = entries.as_slice()
        else {
            self.wrong_type(item, path, Shape::VersionMap);
            return;
        };
        match value::regex(text) {
            Ok(map) => self
                .tree
                .set(path.clone(), Setting::VersionMap(map), origin),
            Err(mut problem) => {
                problem.what = format!("`{}`: {}", dotted(path), problem.what);
                self.error(span.start, problem);
            }
        }
    }
}

fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// The first table that does have the key, for one that was put elsewhere.
fn elsewhere(section: &'static Section, key: &str) -> Option<&'static Section> {
    section.rows().find_map(|row| match row.shape {
        Shape::Table(inner) | Shape::Named(inner) | Shape::List(inner) => {
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
