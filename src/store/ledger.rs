//! The ledger: observed, own and imported changes, one row an event, whoever saw it and however often.

use std::collections::HashMap;
use std::time::Duration;

use rusqlite::{
    Connection, OptionalExtension as _, Row, Statement, ToSql, Transaction, TransactionBehavior,
    params,
};

use super::{Store, StoreError, context_id};
use crate::domain::change::{Change, ChangeKind, Origin, SCHEMA, Subject};
use crate::domain::text::Clean;
use crate::domain::time::Millis;

/// A row of the ledger.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredChange {
    /// Its identity, never used twice in one file.
    pub id: i64,
    /// Rises whenever any row is written or refined: what [`Store::changes_since`] goes by.
    pub seq: i64,
    /// The change.
    pub change: Change,
}

/// Which part of the history is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HistoryQuery {
    /// Only changes of these; of everything when empty.
    pub subjects: Vec<Subject>,
    /// Changes that may have happened at or after this.
    pub from: Millis,
    /// Changes that may have happened at or before this.
    pub to: Millis,
    /// At most this many, newest first.
    pub limit: usize,
}

impl Default for HistoryQuery {
    fn default() -> Self {
        Self {
            subjects: Vec::new(),
            from: Millis(i64::MIN),
            to: Millis(i64::MAX),
            limit: 1_000,
        }
    }
}

/// How much history is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Retention {
    /// Rows older than this go.
    pub age: Duration,
    /// Of more rows than this, the oldest go.
    pub rows: usize,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            age: Duration::from_secs(400 * 86_400),
            rows: 500_000,
        }
    }
}

const COLUMNS: &str = "changes.id, changes.seq, changes.subject, subjects.key, kind, thing,
     \"from\", \"to\", not_before, not_after, actor, origin, evidence";

impl Store {
    /// Writes changes, all or none. A change that tells of an event already known (see
    /// [`Change::same_event`]) refines that row instead. Returns the rows that are new or have become
    /// better, as they stand now.
    pub fn append(
        &mut self,
        context: &str,
        changes: &[Change],
    ) -> Result<Vec<StoredChange>, StoreError> {
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        let tx = self
            .db
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let context = context_id(&tx, context)?;
        let mut written = Vec::new();
        {
            let mut writer = Writer::new(&tx, context)?;
            for change in changes {
                written.extend(writer.put(change)?);
            }
        }
        tx.commit()?;
        Ok(written)
    }

    /// The history of a context, newest first.
    pub fn history(
        &self,
        context: &str,
        query: &HistoryQuery,
    ) -> Result<Vec<StoredChange>, StoreError> {
        let Some(context) = self.context(context)? else {
            return Ok(Vec::new());
        };
        let mut ids = Vec::new();
        for subject in &query.subjects {
            ids.extend(find_subject(&self.db, &key_text(subject)?)?);
        }
        if ids.is_empty() && !query.subjects.is_empty() {
            return Ok(Vec::new());
        }
        let among = if ids.is_empty() {
            String::new()
        } else {
            let list: Vec<String> = ids.iter().map(i64::to_string).collect();
            format!("AND subject IN ({})", list.join(", "))
        };
        let sql = format!(
            "SELECT {COLUMNS} FROM changes JOIN subjects ON subjects.id = changes.subject
             WHERE context = ? AND not_after >= ? AND not_before <= ? {among}
             ORDER BY not_after DESC, changes.id DESC LIMIT ?"
        );
        let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
        self.rows(&sql, &[&context, &query.from.0, &query.to.0, &limit])
    }

    /// What was written or refined after `seq`, oldest first: how a console sees what a recorder
    /// writes meanwhile. Go on with the last row's `seq`. This process's own rows are among them, with
    /// the `id` that [`Store::append`] gave them.
    pub fn changes_since(&self, context: &str, seq: i64) -> Result<Vec<StoredChange>, StoreError> {
        let Some(context) = self.context(context)? else {
            return Ok(Vec::new());
        };
        let sql = format!(
            "SELECT {COLUMNS} FROM changes JOIN subjects ON subjects.id = changes.subject
             WHERE context = ? AND seq > ? ORDER BY seq"
        );
        self.rows(&sql, &[&context, &seq])
    }

