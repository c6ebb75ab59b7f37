//! The event stream: one thread reads the terminal and passes on what each read gave.
//!
//! On Unix it reads for itself. crossterm's reader spins on a terminal that hung up, holding a lock
//! that its stream needs, so that the loop hangs and hears of nothing; and it waits for edges, so
//! that a key which comes together with a change of size lies there until the next key.

use std::io;

use crossterm::event::Event;
use tokio::sync::mpsc;

use super::session::Session;

/// How many batches wait for a loop that is busy; further keys wait in the terminal.
const WAITING: usize = 64;

/// The receiving end. Dropping it ends the thread.
#[derive(Debug)]
pub struct Events {
    batches: mpsc::Receiver<io::Result<Vec<Event>>>,
    #[cfg(unix)]
    sizes: tokio::signal::unix::Signal,
    #[cfg(unix)]
    device: std::sync::Arc<super::tty::Device>,
}

#[cfg(unix)]
impl Events {
    /// Starts to read, inside a tokio runtime. From here on the terminal can no longer be asked
    /// anything.
    ///
    /// The first event is the size: a change between the first frame and the moment from which
    /// changes are noticed would otherwise be lost.
    pub fn start(session: &Session) -> io::Result<Self> {
        use std::sync::Arc;
        use tokio::signal::unix::{SignalKind, signal};

        let sizes = signal(SignalKind::window_change())?;
        let (tx, batches) = mpsc::channel(WAITING);
        let size = session.size()?;
        // The channel is new and has room.
        drop(tx.try_send(Ok(vec![Event::Resize(size.width, size.height)])));
        let device = Arc::clone(session.device());
        let reader = Arc::clone(&device);
        std::thread::Builder::new()
            .name("input".to_owned())
            .spawn(move || read(&reader, &tx))?;
        Ok(Self {
            batches,
            sizes,
            device,
        })
    }

    /// The events of the next read, never an empty batch. `None` or an error means that no more
    /// input will come and the program should end. Cancelling loses nothing.
    pub async fn next(&mut self) -> Option<io::Result<Vec<Event>>> {
        tokio::select! {
            biased;
            batch = self.batches.recv() => batch,
            Some(()) = self.sizes.recv() => Some(
                self.device.size().map(|s| vec![Event::Resize(s.width, s.height)]),
            ),
        }
    }
}

/// Reads until the terminal or the receiver is gone.
#[cfg(unix)]
fn read(device: &super::tty::Device, tx: &mpsc::Sender<io::Result<Vec<Event>>>) {
    let mut parser = super::parse::Parser::default();
    let mut chunk = [0_u8; 4_096];
    while !tx.is_closed() {
        let batch = match device.read_within(&mut chunk, super::watch::EVERY) {
            Ok(None) => continue,
            Ok(Some(0)) => Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the terminal is gone",
            )),
            Ok(Some(n)) => Ok(parser.feed(chunk.get(..n).unwrap_or_default())),
            Err(e) => Err(e),
        };
        let failed = batch.is_err();
        if matches!(&batch, Ok(events) if events.is_empty()) {
            continue;
        }
        if tx.blocking_send(batch).is_err() || failed {
            return;
        }
    }
}

#[cfg(not(unix))]
impl Events {
    /// Starts to read.
    pub fn start(_session: &Session) -> io::Result<Self> {
        use crossterm::event;

        let (tx, batches) = mpsc::channel(WAITING);
        let read = || -> io::Result<Vec<Event>> {
            let mut batch = vec![event::read()?];
            while event::poll(std::time::Duration::ZERO)? {
                batch.push(event::read()?);
            }
            Ok(batch)
        };
        std::thread::Builder::new()
            .name("input".to_owned())
            .spawn(move || {
                loop {
                    let batch = read();
                    let failed = batch.is_err();
                    if tx.blocking_send(batch).is_err() || failed {
                        return;
                    }
                }
            })?;
        Ok(Self { batches })
    }

    /// The events of the next read, as on Unix.
    pub async fn next(&mut self) -> Option<io::Result<Vec<Event>>> {
        self.batches.recv().await
    }
}
