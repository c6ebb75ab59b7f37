//! A simulated fleet on a runtime of its own, and a world over it in which waiting takes no time.
//!
//! Plans are carried out on a runtime whose clock stands still and jumps from wait to wait; every request
//! is made on the fleet's runtime, in real time, while the other one is blocked. So fifteen seconds of
//! patience cost nothing, and no deadline of a request passes early.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use quarterdeck::domain::action::{
    Act, Actor, Confirmed, Consent, Delivery, Friction, IntentLog, Journals, Mode, Plan, PlanId,
    Record, Sighting, Step, Ticket, Verb, Writes,
};
use quarterdeck::domain::fault::Fault;
use quarterdeck::domain::key::{DeploymentKind, Key, ModelKey, RegistryKey, SourceId, VersionKey};
use quarterdeck::domain::settings::{
    Context, DeploymentSettings, Follows, Hook, HookKind, Rollout, SourceKind, SourceSettings,
    Writes as Allowed,
};
use quarterdeck::domain::text::Clean;
use quarterdeck::domain::time::{Millis, Now};
use quarterdeck::runtime::clock::Clock;
use quarterdeck::runtime::writes::{Servers, World};
use quarterdeck::sim::{self, AirflowOptions, ManualClock, Options, Scenario, SimFleet};
use serde_json::Value;
use tokio::runtime::Runtime;

/// The deployment that is loaded when it is told to, and its model.
pub(crate) const SERVED: (&str, &str) = ("ad-ctr-prod", "ad-ctr");
/// The model that is written to.
pub(crate) const MODEL: &str = "churn";

/// A calm fleet with everything that can be written to.
pub(crate) struct Stage {
    pub(crate) fleet: SimFleet,
    pub(crate) clock: ManualClock,
    pub(crate) context: Arc<Context>,
    pub(crate) hooks: tempfile::TempDir,
    client: reqwest::Client,
    // The last to go: the fleet's tasks run on it.
    runtime: Runtime,
}

impl Stage {
    pub(crate) fn set() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(2).enable_all().build().unwrap();
        let clock = ManualClock::default();
        let options = Options {
            clock: sim::Clock::Manual(clock.clone()),
            scenario: Scenario::Calm,
            monitoring: true,
            airflow: Some(AirflowOptions::default()),
            ..Options::default()
        };
        let fleet = runtime.block_on(SimFleet::start(options)).unwrap();
        let hooks = tempfile::tempdir().unwrap();
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]);
        Self {
            context: Arc::new(context(&fleet, hooks.path())),
            client: client.timeout(Duration::from_secs(20)).build().unwrap(),
            fleet,
            clock,
            hooks,
            runtime,
        }
    }

    /// Runs something on the fleet's runtime, and waits for it in real time.
    pub(crate) fn block<F>(&self, future: F) -> F::Output
    where
        F: Future + Send,
        F::Output: Send,
    {
        let handle = self.runtime.handle();
        std::thread::scope(|scope| {
            let asked = scope.spawn(|| handle.block_on(future));
            asked.join().expect("an answer")
        })
    }

    /// Asks a server directly; status and body.
    pub(crate) fn ask(&self, method: &str, server: &str, path: &str, body: &Value) -> (u16, Value) {
        let url = format!("{}{path}", self.fleet.url(server).expect("a server"));
        self.block(async {
            let request = self.client.request(method.parse().unwrap(), url);
            let request = if body.is_null() {
                request
            } else {
                request.json(body)
            };
            let answer = request.send().await.expect("an answer");
            let status = answer.status().as_u16();
            let text = answer.text().await.expect("a body");
            (status, serde_json::from_str(&text).unwrap_or_default())
        })
    }

    pub(crate) fn get(&self, server: &str, path: &str) -> Value {
        self.ask("GET", server, path, &Value::Null).1
    }

    /// Asks the registry.
    pub(crate) fn registry(&self, call: &str) -> Value {
        self.get("mlflow", &format!("/api/2.0/mlflow/{call}"))
    }

    /// Changes something at the registry, as another client does.
    pub(crate) fn change(&self, method: &str, call: &str, body: &Value) -> Value {
        let (status, said) = self.ask(method, "mlflow", &format!("/api/2.0/mlflow/{call}"), body);
        assert_eq!(status, 200, "{call}: {said}");
        said
    }

    pub(crate) fn model(&self, name: &str) -> ModelKey {
        let row = self.registry(&format!("registered-models/get?name={name}"));
        let created = row["registered_model"]["creation_timestamp"].as_i64();
        ModelKey {
            registry: Arc::new(RegistryKey {
                base: Key::new(self.fleet.url("mlflow").unwrap()),
                workspace: Key::new(""),
            }),
            name: Key::new(name),
            created: Millis(created.expect("a creation time")),
        }
    }

    pub(crate) fn version(&self, model: &str, version: &str) -> (VersionKey, Millis) {
        let row = self.registry(&format!(
            "model-versions/get?name={model}&version={version}"
        ));
        let created = row["model_version"]["creation_timestamp"].as_i64();
        let key = VersionKey {
            model: self.model(model),
            version: Key::new(version),
        };
        (key, Millis(created.expect("a creation time")))
    }

    /// A world over the fleet. To be made on the runtime that waits.
    pub(crate) fn world(&self) -> Far<'_> {
        let now = Millis(self.fleet.now_ms());
        Far {
            stage: self,
            servers: Servers::new(Arc::clone(&self.context), Arc::new(Clock::from(now))),
            clock: Clock::from(now),
            ahead: AtomicI64::new(0),
        }
    }

    /// Writes that a server was sent, and how many of them it took, by a part of the path.
    pub(crate) fn sent(&self, server: &str, part: &str) -> (usize, usize) {
        let seen = self.fleet.writes().seen();
        let of: Vec<_> = seen
            .iter()
            .filter(|write| write.server == server && write.path.contains(part))
            .collect();
        (
            of.len(),
            of.iter().filter(|write| write.committed()).count(),
        )
    }
}

