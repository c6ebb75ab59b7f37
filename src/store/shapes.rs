//! The packed shapes of the domain's facts. A change here, or in the order of a type's fields, needs a
//! new [`SHAPE`]: what was saved in the old one is then not read.

use std::sync::Arc;

use super::pack::{Pack, Packer, Torn, Unpacker};
use crate::domain::alert::{Alert, AlertKey, AlertRule, AlertState, Silence};
use crate::domain::deployment::{EndpointReading, Health, Known, ServedState, ServedVersion};
use crate::domain::key::{
    DeploymentKey, DeploymentKind, ExperimentKey, ModelKey, RunKey, VersionKey,
};
use crate::domain::last_known::{Held, Memory, SourceStamp};
use crate::domain::level::Level;
use crate::domain::model::{Alias, ModelVersion, Name, RegisteredModel, VersionStatus};
use crate::domain::observation::Feed;
use crate::domain::observed::{EndpointTrack, Served};
use crate::domain::run::{DatasetUse, Experiment, LastMetric, Run, RunStatus};
use crate::domain::settling::{Moved, NoisyLevel, Settled};
use crate::domain::signal::{
    Direction, Earlier, Lines, LinesFrom, Measure, Measured, SignalKey, SignalReading,
    SignalSeries, Tested, Unit,
};
use crate::domain::text::Clean;

/// The version of all shapes together.
pub(super) const SHAPE: i64 = 5;

/// A struct is its fields, one after another.
macro_rules! fields {
    ($($type:ty { $($field:ident),* $(,)? })*) => { $(
        impl Pack for $type {
            fn pack<'a>(&'a self, packer: &mut Packer<'a>) {
                $(self.$field.pack(packer);)*
            }
            fn unpack(from: &mut Unpacker<'_>) -> Result<Self, Torn> {
                Ok(Self { $($field: Pack::unpack(from)?),* })
            }
        }
    )* };
}

/// An enum of bare words is a number.
macro_rules! words {
    ($($type:ty { $($variant:ident = $number:literal),* $(,)? })*) => { $(
        impl Pack for $type {
            fn pack<'a>(&'a self, packer: &mut Packer<'a>) {
                packer.number(match self { $(Self::$variant => $number),* });
            }
            fn unpack(from: &mut Unpacker<'_>) -> Result<Self, Torn> {
                match from.number()? {
                    $($number => Ok(Self::$variant),)*
                    _ => Err(Torn),
                }
            }
        }
    )* };
}

/// An enum of bare words with one more for a word that this program does not know.
macro_rules! words_or_other {
    ($($type:ty { $($variant:ident = $number:literal),* $(,)? })*) => { $(
        impl Pack for $type {
            fn pack<'a>(&'a self, packer: &mut Packer<'a>) {
                match self {
                    $(Self::$variant => packer.number($number),)*
                    Self::Other(word) => {
                        packer.number(0);
                        word.pack(packer);
                    }
                }
            }
            fn unpack(from: &mut Unpacker<'_>) -> Result<Self, Torn> {
                match from.number()? {
                    0 => Clean::unpack(from).map(Self::Other),
                    $($number => Ok(Self::$variant),)*
                    _ => Err(Torn),
                }
            }
        }
    )* };
}

mod pipelines;

fields! {
    ModelKey { registry, name, created }
    VersionKey { model, version }
    ExperimentKey { tracker, id }
    RunKey { tracker, id }
    DeploymentKey { kind, base, scope, name }
    Name { key, shown }
    Alias { name, version }
    RegisteredModel { key, name, updated, description, tags, aliases }
    ModelVersion {
        key, version, created, updated, stage, description, source, run, logged_model, status,
        status_message, tags,
    }
    Experiment { key, name, created, updated, tags }
    LastMetric { name, value, step, at }
    DatasetUse { name, digest, context, source_kind, source }
    Run {
        key, experiment, name, user, status, started, ended, deleted, artifacts, metrics, params,
        tags, datasets, outputs,
    }
    ServedVersion { version, known, state, message }
    EndpointReading {
        key, name, health, message, versions, default_version, server, latency, versions_unread,
        versions_at,
    }
    SignalKey { model, measure, part, method, version, source }
    SignalReading {
        key, value, at, written_at, unit, direction, lines_from, lines, n, reference_n, window, tested,
    }
    Lines { warn, crit }
    Tested { passed, reason }
    SignalSeries { key, start, step, times, values, earlier }
    Earlier { start, step, values }
    AlertKey { source, fingerprint }
    AlertRule { query, plotted, threshold, for_seconds }
    Silence { id, author, comment, until }
    Alert {
        key, name, model, version, severity, level, state, since, summary, runbook, dashboard, labels,
        value, rule, silences, group,
    }
    SourceStamp { source, feed, answered_at, asked_at, fault }
    NoisyLevel { source, seen, level, recent, counted }
    Moved { from, to, not_before, not_after }
    Settled { level, noisy, last, not_worse, not_better, held }
    Served { text, own, known }
    EndpointTrack { last, health, served }
    Memory { models, endpoints, levels, tracks, failing, slow, loading }
}

