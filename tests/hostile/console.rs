//! The whole console without a terminal: actors poll a simulated fleet, their messages go through the
//! root's update, and what it asks for is done.

use std::sync::Arc;
use std::time::Duration;

use quarterdeck::app::{App, update};
use quarterdeck::domain::fleet::Fleet;
use quarterdeck::domain::key::{DeploymentKind, SourceId};
use quarterdeck::domain::observation::{Feed, PollReport};
use quarterdeck::domain::rules::freshness::Freshness;
use quarterdeck::domain::settings::{
    Auth, Context, DeploymentSettings, Follows, Rollout, SecretRef, Settings, SourceKind,
    SourceSettings,
};
use quarterdeck::domain::text::Clean;
use quarterdeck::domain::time::{Millis, Now};
use quarterdeck::intent::keymap::Keymap;
use quarterdeck::intent::msg::{Effect, Msg};
use quarterdeck::runtime::actor::Request;
use quarterdeck::runtime::clock::Clock;
use quarterdeck::runtime::limits::Limits;
use quarterdeck::runtime::sources::{Common, Sources};
use quarterdeck::sim::{self, Options, Scenario, SimFleet};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

/// What no text may hold: the password of every source here.
pub(crate) const PASSWORD: &str = "geheim-7f3a";

/// The simulated endpoint that stands for each kind.
pub(crate) const ENDPOINTS: [(&str, DeploymentKind); 4] = [
    ("ranker-eu-prod", DeploymentKind::V2),
    ("eta-prod", DeploymentKind::Tfserving),
    ("churn-prod", DeploymentKind::Bentoml),
    ("credit-prod", DeploymentKind::MlflowServe),
];

/// How often a source is asked, and how long it may take to answer.
#[derive(Clone, Copy)]
pub(crate) struct Pace {
    pub(crate) every: Duration,
    pub(crate) timeout: Duration,
}

impl Pace {
    /// Of a source that is going to hang: that it does is to be seen soon.
    pub(crate) const FAST: Self = Self {
        every: Duration::from_millis(500),
        timeout: Duration::from_millis(900),
    };
    /// Of one that fails by its answers now and stays live then.
    pub(crate) const BRISK: Self = Self {
        every: Duration::from_millis(500),
        timeout: Duration::from_secs(10),
    };
    /// Of one that is to stay live on a busy machine.
    pub(crate) const CALM: Self = Self {
        every: Duration::from_millis(1_500),
        timeout: Duration::from_secs(10),
    };
}

/// A calm simulated fleet.
pub(crate) async fn calm() -> SimFleet {
    let options = Options {
        clock: sim::Clock::Real,
        scenario: Scenario::Calm,
        ..Options::default()
    };
    SimFleet::start(options).await.expect("ports on loopback")
}

/// Settings that watch the registry and the named endpoints of a fleet. URLs and settings carry a
/// password, so that every text can be searched for it.
pub(crate) fn settings(
    fleet: &SimFleet,
    endpoints: &[&str],
    pace: impl Fn(&str) -> Pace,
) -> Settings {
    let mut context = Context {
        name: Clean::name("test"),
        simulated: true,
        ..Context::default()
    };
    context.policy.down_after_polls = 2;
    let source = |name: &str, kind, url: &str, pace: Pace| {
        let mut source = SourceSettings::new(name, kind, url);
        source.every = pace.every;
        source.timeout = pace.timeout;
        source.probe_timeout = Some(pace.timeout);
        source.auth = Auth::Basic {
            user: SecretRef::Inline("ana".to_owned()),
            password: SecretRef::Inline(PASSWORD.to_owned()),
        };
        source
    };
    for server in fleet.endpoints() {
        if server.name == "mlflow" {
            let url = server
                .url
                .replace("http://", &format!("http://ana:{PASSWORD}@"));
            let source = source("mlflow", SourceKind::Mlflow, &url, pace("mlflow"));
            context.sources.push(source);
        }
        if let Some((_, kind)) = ENDPOINTS.iter().find(|(name, _)| *name == server.name)
            && endpoints.contains(&server.name.as_str())
        {
            let kind = *kind;
            let source = source(
                &server.name,
                SourceKind::Serving(kind),
                &server.url,
                pace(&server.name),
            );
            context.sources.push(source);
            context.deployments.push(DeploymentSettings {
                name: server.name.clone(),
                kind,
                url: server.url.clone(),
                model: server.model.clone(),
                served_name: None,
                follows: Follows::Default,
                environment: None,
                version_map: None,
                declared_version: None,
                hold: None,
                rollout: Rollout::None,
                hook: None,
            });
        }
    }
    Settings {
        contexts: [("test".to_owned(), Arc::new(context))].into(),
        context: "test".to_owned(),
        ..Settings::default()
    }
}

