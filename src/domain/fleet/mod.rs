//! The joined state of one context: every fact with its source and age, merged from observations in
//! any order, and the views that rules make of them. One owner, no locks.

mod convergence;
pub mod features;
pub mod gates;
mod ground;
mod imported;
mod interner;
mod joins;
mod judge;
mod judge_deployment;
pub mod made;
mod made_by;
mod memory;
mod merge;
mod monitoring;
mod observe;
mod packages;
mod parts;
mod pipelines;
mod pool;
mod put;
mod read;
mod recalled;
pub mod runs;
mod shards;
mod signals;
pub mod standing;
pub mod suspects;
mod timeline;
mod tombstones;
pub mod triage;
pub mod view;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use foldhash::{HashMap, HashMapExt as _, HashSet, HashSetExt as _};

use self::joins::Joins;
use self::made_by::MadeBy;
use self::packages::Packages;
pub use self::parts::{Judged, Unjudged};
use self::pipelines::Pipelines;
pub use self::pipelines::Training;
use self::pool::Pool;
use self::runs::RunStore;
use self::signals::Signals;
use self::timeline::{Noted, Timeline};
use self::tombstones::Tombstones;
use self::triage::Counts;
use self::view::{DeploymentView, ModelView};
use super::change::{Change, ChangeKind, Subject};
use super::deployment::EndpointReading;
use super::key::{DeploymentKey, ExperimentKey, Key, ModelKey, RunKey, SourceId, VersionKey};
use super::last_known::{Held, SharedVersions};
use super::model::{Package, RegisteredModel};
use super::observation::{ContextRef, FactKey, Feed, PollReport, Right, Scope};
use super::observed::EndpointTrack;
use super::rules::freshness::{self, Freshness, SourceHealth};
use super::run::Experiment;
use super::settings::{Context, SourceKind};
use super::settling::Settled;
use super::text::Clean;
use super::time::Millis;
use super::watch::Gap;

/// Models and deployments that a loop has judged at once: well under a millisecond's worth.
pub const SLICE: usize = 100;

/// The package of a version as far as it was asked for.
#[derive(Clone, PartialEq, Debug)]
pub enum PackageState {
    /// Read.
    Read(Arc<Package>),
    /// Asked for, and it cannot be read.
    Unreadable,
}

/// The joined state of one context.
#[derive(Debug)]
pub struct Fleet {
    context: Arc<ContextRef>,
    settings: Arc<Context>,
    models: BTreeMap<ModelKey, Held<RegisteredModel>>,
    by_name: HashMap<Clean, BTreeSet<ModelKey>>,
    versions: HashMap<ModelKey, SharedVersions>,
    experiments: BTreeMap<ExperimentKey, Held<Experiment>>,
    endpoints: BTreeMap<DeploymentKey, Held<EndpointReading>>,
    runs: RunStore,
    signals: Signals,
    pipelines: Pipelines,
    sources: BTreeMap<SourceId, SourceHealth>,
    /// Since when feeds failed when the last state was saved: it goes on if they still do.
    failed_before: HashMap<(SourceId, Feed), Millis>,
    /// Sources that this process has not heard of yet: until then no level is compared.
    unheard: BTreeSet<SourceId>,
    /// When each source last answered, as the last-known state tells: for ages, never for freshness.
    answered_before: BTreeMap<SourceId, Millis>,
    freshness: BTreeMap<SourceId, Freshness>,
    /// Models that have a version made by the run, in order: nearly always one.
    made_by: MadeBy,
    /// The first model that a run of the experiment made a version of.
    trained_in: HashMap<ExperimentKey, ModelKey>,
    runs_gone: HashSet<RunKey>,
    packages: Packages,
    timeline: Timeline,
    first_seen: HashMap<FactKey, Millis>,
    loading: HashMap<(DeploymentKey, Key), Millis>,
    /// Since when an endpoint's health call takes longer than the policy allows.
    slow: HashMap<DeploymentKey, Millis>,
    tombstones: Tombstones,
    swept: HashMap<(SourceId, Scope), Millis>,
    /// What the last start left of a source, until its first complete answer.
    recalled: HashMap<(SourceId, Scope), Vec<(FactKey, Millis)>>,
    /// When the newest row that the last start left of a source was read, until then as well.
    recalled_until: HashMap<(SourceId, Scope), Millis>,
    joins: Joins,
    /// Boxed: a tree keeps room for twice its values.
    views: BTreeMap<ModelKey, Box<ModelView>>,
    /// Of the views: every frame asks several times.
    counts: Counts,
    deployments: BTreeMap<DeploymentKey, DeploymentView>,
    dirty: Dirty,
    /// How much is judged in one call; what is left waits for [`Fleet::judge_more`].
    slice: Option<usize>,
    pool: Pool,
    tracks: HashMap<DeploymentKey, EndpointTrack>,
    settled: HashMap<ModelKey, Settled>,
    gaps: Vec<Gap>,
    /// Since when each source is watched at all, where the ledger tells.
    watched_since: HashMap<SourceId, Millis>,
    /// What this account may do, by the name of the right, for each source that says.
    rights: HashMap<SourceId, HashMap<Clean, Right>>,
    /// Whom each source takes us for, of those that say so.
    accounts: HashMap<SourceId, Clean>,
    observed: Vec<Change>,
    revision: u64,
}

