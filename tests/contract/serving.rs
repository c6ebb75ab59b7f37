//! Checks of serving endpoints.

use std::collections::BTreeSet;
use std::time::Duration;

use quarterdeck::domain::deployment::{EndpointReading, Health, Known, ServedState};
use quarterdeck::domain::fault::{Fault, FaultKind};
use quarterdeck::domain::key::{DeploymentKind, Key};
use quarterdeck::domain::observation::{Coverage, Feed, Rows, Scope};
use quarterdeck::domain::query::Query;
use quarterdeck::domain::settings::{
    DeploymentSettings, Follows, Rollout, SourceKind, SourceSettings, Tls,
};
use quarterdeck::sources::Focus;

use crate::door::{Door, open};
use crate::ensure;
use crate::raw::{Raw, list, text};
use crate::verdict::{Lack, Stop, Verdict};

/// A serving endpoint under test, with what it is known to serve.
pub(crate) struct Endpoint {
    pub(crate) deployment: DeploymentSettings,
    /// The certificates to reach it with.
    pub(crate) tls: Tls,
    pub(crate) raw: Raw,
    pub(crate) lacks: Vec<(Lack, &'static str)>,
    /// The versions that answer.
    pub(crate) serves: Vec<&'static str>,
    /// The version that answers a request without one, where the adapter may state it.
    pub(crate) default: Option<&'static str>,
    /// A word of the server's identity.
    pub(crate) server: &'static str,
    /// How to make its model rest and wake.
    pub(crate) rest: Rest,
    /// Makes it serve another version, told by its number and in the endpoint's own word.
    pub(crate) serve: Option<(Serve, u32, &'static str)>,
}

/// Makes an endpoint serve the version of a number.
pub(crate) type Serve = Box<dyn Fn(u32) + Send + Sync>;

/// How a model is made to rest.
pub(crate) enum Rest {
    /// It cannot be.
    Never,
    /// By a switch of the simulation: true wakes it.
    Switch(Box<dyn Fn(bool) + Send + Sync>),
    /// By the V2 repository's load and unload.
    Repository,
}

impl Endpoint {
    pub(crate) fn new(name: &str, kind: DeploymentKind, url: &str, model: &str) -> Self {
        Self {
            deployment: DeploymentSettings {
                name: name.to_owned(),
                kind,
                url: url.to_owned(),
                model: Some(model.to_owned()),
                served_name: None,
                follows: Follows::Default,
                environment: None,
                version_map: None,
                declared_version: None,
                hold: None,
                rollout: Rollout::None,
                hook: None,
            },
            tls: Tls::default(),
            raw: Raw::new(url, None),
            lacks: Vec::new(),
            serves: Vec::new(),
            default: None,
            server: "",
            rest: Rest::Never,
            serve: None,
        }
    }

    pub(crate) fn need(&self, lack: Lack) -> Result<(), Stop> {
        if self.lacks.iter().any(|(known, _)| *known == lack) {
            return Err(Stop::NotOffered(lack));
        }
        Ok(())
    }

    pub(crate) fn door(&self, change: impl FnOnce(&mut DeploymentSettings)) -> Door {
        let mut deployment = self.deployment.clone();
        change(&mut deployment);
        let kind = SourceKind::Serving(deployment.kind);
        let mut settings = SourceSettings::new(&deployment.name, kind, &deployment.url);
        settings.tls = self.tls.clone();
        open(&settings, Some(&deployment)).expect("a source from good settings")
    }

    /// The same endpoint, reached with other certificates.
    pub(crate) fn with_tls(mut self, tls: Tls) -> Self {
        self.raw = Raw::behind(&tls, &self.deployment.url, None);
        self.tls = tls;
        self
    }
}

/// Without the server's authority, or without our own certificate, the fault is one of certificates.
pub(crate) async fn wrong_certificates_are_told_as_such(e: &Endpoint) -> Verdict {
    for (change, word) in crate::access::WRONG_CERTIFICATES {
        let mut tls = e.tls.clone();
        change(&mut tls);
        let kind = SourceKind::Serving(e.deployment.kind);
        let mut settings = SourceSettings::new(&e.deployment.name, kind, &e.deployment.url);
        settings.tls = tls;
        let door = open(&settings, Some(&e.deployment))?;
        let answer = look(&door).await;
        ensure!(
            matches!(&answer, Err(f) if crate::access::is_of_certificates(f, word)),
            "{word}: {answer:?}"
        );
    }
    Ok(())
}

async fn look(door: &Door) -> Result<EndpointReading, Fault> {
    let answer = door.poll(Feed::Endpoint, &Focus::default()).await?;
    match (answer.coverage, answer.rows) {
        (Coverage::Full(Scope::Endpoints), Rows::Endpoints(mut rows)) if rows.len() == 1 => {
            Ok(rows.remove(0))
        }
        other => Err(Fault::new(FaultKind::Crashed, "", &format!("{other:?}"))),
    }
}

/// It is ready, says what it is, and its health call was timed.
pub(crate) async fn endpoint_is_ready_and_says_what_it_is(e: &Endpoint) -> Verdict {
    let door = e.door(|_| {});
    ensure!(door.feeds() == [Feed::Endpoint], "feeds {:?}", door.feeds());
    for _ in 0..2 {
        let reading = look(&door).await?;
        ensure!(reading.health == Health::Ready, "{reading:?}");
        ensure!(
            !reading.server.is_empty() && reading.server.as_str().contains(e.server),
            "it says {:?}",
            reading.server
        );
        ensure!(
            reading
                .latency
                .is_some_and(|l| l > Duration::ZERO && l < Duration::from_secs(5)),
            "latency {:?}",
            reading.latency
        );
        ensure!(reading.key == e.deployment.key(), "key {:?}", reading.key);
    }
    let abilities = door.probe().await?;
    ensure!(
        abilities.server.as_str().contains(e.server),
        "probed, it says {:?}",
        abilities.server
    );
    Ok(())
}

/// The versions that answer are those that do, and each is the endpoint's own answer.
pub(crate) async fn versions_are_reported_never_guessed(e: &Endpoint) -> Verdict {
    let reading = look(&e.door(|_| {})).await?;
    if e.serves.is_empty() {
        ensure!(
            reading.versions.is_empty(),
            "guessed {:?}",
            reading.versions
        );
        ensure!(reading.default_version.is_none(), "guessed a default");
        return e.need(Lack::Versions);
    }
    ensure!(
        reading.versions.iter().all(|v| v.known == Known::Reported),
        "{:?}",
        reading.versions
    );
    let answering: BTreeSet<_> = reading.answering().map(|v| v.version.raw()).collect();
    ensure!(
        answering == e.serves.iter().copied().collect(),
        "{answering:?} answer, it serves {:?}",
        e.serves
    );
    ensure!(
        reading.default_version.as_ref().map(Key::raw) == e.default,
        "default {:?}",
        reading.default_version
    );
    Ok(())
}

/// The states are those that the server lists when it is asked directly.
pub(crate) async fn states_are_the_servers_own(e: &Endpoint) -> Verdict {
    e.need(Lack::Versions)?;
    let reading = look(&e.door(|_| {})).await?;
    let model = e.deployment.model.clone().unwrap_or_default();
    let state = |version: &str| {
        reading
            .versions
            .iter()
            .find(|v| v.version.raw() == version)
            .map(|v| v.state)
    };
    match e.deployment.kind {
        DeploymentKind::V2 => {
            let said = e
                .raw
                .tell("/v2/repository/index", &serde_json::json!({}))
                .await?;
            let rows = said.json();
            let rows = list(&rows).iter().filter(|r| text(&r["name"]) == model);
            let mut seen = 0;
            for row in rows {
                let want = match text(&row["state"]) {
                    "READY" => ServedState::Answering,
                    "LOADING" => ServedState::Loading,
                    _ => continue,
                };
                seen += 1;
                ensure!(
                    state(text(&row["version"])) == Some(want),
                    "{row}: {reading:?}"
                );
            }
            ensure!(seen > 0, "the index is empty: {}", said.text);
        }
        DeploymentKind::Tfserving => {
            let said = e.raw.ask(&format!("/v1/models/{model}"), &[]).await?;
            let rows = said.json();
            let rows = list(&rows["model_version_status"]);
            ensure!(
                !rows.is_empty() && rows.len() == reading.versions.len(),
                "{} versions of {}",
                reading.versions.len(),
                rows.len()
            );
            for row in rows {
                let want = match text(&row["state"]) {
                    "AVAILABLE" => ServedState::Answering,
                    "END" => ServedState::Unloaded,
                    _ => ServedState::Loading,
                };
                ensure!(
                    state(text(&row["version"])) == Some(want),
                    "{row}: {reading:?}"
                );
            }
        }
        DeploymentKind::Bentoml => {
            let said = e.raw.ask("/docs.json", &[]).await?;
            let version = said.json();
            let version = text(&version["info"]["version"]);
            ensure!(
                state(version) == Some(ServedState::Answering),
                "it describes itself as {version}: {reading:?}"
            );
        }
        DeploymentKind::MlflowServe => {
            return Err("this kind has no versions".to_owned().into());
        }
    }
    Ok(())
}

/// A model at rest is not ready and none of its versions is said to answer; awake, it is as before.
pub(crate) async fn model_at_rest_is_not_ready(e: &Endpoint) -> Verdict {
    let door = e.door(|_| {});
    let before = look(&door).await?;
    wake(e, false).await?;
    let resting = look(&door).await;
    wake(e, true).await?;
    let resting = resting?;
    ensure!(
        matches!(resting.health, Health::NotReady | Health::Missing),
        "at rest: {resting:?}"
    );
    ensure!(resting.answering().count() == 0, "at rest: {resting:?}");
    ensure!(!resting.message.is_empty(), "at rest: it does not say why");
    let after = look(&door).await?;
    ensure!(
        after.health == Health::Ready && after.versions == before.versions,
        "awake: {after:?}, before: {before:?}"
    );
    Ok(())
}

async fn wake(e: &Endpoint, awake: bool) -> Verdict {
    match &e.rest {
        Rest::Never => {
            e.need(Lack::Resting)?;
            return Err("the target has no way to rest".to_owned().into());
        }
        Rest::Switch(switch) => switch(awake),
        Rest::Repository => {
            let model = e.deployment.model.clone().unwrap_or_default();
            let verb = if awake { "load" } else { "unload" };
            let path = format!("/v2/repository/models/{model}/{verb}");
            let said = e.raw.tell(&path, &serde_json::json!({})).await?;
            ensure!(said.status == 200, "{verb}: {said:?}");
        }
    }
    Ok(())
}

/// A version that takes over is seen by the next look.
pub(crate) async fn other_version_is_seen_by_the_next_look(e: &Endpoint) -> Verdict {
    e.need(Lack::Versions)?;
    e.need(Lack::OtherVersion)?;
    let Some((serve, number, word)) = &e.serve else {
        return Err("the target has no way to serve another version"
            .to_owned()
            .into());
    };
    let door = e.door(|_| {});
    let before = look(&door).await?;
    serve(*number);
    let reading = look(&door).await?;
    let answering: Vec<_> = reading.answering().map(|v| v.version.raw()).collect();
    ensure!(
        answering == [*word],
        "{answering:?} answer; before: {before:?}"
    );
    Ok(())
}

/// A model that the endpoint does not hold is missing; the endpoint itself is not at fault.
pub(crate) async fn unknown_model_is_missing(e: &Endpoint) -> Verdict {
    e.need(Lack::ModelNames)?;
    let reading = look(&e.door(|d| d.served_name = Some("no-such-model".to_owned()))).await?;
    ensure!(reading.health == Health::Missing, "{reading:?}");
    ensure!(reading.versions.is_empty(), "it has versions: {reading:?}");
    ensure!(!reading.message.is_empty(), "it does not say why");
    Ok(())
}

/// Without a configured name the only model is found.
pub(crate) async fn only_model_is_found_without_a_name(e: &Endpoint) -> Verdict {
    e.need(Lack::ModelNames)?;
    if e.deployment.kind == DeploymentKind::Tfserving {
        // This protocol lists no models: the deployment's own name is asked for.
        let model = e.deployment.model.clone().unwrap_or_default();
        let reading = look(&e.door(|d| {
            d.model = None;
            d.name = model;
        }))
        .await?;
        ensure!(reading.health == Health::Ready, "{reading:?}");
        return Ok(());
    }
    let reading = look(&e.door(|d| d.model = None)).await?;
    ensure!(
        reading.health == Health::Ready && !reading.versions.is_empty(),
        "{reading:?}"
    );
    Ok(())
}

/// A wrong path is a missing route and a dead port is unreachable: both are faults of the source.
pub(crate) async fn wrong_addresses_are_faults(e: &Endpoint) -> Verdict {
    let answer = look(&e.door(|d| d.url.push_str("/not/here"))).await;
    ensure!(
        matches!(&answer, Err(f) if f.kind == FaultKind::NoRoute),
        "a wrong path: {answer:?}"
    );
    let listener = std::net::TcpListener::bind("127.0.0.1:0").map_err(|e| e.to_string())?;
    let address = listener.local_addr().map_err(|e| e.to_string())?;
    drop(listener);
    let answer = look(&e.door(|d| d.url = format!("http://{address}"))).await;
    ensure!(
        matches!(&answer, Err(f) if f.kind == FaultKind::Unreachable),
        "a dead port: {answer:?}"
    );
    Ok(())
}

/// No other protocol is taken for the endpoint's own.
pub(crate) async fn another_kind_is_not_mistaken(e: &Endpoint) -> Verdict {
    for kind in DeploymentKind::ALL {
        if kind == e.deployment.kind {
            continue;
        }
        let answer = look(&e.door(|d| d.kind = kind)).await;
        let fooled =
            matches!(&answer, Ok(r) if r.health == Health::Ready && !r.versions.is_empty());
        ensure!(!fooled, "taken for {kind}: {answer:?}");
    }
    Ok(())
}

/// Nothing can be fetched from an endpoint.
pub(crate) async fn nothing_can_be_fetched(e: &Endpoint) -> Verdict {
    let query = Query::LoggedModelArtifacts {
        model: Key::new("m-1"),
        path: Key::new(""),
    };
    let answer = e.door(|_| {}).fetch(query).await;
    ensure!(
        matches!(&answer, Err(f) if f.kind == FaultKind::Unsupported),
        "{answer:?}"
    );
    Ok(())
}

/// What a kind of endpoint cannot tell.
pub(crate) fn lacks(kind: DeploymentKind) -> Vec<(Lack, &'static str)> {
    let no_names = (Lack::ModelNames, "this server has one model without a name");
    let no_loads = (
        Lack::Repository,
        "this server has no repository to load from",
    );
    match kind {
        DeploymentKind::V2 => Vec::new(),
        DeploymentKind::Tfserving => vec![no_loads],
        DeploymentKind::Bentoml => vec![no_names, no_loads],
        DeploymentKind::MlflowServe => vec![
            no_names,
            no_loads,
            (
                Lack::Versions,
                "this server cannot tell its model's version",
            ),
        ],
    }
}
