//! What happened near a moment and no timeline tells, and what several records tell of one event.

use std::time::Duration;

use super::super::Fleet;
use super::rank::{Moment, Nature};
use super::{SAME, Suspect, Touch, What};
use crate::domain::alert::Alert;
use crate::domain::change::{Change, ChangeKind, Subject};
use crate::domain::key::{Key, ModelKey};
use crate::domain::text::Clean;
use crate::domain::time::Millis;

fn near(a: Millis, b: Millis) -> bool {
    a.since(b).max(b.since(a)) <= SAME
}

/// How what names a model, or none, touches the model in question.
fn touch_of(named: Option<&Key>, model: Option<&ModelKey>) -> Touch {
    match (named, model) {
        (Some(name), Some(model)) if *name == model.name => Touch::Model,
        (Some(_), Some(_)) => Touch::Other,
        (None, _) | (_, None) => Touch::Anyone,
    }
}

impl Fleet {
    /// Runs of the model that ended, as far as the ledger does not tell of them already.
    pub(super) fn runs_near(&self, moment: &Moment<'_>, found: &mut Vec<Suspect>) {
        let Some(model) = moment.model else { return };
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
            let Some(ended) = run.ended.filter(|at| moment.holds(*at)) else {
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
            let nature = match self.model_made_by(&key) {
                Some(_) => Nature::Move,
                None => Nature::Effect,
            };
            found.push(Suspect {
                subject: self
                    .model(model)
                    .map_or_else(|| model.name.clean(), |m| m.name.clone()),
                actor: Some(self.runs.text(run.user).clone()).filter(|u| !u.is_empty()),
                ..Suspect::new(
                    moment,
                    (ended, Duration::ZERO),
                    (Touch::Model, nature),
                    Clean::text(&format!("run {name} {}", run.status.word())),
                    What::Run(key, run.status.clone()),
                )
            });
        }
    }

    /// Whether a run of this name made a version of the model that a change happened to.
    pub(super) fn made_a_version(&self, change: &Change) -> bool {
        let Subject::Model(model) = &change.subject else {
            return false;
        };
        let versions = self.versions(model).iter();
        let mut made =
            versions.filter_map(|h| self.runs.row(self.runs.find(h.fact.run.as_ref()?)?));
        made.any(|run| *self.runs.text(run.name) == change.from)
    }

    /// Alerts that no timeline tells of: those that are pending, and those of models that nobody registered.
    pub(super) fn alerts_near(&self, moment: &Moment<'_>, found: &mut Vec<Suspect>) {
        for held in self.joined_alerts() {
            let alert = &held.fact;
            let at = alert.began_at();
            if !moment.holds(at) || self.tells_of(alert) {
                continue;
            }
            found.push(Suspect {
                subject: alert.model.as_ref().map(Key::clean).unwrap_or_default(),
                ..Suspect::new(
                    moment,
                    (at, Duration::ZERO),
                    (touch_of(alert.model.as_ref(), moment.model), Nature::Effect),
                    alert_words(&alert.name, alert.state.word(), Some(alert)),
                    What::Alert(alert.key.clone()),
                )
            });
        }
    }

    /// Whether a timeline tells when an alert began to fire.
    fn tells_of(&self, alert: &Alert) -> bool {
        let sources = self.sources.keys();
        let subjects: Vec<Subject> = match &alert.model {
            Some(name) => self
                .models_named(name)
                .into_iter()
                .map(Subject::Model)
                .collect(),
            None => sources.cloned().map(Subject::Source).collect(),
        };
        let rows = subjects.iter().flat_map(|subject| self.timeline(subject));
        let mut rows = rows.filter(|row| row.from.is_empty() && !row.to.is_empty());
        rows.any(|row| is_onset(row, alert))
    }

    /// What a row of the timeline says, with what is known of it beside.
    pub(super) fn words_of(&self, change: &Change) -> Clean {
        let ChangeKind::Alert(name) = &change.kind else {
            return change.phrase();
        };
        if !change.from.is_empty() || change.to.is_empty() {
            return change.phrase();
        }
        let model = match &change.subject {
            Subject::Model(key) => Some(&key.name),
            Subject::Deployment(_) | Subject::Source(_) => None,
        };
        let mut alerts = self.alerts_named(model).map(|held| &held.fact);
        let alert = alerts.find(|a| a.rule.is_some() && is_onset(change, a));
        alert_words(name, change.to.as_str(), alert)
    }

