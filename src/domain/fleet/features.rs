//! The features of a model in the order of who deserves a look: score over its line, weighed by importance.

use std::collections::HashMap;

use super::Fleet;
use super::view::ModelView;
use crate::domain::key::Key;
use crate::domain::level::Level;
use crate::domain::rules::scale::{self, Jump};
use crate::domain::signal::{Direction, Gauge, Lines, Measure, State};

/// More than this many times the line says no more: a p-value of zero would be infinitely far over.
const MOST: f64 = 99.0;

/// One thing that can drift.
#[derive(Clone, PartialEq, Debug)]
pub struct Feature {
    /// Its score as judged.
    pub gauge: Gauge,
    /// The score as a share of its line: 1 is at the line, more is worse.
    pub share: Option<f64>,
    /// How much it matters, 0 to 1.
    pub importance: Option<f64>,
    /// How its mean stands, where it is known.
    pub mean: Option<Gauge>,
    /// How many of its values are missing.
    pub missing: Option<Gauge>,
}

impl Feature {
    /// Its name: the feature's own, or what drifts as a whole.
    pub fn name(&self) -> String {
        match self.gauge.key.measure {
            Measure::PredictionDrift => "(predictions)".to_owned(),
            Measure::TargetDrift => "(labels)".to_owned(),
            _ if self.gauge.key.part.raw().is_empty() => "(all)".to_owned(),
            _ => self.gauge.key.part.clean().to_string(),
        }
    }
}

/// The line that a score is held against.
pub fn line(lines: Lines) -> Option<f64> {
    lines.warn.or(lines.crit)
}

/// The line that a reading's level speaks of: the critical one where that is crossed.
pub fn line_of(gauge: &Gauge) -> Option<f64> {
    match gauge.level {
        Some(Level::Crit) => gauge.lines.crit.or(gauge.lines.warn),
        _ => line(gauge.lines),
    }
}

/// A score as a share of its line, in the direction that is bad.
pub fn share(value: f64, gauge: &Gauge) -> Option<f64> {
    let line = line(gauge.lines)?;
    let share = match gauge.direction {
        Direction::HighIsBad => value / line,
        Direction::LowIsBad => line / value,
        Direction::Neither => return None,
    };
    (!share.is_nan()).then(|| share.clamp(0.0, MOST))
}

impl Fleet {
    /// The first feature, as they are ranked, whose mean has jumped as one in another unit does: by the course
    /// that is held of it, up to its newest reading.
    pub fn rescaled(&self, features: &[Feature]) -> Option<(String, Jump)> {
        features.iter().find_map(|feature| {
            let mean = feature.mean.as_ref().filter(|m| m.state == State::Value)?;
            let held = self.course(&mean.key)?;
            let course = held.fact.values.iter().map(|v| f64::from(*v));
            let course: Vec<f64> = course.chain(mean.value).collect();
            Some((feature.name(), scale::judge(&course)?))
        })
    }

    /// Everything of a model that can drift, worst first: scores that can be judged, then those of too few
    /// samples, then what has no score. `gauges` are the model's, as [`Fleet::gauges`] gives them.
    pub fn features(&self, model: &ModelView, gauges: &[Gauge]) -> Vec<Feature> {
        let set = self.settings.models.get(model.key.name.raw());
        let told: HashMap<&Key, f64> = gauges
            .iter()
            .filter(|g| g.key.measure == Measure::Importance)
            .filter_map(|g| Some((&g.key.part, g.value?)))
            .collect();
        let any = !told.is_empty() || set.is_some_and(|s| !s.importances.is_empty());
        let importance = |part: &Key| {
            let own = set.and_then(|s| s.importances.get(part.raw())).copied();
            own.or_else(|| told.get(part).copied())
        };
        let beside = |gauge: &Gauge, measure: Measure| {
            let is = |g: &&Gauge| {
                g.key.measure == measure
                    && g.key.part == gauge.key.part
                    && g.key.version == gauge.key.version
            };
            gauges.iter().find(is).cloned()
        };
        let mut all: Vec<Feature> = gauges
            .iter()
            .filter(|g| drifts(g.key.measure))
            .map(|g| Feature {
                share: g.value.and_then(|v| share(v, g)),
                importance: importance(&g.key.part),
                mean: beside(g, Measure::FeatureMean),
                missing: beside(g, Measure::NullShare),
                gauge: g.clone(),
            })
            .collect();
        // As the rule that finds the worst one weighs: where importances are known, a feature without one
        // counts last.
        let weight = |f: &Feature| {
            let whole = f.gauge.key.measure != Measure::FeatureDrift;
            let none = if any && !whole { 0.0 } else { 1.0 };
            f.share.unwrap_or(-1.0) * f.importance.unwrap_or(none)
        };
        let group = |f: &Feature| match f.gauge.state {
            State::Value => 0,
            State::Stale => 1,
            State::LowN => 2,
            State::Nan | State::Error | State::NoTraffic | State::NoData => 3,
        };
        all.sort_by(|a, b| {
            group(a)
                .cmp(&group(b))
                .then_with(|| weight(b).total_cmp(&weight(a)))
                .then_with(|| b.share.unwrap_or(0.0).total_cmp(&a.share.unwrap_or(0.0)))
                .then_with(|| a.gauge.key.cmp(&b.gauge.key))
        });
        all
    }
}

/// The level of a model's drift: as its features were judged together, else the worst of all that can drift.
pub fn drift_level(model: &ModelView, features: &[Feature]) -> Level {
    let judged = model.signals.drift.as_ref().and_then(|d| d.level);
    let worst = || features.iter().filter_map(|f| f.gauge.level).max();
    judged.or_else(worst).unwrap_or_default()
}

/// Whether a measure says how far something has moved.
pub fn drifts(measure: Measure) -> bool {
    matches!(
        measure,
        Measure::FeatureDrift | Measure::PredictionDrift | Measure::TargetDrift
    )
}
