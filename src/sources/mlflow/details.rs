//! Details on demand: one question, one answer.

use super::map::{self, Map};
use super::requests::{self, Runs, VERSIONS_PAGE, Versions};
use super::{Mlflow, package, wire};
use crate::domain::action::claims::LEDGER;
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::key::{Key, ModelKey, RunKey};
use crate::domain::model::{ModelVersion, Name};
use crate::domain::query::{Detail, Query};
use crate::domain::run::{MetricHistory, Point};
use crate::domain::time::Millis;
use crate::sources::http::Call;
use crate::sources::routes::ReadRoute;

/// The most runs a page of a listing brings.
const RUNS_LIMIT: u32 = 2_000;
/// The most runs that one bulk history names.
const HISTORY_RUNS: usize = 100;
/// The most points of a run that one bulk history brings.
const HISTORY_POINTS: u32 = 2_500;
/// The last step there can be: a tail needs an end.
const LAST_STEP: i64 = 2_147_483_647;

impl Mlflow {
    pub(super) async fn detail(&self, query: Query) -> Result<Detail, Fault> {
        match query {
            Query::Series { .. }
            | Query::Expression { .. }
            | Query::AlertStrip { .. }
            | Query::AlertsAt(_)
            | Query::SignalChecks
            | Query::DriftReport { .. }
            | Query::Links { .. }
            | Query::Pipeline(_)
            | Query::PipelineRun(_)
            | Query::PipelineRuns { .. }
            | Query::Tasks(_)
            | Query::TaskLog { .. }
            | Query::Produced(_) => Err(Fault::new(
                FaultKind::Unsupported,
                self.http.base(),
                "a registry keeps no signals and no pipelines",
            )),
            Query::Runs {
                experiment,
                filter,
                limit,
                page,
            } => {
                let found = requests::runs(
                    &self.http,
                    &Runs {
                        experiments: &[experiment.id.raw().to_owned()],
                        filter: filter.as_str(),
                        rows: limit.clamp(1, RUNS_LIMIT) as usize,
                        pages: 1,
                        deleted: false,
                        token: page.as_ref().map(Key::raw),
                    },
                )
                .await?;
                Ok(Detail::Runs {
                    runs: self.take_runs(found.rows),
                    next: found.next.as_deref().map(Key::new),
                })
            }
            Query::Run(key) => {
                let (row, _) = requests::run(&self.http, key.id.raw()).await?;
                let run = Map::new(&self.registry).run(row).ok_or_else(|| {
                    Fault::new(FaultKind::NotFound, self.http.base(), "the run has no id")
                })?;
                Ok(Detail::Run(Box::new(run)))
            }
            Query::History {
                runs,
                metric,
                points,
                from_step,
            } => {
                let points = points.clamp(2, HISTORY_POINTS);
                let found = self.history(&runs, &metric, points, from_step).await?;
                Ok(Detail::History(found))
            }
            Query::RunArtifacts { run, path } => {
                let mut query = vec![("run_id", run.id.raw().to_owned())];
                put_path(&mut query, "path", &path);
                let files = requests::artifacts(&self.http, &ReadRoute::MlflowArtifacts, query);
                Ok(Detail::Artifacts(map::artifacts(files.await?)))
            }
            Query::LoggedModelArtifacts { model, path } => {
                let mut query = Vec::new();
                put_path(&mut query, "artifact_directory_path", &path);
                let route = ReadRoute::MlflowLoggedModelArtifacts(model);
                let files = requests::artifacts(&self.http, &route, query);
                Ok(Detail::Artifacts(map::artifacts(files.await?)))
            }
            Query::LoggedModel(id) => {
                let rows = requests::logged_metrics(&self.http, id).await?;
                let metrics = Map::new(&self.registry).logged_metrics(&rows);
                Ok(Detail::LoggedModel(metrics))
            }
            Query::Claims(model) => {
                let book = self.book(&Key::new(LEDGER), &model).await?;
                Ok(Detail::Claims(book))
            }
            Query::Texts(of) => Ok(Detail::Texts(Box::new(self.texts(&of).await?))),
            Query::Versions(model) => Ok(Detail::Versions(self.versions_of(&model).await?)),
            Query::Package(version) => {
                let call = Call {
                    query: vec![
                        ("name", version.model.name.raw().to_owned()),
                        ("version", version.version.raw().to_owned()),
                        ("path", "MLmodel".to_owned()),
                    ],
                    body: None,
                };
                let reply = self.http.read(&ReadRoute::MlflowVersionFile, call).await?;
                let package = package::read(&reply.text()?, &reply.place)?;
                Ok(Detail::Package(Box::new(package)))
            }
        }
    }

