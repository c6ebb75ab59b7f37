//! Evaluation of queries: every expression at all steps at once, a row a series.

mod aggregate;
mod binary;
mod calls;

use std::collections::HashMap;

use super::ast::{Expr, Selector};
use crate::sim::samples::labels::Labels;
use crate::sim::samples::store::{Series, Store};

/// How far back an instant sees a sample, in milliseconds.
const LOOKBACK: i64 = 5 * 60_000;
/// The step of a subquery that names none: the default interval of rule evaluation.
const DEFAULT_STEP: i64 = 60_000;
/// The server's limit of samples in memory.
const MAX_SAMPLES: usize = 50_000_000;

/// The instants of a query.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Steps {
    /// Epoch milliseconds of the first.
    pub(crate) start: i64,
    /// Milliseconds between two; at least 1.
    pub(crate) step: i64,
    pub(crate) count: usize,
}

impl Steps {
    /// One instant.
    pub(crate) fn instant(at: i64) -> Self {
        Self {
            start: at,
            step: 1,
            count: 1,
        }
    }

    pub(crate) fn between(start: i64, end: i64, step: i64) -> Self {
        Self {
            start,
            step,
            count: ((end - start).div_euclid(step) + 1).max(0) as usize,
        }
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = i64> {
        (0..self.count as i64).map(move |index| self.start + index * self.step)
    }

    fn end(self) -> i64 {
        self.start + self.step * (self.count as i64 - 1)
    }
}

/// A series of results: a value, or none, for each step.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) labels: Labels,
    pub(crate) values: Vec<Option<f64>>,
}

/// What an expression gives.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Scalar(Vec<f64>),
    Vector(Vec<Row>),
    Text(String),
}

/// Why a query that parses cannot be answered; its text is the server's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ExecutionError(pub(crate) String);

type Evaluated<T> = Result<T, ExecutionError>;

fn fail<T>(message: impl Into<String>) -> Evaluated<T> {
    Err(ExecutionError(message.into()))
}

/// One query's evaluation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Evaluation<'a> {
    stores: &'a [&'a Store],
    /// No sample is newer.
    now: i64,
    steps: Steps,
}

impl<'a> Evaluation<'a> {
    pub(crate) fn new(stores: &'a [&'a Store], now: i64, steps: Steps) -> Self {
        Self { stores, now, steps }
    }

    /// The expression's result; a range vector has none of its own here.
    pub(crate) fn run(&self, expr: &Expr) -> Evaluated<Value> {
        match expr {
            Expr::Number(number) => Ok(Value::Scalar(vec![*number; self.steps.count])),
            Expr::Text(text) => Ok(Value::Text(text.clone())),
            Expr::Select(selector) => self.select(selector).map(Value::Vector),
            Expr::Range(..) | Expr::Subquery { .. } => {
                fail("range vectors are only evaluated by functions")
            }
            Expr::Negate(of) => Ok(match self.run(of)? {
                Value::Scalar(values) => Value::Scalar(values.iter().map(|v| -v).collect()),
                Value::Vector(rows) => Value::Vector(unique(each(rows, |value| -value))?),
                text @ Value::Text(_) => text,
            }),
            Expr::Binary {
                op,
                bool,
                matching,
                left,
                right,
            } => {
                let (left, right) = (self.run(left)?, self.run(right)?);
                binary::apply(*op, *bool, matching, left, right)
            }
            Expr::Aggregate {
                op,
                parameter,
                grouping,
                of,
            } => {
                let parameter = match parameter {
                    Some(parameter) => self.scalar(parameter)?,
                    None => Vec::new(),
                };
                let rows = self.vector(of)?;
                let single = self.steps.count == 1;
                Ok(Value::Vector(aggregate::apply(
                    *op, &parameter, grouping, rows, single,
                )))
            }
            Expr::Call {
                function,
                arguments,
            } => self.call(function, arguments),
        }
    }

    fn vector(&self, expr: &Expr) -> Evaluated<Vec<Row>> {
        match self.run(expr)? {
            Value::Vector(rows) => Ok(rows),
            _ => fail("expected an instant vector"),
        }
    }

    fn scalar(&self, expr: &Expr) -> Evaluated<Vec<f64>> {
        match self.run(expr)? {
            Value::Scalar(values) => Ok(values),
            _ => fail("expected a scalar"),
        }
    }

    /// The series of a selector, in the order of their labels.
    fn series(&self, selector: &Selector) -> Vec<&'a Series> {
        let mut found: Vec<&Series> = self
            .stores
            .iter()
            .flat_map(|store| store.named(selector.name()))
            .filter(|series| selector.matches(&series.labels))
            .collect();
        found.sort_by(|a, b| a.labels.cmp(&b.labels));
        found
    }

    fn select(&self, selector: &Selector) -> Evaluated<Vec<Row>> {
        self.select_with(selector, |_, value| value)
    }

    /// A selector's rows, each value made of the sample's time and value.
    fn select_with(
        &self,
        selector: &Selector,
        make: impl Fn(i64, f64) -> f64,
    ) -> Evaluated<Vec<Row>> {
        let series = self.series(selector);
        if series.len() * self.steps.count > MAX_SAMPLES {
            return too_many();
        }
        let rows = series.into_iter().map(|series| {
            let values = self.steps.iter().map(|at| {
                let at = at - selector.offset;
                let scrape = series.latest(at.min(self.now), at - LOOKBACK)?;
                Some(make(series.time(scrape), series.value(scrape)))
            });
            Row {
                labels: series.labels.clone(),
                values: values.collect(),
            }
        });
        Ok(rows.collect())
    }
}

fn too_many<T>() -> Evaluated<T> {
    fail("query processing would load too many samples into memory in query execution")
}

/// Every value by itself, without the metric's name.
fn each(rows: Vec<Row>, make: impl Fn(f64) -> f64) -> Vec<Row> {
    rows.into_iter()
        .map(|row| Row {
            labels: row.labels.unnamed(),
            values: row.values.into_iter().map(|v| v.map(&make)).collect(),
        })
        .collect()
}

/// Rows of equal labels become one, which they can only where no step has both.
fn unique(rows: Vec<Row>) -> Evaluated<Vec<Row>> {
    let mut at: HashMap<Labels, usize> = HashMap::with_capacity(rows.len());
    let mut out: Vec<Row> = Vec::with_capacity(rows.len());
    for row in rows {
        let Some(known) = at.get(&row.labels) else {
            at.insert(row.labels.clone(), out.len());
            out.push(row);
            continue;
        };
        for (kept, value) in out[*known].values.iter_mut().zip(row.values) {
            match (&kept, value) {
                (_, None) => {}
                (None, _) => *kept = value,
                (Some(_), Some(_)) => {
                    return fail("vector cannot contain metrics with the same labelset");
                }
            }
        }
    }
    Ok(out)
}
