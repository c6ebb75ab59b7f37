//! The console on a context: what `quarterdeck` without a subcommand and `quarterdeck demo` do.

use super::exit::{Exit, Failure};
use super::session::{Session, state_dir};
use crate::runtime::console::{ConsoleError, Options, STATE_FILE, run as open};

/// Runs the console until it is left. Has its own threads: not to be called from a task.
///
/// # Errors
/// When the console cannot run here.
pub fn run(session: &Session) -> Result<Exit, Failure> {
    let options = Options {
        // A simulated fleet leaves no trace among the records of real ones.
        state: state_dir()
            .filter(|_| !session.is_simulated())
            .map(|dir| dir.join(STATE_FILE)),
        ..Options::new(session.settings.clone())
    };
    match open(options) {
        Ok(()) => Ok(Exit::Done),
        Err(error @ (ConsoleError::Refused(_) | ConsoleError::Keys(_))) => {
            Err(Failure::usage(error.to_string()))
        }
        Err(error) => Err(Failure::internal(error.to_string())),
    }
}
