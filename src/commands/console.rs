//! The console on a context: what `quarterdeck` without a subcommand and `quarterdeck demo` do.

use super::exit::{Exit, Failure};
use super::session::{Session, journal_dir, log_file, state_file};
use crate::runtime::console::{ConsoleError, Options, attend};

/// Runs the console until it is left, on the thread that waits for it.
///
/// # Errors
/// When the console cannot run here.
pub async fn run(session: &Session) -> Result<Exit, Failure> {
    let options = Options {
        // A simulated fleet leaves no trace among the records of real ones.
        state: state_file().filter(|_| !session.is_simulated()),
        journals: journal_dir().filter(|_| !session.is_simulated()),
        log: log_file().filter(|_| !session.is_simulated()),
        ..Options::new(session.settings.clone())
    };
    match attend(options).await {
        Ok(()) => Ok(Exit::Done),
        Err(error @ (ConsoleError::Refused(_) | ConsoleError::Keys(_))) => {
            Err(Failure::usage(error.to_string()))
        }
        Err(error) => Err(Failure::internal(error.to_string())),
    }
}
