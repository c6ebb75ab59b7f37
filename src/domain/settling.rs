//! When a level counts: a noisy one rises after two of three evaluations and falls after three clear
//! ones, a certain one changes at once. Only what has settled is shown as a move and enters the ledger.

use std::time::Duration;

use super::change::{Change, ChangeKind, Origin, Subject};
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
        | ReasonCode::FactsStale
        | ReasonCode::VersionNotReady
        | ReasonCode::VersionMissing
        | ReasonCode::AliasStageDisagree
        | ReasonCode::ModelStale
        | ReasonCode::RunFailed
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

/// The settled level of one thing. Starts unseen; the first evaluation is taken as it is and is not
/// a move, so that a single look is enough for a headless check.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Settled {
    pub(crate) level: Option<Level>,
    pub(crate) noisy: NoisyLevel,
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

    /// Evaluates a verdict: its noisy findings must repeat, its certain ones count at once. The level
    /// follows at once; the move to tell waits while the level is unknown only for want of an answer.
    /// What follows within that time, the level before included, makes one move of both.
    pub fn judge(&mut self, verdict: &Verdict, at: Millis) -> Option<Moved> {
        let unknown = |r: &&Reason| r.level == Level::Unknown;
        let unanswered =
            |r: &Reason| matches!(r.code, ReasonCode::FactsStale | ReasonCode::SourceDown);
        let doubtful = verdict.reasons.iter().filter(unknown).all(unanswered);
        let moved = self.look(verdict, at);
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

    fn look(&mut self, verdict: &Verdict, at: Millis) -> Option<Moved> {
        let worst = |noisy: bool| {
            let of = |r: &&Reason| is_noisy(r.code) == noisy;
            let levels = verdict.reasons.iter().filter(of).map(|r| r.level);
            levels.max().unwrap_or_default()
        };
        self.evaluate(worst(false), worst(true), at)
    }

    /// Takes one evaluation: the worst level among findings without noise, and among noisy ones.
    /// An evaluation older than the last one is ignored.
    pub fn evaluate(&mut self, certain: Level, noisy: Level, at: Millis) -> Option<Moved> {
        let seen = certain.max(noisy);
        let Some(old) = self.level else {
            self.noisy = NoisyLevel::starting(noisy);
            self.level = Some(seen);
            (self.last, self.not_worse, self.not_better) = (at, at, at);
            return None;
        };
        if at < self.last {
            return None;
        }
        self.last = at;
        let new = certain.max(self.noisy.evaluate(noisy));
        let before = if new > old {
            self.not_worse
        } else {
            self.not_better
        };
        self.level = Some(new);
        if seen <= new {
            self.not_worse = at;
        }
        if seen >= new {
            self.not_better = at;
        }
        (new != old).then_some(Moved {
            from: old,
            to: new,
            not_before: before,
            not_after: at,
        })
    }
}

/// The hysteresis of one noisy level.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct NoisyLevel {
    pub(crate) level: Level,
    pub(crate) recent: Vec<Level>,
}