    /// Every version of one model, newest first.
    async fn versions_of(&self, model: &ModelKey) -> Result<Vec<ModelVersion>, Fault> {
        let filter = requests::one_name(model.name.raw());
        let found = self
            .versions_in_order(
                Versions {
                    filter: Some(&filter),
                    order: Some("version_number DESC"),
                    page_rows: VERSIONS_PAGE,
                },
                |_, _| false,
            )
            .await?;
        let mut map = Map::new(&self.registry);
        Ok(map::unique(
            found
                .rows
                .into_iter()
                .filter(|row| row.name == model.name.raw())
                .filter_map(|row| map.version(model, row))
                .collect(),
            |v: &ModelVersion| v.key.clone(),
        ))
    }

    /// Histories in bulk, or run by run where the server is too old for that.
    async fn history(
        &self,
        runs: &[RunKey],
        metric: &Key,
        points: u32,
        from_step: Option<i64>,
    ) -> Result<Vec<MetricHistory>, Fault> {
        if !self.memory().no_bulk_history {
            match self.bulk_history(runs, metric, points, from_step).await {
                Err(fault) if fault.kind == FaultKind::NoRoute => {
                    self.memory().no_bulk_history = true;
                }
                other => return other,
            }
        }
        let mut out = Vec::with_capacity(runs.len());
        for run in runs {
            let rows = requests::history(&self.http, run.id.raw(), metric.raw()).await?;
            let mut all: Vec<Point> = rows
                .into_iter()
                .filter(|row| from_step.is_none_or(|from| row.step >= from))
                .map(|row| Point {
                    step: row.step,
                    at: Millis(row.timestamp),
                    value: row.value,
                })
                .collect();
            if all.is_empty() {
                continue;
            }
            all.sort_by_key(|p| (p.step, p.at));
            let (kept, sampled) = map::thin(all, points as usize);
            let name = Name::new(metric.raw());
            out.push(map::history(run.clone(), name, kept, sampled));
        }
        Ok(out)
    }

    async fn bulk_history(
        &self,
        runs: &[RunKey],
        metric: &Key,
        points: u32,
        from_step: Option<i64>,
    ) -> Result<Vec<MetricHistory>, Fault> {
        let map = Map::new(&self.registry);
        let mut out = Vec::with_capacity(runs.len());
        for chunk in runs.chunks(HISTORY_RUNS) {
            let mut query: Vec<(&'static str, String)> = chunk
                .iter()
                .map(|run| ("run_ids", run.id.raw().to_owned()))
                .collect();
            query.push(("metric_key", metric.raw().to_owned()));
            query.push(("max_results", points.to_string()));
            if let Some(from) = from_step {
                query.push(("start_step", from.to_string()));
                query.push(("end_step", LAST_STEP.to_string()));
            }
            let call = Call { query, body: None };
            let reply = self
                .http
                .read(&ReadRoute::MlflowHistoryInterval, call)
                .await?;
            let page: wire::HistoryPage = wire::decode(reply)?;
            out.extend(map.histories(chunk, metric, page.metrics, points as usize));
        }
        Ok(out)
    }
}

fn put_path(query: &mut Vec<(&'static str, String)>, name: &'static str, path: &Key) {
    if !path.raw().is_empty() {
        query.push((name, path.raw().to_owned()));
    }
}
