//! How a reading stands: a number to go by, or one of the states that must never look like one.

use std::time::Duration;

use super::{Sample, Standing};
use crate::domain::rules::freshness::{FRESH_START, Freshness};
use crate::domain::settings::SignalPolicy;
use crate::domain::signal::{Measure, Measured, State};
use crate::domain::time::Millis;

/// Whether a source's newest answer can be relied on.
pub fn is_current(standing: Standing, now: Millis) -> bool {
    match standing.freshness {
        Freshness::Live => true,
        Freshness::Waiting => standing
            .read_at
            .is_some_and(|at| now.since(at) <= FRESH_START),
        Freshness::Stale | Freshness::Down => false,
    }
}

/// Whether the job of a reading was silent for longer than its limit when its source was last read. A source
/// that falls silent itself brings no job to life.
pub fn is_silent(
    sample: &Sample<'_>,
    written: Option<Millis>,
    limit: Duration,
    now: Millis,
) -> bool {
    let reading = sample.reading;
    let scored = matches!(reading.value, Measured::Value(_));
    if !scored || !reading.key.measure.is_from_a_job() {
        return false;
    }
    let read_at = sample.read_at.filter(|_| !sample.current).unwrap_or(now);
    let last = written.max(reading.at);
    last.is_some_and(|at| at.plus(limit) <= read_at)
}

/// Judges a reading's state; says also when it turns stale by time alone.
///
/// `written` is when its job last ran, as far as any series tells; `limit` is how long a job may be
/// silent. A sample of a job looks fresh for ever, because its exporter shows the last value at each
/// scrape: only the job's own stamp counts.
pub fn judge(
    sample: &Sample<'_>,
    standing: Standing,
    written: Option<Millis>,
    limit: Duration,
    policy: &SignalPolicy,
    now: Millis,
) -> (State, Option<Millis>) {
    let reading = sample.reading;
    if !sample.current {
        let state = match standing.freshness {
            Freshness::Down => State::Error,
            _ => State::Stale,
        };
        return (state, None);
    }
    let mut until = None;
    let stale_at = if reading.key.measure.is_from_a_job() {
        // Each is a proof of life: the newest counts.
        written.max(reading.at).map(|at| at.plus(limit))
    } else {
        reading.at.map(|at| at.plus(policy.sample_stale_after))
    };
    let too_old = match stale_at {
        Some(at) if at <= now => true,
        at => {
            until = at;
            false
        }
    };
    let state = match reading.value {
        Measured::NotANumber => State::Nan,
        Measured::NoTraffic => State::NoTraffic,
        Measured::NoData => State::NoData,
        Measured::Value(_) if too_old => State::Stale,
        Measured::Value(value) if is_low(sample, value, policy) => State::LowN,
        Measured::Value(_) => State::Value,
    };
    (state, until)
}

/// Whether too few rows are behind a score: fewer than the policy asks for, or so few that a score
/// over its line is what chance gives without any drift.
fn is_low(sample: &Sample<'_>, value: f64, policy: &SignalPolicy) -> bool {
    let counts = matches!(
        sample.measure(),
        Measure::FeatureDrift
            | Measure::DriftShare
            | Measure::PredictionDrift
            | Measure::TargetDrift
            | Measure::QualityRealised
            | Measure::QualityEstimated
            | Measure::Fairness
    );
    let few = sample.n.is_some_and(|n| u64::from(n) < policy.min_samples);
    let line = sample.lines.warn.or(sample.lines.crit);
    let noise = sample.noise_floor.is_some_and(|floor| {
        let over = line.is_some_and(|line| sample.is_over(value, line));
        over && value < floor
    });
    counts && (few || noise)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::rules::signals::testing::{NOW, reading, sampled, sampled_from};

    #[test]
    fn what_is_no_number_has_a_state_of_its_own() {
        for (value, want) in [
            (Measured::Value(0.0), State::Value),
            (Measured::Value(f64::INFINITY), State::Value),
            (Measured::NotANumber, State::Nan),
            (Measured::NoTraffic, State::NoTraffic),
            (Measured::NoData, State::NoData),
        ] {
            let mut row = reading(Measure::ErrorRatio, "", "", 0.0);
            row.value = value;
            assert_eq!(sampled(&row).0, want);
        }
    }

    #[test]
    fn a_source_that_does_not_answer_leaves_no_number_to_go_by() {
        let row = reading(Measure::ErrorRatio, "", "", 0.5);
        for (freshness, want) in [
            (Freshness::Down, State::Error),
            (Freshness::Stale, State::Stale),
            (Freshness::Live, State::Value),
        ] {
            let standing = Standing {
                freshness,
                read_at: Some(NOW),
            };
            assert_eq!(sampled_from(&row, standing).0, want);
        }
        let before = |age| Standing {
            freshness: Freshness::Waiting,
            read_at: Some(NOW.minus(Duration::from_secs(age))),
        };
        assert_eq!(sampled_from(&row, before(60)).0, State::Value);
        assert_eq!(sampled_from(&row, before(600)).0, State::Stale);
    }

    #[test]
    fn a_job_that_is_silent_makes_its_fresh_samples_stale() {
        let hours = |h: u64| Duration::from_secs(h * 3600);
        let mut row = reading(Measure::FeatureDrift, "age", "PSI", 0.01);
        row.n = Some(5_000);
        row.written_at = Some(NOW.minus(hours(25)));
        let (state, until) = sampled(&row);
        assert_eq!((state, until), (State::Value, Some(NOW.plus(hours(1)))));
        row.written_at = Some(NOW.minus(hours(26)));
        assert_eq!(sampled(&row), (State::Stale, None));
        row.at = Some(NOW.minus(hours(2)));
        assert_eq!(sampled(&row).0, State::Value, "the report is newer");
    }

    #[test]
    fn a_sample_with_a_time_of_its_own_ages() {
        let mut row = reading(Measure::Requests, "", "", 3.0);
        row.at = Some(NOW.minus(Duration::from_secs(299)));
        assert_eq!(sampled(&row).0, State::Value);
        row.at = Some(NOW.minus(Duration::from_secs(300)));
        assert_eq!(sampled(&row).0, State::Stale);
    }

    #[test]
    fn few_rows_and_scores_within_the_noise_are_low_n() {
        let mut row = reading(Measure::FeatureDrift, "age", "PSI", 0.02);
        row.n = Some(212);
        assert_eq!(sampled(&row).0, State::LowN);
        row.n = Some(500);
        assert_eq!(sampled(&row).0, State::Value);
        // Ten bins, 600 rows against 100: (10 - 1) × (1/600 + 1/100) = 0.105 without any drift.
        row = reading(Measure::FeatureDrift, "age", "PSI", 0.12);
        (row.n, row.reference_n) = (Some(600), Some(100));
        assert_eq!(sampled(&row).0, State::LowN);
        row.reference_n = Some(20_000);
        assert_eq!(sampled(&row).0, State::Value);
        let mut errors = reading(Measure::ErrorRatio, "", "", 0.02);
        errors.n = Some(3);
        assert_eq!(
            sampled(&errors).0,
            State::Value,
            "the minimum is for scores"
        );
    }
}
