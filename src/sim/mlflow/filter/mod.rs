//! The search grammar: comparisons joined by AND, with each endpoint's own rules and messages.

mod lex;
mod order;
mod parse;

use std::borrow::Cow;

pub(crate) use self::order::order_by;
pub(crate) use self::parse::parse;

/// What a comparison looks at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Entity {
    Metric,
    Param,
    Tag,
    Attribute,
    Dataset,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Op {
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
    Like,
    Ilike,
    In,
    NotIn,
    IsNull,
    IsNotNull,
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Value {
    Text(String),
    Number(f64),
    List(Vec<String>),
    Nothing,
}

/// One comparison.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Clause {
    pub(crate) entity: Entity,
    pub(crate) key: String,
    pub(crate) op: Op,
    pub(crate) value: Value,
}

/// The searches' families of sentences and small differences.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Words {
    Runs,
    Experiments,
    Registry,
    Logged,
}

/// The rules of one search.
#[derive(Debug)]
pub(crate) struct Dialect {
    pub(crate) entities: &'static [Entity],
    /// Attributes that can be filtered by.
    pub(crate) attributes: &'static [&'static str],
    /// Those of them (and of the order keys) that are numbers.
    pub(crate) numeric: &'static [&'static str],
    /// Attributes that take a list.
    pub(crate) lists: &'static [&'static str],
    /// Attributes that can be ordered by.
    pub(crate) order: &'static [&'static str],
    /// Whose sentences refuse what is wrong.
    pub(crate) words: Words,
}

pub(crate) const RUNS: Dialect = Dialect {
    entities: &[
        Entity::Metric,
        Entity::Param,
        Entity::Tag,
        Entity::Attribute,
        Entity::Dataset,
    ],
    attributes: &[
        "run_id",
        "run_name",
        "user_id",
        "status",
        "start_time",
        "end_time",
        "artifact_uri",
        "created",
        "Created",
        "run name",
        "Run name",
        "Run Name",
    ],
    numeric: &["start_time", "end_time", "created", "Created"],
    lists: &["run_id"],
    order: &[
        "run_id",
        "run_name",
        "user_id",
        "status",
        "start_time",
        "end_time",
        "artifact_uri",
        "created",
        "Created",
    ],
    words: Words::Runs,
};

pub(crate) const EXPERIMENTS: Dialect = Dialect {
    entities: &[Entity::Tag, Entity::Attribute],
    attributes: &["name", "experiment_id", "creation_time", "last_update_time"],
    numeric: &["creation_time", "last_update_time"],
    lists: &["experiment_id"],
    order: &["name", "experiment_id", "creation_time", "last_update_time"],
    words: Words::Experiments,
};

pub(crate) const MODELS: Dialect = Dialect {
    entities: &[Entity::Tag, Entity::Attribute],
    attributes: &["name"],
    numeric: &["creation_timestamp", "last_updated_timestamp"],
    lists: &["name"],
    order: &["name", "timestamp", "last_updated_timestamp"],
    words: Words::Registry,
};

pub(crate) const VERSIONS: Dialect = Dialect {
    entities: &[Entity::Tag, Entity::Attribute],
    attributes: &["name", "version_number", "run_id", "source_path"],
    numeric: &[
        "version_number",
        "creation_timestamp",
        "last_updated_timestamp",
    ],
    lists: &["name", "run_id"],
    order: &[
        "name",
        "version_number",
        "creation_timestamp",
        "last_updated_timestamp",
    ],
    words: Words::Registry,
};

pub(crate) const LOGGED: Dialect = Dialect {
    entities: &[
        Entity::Metric,
        Entity::Param,
        Entity::Tag,
        Entity::Attribute,
    ],
    attributes: &[
        "name",
        "model_id",
        "model_type",
        "status",
        "source_run_id",
        "experiment_id",
        "creation_timestamp",
        "creation_timestamp_ms",
        "creation_time",
        "last_updated_timestamp",
        "last_updated_timestamp_ms",
        "last_updated_time",
    ],
    numeric: &[
        "creation_timestamp",
        "creation_timestamp_ms",
        "creation_time",
        "last_updated_timestamp",
        "last_updated_timestamp_ms",
        "last_updated_time",
    ],
    lists: &["name", "model_id", "status", "source_run_id"],
    order: &[],
    words: Words::Logged,
};

/// A thing that can be searched for.
pub(crate) trait Row {
    /// A text of the thing; none when it has none of that name.
    fn text(&self, entity: Entity, key: &str) -> Option<Cow<'_, str>>;
    /// A number of the thing.
    fn number(&self, entity: Entity, key: &str) -> Option<f64>;
    /// Its datasets' texts of a name.
    fn datasets(&self, _key: &str) -> Vec<Cow<'_, str>> {
        Vec::new()
    }
}

/// Whether a thing matches every clause.
pub(crate) fn matches(clauses: &[Clause], row: &dyn Row) -> bool {
    clauses
        .iter()
        .all(|clause| match (&clause.value, clause.op) {
            (_, Op::IsNull) => row.text(clause.entity, &clause.key).is_none(),
            (_, Op::IsNotNull) => row.text(clause.entity, &clause.key).is_some(),
            (Value::Number(number), op) => row
                .number(clause.entity, &clause.key)
                .is_some_and(|have| compare(op, have, *number)),
            (value, op) if clause.entity == Entity::Dataset => row
                .datasets(&clause.key)
                .iter()
                .any(|have| text_matches(op, have, value)),
            (value, op) => row
                .text(clause.entity, &clause.key)
                .is_some_and(|have| text_matches(op, &have, value)),
        })
}

#[expect(
    clippy::float_cmp,
    reason = "the server compares stored doubles exactly; not-a-number differs from all"
)]
fn compare(op: Op, have: f64, want: f64) -> bool {
    match op {
        Op::Eq => have == want,
        Op::Ne => have != want,
        Op::Gt => have > want,
        Op::Ge => have >= want,
        Op::Lt => have < want,
        Op::Le => have <= want,
        _ => false,
    }
}

fn text_matches(op: Op, have: &str, want: &Value) -> bool {
    match (op, want) {
        (Op::Eq, Value::Text(want)) => have == want,
        (Op::Ne, Value::Text(want)) => have != want,
        (Op::Like, Value::Text(want)) => like(have, want),
        (Op::Ilike, Value::Text(want)) => like(&have.to_lowercase(), &want.to_lowercase()),
        (Op::In, Value::List(list)) => list.iter().any(|want| want == have),
        (Op::NotIn, Value::List(list)) => !list.iter().any(|want| want == have),
        _ => false,
    }
}

/// SQL's LIKE: `%` any text, `_` one character.
fn like(text: &str, pattern: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let pattern: Vec<char> = pattern.chars().collect();
    let (mut at, mut against) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while at < text.len() {
        match pattern.get(against) {
            Some('%') => {
                retry = Some((at, against));
                against += 1;
            }
            Some(c) if *c == '_' || *c == text[at] => {
                at += 1;
                against += 1;
            }
            _ => match retry {
                Some((from, star)) => {
                    retry = Some((from + 1, star));
                    at = from + 1;
                    against = star + 1;
                }
                None => return false,
            },
        }
    }
    pattern[against..].iter().all(|c| *c == '%')
}

#[cfg(test)]
mod tests;
