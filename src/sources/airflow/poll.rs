//! What is polled: all definitions, the runs that moved since the last look, and the parts' health.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::json;

use super::wire::{Dags, Health, Instances, Runs};
use super::{Airflow, PAGE, map};
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::observation::{Answer, Coverage, Rows, Scope};
use crate::domain::pipeline::{Pipeline, PipelineRun, PipelineRunKey};
use crate::domain::text::Clean;
use crate::domain::time::Millis;
use crate::sources::http::Call;
use crate::sources::routes::{AirflowApi, ReadRoute};

/// The most definitions that one poll reads.
const MOST_PIPELINES: usize = 5_000;
/// The most pages of runs that one poll reads: what moved beyond them is told as left out.
const MOST_PAGES: usize = 10;
/// How far each look reaches back behind the last one: stamps are set before they are committed, and a
/// server of several processes has several clocks.
const OVERLAP: Duration = Duration::from_secs(60);
/// Runs are deleted without a trace in what moved: so often all of the last time are asked for, so long a
/// time at first, and half as long whenever it held more than one poll reads, down to the least.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
const SWEEP_BACK: Duration = Duration::from_secs(24 * 3_600);
const SWEEP_LEAST: Duration = Duration::from_secs(600);
/// Runs that move between two pages go to the front, and those that are deleted draw the rest nearer: so
/// many rows of a page are read once more with the next one, which shows whether any were passed over.
const SEAM: usize = 5;
/// Older runs are deleted too: less often a longer time is asked for, halved in the same way while it is longer
/// than the short one.
const DEEP_EVERY: Duration = Duration::from_secs(600);
const DEEP_BACK: Duration = Duration::from_secs(30 * 24 * 3_600);
/// Stamps of a run are rounded, and set a little before the row is written.
const ROUNDED: Duration = Duration::from_secs(2);
/// The most failed runs whose failed task one poll asks for.
const MOST_FAILED: usize = 50;
/// Remembered failures beyond this are forgotten together.
const FAILED_HELD: usize = 5_000;

impl Airflow {
    pub(super) async fn pipelines(&self) -> Result<Answer, Fault> {
        let api = self.api().await?;
        let mut rows: Vec<Pipeline> = Vec::new();
        let mut known = HashSet::new();
        let mut asked = 0;
        loop {
            let query = vec![
                ("limit", PAGE.to_string()),
                ("offset", asked.to_string()),
                ("order_by", "dag_id".to_owned()),
            ];
            let (page, reply) = self
                .ask::<Dags>(&ReadRoute::AirflowDags(api), query)
                .await?;
            let count = page.dags.len();
            asked += count;
            let before = rows.len();
            let told = page.dags.iter();
            let told = told.filter_map(|row| map::pipeline(&self.base, row));
            rows.extend(told.filter(|row| known.insert(row.key.clone())));
            // Whoever tells the same again has no more, whatever total it names.
            let fresh = rows.len() > before;
            // A short page is no end: servers may give less than they are asked for.
            let more = match page.total_entries {
                Some(total) => i64::try_from(asked).unwrap_or(i64::MAX) < total,
                None => count >= PAGE,
            };
            if fresh && more && asked < MOST_PIPELINES {
                continue;
            }
            let cut = fresh && more;
            let left_out = format!("more than {MOST_PIPELINES} pipelines; the rest is not read");
            return Ok(Answer {
                coverage: if cut {
                    Coverage::Partial
                } else {
                    Coverage::Full(Scope::Pipelines)
                },
                rows: Rows::Pipelines(rows),
                server_time: reply.server_time,
                partial: cut.then(|| Clean::text(&left_out)),
            });
        }
    }

    /// Runs of all definitions: at first the newest and those that have not ended, then what moved.
    pub(super) async fn recent_runs(&self) -> Result<Answer, Fault> {
        let api = self.api().await?;
        let (since, no_tail) = {
            let state = self.state();
            (state.runs_at.map(|at| at.minus(OVERLAP)), state.no_tail)
        };
        if let Some(since) = since.filter(|_| !no_tail)
            && let Some(answer) = self.swept_runs(api, since).await
        {
            return answer;
        }
        let no_tail = self.state().no_tail;
        let told = match since.filter(|_| !no_tail) {
            Some(since) => match self.runs(api, Wanted::Since(since)).await {
                Err(fault) if fault.kind == FaultKind::Refused => {
                    self.state().no_tail = true;
                    self.newest_runs(api).await?
                }
                told => told?,
            },
            None => self.newest_runs(api).await?,
        };
        let Told {
            mut runs,
            server_time,
            cut,
            ..
        } = told;
        self.tell_failures(api, &mut runs).await;
        // Without a clock of the server's there is no telling what moved since.
        self.state().runs_at = server_time;
        Ok(Answer {
            coverage: since.map_or(Coverage::Partial, Coverage::Tail),
            rows: Rows::PipelineRuns(runs),
            server_time,
            partial: cut.then(|| Clean::name("more runs moved than one look reads")),
        })
    }

