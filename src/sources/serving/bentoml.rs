//! A `BentoML` server.
//!
//! A look is two requests: `GET /metrics` for the version, then `GET /readyz`, which is the timed
//! one; and `GET /docs.json` as a third for as long as the metrics name no version. The server counts
//! these requests in its own `bentoml_service_*` metrics under their endpoint, so a latency query
//! there must leave `/readyz`, `/metrics` and `/docs.json` out.
//!
//! A service that is started from a source file, not from a built bento, has no version and says so.

use std::collections::BTreeSet;

use serde_json::Value;

use super::wire::{Gathered, Notes, word};
use super::{
    Look, Protocol, Wanted, ends_the_look, exposition, not_a_page, own_words, says_not_ready,
};
use crate::domain::deployment::{Health, ServedState};
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::key::DeploymentKind;
use crate::domain::text::Clean;
use crate::sources::http::{Call, Http};
use crate::sources::routes::ReadRoute;

/// The protocol; it remembers nothing.
#[derive(Debug, Default)]
pub struct Bentoml;

/// What a source of the version says.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Told {
    /// These versions; more than one contradict each other.
    Versions(BTreeSet<String>),
    /// That there is none.
    NoVersion,
    /// Nothing.
    Nothing,
}

impl Protocol for Bentoml {
    const KIND: DeploymentKind = DeploymentKind::Bentoml;
    const REMARK: &'static str = "a BentoML server counts health checks in its own latency metrics: leave their endpoints out of queries";

    async fn look(&self, http: &Http, _wanted: &Wanted) -> Result<Look, Fault> {
        let mut notes = Notes::default();
        let mut told = Told::Nothing;
        let mut service = None;
        let mut hangs = None;
        match http.read(&ReadRoute::BentoMetrics, Call::default()).await {
            Ok(reply) => {
                let body = reply.body.whole();
                let text = String::from_utf8_lossy(&body);
                told = in_metrics(&text);
                service = label(&text, "service_name").next();
            }
            // A route that hangs says nothing of the one that tells the health; a third that may hang
            // as well would only make the look longer.
            Err(fault) if fault.kind == FaultKind::Timeout => hangs = Some(fault),
            Err(fault) if ends_the_look(&fault) => return Err(fault),
            // The other route tells the version as well; whether this one should exist is unknown.
            Err(_) => {}
        }
        if let Some(fault) = &hangs {
            notes.unread(fault);
        } else if told == Told::Nothing {
            let answer = http.read(&ReadRoute::BentoDocs, Call::default()).await;
            match answer.and_then(|reply| reply.json::<Value>()) {
                Ok(docs) => {
                    told = in_docs(&docs);
                    service = service.or_else(|| word(&docs["info"]["title"]));
                }
                Err(fault) => notes.unread(&fault),
            }
        }
        let (health, reply) = match http.read(&ReadRoute::BentoReady, Call::default()).await {
            Ok(reply) => {
                not_a_page(&reply)?;
                (Health::Ready, Some(reply))
            }
            Err(fault) if says_not_ready(&fault) => {
                notes.add(own_words(&fault, "the service is not ready"));
                (Health::NotReady, None)
            }
            Err(fault) if fault.kind == FaultKind::NotFound => {
                return Err(Fault {
                    kind: FaultKind::NoRoute,
                    ..fault
                });
            }
            Err(fault) => return Err(fault),
        };
        let gathered = gather(&told, health, &mut notes);
        Ok(Look {
            health,
            versions: gathered.finish(&mut notes),
            unread: notes.why_unread(),
            message: notes.line(),
            default_version: None,
            server: identity(service.as_deref()),
            latency: reply.as_ref().map(|r| r.took),
            server_time: reply.and_then(|r| r.server_time),
        })
    }
}

/// The values of a label in the server's own metrics.
fn label<'a>(text: &'a str, key: &'a str) -> impl Iterator<Item = String> + 'a {
    text.lines()
        .filter(|line| line.starts_with("bentoml_"))
        .filter_map(exposition::sample)
        .filter_map(move |(_, labels)| labels.into_iter().find(|(k, _)| *k == key))
        .map(|(_, value)| value)
}

/// The version that the metrics name.
fn in_metrics(text: &str) -> Told {
    let (versions, none): (BTreeSet<_>, BTreeSet<_>) =
        label(text, "service_version").partition(|value| is_version(value));
    match (versions.is_empty(), none.is_empty()) {
        (false, _) => Told::Versions(versions),
        (true, false) => Told::NoVersion,
        (true, true) => Told::Nothing,
    }
}

