//! Conditions on the labels of alerts, as Alertmanager writes and reads them.

use serde::{Deserialize, Serialize};

use crate::domain::key::Key;
use crate::domain::text::Clean;

/// A condition on an alert's label.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Matcher {
    /// The label.
    pub name: Key,
    /// The value, or the pattern.
    pub value: Key,
    /// Whether `value` is a regular expression.
    pub regex: bool,
    /// Whether it must match, and not must not.
    pub equal: bool,
}

impl Matcher {
    /// `model="churn"`, as Prometheus writes it.
    pub fn text(&self) -> Clean {
        let sign = match (self.equal, self.regex) {
            (true, false) => "=",
            (false, false) => "!=",
            (true, true) => "=~",
            (false, true) => "!~",
        };
        let value = self.value.clean();
        let value = value.as_str().replace('\\', r"\\").replace('"', r#"\""#);
        Clean::text(&format!("{}{sign}\"{value}\"", self.name.clean()))
    }

    /// Reads a matcher in Alertmanager's way; quotes around the value may be left out. Inside quotes `\"`
    /// and `\\` stand for the second character; any other backslash is meant.
    ///
    /// # Errors
    /// With how one is written.
    pub fn read(text: &str) -> Result<Self, String> {
        let hint = || format!("`{text}` is no matcher: write label=value, !=, =~ or !~");
        let at = text.find(['=', '!']).ok_or_else(hint)?;
        let (name, rest) = text.split_at(at);
        let (equal, regex, value) = if let Some(value) = rest.strip_prefix("=~") {
            (true, true, value)
        } else if let Some(value) = rest.strip_prefix("!~") {
            (false, true, value)
        } else if let Some(value) = rest.strip_prefix("!=") {
            (false, false, value)
        } else if let Some(value) = rest.strip_prefix('=') {
            (true, false, value)
        } else {
            return Err(hint());
        };
        let name = name.trim();
        if name.is_empty() {
            return Err(hint());
        }
        let value = value.trim();
        let bare = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
        Ok(Self {
            name: Key::new(name),
            value: Key::new(&bare.map_or_else(|| value.to_owned(), unescaped)),
            regex,
            equal,
        })
    }

    /// Reads several, with commas between them; one inside quotes belongs to the value.
    ///
    /// # Errors
    /// As [`Matcher::read`] of the first that is none.
    pub fn read_all(text: &str) -> Result<Vec<Self>, String> {
        let (mut quoted, mut escaped) = (false, false);
        let parts = text.split(|c: char| {
            quoted ^= c == '"' && !escaped;
            escaped = quoted && c == '\\' && !escaped;
            c == ',' && !quoted
        });
        let parts: Vec<&str> = parts
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .collect();
        parts.into_iter().map(Self::read).collect()
    }
}

/// What stands between quotes, without its escapes.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let next = chars.next_if(|next| c == '\\' && matches!(next, '"' | '\\'));
        plain.push(next.unwrap_or(c));
    }
    plain
}
