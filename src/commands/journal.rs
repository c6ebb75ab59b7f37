//! `journal`: what was written from this machine, and what became of it. Listing reads the journals alone
//! and needs no context; looking up what is open asks the servers of one.

use std::sync::Arc;

use serde_json::{Value, json};

use super::documents::document;
use super::exit::{Exit, Failure};
use super::output::{Out, Table};
use super::session::{Base, Session, journal_dir};
use super::undo::one;
use super::write::book;
use super::written::{write, write_text};
use crate::cli::{Global, JournalArgs};
use crate::domain::action::overwritten::{Overwritten, overwritten};
use crate::domain::action::{Journals, PlanId, Record, Writes, Written, effect};
use crate::domain::observation::Feed;
use crate::domain::text::Clean;
use crate::runtime::clock::Clock;
use crate::runtime::headless::Options;
use crate::runtime::writes::{self, Book, Servers, who};
use crate::store::journal;

/// Runs `journal`.
///
/// # Errors
/// When there is no such write, or the journals cannot be read.
pub fn run(global: &Global, args: &JournalArgs) -> Result<Exit, Failure> {
    // What was written matters most when the settings are broken: their mistakes are for others to tell.
    let base = Base::load(global, true);
    let directory = journal_dir().filter(|_| !global.demo);
    if args.export {
        let Some(directory) = directory else {
            return Ok(Exit::Done);
        };
        let lines = journal::lines(&directory).map_err(|e| Failure::internal(e.to_string()))?;
        if !lines.is_empty() {
            base.out.print(&lines)?;
        }
        return Ok(Exit::Done);
    }
    let journals = Book::new(directory, who::session()).read(Clock::default().wall());
    tell(&base.out, &journals, args, (global.context.as_deref(), &[]))
}

/// Runs `journal --check`: looks up what became of the writes of a context whose outcome is not known.
///
/// # Errors
/// When there is no such write, or the journal does not take what was found.
pub async fn check(session: &Session, args: &JournalArgs) -> Result<Exit, Failure> {
    let book = book(session);
    let read = || book.read(Clock::default().wall());
    let before = read();
    let all = Writes::of(&before);
    let servers = Servers::new(Arc::clone(&session.context), Arc::new(Clock::default()));
    let open = all.iter().filter(|written| {
        let here = written.plan.context.as_str() == session.name();
        here && written.is_open() && !all.is_on_its_way(written)
    });
    let mut found = all.clone();
    let only = match &args.plan {
        Some(end) if args.close => Some(one(&all, end)?.plan.id.clone()),
        _ => None,
    };
    for written in open.filter(|written| only.as_ref().is_none_or(|id| written.plan.id == *id)) {
        let told = |record: &Record, at| found.wrote(record, at);
        writes::resolve(written, &servers, Arc::clone(&book), told)
            .await
            .map_err(|why| {
                Failure::internal(format!("the journal does not take what was found: {why}"))
            })?;
    }
    if let Some(id) = only {
        close(session, &mut found, &id, &book)?;
    }
    // What was found to have taken effect is told to the ledger as what was seen at once.
    let here = found
        .iter()
        .filter(|w| w.plan.context.as_str() == session.name());
    let fleet = session.fleet();
    let changes: Vec<_> = here
        .flat_map(|written| effect::changes(written, &fleet))
        .collect();
    session.keep(&changes);
    let mut after = read();
    after.news.extend(before.news);
    book.end(Clock::default().wall());
    let over = written_over(session, &Writes::of(&after)).await;
    tell(session.out(), &after, args, (Some(session.name()), &over))
}

