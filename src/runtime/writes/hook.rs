//! Hooks: commands of this machine that the settings name as the way a version gets to serving. Run
//! without a shell, with a deadline, their output captured.

use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::domain::action::{Act, Delivery, Receipt, Seen, Sighting, Ticket};
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::settings::{Context, Hook};
use crate::domain::text::Clean;

/// The most output that is kept: the last of it says how it ended.
const KEPT: usize = 4 * 1024;
/// The most output that is read before more is thrown away.
const CHUNK: usize = 16 * 1024;

/// The hooks of a context, and which of this process's have ended well.
pub(super) struct Hooks {
    settings: Arc<Context>,
    ended: Mutex<Vec<Act>>,
}

impl Hooks {
    pub(super) fn new(settings: Arc<Context>) -> Self {
        Self {
            settings,
            ended: Mutex::default(),
        }
    }

    /// A hook that ended well in this process has been run; of any other nobody can tell.
    pub(super) fn look(&self, act: &Act) -> Sighting {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        if ended.contains(act) {
            Sighting::new(Seen::After, "the hook ended well")
        } else {
            Sighting::new(Seen::Before, "the hook has not ended well")
        }
    }

    pub(super) async fn run(&self, ticket: &Ticket) -> Delivery {
        let Act::RunHook {
            hook,
            model,
            version,
            alias,
        } = ticket.act()
        else {
            let detail = "this step is no hook";
            return Delivery::Refused(Fault::new(FaultKind::Unsupported, "", detail));
        };
        let place = format!("hook {}", hook.clean());
        let refuse =
            |detail: &str| Delivery::Refused(Fault::new(FaultKind::Config, &place, detail));
        let Some(settings) = self.settings.hooks.get(hook.raw()) else {
            return refuse("the settings do not have it");
        };
        let Some((program, arguments)) = settings.command.split_first() else {
            return refuse("its command is empty");
        };
        let spawned = Command::new(program)
            .args(arguments)
            .env("MODEL", model.raw())
            .env("VERSION", version.raw())
            .env("ALIAS", alias.raw())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn();
        let child = match spawned {
            Ok(child) => child,
            Err(error) => return refuse(&format!("{program} cannot be started: {error}")),
        };
        let delivery = attend(child, settings, &place).await;
        if matches!(delivery, Delivery::Taken(_)) {
            let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
            ended.push(ticket.act().clone());
        }
        delivery
    }
}

/// Waits for the end of a hook. One that fails or hangs may have done something: that is not known.
async fn attend(mut child: Child, settings: &Hook, place: &str) -> Delivery {
    let out = child.stdout.take();
    let err = child.stderr.take();
    let whole = async {
        let (out, err, status) = tokio::join!(last_of(out), last_of(err), child.wait());
        (out, err, status)
    };
    let unclear = |kind, detail: &str| Delivery::Unclear(Fault::new(kind, place, detail));
    match timeout(settings.timeout, whole).await {
        Err(_) => {
            let limit = crate::domain::time::span(settings.timeout);
            unclear(
                FaultKind::Timeout,
                &format!("it had not ended after {limit} and was stopped"),
            )
        }
        Ok((_, _, Err(error))) => unclear(FaultKind::Crashed, &error.to_string()),
        Ok((out, err, Ok(status))) => {
            let said = if err.is_empty() { out } else { err };
            let words = Clean::text(&String::from_utf8_lossy(&said));
            if status.success() {
                Delivery::Taken(Receipt { id: None, words })
            } else {
                unclear(FaultKind::Refused, &format!("{status}: {words}"))
            }
        }
    }
}

/// Reads a stream to its end and keeps the last of it.
async fn last_of(stream: Option<impl tokio::io::AsyncRead + Unpin>) -> Vec<u8> {
    let Some(mut stream) = stream else {
        return Vec::new();
    };
    let (mut kept, mut chunk) = (Vec::new(), vec![0; CHUNK]);
    while let Ok(count @ 1..) = stream.read(&mut chunk).await {
        kept.extend_from_slice(&chunk[..count]);
        let over = kept.len().saturating_sub(KEPT);
        kept.drain(..over);
    }
    kept
}
