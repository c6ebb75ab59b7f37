//! The known changes of everything, by what they happened to: each event once, and no more of them than
//! screens show. What is older stays in the ledger.

use std::time::Duration;

use foldhash::HashMap;

use crate::domain::change::{Change, ChangeKind, Subject};
use crate::domain::time::Millis;

/// Nothing on screen looks further back than the widest time range.
const KEPT: Duration = Duration::from_secs(90 * 86_400);
/// The most changes of one subject: an endpoint that comes and goes has one every minute.
const OF_ONE: usize = 1_000;
/// The most changes of all subjects: twice what is read from the ledger at the start.
const OF_ALL: usize = 20_000;
/// How often what is too old is looked for.
const LOOKED: Duration = Duration::from_secs(3_600);

/// The changes by subject, each list oldest first.
#[derive(Debug)]
pub(super) struct Timeline {
    lines: HashMap<Subject, Vec<Change>>,
    count: usize,
    /// Nothing older is taken in any more: other systems tell of it again and again.
    begins: Millis,
    looked: Millis,
}

/// What became of a change that was told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Noted {
    /// It is known already, or older than what is kept.
    Known,
    /// It is known, and more is known of it now.
    Completed,
    /// It is new.
    New,
}

impl Default for Timeline {
    fn default() -> Self {
        Self {
            lines: HashMap::default(),
            count: 0,
            begins: Millis(i64::MIN),
            looked: Millis(i64::MIN),
        }
    }
}

impl Timeline {
    /// The changes of a subject, oldest first.
    pub(super) fn of(&self, subject: &Subject) -> &[Change] {
        self.lines.get(subject).map_or(&[], Vec::as_slice)
    }

    /// Every subject with its changes, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Subject, &[Change])> {
        let all = self.lines.iter();
        all.map(|(subject, line)| (subject, line.as_slice()))
    }

    /// Adds a change to its subject's list unless the event is there already.
    pub(super) fn note(&mut self, change: Change) -> Noted {
        if change.not_after < self.begins {
            return Noted::Known;
        }
        let line = self.lines.entry(change.subject.clone()).or_default();
        if let Some(same) = line.iter_mut().find(|c| c.same_event(&change)) {
            let merged = same.merged(&change);
            if merged == *same {
                return Noted::Known;
            }
            *same = merged;
            return Noted::Completed;
        }
        let at = line.partition_point(|c| c.not_after <= change.not_after);
        if line.len() >= OF_ONE {
            // What follows from trouble comes by the hundred; what may cause it is rare and worth keeping.
            let first = line.iter().position(|c| is_frequent(&c.kind)).unwrap_or(0);
            let goes = if is_frequent(&change.kind) && first >= at {
                return Noted::Known;
            } else {
                first
            };
            line.remove(goes);
            line.insert(at - usize::from(goes < at), change);
            return Noted::New;
        }
        line.insert(at, change);
        self.count += 1;
        if self.count > OF_ALL {
            self.cut(OF_ALL * 9 / 10);
        }
        Noted::New
    }

    /// Lets go what nothing on screen can show any more.
    pub(super) fn forget(&mut self, now: Millis) {
        if now.since(self.looked) < LOOKED && self.looked <= now {
            return;
        }
        self.looked = now;
        self.begin(now.minus(KEPT));
    }

    /// Keeps about so many of the newest.
    fn cut(&mut self, most: usize) {
        let lines = self.lines.values();
        let mut times: Vec<Millis> = lines.flatten().map(|c| c.not_after).collect();
        let goes = times.len().saturating_sub(most);
        if goes == 0 || goes >= times.len() {
            return;
        }
        let (_, begins, _) = times.select_nth_unstable(goes);
        let begins = *begins;
        self.begin(begins);
    }

    /// Nothing from before a time is kept.
    fn begin(&mut self, at: Millis) {
        self.begins = self.begins.max(at);
        let begins = self.begins;
        self.lines.retain(|_, line| {
            let old = line.partition_point(|c| c.not_after < begins);
            if old > 0 {
                line.drain(..old);
                line.shrink_to(line.len() * 2);
            }
            !line.is_empty()
        });
        self.count = self.lines.values().map(Vec::len).sum();
    }
}

fn is_frequent(kind: &ChangeKind) -> bool {
    matches!(
        kind,
        ChangeKind::Level
            | ChangeKind::Health
            | ChangeKind::Alert(_)
            | ChangeKind::Annotation
            | ChangeKind::RunEnded
    ) || kind.is_note()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::change::Origin;
    use crate::domain::key::SourceId;
    use crate::domain::text::Clean;

    fn change(subject: &str, kind: ChangeKind, at: i64) -> Change {
        Change {
            subject: Subject::Source(SourceId::new(subject)),
            kind,
            from: Clean::name("a"),
            to: Clean::name("b"),
            not_before: Millis(at),
            not_after: Millis(at),
            actor: None,
            origin: Origin::Observed,
            evidence: Clean::empty(),
        }
    }

    #[test]
    fn one_that_comes_and_goes_keeps_the_newest_and_every_change_that_is_rare() {
        let mut all = Timeline::default();
        let moved = change("s", ChangeKind::Served, 0);
        assert_eq!(all.note(moved.clone()), Noted::New);
        let most = OF_ONE as i64 * 10;
        for at in 1..=most {
            all.note(change("s", ChangeKind::Health, at));
            assert!(all.of(&moved.subject).len() <= OF_ONE);
        }
        let line = all.of(&moved.subject);
        assert_eq!((line.len(), all.count), (OF_ONE, OF_ONE));
        assert_eq!(line.first(), Some(&moved));
        assert_eq!(line.last().map(|c| c.not_after), Some(Millis(most)));
        // What was let go is not new again when somebody tells of it once more.
        let old = change("s", ChangeKind::Health, 5);
        assert_eq!(all.note(old), Noted::Known);
        let rare = change("s", ChangeKind::Served, 3);
        assert_eq!(all.note(rare), Noted::New);
        let line = all.of(&moved.subject);
        assert!(line.len() == OF_ONE && line.is_sorted_by_key(|c| c.not_after));
    }

    #[test]
    fn of_many_subjects_that_come_and_go_the_newest_changes_are_kept() {
        let mut all = Timeline::default();
        let most = OF_ALL as i64 * 10;
        for at in 0..most {
            let subject = (at / 3).to_string();
            all.note(change(&subject, ChangeKind::Served, at));
            assert!(all.count <= OF_ALL);
        }
        assert!(all.count > OF_ALL / 2 && all.lines.len() <= OF_ALL);
        let held: usize = all.iter().map(|(_, line)| line.len()).sum();
        assert_eq!(held, all.count);
        let newest = all.iter().flat_map(|(_, line)| line);
        assert_eq!(newest.map(|c| c.not_after).max(), Some(Millis(most - 1)));
        assert_eq!(all.note(change("0", ChangeKind::Served, 0)), Noted::Known);
    }

    #[test]
    fn what_is_older_than_any_time_range_is_let_go() {
        let mut all = Timeline::default();
        let day = 86_400_000;
        for now in 0..900 {
            all.note(change(&now.to_string(), ChangeKind::Served, now * day));
            all.forget(Millis(now * day));
            assert!(all.count <= 91, "{}", all.count);
        }
        assert_eq!(all.lines.len(), 91);
    }
}
