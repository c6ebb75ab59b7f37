//! Changes nobody announced: what two looks at one thing differ in, with the window in which it must
//! have happened. The first look at a thing never yields a change, and neither does a look that is
//! older than the one before it.

use super::change::{Change, ChangeKind, Origin, Subject};
use super::deployment::{EndpointReading, Health, Known};
use super::key::{DeploymentKey, Key, ModelKey};
use super::model::{Alias, ModelVersion, RegisteredModel, VersionStatus};
use super::run::Run;
use super::text::Clean;
use super::time::Millis;

/// The version tag that names who last acted on the version.
pub const ACTOR_TAG: &str = "quarterdeck.actor";
/// The version tag that says when, in milliseconds since the epoch. An actor counts for a change
/// only when this stamp lies in the change's window: an older tag tells of another act.
pub const ACTED_AT_TAG: &str = "quarterdeck.acted_at";

/// A version as changes write it: `v13` for a number, else the word itself.
pub fn version_word(version: &Key) -> Clean {
    let raw = version.raw();
    if !raw.is_empty() && raw.bytes().all(|b| b.is_ascii_digit()) {
        Clean::name(&format!("v{raw}"))
    } else {
        version.clean()
    }
}

/// The window between two looks, with a row begun in it.
struct Looks {
    subject: Subject,
    not_before: Millis,
    not_after: Millis,
}

impl Looks {
    /// `None` when the newer look is not newer: nothing can be told from it.
    fn between(subject: Subject, old: Millis, new: Millis) -> Option<Self> {
        (old < new).then_some(Self {
            subject,
            not_before: old,
            not_after: new,
        })
    }

    fn change(&self, kind: ChangeKind, from: Clean, to: Clean, evidence: &str) -> Change {
        Change {
            subject: self.subject.clone(),
            kind,
            from,
            to,
            not_before: self.not_before,
            not_after: self.not_after,
            actor: None,
            origin: Origin::Observed,
            evidence: Clean::text(evidence),
        }
    }

    fn holds(&self, at: Millis) -> bool {
        self.not_before <= at && at <= self.not_after
    }
}

/// The moves of a model's aliases between two looks. No server stamps them, so the window is that of
/// the looks; `version` finds the version an alias points at, for the actor its tags may name.
pub fn model_changes<'a>(
    old: Option<(&RegisteredModel, Millis)>,
    new: (&RegisteredModel, Millis),
    version: impl Fn(&Key) -> Option<&'a ModelVersion>,
) -> Vec<Change> {
    let Some((old, old_at)) = old.filter(|(old, _)| old.key == new.0.key) else {
        return Vec::new();
    };
    let (new, new_at) = new;
    let Some(looks) = Looks::between(Subject::Model(new.key.clone()), old_at, new_at) else {
        return Vec::new();
    };
    let find = |model: &RegisteredModel, name: &Key| -> Option<Key> {
        let alias = model.aliases.iter().find(|a| a.name.key == *name);
        alias.map(|a| a.version.clone())
    };
    let mut changes = Vec::new();
    let mut seen: Vec<&Key> = Vec::new();
    for Alias { name, .. } in old.aliases.iter().chain(new.aliases.iter()) {
        if seen.contains(&&name.key) {
            continue;
        }
        seen.push(&name.key);
        let (from, to) = (find(old, &name.key), find(new, &name.key));
        if from == to {
            continue;
        }
        let word = |key: &Option<Key>| key.as_ref().map(version_word).unwrap_or_default();
        let actor = to
            .as_ref()
            .and_then(&version)
            .and_then(|v| actor(v, &looks));
        changes.push(Change {
            actor,
            ..looks.change(
                ChangeKind::Alias(name.shown.clone()),
                word(&from),
                word(&to),
                "two looks at the registry",
            )
        });
    }
    changes
}

/// Who a version's tags name, if they tell of an act inside the window.
fn actor(version: &ModelVersion, looks: &Looks) -> Option<Clean> {
    let at = version.tag(ACTED_AT_TAG)?.as_str().parse().ok()?;
    let actor = version.tag(ACTOR_TAG).filter(|actor| !actor.is_empty())?;
    looks.holds(Millis(at)).then(|| actor.clone())
}

/// The row for a model that a complete list no longer holds.
pub fn model_gone(old: (&RegisteredModel, Millis), asked_at: Millis) -> Option<Change> {
    let looks = Looks::between(Subject::Model(old.0.key.clone()), old.1, asked_at)?;
    let evidence = "absent from the registry's complete list";
    Some(looks.change(
        ChangeKind::ModelGone,
        old.0.name.clone(),
        Clean::empty(),
        evidence,
    ))
}

