//! `mlflow models serve`: health only.
//!
//! A look is two requests: `GET /version`, then `GET /ping`, which is the timed one. The first tells
//! the version of the MLflow package. The version of the model is nowhere in this server's answers,
//! so none is ever reported here: wiring may declare it.

use super::wire::Notes;
use super::{
    Look, Protocol, Wanted, ends_the_look, not_a_page, own_words, says_absent, says_not_ready,
};
use crate::domain::deployment::Health;
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::key::DeploymentKind;
use crate::domain::text::Clean;
use crate::sources::http::{Call, Http};
use crate::sources::routes::ReadRoute;

/// The protocol; it remembers nothing.
#[derive(Debug, Default)]
pub struct MlflowServe;

impl Protocol for MlflowServe {
    const KIND: DeploymentKind = DeploymentKind::MlflowServe;
    const REMARK: &'static str =
        "mlflow models serve cannot tell which model version it serves: declare it in the settings";

    async fn look(&self, http: &Http, _wanted: &Wanted) -> Result<Look, Fault> {
        let mut notes = Notes::default();
        let package = match http.read(&ReadRoute::ScoringVersion, Call::default()).await {
            Ok(reply) => package(&reply.body.whole()),
            // A route that hangs says nothing of the one that tells the health.
            Err(fault) if ends_the_look(&fault) && fault.kind != FaultKind::Timeout => {
                return Err(fault);
            }
            Err(fault) => {
                notes.add(format!("the package version could not be read: {fault}"));
                None
            }
        };
        let (health, reply) = match http.read(&ReadRoute::ScoringPing, Call::default()).await {
            Ok(reply) => {
                not_a_page(&reply)?;
                (Health::Ready, Some(reply))
            }
            // It answers 404 to `/ping`, with an empty line, while it holds no model.
            Err(fault) if package.is_some() && says_absent(&fault) => {
                notes.add("the server answers that it holds no model");
                (Health::Missing, None)
            }
            Err(fault) if says_not_ready(&fault) => {
                notes.add(own_words(&fault, "the model is not ready"));
                (Health::NotReady, None)
            }
            Err(fault) => return Err(fault),
        };
        Ok(Look {
            health,
            message: notes.line(),
            versions: Vec::new(),
            default_version: None,
            server: identity(package.as_deref()),
            latency: reply.as_ref().map(|r| r.took),
            server_time: reply.and_then(|r| r.server_time),
            unread: Clean::empty(),
        })
    }
}

/// The package version: one short word that starts with a number (`3.17.2`, `3.1.0rc1`).
fn package(body: &[u8]) -> Option<String> {
    let word = std::str::from_utf8(body)
        .ok()?
        .trim()
        .trim_matches('"')
        .to_owned();
    let fits = word.len() <= 40
        && word.starts_with(|c: char| c.is_ascii_digit())
        && word.contains('.')
        && word
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || ".+-".contains(c));
    fits.then_some(word)
}

/// The software's name as shown.
fn identity(package: Option<&str>) -> Clean {
    match package {
        Some(version) => Clean::name(&format!("mlflow {version} scoring server")),
        None => Clean::name("mlflow scoring server"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_package_version_is_taken_for_one() {
        for (body, want) in [
            ("3.17.2", Some("3.17.2")),
            ("3.17.2\n", Some("3.17.2")),
            ("\"2.22.0\"", Some("2.22.0")),
            ("3.1.0rc1", Some("3.1.0rc1")),
            ("3.18.0.dev0", Some("3.18.0.dev0")),
            ("", None),
            ("3", None),
            ("v3.1", None),
            ("<html>3.1</html>", None),
            ("3.1 and more", None),
            ("3.1\u{1b}[31m", None),
            ("{\"version\":\"3.1\"}", None),
        ] {
            assert_eq!(package(body.as_bytes()).as_deref(), want, "{body:?}");
        }
        assert_eq!(package(&[0xff, b'.']), None);
        assert_eq!(package("1.".repeat(1_000).as_bytes()), None);
    }

    #[test]
    fn the_package_version_is_the_servers_and_not_the_models() {
        assert_eq!(identity(Some("3.17.2")), "mlflow 3.17.2 scoring server");
        assert_eq!(identity(None), "mlflow scoring server");
    }
}
