//! What has changed between two looks: compares what was known with what is told, and keeps the
//! differences for the timeline and the ledger. A first sight is never a change.

use super::Fleet;
use super::view::ModelView;
use crate::domain::change::{Change, Subject};
use crate::domain::imported;
use crate::domain::key::{DeploymentKey, Key, ModelKey, SourceId};
use crate::domain::last_known::Held;
use crate::domain::level::Level;
use crate::domain::model::{ModelVersion, RegisteredModel};
use crate::domain::observation::{Feed, PollReport};
use crate::domain::observed;
use crate::domain::rules::signals::state;
use crate::domain::run::Run;
use crate::domain::settling::{Look, Settled};
use crate::domain::text::Clean;
use crate::domain::time::Millis;
use crate::domain::wiring;

/// The feeds that bring what jitters from poll to poll.
const NOISY_FEEDS: [Feed; 2] = [Feed::Endpoint, Feed::Signals];

impl Fleet {
    pub(super) fn observe_model(
        &mut self,
        old: &Held<RegisteredModel>,
        new: &Held<RegisteredModel>,
    ) {
        // A row that did not change is not sent again: what was known then was known up to the last
        // complete sweep.
        let looked = self
            .looked(&old.source, &[Feed::Models])
            .max(Some(old.asked_at));
        let old_at = looked.unwrap_or(old.asked_at).min(new.asked_at);
        let versions = self
            .versions
            .get(&new.fact.key)
            .map_or(&[][..], |all| all.as_slice());
        let find = |key: &_| {
            versions
                .iter()
                .map(|h| &h.fact)
                .find(|v| v.key.version == *key)
        };
        let changes =
            observed::model_changes(Some((&old.fact, old_at)), (&new.fact, new.asked_at), find);
        self.keep(changes);
    }

    pub(super) fn observe_model_gone(&mut self, old: &Held<RegisteredModel>, at: Millis) {
        self.keep(observed::model_gone((&old.fact, old.asked_at), at));
    }

    pub(super) fn observe_version(
        &mut self,
        old: Option<&Held<ModelVersion>>,
        new: &Held<ModelVersion>,
    ) {
        let looked = self.looked(&new.source, &[Feed::Versions, Feed::NewestVersions]);
        self.credit(&new.fact);
        match old {
            Some(old) => {
                let old_at = looked.max(Some(old.asked_at)).unwrap_or(old.asked_at);
                self.keep(observed::version_changes(
                    Some((&old.fact, old_at.min(new.asked_at))),
                    (&new.fact, new.asked_at),
                ));
            }
            None => {
                // Without a complete look there is no saying that it was not there.
                let complete = self.looked(&new.source, &[Feed::Versions]);
                let looked = complete.and(looked).filter(|at| *at < new.asked_at);
                self.keep(observed::new_version(&new.fact, looked, new.asked_at));
            }
        }
    }

    /// A version's marks tell who made it hold an alias: a move that was seen without a name gets it.
    fn credit(&mut self, version: &ModelVersion) {
        let Some(alias) = version.tag("quarterdeck.promoted_as") else {
            return;
        };
        let alias = Key::of(alias);
        let Some(mark) = imported::marked_moves(std::iter::once(version), &alias).pop() else {
            return;
        };
        let line = self.timeline(&mark.subject).iter().rev();
        let mut seen = line.filter(|seen| seen.actor.is_none() && imported::is_marked(&mark, seen));
        if let (Some(seen), true) = (seen.next().cloned(), mark.actor.is_some()) {
            let told = Change {
                actor: mark.actor,
                ..seen
            };
            self.note(told.clone());
            self.observed.push(told);
        }
    }

    /// A version that an endpoint answers, by its own word, as changes and people know it: the registry's
    /// version, as wiring says.
    pub fn served_text(&self, key: &DeploymentKey, word: &Key) -> Clean {
        let join = self.joins.get(key);
        let model = join.and_then(|j| j.model.as_ref());
        let versions = model.map_or(&[][..], |m| self.versions(m));
        let rule = join.and_then(|j| j.version_map.as_ref());
        let found = wiring::map_version(word, rule, versions.iter().map(|h| &h.fact));
        wiring::version_text(found.map_or(word, |v| &v.key.version))
    }

    /// The endpoint was read: what it answers is compared with what it was last known to answer.
    pub(super) fn observe_endpoint(&mut self, key: &DeploymentKey) {
        let Some(held) = self.endpoints.get(key) else {
            return;
        };
        let mut track = self.tracks.get(key).cloned().unwrap_or_default();
        let changes = track.look(&held.fact, held.asked_at, |word| {
            self.served_text(key, word)
        });
        self.tracks.insert(key.clone(), track);
        self.keep(changes);
    }

    /// The endpoint was read and answered as before.
    pub(super) fn endpoint_unchanged(&mut self, source: &SourceId, at: Millis) {
        for key in self.joins.of_source(source) {
            if let Some(track) = self.tracks.get_mut(key) {
                track.unchanged(at);
            }
        }
    }

