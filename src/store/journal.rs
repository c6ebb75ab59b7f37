//! The journal of this program's own acts: one append-only file of JSON lines a process, on disk before
//! anything is sent, locked while the process lives. What the records of writes mean is
//! [`crate::domain::action::Writes`]' matter.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Remark, RemarkKind};
use crate::domain::action::{self, IntentLog};
use crate::domain::text::Clean;
use crate::domain::time::Millis;

/// The schema that each line names.
pub const SCHEMA: &str = "quarterdeck.journal/1";
/// How long the file of a session that did nothing but begin and end is kept.
pub const KEEP_SESSIONS: Duration = Duration::from_secs(30 * 86_400);

/// Why the journal cannot be written. Without it nothing may be sent to a server.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// No space is left, or a quota is used up.
    #[error("{place}: no space is left for the journal: free some first")]
    Full {
        /// The file.
        place: Clean,
    },
    /// An earlier failure left the file in doubt.
    #[error("{place}: an earlier write failed and could not be taken back: start the program anew")]
    Broken {
        /// The file.
        place: Clean,
    },
    /// Anything else.
    #[error("{place}: {source}")]
    Io {
        /// The file or directory.
        place: Clean,
        /// What the system said.
        source: io::Error,
    },
}

impl JournalError {
    fn at(path: &Path, source: io::Error) -> Self {
        let place = Clean::text(&path.display().to_string());
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { place },
            _ => Self::Io { place, source },
        }
    }
}

/// Who keeps a journal.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Session {
    /// This program's version.
    pub version: Clean,
    /// The user at this machine.
    pub user: Clean,
    /// This machine.
    pub host: Clean,
    /// The process.
    pub pid: u32,
}

/// What one line tells.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Record {
    /// A process begins.
    SessionStarted(Session),
    /// It ends as it should. Without this line it was killed or crashed.
    SessionEnded,
    /// Something about a write.
    Write(action::Record),
}

/// One line of a journal.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Entry {
    schema: String,
    /// When it was written.
    pub at: Millis,
    /// What it tells.
    #[serde(flatten)]
    pub record: Record,
}

/// The open journal of this process.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
    length: u64,
    broken: bool,
}

/// A journal that an ended process left.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recovered {
    /// The file.
    pub path: PathBuf,
    /// Its lines that this version can read, in order.
    pub entries: Vec<Entry>,
    /// How many whole lines it cannot: those of a newer version, or damaged ones before good ones.
    pub unread: usize,
    /// Whether the process ended as it should.
    pub ended: bool,
}

