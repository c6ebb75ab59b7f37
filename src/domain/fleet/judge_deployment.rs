//! From an endpoint's reading to its view: which versions answer, which one should, and since when.

use std::collections::BTreeSet;

use super::Fleet;
use super::judge::pointed_at;
use super::view::{Answering, DeploymentView, Pointed};
use crate::domain::change::{ChangeKind, Subject};
use crate::domain::deployment::{EndpointReading, Health, Known, ServedState, ServedVersion};
use crate::domain::key::{DeploymentKey, Key, SourceId};
use crate::domain::level::{Reason, Verdict};
use crate::domain::model::RegisteredModel;
use crate::domain::observation::FactKey;
use crate::domain::rules::freshness::{Freshness, SourceHealth};
use crate::domain::rules::model::{self as model_rule, Endpoint};
use crate::domain::rules::skew::{self, Expected, Facts, Judged, Seen};
use crate::domain::text::Clean;
use crate::domain::time::{Millis, Since};
use crate::domain::wiring::{self, Join, Target};

impl Fleet {
    /// Judges one deployment; says when the judgement may change by time alone.
    pub(super) fn judge_deployment(&mut self, key: &DeploymentKey, now: Millis) -> Option<Millis> {
        let Some(join) = self.joins.get(key) else {
            self.deployments.remove(key);
            return None;
        };
        let (view, until) = self.deployment_view(join, now);
        if self.deployments.get(key) != Some(&view) {
            self.revision += 1;
            self.deployments.insert(key.clone(), view);
        }
        until
    }

    fn deployment_view(&self, join: &Join, now: Millis) -> (DeploymentView, Option<Millis>) {
        let held = self.endpoints.get(&join.deployment);
        let model = join
            .model
            .as_ref()
            .and_then(|k| self.models.get(k))
            .map(|h| &h.fact);
        let source = SourceId::new(join.name.as_str());
        let reading = held.map(|h| &h.fact);
        let fresh = self.source_freshness(&source);
        let unreachable = fresh == Freshness::Down;
        let health = match reading {
            _ if unreachable => Health::Unreachable,
            Some(r) => r.health,
            None => Health::Unknown,
        };
        let versions = self.judge_versions(join, model, reading, health, now);
        let fault = self.sources.get(&source).and_then(SourceHealth::fault);
        let message = match (unreachable, fault, reading) {
            (true, Some(fault), _) => Clean::text(&fault.line()),
            (_, _, Some(r)) => r.message.clone(),
            _ => Clean::empty(),
        };
        let health_since = self.health_since(join, &source, unreachable);
        // How long an answer took says nothing about an endpoint that no longer answers.
        let latency = reading.filter(|_| !unreachable).and_then(|r| r.latency);
        let read_at = self.answered_at(&source).max(held.map(|h| h.asked_at));
        let reasons: Vec<Reason> = model_rule::judge_endpoint(&Endpoint {
            name: &join.name,
            source: &source,
            health,
            health_since,
            message: &message,
            latency,
            slow: self.settings.policy.slow_probe,
            slow_since: self.slow_since(join),
            freshness: fresh,
            read_age: read_at.map(|at| now.since(at)),
            skew: versions.judged,
            expected: versions.expected.as_ref(),
            follows: &join.follows,
            answering: &versions.answering,
            joined: join.model.is_some(),
            because: &join.because,
            versions_unread: reading.map(|r| &r.versions_unread),
            versions_at: reading.and_then(|r| r.versions_at),
            fault: fault.map(|f| Clean::text(&f.line())).as_ref(),
            read_at,
            hold: join.hold.as_ref(),
            moved: self.skew_since(join, &versions),
        });
        let view = DeploymentView {
            key: join.deployment.clone(),
            name: join.name.clone(),
            model: join.model.clone(),
            model_name: model.map_or_else(|| Clean::name("–"), |m| m.name.clone()),
            rule: join.model_rule,
            because: join.because.clone(),
            follows: join.follows.clone(),
            environment: join.environment.clone(),
            expected: versions.expected,
            versions_at: reading.and_then(|r| r.versions_at),
            since: self.served_since(join, &versions.answering),
            answering: versions.answering,
            other: versions.other,
            health,
            health_since,
            message,
            latency,
            server: reading.map(|r| r.server.clone()).unwrap_or_default(),
            read_at,
            skew: versions.judged.skew,
            verdict: Verdict::of(reasons),
            source,
        };
        (view, versions.judged.until)
    }

