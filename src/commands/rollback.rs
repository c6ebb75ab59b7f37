//! `rollback`: an earlier version becomes what an alias names again, and what serves follows.

use serde_json::json;

use super::documents::document;
use super::exit::{Exit, Failure};
use super::names;
use super::output::Table;
use super::session::Session;
use super::write::{Writer, alias, identity, overrides, version};
use crate::cli::RollbackArgs;
use crate::domain::action::verbs::rollback::{self, Candidate, RollBackRequest};
use crate::domain::text::Clean;
use crate::domain::time::{Millis, age};

/// Runs `rollback`.
///
/// # Errors
/// When no needed source answered, there is nothing to go back to, or it is refused.
pub async fn run(session: &Session, args: &RollbackArgs) -> Result<Exit, Failure> {
    let mut writer = Writer::open(session, &args.consent).await?;
    let model = names::model(writer.fleet(), &args.model)?;
    let (name, model) = (model.name.clone(), model.key.clone());
    let alias = alias(writer.fleet(), args.alias.as_ref());
    if args.list {
        let now = writer.now().wall;
        let all = rollback::candidates(writer.fleet(), &model, &alias, now);
        return list(session, &name, &alias.clean(), &all, now);
    }
    let to = match &args.to {
        Some(text) => Some(version(writer.fleet(), &model, text)?.version),
        None => None,
    };
    let request = RollBackRequest {
        model,
        alias,
        to,
        reason: writer.reason(),
        overrides: overrides(&args.overrides),
    };
    let id = identity(writer.now());
    let plan = rollback::plan(&request, id, &writer.planning());
    let plan = writer.claimed(plan).await;
    Box::pin(writer.carry(plan)).await
}

fn list(
    session: &Session,
    model: &Clean,
    alias: &Clean,
    all: &[Candidate],
    now: Millis,
) -> Result<Exit, Failure> {
    let out = session.out();
    let good = rollback::last_good(all).map(|c| &c.version);
    if out.json {
        let rows: Vec<_> = all
            .iter()
            .map(|c| {
                json!({
                    "version": c.text,
                    "last_good": Some(&c.version) == good,
                    "good": c.good,
                    "ready": c.ready,
                    "serves": c.serves,
                    "from": c.from.map(Millis::rfc3339),
                    "until": c.until.map(Millis::rfc3339),
                    "active_seconds": c.active.as_secs(),
                    "watched_seconds": c.watched.as_secs(),
                    "alerts": c.alerts,
                    "by": c.by,
                    "why": c.why,
                    "text": c.judged,
                })
            })
            .collect();
        let body = json!({
            "context": session.name(), "model": model, "alias": alias,
            "generated_at": now.rfc3339(), "candidates": rows,
        });
        out.document(&document("candidates", body))?;
        return Ok(Exit::Done);
    }
    if all.is_empty() {
        out.print("nothing is known of an earlier version that served or held the alias")?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&["VERSION", "GOOD", ">ENDED", "HOW IT DID", "BY", "WHY"]);
    for c in all {
        let word = match (c.good, Some(&c.version) == good) {
            (true, true) => "last good",
            (true, false) => "good",
            (false, _) => out.none(),
        };
        table.row(vec![
            (&c.text).into(),
            word.into(),
            c.until
                .map_or_else(|| "serves".to_owned(), |at| age(now.since(at)))
                .into(),
            out.own(c.judged.as_str()).into(),
            c.by.as_ref().map_or(out.none(), Clean::as_str).into(),
            (&c.why).into(),
        ]);
    }
    out.print(&table.render())?;
    Ok(Exit::Done)
}
