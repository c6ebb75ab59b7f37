//! Operators between scalars, between vectors and scalars, and between matched rows of two vectors.

use std::collections::HashMap;

use super::{Evaluated, Row, Value, fail, unique};
use crate::sim::prometheus::ast::{Many, Matching, Op};
use crate::sim::samples::labels::{Labels, NAME};

pub(super) fn apply(
    op: Op,
    bool: bool,
    matching: &Matching,
    left: Value,
    right: Value,
) -> Evaluated<Value> {
    match (left, right) {
        (Value::Scalar(left), Value::Scalar(right)) => {
            let values = left.iter().zip(&right).map(|(a, b)| number(op, *a, *b));
            Ok(Value::Scalar(values.collect()))
        }
        (Value::Vector(rows), Value::Scalar(with)) => {
            with_scalar(op, bool, rows, &with, |value, with| (value, with))
        }
        (Value::Scalar(with), Value::Vector(rows)) => {
            with_scalar(op, bool, rows, &with, |value, with| (with, value))
        }
        (Value::Vector(left), Value::Vector(right)) if op.is_set() => {
            unique(set(op, matching, left, right)).map(Value::Vector)
        }
        (Value::Vector(left), Value::Vector(right)) => {
            matched(op, bool, matching, left, right).map(Value::Vector)
        }
        _ => fail("binary expression must contain only scalar and instant vector types"),
    }
}

/// Arithmetic, and comparisons as 0 and 1.
fn number(op: Op, a: f64, b: f64) -> f64 {
    match op {
        Op::Add => a + b,
        Op::Subtract => a - b,
        Op::Multiply => a * b,
        Op::Divide => a / b,
        Op::Modulo => a % b,
        Op::Power => a.powf(b),
        _ => f64::from(u8::from(holds(op, a, b))),
    }
}

#[expect(clippy::float_cmp, reason = "the language compares exactly")]
fn holds(op: Op, a: f64, b: f64) -> bool {
    match op {
        Op::Equal => a == b,
        Op::NotEqual => a != b,
        Op::Greater => a > b,
        Op::Less => a < b,
        Op::AtLeast => a >= b,
        Op::AtMost => a <= b,
        _ => false,
    }
}

/// The result of an operator, or none where a comparison filters it out.
fn outcome(op: Op, bool: bool, a: f64, b: f64, kept: f64) -> Option<f64> {
    if op.compares() && !bool {
        holds(op, a, b).then_some(kept)
    } else {
        Some(number(op, a, b))
    }
}

fn with_scalar(
    op: Op,
    bool: bool,
    mut rows: Vec<Row>,
    with: &[f64],
    sides: impl Fn(f64, f64) -> (f64, f64),
) -> Evaluated<Value> {
    for row in &mut rows {
        if !op.compares() || bool {
            row.labels = row.labels.unnamed();
        }
        for (slot, with) in row.values.iter_mut().zip(with) {
            if let Some(value) = *slot {
                let (a, b) = sides(value, *with);
                *slot = outcome(op, bool, a, b, value);
            }
        }
    }
    unique(rows).map(Value::Vector)
}

/// What two rows must share to belong together.
fn signature(matching: &Matching, labels: &Labels) -> Labels {
    if matching.on {
        labels.only(&matching.labels)
    } else {
        labels.without(&matching.labels).unnamed()
    }
}

fn by_signature(matching: &Matching, rows: &[Row]) -> HashMap<Labels, Vec<usize>> {
    let mut found: HashMap<Labels, Vec<usize>> = HashMap::new();
    for (index, row) in rows.iter().enumerate() {
        found
            .entry(signature(matching, &row.labels))
            .or_default()
            .push(index);
    }
    found
}

fn set(op: Op, matching: &Matching, mut left: Vec<Row>, mut right: Vec<Row>) -> Vec<Row> {
    let (kept, other) = if op == Op::Or {
        (&mut right, &left)
    } else {
        (&mut left, &right)
    };
    let others = by_signature(matching, other);
    for row in kept.iter_mut() {
        let Some(matches) = others.get(&signature(matching, &row.labels)) else {
            if op == Op::And {
                row.values.fill(None);
            }
            continue;
        };
        for (step, value) in row.values.iter_mut().enumerate() {
            let found = matches
                .iter()
                .any(|index| other[*index].values[step].is_some());
            if found != (op == Op::And) {
                *value = None;
            }
        }
    }
    if op == Op::Or {
        left.append(&mut right);
    }
    left
}

