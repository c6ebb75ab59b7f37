//! The history of one metric as a chart's line: spliced from a first reading and the tails of a live
//! run, laid over steps or time, smoothed, its gaps and its best value marked.

use crate::domain::rules::quality::higher_is_better;
use crate::domain::run::Point;
use crate::domain::time::Millis;
use crate::ui::chart::XAxis;
use crate::ui::series::{Sample, extent, sample, smooth};
use crate::ui::text;

/// Shares of the past that `M` steps through.
pub(in crate::panes) const SMOOTHING: [f64; 4] = [0.0, 0.6, 0.9, 0.97];
/// A tail longer than this moves the place that tails are asked from.
const TAIL: usize = 64;
/// Gaps that get a marker of their own.
const GAPS: usize = 12;

/// How lines are laid out.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(in crate::panes) struct Laid {
    pub(in crate::panes) axis: XAxis,
    /// Index into [`SMOOTHING`].
    pub(in crate::panes) smoothing: usize,
}

impl Laid {
    pub(in crate::panes) fn weight(self) -> f64 {
        SMOOTHING[self.smoothing % SMOOTHING.len()]
    }

    /// The next axis: steps, time since the start, time of day.
    pub(in crate::panes) fn next_axis(self) -> XAxis {
        match self.axis {
            XAxis::Step => XAxis::Elapsed,
            XAxis::Elapsed => XAxis::Wall,
            XAxis::Wall => XAxis::Step,
        }
    }
}

/// One metric of one run.
#[derive(Debug, Default)]
pub(in crate::panes) struct Line {
    points: Vec<Point>,
    /// Whether the server thinned the points out.
    pub(in crate::panes) sampled: bool,
    /// Where tails start: the last step of the reading before.
    pub(in crate::panes) anchor: Option<i64>,
    /// Samples as drawn: smoothed, if smoothing is on.
    pub(in crate::panes) drawn: Vec<Sample>,
    /// Samples as logged, where they are not what is drawn.
    pub(in crate::panes) raw: Vec<Sample>,
    /// The value furthest in the metric's direction and the starts of gaps, by place.
    pub(in crate::panes) markers: Vec<(f64, String)>,
    /// The place of that value.
    pub(in crate::panes) peak: Option<f64>,
    /// How many values are no numbers.
    pub(in crate::panes) gaps: usize,
    /// The axis that the samples lie on: steps that never move leave only time.
    pub(in crate::panes) axis: XAxis,
}

impl Line {
    /// Takes a whole history in.
    pub(in crate::panes) fn read(&mut self, points: &[Point], sampled: bool) {
        self.points = points.to_vec();
        self.sampled = sampled;
        self.anchor = points.iter().map(|p| p.step).max();
    }

    /// Takes the tail from a step on in, in place of what was held from there on.
    pub(in crate::panes) fn splice(&mut self, from: i64, tail: &[Point], sampled: bool) {
        if tail.is_empty() {
            return;
        }
        self.points.retain(|p| p.step < from);
        self.points.extend_from_slice(tail);
        self.sampled |= sampled;
        if tail.len() > TAIL || self.anchor.is_none() {
            self.anchor = tail.iter().map(|p| p.step).max();
        }
    }

    pub(in crate::panes) fn len(&self) -> usize {
        self.points.len()
    }

    /// Lays the points out for drawing.
    pub(in crate::panes) fn lay(
        &mut self,
        metric: &str,
        laid: Laid,
        started: Millis,
        changes: &[(Millis, String)],
    ) {
        let (first, last) = (self.points.first(), self.points.last());
        let still = self.points.len() > 1 && first.map(|p| p.step) == last.map(|p| p.step);
        self.axis = if laid.axis == XAxis::Step && still {
            XAxis::Elapsed
        } else {
            laid.axis
        };
        let x = |p: &Point| match self.axis {
            XAxis::Step => p.step as f64,
            XAxis::Elapsed => p.at.0.saturating_sub(started.0) as f64,
            XAxis::Wall => p.at.0 as f64,
        };
        let mut raw: Vec<Sample> = self.points.iter().map(|p| sample(x(p), p.value)).collect();
        raw.sort_by(|a, b| a.x.total_cmp(&b.x));
        self.mark(metric, &raw);
        self.mark_changes(changes, started);
        if laid.weight() > 0.0 {
            self.drawn = smooth(&raw, laid.weight());
            self.raw = raw;
        } else {
            self.drawn = raw;
            self.raw = Vec::new();
        }
    }

