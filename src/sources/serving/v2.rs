//! The V2 (open inference) protocol: `MLServer`, Triton, `KServe` predictors.
//!
//! A look is three requests: server readiness, then the repository index (or the model's metadata,
//! where the server has no index), then the model's readiness, which is the one that is timed. Where
//! no model is known there is no third. `GET /v2` is asked once, and again after a fault.
//!
//! A server is not ready while any of its models is not, so the model's own readiness decides.
//! Versions come from the repository index alone: `MLServer`'s metadata lists none even while two
//! are loaded, and readiness does not name one.

use std::collections::BTreeSet;
use std::sync::Mutex;

use serde_json::{Value, json};

use super::wire::{Gathered, Notes, newest_answering, text, word};
use super::{
    Look, Protocol, Wanted, ends_the_look, not_a_page, own_words, says_absent, says_not_ready,
};
use crate::domain::deployment::{Health, ServedState, ServedVersion};
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::key::{DeploymentKind, Key};
use crate::domain::text::Clean;
use crate::sources::http::{Call, Http, Reply};
use crate::sources::routes::ReadRoute;

/// The protocol, with what is remembered of the server between looks.
#[derive(Debug, Default)]
pub struct V2 {
    memory: Mutex<Memory>,
}

/// Facts that hold as long as the server does.
#[derive(Clone, Debug, Default)]
struct Memory {
    /// What `GET /v2` said; none before it was asked.
    server: Option<Server>,
    /// Whether the repository index turned out not to exist.
    no_index: bool,
    /// The model that the last look asked about.
    chosen: Option<Key>,
}

/// The software behind the endpoint.
#[derive(Clone, Debug, Default)]
struct Server {
    /// Name and version.
    shown: Clean,
    /// Whether it is `MLServer`, whose rule for requests without a version is known.
    mlserver: bool,
}

impl Protocol for V2 {
    const KIND: DeploymentKind = DeploymentKind::V2;
    const REMARK: &'static str = "";

    async fn look(&self, http: &Http, wanted: &Wanted) -> Result<Look, Fault> {
        let mut notes = Notes::default();
        let first = http.read(&ReadRoute::V2Ready, Call::default()).await;
        let (server_ready, mut reply) = match first {
            Ok(reply) => (said_ready(&reply)?, Some(reply)),
            Err(fault) if says_not_ready(&fault) => {
                notes.add(own_words(&fault, "the server is not ready as a whole"));
                (false, None)
            }
            Err(fault) if fault.kind == FaultKind::NotFound => {
                return Err(Fault {
                    kind: FaultKind::NoRoute,
                    ..fault
                });
            }
            Err(fault) => return Err(fault),
        };
        let server = self.server(http, &mut notes).await;
        let index = self.index(http, &mut notes).await;
        let name = if index.is_none() && !self.lock().no_index {
            // The list could not be read: the model is the one that it showed before.
            wanted.name.clone().or_else(|| self.lock().chosen.clone())
        } else {
            choose(wanted, index.as_deref(), &mut notes)
        };
        self.lock().chosen.clone_from(&name);
        let rows = index.as_deref().unwrap_or_default();
        let mut gathered = Gathered::default();
        let mut unnamed = false;
        let mut health = if server_ready {
            Health::Ready
        } else {
            Health::NotReady
        };
        let mut latency = reply.as_ref().map(|r| r.took);
        if let Some(name) = &name {
            for row in rows.iter().filter(|row| row.name == *name) {
                match &row.version {
                    Some(version) => gathered.report(version.raw(), row.state, &row.reason),
                    None => unnamed = true,
                }
            }
            if index.is_none() {
                self.metadata(http, name, &mut gathered, &mut notes).await;
            }
            let listed = index
                .as_ref()
                .map(|rows| rows.iter().any(|row| row.name == *name));
            let route = ReadRoute::V2ModelReady(name.clone(), None);
            match http.read(&route, Call::default()).await {
                Ok(answer) => {
                    // A server is not ready while any of its models is not: ours may answer.
                    if said_ready(&answer)? {
                        health = Health::Ready;
                    } else {
                        health = Health::NotReady;
                        notes.add("the model is not ready");
                    }
                    latency = Some(answer.took);
                    reply = Some(answer);
                }
                Err(fault) if ends_the_look(&fault) => return Err(fault),
                Err(fault) if says_not_ready(&fault) || says_absent(&fault) => {
                    health = absent_or_not_ready(&fault, listed);
                    notes.add(own_words(&fault, "the model is not ready"));
                }
                Err(fault) => {
                    if health == Health::Ready {
                        health = Health::Unknown;
                    }
                    notes.add(format!("the model's readiness could not be read: {fault}"));
                }
            }
        } else if server_ready {
            health = Health::Unknown;
        }
        let versions = settle(gathered.finish(&mut notes), health);
        Ok(Look {
            health,
            message: notes.line(),
            // A version without a name, where there is one, answers before all others.
            default_version: (server.mlserver && !unnamed)
                .then(|| newest_answering(&versions))
                .flatten(),
            versions,
            server: server.shown,
            latency,
            server_time: reply.and_then(|r| r.server_time),
            unread: notes.why_unread(),
        })
    }

