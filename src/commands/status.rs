//! `status`: every model with its level, what answers, its champion, and why.

use super::documents;
use super::exit::{Exit, Failure};
use super::output::{Out, Table};
use super::session::Session;
use crate::cli::StatusArgs;
use crate::domain::fleet::Fleet;
use crate::domain::fleet::triage::{self, Counts};
use crate::domain::fleet::view::ModelView;
use crate::domain::level::Level;
use crate::domain::rules::freshness::Freshness;
use crate::domain::time::Millis;

/// Runs `status`.
///
/// # Errors
/// When no needed source answered.
pub async fn run(session: &Session, args: &StatusArgs) -> Result<Exit, Failure> {
    let collected = session.look().await?;
    let out = session.out();
    if out.json {
        out.document(&documents::status(&collected.fleet, collected.now))?;
    } else {
        out.print(&text(out, &collected.fleet, collected.now))?;
    }
    if !collected.complete {
        out.remark("not every source answered in time; --timeout allows more");
    }
    Ok(if args.check {
        Exit::Checked(triage::worst(&collected.fleet))
    } else {
        Exit::Done
    })
}

fn text(out: &Out, fleet: &Fleet, now: Millis) -> String {
    let mut models: Vec<&ModelView> = fleet.models().collect();
    models.sort_by(|a, b| {
        let trouble = b.level().cmp(&a.level());
        trouble.then_with(|| a.name.cmp(&b.name))
    });
    let mut table = Table::new(&["LEVEL", "MODEL", "SERVED", "CHAMPION", "SINCE", "WHY"]);
    for model in models {
        table.row(vec![
            out.level(model.level()),
            (&model.name).into(),
            out.own(model.served.as_str()).into(),
            champion(out, model).into(),
            if model.level() > Level::Info {
                out.since(model.since(), now).into()
            } else {
                out.none().into()
            },
            why(out, model).into(),
        ]);
    }
    for orphan in fleet.deployments().filter(|d| d.model.is_none()) {
        table.row(vec![
            out.level(orphan.verdict.level),
            format!("({})", orphan.name).into(),
            out.own(orphan.answering_text().as_str()).into(),
            out.none().into(),
            out.since(orphan.health_since, now).into(),
            format!("no model: {}", orphan.because).into(),
        ]);
    }
    let mut lines = headline(fleet, now);
    lines.push('\n');
    if table.is_empty() {
        lines.push_str("\nthe registry holds no models\n");
    } else {
        lines.push('\n');
        lines.push_str(&table.render());
    }
    let troubled = troubled_sources(out, fleet, now);
    if !troubled.is_empty() {
        lines.push('\n');
        lines.push_str(&troubled);
    }
    lines
}

/// `prod   2 crit, 1 unknown, 9 ok   2026-11-23T14:02:07Z`
pub(super) fn headline(fleet: &Fleet, now: Millis) -> String {
    let counts: Counts = triage::counts(fleet);
    let each = [
        (counts.crit, Level::Crit),
        (counts.unknown, Level::Unknown),
        (counts.warn, Level::Warn),
        (counts.info, Level::Info),
        (counts.ok, Level::Ok),
    ];
    let counted: Vec<String> = each
        .iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, level)| format!("{n} {level}"))
        .collect();
    let counted = if counted.is_empty() {
        "no models".to_owned()
    } else {
        counted.join(", ")
    };
    let simulated = if fleet.settings().simulated {
        " SIMULATED"
    } else {
        ""
    };
    format!(
        "{}{simulated}   {counted}   {}",
        fleet.context().name,
        now.rfc3339()
    )
}

/// The champion, marked where an endpoint should answer it and does not.
pub(super) fn champion(out: &Out, model: &ModelView) -> String {
    let Some(champion) = &model.champion else {
        return out.none().to_owned();
    };
    if model.differs() {
        format!("{} {}", champion.text, out.own("≠"))
    } else {
        champion.text.to_string()
    }
}

/// Who froze or acknowledged it, then every finding.
fn why(out: &Out, model: &ModelView) -> String {
    let found = model.verdict.reasons.iter();
    let found = found
        .filter(|r| r.level > Level::Ok)
        .map(|r| r.text.clone());
    let all = model.marks().map(|(_, words)| words).chain(found);
    let all: Vec<String> = all.map(|words| words.to_string()).collect();
    all.join(&out.own(" · "))
}

/// The sources that are not live, with what to do.
fn troubled_sources(out: &Out, fleet: &Fleet, now: Millis) -> String {
    let mut table = Table::new(&["SOURCE", "STATE", "LAST READ", "WHY"]);
    for (id, health, fresh) in fleet.sources() {
        if fresh == Freshness::Live {
            continue;
        }
        let why = health.fault().map_or_else(
            || "it has not answered yet".to_owned(),
            |f| format!("{}; {}", f.line(), f.kind.advice()),
        );
        table.row(vec![
            id.clean().into(),
            super::sources::state(out, fresh),
            out.age(health.good_at(), now).into(),
            why.into(),
        ]);
    }
    if table.is_empty() {
        String::new()
    } else {
        table.render()
    }
}
