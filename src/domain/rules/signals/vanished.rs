//! Readings that a source told until a while ago and tells no more, as when an exporter died or is not
//! scraped: nobody knows how the model is, and an empty answer must not look like a good one.

use std::fmt::Write as _;

use super::course::Course;
use super::{Monitored, Sample};
use crate::domain::key::SourceId;
use crate::domain::level::{Level, Reason, ReasonCode};
use crate::domain::signal::{Measure, SignalSeries};
use crate::domain::text::Clean;
use crate::domain::time::{Millis, Since};

/// As many measures are named; the others are counted.
const NAMED: usize = 3;

/// Judges what is missing, one finding a source. Which version a reading was of does not matter, nor which
/// feature: those end with a rollout or another job. A model without a version in production is not missed.
pub fn judge(m: &Monitored<'_>) -> Vec<Reason> {
    if m.version.is_none() {
        return Vec::new();
    }
    let mut sources: Vec<&SourceId> = m.courses.iter().map(|c| &c.fact.key.source).collect();
    sources.sort();
    sources.dedup();
    sources
        .into_iter()
        .filter_map(|s| of_source(m, s))
        .collect()
}

fn of_source(m: &Monitored<'_>, source: &SourceId) -> Option<Reason> {
    let told = |measure: Measure| {
        let is = |s: &Sample<'_>| s.reading.key.source == *source;
        m.of(measure).iter().any(is)
    };
    let mut missing: Vec<Measure> = Vec::new();
    let mut last: Option<(Millis, &SignalSeries)> = None;
    for held in m.courses {
        let series = &held.fact;
        if series.key.source != *source || told(series.key.measure) {
            continue;
        }
        let mut samples = Course::of(series).samples();
        let Some((at, _)) = samples.rfind(|(_, value)| !value.is_nan()) else {
            continue;
        };
        if !missing.contains(&series.key.measure) {
            missing.push(series.key.measure);
        }
        if last.is_none_or(|(before, _)| before < at) {
            last = Some((at, series));
        }
    }
    let (at, series) = last?;
    let mut names: Vec<&str> = missing.iter().map(|measure| measure.title()).collect();
    let more = names.split_off(names.len().min(NAMED)).len();
    let mut text = format!(
        "nothing from {source} since {}: {}",
        at.day_minute(),
        names.join(", ")
    );
    if more > 0 {
        // Writing to a string cannot fail.
        let _ = write!(text, " and {more} more");
    }
    Some(Reason {
        code: ReasonCode::MonitorStale,
        level: Level::Unknown,
        text: Clean::text(&text),
        since: Since::within(at, at.plus(series.step)),
        source: Some(source.clone()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::rules::signals::testing::{
        course_of, monitored, reading, requests, steps_ago,
    };

    #[test]
    fn what_is_told_no_more_is_unknown_since_it_was_told_last() {
        let (errors, rows) = (
            reading(Measure::ErrorRatio, "", "", 0.01),
            requests("", 12.0),
        );
        let gap = f32::NAN;
        let courses = [
            course_of(&rows, &[12.0, 12.0, 11.0, gap, gap]),
            course_of(&errors, &[0.0, 0.0, gap, gap, gap]),
        ];
        // As complete as an answer can be, and nothing in it.
        monitored(&[], &courses, |m| {
            let all = super::super::judge(m, None);
            assert_eq!(all.reasons, judge(m));
            let [reason] = all.reasons.as_slice() else {
                panic!("one finding: {:?}", all.reasons)
            };
            assert_eq!(
                (reason.code, reason.level),
                (ReasonCode::MonitorStale, Level::Unknown)
            );
            let at = steps_ago(2).day_minute();
            let want = format!("nothing from prom since {at}: requests, errors");
            assert_eq!(reason.text, want.as_str());
            assert_eq!(reason.since, Since::Exact(steps_ago(1)));
        });
        // One of the two is back.
        monitored(&[errors], &courses, |m| {
            let found = judge(m);
            assert!(found[0].text.as_str().ends_with(": requests"), "{found:?}");
        });
    }

    #[test]
    fn another_version_or_feature_is_nothing_missing() {
        let ended = course_of(&requests("13", 12.0), &[9.0, 4.0, f32::NAN]);
        monitored(&[requests("14", 12.0)], &[ended], |m| {
            assert_eq!(judge(m), []);
        });
        let never = course_of(&requests("", 12.0), &[f32::NAN, f32::NAN]);
        monitored(&[], &[never], |m| assert_eq!(judge(m), []));
    }

    #[test]
    fn a_model_without_a_version_in_production_is_not_missed() {
        let courses = [course_of(&requests("", 12.0), &[9.0])];
        monitored(&[], &courses, |m| {
            assert_eq!(judge(m).len(), 1);
            let retired = Monitored {
                samples: Vec::new(),
                served: Vec::new(),
                version: None,
                began: None,
                ..*m
            };
            assert_eq!(judge(&retired), []);
        });
    }
}
