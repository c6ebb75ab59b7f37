//! From facts to views: joins a model with its versions, runs and deployments, and asks the rules.

use super::Fleet;
use super::runs::PackedRun;
use super::view::{DeploymentView, ModelView, Pointed};
use crate::domain::change::{ChangeKind, Subject};
use crate::domain::key::{DeploymentKey, Key, ModelKey};
use crate::domain::last_known::Held;
use crate::domain::level::Verdict;
use crate::domain::mark;
use crate::domain::model::{ModelVersion, RegisteredModel};
use crate::domain::observation::FactKey;
use crate::domain::rules::model::{self as model_rule, ModelFacts};
use crate::domain::rules::quality::{self, Quality};
use crate::domain::settling::Settled;
use crate::domain::text::Clean;
use crate::domain::time::{Millis, Since, earliest};
use crate::domain::wiring;

impl Fleet {
    /// Judges a model. Until every source has been asked once (`settles`) there is nothing that a level
    /// could be compared with.
    pub(super) fn judge_model(&mut self, key: &ModelKey, settles: bool, now: Millis) {
        let until = self.judge_beneath(key, now);
        match self.models.get(key) {
            Some(held) => {
                let view = Box::new(self.model_view(held, until, now));
                self.take_view(view, settles, now);
            }
            None => self.revision += u64::from(self.drop_view(key)),
        }
    }

    /// Judges what a model's view rests on; says when that may change by time alone.
    pub(super) fn judge_beneath(&mut self, key: &ModelKey, now: Millis) -> Option<Millis> {
        let mut until = None;
        for deployment in self.joins.of_model(key).to_vec() {
            until = earliest(until, self.judge_deployment(&deployment, now));
        }
        self.join_training(key);
        until
    }

    /// Takes a model's view in, its level settled.
    pub(super) fn take_view(&mut self, mut view: Box<ModelView>, settles: bool, now: Millis) {
        let key = view.key.clone();
        if settles {
            view.verdict.level = self.settle(&key, &view, now);
            let told_by = self.settled.get(&key).and_then(Settled::due);
            view.until = earliest(view.until, told_by);
        }
        if self.model(&key) != Some(&*view) {
            self.revision += 1;
            self.counts.add(view.level());
            if let Some(old) = self.views.insert(key, view) {
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

    pub(super) fn model_view(
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
            here_since: self
                .first_seen
                .get(&FactKey::Model(model.key.clone()))
                .copied(),
            max_age: set.and_then(|s| s.max_age).or(policy.max_model_age),
            looks_alike: self.looks_alike(&model.key),
        };
        let mut reasons = model_rule::judge(&facts, now).reasons;
        let mut monitoring = self.judge_monitoring(model, champion.as_ref(), now);
        self.date(&mut monitoring.reasons, &model.key, now);
        reasons.extend(monitoring.reasons);
        reasons.extend(self.judge_training(&model.key, now));
        let verdict = Verdict::of(reasons);
        let versions = self.versions(&model.key);
        let marked = |tag| self.marked(&model.key, tag, now).map(Box::new);
        let (frozen, acknowledged) = (marked(mark::FREEZE), marked(mark::ACKNOWLEDGED));
        // The registry's clock ends a mark.
        let ahead = self.clock_ahead_ms(&held.source).unwrap_or(0);
        let marks = [&frozen, &acknowledged].into_iter().flatten();
        let marks = marks.filter_map(|marked| marked.until());
        let ends = marks
            .map(|until| Millis(until.0.saturating_sub(ahead)))
            .min();
        let mut view = ModelView {
            frozen,
            acknowledged,
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
            cause: None,
            champion,
            challenger,
            deployments: keys,
            verdict,
            until: earliest(earliest(until, monitoring.until), ends),
        };
        view.cause = self.cause(&view).cloned().map(Box::new);
        view
    }

    fn last_change(
        &self,
        subject: &Subject,
        deployments: &[DeploymentKey],
    ) -> Option<crate::domain::change::Change> {
        // A level and an alert are consequences, and notes change nothing: what is looked for is a cause.
        let newest = |subject: &Subject| {
            self.timeline(subject).iter().rev().find(|c| {
                let follows = matches!(c.kind, ChangeKind::Level | ChangeKind::Alert(_));
                !follows && !c.kind.is_note()
            })
        };
        let of_deployments = deployments.iter().map(|k| Subject::Deployment(k.clone()));
        of_deployments
            .filter_map(|subject| newest(&subject))
            .chain(newest(subject))
            .max_by_key(|c| c.not_after)
            .cloned()
    }

    pub(super) fn version_of(
        &self,
        model: &RegisteredModel,
        version: &Key,
    ) -> Option<&ModelVersion> {
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
    pub(super) fn pointed(&self, model: &RegisteredModel, alias: &str) -> Option<Pointed> {
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
}

pub(super) fn pointed_at(version: &ModelVersion, since: Since) -> Pointed {
    Pointed {
        key: version.key.version.clone(),
        text: wiring::version_text(&version.key.version),
        since,
        exists: true,
        created: Some(version.created),
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
