//! What the user has set, complete and checked: the outcome of configuration, without the files.

mod policy;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use self::policy::{Policy, SignalPolicy};
use super::gate::Gate;
use super::key::DeploymentKind;
use super::signal::{Lines, Measure, NameMap, Preset};
use super::text::Clean;
use super::writing::Order;

/// Everything the program was told.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Settings {
    /// Contexts by name; one is entered at a time. Shared: hundreds of endpoints are not copied.
    pub contexts: BTreeMap<String, Arc<Context>>,
    /// The context to enter at the start.
    pub context: String,
    /// How the console looks and behaves.
    pub console: Console,
    /// Keys by command id, replacing that command's defaults.
    pub keys: BTreeMap<String, Vec<String>>,
}

/// How the console looks and behaves.
#[derive(Clone, PartialEq, Debug)]
pub struct Console {
    /// Theme name, or `auto` for dark or light after the terminal.
    pub theme: String,
    /// Symbols: `auto`, `unicode` or `ascii`.
    pub symbols: String,
    /// Colour: `auto`, `never`, `16`, `256`, `truecolor`.
    pub color: String,
    /// Whether the mouse is reported.
    pub mouse: bool,
}

impl Default for Console {
    fn default() -> Self {
        Self {
            theme: "auto".to_owned(),
            symbols: "auto".to_owned(),
            color: "auto".to_owned(),
            mouse: true,
        }
    }
}

/// Whether writes are possible in a context.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Debug,
    Default,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Writes {
    /// Reading only.
    #[default]
    Off,
    /// Arm first, then confirm.
    Armed,
    /// Confirm each.
    Confirm,
}

/// One fleet: its sources, how they are joined, and its policies.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Context {
    /// The name in the header.
    pub name: Clean,
    /// Whether writes are possible.
    pub writes: Writes,
    /// What would allow writes where they are off, in words: `start with --writes confirm`.
    pub allowing_writes: Clean,
    /// Whether moves of aliases are claimed first, where somebody said: see [`Context::claims_moves`].
    pub claims: Option<bool>,
    /// Whether a confirmation must type the context's name too.
    pub protected: bool,
    /// Whether the header says SIMULATED.
    pub simulated: bool,
    /// What is polled.
    pub sources: Vec<SourceSettings>,
    /// Serving endpoints: what they are and what they should answer.
    pub deployments: Vec<DeploymentSettings>,
    /// Per-model overrides by the model's name.
    pub models: BTreeMap<String, ModelSettings>,
    /// Gates of promotions by name: new ones, and built-in ones that are set otherwise.
    pub gates: BTreeMap<String, Gate>,
    /// Limits that rules judge by.
    pub policy: Policy,
    /// Ways by which versions get to serving, by name.
    pub hooks: BTreeMap<String, Hook>,
}

/// A way by which a version gets to serving. It is given MODEL, VERSION and ALIAS.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hook {
    /// What brings it there.
    pub kind: HookKind,
    /// How long that may take: a command is stopped then, a run is no longer waited for.
    pub timeout: Duration,
}

/// What brings a version to serving.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HookKind {
    /// A command of this machine, which is given its arguments as environment variables: the program and
    /// its own arguments; no shell reads them.
    Command(Vec<String>),
    /// A run of a pipeline, which is given its arguments as parameters.
    Pipeline {
        /// The source that runs it, by its local name.
        source: String,
        /// Its raw id there.
        id: String,
    },
}

impl Context {
    /// Whether moves of aliases are claimed first: as it is set, else wherever a registry that can be
    /// written to is on another machine, for others may be at it.
    pub fn claims_moves(&self) -> bool {
        let shared = |source: &SourceSettings| {
            source.kind == SourceKind::Mlflow && !is_of_this_machine(&source.url)
        };
        let default = self.writes != Writes::Off && self.sources.iter().any(shared);
        self.claims.unwrap_or(default)
    }
}

/// Whether the host of a URL is this machine by its name.
fn is_of_this_machine(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host == "::1" || host.starts_with("127.")
}

