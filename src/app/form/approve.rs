//! For how long a promotion is approved, and under which condition.

use super::{Draft, Field, Form, Slip};
use crate::domain::action::Wish;
use crate::domain::action::verbs::approve::ApproveRequest;
use crate::domain::action::verbs::rollback::version_of;
use crate::domain::fleet::Fleet;
use crate::domain::fleet::gates::Promotion;
use crate::domain::key::{Key, ModelKey};
use crate::domain::text::Clean;
use crate::domain::time::read_span;
use crate::domain::wiring::version_text;

#[derive(Debug)]
struct Approve {
    model: ModelKey,
}

/// The form for the approval of a promotion.
pub(in crate::app) fn form(promotion: &Promotion, fleet: &Fleet) -> Form {
    let held = fleet.registered(&promotion.model);
    let name = held.map_or_else(
        || promotion.model.name.clean(),
        |held| held.fact.name.clone(),
    );
    let note = "it counts for this promotion with this evidence alone, and never for who promotes; \
        where a gate asks for a signature, the plan that follows names the command that signs it";
    let fields = vec![
        Field::text("version", &version_text(&promotion.to), "the candidate"),
        Field::text("alias", &promotion.alias.clean(), "what it shall hold"),
        Field::text("for", &Clean::name("24h"), "how long it counts: 4h, 2d"),
        Field::text(
            "note",
            &Clean::empty(),
            "why, or under which condition; may be empty",
        ),
    ];
    let draft = Approve {
        model: promotion.model.clone(),
    };
    Form::new(
        format!("Approve {name}"),
        vec![Clean::text(note)],
        fields,
        draft,
    )
}

impl Draft for Approve {
    fn wish(&self, values: &[&str], fleet: &Fleet) -> Result<Wish, Slip> {
        let [version, alias, hold, note] = values else {
            return Err(Slip::new(0, "four fields are needed"));
        };
        let Some(to) = version_of(fleet, &self.model, version) else {
            return Err(Slip::new(0, format!("the registry holds no {version}")));
        };
        let alias = alias.trim_start_matches('@');
        if alias.is_empty() {
            return Err(Slip::new(1, "an alias needs a name"));
        }
        let hold = read_span(hold).map_err(|why| Slip::new(2, why))?;
        let promotion = Promotion {
            model: self.model.clone(),
            alias: Key::new(alias),
            to: to.version,
        };
        let request = ApproveRequest {
            by: None,
            hold,
            note: Clean::text(note),
        };
        Ok(Wish::Approve(promotion, request))
    }
}
