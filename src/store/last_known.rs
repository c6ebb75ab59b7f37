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
/// Rows in one packed value at most: some hundred kilobytes.
const PIECE: usize = 2_000;

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
        let mut parts: Vec<(String, Vec<u8>)> = Vec::new();
        pack("models", state.models.iter(), &mut parts);
        pack("first-versions", first.into_iter(), &mut parts);
        pack("endpoints", state.endpoints.iter(), &mut parts);
        pack("signals", whole.into_iter(), &mut parts);
        pack("feature-signals", by_feature.into_iter(), &mut parts);
        pack("series", series.into_iter(), &mut parts);
        pack("alerts", state.alerts.iter(), &mut parts);
        pack("pipelines", state.pipelines.iter(), &mut parts);
        pack("pipeline-runs", state.pipeline_runs.iter(), &mut parts);
        pack("sources", state.sources.iter(), &mut parts);
        pack("versions", others.into_iter(), &mut parts);
        pack("experiments", state.experiments.iter(), &mut parts);
        pack("runs", newest_runs(&state.runs).into_iter(), &mut parts);
        pack("memory", std::iter::once(&state.memory), &mut parts);
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
        // The state before may have had more pieces.
        tx.execute("DELETE FROM last_known WHERE context = ?", [context])?;
        for (part, body) in parts {
            put(&tx, context, &part, at, &body)?;
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
                pipelines: store.part_or_none(context, "pipelines")?,
                pipeline_runs: store.part_or_none(context, "pipeline-runs")?,
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
        let mut statement = self.db.prepare(sql)?;
        let mut all: Option<(Millis, Vec<T>)> = None;
        for piece in 0.. {
            let name = piece_name(part, piece);
            let row = statement.query_row(params![context, name], |row| {
                let shape: i64 = row.get(2)?;
                let body = row.get_ref(1)?.as_blob()?;
                let rows = (shape == SHAPE).then(|| unpacked(body));
                Ok((Millis(row.get(0)?), rows))
            });
            let Some((saved_at, rows)) = row.optional()? else {
                break;
            };
            let Some(rows) = rows else {
                tracing::warn!(
                    part,
                    "the last-known state is of another version and is not used"
                );
                return Ok(None);
            };
            let Some(rows) = rows else {
                tracing::warn!(part, "the last-known state is torn and is not used");
                return Ok(None);
            };
            match &mut all {
                None => all = Some((saved_at, rows)),
                Some((_, known)) => known.extend(rows),
            }
        }
        Ok(all)
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
    let sql =
        "INSERT INTO last_known (context, part, shape, saved_at, body) VALUES (?, ?, ?, ?, ?)";
    tx.execute(sql, params![context, part, SHAPE, at.0, body])?;
    Ok(())
}

/// The name of a piece of a part: the first one has the part's own.
fn piece_name(part: &str, piece: usize) -> String {
    match piece {
        0 => part.to_owned(),
        more => format!("{part}-{more}"),
    }
}

/// Packs a part, a large one in pieces: the database copies each value as a whole, more than once.
fn pack<'a, T: Pack + 'a>(
    part: &str,
    mut rows: impl ExactSizeIterator<Item = &'a T>,
    parts: &mut Vec<(String, Vec<u8>)>,
) {
    for piece in 0.. {
        let rows: Vec<&T> = rows.by_ref().take(PIECE).collect();
        if rows.is_empty() && piece > 0 {
            return;
        }
        let mut packer = Packer::default();
        packer.list(rows.into_iter());
        parts.push((piece_name(part, piece), packer.finish()));
    }
}

fn unpacked<T: Pack>(body: &[u8]) -> Option<Vec<T>> {
    let mut from = Unpacker::new(body).ok()?;
    let rows = from.list().ok()?;
    from.done().then_some(rows)
}
