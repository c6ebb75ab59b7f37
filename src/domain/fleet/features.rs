//! The features of a model in the order of who deserves a look: score over its line, weighed by importance.

use std::collections::HashMap;

use super::Fleet;
use super::view::ModelView;
use crate::domain::drift::Method;
use crate::domain::key::Key;
use crate::domain::level::Level;
use crate::domain::rules::scale::{self, Jump};
use crate::domain::rules::signals::counting;
use crate::domain::rules::signals::course::{Course, Windows};
use crate::domain::signal::{Gauge, Lines, Measure, State};

/// One score of a thing that can drift.
#[derive(Clone, PartialEq, Debug)]
pub struct Feature {
    /// Its score as judged.
    pub gauge: Gauge,
    /// Whether it is the score that counts for its feature, of all that several sources, methods and versions
    /// tell.
    pub counts: bool,
    /// Of a score of all versions together: the version whose own score of the same job it is.
    pub of_version: Option<Key>,
    /// In how many of its last windows it was over its line, where its course tells of more than one.
    pub windows: Option<Windows>,
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
    counting::over(value, gauge.lines, gauge.direction)
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

    /// Every score of what can drift of a model, worst feature first: those that can be judged, then those of too
    /// few samples, then what has no score. The scores of one feature follow each other, and the first of them
    /// counts. `gauges` are the model's, as [`Fleet::gauges`] gives them.
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
            let key = &gauge.key;
            let of = gauges
                .iter()
                .filter(|g| g.key.measure == measure && g.key.part == key.part);
            // What the same job says of it comes first, and of the same version.
            let nearness = |g: &&Gauge| {
                let version = match g.key.version.raw() {
                    own if own == key.version.raw() => 2,
                    "" => 1,
                    _ => 0,
                };
                (version > 0, g.key.source == key.source, version)
            };
            let nearest = of.rev().max_by_key(nearness);
            nearest.filter(|g| nearness(g).0).cloned()
        };
        let mut all: Vec<Feature> = gauges
            .iter()
            .filter(|g| drifts(g.key.measure))
            .map(|g| Feature {
                counts: false,
                of_version: of_version(g, gauges),
                windows: self.windows(g),
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
        let worse = |a: &Feature, b: &Feature| {
            group(a)
                .cmp(&group(b))
                .then_with(|| weight(b).total_cmp(&weight(a)))
                .then_with(|| b.share.unwrap_or(0.0).total_cmp(&a.share.unwrap_or(0.0)))
                .then_with(|| a.gauge.key.cmp(&b.gauge.key))
        };
        let of = |f: &Feature| (f.gauge.key.measure, f.gauge.key.part.clone());
        let rank = |f: &Feature| {
            let served = &model.signals.served;
            let served = served.is_empty() || counting::is_served(&f.gauge.key.version, served);
            counting::Rank::of_gauge(&f.gauge, served)
        };
        all.sort_by(|a, b| of(a).cmp(&of(b)).then_with(|| rank(b).order(&rank(a))));
        let mut features: Vec<Vec<Feature>> = Vec::new();
        for mut score in all {
            match features.last_mut() {
                Some(last) if last.iter().all(|f| of(f) == of(&score)) => last.push(score),
                _ => {
                    score.counts = true;
                    features.push(vec![score]);
                }
            }
        }
        features.sort_by(|a, b| match (a.first(), b.first()) {
            (Some(a), Some(b)) => worse(a, b),
            (a, b) => a.is_some().cmp(&b.is_some()),
        });
        features.into_iter().flatten().collect()
    }

    /// In how many of its last windows a score was over the line that it is held against.
    fn windows(&self, gauge: &Gauge) -> Option<Windows> {
        let line = line_of(gauge)?;
        let series = &self.course(&gauge.key)?.fact;
        let held = self.reading(&gauge.key)?;
        let course = Course::with_newest(series, &held.fact, held.asked_at);
        let method = Method::of(gauge.key.method.raw());
        let over = |value: f64| match method {
            Some(method) => method.is_drift(value, line),
            None => gauge.direction.is_over(value, line),
        };
        let counted = course.windows(held.fact.window, over);
        (counted.of > 1).then_some(counted)
    }
}

/// The version whose score a score of all versions together is: the same job tells both.
fn of_version(gauge: &Gauge, all: &[Gauge]) -> Option<Key> {
    let key = &gauge.key;
    if !key.version.raw().is_empty() || gauge.value.is_none() {
        return None;
    }
    let mut own = all.iter().filter(|g| {
        let other = &g.key;
        (&other.source, other.measure, &other.part, &other.method)
            == (&key.source, key.measure, &key.part, &key.method)
            && !other.version.raw().is_empty()
            && g.value == gauge.value
    });
    let first = own.next()?;
    // Of two versions with one score it is neither's own.
    own.next().is_none().then(|| first.key.version.clone())
}

/// Whether a measure says how far something has moved.
pub fn drifts(measure: Measure) -> bool {
    matches!(
        measure,
        Measure::FeatureDrift | Measure::PredictionDrift | Measure::TargetDrift
    )
}
