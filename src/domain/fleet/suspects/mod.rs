//! What changed around a moment: everything known of that time, ranked by how close it came before the
//! onset and by whether it touches the model in question.

mod near;
mod rank;

use std::time::Duration;

use self::rank::{Moment, Nature, cost};
use super::Fleet;
use super::view::ModelView;
use crate::domain::alert::AlertKey;
use crate::domain::annotation::AnnotationKey;
use crate::domain::change::{Change, ChangeKind, Origin, Subject};
use crate::domain::key::{ModelKey, RunKey};
use crate::domain::level::{Level, Reason, ReasonCode};
use crate::domain::rules::signals::monitor;
use crate::domain::run::RunStatus;
use crate::domain::text::Clean;
use crate::domain::time::{Millis, Since};

pub use self::rank::Part;

/// How close a suspect stands to the model in question. The order is from near to far.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Touch {
    /// It happened to the model or to what serves it.
    Model,
    /// It names no model: it may touch any.
    Anyone,
    /// It happened to another model, or to a source.
    Other,
}

impl Touch {
    /// The word on screen.
    pub fn word(self) -> &'static str {
        match self {
            Self::Model => "this model",
            Self::Anyone => "anyone",
            Self::Other => "other",
        }
    }
}

/// What a suspect is.
#[derive(Clone, PartialEq, Debug)]
pub enum What {
    /// A row of the ledger.
    Change(Box<Change>),
    /// A run ended.
    Run(RunKey, RunStatus),
    /// An alert began.
    Alert(AlertKey),
    /// Somebody wrote an annotation.
    Annotation(AnnotationKey),
}

/// One thing that happened near the onset.
#[derive(Clone, PartialEq, Debug)]
pub struct Suspect {
    /// What it is.
    pub what: What,
    /// When it had happened at the latest.
    pub at: Millis,
    /// How wide the window is that it happened in; zero where its stamp is exact.
    pub within: Duration,
    /// What happened, in a short phrase.
    pub text: Clean,
    /// The name of what it happened to, empty where it names nothing.
    pub subject: Clean,
    /// Who did it, where anyone says.
    pub actor: Option<Clean>,
    /// What somebody wrote of it, where an annotation tells of the same.
    pub note: Option<Clean>,
    /// Whether it touches the model in question.
    pub touch: Touch,
    /// What it may be to the trouble in question.
    pub part: Part,
    /// Milliseconds from it to the onset: positive where it came before.
    pub lead_ms: i64,
    /// How suspicious: less is more.
    pub cost: f64,
}

impl Suspect {
    /// Something that had happened by a time, within a window before it.
    fn new(
        moment: &Moment<'_>,
        (at, within): (Millis, Duration),
        (touch, nature): (Touch, Nature),
        text: Clean,
        what: What,
    ) -> Self {
        let rank = moment.rank(at, within, touch, nature);
        Self {
            what,
            at,
            within,
            text,
            subject: Clean::empty(),
            actor: None,
            note: None,
            touch,
            part: rank.part,
            lead_ms: rank.lead_ms,
            cost: rank.cost,
        }
    }

    /// The row of the ledger that it is.
    pub fn change(&self) -> Option<&Change> {
        match &self.what {
            What::Change(change) => Some(change),
            What::Run(..) | What::Alert(_) | What::Annotation(_) => None,
        }
    }

    /// What somebody said of it: why it was done, else what an annotation tells.
    pub fn remark(&self) -> Option<&str> {
        self.reason()
            .or_else(|| self.note.as_ref().map(Clean::as_str))
    }

    /// Why it was done, where this program did it and somebody said why.
    pub fn reason(&self) -> Option<&str> {
        match &self.what {
            What::Change(change) => change.reason(),
            What::Run(..) | What::Alert(_) | What::Annotation(_) => None,
        }
    }

    /// Whether the onset lies within the window that it happened in: nobody can say which came first.
    pub fn is_around(&self) -> bool {
        self.is_around_at(Millis(self.at.0.saturating_add(self.lead_ms)))
    }

