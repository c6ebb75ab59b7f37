//! The one guard that enters and leaves the terminal. Nothing else sets or resets a terminal mode.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::ThreadId;
use std::time::Duration;

use ratatui::layout::Size;

use super::tty::{Device, Gate, Passage, Tty};

/// How long leaving waits for a terminal that does not take output.
const LEAVE_LIMIT: Duration = Duration::from_millis(200);
/// How long entering waits for the same.
const ENTER_LIMIT: Duration = Duration::from_secs(2);

/// The modes that are a matter of choice; the others always come with the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Modes {
    /// Report presses and the wheel (modes 1000 and 1006; never motion, which floods).
    pub mouse: bool,
    /// Ask for unambiguous keys by the kitty protocol; set only if the terminal reported it.
    pub kitty: bool,
    /// Keep the shell's window title and put it back on leaving.
    pub title: bool,
}

const MOUSE_ON: &str = "\x1b[?1000h\x1b[?1006h";
const MOUSE_OFF: &str = "\x1b[?1006l\x1b[?1000l";
/// Pushes `DISAMBIGUATE_ESCAPE_CODES` only: the other flags change keys that work without them.
const KITTY_ON: &str = "\x1b[>1u";
const KITTY_OFF: &str = "\x1b[<1u";

impl Modes {
    /// What is written to enter. The kitty stack is kept per screen, so it follows the alternate one.
    pub fn enter_sequence(self) -> String {
        let mut out = String::with_capacity(96);
        if self.title {
            out.push_str("\x1b[22;2t");
        }
        out.push_str("\x1b[?1049h\x1b[2J\x1b[H\x1b[?25l");
        if self.kitty {
            out.push_str(KITTY_ON);
        }
        out.push_str("\x1b[?2004h\x1b[?1004h");
        if self.mouse {
            out.push_str(MOUSE_ON);
        }
        out
    }

    /// What is written to leave: the reverse order, with the end of a frame that was cut off first.
    pub fn leave_sequence(self) -> String {
        let mut out = String::with_capacity(96);
        out.push_str("\x1b[?2026l");
        if self.mouse {
            out.push_str(MOUSE_OFF);
        }
        out.push_str("\x1b[?1004l\x1b[?2004l");
        if self.kitty {
            out.push_str(KITTY_OFF);
        }
        out.push_str("\x1b[?25h\x1b[0m\x1b[?1049l");
        if self.title {
            out.push_str("\x1b[23;2t");
        }
        out
    }
}

#[derive(Debug)]
struct State {
    entered: bool,
    modes: Modes,
}

#[derive(Debug)]
struct Inner {
    device: Arc<Device>,
    gate: Arc<Gate>,
    ui: ThreadId,
    state: Mutex<State>,
}

impl Inner {
    /// Nothing that can panic runs under this lock, so the panic hook may take it on any thread.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self) -> io::Result<()> {
        let modes = {
            let mut state = self.state();
            if state.entered {
                return Ok(());
            }
            state.entered = true;
            state.modes
        };
        let entered = raw_mode().and_then(|()| {
            self.device
                .write_within(modes.enter_sequence().as_bytes(), ENTER_LIMIT)
        });
        if let Err(e) = entered {
            self.leave(Passage::Closed);
            return Err(e);
        }
        self.gate.set(Passage::Open);
        Ok(())
    }

    /// Leaves; `frames` says what becomes of those that still come.
    fn leave(&self, frames: Passage) {
        let modes = {
            let mut state = self.state();
            if !state.entered {
                return;
            }
            state.entered = false;
            state.modes
        };
        self.gate.set(frames);
        let bytes = modes.leave_sequence();
        if let Err(e) = self.device.write_within(bytes.as_bytes(), LEAVE_LIMIT)
            && e.kind() == io::ErrorKind::TimedOut
        {
            self.device.discard_output();
            // A second failure means that nobody reads; cooked mode is still given back below.
            drop(self.device.write_within(bytes.as_bytes(), LEAVE_LIMIT));
        }
        // It fails only on a terminal that is gone, where there is nothing to give back.
        drop(crossterm::terminal::disable_raw_mode());
    }
}

/// Claiming the terminal can fail for a moment after `fg`, while the shell still hands it over.
fn raw_mode() -> io::Result<()> {
    let mut tries = 0;
    loop {
        match crossterm::terminal::enable_raw_mode() {
            Err(_) if tries < 10 => {
                tries += 1;
                std::thread::sleep(Duration::from_millis(5));
            }
            other => return other,
        }
    }
}

