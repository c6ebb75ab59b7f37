//! The V2 (open inference) protocol: `MLServer` as recorded, Triton as documented.

use std::time::Duration;

use serde_json::{Value, json};

use super::known;
use crate::sim::reply::{Reply, Request};
use crate::sim::world::catalog::Kind;
use crate::sim::world::{Endpoint, World};

/// `MLServer` 1.7: versions are told by the repository index alone, and one state covers all
/// versions of a name: that of the newest one, which takes the requests that name none from the moment
/// it begins to load.
pub(super) fn mlserver(endpoint: &Endpoint, request: &Request) -> Reply {
    let reply = match route(request) {
        Some(Route::Server) => Reply::json(
            200,
            json!({"name": "mlserver", "version": "1.7.1", "extensions": []}),
        ),
        Some(Route::Live) => Reply::empty(200),
        Some(Route::Ready) => Reply::empty(if endpoint.ready && endpoint.arriving().is_none() {
            200
        } else {
            400
        }),
        Some(Route::Model {
            name,
            version,
            ready,
        }) => {
            let loads = |version: &str| {
                let arriving = endpoint.arriving().map(|arriving| arriving.to_string());
                arriving.as_deref() == Some(version)
            };
            let missing = name != &*endpoint.model
                || (endpoint.loaded.is_empty() && endpoint.arriving().is_none())
                || version.is_some_and(|version| !known(endpoint, version) && !loads(version));
            let is_ready = match version {
                Some(version) => endpoint.ready && !loads(version),
                None => endpoint.newest_is_ready(),
            };
            if missing {
                let text = match version {
                    Some(version) => format!("Model {name} with version {version} not found"),
                    None => format!("Model {name} not found"),
                };
                Reply::json(404, json!({"error": text}))
            } else if ready {
                Reply::empty(if is_ready { 200 } else { 400 })
            } else {
                Reply::json(
                    200,
                    json!({
                        "name": name, "versions": [], "platform": "",
                        "inputs": [], "outputs": [], "parameters": {},
                    }),
                )
            }
        }
        Some(Route::Index) if request.body.is_empty() => Reply::json(
            422,
            json!({"detail": [
                {"type": "missing", "loc": ["body"], "msg": "Field required", "input": null},
            ]}),
        ),
        Some(Route::Index) => {
            let state = if endpoint.loaded.is_empty() && endpoint.arriving().is_none() {
                "UNAVAILABLE"
            } else if endpoint.newest_is_ready() {
                "READY"
            } else {
                "UNKNOWN"
            };
            // Seen: it lists what the repository holds, under the state of the name. An older version
            // that still loads, or any that could not be loaded, reads as ready here and is not.
            let rows: Vec<Value> = endpoint
                .shelf
                .iter()
                .map(|version| row(endpoint, *version, state, ""))
                .collect();
            index(rows, request)
        }
        None => not_found(request),
    };
    reply.with_header("server", "uvicorn")
}

/// Triton: the same routes, each version with its own state, versions in the model's metadata.
/// Started so that readiness of the server does not wait for models that load.
pub(super) fn triton(endpoint: &Endpoint, request: &Request) -> Reply {
    match route(request) {
        Some(Route::Server) => Reply::json(
            200,
            json!({
                "name": "triton", "version": "2.60.0",
                "extensions": [
                    "classification", "sequence", "model_repository",
                    "model_repository(unload_dependents)", "model_configuration", "statistics",
                ],
            }),
        ),
        Some(Route::Live) => Reply::empty(200),
        Some(Route::Ready) => Reply::empty(if endpoint.ready { 200 } else { 400 }),
        Some(Route::Model {
            name,
            version,
            ready,
        }) => {
            let missing = name != &*endpoint.model
                || version.is_some_and(|version| !known(endpoint, version));
            if ready {
                Reply::empty(if missing || !endpoint.ready { 400 } else { 200 })
            } else if missing {
                let text = format!("Request for unknown model: '{name}' is not found");
                Reply::json(404, json!({"error": text}))
            } else {
                let versions: Vec<String> =
                    endpoint.loaded.iter().map(ToString::to_string).collect();
                Reply::json(
                    200,
                    json!({
                        "name": name, "versions": versions, "platform": "onnxruntime_onnx",
                        "inputs": [{"name": "input", "datatype": "FP32", "shape": [-1, 8]}],
                        "outputs": [{"name": "probability", "datatype": "FP32", "shape": [-1, 1]}],
                    }),
                )
            }
        }
        Some(Route::Index) => {
            let state = if endpoint.ready {
                "READY"
            } else {
                "UNAVAILABLE"
            };
            let mut rows: Vec<Value> = endpoint
                .loaded
                .iter()
                .map(|version| row(endpoint, *version, state, ""))
                .collect();
            rows.extend(
                endpoint
                    .loading
                    .map(|version| row(endpoint, version, "LOADING", "")),
            );
            rows.extend(
                endpoint
                    .ended
                    .iter()
                    .map(|version| row(endpoint, *version, "UNAVAILABLE", "unloaded")),
            );
            rows.extend(
                endpoint
                    .failed
                    .map(|version| row(endpoint, version, "UNAVAILABLE", REASON)),
            );
            index(rows, request)
        }
        None => Reply::json(404, json!({"error": "Not Found"})),
    }
}

/// Why a version could not be loaded.
const REASON: &str = "Internal: failed to allocate memory";

