//! Checks of getting in: identity, wrong addresses, wrong credentials, rights.

use quarterdeck::domain::fault::{Fault, FaultKind};
use quarterdeck::domain::observation::{Answer, Feed, Right};
use quarterdeck::domain::settings::{Auth, SecretRef};
use quarterdeck::sources::Focus;

use crate::door::Door;
use crate::ensure;
use crate::tracker::Tracker;
use crate::verdict::{Lack, Verdict};

async fn models(door: &Door) -> Result<Answer, Fault> {
    door.poll(Feed::Models, &Focus::default()).await
}

/// The server says what it is, with the version that its own route tells.
pub async fn server_says_what_it_is(t: &Tracker) -> Verdict {
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
pub async fn wrong_prefix_is_no_route(t: &Tracker) -> Verdict {
    let door = t.reopened(|s| s.url.push_str("/not/here"));
    let answer = models(&door).await;
    ensure!(
        matches!(&answer, Err(f) if matches!(f.kind, FaultKind::NoRoute)),
        "{answer:?}"
    );
    Ok(())
}

/// A port where nobody listens is unreachable.
pub async fn nobody_is_unreachable(t: &Tracker) -> Verdict {
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
pub async fn foreign_host_name_is_refused_as_such(t: &Tracker) -> Verdict {
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
pub async fn wrong_credentials_are_refused(t: &Tracker) -> Verdict {
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

/// Good credentials read, and the server says whose they are.
pub async fn reader_may_read(t: &Tracker) -> Verdict {
    ensure!(!models(&t.door).await?.rows.is_empty(), "no models");
    Ok(())
}

/// What the user may do is told, and reading is not denied.
pub async fn rights_are_told(t: &Tracker) -> Verdict {
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
    ensure!(
        abilities
            .rights
            .iter()
            .any(|(name, _)| name.as_str().contains("read"))
            && abilities
                .rights
                .iter()
                .all(|(name, right)| !name.as_str().contains("read") || *right != Right::Denied),
        "rights: {:?}",
        abilities.rights
    );
    Ok(())
}
