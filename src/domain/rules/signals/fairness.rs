//! Fairness metrics against their lines, with group and rows. The number and the line are told; what is
//! fair is for people to say, and none of this is a pager's business.

use super::words;
use super::{Monitored, Sample, worst};
use crate::domain::level::{Level, Reason, ReasonCode};
use crate::domain::signal::{Measure, State};

/// Judges the worst of the metrics and groups.
pub fn judge(m: &Monitored<'_>) -> Option<Reason> {
    let over = |s: &&Sample<'_>| s.by_number > Some(Level::Info) && m.is_of_production(s);
    let alive = |s: &&Sample<'_>| !s.silent;
    let all = || m.of(Measure::Fairness).iter().filter(over).filter(alive);
    // Of few rows a ratio swings: a number of more rows speaks first.
    let solid = worst(all().filter(|s| s.state != State::LowN));
    let sample = solid.or_else(|| worst(all()))?;
    let line = sample.crossed()?;
    let key = &sample.reading.key;
    let metric = if key.method.raw().is_empty() {
        "fairness metric".into()
    } else {
        key.method.clean().to_string()
    };
    let mut text = format!("{metric} {}", words::crossed(sample, line));
    if !key.part.raw().is_empty() {
        text.push_str(" for ");
        text.push_str(key.part.clean().as_str());
    }
    text.push_str(&words::rows(sample.n));
    let level = if sample.state == State::LowN {
        text.push_str(": too few rows for a verdict");
        Level::Info
    } else {
        Level::Warn
    };
    let since = m.over_since(sample, line);
    Some(sample.finding(ReasonCode::Fairness, level, text, since))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::rules::signals::testing::{monitored, reading};
    use crate::domain::signal::SignalReading;

    fn ratio(group: &str, value: f64, n: u32) -> SignalReading {
        let mut row = reading(Measure::Fairness, group, "demographic_parity_ratio", value);
        row.n = Some(n);
        row
    }

    #[test]
    fn value_line_group_and_rows_are_told_and_no_judgement() {
        monitored(
            &[ratio("B", 0.76, 4_100), ratio("C", 0.9, 4_100)],
            &[],
            |m| {
                let reason = judge(m).expect("a finding");
                assert_eq!(reason.level, Level::Warn);
                assert_eq!(
                    reason.text,
                    "demographic_parity_ratio 0.76 < 0.8 for B, n 4,100"
                );
            },
        );
    }

    #[test]
    fn a_tiny_group_is_named_and_not_judged() {
        monitored(&[ratio("B", 0.2, 12), ratio("C", 0.79, 900)], &[], |m| {
            assert!(judge(m).expect("a finding").text.as_str().contains("for C"));
        });
        monitored(&[ratio("B", 0.2, 12)], &[], |m| {
            let reason = judge(m).expect("a finding");
            assert_eq!(reason.level, Level::Info);
            assert!(
                reason
                    .text
                    .as_str()
                    .ends_with("n 12: too few rows for a verdict")
            );
        });
    }
}
