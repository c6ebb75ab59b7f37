//! `runs`: the runs of one experiment, filtered by the tracker and sorted here.

use std::cmp::Ordering;

use serde_json::{Value, json};

use super::documents;
use super::exit::{Exit, Failure};
use super::names;
use super::output::{Cell, Out, Table};
use super::session::Session;
use crate::cli::RunsArgs;
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::fleet::Fleet;
use crate::domain::key::{ExperimentKey, SourceId};
use crate::domain::near::nearest;
use crate::domain::observation::Feed;
use crate::domain::query::{Detail, Query};
use crate::domain::run::Run;
use crate::domain::text::Clean;
use crate::domain::time::{Millis, age, span};
use crate::runtime::headless::{Collected, Options};
use crate::ui::text::number;

/// Rows asked for at once.
const PAGE: u32 = 200;
/// Metric columns of the text form; the JSON form has all of them.
const METRICS: usize = 4;

/// Runs `runs`.
///
/// # Errors
/// When no needed source answered, there is no such experiment, or the tracker refuses the filter.
pub async fn run(session: &Session, args: &RunsArgs) -> Result<Exit, Failure> {
    let of_model = args.model.is_some();
    let options = Options {
        feeds: if of_model {
            vec![
                Feed::Models,
                Feed::Versions,
                Feed::Experiments,
                Feed::RecentRuns,
            ]
        } else {
            vec![Feed::Experiments]
        },
        ..Options::default()
    };
    let collected = session.look_with(&options).await?;
    let experiment = match (&args.experiment, &args.model) {
        (Some(name), _) => names::experiment(&collected.fleet, name)?.key.clone(),
        (None, Some(model)) => experiment_of(session, &collected, model).await?,
        (None, None) => {
            return Err(Failure::usage(
                "name an experiment, or a model with --model",
            ));
        }
    };
    let (runs, more) = fetch(session, &collected, &experiment, args).await?;
    let out = session.out();
    let sort = Sort::read(&args.sort, &runs)?;
    let mut runs = runs;
    runs.sort_by(|a, b| sort.compare(a, b));
    let name = collected
        .fleet
        .experiment(&experiment)
        .map_or_else(|| experiment.id.clean(), |h| h.fact.name.clone());
    if out.json {
        out.document(&documents::document(
            "runs",
            json!({
                "context": collected.fleet.context().name,
                "generated_at": collected.now.rfc3339(),
                "experiment": {"id": experiment.id.clean(), "name": name},
                "filter": args.filter,
                "more": more,
                "runs": runs.iter().map(document).collect::<Vec<_>>(),
            }),
        ))?;
    } else {
        out.print(&text(out, &name, &runs, &sort, collected.now))?;
    }
    if more {
        out.remark(&format!(
            "the newest {} runs only; --limit lists more",
            runs.len()
        ));
    }
    Ok(Exit::Done)
}

/// The experiment that a model's champion was trained in, else its newest version with a run.
async fn experiment_of(
    session: &Session,
    collected: &Collected,
    name: &str,
) -> Result<ExperimentKey, Failure> {
    let fleet = &collected.fleet;
    let model = names::model(fleet, name)?;
    let versions = fleet.versions(&model.key);
    let champion = model.champion.as_ref();
    let of_champion = versions
        .iter()
        .find(|h| champion.is_some_and(|c| c.key == h.fact.key.version));
    let held = of_champion
        .into_iter()
        .chain(versions)
        .find(|h| h.fact.run.is_some());
    let Some((source, run)) = held.and_then(|h| Some((&h.source, h.fact.run.as_ref()?))) else {
        return Err(
            Failure::usage(format!("no version of {} names a run", model.name))
                .advice("name the experiment instead"),
        );
    };
    if let Some(key) = fleet
        .runs()
        .find(run)
        .and_then(|row| fleet.runs().experiment(row))
    {
        return Ok(key.clone());
    }
    let query = Query::Run(run.clone());
    match collected.fetch(source, query, session.deadline).await {
        Ok((_, Detail::Run(run))) => Ok(run.experiment.clone()),
        Ok(_) => Err(Failure::internal(
            "a run was asked for and something else came",
        )),
        Err(fault) => Err(refused(&fault, "")),
    }
}

