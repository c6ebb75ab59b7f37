//! What becomes due by time alone: judgements that end by the clock, and saving. Asked once a second;
//! the answer is almost always no, and then nothing happens.

use std::time::Duration;

use crate::domain::fleet::Fleet;
use crate::domain::rules::freshness;
use crate::domain::time::{Millis, Now};

/// The least time between two savings of the last-known state.
const SAVE_GAP: Duration = Duration::from_secs(30);

/// When the next judgement of a model may change by itself. It follows from the fleet's facts, so it
/// is worked out once for each of their revisions.
#[derive(Debug, Default)]
pub(super) struct Due {
    revision: Option<u64>,
    next: Option<Millis>,
}

impl Due {
    /// Whether a grace has ended, or a source has fallen silent or come back.
    pub(super) fn is_due(&mut self, fleet: &Fleet, now: Millis) -> bool {
        if self.revision != Some(fleet.revision()) {
            self.revision = Some(fleet.revision());
            self.next = fleet.models().filter_map(|m| m.until).min();
        }
        let policy = &fleet.settings().policy;
        self.next.is_some_and(|at| at <= now)
            || fleet
                .sources()
                .any(|(_, health, known)| freshness::judge(health, policy, now) != known)
    }

    /// What was due has been judged: what is next must be looked for again.
    pub(super) fn done(&mut self) {
        self.revision = None;
    }
}

/// When the last-known state was saved, and of which revision.
#[derive(Debug, Default)]
pub(super) struct Saving {
    last: Option<(Duration, u64)>,
}

impl Saving {
    /// Whether something has changed since, long enough ago; remembers that it is saved now.
    pub(super) fn is_due(&mut self, fleet: &Fleet, now: Now) -> bool {
        let revision = fleet.revision();
        let (at, saved) = *self.last.get_or_insert((now.mono, revision));
        let due = saved != revision && now.mono.saturating_sub(at) >= SAVE_GAP;
        if due {
            self.last = Some((now.mono, revision));
        }
        due
    }

    /// Another context's fleet: nothing of it has been saved yet.
    pub(super) fn restart(&mut self) {
        self.last = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::observation::{Coverage, Feed, Observation, Rows};
    use crate::domain::settings::Context;
    use crate::runtime::testing::{context, model};
    use std::sync::Arc;

    #[test]
    fn saving_waits_for_a_change_and_for_its_turn() {
        let mut fleet = Fleet::new(context(), Arc::new(Context::default()));
        let mut saving = Saving::default();
        let at = |secs| Now {
            wall: Millis(0),
            mono: Duration::from_secs(secs),
        };
        assert!(!saving.is_due(&fleet, at(0)));
        assert!(!saving.is_due(&fleet, at(100)), "nothing has changed");
        fleet.merge(
            Observation {
                context: context(),
                source: crate::domain::key::SourceId::new("s"),
                feed: Feed::Models,
                asked_at: Millis(1),
                server_time: None,
                coverage: Coverage::Partial,
                upserts: Rows::Models(vec![model("a", 1)]),
                gone: Vec::new(),
            },
            Millis(1),
        );
        assert!(saving.is_due(&fleet, at(101)));
        assert!(!saving.is_due(&fleet, at(102)));
    }

    #[test]
    fn a_source_that_falls_silent_is_due_once() {
        use crate::domain::key::SourceId;
        use crate::domain::observation::PollReport;
        use crate::domain::settings::{SourceKind, SourceSettings};
        let settings = Context {
            sources: vec![SourceSettings::new(
                "s",
                SourceKind::Mlflow,
                "http://ml.test",
            )],
            ..Context::default()
        };
        let mut fleet = Fleet::new(context(), Arc::new(settings));
        let report = PollReport {
            partial: None,
            context: context(),
            source: SourceId::new("s"),
            feed: Feed::Models,
            asked_at: Millis(0),
            took_ms: 1,
            clock_skew_ms: None,
            fault: None,
            next_at: Millis(10_000),
        };
        fleet.record(&report, Millis(0));
        let mut due = Due::default();
        assert!(!due.is_due(&fleet, Millis(20_000)));
        assert!(due.is_due(&fleet, Millis(40_000)));
        fleet.tick(Millis(40_000));
        due.done();
        assert!(!due.is_due(&fleet, Millis(41_000)));
    }
}
