//! The old values of tags and descriptions in a plan, as they are written: facts hold them as they are shown,
//! without line breaks and cut to a length, and a comparison with those would never hold.

use super::Planning;
use super::basis::Basis;
use crate::domain::action::Tagged;
use crate::domain::fleet::Fleet;
use crate::domain::fleet::gates::Details;
use crate::domain::key::{Key, SourceId};
use crate::domain::model::{self, Tags};
use crate::domain::query::{Query, Texts};
use crate::domain::text::Clean;
use crate::domain::time::Millis;

/// What has to be read before a plan can say what it replaces, where that is not held yet.
pub fn wanted(fleet: &Fleet, details: &Details, of: &Tagged) -> Option<(SourceId, Query)> {
    let (tags, description) = shown(fleet, of)?;
    if details.texts(of).is_some() || (tags.is_empty() && description.is_empty()) {
        return None;
    }
    let source = &fleet.registered(of.model())?.source;
    Some((source.clone(), Query::Texts(of.clone())))
}

/// Tags and description of a model or a version, as facts hold them.
pub(super) fn shown<'a>(fleet: &'a Fleet, of: &Tagged) -> Option<(&'a Tags, &'a Clean)> {
    match of {
        Tagged::Model(model) => {
            let held = fleet.registered(model)?;
            Some((&held.fact.tags, &held.fact.description))
        }
        Tagged::Version(version) => {
            let fact = fleet.version(version)?;
            Some((&fact.tags, &fact.description))
        }
    }
}

impl Basis<'_> {
    /// When a version was registered; `None` for a model, whose key says so itself.
    pub(super) fn created(&self, of: &Tagged) -> Option<Millis> {
        match of {
            Tagged::Model(_) => None,
            Tagged::Version(version) => Some(self.with.fleet.version(version)?.created),
        }
    }

    /// The value of a tag before, raw. `None` where there is none.
    pub(super) fn tag_before(&mut self, of: &Tagged, key: &Key) -> Option<Key> {
        let (tags, _) = shown(self.with.fleet, of)?;
        let shown = model::tag(tags, key.raw())?;
        let what = format!("tag {} of {}", key.clean(), of.words());
        let raw = self.before(of, &what, shown, |texts| {
            let mut tags = texts.tags.iter();
            tags.find(|(name, _)| name == key).map(|(_, value)| value)
        });
        Some(raw)
    }

    /// The description before, raw. What a new one leaves out of it, though nobody has seen it here, is said.
    pub(super) fn description_before(&mut self, of: &Tagged) -> Key {
        let Some((_, shown)) = shown(self.with.fleet, of) else {
            return Key::new("");
        };
        let what = format!("the description of {}", of.words());
        let raw = self.before(of, &what, shown, |texts| Some(&texts.description));
        let lines = raw.raw().lines().count();
        let more = raw.raw().chars().count() > shown.as_str().chars().count();
        if lines > 1 {
            self.note(format!(
                "what stands there now has {lines} lines: it is replaced whole, and undo brings it back"
            ));
        } else if more && shown.as_str().ends_with('…') {
            self.note(
                "what stands there now is longer than is shown: it is replaced whole, and undo brings it back",
            );
        }
        raw
    }

    /// What is written there, if it is what is shown. Until that is known the plan is blocked.
    fn before(
        &mut self,
        of: &Tagged,
        what: &str,
        shown: &Clean,
        find: impl Fn(&Texts) -> Option<&Key>,
    ) -> Key {
        if shown.is_empty() {
            return Key::new("");
        }
        let Planning { fleet, details, .. } = self.with;
        let why = match details.texts(of) {
            None if wanted(fleet, details, of).is_some() => {
                format!("{what} is still being read: what is replaced must be known")
            }
            None => format!("{what} cannot be read"),
            Some(Err(why)) => format!("{what} could not be read: {why}"),
            Some(Ok(texts)) => match find(texts) {
                Some(raw) if Clean::text(raw.raw()) == *shown => return raw.clone(),
                _ => format!("{what} is another now than is shown: read it anew"),
            },
        };
        self.block(why);
        Key::of(shown)
    }
}
