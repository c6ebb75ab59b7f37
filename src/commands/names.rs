//! Finding a thing by the name that somebody typed, and the nearest name where there is none.

use super::exit::Failure;
use crate::domain::fleet::Fleet;
use crate::domain::fleet::view::{DeploymentView, ModelView};
use crate::domain::key::Key;
use crate::domain::near::nearest;
use crate::domain::run::Experiment;

/// The model of a name, raw or as shown.
///
/// # Errors
/// When there is none, with the nearest name.
pub(super) fn model<'a>(fleet: &'a Fleet, name: &str) -> Result<&'a ModelView, Failure> {
    let exact = fleet.models().find(|m| m.key.name.raw() == name);
    exact
        .or_else(|| fleet.models().find(|m| m.name == *name))
        .ok_or_else(|| missing("model", name, fleet.models().map(|m| m.name.as_str())))
}

/// The deployment of a name.
///
/// # Errors
/// When there is none, with the nearest name.
pub(super) fn deployment<'a>(fleet: &'a Fleet, name: &str) -> Result<&'a DeploymentView, Failure> {
    let found = fleet.deployments().find(|d| d.name == *name);
    let names = || fleet.deployments().map(|d| d.name.as_str());
    found.ok_or_else(|| missing("deployment", name, names()))
}

/// The experiment of a name or id.
///
/// # Errors
/// When there is none, with the nearest name.
pub(super) fn experiment<'a>(fleet: &'a Fleet, name: &str) -> Result<&'a Experiment, Failure> {
    let named = |e: &&Experiment| e.name == *name;
    let all = || fleet.experiments().map(|h| &h.fact);
    all()
        .find(named)
        .or_else(|| all().find(|e| e.key.id.raw() == name))
        .ok_or_else(|| missing("experiment", name, all().map(|e| e.name.as_str())))
}

/// Says that there is no such thing, and which one was probably meant.
pub(super) fn missing<'a>(what: &str, name: &str, names: impl Iterator<Item = &'a str>) -> Failure {
    let names: Vec<&str> = names.collect();
    let failure = Failure::usage(format!("there is no {what} `{}`", Key::new(name).clean()));
    match nearest(name, names.iter().copied()) {
        Some(near) => failure.advice(format!("did you mean `{near}`?")),
        None if names.is_empty() => failure.advice(format!("no {what} is known here")),
        None if names.len() <= 12 => failure.advice(format!("known: {}", names.join(", "))),
        None => failure.advice(format!(
            "{} are known, none with a name like it",
            names.len()
        )),
    }
}
