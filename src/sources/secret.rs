//! Secrets, fetched where the settings say they are, when a request needs them.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use secrecy::SecretString;
use tokio::process::Command;
use tokio::time::timeout;

use crate::domain::fault::{Fault, FaultKind};
use crate::domain::settings::SecretRef;

/// How long a command may take to print a secret.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(5);
/// The largest file that is read for a secret, in bytes.
const FILE_LIMIT: u64 = 64 * 1024;
/// The section of an INI credentials file that is read.
const SECTION: &str = "mlflow";

/// Fetches a secret: reads the variable or file, or runs the command.
///
/// # Errors
/// [`FaultKind::Config`] naming the variable, file or command, never what it held.
pub async fn fetch(secret: &SecretRef) -> Result<SecretString, Fault> {
    let found = match secret {
        SecretRef::Env(name) => match std::env::var(name) {
            Ok(value) => value,
            Err(std::env::VarError::NotPresent) => {
                return Err(bad(&format!("${name}"), "this variable is not set"));
            }
            Err(std::env::VarError::NotUnicode(_)) => {
                return Err(bad(&format!("${name}"), "this variable is not UTF-8 text"));
            }
        },
        SecretRef::File(path) => read_private(path).await?,
        SecretRef::Ini { file, key } => {
            let text = read_private(file).await?;
            ini_value(&text, key).ok_or_else(|| {
                bad(
                    &file.display().to_string(),
                    &format!("no {key} in its [{SECTION}] section"),
                )
            })?
        }
        SecretRef::Command(argv) => run(argv).await?,
        SecretRef::Inline(value) => value.clone(),
    };
    let trimmed = found.trim_end_matches(['\n', '\r']);
    if trimmed.is_empty() {
        return Err(bad(&format!("{secret:?}"), "the secret is empty"));
    }
    Ok(SecretString::from(trimmed))
}

fn bad(place: &str, why: &str) -> Fault {
    Fault::new(FaultKind::Config, place, why)
}

/// Reads a file that only its owner may read.
async fn read_private(path: &Path) -> Result<String, Fault> {
    let shown = path.display().to_string();
    let unreadable = |e: std::io::Error| bad(&shown, &format!("cannot be read: {e}"));
    let file = tokio::task::spawn_blocking({
        let path = path.to_owned();
        move || -> std::io::Result<(std::fs::Metadata, Vec<u8>)> {
            use std::io::Read as _;
            let file = std::fs::File::open(path)?;
            let meta = file.metadata()?;
            let mut bytes = Vec::new();
            if meta.is_file() {
                file.take(FILE_LIMIT + 1).read_to_end(&mut bytes)?;
            }
            Ok((meta, bytes))
        }
    })
    .await
    .map_err(|_| bad(&shown, "reading it was interrupted"))?;
    let (meta, bytes) = file.map_err(unreadable)?;
    if !meta.is_file() {
        return Err(bad(&shown, "is not a regular file"));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        if meta.permissions().mode() & 0o077 != 0 {
            return Err(bad(
                &shown,
                &format!("others can read it: run `chmod 600 {shown}`"),
            ));
        }
    }
    if bytes.len() as u64 > FILE_LIMIT {
        return Err(bad(&shown, "is too large for a secret"));
    }
    String::from_utf8(bytes).map_err(|_| bad(&shown, "is not UTF-8 text"))
}

/// A key of the `[mlflow]` section, in the form that Python's configuration parser reads: keys in any
/// case, `=` or `:` between key and value, `#` and `;` before comments.
fn ini_value(text: &str, key: &str) -> Option<String> {
    let mut inside = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with(['#', ';']) || line.is_empty() {
            continue;
        }
        if let Some(section) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            inside = section.trim() == SECTION;
            continue;
        }
        if !inside {
            continue;
        }
        if let Some(at) = line.find(['=', ':']) {
            let (name, value) = line.split_at(at);
            if name.trim().eq_ignore_ascii_case(key) {
                return Some(value[1..].trim().to_owned());
            }
        }
    }
    None
}

