//! What is written to the fleet: a record of every request that changes a server, and a script of what
//! goes wrong with the next ones.
//!
//! The record proves that nothing was written twice and that reads changed nothing. It holds a request
//! also when its answer was lost.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use super::faults::Fault;
use super::reply::{Reply, Request};
use super::world::World;

/// A request that changes a server, as the server saw it.
#[derive(Clone, PartialEq, Debug)]
pub struct Write {
    /// The server, by its endpoint name.
    pub server: String,
    /// `POST`, `PATCH` or `DELETE`.
    pub method: String,
    /// The decoded path.
    pub path: String,
    /// The body, null where it is no JSON.
    pub body: Value,
    /// What the server made of it: its own status, none where a fault kept the request from it.
    pub status: Option<u16>,
}

impl Write {
    /// Whether the server took it: the change was made, whatever the client was told.
    pub fn committed(&self) -> bool {
        self.status.is_some_and(|status| status < 300)
    }
}

/// What goes wrong with one write.
#[derive(Clone, PartialEq, Debug)]
pub enum WriteFault {
    /// The connection is reset before the server has seen the request.
    LostBefore,
    /// The change is made, then the connection is reset.
    LostAfter,
    /// The change is made, then the connection is reset, and the server is faulty from that moment on: no
    /// look at what became of the change is quicker.
    LostWithServer(Fault),
    /// The request is taken, nothing changes, and there is never an answer.
    HangBefore,
    /// The change is made, and there is never an answer.
    HangAfter,
    /// 403 in the server's own words; nothing changes.
    Forbidden,
    /// 409 in the server's own words; nothing changes.
    Conflict,
    /// The change is made, then 500.
    ErrorAfter,
    /// 500; nothing changes.
    ErrorBefore,
    /// The change is made, then 503 `TEMPORARILY_UNAVAILABLE`.
    UnavailableAfter,
    /// 400 `BAD_REQUEST`, as two transactions in one moment end on sqlite; nothing changes.
    Collision,
    /// The change is made after so long.
    Slow(Duration),
    /// The change is made at once, the answer comes after so long.
    SlowAnswer(Duration),
    /// Somebody else is quicker: their change is made just before.
    After(Rival),
    /// Somebody else is slower: their change is made just after, before the answer.
    Before(Rival),
}

/// What another writer does.
#[derive(Clone, PartialEq, Debug)]
pub enum Rival {
    /// Moves an alias.
    Alias {
        /// Of which model.
        model: String,
        /// The alias.
        alias: String,
        /// Where to.
        version: u32,
    },
    /// Takes an alias away.
    NoAlias {
        /// Of which model.
        model: String,
        /// The alias.
        alias: String,
    },
    /// Sets a tag of a model.
    ModelTag {
        /// The model.
        model: String,
        /// The tag.
        key: String,
        /// Its value.
        value: String,
    },
    /// Sets a tag of a version.
    VersionTag {
        /// The model.
        model: String,
        /// The version.
        version: u32,
        /// The tag.
        key: String,
        /// Its value.
        value: String,
    },
    /// Logs a parameter of the run that the write names, where it has none of the name: claims first.
    Param {
        /// The parameter; that of the write when empty.
        key: String,
        /// Its value.
        value: String,
    },
    /// Puts an endpoint on a version.
    Serve {
        /// The endpoint.
        endpoint: String,
        /// The version.
        version: u32,
    },
    /// Deletes a version.
    NoVersion {
        /// The model.
        model: String,
        /// The version.
        version: u32,
    },
    /// Deletes a model and makes it again, with one version.
    Remade {
        /// The model.
        model: String,
    },
}

impl Rival {
    /// Does it, in the light of the request that it races with.
    pub(crate) fn act(&self, world: &mut World, request: &Request) {
        match self {
            Self::Alias {
                model,
                alias,
                version,
            } => {
                world.set_alias(model, alias, *version);
            }
            Self::NoAlias { model, alias } => {
                if let Some(model) = world.model_mut(model) {
                    model.aliases.remove(alias);
                }
            }
            Self::ModelTag { model, key, value } => {
                if let Some(model) = world.model_mut(model) {
                    model.tags.insert(key.clone(), value.clone());
                }
            }
            Self::VersionTag {
                model,
                version,
                key,
                value,
            } => {
                let model = world.model_mut(model);
                if let Some(version) = model.and_then(|model| model.version_mut(*version)) {
                    version.tags.insert(key.clone(), value.clone());
                }
            }
            Self::Param { key, value } => {
                let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
                let own = body["key"].as_str().unwrap_or_default();
                let key = if key.is_empty() { own } else { key };
                let run = body["run_id"].as_str().unwrap_or_default();
                if let Some(run) = world.run_mut(run).filter(|run| run.param(key).is_none()) {
                    run.params.push((key.into(), value.as_str().into()));
                }
            }
            Self::Serve { endpoint, version } => {
                world.serve(endpoint, *version);
            }
            Self::NoVersion { model, version } => {
                world.remove_version(model, *version);
            }
            Self::Remade { model } => {
                world.remove_model(model);
                world.add_model(model, None, std::collections::BTreeMap::new());
                world.register(model, super::world::change::NewVersion::default());
            }
        }
    }
}

