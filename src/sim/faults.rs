//! Switchable faults: what any server of the fleet can be made to answer instead, for tests.
//!
//! A fault changes the normal answer where it can, so that everything else stays plausible.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use serde_json::{Map, Value, json};

use super::reply::{Body, Reply, Request};

/// What goes wrong with each answer while it is switched on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The request is taken and never answered.
    Hang,
    /// 500 with an HTML page.
    Html500,
    /// 503 with the server's JSON error.
    Json503,
    /// The connection ends in the middle of the body.
    Truncated,
    /// A JSON body of 100 MB, streamed.
    Huge,
    /// 200 with JSON that does not parse.
    InvalidJson,
    /// 200 with an HTML page, as a proxy's login page does.
    LoginPage,
    /// Each number becomes a text and each text a number, in the rows.
    WrongTypes,
    /// Each value in the rows becomes null.
    Nulls,
    /// Fractions become bare `NaN`, which is not JSON.
    BareNan,
    /// States, stages and statuses become words nobody knows.
    UnknownEnums,
    /// Each text carries terminal escape sequences and control characters.
    EscapeSequences,
    /// Each name is 50,000 characters long.
    LongNames,
    /// Each row comes twice.
    DuplicateRows,
    /// Each answer's times lie an hour before the last one's, the `Date` header too.
    ClockBackwards,
    /// Each page says there is another one.
    EndlessPages,
    /// 429 with `Retry-After`.
    RateLimited {
        /// Seconds to wait.
        retry_after: u32,
    },
    /// 302 to another address.
    Redirect {
        /// The `Location`; the request's path is added.
        to: String,
    },
    /// The body comes a byte at a time.
    Drip,
    /// The connection is reset without an answer.
    Reset,
    /// 401.
    Unauthorized,
    /// 403 with `Permission denied`.
    Forbidden,
}

/// Switches faults on and off while the fleet runs; clones control the same fleet.
#[derive(Clone, Debug, Default)]
pub struct FaultControl {
    state: Arc<Mutex<HashMap<String, State>>>,
}

#[derive(Debug, Default)]
struct State {
    fault: Option<(String, Fault)>,
    answered: u64,
}

impl FaultControl {
    /// Makes every answer of a server, by its endpoint name, faulty from now on.
    pub fn set(&self, server: &str, fault: Fault) {
        self.set_for(server, "", fault);
    }

    /// Makes the answers of a server faulty whose path contains a text.
    pub fn set_for(&self, server: &str, path_part: &str, fault: Fault) {
        self.with(server, |state| {
            state.fault = Some((path_part.to_owned(), fault));
        });
    }

    /// Lets a server answer normally again.
    pub fn clear(&self, server: &str) {
        self.with(server, |state| state.fault = None);
    }

    /// How many requests a server has been sent.
    pub fn requests(&self, server: &str) -> u64 {
        self.with(server, |state| state.answered)
    }

    /// The fault of the next answer to a path, and how many requests came before it.
    pub(crate) fn next(&self, server: &str, path: &str) -> (Option<Fault>, u64) {
        self.with(server, |state| {
            let before = state.answered;
            state.answered += 1;
            let fault = state.fault.as_ref();
            let fault = fault.filter(|(part, _)| path.contains(part.as_str()));
            (fault.map(|(_, fault)| fault.clone()), before)
        })
    }

    /// Whether new connections are to be reset before they say anything.
    pub(crate) fn resets(&self, server: &str) -> bool {
        self.with(
            server,
            |state| matches!(&state.fault, Some((part, Fault::Reset)) if part.is_empty()),
        )
    }

    fn with<T>(&self, server: &str, run: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.contains_key(server) {
            state.insert(server.to_owned(), State::default());
        }
        run(state.entry(server.to_owned()).or_default())
    }
}

/// How an answer leaves the server.
#[derive(Debug)]
pub(crate) enum Sending {
    /// All of it.
    Whole(Reply),
    /// Half of the promised body, then the connection ends.
    Cut(Reply),
    /// A byte at a time.
    Slow(Reply),
    /// Chunks of filler around 100 MB.
    Filler(Reply),
    Never,
    Reset,
}

