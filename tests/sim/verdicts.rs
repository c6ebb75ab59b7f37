//! From the samples that a server of metrics holds to the verdict on a model, for each rule that looks
//! back: the simulated Prometheus answers, the adapter reads, the fleet judges.

use std::fmt::Write as _;
use std::sync::Arc;

use quarterdeck::config::presets;
use quarterdeck::domain::fleet::Fleet;
use quarterdeck::domain::key::{Key, ModelKey, RegistryKey, SourceId};
use quarterdeck::domain::level::{Level, Reason, ReasonCode};
use quarterdeck::domain::model::{Alias, Name, RegisteredModel};
use quarterdeck::domain::observation::{ContextRef, Coverage, Feed, Observation, PollReport, Rows};
use quarterdeck::domain::settings::{Context, SourceKind, SourceSettings};
use quarterdeck::domain::signal::{Lines, Measure};
use quarterdeck::domain::text::Clean;
use quarterdeck::domain::time::Millis;
use quarterdeck::sim::{Options, SimFleet};
use quarterdeck::sources::prometheus::Prometheus;
use quarterdeck::sources::{Focus, Source as _};

use super::{Stage, calm};

/// Seconds between two scrapes.
const SCRAPE: u32 = 15;
const HOUR: u32 = 3_600;
const DAY: u32 = 24 * HOUR;

/// Names and values.
type Labels = Vec<(String, String)>;

/// Series that end now, whoever holds them.
struct Samples {
    /// Epoch seconds.
    now: f64,
    /// Labels with the metric's name first, and values a scrape apart.
    series: Vec<(Labels, Vec<f64>)>,
}

impl Samples {
    fn until(now_ms: i64) -> Self {
        Self {
            now: now_ms as f64 / 1_000.0,
            series: Vec::new(),
        }
    }

    /// A series of the last `seconds`, as a function of how many seconds ago.
    fn expose(
        &mut self,
        name: &str,
        labels: &[(&str, &str)],
        seconds: u32,
        value: impl Fn(u32) -> f64,
    ) {
        let own = [("__name__", name), ("job", "own"), ("instance", "own:1")];
        let labels = own.iter().chain(labels);
        let labels = labels.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let scrapes = seconds / SCRAPE;
        let values = (0..scrapes).map(|n| value((scrapes - 1 - n) * SCRAPE));
        self.series.push((labels.collect(), values.collect()));
    }

    /// A job's gauge over its last runs, `every` seconds apart: 0 is the newest run.
    fn written(
        &mut self,
        name: &str,
        labels: &[(&str, &str)],
        every: u32,
        value: impl Fn(u32) -> f64,
    ) {
        let seconds = 12 * every.max(6 * HOUR);
        self.expose(name, labels, seconds, |ago| value(ago / every));
    }

    /// What a model's job says beside its scores: when it ran, and over how many rows.
    fn runs(&mut self, model: &str, every: u32) {
        let now = self.now;
        let ran = |run: u32| now - f64::from((run + 1) * every) + f64::from(SCRAPE);
        let name = "ml_drift_last_run_timestamp_seconds";
        self.written(name, &[("model", model)], every, ran);
        for (window, rows) in [("current", 9_000.0), ("reference", 40_000.0)] {
            let labels = [("model", model), ("window", window)];
            self.written("ml_drift_samples", &labels, every, |_| rows);
        }
    }

    fn drift(&mut self, model: &str, feature: &str, every: u32, score: impl Fn(u32) -> f64) {
        let labels = [("model", model), ("feature", feature), ("method", "PSI")];
        self.written("ml_feature_drift_score", &labels, every, score);
    }

    /// Requests of a version from so many seconds ago on, a share of which fails.
    fn requests(&mut self, model: &str, version: &str, since: u32, fails: f64) {
        for (code, rate) in [("200", 20.0 * (1.0 - fails)), ("500", 20.0 * fails)] {
            let labels = [
                ("service_name", model),
                ("service_version", version),
                ("http_response_code", code),
            ];
            let name = "bentoml_service_request_total";
            self.expose(name, &labels, since, |ago| f64::from(since - ago) * rate);
        }
    }

