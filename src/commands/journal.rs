//! `journal`: what was written from this machine, and what became of it.

use std::sync::Arc;

use serde_json::{Value, json};

use super::documents::document;
use super::exit::{Exit, Failure};
use super::output::Table;
use super::session::Session;
use super::undo::one;
use super::write::{book, read};
use super::written::{is_open, write, write_text};
use crate::cli::JournalArgs;
use crate::domain::action::Written;
use crate::runtime::clock::Clock;
use crate::runtime::writes::{self, Servers};

/// Runs `journal`.
///
/// # Errors
/// When there is no such write, or the journal does not take what was found.
pub async fn run(session: &Session, args: &JournalArgs) -> Result<Exit, Failure> {
    let out = session.out();
    let now = Clock::default().wall();
    let book = book(session);
    let (mut all, remarks) = read(&book);
    for remark in remarks {
        out.remark(remark.as_str());
    }
    if args.check {
        let servers = Servers::new(Arc::clone(&session.context), Arc::new(Clock::default()));
        let here = |written: &&Written| {
            is_open(written) && written.plan.context.as_str() == session.name()
        };
        let open: Vec<Written> = all.iter().filter(here).cloned().collect();
        for written in &open {
            let told = |_: &_, _| {};
            writes::resolve(written, &servers, Arc::clone(&book), told)
                .await
                .map_err(|why| {
                    Failure::internal(format!("the journal does not take what was found: {why}"))
                })?;
        }
        book.lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .end(Clock::default().wall());
        all = read(&book).0;
    }
    if let Some(end) = &args.plan {
        let written = one(&all, end)?;
        if out.json {
            out.document(&document("journal", json!({"writes": [write(written)]})))?;
        } else {
            out.print(&out.own(&write_text(written)))?;
        }
        return Ok(unknown(args, [written].into_iter()));
    }
    let from = now.minus(args.since);
    let mut shown: Vec<&Written> = all
        .iter()
        .filter(|written| written.began >= from && (!args.open || is_open(written)))
        .collect();
    shown.reverse();
    if out.json {
        let rows: Vec<Value> = shown.iter().map(|written| write(written)).collect();
        let body = json!({
            "generated_at": now.rfc3339(), "from": from.rfc3339(), "writes": rows,
        });
        out.document(&document("journal", body))?;
    } else if shown.is_empty() {
        out.print("nothing was written from this machine in this time")?;
    } else {
        let mut table = Table::new(&[
            "WHEN (UTC)",
            "ID",
            "CONTEXT",
            "WHAT",
            "OF",
            "CHANGE",
            "OUTCOME",
            "BY",
            "WHY",
        ]);
        for written in &shown {
            let outcome = match (written.ended, &written.undone_by) {
                (Some(_), Some(by)) => format!("undone by {}", by.short()),
                (Some((outcome, _)), None) => outcome.text().to_owned(),
                (None, _) => "its end is not known".to_owned(),
            };
            table.row(vec![
                written.began.day_minute().into(),
                written.plan.id.short().into(),
                (&written.plan.context).into(),
                written.plan.verb.word().into(),
                (&written.plan.subject).into(),
                out.own(written.plan.summary.as_str()).into(),
                outcome.into(),
                written.actor.name().into(),
                (&written.reason).into(),
            ]);
        }
        out.print(&table.render())?;
    }
    Ok(unknown(args, shown.into_iter()))
}

/// With `--check` or `--open`, writes whose end nobody knows are told by the exit code.
fn unknown<'a>(args: &JournalArgs, mut shown: impl Iterator<Item = &'a Written>) -> Exit {
    if (args.check || args.open) && shown.any(is_open) {
        Exit::OutcomeUnknown
    } else {
        Exit::Done
    }
}
