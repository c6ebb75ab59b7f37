//! Checks of the systems that watch models: what the adapter says equals what the same server says by
//! another route.

use std::collections::{BTreeMap, BTreeSet};

use quarterdeck::domain::alert::{Alert, AlertState};
use quarterdeck::domain::drift::DriftReport;
use quarterdeck::domain::fault::FaultKind;
use quarterdeck::domain::key::Key;
use quarterdeck::domain::observation::{Coverage, Feed, Rows, Scope};
use quarterdeck::domain::query::{Detail, Query};
use quarterdeck::domain::settings::SourceSettings;
use quarterdeck::domain::signal::{Measure, SignalReading, SignalSeries};
use quarterdeck::sources::Focus;
use serde_json::{Value, json};

use crate::door::{Door, open};
use crate::raw::{Raw, list, text};
use crate::verdict::{Check, Stop, Verdict};
use crate::{checks, ensure};

/// A monitoring system under test.
pub(crate) struct Monitor {
    pub(crate) settings: SourceSettings,
    pub(crate) raw: Raw,
}

impl Monitor {
    pub(crate) fn new(mut settings: SourceSettings) -> Self {
        // As the configuration does where it names none.
        settings.monitoring.presets = quarterdeck::config::presets();
        Self {
            raw: Raw::new(&settings.url, None),
            settings,
        }
    }

    pub(crate) fn door(&self) -> Door {
        open(&self.settings, None).expect("a source from good settings")
    }

    pub(crate) async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Value, Stop> {
        let said = self.raw.ask(path, query).await?;
        if said.status >= 300 {
            let words = format!("direct: {path}: {} {}", said.status, said.text);
            return Err(Stop::Broken(words));
        }
        Ok(said.json())
    }

    async fn alerts(&self) -> Result<Vec<Alert>, Stop> {
        let answer = self.door().poll(Feed::Alerts, &Focus::default()).await?;
        match (answer.coverage, answer.rows) {
            (Coverage::Full(Scope::Alerts), Rows::Alerts(rows)) => Ok(rows),
            other => Err(Stop::Broken(format!("{other:?}"))),
        }
    }

    async fn readings(&self) -> Result<Vec<SignalReading>, Stop> {
        let answer = self.door().poll(Feed::Signals, &Focus::default()).await?;
        match (answer.coverage, answer.rows) {
            (Coverage::Full(Scope::Signals), Rows::Signals(rows)) => Ok(rows),
            other => Err(Stop::Broken(format!("{other:?}"))),
        }
    }

    async fn courses(&self) -> Result<Vec<SignalSeries>, Stop> {
        let feed = Feed::SignalHistory;
        let answer = self.door().poll(feed, &Focus::default()).await?;
        match (answer.coverage, answer.rows) {
            (Coverage::Full(Scope::Series), Rows::Series(rows)) => Ok(rows),
            other => Err(Stop::Broken(format!("{other:?}"))),
        }
    }

    async fn report(&self, model: &Key) -> Result<Option<DriftReport>, Stop> {
        let query = Query::DriftReport {
            model: model.clone(),
            before: None,
        };
        match self.door().fetch(query).await? {
            Detail::DriftReport(report) => Ok(report.map(|report| *report)),
            other => Err(Stop::Broken(format!("{other:?}"))),
        }
    }
}

/// The address below another path is no route, whatever the product.
pub(crate) async fn wrong_prefix_is_no_route(m: &Monitor) -> Verdict {
    let mut settings = m.settings.clone();
    settings.url = format!("{}/elsewhere", settings.url);
    let door = open(&settings, None).expect("a source from good settings");
    match door.probe().await {
        Err(fault) => ensure!(
            matches!(fault.kind, FaultKind::NoRoute | FaultKind::NotFound),
            "{fault:?}"
        ),
        Ok(abilities) => ensure!(false, "it answers there: {abilities:?}"),
    }
    Ok(())
}

/// Name and version are those that the server gives.
pub(crate) async fn alertmanager_says_what_it_is(m: &Monitor) -> Verdict {
    let status = m.get("/api/v2/status", &[]).await?;
    let version = text(&status["versionInfo"]["version"]);
    let abilities = m.door().probe().await?;
    let want = format!("Alertmanager {version}");
    ensure!(
        abilities.server.as_str() == want,
        "it says {:?}, not {want:?}",
        abilities.server
    );
    let config = text(&status["config"]["original"]);
    let told = format!("{abilities:?}");
    ensure!(
        config.len() < 10 || !told.contains(config),
        "the configuration is told"
    );
    Ok(())
}

