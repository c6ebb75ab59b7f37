//! What drift and quality jobs write of each model: Quarterdeck's own convention of metric names.

use std::f64::consts::FRAC_2_SQRT_PI;
use std::sync::Arc;

use super::curve::{Change, Curve, Gauge, Job, unit};
use super::incidents::Trouble;
use super::{HISTORY, Maker, Target};
use crate::sim::world::catalog::{Entry, Flavour};
use crate::sim::world::registry::Model;
use crate::sim::world::run::mix;
use crate::sim::world::{Endpoint, Span};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// How a column is compared with its reference, and the line.
pub(crate) fn method(entry: &Entry, kind: &str) -> (&'static str, f64) {
    match kind {
        // A small reference gets a test instead of a distance.
        "double" | "integer" | "long" if entry.name == "credit-score" => ("K-S p_value", 0.05),
        "double" | "integer" | "long" => ("Wasserstein distance (normed)", 0.1),
        "binary" => ("Hellinger distance", 0.15),
        _ => ("Jensen-Shannon distance", 0.1),
    }
}

/// Whether a low score of a method is the bad one.
pub(crate) fn low_is_bad(method: &str) -> bool {
    method.contains("p_value")
}

/// What one model's jobs look like.
struct Monitor {
    entry: &'static Entry,
    model: String,
    job: Job,
    /// Rows of a window.
    rows: f64,
    troubles: Vec<(i64, Trouble)>,
}

impl Monitor {
    fn held(&self, gauge: Gauge) -> Curve {
        Curve::Held(self.job, Arc::new(gauge))
    }

    /// What happens to a feature, if anything.
    fn trouble(&self, feature: &str) -> Option<(i64, Trouble)> {
        let mut troubles = self.troubles.iter();
        troubles
            .find(|(_, trouble)| {
                matches!(trouble,
                    Trouble::FeatureDrifts { feature: known, .. }
                    | Trouble::UnitChanges { feature: known, .. } if *known == feature)
            })
            .copied()
    }
}

/// The job that watches a model.
pub(crate) fn job(model: &str, seed: u64, troubles: &[(i64, Trouble)]) -> Job {
    let unit_change = (troubles.iter()).any(|(_, t)| matches!(t, Trouble::UnitChanges { .. }));
    // Ranking is watched as it streams by, so that a broken feed shows within a minute.
    let every = if unit_change || model.starts_with("ranker") {
        MINUTE / 2
    } else {
        HOUR
    };
    Job {
        every,
        phase: (mix(seed) % every as u64) as i64,
        dies: troubles
            .iter()
            .find_map(|(at, trouble)| matches!(trouble, Trouble::JobDies).then_some(*at)),
    }
}

/// Adds the series of a model's drift and quality jobs.
pub(super) fn measure(maker: &mut Maker<'_>, model: &Model) {
    let Some(entry) = (model.versions.first()).and_then(|version| Some(version.recipe?.entry))
    else {
        return;
    };
    let seed = maker.seed(&["monitor", &model.name]);
    let troubles: Vec<_> = maker.incident(&model.name).collect();
    let monitor = Monitor {
        entry,
        model: model.name.to_string(),
        job: job(&model.name, seed, &troubles),
        // One team looks at too few rows to say anything.
        rows: if entry.name == "support-triage" {
            190.0
        } else {
            4_000.0 + 30_000.0 * unit(seed)
        },
        troubles,
    };
    let target = Target {
        job: "model-monitors",
        instance: "monitors:9101".to_owned(),
        from: maker.world.epoch() - HISTORY,
        until: None,
    };
    whole_model(maker, &monitor, &target);
    for (feature, kind) in entry.inputs {
        of_feature(
            maker,
            &monitor,
            &target,
            feature.trim_start_matches('?'),
            kind,
        );
    }
    let spans = spans(maker, model);
    // Versions that answer side by side share the rows.
    let at_once = spans.iter().filter(|span| span.until.is_none()).count();
    for span in spans {
        let target = Target {
            from: span.from.max(target.from),
            until: span.until,
            ..target.clone()
        };
        let share = match span.until {
            None => 1.0 / at_once.max(1) as f64,
            Some(_) => 1.0,
        };
        of_version(maker, &monitor, &target, span, share);
    }
}

