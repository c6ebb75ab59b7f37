//! Which deployment serves which model, kept up as models come, change and go: only those joins are
//! made again that a model can have changed. The rules themselves are in [`wiring`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use foldhash::HashMap;

use crate::domain::key::{DeploymentKey, Key, ModelKey, RegistryKey, SourceId};
use crate::domain::last_known::Held;
use crate::domain::model::RegisteredModel;
use crate::domain::settings::Context;
use crate::domain::text::Clean;
use crate::domain::time::Millis;
use crate::domain::wiring::{self, Join};

type Models = BTreeMap<ModelKey, Held<RegisteredModel>>;

/// The joins of a context's deployments.
#[derive(Debug, Default)]
pub(super) struct Joins {
    known: BTreeMap<DeploymentKey, Join>,
    by_model: HashMap<ModelKey, Vec<DeploymentKey>>,
    by_source: HashMap<SourceId, Vec<DeploymentKey>>,
    /// Where the settings of a deployment stand in the context's list.
    settings: BTreeMap<DeploymentKey, usize>,
    /// Deployments that a model of the name may serve, and those at the address.
    may_name: HashMap<String, Vec<DeploymentKey>>,
    at_address: HashMap<String, Vec<DeploymentKey>>,
    /// Addresses that tags name, with the models whose tags do.
    tagged: HashMap<String, BTreeSet<ModelKey>>,
    dirty: BTreeSet<DeploymentKey>,
}

/// A join that is not what it was.
#[derive(Debug)]
pub(super) struct Moved {
    pub(super) deployment: DeploymentKey,
    /// The model that it was joined to before.
    pub(super) before: Option<ModelKey>,
}

impl Joins {
    /// The deployments of a context, none of them joined yet.
    pub(super) fn of(context: &Context) -> Self {
        let mut joins = Self::default();
        // Of two settings of one deployment the later ones stand.
        for (at, deployment) in context.deployments.iter().enumerate() {
            joins.settings.insert(deployment.key(), at);
        }
        for (key, at) in &joins.settings {
            let settings = &context.deployments[*at];
            for name in wiring::names(settings, context) {
                let may = joins.may_name.entry(name.to_owned()).or_default();
                may.push(key.clone());
            }
            let address = wiring::plain_url(&settings.url);
            joins
                .at_address
                .entry(address)
                .or_default()
                .push(key.clone());
            let source = SourceId::new(Clean::name(&settings.name).as_str());
            joins.by_source.entry(source).or_default().push(key.clone());
        }
        joins.dirty.extend(joins.settings.keys().cloned());
        joins
    }

    /// Every join, by deployment.
    pub(super) fn all(&self) -> impl ExactSizeIterator<Item = &Join> {
        self.known.values()
    }

    /// How a deployment is joined.
    pub(super) fn get(&self, key: &DeploymentKey) -> Option<&Join> {
        self.known.get(key)
    }

    /// The deployments joined to a model, by key.
    pub(super) fn of_model(&self, key: &ModelKey) -> &[DeploymentKey] {
        self.by_model.get(key).map_or(&[], Vec::as_slice)
    }

    /// The deployments that a source polls, by key.
    pub(super) fn of_source(&self, source: &SourceId) -> &[DeploymentKey] {
        self.by_source.get(source).map_or(&[], Vec::as_slice)
    }

    /// A model was told anew, has changed or has gone: what it may serve is joined again at the next
    /// [`Joins::refresh`].
    pub(super) fn model_moved(
        &mut self,
        old: Option<&RegisteredModel>,
        new: Option<&RegisteredModel>,
    ) {
        if let (Some(old), Some(new)) = (old, new)
            && (&old.key, &old.name, &old.tags) == (&new.key, &new.name, &new.tags)
        {
            return;
        }
        for model in old.into_iter().chain(new) {
            let may = self.may_name.get(model.key.name.raw());
            self.dirty.extend(may.into_iter().flatten().cloned());
            for address in wiring::addresses(model) {
                let at = self.at_address.get(&address);
                self.dirty.extend(at.into_iter().flatten().cloned());
            }
        }
        for (model, address) in of_each(old) {
            if let Some(models) = self.tagged.get_mut(&address) {
                models.remove(&model.key);
                if models.is_empty() {
                    self.tagged.remove(&address);
                }
            }
        }
        for (model, address) in of_each(new) {
            let models = self.tagged.entry(address).or_default();
            models.insert(model.key.clone());
        }
    }

    /// Makes the joins again that may have changed; those that have.
    pub(super) fn refresh(&mut self, context: &Context, models: &Models) -> Vec<Moved> {
        let mut moved = Vec::new();
        for key in std::mem::take(&mut self.dirty) {
            let Some(settings) = self.settings.get(&key).map(|at| &context.deployments[*at]) else {
                continue;
            };
            let registered = Registered {
                models,
                tagged: &self.tagged,
            };
            let join = wiring::join(settings, context, &registered);
            if self.known.get(&key) == Some(&join) {
                continue;
            }
            let after = join.model.clone();
            let before = self.known.insert(key.clone(), join).and_then(|j| j.model);
            if before != after {
                self.relink(&key, before.as_ref(), after);
            }
            moved.push(Moved {
                deployment: key,
                before,
            });
        }
        moved
    }

    fn relink(&mut self, key: &DeploymentKey, before: Option<&ModelKey>, after: Option<ModelKey>) {
        if let Some(before) = before
            && let Some(keys) = self.by_model.get_mut(before)
        {
            keys.retain(|k| k != key);
            if keys.is_empty() {
                self.by_model.remove(before);
            }
        }
        if let Some(after) = after {
            let keys = self.by_model.entry(after).or_default();
            if let Err(at) = keys.binary_search(key) {
                keys.insert(at, key.clone());
            }
        }
    }
}

fn of_each(
    model: Option<&RegisteredModel>,
) -> impl Iterator<Item = (&RegisteredModel, String)> + '_ {
    model
        .into_iter()
        .flat_map(|model| wiring::addresses(model).map(move |address| (model, address)))
}

/// The fleet's models as the rules look them up.
struct Registered<'a> {
    models: &'a Models,
    tagged: &'a HashMap<String, BTreeSet<ModelKey>>,
}

impl wiring::Registered for Registered<'_> {
    fn named(&self, name: &str) -> Option<&RegisteredModel> {
        // Keys are in the order of their names: nothing of this name comes before it.
        let least = ModelKey {
            registry: Arc::new(RegistryKey {
                base: Key::new(""),
                workspace: Key::new(""),
            }),
            name: Key::new(name),
            created: Millis(i64::MIN),
        };
        let (key, held) = self.models.range(least..).next()?;
        (key.name.raw() == name).then_some(&held.fact)
    }

    fn addressed(&self, address: &str) -> Option<&RegisteredModel> {
        let first = self.tagged.get(address)?.first()?;
        self.models.get(first).map(|held| &held.fact)
    }
}

#[cfg(test)]
#[path = "joins_tests.rs"]
mod tests;