/// The alerts are those that the groups hold, each where it stands there.
pub(crate) async fn alerts_are_those_of_the_groups(m: &Monitor) -> Verdict {
    let alerts = m.alerts().await?;
    let groups = m.get("/api/v2/alerts/groups", &[]).await?;
    let mut told = BTreeMap::new();
    for row in list(&groups).iter().flat_map(|g| list(&g["alerts"])) {
        let status = &row["status"];
        let state = match text(&status["state"]) {
            "suppressed" if !list(&status["silencedBy"]).is_empty() => AlertState::Silenced,
            "suppressed" => AlertState::Inhibited,
            _ => AlertState::Firing,
        };
        told.insert(text(&row["fingerprint"]).to_owned(), state);
    }
    ensure!(!told.is_empty(), "nothing fires: the check would be empty");
    let seen: BTreeMap<_, _> = alerts
        .iter()
        .map(|a| (a.key.fingerprint.raw().to_owned(), a.state))
        .collect();
    ensure!(seen == told, "seen {seen:?}, told {told:?}");
    ensure!(
        alerts.iter().all(|a| !a.group.is_empty()),
        "an alert without its group"
    );
    let states: BTreeSet<_> = seen.values().collect();
    ensure!(
        states.contains(&AlertState::Silenced) && states.contains(&AlertState::Firing),
        "the content shows {states:?} alone"
    );
    Ok(())
}

/// A model's alerts are those that the server finds by the label.
pub(crate) async fn a_models_alerts_are_those_of_its_label(m: &Monitor) -> Verdict {
    let alerts = m.alerts().await?;
    let models: BTreeSet<&Key> = alerts.iter().filter_map(|a| a.model.as_ref()).collect();
    ensure!(!models.is_empty(), "no alert names a model");
    for model in models {
        if model.raw().contains(|c: char| c.is_control()) {
            continue;
        }
        let filter = format!("model={:?}", model.raw());
        let rows = m.get("/api/v2/alerts", &[("filter", &filter)]).await?;
        let told: BTreeSet<&str> = list(&rows)
            .iter()
            .map(|r| text(&r["fingerprint"]))
            .collect();
        let seen: BTreeSet<&str> = alerts
            .iter()
            .filter(|a| a.model.as_ref() == Some(model))
            .map(|a| a.key.fingerprint.raw())
            .collect();
        ensure!(seen == told, "{model:?}: seen {seen:?}, told {told:?}");
    }
    Ok(())
}

/// Who silenced an alert, why and until when is what the silence itself says.
pub(crate) async fn silences_are_joined_to_their_alerts(m: &Monitor) -> Verdict {
    let alerts = m.alerts().await?;
    let silences: Vec<_> = alerts.iter().flat_map(|a| a.silences.iter()).collect();
    ensure!(!silences.is_empty(), "nothing is silenced");
    for silence in silences {
        let path = format!("/api/v2/silence/{}", silence.id.raw());
        let row = m.get(&path, &[]).await?;
        ensure!(
            silence.author == text(&row["createdBy"])
                && silence.comment == text(&row["comment"])
                && text(&row["endsAt"]).starts_with(silence.until.rfc3339().trim_end_matches('Z')),
            "{silence:?}: the server says {row}"
        );
    }
    Ok(())
}

/// Name and version are those that the service gives.
pub(crate) async fn evidently_says_what_it_is(m: &Monitor) -> Verdict {
    let version = m.get("/api/version", &[]).await?;
    let abilities = m.door().probe().await?;
    ensure!(
        abilities
            .server
            .as_str()
            .contains(text(&version["version"])),
        "it says {:?}, not {version}",
        abilities.server
    );
    Ok(())
}

/// The runs of each project, newest first: project, run and the name of its model.
async fn newest_runs(m: &Monitor) -> Result<Vec<(String, Value, String)>, Stop> {
    let mut found: Vec<(String, Value, String)> = Vec::new();
    for project in list(&m.get("/api/projects", &[]).await?) {
        let id = text(&project["id"]).to_owned();
        let rows = m.get(&format!("/api/projects/{id}/reports"), &[]).await?;
        for row in list(&rows) {
            let model = row["metadata"]["model"].as_str();
            let model = model.unwrap_or_else(|| text(&project["name"])).to_owned();
            found.push((id.clone(), row.clone(), model));
        }
    }
    // Times without a zone sort as text.
    found.sort_by(|a, b| text(&b.1["timestamp"]).cmp(text(&a.1["timestamp"])));
    Ok(found)
}

