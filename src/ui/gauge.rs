//! A measured value as text: in its unit, in few digits, with the state it is in. What has no value, is
//! old or rests on too little never looks like a value to go by, nor like each other, without colour.

use super::look::Look;
use super::paint::{Span, span};
use super::table::Cell;
use super::text;
use super::theme::Role;
use crate::domain::fleet::features;
use crate::domain::level::Level;
use crate::domain::number::with_unit;
use crate::domain::signal::{Gauge, State, Unit};
use crate::domain::time::{Millis, age};

/// A value in the unit of columns and axes: ratios in percent, seconds in milliseconds.
pub fn in_column(value: f64, unit: Unit) -> f64 {
    match unit {
        Unit::Ratio => value * 100.0,
        Unit::Seconds => value * 1e3,
        Unit::Score | Unit::PerSecond | Unit::Count | Unit::PValue | Unit::Stamp => value,
    }
}

/// A value for a column whose title names the unit.
pub fn column_number(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Count if value.is_finite() && value >= 0.0 => text::count(value.round() as usize),
        _ => text::number(in_column(value, unit)),
    }
}

/// The unit that [`column_number`] writes in; empty for plain numbers.
pub fn column_unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Ratio => "%",
        Unit::Seconds => "ms",
        Unit::PerSecond => "/s",
        Unit::PValue => "p",
        Unit::Score | Unit::Count | Unit::Stamp => "",
    }
}

/// A value with its unit, as a sentence holds it: `4.8 %`, `310 ms`, `212/s`, `p 0.003`, `6m ago`.
pub fn value_text(value: f64, unit: Unit, now: Millis) -> String {
    match unit {
        Unit::PValue => format!("p {}", with_unit(value, unit)),
        Unit::Stamp if value.is_finite() => {
            let at = Millis((value * 1e3) as i64);
            format!("{} ago", age(now.since(at)))
        }
        _ => with_unit(value, unit),
    }
}

/// The role of a gauge: its level where that is worth a look, else its state.
pub fn role(gauge: &Gauge) -> Role {
    let judged = gauge.level.filter(|l| *l > Level::Info);
    match gauge.state {
        State::LowN | State::NoTraffic => Role::Dim,
        State::Error => Role::Down,
        State::Nan => Role::Unknown,
        State::Stale => judged.map_or(Role::Stale, Look::level_role),
        State::NoData => judged.map_or(Role::Dim, Look::level_role),
        State::Value => judged.map_or(Role::Text, Look::level_role),
    }
}

/// The wordings of a gauge in a column, longest first. Each state has a shape of its own: `4.80`, `0`,
/// `idle`, `n/d`, `NaN`, `~4.80`, `(4.80)`, `err`.
pub fn wordings(gauge: &Gauge) -> Vec<String> {
    let number = |v: f64| column_number(v, gauge.unit);
    match (gauge.state, gauge.value) {
        (State::Value, Some(v)) => vec![number(v)],
        (State::NoTraffic, _) => vec!["no traffic".to_owned(), "idle".to_owned()],
        (State::Nan, _) => vec!["NaN".to_owned()],
        (State::Stale, Some(v)) => vec![format!("{} stale", number(v)), format!("~{}", number(v))],
        (State::Stale, None) => vec!["stale".to_owned()],
        (State::LowN, Some(v)) => {
            vec![format!("{} low n", number(v)), format!("({})", number(v))]
        }
        (State::LowN, None) => vec!["low n".to_owned()],
        (State::Error, _) => vec!["error".to_owned(), "err".to_owned()],
        (State::NoData | State::Value, _) => vec!["no data".to_owned(), "n/d".to_owned()],
    }
}

/// The first line of a gauge with the side of it that is bad, and whether it is one of probabilities: `>0.1`, `p<0.05`.
pub fn line_text(gauge: &Gauge) -> Option<String> {
    Some(sided(gauge, features::line(gauge.lines)?))
}

/// The same of the line that its level speaks of.
pub fn cited_line_text(gauge: &Gauge) -> Option<String> {
    Some(sided(gauge, features::line_of(gauge)?))
}

fn sided(gauge: &Gauge, line: f64) -> String {
    let method = gauge.key.method.raw().to_lowercase();
    let p = if gauge.unit == Unit::PValue || method.contains("p_value") {
        "p"
    } else {
        ""
    };
    let sign = gauge.direction.sign();
    format!("{p}{sign}{}", with_unit(line, gauge.unit))
}

/// A table's cell: what was never configured is `–`.
pub fn cell(gauge: Option<&Gauge>) -> Cell<'static> {
    gauge.map_or_else(Cell::none, |g| Cell::choices(role(g), wordings(g)))
}

