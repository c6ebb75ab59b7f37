//! When a level counts: a noisy one rises after two of three polls and falls after three clear ones, a
//! certain one changes at once. Only what has settled is shown as a move and enters the ledger.

use std::time::Duration;

use super::change::{Change, ChangeKind, Origin, Subject};
use super::key::SourceId;
use super::level::{Level, Reason, ReasonCode, Verdict};
use super::text::Clean;
use super::time::Millis;

/// How many evaluations a noisy level is judged by.
const MEMORY: usize = 3;
/// How many of them must be worse before it rises.
const TO_RISE: usize = 2;
/// How long a level that is unknown only because nobody answered waits before it is told: an outage
/// is late before it is down, and its feeds fail and come back one after another.
const DOUBT: Duration = Duration::from_secs(120);

/// Whether a finding of this kind rests on a measurement that jitters from look to look.
pub fn is_noisy(code: ReasonCode) -> bool {
    match code {
        ReasonCode::EndpointSlow
        | ReasonCode::SignalErrors
        | ReasonCode::SignalLatency
        | ReasonCode::SignalTraffic
        | ReasonCode::SignalSaturation => true,
        ReasonCode::SkewBehind
        | ReasonCode::SkewAhead
        | ReasonCode::SkewStuck
        | ReasonCode::SkewRollingOut
        | ReasonCode::SkewSplit
        | ReasonCode::SkewHeldBack
        | ReasonCode::SkewUnlinked
        | ReasonCode::EndpointUnready
        | ReasonCode::Unjoined
        | ReasonCode::SourceDown
        | ReasonCode::SourcePartial
        | ReasonCode::FactsStale
        | ReasonCode::VersionNotReady
        | ReasonCode::VersionMissing
        | ReasonCode::AliasStageDisagree
        | ReasonCode::ModelStale
        | ReasonCode::RunFailed
        | ReasonCode::RetrainFailed
        | ReasonCode::PipelinePaused
        | ReasonCode::PipelineScheduler
        | ReasonCode::PipelineMissing
        | ReasonCode::PipelineUnread
        | ReasonCode::DriftData
        | ReasonCode::DriftPrediction
        | ReasonCode::DriftTarget
        | ReasonCode::DriftConcept
        | ReasonCode::ServingSkew
        | ReasonCode::DataQuality
        | ReasonCode::QualityRealised
        | ReasonCode::QualityEstimated
        | ReasonCode::Fairness
        | ReasonCode::MonitorStale
        | ReasonCode::Alert
        | ReasonCode::LookAlike => false,
    }
}

/// A settled level that has just moved, and between which two evaluations it did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Moved {
    /// The level before.
    pub from: Level,
    /// The level now.
    pub to: Level,
    /// The last evaluation that still spoke for the old level.
    pub not_before: Millis,
    /// The evaluation that settled it.
    pub not_after: Millis,
}

impl Moved {
    /// The ledger's row for this move.
    pub fn change(self, subject: Subject, evidence: Clean) -> Change {
        Change {
            subject,
            kind: ChangeKind::Level,
            from: Clean::name(self.from.word()),
            to: Clean::name(self.to.word()),
            not_before: self.not_before,
            not_after: self.not_after,
            actor: None,
            origin: Origin::Observed,
            evidence,
        }
    }
}

/// A source whose polls a noisy finding can rest on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Look {
    /// The source.
    pub source: SourceId,
    /// When its newest poll was sent that is answered and taken in as a whole; `None` before the first.
    pub complete: Option<Millis>,
    /// Whether what it said can be relied on now.
    pub current: bool,
}

/// The settled level of one thing. Starts unseen; the first evaluation is taken as it is and is not
/// a move, so that a single look is enough for a headless check.
///
/// A noisy finding is evaluated once for each poll of its source, however often it is judged: a poll
/// that comes in many parts, or whatever else moves meanwhile, is no second look.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Settled {
    pub(crate) level: Option<Level>,
    pub(crate) noisy: Vec<NoisyLevel>,
    pub(crate) last: Millis,
    pub(crate) not_worse: Millis,
    pub(crate) not_better: Millis,
    /// A move that is shown and not told yet.
    pub(crate) held: Option<Moved>,
}

impl Settled {
    /// The settled level, `None` before the first evaluation.
    pub fn level(&self) -> Option<Level> {
        self.level
    }

    /// When a move that waits is told if nothing else happens.
    pub fn due(&self) -> Option<Millis> {
        self.held.map(|held| held.not_after.plus(DOUBT))
    }

    /// A poll of a source is complete: what was seen last counts as one evaluation. Whether that moves
    /// the level, so that it must be judged again.
    pub fn complete(&mut self, source: &SourceId, asked_at: Millis) -> bool {
        let mut noisy = self.noisy.iter_mut();
        let noisy = noisy.find(|noisy| noisy.source == *source);
        noisy.is_some_and(|noisy| noisy.count(asked_at))
    }

