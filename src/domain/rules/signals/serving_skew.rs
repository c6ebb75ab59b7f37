//! Training/serving skew: a version whose inputs have looked wrong since its first minutes. Data that moved
//! would have moved for the version before as well; a feature that is computed differently begins with the
//! version that reads it so.

use std::time::Duration;

use super::data_drift::Features;
use super::{Began, Monitored, Sample, words};
use crate::domain::level::{Level, Reason, ReasonCode};
use crate::domain::signal::State;
use crate::domain::time::Since;
use crate::domain::wiring;

/// Judges the features that have drifted against the time when the version in production began to answer.
pub fn judge(m: &Monitored<'_>) -> Option<Reason> {
    let (began, version) = (m.began?, m.version?);
    let drifted = |s: &&&Sample<'_>| s.state == State::Value && s.level > Some(Level::Info);
    let features = Features::of(m);
    let since_then: Vec<&Sample<'_>> = features
        .rows()
        .iter()
        .filter(drifted)
        .copied()
        .filter(|s| is_from_the_start(m, s, began))
        .collect();
    let worst = since_then
        .iter()
        .max_by(|a, b| a.badness().total_cmp(&b.badness()))?;
    let line = worst.crossed()?;
    let key = &worst.reading.key;
    let text = format!(
        "{} has drifted since it began at {}: {} {}, worst {} {} {}",
        wiring::version_text(version),
        began.at.day_minute(),
        since_then.len(),
        if since_then.len() == 1 {
            "feature"
        } else {
            "features"
        },
        key.part.clean(),
        key.method.clean(),
        words::crossed(worst, line),
    );
    Some(worst.finding(
        ReasonCode::ServingSkew,
        Level::Warn,
        text,
        Since::Exact(began.at),
    ))
}

/// Whether a score was over its line in the first samples of the version and in all since, and not
/// before it. Of the time in which it may or may not have begun, a sample may be of either version.
fn is_from_the_start(m: &Monitored<'_>, sample: &Sample<'_>, began: Began) -> bool {
    let (Some(line), Some(course)) = (sample.lines.warn.or(sample.lines.crit), m.course(sample))
    else {
        return false;
    };
    // A job's first window of the version ends no earlier than one window after it began.
    let window = sample.reading.window.unwrap_or(Duration::ZERO);
    let by = began
        .at
        .plus(m.policy.skew_window.max(window).max(course.step()));
    let over = |value: f64| sample.is_over(value, line);
    let mut after = course.samples().filter(|(at, _)| *at >= began.at);
    let at_once = after
        .next()
        .is_some_and(|(at, value)| at <= by && over(value));
    let ever_since = after.all(|(_, value)| over(value));
    let before = course
        .samples()
        .take_while(|(at, _)| *at < began.not_before);
    let before = before.last();
    let of_the_version = !sample.reading.key.version.raw().is_empty();
    let not_before = before.map_or(of_the_version, |(_, value)| !over(value));
    at_once && ever_since && not_before
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::key::Key;
    use crate::domain::rules::signals::testing::{course_of, monitored_since, reading, steps_ago};
    use crate::domain::signal::Measure;

    fn say(version: &str, course: &[f32]) -> Option<String> {
        let mut row = reading(Measure::FeatureDrift, "tenure", "PSI", 0.42);
        row.n = Some(9_000);
        row.key.version = Key::new(version);
        let series = course_of(&row, course);
        let mut said = None;
        monitored_since(&[row], &[series], steps_ago(2), |m| {
            said = judge(m).map(|r| r.text.to_string());
        });
        said
    }

    #[test]
    fn drift_that_began_with_the_version_is_skew() {
        let text = say("", &[0.02, 0.03, 0.4, 0.41, 0.42]).expect("a finding");
        let began = steps_ago(2).day_minute();
        assert_eq!(
            text,
            format!(
                "v14 has drifted since it began at {began}: 1 feature, worst tenure PSI 0.42 > 0.1"
            )
        );
        assert!(
            say("14", &[0.4, 0.41, 0.42]).is_some(),
            "a series of its own begins with it"
        );
    }

    #[test]
    fn drift_from_before_or_from_later_is_not() {
        assert_eq!(
            say("", &[0.02, 0.3, 0.4, 0.41, 0.42]),
            None,
            "it was there before"
        );
        assert_eq!(
            say("", &[0.02, 0.03, 0.02, 0.41, 0.42]),
            None,
            "it came later"
        );
        assert_eq!(
            say("", &[0.4, 0.41, 0.42]),
            None,
            "nobody saw the time before"
        );
    }
}