    /// Which versions answer, which are there besides, which one should answer, and the judgement.
    fn judge_versions(
        &self,
        join: &Join,
        model: Option<&RegisteredModel>,
        reading: Option<&EndpointReading>,
        health: Health,
        now: Millis,
    ) -> Versions {
        let seen = self.seen(join, model, reading);
        let pointed = model.and_then(|m| self.expected(join, m));
        let expected = pointed.as_ref().map(|p| Expected {
            version: p.key.clone(),
            rank: p.created,
            since: p.since,
        });
        let default = reading
            .and_then(|r| r.default_version.as_ref())
            .map(|d| self.mapped(join, model, d));
        let judged = skew::judge(
            &Facts {
                expected: expected.as_ref(),
                held: join.hold.is_some(),
                health,
                versions: &seen,
                default: default.as_ref(),
                can_tell: reading.is_none_or(wiring::can_tell) || join.declared.is_some(),
                production: join.production,
                loading_since: expected
                    .as_ref()
                    .map_or(Since::Unknown, |e| self.loading_since(join, &e.version)),
            },
            &self.settings.policy,
            now,
        );
        let (answering, other): (Vec<&Seen>, Vec<&Seen>) =
            seen.iter().partition(|v| match &default {
                Some(default) => v.version == *default,
                None => v.state == ServedState::Answering,
            });
        Versions {
            expected: pointed,
            judged,
            answering: answering
                .into_iter()
                .map(|v| Answering {
                    text: wiring::version_text(&v.version),
                    version: v.rank.is_some().then(|| v.version.clone()),
                    known: v.known,
                })
                .collect(),
            other: other
                .into_iter()
                .map(|v| {
                    (
                        wiring::version_text(&v.version),
                        Clean::name(state_word(v.state)),
                    )
                })
                .collect(),
        }
    }

    /// The endpoint's versions in the registry's words; a declared version stands in where the
    /// server cannot tell.
    fn seen(
        &self,
        join: &Join,
        model: Option<&RegisteredModel>,
        reading: Option<&EndpointReading>,
    ) -> Vec<Seen> {
        let declared = join.declared.as_ref().map(|version| ServedVersion {
            version: version.clone(),
            known: Known::Declared,
            state: ServedState::Answering,
            message: Clean::empty(),
        });
        let versions = match reading {
            Some(r) if !r.versions.is_empty() => r.versions.clone(),
            Some(r) if r.health == Health::Ready => declared.into_iter().collect(),
            _ => Vec::new(),
        };
        versions
            .into_iter()
            .map(|v| {
                let version = self.mapped(join, model, &v.version);
                let rank = model
                    .and_then(|m| self.version_of(m, &version))
                    .map(|f| f.created);
                Seen {
                    version,
                    known: v.known,
                    state: v.state,
                    rank,
                }
            })
            .collect()
    }

    fn mapped(&self, join: &Join, model: Option<&RegisteredModel>, word: &Key) -> Key {
        let versions = model.map_or(&[][..], |m| self.versions(&m.key));
        wiring::map_version(
            word,
            join.version_map.as_ref(),
            versions.iter().map(|h| &h.fact),
        )
        .map_or_else(|| word.clone(), |v| v.key.version.clone())
    }

    /// The version that the deployment follows, resolved.
    fn expected(&self, join: &Join, model: &RegisteredModel) -> Option<Pointed> {
        match &join.follows {
            Target::Alias(alias) => self.pointed(model, alias.as_str()),
            Target::Version(version) => {
                let key = Key::of(version);
                Some(match self.version_of(model, &key) {
                    Some(found) => pointed_at(found, Since::Unknown),
                    None => Pointed {
                        text: wiring::version_text(&key),
                        key,
                        since: Since::Unknown,
                        exists: false,
                        created: None,
                    },
                })
            }
            Target::Nothing => None,
        }
    }

    fn loading_since(&self, join: &Join, wanted: &Key) -> Since {
        self.loading
            .iter()
            .find(|((deployment, version), _)| {
                *deployment == join.deployment
                    && (version == wanted
                        || wiring::version_text(version) == wiring::version_text(wanted))
            })
            .map_or(Since::Unknown, |(_, at)| Since::AtLeast(*at))
    }