/// The record and the script; clones are of the same fleet.
#[derive(Clone, Debug, Default)]
pub struct Writes {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    seen: Vec<Write>,
    script: Vec<Scripted>,
    after_reads: Vec<(String, String, Rival)>,
}

#[derive(Debug)]
struct Scripted {
    server: String,
    path: String,
    fault: WriteFault,
    /// Used up after one write.
    once: bool,
}

impl Writes {
    fn with<T>(&self, run: impl FnOnce(&mut State) -> T) -> T {
        run(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Every write so far, oldest first.
    pub fn seen(&self) -> Vec<Write> {
        self.with(|state| state.seen.clone())
    }

    /// How many writes a server was sent whose path contains a text.
    pub fn count(&self, server: &str, path_part: &str) -> usize {
        let of = |write: &&Write| write.server == server && write.path.contains(path_part);
        self.with(|state| state.seen.iter().filter(of).count())
    }

    /// Forgets what was written so far.
    pub fn forget(&self) {
        self.with(|state| state.seen.clear());
    }

    /// Spoils the next write to a server whose path contains a text. Several wait their turn in order.
    pub fn spoil(&self, server: &str, path_part: &str, fault: WriteFault) {
        self.script(server, path_part, fault, true);
    }

    /// Spoils every such write from now on.
    pub fn spoil_all(&self, server: &str, path_part: &str, fault: WriteFault) {
        self.script(server, path_part, fault, false);
    }

    fn script(&self, server: &str, path: &str, fault: WriteFault, once: bool) {
        self.with(|state| {
            state.script.push(Scripted {
                server: server.to_owned(),
                path: path.to_owned(),
                fault,
                once,
            });
        });
    }

    /// Has somebody else act right after the next read of a server whose path contains a text: between
    /// a look and the write that rests on it.
    pub fn after_read(&self, server: &str, path_part: &str, rival: Rival) {
        self.with(|state| {
            (state.after_reads).push((server.to_owned(), path_part.to_owned(), rival));
        });
    }

    /// Lets everything go right again.
    pub fn clear(&self) {
        self.with(|state| {
            state.script.clear();
            state.after_reads.clear();
        });
    }

    /// Records a write; its place, and what goes wrong with it.
    pub(crate) fn arrives(&self, server: &str, request: &Request) -> (usize, Option<WriteFault>) {
        self.with(|state| {
            state.seen.push(Write {
                server: server.to_owned(),
                method: request.method.to_string(),
                path: request.path.clone(),
                body: serde_json::from_slice(&request.body).unwrap_or_default(),
                status: None,
            });
            let matches = |one: &Scripted| one.server == server && request.path.contains(&one.path);
            let at = state.script.iter().position(matches);
            let fault = at.map(|at| {
                if state.script[at].once {
                    state.script.remove(at).fault
                } else {
                    state.script[at].fault.clone()
                }
            });
            (state.seen.len() - 1, fault)
        })
    }

    /// Notes what the server made of a write.
    pub(crate) fn answered(&self, place: usize, status: u16) {
        self.with(|state| {
            if let Some(write) = state.seen.get_mut(place) {
                write.status = Some(status);
            }
        });
    }

    /// Who acts after a read.
    pub(crate) fn read(&self, server: &str, path: &str) -> Option<Rival> {
        self.with(|state| {
            let at = (state.after_reads.iter())
                .position(|(known, part, _)| known == server && path.contains(part.as_str()))?;
            Some(state.after_reads.remove(at).2)
        })
    }
}

/// Calls that read and are no GET, by the end of their path.
const READS: [&str; 17] = [
    "/data_series_batch",
    "/search",
    "/get-latest-versions",
    "/repository/index",
    "/graphql",
    "/infer",
    "/predict",
    "/invocations",
    "/api/v1/query",
    "/api/v1/query_range",
    "/api/v1/series",
    "/api/v1/labels",
    "/api/v1/query_exemplars",
    "/auth/token",
    "/auth/token/cli",
    "/list",
    "/metadata",
];

/// Whether a request is meant to change a server.
pub(crate) fn changes(request: &Request) -> bool {
    let reads = matches!(request.method.as_str(), "GET" | "HEAD" | "OPTIONS");
    !reads && !READS.iter().any(|end| request.path.ends_with(end))
}

impl WriteFault {
    /// The answer that replaces the server's, before or after the change.
    pub(crate) fn reply(&self, server: &str) -> Option<Reply> {
        let airflow = server.starts_with("airflow");
        let plain = |status: u16, code: &str, message: &str| {
            if airflow {
                Reply::json(status, json!({"detail": message}))
            } else {
                Reply::json(status, json!({"error_code": code, "message": message}))
            }
        };
        Some(match self {
            Self::Forbidden if airflow => Reply::json(403, json!({"detail": "Forbidden"})),
            Self::Forbidden if server == "grafana" => Reply::go(
                403,
                json!({"message": "You'll need additional permissions to perform this action. \
                       Permissions needed: annotations:create"}),
            ),
            Self::Forbidden => Reply::html(403, "Permission denied"),
            Self::Conflict if airflow => Reply::json(
                409,
                json!({"detail": {
                    "reason": "Unique constraint violation", "statement": "hidden",
                    "orig_error": "hidden", "message": "This API call failed with ID zySuxmce",
                }}),
            ),
            Self::Conflict => plain(409, "RESOURCE_CONFLICT", "another change is in progress"),
            Self::ErrorAfter | Self::ErrorBefore => plain(
                500,
                "INTERNAL_ERROR",
                "(sqlite3.OperationalError) disk I/O error",
            ),
            Self::UnavailableAfter => plain(
                503,
                "TEMPORARILY_UNAVAILABLE",
                "(sqlite3.OperationalError) database is locked",
            ),
            Self::Collision => plain(
                400,
                "BAD_REQUEST",
                "(sqlite3.IntegrityError) UNIQUE constraint failed: registered_model_aliases.workspace, \
                 registered_model_aliases.name, registered_model_aliases.alias",
            ),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, path: &str) -> Request {
        Request {
            method: method.parse().unwrap(),
            path: path.to_owned(),
            query: Vec::new(),
            headers: axum::http::HeaderMap::new(),
            body: b"{\"a\":1}".to_vec(),
        }
    }

    #[test]
    fn searches_read_though_they_are_posted() {
        for (method, path, expected) in [
            ("GET", "/api/2.0/mlflow/registered-models/alias", false),
            ("POST", "/api/2.0/mlflow/registered-models/alias", true),
            ("POST", "/api/2.0/mlflow/runs/search", false),
            ("DELETE", "/api/v2/silence/1", true),
            ("POST", "/v2/repository/index", false),
            ("POST", "/api/v2/snapshots/p/data_series_batch", false),
            ("POST", "/v2/repository/models/m/load", true),
            ("PATCH", "/api/v2/dags/d/dagRuns/r", true),
            ("POST", "/auth/token", false),
        ] {
            assert_eq!(changes(&request(method, path)), expected, "{method} {path}");
        }
    }

    #[test]
    fn faults_wait_their_turn_and_are_used_up() {
        let writes = Writes::default();
        writes.spoil("mlflow", "alias", WriteFault::LostAfter);
        writes.spoil("mlflow", "", WriteFault::Forbidden);
        let (tag, alias) = (request("POST", "/set-tag"), request("POST", "/alias"));
        assert_eq!(writes.arrives("other", &alias).1, None);
        assert_eq!(
            writes.arrives("mlflow", &tag).1,
            Some(WriteFault::Forbidden)
        );
        let (place, fault) = writes.arrives("mlflow", &alias);
        assert_eq!(fault, Some(WriteFault::LostAfter));
        assert_eq!(writes.arrives("mlflow", &alias).1, None);
        writes.answered(place, 200);
        assert_eq!(writes.count("mlflow", "alias"), 2);
        let committed = writes
            .seen()
            .iter()
            .filter(|write| write.committed())
            .count();
        assert_eq!(committed, 1);
    }
}
