//! Whether the secrets and certificates that settings refer to are there and private. The secrets
//! themselves are not read.

use std::collections::BTreeSet;
use std::path::Path;

use super::diagnostic::{Diagnostic, Kind, Problem};
use super::environment::Environment;
use super::tree::{Entry, Setting, Tree, dotted};
use crate::domain::settings::SecretRef;

/// Looks at every reference: variables that are not set, files that are missing or open to others.
///
/// All are warnings: a secret may belong to a context that is not entered on this machine.
pub(super) fn check(tree: &Tree, environment: &Environment) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    // A credentials file is worth one word, however many keys of it are used.
    let mut credentials = BTreeSet::new();
    let may_be_one = |entry: &Entry| matches!(entry.setting, Setting::Secret(_) | Setting::File(_));
    for (path, entry) in tree.those(may_be_one) {
        let problem = match &entry.setting {
            Setting::Secret(SecretRef::Env(name)) if environment.get(name).is_none() => Some(
                Problem::new(Kind::Missing, format!("the variable {name} is not set")),
            ),
            Setting::Secret(SecretRef::File(file)) => file_problem(file, true),
            Setting::Secret(SecretRef::Ini { file, .. }) if credentials.insert(file) => {
                file_problem(file, true)
            }
            Setting::File(file) => {
                // A client certificate comes with its key.
                file_problem(file, path.last().is_some_and(|key| key == "client_cert"))
            }
            _ => None,
        };
        if let Some(mut problem) = problem {
            problem.what = format!("`{}`: {}", dotted(&path), problem.what);
            found.push(problem.doubt_at(&entry.origin));
        }
    }
    found
}

fn file_problem(file: &Path, private: bool) -> Option<Problem> {
    let shown = file.display();
    match std::fs::metadata(file) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Some(Problem::new(
            Kind::Missing,
            format!("there is no file {shown}"),
        )),
        Err(e) => Some(Problem::new(
            Kind::Secret,
            format!("{shown} cannot be looked at: {e}"),
        )),
        Ok(data) if !data.is_file() => Some(Problem::new(
            Kind::Secret,
            format!("{shown} is no regular file"),
        )),
        Ok(data) if private => open_to_others(&data).map(|mode| {
            Problem::new(
                Kind::Secret,
                format!("{shown} can be read by others (mode {mode:04o})"),
            )
            .expected("mode 0600")
        }),
        Ok(_) => None,
    }
}

#[cfg(unix)]
fn open_to_others(data: &std::fs::Metadata) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = data.permissions().mode() & 0o7777;
    (mode & 0o077 != 0).then_some(mode)
}

#[cfg(not(unix))]
fn open_to_others(_: &std::fs::Metadata) -> Option<u32> {
    None
}
