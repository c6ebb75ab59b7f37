//! The subcommands: one file each, the documents they print, and how each ends.

pub mod alerts;
pub mod approve;
pub mod cancel;
pub mod changes;
pub mod config;
pub mod console;
mod courses;
pub mod demo;
pub mod deployments;
pub mod doctor;
pub mod documents;
pub mod edit;
pub mod exit;
mod follow;
pub mod frame;
pub mod freeze;
pub mod history;
mod interrupted;
pub mod journal;
pub mod keys;
pub mod models;
mod names;
pub mod output;
pub mod pipelines;
pub mod promote;
pub mod record;
pub mod retrain;
pub mod rollback;
pub mod runs;
pub mod session;
pub mod signals;
pub mod silence;
pub mod sources;
pub mod status;
pub mod undo;
pub mod wait;
pub mod wiring;
mod write;
mod written;

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::process::ExitCode;

use clap::Parser as _;
use tokio::runtime::Builder;

use self::exit::{Exit, Failure};
use self::session::Session;
use crate::cli::{Cli, Command};
use crate::runtime::logging;

/// The program: reads the command line, does what it says, and maps the outcome to an exit code. The
/// only place where an exit code is made.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no mistakes; clap knows which stream each belongs to.
            let _ = error.print();
            let exit = if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Done
            };
            return exit.into();
        }
    };
    // A panic has been told by its hook; here it becomes an exit code.
    let ended = catch_unwind(AssertUnwindSafe(|| run(&cli)));
    match ended {
        Ok(Ok(exit)) => exit.into(),
        Ok(Err(failure)) => {
            output::complain(&format!("quarterdeck: {failure}"));
            failure.exit.into()
        }
        Err(_) => {
            output::complain("quarterdeck: internal error; please report it with the lines above");
            Exit::Internal.into()
        }
    }
}

fn run(cli: &Cli) -> Result<Exit, Failure> {
    let global = &cli.global;
    global.check(cli.command.as_ref()).map_err(Failure::usage)?;
    match &cli.command {
        None | Some(Command::Demo(_)) => {}
        // A service has a log; a command only where one is asked for.
        Some(Command::Record(_)) => log(),
        Some(_) if std::env::var_os(logging::VARIABLE).is_some() => log(),
        Some(_) => {}
    }
    match &cli.command {
        Some(Command::Keys(args)) => keys::run(global, args),
        Some(Command::Config(which)) => config::run(global, which),
        Some(Command::History(args)) => history::run(global, args),
        Some(Command::Demo(args)) => wait_for(demo::run(global, args)),
        Some(Command::Doctor) => wait_for(doctor::run(global)),
        // The loop has the calling thread. A second worker would hold memory of its own: what a thread's
        // rows leave behind is used again by that thread alone.
        None => wait_on(1, Box::pin(console::enter(global))),
        Some(Command::Status(args)) => {
            wait_for(async { status::run(&Session::open(global).await?, args).await })
        }
        Some(Command::Models(args)) => {
            wait_for(async { models::run(&Session::open(global).await?, args).await })
        }
        Some(Command::Runs(args)) => {
            wait_for(async { runs::run(&Session::open(global).await?, args).await })
        }
        Some(Command::Signals(args)) => {
            wait_for(async { signals::run(&Session::open(global).await?, args).await })
        }
        Some(Command::Drift(args)) => {
            wait_for(async { signals::drift(&Session::open(global).await?, args).await })
        }
        Some(Command::Alerts(args)) => {
            wait_for(async { alerts::run(&Session::open(global).await?, args).await })
        }
        Some(Command::Changes(args)) => {
            wait_for(async { changes::run(&Session::open(global).await?, args).await })
        }
        Some(Command::Deployments) => {
            wait_for(async { deployments::run(&Session::open(global).await?).await })
        }
        Some(Command::Pipelines(args)) => {
            wait_for(async { pipelines::run(&Session::open(global).await?, args).await })
        }
        Some(Command::Wiring) => {
            wait_for(async { wiring::run(&Session::open(global).await?).await })
        }
        Some(Command::Sources) => {
            wait_for(async { sources::run(&Session::open(global).await?).await })
        }
        Some(Command::Approve(args)) => {
            wait_for(async { Box::pin(approve::run(&Session::open(global).await?, args)).await })
        }
        Some(Command::Promote(args)) => {
            wait_for(async { Box::pin(promote::run(&Session::open(global).await?, args)).await })
        }
        Some(Command::Rollback(args)) => {
            wait_for(async { Box::pin(rollback::run(&Session::open(global).await?, args)).await })
        }
        Some(Command::Undo(args)) => {
            wait_for(async { Box::pin(undo::run(&Session::open(global).await?, args)).await })
        }
        Some(Command::Retrain(args)) => wait_for(retrain::run(global, args)),
        Some(Command::Cancel(args)) => wait_for(cancel::cancel(global, args)),
        Some(Command::Retry(args)) => wait_for(cancel::retry(global, args)),
        Some(Command::Freeze(args)) => {
            wait_for(async { Box::pin(freeze::run(&Session::open(global).await?, args)).await })
        }
        Some(Command::Acknowledge(args)) => wait_for(async {
            Box::pin(freeze::acknowledge(&Session::open(global).await?, args)).await
        }),
        Some(Command::Edit(args)) => {
            wait_for(async { Box::pin(edit::run(&Session::open(global).await?, args)).await })
        }
        Some(Command::Silence(args)) => {
            wait_for(async { Box::pin(silence::run(&Session::open(global).await?, args)).await })
        }
        Some(Command::Wait(args)) => wait_for(async {
            let limit = global.timeout.unwrap_or(wait::USUAL);
            Box::pin(wait::run(Session::open(global).await?, args, limit)).await
        }),
        Some(Command::Journal(args)) if args.check || args.close => {
            wait_for(async { Box::pin(journal::check(&Session::open(global).await?, args)).await })
        }
        Some(Command::Journal(args)) => journal::run(global, args),
        Some(Command::Record(args)) => {
            wait_for(async { Box::pin(record::run(&Session::open(global).await?, args)).await })
        }
        Some(Command::Frame(args)) => {
            wait_for(async { Box::pin(frame::run(&Session::open(global).await?, args)).await })
        }
    }
}

type Running<'a> = Pin<Box<dyn Future<Output = Result<Exit, Failure>> + 'a>>;

/// Runs a command that asks servers. What is still on its way when it ends is dropped at once: a
/// server that never answers holds nobody back.
fn wait_for<'a>(
    command: impl Future<Output = Result<Exit, Failure>> + 'a,
) -> Result<Exit, Failure> {
    wait_on(2, Box::pin(command))
}

/// Boxed, so that the runtime's code is there once and not once for each command.
fn wait_on(workers: usize, command: Running<'_>) -> Result<Exit, Failure> {
    let threads = Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_all()
        .build()
        .map_err(|e| Failure::internal(format!("the program cannot start its threads: {e}")))?;
    let ended = threads.block_on(command);
    threads.shutdown_background();
    ended
}

/// Begins to log to the state directory, where there is one.
fn log() {
    let Some(Err(error)) = session::log_file().map(|path| logging::to_file(&path)) else {
        return;
    };
    output::complain(&format!("no log is kept: {error}"));
}
