//! `deployments`: serving endpoints, what each should answer and what it answers.

use super::documents;
use super::exit::{Exit, Failure};
use super::output::{Out, Table};
use super::session::Session;
use crate::domain::fleet::Fleet;
use crate::domain::fleet::view::DeploymentView;
use crate::domain::time::{Millis, span};

/// Runs `deployments`.
///
/// # Errors
/// When no needed source answered.
pub async fn run(session: &Session) -> Result<Exit, Failure> {
    let collected = session.look().await?;
    let out = session.out();
    if out.json {
        out.document(&documents::deployments(&collected.fleet, collected.now))?;
    } else {
        out.print(&text(out, &collected.fleet, collected.now))?;
    }
    Ok(Exit::Done)
}

fn text(out: &Out, fleet: &Fleet, now: Millis) -> String {
    let mut all: Vec<&DeploymentView> = fleet.deployments().collect();
    all.sort_by(|a, b| {
        let trouble = b.verdict.level.cmp(&a.verdict.level);
        trouble.then_with(|| a.name.cmp(&b.name))
    });
    let mut table = Table::new(&[
        "LEVEL",
        "DEPLOYMENT",
        "MODEL",
        "FOLLOWS",
        "EXPECTED",
        "ANSWERS",
        "KNOWN",
        "SKEW",
        "HEALTH",
        ">PROBE",
        "SINCE",
        "WHY",
    ]);
    for d in all {
        table.row(vec![
            out.level(d.verdict.level),
            (&d.name).into(),
            out.own(d.model_name.as_str()).into(),
            out.own(d.follows.text().as_str()).into(),
            d.expected
                .as_ref()
                .map_or(out.none(), |e| e.text.as_str())
                .into(),
            d.answering_text().into(),
            d.known_text(now).into(),
            out.own(d.skew.word()).into(),
            d.health.word().into(),
            d.latency.map_or_else(|| out.none().to_owned(), span).into(),
            out.since(d.since, now).into(),
            d.verdict
                .reasons
                .first()
                .map(|r| r.text.to_string())
                .unwrap_or_default()
                .into(),
        ]);
    }
    if table.is_empty() {
        return "no deployments are configured: add [[contexts.NAME.deployments]], or --serving NAME=KIND+URL\n"
            .to_owned();
    }
    table.render()
}
