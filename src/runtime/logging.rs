//! The log: a file in the state directory, never the screen.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::Mutex;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// The variable that sets the level: `off`, `error`, `warn`, `info`, `debug` or `trace`.
pub const VARIABLE: &str = "QUARTERDECK_LOG";
/// A log larger than this, in bytes, makes room for a new one at the start.
const LARGE: u64 = 8 * 1024 * 1024;

/// Sends the program's own records to `path`, at the level that [`VARIABLE`] sets, `info` if it sets
/// none. Libraries are heard from `warn` on: below that they may write requests with their headers.
///
/// # Errors
/// When the file cannot be opened, with what the variable should be if that is wrong, or when a log
/// is kept already.
pub fn to_file(path: &Path) -> io::Result<()> {
    let level = level(std::env::var(VARIABLE).ok().as_deref())?;
    let file = open(path)?;
    let filter = Targets::new()
        .with_target("quarterdeck", level)
        .with_default(level.min(LevelFilter::WARN));
    let layer = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_writer(Mutex::new(file));
    tracing_subscriber::registry()
        .with(filter)
        .with(layer)
        .try_init()
        .map_err(io::Error::other)
}

fn level(word: Option<&str>) -> io::Result<LevelFilter> {
    let Some(word) = word.map(str::trim).filter(|w| !w.is_empty()) else {
        return Ok(LevelFilter::INFO);
    };
    word.parse().map_err(|_| {
        let text = format!("{VARIABLE} is none of off, error, warn, info, debug, trace");
        io::Error::new(io::ErrorKind::InvalidInput, text)
    })
}

/// Opens the file for its owner only; one that has grown large is kept under another name.
fn open(path: &Path) -> io::Result<File> {
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir)?;
    }
    if std::fs::metadata(path).is_ok_and(|m| m.len() > LARGE) {
        std::fs::rename(path, path.with_extension("log.old"))?;
    }
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn a_wrong_level_is_told_with_the_right_ones() {
        assert_eq!(level(None).unwrap(), LevelFilter::INFO);
        assert_eq!(level(Some("debug")).unwrap(), LevelFilter::DEBUG);
        assert!(
            level(Some("loud"))
                .unwrap_err()
                .to_string()
                .contains("trace")
        );
    }

    #[test]
    fn a_large_log_makes_room_and_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/quarterdeck.log");
        open(&path).unwrap().write_all(b"old").unwrap();
        File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_len(LARGE + 1)
            .unwrap();
        open(&path).unwrap().write_all(b"new").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert!(path.with_extension("log.old").exists());
    }
}
