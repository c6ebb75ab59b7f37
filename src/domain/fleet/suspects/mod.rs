//! What changed around a moment: everything known of that time, ranked by how close it came before the
//! onset and by whether it touches the model in question.

use std::time::Duration;

use super::Fleet;
use super::view::ModelView;
use crate::domain::alert::AlertKey;
use crate::domain::annotation::AnnotationKey;
use crate::domain::change::{Change, ChangeKind, Origin, Subject};
use crate::domain::key::{Key, ModelKey, RunKey};
use crate::domain::level::{Level, Reason, ReasonCode};
use crate::domain::rules::signals::monitor;
use crate::domain::run::RunStatus;
use crate::domain::text::Clean;
use crate::domain::time::{Millis, Since};

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
    /// Whether it touches the model in question.
    pub touch: Touch,
    /// Milliseconds from it to the onset: positive where it came before.
    pub lead_ms: i64,
    /// How suspicious: less is more.
    pub cost: f64,
}

impl Suspect {
    /// Why it was done, where this program did it and somebody said why.
    pub fn reason(&self) -> Option<&str> {
        match &self.what {
            What::Change(change) => change.reason(),
            What::Run(..) | What::Alert(_) | What::Annotation(_) => None,
        }
    }

    /// Whether the onset lies within the window that it happened in: nobody can say which came first.
    pub fn is_around(&self) -> bool {
        let wide = i64::try_from(self.within.as_millis()).unwrap_or(i64::MAX);
        self.lead_ms < 0 && self.lead_ms.saturating_add(wide) >= 0
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

/// How suspicious something is: minutes to the onset, weighed. What comes after its effect is no cause, a
/// level or an alert is an effect itself, and what touches another model is far-fetched.
fn cost(lead_ms: i64, within: Duration, touch: Touch, effect: bool) -> f64 {
    // Of a window, the end that lies nearer to the onset counts.
    let wide = i64::try_from(within.as_millis()).unwrap_or(i64::MAX);
    let from_start = lead_ms.saturating_add(wide);
    let late = from_start < 0;
    let least = if effect { 4.0 } else { 1.0 };
    let nearer = lead_ms.unsigned_abs().min(from_start.unsigned_abs());
    let minutes = nearer as f64 / 60_000.0 + least;
    let far = match touch {
        Touch::Model => 1.0,
        Touch::Anyone => 2.5,
        Touch::Other => 12.0,
    };
    minutes * far * if late { 6.0 } else { 1.0 } * if effect { 8.0 } else { 1.0 }
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
        let set = self.settings.models.get(model.key.name.raw());
        let limit = monitor::limit(set, &self.settings.policy.signals);
        Some((at.minus(limit), reason))
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
        let may = |c: &&Change| {
            let before = c.not_before <= onset && !(begun && c.not_after > onset);
            before && !is_effect(c)
        };
        let weight = |c: &Change| {
            let lead = onset.0.saturating_sub(c.not_after.0);
            cost(lead, c.not_after.since(c.not_before), Touch::Model, false)
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

    /// Everything known between `before` the onset and `after` it, most suspicious first.
    pub fn suspects(
        &self,
        model: Option<&ModelKey>,
        onset: Millis,
        before: Duration,
        after: Duration,
    ) -> Vec<Suspect> {
        let (from, to) = (onset.minus(before), onset.plus(after));
        let inside = |at: Millis| at >= from && at <= to;
        let mut found = Vec::new();
        for (subject, changes) in &self.timeline {
            let touch = self.touch(subject, model);
            let newest = changes.iter().rev().take_while(|c| c.not_after >= from);
            for change in newest.filter(|c| c.not_before <= to) {
                found.push(self.changed(change, touch, onset));
            }
        }
        self.runs_near(model, onset, &inside, &mut found);
        self.alerts_near(model, onset, &inside, &mut found);
        self.annotations_near(model, onset, &inside, &mut found);
        found.sort_by(|a, b| {
            a.cost
                .total_cmp(&b.cost)
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

    fn changed(&self, change: &Change, touch: Touch, onset: Millis) -> Suspect {
        let subject = match &change.subject {
            Subject::Model(key) => self
                .model(key)
                .map_or_else(|| key.name.clean(), |m| m.name.clone()),
            Subject::Deployment(key) => self
                .deployment(key)
                .map_or_else(|| key.name.clean(), |d| d.name.clone()),
            Subject::Source(id) => id.clean().clone(),
        };
        let effect = is_effect(change);
        let lead_ms = onset.0.saturating_sub(change.not_after.0);
        let within = change.not_after.since(change.not_before);
        Suspect {
            at: change.not_after,
            within,
            text: change.phrase(),
            subject,
            actor: change.actor.clone(),
            touch,
            lead_ms,
            cost: cost(lead_ms, within, touch, effect),
            what: What::Change(Box::new(change.clone())),
        }
    }

    /// Runs of the model that ended, as far as the ledger does not tell of them already.
    fn runs_near(
        &self,
        model: Option<&ModelKey>,
        onset: Millis,
        inside: &impl Fn(Millis) -> bool,
        found: &mut Vec<Suspect>,
    ) {
        let Some(model) = model else { return };
        let made = self
            .versions(model)
            .iter()
            .filter_map(|h| h.fact.run.as_ref());
        let rows = made.filter_map(|key| self.runs.find(key));
        let mut experiments: Vec<_> = rows.filter_map(|r| self.runs.experiment(r)).collect();
        experiments.sort();
        experiments.dedup();
        for row in experiments.iter().flat_map(|e| self.runs.of(e)) {
            let Some(run) = self.runs.row(*row) else {
                continue;
            };
            let Some(ended) = run.ended.filter(|at| inside(*at)) else {
                continue;
            };
            let name = self.runs.text(run.name);
            let told = found.iter().any(|s| {
                let known = matches!(&s.what, What::Change(c)
                    if c.kind == ChangeKind::RunEnded && c.from == *name);
                known && near(s.at, ended)
            });
            let Some(key) = self.runs.key(*row).filter(|_| !told) else {
                continue;
            };
            // A run that made no version yet has changed nothing that answers.
            let touch = Touch::Model;
            let lead_ms = onset.0.saturating_sub(ended.0);
            let weight = if self.model_made_by(&key).is_some() {
                1.0
            } else {
                3.0
            };
            found.push(Suspect {
                at: ended,
                within: Duration::ZERO,
                text: Clean::text(&format!("run {name} {}", run.status.word())),
                subject: self
                    .model(model)
                    .map_or_else(|| model.name.clean(), |m| m.name.clone()),
                actor: Some(self.runs.text(run.user).clone()).filter(|u| !u.is_empty()),
                touch,
                lead_ms,
                cost: cost(lead_ms, Duration::ZERO, touch, false) * weight,
                what: What::Run(key, run.status.clone()),
            });
        }
    }

    fn alerts_near(
        &self,
        model: Option<&ModelKey>,
        onset: Millis,
        inside: &impl Fn(Millis) -> bool,
        found: &mut Vec<Suspect>,
    ) {
        for held in self.alerts().filter(|h| inside(h.fact.since)) {
            let alert = &held.fact;
            let told = found.iter().any(|s| {
                let known = matches!(&s.what, What::Change(c)
                    if matches!(&c.kind, ChangeKind::Alert(name) if *name == alert.name));
                known && near(s.at, alert.since)
            });
            if told {
                continue;
            }
            let touch = match (&alert.model, model) {
                (Some(name), Some(model)) if *name == model.name => Touch::Model,
                (Some(_), Some(_)) => Touch::Other,
                (None, _) | (_, None) => Touch::Anyone,
            };
            let lead_ms = onset.0.saturating_sub(alert.since.0);
            found.push(Suspect {
                what: What::Alert(alert.key.clone()),
                at: alert.since,
                within: Duration::ZERO,
                text: Clean::text(&format!("alert {} {}", alert.name, alert.state.word())),
                subject: alert.model.as_ref().map(Key::clean).unwrap_or_default(),
                actor: None,
                touch,
                lead_ms,
                cost: cost(lead_ms, Duration::ZERO, touch, true),
            });
        }
    }

    fn annotations_near(
        &self,
        model: Option<&ModelKey>,
        onset: Millis,
        inside: &impl Fn(Millis) -> bool,
        found: &mut Vec<Suspect>,
    ) {
        for held in self.annotations().filter(|h| inside(h.fact.at)) {
            let note = &held.fact;
            let told = found.iter().any(|s| {
                let known = matches!(&s.what, What::Change(c)
                    if c.kind == ChangeKind::Annotation && c.to == note.text);
                known && near(s.at, note.at)
            });
            if told {
                continue;
            }
            let touch = match (&note.model, model) {
                (Some(name), Some(model)) if *name == model.name => Touch::Model,
                (Some(_), Some(_)) => Touch::Other,
                (None, _) | (_, None) => Touch::Anyone,
            };
            let lead_ms = onset.0.saturating_sub(note.at.0);
            found.push(Suspect {
                what: What::Annotation(note.key.clone()),
                at: note.at,
                within: Duration::ZERO,
                text: note.text.clone(),
                subject: note.model.as_ref().map(Key::clean).unwrap_or_default(),
                actor: note.author.clone(),
                touch,
                lead_ms,
                cost: cost(lead_ms, Duration::ZERO, touch, false),
            });
        }
    }
}

/// Whether a change only follows from trouble, or only says something of it.
fn is_effect(change: &Change) -> bool {
    let follows = matches!(
        change.kind,
        ChangeKind::Level | ChangeKind::Alert(_) | ChangeKind::Health
    );
    follows || change.kind.is_note()
}

fn near(a: Millis, b: Millis) -> bool {
    a.since(b).max(b.since(a)) <= SAME
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    #[test]
    fn what_came_just_before_and_touches_the_model_is_the_first_suspect() {
        let none = Duration::ZERO;
        let promotion = cost(8 * MINUTE, none, Touch::Model, false);
        let earlier = cost(50 * MINUTE, none, Touch::Model, false);
        let feed = cost(12 * MINUTE, none, Touch::Anyone, false);
        let alert = cost(2 * MINUTE, none, Touch::Model, true);
        let elsewhere = cost(8 * MINUTE, none, Touch::Other, false);
        let after = cost(-8 * MINUTE, none, Touch::Model, false);
        let order = [promotion, feed, alert, earlier, after, elsewhere];
        assert!(order.windows(2).all(|w| w[0] < w[1]), "{order:?}");
    }

    #[test]
    fn a_window_that_reaches_over_the_onset_may_hold_the_cause() {
        let wide = Duration::from_secs(600);
        let may = cost(-4 * MINUTE, wide, Touch::Model, false);
        let cannot = cost(-4 * MINUTE, Duration::from_secs(60), Touch::Model, false);
        assert!(may < cannot);
        // It was so 10 minutes before the onset and no longer 7 hours after it.
        let long = Duration::from_secs(430 * 60);
        let may = cost(-420 * MINUTE, long, Touch::Model, false);
        let earlier = cost(180 * MINUTE, Duration::ZERO, Touch::Model, false);
        assert!(may < earlier);
    }
}
