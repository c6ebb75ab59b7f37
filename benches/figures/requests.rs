//! What is asked of a registry and how soon a move in it is seen: the real actors against the
//! simulated fleet, in real time.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use quarterdeck::domain::change::{ChangeKind, Subject};
use quarterdeck::domain::fleet::Fleet;
use quarterdeck::domain::key::ModelKey;
use quarterdeck::domain::observation::{ContextRef, Feed};
use quarterdeck::domain::query::Focus;
use quarterdeck::domain::settings::{Context, SourceKind, SourceSettings};
use quarterdeck::domain::text::Clean;
use quarterdeck::intent::msg::Msg;
use quarterdeck::runtime::clock::Clock;
use quarterdeck::runtime::headless::{self, collect};
use quarterdeck::runtime::limits::Limits;
use quarterdeck::runtime::sources::{Common, Sources};
use quarterdeck::sim::{Options, Scenario, SimFleet};
use tokio::sync::mpsc;

use crate::Values;
use crate::load::MODELS;
use crate::machine::median;
use crate::pty::full_scale;

/// Models on screen.
const SHOWN: usize = 40;
/// And in the last third of the time: as many requests are expected.
const FEWER: usize = 10;
/// How long the actors are watched.
const WATCHED: Duration = Duration::from_secs(150);
/// Moves of each kind, and the time between two.
const MOVES: usize = 3;
const APART: Duration = Duration::from_secs(17);

pub(crate) fn run() -> Values {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(measure())
}

async fn measure() -> Values {
    let options = Options {
        scale: full_scale(),
        scenario: Scenario::Calm,
        ..Options::default()
    };
    let servers = SimFleet::start(options).await.expect("free ports");
    let url = servers.url("mlflow").expect("a tracker").to_owned();
    let settings = Arc::new(Context {
        name: Clean::name("load"),
        sources: vec![SourceSettings::new("mlflow", SourceKind::Mlflow, &url)],
        ..Context::default()
    });
    let asked = async |feed: Feed| {
        let before = servers.faults().requests("mlflow");
        let options = headless::Options {
            timeout: Duration::from_secs(60),
            feeds: vec![feed],
            runs: 0,
            ..headless::Options::default()
        };
        let found = collect(&settings, &options).await;
        let count = servers.faults().requests("mlflow") - before;
        (count as f64, found.fleet)
    };
    let (models, fleet) = asked(Feed::Models).await;
    let keys: Vec<ModelKey> = fleet.models().map(|m| m.key.clone()).collect();
    assert_eq!(keys.len(), MODELS);
    let shown = |count: usize| Focus {
        models: keys.iter().take(count).cloned().collect(),
        ..Focus::default()
    };
    // A sweep of the versions reads the models first, of which they are.
    let (versions, _) = asked(Feed::Versions).await;
    let Watched {
        sweeps,
        forty,
        ten,
        shown,
        elsewhere,
    } = watch(&servers, &settings, &keys, [shown(SHOWN), shown(FEWER)]).await;
    [
        ("requests of a fast tick, 40 models on screen", forty),
        ("requests of a fast tick, 10 models on screen", ten),
        ("requests of a full sweep of the models", models),
        (
            "requests of a full sweep of their versions",
            versions - models,
        ),
        (
            "full sweeps of the models in 150 s, at most one a minute",
            sweeps,
        ),
        ("a move on screen is seen after, worst, s", shown),
        ("a move elsewhere is seen after, worst, s", elsewhere),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

struct Watched {
    sweeps: f64,
    /// Requests of a tick of the models on screen, the median of all ticks.
    forty: f64,
    ten: f64,
    shown: f64,
    elsewhere: f64,
}

/// Runs the actors as the console does and moves champions under them.
async fn watch(
    servers: &SimFleet,
    settings: &Arc<Context>,
    keys: &[ModelKey],
    [focus, fewer]: [Focus; 2],
) -> Watched {
    let reference = Arc::new(ContextRef {
        name: Clean::name("load"),
        generation: 0,
    });
    let mut fleet = Fleet::new(Arc::clone(&reference), Arc::clone(settings));
    let (out, mut messages) = mpsc::channel(256);
    let common = Common {
        limits: Arc::new(Limits::default()),
        clock: Arc::new(Clock::default()),
        out,
    };
    let sources = Sources::start(&reference, settings, &common);
    sources.focus(focus.clone());
    let began = Instant::now();
    let mut first: BTreeSet<Feed> = BTreeSet::new();
    let mut sweeps = 0.0;
    let mut next: Option<Instant> = None;
    let mut moved: Vec<(ModelKey, Instant)> = Vec::new();
    let mut done = 0;
    let mut worst = (0.0_f64, 0.0_f64);
    // A source polls one feed at a time: what is asked between two reports is the later one's.
    let mut asked = servers.faults().requests("mlflow");
    let mut ticks: [Vec<f64>; 2] = [Vec::new(), Vec::new()];
    let mut narrowed = false;
    while began.elapsed() < WATCHED {
        let wait = tokio::time::timeout(Duration::from_millis(20), messages.recv());
        match wait.await {
            Ok(Some(Msg::Observed(observation))) => {
                fleet.merge(*observation, common.clock.wall());
            }
            Ok(Some(Msg::Polled(report))) => {
                sweeps += f64::from(u8::from(report.feed == Feed::Models));
                let before = std::mem::replace(&mut asked, servers.faults().requests("mlflow"));
                if report.feed == Feed::WatchedModels && report.fault.is_none() {
                    ticks[usize::from(narrowed)].push((asked - before) as f64);
                }
                fleet.record(&report, common.clock.wall());
                if first.insert(report.feed) && report.feed == Feed::Versions {
                    next = Some(Instant::now());
                }
            }
            _ => {}
        }
        if !narrowed && began.elapsed() > WATCHED * 2 / 3 {
            narrowed = true;
            sources.focus(fewer.clone());
        }
        for change in fleet.take_observed() {
            let is_move = |(key, _): &(ModelKey, Instant)| {
                change.subject == Subject::Model(key.clone())
                    && matches!(change.kind, ChangeKind::Alias(_))
            };
            if let Some(at) = moved.iter().position(is_move) {
                let (key, at) = moved.swap_remove(at);
                let took = at.elapsed().as_secs_f64();
                let of = if focus.models.contains(&key) {
                    &mut worst.0
                } else {
                    &mut worst.1
                };
                *of = of.max(took);
            }
        }
        if done < MOVES && next.is_some_and(|at| at <= Instant::now()) {
            next = Some(Instant::now() + APART);
            for key in [&keys[done], &keys[MODELS / 2 + done]] {
                assert!(servers.set_alias(key.name.raw(), "champion", 3 + done as u32));
                moved.push((key.clone(), Instant::now()));
            }
            done += 1;
        }
    }
    assert_eq!(done, MOVES, "the first sweep took too long");
    assert!(moved.is_empty(), "moves that were not seen: {moved:?}");
    assert!(ticks.iter().all(|t| !t.is_empty()), "no tick was seen");
    Watched {
        sweeps,
        forty: median(&ticks[0]),
        ten: median(&ticks[1]),
        shown: worst.0,
        elsewhere: worst.1,
    }
}
