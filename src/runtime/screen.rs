//! What is on its way to the terminal: when to draw, at most one frame in flight, and no bytes for
//! a screen that is already right.

use std::io;
use std::time::Duration;

use ratatui::Terminal;
use ratatui::layout::Size;
use tokio::time::Instant;

use crate::app::{App, view};
use crate::domain::text::Clean;
use crate::terminal::frame::FrameBackend;
use crate::terminal::osc;
use crate::terminal::writer::{FrameDone, Refused, Writer};
use crate::ui::look::Look;

/// A frame that took so long to write is followed by a pause of this many times as long, so that a
/// slow link has room for keys.
const PAUSE: u32 = 3;

/// How much a new frame is wanted. Ordered: more is greater.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Wish {
    /// Nothing has changed.
    None,
    /// Facts have changed.
    Soon,
    /// The user did something.
    Now,
}

/// What came of drawing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Drawn {
    /// The frame is on its way: [`Screen::done`] tells when it has left.
    OnItsWay,
    /// The terminal shows it already.
    Shown,
}

/// The screen as the loop sees it.
#[derive(Debug)]
pub(super) struct Screen {
    terminal: Terminal<FrameBackend>,
    writer: Writer,
    gap: Duration,
    wish: Wish,
    drawn: Option<Instant>,
    cost: Duration,
    title: Clean,
    /// Frames that were handed over and of which nobody has said that they have left. The writer is ready
    /// again before that is heard, so that it may be two.
    flying: usize,
}

impl Screen {
    /// A screen over a writer; `gap` is the least time between two frames drawn for data.
    pub(super) fn new(writer: Writer, size: Size, gap: Duration) -> io::Result<Self> {
        Ok(Self {
            terminal: Terminal::new(FrameBackend::new(size))?,
            writer,
            gap,
            wish: Wish::Now,
            drawn: None,
            cost: Duration::ZERO,
            title: Clean::empty(),
            flying: 0,
        })
    }

    /// The user did something: the next frame is drawn as soon as the one in flight has left.
    pub(super) fn want_now(&mut self) {
        self.wish = Wish::Now;
    }

    /// Facts have changed: the next frame is drawn in its turn.
    pub(super) fn want_soon(&mut self) {
        self.wish = self.wish.max(Wish::Soon);
    }

    /// When to draw: `None` while nothing has changed or a frame is in flight.
    pub(super) fn due(&self) -> Option<Instant> {
        if self.wish == Wish::None || !self.writer.is_ready() {
            return None;
        }
        match (self.wish, self.drawn) {
            (Wish::Soon, Some(at)) => Some(at + self.gap.max(self.cost * PAUSE)),
            _ => Some(Instant::now()),
        }
    }

    /// Draws, and hands the frame to the writer if it has any bytes.
    ///
    /// # Errors
    /// When the terminal takes nothing any more.
    pub(super) fn draw(&mut self, app: &mut App, look: &Look) -> io::Result<Drawn> {
        self.wish = Wish::None;
        self.drawn = Some(Instant::now());
        let mut hits = None;
        self.terminal.draw(|frame| {
            let drawn = view(app, look, frame.buffer_mut());
            if let Some(cursor) = drawn.cursor {
                frame.set_cursor_position(cursor);
            }
            hits = Some(drawn.hits);
        })?;
        if let Some(hits) = hits {
            app.drawn(hits);
        }
        let title = app.window_title();
        if title != self.title {
            self.terminal
                .backend_mut()
                .append(osc::title(&title).as_bytes());
            self.title = title;
        }
        let spare = self.writer.spare();
        let Some(frame) = self.terminal.backend_mut().take(spare) else {
            return Ok(if self.flying == 0 {
                Drawn::Shown
            } else {
                Drawn::OnItsWay
            });
        };
        match self.writer.submit(frame) {
            Ok(()) => {
                self.flying += 1;
                Ok(Drawn::OnItsWay)
            }
            Err(Refused::Busy(_)) => {
                // Drawn while one was in flight: what it showed is on no screen.
                self.repaint()?;
                Ok(Drawn::OnItsWay)
            }
            Err(Refused::Gone(_)) => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// A frame has left the process; tells whether it was the last one drawn.
    pub(super) fn done(&mut self, done: FrameDone) -> bool {
        self.cost = done.took;
        self.flying = self.flying.saturating_sub(1);
        self.flying == 0
    }

    /// The terminal's size has changed.
    pub(super) fn resize(&mut self, size: Size) {
        self.terminal.backend_mut().set_size(size);
        self.want_now();
    }

    /// Draws everything again: somebody else wrote to the terminal.
    pub(super) fn repaint(&mut self) -> io::Result<()> {
        self.terminal.backend_mut().forget();
        self.terminal.clear()?;
        self.title = Clean::empty();
        self.want_now();
        Ok(())
    }

    /// Sends bytes that are not cells in front of the next frame.
    pub(super) fn send(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.terminal.backend_mut().append(bytes);
            self.want_now();
        }
    }

    /// Waits for the frame in flight, at most `limit`; whether it has left.
    pub(super) fn drain(&self, limit: Duration) -> bool {
        self.writer.drain(limit)
    }

    /// Ends the writer after the frame in flight.
    pub(super) fn close(self) -> bool {
        self.writer.close()
    }
}
