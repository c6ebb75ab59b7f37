//! What each serving stack measures of its requests: names and labels as the stacks have them
//! (`MLServer` 1.7, Triton, `TensorFlow` Serving, `BentoML` 1.4). `mlflow models serve` measures nothing.

use std::sync::Arc;

use super::curve::{Curve, Flow, Gauge, normal, unit};
use super::incidents::Trouble;
use super::store::Type;
use super::{HISTORY, Maker, Target};
use crate::sim::serving::bento_names;
use crate::sim::world::Endpoint;
use crate::sim::world::catalog::Kind;
use crate::sim::world::run::mix;

/// Never, in epoch milliseconds, and safe to add to.
const NEVER: i64 = i64::MAX / 4;
/// How many times slower than the usual request the slow ones are.
const SLOWER: f64 = 6.0;
/// The share of requests that fail while another version tries to load in vain.
const STRUGGLING: f64 = 0.048;
/// The share of requests that are slow on a calm day.
const SLOW: f64 = 0.03;
/// The median of requests that an overloaded server takes, in seconds.
const BURNING: f64 = 0.95;
/// Milliseconds of the usual request at most.
const MOST_MS: u64 = 150;
/// The width of a request time's logarithm.
const SIGMA: f64 = 0.45;

/// The requests that one version answers.
struct Load {
    version: u32,
    from: i64,
    until: Option<i64>,
    all: Arc<Flow>,
    failed: Arc<Flow>,
    slow: Arc<Flow>,
    burning: Option<Arc<Flow>>,
    /// Seconds of the usual request: its median.
    median: f64,
}

type Parts = Vec<(Arc<Flow>, f64)>;

impl Load {
    /// Requests that take at most so many seconds.
    fn within(&self, seconds: f64) -> Parts {
        let below = |median: f64| normal((seconds / median).ln() / SIGMA);
        let usual = below(self.median);
        let mut parts = vec![
            (Arc::clone(&self.all), usual),
            (Arc::clone(&self.slow), below(self.median * SLOWER) - usual),
        ];
        if let Some(burning) = &self.burning {
            parts.push((Arc::clone(burning), below(BURNING) - usual));
        }
        parts
    }

    /// Time spent on all requests, in units of which a second has `scale`.
    fn time(&self, scale: f64) -> Parts {
        let mean = |median: f64| median * (SIGMA * SIGMA / 2.0).exp() * scale;
        let usual = mean(self.median);
        let mut parts = vec![
            (Arc::clone(&self.all), usual),
            (Arc::clone(&self.slow), mean(self.median * SLOWER) - usual),
        ];
        if let Some(burning) = &self.burning {
            parts.push((Arc::clone(burning), mean(BURNING) - usual));
        }
        parts
    }

    fn all(&self) -> Parts {
        vec![(Arc::clone(&self.all), 1.0)]
    }

    fn failed(&self) -> Parts {
        vec![(Arc::clone(&self.failed), 1.0)]
    }

    fn succeeded(&self) -> Parts {
        vec![
            (Arc::clone(&self.all), 1.0),
            (Arc::clone(&self.failed), -1.0),
        ]
    }
}

/// Adds the series of an endpoint.
pub(super) fn measure(maker: &mut Maker<'_>, endpoint: &Endpoint) {
    if endpoint.kind == Kind::MlflowServe {
        return;
    }
    let target = Target {
        job: "model-serving",
        instance: format!("{}:9100", endpoint.name),
        from: maker.world.epoch() - HISTORY,
        until: None,
    };
    maker.gauge(
        &target,
        "up",
        "Whether the last scrape worked.",
        &[],
        Curve::Constant(1.0),
    );
    let loads = loads(maker, endpoint);
    match endpoint.kind {
        Kind::MlServer => mlserver(maker, endpoint, &target, &loads),
        Kind::Triton => triton(maker, endpoint, &target, &loads),
        Kind::TfServing => tfserving(maker, endpoint, &target, &loads),
        Kind::Bento => bento(maker, endpoint, &target, &loads),
        Kind::MlflowServe => {}
    }
}

