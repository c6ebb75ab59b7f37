//! The last-known state of a context as plain values: what a first frame is drawn from before any
//! source has answered. How it is kept on disk is the store's business.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::alert::Alert;
use super::deployment::EndpointReading;
use super::key::{DeploymentKey, ExperimentKey, Key, ModelKey, SourceId, VersionKey};
use super::model::{ModelVersion, RegisteredModel};
use super::observation::Feed;
use super::observed::EndpointTrack;
use super::pipeline::{Pipeline, PipelineRun};
use super::rules::freshness::SourceHealth;
use super::run::{Experiment, Run};
use super::settling::Settled;
use super::signal::{SignalReading, SignalSeries};
use super::text::Clean;
use super::time::Millis;

/// The most runs of one experiment that are kept, newest first.
pub const RUNS_PER_EXPERIMENT: usize = 2_000;
/// The most runs that are kept in all, newest first.
pub const RUNS_IN_ALL: usize = 5_000;

/// A fact with its source and the time it was asked for, so that its age is never lost.
#[derive(Clone, PartialEq, Debug)]
pub struct Held<T> {
    /// Who said so.
    pub source: SourceId,
    /// When the request was sent.
    pub asked_at: Millis,
    /// What it said.
    pub fact: T,
}

/// Versions that are handed on without being copied: those of one model, as a fleet holds them, or
/// all that were read together.
pub type SharedVersions = Arc<Vec<Held<ModelVersion>>>;

/// Readings that are handed on without being copied, as [`SharedVersions`]: those of one model.
pub type SharedReadings = Arc<Vec<Held<SignalReading>>>;

/// The courses of signals, likewise.
pub type SharedSeries = Arc<Vec<Held<SignalSeries>>>;

/// How one feed of a source stood when the state was saved.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SourceStamp {
    /// The source.
    pub source: SourceId,
    /// The feed.
    pub feed: Feed,
    /// The last poll that was answered, if any.
    pub answered_at: Option<Millis>,
    /// The last poll, answered or not.
    pub asked_at: Millis,
    /// What went wrong at the last poll, in words without secrets.
    pub fault: Option<Clean>,
}

/// What only looking for a while can teach, and what no server can tell again: without it a restart
/// would forget since when things are as they are.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Memory {
    /// When each model was first seen.
    pub models: Vec<(ModelKey, Millis)>,
    /// When each endpoint was first seen.
    pub endpoints: Vec<(DeploymentKey, Millis)>,
    /// The settled level of each model.
    pub levels: Vec<(ModelKey, Settled)>,
    /// What each endpoint was last known to answer.
    pub tracks: Vec<(DeploymentKey, EndpointTrack)>,
    /// Since when feeds fail.
    pub failing: Vec<((SourceId, Feed), Millis)>,
    /// Since when endpoints are slow.
    pub slow: Vec<(DeploymentKey, Millis)>,
    /// Since when versions are there without answering.
    pub loading: Vec<((DeploymentKey, Key), Millis)>,
}

impl Memory {
    /// Cuts stamps of a clock that ran ahead: later looks would count as older until it is that late.
    pub fn not_ahead(&mut self, now: Millis) {
        let cut = |at: &mut Millis| *at = (*at).min(now);
        self.models.iter_mut().for_each(|(_, at)| cut(at));
        self.endpoints.iter_mut().for_each(|(_, at)| cut(at));
        self.failing.iter_mut().for_each(|(_, at)| cut(at));
        self.slow.iter_mut().for_each(|(_, at)| cut(at));
        self.loading.iter_mut().for_each(|(_, at)| cut(at));
        for (_, level) in &mut self.levels {
            cut(&mut level.last);
            cut(&mut level.not_worse);
            cut(&mut level.not_better);
            let counted = level.noisy.iter_mut().filter_map(|n| n.counted.as_mut());
            counted.for_each(cut);
        }
        for (_, track) in &mut self.tracks {
            track.last.iter_mut().for_each(cut);
            track.health.iter_mut().for_each(|(_, at)| cut(at));
            track.served.iter_mut().for_each(|(_, at)| cut(at));
        }
    }
}

