//! Rollouts by a pipeline from the command line to the servers, and back.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use quarterdeck::sim::{
    AirflowOptions, AirflowUser, AirflowVersion, Clock, ManualClock, Options, Scenario, SimFleet,
};
use serde_json::{Value, json};

use crate::prod::{Prod, holder, sent};
use crate::support::Home;

/// How long a run that deploys takes at the most, in the fleet's time.
const DEPLOYS: Duration = Duration::from_secs(20);

async fn fleet(airflow: AirflowOptions) -> (SimFleet, ManualClock) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.expect("a clock after 1970").as_millis() as i64;
    let clock = ManualClock::starting_at(now);
    let options = Options {
        clock: Clock::Manual(clock.clone()),
        scenario: Scenario::Calm,
        airflow: Some(airflow),
        ..Options::default()
    };
    let fleet = SimFleet::start(options).await;
    (fleet.expect("ports on loopback"), clock)
}

/// Lets the time pass that a run takes, after each that is asked for from now on.
fn play(fleet: &SimFleet, clock: ManualClock) {
    let writes = fleet.writes().clone();
    let mut known = writes.count("airflow", "/dagRuns");
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let now = writes.count("airflow", "/dagRuns");
            if now > known {
                clock.advance(DEPLOYS);
                known = now;
            }
        }
    });
}

/// An endpoint that a pipeline brings versions to.
fn prod<'a>(fleet: &'a SimFleet, timeout: &str, source: &str) -> Prod<'a> {
    let lines = "rollout = \"hook\"\nhook = \"deploy\"\nevery = \"1s\"";
    let deployment = Prod::of(fleet).deployment("ad-ctr-prod", lines);
    deployment.table(source).table(&format!(
        "[contexts.prod.hooks.deploy]\npipeline = \"deploy_model\"\ntimeout = \"{timeout}\""
    ))
}

fn plain(fleet: &SimFleet, timeout: &str) -> Home {
    let home = Home::new();
    home.settings(&prod(fleet, timeout, "").source("airflow").text());
    home
}

fn required(plan: &Value) -> Vec<(&str, &str)> {
    let steps = plan["steps"].as_array().expect("steps").iter();
    let required = steps.filter(|step| step["weight"] == "required");
    required
        .map(|step| {
            let act = step["act"].as_str().unwrap_or_default();
            (act, step["how"].as_str().unwrap_or_default())
        })
        .collect()
}

/// The runs that were asked for: identity and what each was told.
fn runs(fleet: &SimFleet) -> Vec<(String, Value)> {
    let seen = fleet.writes().seen();
    let starts = seen.iter().filter(|write| write.path.ends_with("/dagRuns"));
    starts
        .map(|write| {
            let id = write.body["dag_run_id"].as_str().unwrap_or_default();
            (id.to_owned(), write.body["conf"].clone())
        })
        .collect()
}

