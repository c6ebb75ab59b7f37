//! What is wrong with a model and with an endpoint, as findings: one rule a function, in the order in
//! which an engineer would want to hear them.

use std::time::Duration;

use super::freshness::{FRESH_START, Freshness, SourceHealth};
use super::skew::{Judged, Skew};
use crate::domain::deployment::Health;
use crate::domain::fleet::view::{Answering, DeploymentView, Pointed};
use crate::domain::key::SourceId;
use crate::domain::level::{Level, Reason, ReasonCode, Verdict};
use crate::domain::model::{ModelVersion, RegisteredModel, VersionStatus};
use crate::domain::observation::Feed;
use crate::domain::text::Clean;
use crate::domain::time::{Millis, Since, age, span};
use crate::domain::wiring::Target;

/// What the rules look at for a model.
#[derive(Debug)]
pub struct ModelFacts<'a> {
    /// The registered model.
    pub model: &'a RegisteredModel,
    /// What the champion alias points at.
    pub champion: Option<&'a Pointed>,
    /// That version, if the registry holds it.
    pub champion_version: Option<&'a ModelVersion>,
    /// The version in the deprecated stage `Production`, if one is.
    pub production_stage: Option<&'a ModelVersion>,
    /// Its deployments, judged.
    pub deployments: &'a [&'a DeploymentView],
    /// The source of the registry facts.
    pub source: &'a SourceId,
    /// How fresh they are.
    pub freshness: Freshness,
    /// That source's health.
    pub source_health: Option<&'a SourceHealth>,
    /// When they were last read with success.
    pub read_at: Option<Millis>,
    /// When the registry first said what it says of the model now.
    pub told_at: Millis,
    /// When the registry was first seen to hold the model, or to hold it again.
    pub here_since: Option<Millis>,
    /// How old a champion may be.
    pub max_age: Option<Duration>,
    /// Whether another model's name looks the same on screen.
    pub looks_alike: bool,
}

/// Judges a model: its endpoints' findings and its own.
pub fn judge(facts: &ModelFacts<'_>, now: Millis) -> Verdict {
    let mut reasons: Vec<Reason> = facts
        .deployments
        .iter()
        .flat_map(|d| d.verdict.reasons.iter().cloned())
        .collect();
    reasons.extend(champion_missing(facts));
    reasons.extend(champion_unready(facts));
    reasons.extend(stage_disagrees(facts));
    reasons.extend(too_old(facts, now));
    reasons.extend(stale_facts(facts, now));
    reasons.extend(look_alike(facts));
    Verdict::of(reasons)
}

fn look_alike(facts: &ModelFacts<'_>) -> Option<Reason> {
    facts.looks_alike.then(|| Reason {
        code: ReasonCode::LookAlike,
        level: Level::Warn,
        text: Clean::text(&format!(
            "another model is shown as {} too: their names differ in what cannot be seen",
            facts.model.name
        )),
        since: Since::Unknown,
        source: Some(facts.source.clone()),
    })
}

fn champion_missing(facts: &ModelFacts<'_>) -> Option<Reason> {
    let champion = facts.champion.filter(|c| !c.exists)?;
    // Versions are read after models: until then, absence says nothing.
    champion_versions_read(facts).then(|| Reason {
        code: ReasonCode::VersionMissing,
        level: Level::Crit,
        text: Clean::text(&format!(
            "champion names {}, which the registry does not hold",
            champion.text
        )),
        since: champion.since,
        source: Some(facts.source.clone()),
    })
}

/// Whether the versions were read, once in full since the model is there, and again since the alias was
/// seen: those of a model that came into sight are in the next full answer, and a version that was
/// registered a moment ago is only in the later one.
fn champion_versions_read(facts: &ModelFacts<'_>) -> bool {
    // A poll that failed since takes nothing back of what the last good one told.
    let good = |feed| facts.source_health?.feeds.get(&feed)?.good_at;
    let newest = good(Feed::Versions).max(good(Feed::NewestVersions));
    let full = good(Feed::Versions).is_some_and(|at| Some(at) >= facts.here_since);
    full && newest > Some(facts.told_at)
}

fn champion_unready(facts: &ModelFacts<'_>) -> Option<Reason> {
    let version = facts.champion_version?;
    let (level, word) = match &version.status {
        VersionStatus::Ready => return None,
        VersionStatus::Pending => (Level::Warn, "is still being registered".to_owned()),
        VersionStatus::Failed => (
            Level::Crit,
            format!("failed to register: {}", version.status_message),
        ),
        VersionStatus::Other(word) => (Level::Unknown, format!("has the status {word}")),
    };
    Some(Reason {
        code: ReasonCode::VersionNotReady,
        level,
        text: Clean::text(&format!("champion {} {word}", facts.champion?.text)),
        since: Since::AtLeast(version.updated),
        source: Some(facts.source.clone()),
    })
}

