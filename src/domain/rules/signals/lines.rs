//! Which lines judge a reading. First comes the line that its own source keeps for the series; then
//! what is set for the model, else the preset's, else that of the drift method or of the policy, which
//! the registry's tags may tighten and never loosen.

use crate::domain::drift::Method;
use crate::domain::rules::quality;
use crate::domain::settings::{ModelSettings, SignalPolicy};
use crate::domain::signal::{Direction, Lines, LinesFrom, Measure, SignalReading};

/// Tags of a registered model that set lines: `quarterdeck.line.error-ratio` = `0.01` or `0.01 0.03`.
pub const TAG: &str = "quarterdeck.line.";

/// Lines, and which way is bad.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Lined {
    /// The lines.
    pub lines: Lines,
    /// Which way is bad.
    pub direction: Direction,
}

/// Chooses the lines of a reading.
pub fn judge(
    reading: &SignalReading,
    method: Option<Method>,
    settings: Option<&ModelSettings>,
    tagged: &[(Measure, Lines)],
    policy: &SignalPolicy,
) -> Lined {
    let measure = reading.key.measure;
    let direction = direction(reading, method, settings);
    let said = |from| {
        let lines = reading.lines.as_deref().copied();
        lines.filter(|_| reading.lines_from == from)
    };
    let floor = match measure {
        Measure::QualityRealised | Measure::QualityEstimated => {
            bound(settings, reading.key.part.raw()).map(|(line, _)| line)
        }
        _ => None,
    };
    // The floor is hard: under it is an incident, and nothing lies between.
    let floor = floor.map(|line| Lines {
        warn: None,
        crit: Some(line),
    });
    let set = || settings.and_then(|s| s.lines.get(&measure)).copied();
    let lines = said(LinesFrom::Series).or(floor).or_else(set).or_else(|| {
        let base = said(LinesFrom::Preset)
            .or_else(|| by_method(reading, method))
            .or_else(|| by_policy(reading, policy))
            .unwrap_or_default();
        let tag = tagged.iter().find(|(of, _)| *of == measure);
        let lines = tag.map_or(base, |(_, tag)| tightened(base, *tag, direction));
        Some(lines)
    });
    Lined {
        lines: lines.unwrap_or_default(),
        direction,
    }
}

/// What is set for a quality metric: the line, and whether it is a ceiling by its own word.
fn bound(settings: Option<&ModelSettings>, metric: &str) -> Option<(f64, bool)> {
    let set = settings?;
    let ceiling = set.ceilings.get(metric).map(|line| (*line, true));
    ceiling.or_else(|| set.floors.get(metric).map(|line| (*line, false)))
}

/// Which way is bad: as the drift method says; for a quality or fairness metric as its name says,
/// unless a preset knows better.
fn direction(
    reading: &SignalReading,
    method: Option<Method>,
    settings: Option<&ModelSettings>,
) -> Direction {
    let given = reading.direction;
    match reading.key.measure {
        Measure::FeatureDrift | Measure::PredictionDrift | Measure::TargetDrift => match method {
            Some(method) => method.direction,
            // A score of a method that nobody knows is shown, and judged by nobody; a direction that
            // is not the measure's own was set by someone who knows.
            None if reading.key.method.raw().is_empty() => given,
            None if given == Direction::LowIsBad => given,
            None => Direction::Neither,
        },
        Measure::QualityRealised | Measure::QualityEstimated => {
            let name = reading.key.part.raw();
            let set = settings.filter(|s| s.metric.as_deref() == Some(name));
            let higher = set.and_then(|s| s.higher_is_better);
            match (bound(settings, name), higher.or(quality::direction(name))) {
                (Some((_, true)), _) | (_, Some(false)) => Direction::HighIsBad,
                (_, Some(true)) => given,
                // Whoever sets a floor says that less is worse.
                (Some((_, false)), None) => Direction::LowIsBad,
                // A direction that is not the measure's own was set by someone who knows.
                (None, None) if given != reading.key.measure.direction() => given,
                (None, None) => Direction::Neither,
            }
        }
        Measure::Fairness if is_difference(reading.key.method.raw()) => Direction::HighIsBad,
        _ => given,
    }
}

