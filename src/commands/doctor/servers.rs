//! What the sources' answers and the wiring say.

use std::time::Duration;

use super::{Finding, Weight};
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::fleet::Fleet;
use crate::domain::key::SourceId;
use crate::domain::observation::{Abilities, Right};
use crate::domain::rules::freshness::SourceHealth;
use crate::domain::settings::SourceSettings;
use crate::domain::text::without_credentials;
use crate::domain::time::span;
use crate::domain::wiring::Target;
use crate::runtime::headless::Collected;

/// A clock that is off by more than this shows.
const SKEW: Duration = Duration::from_secs(5);
/// A clock that is off by more than this makes expiries meaningless.
const SKEW_BAD: Duration = Duration::from_secs(60);
/// A poll that takes longer than this is felt.
const SLOW: Duration = Duration::from_secs(5);

/// Each source: reach, TLS, credentials, version, latency, rights, clock.
pub(super) fn sources(collected: &Collected) -> Vec<Finding> {
    let fleet = &collected.fleet;
    let mut found = Vec::new();
    for settings in &fleet.settings().sources {
        let id = SourceId::new(&settings.name);
        let abilities = collected.abilities.get(&id);
        let health = fleet.source_health(&id).cloned().unwrap_or_default();
        found.extend(source(settings, abilities, &health));
    }
    if found.is_empty() {
        found.push(
            Finding::new(
                Weight::Error,
                "settings",
                "sources",
                "the context has no sources",
            )
            .advise("add [[contexts.NAME.sources]], or name servers with --mlflow and --serving"),
        );
    }
    found
}

fn source(
    settings: &SourceSettings,
    abilities: Option<&Result<Abilities, Fault>>,
    health: &SourceHealth,
) -> Vec<Finding> {
    let area = format!("source {}", settings.name);
    let url = without_credentials(&settings.url);
    let fault = health
        .fault()
        .or_else(|| abilities.and_then(|a| a.as_ref().err()));
    let mut found = Vec::new();
    if health.good_at().is_none() {
        let Some(fault) = fault else {
            found.push(
                Finding::new(
                    weight(settings),
                    &area,
                    "reach",
                    format!("{url} has not answered"),
                )
                .advise("allow more time with --timeout"),
            );
            return found;
        };
        let test = test_of(fault);
        let text = format!("{} ({} {url})", fault.line(), settings.kind);
        found.push(Finding::new(weight(settings), &area, test, text).advise(fault.kind.advice()));
        return found;
    }
    found.push(Finding::good(
        &area,
        "reach",
        format!("{} {url}", settings.kind),
    ));
    found.extend(tls(settings, &area));
    found.extend(answers(&area, abilities));
    if let Some(fault) = health.fault() {
        let text = format!("it answers in part: {}", fault.line());
        found.push(
            Finding::new(Weight::Doubt, &area, test_of(fault), text).advise(fault.kind.advice()),
        );
    }
    found.extend(feeds(&area, health));
    found.extend(clock(&area, health));
    found
}

/// A source that is not needed may be away.
fn weight(settings: &SourceSettings) -> Weight {
    if settings.required {
        Weight::Error
    } else {
        Weight::Doubt
    }
}

/// Which test a fault fails.
fn test_of(fault: &Fault) -> &'static str {
    match fault.kind {
        FaultKind::Tls => "tls",
        FaultKind::Auth => "auth",
        FaultKind::Forbidden | FaultKind::HostRefused => "rights",
        FaultKind::Unsupported | FaultKind::NoRoute | FaultKind::Decode { .. } => "version",
        FaultKind::Config => "settings",
        _ => "reach",
    }
}

fn tls(settings: &SourceSettings, area: &str) -> Option<Finding> {
    if settings.url.starts_with("http://") {
        let local = ["http://127.", "http://localhost", "http://[::1]"];
        if local.iter().any(|l| settings.url.starts_with(l)) {
            return None;
        }
        return Some(
            Finding::new(Weight::Note, area, "tls", "the connection is not encrypted")
                .advise("use https where the server offers it"),
        );
    }
    if settings.tls.insecure {
        return Some(
            Finding::new(Weight::Doubt, area, "tls", "any certificate is accepted")
                .advise("set ca_file in place of insecure"),
        );
    }
    Some(Finding::good(area, "tls", "the certificate is trusted"))
}

