//! Training again from the command line: the plan and its form, a run followed to its version, cancel,
//! retry, and what else names it.

use serde_json::Value;

use crate::support::Home;

/// The runs of a pipeline in the demo as it starts, the one that moved last first.
fn runs(home: &Home, pipeline: &str) -> Vec<Value> {
    let args = ["pipelines", "--pipeline", pipeline, "--demo"];
    let document = home.json(&args, 0);
    document["runs"].as_array().expect("runs").clone()
}

fn id(run: &Value) -> &str {
    run["id"].as_str().expect("an id")
}

#[test]
fn a_dry_run_shows_the_form_the_request_and_what_it_waits_for() {
    let home = Home::new();
    let args = [
        "retrain",
        "churn",
        "--demo",
        "--dry-run",
        "--json",
        "--param",
        "epochs=5",
    ];
    let ran = home.run(&args);
    assert_eq!(ran.code(), 0, "{}", ran.err());
    let plan = ran.document();
    assert_eq!(plan["schema"], "quarterdeck.plan/1");
    assert_eq!(plan["verb"], "retrain");
    let step = &plan["steps"][0];
    let request = step["request"].as_str().expect("a request");
    let start = "POST /api/v2/dags/retrain_churn/dagRuns ";
    assert!(request.starts_with(start), "{request}");
    assert!(request.contains(r#""dag_run_id":"qd__"#), "{request}");
    let of = |name: &str| {
        let all = plan["parameters"].as_array().expect("a form");
        all.iter()
            .find(|row| row["name"] == name)
            .expect("a parameter")
            .clone()
    };
    assert_eq!(
        (&of("epochs")["value"], &of("epochs")["origin"]),
        (&5.into(), &"given".into())
    );
    assert_eq!(of("model")["value"], "churn");
    let notes = plan["notes"].to_string();
    assert!(notes.contains("it usually takes"), "{notes}");

    let paused = home.json(&["retrain", "credit-score", "--demo", "--dry-run"], 0);
    let notes = paused["notes"].to_string();
    assert!(notes.contains("the pipeline is paused"), "{notes}");
}

#[test]
fn what_the_schema_or_another_run_stands_against_is_told() {
    let home = Home::new();
    for (args, code, part) in [
        (
            vec!["churn", "--param", "epochs=500"],
            2,
            "at most 50 expected",
        ),
        (
            vec!["churn", "--param", "epoch=5"],
            2,
            "did you mean `epochs`",
        ),
        (
            vec!["churn", "--param", "sampling=none"],
            2,
            "recent, uniform, stratified",
        ),
        (vec!["churn"], 4, "--yes"),
        (
            vec!["demand-forecast", "--yes"],
            4,
            "it is being trained already: run scheduled__",
        ),
        (vec!["support-triage", "--yes"], 4, "no pipeline trains it"),
    ] {
        let mut all = vec!["retrain", "--demo"];
        all.extend(&args);
        let ran = home.run(&all);
        assert_eq!(ran.code(), code, "{args:?}: {}", ran.err());
        assert!(ran.err().contains(part), "{args:?}: {}", ran.err());
    }
    let args = [
        "promote",
        "demand-forecast",
        "--to",
        "1",
        "--demo",
        "--dry-run",
        "--json",
    ];
    let plan = home.run(&args).document();
    let notes = plan["notes"].to_string();
    assert!(
        notes.contains("it is being trained: run scheduled__"),
        "{notes}"
    );
}

#[test]
fn a_retraining_is_followed_to_the_version_that_it_registers() {
    let home = Home::new();
    let args = [
        "retrain", "churn", "--demo", "--yes", "--follow", "--reason", "drift",
    ];
    let done = home.json(&args, 0);
    assert_eq!(
        (&done["outcome"], &done["run"]["state"]),
        (&"done".into(), &"success".into())
    );
    let made = &done["made"][0];
    assert_eq!(
        (&made["model"], &made["by"]),
        (&"churn".into(), &"result".into())
    );
    let number: u32 = made["version"]
        .as_str()
        .expect("a version")
        .parse()
        .expect("a number");
    assert!(number > 7, "{made}");
    assert!(
        done["run"]["note"]
            .as_str()
            .expect("a note")
            .contains("drift")
    );

    let text = home.run(&args);
    assert_eq!(text.code(), 0, "{}", text.err());
    let said = format!("registered churn v{number} (the pipeline's result says so)");
    assert!(text.out().contains(&said), "{}", text.out());
    assert!(text.err().contains("`train` runs"), "{}", text.err());
}

#[test]
fn a_retraining_that_fails_says_where_and_another_parameter_cures_it() {
    let home = Home::new();
    let args = ["retrain", "eta-city", "--demo", "--yes", "--follow"];
    let ended = home.json(&args, 7);
    let words = ended["followed"].as_str().expect("words");
    assert!(words.contains("failed at `evaluate`"), "{words}");
    assert_eq!(ended["made"], serde_json::json!([]));
    let cure = [&args[..], &["--param", "sampling=stratified"]].concat();
    let done = home.json(&cure, 0);
    assert_eq!(done["made"][0]["model"], "eta-city");
}

#[test]
fn a_run_is_cancelled_and_a_failed_one_tried_again() {
    let home = Home::new();
    let weekly = runs(&home, "retrain_demand_forecast");
    assert_eq!(weekly[0]["state"], "running", "{weekly:?}");
    let done = home.json(&["cancel", id(&weekly[0]), "--demo", "--yes"], 0);
    assert_eq!(done["outcome"], "done", "{done}");
    let again = home.json(&["cancel", id(&weekly[1]), "--demo", "--yes"], 0);
    assert_eq!(again["outcome"], "unchanged", "{again}");

    let hard = runs(&home, "retrain_eta_city");
    assert_eq!(hard[0]["state"], "failed");
    let ran = home.run(&["retry", id(&hard[0]), "--demo", "--yes", "--follow"]);
    assert_eq!(ran.code(), 7, "{}", ran.err());
    assert!(ran.out().contains("failed at `evaluate`"), "{}", ran.out());
    let well = runs(&home, "retrain_churn");
    let ran = home.run(&["retry", id(&well[0]), "--demo", "--yes"]);
    assert_eq!(ran.code(), 4, "{}", ran.err());
    assert!(
        ran.err().contains("none of its tasks has failed"),
        "{}",
        ran.err()
    );
}

#[test]
fn wiring_names_the_pipelines() {
    let home = Home::new();
    let document = home.json(&["wiring", "--demo"], 0);
    let all = document["training"].as_array().expect("pipelines");
    let churn = all
        .iter()
        .find(|row| row["model"] == "churn")
        .expect("churn");
    assert_eq!(
        (&churn["pipeline"], &churn["rule"], &churn["found"]),
        (&"retrain_churn".into(), &"tag".into(), &true.into())
    );
    let text = home.run(&["wiring", "--demo"]).out();
    assert!(
        text.contains("TRAINED BY") && text.contains("retrain_credit_score"),
        "{text}"
    );
}
