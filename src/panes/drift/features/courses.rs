//! What the page knows over time: the courses of scores and means, as asked for or as the fleet holds them,
//! the marks on them, and how far a mean has moved.

use super::Features;
use crate::domain::drift::Method;
use crate::domain::fleet::features::Feature;
use crate::domain::rules::scale::{self, Jump};
use crate::domain::signal::{SignalKey, SignalSeries, State};
use crate::panes::course::Line;
use crate::panes::{Cx, signal};
use crate::ui::histogram::movement_of;
use crate::ui::series::Sample;

impl Features {
    /// The courses of a feature, one a version: as asked for, else what the fleet holds.
    pub(super) fn courses(&self, key: &SignalKey, cx: &Cx<'_>) -> Vec<SignalSeries> {
        let same = |k: &SignalKey| {
            k.part == key.part
                && k.measure == key.measure
                && Method::is_same(k.method.raw(), key.method.raw())
        };
        let read = self.series.get(&key.measure);
        let read: Vec<SignalSeries> = read
            .into_iter()
            .flatten()
            .filter(|s| same(&s.key))
            .cloned()
            .collect();
        if !read.is_empty() {
            return read;
        }
        let held = cx.fleet.courses(&self.model).iter();
        held.map(|h| &h.fact)
            .filter(|s| same(&s.key))
            .cloned()
            .collect()
    }

    /// Where the method of the selected feature changed: one ends where the other starts, and the two
    /// scores do not compare.
    fn method_breaks(&self, key: &SignalKey, cx: &Cx<'_>) -> Vec<(f64, String)> {
        let other = |s: &&SignalSeries| {
            s.key.measure == key.measure
                && s.key.part == key.part
                && !Method::is_same(s.key.method.raw(), key.method.raw())
        };
        let read = self.series.get(&key.measure).into_iter().flatten();
        let held = cx.fleet.courses(&self.model).iter().map(|h| &h.fact);
        let own = self.courses(key, cx);
        let Some(start) = own.iter().map(|s| s.start).min() else {
            return Vec::new();
        };
        let ends = read.chain(held).filter(other).filter(|s| s.end() <= start);
        let before = ends.max_by_key(|s| s.end());
        let label = |s: &SignalSeries| format!("{} → {}", s.key.method.clean(), key.method.clean());
        before
            .map(|s| (start.0 as f64, label(s)))
            .into_iter()
            .collect()
    }

    /// What the chart marks: changes, and where the method changed.
    pub(super) fn markers(&self, cx: &Cx<'_>) -> Vec<(f64, String)> {
        let mut all = signal::markers(&self.model, cx);
        if let Some(feature) = self.list.current() {
            all.extend(self.method_breaks(&feature.gauge.key, cx));
        }
        let (from, to) = Self::whole(cx);
        all.retain(|(x, _)| *x >= from && *x <= to);
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        all
    }

    /// The samples that the cursor steps along.
    pub(super) fn points(&self, cx: &Cx<'_>) -> Vec<Sample> {
        let Some(feature) = self.list.current() else {
            return Vec::new();
        };
        let lines = self.lines(feature, cx);
        lines.first().map(Line::steps).unwrap_or_default()
    }

    /// The score of a feature as lines of a chart, one a version.
    pub(super) fn lines(&self, feature: &Feature, cx: &Cx<'_>) -> Vec<Line> {
        let all = self.courses(&feature.gauge.key, cx);
        all.iter()
            .map(|s| Line::of(s, &feature.gauge, cx))
            .collect()
    }

    /// The mean of a feature over the time range, oldest first and up to now.
    fn means(&self, feature: &Feature, cx: &Cx<'_>) -> Vec<f64> {
        let Some(mean) = &feature.mean else {
            return Vec::new();
        };
        let all = self.courses(&mean.key, cx);
        let course = all.first().map(|s| s.values.iter().map(|v| f64::from(*v)));
        course.into_iter().flatten().chain(mean.value).collect()
    }

    /// How the mean of a feature has moved over the time range: `+22 %`, or `×100` where the factor is a
    /// round one; the state of a mean that is none of now.
    pub(super) fn moved(&self, feature: &Feature, cx: &Cx<'_>) -> Option<String> {
        let mean = feature.mean.as_ref()?;
        movement_of(mean, &self.means(feature, cx))
    }

    /// The first feature, as they are ranked, whose mean has jumped as one in another unit does.
    pub(super) fn rescaled(&self, cx: &Cx<'_>) -> Option<(&Feature, Jump)> {
        let now = |f: &&Feature| f.mean.as_ref().is_some_and(|m| m.state == State::Value);
        let mut rows = self.list.rows.iter().filter(now);
        rows.find_map(|f| Some((f, scale::judge(&self.means(f, cx))?)))
    }
}