    /// All runs of the last time, where it is time to ask for them and one poll can read them: what is
    /// absent from them was deleted.
    async fn swept_runs(&self, api: AirflowApi, since: Millis) -> Option<Result<Answer, Fault>> {
        let (last, back, deep) = {
            let mut state = self.state();
            let now = since.plus(OVERLAP);
            let due = |at: Option<Millis>, every| at.is_none_or(|at| now.since(at) >= every);
            if !due(state.swept_at, SWEEP_EVERY) {
                return None;
            }
            let last = state.runs_at?;
            let deep_at = *state.deep_at.get_or_insert(last);
            let long = state.deep.unwrap_or(DEEP_BACK);
            let deep = long > SWEEP_BACK && due(Some(deep_at), DEEP_EVERY);
            let short = state.sweeps.unwrap_or(SWEEP_BACK);
            (last, if deep { long } else { short }, deep)
        };
        let from = last.minus(back).min(since);
        let told = match self.runs(api, Wanted::Since(from)).await {
            Ok(told) => told,
            // Whoever knows no such filter is asked in another way.
            Err(fault) if fault.kind == FaultKind::Refused => {
                self.state().no_tail = true;
                return None;
            }
            Err(fault) => return Some(Err(fault)),
        };
        if told.cut {
            let mut state = self.state();
            if deep {
                // The short one is due at the next look.
                state.deep = Some(back / 2);
                state.deep_at = Some(last);
            } else {
                state.sweeps = Some((back / 2).max(SWEEP_LEAST));
                state.swept_at = Some(last);
            }
            return None;
        }
        let Told {
            mut runs,
            server_time,
            pages,
            mut torn,
            ..
        } = told;
        if let Some(began) = server_time.filter(|_| pages > 1) {
            // What moved while the pages were read went to the front of those that were read already.
            let meanwhile = Wanted::Since(began.minus(OVERLAP));
            match self.runs(api, meanwhile).await {
                Ok(late) => {
                    torn |= late.torn || late.cut;
                    let moved: HashSet<PipelineRunKey> =
                        late.runs.iter().map(|run| run.key.clone()).collect();
                    runs.retain(|run| !moved.contains(&run.key));
                    runs.extend(late.runs);
                }
                Err(fault) => return Some(Err(fault)),
            }
        }
        self.tell_failures(api, &mut runs).await;
        let mut state = self.state();
        state.runs_at = server_time;
        state.swept_at = server_time;
        if deep {
            state.deep_at = server_time;
        }
        Some(Ok(Answer {
            coverage: match server_time {
                Some(until) if !torn => Coverage::Full(Scope::PipelineRuns {
                    from: from.plus(ROUNDED),
                    until,
                }),
                // A run that was passed over is not gone.
                _ => Coverage::Tail(since),
            },
            rows: Rows::PipelineRuns(runs),
            server_time,
            partial: None,
        }))
    }

    async fn newest_runs(&self, api: AirflowApi) -> Result<Told, Fault> {
        let newest = self.runs(api, Wanted::Newest(PAGE)).await?;
        let mut live = self.runs(api, Wanted::Live).await?;
        // The newest are read first: what has moved meanwhile is told by the later answer.
        let known: Vec<PipelineRunKey> = live.runs.iter().map(|run| run.key.clone()).collect();
        let others = newest
            .runs
            .into_iter()
            .filter(|run| !known.contains(&run.key));
        live.runs.extend(others);
        Ok(Told {
            server_time: newest.server_time,
            ..live
        })
    }

    async fn runs(&self, api: AirflowApi, wanted: Wanted) -> Result<Told, Fault> {
        let mut told = Told::default();
        let mut asked = 0;
        let mut known: HashSet<PipelineRunKey> = HashSet::new();
        let mut seam: Vec<PipelineRunKey> = Vec::new();
        for page in 0.. {
            let mut query = vec![
                ("limit", PAGE.to_string()),
                ("offset", asked.to_string()),
                ("order_by", "-updated_at".to_owned()),
            ];
            query.extend(wanted.filter());
            let route = ReadRoute::AirflowRuns(api, None);
            let (rows, reply) = self.ask::<Runs>(&route, query).await?;
            if page == 0 {
                told.server_time = reply.server_time;
            }
            told.pages = page + 1;
            let count = rows.dag_runs.len();
            asked += count;
            let runs: Vec<PipelineRun> = rows
                .dag_runs
                .iter()
                .filter_map(|row| map::run(&self.base, row))
                .collect();
            let joins = runs.iter().any(|run| seam.contains(&run.key));
            told.torn |= !seam.is_empty() && !joins;
            seam.clear();
            seam.extend(runs.iter().rev().take(SEAM).map(|run| run.key.clone()));
            // Servers leave out filters that they do not know, without a word.
            let runs = runs.into_iter().filter(|run| wanted.holds(run));
            let fresh = runs.filter(|run| known.insert(run.key.clone()));
            told.runs.extend(fresh);
            let more = match rows.total_entries {
                Some(total) => i64::try_from(asked).unwrap_or(i64::MAX) < total,
                None => count >= PAGE,
            };
            if count == 0 || !more || wanted.most().is_some_and(|most| asked >= most) {
                break;
            }
            if page + 1 == MOST_PAGES {
                told.cut = true;
                break;
            }
            // A server that answers with few rows at a time must still come on.
            asked -= SEAM.min(count / 2);
        }
        Ok(told)
    }