/// The systems that sources can be.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum SourceKind {
    /// An MLflow server: registry and tracker.
    Mlflow,
    /// A serving endpoint that answers for itself.
    Serving(DeploymentKind),
    /// A server of the Prometheus API: Prometheus, Thanos, Mimir, `VictoriaMetrics`, Grafana's proxy.
    Prometheus,
    /// An Alertmanager.
    Alertmanager,
    /// Evidently's service, or a folder or URL of its reports.
    Evidently,
    /// A Grafana.
    Grafana,
    /// An Airflow, 2 or 3: pipelines.
    Airflow,
}

impl fmt::Display for SourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mlflow => f.pad("mlflow"),
            Self::Serving(kind) => kind.fmt(f),
            Self::Prometheus => f.pad("prometheus"),
            Self::Alertmanager => f.pad("alertmanager"),
            Self::Evidently => f.pad("evidently"),
            Self::Grafana => f.pad("grafana"),
            Self::Airflow => f.pad("airflow"),
        }
    }
}

/// One source: where, as whom, how often. Its `Debug` shows the names of headers only: some gateways
/// take credentials there.
#[derive(Clone, PartialEq)]
pub struct SourceSettings {
    /// Its name, unique in the context.
    pub name: String,
    /// What it is.
    pub kind: SourceKind,
    /// Base URL without user information; may have a path.
    pub url: String,
    /// How to prove who we are.
    pub auth: Auth,
    /// Certificates.
    pub tls: Tls,
    /// Headers sent with each request (never credentials: those are `auth`).
    pub headers: Vec<(String, String)>,
    /// The `Host` header, where the server insists on a name.
    pub host_header: Option<String>,
    /// The workspace, where the server has them.
    pub workspace: Option<String>,
    /// The fastest cadence; feeds scale theirs from it.
    pub every: Duration,
    /// The deadline of one request.
    pub timeout: Duration,
    /// The deadline of one request to a serving endpoint, where it is set: see
    /// [`SourceSettings::probe_deadline`].
    pub probe_timeout: Option<Duration>,
    /// The largest answer accepted, in bytes.
    pub max_answer: u64,
    /// Whether headless commands fail when it does not answer.
    pub required: bool,
    /// What a monitoring source is asked for, and how its names are read.
    pub monitoring: Monitoring,
}

/// What a monitoring source is asked for, and how its names are read.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Monitoring {
    /// The presets to choose from, with the settings' own changes applied: one is taken where the
    /// server holds a metric that it detects by.
    pub presets: Arc<[Preset]>,
    /// Whether each of these presets is taken without asking.
    pub all: bool,
    /// More matchers for each query: `namespace="prod"`.
    pub selector: String,
    /// How its model names become the registry's.
    pub models: NameMap,
    /// The label that names the model where a preset does not say: in alerts and annotations.
    pub model_label: String,
    /// The label that names the version there.
    pub version_label: String,
    /// How far back other systems' records are read for served versions.
    pub history: Duration,
    /// How far the clock that stamps without a zone is ahead of UTC, in minutes: Evidently writes the
    /// local time of whoever ran the report.
    pub utc_offset: i32,
    /// Tags that annotations and dashboards must all bear, empty for any.
    pub tags: Vec<String>,
    /// What rates are taken over: at least four scrape intervals.
    pub window: Duration,
    /// A folder of reports, in place of a server.
    pub folder: Option<PathBuf>,
}

impl fmt::Debug for SourceSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("SourceSettings")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .field("url", &self.url)
            .field("auth", &self.auth)
            .field("tls", &self.tls)
            .field("headers", &headers)
            .field("host_header", &self.host_header)
            .field("workspace", &self.workspace)
            .field("every", &self.every)
            .field("timeout", &self.timeout)
            .field("probe_timeout", &self.probe_timeout)
            .field("max_answer", &self.max_answer)
            .field("required", &self.required)
            .field("monitoring", &self.monitoring)
            .finish()
    }
}

