//! Aggregations: many rows into one a group, or the most extreme rows of each.

use std::collections::HashMap;

use super::Row;
use crate::sim::prometheus::ast::{Aggregation, Grouping};
use crate::sim::prometheus::window::quantile;
use crate::sim::samples::labels::{Labels, NAME};

/// `parameter` holds a value for each step, or nothing. `single` asks for rows in order of rank.
pub(super) fn apply(
    op: Aggregation,
    parameter: &[f64],
    grouping: &Grouping,
    rows: Vec<Row>,
    single: bool,
) -> Vec<Row> {
    let mut removed = grouping.labels.clone();
    removed.push(NAME.to_owned());
    let mut at: HashMap<Labels, usize> = HashMap::new();
    let mut groups: Vec<(Labels, Vec<Row>)> = Vec::new();
    for row in rows {
        let key = if grouping.without {
            row.labels.without(&removed)
        } else {
            row.labels.only(&grouping.labels)
        };
        let index = *at.entry(key.clone()).or_insert_with(|| {
            groups.push((key, Vec::new()));
            groups.len() - 1
        });
        groups[index].1.push(row);
    }
    match op {
        Aggregation::Top | Aggregation::Bottom => groups
            .into_iter()
            .flat_map(|(_, rows)| extreme(op == Aggregation::Top, parameter, rows, single))
            .collect(),
        _ => groups
            .into_iter()
            .map(|(labels, rows)| {
                let steps = rows.first().map_or(0, |row| row.values.len());
                let value = |step: usize| {
                    let present = rows.iter().filter_map(|row| row.values[step]);
                    reduce(
                        op,
                        parameter.get(step).copied().unwrap_or(f64::NAN),
                        present,
                    )
                };
                Row {
                    values: (0..steps).map(value).collect(),
                    labels,
                }
            })
            .collect(),
    }
}

fn reduce(op: Aggregation, parameter: f64, values: impl Iterator<Item = f64>) -> Option<f64> {
    match op {
        Aggregation::Sum => values.reduce(|a, b| a + b),
        Aggregation::Average => {
            let (count, sum) = values.fold((0, 0.0), |(count, sum), v| (count + 1, sum + v));
            (count > 0).then(|| sum / f64::from(count))
        }
        Aggregation::Least => values.reduce(|a, b| if b < a || a.is_nan() { b } else { a }),
        Aggregation::Most => values.reduce(|a, b| if b > a || a.is_nan() { b } else { a }),
        Aggregation::Count => Some(values.count() as f64).filter(|count| *count > 0.0),
        Aggregation::Quantile => {
            let values: Vec<f64> = values.collect();
            (!values.is_empty()).then(|| quantile(parameter, values))
        }
        Aggregation::Group | Aggregation::Top | Aggregation::Bottom => {
            values.reduce(|_, _| 1.0).map(|_| 1.0)
        }
    }
}

/// The rows with the greatest or least values at each step; NaN ranks last either way.
fn extreme(greatest: bool, parameter: &[f64], mut rows: Vec<Row>, single: bool) -> Vec<Row> {
    let steps = rows.first().map_or(0, |row| row.values.len());
    let mut order: Vec<usize> = Vec::new();
    for step in 0..steps {
        let keep = parameter.get(step).copied().unwrap_or(0.0).max(0.0) as usize;
        let mut present: Vec<(usize, f64)> = (rows.iter().enumerate())
            .filter_map(|(index, row)| Some((index, row.values[step]?)))
            .collect();
        present.sort_by(|(_, a), (_, b)| match (a.is_nan(), b.is_nan()) {
            (false, false) if greatest => b.total_cmp(a),
            (false, false) => a.total_cmp(b),
            (a, b) => a.cmp(&b),
        });
        for (index, _) in present.iter().skip(keep) {
            rows[*index].values[step] = None;
        }
        order = present
            .into_iter()
            .take(keep)
            .map(|(index, _)| index)
            .collect();
    }
    if single {
        return order.into_iter().map(|index| rows[index].clone()).collect();
    }
    rows
}
