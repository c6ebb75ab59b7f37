//! `models`: the registered models, or one of them in full.

use std::fmt::Write as _;

use super::documents;
use super::exit::{Exit, Failure};
use super::names;
use super::output::{Out, Table, pairs};
use super::session::Session;
use super::status::champion;
use crate::cli::ModelsArgs;
use crate::domain::fault::FaultKind;
use crate::domain::fleet::Fleet;
use crate::domain::fleet::view::ModelView;
use crate::domain::key::VersionKey;
use crate::domain::query::{Detail, Query};
use crate::domain::text::Clean;
use crate::domain::time::{Millis, age};
use crate::runtime::headless::Collected;
use crate::ui::text::number;

/// Runs `models`.
///
/// # Errors
/// When no needed source answered, or there is no model of that name.
pub async fn run(session: &Session, args: &ModelsArgs) -> Result<Exit, Failure> {
    let mut collected = session.look().await?;
    let out = session.out();
    let Some(name) = &args.name else {
        if out.json {
            out.document(&documents::models(&collected.fleet, collected.now))?;
        } else {
            out.print(&list(out, &collected.fleet, collected.now))?;
        }
        return Ok(Exit::Done);
    };
    let key = names::model(&collected.fleet, name)?.key.clone();
    read_package(session, &mut collected, &key).await;
    let now = collected.now;
    let model = names::model(&collected.fleet, name)?;
    if out.json {
        out.document(&documents::model_page(&collected.fleet, model, now))?;
    } else {
        out.print(&page(out, &collected.fleet, model, now))?;
    }
    Ok(Exit::Done)
}

/// Reads the champion's package: signature, environment, and what it says of its origin.
async fn read_package(
    session: &Session,
    collected: &mut Collected,
    model: &crate::domain::key::ModelKey,
) {
    let Some(champion) = collected
        .fleet
        .model(model)
        .and_then(|m| m.champion.as_ref())
    else {
        return;
    };
    let version = VersionKey {
        model: model.clone(),
        version: champion.key.clone(),
    };
    let Some(source) = collected.fleet.registered(model).map(|h| h.source.clone()) else {
        return;
    };
    let query = Query::Package(version.clone());
    let now = collected.now;
    match collected.fetch(&source, query, session.deadline).await {
        Ok((_, Detail::Package(package))) => {
            collected.fleet.set_package(version, Some(*package), now);
        }
        Ok(_) => {}
        // Only a definite absence says anything of the version.
        Err(fault) if matches!(fault.kind, FaultKind::NotFound | FaultKind::Decode { .. }) => {
            collected.fleet.set_package(version, None, now);
        }
        Err(fault) => session.out().remark(&format!(
            "the package of {} could not be read: {fault}",
            version.version.clean()
        )),
    }
}

fn list(out: &Out, fleet: &Fleet, now: Millis) -> String {
    let mut models: Vec<&ModelView> = fleet.models().collect();
    models.sort_by(|a, b| a.name.cmp(&b.name));
    let mut table = Table::new(&[
        "LEVEL",
        "MODEL",
        "CHAMPION",
        "CHALLENGER",
        "SERVED",
        "SKEW",
        "METRIC",
        ">VALUE",
        ">VERSIONS",
        ">NEWEST",
        "OWNER",
    ]);
    for model in models {
        let quality = model.quality.as_ref();
        let newest = model.newest.as_ref();
        table.row(vec![
            out.level(model.level()),
            (&model.name).into(),
            champion(out, model).into(),
            model
                .challenger
                .as_ref()
                .map_or(out.none(), |c| c.text.as_str())
                .into(),
            out.own(model.served.as_str()).into(),
            model
                .skew
                .map_or_else(|| out.none().to_owned(), |s| out.own(s.word()))
                .into(),
            quality.map_or(out.none(), |q| q.metric.as_str()).into(),
            quality
                .and_then(|q| q.champion)
                .map_or_else(|| out.none().to_owned(), number)
                .into(),
            model.versions.to_string().into(),
            newest
                .and_then(|n| n.created)
                .map_or_else(|| out.none().to_owned(), |at| age(now.since(at)))
                .into(),
            model
                .owner
                .as_ref()
                .map_or(out.none(), Clean::as_str)
                .into(),
        ]);
    }
    if table.is_empty() {
        return "the registry holds no models\n".to_owned();
    }
    table.render()
}

