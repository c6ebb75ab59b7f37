//! `changes`: what changed around the onset of a model's trouble, or around a time, most suspicious first.

use std::time::Duration;

use serde_json::{Value, json};

use super::documents::document;
use super::exit::{Exit, Failure};
use super::names;
use super::output::{Out, Table};
use super::session::Session;
use crate::cli::ChangesArgs;
use crate::domain::fleet::suspects::{Part, Suspect};
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
    let onset = model.and_then(|m| Some(fleet.onset(m)?.0));
    let around = Around {
        at: session.moment.or(onset).unwrap_or(now),
        is: match (session.moment, onset) {
            (Some(_), _) => "asked",
            (None, Some(_)) => "onset",
            (None, None) => "now",
        },
        onset,
        is_bound: model.is_some_and(|m| fleet.onset_is_bound(m)),
        is_last_word: model.is_some_and(|m| fleet.onset_is_last_word(m)),
        before: args.since,
    };
    let after = (args.since / 6).max(AFTER);
    let all = fleet.suspects(model.map(|m| &m.key), around.at, args.since, after);
    let out = session.out();
    if out.json {
        let body = json!({
            "context": fleet.context().name,
            "generated_at": now.rfc3339(),
            "model": model.map(|m| m.name.clone()),
            "around": around.at.rfc3339(),
            "around_is": around.is,
            "around_is_bound": around.is == "onset" && around.is_bound,
            "onset": onset.map(Millis::rfc3339),
            "from": around.at.minus(args.since).rfc3339(),
            "to": around.at.plus(after).rfc3339(),
            "changes": all.iter().map(|s| suspect(s, onset)).collect::<Vec<_>>(),
        });
        out.document(&document("changes", body))?;
    } else {
        out.print(&text(out, &all, &around, (model, now)))?;
    }
    // Where nobody is named, what could not be read counts too: who is not listed is not known to be fine.
    let level = model.map_or_else(|| triage::worst(fleet), ModelView::level);
    Ok(if args.check {
        Exit::Checked(level)
    } else {
        Exit::Done
    })
}

/// The moment in question.
struct Around {
    at: Millis,
    /// Which moment that is, in a word.
    is: &'static str,
    /// When the trouble of the model began, where it has any.
    onset: Option<Millis>,
    /// Whether that is only the first look at trouble that is older.
    is_bound: bool,
    /// Whether that is the last word of a job that fell silent.
    is_last_word: bool,
    before: Duration,
}

fn suspect(s: &Suspect, onset: Option<Millis>) -> Value {
    json!({
        "kind": s.kind(),
        "part": s.part,
        "text": s.text,
        "subject": Some(&s.subject).filter(|t| !t.is_empty()),
        "actor": s.actor,
        "reason": s.reason(),
        "annotation": s.note,
        "not_before": s.at.minus(s.within).rfc3339(),
        "not_after": s.at.rfc3339(),
        "lead_seconds": s.lead_ms / 1_000,
        "onset_lead_seconds": onset.map(|at| s.lead_to(at) / 1_000),
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

/// How long before or after a moment something came: `8m before`. What came before the first look at trouble
/// that is older need not have come before the trouble: `8m earlier`.
fn lead(s: &Suspect, moment: Millis, is_bound: bool) -> String {
    if s.is_around_at(moment) {
        return "around".to_owned();
    }
    let lead = s.lead_to(moment);
    let gap = age(Duration::from_millis(lead.unsigned_abs()));
    let side = match (lead >= 0, is_bound) {
        (true, false) => "before",
        (true, true) => "earlier",
        (false, false) => "after",
        (false, true) => "later",
    };
    format!("{gap} {side}")
}

/// The moment in question in words: which it is, and what is known of the trouble's onset beside it.
fn head(around: &Around, now: Millis) -> String {
    let (sign, first_look) = if around.is_bound {
        ("≤ ", ", first look")
    } else {
        ("", "")
    };
    let word = if around.is_last_word {
        "last report"
    } else {
        "onset"
    };
    let onset = around.onset.map(|at| {
        let old = age(now.since(at));
        format!("{word} {sign}{}{first_look}   {old} ago", at.rfc3339())
    });
    if around.is == "onset" {
        return onset.unwrap_or_default();
    }
    let old = age(now.since(around.at));
    let own = format!("{} {}   {old} ago", around.is, around.at.rfc3339());
    match onset {
        Some(onset) => format!("{own} · {onset}"),
        None => own,
    }
}

/// The titles: what the times are counted from, in words.
fn titles(around: &Around) -> Vec<&'static str> {
    let counted: &[&str] = match (around.is, around.onset) {
        ("asked", Some(_)) => &[">FROM THEN", ">TO ONSET"],
        ("asked", None) => &[">FROM THEN"],
        ("onset", _) if around.is_last_word => &[">TO LAST REPORT"],
        ("onset", _) if around.is_bound => &[">TO FIRST LOOK"],
        ("onset", _) => &[">TO ONSET"],
        _ => &[">FROM NOW"],
    };
    let told: &[&str] = &["WHEN (UTC)", "WHAT", "OF", "BY", "TOUCHES"];
    [&["ROLE"], counted, told].concat()
}

/// The changes as text, around a moment.
fn text(
    out: &Out,
    all: &[Suspect],
    around: &Around,
    (model, now): (Option<&ModelView>, Millis),
) -> String {
    let mut head = format!("{}\n\n", out.own(&head(around, now)));
    if all.is_empty() {
        return format!(
            "{head}nothing is known to have changed around then; --since looks further back\n"
        );
    }
    if let Some(model) = model
        && all.iter().all(|s| s.part != Part::Cause)
    {
        let none = format!(
            "nothing that touches {} and may have caused it is known of the {} before; --since looks further back\n\n",
            model.name,
            age(around.before)
        );
        head.push_str(&none);
    }
    let mut table = Table::new(&titles(around));
    for s in all {
        let none = || out.none().to_owned();
        let role = match s.part {
            // Without a model in question there is no trouble that it may have caused.
            Part::Cause if model.is_none() => "change",
            _ => s.role(),
        };
        let is_bound = around.is == "onset" && around.is_bound;
        let mut cells = vec![role.into(), lead(s, around.at, is_bound).into()];
        if let ("asked", Some(onset)) = (around.is, around.onset) {
            cells.push(lead(s, onset, around.is_bound).into());
        }
        cells.extend([
            within(s).into(),
            match s.remark() {
                Some(remark) => format!("{} (\"{remark}\")", out.own(s.text.as_str())).into(),
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
        table.row(cells);
    }
    format!("{head}{}", table.render())
}