/// How each feed that was ever asked stands.
pub fn stamps<'a>(
    sources: impl IntoIterator<Item = (&'a SourceId, &'a SourceHealth)>,
) -> Vec<SourceStamp> {
    let mut stamps = Vec::new();
    for (source, health) in sources {
        for (feed, state) in &health.feeds {
            stamps.extend(state.asked_at.map(|asked_at| {
                SourceStamp {
                    source: source.clone(),
                    feed: *feed,
                    answered_at: state.good_at,
                    asked_at,
                    fault: state
                        .fault
                        .as_ref()
                        .map(|fault| Clean::text(&fault.to_string())),
                }
            }));
        }
    }
    stamps
}

/// Everything that is kept of a context.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct LastKnown {
    /// When it was saved.
    pub saved_at: Millis,
    /// Registered models.
    pub models: Vec<Held<RegisteredModel>>,
    /// Model versions, of all models, in any groups.
    pub versions: Vec<SharedVersions>,
    /// Experiments.
    pub experiments: Vec<Held<Experiment>>,
    /// Endpoints.
    pub endpoints: Vec<Held<EndpointReading>>,
    /// Runs; the store keeps the newest only, see [`newest_runs`].
    pub runs: Vec<Held<Run>>,
    /// Readings of signals, in any groups.
    pub signals: Vec<SharedReadings>,
    /// Courses of signals, in any groups; the store keeps those of whole models only, see
    /// [`Measure::is_by_feature`](super::signal::Measure::is_by_feature).
    pub series: Vec<SharedSeries>,
    /// Alerts.
    pub alerts: Vec<Held<Alert>>,
    /// Pipeline definitions.
    pub pipelines: Vec<Held<Pipeline>>,
    /// Pipeline runs.
    pub pipeline_runs: Vec<Held<PipelineRun>>,
    /// The sources' health.
    pub sources: Vec<SourceStamp>,
    /// What was learnt by looking.
    pub memory: Memory,
}

/// What the first frame needs: models with their aliases, the versions that aliases point at and the
/// newest of each model, endpoints, the readings of whole models, alerts, and how the sources stood.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct LastKnownHead {
    /// When it was saved.
    pub saved_at: Millis,
    /// Registered models.
    pub models: Vec<Held<RegisteredModel>>,
    /// The versions that matter first.
    pub versions: Vec<Held<ModelVersion>>,
    /// Endpoints.
    pub endpoints: Vec<Held<EndpointReading>>,
    /// The readings that are not of single features.
    pub signals: Vec<Held<SignalReading>>,
    /// Alerts.
    pub alerts: Vec<Held<Alert>>,
    /// Pipeline definitions.
    pub pipelines: Vec<Held<Pipeline>>,
    /// Pipeline runs.
    pub pipeline_runs: Vec<Held<PipelineRun>>,
    /// The sources' health.
    pub sources: Vec<SourceStamp>,
    /// What was learnt by looking.
    pub memory: Memory,
}

impl LastKnownHead {
    /// Adds a later part of one saved state.
    pub fn extend(&mut self, part: Self) {
        self.models.extend(part.models);
        self.versions.extend(part.versions);
        self.endpoints.extend(part.endpoints);
        self.signals.extend(part.signals);
        self.alerts.extend(part.alerts);
        self.pipelines.extend(part.pipelines);
        self.pipeline_runs.extend(part.pipeline_runs);
        self.sources.extend(part.sources);
    }
}

