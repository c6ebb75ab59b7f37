//! What writers change in the world: experiments, runs, models, versions and aliases made, moved and
//! removed. Whether they may, and how they are told, is the servers' affair.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::files::Recipe;
use super::registry::{DELETED, Model, Version};
use super::run::{self, Run};
use super::{Experiment, LoggedModel, World};

/// The alias that serving follows.
const CHAMPION: &str = "champion";

impl World {
    /// Points an alias at a version. As in the registry, no timestamp moves.
    pub(crate) fn set_alias(&mut self, model: &str, alias: &str, number: u32) -> bool {
        let Some(model) = self.model_mut(model) else {
            return false;
        };
        if model.version(number).is_none() {
            return false;
        }
        model.aliases.insert(alias.to_owned(), number);
        let (name, now) = (model.name.clone(), self.now);
        if alias == CHAMPION {
            let mut followers = self.endpoints.iter_mut();
            if let Some(endpoint) = followers.find(|endpoint| endpoint.model == name) {
                endpoint.notice(number, now);
            }
        }
        true
    }

    /// Has an endpoint load what its model's champion is, as a repository that follows the registry
    /// holds it, or the version that is asked for; gives the version.
    pub(crate) fn load(&mut self, endpoint: usize, version: Option<u32>) -> Option<u32> {
        let model = self.endpoints.get(endpoint)?.model.clone();
        let model = self.model(&model)?;
        let newest = model.live_versions().map(|version| version.number).max();
        let version = version.or_else(|| model.aliases.get(CHAMPION).copied().or(newest))?;
        model.version(version)?;
        let now = self.now;
        self.endpoints.get_mut(endpoint)?.load(version, now);
        self.revision += 1;
        Some(version)
    }

    /// Has an endpoint drop all that it serves.
    pub(crate) fn unload(&mut self, endpoint: usize) {
        let now = self.now;
        self.revision += 1;
        if let Some(endpoint) = self.endpoints.get_mut(endpoint) {
            endpoint.unload(now);
        }
    }

    /// Registers a version from a run, or from the model's newest source; gives its number.
    pub(crate) fn add_version(&mut self, model: &str, run: Option<&str>) -> Option<u32> {
        let now = self.now;
        let at = *self.model_at.get(model)?;
        let model = &mut self.models[at];
        let last = model.versions.last()?.clone();
        let number = model.next_number();
        let run = run.map_or_else(|| last.run.clone(), Arc::from);
        let logged = self
            .run_at
            .get(&run)
            .and_then(|at| self.runs[*at].logged_model.clone())
            .or(last.logged_model);
        if let Some(logged) = logged.as_ref().and_then(|id| self.logged_at.get(id)) {
            let logged = &mut self.logged[*logged];
            logged.versions.push((model.name.clone(), number));
            logged.updated = now;
        }
        let source = match &logged {
            Some(id) => format!("models:/{id}"),
            None => last.source,
        };
        model.versions.push(Version {
            number,
            created: now,
            updated: now,
            stage: "None",
            description: None,
            source,
            run,
            status: "READY",
            tags: BTreeMap::from([("validation_status".to_owned(), "pending".to_owned())]),
            logged_model: logged,
            recipe: last.recipe.map(|recipe| Recipe { number, ..recipe }),
        });
        model.updated = now;
        Some(number)
    }

    /// An id that no other thing of this world has, 32 hexadecimal digits.
    pub(crate) fn fresh_id(&mut self) -> String {
        self.made += 1;
        let high = run::mix(self.seed ^ (self.made << 32));
        format!("{high:016x}{:016x}", run::mix(high))
    }

    pub(crate) fn push_run(&mut self, run: Run) {
        self.run_at.insert(run.id.clone(), self.runs.len());
        self.runs.push(run);
    }

    /// Puts a logged model beside the others.
    pub(crate) fn push_logged(&mut self, model: LoggedModel) {
        self.logged_at.insert(model.id.clone(), self.logged.len());
        self.logged.push(model);
    }

    /// Makes an experiment of a name that is free; gives its id.
    pub(crate) fn add_experiment(&mut self, name: &str, tags: Vec<(String, String)>) -> Arc<str> {
        let ids = self
            .experiments
            .iter()
            .filter_map(|known| known.id.parse().ok());
        let id: Arc<str> = (ids.max().unwrap_or(0_u64) + 1).to_string().into();
        self.experiments.push(Experiment {
            id: id.clone(),
            name: name.to_owned(),
            created: self.now,
            updated: self.now,
            deleted: false,
            tags,
        });
        id
    }

    /// A run to change.
    pub(crate) fn run_mut(&mut self, id: &str) -> Option<&mut Run> {
        self.run_at.get(id).map(|at| &mut self.runs[*at])
    }

    /// Makes a model without versions of a name that is free.
    pub(crate) fn add_model(
        &mut self,
        name: &str,
        description: Option<String>,
        tags: BTreeMap<String, String>,
    ) {
        let name: Arc<str> = name.into();
        self.model_at.insert(name.clone(), self.models.len());
        self.models.push(Model {
            name,
            created: self.now,
            updated: self.now,
            description,
            tags,
            aliases: BTreeMap::new(),
            versions: Vec::new(),
        });
        self.revision += 1;
    }

    /// Takes a model away with all that it holds: the next of its name starts at version 1.
    pub(crate) fn remove_model(&mut self, name: &str) -> bool {
        let Some(at) = self.model_at.get(name).copied() else {
            return false;
        };
        self.models.remove(at);
        self.index();
        self.revision += 1;
        true
    }

    /// Gives a model another name; its versions and aliases stay.
    pub(crate) fn rename_model(&mut self, name: &str, new: &str) -> bool {
        let now = self.now;
        let Some(model) = self.model_mut(name) else {
            return false;
        };
        model.name = new.into();
        model.updated = now;
        self.index();
        self.revision += 1;
        true
    }

    /// Registers a version of a source; a logged model's files are the version's own. Gives its number.
    pub(crate) fn register(&mut self, model: &str, new: NewVersion) -> Option<u32> {
        let now = self.now;
        let at = *self.model_at.get(model)?;
        let number = self.models[at].next_number();
        let id = new.source.strip_prefix("models:/").unwrap_or_default();
        let logged = self.logged_at.get(id).copied();
        let recipe = logged.map(|at| Recipe {
            number,
            ..self.logged[at].recipe
        });
        let model = &mut self.models[at];
        let logged = logged.map(|at| {
            let logged = &mut self.logged[at];
            logged.versions.push((model.name.clone(), number));
            logged.updated = now;
            logged.id.clone()
        });
        model.versions.push(Version {
            number,
            created: now,
            updated: now,
            stage: "None",
            description: new.description,
            source: new.source,
            run: new.run.into(),
            status: "READY",
            tags: new.tags,
            logged_model: logged,
            recipe,
        });
        model.updated = now;
        Some(number)
    }

    /// Deletes a version: its number is not used again, its aliases go with it.
    pub(crate) fn remove_version(&mut self, model: &str, number: u32) -> bool {
        let now = self.now;
        let Some(model) = self.model_mut(model) else {
            return false;
        };
        let Some(version) = model.version_mut(number) else {
            return false;
        };
        version.stage = DELETED;
        version.updated = now;
        model.aliases.retain(|_, target| *target != number);
        model.updated = now;
        true
    }
}

/// A version to be registered.
#[derive(Clone, Debug, Default)]
pub(crate) struct NewVersion {
    pub(crate) source: String,
    /// Empty where it was not made by a run.
    pub(crate) run: String,
    pub(crate) description: Option<String>,
    pub(crate) tags: BTreeMap<String, String>,
}
