//! Marks for every console: freezing a model, ending that, and acknowledging its trouble. Each is one tag
//! of the registered model, with an end by the registry's clock.

use std::time::Duration;

use super::Planning;
use super::basis::{About, Basis, NOT_HELD, NoPlan};
use crate::domain::action::{Act, Friction, Plan, PlanId, Step, Tagged, Verb};
use crate::domain::key::{Key, ModelKey};
use crate::domain::mark::{self, Mark, Marked};
use crate::domain::text::Clean;
use crate::domain::time::{Millis, span};

/// A mark longer than this is a mistake.
const LONGEST: Duration = Duration::from_secs(90 * 86_400);

/// What stands against a freeze without a reason.
pub const NO_REASON: &str = "a freeze needs a reason: teammates will ask";

/// What a mark is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// Nobody writes to the model.
    Freeze,
    /// Somebody sees to its trouble.
    Acknowledge,
}

impl Purpose {
    fn tag(self) -> &'static str {
        match self {
            Self::Freeze => mark::FREEZE,
            Self::Acknowledge => mark::ACKNOWLEDGED,
        }
    }

    /// The verb that sets or ends it.
    pub fn verb(self) -> Verb {
        match self {
            Self::Freeze => Verb::Freeze,
            Self::Acknowledge => Verb::Acknowledge,
        }
    }

    fn done(self) -> &'static str {
        match self {
            Self::Freeze => "frozen",
            Self::Acknowledge => "acknowledged",
        }
    }
}

/// A mark that somebody wishes to leave, or to end.
#[derive(Clone, PartialEq, Debug)]
pub struct MarkRequest {
    /// The model.
    pub model: ModelKey,
    /// What for.
    pub purpose: Purpose,
    /// For how long; `None` ends it.
    pub hold: Option<Duration>,
    /// Why. A freeze needs one.
    pub reason: Clean,
}

/// The plan of a mark.
///
/// # Errors
/// When the model is not there, or there is no mark to end.
pub fn plan(request: &MarkRequest, id: PlanId, with: &Planning<'_>) -> Result<Plan, NoPlan> {
    let (fleet, now) = (with.fleet, with.now.wall);
    let Some(known) = fleet.registered(&request.model) else {
        return Err(NoPlan::impossible(NOT_HELD));
    };
    let purpose = request.purpose;
    let standing = fleet.marked(&request.model, purpose.tag(), now);
    let mut basis = Basis::new(*with);
    basis.rests_on_marks(&request.model);
    basis.rests_on_expiry(&known.source);
    let registry_now = fleet.registry_now(&request.model, with.stamped);
    let name = &known.fact.name;
    let (until, summary) = match (request.hold, &standing) {
        (None, None) => {
            let what = purpose.done();
            return Err(NoPlan::already(format!("{name} is not {what}")));
        }
        (None, Some(found)) => (
            Millis(registry_now.0.saturating_sub(1_000)),
            format!("no longer {}: was {}", purpose.done(), found.words()),
        ),
        (Some(length), _) => {
            if length.is_zero() || length > LONGEST {
                basis.block("write how long, from a second to 90 days");
            }
            if purpose == Purpose::Freeze && request.reason.as_str().trim().is_empty() {
                basis.block(NO_REASON);
            }
            let until = registry_now.plus(length.min(LONGEST));
            let words = format!(
                "{} for {}, until {}",
                purpose.done(),
                span(length),
                until.day_minute()
            );
            (until, words)
        }
    };
    if let (Some(_), Some(Marked::Holds(mark))) = (request.hold, &standing) {
        let old = Marked::Holds(mark.clone()).words();
        basis.note(format!("replaces the one {old}"));
    }
    let value = Mark {
        by: with.acting(Some(&request.model)),
        at: registry_now,
        until,
        reason: request.reason.clone(),
    };
    let key = purpose.tag();
    let of = Tagged::Model(request.model.clone());
    let from = basis.tag_before(&of, &Key::new(key));
    let act = Act::SetTag {
        created: None,
        of,
        key: Key::new(key),
        from,
        to: Key::new(&value.write()),
    };
    let steps = basis.permitted(vec![Step::required(&known.source, act)]);
    let friction = match purpose {
        Purpose::Freeze => Friction::Name,
        Purpose::Acknowledge => Friction::Key,
    };
    let about = About {
        verb: purpose.verb(),
        subject: name.clone(),
        model: Some(request.model.clone()),
        summary: Clean::text(&summary),
        friction,
    };
    Ok(basis.plan(id, about, steps))
}
