//! Small things to remember between sessions: the last context, the last pane of each, columns, sort.

use rusqlite::OptionalExtension as _;

use super::{Store, StoreError};

impl Store {
    /// The remembered value; `scope` is a context's name, or empty for what belongs to none.
    pub fn preference(&self, scope: &str, name: &str) -> Result<Option<String>, StoreError> {
        let sql = "SELECT value FROM preferences WHERE scope = ? AND name = ?";
        let row = self.db.query_row(sql, [scope, name], |row| row.get(0));
        Ok(row.optional()?)
    }

    /// All remembered values of a scope, by name.
    pub fn preferences(&self, scope: &str) -> Result<Vec<(String, String)>, StoreError> {
        let sql = "SELECT name, value FROM preferences WHERE scope = ? ORDER BY name";
        let mut statement = self.db.prepare(sql)?;
        let rows = statement.query_map([scope], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Remembers a value, or forgets it.
    pub fn set_preference(
        &mut self,
        scope: &str,
        name: &str,
        value: Option<&str>,
    ) -> Result<(), StoreError> {
        if let Some(value) = value {
            let sql = "INSERT INTO preferences (scope, name, value) VALUES (?, ?, ?)
                       ON CONFLICT DO UPDATE SET value = excluded.value";
            self.db.execute(sql, [scope, name, value])?;
        } else {
            let sql = "DELETE FROM preferences WHERE scope = ? AND name = ?";
            self.db.execute(sql, [scope, name])?;
        }
        Ok(())
    }
}