impl NoisyLevel {
    fn starting(level: Level) -> Self {
        Self {
            level,
            recent: vec![level],
        }
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
mod tests {
    use std::cmp::Ordering;

    use super::*;
    use crate::domain::key::SourceId;
    use crate::domain::time::Since;
    use proptest::prelude::*;

    use Level::{Crit, Ok, Unknown, Warn};

    fn noisy(levels: &[Level]) -> Vec<Level> {
        let mut settled = Settled::default();
        levels
            .iter()
            .zip(0..)
            .filter_map(|(level, at)| {
                settled.evaluate(Ok, *level, Millis(at));
                settled.level()
            })
            .collect()
    }

    #[test]
    fn one_spike_is_not_a_rise_and_two_of_three_are() {
        assert_eq!(noisy(&[Ok, Crit, Ok, Ok]), [Ok, Ok, Ok, Ok]);
        assert_eq!(noisy(&[Ok, Crit, Ok, Crit]), [Ok, Ok, Ok, Crit]);
        assert_eq!(noisy(&[Ok, Warn, Crit]), [Ok, Ok, Warn]);
    }

    #[test]
    fn it_falls_after_three_clear_ones_to_the_worst_of_them() {
        assert_eq!(noisy(&[Crit, Ok, Ok, Ok]), [Crit, Crit, Crit, Ok]);
        assert_eq!(noisy(&[Crit, Ok, Ok, Crit, Ok]), [Crit; 5]);
        assert_eq!(noisy(&[Crit, Ok, Warn, Ok]), [Crit, Crit, Crit, Warn]);
    }

    #[test]
    fn what_is_certain_moves_at_once_both_ways() {
        let mut settled = Settled::default();
        assert_eq!(settled.evaluate(Ok, Ok, Millis(10)), None);
        let up = settled.evaluate(Crit, Ok, Millis(20)).expect("a move");
        assert_eq!((up.from, up.to), (Ok, Crit));
        assert_eq!((up.not_before, up.not_after), (Millis(10), Millis(20)));
        let down = settled.evaluate(Ok, Ok, Millis(30)).expect("a move");
        assert_eq!(
            (down.from, down.to, down.not_before),
            (Crit, Ok, Millis(20))
        );
    }

    #[test]
    fn the_window_reaches_back_to_the_last_look_that_spoke_for_the_old_level() {
        let mut settled = Settled::default();
        settled.evaluate(Ok, Ok, Millis(10));
        settled.evaluate(Ok, Crit, Millis(20));
        let moved = settled.evaluate(Ok, Crit, Millis(30)).expect("a move");
        assert_eq!(
            (moved.not_before, moved.not_after),
            (Millis(10), Millis(30))
        );
    }

    #[test]
    fn only_noisy_reasons_of_a_verdict_wait() {
        let reason = |code, level| Reason {
            code,
            level,
            text: Clean::empty(),
            since: Since::Unknown,
            source: Some(SourceId::new("s")),
        };
        let mut settled = Settled::default();
        settled.judge(&Verdict::default(), Millis(0));
        let slow = Verdict::of(vec![reason(ReasonCode::EndpointSlow, Warn)]);
        assert_eq!(settled.judge(&slow, Millis(1)), None);
        let unready = Verdict::of(vec![
            reason(ReasonCode::EndpointSlow, Warn),
            reason(ReasonCode::EndpointUnready, Unknown),
        ]);
        assert!(
            settled
                .judge(&unready, Millis(2))
                .is_some_and(|m| m.to == Unknown)
        );
    }

    /// A verdict of one finding at a level; unknown for want of an answer.
    fn verdict(level: Level) -> Verdict {
        let code = match level {
            Ok => return Verdict::default(),
            Unknown => ReasonCode::FactsStale,
            _ => ReasonCode::EndpointUnready,
        };
        Verdict::of(vec![Reason {
            code,
            level,
            text: Clean::empty(),
            since: Since::Unknown,
            source: None,
        }])
    }

    /// The moves told of levels at so many seconds.
    fn told(looks: &[(i64, Level)]) -> Vec<Moved> {
        let mut settled = Settled::default();
        let looks = looks.iter();
        looks
            .filter_map(|(at, level)| {
                let moved = settled.judge(&verdict(*level), Millis(at * 1_000));
                assert_eq!(settled.level(), Some(*level), "shown at once");
                moved
            })
            .collect()
    }

    #[test]
    fn late_before_down_is_one_move() {
        let moves = told(&[(0, Ok), (10, Ok), (31, Unknown), (70, Crit), (200, Ok)]);
        let [down, up] = moves[..] else {
            panic!("{moves:?}")
        };
        assert_eq!((down.from, down.to), (Ok, Crit));
        let window = (down.not_before, down.not_after);
        assert_eq!(window, (Millis(10_000), Millis(70_000)));
        assert_eq!((up.from, up.to), (Crit, Ok));
    }

    #[test]
    fn a_late_answer_is_no_move_and_silence_is_one() {
        assert_eq!(told(&[(0, Crit), (31, Unknown), (50, Crit)]), []);
        let moves = told(&[(0, Crit), (31, Unknown), (150, Unknown), (152, Unknown)]);
        let [silent] = moves[..] else {
            panic!("{moves:?}")
        };
        assert_eq!((silent.from, silent.to), (Crit, Unknown));
        // Told late, with the window in which it happened.
        let window = (silent.not_before, silent.not_after);
        assert_eq!(window, (Millis(0), Millis(31_000)));
    }

    #[test]
    fn a_look_from_the_past_changes_nothing() {
        let mut settled = Settled::default();
        settled.evaluate(Ok, Ok, Millis(10));
        assert_eq!(settled.evaluate(Crit, Crit, Millis(9)), None);
        assert_eq!(settled.level(), Some(Ok));
    }

    #[test]
    fn the_row_says_both_levels() {
        let moved = Moved {
            from: Ok,
            to: Crit,
            not_before: Millis(1),
            not_after: Millis(2),
        };
        let row = moved.change(Subject::Source(SourceId::new("s")), Clean::empty());
        assert_eq!(row.phrase(), "level ok → crit");
    }

    fn any_level() -> impl Strategy<Value = Level> {
        prop::sample::select(&Level::WORST_FIRST[..])
    }

    proptest! {
        #[test]
        fn what_is_told_is_a_chain_that_ends_at_what_is_shown(
            looks in prop::collection::vec((1_i64..100, any_level()), 1..40)
        ) {
            let mut at = 0;
            let mut looks: Vec<_> = looks
                .into_iter()
                .map(|(wait, level)| {
                    at += wait;
                    (at, level)
                })
                .collect();
            let last = looks[looks.len() - 1].1;
            looks.push((at + 121, last));
            let moves = told(&looks);
            let mut level = looks[0].1;
            for moved in &moves {
                prop_assert_eq!(moved.from, level);
                prop_assert_ne!(moved.to, level);
                prop_assert!(moved.not_before < moved.not_after);
                level = moved.to;
            }
            prop_assert_eq!(level, last);
            // Nothing but unknown is ever kept back: each other level that lasts is told.
            for look in looks.iter().filter(|(_, l)| *l != Unknown) {
                let mut until = moves.iter().filter(|m| m.not_after.0 <= look.0 * 1_000);
                prop_assert_eq!(until.next_back().map_or(looks[0].1, |m| m.to), look.1);
            }
        }

        #[test]
        fn a_noisy_level_moves_only_when_the_last_three_allow(
            levels in prop::collection::vec(any_level(), 1..40)
        ) {
            let settled = noisy(&levels);
            for i in 1..levels.len() {
                let (old, new) = (settled[i - 1], settled[i]);
                let last = &levels[i.saturating_sub(2)..=i];
                let worse = last.iter().filter(|l| **l > old).count();
                match new.cmp(&old) {
                    Ordering::Greater => {
                        prop_assert!(worse >= 2);
                        prop_assert!(last.iter().filter(|l| **l >= new).count() >= 2);
                    }
                    Ordering::Less => {
                        prop_assert!(last.len() == 3 && worse == 0);
                        prop_assert_eq!(Some(&new), last.iter().max());
                    }
                    Ordering::Equal => {
                        prop_assert!(worse < 2, "two of three were worse and it stayed");
                        prop_assert!(last.len() < 3 || last.iter().any(|l| *l >= old));
                    }
                }
            }
        }

        #[test]
        fn a_certain_level_is_never_hidden(
            looks in prop::collection::vec((any_level(), any_level()), 1..40)
        ) {
            let mut settled = Settled::default();
            for ((certain, noisy), at) in looks.iter().zip(0..) {
                let before = settled.level();
                let moved = settled.evaluate(*certain, *noisy, Millis(at));
                prop_assert!(settled.level() >= Some(*certain));
                match moved {
                    Some(m) => {
                        prop_assert!(m.not_before < m.not_after);
                        prop_assert_eq!((Some(m.from), Some(m.to)), (before, settled.level()));
                        prop_assert_ne!(m.from, m.to);
                    }
                    None => prop_assert!(before.is_none() || before == settled.level()),
                }
            }
        }

        #[test]
        fn a_steady_level_settles_within_three(
            start in prop::collection::vec(any_level(), 1..10), steady in any_level()
        ) {
            let mut levels = start;
            levels.extend([steady; 3]);
            prop_assert_eq!(noisy(&levels).last().copied(), Some(steady));
        }
    }
}
