//! Quality under its floor: measured with labels, and estimated without. A realised metric whose labels
//! have mostly not come yet is shown and not judged.

use super::words;
use super::{Monitored, Sample, window_words, worst};
use crate::domain::level::{Level, Reason, ReasonCode};
use crate::domain::number::with_unit;
use crate::domain::signal::{Measure, State, Unit};

/// Judges realised and estimated quality, each by the worst of its metrics.
pub fn judge(m: &Monitored<'_>) -> impl Iterator<Item = Reason> {
    let of = |measure, code| {
        let samples = m.of(measure).iter().filter(|s| m.is_of_production(s));
        worst(samples).and_then(|sample| finding(m, sample, code))
    };
    [
        of(Measure::QualityRealised, ReasonCode::QualityRealised),
        of(Measure::QualityEstimated, ReasonCode::QualityEstimated),
    ]
    .into_iter()
    .flatten()
}

/// The share of predictions whose labels have come, of a metric or of the model.
pub fn coverage(m: &Monitored<'_>, sample: &Sample<'_>) -> Option<f64> {
    let rows = m.of(Measure::LabelCoverage);
    let of = |part: &str| {
        let mut found = rows.iter().filter(|s| s.reading.key.part.raw() == part);
        found
            .find(|s| m.is_of_production(s))
            .and_then(Sample::value)
    };
    of(sample.reading.key.part.raw()).or_else(|| of(""))
}

fn finding(m: &Monitored<'_>, sample: &Sample<'_>, code: ReasonCode) -> Option<Reason> {
    let level = sample.by_number.filter(|level| *level > Level::Info)?;
    if sample.silent {
        return None;
    }
    let line = sample.crossed()?;
    let kind = match sample.measure() {
        Measure::QualityEstimated => "est.",
        _ => "realised",
    };
    let metric = sample.reading.key.part.clean();
    let metric = if metric.is_empty() {
        "quality"
    } else {
        metric.as_str()
    };
    let mut text = format!(
        "{kind} {metric} {}{}{}{}",
        words::crossed(sample, line),
        window_words(sample.reading.window),
        words::on_version(sample),
        words::rows(sample.n)
    );
    if sample.measure() == Measure::QualityRealised
        && let Some(coverage) = coverage(m, sample)
    {
        text.push_str(", labels ");
        text.push_str(&with_unit(coverage, Unit::Ratio));
    }
    let level = if sample.state == State::LowN {
        text.push_str(": too few rows for a verdict");
        Level::Unknown
    } else {
        level
    };
    let since = m.over_since(sample, line);
    Some(sample.finding(code, level, text, since))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::domain::rules::signals::testing::{monitored_with, reading};
    use crate::domain::settings::ModelSettings;

    fn floor() -> ModelSettings {
        ModelSettings {
            floors: BTreeMap::from([("auc".to_owned(), 0.8)]),
            ..ModelSettings::default()
        }
    }

    #[test]
    fn quality_under_its_floor_is_critical_measured_or_estimated() {
        let mut realised = reading(Measure::QualityRealised, "auc", "", 0.71);
        realised.n = Some(4_100);
        let estimated = reading(Measure::QualityEstimated, "auc", "", 0.74);
        let coverage = reading(Measure::LabelCoverage, "", "", 0.82);
        monitored_with(&[realised, estimated, coverage], &[], Some(&floor()), |m| {
            let found: Vec<_> = judge(m).map(|r| (r.level, r.text.to_string())).collect();
            assert_eq!(
                found,
                [
                    (
                        Level::Crit,
                        "realised auc 0.71 < 0.8, n 4,100, labels 82 %".to_owned()
                    ),
                    (Level::Crit, "est. auc 0.74 < 0.8".to_owned()),
                ]
            );
        });
    }

    #[test]
    fn labels_that_have_not_come_give_no_verdict() {
        let realised = reading(Measure::QualityRealised, "auc", "", 0.71);
        let coverage = reading(Measure::LabelCoverage, "", "", 0.3);
        monitored_with(&[realised, coverage], &[], Some(&floor()), |m| {
            assert_eq!(judge(m).count(), 0);
            let sample = m.of(Measure::QualityRealised)[0];
            assert_eq!((sample.state, sample.level), (State::LowN, None));
            assert_eq!(sample.value(), Some(0.71), "it is shown");
        });
    }
}
