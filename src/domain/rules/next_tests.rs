use super::*;
use crate::domain::change::Subject;
use crate::domain::key::SourceId;

const MINUTE: i64 = 60_000;

fn reason(code: ReasonCode, level: Level) -> Reason {
    Reason {
        code,
        level,
        text: Clean::text("as it is"),
        since: Since::Exact(Millis(100 * MINUTE)),
        source: None,
    }
}

fn facts<'a>(verdict: &'a Verdict, changes: &'a [&'a Change]) -> Facts<'a> {
    Facts {
        verdict,
        changes,
        cause: None,
        watched_since: None,
        champion: "champion",
        newer: None,
        endpoints: 1,
        as_told: false,
        now: Millis(110 * MINUTE),
    }
}

fn promotion(at: i64) -> Change {
    Change {
        subject: Subject::Source(SourceId::new("m")),
        kind: ChangeKind::Alias(Clean::name("champion")),
        from: Clean::name("v13"),
        to: Clean::name("v14"),
        not_before: Millis(at * MINUTE),
        not_after: Millis(at * MINUTE),
        actor: None,
        origin: Origin::Observed,
        evidence: Clean::empty(),
    }
}

#[test]
fn what_nobody_saw_begin_is_not_said_to_follow_nothing() {
    let since = |since| Reason {
        since,
        ..reason(C::SignalErrors, Crit)
    };
    let told = |since_when| step(vec![since(since_when)], None).expect("a step").1;
    let began = Since::Exact(Millis(100 * MINUTE));
    assert!(told(began).contains("nothing was promoted just before"));
    for unseen in [Since::AtLeast(Millis(100 * MINUTE)), Since::Unknown] {
        assert!(told(unseen).contains("since before it was watched"));
    }
}

#[test]
fn what_was_promoted_before_anybody_watched_is_not_known_to_be_nothing() {
    let verdict = Verdict::of(vec![reason(C::SignalErrors, Crit)]);
    let told = |watched: i64| {
        let next = judge(Facts {
            watched_since: Some(Millis(watched * MINUTE)),
            ..facts(&verdict, &[])
        });
        next.expect("a step").text.to_string()
    };
    // Measurements tell that it began at minute 100.
    assert!(told(103).contains("since before it was watched"));
    assert!(told(80).contains("soon after it was first watched"));
    assert!(told(40).contains("nothing was promoted just before"));
}

#[test]
fn without_an_endpoint_to_look_at_what_changed_is_looked_at() {
    let verdict = Verdict::of(vec![reason(C::SignalErrors, Crit)]);
    let next = judge(Facts {
        endpoints: 0,
        ..facts(&verdict, &[])
    });
    let next = next.expect("a step");
    assert_eq!((next.step, next.key), (Step::Changes, "w"));
    assert!(next.text.as_str().contains("none of its endpoints"));
}

#[test]
fn a_version_that_does_not_come_up_tells_since_when_serving_is_broken() {
    let errors = Reason {
        since: Since::AtLeast(Millis(100 * MINUTE)),
        ..reason(C::SignalErrors, Warn)
    };
    let reasons = || vec![reason(C::SkewStuck, Crit), errors.clone()];
    assert_eq!(kind(reasons(), Some(98)), Some(Step::RollBack));
    assert_eq!(kind(reasons(), None), Some(Step::Serving));
}

fn step(reasons: Vec<Reason>, promoted: Option<i64>) -> Option<(Step, String)> {
    let change = promoted.map(promotion);
    let changes: Vec<&Change> = change.iter().collect();
    let verdict = Verdict::of(reasons);
    judge(facts(&verdict, &changes)).map(|n| (n.step, n.text.to_string()))
}

fn kind(reasons: Vec<Reason>, promoted: Option<i64>) -> Option<Step> {
    step(reasons, promoted).map(|(step, _)| step)
}

use Level::{Crit, Info, Unknown, Warn};