/// The row for a version that was not there when the model's versions were last looked at. `looked`
/// is that look, `None` if there was none: then nothing is new. The registry stamps the creation, so
/// the row has that instant, and every observer writes the same row; without a stamp it has the window
/// of the looks.
pub fn new_version(
    version: &ModelVersion,
    looked: Option<Millis>,
    asked_at: Millis,
) -> Option<Change> {
    let subject = Subject::Model(version.key.model.clone());
    let mut looks = Looks::between(subject, looked?, asked_at)?;
    let mut evidence = "two looks at the registry";
    if version.created > Millis(0) {
        looks.not_before = version.created;
        looks.not_after = version.created;
        evidence = "the registry's creation time";
    }
    Some(Change {
        actor: actor(version, &looks),
        ..looks.change(
            ChangeKind::NewVersion,
            Clean::empty(),
            version_word(&version.key.version),
            evidence,
        )
    })
}

/// Moves of a version's stage and status. The registry stamps them together with every other edit:
/// the stamp is the instant when nothing else differs, else the latest that it can have been.
pub fn version_changes(
    old: Option<(&ModelVersion, Millis)>,
    new: (&ModelVersion, Millis),
) -> Vec<Change> {
    let Some((old, old_at)) = old.filter(|(old, _)| old.key == new.0.key) else {
        return Vec::new();
    };
    let (new, new_at) = new;
    let subject = Subject::Model(new.key.model.clone());
    let Some(mut looks) = Looks::between(subject, old_at, new_at) else {
        return Vec::new();
    };
    let (staged, status) = (old.stage != new.stage, old.status != new.status);
    if !staged && !status {
        return Vec::new();
    }
    let mut evidence = "two looks at the registry";
    if new.updated > old.updated && looks.holds(new.updated) {
        looks.not_after = new.updated;
        evidence = "the registry's time of the last update, and the look before it";
        if staged != status && only_moved(old, new) {
            looks.not_before = new.updated;
            evidence = "the registry's time of the last update";
        }
    }
    let name = version_word(&new.key.version);
    let actor = actor(new, &looks);
    let row = |kind, from, to| Change {
        actor: actor.clone(),
        ..looks.change(kind, from, to, evidence)
    };
    let mut changes = Vec::new();
    if staged {
        let word = |stage: &Option<Clean>| stage.clone().unwrap_or_default();
        let kind = ChangeKind::Stage(name.clone());
        changes.push(row(kind, word(&old.stage), word(&new.stage)));
    }
    if status {
        let kind = ChangeKind::VersionStatus(name);
        changes.push(row(
            kind,
            status_word(&old.status),
            status_word(&new.status),
        ));
    }
    changes
}

/// Whether nothing that the registry stamps differs but stage and status.
fn only_moved(old: &ModelVersion, new: &ModelVersion) -> bool {
    let moved = ModelVersion {
        updated: new.updated,
        stage: new.stage.clone(),
        status: new.status.clone(),
        status_message: new.status_message.clone(),
        tags: new.tags.clone(),
        ..old.clone()
    };
    moved == *new
}

fn status_word(status: &VersionStatus) -> Clean {
    match status {
        VersionStatus::Ready => Clean::name("ready"),
        VersionStatus::Pending => Clean::name("pending"),
        VersionStatus::Failed => Clean::name("failed"),
        VersionStatus::Other(word) => word.clone(),
    }
}

/// What is remembered of an endpoint to tell its next change: the last health and the last answering
/// versions that were *known*. An endpoint that falls silent and comes back with another version has
/// changed its version once, between the last look that knew it and the one that knows it again.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct EndpointTrack {
    pub(crate) last: Option<Millis>,
    pub(crate) health: Option<(Health, Millis)>,
    pub(crate) served: Option<(Served, Millis)>,
}

/// The answering versions in the registry's words, and how they are known.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Served {
    pub(crate) text: Clean,
    /// The same in the endpoint's own words; `None` where that was not kept.
    pub(crate) own: Option<Clean>,
    pub(crate) known: Known,
}

impl EndpointTrack {
    /// The endpoint was looked at again and answered as before: what was known then is known up to
    /// here. For callers that are told of changed readings only.
    pub fn unchanged(&mut self, asked_at: Millis) {
        let Some(last) = self.last.filter(|last| *last < asked_at) else {
            return;
        };
        let stamps = self.health.iter_mut().map(|(_, at)| at);
        let stamps = stamps.chain(self.served.iter_mut().map(|(_, at)| at));
        // What the last reading did not tell has an older stamp, and stays as old as it is.
        stamps
            .filter(|at| **at == last)
            .for_each(|at| *at = asked_at);
        self.last = Some(asked_at);
    }

