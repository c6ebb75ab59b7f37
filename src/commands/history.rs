//! `history`: observed changes from the local ledger. Asks no server.

use std::time::Duration;

use serde_json::{Value, json};

use super::documents;
use super::exit::{Exit, Failure};
use super::names::missing;
use super::output::{Cell, Table};
use super::session::{Base, state_file};
use crate::cli::{Global, HistoryArgs};
use crate::domain::change::{Change, Subject};
use crate::domain::fleet::Fleet;
use crate::domain::observation::ContextRef;
use crate::domain::settings::Context;
use crate::domain::text::Clean;
use crate::domain::time::{Millis, age};
use crate::domain::watch::{self, Entry, Gap, Unwatched};
use crate::runtime::clock::Clock;
use crate::store::{HistoryQuery, Store, StoreError};

/// Runs `history`.
///
/// # Errors
/// When the settings or the ledger cannot be used, or no such model is known to it.
pub fn run(global: &Global, args: &HistoryArgs) -> Result<Exit, Failure> {
    if global.demo {
        return Err(Failure::usage("the simulated fleet has no ledger on disk")
            .advice("`quarterdeck --demo models NAME` shows the timeline of a simulated model"));
    }
    let base = Base::load(global, false);
    let out = base.out;
    let settings = base.into_settings()?;
    let Some(context) = settings.contexts.get(&settings.context) else {
        return Err(Failure::usage("there is no context whose history to show"));
    };
    let now = Clock::default().wall();
    let from = now.minus(args.since);
    let Some(path) = state_file() else {
        return Err(Failure::internal(
            "no home directory is known, so no history is kept",
        ));
    };
    let name = context.name.as_str();
    let failed = |e: StoreError| Failure::internal(format!("{}: {e}", path.display()));
    let (mut changes, mut watched) = (Vec::new(), Vec::new());
    if path.is_file() {
        let (store, remarks) = Store::open(&path).map_err(failed)?;
        for remark in remarks {
            out.remark(remark.text.as_str());
        }
        let query = HistoryQuery {
            from,
            limit: if args.model.is_some() {
                usize::MAX
            } else {
                args.limit
            },
            ..HistoryQuery::default()
        };
        changes = store.history(name, &query).map_err(failed)?;
        watched = store.watched(name, None, from, now).map_err(failed)?;
        if let Some(model) = &args.model {
            let known = last_known(&store, context, now).map_err(failed)?;
            let told = changes.iter().map(|row| &row.change.subject);
            let subjects = subjects(model, &known, told)?;
            changes.retain(|row| subjects.contains(&row.change.subject));
            changes.truncate(args.limit);
        }
    }
    let gaps = watch::gaps(&watched, now);
    if out.json {
        let rows: Vec<Value> = changes
            .iter()
            .map(|row| {
                let mut value = documents::change(&row.change);
                if let Value::Object(fields) = &mut value {
                    fields.insert("id".to_owned(), json!(row.id));
                }
                value
            })
            .collect();
        let span = |from: Millis, to: Millis| json!({"from": from.rfc3339(), "to": to.rfc3339()});
        let spans: Vec<Value> = watched.iter().map(|(from, to)| span(*from, *to)).collect();
        let gaps: Vec<Value> = gaps.iter().map(|gap| span(gap.from, gap.to)).collect();
        out.document(&documents::document(
            "history",
            json!({
                "context": name,
                "generated_at": now.rfc3339(),
                "from": from.rfc3339(),
                "changes": rows,
                "watched": spans,
                "unwatched": gaps,
            }),
        ))?;
        return Ok(Exit::Done);
    }
    if changes.is_empty() {
        let why = if !path.is_file() {
            format!(
                "no history is kept yet in {}: the console and `quarterdeck record` write it",
                path.display()
            )
        } else if watched.is_empty() {
            "nobody watched in this time: `quarterdeck record` does, also unattended".to_owned()
        } else {
            let total: Duration = gaps.iter().map(|gap| gap.to.since(gap.from)).sum();
            let unwatched = if gaps.is_empty() {
                String::new()
            } else {
                format!(" (nobody watched for {} of it)", age(total))
            };
            format!("no changes were observed in this time{unwatched}; --since looks further back")
        };
        out.print(&why)?;
        return Ok(Exit::Done);
    }
    let told = changes.iter().map(|stored| &stored.change);
    out.print(&table(told, &gaps).render())?;
    Ok(Exit::Done)
}

