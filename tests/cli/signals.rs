//! `drift`, `signals`, `alerts` and `changes`: their documents, and what they say where nothing monitors.

use std::time::Duration;

use quarterdeck::domain::time::Millis;
use quarterdeck::sim::Fault;
use serde_json::Value;

use crate::support::{Home, flags, fleet, monitored, url, with};

/// `alert of model`, sorted.
fn alerts(document: &Value) -> Vec<String> {
    let rows = document["alerts"].as_array().unwrap().iter();
    let text = |row: &Value, field: &str| row[field].as_str().unwrap_or("-").to_owned();
    let mut all: Vec<String> = rows
        .map(|row| {
            format!(
                "{} {} of {}",
                text(row, "state"),
                text(row, "name"),
                text(row, "model")
            )
        })
        .collect();
    all.sort();
    all.dedup();
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_of_an_earlier_time_are_those_that_were_raised_then() {
    let (fleet, clock) = monitored().await;
    let before = Millis(fleet.now_ms());
    clock.advance(Duration::from_secs(95));
    let pending = Millis(fleet.now_ms());
    clock.advance(Duration::from_secs(150));
    let mut flags = flags(&fleet, &[]);
    flags.extend(["--prometheus".to_owned(), url(&fleet, "prometheus")]);
    let home = Home::new();
    let at = |moment: Millis| {
        let moment = moment.rfc3339();
        let document = home.json(&with(&["alerts", "--at", &moment], &flags), 0);
        assert_eq!(document["at"], moment);
        alerts(&document)
    };
    let old = [
        "firing DriftJobStale of credit-score",
        "firing FeatureDrift of demand-forecast",
        "firing ModelQualityBelowFloor of ad-ctr",
    ];
    assert_eq!(at(before), old);
    let then = at(pending);
    assert!(
        then.contains(&"pending FeatureDrift of ranker-eu".to_owned()),
        "{then:?}"
    );
    let now = alerts(&home.json(&with(&["alerts"], &flags), 0));
    assert!(
        now.contains(&"firing FeatureDrift of ranker-eu".to_owned()),
        "{now:?}"
    );
    assert_eq!(at(Millis(fleet.now_ms())), now);
    // Narrowed, in words, and as a check.
    let moment = before.rfc3339();
    let ran = home.run(&with(
        &["alerts", "credit-score", "--at", &moment, "--check"],
        &flags,
    ));
    assert!([10, 20].contains(&ran.code()), "{}", ran.code());
    assert!(
        ran.out().contains("DriftJobStale") && !ran.out().contains("FeatureDrift"),
        "{}",
        ran.out()
    );
    let ran = home.run(&with(
        &["alerts", "ranker-eu", "--at", &moment, "--check"],
        &flags,
    ));
    assert_eq!((ran.code(), ran.err().as_str()), (0, ""));
    assert!(
        ran.out().contains("no alert fired or was pending at"),
        "{}",
        ran.out()
    );
    // What is pending is worth knowing, and no more than that, as in the model's own level.
    let moment = pending.rfc3339();
    let ran = home.run(&with(
        &["alerts", "ranker-eu", "--at", &moment, "--check"],
        &flags,
    ));
    assert!(ran.out().contains("pending"), "{}", ran.out());
    assert_eq!(ran.code(), 0, "{}", ran.out());
    let moment = before.rfc3339();
    let none = home.run(&with(&["alerts", "--at", &moment], &flags[..2]));
    assert_eq!(none.code(), 0);
    assert!(
        none.err().contains("no source keeps when alerts fired"),
        "{}",
        none.err()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn readings_of_an_earlier_time_are_those_of_then_with_their_levels() {
    let (fleet, clock) = monitored().await;
    let before = Millis(fleet.now_ms()).rfc3339();
    clock.advance(Duration::from_secs(245));
    let mut flags = flags(&fleet, &[]);
    flags.extend(["--prometheus".to_owned(), url(&fleet, "prometheus")]);
    let home = Home::new();
    let score = |document: &Value| -> Value {
        let rows = document["models"][0]["features"].as_array().unwrap();
        let row = rows.iter().find(|row| row["feature"] == "ctr_30d").unwrap();
        row["value"].clone()
    };
    let now = home.json(&with(&["drift", "ranker-eu"], &flags), 0);
    let drifted = score(&now)["value"].as_f64().unwrap();
    assert!(drifted > 1.0, "{drifted}");
    let asked = with(&["drift", "ranker-eu", "--at", &before], &flags);
    let then = home.json(&asked, 0);
    let value = score(&then);
    assert!(value["value"].as_f64().unwrap() < 0.1, "{value}");
    assert!(value["at"].as_str().unwrap() <= before.as_str(), "{value}");
    assert_eq!(value["n"], Value::Null, "no course tells the rows of then");
    assert_eq!(
        (&then["at"], &then["models"][0]["level"]),
        (&before.clone().into(), &"ok".into())
    );
    for (command, code) in [
        (&["signals"][..], 20),
        (&["signals", "--at", &before][..], 0),
    ] {
        let asked = [command, &["eta-city", "--check"]].concat();
        let ran = home.run(&with(&asked, &flags));
        assert_eq!(ran.code(), code, "{}", ran.out());
    }
    for wrong in [
        &["drift", "--at", &before][..],
        &["signals", "--at", "2100-01-01T00:00Z"],
    ] {
        assert_eq!(home.run(&with(wrong, &flags)).code(), 2, "{wrong:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_monitor_that_does_not_answer_is_not_said_to_be_missing() {
    let fleet = fleet().await;
    let mut flags = flags(&fleet, &[]);
    flags.extend(["--prometheus".to_owned(), "http://127.0.0.1:9".to_owned()]);
    for command in ["signals", "drift"] {
        let ran = Home::new().run(&with(&[command], &flags));
        assert!(
            ran.out().contains("prometheus did not answer"),
            "{}",
            ran.out()
        );
        assert!(!ran.out().contains("add a source"), "{}", ran.out());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_source_leaves_out_is_told_by_every_command_that_rests_on_it() {
    let (fleet, _clock) = monitored().await;
    let home = Home::new();
    home.settings(&format!(
        "[[contexts.prod.sources]]\nname = \"mlflow\"\nurl = \"{}\"\n\
         [[contexts.prod.sources]]\nname = \"prom\"\nkind = \"prometheus\"\nurl = \"{}\"\n\
         max_answer = \"6KiB\"\n",
        url(&fleet, "mlflow"),
        url(&fleet, "prometheus"),
    ));
    let sources = home.json(&["sources"], 0);
    let rows = sources["sources"].as_array().unwrap();
    let prom = rows.iter().find(|s| s["name"] == "prom").unwrap();
    assert_eq!(prom["state"], "live", "{prom}");
    let feeds = prom["feeds"].as_array().unwrap();
    let partial = feeds.iter().find_map(|f| f["partial"].as_str());
    let partial = partial.unwrap_or_else(|| panic!("{prom}"));
    assert!(partial.contains("answer over 6 KiB"), "{partial}");
    let text = home.run(&["sources"]).out();
    assert!(text.contains("read in part: answer over 6 KiB"), "{text}");
    for command in ["signals", "drift"] {
        let document = home.json(&[command], 0);
        assert_eq!(document["partial"][0]["source"], "prom", "{command}");
        let text = home.run(&[command]).out();
        assert!(
            text.starts_with("unknown  prom was read in part: "),
            "{text}"
        );
    }
    let document = home.json(&["signals"], 0);
    assert!(!document["models"].as_array().unwrap().is_empty());
    // One level in text and document, and nothing by which rows differ is left out.
    let document = home.json(&["drift", "churn"], 0);
    let level = document["models"][0]["level"].as_str().unwrap().to_owned();
    let text = home.run(&["drift", "churn"]).out();
    assert!(text.contains(&format!("churn   drift {level}\n")), "{text}");
    let head = text.lines().find(|line| line.starts_with("LEVEL"));
    let named = head.is_some_and(|head| head.contains("VERSION") && head.contains("SOURCE"));
    assert!(named || text.contains("no drift score is known"), "{text}");
    let healthy = home.run(&["signals", "churn", "--check"]);
    assert_eq!(healthy.code(), 30, "{}", healthy.out());
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_end_with_the_level_of_the_model_or_the_worst_of_all() {
    let fleet = fleet().await;
    let home = Home::new();
    let flags = flags(&fleet, &["fraud-prod", "moderation-prod"]);
    let check = |model: &[&str]| {
        let args = [&["changes"], model, &["--check"]].concat();
        home.run(&with(&args, &flags)).code()
    };
    assert_eq!((check(&["fraud-detector"]), check(&[])), (0, 0));
    assert!(fleet.set_ready("moderation-prod", false));
    assert_eq!(check(&["fraud-detector"]), 0);
    assert_eq!(check(&["image-moderation"]), 20);
    assert_eq!(check(&[]), 20, "the worst of all");
    let plain = home.run(&with(&["changes", "image-moderation"], &flags));
    assert_eq!(plain.code(), 0, "{}", plain.err());
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_bear_their_schemas_and_are_empty_without_monitoring() {
    let fleet = fleet().await;
    let flags = flags(&fleet, &["fraud-prod"]);
    let home = Home::new();
    for (command, rows) in [
        ("drift", "models"),
        ("signals", "models"),
        ("alerts", "alerts"),
    ] {
        let document = home.json(&with(&[command], &flags), 0);
        assert_eq!(document["schema"], format!("quarterdeck.{command}/1"));
        assert_eq!(document["context"], "flags");
        assert_eq!(document[rows], serde_json::json!([]), "{command}");
        let ran = home.run(&with(&[command, "--check"], &flags));
        assert_eq!(ran.code(), 0, "{command}: {}", ran.err());
        let missing = home.run(&with(&[command, "fraud-detecter"], &flags));
        assert_eq!(missing.code(), 2);
        assert!(
            missing.err().contains("did you mean `fraud-detector`?"),
            "{}",
            missing.err()
        );
    }
    let text = home.run(&with(&["signals"], &flags));
    assert!(
        text.out().contains("nothing monitors these models"),
        "{}",
        text.out()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_tell_how_long_before_the_moment_each_came() {
    let fleet = fleet().await;
    let flags = flags(&fleet, &["fraud-prod"]);
    let home = Home::new();
    let document = home.json(
        &with(&["changes", "fraud-detector", "--since", "90d"], &flags),
        0,
    );
    assert_eq!(document["schema"], "quarterdeck.changes/1");
    assert_eq!(document["model"], "fraud-detector");
    let changes = document["changes"].as_array().unwrap();
    assert!(!changes.is_empty());
    for change in changes {
        assert!(change["lead_seconds"].is_i64(), "{change}");
        assert!(["model", "anyone", "other"].contains(&change["touches"].as_str().unwrap()));
    }
    let parts: Vec<&str> = changes
        .iter()
        .map(|c| c["part"].as_str().unwrap())
        .collect();
    let place = |part: &&str| {
        ["cause", "beside", "elsewhere"]
            .iter()
            .position(|p| p == part)
    };
    assert!(
        parts.is_sorted_by_key(place) && parts.iter().all(|p| place(p).is_some()),
        "{parts:?}"
    );
    let at = with(
        &["changes", "fraud-detector", "--at", "2020-01-01T00:00Z"],
        &flags,
    );
    let document = home.json(&at, 0);
    assert_eq!(document["around_is"], "asked");
    assert_eq!(document["around"], "2020-01-01T00:00:00Z");
    assert_eq!(document["changes"], serde_json::json!([]));
    for wrong in [
        &["changes", "--at", "9s"][..],
        &["status", "--at", "2020-01-01T00:00Z"][..],
    ] {
        let ran = home.run(&with(wrong, &flags));
        assert_eq!(ran.code(), 2, "{wrong:?}");
        assert!(ran.err().contains("--at"), "{}", ran.err());
    }
}

/// The first row of what changed around the trouble of a model, and the words before the table.
fn first_row(home: &Home, model: &str, more: &[&str]) -> (String, String) {
    let args = [&["changes", model, "--demo", "--at", "4m"], more].concat();
    let ran = home.run(&args);
    assert_eq!(ran.code(), 0, "{}", ran.err());
    let out = ran.out();
    let (head, table) = out.split_once("ROLE").expect("a table");
    let first = table.lines().nth(1).expect("a row");
    (
        format!("{head}ROLE{}", table.lines().next().unwrap()),
        first.to_owned(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_row_names_the_cause_of_each_incident_and_how_long_before_the_trouble_it_came() {
    let home = Home::new();
    for (model, cause) in [
        ("churn", "serves v7 → v6 (\"churn-prod: v7 to v6\")"),
        ("eta-city", "routing graph of November loaded"),
        ("fraud-detector", "champion v13 → v14"),
        (
            "ranker-eu",
            "clicks pipeline 2.14: click-through rates in percent",
        ),
    ] {
        let (head, first) = first_row(&home, model, &[]);
        assert!(head.contains("TO ONSET"), "{head}");
        assert!(
            first.starts_with("cause?") && first.contains(cause),
            "{first}"
        );
        assert!(
            first.contains("m before") && first.contains("this model"),
            "{first}"
        );
    }
    let (head, first) = first_row(&home, "credit-score", &[]);
    assert!(
        head.contains("last report 2026-11-01") && head.contains("TO LAST REPORT"),
        "{head}"
    );
    assert!(
        first.starts_with("cause?") && first.contains("monitoring jobs moved"),
        "{first}"
    );
    // An endpoint that stopped by itself has no cause among changes, and that is said.
    let (head, first) = first_row(&home, "image-moderation", &[]);
    assert!(
        head.contains("nothing that touches image-moderation and may have caused it"),
        "{head}"
    );
    assert!(
        first.starts_with("effect") && first.contains("endpoint ready → not ready"),
        "{first}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_job_stays_dead_between_two_looks_at_its_source() {
    let home = Home::new();
    let args = ["changes", "--demo", "--at", "90s", "--since", "1h"];
    let document = home.json(&args, 0);
    let changes = document["changes"].as_array().unwrap();
    let level = |model: &str| {
        let mut rows = changes.iter();
        rows.any(|row| row["kind"] == "level" && row["subject"] == model)
    };
    assert!(level("churn"), "the levels that move are listed");
    assert!(!level("credit-score"), "{changes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_demo_has_played_is_the_same_each_time_and_holds_settled_levels_alone() {
    let home = Home::new();
    let look = || {
        let document = home.json(&["changes", "eta-city", "--demo", "--at", "2m"], 0);
        document["changes"].as_array().unwrap().clone()
    };
    let rows = look();
    assert_eq!(rows, look());
    let of = |kind: &'static str| rows.iter().filter(move |r| r["kind"] == kind);
    assert!(
        of("annotation").any(|r| r["text"] == "routing graph of November loaded"),
        "what the simulated day says, whatever the machine's: {rows:?}"
    );
    // Nobody's trouble ends within these minutes.
    for level in of("level") {
        let text = level["text"].as_str().unwrap();
        assert!(
            text.ends_with("→ crit") || text.ends_with("→ warn"),
            "{text}"
        );
        let again = of("level").filter(|r| r["subject"] == level["subject"] && r["text"] == *text);
        assert_eq!(again.count(), 1, "{rows:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_answers_one_thing_and_hangs_in_another_is_not_known_to_be_fine() {
    let (fleet, _clock) = monitored().await;
    fleet
        .faults()
        .set_for("prometheus", "/api/v1/rules", Fault::Hang);
    let home = Home::new();
    let flags = flags(&fleet, &[]);
    let prometheus = ["--prometheus".to_owned(), url(&fleet, "prometheus")];
    let alertmanager = ["--alertmanager".to_owned(), url(&fleet, "alertmanager")];
    let short = ["--timeout".to_owned(), "2s".to_owned()];
    // Nobody else tells of alerts: that the registry answers is no answer to this.
    let alone = [&flags[..], &prometheus, &short].concat();
    let ran = home.run(&with(&["alerts", "--check"], &alone));
    assert_eq!((ran.code(), ran.out().as_str()), (5, ""), "{}", ran.err());
    // Another system tells of none, and this one of nothing.
    let both = [&alone[..], &alertmanager].concat();
    let ran = home.run(&with(&["alerts", "churn", "--check"], &both));
    assert_eq!(ran.code(), 30, "{}{}", ran.out(), ran.err());
    let sources = home.json(&with(&["sources"], &alone), 0);
    let rows = sources["sources"].as_array().unwrap();
    let prom = rows.iter().find(|s| s["kind"] == "prometheus").unwrap();
    assert_eq!(prom["state"], "stale", "{prom}");
    fleet.faults().clear("prometheus");
    let ran = home.run(&with(&["alerts", "churn", "--check"], &both));
    assert_eq!(ran.code(), 0, "{}{}", ran.out(), ran.err());
    // Who is not listed cannot be judged.
    fleet
        .faults()
        .set_for("mlflow", "registered-models/search", Fault::Hang);
    for command in ["signals", "drift", "changes", "status"] {
        let ran = home.run(&with(&[command, "--check"], &alone));
        assert_eq!(ran.code(), 30, "{command}: {}{}", ran.out(), ran.err());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_unit_and_the_course_of_every_source_are_told_without_the_console() {
    let home = Home::new();
    let told = "ctr_30d ×100: mean 0.03";
    let document = home.json(&of_demo(&["drift", "ranker-eu", "--since", "6h"]), 0);
    let model = &document["models"][0];
    let rescaled = &model["rescaled"];
    assert_eq!(
        (&rescaled["feature"], &rescaled["factor"]),
        (&"ctr_30d".into(), &100.0.into())
    );
    assert!(
        rescaled["text"].as_str().unwrap().starts_with(told),
        "{rescaled}"
    );
    for source in ["prometheus", "evidently"] {
        let mut rows = model["features"].as_array().unwrap().iter();
        let row = rows.find(|row| row["value"]["source"] == source).unwrap();
        let course = row["course"].as_array().map_or(0, Vec::len);
        assert!(course > 3, "{source}: {row}");
    }
    for asked in [&["drift"][..], &["drift", "ranker-eu"]] {
        let text = home.run(&of_demo(asked)).out();
        assert!(text.contains(told), "{text}");
    }
    let others = home.json(&of_demo(&["drift"]), 0);
    let rescaled = others["models"].as_array().unwrap().iter();
    let rescaled = rescaled.filter(|model| !model["rescaled"].is_null());
    assert_eq!(rescaled.count(), 1);
    // One verdict: what the page of the drift says is among the model's findings.
    let text = home.run(&of_demo(&["status"])).out();
    let row = text
        .lines()
        .find(|line| line.contains("ranker-eu"))
        .unwrap();
    assert!(row.contains("×100, a change of unit?"), "{row}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_rule_judges_readings_and_models() {
    let home = Home::new();
    let status = home.json(&of_demo(&["status"]), 0);
    let level = |model: &str| {
        let mut all = status["models"].as_array().unwrap().iter();
        let row = all.find(|m| m["name"] == model).unwrap();
        row["level"].as_str().unwrap().to_owned()
    };
    for (model, want, code) in [
        ("image-moderation", "crit", 20),
        ("support-triage", "unknown", 30),
    ] {
        assert_eq!(level(model), want);
        let ran = home.run(&of_demo(&["signals", model, "--check"]));
        assert_eq!(ran.code(), code, "{}", ran.out());
    }
    let document = home.json(&of_demo(&["signals", "image-moderation"]), 0);
    let rows = document["models"][0]["signals"].as_array().unwrap();
    let requests = rows
        .iter()
        .find(|r| r["measure"] == "requests" && r["version"].is_null());
    assert_eq!(requests.unwrap()["level"], "crit", "{rows:?}");
    // A group's rows are its own, and a small group is told and not judged.
    let document = home.json(&of_demo(&["signals", "fraud-detector"]), 0);
    let rows = document["models"][0]["signals"].as_array().unwrap();
    let groups: Vec<(u64, &str, &str)> = rows
        .iter()
        .filter(|r| r["measure"] == "fairness")
        .map(|r| {
            let text = |field: &str| r[field].as_str().unwrap_or("-");
            (
                r["value"]["n"].as_u64().unwrap_or(0),
                r["value"]["state"].as_str().unwrap_or("-"),
                text("level"),
            )
        })
        .collect();
    assert_eq!(groups.len(), 3, "{groups:?}");
    assert!(groups[0].0 < 500 && groups[0].0 > 0, "{groups:?}");
    assert_eq!((groups[0].1, groups[0].2), ("low_n", "info"), "{groups:?}");
    assert!(
        groups[1].0 > 3 * groups[2].0 && groups[2].2 == "ok",
        "{groups:?}"
    );
}

/// A command over the demo in the midst of its incidents.
fn of_demo<'a>(asked: &[&'a str]) -> Vec<&'a str> {
    [asked, &["--demo", "--at", "4m"]].concat()
}
