//! Queries over a few series written by hand, where the answer can be worked out on paper.

use super::eval::{Evaluation, Steps, Value};
use super::parse;
use crate::sim::samples::curve::{Change, Curve, Gauge};
use crate::sim::samples::labels::Interner;
use crate::sim::samples::store::{Series, Store};

/// A series sampled every 10 s from 0 s on: a straight line through `(0, from)`, rising so much a
/// second.
fn line(labels: &[(&str, &str)], from: f64, rise: f64) -> Series {
    let change = Change {
        at: 0,
        over: 1_000_000,
        times: 1.0,
        plus: rise * 1_000.0,
    };
    Series {
        labels: Interner::default().labels(labels),
        interval: 10_000,
        offset: 0,
        from: 0,
        until: None,
        curve: Curve::Gauge(Gauge::around(from, 0.0, 1).changing([change]).into()),
    }
}

fn store() -> Store {
    let mut store = Store::default();
    for series in [
        line(
            &[("__name__", "hits"), ("host", "a"), ("code", "200")],
            0.0,
            2.0,
        ),
        line(
            &[("__name__", "hits"), ("host", "a"), ("code", "500")],
            0.0,
            0.5,
        ),
        line(
            &[("__name__", "hits"), ("host", "b"), ("code", "200")],
            0.0,
            4.0,
        ),
        line(&[("__name__", "limit"), ("host", "a")], 3.0, 0.0),
        line(&[("__name__", "limit"), ("host", "b")], 3.0, 0.0),
        line(&[("__name__", "t_bucket"), ("le", "1")], 0.0, 5.0),
        line(&[("__name__", "t_bucket"), ("le", "2")], 0.0, 9.0),
        line(&[("__name__", "t_bucket"), ("le", "+Inf")], 0.0, 10.0),
        Series {
            until: Some(100_000),
            ..line(&[("__name__", "gone")], 7.0, 0.0)
        },
    ] {
        store.push(series);
    }
    store
}

/// The answer at 200 s, or at another second: labels and values, in order of labels.
fn ask_at(second: i64, query: &str) -> Result<Vec<(String, f64)>, String> {
    let expr = parse::parse(query).map_err(|error| error.to_string())?;
    let store = store();
    let stores = [&store];
    let evaluation = Evaluation::new(&stores, i64::MAX, Steps::instant(second * 1_000));
    let mut rows = match evaluation.run(&expr).map_err(|error| error.0)? {
        Value::Scalar(values) => vec![(String::new(), values[0])],
        Value::Text(text) => vec![(text, 0.0)],
        Value::Vector(rows) => rows
            .into_iter()
            .filter_map(|row| Some((row.labels.to_string(), row.values[0]?)))
            .collect(),
    };
    rows.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(rows)
}

fn ask(query: &str) -> Vec<(String, f64)> {
    ask_at(200, query).unwrap_or_else(|error| panic!("{query}: {error}"))
}

fn values(query: &str) -> Vec<f64> {
    ask(query)
        .into_iter()
        .map(|(_, value)| (value * 1e9).round() / 1e9)
        .collect()
}

fn refused(query: &str) -> String {
    ask_at(200, query).expect_err(query)
}

#[test]
fn rates_reach_to_the_ends_of_their_range() {
    assert_eq!(values("sum by (host) (rate(hits[1m]))"), [2.5, 4.0]);
    assert_eq!(values("increase(hits{host=\"b\"}[1m])"), [240.0]);
    // From 0 s on a counter cannot have come from below zero.
    let early = ask_at(25, "increase(hits{host=\"b\"}[1m])").unwrap();
    assert!((early[0].1 - 100.0).abs() < 1e-9, "{early:?}");
    assert_eq!(values("rate(hits[5s])"), [0.0; 0], "one sample is no rate");
}

#[test]
fn rows_are_matched_by_their_labels() {
    let ratio = "sum by (host) (rate(hits{code=\"500\"}[1m])) / sum by (host) (rate(hits[1m]))";
    assert_eq!(ask(ratio), [("{host=\"a\"}".to_owned(), 0.2)]);
    let or = format!("({ratio}) or 0 * sum by (host) (rate(hits[1m]))");
    assert_eq!(values(&or), [0.2, 0.0]);
    let over = "rate(hits[1m]) > on (host) group_left limit";
    let found = ask(over);
    assert_eq!(found.len(), 1);
    assert!(found[0].0.contains("host=\"b\""), "{found:?}");
    assert!(refused("limit > on (host) hits").contains("many-to-many"));
    assert!(refused("hits > on (host) limit").contains("many-to-one"));
}

#[test]
fn quantiles_are_linear_within_a_bucket() {
    assert_eq!(values("histogram_quantile(0.7, rate(t_bucket[1m]))"), [1.5]);
    assert_eq!(
        values("histogram_quantile(0.25, rate(t_bucket[1m]))"),
        [0.5]
    );
    assert_eq!(
        values("histogram_quantile(0.99, rate(t_bucket[1m]))"),
        [2.0]
    );
    assert!(
        ask("histogram_quantile(0.5, t_bucket - t_bucket)")[0]
            .1
            .is_nan()
    );
}

#[test]
fn an_instant_sees_five_minutes_back_and_not_past_the_end_of_a_series() {
    assert_eq!(ask_at(95, "gone").unwrap().len(), 1);
    assert_eq!(ask_at(100, "gone").unwrap(), []);
    assert_eq!(values("count_over_time(gone[3m])"), [8.0]);
    assert_eq!(values("absent(gone{job=\"x\"})"), [1.0]);
    assert_eq!(values("absent(limit)"), [0.0; 0]);
}

#[test]
fn operators_bind_as_in_arithmetic() {
    assert_eq!(values("1 + 2 * 3 ^ 2 ^ 0 - -1"), [8.0]);
    assert_eq!(values("-2 ^ 2"), [-4.0]);
    assert_eq!(values("7 % 4 / 2"), [1.5]);
    assert_eq!(values("2 > bool 1"), [1.0]);
    assert_eq!(values("time() - 100"), [100.0]);
}

#[test]
fn what_is_not_in_the_grammar_is_refused_with_its_place() {
    for (query, text) in [
        ("", "no expression found in input"),
        ("sum(", "unexpected end of input"),
        ("sum(hits", "unclosed left parenthesis"),
        ("hits)", "unexpected right parenthesis"),
        ("nope(hits)", "unknown function with name \"nope\""),
        (
            "rate(hits)",
            "expected type range vector in call to function \"rate\"",
        ),
        ("hits{host=~\"(\"}", "error parsing regexp"),
        ("{host=\"\"}", "must contain at least one non-empty matcher"),
        (
            "hits[5m] offset 1m offset 1m",
            "offset may not be set multiple times",
        ),
        ("hits @ 5", "unexpected \"@\""),
        ("1 < 2", "must use BOOL modifier"),
    ] {
        let error = refused(query);
        assert!(error.contains(text), "{query}: {error}");
        if !query.is_empty() {
            assert!(error.starts_with("1:"), "{query}: {error}");
        }
    }
    assert!(refused(&"(".repeat(5_000)).contains("nested too deeply"));
}

#[test]
fn every_rule_of_the_fleet_can_be_evaluated() {
    for rule in super::rules::RULES {
        let answer = ask_at(200, rule.query);
        assert!(answer.is_ok(), "{}: {answer:?}", rule.name);
    }
}
