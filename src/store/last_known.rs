//! The last-known state of each context: one packed value a part, the small parts that a first frame
//! needs apart from the large ones that can follow.

use std::time::Duration;

use rusqlite::{OptionalExtension as _, Transaction, TransactionBehavior, params};

use super::pack::{Pack, Packer, Unpacker};
use super::shapes::SHAPE;
use super::{Store, StoreError, context_id};
use crate::domain::last_known::{Held, LastKnown, LastKnownHead, LastKnownRest, newest_runs};
use crate::domain::run::Run;
use crate::domain::time::Millis;

/// A saved state whose stamp lies this far ahead of a new one was stamped by a clock gone wrong.
const AHEAD: Duration = Duration::from_secs(5 * 60);
/// Rows in one packed value at most: some tens of kilobytes. What is packed stands in memory three times
/// for a moment, here and in the database.
const PIECE: usize = 1_000;
/// As many of the larger rows: courses and versions.
const LARGE_PIECE: usize = 250;
/// As many runs: they are the largest rows, and are made for their piece.
const RUNS_PIECE: usize = 100;

impl Store {
    /// Saves a context's state, whole or not at all. A state older than the saved one is not written:
    /// `false`. The caller decides how often; each call writes everything.
    pub fn save(&mut self, context: &str, state: &LastKnown) -> Result<bool, StoreError> {
        let runs = newest_runs(&state.runs).into_iter().cloned();
        self.save_with_runs(context, state, runs)
    }

    /// As [`Store::save`], with these runs in place of the state's own: each is made as it is written, so
    /// that they are never held all together.
    pub fn save_with_runs(
        &mut self,
        context: &str,
        state: &LastKnown,
        mut runs: impl Iterator<Item = Held<Run>>,
    ) -> Result<bool, StoreError> {
        let (first, others) = state.split_versions();
        let readings = state.signals.iter().flat_map(|group| group.iter());
        let (by_feature, whole): (Vec<_>, Vec<_>) =
            readings.partition(|held| held.fact.key.measure.is_by_feature());
        // The courses of single features are many, and lists do not show them.
        let series = state.series.iter().flat_map(|group| group.iter());
        let series = series.filter(|held| !held.fact.key.measure.is_by_feature());
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
        let into = Saving {
            tx: &tx,
            context,
            at,
        };
        into.part("models", state.models.iter())?;
        into.part("first-versions", first.into_iter())?;
        into.part("endpoints", state.endpoints.iter())?;
        into.part("signals", whole.into_iter())?;
        into.part("feature-signals", by_feature.into_iter())?;
        into.part("series", series)?;
        into.part("alerts", state.alerts.iter())?;
        into.part("pipelines", state.pipelines.iter())?;
        into.part("pipeline-runs", state.pipeline_runs.iter())?;
        into.part("sources", state.sources.iter())?;
        into.part("versions", others.into_iter())?;
        into.part("experiments", state.experiments.iter())?;
        into.part("memory", std::iter::once(&state.memory))?;
        for piece in 0.. {
            let rows: Vec<_> = runs.by_ref().take(RUNS_PIECE).collect();
            if rows.is_empty() && piece > 0 {
                break;
            }
            into.piece("runs", piece, &rows.iter().collect::<Vec<_>>())?;
        }
        tx.commit()?;
        self.empty_log();
        Ok(true)
    }

    /// Moves what was written from the log into the file. A state has megabytes: after an end that was not
    /// in order, the next start would read all of it again before anything else.
    fn empty_log(&self) {
        let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
        // Another process that reads just now keeps its log until it has ended.
        if let Err(error) = self.db.query_row(sql, [], |_| Ok(())) {
            tracing::debug!("the log of the state file was not emptied: {error}");
        }
    }

