//! `demo`: the embedded simulated fleet as a context of its own, for the console, for other clients
//! (`--serve`) and for every headless command (`--demo`).

use std::time::Duration;

use super::exit::{Exit, Failure};
use super::output::{Out, Reader};
use super::session::Session;
use crate::cli::{DemoArgs, Global, ScenarioWord, TroubleWord};
use crate::config::presets;
use crate::domain::fleet::Fleet;
use crate::domain::key::DeploymentKind;
use crate::domain::settings::{
    Context, DeploymentSettings, Follows, Hook, HookKind, ModelSettings, Policy, Rollout,
    SourceKind, SourceSettings, VersionMap, Writes,
};
use crate::domain::text::Clean;
use crate::domain::time::Millis;
use crate::domain::writing::{Convergence, WritePolicy};
use crate::runtime::clock::Clock;
use crate::runtime::headless::{Collected, Options, collect_into};
use crate::runtime::signals::told_to_end;
use crate::sim::{
    self, AirflowOptions, ManualClock, Rival, Scenario, SimEndpoint, SimFleet, WriteFault,
};

/// The name of the context.
const NAME: &str = "demo";
/// The time between two looks on the way to a later moment of the incident.
const STEP: Duration = Duration::from_secs(30);
/// The endpoint that is slow on purpose, and how slow it is where many looks have to be quick.
const SLOW: (&str, Duration) = ("embeddings-prod", Duration::from_millis(400));

/// The hook by which versions get to one of the endpoints, and which one.
const DEPLOY: &str = "deploy";
const DEPLOYED: &str = "moderation-prod";

/// The metrics that tell a model's quality where no customary name does.
const METRICS: [(&str, &str); 7] = [
    ("eta-city", "val_mae_s"),
    ("ranker-eu", "ndcg_10"),
    ("credit-score", "val_gini"),
    ("demand-forecast", "val_smape"),
    ("search-embeddings", "recall_100"),
    ("support-triage", "val_macro_f1"),
    ("price-elasticity", "val_r2"),
];

/// The model whose quality has a floor, the metric and the floor.
const FLOOR: (&str, &str, f64) = ("ad-ctr", "auc", 0.75);

/// What monitoring systems call models that are registered under another name.
const SERVICES: [(&str, &str); 2] = [("churn_svc", "churn"), ("energie_svc", "Prévision énergie")];

/// A running simulated fleet.
#[derive(Debug)]
pub struct Simulated {
    fleet: SimFleet,
    /// The clock and how far to play it, where the machine's does not drive the fleet.
    clock: Option<(ManualClock, Duration)>,
    speed: f64,
}

impl Simulated {
    /// A fleet that plays with the machine's clock, from `played` into its incident on.
    ///
    /// # Errors
    /// When loopback has no port to give.
    pub async fn playing(args: &DemoArgs, played: Duration) -> Result<Self, Failure> {
        let options = sim::Options {
            clock: sim::Clock::Ahead(played),
            seed: args.seed,
            scenario: match args.scenario {
                ScenarioWord::Calm => Scenario::Calm,
                ScenarioWord::Incident => Scenario::Incident,
            },
            speed: args.speed,
            monitoring: true,
            airflow: Some(AirflowOptions::default()),
            ..sim::Options::default()
        };
        let fleet = start(options).await?;
        if let Some(trouble) = args.trouble {
            spoil(&fleet, trouble);
        }
        Ok(Self {
            fleet,
            clock: None,
            speed: args.speed,
        })
    }

    /// A fleet whose incident has played for so long, the same each time.
    ///
    /// # Errors
    /// When loopback has no port to give.
    pub async fn at(elapsed: Duration) -> Result<Self, Failure> {
        let clock = ManualClock::default();
        let options = sim::Options {
            clock: sim::Clock::Manual(clock.clone()),
            monitoring: true,
            airflow: Some(AirflowOptions::default()),
            ..sim::Options::default()
        };
        let fleet = start(options).await?;
        fleet.set_delay(SLOW.0, SLOW.1);
        Ok(Self {
            fleet,
            clock: Some((clock, elapsed)),
            speed: 1.0,
        })
    }

