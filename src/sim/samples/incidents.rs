//! What goes wrong with the fleet's signals: one table of troubles, each with its onset.
//!
//! Beside the script of `world/script.rs`, which changes what servers answer, this one changes what
//! they measure.

use crate::sim::world::script::Scenario;

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// What is wrong with one model's signals.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Trouble {
    /// A feature's distribution moves away from the reference, by so much in so many seconds.
    FeatureDrifts {
        feature: &'static str,
        over: i64,
        by: f64,
    },
    /// The job that writes drift and quality stops; its gauges stay.
    JobDies,
    /// The world changes its mind: realised quality falls with each label, the inputs do not move
    /// and the estimate does not notice.
    ConceptDrifts { over: i64, by: f64 },
    /// A feature arrives in another unit, and sometimes not at all.
    UnitChanges {
        feature: &'static str,
        times: f64,
        nulls: f64,
    },
    /// A share of the requests becomes slow.
    LatencyBurns { over: i64, share: f64 },
}

/// A trouble of a model.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Incident {
    pub(crate) model: &'static str,
    /// Seconds of the scenario; before its start when negative.
    pub(crate) begins: i64,
    pub(crate) trouble: Trouble,
    /// What somebody did just before, as they noted it in Grafana; none where nobody did anything.
    pub(crate) note: Option<Note>,
}

/// A note that somebody left.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Note {
    /// Seconds before the onset.
    pub(crate) before: i64,
    pub(crate) by: &'static str,
    pub(crate) text: &'static str,
    pub(crate) tag: &'static str,
}

const INCIDENTS: &[Incident] = &[
    Incident {
        model: "ad-ctr",
        begins: -5 * DAY,
        trouble: Trouble::ConceptDrifts {
            over: 4 * DAY,
            by: -0.082,
        },
        note: None,
    },
    Incident {
        model: "credit-score",
        begins: -31 * HOUR,
        trouble: Trouble::JobDies,
        note: Some(Note {
            before: 600,
            by: "ops-bot",
            text: "monitoring jobs moved to the new cluster",
            tag: "monitoring",
        }),
    },
    Incident {
        model: "demand-forecast",
        begins: -26 * HOUR,
        trouble: Trouble::FeatureDrifts {
            feature: "price",
            over: 22 * HOUR,
            by: 0.31,
        },
        note: None,
    },
    Incident {
        model: "eta-city",
        begins: 45,
        trouble: Trouble::LatencyBurns {
            over: 60,
            share: 0.55,
        },
        note: Some(Note {
            before: 25,
            by: "chen",
            text: "routing graph of November loaded",
            tag: "data",
        }),
    },
    Incident {
        model: "ranker-eu",
        begins: 70,
        trouble: Trouble::UnitChanges {
            feature: "ctr_30d",
            times: 100.0,
            nulls: 0.34,
        },
        note: Some(Note {
            before: 20,
            by: "feature-ci",
            text: "clicks pipeline 2.14: click-through rates in percent",
            tag: "feature-pipeline",
        }),
    },
];

/// The troubles of a scenario.
pub(crate) fn of(scenario: Scenario) -> &'static [Incident] {
    match scenario {
        Scenario::Calm => &[],
        Scenario::Incident => INCIDENTS,
    }
}

/// The time of a second of the scenario: what lies before its start does not play faster.
pub(crate) fn onset(epoch: i64, begins: i64, speed: f64) -> i64 {
    if begins < 0 {
        epoch + begins * 1_000
    } else {
        epoch + (begins as f64 * 1_000.0 / speed.max(1e-6)) as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::world::catalog::MODELS;

    #[test]
    fn incidents_name_models_and_features_that_exist() {
        for incident in INCIDENTS {
            let entry = MODELS.iter().find(|entry| entry.name == incident.model);
            let entry = entry.unwrap_or_else(|| panic!("{}", incident.model));
            if let Trouble::FeatureDrifts { feature, .. } | Trouble::UnitChanges { feature, .. } =
                incident.trouble
            {
                let known = entry
                    .inputs
                    .iter()
                    .any(|(name, _)| name.trim_start_matches('?') == feature);
                assert!(known, "{feature}");
            }
        }
    }

    #[test]
    fn only_what_is_still_to_come_plays_faster() {
        assert_eq!(onset(1_000_000, -10, 4.0), 990_000);
        assert_eq!(onset(1_000_000, 10, 4.0), 1_002_500);
    }
}
