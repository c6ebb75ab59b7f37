//! A version that a run of a pipeline brings to serving: the run is started once, what follows it waits until
//! it has ended well, and what becomes of it is told whoever dies on the way.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use quarterdeck::domain::action::{
    Act, Delivery, How, Outcome, Pin, Sighting, Step, StepEnd, Ticket,
};
use quarterdeck::domain::fault::Fault;
use quarterdeck::domain::key::{Key, SourceId};
use quarterdeck::domain::text::Clean;
use quarterdeck::domain::time::Millis;
use quarterdeck::runtime::writes::{Ended, World, carry_out};
use quarterdeck::sim::WriteFault;
use serde_json::json;

use crate::acts::is_so;
use crate::deaths::{Death, dies, open, recover};
use crate::matrix::carried;
use crate::stage::{Far, Log, SERVED, Stage, at_once, confirmed, fresh, nobody};

const DAG: &str = "deploy_model";
/// The version that is brought, in place of 16.
const TO: &str = "15";

/// The plan: a run brings the version, it is answered, and the alias names it.
fn steps(stage: &Stage) -> Vec<Step> {
    let (airflow, alias) = (SourceId::new("airflow"), Key::new("champion"));
    let run = Key::new(&format!("qd__{}", fresh()));
    let conf = json!({"MODEL": SERVED.1, "VERSION": TO, "ALIAS": "champion"});
    let start = Act::TriggerRun {
        pipeline: Key::new(DAG),
        run: run.clone(),
        parameters: Key::new(&conf.to_string()),
        note: Clean::text("ana: a test"),
        api: 3,
    };
    let wait = Act::AwaitRun {
        pipeline: Key::new(DAG),
        run,
        model: Key::new(SERVED.1),
        version: Key::new(TO),
        alias: alias.clone(),
    };
    let serves = Act::AwaitServed {
        deployment: stage.context.deployments[0].key(),
        from: Some(Key::new("16")),
        to: Key::new(TO),
    };
    let pin = |version: &str| Pin {
        version: Key::new(version),
        created: stage.version(SERVED.1, version).1,
    };
    let moves = Act::MoveAlias {
        model: stage.model(SERVED.1),
        alias,
        from: Some(pin("16")),
        to: pin(TO),
    };
    vec![
        Step::required(&airflow, start),
        Step::required(&airflow, wait),
        Step::required(&SourceId::new(SERVED.0), serves),
        Step::required(&SourceId::new("mlflow"), moves),
    ]
}

fn hows(ended: &Ended) -> Vec<How> {
    ended.steps.iter().map(|end| end.how).collect()
}

/// Runs that were asked for, and how many of them are there.
fn asked(stage: &Stage) -> (usize, usize) {
    stage.sent("airflow", "/dagRuns")
}

/// What somebody else does to a run.
type Rival<'a> = &'a (dyn Fn(&Stage, &Key) + Sync);

/// A world in which something happens at a look of the awaited run.
struct Meanwhile<'a, 'b> {
    far: &'a Far<'b>,
    looks: AtomicUsize,
    at: usize,
    then: &'a (dyn Fn(&Key) + Sync),
}

impl World for Meanwhile<'_, '_> {
    async fn look(&self, source: &SourceId, act: &Act) -> Result<Sighting, Fault> {
        if let Act::AwaitRun { run, .. } = act
            && self.looks.fetch_add(1, Ordering::SeqCst) == self.at
        {
            (self.then)(run);
        }
        self.far.look(source, act).await
    }

    async fn send(&self, source: &SourceId, ticket: &Ticket) -> Delivery {
        self.far.send(source, ticket).await
    }

    fn now(&self) -> Millis {
        self.far.now()
    }
}

#[test]
fn what_follows_a_run_waits_until_it_has_ended_well() {
    let stage = Stage::set();
    let steps = steps(&stage);
    let ended = carried(&stage, steps.clone(), 0, &mut Log::default());
    assert_eq!(hows(&ended), [How::Done; 4], "{ended:?}");
    assert!(steps.iter().all(|step| is_so(&stage, &step.act)));
    assert_eq!(asked(&stage), (1, 1));
    let words = ended.steps[1].words.as_str();
    assert!(words.ends_with(" ended well"), "{words}");
    let seen = stage.fleet.writes().seen();
    let conf = &seen[0].body["conf"];
    assert_eq!(
        conf,
        &json!({"MODEL": "ad-ctr", "VERSION": "15", "ALIAS": "champion"})
    );
    let places = |part: &str| seen.iter().position(|write| write.path.contains(part));
    assert!(places("/dagRuns") < places("registered-models/alias"));
}

