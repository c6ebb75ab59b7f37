//! A call's arguments: the query of a GET, the JSON body of anything else.

use serde_json::{Map, Value};

use super::error::Failure;
use crate::sim::reply::{Reply, Request};

/// Arguments by name. A GET's are text, or lists of text when repeated.
#[derive(Debug)]
pub(crate) struct Args {
    values: Map<String, Value>,
    query: bool,
    method: String,
}

impl Args {
    /// Reads a request's arguments; an answer instead when its content type is refused.
    pub(crate) fn of(request: &Request) -> Result<Self, Reply> {
        if request.method == "GET" && !request.query.is_empty() {
            let mut values = Map::new();
            for (key, value) in &request.query {
                match values.get_mut(key) {
                    None => {
                        values.insert(key.clone(), Value::from(value.as_str()));
                    }
                    Some(Value::Array(list)) => list.push(Value::from(value.as_str())),
                    Some(single) => {
                        *single = Value::from(vec![single.take(), Value::from(value.as_str())]);
                    }
                }
            }
            return Ok(Self {
                values,
                query: true,
                method: request.method.to_string(),
            });
        }
        let kind = request.header("content-type");
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if request.method != "GET" && kind != "application/json" {
            let text = "Bad Request. Content-Type must be one of ['application/json'].";
            return Err(Failure::invalid(text).reply());
        }
        // A body that is no JSON object counts as an empty one.
        let values = match serde_json::from_slice(&request.body) {
            Ok(Value::Object(values)) => values,
            _ => Map::new(),
        };
        Ok(Self {
            values,
            query: false,
            method: request.method.to_string(),
        })
    }

    /// The request's method: an alias is read, set and deleted on one path.
    pub(crate) fn method(&self) -> &str {
        &self.method
    }

    /// A text, empty and null counting as absent.
    pub(crate) fn text(&self, name: &str) -> Result<Option<String>, Failure> {
        match self.single(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(other) => Err(Failure::value(name, other)),
        }
    }

    /// The name or the number of an enum's value; anything else counts as absent.
    pub(crate) fn word(&self, name: &str) -> Option<String> {
        match self.single(name)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// Whether the request names an argument at all.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    pub(crate) fn required(&self, name: &str) -> Result<String, Failure> {
        self.text(name)?.ok_or_else(|| Failure::required(name))
    }

    /// A run's id by its new or its old name.
    pub(crate) fn run_id(&self) -> Result<String, Failure> {
        match self.text("run_id")? {
            Some(id) => Ok(id),
            None => self
                .text("run_uuid")?
                .ok_or_else(|| Failure::required("run_id")),
        }
    }

    /// A whole number, also as text.
    pub(crate) fn int(&self, name: &str) -> Result<Option<i64>, Failure> {
        match self.single(name) {
            // A fraction or a flag fails to parse and is then forgotten.
            None | Some(Value::Null | Value::Bool(_)) => Ok(None),
            Some(Value::Number(number)) => Ok(number.as_i64()),
            Some(value @ Value::String(text)) => text
                .trim()
                .parse()
                .map(Some)
                .map_err(|_| Failure::value(name, value)),
            Some(other) => Err(Failure::value(name, other)),
        }
    }

    /// A whole number of at most `limit`.
    pub(crate) fn int_up_to(&self, name: &str, limit: i64) -> Result<Option<i64>, Failure> {
        match self.int(name)? {
            Some(number) if number > limit => Err(Failure::value(
                name,
                self.single(name).unwrap_or(&Value::Null),
            )),
            other => Ok(other),
        }
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        match self.single(name) {
            Some(Value::Bool(flag)) => *flag,
            Some(Value::String(text)) => text.eq_ignore_ascii_case("true"),
            _ => false,
        }
    }

    /// A list of texts and nothing else.
    pub(crate) fn texts(&self, name: &str) -> Result<Vec<String>, Failure> {
        if let Some(whole @ Value::Array(rows)) = self.values.get(name)
            && rows.iter().any(|row| !row.is_string())
        {
            return Err(Failure::value(name, whole));
        }
        self.list(name)
    }

    /// A list of texts or numbers; a single one counts as a list in a query only.
    pub(crate) fn list(&self, name: &str) -> Result<Vec<String>, Failure> {
        let wrong = |value: &Value| Failure::value(name, value);
        match self.values.get(name) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::String(text)) if self.query => Ok(vec![text.clone()]),
            Some(whole @ Value::Array(rows)) => rows
                .iter()
                .map(|row| match row {
                    Value::String(text) => Ok(text.clone()),
                    Value::Number(number) => Ok(number.to_string()),
                    _ => Err(wrong(whole)),
                })
                .collect(),
            Some(other) => Err(wrong(other)),
        }
    }

    /// All arguments as one row.
    pub(crate) fn whole(&self) -> Value {
        Value::Object(self.values.clone())
    }

    /// The raw rows of a list.
    pub(crate) fn rows(&self, name: &str) -> &[Value] {
        match self.values.get(name) {
            Some(Value::Array(rows)) => rows,
            _ => &[],
        }
    }

    fn single(&self, name: &str) -> Option<&Value> {
        match self.values.get(name) {
            Some(Value::Array(rows)) if self.query => rows.first(),
            other => other,
        }
    }
}
