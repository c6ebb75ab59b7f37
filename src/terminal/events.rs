//! The event stream: one thread reads the terminal and passes on what each read gave.
//!
//! Not crossterm's own stream: that shares a lock between its thread and the task that polls it,
//! and on a terminal that hung up the thread spins while it holds the lock. The loop would then
//! hang in its poll and never hear of the hang-up. Here only this thread spins, until the process ends.

use std::io;
use std::time::Duration;

use crossterm::event::{self, Event};
use tokio::sync::mpsc;

/// How many batches wait for a loop that is busy; further keys wait in the terminal.
const WAITING: usize = 64;
/// The most events in one batch.
const BATCH: usize = 1_024;

/// The receiving end. Dropping it ends the thread at the next event.
#[derive(Debug)]
pub struct Events {
    batches: mpsc::Receiver<io::Result<Vec<Event>>>,
}

impl Events {
    /// Starts to read. From here on the terminal can no longer be asked anything.
    ///
    /// The first event is the size: a change between the first frame and the moment from which
    /// changes are noticed would otherwise be lost.
    pub fn start() -> io::Result<Self> {
        let (tx, batches) = mpsc::channel(WAITING);
        std::thread::Builder::new()
            .name("input".to_owned())
            .spawn(move || {
                let mut next = Some(first());
                loop {
                    let batch = next.take().unwrap_or_else(read);
                    let failed = batch.is_err();
                    if tx.blocking_send(batch).is_err() || failed {
                        return;
                    }
                }
            })?;
        Ok(Self { batches })
    }

    /// The events of the next read, never an empty batch. `None` or an error means that no more
    /// input will come and the program should end. Cancelling loses nothing.
    pub async fn next(&mut self) -> Option<io::Result<Vec<Event>>> {
        self.batches.recv().await
    }
}

/// Begins to notice changes of size, and only then looks at the size.
fn first() -> io::Result<Vec<Event>> {
    event::poll(Duration::ZERO)?;
    let (width, height) = crossterm::terminal::size()?;
    Ok(vec![Event::Resize(width, height)])
}

/// Waits for an event, and takes those that came with it.
fn read() -> io::Result<Vec<Event>> {
    let first = loop {
        match event::read() {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            other => break other?,
        }
    };
    let mut batch = vec![first];
    while batch.len() < BATCH && event::poll(Duration::ZERO)? {
        batch.push(event::read()?);
    }
    Ok(batch)
}
