//! The small fleet of the tests with monitoring: a drifting model with errors after a promotion, one whose
//! drift job died, one that is idle and keeps no quantiles.

use std::sync::Arc;
use std::time::Duration;

use super::models::testing::{ago, fleet_with, observe, polled};
use crate::domain::alert::{Alert, AlertKey, AlertRule, AlertState, Silence};
use crate::domain::annotation::{Annotation, AnnotationKey};
use crate::domain::drift::{Bins, ColumnDrift, Distributions, DriftReport, Moment};
use crate::domain::fleet::Fleet;
use crate::domain::key::{Key, SourceId};
use crate::domain::level::Level;
use crate::domain::observation::{Coverage, Feed, Rows};
use crate::domain::settings::{SourceKind, SourceSettings};
use crate::domain::signal::{Lines, Measure, Measured, SignalKey, SignalReading, SignalSeries};
use crate::domain::text::Clean;
use crate::ui::testing::NOW;

pub(crate) const PROM: &str = "prom";
const MINUTE: i64 = 60_000;

/// The key of a signal of the Prometheus.
pub(crate) fn signal_key(model: &str, measure: Measure, part: &str, version: &str) -> SignalKey {
    let method = if measure == Measure::FeatureDrift {
        "psi"
    } else {
        ""
    };
    SignalKey {
        model: Key::new(model),
        measure,
        part: Key::new(part),
        method: Key::new(method),
        version: Key::new(version),
        source: SourceId::new(PROM),
    }
}

pub(crate) fn reading(key: SignalKey, value: f64, n: Option<u32>) -> SignalReading {
    let lines = (key.measure == Measure::FeatureDrift).then(|| {
        Arc::new(Lines {
            warn: Some(0.1),
            crit: None,
        })
    });
    SignalReading {
        n,
        lines,
        reference_n: n.map(|_| 20_000),
        at: Some(ago(MINUTE)),
        ..SignalReading::new(key, Measured::of(value))
    }
}

/// Sixty samples of six minutes each, up to now: `from`, and from `turn` on steadily to `to`.
pub(crate) fn course(key: SignalKey, from: f32, to: f32, turn: usize) -> SignalSeries {
    let values: Arc<[f32]> = (0..60)
        .map(|i| {
            let ripple = if i % 2 == 0 { 0.02 } else { -0.02 } * from;
            if i < turn {
                from + ripple
            } else {
                from + (to - from) * (i - turn + 1) as f32 / (60 - turn) as f32
            }
        })
        .collect();
    SignalSeries {
        key,
        start: ago(59 * 6 * MINUTE),
        step: Duration::from_secs(360),
        times: None,
        earlier: None,
        values,
    }
}

pub(crate) fn alert(name: &str, level: Level, state: AlertState, minutes: i64) -> Alert {
    Alert {
        key: AlertKey {
            source: SourceId::new(PROM),
            fingerprint: Key::new(name),
        },
        name: Clean::name(name),
        model: Some(Key::new("fraud-detector")),
        version: None,
        severity: Clean::name(level.word()),
        level,
        state,
        since: ago(minutes * MINUTE),
        summary: Clean::text("errors of fraud-detector over 1 %"),
        runbook: Some(Clean::text("https://wiki.test/fraud/errors")),
        dashboard: None,
        labels: Arc::from([(Clean::name("team"), Clean::name("risk"))]),
        value: Some(0.048),
        rule: Some(AlertRule {
            query: Key::new("job:errors:ratio{model=\"fraud-detector\"} > 0.01"),
            plotted: Key::new("job:errors:ratio{model=\"fraud-detector\"}"),
            threshold: Some(0.01),
            for_seconds: 120,
        }),
        silences: Arc::default(),
        group: Clean::empty(),
    }
}