/// The drift of each column of a model is what the newest run's own report says.
pub(crate) async fn readings_are_those_of_the_newest_report(m: &Monitor) -> Verdict {
    let readings = m.readings().await?;
    let mut models = BTreeSet::new();
    let mut columns = 0;
    for (project, run, model) in newest_runs(m).await? {
        if !models.insert(model.clone()) {
            continue;
        }
        let path = format!("/api/projects/{project}/{}/download", text(&run["id"]));
        let report = m.get(&path, &[("report_format", "json")]).await?;
        for metric in list(&report["metrics"]) {
            let config = &metric["config"];
            if !text(&config["type"]).ends_with(":ValueDrift") {
                continue;
            }
            columns += 1;
            let column = text(&config["column"]);
            let is = |r: &&SignalReading| {
                r.key.model.raw() == model
                    && r.key.part.raw() == column
                    && r.key.method.raw() == text(&config["method"])
                    && r.key.measure == Measure::FeatureDrift
            };
            let seen = readings.iter().find(is);
            let value = seen.and_then(|r| r.value.value());
            ensure!(
                value == metric["value"].as_f64(),
                "{model} {column}: seen {seen:?}, the report says {metric}"
            );
            let line = seen.and_then(|r| r.lines.as_ref()?.warn);
            ensure!(
                line == config["threshold"].as_f64(),
                "{model} {column}: line {line:?}, the report says {config}"
            );
        }
    }
    ensure!(columns > 0, "no report measures drift");
    Ok(())
}

/// The points of all courses of a column are the values that the service has for it, no more and no
/// fewer, whatever method or version they are under.
pub(crate) async fn courses_hold_every_run(m: &Monitor) -> Verdict {
    let courses = m.courses().await?;
    let mut told: BTreeMap<String, usize> = BTreeMap::new();
    for project in list(&m.get("/api/projects", &[]).await?) {
        let path = format!(
            "/api/v2/snapshots/{}/data_series_batch",
            text(&project["id"])
        );
        let filter = json!({"tags": [], "metadata": {}, "metric_labels": {}, "metric": "evidently:metric_v2:ValueDrift"});
        let batch = m
            .raw
            .tell(&path, &json!({"series_filter": [filter]}))
            .await?;
        for series in list(&batch.json()["series"]) {
            let column = text(&series["params"]["column"]).to_owned();
            let values = list(&series["values"]).iter().filter(|v| !v.is_null());
            *told.entry(column).or_default() += values.count();
        }
    }
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for course in courses
        .iter()
        .filter(|c| c.key.measure == Measure::FeatureDrift)
    {
        *seen.entry(course.key.part.raw().to_owned()).or_default() += course.values.len();
    }
    ensure!(
        !told.is_empty() && seen == told,
        "seen {seen:?}, told {told:?}"
    );
    Ok(())
}

/// A report in detail has the columns of the run's own report, and rows that its bars add up to.
pub(crate) async fn a_report_has_its_columns_and_bars(m: &Monitor) -> Verdict {
    let mut models = BTreeSet::new();
    for (project, run, model) in newest_runs(m).await? {
        if !models.insert(model.clone()) {
            continue;
        }
        let Some(report) = m.report(&Key::new(&model)).await? else {
            return Err(Stop::Broken(format!("no report of {model}")));
        };
        ensure!(
            report.id.raw() == text(&run["id"]),
            "{model}: {:?}",
            report.id
        );
        let path = format!("/api/projects/{project}/{}/download", text(&run["id"]));
        let told = m.get(&path, &[("report_format", "json")]).await?;
        let told: BTreeSet<&str> = list(&told["metrics"])
            .iter()
            .filter(|metric| text(&metric["config"]["type"]).ends_with(":ValueDrift"))
            .map(|metric| text(&metric["config"]["column"]))
            .collect();
        let seen: BTreeSet<&str> = report.columns.iter().map(|c| c.column.as_str()).collect();
        ensure!(seen == told, "{model}: seen {seen:?}, told {told:?}");
        for column in &report.columns {
            let Some(drawn) = &column.distributions else {
                return Err(Stop::Broken(format!("{model} {}: no bars", column.column)));
            };
            let sum = drawn.current.iter().sum::<f64>();
            ensure!(
                column.n.is_some_and(|n| (n as f64 - sum).abs() < 0.5),
                "{model} {}: n {:?}, bars {sum}",
                column.column,
                column.n
            );
        }
    }
    ensure!(!models.is_empty(), "no runs");
    ensure!(
        m.report(&Key::new("no such model")).await?.is_none(),
        "a report of nothing"
    );
    Ok(())
}

