//! From MLflow's JSON to the domain's words: pure, and the one place where the server's texts become
//! clean.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;

use super::wire;
use crate::domain::key::{ExperimentKey, Key, ModelKey, RegistryKey, RunKey, VersionKey};
use crate::domain::model::{
    Alias, LoggedMetric, ModelVersion, Name, RegisteredModel, Tags, VersionStatus,
};
use crate::domain::run::{
    Artifact, DatasetUse, Experiment, LastMetric, MetricHistory, Point, Run, RunStatus,
};
use crate::domain::text::Clean;
use crate::domain::time::Millis;

/// The tag that marks a registered model, or a version, as a prompt.
const PROMPT_TAG: &str = "mlflow.prompt.is_prompt";
/// The stage of a version that was deleted: its row stays so that its number is not used again.
const DELETED_STAGE: &str = "Deleted_Internal";
/// How much of a dataset's source is kept: code sources carry whole notebooks.
const SOURCE_LIMIT: usize = 512;

/// Maps the rows of one server, sharing the texts that repeat from row to row.
#[derive(Debug)]
pub(super) struct Map<'a> {
    registry: &'a Arc<RegistryKey>,
    texts: HashMap<String, Clean>,
    names: HashMap<String, Name>,
    experiments: HashMap<String, ExperimentKey>,
}

impl<'a> Map<'a> {
    pub(super) fn new(registry: &'a Arc<RegistryKey>) -> Self {
        Self {
            registry,
            texts: HashMap::new(),
            names: HashMap::new(),
            experiments: HashMap::new(),
        }
    }

    /// A registered model; `None` for a row without a name and for prompts.
    pub(super) fn model(&mut self, row: wire::ModelRow) -> Option<RegisteredModel> {
        if row.name.is_empty() || is_prompt(&row.tags) {
            return None;
        }
        let mut aliases: Vec<Alias> = row
            .aliases
            .iter()
            .filter(|a| !a.alias.is_empty() && !a.version.is_empty())
            .map(|a| Alias {
                name: Name::new(&a.alias),
                version: Key::new(&a.version),
            })
            .collect();
        aliases.sort_by(|a, b| a.name.key.cmp(&b.name.key));
        aliases.dedup_by(|a, b| a.name.key == b.name.key);
        Some(RegisteredModel {
            key: self.model_key(&row.name, row.creation_timestamp),
            name: Clean::name(&row.name),
            updated: Millis(row.last_updated_timestamp),
            description: Clean::text(&row.description),
            tags: self.tags(row.tags),
            aliases: aliases.into(),
        })
    }

    pub(super) fn model_key(&self, name: &str, created: i64) -> ModelKey {
        ModelKey {
            registry: Arc::clone(self.registry),
            name: Key::new(name),
            created: Millis(created),
        }
    }

    /// A version of `model`; `None` for a row without a version, a deleted one and a prompt's.
    pub(super) fn version(
        &mut self,
        model: &ModelKey,
        row: wire::VersionRow,
    ) -> Option<ModelVersion> {
        if row.version.is_empty() || is_hidden_version(&row) {
            return None;
        }
        let logged_model = if row.model_id.is_empty() {
            row.source
                .strip_prefix("models:/")
                .filter(|id| id.starts_with("m-") && !id.contains('/'))
                .map(Key::new)
        } else {
            Some(Key::new(&row.model_id))
        };
        Some(ModelVersion {
            key: VersionKey {
                model: model.clone(),
                version: Key::new(&row.version),
            },
            version: Clean::name(&row.version),
            created: Millis(row.creation_timestamp),
            updated: Millis(row.last_updated_timestamp),
            stage: Some(row.current_stage)
                .filter(|s| !s.is_empty() && s != "None")
                .map(|s| self.repeated(&s)),
            description: Clean::text(&row.description),
            source: Clean::text(&crate::domain::text::without_credentials(&row.source)),
            run: Some(row.run_id)
                .filter(|id| !id.is_empty())
                .map(|id| self.run_key(&id)),
            logged_model,
            status: match row.status.as_str() {
                "READY" => VersionStatus::Ready,
                "PENDING_REGISTRATION" => VersionStatus::Pending,
                "FAILED_REGISTRATION" => VersionStatus::Failed,
                other => VersionStatus::Other(self.repeated(other)),
            },
            status_message: Clean::text(&row.status_message),
            tags: self.tags(row.tags),
        })
    }

