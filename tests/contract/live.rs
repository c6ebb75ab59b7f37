//! The suite against real servers, whose addresses come from the environment or from the file that
//! `tests/live/fleet start` writes. A server that is not there is printed as `not run: NAME: reason`;
//! without a reason in that file it fails, so that no suite passes by having nothing to do.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use quarterdeck::domain::key::DeploymentKind;
use quarterdeck::domain::settings::{Auth, SecretRef, SourceKind, SourceSettings, Tls};

use crate::checks;
use crate::dashboards::grafana_checks;
use crate::monitors::{Monitor, alertmanager_checks, evidently_checks, prometheus_checks};
use crate::pipelines::{Orchestra, orchestrator_checks};
use crate::serving::{Endpoint, Rest};
use crate::tracker::{Tracker, access_checks, endpoint_checks, tracker_checks};
use crate::verdict::{Check, Lack, hold, say};

/// What is known of the fleet: addresses by variable, reasons by server.
struct Fleet {
    values: BTreeMap<String, String>,
    reasons: BTreeMap<String, String>,
    file: PathBuf,
}

impl Fleet {
    fn read() -> Self {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let file = std::env::var_os("QUARTERDECK_LIVE_ENV")
            .map_or_else(|| root.join("target/live/fleet.env"), PathBuf::from);
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let mut fleet = Self::parse(&text, file);
        for (key, value) in std::env::vars() {
            if key.starts_with("QUARTERDECK_LIVE_") {
                fleet.values.insert(key, value);
            }
        }
        fleet
    }

    fn parse(text: &str, file: PathBuf) -> Self {
        let mut values = BTreeMap::new();
        let mut reasons = BTreeMap::new();
        for line in text.lines() {
            if let Some(row) = line.strip_prefix("# not run: ") {
                if let Some((name, reason)) = row.split_once(": ") {
                    reasons.insert(name.to_owned(), reason.to_owned());
                }
            } else if let Some((key, value)) = line.split_once('=') {
                values.insert(key.to_owned(), value.to_owned());
            }
        }
        Self {
            values,
            reasons,
            file,
        }
    }

    /// A server's address; none when the fleet says why it does not run.
    fn url(&self, name: &str) -> Option<String> {
        let key = format!("QUARTERDECK_LIVE_{}", name.to_uppercase().replace('-', "_"));
        if let Some(url) = self.values.get(&key).filter(|url| !url.is_empty()) {
            return Some(url.clone());
        }
        let reason = self.reasons.get(name).map_or_else(
            || {
                format!(
                    "{key} is not set and {} does not say why: run tests/live/fleet start",
                    self.file.display()
                )
            },
            Clone::clone,
        );
        say(&format!("not run: {name}: {reason}\n"));
        assert!(self.reasons.contains_key(name), "not run: {name}: {reason}");
        None
    }

    fn secret(&self, name: &str) -> String {
        let value = self.values.get(&format!("QUARTERDECK_LIVE_{name}"));
        value.cloned().unwrap_or_default()
    }

    /// The certificates to reach a server with.
    fn tls(&self, name: &str) -> Tls {
        Tls {
            ca_file: Some(self.secret(&format!("{name}_CA")).into()),
            client_cert: Some(self.secret(&format!("{name}_CLIENT_CERT")).into()),
            insecure: false,
        }
    }
}

