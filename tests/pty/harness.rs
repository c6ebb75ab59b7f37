//! A program in a pseudo-terminal, and a person before it who sees the screen and types.
//!
//! Every wait is on what the screen shows, with a deadline; a wait that fails prints the screen.
//! The terminal answers the start-up questions as a modern one does, unless told to be mute.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal};

/// How long a wait lasts before it fails. Generous: a loaded machine is slow, a defect is for ever.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A request for device attributes.
const LAST_QUESTION: &[u8] = b"\x1b[c";

/// How a program is to be started.
pub(crate) struct Builder {
    program: OsString,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    size: (u16, u16),
    behaviour: Behaviour,
    shell: bool,
}

/// How the terminal behaves.
#[derive(Clone)]
struct Behaviour {
    /// Whether it answers questions.
    answers: bool,
    /// Whether it knows the kitty keyboard protocol.
    kitty: bool,
    /// Its background colour.
    background: &'static str,
}

impl Builder {
    pub(crate) fn program(program: impl Into<OsString>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            env: Vec::new(),
            size: (80, 24),
            behaviour: Behaviour {
                answers: true,
                kitty: false,
                background: "1e1e/1e1e/2e2e",
            },
            shell: false,
        }
    }

    /// The program itself.
    pub(crate) fn quarterdeck() -> Self {
        Self::program(env!("CARGO_BIN_EXE_quarterdeck"))
    }

    pub(crate) fn args<S: Into<OsString>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Columns and rows.
    pub(crate) fn size(mut self, columns: u16, rows: u16) -> Self {
        self.size = (columns, rows);
        self
    }

    /// Starts it below a shell in the same process group, as a wrapper script would.
    pub(crate) fn in_shell(mut self) -> Self {
        self.shell = true;
        self
    }

    /// A terminal that answers no question.
    pub(crate) fn mute(mut self) -> Self {
        self.behaviour.answers = false;
        self
    }

    /// A terminal that knows the kitty keyboard protocol.
    pub(crate) fn kitty(mut self) -> Self {
        self.behaviour.kitty = true;
        self
    }

    /// A terminal with a white background.
    pub(crate) fn light(mut self) -> Self {
        self.behaviour.background = "ffff/ffff/ffff";
        self
    }

    /// Starts the program. Its environment holds what a terminal sets and what was added, so that
    /// the developer's own settings change nothing.
    pub(crate) fn start(self) -> Pty {
        let home = tempfile::tempdir().expect("a temporary home");
        let mut command = if self.shell {
            let mut c = CommandBuilder::new("/bin/sh");
            c.args(["-c", "\"$0\" \"$@\"; exit $?"]);
            c.arg(&self.program);
            c
        } else {
            CommandBuilder::new(&self.program)
        };
        command.args(&self.args);
        command.env_clear();
        command.cwd(home.path());
        for (name, value) in [("TERM", "xterm-256color"), ("LANG", "C.UTF-8")] {
            command.env(name, value);
        }
        command.env("HOME", home.path());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        for (name, value) in &self.env {
            command.env(name, value);
        }

        let (columns, rows) = self.size;
        let pair = native_pty_system()
            .openpty(pty_size(columns, rows))
            .expect("a pseudo-terminal");
        let child = pair.slave.spawn_command(command).expect("the program");
        drop(pair.slave);
        let input: Input = Arc::new(Mutex::new(Some(
            pair.master.take_writer().expect("a writer"),
        )));
        let output = pair.master.try_clone_reader().expect("a reader");
        let shared = Arc::new(Shared::new(columns, rows));
        let reader = {
            let (shared, input, behaviour) =
                (Arc::clone(&shared), Arc::clone(&input), self.behaviour);
            std::thread::spawn(move || read(output, &shared, &input, &behaviour))
        };
        Pty {
            master: Some(pair.master),
            input,
            child,
            shared,
            reader: Some(reader),
            home,
        }
    }
}

fn pty_size(columns: u16, rows: u16) -> PtySize {
    PtySize {
        rows,
        cols: columns,
        pixel_width: 0,
        pixel_height: 0,
    }
}

fn cells(n: u16) -> NonZeroU16 {
    NonZeroU16::new(n).expect("a size above zero")
}

type Input = Arc<Mutex<Option<Box<dyn Write + Send>>>>;

