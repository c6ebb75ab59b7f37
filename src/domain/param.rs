//! Parameters of a pipeline, as its definition declares them. How a form of them is filled in and checked is
//! in `action::verbs::retrain_form`.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::model::Name;
use super::text::Clean;

/// A value that a definition names: sent as the server has it, and shown clean. A text of several lines
/// stays one, whatever a field of one line shows of it.
#[derive(Clone, PartialEq)]
pub struct ParamValue(Value);

impl ParamValue {
    /// Takes a value as the server says it.
    pub fn new(raw: Value) -> Self {
        Self(raw)
    }

    /// As the server says it: for requests and comparisons only.
    pub fn raw(&self) -> &Value {
        &self.0
    }

    /// With every text in it clean, for anything that shows it.
    pub fn clean(&self) -> Value {
        clean(&self.0)
    }
}

fn clean(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::from(Clean::text(text).as_str()),
        Value::Array(items) => items.iter().map(clean).collect(),
        Value::Object(fields) => {
            let fields = fields.iter();
            let fields = fields.map(|(key, value)| (Clean::name(key).to_string(), clean(value)));
            Value::Object(fields.collect())
        }
        other => other.clone(),
    }
}

impl fmt::Debug for ParamValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.clean())
    }
}

impl serde::Serialize for ParamValue {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.clean().serialize(serializer)
    }
}

/// What a parameter's value may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ParamKind {
    /// Text.
    Text,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// True or false.
    Flag,
    /// A list, written as JSON.
    List,
    /// An object, written as JSON.
    Object,
    /// Anything, written as JSON.
    Any,
}

/// What the text of a parameter must be, of the formats that JSON Schema names.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// A day: `2026-11-25`.
    Date,
    /// A moment with its offset: `2026-11-25T14:02:00Z`.
    DateTime,
}

/// One parameter of a pipeline.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
pub struct Param {
    /// Its name.
    pub name: Name,
    /// What its value may be.
    pub kind: ParamKind,
    /// Whether it may be null.
    pub nullable: bool,
    /// The value that it has when nobody says; `None` where somebody must.
    pub default: Option<ParamValue>,
    /// The only values, where they are listed.
    pub choices: Arc<[ParamValue]>,
    /// The least number or length.
    pub least: Option<f64>,
    /// The most.
    pub most: Option<f64>,
    /// Whether the bounds themselves are outside.
    pub exclusive: (bool, bool),
    /// The regular expression that text must match: the server checks it.
    pub pattern: Option<Clean>,
    /// What text must be.
    pub format: Option<Format>,
    /// What it is for.
    pub description: Clean,
}
