//! Deep links to dashboards: which of those found belong to a model, in which order, and their
//! addresses. Pure.

use std::collections::HashSet;

use super::wire::DashboardRow;
use crate::domain::annotation::Link;
use crate::domain::key::Key;
use crate::domain::text::{Clean, percent_encoded};
use crate::sources::labels::web_address;

/// The most links that one model gets.
const MOST: usize = 50;

/// Links in the order in which dashboards were found, each once: those that name the model in a tag
/// or in their title before those that only bear the settings' tags.
pub(super) fn links(rows: &[DashboardRow], base: &str, label: &str, model: &Key) -> Vec<Link> {
    let name = model.raw().to_lowercase();
    let tagged = format!("{}:{name}", label.to_lowercase());
    let names_it = |row: &DashboardRow| {
        let bears = |tag: &String| {
            let tag = tag.to_lowercase();
            tag == name || tag == tagged
        };
        row.tags.iter().any(bears) || row.title.to_lowercase().contains(&name)
    };
    let mut seen = HashSet::new();
    let mut rows: Vec<&DashboardRow> = rows
        .iter()
        .filter(|row| row.kind.is_empty() || row.kind == "dash-db")
        .filter(|row| seen.insert((row.uid.as_str(), row.url.as_str())))
        .collect();
    rows.sort_by_key(|row| !names_it(row));
    rows.into_iter()
        .filter_map(|row| {
            Some(Link {
                title: Clean::name(&row.title),
                place: Clean::name(&row.folder),
                url: address(row, base, label, model)?,
            })
        })
        .take(MOST)
        .collect()
}

/// The dashboard's page with the last six hours and the model as a variable. The path that the server
/// gives begins with its own sub-path, which the base has too.
fn address(row: &DashboardRow, base: &str, label: &str, model: &Key) -> Option<Clean> {
    let origin_end = base
        .find("://")
        .and_then(|at| base[at + 3..].find('/').map(|n| at + 3 + n))
        .unwrap_or(base.len());
    let (origin, prefix) = base.split_at(origin_end);
    let path = if row.url.starts_with('/') && !row.url.starts_with("//") {
        row.url.clone()
    } else if !row.uid.is_empty() {
        format!("/d/{}", percent_encoded(&row.uid))
    } else {
        return None;
    };
    let within = !prefix.is_empty() && path.starts_with(&format!("{prefix}/"));
    let root = if within { origin } else { base };
    let (label, model) = (percent_encoded(label), percent_encoded(model.raw()));
    web_address(&format!(
        "{root}{path}?from=now-6h&to=now&var-{label}={model}"
    ))
}
