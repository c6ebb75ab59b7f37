//! The tables of the state file and how an older file becomes a newer one.

use rusqlite::{Connection, TransactionBehavior};

use super::error::StoreError;

/// Marks a file as ours: the letters `Qdck`.
pub(super) const APPLICATION_ID: i64 = 0x5164_636b;

/// One script a schema version, oldest first; a released one is never edited, only followed.
pub(super) const STEPS: &[&str] = &[r#"
CREATE TABLE contexts (
  id   INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE subjects (
  id  INTEGER PRIMARY KEY,
  key TEXT NOT NULL UNIQUE
) STRICT;

-- `id` is never used twice; `seq` rises with every row written or refined.
CREATE TABLE changes (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  seq        INTEGER NOT NULL,
  schema     INTEGER NOT NULL,
  context    INTEGER NOT NULL REFERENCES contexts (id),
  subject    INTEGER NOT NULL REFERENCES subjects (id),
  kind       TEXT NOT NULL,
  thing      TEXT NOT NULL,
  "from"     TEXT NOT NULL,
  "to"       TEXT NOT NULL,
  not_before INTEGER NOT NULL,
  not_after  INTEGER NOT NULL,
  actor      TEXT,
  origin     TEXT NOT NULL,
  evidence   TEXT NOT NULL
) STRICT;
CREATE INDEX changes_by_time ON changes (context, not_after);
CREATE INDEX changes_by_subject ON changes (context, subject, not_after);
CREATE INDEX changes_by_seq ON changes (seq);

CREATE TABLE sequence (last INTEGER NOT NULL) STRICT;
INSERT INTO sequence VALUES (0);

CREATE TABLE watched (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  context INTEGER NOT NULL REFERENCES contexts (id),
  source  TEXT NOT NULL,
  "from"  INTEGER NOT NULL,
  "to"    INTEGER NOT NULL
) STRICT;
CREATE INDEX watched_by_time ON watched (context, "to");

CREATE TABLE last_known (
  context  INTEGER NOT NULL REFERENCES contexts (id),
  part     TEXT NOT NULL,
  shape    INTEGER NOT NULL,
  saved_at INTEGER NOT NULL,
  body     BLOB NOT NULL,
  PRIMARY KEY (context, part)
) STRICT;

CREATE TABLE preferences (
  scope TEXT NOT NULL,
  name  TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (scope, name)
) STRICT, WITHOUT ROWID;
"#];

/// The tables touched once at opening: a damaged file shows itself there rather than later.
pub(super) const TABLES: [&str; 7] = [
    "contexts",
    "subjects",
    "changes",
    "sequence",
    "watched",
    "last_known",
    "preferences",
];

/// Brings a file to the newest of `steps`. All or nothing, and safe against another process that does
/// the same at the same moment.
pub(super) fn migrate(db: &mut Connection, steps: &[&str]) -> Result<(), StoreError> {
    let known = steps.len() as i64;
    let found = version(db)?;
    check_owner(db, found)?;
    if found == known {
        return Ok(());
    }
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have migrated while this one waited for the lock.
    let found = version(&tx)?;
    for step in steps.iter().skip(usize::try_from(found).unwrap_or(0)) {
        tx.execute_batch(step)?;
    }
    if found < known {
        tx.pragma_update(None, "application_id", APPLICATION_ID)?;
        tx.pragma_update(None, "user_version", known)?;
    }
    tx.commit()?;
    Ok(())
}

fn version(db: &Connection) -> Result<i64, StoreError> {
    Ok(db.query_row("PRAGMA user_version", [], |row| row.get(0))?)
}

/// A file with tables and without our mark is somebody else's.
fn check_owner(db: &Connection, version: i64) -> Result<(), StoreError> {
    let mark: i64 = db.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    if mark == APPLICATION_ID {
        return Ok(());
    }
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if mark == 0 && version == 0 && tables == 0 {
        return Ok(());
    }
    // Tables and mark are committed together, so if another process has just made the file, the mark
    // is there by now.
    let mark: i64 = db.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    if mark == APPLICATION_ID {
        Ok(())
    } else {
        Err(StoreError::Foreign)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first schema with one row in it, as an older program leaves it.
    fn first(path: &std::path::Path) -> Connection {
        let mut db = Connection::open(path).expect("a file");
        migrate(&mut db, &STEPS[..1]).expect("the first schema");
        db.execute("INSERT INTO preferences VALUES ('', 'context', 'prod')", [])
            .expect("a row");
        db
    }

    const NEXT: &str = "ALTER TABLE preferences ADD COLUMN note TEXT;
                        INSERT INTO preferences VALUES ('', 'migrated', 'yes', NULL);";

    #[test]
    fn a_first_schema_file_moves_on_and_keeps_its_rows() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("state.db");
        drop(first(&path));
        let mut db = Connection::open(&path).expect("a file");
        let steps = [STEPS[0], NEXT];
        migrate(&mut db, &steps).expect("a migration");
        migrate(&mut db, &steps).expect("nothing left to do");
        let rows: i64 = db
            .query_row("SELECT count(note IS NULL) FROM preferences", [], |r| {
                r.get(0)
            })
            .expect("the new column");
        assert_eq!((version(&db), rows), (Ok(2), 2));
    }

    #[test]
    fn a_step_that_fails_leaves_the_old_file_whole() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut db = first(&dir.path().join("state.db"));
        let broken = format!("{NEXT} CREATE TABLE preferences (x);");
        assert!(migrate(&mut db, &[STEPS[0], &broken]).is_err());
        let rows: i64 = db
            .query_row("SELECT count(*) FROM preferences", [], |r| r.get(0))
            .expect("the old table");
        assert_eq!((version(&db), rows), (Ok(1), 1));
    }

    #[test]
    fn two_processes_migrate_one_file_once() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("state.db");
        drop(first(&path));
        let steps: &'static [&'static str] = Box::leak(Box::new([STEPS[0], NEXT]));
        let workers: Vec<_> = (0..4)
            .map(|_| {
                let path = path.clone();
                std::thread::spawn(move || {
                    let mut db = Connection::open(path).expect("a file");
                    db.busy_timeout(std::time::Duration::from_secs(5))
                        .expect("a wait");
                    migrate(&mut db, steps)
                })
            })
            .collect();
        for worker in workers {
            assert_eq!(worker.join().expect("no panic"), Ok(()));
        }
    }

    #[test]
    fn a_newer_file_and_a_strangers_file_are_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut db = first(&dir.path().join("state.db"));
        db.pragma_update(None, "user_version", 99)
            .expect("a pragma");
        let newer = StoreError::Newer {
            found: 99,
            known: 1,
        };
        assert_eq!(migrate(&mut db, STEPS), Err(newer));

        let mut other = Connection::open_in_memory().expect("a database");
        other
            .execute_batch("CREATE TABLE songs (name TEXT)")
            .expect("a table");
        assert_eq!(migrate(&mut other, STEPS), Err(StoreError::Foreign));
    }
}
