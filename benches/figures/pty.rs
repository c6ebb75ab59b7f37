//! The built program in a pseudo-terminal, against the simulated fleet in a process of its own.

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child as Process, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use quarterdeck::config::{self, Environment, Overrides};
use quarterdeck::domain::observation::{ContextRef, Feed, Rows};
use quarterdeck::domain::settings::Context;
use quarterdeck::domain::text::Clean;
use quarterdeck::intent::msg::Msg;
use quarterdeck::runtime::clock::Clock;
use quarterdeck::runtime::limits::Limits;
use quarterdeck::runtime::sources::{Common, Sources};
use quarterdeck::sim::{Options, Scale, Scenario, SimFleet};
use tokio::sync::mpsc;

use crate::load::{ENDPOINTS, MODELS, RUNS, VERSIONS};
use crate::machine::{Samples, processor_time, resident};
use crate::stage::SCREEN;
use crate::{PART, Values, series};

/// The end of a frame: of its synchronized update.
const FRAME_END: &[u8] = b"\x1b[?2026l";
const PATIENCE: Duration = Duration::from_secs(90);

/// The part that serves: prints what to point the console at, then its requests whenever asked.
pub(crate) fn serve(scale: Scale) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let options = Options {
        scale,
        scenario: Scenario::Calm,
        ..Options::default()
    };
    let fleet = runtime
        .block_on(SimFleet::start(options))
        .expect("free ports");
    let mut out = std::io::stdout();
    if let Scale::Load { models, .. } = scale {
        let names = fleet.model_names();
        assert_eq!(names.len(), models, "every model of the load");
        let url = runtime.block_on(series::serve(names));
        writeln!(out, "--prometheus\t{url}").expect("a reader");
    }
    for server in fleet.endpoints() {
        match &server.model {
            None => writeln!(out, "--mlflow\t{}", server.url),
            Some(_) => writeln!(
                out,
                "--serving\t{}={}+{}",
                server.name, server.kind, server.url
            ),
        }
        .expect("a reader");
    }
    writeln!(out, "ready").expect("a reader");
    let fleet = Arc::new(fleet);
    if scale != Scale::Demo {
        let fleet = Arc::clone(&fleet);
        std::thread::spawn(move || change(&fleet));
    }
    let mut line = String::new();
    // Ends when the measurement does and closes the pipe.
    while std::io::stdin().read_line(&mut line).is_ok_and(|n| n > 0) {
        let of = |name: &str| fleet.faults().requests(name);
        let endpoints = fleet.endpoints().iter().filter(|s| s.model.is_some());
        let endpoints: u64 = endpoints.map(|s| of(&s.name)).sum();
        let _ = writeln!(out, "{} {endpoints}", of("mlflow"));
    }
}

/// Fifty versions change a second, of models in turn, until the process ends.
fn change(fleet: &SimFleet) {
    let models: Vec<String> = {
        let served = fleet.endpoints().iter().filter_map(|s| s.model.clone());
        served.collect()
    };
    for turn in 0_usize.. {
        let model = &models[turn % models.len()];
        let version = u32::try_from(VERSIONS).expect("few");
        fleet.set_version_tag(model, version, "review", &format!("passed {turn}"));
        std::thread::sleep(Duration::from_millis(20));
    }
}

struct Servers {
    process: Process,
    answers: BufReader<std::process::ChildStdout>,
    flags: Vec<String>,
}

impl Servers {
    fn start(part: &str) -> Self {
        let this = std::env::current_exe().expect("this program");
        let mut process = Command::new(this)
            .env(PART, part)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program again");
        let mut answers = BufReader::new(process.stdout.take().expect("a pipe"));
        let mut flags = Vec::new();
        loop {
            let mut line = String::new();
            answers
                .read_line(&mut line)
                .expect("the servers' addresses");
            match line.trim_end().split_once('\t') {
                Some((flag, value)) => flags.extend([flag.to_owned(), value.to_owned()]),
                None => {
                    return Self {
                        process,
                        answers,
                        flags,
                    };
                }
            }
        }
    }

    /// Requests that the tracker and all endpoints have been sent.
    fn requests(&mut self) -> (f64, f64) {
        let mut line = String::new();
        let input = self.process.stdin.as_mut().expect("a pipe");
        input.write_all(b"\n").expect("the servers");
        self.answers.read_line(&mut line).expect("the servers");
        let (tracker, endpoints) = line.trim().split_once(' ').expect("two numbers");
        let number = |text: &str| text.parse().expect("a number");
        (number(tracker), number(endpoints))
    }

