//! What each preset makes of its stack: small samples under the metric names and labels of the real
//! exporters, read through the whole adapter. The fleet speaks few of these stacks itself.

mod series;

use quarterdeck::config::presets;
use quarterdeck::domain::observation::{Feed, Rows};
use quarterdeck::domain::settings::{SourceKind, SourceSettings};
use quarterdeck::domain::signal::{Direction, Measure, Measured, SignalReading, Unit};
use quarterdeck::sim::{Options, SimFleet};
use quarterdeck::sources::prometheus::Prometheus;
use quarterdeck::sources::{Focus, Source as _};

use self::series::{SERIES, Series};
use super::{Stage, calm};

/// Scrapes of each series: an hour and a half.
const SCRAPES: u32 = 360;

/// The models that the samples are of.
pub(crate) fn models() -> impl Iterator<Item = &'static str> {
    [
        "triton-busy",
        "triton-idle",
        "triton-broken",
        "torch-busy",
        "torch-idle",
        "ray-busy",
        "ray-well",
        "vllm-busy",
        "vllm-old",
        "seldon-busy",
        "knative-busy",
        "kserve-busy",
        "kserve-idle",
        "mlserver-busy",
        "bento-busy",
        "tf-busy",
        "evidently-set",
        "convention",
    ]
    .into_iter()
}

/// Gives the samples to the fleet's Prometheus.
pub(crate) fn expose(fleet: &SimFleet) {
    for Series(name, labels, rise, at) in SERIES {
        let scraped = [
            ("__name__", *name),
            ("job", "stack"),
            ("instance", "stack:9090"),
        ];
        let labels: Vec<_> = scraped.into_iter().chain(labels.iter().copied()).collect();
        let values: Vec<f64> = (0..SCRAPES)
            .map(|scrape| at + rise * 15.0 * f64::from(scrape))
            .collect();
        fleet.expose(&labels, &values);
    }
}

use Measure::{
    DriftShare, ErrorRatio, FeatureDrift, LatencyMean, LatencyP50, LatencyP95, LatencyP99,
    PositiveShare, Queue, Requests, Saturation, TargetDrift,
};
use Measured::{NoTraffic, NotANumber, Value};

/// A reading: model, version or part, measure, value.
type Expected = (&'static str, &'static str, Measure, Measured);

/// A quarter of the requests is below the first bound, nine tenths below the second and all below the
/// third, ten times as far each: 10, 100 and 1,000 milliseconds.
const P50: Measured = Value(0.01 + 0.09 * 0.25 / 0.65);
const P95: Measured = Value(0.55);
const P99: Measured = Value(0.91);

