//! The judgement before the first frame: everything that was known at the last end. It is the longest part
//! of a start, so that a second thread takes half of it.

use std::panic::resume_unwind;
use std::thread::Builder;

use crate::app::App;
use crate::domain::fleet::{Judged, Unjudged};
use crate::domain::time::Now;

/// Fewer models are judged sooner than a thread has begun.
const WORTH: usize = 128;

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
