//! The parameters of a definition: JSON Schema as Airflow writes it, as far as a form can ask for it.
//! The server checks the rest when a run is asked for. Pure.

use serde_json::Value;

use crate::domain::model::Name;
use crate::domain::param::{Format, Param, ParamKind, ParamValue};
use crate::domain::text::{Clean, without_credentials};

/// The most values that a list of choices may have.
const MOST_CHOICES: usize = 200;

/// The parameters in the order of the definition.
pub(super) fn params(rows: &[(String, Value)]) -> Vec<Param> {
    rows.iter().map(|(name, row)| param(name, row)).collect()
}

fn param(name: &str, row: &Value) -> Param {
    let empty = Value::Null;
    let schema = row.get("schema").unwrap_or(&empty);
    let (kind, nullable) = kind(schema, row.get("value"));
    let number = |key: &str| schema.get(key).and_then(Value::as_f64);
    let (low, high) = match kind {
        ParamKind::Text => ("minLength", "maxLength"),
        ParamKind::List => ("minItems", "maxItems"),
        _ => ("minimum", "maximum"),
    };
    // Draft 4 has flags beside the bounds, later ones have bounds of their own.
    let flag = |key: &str| schema.get(key).and_then(Value::as_bool).unwrap_or(false);
    let (over, under) = (number("exclusiveMinimum"), number("exclusiveMaximum"));
    let choices = match schema.get("enum") {
        Some(Value::Array(values)) => values
            .iter()
            .take(MOST_CHOICES)
            .cloned()
            .map(ParamValue::new)
            .collect(),
        _ => schema
            .get("const")
            .map(|only| vec![ParamValue::new(only.clone())])
            .unwrap_or_default(),
    };
    let description = row.get("description").and_then(Value::as_str);
    let description = description.or_else(|| schema.get("description").and_then(Value::as_str));
    Param {
        name: Name::new(name),
        kind,
        nullable,
        // A value of null is none, unless null is a value.
        default: row
            .get("value")
            .filter(|value| nullable || !value.is_null())
            .cloned()
            .map(ParamValue::new),
        choices: choices.into(),
        least: over.or_else(|| number(low)),
        most: under.or_else(|| number(high)),
        exclusive: (
            over.is_some() || flag("exclusiveMinimum"),
            under.is_some() || flag("exclusiveMaximum"),
        ),
        pattern: schema
            .get("pattern")
            .and_then(Value::as_str)
            .map(Clean::text),
        format: match schema.get("format").and_then(Value::as_str) {
            Some("date") => Some(Format::Date),
            Some("date-time") => Some(Format::DateTime),
            _ => None,
        },
        description: Clean::text(&without_credentials(description.unwrap_or_default())),
    }
}

/// The kind, and whether null is among the types. Without a type the default's own is taken.
fn kind(schema: &Value, value: Option<&Value>) -> (ParamKind, bool) {
    let types: Vec<&str> = match schema.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let nullable = types.contains(&"null");
    let mut named = types.iter().filter(|t| **t != "null");
    let kind = match (named.next(), named.next()) {
        (Some(only), None) => match *only {
            "string" => ParamKind::Text,
            "integer" => ParamKind::Integer,
            "number" => ParamKind::Number,
            "boolean" => ParamKind::Flag,
            "array" => ParamKind::List,
            "object" => ParamKind::Object,
            _ => ParamKind::Any,
        },
        (None, _) => match value {
            Some(Value::String(_)) => ParamKind::Text,
            Some(Value::Bool(_)) => ParamKind::Flag,
            Some(Value::Number(n)) if n.is_f64() => ParamKind::Number,
            Some(Value::Number(_)) => ParamKind::Integer,
            Some(Value::Array(_)) => ParamKind::List,
            Some(Value::Object(_)) => ParamKind::Object,
            _ => ParamKind::Any,
        },
        _ => ParamKind::Any,
    };
    (
        kind,
        nullable || (types.is_empty() && kind == ParamKind::Any),
    )
}
