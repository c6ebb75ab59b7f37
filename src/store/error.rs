//! Why the store could not do what it was asked.

use crate::domain::text::Clean;

/// What went wrong in the store. None of these is a reason to stop the program.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum StoreError {
    /// The file is damaged: [`super::Store::restart`] sets it aside and begins a new one.
    #[error("the state file is damaged: {0}")]
    Corrupt(Clean),
    /// The file was written by a newer version of this program.
    #[error(
        "the state file has schema {found}, this version knows {known}: use a newer quarterdeck"
    )]
    Newer {
        /// The file's schema version.
        found: i64,
        /// The newest schema version known here.
        known: i64,
    },
    /// The file is an SQLite database of another program.
    #[error("the state file belongs to another program: name another state directory")]
    Foreign,
    /// No space is left, or a quota is used up.
    #[error("no space is left for the state file: free some and it goes on by itself")]
    Full,
    /// Another process held the file for longer than the wait.
    #[error("the state file is busy: another process is writing it")]
    Busy,
    /// The file or its directory cannot be written.
    #[error("the state file cannot be written: {0}")]
    Unwritable(Clean),
    /// Anything else SQLite says.
    #[error("the state file: {0}")]
    Other(Clean),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode as Code;
        let text = Clean::text(&error.to_string());
        match error.sqlite_error_code() {
            Some(Code::DatabaseCorrupt | Code::NotADatabase) => Self::Corrupt(text),
            Some(Code::DiskFull) => Self::Full,
            Some(Code::DatabaseBusy | Code::DatabaseLocked | Code::FileLockingProtocolFailed) => {
                Self::Busy
            }
            Some(Code::ReadOnly | Code::CannotOpen | Code::PermissionDenied) => {
                Self::Unwritable(text)
            }
            _ => Self::Other(text),
        }
    }
}

impl From<std::io::Error> for StoreError {
    fn from(error: std::io::Error) -> Self {
        use std::io::ErrorKind;
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::Unwritable(Clean::text(&error.to_string())),
        }
    }
}
