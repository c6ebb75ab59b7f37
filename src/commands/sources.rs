//! `sources`: the configured systems and how each stands.

use serde_json::json;

use super::documents;
use super::exit::{Exit, Failure};
use super::output::{Cell, Out, Table};
use super::session::{Session, answered};
use crate::domain::fleet::Fleet;
use crate::domain::rules::freshness::Freshness;
use crate::domain::text::without_credentials;
use crate::domain::time::{Millis, span};
use crate::runtime::headless::{Collected, Options};

/// Runs `sources`.
///
/// # Errors
/// When standard output cannot be written.
pub async fn run(session: &Session) -> Result<Exit, Failure> {
    let options = Options {
        runs: 0,
        ..Options::default()
    };
    let Collected { fleet, now, .. } = session.look_at(&options).await;
    let out = session.out();
    if out.json {
        out.document(&documents::document(
            "sources",
            json!({
                "context": fleet.context().name,
                "generated_at": now.rfc3339(),
                "sources": documents::sources(&fleet, now),
            }),
        ))?;
    } else {
        out.print(&text(out, &fleet, now))?;
    }
    // The table says why; the exit code says that nothing can be said of any model.
    Ok(if answered(&fleet) {
        Exit::Done
    } else {
        Exit::NoAnswer
    })
}

fn text(out: &Out, fleet: &Fleet, now: Millis) -> String {
    let mut table = Table::new(&["SOURCE", "KIND", "STATE", ">AGE", ">TOOK", "URL", "FAULT"]);
    for (id, health, fresh) in fleet.sources() {
        let set = fleet
            .settings()
            .sources
            .iter()
            .find(|s| s.name == id.as_str());
        let took = health.feeds.values().map(|f| f.took).sum();
        table.row(vec![
            id.clean().into(),
            set.map(|s| s.kind.to_string()).unwrap_or_default().into(),
            state(out, fresh),
            out.age(health.good_at(), now).into(),
            if health.feeds.is_empty() {
                out.none().into()
            } else {
                span(took).into()
            },
            set.map(|s| without_credentials(&s.url))
                .unwrap_or_default()
                .into(),
            health
                .fault()
                .map(|f| format!("{}; {}", f.line(), f.kind.advice()))
                .or_else(|| health.partial().map(|p| format!("read in part: {p}")))
                .unwrap_or_default()
                .into(),
        ]);
    }
    if table.is_empty() {
        return "no sources are configured\n".to_owned();
    }
    table.render()
}

/// A source's state, coloured where that is allowed.
pub(super) fn state(out: &Out, fresh: Freshness) -> Cell {
    let sgr = match fresh {
        Freshness::Live => "",
        Freshness::Stale => "33",
        Freshness::Down => "1;31",
        Freshness::Waiting => "35",
    };
    out.cell(fresh.word(), sgr)
}
