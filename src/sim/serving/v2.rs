//! The V2 (open inference) protocol: `MLServer` as recorded, Triton as documented.

use serde_json::{Value, json};

use super::known;
use crate::sim::reply::{Reply, Request};
use crate::sim::world::Endpoint;

/// `MLServer` 1.7: versions are told by the repository index alone, and one state covers all
/// versions of a name.
pub(super) fn mlserver(endpoint: &Endpoint, request: &Request) -> Reply {
    let reply = match route(request) {
        Some(Route::Server) => Reply::json(
            200,
            json!({"name": "mlserver", "version": "1.7.1", "extensions": []}),
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
            if missing {
                let text = match version {
                    Some(version) => format!("Model {name} with version {version} not found"),
                    None => format!("Model {name} not found"),
                };
                Reply::json(404, json!({"error": text}))
            } else if ready {
                Reply::empty(if endpoint.ready { 200 } else { 400 })
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
            let state = if endpoint.ready { "READY" } else { "UNKNOWN" };
            let rows: Vec<Value> = endpoint
                .loaded
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
            index(rows, request)
        }
        None => Reply::json(404, json!({"error": "Not Found"})),
    }
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
