//! The Prometheus adapter over the same samples in three servers: the simulated one, a real Prometheus
//! and `VictoriaMetrics`. What it makes of them must be the same; a server that cannot be started is named
//! as not run.

use std::collections::BTreeMap;

use super::promql::{Server, real, running};
use super::{Stage, calm};
use quarterdeck::config::presets;
use quarterdeck::domain::key::Key;
use quarterdeck::domain::query::{Detail, Query, Span};
use quarterdeck::domain::settings::{SourceKind, SourceSettings};
use quarterdeck::domain::signal::Measure;
use quarterdeck::domain::time::Millis;
use quarterdeck::sim::Options;
use quarterdeck::sources::Source as _;
use quarterdeck::sources::prometheus::Prometheus;

const STRETCH: i64 = 40 * 60_000;
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
    for model in MODELS {
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

/// A `VictoriaMetrics` over the same samples.
async fn victoria(
    folder: &std::path::Path,
    text: &str,
    client: &reqwest::Client,
) -> Result<Server, String> {
    let arguments = |address: &str| {
        vec![
            format!("-storageDataPath={}", folder.join("vm").display()),
            format!("-httpListenAddr={address}"),
            "-retentionPeriod=100y".to_owned(),
            // It holds back the newest 30 seconds and answers from a cache, which samples that come late
            // do not clear.
            "-search.latencyOffset=0s".to_owned(),
            "-search.disableCache".to_owned(),
        ]
    };
    let server = Server::start("victoria-metrics", arguments, "/health", client).await?;
    // It takes milliseconds where OpenMetrics has seconds with three places.
    let lines: Vec<String> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.rsplit_once(' '))
        .map(|(sample, at)| format!("{sample} {}", at.replace('.', "")))
        .collect();
    let sent = client
        .post(format!("{}/api/v1/import/prometheus", server.url))
        .body(lines.join("\n"))
        .send()
        .await
        .unwrap();
    assert!(sent.status().is_success());
    let flushed = client.get(format!("{}/internal/force_flush", server.url));
    flushed.send().await.unwrap();
    Ok(server)
}

#[tokio::test]
#[ignore = "needs prometheus and promtool"]
async fn live_prometheus_and_the_simulated_one_are_read_alike() {
    let stage = Stage::set(Options {
        monitoring: true,
        ..calm()
    })
    .await;
    let now = stage.fleet.now_ms();
    let folder = tempfile::tempdir().unwrap();
    let text = stage.fleet.openmetrics(now - 2 * STRETCH, now);
    let server = real(folder.path(), &text, &stage.client).await;
    let Some(server) = running("prometheus (signals)", server) else {
        return stage.fleet.stop().await;
    };
    let simulated = source(stage.fleet.url("prometheus").unwrap());
    let genuine = source(&server.url);
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
    stage.fleet.stop().await;
}

#[tokio::test]
#[ignore = "needs victoria-metrics"]
async fn live_victoria_metrics_and_the_simulated_one_are_read_alike() {
    let stage = Stage::set(Options {
        monitoring: true,
        ..calm()
    })
    .await;
    let now = stage.fleet.now_ms();
    let folder = tempfile::tempdir().unwrap();
    let text = stage.fleet.openmetrics(now - 2 * STRETCH, now);
    let server = victoria(folder.path(), &text, &stage.client).await;
    let Some(server) = running("victoria-metrics (signals)", server) else {
        return stage.fleet.stop().await;
    };
    let simulated = source(stage.fleet.url("prometheus").unwrap());
    let other = source(&server.url);
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
    stage.fleet.stop().await;
}