fn page(out: &Out, fleet: &Fleet, model: &ModelView, now: Millis) -> String {
    let or_none =
        |text: Option<&Clean>| text.map_or_else(|| out.none().to_owned(), Clean::to_string);
    let pointed = |p: Option<&crate::domain::fleet::view::Pointed>| {
        p.map_or_else(
            || out.none().to_owned(),
            |p| {
                let missing = if p.exists {
                    ""
                } else {
                    " (the registry does not hold it)"
                };
                format!("{}{missing}   since {}", p.text, out.since(p.since, now))
            },
        )
    };
    let mut text = format!("{}   {}\n", model.name, out.level(model.level()).painted());
    for reason in &model.verdict.reasons {
        let _ = writeln!(
            text,
            "  {}  {}   {}",
            out.level(reason.level).painted(),
            reason.text,
            out.since(reason.since, now)
        );
    }
    text.push('\n');
    let quality = model.quality.as_ref().map_or_else(
        || out.none().to_owned(),
        |q| {
            let value = |v: Option<f64>| v.map_or_else(|| out.none().to_owned(), number);
            format!(
                "{}   champion {}   challenger {}",
                q.metric,
                value(q.champion),
                value(q.challenger)
            )
        },
    );
    text.push_str(&pairs(&[
        ("owner", or_none(model.owner.as_ref())),
        ("runbook", or_none(model.runbook.as_ref())),
        ("champion", pointed(model.champion.as_ref())),
        ("challenger", pointed(model.challenger.as_ref())),
        ("served", out.own(model.served.as_str())),
        ("quality", quality),
        ("read", format!("{} ago", out.age(model.read_at, now))),
    ]));
    text.push_str(&versions(out, fleet, model, now));
    text.push_str(&origins(fleet, model));
    text.push_str(&timeline(fleet, model));
    text
}

fn versions(out: &Out, fleet: &Fleet, model: &ModelView, now: Millis) -> String {
    let aliases = fleet.registered(&model.key).map(|h| &h.fact.aliases);
    let mut table = Table::new(&[
        "VERSION", "ALIASES", "STAGE", "STATUS", ">AGE", "RUN", "SOURCE",
    ]);
    for held in fleet.versions(&model.key) {
        let v = &held.fact;
        let named: Vec<&str> = aliases
            .into_iter()
            .flat_map(|all| all.iter())
            .filter(|a| a.version == v.key.version)
            .map(|a| a.name.shown.as_str())
            .collect();
        let status = match &v.status {
            crate::domain::model::VersionStatus::Ready => "ready",
            crate::domain::model::VersionStatus::Pending => "pending",
            crate::domain::model::VersionStatus::Failed => "failed",
            crate::domain::model::VersionStatus::Other(word) => word.as_str(),
        };
        table.row(vec![
            crate::domain::wiring::version_text(&v.key.version).into(),
            named.join(", ").into(),
            v.stage.as_ref().map_or(out.none(), Clean::as_str).into(),
            status.into(),
            age(now.since(v.created)).into(),
            v.run
                .as_ref()
                .map_or_else(|| out.none().into(), |r| r.id.clean().into()),
            (&v.source).into(),
        ]);
    }
    if table.is_empty() {
        String::new()
    } else {
        format!("\n{}", table.render())
    }
}

fn origins(fleet: &Fleet, model: &ModelView) -> String {
    let champion = model.champion.as_ref().map(|c| VersionKey {
        model: model.key.clone(),
        version: c.key.clone(),
    });
    let Some(claims) = champion.and_then(|c| fleet.reproducibility(&c)) else {
        return String::new();
    };
    let mut table = Table::new(&["CHAMPION'S", "IS", "EVIDENCE"]);
    for claim in claims {
        let truth = serde_json::to_value(claim.truth).ok();
        let truth = truth
            .as_ref()
            .and_then(|t| t.as_str())
            .unwrap_or_default()
            .to_owned();
        table.row(vec![claim.what.into(), truth.into(), claim.text.into()]);
    }
    format!("\n{}", table.render())
}

fn timeline(fleet: &Fleet, model: &ModelView) -> String {
    let changes = fleet.model_timeline(&model.key);
    if changes.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&["WHEN (UTC)", "CHANGE", "BY", "EVIDENCE"]);
    for change in changes.into_iter().rev().take(20) {
        table.row(super::history::row(change));
    }
    format!("\n{}", table.render())
}