/// What can follow the first frame.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct LastKnownRest {
    /// When it was saved.
    pub saved_at: Millis,
    /// The versions that the head does not hold.
    pub versions: Vec<Held<ModelVersion>>,
    /// Experiments.
    pub experiments: Vec<Held<Experiment>>,
    /// The newest runs, newest first.
    pub runs: Vec<Held<Run>>,
    /// The readings of single features.
    pub signals: Vec<Held<SignalReading>>,
    /// The courses that are kept.
    pub series: Vec<Held<SignalSeries>>,
}

/// Each part can be taken in on its own, the head first.
impl From<LastKnownHead> for LastKnown {
    fn from(head: LastKnownHead) -> Self {
        Self {
            saved_at: head.saved_at,
            models: head.models,
            versions: vec![Arc::new(head.versions)],
            endpoints: head.endpoints,
            signals: vec![Arc::new(head.signals)],
            alerts: head.alerts,
            pipelines: head.pipelines,
            pipeline_runs: head.pipeline_runs,
            sources: head.sources,
            memory: head.memory,
            ..Self::default()
        }
    }
}

impl From<LastKnownRest> for LastKnown {
    fn from(rest: LastKnownRest) -> Self {
        Self {
            saved_at: rest.saved_at,
            versions: vec![Arc::new(rest.versions)],
            experiments: rest.experiments,
            runs: rest.runs,
            signals: vec![Arc::new(rest.signals)],
            series: vec![Arc::new(rest.series)],
            ..Self::default()
        }
    }
}

impl LastKnownRest {
    /// The rest in parts of so many versions, runs, readings and courses at most, each of which can be taken in on its own.
    pub fn parts(self, most: usize) -> impl Iterator<Item = LastKnown> {
        let saved_at = self.saved_at;
        let mut experiments = self.experiments;
        let mut versions = self.versions.into_iter();
        let mut runs = self.runs.into_iter();
        let mut signals = self.signals.into_iter();
        let mut series = self.series.into_iter();
        std::iter::from_fn(move || {
            let versions: Vec<_> = versions.by_ref().take(most).collect();
            let room = most - versions.len();
            let runs: Vec<_> = runs.by_ref().take(room).collect();
            let room = room - runs.len();
            let signals: Vec<_> = signals.by_ref().take(room).collect();
            let room = room - signals.len();
            let series: Vec<_> = series.by_ref().take(room).collect();
            let experiments = std::mem::take(&mut experiments);
            let some = !versions.is_empty()
                || !experiments.is_empty()
                || !runs.is_empty()
                || !signals.is_empty()
                || !series.is_empty();
            let part = LastKnown {
                saved_at,
                versions: vec![Arc::new(versions)],
                experiments,
                runs,
                signals: vec![Arc::new(signals)],
                series: vec![Arc::new(series)],
                ..LastKnown::default()
            };
            some.then_some(part)
        })
    }
}

impl LastKnown {
    /// Every model version.
    pub fn all_versions(&self) -> impl Iterator<Item = &Held<ModelVersion>> {
        self.versions.iter().flat_map(|group| group.iter())
    }

    /// The versions apart: those a first frame needs, and the others.
    pub fn split_versions(&self) -> (Vec<&Held<ModelVersion>>, Vec<&Held<ModelVersion>>) {
        let first = self.first_versions();
        self.all_versions()
            .partition(|held| first.contains(&held.fact.key))
    }

    /// The versions that an alias points at, and the newest of each model.
    fn first_versions(&self) -> HashSet<VersionKey> {
        let mut first: HashSet<VersionKey> = self
            .models
            .iter()
            .flat_map(|held| {
                held.fact.aliases.iter().map(|alias| VersionKey {
                    model: held.fact.key.clone(),
                    version: alias.version.clone(),
                })
            })
            .collect();
        let mut newest: HashMap<&ModelKey, &ModelVersion> = HashMap::new();
        for held in self.all_versions() {
            let best = newest.entry(&held.fact.key.model).or_insert(&held.fact);
            if rank(&held.fact) > rank(best) {
                *best = &held.fact;
            }
        }
        first.extend(newest.into_values().map(|version| version.key.clone()));
        first
    }
}