    /// Latencies of which a tenth is under half a second and all are under a second.
    fn slow(&mut self, model: &str, since: u32) {
        for (le, share) in [("0.5", 0.1), ("1.0", 1.0), ("+Inf", 1.0)] {
            let labels = [("service_name", model), ("le", le)];
            let name = "bentoml_service_request_duration_seconds_bucket";
            self.expose(name, &labels, since, |ago| {
                f64::from(since - ago) * 20.0 * share
            });
        }
    }

    /// As the simulated Prometheus takes them.
    fn give_to(&self, fleet: &SimFleet) {
        for (labels, values) in &self.series {
            let labels: Vec<_> = labels
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect();
            fleet.expose(&labels, values);
        }
    }

    /// As `promtool` takes them: families together, and every fourth sample, which is enough.
    fn openmetrics(&self) -> String {
        let mut text = String::new();
        let mut sorted: Vec<_> = self.series.iter().collect();
        sorted.sort_by(|a, b| a.0[0].1.cmp(&b.0[0].1));
        let mut family = "";
        for (labels, values) in sorted {
            let name = labels[0].1.as_str();
            if name != family {
                writeln!(text, "# TYPE {name} unknown").unwrap();
                family = name;
            }
            let pairs = labels[1..].iter();
            let pairs: Vec<String> = pairs.map(|(n, v)| format!("{n}=\"{v}\"")).collect();
            let pairs = pairs.join(",");
            let last = values.len() - 1;
            for (at, value) in values.iter().enumerate() {
                if (last - at) % 4 == 0 {
                    let at = self.now - ((last - at) as f64) * f64::from(SCRAPE);
                    writeln!(text, "{name}{{{pairs}}} {value} {at:.3}").unwrap();
                }
            }
        }
        text.push_str("# EOF\n");
        text
    }
}

/// A registry with the models at their second versions, and what a Prometheus says of them.
struct Watched {
    fleet: Fleet,
    source: Prometheus,
    now: Millis,
}

fn key(model: &str) -> ModelKey {
    let registry = RegistryKey {
        base: Key::new("http://ml.test"),
        workspace: Key::new(""),
    };
    ModelKey {
        registry: Arc::new(registry),
        name: Key::new(model),
        created: Millis(1),
    }
}

impl Watched {
    fn new(url: &str, now: Millis, models: &[&str]) -> Self {
        let mut settings = SourceSettings::new("prom", SourceKind::Prometheus, url);
        settings.monitoring.presets = presets();
        let source = Prometheus::new(&settings).unwrap();
        let mlflow = SourceSettings::new("mlflow", SourceKind::Mlflow, "http://ml.test");
        let mut context = Context {
            name: Clean::name("test"),
            sources: vec![mlflow, settings],
            ..Context::default()
        };
        // Where labels that moved are critical, no tool says by itself.
        let lines = Lines {
            warn: Some(0.1),
            crit: Some(0.25),
        };
        let policy = &mut context.policy.signals.lines;
        policy.insert(Measure::TargetDrift, lines);
        let reference = ContextRef {
            name: Clean::name("test"),
            generation: 0,
        };
        let mut fleet = Fleet::new(Arc::new(reference), Arc::new(context));
        let row = |name: &&str| RegisteredModel {
            key: key(name),
            name: Clean::name(name),
            updated: Millis(1),
            description: Clean::empty(),
            tags: Arc::from([]),
            aliases: Arc::from([Alias {
                name: Name::new("champion"),
                version: Key::new("2"),
            }]),
        };
        let rows = Rows::Models(models.iter().map(row).collect());
        fleet.merge(observation(&fleet, "mlflow", Feed::Models, rows, now), now);
        Self { fleet, source, now }
    }

    /// Asks for everything that the source tells, once.
    async fn look(&mut self) {
        for feed in [Feed::Signals, Feed::SignalHistory, Feed::ServedHistory] {
            let answer = self.source.poll(feed, &Focus::default()).await.unwrap();
            assert_eq!(answer.partial, None, "{feed:?}");
            let now = self.now;
            let told = observation(&self.fleet, "prom", feed, answer.rows, now);
            self.fleet.merge(told, now);
            let report = PollReport {
                context: Arc::clone(self.fleet.context()),
                source: SourceId::new("prom"),
                feed,
                asked_at: now,
                took_ms: 5,
                clock_skew_ms: None,
                fault: None,
                partial: None,
                next_at: Millis(now.0 + 15_000),
            };
            self.fleet.record(&report, now);
        }
        self.fleet.judge_all_by(self.now, |all| vec![all.judge()]);
    }

