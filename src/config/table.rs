//! The one table of every key: its type, default, variable, flag and meaning. Reading, suggestions,
//! defaults and the printed reference all derive from it.

mod gates;
mod monitoring;
mod writing;

use std::time::Duration;

use self::gates::GATE;
use self::monitoring::{LINES, MONITORING, SIGNAL_POLICY};
use self::writing::{CONVERGED, GOOD_AFTER, MODEL_ORDER, ORDER};

/// What a value may look like.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    /// A table with known keys.
    Table(&'static Section),
    /// A table of tables, each with a name of the user's choice.
    Named(&'static Section),
    /// A list of tables (`[[…]]`), each with a `name`.
    List(&'static Section),
    /// Command ids, each with a key sequence or a list of them.
    Keys,
    /// Header names, each with a value.
    Headers,
    /// Free text.
    Text,
    /// A name: printable, at most 100 characters.
    Name,
    /// An alias of a registered model, without `@`.
    Alias,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// `true` or `false`.
    Flag,
    /// A span of time, at least this long.
    Duration(Duration),
    /// A size in bytes, at least 1 KiB.
    Bytes,
    /// A whole number from 1.
    Count,
    /// An `http` or `https` URL without credentials, query or fragment.
    Url,
    /// A path; `~/` is the home directory, others are relative to the file's directory.
    File,
    /// A list of texts, or one.
    Words,
    /// A secret by reference. Written out it works too, with a warning unless it is public.
    Secret {
        /// Whether the value may be written out (a user name).
        public: bool,
    },
    /// `@alias`, a version, or `none`.
    Follows,
    /// A word, or `{ regex = "…" }`.
    VersionMap,
    /// A number within these bounds.
    Number(Bounds),
    /// A table of numbers, each with a name of the user's choice.
    Numbers(Bounds),
    /// A table of tables, each with a measure's word as its name.
    Measures(&'static Section),
    /// A query in the server's own language; may go over several lines.
    Query,
    /// Names by name, and `regex` for the rest.
    NameMap,
}

/// The least and the most that a number may be.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Bounds {
    /// The least.
    pub least: f64,
    /// The most.
    pub most: f64,
}

/// Any number that is one.
pub(super) const ANY: Bounds = Bounds {
    least: f64::MIN,
    most: f64::MAX,
};
/// A share of a whole.
pub(super) const SHARE: Bounds = Bounds {
    least: 0.0,
    most: 1.0,
};

/// One key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    /// The key.
    pub key: &'static str,
    /// What its value may look like.
    pub shape: Shape,
    /// The default as text, empty for none.
    pub default: &'static str,
    /// Whether it must be there.
    pub required: bool,
    /// The environment variable that overrides it, empty for none.
    pub variable: &'static str,
    /// The flag that overrides it, empty for none.
    pub flag: &'static str,
    /// What it means.
    pub doc: &'static str,
}

/// The keys of one table.
#[derive(Debug)]
pub(super) struct Section {
    /// How the table is written.
    pub title: &'static str,
    /// What it holds.
    pub doc: &'static str,
    /// Its keys; groups are shared between tables.
    pub groups: &'static [&'static [Row]],
}

impl Section {
    /// Every key, in the order the reference lists them.
    pub(super) fn rows(&self) -> impl Iterator<Item = &'static Row> {
        self.groups.iter().flat_map(|g| g.iter())
    }

    /// The row of a key.
    pub(super) fn row(&self, key: &str) -> Option<&'static Row> {
        self.rows().find(|r| r.key == key)
    }
}

const fn row(key: &'static str, shape: Shape, doc: &'static str) -> Row {
    Row {
        key,
        shape,
        default: "",
        required: false,
        variable: "",
        flag: "",
        doc,
    }
}

impl Row {
    const fn or(mut self, default: &'static str) -> Self {
        self.default = default;
        self
    }

    const fn needed(mut self) -> Self {
        self.required = true;
        self
    }

    const fn also(mut self, variable: &'static str, flag: &'static str) -> Self {
        self.variable = variable;
        self.flag = flag;
        self
    }
}

