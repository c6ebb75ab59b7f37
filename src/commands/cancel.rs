//! `cancel` and `retry`: a pipeline's run is asked to end, or its failed tasks run again.

use super::exit::{Exit, Failure};
use super::follow::{USUAL, follow};
use super::pipelines;
use super::session::Session;
use super::write::{Carried, More, Writer, exit, identity, overrides};
use super::written;
use crate::cli::{CancelArgs, Global, RetryArgs};
use crate::domain::action::Outcome;
use crate::domain::action::verbs::retrain;
use crate::domain::query::{Detail, Query};

/// Runs `cancel`.
///
/// # Errors
/// When no needed source answered, there is no such run, or it is refused.
pub async fn cancel(global: &Global, args: &CancelArgs) -> Result<Exit, Failure> {
    let session = &Session::open(global).await?;
    let writer = Writer::open(session, &args.consent).await?;
    let held = pipelines::named(writer.fleet(), &args.run, args.pipeline.as_deref())?;
    let key = held.fact.key.clone();
    let plan = retrain::cancel(&key, identity(writer.now()), &writer.planning());
    Box::pin(writer.carry(plan)).await
}

/// Runs `retry`.
///
/// # Errors
/// When no needed source answered, there is no such run, or it is refused.
pub async fn retry(global: &Global, args: &RetryArgs) -> Result<Exit, Failure> {
    let limit = global.timeout.unwrap_or(USUAL);
    let session = &Session::open(global).await?;
    let writer = Writer::open(session, &args.consent).await?;
    let held = pipelines::named(writer.fleet(), &args.run, args.pipeline.as_deref())?;
    let key = held.fact.key.clone();
    let query = Query::Tasks(key.clone());
    let tasks = match writer
        .collected
        .fetch(&held.source, query, session.deadline)
        .await
    {
        Ok((_, Detail::Tasks(tasks))) => tasks,
        Ok(_) => Vec::new(),
        Err(fault) => {
            return Err(Failure::no_answer(format!(
                "its tasks could not be read: {fault}"
            )));
        }
    };
    let id = identity(writer.now());
    let overrides = overrides(&args.overrides);
    let plan = retrain::retry(&key, &tasks, &overrides, id, &writer.planning());
    let mut more = More::default();
    let (plan, ended) = match writer.write(plan, &more).await? {
        Carried::Said(exit) => return Ok(exit),
        Carried::Written(written) => *written,
    };
    let out = *session.out();
    let mut code = exit(&ended);
    let mut text = written::outcome_text(&plan, &ended);
    if args.follow && ended.outcome == Outcome::Done {
        let followed = Box::pin(follow(session, writer.collected, &key, limit)).await?;
        more.fields.extend(followed.fields());
        code = followed.exit();
        text = followed.text();
    }
    if out.json {
        out.document(&written::outcome(&plan, &ended, &more.fields))?;
    } else {
        out.print(&out.own(&text))?;
    }
    Ok(code)
}
