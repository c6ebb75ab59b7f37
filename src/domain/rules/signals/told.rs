//! What the findings say of single readings. Some rules judge more than a number against its line, such as
//! requests against the hours before: the reading that such a finding rests on has its level.

use crate::domain::level::{Reason, ReasonCode};
use crate::domain::signal::{Gauge, Measure};

/// The measures that findings of a kind rest on; none for those that rest on no reading.
fn measures(code: ReasonCode) -> &'static [Measure] {
    use Measure as M;
    match code {
        ReasonCode::SignalErrors => &[M::ErrorRatio],
        ReasonCode::SignalLatency => &[M::LatencyP95, M::LatencyP99, M::LatencyP50, M::LatencyMean],
        ReasonCode::SignalTraffic => &[M::Requests],
        ReasonCode::SignalSaturation => &[M::Saturation, M::Queue],
        ReasonCode::DriftData => &[M::FeatureDrift, M::DriftShare],
        ReasonCode::ServingSkew => &[M::FeatureDrift],
        ReasonCode::DriftPrediction => &[M::PredictionDrift],
        ReasonCode::DriftTarget => &[M::TargetDrift],
        ReasonCode::DriftConcept | ReasonCode::QualityRealised => &[M::QualityRealised],
        ReasonCode::QualityEstimated => &[M::QualityEstimated],
        ReasonCode::DataQuality => &[M::NullShare, M::FeatureMean],
        ReasonCode::Fairness => &[M::Fairness],
        ReasonCode::MonitorStale => &[M::LastRun],
        _ => &[],
    }
}

/// Whether a finding rests on readings, so that commands which tell of readings end with its level.
pub fn is_of_readings(code: ReasonCode) -> bool {
    !measures(code).is_empty()
}

/// Gives readings the levels of the findings that rest on them: where none of those that a finding may rest on is
/// as bad as it says, the one that speaks for them is, which is the one of all versions together.
pub fn raise(gauges: &mut [Gauge], reasons: &[Reason]) {
    for reason in reasons {
        let of = measures(reason.code);
        let its = |g: &Gauge| {
            of.contains(&g.key.measure) && reason.source.as_ref() == Some(&g.key.source)
        };
        let shown = |g: &Gauge| its(g) && g.level >= Some(reason.level);
        if gauges.iter().any(shown) {
            continue;
        }
        let speaks = |g: &Gauge| (g.level, g.key.version.raw().is_empty());
        let found = gauges.iter_mut().filter(|g| its(g));
        if let Some(gauge) = found.max_by_key(|g| speaks(g)) {
            gauge.level = Some(reason.level);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::key::Key;
    use crate::domain::level::Level;
    use crate::domain::rules::signals::testing::{reading, with_sample};
    use crate::domain::text::Clean;
    use crate::domain::time::Since;

    fn gauge(measure: Measure, version: &str, level: Option<Level>) -> Gauge {
        let mut row = reading(measure, "", "", 0.0);
        row.key.version = Key::new(version);
        let mut found = None;
        with_sample(&row, |s| found = Some(s.gauge()));
        Gauge {
            level,
            ..found.expect("a gauge")
        }
    }

    fn reason(of: &Gauge, code: ReasonCode, level: Level) -> Reason {
        Reason {
            code,
            level,
            text: Clean::text("found"),
            since: Since::Unknown,
            source: Some(of.key.source.clone()),
        }
    }

    #[test]
    fn a_finding_gives_its_level_to_the_reading_that_speaks() {
        let mut all = [
            gauge(Measure::Requests, "", None),
            gauge(Measure::Requests, "5", None),
            gauge(Measure::ErrorRatio, "", Some(Level::Warn)),
            gauge(Measure::ErrorRatio, "5", Some(Level::Crit)),
        ];
        let reasons = [
            reason(&all[0], ReasonCode::SignalTraffic, Level::Crit),
            reason(&all[0], ReasonCode::SignalErrors, Level::Crit),
            reason(&all[0], ReasonCode::SkewStuck, Level::Crit),
        ];
        raise(&mut all, &reasons);
        let levels = all.map(|g| g.level);
        let (warn, crit) = (Some(Level::Warn), Some(Level::Crit));
        assert_eq!(
            levels,
            [crit, None, warn, crit],
            "what shows it already stays"
        );
    }

    #[test]
    fn a_finding_of_another_source_gives_nothing() {
        let mut all = [gauge(Measure::Requests, "", None)];
        let mut other = reason(&all[0], ReasonCode::SignalTraffic, Level::Crit);
        other.source = None;
        raise(&mut all, &[other]);
        assert_eq!(all[0].level, None);
    }
}