fn stage_disagrees(facts: &ModelFacts<'_>) -> Option<Reason> {
    let (champion, staged) = (facts.champion?, facts.production_stage?);
    (champion.key != staged.key.version).then(|| Reason {
        code: ReasonCode::AliasStageDisagree,
        level: Level::Warn,
        text: Clean::text(&format!(
            "alias says {}, stage Production says v{}",
            champion.text, staged.version
        )),
        since: Since::AtLeast(staged.updated),
        source: Some(facts.source.clone()),
    })
}

fn too_old(facts: &ModelFacts<'_>, now: Millis) -> Option<Reason> {
    let (limit, champion) = (facts.max_age?, facts.champion?);
    let created = champion.created?;
    let old = now.since(created);
    (old > limit).then(|| Reason {
        code: ReasonCode::ModelStale,
        level: Level::Warn,
        text: Clean::text(&format!(
            "champion {} registered {} ago, limit {}",
            champion.text,
            age(old),
            age(limit)
        )),
        since: Since::Exact(created.plus(limit)),
        source: Some(facts.source.clone()),
    })
}

fn stale_facts(facts: &ModelFacts<'_>, now: Millis) -> Option<Reason> {
    let old = facts.read_at.map(|at| now.since(at));
    let word = match facts.freshness {
        Freshness::Live => return None,
        // What the last start left behind is shown at once, and is not taken for the present.
        Freshness::Waiting if old.is_none_or(|old| old <= FRESH_START) => return None,
        Freshness::Waiting => "has not been asked yet",
        Freshness::Stale => "has not answered in time",
        Freshness::Down => "does not answer",
    };
    let read = old.map_or_else(
        || "never read".to_owned(),
        |old| format!("last read {} ago", age(old)),
    );
    Some(Reason {
        code: ReasonCode::FactsStale,
        level: Level::Unknown,
        text: Clean::text(&format!("{} {word}; {read}", facts.source)),
        since: facts
            .source_health
            .and_then(SourceHealth::failing_since)
            .unwrap_or_default(),
        source: Some(facts.source.clone()),
    })
}

/// What the rules look at for an endpoint.
#[derive(Debug)]
pub struct Endpoint<'a> {
    /// Its name.
    pub name: &'a Clean,
    /// Its source.
    pub source: &'a SourceId,
    /// Its health.
    pub health: Health,
    /// Since when.
    pub health_since: Since,
    /// What it or the fault says.
    pub message: &'a Clean,
    /// The health call's time.
    pub latency: Option<Duration>,
    /// Slower than this is worth a warning.
    pub slow: Duration,
    /// Since when it is slower.
    pub slow_since: Since,
    /// How fresh the reading is.
    pub freshness: Freshness,
    /// How long ago it was last read with success.
    pub read_age: Option<Duration>,
    /// Its skew.
    pub skew: Judged,
    /// The version it should answer.
    pub expected: Option<&'a Pointed>,
    /// What it follows.
    pub follows: &'a Target,
    /// The versions that answer.
    pub answering: &'a [Answering],
    /// Whether its model is known.
    pub joined: bool,
    /// Which rule joined them, or why none did.
    pub because: &'a Clean,
    /// Which call failed, where the newest look could not read the versions.
    pub versions_unread: Option<&'a Clean>,
    /// When the versions were read, where the newest look could not read them.
    pub versions_at: Option<Millis>,
    /// Why the newest poll failed, if it did.
    pub fault: Option<&'a Clean>,
    /// When it was last read with success.
    pub read_at: Option<Millis>,
    /// Why it is held.
    pub hold: Option<&'a Clean>,
    /// When endpoint and followed version came apart.
    pub moved: Since,
}

/// Judges an endpoint.
pub fn judge_endpoint(e: &Endpoint<'_>) -> Vec<Reason> {
    let mut reasons = Vec::new();
    reasons.extend(unready(e));
    reasons.extend(skewed(e));
    reasons.extend(slow(e));
    reasons.extend(stale_reading(e));
    reasons.extend(stale_versions(e));
    reasons.extend(unjoined(e));
    reasons
}

fn unready(e: &Endpoint<'_>) -> Option<Reason> {
    let word = match e.health {
        // It answered, and nobody can say what: that must not look like "ready".
        Health::Unknown if e.freshness == Freshness::Live => return Some(unreadable(e)),
        Health::Ready | Health::Unknown => return None,
        Health::NotReady => "is not ready",
        Health::Missing => "does not hold its model",
        Health::Unreachable => "does not answer",
    };
    let why = if e.message.is_empty() {
        String::new()
    } else {
        format!(": {}", e.message)
    };
    Some(Reason {
        code: ReasonCode::EndpointUnready,
        level: Level::Crit,
        text: Clean::text(&format!("{} {word}{why}", e.name)),
        since: e.health_since,
        source: Some(e.source.clone()),
    })
}

