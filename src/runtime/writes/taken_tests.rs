//! Plans that stop where they stand, and states that a request without an answer may or may not have
//! brought about.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use super::tests::{Log, confirmed, move_alias};
use super::*;
use crate::domain::action::{Act, Delivery, How, Outcome, Receipt, Seen, Sighting, Ticket, Writes};
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::key::SourceId;

/// A registry whose champion is moved by others while a request of ours is on its way.
struct Contested {
    begins: Instant,
    /// Who holds the alias, and from which second on; the last one stays.
    holders: Vec<(u64, &'static str)>,
    /// Whether the request is answered.
    answers: bool,
    /// Since when another plan has taken the place of this one, by the number of requests sent.
    superseded_at: Option<usize>,
    sent: Mutex<usize>,
}

impl Contested {
    fn new(holders: &[(u64, &'static str)]) -> Self {
        Self {
            begins: Instant::now(),
            holders: holders.to_vec(),
            answers: false,
            superseded_at: None,
            sent: Mutex::new(0),
        }
    }
}

impl World for Contested {
    async fn look(&self, _source: &SourceId, act: &Act) -> Result<Sighting, Fault> {
        let Act::MoveAlias { from, to, .. } = act else {
            panic!("another act")
        };
        let passed = self.begins.elapsed().as_secs();
        let so_far = self.holders.iter().rev();
        let (_, is) = so_far
            .clone()
            .find(|(since, _)| *since <= passed)
            .expect("a holder");
        let seen = if to.version.raw() == *is {
            Seen::After
        } else if from.as_ref().is_some_and(|from| from.version.raw() == *is) {
            Seen::Before
        } else {
            Seen::Other
        };
        Ok(Sighting::new(seen, &format!("champion is v{is}")))
    }

    async fn send(&self, _source: &SourceId, _ticket: &Ticket) -> Delivery {
        *self.sent.lock().expect("unpoisoned") += 1;
        // The first look has come before it.
        tokio::time::sleep(Duration::from_secs(1)).await;
        if self.answers {
            return Delivery::Taken(Receipt::default());
        }
        let fault = Fault::new(FaultKind::Timeout, "POST http://ml.test", "no answer");
        Delivery::Unclear(fault)
    }

    fn now(&self) -> Millis {
        let passed = self.begins.elapsed().as_millis();
        Millis(2_000 + i64::try_from(passed).expect("small"))
    }

    fn superseded(&self) -> Option<Clean> {
        let sent = *self.sent.lock().expect("unpoisoned");
        let at = self.superseded_at?;
        (sent >= at).then(|| Clean::text("champion v7 → v6 has taken its place"))
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_without_an_answer_is_settled_by_no_state_that_others_made() {
    for (holders, how, words) in [
        // Theirs, and then ours after all: it was held up on its way.
        (&[(0, "6"), (1, "8"), (9, "7")][..], How::Done, "v7"),
        // Ours may have been there before theirs.
        (&[(0, "6"), (1, "8")], How::Unknown, "nobody can tell"),
        (&[(0, "6"), (12, "8")], How::Unknown, "champion is v8"),
        // Nobody has touched it.
        (&[(0, "6")], How::NotApplied, "champion is v6"),
    ] {
        let world = Contested::new(holders);
        let mut log = Log::default();
        let plan = confirmed(vec![move_alias("6", "7")]);
        let ended = carry_out(plan, &Actor::default(), &world, &mut log).await;
        let end = &ended.expect("journalled").steps[0];
        assert_eq!(end.how, how, "{holders:?}: {}", end.words);
        assert!(end.words.as_str().contains(words), "{}", end.words);
    }
}

#[tokio::test(start_paused = true)]
async fn what_others_have_moved_since_is_looked_up_and_stays_unknown() {
    for (holders, outcome) in [
        (&[(0, "8"), (9, "7")][..], Outcome::Done),
        (&[(0, "8")], Outcome::Unknown),
        (&[(0, "6")], Outcome::NotApplied),
    ] {
        let mut log = Log::default();
        let plan = confirmed(vec![move_alias("6", "7")]);
        let begun = plan.begin(&Actor::default(), &mut log, Millis(2_000));
        let _ticket = begun.expect("begun").ticket(&mut log, Millis(2_000));
        let writes = log.writes();
        let written = writes.iter().next().expect("it");
        let world = Contested::new(holders);
        let found = look_up(written, &world, &mut log).await;
        assert_eq!(found.expect("journalled"), outcome, "{holders:?}");
        let writes = log.writes();
        let written = writes.iter().next().expect("it");
        assert_eq!(written.is_open(), outcome == Outcome::Unknown);
        let told = written.words.as_str().contains("nobody can tell");
        assert_eq!(told, outcome == Outcome::Unknown, "{}", written.words);
    }
}

#[tokio::test(start_paused = true)]
async fn a_plan_whose_place_is_taken_sends_nothing_more() {
    for superseded_at in [0, 1] {
        let world = Contested {
            answers: true,
            superseded_at: Some(superseded_at),
            ..Contested::new(&[(0, "6"), (1, "7")])
        };
        let mut log = Log::default();
        let plan = confirmed(vec![move_alias("6", "7"), move_alias("7", "8")]);
        let ended = carry_out(plan, &Actor::default(), &world, &mut log).await;
        let ended = ended.expect("journalled");
        let hows: Vec<How> = ended.steps.iter().map(|end| end.how).collect();
        let (first, outcome) = match superseded_at {
            0 => (How::Skipped, Outcome::NotApplied),
            _ => (How::Done, Outcome::PartlyApplied),
        };
        assert_eq!((hows, ended.outcome), (vec![first, How::Skipped], outcome));
        assert_eq!(*world.sent.lock().expect("unpoisoned"), superseded_at);
        let words = ended.words.as_str();
        assert!(words.contains("has taken its place"), "{words}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_plan_that_stops_without_an_answer_is_looked_up_later() {
    for (answers, how) in [(false, How::Unknown), (true, How::NotSeen)] {
        let world = Contested {
            answers,
            superseded_at: Some(1),
            ..Contested::new(&[(0, "6")])
        };
        let mut log = Log::default();
        let plan = confirmed(vec![move_alias("6", "7")]);
        let ended = carry_out(plan, &Actor::default(), &world, &mut log).await;
        assert_eq!(ended.expect("journalled").steps[0].how, how);
        let writes: Writes = log.writes();
        let written = writes.iter().next().expect("it");
        assert_eq!(written.is_open(), !answers);
        // Undo takes back what has taken effect: of this nobody knows.
        assert_eq!(written.applied().count(), usize::from(answers));
    }
}
