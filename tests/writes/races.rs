//! Two consoles at once.

use quarterdeck::domain::action::claims::{self, CLAIM_HOLDS, Intent};
use quarterdeck::domain::action::{Act, How, Outcome, Plan, Step, Wanting};
use quarterdeck::domain::key::{Key, SourceId};
use quarterdeck::domain::mark::{self, Mark, Marked};
use quarterdeck::domain::text::Clean;
use quarterdeck::domain::time::Millis;
use quarterdeck::runtime::writes::Ended;
use quarterdeck::sim::WriteFault;

use crate::acts::{KINDS, holder, hook, is_so, move_alias, traces};
use crate::matrix::{carried, carried_plan};
use crate::stage::{Log, MODEL, Stage, fresh, planned};

/// Claim and move of the champion by somebody, the first of all moves.
fn claimed(stage: &Stage, owner: &str, to: &str) -> Vec<Step> {
    let mut steps = numbered(stage, owner, to, 1);
    steps.pop();
    steps
}

/// Claim of a move of the champion, the move, and the end of the claim should it not be made.
fn numbered(stage: &Stage, owner: &str, to: &str, number: u32) -> Vec<Step> {
    let source = SourceId::new("mlflow");
    let (from, to_key) = (Key::new("7"), Key::new(to));
    let intent = Intent::new(
        &fresh(),
        &Clean::name(owner),
        (Some(&from), Some(&to_key)),
        Millis(stage.fleet.now_ms()),
        CLAIM_HOLDS,
        &Clean::empty(),
    );
    let alias = Key::new("champion");
    let model = stage.model(MODEL);
    let steps = claims::steps(&source, &model, &alias, number, &intent);
    let act = move_alias(stage, "champion", "7", to);
    let ending = claims::ending(&source, &model, &alias, number, &intent);
    steps
        .into_iter()
        .chain([Step::required(&source, act), ending])
        .collect()
}

#[test]
fn a_claim_whose_move_fails_is_ended_and_holds_nobody_back() {
    let stage = Stage::set();
    let writes = stage.fleet.writes();
    writes.spoil("mlflow", "registered-models/alias", WriteFault::Forbidden);
    let ana = numbered(&stage, "ana", "6", 1);
    let ended = carried(&stage, ana.clone(), 0, &mut Log::default());
    let hows: Vec<How> = ended.steps.iter().map(|end| end.how).collect();
    let refused = [How::Done, How::Done, How::Done, How::Refused, How::Done];
    assert_eq!(hows, refused, "{ended:?}");
    assert!(is_so(&stage, &ana[4].act), "{ended:?}");
    assert_eq!(ended.outcome, Outcome::NotApplied);
    // The next one moves at once, long before the claim would have expired.
    let bob = numbered(&stage, "bob", "5", 2);
    let ended = carried(&stage, bob.clone(), 0, &mut Log::default());
    let hows: Vec<How> = ended.steps.iter().map(|end| end.how).collect();
    let there = [How::Already, How::Already];
    let moved = [How::Done, How::Done, How::Skipped];
    assert_eq!(hows, [&there[..], &moved].concat(), "{ended:?}");
    assert!(!is_so(&stage, &bob[4].act), "what was moved needs no end");
    assert_eq!(holder(&stage, MODEL, "champion").as_deref(), Some("5"));
}

fn race(stage: &Stage) -> [Ended; 2] {
    let plans = [claimed(stage, "ana", "6"), claimed(stage, "bob", "5")];
    std::thread::scope(|scope| {
        let racing =
            plans.map(|steps| scope.spawn(|| carried(stage, steps, 0, &mut Log::default())));
        racing.map(|one| one.join().expect("an end"))
    })
}

#[test]
fn of_two_consoles_with_claims_at_most_one_moves_the_alias_and_the_other_is_told() {
    let mut won = 0;
    for round in 0..12 {
        let stage = Stage::set();
        let [ana, bob] = race(&stage);
        let moved = |ended: &Ended| ended.steps[3].how == How::Done;
        let is = holder(&stage, MODEL, "champion").expect("a champion");
        let expected = match (moved(&ana), moved(&bob)) {
            (true, false) => "6",
            (false, true) => "5",
            // Both have met in runs that each has made: both stand back.
            (false, false) => "7",
            (true, true) => panic!("round {round}: both moved it\n{ana:?}\n{bob:?}"),
        };
        assert_eq!(is, expected, "round {round}\n{ana:?}\n{bob:?}");
        won += usize::from(expected != "7");
        for (ended, other) in [(&ana, "bob"), (&bob, "ana")] {
            if moved(ended) {
                continue;
            }
            let words = ended.words.as_str();
            assert!(ended.moved(), "round {round}: {ended:?}");
            assert!(
                words.contains(&format!("claimed by {other}")),
                "round {round}: {words}"
            );
            assert_eq!(ended.steps[3].how, How::Skipped, "round {round}");
        }
        let (sent, taken) = stage.sent("mlflow", "registered-models/alias");
        assert!(
            sent <= 1 && sent == taken,
            "round {round}: {sent} moves were sent"
        );
    }
    assert!(won > 0, "nobody ever won");
}

