//! `experiments/*`.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::args::Args;
use super::error::Failure;
use super::filter::{self, EXPERIMENTS, Entity, Row};
use super::wire;
use super::{Answer, page};
use crate::sim::reply::Fields;
use crate::sim::world::{Experiment, World};

impl Row for Experiment {
    fn text(&self, entity: Entity, key: &str) -> Option<Cow<'_, str>> {
        match (entity, key) {
            (Entity::Attribute, "name") => Some(Cow::from(&self.name)),
            (Entity::Attribute, "experiment_id") => Some(Cow::from(&*self.id)),
            (Entity::Tag, key) => self
                .tags
                .iter()
                .find(|(known, _)| known == key)
                .map(|(_, value)| Cow::from(value)),
            _ => None,
        }
    }

    fn number(&self, _: Entity, key: &str) -> Option<f64> {
        match key {
            "creation_time" => Some(self.created as f64),
            "last_update_time" => Some(self.updated as f64),
            _ => None,
        }
    }
}

/// Which lifecycle stages a view shows: active, deleted.
pub(crate) fn view(args: &Args, name: &str) -> (bool, bool) {
    match args.word(name).as_deref() {
        Some("DELETED_ONLY" | "2") => (false, true),
        Some("ALL" | "3") => (true, true),
        _ => (true, false),
    }
}

fn row(experiment: &Experiment) -> Value {
    Fields::new()
        .put("experiment_id", &*experiment.id)
        .put("name", experiment.name.as_str())
        .put(
            "artifact_location",
            format!("mlflow-artifacts:/{}", experiment.id),
        )
        .put("lifecycle_stage", wire::stage(experiment.deleted))
        .put("last_update_time", experiment.updated)
        .put("creation_time", experiment.created)
        .list(
            "tags",
            wire::pairs(
                (experiment.tags.iter()).map(|(key, value)| (key.as_str(), value.as_str())),
            ),
        )
        .put("workspace", "default")
        .done()
}

pub(crate) fn search(world: &World, args: &Args) -> Answer {
    // Absent reads as zero: the limit is in effect required.
    let size = args.int("max_results")?.unwrap_or(0);
    check_size(size)?;
    let clauses = filter::parse(&args.text("filter")?.unwrap_or_default(), &EXPERIMENTS)?;
    for clause in clauses
        .iter()
        .filter(|clause| clause.key == "experiment_id")
    {
        match &clause.value {
            filter::Value::Text(id) => check_id(id)?,
            filter::Value::List(ids) => ids.iter().try_for_each(|id| check_id(id))?,
            _ => {}
        }
    }
    let mut order = args.texts("order_by")?;
    if order.is_empty() {
        order.push("creation_time DESC".to_owned());
    }
    let keys = filter::order_by(&order, &EXPERIMENTS)?;
    let offset = page::offset(args.text("page_token")?.as_deref())?;
    let (active, deleted) = view(args, "view_type");
    let mut rows: Vec<&Experiment> = world
        .experiments
        .iter()
        .filter(|row| if row.deleted { deleted } else { active })
        .filter(|row| filter::matches(&clauses, *row))
        .collect();
    rows.sort_by(|a, b| {
        keys.iter()
            .map(|key| key.compare(*a, *b))
            .find(|ordering| ordering.is_ne())
            .unwrap_or_else(|| number(&b.id).cmp(&number(&a.id)))
    });
    let (rows, next) = page::page(rows, offset, size as usize);
    Ok(Fields::new()
        .list("experiments", rows.into_iter().map(row).collect())
        .some("next_page_token", next)
        .done())
}

/// Experiment ids are numbers in text.
pub(crate) fn check_id(id: &str) -> Result<(), Failure> {
    match id.parse::<i64>() {
        Ok(_) => Ok(()),
        Err(_) => Err(Failure::invalid(format!(
            "Invalid experiment ID '{id}'. Experiment ID must be a valid integer."
        ))),
    }
}

/// The tracking store's own limits.
pub(crate) fn check_size(size: i64) -> Result<(), Failure> {
    if size < 1 {
        return Err(Failure::invalid(format!(
            "Invalid value {size} for parameter 'max_results' supplied. It must be a positive integer"
        )));
    }
    if size > 50_000 {
        return Err(Failure::invalid(format!(
            "Invalid value {size} for parameter 'max_results' supplied. It must be at most 50000"
        )));
    }
    Ok(())
}

fn number(id: &str) -> u64 {
    id.parse().unwrap_or(0)
}

pub(crate) fn get(world: &World, args: &Args) -> Answer {
    let id = args.required("experiment_id")?;
    check_id(&id)?;
    let found = world
        .experiment(&id)
        .ok_or_else(|| Failure::missing(format!("No Experiment with id={id} exists")))?;
    Ok(json!({"experiment": row(found)}))
}

pub(crate) fn get_by_name(world: &World, args: &Args) -> Answer {
    let name = args.required("experiment_name")?;
    let found = world
        .experiments
        .iter()
        .find(|known| known.name == name)
        .ok_or_else(|| Failure::missing(format!("Could not find experiment with name '{name}'")))?;
    Ok(json!({"experiment": row(found)}))
}

/// Tags as a request lists them; the last of a key stands.
pub(crate) fn listed(args: &Args, name: &str) -> Result<Vec<(String, String)>, Failure> {
    let mut tags: Vec<(String, String)> = Vec::new();
    for row in args.rows(name) {
        let text = |field: &str| row[field].as_str().unwrap_or_default().to_owned();
        let key = text("key");
        if key.is_empty() {
            return Err(Failure::required("key"));
        }
        tags.retain(|(known, _)| *known != key);
        tags.push((key, text("value")));
    }
    Ok(tags)
}

pub(crate) fn create(world: &mut World, args: &Args) -> Answer {
    let name = args.required("name")?;
    let tags = listed(args, "tags")?;
    // A deleted experiment keeps its name.
    if world.experiments.iter().any(|known| known.name == name) {
        let now = world.now;
        return Err(Failure::exists(format!(
            "Experiment(name={name}) already exists. Error: (sqlite3.IntegrityError) UNIQUE constraint \
             failed: experiments.workspace, experiments.name\n[SQL: INSERT INTO experiments (name, \
             workspace, artifact_location, lifecycle_stage, creation_time, last_update_time) VALUES (?, \
             ?, ?, ?, ?, ?)]\n[parameters: ('{name}', 'default', '', 'active', {now}, {now})]\n\
             (Background on this error at: https://sqlalche.me/e/21/gkpj)"
        )));
    }
    let id = world.add_experiment(&name, tags);
    Ok(json!({"experiment_id": &*id}))
}

pub(crate) fn set_tag(world: &mut World, args: &Args) -> Answer {
    let id = args.required("experiment_id")?;
    let key = args.required("key")?;
    let value = args.text("value")?.unwrap_or_default();
    let found = world.experiments.iter_mut().find(|known| *known.id == *id);
    let found =
        found.ok_or_else(|| Failure::missing(format!("No Experiment with id={id} exists")))?;
    found.tags.retain(|(known, _)| *known != key);
    found.tags.push((key, value));
    Ok(json!({}))
}
