use std::sync::Arc;
use std::time::Duration;

use super::verbs::undo;
use super::*;
use crate::domain::key::{Key, ModelKey, RegistryKey, SourceId};
use crate::domain::settings::Writes as Allowed;
use crate::domain::text::Clean;
use crate::domain::time::{Millis, Now};

pub(super) fn churn() -> ModelKey {
    ModelKey {
        registry: Arc::new(RegistryKey {
            base: Key::new("http://ml.test"),
            workspace: Key::new(""),
        }),
        name: Key::new("churn"),
        created: Millis(1),
    }
}

fn pin(version: &str) -> Pin {
    Pin {
        version: Key::new(version),
        created: Millis(5),
    }
}

fn move_alias(from: Option<&str>, to: &str) -> Act {
    Act::MoveAlias {
        model: churn(),
        alias: Key::new("champion"),
        from: from.map(pin),
        to: pin(to),
    }
}

pub(super) fn plan(steps: Vec<Step>) -> Plan {
    Plan {
        id: PlanId::new(Millis(1_000), [7; 10]),
        verb: Verb::Promote,
        context: Clean::name("prod"),
        subject: Clean::name("churn"),
        model: Some(churn()),
        summary: Clean::text("champion v6 → v7"),
        steps,
        gates: Vec::new(),
        notes: Vec::new(),
        blocked: Vec::new(),
        wanting: Vec::new(),
        friction: Friction::Name,
        read_at: Millis(0),
        expires: Duration::from_secs(60),
        undo_until: None,
        undoes: None,
        passed: Vec::new(),
    }
}

fn at(seconds: u64) -> Now {
    Now {
        wall: Millis(i64::try_from(seconds).expect("small") * 1_000),
        mono: Duration::from_secs(seconds),
    }
}

fn mode(writes: Allowed) -> Mode {
    Mode {
        context: Clean::name("prod"),
        writes,
        ..Mode::default()
    }
}

fn typed(text: &str) -> Consent {
    Consent {
        typed: text.to_owned(),
        reason: Clean::empty(),
    }
}

#[derive(Default)]
struct Log {
    records: Vec<Record>,
    full: bool,
}

impl IntentLog for Log {
    fn write(&mut self, record: &Record, _now: Millis) -> Result<(), Clean> {
        if self.full {
            return Err(Clean::text("no space is left"));
        }
        self.records.push(record.clone());
        Ok(())
    }
}

#[test]
fn only_a_writing_mode_an_unexpired_plan_and_the_right_name_confirm() {
    let check = |mode: Mode, text, second| {
        plan(Vec::new())
            .check(&mode, &typed(text), at(second))
            .err()
            .map(|refusal| refusal.to_string())
    };
    let off = check(mode(Allowed::Off), "churn", 1);
    assert_eq!(
        off.as_deref(),
        Some("writes are off in context prod: set writes = \"confirm\" under [contexts.prod]")
    );
    let flags = Mode {
        allowing: Clean::text("start with --writes confirm"),
        ..mode(Allowed::Off)
    };
    assert_eq!(
        check(flags, "churn", 1).as_deref(),
        Some("writes are off in context prod: start with --writes confirm")
    );
    let calm = check(mode(Allowed::Armed), "churn", 1);
    assert_eq!(
        calm.as_deref(),
        Some("context prod writes only while armed: press ! first (headless: --arm)")
    );
    let armed = Mode {
        armed: true,
        ..mode(Allowed::Armed)
    };
    assert_eq!(check(armed, "churn", 1), None);
    assert!(check(mode(Allowed::Confirm), "churn", 60).is_some_and(|why| why.contains("expired")));
    assert!(check(mode(Allowed::Confirm), "chur", 1).is_some_and(|why| why.contains("churn")));
    let protected = Mode {
        protected: true,
        ..mode(Allowed::Confirm)
    };
    assert!(check(protected.clone(), "churn", 1).is_some_and(|why| why.contains("prod/churn")));
    assert_eq!(check(protected, "prod/churn", 1), None);
    assert_eq!(check(mode(Allowed::Confirm), "churn", 59), None);
}

