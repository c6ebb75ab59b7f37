//! The load: rows as adapters would send them, seeded, so that two runs measure the same.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use quarterdeck::domain::deployment::{EndpointReading, Health, Known, ServedState, ServedVersion};
use quarterdeck::domain::fleet::Fleet;
use quarterdeck::domain::key::{
    DeploymentKind, ExperimentKey, Key, ModelKey, RegistryKey, RunKey, SourceId, VersionKey,
};
use quarterdeck::domain::model::{Alias, ModelVersion, Name, RegisteredModel, VersionStatus};
use quarterdeck::domain::observation::{
    ContextRef, Coverage, Feed, Observation, PollReport, ROWS_PER_MESSAGE, Rows, Scope,
};
use quarterdeck::domain::run::{DatasetUse, Experiment, LastMetric, Run, RunStatus};
use quarterdeck::domain::settings::{
    Context, DeploymentSettings, Follows, Rollout, Settings, SourceKind, SourceSettings,
};
use quarterdeck::domain::signal::{Measure, Measured, SignalKey, SignalReading};
use quarterdeck::domain::text::Clean;
use quarterdeck::domain::time::Millis;
use quarterdeck::intent::msg::Msg;

pub(crate) const MODELS: usize = 2_000;
pub(crate) const VERSIONS: usize = 20;
pub(crate) const RUNS: usize = 100_000;
pub(crate) const EXPERIMENTS: usize = 50;
pub(crate) const ENDPOINTS: usize = 500;
/// Series of one model: its traffic, its features' drift, its quality.
pub(crate) const SERIES: usize = 25;
/// Observations a second.
pub(crate) const OBSERVATIONS: usize = 400;
/// Changed rows in one of them at most.
pub(crate) const ROWS: usize = 50;

/// When the load was first read.
pub(crate) const EPOCH: Millis = Millis(1_795_442_520_000);
const DAY: i64 = 86_400_000;
const BASE: &str = "http://mlflow.example:5000";
const OWNERS: [&str; 6] = [
    "risk-ml",
    "growth",
    "search",
    "logistics",
    "vision",
    "pricing",
];
const METRICS: [&str; 5] = ["val_auc", "val_loss", "train_loss", "precision", "recall"];
const PARAMS: [&str; 8] = [
    "learning_rate",
    "batch_size",
    "max_depth",
    "epochs",
    "optimizer",
    "seed",
    "dropout",
    "features",
];

/// A message's worth of the load: made when it is told, so that nothing holds it twice.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part {
    /// Models from this one on.
    Models(usize),
    /// Versions from this one on, counted over all models.
    Versions(usize),
    /// So many experiments.
    Experiments(usize),
    /// Runs from this one on, in so many experiments.
    Runs { from: usize, experiments: usize },
    /// One endpoint.
    Endpoint(usize),
    /// Readings from this one on, counted over all models.
    Signals(usize),
}

/// What the fleet is made of, and what has been told of it so far.
#[derive(Debug)]
pub(crate) struct Load {
    pub(crate) context: Arc<ContextRef>,
    pub(crate) settings: Arc<Settings>,
    registry: Arc<RegistryKey>,
    champions: Vec<usize>,
    rng: Rng,
    turn: usize,
    told: u64,
}

impl Load {
    pub(crate) fn new() -> Self {
        let mut settings = Settings::default();
        let context = settings_of();
        "load".clone_into(&mut settings.context);
        settings
            .contexts
            .insert("load".to_owned(), Arc::new(context));
        Self {
            context: Arc::new(ContextRef {
                name: Clean::name("load"),
                generation: 0,
            }),
            settings: Arc::new(settings),
            registry: Arc::new(RegistryKey {
                base: Key::new(BASE),
                workspace: Key::new(""),
            }),
            champions: vec![VERSIONS; MODELS],
            rng: Rng::with_seed(7),
            turn: 0,
            told: 0,
        }
    }

    /// The context's settings.
    pub(crate) fn of_context(&self) -> &Context {
        &self.settings.contexts["load"]
    }

    pub(crate) fn model_key(&self, model: usize) -> ModelKey {
        ModelKey {
            registry: Arc::clone(&self.registry),
            name: Key::new(&model_name(model)),
            created: Millis(EPOCH.0 - 200 * DAY),
        }
    }

    pub(crate) fn experiment_key(&self, experiment: usize) -> ExperimentKey {
        ExperimentKey {
            tracker: Arc::clone(&self.registry),
            id: Key::new(&(experiment + 1).to_string()),
        }
    }

