//! The death of the process between any two steps, and a journal that takes no more: what is looked up at
//! the next start is what the servers say, nothing is sent twice, and no intent is lost.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use quarterdeck::domain::action::{
    Act, Delivery, How, IntentLog, Outcome, Record, Sighting, Step, Ticket, Written,
};
use quarterdeck::domain::fault::Fault;
use quarterdeck::domain::key::{Key, SourceId};
use quarterdeck::domain::text::Clean;
use quarterdeck::domain::time::Millis;
use quarterdeck::runtime::writes::{World, carry_out, look_up};

use crate::acts::{KINDS, hook, is_so, move_alias, traces};
use crate::stage::{Far, Log, MODEL, Stage, at_once, confirmed, nobody};

/// Where the process dies.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Death {
    /// Right after so many records are on disk.
    After(usize),
    /// Once the so-manieth request was sent and taken, before anybody hears of it.
    Sent(usize),
}

/// A world and a journal of a process that dies.
struct Mortal<'a, 'b> {
    world: &'a Far<'b>,
    log: &'a std::sync::Mutex<Log>,
    death: Death,
    dead: &'a AtomicBool,
    sent: &'a AtomicUsize,
}

impl World for Mortal<'_, '_> {
    async fn look(&self, source: &SourceId, act: &Act) -> Result<Sighting, Fault> {
        if self.dead.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        self.world.look(source, act).await
    }

    async fn send(&self, source: &SourceId, ticket: &Ticket) -> Delivery {
        if self.dead.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        let sent = self.world.send(source, ticket).await;
        if self.death == Death::Sent(self.sent.fetch_add(1, Ordering::SeqCst)) {
            self.dead.store(true, Ordering::SeqCst);
            std::future::pending::<()>().await;
        }
        sent
    }

    fn now(&self) -> Millis {
        self.world.now()
    }
}

struct Dying<'a> {
    log: &'a std::sync::Mutex<Log>,
    death: Death,
    dead: &'a AtomicBool,
}

impl IntentLog for Dying<'_> {
    fn write(&mut self, record: &Record, now: Millis) -> Result<(), Clean> {
        if self.dead.load(Ordering::SeqCst) {
            return Ok(());
        }
        let mut log = self.log.lock().unwrap();
        log.write(record, now)?;
        if self.death == Death::After(log.records.len()) {
            self.dead.store(true, Ordering::SeqCst);
        }
        Ok(())
    }
}

/// Carries steps out in a process that dies; what its journal holds, and whether it lived to the end.
pub(crate) fn dies(stage: &Stage, steps: Vec<Step>, death: Death) -> (Log, bool) {
    let log = std::sync::Mutex::new(Log::default());
    let (dead, sent) = (AtomicBool::new(false), AtomicUsize::new(0));
    at_once(async {
        let far = stage.world();
        let world = Mortal {
            world: &far,
            log: &log,
            death,
            dead: &dead,
            sent: &sent,
        };
        let mut journal = Dying {
            log: world.log,
            death,
            dead: &dead,
        };
        let actor = nobody();
        let carried = carry_out(confirmed(steps), &actor, &world, &mut journal);
        // A process that is dead waits for ever.
        let _ = tokio::time::timeout(Duration::from_secs(86_400), carried).await;
    });
    let lived = !dead.load(Ordering::SeqCst);
    (log.into_inner().unwrap(), lived)
}

/// The next start: looks up what is open, and adds what is found to the journal.
pub(crate) fn recover(stage: &Stage, log: &mut Log, ahead_seconds: i64) -> Option<Outcome> {
    let written = open(log)?;
    let found = at_once(async {
        let world = stage.world();
        world.ahead.store(ahead_seconds * 1_000, Ordering::SeqCst);
        look_up(&written, &world, log).await
    });
    Some(found.expect("room"))
}

pub(crate) fn open(log: &Log) -> Option<Written> {
    let writes = log.writes();
    let written = writes.iter().next()?.clone();
    let is_open = written.ended.is_none() || written.open().next().is_some();
    is_open.then_some(written)
}

/// One plan with every kind of write in it, its waits and its hook.
fn everything(stage: &Stage) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    // The newest kinds first: each takes some time to make ready.
    for kind in KINDS.iter().rev() {
        if matches!(kind.name, "make the ledger" | "make the ledger's run") {
            // The claim brings them along.
            continue;
        }
        let own = (kind.steps)(stage);
        if kind.name == "cancel run" {
            // Time passes from step to step, and what is to be cancelled must not have ended.
            steps.splice(0..0, own);
            continue;
        }
        steps.extend(own);
        if kind.name == "v2-load" {
            let act = Act::AwaitServed {
                deployment: stage.context.deployments[0].key(),
                from: None,
                to: Key::new("15"),
            };
            steps.push(Step::required(&SourceId::new(crate::stage::SERVED.0), act));
            steps.push(Step::best_effort(&SourceId::new("ana"), hook("deploy").act));
        }
    }
    steps
}

