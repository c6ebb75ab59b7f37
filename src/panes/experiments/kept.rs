//! The columns that somebody chose for the runs of an experiment, as one text for all experiments: what is
//! kept over a restart.
//!
//! One line an experiment, its parts set apart by tabs: the tracker's base, its workspace, the id, then a
//! column each, as `started` or `metric:val_auc`. Names with tabs or line breaks in them cannot occur: they
//! are clean.

use crate::domain::key::ExperimentKey;
use crate::domain::text::Clean;
use crate::intent::msg::RunColumn;

/// So many experiments are kept, the one chosen last first.
const MOST: usize = 64;

/// The columns of experiments.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Kept {
    rows: Vec<(String, Vec<RunColumn>)>,
}

/// The words of columns that every run has.
const PLAIN: [(&str, RunColumn); 6] = [
    ("name", RunColumn::Name),
    ("status", RunColumn::Status),
    ("started", RunColumn::Started),
    ("duration", RunColumn::Duration),
    ("user", RunColumn::User),
    ("dataset", RunColumn::Dataset),
];

/// An experiment as its line begins.
fn head(key: &ExperimentKey) -> String {
    let tracker = &key.tracker;
    let parts = [&tracker.base, &tracker.workspace, &key.id];
    parts.map(|part| part.clean().to_string()).join("\t")
}

fn word(column: &RunColumn) -> String {
    match column {
        RunColumn::Metric(name) => format!("metric:{name}"),
        RunColumn::Param(name) => format!("param:{name}"),
        RunColumn::Tag(name) => format!("tag:{name}"),
        plain => {
            let found = PLAIN.iter().find(|(_, column)| column == plain);
            found.map_or("", |(word, _)| word).to_owned()
        }
    }
}

fn column(word: &str) -> Option<RunColumn> {
    if let Some((_, column)) = PLAIN.iter().find(|(known, _)| *known == word) {
        return Some(column.clone());
    }
    let (kind, name) = word.split_once(':')?;
    let name = Clean::name(name);
    match kind {
        "metric" => Some(RunColumn::Metric(name)),
        "param" => Some(RunColumn::Param(name)),
        "tag" => Some(RunColumn::Tag(name)),
        _ => None,
    }
}

impl Kept {
    /// The columns chosen for an experiment.
    pub(super) fn of(&self, key: &ExperimentKey) -> Option<&Vec<RunColumn>> {
        let head = head(key);
        let mut rows = self.rows.iter();
        rows.find(|(known, _)| *known == head).map(|(_, all)| all)
    }

    /// Notes them.
    pub(super) fn note(&mut self, key: &ExperimentKey, columns: Vec<RunColumn>) {
        let head = head(key);
        self.rows.retain(|(known, _)| *known != head);
        self.rows.insert(0, (head, columns));
        self.rows.truncate(MOST);
    }

    /// All of it as a text.
    pub(super) fn text(&self) -> String {
        let line = |(head, columns): &(String, Vec<RunColumn>)| {
            let words = columns.iter().map(word);
            std::iter::once(head.clone())
                .chain(words)
                .collect::<Vec<_>>()
                .join("\t")
        };
        let lines: Vec<String> = self.rows.iter().map(line).collect();
        lines.join("\n")
    }

    /// Reads such a text.
    ///
    /// # Errors
    /// With what could not be read; the rest of it is left out.
    pub(super) fn read(text: &str) -> (Self, Result<(), String>) {
        let mut rows = Vec::new();
        let mut wrong: Vec<String> = Vec::new();
        for line in text.lines() {
            let parts: Vec<&str> = line.split('\t').collect();
            let Some((place, words)) = parts.split_at_checked(3) else {
                wrong.push(line.to_owned());
                continue;
            };
            let mut columns = Vec::new();
            for word in words {
                match column(word) {
                    Some(column) => columns.push(column),
                    None => wrong.push((*word).to_owned()),
                }
            }
            if columns.contains(&RunColumn::Name) {
                rows.push((place.join("\t"), columns));
            }
        }
        rows.truncate(MOST);
        let said = if wrong.is_empty() {
            Ok(())
        } else {
            Err(format!("no columns are called {}", wrong.join(", ")))
        };
        (Self { rows }, said)
    }
}
