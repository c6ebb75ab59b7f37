//! A `BentoML` 1.4 service: health, metrics with the version label, and its documents.

use std::fmt::Write as _;

use serde_json::json;

use crate::sim::reply::{Reply, Request};
use crate::sim::world::generate::bento_tag;
use crate::sim::world::{Endpoint, World};

/// The service's name: what a Python class may be called.
fn service(endpoint: &Endpoint) -> String {
    format!(
        "{}_svc",
        endpoint.name.replace("-prod", "").replace('-', "_")
    )
}

/// The bento's version: `v7`, or a random tag where the registry says which one carries it.
fn version(world: &World, endpoint: &Endpoint) -> String {
    match endpoint.answering() {
        Some(number) => tag(world, endpoint, number),
        None => "not available".to_owned(),
    }
}

fn tag(world: &World, endpoint: &Endpoint, number: u32) -> String {
    world
        .model(&endpoint.model)
        .and_then(|model| model.version(number))
        .filter(|version| version.tags.contains_key("quarterdeck.serving_version"))
        .map_or_else(|| format!("v{number}"), |version| bento_tag(version.number))
}

/// The service's name and the bento's version, as labels have them.
pub(super) fn names(world: &World, endpoint: &Endpoint, number: u32) -> (String, String) {
    (service(endpoint), tag(world, endpoint, number))
}

pub(super) fn answer(world: &World, endpoint: &Endpoint, request: &Request) -> Reply {
    let name = service(endpoint);
    match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/readyz" | "/healthz") if !endpoint.ready => Reply::text(503, ""),
        ("GET", "/readyz" | "/healthz" | "/livez") => Reply::text(200, "\n"),
        ("GET", "/metrics") => Reply::bytes(
            200,
            "text/plain; version=1.0.0; charset=utf-8",
            metrics(world, endpoint, &name).into_bytes(),
        ),
        ("GET", "/docs.json") => Reply::json(
            200,
            json!({
                "openapi": "3.0.2",
                "info": {
                    "title": name,
                    "description": format!("# {name}:{}\n", version(world, endpoint)),
                    "version": version(world, endpoint),
                    "contact": {"name": "BentoML Team", "email": "contact@bentoml.com"},
                },
                "tags": [],
                "paths": {"/predict": {"post": {"responses": {}}}},
                "components": {},
                "servers": [{"url": "."}],
            }),
        ),
        ("GET", "/schema.json") => Reply::json(
            200,
            json!({
                "name": name,
                "type": "service",
                "routes": [{
                    "name": "predict", "route": "/predict", "batchable": false,
                    "input": {"title": "Input", "type": "object", "properties": {}},
                    "output": {"type": "number"},
                    "is_task": false,
                }],
                "paths": {"/predict": {"mounted": false}},
            }),
        ),
        (_, "/readyz" | "/healthz" | "/livez" | "/metrics" | "/docs.json" | "/schema.json") => {
            Reply::text(405, "Method Not Allowed").with_header("allow", "HEAD, GET")
        }
        ("GET", "/predict") => Reply::text(405, "Method Not Allowed").with_header("allow", "POST"),
        _ => Reply::text(404, "Not Found"),
    }
}

/// Request counters that grow with time. Health probes are counted like any other request.
fn metrics(world: &World, endpoint: &Endpoint, name: &str) -> String {
    let version = version(world, endpoint);
    let labels = |route: &str| {
        format!(
            "endpoint=\"{route}\",http_response_code=\"200\",runner_name=\"{name}\",\
             service_name=\"{name}\",service_version=\"{version}\""
        )
    };
    let seconds = world.now.rem_euclid(86_400_000) / 1_000;
    let counts = [("/predict", seconds * 23), ("/readyz", seconds / 5)];
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write!(
        out,
        "# HELP bentoml_service_request_total Multiprocess metric\n\
         # TYPE bentoml_service_request_total counter\n"
    );
    for (route, count) in counts {
        let _ = writeln!(
            out,
            "bentoml_service_request_total{{{}}} {count}.0",
            labels(route)
        );
    }
    let _ = write!(
        out,
        "# HELP bentoml_service_request_duration_seconds Multiprocess metric\n\
         # TYPE bentoml_service_request_duration_seconds histogram\n"
    );
    for (route, count) in counts {
        let _ = writeln!(
            out,
            "bentoml_service_request_duration_seconds_sum{{{}}} {:.3}",
            labels(route),
            count as f64 * 0.012
        );
        for (bound, share) in [("0.005", 0.2), ("0.01", 0.6), ("0.05", 0.98), ("+Inf", 1.0)] {
            let _ = writeln!(
                out,
                "bentoml_service_request_duration_seconds_bucket{{{},le=\"{bound}\"}} {:.1}",
                labels(route),
                (count as f64 * share).floor()
            );
        }
        let _ = writeln!(
            out,
            "bentoml_service_request_duration_seconds_count{{{}}} {count}.0",
            labels(route)
        );
    }
    let _ = write!(
        out,
        "# HELP bentoml_service_request_in_progress Multiprocess metric\n\
         # TYPE bentoml_service_request_in_progress gauge\n\
         bentoml_service_request_in_progress{{endpoint=\"/predict\",runner_name=\"{name}\",\
         service_name=\"{name}\",service_version=\"{version}\"}} 1.0\n"
    );
    out
}
