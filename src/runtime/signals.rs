//! What comes from outside the terminal's input: signals, the end of the terminal, and work done on
//! other threads.

use std::io;

use tokio::sync::mpsc::UnboundedSender;

use crate::intent::msg::Computed;

/// Something that the loop must hear of before anything else.
#[derive(Debug)]
pub(super) enum Alarm {
    /// SIGTERM, SIGINT or SIGHUP: end in good order.
    Terminate,
    /// SIGTSTP: hand the terminal back to the shell.
    Suspend,
    /// The terminal has hung up.
    Gone,
    /// Work off the loop has ended; `None` if it failed inside.
    Computed(Option<Computed>),
}

/// Turns the process's signals into alarms from now on.
///
/// # Errors
/// When the system refuses a handler.
#[cfg(unix)]
pub(super) fn listen(to: &UnboundedSender<Alarm>) -> io::Result<()> {
    use rustix::process::Signal;
    use tokio::signal::unix::{SignalKind, signal};

    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let mut suspend = signal(SignalKind::from_raw(Signal::TSTP.as_raw()))?;
    let to = to.clone();
    tokio::spawn(async move {
        loop {
            let alarm = tokio::select! {
                Some(()) = terminate.recv() => Alarm::Terminate,
                Some(()) = interrupt.recv() => Alarm::Terminate,
                Some(()) = hangup.recv() => Alarm::Terminate,
                Some(()) = suspend.recv() => Alarm::Suspend,
                else => return,
            };
            if to.send(alarm).is_err() {
                return;
            }
        }
    });
    Ok(())
}

/// Turns ctrl-c into an alarm from now on.
///
/// # Errors
/// Never here.
#[cfg(not(unix))]
pub(super) fn listen(to: &UnboundedSender<Alarm>) -> io::Result<()> {
    let to = to.clone();
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() && to.send(Alarm::Terminate).is_ok() {}
    });
    Ok(())
}

/// Ends when the process is told to: for commands without a screen that run until then.
pub async fn told_to_end() {
    let (to, mut alarms) = tokio::sync::mpsc::unbounded_channel();
    if let Err(error) = listen(&to) {
        tracing::warn!("signals are not heard: {error}");
        std::future::pending::<()>().await;
    }
    while let Some(alarm) = alarms.recv().await {
        if matches!(alarm, Alarm::Terminate) {
            return;
        }
    }
}
