//! The simulated world: one state that every server of the fleet reads, moved on by the clock.
//!
//! It knows nothing of HTTP; what the wire looks like is in `mlflow` and `serving`.

pub(crate) mod catalog;
pub(crate) mod change;
pub(crate) mod endpoint;
pub(crate) mod evidence;
pub(crate) mod files;
pub(crate) mod generate;
pub(crate) mod registry;
pub(crate) mod retrain;
pub(crate) mod run;
pub(crate) mod script;

use std::collections::HashMap;
use std::sync::Arc;

pub(crate) use self::endpoint::{Endpoint, Span};
use self::files::Recipe;
use self::registry::Model;
use self::run::{Run, Status};
use self::script::Happening;
use super::airflow::runs::Pipelines;

/// How much world there is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Scale {
    /// The demo: a dozen models of different trades, about 400 runs, eleven endpoints.
    #[default]
    Demo,
    /// A load for measurements, made by repeating the demo's models.
    Load {
        /// Registered models.
        models: usize,
        /// Versions of each model.
        versions: usize,
        /// Runs in all.
        runs: usize,
        /// Serving endpoints, one model each.
        endpoints: usize,
    },
}

/// An experiment.
#[derive(Clone, Debug)]
pub(crate) struct Experiment {
    pub(crate) id: Arc<str>,
    pub(crate) name: String,
    pub(crate) created: i64,
    pub(crate) updated: i64,
    pub(crate) deleted: bool,
    pub(crate) tags: Vec<(String, String)>,
}

/// A model as `MLflow` 3 logs it, before and beside registration.
#[derive(Clone, Debug)]
pub(crate) struct LoggedModel {
    pub(crate) id: Arc<str>,
    pub(crate) experiment: Arc<str>,
    pub(crate) run: Arc<str>,
    pub(crate) created: i64,
    pub(crate) updated: i64,
    pub(crate) recipe: Recipe,
    /// Registered versions made of it.
    pub(crate) versions: Vec<(Arc<str>, u32)>,
}

/// A right that somebody has got by making a thing.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) user: String,
    /// `registered_model` or `experiment`.
    pub(crate) kind: &'static str,
    /// The model's name or the experiment's id.
    pub(crate) resource: String,
}

/// Everything the fleet's servers know.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) experiments: Vec<Experiment>,
    pub(crate) runs: Vec<Run>,
    pub(crate) models: Vec<Model>,
    pub(crate) logged: Vec<LoggedModel>,
    pub(crate) endpoints: Vec<Endpoint>,
    /// Who made what since the start, where the registry has accounts.
    pub(crate) grants: Vec<Grant>,
    /// What the pipelines do; empty where there are none.
    pub(crate) pipelines: Pipelines,
    /// Epoch milliseconds now.
    pub(crate) now: i64,
    epoch: i64,
    seed: u64,
    made: u64,
    run_at: HashMap<Arc<str>, usize>,
    logged_at: HashMap<Arc<str>, usize>,
    model_at: HashMap<Arc<str>, usize>,
    played: usize,
    /// Counts what changed in what is served: measurements depend on it.
    revision: u64,
}

impl World {
    pub(crate) fn empty(seed: u64, epoch: i64, endpoints: Vec<Endpoint>) -> Self {
        Self {
            experiments: vec![Experiment {
                id: "0".into(),
                name: "Default".to_owned(),
                created: epoch - 200 * 86_400_000,
                updated: epoch - 200 * 86_400_000,
                deleted: false,
                tags: Vec::new(),
            }],
            runs: Vec::new(),
            models: Vec::new(),
            logged: Vec::new(),
            endpoints,
            grants: Vec::new(),
            pipelines: Pipelines::default(),
            now: epoch,
            epoch,
            seed,
            made: 0,
            run_at: HashMap::new(),
            logged_at: HashMap::new(),
            model_at: HashMap::new(),
            played: 0,
            revision: 0,
        }
    }

