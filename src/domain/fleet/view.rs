//! What the fleet knows of one model or one deployment, joined and judged: the rows of the screens
//! and of the headless documents alike.

use std::time::Duration;

use crate::domain::change::Change;
use crate::domain::deployment::{Health, Known};
use crate::domain::key::{DeploymentKey, Key, ModelKey, SourceId};
use crate::domain::level::{Level, Verdict};
use crate::domain::mark::Marked;
use crate::domain::rules::quality::Quality;
use crate::domain::rules::signals::shares::Share;
use crate::domain::rules::skew::Skew;
use crate::domain::signal::{Gauge, Measure};
use crate::domain::text::Clean;
use crate::domain::time::{Millis, Since, age};
use crate::domain::wiring::{Rule, Target};

/// A version that something points at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pointed {
    /// The raw version.
    pub key: Key,
    /// As shown: `v14`.
    pub text: Clean,
    /// Since when it is pointed at.
    pub since: Since,
    /// Whether the registry holds it.
    pub exists: bool,
    /// When the version was registered.
    pub created: Option<Millis>,
}

/// A version that an endpoint answers, in the registry's words where they are known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answering {
    /// As shown: `v13`, or the endpoint's own word.
    pub text: Clean,
    /// The registry's version, if it maps to one.
    pub version: Option<Key>,
    /// How it is known.
    pub known: Known,
}

/// One deployment, joined and judged.
#[derive(Clone, PartialEq, Debug)]
pub struct DeploymentView {
    /// Identity.
    pub key: DeploymentKey,
    /// Its name.
    pub name: Clean,
    /// The source that polls it.
    pub source: SourceId,
    /// The model it serves.
    pub model: Option<ModelKey>,
    /// The model's name, or what was configured.
    pub model_name: Clean,
    /// Which rule joined them.
    pub rule: Rule,
    /// That rule in words.
    pub because: Clean,
    /// What it follows.
    pub follows: Target,
    /// `prod`, `staging`, or empty.
    pub environment: Clean,
    /// The version it should answer.
    pub expected: Option<Pointed>,
    /// The versions that answer.
    pub answering: Vec<Answering>,
    /// Versions that are there and do not answer, with their state in words.
    pub other: Vec<(Clean, Clean)>,
    /// When the versions were read, where the newest look could not read them.
    pub versions_at: Option<Millis>,
    /// Since when the answering versions are these.
    pub since: Since,
    /// Its health.
    pub health: Health,
    /// Since when.
    pub health_since: Since,
    /// Why it is not ready, or the fault.
    pub message: Clean,
    /// The health call's own time.
    pub latency: Option<Duration>,
    /// The serving software.
    pub server: Clean,
    /// When it was last read with success.
    pub read_at: Option<Millis>,
    /// How it stands to what it follows.
    pub skew: Skew,
    /// How bad, with reasons.
    pub verdict: Verdict,
}

impl DeploymentView {
    /// The answering versions in words: `v13`, `v13 + v14`, or `?`.
    pub fn answering_text(&self) -> Clean {
        match self.answering.as_slice() {
            [] => Clean::name("?"),
            [one] => one.text.clone(),
            [first, rest @ ..] => {
                let mut text = first.text.to_string();
                for more in rest {
                    text.push_str(" + ");
                    text.push_str(more.text.as_str());
                }
                Clean::name(&text)
            }
        }
    }

    /// Since when it is as it is: the onset of the finding that is named first, else since when these
    /// versions answer.
    pub fn state_since(&self) -> Since {
        self.verdict.since().unwrap_or(self.since)
    }

    /// How the answering version is known, in a word; how long ago it was, if it is not known now.
    pub fn known_text(&self, now: Millis) -> String {
        self.versions_at.map_or_else(
            || self.known().word().to_owned(),
            |at| format!("{} ago", age(now.since(at))),
        )
    }

    /// How the answering version is known: the weakest evidence among them.
    pub fn known(&self) -> Known {
        self.answering
            .iter()
            .map(|a| a.known)
            .max()
            .unwrap_or(Known::Unknown)
    }
}

