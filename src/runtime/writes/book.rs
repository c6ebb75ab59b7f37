//! The journal as writes use it: begun at the first record, shared by the plans of this process, and
//! every record told to whoever listens. What old journals say is read here too.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::action::{IntentLog, Journals, PlanId, Record, Writes, Written};
use crate::domain::text::Clean;
use crate::domain::time::Millis;
use crate::store::RemarkKind;
use crate::store::journal::{self, Journal, Session};
use crate::store::readings::Readings;

/// The journal of this process. Who writes waits for nobody who reads: each has a lock of its own.
#[derive(Debug)]
pub struct Book {
    directory: Option<PathBuf>,
    session: Session,
    pen: Mutex<Pen>,
    reader: Mutex<Reader>,
}

/// What writing needs.
#[derive(Debug, Default)]
struct Pen {
    journal: Option<Journal>,
    /// The writes of this process.
    own: Writes,
}

/// What reading remembers.
#[derive(Debug, Default)]
struct Reader {
    readings: Readings,
    /// What the last reading had to remark.
    known: Vec<Clean>,
    /// What the first reading found and later ones do not look for.
    standing: Vec<Clean>,
    /// Whether what ended processes left was looked through.
    recovered: bool,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each change of what it holds is whole, whatever panicked afterwards.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Book {
    /// The journal in a directory. Without one, as for a simulated fleet, records are kept nowhere: what
    /// they change ends with the process too.
    pub fn new(directory: Option<PathBuf>, session: Session) -> Arc<Self> {
        Arc::new(Self {
            directory,
            session,
            pen: Mutex::default(),
            reader: Mutex::default(),
        })
    }

    /// The session it belongs to.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// What the journals of this and of other processes say of writes. The first reading sets torn ends
    /// aside that killed processes left.
    pub fn read(&self, now: Millis) -> Journals {
        let Some(directory) = &self.directory else {
            return Journals::default();
        };
        let mut reader = locked(&self.reader);
        let mut news = Vec::new();
        if !std::mem::replace(&mut reader.recovered, true) {
            match journal::recover(directory, now) {
                Ok((_, found)) => {
                    // What was set aside just now is listed below with what was before.
                    let unread = found.iter().filter(|r| r.kind != RemarkKind::SetAside);
                    reader.standing.extend(unread.map(|r| r.text.clone()));
                    news.extend(found.into_iter().map(|r| r.text));
                }
                Err(error) => news.push(Clean::text(&error.to_string())),
            }
        }
        let mut journals = self.read_all(directory, &mut reader.readings);
        let new = |remark: &&Clean| !reader.known.contains(remark) && !news.contains(remark);
        let found: Vec<Clean> = journals.remarks.iter().filter(new).cloned().collect();
        news.extend(found);
        reader.known.clone_from(&journals.remarks);
        journals.remarks.extend(reader.standing.iter().cloned());
        journals.remarks.extend(journal::set_aside(directory));
        journals.news = news;
        journals
    }

    fn read_all(&self, directory: &Path, readings: &mut Readings) -> Journals {
        loop {
            let own = self.own_path();
            let read = readings.read(directory, own.as_deref());
            // Begun meanwhile, it would count as another living process's.
            if self.own_path() != own {
                continue;
            }
            return read.unwrap_or_else(|error| Journals {
                remarks: vec![Clean::text(&error.to_string())],
                ..Journals::default()
            });
        }
    }

    fn own_path(&self) -> Option<PathBuf> {
        let pen = locked(&self.pen);
        pen.journal
            .as_ref()
            .map(|journal| journal.path().to_owned())
    }

    /// When each journal of other processes was written to last, and how long it is: what tells that there
    /// is something new to read.
    pub fn others(&self) -> Vec<journal::Stamp> {
        let Some(directory) = &self.directory else {
            return Vec::new();
        };
        journal::stamps(directory, self.own_path().as_deref())
    }

    /// Writes down how the plans stand that are on their way while the process ends: what was sent and has
    /// not ended is unknown.
    pub fn leave(&self, now: Millis) {
        let mut pen = locked(&self.pen);
        let records: Vec<Record> = pen.own.here().flat_map(Written::left).collect();
        for record in records {
            if let Err(why) = self.write(&mut pen, &record, now) {
                tracing::error!("how a write stood could not be journalled: {why}");
                return;
            }
        }
    }

    fn write(&self, pen: &mut Pen, record: &Record, now: Millis) -> Result<(), Clean> {
        let Some(directory) = &self.directory else {
            pen.own.wrote(record, now);
            return Ok(());
        };
        let says = |error: journal::JournalError| Clean::text(&error.to_string());
        if pen.journal.is_none() {
            let begun = Journal::begin(directory, self.session.clone(), now).map_err(says)?;
            pen.journal = Some(begun);
        }
        // It was begun above.
        let written = match &mut pen.journal {
            Some(journal) => journal.write(record, now),
            None => Ok(()),
        };
        if written.is_ok() || happened(record) {
            pen.own.wrote(record, now);
        }
        written
    }

    /// Records the end of the session, where one was begun.
    pub fn end(&self, now: Millis) {
        if let Some(journal) = locked(&self.pen).journal.take()
            && let Err(error) = journal.end(now)
        {
            tracing::warn!("{error}");
        }
    }
}

/// Writes to the shared journal and tells what was written.
pub struct BookLog<F> {
    book: Arc<Book>,
    tell: F,
}

impl<F> std::fmt::Debug for BookLog<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BookLog").finish_non_exhaustive()
    }
}

impl<F: FnMut(&Record, Millis)> BookLog<F> {
    /// A log that tells.
    pub fn new(book: Arc<Book>, tell: F) -> Self {
        Self { book, tell }
    }

    /// A plan of this process, as far as it was written down.
    pub(super) fn own(&self, plan: &PlanId) -> Option<Written> {
        locked(&self.book.pen).own.get(plan).cloned()
    }
}

impl<F: FnMut(&Record, Millis)> IntentLog for BookLog<F> {
    fn write(&mut self, record: &Record, now: Millis) -> Result<(), Clean> {
        let written = self.book.write(&mut locked(&self.book.pen), record, now);
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::action::Actor;
    use crate::runtime::writes::who;

    #[test]
    fn who_writes_does_not_wait_for_who_reads() {
        let dir = tempfile::tempdir().expect("a directory");
        let book = Book::new(Some(dir.path().to_owned()), who::session());
        let record = Record::SeenTo {
            plan: PlanId::new(Millis(1), [1; 10]),
            actor: Actor::default(),
            words: Clean::name("seen to"),
        };
        // A reading that takes its time.
        let reading = locked(&book.reader);
        let writer = Arc::clone(&book);
        let (done, ended) = std::sync::mpsc::channel();
        let writing = std::thread::spawn(move || {
            let written =
                BookLog::new(Arc::clone(&writer), |_: &Record, _| {}).write(&record, Millis(1_000));
            writer.leave(Millis(1_001));
            writer.end(Millis(1_002));
            done.send(written).expect("somebody waits");
        });
        let written = ended.recv_timeout(Duration::from_secs(10));
        drop(reading);
        written.expect("in time").expect("room");
        writing.join().expect("an end");
        assert_eq!(book.read(Millis(2_000)).records.len(), 1);
    }
}