/// What the probe said: version, who we are, rights, remarks.
fn answers(area: &str, abilities: Option<&Result<Abilities, Fault>>) -> Vec<Finding> {
    let mut found = Vec::new();
    let abilities = match abilities {
        Some(Ok(abilities)) => abilities,
        Some(Err(fault)) => {
            let text = format!("it does not tell what it can do: {}", fault.line());
            found.push(
                Finding::new(Weight::Doubt, area, test_of(fault), text).advise(fault.kind.advice()),
            );
            return found;
        }
        None => return found,
    };
    let server = if abilities.server.is_empty() {
        "the server does not tell its version".to_owned()
    } else {
        abilities.server.to_string()
    };
    found.push(Finding::good(area, "version", server));
    if let Some(user) = &abilities.user {
        found.push(Finding::good(area, "auth", format!("signed in as {user}")));
    }
    let of = |right: Right| -> Vec<&str> {
        let all = abilities.rights.iter().filter(|(_, r)| *r == right);
        all.map(|(name, _)| name.as_str()).collect()
    };
    let (allowed, denied) = (of(Right::Allowed), of(Right::Denied));
    if !allowed.is_empty() {
        found.push(Finding::good(
            area,
            "rights",
            format!("may {}", allowed.join(", ")),
        ));
    }
    if !denied.is_empty() {
        let text = format!("may not {}", denied.join(", "));
        found.push(
            Finding::new(Weight::Note, area, "rights", text)
                .advise("ask for the right if it is needed; keys that need it are dimmed"),
        );
    }
    for remark in abilities.remarks.iter().filter(|r| !r.is_empty()) {
        found.push(Finding::new(
            Weight::Note,
            area,
            "version",
            remark.to_string(),
        ));
    }
    found
}

fn feeds(area: &str, health: &SourceHealth) -> Vec<Finding> {
    let each: Vec<String> = health
        .feeds
        .iter()
        .filter(|(_, f)| f.fault.is_none())
        .map(|(feed, f)| format!("{} {}", feed.word(), span(f.took)))
        .collect();
    let slowest = health
        .feeds
        .values()
        .map(|f| f.took)
        .max()
        .unwrap_or_default();
    if each.is_empty() {
        return Vec::new();
    }
    let text = each.join(", ");
    vec![if slowest > SLOW {
        Finding::new(Weight::Doubt, area, "latency", text).advise(
            "the server is slow: raise `every` for this source, so that it is asked less often",
        )
    } else {
        Finding::good(area, "latency", text)
    }]
}

fn clock(area: &str, health: &SourceHealth) -> Option<Finding> {
    let skew = health.clock_skew_ms?;
    let size = Duration::from_millis(skew.unsigned_abs());
    if size <= SKEW {
        return Some(Finding::good(
            area,
            "clock",
            "it agrees with this machine's",
        ));
    }
    let way = if skew > 0 { "ahead of" } else { "behind" };
    let text = format!("the server's clock is {} {way} this machine's", span(size));
    Some(if size > SKEW_BAD {
        Finding::new(Weight::Error, area, "clock", text)
            .advise("synchronise both clocks: writes that rest on an expiry would be blocked")
    } else {
        Finding::new(Weight::Doubt, area, "clock", text).advise("synchronise both clocks")
    })
}

/// Joins that are missing, aliases that are followed and do not exist.
pub(super) fn wiring(fleet: &Fleet) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut joined = 0;
    for join in fleet.joins() {
        let Some(model) = join.model.as_ref().and_then(|key| fleet.registered(key)) else {
            if fleet.models().len() > 0 {
                let text = format!("{} is joined to no model", join.name);
                found.push(
                    Finding::new(Weight::Doubt, "wiring", "join", text)
                        .advise(join.because.to_string()),
                );
            }
            continue;
        };
        joined += 1;
        let model = &model.fact;
        match &join.follows {
            Target::Alias(alias) if model.alias(alias.as_str()).is_none() => {
                let known: Vec<&str> = model
                    .aliases
                    .iter()
                    .map(|a| a.name.shown.as_str())
                    .collect();
                let known = if known.is_empty() {
                    "it has none".to_owned()
                } else {
                    format!("it has {}", known.join(", "))
                };
                let text = format!(
                    "{} follows @{alias}, which {} does not have ({known})",
                    join.name, model.name
                );
                found.push(Finding::new(Weight::Doubt, "wiring", "alias", text).advise(
                    "set the alias in the registry, or `follows` for the deployment, or `champion` in [policy]",
                ));
            }
            Target::Version(version) if !holds(fleet, &model.key, version.as_str()) => {
                let text = format!(
                    "{} follows version {version}, which {} does not have",
                    join.name, model.name
                );
                found.push(
                    Finding::new(Weight::Doubt, "wiring", "version", text)
                        .advise("correct `follows` for the deployment"),
                );
            }
            _ => {}
        }
    }
    for model in fleet.models().filter(|m| fleet.looks_alike(&m.key)) {
        let text = format!("another model's name looks the same as {}", model.name);
        found.push(
            Finding::new(Weight::Doubt, "wiring", "names", text)
                .advise("rename one of them: writes to either would be refused"),
        );
    }
    if joined > 0 {
        let text = format!(
            "{joined} of {} deployments are joined to a model",
            fleet.joins().len()
        );
        found.push(Finding::good("wiring", "join", text));
    }
    found
}

fn holds(fleet: &Fleet, model: &crate::domain::key::ModelKey, version: &str) -> bool {
    let bare = version.strip_prefix('v').unwrap_or(version);
    let versions = fleet.versions(model);
    versions
        .iter()
        .any(|h| [version, bare].contains(&h.fact.key.version.raw()))
}
