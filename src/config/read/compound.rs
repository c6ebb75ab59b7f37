//! Values with a grammar of their own: key bindings, headers, lists, secrets, maps, tables by measure.

use std::path::PathBuf;

use toml::de::{DeArray, DeTable, DeValue};

use super::super::diagnostic::{Kind, Origin, Problem};
use super::super::table::{Bounds, Section, Shape};
use super::super::tree::{Path, Setting, dotted, join};
use super::super::value;
use super::{Item, Reader, found_type, items};
use crate::domain::near::nearest;
use crate::domain::settings::SecretRef;
use crate::domain::signal::{Measure, NameMap};
use crate::domain::text::Clean;

impl Reader<'_> {
    /// Key bindings: `"go.open" = "enter"`, or the same with a dotted key.
    pub(super) fn keys(&mut self, path: &Path, prefix: &str, table: &DeTable<'_>) {
        for item in items(table) {
            let id = if prefix.is_empty() {
                item.key.to_owned()
            } else {
                format!("{prefix}.{}", item.key)
            };
            let here = join(path, &id);
            if let Some(first) = self.tree.entry(&here) {
                let what = format!("`{id}` has keys twice, first at {}", first.origin);
                self.error(
                    item.key_at,
                    Problem::new(Kind::Duplicate, what).expected("one list of keys"),
                );
                continue;
            }
            match item.value {
                DeValue::Table(inner) => self.keys(path, &id, inner),
                DeValue::String(_) | DeValue::Array(_) => self.scalar(Shape::Words, &here, &item),
                _ => self.wrong_type(&item, &here, Shape::Words),
            }
        }
    }

    pub(super) fn headers(&mut self, path: &Path, table: &DeTable<'_>) {
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

    /// A list of texts; every element that is none is told.
    pub(super) fn words(&mut self, path: &Path, elements: &DeArray<'_>, origin: Origin) {
        let (mut words, mut parts) = (Vec::new(), Vec::new());
        for element in elements {
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

    pub(super) fn secret(
        &mut self,
        path: &Path,
        item: &Item<'_, '_>,
        table: &DeTable<'_>,
        origin: Origin,
    ) {
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

    /// Tables by measure.
    pub(super) fn measures(&mut self, inner: &'static Section, path: &Path, table: &DeTable<'_>) {
        for item in items(table) {
            let here = join(path, item.key);
            if Measure::from_word(item.key).is_none() {
                let what = format!(
                    "`{}` in `{}` is no measure",
                    Clean::limited(item.key, 80),
                    dotted(path)
                );
                let words = Measure::ALL.map(Measure::word);
                let mut problem = Problem::new(Kind::UnknownKey, what);
                match nearest(item.key, words) {
                    Some(near) => problem = problem.meant(Some(format!("`{near}`"))),
                    None => problem = problem.expected(format!("one of {}", words.join(", "))),
                }
                self.error(item.key_at, problem);
                continue;
            }
            if let Some(table) = self.table_of(&item, &here, Shape::Table(inner)) {
                let place = self.lines.place(item.key_at);
                self.section(inner, &here, table, &place);
            }
        }
    }

    /// Numbers by names of the user's choice.
    pub(super) fn numbers(&mut self, bounds: Bounds, path: &Path, table: &DeTable<'_>) {
        for item in items(table) {
            let here = join(path, item.key);
            match value::printable(item.key, 1_000) {
                Ok(_) => self.scalar(Shape::Number(bounds), &here, &item),
                Err(mut problem) => {
                    problem.what = format!("`{}`: {}", dotted(&here), problem.what);
                    self.error(item.key_at, problem);
                }
            }
        }
    }

    /// Names by name; `regex` is the expression for the rest.
    pub(super) fn name_map(&mut self, path: &Path, item: &Item<'_, '_>, table: &DeTable<'_>) {
        let origin = self.lines.place(item.key_at);
        let mut map = NameMap::default();
        for entry in items(table) {
            let here = join(path, entry.key);
            let DeValue::String(text) = entry.value else {
                self.wrong_type(&entry, &here, Shape::Text);
                continue;
            };
            let read = if entry.key == "regex" {
                value::name_regex(text).map(|regex| map.regex = Some(regex))
            } else {
                value::printable(text, 2_000).map(|to| map.table.push((entry.key.to_owned(), to)))
            };
            if let Err(mut problem) = read {
                problem.what = format!("`{}`: {}", dotted(&here), problem.what);
                self.error(entry.span.start, problem);
            }
        }
        self.tree.set(path.clone(), Setting::NameMap(map), origin);
    }

    pub(super) fn version_map(
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
