//! Predictions and labels that have moved. A score over its critical line must stay there for three
//! windows before it is critical.

use super::data_drift::{is_lasting, window_count};
use super::words;
use super::{Monitored, Sample};
use crate::domain::level::{Level, Reason, ReasonCode};
use crate::domain::signal::{Measure, State};

/// Judges prediction drift and target drift.
pub fn judge(m: &Monitored<'_>) -> impl Iterator<Item = Reason> {
    let of = |measure, code| told(m, measure).and_then(|sample| finding(m, sample, code));
    [
        of(Measure::PredictionDrift, ReasonCode::DriftPrediction),
        of(Measure::TargetDrift, ReasonCode::DriftTarget),
    ]
    .into_iter()
    .flatten()
}

/// The score that counts of what has moved as a whole.
fn told<'s, 'a>(m: &'s Monitored<'a>, measure: Measure) -> Option<&'s Sample<'a>> {
    let samples = m.of(measure).iter();
    m.counts(samples.filter(|s| m.is_of_served(s)))
}

/// How bad predictions and labels stand, findings or not.
pub(super) fn level(m: &Monitored<'_>) -> Option<Level> {
    let of = |measure| told(m, measure).and_then(|sample| sample.level);
    of(Measure::PredictionDrift).max(of(Measure::TargetDrift))
}

fn finding(m: &Monitored<'_>, sample: &Sample<'_>, code: ReasonCode) -> Option<Reason> {
    let level = sample.by_number.filter(|level| *level > Level::Info)?;
    // What a dead job said last is the monitor's finding, not the model's.
    if sample.silent {
        return None;
    }
    let line = sample.crossed().or(sample.lines.warn)?;
    let level = match level {
        _ if sample.state == State::LowN => Level::Unknown,
        Level::Crit if !is_lasting(m, sample) => Level::Warn,
        level => level,
    };
    let method = sample.reading.key.method.clean();
    let method = if method.is_empty() {
        String::new()
    } else {
        format!(" {method}")
    };
    let mut text = format!(
        "{}{method} {}{}{}",
        sample.measure().title(),
        words::crossed(sample, line),
        words::on_version(sample),
        words::rows(sample.n),
    );
    match sample.state {
        State::LowN => text.push_str(": too few rows for a verdict"),
        _ => text.push_str(&window_count(m, sample, line)),
    }
    let since = m.over_since(sample, line);
    Some(sample.finding(code, level, text, since))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::rules::signals::testing::{course_of, monitored, reading};

    #[test]
    fn three_windows_in_a_row_make_it_critical() {
        let mut row = reading(Measure::PredictionDrift, "", "PSI", 0.31);
        row.n = Some(9_000);
        let first = |m: &Monitored<'_>| judge(m).next().expect("a finding");
        monitored(std::slice::from_ref(&row), &[], |m| {
            let reason = first(m);
            assert_eq!(reason.level, Level::Warn);
            assert_eq!(reason.text, "prediction drift PSI 0.31 > 0.25, n 9,000");
        });
        let course = course_of(&row, &[0.1, 0.26, 0.3, 0.31]);
        monitored(&[row], &[course], |m| {
            let reason = first(m);
            assert_eq!(reason.level, Level::Crit);
            assert!(reason.text.as_str().ends_with("over in 3 of 4 windows"));
        });
    }

    #[test]
    fn labels_that_moved_are_a_finding_of_their_own() {
        let row = reading(Measure::TargetDrift, "", "chi-square p_value", 0.001);
        monitored(&[row], &[], |m| {
            let reason = judge(m).next().expect("a finding");
            assert_eq!(reason.code, ReasonCode::DriftTarget);
            assert_eq!(reason.text, "target drift chi-square p_value 0.001 < 0.05");
        });
    }

    #[test]
    fn a_score_of_few_rows_is_unknown() {
        let mut row = reading(Measure::PredictionDrift, "", "PSI", 0.31);
        row.n = Some(90);
        monitored(&[row], &[], |m| {
            let reason = judge(m).next().expect("a finding");
            assert_eq!(reason.level, Level::Unknown);
        });
    }
}
