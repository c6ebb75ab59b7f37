//! The recent course of a signal: since when it is as it is, in how many of its last windows it was
//! over a line, and what it was before. Gaps are no samples: nobody knows what lay in them.

use std::time::Duration;

use crate::domain::signal::SignalSeries;
use crate::domain::time::{Millis, Since};

/// As many windows are counted.
const WINDOWS: usize = 12;

/// A course, looked at.
#[derive(Clone, Copy, Debug)]
pub struct Course<'a> {
    series: &'a SignalSeries,
}

/// In how many of the last windows a signal was over its line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Windows {
    /// Over the line.
    pub over: usize,
    /// Looked at.
    pub of: usize,
    /// Over the line without a break up to the newest.
    pub in_a_row: usize,
}

impl<'a> Course<'a> {
    /// Looks at a series.
    pub fn of(series: &'a SignalSeries) -> Self {
        Self { series }
    }

    /// Its samples with their times, oldest first, gaps left out.
    pub fn samples(&self) -> impl DoubleEndedIterator<Item = (Millis, f64)> + use<'a> {
        let series = self.series;
        let values = series.values.iter().enumerate();
        values
            .filter(|(_, value)| !value.is_nan())
            .map(|(index, value)| (series.at(index), f64::from(*value)))
    }

    /// The time between two samples.
    pub fn step(&self) -> Duration {
        self.series.step
    }

    /// Since when its newest samples have all been so. Between the last sample that was not and the
    /// first that was lies the onset: the latter is told.
    pub fn onset(&self, so: impl Fn(f64) -> bool) -> Since {
        let mut first = None;
        for (at, value) in self.samples().rev() {
            if !so(value) {
                return first.map_or(Since::Unknown, Since::Exact);
            }
            first = Some(at);
        }
        first.map_or(Since::Unknown, Since::AtLeast)
    }

    /// Counts the last windows. A job that runs once a day is sampled many times a day: samples that
    /// repeat the one before are the same window, unless each is a run of its own or longer than a window.
    pub fn windows(&self, window: Option<Duration>, over: impl Fn(f64) -> bool) -> Windows {
        let each = self.is_each_a_window(window);
        let mut counted = Windows::default();
        let mut last = None;
        let mut unbroken = true;
        for (_, value) in self.samples().rev() {
            if !each && last == Some(value.to_bits()) {
                continue;
            }
            last = Some(value.to_bits());
            counted.of += 1;
            if over(value) {
                counted.over += 1;
                counted.in_a_row += usize::from(unbroken);
            } else {
                unbroken = false;
            }
            if counted.of == WINDOWS {
                break;
            }
        }
        counted
    }

    /// The values of its windows, oldest first, as [`Self::windows`] tells them apart.
    pub fn distinct(&self, window: Option<Duration>) -> Vec<f64> {
        let each = self.is_each_a_window(window);
        let mut values: Vec<f64> = Vec::new();
        for (_, value) in self.samples() {
            if each || values.last().map(|v| v.to_bits()) != Some(value.to_bits()) {
                values.push(value);
            }
        }
        values
    }

    fn is_each_a_window(self, window: Option<Duration>) -> bool {
        self.series.times.is_some() || window.is_some_and(|w| w <= self.series.step)
    }

    /// The median of the samples before an instant, and how many there are.
    pub fn median_before(&self, until: Millis) -> Option<(f64, usize)> {
        let before = self.samples().take_while(|(at, _)| *at < until);
        let mut values: Vec<f64> = before.map(|(_, value)| value).collect();
        let middle = values.len().checked_sub(1)? / 2;
        let count = values.len();
        let (_, median, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
        Some((*median, count))
    }

    /// The mean of `of` over the samples of the last while, and the number of them; `None` where they
    /// cover less than half of it.
    pub fn mean(&self, last: Duration, now: Millis, of: impl Fn(f64) -> f64) -> Option<f64> {
        let from = now.minus(last);
        let (mut sum, mut count) = (0.0, 0_u32);
        for (_, value) in self.samples().rev().take_while(|(at, _)| *at >= from) {
            sum += of(value);
            count += 1;
        }
        let covered = self.series.step.saturating_mul(count);
        (count > 0 && covered * 2 >= last).then(|| sum / f64::from(count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::rules::signals::testing::{NOW, course, steps_ago};

    const GAP: f32 = f32::NAN;

    fn over(value: f64) -> bool {
        value >= 1.0
    }

    #[test]
    fn the_onset_is_the_first_of_the_newest_run() {
        let onset = |values: &[f32]| Course::of(&course(values)).onset(over);
        assert_eq!(
            onset(&[0.0, 2.0, 0.0, 2.0, 2.0]),
            Since::Exact(steps_ago(1))
        );
        assert_eq!(onset(&[2.0, 2.0]), Since::AtLeast(steps_ago(1)));
        assert_eq!(onset(&[2.0, 0.0]), Since::Unknown);
        assert_eq!(onset(&[0.0, GAP, 2.0, GAP]), Since::Exact(steps_ago(1)));
        assert_eq!(onset(&[]), Since::Unknown);
    }

    #[test]
    fn a_value_that_repeats_is_one_window() {
        let series = course(&[0.5, 0.5, 1.5, 1.5, 1.5, 2.5, 2.5, 0.1, 3.0]);
        let counted = Course::of(&series).windows(None, over);
        assert_eq!((counted.over, counted.of, counted.in_a_row), (3, 5, 1));
        let each = Course::of(&series).windows(Some(series.step), over);
        assert_eq!((each.over, each.of, each.in_a_row), (6, 9, 1));
    }

    #[test]
    fn the_median_is_of_what_was_before() {
        let series = course(&[1.0, 9.0, 2.0, 100.0, 100.0]);
        let looked = Course::of(&series);
        assert_eq!(looked.median_before(steps_ago(1)), Some((2.0, 3)));
        assert_eq!(looked.median_before(Millis(0)), None);
    }

    #[test]
    fn a_mean_needs_half_of_its_time() {
        let series = course(&[GAP, GAP, GAP, 4.0]);
        let looked = Course::of(&series);
        let mean = |steps| looked.mean(series.step * steps, NOW, |v| v);
        assert_eq!(mean(2), Some(4.0));
        assert_eq!(mean(3), None);
    }
}