/// What must hold of a journal after recovery, whatever happened before.
fn holds(stage: &Stage, steps: &[Step], log: &Log, at: &str) {
    let writes = log.writes();
    let Some(written) = writes.iter().next() else {
        // It never began: nothing was sent.
        assert_eq!(stage.fleet.writes().seen().len(), 0, "{at}");
        return;
    };
    for (step, progress) in steps.iter().zip(&written.steps) {
        let how = progress.how();
        let words = step.act.words();
        let so = is_so(stage, &step.act);
        match (&step.act, how) {
            // A hook leaves nothing behind that could be asked; but for what its process saw nobody knows.
            (Act::RunHook { .. }, How::Unknown | How::Skipped)
            | (Act::AwaitServed { .. }, How::Skipped) => {}
            (_, How::Done | How::Already) => assert!(so, "{at}: {words}: {how:?}"),
            (_, How::NotApplied | How::Skipped | How::Refused) => {
                assert!(!so, "{at}: {words}: {how:?}");
            }
            (_, other) => panic!("{at}: {words}: {other:?}"),
        }
        // Nothing was changed without an intent on disk before.
        let changed = so && step.act.sends();
        assert!(
            !changed || progress.intended.is_some(),
            "{at}: {words} has no intent"
        );
    }
    let unknown = written.open().count();
    let hooks = steps
        .iter()
        .filter(|step| matches!(step.act, Act::RunHook { .. }))
        .count();
    assert!(unknown <= hooks, "{at}: {unknown} steps stay open");
    for kind in &KINDS {
        let (sent, _) = stage.sent(kind.at.0, kind.at.1);
        let most = steps.iter().filter(|step| sends_to(step, kind.at)).count();
        assert!(sent <= most, "{at}: {} was sent {sent} times", kind.name);
    }
    assert!(traces(stage).len() <= hooks, "{at}: the hook ran twice");
    assert!(written.ended.is_some(), "{at}: it has no outcome");
}

fn sends_to(step: &Step, (server, part): (&str, &str)) -> bool {
    let request = step.act.request(&[]);
    step.source.as_str() == server && request.is_some_and(|r| r.route.line().1.contains(part))
}

#[test]
fn whenever_the_process_dies_the_next_start_finds_what_the_servers_say() {
    // A life to the end tells how many records and requests there are.
    let (records, requests) = {
        let stage = Stage::set();
        let steps = everything(&stage);
        stage.fleet.writes().forget();
        let (log, lived) = dies(&stage, steps.clone(), Death::After(usize::MAX));
        assert!(lived, "it lives");
        let written = log.writes().iter().next().expect("it").clone();
        assert_eq!(
            written.ended.map(|(o, _)| o),
            Some(Outcome::Done),
            "{written:#?}"
        );
        holds(&stage, &steps, &log, "a whole life");
        (log.records.len(), stage.fleet.writes().seen().len() + 1)
    };
    let deaths: Vec<Death> = (1..=records)
        .map(Death::After)
        .chain((0..requests).map(Death::Sent))
        .collect();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(death) = deaths.get(next.fetch_add(1, Ordering::SeqCst)) {
                    one_death(*death);
                }
            });
        }
    });
}

fn one_death(death: Death) {
    let stage = Stage::set();
    let steps = everything(&stage);
    stage.fleet.writes().forget();
    let (mut log, lived) = dies(&stage, steps.clone(), death);
    let at = format!("{death:?}");
    let sent = stage.fleet.writes().seen().len();
    let before = log.records.len();
    recover(&stage, &mut log, 1);
    assert_eq!(
        stage.fleet.writes().seen().len(),
        sent,
        "{at}: looking up sends nothing"
    );
    assert!(
        lived || log.records.len() > before || open(&log).is_none(),
        "{at}"
    );
    holds(&stage, &steps, &log, &at);
    // Looking once more finds nothing new.
    let found = log.records.len();
    recover(&stage, &mut log, 1);
    assert_eq!(log.records.len(), found, "{at}");
}

#[test]
fn a_clock_that_was_set_between_the_death_and_the_next_start_changes_nothing() {
    for ahead in [-3_600, 86_400] {
        for death in [Death::After(2), Death::Sent(0)] {
            let stage = Stage::set();
            let act = move_alias(&stage, "champion", "7", "6");
            let steps = vec![Step::required(&SourceId::new("mlflow"), act.clone())];
            let (mut log, _) = dies(&stage, steps, death);
            let outcome = recover(&stage, &mut log, ahead).expect("it was open");
            let so = is_so(&stage, &act);
            assert_eq!(so, death == Death::Sent(0));
            let expected = if so {
                Outcome::Done
            } else {
                Outcome::NotApplied
            };
            assert_eq!(outcome, expected, "{ahead} s, {death:?}");
            assert!(open(&log).is_none(), "{ahead} s, {death:?}");
        }
    }
}

