//! What the page asks for while it is open, and what it makes of the answers.

use std::collections::BTreeSet;
use std::time::Duration;

use super::part::Part;
use super::{ModelPage, signals};
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::key::SourceId;
use crate::domain::query::{Detail, Focus, Query};
use crate::panes::quality;
use crate::panes::{Cx, Want, runs_behind};

/// How often versions, and details that could not be read, are asked for again.
pub(super) const AGAIN: Duration = Duration::from_secs(60);
/// How many whole runs are kept for going up and down the list.
const RUNS_KEPT: usize = 64;

fn want(source: &SourceId, query: Query, every: Option<Duration>) -> Want {
    Want {
        source: source.clone(),
        query,
        every,
    }
}

impl ModelPage {
    /// What the fast ticks should ask for.
    pub(super) fn fast(&self, cx: &Cx<'_>) -> Focus {
        let run = self.page(cx).and_then(|p| p.selected()?.run.clone());
        Focus {
            models: BTreeSet::from([self.key.clone()]),
            // A finished run is read once; only a live one is worth a fast tick.
            run: run.filter(|r| self.runs.get(r).is_some_and(|r| r.status.is_live())),
            ..Focus::default()
        }
    }

    /// The details that are missing.
    pub(super) fn asks(&self, cx: &Cx<'_>) -> Vec<Want> {
        let Some(page) = self.page(cx).filter(|p| !p.gone) else {
            return Vec::new();
        };
        let source = &page.registered.source;
        let versions = Query::Versions(self.key.clone());
        let mut wants = vec![want(source, versions, Some(AGAIN))];
        let mut add = |query: Query, every| {
            if !wants.iter().any(|w: &Want| w.query == query) {
                wants.push(want(source, query, every));
            }
        };
        let selected = page.selected();
        let champion = page.champion().and_then(|c| page.version(&c.key));
        for version in selected.into_iter().chain(champion) {
            if cx.fleet.package(&version.key).is_none() {
                add(Query::Package(version.key.clone()), Some(AGAIN));
            }
        }
        if let Some(run) = selected.and_then(|v| v.run.as_ref())
            && !self.runs.contains_key(run)
            && !cx.fleet.is_run_gone(run)
        {
            add(Query::Run(run.clone()), Some(AGAIN));
        }
        // The quality of the versions in view rests on their runs.
        let page_rows = self.versions.page.clamp(8, 40);
        let shown = self.rows.iter().skip(self.versions.offset).take(page_rows);
        for run in shown.filter_map(|k| page.version(k)?.run.as_ref()) {
            if cx.fleet.runs().find(run).is_none() && !cx.fleet.is_run_gone(run) {
                add(Query::Run(run.clone()), None);
            }
        }
        for want in runs_behind(cx, [page.view]) {
            add(want.query, want.every);
        }
        if self.part == Part::Signals {
            wants.extend(signals::wants(page.view, cx));
        }
        if self.part == Part::Quality {
            wants.extend(quality::wants(page.view, cx));
        }
        wants
    }

    /// Takes an answer in.
    pub(super) fn take(&mut self, query: &Query, result: &Result<Detail, Fault>) {
        match result {
            Ok(detail) => {
                self.faults.remove(query);
                signals::take(&mut self.courses, query, detail);
                if let Detail::Run(run) = detail {
                    if self.runs.len() >= RUNS_KEPT {
                        self.runs.clear();
                    }
                    self.runs.insert(run.key.clone(), (**run).clone());
                }
            }
            // The fleet remembers what is definitely absent.
            Err(fault) if fault.kind == FaultKind::NotFound => {
                self.faults.remove(query);
            }
            Err(fault) => {
                if self.faults.len() >= RUNS_KEPT {
                    self.faults.clear();
                }
                self.faults.insert(query.clone(), fault.clone());
            }
        }
    }
}
