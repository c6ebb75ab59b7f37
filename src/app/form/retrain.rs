//! The parameters of a pipeline that trains a model again, filled in from what is known of it.

use std::collections::BTreeMap;

use super::{Draft, Field, Form, Slip};
use crate::domain::action::Wish;
use crate::domain::action::verbs::retrain::RetrainRequest;
use crate::domain::action::verbs::retrain_form::{self, Origin};
use crate::domain::fleet::Fleet;
use crate::domain::key::ModelKey;
use crate::domain::param::ParamKind;
use crate::domain::text::Clean;

/// How an empty value is chosen.
const EMPTY: &str = "(empty)";
/// More values than these are typed, and not gone through one by one.
const MOST_CHOICES: usize = 20;

#[derive(Debug)]
struct Retrain {
    model: ModelKey,
    fields: Vec<retrain_form::Field>,
}

/// The form of a model's pipeline.
pub(in crate::app) fn form(
    model: &ModelKey,
    fields: Vec<retrain_form::Field>,
    fleet: &Fleet,
) -> Form {
    let held = fleet.registered(model);
    let name = held.map_or_else(|| model.name.clean(), |held| held.fact.name.clone());
    let training = fleet.training(model);
    let pipeline = training.map(|t| t.name.clone()).unwrap_or_default();
    let count = |origin| fields.iter().filter(|f| f.origin == origin).count();
    let (champion, drifted) = (count(Origin::Champion), count(Origin::Drift));
    let mut notes = vec![format!(
        "{champion} of {} from the champion's run, {drifted} from the time of its drift; what stands as the default is left to {pipeline}",
        fields.len()
    )];
    if fields.is_empty() {
        notes = vec![format!("{pipeline} has no parameters")];
    }
    let notes: Vec<Clean> = notes.iter().map(|note| Clean::text(note)).collect();
    let shown: Vec<Field> = fields.iter().map(field).collect();
    let title = format!("Retrain {name}");
    let draft = Retrain {
        model: model.clone(),
        fields,
    };
    Form::new(title, notes, shown, draft)
}

fn field(field: &retrain_form::Field) -> Field {
    let param = &field.param;
    let label = param.name.shown.as_str();
    let mut hint = format!("{} · {}", retrain_form::takes(param), field.origin.words());
    if !param.description.is_empty() {
        hint = format!("{hint} · {}", param.description);
    }
    let cut = |default| retrain_form::is_cut(param, default);
    if field.origin == Origin::Default && param.default.as_ref().is_some_and(cut) {
        hint = format!("shown in part, sent whole unless changed · {hint}");
    }
    let mut all: Vec<String> = match param.kind {
        ParamKind::Flag => ["true", "false"].map(str::to_owned).to_vec(),
        _ => param
            .choices
            .iter()
            .map(|value| retrain_form::shown(param, value))
            .collect(),
    };
    if all.is_empty() || all.len() > MOST_CHOICES {
        return Field::text(label, &Clean::text(&field.text), &hint);
    }
    if param.nullable && !all.iter().any(String::is_empty) {
        all.push(String::new());
    }
    let at = all.iter().position(|text| *text == field.text);
    let all = all.iter().map(|text| match text.as_str() {
        "" => Clean::name(EMPTY),
        text => Clean::text(text),
    });
    Field::choice(label, all.collect(), &hint).chosen(at.unwrap_or(0))
}

impl Draft for Retrain {
    fn wish(&self, values: &[&str], _fleet: &Fleet) -> Result<Wish, Slip> {
        let mut fields = self.fields.clone();
        for (field, value) in fields.iter_mut().zip(values) {
            field.text = if *value == EMPTY {
                String::new()
            } else {
                (*value).to_owned()
            };
        }
        let parameters = retrain_form::values(&fields).map_err(|(at, why)| Slip::new(at, why))?;
        Ok(Wish::Retrain(Box::new(RetrainRequest {
            model: self.model.clone(),
            parameters,
            reason: Clean::empty(),
            overrides: BTreeMap::new(),
        })))
    }
}
