//! Checks of getting in: identity, wrong addresses, wrong credentials, rights.

use quarterdeck::domain::fault::{Fault, FaultKind};
use quarterdeck::domain::observation::{Answer, Feed, Right, Rows};
use quarterdeck::domain::settings::{Auth, SecretRef, Tls};
use quarterdeck::sources::Focus;
use serde_json::json;

use crate::door::Door;
use crate::ensure;
use crate::tracker::Tracker;
use crate::verdict::{Lack, Verdict};

async fn models(door: &Door) -> Result<Answer, Fault> {
    door.poll(Feed::Models, &Focus::default()).await
}

/// The server says what it is, with the version that its own route tells.
pub(crate) async fn server_says_what_it_is(t: &Tracker) -> Verdict {
    let abilities = t.door.probe().await?;
    let version = t.raw.ask("/version", &[]).await?;
    ensure!(version.status == 200, "/version: {}", version.status);
    ensure!(
        abilities.server.as_str().contains(version.text.trim()),
        "it says {:?}, its version is {:?}",
        abilities.server,
        version.text
    );
    Ok(())
}

/// A wrong path prefix is a missing route, not a missing thing.
pub(crate) async fn wrong_prefix_is_no_route(t: &Tracker) -> Verdict {
    t.need(Lack::PlainRoutes)?;
    let door = t.reopened(|s| s.url.push_str("/not/here"));
    let answer = models(&door).await;
    ensure!(
        matches!(&answer, Err(f) if matches!(f.kind, FaultKind::NoRoute)),
        "{answer:?}"
    );
    Ok(())
}

/// A port where nobody listens is unreachable.
pub(crate) async fn nobody_is_unreachable(t: &Tracker) -> Verdict {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").map_err(|e| e.to_string())?;
    let address = listener.local_addr().map_err(|e| e.to_string())?;
    drop(listener);
    let door = t.reopened(|s| s.url = format!("http://{address}"));
    let answer = models(&door).await;
    ensure!(
        matches!(&answer, Err(f) if f.kind == FaultKind::Unreachable),
        "{answer:?}"
    );
    Ok(())
}

/// A host name that the server does not allow is refused as such, not as a missing right.
pub(crate) async fn foreign_host_name_is_refused_as_such(t: &Tracker) -> Verdict {
    t.need(Lack::HostCheck)?;
    let door = t.reopened(|s| s.host_header = Some("models.invalid".to_owned()));
    let answer = models(&door).await;
    ensure!(
        matches!(&answer, Err(f) if f.kind == FaultKind::HostRefused),
        "{answer:?}"
    );
    Ok(())
}

/// Missing and wrong credentials are refused as such, and the password is in no text.
pub(crate) async fn wrong_credentials_are_refused(t: &Tracker) -> Verdict {
    let wrong = Auth::Basic {
        user: SecretRef::Inline("reader".to_owned()),
        password: SecretRef::Inline("wrong-password-7".to_owned()),
    };
    for auth in [Auth::None, wrong] {
        let door = t.reopened(|s| s.auth = auth.clone());
        let answer = models(&door).await;
        ensure!(
            matches!(&answer, Err(f) if f.kind == FaultKind::Auth),
            "{auth:?}: {answer:?}"
        );
        ensure!(
            !format!("{answer:?}").contains("wrong-password-7"),
            "the password shows"
        );
        let probe = door.probe().await;
        ensure!(
            matches!(&probe, Err(f) if f.kind == FaultKind::Auth),
            "{auth:?}: probe: {probe:?}"
        );
    }
    Ok(())
}

