//! Turns words into comparisons, refusing what the endpoint refuses and in its words.

use super::lex::{Word, words};
use super::{Clause, Dialect, Entity, Op, Value, Words};
use crate::sim::mlflow::error::Failure;

/// A comparison as written.
struct Written<'a> {
    left: &'a Word,
    op: &'a str,
    right: Option<&'a Word>,
}

/// Parses a filter by an endpoint's rules.
pub(crate) fn parse(filter: &str, dialect: &Dialect) -> Result<Vec<Clause>, Failure> {
    if filter.is_empty() {
        return Ok(Vec::new());
    }
    if filter.trim().is_empty() {
        return Err(Failure::invalid(format!(
            "Invalid filter '{filter}'. Could not be parsed."
        )));
    }
    let words = words(filter);
    let statements = words.split(|word| word.shown() == ";");
    if statements.filter(|words| !words.is_empty()).count() > 1 {
        let quote = if filter.contains('\'') { '"' } else { '\'' };
        return Err(Failure::invalid(format!(
            "Search filter contained multiple expression {quote}{filter}{quote}. Provide AND-ed \
             expression list."
        )));
    }
    let mut clauses = Vec::new();
    let mut strangers: Vec<&str> = Vec::new();
    let mut at = 0;
    while let Some(word) = words.get(at) {
        if let Some((written, taken)) = comparison(&words[at..]) {
            clauses.push(written);
            at += taken;
            continue;
        }
        if *word != Word::And {
            strangers.push(word.shown());
        }
        at += 1;
    }
    if !strangers.is_empty() {
        return Err(refused(dialect, &strangers));
    }
    clauses
        .iter()
        .map(|written| clause(written, dialect))
        .collect()
}

/// The comparison that words begin with, and how many words it takes.
fn comparison(words: &[Word]) -> Option<(Written<'_>, usize)> {
    let is = |word: Option<&Word>, keyword: &str| match word {
        Some(Word::Op(text)) => text.eq_ignore_ascii_case(keyword),
        _ => false,
    };
    let left = words.first()?;
    let named = matches!(left, Word::Name(_));
    let written = |op, right| Written { left, op, right };
    if named && is(words.get(1), "IS") {
        if is(words.get(2), "NULL") {
            return Some((written("IS NULL", None), 3));
        }
        if is(words.get(2), "NOT") && is(words.get(3), "NULL") {
            return Some((written("IS NOT NULL", None), 4));
        }
    }
    if named && is(words.get(1), "NOT") && is(words.get(2), "IN") {
        let list = words.get(3).filter(|word| matches!(word, Word::List(_)))?;
        return Some((written("NOT IN", Some(list)), 4));
    }
    let operand = |word: &&Word| {
        matches!(
            word,
            Word::Name(_) | Word::Number(_) | Word::Text(_) | Word::List(_) | Word::Sum(_)
        )
    };
    let Some(Word::Op(op)) = words.get(1) else {
        return None;
    };
    let keyword = ["IS", "NOT", "NULL", "BETWEEN"];
    if keyword
        .iter()
        .any(|keyword| op.eq_ignore_ascii_case(keyword))
    {
        return None;
    }
    let right = words.get(2).filter(operand)?;
    let list = matches!(right, Word::List(_)) && op.eq_ignore_ascii_case("IN");
    let plain = !matches!(right, Word::List(_)) && !op.eq_ignore_ascii_case("IN");
    let left_fits = operand(&left) && !matches!(left, Word::List(_));
    (left_fits && (list || plain)).then(|| (written(op, Some(right)), 3))
}

