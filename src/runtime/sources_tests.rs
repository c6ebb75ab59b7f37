use super::*;
use crate::domain::key::{DeploymentKind, Key};
use crate::domain::observation::{Abilities, Answer, Coverage, Rows};
use crate::domain::query::{Detail, Query};
use crate::domain::time::Millis;
use crate::runtime::flight::Flight;
use crate::runtime::testing::{
    Log, Reply, Scripted, all_models, around, context, model, model_key,
};
use crate::sources::FeedSpec;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

fn common() -> (Common, mpsc::Receiver<Msg>) {
    let (out, messages) = mpsc::channel(64);
    let clock = Arc::new(Clock::from(Millis(1_000)));
    (
        Common {
            limits: Arc::default(),
            clock,
            out,
        },
        messages,
    )
}

fn settings(sources: Vec<SourceSettings>) -> Arc<Context> {
    Arc::new(Context {
        sources,
        ..Context::default()
    })
}

#[tokio::test]
async fn a_source_that_cannot_be_made_says_so_and_answers_for_it() {
    let kind = SourceKind::Serving(DeploymentKind::V2);
    let broken = SourceSettings::new("no-deployment", kind, "http://127.0.0.1:1");
    let (common, mut messages) = common();
    let sources = Sources::start(&context(), &settings(vec![broken]), &common);
    let Some(Msg::Polled(report)) = messages.recv().await else {
        panic!("no report")
    };
    assert_eq!(report.feed, Feed::Endpoint);
    assert_eq!(report.fault.map(|f| f.kind), Some(FaultKind::Config));
    assert!(report.next_at >= report.asked_at.plus(Duration::from_secs(60)));

    let id = SourceId::new("no-deployment");
    let query = Query::Versions(model_key("a"));
    sources
        .ask(&id, Request::Fetch(Box::new(query.clone())))
        .unwrap();
    let Some(Msg::Fetched {
        query: answered,
        result,
        ..
    }) = messages.recv().await
    else {
        panic!("no answer")
    };
    assert_eq!((answered, result.is_err()), (query, true));
    assert!(
        sources
            .ask(&SourceId::new("other"), Request::Refresh)
            .is_err()
    );
    assert!(sources.stop().await);
}

#[tokio::test]
async fn servers_that_never_answer_hold_nobody_back() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let sources = (0..8)
        .map(|n| SourceSettings::new(&format!("s{n}"), SourceKind::Mlflow, &url))
        .collect();
    let (common, _messages) = common();
    let sources = Sources::start(&context(), &settings(sources), &common);
    let id = SourceId::new("s0");
    let query = Query::RunArtifacts {
        run: crate::domain::key::RunKey {
            tracker: model_key("a").registry,
            id: Key::new("r"),
        },
        path: Key::new(""),
    };
    sources.ask(&id, Request::Fetch(Box::new(query))).unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let started = Instant::now();
    assert!(sources.stop().await);
    assert!(started.elapsed() < STOP_LIMIT, "{:?}", started.elapsed());
}

/// Takes messages until one is asked for.
async fn next<T>(messages: &mut mpsc::Receiver<Msg>, wanted: impl Fn(Msg) -> Option<T>) -> T {
    loop {
        let msg = tokio::time::timeout(Duration::from_secs(3_600), messages.recv());
        if let Some(found) = wanted(msg.await.expect("in time").expect("a message")) {
            return found;
        }
    }
}

fn polled(msg: Msg) -> Option<PollReport> {
    match msg {
        Msg::Polled(report) => Some(*report),
        _ => None,
    }
}

fn watched() -> (Scripted, Log) {
    Scripted::new(&[(Feed::Models, 600), (Feed::WatchedModels, 10)], |_, _| {
        let rows = Rows::Models(vec![model("a", 1)]);
        Reply::Rows(Coverage::Partial, rows)
    })
}

