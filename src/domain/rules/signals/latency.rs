//! Requests that take too long: the newest quantile against its lines, and how fast the latency budget
//! burns. A quantile says of each sample only that at least so many requests were slower than the line:
//! burn rates are counted from that, never from a guess between two quantiles.

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
        let Some(sample) = worst(m.of(measure).iter()) else {
            continue;
        };
        let burn = pace(m, sample).filter(|_| sample.current);
        let by_line = sample.by_number.filter(|level| *level > Level::Info);
        let Some(level) = by_line.max(burn.map(|b| b.level)) else {
            continue;
        };
        if found.is_none_or(|(worst, ..)| level > worst) {
            found = Some((level, sample, burn));
        }
    }
    let (level, sample, burn) = found?;
    let line = sample.crossed().or(sample.lines.warn)?;
    let mut text = words::sentence(sample.measure().title(), sample, line);
    if let Some(burn) = burn {
        text.push_str(&burn.words());
    }
    let since = m.over_since(sample, sample.lines.warn.unwrap_or(line));
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

fn pace(m: &Monitored<'_>, sample: &Sample<'_>) -> Option<Pace> {
    let tail = tail(sample.measure())?;
    let line = sample.lines.warn?;
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
    fn fast_requests_are_no_finding() {
        monitored(&[reading(Measure::LatencyP95, "", "", 0.3)], &[], |m| {
            assert_eq!(judge(m), None);
        });
    }
}