    /// The servers.
    pub fn servers(&self) -> &[SimEndpoint] {
        self.fleet.endpoints()
    }

    /// The context that looks at the fleet.
    pub fn context(&self) -> Context {
        let mut sources = Vec::new();
        let mut deployments = Vec::new();
        for server in self.fleet.endpoints() {
            let serving = DeploymentKind::ALL
                .into_iter()
                .find(|k| k.word() == server.kind);
            sources.push(source(server, serving));
            deployments.extend(serving.map(|kind| deployment(server, kind)));
        }
        // The incident plays in two minutes: patience that fits a real rollout would outlast it.
        let quick = |seconds: f64| Duration::from_secs_f64((seconds / self.speed).max(1.0));
        Context {
            hooks: [(DEPLOY.to_owned(), deploy(quick(120.0)))].into(),
            name: Clean::name(NAME),
            writes: Writes::Confirm,
            allowing_writes: Clean::empty(),
            claims: None,
            protected: false,
            simulated: true,
            sources,
            deployments,
            models: METRICS
                .into_iter()
                .map(|(model, metric)| {
                    let settings = ModelSettings {
                        metric: Some(metric.to_owned()),
                        ..ModelSettings::default()
                    };
                    (model.to_owned(), settings)
                })
                .chain([(FLOOR.0.to_owned(), floored())])
                .collect(),
            gates: std::collections::BTreeMap::new(),
            policy: Policy {
                rollout_grace: quick(30.0),
                stuck_after: quick(20.0),
                slow_probe: if self.clock.is_some() {
                    SLOW.1 * 4 / 5
                } else {
                    Duration::from_millis(500)
                },
                writing: WritePolicy {
                    good_after: quick(10.0),
                    convergence: Convergence {
                        bake: quick(30.0),
                        min_requests: 20,
                        ..Convergence::default()
                    },
                    ..WritePolicy::default()
                },
                ..Policy::default()
            },
        }
    }

    /// Lets time pass: where no clock drives the fleet, by moving its own on.
    pub async fn pause(&self, time: Duration) {
        match &self.clock {
            Some((clock, _)) => clock.advance(time),
            None => tokio::time::sleep(time).await,
        }
    }

    /// Lets time pass where the machine's clock does not drive the fleet.
    pub fn pass(&self, time: Duration) {
        if let Some((clock, _)) = &self.clock {
            clock.advance(time);
        }
    }

    /// One look at every server; on the way to a later moment, one at each step before it, so that
    /// changes are seen as somebody who watched would have.
    pub async fn look(&self, mut fleet: Fleet, options: Options) -> Collected {
        let Some((clock, end)) = &self.clock else {
            return collect_into(fleet, &options).await;
        };
        let plays = clock.elapsed() < *end;
        loop {
            let left = end.saturating_sub(clock.elapsed());
            let now = Millis(self.fleet.now_ms());
            // What is played is the same each time, however long a look takes.
            let clock_of_look = if plays {
                Clock::standing(now)
            } else {
                Clock::from(now)
            };
            let at = Options {
                clock: Some(clock_of_look.into()),
                ..options.clone()
            };
            let collected = collect_into(fleet, &at).await;
            if left.is_zero() {
                return collected;
            }
            fleet = collected.fleet;
            clock.advance(left.min(STEP));
        }
    }
}

/// Lets moves of an alias go wrong, with what a registry and the network do then.
fn spoil(fleet: &SimFleet, trouble: TroubleWord) {
    const REGISTRY: &str = "mlflow";
    const ALIAS: &str = "registered-models/alias";
    let writes = fleet.writes();
    let fault = match trouble {
        TroubleWord::Forbidden => {
            writes.spoil_all(REGISTRY, ALIAS, WriteFault::Forbidden);
            return;
        }
        TroubleWord::Lost => WriteFault::LostAfter,
        TroubleWord::Unsent => WriteFault::LostBefore,
        TroubleWord::Error => WriteFault::ErrorAfter,
        TroubleWord::Race => WriteFault::Before(Rival::Alias {
            model: "fraud-detector".to_owned(),
            alias: "champion".to_owned(),
            version: 12,
        }),
    };
    writes.spoil(REGISTRY, ALIAS, fault);
}

