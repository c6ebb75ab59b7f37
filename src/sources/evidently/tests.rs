//! The adapter against answers recorded from a real service, reports as files, and hostile ones.

use serde_json::json;

use super::*;
use crate::domain::drift::{Bins, Moment};
use crate::domain::query::Span;
use crate::domain::signal::{Direction, Measure, Measured, SignalReading, SignalSeries, Unit};
use crate::sources::testing::{Stage, body};

fn settings(url: &str) -> SourceSettings {
    SourceSettings::new("evidently", SourceKind::Evidently, url)
}

/// The service as recorded: each project's batch at its own path.
async fn recorded() -> Stage {
    let stage = Stage::start().await;
    for name in [
        "version",
        "projects",
        "series-fraud",
        "series-churn",
        "series-empty",
        "report-tests",
        "data-tests",
        "report-psi",
        "data-psi",
    ] {
        stage.replay(&format!("evidently/{name}.json"));
    }
    stage
}

fn source(stage: &Stage) -> Evidently {
    Evidently::new(&settings(&stage.url)).unwrap()
}

async fn readings(source: &Evidently) -> Result<Vec<SignalReading>, Fault> {
    match source.poll(Feed::Signals, &Focus::default()).await?.rows {
        Rows::Signals(rows) => Ok(rows),
        other => panic!("{other:?}"),
    }
}

async fn courses(source: &Evidently) -> Vec<SignalSeries> {
    let answer = source.poll(Feed::SignalHistory, &Focus::default()).await;
    match answer.unwrap().rows {
        Rows::Series(rows) => rows,
        other => panic!("{other:?}"),
    }
}

async fn report(source: &Evidently, model: &str, before: Option<Millis>) -> Option<DriftReport> {
    let query = Query::DriftReport {
        model: Key::new(model),
        before,
    };
    match source.fetch(query).await.unwrap() {
        Detail::DriftReport(report) => report.map(|report| *report),
        other => panic!("{other:?}"),
    }
}

fn of<'a>(
    rows: &'a [SignalReading],
    model: &str,
    measure: Measure,
    part: &str,
) -> Vec<&'a SignalReading> {
    let is = |r: &&SignalReading| {
        r.key.model.raw() == model && r.key.measure == measure && r.key.part.raw() == part
    };
    rows.iter().filter(is).collect()
}

#[tokio::test]
async fn the_newest_run_speaks_with_its_method_line_and_rows() {
    let stage = recorded().await;
    let source = source(&stage);
    let rows = readings(&source).await.unwrap();
    let batch = body("evidently/series-fraud.json");
    let newest = batch["sources"].as_array().unwrap().last().unwrap();
    let at = times::stamp(newest["timestamp"].as_str().unwrap(), 0);

    let amount = of(&rows, "fraud-detector", Measure::FeatureDrift, "amount");
    assert_eq!(amount.len(), 1, "the method before is replaced: {amount:?}");
    let amount = amount[0];
    assert_eq!(amount.key.method.raw(), "psi");
    assert_eq!(amount.key.version.raw(), "3");
    let told = batch["series"]
        .as_array()
        .unwrap()
        .iter()
        .find(|s| s["params"]["method"] == "psi" && s["params"]["column"] == "amount");
    let told = told.unwrap()["values"].as_array().unwrap().last().unwrap();
    assert_eq!(amount.value, Measured::Value(told.as_f64().unwrap()));
    assert_eq!(
        (amount.n, amount.at, amount.written_at),
        (Some(600), at, at)
    );
    assert_eq!(amount.lines.as_ref().unwrap().warn, Some(0.1));
    assert_eq!(amount.direction, Direction::HighIsBad);

    let tenure = of(&rows, "churn", Measure::FeatureDrift, "amount")[0];
    assert_eq!(tenure.key.method.raw(), "K-S p_value");
    assert_eq!(
        (tenure.direction, tenure.unit),
        (Direction::LowIsBad, Unit::PValue)
    );
    assert_eq!((tenure.n, tenure.key.version.raw()), (None, ""));
    let share = of(&rows, "churn", Measure::DriftShare, "")[0];
    assert_eq!(share.value, Measured::Value(0.5));
    assert_eq!(share.lines.as_ref().unwrap().crit, Some(0.5));

    let ran = of(&rows, "fraud-detector", Measure::LastRun, "")[0];
    assert_eq!(ran.value, Measured::Value(at.unwrap().0 as f64 / 1_000.0));
    let old = rows.iter().find(|r| r.key.version.raw() == "2");
    assert_eq!(old, None, "nobody looks at version 2 any more");
}

