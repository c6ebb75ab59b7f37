//! `registered-models/*`.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::args::Args;
use super::error::Failure;
use super::filter::{self, Entity, MODELS, Row};
use super::{Answer, page, wire};
use crate::sim::reply::Fields;
use crate::sim::world::World;
use crate::sim::world::registry::{Model, STAGES};

impl Row for Model {
    fn text(&self, entity: Entity, key: &str) -> Option<Cow<'_, str>> {
        match (entity, key) {
            (Entity::Attribute, "name") => Some(Cow::from(&*self.name)),
            (Entity::Tag, key) => self.tags.get(key).map(Cow::from),
            _ => None,
        }
    }

    fn number(&self, _: Entity, key: &str) -> Option<f64> {
        match key {
            "creation_timestamp" => Some(self.created as f64),
            "last_updated_timestamp" => Some(self.updated as f64),
            _ => None,
        }
    }
}

pub(crate) fn search(world: &World, args: &Args) -> Answer {
    let size = args.int_up_to("max_results", 1_000)?.unwrap_or(100);
    let clauses = filter::parse(&args.text("filter")?.unwrap_or_default(), &MODELS)?;
    let keys = filter::order_by(&args.texts("order_by")?, &MODELS)?;
    let offset = page::offset(args.text("page_token")?.as_deref())?;
    let mut rows: Vec<&Model> = world
        .models
        .iter()
        .filter(|model| filter::matches(&clauses, *model))
        .collect();
    rows.sort_by(|a, b| {
        keys.iter()
            .map(|key| key.compare(*a, *b))
            .find(|ordering| ordering.is_ne())
            .unwrap_or_else(|| a.name.cmp(&b.name))
    });
    // Zero is let through: no rows, and a token that leads nowhere.
    let (rows, next) = page::page(rows, offset, size.max(0) as usize);
    Ok(Fields::new()
        .list(
            "registered_models",
            rows.into_iter().map(wire::model).collect(),
        )
        .some("next_page_token", next)
        .done())
}

/// A registered model by a name that may be one.
pub(crate) fn find<'a>(world: &'a World, name: &str) -> Result<&'a Model, Failure> {
    check_name(name)?;
    world
        .model(name)
        .ok_or_else(|| Failure::missing(format!("Registered Model with name={name} not found")))
}

fn find_mut<'a>(world: &'a mut World, name: &str) -> Result<&'a mut Model, Failure> {
    find(world, name)?;
    world
        .model_mut(name)
        .ok_or_else(|| Failure::internal("gone"))
}

/// The rules of a model's name, which every call that names one checks first.
pub(crate) fn check_name(name: &str) -> Result<(), Failure> {
    if name.trim().is_empty() {
        return Err(Failure::invalid(
            "Missing value for required parameter 'name'.",
        ));
    }
    if matches!(name, "." | "..") {
        return Err(Failure::invalid(format!(
            "Invalid value \"{name}\" for parameter 'name' supplied: Names may be treated as files \
             in certain cases, and must not resolve to other names when treated as such. This name \
             would resolve to '{name}'"
        )));
    }
    if name.contains(['/', ':']) {
        return Err(Failure::invalid(format!(
            "Invalid model name '{name}'. Names cannot contain '/' or ':'."
        )));
    }
    Ok(())
}

pub(crate) fn get(world: &World, args: &Args) -> Answer {
    let name = args.required("name")?;
    let model = find(world, &name)?;
    Ok(json!({"registered_model": wire::model(model)}))
}

pub(crate) fn latest_versions(world: &World, args: &Args) -> Answer {
    let name = args.required("name")?;
    let stages = args.list("stages")?;
    let model = find(world, &name)?;
    if let Some(strange) = stages
        .iter()
        .find(|stage| !STAGES.iter().any(|known| known.eq_ignore_ascii_case(stage)))
    {
        return Err(super::versions::bad_stage(strange));
    }
    let rows: Vec<Value> = model
        .latest_versions()
        .into_iter()
        .filter(|version| {
            stages.is_empty()
                || stages
                    .iter()
                    .any(|stage| stage.eq_ignore_ascii_case(version.stage))
        })
        .map(|version| wire::version(model, version, true))
        .collect();
    Ok(Fields::new().list("model_versions", rows).done())
}

