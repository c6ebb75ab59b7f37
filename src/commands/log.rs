//! The log: a file in the state directory, made when there is something to write. The terminal
//! belongs to the console, so nothing is ever logged there.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::sync::Mutex;

use tracing::level_filters::LevelFilter;

use super::session::state_dir;

/// A log larger than this, in bytes, is put aside at the next start; one older log is kept.
const LARGEST: u64 = 4 * 1024 * 1024;

/// Begins to log: warnings, or what `QUARTERDECK_LOG` asks for (`off`, `error`, `warn`, `info`,
/// `debug`, `trace`).
pub(super) fn start() {
    let wish = std::env::var("QUARTERDECK_LOG").ok();
    let level = wish
        .and_then(|word| word.parse().ok())
        .unwrap_or(LevelFilter::WARN);
    // A second subscriber is refused where a test has set one: then that one is meant.
    let _ = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_ansi(false)
        .with_writer(Mutex::new(LogFile { file: None }))
        .try_init();
}

/// The file, opened by the first line. Where there is none to be had, lines are dropped.
struct LogFile {
    file: Option<Option<File>>,
}

impl LogFile {
    fn open() -> Option<File> {
        let dir = state_dir()?;
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&dir).ok()?;
        let path = dir.join("quarterdeck.log");
        if fs::metadata(&path).is_ok_and(|m| m.len() > LARGEST) {
            fs::rename(&path, dir.join("quarterdeck.log.1")).ok()?;
        }
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(path).ok()
    }
}

impl Write for LogFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Some(file) = self.file.get_or_insert_with(Self::open) {
            file.write_all(line)?;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
