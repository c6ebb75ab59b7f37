//! A simulated Evidently 0.7 service, read side: projects of a few models, one run after the other,
//! with the very scores that the drift gauges hold.

mod draw;

use serde_json::{Map, Value, json};

use super::monitoring::{Look, Watched};
use super::reply::{Reply, Request};
use super::samples::curve::unit;
use super::samples::monitors;
use super::samples::store::Series;
use super::world::run::mix;

const MINUTE: i64 = 60_000;
/// Runs that a project holds.
const RUNS: i64 = 40;
/// The models whose teams use Evidently, and the milliseconds between two of their runs.
const PROJECTS: [(&str, i64); 3] = [
    ("churn", 6 * 60 * MINUTE),
    ("demand-forecast", 60 * MINUTE),
    ("ranker-eu", MINUTE),
];

const VALUE_DRIFT: &str = "evidently:metric_v2:ValueDrift";
const DRIFTED_COLUMNS: &str = "evidently:metric_v2:DriftedColumnsCount";
const ROW_COUNT: &str = "evidently:metric_v2:RowCount";

/// One model's project.
struct Project<'a> {
    look: &'a Look,
    model: &'a Watched,
    every: i64,
    id: String,
}

/// One run of a report.
#[derive(Clone, Copy)]
struct Run {
    /// Epoch milliseconds.
    at: i64,
    version: u32,
}

/// A column's comparison in a run.
struct Column {
    name: &'static str,
    kind: &'static str,
    method: &'static str,
    line: f64,
    score: f64,
}

impl Column {
    fn drifted(&self) -> bool {
        if monitors::low_is_bad(self.method) {
            self.score < self.line
        } else {
            self.score >= self.line
        }
    }
}

/// A UUID of version 7 whose time is a run's.
fn uuid(at: i64, seed: u64) -> String {
    let (time, tail) = (at as u64 & 0xffff_ffff_ffff, mix(seed));
    format!(
        "{:08x}-{:04x}-7{:03x}-{:04x}-{:012x}",
        time >> 16,
        time & 0xffff,
        tail >> 52,
        0x8000 | (tail >> 38 & 0x3fff),
        mix(tail) & 0xffff_ffff_ffff
    )
}

/// A time as the service writes it: without a zone.
fn naive(at: i64) -> String {
    let time = chrono::DateTime::from_timestamp_millis(at).unwrap_or_default();
    time.format("%Y-%m-%dT%H:%M:%S").to_string()
}

fn projects(look: &Look) -> impl Iterator<Item = Project<'_>> {
    PROJECTS
        .into_iter()
        .zip(1..)
        .filter_map(|((name, every), number)| {
            let model = look
                .facts
                .models
                .iter()
                .find(|model| &*model.name == name)?;
            Some(Project {
                look,
                model,
                every,
                id: uuid(1_760_000_000_000 + number, number as u64),
            })
        })
}