fn matched(
    op: Op,
    bool: bool,
    matching: &Matching,
    left: Vec<Row>,
    right: Vec<Row>,
) -> Evaluated<Vec<Row>> {
    let swapped = matching.many == Many::Right;
    let (many, one) = if swapped {
        (right, left)
    } else {
        (left, right)
    };
    let ones = by_signature(matching, &one);
    for (signature, indexes) in &ones {
        if overlap(indexes.iter().map(|index| &one[*index])) {
            return fail(duplicates(signature, indexes, &one, swapped));
        }
    }
    let mut out: Vec<Row> = Vec::new();
    let mut at: HashMap<Labels, usize> = HashMap::new();
    // In a one-to-one match, the rows that have found their partner, by signature.
    let mut taken: HashMap<Labels, Vec<bool>> = HashMap::new();
    for row in &many {
        let key = signature(matching, &row.labels);
        for partner in ones
            .get(&key)
            .into_iter()
            .flatten()
            .map(|index| &one[*index])
        {
            let labels = result_labels(op, bool, matching, &row.labels, &partner.labels);
            let index = *at.entry(labels.clone()).or_insert_with(|| {
                let values = vec![None; row.values.len()];
                out.push(Row { labels, values });
                out.len() - 1
            });
            for (step, slot) in out[index].values.iter_mut().enumerate() {
                let (Some(many), Some(one)) = (row.values[step], partner.values[step]) else {
                    continue;
                };
                let (a, b) = if swapped { (one, many) } else { (many, one) };
                if matching.many == Many::Neither {
                    let steps = taken.entry(key.clone());
                    let steps = steps.or_insert_with(|| vec![false; row.values.len()]);
                    if std::mem::replace(&mut steps[step], true) {
                        return fail(
                            "multiple matches for labels: many-to-one matching must be explicit \
                             (group_left/group_right)",
                        );
                    }
                }
                let value = outcome(op, bool, a, b, a);
                if value.is_some() && slot.is_some() {
                    return fail(
                        "multiple matches for labels: grouping labels must ensure unique matches",
                    );
                }
                if value.is_some() {
                    *slot = value;
                }
            }
        }
    }
    Ok(out)
}

/// Whether two of the rows have a value at the same step.
fn overlap<'a>(rows: impl ExactSizeIterator<Item = &'a Row>) -> bool {
    if rows.len() < 2 {
        return false;
    }
    let mut seen: Vec<bool> = Vec::new();
    for row in rows {
        seen.resize(row.values.len(), false);
        for (seen, value) in seen.iter_mut().zip(&row.values) {
            if value.is_some() && std::mem::replace(seen, true) {
                return true;
            }
        }
    }
    false
}

fn duplicates(signature: &Labels, indexes: &[usize], rows: &[Row], swapped: bool) -> String {
    let side = if swapped { "left" } else { "right" };
    let some: Vec<String> = indexes
        .iter()
        .take(2)
        .map(|index| rows[*index].labels.to_string())
        .collect();
    format!(
        "found duplicate series for the match group {signature} on the {side} hand-side of the \
         operation: [{}];many-to-many matching not allowed: matching labels must be unique on one \
         side",
        some.join(", ")
    )
}

fn result_labels(op: Op, bool: bool, matching: &Matching, many: &Labels, one: &Labels) -> Labels {
    let mut labels = many.clone();
    if !op.compares() || bool {
        labels = labels.without(&[NAME.to_owned()]);
    }
    if matching.many == Many::Neither {
        return if matching.on {
            labels.only(&matching.labels)
        } else {
            labels.without(&matching.labels)
        };
    }
    for name in &matching.include {
        labels = labels.with(name, one.get(name));
    }
    labels
}