async fn fetch(
    session: &Session,
    collected: &Collected,
    experiment: &ExperimentKey,
    args: &RunsArgs,
) -> Result<(Vec<Run>, bool), Failure> {
    let Some(source) = source_of(&collected.fleet, experiment) else {
        return Err(Failure::no_answer("the tracker did not answer"));
    };
    let mut runs: Vec<Run> = Vec::new();
    let mut page = None;
    loop {
        let left = args
            .limit
            .saturating_sub(u32::try_from(runs.len()).unwrap_or(u32::MAX));
        if left == 0 {
            return Ok((runs, page.is_some()));
        }
        let query = Query::Runs {
            experiment: experiment.clone(),
            filter: Clean::text(&args.filter),
            limit: left.min(PAGE),
            page: page.take(),
        };
        match collected.fetch(&source, query, session.deadline).await {
            Ok((_, Detail::Runs { runs: rows, next })) => {
                let empty = rows.is_empty();
                runs.extend(rows);
                if next.is_none() || empty {
                    return Ok((runs, false));
                }
                page = next;
            }
            Ok(_) => {
                return Err(Failure::internal(
                    "runs were asked for and something else came",
                ));
            }
            Err(fault) => return Err(refused(&fault, &args.filter)),
        }
    }
}

fn source_of(fleet: &Fleet, experiment: &ExperimentKey) -> Option<SourceId> {
    fleet
        .experiment(experiment)
        .map(|h| h.source.clone())
        .or_else(|| {
            // A deleted experiment is not listed; its runs may still be behind a version.
            let settings = fleet.settings();
            let tracker = settings
                .sources
                .iter()
                .find(|s| s.url.trim_end_matches('/') == experiment.tracker.base.raw());
            tracker.map(|s| SourceId::new(&s.name))
        })
}

/// The tracker's own words: for a filter that it refuses, they are what helps.
fn refused(fault: &Fault, filter: &str) -> Failure {
    if fault.kind == FaultKind::Refused && !filter.is_empty() {
        return Failure::usage(format!("the tracker refuses the filter: {}", fault.detail));
    }
    Failure::no_answer(fault.line()).advice(fault.kind.advice())
}

/// By what and which way runs are sorted.
struct Sort {
    column: String,
    descending: bool,
}

impl Sort {
    /// Reads `COLUMN` or `-COLUMN`; an unknown column is a mistake only where there are runs.
    fn read(text: &str, runs: &[Run]) -> Result<Self, Failure> {
        let (column, descending) = text.strip_prefix('-').map_or((text, false), |c| (c, true));
        let own = ["started", "duration", "name", "status", "user"];
        let known = |name: &str| {
            own.contains(&name)
                || runs
                    .iter()
                    .any(|r| r.metric(name).is_some() || r.param(name).is_some())
        };
        if runs.is_empty() || known(column) {
            return Ok(Self {
                column: column.to_owned(),
                descending,
            });
        }
        let metrics = runs
            .iter()
            .flat_map(|r| r.metrics.iter().map(|m| m.name.shown.as_str()));
        let failure = Failure::usage(format!("no run has a column `{}`", Clean::name(column)));
        Err(match nearest(column, own.into_iter().chain(metrics)) {
            Some(near) => failure.advice(format!("did you mean `{near}`?")),
            None => failure
                .advice("sort by started, duration, name, status, user, a metric or a parameter"),
        })
    }

    fn number(&self, run: &Run) -> Option<f64> {
        let value = match self.column.as_str() {
            "started" => Some(run.started.0 as f64),
            "duration" => run.ended.map(|end| end.since(run.started).as_secs_f64()),
            column => run
                .metric(column)
                .or_else(|| run.param(column).and_then(|p| p.as_str().parse().ok())),
        };
        value.filter(|v| !v.is_nan())
    }

    fn word(&self, run: &Run) -> Option<String> {
        match self.column.as_str() {
            "name" => Some(run.name.to_string()),
            "status" => Some(run.status.word().to_owned()),
            "user" => Some(run.user.to_string()),
            column => run.param(column).map(Clean::to_string),
        }
    }