const SECOND: Duration = Duration::from_secs(1);
const MILLISECOND: Duration = Duration::from_millis(1);

/// The file itself.
pub(super) static ROOT: Section = Section {
    title: "the file",
    doc: "Everything is optional: without a file, flags or variables make a context.",
    groups: &[&[
        row(
            "context",
            Shape::Name,
            "The context entered at the start. Without it: the only one there is.",
        )
        .also("QUARTERDECK_CONTEXT", "--context"),
        row(
            "console",
            Shape::Table(&CONSOLE),
            "How the console looks and behaves.",
        ),
        row(
            "keys",
            Shape::Keys,
            "Keys by command id, in place of that command's own: `\"go.open\" = [\"enter\", \"O\"]`. `quarterdeck keys` lists the ids.",
        ),
        row(
            "models",
            Shape::Named(&MODEL),
            "Overrides by the model's name, in every context; a context's own win.",
        ),
        row(
            "gates",
            Shape::Named(&GATE),
            "Gates of promotions, in every context; a context's own win.",
        ),
        row(
            "contexts",
            Shape::Named(&CONTEXT),
            "The fleets. `flags` and `env` are reserved for the contexts that flags and variables make, `demo` for the demo.",
        ),
    ]],
};

static CONSOLE: Section = Section {
    title: "[console]",
    doc: "How the console looks and behaves.",
    groups: &[&[
        row(
            "theme",
            Shape::Name,
            "A theme's name, or `auto` for dark or light after the terminal.",
        )
        .or("auto")
        .also("QUARTERDECK_THEME", "--theme"),
        row(
            "symbols",
            Shape::OneOf(&["auto", "unicode", "ascii"]),
            "Which characters states and charts are drawn with.",
        )
        .or("auto")
        .also("QUARTERDECK_SYMBOLS", "--symbols"),
        row(
            "color",
            Shape::OneOf(&["auto", "never", "16", "256", "truecolor"]),
            "How many colours the terminal is trusted with.",
        )
        .or("auto")
        .also("QUARTERDECK_COLOR", "--color"),
        row(
            "mouse",
            Shape::Flag,
            "Whether the mouse is used; off leaves selecting text to the terminal.",
        )
        .or("true")
        .also("QUARTERDECK_MOUSE", "--mouse"),
    ]],
};

static CONTEXT: Section = Section {
    title: "[contexts.NAME]",
    doc: "One fleet: what is polled, how it is joined, what is allowed.",
    groups: &[&[
        row(
            "writes",
            Shape::OneOf(&["off", "armed", "confirm"]),
            "Whether anything can be changed: `off`; `armed` = arm first, then confirm; `confirm` each. `--read-only` and `QUARTERDECK_READ_ONLY=1` make it `off` everywhere; `--writes` can tighten it and never lifts `off`.",
        )
        .or("off"),
        row(
            "claims",
            Shape::OneOf(&["on", "off"]),
            "Whether a move of an alias is claimed first in an experiment of the registry, `quarterdeck-claims`, so that of two consoles one is refused. By default on where the registry is on another machine and writes are allowed; behind a tunnel it has to be set. Whoever promotes needs EDIT on that experiment.",
        ),
        row(
            "protected",
            Shape::Flag,
            "Whether a confirmation has to type the context's name too.",
        )
        .or("false"),
        row("policy", Shape::Table(&POLICY), "The limits that rules judge by."),
        row(
            "sources",
            Shape::List(&SOURCE),
            "Registries, trackers, monitoring systems, and what runs pipelines.",
        ),
        row(
            "deployments",
            Shape::List(&DEPLOYMENT),
            "Serving endpoints; each is polled as a source of the same name.",
        ),
        row("models", Shape::Named(&MODEL), "Overrides by the model's name."),
        row("gates", Shape::Named(&GATE), "Gates of promotions."),
        row(
            "hooks",
            Shape::Named(&HOOK),
            "Commands of this machine and pipelines by which versions get to serving.",
        ),
    ]],
};