    /// Whether a moment lies within the window that it happened in.
    pub fn is_around_at(&self, moment: Millis) -> bool {
        let lead = self.lead_to(moment);
        let wide = i64::try_from(self.within.as_millis()).unwrap_or(i64::MAX);
        lead < 0 && lead.saturating_add(wide) >= 0
    }

    /// What it is to trouble, in a word: what may be its cause, what follows from it, what only says something
    /// or has changed nothing yet, what came too late for a cause, and what happened to another model.
    pub fn role(&self) -> &'static str {
        match self.part {
            Part::Cause => "cause?",
            Part::Elsewhere => "elsewhere",
            Part::Beside if matches!(self.kind(), "level" | "alert" | "health") => "effect",
            Part::Beside if self.lead_ms < 0 && !self.is_around() => "later",
            Part::Beside => "note",
        }
    }

    /// Milliseconds from it to a moment: positive where it came before.
    pub fn lead_to(&self, at: Millis) -> i64 {
        at.0.saturating_sub(self.at.0)
    }

    /// Whether it is told by measurements of before anybody watched, and not by a look.
    pub fn is_imported(&self) -> bool {
        matches!(&self.what, What::Change(change) if change.origin == Origin::Imported)
    }

    /// The stable word of its kind.
    pub fn kind(&self) -> &'static str {
        match &self.what {
            What::Change(change) => change.kind.word(),
            What::Run(..) => "run-ended",
            What::Alert(_) => "alert",
            What::Annotation(_) => "annotation",
        }
    }
}

/// How long before the onset a change may lie and still be worth a look.
const BEFORE: Duration = Duration::from_secs(86_400);

/// How far apart two records of one event may lie.
const SAME: Duration = Duration::from_secs(600);

