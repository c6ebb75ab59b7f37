//! `wiring`: how deployments and pipelines are joined to models, by which rule, and what is not joined.

use std::fmt::Write as _;

use super::documents;
use super::exit::{Exit, Failure};
use super::output::{Out, Table};
use super::session::Session;
use crate::domain::fleet::Fleet;
use crate::runtime::headless::Options;

/// Runs `wiring`.
///
/// # Errors
/// When no needed source answered.
pub async fn run(session: &Session) -> Result<Exit, Failure> {
    let options = Options {
        runs: 0,
        ..Options::default()
    };
    let collected = session.look_with(&options).await?;
    let out = session.out();
    if out.json {
        out.document(&documents::wiring(&collected.fleet, collected.now))?;
    } else {
        out.print(&text(out, &collected.fleet))?;
    }
    Ok(Exit::Done)
}

fn text(out: &Out, fleet: &Fleet) -> String {
    let mut joined = Table::new(&[
        "DEPLOYMENT",
        "MODEL",
        "BY",
        "FOLLOWS",
        "BY",
        "ENVIRONMENT",
        "BECAUSE",
    ]);
    let mut loose = Table::new(&["DEPLOYMENT", "URL", "WHY IT IS NOT JOINED"]);
    for join in fleet.joins() {
        let model = join.model.as_ref().and_then(|key| fleet.model(key));
        let Some(model) = model else {
            loose.row(vec![
                (&join.name).into(),
                join.deployment.base.clean().into(),
                (&join.because).into(),
            ]);
            continue;
        };
        let environment = if join.environment.is_empty() {
            out.none().to_owned()
        } else {
            join.environment.to_string()
        };
        joined.row(vec![
            (&join.name).into(),
            (&model.name).into(),
            join.model_rule.word().into(),
            out.own(join.follows.text().as_str()).into(),
            join.follows_rule.word().into(),
            environment.into(),
            (&join.because).into(),
        ]);
    }
    let mut lines = String::new();
    if !joined.is_empty() {
        lines.push_str(&joined.render());
    }
    if !loose.is_empty() {
        if !lines.is_empty() {
            lines.push('\n');
        }
        lines.push_str(&loose.render());
    }
    let mut trained = Table::new(&["MODEL", "TRAINED BY", "SOURCE", "BY", "STATE"]);
    for model in fleet.models() {
        let Some(training) = fleet.training(&model.key) else {
            continue;
        };
        let held = training.pipeline.as_ref();
        let held = held.and_then(|key| fleet.pipeline(key));
        let state = match held {
            None => "not there",
            Some(held) if held.fact.broken => "cannot be loaded",
            Some(held) if held.fact.paused => "paused",
            Some(_) => "active",
        };
        trained.row(vec![
            (&model.name).into(),
            (&training.name).into(),
            training.source.clean().into(),
            training.rule.word().into(),
            state.into(),
        ]);
    }
    if !trained.is_empty() {
        if !lines.is_empty() {
            lines.push('\n');
        }
        lines.push_str(&trained.render());
    }
    let unserved: Vec<&str> = fleet
        .models()
        .filter(|m| m.deployments.is_empty())
        .map(|m| m.name.as_str())
        .collect();
    if !unserved.is_empty() {
        if !lines.is_empty() {
            lines.push('\n');
        }
        let _ = writeln!(
            lines,
            "models without a deployment: {}",
            unserved.join(", ")
        );
    }
    if lines.is_empty() {
        lines.push_str(
            "there is nothing to join: no deployments are configured and the registry is empty\n",
        );
    }
    lines
}