impl Journal {
    /// Begins this process's journal in `directory`, which is made if it is missing, and records the
    /// start of the session.
    pub fn begin(directory: &Path, session: Session, now: Millis) -> Result<Self, JournalError> {
        make_private(directory).map_err(|e| JournalError::at(directory, e))?;
        let path = directory.join(format!("{:013}-{}.jsonl", now.0, session.pid));
        let fail = |e| JournalError::at(&path, e);
        // It takes its name when it is locked and has its first line: nobody recovers a beginning.
        let beginning = path.with_extension("part");
        let mut options = OpenOptions::new();
        options.append(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&beginning).map_err(fail)?;
        match file.try_lock() {
            // A filesystem without locks still keeps a journal; others then leave it alone, see
            // [`recover`].
            Ok(()) | Err(fs::TryLockError::Error(_)) => {}
            Err(fs::TryLockError::WouldBlock) => {
                return Err(fail(io::ErrorKind::WouldBlock.into()));
            }
        }
        let mut journal = Self {
            file,
            path: path.clone(),
            length: 0,
            broken: false,
        };
        journal.append(Record::SessionStarted(session), now)?;
        fs::rename(&beginning, &path).map_err(fail)?;
        // The name must survive a power loss too.
        sync_directory(directory).map_err(|e| JournalError::at(directory, e))?;
        Ok(journal)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends a line; when this returns it is on disk. After a failure the file is as before.
    pub fn append(&mut self, record: Record, now: Millis) -> Result<(), JournalError> {
        if self.broken {
            let place = Clean::text(&self.path.display().to_string());
            return Err(JournalError::Broken { place });
        }
        let entry = Entry {
            schema: SCHEMA.to_owned(),
            at: now,
            record,
        };
        let written = serde_json::to_vec(&entry)
            .map_err(io::Error::from)
            .and_then(|mut line| {
                line.push(b'\n');
                self.file.write_all(&line)?;
                self.file.sync_data()?;
                Ok(line.len() as u64)
            });
        match written {
            Ok(length) => {
                self.length += length;
                Ok(())
            }
            Err(error) => {
                // Half a line would swallow the next one.
                self.broken = self.file.set_len(self.length).is_err();
                Err(JournalError::at(&self.path, error))
            }
        }
    }

    /// Records the end of the session and lets the file go.
    pub fn end(mut self, now: Millis) -> Result<(), JournalError> {
        self.append(Record::SessionEnded, now)
    }
}

impl IntentLog for Journal {
    fn write(&mut self, record: &action::Record, now: Millis) -> Result<(), Clean> {
        self.append(Record::Write(record.clone()), now)
            .map_err(|error| Clean::text(&error.to_string()))
    }
}

/// Reads the journals that ended processes left in `directory`, oldest first, and lets go of those
/// that tell of nothing but a session older than [`KEEP_SESSIONS`]. A file that a living process has
/// locked is not touched. A torn end is moved to a file beside it, and the remark says so.
///
/// # Errors
/// When the directory cannot be listed. A single unreadable file is a remark.
pub fn recover(
    directory: &Path,
    now: Millis,
) -> Result<(Vec<Recovered>, Vec<Remark>), JournalError> {
    let (mut found, mut remarks) = (Vec::new(), Vec::new());
    for path in files(directory)? {
        match recover_one(&path, now, &mut remarks) {
            Ok(Some(recovered)) if spent(&recovered, now) => {
                // Another process may have been quicker.
                let _ = fs::remove_file(&path);
            }
            Ok(recovered) => found.extend(recovered),
            Err(error) => remarks.push(Remark {
                kind: RemarkKind::Unread,
                text: Clean::text(&format!("{} cannot be read: {error}", path.display())),
            }),
        }
    }
    Ok((found, remarks))
}

/// The torn ends of journals that were set aside, whenever that was, one line each.
pub fn set_aside(directory: &Path) -> Vec<Clean> {
    let is_torn = |path: &Path| {
        let extension = path.extension().and_then(|extension| extension.to_str());
        extension.is_some_and(|extension| extension.starts_with("torn-"))
    };
    let paths = listed(directory, is_torn).unwrap_or_default();
    let line = |path: PathBuf| {
        let text = format!("a torn end of a journal was set aside: {}", path.display());
        Clean::text(&text)
    };
    paths.into_iter().map(line).collect()
}

/// The lines of every journal in `directory` as they stand, oldest journal first; torn ends are left out.
///
/// # Errors
/// When the directory or one of its journals cannot be read.
pub fn lines(directory: &Path) -> Result<String, JournalError> {
    let mut all = String::new();
    for path in files(directory)? {
        let bytes = fs::read(&path).map_err(|e| JournalError::at(&path, e))?;
        let whole = bytes.split_inclusive(|byte| *byte == b'\n');
        for line in whole.filter(|line| line.ends_with(b"\n")) {
            // What is no JSON is damaged, and nothing that reads lines of JSON could take it.
            if serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok() {
                all.push_str(&String::from_utf8_lossy(line));
            }
        }
    }
    Ok(all)
}

/// A journal as it stands: its file, its length, and when it was written to last.
pub type Stamp = (PathBuf, u64, Option<std::time::SystemTime>);

/// How the journals of a directory stand but for one's `own`: cheap to ask, and different once another
/// process has written.
pub fn stamps(directory: &Path, own: Option<&Path>) -> Vec<Stamp> {
    let paths = files(directory).unwrap_or_default().into_iter();
    paths
        .filter(|path| own != Some(&**path))
        .filter_map(|path| {
            let known = fs::metadata(&path).ok()?;
            Some((path, known.len(), known.modified().ok()))
        })
        .collect()
}

/// The journals of a directory, oldest first; none where it is not there.
pub(super) fn files(directory: &Path) -> Result<Vec<PathBuf>, JournalError> {
    listed(directory, |path| {
        path.extension()
            .is_some_and(|extension| extension == "jsonl")
    })
}

/// The files of a directory whose names are meant, by name.
fn listed(
    directory: &Path,
    is_meant: impl Fn(&Path) -> bool,
) -> Result<Vec<PathBuf>, JournalError> {
    let fail = |e| JournalError::at(directory, e);
    let listing = match fs::read_dir(directory) {
        Ok(listing) => listing,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(fail(e)),
    };
    let mut paths = Vec::new();
    for entry in listing {
        let path = entry.map_err(fail)?.path();
        if is_meant(&path) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// Whether a journal tells of nothing worth keeping any longer.
fn spent(recovered: &Recovered, now: Millis) -> bool {
    let old = |entry: &Entry| now.since(entry.at) > KEEP_SESSIONS;
    recovered.unread == 0
        && recovered.entries.iter().all(|entry| match entry.record {
            Record::SessionStarted(_) | Record::SessionEnded => old(entry),
            // What was changed is kept for good.
            Record::Write(_) => false,
        })
}

/// Reads one file; `None` while its process lives.
fn recover_one(
    path: &Path,
    now: Millis,
    remarks: &mut Vec<Remark>,
) -> io::Result<Option<Recovered>> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    match file.try_lock() {
        Ok(()) => {}
        // Without locks nobody can tell whether the process lives.
        Err(fs::TryLockError::WouldBlock | fs::TryLockError::Error(_)) => return Ok(None),
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let (mut entries, mut unread) = (Vec::new(), 0);
    // Where the last whole line ends, and how many damaged ones follow it.
    let (mut good, mut damaged_after) = (0, 0);
    let mut at = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        at += line.len();
        // A line without its end was not on disk when its writer stopped, whatever it says.
        if line.ends_with(b"\n") && serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok() {
            match serde_json::from_slice::<Entry>(line) {
                Ok(entry) => entries.push(entry),
                Err(_) => unread += 1,
            }
            unread += damaged_after;
            (good, damaged_after) = (at, 0);
        } else {
            damaged_after += 1;
        }
    }
    if good < bytes.len() {
        let aside = path.with_extension(format!("torn-{}", now.0));
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut torn = options.open(&aside)?;
        torn.write_all(&bytes[good..])?;
        torn.sync_all()?;
        file.set_len(good as u64)?;
        file.seek(SeekFrom::Start(good as u64))?;
        file.sync_all()?;
        remarks.push(Remark {
            kind: RemarkKind::SetAside,
            text: Clean::text(&format!(
                "the end of {} was torn and is kept as {}",
                path.display(),
                aside.display()
            )),
        });
    }
    if unread > 0 {
        remarks.push(Remark {
            kind: RemarkKind::Unread,
            text: Clean::text(&format!(
                "{unread} lines of {} are not readable by this version; they are kept and passed over",
                path.display()
            )),
        });
    }
    let ended = entries
        .last()
        .is_some_and(|entry| entry.record == Record::SessionEnded);
    Ok(Some(Recovered {
        path: path.to_owned(),
        entries,
        unread,
        ended,
    }))
}

fn make_private(directory: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

#[cfg(unix)]
fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

#[cfg(not(unix))]
fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::readings::Readings;
    use super::*;

    fn session() -> Session {
        Session {
            version: Clean::name("0.1.0"),
            user: Clean::name("ana"),
            host: Clean::name("bastion"),
            pid: 4711,
        }
    }

    /// A journal whose process was killed: started, not ended, not locked.
    fn killed(directory: &Path) -> PathBuf {
        let journal = Journal::begin(directory, session(), Millis(1_000)).expect("a journal");
        journal.path().to_owned()
    }

    fn recovered(directory: &Path) -> (Vec<Recovered>, Vec<RemarkKind>) {
        let (found, remarks) = recover(directory, Millis(2_000)).expect("a directory");
        (found, remarks.into_iter().map(|r| r.kind).collect())
    }

    fn add(path: &Path, bytes: &[u8]) {
        let mut file = OpenOptions::new()
            .append(true)
            .open(path)
            .expect("the file");
        file.write_all(bytes).expect("a write");
    }

    #[test]
    fn a_session_that_ended_and_one_that_was_killed_read_as_such() {
        let dir = tempfile::tempdir().expect("a directory");
        let begun = Journal::begin(dir.path(), session(), Millis(500)).expect("a journal");
        begun.end(Millis(600)).expect("its end");
        killed(dir.path());
        let (found, remarks) = recovered(dir.path());
        assert_eq!(
            found.iter().map(|r| r.ended).collect::<Vec<_>>(),
            [true, false]
        );
        assert_eq!(
            found[0].entries[0].record,
            Record::SessionStarted(session())
        );
        assert!(remarks.is_empty());
        let line = fs::read_to_string(&found[1].path).expect("the file");
        assert!(
            line.starts_with(
                r#"{"schema":"quarterdeck.journal/1","at":1000,"kind":"session-started","#
            ),
            "{line}"
        );
    }

    #[cfg(unix)]
    #[test]
    fn only_its_owner_can_read_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().expect("a directory");
        let inner = dir.path().join("journal");
        let path = killed(&inner);
        let mode = |path: &Path| fs::metadata(path).expect("it").permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&inner)), (0o600, 0o700));
    }

    #[test]
    fn a_file_whose_process_lives_is_not_touched() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut living = Journal::begin(dir.path(), session(), Millis(1_000)).expect("a journal");
        add(living.path(), b"{\"half");
        assert_eq!(recovered(dir.path()), (Vec::new(), Vec::new()));
        assert!(
            fs::read(living.path())
                .expect("the file")
                .ends_with(b"half")
        );
        living
            .append(Record::SessionEnded, Millis(3))
            .expect("it goes on");
    }

    #[test]
    fn a_torn_end_is_set_aside_and_the_lines_before_it_stay() {
        for torn in [&b"{\"schema\":\"quarterdeck.jou"[..], b"\0\0\0\0\n", b"{}"] {
            let dir = tempfile::tempdir().expect("a directory");
            let path = killed(dir.path());
            add(&path, torn);
            let (found, remarks) = recovered(dir.path());
            assert_eq!((found[0].entries.len(), found[0].unread), (1, 0));
            assert_eq!(remarks, [RemarkKind::SetAside]);
            let aside = path.with_extension("torn-2000");
            assert_eq!(fs::read(aside).expect("the torn end"), torn);
            // The second look finds a sound file.
            let (again, remarks) = recovered(dir.path());
            assert_eq!((again, remarks), (found, Vec::new()));
        }
    }

    #[test]
    fn a_newer_versions_lines_are_passed_over_and_kept() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = killed(dir.path());
        add(
            &path,
            b"{\"schema\":\"quarterdeck.journal/2\",\"at\":1,\"kind\":\"intent\"}\n",
        );
        let before = fs::read(&path).expect("the file");
        let (found, remarks) = recovered(dir.path());
        assert_eq!((found[0].entries.len(), found[0].unread), (1, 1));
        assert_eq!(remarks, [RemarkKind::Unread]);
        assert_eq!(fs::read(&path).expect("the file"), before);
    }

    #[test]
    fn old_sessions_that_did_nothing_go() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = killed(dir.path());
        let later = Millis(1_001).plus(KEEP_SESSIONS);
        let (found, _) = recover(dir.path(), later).expect("a directory");
        assert!(found.is_empty() && !path.exists());
    }

    /// A plan of one step under an identity, and what is told of it.
    fn plan(random: u8) -> (action::PlanId, action::Record) {
        use crate::domain::action::{Act, Friction, Plan, Step, Verb};
        use crate::domain::key::{Key, SourceId};
        let id = action::PlanId::new(Millis(1), [random; 10]);
        let act = Act::ExpireSilence { id: Key::new("s") };
        let plan = Plan {
            id: id.clone(),
            verb: Verb::Unsilence,
            context: Clean::name("prod"),
            subject: Clean::name("am"),
            model: None,
            summary: Clean::empty(),
            steps: vec![Step::required(&SourceId::new("am"), act)],
            gates: Vec::new(),
            notes: Vec::new(),
            blocked: Vec::new(),
            wanting: Vec::new(),
            friction: Friction::Key,
            read_at: Millis(0),
            expires: Duration::ZERO,
            undo_until: None,
            undoes: None,
            passed: Vec::new(),
        };
        let begun = action::Record::PlanBegun {
            plan: std::sync::Arc::new(plan),
            reason: Clean::empty(),
            actor: action::Actor::default(),
        };
        (id, begun)
    }

    #[test]
    fn what_was_found_out_counts_whatever_the_clocks_said() {
        use crate::domain::action::{How, Outcome, Record, StepEnd, Writes};
        // The process that looks it up runs an hour before the one that was killed, by its clock.
        for (killed_at, found_at) in [(1_000, 9_000), (9_000, 1_000)] {
            let dir = tempfile::tempdir().expect("a directory");
            let (id, begun) = plan(1);
            let mut killed = Journal::begin(dir.path(), session(), Millis(killed_at)).expect("it");
            let intent = Record::StepIntent {
                plan: id.clone(),
                step: 0,
            };
            for record in [begun, intent] {
                killed.write(&record, Millis(killed_at)).expect("room");
            }
            drop(killed);
            let mut finder = Journal::begin(dir.path(), session(), Millis(found_at)).expect("it");
            let found = Record::Resolved {
                plan: id.clone(),
                step: 0,
                end: StepEnd::new(How::Done, "the silence is over"),
                receipt: action::Receipt::default(),
            };
            finder.write(&found, Millis(found_at)).expect("room");
            let journals = Readings::default().read(dir.path(), None);
            let journals = journals.expect("a directory");
            let writes = Writes::of(&journals);
            let written = writes.get(&id).expect("the plan");
            assert_eq!(written.ended.map(|(o, _)| o), Some(Outcome::Done));
            assert_eq!(written.open().count(), 0);
        }
    }

    #[test]
    fn no_directory_yet_is_nothing_to_recover() {
        let dir = tempfile::tempdir().expect("a directory");
        assert_eq!(
            recovered(&dir.path().join("none")),
            (Vec::new(), Vec::new())
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_has_its_own_error_and_ends_nothing() {
        let path = PathBuf::from("/dev/full");
        let file = OpenOptions::new()
            .append(true)
            .open(&path)
            .expect("the device");
        let mut journal = Journal {
            file,
            path,
            length: 0,
            broken: false,
        };
        let full = journal.append(Record::SessionEnded, Millis(1));
        assert!(matches!(full, Err(JournalError::Full { .. })), "{full:?}");
        // A device cannot be cut back, so the file counts as in doubt and takes nothing more.
        let after = journal.append(Record::SessionEnded, Millis(2));
        assert!(
            matches!(after, Err(JournalError::Broken { .. })),
            "{after:?}"
        );
    }
}