/// A request that is still on its way when its process is gone may take effect a moment later.
#[test]
fn a_request_that_arrives_after_the_death_is_waited_for() {
    let stage = Stage::set();
    let act = move_alias(&stage, "champion", "7", "6");
    let steps = vec![Step::required(&SourceId::new("mlflow"), act.clone())];
    let (mut log, _) = dies(&stage, steps, Death::After(2));
    let written = open(&log).expect("it is open");
    let outcome = at_once(async {
        let world = stage.world();
        let arrives = async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            assert!(stage.fleet.set_alias(MODEL, "champion", 6));
        };
        let (found, ()) = tokio::join!(look_up(&written, &world, &mut log), arrives);
        found.expect("room")
    });
    assert_eq!(outcome, Outcome::Done);
    assert!(is_so(&stage, &act) && open(&log).is_none());
}

/// A watch that was cut short goes on at the next start.
#[test]
fn what_only_watched_is_looked_at_again() {
    for serves in [true, false] {
        let stage = Stage::set();
        assert!(
            stage
                .fleet
                .set_alias(crate::stage::SERVED.1, "champion", 15)
        );
        let key = stage.context.deployments[0].key();
        let to = Key::new("15");
        let watch = Act::AwaitServed {
            deployment: key,
            from: None,
            to,
        };
        let steps = vec![
            Step::required(
                &SourceId::new("mlflow"),
                move_alias(&stage, "champion", "7", "6"),
            ),
            Step::required(&SourceId::new(crate::stage::SERVED.0), watch),
        ];
        // Begun, intended, ended; and then it watched.
        let (mut log, _) = dies(&stage, steps, Death::After(3));
        if serves {
            assert!(stage.fleet.serve_version(crate::stage::SERVED.0, 15));
        }
        let outcome = recover(&stage, &mut log, 1);
        let expected = if serves {
            Outcome::Done
        } else {
            Outcome::NotConverged
        };
        assert_eq!(outcome, Some(expected));
        assert!(open(&log).is_none());
    }
}

/// A hook whose process died is known by what it was to bring about, where something watches that.
#[test]
fn a_hook_that_nobody_saw_end_is_told_by_what_serves() {
    for (serves, outcome) in [(true, Outcome::Done), (false, Outcome::Unknown)] {
        let stage = Stage::set();
        let watch = Act::AwaitServed {
            deployment: stage.context.deployments[0].key(),
            from: None,
            to: Key::new("15"),
        };
        let served = SourceId::new(crate::stage::SERVED.0);
        let steps = vec![hook("deploy"), Step::required(&served, watch)];
        let (mut log, _) = dies(&stage, steps, Death::Sent(0));
        assert_eq!(traces(&stage).len(), 1);
        if serves {
            assert!(stage.fleet.serve_version(crate::stage::SERVED.0, 15));
        }
        assert_eq!(recover(&stage, &mut log, 1), Some(outcome));
        assert_eq!(traces(&stage).len(), 1, "it is not run again");
    }
}

#[test]
fn a_journal_that_is_full_at_any_record_sends_nothing_that_it_does_not_hold() {
    for kind in &KINDS {
        let mut room = 0;
        loop {
            let stage = Stage::set();
            let steps = (kind.steps)(&stage);
            stage.fleet.writes().forget();
            let mut log = Log {
                room: Some(room),
                ..Log::default()
            };
            let at = format!("{} with room for {room}", kind.name);
            let ended = at_once(async {
                let world = stage.world();
                carry_out(confirmed(steps.clone()), &nobody(), &world, &mut log).await
            });
            let seen = stage.fleet.writes().seen().len();
            assert!(seen <= log.intents(), "{at}: {seen} sent");
            let whole = match &ended {
                // The plan itself did not fit.
                Err(why) => {
                    assert_eq!((room, seen), (0, 0), "{at}: {why}");
                    false
                }
                Ok(ended) => {
                    for (step, end) in steps.iter().zip(&ended.steps) {
                        let so = is_so(&stage, &step.act);
                        assert_eq!(so, end.how.is_good(), "{at}: {ended:?}");
                    }
                    ended.unjournalled.is_none() && !ended.refused()
                }
            };
            // There is room again: nothing is lost.
            log.room = None;
            recover(&stage, &mut log, 60);
            assert_eq!(stage.fleet.writes().seen().len(), seen, "{at}");
            assert!(open(&log).is_none(), "{at}");
            holds(&stage, &steps, &log, &at);
            if whole {
                break;
            }
            room += 1;
        }
        assert!(room >= 4, "{}: {room}", kind.name);
    }
}
