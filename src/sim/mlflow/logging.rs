//! `runs/*` that write: runs made, ended and deleted; parameters, metrics and tags logged.
//!
//! A parameter is written once: another value is refused, which makes it a claim that only one writer
//! can win.

use serde_json::{Value, json};

use super::args::Args;
use super::error::Failure;
use super::experiments::{check_id, listed};
use super::registry::{check_key, tag};
use super::runs::find;
use super::{Answer, wire};
use crate::sim::world::World;
use crate::sim::world::run::{Point, Run, Status};

/// The longest value of a parameter; the rest is cut off without a word.
const LONGEST: usize = 6_000;

pub(crate) fn create(world: &mut World, args: &Args) -> Answer {
    let experiment = args.required("experiment_id")?;
    check_id(&experiment)?;
    let found = world.experiment(&experiment);
    let found = found
        .ok_or_else(|| Failure::missing(format!("No Experiment with id={experiment} exists")))?;
    if found.deleted {
        return Err(Failure::invalid(format!(
            "The experiment {experiment} must be in the 'active' state. Current state is deleted."
        )));
    }
    let experiment = found.id.clone();
    let mut tags = listed(args, "tags")?;
    let id = world.fresh_id();
    let named = tags.iter().find(|(key, _)| key == "mlflow.runName");
    let named = named.map(|(_, value)| value.clone());
    let name = args.text("run_name")?.or(named);
    let name = name.unwrap_or_else(|| format!("unnamed-run-{}", &id[..3]));
    tags.retain(|(key, _)| key != "mlflow.runName");
    tags.push(("mlflow.runName".to_owned(), name.clone()));
    world.push_run(Run {
        id: id.as_str().into(),
        name,
        experiment,
        user: args.text("user_id")?.unwrap_or_default().into(),
        status: Status::Running,
        // The client's clock, and nobody's where it sends none.
        start: args.int("start_time")?.unwrap_or(0),
        end: None,
        deleted: false,
        params: Vec::new(),
        tags: (tags.into_iter())
            .map(|(key, value)| (key.into(), value.into_boxed_str()))
            .collect(),
        metrics: Vec::new(),
        datasets: Vec::new(),
        logged_model: None,
        artifacts: Vec::new(),
    });
    Ok(json!({"run": wire::run(find(world, &id)?, world.now)}))
}

/// A run that may be written to.
fn open<'a>(world: &'a mut World, id: &str) -> Result<&'a mut Run, Failure> {
    if find(world, id)?.deleted {
        return Err(Failure::invalid(format!(
            "The run {id} must be in the 'active' state. Current state is deleted."
        )));
    }
    (world.run_mut(id)).ok_or_else(|| Failure::missing(format!("Run with id={id} not found")))
}

/// Ends a run, or gives it another name; a status nobody knows is passed over in silence.
pub(crate) fn update(world: &mut World, args: &Args) -> Answer {
    let id = args.run_id()?;
    let status = args.word("status").and_then(|word| Status::of(&word));
    let (end, name) = (args.int("end_time")?, args.text("run_name")?);
    let run = open(world, &id)?;
    if let Some(status) = status {
        run.status = status;
    }
    run.end = end.or(run.end);
    if let Some(name) = name {
        run.set_tag("mlflow.runName", &name);
        run.name = name;
    }
    let mut whole = wire::run(find(world, &id)?, world.now);
    Ok(json!({"run_info": whole["info"].take()}))
}

pub(crate) fn delete(world: &mut World, args: &Args) -> Answer {
    open(world, &args.run_id()?)?.deleted = true;
    Ok(json!({}))
}

pub(crate) fn restore(world: &mut World, args: &Args) -> Answer {
    let id = args.run_id()?;
    find(world, &id)?;
    if let Some(run) = world.run_mut(&id) {
        run.deleted = false;
    }
    Ok(json!({}))
}

/// Logs one parameter: the value it has, or once.
pub(crate) fn parameter(world: &mut World, args: &Args) -> Answer {
    let id = args.run_id()?;
    let key = args.required("key")?;
    check_key(&key, "Param key")?;
    let value = cut(&args.text("value")?.unwrap_or_default());
    let run = open(world, &id)?;
    match run.param(&key) {
        Some(known) if *known != *value => Err(Failure::invalid(format!(
            "Changing param values is not allowed. Param with key='{key}' was already logged with \
             value='{known}' for run ID='{id}'. Attempted logging new value '{value}'."
        ))),
        Some(_) => Ok(json!({})),
        None => {
            run.params.push((key.into(), value.into()));
            Ok(json!({}))
        }
    }
}

fn cut(value: &str) -> String {
    value.chars().take(LONGEST).collect()
}

