//! The service's answers and report files as runs and drift reports. Pure.

use serde_json::Value;

use super::runs::{Run, Score, rows, score};
use super::times;
use super::wire::{Batch, File, Metric, Project, Report, Test, number};
use crate::domain::drift::{ColumnDrift, DriftReport};
use crate::domain::key::Key;
use crate::domain::signal::{Measure, Tested};
use crate::domain::text::{Clean, without_credentials};
use crate::domain::time::Millis;
use crate::sources::labels::Reader;

/// The most columns and tests of one report that are kept.
const MOST_COLUMNS: usize = 2_000;

/// The runs of a project. A run without a time that can be read is left out: nothing could be said of
/// its age. A run that names no model is of the model that bears the project's name.
pub(super) fn runs(reader: &Reader, project: &Project, batch: &Batch, utc_offset: i32) -> Vec<Run> {
    let mut found: Vec<Option<Run>> = batch
        .sources
        .iter()
        .map(|row| {
            let model = reader
                .model(&row.metadata)
                .or_else(|| reader.names().model(&project.name))?;
            Some(Run {
                project: Key::new(&project.id),
                id: Key::new(&row.snapshot_id),
                name: Clean::name(&project.name),
                at: times::stamp(&row.timestamp, utc_offset)?,
                at_from: "timestamp",
                model,
                version: reader
                    .version(&row.metadata)
                    .unwrap_or_else(|| Key::new("")),
                scores: Vec::new(),
            })
        })
        .collect();
    for series in &batch.series {
        let values = series.values.as_deref().unwrap_or_default();
        for (run, value) in found.iter_mut().zip(values) {
            let (Some(run), Some(value)) = (run, number(value)) else {
                continue;
            };
            run.scores
                .extend(score(&series.metric_type, &series.params, value));
        }
    }
    found.into_iter().flatten().collect()
}

/// What a file lacks and its place says.
pub(super) struct Placed<'a> {
    /// Its path below the folder, or its name.
    pub path: &'a str,
    /// When it was last changed.
    pub modified: Option<Millis>,
    /// The model that the path names.
    pub model: &'a str,
    /// The version that the path names.
    pub version: &'a str,
}

/// A report file as a run and as a report. `None` for JSON that is no report, and where nothing tells
/// its time or its model.
pub(super) fn file(
    reader: &Reader,
    file: &File,
    placed: &Placed<'_>,
    utc_offset: i32,
) -> Option<(Run, DriftReport)> {
    let report = if file.own.metrics.is_empty() {
        &file.report
    } else {
        &file.own
    };
    if report.metrics.is_empty() {
        return None;
    }
    let base = placed.path.rsplit('/').next().unwrap_or(placed.path);
    let (at, at_from) = times::stamp(&file.timestamp, utc_offset)
        .map(|at| (at, "timestamp"))
        .or_else(|| Some((times::in_name(base, utc_offset)?, "file name")))
        .or_else(|| Some((placed.modified?, "file time")))?;
    let names = reader.names();
    let run = Run {
        project: Key::new(""),
        id: Key::new(placed.path),
        name: Clean::name(if file.name.is_empty() {
            placed.path
        } else {
            &file.name
        }),
        at,
        at_from,
        model: reader
            .model(&file.metadata)
            .or_else(|| names.model(placed.model))?,
        version: reader
            .version(&file.metadata)
            .unwrap_or_else(|| Key::new(placed.version)),
        scores: scores(report),
    };
    let drift = drift_report(&run, report);
    Some((run, drift))
}

/// The numbers of a report, each with the outcome of its test.
fn scores(report: &Report) -> Vec<Score> {
    let mut out = Vec::new();
    for metric in report.metrics.iter().take(MOST_COLUMNS) {
        let tested = test_of(metric, &report.tests).map(tested);
        let kind = metric.config.get("type").map_or("", String::as_str);
        let one = |params: &_, value| {
            let mut score = score(kind, params, value)?;
            score.tested.clone_from(&tested);
            Some(score)
        };
        if let Value::Object(parts) = &metric.value {
            for (part, value) in parts {
                let mut params = metric.config.clone();
                params.insert("value_type".to_owned(), part.clone());
                out.extend(number(value).and_then(|value| one(&params, value)));
            }
        } else {
            // A score that could not be computed is NaN, not absent.
            let value = number(&metric.value).unwrap_or(f64::NAN);
            out.extend(one(&metric.config, value));
        }
    }
    out
}

/// A report in detail. Rows and distributions come from elsewhere, where there are any.
pub(super) fn drift_report(run: &Run, report: &Report) -> DriftReport {
    let n = run.samples().map(u64::from);
    let columns = report
        .metrics
        .iter()
        .filter(|metric| is_drift(metric))
        .take(MOST_COLUMNS)
        .map(|metric| {
            let param = |name: &str| metric.config.get(name).map_or("", String::as_str);
            ColumnDrift {
                column: Clean::name(param("column")),
                method: Clean::name(param("method")),
                score: number(&metric.value).unwrap_or(f64::NAN),
                threshold: param("threshold").parse().ok(),
                n,
                reference_n: None,
                tested: test_of(metric, &report.tests).map(tested),
                distributions: None,
            }
        });
    let share = run
        .scores
        .iter()
        .find(|score| score.measure == Measure::DriftShare);
    let others = report.tests.iter().filter(|test| {
        let id = &test.metric_config.metric_id;
        !report.metrics.iter().any(|m| m.id == *id && is_drift(m))
    });
    DriftReport {
        id: run.id.clone(),
        name: run.name.clone(),
        at: run.at,
        at_from: run.at_from,
        share: share.map(|score| score.value),
        share_line: share.and_then(|score| score.lines.crit),
        columns: columns.collect(),
        tests: others
            .take(MOST_COLUMNS)
            .map(|test| (Clean::name(&test.name), tested(test)))
            .collect(),
    }
}

/// The columns that a report's metrics are of, by the metrics' ids: graphs are linked to those.
pub(super) fn column_of<'a>(report: &'a Report, metric_id: &str) -> Option<&'a str> {
    let metric = report.metrics.iter().find(|m| m.id == metric_id)?;
    let column = metric.config.get("column").map(String::as_str);
    column.filter(|_| is_drift(metric))
}

fn is_drift(metric: &Metric) -> bool {
    let kind = metric.config.get("type").map_or("", String::as_str);
    kind.rsplit(':').next() == Some("ValueDrift")
}

fn test_of<'a>(metric: &Metric, tests: &'a [Test]) -> Option<&'a Test> {
    let is = |test: &&Test| test.metric_config.metric_id == metric.id;
    (!metric.id.is_empty())
        .then(|| tests.iter().find(is))
        .flatten()
}

/// A test's outcome. Whatever is not a success has not passed: a warning is a failure that its author
/// does not count as critical, and an error is no pass.
fn tested(test: &Test) -> Tested {
    let description = Clean::text(&without_credentials(&test.description));
    Tested {
        passed: test.status.eq_ignore_ascii_case("success"),
        reason: if description.is_empty() {
            Clean::text(&format!("{} {}", test.name, test.status.to_lowercase()))
        } else {
            description
        },
    }
}

/// A count of rows out of the bars of a histogram.
pub(super) fn bars(counts: &[f64]) -> Option<u64> {
    rows(counts.iter().sum()).map(u64::from)
}
