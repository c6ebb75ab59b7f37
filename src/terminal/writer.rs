//! The writer thread: it owns the output, writes one frame at a time, and nobody waits for it.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::frame::Frame;

/// How long an orderly end waits for the frame in flight.
pub const SHUTDOWN_LIMIT: Duration = Duration::from_millis(500);

/// A frame has left the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameDone {
    /// How long the write took: what a slow link costs.
    pub took: Duration,
    /// How many bytes were written.
    pub bytes: usize,
}

/// What the writer thread tells its owner.
#[derive(Debug)]
pub enum Report {
    /// The frame in flight has been written; another may be submitted.
    Done(FrameDone),
    /// The terminal takes no more output. The thread has ended, and so should the program.
    Failed(io::Error),
}

/// Why a frame was not taken; the frame comes back, because its changes are on no screen yet.
#[derive(Debug)]
pub enum Refused {
    /// Another frame is in flight.
    Busy(Frame),
    /// The writer has ended.
    Gone(Frame),
}

#[derive(Debug, Default)]
struct State {
    in_flight: bool,
    ended: bool,
    spare: Option<Vec<u8>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `met` holds, at most `limit`; whether it does.
    fn wait(&self, limit: Duration, met: impl Fn(&State) -> bool) -> bool {
        let end = Instant::now() + limit;
        let mut state = self.lock();
        while !met(&state) {
            let rest = end.saturating_duration_since(Instant::now());
            if rest.is_zero() {
                return false;
            }
            state = self
                .changed
                .wait_timeout(state, rest)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        true
    }
}

/// The owner's end of the writer thread. Dropping it lets the thread end by itself.
#[derive(Debug)]
pub struct Writer {
    frames: SyncSender<Frame>,
    shared: Arc<Shared>,
}

impl Writer {
    /// Starts the thread. `report` is called on it and must not block: a `try_send` is right.
    pub fn spawn<W, R>(out: W, report: R) -> io::Result<Self>
    where
        W: Write + Send + 'static,
        R: FnMut(Report) + Send + 'static,
    {
        let (frames, queue) = sync_channel(1);
        let shared = Arc::new(Shared::default());
        let theirs = Ended(Arc::clone(&shared));
        std::thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || run(out, &queue, &theirs, report))?;
        Ok(Self { frames, shared })
    }

    /// Whether a frame would be taken now. Ask before drawing.
    pub fn is_ready(&self) -> bool {
        let state = self.shared.lock();
        !state.in_flight && !state.ended
    }

    /// Hands a frame over without waiting.
    pub fn submit(&self, frame: Frame) -> Result<(), Refused> {
        {
            let mut state = self.shared.lock();
            if state.ended {
                return Err(Refused::Gone(frame));
            }
            if state.in_flight {
                return Err(Refused::Busy(frame));
            }
            state.in_flight = true;
        }
        self.frames.try_send(frame).map_err(|e| match e {
            TrySendError::Full(frame) => Refused::Busy(frame),
            TrySendError::Disconnected(frame) => Refused::Gone(frame),
        })
    }

    /// A buffer that has done its work, for the next frame.
    pub fn spare(&self) -> Option<Vec<u8>> {
        self.shared.lock().spare.take()
    }

    /// Waits until no frame is in flight, at most `limit`; whether that is so.
    pub fn drain(&self, limit: Duration) -> bool {
        self.shared.wait(limit, |s| !s.in_flight || s.ended)
    }

    /// Ends the thread after the frame in flight, waiting at most [`SHUTDOWN_LIMIT`]; whether it
    /// has ended. A thread still waiting for its terminal ends when the session leaves.
    pub fn close(self) -> bool {
        let Self { frames, shared } = self;
        drop(frames);
        shared.wait(SHUTDOWN_LIMIT, |s| s.ended)
    }
}

/// Marks the thread as ended however it ends, a panicking output included.
#[derive(Debug)]
struct Ended(Arc<Shared>);

impl Drop for Ended {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.ended = true;
        state.in_flight = false;
        self.0.changed.notify_all();
    }
}