#[test]
fn serving_that_broke_after_a_promotion_is_rolled_back() {
    let errors = || vec![reason(C::SignalErrors, Crit)];
    assert_eq!(
        step(errors(), Some(92)),
        Some((
            Step::RollBack,
            "roll back to v13: serving broke, 8m after champion v13 → v14".to_owned()
        ))
    );
    assert_eq!(kind(errors(), None), Some(Step::Serving));
    assert_eq!(
        kind(errors(), Some(10)),
        Some(Step::Serving),
        "too long ago"
    );
    assert_eq!(
        kind(errors(), Some(110)),
        Some(Step::Serving),
        "it came after"
    );
}

#[test]
fn a_way_back_is_no_cause_and_what_was_so_before_has_none() {
    let verdict = Verdict::of(vec![reason(C::SignalErrors, Crit)]);
    let (there, mut back) = (promotion(90), promotion(98));
    std::mem::swap(&mut back.from, &mut back.to);
    let judged = |changes: &[&Change], since| {
        let mut verdict = verdict.clone();
        verdict.reasons[0].since = since;
        let next = judge(facts(&verdict, changes));
        next.map(|next| next.step)
    };
    let onset = Since::Exact(Millis(100 * MINUTE));
    assert_eq!(judged(&[&there, &back], onset), Some(Step::Serving));
    assert_eq!(judged(&[&back], onset), Some(Step::RollBack));
    let mut wide = promotion(101);
    wide.not_before = Millis(99 * MINUTE);
    assert_eq!(judged(&[&wide], onset), Some(Step::RollBack));
    let known = Since::AtLeast(Millis(100 * MINUTE));
    assert_eq!(judged(&[&wide], known), Some(Step::Serving));
}

#[test]
fn a_dead_monitor_comes_before_its_old_scores() {
    let reasons = vec![
        reason(C::MonitorStale, Unknown),
        reason(C::DriftPrediction, Warn),
    ];
    assert_eq!(kind(reasons, Some(92)), Some(Step::Monitor));
    assert_eq!(
        kind(vec![reason(C::DriftData, Unknown)], None),
        Some(Step::Monitor)
    );
    assert_eq!(
        kind(
            vec![
                reason(C::SignalErrors, Unknown),
                reason(C::FactsStale, Unknown)
            ],
            Some(92)
        ),
        Some(Step::Monitor)
    );
}

#[test]
fn drift_after_a_promotion_is_rolled_back_and_else_its_kind_decides() {
    let one = |code| vec![reason(code, Warn)];
    assert_eq!(
        kind(one(C::DriftPrediction), Some(92)),
        Some(Step::RollBack)
    );
    assert_eq!(kind(one(C::ServingSkew), Some(92)), Some(Step::RollBack));
    assert_eq!(kind(one(C::ServingSkew), None), Some(Step::Data));
    assert_eq!(kind(one(C::DriftPrediction), None), Some(Step::Retrain));
    assert_eq!(kind(one(C::DriftConcept), None), Some(Step::Retrain));
    assert_eq!(kind(one(C::DriftData), None), Some(Step::Acknowledge));
    let both = vec![
        reason(C::DataQuality, Warn),
        reason(C::DriftPrediction, Crit),
    ];
    assert_eq!(
        kind(both, None),
        Some(Step::Data),
        "broken data explain moved predictions"
    );
}

#[test]
fn what_is_merely_worth_knowing_asks_for_nothing() {
    assert_eq!(step(vec![reason(C::DriftData, Info)], None), None);
    assert_eq!(step(Vec::new(), None), None);
    assert_eq!(
        kind(vec![reason(C::Alert, Warn)], None),
        Some(Step::Changes)
    );
}

