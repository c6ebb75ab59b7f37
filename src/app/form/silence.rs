//! What is muted, for how long, and why.

use super::{Draft, Field, Form, Slip};
use crate::domain::action::verbs::silence::SilenceRequest;
use crate::domain::action::{Matcher, Wish};
use crate::domain::fleet::Fleet;
use crate::domain::key::{ModelKey, SourceId};
use crate::domain::text::Clean;
use crate::domain::time::read_span;

#[derive(Debug)]
struct Silence {
    at: SourceId,
    model: Option<ModelKey>,
}

/// The form for a silence, with the matchers that were thought of.
pub(in crate::app) fn form(
    what: &Clean,
    at: SourceId,
    matchers: &[Matcher],
    model: Option<ModelKey>,
) -> Form {
    let text: Vec<String> = matchers.iter().map(|m| m.text().to_string()).collect();
    let fields = vec![
        Field::text(
            "matchers",
            &Clean::text(&text.join(", ")),
            "label=value, label!=value, label=~pattern, label!~pattern; all must match",
        ),
        Field::text("for", &Clean::name("2h"), "how long: 30m, 2h, 3d"),
        Field::text(
            "comment",
            &Clean::empty(),
            "whoever looks for the alert will read it",
        ),
    ];
    let notes = vec![Clean::text(&format!(
        "{at} mutes; the alert goes on firing"
    ))];
    Form::new(
        format!("Silence {what}"),
        notes,
        fields,
        Silence { at, model },
    )
}

impl Draft for Silence {
    fn wish(&self, values: &[&str], _fleet: &Fleet) -> Result<Wish, Slip> {
        let [matchers, hold, comment] = values else {
            return Err(Slip::new(0, "three fields are needed"));
        };
        let matchers = Matcher::read_all(matchers).map_err(|why| Slip::new(0, why))?;
        if matchers.is_empty() {
            return Err(Slip::new(0, "name at least one label"));
        }
        let hold = read_span(hold).map_err(|why| Slip::new(1, why))?;
        if comment.is_empty() {
            return Err(Slip::new(2, "a silence needs a comment"));
        }
        Ok(Wish::Silence(SilenceRequest {
            at: self.at.clone(),
            matchers,
            hold,
            comment: Clean::text(comment),
            model: self.model.clone(),
        }))
    }
}
