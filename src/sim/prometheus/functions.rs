//! The functions that queries may call, as one table.

use super::ast::Shape;
use super::window::{self, Window};

/// A function by its name.
#[derive(Debug)]
pub(crate) struct Function {
    name: &'static str,
    pub(super) takes: &'static [Shape],
    /// How many of the last arguments may be left out.
    pub(super) optional: usize,
    pub(super) gives: Shape,
    pub(super) body: Body,
}

/// What a function does.
#[derive(Debug)]
pub(super) enum Body {
    /// Each value by itself.
    Each(fn(f64) -> f64),
    /// Each value, with the scalars that follow.
    EachWith(fn(f64, &[f64]) -> f64),
    /// Each stretch of samples, with the scalars before it.
    Over(fn(&Window<'_>, &[f64]) -> Option<f64>),
    /// As `Over`, and the metric's name stays.
    LastOver,
    Absent,
    HistogramQuantile,
    LabelReplace,
    Scalar,
    /// Rows in the order of their values, the greatest first when `true`.
    Sort(bool),
    Time,
    Timestamp,
    Vector,
}

/// The function of a name.
pub(super) fn named(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name == name)
}

const fn each(name: &'static str, of: fn(f64) -> f64) -> Function {
    Function {
        name,
        takes: &[Shape::Vector],
        optional: 0,
        gives: Shape::Vector,
        body: Body::Each(of),
    }
}

const fn over(name: &'static str, of: fn(&Window<'_>, &[f64]) -> Option<f64>) -> Function {
    Function {
        name,
        takes: &[Shape::Matrix],
        optional: 0,
        gives: Shape::Vector,
        body: Body::Over(of),
    }
}

const fn other(
    name: &'static str,
    takes: &'static [Shape],
    optional: usize,
    gives: Shape,
    body: Body,
) -> Function {
    Function {
        name,
        takes,
        optional,
        gives,
        body,
    }
}

const VECTOR: Shape = Shape::Vector;
const SCALAR: Shape = Shape::Scalar;
const TEXT: Shape = Shape::Text;

static FUNCTIONS: &[Function] = &[
    each("abs", f64::abs),
    each("ceil", f64::ceil),
    each("exp", f64::exp),
    each("floor", f64::floor),
    each("ln", f64::ln),
    each("log10", f64::log10),
    each("log2", f64::log2),
    each("sqrt", f64::sqrt),
    each("sgn", |v| {
        if v == 0.0 || v.is_nan() {
            v
        } else {
            v.signum()
        }
    }),
    over("avg_over_time", |w, _| window::average(w)),
    over("changes", |w, _| window::changes(w)),
    over("count_over_time", |w, _| window::count(w)),
    over("delta", |w, _| window::delta(w)),
    over("idelta", |w, _| window::idelta(w)),
    over("increase", |w, _| window::increase(w)),
    over("irate", |w, _| window::irate(w)),
    over("max_over_time", |w, _| window::most(w)),
    over("min_over_time", |w, _| window::least(w)),
    over("present_over_time", |w, _| window::present(w)),
    over("rate", |w, _| window::rate(w)),
    over("resets", |w, _| window::resets(w)),
    over("sum_over_time", |w, _| window::sum(w)),
    other("absent", &[VECTOR], 0, VECTOR, Body::Absent),
    other(
        "absent_over_time",
        &[Shape::Matrix],
        0,
        VECTOR,
        Body::Absent,
    ),
    other(
        "clamp",
        &[VECTOR, SCALAR, SCALAR],
        0,
        VECTOR,
        Body::EachWith(|v, limits| greater(limits[0], lesser(limits[1], v))),
    ),
    other(
        "clamp_max",
        &[VECTOR, SCALAR],
        0,
        VECTOR,
        Body::EachWith(|v, limits| lesser(limits[0], v)),
    ),
    other(
        "clamp_min",
        &[VECTOR, SCALAR],
        0,
        VECTOR,
        Body::EachWith(|v, limits| greater(limits[0], v)),
    ),
    other(
        "histogram_quantile",
        &[SCALAR, VECTOR],
        0,
        VECTOR,
        Body::HistogramQuantile,
    ),
    other(
        "label_replace",
        &[VECTOR, TEXT, TEXT, TEXT, TEXT],
        0,
        VECTOR,
        Body::LabelReplace,
    ),
    other(
        "last_over_time",
        &[Shape::Matrix],
        0,
        VECTOR,
        Body::LastOver,
    ),
    other(
        "quantile_over_time",
        &[SCALAR, Shape::Matrix],
        0,
        VECTOR,
        Body::Over(|w, with| window::quantile_over(w, with[0])),
    ),
    other(
        "round",
        &[VECTOR, SCALAR],
        1,
        VECTOR,
        Body::EachWith(|v, to| {
            let inverse = 1.0 / to.first().copied().unwrap_or(1.0);
            (v * inverse + 0.5).floor() / inverse
        }),
    ),
    other("scalar", &[VECTOR], 0, SCALAR, Body::Scalar),
    other("sort", &[VECTOR], 0, VECTOR, Body::Sort(false)),
    other("sort_desc", &[VECTOR], 0, VECTOR, Body::Sort(true)),
    other("time", &[], 0, SCALAR, Body::Time),
    other("timestamp", &[VECTOR], 0, VECTOR, Body::Timestamp),
    other("vector", &[SCALAR], 0, VECTOR, Body::Vector),
];

/// The greater of two, and NaN where one of them is: `f64::max` would pass the other on.
fn greater(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() {
        f64::NAN
    } else {
        a.max(b)
    }
}

fn lesser(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() {
        f64::NAN
    } else {
        a.min(b)
    }
}