struct State {
    parser: vt100::Parser,
    raw: Vec<u8>,
    /// Up to where questions have been answered.
    answered: usize,
    paused: bool,
    stopped: bool,
    ended: bool,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn new(columns: u16, rows: u16) -> Self {
        Self {
            state: Mutex::new(State {
                parser: vt100::Parser::new(cells(rows), cells(columns), 0),
                raw: Vec::new(),
                answered: 0,
                paused: false,
                stopped: false,
                ended: false,
            }),
            changed: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn change(&self, f: impl FnOnce(&mut State)) {
        f(&mut self.lock());
        self.changed.notify_all();
    }
}

fn read(mut output: Box<dyn Read + Send>, shared: &Shared, input: &Input, terminal: &Behaviour) {
    let mut chunk = [0_u8; 4096];
    loop {
        {
            let mut state = shared.lock();
            while state.paused && !state.stopped {
                state = shared.changed.wait(state).expect("the lock");
            }
            if state.stopped {
                return;
            }
        }
        let n = match output.read(&mut chunk) {
            Ok(0) | Err(_) => break,
            Ok(n) => n,
        };
        let asked = {
            let mut state = shared.lock();
            if state.stopped {
                return;
            }
            let bytes = &chunk[..n];
            state.raw.extend_from_slice(bytes);
            state.parser.process(bytes);
            // The last of the questions: all of them are here.
            let asked = state.raw[state.answered..]
                .windows(LAST_QUESTION.len())
                .position(|w| w == LAST_QUESTION);
            if let Some(at) = asked {
                state.answered += at + LAST_QUESTION.len();
            }
            asked.is_some()
        };
        shared.changed.notify_all();
        if asked && terminal.answers {
            let kitty = if terminal.kitty { "\x1b[?0u" } else { "" };
            let answer = format!(
                "\x1b]11;rgb:{}\x1b\\{kitty}\x1b[?62;22c",
                terminal.background
            );
            if let Some(input) = input.lock().expect("the lock").as_mut() {
                // A program that has ended needs no answer.
                let _ = input.write_all(answer.as_bytes());
            }
        }
    }
    shared.change(|s| s.ended = true);
}

/// A running program and its terminal. Dropping it ends both.
pub(crate) struct Pty {
    master: Option<Box<dyn MasterPty + Send>>,
    input: Input,
    child: Box<dyn Child + Send + Sync>,
    shared: Arc<Shared>,
    reader: Option<JoinHandle<()>>,
    home: tempfile::TempDir,
}

impl Pty {
    /// Types.
    pub(crate) fn send(&self, keys: &str) {
        let mut input = self.input.lock().expect("the lock");
        let input = input.as_mut().expect("a terminal that is still there");
        input.write_all(keys.as_bytes()).expect("typing");
        input.flush().expect("typing");
    }

    /// The screen as text.
    pub(crate) fn screen(&self) -> String {
        self.shared.lock().parser.screen().contents()
    }

    /// Waits until the screen is as described by `met`; fails with `what` and the screen.
    #[track_caller]
    pub(crate) fn wait_until(&self, what: &str, met: impl Fn(&vt100::Screen) -> bool) {
        let end = Instant::now() + PATIENCE;
        let mut state = self.shared.lock();
        while !met(state.parser.screen()) {
            let rest = end.saturating_duration_since(Instant::now());
            assert!(
                !rest.is_zero() && !state.ended,
                "{} waiting for {what}; the screen:\n{}",
                if state.ended {
                    "the program ended"
                } else {
                    "no patience left"
                },
                framed(state.parser.screen())
            );
            state = self
                .shared
                .changed
                .wait_timeout(state, rest)
                .expect("the lock")
                .0;
        }
    }

    /// Waits until the screen shows `text`.
    #[track_caller]
    pub(crate) fn wait_for(&self, text: &str) {
        self.wait_until(&format!("{text:?}"), |s| s.contents().contains(text));
    }

    /// Types `keys` again and again, once a second, until the screen shows `text`.
    #[track_caller]
    pub(crate) fn send_until(&self, keys: &str, text: &str) {
        let end = Instant::now() + PATIENCE * 2;
        while !self.shows_within(text, Duration::from_secs(1)) {
            assert!(
                Instant::now() < end,
                "{text:?} never came; the screen:\n{}",
                self.see(framed)
            );
            self.send(keys);
        }
    }

    /// Whether the screen shows `text` within `limit`.
    fn shows_within(&self, text: &str, limit: Duration) -> bool {
        let end = Instant::now() + limit;
        let mut state = self.shared.lock();
        while !state.parser.screen().contents().contains(text) {
            let rest = end.saturating_duration_since(Instant::now());
            if rest.is_zero() || state.ended {
                return false;
            }
            state = self
                .shared
                .changed
                .wait_timeout(state, rest)
                .expect("the lock")
                .0;
        }
        true
    }

    /// Waits until the screen no longer shows `text`.
    #[track_caller]
    pub(crate) fn wait_gone(&self, text: &str) {
        self.wait_until(&format!("{text:?} to go"), |s| !s.contents().contains(text));
    }

    /// Resizes the window.
    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        self.shared.change(|s| {
            s.parser.screen_mut().set_size(cells(rows), cells(columns));
        });
        let master = self
            .master
            .as_ref()
            .expect("a terminal that is still there");
        master.resize(pty_size(columns, rows)).expect("resizing");
    }

    /// How many bytes the program has written so far: a mark for [`bytes_since`](Self::bytes_since).
    pub(crate) fn mark(&self) -> usize {
        self.shared.lock().raw.len()
    }

    /// What the program has written since the mark.
    pub(crate) fn bytes_since(&self, mark: usize) -> Vec<u8> {
        self.shared.lock().raw[mark..].to_vec()
    }

    /// Looks at the screen.
    pub(crate) fn see<T>(&self, look: impl FnOnce(&vt100::Screen) -> T) -> T {
        look(self.shared.lock().parser.screen())
    }

    /// Whether the terminal edits lines and echoes, as a shell expects it.
    pub(crate) fn is_cooked(&self) -> bool {
        const ICANON_AND_ECHO: u64 = 0o12;
        let master = self
            .master
            .as_ref()
            .expect("a terminal that is still there");
        let termios = master.get_termios().expect("its settings");
        u64::from(termios.local_flags.bits()) & ICANON_AND_ECHO == ICANON_AND_ECHO
    }

    /// The window stops, or goes on, taking output: a link that has stalled.
    pub(crate) fn stall(&self, stalled: bool) {
        self.shared.change(|s| s.paused = stalled);
    }

    /// The process started, which leads its session and group.
    pub(crate) fn pid(&self) -> Pid {
        self.child
            .process_id()
            .and_then(|id| Pid::from_raw(i32::try_from(id).ok()?))
            .expect("a process")
    }

    /// Sends a signal to the process alone.
    pub(crate) fn signal(&self, signal: Signal) {
        rustix::process::kill_process(self.pid(), signal).expect("a process to signal");
    }

    /// Sends a signal to the whole process group.
    pub(crate) fn signal_group(&self, signal: Signal) {
        rustix::process::kill_process_group(self.pid(), signal).expect("a group to signal");
    }

    /// The letters by which the system names the states of all processes of the group: `T` is
    /// stopped.
    fn states(&self) -> Vec<char> {
        let group = self.pid().as_raw_pid().to_string();
        let processes = std::fs::read_dir("/proc").expect("the process table");
        processes
            .flatten()
            .filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok())
            .filter_map(|stat| {
                let mut fields = stat.rsplit_once(") ")?.1.split(' ');
                let state = fields.next()?.chars().next()?;
                (fields.nth(1)? == group).then_some(state)
            })
            .collect()
    }