/// Each score in a folder of report files is a point of the service's courses at the same time. The
/// folder's `churn` has no time but the file's, so it is compared by value alone.
pub(crate) async fn files_say_what_the_service_says(
    settings: &SourceSettings,
    service: &Monitor,
) -> Verdict {
    let files = Monitor {
        settings: settings.clone(),
        raw: Raw::new("http://nowhere.test", None),
    };
    let told = service.courses().await?;
    let mut points = 0;
    for course in files.courses().await? {
        if course.key.measure != Measure::FeatureDrift {
            continue;
        }
        let other = told.iter().find(|c| c.key == course.key);
        let Some(other) = other else {
            return Err(Stop::Broken(format!("only in files: {:?}", course.key)));
        };
        for (at, value) in course.values.iter().enumerate() {
            points += 1;
            let timed = course.key.model.raw() != "churn";
            let same = (0..other.values.len()).any(|i| {
                other.values[i].to_bits() == value.to_bits()
                    && (!timed || other.at(i) == course.at(at))
            });
            ensure!(same, "{:?} at {:?}: {value}", course.key, course.at(at));
        }
    }
    ensure!(points >= 12, "only {points} points in the files");
    Ok(())
}

/// Name and version are those that the server gives.
pub(crate) async fn prometheus_says_what_it_is(m: &Monitor) -> Verdict {
    let info = m.get("/api/v1/status/buildinfo", &[]).await?;
    let want = format!("Prometheus {}", text(&info["data"]["version"]));
    let abilities = m.door().probe().await?;
    ensure!(
        abilities.server.as_str() == want,
        "it says {:?}, not {want:?}",
        abilities.server
    );
    Ok(())
}

/// The alerts of the rules are those that the server lists, each in its state.
pub(crate) async fn alerts_of_rules_are_those_listed(m: &Monitor) -> Verdict {
    let alerts = m.alerts().await?;
    let listed = m.get("/api/v1/alerts", &[]).await?;
    let mut told: Vec<_> = list(&listed["data"]["alerts"])
        .iter()
        .map(|a| {
            let state = match text(&a["state"]) {
                "pending" => AlertState::Pending,
                _ => AlertState::Firing,
            };
            (text(&a["labels"]["alertname"]).to_owned(), state)
        })
        .collect();
    let mut seen: Vec<_> = alerts
        .iter()
        .map(|a| (a.name.to_string(), a.state))
        .collect();
    told.sort();
    seen.sort();
    ensure!(!told.is_empty(), "nothing fires: the check would be empty");
    ensure!(seen == told, "seen {seen:?}, told {told:?}");
    Ok(())
}

/// Every drift score that the server holds is a reading with its value.
pub(crate) async fn readings_are_those_of_the_server(m: &Monitor) -> Verdict {
    let query = [("query", "ml_feature_drift_score")];
    let raw = m.get("/api/v1/query", &query).await?;
    let mut told = BTreeMap::new();
    for row in list(&raw["data"]["result"]) {
        let word = |label: &str| text(&row["metric"][label]).to_owned();
        let value: f64 = text(&row["value"][1]).parse().unwrap_or(f64::NAN);
        told.insert((word("model"), word("feature"), word("method")), value);
    }
    ensure!(!told.is_empty(), "no score: the check would be empty");
    let readings = m.readings().await?;
    for ((model, feature, method), value) in told {
        let found = readings.iter().find(|r| {
            r.key.measure == Measure::FeatureDrift
                && r.key.version.raw().is_empty()
                && r.key.model.raw() == model
                && r.key.part.raw() == feature
                && r.key.method.raw() == method
        });
        let seen = found.map(|r| r.value.value());
        let same = match seen {
            Some(Some(seen)) => seen.to_bits() == value.to_bits(),
            Some(None) => value.is_nan(),
            None => false,
        };
        ensure!(same, "{model:?} {feature}: {value}, seen {seen:?}");
    }
    Ok(())
}

/// Every check of a Prometheus.
pub(crate) fn prometheus_checks() -> Vec<Check<Monitor>> {
    checks![
        monitors::prometheus_says_what_it_is,
        monitors::wrong_prefix_is_no_route,
        monitors::alerts_of_rules_are_those_listed,
        monitors::readings_are_those_of_the_server,
    ]
}

/// Every check of an Alertmanager.
pub(crate) fn alertmanager_checks() -> Vec<Check<Monitor>> {
    checks![
        acts::silences_are_made_found_and_ended,
        monitors::alertmanager_says_what_it_is,
        monitors::wrong_prefix_is_no_route,
        monitors::alerts_are_those_of_the_groups,
        monitors::a_models_alerts_are_those_of_its_label,
        monitors::silences_are_joined_to_their_alerts,
        writes::silences_are_made_changed_and_ended,
        writes::silences_that_make_no_sense_are_refused,
    ]
}

/// Every check of Evidently's service.
pub(crate) fn evidently_checks() -> Vec<Check<Monitor>> {
    checks![
        monitors::evidently_says_what_it_is,
        monitors::wrong_prefix_is_no_route,
        monitors::readings_are_those_of_the_newest_report,
        monitors::courses_hold_every_run,
        monitors::a_report_has_its_columns_and_bars,
    ]
}