#[tokio::test]
async fn courses_break_where_the_method_changes_and_short_arrays_end_early() {
    let stage = recorded().await;
    let source = source(&stage);
    readings(&source).await.unwrap();
    stage.requests();
    let all = courses(&source).await;
    assert!(stage.requests().is_empty(), "taken from the poll before");
    let amount: Vec<_> = all
        .iter()
        .filter(|s| s.key.model.raw() == "fraud-detector" && s.key.part.raw() == "amount")
        .map(|s| (s.key.version.raw(), s.key.method.raw(), s.values.len()))
        .collect();
    let wasserstein = "Wasserstein distance (normed)";
    assert_eq!(
        amount,
        [
            ("2", wasserstein, 3),
            ("3", wasserstein, 2),
            ("3", "psi", 1)
        ]
        .into_iter()
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect::<Vec<_>>()
    );
    let rising = |s: &SignalSeries| (1..s.values.len()).all(|i| s.at(i - 1) < s.at(i));
    assert!(all.iter().all(rising));
}

#[tokio::test]
async fn a_span_cuts_a_course_and_the_offset_moves_it() {
    let stage = recorded().await;
    let batch = body("evidently/series-fraud.json");
    let newest = batch["sources"].as_array().unwrap().last().unwrap();
    let at = times::stamp(newest["timestamp"].as_str().unwrap(), 0).unwrap();
    for (offset, want) in [(0, 2), (120, 1)] {
        let mut settings = settings(&stage.url);
        settings.monitoring.utc_offset = offset;
        let source = Evidently::new(&settings).unwrap();
        let query = Query::Series {
            model: Key::new("fraud-detector"),
            measure: Measure::Samples,
            span: Span {
                seconds: 25 * 3_600,
                until: Some(at),
                columns: 80,
            },
        };
        let Detail::Series(found) = source.fetch(query).await.unwrap() else {
            panic!("series")
        };
        // With the clock two hours ahead each run lies two hours earlier: the older one falls out.
        assert_eq!(found.len(), 1, "{offset}");
        assert_eq!(found[0].values.len(), want, "{offset}");
    }
}

#[tokio::test]
async fn a_report_has_columns_tests_with_reasons_and_distributions() {
    let stage = recorded().await;
    let source = source(&stage);
    let newest = report(&source, "fraud-detector", None).await.unwrap();
    assert!(newest.columns.iter().all(|c| c.method == "psi"));

    let tested = report(
        &source,
        "fraud-detector",
        Some(newest.at.minus(Duration::from_secs(1))),
    );
    let tested = tested.await.unwrap();
    assert!(tested.at < newest.at);
    assert_eq!((tested.at_from, tested.share), ("timestamp", Some(0.25)));
    assert_eq!((tested.share_line, tested.columns.len()), (Some(0.5), 4));
    let amount = tested
        .columns
        .iter()
        .find(|c| c.column == "amount")
        .unwrap();
    let outcome = amount.tested.as_ref().unwrap();
    assert!(!outcome.passed);
    assert!(outcome.reason.as_str().starts_with("Drift score is 0."));
    assert_eq!((amount.threshold, amount.n), (Some(0.1), Some(600)));
    assert_eq!(amount.reference_n, Some(1_200));
    let drawn = amount.distributions.as_ref().unwrap();
    let Bins::Numbers(edges) = &drawn.bins else {
        panic!("{:?}", drawn.bins)
    };
    assert!(drawn.counts && edges.len() == drawn.current.len() + 1);
    assert_eq!(drawn.reference.len(), drawn.current.len());
    let mean = &drawn.moments[0];
    assert!(mean.reference.unwrap() < mean.current.unwrap(), "{mean:?}");
    let names: Vec<&str> = drawn.moments.iter().map(|m| m.name.as_str()).collect();
    assert_eq!(names, ["mean", "p05", "p50", "p95"]);
    let side = |of: fn(&Moment) -> Option<f64>| -> Vec<f64> {
        drawn.moments.iter().filter_map(of).collect()
    };
    for values in [side(|m| m.reference), side(|m| m.current)] {
        let [mean, p05, p50, p95] = values[..] else {
            panic!("{values:?}")
        };
        assert!(edges[0] <= p05 && p05 < p50 && p50 < p95 && p95 <= edges[edges.len() - 1]);
        assert!(p05 < mean && mean < p95, "{values:?}");
    }

    let country = tested
        .columns
        .iter()
        .find(|c| c.column == "country")
        .unwrap();
    assert!(country.tested.as_ref().unwrap().passed);
    let Bins::Categories(names) = &country.distributions.as_ref().unwrap().bins else {
        panic!("categories")
    };
    let names: Vec<&str> = names.iter().map(Clean::as_str).collect();
    assert_eq!(names, ["DE", "FR", "IT", "PL"]);
    assert!(tested.tests.iter().any(|(name, t)| {
        name.as_str().starts_with("Row count") && !t.passed && !t.reason.is_empty()
    }));
    assert_eq!(report(&source, "nobody", None).await, None);
}

