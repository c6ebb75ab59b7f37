//! The loop: one owner of the state, one turn at a time. Alarms first, then input, then the end of a
//! frame, then what is left to be judged, then data for at most two milliseconds; nothing in a turn
//! waits.

use std::future::Future;
use std::io;
use std::time::Duration;

use crossterm::event::{Event, KeyEvent};
use ratatui::layout::{Rect, Size};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::clock::to_next_minute;
use super::due::{Due, Saving};
use super::effects::Hands;
use super::keys;
use super::looks;
use super::screen::{Drawn, Screen};
use super::signals::Alarm;
use crate::app::{App, judge_more, settle, take_in, update};
use crate::domain::fleet::SLICE;
use crate::domain::text::Clean;
use crate::intent::msg::Msg;
use crate::terminal::caps::Caps;
use crate::terminal::events::Events;
use crate::terminal::input::{Batch, Decoder, Input};
use crate::terminal::session::{Session, Suspended};
use crate::terminal::writer::Report;
use crate::ui::look::Look;

/// How long data may be taken in before input is looked at again.
const DATA: Duration = Duration::from_millis(2);
/// How often the loop asks whether time alone has made something due.
const LOOK_AT_TIME: Duration = Duration::from_secs(1);
/// How long a suspension waits for the frame in flight.
const LAST_FRAME: Duration = Duration::from_millis(200);

/// Where input comes from.
pub(super) trait Keyboard {
    /// The events of the next read; `None` or an error when no more will come.
    fn next(&mut self) -> impl Future<Output = Option<io::Result<Vec<Event>>>>;
}

impl Keyboard for Events {
    fn next(&mut self) -> impl Future<Output = Option<io::Result<Vec<Event>>>> {
        Self::next(self)
    }
}

/// Why the loop has ended.
#[derive(Debug)]
pub(super) enum End {
    /// The user left, or the process was told to end.
    Left,
    /// The terminal is gone.
    NoTerminal(io::Error),
}

/// Everything that a turn touches.
pub(super) struct Turns<K> {
    pub(super) app: App,
    pub(super) look: Look,
    pub(super) caps: Caps,
    pub(super) keyboard: K,
    pub(super) decoder: Decoder,
    pub(super) screen: Screen,
    /// Absent in tests, which have no terminal to hand back.
    pub(super) session: Option<Session>,
    pub(super) hands: Hands,
    pub(super) messages: mpsc::Receiver<Msg>,
    pub(super) reports: mpsc::UnboundedReceiver<Report>,
    pub(super) alarms: mpsc::UnboundedReceiver<Alarm>,
    pub(super) due: Due,
    pub(super) saving: Saving,
    /// The fleet's revision at the last look at time.
    pub(super) shown: u64,
}

impl<K: Keyboard> Turns<K> {
    /// Runs until the user leaves or the terminal is gone.
    pub(super) async fn run(&mut self) -> End {
        match self.turns().await {
            Ok(()) => End::Left,
            Err(error) => End::NoTerminal(error),
        }
    }

