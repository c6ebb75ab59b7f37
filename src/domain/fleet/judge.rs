//! From facts to views: joins a model with its versions, runs and deployments, and asks the rules.

use super::Fleet;
use super::runs::PackedRun;
use super::view::{Answering, DeploymentView, ModelView, Pointed};
use crate::domain::change::{ChangeKind, Subject};
use crate::domain::deployment::{EndpointReading, Health, Known, ServedState, ServedVersion};
use crate::domain::key::{DeploymentKey, Key, ModelKey, SourceId};
use crate::domain::last_known::Held;
use crate::domain::level::{Reason, Verdict};
use crate::domain::model::{ModelVersion, RegisteredModel};
use crate::domain::observation::FactKey;
use crate::domain::rules::freshness::{Freshness, SourceHealth};
use crate::domain::rules::model::{self as model_rule, Endpoint, ModelFacts};
use crate::domain::rules::quality::{self, Quality};
use crate::domain::rules::skew::{self, Expected, Facts, Judged, Seen};
use crate::domain::settling::Settled;
use crate::domain::text::Clean;
use crate::domain::time::{Millis, Since};
use crate::domain::wiring::{self, Join, Target};

impl Fleet {
    /// Judges a model. Until every source has been asked once (`settles`) there is nothing that a level
    /// could be compared with.
    pub(super) fn judge_model(&mut self, key: &ModelKey, settles: bool, now: Millis) {
        let mut until = None;
        for deployment in self.joins.of_model(key).to_vec() {
            until = earliest(until, self.judge_deployment(&deployment, now));
        }
        let Some(held) = self.models.get(key) else {
            if self.drop_view(key) {
                self.revision += 1;
            }
            return;
        };
        let mut view = self.model_view(held, until, now);
        if settles {
            view.verdict.level = self.settle(key, &view, now);
            let told_by = self.settled.get(key).and_then(Settled::due);
            view.until = earliest(view.until, told_by);
        }
        if self.views.get(key) != Some(&view) {
            self.revision += 1;
            self.counts.add(view.level());
            if let Some(old) = self.views.insert(key.clone(), view) {
                self.counts.take(old.level());
            }
        }
    }

    /// Forgets a model's view; whether there was one.
    pub(super) fn drop_view(&mut self, key: &ModelKey) -> bool {
        let old = self.views.remove(key);
        if let Some(old) = &old {
            self.counts.take(old.level());
        }
        old.is_some()
    }

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

    fn model_view(
        &self,
        held: &Held<RegisteredModel>,
        until: Option<Millis>,
        now: Millis,
    ) -> ModelView {
        let model = &held.fact;
        let policy = &self.settings.policy;
        let set = self.settings.models.get(model.key.name.raw());
        let champion = self.pointed(model, &policy.champion);
        let challenger = self.pointed(model, &policy.challenger);
        let keys = self.joins.of_model(&model.key).to_vec();
        let deployments: Vec<&DeploymentView> = keys
            .iter()
            .filter_map(|k| self.deployments.get(k))
            .collect();
        let subject = Subject::Model(model.key.clone());
        let owner = set
            .and_then(|s| s.owner.as_deref().map(Clean::name))
            .or_else(|| {
                model
                    .tag("quarterdeck.owner")
                    .or_else(|| model.tag("owner"))
                    .cloned()
            });
        let runbook = set
            .and_then(|s| s.runbook.as_deref().map(Clean::text))
            .or_else(|| {
                model
                    .tag("quarterdeck.runbook")
                    .or_else(|| model.tag("runbook"))
                    .cloned()
            });
        let facts = ModelFacts {
            model,
            champion: champion.as_ref(),
            champion_version: champion
                .as_ref()
                .and_then(|c| self.version_of(model, &c.key)),
            production_stage: self.in_stage(model, "Production"),
            deployments: &deployments,
            source: &held.source,
            freshness: self.source_freshness(&held.source),
            source_health: self.sources.get(&held.source),
            read_at: self.answered_at(&held.source).max(Some(held.asked_at)),
            told_at: held.asked_at,
            max_age: set.and_then(|s| s.max_age).or(policy.max_model_age),
            looks_alike: self.looks_alike(&model.key),
        };
        let mut reasons = model_rule::judge(&facts, now).reasons;
        let monitoring = self.judge_monitoring(model, champion.as_ref(), now);
        reasons.extend(monitoring.reasons);
        let verdict = Verdict::of(reasons);
        let versions = self.versions(&model.key);
        ModelView {
            key: model.key.clone(),
            name: model.name.clone(),
            owner,
            runbook,
            served: served_text(&deployments),
            skew: deployments.iter().map(|d| d.skew).max(),
            quality: self.quality(model, champion.as_ref(), challenger.as_ref()),
            signals: monitoring.signals,
            versions: versions.len(),
            newest: versions
                .first()
                .map(|h| pointed_at(&h.fact, Since::Exact(h.fact.created))),
            read_at: facts.read_at,
            last_change: self.last_change(&subject, &keys),
            champion,
            challenger,
            deployments: keys,
            verdict,
            until: earliest(until, monitoring.until),
        }
    }