    fn mark(&mut self, metric: &str, raw: &[Sample]) {
        self.markers.clear();
        self.gaps = raw.iter().filter(|p| !p.y.is_finite()).count();
        let up = higher_is_better(metric);
        let best = raw.iter().filter(|p| p.y.is_finite()).reduce(|best, p| {
            let better = if up { p.y > best.y } else { p.y < best.y };
            if better { p } else { best }
        });
        let best = best.filter(|_| raw.len() > 1);
        self.peak = best.map(|p| p.x);
        if let Some(best) = best {
            let word = if up { "max" } else { "min" };
            self.markers
                .push((best.x, format!("{word} {}", text::number(best.y))));
        }
        let mut before = true;
        for p in raw {
            if before && !p.y.is_finite() && self.markers.len() <= GAPS {
                self.markers.push((p.x, text::number(p.y)));
            }
            before = p.y.is_finite();
        }
        self.markers.sort_by(|a, b| a.0.total_cmp(&b.0));
    }

    /// Marks what changed between the first and the last point; on steps, at the last one before it.
    fn mark_changes(&mut self, changes: &[(Millis, String)], started: Millis) {
        let (Some(first), Some(last)) = (self.points.first(), self.points.last()) else {
            return;
        };
        let within = changes
            .iter()
            .filter(|(at, _)| (first.at..=last.at).contains(at));
        for (at, label) in within {
            let x = match self.axis {
                XAxis::Step => {
                    let before = self
                        .points
                        .partition_point(|p| p.at <= *at)
                        .saturating_sub(1);
                    self.points[before].step as f64
                }
                XAxis::Elapsed => at.0.saturating_sub(started.0) as f64,
                XAxis::Wall => at.0 as f64,
            };
            self.markers.push((x, label.clone()));
        }
        self.markers.sort_by(|a, b| a.0.total_cmp(&b.0));
    }

    /// The ends of the line.
    pub(in crate::panes) fn extent(&self) -> Option<(f64, f64)> {
        extent(self.drawn.iter().map(|p| p.x))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(values: &[f64]) -> Vec<Point> {
        values
            .iter()
            .enumerate()
            .map(|(i, v)| Point {
                step: i as i64,
                at: Millis(1_000 + i as i64 * 500),
                value: *v,
            })
            .collect()
    }

    #[test]
    fn a_tail_replaces_what_was_held_from_its_start() {
        let mut line = Line::default();
        line.read(&points(&[0.1, 0.2, 0.3]), false);
        assert_eq!(line.anchor, Some(2));
        let fresh = points(&[0.0, 0.0, 0.35, 0.4]);
        line.splice(2, &fresh[2..], false);
        line.lay("auc", Laid::default(), Millis(1_000), &[]);
        let got: Vec<f64> = line.drawn.iter().map(|p| p.y).collect();
        assert_eq!(got, [0.1, 0.2, 0.35, 0.4]);
        line.splice(2, &[], false);
        assert_eq!(line.len(), 4, "an empty tail says nothing");
    }

    #[test]
    fn gaps_and_the_furthest_value_are_marked() {
        let mut line = Line::default();
        line.read(
            &points(&[0.5, f64::NAN, f64::NAN, 0.2, f64::INFINITY]),
            true,
        );
        line.lay("loss", Laid::default(), Millis(0), &[]);
        assert_eq!(line.gaps, 3);
        let marks: Vec<_> = line.markers.iter().map(|(x, t)| (*x, t.as_str())).collect();
        assert_eq!(marks, [(1.0, "NaN"), (3.0, "min 0.200"), (4.0, "∞")]);
    }

    #[test]
    fn changes_during_the_run_are_marked_where_they_happened() {
        let mut line = Line::default();
        let all = points(&[0.1, 0.2, 0.3]);
        line.read(&all, false);
        let changes = [
            (Millis(all[0].at.0 - 1), "before".to_owned()),
            (Millis(all[1].at.0 + 1), "champion v13 → v14".to_owned()),
            (Millis(all[2].at.0 + 1), "after".to_owned()),
        ];
        line.lay("auc", Laid::default(), Millis(0), &changes);
        let marks: Vec<_> = line.markers.iter().map(|(x, t)| (*x, t.as_str())).collect();
        assert_eq!(marks, [(1.0, "champion v13 → v14"), (2.0, "max 0.300")]);
    }

    #[test]
    fn time_counts_where_steps_stand_still() {
        let mut line = Line::default();
        let mut all = points(&[1.0, 2.0]);
        all[1].step = 0;
        line.read(&all, false);
        line.lay("loss", Laid::default(), Millis(1_000), &[]);
        assert_eq!(line.axis, XAxis::Elapsed);
        assert_eq!(line.extent(), Some((0.0, 500.0)));
    }
}
