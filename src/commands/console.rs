//! The console on a context: what `quarterdeck` without a subcommand and `quarterdeck demo` do.

use super::exit::{Exit, Failure};
use super::session::Session;

/// Runs the console until it is left.
///
/// # Errors
/// When the console cannot run here.
#[expect(
    clippy::unused_async,
    reason = "the console will wait for its loop here"
)]
pub async fn run(session: Session) -> Result<Exit, Failure> {
    let _ = session;
    Err(Failure::internal("the console is not built in yet"))
}