    pub(crate) fn run_key(&self, run: usize) -> RunKey {
        RunKey {
            tracker: Arc::clone(&self.registry),
            id: Key::new(&run_id(run)),
        }
    }

    fn model(&self, model: usize) -> RegisteredModel {
        let alias = |name: &str, version: usize| Alias {
            name: Name::new(name),
            version: Key::new(&version.to_string()),
        };
        let champion = self.champions[model];
        RegisteredModel {
            key: self.model_key(model),
            name: Clean::name(&model_name(model)),
            updated: Millis(EPOCH.0 - DAY),
            description: Clean::text("Scores each request between 0 and 1; retrained weekly."),
            tags: Arc::from([
                (
                    Clean::name("quarterdeck.owner"),
                    Clean::text(OWNERS[model % OWNERS.len()]),
                ),
                (
                    Clean::name("quarterdeck.runbook"),
                    Clean::text(&format!("https://runbooks.example/{}", model_name(model))),
                ),
            ]),
            aliases: Arc::from([alias("challenger", VERSIONS), alias("champion", champion)]),
        }
    }

    fn version(&self, model: usize, number: usize, review: u64) -> ModelVersion {
        let run = run_of(model, number);
        ModelVersion {
            key: VersionKey {
                model: self.model_key(model),
                version: Key::new(&number.to_string()),
            },
            version: Clean::name(&number.to_string()),
            created: Millis(EPOCH.0 - 200 * DAY + number as i64 * 5 * DAY),
            updated: Millis(EPOCH.0 - 100 * DAY),
            stage: None,
            description: Clean::empty(),
            source: Clean::text(&format!("models:/m-{}", run_id(run))),
            run: Some(self.run_key(run)),
            logged_model: Some(Key::new(&format!("m-{}", run_id(run)))),
            status: VersionStatus::Ready,
            status_message: Clean::empty(),
            tags: Arc::from([
                (
                    Clean::name("data"),
                    Clean::text(&format!("2026-{:02}", number % 12 + 1)),
                ),
                (
                    Clean::name("review"),
                    Clean::text(&format!("passed {review}")),
                ),
            ]),
        }
    }

    fn endpoint(&self, endpoint: usize, micros: u64) -> EndpointReading {
        let settings = &self.of_context().deployments[endpoint];
        EndpointReading {
            key: settings.key(),
            name: Clean::name(&settings.name),
            health: Health::Ready,
            message: Clean::empty(),
            versions: vec![ServedVersion {
                version: Key::new(&VERSIONS.to_string()),
                known: Known::Reported,
                state: ServedState::Answering,
                message: Clean::empty(),
            }],
            default_version: None,
            server: Clean::name("mlserver 1.7.1"),
            latency: Some(Duration::from_micros(micros)),
            versions_unread: Clean::empty(),
            versions_at: None,
        }
    }

    fn experiment(&self, experiment: usize) -> Experiment {
        Experiment {
            key: self.experiment_key(experiment),
            name: Clean::name(&format!("training-{experiment:02}")),
            created: Millis(EPOCH.0 - 200 * DAY),
            updated: Millis(EPOCH.0 - 200 * DAY),
            tags: Arc::from([]),
        }
    }

    /// A run; `step` moves its metrics on. The newest of each experiment are live.
    pub(crate) fn run(&self, run: usize, step: u64, experiments: usize) -> Run {
        let mut rng = Rng::with_seed(run as u64 ^ 0x9e37_79b9);
        let live = run + 200 >= RUNS;
        let started = EPOCH.0 + (run as i64 - RUNS as i64) * 60_000;
        let tag = |key: &str, value: &str| (Clean::name(key), Clean::text(value));
        Run {
            key: self.run_key(run),
            experiment: self.experiment_key(run % experiments),
            name: Clean::name(&format!("bold-crane-{run}")),
            user: Clean::name(["ana", "kim", "ci-bot", "lee"][run % 4]),
            status: if live {
                RunStatus::Running
            } else if run.is_multiple_of(17) {
                RunStatus::Failed
            } else {
                RunStatus::Finished
            },
            started: Millis(started),
            ended: (!live).then_some(Millis(started + 1_800_000)),
            deleted: false,
            artifacts: Clean::text(&format!(
                "s3://artifacts/{}/{}/artifacts",
                run % 50,
                run_id(run)
            )),
            metrics: METRICS
                .iter()
                .map(|name| LastMetric {
                    name: Name::new(name),
                    value: rng.f64() + step as f64 * 1e-6,
                    step: step as i64,
                    at: Millis(started + step as i64),
                })
                .collect(),
            params: PARAMS
                .iter()
                .map(|name| tag(name, &format!("{}", rng.u32(1..64))))
                .collect(),
            tags: Arc::from([
                tag("mlflow.source.name", "train.py"),
                tag("mlflow.source.type", "JOB"),
                tag("mlflow.source.git.commit", &format!("{:040x}", run / 40)),
                tag("mlflow.runName", &format!("bold-crane-{run}")),
                tag("team", OWNERS[run % OWNERS.len()]),
            ]),
            datasets: Arc::from([DatasetUse {
                name: Clean::name("payments"),
                digest: Clean::name(&format!("{:08x}", run / 500)),
                context: Clean::name("training"),
                source_kind: Clean::name("s3"),
                source: Clean::text("s3://data/payments.parquet"),
            }]),
            outputs: Arc::from([]),
        }
    }