/// The requests of each version: where several are loaded, the newest takes most.
fn loads(maker: &Maker<'_>, endpoint: &Endpoint) -> Vec<Load> {
    let begin = maker.world.epoch() - HISTORY;
    let seed = maker.seed(&["requests", &endpoint.name]);
    let rate = 12.0 + 180.0 * unit(mix(seed)).powi(2);
    let burn = maker
        .incident(&endpoint.model)
        .find_map(|(at, trouble)| match trouble {
            Trouble::LatencyBurns { over, share } => Some((at, maker.quick(over), share)),
            _ => None,
        });
    let mut edges: Vec<i64> = vec![begin, NEVER];
    for span in &endpoint.spans {
        edges.extend([span.from, span.until.unwrap_or(NEVER)]);
    }
    for (from, until) in endpoint.outages.iter().chain(&endpoint.struggles) {
        edges.extend([*from, until.unwrap_or(NEVER)]);
    }
    if let Some((at, over, _)) = burn {
        edges.extend((0..=12).map(|part| at + over * part / 12));
    }
    edges.retain(|edge| *edge >= begin);
    edges.sort_unstable();
    edges.dedup();
    let alive = |at: i64| {
        let spans = endpoint.spans.iter();
        spans.filter(move |span| span.from <= at && span.until.is_none_or(|until| at < until))
    };
    let within = |times: &[(i64, Option<i64>)], at: i64| {
        let mut times = times.iter();
        times.any(|(from, until)| *from <= at && until.is_none_or(|until| at < until))
    };
    let out = |at: i64| within(&endpoint.outages, at);
    endpoint
        .spans
        .iter()
        .enumerate()
        .map(|(index, span)| {
            let pieces: Vec<(i64, i64, f64)> = edges
                .windows(2)
                .filter(|edge| span.from <= edge[0] && edge[0] < span.until.unwrap_or(NEVER))
                .map(|edge| {
                    let others = alive(edge[0]).count().max(1);
                    let newest = alive(edge[0]).all(|other| other.version <= span.version);
                    let share = match (others, newest) {
                        (1, _) => 1.0,
                        (_, true) => 0.7,
                        (_, false) => 0.3 / (others - 1) as f64,
                    };
                    (edge[0], edge[1], if out(edge[0]) { 0.0 } else { share })
                })
                .collect();
            let burning = burn.map(|(at, over, share)| {
                let way = |from: i64| {
                    let way = (from - at) as f64 / over.max(1) as f64;
                    if from < at {
                        0.0
                    } else {
                        (way + 1.0 / 12.0).min(1.0)
                    }
                };
                let pieces = pieces
                    .iter()
                    .map(|(from, until, factor)| (*from, *until, factor * share * way(*from)));
                Arc::new(Flow::new(rate, seed, pieces.collect()))
            });
            let own = mix(seed ^ u64::from(span.version) ^ ((index as u64) << 40));
            let errors = 0.000_5 + 0.002_5 * unit(mix(own ^ 1));
            // An endpoint that is slow to say how it is answers requests in time.
            let usual = endpoint.usual_ms.min(MOST_MS) as f64 / 1_000.0;
            let median = usual * (0.9 + 0.3 * unit(mix(own ^ 2)));
            // A version that cannot be loaded takes its memory from the one that answers.
            let failing = pieces.iter().map(|(from, until, factor)| {
                let struggles = within(&endpoint.struggles, *from);
                let share = if struggles { STRUGGLING } else { errors };
                (*from, *until, factor * share)
            });
            let failing: Vec<_> = failing.collect();
            Load {
                version: span.version,
                from: span.from,
                until: span.until,
                failed: Arc::new(Flow::new(rate, mix(own ^ 3), failing)),
                slow: Arc::new(Flow::new(rate * SLOW, mix(own ^ 4), pieces.clone())),
                all: Arc::new(Flow::new(rate, seed, pieces)),
                burning,
                median,
            }
        })
        .collect()
}