/// `info.version` of the server's own interface description.
fn in_docs(docs: &Value) -> Told {
    match &docs["info"]["version"] {
        Value::Null => Told::Nothing,
        value => word(value)
            .filter(|version| is_version(version))
            .map_or(Told::NoVersion, |v| Told::Versions(BTreeSet::from([v]))),
    }
}

/// Whether a word names a version: the server writes `not available` or `None` where it has none.
fn is_version(word: &str) -> bool {
    !matches!(word.trim(), "" | "not available" | "None") && word.len() <= 1_024
}

/// One version answers as the service does; several in one process contradict each other.
fn gather(told: &Told, health: Health, notes: &mut Notes) -> Gathered {
    let mut gathered = Gathered::default();
    match told {
        Told::Versions(versions) => {
            let state = match (versions.len(), health) {
                (1, Health::Ready) => ServedState::Answering,
                _ => ServedState::Unknown,
            };
            if versions.len() > 1 {
                notes.add(format!("the metrics name {} versions", versions.len()));
            }
            for version in versions {
                gathered.report(version, state, "");
            }
        }
        Told::NoVersion => {
            notes.add("started without a built bento, so it has no version");
        }
        Told::Nothing => {}
    }
    gathered
}

/// The software tells its name nowhere and its version only in prose, but it names its service.
fn identity(service: Option<&str>) -> Clean {
    match service.filter(|name| !name.is_empty()) {
        Some(name) => Clean::name(&format!("BentoML service {name}")),
        None => Clean::name("BentoML"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn versions(words: &[&str]) -> Told {
        Told::Versions(words.iter().map(|w| (*w).to_owned()).collect())
    }

    #[test]
    fn the_version_label_is_found_or_denied() {
        let line = |version: &str| {
            format!(
                "bentoml_service_request_total{{endpoint=\"/readyz\",service_version=\"{version}\"}} 4.0\n"
            )
        };
        for (text, want) in [
            (line("v5"), versions(&["v5"])),
            (
                format!("# HELP x y\n{}{}", line("v5"), line("v5")),
                versions(&["v5"]),
            ),
            (line("v5") + &line("v6"), versions(&["v5", "v6"])),
            (line("not available") + &line("v5"), versions(&["v5"])),
            (line("not available"), Told::NoVersion),
            (line("None"), Told::NoVersion),
            (line(""), Told::NoVersion),
            (line(&"x".repeat(50_000)), Told::NoVersion),
            ("other{service_version=\"v5\"} 1".to_owned(), Told::Nothing),
            ("bentoml_service_request_total 4".to_owned(), Told::Nothing),
            (
                "bentoml_service_request_total{service_version=\"v5".to_owned(),
                Told::Nothing,
            ),
            ("<html>bentoml_".to_owned(), Told::Nothing),
            (String::new(), Told::Nothing),
        ] {
            assert_eq!(in_metrics(&text), want, "{text:.80}");
        }
    }

    #[test]
    fn the_description_is_the_second_witness() {
        for (docs, want) in [
            (json!({"info":{"version":"v5"}}), versions(&["v5"])),
            (json!({"info":{"version":5}}), versions(&["5"])),
            (json!({"info":{"version":"None"}}), Told::NoVersion),
            (json!({"info":{"version":["v5"]}}), Told::NoVersion),
            (json!({"info":{}}), Told::Nothing),
            (json!({"info":"v5"}), Told::Nothing),
            (json!([1]), Told::Nothing),
        ] {
            assert_eq!(in_docs(&docs), want, "{docs}");
        }
    }

    #[test]
    fn contradicting_versions_are_not_chosen_from() {
        let mut notes = Notes::default();
        let rows = gather(&versions(&["v5", "v6"]), Health::Ready, &mut notes).finish(&mut notes);
        assert!(rows.iter().all(|v| v.state == ServedState::Unknown));
        assert_eq!(notes.line(), "the metrics name 2 versions");
        let rows = gather(&versions(&["v5"]), Health::NotReady, &mut notes).finish(&mut notes);
        assert_eq!(rows[0].state, ServedState::Unknown);
    }

    #[test]
    fn the_server_names_its_service() {
        let metrics = "bentoml_a{service_name=\"fraud_svc\\n\"} 0\n";
        let service = label(metrics, "service_name").next();
        assert_eq!(identity(service.as_deref()), "BentoML service fraud_svc");
        assert_eq!(identity(Some("")), "BentoML");
        assert_eq!(identity(None), "BentoML");
    }
}
