//! What the runs of a drift or quality job say, wherever they were read: scores, and from many runs
//! the newest readings and their course. Verdicts are the rules' business. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::domain::drift::Method;
use crate::domain::key::{Key, SourceId};
use crate::domain::signal::{
    Direction, Lines, Measure, Measured, SignalKey, SignalReading, SignalSeries, Tested, Unit,
};
use crate::domain::text::Clean;
use crate::domain::time::Millis;
use crate::sources::labels::Labels;

/// The most readings and series of one source.
const MOST_ROWS: usize = 10_000;
/// The most points of one series; older ones are left out.
const MOST_POINTS: usize = 2_000;
/// A version whose last run lies this far behind the model's newest is no longer looked at, however
/// often runs come.
const LEAST_RETIRED: Duration = Duration::from_secs(24 * 3_600);

/// One run of a job for one model.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Run {
    /// Where it is kept: a project, or empty for a file.
    pub project: Key,
    /// Its id there, or the path of its file.
    pub id: Key,
    /// The name to show.
    pub name: Clean,
    /// When it ran.
    pub at: Millis,
    /// How that is known.
    pub at_from: &'static str,
    /// The registry's name of its model.
    pub model: Key,
    /// The version, empty for none.
    pub version: Key,
    /// What it measured.
    pub scores: Vec<Score>,
}

impl Run {
    /// The rows that it looked at, where it counted them.
    pub(super) fn samples(&self) -> Option<u32> {
        let samples = self.scores.iter().find(|s| s.measure == Measure::Samples)?;
        rows(samples.value)
    }

    fn key(&self, score: &Score, source: &SourceId) -> SignalKey {
        SignalKey {
            model: self.model.clone(),
            measure: score.measure,
            part: score.part.clone(),
            method: score.method.clone(),
            version: self.version.clone(),
            source: source.clone(),
        }
    }
}

/// A number of rows, where it is one.
pub(super) fn rows(value: f64) -> Option<u32> {
    // A cast from float saturates.
    (value.is_finite() && value >= 0.0).then_some(value as u32)
}

/// One number of a run.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Score {
    pub measure: Measure,
    pub part: Key,
    pub method: Key,
    pub value: f64,
    pub lines: Lines,
    pub direction: Direction,
    pub unit: Unit,
    pub tested: Option<Tested>,
}

impl Score {
    /// Whether it says how far something has moved.
    pub(super) fn is_drift(&self) -> bool {
        matches!(
            self.measure,
            Measure::FeatureDrift
                | Measure::PredictionDrift
                | Measure::TargetDrift
                | Measure::DriftShare
        )
    }
}

/// A metric of Evidently as a score: its type, parameters and value. `None` for those that say nothing
/// about a model's health, and for the count beside a share.
pub(super) fn score(kind: &str, params: &Labels, value: f64) -> Option<Score> {
    let kind = kind.rsplit(':').next().unwrap_or(kind);
    let param = |name: &str| params.get(name).map_or("", String::as_str);
    let plain = |measure: Measure, part: &str| Score {
        measure,
        part: Key::new(part),
        method: Key::new(""),
        value,
        lines: Lines::default(),
        direction: measure.direction(),
        unit: measure.unit(),
        tested: None,
    };
    let share = param("value_type") == "share";
    match kind {
        "ValueDrift" => Some(drift(
            plain,
            param("column"),
            param("method"),
            param("threshold"),
        )),
        "DriftedColumnsCount" if share => {
            let mut score = plain(Measure::DriftShare, "");
            score.method = Key::new(param("method"));
            // From this share on the report itself calls its data drifted.
            score.lines.crit = param("drift_share").parse().ok();
            Some(score)
        }
        "RowCount" => Some(plain(Measure::Samples, "")),
        "MissingValueCount" if share => Some(plain(Measure::NullShare, param("column"))),
        "DatasetMissingValueCount" if share => Some(plain(Measure::NullShare, "")),
        "MeanValue" => Some(plain(Measure::FeatureMean, param("column"))),
        _ => {
            // Quality with an interval has a mean and a deviation: the mean is the metric.
            let is_value = matches!(param("value_type"), "" | "value" | "mean");
            let (name, direction) = quality(kind).filter(|_| is_value)?;
            let mut score = plain(Measure::QualityRealised, name);
            score.direction = direction;
            Some(score)
        }
    }
}

/// The drift of one column. Which way is bad, the method says; a method that nobody knows gets no
/// direction, so no verdict. Columns called `prediction` and `target` are what the words say.
fn drift(
    plain: impl Fn(Measure, &str) -> Score,
    column: &str,
    method: &str,
    threshold: &str,
) -> Score {
    let mut score = match column.to_lowercase().as_str() {
        "prediction" => plain(Measure::PredictionDrift, ""),
        "target" => plain(Measure::TargetDrift, ""),
        _ => plain(Measure::FeatureDrift, column),
    };
    score.method = Key::new(method);
    score.lines.warn = threshold.trim().parse().ok().filter(|t: &f64| !t.is_nan());
    score.direction = Method::of(method).map_or(Direction::Neither, |m| m.direction);
    score.unit = match score.direction {
        Direction::LowIsBad => Unit::PValue,
        Direction::HighIsBad | Direction::Neither => Unit::Score,
    };
    score
}

