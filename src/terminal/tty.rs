//! The terminal device itself: opened apart from stdout, never blocking for good, with one gate
//! that stops the writer the moment the session leaves.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ratatui::layout::Size;

/// How long one wait for a stalled terminal lasts before the gate is looked at again.
const TURN: Duration = Duration::from_millis(50);

/// What becomes of the writer's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) enum Passage {
    /// Writing fails: the session has not begun or is over.
    #[default]
    Closed,
    /// Bytes reach the terminal.
    Open,
    /// Bytes are dropped: the session is suspended, and everything is repainted afterwards.
    Dropped,
}

/// Whether frames may reach the terminal. The lock is held for one non-blocking write at a time,
/// so closing never waits for a stalled terminal.
#[derive(Debug, Default)]
pub(super) struct Gate(Mutex<Passage>);

impl Gate {
    fn lock(&self) -> MutexGuard<'_, Passage> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set(&self, passage: Passage) {
        *self.lock() = passage;
    }
}

fn left() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the terminal has been left")
}

/// One open description of the controlling terminal.
///
/// Its own description, not a copy of stdout's: the non-blocking flag set here must not leak into
/// the shell, and leaving must work when stdout is closed or redirected.
#[derive(Debug)]
pub(super) struct Device {
    #[cfg(unix)]
    file: std::fs::File,
}

/// The terminal as the writer thread sees it: writes wait for a slow terminal, and fail once the
/// session has left.
#[derive(Debug)]
pub struct Tty {
    device: Arc<Device>,
    gate: Arc<Gate>,
}

impl Tty {
    pub(super) fn new(device: Arc<Device>, gate: Arc<Gate>) -> Self {
        Self { device, gate }
    }
}

impl Write for Tty {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            {
                let passage = self.gate.lock();
                match *passage {
                    Passage::Open => {}
                    Passage::Closed => return Err(left()),
                    Passage::Dropped => return Ok(bytes.len()),
                }
                match self.device.try_write(bytes) {
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                    other => return other,
                }
            }
            self.device.wait_writable(TURN)?;
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Device {
    /// Writes all of `bytes`, giving up at the deadline with [`io::ErrorKind::TimedOut`].
    pub(super) fn write_within(&self, mut bytes: &[u8], limit: Duration) -> io::Result<()> {
        let end = Instant::now() + limit;
        while !bytes.is_empty() {
            match self.try_write(bytes) {
                Ok(n) => bytes = bytes.get(n..).unwrap_or_default(),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    let rest = end.saturating_duration_since(Instant::now());
                    if rest.is_zero() {
                        return Err(io::Error::new(
                            io::ErrorKind::TimedOut,
                            "the terminal does not take output",
                        ));
                    }
                    self.wait_writable(rest.min(TURN))?;
                }
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }
}

#[cfg(unix)]
mod unix {
    use std::fs::File;
    use std::io::{self, Read as _, Write as _};
    use std::time::Duration;

    use ratatui::layout::Size;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::fs::{Mode, OFlags};

    use super::Device;

    impl Device {
        pub(in super::super) fn open() -> io::Result<Self> {
            let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
            let by_name = || -> rustix::io::Result<_> {
                let name = rustix::termios::ttyname(rustix::stdio::stdin(), Vec::new())?;
                rustix::fs::open(name, flags, Mode::empty())
            };
            let by_alias = || rustix::fs::open("/dev/tty", flags, Mode::empty());
            // macOS cannot poll the alias; elsewhere the alias also works after `su` and in containers.
            let fd = if cfg!(target_os = "macos") {
                by_name().or_else(|_| by_alias())
            } else {
                by_alias().or_else(|_| by_name())
            }?;
            Ok(Self {
                file: File::from(fd),
            })
        }

        pub(in super::super) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
            match (&self.file).write(bytes) {
                Ok(0) if !bytes.is_empty() => Err(io::ErrorKind::WriteZero.into()),
                other => other,
            }
        }

        /// Reads what is there, waiting at most `limit`: `None` when nothing came, `Some(0)` when
        /// nothing will.
        pub(in super::super) fn read_within(
            &self,
            into: &mut [u8],
            limit: Duration,
        ) -> io::Result<Option<usize>> {
            if self.poll(PollFlags::IN, limit)?.is_empty() {
                return Ok(None);
            }
            match (&self.file).read(into) {
                Err(e)
                    if matches!(
                        e.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                    ) =>
                {
                    Ok(None)
                }
                other => other.map(Some),
            }
        }

        pub(in super::super) fn wait_writable(&self, limit: Duration) -> io::Result<()> {
            let seen = self.poll(PollFlags::OUT, limit)?;
            if seen.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) {
                return Err(io::Error::new(
                    io::ErrorKind::BrokenPipe,
                    "the terminal is gone",
                ));
            }
            Ok(())
        }

        /// Whether the terminal has hung up, looking for at most `limit`.
        pub(in super::super) fn hung_up(&self, limit: Duration) -> io::Result<bool> {
            Ok(self
                .poll(PollFlags::empty(), limit)?
                .intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL))
        }

