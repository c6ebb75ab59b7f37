//! How a write stands now: by its records, and where it has moved an alias, by how far the world has
//! followed.

use std::time::Duration;

use super::Fleet;
use crate::domain::action::{Outcome, Writes, Written};
use crate::domain::observation::Feed;
use crate::domain::rules::converge::{Judged, Stage};
use crate::domain::text::Clean;
use crate::domain::time::{Millis, age, span};
use crate::domain::wiring::version_text;

/// How long a write that needs nobody any more is told of.
const DONE: Duration = Duration::from_secs(15 * 60);
/// A bake time that is told in seconds.
const SHORT: Duration = Duration::from_secs(120);
/// How long one that stands where nobody wants it is told of.
const STANDS: Duration = Duration::from_secs(24 * 3_600);

/// Where a write is on its way. The order is the order of the way.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Phase {
    /// Its steps are sent.
    Applying,
    /// What was sent is looked for.
    Verifying,
    /// Applied; the bake time runs.
    Baking,
    /// Applied, and the world has not followed.
    NotConverged,
    /// Done, as far as anybody can see.
    Done,
    /// It has changed nothing.
    NotApplied,
    /// Some of it took effect, and the rest did not.
    PartlyApplied,
    /// Nobody can tell.
    Unknown,
}

impl Phase {
    /// Whether more is to come of it by itself.
    pub fn moves(self) -> bool {
        matches!(self, Self::Applying | Self::Verifying | Self::Baking)
    }
}

/// How a write stands.
#[derive(Clone, PartialEq, Debug)]
pub struct Standing {
    /// Where it is.
    pub phase: Phase,
    /// In few words: `applying 2/3`, `baking 4m of 10m`.
    pub short: Clean,
    /// In words.
    pub words: Clean,
    /// How far the world has followed it, where it has moved an alias that nobody has moved since.
    pub followed: Option<Judged>,
}

impl Fleet {
    /// How a write of this context stands; of another context its records alone tell.
    pub fn write_standing(&self, written: &Written, writes: &Writes, now: Millis) -> Standing {
        let Some((outcome, ended)) = written.ended.filter(|_| !written.is_open()) else {
            return on_its_way(written, writes);
        };
        let told = by_outcome(outcome, &written.words);
        if outcome == Outcome::Done
            && let Some(by) = &written.undone_by
        {
            return over(&format!("done, and taken back by {}", by.short()));
        }
        let Some((index, model, alias, Some(version))) = written.moves() else {
            return told;
        };
        let has_moved = |at: usize| {
            let step = written.steps.get(at).and_then(|step| step.ended.as_ref());
            step.is_some_and(|(end, _)| end.how.is_good() || end.how.applied())
        };
        let here = self.context().name == written.plan.context;
        let whole = matches!(outcome, Outcome::Done | Outcome::NotConverged);
        if !whole || !here || !has_moved(index) {
            return told;
        }
        if has_been_moved_since(written, writes) {
            return match outcome {
                // How it would have gone on, nobody can see any more.
                Outcome::Done => over("done, and moved on since"),
                _ => told,
            };
        }
        // What else the registry said before the move tells nothing of it.
        let held = self.registered(model);
        let reads = held.and_then(|held| held.fact.alias(alias.raw())) == Some(version);
        let read = held.and_then(|held| self.looked(&held.source, &[Feed::Models]));
        if !reads && read.is_none_or(|read| read < ended) {
            return Standing {
                phase: Phase::Verifying,
                short: Clean::name("verifying"),
                words: Clean::text("the registry is being read again"),
                followed: None,
            };
        }
        match self.convergence(model, alias, version, now) {
            Some(judged) => self.by_world(outcome, judged),
            None => told,
        }
    }

    fn by_world(&self, outcome: Outcome, judged: Judged) -> Standing {
        let bake = self.settings().policy.writing.convergence.bake;
        let (phase, short, words) = match judged.stage {
            Stage::Alias => (
                Phase::Done,
                format!("{}; {}", outcome.text(), judged.words),
                format!("{}; now {}", outcome.text(), judged.words),
            ),
            Stage::Serving => (
                Phase::NotConverged,
                format!("not converged: {}", judged.words),
                format!("applied, not converged: {}", judged.words),
            ),
            Stage::Bake if judged.stands => (
                Phase::NotConverged,
                format!("not converged: {}", judged.words),
                format!("applied, not converged: {}", judged.words),
            ),
            Stage::Bake => {
                let short = match judged.served_for {
                    // Short times are those of tests and demonstrations: minutes would say nothing.
                    Some(served) if served < bake && bake < SHORT => {
                        format!("baking {} of {}", span(served), span(bake))
                    }
                    Some(served) if served < bake => {
                        format!("baking {} of {}", age(served), age(bake))
                    }
                    _ => "baking".to_owned(),
                };
                (Phase::Baking, short, judged.words.to_string())
            }
            Stage::Converged => (Phase::Done, "done".to_owned(), judged.words.to_string()),
        };
        Standing {
            phase,
            short: Clean::text(&short),
            words: Clean::text(&words),
            followed: Some(judged),
        }
    }