    /// The newest `seq` of the file: where to begin with [`Store::changes_since`].
    pub fn last_seq(&self) -> Result<i64, StoreError> {
        let sql = "SELECT last FROM sequence";
        Ok(self.db.query_row(sql, [], |row| row.get(0))?)
    }

    /// Lets old rows and old watched time go; returns how many changes went.
    pub fn prune(&mut self, now: Millis, keep: Retention) -> Result<usize, StoreError> {
        let tx = self
            .db
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let oldest = now.minus(keep.age).0;
        let mut gone = tx.execute("DELETE FROM changes WHERE not_after < ?", [oldest])?;
        let rows = i64::try_from(keep.rows).unwrap_or(i64::MAX);
        let count: i64 = tx.query_row("SELECT count(*) FROM changes", [], |row| row.get(0))?;
        if count > rows {
            let sql = "DELETE FROM changes WHERE id IN
                       (SELECT id FROM changes ORDER BY not_after, id LIMIT ?)";
            gone += tx.execute(sql, [count - rows])?;
        }
        if gone > 0 {
            let sql = "DELETE FROM subjects WHERE id NOT IN (SELECT subject FROM changes)";
            tx.execute(sql, [])?;
        }
        tx.execute("DELETE FROM watched WHERE \"to\" < ?", [oldest])?;
        tx.commit()?;
        Ok(gone)
    }

    fn rows(&self, sql: &str, bound: &[&dyn ToSql]) -> Result<Vec<StoredChange>, StoreError> {
        let mut statement = self.db.prepare(sql)?;
        let mut rows = statement.query(bound)?;
        let mut subjects = HashMap::new();
        let mut changes = Vec::new();
        while let Some(row) = rows.next()? {
            changes.extend(read(row, &mut subjects)?);
        }
        Ok(changes)
    }
}

/// The statements that write changes of one context, prepared once for all of them.
struct Writer<'tx> {
    context: i64,
    add_subject: Statement<'tx>,
    subject: Statement<'tx>,
    known: Statement<'tx>,
    next_seq: Statement<'tx>,
    insert: Statement<'tx>,
    refine: Statement<'tx>,
}