    /// Runs without the value come last, whichever way.
    fn compare(&self, a: &Run, b: &Run) -> Ordering {
        let turn = |order: Ordering| {
            if self.descending {
                order.reverse()
            } else {
                order
            }
        };
        let numbers = (self.number(a), self.number(b));
        let order = match numbers {
            (Some(x), Some(y)) => turn(x.total_cmp(&y)),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => match (self.word(a), self.word(b)) {
                (Some(x), Some(y)) => turn(x.cmp(&y)),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => Ordering::Equal,
            },
        };
        order
            .then_with(|| b.started.cmp(&a.started))
            .then_with(|| a.key.cmp(&b.key))
    }
}

/// The metrics worth a column: the one sorted by, then those that most runs have.
fn columns<'a>(runs: &'a [Run], sort: &'a Sort) -> Vec<&'a Clean> {
    let mut counts: Vec<(&Clean, usize)> = Vec::new();
    for metric in runs.iter().flat_map(|r| r.metrics.iter()) {
        match counts
            .iter_mut()
            .find(|(name, _)| **name == metric.name.shown)
        {
            Some((_, count)) => *count += 1,
            None => counts.push((&metric.name.shown, 1)),
        }
    }
    counts.sort_by(|a, b| {
        let first = |name: &Clean| *name == *sort.column;
        let order = first(b.0).cmp(&first(a.0));
        order.then_with(|| b.1.cmp(&a.1)).then_with(|| a.0.cmp(b.0))
    });
    counts
        .into_iter()
        .take(METRICS)
        .map(|(name, _)| name)
        .collect()
}

fn text(out: &Out, experiment: &Clean, runs: &[Run], sort: &Sort, now: Millis) -> String {
    if runs.is_empty() {
        return format!("{experiment} has no runs that match\n");
    }
    let metrics = columns(runs, sort);
    let mut table = Table::new(&[
        "RUN", "ID", "STATUS", ">AGE", ">TOOK", "USER", "DATASET", "METRICS",
    ]);
    for run in runs {
        let took = run.ended.map(|end| end.since(run.started));
        let dataset = run.datasets.first();
        let values: Vec<String> = metrics
            .iter()
            .map(|name| {
                let value = run.metric(name.as_str());
                format!(
                    "{name} {}",
                    value.map_or_else(|| out.none().to_owned(), number)
                )
            })
            .collect();
        table.row(vec![
            (&run.name).into(),
            run.key.id.clean().into(),
            status(out, run),
            age(now.since(run.started)).into(),
            took.map_or_else(|| out.none().to_owned(), span).into(),
            (&run.user).into(),
            dataset.map_or_else(|| out.none().into(), |d| (&d.name).into()),
            values.join("  ").into(),
        ]);
    }
    format!("{experiment}   {} runs\n\n{}", runs.len(), table.render())
}

fn status(out: &Out, run: &Run) -> Cell {
    let sgr = match run.status.word() {
        "failed" => "1;31",
        "killed" => "33",
        "running" => "36",
        _ => "",
    };
    out.cell(run.status.word(), sgr)
}

fn document(run: &Run) -> Value {
    let texts = |pairs: &[(Clean, Clean)]| -> Value {
        pairs
            .iter()
            .map(|(k, v)| (k.to_string(), Value::String(v.to_string())))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    let metrics: serde_json::Map<_, _> = run
        .metrics
        .iter()
        .map(|m| {
            let mut value = documents::measured(Some(m.value), Some(m.at), None);
            if let Value::Object(fields) = &mut value {
                fields.insert("step".to_owned(), json!(m.step));
            }
            (m.name.shown.to_string(), value)
        })
        .collect();
    json!({
        "id": run.key.id.clean(),
        "name": run.name,
        "status": run.status.word(),
        "user": run.user,
        "started_at": run.started.rfc3339(),
        "ended_at": run.ended.map(Millis::rfc3339),
        "metrics": metrics,
        "params": texts(&run.params),
        "tags": texts(&run.tags),
        "datasets": run.datasets.iter().map(|d| json!({
            "name": d.name, "digest": d.digest, "context": d.context,
        })).collect::<Vec<_>>(),
        "artifacts": run.artifacts,
    })
}