impl Project<'_> {
    fn json(&self) -> Value {
        json!({
            "id": self.id, "name": format!("{} monitoring", self.model.name), "description": null,
            "team_id": null, "org_id": null, "date_from": null, "date_to": null,
            "created_at": null, "version": "2",
        })
    }

    /// The runs, oldest first.
    fn runs(&self) -> Vec<Run> {
        let last = self.look.now.div_euclid(self.every);
        (last - RUNS + 1..=last)
            .filter_map(|number| {
                let at = number * self.every;
                let served =
                    self.model.spans.iter().rev().find(|span| {
                        span.from <= at && span.until.is_none_or(|until| at < until)
                    })?;
                Some(Run {
                    at,
                    version: served.version,
                })
            })
            .collect()
    }

    fn run_id(&self, run: Run) -> String {
        uuid(run.at, mix(run.at as u64) ^ self.every as u64)
    }

    fn metadata(&self, run: Run) -> Value {
        json!({"model": &*self.model.name, "version": run.version.to_string()})
    }

    fn summary(&self, run: Run) -> Value {
        let datasets = json!({"reference": null, "current": null, "additional": {}});
        json!({
            "id": self.run_id(run), "name": null, "timestamp": naive(run.at), "tags": ["prod"],
            "metadata": self.metadata(run),
            "links": {
                "datasets": {"input": datasets, "output": datasets},
                "computation_config_id": null, "task_id": null,
            },
        })
    }

    /// The value that a gauge of the model had at a run.
    fn gauge(&self, name: &str, run: Run, labels: &[(&str, &str)]) -> Option<f64> {
        let wanted = |series: &&Series| {
            series.labels.get("model") == &*self.model.name
                && series.from <= run.at
                && series.until.is_none_or(|until| run.at < until)
                && labels
                    .iter()
                    .all(|(name, value)| series.labels.get(name) == *value)
        };
        let found = self.look.samples.named(Some(name)).find(wanted)?;
        Some(found.curve.value(run.at))
    }

    fn columns(&self, run: Run) -> Vec<Column> {
        let version = run.version.to_string();
        let columns = self.model.entry.inputs.iter().filter_map(|(name, kind)| {
            let name = name.trim_start_matches('?');
            let (method, line) = monitors::method(self.model.entry, kind);
            let labels = [("version", version.as_str()), ("feature", name)];
            let score = self.gauge("ml_feature_drift_score", run, &labels)?;
            Some(Column {
                name,
                kind,
                method,
                line,
                score,
            })
        });
        columns.collect()
    }

    fn rows(&self, run: Run, window: &str) -> f64 {
        let labels = [("window", window)];
        self.gauge("ml_drift_samples", run, &labels)
            .unwrap_or(0.0)
            .round()
    }

    fn report(&self, run: Run) -> Value {
        let columns = self.columns(run);
        let drifted = columns.iter().filter(|column| column.drifted()).count();
        let share = drifted as f64 / columns.len().max(1) as f64;
        let id = |text: &str| {
            let bits = text
                .bytes()
                .fold(11, |sum, byte| mix(sum ^ u64::from(byte)));
            format!("{bits:016x}{:016x}", mix(bits))
        };
        let mut metrics = vec![json!({
            "id": id("share"), "metric_name": "DriftedColumnsCount(drift_share=0.5)",
            "config": {"type": DRIFTED_COLUMNS, "drift_share": 0.5},
            "value": {"count": drifted as f64, "share": share},
        })];
        let mut tests = vec![test(
            &id("share"),
            "Share of Drifted Columns: Less 0.500",
            &format!("Share of Drifted Columns: Actual value {share:.3} < 0.500"),
            share < 0.5,
        )];
        for column in &columns {
            let Column {
                name,
                method,
                line,
                score,
                ..
            } = column;
            metrics.push(json!({
                "id": id(name),
                "metric_name": format!("ValueDrift(column={name},method={method},threshold={line})"),
                "config": {"type": VALUE_DRIFT, "column": name, "method": method, "threshold": line},
                "value": score,
            }));
            tests.push(test(
                &id(name),
                &format!("Value Drift for column {name}"),
                &format!(
                    "Drift score is {score:.2}. The drift detection method is {method}. The drift \
                     threshold is {line:.2}"
                ),
                !column.drifted(),
            ));
        }
        metrics.push(json!({
            "id": id("rows"), "metric_name": "RowCount()", "config": {"type": ROW_COUNT},
            "value": self.rows(run, "current"),
        }));
        json!({"metrics": metrics, "tests": tests})
    }

    /// Courses of the metrics that some filter asks for, over the runs of a stretch of time.
    fn series(&self, request: &Request) -> Reply {
        let Ok(body) = serde_json::from_slice::<Value>(&request.body) else {
            return failed(400, "Validation failed");
        };
        let Some(filters) = body["series_filter"].as_array() else {
            return Reply::json(
                400,
                json!({
                    "status_code": 400, "detail": format!("Validation failed for POST {}", request.path),
                    "extra": [{"message": "value is not a valid list", "key": "series_filter"}],
                }),
            );
        };
        let bound = |name: &str| request.query(name).map(str::to_owned);
        let (start, end) = (bound("timestamp_start"), bound("timestamp_end"));
        let mut runs = self.runs();
        // Texts of one format without zones order as the times do.
        runs.retain(|run| {
            let at = naive(run.at);
            start.as_ref().is_none_or(|start| at >= *start)
                && end.as_ref().is_none_or(|end| at <= *end)
        });
        let mut series: Vec<(Value, Vec<Value>)> = Vec::new();
        for (index, filter) in filters.iter().enumerate() {
            for (place, run) in runs.iter().enumerate() {
                for (kind, params, value) in self.points(*run) {
                    if !asked(filter, kind, &params) {
                        continue;
                    }
                    let key = json!({"metric_type": kind, "filter_index": index, "params": params});
                    let known = series.iter().position(|(known, _)| *known == key);
                    let at = known.unwrap_or_else(|| {
                        series.push((key, Vec::new()));
                        series.len() - 1
                    });
                    // Missing leading values are null, missing trailing ones are not there.
                    series[at].1.resize(place, Value::Null);
                    series[at].1.push(Value::from(value));
                }
            }
        }
        if series.is_empty() {
            runs.clear();
        }
        let sources: Vec<Value> = runs
            .iter()
            .map(|run| {
                json!({
                    "snapshot_id": self.run_id(*run), "timestamp": naive(run.at), "tags": ["prod"],
                    "metadata": self.metadata(*run),
                })
            })
            .collect();
        let series: Vec<Value> = series
            .into_iter()
            .map(|(mut key, values)| {
                key["values"] = Value::from(values);
                key
            })
            .collect();
        Reply::json(201, json!({"sources": sources, "series": series}))
    }

    /// Every number of a run: its metric, its parameters, its value.
    fn points(&self, run: Run) -> Vec<(&'static str, Value, f64)> {
        let columns = self.columns(run);
        let drifted = columns.iter().filter(|column| column.drifted()).count() as f64;
        let share = drifted / columns.len().max(1) as f64;
        let counted = |kind: &str| json!({"value_type": kind, "drift_share": "0.5"});
        let mut points = vec![
            (DRIFTED_COLUMNS, counted("count"), drifted),
            (DRIFTED_COLUMNS, counted("share"), share),
        ];
        points.extend(columns.iter().map(|column| {
            let params = json!({
                "column": column.name, "method": column.method,
                "threshold": column.line.to_string(),
            });
            (VALUE_DRIFT, params, column.score)
        }));
        points.push((ROW_COUNT, json!({}), self.rows(run, "current")));
        points
    }
}

