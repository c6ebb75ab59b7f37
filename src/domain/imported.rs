//! Changes that other systems' records tell of: alerts that begin, are muted and end, annotations, and
//! versions that were served. Their stamps are exact where the records hold them, so that every observer
//! writes the same row. Which rows are new, the fleet says.

use std::time::Duration;

use super::action::PLAN_HOLDS;
use super::alert::{Alert, AlertState};
use super::annotation::Annotation;
use super::change::{Change, ChangeKind, Origin, Subject};
use super::key::Key;
use super::model::ModelVersion;
use super::observation::ServedSpan;
use super::observed::version_word;
use super::text::Clean;
use super::time::Millis;

/// The word of a state that the timeline knows: what is pending has not begun.
fn shown(state: AlertState) -> Option<&'static str> {
    match state {
        AlertState::Pending => None,
        AlertState::Firing | AlertState::Silenced | AlertState::Inhibited => Some(state.word()),
    }
}

/// What one look at an alert tells that the look before did not: that it began to fire, or that it was
/// muted or heard again. The time of an onset is the alert's own; muting has the window of the looks.
///
/// `old` is the alert at the look before, if it was there. `looked` is the last look at its source before
/// this one: an onset before it is a record of others, one after it was seen.
pub fn alert_change(
    old: Option<(&Alert, Millis)>,
    new: (&Alert, Millis),
    looked: Option<Millis>,
    subject: &Subject,
) -> Option<Change> {
    let (alert, new_at) = new;
    let now = shown(alert.state)?;
    let row = |from: &str, to: &str, not_before, not_after, evidence: &str| Change {
        subject: subject.clone(),
        kind: ChangeKind::Alert(alert.name.clone()),
        from: Clean::name(from),
        to: Clean::name(to),
        not_before,
        not_after,
        actor: None,
        origin: Origin::Observed,
        evidence: Clean::text(evidence),
    };
    let before = old.and_then(|(old, _)| shown(old.state));
    let Some(before) = before else {
        let at = alert.fired_at().min(new_at);
        let evidence = if alert.summary.is_empty() {
            "the alert's own start"
        } else {
            alert.summary.as_str()
        };
        let origin = match looked {
            Some(looked) if looked < at => Origin::Observed,
            _ => Origin::Imported,
        };
        return Some(Change {
            origin,
            ..row("", AlertState::Firing.word(), at, at, evidence)
        });
    };
    let (_, old_at) = old?;
    let mutes = alert.silences.first().filter(|_| before != now);
    let actor = mutes.map(|silence| silence.author.clone());
    let why = mutes.map(|silence| silence.comment.as_str().to_owned());
    (before != now && old_at < new_at).then(|| Change {
        actor,
        ..row(
            before,
            now,
            old_at,
            new_at,
            why.as_deref().unwrap_or("two looks at the alerts"),
        )
    })
}

/// The end of an alert that a complete list no longer holds.
pub fn alert_ended(old: (&Alert, Millis), at: Millis, subject: Subject) -> Option<Change> {
    let (alert, old_at) = old;
    let from = shown(alert.state).filter(|_| old_at < at)?;
    Some(Change {
        subject,
        kind: ChangeKind::Alert(alert.name.clone()),
        from: Clean::name(from),
        to: Clean::empty(),
        not_before: old_at,
        not_after: at,
        actor: None,
        origin: Origin::Observed,
        evidence: Clean::text("absent from the source's complete list"),
    })
}

/// The row of an annotation.
pub fn annotation_change(annotation: &Annotation, subject: Subject) -> Change {
    let tags: Vec<&str> = annotation.tags.iter().map(Clean::as_str).collect();
    Change {
        subject,
        kind: ChangeKind::Annotation,
        from: Clean::empty(),
        to: annotation.text.clone(),
        not_before: annotation.at,
        not_after: annotation.at,
        actor: annotation.author.clone(),
        origin: Origin::Imported,
        evidence: if tags.is_empty() {
            Clean::text("an annotation")
        } else {
            Clean::text(&format!("an annotation, tagged {}", tags.join(", ")))
        },
    }
}