    fn observation(&self, feed: Feed, at: Millis, coverage: Coverage, rows: Rows) -> Observation {
        self.observation_of("mlflow", feed, at, coverage, rows)
    }

    fn observation_of(
        &self,
        source: &str,
        feed: Feed,
        at: Millis,
        coverage: Coverage,
        rows: Rows,
    ) -> Observation {
        Observation {
            context: Arc::clone(&self.context),
            source: SourceId::new(source),
            feed,
            asked_at: at,
            server_time: Some(at),
            coverage,
            upserts: rows,
            gone: Vec::new(),
        }
    }

    fn report(&self, source: &str, feed: Feed, at: Millis) -> Msg {
        Msg::Polled(Box::new(PollReport {
            partial: None,
            context: Arc::clone(&self.context),
            source: SourceId::new(source),
            feed,
            asked_at: at,
            took_ms: 40,
            clock_skew_ms: Some(3),
            fault: None,
            next_at: at.plus(Duration::from_secs(90)),
        }))
    }

    /// A full sweep of the registry, part by part.
    pub(crate) fn sweep() -> Vec<Part> {
        let versions = (0..MODELS * VERSIONS)
            .step_by(ROWS_PER_MESSAGE)
            .map(Part::Versions);
        (0..MODELS)
            .step_by(ROWS_PER_MESSAGE)
            .map(Part::Models)
            .chain(versions)
            .collect()
    }

    /// Experiments with every run, `experiments` of them.
    pub(crate) fn tracker(experiments: usize) -> Vec<Part> {
        let runs = (0..RUNS)
            .step_by(ROWS_PER_MESSAGE)
            .map(|from| Part::Runs { from, experiments });
        [Part::Experiments(experiments)]
            .into_iter()
            .chain(runs)
            .collect()
    }

    /// Everything, in the order in which a first poll brings it.
    pub(crate) fn everything() -> Vec<Part> {
        let mut all = Self::unmonitored();
        all.extend(Self::signals());
        all
    }

    /// Everything but what monitoring says.
    pub(crate) fn unmonitored() -> Vec<Part> {
        let mut all = Self::sweep();
        all.extend(Self::tracker(EXPERIMENTS));
        all.extend((0..ENDPOINTS).map(Part::Endpoint));
        all
    }

    /// A reading of every series.
    pub(crate) fn signals() -> Vec<Part> {
        (0..MODELS * SERIES)
            .step_by(ROWS_PER_MESSAGE)
            .map(Part::Signals)
            .collect()
    }

    /// One reading; another `turn`, another number, now and then over its line.
    pub(crate) fn reading(model: usize, series: usize, turn: u64) -> SignalReading {
        let mut rng = Rng::with_seed((model * SERIES + series) as u64 ^ (turn << 32));
        let traffic = [
            (Measure::Requests, 50.0),
            (Measure::ErrorRatio, 0.02),
            (Measure::LatencyP50, 0.05),
            (Measure::LatencyP95, 0.2),
            (Measure::LatencyP99, 0.4),
            (Measure::PredictionDrift, 0.12),
            (Measure::DriftShare, 0.3),
            (Measure::QualityRealised, 1.0),
        ];
        let (measure, most, part, method) = match traffic.get(series) {
            Some((measure @ Measure::PredictionDrift, most)) => (*measure, *most, "score", "PSI"),
            Some((measure @ Measure::QualityRealised, most)) => (*measure, *most, "val_auc", ""),
            Some((measure, most)) => (*measure, *most, "", ""),
            None => (Measure::FeatureDrift, 0.22, "", "PSI"),
        };
        let part = match measure {
            Measure::FeatureDrift => Key::new(&format!("feature_{series:02}")),
            _ => Key::new(part),
        };
        let key = SignalKey {
            model: Key::new(&model_name(model)),
            measure,
            part,
            method: Key::new(method),
            version: Key::new(""),
            source: SourceId::new("prom"),
        };
        SignalReading {
            n: Some(20_000),
            ..SignalReading::new(key, Measured::of(rng.f64() * most))
        }
    }

