//! The fault matrix: each kind of write against each thing that goes wrong on the way to its server.

use std::sync::atomic::Ordering;
use std::time::Duration;

use quarterdeck::domain::action::{
    Act, Delivery, How, Outcome, Plan, Record, Sighting, Step, Ticket, Weight,
};
use quarterdeck::domain::fault::Fault;
use quarterdeck::domain::key::SourceId;
use quarterdeck::domain::time::Millis;
use quarterdeck::runtime::writes::{Ended, World, carry_out};
use quarterdeck::sim::{Rival, WriteFault};

use crate::acts::{self, Changed, KINDS, Kind, hook, is_so, traces};
use crate::stage::{
    Far, Log, MODEL, SERVED, Stage, at_once, confirmed, consented, nobody, planned,
};

/// What goes wrong.
#[derive(Clone, Debug)]
enum Trouble {
    Nothing,
    Fault(WriteFault),
    /// Somebody else has changed the target since it was planned.
    Changed,
    /// The answer is lost, and somebody else changes the target before anybody looks.
    LostToRival(WriteFault),
    /// The wall clock is set by so many seconds while the step is on its way.
    Clock(i64),
}

/// How the step under test ends, how many requests its server was sent for it, and how many it took.
type Expected = (How, usize, usize);

fn table() -> Vec<(Trouble, Expected)> {
    use WriteFault as F;
    let fault = Trouble::Fault;
    vec![
        (Trouble::Nothing, (How::Done, 1, 1)),
        // Lost after the commit.
        (fault(F::LostAfter), (How::Done, 1, 1)),
        // Lost before it.
        (fault(F::LostBefore), (How::NotApplied, 1, 0)),
        (fault(F::Forbidden), (How::Refused, 1, 0)),
        (fault(F::Conflict), (How::Refused, 1, 0)),
        (fault(F::ErrorAfter), (How::Done, 1, 1)),
        (fault(F::UnavailableAfter), (How::Done, 1, 1)),
        (fault(F::ErrorBefore), (How::NotApplied, 1, 0)),
        (Trouble::Changed, (How::Moved, 0, 0)),
        // Another's state says nothing about ours.
        (Trouble::LostToRival(F::LostAfter), (How::Unknown, 1, 1)),
        (Trouble::LostToRival(F::LostBefore), (How::Unknown, 1, 0)),
        (Trouble::Clock(-3_600), (How::Done, 1, 1)),
        (Trouble::Clock(86_400), (How::Done, 1, 1)),
    ]
}

/// Sets the clock once the step's intent is written down.
struct Set<'a, 'b> {
    log: &'a mut Log,
    world: &'a Far<'b>,
    by: i64,
}

impl quarterdeck::domain::action::IntentLog for Set<'_, '_> {
    fn write(
        &mut self,
        record: &Record,
        now: Millis,
    ) -> Result<(), quarterdeck::domain::text::Clean> {
        if matches!(record, Record::StepIntent { .. }) {
            self.world
                .ahead
                .fetch_add(self.by * 1_000, Ordering::SeqCst);
        }
        self.log.write(record, now)
    }
}

/// Carries a plan out, with a clock that is set on the way.
pub(crate) fn carried(stage: &Stage, steps: Vec<Step>, by: i64, log: &mut Log) -> Ended {
    carried_plan(stage, planned(steps), by, log)
}

pub(crate) fn carried_plan(stage: &Stage, plan: Plan, by: i64, log: &mut Log) -> Ended {
    at_once(async {
        let world = stage.world();
        let world = &world;
        let mut log = Set { log, world, by };
        let ended = carry_out(consented(plan), &nobody(), world, &mut log).await;
        ended.expect("journalled")
    })
}