/// A way to spoil the certificates, and a word of what must be told of it.
type Spoilt = (fn(&mut Tls), &'static str);

/// The ways that settings of certificates are wrong at a server that asks for ours.
pub(crate) const WRONG_CERTIFICATES: [Spoilt; 2] = [
    (|tls| tls.ca_file = None, "unknown authority"),
    (|tls| tls.client_cert = None, "client certificate"),
];

/// Whether a fault is one of certificates and says so. A server on asyncio's TLS cuts the connection of a
/// client without a certificate and says nothing, so that a guess is all that can be told.
pub(crate) fn is_of_certificates(fault: &Fault, word: &str) -> bool {
    let silent = word == "client certificate" && fault.kind == FaultKind::Unreachable;
    (silent || fault.kind == FaultKind::Tls) && fault.detail.as_str().contains(word)
}

/// Without the server's authority, or without our own certificate, the fault is one of certificates.
pub(crate) async fn wrong_certificates_are_told_as_such(t: &Tracker) -> Verdict {
    for (change, word) in WRONG_CERTIFICATES {
        let door = t.reopened(|s| change(&mut s.tls));
        for answer in [models(&door).await.map(drop), door.probe().await.map(drop)] {
            ensure!(
                matches!(&answer, Err(f) if is_of_certificates(f, word)),
                "{word}: {answer:?}"
            );
        }
    }
    Ok(())
}

/// Good credentials read, and the server says whose they are.
pub(crate) async fn reader_may_read(t: &Tracker) -> Verdict {
    ensure!(!models(&t.door).await?.rows.is_empty(), "no models");
    Ok(())
}

/// The server says who we are, and what it grants or denies by name is so when it is tried.
pub(crate) async fn rights_that_are_told_hold(t: &Tracker) -> Verdict {
    t.need(Lack::Rights)?;
    let Auth::Basic { user, .. } = &t.settings.auth else {
        return Err("the target has no user".to_owned().into());
    };
    let SecretRef::Inline(user) = user else {
        return Err("the target's user is not written out".to_owned().into());
    };
    let abilities = t.door.probe().await?;
    ensure!(
        abilities.user.as_ref().is_some_and(|u| u == user.as_str()),
        "we are {:?}",
        abilities.user
    );
    ensure!(!abilities.rights.is_empty(), "no rights are listed");
    let mut tried = 0;
    for (right, state) in &abilities.rights {
        let (verb, model) = right
            .as_str()
            .split_once(':')
            .unwrap_or((right.as_str(), "fraud-detector"));
        let said = match verb {
            // Both leave the alias where the seed has put it.
            "move-alias" => {
                let body = json!({"name": model, "alias": "champion", "version": "1"});
                let route = "/api/2.0/mlflow/registered-models/alias";
                t.raw.tell(route, &body).await?
            }
            "delete-alias" => {
                let body = json!({"name": model, "alias": "never-set"});
                t.raw.erase("registered-models/alias", &body).await?
            }
            _ => continue,
        };
        match state {
            Right::Allowed => ensure!(said.status == 200, "{right} is allowed: {said:?}"),
            Right::Denied => ensure!(said.status == 403, "{right} is denied: {said:?}"),
            Right::NotKnown => continue,
        }
        tried += 1;
    }
    ensure!(
        tried >= t.claims,
        "{tried} rights were claimed: {:?}",
        abilities.rights
    );
    Ok(())
}

/// What another workspace holds is not shown, and what ours holds is not the default's.
pub(crate) async fn workspace_is_shown_alone(t: &Tracker) -> Verdict {
    let ours = t.models().await?;
    let default = t.reopened(|s| s.workspace = None);
    let Rows::Models(theirs) = models(&default).await?.rows else {
        return Err("rows of another type".to_owned().into());
    };
    ensure!(!ours.is_empty() && !theirs.is_empty(), "an empty workspace");
    ensure!(
        ours.iter().all(|m| theirs.iter().all(|n| n.key != m.key)),
        "a model is in both workspaces: its key must name the workspace"
    );
    let unknown = t.reopened(|s| s.workspace = Some("no-such-workspace".to_owned()));
    let answer = models(&unknown).await;
    ensure!(
        matches!(&answer, Err(f) if f.kind == FaultKind::NotFound),
        "an unknown workspace: {answer:?}"
    );
    Ok(())
}
