#[path = "actor_outage_tests.rs"]
mod outages;
#[path = "actor_recalled_tests.rs"]
mod recalled;

use super::*;
use crate::domain::observation::FactKey;
use crate::domain::observation::{Coverage, Rows, Scope};
use crate::runtime::testing::{Reply, Scripted, all_models, around, model, model_key, version};

const SECOND: Duration = Duration::from_secs(1);

struct Bench {
    focus: watch::Sender<Arc<Focus>>,
    requests: mpsc::Sender<Request>,
    messages: mpsc::Receiver<Msg>,
    log: crate::runtime::testing::Log,
    _task: Flight<()>,
}

fn start(
    feeds: &[(Feed, u64)],
    script: impl Fn(Feed, usize) -> Reply + Send + Sync + 'static,
) -> Bench {
    start_with(feeds, script, |_| true)
}

/// As [`start`], and which of its probes are answered.
fn start_with(
    feeds: &[(Feed, u64)],
    script: impl Fn(Feed, usize) -> Reply + Send + Sync + 'static,
    probed: impl Fn(usize) -> bool + Send + Sync + 'static,
) -> Bench {
    let (source, log) = Scripted::new(feeds, script);
    let source = Scripted {
        probed: Arc::new(probed),
        ..source
    };
    let (mut around, messages) = around(64);
    let (focus, focused) = watch::channel(Arc::default());
    around.focus = focused;
    let (requests, asked) = mpsc::channel(16);
    let task = run(source, around, asked);
    Bench {
        focus,
        requests,
        messages,
        log,
        _task: task,
    }
}

/// Runs an actor until the flight is dropped.
fn run<S: Source>(
    source: S,
    around: Surroundings,
    mut requests: mpsc::Receiver<Request>,
) -> Flight<()> {
    let actor = Actor::new(source, around);
    Flight(tokio::spawn(async move { actor.run(&mut requests).await }))
}

impl Bench {
    fn focus(&self, focus: Focus) {
        self.focus.send_replace(Arc::new(focus));
    }

    async fn next(&mut self) -> Msg {
        tokio::time::timeout(3_600 * SECOND, self.messages.recv())
            .await
            .unwrap()
            .unwrap()
    }

    async fn report(&mut self) -> PollReport {
        loop {
            if let Msg::Polled(report) = self.next().await {
                return *report;
            }
        }
    }

    async fn detail(&mut self) -> (Query, Result<Detail, Fault>) {
        loop {
            if let Msg::Fetched { query, result, .. } = self.next().await {
                return (query, result);
            }
        }
    }

    fn drain(&mut self) -> Vec<Msg> {
        std::iter::from_fn(|| self.messages.try_recv().ok()).collect()
    }
}

fn few() -> Reply {
    all_models(vec![model("a", 1), model("b", 2)])
}

fn query(name: &str) -> Query {
    Query::Versions(model_key(name))
}

fn focus(name: &str) -> Focus {
    Focus {
        models: [model_key(name)].into(),
        ..Focus::default()
    }
}

