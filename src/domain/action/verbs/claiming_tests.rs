//! Claims on plans of the small fleet: where they stand, what they say, what stands against them.

use super::*;
use crate::domain::action::claims::{Book, CLAIM_HOLDS, Intent, LAST_WRITER_WINS};
use crate::domain::action::verbs::{claiming, undo};
use crate::domain::action::{How, Journals, Outcome, PLAN_HOLDS, Pin, Receipt, Record, StepEnd};
use crate::domain::query::{Detail, Query};

/// What was read of the claims.
type Known<'a> = Option<Result<&'a Book, &'a Fault>>;

fn held(known: Known<'_>) -> Details {
    let mut details = Details::default();
    if let Some(known) = known {
        let answer = known.map(|book| Detail::Claims(book.clone()));
        details.absorb(&Query::Claims(churn()), &answer.map_err(Clone::clone));
    }
    details
}

fn claim(fleet: &Fleet, known: Known<'_>) -> Plan {
    let mut plan = promoted(fleet, "champion", "7").expect("a plan");
    let details = held(known);
    with(fleet, |with| {
        let with = Planning {
            details: &details,
            ..*with
        };
        claiming::claim(&mut plan, &Clean::text("Q4 data"), &with);
    });
    plan
}

fn claimed(made: Made, known: Known<'_>) -> Plan {
    claim(&made.fleet(), known)
}

fn on(rollout: Rollout) -> Made {
    let mut made = Made::new(vec![deployment(rollout)]);
    made.context.claims = Some(true);
    made
}

fn intent(plan: &Plan) -> Intent {
    let found = plan.steps.iter().find_map(|step| match &step.act {
        Act::Claim { intent, .. } => Intent::read(intent.raw()),
        _ => None,
    });
    found.expect("an intent")
}

#[test]
fn a_claim_stands_before_everything_and_outlasts_what_comes_before_its_move() {
    let book = Book {
        rows: Vec::new(),
        now: Some(at(NOW + 7)),
    };
    let plan = claimed(on(Rollout::External), Some(Ok(&book)));
    let required = words(&plan, Weight::Required);
    let claim = ["make-ledger", "make-ledger-run", "claim"];
    assert_eq!(required[..3], claim, "{required:?}");
    assert_eq!(required[3..], ["move-alias", "await-served"]);
    assert_eq!(plan.blocked, Vec::<Clean>::new());
    assert!(!says(&plan.notes, "the last one wins"), "{:?}", plan.notes);
    let told = intent(&plan);
    assert_eq!(
        (told.at, told.expires),
        (at(NOW + 7), at(NOW + 7).plus(PLAN_HOLDS + CLAIM_HOLDS))
    );
    assert_eq!(
        (told.owner.as_str(), told.nonce),
        ("ana@risk", plan.id.key())
    );
    let (from, to) = (Key::new("6"), Key::new("7"));
    assert_eq!((told.from, told.to), (Some(from), Some(to)));
    assert_eq!(told.reason.as_str(), "Q4 data");

    let mut made = on(Rollout::V2Load);
    made.context.policy.writing.order = Some(Order::ServingFirst);
    let slow = claimed(made, Some(Ok(&book)));
    let required = words(&slow, Weight::Required);
    assert_eq!(
        required,
        [&claim[..], &["load-model", "await-served", "move-alias"]].concat()
    );
    let loading = slow.steps[3].within() + slow.steps[4].within();
    assert_eq!(
        intent(&slow).expires,
        at(NOW + 7).plus(PLAN_HOLDS + CLAIM_HOLDS + loading)
    );
}

#[test]
fn without_claims_a_plan_says_so_and_without_their_book_it_waits() {
    let mut made = on(Rollout::External);
    made.context.claims = Some(false);
    let fleet = made.fleet();
    assert_eq!(
        claiming::wanted(&fleet, &Details::default(), &churn()),
        None
    );
    let mut made = on(Rollout::External);
    made.context.claims = Some(false);
    let off = claimed(made, None);
    assert!(says(&off.notes, LAST_WRITER_WINS), "{:?}", off.notes);
    assert_eq!(
        words(&off, Weight::Required),
        ["move-alias", "await-served"]
    );

    let fleet = on(Rollout::External).fleet();
    let wanted = |details: &Details| claiming::wanted(&fleet, details, &churn());
    let asked = Some((SourceId::new("mlflow"), Query::Claims(churn())));
    assert_eq!(wanted(&Details::default()), asked);
    assert_eq!(
        wanted(&held(Some(Ok(&Book::default())))),
        None,
        "it is held"
    );
    let pending = claimed(on(Rollout::External), None);
    assert!(says(&pending.blocked, "still being read"));
    let fault = Fault::new(FaultKind::Timeout, "GET http://ml.test", "no answer");
    let unread = claimed(on(Rollout::External), Some(Err(&fault)));
    assert!(
        says(&unread.blocked, "cannot be read"),
        "{:?}",
        unread.blocked
    );
    assert_eq!(words(&unread, Weight::Required)[0], "move-alias");
}

