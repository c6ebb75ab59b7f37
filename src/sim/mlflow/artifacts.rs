//! Artifact lists and downloads: of runs, versions and logged models.

use serde_json::Value;

use super::args::Args;
use super::error::Failure;
use super::{Answer, error, runs, wire};
use crate::sim::reply::{Fields, Reply, Request};
use crate::sim::world::files::listing;
use crate::sim::world::registry::Version;
use crate::sim::world::run::Run;
use crate::sim::world::{LoggedModel, World};

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

/// One file, whole or the part a `Range` asks for. `root` is its place in the proxied store.
fn download(
    request: &Request,
    root: &str,
    files: &[(String, String)],
    path: Option<&str>,
) -> Reply {
    let Some(path) = path else {
        return Failure::required("path").reply();
    };
    match files.iter().find(|(known, _)| known == path) {
        None => Failure::missing(format!("No such artifact: '{root}/{path}'")).reply(),
        Some((_, text)) => {
            let name = path.rsplit('/').next().unwrap_or(path);
            let length = text.len();
            let (status, from, to) = match range(request.header("range"), length) {
                Some((from, to)) => (206, from, to),
                None => (200, 0, length),
            };
            let bytes = text.as_bytes()[from..to].to_vec();
            let reply = Reply::bytes(status, content_type(name), bytes)
                .with_header(
                    "content-disposition",
                    format!("attachment; filename={name}"),
                )
                .with_header("x-content-type-options", "nosniff")
                .with_header("etag", format!("\"{length}-{}\"", path.len()))
                .with_header("accept-ranges", "bytes");
            if status == 206 {
                let shown = format!("bytes {from}-{}/{length}", to - 1);
                reply.with_header("content-range", shown)
            } else {
                reply
            }
        }
    }
}

/// Text is shown as text; everything else is offered for saving.
fn content_type(name: &str) -> &'static str {
    let text = ["txt", "log", "yaml", "yml", "json", "py", "csv", "md"];
    match name.rsplit_once('.') {
        None if name == "MLmodel" => "text/plain",
        Some((_, ending)) if text.contains(&ending) => "text/plain",
        _ => "application/octet-stream",
    }
}

/// `bytes=FROM-TO` or `bytes=FROM-`, as a half-open range inside a file.
fn range(header: &str, length: usize) -> Option<(usize, usize)> {
    let (from, to) = header.strip_prefix("bytes=")?.split_once('-')?;
    let from: usize = from.parse().ok()?;
    let to = if to.is_empty() {
        length
    } else {
        to.parse::<usize>().ok()?.saturating_add(1).min(length)
    };
    (from < to).then_some((from, to))
}

fn run_root(run: &Run) -> String {
    format!("{}/{}/artifacts", run.experiment, run.id)
}

fn logged_root(model: &LoggedModel) -> String {
    format!("{}/models/{}/artifacts", model.experiment, model.id)
}

/// `GET /get-artifact`
pub(crate) fn of_run(world: &World, request: &Request) -> Reply {
    let id = request.query("run_id").or(request.query("run_uuid"));
    let Some(id) = id else {
        return Failure::required("run_id").reply();
    };
    match runs::find(world, id) {
        Ok(run) => download(
            request,
            &run_root(run),
            &run.artifacts,
            request.query("path"),
        ),
        Err(failure) => failure.reply(),
    }
}

/// A version's files, by path.
pub(crate) fn version_files(version: &Version) -> Vec<(String, String)> {
    let logged = version.logged_model.as_deref();
    (version.recipe).map_or_else(Vec::new, |recipe| {
        recipe.files(&version.run, logged, version.created)
    })
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
        // A store the server has no access to ends in an error that nobody catches.
        Some(version) if version.source.starts_with("s3:") => Failure::crash().reply(),
        Some(version) => {
            let root = match version
                .logged_model
                .as_deref()
                .and_then(|id| world.logged(id))
            {
                Some(logged) => logged_root(logged),
                None => version.source.replace("mlflow-artifacts:/", ""),
            };
            download(
                request,
                &root,
                &version_files(version),
                request.query("path"),
            )
        }
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
            download(
                request,
                &logged_root(model),
                &files,
                request.query("artifact_file_path"),
            )
        }
        None => Failure::missing(format!("Logged model with ID '{id}' not found.")).reply(),
    }
}

/// `GET /api/2.0/mlflow-artifacts/artifacts/<path>`: the proxied store, by its own paths.
pub(crate) fn proxied(world: &World, request: &Request, path: &str) -> Reply {
    let mut parts = path.trim_start_matches('/').splitn(4, '/');
    let (_experiment, second, third) = (parts.next(), parts.next(), parts.next());
    let rest = parts.next();
    match (second, third, rest) {
        (Some("models"), Some(id), Some(rest)) => match world.logged(id) {
            Some(model) => {
                let files = model
                    .recipe
                    .files(&model.run, Some(&model.id), model.created);
                download(
                    request,
                    &logged_root(model),
                    &files,
                    rest.strip_prefix("artifacts/"),
                )
            }
            None => error::no_route(),
        },
        (Some(run), Some("artifacts"), Some(rest)) => match world.run(run) {
            Some(run) => download(request, &run_root(run), &run.artifacts, Some(rest)),
            None => error::no_route(),
        },
        _ => error::no_route(),
    }
}