    fn last_change(
        &self,
        subject: &Subject,
        deployments: &[DeploymentKey],
    ) -> Option<crate::domain::change::Change> {
        // A level and an alert are consequences: what is looked for is their cause.
        let newest = |subject: &Subject| {
            self.timeline(subject)
                .iter()
                .rev()
                .find(|c| !matches!(c.kind, ChangeKind::Level | ChangeKind::Alert(_)))
        };
        let of_deployments = deployments.iter().map(|k| Subject::Deployment(k.clone()));
        of_deployments
            .filter_map(|subject| newest(&subject))
            .chain(newest(subject))
            .max_by_key(|c| c.not_after)
            .cloned()
    }

    fn version_of(&self, model: &RegisteredModel, version: &Key) -> Option<&ModelVersion> {
        self.versions(&model.key)
            .iter()
            .map(|h| &h.fact)
            .find(|v| v.key.version == *version)
    }

    fn in_stage(&self, model: &RegisteredModel, stage: &str) -> Option<&ModelVersion> {
        self.versions(&model.key)
            .iter()
            .map(|h| &h.fact)
            .find(|v| v.stage.as_ref().is_some_and(|s| *s == stage))
    }

    /// What an alias points at, and since when.
    fn pointed(&self, model: &RegisteredModel, alias: &str) -> Option<Pointed> {
        let version = model.alias(alias)?;
        let text = wiring::version_text(version);
        let subject = Subject::Model(model.key.clone());
        let kind = ChangeKind::Alias(Clean::name(alias));
        let since = match self.changed_to(&subject, &kind, text.as_str()) {
            Some(change) => Since::Exact(change.not_after),
            None => self
                .first_seen
                .get(&FactKey::Model(model.key.clone()))
                .map_or(Since::Unknown, |at| Since::AtLeast(*at)),
        };
        Some(match self.version_of(model, version) {
            Some(found) => pointed_at(found, since),
            None => Pointed {
                key: version.clone(),
                text,
                since,
                exists: false,
                created: None,
            },
        })
    }

    fn quality(
        &self,
        model: &RegisteredModel,
        champion: Option<&Pointed>,
        challenger: Option<&Pointed>,
    ) -> Option<Quality> {
        let set = self.settings.models.get(model.key.name.raw());
        let tagged = model.tag("quarterdeck.metric");
        let named = set
            .and_then(|s| s.metric.as_deref())
            .or(tagged.map(Clean::as_str));
        let run_of = |p: &Pointed| {
            let run = self.version_of(model, &p.key)?.run.as_ref()?;
            self.runs.row(self.runs.find(run)?)
        };
        let value =
            |run: Option<&PackedRun>, metric: &str| run?.metric(self.runs.texts().find(metric)?);
        // Looked up once: the customary metrics are tried one after another.
        let (champion_run, challenger_run) =
            (champion.and_then(run_of), challenger.and_then(run_of));
        if champion_run.is_none() && challenger_run.is_none() {
            return None;
        }
        let have = |metric: &str| {
            value(champion_run, metric).is_some() || value(challenger_run, metric).is_some()
        };
        let metric = quality::choose(named, have)?;
        let higher = set
            .and_then(|s| s.higher_is_better)
            .unwrap_or_else(|| quality::higher_is_better(metric));
        let previous = champion.and_then(|c| self.version_before(model, c));
        Some(Quality {
            metric: Clean::name(metric),
            higher_is_better: higher,
            champion: value(champion_run, metric),
            challenger: value(challenger_run, metric),
            previous: value(previous.as_ref().and_then(run_of), metric),
        })
    }

