//! Opening the state file: its directory and permissions, the filesystem it lies on, and what happens
//! when it cannot be used.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OpenFlags};

use super::error::StoreError;
use super::{Place, Remark, RemarkKind, Store, schema};
use crate::domain::text::Clean;

/// How long one process waits for another's write.
const BUSY: Duration = Duration::from_secs(2);

/// What kind of filesystem a file lies on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Filesystem {
    /// A disk of this machine, or not known to be anything else.
    Local,
    /// Shared with other machines: a write-ahead log needs shared memory that it cannot give.
    Network(&'static str),
}

/// The filesystem that `path` lies on, or would lie on.
pub(super) fn filesystem(path: &Path) -> Filesystem {
    // The last ancestor of a relative path is the empty one: the directory that we are in.
    let here = |dir: &Path| dir.as_os_str().is_empty() || dir.exists();
    match path.ancestors().skip(1).find(|dir| here(dir)) {
        Some(dir) if dir.as_os_str().is_empty() => kind_of(Path::new(".")),
        Some(dir) => kind_of(dir),
        None => Filesystem::Local,
    }
}

#[cfg(target_os = "linux")]
fn kind_of(dir: &Path) -> Filesystem {
    match rustix::fs::statfs(dir) {
        // The type's width differs between machines; the magic numbers are 32 bits wide.
        Ok(stat) => by_magic(stat.f_type as u32),
        Err(_) => Filesystem::Local,
    }
}

#[cfg(not(target_os = "linux"))]
fn kind_of(_: &Path) -> Filesystem {
    Filesystem::Local
}

/// The magic numbers of `statfs(2)` and of the kernel's `magic.h`.
#[cfg(target_os = "linux")]
fn by_magic(magic: u32) -> Filesystem {
    let name = match magic {
        0x6969 => "NFS",
        0x517b | 0xff53_4d42 | 0xfe53_4d42 => "SMB",
        0x6573_5546 => "FUSE",
        0x0102_1997 => "9P",
        0x00c3_6400 => "Ceph",
        0x0bd0_0bd0 => "Lustre",
        0x4750_4653 => "GPFS",
        0x1983_0326 => "BeeGFS",
        0x7375_7245 => "Coda",
        0x5346_414f | 0x6b41_4653 => "AFS",
        0x0116_1970 => "GFS2",
        0x7461_636f => "OCFS2",
        0x786f_4256 => "a shared folder",
        _ => return Filesystem::Local,
    };
    Filesystem::Network(name)
}

/// Opens `path`, or a store in memory with a remark that says why.
pub(super) fn open(path: &Path, on: Filesystem) -> Result<(Store, Vec<Remark>), StoreError> {
    let mut remarks = Vec::new();
    match open_file(path, on, &mut remarks) {
        Ok(store) => Ok((store, remarks)),
        Err(StoreError::Corrupt(_)) => {
            let (store, more) = replace(path, on)?;
            remarks.extend(more);
            Ok((store, remarks))
        }
        Err(error) => in_memory(path, &error, remarks),
    }
}

/// Sets a damaged file aside and opens a new one in its place.
pub(super) fn replace(path: &Path, on: Filesystem) -> Result<(Store, Vec<Remark>), StoreError> {
    let mut remarks = Vec::new();
    let opened = set_aside(path, on).and_then(|aside| {
        if let Some(aside) = aside {
            remarks.push(remark(
                RemarkKind::SetAside,
                &format!(
                    "{} was damaged and is kept as {}; a new one was begun, without the history so far",
                    path.display(),
                    aside.display()
                ),
            ));
        }
        open_file(path, on, &mut remarks)
    });
    match opened {
        Ok(store) => Ok((store, remarks)),
        Err(error) => in_memory(path, &error, remarks),
    }
}

fn in_memory(
    path: &Path,
    why: &StoreError,
    mut remarks: Vec<Remark>,
) -> Result<(Store, Vec<Remark>), StoreError> {
    remarks.push(remark(
        RemarkKind::NotKept,
        &format!(
            "{}: {why}. History and last-known state of this session are not kept",
            path.display()
        ),
    ));
    Ok((Store::in_memory()?, remarks))
}

fn remark(kind: RemarkKind, text: &str) -> Remark {
    Remark {
        kind,
        text: Clean::text(text),
    }
}

fn open_file(path: &Path, on: Filesystem, remarks: &mut Vec<Remark>) -> Result<Store, StoreError> {
    if let Some(dir) = path.parent() {
        make_private(dir, remarks)?;
    }
    let lock = claim(&beside(path, "lock"))?;
    // A filesystem without locks is no reason to keep nothing.
    let _ = lock.try_lock_shared();
    tighten(path, remarks)?;
    let db = connect(path, on, remarks)?;
    let place = Place {
        path: path.to_owned(),
        _lock: lock,
    };
    Ok(Store {
        db,
        place: Some(place),
    })
}