    /// A message of 128 readings that have changed, of as many models: as one query answers.
    pub(crate) fn changed_readings(&self, turn: usize, at: Millis) -> Msg {
        let series = turn % SERIES;
        let first = turn * ROWS_PER_MESSAGE;
        let row = |n: usize| Self::reading((first + n) % MODELS, series, 1 + turn as u64);
        let rows = Rows::Signals((0..ROWS_PER_MESSAGE).map(row).collect());
        let partial = Coverage::Partial;
        Msg::Observed(Box::new(self.observation_of(
            "prom",
            Feed::Signals,
            at,
            partial,
            rows,
        )))
    }

    /// A part as its actor would tell it: rows, and the report after the last of them.
    pub(crate) fn part(&mut self, part: Part, at: Millis) -> Vec<Msg> {
        let upto = |from: usize, of: usize| (from + ROWS_PER_MESSAGE).min(of);
        let full = |from: usize, of: usize, scope: Scope| {
            if upto(from, of) == of {
                Coverage::Full(scope)
            } else {
                Coverage::Partial
            }
        };
        let (feed, coverage, rows) = match part {
            Part::Endpoint(endpoint) => return self.poll_endpoint(endpoint, at).into(),
            Part::Models(from) => {
                let rows = (from..upto(from, MODELS)).map(|m| self.model(m)).collect();
                (
                    Feed::Models,
                    full(from, MODELS, Scope::Models),
                    Rows::Models(rows),
                )
            }
            Part::Versions(from) => {
                let all = MODELS * VERSIONS;
                let row = |v: usize| self.version(v / VERSIONS, v % VERSIONS + 1, 0);
                let rows = (from..upto(from, all)).map(row).collect();
                (
                    Feed::Versions,
                    full(from, all, Scope::Versions),
                    Rows::Versions(rows),
                )
            }
            Part::Signals(from) => {
                let all = MODELS * SERIES;
                let row = |s: usize| Self::reading(s / SERIES, s % SERIES, 0);
                let rows = Rows::Signals((from..upto(from, all)).map(row).collect());
                let coverage = full(from, all, Scope::Signals);
                let ends = coverage != Coverage::Partial;
                let observation = self.observation_of("prom", Feed::Signals, at, coverage, rows);
                let mut messages = vec![Msg::Observed(Box::new(observation))];
                messages.extend(ends.then(|| self.report("prom", Feed::Signals, at)));
                return messages;
            }
            Part::Experiments(count) => {
                let rows = (0..count).map(|e| self.experiment(e)).collect();
                let scope = Coverage::Full(Scope::Experiments);
                (Feed::Experiments, scope, Rows::Experiments(rows))
            }
            Part::Runs { from, experiments } => {
                let rows = (from..upto(from, RUNS))
                    .map(|r| self.run(r, 0, experiments))
                    .collect();
                (Feed::RecentRuns, Coverage::Partial, Rows::Runs(rows))
            }
        };
        let ends = coverage != Coverage::Partial;
        let observation = self.observation(feed, at, coverage, rows);
        let mut messages = vec![Msg::Observed(Box::new(observation))];
        messages.extend(ends.then(|| self.report("mlflow", feed, at)));
        messages
    }

    /// Runs as a delta tick brings them.
    pub(crate) fn runs(&self, at: Millis, rows: Vec<Run>) -> Msg {
        let rows = Rows::Runs(rows);
        Msg::Observed(Box::new(self.observation(
            Feed::RecentRuns,
            at,
            Coverage::Tail(at),
            rows,
        )))
    }

    fn poll_endpoint(&mut self, endpoint: usize, at: Millis) -> [Msg; 2] {
        let micros = self.rng.u64(800..4_000);
        let reading = self.endpoint(endpoint, micros);
        let name = endpoint_name(endpoint);
        let rows = Rows::Endpoints(vec![reading]);
        let full = Coverage::Full(Scope::Endpoints);
        let observation = self.observation_of(&name, Feed::Endpoint, at, full, rows);
        [
            Msg::Observed(Box::new(observation)),
            self.report(&name, Feed::Endpoint, at),
        ]
    }