        fn poll(&self, want: PollFlags, limit: Duration) -> io::Result<PollFlags> {
            let limit = Timespec {
                tv_sec: limit.as_secs().try_into().unwrap_or(i64::MAX),
                tv_nsec: limit.subsec_nanos().into(),
            };
            let mut fds = [PollFd::new(&self.file, want)];
            match poll(&mut fds, Some(&limit)) {
                Ok(_) => Ok(fds[0].revents()),
                Err(rustix::io::Errno::INTR) => Ok(PollFlags::empty()),
                Err(e) => Err(e.into()),
            }
        }

        /// Drops output that the other side has not read.
        pub(in super::super) fn discard_output(&self) {
            // Without it the leave sequence queues behind a frame; failing changes nothing else.
            let _ = rustix::termios::tcflush(&self.file, rustix::termios::QueueSelector::OFlush);
        }

        /// Whether our process group is the one that the terminal listens to.
        pub(in super::super) fn is_foreground(&self) -> io::Result<bool> {
            let listened_to = rustix::termios::tcgetpgrp(&self.file)?.as_raw_pid();
            Ok(listened_to == nix::unistd::getpgrp().as_raw())
        }

        pub(in super::super) fn size(&self) -> io::Result<Size> {
            let size = rustix::termios::tcgetwinsize(&self.file)?;
            Ok(super::usable(size.ws_col, size.ws_row))
        }
    }
}

#[cfg(not(unix))]
mod other {
    use std::io::{self, Write as _};
    use std::time::Duration;

    use ratatui::layout::Size;

    use super::Device;

    impl Device {
        pub(in super::super) fn open() -> io::Result<Self> {
            Ok(Self {})
        }

        pub(in super::super) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
            let mut out = io::stdout().lock();
            out.write_all(bytes)?;
            out.flush()?;
            Ok(bytes.len())
        }

        pub(in super::super) fn wait_writable(&self, _limit: Duration) -> io::Result<()> {
            Ok(())
        }

        pub(in super::super) fn discard_output(&self) {}

        pub(in super::super) fn size(&self) -> io::Result<Size> {
            let (width, height) = crossterm::terminal::size()?;
            Ok(super::usable(width, height))
        }
    }
}

/// A terminal that does not know its size (a serial line, some containers) says 0×0.
fn usable(width: u16, height: u16) -> Size {
    if width == 0 || height == 0 {
        Size::new(80, 24)
    } else {
        Size::new(width, height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_size_becomes_the_classic_one() {
        assert_eq!(usable(0, 0), Size::new(80, 24));
        assert_eq!(usable(200, 60), Size::new(200, 60));
    }

    #[test]
    fn a_gate_starts_closed() {
        assert_eq!(*Gate::default().lock(), Passage::Closed);
    }
}
