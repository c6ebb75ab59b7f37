//! Turns words into comparisons, refusing what the endpoint refuses and in its words.

use super::lex::{Word, words};
use super::{Clause, Dialect, Entity, Op, Value};
use crate::sim::mlflow::error::Failure;

/// Parses a filter by an endpoint's rules.
pub(crate) fn parse(filter: &str, dialect: &Dialect) -> Result<Vec<Clause>, Failure> {
    if filter.trim().is_empty() {
        return Ok(Vec::new());
    }
    let Some(words) = words(filter) else {
        return Err(refused(dialect, &[filter.trim()]));
    };
    let mut clauses = Vec::new();
    let mut strangers: Vec<&str> = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let rest = &words[at..];
        match rest {
            [Word::And, ..] => at += 1,
            [left @ Word::Name(_), Word::Op(is), Word::Op(null), ..]
                if is == "IS" && null == "NULL" =>
            {
                clauses.push((left, Op::IsNull, None));
                at += 3;
            }
            [
                left @ Word::Name(_),
                Word::Op(is),
                Word::Op(not),
                Word::Op(null),
                ..,
            ] if is == "IS" && not == "NOT" && null == "NULL" => {
                clauses.push((left, Op::IsNotNull, None));
                at += 4;
            }
            [
                left @ Word::Name(_),
                Word::Op(not),
                Word::Op(within),
                list @ Word::List(_),
                ..,
            ] if not == "NOT" && within == "IN" => {
                clauses.push((left, Op::NotIn, Some(list)));
                at += 4;
            }
            [
                left @ (Word::Name(_) | Word::Number(_) | Word::Text(_)),
                Word::Op(op),
                right @ (Word::Name(_) | Word::Number(_) | Word::Text(_) | Word::List(_)),
                ..,
            ] if operator(op).is_some() => {
                if !matches!(left, Word::Name(_)) {
                    return Err(Failure::invalid(format!(
                        "Invalid comparison clause. Expected 'Identifier' found '{}'",
                        left.shown()
                    )));
                }
                clauses.push((left, operator(op).unwrap_or(Op::Eq), Some(right)));
                at += 3;
            }
            [stranger, ..] => {
                strangers.push(stranger.shown());
                at += 1;
            }
            [] => break,
        }
    }
    if !strangers.is_empty() {
        return Err(refused(dialect, &strangers));
    }
    clauses
        .into_iter()
        .map(|(left, op, right)| clause(left.shown(), op, right, dialect))
        .collect()
}

fn refused(dialect: &Dialect, clauses: &[&str]) -> Failure {
    let list: Vec<String> = clauses
        .iter()
        .map(|clause| {
            if dialect.quoted {
                format!("'{clause}'")
            } else {
                (*clause).to_owned()
            }
        })
        .collect();
    Failure::invalid(format!(
        "Invalid clause(s) in filter string: {}",
        list.join(", ")
    ))
}

fn operator(text: &str) -> Option<Op> {
    Some(match text {
        "=" => Op::Eq,
        "!=" | "<>" => Op::Ne,
        ">" => Op::Gt,
        ">=" => Op::Ge,
        "<" => Op::Lt,
        "<=" => Op::Le,
        "LIKE" => Op::Like,
        "ILIKE" => Op::Ilike,
        "IN" => Op::In,
        _ => return None,
    })
}

fn operator_text(op: Op) -> &'static str {
    match op {
        Op::Eq => "=",
        Op::Ne => "!=",
        Op::Gt => ">",
        Op::Ge => ">=",
        Op::Lt => "<",
        Op::Le => "<=",
        Op::Like => "LIKE",
        Op::Ilike => "ILIKE",
        Op::In => "IN",
        Op::NotIn => "NOT IN",
        Op::IsNull => "IS NULL",
        Op::IsNotNull => "IS NOT NULL",
    }
}

fn clause(left: &str, op: Op, right: Option<&Word>, dialect: &Dialect) -> Result<Clause, Failure> {
    let (entity, key) = identifier(left, dialect.attributes, dialect)?;
    if let Op::IsNull | Op::IsNotNull = op {
        let known = dialect.null_tests && matches!(entity, Entity::Tag | Entity::Param);
        return if known {
            Ok(Clause {
                entity,
                key,
                op,
                value: Value::Nothing,
            })
        } else if dialect.quoted {
            Err(Failure::invalid(format!(
                "IS NULL / IS NOT NULL is only supported for tags and params, not for '{}' '{key}'",
                entity_name(entity)
            )))
        } else {
            Err(Failure::invalid(format!(
                "IS NULL / IS NOT NULL is only supported for tags, not for attribute '{key}'"
            )))
        };
    }
    let numeric = entity == Entity::Metric
        || (entity == Entity::Attribute && dialect.numeric.contains(&key.as_str()));
    let value = value(entity, &key, numeric, right, dialect)?;
    let ordering = matches!(op, Op::Gt | Op::Ge | Op::Lt | Op::Le);
    let pattern = matches!(op, Op::Like | Op::Ilike);
    let list = matches!(op, Op::In | Op::NotIn);
    let allowed = match (&value, numeric) {
        (_, true) => !pattern && !list,
        (Value::List(_), false) => list,
        (_, false) => !ordering && !list,
    };
    if !allowed {
        let known = if numeric {
            "{'>', '>=', '!=', '=', '<', '<='}"
        } else {
            "{'!=', '=', 'LIKE', 'ILIKE'}"
        };
        return Err(Failure::invalid(format!(
            "Invalid comparator '{}' not one of '{known}",
            operator_text(op)
        )));
    }
    Ok(Clause {
        entity,
        key,
        op,
        value,
    })
}

