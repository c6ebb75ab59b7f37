//! A small console, run by this test program when it starts itself in a pseudo-terminal: the
//! terminal room at work without the rest of the house.

use std::io::Write as _;
use std::time::{Duration, Instant};

use crossterm::event::{KeyCode, KeyModifiers};
use quarterdeck::terminal::caps::{ColorWish, Environment, detect};
use quarterdeck::terminal::events::Events;
use quarterdeck::terminal::frame::FrameBackend;
use quarterdeck::terminal::input::{Decoder, Input};
use quarterdeck::terminal::session::{Modes, Session, Suspended};
use quarterdeck::terminal::watch::Watch;
use quarterdeck::terminal::writer::{Report, Writer};
use quarterdeck::terminal::{panic, query};
use ratatui::Terminal;
use ratatui::style::{Color, Style};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::harness::Builder;

const SWITCH: &str = "QUARTERDECK_PTY_CHILD";
/// The exit code when the watch found the terminal gone.
pub(crate) const HUNG_UP: u32 = 41;
/// The exit code when the writer failed.
pub(crate) const WRITER_FAILED: u32 = 42;

/// The exit code when the event stream ended.
pub(crate) const INPUT_ENDED: u32 = 43;

/// Starts the small console. `how` may hold `deaf`: SIGHUP is ignored; `still`: once ready, it draws
/// no more; `blind`: it listens to no input.
pub(crate) fn console(how: &str) -> Builder {
    let this = std::env::current_exe().expect("this test program");
    Builder::program(this)
        .args(["--exact", "child::child", "--nocapture", "--test-threads=1"])
        .env(SWITCH, format!("on {how}"))
}

/// Not a test unless the switch is set: then it is the small console, and never returns.
#[test]
fn child() {
    let Ok(how) = std::env::var(SWITCH) else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let code = runtime.block_on(run(&how));
    std::process::exit(i32::try_from(code).expect("a small code"));
}

enum News {
    Writer(Report),
    HungUp,
    Panicked(String),
}

struct Console {
    terminal: Terminal<FrameBackend>,
    writer: Writer,
    about: String,
    keys: Vec<String>,
    noise: u16,
}

impl Console {
    /// Draws if the writer is free; whether it was.
    fn draw(&mut self) -> bool {
        if !self.writer.is_ready() {
            return false;
        }
        let (about, keys, noise) = (&self.about, self.keys.join(" "), self.noise);
        self.terminal
            .draw(|frame| {
                let area = frame.area();
                let size = format!("{}x{} {about}", area.width, area.height);
                let buffer = frame.buffer_mut();
                if noise > 0 {
                    for (i, cell) in buffer.content.iter_mut().enumerate() {
                        let i = i as u8;
                        let n = noise as u8;
                        cell.set_symbol("#");
                        cell.set_style(Style::new().fg(Color::Rgb(i.wrapping_mul(7), n, i)));
                    }
                }
                buffer.set_string(0, 0, size, Style::new());
                buffer.set_string(0, 1, format!("keys: {keys}"), Style::new());
            })
            .expect("drawing into memory");
        let spare = self.writer.spare();
        if let Some(frame) = self.terminal.backend_mut().take(spare) {
            self.writer.submit(frame).expect("a free writer");
        }
        true
    }
}

/// Up to the first frame.
fn start(tx: &mpsc::Sender<News>) -> (Session, Console) {
    let session = Session::open(Modes {
        mouse: true,
        ..Modes::default()
    })
    .expect("a terminal");
    let panicked = tx.clone();
    panic::install(session.handle(), move |report| {
        let _ = panicked.try_send(News::Panicked(report.message.to_string()));
    });
    session.enter().expect("entering");
    let reports = tx.clone();
    let writer = Writer::spawn(session.output(), move |r| {
        let _ = reports.try_send(News::Writer(r));
    })
    .expect("a writer");
    let size = session.size().expect("a size");
    let mut console = Console {
        terminal: Terminal::new(FrameBackend::new(size)).expect("memory"),
        writer,
        about: "first frame".to_owned(),
        keys: Vec::new(),
        noise: 0,
    };
    console.draw();
    console.writer.drain(Duration::from_millis(500));
    (session, console)
}

