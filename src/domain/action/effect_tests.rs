use std::sync::Arc;
use std::time::Duration;

use super::super::matcher::Matcher;
use super::*;
use crate::domain::action::{
    Actor, Friction, Pin, Plan, PlanId, Receipt, Record, Step, StepEnd, Tagged, Verb, Writes,
};
use crate::domain::key::{
    DeploymentKey, DeploymentKind, Key, ModelKey, RegistryKey, SourceId, VersionKey,
};
use crate::domain::observation::ContextRef;
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

fn fleet() -> Fleet {
    let context = ContextRef {
        name: Clean::name("prod"),
        generation: 0,
    };
    Fleet::new(Arc::new(context), Arc::default())
}

fn changes(written: &Written) -> Vec<Change> {
    super::changes(written, &fleet())
}

/// A write with a move of an alias and the tag that says who moved it, whose steps ended so.
fn written(how: How) -> Written {
    let pin = |version: &str| Pin {
        version: Key::new(version),
        created: Millis(5),
    };
    let source = SourceId::new("mlflow");
    let moved = Act::MoveAlias {
        model: model(),
        alias: Key::new("champion"),
        from: Some(pin("13")),
        to: pin("14"),
    };
    let tag = Act::SetTag {
        created: None,
        of: Tagged::Model(model()),
        key: Key::new("quarterdeck.promoted_by"),
        from: None,
        to: Key::new("ana"),
    };
    let steps = vec![
        Step::required(&source, moved),
        Step::best_effort(&source, tag),
    ];
    of_steps(steps, how, "Q4 data")
}

/// A write of these steps, each of which was sent and ended so.
fn of_steps(steps: Vec<Step>, how: How, reason: &str) -> Written {
    let many = steps.len();
    let plan = Arc::new(Plan {
        id: PlanId::new(Millis(1), [1; 10]),
        verb: Verb::Promote,
        context: Clean::name("prod"),
        subject: Clean::name("churn"),
        model: Some(model()),
        summary: Clean::text("champion v13 → v14"),
        steps,
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
        reason: Clean::text(reason),
        actor: Actor {
            user: Clean::name("ana"),
            host: Clean::name("bastion"),
            account: None,
        },
    };
    writes.take(&begun, Millis(10));
    for step in 0..many {
        let plan = id.clone();
        let sends = writes.get(&id).expect("it").plan.steps[step].act.sends();
        if sends {
            writes.take(&Record::StepIntent { plan, step }, Millis(11));
        }
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

fn told(act: Act, reason: &str) -> Change {
    let steps = vec![Step::required(&SourceId::new("here"), act)];
    let mut all = changes(&of_steps(steps, How::Done, reason));
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

#[test]
fn edits_marks_silences_and_runs_have_rows_of_their_own() {
    let version = Tagged::Version(VersionKey {
        model: model(),
        version: Key::new("7"),
    });
    let tag = |of: &Tagged, key: &str, from: Option<&str>, to: &str| Act::SetTag {
        created: None,
        of: of.clone(),
        key: Key::new(key),
        from: from.map(Key::new),
        to: Key::new(to),
    };
    let whole = Tagged::Model(model());
    let mark = |until: i64| {
        let mark = Mark {
            by: Clean::name("ana"),
            at: Millis(10),
            until: Millis(until),
            reason: Clean::text("release week"),
        };
        mark.write()
    };
    let noon = 1_795_435_200_000;
    let silence = Act::Silence {
        matchers: vec![Matcher::read("model=churn").expect("a matcher")],
        starts: Millis(10),
        ends: Millis(noon),
        by: Clean::name("ana"),
        comment: Clean::text("on it"),
        nonce: Key::new("n"),
    };
    let run = Act::TriggerRun {
        pipeline: Key::new("train_churn"),
        run: Key::new("qd-1"),
        parameters: Key::new("{}"),
        note: Clean::empty(),
        api: 3,
    };
    for (act, kind, phrase, why) in [
        (
            tag(&whole, "owner", None, "risk"),
            "tag",
            "tag owner none → risk",
            None,
        ),
        (
            tag(&version, "owner", Some("risk"), "ml"),
            "tag",
            "tag v7 owner risk → ml",
            None,
        ),
        (
            Act::Describe {
                created: None,
                of: version.clone(),
                from: Key::new("a"),
                to: Key::new("b"),
            },
            "description",
            "description of v7 edited",
            None,
        ),
        (
            tag(&whole, mark::FREEZE, None, &mark(noon)),
            "mark",
            "freeze until 11-23 12:00",
            Some("release week"),
        ),
        (
            tag(&whole, mark::ACKNOWLEDGED, Some(&mark(noon)), &mark(1)),
            "mark",
            "acknowledgement ended",
            Some("release week"),
        ),
        (
            silence,
            "silence",
            "silence model=\"churn\" until 11-23 12:00",
            Some("on it"),
        ),
        (
            Act::ExpireSilence {
                id: Key::new("5d0c"),
            },
            "silence",
            "silence 5d0c ended",
            None,
        ),
        (run, "pipeline", "train_churn run qd-1 asked for", None),
    ] {
        let change = told(act.clone(), "");
        assert_eq!(change.phrase(), *phrase);
        assert_eq!(
            (change.kind.word(), change.reason()),
            (kind, why),
            "{phrase}"
        );
        assert!(change.kind.is_note(), "{phrase}");
        assert_eq!(change.subject, Subject::Model(model()), "{phrase}");
        assert_eq!(told(act, "as agreed").reason(), Some("as agreed"));
    }
}

#[test]
fn a_version_that_was_loaded_and_seen_is_one_change_of_its_endpoint() {
    let deployment = DeploymentKey {
        kind: DeploymentKind::V2,
        base: Key::new("http://serve.test"),
        scope: Key::new(""),
        name: Key::new("churn"),
    };
    let source = SourceId::new("serve");
    let load = Act::LoadModel {
        deployment: deployment.clone(),
        from: Some(Key::new("13")),
        to: Key::new("14"),
    };
    let wait = Act::AwaitServed {
        deployment: deployment.clone(),
        from: Some(Key::new("13")),
        to: Key::new("14"),
    };
    let steps = vec![Step::required(&source, load), Step::required(&source, wait)];
    let all = changes(&of_steps(steps, How::Done, "Q4 data"));
    let [change] = &all[..] else {
        panic!("{all:?}")
    };
    assert_eq!(change.phrase(), "serves v13 → v14");
    assert_eq!(change.subject, Subject::Deployment(deployment.clone()));
    assert_eq!(change.reason(), Some("Q4 data"));
    // Seen to be so where it was so before tells of no change, and of an unknown one before neither.
    for from in [Some("14"), None] {
        let wait = Act::AwaitServed {
            deployment: deployment.clone(),
            from: from.map(Key::new),
            to: Key::new("14"),
        };
        let steps = vec![Step::required(&source, wait)];
        assert!(changes(&of_steps(steps, How::Done, "")).is_empty());
    }
}