/// The versions whose predictions the jobs see: those that an endpoint serves, else the champion's.
fn spans(maker: &Maker<'_>, model: &Model) -> Vec<Span> {
    let serves = |endpoint: &&Endpoint| endpoint.model == model.name;
    match maker.world.endpoints.iter().find(serves) {
        Some(endpoint) => endpoint.spans.clone(),
        None => vec![Span {
            version: model.aliases.get("champion").copied().unwrap_or(1),
            from: maker.world.epoch() - HISTORY,
            until: None,
        }],
    }
}

fn whole_model(maker: &mut Maker<'_>, monitor: &Monitor, target: &Target) {
    let model = monitor.model.as_str();
    let seed = maker.seed(&["rows", model]);
    for (window, rows) in [("current", monitor.rows), ("reference", monitor.rows * 4.0)] {
        let noise = if window == "current" {
            rows * 0.08
        } else {
            0.0
        };
        maker.gauge(
            target,
            "ml_drift_samples",
            "Rows the drift job looked at.",
            &[("model", model), ("window", window)],
            monitor.held(Gauge::around(rows.round(), noise.round(), seed).within(1.0, 1e9)),
        );
    }
    maker.gauge(
        target,
        "ml_drift_last_run_timestamp_seconds",
        "When the drift job last ran.",
        &[("model", model)],
        Curve::LastRun(monitor.job),
    );
    let mut coverage = Gauge::around(0.86, 0.03, mix(seed ^ 1)).within(0.0, 1.0);
    // Who leaves is known late: of the newest predictions most labels are still to come.
    if monitor.entry.name == "churn" {
        coverage.changes.push(Change {
            at: maker.world.epoch() - 5 * HOUR,
            over: 4 * HOUR,
            times: 1.0,
            plus: -0.54,
        });
    }
    maker.gauge(
        target,
        "ml_quality_label_coverage_ratio",
        "Share of predictions whose label has come.",
        &[("model", model)],
        monitor.held(coverage),
    );
    // Of people only: a forecast of units per store treats nobody unequally.
    if matches!(
        monitor.entry.name,
        "credit-score" | "churn" | "fraud-detector"
    ) {
        for (group, ratio, share) in [
            ("18-25", 0.88, 0.012),
            ("26-60", 0.97, 0.76),
            ("over-60", 0.91, 0.228),
        ] {
            let seed = maker.seed(&["fairness", model, group]);
            let rows = monitor.rows * share;
            maker.gauge(
                target,
                "ml_fairness_group_samples",
                "Rows of a group that its fairness rests on.",
                &[("model", model), ("group", group)],
                monitor.held(
                    Gauge::around(rows.round(), (rows * 0.08).round(), mix(seed)).within(1.0, 1e9),
                ),
            );
            maker.gauge(
                target,
                "ml_fairness_metric",
                "Fairness of a group against the rest.",
                &[
                    ("model", model),
                    ("metric", "demographic_parity_ratio"),
                    ("group", group),
                ],
                monitor.held(Gauge::around(ratio, 0.015, seed).within(0.0, 1.2)),
            );
        }
    }
}

fn of_feature(
    maker: &mut Maker<'_>,
    monitor: &Monitor,
    target: &Target,
    feature: &str,
    kind: &str,
) {
    let labels = [("model", monitor.model.as_str()), ("feature", feature)];
    let seed = maker.seed(&["feature", &monitor.model, feature]);
    let trouble = monitor.trouble(feature);
    // The features that people get wrong are the ones that matter.
    let importance = if trouble.is_some() {
        0.34
    } else {
        0.04 + 0.16 * unit(seed)
    };
    maker.gauge(
        target,
        "ml_feature_importance",
        "How much a feature matters, 0 to 1.",
        &labels,
        Curve::Constant((importance * 1_000.0).round() / 1_000.0),
    );
    let mut nulls = Gauge::around(0.006, 0.004, mix(seed ^ 1)).within(0.0, 1.0);
    if let Some((at, Trouble::UnitChanges { nulls: share, .. })) = trouble {
        nulls.changes.push(jump(at, 1.0, share));
    }
    maker.gauge(
        target,
        "ml_feature_null_ratio",
        "Share of missing values.",
        &labels,
        monitor.held(nulls),
    );
    if matches!(kind, "double" | "integer" | "long") {
        let base = typical(feature, seed);
        let mut mean = Gauge::around(base, base * 0.03, mix(seed ^ 2)).swinging(base * 0.04);
        match trouble {
            Some((at, Trouble::UnitChanges { times, .. })) => {
                mean.changes.push(jump(at, times, 0.0));
            }
            Some((at, Trouble::FeatureDrifts { over, by, .. })) => mean.changes.push(Change {
                at,
                over: over * 1_000,
                times: 1.0 + by * 0.6,
                plus: 0.0,
            }),
            _ => {}
        }
        maker.gauge(
            target,
            "ml_feature_mean",
            "Mean of a feature's values.",
            &labels,
            monitor.held(mean),
        );
    }
}