    fn reasons(&self, model: &str) -> &[Reason] {
        let view = self.fleet.model(&key(model)).unwrap();
        &view.verdict.reasons
    }

    /// The level and words of a finding; panics if there is none.
    fn finding(&self, model: &str, code: ReasonCode) -> (Level, &str) {
        let reasons = self.reasons(model);
        let found = reasons.iter().find(|r| r.code == code);
        let found = found.unwrap_or_else(|| panic!("no {code:?} of {model}: {reasons:#?}"));
        (found.level, found.text.as_str())
    }
}

fn observation(
    fleet: &Fleet,
    source: &str,
    feed: Feed,
    upserts: Rows,
    asked_at: Millis,
) -> Observation {
    Observation {
        context: Arc::clone(fleet.context()),
        source: SourceId::new(source),
        feed,
        asked_at,
        server_time: None,
        coverage: Coverage::Partial,
        upserts,
        gone: Vec::new(),
    }
}

/// What is exposed of some models, and what the verdict on each must be.
struct Scene {
    models: &'static [&'static str],
    expose: fn(&mut Samples),
    holds: fn(&Watched),
}

/// The simulated Prometheus.
async fn play(scene: &Scene) {
    let stage = Stage::set(Options {
        monitoring: true,
        ..calm()
    })
    .await;
    let now = stage.fleet.now_ms();
    let mut samples = Samples::until(now);
    (scene.expose)(&mut samples);
    samples.give_to(&stage.fleet);
    let url = stage.fleet.url("prometheus").unwrap();
    let mut watched = Watched::new(url, Millis(now), scene.models);
    watched.look().await;
    (scene.holds)(&watched);
    stage.fleet.stop().await;
}

const LASTING: Scene = Scene {
    models: &["by-day", "by-hour", "begun"],
    expose: |samples| {
        // Jobs that run twice a day and hourly ones; and scores that repeat to the last digit are windows
        // of their own.
        for (model, every) in [("by-day", DAY / 2), ("by-hour", HOUR)] {
            samples.runs(model, every);
            for feature in ["age", "tenure"] {
                samples.drift(
                    model,
                    feature,
                    every,
                    |run| if run < 3 { 0.42 } else { 0.03 },
                );
            }
            samples.drift(model, "city", every, |_| 0.02);
            for name in ["ml_prediction_drift_score", "ml_target_drift_score"] {
                let labels = [("model", model), ("version", "2"), ("method", "PSI")];
                samples.written(
                    name,
                    &labels,
                    every,
                    |run| if run < 3 { 0.31 } else { 0.03 },
                );
            }
        }
        // Two windows are not yet three.
        samples.runs("begun", HOUR);
        samples.drift(
            "begun",
            "age",
            HOUR,
            |run| if run < 2 { 0.42 } else { 0.03 },
        );
    },
    holds: |watched| {
        for model in ["by-day", "by-hour"] {
            let (level, words) = watched.finding(model, ReasonCode::DriftData);
            assert_eq!(level, Level::Crit, "{model}: {words}");
            assert!(words.starts_with("drift 2/3 features"), "{words}");
            assert!(
                words.contains("over in 3 of 12 windows"),
                "{model}: {words}"
            );
            for code in [ReasonCode::DriftPrediction, ReasonCode::DriftTarget] {
                let (level, words) = watched.finding(model, code);
                assert_eq!(level, Level::Crit, "{model}: {words}");
                assert!(words.contains("PSI 0.31 > 0.25"), "{words}");
            }
        }
        let (level, words) = watched.finding("begun", ReasonCode::DriftData);
        assert_eq!(level, Level::Warn, "{words}");
    },
};