    /// Settings by which 500 endpoints are polled 400 times a second and the tracker every second, in
    /// place of flags; and their context.
    fn hurry(&mut self, home: &Path) -> Arc<Context> {
        let pairs = self.flags.chunks(2).map(|pair| (&pair[0], &pair[1]));
        let tables = pairs.map(|(flag, value)| {
            if flag == "--mlflow" {
                return format!(
                    "[[contexts.load.sources]]\nname = \"mlflow\"\nurl = \"{value}\"\nevery = \"1s\"\n"
                );
            }
            if flag == "--prometheus" {
                return series::settings(value);
            }
            let (name, rest) = value.split_once('=').expect("a name");
            let (kind, url) = rest.split_once('+').expect("a kind");
            format!(
                "[[contexts.load.deployments]]\nname = \"{name}\"\nkind = \"{kind}\"\nurl = \"{url}\"\nevery = \"1250ms\"\n"
            )
        });
        let settings: String = tables.collect();
        let path = home.join("load.toml");
        std::fs::write(&path, &settings).expect("a settings file");
        let name = path.to_string_lossy();
        let loaded = config::load_text(
            &name,
            &settings,
            &Overrides::default(),
            &Environment::default(),
        );
        let contexts = loaded.settings.expect("settings without errors").contexts;
        let context = Arc::clone(&contexts["load"]);
        let path = path.to_str().expect("a plain path").to_owned();
        self.flags = ["--config", &path, "--context", "load"]
            .map(str::to_owned)
            .into();
        context
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

type Output = Arc<Mutex<(Vec<u8>, Instant)>>;

/// The console in its terminal. Dropping it ends it.
struct Console {
    child: Box<dyn Child + Send + Sync>,
    input: Arc<Mutex<Box<dyn std::io::Write + Send>>>,
    output: Output,
    began: Instant,
    _master: Box<dyn MasterPty + Send>,
}

impl Console {
    fn start(servers: &Servers, home: &Path) -> Self {
        let size = PtySize {
            rows: SCREEN.1,
            cols: SCREEN.0,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system()
            .openpty(size)
            .expect("a pseudo-terminal");
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_quarterdeck"));
        command.args(&servers.flags);
        command.env_clear();
        for (name, value) in [("TERM", "xterm-256color"), ("LANG", "C.UTF-8")] {
            command.env(name, value);
        }
        command.env("HOME", home);
        command.cwd(home);
        let mut reader = pair.master.try_clone_reader().expect("a reader");
        let input = Arc::new(Mutex::new(pair.master.take_writer().expect("a writer")));
        let output: Output = Arc::new(Mutex::new((Vec::new(), Instant::now())));
        let (shared, answers) = (Arc::clone(&output), Arc::clone(&input));
        std::thread::spawn(move || {
            let mut chunk = [0_u8; 8_192];
            while let Ok(n) = reader.read(&mut chunk) {
                if n == 0 {
                    return;
                }
                let mut held = shared.lock().expect("the lock");
                held.0.extend_from_slice(&chunk[..n]);
                held.1 = Instant::now();
                if chunk[..n].windows(3).any(|w| w == b"\x1b[c") {
                    let answer = b"\x1b]11;rgb:1e1e/1e1e/2e2e\x1b\\\x1b[?62;22c";
                    let _ = answers.lock().expect("the lock").write_all(answer);
                }
            }
        });
        let began = Instant::now();
        let child = pair.slave.spawn_command(command).expect("the program");
        Self {
            child,
            input,
            output,
            began,
            _master: pair.master,
        }
    }

    fn press(&self, keys: &str) {
        let mut input = self.input.lock().expect("the lock");
        input.write_all(keys.as_bytes()).expect("typing");
    }

    fn written(&self) -> usize {
        self.output.lock().expect("the lock").0.len()
    }

    /// When `what` came after a mark; `None` if it did not come in time.
    fn wait(&self, mark: usize, what: &[u8], limit: Duration) -> Option<Instant> {
        let end = Instant::now() + limit;
        while Instant::now() < end {
            {
                let held = self.output.lock().expect("the lock");
                if held.0[mark..].windows(what.len()).any(|w| w == what) {
                    return Some(held.1);
                }
            }
            std::thread::sleep(Duration::from_micros(50));
        }
        None
    }

    fn process(&self) -> String {
        self.child.process_id().expect("a process").to_string()
    }

    fn leave(mut self) {
        self.press("q");
        let end = Instant::now() + Duration::from_secs(5);
        while Instant::now() < end {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = self.child.kill();
    }
}

pub(crate) fn full_scale() -> Scale {
    Scale::Load {
        models: MODELS,
        versions: VERSIONS,
        runs: RUNS,
        endpoints: ENDPOINTS,
    }
}

/// The whole load behind the built program: memory, keys, requests, and a second start.
pub(crate) fn loaded() -> Values {
    let mut servers = Servers::start("serve-load");
    let home = tempfile::tempdir().expect("a temporary folder");
    let context = servers.hurry(home.path());
    let console = Console::start(&servers, home.path());
    console.wait(0, b"Triage", PATIENCE).expect("a first frame");
    console.press("2");
    console.wait(0, b"-00", PATIENCE).expect("models on screen");
    // The first sweep of everything, and several polls of all series.
    std::thread::sleep(Duration::from_secs(50));
    let (before, began) = (servers.requests(), Instant::now());
    let mut samples = Samples::default();
    for turn in 0..300_usize {
        let mark = console.written();
        let pressed = Instant::now();
        console.press(if turn % 40 < 20 { "j" } else { "k" });
        if let Some(at) = console.wait(mark, FRAME_END, Duration::from_millis(500)) {
            samples.add(at.saturating_duration_since(pressed));
        }
        std::thread::sleep(Duration::from_millis(37));
    }
    let (after, seconds) = (servers.requests(), began.elapsed().as_secs_f64());
    let memory = resident(&console.process());
    console.leave();
    let again = Console::start(&servers, home.path());
    let first = again.wait(0, FRAME_END, PATIENCE).expect("a first frame");
    let start = first.saturating_duration_since(again.began);
    again.leave();
    let [observations, rows, series] = told(&context);
    [
        ("start to first frame, pty, ms", start.as_secs_f64() * 1e3),
        ("key to pixels, pty, p50, ms", samples.quantile(0.5)),
        ("key to pixels, pty, p99, ms", samples.quantile(0.99)),
        ("resident, built program under the load, MB", memory),
        (
            "requests to the tracker a minute, 40 models on screen",
            (after.0 - before.0) / seconds * 60.0,
        ),
        (
            "requests to the endpoints a second",
            (after.1 - before.1) / seconds,
        ),
        (
            "observations a second, as its actors tell them",
            observations,
        ),
        ("changed rows in them a second", rows),
        ("series that its actors tell of", series),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// Observations and their rows a second after the first sweep, and how many series: as the console's own
/// actors tell them, with the settings that it had.
fn told(context: &Arc<Context>) -> [f64; 3] {
    const COUNTED: Duration = Duration::from_secs(8);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let reference = Arc::new(ContextRef {
            name: Clean::name("load"),
            generation: 0,
        });
        let (out, mut messages) = mpsc::channel(256);
        let common = Common {
            limits: Arc::new(Limits::default()),
            clock: Arc::new(Clock::default()),
            out,
        };
        let sources = Sources::start(&reference, context, &common);
        let mut began: Option<Instant> = None;
        let (mut observations, mut rows) = (0_usize, 0_usize);
        let (mut series, mut all) = (HashSet::new(), false);
        while !all || began.is_none_or(|at| at.elapsed() < COUNTED) {
            match messages.recv().await.expect("running actors") {
                Msg::Observed(observation) => {
                    if began.is_some_and(|at| at.elapsed() < COUNTED) {
                        observations += 1;
                        rows += observation.upserts.len();
                    }
                    if let Rows::Signals(readings) = observation.upserts {
                        series.extend(readings.into_iter().map(|reading| reading.key));
                    }
                }
                Msg::Polled(report) if report.feed == Feed::Versions => {
                    began.get_or_insert_with(Instant::now);
                }
                Msg::Polled(report) => all |= report.feed == Feed::Signals,
                _ => {}
            }
        }
        sources.stop().await;
        let seconds = COUNTED.as_secs_f64();
        let each = |count: usize| count as f64 / seconds;
        [each(observations), each(rows), series.len() as f64]
    })
}

/// Waits for a minute's first seconds: what follows has most of a minute before the clock moves on.
fn begin_with_a_minute() {
    let second = || {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        now.expect("a clock after 1970").as_secs() % 60
    };
    while second() > 8 {
        std::thread::sleep(Duration::from_millis(250));
    }
}

/// A calm small fleet, thirty seconds without a key in which no minute turns: neither the header's clock
/// nor an age that the first seconds began has a reason to change.
pub(crate) fn idle() -> Values {
    let servers = Servers::start("serve-calm");
    let home = tempfile::tempdir().expect("a temporary folder");
    begin_with_a_minute();
    let console = Console::start(&servers, home.path());
    console.wait(0, b"Triage", PATIENCE).expect("a first frame");
    std::thread::sleep(Duration::from_secs(12));
    let (mark, time) = (console.written(), processor_time(&console.process()));
    std::thread::sleep(Duration::from_secs(30));
    let bytes = console.written() - mark;
    let share = (processor_time(&console.process()) - time) / 30.0 * 100.0;
    console.leave();
    [
        ("idle, 30 s, share of a core, %", share),
        ("idle, 30 s, bytes to the terminal", bytes as f64),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}