const EXPECTED: &[Expected] = &[
    ("triton-busy", "", Requests, Value(10.0)),
    ("triton-busy", "1", Requests, Value(5.0)),
    ("triton-busy", "2", Requests, Value(5.0)),
    ("triton-busy", "", ErrorRatio, Value(0.1)),
    ("triton-busy", "1", ErrorRatio, Value(0.2)),
    // No failure series is no failures.
    ("triton-busy", "2", ErrorRatio, Value(0.0)),
    ("triton-busy", "", LatencyMean, Value(0.13 / 9.0)),
    ("triton-busy", "1", LatencyMean, Value(0.02)),
    ("triton-busy", "2", LatencyMean, Value(0.01)),
    ("triton-busy", "", Queue, Value(3.0)),
    ("triton-idle", "", Requests, Value(0.0)),
    ("triton-idle", "1", Requests, Value(0.0)),
    ("triton-idle", "", ErrorRatio, NoTraffic),
    ("triton-idle", "1", ErrorRatio, NoTraffic),
    ("triton-idle", "", LatencyMean, NoTraffic),
    ("triton-idle", "1", LatencyMean, NoTraffic),
    // Failures alone are traffic, and all of it fails; what failed took no time that is known.
    ("triton-broken", "", Requests, Value(2.0)),
    ("triton-broken", "1", Requests, Value(2.0)),
    ("triton-broken", "", ErrorRatio, Value(1.0)),
    ("triton-broken", "1", ErrorRatio, Value(1.0)),
    ("triton-broken", "", LatencyMean, NoTraffic),
    // TorchServe's status counters name no model: no error ratio, not even an unknown one.
    ("torch-busy", "", Requests, Value(4.0)),
    ("torch-busy", "1.0", Requests, Value(2.0)),
    ("torch-busy", "2.0", Requests, Value(2.0)),
    ("torch-busy", "", LatencyMean, Value(0.04)),
    ("torch-busy", "1.0", LatencyMean, Value(0.03)),
    ("torch-busy", "2.0", LatencyMean, Value(0.05)),
    ("torch-idle", "", Requests, Value(0.0)),
    ("torch-idle", "1.0", Requests, Value(0.0)),
    ("torch-idle", "", LatencyMean, NoTraffic),
    ("torch-idle", "1.0", LatencyMean, NoTraffic),
    ("ray-busy", "", Requests, Value(8.0)),
    ("ray-busy", "", ErrorRatio, Value(0.05)),
    ("ray-busy", "", LatencyP50, P50),
    ("ray-busy", "", LatencyP95, P95),
    ("ray-busy", "", LatencyP99, P99),
    ("ray-busy", "", Queue, Value(4.0)),
    ("ray-well", "", Requests, Value(1.0)),
    ("ray-well", "", ErrorRatio, Value(0.0)),
    ("ray-well", "", LatencyP50, NoTraffic),
    ("ray-well", "", LatencyP95, NoTraffic),
    ("ray-well", "", LatencyP99, NoTraffic),
    ("ray-well", "", Queue, Value(0.0)),
    ("vllm-busy", "", Requests, Value(4.0)),
    ("vllm-busy", "", LatencyP50, P50),
    ("vllm-busy", "", LatencyP95, P95),
    ("vllm-busy", "", LatencyP99, P99),
    ("vllm-busy", "", Queue, Value(7.0)),
    ("vllm-busy", "", Saturation, Value(0.85)),
    // An older one, idle: its queue is not known, which is not an empty one.
    ("vllm-old", "", Requests, Value(0.0)),
    ("vllm-old", "", LatencyP50, NoTraffic),
    ("vllm-old", "", LatencyP95, NoTraffic),
    ("vllm-old", "", LatencyP99, NoTraffic),
    ("vllm-old", "", Saturation, Value(0.4)),
    ("seldon-busy", "", Requests, Value(10.0)),
    ("seldon-busy", "", ErrorRatio, Value(0.2)),
    ("seldon-busy", "", LatencyP50, P50),
    ("seldon-busy", "", LatencyP95, P95),
    ("seldon-busy", "", LatencyP99, P99),
    ("knative-busy", "", Requests, Value(10.0)),
    ("knative-busy", "knative-busy-00001", Requests, Value(7.0)),
    ("knative-busy", "knative-busy-00002", Requests, Value(3.0)),
    ("knative-busy", "", ErrorRatio, Value(0.1)),
    ("knative-busy", "knative-busy-00001", ErrorRatio, Value(0.0)),
    (
        "knative-busy",
        "knative-busy-00002",
        ErrorRatio,
        Value(1.0 / 3.0),
    ),
    ("knative-busy", "", LatencyP50, P50),
    ("knative-busy", "", LatencyP95, P95),
    ("knative-busy", "knative-busy-00001", LatencyP95, P95),
    ("knative-busy", "", LatencyP99, P99),
    ("kserve-busy", "", Requests, Value(4.0)),
    ("kserve-busy", "", LatencyP50, P50),
    ("kserve-busy", "", LatencyP95, P95),
    ("kserve-busy", "", LatencyP99, P99),
    ("kserve-idle", "", Requests, Value(0.0)),
    ("kserve-idle", "", LatencyP50, NoTraffic),
    ("kserve-idle", "", LatencyP95, NoTraffic),
    ("kserve-idle", "", LatencyP99, NoTraffic),
    ("mlserver-busy", "", Requests, Value(4.0)),
    ("mlserver-busy", "1", Requests, Value(4.0)),
    ("mlserver-busy", "", ErrorRatio, Value(0.25)),
    ("mlserver-busy", "1", ErrorRatio, Value(0.25)),
    ("mlserver-busy", "", LatencyMean, Value(0.05)),
    ("mlserver-busy", "1", LatencyMean, Value(0.05)),
    ("bento-busy", "", Requests, Value(4.0)),
    ("bento-busy", "v1", Requests, Value(3.0)),
    ("bento-busy", "v2", Requests, Value(1.0)),
    ("bento-busy", "", ErrorRatio, Value(0.25)),
    ("bento-busy", "v1", ErrorRatio, Value(0.0)),
    ("bento-busy", "v2", ErrorRatio, Value(1.0)),
    ("bento-busy", "", LatencyP50, P50),
    ("bento-busy", "", LatencyP95, P95),
    ("bento-busy", "v1", LatencyP95, P95),
    ("bento-busy", "", LatencyP99, P99),
    ("tf-busy", "", Requests, Value(5.0)),
    ("tf-busy", "", ErrorRatio, Value(0.2)),
    ("tf-busy", "", LatencyP50, P50),
    ("tf-busy", "", LatencyP95, P95),
    ("tf-busy", "", LatencyP99, P99),
    ("evidently-set", "age", FeatureDrift, Value(0.01)),
    // A score that could not be computed is neither a zero nor well.
    ("evidently-set", "city", FeatureDrift, NotANumber),
    ("evidently-set", "", DriftShare, Value(0.5)),
    ("convention", "", PositiveShare, Value(0.3)),
    ("convention", "1", PositiveShare, Value(0.3)),
    ("convention", "", TargetDrift, Value(0.2)),
    ("convention", "1", TargetDrift, Value(0.2)),
    ("convention", "", DriftShare, Value(0.25)),
    ("convention", "1", DriftShare, Value(0.25)),
];

