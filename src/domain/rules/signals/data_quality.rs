//! Data that are broken rather than moved: values that are missing, and a mean that jumps by a factor as
//! it does when somebody sends cents for euros. The cheapest cause to find, and the most frequent one.

use super::words;
use super::{Monitored, Sample, window_words, worst};
use crate::domain::level::{Level, Reason, ReasonCode};
use crate::domain::number::{brief, with_unit};
use crate::domain::rules::scale;
use crate::domain::signal::{Measure, State};
use crate::domain::time::Since;

/// A mean that is so many times what it was, or so many times less, is no drift: the unit changed.
const JUMP: f64 = 5.0;
/// So many windows must have been there before.
const BEFORE: usize = 4;
/// So many newest windows must have jumped for a critical finding.
const JUMPED: usize = 2;
/// One window is believed, as a warning, where it is so many times what all before it were and by a factor that
/// units differ by: no few rows make that.
const AT_ONCE: f64 = 50.0;

/// Judges missing values and means, one finding each.
pub fn judge(m: &Monitored<'_>) -> impl Iterator<Item = Reason> {
    missing(m).into_iter().chain(jumped(m))
}

fn usable(m: &Monitored<'_>, sample: &Sample<'_>) -> bool {
    (sample.state == State::Value || !sample.current) && m.is_of_production(sample)
}

fn missing(m: &Monitored<'_>) -> Option<Reason> {
    let over = |s: &&Sample<'_>| usable(m, s) && s.by_number > Some(Level::Info);
    let all = || m.of(Measure::NullShare).iter().filter(over);
    let sample = worst(all())?;
    let line = sample.crossed()?;
    let part = sample.reading.key.part.clean();
    let of = if part.is_empty() {
        String::new()
    } else {
        format!(" of {part}")
    };
    let more = match all().count() {
        1 => String::new(),
        n => format!(" and of {} more", n - 1),
    };
    let text = format!(
        "missing values{of} {}{more}{}{}",
        words::crossed(sample, line),
        window_words(sample.reading.window),
        words::rows(sample.n)
    );
    let since = m.over_since(sample, line);
    let level = sample.by_number?;
    Some(sample.finding(ReasonCode::DataQuality, level, text, since))
}

/// A mean and what it was.
struct Jump<'s, 'a> {
    sample: &'s Sample<'a>,
    now: f64,
    was: f64,
    since: Since,
    /// Whether only its newest window tells so.
    once: bool,
}

impl Jump<'_, '_> {
    fn factor(&self) -> f64 {
        let ratio = (self.now / self.was).abs();
        if ratio < 1.0 { 1.0 / ratio } else { ratio }
    }
}

fn jumped(m: &Monitored<'_>) -> Option<Reason> {
    let means = m.of(Measure::FeatureMean).iter().filter(|s| usable(m, s));
    let jumps: Vec<Jump<'_, '_>> = means.filter_map(|s| jump(m, s)).collect();
    let worst = jumps
        .iter()
        .max_by(|a, b| a.factor().total_cmp(&b.factor()))?;
    let unit = worst.sample.reading.unit;
    let more = match jumps.len() {
        1 => String::new(),
        n => format!(", and {} more", n - 1),
    };
    let times = scale::factor_text(worst.was, worst.now).unwrap_or_else(|| {
        let sign = if worst.now.abs() > worst.was.abs() {
            '×'
        } else {
            '÷'
        };
        format!("{sign}{}", brief((worst.factor() * 10.0).round() / 10.0))
    });
    let text = format!(
        "mean of {} {}, {} before: {times}{more}, a change of unit?",
        worst.sample.reading.key.part.clean(),
        with_unit(worst.now, unit),
        with_unit(worst.was, unit),
    );
    let level = if jumps.iter().all(|jump| jump.once) {
        Level::Warn
    } else {
        Level::Crit
    };
    let reason = worst
        .sample
        .finding(ReasonCode::DataQuality, level, text, worst.since);
    Some(reason)
}

/// Whether two means differ as far as one window is believed, by a factor that units differ by.
fn is_of_units(was: f64, now: f64) -> bool {
    let ratio = (now / was).abs();
    ratio.max(1.0 / ratio) >= AT_ONCE && scale::round_factor(was, now).is_some()
}

