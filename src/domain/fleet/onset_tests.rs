//! Since when an endpoint is as it is: what was seen, and what a change to something else cannot tell.

use super::*;
use crate::domain::change::{Change, Origin, Subject};
use crate::domain::level::{Reason, ReasonCode};
use crate::domain::rules::next::Step;

const DAY: i64 = 24 * 60 * MINUTE;

/// A change of the answering version as another system's records tell it, within an hour.
fn served_before(from: &str, to: &str, at: i64) -> Change {
    Change {
        subject: Subject::Deployment(deployment().key()),
        kind: ChangeKind::Served,
        from: Clean::name(from),
        to: Clean::name(to),
        not_before: Millis(at - 60 * MINUTE),
        not_after: Millis(at),
        actor: None,
        origin: Origin::Imported,
        evidence: Clean::text("requests by version"),
    }
}

fn finding(fleet: &Fleet, code: ReasonCode) -> Reason {
    let view = fleet.model(&key()).expect("known");
    let mut reasons = view.verdict.reasons.iter();
    let found = reasons.find(|r| r.code == code).cloned();
    found.unwrap_or_else(|| panic!("{code:?} in {:?}", view.verdict))
}

/// The endpoint holds the version and does not answer with it.
fn silent(at: i64, version: &str) -> Observation {
    let mut reading = endpoint(version);
    reading.health = Health::NotReady;
    reading.versions[0].state = ServedState::Loading;
    let rows = Rows::Endpoints(vec![reading]);
    let scope = Coverage::Full(Scope::Endpoints);
    observation("fraud-eu", Feed::Endpoint, at, rows, scope)
}

#[test]
fn an_endpoint_that_stops_is_stuck_since_it_stopped_and_not_since_its_version_came() {
    let mut fleet = settled();
    fleet.remember([served_before("v12", "v13", -3 * DAY)], Millis(0));
    keep_live(&mut fleet, MINUTE);
    fleet.merge(silent(2 * MINUTE, "13"), Millis(2 * MINUTE));
    keep_live(&mut fleet, 20 * MINUTE);
    fleet.tick(Millis(20 * MINUTE));
    let stopped = Since::Exact(Millis(2 * MINUTE));
    assert_eq!(finding(&fleet, ReasonCode::EndpointUnready).since, stopped);
    assert_eq!(finding(&fleet, ReasonCode::SkewStuck).since, stopped);
    let view = fleet.model(&key()).expect("known");
    let next = fleet.next_step(view, Millis(20 * MINUTE)).expect("a step");
    assert_eq!(next.step, Step::Serving, "{}", next.text);
}

#[test]
fn what_was_silent_at_the_first_look_is_so_at_least_since_then() {
    let mut fleet = fleet();
    fleet.remember([served_before("v12", "v13", -3 * DAY)], Millis(0));
    for told in [models(0, "13"), versions(0, &[12, 13]), silent(0, "13")] {
        fleet.merge(told, Millis(0));
    }
    keep_live(&mut fleet, 0);
    keep_live(&mut fleet, 20 * MINUTE);
    fleet.tick(Millis(20 * MINUTE));
    let since = finding(&fleet, ReasonCode::SkewStuck).since;
    assert_eq!(since, Since::AtLeast(Millis(0)));
}

#[test]
fn a_change_to_another_version_does_not_tell_since_when_this_one_answers() {
    let mut fleet = fleet();
    fleet.remember([served_before("v12", "v13", -4 * DAY)], Millis(0));
    for told in [models(0, "13"), versions(0, &[12, 13]), answers(0, "12")] {
        fleet.merge(told, Millis(0));
    }
    keep_live(&mut fleet, 0);
    let first = Since::AtLeast(Millis(0));
    let endpoint = fleet.deployment(&deployment().key()).expect("known");
    assert_eq!(endpoint.since, first);
    assert_eq!(finding(&fleet, ReasonCode::SkewBehind).since, first);
    let (onset, _) = fleet
        .onset(fleet.model(&key()).expect("known"))
        .expect("an onset");
    assert_eq!(onset, Millis(0), "and not days before");
}