async fn start(options: sim::Options) -> Result<SimFleet, Failure> {
    SimFleet::start(options).await.map_err(|e| {
        Failure::internal(format!(
            "the simulated fleet cannot open its servers on 127.0.0.1: {e}"
        ))
    })
}

fn floored() -> ModelSettings {
    ModelSettings {
        floors: [(FLOOR.1.to_owned(), FLOOR.2)].into(),
        ..ModelSettings::default()
    }
}

fn source(server: &SimEndpoint, serving: Option<DeploymentKind>) -> SourceSettings {
    let kind = match (serving, server.kind) {
        (Some(kind), _) => SourceKind::Serving(kind),
        (None, "prometheus") => SourceKind::Prometheus,
        (None, "alertmanager") => SourceKind::Alertmanager,
        (None, "evidently") => SourceKind::Evidently,
        (None, "grafana") => SourceKind::Grafana,
        (None, "airflow") => SourceKind::Airflow,
        (None, _) => SourceKind::Mlflow,
    };
    let mut settings = SourceSettings::new(&server.name, kind, &server.url);
    // Incidents play within minutes, and the fleet is scraped every 15 s.
    settings.every = settings.every.min(Duration::from_secs(10));
    settings.monitoring.presets = presets();
    settings.monitoring.window = Duration::from_secs(15) * 4;
    settings.monitoring.models.table = SERVICES
        .map(|(service, model)| (service.to_owned(), model.to_owned()))
        .into();
    settings
}

fn deployment(server: &SimEndpoint, kind: DeploymentKind) -> DeploymentSettings {
    let model = server.model.clone();
    // One bento names its versions by random tags, which the registry's versions carry as tags too.
    let by_pipeline = server.name == DEPLOYED;
    let version_map = (server.name == "energie-prod").then_some(VersionMap::VersionTag);
    DeploymentSettings {
        name: server.name.clone(),
        kind,
        url: server.url.clone(),
        served_name: model.clone(),
        model,
        follows: Follows::Default,
        environment: Some("prod".to_owned()),
        version_map,
        // Such a server cannot tell its version: for one of them the configuration does.
        declared_version: (server.name == "credit-prod").then(|| "8".to_owned()),
        hold: None,
        // Somebody's controller follows the alias, but for servers that load when they are told to, and for
        // one that a pipeline brings its versions to.
        rollout: match kind {
            DeploymentKind::V2 if by_pipeline => Rollout::Hook,
            DeploymentKind::V2 => Rollout::V2Load,
            _ => Rollout::External,
        },
        hook: by_pipeline.then(|| DEPLOY.to_owned()),
    }
}

/// The pipeline that brings versions to serving.
fn deploy(timeout: Duration) -> Hook {
    let kind = HookKind::Pipeline {
        source: "airflow".to_owned(),
        id: "deploy_model".to_owned(),
    };
    Hook { kind, timeout }
}

/// Runs `demo`.
///
/// # Errors
/// When loopback has no port to give, or the console cannot run here.
pub async fn run(global: &Global, args: &DemoArgs) -> Result<Exit, Failure> {
    let simulated = Simulated::playing(args, global.played()).await?;
    if args.serve {
        let out = Out::new(global.json, global.quiet, "never", "unicode");
        return serve(&out, simulated).await;
    }
    let session = Session::simulated(global, simulated)?;
    super::console::run(&session).await
}

/// Prints where the servers are, and serves until somebody stops it or nobody reads.
async fn serve(out: &Out, simulated: Simulated) -> Result<Exit, Failure> {
    let reader = if out.json {
        let servers: Vec<_> = simulated
            .servers()
            .iter()
            .map(|s| serde_json::json!({"name": s.name, "kind": s.kind, "url": s.url, "model": s.model}))
            .collect();
        let document = super::documents::document("demo", serde_json::json!({"servers": servers}));
        out.document_line(&document)?
    } else {
        let lines: Vec<String> = simulated
            .servers()
            .iter()
            .map(|server| format!("{}={}", server.name, server.url))
            .collect();
        out.line(&lines.join("\n"))?
    };
    if reader == Reader::There {
        told_to_end().await;
    }
    simulated.fleet.stop().await;
    Ok(Exit::Done)
}
