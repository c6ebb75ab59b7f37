use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::domain::deployment::Known;
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::key::SourceId;
use crate::domain::observation::{Coverage, Observation, PollReport, Rows};
use crate::domain::settings::{SourceKind, SourceSettings};
use crate::panes::testing::{World, ago, model_key};

fn key(measure: Measure) -> SignalKey {
    SignalKey {
        model: Key::new("fraud"),
        measure,
        part: Key::new(""),
        method: Key::new(""),
        version: Key::new(""),
        source: SourceId::new("prom"),
    }
}

/// Prometheus has told these readings and courses so many seconds ago, and answers or not since.
fn told(world: &mut World, seconds: u64, answers: bool) {
    let values = [
        (Measure::Requests, 20.0),
        (Measure::ErrorRatio, 0.001),
        (Measure::LatencyP95, 0.08),
    ];
    let readings = values.map(|(of, value)| SignalReading::new(key(of), Reads::Value(value)));
    let courses = values.map(|(of, value)| SignalSeries {
        key: key(of),
        start: ago(seconds + 3_600),
        step: Duration::from_secs(300),
        times: None,
        earlier: None,
        values: Arc::from([value as f32; 13]),
    });
    let rows = [
        (Feed::Signals, Rows::Signals(readings.to_vec())),
        (Feed::SignalHistory, Rows::Series(courses.to_vec())),
    ];
    for (feed, upserts) in rows {
        let observation = Observation {
            context: Arc::clone(world.fleet.context()),
            source: SourceId::new("prom"),
            feed,
            asked_at: ago(seconds),
            server_time: None,
            coverage: Coverage::Partial,
            upserts,
            gone: Vec::new(),
        };
        world.fleet.merge(observation, world.now.wall);
        let mut report = PollReport {
            context: Arc::clone(world.fleet.context()),
            source: SourceId::new("prom"),
            feed,
            asked_at: ago(seconds),
            took_ms: 5,
            clock_skew_ms: None,
            fault: None,
            partial: None,
            next_at: ago(0).plus(Duration::from_secs(10)),
        };
        world.fleet.record(&report, ago(seconds));
        if !answers {
            let refused = "connection refused";
            report.fault = Some(Fault::new(FaultKind::Unreachable, "prom", refused));
            for again in 0..5 {
                report.asked_at = ago(5 - again);
                world.fleet.record(&report, ago(5 - again));
            }
        }
    }
}

/// A model whose traffic Prometheus measures.
fn world() -> World {
    let mut world = World::with(|context| {
        let kind = SourceKind::Prometheus;
        let prom = SourceSettings::new("prom", kind, "http://prom.test");
        context.sources.push(prom);
    });
    world.model("fraud", &[("champion", "14")]);
    world
}

/// How the world stands an hour after v14 began to serve, in stage and words.
fn judged(world: &World) -> (Stage, String) {
    let fraud = model_key("fraud");
    let version = Key::new("14");
    let (since, now) = (ago(3_600), world.now.wall);
    let serves = Endpoint {
        name: Clean::name("fraud-eu"),
        answers: vec![version.clone()],
        known: Known::Reported,
        silent: None,
        since: Some(since),
    };
    let facts = Facts {
        version: &version,
        alias: None,
        endpoints: &[serves],
        traffic: world.fleet.traffic(&fraud, &version, since, now),
        unread: world.fleet.unread(&fraud, now),
        serving_since: Some(since),
    };
    let policy = &world.fleet.settings.policy.writing.convergence;
    let judged = converge::judge(&facts, policy, now);
    (judged.stage, judged.words.to_string())
}

#[test]
fn what_prometheus_says_now_lets_a_bake_end() {
    let mut world = world();
    told(&mut world, 2, true);
    let (stage, words) = judged(&world);
    assert_eq!(stage, Stage::Converged, "{words}");
}

#[test]
fn what_it_still_says_counts_though_it_said_the_same_before() {
    let mut world = world();
    told(&mut world, 4_000, true);
    let (stage, words) = judged(&world);
    assert_eq!(stage, Stage::Bake, "{words}");
    for feed in [Feed::Signals, Feed::SignalHistory] {
        // Nothing has changed: no row comes with it.
        let report = PollReport {
            context: Arc::clone(world.fleet.context()),
            source: SourceId::new("prom"),
            feed,
            asked_at: ago(2),
            took_ms: 5,
            clock_skew_ms: None,
            fault: None,
            partial: None,
            next_at: ago(0).plus(Duration::from_secs(10)),
        };
        world.fleet.record(&report, ago(2));
    }
    let (stage, words) = judged(&world);
    assert_eq!(stage, Stage::Converged, "{words}");
}

#[test]
fn what_it_said_before_the_move_or_before_it_fell_silent_does_not() {
    for seconds in [2 * 86_400, 4_000, 1_800, 120] {
        let mut world = world();
        told(&mut world, seconds, false);
        let (stage, words) = judged(&world);
        assert_eq!(stage, Stage::Bake, "{seconds}: {words}");
        assert!(
            words.contains("how many requests it has had is not known: prom is down"),
            "{seconds}: {words}"
        );
    }
}
