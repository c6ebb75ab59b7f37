//! What the journals of a machine say of writes. A journal only grows: one that stands as it did at the last
//! reading is not read again.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::journal::{Entry, JournalError, Record, files};
use crate::domain::action::{self, Journals, Stamped};
use crate::domain::text::Clean;

/// What was read so far, by file.
#[derive(Debug, Default)]
pub struct Readings {
    files: BTreeMap<PathBuf, Reading>,
}

/// One journal as it was read.
#[derive(Debug)]
struct Reading {
    /// How it stood before it was read.
    stamp: (u64, Option<SystemTime>),
    records: Vec<Stamped>,
}

impl Readings {
    /// What all journals in `directory` say of writes, those of living processes too, oldest file first.
    /// Nothing is changed: a torn end is left to [`super::journal::recover`]. `own` is the journal of this
    /// process.
    ///
    /// # Errors
    /// When the directory cannot be listed. A single unreadable file is a remark.
    pub fn read(&mut self, directory: &Path, own: Option<&Path>) -> Result<Journals, JournalError> {
        let mut journals = Journals::default();
        // In order, as the files are listed.
        let paths = files(directory)?;
        self.files
            .retain(|path, _| paths.binary_search(path).is_ok());
        for path in paths {
            let lives = match self.look_at(&path, own == Some(&*path)) {
                Ok(lives) => lives,
                Err(error) => {
                    self.files.remove(&path);
                    // A journal that told of nothing may just have been let go.
                    if error.kind() != io::ErrorKind::NotFound {
                        let text = format!("{} cannot be read: {error}", path.display());
                        journals.remarks.push(Clean::text(&text));
                    }
                    continue;
                }
            };
            let records = self.files.get(&path).map_or(&[][..], |r| &r.records);
            for (_, record) in records {
                match record {
                    action::Record::PlanBegun { plan, .. } if lives => {
                        journals.living.insert(plan.id.clone());
                    }
                    action::Record::PlanEnded { plan, .. } => {
                        journals.living.remove(plan);
                    }
                    _ => {}
                }
            }
            journals.records.extend(records.iter().cloned());
        }
        Ok(journals)
    }

    /// Reads a journal if it has changed; whether another process that lives keeps it.
    fn look_at(&mut self, path: &Path, is_own: bool) -> io::Result<bool> {
        let mut file = File::open(path)?;
        // Who dies after this look is found out at the next one. Without locks nobody can tell.
        let lives = !is_own && matches!(file.try_lock_shared(), Err(fs::TryLockError::WouldBlock));
        // Asked before it is read: what is written meanwhile makes it another one.
        let found = file.metadata()?;
        let stamp = (found.len(), found.modified().ok());
        if self.files.get(path).is_none_or(|read| read.stamp != stamp) {
            let mut text = Vec::new();
            file.read_to_end(&mut text)?;
            let records = records(&text);
            self.files
                .insert(path.to_owned(), Reading { stamp, records });
        }
        Ok(lives)
    }
}

/// The records of writes in a journal's whole lines.
fn records(text: &[u8]) -> Vec<Stamped> {
    let whole = text.split_inclusive(|byte| *byte == b'\n');
    let whole = whole.filter(|line| line.ends_with(b"\n"));
    // A line of a newer version, or a damaged one, is passed over: recovering counts them.
    let entries = whole.filter_map(|line| serde_json::from_slice::<Entry>(line).ok());
    let writes = entries.filter_map(|entry| match entry.record {
        Record::Write(record) => Some((entry.at, record)),
        Record::SessionStarted(_) | Record::SessionEnded => None,
    });
    writes.collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::domain::action::{Actor, IntentLog as _, PlanId};
    use crate::domain::time::Millis;
    use crate::store::journal::{Journal, Session};

    fn seen_to(plan: u8) -> action::Record {
        action::Record::SeenTo {
            plan: PlanId::new(Millis(1), [plan; 10]),
            actor: Actor::default(),
            words: Clean::name("seen to"),
        }
    }

    fn begun(directory: &Path, at: i64) -> Journal {
        let session = Session {
            version: Clean::name("0.1.0"),
            user: Clean::name("ana"),
            host: Clean::name("bastion"),
            pid: 4711,
        };
        let mut journal = Journal::begin(directory, session, Millis(at)).expect("a journal");
        journal.write(&seen_to(1), Millis(at)).expect("room");
        journal
    }

    #[test]
    fn a_journal_is_read_again_once_it_has_grown_and_forgotten_with_its_file() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut journal = begun(dir.path(), 1_000);
        drop(begun(dir.path(), 2_000));
        let mut readings = Readings::default();
        let mut read = || {
            let journals = readings.read(dir.path(), None).expect("a directory");
            let plan = |(_, record): &Stamped| match record {
                action::Record::SeenTo { plan, .. } => plan.to_string(),
                other => panic!("{other:?}"),
            };
            journals.records.iter().map(plan).collect::<Vec<_>>()
        };
        let first = read();
        assert_eq!(first.len(), 2);
        // As long as it was, and not written to since: it is what was read.
        let path = journal.path().to_owned();
        let before = fs::metadata(&path).expect("it").modified().expect("a time");
        let blank = vec![b' '; fs::read(&path).expect("the file").len()];
        let mut file = fs::OpenOptions::new()
            .write(true)
            .open(&path)
            .expect("the file");
        file.write_all(&blank).expect("a write");
        file.set_modified(before).expect("a time");
        assert_eq!(read(), first);
        // It has grown, and is read whole: of what is blank by now it tells nothing.
        journal.write(&seen_to(2), Millis(3_000)).expect("room");
        let grown = read();
        assert_eq!((grown.len(), &grown[1]), (2, &first[1]));
        assert_ne!(grown[0], first[0]);
        fs::remove_file(&path).expect("it");
        assert_eq!(read(), [first[1].clone()]);
    }
}
