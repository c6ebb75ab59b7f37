//! How long a model is frozen or acknowledged, and why.

use super::{Draft, Field, Form, Slip};
use crate::domain::action::Wish;
use crate::domain::action::verbs::marks::{MarkRequest, Purpose};
use crate::domain::fleet::Fleet;
use crate::domain::key::ModelKey;
use crate::domain::text::Clean;
use crate::domain::time::read_span;

#[derive(Debug)]
struct Mark {
    model: ModelKey,
    purpose: Purpose,
}

/// The form for a mark on a model.
pub(in crate::app) fn form(model: &ModelKey, purpose: Purpose, fleet: &Fleet) -> Form {
    let name = fleet
        .registered(model)
        .map_or_else(|| model.name.clean(), |held| held.fact.name.clone());
    let (title, hold, why, note) = match purpose {
        Purpose::Freeze => (
            format!("Freeze {name}"),
            "2h",
            "why nobody should write to it: teammates will ask",
            "until its end every console refuses to write to the model without a reason",
        ),
        Purpose::Acknowledge => (
            format!("Acknowledge {name}"),
            "4h",
            "what is being done about it; may be empty",
            "every console shows that somebody sees to it; nothing is muted",
        ),
    };
    let fields = vec![
        Field::text("for", &Clean::name(hold), "how long: 30m, 2h, 3d"),
        Field::text("reason", &Clean::empty(), why),
    ];
    let draft = Mark {
        model: model.clone(),
        purpose,
    };
    Form::new(title, vec![Clean::text(note)], fields, draft)
}

impl Draft for Mark {
    fn wish(&self, values: &[&str], _fleet: &Fleet) -> Result<Wish, Slip> {
        let [hold, reason] = values else {
            return Err(Slip::new(0, "two fields are needed"));
        };
        let hold = read_span(hold).map_err(|why| Slip::new(0, why))?;
        if self.purpose == Purpose::Freeze && reason.is_empty() {
            return Err(Slip::new(1, "a freeze needs a reason"));
        }
        Ok(Wish::Mark(MarkRequest {
            model: self.model.clone(),
            purpose: self.purpose,
            hold: Some(hold),
            reason: Clean::text(reason),
        }))
    }
}
