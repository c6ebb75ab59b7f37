//! Signatures of approvals by `ssh-keygen`: made with a person's own key or agent, checked against a file
//! of allowed signers. The program is started without a shell, asks nobody anything, and has a time-out.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::time::timeout;

use crate::domain::gate::approval::{Approval, NAMESPACE, Signature};
use crate::domain::text::Clean;

const PROGRAM: &str = "ssh-keygen";
/// A key on a token waits for a touch; nothing else takes long.
const SIGNING: Duration = Duration::from_secs(30);
const CHECKING: Duration = Duration::from_secs(5);

/// Why nothing was signed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unsigned {
    /// There is no `ssh-keygen`, or it cannot be started.
    #[error("{PROGRAM} cannot be run: {0}")]
    NoProgram(Clean),
    /// It did not end in time.
    #[error("{PROGRAM} did not end within {} s", SIGNING.as_secs())]
    TimedOut,
    /// It refused.
    #[error(
        "{PROGRAM} did not sign: {0}; a key with a passphrase has to be in an ssh-agent: ssh-add KEY"
    )]
    Refused(Clean),
}

/// What a run of the program came to.
enum Ran {
    Ended {
        good: bool,
        out: String,
        said: Clean,
    },
    NoProgram(Clean),
    TimedOut,
}

/// Signs an approval with a private key, or with the agent's where the file is a public key.
///
/// # Errors
/// When the program is missing, refuses or hangs.
pub async fn sign(approval: &mut Approval, key: &Path) -> Result<(), Unsigned> {
    let mut command = Command::new(PROGRAM);
    command.args(["-Y", "sign", "-n", NAMESPACE, "-f"]).arg(key);
    match run(command, &approval.message(), SIGNING).await {
        Ran::Ended {
            good: true, out, ..
        } if out.starts_with("-----BEGIN SSH SIGNATURE-----") => {
            approval.signature = Some(out);
            Ok(())
        }
        Ran::Ended { said, .. } => Err(Unsigned::Refused(said)),
        Ran::NoProgram(why) => Err(Unsigned::NoProgram(why)),
        Ran::TimedOut => Err(Unsigned::TimedOut),
    }
}

/// Checks the signature of an approval: that it is over this approval, by a key that the file allows for
/// the person it names.
pub async fn verify(approval: &Approval, allowed: Option<&Path>) -> Signature {
    let uncheckable = |why: String| Signature::Uncheckable(Clean::text(&why));
    let Some(signature) = &approval.signature else {
        return Signature::Invalid(Clean::text("there is no signature"));
    };
    let Some(allowed) = allowed else {
        return uncheckable("no `allowed_signers` is set in the policy".to_owned());
    };
    if let Err(why) = std::fs::File::open(allowed) {
        return uncheckable(format!("{} cannot be read: {why}", allowed.display()));
    }
    let held = match Held::new(signature) {
        Ok(held) => held,
        Err(why) => return uncheckable(format!("no temporary file can be written: {why}")),
    };
    let mut command = Command::new(PROGRAM);
    command
        .args(["-Y", "verify", "-n", NAMESPACE])
        .args(["-I", approval.by.as_str(), "-f"])
        .arg(allowed)
        .arg("-s")
        .arg(&held.path);
    match run(command, &approval.message(), CHECKING).await {
        Ran::Ended { good: true, .. } => Signature::Valid,
        Ran::Ended { said, .. } => Signature::Invalid(said),
        Ran::NoProgram(why) => uncheckable(format!("{PROGRAM} cannot be run: {why}")),
        Ran::TimedOut => uncheckable(format!(
            "{PROGRAM} did not end within {} s",
            CHECKING.as_secs()
        )),
    }
}

/// Runs the program with a text on its standard input. A passphrase is never asked for: the terminal is
/// the console's.
async fn run(mut command: Command, input: &str, deadline: Duration) -> Ran {
    let child = command
        .env("SSH_ASKPASS", "false")
        .env("SSH_ASKPASS_REQUIRE", "force")
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(why) => return Ran::NoProgram(Clean::text(&why.to_string())),
    };
    let stdin = child.stdin.take();
    let whole = async {
        if let Some(mut stdin) = stdin {
            // A program that has ended already says why by its status.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
        child.wait_with_output().await
    };
    match timeout(deadline, whole).await {
        Err(_) => Ran::TimedOut,
        Ok(Err(why)) => Ran::NoProgram(Clean::text(&why.to_string())),
        Ok(Ok(output)) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let said = said.lines().rfind(|line| !line.trim().is_empty());
            Ran::Ended {
                good: output.status.success(),
                out: String::from_utf8_lossy(&output.stdout).into_owned(),
                said: Clean::limited(said.unwrap_or("it gave no reason"), 300),
            }
        }
    }
}

/// A signature in a file of its own, for as long as it is checked.
struct Held {
    path: PathBuf,
}

