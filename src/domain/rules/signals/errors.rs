//! Requests that fail: the newest ratio against its lines, and how fast the error budget burns.

use super::burn;
use super::words;
use super::{Monitored, Sample, worst};
use crate::domain::level::{Level, Reason, ReasonCode};
use crate::domain::signal::Measure;

/// Judges the error ratio. The warning line is the budget that burn rates are counted in.
pub fn judge(m: &Monitored<'_>) -> Option<Reason> {
    let rows = m.of(Measure::ErrorRatio);
    let sample = worst(rows.iter())?;
    let pace = |sample: &Sample<'_>| {
        let course = m.course(sample)?;
        burn::judge(&course, sample.lines.warn?, m.now, |ratio| ratio)
    };
    // The budget is that of all versions together, whichever of them is the worst now.
    let whole = rows.iter().filter(|s| s.is_of_all());
    let burn = pace(sample).or_else(|| worst(whole).and_then(pace));
    let by_line = sample.by_number.filter(|level| *level > Level::Info);
    let level = by_line.max(burn.filter(|_| sample.current).map(|b| b.level))?;
    let line = sample.crossed().or(sample.lines.warn)?;
    let mut text = words::sentence("errors", sample, line);
    if let Some(burn) = burn {
        text.push_str(&burn.words());
    }
    let since = m.over_since(sample, sample.lines.warn.unwrap_or(line));
    Some(sample.finding(ReasonCode::SignalErrors, level, text, since))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::rules::signals::testing::{course_of, monitored, reading, steps_ago};
    use crate::domain::time::Since;

    #[test]
    fn a_ratio_over_its_line_says_both_and_since_when() {
        let mut row = reading(Measure::ErrorRatio, "", "", 0.048);
        row.window = Some(Duration::from_secs(300));
        let course = course_of(&row, &[0.0, 0.001, 0.048, 0.048]);
        monitored(&[row], &[course], |m| {
            let reason = judge(m).expect("a finding");
            assert_eq!(reason.level, Level::Crit);
            assert_eq!(reason.text, "errors 4.8 % > 3 % (5m)");
            assert_eq!(reason.since, Since::Exact(steps_ago(1)));
        });
    }

    #[test]
    fn nothing_is_said_of_a_quiet_or_a_good_endpoint() {
        for value in [0.0, 0.009] {
            let row = reading(Measure::ErrorRatio, "", "", value);
            monitored(&[row], &[], |m| assert_eq!(judge(m), None));
        }
        let mut row = reading(Measure::ErrorRatio, "", "", 0.0);
        row.value = crate::domain::signal::Measured::NoTraffic;
        monitored(&[row], &[], |m| assert_eq!(judge(m), None));
    }

    #[test]
    fn a_slow_burn_over_hours_is_critical_before_the_line_is() {
        // Six hours at 8 % of a 1 % budget: 8 times too fast in both windows.
        let mut row = reading(Measure::ErrorRatio, "", "", 0.08);
        row.lines = Some(std::sync::Arc::new(crate::domain::signal::Lines {
            warn: Some(0.01),
            crit: None,
        }));
        let course = course_of(&row, &[0.08; 73]);
        monitored(&[row], &[course], |m| {
            let reason = judge(m).expect("a finding");
            assert_eq!(reason.level, Level::Crit);
            assert_eq!(
                reason.text,
                "errors 8 % > 1 %, burning 8 × the budget over 6h"
            );
        });
    }

    #[test]
    fn the_budget_burns_for_all_versions_and_the_worst_one_is_named() {
        let whole = reading(Measure::ErrorRatio, "", "", 0.08);
        let mut own = whole.clone();
        own.key.version = crate::domain::key::Key::new("14");
        let course = course_of(&whole, &[0.08; 73]);
        let said = |own: &crate::domain::signal::SignalReading| {
            let mut said = String::new();
            let rows = [whole.clone(), own.clone()];
            monitored(&rows, std::slice::from_ref(&course), |m| {
                said = judge(m).expect("a finding").text.to_string();
            });
            said
        };
        let burning = "burning 8 × the budget over 6h";
        assert_eq!(said(&own), format!("errors 8 % > 3 %, {burning}"));
        own.value = crate::domain::signal::Measured::Value(0.2);
        assert_eq!(said(&own), format!("errors 20 % > 3 % on v14, {burning}"));
    }

    #[test]
    fn a_verdict_says_how_many_requests_it_rests_on() {
        let window = Some(Duration::from_secs(300));
        let requests = reading(Measure::Requests, "", "", 40.0);
        let mut whole = reading(Measure::ErrorRatio, "", "", 0.08);
        whole.window = window;
        let mut own = reading(Measure::ErrorRatio, "", "", 0.2);
        (own.key.version, own.window) = (crate::domain::key::Key::new("14"), window);
        monitored(&[requests.clone(), whole.clone()], &[], |m| {
            let reason = judge(m).expect("a finding");
            assert_eq!(reason.text, "errors 8 % > 3 % (5m), n 12,000");
        });
        // Requests of all versions are not those of one.
        monitored(&[requests, whole, own], &[], |m| {
            let reason = judge(m).expect("a finding");
            assert_eq!(reason.text, "errors 20 % > 3 % (5m) on v14");
        });
    }
}