#[test]
fn what_stands_against_a_plan_and_a_missing_reason_refuse_it() {
    let mut blocked = plan(Vec::new());
    blocked.blocked.push(Clean::text("frozen until noon"));
    let refusal = blocked.check(&mode(Allowed::Confirm), &typed("churn"), at(1));
    assert_eq!(
        refusal,
        Err(Refusal::Blocked(Clean::text("frozen until noon")))
    );
    let mut reasoned = plan(Vec::new());
    reasoned.friction = Friction::NameAndReason;
    let refusal = reasoned.check(&mode(Allowed::Confirm), &typed("churn"), at(1));
    assert_eq!(refusal, Err(Refusal::NoReason));
}

#[test]
fn a_ticket_exists_only_once_its_intent_is_written_down() {
    let source = SourceId::new("mlflow");
    let steps = vec![Step::required(&source, move_alias(Some("6"), "7"))];
    let confirmed = plan(steps)
        .confirm(&mode(Allowed::Confirm), &typed("churn"), at(1))
        .expect("confirmed");
    let mut log = Log::default();
    let mut begun = confirmed
        .begin(&Actor::default(), &mut log, Millis(1))
        .expect("begun");
    log.full = true;
    assert!(begun.ticket(&mut log, Millis(2)).is_err());
    log.full = false;
    let ticket = begun.ticket(&mut log, Millis(2)).expect("ticket");
    assert!(matches!(
        log.records.last(),
        Some(Record::StepIntent { step: 0, .. })
    ));
    assert_eq!(ticket.act(), &move_alias(Some("6"), "7"));
    let end = StepEnd::new(How::Done, "champion is v7");
    begun
        .ended(end, None, &mut log, Millis(3))
        .expect("written");
    assert_eq!(begun.step().map(|(index, _)| index), None);
}

#[test]
fn records_read_together_tell_what_is_open() {
    let source = SourceId::new("mlflow");
    let plan = Arc::new(plan(vec![Step::required(
        &source,
        move_alias(Some("6"), "7"),
    )]));
    let id = plan.id.clone();
    let mut writes = Writes::default();
    let begun = Record::PlanBegun {
        plan,
        reason: Clean::empty(),
        actor: Actor::default(),
    };
    writes.take(&begun, Millis(1));
    let open = |writes: &Writes| writes.get(&id).expect("it").open().collect::<Vec<_>>();
    assert_eq!(
        open(&writes),
        Vec::<usize>::new(),
        "nothing was about to be sent"
    );
    writes.take(
        &Record::StepIntent {
            plan: id.clone(),
            step: 0,
        },
        Millis(2),
    );
    assert_eq!(open(&writes), [0]);
    let end = StepEnd::new(How::Done, "champion is v7");
    writes.take(
        &Record::Resolved {
            plan: id.clone(),
            step: 0,
            end,
            receipt: Receipt {
                id: Some(Key::new("s1")),
                ..Receipt::default()
            },
        },
        Millis(9),
    );
    assert_eq!(open(&writes), Vec::<usize>::new());
    let written = writes.get(&id).expect("it");
    assert_eq!(written.ended, Some((Outcome::Done, Millis(9))));
    assert_eq!(written.steps[0].receipt.id, Some(Key::new("s1")));

    let undo = undo::plan(written, PlanId::new(Millis(9), [1; 10]), at(20)).expect("a way back");
    assert_eq!(undo.steps[0].act, move_alias(Some("7"), "6"));
    assert_eq!(undo.undoes.as_ref(), Some(&id));
    let late = undo::plan(written, PlanId::new(Millis(9), [1; 10]), at(90_000));
    assert!(late.is_err_and(|why| why.as_str().contains("until")));
}

#[test]
fn the_outcome_of_a_plan_is_that_of_its_required_steps() {
    use Weight::{BestEffort, Required};
    for (ends, outcome) in [
        (
            vec![(Required, How::Done), (BestEffort, How::Refused)],
            Outcome::Done,
        ),
        (vec![(Required, How::Already)], Outcome::Done),
        (
            vec![(Required, How::Moved), (Required, How::Skipped)],
            Outcome::NotApplied,
        ),
        (
            vec![(Required, How::Done), (Required, How::Refused)],
            Outcome::PartlyApplied,
        ),
        (
            vec![(Required, How::Done), (Required, How::NotSeen)],
            Outcome::NotConverged,
        ),
        (
            vec![(Required, How::Done), (Required, How::Unknown)],
            Outcome::Unknown,
        ),
        (vec![(Required, How::Overtaken)], Outcome::PartlyApplied),
    ] {
        assert_eq!(Outcome::of(ends.clone()), outcome, "{ends:?}");
    }
}