    /// What is held of a run that is live and about to be told as ended.
    pub(super) fn live_run(&self, new: &Run) -> Option<(Run, Millis)> {
        let packed = self.runs.row(self.runs.find(&new.key)?)?;
        let ends = packed.status.is_live() && !new.status.is_live();
        ends.then(|| self.runs.unpack(&new.key).map(|run| (run, packed.asked_at)))
            .flatten()
    }

    pub(super) fn observe_run(&mut self, old: &(Run, Millis), new: &Run, asked_at: Millis) {
        if let Some(model) = self.model_of_run(new) {
            self.keep(observed::run_ended(
                Some((&old.0, old.1)),
                (new, asked_at),
                &model,
            ));
        }
    }

    /// The model that a run belongs to: one that it made a version of, else the first that a run of the
    /// same experiment made a version of.
    pub fn model_of_run(&self, run: &Run) -> Option<ModelKey> {
        if let Some(model) = self.model_made_by(&run.key) {
            return Some(model.clone());
        }
        let trained = self.trained_in.get(&run.experiment)?;
        self.models.contains_key(trained).then(|| trained.clone())
    }

    /// The settled level of a model; a move of it is a change.
    pub(super) fn settle(&mut self, key: &ModelKey, view: &ModelView, now: Millis) -> Level {
        let looks = self.looks(view, now);
        let verdict = &view.verdict;
        let settled = self.settled.entry(key.clone()).or_default();
        let moved = settled.judge(verdict, &looks, now);
        let level = settled.level().unwrap_or(verdict.level);
        // Between ok and info nobody has to do anything: no event.
        if let Some(moved) = moved.filter(|m| m.from.max(m.to) > Level::Info) {
            let why = verdict.reasons.first().map(|r| r.text.clone());
            let evidence = why.unwrap_or_else(|| Clean::name("nothing is wrong any more"));
            let change = moved.change(Subject::Model(key.clone()), evidence);
            self.keep([change]);
        }
        level
    }

    /// The polls that noisy findings about a model can rest on: those of its endpoints and of what reads
    /// its signals.
    fn looks(&self, view: &ModelView, now: Millis) -> Vec<Look> {
        let mut looks: Vec<Look> = Vec::new();
        let endpoints = view.deployments.iter();
        for deployment in endpoints.filter_map(|key| self.deployments.get(key)) {
            // How long an answer took is told only of an endpoint that answers.
            let current = deployment.latency.is_some();
            match looks.iter_mut().find(|l| l.source == deployment.source) {
                Some(look) => look.current |= current,
                None => looks.push(Look {
                    complete: self.looked(&deployment.source, &NOISY_FEEDS),
                    source: deployment.source.clone(),
                    current,
                }),
            }
        }
        for held in self.readings(&view.key) {
            let source = &held.fact.key.source;
            if looks.iter().all(|look| look.source != *source) {
                looks.push(Look {
                    source: source.clone(),
                    complete: self.looked(source, &NOISY_FEEDS),
                    current: state::is_current(self.standing(source, Feed::Signals, now), now),
                });
            }
        }
        looks
    }

    /// A poll is complete: what its source's noisy findings say counts once. What has not been judged since
    /// the poll counts when it is.
    pub(super) fn count_looks(&mut self, report: &PollReport) {
        if report.fault.is_some() || !NOISY_FEEDS.contains(&report.feed) {
            return;
        }
        let (source, asked_at) = (&report.source, report.asked_at);
        let dirty = &self.dirty.models;
        let steps = |key: &ModelKey, settled: &mut Settled| {
            !dirty.contains(key) && settled.complete(source, asked_at)
        };
        let mut moved = Vec::new();
        if report.feed == Feed::Endpoint {
            // Hundreds of endpoints answer in a second, and each is looked at by its own models alone.
            for deployment in self.joins.of_source(source) {
                let join = self.joins.get(deployment);
                let Some(key) = join.and_then(|join| join.model.as_ref()) else {
                    continue;
                };
                if self.settled.get_mut(key).is_some_and(|s| steps(key, s)) {
                    moved.push(key.clone());
                }
            }
        } else {
            let all = self.settled.iter_mut();
            moved.extend(all.filter_map(|(key, settled)| steps(key, settled).then(|| key.clone())));
        }
        self.dirty.models.extend(moved);
    }

    /// The last time a feed of a source was read with success, before the reading at hand.
    pub(super) fn looked(&self, source: &SourceId, feeds: &[Feed]) -> Option<Millis> {
        let health = self.sources.get(source)?;
        feeds
            .iter()
            .filter_map(|f| health.feeds.get(f)?.good_at)
            .max()
    }

    pub(super) fn keep(&mut self, changes: impl IntoIterator<Item = Change>) {
        for change in changes {
            if self.note(change.clone()) {
                self.observed.push(change);
            }
        }
    }
}