#[tokio::test(start_paused = true)]
async fn what_is_on_screen_is_known_to_a_source_that_could_not_be_made_at_first() {
    let (around, mut messages) = around(64);
    let (focus, focused) = watch::channel(Arc::default());
    let around = Surroundings {
        focus: focused,
        ..around
    };
    let (asks, requests) = mpsc::channel(WAITING);
    let settings = SourceSettings::new("scripted", SourceKind::Mlflow, "http://s.test");
    let mended = Arc::new(AtomicBool::new(false));
    let is_mended = Arc::clone(&mended);
    let (_, log) = watched();
    let make = move || {
        let made = if is_mended.load(Ordering::SeqCst) {
            Ok(Scripted {
                log: log.clone(),
                ..watched().0
            })
        } else {
            Err(Fault::new(FaultKind::Config, "ca.pem", "no such file"))
        };
        std::future::ready(made)
    };
    let _task = Flight(tokio::spawn(tend(settings, make, around, requests)));
    let report = next(&mut messages, polled).await;
    assert_eq!(report.fault.map(|f| f.kind), Some(FaultKind::Config));
    // Somebody looks at a model meanwhile, mends the file, and asks again.
    let models = [model_key("a")].into();
    focus.send_replace(Arc::new(Focus {
        models,
        ..Focus::default()
    }));
    mended.store(true, Ordering::SeqCst);
    asks.send(Request::Refresh).await.expect("it listens");
    let began = tokio::time::Instant::now();
    let of = |msg| polled(msg).filter(|report| report.feed == Feed::WatchedModels);
    assert_eq!(next(&mut messages, of).await.fault, None);
    assert!(began.elapsed() < Duration::from_secs(30));
}

/// A source whose first poll is followed by a panic in whoever asks its name: the actor itself.
struct Fragile(Scripted, Arc<AtomicBool>);

impl Source for Fragile {
    fn id(&self) -> &SourceId {
        assert!(!self.1.swap(false, Ordering::SeqCst), "told to");
        &self.0.id
    }

    fn kind(&self) -> SourceKind {
        self.0.kind()
    }

    fn feeds(&self) -> Vec<FeedSpec> {
        self.0.feeds()
    }

    async fn probe(&self) -> Result<Abilities, Fault> {
        std::future::pending().await
    }

    async fn poll(&self, feed: Feed, focus: &Focus) -> Result<Answer, Fault> {
        self.0.poll(feed, focus).await
    }

    async fn fetch(&self, query: Query) -> Result<Detail, Fault> {
        self.0.fetch(query).await
    }
}

#[tokio::test(start_paused = true)]
async fn an_actor_that_panics_is_told_and_begins_anew() {
    let (around, mut messages) = around(64);
    let (asks, requests) = mpsc::channel(WAITING);
    let settings = SourceSettings::new("scripted", SourceKind::Mlflow, "http://s.test");
    let fragile = Arc::new(AtomicBool::new(true));
    let make = move || {
        let (source, _) = Scripted::new(&[(Feed::Models, 10)], |_, _| {
            all_models(vec![model("a", 1)])
        });
        std::future::ready(Ok(Fragile(source, Arc::clone(&fragile))))
    };
    let _task = Flight(tokio::spawn(tend(settings, make, around, requests)));
    let anew = |msg| matches!(msg, Msg::Anew(..)).then_some(());
    next(&mut messages, anew).await;
    let failed = |msg| polled(msg).filter(|report| report.fault.is_some());
    let report = next(&mut messages, failed).await;
    assert_eq!(report.feed, Feed::Models);
    assert_eq!(report.fault.map(|f| f.kind), Some(FaultKind::Crashed));
    // Whoever asks meanwhile hears why there is no answer.
    let query = Query::Versions(model_key("a"));
    asks.send(Request::Fetch(Box::new(query)))
        .await
        .expect("it listens");
    let told = |msg| match msg {
        Msg::Fetched { result, .. } => Some(result.expect_err("nobody is there").kind),
        _ => None,
    };
    assert_eq!(next(&mut messages, told).await, FaultKind::Crashed);
    // All is told again.
    let rows = |msg| match msg {
        Msg::Observed(observation) => Some(observation.upserts.len()),
        _ => None,
    };
    let began = tokio::time::Instant::now();
    assert_eq!(next(&mut messages, rows).await, 1);
    assert!(began.elapsed() > Duration::from_secs(30), "not at once");
    assert_eq!(next(&mut messages, polled).await.fault, None);
}