    /// Adds at which task failed runs failed, asked for once for each ending of a run. It only adds:
    /// without it the runs still stand.
    async fn tell_failures(&self, api: AirflowApi, runs: &mut [PipelineRun]) {
        let unknown: Vec<(PipelineRunKey, Option<Millis>)> = {
            let state = self.state();
            let known = |run: &PipelineRun| {
                state
                    .failed
                    .get(&run.key)
                    .is_some_and(|(ended, _)| *ended == run.ended)
            };
            let failed = runs
                .iter()
                .filter(|run| run.state.is_failed() && !known(run));
            let asked = failed.map(|run| (run.key.clone(), run.ended));
            asked.take(MOST_FAILED).collect()
        };
        if !unknown.is_empty() {
            let of = |pick: fn(&PipelineRunKey) -> &str| -> Vec<String> {
                unknown
                    .iter()
                    .map(|(key, _)| pick(key).to_owned())
                    .collect()
            };
            let mut dags = of(|key| key.pipeline.id.raw());
            dags.sort();
            dags.dedup();
            let body = json!({
                "dag_ids": dags,
                "dag_run_ids": of(|key| key.id.raw()),
                "state": ["failed"],
                "page_limit": PAGE,
            });
            let call = Call {
                body: Some(body),
                ..Call::default()
            };
            let route = ReadRoute::AirflowInstanceList(api);
            match self.send::<Instances>(&route, call).await {
                Ok((rows, _)) => {
                    let found = map::failed_at(&self.base, &rows.task_instances);
                    let mut state = self.state();
                    if state.failed.len() > FAILED_HELD {
                        state.failed.clear();
                    }
                    for (key, ended) in unknown {
                        let at = found.iter().find(|(run, _)| *run == key);
                        let at = at.map(|(_, task)| task.clone());
                        state.failed.insert(key, (ended, at));
                    }
                }
                Err(fault) => tracing::debug!("tasks that failed: {fault}"),
            }
        }
        let state = self.state();
        for run in runs.iter_mut().filter(|run| run.state.is_failed()) {
            run.failed_at = state.failed.get(&run.key).and_then(|(_, at)| at.clone());
        }
    }

    pub(super) async fn orchestrator(&self) -> Result<Answer, Fault> {
        let api = self.api().await?;
        let route = ReadRoute::AirflowHealth(api);
        let (health, reply) = self.ask::<Health>(&route, Vec::new()).await?;
        Ok(Answer {
            coverage: Coverage::Partial,
            rows: Rows::Orchestrators(vec![map::orchestrator(&self.base, api, &health)]),
            server_time: reply.server_time,
            partial: None,
        })
    }
}

/// Which runs are asked for.
#[derive(Clone, Copy)]
enum Wanted {
    /// The newest ones, as many.
    Newest(usize),
    /// Those that have not ended.
    Live,
    /// Those that moved since.
    Since(Millis),
}

impl Wanted {
    fn filter(self) -> Vec<(&'static str, String)> {
        match self {
            Self::Newest(_) => Vec::new(),
            Self::Live => ["running", "queued"]
                .map(|word| ("state", word.to_owned()))
                .to_vec(),
            Self::Since(since) => vec![("updated_at_gte", since.rfc3339())],
        }
    }

    fn holds(self, run: &PipelineRun) -> bool {
        match self {
            // Stamps of movement are not told: those of the run may all be older than it.
            Self::Newest(_) | Self::Since(_) => true,
            Self::Live => run.state.is_live(),
        }
    }

    fn most(self) -> Option<usize> {
        match self {
            Self::Newest(most) => Some(most),
            Self::Live | Self::Since(_) => None,
        }
    }
}

/// What a server told of runs.
#[derive(Default)]
struct Told {
    runs: Vec<PipelineRun>,
    server_time: Option<Millis>,
    /// Whether there are more than were read.
    cut: bool,
    /// The pages that they came in.
    pages: usize,
    /// Whether rows were passed over between two pages.
    torn: bool,
}
