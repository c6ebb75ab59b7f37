use std::sync::Mutex;
use std::time::Duration;

use super::*;
use crate::domain::action::{
    Act, Actor, Confirmed, Consent, Delivery, Friction, How, IntentLog, Journals, Mode, Outcome,
    Pin, Plan, PlanId, Receipt, Record, Seen, Sighting, Step, Ticket, Verb, Writes,
};
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::key::{DeploymentKey, DeploymentKind, Key, SourceId};
use crate::domain::settings::Writes as Allowed;
use crate::domain::text::Clean;
use crate::domain::time::{Millis, Now};
use crate::runtime::testing::model_key;

pub(super) fn move_alias(from: &str, to: &str) -> Act {
    let pin = |version| Pin {
        version: Key::new(version),
        created: Millis(5),
    };
    Act::MoveAlias {
        model: model_key("churn"),
        alias: Key::new("champion"),
        from: Some(pin(from)),
        to: pin(to),
    }
}

pub(super) fn confirmed(acts: Vec<Act>) -> Confirmed {
    let source = SourceId::new("mlflow");
    let steps = acts.into_iter().map(|act| match act {
        Act::EndClaim { .. } => Step::best_effort(&source, act),
        act => Step::required(&source, act),
    });
    let plan = Plan {
        id: PlanId::new(Millis(1_000), [7; 10]),
        verb: Verb::Promote,
        context: Clean::name("prod"),
        subject: Clean::name("churn"),
        model: Some(model_key("churn")),
        summary: Clean::text("champion v6 → v7"),
        steps: steps.collect(),
        gates: Vec::new(),
        notes: Vec::new(),
        blocked: Vec::new(),
        wanting: Vec::new(),
        friction: Friction::Key,
        read_at: Millis(0),
        expires: Duration::from_secs(60),
        undo_until: None,
        undoes: None,
        passed: Vec::new(),
    };
    let mode = Mode {
        writes: Allowed::Confirm,
        ..Mode::default()
    };
    let now = Now::default();
    plan.confirm(&mode, &Consent::default(), now)
        .expect("confirmed")
}

/// A registry with one alias, and what goes wrong on the way to it.
struct Registry {
    champion: Mutex<&'static str>,
    sent: Mutex<usize>,
    trouble: Trouble,
}

#[derive(Clone, Copy, PartialEq)]
enum Trouble {
    None,
    LostAfter,
    LostBefore,
    Refuses,
    MovedBefore,
}

impl Registry {
    fn new(trouble: Trouble) -> Self {
        let champion = if trouble == Trouble::MovedBefore {
            "5"
        } else {
            "6"
        };
        Self {
            champion: Mutex::new(champion),
            sent: Mutex::new(0),
            trouble,
        }
    }
}

impl World for Registry {
    async fn look(&self, _source: &SourceId, act: &Act) -> Result<Sighting, Fault> {
        let Act::MoveAlias { from, to, .. } = act else {
            panic!("another act")
        };
        let is = *self.champion.lock().expect("unpoisoned");
        let seen = if to.version.raw() == is {
            Seen::After
        } else if from.as_ref().is_some_and(|from| from.version.raw() == is) {
            Seen::Before
        } else {
            Seen::Other
        };
        Ok(Sighting::new(seen, &format!("champion is v{is}")))
    }

    async fn send(&self, _source: &SourceId, _ticket: &Ticket) -> Delivery {
        *self.sent.lock().expect("unpoisoned") += 1;
        let fault = |kind| Fault::new(kind, "POST http://ml.test", "lost");
        let commit = || *self.champion.lock().expect("unpoisoned") = "7";
        match self.trouble {
            Trouble::LostAfter => {
                commit();
                Delivery::Unclear(fault(FaultKind::Timeout))
            }
            Trouble::LostBefore => Delivery::Unclear(fault(FaultKind::Timeout)),
            Trouble::Refuses => Delivery::Refused(fault(FaultKind::Forbidden)),
            Trouble::None | Trouble::MovedBefore => {
                commit();
                Delivery::Taken(Receipt::default())
            }
        }
    }

