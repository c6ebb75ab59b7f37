//! `alerts`: what fires, is pending or muted now, or what fired and was pending at an earlier time.

use serde_json::json;

use super::documents::{self, document};
use super::exit::{Exit, Failure};
use super::names;
use super::output::{Out, Table};
use super::session::Session;
use crate::cli::AlertsArgs;
use crate::domain::alert::Alert;
use crate::domain::fleet::triage::unread;
use crate::domain::key::SourceId;
use crate::domain::last_known::Held;
use crate::domain::level::Level;
use crate::domain::number::number;
use crate::domain::observation::Feed;
use crate::domain::query::{Detail, Query};
use crate::domain::rules::signals::alerts::{self, join};
use crate::domain::settings::SourceKind;
use crate::domain::time::{Millis, age};
use crate::runtime::headless::{Collected, Options};

/// Runs `alerts`.
///
/// # Errors
/// When no needed source answered, or there is no model of that name.
pub async fn run(session: &Session, args: &AlertsArgs) -> Result<Exit, Failure> {
    // What does not tell of alerts has no part in the answer, and cannot keep it back.
    let mut feeds = vec![Feed::Alerts];
    feeds.extend(args.model.is_some().then_some(Feed::Models));
    let options = Options {
        feeds,
        runs: 0,
        ..Options::default()
    };
    let collected = session.look_with(&options).await?;
    let fleet = &collected.fleet;
    let (now, moment) = (collected.now, session.moment);
    let model = match &args.model {
        Some(name) => Some(names::model(fleet, name)?.key.name.clone()),
        None => None,
    };
    let (mut all, silent) = match moment {
        Some(at) => at_moment(session, &collected, at).await,
        None => (
            fleet.joined_alerts(),
            unread(fleet, &[SourceKind::Prometheus, SourceKind::Alertmanager]),
        ),
    };
    let from = args.since.map(|since| moment.unwrap_or(now).minus(since));
    all.retain(|h| model.is_none() || h.fact.model == model);
    all.retain(|h| from.is_none_or(|from| h.fact.since >= from));
    let out = session.out();
    if out.json {
        let body = json!({
            "context": fleet.context().name,
            "generated_at": now.rfc3339(),
            "at": moment.unwrap_or(now).rfc3339(),
            "alerts": all.iter().map(documents::alert).collect::<Vec<_>>(),
        });
        out.document(&document("alerts", body))?;
    } else {
        out.print(&text(out, &all, moment, now))?;
    }
    let levels = all.iter().map(|h| match moment {
        // What was so then is not read again.
        Some(_) => alerts::level(&h.fact, true),
        None => fleet.alert_level(&h.fact, now),
    });
    let level = levels.max().unwrap_or_default().max(silent);
    Ok(if args.check {
        Exit::Checked(level)
    } else {
        Exit::Done
    })
}

/// What was raised at a moment, loudest first, and the level of what could not be told: a Prometheus keeps
/// when alerts fired, and nobody who had muted them.
async fn at_moment(
    session: &Session,
    collected: &Collected,
    at: Millis,
) -> (Vec<Held<Alert>>, Level) {
    let out = session.out();
    let sources = &collected.fleet.settings().sources;
    let mut keepers = sources
        .iter()
        .filter(|s| s.kind == SourceKind::Prometheus)
        .peekable();
    if keepers.peek().is_none() {
        out.remark("no source keeps when alerts fired: add one of kind prometheus");
    }
    let (mut found, mut level) = (Vec::new(), Level::Ok);
    for settings in keepers {
        let source = SourceId::new(&settings.name);
        let query = Query::AlertsAt(at);
        match collected.fetch(&source, query, session.deadline).await {
            Ok((asked_at, Detail::Alerts { alerts, partial })) => {
                if let Some(partial) = partial {
                    out.remark(&format!("{source} was read in part: {partial}"));
                    level = level.max(Level::Unknown);
                }
                found.extend(alerts.into_iter().map(|fact| Held {
                    source: source.clone(),
                    asked_at,
                    fact,
                }));
            }
            Ok(_) => {}
            Err(fault) => {
                out.remark(&format!(
                    "the alerts of {source} could not be read: {fault}"
                ));
                if settings.required {
                    level = level.max(Level::Unknown);
                }
            }
        }
    }
    // A series holds no words: those of an alert that is raised still are the same.
    let raised = collected.fleet.joined_alerts();
    for held in &mut found {
        let same = raised.iter().find(|now| held.fact.was_sent_as(&now.fact));
        if let Some(now) = same {
            held.fact.summary = now.fact.summary.clone();
        }
    }
    let mut all = join(&found);
    all.sort_by_key(|held| held.fact.loudness());
    (all, level)
}

fn text(out: &Out, all: &[Held<Alert>], moment: Option<Millis>, now: Millis) -> String {
    let mut table = Table::new(&[
        "STATE",
        "SEVERITY",
        "ALERT",
        "MODEL",
        ">SINCE",
        ">VALUE",
        "SUMMARY",
        "SILENCED BY",
    ]);
    for held in all {
        let a = &held.fact;
        let none = || out.none().to_owned();
        table.row(vec![
            a.state.word().into(),
            (&a.severity).into(),
            (&a.name).into(),
            a.model
                .as_ref()
                .map_or_else(none, |m| m.clean().to_string())
                .into(),
            age(moment.unwrap_or(now).since(a.since)).into(),
            a.value.map_or_else(none, number).into(),
            out.own(a.words().as_str()).into(),
            a.silences
                .first()
                .map_or_else(none, |s| s.author.to_string())
                .into(),
        ]);
    }
    if !table.is_empty() {
        return table.render();
    }
    match moment {
        Some(at) => format!("no alert fired or was pending at {}\n", at.rfc3339()),
        None => "no alert fires or is pending\n".to_owned(),
    }
}