static POLICY: Section = Section {
    title: "[contexts.NAME.policy]",
    doc: "The limits that rules judge by. Tags in the registry may tighten them, never loosen.",
    groups: &[&[
        row(
            "champion",
            Shape::Alias,
            "The alias that names the version in production.",
        )
        .or("champion"),
        row("challenger", Shape::Alias, "The alias of the candidate.").or("challenger"),
        row(
            "rollout_grace",
            Shape::Duration(SECOND),
            "How long serving may lag behind an alias move before it counts as behind.",
        )
        .or("10m"),
        row(
            "stuck_after",
            Shape::Duration(SECOND),
            "How long a version may load before it counts as stuck.",
        )
        .or("5m"),
        row(
            "stale_after_polls",
            Shape::Count,
            "How many polls a fact may miss before it is stale.",
        )
        .or("3"),
        row(
            "down_after_polls",
            Shape::Count,
            "How many polls a source may fail before it is down.",
        )
        .or("3"),
        row(
            "slow_probe",
            Shape::Duration(MILLISECOND),
            "A health answer slower than this is worth a warning.",
        )
        .or("1s"),
        row(
            "max_model_age",
            Shape::Duration(SECOND),
            "How old a champion may be. Without it: any age.",
        ),
        row(
            "gates",
            Shape::Words,
            "Gates that every promotion has to pass, by name: models and tags add to them and take none away. Without it: the built-in ones, unless the model's own `gates` name others.",
        ),
        row(
            "allowed_signers",
            Shape::File,
            "Who may sign approvals: a file as `ssh-keygen -Y verify` reads it. Without it signatures are not checked.",
        ),
        row(
            "signals",
            Shape::Table(&SIGNAL_POLICY),
            "The limits of signals.",
        ),
        ORDER,
        GOOD_AFTER,
        CONVERGED,
    ]],
};

/// How to reach a server: the same for sources and deployments.
const CONNECTION: &[Row] = &[
    row("auth", Shape::Table(&AUTH), "How to prove who we are."),
    row("tls", Shape::Table(&TLS), "Certificates."),
    row(
        "headers",
        Shape::Headers,
        "Headers sent with each request: `headers = { X-Team = \"risk\" }`. Credentials belong in `auth`.",
    ),
    row(
        "host_header",
        Shape::Name,
        "The `Host` header, where the server insists on a name.",
    ),
    row(
        "timeout",
        Shape::Duration(Duration::from_millis(100)),
        "The deadline of one request.",
    )
    .or("10s"),
    row(
        "max_answer",
        Shape::Bytes,
        "The largest answer accepted. For Prometheus: 16MiB unless set.",
    )
    .or("32MiB"),
    row(
        "required",
        Shape::Flag,
        "Whether headless commands fail when it does not answer.",
    )
    .or("true"),
];

static SOURCE: Section = Section {
    title: "[[contexts.NAME.sources]]",
    doc: "A registry and tracker, a monitoring system, or what runs pipelines.",
    groups: &[
        &[
            row("name", Shape::Name, "Its name, unique in the context.").needed(),
            row(
                "kind",
                Shape::OneOf(&["mlflow", "prometheus", "alertmanager", "evidently", "grafana", "airflow"]),
                "What it is. `prometheus` is anything that answers Prometheus's API: Thanos, Mimir, VictoriaMetrics, Grafana's datasource proxy (`https://grafana/api/datasources/proxy/uid/UID`).",
            )
            .or("mlflow"),
            row(
                "url",
                Shape::Url,
                "Base URL; may have a path. Needed, but for an Evidently with `path`.",
            ),
            row(
                "path",
                Shape::File,
                "Evidently: a folder of its reports, in place of a URL.",
            ),
            row(
                "workspace",
                Shape::Name,
                "MLflow: the workspace, where the server has them.",
            ),
            row(
                "tenant",
                Shape::Name,
                "Prometheus, Alertmanager: the tenant, sent as `X-Scope-OrgID` (Mimir).",
            ),
            row(
                "every",
                Shape::Duration(SECOND),
                "The fastest cadence; slower polls scale from it. Without it: 10s for MLflow, 5s for Airflow, 15s for Prometheus and Alertmanager, 60s for Evidently and Grafana.",
            ),
        ],
        MONITORING,
        CONNECTION,
    ],
};

