//! What commands print: documents, aligned tables, remarks. A reader that has gone away is no error.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::Value;

use super::exit::Failure;
use crate::domain::level::Level;
use crate::domain::text::Clean;
use crate::domain::time::{Millis, Since, age};
use crate::terminal::caps::{self, ColorWish, Colors, Environment};
use crate::ui::symbols::Symbols;
use crate::ui::text::{pad, width};

/// Where and how a command prints.
#[derive(Clone, Copy, Debug)]
pub struct Out {
    /// One JSON document in place of text.
    pub json: bool,
    /// No remarks.
    pub quiet: bool,
    /// Whether level words may have colours.
    pub color: bool,
    /// The symbols.
    pub symbols: Symbols,
}

/// Whether anybody still reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reader {
    /// Go on.
    There,
    /// The pipe is closed: there is nobody to print for.
    Gone,
}

impl Out {
    /// Decides by flags, settings and terminal: `color` and `symbols` are the setting's words.
    pub fn new(json: bool, quiet: bool, color: &str, symbols: &str) -> Self {
        let mut env = Environment::read();
        let wish = color.parse().unwrap_or_default();
        let tty = env.stdout_tty;
        env.stdin_tty = env.stdout_tty;
        let caps = caps::detect(&env, wish).ok();
        // An exact wish holds for pipes too.
        let wished = matches!(wish, ColorWish::Always | ColorWish::Exactly(_));
        let colors = caps.map_or(Colors::Mono, |c| c.colors);
        let ascii = match symbols {
            "ascii" => true,
            "unicode" => false,
            _ => tty && caps.is_some_and(|c| c.symbols == caps::Symbols::Ascii),
        };
        Self {
            json,
            quiet,
            color: wished || (tty && colors != Colors::Mono),
            symbols: if ascii {
                Symbols::ASCII
            } else {
                Symbols::UNICODE
            },
        }
    }

    /// Prints a document.
    ///
    /// # Errors
    /// When standard output cannot be written, a closed pipe aside.
    pub fn document(&self, document: &Value) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(&SchemaFirst(document))
            .map_err(|e| Failure::internal(format!("the document cannot be written: {e}")))?;
        self.print(&text)
    }

    /// Prints a document as one line, and says whether anybody still reads.
    ///
    /// # Errors
    /// When standard output cannot be written, a closed pipe aside.
    pub fn document_line(&self, document: &Value) -> Result<Reader, Failure> {
        let text = serde_json::to_string(&SchemaFirst(document))
            .map_err(|e| Failure::internal(format!("the document cannot be written: {e}")))?;
        self.line(&text)
    }

    /// Prints text and ends it with a newline.
    ///
    /// # Errors
    /// When standard output cannot be written, a closed pipe aside.
    pub fn print(&self, text: &str) -> Result<(), Failure> {
        self.line(text).map(|_| ())
    }

    /// Prints a line at once, and says whether anybody still reads.
    ///
    /// # Errors
    /// When standard output cannot be written, a closed pipe aside.
    pub fn line(&self, text: &str) -> Result<Reader, Failure> {
        let mut out = io::stdout().lock();
        let end = if text.ends_with('\n') { "" } else { "\n" };
        let written = out
            .write_all(text.as_bytes())
            .and_then(|()| out.write_all(end.as_bytes()))
            .and_then(|()| out.flush());
        match written {
            Ok(()) => Ok(Reader::There),
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(Reader::Gone),
            Err(e) => Err(Failure::internal(format!(
                "standard output cannot be written: {e}"
            ))),
        }
    }

    /// Says something beside the output, unless told to be quiet.
    pub fn remark(&self, text: &str) {
        if !self.quiet {
            complain(text);
        }
    }

    /// A level's word, coloured where that is allowed.
    pub fn level(&self, level: Level) -> Cell {
        let sgr = match level {
            Level::Crit => "1;31",
            Level::Unknown => "35",
            Level::Warn => "33",
            Level::Info => "36",
            Level::Ok => "",
        };
        self.cell(level.word(), sgr)
    }

    /// Text with a colour where that is allowed.
    pub fn cell(&self, text: &str, sgr: &'static str) -> Cell {
        Cell {
            text: text.to_owned(),
            sgr: if self.color { sgr } else { "" },
        }
    }

    /// A placeholder for nothing.
    pub fn none(&self) -> &'static str {
        self.symbols.none
    }

    /// Text of our own as the symbols allow it.
    pub fn own(&self, text: &str) -> String {
        self.symbols.plain(text)
    }

    /// `6m`, `≥6m`, or the placeholder.
    pub fn since(&self, since: Since, now: Millis) -> String {
        self.own(&since.age_text(now))
    }

    /// The age of a stamp: `6m`, or the placeholder.
    pub fn age(&self, at: Option<Millis>, now: Millis) -> String {
        at.map_or_else(|| self.none().to_owned(), |at| age(now.since(at)))
    }
}