    async fn turns(&mut self) -> io::Result<()> {
        self.app.judge_in_slices_of(SLICE);
        let mut second = Instant::now() + LOOK_AT_TIME;
        let mut minute = self.next_minute();
        loop {
            // What is due comes first in every turn: a flood of data never puts it off.
            let now = Instant::now();
            if self
                .decoder
                .deadline()
                .is_some_and(|at| at <= now.into_std())
            {
                let batch = self.decoder.expire(std::time::Instant::now());
                self.input(batch);
            }
            if now >= minute {
                minute = self.next_minute();
                self.take(Msg::Tick);
                self.screen.want_soon();
            }
            if now >= second {
                second = now + LOOK_AT_TIME;
                self.look_at_time();
            }
            if self.hands.suspend {
                self.suspend().await?;
            }
            if self.hands.quit {
                return Ok(());
            }
            if self.hands.repaint {
                self.hands.repaint = false;
                self.screen.repaint()?;
            }
            let out = std::mem::take(&mut self.hands.bytes);
            self.screen.send(&out);
            let draw_at = self.screen.due();
            if draw_at.is_some_and(|at| at <= Instant::now()) {
                self.draw()?;
                continue;
            }
            let held = self.decoder.deadline().map(Instant::from_std);
            tokio::select! {
                biased;
                Some(alarm) = self.alarms.recv() => self.alarm(alarm)?,
                events = self.keyboard.next() => {
                    let batch = self.decoder.feed(gone(events)?, std::time::Instant::now());
                    self.input(batch);
                }
                Some(report) = self.reports.recv() => match report {
                    Report::Done(done) => {
                        if self.screen.done(done) {
                            self.app.frame_left(self.hands.common.clock.now());
                        }
                    }
                    Report::Failed(error) => return Err(error),
                },
                () = std::future::ready(()), if self.app.fleet().has_more_to_judge() => self.judge(),
                Some(msg) = self.messages.recv() => self.data(msg),
                () = until(held) => {}
                () = until(draw_at) => {}
                () = tokio::time::sleep_until(second.min(minute)) => {}
            }
        }
    }

    /// Draws the present state.
    pub(super) fn draw(&mut self) -> io::Result<()> {
        self.follow();
        self.look.now = self.hands.common.clock.now();
        // A frame without a change has no bytes whose end is reported: it is what the user sees already.
        if self.screen.draw(&mut self.app, &self.look)? == Drawn::Shown {
            self.app.frame_left(self.look.now);
        }
        Ok(())
    }

    fn input(&mut self, batch: Batch) {
        // What comes in one piece while a plan waits for consent was not typed after reading it.
        let inputs = if self.app.asks_for_consent() && batch.is_pasted() {
            self.take(Msg::Paste(Clean::empty()));
            self.screen.want_now();
            batch.beside_text()
        } else {
            batch.inputs
        };
        for input in inputs {
            if let Input::Resize(size) = input {
                self.resize(size);
            }
            if let Some(msg) = keys::message(input) {
                self.take(msg);
                self.screen.want_now();
            }
        }
    }

    pub(super) fn resize(&mut self, size: Size) {
        self.look.resize(Rect::new(0, 0, size.width, size.height));
        self.screen.resize(size);
    }

    /// The terminal has answered what it can do: the look follows.
    pub(super) fn learn(&mut self, caps: Caps, size: Size) {
        self.caps = caps;
        let now = self.hands.common.clock.now();
        self.look = looks::look(&self.app.settings().console, &caps, size, now);
        self.decoder.set_hold(caps.escape_hold());
        self.screen.want_soon();
    }

    /// Keys that were typed before the events began.
    pub(super) fn typed(&mut self, keys: &[KeyEvent]) {
        for key in keys {
            if let Some(msg) = keys::message(Input::Key(*key)) {
                self.take(msg);
            }
        }
    }

    /// Takes a message and those that wait behind it.
    fn data(&mut self, first: Msg) {
        let end = Instant::now() + DATA;
        let mut next = Some(first);
        while let Some(msg) = next {
            self.fact(msg);
            // What a message has moved is judged before the next is taken in, between two inputs.
            next = if Instant::now() < end && !self.app.fleet().has_more_to_judge() {
                self.messages.try_recv().ok()
            } else {
                None
            };
        }
    }

    /// The next slice of what is left to be judged.
    fn judge(&mut self) {
        let now = self.hands.common.clock.now();
        let before = self.app.fleet().revision();
        let effects = judge_more(&mut self.app, now);
        self.hands
            .carry_out(effects, &mut self.app, self.session.as_ref());
        if self.app.fleet().revision() != before {
            self.screen.want_soon();
        }
    }

    /// Rows and reports that change nothing to be seen cost no frame.
    fn fact(&mut self, msg: Msg) {
        let quiet = matches!(msg, Msg::Observed(_) | Msg::Polled(_) | Msg::Ledger(..));
        self.hands.hear(&msg, self.app.fleet().settings());
        let before = self.app.fleet().revision();
        self.take(msg);
        if !quiet || self.app.fleet().revision() != before {
            self.screen.want_soon();
        }
    }

