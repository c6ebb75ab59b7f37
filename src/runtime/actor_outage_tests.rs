//! How soon the reports of an actor show that a server is gone, and what is none of it.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::domain::rules::freshness::{self, Freshness, SourceHealth};
use crate::domain::settings::Policy;

/// How long an endpoint that has answered once counts as live, and until when as not down, from the
/// moment it goes.
async fn seen_to_go(reply: impl Fn() -> Reply + Send + Sync + 'static) -> (Duration, Duration) {
    let rows = || Reply::Rows(Coverage::Full(Scope::Endpoints), Rows::Endpoints(vec![]));
    let mut bench = start(&[(Feed::Endpoint, 5)], move |_, turn| match turn {
        0 => rows(),
        _ => reply(),
    });
    let mut health = SourceHealth::default();
    health.record(&bench.report().await);
    judged_to_go(&mut bench, &mut health).await
}

/// How long a source counts as live from now on, and until when as not down: the actor's reports,
/// judged each second as the loop does.
async fn judged_to_go(bench: &mut Bench, health: &mut SourceHealth) -> (Duration, Duration) {
    let policy = Policy::default();
    let (went, began) = (Instant::now(), health.good_at().unwrap());
    let (mut not_live, mut down) = (None, None);
    while down.is_none() {
        assert!(went.elapsed() < 120 * SECOND, "{not_live:?}");
        if let Ok(msg) = tokio::time::timeout(SECOND, bench.messages.recv()).await
            && let Some(Msg::Polled(report)) = msg
        {
            health.record(&report);
        }
        let wall = began.plus(went.elapsed());
        let fresh = freshness::judge(health, &policy, wall);
        if fresh != Freshness::Live {
            not_live.get_or_insert(went.elapsed());
        }
        if fresh == Freshness::Down {
            down = Some(went.elapsed());
        }
    }
    (not_live.unwrap(), down.unwrap())
}

#[tokio::test(start_paused = true)]
async fn with_default_settings_a_refusal_shows_in_ten_seconds_and_a_hang_in_fifteen() {
    use crate::domain::key::DeploymentKind;
    use crate::domain::settings::{SourceKind, SourceSettings};
    let kind = SourceKind::Serving(DeploymentKind::V2);
    let settings = SourceSettings::new("s", kind, "http://serve.test");
    assert_eq!(settings.every, 5 * SECOND);
    let deadline = settings.probe_deadline();
    for _ in 0..20 {
        let (seen, down) = seen_to_go(|| Reply::Fault(FaultKind::Unreachable)).await;
        assert!(seen <= 6 * SECOND, "a refusal after {seen:?}");
        assert!(down <= 11 * SECOND, "a refusal is down after {down:?}");
        let (seen, down) = seen_to_go(move || Reply::Late(deadline, FaultKind::Timeout)).await;
        assert!(seen <= 10 * SECOND, "a hang after {seen:?}");
        assert!(down <= 17 * SECOND, "a hang is down after {down:?}");
    }
}

/// A registry's feeds at their default cadences.
const REGISTRY: [(Feed, u64); 5] = [
    (Feed::Models, 60),
    (Feed::Versions, 300),
    (Feed::RecentRuns, 30),
    (Feed::NewestVersions, 30),
    (Feed::WatchedModels, 10),
];

fn rows_of_one() -> Rows {
    Rows::Models(vec![model("a", 1)])
}

