use super::testing::{NOW, monitored, monitored_from, reading, steps_ago};
use super::*;

fn on(version: &str, mut row: SignalReading) -> SignalReading {
    row.key.version = Key::new(version);
    row
}

fn gauge_of(rows: &[SignalReading], measure: Measure) -> Gauge {
    let mut found = None;
    monitored(rows, &[], |m| {
        let all = judge(m, None).gauges;
        found = all.into_iter().find(|g| g.key.measure == measure);
    });
    found.expect("a gauge")
}

#[test]
fn a_list_shows_one_gauge_a_measure() {
    let rows = [
        on("13", reading(Measure::Requests, "", "", 30.0)),
        on("14", reading(Measure::Requests, "", "", 12.0)),
        on("13", reading(Measure::ErrorRatio, "", "", 0.001)),
        on("14", reading(Measure::ErrorRatio, "", "", 0.02)),
        reading(Measure::LatencyP95, "", "", 0.2),
        on("14", reading(Measure::LatencyP95, "", "", 0.9)),
    ];
    let requests = gauge_of(&rows, Measure::Requests);
    assert_eq!((requests.value, requests.level), (Some(42.0), None));
    assert_eq!(requests.key.version, Key::new(""));
    let errors = gauge_of(&rows, Measure::ErrorRatio);
    assert_eq!(
        (errors.value, errors.level),
        (Some(0.02), Some(Level::Warn))
    );
    let p95 = gauge_of(&rows, Measure::LatencyP95);
    assert_eq!(p95.value, Some(0.2), "all versions together come first");
}

#[test]
fn what_no_line_judges_has_no_verdict() {
    let mean = gauge_of(
        &[reading(Measure::PredictionMean, "", "", 0.3)],
        Measure::PredictionMean,
    );
    assert_eq!(mean.level, None);
    let quality = reading(Measure::QualityRealised, "auc", "", 0.7);
    assert_eq!(gauge_of(&[quality], Measure::QualityRealised).level, None);
}

#[test]
fn what_a_dead_source_said_stays_as_unknown_with_its_time() {
    let row = reading(Measure::ErrorRatio, "", "", 0.048);
    let read_at = NOW.minus(Duration::from_secs(3_600));
    let standing = Standing {
        freshness: Freshness::Down,
        read_at: Some(read_at),
    };
    monitored_from(&[row], standing, |m| {
        let judged = judge(m, None);
        assert_eq!(judged.reasons.len(), 1);
        let reason = &judged.reasons[0];
        assert_eq!(
            (reason.code, reason.level),
            (ReasonCode::SignalErrors, Level::Unknown)
        );
        assert_eq!(
            reason.text,
            format!("errors 4.8 % > 3 %, as read {}", read_at.day_minute()).as_str()
        );
        let gauge = &judged.gauges[0];
        assert_eq!(gauge.value, Some(0.048));
        assert_eq!(
            (gauge.state, gauge.level),
            (State::Error, Some(Level::Unknown))
        );
    });
}

#[test]
fn rows_of_a_job_are_those_of_its_own_series() {
    let rows = [
        reading(Measure::FeatureDrift, "age", "PSI", 0.3),
        reading(Measure::Fairness, "B", "demographic_parity_ratio", 0.7),
        reading(Measure::Samples, "", "", 12_400.0),
        reading(Measure::Samples, "B", "", 410.0),
        reading(Measure::ReferenceSamples, "", "", 20_000.0),
    ];
    monitored(&rows, &[], |m| {
        let drift = m.of(Measure::FeatureDrift)[0];
        assert_eq!(drift.n, Some(12_400));
        assert!(drift.noise_floor.is_some_and(|floor| floor < 0.01));
        let fairness = m.of(Measure::Fairness)[0];
        assert_eq!((fairness.n, fairness.state), (Some(410), State::LowN));
    });
}

#[test]
fn nothing_monitored_is_no_verdict() {
    monitored(&[], &[], |m| {
        let judged = judge(m, None);
        assert!(judged.gauges.is_empty() && judged.reasons.is_empty());
        assert_eq!(judged.drift, None);
    });
}

#[test]
fn a_version_is_the_same_with_and_without_its_letter() {
    assert!(same_version("13", "v13") && same_version("v13", "v13"));
    assert!(!same_version("13", "v1") && !same_version("vega", "ega"));
}

#[test]
fn rows_are_of_the_same_job_as_the_score() {
    let of = |source: &str, version: &str, at: Option<u32>, mut row: SignalReading| {
        row.key.source = crate::domain::key::SourceId::new(source);
        row.key.version = Key::new(version);
        row.at = at.map(steps_ago);
        row
    };
    let score = || reading(Measure::FeatureDrift, "age", "PSI", 0.3);
    let rows = |n: f64| reading(Measure::Samples, "", "", n);
    let n = |readings: &[SignalReading], source: &str| {
        let mut found = None;
        monitored(readings, &[], |m| {
            let all = m.of(Measure::FeatureDrift);
            let own = all.iter().find(|s| s.reading.key.source.as_str() == source);
            found = own.map(|s| (s.n, s.state));
        });
        found.expect("a score")
    };
    let none = (None, State::Value);
    let two = [
        of("evidently", "3", Some(2), score()),
        of("prom", "", None, score()),
        of("prom", "", None, rows(120.0)),
        of(
            "prom",
            "",
            None,
            reading(Measure::ReferenceSamples, "", "", 10.0),
        ),
    ];
    assert_eq!(n(&two, "evidently"), none, "another source's rows");
    assert_eq!(n(&two, "prom"), (Some(120), State::LowN));
    for (version, at) in [("2", 2), ("3", 9)] {
        let other = [
            of("evidently", "3", Some(2), score()),
            of("evidently", version, Some(at), rows(120.0)),
        ];
        assert_eq!(n(&other, "evidently"), none, "{version} {at}");
    }
    let own = [
        of("evidently", "3", Some(2), score()),
        of("evidently", "3", Some(2), rows(120.0)),
    ];
    assert_eq!(n(&own, "evidently"), (Some(120), State::LowN));
}

#[test]
fn what_a_process_shows_while_nobody_asks_it_is_no_reading_of_now() {
    let mean = || on("14", reading(Measure::PredictionMean, "", "", 0.237));
    let requests = |version: &str, rate| on(version, reading(Measure::Requests, "", "", rate));
    let state = |rows: &[SignalReading]| {
        let gauge = gauge_of(rows, Measure::PredictionMean);
        (gauge.state, gauge.value)
    };
    let value = (State::Value, Some(0.237));
    assert_eq!(state(&[mean()]), value, "nobody counts requests");
    assert_eq!(state(&[mean(), requests("14", 3.0)]), value);
    let quiet = (State::NoTraffic, None);
    assert_eq!(state(&[mean(), requests("", 0.0)]), quiet);
    assert_eq!(
        state(&[mean(), requests("14", 0.0), requests("", 9.0)]),
        quiet
    );
}