/// The quality metrics of a report: their word here, and which way is bad.
fn quality(kind: &str) -> Option<(&'static str, Direction)> {
    use Direction::{HighIsBad, LowIsBad};
    Some(match kind {
        "Accuracy" => ("accuracy", LowIsBad),
        "Precision" => ("precision", LowIsBad),
        "Recall" => ("recall", LowIsBad),
        "F1Score" => ("f1", LowIsBad),
        "RocAuc" => ("roc_auc", LowIsBad),
        "TPR" => ("tpr", LowIsBad),
        "TNR" => ("tnr", LowIsBad),
        "FPR" => ("fpr", HighIsBad),
        "FNR" => ("fnr", HighIsBad),
        "LogLoss" => ("log_loss", HighIsBad),
        "MAE" => ("mae", HighIsBad),
        "RMSE" => ("rmse", HighIsBad),
        "MAPE" => ("mape", HighIsBad),
        "R2Score" => ("r2", LowIsBad),
        "MeanError" => ("mean_error", Direction::Neither),
        "AbsMaxError" => ("abs_max_error", HighIsBad),
        _ => return None,
    })
}

/// The newest reading of each signal, and when each model's job last ran.
///
/// A method that a newer run has replaced for a column is no reading any more, and neither are those
/// of a version that the job no longer looks at: they would only grow stale.
pub(super) fn readings(source: &SourceId, runs: &[Run]) -> Vec<SignalReading> {
    let mut out = Vec::new();
    for (model, runs) in by_model(runs) {
        let Some(newest) = runs.first().map(|run| run.at) else {
            continue;
        };
        let retired = newest.minus(LEAST_RETIRED.max(2 * usual_gap(&runs)));
        // The run that holds the newest value of a version's measure and part.
        let mut holder: BTreeMap<(&Key, Measure, &Key), &Run> = BTreeMap::new();
        let mut seen = BTreeSet::new();
        let last_of: BTreeMap<&Key, Millis> = runs
            .iter()
            .rev()
            .map(|run| (&run.version, run.at))
            .collect();
        for run in runs.iter().filter(|run| last_of[&run.version] >= retired) {
            for score in &run.scores {
                let held = *holder
                    .entry((&run.version, score.measure, &score.part))
                    .or_insert(run);
                let key = run.key(score, source);
                if std::ptr::eq(held, *run) && seen.insert(key.clone()) {
                    out.push(reading(key, run, score));
                }
            }
        }
        out.push(last_run(source, model, newest));
        if out.len() >= MOST_ROWS {
            break;
        }
    }
    out.truncate(MOST_ROWS);
    out
}

fn reading(key: SignalKey, run: &Run, score: &Score) -> SignalReading {
    let mut reading = SignalReading::new(key, Measured::of(score.value));
    reading.at = Some(run.at);
    reading.written_at = Some(run.at);
    reading.unit = score.unit;
    reading.direction = score.direction;
    if score.lines != Lines::default() {
        reading.lines = Some(Arc::new(score.lines));
    }
    reading.n = run.samples();
    reading.tested = score.tested.clone().map(Box::new);
    reading
}

fn last_run(source: &SourceId, model: &Key, at: Millis) -> SignalReading {
    let none = Key::new("");
    let key = SignalKey {
        model: model.clone(),
        measure: Measure::LastRun,
        part: none.clone(),
        method: none.clone(),
        version: none,
        source: source.clone(),
    };
    let mut reading = SignalReading::new(key, Measured::Value(at.0 as f64 / 1_000.0));
    reading.at = Some(at);
    reading.written_at = Some(at);
    reading
}

/// The course of each signal over the runs. Another method or version is another series.
pub(super) fn series<'a>(
    source: &SourceId,
    runs: impl Iterator<Item = &'a Run>,
) -> Vec<SignalSeries> {
    let mut samples: BTreeMap<SignalKey, Vec<(Millis, f64)>> = BTreeMap::new();
    for run in runs {
        for score in &run.scores {
            let key = run.key(score, source);
            if samples.len() < MOST_ROWS || samples.contains_key(&key) {
                samples.entry(key).or_default().push((run.at, score.value));
            }
        }
    }
    samples
        .into_iter()
        .filter_map(|(key, mut samples)| {
            samples.sort_by_key(|(at, _)| *at);
            let old = samples.len().saturating_sub(MOST_POINTS);
            samples.drain(..old);
            SignalSeries::of_runs(key, samples)
        })
        .collect()
}

/// The runs of each model, newest first.
fn by_model(runs: &[Run]) -> BTreeMap<&Key, Vec<&Run>> {
    let mut models: BTreeMap<&Key, Vec<&Run>> = BTreeMap::new();
    for run in runs {
        models.entry(&run.model).or_default().push(run);
    }
    for runs in models.values_mut() {
        runs.sort_by_key(|run| std::cmp::Reverse((run.at, &run.id)));
    }
    models
}

/// The time that lies between two runs as a rule: the median.
fn usual_gap(newest_first: &[&Run]) -> Duration {
    let mut gaps: Vec<Duration> = newest_first
        .windows(2)
        .map(|pair| pair[0].at.since(pair[1].at))
        .collect();
    gaps.sort_unstable();
    gaps.get(gaps.len() / 2).copied().unwrap_or_default()
}