impl SourceSettings {
    /// A source with the defaults for its kind.
    pub fn new(name: &str, kind: SourceKind, url: &str) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            url: url.trim_end_matches('/').to_owned(),
            auth: Auth::None,
            tls: Tls::default(),
            headers: Vec::new(),
            host_header: None,
            workspace: None,
            every: Duration::from_secs(match kind {
                SourceKind::Mlflow => 10,
                SourceKind::Serving(_) | SourceKind::Airflow => 5,
                SourceKind::Prometheus | SourceKind::Alertmanager => 15,
                SourceKind::Evidently | SourceKind::Grafana => 60,
            }),
            timeout: Duration::from_secs(10),
            probe_timeout: None,
            max_answer: match kind {
                SourceKind::Prometheus => 16 * 1024 * 1024,
                _ => 32 * 1024 * 1024,
            },
            required: true,
            monitoring: Monitoring {
                model_label: "model".to_owned(),
                version_label: "version".to_owned(),
                history: Duration::from_secs(14 * 24 * 3600),
                window: Duration::from_secs(5 * 60),
                ..Monitoring::default()
            },
        }
    }

    /// How long a serving endpoint has for an answer. A registry that needs ten seconds is slow; an
    /// endpoint that gives no sign of life for the time of two looks is silent, and that must show
    /// while it matters.
    pub fn probe_deadline(&self) -> Duration {
        self.probe_timeout.unwrap_or_else(|| {
            let looks = (self.every * 2).clamp(PROBE_LEAST, PROBE_MOST);
            looks.min(self.timeout)
        })
    }
}

/// However often an endpoint is probed, it has this long for an answer unless settings say less.
const PROBE_LEAST: Duration = Duration::from_secs(1);
/// However seldom an endpoint is probed, it has no longer than this unless settings say more.
const PROBE_MOST: Duration = Duration::from_secs(5);

/// How a source is told who we are.
#[derive(Clone, PartialEq, Debug, Default)]
pub enum Auth {
    /// Not at all.
    #[default]
    None,
    /// HTTP Basic.
    Basic {
        /// The user name.
        user: SecretRef,
        /// The password.
        password: SecretRef,
    },
    /// A bearer token.
    Bearer(SecretRef),
    /// A login that gives a token for a time: Airflow 3's `POST /auth/token`. The token is renewed
    /// before it expires.
    Login {
        /// The user name.
        user: SecretRef,
        /// The password.
        password: SecretRef,
    },
}

/// Where a secret is found. The secret itself is never in the settings' `Debug`.
#[derive(Clone, PartialEq)]
pub enum SecretRef {
    /// An environment variable.
    Env(String),
    /// A file, readable by its owner only.
    File(PathBuf),
    /// A key of a `[mlflow]` section in an INI credentials file.
    Ini {
        /// The file.
        file: PathBuf,
        /// The key.
        key: String,
    },
    /// A command's first line of output.
    Command(Vec<String>),
    /// Written in the file itself: works, and `config check` warns.
    Inline(String),
}

impl fmt::Debug for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env {name}"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Ini { file, key } => write!(f, "{key} in {}", file.display()),
            Self::Command(argv) => write!(f, "command {}", argv.first().map_or("", String::as_str)),
            Self::Inline(_) => f.write_str("inline (redacted)"),
        }
    }
}

/// Certificates of a source.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Tls {
    /// Extra certificate authorities, PEM.
    pub ca_file: Option<PathBuf>,
    /// Client certificate and key in one PEM.
    pub client_cert: Option<PathBuf>,
    /// Accept any certificate: shown as a warning wherever the source is shown.
    pub insecure: bool,
}

/// How the endpoint's own version words become the registry's.
#[derive(Clone, PartialEq, Debug, Default)]
pub enum VersionMap {
    /// The same word.
    #[default]
    Equal,
    /// Without a leading `v`.
    StripV,
    /// The registry version whose tag `quarterdeck.serving_version` has the endpoint's word.
    VersionTag,
    /// The first group of a regular expression.
    Regex(String),
}