fn entity_name(entity: Entity) -> &'static str {
    match entity {
        Entity::Metric => "metric",
        Entity::Param => "parameter",
        Entity::Tag => "tag",
        Entity::Attribute => "attribute",
        Entity::Dataset => "dataset",
    }
}

/// Reads `entity.key`, a bare key being an attribute.
pub(super) fn identifier(
    text: &str,
    attributes: &[&str],
    dialect: &Dialect,
) -> Result<(Entity, String), Failure> {
    let (entity, key) = match text.split_once('.') {
        None => (Entity::Attribute, text),
        Some((prefix, key)) => {
            let entity = match prefix.trim_matches('`') {
                "metric" | "metrics" => Some(Entity::Metric),
                "parameter" | "parameters" | "param" | "params" => Some(Entity::Param),
                "tag" | "tags" => Some(Entity::Tag),
                "attribute" | "attributes" | "attr" | "run" => Some(Entity::Attribute),
                "dataset" | "datasets" => Some(Entity::Dataset),
                _ => None,
            };
            match entity.filter(|entity| dialect.entities.contains(entity)) {
                Some(entity) => (entity, key),
                None if dialect.quoted => {
                    return Err(Failure::invalid(format!(
                        "Invalid entity type '{prefix}'. Valid values are ['metric', 'parameter', \
                         'tag', 'attribute', 'dataset']"
                    )));
                }
                None => {
                    return Err(Failure::invalid(format!(
                        "Invalid entity type '{prefix}'. Valid entity types are ('attribute', \
                         'tag', 'tags')"
                    )));
                }
            }
        }
    };
    let key = unquoted(key).unwrap_or(key).trim_matches('`');
    let wrong = |kind: &str, valid: &[&str]| {
        let valid: Vec<String> = valid.iter().map(|key| format!("'{key}'")).collect();
        Err(Failure::invalid(format!(
            "Invalid {kind} key '{key}' specified. Valid keys are '{{{}}}'",
            valid.join(", ")
        )))
    };
    match entity {
        Entity::Attribute if !attributes.contains(&key) => wrong("attribute", attributes),
        Entity::Dataset if !["name", "digest", "context"].contains(&key) => {
            wrong("dataset", &["name", "digest", "context"])
        }
        _ => Ok((entity, key.to_owned())),
    }
}

/// The text inside single or double quotes.
fn unquoted(text: &str) -> Option<&str> {
    ['\'', '"'].iter().find_map(|quote| {
        text.strip_prefix(*quote)
            .and_then(|rest| rest.strip_suffix(*quote))
    })
}

fn value(
    entity: Entity,
    key: &str,
    numeric: bool,
    right: Option<&Word>,
    dialect: &Dialect,
) -> Result<Value, Failure> {
    let Some(right) = right else {
        return Ok(Value::Nothing);
    };
    let shown = right.shown();
    if numeric {
        return match right {
            Word::Number(text) => text.parse().map(Value::Number).map_err(|_| {
                Failure::invalid(format!(
                    "Expected numeric value type for metric. Found {shown}"
                ))
            }),
            _ if entity == Entity::Metric => Err(Failure::invalid(format!(
                "Expected numeric value type for metric. Found {shown}"
            ))),
            _ => Err(Failure::invalid(format!(
                "Expected numeric value type for numeric attribute: {key}. Found {shown}"
            ))),
        };
    }
    match right {
        Word::Text(_) | Word::Name(_) => unquoted(shown)
            .map(|text| Value::Text(text.replace("''", "'")))
            .ok_or_else(|| {
                Failure::invalid(format!(
                    "Parameter value is either not quoted or unidentified quote types used for \
                     string value {shown}. Use either single or double quotes."
                ))
            }),
        Word::List(_) if entity == Entity::Attribute && !dialect.lists.contains(&key) => {
            let known: Vec<String> = dialect.lists.iter().map(|key| format!("'{key}'")).collect();
            Err(Failure::invalid(format!(
                "Only [{}] attributes support comparison with a list of quoted string values.",
                known.join(", ")
            )))
        }
        Word::List(_) if matches!(entity, Entity::Attribute | Entity::Dataset) => list(shown),
        _ => Err(Failure::invalid(match entity {
            Entity::Param | Entity::Tag => format!(
                "Expected a quoted string value for {} (e.g. 'my-value'). Got value {shown}",
                entity_name(entity)
            ),
            Entity::Dataset => {
                format!("Expected a quoted string value for dataset attributes. Got value {shown}")
            }
            _ if dialect.quoted => {
                format!("Expected a quoted string value for attributes. Got value {shown}")
            }
            _ => format!(
                "Expected a quoted string value or a list of quoted string values for attributes. \
                 Got value {shown}"
            ),
        })),
    }
}

fn list(shown: &str) -> Result<Value, Failure> {
    let inside = shown.trim_start_matches('(').trim_end_matches(')');
    let words = words(inside).unwrap_or_default();
    let mut items = Vec::new();
    for word in words {
        match (&word, unquoted(word.shown())) {
            (Word::Text(_) | Word::Name(_), Some(text)) => items.push(text.to_owned()),
            (Word::Other(comma), _) if comma == "," => {}
            _ => {
                return Err(Failure::invalid(
                    "While parsing a list in the query, expected a non-empty list of string \
                     values, but got ill-formed list.",
                ));
            }
        }
    }
    if items.is_empty() {
        return Err(Failure::invalid(
            "While parsing a list in the query, expected a non-empty list of string values, but \
             got empty list",
        ));
    }
    Ok(Value::List(items))
}