/// Reads, sets or deletes an alias: one path, three methods.
pub(crate) fn alias(world: &mut World, args: &Args) -> Answer {
    let name = args.required("name")?;
    let alias = args.required("alias")?;
    check_name(&name)?;
    check_alias(&alias)?;
    match args.method() {
        "POST" => {
            if alias.eq_ignore_ascii_case("latest") {
                return Err(Failure::invalid(
                    "'latest' alias name (case insensitive) is reserved.",
                ));
            }
            let reserved = alias
                .strip_prefix(['v', 'V'])
                .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()));
            if reserved {
                return Err(Failure::invalid(format!(
                    "Version alias name '{alias}' is reserved."
                )));
            }
            let number = super::versions::number(&args.required("version")?)?;
            let set =
                u32::try_from(number).is_ok_and(|number| world.set_alias(&name, &alias, number));
            if !set {
                return Err(super::versions::no_version(&name, number));
            }
            Ok(json!({}))
        }
        "DELETE" => {
            find_mut(world, &name)?.aliases.remove(&alias);
            Ok(json!({}))
        }
        _ => {
            let model = find(world, &name)?;
            let number = if alias.eq_ignore_ascii_case("latest") {
                model.live_versions().map(|version| version.number).max()
            } else {
                model.aliases.get(&alias).copied()
            };
            let version = number
                .and_then(|number| model.version(number))
                .ok_or_else(|| {
                    Failure::invalid(format!("Registered model alias {alias} not found."))
                })?;
            Ok(json!({"model_version": wire::version(model, version, true)}))
        }
    }
}

fn check_alias(alias: &str) -> Result<(), Failure> {
    if alias.chars().count() > 255 {
        return Err(Failure::invalid(
            "'Registered model alias name' exceeds the maximum length of 255 characters",
        ));
    }
    if alias
        .chars()
        .all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'))
    {
        return Ok(());
    }
    Err(Failure::invalid(format!(
        "Invalid alias name: '{alias}'. Names may only contain alphanumerics, underscores (_), and dashes (-)."
    )))
}

pub(crate) fn create(world: &mut World, args: &Args) -> Answer {
    let name = args.required("name")?;
    check_name(&name)?;
    let tags = super::experiments::listed(args, "tags")?;
    if world.model(&name).is_some() {
        return Err(taken(&name));
    }
    world.add_model(&name, args.text("description")?, tags.into_iter().collect());
    get(world, args)
}

fn taken(name: &str) -> Failure {
    Failure::exists(format!("Registered Model (name={name}) already exists."))
}

/// Writes the description; a request that holds none takes it away.
pub(crate) fn update(world: &mut World, args: &Args) -> Answer {
    let now = world.now;
    let description = args.text("description")?;
    let model = find_mut(world, &args.required("name")?)?;
    model.description = description;
    model.updated = now;
    get(world, args)
}

pub(crate) fn rename(world: &mut World, args: &Args) -> Answer {
    let name = args.required("name")?;
    let new = args.required("new_name")?;
    check_name(&new)?;
    find(world, &name)?;
    if world.model(&new).is_some() {
        return Err(taken(&new));
    }
    world.rename_model(&name, &new);
    Ok(json!({"registered_model": wire::model(find(world, &new)?)}))
}

pub(crate) fn delete(world: &mut World, args: &Args) -> Answer {
    let name = args.required("name")?;
    find(world, &name)?;
    world.remove_model(&name);
    Ok(json!({}))
}

/// The rules of a tag's key and value, for models, versions and runs alike.
pub(crate) fn tag(args: &Args) -> Result<(String, String), Failure> {
    let key = args.required("key")?;
    let value = args.text("value")?.unwrap_or_default();
    check_key(&key, "key")?;
    if value.chars().count() > 100_000 {
        return Err(Failure::invalid(
            "'value' exceeds the maximum length of 100000 characters",
        ));
    }
    Ok((key, value))
}

/// The rules of a key: of a tag, a parameter or a metric. `title` names it where it is too long.
pub(crate) fn check_key(key: &str, title: &str) -> Result<(), Failure> {
    let good = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ' | ':' | '/');
    let wrong = |why: &str| {
        Err(Failure::invalid(format!(
            "Invalid value {} for parameter 'key' supplied: {why}",
            ascii(key)
        )))
    };
    if !key.chars().all(good) {
        return wrong(
            "Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces \
             ( ), colon(:) and slashes (/).",
        );
    }
    let climbs = key.split('/').any(|part| matches!(part, "." | ".." | ""));
    if climbs {
        return wrong(&format!(
            "Names may be treated as files in certain cases, and must not resolve to other names when \
             treated as such. This name would resolve to '{key}'"
        ));
    }
    if key.chars().count() > 250 {
        return Err(Failure::invalid(format!(
            "'{title}' exceeds the maximum length of 250 characters"
        )));
    }
    Ok(())
}

/// A text as Python's JSON has it.
fn ascii(text: &str) -> String {
    let bytes = crate::sim::reply::Reply::json(200, Value::from(text)).render();
    String::from_utf8_lossy(&bytes).into_owned()
}

pub(crate) fn set_tag(world: &mut World, args: &Args) -> Answer {
    let name = args.required("name")?;
    let (key, value) = tag(args)?;
    find_mut(world, &name)?.tags.insert(key, value);
    Ok(json!({}))
}

pub(crate) fn delete_tag(world: &mut World, args: &Args) -> Answer {
    let key = args.required("key")?;
    find_mut(world, &args.required("name")?)?.tags.remove(&key);
    Ok(json!({}))
}
