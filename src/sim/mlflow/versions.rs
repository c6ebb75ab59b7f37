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
use crate::sim::world::change::NewVersion;
use crate::sim::world::registry::{Model, STAGES, Version};
use crate::sim::world::run::Run;

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

/// Registers a version. Its source is an address outside, a logged model that the request names as
/// well, or a place among the artifacts of the run that it names.
pub(crate) fn create(world: &mut World, args: &Args) -> Answer {
    let name = args.required("name")?;
    let source = args.required("source")?;
    check_name(&name)?;
    let run = args.text("run_id")?.unwrap_or_default();
    let wrong =
        |why: &str| Failure::invalid(format!("Invalid model version source: '{source}'. {why}"));
    if let Some(id) = source.strip_prefix("models:/") {
        if args.text("model_id")?.as_deref() != Some(id) {
            return Err(wrong(
                "The model_id request parameter must identify the resource that contains the source.",
            ));
        }
    } else if source.starts_with("mlflow-artifacts:") || source.starts_with("runs:") {
        let within = |run: &Run| source.starts_with(&wire::artifact_uri(run));
        if !world.run(&run).is_some_and(within) {
            return Err(wrong(
                "The run_id request parameter must identify the resource that contains the source.",
            ));
        }
    } else if source.starts_with('/') || source.starts_with("file:") {
        return Err(wrong(
            "To use a local path as a model version source, the run_id request parameter has to be \
             specified and the local path has to be contained within the artifact directory of the run \
             specified by the run_id.",
        ));
    }
    // A logged model says which run made it.
    let id = source.strip_prefix("models:/").unwrap_or_default();
    let run = match world.logged(id) {
        Some(logged) if run.is_empty() => logged.run.to_string(),
        _ => run,
    };
    let new = NewVersion {
        run,
        source,
        description: Some(args.text("description")?.unwrap_or_default()),
        tags: super::experiments::listed(args, "tags")?
            .into_iter()
            .collect(),
    };
    let number = world.register(&name, new);
    let number = number
        .ok_or_else(|| Failure::missing(format!("Registered Model with name={name} not found")))?;
    let (model, version) = named(world, &name, &number.to_string())?;
    Ok(json!({"model_version": wire::version(model, version, true)}))
}

/// Writes the description; a request that holds none takes it away.
pub(crate) fn update(world: &mut World, args: &Args) -> Answer {
    let now = world.now;
    let description = args.text("description")?;
    let version = find_mut(world, args)?;
    version.description = description;
    version.updated = now;
    get(world, args)
}

pub(crate) fn delete(world: &mut World, args: &Args) -> Answer {
    let (model, version) = find(world, args)?;
    let (name, number) = (model.name.clone(), version.number);
    world.remove_version(&name, number);
    Ok(json!({}))
}

pub(crate) fn set_tag(world: &mut World, args: &Args) -> Answer {
    args.required("name")?;
    args.required("version")?;
    let (key, value) = super::registry::tag(args)?;
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
             not an Active stage. Valid stages are ['Staging', 'Production']"
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