async fn run(how: &str) -> u32 {
    let caps = match detect(&Environment::read(), ColorWish::Auto) {
        Ok(caps) => caps,
        Err(refusal) => {
            let _ = writeln!(std::io::stdout(), "refused: {refusal}");
            return 2;
        }
    };
    let (tx, mut news) = mpsc::channel(16);
    let (session, mut console) = start(&tx);

    let answers = query::ask(&session, caps.answer_limit()).expect("asking");
    let caps = caps.learn(&answers);
    if caps.kitty {
        console.terminal.backend_mut().append(session.set_kitty());
    }
    let mut decoder = Decoder::new(caps.escape_hold());
    if !answers.complete {
        decoder.expect_late_reply(Instant::now() + Duration::from_secs(2));
    }
    console.about = format!("{:?} kitty={} ready", caps.scheme, caps.kitty);
    let _watch = Watch::start(&session, move || {
        let _ = tx.try_send(News::HungUp);
    })
    .expect("a watch");

    let mut terminate = signal(SignalKind::terminate()).expect("signals");
    let mut hang_up = signal(SignalKind::hangup()).expect("signals");
    let mut stop =
        signal(SignalKind::from_raw(rustix::process::Signal::TSTP.as_raw())).expect("signals");
    let mut events = Events::start(&session).expect("a reader");
    let mut early: Vec<Input> = query::typed_keys(&answers.typed)
        .into_iter()
        .map(Input::Key)
        .collect();
    let mut drawn = false;
    loop {
        let mut suspend = false;
        for input in std::mem::take(&mut early) {
            match react(&mut console, input) {
                Next::On => {}
                Next::Suspend => suspend = true,
                Next::Quit => {
                    console.writer.close();
                    return 0;
                }
            }
        }
        if suspend {
            console.writer.drain(Duration::from_millis(500));
            let suspended = tokio::select! {
                s = session.suspend() => s.expect("suspending"),
                _ = terminate.recv() => return 0,
            };
            match suspended {
                Suspended::Continued(size) => {
                    console.keys.push("continued".to_owned());
                    console.terminal.backend_mut().forget();
                    console.terminal.backend_mut().set_size(size);
                    console.terminal.clear().expect("memory");
                }
                Suspended::NoShell => console.keys.push("no-shell".to_owned()),
            }
        }
        if !(how.contains("still") && drawn) {
            drawn = console.draw();
        }
        let held = decoder.deadline();
        tokio::select! {
            biased;
            _ = terminate.recv() => return 0,
            _ = hang_up.recv(), if !how.contains("deaf") => return 0,
            _ = stop.recv() => early.push(Input::Key(ctrl('z'))),
            event = events.next(), if !how.contains("blind") => match event {
                Some(Ok(events)) => early = decoder.feed(events, Instant::now()).inputs,
                _ => return INPUT_ENDED,
            },
            () = tokio::time::sleep_until(held.unwrap_or_else(Instant::now).into()), if held.is_some() => {
                early = decoder.expire(Instant::now()).inputs;
            }
            item = news.recv() => match item.expect("the watch holds a sender") {
                News::Writer(Report::Done(_)) => {}
                News::Writer(Report::Failed(_)) => return WRITER_FAILED,
                News::HungUp => return HUNG_UP,
                News::Panicked(message) => console.keys.push(format!("sink({message})")),
            }
        }
    }
}

fn ctrl(c: char) -> crossterm::event::KeyEvent {
    crossterm::event::KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL)
}

enum Next {
    On,
    Suspend,
    Quit,
}

fn react(console: &mut Console, input: Input) -> Next {
    let name = match input {
        Input::Key(key) if key == ctrl('z') => return Next::Suspend,
        Input::Key(key) => match key.code {
            KeyCode::Char('q') if key.modifiers.is_empty() => return Next::Quit,
            // Handled and drawn, and nothing on the screen changes.
            KeyCode::Char('N') => return Next::On,
            KeyCode::Char('P') => panic!("asked for on the main thread"),
            KeyCode::Char('T') => {
                std::thread::spawn(|| panic!("asked for elsewhere"));
                return Next::On;
            }
            KeyCode::Char('#') => {
                console.noise += 1;
                // Where a test can see it while the terminal is stalled.
                let mut log = std::fs::OpenOptions::new()
                    .create(true)
                    .append(true)
                    .open("log")
                    .expect("a log");
                writeln!(log, "noise {}", console.noise).expect("a log");
                return Next::On;
            }
            KeyCode::Char(c) if key.modifiers.contains(KeyModifiers::ALT) => format!("alt-{c}"),
            KeyCode::Char(c) => c.to_string(),
            other => format!("{other:?}").to_lowercase(),
        },
        Input::Paste(text) => format!("paste({text})"),
        Input::Mouse(_) => "mouse".to_owned(),
        Input::Focus(on) => format!("focus({on})"),
        Input::Resize(size) => {
            console.terminal.backend_mut().set_size(size);
            return Next::On;
        }
    };
    console.keys.push(name);
    Next::On
}
