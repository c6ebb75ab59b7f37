//! `TensorFlow` Serving's REST interface.
//!
//! A look is one request, `GET /v1/models/{m}`: states and health in one answer. It is the timed one
//! too, so its time includes a connect whenever the kept-alive connection has lapsed. The server has
//! no route that lists models or tells its own version.

use serde_json::Value;

use super::wire::{Gathered, Notes, newest_answering, text, word};
use super::{Look, Protocol, Wanted};
use crate::domain::deployment::{Health, ServedState, ServedVersion};
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::key::DeploymentKind;
use crate::domain::text::Clean;
use crate::sources::http::{Call, Http, Reply};
use crate::sources::routes::ReadRoute;

/// The protocol; it remembers nothing.
#[derive(Debug, Default)]
pub struct Tfserving;

/// What the software is called: it does not say its version.
const SERVER: &str = "TensorFlow Serving";

impl Protocol for Tfserving {
    const KIND: DeploymentKind = DeploymentKind::Tfserving;
    const REMARK: &'static str = "TensorFlow Serving does not tell its own version";

    async fn look(&self, http: &Http, wanted: &Wanted) -> Result<Look, Fault> {
        // The server cannot list its models, so the deployment's own name is the best guess left.
        let name = wanted.name.as_ref().unwrap_or(&wanted.deployment);
        match http
            .read(&ReadRoute::TfModel(name.clone()), Call::default())
            .await
        {
            Ok(reply) => read(&reply),
            // A path it does not know is answered in the same form as a model it does not hold.
            Err(fault)
                if fault.kind == FaultKind::NotFound
                    && fault.detail.as_str().starts_with("Malformed request") =>
            {
                Err(Fault {
                    kind: FaultKind::NoRoute,
                    ..fault
                })
            }
            Err(fault) if fault.kind == FaultKind::NotFound => Ok(missing(&fault, wanted)),
            Err(fault) => Err(fault),
        }
    }
}

/// The server answered that it has no such model.
fn missing(fault: &Fault, wanted: &Wanted) -> Look {
    let mut notes = Notes::default();
    notes.add(fault.detail.as_str());
    if wanted.name.is_none() {
        notes.add("set model or served_name for this deployment");
    }
    Look {
        health: Health::Missing,
        message: notes.line(),
        versions: Vec::new(),
        default_version: None,
        server: Clean::name(SERVER),
        latency: None,
        server_time: None,
        unread: Clean::empty(),
    }
}

/// Reads the version states.
fn read(reply: &Reply) -> Result<Look, Fault> {
    let value: Value = reply.json()?;
    let list = value["model_version_status"].as_array().ok_or_else(|| {
        Fault::new(
            FaultKind::Decode {
                path: Clean::name("model_version_status"),
            },
            &reply.place,
            "expected a list of version states",
        )
    })?;
    let mut notes = Notes::default();
    let mut gathered = Gathered::default();
    let mut unread = 0_usize;
    for entry in list {
        match row(entry) {
            Some((version, state, message)) => gathered.report(&version, state, &message),
            None => unread += 1,
        }
    }
    if unread > 0 {
        notes.add(format!("{unread} version states could not be read"));
    }
    let versions = gathered.finish(&mut notes);
    let health = judge(&versions, &mut notes);
    Ok(Look {
        health,
        message: notes.line(),
        default_version: newest_answering(&versions),
        versions,
        server: Clean::name(SERVER),
        latency: Some(reply.took),
        server_time: reply.server_time,
        unread: Clean::empty(),
    })
}

/// Reads one state. `END` without an error means unloaded, with one it means that loading failed.
fn row(value: &Value) -> Option<(String, ServedState, String)> {
    let version = word(&value["version"])?;
    let status = &value["status"];
    let message = text(&status["error_message"]);
    let code = text(&status["error_code"]);
    let failed = !(code.is_empty() || code == "OK") || status["error_code"].as_i64() > Some(0);
    let (state, message) = match text(&value["state"]) {
        "AVAILABLE" => (ServedState::Answering, message.to_owned()),
        "START" | "LOADING" => (ServedState::Loading, message.to_owned()),
        "UNLOADING" => (ServedState::Unloaded, "unloading".to_owned()),
        "END" if failed && message.is_empty() => (ServedState::Failed, code.to_owned()),
        "END" if failed => (ServedState::Failed, message.to_owned()),
        "END" => (ServedState::Unloaded, message.to_owned()),
        other if message.is_empty() => (ServedState::Unknown, other.to_owned()),
        other => (ServedState::Unknown, format!("{other}: {message}")),
    };
    Some((version, state, message))
}