fn test(metric: &str, name: &str, description: &str, passes: bool) -> Value {
    json!({
        "id": "drift", "name": name, "description": description,
        "metric_config": {"metric_id": metric, "params": {}},
        "status": if passes { "SUCCESS" } else { "FAIL" },
        "bound_test": {"metric_fingerprint": metric},
    })
}

/// Whether a filter asks for a number. Its labels are those of the metric's parameters.
fn asked(filter: &Value, kind: &str, params: &Value) -> bool {
    let metric = filter["metric"].as_str().unwrap_or_default();
    let empty = Map::new();
    let labels = filter["metric_labels"].as_object().unwrap_or(&empty);
    let tags = filter["tags"].as_array().map_or(&[][..], Vec::as_slice);
    (metric == "*" || metric == kind)
        && labels.iter().all(|(name, value)| &params[name] == value)
        && tags.iter().all(|tag| tag == "prod")
}

fn failed(status: u16, detail: &str) -> Reply {
    Reply::json(status, json!({"status_code": status, "detail": detail}))
}

/// Answers one request.
pub(crate) fn handle(look: &Look, request: &Request) -> Reply {
    let parts: Vec<&str> = request.path.trim_matches('/').split('/').collect();
    let find = |id: &str| projects(look).find(|project| project.id == id);
    let writes = request.method != "GET" && !request.path.ends_with("data_series_batch");
    if writes {
        return failed(405, "Method Not Allowed");
    }
    match parts.as_slice() {
        ["api", "version"] => Reply::json(
            200,
            json!({"application": "Evidently UI", "version": "0.7.23", "commit": "-"}),
        ),
        ["api", "projects"] => Reply::json(200, projects(look).map(|p| p.json()).collect()),
        ["api", "projects", "search", name] => {
            let named = projects(look)
                .map(|p| p.json())
                .filter(|p| p["name"] == **name);
            Reply::json(200, named.collect())
        }
        ["api", "projects", id, "info"] => match find(id) {
            Some(project) => Reply::json(200, project.json()),
            None if id.len() == 36 => failed(404, "project not found"),
            None => failed(404, "Not Found"),
        },
        ["api", "projects", id, "reports" | "snapshots"] => match find(id) {
            Some(project) => {
                // Not in the order of time, as the real service has it: by id, turned round.
                let mut runs = project.runs();
                runs.sort_by_key(|run| mix(run.at as u64));
                Reply::json(
                    200,
                    runs.into_iter().map(|run| project.summary(run)).collect(),
                )
            }
            None => failed(404, "project not found"),
        },
        ["api", "projects", id, run, what] => of_run(find(id), run, what, request),
        ["api", "v2", "snapshots", id, "metrics"] => match find(id) {
            Some(_) => Reply::json(
                200,
                json!({"metrics": [ROW_COUNT, DRIFTED_COLUMNS, VALUE_DRIFT]}),
            ),
            None => failed(500, "Internal Server Error"),
        },
        ["api", "v2", "snapshots", id, "data_series_batch"] => match find(id) {
            Some(project) if request.method == "POST" => project.series(request),
            Some(_) => failed(405, "Method Not Allowed"),
            None => failed(500, "Internal Server Error"),
        },
        ["api", "v2", "dashboards", _] => Reply::json(200, json!({"tabs": [], "panels": []})),
        _ => failed(404, "Not Found"),
    }
}

fn of_run(project: Option<Project<'_>>, id: &str, what: &str, request: &Request) -> Reply {
    let missing = || failed(500, "Internal Server Error");
    let Some(project) = project else {
        return missing();
    };
    let mut runs = project.runs().into_iter();
    let Some(run) = runs.find(|run| project.run_id(*run) == id) else {
        return missing();
    };
    match what {
        "metadata" => Reply::json(200, project.summary(run)),
        "download" if request.query("report_format") == Some("json") => {
            Reply::json(200, project.report(run))
        }
        // The real service sends its drawing as text.
        "data" => Reply::bytes(
            200,
            "text/plain; charset=utf-8",
            draw::page(&project, run).to_string().into_bytes(),
        ),
        _ => failed(404, "Not Found"),
    }
}

/// A share of a column's categories, for a column without numbers.
fn category_share(column: &str, place: usize, of: usize) -> f64 {
    let seed = column
        .bytes()
        .fold(5, |sum, byte| mix(sum ^ u64::from(byte)));
    let weight = |place: usize| 0.3 + unit(mix(seed ^ place as u64));
    weight(place) / (0..of).map(weight).sum::<f64>()
}