/// Takes from a request what a fault needs taken: an endless pager gets its first page again.
pub(crate) fn before(fault: &Fault, request: &mut Request) {
    if *fault != Fault::EndlessPages {
        return;
    }
    request.query.retain(|(key, _)| key != "page_token");
    if let Ok(Value::Object(mut body)) = serde_json::from_slice::<Value>(&request.body) {
        body.remove("page_token");
        request.body = serde_json::to_vec(&body).unwrap_or_default();
    }
}

/// Applies a fault to the normal answer.
pub(crate) fn after(fault: &Fault, path: &str, count: u64, mut reply: Reply) -> Sending {
    let replaced = match fault {
        Fault::Hang => return Sending::Never,
        Fault::Reset => return Sending::Reset,
        Fault::Truncated => return Sending::Cut(reply),
        Fault::Drip => return Sending::Slow(reply),
        Fault::Huge => return Sending::Filler(Reply::bytes(200, "application/json", Vec::new())),
        Fault::Html500 => Reply::html(
            500,
            "<!doctype html>\n<html lang=en>\n<title>500 Internal Server Error</title>\n\
             <h1>Internal Server Error</h1>\n<p>The server encountered an internal error.</p>\n",
        ),
        Fault::LoginPage => Reply::html(
            200,
            "<!DOCTYPE html><html><head><title>Sign in</title></head><body><form \
             action=\"/login\"></form></body></html>",
        ),
        Fault::Json503 => Reply::json(
            503,
            json!({
                "error_code": "TEMPORARILY_UNAVAILABLE",
                "message": "(sqlite3.OperationalError) database is locked\n[SQL: SELECT 1]",
            }),
        ),
        Fault::InvalidJson => Reply::bytes(200, "application/json", b"{\"runs\": [{]".to_vec()),
        Fault::RateLimited { retry_after } => Reply::json(
            429,
            json!({
                "error_code": "REQUEST_LIMIT_EXCEEDED",
                "message": "Too many requests, slow down",
            }),
        )
        .with_header("retry-after", retry_after.to_string()),
        Fault::Redirect { to } => Reply::empty(302).with_header("location", format!("{to}{path}")),
        Fault::Unauthorized => Reply::html(401, "You are not authenticated.")
            .with_header("www-authenticate", "Basic realm=\"mlflow\""),
        Fault::Forbidden => Reply::html(403, "Permission denied"),
        Fault::BareNan => bare_nan(&reply),
        _ => {
            if let Body::Json { value, .. } = &mut reply.body {
                change(fault, count, value);
            }
            if *fault == Fault::ClockBackwards {
                reply = reply.with_header("date", "Thu, 01 Jan 2015 00:00:00 GMT");
            }
            reply
        }
    };
    Sending::Whole(replaced)
}

fn bare_nan(reply: &Reply) -> Reply {
    let mut reply = reply.clone();
    let Body::Json { value, .. } = &mut reply.body else {
        return reply;
    };
    each(value, "", &mut |_, value| {
        if value.is_f64() {
            *value = Value::from("@NaN@");
        }
    });
    let text = String::from_utf8_lossy(&reply.render()).replace("\"@NaN@\"", "NaN");
    reply.body = Body::Bytes(text.into_bytes());
    reply
}

fn change(fault: &Fault, count: u64, value: &mut Value) {
    match fault {
        Fault::WrongTypes => each(value, "", &mut |_, value| match value {
            Value::Number(_) => *value = Value::from("not a number"),
            Value::String(text) => *value = Value::from(text.len()),
            Value::Bool(_) => *value = json!({}),
            _ => {}
        }),
        Fault::Nulls => each(value, "", &mut |_, value| *value = Value::Null),
        Fault::UnknownEnums => each(value, "", &mut |key, value| {
            let states = [
                "status",
                "state",
                "current_stage",
                "lifecycle_stage",
                "store_type",
            ];
            if states.contains(&key) && value.is_string() {
                *value = Value::from("QUANTUM_SUPERPOSED");
            }
        }),
        Fault::EscapeSequences => each(value, "", &mut |_, value| {
            if let Value::String(text) = value {
                let hostile = "\u{1b}]0;owned\u{7}\u{1b}[31m\u{1b}[2J\u{9b}5n\r\n\u{202e}";
                *text = format!("{text}{hostile}");
            }
        }),
        Fault::LongNames => each(value, "", &mut |key, value| {
            let names = ["name", "key", "run_name", "user_id", "description", "alias"];
            if names.contains(&key)
                && let Value::String(text) = value
            {
                let missing = 50_000_usize.saturating_sub(text.len());
                text.push_str(&"x".repeat(missing));
            }
        }),
        Fault::ClockBackwards => {
            let back = (count as i64 + 1) * 3_600_000;
            each(value, "", &mut |key, value| {
                if key.contains("time")
                    && let Some(time) = value.as_i64()
                {
                    *value = Value::from(time - back);
                }
            });
        }
        Fault::DuplicateRows => duplicate(value),
        Fault::EndlessPages => {
            if let Value::Object(fields) = value {
                let token = super::mlflow::page_token(count as usize + 1);
                fields.insert("next_page_token".to_owned(), Value::from(token));
            }
        }
        _ => {}
    }
}

