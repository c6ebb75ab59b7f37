//! The suite against the simulated fleet: part of every test run.

use std::sync::Arc;

use quarterdeck::domain::key::DeploymentKind;
use quarterdeck::domain::settings::{Auth, SecretRef, SourceKind, SourceSettings};
use quarterdeck::sim::{
    Access, Account, AirflowOptions, AirflowUser, AirflowVersion, BasicAuth, Clock, ManualClock,
    MlflowOptions, NewRun, Options, Scale, Scenario, SimFleet,
};

use crate::checks;
use crate::dashboards::{own_checks, through_checks};
use crate::monitors::{Monitor, alertmanager_checks, evidently_checks, prometheus_checks};
use crate::pipelines::{Names, Orchestra, orchestrator_checks};
use crate::serving::{Endpoint, Rest};
use crate::tracker::{Tracker, access_checks, endpoint_checks, tracker_checks};
use crate::verdict::{Lack, hold};

async fn fleet(scale: Scale, mlflow: MlflowOptions) -> Arc<SimFleet> {
    fleet_by(Clock::Manual(ManualClock::default()), scale, mlflow).await
}

async fn fleet_by(clock: Clock, scale: Scale, mlflow: MlflowOptions) -> Arc<SimFleet> {
    let options = Options {
        clock,
        scenario: Scenario::Calm,
        scale,
        mlflow,
        ..Options::default()
    };
    Arc::new(SimFleet::start(options).await.expect("ports on loopback"))
}

fn tracker(fleet: &Arc<SimFleet>, change: impl FnOnce(&mut SourceSettings)) -> Tracker {
    let url = fleet.url("mlflow").expect("a fleet has an MLflow server");
    let mut settings = SourceSettings::new("mlflow", SourceKind::Mlflow, url);
    change(&mut settings);
    let user = match &settings.auth {
        Auth::Basic {
            user: SecretRef::Inline(user),
            password: SecretRef::Inline(password),
        } => Some((user.clone(), password.clone())),
        _ => None,
    };
    Tracker::new(settings, user)
}

#[tokio::test]
async fn simulated_tracker_holds_the_contract() {
    // Timestamps are compared: time has to pass.
    let fleet = fleet_by(Clock::Real, Scale::Demo, MlflowOptions::default()).await;
    let experiment = "fraud-train".to_owned();
    let added = fleet.add_run(NewRun {
        experiment,
        name: "diverged".to_owned(),
        finished: true,
        metrics: vec![
            ("ceiling".to_owned(), vec![1.0, f64::INFINITY]),
            ("floor".to_owned(), vec![-1.0, f64::NEG_INFINITY]),
            ("loss".to_owned(), vec![1.5, f64::NAN, 0.4, f64::NAN]),
        ],
        ..NewRun::default()
    });
    assert!(added.is_some());
    let mut tracker = tracker(&fleet, |_| {});
    tracker.lacks = vec![(Lack::Resumed, "no simulated run was killed and resumed")];
    let lacks = tracker.lacks.clone();
    hold("simulated tracker", &tracker, &lacks, tracker_checks()).await;
}

#[tokio::test]
async fn simulated_load_is_paged_through() {
    let scale = Scale::Load {
        models: 430,
        versions: 3,
        runs: 900,
        endpoints: 1,
    };
    let fleet = fleet(scale, MlflowOptions::default()).await;
    let tracker = tracker(&fleet, |_| {});
    let checks = checks![
        registry::every_model_once,
        registry::more_models_than_a_page,
        registry::every_version_once,
    ];
    hold("simulated load", &tracker, &[], checks).await;
}

#[tokio::test]
async fn simulated_access_holds_the_contract() {
    let account =
        Account::reader("reader", "reader-password-1").granted("fraud-detector", Access::Edit);
    let options = MlflowOptions {
        auth: Some(BasicAuth::of(account)),
        static_prefix: Some("/team/ml".to_owned()),
    };
    let fleet = fleet(Scale::Demo, options).await;
    let mut tracker = tracker(&fleet, |settings| {
        settings.auth = Auth::Basic {
            user: SecretRef::Inline("reader".to_owned()),
            password: SecretRef::Inline("reader-password-1".to_owned()),
        };
    });
    tracker.claims = 2;
    hold("simulated access", &tracker, &[], access_checks()).await;
}