/// The moves of an alias that the marks on versions tell of: whoever promoted with this program left there
/// who, when, from where and why. Of a version that was promoted twice they tell of the last time.
pub fn marked_moves<'a>(
    versions: impl Iterator<Item = &'a ModelVersion>,
    alias: &Key,
) -> Vec<Change> {
    let mut moves: Vec<Change> = versions
        .filter_map(|version| {
            let tag = |key: &str| version.tag(key).filter(|text| !text.is_empty());
            tag("quarterdeck.promoted_as").filter(|text| **text == *alias.raw())?;
            let at = tag("quarterdeck.promoted_at")?;
            let at = chrono::DateTime::parse_from_rfc3339(at.as_str()).ok()?;
            let at = Millis(at.timestamp_millis());
            let from = tag("quarterdeck.promoted_from");
            Some(Change {
                subject: Subject::Model(version.key.model.clone()),
                kind: ChangeKind::Alias(alias.clean()),
                from: from.map_or_else(Clean::empty, |from| version_word(&Key::of(from))),
                to: version_word(&version.key.version),
                not_before: at,
                not_after: at,
                actor: tag("quarterdeck.promoted_by").cloned(),
                origin: Origin::Imported,
                evidence: tag("quarterdeck.promoted_reason")
                    .cloned()
                    .unwrap_or_default(),
            })
        })
        .collect();
    moves.sort_by_key(|change| change.not_after);
    moves
}

/// Whether a mark on a version tells of a move that was seen. A mark is dated when its move was planned.
pub fn is_marked(mark: &Change, seen: &Change) -> bool {
    mark.kind == seen.kind
        && mark.to == seen.to
        && seen.not_before <= mark.not_after.plus(PLAN_HOLDS)
        && mark.not_before <= seen.not_after
}

/// The changes of the answering versions that the spans of one model show: between each state that
/// lasted and the next. The first state is where the records begin, and a span that reaches to the newest
/// sample has not ended. A time without requests is no state: nobody answered and nobody asked.
///
/// A sample counts the requests of one step. Two versions in one step, the last of the old and the first of
/// the new, took turns in it; two that share more than one answered side by side. Which it is the newest
/// samples cannot tell yet: a version with a single one beside another is told with its second, or never.
pub fn served_changes(spans: &[&ServedSpan], subject: &Subject) -> Vec<Change> {
    let Some(newest) = spans.iter().map(|s| s.until).max() else {
        return Vec::new();
    };
    let step = |s: &ServedSpan| Duration::from_millis(s.step_ms);
    // What happens within a sample of each other is one change.
    let together = spans.iter().map(|s| step(s)).max().unwrap_or_default();
    // A quiet sample or two end nothing.
    let is_silent = |s: &ServedSpan| newest.since(s.until) > together * 2;
    let stands_beside = |other: &ServedSpan, s: &ServedSpan| {
        other.key.from < s.key.from && other.until >= s.key.from
    };
    let is_undecided = |s: &ServedSpan| {
        let single = s.key.from == s.until && !is_silent(s);
        single && spans.iter().any(|other| stands_beside(other, s))
    };
    let spans: Vec<&ServedSpan> = spans.iter().copied().filter(|s| !is_undecided(s)).collect();
    let over = |s: &ServedSpan| {
        let takes_over = |next: &&ServedSpan| {
            next.key.from == s.until && s.key.from < s.until && next.until > s.until
        };
        if spans.iter().any(takes_over) {
            return Some(s.until);
        }
        is_silent(s).then(|| s.until.plus(step(s)))
    };
    let mut times: Vec<Millis> = spans.iter().map(|s| s.key.from).collect();
    times.extend(spans.iter().filter_map(|s| over(s)));
    times.sort();
    let mut changes = Vec::new();
    let mut before: Option<Clean> = None;
    let mut at = 0;
    while at < times.len() {
        let first = times[at];
        let mut last = first;
        while at < times.len() && times[at].since(last) <= together {
            last = times[at];
            at += 1;
        }
        let active =
            |s: &&&ServedSpan| s.key.from <= last && over(s).is_none_or(|over| over > last);
        let active: Vec<&&ServedSpan> = spans.iter().filter(active).collect();
        let mut words: Vec<Clean> = active
            .iter()
            .map(|s| version_word(&s.key.version))
            .collect();
        words.sort();
        words.dedup();
        if words.is_empty() {
            continue;
        }
        let words: Vec<&str> = words.iter().map(Clean::as_str).collect();
        let now = Clean::text(&words.join(", "));
        if let Some(from) = before.filter(|before| *before != now) {
            let evidence = active
                .iter()
                .max_by_key(|s| s.key.from)
                .map(|s| s.evidence.clone());
            let back = active.iter().map(|s| step(s)).max().unwrap_or_default();
            changes.push(Change {
                subject: subject.clone(),
                kind: ChangeKind::Served,
                from,
                to: now.clone(),
                not_before: first.minus(back),
                not_after: last,
                actor: None,
                origin: Origin::Imported,
                evidence: evidence.unwrap_or_default(),
            });
        }
        before = Some(now);
    }
    changes
}

#[cfg(test)]
#[path = "imported_tests.rs"]
mod tests;