/// A registry's feeds at their default cadences, all of them answered, and from then on what `reply` says
/// of the next polls, counted from the first of any feed.
async fn registry(
    reply: impl Fn(usize) -> Option<FaultKind> + Send + Sync + 'static,
) -> (Bench, SourceHealth) {
    let polls = AtomicUsize::new(0);
    let mut bench = start(&REGISTRY, move |feed, turn| {
        let answered = turn == 0 && feed != Feed::WatchedModels;
        let fault = if answered {
            None
        } else {
            reply(polls.fetch_add(1, Ordering::Relaxed))
        };
        match (fault, feed) {
            (Some(fault), _) => Reply::Fault(fault),
            (None, Feed::Models) => few(),
            (None, _) => Reply::Rows(Coverage::Partial, rows_of_one()),
        }
    });
    let mut health = SourceHealth::default();
    while health.feeds.len() < 4 {
        health.record(&bench.report().await);
    }
    (bench, health)
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_refuses_connections_shows_as_soon_with_and_without_models_on_screen() {
    for turn in 0..20 {
        let (mut bench, mut health) = registry(|_| Some(FaultKind::Unreachable)).await;
        let watched = turn % 2 == 0;
        if watched {
            bench.focus(focus("a"));
        }
        let (seen, down) = judged_to_go(&mut bench, &mut health).await;
        let most = if watched { 5 } else { 13 };
        assert!(seen <= most * SECOND, "{watched}: shows after {seen:?}");
        assert!(
            down <= (most + 3) * SECOND,
            "{watched}: down after {down:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn one_refused_connection_of_a_registry_is_no_incident() {
    let (mut bench, mut health) =
        registry(|poll| (poll % 5 == 0).then_some(FaultKind::Unreachable)).await;
    let (began, policy) = (Instant::now(), Policy::default());
    let start = health.good_at().unwrap();
    let mut refused = 0;
    while began.elapsed() < 600 * SECOND {
        let report = bench.report().await;
        refused += usize::from(report.fault.is_some());
        health.record(&report);
        let fresh = freshness::judge(&health, &policy, start.plus(began.elapsed()));
        assert_eq!(fresh, Freshness::Live, "after {:?}", began.elapsed());
    }
    assert!(refused > 10, "{refused}");
}

/// A registry of which every poll after its first answers takes ten seconds to time out, as one that accepts
/// connections and answers nothing; whether models are on screen, and whether it answers a probe.
async fn hung(watched: bool, knocks: bool) -> (Bench, SourceHealth) {
    let mut bench = start_with(
        &REGISTRY,
        |feed, turn| match (turn, feed) {
            (0, Feed::Models) => few(),
            (0, _) => Reply::Rows(Coverage::Partial, rows_of_one()),
            (1.., _) => Reply::Late(10 * SECOND, FaultKind::Timeout),
        },
        move |turn| turn == 0 || knocks,
    );
    if watched {
        bench.focus(focus("a"));
    }
    let mut health = SourceHealth::default();
    while health.feeds.len() < if watched { 5 } else { 4 } {
        health.record(&bench.report().await);
    }
    (bench, health)
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_accepts_and_never_answers_shows_as_soon_as_one_that_refuses() {
    for turn in 0..20 {
        let (mut bench, mut health) = hung(turn % 2 == 0, false).await;
        let (seen, down) = judged_to_go(&mut bench, &mut health).await;
        assert!(seen <= 13 * SECOND, "shows after {seen:?}");
        assert!(down <= 20 * SECOND, "down after {down:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_is_slow_in_its_polls_and_answers_else_is_not_taken_for_gone() {
    let (mut bench, mut health) = hung(true, true).await;
    let (began, policy) = (Instant::now(), Policy::default());
    let start = health.good_at().unwrap();
    let mut seen = Vec::new();
    while began.elapsed() < 18 * SECOND {
        health.record(&bench.report().await);
        let fresh = freshness::judge(&health, &policy, start.plus(began.elapsed()));
        if seen.last() != Some(&fresh) {
            seen.push(fresh);
        }
    }
    assert_eq!(seen, [Freshness::Stale]);
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_takes_longer_than_usual_and_is_answered_is_no_outage() {
    let mut bench = start(&[(Feed::Models, 10)], |_, turn| {
        Reply::Slow(SECOND * if turn % 2 == 0 { 1 } else { 2 }, rows_of_one())
    });
    for _ in 0..6 {
        assert_eq!(bench.report().await.fault, None);
    }
    let mut bench = start(&[(Feed::Models, 10)], |_, turn| {
        Reply::Slow(SECOND * if turn == 0 { 1 } else { 4 }, rows_of_one())
    });
    let mut health = SourceHealth::default();
    let mut seen = Vec::new();
    for _ in 0..4 {
        let report = bench.report().await;
        health.record(&report);
        let at = report.asked_at.plus(Duration::from_millis(report.took_ms));
        seen.push(freshness::judge(&health, &Policy::default(), at));
    }
    let (live, stale) = (Freshness::Live, Freshness::Stale);
    // Once it has taken four seconds, four seconds are what it takes.
    assert_eq!(seen, [live, stale, live, live]);
}