    /// Takes one look at the endpoint and tells what it changed. `map` turns the endpoint's own
    /// version into the registry's, as wiring says, written as [`version_word`] writes it.
    pub fn look(
        &mut self,
        reading: &EndpointReading,
        asked_at: Millis,
        map: impl Fn(&Key) -> Clean,
    ) -> Vec<Change> {
        if self.last.is_some_and(|last| asked_at <= last) {
            return Vec::new();
        }
        self.last = Some(asked_at);
        let mut changes = Vec::new();
        if let Some(served) = served(reading, map) {
            if let Some((before, at)) = &self.served {
                // A better way of knowing is not a change of what is known, and neither is learning what the
                // registry calls it.
                let other = served.own.is_none() || before.own != served.own;
                if other && before.text != served.text && before.known == served.known {
                    changes.extend(row(&reading.key, *at, asked_at).map(|looks| {
                        looks.change(
                            ChangeKind::Served,
                            before.text.clone(),
                            served.text.clone(),
                            &format!("two looks at the endpoint; version {}", served.known.word()),
                        )
                    }));
                }
            }
            self.served = Some((served, asked_at));
        }
        if reading.health != Health::Unknown {
            if let Some((before, at)) = self.health
                && before != reading.health
            {
                let evidence = if reading.message.is_empty() {
                    "two looks at the endpoint"
                } else {
                    reading.message.as_str()
                };
                changes.extend(row(&reading.key, at, asked_at).map(|looks| {
                    let (from, to) = (before.word(), reading.health.word());
                    let (from, to) = (Clean::name(from), Clean::name(to));
                    looks.change(ChangeKind::Health, from, to, evidence)
                }));
            }
            self.health = Some((reading.health, asked_at));
        }
        changes
    }
}

fn row(key: &DeploymentKey, old: Millis, new: Millis) -> Option<Looks> {
    Looks::between(Subject::Deployment(key.clone()), old, new)
}

/// The version that answers a request naming none, else all that answer; `None` when not known.
fn served(reading: &EndpointReading, map: impl Fn(&Key) -> Clean) -> Option<Served> {
    if reading.versions_at.is_some() {
        // What an earlier look read, this one does not know.
        return None;
    }
    let mut answering: Vec<_> = reading
        .answering()
        .filter(|version| version.known != Known::Unknown)
        .collect();
    if let Some(default) = &reading.default_version
        && let Some(version) = answering.iter().find(|v| v.version == *default)
    {
        answering = vec![*version];
    }
    let known = answering.iter().map(|version| version.known).max()?;
    let mut words: Vec<Clean> = answering.iter().map(|v| map(&v.version)).collect();
    words.sort();
    words.dedup();
    let joined = |words: &[Clean]| {
        let words: Vec<&str> = words.iter().map(Clean::as_str).collect();
        Clean::text(&words.join(", "))
    };
    let mut own: Vec<Clean> = answering.iter().map(|v| v.version.clean()).collect();
    own.sort();
    own.dedup();
    Some(Served {
        text: joined(&words),
        own: Some(joined(&own)),
        known,
    })
}

/// The changes between two looks at one endpoint, for a caller that keeps readings. Where either look
/// does not know the version, nothing is said of it: [`EndpointTrack`] remembers over such gaps.
pub fn endpoint_changes(
    old: Option<(&EndpointReading, Millis)>,
    new: (&EndpointReading, Millis),
    map: impl Fn(&Key) -> Clean,
) -> Vec<Change> {
    let Some((old, old_at)) = old.filter(|(old, _)| old.key == new.0.key) else {
        return Vec::new();
    };
    if new.1 <= old_at {
        return Vec::new();
    }
    let mut track = EndpointTrack::default();
    track.look(old, old_at, &map);
    track.look(new.0, new.1, &map)
}

/// The end of a run that was live at the look before. The trainer's own end time is the instant where
/// it lies between the looks; the model that the run belongs to is the caller's to name.
pub fn run_ended(
    old: Option<(&Run, Millis)>,
    new: (&Run, Millis),
    model: &ModelKey,
) -> Option<Change> {
    let (old, old_at) = old.filter(|(old, _)| old.key == new.0.key)?;
    let (new, new_at) = new;
    if !old.status.is_live() || new.status.is_live() {
        return None;
    }
    let mut looks = Looks::between(Subject::Model(model.clone()), old_at, new_at)?;
    let mut evidence = "two looks at the tracker";
    if let Some(ended) = new.ended.filter(|ended| looks.holds(*ended)) {
        looks.not_before = ended;
        looks.not_after = ended;
        evidence = "the run's own end time";
    }
    let name = if new.name.is_empty() {
        new.key.id.clean()
    } else {
        new.name.clone()
    };
    let to = Clean::name(new.status.word());
    Some(looks.change(ChangeKind::RunEnded, name, to, evidence))
}

#[cfg(test)]
#[path = "observed_tests.rs"]
mod tests;
