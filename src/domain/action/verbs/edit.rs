//! Editing tags and the description of a model or of one of its versions.

use super::basis::{About, Basis, NOT_HELD, NoPlan};
use super::{Planning, texts};
use crate::domain::action::{Act, Friction, Plan, PlanId, Step, Tagged, Verb};
use crate::domain::key::Key;
use crate::domain::model;
use crate::domain::text::Clean;

/// Tags that wiring, policies and marks read begin so.
const OURS: &str = "quarterdeck.";

/// An edit that somebody wishes.
#[derive(Clone, PartialEq, Debug)]
pub struct EditRequest {
    /// Of what.
    pub of: Tagged,
    /// Tags with their values after; `None` takes a tag away, which registries allow to few.
    pub tags: Vec<(Key, Option<Key>)>,
    /// The description after, where it is to change.
    pub description: Option<Key>,
    /// The reason that passes a freeze, where one was given.
    pub freeze: Option<Clean>,
}

/// The plan of an edit. What is so already is left out.
///
/// # Errors
/// When the thing is not there, or nothing of it would change.
pub fn plan(request: &EditRequest, id: PlanId, with: &Planning<'_>) -> Result<Plan, NoPlan> {
    let fleet = with.fleet;
    let model = request.of.model();
    let Some(held) = fleet.registered(model) else {
        return Err(NoPlan::impossible(NOT_HELD));
    };
    let Some((tags, description)) = texts::shown(fleet, &request.of) else {
        let what = request.of.words();
        return Err(NoPlan::impossible(format!("the registry holds no {what}")));
    };
    let mut basis = Basis::new(*with);
    basis.rests_on_model(&held.source, model);
    basis.rests_on_expiry(&held.source);
    basis.thawed(model, request.freeze.as_ref());
    let mut acts = Vec::new();
    let mut friction = if basis.is_overridden() {
        Friction::NameAndReason
    } else {
        Friction::Key
    };
    for (key, to) in &request.tags {
        if key.raw().trim().is_empty() {
            basis.block("a tag needs a name");
            continue;
        }
        let shown = model::tag(tags, key.raw());
        let of = request.of.clone();
        let created = basis.created(&of);
        match to {
            Some(to) if shown.is_none_or(|shown| shown.as_str() != to.raw()) => {
                let from = basis.tag_before(&of, key);
                let key = key.clone();
                let to = to.clone();
                acts.push(Act::SetTag {
                    of,
                    created,
                    key,
                    from,
                    to,
                });
            }
            None if shown.is_some() => {
                let Some(from) = basis.tag_before(&of, key) else {
                    continue;
                };
                basis.note("taking a tag away needs the right MANAGE: an empty value does without");
                let key = key.clone();
                acts.push(Act::DeleteTag {
                    of,
                    created,
                    key,
                    from,
                });
            }
            _ => continue,
        }
        if key.raw().starts_with(OURS) {
            basis.note(format!(
                "{} means something to every console: see `quarterdeck wiring`",
                key.clean()
            ));
            friction = friction.max(Friction::Name);
        }
    }
    if let Some(to) = &request.description
        && description.as_str() != to.raw()
    {
        acts.push(Act::Describe {
            created: basis.created(&request.of),
            of: request.of.clone(),
            from: basis.description_before(&request.of),
            to: to.clone(),
        });
    }
    let summary = match acts.as_slice() {
        [] => {
            return Err(NoPlan::already(format!(
                "{} is so already",
                request.of.words()
            )));
        }
        [one] => one.words(),
        [first, rest @ ..] => Clean::text(&format!("{} and {} more", first.words(), rest.len())),
    };
    let steps = acts.into_iter();
    let steps = steps.map(|act| Step::required(&held.source, act)).collect();
    let steps = basis.permitted(steps);
    let about = About {
        verb: Verb::Edit,
        subject: held.fact.name.clone(),
        model: Some(model.clone()),
        summary,
        friction,
    };
    Ok(basis.plan(id, about, steps))
}