    /// What a first frame of the context needs; `None` if nothing was saved, or nothing that this
    /// version of the program can read.
    pub fn load_head(&self, context: &str) -> Result<Option<LastKnownHead>, StoreError> {
        let mut head: Option<LastKnownHead> = None;
        self.load_head_in_parts(context, |part| match &mut head {
            None => head = Some(part),
            Some(head) => head.extend(part),
        })?;
        Ok(head)
    }

    /// The same in parts, each told as soon as it is read: models, then versions and endpoints, then what
    /// monitoring and orchestrators said. Nothing is told where nothing was saved.
    pub fn load_head_in_parts(
        &self,
        context: &str,
        mut tell: impl FnMut(LastKnownHead),
    ) -> Result<(), StoreError> {
        self.one_look(|store| {
            let Some((saved_at, models)) = store.part(context, "models")? else {
                return Ok(());
            };
            tell(LastKnownHead {
                saved_at,
                models,
                // A file of before there was one has none.
                memory: store
                    .part_or_none(context, "memory")?
                    .pop()
                    .unwrap_or_default(),
                ..LastKnownHead::default()
            });
            tell(LastKnownHead {
                saved_at,
                versions: store.part_or_none(context, "first-versions")?,
                endpoints: store.part_or_none(context, "endpoints")?,
                sources: store.part_or_none(context, "sources")?,
                ..LastKnownHead::default()
            });
            tell(LastKnownHead {
                saved_at,
                signals: store.part_or_none(context, "signals")?,
                alerts: store.part_or_none(context, "alerts")?,
                pipelines: store.part_or_none(context, "pipelines")?,
                pipeline_runs: store.part_or_none(context, "pipeline-runs")?,
                ..LastKnownHead::default()
            });
            Ok(())
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

    /// The context whose state was saved last; `None` if none was.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn last_saved(&self) -> Result<Option<String>, StoreError> {
        let sql = "SELECT name FROM contexts JOIN last_known ON context = id
                   WHERE part = 'models' ORDER BY saved_at DESC LIMIT 1";
        let row = self.db.query_row(sql, [], |row| row.get(0));
        Ok(row.optional()?)
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

/// A state on its way into the database. Each piece is packed when its turn comes and let go once it is
/// written: all of them together would be as large as the fleet.
struct Saving<'t> {
    tx: &'t Transaction<'t>,
    context: i64,
    at: Millis,
}

impl Saving<'_> {
    /// Writes a part, a large one in pieces: the database copies each value as a whole, more than once.
    fn part<'a, T: Pack + 'a>(
        &self,
        part: &str,
        mut rows: impl Iterator<Item = &'a T>,
    ) -> Result<(), rusqlite::Error> {
        let most = match part {
            "series" | "versions" | "first-versions" => LARGE_PIECE,
            _ => PIECE,
        };
        for piece in 0.. {
            let rows: Vec<&T> = rows.by_ref().take(most).collect();
            if rows.is_empty() && piece > 0 {
                break;
            }
            self.piece(part, piece, &rows)?;
        }
        Ok(())
    }

    fn piece<T: Pack>(&self, part: &str, piece: usize, rows: &[&T]) -> Result<(), rusqlite::Error> {
        let mut packer = Packer::default();
        packer.list(rows.iter().copied());
        let sql =
            "INSERT INTO last_known (context, part, shape, saved_at, body) VALUES (?, ?, ?, ?, ?)";
        let (name, body) = (piece_name(part, piece), packer.finish());
        let row = params![self.context, name, SHAPE, self.at.0, body];
        self.tx.execute(sql, row)?;
        Ok(())
    }
}

/// The name of a piece of a part: the first one has the part's own.
fn piece_name(part: &str, piece: usize) -> String {
    match piece {
        0 => part.to_owned(),
        more => format!("{part}-{more}"),
    }
}

fn unpacked<T: Pack>(body: &[u8]) -> Option<Vec<T>> {
    let mut from = Unpacker::new(body).ok()?;
    let rows = from.list().ok()?;
    from.done().then_some(rows)
}
