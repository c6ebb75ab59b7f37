//! The time somebody watched: spans a context's source was polled in. Time outside of them is shown as
//! unwatched and never counts as good.

use std::time::Duration;

use rusqlite::{Connection, params};

use super::{Store, StoreError, context_id};
use crate::domain::key::SourceId;
use crate::domain::time::Millis;

/// One process's watch over one source: handed back with each answered poll.
#[derive(Debug)]
pub struct Watch {
    context: String,
    source: SourceId,
    gap: Duration,
    span: i64,
    last: Millis,
}

impl Store {
    /// Begins to watch. `gap` is the longest silence that still counts as watched, some polls long:
    /// over a longer one (a machine asleep, a source down) the span ends at the last answer.
    pub fn watch_started(
        &mut self,
        context: &str,
        source: &SourceId,
        at: Millis,
        gap: Duration,
    ) -> Result<Watch, StoreError> {
        Ok(Watch {
            context: context.to_owned(),
            source: source.clone(),
            gap,
            span: begin(&self.db, context, source, at)?,
            last: at,
        })
    }

    /// The source has answered: the span reaches to here.
    pub fn watch_seen(&mut self, watch: &mut Watch, at: Millis) -> Result<(), StoreError> {
        if at < watch.last {
            return Ok(());
        }
        let known = at.since(watch.last) <= watch.gap && {
            let sql = "UPDATE watched SET \"to\" = ? WHERE id = ?";
            self.db.execute(sql, params![at.0, watch.span])? == 1
        };
        if !known {
            watch.span = begin(&self.db, &watch.context, &watch.source, at)?;
        }
        watch.last = at;
        Ok(())
    }

    /// Ends the watch with its last answer.
    pub fn watch_ended(&mut self, mut watch: Watch, at: Millis) -> Result<(), StoreError> {
        if at.since(watch.last) <= watch.gap {
            self.watch_seen(&mut watch, at)?;
        }
        Ok(())
    }

    /// The watched spans between two instants, in order, joined where they overlap: of one source, or
    /// of any. A span of a single answer has equal ends.
    pub fn watched(
        &self,
        context: &str,
        source: Option<&SourceId>,
        from: Millis,
        to: Millis,
    ) -> Result<Vec<(Millis, Millis)>, StoreError> {
        let Some(context) = self.context(context)? else {
            return Ok(Vec::new());
        };
        let sql = "SELECT \"from\", \"to\" FROM watched
                   WHERE context = ?1 AND \"to\" >= ?2 AND \"from\" <= ?3 AND source = ifnull(?4, source)
                   ORDER BY \"from\"";
        let mut statement = self.db.prepare(sql)?;
        let bound = params![context, from.0, to.0, source.map(SourceId::as_str)];
        let rows = statement.query_map(bound, |row| {
            Ok((Millis(row.get(0)?).max(from), Millis(row.get(1)?).min(to)))
        })?;
        let mut spans: Vec<(Millis, Millis)> = Vec::new();
        for span in rows {
            let (from, to) = span?;
            match spans.last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(to),
                _ => spans.push((from, to)),
            }
        }
        Ok(spans)
    }
}

fn begin(
    db: &Connection,
    context: &str,
    source: &SourceId,
    at: Millis,
) -> Result<i64, rusqlite::Error> {
    let sql = "INSERT INTO watched (context, source, \"from\", \"to\") VALUES (?, ?, ?, ?)";
    let context = context_id(db, context)?;
    db.execute(sql, params![context, source.as_str(), at.0, at.0])?;
    Ok(db.last_insert_rowid())
}
