//! The Prometheus adapter over the same samples in three servers: the simulated one, a real Prometheus
//! and `VictoriaMetrics`. What it makes of them must be the same; a server that cannot be started is named
//! as not run.

use std::collections::BTreeMap;

use super::servers::{Pair, Product, STRETCH};
use super::stacks;
use quarterdeck::config::presets;
use quarterdeck::domain::key::Key;
use quarterdeck::domain::query::{Detail, Query, Span};
use quarterdeck::domain::settings::{SourceKind, SourceSettings};
use quarterdeck::domain::signal::Measure;
use quarterdeck::domain::time::Millis;
use quarterdeck::sources::Source as _;
use quarterdeck::sources::prometheus::Prometheus;

/// Models of the fleet itself; those of stacks that it does not speak come on top.
const MODELS: [&str; 3] = ["fraud-detector", "churn", "eta-city"];

fn source(url: &str) -> Prometheus {
    let mut settings = SourceSettings::new("p", SourceKind::Prometheus, url);
    settings.monitoring.presets = presets();
    settings.monitoring.all = true;
    Prometheus::new(&settings).unwrap()
}

type Lines = BTreeMap<(Measure, String), Vec<(i64, f32)>>;

/// Every signal of some models over the stretch, gaps left out.
async fn lines(source: &Prometheus, until: i64, columns: u16) -> Lines {
    let mut lines = Lines::new();
    for model in MODELS.into_iter().chain(stacks::models()) {
        for measure in Measure::ALL {
            let query = Query::Series {
                model: Key::new(model),
                measure,
                span: Span {
                    seconds: u32::try_from(STRETCH / 2_000).unwrap(),
                    until: Some(Millis(until)),
                    columns,
                },
            };
            let Ok(Detail::Series(rows)) = source.fetch(query).await else {
                panic!("{measure} of {model}");
            };
            for row in rows {
                let values = row.values.iter().enumerate();
                let told = values
                    .filter(|(_, value)| !value.is_nan())
                    .map(|(at, value)| (row.at(at).0, *value))
                    .collect();
                lines.insert((measure, format!("{:?}", row.key)), told);
            }
        }
    }
    lines.retain(|_, told: &mut Vec<(i64, f32)>| !told.is_empty());
    lines
}

/// Where two readings differ by more than `bound` says of a measure, as a share of the value.
fn differences(one: &Lines, other: &Lines, bound: impl Fn(Measure) -> f32) -> Vec<String> {
    let mut found = Vec::new();
    let keys: std::collections::BTreeSet<_> = one.keys().chain(other.keys()).collect();
    for key in keys {
        let (Some(a), Some(b)) = (one.get(key), other.get(key)) else {
            found.push(format!("{key:?} is only in one"));
            continue;
        };
        let bound = bound(key.0);
        let close = |(x, y): (&(i64, f32), &(i64, f32))| {
            x.0 == y.0 && (x.1 - y.1).abs() <= bound * x.1.abs().max(y.1.abs()).max(1e-6)
        };
        if a.len() != b.len() || !a.iter().zip(b).all(close) {
            found.push(format!("{key:?}: {a:?} {b:?}"));
        }
    }
    found
}

/// Whether a measure is read from counters.
fn is_rate(measure: Measure) -> bool {
    matches!(
        measure,
        Measure::Requests
            | Measure::LatencyMean
            | Measure::LatencyP50
            | Measure::LatencyP95
            | Measure::LatencyP99
    )
}

#[tokio::test]
#[ignore = "needs prometheus and promtool"]
async fn live_prometheus_and_the_simulated_one_are_read_alike() {
    let Some(pair) = Pair::start(Product::Prometheus, "signals").await else {
        return;
    };
    let now = pair.now;
    let (simulated, genuine) = (source(&pair.simulated), source(&pair.real));
    // Fine steps, and steps so wide that a gauge's worst is asked for.
    for columns in [30, 2] {
        let ours = lines(&simulated, now, columns).await;
        let theirs = lines(&genuine, now, columns).await;
        assert!(ours.len() > 40, "{:?}", ours.keys());
        let found = differences(&ours, &theirs, |_| 1e-6);
        assert!(found.is_empty(), "{}", found.join("\n"));
    }
    let abilities = genuine.probe().await.unwrap();
    assert!(
        abilities.server.as_str().starts_with("Prometheus "),
        "{}",
        abilities.server
    );
    pair.stage.fleet.stop().await;
}

#[tokio::test]
#[ignore = "needs victoria-metrics"]
async fn live_victoria_metrics_and_the_simulated_one_are_read_alike() {
    let Some(pair) = Pair::start(Product::VictoriaMetrics, "signals").await else {
        return;
    };
    let now = pair.now;
    let (simulated, other) = (source(&pair.simulated), source(&pair.real));
    let abilities = other.probe().await.unwrap();
    assert_eq!(abilities.server.as_str(), "VictoriaMetrics");
    let ours = lines(&simulated, now, 30).await;
    let theirs = lines(&other, now, 30).await;
    assert!(ours.len() > 40, "{:?}", ours.keys());
    // Its rates take the last sample before the window in and extrapolate nothing, which shows most where
    // few events are counted; gauges must be the same.
    let bound = |measure| match measure {
        Measure::ErrorRatio => 0.1,
        measure if is_rate(measure) => 0.02,
        _ => 1e-6,
    };
    let found = differences(&ours, &theirs, bound);
    assert!(found.is_empty(), "{}", found.join("\n"));
    pair.stage.fleet.stop().await;
}