/// Whether a fairness metric is a difference or an inequality between groups, best at 0.
fn is_difference(metric: &str) -> bool {
    let metric = metric.to_ascii_lowercase();
    let mut words = metric.split(|c: char| !c.is_ascii_alphanumeric());
    metric.contains("difference")
        || words.any(|word| {
            let known = [
                "diff",
                "gap",
                "theil",
                "deviation",
                "entropy",
                "delta",
                "spd",
                "eod",
                "aod",
            ];
            known.contains(&word)
        })
}

/// Whether a fairness metric is a ratio between groups, best at 1.
fn is_ratio(metric: &str) -> bool {
    let metric = metric.to_ascii_lowercase().replace([' ', '-'], "_");
    let mut words = metric.split(|c: char| !c.is_ascii_alphanumeric());
    // No substring: `calibration` is none.
    let named = words.any(|word| word.ends_with("ratio")) || metric.contains("disparate_impact");
    named && !is_difference(&metric)
}

/// A test's own level of significance, and a classifier's score: lines for distances say nothing of
/// them.
fn by_method(reading: &SignalReading, method: Option<Method>) -> Option<Lines> {
    const DISTANCE: f64 = 0.1;
    let method = method?;
    let own = method.direction == Direction::LowIsBad || method.threshold > DISTANCE;
    let own = own && reading.key.measure != Measure::DriftShare;
    own.then_some(Lines {
        warn: Some(method.threshold),
        crit: None,
    })
}

fn by_policy(reading: &SignalReading, policy: &SignalPolicy) -> Option<Lines> {
    if reading.key.measure == Measure::Fairness && !is_ratio(reading.key.method.raw()) {
        // The policy's line is for ratios.
        return None;
    }
    policy.lines.get(&reading.key.measure).copied()
}

/// The tighter of two lines each.
fn tightened(base: Lines, tag: Lines, direction: Direction) -> Lines {
    let tighter = |a: Option<f64>, b: Option<f64>| match (a, b) {
        (Some(a), Some(b)) => Some(match direction {
            Direction::LowIsBad => a.max(b),
            Direction::HighIsBad | Direction::Neither => a.min(b),
        }),
        (a, b) => a.or(b),
    };
    Lines {
        warn: tighter(base.warn, tag.warn),
        crit: tighter(base.crit, tag.crit),
    }
}