/// The mean of a feature on an ordinary day.
pub(crate) fn typical(feature: &str, seed: u64) -> f64 {
    match feature {
        "ctr_30d" => 0.034,
        "price" => 18.4,
        "hour" => 13.2,
        "age" => 41.0,
        "lat" => 48.1,
        "lon" => 11.6,
        _ => 1.0 + 60.0 * unit(mix(seed ^ 9)),
    }
}

const fn jump(at: i64, times: f64, plus: f64) -> Change {
    Change {
        at,
        over: 0,
        times,
        plus,
    }
}

fn of_version(maker: &mut Maker<'_>, monitor: &Monitor, target: &Target, span: Span, share: f64) {
    let number = span.version.to_string();
    let (model, version) = (monitor.model.as_str(), number.as_str());
    // A model grows old: what it sees moves away from what it learned.
    let ageing = |by: f64| Change {
        at: span.from,
        over: 30 * DAY,
        times: 1.0,
        plus: by,
    };
    let mut shaken = 0.0;
    let mut shaken_at = 0;
    for (feature, kind) in monitor.entry.inputs {
        let feature = feature.trim_start_matches('?');
        let seed = maker.seed(&["score", model, version, feature]);
        let (method, line) = method(monitor.entry, kind);
        let labels = [
            ("model", model),
            ("version", version),
            ("feature", feature),
            ("method", method),
        ];
        let score = if low_is_bad(method) {
            Gauge::around(0.5, 0.32, seed).within(0.0, 1.0)
        } else {
            let base = 0.025 + 0.03 * unit(seed);
            let spread = if monitor.rows < 500.0 { 0.06 } else { 0.012 };
            let mut score = Gauge::around(base, spread, mix(seed ^ 1))
                .within(0.0, 9.0)
                .changing([ageing(0.012)]);
            match monitor.trouble(feature) {
                Some((at, Trouble::FeatureDrifts { over, by, .. })) => {
                    (shaken, shaken_at) = (0.06, at);
                    score.changes.push(Change {
                        at,
                        over: over * 1_000,
                        times: 1.0,
                        plus: by,
                    });
                }
                Some((at, Trouble::UnitChanges { .. })) => {
                    (shaken, shaken_at) = (0.19, at);
                    score.changes.push(jump(at, 1.0, 2.3));
                }
                _ => {}
            }
            score
        };
        let name = "ml_feature_drift_score";
        maker.gauge(
            target,
            name,
            "How far a feature has moved.",
            &labels,
            monitor.held(score),
        );
        let name = "ml_feature_drift_threshold";
        maker.gauge(
            target,
            name,
            "The line of a score.",
            &labels,
            Curve::Constant(line),
        );
    }
    predictions(
        maker,
        monitor,
        target,
        (version, share),
        jump(shaken_at, 1.0, shaken),
    );
    quality(maker, monitor, target, version);
}