/// What a deployment follows.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Follows {
    /// An alias of its model, `champion` unless said otherwise.
    Alias(String),
    /// One version, on purpose.
    Version(String),
    /// Nothing: no skew is judged.
    None,
    /// Not set: by convention the champion.
    #[default]
    Default,
}

/// How a new version gets to a deployment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rollout {
    /// Nobody said.
    #[default]
    None,
    /// Another system does it; the console watches.
    External,
    /// V2 repository load.
    V2Load,
    /// A named command or pipeline.
    Hook,
}

/// A serving endpoint's wiring. Each `None` leaves it to tags, then to convention.
#[derive(Clone, PartialEq, Debug)]
pub struct DeploymentSettings {
    /// Its name, also the name of its source.
    pub name: String,
    /// The kind of server.
    pub kind: DeploymentKind,
    /// Base URL.
    pub url: String,
    /// The registered model it serves.
    pub model: Option<String>,
    /// The model's name as the endpoint knows it, where it differs.
    pub served_name: Option<String>,
    /// What it follows.
    pub follows: Follows,
    /// `prod`, `staging`, …
    pub environment: Option<String>,
    /// How its version words map.
    pub version_map: Option<VersionMap>,
    /// The version it serves, declared: for servers that cannot tell.
    pub declared_version: Option<String>,
    /// Why it is held at a version.
    pub hold: Option<String>,
    /// How a new version gets there.
    pub rollout: Rollout,
    /// Which hook does it, where a hook does.
    pub hook: Option<String>,
}

/// Per-model overrides.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct ModelSettings {
    /// Who answers for it.
    pub owner: Option<String>,
    /// Where its runbook is.
    pub runbook: Option<String>,
    /// The metric that tells its quality.
    pub metric: Option<String>,
    /// Whether more of it is better.
    pub higher_is_better: Option<bool>,
    /// Deployments that serve it, by name or URL.
    pub deployments: Vec<String>,
    /// The pipeline that trains it again: its id, `SOURCE/ID`, or its URL.
    pub pipeline: Option<String>,
    /// How old its champion may be.
    pub max_age: Option<Duration>,
    /// Lines of its signals, by measure, tighter or looser than the policy's.
    pub lines: BTreeMap<Measure, Lines>,
    /// How often its drift and quality jobs run.
    pub job_every: Option<Duration>,
    /// How often it is retrained.
    pub cadence: Option<Duration>,
    /// How much each feature matters, 0 to 1.
    pub importances: BTreeMap<String, f64>,
    /// The least realised or estimated quality, by metric; the most of one whose name tells that less is
    /// better.
    pub floors: BTreeMap<String, f64>,
    /// The most of a metric of which less is better.
    pub ceilings: BTreeMap<String, f64>,
    /// Gates that its promotions have to pass, beside the policy's.
    pub gates: Vec<String>,
    /// Which comes first when an alias moves and a version is rolled out.
    pub order: Option<Order>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moves_are_claimed_where_others_may_be_at_it() {
        let context = |url: &str, writes, claims| Context {
            writes,
            claims,
            sources: vec![SourceSettings::new("m", SourceKind::Mlflow, url)],
            ..Context::default()
        };
        let (off, confirm) = (Writes::Off, Writes::Confirm);
        for (url, writes, claims, want) in [
            ("https://ml.example.com/x", confirm, None, true),
            ("https://ml.example.com", off, None, false),
            ("http://localhost:5000", confirm, None, false),
            ("http://127.0.0.1:5000/ml", confirm, None, false),
            ("http://[::1]:5000", confirm, None, false),
            ("http://localhost.example.com:5000", confirm, None, true),
            ("https://ml.example.com", confirm, Some(false), false),
            ("http://localhost:5000", confirm, Some(true), true),
        ] {
            assert_eq!(context(url, writes, claims).claims_moves(), want, "{url}");
        }
    }
}
