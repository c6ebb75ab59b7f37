//! The simulated `MLflow` 3 server: routes, the checks in front of them, and the error rows.
//!
//! Shapes and sentences are those of a real server started with one worker on sqlite.

mod args;
mod artifacts;
mod auth;
mod error;
mod experiments;
mod filter;
mod history;
mod logged;
mod logging;
mod page;
mod registry;
mod runs;
mod versions;
mod wire;

use serde_json::{Value, json};

use self::args::Args;
pub use self::auth::{Access, Account, BasicAuth};
use self::error::Failure;
use crate::sim::reply::{Reply, Request};
use crate::sim::world::World;

/// The release the simulated server says it is.
pub(crate) const VERSION: &str = "3.17.2";

/// How the simulated `MLflow` server was started.
#[derive(Clone, Debug, Default)]
pub struct MlflowOptions {
    /// Basic authentication, off when `None`.
    pub auth: Option<BasicAuth>,
    /// A path everything is moved under, such as `/mlflow`.
    pub static_prefix: Option<String>,
}

/// A page token that names an offset, for faults that make pages endless.
pub(crate) fn page_token(offset: usize) -> String {
    page::token(offset)
}

/// A call's outcome before it is worded: JSON that is written indented.
type Answer = Result<Value, Failure>;

/// Answers one request.
pub(crate) fn handle(world: &mut World, options: &MlflowOptions, request: &Request) -> Reply {
    answer(world, options, request).with_header("server", "uvicorn")
}

fn answer(world: &mut World, options: &MlflowOptions, request: &Request) -> Reply {
    let prefix = options.static_prefix.as_deref().unwrap_or_default();
    let Some(path) = request.path.strip_prefix(prefix) else {
        return error::no_route();
    };
    let probe = matches!(path, "/health" | "/version");
    if !probe && !host_allowed(request.header("host")) {
        let text = "Invalid Host header - possible DNS rebinding attack detected";
        return Reply::bytes(403, "text/plain", text.into());
    }
    let origin = request.header("origin");
    let changes = !matches!(request.method.as_str(), "GET" | "HEAD" | "OPTIONS");
    if changes
        && !origin.is_empty()
        && !origin.contains("//localhost")
        && !origin.contains("//127.0.0.1")
    {
        return Reply::bytes(403, "text/plain", "Cross-origin request blocked".into());
    }
    let public = matches!(
        path,
        "/health" | "/api/3.0/mlflow/server-info" | "/ajax-api/3.0/mlflow/server-info"
    );
    let mut who = None;
    if let Some(auth) = options.auth.as_ref().filter(|_| !public) {
        match auth::admit(auth, request) {
            Ok(account) => who = Some((auth, account)),
            Err(refusal) => return refusal,
        }
    }
    if let Some((_, account)) = who {
        let named = |name| request.query(name).unwrap_or_default();
        let readable = match path {
            "/get-artifact" => auth::reads_run(world, account, named("run_id")),
            "/model-versions/get-artifact" => auth::reads_model(world, account, named("name")),
            _ => true,
        };
        if !readable {
            return auth::denied();
        }
    }
    match path {
        "/health" => Reply::text(200, "OK"),
        "/version" => Reply::html(200, VERSION),
        "/get-artifact" => only_get(request, artifacts::of_run(world, request)),
        "/model-versions/get-artifact" => only_get(request, artifacts::of_version(world, request)),
        _ => api(world, who, request, path),
    }
}

/// Loopback and private addresses pass; a name of one's own does not, unless the admin lists it.
fn host_allowed(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    if name.eq_ignore_ascii_case("localhost") {
        return true;
    }
    match name.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V4(ip)) => ip.is_loopback() || ip.is_private() || ip.is_unspecified(),
        Ok(std::net::IpAddr::V6(ip)) => ip.is_loopback() || ip.is_unique_local(),
        Err(_) => false,
    }
}

fn only_get(request: &Request, reply: Reply) -> Reply {
    if request.method == "GET" || request.method == "HEAD" {
        reply
    } else {
        error::wrong_method("GET, HEAD, OPTIONS")
    }
}

