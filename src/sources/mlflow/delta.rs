//! The tracker's feeds: what runs, what ended or started since the last look, and what is on screen.
//!
//! Runs carry no stamp of their last change. A tick asks for what is running, for what ended and for
//! what started since the largest stamp seen, with a slack, because trainers' clocks set those stamps.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use super::map::{self, Map};
use super::memory::RunsSeen;
use super::requests::{self, RUNS_PAGE, Runs};
use super::{Mlflow, wire};
use crate::domain::action::request::LEDGER_TAG;
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::observation::{Answer, Coverage, Rows};
use crate::domain::run::Run;
use crate::domain::time::Millis;
use crate::sources::Focus;

/// How far trainers' clocks may run behind the server's.
const SLACK: Duration = Duration::from_secs(600);
/// Experiments named in one request.
const CHUNK: usize = 1_000;
/// Runs of a first look over all experiments of a chunk.
const FIRST: usize = 100;
/// The most pages of one part of a tick: more is left to whoever opens the experiment.
const TICK_PAGES: usize = 5;
/// The most runs asked for by id in one tick.
const BY_ID: usize = 100;

/// What a tick brought.
#[derive(Debug, Default)]
struct Ticked {
    rows: Vec<wire::RunRow>,
    server_time: Option<Millis>,
    /// Whether every running run is among the rows.
    all_live: bool,
}

impl Mlflow {
    /// Runs that are running, or ended or started lately, in any experiment; and the runs behind
    /// aliased versions, each once.
    pub(super) async fn recent_runs(&self) -> Result<Answer, Fault> {
        if self.memory().experiments.is_empty() {
            self.all_experiments().await?;
        }
        let (ids, since, live, lineage) = {
            let memory = self.memory();
            (
                memory.experiments.clone(),
                memory.recent.since,
                memory.recent.live.clone(),
                memory.lineage.due(BY_ID),
            )
        };
        let mut ticked = self.tick(&ids, since, &live, FIRST).await?;
        let behind = self.runs_by_id(&ids, &lineage).await?;
        ticked.rows.extend(behind);
        let runs = self.take_runs(ticked.rows);
        let mut memory = self.memory();
        memory.lineage.asked.extend(lineage);
        memory.recent = seen(since, &runs, ticked.server_time, ticked.all_live);
        Ok(Answer {
            partial: None,
            coverage: covered(since),
            rows: Rows::Runs(runs),
            server_time: ticked.server_time,
        })
    }

    /// The experiments on screen: their newest runs when they appear, then what changes; and the run
    /// on screen, whole, since edits of ended runs leave no trace elsewhere.
    pub(super) async fn open_runs(&self, focus: &Focus) -> Result<Answer, Fault> {
        let ids: Vec<String> = focus
            .experiments
            .iter()
            .filter(|e| e.tracker == self.registry)
            .map(|e| e.id.raw().to_owned())
            .collect();
        let (known, new, since, live) = {
            let mut memory = self.memory();
            let on_screen: HashSet<&str> = ids.iter().map(String::as_str).collect();
            let before = memory.opened.len();
            memory.opened.retain(|id| on_screen.contains(id.as_str()));
            if memory.opened.len() < before {
                memory.open.live.clear();
            }
            let (known, new): (Vec<String>, Vec<String>) = ids
                .iter()
                .cloned()
                .partition(|id| memory.opened.contains(id));
            (known, new, memory.open.since, memory.open.live.clone())
        };
        let mut ticked = if known.is_empty() {
            Ticked {
                all_live: true,
                ..Ticked::default()
            }
        } else {
            self.tick(&known, since, &live, RUNS_PAGE).await?
        };
        for id in &new {
            let found = requests::runs(
                &self.http,
                &Runs {
                    experiments: std::slice::from_ref(id),
                    filter: "",
                    rows: RUNS_PAGE,
                    pages: 1,
                    deleted: false,
                    token: None,
                },
            )
            .await?;
            ticked.server_time = found.server_time.or(ticked.server_time);
            ticked.rows.extend(found.rows);
        }
        if let Some(run) = focus.run.as_ref().filter(|r| r.tracker == self.registry) {
            match requests::run(&self.http, run.id.raw()).await {
                Ok((row, server_time)) => {
                    ticked.server_time = server_time.or(ticked.server_time);
                    ticked.rows.push(row);
                }
                // It was deleted for good: the page says so when it is opened.
                Err(fault) if fault.kind == FaultKind::NotFound => {}
                Err(fault) => return Err(fault),
            }
        }
        let runs = self.take_runs(ticked.rows);
        let mut memory = self.memory();
        memory.opened.extend(new);
        if !ids.is_empty() {
            let shown: Vec<&Run> = runs
                .iter()
                .filter(|r| ids.iter().any(|id| id == r.experiment.id.raw()))
                .collect();
            memory.open = seen(since, shown, ticked.server_time, ticked.all_live);
        }
        Ok(Answer {
            partial: None,
            coverage: Coverage::Partial,
            rows: Rows::Runs(runs),
            server_time: ticked.server_time,
        })
    }

