//! Triage: what is in trouble, worst first, one row a model, and one row a source that hides many.

use super::Fleet;
use super::view::ModelView;
use crate::domain::deployment::Health;
use crate::domain::key::{DeploymentKey, ModelKey, SourceId};
use crate::domain::level::{Level, ReasonCode, Verdict};
use crate::domain::model::VersionStatus;
use crate::domain::rules::freshness::Freshness;
use crate::domain::rules::next::{self, Next};
use crate::domain::rules::skew::Skew;
use crate::domain::settings::{SourceKind, SourceSettings};
use crate::domain::signal::{Measure, State};
use crate::domain::text::Clean;
use crate::domain::time::{Millis, Since};

/// What a row is about.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum TriageKey {
    /// A source that does not answer, standing for all that rests on it alone.
    Source(SourceId),
    /// A model.
    Model(ModelKey),
    /// A deployment that no model is known for.
    Deployment(DeploymentKey),
}

/// How much a model's trouble touches.
#[derive(Clone, Copy, PartialEq, Debug, Default, serde::Serialize)]
pub struct Blast {
    /// Endpoints that serve it.
    pub endpoints: usize,
    /// Of them, those in production.
    pub production: usize,
    /// Requests a second to all its versions, where they are known.
    pub requests: Option<f64>,
}

impl Fleet {
    /// How much a model's trouble touches.
    pub fn blast(&self, model: &ModelView) -> Blast {
        let endpoints = model.deployments.iter().filter_map(|k| self.joins.get(k));
        let requests = model.signals.gauge(Measure::Requests);
        Blast {
            endpoints: model.deployments.len(),
            production: endpoints.filter(|join| join.production).count(),
            requests: requests.and_then(|g| g.value.filter(|_| g.state == State::Value)),
        }
    }

    /// What to do next about a model in trouble.
    pub fn next_step(&self, model: &ModelView, now: Millis) -> Option<Next> {
        let mut endpoints = model.deployments.iter();
        let as_told = |key| {
            let endpoint = self.deployment(key);
            endpoint.is_some_and(|d| d.health == Health::Ready && d.skew == Skew::InSync)
        };
        next::judge(next::Facts {
            verdict: &model.verdict,
            changes: &self.model_timeline(&model.key),
            cause: model.cause.as_deref(),
            watched_since: self.watched_since(&model.key),
            champion: &self.settings.policy.champion,
            newer: self.newer(model),
            endpoints: model.deployments.len(),
            as_told: endpoints.all(as_told),
            now,
        })
    }

    /// The newest version, where it is ready and newer than the champion, and when it was registered.
    fn newer<'a>(&self, model: &'a ModelView) -> Option<(&'a Clean, Millis)> {
        let (champion, newest) = (model.champion.as_ref()?, model.newest.as_ref()?);
        let first = self.versions(&model.key).first()?;
        let is_ready = first.fact.status == VersionStatus::Ready;
        let at = newest.created.filter(|_| is_ready)?;
        (newest.key != champion.key && Some(at) > champion.created).then_some((&newest.text, at))
    }
}

/// One row of triage.
#[derive(Clone, PartialEq, Debug)]
pub struct TriageRow {
    /// What it is about.
    pub key: TriageKey,
    /// Its name.
    pub name: Clean,
    /// The versions that answer, one text.
    pub served: Clean,
    /// How bad, with reasons.
    pub verdict: Verdict,
    /// Since when.
    pub since: Since,
}

/// How many models stand at each level.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize)]
pub struct Counts {
    /// Models that need somebody now.
    pub crit: usize,
    /// Models that cannot be judged.
    pub unknown: usize,
    /// Models that need a look.
    pub warn: usize,
    /// Models with something worth knowing.
    pub info: usize,
    /// Models that are fine.
    pub ok: usize,
}

impl Counts {
    /// Adds one at a level.
    pub fn add(&mut self, level: Level) {
        *self.of(level) += 1;
    }

    /// Takes one away from a level.
    pub(super) fn take(&mut self, level: Level) {
        *self.of(level) -= 1;
    }

    fn of(&mut self, level: Level) -> &mut usize {
        match level {
            Level::Crit => &mut self.crit,
            Level::Unknown => &mut self.unknown,
            Level::Warn => &mut self.warn,
            Level::Info => &mut self.info,
            Level::Ok => &mut self.ok,
        }
    }
}

/// Models by level.
pub fn counts(fleet: &Fleet) -> Counts {
    fleet.counts
}

/// The worst level of everything: of models, of deployments without a model, and of the sources
/// that are needed.
pub fn worst(fleet: &Fleet) -> Level {
    let models = fleet.models().map(ModelView::level);
    let orphans = fleet
        .deployments()
        .filter(|d| d.model.is_none())
        .map(|d| d.verdict.level);
    let sources = silence(fleet, |set| set.is_none_or(|s| s.required));
    models.chain(orphans).max().unwrap_or_default().max(sources)
}

