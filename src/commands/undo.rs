//! `undo`: takes a write of this machine back.

use super::exit::{Exit, Failure};
use super::session::Session;
use super::write::{Writer, identity, overrides};
use crate::cli::UndoArgs;
use crate::domain::action::verbs::basis::{self, NoPlan};
use crate::domain::action::verbs::undo;
use crate::domain::action::{Writes, Written};

/// Runs `undo`.
///
/// # Errors
/// When no needed source answered, there is nothing to undo, or it is refused.
pub async fn run(session: &Session, args: &UndoArgs) -> Result<Exit, Failure> {
    let mut writer = Writer::open(session, &args.consent).await?;
    let written = match &args.plan {
        Some(end) => Some(one(&writer.writes, end)?),
        None => undo::last(&writer.planning()),
    };
    let Some(written) = written else {
        return Err(Failure::refused("there is nothing of yours to undo here")
            .advice("`quarterdeck journal` lists what was written from this machine"));
    };
    if written.plan.context != *session.name() {
        return Err(Failure::refused(format!(
            "that was written in the context {}: add --context {0}",
            written.plan.context
        )));
    }
    let now = writer.now();
    let given = overrides(&args.overrides);
    let freeze = given.get(crate::domain::action::verbs::shift::FREEZE);
    let plan = undo::plan(written, identity(now), now).map_err(NoPlan::Impossible);
    let plan = plan.and_then(|plan| basis::ground(plan, &writer.planning(), freeze));
    let plan = writer.claimed(plan).await;
    Box::pin(writer.carry(plan)).await
}

/// The write whose identity ends so.
///
/// # Errors
/// When there is none, or several.
pub(super) fn one<'a>(writes: &'a Writes, end: &str) -> Result<&'a Written, Failure> {
    let end = end.to_ascii_uppercase();
    let mut found = writes
        .iter()
        .filter(|written| written.plan.id.as_str().ends_with(&end));
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (None, _) => Err(Failure::usage(format!("no write here ends in `{end}`"))
            .advice("`quarterdeck journal` lists them")),
        (Some(_), Some(_)) => Err(Failure::usage(format!(
            "several writes end in `{end}`: write more of the identity"
        ))),
    }
}
