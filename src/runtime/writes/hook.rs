//! Hooks: commands of this machine that the settings name as the way a version gets to serving. Run
//! without a shell, with a deadline, their output captured. None outlives its plan: two that put different
//! versions in one place must not run beside each other, and what nobody watches cannot be told of.

use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::domain::action::{Act, Delivery, Receipt, Seen, Sighting, Ticket};
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::settings::{Context, HookKind};
use crate::domain::text::Clean;

/// The most output that is kept: the last of it says how it ended.
const KEPT: usize = 4 * 1024;
/// The most output that is read before more is thrown away.
const CHUNK: usize = 16 * 1024;

/// For how long a hook that is told to end may put its things in order before it is killed.
pub const GRACE: Duration = Duration::from_secs(2);
/// For how long output is read after the command itself has ended: what it left running may hold it open.
const AFTERWARDS: Duration = Duration::from_millis(500);

/// The hooks of a context, and which were run for this plan.
pub(super) struct Hooks {
    settings: Arc<Context>,
    /// Each with whether it ended well.
    ran: Mutex<Vec<(Act, bool)>>,
    /// Why what runs is to end.
    end: watch::Sender<Option<Clean>>,
}

impl Hooks {
    pub(super) fn new(settings: Arc<Context>) -> Self {
        Self {
            settings,
            ran: Mutex::default(),
            end: watch::Sender::default(),
        }
    }

    fn ran(&self) -> MutexGuard<'_, Vec<(Act, bool)>> {
        self.ran.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells a hook that runs to end; whether one does. One that would begin later ends at once.
    pub(super) fn end(&self, why: Clean) -> bool {
        // Whoever attends one listens.
        let runs = self.end.receiver_count() > 0;
        self.end.send_replace(Some(why));
        runs
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
        let HookKind::Command(words) = &settings.kind else {
            return refuse("it is a pipeline by now, and no command: plan it again");
        };
        let Some((program, arguments)) = words.split_first() else {
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
        let delivery = attend(child, settings.timeout, &place, self.end.subscribe()).await;
        if matches!(delivery, Delivery::Taken(_)) {
            self.ran().push((ticket.act().clone(), true));
        }
        delivery
    }
}

/// How a hook came to its end.
enum End {
    Itself(std::io::Result<std::process::ExitStatus>),
    Late,
    Told(Clean),
}

/// Waits for the end of a hook. One that fails, hangs or is told to end may have done something: that is
/// not known.
async fn attend(
    mut child: Child,
    within: Duration,
    place: &str,
    mut end: watch::Receiver<Option<Clean>>,
) -> Delivery {
    let group = Group(child.id());
    let streams = (child.stdout.take(), child.stderr.take());
    let (out, err) = (Tail::default(), Tail::default());
    let unclear = |kind, detail: &str| Delivery::Unclear(Fault::new(kind, place, detail));
    let reading = async { tokio::join!(out.read(streams.0), err.read(streams.1)) };
    tokio::pin!(reading);
    let told = async {
        match end.wait_for(Option::is_some).await.map(|why| why.clone()) {
            Ok(Some(why)) => why,
            // Nobody is left who could tell.
            _ => std::future::pending().await,
        }
    };
    let alone = async {
        tokio::select! {
            status = child.wait() => {
                let _ = timeout(AFTERWARDS, &mut reading).await;
                status
            }
            // It has closed its output and goes on.
            _ = &mut reading => child.wait().await,
        }
    };
    let ended = tokio::select! {
        status = alone => End::Itself(status),
        () = sleep(within) => End::Late,
        why = told => End::Told(why),
    };
    if matches!(ended, End::Itself(_)) {
        // What it left running after it had ended by itself is its own.
        group.leave();
    } else {
        group.ask();
        // What it says on its way out belongs to what it said.
        let _ = timeout(GRACE, async { tokio::join!(child.wait(), reading) }).await;
        drop(group);
    }
    let said = {
        let (out, err) = (out.kept(), err.kept());
        let said = if err.is_empty() { &out } else { &err };
        Clean::text(&String::from_utf8_lossy(said))
    };
    let with = |detail: String| {
        if said.is_empty() {
            detail
        } else {
            format!("{detail}: {said}")
        }
    };
    match ended {
        End::Late => {
            let limit = crate::domain::time::span(within);
            let detail = with(format!("it had not ended after {limit} and was stopped"));
            unclear(FaultKind::Timeout, &detail)
        }
        End::Told(why) => unclear(FaultKind::Refused, &with(format!("it was stopped: {why}"))),
        End::Itself(Err(error)) => unclear(FaultKind::Crashed, &error.to_string()),
        End::Itself(Ok(status)) if status.success() => Delivery::Taken(Receipt {
            id: None,
            words: said,
        }),
        End::Itself(Ok(status)) => unclear(FaultKind::Refused, &format!("{status}: {said}")),
    }
}

/// A hook with everything that it started: killed when this is dropped, as it is with a plan that is given
/// up.
struct Group(Option<u32>);

impl Group {
    /// Lets it live.
    fn leave(mut self) {
        self.0 = None;
    }

    /// Asks it to end.
    fn ask(&self) {
        self.signal(false);
    }

    #[cfg(unix)]
    fn signal(&self, kill: bool) {
        use rustix::process::{Pid, Signal, kill_process_group};
        let signal = if kill { Signal::KILL } else { Signal::TERM };
        let group = self.0.and_then(|id| i32::try_from(id).ok());
        if let Some(group) = group.and_then(Pid::from_raw) {
            // One that has ended by itself needs no ending.
            let _ = kill_process_group(group, signal);
        }
    }

    /// The child alone is killed here, when it is dropped.
    #[cfg(not(unix))]
    fn signal(&self, _kill: bool) {}
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(true);
    }
}

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
