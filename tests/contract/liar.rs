//! The proof that the checks can fail: a server in front of the simulated fleet that tells the
//! adapter one lie, while the checks' own questions reach the fleet itself. Each lie must be caught.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use quarterdeck::domain::key::DeploymentKind;
use quarterdeck::domain::settings::{SourceKind, SourceSettings};
use quarterdeck::sim::{Clock, ManualClock, NewRun, Options, Scenario, SimFleet};

use crate::raw::Raw;
use crate::serving::Endpoint;
use crate::tracker::{Tracker, endpoint_checks, tracker_checks};
use crate::verdict::examine;

/// Where a lie is told, what is replaced, by what, and which check catches it.
type Lie = (&'static str, &'static str, &'static str, &'static str);

const TRACKER_LIES: [Lie; 20] = [
    ("/version", "3.", "4.", "access::server_says_what_it_is"),
    (
        "registered-models/search",
        "\"ad-ctr\"",
        "\"fraud-detector\"",
        "registry::every_model_once",
    ),
    (
        "registered-models/search",
        "\"tags\"",
        "\"labels\"",
        "registry::every_model_once",
    ),
    (
        "registered-models/search",
        "\"alias\": \"champion\"",
        "\"alias\": \"challenger\"",
        "registry::aliases_equal_the_alias_route",
    ),
    (
        "registered-models/search",
        "\"aliases\"",
        "\"aliases_of_yesterday\"",
        "registry::alias_move_is_seen_by_the_fast_tick",
    ),
    (
        "model-versions/search",
        "\"version\": \"1\"",
        "\"version\": \"2\"",
        "registry::every_version_once",
    ),
    (
        "model-versions/search",
        "\"run_id\"",
        "\"run\"",
        "registry::every_version_once",
    ),
    (
        "model-versions/get-artifact",
        "\"double\"",
        "\"float\"",
        "registry::package_is_what_was_logged",
    ),
    (
        "artifacts/directories",
        "MLmodel",
        "MLmode1",
        "registry::logged_model_has_its_files",
    ),
    (
        "experiments/search",
        "\"experiment_id\": \"3\"",
        "\"experiment_id\": \"4\"",
        "runs::every_experiment_once",
    ),
    (
        "runs/search",
        "\"next_page_token\"",
        "\"last_page_token\"",
        "runs::paging_gives_every_run_once",
    ),
    (
        "runs/search",
        "\"FINISHED\"",
        "\"KILLED\"",
        "runs::runs_are_as_logged",
    ),
    (
        "runs/search",
        "\"params\"",
        "\"parameters\"",
        "runs::runs_are_as_logged",
    ),
    (
        "runs/search",
        "\"NaN\"",
        "0.0",
        "history::metrics_that_are_no_numbers_arrive",
    ),
    (
        "runs/search",
        "\"RUNNING\"",
        "\"FINISHED\"",
        "runs::delta_tick_tells_of_live_runs",
    ),
    (
        "runs/search",
        "nvalid",
        "...",
        "runs::filter_is_the_servers_and_so_are_its_errors",
    ),
    (
        "get-history-bulk-interval",
        "\"step\": 0",
        "\"step\": 1",
        "history::history_keeps_its_ends",
    ),
    (
        "get-history-bulk-interval",
        "\"run_id\"",
        "\"run\"",
        "history::histories_of_several_runs_stay_apart",
    ),
    (
        "artifacts/list",
        "\"is_dir\": true",
        "\"is_dir\": false",
        "runs::artifacts_are_listed",
    ),
    (
        "runs/get",
        "\"FINISHED\"",
        "\"KILLED\"",
        "runs::one_run_is_found_and_an_unknown_one_is_not",
    ),
];

const ENDPOINT_LIES: [Lie; 5] = [
    (
        "repository/index",
        "READY",
        "LOADING",
        "serving::versions_are_reported_never_guessed",
    ),
    (
        "repository/index",
        "\"5\"",
        "\"4\"",
        "serving::states_are_the_servers_own",
    ),
    (
        "/ready",
        "",
        "{\"ready\":false}",
        "serving::endpoint_is_ready_and_says_what_it_is",
    ),
    (
        "/v2",
        "mlserver",
        "triton",
        "serving::endpoint_is_ready_and_says_what_it_is",
    ),
    (
        "repository/index",
        "ranker-eu",
        "another",
        "serving::only_model_is_found_without_a_name",
    ),
];