fn cell(kind: &Kind, trouble: &Trouble, expected: Expected) -> Result<(), String> {
    let stage = Stage::set();
    let steps = (kind.steps)(&stage);
    let act = steps.last().expect("a step").act.clone();
    assert!(!is_so(&stage, &act), "it is so before");
    stage.fleet.writes().forget();
    let mut by = 0;
    let (server, path) = kind.at;
    match trouble {
        Trouble::Nothing => {}
        Trouble::Fault(fault) | Trouble::LostToRival(fault) => {
            stage.fleet.writes().spoil(server, path, fault.clone());
        }
        Trouble::Changed => {
            (kind.rival)(&stage, &act);
            stage.fleet.writes().forget();
        }
        Trouble::Clock(seconds) => by = *seconds,
    }
    let mut log = Log::default();
    let (ended, seen, all) = if let Trouble::LostToRival(_) = trouble {
        contested(&stage, steps.clone(), kind, &mut log)
    } else {
        let ended = carried(&stage, steps.clone(), by, &mut log);
        let seen = stage.sent(kind.at.0, kind.at.1);
        (ended, seen, stage.fleet.writes().seen().len())
    };
    let step = ended.steps.last().expect("a step");
    let (how, sent, taken) = expected;
    let said = |what: &str| Err(format!("{what}: {ended:?}"));
    if step.how != how {
        return said(&format!("{how:?} expected"));
    }
    if seen != (sent, taken) {
        return said(&format!(
            "{:?} expected, {seen:?} sent and taken",
            (sent, taken)
        ));
    }
    // The truth, past the adapter. What another has done counts as theirs.
    if is_so(&stage, &act) != how.is_good() {
        return said(&format!("the server says {}", is_so(&stage, &act)));
    }
    if step.forbidden != matches!(trouble, Trouble::Fault(WriteFault::Forbidden)) {
        return said("a missing right");
    }
    // No intent is lost: what was sent was journalled before, and the journal tells the same.
    if log.intents() < all {
        return said("something was sent without an intent");
    }
    let writes = log.writes();
    let written = writes.iter().next().expect("the plan");
    let outcome = match how {
        How::Unknown => Outcome::Unknown,
        how if how.is_good() => Outcome::Done,
        _ => Outcome::NotApplied,
    };
    // What stands before the step under test has taken effect; but a claim only says what is to be done.
    let steps = written.plan.steps.iter().zip(&ended.steps);
    let before = steps.rev().skip(1).any(|(step, end)| {
        let claims = matches!(step.act.word(), "make-ledger" | "make-ledger-run" | "claim");
        end.how.applied() && !claims
    });
    let outcome = match outcome {
        Outcome::NotApplied if before => Outcome::PartlyApplied,
        outcome => outcome,
    };
    if ended.outcome != outcome || written.ended.map(|(o, _)| o) != Some(outcome) {
        return said(&format!(
            "{outcome:?} expected, the journal has {:?}",
            written.ended
        ));
    }
    if written.open().next().is_some() != (how == How::Unknown) {
        return said("a step is open, or none is");
    }
    Ok(())
}

/// What is expected where somebody else comes after a request without an answer; none where nobody can.
fn lost_to_rival(
    kind: &Kind,
    fault: &WriteFault,
    changed: Changed,
    (_, sent, taken): Expected,
) -> Option<Expected> {
    let after = *fault == WriteFault::LostAfter;
    let how = match (kind.name, changed) {
        (_, Changed::NoMeaning(_)) => return None,
        // Two that meet stand back, whoever came first: the races have it.
        ("claim", _) if after => return None,
        ("claim", _) => How::NotApplied,
        // Nobody can do what is done, or end what has ended.
        ("cancel run", _) if after => How::Done,
        (_, Changed::Already) if after => return None,
        (_, Changed::Already) => How::Done,
        (_, Changed::Moved) => How::Unknown,
    };
    Some((how, sent, taken))
}

/// A world in which somebody else comes right after the request under test.
struct Contested<'a, 'b> {
    far: &'a Far<'b>,
    act: &'a Act,
    then: &'a (dyn Fn() + Sync),
}

impl World for Contested<'_, '_> {
    async fn look(&self, source: &SourceId, act: &Act) -> Result<Sighting, Fault> {
        self.far.look(source, act).await
    }

    async fn send(&self, source: &SourceId, ticket: &Ticket) -> Delivery {
        let sent = self.far.send(source, ticket).await;
        if ticket.act() == self.act {
            (self.then)();
        }
        sent
    }

    fn now(&self) -> Millis {
        self.far.now()
    }
}

/// Carries a plan out whose last request somebody else comes after; and what its server, and all, had been
/// sent before that.
fn contested(
    stage: &Stage,
    steps: Vec<Step>,
    kind: &Kind,
    log: &mut Log,
) -> (Ended, (usize, usize), usize) {
    let act = steps.last().expect("a step").act.clone();
    let seen = std::sync::Mutex::new(((0, 0), 0));
    let then = || {
        let all = stage.fleet.writes().seen().len();
        *seen.lock().unwrap() = (stage.sent(kind.at.0, kind.at.1), all);
        (kind.rival)(stage, &act);
    };
    let ended = at_once(async {
        let far = stage.world();
        let world = Contested {
            far: &far,
            act: &act,
            then: &then,
        };
        let ended = carry_out(confirmed(steps), &nobody(), &world, log).await;
        ended.expect("journalled")
    });
    let (seen, all) = *seen.lock().unwrap();
    (ended, seen, all)
}

