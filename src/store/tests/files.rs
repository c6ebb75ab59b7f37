//! Opening: rights, filesystems, damage, other versions, other processes, sudden ends.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use super::*;
use crate::store::open::{self, Filesystem};

#[cfg(unix)]
#[test]
fn directory_and_file_are_the_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("a/b/state.db");
    let mut store = opened(&path);
    store
        .append("prod", &[moved("m", "v2", 0, 1)])
        .expect("a row");
    let mode = |path: &Path| fs::metadata(path).expect("it").permissions().mode() & 0o777;
    assert_eq!(mode(path.parent().expect("its directory")), 0o700);
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(&dir.path().join("a/b/state.db-wal")), 0o600);

    drop(store);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("wider rights");
    let (_store, remarks) = Store::open(&path).expect("a store");
    assert_eq!(kinds(&remarks), [RemarkKind::Permissions]);
    assert_eq!(mode(&path), 0o600);
}

#[cfg(unix)]
#[test]
fn a_directory_that_others_may_write_is_named_and_left_as_it_is() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().expect("a directory");
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).expect("wide rights");
    let (store, remarks) = Store::open(&dir.path().join("state.db")).expect("a store");
    assert_eq!(kinds(&remarks), [RemarkKind::Permissions]);
    assert!(store.path().is_some());
    let mode = fs::metadata(dir.path()).expect("it").permissions().mode();
    assert_eq!(mode & 0o777, 0o777);
}

#[test]
fn a_local_file_has_a_write_ahead_log_and_a_network_one_a_rollback_journal() {
    let mode = |store: &Store| -> String {
        let sql = "PRAGMA journal_mode";
        store
            .db
            .query_row(sql, [], |row| row.get(0))
            .expect("a mode")
    };
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("state.db");
    assert_eq!(mode(&opened(&path)), "wal");
    // The same file, seen from where it is on a share.
    let (mut store, remarks) = open::open(&path, Filesystem::Network("NFS")).expect("a store");
    assert_eq!(kinds(&remarks), [RemarkKind::Network]);
    assert!(
        remarks[0].text.as_str().contains("NFS"),
        "{:?}",
        remarks[0].text
    );
    assert_eq!(mode(&store), "delete");
    store
        .append("prod", &[moved("m", "v2", 0, 1)])
        .expect("a row");
    assert_eq!(all(&store).len(), 1);
}

#[test]
fn a_damaged_file_is_set_aside_whole_and_a_new_one_begun() {
    let garbage = b"this is no database, and it is long enough to be taken for one ".repeat(40);
    let mut sound = {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("state.db");
        drop(opened(&path));
        fs::read(path).expect("the file")
    };
    // The header is good, the tables behind it are not.
    sound[4_096..].fill(0xa5);
    for bytes in [garbage, sound] {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("state.db");
        fs::write(&path, &bytes).expect("a file");
        private(&path);
        let (mut store, remarks) = Store::open(&path).expect("a store");
        assert_eq!(kinds(&remarks), [RemarkKind::SetAside], "{remarks:?}");
        store
            .append("prod", &[moved("m", "v2", 0, 1)])
            .expect("a row");
        let kept: Vec<_> = fs::read_dir(dir.path())
            .expect("the directory")
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.to_string_lossy().contains(".corrupt-"))
            .collect();
        assert_eq!(kept.len(), 1, "{kept:?}");
        assert_eq!(fs::read(&kept[0]).expect("the old file"), bytes);
        drop(store);
        assert_eq!(all(&opened(&path)).len(), 1);
    }
}

#[test]
fn damage_found_later_is_an_error_and_a_restart_goes_on() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("state.db");
    let mut store = opened(&path);
    let rows: Vec<_> = (0..2_000)
        .map(|at| moved("m", "v2", at * 10, at * 10))
        .collect();
    store.append("prod", &rows).expect("rows");
    drop(store);
    let mut bytes = fs::read(&path).expect("the file");
    let deep = bytes.len() / 2;
    bytes[deep..].fill(0xa5);
    fs::write(&path, bytes).expect("a damaged file");
    let store = opened(&path);
    let read = store.history(
        "prod",
        &HistoryQuery {
            limit: 5_000,
            ..HistoryQuery::default()
        },
    );
    assert!(matches!(read, Err(StoreError::Corrupt(_))), "{read:?}");
    let (mut store, remarks) = store.restart().expect("a store");
    assert!(store.path().is_some());
    assert_eq!(kinds(&remarks), [RemarkKind::SetAside], "{remarks:?}");
    store.append("prod", &rows[..1]).expect("it goes on");
    assert_eq!(all(&store).len(), 1);
}

#[test]
fn a_damaged_file_in_use_by_another_process_is_left_alone() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("state.db");
    let other = opened(&path);
    let store = opened(&path);
    let (store, remarks) = store.restart().expect("a store");
    assert_eq!(store.path(), None);
    assert_eq!(kinds(&remarks), [RemarkKind::NotKept], "{remarks:?}");
    assert_eq!(other.path(), Some(path.as_path()));
    assert!(path.exists());
}

#[test]
fn a_newer_file_is_left_alone_and_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("state.db");
    let store = opened(&path);
    store
        .db
        .pragma_update(None, "user_version", 99)
        .expect("a pragma");
    drop(store);
    let before = fs::read(&path).expect("the file");
    let (mut store, remarks) = Store::open(&path).expect("a store");
    assert_eq!(kinds(&remarks), [RemarkKind::NotKept]);
    let text = remarks[0].text.as_str();
    assert!(
        text.contains("schema 99") && text.contains("newer quarterdeck"),
        "{text}"
    );
    assert_eq!(store.path(), None);
    store
        .append("prod", &[moved("m", "v2", 0, 1)])
        .expect("memory takes it");
    assert_eq!(all(&store).len(), 1);
    assert_eq!(fs::read(&path).expect("the file"), before);
}

