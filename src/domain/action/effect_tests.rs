use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::domain::action::{
    Actor, Friction, Pin, Plan, PlanId, Receipt, Record, Step, StepEnd, Tagged, Verb, Writes,
};
use crate::domain::key::{Key, ModelKey, RegistryKey, SourceId};
use crate::domain::time::Millis;

fn model() -> ModelKey {
    ModelKey {
        registry: Arc::new(RegistryKey {
            base: Key::new("http://ml.test"),
            workspace: Key::new(""),
        }),
        name: Key::new("churn"),
        created: Millis(1),
    }
}

/// A write with a move of an alias and a tag, whose steps ended so.
fn written(how: How) -> Written {
    let pin = |version: &str| Pin {
        version: Key::new(version),
        created: Millis(5),
    };
    let acts = [
        Act::MoveAlias {
            model: model(),
            alias: Key::new("champion"),
            from: Some(pin("13")),
            to: pin("14"),
        },
        Act::SetTag {
            of: Tagged::Model(model()),
            key: Key::new("owner"),
            from: None,
            to: Key::new("risk"),
        },
    ];
    let source = SourceId::new("mlflow");
    let plan = Arc::new(Plan {
        id: PlanId::new(Millis(1), [1; 10]),
        verb: Verb::Promote,
        context: Clean::name("prod"),
        subject: Clean::name("churn"),
        model: Some(model()),
        summary: Clean::text("champion v13 → v14"),
        steps: acts.map(|act| Step::required(&source, act)).to_vec(),
        gates: Vec::new(),
        notes: Vec::new(),
        blocked: Vec::new(),
        wanting: Vec::new(),
        friction: Friction::Name,
        read_at: Millis(0),
        expires: Duration::ZERO,
        undo_until: None,
        undoes: None,
        passed: Vec::new(),
    });
    let id = plan.id.clone();
    let mut writes = Writes::new();
    let begun = Record::PlanBegun {
        plan,
        reason: Clean::text("Q4 data"),
        actor: Actor {
            user: Clean::name("ana"),
            host: Clean::name("bastion"),
            account: None,
        },
    };
    writes.take(&begun, Millis(10));
    for step in 0..2 {
        let plan = id.clone();
        writes.take(&Record::StepIntent { plan, step }, Millis(11));
        let ended = Record::StepEnded {
            plan: id.clone(),
            step,
            end: StepEnd::new(how, "so it is"),
            receipt: Receipt::default(),
        };
        writes.take(&ended, Millis(14));
    }
    writes.get(&id).expect("it").clone()
}

#[test]
fn a_move_of_ours_is_told_with_who_why_and_exactly_when() {
    let all = changes(&written(How::Done));
    let [change] = &all[..] else {
        panic!("{all:?}")
    };
    assert_eq!(change.phrase(), "champion v13 → v14");
    assert_eq!(
        (change.not_before, change.not_after),
        (Millis(11), Millis(14))
    );
    assert_eq!(change.actor, Some(Clean::name("ana@bastion")));
    assert_eq!(change.origin, Origin::Own);
    assert_eq!(change.reason(), Some("Q4 data"));
    let evidence = change.evidence.as_str();
    assert!(
        evidence.starts_with("promote ") && evidence.ends_with(": Q4 data"),
        "{evidence}"
    );
}

#[test]
fn what_was_seen_between_two_looks_is_the_same_event() {
    let own = changes(&written(How::Done)).remove(0);
    let seen = Change {
        not_before: Millis(2),
        not_after: Millis(12),
        actor: None,
        origin: Origin::Observed,
        evidence: Clean::text("two looks at the registry"),
        ..own.clone()
    };
    let merged = seen.merged(&own);
    assert_eq!(merged.origin, Origin::Own);
    assert_eq!(merged.actor, own.actor);
    assert_eq!(
        (merged.not_before, merged.not_after),
        (Millis(11), Millis(12))
    );
}

#[test]
fn what_is_not_known_to_have_taken_effect_is_not_told() {
    for how in [How::Unknown, How::Refused, How::Already, How::NotApplied] {
        assert!(changes(&written(how)).is_empty(), "{how:?}");
    }
    assert_eq!(changes(&written(How::Overtaken)).len(), 1);
}