    /// The write that is to be told of wherever one is: one that is on its way or stands where nobody wants
    /// it, the newest of several, else the last one of this context that is not long over. What is done never
    /// stands before what is not.
    pub fn to_follow<'a>(
        &self,
        writes: &'a Writes,
        now: Millis,
    ) -> Option<(&'a Written, Standing)> {
        let last = self.last_write(writes)?;
        let standing = self.write_standing(last, writes, now);
        if standing.phase.moves() || is_to_be_seen_to(last, writes, standing.phase, now) {
            return Some((last, standing));
        }
        let here = |written: &&Written| written.plan.context == self.context().name;
        // What began long before cannot have ended lately.
        let lately = writes.iter().rev().filter(here);
        let lately = lately.take_while(|written| now.since(written.began) < 2 * STANDS);
        let waiting = lately.skip(1).find_map(|written| {
            let standing = self.write_standing(written, writes, now);
            let waits =
                standing.phase.moves() || is_to_be_seen_to(written, writes, standing.phase, now);
            waits.then_some((written, standing))
        });
        let is_over = now.since(ended(last)) >= DONE;
        waiting.or_else(|| (!is_over).then_some((last, standing)))
    }

    /// The write of this context that is on its way, the newest of several, else the last one.
    pub fn last_write<'a>(&self, writes: &'a Writes) -> Option<&'a Written> {
        let here = |written: &&Written| written.plan.context == self.context().name;
        let newest = || writes.iter().rev().filter(here);
        newest()
            .find(|written| writes.is_on_its_way(written))
            .or_else(|| newest().next())
    }
}

/// A write whose outcome others stand upon now.
fn over(words: &str) -> Standing {
    Standing {
        phase: Phase::Done,
        short: Clean::name(words),
        words: Clean::text(words),
        followed: None,
    }
}

/// Whether a write stands where nobody wants it, lately, and nobody has taken it back, made another in
/// its place or closed it.
fn is_to_be_seen_to(written: &Written, writes: &Writes, phase: Phase, now: Millis) -> bool {
    let wrong = matches!(
        phase,
        Phase::NotConverged | Phase::PartlyApplied | Phase::Unknown
    );
    let seen_to = written.seen_to.is_some() || written.undone_by.is_some();
    wrong && !seen_to && now.since(ended(written)) < STANDS && !is_superseded(written, writes)
}

fn ended(written: &Written) -> Millis {
    written.ended.map_or(written.began, |(_, at)| at)
}

/// Whether a later write of ours has taken the place of this one: it has moved the same alias, or it did the
/// same to the same thing and is done.
fn is_superseded(written: &Written, writes: &Writes) -> bool {
    let own = &written.plan;
    let mut later = writes
        .iter()
        .rev()
        .take_while(|other| other.plan.id > own.id);
    has_been_moved_since(written, writes)
        || later.any(|other| {
            let its = &other.plan;
            let same = its.verb == own.verb && its.model == own.model && its.subject == own.subject;
            let done = matches!(other.ended, Some((Outcome::Done, _)));
            same && done && its.context == own.context
        })
}

fn on_its_way(written: &Written, writes: &Writes) -> Standing {
    let of = written.plan.steps.len();
    let (phase, short, words) = match written.at() {
        Some((at, step)) if writes.is_on_its_way(written) => {
            let what = step.act.words();
            if step.act.sends() {
                let short = format!("applying {}/{of}", at + 1);
                (Phase::Applying, short.clone(), format!("{short}: {what}"))
            } else {
                let words = format!("verifying: waits until {what}");
                (Phase::Verifying, "verifying".to_owned(), words)
            }
        }
        None if writes.is_on_its_way(written) => (
            Phase::Verifying,
            "verifying".to_owned(),
            "its end is being written down".to_owned(),
        ),
        _ => {
            let seen = written.words.as_str();
            let so_far = if seen.is_empty() {
                String::new()
            } else {
                format!(": {seen}")
            };
            (
                Phase::Unknown,
                "outcome unknown".to_owned(),
                format!("nobody has seen its end{so_far}"),
            )
        }
    };
    Standing {
        phase,
        short: Clean::text(&short),
        words: Clean::text(&words),
        followed: None,
    }
}

fn by_outcome(outcome: Outcome, words: &Clean) -> Standing {
    let phase = match outcome {
        Outcome::Done => Phase::Done,
        Outcome::NotApplied => Phase::NotApplied,
        Outcome::PartlyApplied => Phase::PartlyApplied,
        Outcome::NotConverged => Phase::NotConverged,
        Outcome::Unknown => Phase::Unknown,
    };
    let text = if words.is_empty() || outcome == Outcome::Done {
        outcome.text().to_owned()
    } else {
        format!("{}: {words}", outcome.text())
    };
    Standing {
        phase,
        short: Clean::name(outcome.text()),
        words: Clean::text(&text),
        followed: None,
    }
}

/// Whether a later write of ours has moved the same alias.
fn has_been_moved_since(written: &Written, writes: &Writes) -> bool {
    let Some((_, model, alias, _)) = written.moves() else {
        return false;
    };
    let later = writes.iter().rev();
    later
        .take_while(|other| other.plan.id > written.plan.id)
        .any(|other| {
            other.moves().is_some_and(|(index, its, its_alias, _)| {
                let ended = other.steps.get(index).and_then(|s| s.ended.as_ref());
                let took = ended.is_some_and(|(end, _)| end.how.applied() || end.how.is_good());
                its == model && its_alias == alias && took
            })
        })
}

/// `promote fraud v14`: what a write is called in few words.
pub fn called(written: &Written) -> Clean {
    let plan = &written.plan;
    let version = match written.moves() {
        Some((_, _, _, Some(version))) => format!(" {}", version_text(version)),
        _ => String::new(),
    };
    let verb = plan.verb.title().to_lowercase();
    Clean::text(&format!("{verb} {}{version}", plan.subject))
}

#[cfg(test)]
#[path = "standing_tests.rs"]
mod tests;
