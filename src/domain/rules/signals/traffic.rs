//! Requests that stopped or fell sharply against the hours before. A quiet endpoint is no incident: what
//! is too little to count on is not compared.

use std::time::Duration;

use super::course::Course;
use super::words::{length, on_version};
use super::{Monitored, Sample, window_words};
use crate::domain::level::{Level, Reason, ReasonCode};
use crate::domain::number::{brief, with_unit};
use crate::domain::signal::{Measure, Measured, State};
use crate::domain::time::Since;

/// So many newest samples are not counted as the time before.
const NEWEST: u32 = 3;
/// So many requests must be expected in a window: of fewer, chance leaves none often enough.
const EXPECTED: f64 = 20.0;
/// So many samples make a time before.
const LEAST: usize = 6;
/// The window of a rate when nobody says.
const WINDOW: f64 = 300.0;

/// Judges the requests of all versions together, for a rollout moves them from one to another.
pub fn judge(m: &Monitored<'_>) -> Option<Reason> {
    let samples = m.of(Measure::Requests);
    let whole = |s: &&Sample<'_>| s.reading.key.version.raw().is_empty();
    let first = samples.iter().find(whole).or(samples.first())?;
    let of: Vec<&Sample<'_>> = samples
        .iter()
        .filter(|s| s.reading.key.source == first.reading.key.source && whole(s) == whole(&first))
        .collect();
    let mut now = 0.0;
    let mut before = 0.0;
    let mut over = Duration::ZERO;
    let mut since = Since::Unknown;
    for sample in &of {
        now += match (sample.state, sample.reading.value) {
            (State::Stale, _) if sample.current => return None,
            (_, Measured::Value(value)) => value,
            (_, Measured::NoTraffic) => 0.0,
            _ => return None,
        };
        let Some(course) = m.course(sample) else {
            continue;
        };
        let Some((usual, over_time)) = usual(m, course) else {
            continue;
        };
        over = over.max(over_time);
        before += usual;
        if of.len() == 1 {
            since = course.onset(|value| value < usual * m.policy.traffic_floor);
        }
    }
    let window = first.reading.window.map_or(WINDOW, |w| w.as_secs_f64());
    if before * window < EXPECTED || now >= before * m.policy.traffic_floor {
        return None;
    }
    let (level, text) = if now <= 0.0 {
        (
            Level::Crit,
            format!(
                "no requests{}, {} in the {} before",
                window_words(first.reading.window),
                with_unit(before, first.reading.unit),
                length(over)
            ),
        )
    } else {
        let text = format!(
            "requests {}{}, {} % of {} in the {} before",
            with_unit(now, first.reading.unit),
            window_words(first.reading.window),
            brief((now / before * 100.0).round()),
            with_unit(before, first.reading.unit),
            length(over)
        );
        (Level::Warn, text)
    };
    let text = format!(
        "{text}{}",
        if of.len() == 1 {
            on_version(first)
        } else {
            String::new()
        }
    );
    Some(first.finding(ReasonCode::SignalTraffic, level, text, since))
}

/// What was usual: the median of all but the newest samples, and the time that they cover.
fn usual(m: &Monitored<'_>, course: Course<'_>) -> Option<(f64, Duration)> {
    let until = m.now.minus(course.step().saturating_mul(NEWEST));
    let (median, count) = course.median_before(until)?;
    let (first, _) = course.samples().next()?;
    // Whole hours: the newest samples are left out, and nobody counts minutes of a time before.
    let hours = until.since(first).as_secs_f64() / 3_600.0;
    let over = Duration::from_secs(hours.round().max(1.0) as u64 * 3_600);
    (count >= LEAST).then_some((median, over))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::rules::signals::testing::{course_of, monitored, requests, steps_ago};

    #[test]
    fn a_fall_under_the_floor_is_found_and_a_stop_is_critical() {
        let mut course = [26.0; 12];
        course[11] = 3.0;
        let row = requests("", 3.0);
        let series = course_of(&row, &course);
        monitored(&[row], std::slice::from_ref(&series), |m| {
            let reason = judge(m).expect("a finding");
            assert_eq!(reason.level, Level::Warn);
            assert_eq!(reason.text, "requests 3/s, 12 % of 26/s in the 1h before");
            assert_eq!(reason.since, Since::Exact(steps_ago(0)));
        });
        let mut row = requests("", 0.0);
        row.value = Measured::NoTraffic;
        monitored(&[row], &[series], |m| {
            let reason = judge(m).expect("a finding");
            assert_eq!(
                (reason.level, reason.text.as_str()),
                (Level::Crit, "no requests, 26/s in the 1h before")
            );
        });
    }

    #[test]
    fn a_quiet_endpoint_and_a_short_memory_say_nothing() {
        let row = requests("", 0.0);
        for course in [&[0.05; 12][..], &[26.0; 7]] {
            let series = course_of(&row, course);
            monitored(std::slice::from_ref(&row), &[series], |m| {
                assert_eq!(judge(m), None);
            });
        }
    }

    #[test]
    fn a_rollout_is_no_loss() {
        let rows = [requests("13", 0.0), requests("14", 26.0)];
        let old = course_of(&rows[0], &[26.0; 12]);
        monitored(&rows, &[old], |m| assert_eq!(judge(m), None));
    }
}