#[tokio::test]
async fn a_report_stands_without_what_is_drawn() {
    let stage = recorded().await;
    let path = crate::sources::testing::recording("evidently/data-psi.json");
    let line = format!("GET {}", path["request"]["path"].as_str().unwrap());
    for text in [
        "<html>",
        "{",
        r#"{"widgets":[{"type":"big_table","params":7},[],null]}"#,
    ] {
        stage.set(&line, 200, "application/json", text);
        let found = report(&source(&stage), "fraud-detector", None)
            .await
            .unwrap();
        assert_eq!(found.columns.len(), 4, "{text}");
        assert!(found.columns.iter().all(|c| c.distributions.is_none()));
        assert_eq!(found.columns[0].n, Some(600), "as the run counted them");
    }
}

#[tokio::test]
async fn the_probe_says_the_version_and_what_zone_is_taken() {
    let stage = recorded().await;
    let mut settings = settings(&stage.url);
    settings.monitoring.utc_offset = -210;
    let abilities = Evidently::new(&settings).unwrap().probe().await.unwrap();
    assert_eq!(abilities.server, "Evidently UI 0.7.23");
    assert!(abilities.remarks[0].as_str().ends_with("UTC-03:30"));
}

/// A service with one project whose batch is as given.
async fn with_batch(batch: &Value) -> Stage {
    let stage = Stage::start().await;
    stage.json("GET /api/projects", &json!([{"id": "p", "name": "churn"}]));
    stage.json("POST /api/v2/snapshots/p/data_series_batch", batch);
    stage
}

#[tokio::test]
async fn what_is_no_number_is_told_apart_from_what_is_absent() {
    let drift = |values: Value| {
        json!({"metric_type": "evidently:metric_v2:ValueDrift",
               "params": {"column": "a\u{1b}[31m", "method": "psychic", "threshold": "soon"}, "values": values})
    };
    let stage = with_batch(&json!({
        "sources": [{"snapshot_id": "1", "timestamp": "2026-10-25T04:00:00", "metadata": null},
                    {"snapshot_id": "2", "timestamp": "2026-10-24T04:00:00", "metadata": {"version": 7}},
                    {"snapshot_id": "3", "timestamp": "whenever"},
                    {"snapshot_id": "4", "timestamp": null}, null],
        "series": [drift(json!(["NaN", 0.5, 0.9, 0.9, 0.9, 0.9, 0.9])), drift(Value::Null), null,
                   {"metric_type": null, "params": null, "values": [1]},
                   {"metric_type": "x:RowCount", "params": {}, "values": [-5, 1e300]}],
    }))
    .await;
    let rows = readings(&source(&stage)).await.unwrap();
    let found = of(&rows, "churn", Measure::FeatureDrift, "a\u{1b}[31m");
    let told: Vec<_> = found
        .iter()
        .map(|r| (r.key.version.raw(), r.value, r.n))
        .collect();
    assert_eq!(
        told,
        [
            ("", Measured::NotANumber, None),
            ("7", Measured::Value(0.5), Some(u32::MAX)),
        ]
    );
    assert_eq!(found[0].direction, Direction::Neither, "nobody knows it");
    assert_eq!(found[0].lines, None);
    assert!(!format!("{rows:?}").contains('\u{1b}'));
}

