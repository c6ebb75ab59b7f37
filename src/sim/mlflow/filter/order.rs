//! `order_by`: one key and a direction a clause.

use std::cmp::Ordering;

use super::parse::identifier;
use super::{Dialect, Entity, Row, Words};
use crate::sim::mlflow::error::Failure;

/// One key to order by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct By {
    pub(crate) entity: Entity,
    pub(crate) key: String,
    pub(crate) ascending: bool,
    numeric: bool,
}

/// Parses the clauses of an order.
pub(crate) fn order_by(clauses: &[String], dialect: &Dialect) -> Result<Vec<By>, Failure> {
    clauses.iter().map(|clause| key(clause, dialect)).collect()
}

fn key(clause: &str, dialect: &Dialect) -> Result<By, Failure> {
    let unreadable = || {
        Failure::invalid(format!(
            "Invalid order_by clause '{clause}'. Could not be parsed."
        ))
    };
    let text = clause.trim();
    // The direction is the last word, unless the key is quoted and holds the blank itself.
    let (name, direction) = match text.rsplit_once(char::is_whitespace) {
        Some((name, word)) if !word.ends_with(['`', '"']) => (name.trim(), Some(word)),
        _ => (text, None),
    };
    let strange = [',', '-', '/', '+', '*'];
    let bare = name.starts_with(|c: char| c.is_ascii_digit())
        || name
            .split(['`', '"'])
            .step_by(2)
            .any(|part| part.contains(char::is_whitespace) || part.contains(strange))
        || direction.is_some_and(|word| word.contains(','));
    if name.is_empty() || bare {
        return Err(unreadable());
    }
    let ascending = match direction.map(str::to_ascii_lowercase).as_deref() {
        None | Some("asc") => true,
        Some("desc") => false,
        // The SQL lexer reads an unknown word as an alias of the key, or not at all.
        Some(_) => {
            return Err(Failure::invalid(format!(
                "Invalid ordering key in order_by clause '{clause}'."
            )));
        }
    };
    // Registered models have their own, older wording.
    if dialect.order.contains(&"timestamp") && !dialect.order.contains(&name) {
        return Err(Failure::invalid(format!(
            "Invalid order by key '{name}' specified. Valid keys are '{{'name', 'timestamp'}}'"
        )));
    }
    let (entity, key) = identifier(name, dialect.order, dialect)?;
    match (dialect.words, entity) {
        (_, Entity::Attribute) | (Words::Runs, Entity::Metric | Entity::Param | Entity::Tag) => {}
        (Words::Runs, _) => return Err(Failure::invalid("Invalid identifier type 'dataset'")),
        (Words::Registry, _) => {
            return Err(Failure::invalid(format!(
                "Invalid order by key '{key}' specified. Valid keys are {{'name', \
                 'version_number', 'creation_timestamp', 'last_updated_timestamp'}}"
            )));
        }
        _ => return Err(Failure::invalid("Invalid order_by entity: tag")),
    }
    let key = if key == "timestamp" {
        "last_updated_timestamp".to_owned()
    } else {
        key
    };
    let numeric = entity == Entity::Metric
        || (entity == Entity::Attribute && dialect.numeric.contains(&key.as_str()));
    Ok(By {
        entity,
        key,
        ascending,
        numeric,
    })
}

impl By {
    /// Compares two things by this key: not-a-number after numbers, nothing last, whichever the
    /// direction.
    pub(crate) fn compare(&self, a: &dyn Row, b: &dyn Row) -> Ordering {
        let directed = |ordering: Ordering| {
            if self.ascending {
                ordering
            } else {
                ordering.reverse()
            }
        };
        if self.numeric {
            let rank = |value: Option<f64>| match value {
                Some(number) if number.is_nan() => 1,
                Some(_) => 0,
                None => 2,
            };
            let (a, b) = (
                a.number(self.entity, &self.key),
                b.number(self.entity, &self.key),
            );
            rank(a).cmp(&rank(b)).then_with(|| match (a, b) {
                (Some(a), Some(b)) => directed(a.total_cmp(&b)),
                _ => Ordering::Equal,
            })
        } else {
            let (a, b) = (
                a.text(self.entity, &self.key),
                b.text(self.entity, &self.key),
            );
            match (a, b) {
                (Some(a), Some(b)) => directed(a.cmp(&b)),
                (a, b) => b.is_some().cmp(&a.is_some()),
            }
        }
    }
}
