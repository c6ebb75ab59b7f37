//! Tags and the description of a model or of one of its versions. What another verb writes has its own
//! form: marks, approvals, what this program leaves for teammates.

use super::{Draft, Field, Form, Slip};
use crate::domain::action::verbs::edit::EditRequest;
use crate::domain::action::{Tagged, Wish};
use crate::domain::fleet::Fleet;
use crate::domain::key::Key;
use crate::domain::mark;
use crate::domain::model::Tags;
use crate::domain::text::Clean;

/// Tags that other verbs write.
const OTHERS: [&str; 5] = [
    mark::FREEZE,
    mark::ACKNOWLEDGED,
    "quarterdeck.promoted_",
    "quarterdeck.demoted_",
    "quarterdeck.approval",
];
/// Fields before those of the tags: the description.
const BEFORE: usize = 1;

#[derive(Debug)]
struct Edit {
    of: Tagged,
    /// The keys that have a field each, with what they held.
    tags: Vec<(Key, Clean)>,
    description: Clean,
}

/// The form for a thing's tags; `None` where the registry does not hold it.
pub(in crate::app) fn form(of: Tagged, fleet: &Fleet) -> Option<Form> {
    let (tags, description): (&Tags, &Clean) = match &of {
        Tagged::Model(model) => {
            let held = fleet.registered(model)?;
            (&held.fact.tags, &held.fact.description)
        }
        Tagged::Version(version) => {
            let fact = fleet.version(version)?;
            (&fact.tags, &fact.description)
        }
    };
    let mine =
        |key: &str| !key.starts_with("mlflow.") && !OTHERS.iter().any(|o| key.starts_with(o));
    let tags: Vec<(Key, Clean)> = tags
        .iter()
        .filter(|(key, _)| mine(key.as_str()))
        .map(|(key, value)| (Key::of(key), value.clone()))
        .collect();
    let mut fields = vec![Field::text("description", description, "one line")];
    fields.extend(tags.iter().map(|(key, value)| {
        let label = key.clean();
        let hint = "an emptied value stays as an empty tag";
        Field::text(label.as_str(), value, hint)
    }));
    fields.push(Field::text(
        "new tag",
        &Clean::empty(),
        "its name; may be empty",
    ));
    fields.push(Field::text("its value", &Clean::empty(), ""));
    let title = format!("Edit {}", of.words());
    let description = description.clone();
    let draft = Edit {
        of,
        tags,
        description,
    };
    Some(Form::new(title, Vec::new(), fields, draft))
}

impl Draft for Edit {
    fn wish(&self, values: &[&str], _fleet: &Fleet) -> Result<Wish, Slip> {
        let mut changed = Vec::new();
        for (n, (key, was)) in self.tags.iter().enumerate() {
            let value = values.get(BEFORE + n).copied().unwrap_or_default();
            if value != was.as_str().trim() {
                changed.push((key.clone(), Some(Key::new(value))));
            }
        }
        let new = BEFORE + self.tags.len();
        let name = values.get(new).copied().unwrap_or_default();
        let value = values.get(new + 1).copied().unwrap_or_default();
        match (name, value) {
            ("", "") => {}
            ("", _) => return Err(Slip::new(new, "a tag needs a name")),
            (name, value) => {
                let key = Key::new(name);
                if self.tags.iter().any(|(known, _)| *known == key) {
                    return Err(Slip::new(new, format!("{name} has a field above")));
                }
                if OTHERS.iter().any(|other| name.starts_with(other)) {
                    let why = format!(
                        "{name} is written by other verbs: freeze, acknowledge, promote, approve"
                    );
                    return Err(Slip::new(new, why));
                }
                changed.push((key, Some(Key::new(value))));
            }
        }
        let description = values.first().copied().unwrap_or_default();
        let description =
            (description != self.description.as_str().trim()).then(|| Key::new(description));
        if changed.is_empty() && description.is_none() {
            return Err(Slip::new(0, "nothing is changed yet"));
        }
        Ok(Wish::Edit(EditRequest {
            of: self.of.clone(),
            tags: changed,
            description,
            freeze: None,
        }))
    }
}