    /// The next of the 400 observations of a second, in turn models, versions, runs and an endpoint,
    /// each of 50 changed rows but the last, which has one; with its report.
    pub(crate) fn next(&mut self, at: Millis) -> [Msg; 2] {
        self.turn += 1;
        self.told += 1;
        let turn = self.turn / 4;
        let rows = turn * ROWS..(turn + 1) * ROWS;
        let tail = Coverage::Tail(at);
        let (feed, rows) = match self.turn % 4 {
            0 => {
                let moved = rows.map(|m| {
                    let model = m % MODELS;
                    self.champions[model] = 1 + (self.champions[model] + 7) % VERSIONS;
                    self.model(model)
                });
                (Feed::WatchedModels, Rows::Models(moved.collect()))
            }
            1 => {
                let told = self.told;
                let row = |v: usize| self.version(v % MODELS, v % VERSIONS + 1, told);
                (
                    Feed::NewestVersions,
                    Rows::Versions(rows.map(row).collect()),
                )
            }
            2 => {
                let told = self.told;
                let row = |r: usize| self.run(RUNS - 1 - r % 200, told, EXPERIMENTS);
                (Feed::RecentRuns, Rows::Runs(rows.map(row).collect()))
            }
            _ => return self.poll_endpoint(turn % ENDPOINTS, at),
        };
        let observation = self.observation(feed, at, tail, rows);
        [
            Msg::Observed(Box::new(observation)),
            self.report("mlflow", feed, at),
        ]
    }

    /// A poll of everything that found nothing new, as a calm minute holds.
    pub(crate) fn calm(&mut self, at: Millis) -> Vec<Msg> {
        let feeds = [
            Feed::WatchedModels,
            Feed::Models,
            Feed::NewestVersions,
            Feed::Versions,
            Feed::Experiments,
            Feed::RecentRuns,
        ];
        let mut all: Vec<Msg> = feeds
            .iter()
            .map(|f| self.report("mlflow", *f, at))
            .collect();
        all.push(self.report("prom", Feed::Signals, at));
        for endpoint in 0..ENDPOINTS {
            all.extend(self.poll_endpoint(endpoint, at));
        }
        all
    }

    /// A fleet that holds everything.
    pub(crate) fn fleet(&mut self) -> Fleet {
        let context = Arc::new(self.of_context().clone());
        let mut fleet = Fleet::new(Arc::clone(&self.context), context);
        for part in Self::everything() {
            for message in self.part(part, EPOCH) {
                match message {
                    Msg::Observed(observation) => {
                        fleet.merge(*observation, EPOCH);
                    }
                    Msg::Polled(report) => fleet.record(&report, EPOCH),
                    _ => {}
                }
            }
        }
        fleet
    }
}

/// The run that made a version.
fn run_of(model: usize, number: usize) -> usize {
    (model * VERSIONS + number) * (RUNS / (MODELS * VERSIONS)) % RUNS
}

pub(crate) fn model_name(model: usize) -> String {
    format!("fraud-detector-{model:04}")
}

fn endpoint_name(endpoint: usize) -> String {
    format!("endpoint-{endpoint:04}")
}

fn run_id(run: usize) -> String {
    format!(
        "{:032x}",
        (run as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
    )
}

fn settings_of() -> Context {
    let mut context = Context {
        name: Clean::name("load"),
        sources: vec![
            SourceSettings::new("mlflow", SourceKind::Mlflow, BASE),
            SourceSettings::new("prom", SourceKind::Prometheus, "http://prom.example:9090"),
        ],
        ..Context::default()
    };
    for endpoint in 0..ENDPOINTS {
        let (name, kind) = (endpoint_name(endpoint), DeploymentKind::V2);
        let url = format!("http://serving.example:{}", 9_000 + endpoint);
        context
            .sources
            .push(SourceSettings::new(&name, SourceKind::Serving(kind), &url));
        context.deployments.push(DeploymentSettings {
            name,
            kind,
            url,
            model: Some(model_name(endpoint)),
            served_name: None,
            follows: Follows::Default,
            environment: Some("prod".to_owned()),
            version_map: None,
            declared_version: None,
            hold: None,
            rollout: Rollout::None,
            hook: None,
        });
    }
    context
}