/// Closes a write of which nothing more can be looked up.
///
/// # Errors
/// When that is not so, or the journal does not take it.
fn close(
    session: &Session,
    found: &mut Writes,
    id: &PlanId,
    book: &Arc<Book>,
) -> Result<(), Failure> {
    let written = found.get(id);
    let here = written.is_some_and(|w| w.plan.context.as_str() == session.name());
    if written.is_some_and(Written::cannot_be_told) && here {
        let words = Clean::text("closed by hand: looking tells no more");
        let told = |record: &Record, at| found.wrote(record, at);
        let (actor, now) = (writes::actor(book), Clock::default().wall());
        return writes::seen_to(id.clone(), actor, words, Arc::clone(book), told, now).map_err(
            |why| {
                Failure::internal(format!(
                    "it stays open, for the journal cannot be written: {why}"
                ))
            },
        );
    }
    let why = match written {
        Some(w) if !here => format!(
            "it was written in the context {}: add --context {0}",
            w.plan.context
        ),
        Some(w) if w.is_open() => "looking may still tell how it ended: journal --check".to_owned(),
        _ => return Ok(()),
    };
    Err(Failure::refused(why))
}

/// Looks at the registries once, and tells which of our moves somebody else has written over since.
async fn written_over(session: &Session, all: &Writes) -> Vec<Overwritten> {
    let options = Options {
        feeds: vec![Feed::Models],
        ..Options::default()
    };
    let collected = session.look_at(&options).await;
    overwritten(all, &collected.fleet)
}

fn found<'a>(written: &Written, over: &'a [Overwritten]) -> Option<&'a Overwritten> {
    over.iter().find(|found| found.plan == written.plan.id)
}

fn row(written: &Written, over: &[Overwritten]) -> Value {
    let mut row = write(written);
    if let Value::Object(fields) = &mut row {
        let words = found(written, over).map(|found| &found.words);
        fields.insert("overwritten".to_owned(), json!(words));
    }
    row
}

fn tell(
    out: &Out,
    journals: &Journals,
    args: &JournalArgs,
    (context, over): (Option<&str>, &[Overwritten]),
) -> Result<Exit, Failure> {
    let now = Clock::default().wall();
    let all = Writes::of(journals);
    let old = journals.remarks.iter();
    let old = old.filter(|remark| !journals.news.contains(remark));
    for remark in journals.news.iter().chain(old) {
        out.remark(remark.as_str());
    }
    if let Some(end) = &args.plan {
        let written = one(&all, end)?;
        if out.json {
            let row = row(written, over);
            out.document(&document("journal", json!({"writes": [row]})))?;
        } else {
            let more = found(written, over).map(|o| format!("  overwritten  {}\n", o.words));
            let text = format!("{}{}", write_text(written), more.unwrap_or_default());
            out.print(&out.own(&text))?;
        }
        return Ok(unknown(args, [written].into_iter()));
    }
    let from = now.minus(args.since);
    let mut shown: Vec<&Written> = all
        .iter()
        .filter(|written| written.began >= from && (!args.open || written.is_open()))
        .filter(|written| context.is_none_or(|name| written.plan.context.as_str() == name))
        .collect();
    shown.reverse();
    if out.json {
        let rows: Vec<Value> = shown.iter().map(|written| row(written, over)).collect();
        let body = json!({
            "generated_at": now.rfc3339(), "from": from.rfc3339(), "writes": rows,
            "remarks": journals.remarks,
        });
        out.document(&document("journal", body))?;
    } else if shown.is_empty() {
        out.print("nothing was written from this machine in this time")?;
    } else {
        let table = table(out, &all, &shown, over);
        out.print(&table.render())?;
    }
    Ok(unknown(args, shown.into_iter()))
}

fn table(out: &Out, all: &Writes, shown: &[&Written], over: &[Overwritten]) -> Table {
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
    for written in shown {
        let outcome = match (written.ended, &written.undone_by) {
            _ if all.is_on_its_way(written) => "on its way".to_owned(),
            (Some(_), Some(by)) => format!("undone by {}", by.short()),
            (Some((outcome, _)), None) => match found(written, over) {
                Some(over) => format!("overwritten: {}", over.words),
                None => outcome.text().to_owned(),
            },
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
    table
}

/// With `--check` or `--open`, writes whose end nobody knows are told by the exit code.
fn unknown<'a>(args: &JournalArgs, mut shown: impl Iterator<Item = &'a Written>) -> Exit {
    if (args.check || args.open || args.close) && shown.any(Written::is_open) {
        Exit::OutcomeUnknown
    } else {
        Exit::Done
    }
}