async fn tracker_holds(name: &str, lacks: Vec<(Lack, &'static str)>) {
    let Some(url) = Fleet::read().url(name) else {
        return;
    };
    let settings = SourceSettings::new(name, SourceKind::Mlflow, &url);
    let mut tracker = Tracker::new(settings, None);
    tracker.lacks = lacks.clone();
    let mut checks = tracker_checks();
    checks.extend(checks![registry::more_models_than_a_page]);
    hold(&format!("live {name}"), &tracker, &lacks, checks).await;
}

async fn endpoint_holds(name: &str, kind: DeploymentKind, change: impl FnOnce(&mut Endpoint)) {
    endpoint_holds_more(name, kind, change, Vec::new()).await;
}

async fn endpoint_holds_more(
    name: &str,
    kind: DeploymentKind,
    change: impl FnOnce(&mut Endpoint),
    more: Vec<Check<Endpoint>>,
) {
    let Some(url) = Fleet::read().url(name) else {
        return;
    };
    let mut endpoint = Endpoint::new(name, kind, &url, "fraud-detector");
    endpoint.lacks = crate::serving::lacks(kind);
    change(&mut endpoint);
    let lacks = endpoint.lacks.clone();
    let mut checks = endpoint_checks();
    checks.extend(more);
    hold(&format!("live {name}"), &endpoint, &lacks, checks).await;
}

#[tokio::test]
#[ignore = "live: needs tests/live/fleet"]
async fn live_mlflow3_holds_the_contract() {
    tracker_holds("mlflow3", Vec::new()).await;
}

const NO_REST: (Lack, &str) = (Lack::Resting, "this server has no call for it");
const NO_OTHER_VERSION: (Lack, &str) = (
    Lack::OtherVersion,
    "another version needs other files and a restart",
);
const NO_LOGGED_MODELS: &str = "MLflow 2 keeps models below their runs";
const NO_HOST_CHECK: &str = "MLflow 2 answers to any host name";

#[tokio::test]
#[ignore = "live: needs tests/live/fleet"]
async fn live_mlflow2_holds_the_contract() {
    let lacks = vec![
        (Lack::LoggedModels, NO_LOGGED_MODELS),
        (Lack::HostCheck, NO_HOST_CHECK),
    ];
    tracker_holds("mlflow2", lacks).await;
}

#[tokio::test]
#[ignore = "live: needs tests/live/fleet"]
async fn live_mlflow29_holds_the_contract() {
    let lacks = vec![
        (Lack::LoggedModels, NO_LOGGED_MODELS),
        (Lack::HostCheck, NO_HOST_CHECK),
    ];
    tracker_holds("mlflow29", lacks).await;
}

#[tokio::test]
#[ignore = "live: needs tests/live/fleet"]
async fn live_mlflow_auth_holds_the_contract() {
    let hidden = (
        Lack::PlainRoutes,
        "only an admin is told that a route does not exist",
    );
    let roles = [
        ("READER", 0, vec![hidden]),
        ("EDITOR", 2, vec![hidden]),
        ("NOBODY", 2, vec![hidden]),
        ("ADMIN", 2, Vec::new()),
    ];
    access_holds("mlflow-auth", roles, |_| {}, access_checks).await;
}

/// A role's word, the rights that it is told of at the least, and what it lacks.
type Role = (&'static str, usize, Vec<(Lack, &'static str)>);

/// The checks of access as each role.
async fn access_holds<const N: usize>(
    name: &str,
    roles: [Role; N],
    change: impl Fn(&mut SourceSettings),
    checks: impl Fn() -> Vec<Check<Tracker>>,
) {
    let fleet = Fleet::read();
    let Some(url) = fleet.url(name) else {
        return;
    };
    let key = name.to_uppercase().replace('-', "_");
    for (role, claims, lacks) in roles {
        let user = fleet.secret(&format!("{key}_{role}_USER"));
        let password = fleet.secret(&format!("{key}_{role}_PASSWORD"));
        let mut settings = SourceSettings::new(name, SourceKind::Mlflow, &url);
        change(&mut settings);
        settings.auth = Auth::Basic {
            user: SecretRef::Inline(user.clone()),
            password: SecretRef::Inline(password.clone()),
        };
        let mut tracker = Tracker::new(settings, Some((user, password)));
        tracker.claims = claims;
        tracker.lacks = lacks.clone();
        let title = format!("live {name} as {}", role.to_lowercase());
        hold(&title, &tracker, &lacks, checks()).await;
    }
}

