//! `mlflow models serve`: health only. It cannot tell which model version it serves.

use serde_json::json;

use crate::sim::mlflow::VERSION;
use crate::sim::reply::{Reply, Request};
use crate::sim::world::Endpoint;

pub(super) fn answer(endpoint: &Endpoint, request: &Request) -> Reply {
    let reply = match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/ping" | "/health") if !endpoint.ready => Reply::json(404, json!("\n")),
        ("GET", "/ping" | "/health") => Reply::bytes(200, "application/json", b"\n".to_vec()),
        // The version of the package, not of the model.
        ("GET", "/version") => Reply::bytes(200, "application/json", VERSION.as_bytes().to_vec()),
        ("GET", "/openapi.json") => Reply::json(
            200,
            json!({
                "openapi": "3.1.0",
                "info": {"title": "FastAPI", "version": "0.1.0"},
                "paths": {"/ping": {}, "/health": {}, "/version": {}, "/invocations": {}},
            }),
        ),
        (_, path @ ("/ping" | "/health" | "/version" | "/invocations")) => {
            let method = if path == "/invocations" {
                "POST"
            } else {
                "GET"
            };
            Reply::json(405, json!({"detail": "Method Not Allowed"})).with_header("allow", method)
        }
        _ => Reply::json(404, json!({"detail": "Not Found"})),
    };
    reply.with_header("server", "uvicorn")
}