/// One model, joined and judged.
#[derive(Clone, PartialEq, Debug)]
pub struct ModelView {
    /// Identity.
    pub key: ModelKey,
    /// Its name.
    pub name: Clean,
    /// Who answers for it.
    pub owner: Option<Clean>,
    /// Where its runbook is.
    pub runbook: Option<Clean>,
    /// The version in production.
    pub champion: Option<Pointed>,
    /// The candidate.
    pub challenger: Option<Pointed>,
    /// How many versions the registry holds, as far as they were read.
    pub versions: usize,
    /// The newest version.
    pub newest: Option<Pointed>,
    /// Its deployments.
    pub deployments: Vec<DeploymentKey>,
    /// The answering versions of its deployments, one text: `v13`, `v13 | v14`, `–`.
    pub served: Clean,
    /// The worst skew of its deployments; `None` without deployments.
    pub skew: Option<Skew>,
    /// Its quality metric.
    pub quality: Option<Quality>,
    /// What its monitoring says.
    pub signals: ModelSignals,
    /// Who has frozen it, if somebody has.
    pub frozen: Option<Box<Marked>>,
    /// Who sees to its trouble, if somebody has said so.
    pub acknowledged: Option<Box<Marked>>,
    /// When its registry facts were last read with success.
    pub read_at: Option<Millis>,
    /// How bad, with reasons.
    pub verdict: Verdict,
    /// The newest change in its timeline.
    pub last_change: Option<Change>,
    /// The likeliest cause of its trouble among the changes in its timeline.
    pub cause: Option<Box<Change>>,
    /// When the judgement may change by time alone.
    pub until: Option<Millis>,
}

impl ModelView {
    /// The marks that somebody has left on it: a word for lists, and what it says in full.
    pub fn marks(&self) -> impl Iterator<Item = (&'static str, Clean)> + '_ {
        let frozen = self.frozen.as_deref().map(|m| ("frozen", m));
        let seen_to = self.acknowledged.as_deref().map(|m| ("acknowledged", m));
        let all = [frozen, seen_to].into_iter().flatten();
        all.map(|(word, mark)| (word, Clean::text(&format!("{word} {}", mark.words()))))
    }
}

/// The judged signals that every list shows of a model, and the counts of its alerts.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct ModelSignals {
    /// One gauge for each measure that lists show: all versions and parts together, or the worst of
    /// them. In the order of the measures; empty where nothing monitors the model.
    pub gauges: Vec<Gauge>,
    /// How its features stand.
    pub drift: Option<DriftSummary>,
    /// How bad everything is that has moved: features, predictions and labels. `None` where nothing is judged.
    pub drift_level: Option<Level>,
    /// The versions that answer, as far as endpoints or requests tell, else the one in production: scores of
    /// others count behind theirs. Empty where neither is known.
    pub served: Box<[Key]>,
    /// How requests are shared out between versions, the most asked one first; empty where they are not
    /// counted by version.
    pub shares: Box<[Share]>,
    /// Its alerts.
    pub alerts: AlertCounts,
}

impl ModelSignals {
    /// The gauge of a measure.
    pub fn gauge(&self, measure: Measure) -> Option<&Gauge> {
        self.gauges.iter().find(|g| g.key.measure == measure)
    }

    /// What says how far the model has drifted: the worst feature, else the share, else the predictions.
    pub fn worst_drift(&self) -> Option<&Gauge> {
        let worst = self.drift.as_ref().and_then(|d| d.worst.as_ref());
        worst
            .or_else(|| self.gauge(Measure::DriftShare))
            .or_else(|| self.gauge(Measure::PredictionDrift))
    }
}

/// How a model's features stand: how many have drifted, and which is the worst.
#[derive(Clone, PartialEq, Debug)]
pub struct DriftSummary {
    /// Features over their lines.
    pub drifted: usize,
    /// Features that can be judged.
    pub judged: usize,
    /// Features in all.
    pub features: usize,
    /// The worst by score over its line, weighted by importance where that is known.
    pub worst: Option<Gauge>,
    /// How bad; `None` where no feature can be judged.
    pub level: Option<Level>,
}

/// How many alerts stand where.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct AlertCounts {
    /// Firing, critical.
    pub crit: usize,
    /// Firing, of other severities.
    pub firing: usize,
    /// Pending.
    pub pending: usize,
    /// Silenced or inhibited.
    pub muted: usize,
}

impl ModelView {
    /// Whether what answers is not what the registry wants. What nobody told cannot be known to differ.
    pub fn differs(&self) -> bool {
        let skew = matches!(
            self.skew,
            Some(Skew::Behind | Skew::Ahead | Skew::Stuck | Skew::RollingOut | Skew::Split)
        );
        skew && self.served != "?"
    }

    /// Its level.
    pub fn level(&self) -> Level {
        self.verdict.level
    }

    /// Since when it is in trouble: the onset of the finding that lists name first.
    pub fn since(&self) -> Since {
        self.verdict.since().unwrap_or_default()
    }
}