#[test]
fn another_programs_database_is_left_alone() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("songs.db");
    let db = Connection::open(&path).expect("a database");
    db.execute_batch("CREATE TABLE songs (name TEXT)")
        .expect("a table");
    drop(db);
    private(&path);
    let (store, remarks) = Store::open(&path).expect("a store");
    assert_eq!(
        (store.path(), kinds(&remarks)),
        (None, vec![RemarkKind::NotKept])
    );
    assert!(remarks[0].text.as_str().contains("another program"));
}

#[test]
fn where_nothing_can_be_written_memory_serves() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("a-file");
    fs::write(&file, "x").expect("a file");
    // A file where a directory should be, a directory where the file should be, and a filesystem that
    // nobody can make directories on.
    let within = [file.join("state.db"), dir.path().to_owned()];
    for path in within
        .iter()
        .map(PathBuf::as_path)
        .chain([Path::new("/proc/none/state.db")])
    {
        let (mut store, remarks) = Store::open(path).expect("a store");
        assert_eq!(store.path(), None, "{}", path.display());
        assert_eq!(kinds(&remarks), [RemarkKind::NotKept]);
        assert!(remarks[0].text.as_str().contains(&*path.to_string_lossy()));
        store
            .append("prod", &[moved("m", "v2", 0, 1)])
            .expect("a row");
        assert_eq!(all(&store).len(), 1);
    }
}

#[test]
fn four_processes_open_a_new_file_at_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("state.db");
    let workers: Vec<_> = (0..4)
        .map(|_| {
            let path = path.clone();
            std::thread::spawn(move || opened(&path).path().is_some())
        })
        .collect();
    for worker in workers {
        assert!(worker.join().expect("no panic"));
    }
}

#[test]
fn opening_and_reading_never_wait_for_another_processs_write() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("state.db");
    let mut other = opened(&path);
    other
        .append("prod", &[moved("m", "v2", 0, 1)])
        .expect("a row");
    let tx = other.db.transaction().expect("a transaction");
    tx.execute("DELETE FROM changes", []).expect("a write");
    let begun = std::time::Instant::now();
    let mut store = opened(&path);
    assert_eq!(all(&store).len(), 1);
    assert_eq!(store.load_head("prod"), Ok(None));
    // Well below the time that a write waits.
    assert!(begun.elapsed() < std::time::Duration::from_secs(1));
    store
        .db
        .busy_timeout(std::time::Duration::ZERO)
        .expect("no wait");
    let busy = store.append("prod", &[moved("m", "v3", 0, 1)]);
    assert_eq!(busy, Err(StoreError::Busy));
    drop(tx);
    store
        .append("prod", &[moved("m", "v3", 0, 1)])
        .expect("a row");
}

#[test]
fn a_store_can_be_handed_to_its_thread() {
    let mut store = Store::in_memory().expect("a store");
    let row = moved("m", "v2", 0, 1);
    let worker = std::thread::spawn(move || store.append("prod", &[row]).map(|rows| rows.len()));
    assert_eq!(worker.join().expect("no panic"), Ok(1));
}

#[test]
fn a_transaction_that_never_commits_leaves_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("state.db");
    let mut store = opened(&path);
    store
        .append("prod", &[moved("m", "v2", 0, 1)])
        .expect("a row");
    let tx = store.db.transaction().expect("a transaction");
    tx.execute("DELETE FROM changes", []).expect("a deletion");
    drop(tx);
    drop(store);
    assert_eq!(all(&opened(&path)).len(), 1);
}

const CHILD: &str = "QUARTERDECK_TEST_STORE_CHILD";

/// Runs only as the child of the test below: writes without end, and says what is written.
#[test]
fn child_that_writes_until_it_is_killed() {
    let Some(path) = std::env::var_os(CHILD) else {
        return;
    };
    let (mut store, _) = Store::open(Path::new(&path)).expect("a store");
    for at in 0.. {
        let pair = [
            moved("a", "v2", at * 10, at * 10),
            moved("b", "v2", at * 10, at * 10),
        ];
        store.append("prod", &pair).expect("rows");
        println!("\nwritten {at}");
    }
}

#[cfg(unix)]
#[test]
fn what_was_written_survives_a_kill_and_halves_do_not_exist() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("state.db");
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "--nocapture", "--test-threads=1"])
        .arg("store::tests::files::child_that_writes_until_it_is_killed")
        .env(CHILD, &path)
        .stdout(Stdio::piped())
        .spawn()
        .expect("a child");
    let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    let last = lines
        .map_while(Result::ok)
        .filter_map(|line| line.strip_prefix("written ")?.parse::<i64>().ok())
        .find(|at| *at >= 200);
    // The kernel's kill, in the middle of whatever it is writing.
    child.kill().expect("a kill");
    child.wait().expect("its end");
    let last = last.expect("the child wrote");
    let store = opened(&path);
    let query = HistoryQuery {
        limit: usize::MAX,
        ..HistoryQuery::default()
    };
    let rows = store.history("prod", &query).expect("the history");
    let of = |name| {
        rows.iter()
            .filter(|row| row.change.subject == subject(name))
            .count()
    };
    assert!(of("a") as i64 > last);
    assert_eq!(of("a"), of("b"));
    let sound: String = store
        .db
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .expect("a check");
    assert_eq!(sound, "ok");
}

/// Gives a file the rights that the store gives its own, so that no remark tells of them.
fn private(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("rights");
    }
    #[cfg(not(unix))]
    let _ = path;
}