static DEPLOYMENT: Section = Section {
    title: "[[contexts.NAME.deployments]]",
    doc: "A serving endpoint. What is not set is left to tags on the registered model, then to convention (same name, champion, equal versions).",
    groups: &[
        &[
            row("name", Shape::Name, "Its name, unique in the context.").needed(),
            row(
                "kind",
                Shape::OneOf(&["v2", "tfserving", "bentoml", "mlflow-serve"]),
                "What it speaks: `v2` (MLServer, Triton, KServe), `tfserving`, `bentoml`, `mlflow-serve`.",
            )
            .needed(),
            row("url", Shape::Url, "Base URL; may have a path.").needed(),
            row("model", Shape::Text, "The registered model it serves."),
            row(
                "served_name",
                Shape::Text,
                "The model's name as the endpoint knows it, where it differs.",
            ),
            row(
                "follows",
                Shape::Follows,
                "What it should answer: `@alias`, a version such as `7`, or `none`. Without it: the champion.",
            ),
            row("environment", Shape::Name, "`prod`, `staging`, …"),
            row(
                "version_map",
                Shape::VersionMap,
                "How its version words become the registry's: `equal`, `strip-v`, `version-tag` (the tag `quarterdeck.serving_version`), or `{ regex = \"…\" }` with one group.",
            ),
            row(
                "version",
                Shape::Name,
                "The version it serves, declared: for servers that cannot tell.",
            ),
            row("hold", Shape::Text, "Why it is held at a version on purpose."),
            row(
                "rollout",
                Shape::OneOf(&["none", "external", "v2-load", "hook"]),
                "How a new version gets there.",
            )
            .or("none"),
            row("hook", Shape::Name, "Which of `hooks` it is, for `rollout = \"hook\"`."),
            row("every", Shape::Duration(SECOND), "How often it is probed.").or("5s"),
            row(
                "probe_timeout",
                Shape::Duration(Duration::from_millis(100)),
                "How long it has for an answer before it counts as silent. Without it: the time of two probes, at most 5s, never more than `timeout`.",
            ),
        ],
        CONNECTION,
    ],
};

static HOOK: Section = Section {
    title: "[contexts.NAME.hooks.HOOK]",
    doc: "What brings a version to serving: a `command` of this machine or a `pipeline`, one of the two. It is given MODEL, VERSION and ALIAS: a command as environment variables, which no shell reads, a run of a pipeline as its parameters (Airflow's `conf`). It runs only as a step of a confirmed plan, and what is left of that plan waits until it has ended well.",
    groups: &[&[
        row("command", Shape::Words, "Program and arguments."),
        row(
            "pipeline",
            Shape::Text,
            "The id of the pipeline (an Airflow DAG) of which a run is started, under an identity of ours. A paused one blocks the plan, and so does a dead scheduler.",
        ),
        row(
            "source",
            Shape::Name,
            "The source that has the pipeline, where the context has several that run pipelines.",
        ),
        row(
            "timeout",
            Shape::Duration(SECOND),
            "How long it may take: a command is stopped then; a run goes on, is waited for no longer, and what was to follow it is not done.",
        )
        .or("10m"),
    ]],
};

static AUTH: Section = Section {
    title: "auth",
    doc: "One of the three. A secret is `{ env = \"NAME\" }`, `{ file = \"PATH\" }` (readable by its owner only) or `{ command = [\"PROGRAM\", \"ARGUMENT\"] }` (the first line it prints).",
    groups: &[&[
        row(
            "basic",
            Shape::Table(&BASIC),
            "HTTP Basic: `basic = { user = \"ana\", password = { env = \"ML_PASSWORD\" } }`.",
        ),
        row(
            "bearer",
            Shape::Secret { public: false },
            "A bearer token: `bearer = { command = [\"pass\", \"show\", \"mlflow\"] }`. A command is asked again when the token is refused, and before it expires if it is a JWT.",
        ),
        row(
            "login",
            Shape::Table(&LOGIN),
            "Airflow 3: user and password for a token, which is renewed before it expires: `login = { user = \"ana\", password = { env = \"AF_PASSWORD\" } }`.",
        ),
    ]],
};