/// Loads a model from the repository, or takes it out. The answer comes when that is over; until then,
/// and when it fails, the versions that were loaded go on answering.
pub(super) fn repository(world: &mut World, index: usize, request: &Request) -> Option<Reply> {
    let path = request.path.strip_prefix("/v2/repository/models/")?;
    let (name, verb) = path.rsplit_once('/')?;
    if !matches!(verb, "load" | "unload") || name.contains('/') {
        return None;
    }
    let endpoint = world.endpoints.get(index)?;
    let (kind, delay) = (endpoint.kind, Duration::from_millis(endpoint.delay));
    let mlserver = match kind {
        Kind::MlServer => true,
        Kind::Triton => false,
        _ => return None,
    };
    if request.method != "POST" {
        let reply = Reply::json(405, json!({"detail": "Method Not Allowed"}));
        return Some(reply.with_header("allow", "POST"));
    }
    let gone = mlserver && verb == "unload" && endpoint.loaded.is_empty();
    let mut reply = if name != &*endpoint.model || gone {
        if mlserver {
            Reply::json(404, json!({"error": format!("Model {name} not found")}))
        } else {
            let text = format!("failed to {verb} '{name}', failed to poll from model repository");
            Reply::json(400, json!({"error": text}))
        }
    } else if verb == "unload" {
        world.unload(index);
        Reply::empty(200)
    } else {
        let (before, takes) = (endpoint.loaded.clone(), endpoint.takes.unsigned_abs());
        let asked = specific(request).filter(|_| !mlserver);
        let version = world.load(index, asked);
        let fails = version.is_some_and(|version| !world.endpoints[index].loads(version));
        let mut reply = match version {
            Some(_) if !fails => Reply::empty(200),
            _ if mlserver => Reply::text(500, "Internal Server Error"),
            version => {
                let version = version.map_or_else(|| "?".to_owned(), |version| version.to_string());
                let text = format!(
                    "load failed for model '{name}': version {version} is at UNAVAILABLE state: {REASON};\n"
                );
                Reply::json(400, json!({"error": text}))
            }
        };
        if version.is_some_and(|version| before != [version]) {
            reply.hold = Duration::from_millis(takes);
        }
        reply
    };
    reply.delay = delay;
    Some(if mlserver {
        reply.with_header("server", "uvicorn")
    } else {
        reply
    })
}

/// The version that a model configuration in the request asks for, as Triton takes it.
fn specific(request: &Request) -> Option<u32> {
    let body: Value = serde_json::from_slice(&request.body).ok()?;
    let config: Value = serde_json::from_str(body["parameters"]["config"].as_str()?).ok()?;
    let versions = config["version_policy"]["specific"]["versions"].as_array()?;
    let last = versions.last()?;
    (last.as_u64().map(|number| number as u32))
        .or_else(|| last.as_str().and_then(|text| text.parse().ok()))
}

fn row(endpoint: &Endpoint, version: u32, state: &str, reason: &str) -> Value {
    json!({
        "name": &*endpoint.model,
        "version": version.to_string(),
        "state": state,
        "reason": reason,
    })
}

/// The index, without what is not ready when the body asks so.
fn index(rows: Vec<Value>, request: &Request) -> Reply {
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let only_ready = body["ready"].as_bool().unwrap_or(false);
    let rows: Vec<Value> = rows
        .into_iter()
        .filter(|row| !only_ready || row["state"] == "READY")
        .collect();
    Reply::json(200, Value::from(rows))
}

fn not_found(request: &Request) -> Reply {
    let get = Request {
        method: axum::http::Method::GET,
        path: request.path.clone(),
        query: Vec::new(),
        headers: axum::http::HeaderMap::new(),
        body: Vec::new(),
    };
    let index = request.path == "/v2/repository/index";
    if request.path == "/v2/" {
        return Reply::empty(307).with_header("location", "/v2");
    }
    if index || route(&get).is_some() {
        let method = if index { "POST" } else { "GET" };
        Reply::json(405, json!({"detail": "Method Not Allowed"})).with_header("allow", method)
    } else {
        Reply::json(404, json!({"detail": "Not Found"}))
    }
}

enum Route<'a> {
    Server,
    Live,
    Ready,
    Model {
        name: &'a str,
        version: Option<&'a str>,
        ready: bool,
    },
    Index,
}

fn route(request: &Request) -> Option<Route<'_>> {
    let parts: Vec<&str> = request.path.trim_start_matches('/').split('/').collect();
    let model = |name, version, ready| {
        Some(Route::Model {
            name,
            version,
            ready,
        })
    };
    match (request.method.as_str(), parts.as_slice()) {
        ("GET", ["v2"]) => Some(Route::Server),
        ("GET", ["v2", "health", "live"]) => Some(Route::Live),
        ("GET", ["v2", "health", "ready"]) => Some(Route::Ready),
        ("POST", ["v2", "repository", "index"]) => Some(Route::Index),
        ("GET", ["v2", "models", name]) => model(name, None, false),
        ("GET", ["v2", "models", name, "ready"]) => model(name, None, true),
        ("GET", ["v2", "models", name, "versions", version]) => model(name, Some(version), false),
        ("GET", ["v2", "models", name, "versions", version, "ready"]) => {
            model(name, Some(version), true)
        }
        _ => None,
    }
}