/// The fleet with monitoring, at [`NOW`].
#[expect(clippy::too_many_lines, reason = "one fleet, told from top to bottom")]
pub(crate) fn fleet() -> Fleet {
    let mut fleet = fleet_with(|context| {
        for (name, kind) in [
            (PROM, SourceKind::Prometheus),
            ("evidently", SourceKind::Evidently),
        ] {
            let url = format!("http://{name}.test");
            context.sources.push(SourceSettings::new(name, kind, &url));
        }
    });
    for feed in [Feed::Signals, Feed::SignalHistory, Feed::Alerts] {
        polled(&mut fleet, PROM, feed, NOW.wall, None);
    }
    polled(&mut fleet, "evidently", Feed::Signals, NOW.wall, None);
    let fraud = |measure, part, version| signal_key("fraud-detector", measure, part, version);
    let drift = |part, version| fraud(Measure::FeatureDrift, part, version);
    let one = |measure| fraud(measure, "", "");
    let mut dead = reading(
        signal_key("churn", Measure::FeatureDrift, "tenure", ""),
        0.06,
        Some(9_000),
    );
    dead.written_at = Some(ago(52 * 60 * MINUTE));
    dead.at = dead.written_at;
    let mut idle = reading(
        signal_key("eta-city", Measure::ErrorRatio, "", ""),
        0.0,
        None,
    );
    idle.value = Measured::NoTraffic;
    let readings = vec![
        reading(one(Measure::Requests), 212.0, None),
        reading(one(Measure::ErrorRatio), 0.048, None),
        reading(one(Measure::LatencyP95), 0.31, None),
        reading(one(Measure::PredictionMean), 0.31, None),
        reading(drift("amount", ""), 0.42, Some(12_400)),
        reading(drift("amount", "13"), 0.41, Some(6_000)),
        reading(drift("amount", "14"), 0.43, Some(6_400)),
        reading(drift("country", ""), 0.06, Some(12_400)),
        reading(drift("device_age", ""), f64::NAN, Some(12_400)),
        reading(drift("tenure", ""), 0.23, Some(120)),
        reading(fraud(Measure::NullShare, "amount", ""), 0.002, Some(12_400)),
        reading(
            fraud(Measure::FeatureMean, "amount", ""),
            102.0,
            Some(12_400),
        ),
        reading(fraud(Measure::Importance, "amount", ""), 0.9, None),
        reading(fraud(Measure::Importance, "country", ""), 0.3, None),
        reading(fraud(Measure::Importance, "tenure", ""), 0.1, None),
        dead,
        idle,
        reading(
            signal_key("eta-city", Measure::LatencyMean, "", ""),
            0.042,
            None,
        ),
        reading(signal_key("eta-city", Measure::Requests, "", ""), 0.0, None),
    ];
    let courses = vec![
        course(one(Measure::ErrorRatio), 0.002, 0.048, 58),
        course(one(Measure::LatencyP95), 0.12, 0.31, 58),
        course(one(Measure::Requests), 212.0, 212.0, 60),
        course(one(Measure::PredictionMean), 0.22, 0.31, 57),
        course(drift("amount", ""), 0.03, 0.42, 40),
        course(drift("amount", "13"), 0.03, 0.41, 40),
        course(drift("amount", "14"), 0.03, 0.43, 40),
        course(drift("country", ""), 0.05, 0.06, 30),
        course(drift("tenure", ""), 0.2, 0.23, 30),
        course(fraud(Measure::FeatureMean, "amount", ""), 84.0, 102.0, 40),
    ];
    let rows = Rows::Signals(readings);
    observe(&mut fleet, PROM, Feed::Signals, Coverage::Partial, rows);
    let rows = Rows::Series(courses);
    observe(
        &mut fleet,
        PROM,
        Feed::SignalHistory,
        Coverage::Partial,
        rows,
    );
    let silenced = Alert {
        silences: Arc::from([Silence {
            id: Key::new("s1"),
            author: Clean::name("ben"),
            comment: Clean::text("INC-42, known shift"),
            until: NOW.wall.plus(Duration::from_secs(5_400)),
        }]),
        summary: Clean::text("amount drifts"),
        rule: None,
        ..alert("FeatureDrift", Level::Warn, AlertState::Silenced, 90)
    };
    let alerts = vec![
        alert("HighErrorRate", Level::Crit, AlertState::Firing, 6),
        silenced,
    ];
    observe(
        &mut fleet,
        PROM,
        Feed::Alerts,
        Coverage::Partial,
        Rows::Alerts(alerts),
    );
    let note = Annotation {
        key: AnnotationKey {
            source: SourceId::new(PROM),
            id: Key::new("7"),
        },
        at: ago(40 * MINUTE),
        until: None,
        text: Clean::text("feature view payments_7d redeployed"),
        tags: Arc::default(),
        author: Some(Clean::name("dana")),
        model: None,
    };
    let rows = Rows::Annotations(vec![note]);
    observe(&mut fleet, PROM, Feed::Annotations, Coverage::Partial, rows);
    fleet.tick(NOW.wall);
    fleet.take_observed();
    fleet
}

/// A drift report of the drifting model.
pub(crate) fn report() -> DriftReport {
    let amount = Distributions {
        bins: Bins::Numbers(Arc::from([0.0, 50.0, 100.0, 150.0, 200.0, 250.0])),
        reference: Arc::from([9_000.0, 6_000.0, 3_000.0, 1_500.0, 500.0]),
        current: Arc::from([3_000.0, 3_400.0, 3_000.0, 2_000.0, 1_000.0]),
        counts: true,
        moments: Arc::from([
            Moment {
                name: Clean::name("mean"),
                reference: Some(84.0),
                current: Some(102.0),
            },
            Moment {
                name: Clean::name("p95"),
                reference: Some(181.0),
                current: Some(214.0),
            },
        ]),
    };
    DriftReport {
        id: Key::new("r1"),
        name: Clean::name("daily"),
        at: ago(4 * 60 * MINUTE),
        at_from: "timestamp",
        share: Some(0.25),
        share_line: Some(0.5),
        columns: vec![ColumnDrift {
            column: Clean::name("amount"),
            method: Clean::name("PSI"),
            score: 0.42,
            threshold: Some(0.1),
            n: Some(12_400),
            reference_n: Some(20_000),
            tested: None,
            distributions: Some(amount),
        }],
        tests: Vec::new(),
    }
}
