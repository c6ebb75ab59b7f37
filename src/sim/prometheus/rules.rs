//! Alerting rules, and when each of their alerts was pending and firing.
//!
//! The past is evaluated once, coarsely, and what is new every [`EVERY`] on the way to now.

use std::collections::{HashMap, HashSet};

use super::ast::Expr;
use super::eval::{Evaluation, Steps, Value};
use super::parse;
use crate::sim::samples::curve::Curve;
use crate::sim::samples::labels::{Labels, NAME};
use crate::sim::samples::store::{Series, Store};

/// Milliseconds between two evaluations.
pub(crate) const EVERY: i64 = 15_000;
/// How far back the rules' past goes, and how finely it was watched.
const PAST: i64 = 7 * 24 * 3_600_000;
const COARSE: i64 = 10 * 60_000;
/// A fleet of more series has no past: nobody asks a load for last week's alerts.
const MANY: usize = 5_000;
/// So much of the past is evaluated as finely as the present.
const FINE: i64 = 10 * 60_000;

/// One alerting rule.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) group: &'static str,
    pub(crate) name: &'static str,
    /// As the server writes it back.
    pub(crate) query: &'static str,
    /// Milliseconds it must hold before it fires.
    pub(crate) hold: i64,
    pub(crate) severity: &'static str,
    /// `{label}` stands for a label's value.
    pub(crate) summary: &'static str,
    pub(crate) runbook: &'static str,
}

/// The rules of the fleet's teams.
pub(crate) static RULES: &[Rule] = &[
    Rule {
        group: "serving",
        name: "ModelLatencyBudgetBurn",
        query: "label_replace(1 - sum by (model_name) (rate(:tensorflow:serving:request_latency_bucket{le=\"708235.34536\"}[1m])) / sum by (model_name) (rate(:tensorflow:serving:request_latency_count[1m])), \"model\", \"$1\", \"model_name\", \"(.*)\") > 0.144",
        hold: 60_000,
        severity: "page",
        summary: "{model} spends its latency budget more than 14 times too fast",
        runbook: "https://runbooks.example/latency-burn",
    },
    Rule {
        group: "serving",
        name: "ModelHighErrorRatio",
        query: "sum by (model) (rate(model_infer_request_failure_total[5m])) / (sum by (model) (rate(model_infer_request_success_total[5m])) + sum by (model) (rate(model_infer_request_failure_total[5m]))) > 0.02",
        hold: 120_000,
        severity: "page",
        summary: "{model} fails more than 2 % of its requests",
        runbook: "https://runbooks.example/errors",
    },
    Rule {
        group: "drift",
        name: "FeatureDrift",
        query: "ml_feature_drift_score{method!~\".*p_value\"} > on (model, version, feature, method) ml_feature_drift_threshold and on (model) ml_drift_samples{window=\"current\"} >= 500",
        hold: 30_000,
        severity: "ticket",
        summary: "{feature} of {model} v{version} has moved away from its reference",
        runbook: "https://runbooks.example/drift",
    },
    Rule {
        group: "drift",
        name: "FeatureNulls",
        query: "ml_feature_null_ratio > 0.2",
        hold: 30_000,
        severity: "page",
        summary: "{feature} of {model} is often missing",
        runbook: "https://runbooks.example/nulls",
    },
    Rule {
        group: "drift",
        name: "DriftJobStale",
        query: "time() - ml_drift_last_run_timestamp_seconds > 93600",
        hold: 300_000,
        severity: "ticket",
        summary: "the drift job of {model} has not run for 26 h",
        runbook: "https://runbooks.example/drift-job",
    },
    Rule {
        group: "quality",
        name: "ModelQualityBelowFloor",
        query: "ml_model_quality{kind=\"realized\",metric=\"auc\",model=\"ad-ctr\"} < 0.75",
        hold: 3_600_000,
        severity: "page",
        summary: "realised {metric} of {model} v{version} is under 0.75",
        runbook: "https://runbooks.example/quality",
    },
];

/// One alert, from its first true evaluation on.
#[derive(Clone, Debug)]
pub(crate) struct Alert {
    pub(crate) rule: &'static Rule,
    /// With `alertname` and the rule's own labels.
    pub(crate) labels: Labels,
    /// Epoch milliseconds.
    pub(crate) active: i64,
    pub(crate) fired: Option<i64>,
    pub(crate) resolved: Option<i64>,
    /// The expression's value when last seen.
    pub(crate) value: f64,
}

impl Alert {
    pub(crate) fn state(&self) -> &'static str {
        if self.fired.is_some() {
            "firing"
        } else {
            "pending"
        }
    }

    pub(crate) fn summary(&self) -> String {
        let mut text = self.rule.summary.to_owned();
        for (name, value) in self.labels.iter() {
            text = text.replace(&format!("{{{name}}}"), value);
        }
        text
    }
}