#[tokio::test]
async fn simulated_endpoints_hold_the_contract() {
    let fleet = fleet(Scale::Demo, MlflowOptions::default()).await;
    for (name, kind, serves, default, server, other) in [
        (
            "ranker-eu-prod",
            DeploymentKind::V2,
            vec!["5", "6"],
            Some("6"),
            "mlserver 1",
            (4, "4"),
        ),
        (
            "eta-prod",
            DeploymentKind::Tfserving,
            vec!["19"],
            Some("19"),
            "TensorFlow Serving",
            (20, "20"),
        ),
        (
            "churn-prod",
            DeploymentKind::Bentoml,
            vec!["v7"],
            None,
            "BentoML service",
            (6, "v6"),
        ),
        (
            "credit-prod",
            DeploymentKind::MlflowServe,
            vec![],
            None,
            "mlflow 3",
            (9, ""),
        ),
    ] {
        let found = fleet.endpoints().iter().find(|e| e.name == name);
        let found = found.expect("the demo's endpoints have these names");
        let model = found.model.as_deref().expect("an endpoint has a model");
        let mut endpoint = Endpoint::new(name, kind, &found.url, model);
        endpoint.serves = serves;
        endpoint.default = default;
        endpoint.server = server;
        endpoint.lacks = crate::serving::lacks(kind);
        let hand = Arc::clone(&fleet);
        endpoint.rest = Rest::Switch(Box::new(move |awake| {
            hand.set_ready(name, awake);
        }));
        let hand = Arc::clone(&fleet);
        let serve = move |number| {
            hand.serve_version(name, number);
        };
        endpoint.serve = Some((Box::new(serve), other.0, other.1));
        let lacks = endpoint.lacks.clone();
        let title = format!("simulated {kind} endpoint");
        hold(&title, &endpoint, &lacks, endpoint_checks()).await;
    }
}

#[tokio::test]
async fn simulated_monitors_hold_the_contract() {
    // A calm fleet has no alerts. Silences are made for the time of this machine; what Prometheus says
    // is compared, and must not move meanwhile.
    let options = |clock| Options {
        clock,
        scenario: Scenario::Incident,
        monitoring: true,
        ..Options::default()
    };
    let (passing, standing) = (Clock::Real, Clock::Manual(ManualClock::default()));
    let passing = SimFleet::start(options(passing)).await;
    let standing = SimFleet::start(options(standing)).await;
    let [passing, standing] = [passing, standing].map(|fleet| fleet.expect("ports on loopback"));
    for (fleet, name, kind, checks) in [
        (
            &passing,
            "alertmanager",
            SourceKind::Alertmanager,
            alertmanager_checks(),
        ),
        (
            &standing,
            "evidently",
            SourceKind::Evidently,
            evidently_checks(),
        ),
        (
            &standing,
            "prometheus",
            SourceKind::Prometheus,
            prometheus_checks(),
        ),
        (&standing, "grafana", SourceKind::Grafana, through_checks()),
    ] {
        let url = fleet.url(name).expect("the fleet has it");
        let monitor = Monitor::new(SourceSettings::new(name, kind, url));
        hold(&format!("simulated {name}"), &monitor, &[], checks).await;
    }
}

#[tokio::test]
async fn simulated_airflows_hold_the_contract() {
    for (version, api) in [(AirflowVersion::Three, "v2"), (AirflowVersion::Two, "v1")] {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let now = since.expect("a clock after 1970").as_millis() as i64;
        let clock = ManualClock::starting_at(now);
        let user = AirflowUser {
            user: "ops".to_owned(),
            password: "ops-password-1".to_owned(),
            writes: true,
        };
        let airflow = AirflowOptions {
            version,
            users: vec![user],
            ..AirflowOptions::default()
        };
        let options = Options {
            clock: Clock::Manual(clock.clone()),
            scenario: Scenario::Calm,
            airflow: Some(airflow),
            ..Options::default()
        };
        let fleet = SimFleet::start(options).await.expect("ports on loopback");
        let url = fleet.url("airflow").expect("the fleet has it");
        let settings = SourceSettings::new("airflow", SourceKind::Airflow, url);
        let user = ("ops".to_owned(), "ops-password-1".to_owned());
        let mut orchestra = Orchestra::new(settings, api, user);
        orchestra.clock = Some(clock);
        let newest = async |dag: &str| {
            let path = format!("/dags/{dag}/dagRuns?order_by=-start_date&limit=2");
            let told = orchestra.get(&path).await.expect("runs");
            let rows = told["dag_runs"].as_array().cloned().unwrap_or_default();
            let ids = rows.iter().filter_map(|row| row["dag_run_id"].as_str());
            ids.map(str::to_owned).collect::<Vec<_>>()
        };
        let (failed, good) = (
            newest("retrain_eta_city").await,
            newest("retrain_churn").await,
        );
        orchestra.names = Names {
            dag: "retrain_churn",
            paused: "retrain_credit_score",
            failed: ("retrain_eta_city", failed),
            said: "val_mae_s 214.6 > 180.0",
            good: (good[0].clone(), "churn", "7".to_owned()),
            epochs: (
                serde_json::json!({"epochs": 8}),
                (1..=8).map(|n| format!("epoch {n}/8")).collect(),
            ),
            slow: serde_json::json!({"epochs": 50}),
        };
        let title = format!("simulated airflow, {api}");
        hold(&title, &orchestra, &[], orchestrator_checks()).await;
    }
}

#[tokio::test]
async fn simulated_grafana_holds_the_contract() {
    // What is marked is asked for up to our own present; what is measured then moves between two looks.
    let options = Options {
        clock: Clock::Real,
        scenario: Scenario::Incident,
        monitoring: true,
        ..Options::default()
    };
    let fleet = SimFleet::start(options).await.expect("ports on loopback");
    let url = fleet.url("grafana").expect("the fleet has it");
    let settings = SourceSettings::new("grafana", SourceKind::Grafana, url);
    hold(
        "simulated grafana",
        &Monitor::new(settings),
        &[],
        own_checks(),
    )
    .await;
}