    /// An experiment; `None` without an id, and for a deleted one.
    pub(super) fn experiment(&mut self, row: wire::ExperimentRow) -> Option<Experiment> {
        if row.experiment_id.is_empty() || row.lifecycle_stage == "deleted" {
            return None;
        }
        Some(Experiment {
            key: self.experiment_key(&row.experiment_id),
            name: Clean::name(&row.name),
            created: Millis(row.creation_time),
            updated: Millis(row.last_update_time),
            tags: self.tags(row.tags),
        })
    }

    /// A run; `None` without an id.
    pub(super) fn run(&mut self, row: wire::RunRow) -> Option<Run> {
        let wire::RunRow {
            info,
            data,
            inputs,
            outputs,
        } = row;
        let id = run_id(&info);
        if id.is_empty() {
            return None;
        }
        let key = self.run_key(id);
        let tags = self.tags(data.tags);
        let from_tag = |name: &str| crate::domain::model::tag(&tags, name).cloned();
        // Before 2.0 the name lived in a tag alone.
        let name = if info.run_name.is_empty() {
            from_tag("mlflow.runName").unwrap_or_default()
        } else {
            Clean::name(&info.run_name)
        };
        let user = if info.user_id.is_empty() {
            from_tag("mlflow.user").unwrap_or_default()
        } else {
            self.repeated(&info.user_id)
        };
        Some(Run {
            key,
            experiment: self.experiment_key(&info.experiment_id),
            name,
            user,
            status: self.status(&info.status),
            started: Millis(info.start_time),
            ended: info.end_time.filter(|t| *t > 0).map(Millis),
            deleted: info.lifecycle_stage == "deleted",
            artifacts: Clean::text(&crate::domain::text::without_credentials(
                &info.artifact_uri,
            )),
            metrics: self.metrics(&data.metrics),
            params: self.tags(data.params),
            tags,
            datasets: inputs
                .dataset_inputs
                .into_iter()
                .filter_map(|d| self.dataset(d))
                .collect(),
            outputs: outputs
                .model_outputs
                .iter()
                .filter(|o| !o.model_id.is_empty())
                .map(|o| Key::new(&o.model_id))
                .collect(),
        })
    }

    pub(super) fn run_key(&self, id: &str) -> RunKey {
        RunKey {
            tracker: Arc::clone(self.registry),
            id: Key::new(id),
        }
    }

    fn experiment_key(&mut self, id: &str) -> ExperimentKey {
        if let Some(known) = self.experiments.get(id) {
            return known.clone();
        }
        let key = ExperimentKey {
            tracker: Arc::clone(self.registry),
            id: Key::new(id),
        };
        self.experiments.insert(id.to_owned(), key.clone());
        key
    }

    fn status(&mut self, word: &str) -> RunStatus {
        match word {
            "RUNNING" => RunStatus::Running,
            "SCHEDULED" => RunStatus::Scheduled,
            "FINISHED" => RunStatus::Finished,
            "FAILED" => RunStatus::Failed,
            "KILLED" => RunStatus::Killed,
            other => RunStatus::Other(self.repeated(other)),
        }
    }

    /// Latest metrics by name; of duplicates the one at the highest step, then time, counts.
    /// Metrics of a logged model; of several with one name and dataset the latest.
    pub(super) fn logged_metrics(&mut self, rows: &[wire::LoggedMetricRow]) -> Vec<LoggedMetric> {
        let mut out: Vec<LoggedMetric> = Vec::with_capacity(rows.len());
        for row in rows.iter().filter(|r| !r.key.is_empty()) {
            let metric = LoggedMetric {
                name: self.name(&row.key),
                value: row.value,
                step: row.step,
                at: Millis(row.timestamp),
                dataset: (!row.dataset_name.is_empty()).then(|| {
                    let digest = Clean::name(&row.dataset_digest);
                    (Clean::name(&row.dataset_name), digest)
                }),
            };
            let same = |m: &&mut LoggedMetric| m.name == metric.name && m.dataset == metric.dataset;
            match out.iter_mut().find(same) {
                Some(old) if (old.step, old.at) > (metric.step, metric.at) => {}
                Some(old) => *old = metric,
                None => out.push(metric),
            }
        }
        out
    }