/// A metric's value: a number, or one of the words for those that JSON lacks.
fn number(value: &Value, name: &str) -> Result<f64, Failure> {
    match value {
        Value::String(word) if matches!(word.as_str(), "NaN" | "Infinity" | "-Infinity") => {
            Ok(word.parse().unwrap_or(f64::NAN))
        }
        Value::Number(number) => Ok(number.as_f64().unwrap_or(f64::NAN)),
        Value::Null => Err(Failure::required(name)),
        other => Err(Failure::value(name, other)),
    }
}

fn point(row: &Value, place: &str) -> Result<(String, Point), Failure> {
    let name = |field: &str| format!("{place}{field}");
    let key = row["key"].as_str().filter(|key| !key.is_empty());
    let key = key.ok_or_else(|| Failure::required(&name("key")))?;
    check_key(key, "Metric name")?;
    let whole = |field: &str| {
        let value = &row[field];
        (value.as_i64()).or_else(|| value.as_str().and_then(|text| text.parse().ok()))
    };
    let value = number(&row["value"], &name("value"))?;
    let timestamp = whole("timestamp").ok_or_else(|| Failure::required(&name("timestamp")))?;
    let step = whole("step").unwrap_or(0);
    Ok((
        key.to_owned(),
        Point {
            value,
            timestamp,
            step,
        },
    ))
}

pub(crate) fn metric(world: &mut World, args: &Args) -> Answer {
    let id = args.run_id()?;
    let (key, point) = point(&args.whole(), "")?;
    let now = world.now;
    open(world, &id)?.log(&key, point, now);
    Ok(json!({}))
}

/// Logs metrics, parameters and tags: all of them, or none.
pub(crate) fn batch(world: &mut World, args: &Args) -> Answer {
    let id = args.run_id()?;
    for (field, most) in [("metrics", 1_000), ("params", 100), ("tags", 100)] {
        let got = args.rows(field).len();
        if got > most {
            return Err(Failure::invalid(format!(
                "A batch logging request can contain at most {most} {field}. Got {got} {field}. Please \
                 split up {field} across multiple requests and try again."
            )));
        }
    }
    let points: Vec<(String, Point)> = (args.rows("metrics").iter().enumerate())
        .map(|(at, row)| point(row, &format!("metrics[{at}].")))
        .collect::<Result<_, _>>()?;
    let pair = |row: &Value| {
        let text = |field: &str| row[field].as_str().unwrap_or_default().to_owned();
        (text("key"), text("value"))
    };
    let params: Vec<(String, String)> = args.rows("params").iter().map(pair).collect();
    let tags: Vec<(String, String)> = args.rows("tags").iter().map(pair).collect();
    for (key, _) in &params {
        check_key(key, "Param key")?;
    }
    let mut twice: Vec<&str> = Vec::new();
    for (at, (key, _)) in params.iter().enumerate() {
        if params[..at].iter().any(|(known, _)| known == key) && !twice.contains(&key.as_str()) {
            twice.push(key);
        }
    }
    if !twice.is_empty() {
        return Err(Failure::invalid(format!(
            "Duplicate parameter keys have been submitted: {twice:?}. Please ensure the request contains \
             only one param value per param key."
        )
        .replace('"', "'")));
    }
    let now = world.now;
    let run = open(world, &id)?;
    let changed: Vec<String> = params
        .iter()
        .filter_map(|(key, value)| {
            let known = run.param(key)?;
            (*known != *cut(value)).then(|| {
                format!("{{'key': '{key}', 'old_value': '{known}', 'new_value': '{value}'}}")
            })
        })
        .collect();
    if !changed.is_empty() {
        return Err(Failure::invalid(format!(
            "Changing param values is not allowed. Params were already logged='[{}]' for run ID='{id}'.",
            changed.join(", ")
        )));
    }
    for (key, value) in params {
        if run.param(&key).is_none() {
            run.params.push((key.into(), cut(&value).into()));
        }
    }
    for (key, value) in tags {
        run.set_tag(&key, &value);
    }
    for (key, point) in points {
        run.log(&key, point, now);
    }
    Ok(json!({}))
}

pub(crate) fn set_tag(world: &mut World, args: &Args) -> Answer {
    let id = args.run_id()?;
    let (key, value) = tag(args)?;
    let run = open(world, &id)?;
    run.set_tag(&key, &value);
    if key == "mlflow.runName" {
        run.name = value;
    }
    Ok(json!({}))
}

/// Deletes a tag. Unlike a model's, a run's has to be there.
pub(crate) fn delete_tag(world: &mut World, args: &Args) -> Answer {
    let id = args.run_id()?;
    let key = args.required("key")?;
    let run = open(world, &id)?;
    if run.tag(&key).is_none() {
        return Err(Failure::missing(format!(
            "No tag with name: {key} in run with id {id}"
        )));
    }
    run.tags.retain(|(known, _)| **known != *key);
    Ok(json!({}))
}
