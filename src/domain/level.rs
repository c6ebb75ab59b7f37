//! Levels and verdicts: how bad something is, in the words that every screen, sort and exit code share.

use std::fmt;

use super::key::SourceId;
use super::text::Clean;
use super::time::Since;

/// How bad. The order is the roll-up order, worst last: what cannot be read outranks a warning,
/// because it may hide anything.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Debug,
    Default,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Looked at, and fine.
    #[default]
    Ok,
    /// Worth knowing, nothing to do.
    Info,
    /// Needs a look in working hours.
    Warn,
    /// Expected, but unreadable, stale, not a number, or of too few samples.
    Unknown,
    /// Needs somebody now.
    Crit,
}

impl Level {
    /// Every level, worst first: the order of lists.
    pub const WORST_FIRST: [Self; 5] =
        [Self::Crit, Self::Unknown, Self::Warn, Self::Info, Self::Ok];

    /// The word on screen and in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Unknown => "unknown",
            Self::Crit => "crit",
        }
    }

    /// The process exit code that `--check` maps the level to.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Ok | Self::Info => 0,
            Self::Warn => 10,
            Self::Crit => 20,
            Self::Unknown => 30,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// What kind of finding a [`Reason`] is. The word is stable: scripts match on it.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
pub enum ReasonCode {
    /// The registry's champion and the answering version differ, past the grace.
    #[serde(rename = "skew.behind")]
    SkewBehind,
    /// The endpoint answers a newer version than the one it follows.
    #[serde(rename = "skew.ahead")]
    SkewAhead,
    /// The wanted version is there but does not come up.
    #[serde(rename = "skew.stuck")]
    SkewStuck,
    /// The wanted version is on its way, within its grace.
    #[serde(rename = "skew.rolling-out")]
    SkewRollingOut,
    /// Several versions answer at once.
    #[serde(rename = "skew.split")]
    SkewSplit,
    /// The endpoint is held at a version on purpose.
    #[serde(rename = "skew.held-back")]
    SkewHeldBack,
    /// No evidence says which version answers.
    #[serde(rename = "skew.unlinked")]
    SkewUnlinked,
    /// The endpoint does not answer, or says that it is not ready.
    #[serde(rename = "endpoint.unready")]
    EndpointUnready,
    /// The endpoint answers, but slower than its limit.
    #[serde(rename = "endpoint.slow")]
    EndpointSlow,
    /// No model is known for the endpoint.
    #[serde(rename = "wiring.unjoined")]
    Unjoined,
    /// A source that this model rests on does not answer.
    #[serde(rename = "source.down")]
    SourceDown,
    /// A source answers, but not everything that it was asked.
    #[serde(rename = "source.partial")]
    SourcePartial,
    /// What is known of this model is older than its limit.
    #[serde(rename = "facts.stale")]
    FactsStale,
    /// The champion version is not in a usable state in the registry.
    #[serde(rename = "version.not-ready")]
    VersionNotReady,
    /// The champion alias points at a version that the registry does not hold.
    #[serde(rename = "version.missing")]
    VersionMissing,
    /// Alias and stage disagree about which version is in production.
    #[serde(rename = "registry.alias-stage")]
    AliasStageDisagree,
    /// The champion was trained longer ago than the policy's limit.
    #[serde(rename = "model.stale")]
    ModelStale,
    /// The newest training run failed.
    #[serde(rename = "run.failed")]
    RunFailed,
    /// The newest runs of the pipeline that trains it failed.
    #[serde(rename = "retrain.failed")]
    RetrainFailed,
    /// The pipeline that trains it is paused while runs wait.
    #[serde(rename = "pipeline.paused")]
    PipelinePaused,
    /// Nothing starts runs of its pipeline any more.
    #[serde(rename = "pipeline.scheduler")]
    PipelineScheduler,
    /// The pipeline that should train it is not there, or cannot be loaded.
    #[serde(rename = "pipeline.missing")]
    PipelineMissing,
    /// What runs its pipeline does not answer.
    #[serde(rename = "pipeline.unread")]
    PipelineUnread,
    /// Requests fail.
    #[serde(rename = "signal.errors")]
    SignalErrors,
    /// Requests take too long, or the latency budget burns too fast.
    #[serde(rename = "signal.latency")]
    SignalLatency,
    /// Requests stopped or fell sharply.
    #[serde(rename = "signal.traffic")]
    SignalTraffic,
    /// Capacity is used up: requests wait.
    #[serde(rename = "signal.saturation")]
    SignalSaturation,
    /// Input features have moved.
    #[serde(rename = "drift.data")]
    DriftData,
    /// The predictions have moved.
    #[serde(rename = "drift.prediction")]
    DriftPrediction,
    /// The labels have moved.
    #[serde(rename = "drift.target")]
    DriftTarget,
    /// Quality fell while the inputs stayed: what is to be learned has changed.
    #[serde(rename = "drift.concept")]
    DriftConcept,
    /// The version has drifted since its first minute: training and serving differ.
    #[serde(rename = "drift.serving-skew")]
    ServingSkew,
    /// Missing values or a jump of unit: the data themselves are broken.
    #[serde(rename = "data.quality")]
    DataQuality,
    /// Quality with labels is under its floor.
    #[serde(rename = "quality.realised")]
    QualityRealised,
    /// Quality estimated without labels is under its floor.
    #[serde(rename = "quality.estimated")]
    QualityEstimated,
    /// A fairness metric is over its line.
    #[serde(rename = "fairness")]
    Fairness,
    /// The job that watches drift or quality is late, dead or writes NaN.
    #[serde(rename = "monitor.stale")]
    MonitorStale,
    /// An alert fires or is pending.
    #[serde(rename = "alert")]
    Alert,
    /// Two keys look alike on screen.
    #[serde(rename = "identity.look-alike")]
    LookAlike,
}

