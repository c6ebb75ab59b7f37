//! The gauges that lists show of a model: one a measure.

use super::{Monitored, Sample, worst};
use crate::domain::key::Key;
use crate::domain::signal::{Gauge, Measure};

/// The measures that lists show, one gauge each.
const LISTED: [Measure; 15] = [
    Measure::Requests,
    Measure::ErrorRatio,
    Measure::LatencyP50,
    Measure::LatencyP95,
    Measure::LatencyP99,
    Measure::LatencyMean,
    Measure::Queue,
    Measure::Saturation,
    Measure::PredictionMean,
    Measure::PositiveShare,
    Measure::DriftShare,
    Measure::PredictionDrift,
    Measure::QualityRealised,
    Measure::QualityEstimated,
    Measure::LabelCoverage,
];

/// One gauge for each measure that is there, in the order of the measures.
pub(super) fn judge(m: &Monitored<'_>) -> Vec<Gauge> {
    LISTED
        .into_iter()
        .filter_map(|measure| gauge(m, m.of(measure)))
        .collect()
}

/// The gauge of a measure: the reading of all versions together where there is one, the sum of the
/// versions where they add up, else the worst of them.
fn gauge(m: &Monitored<'_>, samples: &[Sample<'_>]) -> Option<Gauge> {
    if samples.first().is_some_and(|s| s.measure().is_of_drift()) {
        // The one that its verdict rests on.
        return m.counts(samples.iter()).map(Sample::gauge);
    }
    let whole = |s: &&Sample<'_>| s.reading.key.version.raw().is_empty();
    let numbers = |s: &&Sample<'_>| s.value().is_some();
    let whole: Vec<&Sample<'_>> = samples.iter().filter(whole).collect();
    if let Some(sample) = worst(whole.iter().copied()) {
        return Some(sample.gauge());
    }
    let first = samples.first()?;
    let adds = matches!(first.measure(), Measure::Requests | Measure::Queue);
    if adds {
        // One source's versions: two sources that see the same requests must not count twice.
        let of = |s: &&Sample<'_>| s.reading.key.source == first.reading.key.source;
        let sum: f64 = samples.iter().filter(of).filter_map(Sample::value).sum();
        let mut gauge = samples.iter().find(numbers).unwrap_or(first).gauge();
        gauge.value = gauge.value.map(|_| sum);
        gauge.key.version = Key::new("");
        return Some(gauge);
    }
    let production = samples.iter().filter(|s| m.is_of_production(s));
    worst(production)
        .or_else(|| worst(samples.iter()))
        .map(Sample::gauge)
}
