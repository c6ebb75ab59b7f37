//! Requests that take too long: the newest quantile against its lines, and how fast the latency budget
//! burns. A quantile says of each sample only that at least so many requests were slower than the line:
//! burn rates are counted from that, never from a guess between two quantiles. The budget's line is that
//! of the 95th percentile; a median over it has used up ten budgets of one in twenty.

use super::burn::{self, Pace};
use super::words;
use super::{Monitored, Sample, worst};
use crate::domain::level::{Level, Reason, ReasonCode};
use crate::domain::signal::Measure;

/// The latencies, in the order in which one is chosen among equally bad ones.
const LATENCIES: [Measure; 4] = [
    Measure::LatencyP95,
    Measure::LatencyP99,
    Measure::LatencyMean,
    Measure::LatencyP50,
];

/// Judges latency: one finding, of the worst of the quantiles.
pub fn judge(m: &Monitored<'_>) -> Option<Reason> {
    let mut found: Option<(Level, &Sample<'_>, Option<Pace>)> = None;
    for measure in LATENCIES {
        let rows = m.of(measure);
        let Some(sample) = worst(rows.iter()) else {
            continue;
        };
        let whole = rows.iter().filter(|s| s.is_of_all());
        let burn = pace(m, sample).or_else(|| worst(whole).and_then(|s| pace(m, s)));
        let burn = burn.filter(|_| sample.current);
        let by_line = sample.by_number.filter(|level| *level > Level::Info);
        let Some(level) = by_line.max(burn.map(|b| b.level)) else {
            continue;
        };
        if found.is_none_or(|(worst, ..)| level > worst) {
            found = Some((level, sample, burn));
        }
    }
    let (level, sample, burn) = found?;
    let line = sample.crossed().or_else(|| budget_line(m, sample))?;
    let mut text = words::sentence(sample.measure().title(), sample, line);
    if let Some(burn) = burn {
        text.push_str(&burn.words());
    }
    let since = m.over_since(sample, budget_line(m, sample).unwrap_or(line));
    Some(sample.finding(ReasonCode::SignalLatency, level, text, since))
}

/// The share of requests that are slower than a quantile, or `None` for a mean.
fn tail(measure: Measure) -> Option<f64> {
    match measure {
        Measure::LatencyP50 => Some(0.5),
        Measure::LatencyP95 => Some(0.05),
        Measure::LatencyP99 => Some(0.01),
        _ => None,
    }
}

/// The time beyond which a request counts as slow: the quantile's own line, else that of the 95th
/// percentile.
fn budget_line(m: &Monitored<'_>, sample: &Sample<'_>) -> Option<f64> {
    let of_p95 = || {
        let read = m.of(Measure::LatencyP95).first().map(|s| s.lines);
        read.or_else(|| m.policy.lines.get(&Measure::LatencyP95).copied())
    };
    sample.lines.warn.or_else(|| of_p95()?.warn)
}

fn pace(m: &Monitored<'_>, sample: &Sample<'_>) -> Option<Pace> {
    let tail = tail(sample.measure())?;
    let line = budget_line(m, sample)?;
    let course = m.course(sample)?;
    let slow = |value: f64| if value >= line { tail } else { 0.0 };
    burn::judge(&course, m.policy.latency_budget, m.now, slow)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::domain::rules::signals::testing::{course_of, monitored, reading};
    use crate::domain::signal::Lines;

    #[test]
    fn the_worst_quantile_speaks() {
        let mut p95 = reading(Measure::LatencyP95, "", "", 0.62);
        p95.window = Some(Duration::from_secs(300));
        let p99 = reading(Measure::LatencyP99, "", "", 0.9);
        monitored(&[p95, p99], &[], |m| {
            let reason = judge(m).expect("a finding");
            assert_eq!(reason.level, Level::Warn);
            assert_eq!(reason.text, "p95 620 ms > 500 ms (5m)");
        });
        let p99 = reading(Measure::LatencyP99, "", "", 2.5);
        monitored(&[p99], &[], |m| {
            let reason = judge(m).expect("a finding");
            assert_eq!(
                (reason.level, reason.text.as_str()),
                (Level::Crit, "p99 2.5 s > 2 s")
            );
        });
    }

    #[test]
    fn a_median_over_the_line_burns_ten_budgets() {
        let mut p50 = reading(Measure::LatencyP50, "", "", 0.6);
        p50.lines = Some(Arc::new(Lines {
            warn: Some(0.5),
            crit: None,
        }));
        let course = course_of(&p50, &[0.6; 73]);
        monitored(&[p50], &[course], |m| {
            let reason = judge(m).expect("a finding");
            assert_eq!(reason.level, Level::Crit);
            assert_eq!(
                reason.text,
                "p50 600 ms > 500 ms, burning 10 × the budget over 6h"
            );
        });
    }

    #[test]
    fn a_median_without_a_line_of_its_own_burns_by_that_of_the_95th_percentile() {
        let p50 = reading(Measure::LatencyP50, "", "", 0.4);
        let mut values = [0.6; 73];
        values[72] = 0.4;
        let course = course_of(&p50, &values);
        monitored(&[p50], &[course], |m| {
            let reason = judge(m).expect("a finding");
            assert_eq!(reason.level, Level::Crit);
            let words = "p50 400 ms < 500 ms, burning 9.86 × the budget over 6h";
            assert_eq!(reason.text, words, "it is better now, and was not");
        });
    }

    #[test]
    fn fast_requests_are_no_finding() {
        monitored(&[reading(Measure::LatencyP95, "", "", 0.3)], &[], |m| {
            assert_eq!(judge(m), None);
        });
    }
}