words! {
    DeploymentKind { V2 = 1, Tfserving = 2, Bentoml = 3, MlflowServe = 4 }
    Known { Reported = 1, Declared = 2, Inferred = 3, Unknown = 4 }
    ServedState { Answering = 1, Loading = 2, Failed = 3, Unloaded = 4, Unknown = 5 }
    Health { Ready = 1, NotReady = 2, Missing = 3, Unreachable = 4, Unknown = 5 }
    Level { Ok = 1, Info = 2, Warn = 3, Unknown = 4, Crit = 5 }
    Measure {
        Requests = 1, ErrorRatio = 2, LatencyP50 = 3, LatencyP95 = 4, LatencyP99 = 5, LatencyMean = 6,
        Queue = 7, Saturation = 8, PredictionMean = 9, PositiveShare = 10, FeatureDrift = 11,
        DriftShare = 12, PredictionDrift = 13, TargetDrift = 14, QualityRealised = 15,
        QualityEstimated = 16, LabelCoverage = 17, Fairness = 18, NullShare = 19, FeatureMean = 20,
        Importance = 21, Samples = 22, ReferenceSamples = 23, LastRun = 24, PredictionRows = 25,
    }
    Unit {
        Score = 1, Ratio = 2, Seconds = 3, PerSecond = 4, Count = 5, PValue = 6, Stamp = 7,
    }
    Direction { HighIsBad = 1, LowIsBad = 2, Neither = 3 }
    LinesFrom { Series = 1, Preset = 2 }
    AlertState { Firing = 1, Pending = 2, Silenced = 3, Inhibited = 4 }
    Feed {
        WatchedModels = 1, Models = 2, NewestVersions = 3, Versions = 4, Experiments = 5,
        RecentRuns = 6, OpenRuns = 7, Endpoint = 8, Signals = 9, SignalHistory = 10, Alerts = 11,
        Annotations = 12, ServedHistory = 13, Pipelines = 14, PipelineRuns = 15, Orchestrator = 16,
    }
}

words_or_other! {
    VersionStatus { Ready = 1, Pending = 2, Failed = 3 }
    RunStatus { Running = 1, Scheduled = 2, Finished = 3, Failed = 4, Killed = 5 }
}

impl Pack for Measured {
    fn pack<'a>(&'a self, packer: &mut Packer<'a>) {
        match self {
            Self::Value(value) => {
                packer.number(1);
                value.pack(packer);
            }
            Self::NoTraffic => packer.number(2),
            Self::NoData => packer.number(3),
            Self::NotANumber => packer.number(4),
        }
    }
    fn unpack(from: &mut Unpacker<'_>) -> Result<Self, Torn> {
        match from.number()? {
            1 => f64::unpack(from).map(Self::Value),
            2 => Ok(Self::NoTraffic),
            3 => Ok(Self::NoData),
            4 => Ok(Self::NotANumber),
            _ => Err(Torn),
        }
    }
}

impl Pack for Arc<Lines> {
    fn pack<'a>(&'a self, packer: &mut Packer<'a>) {
        Lines::pack(self, packer);
    }
    fn unpack(from: &mut Unpacker<'_>) -> Result<Self, Torn> {
        Lines::unpack(from).map(Self::new)
    }
}

impl Pack for Arc<Earlier> {
    fn pack<'a>(&'a self, packer: &mut Packer<'a>) {
        Earlier::pack(self, packer);
    }
    fn unpack(from: &mut Unpacker<'_>) -> Result<Self, Torn> {
        Earlier::unpack(from).map(Self::new)
    }
}

