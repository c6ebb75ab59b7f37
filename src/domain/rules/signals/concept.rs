//! Concept drift: quality with labels fell while the inputs stayed where they were. Only labels prove it,
//! and rolling back does not help: what is to be learned has changed.

use super::{Monitored, Sample, words};
use crate::domain::fleet::view::DriftSummary;
use crate::domain::level::{Level, Reason, ReasonCode};
use crate::domain::number::with_unit;
use crate::domain::signal::{Direction, Measure, State, Unit};

/// So many windows must have been there before the fall.
const BEFORE: usize = 4;
/// A fall by this share of what it was counts: of a metric's own noise, less is seen every week.
const FALL: f64 = 0.05;
/// So many newest windows must all have fallen.
const FALLEN: usize = 2;

/// Judges realised quality beside the summary of the features, which must be able to tell that they are
/// flat.
pub fn judge(m: &Monitored<'_>, drift: Option<&DriftSummary>) -> Option<Reason> {
    let drift = drift.filter(|d| d.judged > 0 && d.level <= Some(Level::Info))?;
    let judged = |s: &&Sample<'_>| s.state == State::Value && m.is_of_production(s);
    let mut realised = m.of(Measure::QualityRealised).iter().filter(judged);
    let (sample, before, at) = realised.find_map(|s| fallen(m, s).map(|(was, at)| (s, was, at)))?;
    let unit = sample.reading.unit;
    let text = format!(
        "concept drift: {} {}, was {} (a fall of {} counts){}, while inputs are flat ({}/{} drifted)",
        sample.reading.key.part.clean(),
        with_unit(sample.value()?, unit),
        with_unit(before, unit),
        with_unit(FALL, Unit::Ratio),
        words::rows(sample.n),
        drift.drifted,
        drift.judged
    );
    Some(sample.finding(ReasonCode::DriftConcept, Level::Warn, text, at))
}

/// What a metric was before it fell, and since when it is lower; `None` if it has not fallen.
fn fallen(m: &Monitored<'_>, sample: &Sample<'_>) -> Option<(f64, crate::domain::time::Since)> {
    let course = m.course(sample)?;
    let values = course.distinct(sample.reading.window);
    let (before, newest) = values.split_at(values.len().checked_sub(FALLEN)?);
    if before.len() < BEFORE {
        return None;
    }
    let mut earlier = before[..before.len().div_ceil(2)].to_vec();
    earlier.sort_by(f64::total_cmp);
    let was = earlier[earlier.len() / 2];
    let worse = |value: f64| {
        let by = match sample.direction {
            Direction::LowIsBad => was - value,
            Direction::HighIsBad => value - was,
            Direction::Neither => return false,
        };
        // Of nothing a share is nothing: what stays at 0 has not fallen.
        by > 0.0 && by >= was.abs() * FALL
    };
    let all = newest.iter().all(|v| worse(*v)) && sample.value().is_some_and(worse);
    all.then(|| (was, course.onset(worse)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::rules::signals::data_drift;
    use crate::domain::rules::signals::testing::{course_of, monitored, reading, steps_ago};
    use crate::domain::signal::SignalReading;
    use crate::domain::time::Since;

    const FELL: [f32; 7] = [0.80, 0.81, 0.80, 0.79, 0.80, 0.72, 0.71];

    fn say(score: f64, quality: &[f32]) -> Option<(String, Since)> {
        let mut feature = reading(Measure::FeatureDrift, "age", "PSI", score);
        feature.n = Some(9_000);
        let last = f64::from(*quality.last().expect("a course"));
        let auc = reading(Measure::QualityRealised, "auc", "", last);
        let rows: [SignalReading; 2] = [feature, auc.clone()];
        let mut said = None;
        let mut course = course_of(&auc, quality);
        // Each is a run of its own, also where it repeats the one before.
        course.times = Some((0..quality.len()).map(|n| course.at(n)).collect());
        monitored(&rows, &[course], |m| {
            let (summary, _) = data_drift::judge(m);
            said = judge(m, summary.as_ref()).map(|r| (r.text.to_string(), r.since));
        });
        said
    }

    #[test]
    fn a_fall_with_flat_inputs_is_concept_drift() {
        let (text, since) = say(0.02, &FELL).expect("a finding");
        assert_eq!(
            text,
            "concept drift: auc 0.71, was 0.8 (a fall of 5 % counts), while inputs are flat (0/1 drifted)"
        );
        assert_eq!(since, Since::Exact(steps_ago(1)));
    }

    #[test]
    fn what_stays_at_nothing_has_not_fallen() {
        assert_eq!(say(0.02, &[0.0; 7]), None);
        assert_eq!(say(0.02, &[0.01, 0.01, 0.01, 0.01, 0.01, 0.0, 0.0]), {
            let words = "concept drift: auc 0, was 0.01 (a fall of 5 % counts), while inputs are flat (0/1 drifted)";
            Some((words.to_owned(), Since::Exact(steps_ago(1))))
        });
    }

    #[test]
    fn with_drifted_inputs_or_one_bad_window_it_is_not() {
        assert_eq!(say(0.4, &FELL), None);
        assert_eq!(say(0.02, &[0.80, 0.81, 0.80, 0.79, 0.80, 0.71]), None);
        assert_eq!(say(0.02, &[0.80, 0.81, 0.80, 0.79, 0.78, 0.77]), None);
    }

    #[test]
    fn without_a_look_at_the_inputs_nothing_can_be_told() {
        let auc = reading(Measure::QualityRealised, "auc", "", 0.71);
        let course = course_of(&auc, &FELL);
        monitored(&[auc], &[course], |m| assert_eq!(judge(m, None), None));
    }
}