    /// One look at `ids`: everything running, what ended or started since, and whatever was running
    /// before and is not any more. The first look takes the newest `first` instead.
    async fn tick(
        &self,
        ids: &[String],
        since: Option<Millis>,
        live: &BTreeSet<String>,
        first: usize,
    ) -> Result<Ticked, Fault> {
        let mut ticked = Ticked {
            all_live: true,
            ..Ticked::default()
        };
        for chunk in ids.chunks(CHUNK) {
            let running = "attributes.status = 'RUNNING'".to_owned();
            let mut parts = vec![(running, RUNS_PAGE, TICK_PAGES)];
            if let Some(since) = since {
                let from = since.minus(SLACK).0;
                parts.push((
                    format!("attributes.end_time > {from}"),
                    RUNS_PAGE,
                    TICK_PAGES,
                ));
                parts.push((
                    format!("attributes.start_time > {from}"),
                    RUNS_PAGE,
                    TICK_PAGES,
                ));
            } else {
                parts.push((String::new(), first, 1));
            }
            for (at, (filter, rows, pages)) in parts.into_iter().enumerate() {
                let found = requests::runs(
                    &self.http,
                    &Runs {
                        experiments: chunk,
                        filter: &filter,
                        rows,
                        pages,
                        deleted: false,
                        token: None,
                    },
                )
                .await?;
                self.readable(&found.rows, "runs", "info.run_id", |r| map::run_id(&r.info))?;
                ticked.all_live &= at > 0 || found.next.is_none();
                ticked.server_time = found.server_time.or(ticked.server_time);
                ticked.rows.extend(found.rows);
            }
        }
        if ticked.all_live {
            let here: HashSet<&str> = ticked.rows.iter().map(|r| map::run_id(&r.info)).collect();
            // A trainer with a slow clock ends its run before the window that we ask for.
            let lost: Vec<String> = live
                .iter()
                .filter(|id| !here.contains(id.as_str()))
                .take(BY_ID)
                .cloned()
                .collect();
            ticked.rows.extend(self.runs_by_id(ids, &lost).await?);
        }
        Ok(ticked)
    }

    /// Runs by id, deleted ones too. Runs in deleted experiments are not found.
    async fn runs_by_id(
        &self,
        experiments: &[String],
        ids: &[String],
    ) -> Result<Vec<wire::RunRow>, Fault> {
        let listed: Vec<String> = ids.iter().filter_map(|id| requests::literal(id)).collect();
        let mut rows = Vec::new();
        if listed.is_empty() {
            return Ok(rows);
        }
        let filter = format!("attributes.run_id IN ({})", listed.join(", "));
        for chunk in experiments.chunks(CHUNK) {
            let found = requests::runs(
                &self.http,
                &Runs {
                    experiments: chunk,
                    filter: &filter,
                    rows: RUNS_PAGE,
                    pages: TICK_PAGES,
                    deleted: true,
                    token: None,
                },
            )
            .await?;
            rows.extend(found.rows);
            if rows.len() >= listed.len() {
                break;
            }
        }
        Ok(rows)
    }

    /// Maps run rows, each run once: the last row read counts.
    pub(super) fn take_runs(&self, rows: Vec<wire::RunRow>) -> Vec<Run> {
        let mut map = Map::new(&self.registry);
        map::unique(
            rows.into_iter()
                .filter(|row| !holds_claims(row))
                .filter_map(|row| map.run(row))
                .collect(),
            |r: &Run| r.key.clone(),
        )
    }
}

/// Whether a run holds what consoles claim, in whatever experiment: that is no training.
fn holds_claims(row: &wire::RunRow) -> bool {
    row.data.tags.iter().any(|tag| tag.key == LEDGER_TAG)
}

fn covered(since: Option<Millis>) -> Coverage {
    since.map_or(Coverage::Partial, |t| Coverage::Tail(t.minus(SLACK)))
}

/// What the next tick starts from. Stamps come from trainers: one whose clock runs ahead must not
/// hide what others do, so no stamp counts beyond the server's own clock.
fn seen<'a>(
    before: Option<Millis>,
    runs: impl IntoIterator<Item = &'a Run>,
    server_time: Option<Millis>,
    all_live: bool,
) -> RunsSeen {
    let mut since = before;
    let mut live = BTreeSet::new();
    for run in runs {
        since = since.max(Some(run.started)).max(run.ended);
        if all_live && run.status.is_live() && !run.deleted {
            live.insert(run.key.id.raw().to_owned());
        }
    }
    if let (Some(stamp), Some(clock)) = (since, server_time) {
        since = Some(stamp.min(clock));
    }
    RunsSeen { since, live }
}