#[test]
fn a_roll_back_that_was_done_is_watched_and_not_suggested_again() {
    let verdict = Verdict::of(vec![reason(C::SignalErrors, Crit)]);
    let (there, mut back) = (promotion(98), promotion(108));
    std::mem::swap(&mut back.from, &mut back.to);
    let told = |back: &Change, now: i64| {
        let changes = [&there, back];
        let next = judge(Facts {
            now: Millis(now * MINUTE),
            ..facts(&verdict, &changes)
        });
        next.map(|n| (n.step, n.key, n.text.to_string()))
            .expect("a step")
    };
    let text = "rolled back to v13 2m ago: watch whether it gets better".to_owned();
    assert_eq!(told(&back, 110), (Step::Watch, "enter", text.clone()));
    let own = Change {
        origin: Origin::Own,
        ..back.clone()
    };
    assert_eq!(told(&own, 110), (Step::Watch, "F", text));
    let (step, _, text) = told(&back, 120);
    assert_eq!(step, Step::Serving, "it has not helped");
    assert!(text.contains("still broken"), "{text}");
    let other = Change {
        to: Clean::name("v15"),
        from: Clean::name("v14"),
        ..promotion(108)
    };
    assert_eq!(told(&other, 110).0, Step::Serving, "v14 answers no more");
    let follows = Change {
        kind: ChangeKind::Served,
        ..promotion(101)
    };
    assert_eq!(
        told(&follows, 110).0,
        Step::RollBack,
        "serving has followed"
    );
}

#[test]
fn ready_endpoints_are_no_place_to_look_and_what_was_told_before_is_named() {
    let mut verdict = Verdict::of(vec![reason(C::SignalLatency, Crit)]);
    let note = Change {
        kind: ChangeKind::Annotation,
        from: Clean::empty(),
        to: Clean::text("routing graph of November loaded"),
        ..promotion(99)
    };
    let told = |verdict: &Verdict, cause| {
        let next = judge(Facts {
            as_told: true,
            cause,
            ..facts(verdict, &[])
        });
        next.map(|n| (n.step, n.key, n.text.to_string()))
            .expect("a step")
    };
    let (step, key, text) = told(&verdict, Some(&note));
    assert_eq!((step, key), (Step::Changes, "w"));
    assert!(
        text.contains("1m after \"routing graph of November loaded\""),
        "{text}"
    );
    let (step, key, text) = told(&verdict, None);
    assert_eq!((step, key), (Step::Changes, "w"));
    assert!(!text.contains("before it was watched"), "{text}");
    verdict.reasons[0].since = Since::AtLeast(Millis(100 * MINUTE));
    let (step, _, text) = told(&verdict, None);
    assert!(
        step == Step::Changes && text.contains("before it was watched"),
        "{text}"
    );
}

#[test]
fn the_onset_of_one_trouble_is_not_asked_about_another() {
    // What does not come up does so for days; that requests stopped is known to the minute.
    let stuck = Reason {
        since: Since::Exact(Millis(-3 * 24 * 60 * MINUTE)),
        ..reason(C::SkewStuck, Crit)
    };
    let old = Change {
        kind: ChangeKind::Served,
        ..promotion(-3 * 24 * 60)
    };
    let verdict = Verdict::of(vec![reason(C::EndpointUnready, Crit), stuck]);
    let next = judge(facts(&verdict, &[&old])).expect("a step");
    assert_eq!(next.step, Step::Serving, "{}", next.text);
}

#[test]
fn what_was_trained_since_is_promoted_rather_than_trained_again() {
    let verdict = Verdict::of(vec![reason(C::DriftPrediction, Warn)]);
    let version = Clean::name("v15");
    let told = |at: i64, changes: &[&Change]| {
        let next = judge(Facts {
            newer: Some((&version, Millis(at * MINUTE))),
            ..facts(&verdict, changes)
        });
        next.map(|n| (n.step, n.key)).expect("a step")
    };
    assert_eq!(told(105, &[]), (Step::Promote, "p"));
    assert_eq!(
        told(95, &[]),
        (Step::Retrain, "t"),
        "trained on what was before"
    );
    let left = Change {
        from: Clean::name("v15"),
        to: Clean::name("v14"),
        ..promotion(107)
    };
    assert_eq!(told(105, &[&left]), (Step::Retrain, "t"), "it was tried");
}
