//! Time that nobody watched: what happened in it is seen only afterwards, and it never counts as good.

use std::time::Duration;

use super::change::Change;
use super::time::Millis;

/// A shorter silence is a restart or a late answer, not a time that nobody watched.
const LEAST: Duration = Duration::from_secs(120);
/// Between the last answer and the present it takes longer: slow sources are asked seldom.
const LEAST_NOW: Duration = Duration::from_secs(15 * 60);

/// As many cadences of a source may pass without an answer: polls are late, fail now and then, and come
/// seldomer where a server is slow.
const CADENCES: u32 = 6;
/// However often it is asked, so long a silence is none.
const LEAST_SILENCE: Duration = Duration::from_secs(60);

/// The longest silence of a source that still counts as watched, by how often it is asked. Whoever watches
/// counts by it, with a screen or without.
pub fn patience(every: Duration) -> Duration {
    every.saturating_mul(CADENCES).max(LEAST_SILENCE)
}

/// A stretch of time in which no source was heard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Gap {
    /// The last answer before it.
    pub from: Millis,
    /// The first answer after it, or the present.
    pub to: Millis,
}

/// The gaps between watched spans (in order, as the store tells them), and from the last one to `now`.
/// Before the first span nothing is known, and nothing is said.
pub fn gaps(spans: &[(Millis, Millis)], now: Millis) -> Vec<Gap> {
    let between = spans.windows(2).map(|pair| (pair[0].1, pair[1].0, LEAST));
    let last = spans.last().map(|last| (last.1, now, LEAST_NOW));
    between
        .chain(last)
        .filter(|(from, to, least)| to.since(*from) >= *least)
        .map(|(from, to, _)| Gap { from, to })
        .collect()
}

/// The gaps between two neighbouring changes, as one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unwatched {
    /// The beginning of the first gap.
    pub from: Millis,
    /// The end of the last one.
    pub to: Millis,
    /// How many gaps there are: looks from time to time leave many.
    pub gaps: usize,
    /// How long they last together.
    pub total: Duration,
}

impl Unwatched {
    fn of(gap: Gap) -> Self {
        Self {
            from: gap.from,
            to: gap.to,
            gaps: 1,
            total: gap.to.since(gap.from),
        }
    }

    fn take(&mut self, earlier: Gap) {
        self.from = earlier.from;
        self.gaps += 1;
        self.total += earlier.to.since(earlier.from);
    }
}

/// A row of a history.
#[derive(Clone, PartialEq, Debug)]
pub enum Entry<C> {
    /// A change.
    Change(C),
    /// Nobody watched.
    Unwatched(Unwatched),
}

impl<C> Entry<C> {
    /// The change, if it is one.
    pub fn change(&self) -> Option<&C> {
        match self {
            Self::Change(change) => Some(change),
            Self::Unwatched(_) => None,
        }
    }
}

/// Puts gaps (oldest first) between changes (newest first). A change that was seen at the end of a gap
/// stands above it: it may have happened at any time in it.
pub fn between<C: AsRef<Change>>(
    changes: impl IntoIterator<Item = C>,
    gaps: &[Gap],
) -> Vec<Entry<C>> {
    let mut gaps = gaps.iter().rev().copied().peekable();
    let mut rows: Vec<Entry<C>> = Vec::new();
    let push = |rows: &mut Vec<Entry<C>>, gap: Gap| match rows.last_mut() {
        Some(Entry::Unwatched(later)) => later.take(gap),
        _ => rows.push(Entry::Unwatched(Unwatched::of(gap))),
    };
    for change in changes {
        while let Some(gap) = gaps.next_if(|gap| gap.to > change.as_ref().not_after) {
            push(&mut rows, gap);
        }
        rows.push(Entry::Change(change));
    }
    for gap in gaps {
        push(&mut rows, gap);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::change::{ChangeKind, Origin, Subject};
    use crate::domain::key::SourceId;
    use crate::domain::text::Clean;
    use proptest::prelude::*;

    const MINUTE: i64 = 60_000;

    fn change(from: i64, to: i64) -> Change {
        Change {
            subject: Subject::Source(SourceId::new("s")),
            kind: ChangeKind::Level,
            from: Clean::name("ok"),
            to: Clean::name("crit"),
            not_before: Millis(from * MINUTE),
            not_after: Millis(to * MINUTE),
            actor: None,
            origin: Origin::Observed,
            evidence: Clean::empty(),
        }
    }

    fn span(from: i64, to: i64) -> (Millis, Millis) {
        (Millis(from * MINUTE), Millis(to * MINUTE))
    }

    fn gap(from: i64, to: i64) -> Gap {
        let (from, to) = span(from, to);
        Gap { from, to }
    }

    #[test]
    fn a_restart_is_no_gap_and_a_night_is_one() {
        let spans = [span(0, 10), span(11, 20), span(500, 510)];
        assert_eq!(gaps(&spans, Millis(512 * MINUTE)), [gap(20, 500)]);
        let later = gaps(&spans, Millis(600 * MINUTE));
        assert_eq!(later, [gap(20, 500), gap(510, 600)]);
        assert_eq!(gaps(&[], Millis(600 * MINUTE)), []);
    }

    #[test]
    fn what_was_seen_after_a_gap_stands_above_it() {
        let changes = [change(20, 500), change(5, 6)];
        let rows = between(changes.clone(), &[gap(7, 9), gap(10, 20), gap(20, 500)]);
        let [
            Entry::Change(first),
            Entry::Unwatched(all),
            Entry::Change(last),
        ] = &rows[..]
        else {
            panic!("{rows:?}")
        };
        assert_eq!((first, last), (&changes[0], &changes[1]));
        assert_eq!((all.from, all.to), span(7, 500));
        assert_eq!(all.gaps, 3);
        assert_eq!(all.total, Duration::from_secs((2 + 10 + 480) * 60));
    }

    proptest! {
        #[test]
        fn no_change_and_no_unwatched_time_is_lost(
            changes in prop::collection::vec((0_i64..500, 0_i64..50), 0..20),
            marks in prop::collection::btree_set(0_i64..600, 0..20),
        ) {
            let mut changes: Vec<_> = changes.into_iter().map(|(at, d)| change(at, at + d)).collect();
            changes.sort_by_key(|c| std::cmp::Reverse(c.not_after));
            let marks: Vec<i64> = marks.into_iter().collect();
            let gaps: Vec<Gap> = marks.chunks_exact(2).map(|m| gap(m[0], m[1])).collect();
            let rows = between(changes.clone(), &gaps);
            let kept: Vec<Change> = rows.iter().filter_map(|r| r.change().cloned()).collect();
            prop_assert_eq!(kept, changes);
            let total: Duration = rows.iter().filter_map(|r| match r {
                Entry::Unwatched(u) => Some(u.total),
                Entry::Change(_) => None,
            }).sum();
            prop_assert_eq!(total, gaps.iter().map(|g| g.to.since(g.from)).sum::<Duration>());
            let ends: Vec<Millis> = rows.iter().map(|r| match r {
                Entry::Change(c) => c.not_after,
                Entry::Unwatched(u) => u.to,
            }).collect();
            prop_assert!(ends.windows(2).all(|w| w[0] >= w[1]));
        }
    }
}
