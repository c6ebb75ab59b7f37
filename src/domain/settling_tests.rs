use std::cmp::Ordering;

use super::*;
use crate::domain::time::Since;
use proptest::prelude::*;

use Level::{Crit, Ok, Unknown, Warn};

fn look(at: i64) -> Look {
    Look {
        source: SourceId::new("s"),
        complete: Some(Millis(at)),
        current: true,
    }
}

/// A poll that is complete and judged.
fn evaluate(settled: &mut Settled, certain: Level, noisy: Level, at: i64) -> Option<Moved> {
    settled.evaluate(certain, &[(&look(at), Some(noisy))], Millis(at))
}

fn noisy(levels: &[Level]) -> Vec<Level> {
    let mut settled = Settled::default();
    levels
        .iter()
        .zip(0..)
        .filter_map(|(level, at)| {
            evaluate(&mut settled, Ok, *level, at);
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
    assert_eq!(evaluate(&mut settled, Ok, Ok, 10), None);
    let up = evaluate(&mut settled, Crit, Ok, 20).expect("a move");
    assert_eq!((up.from, up.to), (Ok, Crit));
    assert_eq!((up.not_before, up.not_after), (Millis(10), Millis(20)));
    let down = evaluate(&mut settled, Ok, Ok, 30).expect("a move");
    assert_eq!(
        (down.from, down.to, down.not_before),
        (Crit, Ok, Millis(20))
    );
}

#[test]
fn the_window_reaches_back_to_the_last_look_that_spoke_for_the_old_level() {
    let mut settled = Settled::default();
    evaluate(&mut settled, Ok, Ok, 10);
    evaluate(&mut settled, Ok, Crit, 20);
    let moved = evaluate(&mut settled, Ok, Crit, 30).expect("a move");
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
    settled.judge(&Verdict::default(), &[look(0)], Millis(0));
    let slow = Verdict::of(vec![reason(ReasonCode::EndpointSlow, Warn)]);
    assert_eq!(settled.judge(&slow, &[look(1)], Millis(1)), None);
    let unready = Verdict::of(vec![
        reason(ReasonCode::EndpointSlow, Warn),
        reason(ReasonCode::EndpointUnready, Unknown),
    ]);
    assert!(
        settled
            .judge(&unready, &[look(2)], Millis(2))
            .is_some_and(|m| m.to == Unknown)
    );
}

fn slow(level: Level) -> Verdict {
    Verdict::of(vec![Reason {
        code: ReasonCode::EndpointSlow,
        level,
        text: Clean::empty(),
        since: Since::Unknown,
        source: Some(SourceId::new("s")),
    }])
}

#[test]
fn one_poll_is_one_evaluation_however_often_it_is_judged() {
    let s = SourceId::new("s");
    let mut settled = Settled::default();
    settled.judge(&Verdict::default(), &[look(0)], Millis(0));
    for at in 10..20 {
        assert_eq!(settled.judge(&slow(Warn), &[look(0)], Millis(at)), None);
    }
    assert!(!settled.complete(&s, Millis(10)), "one of two");
    assert!(!settled.complete(&s, Millis(10)), "the same poll again");
    assert_eq!(settled.judge(&slow(Warn), &[look(10)], Millis(21)), None);
    assert!(!settled.complete(&SourceId::new("t"), Millis(20)));
    assert!(settled.complete(&s, Millis(20)), "the second of two");
    let up = settled.judge(&slow(Warn), &[look(20)], Millis(22));
    assert_eq!(up.map(|m| (m.from, m.to)), Some((Ok, Warn)));
    // Clear looks count by the poll as well.
    for at in 30..50 {
        assert_eq!(
            settled.judge(&Verdict::default(), &[look(20)], Millis(at)),
            None
        );
    }
    assert!(!settled.complete(&s, Millis(50)));
    assert!(!settled.complete(&s, Millis(60)));
    assert!(settled.complete(&s, Millis(70)), "the third clear one");
    let down = settled.judge(&Verdict::default(), &[look(70)], Millis(70));
    assert_eq!(down.map(|m| (m.from, m.to)), Some((Warn, Ok)));
}

#[test]
fn polls_of_one_source_are_no_second_look_at_another() {
    let of = |source: &str, at| Look {
        source: SourceId::new(source),
        ..look(at)
    };
    let mut settled = Settled::default();
    settled.judge(&Verdict::default(), &[of("s", 0), of("t", 0)], Millis(0));
    for at in 1..9 {
        let looks = [of("s", 1), of("t", at)];
        assert_eq!(settled.judge(&slow(Crit), &looks, Millis(at)), None);
    }
    let looks = [of("s", 9), of("t", 9)];
    let moved = settled.judge(&slow(Crit), &looks, Millis(9));
    assert_eq!(moved.map(|m| m.to), Some(Crit));
}

#[test]
fn what_cannot_be_relied_on_is_unknown_at_once_and_told_late() {
    let mut settled = Settled::default();
    settled.judge(&slow(Crit), &[look(0)], Millis(0));
    let old = Look {
        current: false,
        ..look(0)
    };
    let looks = [old];
    assert_eq!(settled.judge(&slow(Unknown), &looks, Millis(1)), None);
    assert_eq!(settled.level(), Some(Unknown));
    // Back again it is what it was.
    assert_eq!(settled.judge(&slow(Crit), &[look(2)], Millis(2)), None);
    assert_eq!(settled.level(), Some(Crit));
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
            let moved = settled.judge(&verdict(*level), &[], Millis(at * 1_000));
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
    evaluate(&mut settled, Ok, Ok, 10);
    assert_eq!(evaluate(&mut settled, Crit, Crit, 9), None);
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
            let moved = evaluate(&mut settled, *certain, *noisy, at);
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