    /// The open place follows what was taken in since the last frame.
    fn follow(&mut self) {
        let now = self.hands.common.clock.now();
        let effects = settle(&mut self.app, now);
        self.hands
            .carry_out(effects, &mut self.app, self.session.as_ref());
    }

    /// One update, and what it asks for. What cannot be done now comes back as a message.
    fn take(&mut self, msg: Msg) {
        let mut next = Some(msg);
        while let Some(msg) = next {
            let now = self.hands.common.clock.now();
            // Facts come by the hundred between two frames; the place follows them once, before each.
            let facts = matches!(
                msg,
                Msg::Observed(_) | Msg::Polled(_) | Msg::Ledger(..) | Msg::Tick
            );
            let act = if facts { take_in } else { update };
            let effects = act(&mut self.app, msg, now);
            let entered = self
                .hands
                .carry_out(effects, &mut self.app, self.session.as_ref());
            if entered {
                self.due.done();
                self.saving.restart();
                self.screen.want_now();
            }
            next = self.hands.own.pop_front();
        }
    }

    fn alarm(&mut self, alarm: Alarm) -> io::Result<()> {
        match alarm {
            Alarm::Terminate => self.take(Msg::Terminate),
            Alarm::Suspend => self.hands.suspend = true,
            Alarm::Gone => {
                return Err(io::Error::new(
                    io::ErrorKind::BrokenPipe,
                    "the terminal has hung up",
                ));
            }
            Alarm::Computed(computed) => {
                let msg = self.hands.computed(computed);
                self.fact(msg);
            }
        }
        Ok(())
    }

    fn next_minute(&self) -> Instant {
        Instant::now() + to_next_minute(self.hands.common.clock.wall())
    }

    fn look_at_time(&mut self) {
        let now = self.hands.common.clock.now();
        if self.due.is_due(self.app.fleet(), now.wall) {
            self.fact(Msg::Tick);
            self.due.done();
        }
        // What a place wants again by its age is asked for although nothing has changed.
        self.follow();
        // A place may have put new facts off for a moment: they show within the second.
        let revision = self.app.fleet().revision();
        if std::mem::replace(&mut self.shown, revision) != revision {
            self.screen.want_soon();
        }
        if self.saving.is_due(self.app.fleet(), now) {
            self.hands.save(&self.app);
        }
    }

    async fn suspend(&mut self) -> io::Result<()> {
        self.hands.suspend = false;
        let Some(session) = &self.session else {
            return Ok(());
        };
        self.screen.drain(LAST_FRAME);
        let outcome = {
            let wait = session.suspend();
            tokio::pin!(wait);
            loop {
                tokio::select! {
                    biased;
                    Some(alarm) = self.alarms.recv() => match alarm {
                        Alarm::Terminate | Alarm::Gone => {
                            self.hands.quit = true;
                            return Ok(());
                        }
                        Alarm::Computed(computed) => {
                            let msg = self.hands.computed(computed);
                            self.hands.own.push_back(msg);
                        }
                        // The stop that is under way.
                        Alarm::Suspend => {}
                    },
                    outcome = &mut wait => break outcome?,
                }
            }
        };
        match outcome {
            Suspended::Continued(size) => {
                self.resize(size);
                self.screen.repaint()?;
                self.take(Msg::Resize {
                    width: size.width,
                    height: size.height,
                });
            }
            Suspended::NoShell => self.take(super::effects::notice(
                false,
                "no shell is there to return to: the program was started without one",
            )),
        }
        self.screen.want_now();
        Ok(())
    }
}

/// The end of input is the end of the terminal.
fn gone<T>(events: Option<io::Result<T>>) -> io::Result<T> {
    events.unwrap_or_else(|| {
        Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the terminal gives no more input",
        ))
    })
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
#[path = "turn_tests.rs"]
mod tests;