#[test]
fn each_write_against_each_fault_ends_as_its_server_says() {
    let cells: Vec<(&Kind, Trouble, Expected)> = KINDS
        .iter()
        .flat_map(|kind| {
            table().into_iter().filter_map(move |(trouble, expected)| {
                let (how, sent, taken) = expected;
                let expected = match (&trouble, kind.changed) {
                    (Trouble::Changed, Changed::NoMeaning(why)) => {
                        assert!(!why.is_empty());
                        return None;
                    }
                    (Trouble::Changed, Changed::Already) => (How::Already, 0, 0),
                    (Trouble::LostToRival(fault), changed) => {
                        return lost_to_rival(kind, fault, changed, expected)
                            .map(|expected| (kind, trouble, expected));
                    }
                    _ => (how, sent, taken),
                };
                Some((kind, trouble, expected))
            })
        })
        .collect();
    let next = std::sync::atomic::AtomicUsize::new(0);
    let wrong = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some((kind, trouble, expected)) =
                    cells.get(next.fetch_add(1, Ordering::SeqCst))
                {
                    if let Err(why) = cell(kind, trouble, *expected) {
                        let line = format!("{} × {trouble:?}: {why}", kind.name);
                        wrong.lock().unwrap().push(line);
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        cells.len(),
        wrong.join("\n")
    );
}

/// An answer that never comes is one that was lost; the deadline of the request is real time.
#[test]
fn an_answer_that_never_comes_is_looked_up_too() {
    for (fault, how, so) in [
        (WriteFault::HangAfter, How::Done, true),
        (WriteFault::HangBefore, How::NotApplied, false),
    ] {
        let mut stage = Stage::set();
        let context = std::sync::Arc::make_mut(&mut stage.context);
        context.sources[0].timeout = Duration::from_secs(1);
        let act = acts::move_alias(&stage, "champion", "7", "6");
        stage
            .fleet
            .writes()
            .spoil("mlflow", "registered-models/alias", fault.clone());
        let step = Step::required(&SourceId::new("mlflow"), act.clone());
        let ended = carried(&stage, vec![step], 0, &mut Log::default());
        assert_eq!(ended.steps[0].how, how, "{fault:?}: {ended:?}");
        assert_eq!(is_so(&stage, &act), so, "{fault:?}");
        assert_eq!(stage.sent("mlflow", "registered-models/alias").0, 1);
    }
}

/// A server that answers a load once it has loaded, after far more time than a request has: until then it
/// tells no version at all, and that is not the old state.
#[test]
fn a_load_that_takes_longer_than_its_request_is_waited_for() {
    let slow = Duration::from_secs(90);
    for (broken, how) in [(false, How::Done), (true, How::NotApplied)] {
        let mut stage = Stage::set();
        let context = std::sync::Arc::make_mut(&mut stage.context);
        let source = context.sources.iter_mut().find(|s| s.name == SERVED.0);
        source.expect("the endpoint").timeout = Duration::from_secs(1);
        assert!(stage.fleet.serve_version(SERVED.0, 15));
        assert!(
            stage
                .fleet
                .set_loading(SERVED.0, slow, broken.then_some(16))
        );
        let act = acts::load(&stage, "15", "16");
        let writes = stage.fleet.writes();
        writes.spoil(SERVED.0, "/load", WriteFault::HangAfter);
        let step = Step::required(&SourceId::new(SERVED.0), act.clone());
        let began = stage.fleet.now_ms();
        let ended = carried(&stage, vec![step], 0, &mut Log::default());
        assert_eq!(ended.steps[0].how, how, "{ended:?}");
        assert_eq!(is_so(&stage, &act), !broken);
        assert_eq!(stage.sent(SERVED.0, "/load").0, 1);
        let took = stage.fleet.now_ms() - began;
        assert!(took >= 90_000, "it was waited for: {took} ms");
    }
}

/// Registries take no precondition: of somebody who comes between the look and the write nobody hears, and
/// of somebody who comes right after it one does.
#[test]
fn who_comes_between_the_look_and_the_write_is_overwritten_and_who_comes_after_is_seen() {
    let to = |version| Rival::Alias {
        model: MODEL.to_owned(),
        alias: "champion".to_owned(),
        version,
    };
    for (fault, how, holder) in [
        (WriteFault::After(to(5)), How::Done, "6"),
        (WriteFault::Before(to(5)), How::Overtaken, "5"),
    ] {
        let stage = Stage::set();
        let act = acts::move_alias(&stage, "champion", "7", "6");
        stage
            .fleet
            .writes()
            .spoil("mlflow", "registered-models/alias", fault.clone());
        let step = Step::required(&SourceId::new("mlflow"), act);
        let ended = carried(&stage, vec![step], 0, &mut Log::default());
        assert_eq!(ended.steps[0].how, how, "{fault:?}: {ended:?}");
        assert_eq!(
            acts::holder(&stage, MODEL, "champion").as_deref(),
            Some(holder)
        );
    }
}

/// A hook has no server: what can go wrong with it is its own.
#[test]
fn a_hook_ends_well_or_nobody_knows_what_it_did() {
    for (name, how, words) in [
        ("deploy", How::Done, "the hook ended well"),
        ("fails", How::Unknown, "no quota"),
        (
            "hangs",
            How::Unknown,
            "had not ended after 1s and was stopped: waiting",
        ),
        ("nobody", How::Refused, "the settings do not have it"),
    ] {
        let stage = Stage::set();
        let mut log = Log::default();
        let began = std::time::Instant::now();
        let ended = carried(&stage, vec![hook(name), hook(name)], 0, &mut log);
        assert!(began.elapsed() < Duration::from_secs(15), "{name}");
        let end = &ended.steps[0];
        assert_eq!(end.how, how, "{name}: {ended:?}");
        assert!(end.words.as_str().contains(words), "{name}: {}", end.words);
        let ran = usize::from(name != "nobody");
        assert_eq!(traces(&stage).len(), ran, "{name}: it runs once");
        let receipts: Vec<String> = (log.records.iter())
            .filter_map(|(_, record)| match record {
                Record::StepEnded {
                    receipt, step: 0, ..
                } => Some(receipt.words.to_string()),
                _ => None,
            })
            .collect();
        let output = if name == "deploy" { "rolled out 6" } else { "" };
        assert_eq!(receipts, [output], "{name}");
    }
}

/// Steps of best effort fail on their own account.
#[test]
fn an_annotation_that_fails_fails_no_plan() {
    for fault in [
        WriteFault::Forbidden,
        WriteFault::Conflict,
        WriteFault::LostBefore,
        WriteFault::ErrorBefore,
    ] {
        let stage = Stage::set();
        let source = |name| SourceId::new(name);
        let act = acts::move_alias(&stage, "champion", "7", "6");
        let later = acts::describe(&stage);
        stage
            .fleet
            .writes()
            .spoil("grafana", "annotations", fault.clone());
        let steps = vec![
            Step::best_effort(&source("grafana"), acts::annotate(&stage)),
            Step::required(&source("mlflow"), act.clone()),
            Step::best_effort(&source("nowhere"), acts::annotate(&stage)),
            Step::required(&source("mlflow"), later.clone()),
        ];
        let weights: Vec<Weight> = steps.iter().map(|step| step.weight).collect();
        let ended = carried(&stage, steps, 0, &mut Log::default());
        assert_eq!(ended.outcome, Outcome::Done, "{fault:?}: {ended:?}");
        for (end, weight) in ended.steps.iter().zip(weights) {
            assert_eq!(end.how.is_good(), weight == Weight::Required, "{ended:?}");
        }
        assert!(is_so(&stage, &act) && is_so(&stage, &later), "{fault:?}");
    }
}

/// The claim of a move that is refused stops everything behind it.
#[test]
fn a_claim_that_is_refused_stops_the_move() {
    let stage = Stage::set();
    let act = acts::move_alias(&stage, "champion", "7", "6");
    let mut steps = acts::claim(&stage);
    steps.push(Step::required(&SourceId::new("mlflow"), act.clone()));
    stage
        .fleet
        .writes()
        .spoil("mlflow", "log-parameter", WriteFault::Forbidden);
    let ended = carried(&stage, steps, 0, &mut Log::default());
    let hows: Vec<How> = ended.steps.iter().map(|end| end.how).collect();
    assert_eq!(hows, [How::Done, How::Done, How::Refused, How::Skipped]);
    assert!(
        ended.words.as_str().contains("EDIT on the experiment"),
        "{}",
        ended.words
    );
    assert!(!is_so(&stage, &act) && matches!(act, Act::MoveAlias { .. }));
}