impl ReasonCode {
    /// Whether it tells of what has moved, or of what says whether anything has.
    pub fn is_of_drift(self) -> bool {
        matches!(
            self,
            Self::DriftData
                | Self::DriftPrediction
                | Self::DriftTarget
                | Self::DriftConcept
                | Self::ServingSkew
                | Self::DataQuality
                | Self::QualityRealised
                | Self::QualityEstimated
                | Self::MonitorStale
        )
    }

    /// The stable word, as in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::SkewBehind => "skew.behind",
            Self::SkewAhead => "skew.ahead",
            Self::SkewStuck => "skew.stuck",
            Self::SkewRollingOut => "skew.rolling-out",
            Self::SkewSplit => "skew.split",
            Self::SkewHeldBack => "skew.held-back",
            Self::SkewUnlinked => "skew.unlinked",
            Self::EndpointUnready => "endpoint.unready",
            Self::EndpointSlow => "endpoint.slow",
            Self::Unjoined => "wiring.unjoined",
            Self::SourceDown => "source.down",
            Self::SourcePartial => "source.partial",
            Self::FactsStale => "facts.stale",
            Self::VersionNotReady => "version.not-ready",
            Self::VersionMissing => "version.missing",
            Self::AliasStageDisagree => "registry.alias-stage",
            Self::ModelStale => "model.stale",
            Self::RunFailed => "run.failed",
            Self::RetrainFailed => "retrain.failed",
            Self::PipelinePaused => "pipeline.paused",
            Self::PipelineScheduler => "pipeline.scheduler",
            Self::PipelineMissing => "pipeline.missing",
            Self::PipelineUnread => "pipeline.unread",
            Self::SignalErrors => "signal.errors",
            Self::SignalLatency => "signal.latency",
            Self::SignalTraffic => "signal.traffic",
            Self::SignalSaturation => "signal.saturation",
            Self::DriftData => "drift.data",
            Self::DriftPrediction => "drift.prediction",
            Self::DriftTarget => "drift.target",
            Self::DriftConcept => "drift.concept",
            Self::ServingSkew => "drift.serving-skew",
            Self::DataQuality => "data.quality",
            Self::QualityRealised => "quality.realised",
            Self::QualityEstimated => "quality.estimated",
            Self::Fairness => "fairness",
            Self::MonitorStale => "monitor.stale",
            Self::Alert => "alert",
            Self::LookAlike => "identity.look-alike",
        }
    }
}

/// One finding: what, how bad, in words, since when, and which source says so.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Reason {
    /// What kind of finding.
    pub code: ReasonCode,
    /// How bad.
    pub level: Level,
    /// A short sentence with the numbers in it.
    pub text: Clean,
    /// Since when, as far as is known.
    pub since: Since,
    /// The source whose answer shows it.
    pub source: Option<SourceId>,
}

/// The outcome of a rule: the worst level of its reasons, and the reasons, worst first.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Verdict {
    /// The worst level, [`Level::Ok`] without reasons.
    pub level: Level,
    /// Why, worst first; reasons of one level keep the order of the rules.
    pub reasons: Vec<Reason>,
}

impl Verdict {
    /// Rolls reasons up: worst first. Of equally bad ones, that nobody answers comes last: what was found
    /// before says more of the model, and that it is of before.
    pub fn of(mut reasons: Vec<Reason>) -> Self {
        let silent = |r: &Reason| r.code == ReasonCode::FactsStale;
        reasons.sort_by_key(|r| (std::cmp::Reverse(r.level), silent(r)));
        Self {
            level: reasons.first().map_or(Level::Ok, |r| r.level),
            reasons,
        }
    }

    /// The finding that screens name first.
    pub fn first(&self) -> Option<&Reason> {
        self.reasons.first()
    }

    /// Since when it is so: the onset of the finding that screens name first; nothing without findings. An
    /// onset beside the words of another finding would be read as theirs.
    pub fn since(&self) -> Option<Since> {
        self.first().map(|reason| reason.since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_onset_told_is_that_of_the_finding_that_is_named() {
        use crate::domain::time::Millis;
        let reason = |level, since| Reason {
            code: ReasonCode::SignalLatency,
            level,
            text: Clean::name("slow"),
            since,
            source: None,
        };
        let (least, old, new) = (
            Since::AtLeast(Millis(9)),
            Since::Exact(Millis(5)),
            Since::Exact(Millis(7)),
        );
        let of = |all: &[(Level, Since)]| {
            let reasons = all.iter().map(|(level, since)| reason(*level, *since));
            Verdict::of(reasons.collect())
        };
        let mut verdict = of(&[(Level::Warn, new), (Level::Crit, least), (Level::Crit, old)]);
        assert_eq!(verdict.since(), Some(least));
        // The level has not settled, and the words that are shown are still those of the worst.
        verdict.level = Level::Warn;
        assert_eq!(verdict.since(), Some(least));
        assert_eq!(Verdict::default().since(), None);
    }

    #[test]
    fn unknown_outranks_a_warning_and_yields_to_critical() {
        assert!(Level::Crit > Level::Unknown && Level::Unknown > Level::Warn);
        let mut all = Level::WORST_FIRST;
        all.sort();
        all.reverse();
        assert_eq!(all, Level::WORST_FIRST);
    }

    #[test]
    fn a_code_reads_the_same_in_text_and_in_json() {
        for code in [
            ReasonCode::SkewBehind,
            ReasonCode::AliasStageDisagree,
            ReasonCode::LookAlike,
        ] {
            let json = serde_json::to_value(code).expect("a unit variant serializes");
            assert_eq!(json, code.word());
        }
    }
}
