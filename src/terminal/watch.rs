//! The dead-terminal watch: a process whose terminal has gone ends instead of spinning.
//!
//! The event reader does not report a terminal that hung up without SIGHUP (a `nohup`, a killed
//! multiplexer): it spins on end-of-file. One poll a second notices.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::session::Session;

/// How often a terminal that is alive is looked at; a hang-up itself wakes the watch at once.
pub const EVERY: Duration = Duration::from_secs(1);

/// The watch. Dropping it ends its thread at the next look.
#[derive(Debug)]
pub struct Watch {
    stop: Arc<AtomicBool>,
}

impl Watch {
    /// Starts a thread that calls `gone` once, when the terminal has hung up. The callback must not
    /// block; it tells the runtime to end. Where terminals cannot be polled nothing is watched.
    pub fn start(session: &Session, gone: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        #[cfg(unix)]
        {
            let device = Arc::clone(session.device());
            let stopped = Arc::clone(&stop);
            std::thread::Builder::new()
                .name("terminal-watch".to_owned())
                .spawn(move || {
                    while !stopped.load(Ordering::Relaxed) {
                        // A poll that fails for good (a closed descriptor) is a dead terminal too.
                        if device.hung_up(EVERY).unwrap_or(true) {
                            if !stopped.load(Ordering::Relaxed) {
                                gone();
                            }
                            return;
                        }
                    }
                })?;
        }
        #[cfg(not(unix))]
        {
            let _ = (session.device(), gone);
        }
        Ok(Self { stop })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}