#[tokio::test]
async fn hostile_answers_break_nothing() {
    let line = "POST /api/v2/snapshots/p/data_series_batch";
    let stage = with_batch(&json!({})).await;
    assert!(readings(&source(&stage)).await.unwrap().is_empty());
    for (text, path) in [
        ("<html>x</html>", ""),
        ("", ""),
        (r#"{"sources":[{"timestamp":"#, "sources[0].timestamp"),
        (r#"{"sources":7}"#, "sources"),
        (r#"{"series":[{"values":"all"}]}"#, "series[0].values"),
        (r#"{"series":[{"params":[]}]}"#, "series[0].params"),
    ] {
        stage.set(line, 201, "application/json", text);
        let fault = readings(&source(&stage)).await.unwrap_err();
        let FaultKind::Decode { path: at } = &fault.kind else {
            panic!("{text}: {fault}")
        };
        assert_eq!(at, &path, "{text}");
    }
    let bare = r#"{"sources":[{"timestamp":"2026-10-25T04:00:00"}],
        "series":[{"metric_type":"a:MeanValue","params":{"column":"x"},"values":[NaN]}]}"#;
    stage.set(line, 201, "application/json", bare);
    let rows = readings(&source(&stage)).await.unwrap();
    let mean = of(&rows, "churn", Measure::FeatureMean, "x")[0];
    assert_eq!(mean.value, Measured::NotANumber);

    let long = "x".repeat(50_000);
    stage.json(
        "GET /api/projects",
        &json!([{"id": "p", "name": long}, null, {"name": 7}]),
    );
    assert!(
        readings(&source(&stage)).await.unwrap().is_empty(),
        "no model is called that"
    );

    // Many runs out of order, many columns, clocks that go back.
    let sources: Vec<_> = (0..3_000)
        .map(|n| json!({"snapshot_id": n.to_string(), "timestamp": format!("2026-10-{:02}T00:{:02}:00", 1 + n % 28, n % 60)}))
        .collect();
    let series: Vec<_> = (0..40)
        .map(|n| json!({"metric_type": "a:ValueDrift", "params": {"column": format!("c{n}"), "method": "psi"},
                        "values": vec![0.1; 3_500]}))
        .collect();
    stage.json(line, &json!({"sources": sources, "series": series}));
    stage.json("GET /api/projects", &json!([{"id": "p", "name": "churn"}]));
    let source = source(&stage);
    assert_eq!(readings(&source).await.unwrap().len(), 41);
    let all = courses(&source).await;
    assert_eq!(all.len(), 40);
    let in_order = |s: &SignalSeries| (1..s.values.len()).all(|i| s.at(i - 1) < s.at(i));
    assert!(all.iter().all(in_order));
}

#[tokio::test]
async fn one_broken_project_hides_no_other() {
    let stage = recorded().await;
    let churn = body("evidently/projects.json");
    let churn = churn
        .as_array()
        .unwrap()
        .iter()
        .find(|p| p["name"] == "churn");
    let id = churn.unwrap()["id"].as_str().unwrap().to_owned();
    let line = format!("POST /api/v2/snapshots/{id}/data_series_batch");
    stage.set(&line, 500, "application/json", r#"{"detail":"boom"}"#);
    let answer = source(&stage)
        .poll(Feed::Signals, &Focus::default())
        .await
        .unwrap();
    assert_eq!(
        answer.coverage,
        Coverage::Partial,
        "what is missing is not gone"
    );
    assert!(!answer.rows.is_empty());
    stage.set(
        &line,
        404,
        "application/json",
        r#"{"status_code":404,"detail":"project not found"}"#,
    );
    let answer = source(&stage)
        .poll(Feed::Signals, &Focus::default())
        .await
        .unwrap();
    assert_eq!(answer.coverage, Coverage::Full(Scope::Signals));
}

/// A folder of its own, gone with the value.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("quarterdeck-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.0.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn source(&self) -> Evidently {
        let mut settings = settings("");
        settings.monitoring.folder = Some(self.0.clone());
        Evidently::new(&settings).unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn a_folder_is_read_by_path_name_and_wrapper() {
    let scratch = Scratch::new("folder");
    let plain = body("evidently/report-tests.json").to_string();
    scratch.write("fraud-detector/3/report-2026-11-24T15-44-22.json", &plain);
    scratch.write("fraud-detector/2/report-2026-11-21T15-44-22.json", &plain);
    let wrapped = json!({"timestamp": "2026-11-25T00:00:00", "metadata": {"model": "churn", "version": "7"},
                         "name": "nightly", "report": body("evidently/report-psi.json")});
    scratch.write("any.json", &wrapped.to_string());
    scratch.write("report.json", &plain);
    scratch.write("other.json", "[1, 2");
    scratch.write("notes.txt", "not looked at");
    let source = scratch.source();
    let rows = readings(&source).await.unwrap();
    let amount = of(&rows, "fraud-detector", Measure::FeatureDrift, "amount")[0];
    assert_eq!(amount.key.version.raw(), "3");
    assert_eq!(amount.at, times::in_name("2026-11-24T15-44-22", 0));
    assert!(
        !amount.tested.as_ref().unwrap().passed,
        "files hold their tests"
    );
    assert_eq!(
        of(&rows, "churn", Measure::FeatureDrift, "amount")[0]
            .key
            .version
            .raw(),
        "7"
    );

    let found = report(&source, "fraud-detector", None).await.unwrap();
    assert_eq!((found.at_from, found.columns.len()), ("file name", 4));
    let nightly = report(&source, "churn", None).await.unwrap();
    assert_eq!(
        (nightly.at_from, nightly.name.as_str()),
        ("timestamp", "nightly")
    );
    let own = scratch
        .0
        .file_name()
        .unwrap()
        .to_string_lossy()
        .into_owned();
    assert_eq!(
        report(&source, &own, None).await.unwrap().at_from,
        "file time"
    );
    let abilities = source.probe().await.unwrap();
    assert_eq!(abilities.server, "4 Evidently reports");
    assert!(abilities.remarks[1].as_str().starts_with("1 JSON files"));

    // A changed file is read anew, and one that is gone is gone.
    scratch.write("any.json", "{}");
    std::fs::remove_file(scratch.0.join("report.json")).unwrap();
    let rows = readings(&source).await.unwrap();
    assert!(of(&rows, "churn", Measure::LastRun, "").is_empty());
    assert!(of(&rows, &own, Measure::LastRun, "").is_empty());
}

#[tokio::test]
async fn a_folder_that_is_not_there_says_so() {
    let mut settings = settings("file:///nowhere/reports");
    let fault = Evidently::new(&settings).unwrap();
    let fault = fault
        .poll(Feed::Signals, &Focus::default())
        .await
        .unwrap_err();
    assert_eq!(fault.kind, FaultKind::NotFound);
    assert!(
        fault.line().contains("/nowhere/reports"),
        "{}",
        fault.line()
    );
    settings.url = "http://\u{0}".to_owned();
    assert_eq!(
        Evidently::new(&settings).unwrap_err().kind,
        FaultKind::Config
    );
}

#[tokio::test]
async fn one_report_at_an_address() {
    let stage = Stage::start().await;
    let plain = body("evidently/report-tests.json");
    stage.json("GET /reports/churn/2026-11-24.json", &plain);
    let url = format!("{}/reports/churn/2026-11-24.json", stage.url);
    let source = Evidently::new(&settings(&url)).unwrap();
    let found = report(&source, "churn", None).await;
    assert_eq!(found.expect("the folder names it").at_from, "file name");

    let url = format!("{}/reports/churn/report.json", stage.url);
    stage.json("GET /reports/churn/report.json", &plain);
    let source = Evidently::new(&settings(&url)).unwrap();
    let fault = readings(&source).await.unwrap_err();
    assert!(fault.line().contains("nothing tells its time"), "{fault}");
    let dated = json!({"timestamp": "2026-11-24T00:00:00", "metrics": plain["metrics"]});
    stage.json("GET /reports/churn/report.json", &dated);
    let rows = readings(&source).await.unwrap();
    assert_eq!(of(&rows, "churn", Measure::FeatureDrift, "amount").len(), 1);
}
