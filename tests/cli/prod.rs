//! A context that writes to a simulated fleet, as a settings file says it.

use quarterdeck::sim::{Clock, MlflowOptions, Options, Scale, Scenario, SimFleet};

use crate::support::url;

/// What is set; gates and claims are out of the way unless said.
pub(crate) struct Prod<'a> {
    fleet: &'a SimFleet,
    context: Vec<String>,
    policy: Vec<String>,
    tables: String,
}

impl<'a> Prod<'a> {
    pub(crate) fn of(fleet: &'a SimFleet) -> Self {
        Self {
            fleet,
            context: Vec::new(),
            policy: Vec::new(),
            tables: String::new(),
        }
    }

    /// A line of the context's own table.
    pub(crate) fn set(mut self, line: &str) -> Self {
        self.context.push(line.to_owned());
        self
    }

    /// A line of its policy.
    pub(crate) fn policy(mut self, line: &str) -> Self {
        self.policy.push(line.to_owned());
        self
    }

    /// More tables.
    pub(crate) fn table(mut self, text: &str) -> Self {
        self.tables.push_str(text);
        self.tables.push('\n');
        self
    }

    /// An endpoint of the fleet with lines of its own.
    pub(crate) fn deployment(self, name: &str, lines: &str) -> Self {
        let server = self.fleet.endpoints().iter().find(|e| e.name == name);
        let server = server.expect("an endpoint of the fleet").clone();
        let model = server.model.unwrap_or_default();
        self.table(&format!(
            "[[contexts.prod.deployments]]\nname = \"{name}\"\nkind = \"{}\"\nurl = \"{}\"\n\
             model = \"{model}\"\nserved_name = \"{model}\"\n{lines}",
            server.kind, server.url
        ))
    }

    /// A source of the fleet.
    pub(crate) fn source(self, name: &str) -> Self {
        let url = url(self.fleet, name);
        self.table(&format!(
            "[[contexts.prod.sources]]\nname = \"{name}\"\nkind = \"{name}\"\nurl = \"{url}\""
        ))
    }

    pub(crate) fn text(&self) -> String {
        let has = |key: &str| self.context.iter().any(|line| line.starts_with(key));
        let usual = [("writes", "\"confirm\""), ("protected", "false")];
        let usual = usual.into_iter().filter(|(key, _)| !has(key));
        let usual: Vec<String> = usual
            .map(|(key, value)| format!("{key} = {value}"))
            .collect();
        let gates = if self.policy.iter().any(|line| line.starts_with("gates")) {
            ""
        } else {
            "gates = [\"ready\"]"
        };
        format!(
            "[contexts.prod]\n{}\n{}\n[contexts.prod.policy]\n{gates}\n{}\n\
             [[contexts.prod.sources]]\nname = \"mlflow\"\nkind = \"mlflow\"\nurl = \"{}\"\n{}",
            usual.join("\n"),
            self.context.join("\n"),
            self.policy.join("\n"),
            url(self.fleet, "mlflow"),
            self.tables
        )
    }
}

/// A calm fleet with its monitoring, in the machine's time.
pub(crate) async fn monitored() -> SimFleet {
    let options = Options {
        clock: Clock::Real,
        scenario: Scenario::Calm,
        monitoring: true,
        ..Options::default()
    };
    SimFleet::start(options).await.expect("ports on loopback")
}

/// A small registry in the machine's time.
pub(crate) async fn small(mlflow: MlflowOptions) -> SimFleet {
    let options = Options {
        clock: Clock::Real,
        scenario: Scenario::Calm,
        scale: Scale::Load {
            models: 2,
            versions: 8,
            runs: 8,
            endpoints: 1,
        },
        mlflow,
        ..Options::default()
    };
    SimFleet::start(options).await.expect("ports on loopback")
}

/// The version that an alias names, asked directly; none for no such alias.
pub(crate) fn holder(fleet: &SimFleet, model: &str, alias: &str) -> Option<String> {
    let call = format!("registered-models/alias?name={model}&alias={alias}");
    let row = ask(fleet, &call);
    row["model_version"]["version"].as_str().map(str::to_owned)
}

/// A read of the registry by another route than the program's.
pub(crate) fn ask(fleet: &SimFleet, call: &str) -> serde_json::Value {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let url = format!("{}/api/2.0/mlflow/{call}", url(fleet, "mlflow"));
    let asked = async {
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]);
        let client = client.build().expect("a plain client");
        let answer = client.get(url).send().await.expect("an answer");
        answer.text().await.expect("a body")
    };
    let handle = tokio::runtime::Handle::current();
    let text = tokio::task::block_in_place(|| handle.block_on(asked));
    serde_json::from_str(&text).unwrap_or_default()
}

/// Writes that a server was sent whose path contains a text.
pub(crate) fn sent(fleet: &SimFleet, server: &str, part: &str) -> usize {
    fleet.writes().count(server, part)
}
