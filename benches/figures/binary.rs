//! The released program: its size, and how long it takes to build from nothing.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::Values;
use crate::machine::timed;

pub(crate) fn size() -> Values {
    // The profile of benches is the release profile.
    let built = std::fs::metadata(env!("CARGO_BIN_EXE_quarterdeck")).expect("the built program");
    let size = built.len() as f64 / 1e6;
    [("stripped binary, MB".to_owned(), size)].into()
}

pub(crate) fn clean_build() -> Values {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (took, status) = timed(|| {
        Command::new(env!("CARGO"))
            .args(["build", "--release", "--locked", "--target-dir"])
            .arg(folder.path())
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")))
            .stderr(Stdio::null())
            .status()
    });
    assert!(status.expect("cargo").success(), "the build failed");
    [(
        "clean release build, minutes".to_owned(),
        took.as_secs_f64() / 60.0,
    )]
    .into()
}