#[tokio::test(start_paused = true)]
async fn rows_come_before_the_report_and_unchanged_rows_not_at_all() {
    let mut bench = start(&[(Feed::Models, 10)], |_, turn| match turn {
        0 | 1 => few(),
        _ => all_models(vec![model("a", 1), model("b", 3)]),
    });
    let mut upserts = Vec::new();
    let mut reports = 0;
    while reports < 3 {
        match bench.next().await {
            Msg::Observed(o) => upserts.push((reports, o.upserts.len())),
            Msg::Polled(report) => {
                assert_eq!(report.fault, None);
                assert!(report.next_at > report.asked_at);
                reports += 1;
            }
            _ => {}
        }
    }
    assert_eq!(upserts, [(0, 2), (1, 0), (2, 1)]);
    let polls = bench.log.of(Feed::Models);
    for pair in polls.windows(2) {
        let gap = pair[1] - pair[0];
        assert!(
            (9 * SECOND..=11 * SECOND + SECOND / 10).contains(&gap),
            "{gap:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_is_taken_while_a_slow_poll_runs() {
    let mut bench = start(&[(Feed::Models, 10)], |_, _| {
        Reply::Slow(100 * SECOND, Rows::Models(vec![]))
    });
    tokio::time::sleep(SECOND).await;
    let asked = Instant::now();
    bench
        .requests
        .send(Request::Fetch(Box::new(query("a"))))
        .await
        .unwrap();
    let (answered, result) = bench.detail().await;
    assert_eq!(answered, query("a"));
    assert!(result.is_ok());
    assert!(asked.elapsed() < 2 * SECOND, "{:?}", asked.elapsed());
}

#[tokio::test(start_paused = true)]
async fn frequent_requests_do_not_postpone_polls() {
    let mut bench = start(&[(Feed::Models, 10)], |_, _| few());
    for n in 0..600 {
        let request = match n % 3 {
            0 => {
                bench.focus(focus(&n.to_string()));
                Request::Probe
            }
            1 => Request::Fetch(Box::new(query(&n.to_string()))),
            _ => Request::Cancel(Box::new(query(&(n - 1).to_string()))),
        };
        bench.requests.send(request).await.unwrap();
        bench.drain();
        tokio::time::sleep(SECOND / 10).await;
    }
    let polls = bench.log.of(Feed::Models).len();
    assert!((6..=8).contains(&polls), "{polls} polls in a minute");
}

#[tokio::test(start_paused = true)]
async fn refreshes_coalesce_and_respect_the_last_poll() {
    let mut bench = start(&[(Feed::Models, 60)], |_, _| few());
    bench.report().await;
    for _ in 0..20 {
        bench.requests.send(Request::Refresh).await.unwrap();
        tokio::time::sleep(SECOND / 2).await;
    }
    let polls = bench.log.of(Feed::Models).len();
    assert!(
        (2..=3).contains(&polls),
        "{polls} polls in ten seconds of refreshing"
    );
}

#[tokio::test(start_paused = true)]
async fn a_server_that_asks_to_wait_is_waited_for_even_by_refresh() {
    let after = Some(300 * SECOND);
    let mut bench = start(&[(Feed::Models, 10)], move |_, _| {
        Reply::Fault(FaultKind::RateLimited { after })
    });
    bench.report().await;
    for _ in 0..29 {
        bench.requests.send(Request::Refresh).await.unwrap();
        tokio::time::sleep(10 * SECOND).await;
    }
    assert_eq!(bench.log.of(Feed::Models).len(), 1);
    tokio::time::sleep(60 * SECOND).await;
    assert_eq!(bench.log.of(Feed::Models).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_adapter_that_panics_is_reported_and_asked_again() {
    let mut bench = start(&[(Feed::Models, 10)], |_, turn| match turn {
        0 => Reply::Panic,
        _ => few(),
    });
    let report = bench.report().await;
    assert_eq!(report.fault.map(|f| f.kind), Some(FaultKind::Crashed));
    assert_eq!(bench.report().await.fault, None);
    bench
        .requests
        .send(Request::Fetch(Box::new(query("panic"))))
        .await
        .unwrap();
    let (_, result) = bench.detail().await;
    assert_eq!(result.map_err(|f| f.kind), Err(FaultKind::Crashed));
    assert_eq!(bench.report().await.fault, None, "the actor lives");
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_fetch_is_not_told_and_frees_its_place() {
    let mut bench = start(&[(Feed::Models, 1_000)], |_, _| few());
    bench
        .requests
        .send(Request::Fetch(Box::new(query("hang"))))
        .await
        .unwrap();
    for name in ["a", "b", "c", "d", "a"] {
        bench
            .requests
            .send(Request::Fetch(Box::new(query(name))))
            .await
            .unwrap();
    }
    bench
        .requests
        .send(Request::Cancel(Box::new(query("b"))))
        .await
        .unwrap();
    bench
        .requests
        .send(Request::Cancel(Box::new(query("hang"))))
        .await
        .unwrap();
    let mut answered = Vec::new();
    for _ in 0..3 {
        answered.push(bench.detail().await.0);
    }
    assert_eq!(answered, [query("a"), query("c"), query("d")]);
    tokio::time::sleep(10 * SECOND).await;
    assert!(
        !bench
            .drain()
            .iter()
            .any(|m| matches!(m, Msg::Fetched { .. }))
    );
}

#[tokio::test(start_paused = true)]
async fn what_comes_onto_the_screen_is_asked_for_soon_and_sleeps_after() {
    let feeds = [(Feed::Models, 600), (Feed::WatchedModels, 10)];
    let mut bench = start(&feeds, |feed, _| match feed {
        Feed::Models => few(),
        _ => Reply::Rows(Coverage::Partial, Rows::Models(vec![model("a", 1)])),
    });
    tokio::time::sleep(100 * SECOND).await;
    assert!(
        bench.log.of(Feed::WatchedModels).is_empty(),
        "nothing is on screen"
    );
    bench.drain();

    let shown = Instant::now();
    bench.focus(focus("a"));
    let report = bench.report().await;
    assert_eq!(report.feed, Feed::WatchedModels);
    assert!(shown.elapsed() < SECOND);

    bench.focus(Focus::default());
    let report = bench.report().await;
    assert_eq!(
        (report.feed, report.next_at),
        (Feed::WatchedModels, PollReport::NEVER)
    );
    tokio::time::sleep(100 * SECOND).await;
    assert_eq!(bench.log.of(Feed::WatchedModels).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_feed_that_asked_nothing_claims_nothing() {
    let mut bench = start(&[(Feed::WatchedModels, 10)], |_, _| Reply::nothing());
    bench.focus(focus("of another server"));
    tokio::time::sleep(60 * SECOND).await;
    assert!(bench.log.of(Feed::WatchedModels).len() > 4);
    assert!(!bench.drain().iter().any(|m| matches!(m, Msg::Polled(_))));
}

#[tokio::test(start_paused = true)]
async fn rights_are_asked_anew_on_request_and_not_at_every_request() {
    let mut bench = start(&[(Feed::Models, 60)], |_, _| few());
    bench.report().await;
    tokio::time::sleep(5 * SECOND).await;
    assert_eq!(bench.log.probes(), 1);
    for _ in 0..20 {
        bench.requests.send(Request::Refresh).await.unwrap();
        tokio::time::sleep(10 * SECOND).await;
        bench.drain();
    }
    assert_eq!(bench.log.probes(), 1, "polls ask for no rights");
    for _ in 0..10 {
        bench.requests.send(Request::Probe).await.unwrap();
        tokio::time::sleep(SECOND).await;
        bench.drain();
    }
    assert_eq!(bench.log.probes(), 2);
    tokio::time::sleep(60 * SECOND).await;
    assert_eq!(bench.log.probes(), 3, "what came too early is asked later");
}

#[tokio::test(start_paused = true)]
async fn it_probes_at_the_start_and_after_an_outage() {
    let mut bench = start(&[(Feed::Models, 10)], |_, turn| match turn {
        3..=8 => Reply::Fault(FaultKind::Unreachable),
        _ => few(),
    });
    tokio::time::sleep(5 * SECOND).await;
    assert_eq!(bench.log.probes(), 1);
    loop {
        let report = bench.report().await;
        if report.fault.is_none() && bench.log.of(Feed::Models).len() > 8 {
            break;
        }
        assert!(bench.log.probes() == 1);
    }
    tokio::time::sleep(61 * SECOND).await;
    assert_eq!(bench.log.probes(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_loop_that_takes_nothing_holds_back_polls_and_not_requests() {
    let (source, log) = Scripted::new(&[(Feed::Models, 1)], |_, turn| {
        all_models(vec![model("a", turn as u64)])
    });
    let (around, mut messages) = around(1);
    let (requests, asked) = mpsc::channel(1);
    let _task = run(source, around, asked);
    for _ in 0..300 {
        let request = requests.send(Request::Refresh);
        tokio::time::timeout(SECOND, request)
            .await
            .unwrap()
            .unwrap();
        tokio::time::sleep(SECOND).await;
    }
    assert_eq!(
        log.of(Feed::Models).len(),
        1,
        "one answer waits, no other is asked for"
    );
    for _ in 0..6 {
        messages.recv().await.unwrap();
    }
    assert!(log.of(Feed::Models).len() > 1);
}

#[test]
fn a_clock_is_only_called_wrong_for_certain() {
    let at = Millis(1_700_000_000_500);
    for (server, want) in [
        (1_700_000_000_000, 0),
        (1_700_000_001_000, 0),
        (1_700_000_011_000, 10_000),
        (1_699_999_990_000, -9_501),
    ] {
        let got = skew_ms(Millis(server), at, Duration::from_millis(500));
        assert_eq!(got, want, "{server}");
    }
}

#[tokio::test(start_paused = true)]
async fn pages_are_told_while_the_poll_runs_and_its_end_says_what_is_gone() {
    let page = |numbers: &[u64]| {
        let rows = numbers.iter().map(|n| version("a", *n));
        Rows::Versions(rows.collect())
    };
    let all = || Coverage::Full(Scope::Versions);
    let mut bench = start(&[(Feed::Versions, 60)], move |_, turn| match turn {
        0 => Reply::Pages(vec![page(&[1, 2]), page(&[3, 4])], all()),
        // A sweep that never ends says nothing of what it did not reach.
        1 => Reply::Pages(vec![page(&[1, 5])], Coverage::Partial),
        _ => Reply::Pages(vec![page(&[1]), page(&[4]), page(&[5])], all()),
    });
    let mut told: Vec<(usize, bool, Vec<FactKey>)> = Vec::new();
    let mut reports = 0;
    let began = Instant::now();
    while reports < 3 {
        match bench.next().await {
            Msg::Observed(observation) => {
                if told.is_empty() {
                    assert!(began.elapsed() < SECOND * 2, "told before the second page");
                }
                told.push((
                    observation.upserts.len(),
                    observation.coverage == all(),
                    observation.gone,
                ));
            }
            Msg::Polled(_) => reports += 1,
            _ => {}
        }
    }
    let gone = [2, 3].map(|n| FactKey::Version(version("a", n).key));
    let (last, before) = told.split_last_mut().unwrap();
    last.2.sort();
    assert_eq!(*last, (0, true, gone.to_vec()));
    let none = Vec::new();
    let expected = [
        (2, false, none.clone()),
        (2, false, none.clone()),
        (0, true, none.clone()),
        (1, false, none),
    ];
    assert_eq!(before, expected);
}