/// A console that runs.
pub(crate) struct Console {
    pub(crate) app: App,
    clock: Arc<Clock>,
    sources: Sources,
    messages: mpsc::Receiver<Msg>,
    ticked: Instant,
    /// Polls that ended, oldest first.
    pub(crate) reports: Vec<PollReport>,
    /// What would be on the clipboard.
    pub(crate) copied: Vec<Clean>,
}

impl Console {
    pub(crate) fn start(settings: Settings) -> Self {
        let clock = Arc::new(Clock::default());
        let (out, messages) = mpsc::channel(256);
        let context = Arc::new(settings.contexts[&settings.context].clone());
        let app = App::new(
            Arc::new(settings),
            Keymap::default(),
            (120, 36),
            clock.now(),
        );
        let common = Common {
            limits: Arc::new(Limits::default()),
            clock: Arc::clone(&clock),
            out,
        };
        let sources = Sources::start(app.context(), &context, &common);
        Self {
            app,
            clock,
            sources,
            messages,
            ticked: Instant::now(),
            reports: Vec::new(),
            copied: Vec::new(),
        }
    }

    pub(crate) fn fleet(&self) -> &Fleet {
        self.app.fleet()
    }

    pub(crate) fn now(&self) -> Now {
        self.clock.now()
    }

    pub(crate) fn fresh(&self, source: &str) -> Freshness {
        self.fleet().source_freshness(&SourceId::new(source))
    }

    /// The time of the last good poll of any feed of a source.
    pub(crate) fn good_at(&self, source: &str) -> Option<Millis> {
        let health = self.fleet().source_health(&SourceId::new(source));
        health.and_then(quarterdeck::domain::rules::freshness::SourceHealth::good_at)
    }

    /// How many polls of a feed have ended since `mark`, a number of reports.
    pub(crate) fn polls(&self, source: &str, feed: Feed, mark: usize) -> usize {
        self.reports[mark..]
            .iter()
            .filter(|r| r.source.as_str() == source && r.feed == feed)
            .count()
    }

    pub(crate) fn refresh(&self) {
        self.sources.ask_all(&Request::Refresh);
    }

    /// Takes one message in, as the loop does.
    pub(crate) fn take(&mut self, msg: Msg) {
        if let Msg::Polled(report) = &msg {
            self.reports.push((**report).clone());
        }
        for effect in update(&mut self.app, msg, self.clock.now()) {
            match effect {
                Effect::Fetch { source, query } => {
                    let _ = self.sources.ask(&source, Request::Fetch(Box::new(query)));
                }
                Effect::Cancel { source, query } => {
                    let _ = self.sources.ask(&source, Request::Cancel(Box::new(query)));
                }
                Effect::Focus(focus) => self.sources.focus(focus),
                Effect::Refresh(_) => self.refresh(),
                Effect::Copy(text) => self.copied.push(text),
                _ => {}
            }
        }
    }

    /// Runs until something is so; says what it waited for when it is not so in time.
    pub(crate) async fn until(&mut self, what: &str, limit: Duration, is: impl Fn(&Self) -> bool) {
        let end = Instant::now() + limit;
        while !is(self) {
            if Instant::now() > end {
                let sources: Vec<_> = self.fleet().sources().collect();
                panic!("not within {limit:?}: {what}\n{sources:#?}");
            }
            if let Ok(Some(msg)) = timeout(Duration::from_millis(20), self.messages.recv()).await {
                self.take(msg);
            }
            if self.ticked.elapsed() > Duration::from_millis(200) {
                self.ticked = Instant::now();
                self.take(Msg::Tick);
            }
        }
    }
}