    fn metrics(&mut self, rows: &[wire::MetricRow]) -> Arc<[LastMetric]> {
        let mut out: Vec<LastMetric> = Vec::with_capacity(rows.len());
        let mut seen: HashMap<&str, usize> = HashMap::with_capacity(rows.len());
        for row in rows.iter().filter(|r| !r.key.is_empty()) {
            let metric = LastMetric {
                name: self.name(&row.key),
                value: row.value,
                step: row.step,
                at: Millis(row.timestamp),
            };
            match seen.get(row.key.as_str()) {
                Some(&at) if (out[at].step, out[at].at) > (metric.step, metric.at) => {}
                Some(&at) => out[at] = metric,
                None => {
                    seen.insert(&row.key, out.len());
                    out.push(metric);
                }
            }
        }
        out.into()
    }

    fn dataset(&mut self, input: wire::DatasetInput) -> Option<DatasetUse> {
        let wire::DatasetInput { tags, dataset } = input;
        if dataset.name.is_empty() && dataset.digest.is_empty() {
            return None;
        }
        let context = tags
            .iter()
            .find(|t| t.key == "mlflow.data.context")
            .map_or_else(Clean::empty, |t| self.repeated(&t.value));
        Some(DatasetUse {
            name: self.repeated(&dataset.name),
            digest: self.repeated(&dataset.digest),
            context,
            source_kind: self.repeated(&dataset.source_type),
            source: dataset_source(&dataset.source),
        })
    }

    /// Tags or parameters in the server's order; of duplicate keys the last counts, where the first
    /// stood.
    fn tags(&mut self, rows: Vec<wire::Pair>) -> Tags {
        let mut out: Vec<(Clean, Clean)> = Vec::with_capacity(rows.len());
        let mut seen: HashMap<String, usize> = HashMap::with_capacity(rows.len());
        for wire::Pair { key, value } in rows {
            if key.is_empty() {
                continue;
            }
            let pair = (self.repeated(&key), Clean::text(&value));
            if let Some(&at) = seen.get(&key) {
                out[at] = pair;
            } else {
                seen.insert(key, out.len());
                out.push(pair);
            }
        }
        out.into()
    }

    /// A text that many rows share.
    fn repeated(&mut self, raw: &str) -> Clean {
        if let Some(known) = self.texts.get(raw) {
            return known.clone();
        }
        let clean = Clean::name(raw);
        self.texts.insert(raw.to_owned(), clean.clone());
        clean
    }

    fn name(&mut self, raw: &str) -> Name {
        if let Some(known) = self.names.get(raw) {
            return known.clone();
        }
        let name = Name::new(raw);
        self.names.insert(raw.to_owned(), name.clone());
        name
    }

    /// Histories of one metric for the runs asked for, in their order; runs without points are left
    /// out. `limit` is how many points a run at most were asked for.
    pub(super) fn histories(
        &self,
        runs: &[RunKey],
        metric: &Key,
        rows: Vec<wire::MetricRow>,
        limit: usize,
    ) -> Vec<MetricHistory> {
        let mut by_run: HashMap<String, Vec<Point>> = HashMap::new();
        for row in rows {
            by_run.entry(row.run_id).or_default().push(Point {
                step: row.step,
                at: Millis(row.timestamp),
                value: row.value,
            });
        }
        let name = Name::new(metric.raw());
        runs.iter()
            .filter_map(|run| {
                let points = by_run.remove(run.id.raw())?;
                let sampled = points.len() >= limit;
                Some(history(
                    self.run_key(run.id.raw()),
                    name.clone(),
                    points,
                    sampled,
                ))
            })
            .collect()
    }
}

