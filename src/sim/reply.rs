//! One request and one answer as the simulated servers see them, before and after HTTP.

use std::time::Duration;

use axum::http::{HeaderMap, Method};
use serde_json::{Map, Value};

/// A request, read whole.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    /// Percent-decoded path.
    pub(crate) path: String,
    /// Percent-decoded query pairs, in order.
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// The same request once more.
    pub(crate) fn again(&self) -> Self {
        Self {
            method: self.method.clone(),
            path: self.path.clone(),
            query: self.query.clone(),
            headers: self.headers.clone(),
            body: self.body.clone(),
        }
    }

    /// A header's text, empty when absent or not text.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// The first query value of a name.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// Splits and decodes a raw query string.
pub(crate) fn parse_query(raw: &str) -> Vec<(String, String)> {
    raw.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key, true), decode(value, true))
        })
        .collect()
}

/// Percent-decoding; `plus` turns `+` into a space, as in a query. Broken escapes stay as they are.
pub(crate) fn decode(raw: &str, plus: bool) -> String {
    let bytes = raw.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = (bytes[at] == b'%')
            .then(|| raw.get(at + 1..at + 3))
            .flatten()
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (escape, bytes[at]) {
            (Some(byte), _) => {
                out.push(byte);
                at += 3;
                continue;
            }
            (None, b'+') if plus => out.push(b' '),
            (None, byte) => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// What a server answers, while it can still be changed by a fault.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Body,
    /// How long the server takes before it answers.
    pub(crate) delay: Duration,
    /// How long more of the fleet's own time, where that passes by itself.
    pub(crate) hold: Duration,
}

/// The answer's content.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    /// JSON, in the style of the server's language.
    Json { value: Value, style: Style },
    /// Anything else, with its content type among the headers.
    Bytes(Vec<u8>),
}

/// How a server's language writes JSON.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Style {
    /// On one line, ASCII.
    Python,
    /// Indented, ASCII, as `MLflow` writes it.
    Pretty,
    /// On one line, UTF-8.
    Go,
}

impl Reply {
    pub(crate) fn json(status: u16, value: Value) -> Self {
        Self::of(
            status,
            "application/json",
            Body::Json {
                value,
                style: Style::Python,
            },
        )
    }

    /// As servers written in Go answer.
    pub(crate) fn go(status: u16, value: Value) -> Self {
        Self::of(
            status,
            "application/json",
            Body::Json {
                value,
                style: Style::Go,
            },
        )
    }

    pub(crate) fn pretty(status: u16, value: Value) -> Self {
        Self::of(
            status,
            "application/json",
            Body::Json {
                value,
                style: Style::Pretty,
            },
        )
    }

    pub(crate) fn text(status: u16, text: impl Into<String>) -> Self {
        Self::bytes(
            status,
            "text/plain; charset=utf-8",
            text.into().into_bytes(),
        )
    }

    pub(crate) fn html(status: u16, text: impl Into<String>) -> Self {
        Self::bytes(status, "text/html; charset=utf-8", text.into().into_bytes())
    }

    pub(crate) fn bytes(status: u16, content_type: &str, bytes: Vec<u8>) -> Self {
        Self::of(status, content_type, Body::Bytes(bytes))
    }

    /// An answer without body or content type.
    pub(crate) fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Body::Bytes(Vec::new()),
            delay: Duration::ZERO,
            hold: Duration::ZERO,
        }
    }

    fn of(status: u16, content_type: &str, body: Body) -> Self {
        Self {
            status,
            headers: vec![("content-type", content_type.to_owned())],
            body,
            delay: Duration::ZERO,
            hold: Duration::ZERO,
        }
    }

    pub(crate) fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.into()));
        self
    }

    /// The body's bytes.
    pub(crate) fn render(&self) -> Vec<u8> {
        match &self.body {
            Body::Bytes(bytes) => bytes.clone(),
            Body::Json { value, style } => {
                let text = match style {
                    Style::Pretty => serde_json::to_string_pretty(value),
                    Style::Python | Style::Go => serde_json::to_string(value),
                };
                let text = text.unwrap_or_default();
                match style {
                    Style::Go => text.into_bytes(),
                    Style::Python | Style::Pretty => escape_non_ascii(&text).into_bytes(),
                }
            }
        }
    }
}

/// Python's `json.dumps` writes ASCII: everything else as `\u` escapes, in UTF-16.
fn escape_non_ascii(text: &str) -> String {
    use std::fmt::Write as _;
    if text.is_ascii() {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() * 2);
    for c in text.chars() {
        if c.is_ascii() {
            out.push(c);
        } else {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    out
}

/// A JSON object whose unset fields are left out, as protobuf's JSON does: no empty list, no
/// empty string, no null.
#[derive(Debug, Default)]
pub(crate) struct Fields(Map<String, Value>);

impl Fields {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// A field that is present whatever its value.
    pub(crate) fn put(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.0.insert(key.to_owned(), value.into());
        self
    }

    /// A field that is left out when there is nothing to say.
    pub(crate) fn some(self, key: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.put(key, value),
            None => self,
        }
    }

    /// A list that is left out when empty.
    pub(crate) fn list(self, key: &str, rows: Vec<Value>) -> Self {
        if rows.is_empty() {
            self
        } else {
            self.put(key, rows)
        }
    }

    pub(crate) fn done(self) -> Value {
        Value::Object(self.0)
    }
}