/// The model is ready while any version answers. The newest failure is told either way: an endpoint
/// that serves an old version because the new one does not load looks healthy otherwise.
fn judge(versions: &[ServedVersion], notes: &mut Notes) -> Health {
    let any = |state| versions.iter().any(|v| v.state == state);
    if let Some(failed) = versions.iter().find(|v| v.state == ServedState::Failed) {
        notes.add(format!(
            "version {} could not be loaded: {}",
            failed.version.clean(),
            failed.message
        ));
    }
    if any(ServedState::Answering) {
        return Health::Ready;
    }
    if any(ServedState::Unknown) {
        notes.add("no version says that it is available");
        return Health::Unknown;
    }
    notes.add(if any(ServedState::Loading) {
        "no version is available yet"
    } else {
        "no version is available"
    });
    Health::NotReady
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::key::Key;
    use serde_json::json;
    use std::time::Duration;

    fn reply(body: &str) -> Reply {
        let mut reply = Reply::of_json(body, "GET http://tf.test/v1/models/m");
        reply.took = Duration::from_millis(3);
        reply
    }

    #[test]
    fn a_rollout_in_flight_is_read() {
        let look = read(&reply(
            r#"{"model_version_status":[
                {"version":"10","state":"END","status":{"error_code":"OK","error_message":""}},
                {"version":"12","state":"LOADING","status":{"error_code":"OK","error_message":""}},
                {"version":"9","state":"AVAILABLE","status":{"error_code":"OK","error_message":""}},
                {"version":11,"state":"END","status":{"error_code":"NOT_FOUND","error_message":"no \u001b[31mfile"}}]}"#,
        ))
        .unwrap();
        assert_eq!(look.health, Health::Ready);
        assert_eq!(look.default_version, Some(Key::new("9")));
        let seen: Vec<_> = look
            .versions
            .iter()
            .map(|v| (v.version.raw(), v.state))
            .collect();
        assert_eq!(
            seen,
            [
                ("12", ServedState::Loading),
                ("11", ServedState::Failed),
                ("10", ServedState::Unloaded),
                ("9", ServedState::Answering),
            ]
        );
        assert_eq!(look.message, "version 11 could not be loaded: no file");
        assert_eq!(look.latency, Some(Duration::from_millis(3)));
    }

    #[test]
    fn health_follows_the_states() {
        for (states, want) in [
            (vec!["AVAILABLE", "END"], Health::Ready),
            (vec!["LOADING"], Health::NotReady),
            (vec!["START", "END"], Health::NotReady),
            (vec!["END"], Health::NotReady),
            (vec!["UNLOADING"], Health::NotReady),
            (vec!["FROZEN"], Health::Unknown),
            (vec![], Health::NotReady),
        ] {
            let rows: Vec<_> = states
                .iter()
                .enumerate()
                .map(|(n, state)| json!({"version": n + 1, "state": state}))
                .collect();
            let body = json!({"model_version_status": rows}).to_string();
            let look = read(&reply(&body)).unwrap();
            assert_eq!(look.health, want, "{states:?}");
            assert_eq!(look.message.is_empty(), want == Health::Ready, "{states:?}");
        }
    }

    #[test]
    fn bad_rows_are_counted_and_bad_answers_are_faults() {
        let look = read(&reply(
            r#"{"model_version_status":[null,{"version":null,"state":"AVAILABLE"},{"version":"1"},
                {"version":"2","state":"AVAILABLE","status":null},{"version":"3","state":"END","status":{"error_code":5}}]}"#,
        ))
        .unwrap();
        assert!(look.message.as_str().contains("2 version states"));
        let seen: Vec<_> = look
            .versions
            .iter()
            .map(|v| (v.version.raw(), v.state))
            .collect();
        assert_eq!(
            seen,
            [
                ("3", ServedState::Failed),
                ("2", ServedState::Answering),
                ("1", ServedState::Unknown),
            ]
        );
        for body in [
            "",
            "<html>",
            "null",
            "[]",
            "{}",
            r#"{"model_version_status":{}}"#,
            r#"{"model_version_status":[{"#,
        ] {
            let fault = read(&reply(body)).unwrap_err();
            assert!(matches!(fault.kind, FaultKind::Decode { .. }), "{body}");
        }
    }
}