fn context(fleet: &SimFleet, hooks: &std::path::Path) -> Context {
    let source = |name: &str, kind| SourceSettings::new(name, kind, fleet.url(name).unwrap());
    let served = SourceKind::Serving(DeploymentKind::V2);
    let sources = vec![
        source("mlflow", SourceKind::Mlflow),
        source("alertmanager", SourceKind::Alertmanager),
        source("grafana", SourceKind::Grafana),
        source("airflow", SourceKind::Airflow),
        source(SERVED.0, served),
    ];
    let deployment = DeploymentSettings {
        name: SERVED.0.to_owned(),
        kind: DeploymentKind::V2,
        url: fleet.url(SERVED.0).unwrap().to_owned(),
        model: Some(SERVED.1.to_owned()),
        served_name: Some(SERVED.1.to_owned()),
        follows: Follows::Default,
        environment: None,
        version_map: None,
        declared_version: None,
        hold: None,
        rollout: Rollout::V2Load,
        hook: None,
    };
    let script = |name: &str, text: &str, seconds| {
        let file = hooks.join(name);
        std::fs::write(&file, text).unwrap();
        let hook = Hook {
            kind: HookKind::Command(vec!["sh".to_owned(), file.display().to_string()]),
            timeout: Duration::from_secs(seconds),
        };
        (name.to_owned(), hook)
    };
    let traces = hooks.join("traces");
    let trace = format!(
        "echo \"$MODEL $VERSION $ALIAS\" >> '{}'\n",
        traces.display()
    );
    let hooks = [
        script("deploy", &format!("{trace}echo rolled out $VERSION"), 20),
        script("fails", &format!("{trace}echo no quota >&2; exit 3"), 20),
        script("hangs", &format!("{trace}echo waiting; sleep 60"), 1),
    ];
    Context {
        name: Clean::name("test"),
        writes: Allowed::Confirm,
        sources,
        deployments: vec![deployment],
        hooks: BTreeMap::from(hooks),
        ..Context::default()
    }
}

/// The fleet as the executor sees it from its own time.
pub(crate) struct Far<'a> {
    stage: &'a Stage,
    servers: Servers,
    clock: Clock,
    /// How far the wall clock has been set ahead, in milliseconds.
    pub(crate) ahead: AtomicI64,
}

impl World for Far<'_> {
    async fn look(&self, source: &SourceId, act: &Act) -> Result<Sighting, Fault> {
        // The fleet's time passes from look to look.
        self.stage.clock.advance(Duration::from_secs(1));
        self.stage.block(self.servers.look(source, act))
    }

    async fn send(&self, source: &SourceId, ticket: &Ticket) -> Delivery {
        self.stage.block(self.servers.send(source, ticket))
    }

    fn now(&self) -> Millis {
        let ahead = self.ahead.load(Ordering::SeqCst);
        Millis(self.clock.wall().0 + ahead)
    }
}

/// Runs something where waiting takes no time.
pub(crate) fn at_once<T>(future: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().unwrap();
    runtime.block_on(future)
}

/// A journal in memory, with room for so many records.
#[derive(Default)]
pub(crate) struct Log {
    pub(crate) records: Vec<(Millis, Record)>,
    pub(crate) room: Option<usize>,
}

impl Log {
    pub(crate) fn writes(&self) -> Writes {
        Writes::of(&Journals {
            records: self.records.clone(),
            ..Journals::default()
        })
    }

    pub(crate) fn intents(&self) -> usize {
        let intent = |(_, record): &&(Millis, Record)| matches!(record, Record::StepIntent { .. });
        self.records.iter().filter(intent).count()
    }
}

impl IntentLog for Log {
    fn write(&mut self, record: &Record, now: Millis) -> Result<(), Clean> {
        if self.room.is_some_and(|room| self.records.len() >= room) {
            return Err(Clean::text("no space is left"));
        }
        // As it will be read back.
        let line = serde_json::to_string(record).unwrap();
        self.records
            .push((now, serde_json::from_str(&line).unwrap()));
        Ok(())
    }
}

/// A fresh identity.
pub(crate) fn fresh() -> PlanId {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    let mut random = [0; 10];
    random[..8].copy_from_slice(&NEXT.fetch_add(1, Ordering::SeqCst).to_be_bytes());
    PlanId::new(Millis(1), random)
}

/// A confirmed plan of some steps.
pub(crate) fn confirmed(steps: Vec<Step>) -> Confirmed {
    consented(planned(steps))
}

/// A plan of some steps.
pub(crate) fn planned(steps: Vec<Step>) -> Plan {
    Plan {
        id: fresh(),
        verb: Verb::Promote,
        context: Clean::name("test"),
        subject: Clean::name(MODEL),
        model: None,
        summary: Clean::text("a test"),
        steps,
        gates: Vec::new(),
        notes: Vec::new(),
        blocked: Vec::new(),
        wanting: Vec::new(),
        friction: Friction::Key,
        read_at: Millis(0),
        expires: Duration::from_secs(60),
        undo_until: None,
        undoes: None,
        passed: Vec::new(),
    }
}

/// A plan with all the consent that it asks for.
pub(crate) fn consented(plan: Plan) -> Confirmed {
    let mode = Mode {
        writes: Allowed::Confirm,
        ..Mode::default()
    };
    let confirmed = plan.confirm(&mode, &Consent::default(), Now::default());
    confirmed.expect("confirmed")
}

pub(crate) fn nobody() -> Actor {
    Actor::default()
}
