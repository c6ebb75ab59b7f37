//! Checks of a Grafana: annotations, dashboards, alerts of its own rules, and its datasource as a way to
//! Prometheus.

use std::collections::{BTreeMap, BTreeSet};

use quarterdeck::domain::alert::AlertState;
use quarterdeck::domain::annotation::Annotation;
use quarterdeck::domain::key::Key;
use quarterdeck::domain::observation::{Coverage, Feed, Rows, Scope};
use quarterdeck::domain::query::{Detail, Query};
use quarterdeck::domain::settings::{SourceKind, SourceSettings};
use quarterdeck::sources::Focus;
use serde_json::Value;

use crate::monitors::Monitor;
use crate::raw::{list, text};
use crate::verdict::{Check, Stop, Verdict};
use crate::{checks, ensure};

/// Name and version are those that the server gives.
pub(crate) async fn grafana_says_what_it_is(m: &Monitor) -> Verdict {
    let health = m.get("/api/health", &[]).await?;
    let want = format!("Grafana {}", text(&health["version"]));
    let abilities = m.door().probe().await?;
    ensure!(
        abilities.server.as_str() == want,
        "it says {:?}, not {want:?}",
        abilities.server
    );
    Ok(())
}

async fn annotations(m: &Monitor) -> Result<Vec<Annotation>, Stop> {
    let answer = m.door().poll(Feed::Annotations, &Focus::default()).await?;
    match (answer.coverage, answer.rows) {
        (Coverage::Tail(_), Rows::Annotations(rows)) => Ok(rows),
        other => Err(Stop::Broken(format!("{other:?}"))),
    }
}

/// The annotations are those that the server lists, each with its time, words, tags and author.
pub(crate) async fn annotations_are_those_listed(m: &Monitor) -> Verdict {
    let seen = annotations(m).await?;
    let listed = m.get("/api/annotations", &[("limit", "1000")]).await?;
    let listed: BTreeMap<String, &Value> = list(&listed)
        .iter()
        .map(|row| (row["id"].to_string(), row))
        .collect();
    ensure!(
        !seen.is_empty(),
        "nothing is marked: the check would be empty"
    );
    for mark in &seen {
        let id = mark.key.id.raw();
        let Some(row) = listed.get(id) else {
            return Err(Stop::Broken(format!("{id} is not listed")));
        };
        let tags: Vec<&str> = list(&row["tags"]).iter().map(text).collect();
        let same = mark.at.0 == row["time"].as_i64().unwrap_or_default()
            && mark.text == text(&row["text"])
            && mark.tags.iter().map(AsRef::as_ref).eq(tags)
            && mark
                .author
                .as_ref()
                .is_some_and(|a| *a == text(&row["login"]));
        ensure!(same, "{mark:?}: the server says {row}");
    }
    // What is older than the history is left out; nothing else is.
    let oldest = seen.iter().map(|a| a.at.0).min().unwrap_or_default();
    let told = listed.values();
    let told = told.filter(|row| row["time"].as_i64() >= Some(oldest));
    ensure!(told.count() == seen.len(), "{} are seen", seen.len());
    Ok(())
}

/// The annotations of a model are those that the server finds by its tag.
pub(crate) async fn annotations_of_a_model_are_those_of_its_tag(m: &Monitor) -> Verdict {
    let seen = annotations(m).await?;
    let models: BTreeSet<&Key> = seen.iter().filter_map(|a| a.model.as_ref()).collect();
    ensure!(models.len() > 1, "the marks name {models:?} alone");
    let oldest = seen.iter().map(|a| a.at.0).min().unwrap_or_default();
    for model in models {
        let tag = format!("model:{}", model.raw());
        let from = oldest.to_string();
        let to = (oldest + 366 * 86_400_000).to_string();
        let query = [
            ("tags", tag.as_str()),
            ("from", &from),
            ("to", &to),
            ("limit", "1000"),
        ];
        let rows = m.get("/api/annotations", &query).await?;
        let told: BTreeSet<String> = list(&rows).iter().map(|r| r["id"].to_string()).collect();
        let of = seen.iter().filter(|a| a.model.as_ref() == Some(model));
        let ours: BTreeSet<String> = of.map(|a| a.key.id.raw().to_owned()).collect();
        ensure!(ours == told, "{model:?}: seen {ours:?}, told {told:?}");
    }
    Ok(())
}