    /// Judges a verdict: its noisy findings must repeat over polls, its certain ones count at once. The
    /// level follows at once; the move to tell waits while the level is unknown only for want of an
    /// answer. What follows within that time, the level before included, makes one move of both.
    pub fn judge(&mut self, verdict: &Verdict, looks: &[Look], at: Millis) -> Option<Moved> {
        let unknown = |r: &&Reason| r.level == Level::Unknown;
        let unanswered = |r: &Reason| {
            matches!(r.code, ReasonCode::FactsStale | ReasonCode::SourceDown)
                || look_of(looks, r).is_some_and(|look| !look.current)
        };
        let doubtful = verdict.reasons.iter().filter(unknown).all(unanswered);
        let moved = self.look(verdict, looks, at);
        let moved = match (self.held.take(), moved) {
            (Some(held), Some(moved)) => (held.from != moved.to).then_some(Moved {
                from: held.from,
                not_before: held.not_before,
                ..moved
            }),
            (held, moved) => held.or(moved),
        };
        let waits = |m: &Moved| m.to == Level::Unknown && doubtful && at.since(m.not_after) < DOUBT;
        if moved.as_ref().is_some_and(waits) {
            self.held = moved;
            return None;
        }
        moved
    }

    fn look(&mut self, verdict: &Verdict, looks: &[Look], at: Millis) -> Option<Moved> {
        // What nothing current speaks for does not jitter.
        let waits_for = |r: &Reason| {
            let look = look_of(looks, r).filter(|look| look.current && is_noisy(r.code));
            look.map(|look| &look.source)
        };
        let worst = |source: Option<&SourceId>| {
            let of = |r: &&Reason| waits_for(r) == source;
            let levels = verdict.reasons.iter().filter(of).map(|r| r.level);
            levels.max().unwrap_or_default()
        };
        let seen: Vec<_> = looks
            .iter()
            .map(|look| (look, look.current.then(|| worst(Some(&look.source)))))
            .collect();
        self.evaluate(worst(None), &seen, at)
    }

    /// Takes the worst level among certain findings, and among the noisy ones of each source; `None` for
    /// a source that cannot be relied on. What is older than the last evaluation is ignored.
    fn evaluate(
        &mut self,
        certain: Level,
        seen: &[(&Look, Option<Level>)],
        at: Millis,
    ) -> Option<Moved> {
        if self.level.is_some() && at < self.last {
            return None;
        }
        self.last = at;
        self.noisy
            .retain(|noisy| seen.iter().any(|(look, _)| look.source == noisy.source));
        for (look, level) in seen {
            self.see(look, *level);
        }
        let raw = self.noisy.iter().filter_map(|noisy| noisy.seen).max();
        let raw = raw.map_or(certain, |raw| raw.max(certain));
        let current = self.noisy.iter().filter(|noisy| noisy.seen.is_some());
        let noisy = current.map(|noisy| noisy.level).max();
        let new = noisy.map_or(certain, |noisy| noisy.max(certain));
        let Some(old) = self.level.replace(new) else {
            (self.not_worse, self.not_better) = (at, at);
            return None;
        };
        let before = if new > old {
            self.not_worse
        } else {
            self.not_better
        };
        if raw <= new {
            self.not_worse = at;
        }
        if raw >= new {
            self.not_better = at;
        }
        (new != old).then_some(Moved {
            from: old,
            to: new,
            not_before: before,
            not_after: at,
        })
    }

    fn see(&mut self, look: &Look, level: Option<Level>) {
        let known = self.noisy.iter().position(|n| n.source == look.source);
        let at = known.unwrap_or_else(|| {
            self.noisy.push(NoisyLevel::unseen(look.source.clone()));
            self.noisy.len() - 1
        });
        let noisy = &mut self.noisy[at];
        noisy.see(level);
        if let Some(asked_at) = look.complete {
            noisy.count(asked_at);
        }
    }
}

/// The polls that a finding rests on.
fn look_of<'a>(looks: &'a [Look], reason: &Reason) -> Option<&'a Look> {
    let source = reason.source.as_ref()?;
    looks.iter().find(|look| look.source == *source)
}

/// The hysteresis of what one source's noisy findings say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct NoisyLevel {
    pub(crate) source: SourceId,
    /// What was found at the newest judgement, whether its poll is counted or not.
    pub(crate) seen: Option<Level>,
    pub(crate) level: Level,
    pub(crate) recent: Vec<Level>,
    /// The newest poll that is counted.
    pub(crate) counted: Option<Millis>,
}

impl NoisyLevel {
    fn unseen(source: SourceId) -> Self {
        Self {
            source,
            seen: None,
            level: Level::Ok,
            recent: Vec::new(),
            counted: None,
        }
    }

    /// Notes what is found; before a first look is complete there is nothing to compare it with.
    fn see(&mut self, level: Option<Level>) {
        self.seen = level;
        if let (true, Some(level)) = (self.recent.is_empty(), level) {
            self.level = level;
        }
    }

    /// Counts what was seen last as the evaluation of a poll, unless that one is counted already. Whether
    /// the level moved.
    fn count(&mut self, asked_at: Millis) -> bool {
        if self.counted.is_some_and(|counted| asked_at <= counted) {
            return false;
        }
        let Some(seen) = self.seen else {
            return false;
        };
        self.counted = Some(asked_at);
        let before = self.level;
        self.evaluate(seen) != before
    }

    fn evaluate(&mut self, seen: Level) -> Level {
        if self.recent.len() == MEMORY {
            self.recent.remove(0);
        }
        self.recent.push(seen);
        let mut worst_first = self.recent.clone();
        worst_first.sort_by(|a, b| b.cmp(a));
        // The level that at least `TO_RISE` of the evaluations reach.
        let reached = worst_first.get(TO_RISE - 1).copied();
        if let Some(reached) = reached.filter(|reached| *reached > self.level) {
            self.level = reached;
        } else if self.recent.len() == MEMORY && worst_first[0] < self.level {
            self.level = worst_first[0];
        }
        self.level
    }
}

#[cfg(test)]
#[path = "settling_tests.rs"]
mod tests;
