//! x
use super::exit::{Exit, Failure};
use crate::cli::Global;
/// Runs `doctor`.
pub async fn run(global: &Global) -> Result<Exit, Failure> {
    let _ = global;
    Ok(Exit::Done)
}