/// Reads one tag: the measure that its name ends in, and one or two numbers.
pub fn of_tag(name: &str, value: &str) -> Option<(Measure, Lines)> {
    let measure = Measure::from_word(name.strip_prefix(TAG)?)?;
    let mut numbers = value.split_whitespace().map(str::parse::<f64>);
    let mut next = || match numbers.next() {
        Some(Ok(number)) if number.is_finite() => Some(Some(number)),
        Some(_) => None,
        None => Some(None),
    };
    let (warn, crit) = (next()?, next()?);
    warn?;
    Some((measure, Lines { warn, crit }))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::*;
    use crate::domain::rules::signals::testing::reading;

    fn lines(warn: f64, crit: f64) -> Lines {
        Lines {
            warn: Some(warn),
            crit: Some(crit),
        }
    }

    #[test]
    fn the_nearest_word_counts() {
        let policy = SignalPolicy::default();
        let mut row = reading(Measure::ErrorRatio, "", "", 0.02);
        let set = ModelSettings {
            lines: BTreeMap::from([(Measure::ErrorRatio, lines(0.05, 0.1))]),
            ..ModelSettings::default()
        };
        let tagged = [(Measure::ErrorRatio, lines(0.002, 0.2))];
        let judge = |row: &SignalReading, set, tags| judge(row, None, set, tags, &policy).lines;
        assert_eq!(judge(&row, None, &[]), lines(0.01, 0.03));
        assert_eq!(
            judge(&row, None, &tagged),
            lines(0.002, 0.03),
            "a tag tightens one line and cannot loosen the other"
        );
        row.lines = Some(Arc::new(lines(0.02, 0.04)));
        row.lines_from = LinesFrom::Preset;
        assert_eq!(judge(&row, None, &[]), lines(0.02, 0.04));
        assert_eq!(judge(&row, Some(&set), &tagged), lines(0.05, 0.1));
        row.lines_from = LinesFrom::Series;
        assert_eq!(judge(&row, Some(&set), &tagged), lines(0.02, 0.04));
    }

    #[test]
    fn a_p_value_is_judged_by_its_own_line_and_an_unknown_method_by_none() {
        let policy = SignalPolicy::default();
        let of = |method: &str| {
            let row = reading(Measure::FeatureDrift, "age", method, 0.07);
            judge(&row, Method::of(method), None, &[], &policy)
        };
        let ks = of("K-S p_value");
        assert_eq!(ks.lines.warn, Some(0.05));
        assert_eq!(ks.direction, Direction::LowIsBad);
        assert_eq!(of("PSI").lines.warn, Some(0.1));
        assert_eq!(of("psychic distance").direction, Direction::Neither);
        assert_eq!(of("").direction, Direction::HighIsBad);
    }

    #[test]
    fn a_floor_is_critical_and_an_error_metric_has_a_ceiling() {
        let policy = SignalPolicy::default();
        let set = ModelSettings {
            floors: BTreeMap::from([("auc".to_owned(), 0.8), ("rmse".to_owned(), 4.0)]),
            ..ModelSettings::default()
        };
        let of = |metric: &str| {
            let row = reading(Measure::QualityRealised, metric, "", 0.7);
            judge(&row, None, Some(&set), &[], &policy)
        };
        assert_eq!(of("auc").lines.crit, Some(0.8));
        assert_eq!(of("auc").direction, Direction::LowIsBad);
        assert_eq!(of("rmse").lines.crit, Some(4.0));
        assert_eq!(of("rmse").direction, Direction::HighIsBad);
        assert_eq!(of("f1").lines, Lines::default());
    }

    #[test]
    fn a_metric_that_nobody_knows_is_judged_as_its_bound_says_and_without_one_not_at_all() {
        let policy = SignalPolicy::default();
        let bounds = |name: &str, line| BTreeMap::from([(name.to_owned(), line)]);
        let set = ModelSettings {
            floors: BTreeMap::from([("happiness".to_owned(), 0.8), ("wape".to_owned(), 0.2)]),
            ceilings: bounds("p90_miss", 12.0),
            ..ModelSettings::default()
        };
        let of = |metric: &str| {
            let row = reading(Measure::QualityRealised, metric, "", 0.7);
            let judged = judge(&row, None, Some(&set), &[], &policy);
            (judged.lines.crit, judged.direction)
        };
        assert_eq!(of("happiness"), (Some(0.8), Direction::LowIsBad));
        assert_eq!(of("wape"), (Some(0.2), Direction::HighIsBad));
        assert_eq!(of("p90_miss"), (Some(12.0), Direction::HighIsBad));
        assert_eq!(of("zeal"), (None, Direction::Neither));
        assert_eq!(of("recall"), (None, Direction::LowIsBad));
        assert_eq!(of("cross_entropy"), (None, Direction::HighIsBad));
    }

    #[test]
    fn a_fairness_difference_is_bad_when_high_and_has_no_line_of_ratios() {
        let policy = SignalPolicy::default();
        let of = |metric: &str| {
            let row = reading(Measure::Fairness, "B", metric, 0.7);
            judge(&row, None, None, &[], &policy)
        };
        let ratio = of("demographic_parity_ratio");
        assert_eq!(
            (ratio.lines.warn, ratio.direction),
            (Some(0.8), Direction::LowIsBad)
        );
        assert_eq!(of("Disparate Impact").lines.warn, Some(0.8));
        for name in [
            "demographic_parity_difference",
            "parity_gap",
            "tpr_diff",
            "theil_index",
        ] {
            let difference = of(name);
            assert_eq!(difference.lines, Lines::default(), "{name}");
            assert_eq!(difference.direction, Direction::HighIsBad, "{name}");
        }
        assert_eq!(of("calibration").lines, Lines::default(), "nobody knows");
    }

    #[test]
    fn a_tag_holds_one_line_or_two() {
        let name = "quarterdeck.line.error-ratio";
        assert_eq!(
            of_tag(name, "0.01 0.03"),
            Some((Measure::ErrorRatio, lines(0.01, 0.03)))
        );
        let one = of_tag(name, "0.01").expect("a line");
        assert_eq!((one.1.warn, one.1.crit), (Some(0.01), None));
        for bad in ["", "much", "0.1 lots", "NaN"] {
            assert_eq!(of_tag(name, bad), None, "{bad}");
        }
        assert_eq!(of_tag("quarterdeck.line.charm", "1"), None);
    }
}