/// The level of those needed sources of some kinds that do not answer, or not everything: for what one
/// kind of source alone tells of.
pub fn unread(fleet: &Fleet, kinds: &[SourceKind]) -> Level {
    silence(fleet, |set| {
        set.is_some_and(|s| s.required && kinds.contains(&s.kind))
    })
}

/// What sources do not say, or leave out, is not known to be fine.
fn silence(fleet: &Fleet, counts: impl Fn(Option<&SourceSettings>) -> bool) -> Level {
    let silent = fleet.sources().any(|(id, health, fresh)| {
        let mut all = fleet.settings().sources.iter();
        let set = all.find(|s| s.name == id.as_str());
        let lacks = fresh != Freshness::Live || health.partial().is_some();
        lacks && counts(set)
    });
    if silent { Level::Unknown } else { Level::Ok }
}

/// The rows of triage: everything above `info`, worst first, then the newest trouble first.
///
/// Models whose only trouble is that their registry does not answer share that source's row.
pub fn rows(fleet: &Fleet, now: Millis) -> Vec<TriageRow> {
    let mut rows: Vec<TriageRow> = fleet
        .models()
        .filter(|m| m.level() > Level::Info && !only_stale(&m.verdict))
        .map(|m| TriageRow {
            key: TriageKey::Model(m.key.clone()),
            name: m.name.clone(),
            served: m.served.clone(),
            verdict: m.verdict.clone(),
            since: m.since(),
        })
        .collect();
    rows.extend(
        fleet
            .deployments()
            .filter(|d| d.model.is_none() && d.verdict.level > Level::Info)
            .map(|d| TriageRow {
                key: TriageKey::Deployment(d.key.clone()),
                name: d.name.clone(),
                served: d.answering_text(),
                verdict: d.verdict.clone(),
                since: d.health_since,
            }),
    );
    rows.extend(source_rows(fleet, now));
    rows.sort_by(|a, b| {
        b.verdict
            .level
            .cmp(&a.verdict.level)
            .then_with(|| b.since.stamp().cmp(&a.since.stamp()))
            .then_with(|| a.name.cmp(&b.name))
            .then_with(|| a.key.cmp(&b.key))
    });
    rows
}

fn only_stale(verdict: &Verdict) -> bool {
    verdict
        .reasons
        .iter()
        .filter(|r| r.level > Level::Info)
        .all(|r| r.code == ReasonCode::FactsStale)
}

/// A source that answers, but not everything: what it left out is not known to be fine.
fn partly_read(id: &SourceId, partial: &Clean) -> TriageRow {
    let reason = crate::domain::level::Reason {
        code: ReasonCode::SourcePartial,
        level: Level::Unknown,
        text: partial.clone(),
        since: Since::default(),
        source: Some(id.clone()),
    };
    TriageRow {
        key: TriageKey::Source(id.clone()),
        name: Clean::name(&format!("{id} in part")),
        served: Clean::name("–"),
        since: reason.since,
        verdict: Verdict::of(vec![reason]),
    }
}

fn source_rows(fleet: &Fleet, now: Millis) -> Vec<TriageRow> {
    fleet
        .sources()
        .filter(|(id, health, fresh)| {
            let silent = matches!(fresh, Freshness::Down | Freshness::Stale);
            (silent || health.partial().is_some()) && !is_deployment(fleet, id)
        })
        .map(|(id, health, fresh)| {
            if let (Freshness::Live, Some(partial)) = (fresh, health.partial()) {
                return partly_read(id, partial);
            }
            let registered = fleet
                .models()
                .filter(|m| fleet.registered(&m.key).is_some_and(|h| h.source == *id))
                .count();
            // A registry hides its models, a monitoring source those that it watches.
            let watched = fleet.models().filter(|m| fleet.monitors(id, &m.key));
            let hidden = registered.max(watched.count());
            let why = health.fault().map_or_else(
                || "has not answered in time".to_owned(),
                crate::domain::fault::Fault::line,
            );
            let read = fleet.answered_at(id).map_or_else(
                || "never read".to_owned(),
                |at| format!("last read {} ago", crate::domain::time::age(now.since(at))),
            );
            let text = format!("{why}; {hidden} models {read}");
            let reason = crate::domain::level::Reason {
                code: ReasonCode::SourceDown,
                level: Level::Unknown,
                text: Clean::text(&text),
                since: health.failing_since().unwrap_or_default(),
                source: Some(id.clone()),
            };
            TriageRow {
                key: TriageKey::Source(id.clone()),
                name: Clean::name(&format!("{id} {}", fresh.word())),
                served: Clean::name("–"),
                since: reason.since,
                verdict: Verdict::of(vec![reason]),
            }
        })
        .collect()
}

/// A serving source is a deployment's own: its trouble shows at that deployment's model.
fn is_deployment(fleet: &Fleet, id: &SourceId) -> bool {
    fleet.deployments().any(|d| d.source == *id)
}