    /// Since when the answering versions are these. A change to others says nothing of them: then at
    /// least since the first look, or since that change where it is newer.
    fn served_since(&self, join: &Join, answering: &[Answering]) -> Since {
        let subject = Subject::Deployment(join.deployment.clone());
        let mut newest = self.timeline(&subject).iter().rev();
        let change = newest.find(|c| c.kind == ChangeKind::Served);
        let first = self.first_look(join);
        match change {
            Some(change) if is_of(change.to.as_str(), answering) => {
                Since::within(change.not_before, change.not_after)
            }
            Some(change) => first.both(Since::AtLeast(change.not_after)),
            None => first,
        }
    }

    /// Since when nothing answers: since the endpoint is not ready, else since the wanted version is seen on
    /// its way, else since the last look at which a version answered.
    fn silent_since(&self, join: &Join, expected: Option<&Pointed>) -> Since {
        let first = self.first_look(join);
        let subject = Subject::Deployment(join.deployment.clone());
        let mut newest = self.timeline(&subject).iter().rev();
        let unready = newest.find(|c| c.kind == ChangeKind::Health);
        if let Some(change) = unready.filter(|c| c.to != Health::Ready.word()) {
            return Since::within(change.not_before, change.not_after);
        }
        let after_first = |at: Millis| match first {
            Since::AtLeast(first) if first < at => Since::Exact(at),
            _ => first,
        };
        let loading = expected.map(|p| self.loading_since(join, &p.key));
        if let Some(at) = loading.and_then(Since::stamp) {
            return after_first(at);
        }
        let track = self.tracks.get(&join.deployment);
        let answered = track.and_then(|track| track.served.as_ref());
        answered.map_or(first, |(_, at)| after_first(*at))
    }

    fn health_since(&self, join: &Join, source: &SourceId, unreachable: bool) -> Since {
        if unreachable {
            return self
                .sources
                .get(source)
                .and_then(SourceHealth::failing_since)
                .unwrap_or_default();
        }
        let subject = Subject::Deployment(join.deployment.clone());
        let change = self
            .timeline(&subject)
            .iter()
            .rev()
            .find(|c| c.kind == ChangeKind::Health);
        match change {
            Some(change) => Since::within(change.not_before, change.not_after),
            None => self.first_look(join),
        }
    }

    /// When the endpoint and the version it follows came apart: the later of the two moves.
    fn skew_since(&self, join: &Join, versions: &Versions) -> Since {
        let expected = versions.expected.as_ref();
        let served = if versions.answering.is_empty() {
            self.silent_since(join, expected)
        } else {
            self.served_since(join, &versions.answering)
        };
        served.both(expected.map_or(Since::Unknown, |e| e.since))
    }

    /// Since when the health call is slow; at least since the first look if it was slow then.
    fn slow_since(&self, join: &Join) -> Since {
        let Some(at) = self.slow.get(&join.deployment) else {
            return Since::Unknown;
        };
        match self.first_look(join) {
            Since::AtLeast(first) if first < *at => Since::Exact(*at),
            _ => Since::AtLeast(*at),
        }
    }

    fn first_look(&self, join: &Join) -> Since {
        self.first_seen
            .get(&FactKey::Endpoint(join.deployment.clone()))
            .map_or(Since::Unknown, |at| Since::AtLeast(*at))
    }
}

/// Whether the words of a change name just the versions that answer.
fn is_of(words: &str, answering: &[Answering]) -> bool {
    fn parts<'a>(texts: impl Iterator<Item = &'a str>) -> BTreeSet<&'a str> {
        texts.flat_map(|t| t.split(',')).map(str::trim).collect()
    }
    let known = answering.iter().map(|a| a.text.as_str());
    parts(std::iter::once(words)) == parts(known)
}

/// What is known of an endpoint's versions, judged.
struct Versions {
    expected: Option<Pointed>,
    judged: Judged,
    answering: Vec<Answering>,
    other: Vec<(Clean, Clean)>,
}

fn state_word(state: ServedState) -> &'static str {
    match state {
        ServedState::Answering => "loaded",
        ServedState::Loading => "loading",
        ServedState::Failed => "failed",
        ServedState::Unloaded => "unloaded",
        ServedState::Unknown => "?",
    }
}
