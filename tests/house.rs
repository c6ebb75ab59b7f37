//! The rules of the house: which room may use which, and how large a file may grow.

#![expect(
    clippy::expect_used,
    reason = "a tree that cannot be read ends the check"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What each room may use. `sim` is for commands and tests alone.
const MAY_USE: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("intent", &["domain"]),
    ("ui", &["domain", "intent"]),
    ("panes", &["domain", "intent", "ui"]),
    ("app", &["domain", "intent", "ui", "panes"]),
    ("sources", &["domain"]),
    ("store", &["domain"]),
    ("terminal", &["domain"]),
    ("config", &["domain"]),
    ("sim", &[]),
    (
        "runtime",
        &[
            "domain", "intent", "ui", "panes", "app", "sources", "store", "terminal", "config",
        ],
    ),
    (
        "commands",
        &[
            "domain", "intent", "ui", "panes", "app", "sources", "store", "terminal", "config",
            "runtime", "sim",
        ],
    ),
];

/// What the pure rooms must not touch.
const IMPURE: &[&str] = &[
    "tokio::",
    "reqwest::",
    "std::fs",
    "std::net",
    "std::process",
    "std::thread",
    "SystemTime",
    "Instant::now",
    "Utc::now",
    "Local::now",
    "rusqlite",
    "crossterm::",
];

const PURE: &[&str] = &["domain", "intent", "ui", "panes", "app"];

fn files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("a readable folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

fn room(name: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    files(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(name),
        &mut found,
    );
    found
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).expect("a readable file");
            (path, text)
        })
        .collect()
}

/// The code of a file: no comments, nothing below the first test module.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .take_while(|(_, line)| !line.starts_with("#[cfg(test)]"))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

fn is_test(path: &Path) -> bool {
    let text = path.to_string_lossy();
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    text.contains("/tests/") || name.contains("tests") || name == "testing" || name == "gallery"
}

#[test]
fn rooms_use_only_what_they_may() {
    let mut broken = Vec::new();
    let rooms: BTreeMap<&str, &[&str]> = MAY_USE.iter().copied().collect();
    for (name, may) in &rooms {
        for (path, text) in room(name).iter().filter(|(path, _)| !is_test(path)) {
            for (number, line) in code(text) {
                for other in rooms
                    .keys()
                    .filter(|other| *other != name && !may.contains(other))
                {
                    if line.contains(&format!("crate::{other}::")) {
                        broken.push(format!("{}:{}: {other}", path.display(), number + 1));
                    }
                }
            }
        }
    }
    assert!(
        broken.is_empty(),
        "rooms that may not be used:\n{}",
        broken.join("\n")
    );
}

#[test]
fn pure_rooms_touch_nothing_outside() {
    let mut broken = Vec::new();
    for name in PURE {
        for (path, text) in room(name).iter().filter(|(path, _)| !is_test(path)) {
            for (number, line) in code(text) {
                if let Some(word) = IMPURE.iter().find(|word| line.contains(**word)) {
                    broken.push(format!("{}:{}: {word}", path.display(), number + 1));
                }
                if matches!(*name, "domain" | "intent") && line.contains("ratatui::") {
                    broken.push(format!("{}:{}: ratatui", path.display(), number + 1));
                }
            }
        }
    }
    assert!(
        broken.is_empty(),
        "the pure rooms reach outside:\n{}",
        broken.join("\n")
    );
}

#[test]
fn only_the_runtime_and_the_simulator_spawn_tasks() {
    let mut broken = Vec::new();
    for name in ["sources", "store", "config", "terminal"] {
        for (path, text) in room(name).iter().filter(|(path, _)| !is_test(path)) {
            for (number, line) in code(text) {
                if line.contains("tokio::spawn(") {
                    broken.push(format!("{}:{}", path.display(), number + 1));
                }
            }
        }
    }
    assert!(
        broken.is_empty(),
        "tasks are spawned by the runtime:\n{}",
        broken.join("\n")
    );
}

#[test]
fn every_module_says_what_lives_in_it() {
    for (name, _) in MAY_USE {
        for (path, text) in room(name).into_iter().filter(|(path, _)| !is_test(path)) {
            assert!(
                text.starts_with("//!"),
                "{} does not open with `//!`",
                path.display()
            );
        }
    }
}

#[test]
fn files_stay_readable() {
    let mut long = Vec::new();
    for (name, _) in MAY_USE {
        for (path, text) in room(name).iter().filter(|(path, _)| !is_test(path)) {
            let lines = text.lines().count();
            if lines > 700 {
                long.push(format!("{}: {lines}", path.display()));
            }
        }
    }
    assert!(
        long.is_empty(),
        "files that want to be two:\n{}",
        long.join("\n")
    );
}
