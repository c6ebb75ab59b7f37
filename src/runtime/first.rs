//! What comes before the first frame: everything that was known at the last end is read, taken in and judged.
//! It is the longest part of a start, so that a second thread takes half of it.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread::Builder;

use crate::app::App;
use crate::domain::fleet::{Judged, Unjudged};
use crate::domain::observation::ContextRef;
use crate::domain::time::{Millis, Now};
use crate::intent::msg::Msg;
use crate::runtime::store_task::first_look;
use crate::store::Store;

/// Fewer models are judged sooner than a thread has begun.
const WORTH: usize = 128;

/// Reads what a first frame is drawn from, while `begin` makes what it is taken into; and what was read
/// first is taken in while the rest is read.
pub fn read<S>(
    store: &mut Store,
    context: &Arc<ContextRef>,
    now: Millis,
    begin: impl FnOnce() -> S,
    mut take_in: impl FnMut(&mut S, Msg),
) -> S {
    let (tell, told) = channel();
    // A store may move to another thread and not be shared by two.
    let lent = &mut *store;
    let (mut state, is_read) = std::thread::scope(|scope| {
        let thread = Builder::new().name("first-look".to_owned());
        let reader = thread.spawn_scoped(scope, move || {
            first_look(lent, context, now, |msg| {
                // Whoever takes it in does so to the end.
                let _ = tell.send(msg);
            });
        });
        let mut state = begin();
        for msg in told {
            take_in(&mut state, msg);
        }
        (state, reader.is_ok())
    });
    // Where no thread is to be had, one after the other.
    if !is_read {
        first_look(store, context, now, |msg| take_in(&mut state, msg));
    }
    state
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