/// A gauge in a line of text: `4.80 %`, `no traffic`, `0.231 low n, n=120`, `0.06 stale, 3h old`.
pub fn spans(gauge: Option<&Gauge>, now: Millis) -> Vec<Span<'static>> {
    let Some(g) = gauge else {
        return vec![span(Role::Dim, "–")];
    };
    let value = g.value.map(|v| value_text(v, g.unit, now));
    let (text, note) = match (g.state, value) {
        (State::Value, Some(value)) => (value, String::new()),
        (State::Stale, value) => {
            let old =
                g.at.map_or_else(String::new, |at| format!(", {} old", age(now.since(at))));
            let value = value.map_or_else(String::new, |v| format!("{v} "));
            (format!("{value}stale"), old)
        }
        (State::LowN, value) => {
            let n = g.n.map_or_else(String::new, |n| format!(", n={n}"));
            let value = value.map_or_else(String::new, |v| format!("{v} "));
            (format!("{value}low n"), n)
        }
        (State::NoData | State::Value, _) => ("no data".to_owned(), String::new()),
        (state, _) => (state.word().to_owned(), String::new()),
    };
    let mut out = vec![span(role(g), text)];
    if !note.is_empty() {
        out.push(span(Role::Dim, note));
    }
    out
}

/// The number of samples, short: `12.4k`.
pub fn samples<N: Into<u64>>(n: Option<N>) -> String {
    n.map_or_else(|| "–".to_owned(), |n| text::number(n.into() as f64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::key::{Key, SourceId};
    use crate::domain::signal::{Direction, Lines, Measure, SignalKey};
    use crate::ui::symbols::Symbols;
    use crate::ui::testing::NOW;
    use std::collections::BTreeSet;
    use std::time::Duration;

    fn gauge(value: Option<f64>, state: State) -> Gauge {
        Gauge {
            key: SignalKey {
                model: Key::new("churn"),
                measure: Measure::ErrorRatio,
                part: Key::new(""),
                method: Key::new(""),
                version: Key::new(""),
                source: SourceId::new("prom"),
            },
            value,
            state,
            unit: Unit::Ratio,
            direction: Direction::HighIsBad,
            lines: Lines::default(),
            n: Some(120),
            noise_floor: None,
            at: Some(NOW.wall.minus(Duration::from_secs(7_200))),
            level: Some(Level::Ok),
        }
    }

    fn every() -> Vec<Gauge> {
        vec![
            gauge(Some(0.048), State::Value),
            gauge(Some(0.0), State::Value),
            gauge(None, State::NoTraffic),
            gauge(None, State::NoData),
            gauge(None, State::Nan),
            gauge(Some(0.048), State::Stale),
            gauge(Some(0.048), State::LowN),
            gauge(None, State::Error),
        ]
    }

    #[test]
    fn the_eight_states_differ_without_colour_and_in_ascii_at_every_width() {
        for short in [false, true] {
            let texts: BTreeSet<String> = every()
                .iter()
                .map(|g| {
                    let all = wordings(g);
                    let text = if short { all.last() } else { all.first() };
                    Symbols::ASCII.plain(text.unwrap())
                })
                .collect();
            assert_eq!(texts.len(), 8, "{texts:?}");
            assert!(texts.iter().all(|t| t.is_ascii()));
        }
        let lines: BTreeSet<String> = every()
            .iter()
            .map(|g| spans(Some(g), NOW.wall).iter().map(|s| &*s.text).collect())
            .collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        assert_eq!(
            lines,
            [
                "0 %",
                "4.8 %",
                "4.8 % low n, n=120",
                "4.8 % stale, 2h old",
                "NaN",
                "error",
                "no data",
                "no traffic"
            ]
        );
    }

    #[test]
    fn what_is_no_value_never_wears_the_style_of_one() {
        for g in every().iter().filter(|g| g.state != State::Value) {
            assert_ne!(role(g), Role::Text, "{:?}", g.state);
        }
        let crit = Gauge {
            level: Some(Level::Crit),
            ..gauge(Some(0.048), State::Value)
        };
        assert_eq!(role(&crit), Role::Crit);
        let dimmed = Gauge {
            state: State::LowN,
            ..crit
        };
        assert_eq!(role(&dimmed), Role::Dim);
    }

    #[test]
    fn values_carry_their_units() {
        let now = NOW.wall;
        for (value, unit, want) in [
            (0.31, Unit::Seconds, "310 ms"),
            (42.0, Unit::Seconds, "42 s"),
            (212.0, Unit::PerSecond, "212/s"),
            (0.003, Unit::PValue, "p 0.003"),
            (12_400.0, Unit::Count, "12.4k"),
            (0.062, Unit::Score, "0.062"),
            (now.0 as f64 / 1e3 - 7_200.0, Unit::Stamp, "2h ago"),
            (f64::INFINITY, Unit::Ratio, "∞ %"),
        ] {
            assert_eq!(value_text(value, unit, now), want);
        }
    }
}