#[test]
fn a_claim_of_somebody_else_stands_in_the_way_until_it_ends() {
    let theirs = Intent::new(
        &PlanId::new(at(1), [9; 10]),
        &Clean::name("bob"),
        (Some(&Key::new("6")), Some(&Key::new("5"))),
        at(NOW),
        CLAIM_HOLDS,
        &Clean::text("bad data"),
    );
    let book = |now: i64| Book {
        rows: vec![(Key::new("champion.4"), theirs.text())],
        now: Some(at(now)),
    };
    let held = book(NOW + 1);
    let plan = claimed(on(Rollout::External), Some(Ok(&held)));
    assert!(says(&plan.blocked, "claimed by bob"), "{:?}", plan.blocked);
    let over = book(NOW + 3_600);
    let plan = claimed(on(Rollout::External), Some(Ok(&over)));
    assert_eq!(plan.blocked, Vec::<Clean>::new());
    let number = plan.steps.iter().find_map(|step| match step.act {
        Act::Claim { number, .. } => Some(number),
        _ => None,
    });
    assert_eq!(number, Some(5));
}

#[test]
fn a_missing_right_on_the_ledger_stands_in_the_way() {
    let mut fleet = on(Rollout::External).fleet();
    let mlflow = SourceId::new("mlflow");
    fleet.set_rights(&mlflow, vec![(Clean::name("claim"), Right::Denied)]);
    let plan = claim(&fleet, Some(Ok(&Book::default())));
    assert!(says(
        &plan.blocked,
        "lacks EDIT on the experiment quarterdeck-claims at mlflow: have it granted there, or set claims"
    ));
}

/// The write of a plan whose every step is done.
fn done(plan: Plan) -> Writes {
    let (id, steps) = (plan.id.clone(), plan.steps.len());
    let begun = Record::PlanBegun {
        plan: Arc::new(plan),
        reason: Clean::empty(),
        actor: ana(),
    };
    let mut records = vec![(at(NOW), begun)];
    for step in 0..steps {
        let end = Record::StepEnded {
            plan: id.clone(),
            step,
            end: StepEnd::new(How::Done, "so it is"),
            receipt: Receipt::default(),
        };
        records.push((at(NOW), end));
    }
    let ended = Record::PlanEnded {
        plan: id,
        outcome: Outcome::Done,
        words: Clean::empty(),
    };
    records.push((at(NOW), ended));
    Writes::of(&Journals {
        records,
        ..Journals::default()
    })
}

fn undone(plan: Plan) -> Plan {
    let id = plan.id.clone();
    let writes = done(plan);
    let now = Now {
        wall: at(NOW + 60),
        mono: Duration::from_secs(60),
    };
    let written = writes.get(&id).expect("it");
    undo::plan(written, PlanId::new(at(NOW + 60), [8; 10]), now).expect("a way back")
}

#[test]
fn what_went_first_goes_back_first_and_claims_and_watching_leave_nothing_behind() {
    let book = Book::default();
    for (order, first) in [
        (
            Order::AliasFirst,
            ["move-alias", "load-model", "await-served"],
        ),
        (
            Order::ServingFirst,
            ["load-model", "await-served", "move-alias"],
        ),
    ] {
        let mut made = on(Rollout::V2Load);
        made.context.policy.writing.order = Some(order);
        let plan = claimed(made, Some(Ok(&book)));
        let back = undone(plan);
        assert_eq!(words(&back, Weight::Required), first, "{order:?}");
        assert_eq!(back.notes, Vec::<Clean>::new(), "{order:?}");
    }
}

#[test]
fn a_hook_is_run_again_with_the_version_before() {
    let mut settings = deployment(Rollout::Hook);
    settings.hook = Some("deploy".to_owned());
    let mut made = Made::new(vec![settings]);
    let hook = Hook {
        kind: HookKind::Command(vec!["./deploy".to_owned()]),
        timeout: Duration::from_secs(60),
    };
    made.context.hooks.insert("deploy".to_owned(), hook);
    let back = undone(promoted(&made.fleet(), "champion", "7").expect("a plan"));
    assert_eq!(
        words(&back, Weight::Required),
        ["run-hook", "await-served", "move-alias"]
    );
    let Act::RunHook { version, .. } = &back.steps[0].act else {
        panic!("{:?}", back.steps)
    };
    assert_eq!(version.raw(), "6");
    let Act::MoveAlias { from, to, .. } = &back.steps[2].act else {
        panic!("{:?}", back.steps)
    };
    let version = |pin: &Pin| pin.version.raw().to_owned();
    assert_eq!(
        (from.as_ref().map(version), version(to)),
        (Some("7".to_owned()), "6".to_owned())
    );
}