    /// Annotations of models that nobody registered: all others are in a timeline.
    pub(super) fn annotations_near(&self, moment: &Moment<'_>, found: &mut Vec<Suspect>) {
        for held in self.annotations().filter(|h| moment.holds(h.fact.at)) {
            let note = &held.fact;
            let told = found.iter().any(|s| {
                let known = matches!(&s.what, What::Change(c)
                    if c.kind == ChangeKind::Annotation && c.to == note.text);
                known && near(s.at, note.at)
            });
            if told {
                continue;
            }
            found.push(Suspect {
                subject: note.model.as_ref().map(Key::clean).unwrap_or_default(),
                actor: note.author.clone(),
                ..Suspect::new(
                    moment,
                    (note.at, Duration::ZERO),
                    (touch_of(note.model.as_ref(), moment.model), Nature::Move),
                    note.text.clone(),
                    What::Annotation(note.key.clone()),
                )
            });
        }
    }

    /// An annotation of the same model that names the versions of a change of what answers, at its time, tells
    /// of that change: one row, with both as its evidence.
    pub(super) fn fold_annotations(&self, found: &mut Vec<Suspect>) {
        let model_of = |subject: &Subject| match subject {
            Subject::Model(key) => Some(key.clone()),
            Subject::Deployment(key) => self.joins.get(key)?.model.clone(),
            Subject::Source(_) => None,
        };
        let notes: Vec<Change> = found
            .iter()
            .filter_map(Suspect::change)
            .filter(|c| c.kind == ChangeKind::Annotation)
            .cloned()
            .collect();
        for note in &notes {
            let Some(model) = model_of(&note.subject) else {
                continue;
            };
            let mut folded = false;
            for suspect in found.iter_mut() {
                let same = suspect.change().is_some_and(|served| {
                    served.kind == ChangeKind::Served
                        && model_of(&served.subject).as_ref() == Some(&model)
                        && names_versions(note.to.as_str(), served)
                        && note.not_after >= served.not_before.minus(SAME)
                        && note.not_before <= served.not_after.plus(SAME)
                });
                if same && suspect.note.is_none() {
                    suspect.note = Some(note.to.clone());
                    suspect.actor = suspect.actor.take().or_else(|| note.actor.clone());
                    folded = true;
                }
            }
            if folded {
                found.retain(|s| s.change() != Some(note));
            }
        }
    }
}

/// Whether a row tells of an alert's onset: it lies between when its condition began to hold and when it
/// fired, by clocks that differ a little.
fn is_onset(row: &Change, alert: &Alert) -> bool {
    let named = matches!(&row.kind, ChangeKind::Alert(name) if *name == alert.name);
    let from = alert.since.minus(SAME);
    named && row.not_after >= from && row.not_before <= alert.fired_at().plus(SAME)
}

/// `alert Burn firing`, with since when its condition holds where its rule waits: `pending since 11-02 05:10`.
fn alert_words(name: &Clean, state: &str, alert: Option<&Alert>) -> Clean {
    let waited = alert.filter(|a| a.fired_at().since(a.since) >= Duration::from_secs(60));
    Clean::text(&match waited {
        Some(alert) if state != "pending" => {
            let since = alert.since.day_minute();
            format!("alert {name} {state}, pending since {since}")
        }
        _ => format!("alert {name} {state}"),
    })
}

/// Whether a text names every version that a change is from and to, each as a word of its own.
fn names_versions(text: &str, served: &Change) -> bool {
    let apart = |c: char| !(c.is_alphanumeric() || matches!(c, '.' | '_'));
    let words: Vec<&str> = text
        .split(apart)
        .map(|word| word.trim_matches('.'))
        .collect();
    let versions = [&served.from, &served.to]
        .into_iter()
        .flat_map(|text| text.as_str().split(", "));
    let mut named = versions.map(|version| words.contains(&version));
    !served.from.is_empty() && !served.to.is_empty() && named.all(|is| is)
}
