//! What comes before the first frame: everything that was known at the last end is read, taken in and judged.
//! It is the longest part of a start, so that other threads take what they can of it: the state is read while
//! settings are, and half of the models are judged beside the other half.

use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread::{Builder, JoinHandle};

use super::clock::Clock;
use super::logging;
use super::store_task::first_look;
use crate::app::{App, first_visit};
use crate::domain::fleet::{Judged, Unjudged};
use crate::domain::observation::ContextRef;
use crate::domain::text::Clean;
use crate::domain::time::Now;
use crate::intent::msg::Msg;
use crate::store::{Remark, Store, StoreError};

/// Fewer models are judged sooner than a thread has begun.
const WORTH: usize = 128;

/// What opening a state file gives.
pub(super) type Opened = Result<(Store, Vec<Remark>), StoreError>;

/// A state file that is opened, and what was last known read from it, while something else is done. Whose
/// state the settings will ask for is not known yet: see [`Ahead::begin`].
#[derive(Debug)]
pub struct Ahead {
    thread: JoinHandle<Opened>,
    path: PathBuf,
    reads: Receiver<Arc<ContextRef>>,
    told: Receiver<Msg>,
    /// What is worth telling of the log.
    log: Option<String>,
}

impl Ahead {
    /// Begins on a state file that is there: reads the state of `context`, or else of the one that was saved
    /// last. The log is kept from here on. `None` where there is no such file, or no thread is to be had.
    pub fn begin(state: &Path, log: Option<&Path>, context: Option<&str>) -> Option<Self> {
        let path = state.is_file().then(|| state.to_owned())?;
        let log = log.and_then(keep_log);
        let (says, reads) = channel();
        let (tell, told) = channel();
        let asked = context.map(ToOwned::to_owned);
        let opened = path.clone();
        let thread = Builder::new().name("first-look".to_owned());
        let thread = thread.spawn(move || {
            let (store, remarks) = Store::open(&opened)?;
            let name = match asked {
                Some(name) => Some(name),
                // What cannot be told is told by the reading itself, or there is nothing to read.
                None => store.last_saved().unwrap_or_default(),
            };
            if let Some(name) = name {
                let context = Arc::new(first_visit(Clean::name(&name)));
                // Whoever waits for neither has no use for this state.
                if says.send(Arc::clone(&context)).is_ok() {
                    first_look(&store, &context, Clock::default().wall(), |msg| {
                        let _ = tell.send(msg);
                    });
                }
            }
            Ok((store, remarks))
        });
        Some(Self {
            thread: thread.ok()?,
            path,
            reads,
            told,
            log,
        })
    }

    /// The file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What is worth telling of the log.
    pub(super) fn log(&self) -> Option<&str> {
        self.log.as_deref()
    }

    /// Takes in what is read where it is this context's: `false` where it is another's.
    pub(super) fn taken_in_by(&self, context: &ContextRef, mut take_in: impl FnMut(Msg)) -> bool {
        if self.reads.recv().is_ok_and(|reads| *reads == *context) {
            self.told.iter().for_each(&mut take_in);
            return true;
        }
        false
    }

    /// The store, once it is read. `None` where the thread failed inside.
    pub(super) fn opened(self) -> Option<Opened> {
        drop((self.reads, self.told));
        self.thread.join().ok()
    }
}

/// Keeps the log from here on, or says why not.
pub(super) fn keep_log(path: &Path) -> Option<String> {
    let error = logging::to_file(path).err()?;
    Some(format!("no log is kept: {error}"))
}

/// Judges everything that a fleet was told and has not judged.
pub fn judge(app: &mut App, now: Now) {
    app.judge_all_by(now, on_two);
}

fn on_two(all: Unjudged<'_>) -> Vec<Judged> {
    if all.len() < WORTH {
        return vec![all.judge()];
    }
    let [one, other] = all.halves();
    std::thread::scope(|scope| {
        let thread = Builder::new().name("judge".to_owned());
        match thread.spawn_scoped(scope, move || other.judge()) {
            Ok(thread) => {
                let one = one.judge();
                // A panic of the other half is this one's as well.
                let other = thread.join().unwrap_or_else(|panic| resume_unwind(panic));
                vec![one, other]
            }
            // Where no thread is to be had, one after the other.
            Err(_) => vec![one.judge(), other.judge()],
        }
    })
}

#[cfg(test)]
#[path = "first_tests.rs"]
mod tests;