/// Runs a command without a shell and takes the first line it prints.
async fn run(argv: &[String]) -> Result<String, Fault> {
    let Some((program, arguments)) = argv.split_first() else {
        return Err(bad("", "the command for a secret is empty"));
    };
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|e| bad(program, &format!("this command cannot be run: {e}")))?;
    let output = timeout(COMMAND_TIMEOUT, child.wait_with_output())
        .await
        .map_err(|_| {
            bad(
                program,
                &format!(
                    "this command did not end within {}s",
                    COMMAND_TIMEOUT.as_secs()
                ),
            )
        })?
        .map_err(|e| bad(program, &format!("this command failed: {e}")))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let first = said.lines().find(|l| !l.trim().is_empty());
        let code = output
            .status
            .code()
            .map_or_else(|| "a signal".to_owned(), |c| format!("status {c}"));
        return Err(bad(
            program,
            &format!(
                "this command ended with {code}: {}",
                first.unwrap_or("it printed no error")
            ),
        ));
    }
    String::from_utf8(output.stdout)
        .map_err(|_| bad(program, "this command printed something that is not UTF-8"))
        .map(|text| text.lines().next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret as _;

    async fn text(secret: SecretRef) -> Result<String, String> {
        fetch(&secret)
            .await
            .map(|s| s.expose_secret().to_owned())
            .map_err(|f| f.line())
    }

    fn file(content: &str, mode: u32) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().expect("file");
        std::fs::write(file.path(), content).expect("write");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(mode))
                .expect("mode");
        }
        let _ = mode;
        file
    }

    fn sh(script: &str) -> SecretRef {
        SecretRef::Command(vec!["sh".to_owned(), "-c".to_owned(), script.to_owned()])
    }

    #[tokio::test]
    async fn a_private_file_gives_its_text_without_the_newline() {
        let f = file("hunter2\r\n", 0o600);
        assert_eq!(
            text(SecretRef::File(f.path().to_owned())).await.as_deref(),
            Ok("hunter2")
        );
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_file_that_others_can_read_is_refused_with_the_remedy() {
        for mode in [0o640, 0o604, 0o660] {
            let f = file("hunter2", mode);
            let line = text(SecretRef::File(f.path().to_owned()))
                .await
                .expect_err("mode");
            let remedy = format!("chmod 600 {}", f.path().display());
            assert!(line.contains(&remedy), "{line}");
            assert!(!line.contains("hunter2"), "{line}");
        }
    }

    #[tokio::test]
    async fn an_ini_key_is_read_from_its_section_only() {
        let f = file(
            "[other]\nmlflow_tracking_password = wrong\n[mlflow]\n# note\nMLFLOW_TRACKING_PASSWORD: a=b \n",
            0o600,
        );
        let ini = |key: &str| SecretRef::Ini {
            file: f.path().to_owned(),
            key: key.to_owned(),
        };
        assert_eq!(
            text(ini("mlflow_tracking_password")).await.as_deref(),
            Ok("a=b")
        );
        let line = text(ini("mlflow_tracking_username"))
            .await
            .expect_err("absent");
        assert!(line.contains("mlflow_tracking_username"), "{line}");
    }

    #[tokio::test]
    async fn a_command_gives_its_first_line() {
        assert_eq!(text(sh("echo tok; echo more")).await.as_deref(), Ok("tok"));
    }

    #[tokio::test]
    async fn a_failing_command_shows_what_it_complained_of_and_never_what_it_printed() {
        let line = text(sh(
            "echo s3cret; echo 'not logged in' >&2; echo x >&2; exit 3",
        ))
        .await
        .expect_err("status");
        assert!(line.contains("status 3: not logged in"), "{line}");
        assert!(!line.contains("s3cret"), "{line}");
    }

    #[tokio::test]
    async fn a_command_cannot_read_our_keyboard() {
        assert!(text(sh("cat")).await.expect_err("empty").contains("empty"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_command_that_hangs_is_ended() {
        let line = text(SecretRef::Command(vec![
            "sleep".to_owned(),
            "600".to_owned(),
        ]))
        .await
        .expect_err("hang");
        assert!(line.contains("did not end within 5s"), "{line}");
    }

    #[tokio::test]
    async fn what_is_missing_or_empty_is_named() {
        let line = text(SecretRef::Env("QUARTERDECK_TEST_NO_SUCH".to_owned()))
            .await
            .expect_err("unset");
        assert!(line.contains("$QUARTERDECK_TEST_NO_SUCH"), "{line}");
        assert!(text(SecretRef::Inline(String::new())).await.is_err());
        assert!(
            text(SecretRef::File("/nowhere/token".into()))
                .await
                .is_err()
        );
        assert!(text(SecretRef::Command(Vec::new())).await.is_err());
        assert!(
            text(SecretRef::Command(vec!["/nowhere/cmd".to_owned()]))
                .await
                .is_err()
        );
    }
}
