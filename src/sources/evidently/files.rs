//! A folder of reports: which files there are, what their paths say, and what was read of them. A file
//! that has not changed is not read again.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use super::map::{self, Placed};
use super::runs::Run;
use super::wire;
use crate::domain::drift::DriftReport;
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::text::Clean;
use crate::domain::time::Millis;
use crate::sources::labels::Reader;
use crate::sources::lenient::{Message, quote_bare_numbers};

/// The most files that are looked at; the newest by their change are kept.
const MOST_FILES: usize = 5_000;
/// How deep folders are entered.
const DEEPEST: usize = 6;

/// A report that was read.
#[derive(Debug)]
pub(super) struct ReadFile {
    pub run: Run,
    pub report: DriftReport,
}

/// What is known of a file: its state when it was read, and what came of it.
type Known = (Stamp, Option<Arc<ReadFile>>);
/// Change and size.
type Stamp = (Option<Millis>, u64);

/// The files of a folder as they were last read.
#[derive(Debug, Default)]
pub(super) struct Folder {
    known: HashMap<String, Known>,
}

/// What a look at a folder shows.
#[derive(Debug)]
pub(super) struct Looked {
    pub files: Vec<Arc<ReadFile>>,
    /// How many JSON files were no report that could be read.
    pub unread: usize,
    /// Whether every file was looked at.
    pub whole: bool,
}

impl Folder {
    /// Looks at the folder. Files in folders of their own are named by these: the first is the model,
    /// the second its version. A file beside others is named by itself, unless it is called `report` or
    /// a time: then the folder names the model.
    ///
    /// # Errors
    /// When the folder cannot be listed. A file that cannot be read is counted.
    pub(super) fn look(
        &mut self,
        root: &Path,
        reader: &Reader,
        utc_offset: i32,
        largest: u64,
    ) -> Result<Looked, Fault> {
        let mut found = Vec::new();
        walk(root, 0, &mut found).map_err(|error| unreadable(root, &error))?;
        found.sort_by_key(|(_, stamp)| std::cmp::Reverse(*stamp));
        let whole = found.len() <= MOST_FILES;
        found.truncate(MOST_FILES);
        let mut known = HashMap::with_capacity(found.len());
        for (path, stamp) in found {
            let name = relative(root, &path);
            let held = self.known.remove(&name).filter(|(old, _)| *old == stamp);
            let read = match held {
                Some((_, read)) => read,
                None if stamp.1 > largest => None,
                None => read(root, &path, &name, stamp.0, reader, utc_offset).map(Arc::new),
            };
            known.insert(name, (stamp, read));
        }
        self.known = known;
        let mut files: Vec<_> = self.known.values().filter_map(|k| k.1.clone()).collect();
        files.sort_by(|a, b| a.run.id.cmp(&b.run.id));
        Ok(Looked {
            unread: self.known.len() - files.len(),
            files,
            whole,
        })
    }
}

fn walk(folder: &Path, depth: usize, found: &mut Vec<(PathBuf, Stamp)>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        let path = entry.path();
        if kind.is_dir() {
            // One folder that may not be read hides no other.
            if depth < DEEPEST {
                let _ = walk(&path, depth + 1, found);
            }
        } else if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("json"))
            && found.len() < 4 * MOST_FILES
            // Links to files are followed, links to folders are not: they may lead round in circles.
            && let Ok(about) = std::fs::metadata(&path)
            && about.is_file()
        {
            found.push((path, (modified(&about), about.len())));
        }
    }
    Ok(())
}

fn modified(about: &std::fs::Metadata) -> Option<Millis> {
    let since = about.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(Millis(i64::try_from(since.as_millis()).ok()?))
}

/// The path below the root, with slashes.
fn relative(root: &Path, path: &Path) -> String {
    let below = path.strip_prefix(root).unwrap_or(path);
    let parts: Vec<_> = below.iter().map(|p| p.to_string_lossy()).collect();
    parts.join("/")
}

fn read(
    root: &Path,
    path: &Path,
    name: &str,
    modified: Option<Millis>,
    reader: &Reader,
    utc_offset: i32,
) -> Option<ReadFile> {
    let body = std::fs::read(path).ok()?;
    let folder = root.file_name().unwrap_or_default().to_string_lossy();
    let (model, version) = named_by(name, &folder);
    let placed = Placed {
        path: name,
        modified,
        model,
        version,
    };
    let file = decode(&body)?;
    let (run, report) = map::file(reader, &file, &placed, utc_offset)?;
    Some(ReadFile { run, report })
}

/// A report file; `None` for anything else.
pub(super) fn decode(body: &[u8]) -> Option<wire::File> {
    let strict = serde_json::from_slice::<Message<wire::File>>(body);
    let read = strict.or_else(|error| match quote_bare_numbers(body) {
        Some(quoted) => serde_json::from_slice(&quoted),
        None => Err(error),
    });
    read.ok().map(|message| message.0)
}

/// The model and version that a path names.
pub(super) fn named_by<'a>(name: &'a str, folder: &'a str) -> (&'a str, &'a str) {
    let parts: Vec<&str> = name.split('/').collect();
    match parts.as_slice() {
        [model, version, _, ..] => (model, version),
        [model, _] => (model, ""),
        _ => {
            let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
            let is_time = stem.starts_with(|c: char| c.is_ascii_digit());
            if is_time || stem.to_lowercase().starts_with("report") {
                (folder, "")
            } else {
                (stem, "")
            }
        }
    }
}

fn unreadable(root: &Path, error: &std::io::Error) -> Fault {
    use std::io::ErrorKind as K;
    let (kind, words) = match error.kind() {
        K::NotFound => (FaultKind::NotFound, "there is no such folder"),
        K::NotADirectory => (FaultKind::Config, "this is no folder"),
        K::PermissionDenied => (FaultKind::Forbidden, "the folder may not be read"),
        _ => (FaultKind::Unreachable, "the folder cannot be read"),
    };
    let place = Clean::text(&root.display().to_string());
    Fault::new(kind, place.as_str(), words)
}
