//! The simulated fleet behind `quarterdeck demo`: real wire protocols on loopback.
//!
//! [`SimFleet::start`] opens one `MLflow` server and some serving endpoints on free loopback ports,
//! all reading one seeded world that a script moves from calm to crisis. Nothing here knows of the
//! rest of the program: clients reach it over HTTP alone, as they reach real servers.

mod airflow;
mod alertmanager;
mod clock;
mod evidently;
mod faults;
mod grafana;
mod mlflow;
mod monitoring;
mod prometheus;
mod reply;
mod samples;
mod server;
mod serving;
mod silences;
mod world;
mod writes;

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinHandle;

pub use self::airflow::{AirflowOptions, AirflowUser, AirflowVersion};
pub use self::clock::{Clock, MANUAL_EPOCH, ManualClock};
pub use self::faults::{Fault, FaultControl};
pub use self::mlflow::{Access, Account, BasicAuth, MlflowOptions};
pub use self::world::Scale;
pub use self::world::script::Scenario;
pub use self::writes::{Rival, Write, WriteFault, Writes};

use self::server::{Role, Shared};
use self::world::run::{Curve, Metric, Point, Run, Status};

/// What fleet to start.
#[derive(Clone, Debug)]
pub struct Options {
    /// Same seed, same fleet (but for its ports).
    pub seed: u64,
    /// What drives it.
    pub clock: Clock,
    /// What happens to it.
    pub scenario: Scenario,
    /// How many times faster than written the scenario plays; 1 is as written.
    pub speed: f64,
    /// How much of it there is.
    pub scale: Scale,
    /// How its `MLflow` server was started.
    pub mlflow: MlflowOptions,
    /// Whether its monitoring systems run beside it.
    pub monitoring: bool,
    /// How its `Airflow` was started; none runs beside it when `None`.
    pub airflow: Option<AirflowOptions>,
}

/// The monitoring systems by their names, which are their kinds as well.
const MONITORING: [(&str, Role); 4] = [
    ("prometheus", Role::Prometheus),
    ("alertmanager", Role::Alertmanager),
    ("evidently", Role::Evidently),
    ("grafana", Role::Grafana),
];

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 1,
            clock: Clock::Real,
            scenario: Scenario::default(),
            speed: 1.0,
            scale: Scale::default(),
            mlflow: MlflowOptions::default(),
            monitoring: false,
            airflow: None,
        }
    }
}

/// One running server of the fleet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SimEndpoint {
    /// Unique in the fleet: `mlflow`, `fraud-prod` …
    pub name: String,
    /// `mlflow`, `v2`, `tfserving`, `bentoml`, `mlflow-serve`, `airflow`, or a monitoring system's.
    pub kind: &'static str,
    /// `http://127.0.0.1:PORT`, without a slash at the end (with the prefix, where one is set).
    pub url: String,
    /// The registered model it serves, which is also its name on the wire; none for `MLflow`.
    pub model: Option<String>,
}

/// A run to add by hand.
#[derive(Clone, Debug, Default)]
pub struct NewRun {
    /// Name of an experiment that exists.
    pub experiment: String,
    /// Run name.
    pub name: String,
    /// `RUNNING` unless it has ended.
    pub finished: bool,
    /// Parameters.
    pub params: Vec<(String, String)>,
    /// Tags.
    pub tags: Vec<(String, String)>,
    /// Metric histories, a value a step from 0, one a second; may hold NaN and infinities.
    pub metrics: Vec<(String, Vec<f64>)>,
}

/// Running servers; dropping it, or [`SimFleet::stop`], ends them.
#[derive(Debug)]
pub struct SimFleet {
    shared: Arc<Shared>,
    endpoints: Vec<SimEndpoint>,
    tasks: Vec<JoinHandle<()>>,
}