/// How a measure of these stacks is written, and which way is bad.
fn manner(model: &str, measure: Measure) -> (Unit, Direction) {
    match measure {
        FeatureDrift if model == "evidently-set" => (Unit::PValue, Direction::LowIsBad),
        ErrorRatio | Saturation | DriftShare => (Unit::Ratio, Direction::HighIsBad),
        Queue => (Unit::Count, Direction::HighIsBad),
        Requests => (Unit::PerSecond, Direction::Neither),
        PositiveShare => (Unit::Ratio, Direction::Neither),
        TargetDrift => (Unit::Score, Direction::HighIsBad),
        LatencyMean | LatencyP50 | LatencyP95 | LatencyP99 => (Unit::Seconds, Direction::HighIsBad),
        other => panic!("{other} of {model} is of no stack here"),
    }
}

fn close(one: Measured, other: Measured) -> bool {
    match (one, other) {
        (Value(a), Value(b)) => (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0),
        (one, other) => one == other,
    }
}

#[tokio::test]
async fn each_preset_reads_its_stack() {
    let stage = Stage::set(Options {
        monitoring: true,
        ..calm()
    })
    .await;
    expose(&stage.fleet);
    let url = stage.fleet.url("prometheus").unwrap();
    let mut settings = SourceSettings::new("p", SourceKind::Prometheus, url);
    settings.monitoring.presets = presets();
    let source = Prometheus::new(&settings).unwrap();
    let answer = source.poll(Feed::Signals, &Focus::default()).await.unwrap();
    assert_eq!(answer.partial, None);
    let Rows::Signals(rows) = answer.rows else {
        panic!("signals");
    };
    let ours = |r: &&SignalReading| models().any(|m| r.key.model.raw() == m);
    let word = |r: &SignalReading| {
        let version = r.key.version.raw();
        if version.is_empty() {
            r.key.part.raw().to_owned()
        } else {
            version.to_owned()
        }
    };
    let mut wrong = Vec::new();
    for (model, version, measure, value) in EXPECTED {
        let mut found = rows.iter().filter(|r| {
            r.key.model.raw() == *model && r.key.measure == *measure && word(r) == *version
        });
        match (found.next(), found.next()) {
            (Some(r), None)
                if close(r.value, *value) && (r.unit, r.direction) == manner(model, *measure) => {}
            other => wrong.push(format!("{model} {version} {measure} {value:?}: {other:?}")),
        }
    }
    for reading in rows.iter().filter(ours) {
        let version = word(reading);
        let known = EXPECTED.iter().any(|(m, v, measure, _)| {
            *m == reading.key.model.raw() && *v == version && *measure == reading.key.measure
        });
        if !known {
            wrong.push(format!("nobody expects {reading:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    stage.fleet.stop().await;
}