fn run<W: Write, R: FnMut(Report)>(
    mut out: W,
    queue: &Receiver<Frame>,
    shared: &Ended,
    mut report: R,
) {
    while let Ok(frame) = queue.recv() {
        let started = Instant::now();
        let bytes = frame.as_bytes().len();
        if let Err(e) = out.write_all(frame.as_bytes()).and_then(|()| out.flush()) {
            {
                let mut state = shared.0.lock();
                state.ended = true;
                state.in_flight = false;
                shared.0.changed.notify_all();
            }
            report(Report::Failed(e));
            return;
        }
        let done = FrameDone {
            took: started.elapsed(),
            bytes,
        };
        {
            // Before the report, so that whoever hears it finds the writer ready.
            let mut state = shared.0.lock();
            state.in_flight = false;
            state.spare = Some(frame.into_buffer());
            shared.0.changed.notify_all();
        }
        report(Report::Done(done));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    /// An output that takes one byte string for each permit it is given.
    struct Stalling {
        permits: Receiver<()>,
        taken: mpsc::Sender<Vec<u8>>,
    }

    impl Write for Stalling {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.permits
                .recv()
                .map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
            drop(self.taken.send(bytes.to_vec()));
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn stalling() -> (Stalling, mpsc::Sender<()>, Receiver<Vec<u8>>) {
        let (permit, permits) = mpsc::channel();
        let (taken, seen) = mpsc::channel();
        (Stalling { permits, taken }, permit, seen)
    }

    fn frame(text: &str) -> Frame {
        Frame::of(text.as_bytes())
    }

    const SOON: Duration = Duration::from_secs(5);

    #[test]
    fn a_stalled_output_blocks_nobody() {
        let (out, permit, seen) = stalling();
        let (tx, reports) = mpsc::channel();
        let writer = Writer::spawn(out, move |r| drop(tx.send(r))).unwrap();

        let started = Instant::now();
        writer.submit(frame("one")).unwrap();
        for _ in 0..1_000 {
            assert!(!writer.is_ready());
            assert!(matches!(
                writer.submit(frame("two")),
                Err(Refused::Busy(f)) if f == frame("two")
            ));
        }
        assert!(!writer.drain(Duration::from_millis(20)));
        assert!(started.elapsed() < Duration::from_secs(1));

        permit.send(()).unwrap();
        assert_eq!(seen.recv_timeout(SOON).unwrap(), frame("one").as_bytes());
        assert!(matches!(
            reports.recv_timeout(SOON).unwrap(),
            Report::Done(d) if d.bytes == frame("one").as_bytes().len()
        ));
        assert!(writer.is_ready());
    }

    #[test]
    fn closing_waits_half_a_second_and_no_longer() {
        let (out, _permit, _seen) = stalling();
        let writer = Writer::spawn(out, |_| {}).unwrap();
        writer.submit(frame("never")).unwrap();
        let started = Instant::now();
        assert!(!writer.close());
        assert!(started.elapsed() >= SHUTDOWN_LIMIT);
        assert!(started.elapsed() < SHUTDOWN_LIMIT * 3);
    }

    #[test]
    fn the_last_frame_is_written_before_the_end() {
        let (out, permit, seen) = stalling();
        let writer = Writer::spawn(out, |_| {}).unwrap();
        writer.submit(frame("last")).unwrap();
        permit.send(()).unwrap();
        assert!(writer.close());
        assert_eq!(seen.recv_timeout(SOON).unwrap(), frame("last").as_bytes());
    }

    #[test]
    fn a_broken_output_is_reported_once_and_refuses_more() {
        let (out, permit, _seen) = stalling();
        drop(permit);
        let (tx, reports) = mpsc::channel();
        let writer = Writer::spawn(out, move |r| drop(tx.send(r))).unwrap();
        writer.submit(frame("x")).unwrap();
        assert!(matches!(
            reports.recv_timeout(SOON).unwrap(),
            Report::Failed(e) if e.kind() == io::ErrorKind::BrokenPipe
        ));
        assert!(matches!(writer.submit(frame("y")), Err(Refused::Gone(_))));
        assert!(reports.recv_timeout(SOON).is_err(), "the thread has ended");
    }

    #[test]
    fn an_output_that_panics_ends_the_writer() {
        struct Panics;
        impl Write for Panics {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                panic!("as asked")
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let writer = Writer::spawn(Panics, |_| {}).unwrap();
        writer.submit(frame("x")).unwrap();
        assert!(writer.drain(SOON));
        assert!(!writer.is_ready());
    }

    #[test]
    fn buffers_come_back() {
        let writer = Writer::spawn(io::sink(), |_| {}).unwrap();
        writer.submit(frame("x")).unwrap();
        assert!(writer.drain(SOON));
        assert!(writer.spare().is_some());
        assert!(writer.spare().is_none());
    }
}