/// Who asks, of which accounts; none where everybody may.
type Who<'a> = Option<(&'a BasicAuth, &'a Account)>;

fn api(world: &mut World, who: Who<'_>, request: &Request, path: &str) -> Reply {
    let (ajax, rest) = match (path.strip_prefix("/ajax-api/"), path.strip_prefix("/api/")) {
        (Some(rest), _) => (true, rest),
        (None, Some(rest)) => (false, rest),
        (None, None) => return error::no_route(),
    };
    if rest == "3.0/mlflow/server-info" {
        return only_get(request, server_info());
    }
    if let Some((auth, account)) = who {
        match rest {
            "2.0/mlflow/users/current" => {
                return only_get(request, Reply::json(200, auth::current(auth, account)));
            }
            "3.0/mlflow/users/current/permissions" => {
                let told = auth::permissions(world, auth, account);
                return only_get(request, Reply::json(200, told));
            }
            _ => {}
        }
    }
    if let Some(file) = rest.strip_prefix("2.0/mlflow-artifacts/artifacts") {
        return only_get(request, artifacts::proxied(world, request, file));
    }
    if !request.header("x-mlflow-workspace").is_empty() {
        let text = "Workspace APIs are not available: workspaces are not enabled on this server";
        return Failure::disabled(text).reply();
    }
    let Some(call) = rest.strip_prefix("2.0/mlflow/") else {
        return error::no_route();
    };
    // Its path also reads as that of a model with the id `search`.
    if call == "logged-models/search" && request.method == "GET" {
        return Failure::missing("Logged model with ID 'search' not found.").reply();
    }
    let Some((methods, run)) = route(call, ajax) else {
        return error::no_route();
    };
    if !methods.contains(&request.method.as_str()) {
        return error::wrong_method(&methods.join(", "));
    }
    let args = match Args::of(request) {
        Ok(args) => args,
        Err(reply) => return reply,
    };
    if let Some((_, account)) = who
        && let Err(refusal) = auth::check(world, account, call, &args)
    {
        return refusal;
    }
    let answer = match run {
        Call::Read(read) => read(world, &args),
        Call::Write(write) => write(world, &args),
        Call::Logged(read) => {
            let id = call.split('/').nth(1).unwrap_or_default();
            read(world, id, &args)
        }
        Call::Plain(reply) => return reply(world, request),
    };
    worded(answer.map(|mut answer| {
        if let Some((_, account)) = who {
            auth::hide(world, account, call, &mut answer);
            auth::grant(world, account, call, &answer);
        }
        answer
    }))
}

fn worded(answer: Answer) -> Reply {
    match answer {
        Ok(value) => Reply::pretty(200, value),
        Err(failure) => failure.reply(),
    }
}

fn server_info() -> Reply {
    Reply::json(
        200,
        json!({
            "store_type": "SqlStore",
            "workspaces_enabled": false,
            "trace_archival_enabled": false,
            "multipart_uploads_enabled": false,
            "multipart_downloads_enabled": false,
            "presigned_upload_run_id_supported": true,
            "presigned_upload_model_id_supported": true,
            "features_enabled": {"gateway": true},
        }),
    )
}

/// What a route runs.
enum Call {
    Read(fn(&World, &Args) -> Answer),
    Write(fn(&mut World, &Args) -> Answer),
    /// A route with a logged model's id in its path.
    Logged(fn(&World, &str, &Args) -> Answer),
    /// A route that words its own answer.
    Plain(fn(&World, &Request) -> Reply),
}