#[test]
fn identities_sort_by_time_and_read_back() {
    let early = PlanId::new(Millis(1_795_000_000_000), [0xFF; 10]);
    let late = PlanId::new(Millis(1_795_000_000_001), [0; 10]);
    assert!(early < late);
    assert_eq!(early.as_str().len(), 26);
    assert_eq!(PlanId::from_text(early.as_str()), early);
    assert!(early.as_str().ends_with("ZZZZZZ"), "{early}");
}

#[test]
fn what_matters_is_taken_back_before_the_marks_for_teammates() {
    let source = SourceId::new("mlflow");
    let tag = Act::SetTag {
        created: None,
        of: Tagged::Model(churn()),
        key: Key::new("quarterdeck.promoted_as"),
        from: Some(Key::new("none")),
        to: Key::new("champion"),
    };
    let plan = Arc::new(plan(vec![
        Step::required(&source, move_alias(Some("6"), "7")),
        Step::best_effort(&source, tag),
    ]));
    let id = plan.id.clone();
    let mut writes = Writes::default();
    let begun = Record::PlanBegun {
        plan,
        reason: Clean::empty(),
        actor: Actor::default(),
    };
    writes.take(&begun, Millis(1));
    for step in 0..2 {
        let ended = Record::StepEnded {
            plan: id.clone(),
            step,
            end: StepEnd::new(How::Done, "so it is"),
            receipt: Receipt::default(),
        };
        writes.take(&ended, Millis(2));
    }
    let done = Record::PlanEnded {
        plan: id.clone(),
        outcome: Outcome::Done,
        words: Clean::empty(),
    };
    writes.take(&done, Millis(3));
    let written = writes.get(&id).expect("it");
    let undo = undo::plan(written, PlanId::new(Millis(9), [1; 10]), at(20)).expect("a way back");
    let weights: Vec<Weight> = undo.steps.iter().map(|step| step.weight).collect();
    assert_eq!(weights, [Weight::Required, Weight::BestEffort]);
    assert_eq!(undo.steps[0].act, move_alias(Some("7"), "6"));
}

#[test]
fn matchers_are_read_as_alertmanager_writes_them() {
    let shown = |text: &str| Matcher::read(text).map(|m| m.text().to_string());
    for (text, as_written) in [
        ("model=churn", r#"model="churn""#),
        (r#"model = "churn""#, r#"model="churn""#),
        ("team!=risk", r#"team!="risk""#),
        ("alertname=~Drift.*", r#"alertname=~"Drift.*""#),
        ("alertname!~Drift|Burn", r#"alertname!~"Drift|Burn""#),
        ("empty=", r#"empty="""#),
        (r#"path="C:\\a \"b\"""#, r#"path="C:\\a \"b\"""#),
        (r#"name=~"a\.b""#, r#"name=~"a\\.b""#),
    ] {
        assert_eq!(shown(text), Ok(as_written.to_owned()));
    }
    for wrong in ["churn", "=churn", "", "model!churn"] {
        assert!(Matcher::read(wrong).is_err(), "{wrong}");
    }
    // What is written is read as the same.
    for value in [r"a\b", r#"say "no""#, r"ends in \", r#"\""#, "plain"] {
        let matcher = Matcher {
            name: Key::new("x"),
            value: Key::new(value),
            regex: false,
            equal: true,
        };
        let (one, two) = (matcher.text(), format!("{0}, {0}", matcher.text()));
        assert_eq!(Matcher::read(one.as_str()), Ok(matcher.clone()));
        assert_eq!(Matcher::read_all(&two), Ok(vec![matcher.clone(), matcher]));
    }
    let several = Matcher::read_all(r#"alertname="A, B", model=churn,"#).expect("matchers");
    let several: Vec<String> = several.iter().map(|m| m.text().to_string()).collect();
    assert_eq!(several, [r#"alertname="A, B""#, r#"model="churn""#]);
}
