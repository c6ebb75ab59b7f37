//! Where drift comes from, as far as its split by version tells: drift that every version sees lies in the
//! data, drift that one version alone sees lies in that version.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::key::Key;
use crate::domain::level::Level;
use crate::domain::signal::{Gauge, Measure, State};
use crate::domain::text::Clean;
use crate::domain::wiring::version_text;

/// What the versions say together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Blame {
    /// These versions see the same feature drift.
    Data(Vec<Clean>),
    /// Only this version sees it; these others see the same feature within its line.
    Version(Clean, Vec<Clean>),
}

impl Blame {
    /// In a sentence: `same drift on v13 and v14: data, not model`.
    pub fn text(&self) -> Clean {
        let list = |all: &[Clean]| {
            let names: Vec<&str> = all.iter().map(Clean::as_str).collect();
            names.join(" and ")
        };
        Clean::text(&match self {
            Self::Data(versions) => {
                format!("same drift on {}: data, not model", list(versions))
            }
            Self::Version(one, others) => format!(
                "drift on {one} alone, not on {}: that version or its features, not the data",
                list(others)
            ),
        })
    }
}

/// The versions whose score of one feature can be judged, and those that are over its line.
type Versions<'a> = (BTreeSet<&'a Key>, BTreeSet<&'a Key>);

/// Judges the per-version feature scores of a model; `None` where they tell nothing.
pub fn judge<'a>(gauges: impl IntoIterator<Item = &'a Gauge>) -> Option<Blame> {
    // For each feature and method, which versions can be judged, and which are over the line.
    let mut features: BTreeMap<(&Key, &Key), Versions<'_>> = BTreeMap::new();
    for gauge in gauges {
        let key = &gauge.key;
        let judged = key.measure == Measure::FeatureDrift
            && gauge.state == State::Value
            && !key.version.raw().is_empty();
        if !judged {
            continue;
        }
        let (all, over) = features.entry((&key.part, &key.method)).or_default();
        all.insert(&key.version);
        if matches!(gauge.level, Some(Level::Warn | Level::Crit)) {
            over.insert(&key.version);
        }
    }
    let shown = |keys: &BTreeSet<&Key>| keys.iter().map(|k| version_text(k)).collect();
    let split = || features.values().filter(|(all, _)| all.len() > 1);
    if let Some((_, over)) = split().find(|(all, over)| over.len() == all.len()) {
        return Some(Blame::Data(shown(over)));
    }
    let (all, over) = split().find(|(_, over)| over.len() == 1)?;
    let others = all.difference(over).copied().collect();
    let one = over.iter().next()?;
    Some(Blame::Version(version_text(one), shown(&others)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::key::SourceId;
    use crate::domain::signal::{Direction, Lines, SignalKey, Unit};
    use crate::domain::time::Millis;

    fn gauge(part: &str, version: &str, level: Level) -> Gauge {
        Gauge {
            key: SignalKey {
                model: Key::new("fraud"),
                measure: Measure::FeatureDrift,
                part: Key::new(part),
                method: Key::new("psi"),
                version: Key::new(version),
                source: SourceId::new("prom"),
            },
            value: Some(0.2),
            state: State::Value,
            unit: Unit::Score,
            direction: Direction::HighIsBad,
            lines: Lines::default(),
            n: None,
            noise_floor: None,
            at: Some(Millis(0)),
            level: Some(level),
        }
    }

    #[test]
    fn drift_on_every_version_is_in_the_data() {
        let all = [
            gauge("amount", "13", Level::Warn),
            gauge("amount", "14", Level::Warn),
            gauge("age", "13", Level::Ok),
            gauge("age", "14", Level::Ok),
        ];
        let text = judge(&all).unwrap().text();
        assert_eq!(text, "same drift on v13 and v14: data, not model");
    }

    #[test]
    fn drift_on_one_version_alone_is_that_version() {
        let all = [
            gauge("amount", "13", Level::Ok),
            gauge("amount", "14", Level::Crit),
        ];
        let text = judge(&all).unwrap().text();
        assert!(
            text.as_str().starts_with("drift on v14 alone, not on v13"),
            "{text}"
        );
    }

    #[test]
    fn scores_that_are_not_split_or_not_judged_say_nothing() {
        assert_eq!(judge(&[gauge("amount", "", Level::Crit)]), None);
        assert_eq!(judge(&[gauge("amount", "14", Level::Crit)]), None);
        let low = Gauge {
            state: State::LowN,
            ..gauge("amount", "13", Level::Ok)
        };
        assert_eq!(judge(&[low, gauge("amount", "14", Level::Crit)]), None);
        let flat = [
            gauge("amount", "13", Level::Ok),
            gauge("amount", "14", Level::Ok),
        ];
        assert_eq!(judge(&flat), None);
    }
}
