//! `logged-models/*`: models as `MLflow` 3 logs them.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::args::Args;
use super::error::Failure;
use super::filter::{self, Entity, LOGGED, Row};
use super::{Answer, artifacts, page, wire};
use crate::sim::reply::Fields;
use crate::sim::world::run::{Point, Run};
use crate::sim::world::{LoggedModel, World};

/// A logged model with the run it came from.
struct Of<'a> {
    model: &'a LoggedModel,
    run: Option<&'a Run>,
}

impl Of<'_> {
    /// Metrics as linked when the model was logged: the run's first point, not its latest.
    fn metrics(&self) -> impl Iterator<Item = (&str, Point)> {
        self.run.into_iter().flat_map(|run| {
            run.metrics
                .iter()
                .filter(|metric| metric.total > 0)
                .take(2)
                .map(|metric| (&*metric.key, metric.point(run.start, 0)))
        })
    }
}

impl Row for Of<'_> {
    fn text(&self, entity: Entity, key: &str) -> Option<Cow<'_, str>> {
        match (entity, key) {
            (Entity::Param, key) => self.run?.param(key).map(Cow::from),
            (Entity::Attribute, "name") => Some(Cow::from("model")),
            (Entity::Attribute, "model_id") => Some(Cow::from(&*self.model.id)),
            (Entity::Attribute, "source_run_id") => Some(Cow::from(&*self.model.run)),
            (Entity::Attribute, "experiment_id") => Some(Cow::from(&*self.model.experiment)),
            (Entity::Attribute, "status") => Some(Cow::from("READY")),
            (Entity::Tag, "mlflow.user") => self.run.map(|run| Cow::from(&*run.user)),
            _ => None,
        }
    }

    fn number(&self, entity: Entity, key: &str) -> Option<f64> {
        if entity == Entity::Metric {
            return self
                .metrics()
                .find(|(known, _)| *known == key)
                .map(|(_, point)| point.value);
        }
        Some(if key.starts_with("creation") {
            self.model.created as f64
        } else {
            self.model.updated as f64
        })
    }
}

fn of<'a>(world: &'a World, model: &'a LoggedModel) -> Of<'a> {
    Of {
        model,
        run: world.run(&model.run),
    }
}

pub(crate) fn search(world: &World, args: &Args) -> Answer {
    let experiments = args.list("experiment_ids")?;
    if !args.has("experiment_ids") {
        return Err(Failure::required("experiment_ids"));
    }
    let text = args.text("filter")?.unwrap_or_default();
    let clauses = filter::parse(&text, &LOGGED).map_err(|failure| {
        // Two mistakes come out as errors of the server's own code.
        if let Some((_, rest)) = failure.message().split_once("Invalid attribute key '") {
            let key = rest.split('\'').next().unwrap_or_default();
            return Failure::internal(format!(
                "type object 'SqlLoggedModel' has no attribute '{key}'"
            ));
        }
        if let Some((_, found)) = failure.message().split_once("type for metric. Found ") {
            return Failure::internal(format!("could not convert string to float: \"{found}\""));
        }
        Failure::invalid(format!(
            "Invalid filter string: '{text}'. Expected a list of comparisons separated by 'AND' \
             (e.g. 'metrics.loss > 0.1 AND params.lr = 0.01')."
        ))
    })?;
    let size = args
        .int("max_results")?
        .filter(|size| *size > 0)
        .unwrap_or(100);
    let Ok(offset) = page::offset(args.text("page_token")?.as_deref()) else {
        // The real server does not catch this one.
        return Err(Failure::crash());
    };
    for order in args.rows("order_by") {
        let name = order["field_name"].as_str().unwrap_or_default();
        let attribute = LOGGED.attributes.contains(&name) || name.starts_with("attributes.");
        if !attribute && !name.starts_with("metrics.") {
            return Err(Failure::invalid(format!(
                "Invalid order by field name: {name}"
            )));
        }
    }
    let mut rows: Vec<Of<'_>> = world
        .logged
        .iter()
        .filter(|model| experiments.iter().any(|id| **id == *model.experiment))
        .map(|model| of(world, model))
        .filter(|row| filter::matches(&clauses, row))
        .collect();
    let ascending = args
        .rows("order_by")
        .first()
        .is_some_and(|order| order["ascending"].as_bool().unwrap_or(true));
    let metric = (args.rows("order_by").first())
        .and_then(|order| order["field_name"].as_str())
        .and_then(|name| name.strip_prefix("metrics."));
    rows.sort_by(|a, b| {
        let value = |row: &Of<'_>| match metric {
            Some(key) => row.number(Entity::Metric, key).unwrap_or(f64::NEG_INFINITY),
            None => row.model.created as f64,
        };
        let ordering = value(a).total_cmp(&value(b));
        let ordering = if ascending {
            ordering
        } else {
            ordering.reverse()
        };
        ordering.then_with(|| a.model.id.cmp(&b.model.id))
    });
    let (rows, next) = page::page(rows, offset, size as usize);
    Ok(Fields::new()
        .list(
            "models",
            rows.iter().map(|row| wire_row(world, row)).collect(),
        )
        .some("next_page_token", next)
        .done())
}

fn wire_row(world: &World, row: &Of<'_>) -> Value {
    let model = row.model;
    let mut tags = Vec::new();
    if let Some(run) = row.run {
        tags.push(json!({"key": "mlflow.user", "value": &*run.user}));
    }
    if let Some(text) = wire::versions_tag(world, &model.id) {
        tags.push(json!({"key": "mlflow.modelVersions", "value": text}));
    }
    let info = Fields::new()
        .put("model_id", &*model.id)
        .put("experiment_id", &*model.experiment)
        .put("name", "model")
        .put("creation_timestamp_ms", model.created)
        .put("last_updated_timestamp_ms", model.updated)
        .put(
            "artifact_uri",
            format!(
                "mlflow-artifacts:/{}/models/{}/artifacts",
                model.experiment, model.id
            ),
        )
        .put("status", "LOGGED_MODEL_READY")
        .put("model_type", "")
        .put("source_run_id", &*model.run)
        .list("tags", tags);
    let params = row.run.map_or_else(Vec::new, |run| {
        wire::pairs(run.params.iter().map(|(key, value)| (&**key, &**value)))
    });
    let metrics = row
        .metrics()
        .map(|(key, point)| {
            wire::point(key, point)
                .put("model_id", &*model.id)
                .put("run_id", &*model.run)
                .done()
        })
        .collect();
    let data = Fields::new()
        .list("params", params)
        .list("metrics", metrics);
    json!({"info": info.done(), "data": data.done()})
}

fn find<'a>(world: &'a World, id: &str) -> Result<&'a LoggedModel, Failure> {
    world
        .logged(id)
        .ok_or_else(|| Failure::missing(format!("Logged model with ID '{id}' not found.")))
}

pub(crate) fn get(world: &World, id: &str, _: &Args) -> Answer {
    let model = find(world, id)?;
    Ok(json!({"model": wire_row(world, &of(world, model))}))
}

pub(crate) fn directories(world: &World, id: &str, args: &Args) -> Answer {
    let model = find(world, id)?;
    let files = model
        .recipe
        .files(&model.run, Some(&model.id), model.created);
    let under = args.text("artifact_directory_path")?.unwrap_or_default();
    Ok(Fields::new()
        .put(
            "root_uri",
            format!(
                "mlflow-artifacts:/{}/models/{}/artifacts",
                model.experiment, model.id
            ),
        )
        .list("files", artifacts::rows(&files, &under))
        .done())
}
