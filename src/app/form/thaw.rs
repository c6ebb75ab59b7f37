//! Which of two marks of a model is ended.

use super::{Draft, Field, Form, Slip};
use crate::domain::action::Wish;
use crate::domain::action::verbs::marks::{MarkRequest, Purpose};
use crate::domain::fleet::Fleet;
use crate::domain::key::ModelKey;
use crate::domain::text::Clean;

const MARKS: [(&str, Purpose); 2] = [
    ("freeze", Purpose::Freeze),
    ("acknowledgement", Purpose::Acknowledge),
];

#[derive(Debug)]
struct Thaw {
    model: ModelKey,
}

/// The form for a model that is both frozen and acknowledged.
pub(in crate::app) fn form(model: &ModelKey, name: &Clean) -> Form {
    let all = MARKS.map(|(word, _)| Clean::name(word)).to_vec();
    let fields = vec![Field::choice("end its", all, "left and right choose")];
    let draft = Thaw {
        model: model.clone(),
    };
    Form::new(format!("End a mark of {name}"), Vec::new(), fields, draft)
}

impl Draft for Thaw {
    fn wish(&self, values: &[&str], _fleet: &Fleet) -> Result<Wish, Slip> {
        let chosen = values.first().copied().unwrap_or_default();
        let Some((_, purpose)) = MARKS.iter().find(|(word, _)| *word == chosen) else {
            return Err(Slip::new(0, "choose one"));
        };
        Ok(Wish::Mark(MarkRequest {
            model: self.model.clone(),
            purpose: *purpose,
            hold: None,
            reason: Clean::empty(),
        }))
    }
}
