//! What plans of writes rest on: whether facts can be relied on, what an account may do, what the
//! registry's clock says, and which marks stand on a model.

use super::Fleet;
use crate::domain::action::{Act, Actor, Pin};
use crate::domain::change::Origin;
use crate::domain::deployment::EndpointReading;
use crate::domain::key::{DeploymentKey, Key, ModelKey, SourceId};
use crate::domain::last_known::Held;
use crate::domain::mark::{Mark, Marked};
use crate::domain::observation::{FactKey, Feed, Right};
use crate::domain::rules::freshness::{self, Freshness, judge_feed};
use crate::domain::settings::DeploymentSettings;
use crate::domain::text::Clean;
use crate::domain::time::{Millis, age};
use crate::domain::wiring::{Join, Target};

impl Fleet {
    /// Keeps what a source says that this account may do.
    pub fn set_rights(&mut self, source: &SourceId, rights: Vec<(Clean, Right)>) {
        let all = self.rights.entry(source.clone()).or_default();
        all.clear();
        all.extend(rights);
        self.revision += 1;
    }

    /// Keeps whom a source takes us for, where it says so.
    pub fn set_account(&mut self, source: &SourceId, account: Option<Clean>) {
        match account {
            Some(account) => self.accounts.insert(source.clone(), account),
            None => self.accounts.remove(source),
        };
        self.revision += 1;
    }

    /// Who acts on a model: with the account that the model's registry takes us for, and no other registry's.
    /// On what is no model's, with the account of the first source that names one. Plans, records, tags and
    /// approvals name one person, whichever way they were made.
    pub fn acting(&self, actor: &Actor, model: Option<&ModelKey>) -> Actor {
        let registry = model.and_then(|model| self.registered(model));
        let account = match registry {
            Some(held) => self.accounts.get(&held.source),
            None => {
                let mut sources = self.settings.sources.iter();
                sources.find_map(|s| self.accounts.get(&SourceId::new(&s.name)))
            }
        };
        Actor {
            account: account.cloned().or_else(|| actor.account.clone()),
            ..actor.clone()
        }
    }

    /// Remembers that a source has refused an act to this account.
    pub fn denied(&mut self, source: &SourceId, act: &Act) {
        let all = self.rights.entry(source.clone()).or_default();
        all.insert(act.own_right(), Right::Denied);
        self.revision += 1;
    }

    /// Whether this account may do an act, as far as anybody has said. What is said of the model goes
    /// before what is said of all.
    pub fn right(&self, source: &SourceId, act: &Act) -> Right {
        let Some(all) = self.rights.get(source) else {
            return Right::NotKnown;
        };
        let of = |name: &Clean| all.get(name).copied();
        of(&act.own_right())
            .or_else(|| of(&Clean::name(act.right())))
            .unwrap_or(Right::NotKnown)
    }

    /// Why facts of these feeds cannot be relied on now; `None` where they can. Of several feeds that
    /// tell the same, one that is live is enough.
    pub fn doubt(&self, source: &SourceId, feeds: &[Feed], now: Millis) -> Option<Clean> {
        let health = self.sources.get(source);
        let known = feeds.iter().filter_map(|kind| {
            let feed = health?.feeds.get(kind)?;
            let fresh = judge_feed(*kind, feed, &self.settings.policy, now);
            Some((fresh, feed))
        });
        let Some((fresh, feed)) = known.min_by_key(|(fresh, _)| *fresh) else {
            return Some(Clean::text(&format!("{source} has not been read yet")));
        };
        let silent = health.is_some_and(freshness::is_silent);
        let since = feed.good_at.map(|at| age(now.since(at)));
        let since = since.map_or("never".to_owned(), |age| format!("{age} ago"));
        let fault = feed.fault.as_ref();
        let why = fault
            .or_else(|| health?.fault().filter(|_| silent))
            .map(|fault| format!(": {}", fault.line()));
        let why = why.unwrap_or_default();
        match fresh {
            Freshness::Live if silent => Some(Clean::text(&format!(
                "{source} does not answer, last read {since}{why}"
            ))),
            Freshness::Live => None,
            Freshness::Waiting => Some(Clean::text(&format!("{source} has not been read yet"))),
            Freshness::Stale | Freshness::Down => Some(Clean::text(&format!(
                "{source} is {}, last read {since}{why}",
                fresh.word()
            ))),
        }
    }

    /// How far a source's clock is ahead of ours, in milliseconds, where it tells.
    pub fn clock_ahead_ms(&self, source: &SourceId) -> Option<i64> {
        self.sources.get(source)?.clock_skew_ms
    }

    /// The present by the clock of the registry that holds a model.
    pub fn registry_now(&self, model: &ModelKey, now: Millis) -> Millis {
        let source = self.models.get(model).map(|held| &held.source);
        let ahead = source.and_then(|source| self.clock_ahead_ms(source));
        Millis(now.0.saturating_add(ahead.unwrap_or(0)))
    }

    /// A mark on a model, where it holds now.
    pub fn marked(&self, model: &ModelKey, tag: &str, now: Millis) -> Option<Marked> {
        let held = self.models.get(model)?;
        Mark::standing(held.fact.tag(tag), self.registry_now(model, now))
    }

    /// Since when somebody watches a model: the first look at it, the look before the first change that was
    /// seen to happen, or the first look at its registry since it is there. Times that nobody watched since
    /// are in [`Fleet::gaps`].
    pub fn watched_since(&self, model: &ModelKey) -> Option<Millis> {
        let first = self.first_seen.get(&FactKey::Model(model.clone())).copied();
        let changes = self.model_timeline(model);
        let seen = changes.iter().filter(|c| c.origin != Origin::Imported);
        let source = self.models.get(model).map(|held| &held.source);
        let registry = source.and_then(|source| self.watched_since.get(source));
        let registry = registry.map(|since| (*since).max(model.created));
        seen.map(|c| c.not_before)
            .chain(first)
            .chain(registry)
            .min()
    }

    /// How a deployment is joined.
    pub fn join(&self, key: &DeploymentKey) -> Option<&Join> {
        self.joins.get(key)
    }

    /// What the newest look at an endpoint showed.
    pub fn endpoint(&self, key: &DeploymentKey) -> Option<&Held<EndpointReading>> {
        self.endpoints.get(key)
    }

    /// The settings of a deployment; of two of one deployment the later ones stand.
    pub fn deployment_settings(&self, key: &DeploymentKey) -> Option<&DeploymentSettings> {
        self.settings
            .deployments
            .iter()
            .rev()
            .find(|settings| settings.key() == *key)
    }

    /// The deployments that follow an alias of a model, by key.
    pub fn followers(&self, model: &ModelKey, alias: &Key) -> impl Iterator<Item = &Join> {
        let target = Target::Alias(alias.clean());
        let all = self.joins.of_model(model).iter();
        all.filter_map(|key| self.joins.get(key))
            .filter(move |join| join.follows == target)
    }

    /// A version pinned as it is registered now; `None` where the registry does not hold it.
    pub fn pin(&self, model: &ModelKey, version: &Key) -> Option<Pin> {
        let all = self.versions(model).iter();
        all.map(|held| &held.fact)
            .find(|fact| fact.key.version == *version)
            .map(|fact| Pin {
                version: version.clone(),
                created: fact.created,
            })
    }
}