/// Newer by number where versions are numbers, by creation where they are not.
fn rank(version: &ModelVersion) -> (Option<u64>, Millis) {
    (version.key.number(), version.created)
}

/// The runs worth keeping, newest first: at most [`RUNS_PER_EXPERIMENT`] of one experiment and
/// [`RUNS_IN_ALL`] together. Live runs come before ended ones, because they are being watched.
pub fn newest_runs(runs: &[Held<Run>]) -> Vec<&Held<Run>> {
    let mut sorted: Vec<&Held<Run>> = runs.iter().collect();
    sorted.sort_by(|a, b| {
        let order = |held: &Held<Run>| (held.fact.status.is_live(), held.fact.started);
        order(b).cmp(&order(a))
    });
    let mut taken: HashMap<&ExperimentKey, usize> = HashMap::new();
    sorted.retain(|held| {
        let count = taken.entry(&held.fact.experiment).or_default();
        *count += 1;
        *count <= RUNS_PER_EXPERIMENT
    });
    sorted.truncate(RUNS_IN_ALL);
    sorted
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::domain::fault::{Fault, FaultKind};
    use crate::domain::key::{RegistryKey, RunKey};
    use crate::domain::model::{Alias, Name, VersionStatus};
    use crate::domain::rules::freshness::FeedHealth;
    use crate::domain::run::RunStatus;
    use crate::domain::signal::{Measure, Measured, SignalKey};

    fn registry() -> Arc<RegistryKey> {
        Arc::new(RegistryKey {
            base: Key::new("http://ml.test"),
            workspace: Key::new(""),
        })
    }

    fn held<T>(fact: T) -> Held<T> {
        Held {
            source: SourceId::new("mlflow"),
            asked_at: Millis(1),
            fact,
        }
    }

    fn model_key() -> ModelKey {
        ModelKey {
            registry: registry(),
            name: Key::new("churn"),
            created: Millis(0),
        }
    }

    fn version(number: u64) -> ModelVersion {
        ModelVersion {
            key: VersionKey {
                model: model_key(),
                version: Key::new(&number.to_string()),
            },
            version: Clean::name(&number.to_string()),
            created: Millis(0),
            updated: Millis(0),
            stage: None,
            description: Clean::empty(),
            source: Clean::empty(),
            run: None,
            logged_model: None,
            status: VersionStatus::Ready,
            status_message: Clean::empty(),
            tags: Arc::from([]),
        }
    }

    fn run(experiment: usize, started: i64, status: RunStatus) -> Run {
        Run {
            key: RunKey {
                tracker: registry(),
                id: Key::new(&format!("{experiment}-{started}")),
            },
            experiment: ExperimentKey {
                tracker: registry(),
                id: Key::new(&experiment.to_string()),
            },
            name: Clean::empty(),
            user: Clean::empty(),
            status,
            started: Millis(started),
            ended: None,
            deleted: false,
            artifacts: Clean::empty(),
            metrics: Arc::from([]),
            params: Arc::from([]),
            tags: Arc::from([]),
            datasets: Arc::from([]),
            outputs: Arc::from([]),
        }
    }

    #[test]
    fn the_first_frame_gets_aliased_and_newest_versions() {
        let state = LastKnown {
            models: vec![held(RegisteredModel {
                key: model_key(),
                name: Clean::name("churn"),
                updated: Millis(0),
                description: Clean::empty(),
                tags: Arc::from([]),
                aliases: Arc::from([Alias {
                    name: Name::new("champion"),
                    version: Key::new("3"),
                }]),
            })],
            versions: vec![Arc::new((1..=10).map(|n| held(version(n))).collect())],
            ..LastKnown::default()
        };
        let (first, others) = state.split_versions();
        let numbers: Vec<_> = first.iter().map(|v| v.fact.key.number()).collect();
        // Ten is newer than nine although "10" < "9".
        assert_eq!(numbers, [Some(3), Some(10)]);
        assert_eq!(others.len(), 8);
    }

    #[test]
    fn the_rest_in_parts_is_the_whole_rest() {
        let run = |n: i64| held(run(0, n, RunStatus::Finished));
        let reading = |n: i64| {
            let key = SignalKey {
                model: Key::new("churn"),
                measure: Measure::FeatureDrift,
                part: Key::new(&n.to_string()),
                method: Key::new("psi"),
                version: Key::new(""),
                source: SourceId::new("prom"),
            };
            held(SignalReading::new(key, Measured::Value(0.1)))
        };
        let whole = LastKnownRest {
            saved_at: Millis(7),
            versions: (1..=10).map(|n| held(version(n))).collect(),
            experiments: Vec::new(),
            runs: (0..5).map(run).collect(),
            signals: (0..7).map(reading).collect(),
            series: Vec::new(),
        };
        let parts: Vec<LastKnown> = whole.clone().parts(4).collect();
        assert_eq!(parts.len(), 6);
        assert!(parts.iter().all(|part| part.saved_at == Millis(7)));
        let versions = parts.iter().flat_map(LastKnown::all_versions).cloned();
        assert_eq!(versions.collect::<Vec<_>>(), whole.versions);
        let runs = parts.iter().flat_map(|part| part.runs.clone());
        assert_eq!(runs.collect::<Vec<_>>(), whole.runs);
        let signals = parts.iter().flat_map(|part| part.signals.iter());
        let signals: Vec<_> = signals.flat_map(|group| group.iter().cloned()).collect();
        assert_eq!(signals, whole.signals);
        assert_eq!(LastKnownRest::default().parts(4).count(), 0);
    }

    #[test]
    fn a_feed_that_was_never_asked_has_no_stamp_and_a_fault_has_its_words() {
        let health = SourceHealth {
            feeds: BTreeMap::from([
                (Feed::Models, FeedHealth::default()),
                (
                    Feed::Versions,
                    FeedHealth {
                        asked_at: Some(Millis(9)),
                        good_at: Some(Millis(4)),
                        fault: Some(Fault::new(FaultKind::Timeout, "GET /x", "10 s")),
                        ..FeedHealth::default()
                    },
                ),
            ]),
            clock_skew_ms: None,
        };
        let source = SourceId::new("mlflow");
        let stamps = stamps([(&source, &health)]);
        assert_eq!(stamps.len(), 1);
        assert_eq!(
            (stamps[0].feed, stamps[0].answered_at),
            (Feed::Versions, Some(Millis(4)))
        );
        let words = stamps[0].fault.as_ref().expect("a fault").as_str();
        assert!(words.contains("GET /x"), "{words}");
    }

    #[test]
    fn runs_are_kept_newest_first_within_both_limits() {
        let run = |experiment, started, status| held(run(experiment, started, status));
        let mut runs: Vec<_> = (0..4)
            .flat_map(|experiment| (0..2_100).map(move |at| (experiment, at)))
            .map(|(experiment, at)| run(experiment, at, RunStatus::Finished))
            .collect();
        runs.push(run(3, -50, RunStatus::Running));
        let kept = newest_runs(&runs);
        assert_eq!(kept.len(), RUNS_IN_ALL);
        assert_eq!(kept[0].fact.status, RunStatus::Running);
        let of_one = kept
            .iter()
            .filter(|held| held.fact.experiment.id == Key::new("0"))
            .count();
        assert!(of_one <= RUNS_PER_EXPERIMENT);
        assert!(kept[1..].is_sorted_by_key(|held| std::cmp::Reverse(held.fact.started)));

        let one: Vec<_> = (0..2_100)
            .map(|at| run(9, at, RunStatus::Finished))
            .collect();
        assert_eq!(newest_runs(&one).len(), RUNS_PER_EXPERIMENT);
    }
}
