//! The gates of a context whose policy names none: what is worth knowing of any model. None of them
//! blocks, but for a version that its registry does not call ready; what cannot be told asks for a
//! reason or is left out where nobody measures it.

use super::{Clause, Consequence, Evidence, Gate, Limit, Of, Scale, Sign};
use crate::domain::rules::reproducible::PARTS;
use crate::domain::settings::{ModelSettings, Policy};
use crate::domain::signal::{Measure, Unit};

/// The names of the built-in gates, in the order of a sheet.
pub const NAMES: [&str; 10] = [
    "ready",
    "performance",
    "signature",
    "reproducible",
    "data-drift",
    "consistency",
    "fairness",
    "latency",
    "errors",
    "training-age",
];

/// The relative drop of the quality metric that needs no reason.
const DROP: f64 = 0.01;

fn limit(of: Of, sign: Sign, bound: f64, scale: Scale) -> Vec<Clause> {
    vec![Clause::Limit(Limit {
        of,
        sign,
        bound,
        scale,
    })]
}

/// One built-in gate by its name, with the lines of the policy.
///
/// `None` for another name, and for a gate whose line nobody has drawn.
pub fn named(name: &str, policy: &Policy, settings: Option<&ModelSettings>) -> Option<Gate> {
    let line = |measure: Measure| {
        let own = settings.and_then(|s| s.lines.get(&measure));
        own.or_else(|| policy.signals.lines.get(&measure)).copied()
    };
    let under = |measure: Measure| {
        let lines = line(measure)?;
        let bound = lines.warn.or(lines.crit)?;
        let rule = limit(Of::Value, Sign::AtMost, bound, Scale::In(measure.unit()));
        let mut gate = Gate::new(name, Evidence::Signal(measure), rule);
        gate.if_known = true;
        Some(gate)
    };
    match name {
        "ready" => {
            let rule = vec![Clause::OneOf(vec!["ready".to_owned()])];
            let mut gate = Gate::new(name, Evidence::Status, rule);
            gate.on_fail = Consequence::Block;
            Some(gate)
        }
        "performance" => {
            let rule = limit(Of::Drop, Sign::AtMost, DROP, Scale::Relative);
            Some(Gate::new(name, Evidence::Quality, rule))
        }
        "signature" => Some(Gate::new(
            name,
            Evidence::Signature,
            vec![Clause::Compatible],
        )),
        "reproducible" => {
            let rule = PARTS.into_iter().map(Clause::Claim).collect();
            let mut gate = Gate::new(name, Evidence::Reproducibility, rule);
            gate.on_fail = Consequence::None;
            Some(gate)
        }
        "data-drift" => under(Measure::DriftShare),
        "consistency" => {
            let mut gate = Gate::new(name, Evidence::Consistency, vec![Clause::Consistent]);
            gate.if_known = true;
            Some(gate)
        }
        "fairness" => {
            let lines = line(Measure::Fairness)?;
            let bound = lines.warn.or(lines.crit)?;
            let scale = Scale::In(Unit::Score);
            let rule = limit(Of::Value, Sign::AtLeast, bound, scale);
            let mut gate = Gate::new(name, Evidence::Signal(Measure::Fairness), rule);
            gate.if_known = true;
            Some(gate)
        }
        "latency" => under(Measure::LatencyP95),
        "errors" => under(Measure::ErrorRatio),
        "training-age" => {
            let most = settings.and_then(|s| s.max_age).or(policy.max_model_age)?;
            let rule = limit(Of::Age, Sign::AtMost, most.as_secs_f64(), Scale::Age);
            Some(Gate::new(name, Evidence::TrainingAge, rule))
        }
        _ => None,
    }
}

/// Every built-in gate that has a line.
pub fn all(policy: &Policy, settings: Option<&ModelSettings>) -> Vec<Gate> {
    NAMES
        .iter()
        .filter_map(|name| named(name, policy, settings))
        .collect()
}