fn refused(dialect: &Dialect, clauses: &[&str]) -> Failure {
    let list: Vec<String> = clauses
        .iter()
        .map(|clause| {
            if dialect.words == Words::Runs {
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
    Some(match text.to_ascii_uppercase().as_str() {
        "=" => Op::Eq,
        "!=" => Op::Ne,
        ">" => Op::Gt,
        ">=" => Op::Ge,
        "<" => Op::Lt,
        "<=" => Op::Le,
        "LIKE" => Op::Like,
        "ILIKE" => Op::Ilike,
        "IN" => Op::In,
        "NOT IN" => Op::NotIn,
        "IS NULL" => Op::IsNull,
        "IS NOT NULL" => Op::IsNotNull,
        _ => return None,
    })
}

fn clause(written: &Written<'_>, dialect: &Dialect) -> Result<Clause, Failure> {
    let Word::Name(left) = written.left else {
        return Err(Failure::invalid(format!(
            "Invalid comparison clause. Expected 'Identifier' found '{}'",
            written.left.shown()
        )));
    };
    let null_test = matches!(written.op, "IS NULL" | "IS NOT NULL");
    if null_test && dialect.words == Words::Registry {
        // Two words where three are unpacked: nobody catches that.
        return Err(Failure::crash());
    }
    let (entity, key) = identifier(left, dialect.attributes, dialect)?;
    let numeric = entity == Entity::Metric
        || (entity == Entity::Attribute && dialect.numeric.contains(&key.as_str()));
    if null_test && !matches!(entity, Entity::Tag | Entity::Param) {
        return Err(Failure::invalid(if dialect.words == Words::Runs {
            format!(
                "IS NULL / IS NOT NULL is only supported for tags and params, not for '{}' '{key}'",
                entity_name(entity)
            )
        } else {
            format!("IS NULL / IS NOT NULL is only supported for tags, not for attribute '{key}'")
        }));
    }
    let value = value(entity, &key, numeric, written.right, dialect)?;
    let op = operator(written.op).filter(|op| match op {
        Op::IsNull | Op::IsNotNull => null_test,
        Op::In | Op::NotIn => matches!(value, Value::List(_)),
        Op::Like | Op::Ilike => {
            let upper = written.op.chars().all(char::is_uppercase);
            !numeric && (upper || dialect.words != Words::Experiments)
        }
        Op::Eq | Op::Ne => true,
        Op::Gt | Op::Ge | Op::Lt | Op::Le => numeric,
    });
    match op {
        Some(op) => Ok(Clause {
            entity,
            key,
            op,
            value,
        }),
        None => Err(Failure::invalid(bad_operator(
            written.op, entity, &key, numeric, dialect,
        ))),
    }
}

/// The sentence for an operator that does not fit; some of them lack their last quote.
fn bad_operator(op: &str, entity: Entity, key: &str, numeric: bool, dialect: &Dialect) -> String {
    const LISTS: &str = "{'!=', '=', 'LIKE', 'ILIKE', 'IN', 'NOT IN'}";
    const NULLS: &str = "{'!=', '=', 'LIKE', 'ILIKE', 'IS NULL', 'IS NOT NULL'}";
    match (dialect.words, entity) {
        (Words::Registry, Entity::Attribute) if numeric => {
            format!("Invalid comparator for attribute {key}: {op}")
        }
        (Words::Registry, Entity::Attribute) => format!("Invalid comparator for attribute: {op}"),
        (Words::Registry | Words::Experiments, Entity::Tag) => {
            format!("Invalid comparator for tag: {op}")
        }
        (_, Entity::Metric) => {
            format!("Invalid comparator '{op}' not one of '{{'>', '>=', '!=', '=', '<', '<='}}")
        }
        (_, Entity::Param) => format!("Invalid comparator '{op}' not one of '{NULLS}'"),
        (_, Entity::Tag) => format!("Invalid comparator '{op}' not one of '{NULLS}"),
        (_, Entity::Dataset) => format!("Invalid comparator '{op}' not one of '{LISTS}"),
        (_, Entity::Attribute) if numeric => {
            format!("Invalid comparator '{op}' not one of '{LISTS}")
        }
        (_, Entity::Attribute) => format!("Invalid comparator '{op}' not one of '{LISTS}'"),
    }
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
            // Everything but runs knows fewer spellings.
            let known = match dialect.words {
                Words::Experiments | Words::Registry => {
                    ["attribute", "tag", "tags"].contains(&prefix)
                }
                Words::Runs | Words::Logged => true,
            };
            let entity = match prefix.trim_matches('`') {
                _ if !known => None,
                "metric" | "metrics" => Some(Entity::Metric),
                "parameter" | "parameters" | "param" | "params" => Some(Entity::Param),
                "tag" | "tags" => Some(Entity::Tag),
                "attribute" | "attributes" | "attr" | "run" => Some(Entity::Attribute),
                "dataset" | "datasets" => Some(Entity::Dataset),
                _ => None,
            };
            match entity.filter(|entity| dialect.entities.contains(entity)) {
                Some(entity) => (entity, key),
                None if dialect.words == Words::Runs => {
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
    if numeric && entity == Entity::Attribute && dialect.words != Words::Runs {
        return whole_number(key, right, dialect);
    }
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
            Err(not_a_list(dialect))
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
            _ if matches!(dialect.words, Words::Runs | Words::Experiments) => {
                format!("Expected a quoted string value for attributes. Got value {shown}")
            }
            _ if dialect.numeric.contains(&"version_number")
                && matches!(right, Word::Number(_)) =>
            {
                "Only the '{'version_number', 'creation_timestamp', 'last_updated_timestamp'}' \
                 attributes support comparison with numeric values."
                    .to_owned()
            }
            _ => format!(
                "Expected a quoted string value or a list of quoted string values for attributes. \
                 Got value {shown}"
            ),
        })),
    }
}

/// A number where only whole ones are stored.
fn whole_number(key: &str, right: &Word, dialect: &Dialect) -> Result<Value, Failure> {
    let shown = right.shown();
    let registry = dialect.words == Words::Registry;
    match right {
        Word::List(_) if registry => Err(not_a_list(dialect)),
        Word::Number(_) | Word::Text(_) if registry || matches!(right, Word::Number(_)) => {
            let number: Result<i64, _> = shown.trim_matches('\'').parse();
            number
                .map(|number| Value::Number(number as f64))
                .map_err(|_| {
                    let quote = if registry { "" } else { "'" };
                    Failure::invalid(format!(
                        "Invalid value for numeric attribute '{key}': {quote}{shown}{quote}"
                    ))
                })
        }
        _ => Err(Failure::invalid(format!(
            "Expected numeric value type for numeric attribute: {key}. Found {shown}"
        ))),
    }
}

fn not_a_list(dialect: &Dialect) -> Failure {
    let known: Vec<String> = dialect.lists.iter().map(|key| format!("'{key}'")).collect();
    Failure::invalid(format!(
        "Only [{}] attributes support comparison with a list of quoted string values.",
        known.join(", ")
    ))
}

fn list(shown: &str) -> Result<Value, Failure> {
    let inside = shown.trim_start_matches('(').trim_end_matches(')');
    let words = words(inside);
    if words.iter().any(|word| matches!(word, Word::Number(_))) {
        let items: Vec<&str> = words
            .iter()
            .map(Word::shown)
            .filter(|word| *word != ",")
            .collect();
        return Err(Failure::invalid(format!(
            "While parsing a list in the query, expected string value, punctuation, or whitespace, \
             but got different type in list: ({})",
            items.join(", ")
        )));
    }
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
