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

/// A registry's feeds at their default cadences, all of them answered, and from then on what `reply` says
/// of the next polls, counted from the first of any feed.
async fn registry(
    reply: impl Fn(usize) -> Option<FaultKind> + Send + Sync + 'static,
) -> (Bench, SourceHealth) {
    const FEEDS: [(Feed, u64); 5] = [
        (Feed::Models, 60),
        (Feed::Versions, 300),
        (Feed::RecentRuns, 30),
        (Feed::NewestVersions, 30),
        (Feed::WatchedModels, 10),
    ];
    let polls = AtomicUsize::new(0);
    let mut bench = start(&FEEDS, move |feed, turn| {
        let answered = turn == 0 && feed != Feed::WatchedModels;
        let fault = if answered {
            None
        } else {
            reply(polls.fetch_add(1, Ordering::Relaxed))
        };
        match (fault, feed) {
            (Some(fault), _) => Reply::Fault(fault),
            (None, Feed::Models) => few(),
            (None, _) => Reply::Rows(Coverage::Partial, Rows::Models(vec![model("a", 1)])),
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
            let focus = Request::Focus(focus("a"));
            bench.requests.send(focus).await.unwrap();
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

#[tokio::test(start_paused = true)]
async fn a_registry_that_hangs_is_not_taken_for_one_that_is_gone() {
    let (mut bench, mut health) = registry(|_| Some(FaultKind::Timeout)).await;
    let (began, policy) = (Instant::now(), Policy::default());
    let start = health.good_at().unwrap();
    while began.elapsed() < 60 * SECOND {
        health.record(&bench.report().await);
        let fresh = freshness::judge(&health, &policy, start.plus(began.elapsed()));
        assert_ne!(fresh, Freshness::Down, "after {:?}", began.elapsed());
    }
}