/// What must be judged again.
#[derive(Debug, Default)]
struct Dirty {
    models: BTreeSet<ModelKey>,
    deployments: BTreeSet<DeploymentKey>,
    /// Names of models whose served spans have changed.
    served: BTreeSet<Key>,
    /// The name of a model all of whose namesakes are in `models`.
    named: Option<Key>,
}

impl Fleet {
    /// An empty fleet of a context.
    pub fn new(context: Arc<ContextRef>, settings: Arc<Context>) -> Self {
        let mut fleet = Self::unjudged(context, settings);
        fleet.judge_at_once(Millis(0));
        fleet
    }

    /// As [`Fleet::new`], with everything left to [`Fleet::judge_more`] or [`Fleet::judge_all_by`]: for one that
    /// is filled at once.
    pub fn unjudged(context: Arc<ContextRef>, settings: Arc<Context>) -> Self {
        let sources: BTreeMap<_, _> = settings
            .sources
            .iter()
            .map(|s| (SourceId::new(&s.name), SourceHealth::default()))
            .collect();
        Self {
            context,
            joins: Joins::of(&settings),
            settings,
            models: BTreeMap::new(),
            by_name: HashMap::new(),
            versions: HashMap::new(),
            experiments: BTreeMap::new(),
            endpoints: BTreeMap::new(),
            runs: RunStore::default(),
            signals: Signals::default(),
            pipelines: Pipelines::default(),
            failed_before: HashMap::new(),
            unheard: sources.keys().cloned().collect(),
            answered_before: BTreeMap::new(),
            freshness: sources
                .keys()
                .map(|id| (id.clone(), Freshness::Waiting))
                .collect(),
            sources,
            made_by: MadeBy::default(),
            trained_in: HashMap::new(),
            runs_gone: HashSet::new(),
            packages: Packages::default(),
            timeline: Timeline::default(),
            first_seen: HashMap::new(),
            loading: HashMap::new(),
            slow: HashMap::new(),
            tombstones: Tombstones::default(),
            swept: HashMap::new(),
            recalled: HashMap::new(),
            recalled_until: HashMap::new(),
            views: BTreeMap::new(),
            counts: Counts::default(),
            deployments: BTreeMap::new(),
            dirty: Dirty::default(),
            slice: Some(0),
            pool: Pool::default(),
            tracks: HashMap::new(),
            settled: HashMap::new(),
            gaps: Vec::new(),
            watched_since: HashMap::new(),
            rights: HashMap::new(),
            accounts: HashMap::new(),
            observed: Vec::new(),
            revision: 0,
        }
    }

    /// Remembers that the tracker does not hold a run.
    pub fn run_is_gone(&mut self, key: RunKey) {
        self.runs_gone.insert(key);
        self.revision += 1;
    }

    /// Takes in when nobody watched.
    pub fn set_gaps(&mut self, gaps: Vec<Gap>) {
        if self.gaps != gaps {
            self.gaps = gaps;
            self.revision += 1;
        }
    }

    /// Takes in since when each source is watched, for a process that has only begun to look.
    pub fn set_watched_since(&mut self, since: impl IntoIterator<Item = (SourceId, Millis)>) {
        self.watched_since = since.into_iter().collect();
        self.revision += 1;
    }