impl SimFleet {
    /// Opens the fleet's servers on free loopback ports. Needs a Tokio runtime with I/O and time.
    ///
    /// # Errors
    /// When loopback has no port to give.
    pub async fn start(options: Options) -> io::Result<Self> {
        let clock = clock::Running::start(&options.clock);
        let prefix = options.mlflow.static_prefix.clone().unwrap_or_default();
        let (listener, address) = server::listen().await?;
        let mut listeners = vec![(listener, Role::Mlflow)];
        let mut endpoints = vec![SimEndpoint {
            name: "mlflow".to_owned(),
            kind: "mlflow",
            url: format!("http://{address}{prefix}"),
            model: None,
        }];
        let mut servers = world::generate::endpoints(options.scale);
        for (index, server) in servers.iter_mut().enumerate() {
            let (listener, address) = server::listen().await?;
            listeners.push((listener, Role::Endpoint(index)));
            server.url = format!("http://{address}");
            endpoints.push(SimEndpoint {
                name: server.name.clone(),
                kind: server.kind.word(),
                url: server.url.clone(),
                model: Some(server.model.to_string()),
            });
        }
        if options.monitoring {
            for (name, role) in MONITORING {
                let (listener, address) = server::listen().await?;
                listeners.push((listener, role));
                endpoints.push(SimEndpoint {
                    name: name.to_owned(),
                    kind: name,
                    url: format!("http://{address}"),
                    model: None,
                });
            }
        }
        let mut pipelines = None;
        if options.airflow.is_some() {
            let (listener, address) = server::listen().await?;
            listeners.push((listener, Role::Airflow));
            let url = format!("http://{address}");
            pipelines = Some(url.clone());
            endpoints.push(SimEndpoint {
                name: "airflow".to_owned(),
                kind: "airflow",
                url,
                model: None,
            });
        }
        let mut world = world::generate::world(options.seed, clock.epoch(), options.scale, servers);
        if let Some(url) = pipelines {
            world.remember_pipelines(&url);
        }
        let shared = Arc::new(Shared {
            world: Mutex::new(world),
            clock,
            speed: options.speed,
            scenario: options.scenario,
            faults: FaultControl::default(),
            writes: Writes::default(),
            mlflow: options.mlflow,
            airflow: options.airflow,
            monitoring: monitoring::Monitoring::default(),
        });
        let tasks = listeners
            .into_iter()
            .zip(&endpoints)
            .map(|((listener, role), endpoint)| {
                let name = endpoint.name.clone();
                tokio::spawn(server::serve(listener, name, role, Arc::clone(&shared)))
            })
            .collect();
        Ok(Self {
            shared,
            endpoints,
            tasks,
        })
    }

    /// The fleet's servers, `MLflow` first.
    pub fn endpoints(&self) -> &[SimEndpoint] {
        &self.endpoints
    }

    /// The names of all registered models, in the registry's order.
    pub fn model_names(&self) -> Vec<String> {
        self.shared
            .with(|world| world.models.iter().map(|m| m.name.to_string()).collect())
    }

    /// A server's address by its name.
    pub fn url(&self, name: &str) -> Option<&str> {
        self.endpoints
            .iter()
            .find(|endpoint| endpoint.name == name)
            .map(|endpoint| endpoint.url.as_str())
    }

    /// The switches for faults.
    pub fn faults(&self) -> &FaultControl {
        &self.shared.faults
    }

    /// What is written to the fleet, and what goes wrong with it.
    pub fn writes(&self) -> &Writes {
        &self.shared.writes
    }

    /// Time played since the start.
    pub fn elapsed(&self) -> Duration {
        Duration::from_millis(self.shared.clock.elapsed_ms().max(0) as u64)
    }

    /// The fleet's wall clock, in epoch milliseconds.
    pub fn now_ms(&self) -> i64 {
        self.shared.clock.now_ms()
    }

    /// Moves an alias, as a client of the registry would; false when the version does not exist.
    pub fn set_alias(&self, model: &str, alias: &str, version: u32) -> bool {
        self.shared
            .with(|world| world.set_alias(model, alias, version))
    }

    /// Takes an alias away; false when there was none.
    pub fn delete_alias(&self, model: &str, alias: &str) -> bool {
        self.shared.with(|world| {
            world
                .model_mut(model)
                .is_some_and(|model| model.aliases.remove(alias).is_some())
        })
    }

    /// Registers a new version, of a run or of the model's last source; gives its number.
    pub fn add_version(&self, model: &str, run_id: Option<&str>) -> Option<u32> {
        self.shared.with(|world| world.add_version(model, run_id))
    }

    /// Sets a tag of a registered model; false when there is no such model.
    pub fn set_model_tag(&self, model: &str, key: &str, value: &str) -> bool {
        self.shared.with(|world| {
            world
                .model_mut(model)
                .map(|model| model.tags.insert(key.to_owned(), value.to_owned()))
                .is_some()
        })
    }