#[test]
fn a_run_that_fails_ends_the_plan_at_once_and_says_where_and_why() {
    let stage = Stage::set();
    let minute = Duration::from_secs(60);
    assert!(stage.fleet.set_loading(SERVED.0, minute, Some(15)));
    let steps = steps(&stage);
    let began = stage.fleet.now_ms();
    let mut log = Log::default();
    let ended = carried(&stage, steps.clone(), 0, &mut log);
    let expected = [How::Done, How::NotApplied, How::Skipped, How::Skipped];
    assert_eq!(hows(&ended), expected, "{ended:?}");
    assert_eq!(ended.outcome, Outcome::PartlyApplied);
    let words = ended.words.as_str();
    let why =
        " failed at `deploy`: ValueError: deploy: ad-ctr-prod: version 15 did not become ready";
    assert!(words.ends_with(why), "{words}");
    let took = stage.fleet.now_ms() - began;
    assert!(took < 60_000, "{took} ms");
    assert!(!is_so(&stage, &steps[3].act), "the alias stays");
    assert!(open(&log).is_none(), "its end is known");
    assert_eq!(asked(&stage), (1, 1));
}

#[test]
fn a_run_that_somebody_ends_or_takes_away_ends_the_plan_too() {
    let cancels = |stage: &Stage, run: &Key| {
        let path = format!("/api/v2/dags/{DAG}/dagRuns/{}", run.raw());
        let body = json!({"state": "failed", "note": "cancelled by bob"});
        let (status, said) = stage.ask("PATCH", "airflow", &path, &body);
        assert_eq!(status, 200, "{said}");
    };
    let deletes = |stage: &Stage, run: &Key| {
        let path = format!("/api/v2/dags/{DAG}/dagRuns/{}", run.raw());
        let (status, said) = stage.ask("DELETE", "airflow", &path, &serde_json::Value::Null);
        assert_eq!(status, 204, "{said}");
    };
    let rivals: [(Rival<'_>, usize, &str); 2] = [
        (&cancels, 3, " is cancelled"),
        // One that runs cannot be deleted.
        (&deletes, 0, " is not there any more"),
    ];
    for (rival, at, words) in rivals {
        let stage = Stage::set();
        let steps = steps(&stage);
        let then = |run: &Key| rival(&stage, run);
        let ended = at_once(async {
            let far = stage.world();
            let world = Meanwhile {
                far: &far,
                looks: AtomicUsize::new(0),
                at,
                then: &then,
            };
            let mut log = Log::default();
            let ended = carry_out(confirmed(steps), &nobody(), &world, &mut log).await;
            ended.expect("journalled")
        });
        assert_eq!(
            hows(&ended)[..3],
            [How::Done, How::NotApplied, How::Skipped],
            "{ended:?}"
        );
        assert!(ended.words.as_str().ends_with(words), "{}", ended.words);
    }
}

#[test]
fn a_run_that_takes_too_long_is_not_waited_for_and_not_cancelled() {
    let stage = Stage::set();
    let mut steps = steps(&stage);
    steps[1].within_ms = 3_000;
    let mut log = Log::default();
    let ended = carried(&stage, steps, 0, &mut log);
    let expected = [How::Done, How::NotSeen, How::Skipped, How::Skipped];
    assert_eq!(hows(&ended), expected, "{ended:?}");
    assert_eq!(ended.outcome, Outcome::NotConverged);
    let words = ended.words.as_str();
    let why = " after 3s: it is waited for no longer, and it was not cancelled";
    assert!(words.ends_with(why), "{words}");
    let patched = stage.fleet.writes().seen();
    assert!(
        patched.iter().all(|write| write.method == "POST"),
        "{patched:?}"
    );
    assert!(open(&log).is_none());
}

#[test]
fn an_answer_that_is_lost_starts_no_second_run() {
    for (fault, first, there) in [
        (WriteFault::LostAfter, How::Done, 1),
        (WriteFault::ErrorAfter, How::Done, 1),
        (WriteFault::LostBefore, How::NotApplied, 0),
        (WriteFault::Forbidden, How::Refused, 0),
    ] {
        let stage = Stage::set();
        let steps = steps(&stage);
        stage
            .fleet
            .writes()
            .spoil("airflow", "/dagRuns", fault.clone());
        let ended = carried(&stage, steps, 0, &mut Log::default());
        assert_eq!(ended.steps[0].how, first, "{fault:?}: {ended:?}");
        assert_eq!(asked(&stage), (1, there), "{fault:?}");
        let rest = if there == 1 { How::Done } else { How::Skipped };
        assert_eq!(hows(&ended)[1..], [rest; 3], "{fault:?}: {ended:?}");
    }
}

/// What the definition refuses is told in the server's words.
#[test]
fn a_parameter_that_the_schema_refuses_starts_nothing() {
    let stage = Stage::set();
    let mut steps = steps(&stage);
    if let Act::TriggerRun { parameters, .. } = &mut steps[0].act {
        let conf = json!({"MODEL": SERVED.1, "VERSION": TO, "ALIAS": "shadow"});
        *parameters = Key::new(&conf.to_string());
    }
    let ended = carried(&stage, steps, 0, &mut Log::default());
    assert_eq!(ended.steps[0].how, How::Refused, "{ended:?}");
    let words = ended.words.as_str();
    assert!(
        words.contains("Invalid input for param ALIAS: 'shadow' is not one of"),
        "{words}"
    );
    assert_eq!(
        (ended.outcome, asked(&stage)),
        (Outcome::NotApplied, (1, 0))
    );
}

/// Whenever the process dies, the run is looked up by its identity, its end by reading, and nothing is
/// started again.
#[test]
fn whenever_the_process_dies_the_run_and_its_end_are_found_and_nothing_is_started_twice() {
    // Begun; for each step that sends an intent and an end, for one that waits an end; the outcome.
    let deaths = (1..=8).map(Death::After).chain((0..2).map(Death::Sent));
    for death in deaths {
        for (broken, later) in [(false, 0), (false, 120), (true, 120)] {
            let at = format!("{death:?}, broken {broken}, {later} s later");
            let stage = Stage::set();
            if broken {
                let takes = Duration::from_secs(60);
                assert!(stage.fleet.set_loading(SERVED.0, takes, Some(15)));
            }
            let steps = steps(&stage);
            let (mut log, _) = dies(&stage, steps.clone(), death);
            let sent = asked(&stage);
            stage.clock.advance(Duration::from_secs(later));
            recover(&stage, &mut log, 1);
            assert_eq!(asked(&stage), sent, "{at}: looking up starts nothing");
            assert!(sent.0 <= 1, "{at}: {sent:?}");
            let writes = log.writes();
            let written = writes.iter().next().expect("it");
            assert!(
                written.ended.is_some() && open(&log).is_none(),
                "{at}: {written:#?}"
            );
            for (step, progress) in steps.iter().zip(&written.steps) {
                let (so, how) = (is_so(&stage, &step.act), progress.how());
                match how {
                    How::Done | How::Already => assert!(so, "{at}: {}", step.act.words()),
                    How::NotApplied | How::NotSeen => {
                        assert!(!so, "{at}: {how:?}: {}", step.act.words());
                    }
                    How::Skipped => {}
                    other => panic!("{at}: {other:?}: {}", step.act.words()),
                }
            }
            let waited = written.steps[1].how();
            if sent == (1, 1) && later > 0 {
                let expected = if broken { How::NotApplied } else { How::Done };
                assert_eq!(waited, expected, "{at}: {written:#?}");
            }
            // What was to follow is not done by whoever looks.
            if matches!(waited, How::NotApplied | How::NotSeen | How::Skipped) {
                assert_eq!(written.steps[3].how(), How::Skipped, "{at}");
            }
            let found = log.records.len();
            recover(&stage, &mut log, 1);
            assert_eq!(
                log.records.len(),
                found,
                "{at}: looking once more finds nothing new"
            );
        }
    }
}

/// A look-up that meets a run which still runs says so.
#[test]
fn a_run_that_outlives_its_process_is_told_of_as_it_is() {
    let stage = Stage::set();
    let (mut log, _) = dies(&stage, steps(&stage), Death::After(3));
    assert_eq!(recover(&stage, &mut log, 1), Some(Outcome::NotConverged));
    let writes = log.writes();
    let written = writes.iter().next().expect("it");
    let (end, _): &(StepEnd, Millis) = written.steps[1].ended.as_ref().expect("an end");
    assert_eq!(end.how, How::NotSeen);
    let words = end.words.as_str();
    assert!(
        words.starts_with("run qd__") && words.contains(" is "),
        "{words}"
    );
}