    fn now(&self) -> Millis {
        Millis(2_000)
    }
}

#[derive(Default)]
pub(super) struct Log {
    records: Vec<Record>,
    room: Option<usize>,
}

impl Log {
    /// What it tells when it is read.
    pub(super) fn writes(&self) -> Writes {
        let at = |record: &Record| (Millis(2_000), record.clone());
        Writes::of(&Journals {
            records: self.records.iter().map(at).collect(),
            ..Journals::default()
        })
    }
}

impl IntentLog for Log {
    fn write(&mut self, record: &Record, _now: Millis) -> Result<(), Clean> {
        if self.room.is_some_and(|room| self.records.len() >= room) {
            return Err(Clean::text("no space is left"));
        }
        self.records.push(record.clone());
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn the_outcome_is_what_the_server_says_when_it_is_read() {
    for (trouble, how, outcome, sent) in [
        (Trouble::None, How::Done, Outcome::Done, 1),
        (Trouble::LostAfter, How::Done, Outcome::Done, 1),
        (Trouble::LostBefore, How::NotApplied, Outcome::NotApplied, 1),
        (Trouble::Refuses, How::Refused, Outcome::NotApplied, 1),
        (Trouble::MovedBefore, How::Moved, Outcome::NotApplied, 0),
    ] {
        let world = Registry::new(trouble);
        let mut log = Log::default();
        let confirmed = confirmed(vec![move_alias("6", "7")]);
        let ended = carry_out(confirmed, &Actor::default(), &world, &mut log).await;
        let ended = ended.expect("journalled");
        assert_eq!((ended.steps[0].how, ended.outcome), (how, outcome));
        assert_eq!(*world.sent.lock().expect("unpoisoned"), sent);
        let last = log.records.last();
        assert!(matches!(last, Some(Record::PlanEnded { outcome: o, .. }) if *o == outcome));
    }
}

#[tokio::test]
async fn what_the_journal_does_not_take_is_not_sent() {
    for room in 0..2 {
        let world = Registry::new(Trouble::None);
        let mut log = Log {
            room: Some(room),
            ..Log::default()
        };
        let confirmed = confirmed(vec![move_alias("6", "7")]);
        let ended = carry_out(confirmed, &Actor::default(), &world, &mut log).await;
        assert!(ended.is_err() || ended.is_ok_and(|ended| ended.refused()));
        assert_eq!(*world.sent.lock().expect("unpoisoned"), 0, "room {room}");
    }
}

#[tokio::test]
async fn a_step_that_did_not_succeed_stops_the_rest() {
    let world = Registry::new(Trouble::Refuses);
    let mut log = Log::default();
    let confirmed = confirmed(vec![move_alias("6", "7"), move_alias("7", "8")]);
    let ended = carry_out(confirmed, &Actor::default(), &world, &mut log).await;
    let steps: Vec<How> = ended
        .expect("journalled")
        .steps
        .iter()
        .map(|s| s.how)
        .collect();
    assert_eq!(steps, [How::Refused, How::Skipped]);
    assert_eq!(*world.sent.lock().expect("unpoisoned"), 1);
}

/// A registry whose ledger is there already, with the rights of a reader where `denies` says so.
struct Kept {
    denies: bool,
    cannot_tell: bool,
    bodies: Mutex<Vec<String>>,
}

impl World for Kept {
    async fn look(&self, _source: &SourceId, act: &Act) -> Result<Sighting, Fault> {
        if self.cannot_tell {
            let fault = Fault::new(FaultKind::Unsupported, "http://serve.test", "no version");
            return Err(fault);
        }
        let sent = !self.bodies.lock().expect("unpoisoned").is_empty();
        Ok(match act {
            Act::MakeLedger { .. } => Sighting::new(Seen::After, "there").of("12"),
            Act::MakeLedgerRun { .. } if sent => Sighting::new(Seen::After, "there").of("oldest"),
            Act::Claim { .. } if sent => Sighting::new(Seen::After, "ours"),
            _ => Sighting::new(Seen::Before, "not there"),
        })
    }

    async fn send(&self, _source: &SourceId, ticket: &Ticket) -> Delivery {
        let request = ticket.request().expect("a request");
        let body = request.body.expect("a body").to_string();
        self.bodies.lock().expect("unpoisoned").push(body);
        if self.denies {
            let fault = Fault::new(FaultKind::Forbidden, "POST http://ml.test", "no");
            return Delivery::Refused(fault);
        }
        Delivery::Taken(Receipt {
            id: Some(Key::new("ours")),
            words: Clean::empty(),
        })
    }

    fn now(&self) -> Millis {
        Millis(2_000)
    }
}

fn kept(denies: bool, cannot_tell: bool) -> Kept {
    Kept {
        denies,
        cannot_tell,
        bodies: Mutex::default(),
    }
}

fn claiming() -> Confirmed {
    let name = Key::new("ledger");
    let model = model_key("churn");
    confirmed(vec![
        Act::MakeLedger { name: name.clone() },
        Act::MakeLedgerRun {
            name: name.clone(),
            model: model.clone(),
        },
        Act::Claim {
            name,
            model,
            alias: Key::new("champion"),
            number: 1,
            intent: Key::new("{}"),
        },
    ])
}

#[tokio::test(start_paused = true)]
async fn a_step_is_sent_with_the_identity_that_was_seen_before_it() {
    let world = kept(false, false);
    let mut log = Log::default();
    let ended = carry_out(claiming(), &Actor::default(), &world, &mut log).await;
    assert_eq!(ended.expect("journalled").outcome, Outcome::Done);
    let ids = log.records.iter().filter_map(|record| match record {
        Record::StepEnded { receipt, .. } => Some(receipt.id.as_ref().map(Key::raw)),
        _ => None,
    });
    // Of two runs made at once the one that was seen holds; the claim makes nothing of its own.
    assert_eq!(ids.collect::<Vec<_>>(), [Some("12"), Some("oldest"), None]);
    let bodies = world.bodies.lock().expect("unpoisoned");
    assert!(bodies[0].contains(r#""experiment_id":"12""#), "{bodies:?}");
}

#[tokio::test(start_paused = true)]
async fn a_missing_right_is_told_apart_and_what_cannot_be_told_is_not_waited_for() {
    let mut log = Log::default();
    let world = kept(true, false);
    let ended = carry_out(claiming(), &Actor::default(), &world, &mut log).await;
    let ended = ended.expect("journalled");
    assert_eq!(
        (ended.forbidden().collect::<Vec<_>>(), ended.outcome),
        (vec![1], Outcome::NotApplied)
    );

    let mut log = Log::default();
    let waits = Act::AwaitServed {
        from: None,
        deployment: DeploymentKey {
            kind: DeploymentKind::MlflowServe,
            base: Key::new("http://serve.test"),
            scope: Key::new(""),
            name: Key::new("churn"),
        },
        to: Key::new("7"),
    };
    let began = tokio::time::Instant::now();
    let world = kept(false, true);
    let ended = carry_out(confirmed(vec![waits]), &Actor::default(), &world, &mut log).await;
    assert_eq!(ended.expect("journalled").outcome, Outcome::Unknown);
    assert_eq!(began.elapsed(), Duration::ZERO);
}

/// A world in which a step never ends.
struct Stalled;

impl World for Stalled {
    async fn look(&self, _source: &SourceId, _act: &Act) -> Result<Sighting, Fault> {
        Ok(Sighting::new(Seen::Before, "champion is v6"))
    }

    async fn send(&self, _source: &SourceId, _ticket: &Ticket) -> Delivery {
        std::future::pending().await
    }

    fn now(&self) -> Millis {
        Millis(2_000)
    }
}

#[tokio::test]
async fn what_is_left_on_its_way_is_journalled_as_unknown() {
    let dir = tempfile::tempdir().expect("a directory");
    let book = Book::new(Some(dir.path().to_owned()), who::session());
    let mut log = BookLog::new(Arc::clone(&book), |_: &Record, _| {});
    let plan = confirmed(vec![move_alias("6", "7"), move_alias("7", "8")]);
    let actor = Actor::default();
    let never = carry_out(plan, &actor, &Stalled, &mut log);
    let outcome = tokio::time::timeout(Duration::from_millis(50), never).await;
    assert!(outcome.is_err(), "it is on its way");
    book.leave(Millis(3_000));
    book.end(Millis(3_000));
    let writes = Writes::of(&book.read(Millis(3_000)));
    let written = writes.iter().next().expect("it");
    assert_eq!(written.ended, Some((Outcome::Unknown, Millis(3_000))));
    assert_eq!(written.open().collect::<Vec<_>>(), [0]);
    assert!(written.steps[1].ended.is_none(), "it was not begun");
    assert!(!writes.is_on_its_way(written));
}

#[test]
fn another_process_is_seen_to_have_written_and_to_live() {
    let dir = tempfile::tempdir().expect("a directory");
    let (here, there) = (
        Book::new(Some(dir.path().to_owned()), who::session()),
        Book::new(Some(dir.path().to_owned()), who::session()),
    );
    assert_eq!(here.others(), Vec::new());
    let plan = confirmed(vec![move_alias("6", "7")]);
    let mut log = BookLog::new(Arc::clone(&there), |_: &Record, _| {});
    let begun = plan
        .begin(&Actor::default(), &mut log, Millis(1_000))
        .expect("begun");
    let stamps = here.others();
    assert_eq!(stamps.len(), 1);
    let writes = Writes::of(&here.read(Millis(2_000)));
    assert!(writes.iter().all(|written| writes.is_on_its_way(written)));
    begun.ticket(&mut log, Millis(1_500)).expect("a ticket");
    assert_ne!(here.others(), stamps, "it has grown");
    there.end(Millis(1_600));
    let writes = Writes::of(&here.read(Millis(2_000)));
    assert!(writes.iter().all(|written| !writes.is_on_its_way(written)));
}

#[test]
fn a_torn_end_is_set_aside_at_the_first_reading_and_stays_a_remark() {
    let dir = tempfile::tempdir().expect("a directory");
    let name = dir.path().join("0000000001000-1.jsonl");
    std::fs::write(&name, b"{\"half").expect("written");
    let book = Book::new(Some(dir.path().to_owned()), who::session());
    let first = book.read(Millis(2_000));
    assert!(first.news.iter().any(|r| r.as_str().contains("torn")));
    for _ in 0..2 {
        let again = book.read(Millis(3_000));
        assert_eq!(again.news, Vec::<Clean>::new());
        assert!(again.remarks.iter().any(|r| r.as_str().contains("torn")));
    }
}

/// How the move goes whose claim is there.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Moves {
    Well,
    Refused,
    /// Somebody else has moved it before.
    Moved,
    /// Somebody else moves it right after.
    Overtaken,
    /// No answer, and nothing can be read afterwards.
    Lost,
}

/// A registry with a ledger, one alias, and a journal of what it was sent.
struct Ledgered {
    moves: Moves,
    sent: Mutex<Vec<(String, String)>>,
}

impl Ledgered {
    fn was_sent(&self, word: &str) -> bool {
        let sent = self.sent.lock().expect("unpoisoned");
        sent.iter().any(|(act, _)| act == word)
    }
}

impl World for Ledgered {
    async fn look(&self, _source: &SourceId, act: &Act) -> Result<Sighting, Fault> {
        let moved = self.was_sent("move-alias");
        let seen = match act {
            Act::MakeLedger { .. } => return Ok(Sighting::new(Seen::After, "there").of("12")),
            Act::MakeLedgerRun { .. } => return Ok(Sighting::new(Seen::After, "there").of("run")),
            Act::MoveAlias { .. } => match self.moves {
                Moves::Lost if moved => {
                    return Err(Fault::new(FaultKind::Unreachable, "http://ml.test", "gone"));
                }
                Moves::Moved => Seen::Other,
                Moves::Overtaken if moved => Seen::Other,
                Moves::Well if moved => Seen::After,
                _ => Seen::Before,
            },
            other if self.was_sent(other.word()) => Seen::After,
            _ => Seen::Before,
        };
        Ok(Sighting::new(seen, "as it is"))
    }

    async fn send(&self, _source: &SourceId, ticket: &Ticket) -> Delivery {
        let body = ticket.request().and_then(|request| request.body);
        let sent = (
            ticket.act().word().to_owned(),
            body.unwrap_or_default().to_string(),
        );
        self.sent.lock().expect("unpoisoned").push(sent);
        let fault = |kind| Fault::new(kind, "POST http://ml.test", "no");
        match (ticket.act(), self.moves) {
            (Act::MoveAlias { .. }, Moves::Refused) => {
                Delivery::Refused(fault(FaultKind::Forbidden))
            }
            (Act::MoveAlias { .. }, Moves::Lost) => Delivery::Unclear(fault(FaultKind::Timeout)),
            _ => Delivery::Taken(Receipt::default()),
        }
    }

    fn now(&self) -> Millis {
        Millis(2_000)
    }
}

/// A plan that claims a move, makes it, and ends its claim where it is not made.
fn claimed_move() -> Confirmed {
    let (name, model) = (Key::new("ledger"), model_key("churn"));
    let alias = Key::new("champion");
    confirmed(vec![
        Act::MakeLedger { name: name.clone() },
        Act::MakeLedgerRun {
            name: name.clone(),
            model: model.clone(),
        },
        Act::Claim {
            name: name.clone(),
            model: model.clone(),
            alias: alias.clone(),
            number: 3,
            intent: Key::new("{}"),
        },
        move_alias("6", "7"),
        Act::EndClaim {
            name,
            model,
            alias,
            number: 3,
            nonce: Key::new("nonce"),
        },
    ])
}

#[tokio::test(start_paused = true)]
async fn a_claim_is_ended_where_its_move_is_not_made_and_nothing_may_still_make_it() {
    for (moves, moved, ended) in [
        (Moves::Well, How::Done, false),
        (Moves::Refused, How::Refused, true),
        (Moves::Moved, How::Moved, true),
        (Moves::Overtaken, How::Overtaken, true),
        (Moves::Lost, How::Unknown, false),
    ] {
        let world = Ledgered {
            moves,
            sent: Mutex::default(),
        };
        let mut log = Log::default();
        let carried = carry_out(claimed_move(), &Actor::default(), &world, &mut log).await;
        let carried = carried.expect("journalled");
        assert_eq!(carried.steps[3].how, moved, "{moves:?}");
        let how = carried.steps[4].how;
        assert_eq!(how == How::Done, ended, "{moves:?}: {how:?}");
        assert!(ended || how == How::Skipped, "{moves:?}: {how:?}");
        assert_eq!(world.was_sent("end-claim"), ended, "{moves:?}");
        // How it ends is told by the move alone.
        let good = carried.outcome == Outcome::Done;
        assert_eq!(good, moves == Moves::Well, "{moves:?}: {carried:?}");
        for (act, body) in world.sent.lock().expect("unpoisoned").iter() {
            if act == "end-claim" {
                let is = r#"{"key":"champion.3.ended","run_id":"run","value":"nonce"}"#;
                assert_eq!(body, is);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_was_not_made_is_not_ended_and_neither_is_one_that_the_journal_does_not_hold()
{
    let world = kept(true, false);
    let mut log = Log::default();
    let carried = carry_out(claimed_move(), &Actor::default(), &world, &mut log).await;
    let carried = carried.expect("journalled");
    assert_eq!(carried.steps[4].how, How::Skipped, "{carried:?}");
    // Room for the plan, three steps of which the last is the claim, and the intent of the move.
    let world = Ledgered {
        moves: Moves::Refused,
        sent: Mutex::default(),
    };
    let mut log = Log {
        room: Some(6),
        ..Log::default()
    };
    let carried = carry_out(claimed_move(), &Actor::default(), &world, &mut log).await;
    let carried = carried.expect("the plan is journalled");
    assert!(carried.unjournalled.is_some(), "{carried:?}");
    assert!(!world.was_sent("end-claim"), "{carried:?}");
}
