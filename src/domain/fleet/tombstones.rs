//! When facts were found gone, for as long as an answer from before may still arrive.

use std::time::Duration;

use foldhash::HashMap;

use crate::domain::observation::{FactKey, POLL_LIMIT};
use crate::domain::time::Millis;

/// For so long an answer from before may arrive: a poll and its way here take far less.
const KEPT: Duration = POLL_LIMIT.saturating_mul(4);

/// What is gone, and since when.
#[derive(Debug, Default)]
pub(super) struct Tombstones {
    at: HashMap<FactKey, Millis>,
    looked: Millis,
}

impl Tombstones {
    /// Whether nothing is gone.
    pub(super) fn is_empty(&self) -> bool {
        self.at.is_empty()
    }

    /// A fact was found gone by an answer.
    pub(super) fn bury(&mut self, key: FactKey, asked_at: Millis) {
        let tomb = self.at.entry(key).or_insert(asked_at);
        *tomb = (*tomb).max(asked_at);
    }

    /// Whether a fact was found gone by a later answer than this one.
    pub(super) fn outdate(&self, key: &FactKey, asked_at: Millis) -> bool {
        self.at.get(key).is_some_and(|at| *at > asked_at)
    }

    /// Forgets what no answer can bring back any more.
    pub(super) fn forget(&mut self, now: Millis) {
        if self.at.is_empty() || now.since(self.looked) < POLL_LIMIT {
            return;
        }
        self.looked = now;
        self.at.retain(|_, at| now.since(*at) <= KEPT);
        self.at.shrink_to(self.at.len() * 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::key::Key;

    #[test]
    fn what_is_gone_is_remembered_while_it_can_still_arrive_and_not_longer() {
        let key = |n: i64| FactKey::Orchestrator(Key::new(&n.to_string()));
        let mut gone = Tombstones::default();
        let minute = 60_000;
        for n in 0..10_000 {
            let at = Millis(n * minute);
            gone.bury(key(n), at);
            gone.forget(at);
            let before = Millis(at.0 - 1);
            assert!(gone.outdate(&key(n), before) && !gone.outdate(&key(n), at));
            assert!(gone.outdate(&key((n - 10).max(0)), Millis(-1)));
            assert!(gone.at.len() <= 60, "{}", gone.at.len());
        }
        gone.forget(Millis(20_000 * minute));
        assert!(gone.is_empty());
    }
}
