//! The journal as writes use it: begun at the first record, shared by the plans of this process, and
//! every record told to whoever listens once it is on disk. What old journals say is read here too.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::action::{IntentLog, Record, Stamped, Writes};
use crate::domain::text::Clean;
use crate::domain::time::Millis;
use crate::store::journal::{self, Journal, Session};

/// The journal of this process.
#[derive(Debug)]
pub struct Book {
    directory: Option<PathBuf>,
    session: Session,
    journal: Option<Journal>,
}

impl Book {
    /// The journal in a directory. Without one, as for a simulated fleet, records are kept nowhere: what
    /// they change ends with the process too.
    pub fn new(directory: Option<PathBuf>, session: Session) -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(Self {
            directory,
            session,
            journal: None,
        }))
    }

    /// The session it belongs to.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// What the journals of this and of other processes say of writes, and remarks about those that
    /// could not be read whole.
    pub fn read(&self) -> (Vec<Stamped>, Vec<Clean>) {
        let Some(directory) = &self.directory else {
            return (Vec::new(), Vec::new());
        };
        match journal::read_writes(directory) {
            Ok((records, remarks)) => (records, remarks.into_iter().map(|r| r.text).collect()),
            Err(error) => (Vec::new(), vec![Clean::text(&error.to_string())]),
        }
    }

    fn write(&mut self, record: &Record, now: Millis) -> Result<(), Clean> {
        let Some(directory) = &self.directory else {
            return Ok(());
        };
        let says = |error: journal::JournalError| Clean::text(&error.to_string());
        if self.journal.is_none() {
            let begun = Journal::begin(directory, self.session.clone(), now).map_err(says)?;
            self.journal = Some(begun);
        }
        match &mut self.journal {
            Some(journal) => journal.write(record, now),
            // It was begun above.
            None => Ok(()),
        }
    }

    /// Records the end of the session, where one was begun.
    pub fn end(&mut self, now: Millis) {
        if let Some(journal) = self.journal.take()
            && let Err(error) = journal.end(now)
        {
            tracing::warn!("{error}");
        }
    }
}

/// The writes that some records tell of, put in order of time.
pub fn writes_of(mut records: Vec<Stamped>) -> Writes {
    records.sort_by_key(|(at, _)| *at);
    let mut writes = Writes::default();
    for (at, record) in &records {
        writes.take(record, *at);
    }
    writes
}

/// Writes to the shared journal and tells what was written.
pub struct BookLog<F> {
    book: Arc<Mutex<Book>>,
    tell: F,
}

impl<F> std::fmt::Debug for BookLog<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BookLog").finish_non_exhaustive()
    }
}

impl<F: FnMut(&Record, Millis)> BookLog<F> {
    /// A log that tells.
    pub fn new(book: Arc<Mutex<Book>>, tell: F) -> Self {
        Self { book, tell }
    }
}

impl<F: FnMut(&Record, Millis)> IntentLog for BookLog<F> {
    fn write(&mut self, record: &Record, now: Millis) -> Result<(), Clean> {
        self.book
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .write(record, now)?;
        (self.tell)(record, now);
        Ok(())
    }
}