    /// Takes the outcome of a poll in.
    pub fn record(&mut self, report: &PollReport, now: Millis) {
        if report.context != self.context {
            return;
        }
        self.count_looks(report);
        let Some(health) = self.sources.get_mut(&report.source) else {
            return;
        };
        let fault_before = health.fault().cloned();
        let partial_before = health.partial().cloned();
        health.record(report);
        self.unheard.remove(&report.source);
        let feed = (report.source.clone(), report.feed);
        match (health.feeds.get_mut(&report.feed), &report.fault) {
            // It failed when the last state was saved, and has not been seen to answer since.
            (Some(known), Some(_)) => {
                if let Some(before) = self.failed_before.get(&feed) {
                    known.failing_since = known.failing_since.min(Some(*before));
                }
            }
            (Some(_), None) => {
                self.failed_before.remove(&feed);
            }
            _ => {}
        }
        let fault_changed =
            health.fault() != fault_before.as_ref() || health.partial() != partial_before.as_ref();
        if report.feed == Feed::Endpoint && report.fault.is_none() {
            self.endpoint_unchanged(&report.source, report.asked_at);
        }
        if matches!(report.feed, Feed::Versions | Feed::NewestVersions) && report.fault.is_none() {
            // A look that brought no row can still show that a version is not there.
            let missing = self
                .views
                .values()
                .filter(|v| v.champion.as_ref().is_some_and(|c| !c.exists));
            self.dirty.models.extend(missing.map(|v| v.key.clone()));
        }
        if self.has_moved(&report.source, fault_changed, now) {
            self.sources_moved(std::slice::from_ref(&report.source));
        }
        self.refresh(now);
    }

    /// Lets time pass: freshness and graces that end by the clock alone.
    pub fn tick(&mut self, now: Millis) {
        self.tombstones.forget(now);
        self.timeline.forget(now);
        let mut moved: Vec<SourceId> = self.sources.keys().cloned().collect();
        moved.retain(|id| self.has_moved(id, false, now));
        self.sources_moved(&moved);
        let due = self
            .views
            .values()
            .filter(|v| v.until.is_some_and(|until| until <= now));
        self.dirty
            .models
            .extend(due.map(|v| v.key.clone()).collect::<Vec<_>>());
        self.refresh(now);
    }

    /// Keeps the package of a version.
    pub fn set_package(&mut self, key: VersionKey, package: Option<Package>, now: Millis) {
        let state = package.map_or(PackageState::Unreadable, |p| {
            PackageState::Read(Arc::new(p))
        });
        self.dirty.models.insert(key.model.clone());
        if let Some(gone) = self.packages.insert(key, state) {
            self.dirty.models.insert(gone.model);
        }
        self.refresh(now);
    }

    /// Takes changes from the ledger in: history from before, or written by another process.
    pub fn remember(&mut self, changes: impl IntoIterator<Item = Change>, now: Millis) {
        for change in changes {
            self.note(change);
        }
        self.refresh(now);
    }

    /// Takes in what this program has done itself, for the timelines and the ledger. What is known of it
    /// already is told with who and why from now on; the same may come again.
    pub fn own(&mut self, changes: impl IntoIterator<Item = Change>, now: Millis) {
        for change in changes {
            let line = self.timeline(&change.subject);
            if line
                .iter()
                .any(|known| known.merged(&change) == *known && known.same_event(&change))
            {
                continue;
            }
            self.note(change.clone());
            self.observed.push(change);
        }
        self.refresh(now);
    }