    /// The champion before the present one, as the timeline knows it; never "version minus one".
    fn version_before(&self, model: &RegisteredModel, champion: &Pointed) -> Option<Pointed> {
        let subject = Subject::Model(model.key.clone());
        let kind = ChangeKind::Alias(Clean::name(&self.settings.policy.champion));
        let change = self.changed_to(&subject, &kind, champion.text.as_str())?;
        let all = self.versions(&model.key);
        let found = all
            .iter()
            .find(|h| wiring::version_text(&h.fact.key.version) == change.from)?;
        Some(pointed_at(&found.fact, Since::Unknown))
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
            moved: self.skew_since(join, versions.expected.as_ref()),
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
            since: self.served_since(join),
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
                loading_since: self.loading_since(join, expected.as_ref()),
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

    fn loading_since(&self, join: &Join, expected: Option<&Expected>) -> Since {
        let Some(expected) = expected else {
            return Since::Unknown;
        };
        self.loading
            .iter()
            .find(|((deployment, version), _)| {
                *deployment == join.deployment
                    && (*version == expected.version
                        || wiring::version_text(version) == wiring::version_text(&expected.version))
            })
            .map_or(Since::Unknown, |(_, at)| Since::AtLeast(*at))
    }

    fn served_since(&self, join: &Join) -> Since {
        let subject = Subject::Deployment(join.deployment.clone());
        let change = self
            .timeline(&subject)
            .iter()
            .rev()
            .find(|c| c.kind == ChangeKind::Served);
        match change {
            Some(change) => Since::Exact(change.not_after),
            None => self.first_look(join),
        }
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
            Some(change) => Since::Exact(change.not_after),
            None => self.first_look(join),
        }
    }

    /// When the endpoint and the version it follows came apart: the later of the two moves.
    fn skew_since(&self, join: &Join, expected: Option<&Pointed>) -> Since {
        let served = self.served_since(join);
        match (served, expected.map(|e| e.since)) {
            (Since::Exact(a), Some(Since::Exact(b))) => Since::Exact(a.max(b)),
            (Since::Exact(a), _) => Since::Exact(a),
            (_, Some(Since::Exact(b))) => Since::Exact(b),
            (served, _) => served,
        }
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

/// What is known of an endpoint's versions, judged.
struct Versions {
    expected: Option<Pointed>,
    judged: Judged,
    answering: Vec<Answering>,
    other: Vec<(Clean, Clean)>,
}

fn pointed_at(version: &ModelVersion, since: Since) -> Pointed {
    Pointed {
        key: version.key.version.clone(),
        text: wiring::version_text(&version.key.version),
        since,
        exists: true,
        created: Some(version.created),
    }
}

fn earliest(a: Option<Millis>, b: Option<Millis>) -> Option<Millis> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
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

/// `v13`, or `v13 | v14` over several deployments that differ, `?` where nobody can tell.
fn served_text(deployments: &[&DeploymentView]) -> Clean {
    let mut texts: Vec<Clean> = deployments.iter().map(|d| d.answering_text()).collect();
    texts.sort();
    texts.dedup();
    match texts.as_slice() {
        [] => Clean::name("–"),
        [one] => one.clone(),
        many => Clean::name(
            &many
                .iter()
                .map(Clean::as_str)
                .collect::<Vec<_>>()
                .join(" | "),
        ),
    }
}