#[tokio::test]
#[ignore = "live: needs tests/live/fleet"]
async fn live_mlflow2_auth_holds_the_contract() {
    let tls = Fleet::read().tls("MLFLOW2_AUTH");
    let rights = (Lack::Rights, "MLflow 2 has no route that tells our rights");
    let roles = [
        ("READER", 0, vec![rights]),
        ("EDITOR", 0, vec![rights]),
        ("NOBODY", 0, vec![rights]),
        ("ADMIN", 0, vec![rights]),
    ];
    let checks = || {
        let mut all = access_checks();
        all.extend(checks![access::wrong_certificates_are_told_as_such]);
        all
    };
    access_holds("mlflow2-auth", roles, |s| s.tls = tls.clone(), checks).await;
}

#[tokio::test]
#[ignore = "live: needs tests/live/fleet"]
async fn live_mlflow_tls_holds_the_contract() {
    let fleet = Fleet::read();
    let Some(url) = fleet.url("mlflow-tls") else {
        return;
    };
    let mut settings = SourceSettings::new("mlflow-tls", SourceKind::Mlflow, &url);
    settings.tls = fleet.tls("MLFLOW_TLS");
    let tracker = Tracker::new(settings, None);
    let checks = checks![
        access::server_says_what_it_is,
        access::wrong_prefix_is_no_route,
        access::wrong_certificates_are_told_as_such,
        registry::every_model_once,
        registry::every_version_once,
        registry::alias_move_is_seen_by_the_fast_tick,
    ];
    hold("live mlflow-tls", &tracker, &[], checks).await;
}

#[tokio::test]
#[ignore = "live: needs tests/live/fleet"]
async fn live_bentoml_tls_holds_the_contract() {
    let fleet = Fleet::read();
    let Some(url) = fleet.url("bentoml-tls") else {
        return;
    };
    let kind = DeploymentKind::Bentoml;
    let mut endpoint = Endpoint::new("bentoml-tls", kind, &url, "fraud-detector")
        .with_tls(fleet.tls("BENTOML_TLS"));
    endpoint.serves = vec!["v5"];
    endpoint.server = "BentoML service fraud_svc";
    let checks = checks![
        serving::endpoint_is_ready_and_says_what_it_is,
        serving::versions_are_reported_never_guessed,
        serving::wrong_certificates_are_told_as_such,
    ];
    hold("live bentoml-tls", &endpoint, &[], checks).await;
}

#[tokio::test]
#[ignore = "live: needs tests/live/fleet"]
async fn live_mlflow_prefix_holds_the_contract() {
    let fleet = Fleet::read();
    let Some(url) = fleet.url("mlflow-prefix") else {
        return;
    };
    let workspace = fleet.secret("MLFLOW_PREFIX_WORKSPACE");
    let mut settings = SourceSettings::new("mlflow-prefix", SourceKind::Mlflow, &url);
    settings.workspace = Some(workspace.clone());
    let mut tracker = Tracker::new(settings, None);
    tracker.raw = tracker.raw.within(&workspace);
    let checks = checks![
        access::server_says_what_it_is,
        access::wrong_prefix_is_no_route,
        access::workspace_is_shown_alone,
        registry::every_model_once,
        registry::every_version_once,
        registry::alias_move_is_seen_by_the_fast_tick,
    ];
    hold("live mlflow-prefix", &tracker, &[], checks).await;
}

#[tokio::test]
#[ignore = "live: needs tests/live/fleet"]
async fn live_mlserver_holds_the_contract() {
    let more = checks![acts::a_model_is_loaded_from_the_repository];
    let change = |endpoint: &mut Endpoint| {
        endpoint.serves = vec!["2", "3"];
        endpoint.default = Some("3");
        endpoint.server = "mlserver 1";
        endpoint.rest = Rest::Repository;
        endpoint.lacks.push(NO_OTHER_VERSION);
    };
    endpoint_holds_more("mlserver", DeploymentKind::V2, change, more).await;
}

#[tokio::test]
#[ignore = "live: needs tests/live/fleet"]
async fn live_bentoml_holds_the_contract() {
    endpoint_holds("bentoml", DeploymentKind::Bentoml, |endpoint| {
        endpoint.serves = vec!["v5"];
        endpoint.server = "BentoML service fraud_svc";
        endpoint.lacks.push(NO_OTHER_VERSION);
        endpoint.lacks.push(NO_REST);
    })
    .await;
}