impl Pack for Box<Tested> {
    fn pack<'a>(&'a self, packer: &mut Packer<'a>) {
        Tested::pack(self, packer);
    }
    fn unpack(from: &mut Unpacker<'_>) -> Result<Self, Torn> {
        Tested::unpack(from).map(Self::new)
    }
}

impl<T: Pack> Pack for Held<T> {
    fn pack<'a>(&'a self, packer: &mut Packer<'a>) {
        self.source.pack(packer);
        self.asked_at.pack(packer);
        self.fact.pack(packer);
    }
    fn unpack(from: &mut Unpacker<'_>) -> Result<Self, Torn> {
        Ok(Self {
            source: Pack::unpack(from)?,
            asked_at: Pack::unpack(from)?,
            fact: T::unpack(from)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::text::Clean;
    use crate::domain::time::Millis;
    use proptest::prelude::*;

    fn unpacked<T: Pack>(bytes: &[u8]) -> Result<Vec<T>, Torn> {
        Unpacker::new(bytes)?.list()
    }

    #[test]
    fn every_word_has_a_number_of_its_own() {
        fn all<T: Pack + PartialEq + std::fmt::Debug>(words: Vec<T>) {
            let mut packer = Packer::default();
            packer.list(words.iter());
            assert_eq!(unpacked(&packer.finish()), Ok(words));
        }
        let other = Clean::name("PAUSED");
        all(DeploymentKind::ALL.to_vec());
        all(vec![
            Known::Reported,
            Known::Declared,
            Known::Inferred,
            Known::Unknown,
        ]);
        all(vec![
            ServedState::Answering,
            ServedState::Loading,
            ServedState::Failed,
            ServedState::Unloaded,
            ServedState::Unknown,
        ]);
        all(vec![
            Health::Ready,
            Health::NotReady,
            Health::Missing,
            Health::Unreachable,
            Health::Unknown,
        ]);
        all(vec![
            VersionStatus::Ready,
            VersionStatus::Pending,
            VersionStatus::Failed,
            VersionStatus::Other(other.clone()),
        ]);
        all(vec![
            RunStatus::Running,
            RunStatus::Scheduled,
            RunStatus::Finished,
            RunStatus::Failed,
            RunStatus::Killed,
            RunStatus::Other(other),
        ]);
        all(Measure::ALL.to_vec());
        all(vec![
            Unit::Score,
            Unit::Ratio,
            Unit::Seconds,
            Unit::PerSecond,
            Unit::Count,
            Unit::PValue,
            Unit::Stamp,
        ]);
        all(vec![
            Direction::HighIsBad,
            Direction::LowIsBad,
            Direction::Neither,
        ]);
        all(vec![LinesFrom::Series, LinesFrom::Preset]);
        all(vec![
            AlertState::Firing,
            AlertState::Pending,
            AlertState::Silenced,
            AlertState::Inhibited,
        ]);
        all(vec![
            Measured::Value(0.5),
            Measured::NoTraffic,
            Measured::NoData,
            Measured::NotANumber,
        ]);
        all(vec![
            Feed::WatchedModels,
            Feed::Models,
            Feed::NewestVersions,
            Feed::Versions,
            Feed::Experiments,
            Feed::RecentRuns,
            Feed::OpenRuns,
            Feed::Endpoint,
        ]);
    }

    proptest! {
        #[test]
        fn no_bytes_make_reading_panic(
            noise in prop::collection::vec(any::<u8>(), 0..200),
            at in any::<prop::sample::Index>(), byte in any::<u8>()
        ) {
            let _ = unpacked::<Held<Run>>(&noise);
            let _ = unpacked::<Held<ModelVersion>>(&noise);
            let _ = unpacked::<Held<EndpointReading>>(&noise);
            let _ = unpacked::<Held<SignalReading>>(&noise);
            let _ = unpacked::<Held<SignalSeries>>(&noise);
            let _ = unpacked::<Held<Alert>>(&noise);
            let stamp = SourceStamp {
                source: crate::domain::key::SourceId::new("mlflow"),
                feed: Feed::Models,
                answered_at: Some(Millis(5)),
                asked_at: Millis(6),
                fault: Some(Clean::name("timeout")),
            };
            let stamps = vec![stamp; 5];
            let mut packer = Packer::default();
            packer.list(stamps.iter());
            let mut bytes = packer.finish();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let _ = unpacked::<SourceStamp>(&bytes);
        }
    }
}
