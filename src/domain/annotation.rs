//! What people and other systems wrote beside the charts: annotations, and links to dashboards.

use std::sync::Arc;

use super::key::{Key, SourceId};
use super::text::Clean;
use super::time::Millis;

/// Which annotation.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AnnotationKey {
    /// Who says so.
    pub source: SourceId,
    /// Its id there.
    pub id: Key,
}

/// An annotation of another system: a deploy mark, a remark, a state change.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Annotation {
    /// Identity.
    pub key: AnnotationKey,
    /// When it begins.
    pub at: Millis,
    /// When it ends, if it is a span.
    pub until: Option<Millis>,
    /// What it says.
    pub text: Clean,
    /// Its tags.
    pub tags: Arc<[Clean]>,
    /// Who wrote it.
    pub author: Option<Clean>,
    /// The model that its tags name, after the source's name map.
    pub model: Option<Key>,
}

impl Annotation {
    /// Whether it speaks of a model: it says so, or one of its tags is the model's name.
    pub fn names(&self, model: &Key) -> bool {
        match &self.model {
            Some(named) => named == model,
            None => self.tags.contains(&model.clean()),
        }
    }
}

/// A page of another system that shows more of a model.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Link {
    /// Its title.
    pub title: Clean,
    /// Where it lies, in words: a folder.
    pub place: Clean,
    /// The address.
    pub url: Clean,
}
