//! What outlives the process: the ledger of changes, the time somebody watched, the last-known state
//! and small preferences in one SQLite file, and the journal of own acts beside it. Synchronous: the
//! caller runs it on a thread of its own. Nothing here is needed to show live facts, so no fault of
//! the store ever stops the program.
//!
//! Several processes (a console and a recorder) may have the same file open.

mod error;
pub mod journal;
mod last_known;
mod ledger;
mod open;
mod pack;
mod preferences;
pub mod readings;
mod schema;
mod shapes;
mod watched;

use std::fs::File;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension as _};

pub use error::StoreError;
pub use ledger::{HistoryQuery, Retention, StoredChange};
pub use watched::Watch;

use crate::domain::text::Clean;

/// Something worth telling the user about the state file: for `doctor` and the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Remark {
    /// What it is about.
    pub kind: RemarkKind,
    /// What happened, where, and what follows from it.
    pub text: Clean,
}

/// The kinds of remark. The word is stable: scripts match on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RemarkKind {
    /// Nothing is kept: the store lives in memory for this process.
    NotKept,
    /// A damaged file, or the damaged end of one, was set aside.
    SetAside,
    /// Something in a file cannot be read by this version; it is kept.
    Unread,
    /// The file is on a network filesystem: slower, with a rollback journal.
    Network,
    /// Others could read or write the file or its directory.
    Permissions,
}

/// The open state file.
#[derive(Debug)]
pub struct Store {
    db: Connection,
    /// Where it is; `None` for a store in memory.
    place: Option<Place>,
}

/// A state file in use, and the lock that tells other processes so.
#[derive(Debug)]
struct Place {
    path: PathBuf,
    _lock: File,
}

impl Store {
    /// Opens the state file, making it and its directory where they are missing. A file that cannot be
    /// used (damaged, newer, unwritable, another program's) is never a reason to fail: the remarks say
    /// what was done instead.
    ///
    /// # Errors
    /// Only when not even a store in memory can be made.
    pub fn open(path: &Path) -> Result<(Self, Vec<Remark>), StoreError> {
        open::open(path, open::filesystem(path))
    }

    /// A store that keeps nothing beyond the process.
    ///
    /// # Errors
    /// When SQLite has no memory.
    pub fn in_memory() -> Result<Self, StoreError> {
        let mut db = Connection::open_in_memory()?;
        schema::migrate(&mut db, schema::STEPS)?;
        Ok(Self { db, place: None })
    }

    /// The file, `None` when nothing is kept beyond the process.
    pub fn path(&self) -> Option<&Path> {
        self.place.as_ref().map(|place| place.path.as_path())
    }

    /// Opens the file anew after [`StoreError::Corrupt`]: what is damaged is set aside.
    ///
    /// # Errors
    /// Only when not even a store in memory can be made.
    pub fn restart(self) -> Result<(Self, Vec<Remark>), StoreError> {
        let Some(Place { path, _lock: lock }) = self.place else {
            return Ok((Self::in_memory()?, Vec::new()));
        };
        drop(self.db);
        drop(lock);
        open::replace(&path, open::filesystem(&path))
    }

    /// The row id of a context, if anything was ever kept for it.
    fn context(&self, name: &str) -> Result<Option<i64>, StoreError> {
        let sql = "SELECT id FROM contexts WHERE name = ?";
        let row = self.db.query_row(sql, [name], |row| row.get(0));
        Ok(row.optional()?)
    }
}

/// The row id of a context, made if it is new.
fn context_id(db: &Connection, name: &str) -> Result<i64, rusqlite::Error> {
    let sql = "INSERT INTO contexts (name) VALUES (?) ON CONFLICT DO NOTHING";
    db.execute(sql, [name])?;
    let sql = "SELECT id FROM contexts WHERE name = ?";
    db.query_row(sql, [name], |row| row.get(0))
}

#[cfg(test)]
mod tests;
