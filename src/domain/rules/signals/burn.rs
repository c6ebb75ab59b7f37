//! How fast an error budget burns: the multi-window, multi-burn-rate rule of Google's SRE workbook,
//! chapter 5, table 5-8, over the course of a signal.

use std::time::Duration;

use super::course::Course;
use super::words;
use crate::domain::level::Level;
use crate::domain::number::brief;
use crate::domain::time::Millis;

/// One rule of the table: it holds when both windows burn at the rate.
struct Rule {
    rate: f64,
    long: Duration,
    short: Duration,
    level: Level,
}

const fn minutes(n: u64) -> Duration {
    Duration::from_secs(n * 60)
}

/// The table, for a budget of thirty days: 2 % of it in an hour, 5 % in six, 10 % in three days.
const RULES: [Rule; 3] = [
    Rule {
        rate: 14.4,
        long: minutes(60),
        short: minutes(5),
        level: Level::Crit,
    },
    Rule {
        rate: 6.0,
        long: minutes(6 * 60),
        short: minutes(30),
        level: Level::Crit,
    },
    Rule {
        rate: 1.0,
        long: minutes(3 * 24 * 60),
        short: minutes(6 * 60),
        level: Level::Warn,
    },
];

/// A budget that burns too fast.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Pace {
    /// How many times faster than it lasts.
    pub rate: f64,
    /// Over which time.
    pub over: Duration,
    /// How bad.
    pub level: Level,
}

impl Pace {
    /// `, burning 8 × the budget over 6h`.
    pub fn words(&self) -> String {
        format!(
            ", burning {} × the budget over {}",
            brief(self.rate),
            words::length(self.over)
        )
    }
}

/// Judges a course whose values become the share of bad requests through `bad`. `budget` is the share
/// that may be bad. A course that does not reach back over a window says nothing of that window.
pub fn judge(
    course: &Course<'_>,
    budget: f64,
    now: Millis,
    bad: impl Fn(f64) -> f64,
) -> Option<Pace> {
    if budget <= 0.0 || budget.is_nan() {
        return None;
    }
    RULES.iter().find_map(|rule| {
        // A window shorter than a few steps is judged by those steps.
        let short = rule.short.max(course.step() * 2);
        let long = course.mean(rule.long, now, &bad)? / budget;
        let short = course.mean(short, now, &bad)? / budget;
        (long >= rule.rate && short >= rule.rate).then_some(Pace {
            rate: long,
            over: rule.long,
            level: rule.level,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::rules::signals::testing::{NOW, course};

    fn pace(values: &[f32]) -> Option<(Level, Duration)> {
        // Steps of five minutes, a budget of one in a hundred.
        let series = course(values);
        judge(&Course::of(&series), 0.01, NOW, |v| v).map(|p| (p.level, p.over))
    }

    #[test]
    fn both_windows_must_burn() {
        let hour = [0.2; 13];
        assert_eq!(pace(&hour), Some((Level::Crit, minutes(60))));
        let mut over = hour;
        over[11..].fill(0.0);
        assert_eq!(pace(&over), None, "it is over");
        let mut begun = [0.0; 13];
        begun[11..].fill(0.2);
        assert_eq!(pace(&begun), None, "it has just begun");
    }

    #[test]
    fn six_hours_at_a_lower_rate_are_as_bad() {
        assert_eq!(pace(&[0.07; 73]), Some((Level::Crit, minutes(360))));
        assert_eq!(pace(&[0.05; 73]), None);
        assert_eq!(pace(&[0.07; 30]), None, "nobody saw six hours");
    }

    #[test]
    fn three_days_on_the_budget_are_worth_a_ticket() {
        assert_eq!(
            pace(&[0.012; 865]),
            Some((Level::Warn, minutes(3 * 24 * 60)))
        );
        assert_eq!(pace(&[0.009; 865]), None);
    }
}
