//! The course of signals where a time was asked for: in documents sample by sample, in text as a shape with
//! its least and greatest value.

use serde_json::{Value, json};

use super::documents::gauge;
use super::output::Out;
use super::session::Session;
use crate::domain::fleet::Fleet;
use crate::domain::key::SourceId;
use crate::domain::level::Level;
use crate::domain::number::with_unit;
use crate::domain::query::{Detail, Query, Span as TimeSpan};
use crate::domain::signal::{Direction, Gauge, SignalSeries, State};
use crate::domain::time::Millis;
use crate::runtime::headless::Collected;
use crate::ui::sparkline::{Bad, sparkline};

/// Columns of a shape.
const WIDTH: usize = 24;

/// A gauge with its course, where one was asked for.
pub(super) fn with_course(fleet: &Fleet, of: &Gauge, courses: &[SignalSeries]) -> Value {
    let mut value = gauge(fleet, of);
    let course = courses.iter().find(|s| s.key == of.key);
    if let (Some(course), Value::Object(fields)) = (course, &mut value) {
        fields.insert("course".to_owned(), points(course));
    }
    value
}

/// `[{"at": …, "value": …}]`; a gap has no value.
fn points(course: &SignalSeries) -> Value {
    let all = course.values.iter().enumerate();
    all.map(|(i, v)| {
        let value = v.is_finite().then(|| f64::from(*v));
        json!({"at": course.at(i).rfc3339(), "value": value})
    })
    .collect()
}

/// The courses behind some gauges, one question a measure and source.
pub(super) async fn courses(
    session: &Session,
    collected: &Collected,
    gauges: &[Gauge],
    span: TimeSpan,
) -> Vec<SignalSeries> {
    let mut asked: Vec<(SourceId, Query)> = Vec::new();
    for of in gauges {
        let query = Query::Series {
            model: of.key.model.clone(),
            measure: of.key.measure,
            span,
        };
        let ask = (of.key.source.clone(), query);
        if !asked.contains(&ask) {
            asked.push(ask);
        }
    }
    let mut all = Vec::new();
    for (source, query) in asked {
        match collected.fetch(&source, query, session.deadline).await {
            Ok((_, Detail::Series(series))) => all.extend(series),
            Ok(_) => {}
            Err(fault) => session
                .out()
                .remark(&format!("a course could not be read: {fault}")),
        }
    }
    all
}

/// A reading as it stood at a moment: the newest sample of its course until then, judged by its lines of
/// today. How many rows were behind it, no course tells.
pub(super) fn as_of(of: &Gauge, courses: &[SignalSeries], moment: Millis) -> Gauge {
    let course = courses.iter().find(|series| series.key == of.key);
    let newest = course.and_then(|series| {
        let samples = series.values.iter().enumerate();
        let mut known = samples.map(|(i, value)| (series.at(i), f64::from(*value)));
        known.rfind(|(at, _)| *at <= moment)
    });
    let value = newest.map(|(_, value)| value).filter(|v| v.is_finite());
    let reaches = |line: Option<f64>| {
        let over = value.zip(line);
        over.is_some_and(|(value, line)| of.direction.is_over(value, line))
    };
    let judged = value.is_some() && of.level.is_some();
    Gauge {
        value,
        state: if value.is_some() {
            State::Value
        } else {
            State::NoData
        },
        n: None,
        noise_floor: None,
        at: newest.map(|(at, _)| at),
        level: judged.then(|| match () {
            () if reaches(of.lines.crit) => Level::Crit,
            () if reaches(of.lines.warn) => Level::Warn,
            () => Level::Ok,
        }),
        ..of.clone()
    }
}

/// A course as a shape, and from what to what its values go; nothing without one.
pub(super) fn shape(out: &Out, of: &Gauge, courses: &[SignalSeries]) -> String {
    let values = courses.iter().find(|series| series.key == of.key);
    let values: Vec<f64> = values.map_or_else(Vec::new, |series| {
        series.values.iter().map(|v| f64::from(*v)).collect()
    });
    let known = || values.iter().copied().filter(|v| v.is_finite());
    let (Some(least), Some(most)) = (known().reduce(f64::min), known().reduce(f64::max)) else {
        return out.none().to_owned();
    };
    let bad = match of.direction {
        Direction::LowIsBad => Bad::Low,
        Direction::HighIsBad | Direction::Neither => Bad::High,
    };
    format!(
        "{} {} to {}",
        sparkline(&values, WIDTH, bad, &out.symbols),
        with_unit(least, of.unit),
        with_unit(most, of.unit)
    )
}
