//! Ticks and their labels: few, round, and in as many digits as tell them apart.

use std::time::Duration;

use crate::domain::time::{Millis, span};

use crate::ui::text;

/// What the horizontal axis counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum XAxis {
    /// Training steps.
    #[default]
    Step,
    /// Milliseconds since the start of each series.
    Elapsed,
    /// Milliseconds since the epoch, shown in UTC.
    Wall,
}

impl XAxis {
    /// The label of a place on the axis; `range` is the whole window's length.
    pub fn label(self, x: f64, range: f64) -> String {
        match self {
            Self::Step => {
                if x.abs() < 1e6 {
                    let n = text::count(x.abs().round() as usize);
                    if x < -0.5 { format!("-{n}") } else { n }
                } else {
                    text::number(x)
                }
            }
            Self::Elapsed => span(Duration::from_millis(x.max(0.0) as u64)),
            Self::Wall if range <= 600_000.0 => Millis(x as i64).hour_minute_second(),
            Self::Wall if range <= 24.0 * 3_600_000.0 => Millis(x as i64).hour_minute(),
            Self::Wall => Millis(x as i64).day_minute(),
        }
    }

    /// The label of the left and right end, which name the axis.
    pub fn ends(self, from: f64, to: f64) -> (String, String) {
        let (a, b) = (self.label(from, to - from), self.label(to, to - from));
        match self {
            Self::Step => (format!("step {a}"), b),
            Self::Elapsed => (format!("+{a}"), format!("+{b}")),
            Self::Wall => (format!("{a}Z"), format!("{b}Z")),
        }
    }
}

/// Round values from `lo` to `hi`, at most `most`: steps are 1, 2 or 5 times a power of ten.
pub fn ticks(lo: f64, hi: f64, most: usize) -> Vec<f64> {
    if !(lo.is_finite() && hi.is_finite()) || hi <= lo || most == 0 {
        return Vec::new();
    }
    let rough = (hi - lo) / most as f64;
    let power = 10_f64.powf(rough.log10().floor());
    if !(power.is_finite() && power > 0.0) {
        return Vec::new();
    }
    for factor in [1.0, 2.0, 5.0, 10.0, 20.0] {
        let step = power * factor;
        // The small excess keeps a bound that is itself round.
        let first = (lo / step - 1e-9).ceil();
        let last = (hi / step + 1e-9).floor();
        let count = last - first + 1.0;
        if count <= most as f64 {
            return (0..count.max(0.0) as usize)
                .map(|i| (first + i as f64) * step)
                .map(|v| if v.abs() < step * 1e-6 { 0.0 } else { v })
                .collect();
        }
    }
    Vec::new()
}

/// Powers of ten between two positive values, or 1-2-5 within one decade.
pub fn log_ticks(lo: f64, hi: f64, most: usize) -> Vec<f64> {
    if !(lo > 0.0 && hi > lo && hi.is_finite()) || most == 0 {
        return Vec::new();
    }
    let (from, to) = (lo.log10().floor() as i32, hi.log10().ceil() as i32);
    let within = |v: &f64| *v >= lo * 0.999_999 && *v <= hi * 1.000_001;
    let decades: Vec<f64> = (from..=to).map(|e| 10_f64.powi(e)).filter(within).collect();
    if decades.len() >= 2 {
        let every = decades.len().div_ceil(most);
        return decades.into_iter().step_by(every).collect();
    }
    let fine: Vec<f64> = (from..=to)
        .flat_map(|e| [1.0, 2.0, 5.0].map(|f| f * 10_f64.powi(e)))
        .filter(within)
        .collect();
    let every = fine.len().div_ceil(most).max(1);
    fine.into_iter().step_by(every).collect()
}

/// Labels with the digits that tell the ticks apart: `0.90 0.92`, `10k 20k`.
pub fn tick_labels(ticks: &[f64]) -> Vec<String> {
    let size = ticks.iter().fold(0.0_f64, |m, t| m.max(t.abs()));
    let step = ticks
        .windows(2)
        .map(|w| (w[1] - w[0]).abs())
        .fold(f64::INFINITY, f64::min);
    if !step.is_finite() || step <= 0.0 {
        return ticks.iter().map(|t| text::number(*t)).collect();
    }
    if !(1e-3..1e12).contains(&size) {
        return ticks.iter().map(|t| text::number(*t)).collect();
    }
    let (unit, suffix) = match size {
        s if s < 1e4 => (1.0, ""),
        s if s < 1e7 => (1e3, "k"),
        s if s < 1e10 => (1e6, "M"),
        _ => (1e9, "G"),
    };
    let digits = (-(step / unit).log10().floor()).clamp(0.0, 6.0) as usize;
    ticks
        .iter()
        .map(|t| {
            if *t == 0.0 && !suffix.is_empty() {
                "0".to_owned()
            } else {
                format!("{:.digits$}{suffix}", t / unit)
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ticks_are_round() {
        assert_eq!(ticks(0.0, 1.0, 3), [0.0, 0.5, 1.0]);
        assert_eq!(
            tick_labels(&ticks(0.893, 0.934, 4)),
            ["0.90", "0.91", "0.92", "0.93"]
        );
        assert_eq!(
            tick_labels(&ticks(0.0, 43_000.0, 5)),
            ["0", "10k", "20k", "30k", "40k"]
        );
        assert!(ticks(1.0, 1.0, 4).is_empty());
        assert!(ticks(f64::NAN, 1.0, 4).is_empty());
    }

    #[test]
    fn logarithmic_ticks_are_decades() {
        assert_eq!(log_ticks(0.001, 10.0, 5), [0.001, 0.01, 0.1, 1.0, 10.0]);
        assert_eq!(log_ticks(1.5, 9.0, 4), [2.0, 5.0]);
    }

    #[test]
    fn ends_name_the_axis() {
        assert_eq!(
            XAxis::Step.ends(0.0, 12_000.0),
            ("step 0".into(), "12,000".into())
        );
        let day = 1_795_442_520_000.0;
        assert_eq!(
            XAxis::Wall.ends(day - 21_600_000.0, day),
            ("08:02Z".into(), "14:02Z".into())
        );
        assert_eq!(
            XAxis::Wall.ends(day - 21_000.0, day),
            ("14:01:39Z".into(), "14:02:00Z".into())
        );
    }

    proptest! {
        #[test]
        fn ticks_stay_inside_ascend_and_are_few(
            a in -1e9..1e9_f64, width in 1e-6..1e9_f64, most in 1_usize..12,
        ) {
            let (lo, hi) = (a, a + width);
            let got = ticks(lo, hi, most);
            prop_assert!(got.len() <= most);
            let slack = (hi - lo) * 1e-6;
            prop_assert!(got.iter().all(|t| *t >= lo - slack && *t <= hi + slack));
            prop_assert!(got.windows(2).all(|w| w[0] < w[1]));
            if most >= 3 && width > a.abs() * 1e-9 {
                prop_assert!(!got.is_empty(), "{lo} {hi}");
            }
        }
    }
}
