//! What a retraining makes: a run like the last good one of the model and a little better, and in the
//! end a logged model and a version.

use std::sync::Arc;

use super::change::NewVersion;
use super::files::Recipe;
use super::run::{Curve, Metric, Run, Status};
use super::{LoggedModel, World, evidence};

/// Points of a retraining's curves, and milliseconds between two.
const POINTS: u32 = 36;
const EVERY: i64 = 500;
/// The part of the way to the best that a retraining gains.
const GAIN: f64 = 0.35;

/// A run of a model's experiment that begins now; none where nothing was ever trained.
pub(crate) fn trained(world: &mut World, model: &str, now: i64) -> Option<Run> {
    let known = world.model(model)?;
    let recipe = known
        .versions
        .iter()
        .rev()
        .find_map(|version| version.recipe)?;
    let entry = recipe.entry;
    let champion = known
        .aliases
        .get("champion")
        .and_then(|number| known.version(*number));
    let (quality, best, from) = entry.quality;
    let before = champion
        .and_then(|version| world.run(&version.run))
        .and_then(|run| run.metric(quality, now))
        .unwrap_or(from);
    let last = known
        .live_versions()
        .rev()
        .find_map(|version| world.run(&version.run));
    let last = last?.clone();
    let id = world.fresh_id();
    let seed = id
        .bytes()
        .fold(9, |seed, byte| super::run::mix(seed ^ u64::from(byte)));
    let curve = |key: &str, from: f64, to: f64| Metric {
        key: key.into(),
        interval: EVERY,
        total: POINTS,
        curve: Curve::Approach {
            from,
            to,
            noise: (to - from).abs() * 0.02,
            seed: super::run::mix(seed ^ key.len() as u64),
        },
    };
    let mut run = Run {
        name: format!("retrain-{}", &id[..6]),
        id: id.as_str().into(),
        user: "airflow".into(),
        status: Status::Running,
        start: now,
        end: None,
        deleted: false,
        metrics: vec![
            curve(quality, from, before + (best - before) * GAIN),
            curve("train_loss", 0.69, 0.17),
            curve(entry.loss, 0.7, 0.2),
        ],
        logged_model: None,
        ..last
    };
    let name = run.name.clone();
    run.set_tag("mlflow.runName", &name);
    run.set_tag("mlflow.user", "airflow");
    run.set_tag("mlflow.source.type", "JOB");
    Some(run)
}

/// Logs what the evaluation found, the model itself, and registers it; gives the version's number.
pub(crate) fn register(world: &mut World, model: &str, run: &str) -> Option<u32> {
    let now = world.now;
    let known = world.model(model)?;
    let recipe = known
        .versions
        .iter()
        .rev()
        .find_map(|version| version.recipe)?;
    let number = known.next_number();
    let entry = recipe.entry;
    let trained = world.run(run)?;
    let (experiment, id): (Arc<str>, Arc<str>) = (trained.experiment.clone(), trained.id.clone());
    let quality = trained.metric(entry.quality.0, now).unwrap_or_default();
    let logged: Arc<str> = format!("m-{}", world.fresh_id()).into();
    world.push_logged(LoggedModel {
        id: logged.clone(),
        experiment,
        run: id.clone(),
        created: now,
        updated: now,
        recipe: Recipe { number, ..recipe },
        versions: Vec::new(),
    });
    if let Some(run) = world.run_mut(&id) {
        run.logged_model = Some(logged.clone());
        run.metrics
            .extend(evidence::logged(entry, number, quality, now));
    }
    let mut tags: std::collections::BTreeMap<String, String> =
        evidence::tags(entry, number, now).into_iter().collect();
    tags.insert("validation_status".to_owned(), "passed".to_owned());
    tags.insert("load_test".to_owned(), "passed".to_owned());
    let new = NewVersion {
        source: format!("models:/{logged}"),
        run: id.to_string(),
        description: Some("Retrained by the pipeline".to_owned()),
        tags,
    };
    world.register(model, new)
}
