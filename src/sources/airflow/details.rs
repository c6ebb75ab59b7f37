//! What is asked for on demand: parameters and graph of a definition, tasks of a run, logs, results.

use std::collections::HashSet;

use super::wire::{Dag, Instances, Log, RunRow, Runs, Tasks, Xcom, Xcoms};
use super::{Airflow, PAGE, logs, map, params};
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::key::Key;
use crate::domain::pipeline::{
    LogChunk, LogKey, PipelineDetails, PipelineKey, PipelineRun, PipelineRunKey, Produced, Task,
};
use crate::domain::query::{Detail, Query};
use crate::domain::text::Clean;
use crate::sources::routes::ReadRoute;

/// The most tasks of a run that are read.
const MOST_TASKS: usize = 2_000;
/// The most results of a run that are read.
const MOST_RESULTS: usize = 20;
/// What a task's result is called.
const RESULT: &str = "return_value";

impl Airflow {
    pub(super) async fn detail(&self, query: Query) -> Result<Detail, Fault> {
        match query {
            Query::Pipeline(key) => self
                .details(&key)
                .await
                .map(|d| Detail::Pipeline(Box::new(d))),
            Query::PipelineRun(key) => self
                .run(&key)
                .await
                .map(|r| Detail::PipelineRun(Box::new(r))),
            Query::PipelineRuns { pipeline, limit } => {
                let runs = self.runs_of(&pipeline, limit).await;
                runs.map(Detail::PipelineRuns)
            }
            Query::Tasks(key) => self.tasks(&key).await.map(Detail::Tasks),
            Query::TaskLog { log, from } => {
                let chunk = self.log(&log, from.as_ref()).await;
                chunk.map(Detail::TaskLog)
            }
            Query::Produced(key) => self.produced(&key).await.map(Detail::Produced),
            _ => Err(self.unsupported("an Airflow knows pipelines and nothing else")),
        }
    }

    async fn details(&self, key: &PipelineKey) -> Result<PipelineDetails, Fault> {
        self.check(key)?;
        let api = self.api().await?;
        let route = ReadRoute::AirflowDetails(api, key.id.clone());
        let (dag, _) = self.ask::<Dag>(&route, Vec::new()).await?;
        let route = ReadRoute::AirflowTasks(api, key.id.clone());
        let (tasks, _) = self.ask::<Tasks>(&route, Vec::new()).await?;
        Ok(PipelineDetails {
            params: params::params(&dag.params),
            graph: map::graph(&tasks.tasks),
        })
    }

    async fn run(&self, key: &PipelineRunKey) -> Result<PipelineRun, Fault> {
        self.check(&key.pipeline)?;
        let api = self.api().await?;
        let route = ReadRoute::AirflowRun(api, key.pipeline.id.clone(), key.id.clone());
        let (row, reply) = self.ask::<RunRow>(&route, Vec::new()).await?;
        let run = map::run(&self.base, &row).filter(|run| run.key == *key);
        run.ok_or_else(|| {
            let kind = FaultKind::Decode {
                path: Clean::name("dag_run_id"),
            };
            Fault::new(kind, &reply.place, "the answer is about another run")
        })
    }

    async fn runs_of(&self, key: &PipelineKey, limit: u32) -> Result<Vec<PipelineRun>, Fault> {
        self.check(key)?;
        let api = self.api().await?;
        let route = ReadRoute::AirflowRuns(api, Some(key.id.clone()));
        let query = vec![
            (
                "limit",
                limit
                    .min(u32::try_from(PAGE).unwrap_or(u32::MAX))
                    .to_string(),
            ),
            ("order_by", "-start_date".to_owned()),
        ];
        let (rows, _) = self.ask::<Runs>(&route, query).await?;
        let runs = rows
            .dag_runs
            .iter()
            .filter_map(|row| map::run(&self.base, row));
        Ok(runs.filter(|run| run.key.pipeline == *key).collect())
    }

    pub(super) async fn tasks(&self, key: &PipelineRunKey) -> Result<Vec<Task>, Fault> {
        self.check(&key.pipeline)?;
        let api = self.api().await?;
        let route = ReadRoute::AirflowInstances(api, key.pipeline.id.clone(), key.id.clone());
        let mut tasks: Vec<Task> = Vec::new();
        let mut known = HashSet::new();
        let mut asked = 0;
        loop {
            let query = vec![("limit", PAGE.to_string()), ("offset", asked.to_string())];
            let (page, _) = self.ask::<Instances>(&route, query).await?;
            let count = page.task_instances.len();
            asked += count;
            let before = tasks.len();
            let told = page.task_instances.iter().filter_map(map::task);
            tasks.extend(told.filter(|task| known.insert((task.id.clone(), task.map_index))));
            // Whoever tells the same again has no more, whatever total it names.
            let fresh = tasks.len() > before;
            let more = match page.total_entries {
                Some(total) => i64::try_from(asked).unwrap_or(i64::MAX) < total,
                None => count >= PAGE,
            };
            if !fresh || !more || asked >= MOST_TASKS {
                return Ok(tasks);
            }
        }
    }

    pub(super) async fn log(&self, key: &LogKey, from: Option<&Key>) -> Result<LogChunk, Fault> {
        self.check(&key.run.pipeline)?;
        let api = self.api().await?;
        let route = ReadRoute::AirflowLog(
            api,
            key.run.pipeline.id.clone(),
            key.run.id.clone(),
            key.task.clone(),
            key.attempt,
        );
        let mut query = Vec::new();
        query.extend(key.map_index.map(|n| ("map_index", n.to_string())));
        query.extend(from.map(|token| ("token", token.raw().to_owned())));
        let (log, _) = self.ask::<Log>(&route, query).await?;
        Ok(logs::chunk(&log))
    }

    /// What the tasks returned, of those that name a model, a version or a tracker's run.
    async fn produced(&self, key: &PipelineRunKey) -> Result<Vec<Produced>, Fault> {
        self.check(&key.pipeline)?;
        let api = self.api().await?;
        let (dag, run) = (key.pipeline.id.clone(), key.id.clone());
        let route = ReadRoute::AirflowResults(api, dag.clone(), run.clone());
        let query = vec![("limit", PAGE.to_string())];
        let (entries, _) = self.ask::<Xcoms>(&route, query).await?;
        let mut out = Vec::new();
        let results = entries.xcom_entries.iter().filter(|row| row.key == RESULT);
        for row in results.take(MOST_RESULTS) {
            let task = Key::new(&row.task_id);
            let route = ReadRoute::AirflowResult(api, dag.clone(), run.clone(), task);
            // 2.x writes Python's notation unless it is told not to; 3.x knows the parameter too.
            let mut query = vec![("stringify", "false".to_owned())];
            let split = row.map_index.filter(|n| *n >= 0);
            query.extend(split.map(|n| ("map_index", n.to_string())));
            let value = match self.ask::<Xcom>(&route, query).await {
                Ok((xcom, _)) => xcom.value,
                Err(fault) if fault.kind == FaultKind::NotFound => continue,
                Err(fault) => return Err(fault),
            };
            let first = |names: &[&str]| names.iter().find_map(|name| map::word(value.get(*name)));
            let produced = Produced {
                model: first(&["model", "model_name", "name"]),
                version: first(&["version", "model_version"]),
                run: first(&["run_id", "mlflow_run_id"]),
                task: Clean::name(&row.task_id),
            };
            if produced.version.is_some() || produced.run.is_some() {
                out.push(produced);
            }
        }
        Ok(out)
    }
}
