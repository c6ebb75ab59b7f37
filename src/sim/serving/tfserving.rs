//! `TensorFlow` Serving's REST interface, as its source and documentation have it.

use serde_json::{Value, json};

use crate::sim::reply::{Reply, Request};
use crate::sim::world::Endpoint;

pub(super) fn answer(endpoint: &Endpoint, request: &Request) -> Reply {
    let parts: Vec<&str> = request.path.trim_start_matches('/').split('/').collect();
    if request.method != "GET" {
        return malformed(request);
    }
    match parts.as_slice() {
        ["v1", "models", name, ..] if *name != &*endpoint.model => missing(name, None),
        ["v1", "models", _] => status(&versions(endpoint)),
        ["v1", "models", name, "versions", version] => match one(endpoint, version) {
            Some(row) => status(&[row]),
            None => missing(name, Some(version)),
        },
        // One label is given: the default version is `stable`.
        ["v1", "models", _, "labels", "stable"] => match endpoint.answering() {
            Some(version) => status(&[row(version, "AVAILABLE")]),
            None => malformed(request),
        },
        ["v1", "models", _, "labels", label] => Reply::json(
            400,
            json!({"error": format!("Unrecognized servable version label: {label}")}),
        ),
        ["v1", "models", name, "metadata"] => metadata(endpoint, name),
        _ => malformed(request),
    }
}

/// Every version ever loaded, newest first: old ones stay listed as ended.
fn versions(endpoint: &Endpoint) -> Vec<Value> {
    let state = if endpoint.ready {
        "AVAILABLE"
    } else {
        "UNLOADING"
    };
    let mut rows: Vec<(u32, Value)> = endpoint
        .loaded
        .iter()
        .map(|version| (*version, row(*version, state)))
        .chain(
            endpoint
                .loading
                .map(|version| (version, row(version, "LOADING"))),
        )
        .chain(
            endpoint
                .ended
                .iter()
                .map(|version| (*version, row(*version, "END"))),
        )
        .collect();
    rows.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    rows.into_iter().map(|(_, row)| row).collect()
}

fn one(endpoint: &Endpoint, version: &str) -> Option<Value> {
    versions(endpoint)
        .into_iter()
        .find(|row| row["version"] == version)
}

fn row(version: u32, state: &str) -> Value {
    json!({
        "version": version.to_string(),
        "state": state,
        "status": {"error_code": "OK", "error_message": ""},
    })
}

fn status(rows: &[Value]) -> Reply {
    Reply::pretty(200, json!({"model_version_status": rows}))
}

fn missing(name: &str, version: Option<&str>) -> Reply {
    let text = match version {
        Some(version) => format!("Could not find version {version} of model {name}"),
        None => format!("Could not find any versions of model {name}"),
    };
    Reply::pretty(404, json!({"error": text}))
}

fn malformed(request: &Request) -> Reply {
    let text = format!("Malformed request: {} {}", request.method, request.path);
    Reply::pretty(404, json!({"error": text}))
}

fn metadata(endpoint: &Endpoint, name: &str) -> Reply {
    let Some(version) = endpoint.answering() else {
        return missing(name, None);
    };
    Reply::pretty(
        200,
        json!({
            "model_spec": {
                "name": name,
                "signature_name": "",
                // int64 is text on this wire.
                "version": version.to_string(),
            },
            "metadata": {"signature_def": {"signature_def": {"serving_default": {
                "inputs": {"x": {
                    "dtype": "DT_FLOAT",
                    "tensor_shape": {"dim": [{"size": "-1", "name": ""}], "unknown_rank": false},
                    "name": "serving_default_x:0",
                }},
                "outputs": {},
                "method_name": "tensorflow/serving/predict",
                "defaults": {},
            }}}},
        }),
    )
}
