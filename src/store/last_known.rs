//! The last-known state of each context: one packed value a part, the small parts that a first frame
//! needs apart from the large ones that can follow.

use std::time::Duration;

use rusqlite::{OptionalExtension as _, Transaction, TransactionBehavior, params};

use super::pack::{Pack, Packer, Unpacker};
use super::shapes::SHAPE;
use super::{Store, StoreError, context_id};
use crate::domain::last_known::{LastKnown, LastKnownHead, LastKnownRest, newest_runs};
use crate::domain::time::Millis;

/// A saved state whose stamp lies this far ahead of a new one was stamped by a clock gone wrong.
const AHEAD: Duration = Duration::from_secs(5 * 60);

impl Store {
    /// Saves a context's state, whole or not at all. A state older than the saved one is not written:
    /// `false`. The caller decides how often; each call writes everything.
    pub fn save(&mut self, context: &str, state: &LastKnown) -> Result<bool, StoreError> {
        let (first, others) = state.split_versions();
        let readings = state.signals.iter().flat_map(|group| group.iter());
        let (by_feature, whole): (Vec<_>, Vec<_>) =
            readings.partition(|held| held.fact.key.measure.is_by_feature());
        // The courses of single features are many, and lists do not show them.
        let series = state.series.iter().flat_map(|group| group.iter());
        let series: Vec<_> = series
            .filter(|held| !held.fact.key.measure.is_by_feature())
            .collect();
        // Packed before the lock is taken: another process should not wait for that.
        let parts = [
            ("models", packed(state.models.iter())),
            ("first-versions", packed(first.into_iter())),
            ("endpoints", packed(state.endpoints.iter())),
            ("signals", packed(whole.into_iter())),
            ("feature-signals", packed(by_feature.into_iter())),
            ("series", packed(series.iter().copied())),
            ("alerts", packed(state.alerts.iter())),
            ("sources", packed(state.sources.iter())),
            ("versions", packed(others.into_iter())),
            ("experiments", packed(state.experiments.iter())),
            ("runs", packed(newest_runs(&state.runs).into_iter())),
            ("memory", packed(std::iter::once(&state.memory))),
        ];
        let at = state.saved_at;
        let tx = self
            .db
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let context = context_id(&tx, context)?;
        let sql = "SELECT max(saved_at) FROM last_known WHERE context = ?";
        let saved: Option<i64> = tx.query_row(sql, [context], |row| row.get(0))?;
        if saved.is_some_and(|saved| saved > at.0 && Millis(saved) <= at.plus(AHEAD)) {
            return Ok(false);
        }
        for (part, body) in &parts {
            put(&tx, context, part, at, body)?;
        }
        tx.commit()?;
        Ok(true)
    }

    /// What a first frame of the context needs; `None` if nothing was saved, or nothing that this
    /// version of the program can read.
    pub fn load_head(&self, context: &str) -> Result<Option<LastKnownHead>, StoreError> {
        self.one_look(|store| {
            let Some((saved_at, models)) = store.part(context, "models")? else {
                return Ok(None);
            };
            Ok(Some(LastKnownHead {
                saved_at,
                models,
                versions: store.part_or_none(context, "first-versions")?,
                endpoints: store.part_or_none(context, "endpoints")?,
                signals: store.part_or_none(context, "signals")?,
                alerts: store.part_or_none(context, "alerts")?,
                sources: store.part_or_none(context, "sources")?,
                // A file of before there was one has none.
                memory: store
                    .part_or_none(context, "memory")?
                    .pop()
                    .unwrap_or_default(),
            }))
        })
    }

    /// What may follow the first frame; `None` as for [`Store::load_head`].
    pub fn load_rest(&self, context: &str) -> Result<Option<LastKnownRest>, StoreError> {
        self.one_look(|store| {
            let Some((saved_at, versions)) = store.part(context, "versions")? else {
                return Ok(None);
            };
            Ok(Some(LastKnownRest {
                saved_at,
                versions,
                experiments: store.part_or_none(context, "experiments")?,
                runs: store.part_or_none(context, "runs")?,
                signals: store.part_or_none(context, "feature-signals")?,
                series: store.part_or_none(context, "series")?,
            }))
        })
    }

    /// Forgets the state of a context, not its history.
    pub fn forget(&mut self, context: &str) -> Result<(), StoreError> {
        let sql = "DELETE FROM last_known
                   WHERE context = (SELECT id FROM contexts WHERE name = ?)";
        self.db.execute(sql, [context])?;
        Ok(())
    }

    /// Reads several parts of one saved state, although another process may save meanwhile.
    fn one_look<T>(
        &self,
        read: impl FnOnce(&Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let tx = self.db.unchecked_transaction()?;
        let read = read(self)?;
        tx.commit()?;
        Ok(read)
    }

    fn part<T: Pack>(
        &self,
        context: &str,
        part: &str,
    ) -> Result<Option<(Millis, Vec<T>)>, StoreError> {
        let sql = "SELECT saved_at, body, shape FROM last_known
                   WHERE context = (SELECT id FROM contexts WHERE name = ?) AND part = ?";
        let row = self.db.query_row(sql, params![context, part], |row| {
            let shape: i64 = row.get(2)?;
            let body = row.get_ref(1)?.as_blob()?;
            let rows = (shape == SHAPE).then(|| unpacked(body));
            Ok((Millis(row.get(0)?), rows))
        });
        let Some((saved_at, rows)) = row.optional()? else {
            return Ok(None);
        };
        let Some(rows) = rows else {
            tracing::warn!(
                part,
                "the last-known state is of another version and is not used"
            );
            return Ok(None);
        };
        if rows.is_none() {
            tracing::warn!(part, "the last-known state is torn and is not used");
        }
        Ok(rows.map(|rows| (saved_at, rows)))
    }

    fn part_or_none<T: Pack>(&self, context: &str, part: &str) -> Result<Vec<T>, StoreError> {
        Ok(self
            .part(context, part)?
            .map(|(_, rows)| rows)
            .unwrap_or_default())
    }
}

fn put(
    tx: &Transaction<'_>,
    context: i64,
    part: &str,
    at: Millis,
    body: &[u8],
) -> Result<(), rusqlite::Error> {
    let sql = "INSERT INTO last_known (context, part, shape, saved_at, body) VALUES (?, ?, ?, ?, ?)
               ON CONFLICT DO UPDATE SET shape = excluded.shape, saved_at = excluded.saved_at,
                                         body = excluded.body";
    tx.execute(sql, params![context, part, SHAPE, at.0, body])?;
    Ok(())
}

fn packed<'a, T: Pack + 'a>(rows: impl ExactSizeIterator<Item = &'a T>) -> Vec<u8> {
    let mut packer = Packer::default();
    packer.list(rows);
    packer.finish()
}

fn unpacked<T: Pack>(body: &[u8]) -> Option<Vec<T>> {
    let mut from = Unpacker::new(body).ok()?;
    let rows = from.list().ok()?;
    from.done().then_some(rows)
}
