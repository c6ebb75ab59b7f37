//! Reading changes nothing: every feed of every source, and every look at an act, leaves the simulated
//! fleet without a write; a ticket makes one.

use quarterdeck::domain::action::{Act, How, Tagged};
use quarterdeck::domain::key::{DeploymentKind, Key};
use quarterdeck::domain::query::Query;
use quarterdeck::domain::settings::{SourceKind, SourceSettings};
use quarterdeck::sim::{Clock, Options, Scenario, SimFleet};
use quarterdeck::sources::Focus;

use crate::acts::{ends, fresh};
use crate::monitors::Monitor;
use crate::serving::Endpoint;
use crate::tracker::Tracker;

#[tokio::test]
async fn nothing_but_a_ticket_writes() {
    let options = Options {
        clock: Clock::Real,
        scenario: Scenario::Incident,
        monitoring: true,
        ..Options::default()
    };
    let fleet = SimFleet::start(options).await.expect("ports on loopback");
    let mut doors = Vec::new();
    for server in fleet.endpoints() {
        let kind = match server.kind {
            "mlflow" => SourceKind::Mlflow,
            "prometheus" => SourceKind::Prometheus,
            "alertmanager" => SourceKind::Alertmanager,
            "evidently" => SourceKind::Evidently,
            "grafana" => SourceKind::Grafana,
            other => SourceKind::Serving(match other {
                "v2" => DeploymentKind::V2,
                "tfserving" => DeploymentKind::Tfserving,
                "bentoml" => DeploymentKind::Bentoml,
                "mlflow-serve" => DeploymentKind::MlflowServe,
                _ => continue,
            }),
        };
        let door = if let SourceKind::Serving(kind) = kind {
            let model = server.model.as_deref().unwrap_or_default();
            Endpoint::new(&server.name, kind, &server.url, model).door(|_| {})
        } else {
            Monitor::new(SourceSettings::new(&server.name, kind, &server.url)).door()
        };
        doors.push((kind, door));
    }
    assert!(doors.len() > 10, "{} servers", doors.len());

    let url = fleet.url("mlflow").expect("a tracker");
    let tracker = Tracker::new(SourceSettings::new("m", SourceKind::Mlflow, url), None);
    let model = tracker.model("churn").await.expect("a model").key;
    let tag = Act::SetTag {
        created: None,
        of: Tagged::Model(model.clone()),
        key: Key::new("quarterdeck.contract"),
        from: None,
        to: Key::new(fresh().as_str()),
    };
    for (kind, door) in &doors {
        door.probe().await.expect("a probe");
        for feed in door.feeds() {
            let polled = door.poll(feed, &Focus::default()).await;
            assert!(polled.is_ok(), "{kind} {feed:?}: {polled:?}");
        }
        let looked = door.look(&tag).await;
        assert_eq!(looked.is_ok(), *kind == SourceKind::Mlflow, "{looked:?}");
    }
    for query in [
        Query::Claims(model.clone()),
        Query::Versions(model.clone()),
        Query::SignalChecks,
    ] {
        for (_, door) in &doors {
            // Most have nothing of the kind, and say so.
            let _ = door.fetch(query.clone()).await;
        }
    }
    assert_eq!(fleet.writes().seen(), []);

    let done = ends(&tracker.door, &tag, How::Done).await;
    assert!(done.is_ok(), "{done:?}");
    assert_eq!(
        fleet.writes().seen().len(),
        1,
        "{:?}",
        fleet.writes().seen()
    );
}