    fn forget(&self) {
        *self.lock() = Memory::default();
    }
}

impl V2 {
    fn lock(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.memory
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The server's name and version, asked once.
    async fn server(&self, http: &Http, notes: &mut Notes) -> Server {
        let known = self.lock().server.clone();
        if let Some(server) = known {
            return server;
        }
        let answer = http.read(&ReadRoute::V2Server, Call::default()).await;
        match answer.and_then(|reply| reply.json::<Value>()) {
            Ok(value) => {
                let server = identity(&value);
                self.lock().server = Some(server.clone());
                server
            }
            Err(fault) => {
                notes.add(format!(
                    "server name and version could not be read: {fault}"
                ));
                if says_absent(&fault) {
                    self.lock().server = Some(Server::default());
                }
                Server::default()
            }
        }
    }

    /// The repository index; none where there is none or it could not be read.
    async fn index(&self, http: &Http, notes: &mut Notes) -> Option<Vec<Row>> {
        if self.lock().no_index {
            return None;
        }
        let call = Call {
            body: Some(json!({})),
            ..Call::default()
        };
        let answer = http.read(&ReadRoute::V2Index, call).await;
        match answer.and_then(|reply| rows(&reply, notes)) {
            Ok(rows) => Some(rows),
            Err(fault) if not_offered(&fault) => {
                self.lock().no_index = true;
                None
            }
            Err(fault) => {
                notes.unread(&fault);
                None
            }
        }
    }

    /// The versions that the model's metadata names: what there is where no index is.
    async fn metadata(&self, http: &Http, name: &Key, gathered: &mut Gathered, notes: &mut Notes) {
        if !self.lock().no_index {
            return;
        }
        let answer = http
            .read(&ReadRoute::V2Model(name.clone()), Call::default())
            .await;
        match answer.and_then(|reply| reply.json::<Value>()) {
            Ok(value) => {
                for version in value["versions"].as_array().into_iter().flatten() {
                    if let Some(version) = word(version) {
                        gathered.report(&version, ServedState::Answering, "");
                    }
                }
            }
            // The readiness call that follows says so in its own words.
            Err(fault) if says_absent(&fault) || says_not_ready(&fault) => {}
            Err(fault) => notes.unread(&fault),
        }
    }
}

/// One row of the repository index.
#[derive(Clone, PartialEq, Debug)]
struct Row {
    name: Key,
    version: Option<Key>,
    state: ServedState,
    reason: String,
}

/// Reads the index: a bare list, or a list under `models` as gateways to gRPC write it. A row that
/// cannot be read is counted and left out.
fn rows(reply: &Reply, notes: &mut Notes) -> Result<Vec<Row>, Fault> {
    let value: Value = reply.json()?;
    let list = value
        .as_array()
        .or_else(|| value["models"].as_array())
        .ok_or_else(|| {
            Fault::new(
                FaultKind::Decode {
                    path: Clean::name("."),
                },
                &reply.place,
                "the repository index is not a list",
            )
        })?;
    let rows: Vec<Row> = list.iter().filter_map(row).collect();
    if rows.len() < list.len() {
        notes.add(format!(
            "{} rows of the repository index could not be read",
            list.len() - rows.len()
        ));
    }
    Ok(rows)
}

/// Reads a row of the index. Only the name must be there: Triton lists models that were never loaded
/// by name alone, and `MLServer` models without a version by an empty one.
fn row(value: &Value) -> Option<Row> {
    let name = Key::new(&word(&value["name"])?);
    let reason = text(&value["reason"]);
    let told = text(&value["state"]);
    let (state, reason) = match told {
        "READY" => (ServedState::Answering, reason.to_owned()),
        "LOADING" => (ServedState::Loading, reason.to_owned()),
        // One word for "could not be loaded" and for "was unloaded"; the reason tells them apart.
        "UNAVAILABLE" if reason.is_empty() || reason == "unloaded" => {
            (ServedState::Unloaded, reason.to_owned())
        }
        "UNAVAILABLE" => (ServedState::Failed, reason.to_owned()),
        "UNLOADING" => (ServedState::Unloaded, "unloading".to_owned()),
        other if reason.is_empty() => (ServedState::Unknown, other.to_owned()),
        other => (ServedState::Unknown, format!("{other}: {reason}")),
    };
    Some(Row {
        name,
        version: word(&value["version"]).map(|v| Key::new(&v)),
        state,
        reason,
    })
}

/// Which model to ask about: the one the settings name, else the one that is named like the
/// deployment, else the only one there is.
fn choose(wanted: &Wanted, index: Option<&[Row]>, notes: &mut Notes) -> Option<Key> {
    let names: BTreeSet<&Key> = index.into_iter().flatten().map(|row| &row.name).collect();
    let only = match (names.len(), names.first()) {
        (1, Some(&name)) => Some(name),
        _ => None,
    };
    if let Some(name) = &wanted.name {
        if let Some(other) = only.filter(|other| *other != name) {
            notes.add(format!(
                "the server holds `{}` only: set served_name if that is the model",
                other.clean()
            ));
        }
        return Some(name.clone());
    }
    if names.contains(&wanted.deployment) {
        return Some(wanted.deployment.clone());
    }
    if only.is_none() {
        notes.add(match (index, names.len()) {
            (None, _) => {
                "the server does not list its models: set model or served_name for this deployment"
                    .to_owned()
            }
            (Some(_), 0) => "the server holds no model".to_owned(),
            (Some(_), n) => {
                format!("the server holds {n} models: set model or served_name for this deployment")
            }
        });
    }
    only.cloned()
}

/// Reads `GET /v2`.
fn identity(value: &Value) -> Server {
    let name = text(&value["name"]);
    let version = word(&value["version"]).unwrap_or_default();
    Server {
        shown: Clean::name(&format!("{name} {version}")),
        mlserver: name.eq_ignore_ascii_case("mlserver"),
    }
}

/// A 200 with an empty body is ready; one with a body may say otherwise.
fn said_ready(reply: &Reply) -> Result<bool, Fault> {
    not_a_page(reply)?;
    let value: Value = serde_json::from_slice(&reply.body.whole()).unwrap_or_default();
    let refused = ["ready", "live"]
        .iter()
        .any(|field| value[*field] == Value::Bool(false));
    Ok(!refused)
}

/// A model that its server lists is there, whatever its readiness call answers. Where there is no
/// list, "not found" in the answer's status or words decides.
fn absent_or_not_ready(fault: &Fault, listed: Option<bool>) -> Health {
    let words = fault.detail.as_str().to_ascii_lowercase();
    let says_unknown = says_absent(fault)
        || words.contains("not found")
        || words.contains("unknown model")
        || words.contains("does not exist");
    if listed.map_or(says_unknown, |listed| !listed) {
        Health::Missing
    } else {
        Health::NotReady
    }
}

/// Whether the server has no such route, as opposed to failing at it. (`KServe` predictors answer
/// 404 or 405, gateways 501.)
fn not_offered(fault: &Fault) -> bool {
    says_absent(fault) || matches!(fault.kind, FaultKind::Unsupported | FaultKind::Server(501))
}

/// A version can only be said to answer while its model does.
fn settle(mut versions: Vec<ServedVersion>, health: Health) -> Vec<ServedVersion> {
    if health == Health::Missing {
        for version in &mut versions {
            if version.state == ServedState::Answering {
                version.state = ServedState::Unknown;
            }
        }
    }
    versions
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(name: Option<&str>) -> Wanted {
        Wanted {
            name: name.map(Key::new),
            deployment: Key::new("prod-fraud"),
        }
    }

    fn listed(names: &[&str]) -> Vec<Row> {
        names
            .iter()
            .map(|name| row(&json!({"name": name, "version": "1", "state": "READY"})).unwrap())
            .collect()
    }

    #[test]
    fn index_rows_are_read_one_by_one() {
        use ServedState::{Answering, Failed, Loading, Unknown, Unloaded};
        for (value, want) in [
            (
                json!({"name":"m","version":"6","state":"READY","reason":""}),
                Some((Some("6"), Answering, "")),
            ),
            (
                json!({"name":"m","version":6,"state":"READY"}),
                Some((Some("6"), Answering, "")),
            ),
            (
                json!({"name":"m","version":"6","state":"LOADING","reason":null}),
                Some((Some("6"), Loading, "")),
            ),
            (
                json!({"name":"m","version":"6","state":"UNAVAILABLE","reason":"unloaded"}),
                Some((Some("6"), Unloaded, "unloaded")),
            ),
            (
                json!({"name":"m","version":"6","state":"UNAVAILABLE","reason":"Internal: no file"}),
                Some((Some("6"), Failed, "Internal: no file")),
            ),
            (
                json!({"name":"m","version":"6","state":"UNLOADING","reason":""}),
                Some((Some("6"), Unloaded, "unloading")),
            ),
            (
                json!({"name":"m","version":"6","state":"WARMING","reason":"soon"}),
                Some((Some("6"), Unknown, "WARMING: soon")),
            ),
            (
                json!({"name":"m","version":"6","state":7}),
                Some((Some("6"), Unknown, "")),
            ),
            (json!({"name":"m"}), Some((None, Unknown, ""))),
            (
                json!({"name":"m","version":"","state":"READY"}),
                Some((None, Answering, "")),
            ),
            (
                json!({"name":"m","version":null,"state":"READY"}),
                Some((None, Answering, "")),
            ),
            (json!({"name":null,"version":"6","state":"READY"}), None),
            (json!({"name":"x".repeat(50_000),"version":"6"}), None),
            (json!("m"), None),
            (json!(null), None),
        ] {
            let got = row(&value);
            let got = got
                .as_ref()
                .map(|r| (r.version.as_ref().map(Key::raw), r.state, r.reason.as_str()));
            assert_eq!(got, want, "{value}");
        }
    }

    #[test]
    fn the_model_is_the_one_named_or_the_only_one() {
        for (name, index, want, note) in [
            (Some("m"), Some(vec!["m", "n"]), Some("m"), ""),
            (
                Some("m"),
                Some(vec!["mlflow-model"]),
                Some("m"),
                "served_name",
            ),
            (Some("m"), None, Some("m"), ""),
            (None, Some(vec!["n"]), Some("n"), ""),
            (None, Some(vec!["n", "n"]), Some("n"), ""),
            (None, Some(vec!["n", "prod-fraud"]), Some("prod-fraud"), ""),
            (None, Some(vec!["n", "o"]), None, "holds 2 models"),
            (None, Some(vec![]), None, "holds no model"),
            (None, None, None, "does not list"),
        ] {
            let mut notes = Notes::default();
            let rows = index.map(|names| listed(&names));
            let got = choose(&wanted(name), rows.as_deref(), &mut notes);
            assert_eq!(got.as_ref().map(Key::raw), want);
            let line = notes.line();
            assert!(line.as_str().contains(note), "{line}");
            assert_eq!(line.is_empty(), note.is_empty(), "{line}");
        }
    }

    #[test]
    fn who_is_listed_is_not_missing() {
        let fault = |kind, detail| Fault::new(kind, "", detail);
        for (kind, detail, listed, want) in [
            (FaultKind::NotFound, "", Some(true), Health::NotReady),
            (FaultKind::NotFound, "", Some(false), Health::Missing),
            (FaultKind::Refused, "", Some(false), Health::Missing),
            (FaultKind::Refused, "", None, Health::NotReady),
            (
                FaultKind::Refused,
                "Request for unknown model: 'm' is not found",
                None,
                Health::Missing,
            ),
            (FaultKind::Server(503), "loading", None, Health::NotReady),
        ] {
            assert_eq!(absent_or_not_ready(&fault(kind, detail), listed), want);
        }
    }

    #[test]
    fn a_server_of_any_shape_has_an_identity() {
        for (value, shown, mlserver) in [
            (
                json!({"name":"mlserver","version":"1.7.1"}),
                "mlserver 1.7.1",
                true,
            ),
            (
                json!({"name":"triton","version":"2.50.0"}),
                "triton 2.50.0",
                false,
            ),
            (json!({"name":"\u{1b}[31mx","version":2}), "x 2", false),
            (json!({"name":null}), "", false),
            (json!([]), "", false),
        ] {
            let server = identity(&value);
            assert_eq!(server.shown, shown);
            assert_eq!(server.mlserver, mlserver);
        }
    }
}