#[test]
fn without_claims_the_last_writer_wins_and_the_first_is_told_where_it_looks() {
    for _ in 0..6 {
        let stage = Stage::set();
        let source = SourceId::new("mlflow");
        let plans = ["6", "5"].map(|to| {
            let act: Act = move_alias(&stage, "champion", "7", to);
            vec![Step::required(&source, act)]
        });
        let [one, two] = std::thread::scope(|scope| {
            let racing =
                plans.map(|steps| scope.spawn(|| carried(&stage, steps, 0, &mut Log::default())));
            racing.map(|one| one.join().expect("an end"))
        });
        let is = holder(&stage, MODEL, "champion").expect("a champion");
        let how = |to: &str| {
            if to == "6" {
                one.steps[0].how
            } else {
                two.steps[0].how
            }
        };
        // Whoever holds it says so; whoever lost may have seen its own for a moment.
        assert_eq!(how(&is), How::Done, "{one:?}\n{two:?}");
        let other = how(if is == "6" { "5" } else { "6" });
        assert!(
            matches!(other, How::Done | How::Overtaken | How::Moved),
            "{one:?}\n{two:?}"
        );
    }
}

/// Freezes the model of the tests for some minutes, as another console does.
fn frozen(stage: &Stage, minutes: i64, why: &str) -> Mark {
    let now = stage.fleet.now_ms();
    let mark = Mark {
        by: Clean::name("bob"),
        at: Millis(now),
        until: Millis(now + minutes * 60_000),
        reason: Clean::text(why),
    };
    assert!(
        stage
            .fleet
            .set_model_tag(MODEL, mark::FREEZE, &mark.write())
    );
    stage.fleet.writes().forget();
    mark
}

#[test]
fn a_freeze_that_nobody_knew_of_at_the_plan_holds_every_write_to_the_model_back() {
    let held = [
        "move alias",
        "delete alias",
        "stage",
        "set tag of a version",
        "delete tag",
        "describe",
    ];
    for name in held {
        let kind = KINDS.iter().find(|kind| kind.name == name);
        let kind = kind.expect("a kind of write");
        let stage = Stage::set();
        let steps = (kind.steps)(&stage);
        let act = steps.last().expect("a step").act.clone();
        frozen(&stage, 30, "release week");
        let ended = carried(&stage, steps, 0, &mut Log::default());
        let last = ended.steps.last().expect("an end");
        assert_eq!(last.how, How::Moved, "{name}: {ended:?}");
        let said = last.words.as_str();
        assert!(said.starts_with("frozen by bob until"), "{name}: {said}");
        assert!(said.contains("(release week)"), "{name}: {said}");
        assert!(!is_so(&stage, &act), "{name}: it was sent");
        assert_eq!(stage.sent("mlflow", ""), (0, 0), "{name}");
    }
    // Who sees to its trouble may say so all the same.
    let mark = KINDS.iter().find(|kind| kind.name == "set tag of a model");
    let stage = Stage::set();
    let steps = (mark.expect("a kind of write").steps)(&stage);
    frozen(&stage, 30, "release week");
    let ended = carried(&stage, steps, 0, &mut Log::default());
    assert_eq!(ended.steps[0].how, How::Done, "{ended:?}");
}

#[test]
fn a_freeze_holds_back_what_serves_as_well_where_that_comes_first() {
    let stage = Stage::set();
    frozen(&stage, 30, "release week");
    let act = move_alias(&stage, "champion", "7", "6");
    let steps = vec![
        hook("deploy"),
        Step::required(&SourceId::new("mlflow"), act),
    ];
    let ended = carried(&stage, steps, 0, &mut Log::default());
    let hows: Vec<How> = ended.steps.iter().map(|end| end.how).collect();
    assert_eq!(hows, [How::Moved, How::Skipped], "{ended:?}");
    assert!(
        ended.words.as_str().starts_with("frozen by bob"),
        "{ended:?}"
    );
    assert_eq!(ended.outcome, Outcome::NotApplied);
    assert!(traces(&stage).is_empty(), "the hook was run");
}

#[test]
fn a_freeze_that_a_reason_was_given_for_or_that_is_over_holds_nothing_back() {
    let stage = Stage::set();
    let known = frozen(&stage, 30, "release week");
    let step = || {
        Step::required(
            &SourceId::new("mlflow"),
            move_alias(&stage, "champion", "7", "6"),
        )
    };
    let passed = Wanting {
        name: Clean::name("freeze"),
        why: Marked::Holds(known).frozen(),
    };
    let plan = Plan {
        passed: vec![passed],
        ..planned(vec![step()])
    };
    // Another one has come since: the reason was not given for it.
    frozen(&stage, 45, "the audit");
    let ended = carried_plan(&stage, plan.clone(), 0, &mut Log::default());
    assert_eq!(ended.steps[0].how, How::Moved, "{ended:?}");
    frozen(&stage, 30, "release week");
    let ended = carried_plan(&stage, plan, 0, &mut Log::default());
    assert_eq!(ended.steps[0].how, How::Done, "{ended:?}");

    let stage = Stage::set();
    frozen(&stage, -1, "last week");
    let step = Step::required(
        &SourceId::new("mlflow"),
        move_alias(&stage, "champion", "7", "6"),
    );
    let ended = carried(&stage, vec![step], 0, &mut Log::default());
    assert_eq!(ended.steps[0].how, How::Done, "{ended:?}");
}