fn unreadable(e: &Endpoint<'_>) -> Reason {
    let why = if e.message.is_empty() {
        "it says nothing of its state"
    } else {
        e.message.as_str()
    };
    Reason {
        code: ReasonCode::EndpointUnready,
        level: Level::Unknown,
        text: Clean::text(&format!("{} may be ready or not: {why}", e.name)),
        since: e.health_since,
        source: Some(e.source.clone()),
    }
}

fn skewed(e: &Endpoint<'_>) -> Option<Reason> {
    let code = e.skew.skew.code()?;
    // An endpoint that does not answer has one finding, not two.
    if e.skew.skew == Skew::Unlinked && e.health != Health::Ready {
        return None;
    }
    let answers = e
        .answering
        .iter()
        .map(|a| a.text.as_str())
        .collect::<Vec<_>>()
        .join(" + ");
    let wanted = e.expected.map_or("–", |p| p.text.as_str());
    let follows = e.follows.text();
    let text = match e.skew.skew {
        Skew::NotJudged | Skew::InSync => return None,
        Skew::HeldBack => {
            format!(
                "{} held at {answers}: {}",
                e.name,
                e.hold.map_or("", Clean::as_str)
            )
        }
        Skew::Split => format!("{} answers {answers}, {follows} is {wanted}", e.name),
        Skew::RollingOut if answers.is_empty() => format!("{} is loading {wanted}", e.name),
        Skew::RollingOut => format!("{} answers {answers}, {wanted} is on its way", e.name),
        Skew::Unlinked => match e.versions_unread.filter(|why| !why.is_empty()) {
            Some(why) => format!("{}: {why}; {follows} is {wanted}", e.name),
            None => format!(
                "{} cannot tell which version answers, {follows} is {wanted}",
                e.name
            ),
        },
        Skew::Ahead | Skew::Behind => format!("{} answers {answers}, not {wanted}", e.name),
        Skew::Stuck if answers.is_empty() => format!("{wanted} does not come up at {}", e.name),
        Skew::Stuck => format!("{wanted} does not come up at {}, {answers} answers", e.name),
    };
    Some(Reason {
        code,
        level: e.skew.level,
        text: Clean::text(&text),
        since: e.moved,
        source: Some(e.source.clone()),
    })
}

/// An endpoint that no model is known for is not fine: nobody can say whether it answers the right
/// version.
fn unjoined(e: &Endpoint<'_>) -> Option<Reason> {
    (!e.joined).then(|| Reason {
        code: ReasonCode::Unjoined,
        level: Level::Info,
        text: Clean::text(&format!("{} is joined to no model: {}", e.name, e.because)),
        since: Since::Unknown,
        source: Some(e.source.clone()),
    })
}

fn slow(e: &Endpoint<'_>) -> Option<Reason> {
    let latency = e
        .latency
        .filter(|l| *l > e.slow && e.health == Health::Ready)?;
    Some(Reason {
        code: ReasonCode::EndpointSlow,
        level: Level::Warn,
        text: Clean::text(&format!(
            "{} health call took {} > {}",
            e.name,
            span(latency),
            span(e.slow)
        )),
        since: e.slow_since,
        source: Some(e.source.clone()),
    })
}

/// What an endpoint said is old: since when, the reason's own stamp says, which ages on screen.
fn stale_reading(e: &Endpoint<'_>) -> Option<Reason> {
    let text = match (e.freshness, e.fault, e.read_age) {
        (Freshness::Stale, Some(fault), _) => {
            format!("{} failed its last probe: {fault}", e.name)
        }
        (Freshness::Stale, None, _) => format!("{} has not answered its probe in time", e.name),
        (Freshness::Waiting, _, Some(old)) if old > FRESH_START => {
            format!("{} has not been asked yet", e.name)
        }
        _ => return None,
    };
    Some(Reason {
        code: ReasonCode::FactsStale,
        level: Level::Unknown,
        text: Clean::text(&text),
        since: e.read_at.map_or(Since::Unknown, Since::Exact),
        source: Some(e.source.clone()),
    })
}

/// The endpoint answers, and the version shown is one that an earlier look read.
fn stale_versions(e: &Endpoint<'_>) -> Option<Reason> {
    let since = Since::Exact(e.versions_at?);
    if e.health == Health::Unreachable {
        return None;
    }
    let why = e.versions_unread.map_or("", Clean::as_str);
    Some(Reason {
        code: ReasonCode::FactsStale,
        level: Level::Unknown,
        text: Clean::text(&format!(
            "{} may answer another version by now: {why}",
            e.name
        )),
        since,
        source: Some(e.source.clone()),
    })
}