#[test]
fn an_alias_that_was_so_at_the_first_look_leaves_the_onset_open() {
    let mut fleet = fleet();
    let seen = Change {
        not_before: Millis(-3 * DAY),
        not_after: Millis(-3 * DAY),
        ..served_before("v12", "v13", -3 * DAY)
    };
    fleet.remember([seen], Millis(0));
    for told in [models(0, "14"), versions(0, &[13, 14]), answers(0, "13")] {
        fleet.merge(told, Millis(0));
    }
    keep_live(&mut fleet, 0);
    let since = finding(&fleet, ReasonCode::SkewBehind).since;
    assert_eq!(
        since,
        Since::AtLeast(Millis(0)),
        "v13 came, and later the alias left it"
    );
    let endpoint = fleet.deployment(&deployment().key()).expect("known");
    assert_eq!(endpoint.since, Since::Exact(Millis(-3 * DAY)));
}

#[test]
fn a_window_of_an_hour_is_no_instant() {
    let mut fleet = settled();
    fleet.remember([served_before("v12", "v13", -4 * DAY)], Millis(0));
    let endpoint = fleet.deployment(&deployment().key()).expect("known");
    assert_eq!(endpoint.since, Since::AtLeast(Millis(-4 * DAY)));
}

#[test]
fn the_cause_is_what_came_before_and_not_what_follows() {
    let mut fleet = settled();
    let change = |kind, at: i64| Change {
        subject: Subject::Model(key()),
        kind,
        not_before: Millis(at),
        ..served_before("none", "v17", at)
    };
    let note = Change {
        from: Clean::empty(),
        to: Clean::text("routing graph loaded"),
        ..change(ChangeKind::Annotation, 90_000)
    };
    let before = [
        note,
        change(ChangeKind::NewVersion, -2 * DAY),
        change(ChangeKind::Tag(Clean::name("team")), 100_000),
    ];
    fleet.remember(before, Millis(0));
    keep_live(&mut fleet, MINUTE);
    fleet.merge(silent(2 * MINUTE, "13"), Millis(2 * MINUTE));
    let later = [
        change(ChangeKind::Alias(Clean::name("challenger")), 3 * MINUTE),
        change(ChangeKind::RunEnded, 3 * MINUTE),
    ];
    fleet.remember(later, Millis(3 * MINUTE));
    let view = fleet.model(&key()).expect("known");
    assert_eq!(view.level(), Level::Crit);
    let cause = view.cause.as_ref().expect("a cause");
    assert_eq!(cause.phrase(), "routing graph loaded");
    let newest = view.last_change.as_ref().expect("a change");
    assert_eq!(newest.not_after, Millis(3 * MINUTE));
}

#[test]
fn a_move_between_two_looks_around_the_onset_is_nearer_than_one_hours_before() {
    let mut fleet = settled();
    let moved = |from: &str, to: &str, not_before: i64, not_after: i64| Change {
        subject: Subject::Model(key()),
        kind: ChangeKind::Alias(Clean::name("champion")),
        not_before: Millis(not_before),
        not_after: Millis(not_after),
        origin: Origin::Observed,
        ..served_before(from, to, 0)
    };
    let onset = DAY;
    let around = moved("v12", "v13", onset - 10 * MINUTE, onset + 420 * MINUTE);
    let before = moved("v11", "v12", onset - 180 * MINUTE, onset - 180 * MINUTE);
    let after = moved("v13", "v14", onset + 430 * MINUTE, onset + 440 * MINUTE);
    fleet.remember([around, before, after], Millis(2 * DAY));
    let hours = |n: u64| Duration::from_secs(n * 3_600);
    let found = fleet.suspects(Some(&key()), Millis(onset), hours(6), hours(1));
    let found: Vec<_> = found
        .iter()
        .map(|s| (s.text.as_str().contains("v13"), s.is_around()))
        .collect();
    assert_eq!(found, [(true, true), (false, false)]);
}
