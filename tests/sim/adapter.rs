//! The Prometheus adapter over the same samples in three servers: the simulated one, a real Prometheus
//! and, where it is installed, `VictoriaMetrics`. What it makes of them must be the same.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::promql::{Server, real};
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

type Lines = BTreeMap<String, Vec<(i64, f32)>>;

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
                lines.insert(format!("{:?}", row.key), told);
            }
        }
    }
    lines.retain(|_, told: &mut Vec<(i64, f32)>| !told.is_empty());
    lines
}

fn differences(one: &Lines, other: &Lines) -> Vec<String> {
    let mut found = Vec::new();
    let keys: std::collections::BTreeSet<_> = one.keys().chain(other.keys()).collect();
    for key in keys {
        let (Some(a), Some(b)) = (one.get(key), other.get(key)) else {
            found.push(format!("{key} is only in one"));
            continue;
        };
        let close = |(x, y): (&(i64, f32), &(i64, f32))| {
            x.0 == y.0 && (x.1 - y.1).abs() <= 1e-6 * x.1.abs().max(1.0)
        };
        if a.len() != b.len() || !a.iter().zip(b).all(close) {
            found.push(format!("{key}: {a:?} {b:?}"));
        }
    }
    found
}

/// A `VictoriaMetrics` over the same samples; none where it is not installed.
async fn victoria(
    folder: &std::path::Path,
    text: &str,
    client: &reqwest::Client,
) -> Option<Server> {
    let port = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = port.local_addr().unwrap();
    drop(port);
    let child = Command::new("victoria-metrics")
        .arg(format!("-storageDataPath={}", folder.join("vm").display()))
        .arg(format!("-httpListenAddr={address}"))
        .arg("-retentionPeriod=100y")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let server = Server {
        child,
        url: format!("http://{address}"),
    };
    for _ in 0..100 {
        let ready = client.get(format!("{}/health", server.url)).send().await;
        if ready.is_ok_and(|answer| answer.status().is_success()) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
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
    Some(server)
}

#[tokio::test]
#[ignore = "needs prometheus and promtool"]
async fn live_servers_and_the_simulated_one_are_read_alike() {
    let stage = Stage::set(Options {
        monitoring: true,
        ..calm()
    })
    .await;
    let now = stage.fleet.now_ms();
    let folder = tempfile::tempdir().unwrap();
    let text = stage.fleet.openmetrics(now - 2 * STRETCH, now);
    let server = real(folder.path(), &text, &stage.client).await;
    let simulated = source(stage.fleet.url("prometheus").unwrap());
    let genuine = source(&server.url);
    // Fine steps, and steps so wide that a gauge's worst is asked for.
    for columns in [30, 2] {
        let ours = lines(&simulated, now, columns).await;
        let theirs = lines(&genuine, now, columns).await;
        assert!(ours.len() > 40, "{:?}", ours.keys());
        let found = differences(&ours, &theirs);
        assert!(found.is_empty(), "{}", found.join("\n"));
    }
    let abilities = genuine.probe().await.unwrap();
    assert!(
        abilities.server.as_str().starts_with("Prometheus 2"),
        "{}",
        abilities.server
    );
    // Debian has it in a package of its own.
    if let Some(server) = victoria(folder.path(), &text, &stage.client).await {
        let other = source(&server.url);
        let abilities = other.probe().await.unwrap();
        assert_eq!(abilities.server.as_str(), "VictoriaMetrics");
        let ours = lines(&simulated, now, 30).await;
        let theirs = lines(&other, now, 30).await;
        // Its rates extrapolate in another way; which signals there are is the same.
        let names = |lines: &Lines| lines.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&ours), names(&theirs));
    }
    stage.fleet.stop().await;
}
