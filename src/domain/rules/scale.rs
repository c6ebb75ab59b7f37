//! Whether a mean has jumped by a round factor, as it does when a value begins to come in another unit:
//! metres for kilometres, per cent for a share, seconds for minutes.

use crate::domain::number::with_unit;
use crate::domain::signal::Unit;
use crate::domain::text::Clean;

/// The factors that units differ by.
const FACTORS: [f64; 8] = [10.0, 60.0, 100.0, 1e3, 3_600.0, 1e4, 1e6, 1e9];
/// A mean of other rows is never quite the same: so much of a factor is let pass.
const SLACK: f64 = 0.1;
/// So many samples must tell what the mean was.
const BEFORE: usize = 4;

/// A jump of a mean.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Jump {
    /// What it was.
    pub before: f64,
    /// What it is.
    pub now: f64,
    /// The round factor between them, above one.
    pub factor: f64,
}

impl Jump {
    /// The factor with its direction: `×100`, `÷60`.
    pub fn factor_text(&self) -> String {
        factor_text(self.before, self.now).unwrap_or_default()
    }

    /// In a sentence: `ctr ×100: mean 0.034 → 3.4, as a change of unit would move it`.
    pub fn text(&self, feature: &str) -> Clean {
        let of = |value| with_unit(value, Unit::Score);
        Clean::text(&format!(
            "{feature} {}: mean {} → {}, as a change of unit would move it",
            self.factor_text(),
            of(self.before),
            of(self.now)
        ))
    }
}

/// How many times as much something is, with the direction and as a round factor where it is near one: `×100`,
/// `÷60`, `×42`. Nothing below ten times: that is told as a share.
pub fn factor_text(before: f64, now: f64) -> Option<String> {
    let ratio = (now / before).abs();
    let (sign, times) = if ratio < 1.0 {
        ('÷', 1.0 / ratio)
    } else {
        ('×', ratio)
    };
    let near = |factor: &f64| (times / factor - 1.0).abs() <= SLACK;
    let round = FACTORS.into_iter().find(near);
    let told = times.is_finite() && (times >= 10.0 || round.is_some());
    told.then(|| format!("{sign}{}", round.unwrap_or(times.round())))
}

/// The factor that units differ by which lies between two means of one sign, above one.
pub fn round_factor(before: f64, now: f64) -> Option<f64> {
    let ratio = now / before;
    let times = if ratio < 1.0 { 1.0 / ratio } else { ratio };
    let near = |factor: &f64| (times / factor - 1.0).abs() <= SLACK;
    FACTORS.into_iter().find(near)
}

/// Judges the course of a mean, oldest first: the median of its first quarter against its newest value.
/// `None` where they do not differ by a round factor, or too little is known.
pub fn judge(course: &[f64]) -> Option<Jump> {
    let known: Vec<f64> = course.iter().copied().filter(|v| v.is_finite()).collect();
    let now = *known.last()?;
    let mut early = known[..known.len() / 4].to_vec();
    if early.len() < BEFORE {
        return None;
    }
    early.sort_by(f64::total_cmp);
    let before = early[early.len() / 2];
    let factor = round_factor(before, now)?;
    Some(Jump {
        before,
        now,
        factor,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn course(before: f64, now: f64) -> Vec<f64> {
        [[before; 20], [now; 20]].concat()
    }

    #[test]
    fn a_round_factor_is_told_with_its_direction() {
        let text = |before, now| judge(&course(before, now)).map(|j| j.factor_text());
        assert_eq!(text(0.034, 3.5).as_deref(), Some("×100"));
        assert_eq!(text(61.0, 1.0).as_deref(), Some("÷60"));
        assert_eq!(text(-2.0, -2_100.0).as_deref(), Some("×1000"));
        assert_eq!(factor_text(0.034, 3.5).as_deref(), Some("×100"));
        assert_eq!(factor_text(1.0, 42.3).as_deref(), Some("×42"));
        assert_eq!(factor_text(84.0, 102.0), None);
        assert_eq!(factor_text(0.0, 3.0), None);
        let jump = judge(&course(0.034, 3.5)).expect("a jump");
        assert_eq!(
            jump.text("ctr"),
            "ctr ×100: mean 0.034 → 3.5, as a change of unit would move it"
        );
    }

    #[test]
    fn another_factor_a_change_of_sign_and_a_short_course_say_nothing() {
        for (before, now) in [(84.0, 102.0), (1.0, 42.0), (1.0, -100.0), (0.0, 3.0)] {
            assert_eq!(judge(&course(before, now)), None, "{before} {now}");
        }
        assert_eq!(judge(&[1.0, 1.0, 100.0]), None);
        assert_eq!(judge(&[]), None);
    }
}