const SKEWED: Scene = Scene {
    models: &["skewed", "drifting"],
    expose: |samples| {
        for model in ["skewed", "drifting"] {
            samples.runs(model, HOUR);
            samples.requests(model, "1", 2 * DAY, 0.0);
            samples.requests(model, "2", 5 * HOUR, 0.0);
        }
        // The fifth run before now is the first that the second version answered for.
        samples.drift(
            "skewed",
            "age",
            HOUR,
            |run| if run < 5 { 0.42 } else { 0.03 },
        );
        samples.drift(
            "drifting",
            "age",
            HOUR,
            |run| if run < 8 { 0.42 } else { 0.03 },
        );
    },
    holds: |watched| {
        let (level, words) = watched.finding("skewed", ReasonCode::ServingSkew);
        assert_eq!(level, Level::Warn);
        assert!(
            words.starts_with("v2 has drifted since it began at"),
            "{words}"
        );
        assert!(
            words.ends_with("1 feature, worst age PSI 0.42 > 0.1"),
            "{words}"
        );
        let others = watched.reasons("drifting");
        assert!(
            others.iter().all(|r| r.code != ReasonCode::ServingSkew),
            "{others:?}"
        );
    },
};

const UNITS: Scene = Scene {
    models: &["cents", "euros"],
    expose: |samples| {
        for (model, since) in [("cents", 2), ("euros", 0)] {
            samples.runs(model, HOUR);
            let labels = [("model", model), ("feature", "amount")];
            samples.written("ml_feature_mean", &labels, HOUR, |run| {
                let usual = 42.0 + f64::from(run % 3) / 10.0;
                if run < since { usual * 100.0 } else { usual }
            });
        }
    },
    holds: |watched| {
        let (level, words) = watched.finding("cents", ReasonCode::DataQuality);
        assert_eq!(level, Level::Crit);
        assert!(words.contains("a change of unit?"), "{words}");
        assert_eq!(watched.reasons("euros"), []);
    },
};

const BURNING: Scene = Scene {
    models: &["failing", "failing-anew", "slow"],
    expose: |samples| {
        samples.requests("failing", "2", 4 * DAY, 0.015);
        samples.requests("failing-anew", "2", 5 * HOUR, 0.015);
        samples.requests("slow", "2", DAY, 0.0);
        samples.slow("slow", DAY);
    },
    holds: |watched| {
        let (_, words) = watched.finding("failing", ReasonCode::SignalErrors);
        let burns = "burning 1.5 × the budget over 3d";
        assert!(words.ends_with(burns), "{words}");
        let (_, words) = watched.finding("failing-anew", ReasonCode::SignalErrors);
        assert!(!words.contains("burning"), "nobody saw three days: {words}");
        let (level, words) = watched.finding("slow", ReasonCode::SignalLatency);
        assert_eq!(level, Level::Crit, "{words}");
        assert!(words.starts_with("p50 722 ms > 500 ms"), "{words}");
        assert!(
            words.ends_with("burning 10 × the budget over 6h"),
            "{words}"
        );
    },
};

#[tokio::test]
async fn drift_that_lasts_for_three_windows_is_critical() {
    play(&LASTING).await;
}

#[tokio::test]
async fn drift_from_a_versions_first_window_on_is_skew() {
    play(&SKEWED).await;
}

#[tokio::test]
async fn a_mean_in_another_unit_is_found() {
    play(&UNITS).await;
}

#[tokio::test]
async fn budgets_that_burn_over_hours_and_days_are_found() {
    play(&BURNING).await;
}

#[tokio::test]
#[ignore = "needs prometheus and promtool"]
async fn live_prometheus_leads_to_the_same_verdicts() {
    let scenes = [LASTING, SKEWED, UNITS, BURNING];
    let now = std::time::UNIX_EPOCH.elapsed().unwrap();
    let now = i64::try_from(now.as_millis()).unwrap();
    let mut samples = Samples::until(now);
    for scene in &scenes {
        (scene.expose)(&mut samples);
    }
    let text = samples.openmetrics();
    let Some(server) = super::servers::Server::over(&text, &super::client()).await else {
        return;
    };
    for scene in &scenes {
        let mut watched = Watched::new(server.url(), Millis(now), scene.models);
        watched.look().await;
        (scene.holds)(&watched);
    }
}