static BASIC: Section = Section {
    title: "auth.basic",
    doc: "HTTP Basic.",
    groups: &[&[
        row(
            "user",
            Shape::Secret { public: true },
            "The user name; may be written out.",
        )
        .needed(),
        row("password", Shape::Secret { public: false }, "The password.").needed(),
    ]],
};

static LOGIN: Section = Section {
    title: "auth.login",
    doc: "Airflow 3: a login that gives a token.",
    groups: &[&[
        row(
            "user",
            Shape::Secret { public: true },
            "The user name; may be written out.",
        )
        .needed(),
        row("password", Shape::Secret { public: false }, "The password.").needed(),
    ]],
};

static TLS: Section = Section {
    title: "tls",
    doc: "Certificates.",
    groups: &[&[
        row(
            "ca_file",
            Shape::File,
            "Extra certificate authorities, PEM.",
        ),
        row(
            "client_cert",
            Shape::File,
            "Client certificate and key in one PEM.",
        ),
        row(
            "insecure",
            Shape::Flag,
            "Accept any certificate; shown as a warning wherever the source is shown.",
        )
        .or("false"),
    ]],
};

static MODEL: Section = Section {
    title: "[contexts.NAME.models.\"MODEL\"] or [models.\"MODEL\"]",
    doc: "What the registry does not say of a model, or says wrongly.",
    groups: &[&[
        row("owner", Shape::Text, "Who answers for it."),
        row("runbook", Shape::Text, "Where its runbook is."),
        row("metric", Shape::Text, "The metric that tells its quality."),
        row(
            "higher_is_better",
            Shape::Flag,
            "Whether more of the metric is better.",
        ),
        row(
            "deployments",
            Shape::Words,
            "Deployments that serve it, by name or URL.",
        ),
        row(
            "pipeline",
            Shape::Text,
            "The pipeline that trains it again: `ID`, `SOURCE/ID`, or its URL (`https://airflow/dags/ID`). Without it: the tag `quarterdeck.pipeline` of the registered model.",
        ),
        row(
            "max_age",
            Shape::Duration(SECOND),
            "How old its champion may be.",
        ),
        row(
            "lines",
            Shape::Measures(&LINES),
            "Lines of its signals, in place of the policy's: `lines.latency-p95 = { warn = 0.2, crit = 0.4 }`. Without it a tag `quarterdeck.line.MEASURE` of the registered model, one number or two (`0.01 0.03`: warning, critical), may tighten the policy's or the preset's lines, never loosen them.",
        ),
        row(
            "job_every",
            Shape::Duration(SECOND),
            "How often its drift and quality jobs run.",
        ),
        row(
            "cadence",
            Shape::Duration(SECOND),
            "How often it is retrained.",
        ),
        row(
            "importances",
            Shape::Numbers(SHARE),
            "How much each feature matters, 0 to 1: `importances = { amount = 0.4 }`.",
        ),
        row(
            "floors",
            Shape::Numbers(ANY),
            "The least quality by metric, realised or estimated: `floors = { auc = 0.8 }`. Of a metric whose name tells that less is better (`rmse`, `log_loss`) it is the most.",
        ),
        row(
            "ceilings",
            Shape::Numbers(ANY),
            "The most of a metric of which less is better, whatever its name tells: `ceilings = { p90_miss = 12 }`.",
        ),
        row(
            "gates",
            Shape::Words,
            "Gates that its promotions have to pass, beside the policy's.",
        ),
        MODEL_ORDER,
    ]],
};

/// Variables that are not a key's: name and meaning.
pub(super) const OTHER_VARIABLES: &[(&str, &str)] = &[
    (
        "QUARTERDECK_CONFIG",
        "The settings file, in place of the usual one; `--config` wins.",
    ),
    (
        "QUARTERDECK_READ_ONLY",
        "`1` makes `writes = \"off\"` in every context, as `--read-only` does.",
    ),
];