/// The links of a model lead to the dashboards that bear its tag.
pub(crate) async fn links_lead_to_the_dashboards_of_the_model(m: &Monitor) -> Verdict {
    let seen = annotations(m).await?;
    let model = seen.iter().find_map(|a| a.model.clone());
    let Some(model) = model else {
        return Err(Stop::Broken("no annotation names a model".to_owned()));
    };
    let tag = format!("model:{}", model.raw());
    let query = [("tag", tag.as_str()), ("type", "dash-db")];
    let boards = m.get("/api/search", &query).await?;
    ensure!(!list(&boards).is_empty(), "no dashboard bears {tag}");
    let query = Query::Links {
        model: model.clone(),
    };
    let Detail::Links(links) = m.door().fetch(query).await? else {
        return Err(Stop::Broken("no links".to_owned()));
    };
    for board in list(&boards) {
        let (title, url) = (text(&board["title"]), text(&board["url"]));
        let found = links.iter().find(|l| l.url.as_str().contains(url));
        ensure!(
            found
                .is_some_and(|l| l.title.as_str().contains(title)
                    && l.url.as_str().starts_with(&m.settings.url)),
            "{board}: {links:?}"
        );
    }
    Ok(())
}

/// The alerts are those of the rules; a server without rules of its own has none, which is no fault.
pub(crate) async fn alerts_are_those_of_its_own_rules(m: &Monitor) -> Verdict {
    let answer = m.door().poll(Feed::Alerts, &Focus::default()).await?;
    let Rows::Alerts(alerts) = answer.rows else {
        return Err(Stop::Broken("no alerts".to_owned()));
    };
    let path = "/api/prometheus/grafana/api/v1/rules";
    let said = m.raw.ask(path, &[]).await?;
    if said.status == 404 {
        ensure!(
            alerts.is_empty() && answer.coverage == Coverage::Partial,
            "{:?} {alerts:?}",
            answer.coverage
        );
        return Ok(());
    }
    ensure!(
        answer.coverage == Coverage::Full(Scope::Alerts),
        "{:?}",
        answer.coverage
    );
    let body = said.json();
    let mut told = Vec::new();
    for group in list(&body["data"]["groups"]) {
        for rule in list(&group["rules"]) {
            for alert in list(&rule["alerts"]) {
                let state = text(&alert["state"]).to_lowercase();
                if state.starts_with("normal") || state.starts_with("inactive") {
                    continue;
                }
                let pending = state.starts_with("pending");
                told.push((text(&rule["name"]).to_owned(), pending));
            }
        }
    }
    let mut seen: Vec<_> = alerts
        .iter()
        .map(|a| (a.name.to_string(), a.state == AlertState::Pending))
        .collect();
    told.sort();
    seen.sort();
    ensure!(seen == told, "seen {seen:?}, told {told:?}");
    Ok(())
}

/// The way to Prometheus through the data source.
fn through(m: &Monitor) -> Monitor {
    let url = format!("{}/api/datasources/proxy/uid/prom", m.settings.url);
    let kind = SourceKind::Prometheus;
    let mut settings = SourceSettings::new("through", kind, &url);
    settings.auth = m.settings.auth.clone();
    Monitor::new(settings)
}

/// A Prometheus behind the data source says what it is, and that it is behind.
pub(crate) async fn its_data_source_says_what_is_behind(m: &Monitor) -> Verdict {
    let behind = through(m);
    let info = behind.get("/api/v1/status/buildinfo", &[]).await?;
    let version = text(&info["data"]["version"]);
    let want = format!("Prometheus {version} through Grafana");
    let abilities = behind.door().probe().await?;
    ensure!(
        abilities.server.as_str() == want,
        "it says {:?}, not {want:?}",
        abilities.server
    );
    Ok(())
}

/// Readings through the data source are those of the server behind.
pub(crate) async fn its_data_source_gives_the_readings(m: &Monitor) -> Verdict {
    crate::monitors::readings_are_those_of_the_server(&through(m)).await
}

/// Alerts through the data source are those of the server behind.
pub(crate) async fn its_data_source_gives_the_alerts(m: &Monitor) -> Verdict {
    crate::monitors::alerts_of_rules_are_those_listed(&through(m)).await
}

/// Every check of a Grafana.
pub(crate) fn grafana_checks() -> Vec<Check<Monitor>> {
    let mut all = own_checks();
    all.extend(through_checks());
    all
}

/// The checks of what a Grafana holds itself.
pub(crate) fn own_checks() -> Vec<Check<Monitor>> {
    checks![
        dashboards::grafana_says_what_it_is,
        monitors::wrong_prefix_is_no_route,
        dashboards::annotations_are_those_listed,
        acts::annotations_are_made_and_found,
        dashboards::annotations_of_a_model_are_those_of_its_tag,
        dashboards::links_lead_to_the_dashboards_of_the_model,
        dashboards::alerts_are_those_of_its_own_rules,
    ]
}

/// The checks of what it passes on.
pub(crate) fn through_checks() -> Vec<Check<Monitor>> {
    checks![
        dashboards::its_data_source_says_what_is_behind,
        dashboards::its_data_source_gives_the_readings,
        dashboards::its_data_source_gives_the_alerts,
    ]
}