    /// Sets a tag of a version; false when there is no such version.
    pub fn set_version_tag(&self, model: &str, version: u32, key: &str, value: &str) -> bool {
        self.shared.with(|world| {
            world
                .model_mut(model)
                .and_then(|model| model.version_mut(version))
                .map(|version| version.tags.insert(key.to_owned(), value.to_owned()))
                .is_some()
        })
    }

    /// Makes an endpoint answer a version from now on; false when there is no such endpoint.
    pub fn serve_version(&self, endpoint: &str, version: u32) -> bool {
        self.shared.with(|world| world.serve(endpoint, version))
    }

    /// Makes an endpoint take so long for loading a version, and one version fail at the end of it; false
    /// when there is no such endpoint.
    pub fn set_loading(&self, endpoint: &str, takes: Duration, broken: Option<u32>) -> bool {
        let takes = i64::try_from(takes.as_millis()).unwrap_or(i64::MAX);
        self.shared.with(|world| {
            let endpoint = world.endpoint_mut(endpoint);
            endpoint
                .map(|endpoint| endpoint.set_loading(takes, broken))
                .is_some()
        })
    }

    /// Makes an endpoint ready or not ready; false when there is no such endpoint.
    pub fn set_ready(&self, endpoint: &str, ready: bool) -> bool {
        self.shared.with(|world| world.set_ready(endpoint, ready))
    }

    /// Makes an endpoint take so long for each answer; false when there is no such endpoint.
    pub fn set_delay(&self, endpoint: &str, delay: Duration) -> bool {
        self.shared.with(|world| {
            world
                .endpoint_mut(endpoint)
                .map(|endpoint| endpoint.delay = delay.as_millis() as u64)
                .is_some()
        })
    }

    /// Stops the pipelines' scheduler, or starts it again: the server goes on taking requests.
    pub fn set_scheduler(&self, alive: bool) {
        self.shared.with(|world| {
            let now = world.now;
            world.pipelines.dead_since = (!alive).then_some(now);
            world.pipelines.wake(now);
        });
    }

    /// Adds a run that starts now; gives its id, none when the experiment does not exist.
    pub fn add_run(&self, new: NewRun) -> Option<String> {
        self.shared.with(|world| {
            let experiment = world
                .experiments
                .iter()
                .find(|known| known.name == new.experiment)?
                .id
                .clone();
            let id = world.fresh_id();
            let now = world.now;
            let boxed = |pairs: Vec<(String, String)>| {
                pairs
                    .into_iter()
                    .map(|(key, value)| (key.into(), value.into_boxed_str()))
                    .collect()
            };
            let metrics = new.metrics.into_iter().map(|(key, values)| {
                let points: Vec<Point> = (0..)
                    .zip(values)
                    .map(|(step, value)| Point {
                        value,
                        timestamp: now + step * 1_000,
                        step,
                    })
                    .collect();
                Metric {
                    key: key.into(),
                    interval: 1_000,
                    total: points.len() as u32,
                    curve: Curve::Written(points.into()),
                }
            });
            let run = Run {
                id: id.as_str().into(),
                name: new.name,
                experiment,
                user: "test".into(),
                status: if new.finished {
                    Status::Finished
                } else {
                    Status::Running
                },
                start: now,
                end: new.finished.then_some(now),
                deleted: false,
                params: boxed(new.params),
                tags: boxed(new.tags),
                metrics: metrics.collect(),
                datasets: Vec::new(),
                logged_model: None,
                artifacts: Vec::new(),
            };
            world.push_run(run);
            Some(id)
        })
    }

    /// Exposes a series that no server of the fleet has: samples a scrape apart (15 seconds), the newest
    /// last and now. `labels` hold the metric's name as `__name__`.
    pub fn expose(&self, labels: &[(&str, &str)], values: &[f64]) {
        let series = samples::written(labels, values, self.now_ms());
        self.shared.monitoring.expose(series);
    }

    /// The samples of a stretch of time (epoch milliseconds, both ends included) as `OpenMetrics` text,
    /// for `promtool tsdb create-blocks-from openmetrics`.
    pub fn openmetrics(&self, from: i64, to: i64) -> String {
        samples::export::openmetrics(&self.shared.look().samples, from, to)
    }

    /// Ends every server and waits until their ports are free.
    pub async fn stop(mut self) {
        for task in std::mem::take(&mut self.tasks) {
            task.abort();
            // The only outcome is the cancellation just asked for.
            let _ = task.await;
        }
    }
}

impl Drop for SimFleet {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}