    /// Waits until every process of the group is stopped.
    #[track_caller]
    pub(crate) fn wait_stopped(&self) {
        let end = Instant::now() + PATIENCE;
        loop {
            let states = self.states();
            if states.iter().all(|s| *s == 'T') {
                return;
            }
            assert!(Instant::now() < end, "not stopped: {states:?}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// A directory for the program's files, its home.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// Waits for the end of the program; its exit code.
    #[track_caller]
    pub(crate) fn exit(&mut self) -> u32 {
        self.exit_within(PATIENCE)
    }

    /// Waits at most `limit` for the end of the program, and then for its last output.
    #[track_caller]
    pub(crate) fn exit_within(&mut self, limit: Duration) -> u32 {
        let end = Instant::now() + limit;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                break status;
            }
            assert!(
                Instant::now() < end,
                "still running after {limit:?}; the screen:\n{}",
                self.see(framed)
            );
            std::thread::sleep(Duration::from_millis(2));
        };
        let mut state = self.shared.lock();
        while !state.ended && !state.paused && !state.stopped && Instant::now() < end {
            state = self
                .shared
                .changed
                .wait_timeout(state, Duration::from_millis(100))
                .expect("the lock")
                .0;
        }
        status.exit_code()
    }

    /// Closes the window: the terminal goes away below the program.
    pub(crate) fn hang_up(&mut self) {
        self.end_reader();
        drop(self.input.lock().expect("the lock").take());
        drop(self.master.take());
    }

    /// Ends the reader, whose blocked read keeps the terminal open. A byte through the other side
    /// wakes it.
    fn end_reader(&mut self) {
        self.shared.change(|s| s.stopped = true);
        let name = self.master.as_ref().and_then(|m| m.tty_name());
        let Some(reader) = self.reader.take() else {
            return;
        };
        if let Some(name) = name {
            use std::os::unix::fs::OpenOptionsExt as _;
            let flags = rustix::fs::OFlags::NOCTTY | rustix::fs::OFlags::NONBLOCK;
            let woken = std::fs::OpenOptions::new()
                .write(true)
                .custom_flags(i32::try_from(flags.bits()).expect("small flags"))
                .open(name)
                .and_then(|mut tty| tty.write_all(b" "));
            // It fails when output is waiting, which wakes the reader as well.
            drop(woken);
        }
        let _ = reader.join();
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // The group, so that what a shell started ends too. Already gone is as good.
            let _ = rustix::process::kill_process_group(self.pid(), Signal::KILL);
            let _ = self.child.wait();
        }
        self.end_reader();
    }
}

/// The screen between rules, for a failure's message.
fn framed(screen: &vt100::Screen) -> String {
    let rule = "─".repeat(usize::from(screen.size().1.get()));
    format!("{rule}\n{}\n{rule}", screen.contents())
}
