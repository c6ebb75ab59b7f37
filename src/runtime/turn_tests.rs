use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, Condvar, Mutex};

use super::*;
use crate::domain::key::SourceId;
use crate::domain::observation::{Coverage, Feed, Observation, PollReport, Rows};
use crate::domain::settings::{Context, Settings, SourceKind, SourceSettings, Writes};
use crate::domain::text::Clean;
use crate::domain::time::Millis;
use crate::intent::keymap::Keymap;
use crate::intent::msg::{Compute, Computed, Effect};
use crate::runtime::clock::Clock;
use crate::runtime::sources::{Common, Sources};
use crate::runtime::testing::{model, version};
use crate::runtime::writes::who;
use crate::runtime::writing::Writing;
use crate::terminal::caps::{ColorWish, Environment, detect};
use crate::terminal::writer::Writer;
use crossterm::event::{KeyCode, KeyModifiers};

/// A terminal's other side: what was written, and whether it takes more.
#[derive(Clone, Default)]
struct Paper(Arc<(Mutex<Written>, Condvar)>);

/// The bytes, and whether no more are taken.
type Written = (Vec<u8>, bool);

impl Paper {
    fn len(&self) -> usize {
        self.0.0.lock().unwrap().0.len()
    }

    fn text_since(&self, at: usize) -> String {
        String::from_utf8_lossy(&self.0.0.lock().unwrap().0[at..]).into_owned()
    }

    fn stall(&self, stalled: bool) {
        self.0.0.lock().unwrap().1 = stalled;
        self.0.1.notify_all();
    }
}

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.0.0.lock().unwrap();
        while state.1 {
            state = self.0.1.wait(state).unwrap();
        }
        state.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Keyboard for mpsc::UnboundedReceiver<Vec<Event>> {
    async fn next(&mut self) -> Option<io::Result<Vec<Event>>> {
        self.recv().await.map(Ok)
    }
}

struct Bench {
    turns: Turns<mpsc::UnboundedReceiver<Vec<Event>>>,
    remote: Remote,
}

/// What a test holds while the loop runs.
struct Remote {
    keys: Option<mpsc::UnboundedSender<Vec<Event>>>,
    out: mpsc::Sender<Msg>,
    alarm: mpsc::UnboundedSender<Alarm>,
    paper: Paper,
}