fn predictions(
    maker: &mut Maker<'_>,
    monitor: &Monitor,
    target: &Target,
    (version, share): (&str, f64),
    shaken: Change,
) {
    let model = monitor.model.as_str();
    let seed = maker.seed(&["prediction", model, version]);
    let score = Gauge::around(0.03 + 0.02 * unit(seed), 0.01, mix(seed ^ 1))
        .within(0.0, 9.0)
        .changing([shaken]);
    maker.gauge(
        target,
        "ml_prediction_drift_score",
        "How far the predictions have moved.",
        &[
            ("model", model),
            ("version", version),
            ("method", "Jensen-Shannon distance"),
        ],
        monitor.held(score),
    );
    let base = match monitor.entry.flavour {
        Flavour::Tensorflow => 240.0 + 90.0 * unit(seed),
        _ => 0.08 + 0.3 * unit(maker.seed(&["base rate", model])),
    };
    prediction_rows(maker, monitor, target, (version, share), base, shaken);
    let mean = Gauge::around(base, base * 0.02, mix(seed ^ 2))
        .swinging(base * 0.05)
        .changing([Change {
            times: 1.0 + shaken.plus * 2.0,
            plus: 0.0,
            ..shaken
        }]);
    maker.gauge(
        target,
        "ml_prediction_mean",
        "Mean of the predictions.",
        &[("model", model), ("version", version)],
        Curve::Gauge(Arc::new(mean)),
    );
}

/// What classifiers of more than two classes answer, and how often.
fn classes(model: &str) -> Option<[(&'static str, f64); 3]> {
    match model {
        "image-moderation" => Some([("allowed", 0.86), ("blurred", 0.09), ("blocked", 0.05)]),
        "support-triage" => Some([("normal", 0.71), ("low", 0.18), ("urgent", 0.11)]),
        _ => None,
    }
}

/// The share of predictions around a mean which lie below a bound: of probabilities, or of amounts.
fn below(bound: f64, mean: f64) -> f64 {
    if mean < 1.0 {
        bound.clamp(0.0, 1.0).powf(mean / (1.0 - mean))
    } else {
        1.0 - (-(bound / (mean * FRAC_2_SQRT_PI)).powi(2)).exp()
    }
}

/// The rows of both windows by what was predicted: what moves the mean moves them.
fn prediction_rows(
    maker: &mut Maker<'_>,
    monitor: &Monitor,
    target: &Target,
    (version, share): (&str, f64),
    base: f64,
    shaken: Change,
) {
    let model = monitor.model.as_str();
    let moved = base * (1.0 + shaken.plus * 2.0);
    for (window, times) in [("reference", 4.0), ("current", 1.0)] {
        let rows = monitor.rows * share * times;
        let mut push = |label: (&str, &str), before: f64, now: f64| {
            let mut gauge = Gauge::around((before * rows).round(), 0.0, 0);
            if window == "current" && shaken.plus > 0.0 {
                gauge.changes.push(Change {
                    times: 1.0,
                    plus: ((now - before) * rows).round(),
                    ..shaken
                });
            }
            maker.gauge(
                target,
                "ml_prediction_rows",
                "Rows of a window by what was predicted.",
                &[
                    ("model", model),
                    ("version", version),
                    ("window", window),
                    label,
                ],
                monitor.held(gauge),
            );
        };
        if let Some(classes) = classes(model) {
            for (class, share) in classes {
                push(("class", class), share, share);
            }
            continue;
        }
        let scale = if base < 1.0 {
            0.1
        } else {
            (base / 40.0).round() * 10.0
        };
        for step in 1..=10 {
            let bound = scale * f64::from(step);
            let word = format!("{}", (bound * 10.0).round() / 10.0);
            push(("le", &word), below(bound, base), below(bound, moved));
        }
        push(("le", "+Inf"), 1.0, 1.0);
    }
}

fn quality(maker: &mut Maker<'_>, monitor: &Monitor, target: &Target, version: &str) {
    let model = monitor.model.as_str();
    let (name, best, from) = monitor.entry.quality;
    let metric = name.trim_start_matches("val_");
    let spread = (best - from).abs();
    let falls = monitor
        .troubles
        .iter()
        .filter_map(|(at, trouble)| match trouble {
            Trouble::ConceptDrifts { over, by } => Some(Change {
                at: *at,
                over: over * 1_000,
                times: 1.0,
                plus: *by,
            }),
            _ => None,
        });
    for kind in ["realized", "estimated"] {
        let seed = maker.seed(&["quality", model, version, kind]);
        let mut gauge = Gauge::around(best - (best - from) * 0.03, spread * 0.012, seed);
        if kind == "realized" {
            gauge = gauge.changing(falls.clone());
        }
        maker.gauge(
            target,
            "ml_model_quality",
            "Quality, measured with labels or estimated without.",
            &[
                ("model", model),
                ("version", version),
                ("metric", metric),
                ("kind", kind),
            ],
            monitor.held(gauge),
        );
    }
}
