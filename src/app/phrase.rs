//! Commands that are written out in the palette with what they need: `freeze churn 2h release week`. They
//! lead to the same sheet as their keys.

use super::App;
use super::dialogs::Dialog;
use super::verbs::Lead;
use crate::domain::action::Wish;
use crate::domain::action::verbs::marks::{MarkRequest, Purpose};
use crate::domain::fleet::Fleet;
use crate::domain::text::Clean;
use crate::domain::time::{read_span, span};
use crate::ui::picker::Item;

/// Words that begin such a command.
const MARKS: [(&str, Purpose); 3] = [
    ("freeze", Purpose::Freeze),
    ("acknowledge", Purpose::Acknowledge),
    ("ack", Purpose::Acknowledge),
];

impl App {
    /// Offers in a dialog what its text says, where it says something.
    pub(super) fn hear(&self, dialog: &mut Dialog) {
        let Some(phrase) = dialog.phrase() else {
            return;
        };
        let offered = read(phrase, &self.fleet).map(|heard| match heard {
            Ok(request) => {
                let title = words(&request, &self.name_of(&request.model));
                let lead = Lead::Wish(Box::new(Wish::Mark(request)));
                (item(title, String::new()), Some(lead))
            }
            Err(lacking) => (item(phrase.trim().to_owned(), lacking), None),
        });
        dialog.offer(offered);
    }
}

fn item(title: String, detail: String) -> Item {
    Item {
        title,
        detail,
        ..Item::default()
    }
}

fn words(request: &MarkRequest, name: &Clean) -> String {
    let verb = request.purpose.verb().title();
    let hold = request.hold.map(span).unwrap_or_default();
    let why = match request.reason.as_str() {
        "" => String::new(),
        why => format!(": {why}"),
    };
    format!("{verb} {name} for {hold}{why}")
}

/// What a text asks for: nothing where it does not begin with such a word and a blank, else the request or
/// what it lacks.
fn read(text: &str, fleet: &Fleet) -> Option<Result<MarkRequest, String>> {
    let (word, rest) = text.trim_start().split_once(' ')?;
    let (_, purpose) = *MARKS.iter().find(|(begins, _)| *begins == word)?;
    let (model, rest) = first(rest);
    let (hold, reason) = first(rest);
    let form = format!("write: {word} MODEL 2h reason");
    if model.is_empty() {
        return Some(Err(form));
    }
    let named = fleet.models().filter(|view| view.name == model);
    let keys: Vec<_> = named.map(|view| view.key.clone()).collect();
    let [key] = keys.as_slice() else {
        let why = match keys.len() {
            0 => format!("no model has this name · {form}"),
            n => format!("{n} models have this name: go to the one that is meant"),
        };
        return Some(Err(why));
    };
    let Ok(hold) = read_span(hold) else {
        return Some(Err(form));
    };
    let reason = reason.trim().trim_matches('"').trim();
    if purpose == Purpose::Freeze && reason.is_empty() {
        return Some(Err("a freeze needs a reason: teammates will ask".to_owned()));
    }
    Some(Ok(MarkRequest {
        model: key.clone(),
        purpose,
        hold: Some(hold),
        reason: Clean::text(reason),
    }))
}

/// The first word of a text, which quotes may hold together, and what comes after it.
fn first(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    let quoted = text.strip_prefix('"').and_then(|rest| rest.split_once('"'));
    quoted
        .or_else(|| text.split_once(' '))
        .unwrap_or((text, ""))
}