fn of_version(target: &Target, load: &Load) -> Target {
    Target {
        from: load.from.max(target.from),
        until: load.until,
        ..target.clone()
    }
}

fn mlserver(maker: &mut Maker<'_>, endpoint: &Endpoint, target: &Target, loads: &[Load]) {
    for load in loads {
        let target = of_version(target, load);
        let version = load.version.to_string();
        let labels = [("model", &*endpoint.model), ("version", &version)];
        let success = "model_infer_request_success_total";
        let failure = "model_infer_request_failure_total";
        maker.counter(
            &target,
            success,
            "Model infer request success count",
            &labels,
            load.succeeded(),
        );
        maker.counter(
            &target,
            failure,
            "Model infer request failure count",
            &labels,
            load.failed(),
        );
        let name = "model_infer_request_duration";
        maker.family(name, Type::Summary, "Model infer request duration");
        let (count, sum) = (format!("{name}_count"), format!("{name}_sum"));
        maker.push(&target, &count, &labels, whole(load.all()));
        maker.push(&target, &sum, &labels, exact(load.time(1.0)));
    }
}

fn triton(maker: &mut Maker<'_>, endpoint: &Endpoint, target: &Target, loads: &[Load]) {
    for load in loads {
        let target = of_version(target, load);
        let version = load.version.to_string();
        let labels = [("model", &*endpoint.model), ("version", version.as_str())];
        let counters = [
            (
                "nv_inference_request_success",
                "Number of successful inference requests",
                load.succeeded(),
            ),
            (
                "nv_inference_request_failure",
                "Number of failed inference requests",
                load.failed(),
            ),
            (
                "nv_inference_count",
                "Number of inferences performed",
                load.all(),
            ),
            (
                "nv_inference_request_duration_us",
                "Cumulative inference request duration in microseconds",
                load.time(1e6),
            ),
            (
                "nv_inference_queue_duration_us",
                "Cumulative inference queuing duration in microseconds",
                load.time(1e5),
            ),
        ];
        for (name, help, parts) in counters {
            maker.counter(&target, name, help, &labels, parts);
        }
        let waiting = Gauge::around(0.4, 0.9, maker.seed(&["pending", &endpoint.name, &version]));
        maker.gauge(
            &target,
            "nv_inference_pending_request_count",
            "Instantaneous number of pending requests awaiting execution",
            &labels,
            Curve::Gauge(Arc::new(waiting.within(0.0, 99.0))),
        );
    }
    let used = Gauge::around(0.52, 0.06, maker.seed(&["gpu", &endpoint.name]));
    maker.gauge(
        target,
        "nv_gpu_utilization",
        "GPU utilization rate [0.0 - 1.0)",
        &[("gpu_uuid", "GPU-6c1f0f2e-1d0a-4f35-9a6e-3b1f0d7c9e21")],
        Curve::Gauge(Arc::new(used.swinging(0.2).within(0.0, 0.99))),
    );
}

fn tfserving(maker: &mut Maker<'_>, endpoint: &Endpoint, target: &Target, loads: &[Load]) {
    let model = &*endpoint.model;
    let together = |parts: &dyn Fn(&Load) -> Parts| loads.iter().flat_map(parts).collect::<Parts>();
    let name = ":tensorflow:serving:request_count";
    for (status, parts) in [
        ("OK", together(&Load::succeeded)),
        ("INTERNAL", together(&Load::failed)),
    ] {
        let labels = [("model_name", model), ("status", status)];
        maker.counter(
            target,
            name,
            "The total number of requests.",
            &labels,
            parts,
        );
    }
    let labels = [
        ("model_name", model),
        ("API", "predict"),
        ("entrypoint", "REST"),
    ];
    // Microseconds, as `serving/model_servers` lays its buckets: each 1.8 times the one before.
    let bounds: Vec<f64> = (0..30).map(|n| 10.0 * 1.8_f64.powi(n)).collect();
    let bounds: Vec<(String, f64)> = bounds
        .into_iter()
        .filter(|bound| *bound > 400.0 && *bound < 2e7)
        .map(|bound| {
            (
                format!("{bound:.5}")
                    .trim_end_matches('0')
                    .trim_end_matches('.')
                    .to_owned(),
                bound / 1e6,
            )
        })
        .collect();
    let histogram = Histogram {
        name: ":tensorflow:serving:request_latency",
        help: "The latency of requests in microseconds.",
        bounds: &bounds,
        scale: 1e6,
    };
    maker.histogram(
        target,
        &labels,
        &histogram,
        &loads.iter().collect::<Vec<_>>(),
    );
}

