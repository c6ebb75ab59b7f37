//! The recent course of a signal: since when it is as it is, in how many of its last windows it was
//! over a line, and what it was before. Gaps are no samples: nobody knows what lay in them.

use std::time::Duration;

use crate::domain::signal::{SignalReading, SignalSeries};
use crate::domain::time::{Millis, Since};

/// As many windows are counted.
const WINDOWS: usize = 12;

/// A course, looked at.
#[derive(Clone, Copy, Debug)]
pub struct Course<'a> {
    series: &'a SignalSeries,
    /// A run that is known already and that the series does not hold yet.
    newest: Option<(Millis, f64)>,
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
        Self {
            series,
            newest: None,
        }
    }

    /// Looks at a series of a job's runs with the newest reading behind it: courses are read less often
    /// than readings. A reading belongs to a later run if it says so, or, where nobody says when the job
    /// ran, if its value is another one.
    pub fn with_newest(series: &'a SignalSeries, reading: &SignalReading, read_at: Millis) -> Self {
        let course = Self::of(series);
        let (Some(value), Some(last)) = (reading.value.value(), series.values.last()) else {
            return course;
        };
        if series.times.is_none() {
            return course;
        }
        let ran = reading.written_at.max(reading.at);
        let is_later = match ran {
            Some(at) => at > series.end(),
            None => (value as f32).to_bits() != last.to_bits() && read_at > series.end(),
        };
        Self {
            newest: is_later.then(|| (ran.unwrap_or(read_at), value)),
            ..course
        }
    }

    /// Its samples with their times, oldest first, gaps left out.
    pub fn samples(&self) -> impl DoubleEndedIterator<Item = (Millis, f64)> + use<'a> {
        let series = self.series;
        let values = series.values.iter().enumerate();
        values
            .filter(|(_, value)| !value.is_nan())
            .map(|(index, value)| (series.at(index), f64::from(*value)))
            .chain(self.newest)
    }

    /// The time between two samples.
    pub fn step(&self) -> Duration {
        self.series.step
    }

    /// Since when its newest samples have all been so. Between the last sample that was not and the
    /// first that was lies the onset: the latter is told, as a bound where a gap lies between them.
    pub fn onset(&self, so: impl Fn(f64) -> bool) -> Since {
        let mut first = None;
        for (at, value) in self.samples().rev() {
            if !so(value) {
                return first.map_or(Since::Unknown, |first| Since::within(at, first));
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

    /// The mean of `of` over the samples of the last while, each for as long as it stands, with those of
    /// before the series at their wider steps; `None` where they cover less than half of it.
    pub fn mean(&self, last: Duration, now: Millis, of: impl Fn(f64) -> f64) -> Option<f64> {
        let from = now.minus(last);
        let (mut sum, mut covered) = (0.0, Duration::ZERO);
        let mut add = |value: f64, step: Duration| {
            sum += of(value) * step.as_secs_f64();
            covered += step;
        };
        for (_, value) in self.samples().rev().take_while(|(at, _)| *at >= from) {
            add(value, self.series.step);
        }
        if let Some(earlier) = self.series.earlier.as_deref() {
            let mut at = earlier.start;
            for value in earlier.values.iter() {
                // What a sample stands for is the time up to it.
                if at >= from && at < self.series.start && !value.is_nan() {
                    add(f64::from(*value), earlier.step);
                }
                at = at.plus(earlier.step);
            }
        }
        let enough = covered > Duration::ZERO && covered * 2 >= last;
        enough.then(|| sum / covered.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::rules::signals::testing::{NOW, course, reading, steps_ago};
    use crate::domain::signal::{Earlier, Measure};

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
        // Who knows what lay in a long gap.
        let long: Vec<f32> = [0.0]
            .into_iter()
            .chain([GAP; 48])
            .chain([2.0, 2.0])
            .collect();
        assert_eq!(onset(&long), Since::AtLeast(steps_ago(1)));
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

    #[test]
    fn days_before_the_hours_count_at_their_own_steps() {
        let hour = Duration::from_secs(3_600);
        let mut series = course(&[4.0; 12]);
        let values = [1.0, 1.0, 1.0, 1.0, 9.0];
        series.earlier = Some(Arc::new(Earlier {
            start: NOW.minus(hour * 4),
            step: hour,
            values: Arc::from(values),
        }));
        let looked = Course::of(&series);
        let mean = looked.mean(hour * 4, NOW, |v| v).expect("enough");
        // Four hours at 1 and one at 4; the last one is in the series itself.
        assert!((mean - 8.0 / 5.0).abs() < 1e-9, "{mean}");
        assert_eq!(looked.mean(hour * 11, NOW, |v| v), None);
        assert_eq!(looked.mean(hour / 2, NOW, |v| v), Some(4.0));
    }

    #[test]
    fn a_run_that_is_only_read_yet_is_a_window_too() {
        let hours = |n: u32| NOW.minus(Duration::from_secs(3_600) * n);
        let mut series = course(&[1.0, 2.0]);
        series.times = Some(Arc::from([hours(2), hours(1)]));
        let windows = |value: f64, ran: Option<Millis>| {
            let mut row = reading(Measure::FeatureDrift, "age", "PSI", value);
            row.written_at = ran;
            let course = Course::with_newest(&series, &row, NOW);
            course.windows(None, over).of
        };
        assert_eq!(windows(2.0, Some(hours(0))), 3, "it says the same again");
        assert_eq!(windows(2.5, Some(hours(1))), 2, "it is that run");
        assert_eq!((windows(2.0, None), windows(2.5, None)), (2, 3));
        assert_eq!(windows(f64::NAN, Some(hours(0))), 2);
    }
}