/// What the rules have found so far.
#[derive(Debug, Default)]
pub(crate) struct Timeline {
    rules: Vec<(&'static Rule, Expr)>,
    /// The last evaluation.
    until: Option<i64>,
    alerts: Vec<Alert>,
    /// Where in `alerts` those are that are not resolved.
    open: HashMap<Labels, usize>,
}

impl Timeline {
    /// Evaluates what is due until now; the past first, if nothing was.
    pub(crate) fn advance(&mut self, store: &Store, now: i64) {
        if self.rules.is_empty() {
            let parsed = RULES
                .iter()
                .filter_map(|rule| Some((rule, parse::parse(rule.query).ok()?)));
            self.rules = parsed.collect();
        }
        let now = now.div_euclid(EVERY) * EVERY;
        let stretches = match self.until {
            Some(until) => vec![(until + EVERY, now, EVERY)],
            None => {
                let past = if store.len() > MANY { 0 } else { PAST };
                let fine = (now - FINE).div_euclid(COARSE) * COARSE;
                vec![(fine - past, fine - COARSE, COARSE), (fine, now, EVERY)]
            }
        };
        for (from, to, step) in stretches {
            if from <= to {
                self.evaluate(store, Steps::between(from, to, step));
                self.until = Some(to);
            }
        }
    }

    fn evaluate(&mut self, store: &Store, steps: Steps) {
        for index in 0..self.rules.len() {
            let (rule, expr) = &self.rules[index];
            let rule = *rule;
            // A rule that cannot be evaluated finds nothing; a test holds that all can.
            let Ok(Value::Vector(rows)) = Evaluation::new(&[store], i64::MAX, steps).run(expr)
            else {
                continue;
            };
            let mut seen = HashSet::new();
            for row in rows {
                let labels = row
                    .labels
                    .unnamed()
                    .with("alertname", rule.name)
                    .with("severity", rule.severity);
                for (at, value) in steps.iter().zip(row.values) {
                    self.see(rule, &labels, at, value);
                }
                seen.insert(labels);
            }
            // What no row speaks of any more is over.
            let gone: Vec<Labels> = self
                .open
                .iter()
                .filter(|(labels, at)| {
                    self.alerts[**at].rule.name == rule.name && !seen.contains(*labels)
                })
                .map(|(labels, _)| labels.clone())
                .collect();
            for labels in gone {
                self.see(rule, &labels, steps.start, None);
            }
        }
    }

    fn see(&mut self, rule: &'static Rule, labels: &Labels, at: i64, value: Option<f64>) {
        match (self.open.get(labels).copied(), value) {
            (None, None) => {}
            (None, Some(value)) => {
                self.open.insert(labels.clone(), self.alerts.len());
                self.alerts.push(Alert {
                    rule,
                    labels: labels.clone(),
                    active: at,
                    fired: (rule.hold == 0).then_some(at),
                    resolved: None,
                    value,
                });
            }
            (Some(index), Some(value)) => {
                let alert = &mut self.alerts[index];
                alert.value = value;
                if alert.fired.is_none() && at - alert.active >= rule.hold {
                    alert.fired = Some(at);
                }
            }
            (Some(index), None) => {
                self.alerts[index].resolved = Some(at);
                self.open.remove(labels);
            }
        }
    }

    /// The alerts that are pending or firing.
    pub(crate) fn active(&self) -> impl Iterator<Item = &Alert> {
        self.alerts.iter().filter(|alert| alert.resolved.is_none())
    }

    /// The last evaluation, in epoch milliseconds.
    pub(crate) fn evaluated(&self) -> i64 {
        self.until.unwrap_or_default()
    }

    /// `ALERTS` and `ALERTS_FOR_STATE`, as the server writes them of each evaluation.
    pub(crate) fn store(&self) -> Store {
        let mut store = Store::default();
        for alert in &self.alerts {
            let mut push = |name: &str, state: &str, from: i64, until: Option<i64>, value: f64| {
                store.push(Series {
                    labels: alert.labels.with(NAME, name).with("alertstate", state),
                    interval: EVERY,
                    offset: 0,
                    from,
                    until,
                    curve: Curve::Constant(value),
                });
            };
            let pending = alert.fired.or(alert.resolved);
            push("ALERTS", "pending", alert.active, pending, 1.0);
            if let Some(fired) = alert.fired {
                push("ALERTS", "firing", fired, alert.resolved, 1.0);
            }
            let since = alert.active as f64 / 1_000.0;
            push("ALERTS_FOR_STATE", "", alert.active, alert.resolved, since);
        }
        store
    }
}