    /// Epoch milliseconds of the start.
    pub(crate) fn epoch(&self) -> i64 {
        self.epoch
    }

    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    /// Another number whenever what is served has changed.
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    fn index(&mut self) {
        self.run_at = (self.runs.iter().enumerate())
            .map(|(at, run)| (run.id.clone(), at))
            .collect();
        self.logged_at = (self.logged.iter().enumerate())
            .map(|(at, model)| (model.id.clone(), at))
            .collect();
        self.model_at = (self.models.iter().enumerate())
            .map(|(at, model)| (model.name.clone(), at))
            .collect();
    }

    pub(crate) fn experiment(&self, id: &str) -> Option<&Experiment> {
        self.experiments.iter().find(|known| &*known.id == id)
    }

    pub(crate) fn run(&self, id: &str) -> Option<&Run> {
        self.run_at.get(id).map(|at| &self.runs[*at])
    }

    pub(crate) fn model(&self, name: &str) -> Option<&Model> {
        self.model_at.get(name).map(|at| &self.models[*at])
    }

    pub(crate) fn model_mut(&mut self, name: &str) -> Option<&mut Model> {
        self.model_at.get(name).map(|at| &mut self.models[*at])
    }

    pub(crate) fn logged(&self, id: &str) -> Option<&LoggedModel> {
        self.logged_at.get(id).map(|at| &self.logged[*at])
    }

    pub(crate) fn endpoint_mut(&mut self, name: &str) -> Option<&mut Endpoint> {
        self.endpoints.iter_mut().find(|known| known.name == name)
    }

    /// Moves on to a time since the start, playing what the script holds until then.
    pub(crate) fn advance(&mut self, elapsed: i64, speed: f64, script: &[(i64, Happening)]) {
        while let Some((second, happening)) = script.get(self.played) {
            let at = ((*second * 1_000) as f64 / speed.max(1e-6)) as i64;
            if at > elapsed {
                break;
            }
            self.played += 1;
            self.settle(self.epoch + at);
            self.now = self.now.max(self.epoch + at);
            self.happen(*happening);
        }
        self.settle(self.epoch + elapsed);
        self.now = self.now.max(self.epoch + elapsed);
    }

