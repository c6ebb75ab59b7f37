//! What a panic does to the screen: on the UI thread it gives the terminal back and reports; on
//! any other thread the console lives on, and the report goes to a sink.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt;
use std::io::Write as _;
use std::panic::PanicHookInfo;

use super::session::Handle;
use crate::domain::text::Clean;

/// What is known of one panic.
#[derive(Clone, Debug)]
pub struct PanicReport {
    /// The thread's name, or `unnamed`.
    pub thread: Clean,
    /// The message, cleaned: it may quote a server's text.
    pub message: Clean,
    /// `file:line:column` in the sources.
    pub location: Clean,
}

impl PanicReport {
    fn of(info: &PanicHookInfo<'_>) -> Self {
        let payload = info.payload();
        let message = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("no message");
        Self {
            thread: Clean::name(std::thread::current().name().unwrap_or("unnamed")),
            message: Clean::text(message),
            location: info
                .location()
                .map_or_else(Clean::empty, |l| Clean::name(&l.to_string())),
        }
    }
}

impl fmt::Display for PanicReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "internal error in thread {}: {} ({})",
            self.thread, self.message, self.location
        )
    }
}

/// Installs the hook for the rest of the process.
///
/// While the session is entered, a panic on its UI thread leaves the terminal and then prints the
/// report to stderr; a panic elsewhere only calls `sink`, because the console is still running on
/// that screen. `sink` must not block. While the session is not entered, the hook that was there
/// before does its work.
pub fn install(handle: Handle, sink: impl Fn(&PanicReport) + Send + Sync + 'static) {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if !handle.is_entered() {
            before(info);
            return;
        }
        let report = PanicReport::of(info);
        if !handle.is_ui_thread() {
            sink(&report);
            return;
        }
        handle.leave();
        let trace = Backtrace::capture();
        let mut err = std::io::stderr().lock();
        // With stderr gone there is nobody left to tell.
        drop(writeln!(
            err,
            "quarterdeck stopped: {report}\nSet RUST_BACKTRACE=1 to see where it came from."
        ));
        if trace.status() == BacktraceStatus::Captured {
            drop(writeln!(err, "{trace}"));
        }
    }));
}