fn bento(maker: &mut Maker<'_>, endpoint: &Endpoint, target: &Target, loads: &[Load]) {
    for load in loads {
        let target = of_version(target, load);
        let (service, version) = bento_names(maker.world, endpoint, load.version);
        let labels = |code: &'static str| {
            [
                ("endpoint", "/predict"),
                ("http_response_code", code),
                ("runner_name", service.as_str()),
                ("service_name", service.as_str()),
                ("service_version", version.as_str()),
            ]
        };
        let name = "bentoml_service_request_total";
        for (code, parts) in [("200", load.succeeded()), ("500", load.failed())] {
            maker.counter(&target, name, "Multiprocess metric", &labels(code), parts);
        }
        let bounds: Vec<(String, f64)> = [
            0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
        ]
        .into_iter()
        .map(|bound: f64| (format!("{bound:?}"), bound))
        .collect();
        let histogram = Histogram {
            name: "bentoml_service_request_duration_seconds",
            help: "Multiprocess metric",
            bounds: &bounds,
            scale: 1.0,
        };
        maker.histogram(&target, &labels("200"), &histogram, &[load]);
        let busy = Gauge::around(1.4, 1.3, maker.seed(&["busy", &endpoint.name, &version]));
        maker.gauge(
            &target,
            "bentoml_service_request_in_progress",
            "Multiprocess metric",
            &labels("200").map(|(name, value)| {
                if name == "http_response_code" {
                    (name, "")
                } else {
                    (name, value)
                }
            }),
            Curve::Gauge(Arc::new(busy.within(0.0, 99.0))),
        );
    }
}

/// A classic histogram's name and bounds, in words and in seconds.
struct Histogram<'a> {
    name: &'static str,
    help: &'static str,
    bounds: &'a [(String, f64)],
    /// How many of the histogram's units a second has.
    scale: f64,
}

impl Maker<'_> {
    fn histogram(
        &mut self,
        target: &Target,
        labels: &[(&str, &str)],
        histogram: &Histogram<'_>,
        loads: &[&Load],
    ) {
        self.family(histogram.name, Type::Histogram, histogram.help);
        let bucket = format!("{}_bucket", histogram.name);
        let together = |parts: &dyn Fn(&Load) -> Parts| -> Parts {
            loads.iter().flat_map(|load| parts(load)).collect()
        };
        for (word, seconds) in histogram.bounds {
            let mut labels = labels.to_vec();
            labels.push(("le", word));
            self.push(
                target,
                &bucket,
                &labels,
                whole(together(&|load| load.within(*seconds))),
            );
        }
        let mut all = labels.to_vec();
        all.push(("le", "+Inf"));
        self.push(target, &bucket, &all, whole(together(&Load::all)));
        let (count, sum) = (
            format!("{}_count", histogram.name),
            format!("{}_sum", histogram.name),
        );
        self.push(target, &count, labels, whole(together(&Load::all)));
        self.push(
            target,
            &sum,
            labels,
            exact(together(&|load| load.time(histogram.scale))),
        );
    }
}

fn whole(parts: Parts) -> Curve {
    Curve::Count { parts, whole: true }
}

fn exact(parts: Parts) -> Curve {
    Curve::Count {
        parts,
        whole: false,
    }
}