/// A terminal that is entered at most once and left for certain: on drop, and before that by
/// [`Handle::leave`] from a panic hook.
///
/// The session installs no signal handler: the runtime turns SIGTERM, SIGHUP and SIGINT into an
/// orderly end, which drops the session, and SIGTSTP into [`Session::suspend`].
#[derive(Debug)]
pub struct Session {
    inner: Arc<Inner>,
}

/// A way to leave the terminal from elsewhere, held by the panic hook.
#[derive(Clone, Debug)]
pub struct Handle {
    inner: Arc<Inner>,
}

impl Session {
    /// Opens the controlling terminal without changing anything on it. The calling thread is the
    /// UI thread from here on: only its panics restore the terminal.
    pub fn open(modes: Modes) -> io::Result<Self> {
        Ok(Self {
            inner: Arc::new(Inner {
                device: Arc::new(Device::open()?),
                gate: Arc::default(),
                ui: std::thread::current().id(),
                state: Mutex::new(State {
                    entered: false,
                    modes,
                }),
            }),
        })
    }

    /// Enters: raw mode, alternate screen, hidden cursor, bracketed paste, focus reports, and the
    /// chosen [`Modes`]. Entering twice is entering once. On failure everything is undone.
    pub fn enter(&self) -> io::Result<()> {
        // crossterm looks at NO_COLOR by itself and then writes `CSI ; m`, which resets bold and
        // reverse as well. The theme decides about colour, from `Caps`.
        crossterm::style::force_color_output(true);
        self.inner.enter()
    }

    /// Leaves: every mode that was entered, in reverse. Leaving twice is leaving once.
    pub fn leave(&self) {
        self.inner.leave(Passage::Closed);
    }

    /// Whether the terminal is ours at the moment.
    pub fn is_entered(&self) -> bool {
        self.inner.state().entered
    }

    /// A handle for the panic hook.
    pub fn handle(&self) -> Handle {
        Handle {
            inner: Arc::clone(&self.inner),
        }
    }

    /// The output for the writer thread. It works only while the session is entered.
    pub fn output(&self) -> Tty {
        Tty::new(Arc::clone(&self.inner.device), Arc::clone(&self.inner.gate))
    }

    /// The size in cells, asked from the terminal now; 80×24 if it does not know.
    pub fn size(&self) -> io::Result<Size> {
        self.inner.device.size()
    }

    /// Switches mouse reports and returns the bytes to send in front of the next frame.
    #[must_use = "the mode changes when these bytes are written"]
    pub fn set_mouse(&self, on: bool) -> &'static [u8] {
        let mut state = self.inner.state();
        if state.modes.mouse == on {
            return b"";
        }
        state.modes.mouse = on;
        if on { MOUSE_ON } else { MOUSE_OFF }.as_bytes()
    }

    /// Asks for unambiguous keys, once the terminal has said that it can; returns the bytes to send
    /// in front of the next frame.
    #[must_use = "the mode changes when these bytes are written"]
    pub fn set_kitty(&self) -> &'static [u8] {
        let mut state = self.inner.state();
        if state.modes.kitty {
            return b"";
        }
        state.modes.kitty = true;
        KITTY_ON.as_bytes()
    }

    pub(super) fn device(&self) -> &Arc<Device> {
        &self.inner.device
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.inner.leave(Passage::Closed);
    }
}

impl Handle {
    /// Leaves the terminal, as [`Session::leave`].
    pub fn leave(&self) {
        self.inner.leave(Passage::Closed);
    }

    /// Whether the terminal is ours at the moment.
    pub fn is_entered(&self) -> bool {
        self.inner.state().entered
    }

    /// Whether the calling thread is the one that owns the screen.
    pub fn is_ui_thread(&self) -> bool {
        std::thread::current().id() == self.inner.ui
    }
}

/// What became of a wish to suspend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suspended {
    /// The process was stopped and continued. The terminal has this size; repaint all of it.
    Continued(Size),
    /// Nobody could continue us: no job-control shell is above this process. Nothing changed.
    NoShell,
}