    /// Lets what loads arrive until a time.
    fn settle(&mut self, until: i64) {
        self.play_pipelines(until);
        for endpoint in &mut self.endpoints {
            if endpoint.settle(until) {
                self.revision += 1;
            }
        }
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::MoveAlias { model, alias, to } => {
                self.set_alias(model, alias, to);
            }
            Happening::Register { model, alias } => {
                let number = self.add_version(model, None);
                if let (Some(alias), Some(number)) = (alias, number) {
                    self.set_alias(model, alias, number);
                }
            }
            Happening::LoadForEver { endpoint, version } => {
                let now = self.now;
                self.revision += 1;
                if let Some(endpoint) = self.endpoint_mut(endpoint) {
                    endpoint.struggle(version, now);
                }
            }
            Happening::NotReady { endpoint } => {
                self.set_ready(endpoint, false);
            }
            Happening::Serve { endpoint, version } => {
                self.serve(endpoint, version);
            }
            Happening::FailRun { experiment } => self.fail_live_run(experiment),
        }
    }

    fn fail_live_run(&mut self, experiment: &str) {
        let Some(id) = (self.experiments.iter())
            .find(|known| known.name == experiment)
            .map(|known| known.id.clone())
        else {
            return;
        };
        let now = self.now;
        for run in &mut self.runs {
            if run.experiment == id && run.status == Status::Running {
                run.status = Status::Failed;
                run.end = Some(now);
            }
        }
    }

    /// Puts an endpoint on a version at once; false when there is no such endpoint.
    pub(crate) fn serve(&mut self, endpoint: &str, version: u32) -> bool {
        let now = self.now;
        self.revision += 1;
        self.endpoint_mut(endpoint)
            .map(|endpoint| endpoint.serve(version, now))
            .is_some()
    }

    /// Makes an endpoint ready or not; false when there is no such endpoint.
    pub(crate) fn set_ready(&mut self, endpoint: &str, ready: bool) -> bool {
        let now = self.now;
        self.revision += 1;
        self.endpoint_mut(endpoint)
            .map(|endpoint| endpoint.set_ready(ready, now))
            .is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::catalog::MODELS;
    use super::*;

    fn demo(seed: u64) -> World {
        generate::world(seed, clock(), Scale::Demo, generate::endpoints(Scale::Demo))
    }

    fn clock() -> i64 {
        crate::sim::clock::MANUAL_EPOCH
    }

    #[test]
    fn same_seed_same_world_and_another_seed_another() {
        assert_eq!(format!("{:?}", demo(7).runs), format!("{:?}", demo(7).runs));
        assert_ne!(format!("{:?}", demo(7).runs), format!("{:?}", demo(8).runs));
    }

    #[test]
    fn the_catalogue_holds_what_the_demo_promises() {
        let world = demo(1);
        assert_eq!(world.models.len(), 12);
        assert!(
            (380..=420).contains(&world.runs.len()),
            "{}",
            world.runs.len()
        );
        let live = world
            .runs
            .iter()
            .filter(|run| run.status == Status::Running);
        assert_eq!(live.count(), 2);
        for entry in MODELS {
            let model = world.model(entry.name).unwrap();
            assert_eq!(
                model.live_versions().count() as u32,
                entry.versions,
                "{}",
                entry.name
            );
            let champion = model.version(entry.champion.unwrap()).unwrap();
            assert!(champion.created < clock() && champion.created > model.created - 1);
        }
        let unserved = MODELS.iter().filter(|entry| entry.serving.is_none());
        assert_eq!(unserved.count(), 1);
    }

    #[test]
    fn no_finished_run_ends_in_the_future_and_some_diverge_to_nan() {
        let world = demo(1);
        let mut nan = 0;
        for run in &world.runs {
            assert!(run.end.is_none_or(|end| end < clock()), "{}", run.name);
            nan += u32::from(run.latest(clock()).any(|(_, point)| point.value.is_nan()));
        }
        assert!(nan >= 5, "{nan} runs diverge");
    }

    #[test]
    fn scripts_are_in_order_and_name_what_exists() {
        let script = script::script(script::Scenario::Incident);
        assert!(script.is_sorted_by_key(|(second, _)| *second));
        for (_, happening) in script {
            let name = match happening {
                Happening::MoveAlias { model, .. } | Happening::Register { model, .. } => model,
                Happening::LoadForEver { endpoint, .. }
                | Happening::NotReady { endpoint }
                | Happening::Serve { endpoint, .. } => endpoint,
                Happening::FailRun { experiment } => experiment,
            };
            assert!(script::known(name), "{name}");
        }
    }

    #[test]
    fn an_alias_move_bumps_no_timestamp_and_a_new_version_does() {
        let mut world = demo(1);
        let before = world.model("fraud-detector").unwrap().clone();
        let script = script::script(script::Scenario::Incident);
        world.advance(21_000, 1.0, script);
        let after = world.model("fraud-detector").unwrap();
        assert_eq!(after.aliases["champion"], 14);
        assert_eq!(after.updated, before.updated);
        world.advance(61_000, 1.0, script);
        let ads = world.model("ad-ctr").unwrap();
        assert_eq!(ads.aliases["challenger"], 17);
        assert_eq!(ads.updated, clock() + 60_000);
    }

    #[test]
    fn live_runs_advance_with_time_and_stop_when_they_fail() {
        let mut world = demo(1);
        let script = script::script(script::Scenario::Incident);
        let id = (world.runs.iter())
            .find(|run| run.status == Status::Running && &*run.experiment == "3")
            .unwrap()
            .id
            .clone();
        let points = |world: &World| world.run(&id).unwrap().history("loss", world.now).len();
        let before = points(&world);
        world.advance(20_000, 1.0, script);
        assert_eq!(points(&world), before + 10);
        world.advance(100_000, 1.0, script);
        let stopped = points(&world);
        world.advance(200_000, 1.0, script);
        assert_eq!(points(&world), stopped);
        assert_eq!(world.run(&id).unwrap().status, Status::Failed);
    }
}