impl Held {
    fn new(signature: &str) -> std::io::Result<Self> {
        let name = format!(
            "quarterdeck-{}-{:016x}.sig",
            std::process::id(),
            fastrand::u64(..)
        );
        let path = std::env::temp_dir().join(name);
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt as _;
            options.mode(0o600);
        }
        let mut file = options.open(&path)?;
        let held = Self { path };
        file.write_all(signature.as_bytes())?;
        Ok(held)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // A file that is gone already is what is wanted.
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::gate::approval::{Promotion, bind};
    use crate::domain::key::{Key, ModelKey, RegistryKey, VersionKey};
    use crate::domain::time::Millis;
    use std::sync::Arc;

    /// Whether there is a program to test with; where there is none the tests say so and pass.
    fn there() -> bool {
        let found = std::process::Command::new(PROGRAM)
            .arg("-?")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if found.is_err() {
            eprintln!("no {PROGRAM} here: signatures were not tested");
        }
        found.is_ok()
    }

    fn key(folder: &Path, name: &str, passphrase: &str) -> PathBuf {
        let path = folder.join(name);
        let made = std::process::Command::new(PROGRAM)
            .args(["-q", "-t", "ed25519", "-C", name, "-N", passphrase, "-f"])
            .arg(&path)
            .stdin(Stdio::null())
            .status()
            .expect("started");
        assert!(made.success());
        path
    }

    fn approval(by: &str) -> Approval {
        let model = ModelKey {
            registry: Arc::new(RegistryKey {
                base: Key::new("http://ml.test"),
                workspace: Key::new(""),
            }),
            name: Key::new("churn"),
            created: Millis(1),
        };
        let to = VersionKey {
            model: model.clone(),
            version: Key::new("7"),
        };
        let promotion = Promotion {
            model: &model,
            alias: "champion",
            from: Some(&Key::new("6")),
            to: &to,
            to_created: Millis(70),
        };
        let binding = bind(promotion, ["performance|pass"]);
        Approval::new(
            &Clean::name(by),
            Millis(1_000),
            Millis(2_000),
            binding,
            Clean::text("after the review"),
        )
    }

    fn signers(folder: &Path, lines: &[(&str, &Path)]) -> PathBuf {
        let lines = lines.iter().map(|(who, key)| {
            let public = std::fs::read_to_string(key.with_extension("pub")).expect("a key");
            format!("{who} namespaces=\"{NAMESPACE}\" {public}")
        });
        let text = lines.collect::<Vec<_>>().concat();
        let path = folder.join("allowed");
        std::fs::write(&path, text).expect("written");
        path
    }

    #[tokio::test]
    async fn a_signature_holds_for_its_text_its_person_and_nothing_else() {
        if !there() {
            return;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let (ana, ben) = (key(folder.path(), "ana", ""), key(folder.path(), "ben", ""));
        let allowed = signers(folder.path(), &[("ana", &ana), ("ben", &ben)]);
        let mut signed = approval("ana");
        sign(&mut signed, &ana).await.expect("signed");
        let written = signed.write().expect("fits into a tag");
        let read = Approval::read(&written).expect("is read");
        assert_eq!(read, signed);
        assert_eq!(verify(&read, Some(&allowed)).await, Signature::Valid);

        let mut longer = read.clone();
        longer.until = Millis(3_000);
        let mut other = read.clone();
        other.by = Clean::name("ben");
        let mut forged = approval("ana");
        sign(&mut forged, &ben).await.expect("signed");
        let mut rubbish = read.clone();
        rubbish.signature = Some("rubbish".to_owned());
        for bad in [longer, other, forged, rubbish] {
            let found = verify(&bad, Some(&allowed)).await;
            assert!(matches!(found, Signature::Invalid(_)), "{found:?}");
        }
        let nobody = signers(folder.path(), &[("ben", &ben)]);
        let found = verify(&read, Some(&nobody)).await;
        assert!(matches!(found, Signature::Invalid(_)), "{found:?}");
    }

    #[tokio::test]
    async fn what_cannot_be_checked_says_so_and_is_not_valid() {
        if !there() {
            return;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let ana = key(folder.path(), "ana", "");
        let mut signed = approval("ana");
        sign(&mut signed, &ana).await.expect("signed");
        for allowed in [None, Some(folder.path().join("missing"))] {
            let found = verify(&signed, allowed.as_deref()).await;
            assert!(matches!(found, Signature::Uncheckable(_)), "{found:?}");
        }
    }

    #[tokio::test]
    async fn a_passphrase_is_never_asked_for() {
        if !there() {
            return;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let locked = key(folder.path(), "locked", "a passphrase");
        let mut unsigned = approval("ana");
        let refused = sign(&mut unsigned, &locked).await;
        assert!(matches!(refused, Err(Unsigned::Refused(_))), "{refused:?}");
        assert_eq!(unsigned.signature, None);
    }

    #[tokio::test]
    async fn a_program_that_hangs_is_ended() {
        let mut sleeper = Command::new("sleep");
        sleeper.arg("60");
        let ran = run(sleeper, "text", Duration::from_millis(50)).await;
        assert!(matches!(ran, Ran::TimedOut));
        let none = run(Command::new("no-such-program-here"), "", CHECKING).await;
        assert!(matches!(none, Ran::NoProgram(_)));
    }
}
