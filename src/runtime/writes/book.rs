//! The journal as writes use it: begun at the first record, shared by the plans of this process, and
//! every record told to whoever listens. What old journals say is read here too.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::action::{IntentLog, Journals, PlanId, Record, Writes, Written};
use crate::domain::text::Clean;
use crate::domain::time::Millis;
use crate::store::RemarkKind;
use crate::store::journal::{self, Journal, Session};

/// The journal of this process.
#[derive(Debug)]
pub struct Book {
    directory: Option<PathBuf>,
    session: Session,
    journal: Option<Journal>,
    /// The writes of this process.
    own: Writes,
    /// What the last reading had to remark.
    known: Vec<Clean>,
    /// What the first reading found and later ones do not look for.
    standing: Vec<Clean>,
    /// Whether what ended processes left was looked through.
    recovered: bool,
}

impl Book {
    /// The journal in a directory. Without one, as for a simulated fleet, records are kept nowhere: what
    /// they change ends with the process too.
    pub fn new(directory: Option<PathBuf>, session: Session) -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(Self {
            directory,
            session,
            journal: None,
            own: Writes::new(),
            known: Vec::new(),
            standing: Vec::new(),
            recovered: false,
        }))
    }

    /// The session it belongs to.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// What the journals of this and of other processes say of writes. The first reading sets torn ends
    /// aside that killed processes left.
    pub fn read(&mut self, now: Millis) -> Journals {
        let Some(directory) = &self.directory else {
            return Journals::default();
        };
        let mut news = Vec::new();
        if !std::mem::replace(&mut self.recovered, true) {
            match journal::recover(directory, now) {
                Ok((_, found)) => {
                    // What was set aside just now is listed below with what was before.
                    let unread = found.iter().filter(|r| r.kind != RemarkKind::SetAside);
                    self.standing.extend(unread.map(|r| r.text.clone()));
                    news.extend(found.into_iter().map(|r| r.text));
                }
                Err(error) => news.push(Clean::text(&error.to_string())),
            }
        }
        let own = self.journal.as_ref().map(Journal::path);
        let mut journals = match journal::read_writes(directory, own) {
            Ok(journals) => journals,
            Err(error) => Journals {
                remarks: vec![Clean::text(&error.to_string())],
                ..Journals::default()
            },
        };
        let new = |remark: &&Clean| !self.known.contains(remark) && !news.contains(remark);
        let found: Vec<Clean> = journals.remarks.iter().filter(new).cloned().collect();
        news.extend(found);
        self.known.clone_from(&journals.remarks);
        journals.remarks.extend(self.standing.iter().cloned());
        journals.remarks.extend(journal::set_aside(directory));
        journals.news = news;
        journals
    }

    /// When each journal of other processes was written to last, and how long it is: what tells that there
    /// is something new to read.
    pub fn others(&self) -> Vec<journal::Stamp> {
        let Some(directory) = &self.directory else {
            return Vec::new();
        };
        journal::stamps(directory, self.journal.as_ref().map(Journal::path))
    }

    /// Writes down how the plans stand that are on their way while the process ends: what was sent and has
    /// not ended is unknown.
    pub fn leave(&mut self, now: Millis) {
        let records: Vec<Record> = self.own.here().flat_map(Written::left).collect();
        for record in records {
            if let Err(why) = self.write(&record, now) {
                tracing::error!("how a write stood could not be journalled: {why}");
                return;
            }
        }
    }

    fn write(&mut self, record: &Record, now: Millis) -> Result<(), Clean> {
        let Some(directory) = &self.directory else {
            self.own.wrote(record, now);
            return Ok(());
        };
        let says = |error: journal::JournalError| Clean::text(&error.to_string());
        if self.journal.is_none() {
            let begun = Journal::begin(directory, self.session.clone(), now).map_err(says)?;
            self.journal = Some(begun);
        }
        // It was begun above.
        let written = match &mut self.journal {
            Some(journal) => journal.write(record, now),
            None => Ok(()),
        };
        if written.is_ok() || happened(record) {
            self.own.wrote(record, now);
        }
        written
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

    /// A plan of this process, as far as it was written down.
    pub(super) fn own(&self, plan: &PlanId) -> Option<Written> {
        let book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        book.own.get(plan).cloned()
    }
}

impl<F: FnMut(&Record, Millis)> IntentLog for BookLog<F> {
    fn write(&mut self, record: &Record, now: Millis) -> Result<(), Clean> {
        let written = self
            .book
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .write(record, now);
        if written.is_ok() || happened(record) {
            (self.tell)(record, now);
        }
        written
    }
}

/// Whether a record tells of what has happened. That is so whether or not the journal takes it, and whoever
/// listens must not wait for it; an intent that is not on disk is none.
fn happened(record: &Record) -> bool {
    matches!(
        record,
        Record::StepEnded { .. } | Record::PlanEnded { .. } | Record::Resolved { .. }
    )
}
