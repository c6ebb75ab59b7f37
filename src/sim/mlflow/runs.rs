//! `runs/*`.

use std::borrow::Cow;
use std::collections::HashSet;

use serde_json::{Value, json};

use super::args::Args;
use super::error::Failure;
use super::experiments::{check_id, check_size, view};
use super::filter::{self, Entity, RUNS, Row};
use super::{Answer, page, wire};
use crate::sim::reply::Fields;
use crate::sim::world::World;
use crate::sim::world::run::Run;

/// A run as it stands at a time.
struct At<'a> {
    run: &'a Run,
    now: i64,
}

impl Row for At<'_> {
    fn text(&self, entity: Entity, key: &str) -> Option<Cow<'_, str>> {
        let run = self.run;
        match entity {
            Entity::Param => run.param(key).map(Cow::from),
            Entity::Tag => run.tag(key).map(Cow::from),
            Entity::Attribute => match key {
                "run_id" => Some(Cow::from(&*run.id)),
                "run_name" | "run name" | "Run name" | "Run Name" => Some(Cow::from(&run.name)),
                "user_id" => Some(Cow::from(&*run.user)),
                "status" => Some(Cow::from(run.status.wire())),
                "artifact_uri" => Some(Cow::from(wire::artifact_uri(run))),
                _ => None,
            },
            Entity::Metric | Entity::Dataset => None,
        }
    }

    fn number(&self, entity: Entity, key: &str) -> Option<f64> {
        match (entity, key) {
            (Entity::Metric, key) => self.run.metric(key, self.now),
            (_, "start_time" | "created" | "Created") => Some(self.run.start as f64),
            (_, "end_time") => self.run.end.map(|end| end as f64),
            _ => None,
        }
    }

    fn datasets(&self, key: &str) -> Vec<Cow<'_, str>> {
        self.run
            .datasets
            .iter()
            .map(|dataset| match key {
                "name" => Cow::from(&dataset.name),
                "digest" => Cow::from(&dataset.digest),
                _ => Cow::from(dataset.context),
            })
            .collect()
    }
}

pub(crate) fn search(world: &World, args: &Args) -> Answer {
    let size = args.int_up_to("max_results", 50_000)?.unwrap_or(1_000);
    check_size(size)?;
    let clauses = filter::parse(&args.text("filter")?.unwrap_or_default(), &RUNS)?;
    let keys = filter::order_by(&args.texts("order_by")?, &RUNS)?;
    let offset = page::offset(args.text("page_token")?.as_deref())?;
    let (active, deleted) = view(args, "run_view_type");
    let wanted = args.list("experiment_ids")?;
    wanted.iter().try_for_each(|id| check_id(id))?;
    // A deleted experiment's runs are hidden with it.
    let experiments: HashSet<&str> = wanted
        .iter()
        .map(String::as_str)
        .filter(|id| world.experiment(id).is_some_and(|known| !known.deleted))
        .collect();
    let now = world.now;
    let mut rows: Vec<At<'_>> = world
        .runs
        .iter()
        .filter(|run| experiments.contains(&*run.experiment))
        .filter(|run| if run.deleted { deleted } else { active })
        .map(|run| At { run, now })
        .filter(|row| filter::matches(&clauses, row))
        .collect();
    rows.sort_by(|a, b| {
        keys.iter()
            .map(|key| key.compare(a, b))
            .find(|ordering| ordering.is_ne())
            .unwrap_or_else(|| b.run.start.cmp(&a.run.start).then(a.run.id.cmp(&b.run.id)))
    });
    let (rows, next) = page::page(rows, offset, size as usize);
    let rows: Vec<Value> = rows.iter().map(|row| wire::run(row.run, now)).collect();
    Ok(Fields::new()
        .list("runs", rows)
        .some("next_page_token", next)
        .done())
}

/// A run, deleted or not.
pub(crate) fn find<'a>(world: &'a World, id: &str) -> Result<&'a Run, Failure> {
    world
        .run(id)
        .ok_or_else(|| Failure::missing(format!("Run with id={id} not found")))
}

pub(crate) fn get(world: &World, args: &Args) -> Answer {
    let id = args.run_id()?;
    let run = find(world, &id)?;
    Ok(json!({"run": wire::run(run, world.now)}))
}
