//! `changes`: what changed around the onset of a model's trouble, or around a time, most suspicious first.

use std::time::Duration;

use serde_json::{Value, json};

use super::documents::document;
use super::exit::{Exit, Failure};
use super::names;
use super::output::{Out, Table};
use super::session::Session;
use crate::cli::ChangesArgs;
use crate::domain::fleet::suspects::Suspect;
use crate::domain::fleet::triage;
use crate::domain::fleet::view::ModelView;
use crate::domain::time::{Millis, age};

/// The least time after the onset that is looked at.
const AFTER: Duration = Duration::from_secs(1_800);

/// Runs `changes`.
///
/// # Errors
/// When no needed source answered, or there is no model of that name.
pub async fn run(session: &Session, args: &ChangesArgs) -> Result<Exit, Failure> {
    let collected = session.look().await?;
    let fleet = &collected.fleet;
    let now = collected.now;
    let model = match &args.model {
        Some(name) => Some(names::model(fleet, name)?),
        None => None,
    };
    let known = model.and_then(|m| Some(fleet.onset(m)?.0));
    let onset = session.moment.or(known).unwrap_or(now);
    let known = match (session.moment, known) {
        (Some(_), _) => "asked",
        (None, Some(_)) => "onset",
        (None, None) => "now",
    };
    let is_bound = known == "onset" && model.is_some_and(|m| fleet.onset_is_bound(m));
    let after = (args.since / 6).max(AFTER);
    let all = fleet.suspects(model.map(|m| &m.key), onset, args.since, after);
    let out = session.out();
    if out.json {
        let body = json!({
            "context": fleet.context().name,
            "generated_at": now.rfc3339(),
            "model": model.map(|m| m.name.clone()),
            "around": onset.rfc3339(),
            "around_is": known,
            "around_is_bound": is_bound,
            "from": onset.minus(args.since).rfc3339(),
            "to": onset.plus(after).rfc3339(),
            "changes": all.iter().map(suspect).collect::<Vec<_>>(),
        });
        out.document(&document("changes", body))?;
    } else {
        out.print(&text(out, &all, (onset, known, is_bound), now))?;
    }
    // Where nobody is named, what could not be read counts too: who is not listed is not known to be fine.
    let level = model.map_or_else(|| triage::worst(fleet), ModelView::level);
    Ok(if args.check {
        Exit::Checked(level)
    } else {
        Exit::Done
    })
}

fn suspect(s: &Suspect) -> Value {
    json!({
        "kind": s.kind(),
        "text": s.text,
        "subject": Some(&s.subject).filter(|t| !t.is_empty()),
        "actor": s.actor,
        "reason": s.reason(),
        "not_before": s.at.minus(s.within).rfc3339(),
        "not_after": s.at.rfc3339(),
        "lead_seconds": s.lead_ms / 1_000,
        "touches": s.touch,
        "imported": s.is_imported(),
    })
}

/// When it was; with the time within which it was where that is not the minute.
fn within(s: &Suspect) -> String {
    let at = s.at.day_minute();
    let within = match s.within {
        within if within < Duration::from_secs(120) => String::new(),
        within => format!(" within {}", age(within)),
    };
    let told = if s.is_imported() { ", imported" } else { "" };
    format!("{at}{within}{told}")
}

/// The changes as text, around a moment: which it is, and whether that is only the first look at trouble
/// that is older.
fn text(
    out: &Out,
    all: &[Suspect],
    (onset, known, is_bound): (Millis, &str, bool),
    now: Millis,
) -> String {
    let old = age(now.since(onset));
    let (sign, first_look) = if is_bound {
        ("≤ ", ", first look")
    } else {
        ("", "")
    };
    let head = format!("{known} {sign}{}{first_look}   {old} ago", onset.rfc3339());
    let head = format!("{}\n\n", out.own(&head));
    let sides = if is_bound {
        ["earlier", "later"]
    } else {
        ["before", "after"]
    };
    let mut table = Table::new(&[">LEAD", "WHEN (UTC)", "WHAT", "OF", "BY", "TOUCHES"]);
    for s in all {
        let gap = age(Duration::from_millis(s.lead_ms.unsigned_abs()));
        let lead = match s.lead_ms {
            _ if s.is_around() => "around".to_owned(),
            0.. => format!("{gap} {}", sides[0]),
            _ => format!("{gap} {}", sides[1]),
        };
        let none = || out.none().to_owned();
        table.row(vec![
            lead.into(),
            within(s).into(),
            match s.reason() {
                Some(reason) => format!("{}: {reason}", out.own(s.text.as_str())).into(),
                None => out.own(s.text.as_str()).into(),
            },
            Some(&s.subject)
                .filter(|t| !t.is_empty())
                .map_or_else(none, ToString::to_string)
                .into(),
            s.actor
                .as_ref()
                .map_or_else(none, ToString::to_string)
                .into(),
            s.touch.word().into(),
        ]);
    }
    if table.is_empty() {
        return format!(
            "{head}nothing is known to have changed around then; --since looks further back\n"
        );
    }
    format!("{head}{}", table.render())
}