/// A document with its schema first, whatever order a map keeps.
struct SchemaFirst<'a>(&'a Value);

impl Serialize for SchemaFirst<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Value::Object(fields) = self.0 else {
            return self.0.serialize(serializer);
        };
        let first = |name: &str| name == "schema";
        let mut map = serializer.serialize_map(Some(fields.len()))?;
        for (name, value) in fields.iter().filter(|(name, _)| first(name)) {
            map.serialize_entry(name, value)?;
        }
        for (name, value) in fields.iter().filter(|(name, _)| !first(name)) {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// Prints to standard error; what nobody can read is lost.
pub fn complain(text: &str) {
    let mut err = io::stderr().lock();
    let _ = writeln!(err, "{text}");
}

/// One cell of a table.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Cell {
    text: String,
    sgr: &'static str,
}

impl Cell {
    /// The cell without padding.
    pub fn painted(&self) -> String {
        if self.sgr.is_empty() {
            self.text.clone()
        } else {
            format!("\x1b[{}m{}\x1b[0m", self.sgr, self.text)
        }
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self { text, sgr: "" }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<&Clean> for Cell {
    fn from(text: &Clean) -> Self {
        text.as_str().into()
    }
}

impl From<Clean> for Cell {
    fn from(text: Clean) -> Self {
        text.as_str().into()
    }
}

/// An aligned table: titles, then rows. Numbers are right-aligned where a title begins with `>`.
#[derive(Clone, Debug)]
pub struct Table {
    titles: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table with these titles.
    pub fn new(titles: &[&'static str]) -> Self {
        Self {
            titles: titles.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a row: a cell for each title.
    pub fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The lines, without blanks at their ends.
    pub fn render(&self) -> String {
        let titles: Vec<(&str, bool)> = self
            .titles
            .iter()
            .map(|t| t.strip_prefix('>').map_or((*t, false), |t| (t, true)))
            .collect();
        let widths: Vec<usize> = titles
            .iter()
            .enumerate()
            .map(|(n, (title, _))| {
                let cells = self.rows.iter().filter_map(|row| row.get(n));
                cells
                    .map(|cell| width(&cell.text))
                    .chain([width(title)])
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        let mut out = String::new();
        let head: Vec<Cell> = titles.iter().map(|(title, _)| (*title).into()).collect();
        for row in std::iter::once(&head).chain(&self.rows) {
            let mut line = String::new();
            for (n, cell) in row.iter().enumerate() {
                let columns = widths.get(n).copied().unwrap_or(0);
                let right = titles.get(n).is_some_and(|(_, right)| *right);
                let blank = columns.saturating_sub(width(&cell.text));
                if n > 0 {
                    line.push_str("  ");
                }
                if right {
                    line.push_str(&" ".repeat(blank));
                }
                line.push_str(&cell.painted());
                if !right && n + 1 < row.len() {
                    line.push_str(&" ".repeat(blank));
                }
            }
            let _ = writeln!(out, "{}", line.trim_end());
        }
        out
    }
}

/// `key   value` lines, the keys aligned.
pub fn pairs(rows: &[(&str, String)]) -> String {
    let columns = rows.iter().map(|(key, _)| width(key)).max().unwrap_or(0);
    let mut out = String::new();
    for (key, value) in rows {
        let _ = writeln!(out, "{}  {value}", pad(key, columns));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn out(color: bool) -> Out {
        Out {
            json: false,
            quiet: false,
            color,
            symbols: Symbols::UNICODE,
        }
    }

    #[test]
    fn columns_line_up_whatever_they_hold() {
        let mut table = Table::new(&["LEVEL", "MODEL", ">RUNS"]);
        for (level, name, runs) in [
            (Level::Crit, "Prévision énergie", "7"),
            (Level::Ok, "模型", "1204"),
        ] {
            table.row(vec![out(false).level(level), name.into(), runs.into()]);
        }
        assert_eq!(
            table.render(),
            "LEVEL  MODEL              RUNS\n\
             crit   Prévision énergie     7\n\
             ok     模型               1204\n"
        );
    }

    #[test]
    fn documents_begin_with_their_schema() {
        let document = serde_json::json!({"a": 1, "schema": "quarterdeck.x/1"});
        let text = serde_json::to_string(&SchemaFirst(&document)).unwrap();
        assert_eq!(text, r#"{"schema":"quarterdeck.x/1","a":1}"#);
    }

    #[test]
    fn colour_does_not_move_columns() {
        let mut table = Table::new(&["LEVEL", "MODEL"]);
        table.row(vec![out(true).level(Level::Warn), "churn".into()]);
        assert_eq!(
            table.render(),
            "LEVEL  MODEL\n\x1b[33mwarn\x1b[0m   churn\n"
        );
    }
}