fn jump<'s, 'a>(m: &Monitored<'_>, sample: &'s Sample<'a>) -> Option<Jump<'s, 'a>> {
    let now = sample.value()?;
    let course = m.course(sample)?;
    let values = course.distinct(sample.reading.window);
    let (before, newest) = values.split_at(values.len().checked_sub(JUMPED)?);
    if before.len() < BEFORE {
        return None;
    }
    let mut earlier = before[..before.len().div_ceil(2).max(BEFORE)].to_vec();
    earlier.sort_by(f64::total_cmp);
    let was = earlier[earlier.len() / 2];
    let far = |a: f64, b: f64| {
        let ratio = (a / b).abs();
        ratio >= JUMP || ratio <= 1.0 / JUMP
    };
    let steady = earlier.iter().all(|v| !far(*v, was));
    let all = far(now, was) && newest.iter().all(|v| far(*v, was));
    let (last, rest) = values.split_last()?;
    let once = far(*last, was) && rest.iter().all(|v| !far(*v, was)) && is_of_units(was, now);
    (was != 0.0 && now.is_finite() && steady && (all || once)).then(|| Jump {
        sample,
        now,
        was,
        since: course.onset(|v| far(v, was)),
        once: !all,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::rules::signals::testing::{course_of, monitored, reading, steps_ago};

    fn said(rows: &[crate::domain::signal::SignalReading], course: &[f32]) -> Vec<Reason> {
        let mut said = Vec::new();
        let series = course_of(&rows[0], course);
        monitored(rows, &[series], |m| said = judge(m).collect());
        said
    }

    #[test]
    fn missing_values_have_lines() {
        let rows = [
            reading(Measure::NullShare, "tenure", "", 0.22),
            reading(Measure::NullShare, "city", "", 0.06),
            reading(Measure::NullShare, "age", "", 0.0),
        ];
        let found = said(&rows, &[0.22]);
        assert_eq!(found[0].level, Level::Crit);
        assert_eq!(
            found[0].text,
            "missing values of tenure 22 % > 20 % and of 1 more"
        );
    }

    #[test]
    fn a_mean_a_hundred_times_larger_is_a_change_of_unit() {
        let rows = [reading(Measure::FeatureMean, "amount", "", 4_210.0)];
        let found = said(&rows, &[42.0, 42.3, 41.9, 42.1, 42.2, 4_205.0, 4_210.0]);
        assert_eq!(found[0].level, Level::Crit);
        assert_eq!(
            found[0].text,
            "mean of amount 4.21k, 42.1 before: ×100, a change of unit?"
        );
        assert_eq!(found[0].since, Since::Exact(steps_ago(1)));
    }

    #[test]
    fn a_mean_that_always_swings_or_jumped_once_says_nothing() {
        let rows = [reading(Measure::FeatureMean, "amount", "", 400.0)];
        assert_eq!(said(&rows, &[1.0, 90.0, 3.0, 400.0, 2.0, 401.0, 400.0]), []);
        assert_eq!(said(&rows, &[42.0, 42.3, 41.9, 42.1, 42.2, 400.0]), []);
        assert_eq!(said(&rows, &[0.0, 0.0, 0.0, 0.0, 0.0, 401.0, 400.0]), []);
    }

    #[test]
    fn one_window_in_another_unit_is_a_warning_and_two_are_critical() {
        let rows = [reading(Measure::FeatureMean, "ctr", "", 3.34)];
        let before = [0.034, 0.0347, 0.0338, 0.0351, 0.0344];
        let found = said(&rows, &[&before[..], &[3.34]].concat());
        assert_eq!(found[0].level, Level::Warn);
        assert_eq!(
            found[0].text,
            "mean of ctr 3.34, 0.035 before: ×100, a change of unit?"
        );
        let found = said(&rows, &[&before[..], &[3.31, 3.34]].concat());
        assert_eq!(found[0].level, Level::Crit);
        // A window of another factor, and one that is not the newest, say nothing.
        let other = [reading(Measure::FeatureMean, "ctr", "", 2.4)];
        assert_eq!(said(&other, &[&before[..], &[2.4]].concat()), []);
        let past = [reading(Measure::FeatureMean, "ctr", "", 0.034)];
        assert_eq!(said(&past, &[&before[..], &[3.4, 0.034]].concat()), []);
    }
}