impl<'tx> Writer<'tx> {
    fn new(tx: &'tx Transaction<'_>, context: i64) -> Result<Self, StoreError> {
        let known = format!(
            "SELECT {COLUMNS} FROM changes JOIN subjects ON subjects.id = changes.subject
             WHERE context = ? AND subject = ? AND not_after >= ? AND not_before <= ?
               AND kind = ? AND thing = ? AND \"from\" = ? AND \"to\" = ?
             ORDER BY not_after DESC LIMIT 1"
        );
        Ok(Self {
            context,
            add_subject: tx.prepare("INSERT INTO subjects (key) VALUES (?)")?,
            subject: tx.prepare(SUBJECT)?,
            known: tx.prepare(&known)?,
            next_seq: tx.prepare("UPDATE sequence SET last = last + 1 RETURNING last")?,
            insert: tx.prepare(
                "INSERT INTO changes (seq, schema, context, subject, kind, thing, \"from\", \"to\",
                                      not_before, not_after, actor, origin, evidence)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            )?,
            refine: tx.prepare(
                "UPDATE changes SET seq = ?, not_before = ?, not_after = ?, actor = ?, origin = ?,
                                    evidence = ?
                 WHERE id = ?",
            )?,
        })
    }

    /// Writes a change or refines the row that tells of the same event; `None` if that row says it all.
    fn put(&mut self, change: &Change) -> Result<Option<StoredChange>, StoreError> {
        // A window that a clock stepping back has turned round still has its two ends.
        let change = Change {
            not_before: change.not_before.min(change.not_after),
            not_after: change.not_before.max(change.not_after),
            ..change.clone()
        };
        let subject = self.subject_id(&key_text(&change.subject)?)?;
        let bound = params![
            self.context,
            subject,
            change.not_before.0,
            change.not_after.0,
            change.kind.word(),
            change.kind.thing(),
            change.from.as_str(),
            change.to.as_str(),
        ];
        let mut subjects = HashMap::from([(subject, Some(change.subject.clone()))]);
        let known = self.known.query_row(bound, |row| read(row, &mut subjects));
        let Some(known) = known.optional()?.flatten() else {
            return Ok(Some(self.insert(subject, change)?));
        };
        let merged = known.change.merged(&change);
        if merged == known.change {
            return Ok(None);
        }
        let seq = self.next_seq()?;
        self.refine.execute(params![
            seq,
            merged.not_before.0,
            merged.not_after.0,
            merged.actor.as_ref().map(Clean::as_str),
            merged.origin.word(),
            merged.evidence.as_str(),
            known.id,
        ])?;
        Ok(Some(StoredChange {
            id: known.id,
            seq,
            change: merged,
        }))
    }

    fn insert(&mut self, subject: i64, change: Change) -> Result<StoredChange, StoreError> {
        let seq = self.next_seq()?;
        let id = self.insert.insert(params![
            seq,
            SCHEMA,
            self.context,
            subject,
            change.kind.word(),
            change.kind.thing(),
            change.from.as_str(),
            change.to.as_str(),
            change.not_before.0,
            change.not_after.0,
            change.actor.as_ref().map(Clean::as_str),
            change.origin.word(),
            change.evidence.as_str(),
        ])?;
        Ok(StoredChange { id, seq, change })
    }

    fn subject_id(&mut self, key: &str) -> Result<i64, StoreError> {
        let known = self.subject.query_row([key], |row| row.get(0)).optional()?;
        match known {
            Some(id) => Ok(id),
            None => Ok(self.add_subject.insert([key])?),
        }
    }

    fn next_seq(&mut self) -> Result<i64, StoreError> {
        Ok(self.next_seq.query_row([], |row| row.get(0))?)
    }
}

const SUBJECT: &str = "SELECT id FROM subjects WHERE key = ?";

fn find_subject(db: &Connection, key: &str) -> Result<Option<i64>, rusqlite::Error> {
    db.query_row(SUBJECT, [key], |row| row.get(0)).optional()
}

/// The subject as text: the same for the same subject, in every process.
fn key_text(subject: &Subject) -> Result<String, StoreError> {
    serde_json::to_string(subject).map_err(|e| StoreError::Other(Clean::text(&e.to_string())))
}

/// Reads a row; `None` for one in words that only a later version of this program knows.
fn read(
    row: &Row<'_>,
    subjects: &mut HashMap<i64, Option<Subject>>,
) -> Result<Option<StoredChange>, rusqlite::Error> {
    let text = |at: usize| row.get_ref(at).and_then(|value| Ok(value.as_str()?));
    let subject: i64 = row.get(2)?;
    let subject = if let Some(known) = subjects.get(&subject) {
        known.clone()
    } else {
        let parsed: Option<Subject> = serde_json::from_str(text(3)?).ok();
        subjects.insert(subject, parsed.clone());
        parsed
    };
    let kind = ChangeKind::from_parts(text(4)?, text(5)?);
    let origin = Origin::from_word(text(11)?);
    let (Some(subject), Some(kind), Some(origin)) = (subject, kind, origin) else {
        return Ok(None);
    };
    let actor = row.get_ref(10)?.as_str_or_null()?;
    Ok(Some(StoredChange {
        id: row.get(0)?,
        seq: row.get(1)?,
        change: Change {
            subject,
            kind,
            from: Clean::text(text(6)?),
            to: Clean::text(text(7)?),
            not_before: Millis(row.get(8)?),
            not_after: Millis(row.get(9)?),
            actor: actor.map(Clean::name),
            origin,
            evidence: Clean::text(text(12)?),
        },
    }))
}
