//! The console on a context: what `quarterdeck` without a subcommand and `quarterdeck demo` do.

use super::exit::{Exit, Failure};
use super::session::{Session, journal_dir, log_file, state_file};
use crate::cli::Global;
use crate::config::{Environment, asked_context};
use crate::runtime::console::{ConsoleError, Options, attend_ahead};
use crate::runtime::first::Ahead;

/// Enters the context that flags, variables and settings name, and runs the console on it.
///
/// # Errors
/// When the settings cannot be used, or the console cannot run here.
pub async fn enter(global: &Global) -> Result<Exit, Failure> {
    // Settings of hundreds of deployments take as long to read as what was last known of them.
    let state = state_file().filter(|_| !global.demo);
    let ahead = state.and_then(|state| {
        let asked = asked_context(&global.overrides(false), &Environment::of_process());
        Ahead::begin(&state, log_file().as_deref(), asked.as_deref())
    });
    attend(&Session::open(global).await?, ahead).await
}

/// Runs the console until it is left, on the thread that waits for it.
///
/// # Errors
/// When the console cannot run here.
pub async fn run(session: &Session) -> Result<Exit, Failure> {
    attend(session, None).await
}

async fn attend(session: &Session, ahead: Option<Ahead>) -> Result<Exit, Failure> {
    let options = Options {
        // A simulated fleet leaves no trace among the records of real ones.
        state: state_file().filter(|_| !session.is_simulated()),
        journals: journal_dir().filter(|_| !session.is_simulated()),
        log: log_file().filter(|_| !session.is_simulated()),
        ..Options::new(session.settings.clone())
    };
    match attend_ahead(options, ahead).await {
        Ok(()) => Ok(Exit::Done),
        Err(error @ (ConsoleError::Refused(_) | ConsoleError::Keys(_))) => {
            Err(Failure::usage(error.to_string()))
        }
        Err(error) => Err(Failure::internal(error.to_string())),
    }
}
