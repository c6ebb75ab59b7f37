//! Calls of functions: what each makes of its arguments at all steps.

use std::collections::HashMap;

use regex_lite::Regex;

use super::{Evaluated, Evaluation, Row, Steps, Value, each, fail, too_many, unique};
use crate::sim::prometheus::ast::{Expr, Matcher, Test};
use crate::sim::prometheus::functions::{Body, Function};
use crate::sim::prometheus::histogram;
use crate::sim::prometheus::window::{self, Points, Window};
use crate::sim::samples::labels::{Labels, NAME};

impl Evaluation<'_> {
    pub(super) fn call(&self, function: &Function, arguments: &[Expr]) -> Evaluated<Value> {
        let rows = match &function.body {
            Body::Time => {
                let seconds = self.steps.iter().map(|at| at as f64 / 1_000.0);
                return Ok(Value::Scalar(seconds.collect()));
            }
            Body::Scalar => return self.one(&arguments[0]).map(Value::Scalar),
            Body::Vector => vec![Row {
                labels: Labels::default(),
                values: self.scalar(&arguments[0])?.into_iter().map(Some).collect(),
            }],
            Body::Each(make) => each(self.vector(&arguments[0])?, make),
            Body::EachWith(make) => {
                let with = self.scalars(&arguments[1..])?;
                let mut rows = self.vector(&arguments[0])?;
                for row in &mut rows {
                    row.labels = row.labels.unnamed();
                    for (value, with) in row.values.iter_mut().zip(&with) {
                        *value = value.map(|value| make(value, with));
                    }
                }
                rows
            }
            Body::Over(make) => {
                let last = arguments.len() - 1;
                let with = self.scalars(&arguments[..last])?;
                self.over(&arguments[last], &with, make, Labels::unnamed)?
            }
            Body::LastOver => {
                let with = self.scalars(&[])?;
                let make = |window: &Window<'_>, _: &[f64]| window::last(window);
                self.over(&arguments[0], &with, &make, Clone::clone)?
            }
            Body::Absent => self.absent(&arguments[0])?,
            Body::HistogramQuantile => {
                let q = self.scalar(&arguments[0])?;
                histogram::quantiles(&q, self.vector(&arguments[1])?)
            }
            Body::LabelReplace => return self.label_replace(arguments).map(Value::Vector),
            Body::Sort(greatest_first) => {
                let mut rows = self.vector(&arguments[0])?;
                let key = |row: &Row| row.values.first().copied().flatten().unwrap_or(f64::NAN);
                rows.sort_by(|a, b| key(a).total_cmp(&key(b)));
                if *greatest_first {
                    rows.reverse();
                }
                return Ok(Value::Vector(rows));
            }
            Body::Timestamp => self.timestamps(&arguments[0])?,
        };
        unique(rows).map(Value::Vector)
    }

    /// Some scalars, step by step.
    fn scalars(&self, arguments: &[Expr]) -> Evaluated<Vec<Vec<f64>>> {
        let mut steps = vec![Vec::new(); self.steps.count];
        for argument in arguments {
            for (step, value) in steps.iter_mut().zip(self.scalar(argument)?) {
                step.push(value);
            }
        }
        Ok(steps)
    }

    /// The value of the only row at each step, NaN where there is not exactly one.
    fn one(&self, expr: &Expr) -> Evaluated<Vec<f64>> {
        let rows = self.vector(expr)?;
        let at = |step: usize| {
            let mut present = rows.iter().filter_map(|row| row.values[step]);
            match (present.next(), present.next()) {
                (Some(value), None) => value,
                _ => f64::NAN,
            }
        };
        Ok((0..self.steps.count).map(at).collect())
    }

    /// A function over the stretch of samples before each step.
    fn over(
        &self,
        matrix: &Expr,
        with: &[Vec<f64>],
        make: &dyn Fn(&Window<'_>, &[f64]) -> Option<f64>,
        labels: impl Fn(&Labels) -> Labels,
    ) -> Evaluated<Vec<Row>> {
        match matrix {
            Expr::Range(selector, range) => {
                let series = self.series(selector);
                if series.len() * self.steps.count > super::MAX_SAMPLES {
                    return too_many();
                }
                let row = |series: &crate::sim::samples::store::Series| {
                    let values = self.steps.iter().zip(with).map(|(at, with)| {
                        let to = at - selector.offset;
                        let from = to - range;
                        let scrapes = series.scrapes(from, to.min(self.now));
                        let points = Points::Scraped {
                            series,
                            first: *scrapes.start(),
                            last: *scrapes.end(),
                        };
                        make(&Window { points, from, to }, with)
                    });
                    Row {
                        values: values.collect(),
                        labels: labels(&series.labels),
                    }
                };
                Ok(series.into_iter().map(row).collect())
            }
            Expr::Subquery {
                of,
                range,
                step,
                offset,
            } => {
                let step = step.unwrap_or(super::DEFAULT_STEP);
                let earliest = self.steps.start - offset - range;
                // The first whole multiple of the step in the stretch.
                let start = -(-earliest).div_euclid(step) * step;
                let inner = Self {
                    steps: Steps::between(start, self.steps.end() - offset, step),
                    ..*self
                };
                let rows = inner.vector(of)?;
                if rows.len() * inner.steps.count > super::MAX_SAMPLES {
                    return too_many();
                }
                let row = |row: Row| {
                    let samples: Vec<(i64, f64)> = inner
                        .steps
                        .iter()
                        .zip(&row.values)
                        .filter_map(|(at, value)| Some((at, (*value)?)))
                        .collect();
                    let values = self.steps.iter().zip(with).map(|(at, with)| {
                        let to = at - offset;
                        let from = to - range;
                        let first = samples.partition_point(|(at, _)| *at < from);
                        let end = samples.partition_point(|(at, _)| *at <= to);
                        let points = Points::Made(&samples[first..end.max(first)]);
                        make(&Window { points, from, to }, with)
                    });
                    Row {
                        values: values.collect(),
                        labels: labels(&row.labels),
                    }
                };
                Ok(rows.into_iter().map(row).collect())
            }
            _ => fail("expected a range vector"),
        }
    }

    fn absent(&self, argument: &Expr) -> Evaluated<Vec<Row>> {
        let rows = match argument {
            Expr::Range(..) | Expr::Subquery { .. } => {
                let with = self.scalars(&[])?;
                let make = |window: &Window<'_>, _: &[f64]| window::present(window);
                self.over(argument, &with, &make, Clone::clone)?
            }
            _ => self.vector(argument)?,
        };
        let values = (0..self.steps.count)
            .map(|step| rows.iter().all(|row| row.values[step].is_none()))
            .map(|absent| absent.then_some(1.0));
        Ok(vec![Row {
            labels: wanted_labels(argument),
            values: values.collect(),
        }])
    }

    fn timestamps(&self, argument: &Expr) -> Evaluated<Vec<Row>> {
        if let Expr::Select(selector) = argument {
            let rows = self.select_with(selector, |at, _| at as f64 / 1_000.0)?;
            return Ok(each(rows, |at| at));
        }
        let mut rows = self.vector(argument)?;
        for row in &mut rows {
            row.labels = row.labels.unnamed();
            for (value, at) in row.values.iter_mut().zip(self.steps.iter()) {
                *value = value.map(|_| at as f64 / 1_000.0);
            }
        }
        Ok(rows)
    }

    fn label_replace(&self, arguments: &[Expr]) -> Evaluated<Vec<Row>> {
        let text = |index: usize| match &arguments[index] {
            Expr::Text(text) => text.as_str(),
            _ => "",
        };
        let (to, replacement, from, pattern) = (text(1), text(2), text(3), text(4));
        let Ok(regex) = Regex::new(&format!("^(?s:{pattern})$")) else {
            return fail(format!(
                "invalid regular expression in label_replace(): {pattern}"
            ));
        };
        let is_label = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if to.is_empty()
            || !to.chars().all(is_label)
            || to.starts_with(|c: char| c.is_ascii_digit())
        {
            return fail(format!(
                "invalid destination label name in label_replace(): {to}"
            ));
        }
        let mut rows = self.vector(&arguments[0])?;
        for row in &mut rows {
            if let Some(found) = regex.captures(row.labels.get(from)) {
                let mut value = String::new();
                found.expand(replacement, &mut value);
                row.labels = row.labels.with(to, &value);
            }
        }
        unique(rows)
    }
}

/// The labels that a selector asks for by equality, once each.
fn wanted_labels(argument: &Expr) -> Labels {
    let (Expr::Select(selector) | Expr::Range(selector, _)) = argument else {
        return Labels::default();
    };
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for matcher in &selector.matchers {
        *counts.entry(matcher.label.as_str()).or_default() += 1;
    }
    let wanted = |matcher: &Matcher| match &matcher.test {
        Test::Equal(value) if matcher.label != NAME && counts[matcher.label.as_str()] == 1 => {
            Some((matcher.label.as_str().into(), value.as_str().into()))
        }
        _ => None,
    };
    Labels::new(selector.matchers.iter().filter_map(wanted))
}