/// A run's id, under its present name or its old one.
pub(super) fn run_id(info: &wire::RunInfo) -> &str {
    if info.run_id.is_empty() {
        &info.run_uuid
    } else {
        &info.run_id
    }
}

/// Orders points by step, then time, and drops what was sent twice.
pub(super) fn history(
    run: RunKey,
    metric: Name,
    mut points: Vec<Point>,
    sampled: bool,
) -> MetricHistory {
    points.sort_by_key(|p| (p.step, p.at));
    points.dedup_by(|a, b| {
        a.step == b.step && a.at == b.at && a.value.to_bits() == b.value.to_bits()
    });
    MetricHistory {
        run,
        metric,
        points: points.into(),
        sampled,
    }
}

/// Keeps at most `limit` points, evenly, the first and the last always among them.
pub(super) fn thin(points: Vec<Point>, limit: usize) -> (Vec<Point>, bool) {
    let n = points.len();
    if n <= limit || limit < 2 {
        return (points, false);
    }
    let kept = (0..limit)
        .map(|i| points[i * (n - 1) / (limit - 1)])
        .collect();
    (kept, true)
}

/// Files of a listing.
pub(super) fn artifacts(rows: Vec<wire::FileRow>) -> Vec<Artifact> {
    let files = rows
        .into_iter()
        .filter(|f| !f.path.is_empty())
        .map(|f| Artifact {
            path: Name::new(&f.path),
            folder: f.is_dir,
            size: f.file_size.and_then(|s| u64::try_from(s).ok()),
        })
        .collect();
    unique(files, |a: &Artifact| a.path.key.clone())
}

/// Whether a version row stands for nothing that people registered as a model, or no longer does.
pub(super) fn is_hidden_version(row: &wire::VersionRow) -> bool {
    row.current_stage == DELETED_STAGE || is_prompt(&row.tags)
}

/// Whether the tags are a prompt's.
pub(super) fn is_prompt(tags: &[wire::Pair]) -> bool {
    tags.iter()
        .any(|t| t.key == PROMPT_TAG && t.value.eq_ignore_ascii_case("true"))
}

/// One row for each key: the last one read, in the place of the first. Pages by offset repeat rows
/// when others arrive between two of them.
pub(super) fn unique<T, K: Eq + Hash>(rows: Vec<T>, key: impl Fn(&T) -> K) -> Vec<T> {
    let mut seen: HashMap<K, usize> = HashMap::with_capacity(rows.len());
    let mut out: Vec<T> = Vec::with_capacity(rows.len());
    for row in rows {
        let k = key(&row);
        if let Some(&at) = seen.get(&k) {
            out[at] = row;
        } else {
            seen.insert(k, out.len());
            out.push(row);
        }
    }
    out
}

/// The names among `rows` that `known` does not hold.
pub(super) fn unknown_names(
    rows: &[wire::VersionRow],
    known: impl Fn(&str) -> bool,
) -> Vec<String> {
    let mut seen = HashSet::new();
    rows.iter()
        .filter(|r| !r.name.is_empty() && !is_hidden_version(r))
        .filter(|r| !known(&r.name) && seen.insert(r.name.as_str()))
        .map(|r| r.name.clone())
        .collect()
}

/// Where a dataset came from: its URI where the logged source names one, else the source, shortened.
fn dataset_source(raw: &str) -> Clean {
    let uri = serde_json::from_str::<serde_json::Value>(raw)
        .ok()
        .and_then(|json| {
            ["uri", "url", "path", "table_name", "delta_table_name"]
                .into_iter()
                .find_map(|key| json.get(key)?.as_str().map(str::to_owned))
                .or_else(|| {
                    // A dataset logged from code names the run's own source file, in its tags.
                    let name = json.get("tags")?.get("mlflow.source.name")?.as_str()?;
                    Some(name.to_owned())
                })
        });
    let text = uri.as_deref().unwrap_or(raw);
    Clean::limited(
        &crate::domain::text::without_credentials(text),
        SOURCE_LIMIT,
    )
}