struct Liar {
    behind: String,
    lie: Lie,
    client: reqwest::Client,
}

impl Liar {
    /// Opens a liar in front of a server; gives its address.
    async fn start(behind: &str, lie: Lie) -> String {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port on loopback");
        let address = listener.local_addr().expect("a bound port");
        let client = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only(Vec::new())
            .build()
            .expect("a client without certificates");
        let liar = Arc::new(Self {
            behind: behind.to_owned(),
            lie,
            client,
        });
        let app = Router::new().fallback(Self::answer).with_state(liar);
        tokio::spawn(async move { axum::serve(listener, app).await });
        format!("http://{address}")
    }

    async fn answer(State(liar): State<Arc<Self>>, request: Request) -> Response {
        let (place, from, to, _) = liar.lie;
        let path = request.uri().to_string();
        let lies = request.uri().path().ends_with(place);
        let mut onward = liar
            .client
            .request(request.method().clone(), format!("{}{path}", liar.behind));
        for name in ["content-type", "authorization"] {
            if let Some(value) = request.headers().get(name) {
                onward = onward.header(name, value);
            }
        }
        let body = to_bytes(request.into_body(), 1 << 20)
            .await
            .unwrap_or_default();
        let answer = onward.body(body).send().await.expect("the fleet answers");
        let status = answer.status();
        let kind = answer.headers().get("content-type").cloned();
        let text = answer.text().await.unwrap_or_default();
        let text = match (lies, from.is_empty()) {
            (true, true) => to.to_owned(),
            (true, false) => text.replace(from, to),
            (false, _) => text,
        };
        let mut response = Response::builder().status(status);
        if let Some(kind) = kind {
            response = response.header("content-type", kind);
        }
        response
            .body(Body::from(text))
            .expect("a response of known parts")
    }
}

async fn fleet() -> SimFleet {
    let options = Options {
        clock: Clock::Manual(ManualClock::default()),
        scenario: Scenario::Calm,
        ..Options::default()
    };
    let fleet = SimFleet::start(options).await.expect("ports on loopback");
    fleet.add_run(NewRun {
        experiment: "fraud-train".to_owned(),
        name: "ceiling".to_owned(),
        metrics: vec![("ceiling".to_owned(), vec![1.0, f64::INFINITY])],
        ..NewRun::default()
    });
    fleet
}

#[tokio::test]
async fn each_lie_about_the_tracker_is_caught() {
    let fleet = fleet().await;
    let behind = fleet.url("mlflow").expect("a fleet has an MLflow server");
    for lie in TRACKER_LIES {
        let url = Liar::start(behind, lie).await;
        let settings = SourceSettings::new("mlflow", SourceKind::Mlflow, &url);
        let mut tracker = Tracker::new(settings, None);
        tracker.raw = Raw::new(behind, None);
        tracker.lacks = vec![(crate::verdict::Lack::MakingModels, "")];
        let checks: Vec<_> = tracker_checks()
            .into_iter()
            .filter(|check| check.name == lie.3)
            .collect();
        let (table, broken) = examine("liar", &tracker, &[], &checks).await;
        assert_eq!(broken, [lie.3], "{lie:?} is believed:\n{table}");
    }
}

#[tokio::test]
async fn each_lie_about_an_endpoint_is_caught() {
    let fleet = fleet().await;
    let behind = fleet.url("ranker-eu-prod").expect("the demo has this name");
    for lie in ENDPOINT_LIES {
        let url = Liar::start(behind, lie).await;
        let mut endpoint = Endpoint::new("ranker-eu-prod", DeploymentKind::V2, &url, "ranker-eu");
        endpoint.raw = Raw::new(behind, None);
        endpoint.serves = vec!["5", "6"];
        endpoint.default = Some("6");
        endpoint.server = "mlserver 1";
        let checks: Vec<_> = endpoint_checks()
            .into_iter()
            .filter(|check| check.name == lie.3)
            .collect();
        let (table, broken) = examine("liar", &endpoint, &[], &checks).await;
        assert_eq!(broken, [lie.3], "{lie:?} is believed:\n{table}");
    }
}
