//! Hooks: commands of this machine that the settings name as the way a version gets to serving. Run
//! without a shell, with a deadline, their output captured.

use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

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

/// For how long output is read after the command itself has ended: what it left running may hold it open.
const AFTERWARDS: Duration = Duration::from_millis(500);

/// The hooks of a context, and which were run for this plan.
pub(super) struct Hooks {
    settings: Arc<Context>,
    /// Each with whether it ended well.
    ran: Mutex<Vec<(Act, bool)>>,
}

impl Hooks {
    pub(super) fn new(settings: Arc<Context>) -> Self {
        Self {
            settings,
            ran: Mutex::default(),
        }
    }

    fn ran(&self) -> MutexGuard<'_, Vec<(Act, bool)>> {
        self.ran.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A hook that ended well has been run. One that did not may have done something or nothing.
    pub(super) fn look(&self, act: &Act) -> Result<Sighting, Fault> {
        let ran = self.ran();
        match ran.iter().rev().find(|(known, _)| known == act) {
            Some((_, true)) => Ok(Sighting::new(Seen::After, "the hook ended well")),
            None => Ok(Sighting::new(Seen::Before, "the hook has not been run")),
            Some((_, false)) => {
                let detail = "what it did cannot be told: see what serves";
                Err(Fault::new(FaultKind::Unsupported, "", detail))
            }
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
        let mut command = Command::new(program);
        // What it starts is stopped with it.
        #[cfg(unix)]
        command.process_group(0);
        let spawned = command
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
        self.ran().push((ticket.act().clone(), false));
        let delivery = attend(child, settings, &place).await;
        if matches!(delivery, Delivery::Taken(_)) {
            self.ran().push((ticket.act().clone(), true));
        }
        delivery
    }
}

/// Waits for the end of a hook. One that fails or hangs may have done something: that is not known.
async fn attend(mut child: Child, settings: &Hook, place: &str) -> Delivery {
    let group = child.id();
    let streams = (child.stdout.take(), child.stderr.take());
    let (out, err) = (Tail::default(), Tail::default());
    let unclear = |kind, detail: &str| Delivery::Unclear(Fault::new(kind, place, detail));
    let reading = async { tokio::join!(out.read(streams.0), err.read(streams.1)) };
    tokio::pin!(reading);
    let status = timeout(settings.timeout, async {
        tokio::select! {
            status = child.wait() => {
                let _ = timeout(AFTERWARDS, &mut reading).await;
                status
            }
            // It has closed its output and goes on.
            _ = &mut reading => child.wait().await,
        }
    });
    let status = status.await;
    let said = {
        let (out, err) = (out.kept(), err.kept());
        let said = if err.is_empty() { &out } else { &err };
        Clean::text(&String::from_utf8_lossy(said))
    };
    match status {
        Err(_) => {
            end_all(group);
            let limit = crate::domain::time::span(settings.timeout);
            let mut detail = format!("it had not ended after {limit} and was stopped");
            if !said.is_empty() {
                detail = format!("{detail}: {said}");
            }
            unclear(FaultKind::Timeout, &detail)
        }
        Ok(Err(error)) => unclear(FaultKind::Crashed, &error.to_string()),
        Ok(Ok(status)) if status.success() => Delivery::Taken(Receipt {
            id: None,
            words: said,
        }),
        Ok(Ok(status)) => unclear(FaultKind::Refused, &format!("{status}: {said}")),
    }
}

/// Ends a hook with everything that it started.
#[cfg(unix)]
fn end_all(group: Option<u32>) {
    let group = group.and_then(|id| i32::try_from(id).ok());
    if let Some(group) = group.and_then(rustix::process::Pid::from_raw) {
        // One that has ended by itself needs no ending.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
}

/// Ends a hook: dropping the child does that here.
#[cfg(not(unix))]
fn end_all(_: Option<u32>) {}

/// The last of a stream.
#[derive(Default)]
struct Tail(Mutex<Vec<u8>>);

impl Tail {
    fn kept(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads a stream to its end.
    async fn read(&self, stream: Option<impl tokio::io::AsyncRead + Unpin>) {
        let Some(mut stream) = stream else { return };
        let mut chunk = vec![0; CHUNK];
        while let Ok(count @ 1..) = stream.read(&mut chunk).await {
            let mut kept = self.kept();
            kept.extend_from_slice(&chunk[..count]);
            let over = kept.len().saturating_sub(KEPT);
            kept.drain(..over);
        }
    }
}