/// The changes with what nobody watched between them.
fn table<'a>(changes: impl Iterator<Item = &'a Change>, gaps: &[Gap]) -> Table {
    let mut table = Table::new(&["WHEN (UTC)", "OF", "CHANGE", "BY", "EVIDENCE"]);
    for entry in watch::between(changes, gaps) {
        table.row(match entry {
            Entry::Change(change) => {
                let mut cells = row(change);
                cells.insert(1, subject(&change.subject).into());
                cells
            }
            Entry::Unwatched(gap) => unwatched(&gap),
        });
    }
    table
}

/// When, what, who and how it is known: the columns after the subject.
pub(super) fn row(change: &Change) -> Vec<Cell> {
    let when = if change.not_before == change.not_after {
        change.not_after.day_minute()
    } else {
        format!(
            "{} to {}",
            change.not_before.day_minute(),
            change.not_after.day_minute()
        )
    };
    vec![
        when.into(),
        change.phrase().into(),
        change
            .actor
            .clone()
            .unwrap_or_else(|| Clean::name("-"))
            .into(),
        (&change.evidence).into(),
    ]
}

/// Time that nobody watched, as a row of its own.
fn unwatched(gap: &Unwatched) -> Vec<Cell> {
    let many = match gap.gaps {
        1 => String::new(),
        gaps => format!(", in {gaps} gaps"),
    };
    vec![
        format!("{} to {}", gap.from.day_minute(), gap.to.day_minute()).into(),
        "-".to_owned().into(),
        format!("nobody watched for {}{many}", age(gap.total)).into(),
        "-".to_owned().into(),
        "no source was heard".to_owned().into(),
    ]
}

/// What a change happened to, in a word.
pub(super) fn subject(subject: &Subject) -> Clean {
    match subject {
        Subject::Model(key) => key.name.clean(),
        Subject::Deployment(key) => {
            Clean::text(&format!("{} at {}", key.name.clean(), key.base.clean()))
        }
        Subject::Source(id) => id.clean().clone(),
    }
}

/// The state of the last look, for the names of models and for what serves them.
fn last_known(store: &Store, context: &Context, now: Millis) -> Result<Fleet, StoreError> {
    let reference = ContextRef {
        name: context.name.clone(),
        generation: 0,
    };
    let mut fleet = Fleet::new(reference.into(), context.clone().into());
    if let Some(head) = store.load_head(context.name.as_str())? {
        fleet.absorb(head.into(), now);
    }
    Ok(fleet)
}

/// The model and the deployments that serve it, as far as they are known.
fn subjects<'a>(
    name: &str,
    known: &Fleet,
    told: impl Iterator<Item = &'a Subject> + Clone,
) -> Result<Vec<Subject>, Failure> {
    let is_meant = |subject: &Subject| match subject {
        Subject::Model(key) => key.name.raw() == name || key.name.clean() == *name,
        Subject::Deployment(key) => key.name.raw() == name,
        Subject::Source(_) => false,
    };
    let mut found: Vec<Subject> = told.clone().filter(|s| is_meant(s)).cloned().collect();
    for model in known
        .models()
        .filter(|m| m.key.name.raw() == name || m.name == *name)
    {
        found.push(Subject::Model(model.key.clone()));
        found.extend(model.deployments.iter().cloned().map(Subject::Deployment));
    }
    if !found.is_empty() {
        return Ok(found);
    }
    let told: Vec<Clean> = told
        .filter(|s| matches!(s, Subject::Model(_)))
        .map(subject)
        .collect();
    let names = known.models().map(|m| m.name.as_str());
    let failure = missing("model", name, names.chain(told.iter().map(Clean::as_str)));
    Err(failure.advice("only models that were looked at from this machine have a history here"))
}
