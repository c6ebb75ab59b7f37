//! A command that writes and is told to end: it stops where it can tell how it stands. What a plan does then
//! is [`crate::runtime::writes`]' matter.

use std::future::Future;

use crate::domain::text::Clean;
use crate::runtime::signals::told_to_end;
use crate::runtime::writes::Servers;

/// What is said of the steps that are not taken any more.
const TOLD: &str = "quarterdeck was told to end";

/// Carries a plan out until it ends. Told to end once, it takes no further step, ends a hook that runs and
/// waits for no other state, and how it stands is written down; `None` where it is told again, and the
/// plan is left with its step on the way.
pub(super) async fn unless_told<T>(
    work: impl Future<Output = T>,
    servers: &Servers,
    remark: impl Fn(&str),
) -> Option<T> {
    tokio::pin!(work);
    tokio::select! {
        done = &mut work => return Some(done),
        () = told_to_end() => {}
    }
    remark(
        "stopping: no further step is taken, and how it stands is written down (again to leave at once)",
    );
    servers.supersede(Clean::text(TOLD));
    tokio::select! {
        done = &mut work => Some(done),
        () = told_to_end() => None,
    }
}