impl Fleet {
    /// When the trouble of a model began, and which finding began then: the one that lists name first. A job
    /// that is missed since its limit ran out fell silent one limit earlier.
    pub fn onset<'a>(&self, model: &'a ModelView) -> Option<(Millis, &'a Reason)> {
        let first = model.verdict.first().filter(|r| r.level > Level::Info);
        let (at, reason) = first.and_then(|r| Some((r.since.stamp()?, r)))?;
        if reason.code != ReasonCode::MonitorStale {
            return Some((at, reason));
        }
        Some((at.minus(self.silent_after(model)), reason))
    }

    /// How long a job of a model may be silent.
    fn silent_after(&self, model: &ModelView) -> Duration {
        let set = self.settings.models.get(model.key.name.raw());
        monitor::limit(set, &self.settings.policy.signals)
    }

    /// Whether what is known of the onset of a model's trouble is the last word of a job that fell silent: it
    /// may have died at any time between that and when it was missed.
    pub fn onset_is_last_word(&self, model: &ModelView) -> bool {
        let known = self.onset(model);
        known.is_some_and(|(_, reason)| reason.code == ReasonCode::MonitorStale)
    }

    /// How much later than its known onset the trouble of a model may have begun.
    fn slack(&self, model: &ModelView) -> Duration {
        if self.onset_is_last_word(model) {
            self.silent_after(model)
        } else {
            Duration::ZERO
        }
    }

    /// Whether the onset of a model's trouble is only known to lie no later than the first look at it.
    pub fn onset_is_bound(&self, model: &ModelView) -> bool {
        let known = self.onset(model);
        known.is_some_and(|(_, reason)| matches!(reason.since, Since::AtLeast(_)))
    }

    /// The likeliest cause of a model's trouble among what happened to it and to what serves it: the first
    /// suspect that came before the onset and is no effect. What was so at the first look began before all
    /// that was seen since.
    pub(super) fn cause(&self, model: &ModelView) -> Option<&Change> {
        let (onset, reason) = self.onset(model)?;
        let begun = matches!(reason.since, Since::AtLeast(_));
        let from = onset.minus(BEFORE);
        let until = onset.plus(self.slack(model));
        let may = |c: &&Change| {
            let before = c.not_before <= until && !(begun && c.not_after > onset);
            before && self.nature(c) == Nature::Move
        };
        let weight = |c: &Change| {
            let lead = onset.0.saturating_sub(c.not_after.0);
            cost(
                lead,
                c.not_after.since(c.not_before),
                Touch::Model,
                Nature::Move,
            )
        };
        let deployments = model.deployments.iter().cloned().map(Subject::Deployment);
        std::iter::once(Subject::Model(model.key.clone()))
            .chain(deployments)
            .flat_map(|subject| {
                let newest = self.timeline(&subject).iter().rev();
                newest.take_while(|c| c.not_after >= from).filter(may)
            })
            .min_by(|a, b| {
                let by_weight = weight(a).total_cmp(&weight(b));
                by_weight.then_with(|| b.not_after.cmp(&a.not_after))
            })
    }

    /// Everything known between `before` a moment and `after` it: what may have caused trouble that began
    /// then, what goes with it, and what happened elsewhere, in each part the most suspicious first.
    pub fn suspects(
        &self,
        model: Option<&ModelKey>,
        at: Millis,
        before: Duration,
        after: Duration,
    ) -> Vec<Suspect> {
        let view = model.and_then(|key| self.model(key));
        let view = view.filter(|view| self.onset(view).is_some_and(|(onset, _)| onset == at));
        let moment = Moment {
            model,
            at,
            slack: view.map_or(Duration::ZERO, |view| self.slack(view)),
            from: at.minus(before),
            to: at.plus(after),
        };
        let mut found = Vec::new();
        for (subject, changes) in self.timeline.iter() {
            let touch = self.touch(subject, model);
            let newest = changes.iter().rev();
            let newest = newest.take_while(|c| c.not_after >= moment.from);
            for change in newest.filter(|c| c.not_before <= moment.to) {
                found.push(self.changed(change, touch, &moment));
            }
        }
        self.runs_near(&moment, &mut found);
        self.alerts_near(&moment, &mut found);
        self.annotations_near(&moment, &mut found);
        self.fold_annotations(&mut found);
        found.sort_by(|a, b| {
            a.part
                .cmp(&b.part)
                .then_with(|| a.cost.total_cmp(&b.cost))
                .then_with(|| b.at.cmp(&a.at))
                .then_with(|| a.subject.cmp(&b.subject))
                .then_with(|| a.text.cmp(&b.text))
        });
        found
    }

    fn touch(&self, subject: &Subject, model: Option<&ModelKey>) -> Touch {
        let Some(model) = model else {
            return Touch::Anyone;
        };
        let is_its = match subject {
            Subject::Model(key) => key == model,
            Subject::Deployment(key) => self.joins.of_model(model).contains(key),
            Subject::Source(_) => return Touch::Anyone,
        };
        if is_its { Touch::Model } else { Touch::Other }
    }

    fn changed(&self, change: &Change, touch: Touch, moment: &Moment<'_>) -> Suspect {
        let subject = match &change.subject {
            Subject::Model(key) => self
                .model(key)
                .map_or_else(|| key.name.clean(), |m| m.name.clone()),
            Subject::Deployment(key) => self
                .deployment(key)
                .map_or_else(|| key.name.clean(), |d| d.name.clone()),
            Subject::Source(id) => id.clean().clone(),
        };
        let within = change.not_after.since(change.not_before);
        Suspect {
            subject,
            actor: change.actor.clone(),
            ..Suspect::new(
                moment,
                (change.not_after, within),
                (touch, self.nature(change)),
                self.words_of(change),
                What::Change(Box::new(change.clone())),
            )
        }
    }

    fn nature(&self, change: &Change) -> Nature {
        match change.kind {
            ChangeKind::Health => Nature::Sign,
            ChangeKind::Level | ChangeKind::Alert(_) => Nature::Effect,
            // A run that made no version yet has changed nothing that answers.
            ChangeKind::RunEnded if !self.made_a_version(change) => Nature::Effect,
            _ if change.kind.is_note() => Nature::Effect,
            _ => Nature::Move,
        }
    }
}