#[tokio::test]
#[ignore = "live: needs tests/live/fleet"]
async fn live_mlflow_serve_holds_the_contract() {
    endpoint_holds("mlflow-serve", DeploymentKind::MlflowServe, |endpoint| {
        endpoint.server = "mlflow 3";
        endpoint.lacks.push(NO_REST);
    })
    .await;
}

async fn monitor_holds(name: &str, kind: SourceKind, checks: Vec<Check<Monitor>>) {
    let Some(url) = Fleet::read().url(name) else {
        return;
    };
    let monitor = Monitor::new(SourceSettings::new(name, kind, &url));
    hold(&format!("live {name}"), &monitor, &[], checks).await;
}

#[tokio::test]
#[ignore = "live: needs tests/live/fleet"]
async fn live_alertmanager_holds_the_contract() {
    let kind = SourceKind::Alertmanager;
    monitor_holds("alertmanager", kind, alertmanager_checks()).await;
}

#[tokio::test]
#[ignore = "live: needs tests/live/fleet"]
async fn live_prometheus_holds_the_contract() {
    monitor_holds("prometheus", SourceKind::Prometheus, prometheus_checks()).await;
}

#[tokio::test]
#[ignore = "live: needs tests/live/fleet"]
async fn live_grafana_holds_the_contract() {
    monitor_holds("grafana", SourceKind::Grafana, grafana_checks()).await;
}

#[tokio::test]
#[ignore = "live: needs tests/live/fleet"]
async fn live_evidently_holds_the_contract() {
    monitor_holds("evidently", SourceKind::Evidently, evidently_checks()).await;
}

async fn orchestrator_holds(name: &str, api: &'static str, token_life: Option<Duration>) {
    let fleet = Fleet::read();
    let Some(url) = fleet.url(name) else {
        return;
    };
    let key = name.to_uppercase();
    let user = fleet.secret(&format!("{key}_ADMIN_USER"));
    let password = fleet.secret(&format!("{key}_ADMIN_PASSWORD"));
    let settings = SourceSettings::new(name, SourceKind::Airflow, &url);
    let mut orchestra = Orchestra::new(settings, api, (user, password));
    orchestra.token_life = token_life;
    hold(
        &format!("live {name}"),
        &orchestra,
        &[],
        orchestrator_checks(),
    )
    .await;
}

#[tokio::test]
#[ignore = "live: needs tests/live/fleet"]
async fn live_airflow3_holds_the_contract() {
    // As `airflow_servers.py` has them expire.
    orchestrator_holds("airflow3", "v2", Some(Duration::from_secs(20))).await;
}

#[tokio::test]
#[ignore = "live: needs tests/live/fleet"]
async fn live_airflow2_holds_the_contract() {
    orchestrator_holds("airflow2", "v1", None).await;
}

/// The files that Evidently itself has written say the same as its service.
#[tokio::test]
#[ignore = "live: needs tests/live/fleet"]
async fn live_evidently_files_say_what_the_service_says() {
    let fleet = Fleet::read();
    let Some(url) = fleet.url("evidently") else {
        return;
    };
    let service = Monitor::new(SourceSettings::new("e", SourceKind::Evidently, &url));
    let folder = fleet.secret("EVIDENTLY_REPORTS");
    let settings = SourceSettings::new("e", SourceKind::Evidently, &format!("file://{folder}"));
    let found = crate::monitors::files_say_what_the_service_says(&settings, &service).await;
    assert!(found.is_ok(), "{found:?}");
}

#[test]
fn the_fleets_file_is_read() {
    let text =
        "QUARTERDECK_LIVE_MLFLOW_AUTH=http://x\n# not run: mlserver: not installed: no pip\n";
    let fleet = Fleet::parse(text, PathBuf::new());
    assert_eq!(fleet.url("mlflow-auth").as_deref(), Some("http://x"));
    assert_eq!(fleet.url("mlserver"), None);
}

#[test]
#[should_panic(expected = "not run: bentoml")]
fn a_server_that_is_absent_without_a_reason_fails() {
    Fleet::parse("", PathBuf::new()).url("bentoml");
}