/// The routes under `/api/2.0/mlflow/` and their `/ajax-api` twins.
fn route(call: &str, ajax: bool) -> Option<(&'static [&'static str], Call)> {
    const GET: &[&str] = &["GET", "HEAD", "OPTIONS"];
    const POST: &[&str] = &["POST", "OPTIONS"];
    const PATCH: &[&str] = &["PATCH", "OPTIONS"];
    const DELETE: &[&str] = &["DELETE", "OPTIONS"];
    Some(match call {
        "experiments/search" => (&["GET", "POST"], Call::Read(experiments::search)),
        "experiments/get" => (GET, Call::Read(experiments::get)),
        "experiments/get-by-name" => (GET, Call::Read(experiments::get_by_name)),
        "runs/search" => (POST, Call::Read(runs::search)),
        "runs/get" => (GET, Call::Read(runs::get)),
        "experiments/create" => (POST, Call::Write(experiments::create)),
        "experiments/set-experiment-tag" => (POST, Call::Write(experiments::set_tag)),
        "runs/create" => (POST, Call::Write(logging::create)),
        "runs/update" => (POST, Call::Write(logging::update)),
        "runs/delete" => (POST, Call::Write(logging::delete)),
        "runs/restore" => (POST, Call::Write(logging::restore)),
        "runs/log-parameter" => (POST, Call::Write(logging::parameter)),
        "runs/log-metric" => (POST, Call::Write(logging::metric)),
        "runs/log-batch" => (POST, Call::Write(logging::batch)),
        "runs/set-tag" => (POST, Call::Write(logging::set_tag)),
        "runs/delete-tag" => (POST, Call::Write(logging::delete_tag)),
        "metrics/get-history" => (GET, Call::Read(history::get)),
        "metrics/get-history-bulk-interval" => (GET, Call::Read(history::bulk_interval)),
        "metrics/get-history-bulk" if ajax => (GET, Call::Plain(history::bulk)),
        "artifacts/list" => (GET, Call::Read(artifacts::list)),
        "registered-models/search" => (GET, Call::Read(registry::search)),
        "registered-models/get" => (GET, Call::Read(registry::get)),
        "registered-models/get-latest-versions" => {
            (&["GET", "POST"], Call::Read(registry::latest_versions))
        }
        "registered-models/alias" => (&["GET", "POST", "DELETE"], Call::Write(registry::alias)),
        "registered-models/create" => (POST, Call::Write(registry::create)),
        "registered-models/update" => (PATCH, Call::Write(registry::update)),
        "registered-models/rename" => (POST, Call::Write(registry::rename)),
        "registered-models/delete" => (DELETE, Call::Write(registry::delete)),
        "registered-models/set-tag" => (POST, Call::Write(registry::set_tag)),
        "registered-models/delete-tag" => (DELETE, Call::Write(registry::delete_tag)),
        "model-versions/search" => (GET, Call::Read(versions::search)),
        "model-versions/get" => (GET, Call::Read(versions::get)),
        "model-versions/get-download-uri" => (GET, Call::Read(versions::download_uri)),
        "model-versions/create" => (POST, Call::Write(versions::create)),
        "model-versions/update" => (PATCH, Call::Write(versions::update)),
        "model-versions/delete" => (DELETE, Call::Write(versions::delete)),
        "model-versions/set-tag" => (POST, Call::Write(versions::set_tag)),
        "model-versions/delete-tag" => (DELETE, Call::Write(versions::delete_tag)),
        "model-versions/transition-stage" => (POST, Call::Write(versions::transition)),
        "logged-models/search" => (POST, Call::Read(logged::search)),
        _ => {
            let rest = call.strip_prefix("logged-models/")?;
            let (id, tail) = rest.split_once('/').unwrap_or((rest, ""));
            match (id.is_empty(), tail) {
                (false, "") => (GET, Call::Logged(logged::get)),
                (false, "artifacts/directories") => (GET, Call::Logged(logged::directories)),
                (false, "artifacts/files") if ajax => (GET, Call::Plain(artifacts::of_logged)),
                _ => return None,
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::host_allowed;

    #[test]
    fn only_loopback_and_private_hosts_pass() {
        for good in [
            "127.0.0.1:5000",
            "localhost",
            "[::1]:80",
            "10.1.2.3",
            "192.168.0.9:1",
        ] {
            assert!(host_allowed(good), "{good}");
        }
        for bad in ["mlflow.example:5000", "8.8.8.8", ""] {
            assert!(!host_allowed(bad), "{bad}");
        }
    }
}