/// Makes the directory for its owner only. One that is there already is left as it is.
fn make_private(dir: &Path, remarks: &mut Vec<Remark>) -> Result<(), StoreError> {
    if dir.as_os_str().is_empty() {
        return Ok(());
    }
    if !dir.is_dir() {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(dir)?;
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(dir)?.permissions().mode();
        if mode & 0o022 != 0 && mode & 0o1000 == 0 {
            let text = format!(
                "others may write in {}: chmod 700 it, or they can replace the state file",
                dir.display()
            );
            remarks.push(remark(RemarkKind::Permissions, &text));
        }
    }
    #[cfg(not(unix))]
    let _ = remarks;
    Ok(())
}

/// Opens a file for writing, made for its owner only.
fn claim(path: &Path) -> Result<File, StoreError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    Ok(options.open(path)?)
}

/// Makes the file, or takes other people's rights from it. SQLite gives its side files the same rights.
fn tighten(path: &Path, remarks: &mut Vec<Remark>) -> Result<(), StoreError> {
    let file = claim(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        if file.metadata()?.permissions().mode() & 0o077 != 0 {
            file.set_permissions(fs::Permissions::from_mode(0o600))?;
            let text = format!(
                "others could read {}; it is now for its owner only",
                path.display()
            );
            remarks.push(remark(RemarkKind::Permissions, &text));
        }
    }
    #[cfg(not(unix))]
    let _ = (file, remarks);
    Ok(())
}

fn connect(
    path: &Path,
    on: Filesystem,
    remarks: &mut Vec<Remark>,
) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(BUSY)?;
    // Values are written and read whole, one after another: pages that are kept are kept for nothing.
    db.pragma_update(None, "cache_size", -512)?;
    if let Filesystem::Network(name) = on {
        let mode = journal_mode(&db, "DELETE")?;
        db.pragma_update(None, "synchronous", "FULL")?;
        let text = format!(
            "{} is on {name}: a rollback journal is used (mode {mode}), which is slower; name a state \
             directory on a local disk if this machine has one",
            path.display()
        );
        remarks.push(remark(RemarkKind::Network, &text));
    } else if journal_mode(&db, "WAL")? == "wal" {
        // In this mode a lost machine costs the last moments of history and never the file.
        db.pragma_update(None, "synchronous", "NORMAL")?;
        db.pragma_update(None, "journal_size_limit", 16 * 1024 * 1024)?;
    }
    schema::migrate(&mut db, schema::STEPS)?;
    for table in schema::TABLES {
        let sql = format!("SELECT count(*) FROM (SELECT 1 FROM {table} LIMIT 1)");
        db.query_row(&sql, [], |_| Ok(()))?;
    }
    Ok(db)
}

/// Asks for a journal mode and tells which one it is. While two processes open a new file at once the
/// change is refused as busy without the usual wait.
fn journal_mode(db: &Connection, wanted: &str) -> Result<String, StoreError> {
    let mut left = 40;
    loop {
        let sql = format!("PRAGMA journal_mode = {wanted}");
        match db
            .query_row(&sql, [], |row| row.get(0))
            .map_err(StoreError::from)
        {
            Err(StoreError::Busy) if left > 0 => {
                left -= 1;
                std::thread::sleep(Duration::from_millis(25));
            }
            answer => return answer,
        }
    }
}

/// Renames a damaged file and its side files, unless another process has it open: that one would go
/// on with the renamed file and remove the new one's log when it ends. `None` when the file turns out
/// to be sound, because another process has replaced it.
fn set_aside(path: &Path, on: Filesystem) -> Result<Option<PathBuf>, StoreError> {
    let lock = claim(&beside(path, "lock"))?;
    if matches!(lock.try_lock(), Err(fs::TryLockError::WouldBlock)) {
        return Err(StoreError::Corrupt(Clean::text(
            "another process has it open; close that one and start again",
        )));
    }
    if connect(path, on, &mut Vec::new()).is_ok_and(|db| is_sound(&db)) {
        return Ok(None);
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let stamp = now.map_or(0, |since| since.as_millis());
    let aside = beside(path, &format!("corrupt-{stamp}"));
    fs::rename(path, &aside)?;
    for side in ["-wal", "-shm", "-journal"] {
        let join = |path: &Path| {
            let mut name = path.as_os_str().to_owned();
            name.push(side);
            PathBuf::from(name)
        };
        if join(path).exists() {
            fs::rename(join(path), join(&aside))?;
        }
    }
    Ok(Some(aside))
}

/// Reads the whole file through, which takes too long for every opening.
fn is_sound(db: &Connection) -> bool {
    let answer = db.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
    answer.is_ok_and(|answer| answer == "ok")
}

/// `NAME.SUFFIX` in the same directory.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn network_filesystems_are_known_by_their_numbers() {
        assert_eq!(by_magic(0x6969), Filesystem::Network("NFS"));
        assert_eq!(by_magic(0xff53_4d42), Filesystem::Network("SMB"));
        assert_eq!(by_magic(0x6573_5546), Filesystem::Network("FUSE"));
        // ext4 and tmpfs.
        assert_eq!(by_magic(0xef53), Filesystem::Local);
        assert_eq!(by_magic(0x0102_1994), Filesystem::Local);
    }

    #[test]
    fn a_file_not_made_yet_lies_where_its_nearest_directory_does() {
        let dir = tempfile::tempdir().expect("a directory");
        let deep = dir.path().join("a/b/c/state.db");
        assert_eq!(filesystem(&deep), kind_of(dir.path()));
    }
}
