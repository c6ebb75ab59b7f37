//! JSON forms of runs, models and versions, with protobuf's habit of leaving unset fields out.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::sim::reply::Fields;
use crate::sim::world::World;
use crate::sim::world::registry::{Model, Version};
use crate::sim::world::run::{Dataset, Point, Run};

/// A metric value: text for not-a-number, the largest doubles for the infinities.
pub(crate) fn number(value: f64) -> Value {
    if value.is_nan() {
        json!("NaN")
    } else {
        // The store keeps infinities as the largest finite doubles; zero loses its sign.
        json!(value.clamp(-f64::MAX, f64::MAX) + 0.0)
    }
}

pub(crate) fn pairs<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<Value> {
    pairs
        .map(|(key, value)| json!({"key": key, "value": value}))
        .collect()
}

pub(crate) fn tags(tags: &BTreeMap<String, String>) -> Vec<Value> {
    pairs(
        tags.iter()
            .map(|(key, value)| (key.as_str(), value.as_str())),
    )
}

pub(crate) fn point(key: &str, point: Point) -> Fields {
    Fields::new()
        .put("key", key)
        .put("value", number(point.value))
        .put("timestamp", point.timestamp)
        .put("step", point.step)
}

pub(crate) fn artifact_uri(run: &Run) -> String {
    format!("mlflow-artifacts:/{}/{}/artifacts", run.experiment, run.id)
}

pub(crate) fn run(run: &Run, now: i64) -> Value {
    let info = Fields::new()
        .put("run_uuid", &*run.id)
        .put("run_id", &*run.id)
        .put("run_name", run.name.as_str())
        .put("experiment_id", &*run.experiment)
        .put("user_id", &*run.user)
        .put("status", run.status.wire())
        .put("start_time", run.start)
        .some("end_time", run.end)
        .put("artifact_uri", artifact_uri(run))
        .put("lifecycle_stage", stage(run.deleted));
    let metrics = run
        .latest(now)
        .map(|(metric, latest)| point(&metric.key, latest).done())
        .collect();
    let data = Fields::new()
        .list("metrics", metrics)
        .list(
            "params",
            pairs(run.params.iter().map(|(key, value)| (&**key, &**value))),
        )
        .list(
            "tags",
            pairs(run.tags.iter().map(|(key, value)| (&**key, &**value))),
        );
    let inputs = Fields::new().list("dataset_inputs", run.datasets.iter().map(dataset).collect());
    let outputs = Fields::new().list(
        "model_outputs",
        run.logged_model
            .iter()
            .map(|id| json!({"model_id": &**id, "step": 0}))
            .collect(),
    );
    json!({
        "info": info.done(),
        "data": data.done(),
        "inputs": inputs.done(),
        "outputs": outputs.done(),
    })
}

pub(crate) fn stage(deleted: bool) -> &'static str {
    if deleted { "deleted" } else { "active" }
}

fn dataset(dataset: &Dataset) -> Value {
    let columns: Vec<Value> = dataset
        .columns
        .iter()
        .map(|(name, kind)| json!({"type": kind, "name": &**name, "required": true}))
        .collect();
    json!({
        "tags": [{"key": "mlflow.data.context", "value": dataset.context}],
        "dataset": {
            "name": dataset.name,
            "digest": dataset.digest,
            "source_type": "code",
            "source": json!({"tags": {"mlflow.user": "ci"}}).to_string(),
            "schema": json!({"mlflow_colspec": columns}).to_string(),
            "profile": json!({"num_rows": dataset.rows}).to_string(),
        },
    })
}

/// A version; its aliases are told only where the server tells them.
pub(crate) fn version(model: &Model, version: &Version, with_aliases: bool) -> Value {
    let mut row = Fields::new()
        .put("name", &*model.name)
        .put("version", version.number.to_string())
        .put("creation_timestamp", version.created)
        .put("last_updated_timestamp", version.updated)
        .put("current_stage", version.stage)
        .some("description", version.description.as_deref())
        .put("source", version.source.as_str())
        .put("run_id", &*version.run)
        .put("status", version.status)
        .put("run_link", "")
        .list("tags", tags(&version.tags));
    if with_aliases {
        let aliases = model.aliases_of(version.number);
        row = row.list("aliases", aliases.into_iter().map(Value::from).collect());
    }
    row.done()
}

pub(crate) fn model(model: &Model) -> Value {
    let latest = model.latest_versions();
    Fields::new()
        .put("name", &*model.name)
        .put("creation_timestamp", model.created)
        .put("last_updated_timestamp", model.updated)
        .some("description", model.description.as_deref())
        .list(
            "latest_versions",
            latest
                .iter()
                .map(|one| version(model, one, false))
                .collect(),
        )
        .list("tags", tags(&model.tags))
        .list(
            "aliases",
            model
                .aliases
                .iter()
                .map(|(alias, number)| json!({"alias": alias, "version": number.to_string()}))
                .collect(),
        )
        .done()
}

/// The registered versions made of a logged model, as its tag spells them.
pub(crate) fn versions_tag(world: &World, id: &str) -> Option<String> {
    let logged = world.logged(id)?;
    let rows: Vec<String> = logged
        .versions
        .iter()
        .map(|(name, number)| {
            let name = Value::from(&**name);
            format!("{{\"name\": {name}, \"version\": {number}}}")
        })
        .collect();
    (!rows.is_empty()).then(|| format!("[{}]", rows.join(", ")))
}
