//! Readings and courses for the rules' own tests.

use std::sync::Arc;
use std::time::Duration;

use super::{Began, Beside, Monitored, Sample, Standing, look};
use crate::domain::key::{Key, SourceId};
use crate::domain::last_known::Held;
use crate::domain::rules::freshness::Freshness;
use crate::domain::settings::{ModelSettings, SignalPolicy};
use crate::domain::signal::{Measure, Measured, SignalKey, SignalReading, SignalSeries, State};
use crate::domain::time::Millis;

pub(super) const NOW: Millis = Millis(1_795_406_400_000);
const STEP: Duration = Duration::from_secs(300);

pub(super) fn reading(measure: Measure, part: &str, method: &str, value: f64) -> SignalReading {
    let key = SignalKey {
        model: Key::new("churn"),
        measure,
        part: Key::new(part),
        method: Key::new(method),
        version: Key::new(""),
        source: SourceId::new("prom"),
    };
    SignalReading::new(key, Measured::of(value))
}

/// Requests a second to a version; to all of them without one.
pub(super) fn requests(version: &str, rate: f64) -> SignalReading {
    let mut row = reading(Measure::Requests, "", "", rate);
    row.key.version = Key::new(version);
    row
}

/// The time of the sample so many steps before the newest one.
pub(super) fn steps_ago(steps: u32) -> Millis {
    NOW.minus(STEP * steps)
}

/// A course that ends now.
pub(super) fn course(values: &[f32]) -> SignalSeries {
    course_of(&reading(Measure::ErrorRatio, "", "", 0.0), values)
}

pub(super) fn course_of(reading: &SignalReading, values: &[f32]) -> SignalSeries {
    let steps = u32::try_from(values.len()).expect("a short course");
    SignalSeries {
        key: reading.key.clone(),
        start: NOW.minus(STEP * steps.saturating_sub(1)),
        step: STEP,
        times: None,
        earlier: None,
        values: Arc::from(values),
    }
}

const LIVE: Standing = Standing {
    freshness: Freshness::Live,
    read_at: Some(NOW),
};

fn held<T>(fact: T) -> Held<T> {
    Held {
        source: SourceId::new("prom"),
        asked_at: Millis(0),
        fact,
    }
}

fn with<R>(
    readings: &[SignalReading],
    courses: &[SignalSeries],
    beside: (Option<&ModelSettings>, Option<Millis>),
    standing: Standing,
    then: impl FnOnce(&Monitored<'_>, Option<Millis>) -> R,
) -> R {
    let (settings, began) = beside;
    let mut readings: Vec<_> = readings.iter().cloned().map(held).collect();
    readings.sort_by(|a, b| a.fact.key.cmp(&b.fact.key));
    let mut courses: Vec<_> = courses.iter().cloned().map(held).collect();
    courses.sort_by(|a, b| a.fact.key.cmp(&b.fact.key));
    let policy = SignalPolicy::default();
    let version = Key::new("14");
    let beside = Beside {
        standing: |_: &SourceId| standing,
        settings,
        tagged: &[],
        version: Some(&version),
        answering: Vec::new(),
        began: began.map(Began::exactly),
        policy: &policy,
        now: NOW,
    };
    let (monitored, until) = look(&readings, &courses, beside);
    then(&monitored, until)
}

/// Looks at readings of a live source, of a model whose version 14 is in production.
pub(super) fn monitored(
    readings: &[SignalReading],
    courses: &[SignalSeries],
    then: impl FnOnce(&Monitored<'_>),
) {
    with(readings, courses, (None, None), LIVE, |m, _| then(m));
}

pub(super) fn monitored_with(
    readings: &[SignalReading],
    courses: &[SignalSeries],
    settings: Option<&ModelSettings>,
    then: impl FnOnce(&Monitored<'_>),
) {
    with(readings, courses, (settings, None), LIVE, |m, _| then(m));
}

/// As [`monitored`], where version 14 began to answer then.
pub(super) fn monitored_since(
    readings: &[SignalReading],
    courses: &[SignalSeries],
    began: Millis,
    then: impl FnOnce(&Monitored<'_>),
) {
    with(readings, courses, (None, Some(began)), LIVE, |m, _| then(m));
}

/// As [`monitored`], of a source that stands so.
pub(super) fn monitored_from(
    readings: &[SignalReading],
    standing: Standing,
    then: impl FnOnce(&Monitored<'_>),
) {
    with(readings, &[], (None, None), standing, |m, _| then(m));
}

pub(super) fn with_sample(row: &SignalReading, then: impl FnOnce(&Sample<'_>)) {
    monitored(std::slice::from_ref(row), &[], |m| then(&m.samples[0]));
}

/// The state of a reading, and when it changes by time alone.
pub(super) fn sampled(row: &SignalReading) -> (State, Option<Millis>) {
    sampled_from(row, LIVE)
}

pub(super) fn sampled_from(row: &SignalReading, standing: Standing) -> (State, Option<Millis>) {
    let rows = std::slice::from_ref(row);
    with(rows, &[], (None, None), standing, |m, until| {
        (m.samples[0].state, until)
    })
}
