//! Whole plans from the command line to the servers: claims and two consoles, silences, marks, edits,
//! loads in either order, hooks, annotations.

use std::time::{Duration, Instant};

use quarterdeck::sim::{MlflowOptions, SimFleet, WriteFault};
use serde_json::Value;

use crate::prod::{Prod, ask, holder, monitored, sent};
use crate::support::{Home, fleet, fleet_with};

fn home(prod: &Prod<'_>) -> Home {
    let home = Home::new();
    home.settings(&prod.text());
    home
}

fn acts(plan: &Value) -> Vec<(&str, &str)> {
    let steps = plan["steps"].as_array().unwrap().iter();
    steps
        .map(|step| {
            let text = |key: &str| step[key].as_str().unwrap_or_default();
            (text("act"), text("how"))
        })
        .collect()
}

fn has(plan: &Value, list: &str, part: &str) -> bool {
    let lines = plan[list].as_array().unwrap().iter();
    lines
        .filter_map(Value::as_str)
        .any(|line| line.contains(part))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_is_claimed_where_claims_are_on_and_says_so_where_they_are_off() {
    let fleet = fleet().await;
    let on = home(&Prod::of(&fleet).set("claims = \"on\""));
    let off = home(&Prod::of(&fleet));
    let dry = ["rollback", "churn", "--to", "6", "--dry-run"];
    let plan = off.json(&dry, 0);
    assert!(has(&plan, "notes", "the last one wins"), "{plan}");
    let plan = on.json(&dry, 0);
    assert!(!has(&plan, "notes", "the last one wins"), "{plan}");
    let back = [
        "rollback", "churn", "--to", "6", "--reason", "drift", "--yes",
    ];
    let done = on.json(&back, 0);
    let claim = [
        ("make-ledger", "done"),
        ("make-ledger-run", "done"),
        ("claim", "done"),
    ];
    assert_eq!(acts(&done)[..3], claim, "{done}");
    let undone = on.json(&["undo", "--yes"], 0);
    let claim = [
        ("make-ledger", "already"),
        ("make-ledger-run", "already"),
        ("claim", "done"),
    ];
    assert_eq!(acts(&undone)[..3], claim, "{undone}");
    assert_eq!(holder(&fleet, "churn", "champion").as_deref(), Some("7"));
    // What consoles keep is nobody's experiment.
    let ran = on.run(&["runs", "quarterdeck-claims"]);
    assert_eq!(ran.code(), 2, "{}{}", ran.out(), ran.err());
    let runs = on.json(&["runs", "churn-train"], 0);
    assert!(!runs.to_string().contains("claims_of"), "{runs}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_commands_at_once_one_is_told_of_the_other() {
    let fleet = fleet().await;
    // The ledger is there: they meet in one run.
    let first = home(&Prod::of(&fleet).set("claims = \"on\""));
    first.json(&["rollback", "churn", "--to", "6", "--yes"], 0);
    let homes = [0, 1].map(|_| home(&Prod::of(&fleet).set("claims = \"on\"")));
    fleet.writes().forget();
    // Both read, then both claim.
    fleet.writes().spoil_all(
        "mlflow",
        "log-parameter",
        WriteFault::SlowAnswer(Duration::from_millis(300)),
    );
    let ran = std::thread::scope(|scope| {
        let racing = ["5", "4"].map(|to| {
            let home = &homes[usize::from(to == "4")];
            scope.spawn(move || {
                let args = ["rollback", "churn", "--to", to, "--yes", "--json"];
                home.run(&args)
            })
        });
        racing.map(|one| one.join().expect("an end"))
    });
    let codes = [ran[0].code(), ran[1].code()];
    let moves = sent(&fleet, "mlflow", "registered-models/alias");
    let all = format!(
        "{}{}{}{}",
        ran[0].out(),
        ran[0].err(),
        ran[1].out(),
        ran[1].err()
    );
    let is = holder(&fleet, "churn", "champion").unwrap();
    if codes == [0, 0] {
        // One had ended before the other one began.
        assert_eq!(moves, 2, "{all}");
        return;
    }
    let won = usize::from(codes[1] == 0);
    assert_eq!(codes[won], 0, "{all}");
    assert!(matches!(codes[1 - won], 3 | 4), "{all}");
    assert_eq!((moves, is.as_str()), (1, ["5", "4"][won]), "{all}");
    let lost = format!("{}{}", ran[1 - won].out(), ran[1 - won].err());
    assert!(lost.contains("is claimed by"), "{lost}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silence_is_made_shown_and_ended() {
    let fleet = monitored().await;
    let home = home(&Prod::of(&fleet).source("alertmanager"));
    let args = [
        "silence", "churn", "--for", "1h", "--reason", "INC-42", "--yes",
    ];
    let made = home.json(&args, 0);
    assert_eq!(acts(&made), [("silence", "done")], "{made}");
    let read = async |path: String| -> Value {
        let url = format!("{}{path}", fleet.url("alertmanager").unwrap());
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]);
        let answer = client.build().unwrap().get(url).send().await.unwrap();
        serde_json::from_str(&answer.text().await.unwrap()).unwrap()
    };
    let rows = read("/api/v2/silences".to_owned()).await;
    let ours = |row: &&Value| {
        row["comment"]
            .as_str()
            .is_some_and(|c| c.starts_with("INC-42 ["))
    };
    let row = rows.as_array().unwrap().iter().find(ours).unwrap();
    assert_eq!(row["status"]["state"], "active");
    let id = row["id"].as_str().unwrap();
    let ended = home.json(&["silence", "--end", id, "--yes"], 0);
    assert_eq!(acts(&ended), [("expire-silence", "done")], "{ended}");
    let row = read(format!("/api/v2/silence/{id}")).await;
    assert_eq!(row["status"]["state"], "expired");
    // Undo ends one too; without a comment there is none.
    let without = ["silence", "churn", "--for", "1h", "--yes"];
    assert_eq!(home.run(&without).code(), 4);
    home.json(&args, 0);
    let undone = home.json(&["undo", "--yes"], 0);
    assert_eq!(acts(&undone), [("expire-silence", "done")], "{undone}");
}

#[tokio::test(flavor = "multi_thread")]
async fn marks_and_edits_are_written_and_taken_back() {
    let fleet = fleet().await;
    let home = home(&Prod::of(&fleet));
    let model = || ask(&fleet, "registered-models/get?name=churn")["registered_model"].clone();
    let tag = |key: &str| -> Option<String> {
        let model = model();
        let tags = model["tags"].as_array().unwrap().iter();
        let mut found = tags.filter(|tag| tag["key"] == key);
        Some(found.next()?["value"].as_str().unwrap().to_owned())
    };
    let before = model()["description"].clone();
    let ack = [
        "acknowledge",
        "churn",
        "--for",
        "2h",
        "--reason",
        "on it",
        "--yes",
    ];
    home.json(&ack, 0);
    assert!(
        tag("quarterdeck.ack").is_some_and(|value| value.contains("on it")),
        "{}",
        model()
    );
    let ended = home.json(&["acknowledge", "churn", "--end", "--yes"], 0);
    assert_eq!(acts(&ended), [("set-tag", "done")]);
    let freeze = [
        "freeze",
        "churn",
        "--for",
        "2h",
        "--reason",
        "release week",
        "--yes",
    ];
    home.json(&freeze, 0);
    let back = ["rollback", "churn", "--to", "6", "--yes"];
    let ran = home.run(&back);
    assert!(
        ran.code() == 4 && ran.err().contains("frozen by"),
        "{}",
        ran.err()
    );
    let ended = home.run(&["freeze", "churn", "--end", "--yes"]);
    assert!(
        ended.code() == 0 && ended.out().contains("done · no longer frozen: was by"),
        "{}",
        ended.out()
    );
    let edit = [
        "edit",
        "churn",
        "--tag",
        "team=risk",
        "--tag",
        "tier=1",
        "--description",
        "# New",
        "--yes",
    ];
    let edited = home.json(&edit, 0);
    let all = [
        ("set-tag", "done"),
        ("set-tag", "done"),
        ("describe", "done"),
    ];
    assert_eq!(acts(&edited), all, "{edited}");
    assert_eq!(
        (tag("team").as_deref(), model()["description"].as_str()),
        (Some("risk"), Some("# New"))
    );
    home.json(&["undo", "--yes"], 0);
    assert_eq!((tag("team"), &model()["description"]), (None, &before));
    home.json(&back, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_is_loaded_after_the_alias_or_before_it() {
    for order in ["alias-first", "serving-first"] {
        let fleet = monitored().await;
        let prod = Prod::of(&fleet).policy(&format!("order = \"{order}\""));
        let home = home(&prod.deployment("ad-ctr-prod", "rollout = \"v2-load\""));
        let args = ["rollback", "ad-ctr", "--to", "15", "--yes", "--json"];
        let ran = std::thread::scope(|scope| {
            let running = scope.spawn(|| home.run(&args));
            // A repository with files of its own has the version there before the alias moves.
            let until = Instant::now() + Duration::from_secs(30);
            while order == "serving-first" && Instant::now() < until {
                if sent(&fleet, "ad-ctr-prod", "/load") > 0 {
                    assert!(fleet.serve_version("ad-ctr-prod", 15));
                    break;
                }
                std::thread::sleep(Duration::from_millis(5));
            }
            running.join().expect("an end")
        });
        let done = ran.document();
        assert_eq!(ran.code(), 0, "{order}: {done}");
        let required: Vec<&str> = (acts(&done).into_iter())
            .map(|(act, _)| act)
            .filter(|act| matches!(*act, "move-alias" | "load-model" | "await-served"))
            .collect();
        let expected = match order {
            "alias-first" => ["move-alias", "load-model", "await-served"],
            _ => ["load-model", "await-served", "move-alias"],
        };
        assert_eq!(required, expected, "{order}: {done}");
        let places = |part: &str| {
            let seen = fleet.writes().seen();
            seen.iter()
                .position(|write| write.path.contains(part))
                .unwrap()
        };
        let first = places("registered-models/alias") < places("/load");
        assert_eq!(first, order == "alias-first", "{order}");
        assert_eq!(holder(&fleet, "ad-ctr", "champion").as_deref(), Some("15"));
        assert_eq!(sent(&fleet, "ad-ctr-prod", "/load"), 1, "{order}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alias_that_moved_before_serving_refused_is_partly_applied_and_not_refused() {
    let fleet = monitored().await;
    fleet
        .writes()
        .spoil("ad-ctr-prod", "/load", WriteFault::Forbidden);
    let prod = Prod::of(&fleet).policy("order = \"alias-first\"");
    let home = home(&prod.deployment("ad-ctr-prod", "rollout = \"v2-load\""));
    let done = home.json(&["rollback", "ad-ctr", "--to", "15", "--yes"], 7);
    assert_eq!(done["outcome"], "partly-applied", "{done}");
    assert_eq!(holder(&fleet, "ad-ctr", "champion").as_deref(), Some("15"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_waited_for_and_nothing_reached_where_no_deployment_follows() {
    let fleet = fleet().await;
    let home = home(&Prod::of(&fleet));
    for (stage, code) in [("alias", 0), ("serving", 7), ("bake", 7)] {
        let began = Instant::now();
        let told = home.json(
            &["wait", "ad-ctr", "--for", stage, "--timeout", "50s"],
            code,
        );
        assert!(began.elapsed() < Duration::from_secs(30), "{stage}");
        assert_eq!(told["reached"], code == 0, "{stage}: {told}");
        let words = told["words"].as_str().unwrap();
        assert!(
            words.contains("no deployment follows it"),
            "{stage}: {words}"
        );
    }
}

/// A script that leaves a line behind, and what the deployment is told to do with it.
fn hooked<'a>(fleet: &'a SimFleet, dir: &std::path::Path, script: &str, timeout: &str) -> Prod<'a> {
    let file = dir.join("deploy.sh");
    std::fs::write(&file, script).unwrap();
    let lines = "rollout = \"hook\"\nhook = \"deploy\"";
    let prod = Prod::of(fleet).policy("rollout_grace = \"1s\"");
    prod.deployment("credit-prod", lines).table(&format!(
        "[contexts.prod.hooks.deploy]\ncommand = [\"sh\", \"{}\"]\ntimeout = \"{timeout}\"",
        file.display()
    ))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_is_given_model_version_and_alias_and_what_it_says_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let left = dir.path().join("left");
    let line = format!("echo \"$MODEL $VERSION $ALIAS\" >> '{}'\n", left.display());
    let traces = || {
        let text = std::fs::read_to_string(&left).unwrap_or_default();
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let args = ["rollback", "credit-score", "--to", "7", "--yes"];

    let fleet = fleet().await;
    let prod = hooked(
        &fleet,
        dir.path(),
        &format!("{line}echo applied to 3 pods"),
        "20s",
    );
    let home_of = home(&prod);
    let done = home_of.json(&args, 0);
    assert_eq!(traces(), ["credit-score 7 champion"]);
    assert_eq!(acts(&done)[0], ("run-hook", "done"), "{done}");
    let kept = home_of.files();
    let journal = kept
        .iter()
        .find(|(path, _)| path.extension().is_some_and(|e| e == "jsonl"));
    assert!(journal.unwrap().1.contains("applied to 3 pods"));
    // Taken back, it is given the version before.
    let undone = home_of.json(&["undo", "--yes"], 0);
    assert_eq!(acts(&undone)[0], ("run-hook", "done"), "{undone}");
    assert_eq!(
        traces(),
        ["credit-score 7 champion", "credit-score 8 champion"]
    );

    for (script, timeout, words) in [
        ("echo no quota >&2; exit 3", "20s", "no quota"),
        ("echo waiting; sleep 60", "1s", "was stopped: waiting"),
    ] {
        let fleet = fleet_with(MlflowOptions::default()).await;
        let home = home(&hooked(
            &fleet,
            dir.path(),
            &format!("{line}{script}"),
            timeout,
        ));
        let before = traces().len();
        let began = Instant::now();
        let ran = home.run(&args);
        let all = format!("{}{}", ran.out(), ran.err());
        assert!(began.elapsed() < Duration::from_secs(30), "{all}");
        // It may have done something or nothing.
        assert!(
            ran.code() == 6 && all.contains(words),
            "{}: {all}",
            ran.code()
        );
        assert_eq!(traces().len(), before + 1, "it runs once");
        assert_eq!(
            sent(&fleet, "mlflow", "registered-models/alias"),
            0,
            "serving comes first"
        );
        assert_eq!(home.run(&["journal", "--check"]).code(), 6);
        assert_eq!(traces().len(), before + 1, "looking up runs nothing");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_annotation_is_left_as_far_as_it_goes() {
    for (fault, code, how) in [
        (None, 0, "done"),
        (Some(WriteFault::Forbidden), 0, "refused"),
        (Some(WriteFault::ErrorAfter), 0, "done"),
    ] {
        let fleet = monitored().await;
        let home = home(&Prod::of(&fleet).source("grafana"));
        if let Some(fault) = fault.clone() {
            fleet.writes().spoil("grafana", "annotations", fault);
        }
        let done = home.json(
            &[
                "rollback", "churn", "--to", "6", "--reason", "drift", "--yes",
            ],
            code,
        );
        assert_eq!(done["outcome"], "done", "{fault:?}: {done}");
        let acts = acts(&done);
        let annotated = acts.iter().find(|(act, _)| *act == "annotate").unwrap();
        assert_eq!(annotated.1, how, "{fault:?}: {done}");
        assert_eq!(holder(&fleet, "churn", "champion").as_deref(), Some("6"));
        let seen = fleet.writes().seen();
        let text = seen
            .iter()
            .find(|write| write.server == "grafana")
            .unwrap()
            .body["text"]
            .clone();
        assert!(
            text.as_str()
                .unwrap()
                .contains("rolled back churn champion v7 → v6"),
            "{text}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_write_over_ours_is_told() {
    let fleet = fleet().await;
    let home = home(&Prod::of(&fleet));
    home.json(&["rollback", "churn", "--to", "6", "--yes"], 0);
    let check = ["journal", "--check"];
    let before = home.json(&check, 0);
    assert_eq!(before["writes"][0]["overwritten"], Value::Null, "{before}");
    assert!(fleet.set_alias("churn", "champion", 5));
    let after = home.json(&check, 0);
    let words = after["writes"][0]["overwritten"].as_str().unwrap();
    assert!(
        words.starts_with("champion is v5 now, not v6 as written at "),
        "{words}"
    );
    let text = home.run(&check).out();
    assert!(text.contains("overwritten: champion is v5 now"), "{text}");
    // It is theirs: undo does not take it back.
    let ran = home.run(&["undo", "--yes"]);
    assert_eq!(ran.code(), 3, "{}{}", ran.out(), ran.err());
    assert_eq!(holder(&fleet, "churn", "champion").as_deref(), Some("5"));
}