    /// Changes observed since the last call, for the ledger.
    pub fn take_observed(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.observed)
    }

    /// Adds a change to its subject's timeline unless the event is there already.
    fn note(&mut self, change: Change) -> bool {
        let subject = change.subject.clone();
        let noted = self.timeline.note(change);
        if noted == Noted::Known {
            return false;
        }
        match subject {
            Subject::Model(key) => {
                self.dirty.models.insert(key);
            }
            Subject::Deployment(key) => {
                self.dirty.deployments.insert(key);
            }
            Subject::Source(_) => {}
        }
        self.revision += 1;
        noted == Noted::New
    }

    /// The newest change of a kind that led to a state.
    fn changed_to(&self, subject: &Subject, kind: &ChangeKind, to: &str) -> Option<&Change> {
        let last = self
            .timeline(subject)
            .iter()
            .rev()
            .find(|c| c.kind == *kind)?;
        (last.to == to).then_some(last)
    }

    /// Judges a source anew; whether what rests on it must be judged again.
    fn has_moved(&mut self, id: &SourceId, force: bool, now: Millis) -> bool {
        let Some(health) = self.sources.get(id) else {
            return false;
        };
        let fresh = freshness::judge(health, &self.settings.policy, now);
        self.freshness.insert(id.clone(), fresh) != Some(fresh) || force
    }

    /// What rests on sources that have moved is judged again. Hundreds fall silent together when a
    /// network does: the models are gone through once.
    fn sources_moved(&mut self, moved: &[SourceId]) {
        if moved.is_empty() {
            return;
        }
        self.revision += 1;
        let moved: HashSet<&SourceId> = moved.iter().collect();
        // Endpoints hold no models and tell no signals: nothing of these is gone through for them.
        let telling = self.settings.sources.iter();
        let telling = telling.filter(|s| !matches!(s.kind, SourceKind::Serving(_)));
        let mut telling: Vec<SourceId> = telling.map(|s| SourceId::new(&s.name)).collect();
        telling.retain(|id| moved.contains(id));
        if !telling.is_empty() {
            let rests = |key: &ModelKey, held: &Held<RegisteredModel>| {
                let mut telling = telling.iter();
                telling
                    .any(|id| held.source == *id || self.monitors(id, key) || self.trains(id, key))
            };
            // They come in the order of their keys: a set of them is built at once, where adding each
            // to a set looks for its place among thousands.
            let resting = self.models.iter().filter(|(key, held)| rests(key, held));
            let mut resting: BTreeSet<ModelKey> = resting.map(|(key, _)| key.clone()).collect();
            self.dirty.models.append(&mut resting);
        }
        let polled = moved.iter().flat_map(|id| self.joins.of_source(id));
        self.dirty.deployments.extend(polled.cloned());
    }

    /// From now on no call judges more than about this many models and deployments; what is left is
    /// judged by [`Fleet::judge_more`], with the same result. Without it every call judges all.
    pub fn judge_in_slices_of(&mut self, count: usize) {
        self.slice = Some(count);
    }

    /// From now on every call judges all again, and so does this one.
    pub fn judge_at_once(&mut self, now: Millis) {
        self.slice = None;
        self.refresh(now);
    }

    /// Whether views are behind the facts.
    pub fn has_more_to_judge(&self) -> bool {
        !self.dirty.deployments.is_empty() || !self.dirty.models.is_empty()
    }

    /// Judges the next slice of what is left.
    pub fn judge_more(&mut self, now: Millis) {
        self.refresh(now);
    }

    /// Judges again what is dirty, as far as one call may.
    fn refresh(&mut self, now: Millis) {
        let mut left = self.judge_joined(now);
        if self.dirty.models.is_empty() {
            return;
        }
        let settles = self.settles();
        while left > 0
            && let Some(key) = self.dirty.models.pop_first()
        {
            // Some eight readings are looked at in the time that a model takes without any.
            let readings = self.readings(&key).len() / 8;
            left = left.saturating_sub(1 + self.joins.of_model(&key).len() + readings);
            self.judge_model(&key, settles, now);
        }
    }

    /// Makes joins again and judges deployments without a model; says how much more one call may judge.
    fn judge_joined(&mut self, now: Millis) -> usize {
        self.rejoin();
        for name in std::mem::take(&mut self.dirty.served) {
            self.import_served(&name);
        }
        self.dirty.named = None;
        let mut left = self.slice.unwrap_or(usize::MAX);
        // What is joined is judged with its model, once for all of its deployments.
        let (joins, models) = (&self.joins, &mut self.dirty.models);
        self.dirty.deployments.retain(|key| {
            let model = joins.get(key).and_then(|j| j.model.clone());
            let alone = model.is_none();
            models.extend(model);
            alone
        });
        while left > 0
            && let Some(key) = self.dirty.deployments.pop_first()
        {
            self.judge_deployment(&key, now);
            left -= 1;
        }
        left
    }

    /// Whether every source has been asked once, so that levels can be compared with what they were.
    fn settles(&self) -> bool {
        self.unheard.is_empty() && !self.freshness.values().any(|f| *f == Freshness::Waiting)
    }

    /// Makes again the joins that a model has moved; views on either side of one that changed follow.
    fn rejoin(&mut self) {
        for moved in self.joins.refresh(&self.settings, &self.models) {
            self.dirty.deployments.insert(moved.deployment);
            self.dirty.models.extend(moved.before);
        }
    }
}

#[cfg(test)]
mod tests;