impl Remote {
    fn press(&self, c: char) {
        let key = KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE);
        self.keys
            .as_ref()
            .unwrap()
            .send(vec![Event::Key(key)])
            .unwrap();
    }

    fn escape(&self) {
        let key = KeyEvent::new(KeyCode::Esc, KeyModifiers::NONE);
        self.keys
            .as_ref()
            .unwrap()
            .send(vec![Event::Key(key)])
            .unwrap();
    }

    /// Waits until what was written since `at` contains a text.
    async fn shows(&self, at: usize, text: &str) -> bool {
        for _ in 0..2_000 {
            if self.paper.text_since(at).contains(text) {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        false
    }

    /// Waits until nothing was written for a while.
    async fn settle(&self) {
        let mut before = usize::MAX;
        while before != self.paper.len() {
            before = self.paper.len();
            tokio::time::sleep(Duration::from_millis(80)).await;
        }
    }
}

fn bench(contexts: BTreeMap<String, Arc<Context>>) -> Bench {
    let settings = Settings {
        contexts,
        context: "calm".to_owned(),
        ..Settings::default()
    };
    let clock = Arc::new(Clock::default());
    let (out, messages) = mpsc::channel(64);
    let (alarm, alarms) = mpsc::unbounded_channel();
    let (report, reports) = mpsc::unbounded_channel();
    let (keys, keyboard) = mpsc::unbounded_channel();
    let size = Size::new(120, 36);
    let keymap = Keymap::new(&BTreeMap::new()).unwrap();
    let app = App::new(Arc::new(settings), keymap, (120, 36), clock.now());
    let env = Environment {
        term: Some("xterm-256color".to_owned()),
        stdin_tty: true,
        stdout_tty: true,
        ..Environment::default()
    };
    let caps = detect(&env, ColorWish::Auto).unwrap();
    let look = looks::look(&app.settings().console, &caps, size, clock.now());
    let paper = Paper::default();
    let writer = Writer::spawn(paper.clone(), move |r| drop(report.send(r))).unwrap();
    let screen = Screen::new(writer, size, caps.frame_gap()).unwrap();
    let common = Common {
        limits: Arc::default(),
        clock,
        out: out.clone(),
    };
    let sources = Sources::start(app.context(), app.fleet().settings(), &common);
    let hands = Hands::new(
        common,
        sources,
        None,
        rows,
        alarm.clone(),
        Writing::new(None, who::session()),
    );
    let turns = Turns {
        app,
        look,
        caps,
        keyboard,
        decoder: Decoder::new(caps.escape_hold()),
        screen,
        session: None,
        hands,
        messages,
        reports,
        alarms,
        due: Due::default(),
        saving: Saving::default(),
        shown: 0,
    };
    Bench {
        turns,
        remote: Remote {
            keys: Some(keys),
            out,
            alarm,
            paper,
        },
    }
}

fn rows(work: Compute) -> Computed {
    let Compute::RunRows { runs, spec } = work;
    std::thread::sleep(Duration::from_millis(20));
    Computed::RunRows {
        generation: runs.generation(),
        rows: Vec::new(),
        spec,
    }
}

fn calm() -> BTreeMap<String, Arc<Context>> {
    BTreeMap::from([(
        "calm".to_owned(),
        Arc::new(Context {
            name: Clean::name("calm"),
            ..Context::default()
        }),
    )])
}

fn observed(turns: &Turns<impl Keyboard>, at: i64, champion: u64) -> Msg {
    Msg::Observed(Box::new(Observation {
        context: Arc::clone(turns.app.context()),
        source: SourceId::new("s"),
        feed: Feed::Models,
        asked_at: Millis(at),
        server_time: None,
        coverage: Coverage::Partial,
        upserts: Rows::Models((0..50).map(|n| model(&format!("m{n}"), champion)).collect()),
        gone: Vec::new(),
    }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_drawn_at_once_while_data_floods() {
    let Bench { mut turns, remote } = bench(calm());
    let flood: Vec<Msg> = (0..200)
        .map(|n| observed(&turns, n, n as u64 % 7))
        .collect();
    let out = remote.out.clone();
    let flooding = tokio::spawn(async move {
        let mut at = 0;
        loop {
            for msg in &flood {
                let mut msg = msg.clone();
                if let Msg::Observed(o) = &mut msg {
                    at += 1;
                    o.asked_at = Millis(at);
                }
                if out.send(msg).await.is_err() {
                    return;
                }
            }
        }
    });
    let script = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let mut worst = Duration::ZERO;
        for _ in 0..5 {
            let (at, pressed) = (remote.paper.len(), Instant::now());
            remote.press('?');
            assert!(
                remote.shows(at, "Keys").await,
                "help is drawn under the flood"
            );
            worst = worst.max(pressed.elapsed());
            remote.escape();
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        remote.alarm.send(Alarm::Terminate).unwrap();
        worst
    });
    let end = turns.run().await;
    flooding.abort();
    let worst = script.await.unwrap();
    assert!(matches!(end, End::Left));
    assert!(
        worst < Duration::from_millis(500),
        "{worst:?} in a debug build"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stalled_terminal_holds_back_neither_updates_nor_the_end() {
    let Bench { mut turns, remote } = bench(calm());
    remote.paper.stall(true);
    let messages: Vec<Msg> = (1..400).map(|n| observed(&turns, n, n as u64)).collect();
    let script = tokio::spawn(async move {
        for msg in messages {
            let taken = tokio::time::timeout(Duration::from_secs(5), remote.out.send(msg)).await;
            assert!(taken.is_ok(), "the loop goes on taking messages");
        }
        remote.alarm.send(Alarm::Terminate).unwrap();
        remote
    });
    let end = turns.run().await;
    assert!(matches!(end, End::Left));
    assert_eq!(turns.app.fleet().models().len(), 50);
    script.await.unwrap().paper.stall(false);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unchanged_facts_cost_no_bytes() {
    let Bench { mut turns, remote } = bench(calm());
    let first = observed(&turns, 1, 3);
    let context = Arc::clone(turns.app.context());
    let script = tokio::spawn(async move {
        remote.out.send(first.clone()).await.unwrap();
        assert!(remote.shows(0, "calm").await, "a first frame is drawn");
        remote.settle().await;
        let before = remote.paper.len();
        for n in 0..50_i64 {
            let report = PollReport {
                partial: None,
                context: Arc::clone(&context),
                source: SourceId::new("s"),
                feed: Feed::Models,
                asked_at: Millis(n),
                took_ms: 1,
                clock_skew_ms: None,
                fault: None,
                next_at: Millis(n + 10_000),
            };
            remote.out.send(first.clone()).await.unwrap();
            remote
                .out
                .send(Msg::Polled(Box::new(report)))
                .await
                .unwrap();
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        remote.settle().await;
        let written = remote.paper.text_since(before);
        remote.alarm.send(Alarm::Terminate).unwrap();
        written
    });
    turns.run().await;
    let written = script.await.unwrap();
    // A minute of the wall clock may have ended meanwhile: that alone may be seen.
    assert!(written.len() < 120, "{written:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_context_is_left_at_once() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let mut contexts = calm();
    let dead = Context {
        name: Clean::name("dead"),
        sources: (0..20)
            .map(|n| SourceSettings::new(&format!("s{n}"), SourceKind::Mlflow, &url))
            .collect(),
        ..Context::default()
    };
    contexts.insert("dead".to_owned(), Arc::new(dead));
    let Bench { mut turns, remote } = bench(contexts);
    let Turns { hands, app, .. } = &mut turns;
    assert!(hands.carry_out(vec![Effect::Switch("dead".to_owned())], app, None));
    assert_eq!(app.context().name, "dead");
    tokio::time::sleep(Duration::from_millis(100)).await;
    let started = Instant::now();
    hands.carry_out(vec![Effect::Switch("calm".to_owned())], app, None);
    assert!(
        started.elapsed() < Duration::from_millis(50),
        "{:?}",
        started.elapsed()
    );
    assert_eq!(
        (app.context().name.as_str(), app.context().generation),
        ("calm", 2)
    );
    drop(remote);
}

#[tokio::test]
async fn an_ask_that_nobody_can_take_is_answered() {
    use crate::domain::query::Query;
    let Bench { mut turns, .. } = bench(calm());
    let Turns { hands, app, .. } = &mut turns;
    let query = Query::Versions(crate::runtime::testing::model_key("a"));
    let ask = Effect::Fetch {
        source: SourceId::new("none"),
        query: query.clone(),
    };
    hands.carry_out(vec![ask], app, None);
    let answer = hands.own.pop_front();
    assert!(matches!(answer, Some(Msg::Fetched { query: q, result: Err(_), .. }) if q == query));
}

#[tokio::test]
async fn of_much_work_only_the_newest_is_done() {
    use crate::domain::fleet::runs::RunStore;
    use crate::domain::key::{ExperimentKey, Key};
    use crate::intent::filter::Filter;
    use crate::intent::msg::{RunColumn, RunRows};
    let Bench { mut turns, .. } = bench(calm());
    let work = |id: &str| {
        let tracker = crate::runtime::testing::model_key("a").registry;
        let spec = RunRows {
            experiment: ExperimentKey {
                tracker,
                id: Key::new(id),
            },
            filter: Filter::default(),
            sort: RunColumn::Name,
            descending: false,
        };
        Effect::Compute(Box::new(Compute::RunRows {
            runs: RunStore::default(),
            spec,
        }))
    };
    let Turns {
        hands, app, alarms, ..
    } = &mut turns;
    hands.carry_out((0..50).map(|n| work(&n.to_string())).collect(), app, None);
    let mut done = Vec::new();
    while hands.computing {
        let Some(Alarm::Computed(computed)) = alarms.recv().await else {
            panic!()
        };
        if let Msg::Computed(Computed::RunRows { spec, .. }) = hands.computed(computed) {
            done.push(spec.experiment.id);
        }
    }
    assert_eq!(done, [Key::new("0"), Key::new("49")]);
}

#[tokio::test]
async fn the_end_of_input_is_the_end() {
    let Bench {
        mut turns,
        mut remote,
    } = bench(calm());
    remote.keys = None;
    assert!(matches!(turns.run().await, End::NoTerminal(_)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lone_escape_is_let_go_under_a_flood() {
    let Bench { mut turns, remote } = bench(calm());
    let flood = observed(&turns, 1, 1);
    let out = remote.out.clone();
    let flooding = tokio::spawn(async move { while out.send(flood.clone()).await.is_ok() {} });
    let script = tokio::spawn(async move {
        let at = remote.paper.len();
        remote.press('?');
        assert!(remote.shows(at, "Keys").await);
        let at = remote.paper.len();
        remote.escape();
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(remote.paper.len() > at, "help is closed");
        remote.alarm.send(Alarm::Terminate).unwrap();
    });
    turns.run().await;
    flooding.abort();
    script.await.unwrap();
}

/// The time until the wall clock's next second has just begun.
fn to_next_second() -> Duration {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap();
    Duration::from_millis(1_020).saturating_sub(Duration::from_millis(since.subsec_millis().into()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frame_without_a_change_counts_as_seen_at_once() {
    let mut contexts = calm();
    let context = contexts.get_mut("calm").unwrap();
    let context = Arc::make_mut(context);
    context.writes = Writes::Confirm;
    let source = SourceSettings::new("s", SourceKind::Mlflow, "http://127.0.0.1:1");
    context.sources = vec![source];
    // Nobody reads the source: nothing but keys changes the screen.
    let Bench { mut turns, remote } = bench(calm());
    let settings = Settings {
        contexts,
        context: "calm".to_owned(),
        ..Settings::default()
    };
    let keymap = Keymap::new(&BTreeMap::new()).unwrap();
    let now = turns.hands.common.clock.now();
    turns.app = App::new(Arc::new(settings), keymap, (120, 36), now);
    let now = turns.hands.common.clock.now().wall;
    let here = Arc::clone(turns.app.context());
    let read = |feed, upserts| {
        Msg::Observed(Box::new(Observation {
            context: Arc::clone(&here),
            source: SourceId::new("s"),
            feed,
            asked_at: now,
            server_time: None,
            coverage: Coverage::Partial,
            upserts,
            gone: Vec::new(),
        }))
    };
    let models = read(Feed::Models, Rows::Models(vec![model("churn", 1)]));
    let versions = [1, 2].map(|n| version("churn", n)).to_vec();
    let versions = read(Feed::Versions, Rows::Versions(versions));
    let script = tokio::spawn(async move {
        remote.out.send(models).await.unwrap();
        remote.out.send(versions).await.unwrap();
        remote.press('2');
        assert!(remote.shows(0, "churn").await);
        remote.press('p');
        assert!(remote.shows(0, "tab goes here").await);
        tokio::time::sleep(Duration::from_millis(700)).await;
        // Read anew twice within one second, which the plan writes down: the second time every cell is as it was.
        tokio::time::sleep(to_next_second()).await;
        for _ in 0..2 {
            remote.press('r');
            tokio::time::sleep(Duration::from_millis(600)).await;
        }
        let at = remote.paper.len();
        remote.press('@');
        assert!(remote.shows(at, "POST").await, "the sheet hears again");
        remote.alarm.send(Alarm::Terminate).unwrap();
    });
    assert!(matches!(turns.run().await, End::Left));
    script.await.unwrap();
}
