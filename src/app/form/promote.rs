//! Another version or alias for a promotion than the one that was offered.

use std::collections::BTreeMap;

use super::{Draft, Field, Form, Slip};
use crate::domain::action::Wish;
use crate::domain::action::verbs::promote::PromoteRequest;
use crate::domain::action::verbs::rollback::version_of;
use crate::domain::fleet::Fleet;
use crate::domain::key::{Key, ModelKey};
use crate::domain::text::Clean;
use crate::domain::wiring::version_text;

/// How many versions and aliases are named as a hint.
const NAMED: usize = 8;

#[derive(Debug)]
struct Promotion {
    model: ModelKey,
}

/// The form, filled in with what was offered.
pub(in crate::app) fn form(request: &PromoteRequest, fleet: &Fleet) -> Form {
    let held = fleet.registered(&request.model);
    let name = held.map_or_else(|| request.model.name.clean(), |h| h.fact.name.clone());
    let versions: Vec<String> = fleet
        .versions(&request.model)
        .iter()
        .take(NAMED)
        .map(|held| version_text(&held.fact.key.version).to_string())
        .collect();
    let aliases: Vec<String> = held
        .into_iter()
        .flat_map(|held| held.fact.aliases.iter())
        .take(NAMED)
        .map(|alias| format!("{} at {}", alias.name.shown, version_text(&alias.version)))
        .collect();
    let fields = vec![
        Field::text(
            "version",
            &version_text(&request.to),
            &format!("newest first: {}", versions.join(", ")),
        ),
        Field::text(
            "alias",
            &request.alias.clean(),
            &format!("any name; known: {}", aliases.join(", ")),
        ),
    ];
    let draft = Promotion {
        model: request.model.clone(),
    };
    Form::new(format!("Promote {name}"), Vec::new(), fields, draft)
}

impl Draft for Promotion {
    fn wish(&self, values: &[&str], fleet: &Fleet) -> Result<Wish, Slip> {
        let [version, alias] = values else {
            return Err(Slip::new(0, "two fields are needed"));
        };
        let Some(to) = version_of(fleet, &self.model, version) else {
            return Err(Slip::new(0, format!("the registry holds no {version}")));
        };
        let alias = alias.trim_start_matches('@');
        if alias.is_empty() {
            return Err(Slip::new(1, "an alias needs a name"));
        }
        Ok(Wish::Promote(PromoteRequest {
            model: self.model.clone(),
            alias: Key::new(alias),
            to: to.version,
            reason: Clean::empty(),
            overrides: BTreeMap::new(),
        }))
    }
}