#[cfg(unix)]
impl Session {
    /// Leaves, stops the whole process group (so that a wrapper stops too), and enters again once
    /// continued in the foreground. Let the writer finish its frame first
    /// ([`super::writer::Writer::drain`]); one that it cannot finish is dropped.
    ///
    /// Continued in the background (`bg`, or `kill` of a stopped job) it waits outside the screen.
    /// The wait may be cancelled: select on it together with the signals that end the program.
    pub async fn suspend(&self) -> io::Result<Suspended> {
        use rustix::process::Signal;
        use tokio::signal::unix::{SignalKind, signal};

        if orphaned() {
            return Ok(Suspended::NoShell);
        }
        // The signal is delivered to some thread, not at once to this one: without waiting for the
        // continuation the screen could be entered before the process stops.
        let mut continued = signal(SignalKind::from_raw(Signal::CONT.as_raw()))?;
        self.inner.leave(Passage::Dropped);
        rustix::process::kill_current_process_group(Signal::STOP)?;
        let mut patience = Duration::from_secs(1);
        loop {
            tokio::select! {
                _ = continued.recv() => {}
                () = tokio::time::sleep(patience) => {}
            }
            // Claiming the terminal from the background would stop the process once more.
            if self.inner.device.is_foreground()? {
                break;
            }
            patience = Duration::from_millis(200);
        }
        self.enter()?;
        Ok(Suspended::Continued(self.size()?))
    }
}

/// Whether the process that started us is outside our terminal session, as when sshd or a container
/// runs the program directly: a stop would then be for ever.
#[cfg(unix)]
fn orphaned() -> bool {
    use nix::unistd::{getppid, getsid};
    let parent = getppid();
    // Ids are 0 for what is outside our process namespace: such a parent is no shell of ours, and asking
    // for the session of 0 would answer with our own.
    parent.as_raw() == 0
        || match (getsid(None), getsid(Some(parent))) {
            (Ok(own), Ok(theirs)) => own != theirs,
            _ => true,
        }
}

#[cfg(not(unix))]
impl Session {
    /// There is no job control here: always [`Suspended::NoShell`].
    #[expect(clippy::unused_async, reason = "one signature on every platform")]
    pub async fn suspend(&self) -> io::Result<Suspended> {
        Ok(Suspended::NoShell)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The modes of a sequence in order, as (`name`, set).
    fn modes(sequence: &str) -> Vec<(String, bool)> {
        sequence
            .split('\x1b')
            .filter_map(|s| {
                let body = s.strip_prefix('[')?;
                match body {
                    ">1u" => Some(("kitty".to_owned(), true)),
                    "<1u" => Some(("kitty".to_owned(), false)),
                    "22;2t" => Some(("title".to_owned(), true)),
                    "23;2t" => Some(("title".to_owned(), false)),
                    _ => {
                        let number = body.strip_prefix('?')?;
                        let (number, end) = number.split_at(number.len() - 1);
                        Some((number.to_owned(), end == "h"))
                    }
                }
            })
            // The cursor and the frame bracket are states, not nested modes.
            .filter(|(name, _)| name != "25" && name != "2026")
            .collect()
    }

    #[test]
    fn leaving_undoes_entering_in_reverse() {
        for bits in 0..8_u8 {
            let m = Modes {
                mouse: bits & 1 != 0,
                kitty: bits & 2 != 0,
                title: bits & 4 != 0,
            };
            let entered = modes(&m.enter_sequence());
            let mut left = modes(&m.leave_sequence());
            left.reverse();
            assert!(entered.iter().all(|(_, set)| *set));
            assert!(left.iter().all(|(_, set)| !*set));
            let names = |v: &[(String, bool)]| v.iter().map(|(n, _)| n.clone()).collect::<Vec<_>>();
            assert_eq!(names(&entered), names(&left), "{m:?}");
        }
    }

    #[test]
    fn leaving_ends_a_cut_frame_first_and_shows_the_cursor() {
        let s = Modes::default().leave_sequence();
        assert!(s.starts_with("\x1b[?2026l"));
        assert!(s.contains("\x1b[?25h\x1b[0m\x1b[?1049l"));
    }

    #[test]
    fn motion_is_never_asked_for() {
        let all = Modes {
            mouse: true,
            kitty: true,
            title: true,
        };
        for motion in ["?1002h", "?1003h", "?1015h"] {
            assert!(!all.enter_sequence().contains(motion));
        }
    }
}
