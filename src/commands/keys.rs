//! `keys`: the command table with the keys in force, as text, Markdown or JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::documents;
use super::exit::{Exit, Failure};
use super::output::Table;
use super::session::Base;
use crate::cli::{Global, KeysArgs};
use crate::intent::command::{COMMANDS, Group, Row, Scope};
use crate::intent::keymap::Keymap;

/// The groups in the order of help.
const GROUPS: [Group; 5] = [
    Group::Move,
    Group::Find,
    Group::Look,
    Group::Act,
    Group::Out,
];

/// Runs `keys`.
///
/// # Errors
/// When the settings cannot be used.
pub fn run(global: &Global, args: &KeysArgs) -> Result<Exit, Failure> {
    let base = Base::load(global, true);
    let out = base.out;
    let settings = base.into_settings()?;
    let keymap = Keymap::new(&settings.keys).map_err(|wrong| {
        let first = wrong.into_iter().next();
        Failure::usage(first.map_or_else(String::new, |(id, why)| format!("keys of `{id}`: {why}")))
    })?;
    if out.json {
        out.document(&document(&keymap))?;
    } else if args.markdown {
        out.print(&markdown(&keymap))?;
    } else {
        out.print(&text(&keymap))?;
    }
    Ok(Exit::Done)
}

fn of(group: Group) -> impl Iterator<Item = &'static Row> {
    COMMANDS.iter().filter(move |row| row.group == group)
}

fn where_it_holds(row: &Row) -> &'static str {
    match row.scope {
        Scope::Global => "everywhere",
        Scope::List => "lists",
        Scope::Chart => "charts",
        Scope::Runs => "runs",
        Scope::Marks => "runs, models",
        Scope::Pipelines => "pipelines",
        Scope::Journal => "the journal",
    }
}

fn text(keymap: &Keymap) -> String {
    let mut out = String::new();
    for group in GROUPS {
        let mut table = Table::new(&["KEYS", "COMMAND", "IN", "WHAT IT DOES"]);
        for row in of(group) {
            table.row(vec![
                keymap.keys_of(row.command).join(", ").into(),
                row.id.into(),
                where_it_holds(row).into(),
                row.doc.into(),
            ]);
        }
        let _ = write!(out, "{}\n{}\n", group.title(), table.render());
    }
    out.truncate(out.trim_end().len());
    out
}

/// The table of the README: two commands a line, those without a key by their name in the palette.
fn markdown(keymap: &Keymap) -> String {
    let cells: Vec<String> = GROUPS
        .into_iter()
        .flat_map(of)
        .map(|row| {
            let keys = keymap.keys_of(row.command);
            let keys: Vec<String> = keys.iter().map(|key| code(key)).collect();
            let keys = if keys.is_empty() {
                format!("`:` {}", row.title)
            } else {
                keys.join(" ")
            };
            format!("{keys} | {}", row.doc.replace('|', "\\|"))
        })
        .collect();
    let mut out = "| keys | what they do | keys | what they do |\n|---|---|---|---|\n".to_owned();
    for pair in cells.chunks(2) {
        let second = pair.get(1).map_or(" | ", String::as_str);
        let _ = writeln!(out, "| {} | {second} |", pair[0]);
    }
    out.truncate(out.trim_end().len());
    out
}

/// A key as Markdown code; a backtick or a bar would end it or the cell.
fn code(key: &str) -> String {
    if key.contains('`') {
        format!("`` {key} ``")
    } else {
        format!("`{}`", key.replace('|', "\\|"))
    }
}

fn document(keymap: &Keymap) -> Value {
    let commands: Vec<Value> = COMMANDS
        .iter()
        .map(|row| {
            json!({
                "id": row.id,
                "title": row.title,
                "doc": row.doc,
                "keys": keymap.keys_of(row.command),
                "default_keys": row.keys,
                "in": where_it_holds(row),
                "group": row.group.title().to_lowercase(),
            })
        })
        .collect();
    documents::document("keys", json!({ "commands": commands }))
}