/// Visits every value that is no container, with the key it stands under.
fn each(value: &mut Value, key: &str, visit: &mut dyn FnMut(&str, &mut Value)) {
    match value {
        Value::Array(rows) => rows.iter_mut().for_each(|row| each(row, key, visit)),
        Value::Object(fields) => each_field(fields, visit),
        _ => visit(key, value),
    }
}

fn each_field(fields: &mut Map<String, Value>, visit: &mut dyn FnMut(&str, &mut Value)) {
    for (key, value) in fields {
        each(value, key, visit);
    }
}

fn duplicate(value: &mut Value) {
    match value {
        Value::Array(rows) => {
            rows.iter_mut().for_each(duplicate);
            *rows = rows
                .iter()
                .flat_map(|row| [row.clone(), row.clone()])
                .collect();
        }
        Value::Object(fields) => fields.values_mut().for_each(duplicate),
        _ => {}
    }
}

/// The chunks of a 100 MB body that is one JSON object, made as they are read.
pub(crate) fn filler() -> impl Iterator<Item = Bytes> {
    const CHUNK: &[u8] = &[b'x'; 65_536];
    std::iter::once(Bytes::from_static(b"{\"padding\":\""))
        .chain((0..1_600).map(|_| Bytes::from_static(CHUNK)))
        .chain(std::iter::once(Bytes::from_static(b"\"}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(fault: &Fault, value: Value) -> Value {
        match after(fault, "/x", 0, Reply::json(200, value)) {
            Sending::Whole(Reply {
                body: Body::Json { value, .. },
                ..
            }) => value,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn transforms_touch_values_and_keep_the_shape() {
        let row = json!({"runs": [{"status": "FINISHED", "start_time": 7_200_000, "name": "a"}]});
        assert_eq!(
            changed(&Fault::Nulls, row.clone())["runs"][0],
            json!({"status": null, "start_time": null, "name": null})
        );
        assert_eq!(
            changed(&Fault::DuplicateRows, row.clone())["runs"]
                .as_array()
                .unwrap()
                .len(),
            2
        );
        assert_eq!(
            changed(&Fault::ClockBackwards, row.clone())["runs"][0]["start_time"],
            3_600_000
        );
        let name = changed(&Fault::LongNames, row.clone())["runs"][0]["name"].clone();
        assert_eq!(name.as_str().unwrap().len(), 50_000);
        let text = changed(&Fault::EscapeSequences, row)["runs"][0]["name"].clone();
        assert!(text.as_str().unwrap().contains('\u{1b}'));
    }

    #[test]
    fn a_fault_can_be_kept_to_some_paths_and_cleared() {
        let control = FaultControl::default();
        control.set_for("mlflow", "runs/search", Fault::Hang);
        assert_eq!(
            control.next("mlflow", "/api/2.0/mlflow/runs/search").0,
            Some(Fault::Hang)
        );
        assert_eq!(control.next("mlflow", "/health").0, None);
        assert_eq!(control.next("other", "/runs/search").0, None);
        control.clear("mlflow");
        assert_eq!(
            control.next("mlflow", "/api/2.0/mlflow/runs/search"),
            (None, 2)
        );
        assert_eq!(control.requests("mlflow"), 3);
    }
}
