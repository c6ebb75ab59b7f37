//! Artifact lists and downloads: of runs, versions and logged models.

use serde_json::Value;

use super::args::Args;
use super::error::Failure;
use super::{Answer, error, runs, wire};
use crate::sim::reply::{Fields, Reply, Request};
use crate::sim::world::World;
use crate::sim::world::files::listing;
use crate::sim::world::registry::Version;

/// One folder of files, as the wire lists it.
pub(crate) fn rows(files: &[(String, String)], under: &str) -> Vec<Value> {
    listing(files, under)
        .into_iter()
        .map(|(path, size)| {
            Fields::new()
                .put("path", path)
                .put("is_dir", size.is_none())
                .some("file_size", size)
                .done()
        })
        .collect()
}

pub(crate) fn list(world: &World, args: &Args) -> Answer {
    let id = args.run_id()?;
    let under = args.text("path")?.unwrap_or_default();
    if under.contains("..") || under.starts_with('/') {
        return Err(Failure::invalid("Invalid path"));
    }
    let run = runs::find(world, &id)?;
    Ok(Fields::new()
        .put("root_uri", wire::artifact_uri(run))
        .list("files", rows(&run.artifacts, &under))
        .done())
}

fn download(files: &[(String, String)], path: Option<&str>) -> Reply {
    let Some(path) = path else {
        return Failure::required("path").reply();
    };
    match files.iter().find(|(known, _)| known == path) {
        None => Failure::missing(format!("No such artifact: '{path}'")).reply(),
        Some((_, text)) => {
            let name = path.rsplit('/').next().unwrap_or(path);
            let bytes = text.clone().into_bytes();
            Reply::bytes(200, "application/octet-stream", bytes)
                .with_header(
                    "content-disposition",
                    format!("attachment; filename={name}"),
                )
                .with_header("x-content-type-options", "nosniff")
        }
    }
}

/// `GET /get-artifact`
pub(crate) fn of_run(world: &World, request: &Request) -> Reply {
    let id = request.query("run_id").or(request.query("run_uuid"));
    let Some(id) = id else {
        return Failure::required("run_id").reply();
    };
    match runs::find(world, id) {
        Ok(run) => download(&run.artifacts, request.query("path")),
        Err(failure) => failure.reply(),
    }
}

/// A version's files, by path.
pub(crate) fn version_files(version: &Version) -> Vec<(String, String)> {
    let logged = version.logged_model.as_deref();
    version.recipe.files(&version.run, logged, version.created)
}

/// `GET /model-versions/get-artifact`
pub(crate) fn of_version(world: &World, request: &Request) -> Reply {
    let name = request.query("name").unwrap_or_default();
    let number = request.query("version").unwrap_or_default();
    let version = number
        .parse()
        .ok()
        .and_then(|number| world.model(name)?.version(number));
    match version {
        Some(version) => download(&version_files(version), request.query("path")),
        None => Failure::missing(format!(
            "Model Version (name={name}, version={number}) not found"
        ))
        .reply(),
    }
}

/// `GET /ajax-api/2.0/mlflow/logged-models/{id}/artifacts/files`
pub(crate) fn of_logged(world: &World, request: &Request) -> Reply {
    let id = request
        .path
        .split('/')
        .skip_while(|part| *part != "logged-models")
        .nth(1)
        .unwrap_or_default();
    match world.logged(id) {
        Some(model) => {
            let files = model
                .recipe
                .files(&model.run, Some(&model.id), model.created);
            download(&files, request.query("artifact_file_path"))
        }
        None => Failure::missing(format!("Logged model with ID '{id}' not found.")).reply(),
    }
}

/// `GET /api/2.0/mlflow-artifacts/artifacts/<path>`: the proxied store, by its own paths.
pub(crate) fn proxied(world: &World, _: &Request, path: &str) -> Reply {
    let mut parts = path.trim_start_matches('/').splitn(4, '/');
    let (_experiment, second, third) = (parts.next(), parts.next(), parts.next());
    let rest = parts.next();
    match (second, third, rest) {
        (Some("models"), Some(id), Some(rest)) => match world.logged(id) {
            Some(model) => {
                let files = model
                    .recipe
                    .files(&model.run, Some(&model.id), model.created);
                download(&files, rest.strip_prefix("artifacts/"))
            }
            None => error::no_route(),
        },
        (Some(run), Some("artifacts"), Some(rest)) => match world.run(run) {
            Some(run) => download(&run.artifacts, Some(rest)),
            None => error::no_route(),
        },
        _ => error::no_route(),
    }
}
