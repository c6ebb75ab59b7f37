//! `model-versions/*`.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::args::Args;
use super::error::Failure;
use super::filter::{self, Entity, Row, VERSIONS};
use super::registry::check_name;
use super::{Answer, page, wire};
use crate::sim::reply::Fields;
use crate::sim::world::World;
use crate::sim::world::registry::{Model, STAGES, Version};

/// A version together with the model it belongs to.
struct Of<'a> {
    model: &'a Model,
    version: &'a Version,
}

impl Row for Of<'_> {
    fn text(&self, entity: Entity, key: &str) -> Option<Cow<'_, str>> {
        match (entity, key) {
            (Entity::Attribute, "name") => Some(Cow::from(&*self.model.name)),
            (Entity::Attribute, "run_id") => Some(Cow::from(&*self.version.run)),
            (Entity::Attribute, "source_path") => Some(Cow::from(&self.version.source)),
            (Entity::Tag, key) => self.version.tags.get(key).map(Cow::from),
            _ => None,
        }
    }

    fn number(&self, _: Entity, key: &str) -> Option<f64> {
        match key {
            "version_number" => Some(f64::from(self.version.number)),
            "creation_timestamp" => Some(self.version.created as f64),
            "last_updated_timestamp" => Some(self.version.updated as f64),
            _ => None,
        }
    }
}

pub(crate) fn search(world: &World, args: &Args) -> Answer {
    let size = args.int_up_to("max_results", 200_000)?.unwrap_or(10_000);
    if size < 1 {
        return Err(Failure::invalid(format!(
            "Invalid value for max_results. It must be a positive integer, but got {size}"
        )));
    }
    let clauses = filter::parse(&args.text("filter")?.unwrap_or_default(), &VERSIONS)?;
    let mut order = args.texts("order_by")?;
    if order.is_empty() {
        order = [
            "last_updated_timestamp DESC",
            "name ASC",
            "version_number DESC",
        ]
        .map(str::to_owned)
        .to_vec();
    }
    let keys = filter::order_by(&order, &VERSIONS)?;
    let offset = page::offset(args.text("page_token")?.as_deref())?;
    let mut rows: Vec<Of<'_>> = world
        .models
        .iter()
        .flat_map(|model| {
            model
                .live_versions()
                .map(move |version| Of { model, version })
        })
        .filter(|row| filter::matches(&clauses, row))
        .collect();
    rows.sort_by(|a, b| {
        keys.iter()
            .map(|key| key.compare(a, b))
            .find(|ordering| ordering.is_ne())
            .unwrap_or_else(|| {
                a.model
                    .name
                    .cmp(&b.model.name)
                    .then(b.version.number.cmp(&a.version.number))
            })
    });
    let (rows, next) = page::page(rows, offset, size as usize);
    let rows: Vec<Value> = rows
        .iter()
        .map(|row| wire::version(row.model, row.version, false))
        .collect();
    Ok(Fields::new()
        .list("model_versions", rows)
        .some("next_page_token", next)
        .done())
}

pub(crate) fn bad_stage(stage: &str) -> Failure {
    Failure::invalid(format!(
        "Invalid Model Version stage: {stage}. Value must be one of None, Staging, Production, Archived."
    ))
}

/// A version's number, which the wire carries as text.
pub(crate) fn number(text: &str) -> Result<i64, Failure> {
    text.parse().map_err(|_| {
        Failure::invalid(format!(
            "Parameter 'version' must be an integer, got '{text}'."
        ))
    })
}

pub(crate) fn no_version(name: &str, number: i64) -> Failure {
    Failure::missing(format!(
        "Model Version (name={name}, version={number}) not found"
    ))
}

/// The version a call names. A model that is missing answers as a missing version.
fn find<'a>(world: &'a World, args: &Args) -> Result<(&'a Model, &'a Version), Failure> {
    named(world, &args.required("name")?, &args.required("version")?)
}

fn named<'a>(
    world: &'a World,
    name: &str,
    version: &str,
) -> Result<(&'a Model, &'a Version), Failure> {
    check_name(name)?;
    let number = number(version)?;
    let missing = || no_version(name, number);
    let model = world.model(name).ok_or_else(missing)?;
    let version = u32::try_from(number)
        .ok()
        .and_then(|number| model.version(number))
        .ok_or_else(missing)?;
    Ok((model, version))
}

fn find_mut<'a>(world: &'a mut World, args: &Args) -> Result<&'a mut Version, Failure> {
    let (model, version) = find(world, args)?;
    let (name, number) = (model.name.clone(), version.number);
    world
        .model_mut(&name)
        .and_then(|model| model.version_mut(number))
        .ok_or_else(|| no_version(&name, number.into()))
}

pub(crate) fn get(world: &World, args: &Args) -> Answer {
    let (model, version) = find(world, args)?;
    Ok(json!({"model_version": wire::version(model, version, true)}))
}

pub(crate) fn download_uri(world: &World, args: &Args) -> Answer {
    // This one call checks nothing before the store does.
    let name = args.text("name")?.unwrap_or_default();
    let version = args.text("version")?.unwrap_or_default();
    let (_, version) = named(world, &name, &version)?;
    let uri = match &version.logged_model {
        Some(id) => {
            let experiment = world.logged(id).map_or("0", |logged| &*logged.experiment);
            format!("mlflow-artifacts:/{experiment}/models/{id}/artifacts")
        }
        None => version.source.clone(),
    };
    Ok(json!({"artifact_uri": uri}))
}

pub(crate) fn set_tag(world: &mut World, args: &Args) -> Answer {
    let key = args.required("key")?;
    let value = args.text("value")?.unwrap_or_default();
    find_mut(world, args)?.tags.insert(key, value);
    Ok(json!({}))
}

pub(crate) fn delete_tag(world: &mut World, args: &Args) -> Answer {
    let key = args.required("key")?;
    find_mut(world, args)?.tags.remove(&key);
    Ok(json!({}))
}

pub(crate) fn transition(world: &mut World, args: &Args) -> Answer {
    let wanted = args.required("stage")?;
    let archive = args.flag("archive_existing_versions");
    let Some(stage) = STAGES
        .iter()
        .find(|stage| stage.eq_ignore_ascii_case(&wanted))
    else {
        return Err(bad_stage(&wanted));
    };
    if archive && !matches!(*stage, "Staging" | "Production") {
        return Err(Failure::internal(format!(
            "Model version transition cannot archive existing model versions because '{stage}' is \
             not an Active stage. Valid stages are ('Staging', 'Production')"
        )));
    }
    let (model, version) = find(world, args)?;
    let (name, number) = (model.name.clone(), version.number);
    let now = world.now;
    if let Some(model) = world.model_mut(&name) {
        model.transition(number, stage, archive, now);
    }
    get(world, args)
}