fn told(version: &str) -> Value {
    json!({"MODEL": "ad-ctr", "VERSION": version, "ALIAS": "champion"})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipeline_brings_a_version_and_brings_it_back() {
    for version in [AirflowVersion::Three, AirflowVersion::Two] {
        let (fleet, clock) = fleet(AirflowOptions {
            version,
            ..AirflowOptions::default()
        })
        .await;
        play(&fleet, clock);
        let home = plain(&fleet, "1m");
        let args = ["rollback", "ad-ctr", "--to", "15"];
        let dry = home.json(&[&args[..], &["--dry-run"]].concat(), 0);
        let acts: Vec<&str> = required(&dry).iter().map(|(act, _)| *act).collect();
        let expected = ["trigger-run", "await-run", "await-served", "move-alias"];
        assert_eq!(acts, expected, "{dry}");
        let request = dry["steps"][0]["request"].as_str().expect("a request");
        assert!(
            request.contains("/dags/deploy_model/dagRuns {"),
            "{request}"
        );
        assert!(request.contains(r#""VERSION":"15""#), "{request}");
        assert_eq!(dry["steps"][0]["inverse"], Value::Null, "{dry}");
        assert_eq!(dry["steps"][1]["request"], Value::Null);
        assert_eq!(dry["steps"][1]["within_seconds"], 60);
        assert_eq!(runs(&fleet), [], "a dry run starts nothing");

        let done = home.json(&[&args[..], &["--yes"]].concat(), 0);
        assert_eq!(required(&done), expected.map(|act| (act, "done")), "{done}");
        assert_eq!(holder(&fleet, "ad-ctr", "champion").as_deref(), Some("15"));
        let undone = home.json(&["undo", "--yes"], 0);
        assert_eq!(
            required(&undone),
            expected.map(|act| (act, "done")),
            "{undone}"
        );
        assert_eq!(holder(&fleet, "ad-ctr", "champion").as_deref(), Some("16"));
        let runs = runs(&fleet);
        let all: Vec<Value> = runs.iter().map(|(_, conf)| conf.clone()).collect();
        assert_eq!(all, [told("15"), told("16")]);
        assert_ne!(runs[0].0, runs[1].0);
        let cancels = fleet.writes().seen();
        assert!(
            cancels.iter().all(|write| write.method != "PATCH"),
            "{cancels:?}"
        );
    }
}

/// One endpoint of the demo gets its versions so.
#[test]
fn the_demo_shows_a_rollout_by_a_pipeline() {
    let home = Home::new();
    let args = [
        "rollback",
        "image-moderation",
        "--to",
        "4",
        "--demo",
        "--dry-run",
    ];
    let plan = home.json(&args, 0);
    let acts: Vec<&str> = required(&plan).iter().map(|(act, _)| *act).collect();
    let expected = ["trigger-run", "await-run", "await-served", "move-alias"];
    assert_eq!(acts, expected, "{plan}");
    let notes = plan["notes"].to_string();
    assert!(notes.contains("deploy_model: it usually takes"), "{notes}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_fails_leaves_the_alias_where_it_is_and_says_why() {
    let (fleet, clock) = fleet(AirflowOptions::default()).await;
    play(&fleet, clock);
    assert!(fleet.set_loading("ad-ctr-prod", Duration::from_secs(60), Some(15)));
    let prod = prod(&fleet, "1m", "").source("airflow");
    let home = Home::new();
    home.settings(&prod.set("claims = \"on\"").text());
    let args = ["rollback", "ad-ctr", "--to", "15", "--yes"];
    let done = home.json(&args, 7);
    assert_eq!(done["outcome"], "partly-applied", "{done}");
    let expected = [
        ("make-ledger", "done"),
        ("make-ledger-run", "done"),
        ("claim", "done"),
        ("trigger-run", "done"),
        ("await-run", "not-applied"),
        ("await-served", "skipped"),
        ("move-alias", "skipped"),
    ];
    assert_eq!(required(&done), expected, "{done}");
    // Nobody has to wait until the claim of a move that is not made expires.
    let last = done["steps"].as_array().and_then(|steps| steps.last());
    let last = last.map(|step| (&step["act"], &step["how"]));
    assert_eq!(last, Some((&json!("end-claim"), &json!("done"))), "{done}");
    let words = done["words"].as_str().expect("words");
    assert!(words.contains("failed at `deploy`: "), "{words}");
    assert!(words.contains("version 15 did not become ready"), "{words}");
    assert_eq!(holder(&fleet, "ad-ctr", "champion").as_deref(), Some("16"));
    assert_eq!(sent(&fleet, "mlflow", "registered-models/alias"), 0);
    let kept = home.json(&["journal"], 0).to_string();
    assert!(kept.contains("did not become ready"), "{kept}");
}

/// A run that is waited for no longer goes on, and the plan after it asks it to end before it starts its own.
#[tokio::test(flavor = "multi_thread")]
async fn what_still_runs_is_asked_to_end_before_another_is_started() {
    let (fleet, clock) = fleet(AirflowOptions::default()).await;
    let home = plain(&fleet, "1s");
    let done = home.json(&["rollback", "ad-ctr", "--to", "15", "--yes"], 7);
    let words = done["words"].as_str().expect("words");
    assert!(
        words.contains("it is waited for no longer, and it was not cancelled"),
        "{words}"
    );
    home.settings(&prod(&fleet, "1m", "").source("airflow").text());
    play(&fleet, clock);
    let done = home.json(&["rollback", "ad-ctr", "--to", "14", "--yes"], 0);
    let first = &done["steps"][0];
    assert_eq!(
        (&first["act"], &first["weight"]),
        (&json!("cancel-run"), &json!("best-effort"))
    );
    let notes = done["notes"].to_string();
    assert!(
        notes.contains("brings v15 to @champion now: it is asked to end first"),
        "{notes}"
    );
    let seen = fleet.writes().seen();
    let order: Vec<&str> = (seen.iter())
        .filter(|write| write.server == "airflow")
        .map(|write| write.method.as_str())
        .collect();
    assert_eq!(order, ["POST", "PATCH", "POST"]);
    assert_eq!(holder(&fleet, "ad-ctr", "champion").as_deref(), Some("14"));
}

/// What an account lacks is told by the server first, and by the plan from then on; nothing else is done.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_may_not_start_runs_changes_nothing() {
    let (fleet, _) = fleet(AirflowOptions {
        users: vec![AirflowUser {
            user: "ana".to_owned(),
            password: "viewer".to_owned(),
            writes: false,
        }],
        ..AirflowOptions::default()
    })
    .await;
    let home = Home::new().with("AF_PASSWORD", "viewer");
    let source = format!(
        "[[contexts.prod.sources]]\nname = \"af\"\nkind = \"airflow\"\nurl = \"{}\"\n\
         auth = {{ login = {{ user = \"ana\", password = {{ env = \"AF_PASSWORD\" }} }} }}",
        fleet.url("airflow").expect("an orchestrator")
    );
    home.settings(&prod(&fleet, "1m", &source).text());
    let done = home.json(&["rollback", "ad-ctr", "--to", "15", "--yes"], 4);
    assert_eq!(required(&done)[0], ("trigger-run", "refused"), "{done}");
    assert_eq!(done["outcome"], "not-applied", "{done}");
    assert_eq!(holder(&fleet, "ad-ctr", "champion").as_deref(), Some("16"));
}
